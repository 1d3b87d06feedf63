#pragma once

#include <mock_broker/control_plane.hpp>
#include <mock_broker/event_log.hpp>
#include <mock_broker/faults.hpp>
#include <mock_broker/fleet_service.hpp>
#include <mock_broker/policy_gate.hpp>
#include <mock_broker/registry.hpp>

#include <mutex>
#include <string_view>

namespace fleetprov::mock {

/// What the routes under `/_mock/` work on.
struct mock_context {
  registry& world;
  fleet_service& service;
  clock& time;
  fault_list& faults;
  event_log& log;
  denial_ring& denials;
  broker_actions& broker;
};

/// The mock's own HTTP interface (docs/mock.md): time, faults, reset, events, denials. Thread-safe.
class mock_api {
 public:
  /// Takes the state that `reset` restores: call it before the first request.
  explicit mock_api(mock_context context);

  static constexpr std::string_view prefix = "/_mock/";

  /// Every route but `events`. `path` is what follows the prefix.
  api_reply handle(std::string_view method, std::string_view path, std::string_view body);

  event_log& log() const noexcept { return context_.log; }

 private:
  api_reply advance_clock(std::string_view body);
  api_reply add_fault(std::string_view body);
  api_reply reset();

  mock_context context_;
  event_log::mark log_at_start_;
  std::mutex resetting_;
};

}  // namespace fleetprov::mock
