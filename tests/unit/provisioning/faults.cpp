#include "simulation.hpp"
#include "support/catch.hpp"

using namespace simulation;

namespace {

provisioning::settings seeded(std::uint32_t seed) {
  provisioning::settings out;
  out.jitter_seed = seed;
  return out;
}

std::string show(const std::vector<planned_fault>& faults) {
  std::string out;
  for (const auto& f : faults) out += std::to_string(f.interaction) + ":" + simulation::name_of(f.what) + " ";
  return out;
}

/// Runs with these faults; answers what is wrong with the run, or "".
std::string judge(const std::vector<planned_fault>& faults, topics::payload_format format) {
  world w(seeded(static_cast<std::uint32_t>(faults.size())), faults, format);
  const outcome end = w.run();
  if (!end.violations.empty()) return end.violations.front();
  if (end.interactions > 40 || end.creates > 12 || end.registers > 12) return "too many messages";
  if (end.took > instant{10 * 60 * 1000}) return "too long";
  if (end.end == state::provisioned) {
    const auto& last = w.stored().back();
    for (const auto& c : w.service())
      if (c.id == last) return c.active ? "" : "provisioned with a certificate that is not ACTIVE";
    return "provisioned with an unknown certificate";
  }
  if (!end.why) return "failed without a reason";
  if (!end.final_rejection) return "failed although nothing final happened, during " + std::string(provisioning::name_of(end.why->during));
  const auto code = end.why->why.code;
  if (code != errc::rejected && code != errc::subscription_refused) return "the wrong error";
  if (end.why->reply.status_code && *end.why->reply.status_code != 400 && *end.why->reply.status_code != 403) return "the wrong status";
  return "";
}

}  // namespace

TEST_CASE("without faults a session connects, subscribes and publishes twice and is provisioned") {
  world w(seeded(1), {});
  const outcome end = w.run();
  CHECK(end.violations.empty());
  CHECK(end.end == state::provisioned);
  CHECK(end.connects == 1);
  CHECK(end.subscribes == 2);
  CHECK(end.creates == 1);
  CHECK(end.registers == 1);
  REQUIRE(end.done);
  REQUIRE(end.done->thing);
  CHECK(end.done->thing->thing_name == "fleet-1");
}

TEST_CASE("every single fault at every step ends provisioned or with the right error") {
  const auto format = GENERATE(topics::payload_format::json, topics::payload_format::cbor);
  for (int at = 0; at < 9; ++at)
    for (int f = 1; f < fault_count; ++f) {
      const std::vector<planned_fault> faults{{at, static_cast<fault>(f)}};
      CAPTURE(show(faults));
      CHECK(judge(faults, format) == "");
    }
}

TEST_CASE("every pair of faults ends provisioned or with the right error") {
  for (int first = 0; first < 9; ++first)
    for (int second = first + 1; second < 12; ++second)
      for (int f = 1; f < fault_count; ++f)
        for (int g = 1; g < fault_count; ++g) {
          const std::vector<planned_fault> faults{{first, static_cast<fault>(f)}, {second, static_cast<fault>(g)}};
          const std::string wrong = judge(faults, topics::payload_format::json);
          if (wrong.empty()) continue;
          // Two token rejections use up the one renewal: that is the right error.
          CAPTURE(show(faults));
          const bool both_tokens = static_cast<fault>(f) == fault::reject_token && static_cast<fault>(g) == fault::reject_token;
          if (!both_tokens) CHECK(wrong == "");
        }
}

TEST_CASE("a rejection that is final stops the run with the service's own words") {
  for (const fault f : {fault::reject_400, fault::reject_403}) {
    for (const int at : {2, 4}) {
      world w(seeded(3), {{at, f}});
      const outcome end = w.run();
      CAPTURE(at);
      REQUIRE(end.why);
      CHECK(end.why->why.code == errc::rejected);
      CHECK(end.why->reply.status_code == (f == fault::reject_400 ? 400 : 403));
      CHECK(end.why->reply.error_message == "scripted");
      CHECK(end.why->during == (at == 2 ? state::creating_certificate : state::registering_thing));
    }
  }
}

TEST_CASE("throttling is met with growing, bounded patience and then given up") {
  std::vector<planned_fault> faults;
  for (int i = 2; i < 20; ++i) faults.push_back({i, fault::reject_429});
  auto how = seeded(7);
  how.max_attempts = 4;
  world w(how, faults);
  const outcome end = w.run();
  REQUIRE(end.why);
  CHECK(end.creates == 4);
  CHECK(end.why->reply.status_code == 429);
  CHECK(end.took <= instant{1000 + 1000 + 2000 + 4000 + 1000});
}

TEST_CASE("a subscription that is cut each time is given up after three hang-ups") {
  std::vector<planned_fault> faults;
  for (int i = 1; i < 20; i += 2) faults.push_back({i, fault::disconnect_before});
  world w(seeded(1), faults);
  const outcome end = w.run();
  REQUIRE(end.why);
  CHECK(end.why->why.code == errc::disconnected);
  CHECK(end.why->during == state::subscribing_create);
  CHECK(end.connects == 3);
}

TEST_CASE("a server that cannot be reached is given up after the allowed connects") {
  std::vector<planned_fault> faults;
  for (int i = 0; i < 20; ++i) faults.push_back({i, fault::disconnect_before});
  world w(seeded(1), faults);
  const outcome end = w.run();
  REQUIRE(end.why);
  CHECK(end.why->why.code == errc::disconnected);
  CHECK(end.why->during == state::connecting);
  CHECK(end.connects == 5);
  CHECK(end.creates == 0);
}

TEST_CASE("a store that fails ends the run before anything is registered") {
  world w(seeded(1), {});
  w.store_fails = true;
  const outcome end = w.run();
  REQUIRE(end.why);
  CHECK(end.why->why.code == errc::storage);
  CHECK(end.registers == 0);
}

TEST_CASE("a connection lost while storing is made again and the same certificate registered") {
  world w(seeded(1), {});
  w.lose_connection_while_storing = true;
  const outcome end = w.run();
  CHECK(end.violations.empty());
  CHECK(end.end == state::provisioned);
  CHECK(end.creates == 1);
  CHECK(end.connects == 2);
}

TEST_CASE("a token that expired before it was used is replaced by another certificate") {
  world w(seeded(1), {});
  w.store_takes = instant{3'600'000};
  const outcome end = w.run();
  CHECK(end.violations.empty());
  CHECK(end.creates == 2);
  CHECK(end.registers == 0);
  REQUIRE(end.why);
  CHECK(end.why->why.code == errc::timed_out);
}

TEST_CASE("the whole run has a limit when asked") {
  std::vector<planned_fault> faults;
  for (int i = 2; i < 40; ++i) faults.push_back({i, fault::drop_request});
  auto how = seeded(1);
  how.give_up_after = instant{15'000};
  world w(how, faults);
  const outcome end = w.run();
  REQUIRE(end.why);
  CHECK(end.why->why.code == errc::timed_out);
  CHECK(end.took == instant{16'000});
}

TEST_CASE("a resumed certificate is registered while its token is good") {
  world w(seeded(1), {});
  const outcome end = w.resume({"left", "token-left", {}, false}, instant{1'800'000});
  CHECK(end.end == state::provisioned);
  CHECK(end.creates == 0);
  CHECK(end.registers == 1);
  REQUIRE(end.done);
  CHECK(end.done->thing);
}

TEST_CASE("a resumed certificate that was registered already is found by connecting with it") {
  world w(seeded(1), {});
  const outcome end = w.resume({"left", "token-left", {}, true}, instant{60'000});
  CHECK(end.end == state::provisioned);
  CHECK(end.creates == 0);
  CHECK(end.tries == 1);
  REQUIRE(end.done);
  CHECK_FALSE(end.done->thing);
}

TEST_CASE("a resumed certificate with an expired token is tried first and replaced when refused") {
  const bool active = GENERATE(false, true);
  world w(seeded(1), {});
  const outcome end = w.resume({"left", "token-left", {}, active}, instant{3'600'000});
  CHECK(end.end == state::provisioned);
  CHECK(end.tries == 1);
  CHECK(end.creates == (active ? 0 : 1));
}

TEST_CASE("a request that cannot be written ends the run with the reason") {
  provisioning::session one(*topics::template_name::parse("fleet"), topics::payload_format::json);
  REQUIRE(one.start(instant{0}, payloads::create_certificate_from_csr_request{"\xFF"}, {}));
  (void)one.poll_action();
  REQUIRE(one.handle_connected(instant{0}));
  (void)one.poll_action();
  const std::uint8_t granted = 1;
  REQUIRE(one.handle_suback(instant{0}, topics::api::create_certificate_from_csr, &granted, 1));
  const auto next = one.poll_action();
  REQUIRE(next);
  const auto* end = std::get_if<provisioning::gave_up>(&*next);
  REQUIRE(end != nullptr);
  CHECK(end->why.code == errc::invalid_utf8);
  CHECK(end->during == state::creating_certificate);
  CHECK(one.current() == state::failed);
  CHECK_FALSE(one.poll_action());
  CHECK_FALSE(one.poll_timeout());
}

TEST_CASE("messages that are not the session's own, and keys without the private one, change nothing") {
  provisioning::session one(*topics::template_name::parse("fleet"), topics::payload_format::json);
  REQUIRE(one.start(instant{0}, payloads::create_keys_and_certificate_request{}, {}));
  (void)one.handle_connected(instant{0});
  const std::uint8_t granted = 1;
  (void)one.handle_suback(instant{0}, topics::api::create_keys_and_certificate, &granted, 1);
  const auto why = [&](std::string_view topic, std::string_view body) {
    const auto got = one.handle_message(instant{1}, topic, reinterpret_cast<const std::uint8_t*>(body.data()), body.size());
    return got ? errc{} : got.error().code;
  };
  CHECK(why("sport/tennis", "{}") == errc::invalid_topic);
  CHECK(why("$aws/certificates/create/cbor/accepted", "{}") == errc::invalid_topic);
  CHECK(why("$aws/certificates/create/json", "{}") == errc::invalid_topic);
  CHECK(why("$aws/certificates/create-from-csr/json/accepted", "{}") == errc::invalid_topic);
  CHECK(why("$aws/provisioning-templates/other/provision/json/accepted", "{}") == errc::invalid_topic);
  CHECK(why("$aws/provisioning-templates/fleet/provision/json/accepted", R"({"thingName":"t","deviceConfiguration":{}})") == errc::out_of_order);
  const std::string_view no_key = R"({"certificateId":"a","certificatePem":"p","certificateOwnershipToken":"t"})";
  CHECK(why("$aws/certificates/create/json/accepted", no_key) == errc::missing_field);
  CHECK(one.current() == state::creating_certificate);

  provisioning::session own(*topics::template_name::parse("fleet"), topics::payload_format::json);
  REQUIRE(own.start(instant{0}, payloads::create_certificate_from_csr_request{"csr"}, {}));
  (void)own.handle_connected(instant{0});
  (void)own.handle_suback(instant{0}, topics::api::create_certificate_from_csr, &granted, 1);
  REQUIRE(own.handle_message(instant{1}, "$aws/certificates/create-from-csr/json/accepted",
                             reinterpret_cast<const std::uint8_t*>(no_key.data()), no_key.size()));
  CHECK(own.current() == state::storing_credentials);
}

TEST_CASE("a reply that cannot be read is told when the time is over: on which topic, what, and where") {
  constexpr auto accepted = topics::message_kind::accepted, rejected = topics::message_kind::rejected;
  const std::string whole = R"({"certificateId":"a","certificatePem":"p","privateKey":"k","certificateOwnershipToken":"t"})";
  const std::string registered = R"({"thingName":"t","deviceConfiguration":{"a":1}})";
  struct reply { std::string topic, text; bool registers; topics::message_kind kind; failure why; };
  const std::string create = "$aws/certificates/create/json", provision = "$aws/provisioning-templates/fleet/provision/json";
  const reply replies[] = {
      {create + "/accepted", "\xFF\xFE", false, accepted, {errc::encoding, 0}},
      {create + "/accepted", "", false, accepted, {errc::missing_field, 0}},
      {create + "/accepted", R"({"certificateId":"a","certificatePem":"p","certificateOwnershipToken":"t"})", false, accepted, {errc::missing_field, 0}},
      {create + "/accepted", whole + std::string(200000, ' '), false, accepted, {errc::too_large, 131072}},
      {create + "/rejected", R"({"statusCode":"403"})", false, rejected, {errc::wrong_type, 14}},
      {provision + "/accepted", registered, true, accepted, {errc::wrong_type, 44}},
      {provision + "/rejected", "nope", true, rejected, {errc::encoding, 0}},
  };
  for (const reply& each : replies) {
    CAPTURE(each.topic, each.text.substr(0, 100));
    provisioning::session one(*topics::template_name::parse("fleet"), topics::payload_format::json);
    const auto say = [&](const std::string& topic, const std::string& text) {
      return one.handle_message(instant{1}, topic, reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
    };
    const std::uint8_t granted = 1;
    REQUIRE(one.start(instant{0}, payloads::create_keys_and_certificate_request{}, {}));
    (void)one.handle_connected(instant{0});
    (void)one.handle_suback(instant{0}, topics::api::create_keys_and_certificate, &granted, 1);
    if (each.registers) {
      REQUIRE(say(create + "/accepted", whole));
      (void)one.handle_stored(instant{1});
      (void)one.handle_suback(instant{1}, topics::api::register_thing, &granted, 1);
    }
    const auto got = say(each.topic, each.text);
    REQUIRE_FALSE(got);
    CHECK(got.error().code == each.why.code);
    CHECK(got.error().offset == each.why.offset);
    one.abandon();
    const auto next = one.poll_action();
    REQUIRE(next);
    const auto& end = std::get<provisioning::gave_up>(*next);
    CHECK(end.why.code == errc::timed_out);
    REQUIRE(end.unreadable);
    CHECK(one.topic_of(end.unreadable->call, end.unreadable->kind).view() == each.topic);
    CHECK(end.unreadable->kind == each.kind);
    CHECK(end.unreadable->why == each.why);
  }
}

TEST_CASE("a key in the reply to a signing request is not taken: the request's own key fits") {
  provisioning::session own(*topics::template_name::parse("fleet"), topics::payload_format::json);
  REQUIRE(own.start(instant{0}, payloads::create_certificate_from_csr_request{"csr"}, {}));
  CHECK(own.signing_request() != nullptr);
  (void)own.handle_connected(instant{0});
  const std::uint8_t granted = 1;
  (void)own.handle_suback(instant{0}, topics::api::create_certificate_from_csr, &granted, 1);
  const std::string_view with_key = R"({"certificateId":"a","certificatePem":"p","privateKey":"k","certificateOwnershipToken":"t"})";
  REQUIRE(own.handle_message(instant{1}, "$aws/certificates/create-from-csr/json/accepted",
                             reinterpret_cast<const std::uint8_t*>(with_key.data()), with_key.size()));
  const auto next = own.poll_action();
  REQUIRE(next);
  CHECK_FALSE(std::get<provisioning::store_credentials>(*next).issued.private_key);
}
