#include <fleetprov/provisioning/machine.hpp>

#include "support/catch.hpp"

#include <fstream>
#include <set>
#include <sstream>

using namespace fleetprov;
using namespace fleetprov::provisioning;

namespace {

constexpr bool table_is_reachable() {
  for (std::size_t s = 0; s < state_count; ++s) {
    bool reached = s == 0;
    for (const transition& row : transitions) reached = reached || row.to == static_cast<state>(s);
    if (!reached) return false;
  }
  return true;
}
constexpr bool terminals_have_no_rows() {
  for (const transition& row : transitions)
    if (row.from && is_terminal(*row.from)) return false;
  return true;
}
/// A row after an unconditional one for the same state and input would never be taken.
constexpr bool no_row_is_shadowed() {
  for (const transition& late : transitions)
    for (const transition& early : transitions) {
      if (&early == &late) break;
      if (early.from == late.from && early.on == late.on && (early.when == guard::always || early.when == late.when)) return false;
    }
  return true;
}
static_assert(table_is_reachable());
static_assert(terminals_have_no_rows());
static_assert(no_row_is_shadowed());

payloads::certificate_response issued() {
  payloads::certificate_response out;
  out.certificate_id = "id";
  out.certificate_pem = "pem";
  out.private_key = secret("key");
  out.certificate_ownership_token = secret("token");
  return out;
}

payloads::error_response reply(int status, const char* code) {
  payloads::error_response out;
  out.status_code = status;
  out.error_code = code;
  return out;
}

constexpr auto create = topics::api::create_keys_and_certificate;
constexpr auto registering = topics::api::register_thing;

template <class Action>
bool gives(machine& m) {
  auto next = m.poll_action();
  return next && std::holds_alternative<Action>(*next) && !m.poll_action();
}

/// A machine that waits for the answer to RegisterThing, at time 0.
machine registering_machine(settings how = {}) {
  machine m(how);
  (void)m.start(instant{0}, payloads::create_keys_and_certificate_request{}, {{"SerialNumber", "1"}});
  (void)m.poll_action();
  (void)m.handle_connected(instant{0});
  (void)m.poll_action();
  (void)m.handle_subscribed(instant{0}, create);
  (void)m.poll_action();
  (void)m.handle_certificate(instant{0}, issued());
  (void)m.poll_action();
  (void)m.handle_stored(instant{0});
  (void)m.poll_action();
  (void)m.handle_subscribed(instant{0}, registering);
  return m;
}

std::string diagram() {
  std::string out = "```mermaid\nstateDiagram-v2\n    [*] --> idle\n";
  for (const transition& row : transitions) {
    if (!row.from) continue;
    out += "    " + std::string(name_of(*row.from)) + " --> " + std::string(name_of(row.to)) + " : " + std::string(name_of(row.on));
    if (row.when != guard::always) out += " [" + std::string(name_of(row.when)) + "]";
    out += "\n";
  }
  out += "    provisioned --> [*]\n    failed --> [*]\n```\n";
  return out;
}

std::string table() {
  std::string out = "| State | Input | If | Next state | Does |\n| --- | --- | --- | --- | --- |\n";
  for (const transition& row : transitions) {
    const auto cell = [](std::string_view text) { return "`" + std::string(text) + "`"; };
    out += "| " + (row.from ? cell(name_of(*row.from)) : std::string("any that is not terminal")) + " | " + cell(name_of(row.on)) + " | " +
           (row.when == guard::always ? std::string() : cell(name_of(row.when))) + " | " + cell(name_of(row.to)) + " | " +
           (row.then == effect::none ? std::string() : cell(name_of(row.then))) + " |\n";
  }
  return out;
}

}  // namespace

TEST_CASE("each step is asked for once and in order") {
  machine m;
  CHECK(m.current() == state::idle);
  CHECK_FALSE(m.poll_timeout());
  REQUIRE(m.start(instant{0}, payloads::create_keys_and_certificate_request{}, {}));
  CHECK(gives<connect>(m));
  REQUIRE(m.handle_connected(instant{1}));
  CHECK(gives<subscribe>(m));
  REQUIRE(m.handle_subscribed(instant{2}, create));
  CHECK(gives<publish>(m));
  REQUIRE(m.handle_certificate(instant{3}, issued()));
  CHECK(gives<store_credentials>(m));
  CHECK(m.poll_timeout() == instant{3'600'003});  // only the token's life
  REQUIRE(m.handle_stored(instant{4}));
  CHECK(gives<subscribe>(m));
  REQUIRE(m.handle_subscribed(instant{5}, registering));
  auto next = m.poll_action();
  REQUIRE(next);
  const auto* out = std::get_if<publish>(&*next);
  REQUIRE(out != nullptr);
  const auto* request = std::get_if<payloads::register_thing_request>(&out->request);
  REQUIRE(request != nullptr);
  CHECK(request->certificate_ownership_token.reveal() == "token");
  REQUIRE(m.handle_registered(instant{6}, {std::string("thing"), {}}));
  CHECK(gives<finished>(m));
  CHECK(m.current() == state::provisioned);
  CHECK_FALSE(m.poll_timeout());
}

TEST_CASE("an input that the table lacks is out of order and changes nothing") {
  machine m = registering_machine();
  (void)m.poll_action();
  const auto deadline = m.poll_timeout();
  CHECK(m.handle_certificate(instant{1}, issued()).error().code == errc::out_of_order);
  CHECK(m.handle_connected(instant{1}).error().code == errc::out_of_order);
  CHECK(m.handle_subscribed(instant{1}, registering).error().code == errc::out_of_order);
  CHECK(m.handle_subscribed(instant{1}, create).error().code == errc::out_of_order);
  CHECK(m.handle_stored(instant{1}).error().code == errc::out_of_order);
  CHECK(m.handle_rejected(instant{1}, create, reply(400, "x")).error().code == errc::out_of_order);
  CHECK(m.start(instant{1}, payloads::create_keys_and_certificate_request{}, {}).error().code == errc::out_of_order);
  CHECK(m.current() == state::registering_thing);
  CHECK(m.poll_timeout() == deadline);
  CHECK_FALSE(m.poll_action());
}

TEST_CASE("a reply before the SUBACK is ignored and the request still sent after it") {
  machine m;
  (void)m.start(instant{0}, payloads::create_keys_and_certificate_request{}, {});
  (void)m.poll_action();
  (void)m.handle_connected(instant{0});
  (void)m.poll_action();
  CHECK(m.handle_certificate(instant{1}, issued()).error().code == errc::out_of_order);
  REQUIRE(m.handle_subscribed(instant{2}, create));
  CHECK(gives<publish>(m));
}

TEST_CASE("a refused subscription is final, a throttled one is asked again") {
  machine m;
  (void)m.start(instant{0}, payloads::create_keys_and_certificate_request{}, {});
  (void)m.poll_action();
  (void)m.handle_connected(instant{0});
  (void)m.poll_action();
  REQUIRE(m.handle_subscribe_refused(instant{1}, create, 0x97));
  CHECK(m.current() == state::subscribing_create);
  m.handle_timeout(instant{10'000});
  CHECK(gives<subscribe>(m));
  REQUIRE(m.handle_subscribe_refused(instant{10'001}, create, 0x87));
  CHECK(m.current() == state::failed);
  auto next = m.poll_action();
  REQUIRE(next);
  CHECK(std::get<gave_up>(*next).why.code == errc::subscription_refused);
}

TEST_CASE("a throttled SUBACK fits only where a subscription was asked for") {
  machine m;
  CHECK(m.handle_subscribe_refused(instant{0}, create, 0x97).error().code == errc::out_of_order);
  (void)m.start(instant{0}, payloads::create_keys_and_certificate_request{}, {});
  CHECK(m.handle_subscribe_refused(instant{0}, create, 0x97).error().code == errc::out_of_order);
  m.abandon();
  CHECK(m.handle_subscribe_refused(instant{0}, create, 0x97).error().code == errc::out_of_order);
}

TEST_CASE("of a run that ended by a rejection, that one is told and no other") {
  settings how;
  how.max_attempts = 2;
  const auto reply_at_the_end = [](machine& m) {
    auto next = m.poll_action();
    REQUIRE(next);
    return std::get<gave_up>(*next).reply;
  };
  machine stale(how);
  (void)stale.start(instant{0}, payloads::create_keys_and_certificate_request{}, {});
  CHECK(stale.handle_rejected(instant{0}, create, reply(418, "Stale")).error().code == errc::out_of_order);
  (void)stale.handle_connected(instant{0});
  (void)stale.handle_subscribed(instant{0}, create);
  REQUIRE(stale.handle_publish_refused(instant{0}, create, 0x97));
  stale.handle_timeout(*stale.poll_timeout());
  REQUIRE(stale.handle_publish_refused(instant{2'000}, create, 0x97));
  CHECK_FALSE(reply_at_the_end(stale).status_code);

  machine earlier = registering_machine(how);
  REQUIRE(earlier.handle_rejected(instant{0}, registering, reply(429, "TooManyRequests")));
  earlier.handle_timeout(*earlier.poll_timeout());
  machine last = registering_machine(how);
  REQUIRE(earlier.handle_publish_refused(instant{2'000}, registering, 0x97));
  CHECK_FALSE(reply_at_the_end(earlier).status_code);
  REQUIRE(last.handle_rejected(instant{0}, registering, reply(403, "AccessDenied")));
  CHECK(reply_at_the_end(last).status_code == 403);
}

TEST_CASE("a run whose time ends while a request is repeated tells what the service last said of it") {
  enum class said : std::uint8_t { nothing, rejection, unreadable, over_quota, lost };
  struct story { const char* what; std::vector<said> replies; int status; errc unreadable; };
  const story stories[] = {
      {"no reply", {said::lost}, 0, errc{}},
      {"rejected", {said::rejection}, 429, errc{}},
      {"rejected, then lost", {said::rejection, said::lost}, 429, errc{}},
      {"unreadable", {said::unreadable}, 0, errc::wrong_type},
      {"unreadable, then lost", {said::unreadable, said::lost}, 0, errc::wrong_type},
      {"unreadable, then rejected", {said::unreadable, said::rejection}, 429, errc{}},
      {"rejected, then unreadable", {said::rejection, said::unreadable}, 429, errc::wrong_type},
      {"rejected, then no time for it", {said::rejection, said::over_quota}, 0, errc{}},
  };
  for (const bool in_create : {false, true})
    for (const bool by_own_timer : {false, true})
      for (const story& each : stories) {
        CAPTURE(each.what, in_create, by_own_timer);
        settings how;
        how.max_attempts = static_cast<std::uint8_t>(by_own_timer ? each.replies.size() + 1 : 100);
        const topics::api call = in_create ? create : registering;
        machine m = in_create ? machine(how) : registering_machine(how);
        if (in_create) {
          (void)m.start(instant{0}, payloads::create_keys_and_certificate_request{}, {});
          (void)m.handle_connected(instant{0});
          (void)m.handle_subscribed(instant{0}, create);
        }
        for (const said next : each.replies) {
          if (next == said::rejection) REQUIRE(m.handle_rejected(instant{0}, call, reply(429, "TooManyRequests")));
          if (next == said::over_quota) REQUIRE(m.handle_publish_refused(instant{0}, call, 0x97));
          if (next == said::unreadable) REQUIRE(m.handle_unreadable({call, topics::message_kind::accepted, {errc::wrong_type, 7}}));
          while (m.current() == state::creating_certificate || m.current() == state::registering_thing) m.handle_timeout(*m.poll_timeout());
          m.handle_timeout(*m.poll_timeout());
        }
        if (by_own_timer) m.handle_timeout(*m.poll_timeout());
        else m.abandon();
        const auto next = m.poll_action();
        REQUIRE(next);
        const auto& end = std::get<gave_up>(*next);
        CHECK(end.why.code == errc::timed_out);
        CHECK(end.during == (in_create ? state::creating_certificate : state::registering_thing));
        CHECK(end.reply.status_code.value_or(0) == each.status);
        REQUIRE(end.unreadable.has_value() == (each.unreadable != errc{}));
        if (!end.unreadable) continue;
        CHECK(end.unreadable->call == call);
        CHECK(end.unreadable->kind == topics::message_kind::accepted);
        CHECK(end.unreadable->why == failure{errc::wrong_type, 7});
      }
}

TEST_CASE("what was said of one step is not told of another") {
  const auto end_of = [](machine& m) {
    m.abandon();
    auto next = m.poll_action();
    REQUIRE(next);
    return std::get<gave_up>(std::move(*next));
  };
  const unreadable_reply strange{create, topics::message_kind::rejected, {errc::encoding, 0}};
  const auto rejected_create = [&] {
    machine m;
    (void)m.start(instant{0}, payloads::create_keys_and_certificate_request{}, {});
    (void)m.handle_connected(instant{0});
    CHECK(m.handle_unreadable(strange).error().code == errc::out_of_order);  // nothing was asked yet
    (void)m.handle_subscribed(instant{0}, create);
    REQUIRE(m.handle_rejected(instant{0}, create, reply(500, "x")));
    REQUIRE(m.handle_unreadable(strange));
    CHECK(m.handle_unreadable({registering, topics::message_kind::rejected, {errc::encoding, 0}}).error().code == errc::out_of_order);
    return m;
  };
  machine offline = rejected_create();
  REQUIRE(offline.handle_disconnected(instant{1}));
  const auto connecting = end_of(offline);
  CHECK_FALSE(connecting.reply.status_code);
  CHECK_FALSE(connecting.unreadable);

  machine back = rejected_create();
  REQUIRE(back.handle_disconnected(instant{1}));
  back.handle_timeout(*back.poll_timeout());
  (void)back.handle_connected(instant{2'000});
  (void)back.handle_subscribed(instant{2'000}, create);
  const auto asking_again = end_of(back);
  CHECK(asking_again.reply.status_code == 500);
  CHECK(asking_again.unreadable);

  machine next = rejected_create();
  REQUIRE(next.handle_certificate(instant{1}, issued()));
  CHECK(next.handle_unreadable(strange).error().code == errc::out_of_order);
  (void)next.handle_stored(instant{1});
  (void)next.handle_subscribed(instant{1}, registering);
  const auto registering_end = end_of(next);
  CHECK(registering_end.during == state::registering_thing);
  CHECK_FALSE(registering_end.reply.status_code);
  CHECK_FALSE(registering_end.unreadable);

  machine renewed = registering_machine();
  REQUIRE(renewed.handle_rejected(instant{0}, registering, reply(500, "x")));
  REQUIRE(renewed.handle_unreadable({registering, topics::message_kind::rejected, {errc::encoding, 0}}));
  REQUIRE(renewed.handle_rejected(instant{0}, registering, reply(400, "InvalidCertificateOwnershipToken")));
  REQUIRE(renewed.handle_credentials_refused(instant{0}));
  (void)renewed.handle_connected(instant{0});
  (void)renewed.handle_subscribed(instant{0}, create);
  const auto creating_end = end_of(renewed);
  CHECK(creating_end.during == state::creating_certificate);
  CHECK_FALSE(creating_end.reply.status_code);
  CHECK_FALSE(creating_end.unreadable);
}

TEST_CASE("a signing request is known while it is in use") {
  machine m;
  CHECK(m.signing_request() == nullptr);
  (void)m.start(instant{0}, payloads::create_certificate_from_csr_request{"CSR"}, {});
  REQUIRE(m.signing_request() != nullptr);
  CHECK(*m.signing_request() == "CSR");
}

TEST_CASE("an MQTT 5 PUBACK that refuses is final, one over quota is tried again") {
  machine denied = registering_machine();
  REQUIRE(denied.handle_publish_refused(instant{1}, registering, 0x87));
  CHECK(denied.current() == state::failed);
  machine throttled = registering_machine();
  REQUIRE(throttled.handle_publish_refused(instant{1}, registering, 0x97));
  CHECK(throttled.current() == state::register_backoff);
}

TEST_CASE("early and repeated timeouts do nothing") {
  machine m = registering_machine();
  (void)m.poll_action();
  m.handle_timeout(instant{9'999});
  CHECK(m.current() == state::registering_thing);
  m.handle_timeout(instant{10'000});
  CHECK(m.current() == state::register_backoff);
  const auto due = m.poll_timeout();
  REQUIRE(due);
  CHECK(*due >= instant{10'000});
  CHECK(*due <= instant{11'000});
}

TEST_CASE("a late reply in the back-off is taken instead of asking again") {
  machine m = registering_machine();
  (void)m.poll_action();
  m.handle_timeout(instant{10'000});
  REQUIRE(m.handle_registered(instant{10'001}, {std::string("thing"), {}}));
  CHECK(m.current() == state::provisioned);
  CHECK(gives<finished>(m));
}

TEST_CASE("a rejected token makes the stored credentials be tried before another certificate is made") {
  machine m = registering_machine();
  (void)m.poll_action();
  REQUIRE(m.handle_rejected(instant{1}, registering, reply(400, "InvalidCertificateOwnershipToken")));
  CHECK(gives<try_credentials>(m));
  REQUIRE(m.handle_credentials_refused(instant{2}));
  CHECK(m.current() == state::connecting);
  CHECK(gives<connect>(m));
  REQUIRE(m.handle_connected(instant{3}));
  auto next = m.poll_action();
  REQUIRE(next);
  CHECK(std::get<subscribe>(*next).call == create);
}

TEST_CASE("the same seed gives the same jitter, another seed another, all within the span") {
  const auto delay = [](std::uint32_t seed) {
    settings how;
    how.jitter_seed = seed;
    machine m = registering_machine(how);
    (void)m.handle_rejected(instant{0}, registering, reply(500, "InternalError"));
    return *m.poll_timeout();
  };
  CHECK(delay(1) == delay(1));
  std::set<instant> seen;
  for (std::uint32_t seed = 0; seed < 50; ++seed) {
    CHECK(delay(seed) <= instant{1000});
    seen.insert(delay(seed));
  }
  CHECK(seen.size() > 40);
}

TEST_CASE("failed connections are counted in a row: one that works starts the count again") {
  settings how;
  how.max_connects = 2;
  machine m(how);
  (void)m.start(instant{0}, payloads::create_keys_and_certificate_request{}, {});
  for (int round = 0; round < 2; ++round) {
    CAPTURE(round);
    REQUIRE(m.handle_disconnected(instant{0}));
    REQUIRE(m.current() == state::connect_backoff);
    m.handle_timeout(*m.poll_timeout());
    REQUIRE(m.handle_connected(instant{10'000}));
    REQUIRE(m.handle_disconnected(instant{10'001}));  // of the phase's hang-ups, not of these
    m.handle_timeout(*m.poll_timeout());
    REQUIRE(m.current() == state::connecting);
  }
}

TEST_CASE("the first timer is the token's where an earlier run has used up most of its life") {
  const auto first_timer = [](instant age) {
    machine m;
    (void)m.resume(instant{0}, {secret("token"), age}, payloads::create_keys_and_certificate_request{}, {});
    CHECK(m.current() == (age < instant{3'600'000} ? state::connecting : state::trying_credentials));
    return m.poll_timeout();
  };
  CHECK(first_timer(instant{3'595'000}) == instant{5'000});
  CHECK(first_timer(instant{3'599'999}) == instant{1});
  CHECK(first_timer(instant{3'600'000}) == instant{15'000});  // no good any more: that of the connection
  CHECK(first_timer(instant{-5}) == instant{15'000});
}

TEST_CASE("no second certificate is asked for after RegisterThing was sent, also when its token ends while connecting") {
  machine m = registering_machine();
  (void)m.poll_action();
  REQUIRE(m.handle_disconnected(instant{3'599'000}));
  m.handle_timeout(*m.poll_timeout());
  REQUIRE(m.current() == state::connecting);
  m.handle_timeout(instant{3'600'000});
  CHECK(m.current() == state::connecting);
  REQUIRE(m.handle_connected(instant{3'600'001}));
  CHECK(m.current() == state::trying_credentials);
}

TEST_CASE("a token that ends before RegisterThing was ever sent is replaced with its certificate") {
  machine m;
  (void)m.start(instant{0}, payloads::create_keys_and_certificate_request{}, {});
  (void)m.handle_connected(instant{0});
  (void)m.handle_subscribed(instant{0}, create);
  (void)m.handle_certificate(instant{0}, issued());
  (void)m.handle_stored(instant{0});
  REQUIRE(m.handle_disconnected(instant{3'599'000}));
  m.handle_timeout(*m.poll_timeout());
  REQUIRE(m.handle_connected(instant{3'600'001}));  // nobody called handle_timeout in between
  CHECK(m.current() == state::subscribing_create);
  // Nothing of the old certificate is timed any more.
  CHECK(m.poll_timeout() == instant{3'610'001});
}

TEST_CASE("another certificate starts with all its tries") {
  settings how;
  how.max_attempts = 2;
  how.max_hangups = 2;
  machine m = registering_machine(how);
  m.handle_timeout(instant{10'000});  // one of two tries
  REQUIRE(m.current() == state::register_backoff);
  REQUIRE(m.handle_disconnected(instant{10'001}));  // one of two hang-ups
  m.handle_timeout(*m.poll_timeout());
  REQUIRE(m.handle_connected(instant{12'000}));
  REQUIRE(m.handle_subscribed(instant{12'000}, registering));
  REQUIRE(m.handle_rejected(instant{12'000}, registering, reply(400, "InvalidCertificateOwnershipToken")));
  REQUIRE(m.handle_credentials_refused(instant{12'001}));
  REQUIRE(m.handle_connected(instant{12'002}));
  m.handle_timeout(*m.poll_timeout());
  CHECK(m.current() == state::subscribing_create);
  REQUIRE(m.handle_disconnected(instant{30'000}));
  CHECK(m.current() == state::connect_backoff);
}

TEST_CASE("a replaced certificate's token times nothing any more") {
  machine m = registering_machine();
  REQUIRE(m.handle_rejected(instant{3'590'000}, registering, reply(400, "InvalidCertificateOwnershipToken")));
  CHECK(m.poll_timeout() == instant{3'600'000});  // the old token's, which ends nothing here
  REQUIRE(m.handle_credentials_refused(instant{3'590'000}));
  CHECK(m.poll_timeout() == instant{3'605'000});
}

TEST_CASE("an action that nobody took is replaced when its reason is gone") {
  machine m;
  (void)m.start(instant{0}, payloads::create_keys_and_certificate_request{}, {});
  (void)m.poll_action();
  (void)m.handle_connected(instant{0});
  (void)m.handle_disconnected(instant{1});  // the subscribe was not polled
  CHECK_FALSE(m.poll_action());
  CHECK(m.current() == state::connect_backoff);
}

TEST_CASE("an action to store outlives the connection") {
  machine m;
  (void)m.start(instant{0}, payloads::create_keys_and_certificate_request{}, {});
  (void)m.poll_action();
  (void)m.handle_connected(instant{0});
  (void)m.poll_action();
  (void)m.handle_subscribed(instant{0}, create);
  (void)m.poll_action();
  (void)m.handle_certificate(instant{0}, issued());
  (void)m.handle_disconnected(instant{0});
  CHECK(m.current() == state::storing_offline);
  CHECK(gives<store_credentials>(m));
}

TEST_CASE("docs/machine.md shows the transition table as it is") {
  const std::string path = std::string(FLEETPROV_SOURCE_DIR) + "/docs/machine.md";
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  const std::string want = "<!-- generated from transitions.hpp -->\n" + diagram() + "\n" + table() + "<!-- end -->\n";
  if (const char* write = std::getenv("FLEETPROV_WRITE_DOCS"); write != nullptr && *write == '1') {
    const std::string all = text.str();
    const auto begin = all.find("<!-- generated"), end = all.find("<!-- end -->\n");
    REQUIRE(begin != std::string::npos);
    REQUIRE(end != std::string::npos);
    std::ofstream(path) << all.substr(0, begin) << want << all.substr(end + std::string("<!-- end -->\n").size());
    text.str(want);
  }
  // Regenerate with FLEETPROV_WRITE_DOCS=1 and this test.
  CHECK(text.str().find(want) != std::string::npos);
}

TEST_CASE("each way to fail has its error and the state it happened in") {
  settings how;
  how.max_attempts = how.max_hangups = how.max_connects = 1;
  how.max_renewals = 0;
  const auto end = [](machine& m) {
    const auto next = m.poll_action();
    REQUIRE(next);
    const auto* out = std::get_if<gave_up>(&*next);
    REQUIRE(out != nullptr);
    CHECK(m.current() == state::failed);
    CHECK_FALSE(m.poll_timeout());
    return std::pair<errc, state>(out->why.code, out->during);
  };
  using pair = std::pair<errc, state>;
  const auto started = [&] {
    machine m(how);
    (void)m.start(instant{0}, payloads::create_keys_and_certificate_request{}, {});
    return m;
  };
  const auto creating = [&] {
    machine m = started();
    (void)m.handle_connected(instant{0});
    (void)m.handle_subscribed(instant{0}, create);
    return m;
  };
  const auto storing = [&] {
    machine m = creating();
    (void)m.handle_certificate(instant{0}, issued());
    return m;
  };
  const auto trying = [&] {
    machine m = registering_machine(how);
    (void)m.handle_rejected(instant{0}, registering, reply(400, "InvalidCertificateOwnershipToken"));
    return m;
  };
  machine m = started();
  m.handle_timeout(instant{15'000});
  CHECK(end(m) == pair(errc::timed_out, state::connecting));
  m = started();
  REQUIRE(m.handle_disconnected(instant{0}));
  CHECK(end(m) == pair(errc::disconnected, state::connecting));
  m = started();
  REQUIRE(m.handle_connect_refused(instant{0}));
  CHECK(end(m) == pair(errc::rejected, state::connecting));
  m = started();
  (void)m.handle_connected(instant{0});
  m.handle_timeout(instant{10'000});
  CHECK(end(m) == pair(errc::timed_out, state::subscribing_create));
  m = creating();
  m.handle_timeout(instant{10'000});
  CHECK(end(m) == pair(errc::timed_out, state::creating_certificate));
  m = creating();
  REQUIRE(m.handle_disconnected(instant{0}));
  CHECK(end(m) == pair(errc::disconnected, state::creating_certificate));
  m = creating();
  REQUIRE(m.handle_rejected(instant{0}, create, reply(500, "x")));
  CHECK(end(m) == pair(errc::rejected, state::creating_certificate));
  m = creating();
  REQUIRE(m.handle_publish_refused(instant{0}, create, 0x87));
  CHECK(end(m) == pair(errc::rejected, state::creating_certificate));
  m = storing();
  REQUIRE(m.handle_store_failed(instant{0}));
  CHECK(end(m) == pair(errc::storage, state::storing_credentials));
  m = storing();
  REQUIRE(m.handle_stored(instant{3'600'000}));  // its token is over, and no other certificate is allowed
  CHECK(end(m) == pair(errc::timed_out, state::storing_credentials));
  m = registering_machine(how);
  m.handle_timeout(instant{10'000});
  CHECK(end(m) == pair(errc::timed_out, state::registering_thing));
  m = trying();
  REQUIRE(m.handle_credentials_unreachable(instant{0}));
  CHECK(end(m) == pair(errc::disconnected, state::trying_credentials));
  m = trying();
  m.handle_timeout(instant{15'000});
  CHECK(end(m) == pair(errc::timed_out, state::trying_credentials));
  m = trying();
  REQUIRE(m.handle_credentials_refused(instant{0}));
  CHECK(end(m) == pair(errc::rejected, state::trying_credentials));
  m = registering_machine(how);
  m.abandon();
  CHECK(end(m) == pair(errc::timed_out, state::registering_thing));
}

TEST_CASE("what is said about another call, or after the end, is out of order") {
  machine m = registering_machine();
  (void)m.poll_action();
  CHECK(m.handle_subscribe_refused(instant{0}, create, 0x87).error().code == errc::out_of_order);
  CHECK(m.handle_publish_refused(instant{0}, create, 0x87).error().code == errc::out_of_order);
  CHECK(m.resume(instant{0}, {secret("t"), instant{0}}, payloads::create_keys_and_certificate_request{}, {}).error().code == errc::out_of_order);
  REQUIRE(m.handle_registered(instant{1}, {std::string("thing"), {}}));
  (void)m.poll_action();
  CHECK(m.handle_registered(instant{2}, {std::string("thing"), {}}).error().code == errc::out_of_order);
  m.abandon();
  CHECK(m.current() == state::provisioned);
}

TEST_CASE("an earlier certificate without a good token is tried, within the time of the whole run") {
  settings how;
  how.give_up_after = instant{5'000};
  machine m(how);
  REQUIRE(m.resume(instant{100}, {secret(), instant{0}}, payloads::create_keys_and_certificate_request{}, {}));
  CHECK(m.current() == state::trying_credentials);
  CHECK(m.poll_timeout() == instant{5'100});
  m.handle_timeout(instant{5'100});
  CHECK(m.current() == state::failed);
}

TEST_CASE("without further certificates a token that ended unasked has its credentials tried") {
  settings how;
  how.max_renewals = 0;
  machine m(how);
  (void)m.start(instant{0}, payloads::create_keys_and_certificate_request{}, {});
  (void)m.handle_connected(instant{0});
  (void)m.handle_subscribed(instant{0}, create);
  (void)m.handle_certificate(instant{0}, issued());
  (void)m.handle_stored(instant{0});
  m.handle_timeout(instant{3'600'000});
  CHECK(m.current() == state::trying_credentials);
}

TEST_CASE("the phase after the certificate has all its tries, whatever the one before it took") {
  settings how;
  how.max_attempts = 2;
  how.max_hangups = 2;
  machine m(how);
  (void)m.start(instant{0}, payloads::create_keys_and_certificate_request{}, {});
  (void)m.handle_connected(instant{0});
  REQUIRE(m.handle_disconnected(instant{0}));  // one of two hang-ups
  m.handle_timeout(*m.poll_timeout());
  (void)m.handle_connected(instant{2'000});
  (void)m.handle_subscribed(instant{2'000}, create);
  m.handle_timeout(instant{12'000});  // one of two tries
  REQUIRE(m.current() == state::create_backoff);
  REQUIRE(m.handle_certificate(instant{12'001}, issued()));
  REQUIRE(m.handle_stored(instant{12'001}));
  REQUIRE(m.handle_subscribed(instant{12'001}, registering));
  m.handle_timeout(instant{22'001});
  CHECK(m.current() == state::register_backoff);
  REQUIRE(m.handle_disconnected(instant{22'002}));
  CHECK(m.current() == state::connect_backoff);
}

TEST_CASE("of another certificate RegisterThing was not sent yet") {
  settings how;
  how.max_renewals = 2;
  machine m = registering_machine(how);
  (void)m.handle_rejected(instant{0}, registering, reply(400, "InvalidCertificateOwnershipToken"));
  (void)m.handle_credentials_refused(instant{0});
  (void)m.handle_connected(instant{0});
  (void)m.handle_subscribed(instant{0}, create);
  (void)m.handle_certificate(instant{0}, issued());
  (void)m.handle_stored(instant{0});
  REQUIRE(m.current() == state::subscribing_register);
  m.handle_timeout(instant{3'600'000});
  CHECK(m.current() == state::subscribing_create);  // a third one may be asked for at once
}

TEST_CASE("every state belongs to a step that a person knows") {
  constexpr std::pair<state, std::string_view> steps[] = {
      {state::idle, "start"},
      {state::connecting, "connect"},
      {state::connect_backoff, "connect"},
      {state::subscribing_create, "subscribe"},
      {state::creating_certificate, "create certificate"},
      {state::create_backoff, "create certificate"},
      {state::storing_credentials, "store credentials"},
      {state::storing_offline, "store credentials"},
      {state::subscribing_register, "subscribe"},
      {state::registering_thing, "RegisterThing"},
      {state::register_backoff, "RegisterThing"},
      {state::trying_credentials, "try credentials"},
      {state::trying_backoff, "try credentials"},
      {state::provisioned, "provisioned"},
      {state::failed, "failed"},
  };
  STATIC_REQUIRE(std::size(steps) == state_count);
  for (const auto& [at, step] : steps) {
    CAPTURE(std::string(name_of(at)));
    CHECK(step_of(at) == step);
  }
}
