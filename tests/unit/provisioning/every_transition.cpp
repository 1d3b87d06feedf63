// Every state with every input, by the public calls only: where it leads, and that nothing else leads anywhere.

#include <fleetprov/provisioning/machine.hpp>

#include "support/catch.hpp"

#include <map>
#include <utility>

using namespace fleetprov;
using namespace fleetprov::provisioning;

namespace {

constexpr auto create = topics::api::create_keys_and_certificate;
constexpr auto registering = topics::api::register_thing;
constexpr instant token_end{3'600'000};

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

bool in_register_phase(state s) {
  return s >= state::storing_credentials && s <= state::trying_backoff;
}

/// One input, said about the call that fits the phase. False where it was out of order.
bool give(machine& m, input what, instant now = instant{1}) {
  const auto call = in_register_phase(m.current()) ? registering : create;
  switch (what) {
    case input::start: return m.start(now, payloads::create_keys_and_certificate_request{}, {}).has_value();
    case input::resume: return m.resume(now, {secret("t"), instant{0}}, payloads::create_keys_and_certificate_request{}, {}).has_value();
    case input::connected: return m.handle_connected(now).has_value();
    case input::connect_refused: return m.handle_connect_refused(now).has_value();
    case input::disconnected: return m.handle_disconnected(now).has_value();
    case input::subscribed: return m.handle_subscribed(now, call).has_value();
    case input::subscribe_refused: return m.handle_subscribe_refused(now, call, 0x87).has_value();
    case input::publish_refused: return m.handle_publish_refused(now, call, 0x87).has_value();
    case input::certificate_issued: return m.handle_certificate(now, issued()).has_value();
    case input::thing_registered: return m.handle_registered(now, {std::string("thing"), {}}).has_value();
    case input::rejected_for_now: return m.handle_rejected(now, call, reply(503, "x")).has_value();
    case input::rejected_token: return m.handle_rejected(now, call, reply(400, "InvalidCertificateOwnershipToken")).has_value();
    case input::rejected: return m.handle_rejected(now, call, reply(400, "x")).has_value();
    case input::stored: return m.handle_stored(now).has_value();
    case input::store_failed: return m.handle_store_failed(now).has_value();
    case input::credentials_work: return m.handle_credentials_work(now).has_value();
    case input::credentials_refused: return m.handle_credentials_refused(now).has_value();
    case input::credentials_unreachable: return m.handle_credentials_unreachable(now).has_value();
    case input::timeout: {
      const auto due = m.poll_timeout();
      m.handle_timeout(due ? *due : now);
      return true;
    }
    case input::token_expired: m.handle_timeout(token_end); return true;
    case input::give_up: m.abandon(); return true;
  }
  return false;
}

/// The shortest way to a state.
machine at(state wanted, const settings& how) {
  static const std::map<state, std::pair<state, input>> before{
      {state::connecting, {state::idle, input::start}},
      {state::connect_backoff, {state::connecting, input::disconnected}},
      {state::subscribing_create, {state::connecting, input::connected}},
      {state::creating_certificate, {state::subscribing_create, input::subscribed}},
      {state::create_backoff, {state::creating_certificate, input::rejected_for_now}},
      {state::storing_credentials, {state::creating_certificate, input::certificate_issued}},
      {state::storing_offline, {state::storing_credentials, input::disconnected}},
      {state::subscribing_register, {state::storing_credentials, input::stored}},
      {state::registering_thing, {state::subscribing_register, input::subscribed}},
      {state::register_backoff, {state::registering_thing, input::rejected_for_now}},
      {state::trying_credentials, {state::registering_thing, input::rejected_token}},
      {state::trying_backoff, {state::trying_credentials, input::credentials_unreachable}},
      {state::provisioned, {state::registering_thing, input::thing_registered}},
      {state::failed, {state::connecting, input::connect_refused}},
  };
  if (wanted == state::idle) return machine(how);
  const auto [from, by] = before.at(wanted);
  machine m = at(from, how);
  REQUIRE(give(m, by, instant{0}));
  REQUIRE(m.current() == wanted);
  return m;
}

enum class tries { left, last };

struct step {
  state from;
  input on;
  state to;
  state at_last;  ///< with no try, hang-up, connection and certificate left
};

constexpr step one(state from, input on, state to) { return {from, on, to, to}; }

constexpr step steps[] = {
    one(state::idle, input::start, state::connecting),
    one(state::idle, input::resume, state::connecting),
    one(state::connecting, input::connected, state::subscribing_create),
    one(state::connecting, input::connect_refused, state::failed),
    {state::connecting, input::disconnected, state::connect_backoff, state::failed},
    {state::connecting, input::timeout, state::connect_backoff, state::failed},
    one(state::connect_backoff, input::timeout, state::connecting),
    one(state::subscribing_create, input::subscribed, state::creating_certificate),
    one(state::subscribing_create, input::subscribe_refused, state::failed),
    {state::subscribing_create, input::disconnected, state::connect_backoff, state::failed},
    {state::subscribing_create, input::timeout, state::subscribing_create, state::failed},
    one(state::creating_certificate, input::certificate_issued, state::storing_credentials),
    {state::creating_certificate, input::rejected_for_now, state::create_backoff, state::failed},
    one(state::creating_certificate, input::rejected, state::failed),
    one(state::creating_certificate, input::publish_refused, state::failed),
    {state::creating_certificate, input::disconnected, state::connect_backoff, state::failed},
    {state::creating_certificate, input::timeout, state::create_backoff, state::failed},
    one(state::create_backoff, input::timeout, state::creating_certificate),
    one(state::create_backoff, input::certificate_issued, state::storing_credentials),
    {state::create_backoff, input::disconnected, state::connect_backoff, state::failed},
    one(state::storing_credentials, input::stored, state::subscribing_register),
    one(state::storing_credentials, input::store_failed, state::failed),
    one(state::storing_credentials, input::disconnected, state::storing_offline),
    {state::storing_offline, input::stored, state::connect_backoff, state::failed},
    one(state::storing_offline, input::store_failed, state::failed),
    one(state::subscribing_register, input::subscribed, state::registering_thing),
    one(state::subscribing_register, input::subscribe_refused, state::failed),
    {state::subscribing_register, input::disconnected, state::connect_backoff, state::failed},
    {state::subscribing_register, input::timeout, state::subscribing_register, state::failed},
    {state::subscribing_register, input::token_expired, state::subscribing_create, state::trying_credentials},
    one(state::registering_thing, input::thing_registered, state::provisioned),
    {state::registering_thing, input::rejected_for_now, state::register_backoff, state::failed},
    one(state::registering_thing, input::rejected_token, state::trying_credentials),
    one(state::registering_thing, input::rejected, state::failed),
    one(state::registering_thing, input::publish_refused, state::failed),
    {state::registering_thing, input::disconnected, state::connect_backoff, state::failed},
    {state::registering_thing, input::timeout, state::register_backoff, state::failed},
    one(state::register_backoff, input::timeout, state::registering_thing),
    one(state::register_backoff, input::thing_registered, state::provisioned),
    one(state::register_backoff, input::rejected_token, state::trying_credentials),
    {state::register_backoff, input::disconnected, state::connect_backoff, state::failed},
    one(state::register_backoff, input::token_expired, state::trying_credentials),
    one(state::trying_credentials, input::credentials_work, state::provisioned),
    one(state::trying_credentials, input::thing_registered, state::provisioned),
    {state::trying_credentials, input::credentials_refused, state::connecting, state::failed},
    {state::trying_credentials, input::credentials_unreachable, state::trying_backoff, state::failed},
    {state::trying_credentials, input::timeout, state::trying_backoff, state::failed},
    one(state::trying_backoff, input::timeout, state::trying_credentials),
    one(state::trying_backoff, input::thing_registered, state::provisioned),
};

settings with(tries how, state from) {
  settings out;
  if (how == tries::left) return out;
  // Whoever waits in a back-off had one more try to get there.
  const bool waits = from == state::create_backoff || from == state::register_backoff || from == state::trying_backoff;
  out.max_attempts = waits ? 2 : 1;
  out.max_hangups = 1;
  out.max_connects = from == state::connect_backoff ? 2 : 1;
  out.max_renewals = 0;
  return out;
}

bool is_listed(state from, input on) {
  for (const step& s : steps)
    if (s.from == from && s.on == on) return true;
  return on == input::give_up && !is_terminal(from);
}

}  // namespace

TEST_CASE("every input that a state knows leads where it should, with tries left and without") {
  for (const step& s : steps)
    for (const tries how : {tries::left, tries::last}) {
      CAPTURE(name_of(s.from), name_of(s.on), how == tries::last);
      machine m = at(s.from, with(how, s.from));
      (void)m.poll_action();
      REQUIRE(give(m, s.on));
      CHECK(name_of(m.current()) == name_of(how == tries::left ? s.to : s.at_last));
    }
}

TEST_CASE("every other input is out of order and changes nothing") {
  for (std::size_t from = 0; from < state_count; ++from)
    for (std::size_t on = 0; on < input_count; ++on) {
      const auto s = static_cast<state>(from);
      const auto what = static_cast<input>(on);
      // The token's end comes with that of the state's own timer; a token that a create operation rejects is a plain 400.
      if (is_listed(s, what) || what == input::token_expired || (what == input::rejected_token && !in_register_phase(s))) continue;
      CAPTURE(name_of(s), name_of(what));
      machine m = at(s, {});
      (void)m.poll_action();
      const auto due = m.poll_timeout();
      const bool taken = give(m, what);
      CHECK((!taken || what == input::timeout || what == input::give_up));
      CHECK(name_of(m.current()) == name_of(s));
      CHECK_FALSE(m.poll_action());
      if (what != input::timeout) CHECK(m.poll_timeout() == due);
    }
}

TEST_CASE("the end of the run's time ends it in every state") {
  for (std::size_t from = 0; from < state_count; ++from) {
    const auto s = static_cast<state>(from);
    if (is_terminal(s)) continue;
    CAPTURE(name_of(s));
    machine m = at(s, {});
    REQUIRE(give(m, input::give_up));
    CHECK(m.current() == state::failed);
  }
}

TEST_CASE("a reply to RegisterThing before it was sent is another certificate's and registers nothing") {
  machine m = at(state::subscribing_register, {});
  (void)m.poll_action();
  CHECK_FALSE(give(m, input::thing_registered));
  CHECK(m.current() == state::subscribing_register);

  settings how;
  how.max_renewals = 0;
  machine never_sent = at(state::subscribing_register, how);
  never_sent.handle_timeout(token_end);
  REQUIRE(never_sent.current() == state::trying_credentials);
  CHECK_FALSE(give(never_sent, input::thing_registered, token_end));
  REQUIRE(give(never_sent, input::credentials_unreachable, token_end));
  REQUIRE(never_sent.current() == state::trying_backoff);
  CHECK_FALSE(give(never_sent, input::thing_registered, token_end));
  CHECK_FALSE(is_terminal(never_sent.current()));
}

TEST_CASE("a late reply to RegisterThing counts while its topics are subscribed to again") {
  machine m = at(state::registering_thing, {});
  REQUIRE(give(m, input::disconnected));
  m.handle_timeout(*m.poll_timeout());
  REQUIRE(give(m, input::connected));
  REQUIRE(m.current() == state::subscribing_register);
  REQUIRE(give(m, input::thing_registered));
  CHECK(m.current() == state::provisioned);

  machine resumed{settings()};
  REQUIRE(give(resumed, input::resume));
  REQUIRE(give(resumed, input::connected));
  REQUIRE(resumed.current() == state::subscribing_register);
  REQUIRE(give(resumed, input::thing_registered));
  CHECK(resumed.current() == state::provisioned);
}

TEST_CASE("a machine that is moved goes on, and the one it came from has nothing to do") {
  machine from = at(state::creating_certificate, {});
  machine to = std::move(from);
  CHECK(from.current() == state::idle);
  CHECK_FALSE(from.poll_action());
  CHECK_FALSE(from.poll_timeout());
  CHECK(to.current() == state::creating_certificate);
  CHECK(to.poll_action());
  CHECK(to.poll_timeout());
  from = std::move(to);
  CHECK(from.current() == state::creating_certificate);
  CHECK(to.current() == state::idle);
  machine& same = from;
  from = std::move(same);
  CHECK(from.current() == state::creating_certificate);
}

TEST_CASE("spans without limit never end") {
  settings how;
  how.connect_timeout = how.reply_timeout = how.token_lifetime = how.give_up_after = how.backoff_base = how.backoff_cap = instant::max();
  for (const instant now : {instant{-5}, instant{0}, instant{5}}) {
    CAPTURE(now.count());
    machine m(how);
    REQUIRE(give(m, input::start, now));
    CHECK(m.poll_timeout() == instant::max());
    m.handle_timeout(instant::max() - instant{1});
    CHECK(m.current() == state::connecting);
    for (const auto next : {input::connected, input::subscribed, input::certificate_issued, input::stored, input::subscribed, input::thing_registered})
      REQUIRE(give(m, next, now));
    CHECK(m.current() == state::provisioned);
  }
  machine resumed(how);
  REQUIRE(resumed.resume(instant{5}, {secret("t"), instant::max() - instant{1}}, payloads::create_keys_and_certificate_request{}, {}));
  CHECK(resumed.current() == state::connecting);
  machine old{settings()};
  REQUIRE(old.resume(instant{5}, {secret("t"), instant::max()}, payloads::create_keys_and_certificate_request{}, {}));
  CHECK(old.current() == state::trying_credentials);
}

TEST_CASE("a token that ended while RegisterThing was out is not sent again") {
  machine m = at(state::subscribing_register, {});
  REQUIRE(m.handle_subscribed(instant{3'595'000}, registering));
  m.handle_timeout(token_end);
  CHECK(m.current() == state::registering_thing);
  m.handle_timeout(instant{3'605'000});
  CHECK(m.current() == state::register_backoff);
  m.handle_timeout(*m.poll_timeout());
  CHECK(m.current() == state::trying_credentials);
}

TEST_CASE("a token that ends in the back-off is not waited for") {
  settings how;
  how.backoff_base = how.backoff_cap = instant{1'000'000};
  machine m = at(state::registering_thing, how);
  REQUIRE(m.handle_rejected(instant{3'599'999}, registering, reply(503, "x")));
  REQUIRE(m.poll_timeout() == token_end);  // the back-off is longer
  m.handle_timeout(token_end);
  CHECK(m.current() == state::trying_credentials);
}
