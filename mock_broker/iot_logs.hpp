#pragma once

#include <mock_broker/clock.hpp>
#include <mock_broker/fleet_service.hpp>
#include <mock_broker/session_book.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fleetprov::mock {

/// The entry of a message that a stored session keeps for its client, told from one that is sent.
inline constexpr std::string_view queued_event = "Queued";

/// Optional members of a broker entry; empty ones are left out.
struct log_details {
  std::string_view topic_name, reason, details, disconnect_reason;
  bool retain = false;
  bool failed = false;
  std::optional<std::uint8_t> qos;
};

/// One entry as CloudWatch's group AWSIotLogsV2 has it (Developer Guide, "CloudWatch AWS IoT log entries").
std::string make_broker_entry(instant now, std::string_view account, std::string_view event_type,
                              const session& whose, const log_details& more);
/// DeleteConnection over HTTP; `found`: there was such a connection.
std::string make_delete_connection_entry(instant now, std::string_view account, std::string_view client_id, bool found);
std::string make_service_entry(instant now, std::string_view account, const service_log_entry& entry);

}  // namespace fleetprov::mock
