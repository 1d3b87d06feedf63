#include <fleetprov/provisioning/life_cycle.hpp>

#include "support/catch.hpp"

using namespace fleetprov;
using namespace fleetprov::provisioning;

namespace {

template <class Action>
bool gives(life_cycle& life) {
  auto next = life.poll_action();
  return next && std::holds_alternative<Action>(*next);
}

/// Time goes on to the next timer.
instant pass(life_cycle& life) {
  const auto due = life.poll_timeout();
  REQUIRE(due);
  life.handle_timeout(*due);
  return *due;
}

/// Its credentials are refused, its claim (`claim-1`) is being tried.
life_cycle provisioning_again(life_settings how = {}) {
  how.refusals_allowed = 1;
  life_cycle life(how);
  (void)life.start(instant{0}, {true, false, std::nullopt, "claim-1"});
  (void)life.poll_action();
  (void)life.handle_refused(instant{0});
  REQUIRE(gives<provision_device>(life));
  return life;
}

/// Runs on for a day, with every connection refused, until a claim is tried; answers when.
instant next_claim(life_cycle& life) {
  for (instant now{0}; now < instant{86'400'000};) {
    const auto next = life.poll_action();
    if (next && std::holds_alternative<provision_device>(*next)) return now;
    if (next) REQUIRE(life.handle_refused(now));
    else now = pass(life);
  }
  return instant::max();
}

life_cycle online(life_settings how = {}, std::optional<instant> ends_in = std::nullopt) {
  life_cycle life(how);
  (void)life.start(instant{0}, {true, false, ends_in, "claim-1"});
  (void)life.poll_action();
  (void)life.handle_connected(instant{0});
  return life;
}

}  // namespace

TEST_CASE("a device without credentials provisions and connects") {
  life_cycle life;
  REQUIRE(life.start(instant{0}, {false, false, std::nullopt, "claim-1"}));
  auto next = life.poll_action();
  REQUIRE(next);
  CHECK(std::get<provision_device>(*next).claim == "claim-1");
  REQUIRE(life.handle_provisioned(instant{10}));
  CHECK(gives<connect_device>(life));
  REQUIRE(life.handle_connected(instant{20}));
  CHECK(life.current() == phase::online);
  CHECK_FALSE(life.poll_timeout());
}

TEST_CASE("a device with credentials connects and an unfinished provisioning is finished first") {
  life_cycle with;
  REQUIRE(with.start(instant{0}, {true, false, std::nullopt, "claim"}));
  CHECK(gives<connect_device>(with));
  life_cycle unfinished;
  REQUIRE(unfinished.start(instant{0}, {true, true, std::nullopt, "claim"}));
  CHECK(gives<provision_device>(unfinished));
}

TEST_CASE("refusals up to the threshold lead to provisioning with the newest claim") {
  life_cycle life;
  (void)life.start(instant{0}, {true, false, std::nullopt, "claim-1"});
  (void)life.handle_claim_delivered(instant{0}, "claim-2");
  CHECK(life.current() == phase::connecting);  // kept for the next time
  instant now{0};
  for (int refusal = 1; refusal < 3; ++refusal) {
    CHECK(gives<connect_device>(life));
    REQUIRE(life.handle_refused(now));
    CHECK(life.current() == phase::waiting);
    now = pass(life);
  }
  CHECK(gives<connect_device>(life));
  REQUIRE(life.handle_refused(now));
  auto next = life.poll_action();
  REQUIRE(next);
  CHECK(std::get<provision_device>(*next).claim == "claim-2");
}

TEST_CASE("network trouble is never taken for a refusal") {
  life_cycle life;
  (void)life.start(instant{0}, {true, false, std::nullopt, "claim-1"});
  instant now{0};
  for (int i = 0; i < 100; ++i) {
    REQUIRE(gives<connect_device>(life));
    REQUIRE(life.handle_unreachable(now));
    CHECK(life.current() == phase::waiting);
    now = pass(life);
  }
  CHECK(life.current() == phase::connecting);
}

TEST_CASE("a connect that nobody answers counts as network trouble") {
  life_cycle life;
  (void)life.start(instant{0}, {true, false, std::nullopt, "claim-1"});
  (void)life.poll_action();
  (void)pass(life);
  CHECK(life.current() == phase::waiting);
}

TEST_CASE("a claim that is refused is not tried again until another one is delivered") {
  life_cycle life;
  (void)life.start(instant{0}, {false, false, std::nullopt, "claim-1"});
  (void)life.poll_action();
  REQUIRE(life.handle_provisioning_refused(instant{0}));
  CHECK(life.current() == phase::waiting);
  CHECK(life.poll_timeout() == instant{3'600'000});
  REQUIRE(life.handle_claim_delivered(instant{5}, "claim-2"));
  auto next = life.poll_action();
  REQUIRE(next);
  CHECK(std::get<provision_device>(*next).claim == "claim-2");
}

TEST_CASE("while the claim is refused the old credentials are still tried and may work again") {
  life_cycle life = provisioning_again();
  REQUIRE(life.handle_provisioning_refused(instant{1}));
  const instant now = pass(life);
  CHECK(gives<connect_device>(life));
  REQUIRE(life.handle_connected(now));
  CHECK(life.current() == phase::online);
}

TEST_CASE("revocation cuts the session, the device comes back by itself with the new claim") {
  life_cycle life = online();
  REQUIRE(life.handle_claim_delivered(instant{100}, "claim-2"));
  REQUIRE(life.handle_disconnected(instant{200}));
  instant now{200};
  while (life.current() != phase::provisioning) {
    now = pass(life);
    CHECK(gives<connect_device>(life));
    REQUIRE(life.handle_refused(now));
  }
  auto next = life.poll_action();
  REQUIRE(next);
  CHECK(std::get<provision_device>(*next).claim == "claim-2");
  REQUIRE(life.handle_provisioned(now));
  REQUIRE(life.handle_connected(now));
  CHECK(life.current() == phase::online);
}

TEST_CASE("a rotation replaces the old credentials only after the new ones have connected") {
  life_settings how;
  how.rotate_before = instant{1000};
  life_cycle life = online(how, instant{10'000});
  CHECK(life.poll_timeout() == instant{9'000});
  (void)pass(life);
  CHECK(gives<rotate_credentials>(life));
  REQUIRE(life.handle_rotated(instant{9'100}));
  CHECK(gives<try_new_credentials>(life));
  REQUIRE(life.handle_connected(instant{9'200}));
  CHECK(gives<promote_credentials>(life));
  REQUIRE(life.handle_promoted(instant{9'300}, instant{5'000'000}));
  CHECK(life.current() == phase::online);
  CHECK(life.poll_timeout() == instant{5'008'300});
}

TEST_CASE("a new certificate that ends too soon as well is not rotated at once") {
  life_settings how;
  how.rotate_before = instant{100'000};
  how.rotation_retry = instant{60'000};
  life_cycle life = online(how, instant{10'000});
  instant now = pass(life);
  for (const int ends_in : {50'000, 130'000, -7}) {
    REQUIRE(gives<rotate_credentials>(life));
    REQUIRE(life.handle_rotated(now));
    REQUIRE(life.handle_connected(now));
    REQUIRE(life.handle_promoted(now, instant{ends_in}));
    CHECK(life.poll_timeout() == now + instant{60'000});
    now = pass(life);
  }
}

TEST_CASE("a certificate of which no end is known is not rotated after it was promoted") {
  life_settings how;
  how.rotate_before = instant{1'000};
  life_cycle life = online(how, instant{10'000});
  const instant now = pass(life);
  REQUIRE(life.handle_rotated(now));
  REQUIRE(life.handle_connected(now));
  REQUIRE(life.handle_promoted(now));
  CHECK_FALSE(life.poll_timeout());
}

TEST_CASE("after a session that failed on the network the device's own credentials are tried first, and may work") {
  const std::uint8_t allowed = GENERATE(std::uint8_t{0}, std::uint8_t{1}, std::uint8_t{3});
  CAPTURE(static_cast<int>(allowed));
  life_settings how;
  how.refusals_allowed = allowed;
  life_cycle life(how);
  (void)life.start(instant{0}, {true, false, std::nullopt, "claim"});
  instant now{0};
  while (life.current() != phase::provisioning) {
    REQUIRE(gives<connect_device>(life));
    REQUIRE(life.handle_refused(now));
    if (life.current() == phase::waiting) now = pass(life);
  }
  (void)life.poll_action();
  for (int i = 0; i < 3; ++i) {
    REQUIRE(life.handle_provisioning_failed(now));
    CHECK(life.current() == phase::waiting);
    now = pass(life);
    // No answer of the service, no session.
    for (int silent = 0; silent < 3; ++silent) {
      REQUIRE(gives<connect_device>(life));
      REQUIRE(life.handle_unreachable(now));
      now = pass(life);
    }
    REQUIRE(gives<connect_device>(life));
    REQUIRE(life.handle_refused(now));  // now it is the service that refuses them
    REQUIRE(gives<provision_device>(life));
  }
  REQUIRE(life.handle_provisioning_failed(now));
  now = pass(life);
  REQUIRE(gives<connect_device>(life));
  REQUIRE(life.handle_connected(now));
  CHECK(life.current() == phase::online);
}

TEST_CASE("an unfinished provisioning that fails on the network takes turns with the credentials in use") {
  life_cycle life;
  (void)life.start(instant{0}, {true, true, std::nullopt, "claim"});
  instant now{0};
  for (int i = 0; i < 3; ++i) {
    REQUIRE(gives<provision_device>(life));
    REQUIRE(life.handle_provisioning_failed(now));
    now = pass(life);
    REQUIRE(gives<connect_device>(life));
    REQUIRE(life.handle_unreachable(now));
    now = pass(life);
  }
  REQUIRE(gives<provision_device>(life));
  REQUIRE(life.handle_provisioning_failed(now));
  REQUIRE(life.handle_claim_delivered(now, "another"));  // its turn
  REQUIRE(gives<provision_device>(life));
  REQUIRE(life.handle_claim_delivered(now, "a third"));
  REQUIRE(life.handle_provisioning_refused(now));
  CHECK(gives<provision_device>(life));
}

TEST_CASE("a device does not connect twice within a second: the service would refuse it whatever its credentials are") {
  for (std::uint32_t seed = 0; seed < 50; ++seed) {
    life_settings how;
    how.jitter_seed = seed;
    life_cycle life(how);
    (void)life.start(instant{0}, {true, false, std::nullopt, ""});
    REQUIRE(life.handle_refused(instant{0}));
    CHECK(*life.poll_timeout() >= instant{1'250});
  }
}

TEST_CASE("spans of a life without limit never end") {
  life_settings how;
  how.connect_timeout = how.backoff_base = how.backoff_cap = how.claim_retry = how.rotation_retry = how.connect_pause = instant::max();
  how.rotate_before = instant{1};
  life_cycle life(how);
  REQUIRE(life.start(instant{5}, {true, false, instant::max(), ""}));
  CHECK(life.poll_timeout() == instant::max());
  life.handle_timeout(instant::max() - instant{1});
  CHECK(life.current() == phase::connecting);
  REQUIRE(life.handle_refused(instant{5}));
  CHECK(life.poll_timeout() == instant::max());
  CHECK(life.current() == phase::waiting);

  how.connect_pause = how.backoff_base = how.backoff_cap = instant{0};
  how.rotate_before = instant::max();
  life_cycle rotating(how);
  REQUIRE(rotating.start(instant{5}, {true, false, instant{-5}, ""}));
  REQUIRE(rotating.handle_connected(instant{6}));
  rotating.handle_timeout(instant{6});
  REQUIRE(rotating.current() == phase::rotating);
  REQUIRE(rotating.handle_rotation_failed(instant{7}));
  CHECK(rotating.poll_timeout() == instant::max());
}

TEST_CASE("rotated credentials that are refused are discarded and the old ones stay in use") {
  life_settings how;
  how.rotate_before = instant{1000};
  life_cycle life = online(how, instant{10'000});
  (void)pass(life);
  (void)life.poll_action();
  (void)life.handle_rotated(instant{9'000});
  instant now{9'000};
  for (int i = 0; i < 2; ++i) {
    CHECK(gives<try_new_credentials>(life));
    REQUIRE(life.handle_refused(now));
    CHECK(life.current() == phase::trying_new);
    now = pass(life);
  }
  CHECK(gives<try_new_credentials>(life));
  REQUIRE(life.handle_refused(now));
  CHECK(gives<discard_credentials>(life));
  CHECK(life.current() == phase::online);
  CHECK(life.poll_timeout() == now + instant{3'600'000});
}

TEST_CASE("a rotation that fails, while the connection is lost, ends with the old credentials connecting") {
  life_settings how;
  how.rotate_before = instant{1000};
  life_cycle life = online(how, instant{10'000});
  (void)pass(life);
  (void)life.poll_action();
  REQUIRE(life.handle_disconnected(instant{9'050}));
  CHECK(life.current() == phase::rotating);
  REQUIRE(life.handle_rotation_failed(instant{9'100}));
  (void)pass(life);
  CHECK(gives<connect_device>(life));
}

TEST_CASE("answers that do not fit the phase are out of order and change nothing") {
  life_cycle life = online();
  CHECK(life.handle_connected(instant{1}).error().code == errc::out_of_order);
  CHECK(life.handle_refused(instant{1}).error().code == errc::out_of_order);
  CHECK(life.handle_unreachable(instant{1}).error().code == errc::out_of_order);
  CHECK(life.handle_provisioned(instant{1}).error().code == errc::out_of_order);
  CHECK(life.handle_rotated(instant{1}).error().code == errc::out_of_order);
  CHECK(life.handle_promoted(instant{1}).error().code == errc::out_of_order);
  CHECK(life.start(instant{1}, {}).error().code == errc::out_of_order);
  CHECK(life.current() == phase::online);
  CHECK_FALSE(life.poll_action());
}

TEST_CASE("waits between connects grow to the cap and never beyond") {
  life_cycle life;
  (void)life.start(instant{0}, {true, false, std::nullopt, ""});
  instant now{0}, longest{0};
  for (int i = 0; i < 200; ++i) {
    (void)life.poll_action();
    REQUIRE(life.handle_unreachable(now));
    const auto due = life.poll_timeout();
    REQUIRE(due);
    longest = std::max(longest, *due - now);
    now = pass(life);
  }
  CHECK(longest > instant{150'000});
  CHECK(longest <= instant{300'000});
}

TEST_CASE("network trouble while the rotated credentials are on trial is no refusal of them") {
  life_settings how;
  how.rotate_before = instant{1000};
  life_cycle life = online(how, instant{10'000});
  (void)pass(life);
  (void)life.poll_action();
  (void)life.handle_rotated(instant{9'000});
  instant now{9'000};
  for (int i = 0; i < 10; ++i) {
    CHECK(gives<try_new_credentials>(life));
    REQUIRE(life.handle_unreachable(now));
    CHECK(life.current() == phase::trying_new);
    now = pass(life);
  }
  for (int refusal = 1; refusal < 3; ++refusal) {
    CHECK(gives<try_new_credentials>(life));
    REQUIRE(life.handle_refused(now));
    CHECK(life.current() == phase::trying_new);
    now = pass(life);
  }
  REQUIRE(life.handle_refused(now));
  CHECK(gives<discard_credentials>(life));
  REQUIRE(life.current() == phase::online);
  // Those refusals say nothing about the old credentials.
  REQUIRE(life.handle_disconnected(now));
  now = pass(life);
  REQUIRE(life.handle_refused(now));
  CHECK(life.current() == phase::waiting);
}

TEST_CASE("a device with nothing to try waits and looks again") {
  life_cycle life;
  REQUIRE(life.start(instant{0}, {false, false, std::nullopt, ""}));
  CHECK(life.current() == phase::waiting);
  CHECK_FALSE(life.poll_action());
  CHECK(pass(life) == instant{3'600'000});
  CHECK(life.current() == phase::waiting);
  CHECK(life.poll_timeout() == instant{7'200'000});
}

TEST_CASE("a provisioning that fails on the network is tried again soon, a promotion that fails after a while") {
  life_cycle life;
  (void)life.start(instant{0}, {false, false, std::nullopt, "claim"});
  (void)life.poll_action();
  REQUIRE(life.handle_provisioning_failed(instant{0}));
  CHECK(pass(life) == instant{1'250});
  CHECK(gives<provision_device>(life));
  REQUIRE(life.handle_provisioned(instant{10}));

  life_settings how;
  how.rotate_before = instant{1000};
  life_cycle rotating = online(how, instant{10'000});
  (void)pass(rotating);
  (void)rotating.handle_rotated(instant{9'000});
  (void)rotating.handle_connected(instant{9'000});
  REQUIRE(rotating.handle_promotion_failed(instant{9'001}));
  CHECK(rotating.current() == phase::online);
  CHECK(rotating.poll_timeout() == instant{3'609'001});
}

TEST_CASE("without `rotate_before` nothing rotates, whenever the certificate ends") {
  life_cycle life;
  (void)life.start(instant{0}, {true, false, instant{10'000}, ""});
  (void)life.handle_connected(instant{0});
  CHECK_FALSE(life.poll_timeout());
  life.handle_timeout(instant{20'000});
  CHECK(life.current() == phase::online);
  life_cycle fresh;
  (void)fresh.start(instant{0}, {false, false, std::nullopt, "claim"});
  REQUIRE(fresh.handle_provisioned(instant{0}, instant{10'000}));
  REQUIRE(fresh.handle_connected(instant{0}));
  CHECK_FALSE(fresh.poll_timeout());
}

TEST_CASE("a new certificate's end sets the time of its rotation, early calls before it do nothing") {
  life_settings how;
  how.rotate_before = instant{1'000};
  life_cycle life(how);
  (void)life.start(instant{0}, {false, false, std::nullopt, "claim"});
  REQUIRE(life.handle_provisioned(instant{0}, instant{50'000}));
  CHECK(life.poll_timeout() == instant{20'000});  // of the connection
  life.handle_timeout(instant{19'999});
  CHECK(life.current() == phase::connecting);
  REQUIRE(life.handle_connected(instant{5}));
  life.handle_timeout(instant{48'999});
  CHECK(life.current() == phase::online);
  life.handle_timeout(instant{49'000});
  CHECK(life.current() == phase::rotating);
}

TEST_CASE("a claim delivered while the device waits is used where credentials are missing, pending or refused") {
  life_settings how;
  how.refusals_allowed = 2;
  life_cycle refused(how);
  (void)refused.start(instant{0}, {true, false, std::nullopt, ""});
  REQUIRE(refused.handle_refused(instant{0}));
  REQUIRE(refused.handle_claim_delivered(instant{0}, "first"));
  CHECK(refused.current() == phase::waiting);  // one refusal says nothing yet
  (void)pass(refused);
  (void)refused.poll_action();
  (void)refused.handle_claim_delivered(instant{1}, "");
  REQUIRE(refused.handle_refused(instant{1}));
  CHECK(refused.current() == phase::waiting);  // there is no claim to use
  REQUIRE(refused.handle_claim_delivered(instant{2}, "second"));
  CHECK(gives<provision_device>(refused));

  life_cycle pending(how);
  (void)pending.start(instant{0}, {true, true, std::nullopt, ""});
  CHECK(gives<connect_device>(pending));
  REQUIRE(pending.handle_unreachable(instant{0}));
  REQUIRE(pending.handle_claim_delivered(instant{0}, "claim"));
  CHECK(gives<provision_device>(pending));
}

TEST_CASE("a connection lost while the rotated credentials are on trial or put in place is seen to afterwards") {
  life_settings how;
  how.rotate_before = instant{1'000};
  const auto on_trial = [&] {
    life_cycle life = online(how, instant{10'000});
    (void)pass(life);
    (void)life.handle_rotated(instant{9'000});
    (void)life.poll_action();
    return life;
  };
  life_cycle trial = on_trial();
  REQUIRE(trial.handle_disconnected(instant{9'001}));
  CHECK(trial.current() == phase::trying_new);
  for (int i = 1; i < 3; ++i) {
    REQUIRE(trial.handle_refused(instant{9'002}));
    (void)pass(trial);
  }
  REQUIRE(trial.handle_refused(instant{19'000}));
  CHECK(gives<discard_credentials>(trial));
  CHECK(trial.current() == phase::waiting);
  life_cycle promoting = on_trial();
  REQUIRE(promoting.handle_connected(instant{9'001}));
  REQUIRE(promoting.handle_disconnected(instant{9'002}));
  CHECK(promoting.current() == phase::promoting);
  REQUIRE(promoting.handle_promotion_failed(instant{9'003}));
  CHECK(promoting.current() == phase::waiting);
  life_cycle promoted = on_trial();
  REQUIRE(promoted.handle_connected(instant{9'001}));
  (void)promoted.poll_action();
  REQUIRE(promoted.handle_disconnected(instant{9'002}));
  REQUIRE(promoted.handle_promoted(instant{9'003}, instant{50'000}));
  (void)pass(promoted);
  CHECK(gives<connect_device>(promoted));
}

TEST_CASE("a refused claim is tried again after its wait where there is nothing else") {
  life_cycle life;
  (void)life.start(instant{0}, {false, false, std::nullopt, "claim"});
  (void)life.poll_action();
  REQUIRE(life.handle_provisioning_refused(instant{0}));
  CHECK(pass(life) == instant{3'600'000});
  CHECK(gives<provision_device>(life));
}

TEST_CASE("a refused claim is tried again after its wait while revoked credentials are tried") {
  life_cycle life = provisioning_again();
  REQUIRE(life.handle_provisioning_refused(instant{1}));
  CHECK(next_claim(life) == instant{3'600'001});
  REQUIRE(life.handle_provisioning_failed(instant{3'600'001}));  // of the network: after a back-off only
  const instant again = next_claim(life);
  CHECK(again > instant{3'600'001});
  CHECK(again <= instant{3'900'001});
}

TEST_CASE("connections that work meanwhile do not shorten the wait of a refused claim") {
  life_cycle life = provisioning_again();
  REQUIRE(life.handle_provisioning_refused(instant{1}));
  const instant now = pass(life);
  CHECK(gives<connect_device>(life));
  REQUIRE(life.handle_connected(now));
  REQUIRE(life.handle_disconnected(now));
  CHECK(next_claim(life) == instant{3'600'001});
}

TEST_CASE("a claim whose wait ends while the device connects is tried next, whether that is refused or nobody answers") {
  life_settings how;
  how.claim_retry = instant{10'000};
  life_cycle life = provisioning_again(how);
  REQUIRE(life.handle_provisioning_refused(instant{1}));
  CHECK(pass(life) < instant{10'001});
  CHECK(gives<connect_device>(life));
  SECTION("refused") {
    REQUIRE(life.handle_refused(instant{10'001}));
  }
  SECTION("nobody answers") {
    REQUIRE(life.handle_unreachable(instant{10'500}));
    REQUIRE(life.poll_timeout());
    CHECK(*life.poll_timeout() <= instant{10'500});
    life.handle_timeout(instant{10'500});
  }
  CHECK(gives<provision_device>(life));
}

TEST_CASE("a claim delivered while an older one's session runs does not share its refusal") {
  const bool has_credentials = GENERATE(false, true);
  const std::string delivered = GENERATE("claim-2", "claim-1");  // a path names whatever is there
  CAPTURE(has_credentials, delivered);
  life_cycle life;
  if (has_credentials) life = provisioning_again();
  else (void)life.start(instant{0}, {false, false, std::nullopt, "claim-1"});
  (void)life.poll_action();
  REQUIRE(life.current() == phase::provisioning);
  REQUIRE(life.handle_claim_delivered(instant{1}, delivered));
  CHECK_FALSE(life.poll_action());  // one session at a time
  REQUIRE(life.handle_provisioning_refused(instant{2}));
  auto next = life.poll_action();
  REQUIRE(next);
  CHECK(std::get<provision_device>(*next).claim == delivered);
  REQUIRE(life.handle_provisioning_refused(instant{3}));
  CHECK(next_claim(life) == instant{3'600'003});
}

TEST_CASE("a claim that is taken away is not used, one delivered before the start is kept") {
  life_cycle life;
  REQUIRE(life.handle_claim_delivered(instant{0}, "early"));
  REQUIRE(life.start(instant{0}, {false, false, std::nullopt, ""}));
  auto next = life.poll_action();
  REQUIRE(next);
  CHECK(std::get<provision_device>(*next).claim == "early");
  REQUIRE(life.handle_provisioning_failed(instant{0}));
  REQUIRE(life.handle_claim_delivered(instant{0}, ""));
  CHECK(life.current() == phase::waiting);
  CHECK_FALSE(life.poll_action());
}

TEST_CASE("answers without a trial of the rotated credentials fit nothing") {
  life_settings how;
  how.rotate_before = instant{1'000};
  life_cycle life = online(how, instant{10'000});
  (void)pass(life);
  (void)life.handle_rotated(instant{9'000});
  (void)life.poll_action();
  REQUIRE(life.handle_refused(instant{9'001}));
  const auto due = life.poll_timeout();
  for (int i = 0; i < 3; ++i) CHECK(life.handle_refused(instant{9'001}).error().code == errc::out_of_order);
  CHECK(life.handle_unreachable(instant{9'001}).error().code == errc::out_of_order);
  CHECK(life.handle_connected(instant{9'001}).error().code == errc::out_of_order);
  CHECK(life.poll_timeout() == due);
  CHECK_FALSE(life.poll_action());
  (void)pass(life);
  CHECK(gives<try_new_credentials>(life));
  REQUIRE(life.handle_connected(*due));
  CHECK(gives<promote_credentials>(life));
}

TEST_CASE("a trial that nobody answers counts as network trouble") {
  life_settings how;
  how.rotate_before = instant{1'000};
  life_cycle life = online(how, instant{10'000});
  (void)pass(life);
  (void)life.handle_rotated(instant{9'000});
  for (int i = 0; i < 5; ++i) {
    CHECK(gives<try_new_credentials>(life));
    const instant over = pass(life);
    CHECK(life.current() == phase::trying_new);
    CHECK_FALSE(life.poll_action());
    CHECK(life.handle_refused(over).error().code == errc::out_of_order);
    (void)pass(life);
  }
}

TEST_CASE("the end of a replaced certificate times nothing any more") {
  life_settings how;
  how.rotate_before = instant{1'000};
  how.refusals_allowed = 1;
  life_cycle life(how);
  (void)life.start(instant{0}, {true, false, instant{60'000}, "claim"});
  REQUIRE(life.handle_refused(instant{0}));
  REQUIRE(life.handle_provisioned(instant{1}));  // it is not known when the new one ends
  REQUIRE(life.handle_connected(instant{2}));
  CHECK_FALSE(life.poll_timeout());
}

TEST_CASE("what does not fit the phase is refused in every phase") {
  life_cycle life;
  CHECK(life.handle_disconnected(instant{0}).error().code == errc::out_of_order);
  CHECK(life.handle_provisioning_refused(instant{0}).error().code == errc::out_of_order);
  CHECK(life.handle_provisioning_failed(instant{0}).error().code == errc::out_of_order);
  CHECK(life.handle_rotation_failed(instant{0}).error().code == errc::out_of_order);
  CHECK(life.handle_promotion_failed(instant{0}).error().code == errc::out_of_order);
  CHECK(life.current() == phase::idle);
}

TEST_CASE("counters of failures and refusals do not start again at nought") {
  life_cycle life;
  (void)life.start(instant{0}, {true, false, std::nullopt, ""});
  instant now{0};
  for (int i = 0; i < 300; ++i) {
    REQUIRE(life.handle_refused(now));
    now = pass(life);
  }
  REQUIRE(life.handle_unreachable(now));
  REQUIRE(life.handle_claim_delivered(now, "claim"));  // refused for good, still
  CHECK(gives<provision_device>(life));
  for (int i = 0; i < 300; ++i) {
    REQUIRE(life.handle_provisioning_failed(now));
    now = pass(life);
    REQUIRE(gives<connect_device>(life));
    REQUIRE(life.handle_refused(now));
    REQUIRE(gives<provision_device>(life));
  }
  REQUIRE(life.handle_provisioning_refused(now));
}

TEST_CASE("a trial that fails again and again goes on waiting as long as it did") {
  life_settings how;
  how.rotate_before = instant{1'000};
  how.refusals_allowed = 255;
  life_cycle life = online(how, instant{10'000});
  (void)pass(life);
  (void)life.handle_rotated(instant{9'000});
  instant now{9'000}, longest{0};
  for (int i = 0; i < 280; ++i) {
    REQUIRE(gives<try_new_credentials>(life));
    REQUIRE((i < 250 ? life.handle_unreachable(now) : life.handle_refused(now)));
    REQUIRE(life.current() == phase::trying_new);
    const instant next = *life.poll_timeout();
    if (i > 256) longest = std::max(longest, next - now);
    now = pass(life);
  }
  CHECK(longest > instant{100'000});
}

TEST_CASE("credentials that are refused for good are tried on while their claim is refused too") {
  life_cycle life = provisioning_again();
  REQUIRE(life.handle_provisioning_refused(instant{1}));
  instant now = pass(life);
  for (int i = 0; i < 5; ++i) {
    CHECK(gives<connect_device>(life));
    REQUIRE(life.handle_refused(now));
    CHECK(life.current() == phase::waiting);
    CHECK_FALSE(life.poll_action());
    now = pass(life);
  }
  REQUIRE(life.handle_unreachable(now));
  REQUIRE(life.handle_claim_delivered(now, "another"));
  CHECK(gives<provision_device>(life));
}

TEST_CASE("a certificate that is nearly over at the start is rotated as soon as the device is online") {
  life_settings how;
  how.rotate_before = instant{5'000};
  life_cycle life(how);
  (void)life.start(instant{100}, {true, false, instant{1'000}, ""});
  (void)life.poll_action();
  REQUIRE(life.handle_connected(instant{200}));
  REQUIRE(life.poll_timeout());
  CHECK(*life.poll_timeout() <= instant{200});
  life.handle_timeout(instant{200});
  CHECK(gives<rotate_credentials>(life));
}
