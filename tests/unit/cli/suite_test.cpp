#include <cli/errors.hpp>
#include <cli/suite.hpp>
#include <support/catch.hpp>

#include <map>
#include <string>
#include <vector>

using namespace fleetprov;
using namespace fleetprov::cli;

namespace {

json::document document(const std::string& text) {
  outcome<json::document> read = json::document::from_text(text);
  REQUIRE(read);
  return std::move(*read.value);
}

outcome<suite> parse(const std::string& text) { return parse_suite(document(text)); }

/// Pointer of the only finding.
std::string only_finding(const std::string& text) {
  const outcome<suite> read = parse(text);
  CHECK_FALSE(read.value.has_value());
  REQUIRE(read.diagnostics.size() == 1);
  return read.diagnostics[0].pointer;
}

std::string difference(const std::string& expected, const std::string& got) {
  return find_difference(document(expected).root(), document(got).root());
}

const char* const policy_text = R"({"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow", "Action": "iot:Publish", "Resource": "arn:aws:iot:us-east-1:123456789012:topic/a"}]})";

std::vector<case_result> run(const std::string& text, int* reads = nullptr) {
  const outcome<suite> read = parse(text);
  REQUIRE(read);
  return run_suite(*read.value, [reads](const std::string& path) -> std::string {
    if (reads != nullptr) ++*reads;
    if (path == "p.json") return policy_text;
    throw input_error("no " + path);
  });
}

}  // namespace

TEST_CASE("a case has all that the evaluator needs") {
  const outcome<suite> read = parse(R"({"policies": {"p": "p.json"}, "region": "eu-west-1", "authorize": [
    {"name": "n", "policies": ["p"], "action": "iot:Publish", "resource": "topic/a", "client_id": "c", "certificate_id": "i",
     "thing": {"name": "t", "type": "k", "attributes": {"x": "y"}, "attached": false, "exclusive": true},
     "context": {"aws:SourceIp": "10.0.0.1", "iot:ConnectAttributes": ["LastWill"], "n": [1, true], "e": []}, "expect": "DENIED"}]})");
  REQUIRE(read);
  REQUIRE(read.value->authorize.size() == 1);
  const authorize_case& one = read.value->authorize[0];
  CHECK(one.asked.scope.region == "eu-west-1");
  CHECK(one.asked.who.client_id == "c");
  REQUIRE(one.asked.who.thing.has_value());
  CHECK(one.asked.who.thing->type == "k");
  CHECK(one.asked.who.thing->attributes.at("x") == "y");
  CHECK_FALSE(one.asked.who.thing->attached);
  CHECK(one.asked.who.thing->exclusive);
  CHECK(one.asked.who.extra.at("n") == std::vector<std::string>{"1", "true"});
  CHECK(one.asked.who.extra.at("e").empty());
  CHECK(complete(one.asked).asked.resource == "arn:aws:iot:eu-west-1:123456789012:topic/a");
}

TEST_CASE("mistakes in a suite are found at their place") {
  CHECK(only_finding(R"([])").empty());
  CHECK(only_finding(R"({"policies": {}})").empty());
  for (const char* no_case : {R"({"authorize": []})", R"({"resolve": []})", R"({"policies": {"p": "p.json"}, "authorize": [], "resolve": []})"})
    CHECK(only_finding(no_case).empty());
  CHECK(only_finding(R"({"authorize": [], "x": 1})") == "/x");
  CHECK(only_finding(R"({"authorize": {}})") == "/authorize");
  CHECK(only_finding(R"({"authorize": [1]})") == "/authorize/0");
  CHECK(only_finding(R"({"policies": {"p": 1}, "authorize": []})") == "/policies/p");
  CHECK(only_finding(R"({"render": {"sett": {}}, "authorize": []})") == "/render/sett");
  CHECK(only_finding(R"({"resolve": [{"name": "n", "template": "t", "expect": {"things": {}}}]})") == "/resolve/0/expect/things");
  const auto in_expect = [](const std::string& expect) {
    return only_finding(R"({"resolve": [{"name": "n", "template": "t", "expect": )" + expect + "}]}");
  };
  CHECK(in_expect(R"({"thing": {"billingGroup": null}})") == "/resolve/0/expect/thing/billingGroup");
  CHECK(in_expect(R"({"certificate": {"state": null}})") == "/resolve/0/expect/certificate/state");
  CHECK(in_expect(R"({"policies": [{"name": "p"}, {"doc": null}]})") == "/resolve/0/expect/policies/1/doc");
  CHECK(only_finding(R"({"authorize": [], "region": "xx"})") == "/region");
  CHECK(only_finding(R"({"authorize": [], "account": "1"})") == "/account");
  CHECK(only_finding(R"({"authorize": [], "render": {"region": "foo"}})") == "/render/region");
  CHECK(only_finding(R"({"resolve": [{"name": "n", "template": "t", "expect": {"error": 1}}]})") == "/resolve/0/expect/error");
  CHECK(only_finding(R"({"resolve": [{"name": "n", "template": "t", "kind": "policy", "expect": {}}]})") == "/resolve/0/kind");
  const std::string head = R"({"policies": {"p": "p.json"}, "authorize": [{"name": "n", "policies": ["p"], "action": "iot:Publish",)";
  CHECK(only_finding(head + R"("resource": "topic/a"}]})") == "/authorize/0");
  CHECK(only_finding(head + R"("resource": "topic/a", "expect": "allowed"}]})") == "/authorize/0/expect");
  CHECK(only_finding(head + R"("resource": "a", "expect": "ALLOWED"}]})") == "/authorize/0/resource");
  CHECK(only_finding(head + R"("resource": "topic/a", "expect": "ALLOWED", "thing": {"nam": "x", "name": "y"}}]})") ==
        "/authorize/0/thing/nam");
  CHECK(only_finding(head + R"("resource": "topic/a", "expect": "ALLOWED", "thing": {"name": ""}}]})") == "/authorize/0/thing/name");
  CHECK(only_finding(head + R"("resource": "topic/a", "expect": "ALLOWED", "certificate": "c.pem", "certificate_id": "i"}]})") ==
        "/authorize/0/certificate_id");
  CHECK(only_finding(head + R"("resource": "topic/a", "expect": "ALLOWED", "context": {"k": {}}}]})") == "/authorize/0/context/k");
}

TEST_CASE("without a list of names a case uses every policy of the suite") {
  const auto results = run(R"({"policies": {"p": "p.json"}, "authorize": [
    {"name": "n", "action": "iot:Publish", "resource": "topic/a", "expect": "ALLOWED"}]})");
  REQUIRE(results.size() == 1);
  CHECK(results[0].passed);
  CHECK(results[0].got == "\"ALLOWED\"");
}

TEST_CASE("an action may leave out its service in a suite too") {
  const auto results = run(R"({"policies": {"p": "p.json"}, "authorize": [
    {"name": "n", "action": "Publish", "resource": "topic/a", "expect": "ALLOWED"},
    {"name": "m", "action": "describejobexecution", "resource": "thing/a", "expect": "DENIED"}]})");
  REQUIRE(results.size() == 2);
  CHECK(results[0].passed);
  CHECK(results[1].passed);
  CHECK(only_finding(R"({"policies": {"p": "p.json"}, "authorize": [
    {"name": "n", "action": "Publis", "resource": "topic/a", "expect": "ALLOWED"}]})") == "/authorize/0/action");
}

TEST_CASE("a case about HTTPS has no thing, and its failure says so") {
  const std::string text = R"({"policies": {"p": "p.json"}, "authorize": [
    {"name": "n", "action": "iot:GetThingShadow", "resource": "thing/1", "client_id": "1", "thing": {"name": "1"}, "expect": "ALLOWED"}]})";
  const outcome<suite> read = parse(text);
  REQUIRE(read);
  const auto results = run_suite(*read.value, [](const std::string&) -> std::string {
    return R"({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:GetThingShadow",
      "Resource": "arn:aws:iot:us-east-1:123456789012:thing/${iot:Connection.Thing.ThingName}"}]})";
  });
  REQUIRE(results.size() == 1);
  CHECK(results[0].got == "\"IMPLICIT_DENY\"");
  CHECK(results[0].detail.find("left out the client id and the thing") != std::string::npos);
}

TEST_CASE("a document is read once, whatever the number of cases") {
  int reads = 0;
  const std::string one = R"({"name": "n", "action": "iot:Publish", "resource": "topic/a", "expect": "ALLOWED"})";
  CHECK(run(R"({"policies": {"p": "p.json"}, "authorize": [)" + one + "," + one + "," + one + "]}", &reads).size() == 3);
  CHECK(reads == 1);
}

TEST_CASE("a failed case says why") {
  const auto results = run(R"({"policies": {"p": "p.json"}, "authorize": [
    {"name": "n", "action": "iot:Publish", "resource": "topic/b", "expect": "ALLOWED"}]})");
  REQUIRE(results.size() == 1);
  CHECK_FALSE(results[0].passed);
  CHECK(results[0].got == "\"IMPLICIT_DENY\"");
  CHECK_FALSE(results[0].detail.empty());
}

TEST_CASE("a policy that cannot be read ends the run") {
  const outcome<suite> read = parse(R"({"policies": {"p": "absent.json"}, "authorize": [
    {"name": "n", "action": "iot:Publish", "resource": "topic/b", "expect": "ALLOWED"}]})");
  REQUIRE(read);
  CHECK_THROWS_AS(run_suite(*read.value, [](const std::string& path) -> std::string { throw input_error(path); }), input_error);
  CHECK_THROWS_AS(run_suite(*read.value, [](const std::string&) { return std::string("{"); }), document_error);
}

TEST_CASE("a policy that no case uses is read too") {
  const std::string text = R"({"policies": {"p": "p.json", "q": "q.json"}, "authorize": [
    {"name": "n", "policies": ["p"], "action": "iot:Publish", "resource": "topic/a", "expect": "ALLOWED"}]})";
  CHECK_THROWS_AS(run(text), input_error);
  const outcome<suite> read = parse(text);
  REQUIRE(read);
  CHECK_THROWS_AS(run_suite(*read.value, [](const std::string& path) { return std::string(path == "p.json" ? policy_text : "{"); }), document_error);
}

TEST_CASE("a case has the time of the run, or its own") {
  const auto passes = [](const std::string& condition, const std::string& more) {
    const outcome<suite> read = parse(R"({"policies": {"p": "p.json"}, "authorize": [
      {"name": "n", "action": "iot:Publish", "resource": "topic/a", "expect": "ALLOWED")" + more + "}]}");
    REQUIRE(read);
    return run_suite(*read.value, [&](const std::string&) {
      return R"({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:Publish",
        "Resource": "arn:aws:iot:us-east-1:123456789012:topic/a", "Condition": )" + condition + "}]}";
    })[0].passed;
  };
  const std::string date = R"({"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}})", seconds = R"({"NumericGreaterThan": {"aws:EpochTime": "1577836800"}})";
  CHECK(passes(date, ""));
  CHECK(passes(seconds, ""));
  CHECK_FALSE(passes(R"({"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}})", ""));
  CHECK_FALSE(passes(date, R"(, "context": {"aws:CurrentTime": "2019-01-01T00:00:00Z"})"));
  CHECK_FALSE(passes(seconds, R"(, "context": {"aws:EpochTime": 1})"));
}

TEST_CASE("a case that no client can bring about has notes, passed or not") {
  const auto results = run(R"({"policies": {"p": "p.json"}, "authorize": [
    {"name": "n", "action": "iot:Connect", "resource": "client/victim", "client_id": "me", "expect": "DENIED"},
    {"name": "m", "action": "iot:Publish", "resource": "topicfilter/a", "expect": "ALLOWED"},
    {"name": "o", "action": "iot:Publish", "resource": "topic/a", "expect": "ALLOWED"}]})");
  REQUIRE(results.size() == 3);
  CHECK(results[0].passed);
  REQUIRE(results[0].notes.size() == 1);
  CHECK_THAT(results[0].notes[0], test::ContainsSubstring("its own client id"));
  CHECK_FALSE(results[1].passed);
  CHECK(results[1].notes == std::vector<std::string>{"iot:Publish is never asked about topicfilter/..., but about topic/..."});
  CHECK(results[2].notes.empty());
}

TEST_CASE("what is wrong in a document is told with the path that leads to it, and a placeholder with the suite's own means") {
  const outcome<suite> read = parse_suite(document(R"({"policies": {"p": "p.json"}, "render": {"region": "eu-west-1"}, "authorize": [
    {"name": "n", "action": "iot:Publish", "resource": "topic/b", "expect": "ALLOWED"}],
    "resolve": [{"name": "m", "template": "t.json", "expect": {}}]})"), "folder/below");
  REQUIRE(read);
  CHECK(read.value->resolve[0].template_path == "folder/below/t.json");
  std::string said;
  try {
    run_suite(*read.value, [](const std::string&) { return std::string(R"({"Resource": "arn:aws:iot:aws-region:aws-account-id:topic/<device>"})"); });
  } catch (const document_error& why) {
    said = why.what();
  }
  CAPTURE(said);
  CHECK(said.find("folder/below/p.json:1:") == 0);
  CHECK(said.find("`render`") != std::string::npos);
  CHECK(said.find("--set") == std::string::npos);
}

TEST_CASE("comparison: members are a subset, arrays are whole") {
  CHECK(difference(R"({})", R"({"a": 1})").empty());
  CHECK(difference(R"({"a": {"b": "c"}})", R"({"a": {"b": "c", "d": 1}, "e": 2})").empty());
  CHECK(difference(R"({"a": ["x", "y"]})", R"({"a": ["x", "y"]})").empty());
  CHECK(difference(R"({"a": null})", R"({})").empty());
  CHECK(difference(R"({"a": "x"})", R"({"a": "y"})") == "/a: expected \"x\", got \"y\"");
  CHECK(difference(R"({"a": {"b": 1}})", R"({"a": {}})") == "/a/b: expected 1, got nothing");
  CHECK_FALSE(difference(R"({"a": ["x"]})", R"({"a": ["x", "y"]})").empty());
  CHECK_FALSE(difference(R"({"a": ["y", "x"]})", R"({"a": ["x", "y"]})").empty());
  CHECK_FALSE(difference(R"({"a": null})", R"({"a": "x"})").empty());
  CHECK_FALSE(difference(R"({"a": "1"})", R"({"a": 1})").empty());
}

TEST_CASE("an expected object equals a text that holds its JSON") {
  CHECK(difference(R"({"document": {"a": [1]}})", R"({"document": "{ \"a\": [ 1 ] }"})").empty());
  CHECK_FALSE(difference(R"({"document": {"a": [2]}})", R"({"document": "{\"a\": [1]}"})").empty());
  CHECK_FALSE(difference(R"({"document": {}})", R"({"document": "no JSON"})").empty());
}
