#pragma once

#include <fleetprov/crypto/certificate.hpp>
#include <mock_broker/broker_actions.hpp>
#include <mock_broker/session_book.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

struct mosquitto;
struct mqtt5__property;  // NOLINT(bugprone-reserved-identifier): its name in Mosquitto

namespace fleetprov::mock {

/// How a connection came to its end, as far as it can be told.
enum class connection_end : std::uint8_t { client_disconnect, lost, keep_alive, client_error };

/// The other end of a connection.
struct remote_end {
  std::string address;
  std::uint16_t port = 0;
};

/// Mosquitto's C functions in our terms; the only place that calls them. Broker thread only.
///
/// Three things have no public function in 2.0 and are looked up by name in the broker's own binary
/// (Debian's exports all its symbols); where they are missing the mock works without them:
/// sending DISCONNECT with a reason, a session's state, reading a message's properties.
class broker_host {
 public:
  broker_host();

  std::string client_id(const mosquitto* client) const;
  std::string address(const mosquitto* client) const;
  int protocol_version(const mosquitto* client) const;
  bool clean_start(const mosquitto* client) const;
  int subscription_count(const mosquitto* client) const;
  std::optional<crypto::certificate> certificate(const mosquitto* client) const;
  /// So that a reload of the broker's configuration does not take the client for an anonymous one.
  bool set_identity(mosquitto* client, const std::string& name) const;

  remote_end remote(const mosquitto* client) const;
  /// In the DISCONNECT event only.
  connection_end how_it_ended(const mosquitto* client) const;

  /// MQTT 5: a DISCONNECT packet with a reason. False where the broker has no such function.
  bool send_disconnect(mosquitto* client, std::uint8_t reason_code) const;

  /// To one client, past its subscriptions. Only from TICK, only to a session known to be live: the
  /// broker keeps the message by client id until its next turn.
  bool publish_to(const std::string& client_id, std::string_view topic, const void* payload, std::size_t size,
                  std::uint8_t qos) const;
  /// To whoever subscribed.
  bool publish(const outgoing_message& message) const;
  bool kick(const std::string& client_id, bool with_will) const;

  /// Empty where the broker's functions for it are missing.
  message_properties read_properties(const mqtt5__property* from) const;

 private:
  using send_disconnect_function = int (*)(mosquitto*, std::uint8_t, const mqtt5__property*);
  using get_state_function = int (*)(mosquitto*);

  send_disconnect_function send_disconnect_ = nullptr;
  get_state_function get_state_ = nullptr;
};

}  // namespace fleetprov::mock
