#pragma once

#include <mock_broker/broker_actions.hpp>
#include <mock_broker/certificate_authority.hpp>
#include <mock_broker/clock.hpp>
#include <mock_broker/fleet_service.hpp>
#include <mock_broker/registry.hpp>

#include <string>

namespace httplib {
class Server;
}

namespace fleetprov::mock {

/// What the routes of the control plane work on. Outlives the server.
struct control_context {
  registry& world;
  fleet_service& service;
  const certificate_authority& authority;
  const clock& time;
  broker_actions& broker;
  std::string mqtt_host;  ///< what DescribeEndpoint answers: a name of the server certificate
};

/// Adds the routes of AWS IoT's control plane (provisioning.md 6) and data plane (7.9). The server around
/// it has checked the Host header and the body's size before a route runs, answers 501 in AWS's shape for
/// a path without a route, and 500 for an exception that a route lets out.
void mount_control_plane(httplib::Server& server, control_context& context);

}  // namespace fleetprov::mock
