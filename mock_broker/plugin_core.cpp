#include <mock_broker/plugin_core.hpp>

#include <mock_broker/iot_logs.hpp>

#include <fleetprov/core/detail/json_string.hpp>
#include <fleetprov/crypto/certificate_variables.hpp>
#include <fleetprov/payloads/codec.hpp>
#include <fleetprov/topics/limits.hpp>
#include <fleetprov/topics/reserved_topics.hpp>
#include <fleetprov/topics/thing_name.hpp>
#include <fleetprov/topics/topic_filter.hpp>
#include <fleetprov/topics/topic_name.hpp>

#include <algorithm>
#include <future>
#include <utility>

namespace fleetprov::mock {
namespace {

// MQTT 5 reason codes, section 2.4.
constexpr std::uint8_t keep_alive_timeout = 0x8D;
constexpr std::uint8_t topic_name_invalid = 0x90;
constexpr std::uint8_t packet_too_large = 0x95;
constexpr std::uint8_t quota_exceeded = 0x97;
constexpr std::uint8_t session_taken_over = 0x8E;

constexpr std::uint32_t max_outstanding = 100;  // requests of one connection without an answer
constexpr std::chrono::seconds broker_patience{5};

constexpr std::string_view authorization_failure = "AUTHORIZATION_FAILURE";

std::string topic_rule() {
  return "at most " + std::to_string(topics::limits::max_topic_bytes) + " bytes and " +
         std::to_string(topics::limits::max_topic_slashes) + " slashes";
}

fault_operation operation_of(topics::api call) noexcept {
  switch (call) {
    case topics::api::create_keys_and_certificate: return fault_operation::create_keys_and_certificate;
    case topics::api::create_certificate_from_csr: return fault_operation::create_certificate_from_csr;
    case topics::api::register_thing: return fault_operation::register_thing;
  }
  return fault_operation::any;
}

/// For notes: a name may have 65,535 bytes.
std::string shortened(std::string_view name) {
  constexpr std::size_t most = 300;
  if (name.size() <= most) return std::string(name);
  std::size_t end = most;
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0U) == 0x80U) --end;
  return std::string(name.substr(0, end)) + "... (" + std::to_string(name.size()) + " bytes)";
}

const char* reason_of(connection_end end) noexcept {
  switch (end) {
    case connection_end::client_disconnect: return "CLIENT_INITIATED_DISCONNECT";
    case connection_end::lost: return "CONNECTION_LOST";
    case connection_end::keep_alive: return "MQTT_KEEP_ALIVE_TIMEOUT";
    case connection_end::client_error: return "CLIENT_ERROR";
  }
  return "";
}

/// What people are told of an end that the broker decided on without asking the plugin.
std::string details_of_end(connection_end end) {
  if (end == connection_end::keep_alive) return "nothing came from it for one and a half times its keep alive";
  if (end != connection_end::client_error) return {};
  return "it sent QoS 2, more than " + std::to_string(topics::limits::max_packet_bytes) + " bytes in a packet, or something malformed";
}

/// False where the broker delivers by MQTT's rule `a/#` matches `a`, and no filter matches by AWS's.
bool is_delivered_by_aws(const session& whose, std::string_view topic) noexcept {
  bool by_mqtt = false;
  for (const auto& subscription : whose.subscriptions) {
    const std::string_view filter = topics::parse_share(subscription.first).filter;
    if (topics::matches(filter, topic)) return true;
    by_mqtt = by_mqtt || topics::matches(filter, topic, topics::dialect::mqtt);
  }
  return !by_mqtt;
}

outgoing_message copy_of(const incoming_publish& message, const broker_host& host) {
  outgoing_message out;
  out.topic = message.topic;
  out.payload.assign(reinterpret_cast<const char*>(message.payload), message.payload != nullptr ? message.size : 0);
  out.qos = message.qos;
  out.retain = message.retain;
  out.properties = host.read_properties(message.properties);
  return out;
}

}  // namespace

plugin_core::plugin_core(registry& world, event_log& log, denial_ring& denials, fault_list& faults,
                         broker_strictness how)
    : world_(world), log_(log), denials_(denials), faults_(faults), strict_(how), gate_(world), events_(world.time()) {
  world_.on_change([this](const change_notice& notice) {
    if (notice.certificate_ids.empty()) return;
    {
      const std::lock_guard<std::mutex> lock(guard_);
      suspects_.insert(notice.certificate_ids.begin(), notice.certificate_ids.end());
    }
    wakeup_.wake();
  });
}

plugin_core::~plugin_core() = default;

void plugin_core::begin_event() noexcept { routing_ = {}; }

void plugin_core::confirm_inherited(session& whose, const mosquitto* client) const {
  if (!whose.inherited) return;
  whose.inherited = false;
  if (host_.subscription_count(client) == 0) whose.subscriptions.clear();
}

bool plugin_core::is_displaced(const session& whose) noexcept {
  return whose.live && book_.find_live(whose.client_id) != &whose;
}

void plugin_core::report(const denial& why, std::string_view event_type, const session& whose,
                         std::string_view topic, std::string_view reason) {
  log_details more;
  more.failed = true;
  more.topic_name = topic;
  more.reason = reason;
  const std::string details = to_sentence(why);
  more.details = details;
  log_.append(make_broker_entry(why.at, world_.options().account, event_type, whose, more));
  log_.say("fleetprov mock: " + details);
  denials_.add(why);
}

// ---- CONNECT ----------------------------------------------------------------------------------------

broker_answer plugin_core::refuse_connect(session& candidate, std::string_view reason, std::string_view details) {
  return refuse_connect(candidate, reason, gate_.explain_rule(candidate, policies::action::connect, candidate.client_id, std::string(details)));
}

broker_answer plugin_core::refuse_connect(session& candidate, std::string_view reason, const denial& why) {
  const std::string details = to_sentence(why);
  log_.say("fleetprov mock: " + details);
  denials_.add(why);
  log_details more;
  more.failed = true;
  more.reason = reason;
  more.details = details;
  log_.append(make_broker_entry(world_.time().now(), world_.options().account, "Connect", candidate, more));
  const bool denied = reason == authorization_failure;
  if (somebody_follows_)
    if (auto event = events_.connect_failed(candidate, denied ? "AUTHORIZATION_FAILED" : reason))
      events_out_.push_back(std::move(*event));
  return candidate.version == mqtt_version::v5 ? broker_answer::refuse_connect : broker_answer::refuse_silently;
}

broker_answer plugin_core::on_connect(mosquitto* client) {
  begin_event();
  const std::optional<crypto::certificate> certificate = host_.certificate(client);
  std::string client_id = host_.client_id(client);
  const std::string certificate_id = certificate ? certificate->certificate_id() : std::string();
  // A reload of the broker's configuration asks again for every session it knows.
  if (const session* known = book_.find(client))
    if (known->client_id == client_id && (!certificate || (known->live && known->certificate_id == certificate_id)))
      return broker_answer::accept;

  session candidate;
  const int version = host_.protocol_version(client);
  candidate.version = version == 5 ? mqtt_version::v5 : mqtt_version::v3_1_1;
  candidate.client_id = client_id;
  candidate.certificate_id = certificate_id;
  candidate.clean_start = host_.clean_start(client);
  const remote_end remote = host_.remote(client);
  candidate.source_ip = remote.address;
  candidate.source_port = remote.port;
  if (!certificate) return refuse_connect(candidate, authorization_failure, "no client certificate");
  if (version != 4 && version != 5) {
    refuse_connect(candidate, "CLIENT_ERROR", "AWS IoT speaks MQTT 3.1.1 and 5, not 3.1");
    return broker_answer::refuse_silently;
  }
  if (!topics::validate_client_id(client_id)) {
    candidate.client_id = shortened(client_id);
    return refuse_connect(candidate, "CLIENT_ERROR", "a client id has 1 to " + std::to_string(topics::limits::max_client_id_bytes) + " bytes and does not begin with $");
  }
  candidate.certificate_variables = crypto::certificate_variables(*certificate);

  const std::optional<fault> hit =
      faults_.is_empty() ? std::nullopt : faults_.strike(fault_operation::connect, client_id);
  if (hit) {
    if (hit->kind == fault_kind::reject) return refuse_connect(candidate, "SERVER_ERROR", "a fault rejects it");
    if (hit->kind == fault_kind::throttle) return refuse_connect(candidate, "THROTTLED", "a fault throttles it");
    if (hit->kind == fault_kind::disconnect_before_reply) {
      refuse_connect(candidate, "SERVER_ERROR", "a fault closes the connection before CONNACK");
      return broker_answer::refuse_silently;
    }
  }
  if (const connect_quota quota = strict_.quotas ? connects_.take(client_id, world_.time().now()) : connect_quota::kept;
      quota != connect_quota::kept) {
    const std::string rule = quota == connect_quota::exceeded_by_client
                                 ? std::string("one CONNECT per second and client id")
                                 : std::to_string(topics::limits::max_connects_per_second) + " CONNECTs per second and account";
    return refuse_connect(candidate, "THROTTLED", rule);
  }
  if (!gate_.allows_connect(candidate))
    return refuse_connect(candidate, authorization_failure, gate_.explain(candidate, policies::action::connect, client_id));
  if (!host_.set_identity(client, certificate_id)) return broker_answer::refuse_silently;

  session& opened = book_.open(client, std::move(client_id), certificate_id, candidate.clean_start);
  opened.version = candidate.version;
  opened.certificate_variables = std::move(candidate.certificate_variables);
  opened.source_ip = std::move(candidate.source_ip);
  opened.source_port = candidate.source_port;
  opened.identity = std::move(candidate.identity);
  opened.by_claim = gate_.is_claim(opened);
  log_.append(make_broker_entry(world_.time().now(), world_.options().account, "Connect", opened, {}));
  if (somebody_follows_)
    if (auto event = events_.connected(opened, gate_.exclusive_thing(opened))) events_out_.push_back(std::move(*event));
  if (hit && hit->kind == fault_kind::disconnect_after_reply) {
    const session_key key{client, opened.generation};
    later_.push_back({std::chrono::steady_clock::now(), [this, key] { kick_by_fault(key); }});
    wakeup_.wake();
  }
  return broker_answer::accept;
}

// ---- PUBLISH ----------------------------------------------------------------------------------------

broker_answer plugin_core::break_off(session& whose, mosquitto* client, std::uint8_t reason_code,
                                     const char* reason) {
  if (!whose.live || is_displaced(whose)) return broker_answer::deny;  // a will: just not sent
  if (whose.disconnect_reason.empty()) whose.disconnect_reason = reason;
  if (whose.version == mqtt_version::v5) host_.send_disconnect(client, reason_code);
  return broker_answer::close;
}

broker_answer plugin_core::refuse_publish(session& whose, bool is_will, const denial& why) {
  const std::string_view topic = std::string_view(why.resource).substr(why.resource.find('/') + 1);
  report(why, "Publish-In", whose, topic, authorization_failure);
  if (is_will || whose.version == mqtt_version::v5) return broker_answer::deny;
  if (whose.disconnect_reason.empty()) whose.disconnect_reason = "AUTH_ERROR";
  return broker_answer::close;
}

broker_answer plugin_core::on_write(const incoming_publish& message) {
  begin_event();
  session* whose = book_.find(message.client);
  if (whose == nullptr) return broker_answer::deny;
  if (whose->live) confirm_inherited(*whose, message.client);
  const bool is_will = !whose->live || is_displaced(*whose);
  const auto break_limit = [&](std::uint8_t reason_code, std::string why) {
    const std::string topic = shortened(message.topic);
    report(gate_.explain_rule(*whose, policies::action::publish, topic, std::move(why)), "Publish-In", *whose, topic, "CLIENT_ERROR");
    return break_off(*whose, message.client, reason_code, "CLIENT_ERROR");
  };
  if (message.size > topics::limits::max_payload_bytes)
    return break_limit(packet_too_large, "the payload has " + std::to_string(message.size) + " bytes, more than " +
                                             std::to_string(topics::limits::max_payload_bytes));
  if (!topics::validate_topic_name(message.topic))
    return break_limit(topic_name_invalid, "AWS IoT refuses this topic (" + topic_rule() + ", no wildcards)");
  const auto refuse_by_rule = [&](std::string why) {
    return refuse_publish(*whose, is_will,
                          gate_.explain_rule(*whose, policies::action::publish, message.topic, std::move(why)));
  };
  const topics::reserved_topic reserved = topics::classify_reserved(message.topic);
  if (reserved.service == topics::reserved_service::undefined)
    return refuse_by_rule("the topic is not in the list of reserved topics that AWS documents");
  if (!reserved.may_publish) return refuse_by_rule("only AWS IoT itself publishes to this topic");
  if (message.retain && reserved.service != topics::reserved_service::not_reserved)
    return refuse_by_rule("a reserved topic cannot hold a retained message");
  const judged_by how = is_will ? judged_by::policies : judged_by::status_and_policies;
  for (const policies::action what : {policies::action::publish, policies::action::retain_publish}) {
    if (what == policies::action::retain_publish && !message.retain) continue;
    if (!gate_.allows(*whose, what, message.topic, how))
      return refuse_publish(*whose, is_will, gate_.explain(*whose, what, message.topic, how));
  }
  if (is_will) {
    log_details more;
    more.topic_name = message.topic;
    more.retain = message.retain;
    log_.append(make_broker_entry(world_.time().now(), world_.options().account, "Publish-In", *whose, more));
    if (message.retain) remember_retained(message);
  }
  return broker_answer::accept;
}

void plugin_core::remember_retained(const incoming_publish& message) {
  const std::lock_guard<std::mutex> lock(guard_);
  const auto now = std::chrono::steady_clock::now();
  for (auto at = retained_.begin(); at != retained_.end();) at = at->second.is_over(now) ? retained_.erase(at) : std::next(at);
  if (message.size == 0) {
    if (const auto at = retained_.find(message.topic); at != retained_.end()) retained_.erase(at);
    return;
  }
  outgoing_message copy = copy_of(message, host_);
  retained_message kept;
  kept.topic = copy.topic;
  kept.payload = std::move(copy.payload);
  kept.qos = copy.qos;
  kept.properties = std::move(copy.properties);
  kept.last_modified = world_.time().now();
  retained_.insert_or_assign(copy.topic, kept_message{std::move(kept), std::nullopt});
}

broker_answer plugin_core::on_message(incoming_publish& message) {
  session* whose = book_.find(message.client);
  if (whose == nullptr) return broker_answer::deny;
  log_details more;
  more.topic_name = message.topic;
  more.retain = message.retain;
  log_.append(make_broker_entry(world_.time().now(), world_.options().account, "Publish-In", *whose, more));
  if (const auto topic = topics::classify(message.topic); topic && topic->kind == topics::message_kind::request)
    return request_operation(*whose, *topic, message);
  const broker_answer answer = faults_.is_empty() ? broker_answer::accept : apply_publish_fault(*whose, message);
  if (answer == broker_answer::accept && message.retain) remember_retained(message);
  return answer;
}

broker_answer plugin_core::apply_publish_fault(session& whose, incoming_publish& message) {
  const std::optional<fault> hit = faults_.strike(fault_operation::publish, whose.client_id);
  if (!hit) return broker_answer::accept;
  const auto closes = [&] { whose.disconnect_details = "a fault refuses its PUBLISH to " + detail::json_string(message.topic); };
  const session_key key{message.client, whose.generation};
  const auto now = std::chrono::steady_clock::now();
  switch (hit->kind) {
    case fault_kind::reject:
      if (whose.version == mqtt_version::v5) {
        log_.say("fleetprov mock: a fault refuses the PUBLISH of client " + detail::json_string(whose.client_id) + " to " + detail::json_string(message.topic));
        return broker_answer::deny;
      }
      closes();
      whose.disconnect_reason = "SERVER_ERROR";
      return broker_answer::close;
    case fault_kind::throttle: closes(); return break_off(whose, message.client, quota_exceeded, "THROTTLED");
    case fault_kind::disconnect_before_reply:
      closes();
      whose.disconnect_reason = "SERVER_INITIATED_DISCONNECT";
      return broker_answer::close;
    case fault_kind::disconnect_after_reply:
      later_.push_back({now, [this, key] { kick_by_fault(key); }});
      wakeup_.wake();
      return broker_answer::accept;
    case fault_kind::duplicate:
      later_.push_back({now, [this, again = copy_of(message, host_)] { host_.publish(again); }});
      wakeup_.wake();
      return broker_answer::accept;
    case fault_kind::delay:
      later_.push_back({now + std::chrono::milliseconds(hit->delay_ms), [this, late = copy_of(message, host_)] {
                          host_.publish(late);
                          if (!late.retain) return;
                          incoming_publish kept;
                          kept.topic = late.topic;
                          kept.payload = reinterpret_cast<const std::uint8_t*>(late.payload.data());
                          kept.size = late.payload.size();
                          kept.qos = late.qos;
                          remember_retained(kept);
                        }});
      break;
    case fault_kind::drop: break;
  }
  routing_.swallow = true;
  message.retain = false;
  return broker_answer::accept;
}

// ---- provisioning requests --------------------------------------------------------------------------

broker_answer plugin_core::request_operation(session& whose, const topics::fleet_topic& topic,
                                             const incoming_publish& message) {
  const session_key key{message.client, whose.generation};
  const std::optional<fault> hit =
      faults_.is_empty() ? std::nullopt : faults_.strike(operation_of(topic.call), whose.client_id);
  if (hit && (hit->kind == fault_kind::reject || hit->kind == fault_kind::throttle)) {
    const int status = hit->status_code != 0 ? hit->status_code : hit->kind == fault_kind::throttle ? 429 : 500;
    std::string code = hit->error_code.empty() ? default_error_code(status) : hit->error_code;
    std::string text = hit->error_message.empty() ? "a fault was injected" : hit->error_message;
    send_rejected(key, topic, status, std::move(code), std::move(text));
    return broker_answer::accept;
  }
  if (service_ == nullptr || whose.outstanding >= max_outstanding) {
    send_rejected(key, topic, 429, default_error_code(429), "too many requests of this connection wait for an answer");
    return broker_answer::accept;
  }
  ++requests_;
  if (hit) reply_faults_.emplace(std::make_pair(whose.generation, requests_), *hit);
  ++whose.outstanding;
  service_->handle(requester{whose.client_id, whose.certificate_id, whose.generation, requests_}, topic, message.payload,
                   message.size);
  return broker_answer::accept;
}

void plugin_core::send_rejected(session_key to, const topics::fleet_topic& request, int status, std::string code,
                                std::string message) {
  payloads::error_response error;
  error.status_code = status;
  error.error_code = std::move(code);
  error.error_message = std::move(message);
  auto bytes = payloads::encode(error, request.format);
  if (!bytes) return;
  topics::fleet_topic topic = request;
  topic.kind = topics::message_kind::rejected;
  const std::string name(topics::build(topic).view());
  later_.push_back({std::chrono::steady_clock::now(), [this, to, name, payload = *std::move(bytes)] {
                      if (session* whose = book_.find_live(to)) send_payload(*whose, name, payload.data(), payload.size());
                    }});
  wakeup_.wake();
}

void plugin_core::deliver(completed_reply reply) {
  {
    const std::lock_guard<std::mutex> lock(guard_);
    if (closed_) return;
    replies_.push_back(std::move(reply));
  }
  wakeup_.wake();
}

void plugin_core::send_payload(session& to, std::string_view topic, const void* payload, std::size_t size) {
  const auto* client = static_cast<const mosquitto*>(to.broker_client);
  confirm_inherited(to, client);
  const std::optional<std::uint8_t> granted = session_book::granted_qos(to, topic);
  if (!granted && strict_.require_subscription) {
    log_.say("fleetprov mock: client " + detail::json_string(to.client_id) + " did not subscribe to " +
             std::string(topic) + ", its answer is dropped (--strict require-subscription)");
    return;
  }
  host_.publish_to(to.client_id, topic, payload, size, std::min<std::uint8_t>(granted.value_or(0), 1));
  log_details more;
  more.topic_name = topic;
  log_.append(make_broker_entry(world_.time().now(), world_.options().account, "Publish-Out", to, more));
}

void plugin_core::send_reply(completed_reply& reply) {
  session* to = book_.find_live(reply.to.client_id);
  if (to == nullptr || to->generation != reply.to.connection) return;  // the requester is gone: nobody else gets it
  if (to->outstanding > 0) --to->outstanding;
  std::optional<fault> hit;
  if (const auto at = reply_faults_.find({to->generation, reply.to.request}); at != reply_faults_.end()) {
    hit = at->second;
    reply_faults_.erase(at);
  }
  if (reply.is_silent) return;
  const std::string topic(topics::build(reply.topic).view());
  const session_key key{to->broker_client, to->generation};
  if (hit && hit->kind == fault_kind::drop) return;
  if (hit && hit->kind == fault_kind::disconnect_before_reply) return kick_by_fault(key);
  if (hit && hit->kind == fault_kind::delay) {
    auto kept = std::make_shared<secret>(std::move(reply.payload));
    later_.push_back({std::chrono::steady_clock::now() + std::chrono::milliseconds(hit->delay_ms),
                      [this, key, topic, kept] {
                        if (session* whose = book_.find_live(key))
                          send_payload(*whose, topic, kept->reveal().data(), kept->size());
                      }});
    return;
  }
  send_payload(*to, topic, reply.payload.reveal().data(), reply.payload.size());
  if (hit && hit->kind == fault_kind::duplicate) send_payload(*to, topic, reply.payload.reveal().data(), reply.payload.size());
  if (hit && hit->kind == fault_kind::disconnect_after_reply) {
    later_.push_back({std::chrono::steady_clock::now(), [this, key] { kick_by_fault(key); }});
    wakeup_.wake();
  }
}

void plugin_core::log_service(const service_log_entry& entry) {
  log_.append(make_service_entry(world_.time().now(), world_.options().account, entry));
}

// ---- delivery ---------------------------------------------------------------------------------------

broker_answer plugin_core::on_read(const incoming_publish& message) {
  session* whose = book_.find(message.client);
  if (whose == nullptr || routing_.swallow) return broker_answer::deny;
  // Answers go to the requester past this check. What comes here is somebody else's copy, or a key that
  // waited in a session which another certificate resumes: never delivered.
  if (topics::classify(message.topic)) return broker_answer::deny;
  if (topics::classify_reserved(message.topic).service == topics::reserved_service::rules) return broker_answer::deny;
  if (message.retain && routing_.subscribing == message.client && routing_.live_only) return broker_answer::deny;
  if (whose->live) confirm_inherited(*whose, message.client);
  if (!is_delivered_by_aws(*whose, message.topic)) return broker_answer::deny;
  const std::string_view event_type = whose->live ? "Publish-Out" : queued_event;
  if (!gate_.allows(*whose, policies::action::receive, message.topic)) {
    report(gate_.explain(*whose, policies::action::receive, message.topic), event_type, *whose, message.topic, authorization_failure);
    return broker_answer::deny;
  }
  log_details more;
  more.topic_name = message.topic;
  if (!whose->live) {
    more.qos = std::min(message.qos, session_book::granted_qos(*whose, message.topic).value_or(0));
    if (more.qos == 0) return broker_answer::accept;  // nothing of QoS 0 waits for a client
    more.details = "The client is offline: the message waits for it";
  }
  log_.append(make_broker_entry(world_.time().now(), world_.options().account, event_type, *whose, more));
  return broker_answer::accept;
}

// ---- SUBSCRIBE --------------------------------------------------------------------------------------

broker_answer plugin_core::refuse_subscribe(session& whose, const denial& why) {
  const std::string_view filter = std::string_view(why.resource).substr(why.resource.find('/') + 1);
  report(why, "Subscribe", whose, filter, authorization_failure);
  if (whose.version == mqtt_version::v5 || strict_.suback_failure) return broker_answer::deny;
  if (whose.disconnect_reason.empty()) whose.disconnect_reason = "AUTH_ERROR";
  return broker_answer::close;
}

broker_answer plugin_core::on_subscribe(mosquitto* client, std::string_view filter, std::uint8_t qos) {
  if (kicking_) return broker_answer::accept;  // the broker looks after a stored session that loses its connection
  begin_event();
  session* whose = book_.find(client);
  if (whose == nullptr) return broker_answer::deny;
  confirm_inherited(*whose, client);
  const auto refuse_by_rule = [&](std::string why) {
    return refuse_subscribe(*whose, gate_.explain_rule(*whose, policies::action::subscribe, shortened(filter), std::move(why)));
  };
  if (!topics::validate_topic_filter(filter))
    return refuse_by_rule("AWS IoT refuses this filter (" + topic_rule() + ", `#` last, `+` alone in its level)");
  const topics::reserved_topic reserved = topics::classify_reserved(filter);
  if (!reserved.may_subscribe) return refuse_by_rule("the filter is not in the list of reserved topics that AWS documents");
  if (!gate_.allows(*whose, policies::action::subscribe, filter))
    return refuse_subscribe(*whose, gate_.explain(*whose, policies::action::subscribe, filter));
  if (whose->subscriptions.size() >= topics::limits::max_subscriptions &&
      whose->subscriptions.find(filter) == whose->subscriptions.end()) {
    report(gate_.explain_rule(*whose, policies::action::subscribe, filter,
                              std::to_string(topics::limits::max_subscriptions) + " subscriptions per connection are the limit"),
           "Subscribe", *whose, filter, authorization_failure);
    return broker_answer::deny;
  }
  whose->subscriptions.insert_or_assign(std::string(filter), qos);
  routing_.subscribing = client;
  routing_.live_only = topics::parse_share(filter).is_shared || filter.find_first_of("+#") != std::string_view::npos;
  log_details more;
  more.topic_name = filter;
  log_.append(make_broker_entry(world_.time().now(), world_.options().account, "Subscribe", *whose, more));
  shared_follows_ = shared_follows_ || (topics::parse_share(filter).is_shared && reserved.service != topics::reserved_service::not_reserved);
  somebody_follows_ = somebody_follows_ || (reserved.service != topics::reserved_service::not_reserved &&
                                            reserved.service != topics::reserved_service::fleet_provisioning);
  if (!somebody_follows_) return broker_answer::accept;
  subscription_changes& changed = changes_[whose->generation];
  changed.whose = {client, whose->generation};
  changed.subscribed.emplace_back(filter);
  return broker_answer::accept;
}

broker_answer plugin_core::on_unsubscribe(mosquitto* client, std::string_view filter) {
  begin_event();
  session* whose = book_.find(client);
  if (whose == nullptr) return broker_answer::deny;
  confirm_inherited(*whose, client);
  const auto at = whose->subscriptions.find(filter);
  if (at != whose->subscriptions.end()) whose->subscriptions.erase(at);
  log_details more;
  const std::string shown = shortened(filter);
  more.topic_name = shown;
  log_.append(make_broker_entry(world_.time().now(), world_.options().account, "Unsubscribe", *whose, more));
  if (!somebody_follows_) return broker_answer::accept;
  subscription_changes& changed = changes_[whose->generation];
  changed.whose = {client, whose->generation};
  changed.unsubscribed.emplace_back(filter);
  return broker_answer::accept;
}

// ---- the end of a connection ------------------------------------------------------------------------

void plugin_core::on_disconnect(mosquitto* client) {
  begin_event();
  session* whose = book_.find(client);
  if (whose == nullptr) return;
  if (!whose->live) return book_.forget(client);  // a stored session was taken over or has ended
  const bool displaced = is_displaced(*whose);
  log_details more;
  std::string reason = whose->disconnect_reason;
  std::string details;
  if (displaced) {
    reason = "DUPLICATE_CLIENTID";
    more.reason = "DUPLICATE_CLIENT_ID";  // the log has its own spelling
    more.details = "A new connection was established with the same client ID";
    more.failed = true;
    if (whose->version == mqtt_version::v5) host_.send_disconnect(client, session_taken_over);
  } else if (reason.empty()) {
    const connection_end end = host_.how_it_ended(client);
    reason = reason_of(end);
    details = details_of_end(end);
    if (end == connection_end::keep_alive && whose->version == mqtt_version::v5)
      host_.send_disconnect(client, keep_alive_timeout);
  }
  if (!displaced) {
    if (!whose->disconnect_details.empty()) details = whose->disconnect_details;
    if (!details.empty())
      log_.say("fleetprov mock: closed the connection of client " + detail::json_string(whose->client_id) + ": " + details);
    more.details = details;
    more.disconnect_reason = reason;
  }
  log_.append(make_broker_entry(world_.time().now(), world_.options().account, "Disconnect", *whose, more));
  if (somebody_follows_)
    if (auto event = events_.disconnected(*whose, gate_.exclusive_thing(*whose), reason))
      events_out_.push_back(std::move(*event));
  reply_faults_.erase(reply_faults_.lower_bound({whose->generation, 0}), reply_faults_.lower_bound({whose->generation + 1, 0}));
  book_.close(*whose);
}

void plugin_core::kick(session& whose, const char* reason, bool with_will) {
  if (is_displaced(whose)) return;
  whose.disconnect_reason = reason;
  kicking_ = true;
  const std::string client_id = whose.client_id;
  host_.kick(client_id, with_will);
  kicking_ = false;
}

void plugin_core::kick_by_fault(session_key key) {
  session* whose = book_.find_live(key);
  if (whose == nullptr) return;
  whose->disconnect_details = "a fault ends it";
  kick(*whose, "SERVER_INITIATED_DISCONNECT", true);
}

void plugin_core::end_inactive(const std::vector<session_key>& lost) {
  for (const session_key key : lost) {
    session* whose = book_.find_live(key);
    if (whose == nullptr) continue;
    denial why = gate_.explain(*whose, policies::action::connect, whose->client_id);
    whose->disconnect_details = why.why;
    denials_.add(std::move(why));
    kick(*whose, "AUTH_ERROR", true);
  }
}

void plugin_core::drop_inactive(const std::set<std::string>& certificate_ids) {
  std::vector<session_key> lost;
  for (const std::string& id : certificate_ids)
    book_.for_each_live_of(id, [&](session& whose) {
      if (!whose.by_claim && !gate_.is_active(whose)) lost.push_back({whose.broker_client, whose.generation});
    });
  end_inactive(lost);
}

void plugin_core::drop_all_inactive() {
  std::vector<session_key> lost;
  book_.for_each_live([&](session& whose) {
    if (!gate_.is_active(whose)) lost.push_back({whose.broker_client, whose.generation});
  });
  end_inactive(lost);
}

// ---- TICK -------------------------------------------------------------------------------------------

void plugin_core::announce() {
  for (auto& [generation, changed] : std::exchange(changes_, {})) {
    const session* whose = book_.find(changed.whose.broker_client);
    if (whose == nullptr || whose->generation != generation) continue;
    using topics::client_event;
    for (const auto& [what, filters] : {std::pair(client_event::subscribed, &changed.subscribed),
                                        std::pair(client_event::unsubscribed, &changed.unsubscribed)}) {
      if (filters->empty()) continue;
      if (auto event = events_.subscriptions(*whose, what, *filters)) events_out_.push_back(std::move(*event));
    }
  }
  for (const outgoing_message& event : std::exchange(events_out_, {})) {
    host_.publish(event);
    if (shared_follows_) publish_shared(event);
  }
}

void plugin_core::publish_shared(const outgoing_message& event) {
  std::map<std::pair<std::string, std::string>, std::vector<session*>> groups;  // by share name and filter
  book_.for_each_live([&](session& whose) {
    for (const auto& subscription : whose.subscriptions) {
      const auto share = topics::parse_share(subscription.first);
      if (!share.is_shared || !topics::matches(share.filter, event.topic)) continue;
      if (!gate_.allows(whose, policies::action::receive, event.topic)) continue;
      groups[{std::string(share.name), std::string(share.filter)}].push_back(&whose);
    }
  });
  for (const auto& group : groups) {
    session& next = *group.second[shared_turn_++ % group.second.size()];
    send_payload(next, event.topic, event.payload.data(), event.payload.size());
  }
}

template <class Work>
void plugin_core::try_to(Work&& work) {
  try {
    work();
  } catch (const std::exception& trouble) {
    log_.say("fleetprov mock: internal error: " + std::string(trouble.what()));
  }
}

void plugin_core::run_due() {
  if (later_.empty()) return;
  const auto now = std::chrono::steady_clock::now();
  const auto first_later = std::stable_partition(later_.begin(), later_.end(),
                                                 [now](const later& item) { return item.due <= now; });
  std::vector<later> due(std::make_move_iterator(later_.begin()), std::make_move_iterator(first_later));
  later_.erase(later_.begin(), first_later);
  for (const later& item : due) try_to(item.what);
}

void plugin_core::on_tick() {
  begin_event();
  book_.forget_ended();
  if (!attached_) {
    attached_ = true;
    wakeup_.attach();
  }
  std::vector<std::function<void()>> work;
  std::vector<completed_reply> replies;
  std::set<std::string> suspects;
  {
    const std::lock_guard<std::mutex> lock(guard_);
    work.swap(work_);
    replies.swap(replies_);
    suspects.swap(suspects_);
  }
  for (const std::function<void()>& item : work) try_to(item);
  try_to([&] { run_due(); });
  try_to([&] { drop_inactive(suspects); });
  for (completed_reply& reply : replies) try_to([&] { send_reply(reply); });
  announce();
}

// ---- from other threads -----------------------------------------------------------------------------

bool plugin_core::hasten_first_tick() noexcept {
  if (!wakeup_.try_attach()) return false;
  wakeup_.wake();
  return true;
}

bool plugin_core::wait_on_broker_thread(std::function<void()> work) {
  auto done = std::make_shared<std::promise<void>>();
  std::future<void> finished = done->get_future();
  {
    const std::lock_guard<std::mutex> lock(guard_);
    if (closed_) return false;
    // The only owner is the queue: what is never run releases the one who waits.
    work_.push_back([done = std::move(done), work = std::move(work)] {
      work();
      done->set_value();
    });
  }
  wakeup_.wake();
  if (finished.wait_for(broker_patience) != std::future_status::ready) return false;
  try {
    finished.get();
    return true;
  } catch (const std::exception&) {  // it failed, or was dropped because the broker ends
    return false;
  }
}

void plugin_core::shut_down() {
  std::vector<std::function<void()>> unwanted;
  const std::lock_guard<std::mutex> lock(guard_);
  closed_ = true;
  unwanted.swap(work_);
}

bool plugin_core::publish(outgoing_message message) {
  // Handed over before it is answered: who publishes a retained message and asks for it finds it.
  return wait_on_broker_thread([this, message = std::move(message)] {
    if (message.retain) {
      incoming_publish kept;
      kept.topic = message.topic;
      kept.payload = reinterpret_cast<const std::uint8_t*>(message.payload.data());
      kept.size = message.payload.size();
      kept.qos = message.qos;
      remember_retained(kept);
      const std::lock_guard<std::mutex> lock(guard_);
      if (const auto at = retained_.find(message.topic); at != retained_.end()) {
        at->second.message.properties = message.properties;
        if (const auto life = message.properties.message_expiry_seconds)
          at->second.end = std::chrono::steady_clock::now() + std::chrono::seconds(*life);
      }
    }
    host_.publish(message);
  });
}

bool plugin_core::disconnect(const std::string& client_id, bool clean_session, bool prevent_will_message) {
  auto found = std::make_shared<bool>(false);
  const bool ran = wait_on_broker_thread([this, found, client_id, clean_session, prevent_will_message] {
    session* whose = book_.find_live(client_id);
    *found = whose != nullptr;
    log_.append(make_delete_connection_entry(world_.time().now(), world_.options().account, client_id, *found));
    if (whose == nullptr) return;
    // assumption: a stored session cannot be ended through the plugin API; its subscriptions stay until
    // the client connects with a clean start.
    static_cast<void>(clean_session);
    kick(*whose, "API_INITIATED_DISCONNECT", !prevent_will_message);
  });
  return ran && *found;
}

std::vector<retained_message> plugin_core::retained_messages() const {
  const std::lock_guard<std::mutex> lock(guard_);
  std::vector<retained_message> out;
  const auto now = std::chrono::steady_clock::now();
  for (const auto& [topic, kept] : retained_)
    if (!kept.is_over(now)) out.push_back(kept.message);
  return out;
}

std::optional<retained_message> plugin_core::find_retained(std::string_view topic) const {
  const std::lock_guard<std::mutex> lock(guard_);
  const auto at = retained_.find(topic);
  if (at == retained_.end() || at->second.is_over(std::chrono::steady_clock::now())) return std::nullopt;
  return at->second.message;
}

bool plugin_core::reset() {
  return wait_on_broker_thread([this] {
    std::map<std::string, kept_message, std::less<>> gone;
    {
      const std::lock_guard<std::mutex> lock(guard_);
      gone.swap(retained_);
      replies_.clear();
      suspects_.clear();
    }
    for (const auto& kept : gone) {
      outgoing_message empty;
      empty.topic = kept.first;
      empty.retain = true;
      host_.publish(empty);
    }
    reply_faults_.clear();
    later_.clear();
    book_.for_each_live([](session& whose) { whose.outstanding = 0; });
    book_.restart_version_numbers();
    drop_all_inactive();
  });
}

}  // namespace fleetprov::mock
