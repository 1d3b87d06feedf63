#pragma once

#include <fleetprov/topics/reserved_topics.hpp>
#include <mock_broker/broker_actions.hpp>
#include <mock_broker/clock.hpp>
#include <mock_broker/session_book.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fleetprov::mock {

/// Builds the messages on `$aws/events/presence/...` and `$aws/events/subscriptions/...`
/// (Developer Guide, "Lifecycle events"). Empty for a client id with `+` or `#`: AWS IoT tells nothing about those.
class lifecycle_events {
 public:
  explicit lifecycle_events(const clock& time) noexcept : time_(time) {}

  /// `thing_name`: of a certificate attached as EXCLUSIVE_THING, else empty.
  std::optional<outgoing_message> connected(const session& whose, std::string_view thing_name) const;
  std::optional<outgoing_message> disconnected(const session& whose, std::string_view thing_name,
                                               std::string_view reason) const;
  std::optional<outgoing_message> connect_failed(const session& candidate, std::string_view reason) const;
  std::optional<outgoing_message> subscriptions(const session& whose, topics::client_event what,
                                                const std::vector<std::string>& filters) const;

 private:
  const clock& time_;
};

}  // namespace fleetprov::mock
