#pragma once

#include <fleetprov/payloads/codec.hpp>
#include <fleetprov/provisioning/machine.hpp>
#include <fleetprov/topics/fleet_topics.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace fleetprov::provisioning {

// Actions of a session: those of the machine with the MQTT parts spelled out.

/// Send one SUBSCRIBE with both filters, QoS 1: handle_subscribed / handle_subscribe_refused.
struct subscribe_topics { topics::api call; std::array<topics::fleet_topic_text, 2> filters; };
/// Send one PUBLISH, QoS 1, not retained. The payload holds a token or nothing: do not log it.
struct publish_message { topics::api call; topics::fleet_topic_text topic; secret payload; };
using session_action = std::variant<connect, subscribe_topics, publish_message, store_credentials, try_credentials,
                                    finished, gave_up>;

/// Why RegisterThing cannot carry `parameters`: `too_large` (of an MQTT payload, 131072 bytes, 2048 are kept for the token),
/// `invalid_utf8`. Empty if it can.
inline std::optional<failure> find_unsendable(const std::map<std::string, std::string>& parameters,
                                              topics::payload_format format) {
  // assumption: no length of an ownership token is documented; those of AWS have some hundred characters.
  constexpr std::size_t room_for_token = 2048;
  payloads::register_thing_request request;
  request.certificate_ownership_token = secret(std::string(room_for_token, 'x'));
  request.parameters = parameters;
  const auto bytes = payloads::encode(request, format);
  if (bytes) return std::nullopt;
  return bytes.error();
}

/// A machine with the codec and the topics: bytes in, bytes out, for one provisioning template.
/// Feed it everything that arrives with `handle_message`; poll after each call.
class session {
 public:
  session(topics::template_name name, topics::payload_format format, settings how = {})
      : name_(name), format_(format), machine_(how) {}
  /// Who is moved from is idle and has nothing to do.
  session(session&& other) noexcept
      : name_(other.name_), format_(other.format_), machine_(std::move(other.machine_)),
        unsendable_(std::exchange(other.unsendable_, std::nullopt)) {}
  session& operator=(session&& other) noexcept {
    name_ = other.name_;
    format_ = other.format_;
    machine_ = std::move(other.machine_);
    unsendable_ = std::exchange(other.unsendable_, std::nullopt);
    return *this;
  }
  session(const session&) = delete;
  session& operator=(const session&) = delete;
  ~session() = default;

  /// Both: as the machine's. Parameters that `find_unsendable` names begin nothing, so that no certificate is made in
  /// vain: its error, and `gave_up` is the only action.
  result<state> start(instant now, payloads::certificate_request wanted, std::map<std::string, std::string> parameters) {
    if (refuses(parameters)) return *unsendable_;
    return machine_.start(now, std::move(wanted), std::move(parameters));
  }
  result<state> resume(instant now, unfinished stored, payloads::certificate_request wanted,
                       std::map<std::string, std::string> parameters) {
    if (refuses(parameters)) return *unsendable_;
    return machine_.resume(now, std::move(stored), std::move(wanted), std::move(parameters));
  }

  result<state> handle_connected(instant now) { return machine_.handle_connected(now); }
  result<state> handle_connect_refused(instant now) { return machine_.handle_connect_refused(now); }
  result<state> handle_disconnected(instant now) { return machine_.handle_disconnected(now); }
  /// The SUBACK of the subscription to `call`'s topics. `reason_codes` as granted: any of 0x80 and
  /// above refuses. Without any it is no SUBACK: `out_of_order`.
  result<state> handle_suback(instant now, topics::api call, const std::uint8_t* reason_codes, std::size_t count);
  result<state> handle_subscribed(instant now, topics::api call) { return machine_.handle_subscribed(now, call); }
  result<state> handle_subscribe_refused(instant now, topics::api call, std::uint8_t reason_code) {
    return machine_.handle_subscribe_refused(now, call, reason_code);
  }
  /// An MQTT 5 PUBACK of 0x80 or above.
  result<state> handle_publish_refused(instant now, topics::api call, std::uint8_t reason_code) {
    return machine_.handle_publish_refused(now, call, reason_code);
  }
  /// Any message that arrived. Errors: `invalid_topic` (not a reply to this session), those of
  /// `payloads::decode` (a reply that cannot be read counts as lost: the reply timer goes on, and `gave_up` tells of it),
  /// `missing_field` also for an empty certificate id, certificate, token or, where the service made it, key;
  /// `out_of_order`. A key in the reply to a signing request is left out: that request's own key is the one that fits.
  result<state> handle_message(instant now, std::string_view topic, const std::uint8_t* data, std::size_t size);
  result<state> handle_stored(instant now) { return machine_.handle_stored(now); }
  result<state> handle_store_failed(instant now) { return machine_.handle_store_failed(now); }
  result<state> handle_credentials_work(instant now) { return machine_.handle_credentials_work(now); }
  result<state> handle_credentials_refused(instant now) { return machine_.handle_credentials_refused(now); }
  result<state> handle_credentials_unreachable(instant now) { return machine_.handle_credentials_unreachable(now); }
  void handle_timeout(instant now) { machine_.handle_timeout(now); }
  void abandon() { machine_.abandon(); }

  std::optional<session_action> poll_action();
  std::optional<instant> poll_timeout() const noexcept { return machine_.poll_timeout(); }
  state current() const noexcept { return machine_.current(); }
  topics::api create_call() const noexcept { return machine_.create_call(); }
  const std::string* signing_request() const noexcept { return machine_.signing_request(); }

  /// The topics of `call` in this session's template and format.
  topics::fleet_topic_text topic_of(topics::api call, topics::message_kind kind) const noexcept {
    topics::fleet_topic topic{call, format_, kind, std::nullopt};
    if (call == topics::api::register_thing) topic.name = name_;
    return topics::build(topic);
  }

 private:
  bool refuses(const std::map<std::string, std::string>& parameters) {
    if (machine_.current() != state::idle) return false;
    unsendable_ = find_unsendable(parameters, format_);
    return unsendable_.has_value();
  }
  /// Ends the run for `why`, which is not the machine's reason.
  gave_up give_up(failure why) {
    const state during = machine_.current();
    machine_.abandon();
    (void)machine_.poll_action();
    return gave_up{why, during, {}};
  }
  session_action spell(publish&& out);

  topics::template_name name_;
  topics::payload_format format_;
  machine machine_;
  std::optional<failure> unsendable_;
};

inline result<state> session::handle_suback(instant now, topics::api call, const std::uint8_t* reason_codes,
                                            std::size_t count) {
  if (count == 0) return errc::out_of_order;
  for (std::size_t i = 0; i < count; ++i)
    if (reason_codes[i] >= 0x80) return machine_.handle_subscribe_refused(now, call, reason_codes[i]);
  return machine_.handle_subscribed(now, call);
}

inline result<state> session::handle_message(instant now, std::string_view topic, const std::uint8_t* data,
                                             std::size_t size) {
  const auto place = topics::classify(topic);
  if (!place) return place.error();
  const bool ours = place->format == format_ && place->kind != topics::message_kind::request &&
                    (place->call == topics::api::register_thing ? *place->name == name_
                                                                : place->call == machine_.create_call());
  if (!ours) return errc::invalid_topic;
  const auto unreadable = [&](failure why) -> result<state> {
    (void)machine_.handle_unreadable({place->call, place->kind, why});
    return why;
  };
  if (place->kind == topics::message_kind::rejected) {
    auto reply = payloads::decode<payloads::error_response>(data, size, format_);
    if (!reply) return unreadable(reply.error());
    return machine_.handle_rejected(now, place->call, std::move(*reply));
  }
  if (place->call == topics::api::register_thing) {
    auto reply = payloads::decode<payloads::register_thing_response>(data, size, format_);
    if (!reply) return unreadable(reply.error());
    return machine_.handle_registered(now, std::move(*reply));
  }
  auto reply = payloads::decode<payloads::certificate_response>(data, size, format_);
  if (!reply) return unreadable(reply.error());
  const bool by_request = place->call == topics::api::create_certificate_from_csr;
  if (by_request) reply->private_key.reset();
  const bool key_is_here = by_request || (reply->private_key && !reply->private_key->empty());
  if (!key_is_here || reply->certificate_id.empty() || reply->certificate_pem.empty() ||
      reply->certificate_ownership_token.empty())
    return unreadable({errc::missing_field});
  return machine_.handle_certificate(now, std::move(*reply));
}

inline session_action session::spell(publish&& out) {
  topics::api call = machine_.create_call();
  if (std::holds_alternative<payloads::register_thing_request>(out.request)) call = topics::api::register_thing;
  auto bytes = std::visit([&](const auto& request) { return payloads::encode_secret(request, format_); }, out.request);
  if (!bytes) return give_up(bytes.error());  // a signing request or a token beyond all bounds
  return publish_message{call, topic_of(call, topics::message_kind::request), std::move(*bytes)};
}

inline std::optional<session_action> session::poll_action() {
  if (unsendable_ && machine_.current() == state::idle) return give_up(*unsendable_);
  auto next = machine_.poll_action();
  if (!next) return std::nullopt;
  if (auto* out = std::get_if<publish>(&*next)) return spell(std::move(*out));
  if (const auto* out = std::get_if<subscribe>(&*next)) {
    return subscribe_topics{out->call,
                            {topic_of(out->call, topics::message_kind::accepted),
                             topic_of(out->call, topics::message_kind::rejected)}};
  }
  if (auto* out = std::get_if<store_credentials>(&*next)) return std::move(*out);
  if (auto* out = std::get_if<finished>(&*next)) return std::move(*out);
  if (auto* out = std::get_if<gave_up>(&*next)) return std::move(*out);
  if (std::holds_alternative<connect>(*next)) return connect{};
  return try_credentials{};
}

}  // namespace fleetprov::provisioning
