#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace fleetprov::provisioning {

/// Where a machine is. The step that a person knows is `step_of`.
enum class state : std::uint8_t {
  idle,
  connecting,            ///< waits for the claim connection
  connect_backoff,       ///< waits before the next connection
  subscribing_create,    ///< waits for the SUBACK of the create operation's accepted and rejected
  creating_certificate,  ///< one create request is out
  create_backoff,        ///< waits before the next create request
  storing_credentials,   ///< nothing is sent until the credentials are stored
  storing_offline,       ///< the same, and the connection was lost meanwhile
  subscribing_register,  ///< waits for the SUBACK of RegisterThing's accepted and rejected
  registering_thing,     ///< one RegisterThing request is out
  register_backoff,      ///< waits before the next RegisterThing
  trying_credentials,    ///< the token is no good: connects with the stored credentials to see
  trying_backoff,        ///< the same, after network trouble
  provisioned,           ///< terminal
  failed,                ///< terminal
};
inline constexpr std::size_t state_count = 15;

/// What can happen to a machine, already told apart: replies by their status, failures by their kind.
enum class input : std::uint8_t {
  start,
  resume,
  connected,
  connect_refused,     ///< the service answered CONNECT with a refusal
  disconnected,        ///< the connection was lost, or could not be made
  subscribed,
  subscribe_refused,
  publish_refused,     ///< MQTT 5 PUBACK with an error
  certificate_issued,
  thing_registered,
  rejected_for_now,    ///< 429, 5xx
  rejected_token,      ///< RegisterThing: InvalidCertificateOwnershipToken
  rejected,            ///< any other status
  stored,
  store_failed,
  credentials_work,
  credentials_refused,
  credentials_unreachable,
  timeout,             ///< the state's own timer
  token_expired,
  give_up,             ///< the limit of the whole run
};
inline constexpr std::size_t input_count = 21;

/// A condition on a row; the first row whose condition holds is taken.
enum class guard : std::uint8_t {
  always,
  without_certificate,  ///< no certificate is held
  token_good,           ///< one is held and its token has not expired
  never_asked,          ///< one is held, RegisterThing was never sent for it, and one more is allowed
  asked,                ///< RegisterThing was sent for the one that is held, now or by an earlier run
  connects_left,        ///< connecting may fail once more in a row
  attempts_left,        ///< the phase may fail once more
  hangups_left,         ///< the connection may be lost once more
  renewal_left,         ///< one more certificate is allowed
};

/// What a row makes the machine do.
enum class effect : std::uint8_t {
  none,
  connect,
  subscribe_create,
  publish_create,
  store,
  subscribe_register,
  publish_register,
  try_credentials,
  renew,          ///< forget the certificate, then subscribe_create
  renew_connect,  ///< forget the certificate, then connect
  back_off,
  finish,
  fail,
};

/// One row: in `from` (any state that is not terminal, where empty), `on` leads to `to` if `when`
/// holds, and `then` is done.
struct transition {
  std::optional<state> from;
  input on;
  guard when;
  state to;
  effect then;
};

/// Every transition there is. An input without a row is `out_of_order` and changes nothing: so are
/// duplicate and late replies.
inline constexpr transition transitions[] = {
    {state::idle, input::start, guard::always, state::connecting, effect::connect},
    {state::idle, input::resume, guard::token_good, state::connecting, effect::connect},
    {state::idle, input::resume, guard::always, state::trying_credentials, effect::try_credentials},

    {state::connecting, input::connected, guard::without_certificate, state::subscribing_create, effect::subscribe_create},
    {state::connecting, input::connected, guard::token_good, state::subscribing_register, effect::subscribe_register},
    {state::connecting, input::connected, guard::never_asked, state::subscribing_create, effect::renew},
    {state::connecting, input::connected, guard::always, state::trying_credentials, effect::try_credentials},
    {state::connecting, input::connect_refused, guard::always, state::failed, effect::fail},
    {state::connecting, input::disconnected, guard::connects_left, state::connect_backoff, effect::back_off},
    {state::connecting, input::disconnected, guard::always, state::failed, effect::fail},
    {state::connecting, input::timeout, guard::connects_left, state::connect_backoff, effect::back_off},
    {state::connecting, input::timeout, guard::always, state::failed, effect::fail},
    {state::connect_backoff, input::timeout, guard::always, state::connecting, effect::connect},

    {state::subscribing_create, input::subscribed, guard::always, state::creating_certificate, effect::publish_create},
    {state::subscribing_create, input::subscribe_refused, guard::always, state::failed, effect::fail},
    {state::subscribing_create, input::disconnected, guard::hangups_left, state::connect_backoff, effect::back_off},
    {state::subscribing_create, input::disconnected, guard::always, state::failed, effect::fail},
    {state::subscribing_create, input::timeout, guard::attempts_left, state::subscribing_create, effect::subscribe_create},
    {state::subscribing_create, input::timeout, guard::always, state::failed, effect::fail},

    {state::creating_certificate, input::certificate_issued, guard::always, state::storing_credentials, effect::store},
    {state::creating_certificate, input::rejected_for_now, guard::attempts_left, state::create_backoff, effect::back_off},
    {state::creating_certificate, input::rejected_for_now, guard::always, state::failed, effect::fail},
    {state::creating_certificate, input::rejected, guard::always, state::failed, effect::fail},
    {state::creating_certificate, input::publish_refused, guard::always, state::failed, effect::fail},
    {state::creating_certificate, input::disconnected, guard::hangups_left, state::connect_backoff, effect::back_off},
    {state::creating_certificate, input::disconnected, guard::always, state::failed, effect::fail},
    {state::creating_certificate, input::timeout, guard::attempts_left, state::create_backoff, effect::back_off},
    {state::creating_certificate, input::timeout, guard::always, state::failed, effect::fail},
    {state::create_backoff, input::timeout, guard::always, state::creating_certificate, effect::publish_create},
    {state::create_backoff, input::certificate_issued, guard::always, state::storing_credentials, effect::store},
    {state::create_backoff, input::disconnected, guard::hangups_left, state::connect_backoff, effect::back_off},
    {state::create_backoff, input::disconnected, guard::always, state::failed, effect::fail},

    {state::storing_credentials, input::stored, guard::token_good, state::subscribing_register, effect::subscribe_register},
    {state::storing_credentials, input::stored, guard::renewal_left, state::subscribing_create, effect::renew},
    {state::storing_credentials, input::stored, guard::always, state::failed, effect::fail},
    {state::storing_credentials, input::store_failed, guard::always, state::failed, effect::fail},
    {state::storing_credentials, input::disconnected, guard::always, state::storing_offline, effect::none},
    {state::storing_offline, input::stored, guard::hangups_left, state::connect_backoff, effect::back_off},
    {state::storing_offline, input::stored, guard::always, state::failed, effect::fail},
    {state::storing_offline, input::store_failed, guard::always, state::failed, effect::fail},

    {state::subscribing_register, input::subscribed, guard::always, state::registering_thing, effect::publish_register},
    {state::subscribing_register, input::subscribe_refused, guard::always, state::failed, effect::fail},
    {state::subscribing_register, input::thing_registered, guard::asked, state::provisioned, effect::finish},
    {state::subscribing_register, input::disconnected, guard::hangups_left, state::connect_backoff, effect::back_off},
    {state::subscribing_register, input::disconnected, guard::always, state::failed, effect::fail},
    {state::subscribing_register, input::timeout, guard::attempts_left, state::subscribing_register, effect::subscribe_register},
    {state::subscribing_register, input::timeout, guard::always, state::failed, effect::fail},
    {state::subscribing_register, input::token_expired, guard::never_asked, state::subscribing_create, effect::renew},
    {state::subscribing_register, input::token_expired, guard::always, state::trying_credentials, effect::try_credentials},

    {state::registering_thing, input::thing_registered, guard::always, state::provisioned, effect::finish},
    {state::registering_thing, input::rejected_for_now, guard::attempts_left, state::register_backoff, effect::back_off},
    {state::registering_thing, input::rejected_for_now, guard::always, state::failed, effect::fail},
    {state::registering_thing, input::rejected_token, guard::always, state::trying_credentials, effect::try_credentials},
    {state::registering_thing, input::rejected, guard::always, state::failed, effect::fail},
    {state::registering_thing, input::publish_refused, guard::always, state::failed, effect::fail},
    {state::registering_thing, input::disconnected, guard::hangups_left, state::connect_backoff, effect::back_off},
    {state::registering_thing, input::disconnected, guard::always, state::failed, effect::fail},
    {state::registering_thing, input::timeout, guard::attempts_left, state::register_backoff, effect::back_off},
    {state::registering_thing, input::timeout, guard::always, state::failed, effect::fail},
    {state::register_backoff, input::timeout, guard::token_good, state::registering_thing, effect::publish_register},
    {state::register_backoff, input::timeout, guard::always, state::trying_credentials, effect::try_credentials},
    {state::register_backoff, input::thing_registered, guard::always, state::provisioned, effect::finish},
    {state::register_backoff, input::rejected_token, guard::always, state::trying_credentials, effect::try_credentials},
    {state::register_backoff, input::disconnected, guard::hangups_left, state::connect_backoff, effect::back_off},
    {state::register_backoff, input::disconnected, guard::always, state::failed, effect::fail},
    {state::register_backoff, input::token_expired, guard::always, state::trying_credentials, effect::try_credentials},

    {state::trying_credentials, input::credentials_work, guard::always, state::provisioned, effect::finish},
    {state::trying_credentials, input::thing_registered, guard::asked, state::provisioned, effect::finish},
    {state::trying_credentials, input::credentials_refused, guard::renewal_left, state::connecting, effect::renew_connect},
    {state::trying_credentials, input::credentials_refused, guard::always, state::failed, effect::fail},
    {state::trying_credentials, input::credentials_unreachable, guard::attempts_left, state::trying_backoff, effect::back_off},
    {state::trying_credentials, input::credentials_unreachable, guard::always, state::failed, effect::fail},
    {state::trying_credentials, input::timeout, guard::attempts_left, state::trying_backoff, effect::back_off},
    {state::trying_credentials, input::timeout, guard::always, state::failed, effect::fail},
    {state::trying_backoff, input::timeout, guard::always, state::trying_credentials, effect::try_credentials},
    {state::trying_backoff, input::thing_registered, guard::asked, state::provisioned, effect::finish},

    {std::nullopt, input::give_up, guard::always, state::failed, effect::fail},
};

constexpr bool is_terminal(state s) noexcept { return s == state::provisioned || s == state::failed; }

/// Whether a create operation or RegisterThing was sent and is not answered for good yet: one is out, or waits to be sent again.
constexpr bool is_asking(state s) noexcept {
  return s == state::creating_certificate || s == state::create_backoff || s == state::registering_thing ||
         s == state::register_backoff;
}

constexpr std::string_view name_of(state s) noexcept {
  constexpr std::array<std::string_view, state_count> names = {
      "idle",           "connecting",          "connect_backoff",  "subscribing_create",   "creating_certificate",
      "create_backoff", "storing_credentials", "storing_offline",  "subscribing_register", "registering_thing",
      "register_backoff", "trying_credentials", "trying_backoff",  "provisioned",          "failed"};
  return names[static_cast<std::size_t>(s)];
}

constexpr std::string_view name_of(input i) noexcept {
  constexpr std::array<std::string_view, input_count> names = {
      "start", "resume", "connected", "connect_refused", "disconnected", "subscribed", "subscribe_refused",
      "publish_refused", "certificate_issued", "thing_registered", "rejected_for_now", "rejected_token", "rejected",
      "stored", "store_failed", "credentials_work", "credentials_refused", "credentials_unreachable", "timeout",
      "token_expired", "give_up"};
  return names[static_cast<std::size_t>(i)];
}

constexpr std::string_view name_of(guard g) noexcept {
  constexpr std::array<std::string_view, 9> names = {"always", "without_certificate", "token_good", "never_asked", "asked",
                                                     "connects_left", "attempts_left", "hangups_left", "renewal_left"};
  return names[static_cast<std::size_t>(g)];
}

constexpr std::string_view name_of(effect e) noexcept {
  constexpr std::array<std::string_view, 13> names = {
      "none", "connect", "subscribe_create", "publish_create", "store", "subscribe_register", "publish_register",
      "try_credentials", "renew", "renew_connect", "back_off", "finish", "fail"};
  return names[static_cast<std::size_t>(e)];
}

/// The step of the flow, in AWS's and MQTT's words where there are some.
constexpr std::string_view step_of(state s) noexcept {
  constexpr std::array<std::string_view, state_count> steps = {
      "start",              "connect",           "connect",           "subscribe",     "create certificate",
      "create certificate", "store credentials", "store credentials", "subscribe",     "RegisterThing",
      "RegisterThing",      "try credentials",   "try credentials",   "provisioned",   "failed"};
  return steps[static_cast<std::size_t>(s)];
}

}  // namespace fleetprov::provisioning
