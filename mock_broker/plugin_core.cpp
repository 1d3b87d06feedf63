// Connections and subscriptions: who may connect, what a session is allowed, how it ends.
#include <mock_broker/plugin_core.hpp>
#include <mock_broker/plugin_words.hpp>

#include <mock_broker/iot_logs.hpp>

#include <fleetprov/core/detail/json_string.hpp>
#include <fleetprov/crypto/certificate_variables.hpp>
#include <fleetprov/topics/limits.hpp>
#include <fleetprov/topics/reserved_topics.hpp>
#include <fleetprov/topics/thing_name.hpp>
#include <fleetprov/topics/topic_filter.hpp>

#include <utility>

namespace fleetprov::mock {
namespace {

// MQTT 5 reason codes, section 2.4.
constexpr std::uint8_t keep_alive_timeout = 0x8D;
constexpr std::uint8_t session_taken_over = 0x8E;

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

// ---- SUBSCRIBE --------------------------------------------------------------------------------------

broker_answer plugin_core::refuse_subscribe(session& whose, const denial& why) {
  const std::string_view filter = std::string_view(why.resource).substr(why.resource.find('/') + 1);
  report(why, "Subscribe", whose, filter, authorization_failure);
  if (whose.version == mqtt_version::v5 || strict_.suback_failure) return broker_answer::deny;
  if (whose.disconnect_reason.empty()) whose.disconnect_reason = "AUTH_ERROR";
  return broker_answer::close;
}

broker_answer plugin_core::on_subscribe(mosquitto* client, std::string_view filter, std::uint8_t qos) {
  session* whose = book_.find(client);
  // The broker asks which subscriptions of a session it shall keep without a connection (`kick`, `forget_ended_sessions`).
  if (kicking_) return whose != nullptr && whose->is_void ? broker_answer::deny : broker_answer::accept;
  begin_event();
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

/// The plugin API has no call that ends a stored session. Closing one that has no connection makes the broker ask for each
/// of its subscriptions whether it is still allowed, and drop it where not; the queue goes when the session is resumed (`on_read`).
void plugin_core::forget_ended_sessions() {
  for (session* ended : book_.make_ended_void()) kick(*ended, "", true);
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

}  // namespace fleetprov::mock
