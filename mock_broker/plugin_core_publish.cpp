// What comes in by PUBLISH, and what goes out: requests of the provisioning operations, their answers, deliveries.
#include <mock_broker/plugin_core.hpp>
#include <mock_broker/plugin_words.hpp>

#include <mock_broker/iot_logs.hpp>

#include <fleetprov/core/detail/json_string.hpp>
#include <fleetprov/payloads/codec.hpp>
#include <fleetprov/topics/reserved_topics.hpp>
#include <fleetprov/topics/topic_filter.hpp>
#include <fleetprov/topics/topic_name.hpp>

#include <algorithm>
#include <utility>

namespace fleetprov::mock {
namespace {

// MQTT 5 reason codes, section 2.4.
constexpr std::uint8_t topic_name_invalid = 0x90;
constexpr std::uint8_t packet_too_large = 0x95;
constexpr std::uint8_t quota_exceeded = 0x97;

constexpr std::uint32_t max_outstanding = 100;  // requests of one connection without an answer

fault_operation operation_of(topics::api call) noexcept {
  switch (call) {
    case topics::api::create_keys_and_certificate: return fault_operation::create_keys_and_certificate;
    case topics::api::create_certificate_from_csr: return fault_operation::create_certificate_from_csr;
    case topics::api::register_thing: return fault_operation::register_thing;
  }
  return fault_operation::any;
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
  if (whose->is_void) return broker_answer::deny;  // a delayed will
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

void plugin_core::remember_retained(const outgoing_message& message) {
  incoming_publish kept;
  kept.topic = message.topic;
  kept.payload = reinterpret_cast<const std::uint8_t*>(message.payload.data());
  kept.size = message.payload.size();
  kept.qos = message.qos;
  remember_retained(kept);
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
                          if (late.retain) remember_retained(late);
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
  // What waited in a session from before a reset comes while the broker resumes it, before anything can be subscribed to.
  if (whose->is_void || (whose->follows_void && !session_book::granted_qos(*whose, message.topic))) return broker_answer::deny;
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

}  // namespace fleetprov::mock
