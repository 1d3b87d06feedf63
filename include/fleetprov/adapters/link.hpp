#pragma once

#include <fleetprov/core/after.hpp>
#include <fleetprov/core/secret.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <deque>
#include <list>
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

/// One TLS connection to AWS IoT Core or the mock. The server's certificate is always verified. Without `tls_context` all three
/// files are needed, and looked at before each connecting: what cannot be used of them is told as `link_event::kind::not_tried`.
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
  std::chrono::milliseconds connect_timeout{15'000};
  /// Of the whole run: no connecting goes on after it.
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();

  /// How long connecting may take from now on.
  std::chrono::milliseconds connect_limit() const {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    return std::clamp(left, std::chrono::milliseconds(0), connect_timeout);
  }
  /// The same for client libraries that count in seconds, take 0 for something else, and know no time without limit: that is
  /// a day.
  std::chrono::seconds connect_limit_in_seconds() const {
    return std::clamp<std::chrono::seconds>(std::chrono::ceil<std::chrono::seconds>(connect_limit()), std::chrono::seconds(1), std::chrono::hours(24));
  }

  /// For both Paho libraries. An IPv6 address stands without brackets: they take what follows the last colon for the port, and
  /// would look for a bracket in the server's certificate (1.3.12).
  std::string paho_uri() const { return "ssl://" + host + ":" + std::to_string(port); }

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
    untrusted,        ///< the server's certificate does not verify: it is not the service that answers, so nobody refused
    not_tried,        ///< a file or option of the link's own (`text` tells) cannot be used: nobody was connected to, so nobody refused
    unreachable,      ///< no TCP connection, or nobody who says anything on it
    subscribed,       ///< SUBACK with `codes`
    publish_refused,  ///< MQTT 5 PUBACK of 0x80 and above in `codes[0]`
    published,        ///< PUBACK
    message,
  };
  kind what;
  std::string text{};                 ///< message: the topic; failures: the client library's words
  secret payload{};                   ///< message only
  std::vector<std::uint8_t> codes{};
  bool is_redelivery = false;         ///< message only: DUP, where the client library tells
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
  /// The next event, or nothing when `limit` is over; `max()` is without limit.
  std::optional<link_event> wait(std::chrono::milliseconds limit) {
    std::unique_lock<std::mutex> hold(mutex_);
    changed_.wait_until(hold, after(std::chrono::steady_clock::now(), limit), [this] { return !events_.empty(); });
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

/// A TCP connection, closed at the end of its life; `why` says what the system said where there is none.
class tcp_connection {
 public:
  explicit tcp_connection(int number, std::string reason = {}) : why(std::move(reason)), number_(number) {}
  tcp_connection(tcp_connection&& other) noexcept : why(std::move(other.why)), number_(std::exchange(other.number_, -1)) {}
  tcp_connection(const tcp_connection&) = delete;
  tcp_connection& operator=(const tcp_connection&) = delete;
  ~tcp_connection() {
    if (number_ >= 0) ::close(number_);
  }
  explicit operator bool() const noexcept { return number_ >= 0; }
  int number() const noexcept { return number_; }  ///< of a socket that does not block

  std::string why;

 private:
  int number_;
};

/// Connects to the first of the addresses that answers within `limit`, whatever the kernel's own patience is. An address
/// that is silent delays the next by a quarter of a second only (RFC 8305): IPv6 often leads nowhere.
inline tcp_connection connect_first(const addrinfo* next, std::chrono::milliseconds limit) {
  using clock = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds head_start{250};
  const auto end = after(clock::now(), limit);
  auto next_start = clock::now();
  tcp_connection out(-1, "no socket could be made");
  std::list<tcp_connection> trying;
  std::vector<pollfd> ready;
  while (next != nullptr || !trying.empty()) {
    if (next != nullptr && (trying.empty() || clock::now() >= next_start)) {
      tcp_connection made(::socket(next->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      errno = EINPROGRESS;  // for a connection that is made at once, too: polling it tells
      if (made) (void)::connect(made.number(), next->ai_addr, next->ai_addrlen);
      if (made && errno != EINPROGRESS) out.why = std::strerror(errno);
      else if (made) trying.push_back(std::move(made));
      next = next->ai_next;
      next_start = clock::now() + head_start;
      continue;
    }
    ready.clear();
    for (const tcp_connection& one : trying) ready.push_back({one.number(), POLLOUT, 0});
    const auto left = std::chrono::ceil<std::chrono::milliseconds>((next != nullptr ? std::min(end, next_start) : end) - clock::now());
    (void)::poll(ready.data(), ready.size(), static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000)));
    auto one = trying.begin();
    for (const pollfd& polled : ready) {
      const auto this_one = one++;
      if (polled.revents == 0) continue;
      int error = 0;
      socklen_t size = sizeof error;
      ::getsockopt(polled.fd, SOL_SOCKET, SO_ERROR, &error, &size);
      if (error == 0) return std::move(*this_one);
      out.why = std::strerror(error);
      trying.erase(this_one);
      next_start = clock::now();  // the next one at once
    }
    if (clock::now() >= end) return tcp_connection(-1, trying.empty() ? out.why : std::strerror(ETIMEDOUT));
  }
  return out;
}

/// The same for all addresses of a host.
inline tcp_connection connect_tcp(const std::string& host, std::uint16_t port, std::chrono::milliseconds limit) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int rc = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found); rc != 0)
    return tcp_connection(-1, ::gai_strerror(rc));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, ::freeaddrinfo);
  return connect_first(addresses.get(), limit);
}

/// Whether a TCP connection to `host` can be made: client libraries do not tell a port that is closed, or a firewall
/// that drops everything, from a service that hangs up. `why` says what the system said.
struct reachability { bool reached = false; std::string why{}; };
inline reachability reach(const std::string& host, std::uint16_t port, std::chrono::milliseconds limit) {
  tcp_connection made = connect_tcp(host, port, limit);
  return {static_cast<bool>(made), std::move(made.why)};
}

}  // namespace fleetprov::adapters
