#pragma once
// Sockets on 127.0.0.1 and ::1, on ports that the system chooses.

#include "support/catch.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace test {

class descriptor {
 public:
  explicit descriptor(int file = -1) noexcept : file_(file) {}
  descriptor(descriptor&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(file_, other.file_);
    return *this;
  }
  ~descriptor() {
    if (file_ >= 0) ::close(file_);
  }
  int get() const noexcept { return file_; }

 private:
  int file_;
};

inline sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return at;
}

inline sockaddr_in6 ipv6_loopback() {
  sockaddr_in6 at{};
  at.sin6_family = AF_INET6;
  at.sin6_addr = in6addr_loopback;
  return at;
}

/// A socket that is bound to a port, and listens unless told otherwise.
class listener {
 public:
  explicit listener(int backlog = 16) : listener(loopback(0), backlog) { REQUIRE(port_ != 0); }
  /// At an address of the test's choice, if that is possible.
  template <class Address>
  static std::optional<listener> at(const Address& where) {
    listener made(where, 16);
    if (made.port_ == 0) return std::nullopt;
    return made;
  }
  std::uint16_t port() const noexcept { return port_; }
  int get() const noexcept { return socket_.get(); }
  /// The next connection, bound to end: none after 20 seconds or `::shutdown`.
  descriptor accept() const {
    pollfd waiting{get(), POLLIN, 0};
    if (::poll(&waiting, 1, 20'000) <= 0) return descriptor();
    descriptor out(::accept4(get(), nullptr, nullptr, SOCK_CLOEXEC));
    const timeval limit{20, 0};
    for (const int which : {SO_RCVTIMEO, SO_SNDTIMEO}) (void)::setsockopt(out.get(), SOL_SOCKET, which, &limit, sizeof limit);
    return out;
  }

 private:
  template <class Address>
  listener(Address at, int backlog)
      : socket_(::socket(reinterpret_cast<const sockaddr&>(at).sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    socklen_t size = sizeof at;
    const bool bound = ::bind(get(), reinterpret_cast<const sockaddr*>(&at), size) == 0 &&
                       ::getsockname(get(), reinterpret_cast<sockaddr*>(&at), &size) == 0 && (backlog < 0 || ::listen(get(), backlog) == 0);
    if (bound) port_ = ntohs(port_of(at));
  }
  static in_port_t port_of(const sockaddr_in& at) noexcept { return at.sin_port; }
  static in_port_t port_of(const sockaddr_in6& at) noexcept { return at.sin6_port; }
  descriptor socket_;
  std::uint16_t port_ = 0;
};

/// A port that nothing listens on, until another process gets it.
inline std::uint16_t closed_port() { return listener(-1).port(); }

/// Listens and takes no more connections: who connects hears nothing.
class full_listener {
 public:
  full_listener() {
    for (int i = 0; i < 64; ++i) {
      waiting_.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      const auto at = loopback(listener_.port());
      (void)::connect(waiting_.back().get(), reinterpret_cast<const sockaddr*>(&at), sizeof at);
      pollfd ready{waiting_.back().get(), POLLOUT, 0};
      if (::poll(&ready, 1, 50) == 0) return;
    }
    FAIL("a listener takes all there are");
  }
  std::uint16_t port() const noexcept { return listener_.port(); }

 private:
  listener listener_{0};
  std::vector<descriptor> waiting_;
};

/// Lets the process open `more` descriptors.
class no_descriptors_left {
 public:
  explicit no_descriptors_left(rlim_t more = 0) {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    descriptor next(::dup(0));
    rlimit few = before_;
    few.rlim_cur = static_cast<rlim_t>(next.get()) + more;
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  }
  ~no_descriptors_left() { (void)::setrlimit(RLIMIT_NOFILE, &before_); }
  no_descriptors_left(const no_descriptors_left&) = delete;
  no_descriptors_left& operator=(const no_descriptors_left&) = delete;

 private:
  rlimit before_{};
};

}  // namespace test
