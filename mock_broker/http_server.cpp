#include <mock_broker/http_server.hpp>

#include <mock_broker/loopback.hpp>
#include <mock_broker/mock_api.hpp>
#include <mock_broker/worker_pool.hpp>

#include <httplib.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

namespace fleetprov::mock {
namespace {

using steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t max_body_bytes = 2U << 20U;
constexpr std::size_t max_request_bytes = max_body_bytes + (256U << 10U);  ///< with its head and chunk sizes
constexpr std::size_t max_threads = 256;
constexpr std::size_t max_followers = 32;  ///< of the log: each holds a thread for as long as it likes
constexpr std::chrono::seconds idle_thread_life{10};
constexpr milliseconds shutdown_patience{700};
constexpr milliseconds longest_slice{100};  ///< how soon a waiting thread sees that the server stops
constexpr int follow_beat_ms = 500;

/// How busy the server is. The more connections there are, the less a slow one is waited for: whoever sends
/// a byte now and then could hold every thread otherwise.
class http_load {
 public:
  std::atomic<std::size_t> open{0};     ///< connections that have a thread
  std::atomic<std::size_t> waiting{0};  ///< connections that have none yet

  milliseconds patience() const noexcept {
    if (waiting > 0) return milliseconds(200);
    return open > max_threads / 2 ? milliseconds(1000) : milliseconds(10000);
  }
};

/// Set where a connection can have no thread: it is only closed.
thread_local bool only_closes = false;

/// Threads as connections need them: an idle keep-alive connection or a slow sender holds one, and must
/// not hold up the others. The state is shared with the threads: one that is stuck in a slow client's
/// request may outlive the pool, when the process ends.
class elastic_pool final : public httplib::TaskQueue {
 public:
  elastic_pool(std::shared_ptr<http_load> load, std::shared_ptr<std::atomic<bool>> left_behind)
      : left_behind_(std::move(left_behind)) {
    state_->load = std::move(load);
  }

  void enqueue(std::function<void()> job) override {
    std::unique_lock<std::mutex> lock(state_->guard);
    state_->jobs.push_back(std::move(job));
    bool is_full = state_->running == max_threads;
    if (state_->idle < state_->jobs.size() && !is_full) is_full = !add_thread();
    if (state_->running == 0) {
      const std::list<std::function<void()>> refused = std::exchange(state_->jobs, {});
      lock.unlock();
      only_closes = true;
      for (const auto& one : refused) one();
      only_closes = false;
      return;
    }
    if (state_->jobs.size() > state_->idle && is_full) state_->load->waiting = state_->jobs.size();
    state_->work.notify_one();
  }

  void shutdown() override {
    std::unique_lock<std::mutex> lock(state_->guard);
    state_->stop = true;
    const std::list<std::function<void()>> waiting = std::exchange(state_->jobs, {});
    state_->work.notify_all();
    lock.unlock();
    for (const auto& job : waiting) job();  // the server has stopped: each only closes its connection
    lock.lock();
    const bool all_gone = state_->ended.wait_for(lock, shutdown_patience, [this] { return state_->running == 0; });
    if (!all_gone) left_behind_->store(true);
  }

 private:
  struct shared {
    std::mutex guard;
    std::condition_variable work, ended;
    std::list<std::function<void()>> jobs;
    std::size_t idle = 0;
    std::size_t running = 0;
    bool stop = false;
    std::shared_ptr<http_load> load;
  };

  /// False where the system gives no more: connections wait for the threads that there are.
  bool add_thread() {
    try {
      std::thread([state = state_] { run(*state); }).detach();
    } catch (const std::system_error&) {
      return false;
    }
    ++state_->running;
    return true;
  }

  static void run(shared& state) {
    std::unique_lock<std::mutex> lock(state.guard);
    for (;;) {
      ++state.idle;
      const bool woken =
          state.work.wait_for(lock, idle_thread_life, [&state] { return state.stop || !state.jobs.empty(); });
      --state.idle;
      if (state.jobs.empty() && (state.stop || !woken)) break;
      if (state.jobs.empty()) continue;
      const std::function<void()> job = std::move(state.jobs.front());
      state.jobs.pop_front();
      if (state.jobs.empty()) state.load->waiting = 0;
      lock.unlock();
      job();
      lock.lock();
    }
    --state.running;
    state.ended.notify_all();
  }

  std::shared_ptr<shared> state_ = std::make_shared<shared>();
  std::shared_ptr<std::atomic<bool>> left_behind_;
};

/// One connection whose requests are bounded in bytes and in time, not each read by itself.
class bounded_stream final : public httplib::Stream {
 public:
  bounded_stream(int socket, const http_load& load, const std::atomic<socket_t>& listener)
      : socket_(socket), load_(load), listener_(listener) {}

  /// Waits for the first byte of the next request; its time starts there.
  bool begin_request() {
    taken_ = 0;
    if (at_ == held_ && !wait(POLLIN, steady::now())) return false;
    started_ = steady::now();
    return true;
  }

  bool is_readable() const override { return at_ < held_ || is_ready(POLLIN); }
  bool is_writable() const override {
    char next = 0;
    const ssize_t seen = ::recv(socket_, &next, 1, MSG_PEEK | MSG_DONTWAIT);
    return seen != 0 && (seen > 0 || errno == EAGAIN || errno == EINTR) && wait(POLLOUT, steady::now());
  }

  ssize_t read(char* to, std::size_t size) override {
    if (at_ == held_ && !fill()) return -1;
    const std::size_t got = std::min(size, held_ - at_);
    std::copy_n(buffer_.data() + at_, got, to);
    at_ += got;
    return static_cast<ssize_t>(got);
  }

  ssize_t write(const char* from, std::size_t size) override {
    if (!wait(POLLOUT, steady::now())) return -1;
    ssize_t put = 0;
    do {
      put = ::send(socket_, from, size, MSG_NOSIGNAL);
    } while (put < 0 && errno == EINTR);
    return put;
  }

  void get_remote_ip_and_port(std::string& ip, int& port) const override { name(::getpeername, ip, port); }
  void get_local_ip_and_port(std::string& ip, int& port) const override { name(::getsockname, ip, port); }
  socket_t socket() const override { return socket_; }

  /// Ends the connection so that the peer reads the last answer: closing on bytes that were not read would
  /// reset it. Bounded like a request.
  void close_after_answer() {
    ::shutdown(socket_, SHUT_WR);
    const steady::time_point from = steady::now() - load_.patience() + std::min(load_.patience(), milliseconds(1000));
    for (std::size_t dropped = 0; dropped < 16 * max_request_bytes && wait(POLLIN, from);) {
      const ssize_t got = ::recv(socket_, buffer_.data(), buffer_.size(), 0);
      if (got <= 0) break;
      dropped += static_cast<std::size_t>(got);
    }
  }

 private:
  bool fill() {
    if (taken_ >= max_request_bytes || !wait(POLLIN, started_)) return false;
    ssize_t got = 0;
    do {
      got = ::recv(socket_, buffer_.data(), buffer_.size(), 0);
    } while (got < 0 && errno == EINTR);
    if (got <= 0) return false;
    at_ = 0;
    held_ = static_cast<std::size_t>(got);
    taken_ += held_;
    return true;
  }

  bool is_ready(short what, milliseconds limit = milliseconds(0)) const {
    pollfd one{socket_, what, 0};
    return ::poll(&one, 1, static_cast<int>(limit.count())) > 0;
  }

  /// Until the patience since `from` is over. More bytes of a request that took longer are not taken either.
  bool wait(short what, steady::time_point from) const {
    while (!is_ready(what, longest_slice)) {
      if (steady::now() - from >= load_.patience() || listener_ == INVALID_SOCKET) return false;
    }
    return what == POLLOUT || steady::now() - from < load_.patience();
  }

  template <class Ask>
  void name(Ask ask, std::string& ip, int& port) const {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    std::array<char, NI_MAXHOST> host{};
    std::array<char, NI_MAXSERV> service{};
    auto* plain = reinterpret_cast<sockaddr*>(&address);
    if (ask(socket_, plain, &size) != 0 || ::getnameinfo(plain, size, host.data(), host.size(), service.data(),
                                                         service.size(), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
      return;
    ip = host.data();
    std::from_chars(service.data(), service.data() + std::char_traits<char>::length(service.data()), port);
  }

  int socket_;
  const http_load& load_;
  const std::atomic<socket_t>& listener_;
  steady::time_point started_;
  std::array<char, 16384> buffer_{};
  std::size_t at_ = 0, held_ = 0;
  std::size_t taken_ = 0;  ///< bytes of this request so far
};

/// Set while a request is answered: what follows on this connection cannot be told from a body that was
/// not read, so it must not be taken for a request.
thread_local bool ends_connection = false;
/// Whether the head of the request being answered was read to its end.
thread_local bool has_head = false;

/// `Connection: close` in the answer, and no further request.
void end_connection(const httplib::Request& request) {
  auto& headers = const_cast<httplib::Request&>(request).headers;
  headers.erase("Connection");
  headers.emplace("Connection", "close");  // the library's answer repeats it
  ends_connection = true;
}

/// The library's server over such connections.
class bounded_server final : public httplib::Server {
 public:
  std::shared_ptr<http_load> load = std::make_shared<http_load>();

  /// The library listens with room for five: a sixth at once would try again after a second.
  void widen_backlog() { ::listen(svr_sock_, static_cast<int>(2 * max_threads)); }

 private:
  bool process_and_close_socket(socket_t socket) override {
    const std::shared_ptr<http_load> shared = load;  // outlives the server with a thread that is left behind
    ++shared->open;
    bool fine = true;
    if (!only_closes) {
      bounded_stream stream(socket, *shared, svr_sock_);
      bool ended = false;
      ends_connection = false;
      while (fine && !ended && svr_sock_ != INVALID_SOCKET && stream.begin_request()) {
        has_head = false;
        fine = process_request(stream, false, ended, nullptr);
        ended = ended || ends_connection;
      }
      if (!fine || ended) stream.close_after_answer();
    }
    ::shutdown(socket, SHUT_RDWR);
    ::close(socket);
    --shared->open;
    return fine;
  }
};

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

/// Of those that the library knows, the methods that an operation or `/_mock/` can have.
bool is_played_method(std::string_view method) {
  constexpr std::array<std::string_view, 7> played{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
  return std::find(played.begin(), played.end(), method) != played.end();
}

/// Whose body the library does not read.
bool has_unread_body(const httplib::Request& request) {
  const std::string_view method = request.method;
  if (method != "GET" && method != "HEAD" && method != "OPTIONS") return false;
  return request.has_header("Transfer-Encoding") || request.get_header_value("Content-Length").find_first_not_of('0') != std::string::npos;
}

/// A token (RFC 9110, 5.6.2).
bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

/// What `error_status` of the library means to whoever sent the request.
std::string words_for(const httplib::Request& request, int error_status) {
  if (error_status == 501) return "no operation " + request.method + " " + request.target.substr(0, request.target.find('?'));
  if (error_status == 413) return "the body is too large";
  if (error_status == 414) return "the request line is longer than " + std::to_string(CPPHTTPLIB_REQUEST_URI_MAX_LENGTH) + " bytes";
  if (error_status == 431)
    return "a header field is longer than " + std::to_string(CPPHTTPLIB_HEADER_MAX_LENGTH) + " bytes, or the header has no end";
  return has_head ? "malformed request: its body is not what its header announces (chunks may have no trailer)" : "malformed request line";
}

/// The library's status, or the one that says better what is wrong: it knows only 400 for a method that it has not heard of
/// and for a header that it cannot read.
int status_for(const httplib::Request& request, int error_status) {
  if (error_status == 404) return 501;
  const bool has_line = is_token(request.method) && !request.target.empty() &&
                        (request.version == "HTTP/1.1" || request.version == "HTTP/1.0");
  if (error_status != 400 || has_head || !has_line) return error_status;
  return is_played_method(request.method) ? 431 : 501;
}

/// Turns `http://host/path` into `/path` and its host into the Host header, which it overrides (RFC 9112, 3.2.2).
void take_absolute_form(httplib::Request& request) {
  constexpr std::array<std::string_view, 2> schemes{"http://", "https://"};
  const std::string target = request.target;
  for (const std::string_view scheme : schemes) {
    if (lower(target.substr(0, scheme.size())) != scheme) continue;
    const std::size_t end = std::min(target.find_first_of("/?", scheme.size()), target.size());
    request.headers.erase("Host");
    request.headers.emplace("Host", target.substr(scheme.size(), end - scheme.size()));
    request.target = (target.substr(end, 1) == "/" ? "" : "/") + target.substr(end);
    request.path = httplib::detail::decode_url(request.target.substr(0, request.target.find('?')), false);
    return;
  }
}

enum class body_length : std::uint8_t { good, malformed, too_large };

body_length judge_length(const std::string& text) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos) return body_length::malformed;
  std::size_t size = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), size);
  return read.ec == std::errc() && size <= max_body_bytes ? body_length::good : body_length::too_large;
}

/// The host of `host[:port]`, without brackets, in lower case.
std::string host_of(const std::string& header) {
  std::string host = lower(header);
  if (!host.empty() && host.front() == '[') {
    const std::size_t end = host.find(']');
    return end == std::string::npos ? std::string() : host.substr(1, end - 1);
  }
  return host.substr(0, host.rfind(':'));
}

bool is_address(const std::string& header) {
  std::array<unsigned char, sizeof(in6_addr)> ignored{};
  const std::string host = host_of(header);
  return ::inet_pton(AF_INET, host.c_str(), ignored.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), ignored.data()) == 1;
}

void put(httplib::Response& into, const api_reply& reply) {
  into.status = reply.status;
  for (const auto& [name, value] : reply.headers) into.set_header(name.c_str(), value);
  into.set_content(reply.body, reply.content_type.c_str());
}

/// Who may follow the log: at most `max_followers` at a time.
class follower_seats {
 public:
  bool take() noexcept {
    if (taken_.fetch_add(1) < max_followers) return true;
    --taken_;
    return false;
  }
  void give_back() noexcept { --taken_; }

 private:
  std::atomic<std::size_t> taken_{0};
};

/// Sends the log file as it is and, with a seat that was taken for it, as it grows.
class event_stream {
 public:
  event_stream(event_log& log, std::shared_ptr<follower_seats> seat)
      : log_(log), file_(::open(log.path().c_str(), O_RDONLY | O_CLOEXEC)), seat_(std::move(seat)) {
    log_.flush();
    seen_ = log_.now();
  }
  ~event_stream() {
    if (file_ >= 0) ::close(file_);
    if (seat_) seat_->give_back();
  }
  event_stream(const event_stream&) = delete;
  event_stream& operator=(const event_stream&) = delete;

  bool send_some(httplib::DataSink& to) {
    std::array<char, 16384> buffer{};
    const ssize_t got = file_ < 0 ? 0 : ::pread(file_, buffer.data(), buffer.size(), offset_);
    if (got > 0) {
      offset_ += got;
      return to.write(buffer.data(), static_cast<std::size_t>(got));
    }
    if (!seat_ || log_.is_closing()) {
      to.done();
      return true;
    }
    const event_log::mark now = log_.wait_beyond(seen_, follow_beat_ms);
    if (now.epoch != seen_.epoch) offset_ = static_cast<off_t>(now.bytes);  // cut by a reset: go on behind the cut
    seen_ = now;
    return to.is_writable();
  }

 private:
  event_log& log_;
  int file_;
  std::shared_ptr<follower_seats> seat_;
  off_t offset_ = 0;
  event_log::mark seen_;
};

}  // namespace

bool is_own_host(const std::string& header, const std::vector<std::string>& names) {
  const std::string host = host_of(header);
  if (host.empty()) return false;
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) { return lower(name) == host; });
}

struct http_server::state {
  http_settings settings;
  const control_plane& control;
  mock_api& mock;
  bounded_server server;
  std::thread listener;
  std::vector<std::string> own_names;
  std::uint16_t port = 0;
  bool takes_addresses = false;  ///< bound beyond loopback: a Host that is an address is nobody's trick
  std::shared_ptr<std::atomic<bool>> left_behind = std::make_shared<std::atomic<bool>>(false);
  std::shared_ptr<follower_seats> followers = std::make_shared<follower_seats>();

  state(http_settings how, const control_plane& c, mock_api& m) : settings(std::move(how)), control(c), mock(m) {}

  void answer(const httplib::Request& request, httplib::Response& response) {
    const std::string_view path = request.path;
    if (path.substr(0, mock_api::prefix.size()) != mock_api::prefix) return ask_control_plane(request, response);
    const std::string_view rest = path.substr(mock_api::prefix.size());
    if (rest == "events" && request.method == "GET") return stream_events(request, response);
    put(response, mock.handle(request.method, rest, request.body));
  }

  void ask_control_plane(const httplib::Request& request, httplib::Response& response) const {
    api_request asked;
    asked.method = request.method;
    asked.target = request.target;
    asked.body = request.body;
    asked.headers.assign(request.headers.begin(), request.headers.end());
    put(response, control.handle(asked));
  }

  void stream_events(const httplib::Request& request, httplib::Response& response) const {
    const bool follow = request.has_param("follow") && request.get_param_value("follow") != "0";
    if (follow && !followers->take()) {
      refuse(response, 503, std::to_string(max_followers) + " clients follow the log already");
      return;
    }
    auto stream = std::make_shared<event_stream>(mock.log(), follow ? followers : nullptr);
    response.set_chunked_content_provider(
        "application/x-ndjson", [stream](std::size_t, httplib::DataSink& sink) { return stream->send_some(sink); });
  }

  static httplib::Server::HandlerResponse refuse(httplib::Response& response, int status, std::string_view words) {
    json_line line;
    line.text("message", words);
    put(response, {status, line.take(), {}, "application/json"});
    response.set_header("Connection", "close");
    ends_connection = true;
    return httplib::Server::HandlerResponse::Handled;
  }

  void set_up() {
    server.new_task_queue = [load = server.load, left = left_behind] { return new elastic_pool(load, left); };
    server.set_payload_max_length(max_body_bytes);
    server.set_keep_alive_timeout(10);  // what the answers' Keep-Alive header says
    server.set_keep_alive_max_count(1000000);
    server.set_tcp_nodelay(true);
    // The library's own choice, SO_REUSEPORT, would let the connections of a broker that was killed hold the port.
    server.set_socket_options([](socket_t socket) {
      const int yes = 1;
      ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    server.set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
      has_head = true;
      take_absolute_form(const_cast<httplib::Request&>(request));
      // Without a length there is no body (RFC 9110, 8.6); the library would wait for one until it times out.
      if (!request.has_header("Content-Length") && !request.has_header("Transfer-Encoding"))
        const_cast<httplib::Request&>(request).set_header("Content-Length", "0");
      // A body is the bytes it is, whatever `curl -d` and `-F` call it: the library refuses a form of more than 8 KiB and
      // takes one of several parts away.
      const_cast<httplib::Request&>(request).headers.erase("Content-Type");
      const std::string host = request.get_header_value("Host");
      if (!is_own_host(host, own_names) && !(takes_addresses && is_address(host)))
        return refuse(response, 403, "the Host header names another server");
      // A page of another site may send what needs no preflight; it must not change anything here.
      const std::string origin = request.get_header_value("Origin");
      const std::size_t scheme = origin.find("//");
      if (request.method != "GET" && !origin.empty() &&
          !is_own_host(scheme == std::string::npos ? origin : origin.substr(scheme + 2), own_names))
        return refuse(response, 403, "the Origin header names another site");
      // Before the body: the library would read all of it to throw it away.
      const body_length length =
          judge_length(request.has_header("Content-Length") ? request.get_header_value("Content-Length") : "0");
      if (length == body_length::too_large) return refuse(response, 413, "the body is too large");
      if (length == body_length::malformed) return refuse(response, 400, "malformed Content-Length");
      if (!is_played_method(request.method)) return refuse(response, 501, words_for(request, 501));
      if (has_unread_body(request)) end_connection(request);
      return httplib::Server::HandlerResponse::Unhandled;
    });
    server.set_exception_handler([](const httplib::Request&, httplib::Response& response, const std::exception_ptr&) {
      put(response, {500, "{\"message\":\"internal failure\"}", {}, "application/json"});
    });
    server.set_error_handler([](const httplib::Request& request, httplib::Response& response) {
      if (!response.body.empty()) return;
      ends_connection = true;
      response.set_header("Connection", "close");
      const int status = status_for(request, response.status);
      json_line line;
      line.text("message", words_for(request, status));
      put(response, {status, line.take(), {}, "application/json"});
    });
    const httplib::Server::Handler handle = [this](const httplib::Request& request, httplib::Response& response) {
      answer(request, response);
    };
    constexpr const char* everything = R"([\s\S]*)";
    server.Get(everything, handle);
    server.Post(everything, handle);
    server.Put(everything, handle);
    server.Patch(everything, handle);
    server.Delete(everything, handle);
    server.Options(everything, handle);
  }
};

http_server::http_server(http_settings how, const control_plane& control, mock_api& mock)
    : state_(std::make_unique<state>(std::move(how), control, mock)) {}

http_server::~http_server() { stop(); }

void http_server::start() {
  state& s = *state_;
  s.own_names = s.settings.host_names;
  s.own_names.insert(s.own_names.end(), {s.settings.bind, "localhost", "127.0.0.1", "::1"});
  s.takes_addresses = !is_loopback(s.settings.bind);
  s.set_up();
  const std::string where = s.settings.bind + ":" + std::to_string(s.settings.port);
  if (s.settings.port == 0) {
    const int got = s.server.bind_to_any_port(s.settings.bind.c_str());
    if (got <= 0) throw std::runtime_error("cannot listen for HTTP on " + where);
    s.port = static_cast<std::uint16_t>(got);
  } else {
    if (!s.server.bind_to_port(s.settings.bind.c_str(), s.settings.port))
      throw std::runtime_error("cannot listen for HTTP on " + where + ": is the port in use?");
    s.port = s.settings.port;
  }
  s.server.widen_backlog();
  const signal_block quiet;  // the broker's signals belong to its own thread
  s.listener = std::thread([&s] { s.server.listen_after_bind(); });
}

std::uint16_t http_server::port() const noexcept { return state_->port; }

bool http_server::stop() noexcept {
  if (!state_ || !state_->listener.joinable()) return true;
  state_->mock.log().close_readers();
  state_->server.stop();
  state_->listener.join();
  if (!*state_->left_behind) return true;
  static_cast<void>(state_.release());
  return false;
}

}  // namespace fleetprov::mock
