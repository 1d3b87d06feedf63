#include <support/catch.hpp>

#include <mock_broker/faults.hpp>

#include <string>

using namespace fleetprov::mock;

namespace {

std::string why_refused(const std::string& body) {
  try {
    parse_fault_json(body);
  } catch (const fault_error& wrong) {
    return wrong.what();
  }
  return {};
}

}  // namespace

TEST_CASE("a fault reads the same from JSON and from the command line") {
  const fault a = parse_fault_json(R"({"operation":"RegisterThing","fault":"reject","status_code":429,
    "error_code":"TooManyRequests","error_message":"slow","delay_ms":20,"probability":0.25,"count":3,"client_id":"d-*"})");
  const fault b = parse_fault_option("operation=RegisterThing,fault=reject,status_code=429,error_code=TooManyRequests,"
                                     "error_message=slow,delay_ms=20,probability=0.25,count=3,client_id=d-*");
  for (const fault& one : {a, b}) {
    CHECK(one.operation == fault_operation::register_thing);
    CHECK(one.kind == fault_kind::reject);
    CHECK(one.status_code == 429);
    CHECK(one.error_code == "TooManyRequests");
    CHECK(one.error_message == "slow");
    CHECK(one.delay_ms == 20);
    CHECK(one.probability == 0.25);
    CHECK(one.count == 3U);
    CHECK(one.client_id == "d-*");
  }
}

TEST_CASE("what cannot be a fault is refused with what would be right") {
  CHECK(why_refused(R"({"fault":"reject"})").find("CreateKeysAndCertificate") != std::string::npos);
  CHECK(why_refused(R"({"operation":"Connect"})").find("disconnect_after_reply") != std::string::npos);
  CHECK(why_refused(R"({"operation":"Connect","fault":"drop"})").find("disconnect_before_reply") != std::string::npos);
  for (const char* bad : {"", "[]", "{", "null", R"({"operation":"Connect","fault":"reject","count":-1})",
                          R"({"operation":"Connect","fault":"reject","count":1.5})",
                          R"({"operation":"Connect","fault":"reject","probability":1.5})",
                          R"({"operation":"Connect","fault":"reject","probability":true})",
                          R"({"operation":"Connect","fault":"reject","status_code":99999999999999999999})",
                          R"({"operation":"Connect","fault":"reject","unknown":"1"})",
                          R"({"operation":"Connect","operation":"Publish","fault":"reject"})"})
    CHECK_FALSE(why_refused(bad).empty());
  CHECK_THROWS_AS(parse_fault_option("operation"), fault_error);
  CHECK_THROWS_AS(parse_fault_option(""), fault_error);
}

TEST_CASE("a fault strikes as often as its count, only its operation and only its clients") {
  fault_list list;
  CHECK(list.is_empty());
  const std::string id = list.add(parse_fault_option("operation=Publish,fault=drop,count=2,client_id=a*"));
  CHECK_FALSE(list.strike(fault_operation::connect, "a1"));
  CHECK_FALSE(list.strike(fault_operation::publish, "b1"));
  CHECK(list.strike(fault_operation::publish, "a1"));
  CHECK(list.strike(fault_operation::publish, "a2"));
  CHECK_FALSE(list.strike(fault_operation::publish, "a3"));
  CHECK(list.to_json().find(R"("hits":2)") != std::string::npos);
  CHECK(list.remove(id));
  CHECK_FALSE(list.remove(id));
}

TEST_CASE("a fault for every operation leaves out the pairs that cannot be") {
  fault_list list;
  list.add(parse_fault_option("operation=*,fault=delay"));
  CHECK(list.strike(fault_operation::register_thing, "c"));
  CHECK(list.strike(fault_operation::publish, "c"));
  CHECK_FALSE(list.strike(fault_operation::connect, "c"));
}

TEST_CASE("probability 0 never strikes, and a reset brings back what was remembered") {
  fault_list list;
  list.add(parse_fault_option("operation=Publish,fault=drop,probability=0"));
  list.remember();
  for (int i = 0; i < 50; ++i) CHECK_FALSE(list.strike(fault_operation::publish, "c"));
  list.clear();
  list.add(parse_fault_option("operation=Publish,fault=drop"));
  CHECK(list.strike(fault_operation::publish, "c"));
  list.reset();
  CHECK_FALSE(list.strike(fault_operation::publish, "c"));
  CHECK(list.to_json().find(R"("hits":0)") != std::string::npos);
}

TEST_CASE("a probability is listed as it was given") {
  fault_list list;
  list.add(parse_fault_option("operation=Publish,fault=drop,probability=0.0000001"));
  list.add(parse_fault_json(R"({"operation":"Publish","fault":"drop","probability":0.25})"));
  const std::string listed = list.to_json();
  CHECK(listed.find(R"("probability":1e-07)") != std::string::npos);
  CHECK(listed.find(R"("probability":0.25)") != std::string::npos);
}
