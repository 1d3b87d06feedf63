#include <mock_broker/launcher.hpp>

#include <mock_broker/child_process.hpp>
#include <mock_broker/event_log.hpp>
#include <mock_broker/errors.hpp>
#include <mock_broker/files.hpp>
#include <mock_broker/loopback.hpp>
#include <mock_broker/mock_files.hpp>
#include <mock_broker/mock_settings.hpp>

#include <fleetprov/core/detail/json_string.hpp>
#include <fleetprov/topics/limits.hpp>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <utility>

namespace fleetprov::mock {
namespace {

namespace fs = std::filesystem;
namespace limits = topics::limits;

constexpr int start_attempts = 8;
/// A broker under a tool that slows it down (memcheck) takes longer.
std::chrono::seconds start_patience() {
  constexpr long usual = 60;
  const char* wanted = std::getenv("FLEETPROV_MOCK_START_SECONDS");
  const long seconds = wanted != nullptr ? std::strtol(wanted, nullptr, 10) : usual;
  return std::chrono::seconds(seconds > 0 && seconds <= 3600 ? seconds : usual);
}
constexpr std::chrono::milliseconds stop_patience{2200};
constexpr std::chrono::milliseconds orphan_patience{5000};  ///< for the broker of a launcher that was killed
constexpr int orphan_beat_ms = 5;

void tell(const std::string& words) { std::fprintf(stderr, "fleetprov mock: %s\n", words.c_str()); }

/// A descriptor that closes itself.
class descriptor {
 public:
  descriptor() = default;
  explicit descriptor(int fd) noexcept : fd_(fd) {}
  descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  descriptor& operator=(descriptor&& other) noexcept {
    close();
    fd_ = std::exchange(other.fd_, -1);
    return *this;
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor() { close(); }
  int get() const noexcept { return fd_; }
  void close() noexcept {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_ = -1;
};

std::string errno_text() { return std::strerror(errno); }

// ---- what the mock needs ------------------------------------------------------------------------------

bool is_program(const fs::path& file) { return ::access(file.c_str(), X_OK) == 0 && fs::is_regular_file(file); }

fs::path find_broker() {
  const char* path = std::getenv("PATH");
  std::string folders = path != nullptr ? path : "";
  folders += ":/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/sbin";
  for (std::size_t at = 0; at <= folders.size();) {
    const std::size_t end = std::min(folders.find(':', at), folders.size());
    fs::path candidate = fs::path(folders.substr(at, end - at)) / "mosquitto";
    std::error_code ignored;
    if (candidate.is_absolute() && is_program(candidate)) return candidate;
    at = end + 1;
  }
  throw launch_error(
      "mosquitto was not found in PATH or /usr/sbin; install it (Debian, Ubuntu: apt install mosquitto)");
}

fs::path find_plugin(const fs::path& installed) {
  constexpr const char* file = "fleetprov_mock_plugin.so";
  if (const char* named = std::getenv("FLEETPROV_PLUGIN"); named != nullptr && *named != '\0') {
    if (fs::exists(named)) return fs::absolute(named);
    throw launch_error("FLEETPROV_PLUGIN names " + std::string(named) + ", which is not there");
  }
  std::error_code ignored;
  const fs::path here = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  for (const fs::path& candidate : {here / file, here / ".." / "lib" / "fleetprov" / file, installed})
    if (!candidate.empty() && fs::exists(candidate, ignored)) return fs::canonical(candidate);
  throw launch_error("the Mosquitto plugin " + std::string(file) +
                     " was not found beside the program nor in ../lib/fleetprov; set FLEETPROV_PLUGIN to its path");
}

// ---- signals ------------------------------------------------------------------------------------------

/// The signals that end the mock, and that of a child's end, as descriptors; blocked while this lives. A reader of
/// standard output or error that has gone must not end us either: there is a folder to remove.
class stop_signals {
 public:
  stop_signals() {
    sigset_t wanted;
    ::sigemptyset(&wanted);
    for (const int one : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&wanted, one);
    ::signal(SIGPIPE, SIG_IGN);
    ::sigprocmask(SIG_BLOCK, &wanted, &before_);
    fd_ = descriptor(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
    sigset_t child;
    ::sigemptyset(&child);
    ::sigaddset(&child, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &child, nullptr);
    child_fd_ = descriptor(::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
  }
  ~stop_signals() {
    drain(fd_);
    drain(child_fd_);
    ::sigprocmask(SIG_SETMASK, &before_, nullptr);
  }
  stop_signals(const stop_signals&) = delete;
  stop_signals& operator=(const stop_signals&) = delete;
  int fd() const noexcept { return fd_.get(); }
  /// Readable when a child has ended; `take_children` makes it wait for the next.
  int child_fd() const noexcept { return child_fd_.get(); }
  void take_children() const noexcept { drain(child_fd_); }
  bool came() const noexcept {
    pollfd waiting{fd_.get(), POLLIN, 0};
    return ::poll(&waiting, 1, 0) == 1;
  }

 private:
  static void drain(const descriptor& from) noexcept {
    signalfd_siginfo taken{};
    while (::read(from.get(), &taken, sizeof taken) == static_cast<ssize_t>(sizeof taken)) {
    }
  }

  sigset_t before_{};
  descriptor fd_, child_fd_;
};

// ---- the folder ---------------------------------------------------------------------------------------

/// DIR with its locks; an ephemeral one is removed at the end. The launcher has `.lock`. `.broker.lock` belongs to the
/// launcher and its broker together: the broker of a killed launcher goes on answering for a moment, and what it
/// acknowledges must be stored before the next one reads the folder.
class work_folder {
 public:
  work_folder(const launch_options& wanted) : removes_(wanted.ephemeral) {
    path_ = wanted.ephemeral ? make_fresh() : make_kept(wanted.directory);
    if (path_.string().find_first_of("\n\r") != std::string::npos)
      throw launch_error("a folder with a line break in its name cannot be used");
    lock_ = open_lock(".lock");
    broker_lock_ = open_lock(".broker.lock");
    if (!take(lock_))
      throw launch_error("another mock uses " + path_.string() + "; choose another folder with --dir, or --ephemeral");
  }
  ~work_folder() {
    std::error_code ignored;
    if (removes_ && !path_.empty()) fs::remove_all(path_, ignored);
  }
  work_folder(const work_folder&) = delete;
  work_folder& operator=(const work_folder&) = delete;

  const fs::path& path() const noexcept { return path_; }
  /// What the broker keeps open for as long as it lives.
  int broker_lock() const noexcept { return broker_lock_.get(); }

  /// Waits for the broker of a launcher that was killed. False when a signal came first.
  bool wait_for_orphan(const stop_signals& signals) const {
    const auto until = std::chrono::steady_clock::now() + orphan_patience;
    while (!take(broker_lock_)) {
      if (std::chrono::steady_clock::now() >= until)
        throw launch_error("the broker of a mock that was killed still uses " + path_.string() +
                           "; end it, or choose another folder with --dir");
      pollfd waiting{signals.fd(), POLLIN, 0};
      if (::poll(&waiting, 1, orphan_beat_ms) == 1) return false;
    }
    return true;
  }

 private:
  descriptor open_lock(const char* name) const {
    descriptor out(::open((path_ / name).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (out.get() < 0) throw launch_error("cannot write in " + path_.string() + ": " + errno_text());
    return out;
  }
  static bool take(const descriptor& lock) noexcept { return ::flock(lock.get(), LOCK_EX | LOCK_NB) == 0; }

  static fs::path make_fresh() {
    const char* temporary = std::getenv("TMPDIR");
    std::string pattern =
        std::string(temporary != nullptr && *temporary != '\0' ? temporary : "/tmp") + "/fleetprov-mock-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr)
      throw launch_error("cannot make a folder " + pattern + ": " + errno_text());
    return fs::canonical(pattern);
  }
  static fs::path make_kept(const fs::path& wanted) {
    std::error_code trouble;
    if (!wanted.parent_path().empty()) fs::create_directories(wanted.parent_path(), trouble);
    if (::mkdir(wanted.c_str(), 0700) != 0 && errno != EEXIST)
      throw launch_error("cannot make the folder " + wanted.string() + ": " + errno_text());
    if (!fs::is_directory(wanted)) throw launch_error(wanted.string() + " is not a folder");
    return fs::canonical(wanted);
  }

  fs::path path_;
  descriptor lock_, broker_lock_;
  bool removes_;
};

bool holds(const fs::path& file, const std::string& text) {
  const descriptor in(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat found {};
  if (in.get() < 0 || ::fstat(in.get(), &found) != 0 || found.st_size != static_cast<off_t>(text.size()) ||
      (found.st_mode & 0777U) != 0600U)
    return false;
  std::string there(text.size(), '\0');
  return ::read(in.get(), there.data(), there.size()) == static_cast<ssize_t>(there.size()) && there == text;
}

/// What stands there already is left alone: a second start mostly finds the same.
void write_where_new(const fs::path& file, const std::string& text) {
  if (holds(file, text)) return;
  try {
    write_file(file, text, file_access::owner_only, file_life::this_start);
  } catch (const std::runtime_error& trouble) {
    throw launch_error(trouble.what());
  }
}

// ---- ports --------------------------------------------------------------------------------------------

struct address_list {
  addrinfo* first = nullptr;
  ~address_list() {
    if (first != nullptr) ::freeaddrinfo(first);
  }
};

/// Binds as the broker will; 0 gives any free port. The socket keeps the port until it is closed.
std::pair<descriptor, std::uint16_t> try_port(const std::string& bind, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  address_list found;
  if (::getaddrinfo(bind.c_str(), std::to_string(port).c_str(), &hints, &found.first) != 0)
    throw launch_error("cannot listen on `" + bind + "`: no such address");
  const addrinfo& where = *found.first;
  descriptor socket(::socket(where.ai_family, where.ai_socktype | SOCK_CLOEXEC, where.ai_protocol));
  const int yes = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (::bind(socket.get(), where.ai_addr, where.ai_addrlen) != 0 || (port != 0 && ::listen(socket.get(), 1) != 0)) {
    const std::string place = "port " + std::to_string(port) + " on " + bind;
    if (errno == EADDRINUSE) throw launch_error(place + " is in use; choose another one (0 picks a free one)");
    throw launch_error("cannot listen on " + place + ": " + errno_text());
  }
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&bound), &size);
  const std::uint16_t got = bound.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(bound).sin6_port
                                                        : reinterpret_cast<sockaddr_in&>(bound).sin_port;
  return {std::move(socket), ntohs(got)};
}

std::vector<std::uint16_t> choose_ports(const launch_options& wanted) {
  std::vector<descriptor> held;
  std::vector<std::uint16_t> out;
  for (const std::uint16_t port : wanted.ports) {
    auto [socket, got] = try_port(wanted.bind, port);
    held.push_back(std::move(socket));
    out.push_back(got);
  }
  if (wanted.http_port != 0) held.push_back(try_port(wanted.bind, wanted.http_port).first);
  return out;
}

bool is_any_address(const std::string& bind) { return bind == "0.0.0.0" || bind == "::" || bind == "*"; }

/// What `localhost` reaches wherever a client runs; the server's certificate is for it.
bool is_at_localhost(const std::string& bind) { return bind == "127.0.0.1" || bind == "localhost" || is_any_address(bind); }

std::string endpoint_of(const std::string& host, std::uint16_t port) {
  return (host.find(':') != std::string::npos ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::string url_of(const std::string& bind, std::uint16_t port) {
  return "http://" + endpoint_of(is_any_address(bind) ? "127.0.0.1" : bind, port);
}

// ---- starting the broker ------------------------------------------------------------------------------

/// Waits for the plugin's report, the broker's end (a report of a failure without words) or a signal (empty).
std::optional<start_report> wait_ready(int pipe, const stop_signals& signals) {
  start_report out;
  std::string line;
  const std::chrono::seconds patience = start_patience();
  const auto until = std::chrono::steady_clock::now() + patience;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    std::array<pollfd, 2> waiting{{{pipe, POLLIN, 0}, {signals.fd(), POLLIN, 0}}};
    const int count = ::poll(waiting.data(), waiting.size(), left.count() > 0 ? static_cast<int>(left.count()) : 0);
    if (count < 0 && errno == EINTR) continue;
    if (count == 0) {
      out.words = "the broker was not ready within " + std::to_string(patience.count()) + " s";
      return out;
    }
    if (waiting[1].revents != 0) return std::nullopt;
    std::array<char, 4096> buffer{};
    const ssize_t got = ::read(pipe, buffer.data(), buffer.size());
    if (got > 0) line.append(buffer.data(), static_cast<std::size_t>(got));
    if (got <= 0 || line.find('\n') != std::string::npos) break;
  }
  return read_report(line.substr(0, line.find('\n')));
}

struct started_broker {
  child_process process;
  std::vector<std::uint16_t> ports;
  start_report report;
};

class launcher {
 public:
  explicit launcher(const launch_options& wanted)
      : wanted_(wanted), broker_(find_broker()), plugin_(find_plugin(wanted.installed_plugin)), folder_(wanted), files_(mock_files_in(folder_.path())) {}

  void run() {
    std::error_code ignored;
    if (!wanted_.ready_file.empty()) fs::remove(wanted_.ready_file, ignored);
    if (!is_loopback(wanted_.bind))
      tell("warning: --bind " + wanted_.bind +
           " lets other machines use the mock; its HTTP side asks for no credentials");
    host_names_ = wanted_.host_names;
    if (!is_at_localhost(wanted_.bind)) host_names_.push_back(wanted_.bind);
    if (!folder_.wait_for_orphan(signals_)) return;
    std::optional<started_broker> broker = start();
    if (!broker) return;
    announce(*broker);
    watch(broker->process);
  }

 private:
  /// What clients are told: the first `--host` (a wildcard is for the certificate only), else a name or address that reaches
  /// the mock.
  std::string host() const {
    for (const std::string& name : wanted_.host_names)
      if (name.find('*') == std::string::npos) return name;
    return is_at_localhost(wanted_.bind) ? "localhost" : wanted_.bind;
  }

  static void make_folder(const fs::path& folder) {
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
      throw launch_error("cannot make the folder " + folder.string() + ": " + errno_text());
  }

  void write_configuration(const std::vector<std::uint16_t>& ports, int ready_descriptor) const {
    make_folder(files_.hidden);
    make_folder(files_.registered_cas);
    mock_settings settings;
    settings.directory = folder_.path();
    settings.region = wanted_.region;
    settings.account = wanted_.account;
    settings.mqtt_host = host();
    settings.http_bind = wanted_.bind == "*" ? "0.0.0.0" : wanted_.bind;
    settings.http_port = wanted_.http_port;
    settings.host_names = host_names_;
    settings.strict = wanted_.strict;
    settings.lambdas = wanted_.lambdas;
    settings.faults = wanted_.faults;
    settings.key_pool = wanted_.key_pool;
    settings.world = wanted_.world;
    settings.ready_descriptor = ready_descriptor;
    write_where_new(files_.settings, to_json(settings) + "\n");

    broker_configuration broker;
    broker.bind = wanted_.bind;
    broker.ports = ports;
    broker.client_ca = files_.device_ca;
    broker.client_ca_folder = files_.registered_cas;
    broker.server_certificate = files_.server_certificate;
    broker.server_key = files_.server_key;
    broker.plugin = plugin_;
    broker.settings = files_.settings;
    broker.as_root = ::geteuid() == 0;
    write_where_new(files_.configuration, to_mosquitto_conf(broker));
    write_where_new(files_.broker_tls, broker_tls);
  }

  /// Everything else that the folder holds is made by the plugin, before the broker listens: opening it twice would be
  /// half of a start. Empty when a signal came before it was ready.
  std::optional<started_broker> start() {
    const bool may_retry = std::find(wanted_.ports.begin(), wanted_.ports.end(), 0) != wanted_.ports.end();
    for (int attempt = 1;; ++attempt) {
      std::vector<std::uint16_t> ports = choose_ports(wanted_);
      std::array<int, 2> ends{};
      if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
        throw launch_error("no socket: " + errno_text());
      descriptor ours(ends[0]);
      descriptor brokers(ends[1]);
      write_configuration(ports, child_process::passed_descriptor);
      // The user's own, if there is one, stays.
      ::setenv("GLIBC_TUNABLES", broker_allocator, 0);
      ::setenv("LD_PRELOAD", broker_preload, 0);
      ::setenv("OPENSSL_CONF", files_.broker_tls.c_str(), 0);
      child_process process =
          child_process::start({broker_.string(), "-c", files_.configuration.string()}, brokers.get(), folder_.broker_lock());
      brokers.close();
      std::optional<start_report> report = wait_ready(ours.get(), signals_);
      if (report && report->is_ready) return started_broker{std::move(process), std::move(ports), std::move(*report)};
      const std::string end = process.stop(stop_patience);
      if (!report) return std::nullopt;
      if (!report->refusal.empty()) throw aws_error(report->refusal, 400, report->words);
      // A free port may be taken between the choice and the broker's bind: choose again.
      if (!may_retry || !report->words.empty() || attempt == start_attempts)
        throw launch_error("the broker did not start: " + (report->words.empty() ? end : report->words));
    }
  }

  void announce(const started_broker& broker) const {
    ready_facts facts;
    facts.host = host();
    facts.port = broker.ports.front();
    facts.http_url = url_of(wanted_.bind, broker.report.http_port);
    facts.directory = folder_.path();
    facts.world = broker.report.world;
    facts.account = wanted_.account;
    facts.region = wanted_.region;
    const std::string json = to_ready_json(facts) + "\n";
    if (!wanted_.ready_file.empty()) write_where_new(fs::absolute(wanted_.ready_file), json);
    const std::string line = wanted_.json ? json : to_ready_text(facts) + "\n";
    if (std::fwrite(line.data(), 1, line.size(), stdout) == line.size() && std::fflush(stdout) == 0) return;
    const std::string why = "the ready line could not be written to standard output: " + errno_text();
    if (wanted_.ready_file.empty()) throw launch_error(why);
    tell("warning: " + why);  // who gave a file reads that
  }

  /// Until a signal comes; a broker that ends by itself is an error.
  void watch(child_process& process) {
    for (;;) {
      std::array<pollfd, 3> waiting{{{signals_.fd(), POLLIN, 0}, {process.end_descriptor(), POLLIN, 0}, {signals_.child_fd(), POLLIN, 0}}};
      if (::poll(waiting.data(), waiting.size(), -1) < 0 && errno == EINTR) continue;
      if (waiting[0].revents != 0) {
        process.stop(stop_patience);
        return;
      }
      if (waiting[1].revents != 0) throw launch_error("the broker ended unexpectedly: " + process.stop(stop_patience));
      if (waiting[2].revents == 0) continue;
      signals_.take_children();
      orphans_.reap_all_but(process);
    }
  }

  const launch_options& wanted_;
  stop_signals signals_;
  fs::path broker_, plugin_;
  work_folder folder_;
  mock_files files_;
  std::vector<std::string> host_names_;
  orphan_keeper orphans_;  // the last: they end before the folder goes
};

std::string shell_word(const std::string& text) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-./:=,@%+").find(c) != std::string_view::npos;
  };
  if (!text.empty() && std::all_of(text.begin(), text.end(), plain)) return text;
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string list_of(const std::vector<std::string>& names) {
  std::string out = "[";
  for (const std::string& name : names) out += (out.size() > 1 ? "," : "") + detail::json_string(name);
  return out + "]";
}

}  // namespace

void run_mock(const launch_options& wanted) { launcher(wanted).run(); }

std::string to_mosquitto_conf(const broker_configuration& wanted) {
  std::string out =
      "# Written by `fleetprov mock` at each start.\n"
      "per_listener_settings false\n"  // with true the plugin's TICK never fires
      "allow_anonymous false\n"
      "persistence false\n"
      "sys_interval 0\n"
      "connection_messages false\n"
      "log_dest stderr\n"
      "log_type error\n"
      "set_tcp_nodelay true\n"       // else an answer waits 40 ms for a delayed ACK
      "max_queued_messages 1000\n"   // never 0: every refused PUBLISH would cost the connection
      "max_inflight_messages " + std::to_string(limits::receive_maximum) + "\n"
      "max_keepalive " + std::to_string(limits::max_keep_alive_seconds) + "\n"
      "max_packet_size " + std::to_string(limits::max_packet_bytes) + "\n"
      "check_retain_source false\n"  // it asks with a client that is none
      "persistent_client_expiration " + std::to_string(limits::session_expiry_seconds / 3600) + "h\n";
  if (wanted.as_root) out += "user root\n";
  for (const std::uint16_t port : wanted.ports) {
    out += "\nlistener " + std::to_string(port);
    if (!is_any_address(wanted.bind)) out += " " + wanted.bind;
    out += "\nmax_qos 1\nmax_topic_alias " + std::to_string(limits::max_topic_aliases) + "\n";
    out += "cafile " + wanted.client_ca.string() + "\n";
    out += "capath " + wanted.client_ca_folder.string() + "\n";
    out += "certfile " + wanted.server_certificate.string() + "\n";
    out += "keyfile " + wanted.server_key.string() + "\n";
    out += "require_certificate true\nuse_identity_as_username false\n";  // with true nobody asks the plugin
  }
  out += "\nplugin " + wanted.plugin.string() + "\n";
  out += "plugin_opt_settings " + wanted.settings.string() + "\n";
  return out;
}

std::string to_ready_json(const ready_facts& facts) {
  json_line mqtt;
  mqtt.text("host", facts.host).number("port", facts.port);
  json_line http;
  http.text("url", facts.http_url);
  json_line out;
  const mock_files files = mock_files_in(facts.directory);
  out.raw("mqtt", mqtt.take()).raw("http", http.take()).text("ca_file", files.root.string());
  if (facts.world.claim_certificate_id) {
    json_line claim;
    claim.text("certificate", files.claim_certificate.string())
        .text("private_key", files.claim_key.string())
        .text("certificate_id", *facts.world.claim_certificate_id);
    out.raw("claim", claim.take());
  } else {
    out.raw("claim", "null");
  }
  out.raw("templates", list_of(facts.world.templates))
      .raw("policies", list_of(facts.world.policies))
      .text("account", facts.account)
      .text("region", facts.region)
      .text("dir", facts.directory.string())
      .number("pid", ::getpid());
  return out.take();
}

std::string to_ready_text(const ready_facts& facts) {
  const std::string endpoint = endpoint_of(facts.host, facts.port);
  const mock_files files = mock_files_in(facts.directory);
  std::string out = "ready: mqtts://" + endpoint + ", " + facts.http_url + ", root " + files.root.string();
  if (!facts.world.claim_certificate_id) return out + "; no claim certificate";
  const std::string certificate = files.claim_certificate.string();
  const std::string key = files.claim_key.string();
  out += ", claim " + certificate + " " + key;
  if (facts.world.templates.empty()) return out;
  return out + "; try: fleetprov provision --endpoint " + shell_word(endpoint) + " --cert " + shell_word(certificate) + " --key " +
         shell_word(key) + " --ca-file " + shell_word(files.root.string()) + " --template-name " +
         facts.world.templates.front() + " --template-parameters '{\"SerialNumber\":\"1\"}'";
}

}  // namespace fleetprov::mock
