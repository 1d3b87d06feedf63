#pragma once

#include <fleetprov/core/secret.hpp>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/// What every adapter speaks: where to connect, and what came of it.
namespace fleetprov::adapters {

enum class mqtt_version : std::uint8_t { v3_1_1, v5 };

/// One TLS connection to AWS IoT Core or the mock. The server's certificate is always verified.
struct link_options {
  std::string host;
  std::uint16_t port = 8883;
  std::string ca_file, certificate_file;
  std::string key_file;                  ///< PEM file; with `tls_context` a `pkcs11:...` URI
  /// Makes the `SSL_CTX` to connect with, null where it cannot: for keys that are in no file (token_tls.hpp). Only
  /// libmosquitto takes one; the others need files.
  std::shared_ptr<void> (*tls_context)(const link_options&) = nullptr;
  std::string client_id;
  mqtt_version version = mqtt_version::v3_1_1;
  std::chrono::seconds keep_alive{60};
  std::chrono::seconds connect_timeout{15};

  /// The ALPN protocol that AWS IoT Core wants on port 443, else empty. AWS IoT Developer Guide,
  /// "Device communication protocols".
  std::string alpn() const { return port == 443 ? "x-amzn-mqtt-ca" : ""; }
};

/// Something that happened to a link.
struct link_event {
  enum class kind : std::uint8_t {
    connected,
    refused,          ///< the service answered CONNECT with a refusal (`codes[0]`)
    hung_up,          ///< the connection was accepted and then closed, or TLS failed
    unreachable,      ///< no TCP connection
    subscribed,       ///< SUBACK with `codes`
    publish_refused,  ///< MQTT 5 PUBACK of 0x80 and above in `codes[0]`
    published,        ///< PUBACK
    message,
  };
  kind what;
  std::string text{};                 ///< message: the topic; failures: the client library's words
  secret payload{};                   ///< message only
  std::vector<std::uint8_t> codes{};
};

/// Events from the client library's thread to the caller's.
class event_queue {
 public:
  void push(link_event event) {
    {
      const std::lock_guard<std::mutex> hold(mutex_);
      events_.push_back(std::move(event));
    }
    changed_.notify_one();
  }
  /// The next event, or nothing when `limit` is over.
  std::optional<link_event> wait(std::chrono::milliseconds limit) {
    std::unique_lock<std::mutex> hold(mutex_);
    changed_.wait_for(hold, limit, [this] { return !events_.empty(); });
    if (events_.empty()) return std::nullopt;
    link_event next = std::move(events_.front());
    events_.pop_front();
    return next;
  }
  void clear() {
    const std::lock_guard<std::mutex> hold(mutex_);
    events_.clear();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<link_event> events_;
};

/// Whether a TCP connection to `host` can be made: client libraries do not tell a closed port from a
/// service that hangs up. `why` says what the system said.
struct reachability { bool reached = false; std::string why{}; };
inline reachability reach(const std::string& host, std::uint16_t port, std::chrono::milliseconds limit) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int rc = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found); rc != 0)
    return {false, ::gai_strerror(rc)};
  reachability out{false, "no socket could be made"};
  for (const addrinfo* at = found; at != nullptr; at = out.reached ? nullptr : at->ai_next) {
    const int s = ::socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s < 0) continue;
    errno = EINPROGRESS;  // for a connection that is made at once, too: polling it tells
    (void)::connect(s, at->ai_addr, at->ai_addrlen);
    int error = errno;
    if (error == EINPROGRESS) {
      pollfd ready{s, POLLOUT, 0};
      socklen_t size = sizeof error;
      if (::poll(&ready, 1, static_cast<int>(limit.count())) <= 0) error = ETIMEDOUT;
      else ::getsockopt(s, SOL_SOCKET, SO_ERROR, &error, &size);
    }
    ::close(s);
    out = {error == 0, error == 0 ? "" : std::strerror(error)};
  }
  ::freeaddrinfo(found);
  return out;
}

}  // namespace fleetprov::adapters
