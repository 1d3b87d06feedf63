#include <fleetprov/provisioning/session.hpp>
#include <fleetprov/topics/limits.hpp>

#include "support/catch.hpp"

using namespace fleetprov;
using namespace fleetprov::provisioning;

namespace {

constexpr auto as_json = topics::payload_format::json;
constexpr auto as_cbor = topics::payload_format::cbor;

session fleet_session(topics::payload_format format, settings how = {}) { return session(*topics::template_name::parse("fleet"), format, how); }

std::map<std::string, std::string> of_size(std::size_t bytes) { return {{"SerialNumber", "1"}, {"Note", std::string(bytes, 'n')}}; }

}  // namespace

TEST_CASE("parameters that RegisterThing cannot carry are told apart from those it can") {
  for (const auto format : {as_json, as_cbor}) {
    CHECK_FALSE(find_unsendable({}, format));
    CHECK_FALSE(find_unsendable(of_size(topics::limits::max_payload_bytes - 4096), format));
    const auto large = find_unsendable(of_size(topics::limits::max_payload_bytes - 1024), format);
    REQUIRE(large);
    CHECK(large->code == errc::too_large);
    const auto broken = find_unsendable({{"SerialNumber", "\xFF"}}, format);
    REQUIRE(broken);
    CHECK(broken->code == errc::invalid_utf8);
  }
}

TEST_CASE("a run whose parameters cannot be sent ends before it connects, so that no certificate is made for it") {
  for (const bool resumed : {false, true}) {
    session one = fleet_session(as_json);
    const auto begin = [&](std::map<std::string, std::string> parameters) {
      if (!resumed) return one.start(instant{0}, payloads::create_keys_and_certificate_request{}, std::move(parameters));
      return one.resume(instant{0}, {secret("token"), instant{0}}, payloads::create_keys_and_certificate_request{}, std::move(parameters));
    };
    const auto begun = begin(of_size(topics::limits::max_payload_bytes));
    REQUIRE_FALSE(begun);
    CHECK(begun.error().code == errc::too_large);
    CHECK(one.current() == state::idle);
    const auto next = one.poll_action();
    REQUIRE(next);
    REQUIRE(std::holds_alternative<gave_up>(*next));
    CHECK(std::get<gave_up>(*next).why.code == errc::too_large);
    CHECK(std::get<gave_up>(*next).during == state::idle);
    CHECK(one.current() == state::failed);
    CHECK_FALSE(one.poll_action());
    CHECK(begin({{"SerialNumber", "1"}}).error().code == errc::out_of_order);
  }
}

TEST_CASE("a run may begin with other parameters after some that could not be sent") {
  session one = fleet_session(as_cbor);
  REQUIRE_FALSE(one.start(instant{0}, payloads::create_keys_and_certificate_request{}, {{"SerialNumber", "\xC3"}}));
  REQUIRE(one.start(instant{0}, payloads::create_keys_and_certificate_request{}, {{"SerialNumber", "1"}}));
  const auto next = one.poll_action();
  REQUIRE(next);
  CHECK(std::holds_alternative<connect>(*next));
}

TEST_CASE("a signing request beyond all bounds ends the run where it would be sent") {
  session one = fleet_session(as_json);
  payloads::create_certificate_from_csr_request wanted;
  wanted.certificate_signing_request = std::string(topics::limits::max_payload_bytes + 1, 'x');
  REQUIRE(one.start(instant{0}, std::move(wanted), {}));
  REQUIRE(one.poll_action());
  REQUIRE(one.handle_connected(instant{0}));
  REQUIRE(one.poll_action());
  const std::uint8_t granted[2] = {1, 1};
  REQUIRE(one.handle_suback(instant{0}, topics::api::create_certificate_from_csr, granted, 2));
  const auto next = one.poll_action();
  REQUIRE(next);
  REQUIRE(std::holds_alternative<gave_up>(*next));
  CHECK(std::get<gave_up>(*next).why.code == errc::too_large);
  CHECK(std::get<gave_up>(*next).during == state::creating_certificate);
  CHECK(one.current() == state::failed);
  CHECK_FALSE(one.poll_action());
}

TEST_CASE("spans without bound do not overflow when they double") {
  std::uint64_t random = 1;
  for (unsigned failures = 0; failures < 200; ++failures) {
    const instant span = full_jitter(random, instant{1000}, instant::max(), failures);
    CHECK(span >= instant{0});
  }
}

TEST_CASE("a SUBACK without codes grants nothing") {
  session one = fleet_session(as_json);
  REQUIRE(one.start(instant{0}, payloads::create_keys_and_certificate_request{}, {}));
  REQUIRE(one.handle_connected(instant{0}));
  CHECK(one.handle_suback(instant{0}, topics::api::create_keys_and_certificate, nullptr, 0).error().code == errc::out_of_order);
  CHECK(one.current() == state::subscribing_create);
}

TEST_CASE("a certificate without id, text, token or key is no certificate") {
  struct sample { const char* id; const char* pem; const char* key; const char* token; bool from_csr; bool good; };
  for (const sample& s : {sample{"id", "pem", "key", "token", false, true}, sample{"", "pem", "key", "token", false, false},
                          sample{"id", "", "key", "token", false, false}, sample{"id", "pem", "", "token", false, false},
                          sample{"id", "pem", "key", "", false, false}, sample{"id", "pem", "", "token", true, true},
                          sample{"", "pem", "", "token", true, false}}) {
    CAPTURE(s.id, s.pem, s.key, s.token, s.from_csr);
    session one = fleet_session(as_json);
    payloads::certificate_request wanted;
    if (s.from_csr) wanted = payloads::create_certificate_from_csr_request{"csr"};
    REQUIRE(one.start(instant{0}, std::move(wanted), {}));
    REQUIRE(one.handle_connected(instant{0}));
    REQUIRE(one.handle_subscribed(instant{0}, one.create_call()));
    const std::string reply = std::string(R"({"certificateId":")") + s.id + R"(","certificatePem":")" + s.pem + R"(","privateKey":")" + s.key +
                              R"(","certificateOwnershipToken":")" + s.token + "\"}";
    const auto taken = one.handle_message(instant{0}, one.topic_of(one.create_call(), topics::message_kind::accepted).view(),
                                          reinterpret_cast<const std::uint8_t*>(reply.data()), reply.size());
    CHECK(taken.has_value() == s.good);
    if (!s.good) CHECK(taken.error().code == errc::missing_field);
    CHECK(one.current() == (s.good ? state::storing_credentials : state::creating_certificate));
  }
}

TEST_CASE("a session that is moved goes on, and the one it came from has nothing to do") {
  session from = fleet_session(as_json);
  REQUIRE(from.start(instant{0}, payloads::create_keys_and_certificate_request{}, {}));
  session to = std::move(from);
  CHECK_FALSE(from.poll_action());
  CHECK_FALSE(from.poll_timeout());
  CHECK(from.current() == state::idle);
  CHECK(to.poll_action());
  CHECK(to.current() == state::connecting);

  session unsendable = fleet_session(as_json);
  REQUIRE_FALSE(unsendable.start(instant{0}, payloads::create_keys_and_certificate_request{}, {{"SerialNumber", "\xFF"}}));
  to = std::move(unsendable);
  CHECK_FALSE(unsendable.poll_action());
  REQUIRE(to.poll_action());
  CHECK(to.current() == state::failed);
}
