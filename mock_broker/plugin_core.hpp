#pragma once

#include <fleetprov/topics/fleet_topics.hpp>
#include <mock_broker/broker_actions.hpp>
#include <mock_broker/event_log.hpp>
#include <mock_broker/faults.hpp>
#include <mock_broker/fleet_service.hpp>
#include <mock_broker/lifecycle_events.hpp>
#include <mock_broker/mock_settings.hpp>
#include <mock_broker/plugin_host.hpp>
#include <mock_broker/policy_gate.hpp>
#include <mock_broker/registry.hpp>
#include <mock_broker/session_book.hpp>
#include <mock_broker/throttle.hpp>
#include <mock_broker/wakeup.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fleetprov::mock {

/// What a callback tells the broker.
enum class broker_answer : std::uint8_t {
  accept,
  deny,              ///< ACL_DENIED: PUBACK or SUBACK 0x87 in MQTT 5, silence or 0x80 in 3.1.1
  close,             ///< an error: the broker closes the connection
  refuse_connect,    ///< CONNACK 0x87 in MQTT 5
  refuse_silently,   ///< close without CONNACK
};

/// A publish as the broker's callbacks show it; views into the broker's memory.
struct incoming_publish {
  mosquitto* client = nullptr;
  std::string_view topic;
  const std::uint8_t* payload = nullptr;
  std::size_t size = 0;
  std::uint8_t qos = 0;
  bool retain = false;
  const mqtt5__property* properties = nullptr;
};

/// The switches of `--strict` that act in the broker.
struct broker_strictness {
  bool quotas = false;
  bool require_subscription = false;
  bool suback_failure = false;
};

/// What AWS IoT Core does and Mosquitto does not: decides every CONNECT, PUBLISH, SUBSCRIBE and delivery,
/// hands provisioning requests to the service, sends its answers to the requester only, tells the log
/// and the life-cycle topics. Callbacks on the broker's thread; `broker_actions` and `deliver` from any.
class plugin_core final : public broker_actions {
 public:
  plugin_core(registry& world, event_log& log, denial_ring& denials, fault_list& faults, broker_strictness how);
  ~plugin_core() override;
  plugin_core(const plugin_core&) = delete;
  plugin_core& operator=(const plugin_core&) = delete;

  /// Before the first callback. The service outlives the last callback.
  void serve(fleet_service& service) noexcept { service_ = &service; }

  // ---- the broker's events ------------------------------------------------------------------------
  broker_answer on_connect(mosquitto* client);
  broker_answer on_write(const incoming_publish& message);
  /// May clear `message.retain`.
  broker_answer on_message(incoming_publish& message);
  broker_answer on_read(const incoming_publish& message);
  broker_answer on_subscribe(mosquitto* client, std::string_view filter, std::uint8_t qos);
  broker_answer on_unsubscribe(mosquitto* client, std::string_view filter);
  void on_disconnect(mosquitto* client);
  void on_tick();

  // ---- from any thread ----------------------------------------------------------------------------
  /// Wakes the broker as soon as its loop runs; true when that has been done or is not needed any more.
  bool hasten_first_tick() noexcept;
  void deliver(completed_reply reply);
  void log_service(const service_log_entry& entry);
  bool publish(outgoing_message message) override;
  bool disconnect(const std::string& client_id, bool clean_session, bool prevent_will_message) override;
  std::vector<retained_message> retained_messages() const override;
  std::optional<retained_message> find_retained(std::string_view topic) const override;
  bool reset() override;
  /// No further call from another thread waits for the broker.
  void shut_down();

 private:
  using moment = std::chrono::steady_clock::time_point;
  /// Which messages of one routing pass must not be delivered (a fault dropped or delayed them).
  struct routing {
    bool swallow = false;
    const mosquitto* subscribing = nullptr;  ///< retained messages read next answer this SUBSCRIBE
    bool live_only = false;  ///< and this filter gets none (fidelity.md; MQTT 5 section 4.8.2)
  };
  struct later {
    moment due;
    std::function<void()> what;
  };

  // The end of one broker event begins the next: state that holds only within one is cleared here.
  void begin_event() noexcept;
  void confirm_inherited(session& whose, const mosquitto* client) const;

  broker_answer refuse_connect(session& candidate, std::string_view reason, std::string_view details);
  broker_answer refuse_connect(session& candidate, std::string_view reason, const denial& why);
  broker_answer refuse_publish(session& whose, bool is_will, const denial& why);
  broker_answer refuse_subscribe(session& whose, const denial& why);
  /// Closes with a reason code where MQTT 5 and the broker allow.
  broker_answer break_off(session& whose, mosquitto* client, std::uint8_t reason_code, const char* reason);
  /// Log, stderr and `/_mock/denials`.
  void report(const denial& why, std::string_view event_type, const session& whose, std::string_view topic,
              std::string_view reason);

  /// A newer connection has the client id already; the broker is about to close this one.
  bool is_displaced(const session& whose) noexcept;
  broker_answer request_operation(session& whose, const topics::fleet_topic& topic, const incoming_publish& message);
  broker_answer apply_publish_fault(session& whose, incoming_publish& message);
  void remember_retained(const incoming_publish& message);
  void remember_retained(const outgoing_message& message);

  void send_rejected(session_key to, const topics::fleet_topic& request, int status, std::string code,
                     std::string message);
  void send_reply(completed_reply& reply);
  void send_payload(session& to, std::string_view topic, const void* payload, std::size_t size);
  void kick(session& whose, const char* reason, bool with_will);
  void forget_ended_sessions();
  void kick_by_fault(session_key whose);
  void end_inactive(const std::vector<session_key>& lost);
  void drop_inactive(const std::set<std::string>& certificate_ids);
  void drop_all_inactive();
  void announce();
  void publish_shared(const outgoing_message& event);
  void run_due();
  /// What fails does not keep from what comes after it.
  template <class Work>
  void try_to(Work&& work);

  bool wait_on_broker_thread(std::function<void()> work);

  registry& world_;
  event_log& log_;
  denial_ring& denials_;
  fault_list& faults_;
  broker_strictness strict_;
  fleet_service* service_ = nullptr;
  broker_host host_;
  wakeup wakeup_;
  policy_gate gate_;
  session_book book_;
  lifecycle_events events_;
  connect_throttle connects_;
  bool attached_ = false;
  bool kicking_ = false;
  /// Somebody has subscribed to topics of AWS's own: without, life-cycle events are not made. (A filter whose first level
  /// is a wildcard matches no topic that begins with `$`.)
  bool somebody_follows_ = false;
  /// A shared subscription to such topics was made: the broker delivers nothing on them (2.0.11 looks for `$aws` in the wrong
  /// tree), so each event goes to one client of every group from here.
  bool shared_follows_ = false;
  std::size_t shared_turn_ = 0;
  routing routing_;
  std::vector<outgoing_message> events_out_;
  struct subscription_changes {
    session_key whose;
    std::vector<std::string> subscribed, unsubscribed;
  };
  std::map<std::uint64_t, subscription_changes> changes_;  ///< by generation
  std::map<std::pair<std::uint64_t, std::uint64_t>, fault> reply_faults_;  ///< by generation and request
  std::uint64_t requests_ = 0;
  std::vector<later> later_;

  mutable std::mutex guard_;
  std::vector<completed_reply> replies_;        // guarded
  std::vector<std::function<void()>> work_;     // guarded
  std::set<std::string> suspects_;              // guarded: certificates that may have lost their rights
  struct kept_message {
    retained_message message;
    std::optional<moment> end;  ///< as the broker counts: real time
    bool is_over(moment now) const noexcept { return end && *end <= now; }
  };
  std::map<std::string, kept_message, std::less<>> retained_;  // guarded
  bool closed_ = false;                         // guarded
};

}  // namespace fleetprov::mock
