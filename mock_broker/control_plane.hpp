#pragma once

#include <mock_broker/broker_actions.hpp>
#include <mock_broker/fleet_service.hpp>
#include <mock_broker/registry.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fleetprov::mock {

/// One HTTP request, free of any server's types. `target` is the raw request target (path and query,
/// still percent-encoded): names may hold encoded slashes.
struct api_request {
  std::string method, target, body;
  std::vector<std::pair<std::string, std::string>> headers;
};
struct api_reply {
  int status = 200;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string content_type = "application/json";
};

struct control_plane_context {
  registry& world;
  fleet_service& service;
  std::string endpoint_host;  ///< DescribeEndpoint's answer
  broker_actions& broker;
  std::function<void(const std::string&)> on_failure = {};  ///< what an internal failure was, for people; never a secret
};

/// AWS IoT's HTTP APIs: control plane and data plane as the AWS IoT API Reference has them, one table of routes.
/// Signatures are accepted and not verified. Never throws; thread-safe; the operations block.
class control_plane {
 public:
  explicit control_plane(control_plane_context context) : context_(std::move(context)) {}

  /// An operation that is not there answers 501 naming method and path.
  api_reply handle(const api_request& request) const noexcept;

  /// Method, path pattern and AWS's name of every operation, for documentation and tests.
  struct operation {
    std::string_view method, pattern, name;
  };
  static std::vector<operation> operations();

 private:
  control_plane_context context_;
};

}  // namespace fleetprov::mock
