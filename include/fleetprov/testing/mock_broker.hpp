#pragma once

#include <fleetprov/core/after.hpp>
#include <fleetprov/core/result.hpp>
#include <fleetprov/json/document.hpp>

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

extern "C" char** environ;

namespace fleetprov::testing {

/// How to start a mock.
struct mock_options {
  /// The `fleetprov` program. Empty: the environment variable FLEETPROV_PROGRAM, else the macro of the
  /// same name (CMake's `fleetprov_use_mock(target)` defines it), else `fleetprov` in PATH.
  std::string program{};
  /// Further arguments of `fleetprov mock`: `--template`, `--fault`, `--empty`...
  std::vector<std::string> arguments{};
  std::chrono::seconds start_timeout{30};  ///< `max()`: without limit
  /// Until a mock that does not end when it is told to is killed. `max()`: never.
  std::chrono::seconds stop_timeout{30};
};

/// An answer of the mock's HTTP port.
struct http_answer {
  int status = 0;
  std::string body{};
};

namespace detail {

/// A descriptor that closes itself.
class descriptor {
 public:
  descriptor() = default;
  explicit descriptor(int fd) : fd_(fd) {}
  descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  descriptor& operator=(descriptor&& other) noexcept {
    reset(std::exchange(other.fd_, -1));
    return *this;
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor() { reset(); }
  int get() const noexcept { return fd_; }
  void reset(int fd = -1) noexcept {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

inline int remaining_ms(std::chrono::steady_clock::time_point until) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, (std::numeric_limits<int>::max)()));
}

/// Reads until `stop` bytes are seen, end of file or the deadline.
inline result<std::string> read_until(int fd, std::string_view stop, std::chrono::steady_clock::time_point until) {
  std::string text;
  for (;;) {
    pollfd waiting{fd, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, remaining_ms(until));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return errc::timed_out;
    char buffer[4096];
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got < 0) return errc::disconnected;
    if (got == 0) return text;
    text.append(buffer, static_cast<std::size_t>(got));
    if (!stop.empty() && text.find(stop) != std::string::npos) return text;
  }
}

inline bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(put));
  }
  return true;
}

/// A connection to the first of a host's addresses that takes one.
inline descriptor connect_to(const std::string& host, int port) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  descriptor made;
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found) != 0) return made;
  for (const addrinfo* next = found; next != nullptr; next = next->ai_next) {
    made.reset(::socket(next->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(made.get(), next->ai_addr, next->ai_addrlen) == 0) break;
    made.reset();
  }
  ::freeaddrinfo(found);
  return made;
}

/// `http://HOST:PORT`, an IPv6 address in brackets.
struct http_place {
  std::string host{};  ///< without brackets
  int port = 0;        ///< 0: it is no such URL
};
inline http_place place_of(std::string_view url) {
  constexpr std::string_view scheme = "http://";
  const std::size_t colon = url.rfind(':');
  if (url.substr(0, scheme.size()) != scheme || colon < scheme.size()) return {};
  std::string_view host = url.substr(scheme.size(), colon - scheme.size());
  const std::string port(url.substr(colon + 1));
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  else if (host.empty() || host.find_first_of("[]:/") != std::string_view::npos) return {};
  if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != std::string::npos) return {};
  const int number = std::atoi(port.c_str());
  return number <= 65535 ? http_place{std::string(host), number} : http_place{};
}

inline std::string text_at(const json::document& ready, std::string_view pointer) {
  const json::value* found = ready.find(pointer);
  return found != nullptr && !found->is(json::kind::null) ? found->text : std::string();
}

}  // namespace detail

/// A mock of AWS IoT Core for the lifetime of this object: an ephemeral folder, free ports, real TLS.
/// Several may live at once. It stops when the object is destroyed and also when the test process
/// dies in any way: a shell between the two waits for the end of a socket that only this process holds.
class mock_broker {
 public:
  /// Starts one and waits until it accepts connections.
  /// Errors: not_found (no program could be started, or it ended at once: its own words are on
  /// stderr), timed_out, encoding (its ready line was not understood).
  static result<mock_broker> start(mock_options options = {}) {
    mock_broker made;
    int to_child[2];
    int from_child[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, to_child) != 0) return errc::unsupported;
    detail::descriptor child_reads(to_child[0]);
    made.lifeline_.reset(to_child[1]);
    if (::pipe2(from_child, O_CLOEXEC) != 0) return errc::unsupported;
    detail::descriptor ready(from_child[0]);
    detail::descriptor child_writes(from_child[1]);

    std::vector<std::string> words{"/bin/sh", "-c",
                                   "\"$@\" & p=$!; exec >&-; read -r _; kill -TERM $p 2>/dev/null; wait $p", "sh",
                                   program(options), "mock", "--ephemeral", "--port", "0", "--http-port", "0",
                                   "--format", "json"};
    words.insert(words.end(), options.arguments.begin(), options.arguments.end());
    std::vector<char*> argv;
    argv.reserve(words.size() + 1);
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, child_reads.get(), 0);
    posix_spawn_file_actions_adddup2(&actions, child_writes.get(), 1);
    posix_spawnattr_t attributes;  // a process group of its own: what does not end is killed as a whole
    posix_spawnattr_init(&attributes);
    // What this process blocks or ignores would keep the mock from ending.
    sigset_t blocked, usual;
    sigemptyset(&blocked);
    sigemptyset(&usual);
    for (const int signal : {SIGTERM, SIGCHLD, SIGPIPE}) sigaddset(&usual, signal);
    posix_spawnattr_setsigmask(&attributes, &blocked);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    const int failed = ::posix_spawn(&made.shell_, "/bin/sh", &actions, &attributes, argv.data(), environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    made.stop_timeout_ = options.stop_timeout;
    if (failed != 0) {
      made.shell_ = -1;
      return errc::not_found;
    }
    child_reads.reset();
    child_writes.reset();
    auto line = detail::read_until(ready.get(), "\n", after(std::chrono::steady_clock::now(), options.start_timeout));
    if (!line) return line.error();
    if (line->find('\n') == std::string::npos) return errc::not_found;
    if (!made.understand(*line)) return errc::encoding;
    return made;
  }

  mock_broker(mock_broker&& other) noexcept { *this = std::move(other); }
  mock_broker& operator=(mock_broker&& other) noexcept {
    if (this == &other) return *this;
    stop();
    shell_ = std::exchange(other.shell_, -1);
    owner_ = other.owner_;
    stop_timeout_ = other.stop_timeout_;
    lifeline_ = std::move(other.lifeline_);
    host_ = std::move(other.host_);
    port_ = other.port_;
    http_url_ = std::move(other.http_url_);
    http_ = std::move(other.http_);
    ca_file_ = std::move(other.ca_file_);
    claim_certificate_ = std::move(other.claim_certificate_);
    claim_private_key_ = std::move(other.claim_private_key_);
    directory_ = std::move(other.directory_);
    templates_ = std::move(other.templates_);
    return *this;
  }
  mock_broker(const mock_broker&) = delete;
  mock_broker& operator=(const mock_broker&) = delete;
  ~mock_broker() { stop(); }

  /// Stops the mock, waits for its end and returns its exit status (0: clean; -1: was not running, or another process
  /// started it and forked this one, or this one ignores SIGCHLD; above 128: killed).
  int stop() noexcept {
    if (shell_ <= 0 || owner_ != ::getpid()) return -1;
    (void)::shutdown(lifeline_.get(), SHUT_WR);
    const auto ended = detail::read_until(lifeline_.get(), {}, after(std::chrono::steady_clock::now(), stop_timeout_));
    if (!ended) (void)::kill(-shell_, SIGKILL);
    lifeline_.reset();
    int status = 0;
    pid_t ended_process = -1;
    do ended_process = ::waitpid(shell_, &status, 0);
    while (ended_process < 0 && errno == EINTR);
    shell_ = -1;
    if (ended_process < 0) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  const std::string& host() const noexcept { return host_; }         ///< is in the server certificate
  int port() const noexcept { return port_; }                        ///< MQTT over mutual TLS
  int http_port() const noexcept { return http_.port; }              ///< control plane and `/_mock/`
  /// `http://127.0.0.1:PORT`, or what `--bind` makes of it, without a slash at the end: as `--endpoint-url` of AWS's tools
  /// wants it.
  std::string http_url() const { return http_url_; }
  const std::string& ca_file() const noexcept { return ca_file_; }
  const std::string& claim_certificate() const noexcept { return claim_certificate_; }  ///< path; empty with --empty
  const std::string& claim_private_key() const noexcept { return claim_private_key_; }  ///< path; empty with --empty
  const std::string& directory() const noexcept { return directory_; }
  const std::vector<std::string>& templates() const noexcept { return templates_; }     ///< names

  /// One request to the HTTP port: the control plane as AWS spells it, or `/_mock/...`.
  /// Errors: disconnected, timed_out, encoding.
  result<http_answer> http(std::string_view method, std::string_view path, std::string_view body = {}) const {
    const detail::descriptor socket = detail::connect_to(http_.host, http_.port);
    if (socket.get() < 0) return errc::disconnected;
    std::string request(method);
    request.append(" ").append(path).append(" HTTP/1.1\r\nHost: ").append(http_url_.substr(http_url_.rfind('/') + 1));
    request.append("\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ");
    request.append(std::to_string(body.size())).append("\r\n\r\n").append(body);
    if (!detail::write_all(socket.get(), request)) return errc::disconnected;
    auto whole = detail::read_until(socket.get(), {}, std::chrono::steady_clock::now() + std::chrono::seconds(30));
    if (!whole) return whole.error();
    const std::size_t blank = whole->find("\r\n\r\n");
    if (whole->size() < 12 || blank == std::string::npos) return errc::encoding;
    return http_answer{std::atoi(whole->c_str() + 9), whole->substr(blank + 4)};
  }

  /// Moves the mock's clock forward; what expires is gone when this returns.
  result<void> advance_clock(std::chrono::seconds by) const {
    return expect_success("POST", "/_mock/clock", "{\"advance_seconds\":" + std::to_string(by.count()) + "}");
  }
  /// Adds a fault: the JSON object of docs/mock.md, "Faults".
  result<void> inject_fault(std::string_view fault_json) const {
    return expect_success("POST", "/_mock/faults", fault_json);
  }
  result<void> clear_faults() const { return expect_success("DELETE", "/_mock/faults", {}); }
  /// Back to the world as it was when the mock was ready; clock and faults included.
  result<void> reset() const { return expect_success("POST", "/_mock/reset", {}); }

  /// The thing as DescribeThing answers it; not_found where there is none.
  result<json::document> describe_thing(std::string_view name) const { return query("/things/" + std::string(name)); }
  /// The certificate as DescribeCertificate answers it.
  result<json::document> describe_certificate(std::string_view certificate_id) const {
    return query("/certificates/" + std::string(certificate_id));
  }
  /// Any GET that answers JSON. Errors: not_found (status 404), rejected (another status), encoding.
  result<json::document> query(std::string_view path) const {
    auto answer = http("GET", path);
    if (!answer) return answer.error();
    if (answer->status == 404) return errc::not_found;
    if (answer->status != 200) return errc::rejected;
    auto parsed = json::document::from_text(std::move(answer->body));
    if (!parsed) return errc::encoding;
    return std::move(*parsed.value);
  }

 private:
  mock_broker() = default;

  static std::string program(const mock_options& options) {
    if (!options.program.empty()) return options.program;
    if (const char* named = std::getenv("FLEETPROV_PROGRAM"); named != nullptr && *named != '\0') return named;
#ifdef FLEETPROV_PROGRAM
    return FLEETPROV_PROGRAM;
#else
    return "fleetprov";
#endif
  }

  bool understand(const std::string& line) {
    auto parsed = json::document::from_text(line);
    if (!parsed) return false;
    const json::document& ready = *parsed.value;
    host_ = detail::text_at(ready, "/mqtt/host");
    port_ = std::atoi(detail::text_at(ready, "/mqtt/port").c_str());
    http_url_ = detail::text_at(ready, "/http/url");
    http_ = detail::place_of(http_url_);
    ca_file_ = detail::text_at(ready, "/ca_file");
    claim_certificate_ = detail::text_at(ready, "/claim/certificate");
    claim_private_key_ = detail::text_at(ready, "/claim/private_key");
    directory_ = detail::text_at(ready, "/dir");
    if (const json::value* names = ready.find("/templates"))
      for (const json::value& name : names->items) templates_.push_back(name.text);
    return !host_.empty() && port_ > 0 && http_.port > 0;
  }

  result<void> expect_success(std::string_view method, std::string_view path, std::string_view body) const {
    auto answer = http(method, path, body);
    if (!answer) return answer.error();
    if (answer->status / 100 != 2) return errc::rejected;
    return {};
  }

  pid_t shell_ = -1;
  pid_t owner_ = ::getpid();
  std::chrono::seconds stop_timeout_{};
  detail::descriptor lifeline_;
  std::string host_;
  int port_ = 0;
  std::string http_url_;
  detail::http_place http_;
  std::string ca_file_, claim_certificate_, claim_private_key_, directory_;
  std::vector<std::string> templates_;
};

}  // namespace fleetprov::testing
