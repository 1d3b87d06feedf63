#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace fleetprov::mock {

struct bound_identity;  // policy_gate.hpp: the policies of one session, ready to decide

enum class mqtt_version : std::uint8_t { v3_1_1 = 4, v5 = 5 };

/// One MQTT session, from the accepted CONNECT until the broker forgets it. It outlives its connection:
/// wills and queued messages are checked when the certificate is no longer at hand.
struct session {
  std::uint64_t generation = 0;  ///< never repeats; a pointer of the broker does
  const void* broker_client = nullptr;
  bool live = true;        ///< the connection stands
  bool by_claim = false;   ///< made with a temporary claim certificate
  mqtt_version version = mqtt_version::v3_1_1;
  bool clean_start = true;
  bool inherited = false;  ///< subscriptions were taken over from an earlier connection, not yet confirmed
  bool is_void = false;    ///< it had ended when a reset came: queue, subscriptions and will are nobody's any more
  bool follows_void = false;  ///< the broker may resume such a session with this one; nothing of it is delivered
  std::string client_id;
  std::string certificate_id;
  std::map<std::string, std::vector<std::string>> certificate_variables;
  std::string source_ip;
  std::uint16_t source_port = 0;
  std::string session_identifier;  ///< 32 hex digits
  std::uint64_t version_number = 0;
  std::map<std::string, std::uint8_t, std::less<>> subscriptions;  ///< filter, granted QoS
  std::string disconnect_reason;   ///< why we are about to close it; empty: the network decides
  std::string disconnect_details;  ///< the same for people, where nobody has told them yet
  std::uint32_t outstanding = 0;  ///< provisioning requests without an answer yet
  std::shared_ptr<bound_identity> identity;

  session();
  ~session();
};

/// Names a session from any thread; never dangles.
struct session_key {
  const void* broker_client = nullptr;
  std::uint64_t generation = 0;
};

/// Every session that the broker knows. The broker reuses its pointers at once and client ids move
/// between connections, so the key is pointer and generation. Broker thread only.
class session_book {
 public:
  session_book();
  ~session_book();

  /// A new connection was accepted. An older session of the same client id hands its subscriptions over when the new
  /// one asks to resume, unless it is void; whether the broker has kept it is for the caller to ask.
  session& open(const void* broker_client, std::string client_id, std::string certificate_id, bool clean_start);

  /// The session behind a pointer of the broker, live or not; null when there is none.
  session* find(const void* broker_client) noexcept;
  /// The session only if it is still the one meant and its connection stands.
  session* find_live(session_key key) noexcept;
  session* find_live(std::string_view client_id) noexcept;

  /// The connection ended; identity and subscriptions stay for the will and for resumption.
  void close(session& ended);
  /// Lets go of what can say nothing more: closed clean MQTT 3.1.1 sessions. Their will is sent while the
  /// connection ends and nothing is queued for them. To be called once the broker is done with that, at its
  /// next tick. Others stay until the broker forgets them: an MQTT 5 will may be delayed.
  void forget_ended() noexcept;
  /// Nobody goes on with what has ended: the sessions without a connection become void. Returns those that the broker
  /// may have stored.
  std::vector<session*> make_ended_void();
  /// Version numbers start again from 0 but for those who are connected.
  void restart_version_numbers();
  /// The broker forgot the session.
  void forget(const void* broker_client) noexcept;

  template <class Visit>
  void for_each_live(Visit&& visit) {
    for (auto& [id, held] : live_) visit(*held);
  }
  /// The sessions with a connection that this certificate made.
  template <class Visit>
  void for_each_live_of(const std::string& certificate_id, Visit&& visit) {
    for (auto at = by_certificate_.lower_bound({certificate_id, nullptr});
         at != by_certificate_.end() && at->first == certificate_id; ++at)
      if (at->second->live) visit(*at->second);
  }
  std::size_t live_count() const noexcept { return live_.size(); }
  std::size_t known_count() const noexcept { return by_pointer_.size(); }  ///< ended ones included

  /// The highest QoS granted to a filter that matches `topic` by AWS's rules; empty when none does.
  static std::optional<std::uint8_t> granted_qos(const session& whose, std::string_view topic) noexcept;

 private:
  std::unordered_map<const void*, std::unique_ptr<session>> by_pointer_;
  std::unordered_map<std::string, session*> live_;     ///< by client id
  /// Every session that is known, with its certificate id. Thousands may share a claim certificate.
  std::set<std::pair<std::string_view, session*>> by_certificate_;
  std::unordered_map<std::string, session*> stored_;   ///< by client id the last one closed that the broker may have kept
  std::vector<session_key> ended_;  ///< closed since the last forget_ended
  std::unordered_map<std::string, std::uint64_t> version_numbers_;
  std::uint64_t next_generation_ = 1;
};

}  // namespace fleetprov::mock
