#include "support/catch.hpp"
#include "unit/provisioning/simulation.hpp"

#include <fleetprov/provisioning/life_cycle.hpp>

#include <rapidcheck.h>

#include <array>
#include <random>

using namespace simulation;

namespace {

payloads::certificate_response issued(int number) {
  payloads::certificate_response out;
  out.certificate_id = "cert" + std::to_string(number);
  out.certificate_pem = "PEM";
  out.private_key = secret("KEY");
  out.certificate_ownership_token = secret("token" + std::to_string(number));
  return out;
}

payloads::error_response rejection(int status, bool token) {
  payloads::error_response out;
  out.status_code = status;
  if (token) out.error_code = "InvalidCertificateOwnershipToken";
  return out;
}

/// Draws that are as wild for a small seed as for a large one (RapidCheck's own shrink with its size).
class dice {
 public:
  explicit dice(std::uint32_t seed) : engine_(seed) {}
  int below(int end) { return static_cast<int>(engine_() % static_cast<std::uint32_t>(end)); }
  template <class T, std::size_t N>
  const T& of(const std::array<T, N>& choices) {
    return choices[static_cast<std::size_t>(below(static_cast<int>(N)))];
  }

 private:
  std::mt19937 engine_;
};

constexpr std::array<topics::api, 3> calls{topics::api::create_keys_and_certificate,
                                           topics::api::create_certificate_from_csr, topics::api::register_thing};
constexpr std::array<int, 3> passing_troubles{429, 500, 503};

/// Something that happens to a machine; what is left over is time that passes.
struct happening {
  int which, status;
  topics::api call;
  std::uint8_t reason;
  bool token;
};
constexpr int connect_is_refused = 3, store_fails = 12, happenings = 18;

/// What ends a run is rare: nothing would get far otherwise.
happening draw_happening(dice& draw) {
  happening out{draw.below(happenings), draw.of(passing_troubles), draw.of(calls), 0x97, draw.below(4) == 0};
  if (draw.below(8) == 0) out.status = 418, out.reason = 0x87;
  else if (out.which == connect_is_refused || out.which == store_fails) out.which = happenings;
  return out;
}

result<provisioning::state> feed(provisioning::machine& m, instant now, const happening& what) {
  const payloads::create_keys_and_certificate_request wanted;
  switch (what.which) {
    case 0: return m.start(now, wanted, {});
    case 1: return m.resume(now, {secret(what.token ? "" : "token"), instant{what.status}}, wanted, {});
    case 2: return m.handle_connected(now);
    case connect_is_refused: return m.handle_connect_refused(now);
    case 4: return m.handle_disconnected(now);
    case 5: return m.handle_subscribed(now, what.call);
    case 6: return m.handle_subscribe_refused(now, what.call, what.reason);
    case 7: return m.handle_publish_refused(now, what.call, what.reason);
    case 8: return m.handle_certificate(now, issued(what.status));
    case 9: return m.handle_registered(now, {std::to_string(what.status), {}});
    case 10: return m.handle_rejected(now, what.call, rejection(what.status, what.token));
    case 11: return m.handle_stored(now);
    case store_fails: return m.handle_store_failed(now);
    case 13: return m.handle_credentials_work(now);
    case 14: return m.handle_credentials_refused(now);
    case 15: return m.handle_credentials_unreachable(now);
    default: m.handle_timeout(now); return m.current();
  }
}

/// Which action it is, with what it carries.
std::string told(const std::optional<provisioning::action>& next) {
  if (!next) return "nothing";
  std::string out = std::to_string(next->index());
  if (const auto* end = std::get_if<provisioning::gave_up>(&*next)) {
    out += " " + std::string(describe(end->why.code)) + " " + std::string(name_of(end->during)) + " " +
           std::to_string(end->reply.status_code.value_or(0)) + end->reply.error_code.value_or("");
  } else if (const auto* done = std::get_if<provisioning::finished>(&*next)) {
    if (done->thing) out += *done->thing->thing_name;
  } else if (const auto* store = std::get_if<provisioning::store_credentials>(&*next)) {
    out += store->issued.certificate_id;
  } else if (const auto* to = std::get_if<provisioning::subscribe>(&*next)) {
    out += std::to_string(static_cast<int>(to->call));
  } else if (const auto* send = std::get_if<provisioning::publish>(&*next)) {
    const auto* request = std::get_if<payloads::register_thing_request>(&send->request);
    if (request) out += std::string(request->certificate_ownership_token.reveal());
  }
  return out;
}

std::string told(const std::optional<provisioning::life_action>& next) {
  if (!next) return "nothing";
  const auto* provision = std::get_if<provisioning::provision_device>(&*next);
  return std::to_string(next->index()) + (provision ? provision->claim : "");
}

provisioning::inventory draw_inventory(dice& draw) {
  return {draw.below(2) == 1, draw.below(2) == 1, instant{5000}, draw.below(2) == 1 ? "claim" : ""};
}

/// The life cycle's inputs by number; what is left over is time that passes.
result<provisioning::phase> feed(provisioning::life_cycle& life, instant now, int which,
                                 std::optional<instant> ends_in) {
  switch (which) {
    case 0: return life.handle_connected(now);
    case 1: return life.handle_refused(now);
    case 2: return life.handle_unreachable(now);
    case 3: return life.handle_disconnected(now);
    case 4: return life.handle_claim_delivered(now, "claim-2");
    case 5: return life.handle_provisioned(now, ends_in);
    case 6: return life.handle_provisioning_refused(now);
    case 7: return life.handle_provisioning_failed(now);
    case 8: return life.handle_rotated(now);
    case 9: return life.handle_rotation_failed(now);
    case 10: return life.handle_promoted(now, ends_in);
    case 11: return life.handle_promotion_failed(now);
    default: life.handle_timeout(life.poll_timeout().value_or(now)); return life.current();
  }
}
constexpr int life_inputs = 13;

/// Whether the input of that number is an answer, and if so to which action.
bool is_answer(int which) { return which < life_inputs - 1 && which != 3 && which != 4; }
bool answers(int which, const provisioning::life_action& asked) {
  if (which < 3) return asked.index() == 0 || asked.index() == 3;  // connect_device, try_new_credentials
  return asked.index() == (which < 8 ? 1U : which < 10 ? 2U : 4U);  // provision_, rotate_, promote_
}

/// Two of a kind are told the same, but one is spared what the other answers `out_of_order`. Nobody
/// can tell them apart, now or later: neither by what they say nor by what they ask for.
template <class Machine, class Settings, class Input>
void check_twins(const Settings& how, dice& draw, const Input& input) {
  Machine one(how), spared(how);
  instant now{0};
  for (int i = 0; i < 400; ++i) {
    now += instant{draw.below(4000)};
    const auto next = input();
    const auto answer = next(one, now);
    if (answer) RC_ASSERT(next(spared, now).has_value());
    else RC_ASSERT(answer.error().code == errc::out_of_order);
    RC_ASSERT(one.current() == spared.current());
    RC_ASSERT(one.poll_timeout() == spared.poll_timeout());
    if (draw.below(3) > 0) RC_ASSERT(told(one.poll_action()) == told(spared.poll_action()));
  }
}

}  // namespace

TEST_CASE("a random walk of inputs never publishes early and always ends") {
  CHECK(rc::check([](std::uint32_t seed) {
    provisioning::settings how;
    how.jitter_seed = seed;
    dice draw(seed);
    provisioning::machine m(how);
    (void)m.start(instant{0}, payloads::create_keys_and_certificate_request{}, {});
    instant now{0};
    bool create_subscribed = false, register_subscribed = false, unstored = false;
    int publishes = 0, certificates = 0, steps = 0;
    while (!provisioning::is_terminal(m.current()) && ++steps < 3000) {
      while (auto next = m.poll_action()) {
        if (std::holds_alternative<provisioning::connect>(*next)) create_subscribed = register_subscribed = false;
        if (const auto* out = std::get_if<provisioning::publish>(&*next)) {
          ++publishes;
          const bool registering = std::holds_alternative<payloads::register_thing_request>(out->request);
          const bool subscribed = registering ? register_subscribed : create_subscribed;
          RC_ASSERT(subscribed);
          RC_ASSERT(!unstored);
        }
        if (std::holds_alternative<provisioning::store_credentials>(*next)) unstored = true;
      }
      now += instant{draw.below(3000)};
      const auto call = draw.of(calls);
      const auto before = m.current();
      switch (draw.below(16)) {
        case 0:
        case 1:
          (void)m.handle_connected(now);
          break;
        case 2:
        case 3: {
          const bool good = m.handle_subscribed(now, call).has_value();
          if (good && call == topics::api::register_thing) register_subscribed = true;
          else if (good) create_subscribed = true;
          break;
        }
        case 4:
          if (m.handle_certificate(now, issued(certificates)).has_value()) ++certificates;
          break;
        case 5:
          (void)m.handle_registered(now, {std::string("t"), {}});
          break;
        case 6:
          (void)m.handle_rejected(now, call, rejection(draw.of(passing_troubles), false));
          break;
        case 7:
          (void)m.handle_rejected(now, topics::api::register_thing, rejection(400, true));
          break;
        case 8:
        case 9:
          if (m.handle_stored(now).has_value()) unstored = false;
          break;
        case 10:
          (void)m.handle_disconnected(now);
          create_subscribed = register_subscribed = false;
          break;
        case 11:
          (void)m.handle_credentials_refused(now);
          break;
        case 12:
          (void)m.handle_credentials_unreachable(now);
          break;
        case 13:
          (void)m.handle_publish_refused(now, call, 0x97);
          break;
        default:
          m.handle_timeout(now);
          break;
      }
      if (m.current() == provisioning::state::connect_backoff && before != m.current())
        create_subscribed = register_subscribed = false;
    }
    RC_ASSERT(provisioning::is_terminal(m.current()));
    RC_ASSERT(publishes <= 40);
    RC_ASSERT(certificates <= 2);
    RC_ASSERT(!m.poll_timeout());
  }));
}

TEST_CASE("any list of faults ends, without an ACTIVE certificate whose key is lost") {
  CHECK(rc::check([] {
    const auto plan = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, fault_count));
    std::vector<planned_fault> faults;
    for (std::size_t i = 0; i < plan.size(); ++i) faults.push_back({static_cast<int>(i), static_cast<fault>(plan[i])});
    provisioning::settings how;
    how.jitter_seed = *rc::gen::arbitrary<std::uint32_t>();
    world w(how, faults);
    const outcome end = w.run();
    RC_ASSERT(end.violations.empty());
    RC_ASSERT(end.interactions <= 80);
  }));
}

TEST_CASE("the life cycle always has something to do or something to wait for") {
  CHECK(rc::check([](std::uint32_t seed) {
    provisioning::life_settings how;
    how.jitter_seed = seed;
    how.rotate_before = instant{1000};
    dice draw(seed);
    provisioning::life_cycle life(how);
    (void)life.start(instant{0}, draw_inventory(draw));
    instant now{0};
    for (int i = 0; i < 200; ++i) {
      while (life.poll_action()) {
      }
      const auto at = life.current();
      const bool busy = at == provisioning::phase::provisioning || at == provisioning::phase::rotating ||
                        at == provisioning::phase::online || at == provisioning::phase::promoting;
      RC_ASSERT(busy || life.poll_timeout());
      now += instant{draw.below(2000)};
      (void)feed(life, now, draw.below(life_inputs), instant{5000});
    }
  }));
}

TEST_CASE("what a machine answers out of order changes nothing, now or later") {
  CHECK(rc::check([](std::uint32_t seed) {
    dice draw(seed);
    provisioning::settings how;
    how.jitter_seed = seed;
    for (int run = 0; run < 50; ++run) {
      how.max_attempts = how.max_connects = how.max_hangups = static_cast<std::uint8_t>(1 + draw.below(4));
      how.give_up_after = instant{draw.below(2) * 500'000};
      check_twins<provisioning::machine>(how, draw, [&] {
        const auto what = draw_happening(draw);
        return [what](auto& m, instant now) { return feed(m, now, what); };
      });
    }
  }));
}

TEST_CASE("what the life cycle answers out of order changes nothing, now or later") {
  CHECK(rc::check([](std::uint32_t seed) {
    dice draw(seed);
    provisioning::life_settings how;
    how.jitter_seed = seed;
    how.rotate_before = instant{1000};
    how.claim_retry = how.rotation_retry = instant{20'000};
    check_twins<provisioning::life_cycle>(how, draw, [&] {
      const int which = draw.below(life_inputs + 2);
      const auto has = draw_inventory(draw);
      const auto ends_in = draw.below(2) == 1 ? std::optional(instant{5000}) : std::nullopt;
      return [=](auto& life, instant now) {
        return which == life_inputs ? life.start(now, has) : feed(life, now, which, ends_in);
      };
    });
  }));
}

TEST_CASE("the life cycle takes one answer to each thing it asked for, and no other") {
  CHECK(rc::check([](std::uint32_t seed) {
    dice draw(seed);
    provisioning::life_settings how;
    how.jitter_seed = seed;
    how.rotate_before = instant{1000};
    provisioning::life_cycle life(how);
    (void)life.start(instant{0}, draw_inventory(draw));
    std::optional<provisioning::life_action> open;
    instant now{0};
    for (int i = 0; i < 400; ++i) {
      auto next = life.poll_action();
      if (next && !std::holds_alternative<provisioning::discard_credentials>(*next)) open = std::move(next);
      now += instant{draw.below(2000)};
      const int which = draw.below(life_inputs);
      if (!feed(life, now, which, instant{5000}) || !is_answer(which)) continue;
      RC_ASSERT(open && answers(which, *open));
      open.reset();
    }
  }));
}

TEST_CASE("a device that is refused everywhere tries its claim once in each wait, and backs off in between") {
  CHECK(rc::check([](std::uint32_t seed) {
    dice draw(seed);
    provisioning::life_settings how;
    how.jitter_seed = seed;
    how.refusals_allowed = static_cast<std::uint8_t>(1 + draw.below(4));
    how.backoff_cap = instant{1'000 + draw.below(600'000)};
    how.claim_retry = instant{1 + draw.below(7'200'000)};
    how.connect_pause = instant{draw.below(5'000)};
    provisioning::life_cycle life(how);
    const bool has_credentials = draw.below(4) > 0;
    (void)life.start(instant{0}, {has_credentials, false, std::nullopt, "claim"});
    std::optional<instant> tried;
    instant now{0};
    for (int claims = 0; claims < 10;) {
      if (const auto next = life.poll_action(); !next) {
        const auto due = life.poll_timeout();
        RC_ASSERT(due && *due - now <= (has_credentials ? std::max(how.backoff_cap, how.connect_pause) : how.claim_retry));
        RC_ASSERT(!tried || *due <= *tried + how.claim_retry);
        life.handle_timeout(now = *due);
      } else if (std::holds_alternative<provisioning::connect_device>(*next)) {
        RC_ASSERT(life.handle_refused(now));
      } else {
        RC_ASSERT(!tried || now - *tried == how.claim_retry);
        tried = now;
        ++claims;
        RC_ASSERT(life.handle_provisioning_refused(now));
      }
    }
  }));
}
