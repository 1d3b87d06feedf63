#pragma once

#include <mock_broker/control_plane.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fleetprov::mock {

class mock_api;

struct http_settings {
  std::string bind = "127.0.0.1";
  std::uint16_t port = 0;  ///< 0: any free one
  /// Names a Host header may have, besides the bound address and localhost. Anything else gets 403: a web
  /// page that resolves its own name to this machine must not reach the mock.
  std::vector<std::string> host_names;
};

/// The mock's HTTP port: `/_mock/` and AWS's APIs behind one listener with its own threads. Requests are
/// limited in size, slow ones time out, and no answer carries CORS headers.
class http_server {
 public:
  http_server(http_settings how, const control_plane& control, mock_api& mock);
  ~http_server();
  http_server(const http_server&) = delete;
  http_server& operator=(const http_server&) = delete;

  /// Binds and serves. Throws std::runtime_error where the address cannot be had.
  void start();
  std::uint16_t port() const noexcept;
  /// True when no request is being read or answered any more. False when a slow client still holds a
  /// thread: then nothing that handlers use may be destroyed before the process ends.
  bool stop() noexcept;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

/// Whether a Host header names this server: `host[:port]`, IPv6 in brackets, case ignored.
bool is_own_host(const std::string& header, const std::vector<std::string>& names);

}  // namespace fleetprov::mock
