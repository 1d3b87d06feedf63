#pragma once

#include <fleetprov/core/after.hpp>
#include <fleetprov/core/result.hpp>
#include <fleetprov/provisioning/machine.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

/// A device from its first start on: provision, connect, come back after revocation, rotate.
namespace fleetprov::provisioning {

/// Where a device stands.
enum class phase : std::uint8_t {
  idle,          ///< before `start`, never again
  waiting,       ///< for a timer, or for a claim certificate when there is nothing else to try
  provisioning,  ///< a session runs with the newest claim certificate
  connecting,    ///< with the device's own credentials
  online,        ///< with the device's own credentials
  rotating,      ///< a session runs through the rotation template, with the device's own credentials
  trying_new,    ///< the rotated credentials connect on trial; the old ones are still stored
  promoting,     ///< the rotated credentials work and are being put in place
};

constexpr std::string_view name_of(phase p) noexcept {
  constexpr std::array<std::string_view, 8> names = {"idle",   "waiting",  "provisioning", "connecting",
                                                     "online", "rotating", "trying_new",   "promoting"};
  return names[static_cast<std::size_t>(p)];
}

/// Spans are milliseconds on the caller's clock, from 0 to `instant::max()`, which is without limit.
struct life_settings {
  instant connect_timeout{20'000};  ///< then a connection that nobody answered counts as unreachable
  instant backoff_base{1'000};      ///< first span of the full jitter; doubles with each failure
  instant backoff_cap{300'000};     ///< longest span of it
  /// Shortest back-off. AWS IoT Core takes one CONNECT per second of a client id; a quicker one is refused whatever the
  /// credentials are, and would count against them.
  instant connect_pause{1'250};
  /// So many refusals in a row, without network trouble being one of them, mean that the credentials
  /// are no good. AWS hangs up on a certificate that is revoked, inactive or deleted: only ACTIVE ones authenticate (AWS IoT
  /// API Reference, UpdateCertificate). 0 counts as 1.
  std::uint8_t refusals_allowed = 3;
  instant claim_retry{3'600'000};   ///< until a claim certificate that was refused is tried again
  instant rotate_before{0};         ///< this long before the certificate ends; 0: never
  instant rotation_retry{3'600'000};  ///< after a rotation that came to nothing; after one that succeeded at least
  std::uint32_t jitter_seed = 0;    ///< different on each device
};

/// What the device has when it starts.
struct inventory {
  bool credentials = false;
  bool pending = false;              ///< an unfinished provisioning: it is finished first
  std::optional<instant> ends_in;    ///< of the certificate in use
  std::string claim;                 ///< the newest claim certificate's id or path; empty: none
};

// Actions, each answered by the call that its comment names.
struct connect_device {};                     ///< handle_connected / _refused / _unreachable, later handle_disconnected
struct provision_device { std::string claim; };  ///< handle_provisioned / _provisioning_refused / _provisioning_failed
struct rotate_credentials {};                 ///< store pending, do not confirm: handle_rotated / _rotation_failed
struct try_new_credentials {};                ///< connect with the pending ones: handle_connected / _refused / _unreachable
struct promote_credentials {};                ///< confirm them, close the old connection: handle_promoted / _promotion_failed
struct discard_credentials {};                ///< forget the pending ones; the old ones stay in use
using life_action = std::variant<connect_device, provision_device, rotate_credentials, try_new_credentials,
                                 promote_credentials, discard_credentials>;

/// The life cycle as a machine without I/O and clock, above `session` and a store. AWS's recovery
/// from a stolen claim certificate (distribute a new claim, revoke the device certificates) needs
/// nothing else: the devices come back by themselves. AWS IoT Developer Guide, "Provisioning devices that
/// don't have device certificates using fleet provisioning".
///
/// The credentials in use are replaced only by ones that were registered, and in a rotation only by
/// ones that have connected. Each `handle_*` answers the new phase; its comment names the phases that it fits. In every
/// other it is `out_of_order`, the only error there is, and changes nothing.
class life_cycle {
 public:
  explicit life_cycle(life_settings how = {}) : how_(how), random_(how.jitter_seed) {}

  /// Begins; fits `idle`. With a claim certificate the device provisions where a set is pending or it has no credentials; with
  /// credentials it connects otherwise; with neither it waits for a claim.
  result<phase> start(instant now, inventory has);
  /// CONNACK 0, in answer to connect_device or try_new_credentials. Fits `connecting` (then `online`) and, while a trial
  /// runs, `trying_new` (then `promoting`).
  result<phase> handle_connected(instant now);
  /// The service refused the credentials: a TLS alert, CONNACK, or a hang-up while connecting. Not where the device refused
  /// the server, whose certificate does not verify: `handle_unreachable`. Fits like `handle_connected`.
  result<phase> handle_refused(instant now);
  /// No connection to the service: says nothing about the credentials. Fits like `handle_connected`.
  result<phase> handle_unreachable(instant now);
  /// A connection that was up is lost. Fits `online` (then a back-off), `rotating`, `trying_new` and `promoting`. While new
  /// credentials are promoted that may have been either: the device connects once more afterwards, so do not report an old
  /// connection that promote_credentials closes.
  result<phase> handle_disconnected(instant now);
  /// Kept for the next time; used at once where the device waits for one, or when the session that runs with an older
  /// one is refused. Fits every phase. `claim` as in `inventory`.
  result<phase> handle_claim_delivered(instant now, std::string claim);
  /// The new credentials are confirmed in the store. Fits `provisioning` (then `connecting`). `ends_in`: from `now` to the new
  /// certificate's notAfter; without it nothing rotates that certificate.
  result<phase> handle_provisioned(instant now, std::optional<instant> ends_in = std::nullopt);
  /// The claim certificate or the request was refused: another try with the same is of little use before `claim_retry`.
  /// Fits `provisioning`.
  result<phase> handle_provisioning_refused(instant now);
  /// Network trouble or throttling. Fits `provisioning` (then a back-off). The device's own credentials, where there are
  /// some, are tried before the next session: the trouble may be what made them look refused.
  result<phase> handle_provisioning_failed(instant now);
  /// The new set is registered and pending in the store. Fits `rotating` (then `trying_new`).
  result<phase> handle_rotated(instant now);
  /// There is no new set, for whatever reason. Fits `rotating`: the old credentials stay in use, the next rotation comes after
  /// `rotation_retry`.
  result<phase> handle_rotation_failed(instant now);
  /// The new set is confirmed in the store. Fits `promoting` (then `online` on the trial's connection, or, where that was
  /// lost, `waiting` with a timer that is due). `ends_in` as in `handle_provisioned`.
  result<phase> handle_promoted(instant now, std::optional<instant> ends_in = std::nullopt);
  /// The store could not confirm it. Fits `promoting`; then as after `handle_rotation_failed`.
  result<phase> handle_promotion_failed(instant now);
  /// Early or repeated calls do nothing.
  void handle_timeout(instant now);

  /// Call until empty after every `handle_*`. Each action is given once.
  std::optional<life_action> poll_action() { return std::exchange(pending_, std::nullopt); }
  /// When to call `handle_timeout` next, on the clock of `now`. Empty where nothing is timed: `idle`, `promoting`, `online`
  /// without a rotation to come, and while a session runs (`provisioning`, `rotating`: it has its own timers).
  std::optional<instant> poll_timeout() const noexcept;
  phase current() const noexcept { return phase_; }
  const std::string& claim() const noexcept { return claim_; }

 private:
  phase connect(instant now);
  phase provision();
  phase wait(instant now, instant span);
  phase online();
  phase decide(instant now);
  phase try_new(instant now);
  phase back_off(instant now);
  void plan_rotation(instant now, std::optional<instant> ends_in) noexcept;
  /// Counts up and stays at the end.
  static void count(std::uint8_t& what) noexcept {
    if (what < 255) ++what;
  }
  phase keep_old(instant now);
  instant next_backoff() noexcept;
  std::uint8_t refusals_allowed() const noexcept { return (std::max)(how_.refusals_allowed, std::uint8_t{1}); }
  bool refused_for_good() const noexcept { return refusals_ >= refusals_allowed(); }
  bool wants_new() const noexcept { return has_pending_ || !has_credentials_ || refused_for_good(); }
  bool should_provision(instant now) const noexcept {
    return wants_new() && !claim_.empty() && (!claim_due_ || *claim_due_ <= now);
  }
  bool waits_for_connection() const noexcept {
    return phase_ == phase::connecting || (phase_ == phase::trying_new && trial_runs_);
  }

  life_settings how_;
  std::uint64_t random_;
  phase phase_ = phase::idle;
  bool has_credentials_ = false, has_pending_ = false, old_is_up_ = false;
  bool trial_runs_ = false, trial_is_up_ = false;
  bool claim_is_newer_ = false;  // than the one that the session runs with
  bool own_turn_ = false;        // the device's own credentials come before the next session
  std::string claim_;
  std::uint8_t refusals_ = 0, failures_ = 0;
  std::optional<instant> step_due_, rotation_due_, claim_due_;  // the last: only of a claim that was refused
  std::optional<life_action> pending_;
};

inline result<phase> life_cycle::start(instant now, inventory has) {
  if (phase_ != phase::idle) return errc::out_of_order;
  has_credentials_ = has.credentials;
  has_pending_ = has.pending;
  if (!has.claim.empty()) claim_ = std::move(has.claim);
  plan_rotation(now, has.ends_in);
  return decide(now);
}

/// For another certificate: the end of the one before says nothing any more.
inline void life_cycle::plan_rotation(instant now, std::optional<instant> ends_in) noexcept {
  rotation_due_.reset();
  if (ends_in && how_.rotate_before.count() > 0)
    rotation_due_ = *ends_in > how_.rotate_before ? after(now, *ends_in - how_.rotate_before) : now;
}

/// What to do when nothing is going on.
inline phase life_cycle::decide(instant now) {
  const bool own_turn = std::exchange(own_turn_, false);
  if (should_provision(now) && !own_turn) return provision();
  if (has_credentials_) return connect(now);
  return wait(now, how_.claim_retry);
}

inline phase life_cycle::connect(instant now) {
  pending_.emplace(connect_device{});
  step_due_ = after(now, how_.connect_timeout);
  return phase_ = phase::connecting;
}

inline phase life_cycle::provision() {
  pending_.emplace(provision_device{claim_});
  own_turn_ = false;
  claim_is_newer_ = false;
  claim_due_.reset();
  step_due_.reset();  // the session has its own timers
  return phase_ = phase::provisioning;
}

inline phase life_cycle::wait(instant now, instant span) {
  step_due_ = after(now, span);
  // A refused claim is due in its own time, however long the back-off of the old credentials is by then.
  if (wants_new() && claim_due_) step_due_ = (std::min)(*step_due_, *claim_due_);
  return phase_ = phase::waiting;
}

inline phase life_cycle::online() {
  refusals_ = failures_ = 0;
  has_credentials_ = true;
  step_due_.reset();
  return phase_ = phase::online;
}

inline result<phase> life_cycle::handle_connected(instant /*now*/) {
  if (!waits_for_connection()) return errc::out_of_order;
  if (phase_ == phase::connecting) return online();
  pending_.emplace(promote_credentials{});
  step_due_.reset();
  trial_is_up_ = true;
  return phase_ = phase::promoting;
}

inline result<phase> life_cycle::handle_refused(instant now) {
  if (!waits_for_connection()) return errc::out_of_order;
  count(refusals_);
  if (phase_ == phase::trying_new && refused_for_good()) {
    pending_.emplace(discard_credentials{});
    return keep_old(now);
  }
  count(failures_);
  if (phase_ == phase::connecting && should_provision(now)) return provision();
  return back_off(now);
}

inline result<phase> life_cycle::handle_unreachable(instant now) {
  if (!waits_for_connection()) return errc::out_of_order;
  count(failures_);
  return back_off(now);
}

/// Before the next connection, on trial or not.
inline phase life_cycle::back_off(instant now) {
  const instant span = next_backoff();
  if (phase_ != phase::trying_new) return wait(now, span);
  trial_runs_ = false;  // the trial goes on afterwards
  step_due_ = after(now, span);
  return phase_;
}

inline phase life_cycle::try_new(instant now) {
  pending_.emplace(try_new_credentials{});
  step_due_ = after(now, how_.connect_timeout);
  trial_runs_ = true;
  return phase_ = phase::trying_new;
}

inline result<phase> life_cycle::handle_disconnected(instant now) {
  if (phase_ == phase::rotating || phase_ == phase::trying_new || phase_ == phase::promoting) {
    old_is_up_ = false;  // seen to when the rotation has ended
    trial_is_up_ = false;
    return phase_;
  }
  if (phase_ != phase::online) return errc::out_of_order;
  failures_ = 1;
  return back_off(now);
}

inline result<phase> life_cycle::handle_claim_delivered(instant now, std::string claim) {
  claim_ = std::move(claim);
  claim_is_newer_ = true;
  claim_due_.reset();
  return phase_ == phase::waiting && should_provision(now) ? provision() : phase_;
}

inline result<phase> life_cycle::handle_provisioned(instant now, std::optional<instant> ends_in) {
  if (phase_ != phase::provisioning) return errc::out_of_order;
  has_credentials_ = true;
  has_pending_ = false;
  refusals_ = failures_ = 0;
  plan_rotation(now, ends_in);
  return connect(now);
}

inline result<phase> life_cycle::handle_provisioning_refused(instant now) {
  if (phase_ != phase::provisioning) return errc::out_of_order;
  count(failures_);
  if (claim_is_newer_) return decide(now);  // nothing is known against the one that was delivered meanwhile
  claim_due_ = after(now, how_.claim_retry);
  // The old credentials may be made ACTIVE again: they are tried meanwhile, and the claim after a while.
  return wait(now, has_credentials_ ? next_backoff() : how_.claim_retry);
}

inline result<phase> life_cycle::handle_provisioning_failed(instant now) {
  if (phase_ != phase::provisioning) return errc::out_of_order;
  count(failures_);
  if (has_credentials_) {
    refusals_ = static_cast<std::uint8_t>(refusals_allowed() - 1);  // one more is needed, of connections after the trouble
    own_turn_ = true;
  }
  return back_off(now);
}

inline result<phase> life_cycle::handle_rotated(instant now) {
  if (phase_ != phase::rotating) return errc::out_of_order;
  refusals_ = failures_ = 0;
  return try_new(now);
}

inline result<phase> life_cycle::handle_rotation_failed(instant now) {
  if (phase_ != phase::rotating) return errc::out_of_order;
  return keep_old(now);
}

inline result<phase> life_cycle::handle_promoted(instant now, std::optional<instant> ends_in) {
  if (phase_ != phase::promoting) return errc::out_of_order;
  plan_rotation(now, ends_in);
  // Each rotation is another certificate: what a wrong clock or a short-lived one makes due at once has to wait.
  if (rotation_due_) rotation_due_ = (std::max)(*rotation_due_, after(now, how_.rotation_retry));
  online();  // on the connection of the trial
  return trial_is_up_ ? phase_ : wait(now, instant{0});
}

inline result<phase> life_cycle::handle_promotion_failed(instant now) {
  if (phase_ != phase::promoting) return errc::out_of_order;
  return keep_old(now);
}

/// After a rotation that came to nothing.
inline phase life_cycle::keep_old(instant now) {
  refusals_ = failures_ = 0;  // nothing is known against the old ones
  rotation_due_ = after(now, how_.rotation_retry);
  if (old_is_up_) {
    step_due_.reset();
    return phase_ = phase::online;
  }
  return wait(now, instant{0});
}

inline void life_cycle::handle_timeout(instant now) {
  if (step_due_ && *step_due_ <= now) {
    step_due_.reset();
    switch (phase_) {
      case phase::waiting: decide(now); break;
      case phase::connecting:
      case phase::trying_new:
        // A connection that nobody answered is network trouble; in the back-off of a trial the next one is due.
        if (!handle_unreachable(now)) try_new(now);
        break;
      default: break;  // GCOVR_EXCL_LINE: no other phase has a timer of its step
    }
  }
  if (phase_ == phase::online && rotation_due_ && *rotation_due_ <= now) {
    rotation_due_.reset();
    old_is_up_ = true;
    pending_.emplace(rotate_credentials{});
    phase_ = phase::rotating;
  }
}

inline std::optional<instant> life_cycle::poll_timeout() const noexcept {
  return phase_ == phase::online ? rotation_due_ : step_due_;  // online nothing else is timed
}

inline instant life_cycle::next_backoff() noexcept {
  return (std::max)(how_.connect_pause, full_jitter(random_, how_.backoff_base, how_.backoff_cap, failures_));
}

}  // namespace fleetprov::provisioning
