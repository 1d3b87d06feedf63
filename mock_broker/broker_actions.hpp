#pragma once

#include <mock_broker/clock.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fleetprov::mock {

/// MQTT 5 properties that travel with a message.
struct message_properties {
  std::optional<std::string> content_type, response_topic, correlation_data;
  std::optional<std::uint8_t> payload_format_indicator;
  std::optional<std::uint32_t> message_expiry_seconds;
  std::vector<std::pair<std::string, std::string>> user_properties;
};

struct outgoing_message {
  std::string topic;
  std::string payload;  ///< any bytes
  std::uint8_t qos = 0;  ///< 0 or 1
  bool retain = false;
  message_properties properties;
};

struct retained_message {
  std::string topic;
  std::string payload;
  std::uint8_t qos = 0;
  instant last_modified{};
  message_properties properties;
};

/// What the control plane may ask of the running broker. Every member may be called from any thread;
/// what changes something is done on the broker's thread at its next turn (well under a millisecond).
class broker_actions {
 public:
  virtual ~broker_actions() = default;

  /// Routes a message to whoever subscribed (iot:Receive still applies). Waits for the broker's thread; false when it
  /// did not take the message (it ends, or is stuck).
  virtual bool publish(outgoing_message message) = 0;

  /// DeleteConnection: closes the live connection of `client_id`; false when there is none. Waits for
  /// the broker's thread. The session ends with API_INITIATED_DISCONNECT.
  virtual bool disconnect(const std::string& client_id, bool clean_session, bool prevent_will_message) = 0;

  /// By topic, ascending.
  virtual std::vector<retained_message> retained_messages() const = 0;
  virtual std::optional<retained_message> find_retained(std::string_view topic) const = 0;

  /// `POST /_mock/reset`: retained messages go, sessions whose certificate is no longer ACTIVE are
  /// closed, pending answers are forgotten. Waits for the broker's thread; false as for `publish`.
  virtual bool reset() = 0;
};

}  // namespace fleetprov::mock
