#include <mock_broker/hook_runner.hpp>

#include <mock_broker/child_process.hpp>
#include <mock_broker/worker_pool.hpp>

#include <httplib.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <deque>
#include <list>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

extern char** environ;

namespace fleetprov::mock {
namespace {

using steady = std::chrono::steady_clock;
constexpr std::size_t max_stderr_line = 4096;
constexpr std::size_t max_stderr_lines = 256;

class owned_fd {
 public:
  owned_fd() = default;
  explicit owned_fd(int fd) noexcept : fd_(fd) {}
  owned_fd(owned_fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  owned_fd& operator=(owned_fd&& other) noexcept {
    reset();
    fd_ = std::exchange(other.fd_, -1);
    return *this;
  }
  owned_fd(const owned_fd&) = delete;
  owned_fd& operator=(const owned_fd&) = delete;
  ~owned_fd() { reset(); }
  int get() const noexcept { return fd_; }
  bool is_open() const noexcept { return fd_ >= 0; }
  void reset() noexcept {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_ = -1;
};

struct pipe_ends {
  owned_fd read, write;
};

std::optional<pipe_ends> make_pipe() {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) return std::nullopt;
  return pipe_ends{owned_fd(fds[0]), owned_fd(fds[1])};
}

void set_nonblocking(int fd) { ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK); }

struct hook_job {
  std::string target, label, input;
  std::function<void(hook_result)> done;
};

std::string seconds_text(std::chrono::milliseconds limit) {
  return limit.count() % 1000 == 0 ? std::to_string(limit.count() / 1000) + " s"
                                   : std::to_string(limit.count()) + " ms";
}

/// The scheme of a URL in small letters, as httplib wants it, which is case-insensitive (RFC 3986, 3.1); empty: a command.
std::string_view scheme_of(std::string_view target) {
  for (const std::string_view scheme : {std::string_view("http"), std::string_view("https")}) {
    const auto is_same = [](char small, char c) { return small == (c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c); };
    if (std::equal(scheme.begin(), scheme.end(), target.begin(), target.begin() + std::min(scheme.size(), target.size()), is_same) &&
        target.substr(scheme.size(), 3) == "://")
      return scheme;
  }
  return {};
}

/// One running hook process.
struct child {
  hook_job job;
  pid_t pid = -1;
  owned_fd in, out, err, process;
  std::size_t written = 0;
  std::string output, stderr_line;
  std::size_t stderr_lines = 0;
  steady::time_point deadline;
  bool answered = false;  ///< `done` was called; what is left is to reap it
};

/// An HTTP call in flight; whoever sets `finished` first answers.
struct url_call {
  hook_job job;
  std::atomic<bool> finished{false};
  std::mutex lock;
  std::unique_ptr<httplib::Client> client;
  std::optional<steady::time_point> deadline;  // guarded by lock

  void finish(hook_result result) {
    if (!finished.exchange(true)) job.done(std::move(result));
  }
};

class spawn_setup {
 public:
  spawn_setup() {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
  }
  ~spawn_setup() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  spawn_setup(const spawn_setup&) = delete;
  spawn_setup& operator=(const spawn_setup&) = delete;

  /// 0 or an errno value.
  int spawn(const std::string& command, int in, int out, int err, pid_t& pid) {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    posix_spawn_file_actions_adddup2(&actions_, in, 0);
    posix_spawn_file_actions_adddup2(&actions_, out, 1);
    posix_spawn_file_actions_adddup2(&actions_, err, 2);
    // The broker's own sockets are not close-on-exec.
    posix_spawn_file_actions_addclosefrom_np(&actions_, 3);
    std::string shell = "sh", flag = "-c", text = command;
    std::array<char*, 4> arguments{shell.data(), flag.data(), text.data(), nullptr};
    return ::posix_spawn(&pid, "/bin/sh", &actions_, &attributes_, arguments.data(), environ);
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

std::string describe_exit(const siginfo_t& how) {
  if (how.si_code == CLD_EXITED)
    return how.si_status == 0 ? std::string() : "exit status " + std::to_string(how.si_status);
  return "killed by signal " + std::to_string(how.si_status);
}

}  // namespace

struct hook_runner::state {
  hook_limits limits;
  std::function<void(std::string_view, std::string_view)> on_stderr;
  owned_fd wake;
  std::mutex lock;
  std::deque<hook_job> arriving;               // guarded by lock
  bool stopping = false;                       // guarded by lock
  std::list<std::shared_ptr<url_call>> calls;  // guarded by lock
  std::deque<hook_job> waiting;                // loop thread only
  std::list<child> running;                    // loop thread only
  std::thread loop;
  worker_pool url_workers;

  state(hook_limits l, std::function<void(std::string_view, std::string_view)> s)
      : limits(l), on_stderr(std::move(s)), url_workers(l.url_calls, worker_priority::normal) {}

  void nudge() const {
    const std::uint64_t one = 1;
    if (::write(wake.get(), &one, sizeof one) < 0) return;  // full: the loop is awake anyway
  }

  // ---- the loop -------------------------------------------------------------------------------------

  void run_loop() {
    for (;;) {
      std::vector<pollfd> fds = poll_set();
      ::poll(fds.data(), fds.size(), poll_milliseconds());
      std::uint64_t drained = 0;
      while (::read(wake.get(), &drained, sizeof drained) > 0) continue;
      {
        const std::lock_guard<std::mutex> held(lock);
        if (stopping) break;
        for (hook_job& job : arriving) waiting.push_back(std::move(job));
        arriving.clear();
      }
      for (auto one = running.begin(); one != running.end();) one = serve(*one) ? std::next(one) : running.erase(one);
      while (running.size() < limits.children && !waiting.empty()) {
        start(std::move(waiting.front()));
        waiting.pop_front();
      }
      expire_calls();
    }
    for (const child& one : running) kill_and_reap(one);
    running.clear();
  }

  std::vector<pollfd> poll_set() const {
    std::vector<pollfd> fds{{wake.get(), POLLIN, 0}};
    for (const child& one : running) {
      if (one.in.is_open()) fds.push_back({one.in.get(), POLLOUT, 0});
      if (one.out.is_open()) fds.push_back({one.out.get(), POLLIN, 0});
      if (one.err.is_open()) fds.push_back({one.err.get(), POLLIN, 0});
      if (one.process.is_open()) fds.push_back({one.process.get(), POLLIN, 0});
    }
    return fds;
  }

  int poll_milliseconds() {
    std::optional<steady::time_point> next;
    const auto consider = [&](steady::time_point at) { next = next ? std::min(*next, at) : at; };
    bool blind = false;
    for (const child& one : running) {
      if (!one.answered) consider(one.deadline);
      blind = blind || !one.process.is_open();
    }
    {
      const std::lock_guard<std::mutex> held(lock);
      for (const auto& call : calls) {
        const std::lock_guard<std::mutex> inner(call->lock);
        if (call->deadline) consider(*call->deadline);
      }
    }
    // Kernels without pidfd_open: look at the children a hundred times a second.
    if (blind) consider(steady::now() + std::chrono::milliseconds(10));
    if (!next) return -1;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(*next - steady::now()).count() + 1;
    return static_cast<int>(std::clamp<long long>(left, 0, 60000));
  }

  void start(hook_job job) {
    auto in = make_pipe(), out = make_pipe(), err = make_pipe();
    pid_t pid = -1;
    int error = EMFILE;
    if (in && out && err)
      error = spawn_setup().spawn(job.target, in->read.get(), out->write.get(), err->write.get(), pid);
    if (error != 0) {
      job.done({"", "cannot be started: " + std::generic_category().message(error)});
      return;
    }
    running.emplace_back();
    child& made = running.back();
    made.deadline = steady::now() + limits.timeout;
    made.pid = pid;
    made.job = std::move(job);
    made.in = std::move(in->write);
    made.out = std::move(out->read);
    made.err = std::move(err->read);
    for (const owned_fd* fd : {&made.in, &made.out, &made.err}) set_nonblocking(fd->get());
    made.process = owned_fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!serve(made)) running.pop_back();
  }

  /// False when the process has ended and was reaped: its number is nobody's any more, and the child must go.
  [[nodiscard]] bool serve(child& one) {
    feed(one);
    const bool small_enough = read_output(one);
    read_stderr(one);
    if (!one.answered && !small_enough) {
      kill_all(one);
      answer(one, {"", "wrote more than " + std::to_string(limits.output_bytes / 1024) + " KiB"});
    }
    siginfo_t how{};
    const int found = ::waitid(P_PID, static_cast<id_t>(one.pid), &how, WEXITED | WNOHANG | WNOWAIT);
    if ((found == 0 && how.si_pid == one.pid) || (found != 0 && errno == ECHILD)) {
      finish(one, found == 0 ? describe_exit(how) : "its exit status is unknown");
      return false;
    }
    if (!one.answered && steady::now() >= one.deadline) {
      kill_all(one);
      answer(one, {"", "no answer within " + seconds_text(limits.timeout)});
    }
    return true;
  }

  void feed(child& one) const {
    if (!one.in.is_open()) return;
    while (one.written < one.job.input.size()) {
      const ssize_t n = ::write(one.in.get(), one.job.input.data() + one.written, one.job.input.size() - one.written);
      if (n < 0 && errno == EAGAIN) return;
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) break;  // it does not read its input: its own affair
      one.written += static_cast<std::size_t>(n);
    }
    one.in.reset();
  }

  /// False when there is more than the limit.
  bool read_output(child& one) const {
    std::array<char, 65536> buffer{};
    while (one.out.is_open()) {
      const ssize_t n = ::read(one.out.get(), buffer.data(), buffer.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) return true;
      if (n <= 0) {
        one.out.reset();
        return true;
      }
      if (one.output.size() + static_cast<std::size_t>(n) > limits.output_bytes) return false;
      one.output.append(buffer.data(), static_cast<std::size_t>(n));
    }
    return true;
  }

  void read_stderr(child& one) const {
    std::array<char, 4096> buffer{};
    // Bounded per visit: a child that writes without end must not hold the loop.
    for (int round = 0; one.err.is_open() && round < 16; ++round) {
      const ssize_t n = ::read(one.err.get(), buffer.data(), buffer.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) return;
      if (n <= 0) {
        one.err.reset();
        break;
      }
      for (ssize_t i = 0; i < n; ++i) {
        const char c = buffer[static_cast<std::size_t>(i)];
        if (c != '\n' && one.stderr_line.size() < max_stderr_line) one.stderr_line += c;
        if (c == '\n') log_line(one);
      }
    }
    if (!one.err.is_open()) log_line(one);
  }

  void log_line(child& one) const {
    if (!one.stderr_line.empty() && one.stderr_lines++ < max_stderr_lines) on_stderr(one.job.label, one.stderr_line);
    one.stderr_line.clear();
  }

  void answer(child& one, hook_result result) const {
    if (one.answered) return;
    one.answered = true;
    one.in.reset();
    one.out.reset();
    one.job.done(std::move(result));
  }

  /// The process has ended: what it wrote is in the pipes already. Its group may live on: it goes first,
  /// while the unreaped leader still keeps the group's number.
  void finish(child& one, std::string failure) const {
    if (!one.answered && !read_output(one))
      failure = "wrote more than " + std::to_string(limits.output_bytes / 1024) + " KiB";
    read_stderr(one);
    log_line(one);
    kill_and_reap(one);
    std::string output = failure.empty() ? std::move(one.output) : std::string();
    answer(one, {std::move(output), std::move(failure)});
  }

  /// Its group, and what left the group with setsid while its parent still lives.
  static void kill_all(const child& one) {
    if (one.pid <= 1) std::abort();  // kill(-1) would end every process that we may signal
    const std::vector<pid_t> below = descendants_of(one.pid);
    ::kill(-one.pid, SIGKILL);
    ::kill(one.pid, SIGKILL);
    for (const pid_t pid : below) ::kill(pid, SIGKILL);
  }

  static void kill_and_reap(const child& one) {
    kill_all(one);
    while (::waitpid(one.pid, nullptr, 0) < 0 && errno == EINTR) continue;
  }

  // ---- URLs -----------------------------------------------------------------------------------------

  void expire_calls() {
    std::vector<std::shared_ptr<url_call>> late;
    {
      const std::lock_guard<std::mutex> held(lock);
      for (auto at = calls.begin(); at != calls.end();) {
        const std::shared_ptr<url_call> call = *at;
        const std::lock_guard<std::mutex> inner(call->lock);
        const bool over = call->deadline && *call->deadline <= steady::now();
        if (over) late.push_back(call);
        at = over || call->finished ? calls.erase(at) : std::next(at);
      }
    }
    for (const auto& call : late) {
      call->finish({"", "no answer within " + seconds_text(limits.timeout)});
      const std::lock_guard<std::mutex> inner(call->lock);
      if (call->client) call->client->stop();
    }
  }

  void post_url(url_call& call) const {
    const std::size_t colon = call.job.target.find("://");
    const std::size_t slash = call.job.target.find('/', colon + 3);
    const std::string host = std::string(scheme_of(call.job.target)) + call.job.target.substr(colon, slash - colon);
    httplib::Request request;
    request.method = "POST";
    request.path = slash == std::string::npos ? "/" : call.job.target.substr(slash);
    request.set_header("Content-Type", "application/json");
    request.body = call.job.input;
    hook_result result;
    bool too_much = false;
    request.content_receiver = [&](const char* bytes, std::size_t size, std::uint64_t, std::uint64_t) {
      too_much = result.output.size() + size > limits.output_bytes;
      if (!too_much) result.output.append(bytes, size);
      return !too_much && !call.finished;
    };
    {
      const std::lock_guard<std::mutex> held(call.lock);
      if (call.finished) return;
      call.client = std::make_unique<httplib::Client>(host);
      call.client->set_connection_timeout(limits.timeout);
      call.client->set_read_timeout(limits.timeout);
      call.client->set_write_timeout(limits.timeout);
      call.deadline = steady::now() + limits.timeout;
    }
    nudge();
    if (!call.client->is_valid()) {
      call.finish({"", "not a usable URL"});
      return;
    }
    const httplib::Result got = call.client->send(request);
    if (too_much) result.failure = "answered with more than " + std::to_string(limits.output_bytes / 1024) + " KiB";
    else if (!got) result.failure = "HTTP: " + httplib::to_string(got.error());
    else if (got->status != 200) result.failure = "HTTP status " + std::to_string(got->status);
    if (!result.failure.empty()) result.output.clear();
    call.finish(std::move(result));
    nudge();
  }
};

hook_runner::hook_runner(hook_limits limits, std::function<void(std::string_view, std::string_view)> on_stderr)
    : state_(std::make_unique<state>(limits, std::move(on_stderr))) {
  state_->wake = owned_fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!state_->wake.is_open()) throw std::system_error(errno, std::generic_category(), "eventfd");
  const signal_block quiet;
  state_->loop = std::thread([s = state_.get()] { s->run_loop(); });
}

hook_runner::~hook_runner() { stop(); }

void hook_runner::run(std::string target, std::string label, std::string input, std::function<void(hook_result)> done) {
  hook_job job{std::move(target), std::move(label), std::move(input), std::move(done)};
  if (scheme_of(job.target).empty()) {
    {
      const std::lock_guard<std::mutex> held(state_->lock);
      if (state_->stopping) return;
      state_->arriving.push_back(std::move(job));
    }
    state_->nudge();
    return;
  }
  auto call = std::make_shared<url_call>();
  call->job = std::move(job);
  {
    const std::lock_guard<std::mutex> held(state_->lock);
    if (state_->stopping) return;
    state_->calls.push_back(call);
  }
  state_->url_workers.post([s = state_.get(), call] {
    try {
      s->post_url(*call);
    } catch (const std::exception& why) {
      call->finish({"", why.what()});
    }
  });
}

void hook_runner::stop() noexcept {
  std::list<std::shared_ptr<url_call>> calls;
  {
    const std::lock_guard<std::mutex> held(state_->lock);
    state_->stopping = true;
    calls.swap(state_->calls);
  }
  state_->nudge();
  if (state_->loop.joinable()) state_->loop.join();
  for (const auto& call : calls) {
    call->finished = true;
    const std::lock_guard<std::mutex> inner(call->lock);
    if (call->client) call->client->stop();
  }
  state_->url_workers.stop();
}

}  // namespace fleetprov::mock
