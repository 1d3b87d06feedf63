#pragma once

#include <fleetprov/core/after.hpp>
#include <fleetprov/core/result.hpp>
#include <fleetprov/core/secret.hpp>
#include <fleetprov/payloads/messages.hpp>
#include <fleetprov/provisioning/transitions.hpp>
#include <fleetprov/topics/fleet_topics.hpp>
#include <fleetprov/topics/limits.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace fleetprov::provisioning {

/// A point on the caller's monotonic clock (any epoch), or a span of it: from 0 to `instant::max()`, which is without limit.
using instant = std::chrono::milliseconds;

/// Limits of one run. Spans are milliseconds on the caller's clock.
struct settings {
  instant connect_timeout{15'000};  ///< CONNACK, and the trial of stored credentials
  instant reply_timeout{10'000};    ///< SUBACK and replies; a pre-provisioning hook alone may take 5 s
  instant backoff_base{1'000};      ///< first span of the full jitter; doubles with each failure
  instant backoff_cap{30'000};      ///< longest span of it
  instant token_lifetime{topics::limits::token_lifetime_seconds * 1000};  ///< Developer Guide, "Device provisioning MQTT API"
  instant give_up_after{0};         ///< limit of the whole run; 0 = none
  std::uint8_t max_connects = 5;    ///< connections that fail in a row
  std::uint8_t max_attempts = 5;    ///< tries of each phase (up to the certificate, and from there)
  std::uint8_t max_hangups = 3;     ///< lost connections per phase; AWS hangs up on what a policy denies
  std::uint8_t max_renewals = 1;    ///< further certificates after the first
  std::uint32_t jitter_seed = 0;    ///< different on each device
};

/// A certificate of an earlier run whose RegisterThing was not confirmed.
struct unfinished {
  secret certificate_ownership_token;  ///< empty: known to be no good
  instant token_age{0};                ///< since the certificate was issued; negative counts as 0
};

// Actions: what the caller must do, each answered by the `handle_*` call that its comment names.
struct connect {};                 ///< open a new connection, clean session: handle_connected / _refused / _disconnected
struct subscribe { topics::api call; };  ///< to its accepted and rejected, QoS 1: handle_subscribed / _subscribe_refused
struct publish {                   ///< QoS 1; the reply comes to handle_certificate / _registered / _rejected
  std::variant<payloads::create_keys_and_certificate_request, payloads::create_certificate_from_csr_request,
               payloads::register_thing_request> request;
};
struct store_credentials { payloads::certificate_response issued; };  ///< durably: handle_stored / _store_failed
/// Close the claim connection (no need to report it) and connect with the stored credentials:
/// handle_credentials_work / _refused / _unreachable.
struct try_credentials {};
/// The end: the certificate is registered. `thing` is empty when the reply was lost and the
/// credentials were found to work.
struct finished { std::optional<payloads::register_thing_response> thing; };
/// A reply that could not be read, which counts as lost.
struct unreadable_reply { topics::api call; topics::message_kind kind; failure why; };
/// The end: `during` is the state that failed. `reply` is the rejection that ended the run or, where the time was over
/// (`timed_out`) while a request was repeated, the last one that the service gave to it; `unreadable` is a reply to that
/// request that came since then.
struct gave_up { failure why; state during; payloads::error_response reply; std::optional<unreadable_reply> unreadable{}; };
using action = std::variant<connect, subscribe, publish, store_credentials, try_credentials, finished, gave_up>;

/// Full jitter: anything from nothing to a span that doubles with each failure, from `base` up to
/// `cap`. `random` is the state of a splitmix64 sequence.
inline instant full_jitter(std::uint64_t& random, instant base, instant cap, unsigned failures) noexcept {
  instant span = base;
  for (unsigned i = 1; i < failures && span < cap; ++i) span = span > cap / 2 ? cap : span * 2;
  span = (std::min)(span, cap);
  random += 0x9E3779B97F4A7C15U;
  std::uint64_t bits = random;
  bits = (bits ^ (bits >> 30U)) * 0xBF58476D1CE4E5B9U;
  bits = (bits ^ (bits >> 27U)) * 0x94D049BB133111EBU;
  bits ^= bits >> 31U;
  return instant{static_cast<instant::rep>(bits % (static_cast<std::uint64_t>(span.count()) + 1U))};
}

namespace detail {
/// What a machine knows of its run. Moved as a whole, so that the machine it came from is as a new one.
struct machine_run {
  state state_ = state::idle;
  payloads::certificate_request wanted_;
  std::map<std::string, std::string> parameters_;
  secret token_;
  instant token_expiry_ = (instant::min)();  // without a certificate: long ago
  bool has_certificate_ = false;
  bool asked_ = false;  // RegisterThing was sent for the certificate, now or by an earlier run
  std::uint8_t connects_ = 0, attempts_ = 0, hangups_ = 0, renewals_ = 0;
  std::array<std::optional<instant>, 3> timers_;
  std::optional<action> pending_;
  // What the service last said of the request that is repeated.
  std::optional<payloads::error_response> last_;
  std::optional<unreadable_reply> unreadable_;
  // What came with the input that is being taken.
  std::optional<payloads::certificate_response> issued_;
  std::optional<payloads::register_thing_response> thing_;
  std::optional<payloads::error_response> reply_;
};
}  // namespace detail

/// Provisioning by claim as a machine without I/O, clock, thread or global: `handle_*` takes what
/// happened and the time, `poll_action` gives what to do next, `poll_timeout` when to call
/// `handle_timeout`. Every transition is a row of `transitions`. AWS IoT Developer Guide,
/// "Provisioning devices that don't have device certificates using fleet provisioning".
///
/// Each `handle_*` answers the new state, or `out_of_order` (nothing changed): duplicate and late
/// replies end there. One request is out at a time. After `store_credentials` nothing is sent until
/// `handle_stored`; no second certificate is asked for while one is stored and may be registered.
///
/// Who is moved from is idle and has nothing to do.
class machine : detail::machine_run {
 public:
  explicit machine(settings how = {}) : how_(how), random_(how.jitter_seed) {}
  machine(machine&& other) noexcept : machine(other.how_) { *this = std::move(other); }
  machine& operator=(machine&& other) noexcept {
    run_of(*this) = std::exchange(run_of(other), detail::machine_run());
    how_ = other.how_;
    random_ = other.random_;
    return *this;
  }
  machine(const machine&) = delete;
  machine& operator=(const machine&) = delete;
  ~machine() = default;

  /// Begins: `wanted` decides the create operation, `parameters` go to RegisterThing.
  result<state> start(instant now, payloads::certificate_request wanted, std::map<std::string, std::string> parameters);

  /// Begins with a certificate that an earlier run stored: RegisterThing while its token is good,
  /// else its credentials are tried; `wanted` is for the case that neither helps.
  result<state> resume(instant now, unfinished stored, payloads::certificate_request wanted,
                       std::map<std::string, std::string> parameters);

  result<state> handle_connected(instant now) { return take(now, input::connected); }
  result<state> handle_connect_refused(instant now) { return take(now, input::connect_refused); }
  result<state> handle_disconnected(instant now) { return take(now, input::disconnected); }
  result<state> handle_subscribed(instant now, topics::api call) {
    return expects(call) ? take(now, input::subscribed) : errc::out_of_order;
  }
  /// `reason_code` as in SUBACK; 0x97 (quota exceeded) is left to the timer, anything else is final.
  result<state> handle_subscribe_refused(instant now, topics::api call, std::uint8_t reason_code);
  /// `reason_code` as in an MQTT 5 PUBACK; 0x97 (quota exceeded) is tried again.
  result<state> handle_publish_refused(instant now, topics::api call, std::uint8_t reason_code);
  result<state> handle_certificate(instant now, payloads::certificate_response issued);
  result<state> handle_registered(instant now, payloads::register_thing_response thing);
  result<state> handle_rejected(instant now, topics::api call, payloads::error_response reply);
  /// A reply that cannot be read: the reply timer goes on, and `gave_up` tells of it if nothing better comes.
  result<state> handle_unreadable(unreadable_reply what);
  /// The credentials are in safe storage.
  result<state> handle_stored(instant now) { return take(now, input::stored); }
  result<state> handle_store_failed(instant now) { return take(now, input::store_failed); }
  result<state> handle_credentials_work(instant now) { return take(now, input::credentials_work); }
  result<state> handle_credentials_refused(instant now) { return take(now, input::credentials_refused); }
  result<state> handle_credentials_unreachable(instant now) { return take(now, input::credentials_unreachable); }
  /// The caller ends the run: gives up as if its time were over. Terminal states stay.
  void abandon() { (void)take(instant{0}, input::give_up); }
  /// Early or repeated calls do nothing.
  void handle_timeout(instant now);

  /// Call until empty after every `handle_*`. Each action is given once.
  std::optional<action> poll_action() { return std::exchange(pending_, std::nullopt); }

  /// The earliest of all timers; empty when nothing is timed.
  std::optional<instant> poll_timeout() const noexcept {
    std::optional<instant> first;
    for (const auto& at : timers_)
      if (at && (!first || *at < *first)) first = at;
    return first;
  }

  state current() const noexcept { return state_; }
  /// The create operation in use.
  topics::api create_call() const noexcept {
    return std::holds_alternative<payloads::create_certificate_from_csr_request>(wanted_)
               ? topics::api::create_certificate_from_csr
               : topics::api::create_keys_and_certificate;
  }
  /// The signing request in use; null where the service makes the key. Valid until the next call that is not const.
  const std::string* signing_request() const noexcept {
    const auto* request = std::get_if<payloads::create_certificate_from_csr_request>(&wanted_);
    return request != nullptr ? &request->certificate_signing_request : nullptr;
  }

 private:
  enum timer : std::uint8_t { step_timer, token_timer, run_timer };

  static detail::machine_run& run_of(machine& of) noexcept { return of; }
  bool in_register_phase() const noexcept { return has_certificate_; }
  /// Whether an answer about `call` belongs to the phase this machine is in.
  bool expects(topics::api call) const noexcept {
    return call == (in_register_phase() ? topics::api::register_thing : create_call());
  }
  bool holds(guard when, instant now) const noexcept;
  /// The row that `on` would take now; null: it is out of order.
  const transition* row_for(instant now, input on) const noexcept;
  void spend(guard when) noexcept;
  result<state> take(instant now, input on);
  /// With what came with the input: it goes into `slot` for this one row and is gone afterwards, taken or not.
  template <class What>
  result<state> take_with(instant now, input on, std::optional<What>& slot, What&& what) {
    slot = std::move(what);
    auto next = take(now, on);
    slot.reset();
    return next;
  }
  void run(effect then, instant now, input on, state from);
  void fail(input on, state from);
  void forget_certificate() noexcept;
  void forget_answers() noexcept {
    last_.reset();
    unreadable_.reset();
  }
  void arm(instant now, instant span) noexcept { timers_[step_timer] = after(now, span); }
  instant next_backoff() noexcept;

  settings how_;
  std::uint64_t random_;
};

inline result<state> machine::start(instant now, payloads::certificate_request wanted,
                                    std::map<std::string, std::string> parameters) {
  if (state_ != state::idle) return errc::out_of_order;
  wanted_ = std::move(wanted);
  parameters_ = std::move(parameters);
  if (how_.give_up_after.count() > 0) timers_[run_timer] = after(now, how_.give_up_after);
  return take(now, input::start);
}

inline result<state> machine::resume(instant now, unfinished stored, payloads::certificate_request wanted,
                                     std::map<std::string, std::string> parameters) {
  if (state_ != state::idle) return errc::out_of_order;
  wanted_ = std::move(wanted);
  parameters_ = std::move(parameters);
  if (how_.give_up_after.count() > 0) timers_[run_timer] = after(now, how_.give_up_after);
  has_certificate_ = asked_ = true;
  const bool usable = !stored.certificate_ownership_token.empty();
  token_ = std::move(stored.certificate_ownership_token);
  const instant age = (std::min)((std::max)(stored.token_age, instant{0}), how_.token_lifetime);
  token_expiry_ = usable ? after(now, how_.token_lifetime - age) : now;
  if (token_expiry_ > now) timers_[token_timer] = token_expiry_;
  return take(now, input::resume);
}

inline result<state> machine::handle_subscribe_refused(instant now, topics::api call, std::uint8_t reason_code) {
  constexpr std::uint8_t quota_exceeded = 0x97;
  if (!expects(call) || row_for(now, input::subscribe_refused) == nullptr) return errc::out_of_order;
  if (reason_code == quota_exceeded) return state_;
  return take(now, input::subscribe_refused);
}

inline result<state> machine::handle_publish_refused(instant now, topics::api call, std::uint8_t reason_code) {
  constexpr std::uint8_t quota_exceeded = 0x97;
  if (!expects(call)) return errc::out_of_order;
  return take(now, reason_code == quota_exceeded ? input::rejected_for_now : input::publish_refused);
}

inline result<state> machine::handle_certificate(instant now, payloads::certificate_response issued) {
  return take_with(now, input::certificate_issued, issued_, std::move(issued));
}

inline result<state> machine::handle_registered(instant now, payloads::register_thing_response thing) {
  return take_with(now, input::thing_registered, thing_, std::move(thing));
}

inline result<state> machine::handle_rejected(instant now, topics::api call, payloads::error_response reply) {
  if (!expects(call)) return errc::out_of_order;
  // "Decide on statusCode only": 429 and 5xx pass; the one documented errorCode is the exception,
  // since a bad token is mended by another certificate.
  const int status = reply.status_code.value_or(0);
  const bool token = call == topics::api::register_thing && reply.error_code == "InvalidCertificateOwnershipToken";
  const input on = token                            ? input::rejected_token
                   : status == 429 || status >= 500 ? input::rejected_for_now
                                                    : input::rejected;
  return take_with(now, on, reply_, std::move(reply));
}

inline result<state> machine::handle_unreadable(unreadable_reply what) {
  if (!expects(what.call) || !is_asking(state_)) return errc::out_of_order;
  unreadable_ = what;
  return state_;
}

inline void machine::handle_timeout(instant now) {
  const auto due = [&](timer which) {
    if (!timers_[which] || *timers_[which] > now) return false;
    timers_[which].reset();
    return true;
  };
  if (due(run_timer)) (void)take(now, input::give_up);
  if (due(token_timer)) (void)take(now, input::token_expired);
  if (due(step_timer)) (void)take(now, input::timeout);
}

inline bool machine::holds(guard when, instant now) const noexcept {
  switch (when) {
    case guard::always: return true;
    case guard::without_certificate: return !has_certificate_;
    case guard::token_good: return now < token_expiry_;
    case guard::never_asked: return !asked_ && renewals_ < how_.max_renewals;
    case guard::asked: return asked_;
    case guard::connects_left: return connects_ + 1 < how_.max_connects;
    case guard::attempts_left: return attempts_ + 1 < how_.max_attempts;
    case guard::hangups_left: return hangups_ + 1 < how_.max_hangups;
    case guard::renewal_left: return renewals_ < how_.max_renewals;
  }
  return false;  // GCOVR_EXCL_LINE: every guard is above
}

inline void machine::spend(guard when) noexcept {
  if (when == guard::connects_left) ++connects_;
  else if (when == guard::attempts_left) ++attempts_;
  else if (when == guard::hangups_left) ++hangups_;
}

inline const transition* machine::row_for(instant now, input on) const noexcept {
  if (is_terminal(state_)) return nullptr;
  for (const transition& row : transitions)
    if (row.on == on && (!row.from || *row.from == state_) && holds(row.when, now)) return &row;
  return nullptr;
}

inline result<state> machine::take(instant now, input on) {
  const transition* row = row_for(now, on);
  if (row == nullptr) return errc::out_of_order;
  const state from = std::exchange(state_, row->to);
  spend(row->when);
  if (on == input::connected) connects_ = 0;
  run(row->then, now, on, from);
  return state_;
}

inline void machine::run(effect then, instant now, input on, state from) {
  if (then == effect::none) return;  // an action that was not polled yet still stands
  pending_.reset();
  timers_[step_timer].reset();
  switch (then) {
    case effect::none: break;  // GCOVR_EXCL_LINE: it returned above
    case effect::renew_connect:
      forget_certificate();
      [[fallthrough]];
    case effect::connect:
      pending_.emplace(connect{});
      arm(now, how_.connect_timeout);
      break;
    case effect::renew:
      forget_certificate();
      [[fallthrough]];
    case effect::subscribe_create:
      pending_.emplace(subscribe{create_call()});
      arm(now, how_.reply_timeout);
      break;
    case effect::publish_create: {
      publish out;
      std::visit([&](const auto& request) { out.request = request; }, wanted_);
      pending_.emplace(std::move(out));
      arm(now, how_.reply_timeout);
      break;
    }
    case effect::store:
      has_certificate_ = true;
      attempts_ = hangups_ = 0;
      token_ = issued_->certificate_ownership_token.clone();
      token_expiry_ = after(now, how_.token_lifetime);
      timers_[token_timer] = token_expiry_;
      pending_.emplace(store_credentials{std::move(*issued_)});
      forget_answers();
      break;
    case effect::subscribe_register:
      pending_.emplace(subscribe{topics::api::register_thing});
      arm(now, how_.reply_timeout);
      break;
    case effect::publish_register:
      asked_ = true;
      pending_.emplace(publish{payloads::register_thing_request{token_.clone(), parameters_}});
      arm(now, how_.reply_timeout);
      break;
    case effect::try_credentials:
      pending_.emplace(try_credentials{});
      arm(now, how_.connect_timeout);
      break;
    case effect::back_off:
      if (on == input::rejected_for_now) {
        last_ = std::move(reply_);
        unreadable_.reset();
      }
      arm(now, next_backoff());
      break;
    case effect::finish:
      timers_.fill(std::nullopt);
      token_.clear();
      pending_.emplace(finished{std::move(thing_)});
      break;
    case effect::fail: fail(on, from); break;
  }
}

inline void machine::fail(input on, state from) {
  errc why = errc::rejected;
  switch (on) {
    case input::disconnected:
    case input::credentials_unreachable: why = errc::disconnected; break;
    case input::timeout:
    case input::give_up:
    case input::stored: why = errc::timed_out; break;
    case input::subscribe_refused: why = errc::subscription_refused; break;
    case input::store_failed: why = errc::storage; break;
    default: break;
  }
  timers_.fill(std::nullopt);
  token_.clear();
  if (why != errc::timed_out || !is_asking(from)) forget_answers();
  auto& said = reply_ ? reply_ : last_;
  pending_.emplace(gave_up{failure{why}, from, std::move(said).value_or(payloads::error_response{}), unreadable_});
}

inline void machine::forget_certificate() noexcept {
  has_certificate_ = asked_ = false;
  token_.clear();
  token_expiry_ = (instant::min)();
  timers_[token_timer].reset();
  attempts_ = hangups_ = 0;
  ++renewals_;
  forget_answers();
}

inline instant machine::next_backoff() noexcept {
  const unsigned failures = static_cast<unsigned>(connects_) + attempts_ + hangups_;
  return full_jitter(random_, how_.backoff_base, how_.backoff_cap, failures);
}

}  // namespace fleetprov::provisioning
