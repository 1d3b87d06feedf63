#include <support/catch.hpp>
#include <support/mock_world.hpp>

#include <mock_broker/policy_gate.hpp>
#include <mock_broker/session_book.hpp>
#include <mock_broker/throttle.hpp>

#include <chrono>
#include <set>
#include <string>
#include <vector>

using namespace fleetprov::mock;

namespace {

/// Stands for a pointer of the broker.
const int clients[4] = {};

}  // namespace

TEST_CASE("a key names one session for ever, although the broker reuses its pointers") {
  session_book book;
  const session& first = book.open(&clients[0], "a", "certificate", true);
  const session_key key{&clients[0], first.generation};
  CHECK(book.find_live(key) == &first);
  session& again = book.open(&clients[0], "a", "certificate", true);
  CHECK(book.find_live(key) == nullptr);
  CHECK(book.find_live(session_key{&clients[0], again.generation}) == &again);
  book.close(again);
  CHECK(book.find_live(session_key{&clients[0], again.generation}) == nullptr);
  CHECK(book.find(&clients[0]) == &again);
}

TEST_CASE("after a takeover the client id means the newer connection, whichever way the older one ends") {
  session_book book;
  session& old = book.open(&clients[0], "a", "certificate", true);
  session& fresh = book.open(&clients[1], "a", "certificate", true);
  CHECK(book.find_live("a") == &fresh);
  CHECK(book.live_count() == 1);
  book.close(old);
  CHECK(book.find_live("a") == &fresh);
  book.forget(&clients[0]);
  CHECK(book.find(&clients[0]) == nullptr);
  CHECK(book.find_live("a") == &fresh);
}

TEST_CASE("the live sessions of a certificate are found, those that ended or are another's are not") {
  session_book book;
  const auto live_of = [&](const std::string& certificate) {
    std::set<std::string> out;
    book.for_each_live_of(certificate, [&](const session& one) { out.insert(one.client_id); });
    return out;
  };
  book.open(&clients[0], "a", "shared", true);
  session& second = book.open(&clients[1], "b", "shared", true);
  book.open(&clients[2], "c", "own", true);
  CHECK(live_of("shared") == std::set<std::string>{"a", "b"});
  CHECK(live_of("own") == std::set<std::string>{"c"});
  CHECK(live_of("other").empty());
  book.close(second);
  CHECK(live_of("shared") == std::set<std::string>{"a"});
  book.forget(&clients[0]);
  CHECK(live_of("shared").empty());
  book.open(&clients[2], "d", "shared", true);  // the broker reused the pointer
  CHECK(live_of("own").empty());
  CHECK(live_of("shared") == std::set<std::string>{"d"});
}

TEST_CASE("ended clean 3.1.1 sessions are let go at the next tick, and nothing else is") {
  session_book book;
  session& clean = book.open(&clients[0], "clean", "certificate", true);
  session& stored = book.open(&clients[1], "stored", "certificate", false);
  session& newer = book.open(&clients[2], "newer", "certificate", true);
  newer.version = mqtt_version::v5;
  book.open(&clients[3], "live", "certificate", true);
  book.close(clean);
  book.close(stored);
  book.close(newer);
  CHECK(book.find(&clients[0]) == &clean);  // its will may be on the way in this very turn
  CHECK(book.known_count() == 4);
  book.forget_ended();
  CHECK(book.find(&clients[0]) == nullptr);
  CHECK(book.find(&clients[1]) == &stored);
  CHECK(book.find(&clients[2]) == &newer);
  CHECK(book.find_live("live") != nullptr);

  session& again = book.open(&clients[0], "again", "certificate", true);
  book.close(again);
  const session& reused = book.open(&clients[0], "reused", "certificate", true);  // the broker reused the pointer at once
  book.forget_ended();
  CHECK(book.find(&clients[0]) == &reused);
  CHECK(book.find_live("reused") == &reused);
}

TEST_CASE("subscriptions pass on to a connection that resumes, live or stored, and not to a clean one") {
  session_book book;
  session& first = book.open(&clients[0], "a", "certificate", false);
  first.subscriptions["t/#"] = 1;
  session& resumed = book.open(&clients[1], "a", "certificate", false);
  CHECK(resumed.inherited);
  CHECK(resumed.subscriptions.count("t/#") == 1);
  book.close(first);
  book.forget(&clients[0]);
  book.close(resumed);
  session& later = book.open(&clients[2], "a", "certificate", false);
  CHECK(later.subscriptions.count("t/#") == 1);
  book.forget(&clients[1]);
  CHECK(book.find_live("a") == &later);
  CHECK(book.open(&clients[3], "a", "certificate", true).subscriptions.empty());
}

TEST_CASE("a closed MQTT 5 session passes its subscriptions on whatever its Clean Start was, a clean one of 3.1.1 does not") {
  for (const mqtt_version version : {mqtt_version::v3_1_1, mqtt_version::v5})
    for (const bool clean_start : {true, false}) {
      CAPTURE(version, clean_start);
      session_book book;
      session& first = book.open(&clients[0], "a", "certificate", clean_start);
      first.version = version;
      first.subscriptions["t/#"] = 1;
      book.close(first);
      const session& later = book.open(&clients[1], "a", "certificate", false);
      const bool kept = version == mqtt_version::v5 || !clean_start;
      CHECK(later.inherited == kept);
      CHECK(later.subscriptions.count("t/#") == (kept ? 1U : 0U));
    }
}

TEST_CASE("subscriptions pass on from the last session of a client id only, and once the broker has forgotten it not at all") {
  session_book book;
  const auto connect = [&](const void* pointer, bool clean_start, mqtt_version version) -> session& {
    session& opened = book.open(pointer, "a", "certificate", clean_start);
    opened.version = version;
    return opened;
  };
  session& first = connect(&clients[0], true, mqtt_version::v5);
  first.subscriptions["old"] = 1;
  book.close(first);
  book.close(connect(&clients[1], true, mqtt_version::v3_1_1));
  CHECK(connect(&clients[2], false, mqtt_version::v5).subscriptions.empty());  // the clean session ended the first
  session& last = *book.find(&clients[2]);
  last.subscriptions["new"] = 1;
  book.close(last);
  book.open(&clients[2], "other", "certificate", true);  // the broker reused the pointer
  CHECK(connect(&clients[3], false, mqtt_version::v5).subscriptions.empty());
}

TEST_CASE("what has ended can be made void: its successor knows and inherits nothing, later ones and the living are as ever") {
  session_book book;
  session& stored = book.open(&clients[0], "stored", "certificate", false);
  stored.subscriptions["t/#"] = 1;
  book.close(stored);
  session& live = book.open(&clients[1], "live", "certificate", false);
  live.subscriptions["t/#"] = 1;
  session& displaced = book.open(&clients[2], "live", "certificate", false);
  book.close(live);
  CHECK(book.make_ended_void() == std::vector<session*>{&stored});
  CHECK((stored.is_void && stored.subscriptions.empty() && live.is_void && !displaced.is_void));
  CHECK(displaced.subscriptions.count("t/#") == 1);

  session& successor = book.open(&clients[3], "stored", "certificate", false);
  CHECK((successor.follows_void && !successor.is_void && !successor.inherited));
  successor.subscriptions["u"] = 1;
  book.forget(&clients[0]);
  book.close(successor);
  const session& later = book.open(&clients[0], "stored", "certificate", false);
  CHECK_FALSE(later.follows_void);
  CHECK(later.subscriptions.count("u") == 1);
  CHECK(book.make_ended_void().empty());
}

TEST_CASE("a clean start follows no void session, and version numbers of the void start again") {
  session_book book;
  book.close(book.open(&clients[0], "a", "certificate", false));
  book.open(&clients[1], "live", "certificate", true);
  book.make_ended_void();
  book.restart_version_numbers();
  const session& clean = book.open(&clients[2], "a", "certificate", true);
  CHECK_FALSE(clean.follows_void);
  CHECK(clean.version_number == 0);
  CHECK(book.open(&clients[3], "live", "certificate", true).version_number == 1);
}

TEST_CASE("version numbers count the connections of a client id; session identifiers are 32 hex digits") {
  session_book book;
  CHECK(book.open(&clients[0], "a", "certificate", true).version_number == 0);
  CHECK(book.open(&clients[1], "a", "certificate", true).version_number == 1);
  const session& other = book.open(&clients[2], "b", "certificate", true);
  CHECK(other.version_number == 0);
  CHECK(other.session_identifier.size() == 32);
  CHECK(other.session_identifier.find_first_not_of("0123456789abcdef") == std::string::npos);
}

TEST_CASE("the granted QoS of a topic is that of the best filter by AWS's rules") {
  session whose;
  CHECK_FALSE(session_book::granted_qos(whose, "a"));
  whose.subscriptions = {{"a/#", 1}, {"b", 0}, {"+", 0}, {"$share/g/c/+", 1}};
  CHECK(session_book::granted_qos(whose, "a/x") == std::uint8_t{1});
  CHECK(session_book::granted_qos(whose, "a") == std::uint8_t{0});
  CHECK(session_book::granted_qos(whose, "c/x") == std::uint8_t{1});
  CHECK_FALSE(session_book::granted_qos(whose, "d/x"));
}

TEST_CASE("one CONNECT per second and client id") {
  connect_throttle throttle;
  const instant start{1'000'000};
  CHECK(throttle.take("a", start) == connect_quota::kept);
  CHECK(throttle.take("a", start + instant{999}) == connect_quota::exceeded_by_client);
  CHECK(throttle.take("a", start + instant{1000}) == connect_quota::kept);
  CHECK(throttle.take("b", start + instant{1000}) == connect_quota::kept);
}

TEST_CASE("500 CONNECTs per second for the account, and what that refuses does not count for the client") {
  connect_throttle throttle;
  const instant start{1'000'000};
  int kept = 0;
  for (int i = 0; i < 600; ++i) kept += throttle.take("c" + std::to_string(i), start) == connect_quota::kept ? 1 : 0;
  CHECK(kept == 500);
  CHECK(throttle.take("late", start) == connect_quota::exceeded_by_account);
  CHECK(throttle.take("late", start + instant{4}) == connect_quota::kept);
  CHECK(throttle.take("late", start + instant{8}) == connect_quota::exceeded_by_client);
}

TEST_CASE("client ids are forgotten when their second is over, and none before") {
  connect_throttle throttle;
  instant now{1'000'000};
  for (int i = 0; i < 20'000; ++i, now += instant{2}) REQUIRE(throttle.take("c" + std::to_string(i), now) == connect_quota::kept);
  CHECK(throttle.take("c19999", now) == connect_quota::exceeded_by_client);
  CHECK(throttle.take("c0", now) == connect_quota::kept);
}

TEST_CASE("a clock that is put back costs nobody a CONNECT but those of the second after it") {
  connect_throttle throttle;
  const instant start{1'000'000};
  const instant ahead = start + std::chrono::hours(24);
  for (int i = 0; i < 500; ++i) REQUIRE(throttle.take("c" + std::to_string(i), ahead) == connect_quota::kept);
  CHECK(throttle.take("c0", start) == connect_quota::exceeded_by_account);
  CHECK(throttle.take("c0", start + instant{4}) == connect_quota::kept);
  int kept = 0;
  for (int i = 0; i < 600; ++i) kept += throttle.take("d" + std::to_string(i), start + instant{1004}) == connect_quota::kept ? 1 : 0;
  CHECK(kept == 500);
}

TEST_CASE("client ids that connected before the clock was put back are forgotten like others") {
  connect_throttle throttle;
  instant now{1'000'000'000};
  for (int i = 0; i < 4'000; ++i, now += instant{2}) REQUIRE(throttle.take("c" + std::to_string(i), now) == connect_quota::kept);
  now = instant{1'000'000};
  for (int i = 0; i < 4'000; ++i, now += instant{4}) REQUIRE(throttle.take("d" + std::to_string(i), now) == connect_quota::kept);
  CHECK(throttle.known_count() < 4'200);
}

TEST_CASE("a will is judged by the policies alone: a certificate that has left ACTIVE does not swallow it") {
  test::world account;
  registry& world = account.registry();
  const std::string id = account.add_certificate();
  world.create_policy("p", R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:Publish",)"
                           R"("Resource":"arn:aws:iot:us-east-1:123456789012:topic/wills/good"}]})");
  world.attach_policy("p", account.arn(id));
  policy_gate gate(world);
  session whose;
  whose.certificate_id = id;
  const auto publish = fleetprov::policies::action::publish;
  for (const certificate_status status : {certificate_status::active, certificate_status::inactive, certificate_status::revoked}) {
    CAPTURE(name_of(status));
    world.update_certificate(id, status);
    CHECK(gate.allows(whose, publish, "wills/good") == (status == certificate_status::active));
    CHECK(gate.allows(whose, publish, "wills/good", judged_by::policies));
    CHECK_FALSE(gate.allows(whose, publish, "wills/bad", judged_by::policies));
    CHECK(gate.explain(whose, publish, "wills/bad", judged_by::policies).why.find("not ACTIVE") == std::string::npos);
  }
  session nobody;
  nobody.certificate_id = std::string(64, '0');
  CHECK_FALSE(gate.allows(nobody, publish, "wills/good", judged_by::policies));
  CHECK(gate.explain(nobody, publish, "wills/good", judged_by::policies).why == "the certificate is not registered");
}
