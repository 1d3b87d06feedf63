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
    (void)life.start(instant{0},
                     {draw.below(2) == 1, draw.below(2) == 1, instant{5000}, draw.below(2) == 1 ? "claim" : ""});
    instant now{0};
    for (int i = 0; i < 200; ++i) {
      while (life.poll_action()) {
      }
      const auto at = life.current();
      const bool busy = at == provisioning::phase::provisioning || at == provisioning::phase::rotating ||
                        at == provisioning::phase::online || at == provisioning::phase::promoting;
      RC_ASSERT(busy || life.poll_timeout());
      now += instant{draw.below(2000)};
      switch (draw.below(13)) {
        case 0:
          (void)life.handle_connected(now);
          break;
        case 1:
          (void)life.handle_refused(now);
          break;
        case 2:
          (void)life.handle_unreachable(now);
          break;
        case 3:
          (void)life.handle_disconnected(now);
          break;
        case 4:
          (void)life.handle_claim_delivered(now, "claim-2");
          break;
        case 5:
          (void)life.handle_provisioned(now, instant{5000});
          break;
        case 6:
          (void)life.handle_provisioning_refused(now);
          break;
        case 7:
          (void)life.handle_provisioning_failed(now);
          break;
        case 8:
          (void)life.handle_rotated(now);
          break;
        case 9:
          (void)life.handle_rotation_failed(now);
          break;
        case 10:
          (void)life.handle_promoted(now, instant{5000});
          break;
        case 11:
          (void)life.handle_promotion_failed(now);
          break;
        default:
          life.handle_timeout(life.poll_timeout().value_or(now));
          break;
      }
    }
  }));
}
