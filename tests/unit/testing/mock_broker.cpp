// fleetprov::testing::mock_broker over programs that are no mock: shell scripts, and servers that answer badly.

#include <fleetprov/testing/mock_broker.hpp>

#include "support/loopback.hpp"
#include "unit/storage/store_checks.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <mutex>
#include <optional>
#include <thread>

using namespace fleetprov;
using fleetprov::testing::mock_broker;
using fleetprov::testing::mock_options;
namespace io = fleetprov::testing::detail;

namespace {
int interrupted_waits = 0;
bool forked = false;
}  // namespace
/// Of this process, or as if it were one that was forked.
extern "C" pid_t getpid() noexcept { return static_cast<pid_t>(::syscall(SYS_getpid)) + (forked ? 1 : 0); }
/// The library's, interrupted so often.
extern "C" pid_t waitpid(pid_t process, int* status, int options) {
  if (interrupted_waits == 0) return ::wait4(process, status, options, nullptr);
  --interrupted_waits;
  errno = EINTR;
  return -1;
}

namespace {

/// A program by the name of `fleetprov` that is this shell script.
struct script {
  store_test::temporary_folder folder;
  explicit script(const std::string& text) {
    std::ofstream(path()) << "#!/bin/sh\n" << text;
    REQUIRE(::chmod(path().c_str(), 0700) == 0);
  }
  std::string path() const { return folder.path + "/fleetprov"; }
  mock_options options() const {
    mock_options out;
    out.program = path();
    out.start_timeout = std::chrono::seconds(20);
    return out;
  }
  result<mock_broker> start() const { return mock_broker::start(options()); }
};

/// Waits for a signal, without a child that would be left.
const std::string idle = "while :; do read -r _ <&3; done\n";
std::string then_idle(const std::string& text) { return "[ -p \"$0.fifo\" ] || mkfifo \"$0.fifo\"\nexec 3<>\"$0.fifo\"\n" + text + idle; }
/// Prints a ready line, and ends when it is told to.
std::string ready_with(const std::string& line, const std::string& at_the_end = "exit 3", const std::string& first = "") {
  return then_idle("trap '" + at_the_end + "' TERM\n" + first + "echo '" + line + "'\n");
}
std::string ready_line(int http_port, const std::string& http_host = "127.0.0.1") {
  return R"({"mqtt":{"host":"localhost","port":1883},"http":{"url":"http://)" + http_host + ":" + std::to_string(http_port) +
         R"("},"ca_file":"/ca","claim":{"certificate":null},"dir":"/dir","templates":["one","two"]})";
}

struct environment_variable {
  explicit environment_variable(const char* name, const std::string& value) : name_(name) {
    if (const char* old = std::getenv(name)) before_ = old;
    ::setenv(name, value.c_str(), 1);
  }
  ~environment_variable() {
    if (before_) ::setenv(name_, before_->c_str(), 1);
    else ::unsetenv(name_);
  }
  environment_variable(const environment_variable&) = delete;
  environment_variable& operator=(const environment_variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_;
};

/// SIGALRM every millisecond; the 20th does `what`, which must be safe in a signal handler.
class alarms {
 public:
  explicit alarms(void (*what)()) {
    count = 0;
    then = what;
    struct sigaction mine {};  // without SA_RESTART
    mine.sa_handler = [](int) {
      const int error = errno;
      if (++count == 20) then();
      errno = error;
    };
    REQUIRE(::sigaction(SIGALRM, &mine, &before_) == 0);
    const itimerval each{{0, 1000}, {0, 1000}};
    REQUIRE(::setitimer(ITIMER_REAL, &each, nullptr) == 0);
  }
  ~alarms() {
    const itimerval none{};
    (void)::setitimer(ITIMER_REAL, &none, nullptr);
    (void)::sigaction(SIGALRM, &before_, nullptr);
  }
  alarms(const alarms&) = delete;
  alarms& operator=(const alarms&) = delete;
  static inline volatile std::sig_atomic_t count = 0;
  static inline void (*then)() = nullptr;

 private:
  struct sigaction before_ {};
};

struct two_ends {
  int ends[2] = {-1, -1};
  explicit two_ends(int domain = AF_UNIX) { REQUIRE(::socketpair(domain, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0); }
  ~two_ends() {
    for (const int end : ends)
      if (end >= 0) ::close(end);
  }
  two_ends(const two_ends&) = delete;
  two_ends& operator=(const two_ends&) = delete;
};

std::chrono::steady_clock::time_point in(std::chrono::milliseconds span) { return std::chrono::steady_clock::now() + span; }
constexpr std::chrono::seconds patience{20};

}  // namespace

TEST_CASE("what a ready line says is what the mock tells") {
  const script it(ready_with(ready_line(8080)));
  auto mock = it.start();
  REQUIRE(mock);
  CHECK(mock->host() == "localhost");
  CHECK(mock->port() == 1883);
  CHECK(mock->http_port() == 8080);
  CHECK(mock->http_url() == "http://127.0.0.1:8080");
  CHECK(mock->ca_file() == "/ca");
  CHECK(mock->claim_certificate().empty());
  CHECK(mock->claim_private_key().empty());
  CHECK(mock->directory() == "/dir");
  CHECK(mock->templates() == std::vector<std::string>{"one", "two"});
  CHECK(mock->stop() == 3);
  CHECK(mock->stop() == -1);
}

TEST_CASE("a mock moves, onto itself and onto another, which ends") {
  const script it(ready_with(ready_line(8080))), other(ready_with(R"({"mqtt":{"host":"h","port":1},"http":{"url":"http://x:2"}})"));
  auto first = it.start(), second = other.start();
  REQUIRE((first && second));
  CHECK(second->templates().empty());
  auto& same = *first;
  *first = std::move(same);
  CHECK(first->port() == 1883);
  *second = std::move(*first);
  CHECK(second->http_port() == 8080);
  CHECK(second->http_url() == "http://127.0.0.1:8080");
  CHECK(first->stop() == -1);
  CHECK(second->stop() == 3);
}

TEST_CASE("a mock ends when it is told to, whatever signals the process that started it blocks or ignores") {
  sigset_t all, before;
  sigfillset(&all);
  const script it(ready_with(ready_line(8080)));
  auto options = it.options();
  options.start_timeout = options.stop_timeout = std::chrono::seconds::max();
  REQUIRE(::pthread_sigmask(SIG_BLOCK, &all, &before) == 0);
  const auto ignored = std::signal(SIGTERM, SIG_IGN);
  auto mock = mock_broker::start(options);
  (void)std::signal(SIGTERM, ignored);
  (void)::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  REQUIRE(mock);
  CHECK(mock->stop() == 3);
}

TEST_CASE("a forked process leaves the mock to the one that started it") {
  const script it(ready_with(ready_line(8080)));
  auto mock = it.start();
  REQUIRE(mock);
  forked = true;
  const int status = mock->stop();
  forked = false;
  CHECK(status == -1);
  CHECK(mock->stop() == 3);
}

TEST_CASE("the program gets its arguments and a ready line may come in pieces") {
  const script it("[ \"$*\" = 'mock --ephemeral --port 0 --http-port 0 --format json --empty' ] || exit 1\n" +
                  ready_with(R"("port":1},"http":{"url":"http://x:2"}})", "exit 3", R"(printf '{"mqtt":{"host":"h",')" "\n"));
  auto options = it.options();
  options.arguments = {"--empty"};
  auto mock = mock_broker::start(options);
  REQUIRE(mock);
  CHECK(mock->port() == 1);
}

TEST_CASE("a ready line that does not say where the mock listens is malformed") {
  for (const char* line : {"no JSON", "{}", R"({"mqtt":{"host":"h","port":1}})", R"({"mqtt":{"host":"h","port":1},"http":{"url":"nowhere"}})",
                           R"({"mqtt":{"host":"h","port":0},"http":{"url":"http://x:2"}})", R"({"mqtt":{"host":"","port":1},"http":{"url":"http://x:2"}})",
                           R"({"mqtt":{"host":"h","port":1},"http":{"url":"http://x:-2"}})", R"({"mqtt":{"host":"h","port":1},"http":{"url":"http://x"}})",
                           R"({"mqtt":{"host":"h","port":1},"http":{"url":"http://:2"}})", R"({"mqtt":{"host":"h","port":1},"http":{"url":"http://[]:2"}})",
                           R"({"mqtt":{"host":"h","port":1},"http":{"url":"https://x:2"}})", R"({"mqtt":{"host":"h","port":1},"http":{"url":"x:2"}})",
                           R"({"mqtt":{"host":"h","port":1},"http":{"url":"http://x:2/y"}})", R"({"mqtt":{"host":"h","port":1},"http":{"url":"http://x:65536"}})",
                           R"({"mqtt":{"host":"h","port":1},"http":{"url":"http://x:"}})", R"({"mqtt":{"host":"h","port":1},"http":{"url":"http://x:100000"}})",
                           R"({"mqtt":{"host":"h","port":1},"http":{"url":"http://[::1:2"}})"}) {
    CAPTURE(line);
    const script it(ready_with(line));
    CHECK(it.start().error().code == errc::encoding);
  }
}

TEST_CASE("a program that ends at once, before or within its ready line, is not found") {
  for (const char* text : {"exit 0\n", "printf '{'\n"}) {
    const script it(text);
    CHECK(it.start().error().code == errc::not_found);
  }
  mock_options missing;
  missing.program = "/nowhere/fleetprov";
  CHECK(mock_broker::start(missing).error().code == errc::not_found);
}

TEST_CASE("a program that is never ready is waited for no longer than asked, and ended") {
  const script it(then_idle(""));
  auto options = it.options();
  options.start_timeout = std::chrono::seconds(1);
  CHECK(mock_broker::start(options).error().code == errc::timed_out);
}

TEST_CASE("arguments that no program could be given") {
  const script it(ready_with(ready_line(8080)));
  auto options = it.options();
  options.arguments = {std::string(1'000'000, 'x')};
  CHECK(mock_broker::start(options).error().code == errc::not_found);
}

TEST_CASE("without descriptors there is no mock") {
  const script it(ready_with(ready_line(8080)));
  for (const rlim_t more : {0U, 2U}) {
    failure why;
    {
      const test::no_descriptors_left few(more);
      why = it.start().error();
    }
    CHECK(why.code == errc::unsupported);
  }
}

TEST_CASE("which program it is: of the options, of the environment, of PATH") {
  const script it(ready_with(ready_line(8080))), other("exit 1\n");
  auto options = it.options();
  {
    const environment_variable named("FLEETPROV_PROGRAM", other.path());
    CHECK(mock_broker::start(options));
    options.program.clear();
    CHECK_FALSE(mock_broker::start(options));
  }
  const environment_variable named("FLEETPROV_PROGRAM", it.path());
  CHECK(mock_broker::start(options));
  const environment_variable path("PATH", it.folder.path + ":" + std::getenv("PATH"));
  const environment_variable empty("FLEETPROV_PROGRAM", "");
  CHECK(mock_broker::start(options));
  ::unsetenv("FLEETPROV_PROGRAM");
  CHECK(mock_broker::start(options));
}

TEST_CASE("a mock whose shell was killed has the signal's status") {
  const script it("kill -KILL $PPID\necho '" + ready_line(8080) + "'\n");
  auto mock = it.start();
  REQUIRE(mock);
  CHECK(mock->stop() == 128 + SIGKILL);
}

TEST_CASE("a process that does not wait for its children is not told that the mock ended well") {
  const script it(ready_with(ready_line(8080)));
  auto mock = it.start();
  REQUIRE(mock);
  struct sigaction ignore {}, before {};
  ignore.sa_handler = SIG_IGN;
  REQUIRE(::sigaction(SIGCHLD, &ignore, &before) == 0);
  const int status = mock->stop();
  (void)::sigaction(SIGCHLD, &before, nullptr);
  CHECK(status == -1);
}

TEST_CASE("a mock that takes its time to end is waited for, whatever signals come") {
  static int held;
  const store_test::temporary_folder folder;
  const std::string fifo = folder.path + "/fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  held = ::open(fifo.c_str(), O_RDWR | O_CLOEXEC);
  const script it(ready_with(ready_line(8080), "read -r code <" + fifo + "; exit $code"));
  auto mock = it.start();
  REQUIRE(mock);
  {
    const alarms ring([] { (void)!::write(held, "5\n", 2); });
    interrupted_waits = 2;
    CHECK(mock->stop() == 5);
    CHECK(interrupted_waits == 0);
    CHECK(alarms::count >= 20);
  }
  ::close(held);
}

TEST_CASE("a program that does not end when it is told to is killed after a while") {
  const script it(ready_with(ready_line(8080), ""));
  auto options = it.options();
  options.stop_timeout = std::chrono::seconds(1);
  auto mock = mock_broker::start(options);
  REQUIRE(mock);
  CHECK(mock->stop() == 128 + SIGKILL);
}

TEST_CASE("reading ends with what was looked for, the end, the time or an error") {
  two_ends pipe;
  static int other;
  other = pipe.ends[1];
  CHECK(io::read_until(pipe.ends[0], "\n", in(std::chrono::milliseconds(0))).error().code == errc::timed_out);
  CHECK(io::read_until(pipe.ends[0], "\n", in(std::chrono::milliseconds(-5))).error().code == errc::timed_out);
  {
    const alarms ring([] { (void)!::write(other, "ab\ncd", 5); });
    CHECK(*io::read_until(pipe.ends[0], "\n", in(patience)) == "ab\ncd");
    CHECK(alarms::count >= 20);
  }
  REQUIRE(::write(other, "rest\n", 5) == 5);
  REQUIRE(::shutdown(other, SHUT_WR) == 0);
  CHECK(*io::read_until(pipe.ends[0], {}, in(patience)) == "rest\n");

  const store_test::temporary_folder folder;  // is always ready and never to be read
  const io::descriptor unreadable(::open(folder.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  CHECK(io::read_until(unreadable.get(), "\n", in(patience)).error().code == errc::disconnected);
}

TEST_CASE("waiting that is not possible is not tried for ever") {
  two_ends pipe;
  failure why;
  {
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    rlimit none = before;
    none.rlim_cur = 0;
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    why = io::read_until(pipe.ends[0], "\n", in(patience)).error();
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  }
  CHECK(why.code == errc::timed_out);
}

TEST_CASE("writing goes on after a signal and ends where nobody reads") {
  two_ends pipe;
  static int other;
  other = pipe.ends[1];
  std::string much(100'000, 'x');
  while (::send(pipe.ends[0], much.data(), much.size(), MSG_DONTWAIT) > 0) continue;
  REQUIRE(errno == EAGAIN);
  {
    const alarms ring([] {
      char some[4096];
      while (::recv(other, some, sizeof some, MSG_DONTWAIT) > 0) continue;
    });
    CHECK(io::write_all(pipe.ends[0], "more"));
    CHECK(alarms::count >= 20);
  }
  ::close(std::exchange(pipe.ends[1], -1));
  CHECK_FALSE(io::write_all(pipe.ends[0], "more"));
  CHECK(io::write_all(pipe.ends[0], ""));
}

namespace {

/// A mock whose HTTP port answers each request with `reply`, then hangs up; `requests` is what it was asked.
class answering {
 public:
  explicit answering(std::string reply, test::listener at = test::listener(), const std::string& host = "127.0.0.1")
      : reply_(std::move(reply)), listener_(std::move(at)), program_(ready_with(ready_line(listener_.port(), host))), mock_(std::move(*program_.start())),
        thread_([this] { serve(); }) {}
  ~answering() {
    (void)::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  answering(const answering&) = delete;
  answering& operator=(const answering&) = delete;
  const mock_broker* operator->() const {
    REQUIRE(mock_);
    return &*mock_;
  }
  /// Of the requests answered so far, the last one's first line and body.
  std::string last() {
    const std::lock_guard<std::mutex> hold(mutex_);
    return last_.substr(0, last_.find(" HTTP/1.1\r\n")) + " " + last_.substr(last_.find("\r\n\r\n") + 4);
  }
  /// Its Host header.
  std::string host() {
    const std::lock_guard<std::mutex> hold(mutex_);
    const std::size_t at = last_.find("Host: ") + 6;
    return last_.substr(at, last_.find("\r\n", at) - at);
  }
  std::uint16_t port() const noexcept { return listener_.port(); }

 private:
  void serve() {
    for (;;) {
      const test::descriptor socket = listener_.accept();
      if (socket.get() < 0) return;
      std::string request;
      char some[1024];
      std::size_t whole = std::string::npos;
      while (request.size() < whole) {
        const ssize_t got = ::recv(socket.get(), some, sizeof some, 0);
        if (got <= 0) break;
        request.append(some, static_cast<std::size_t>(got));
        const std::size_t blank = request.find("\r\n\r\n"), length = request.find("Content-Length: ");
        if (blank != std::string::npos) whole = blank + 4 + static_cast<std::size_t>(std::atoi(request.c_str() + length + 16));
      }
      const std::lock_guard<std::mutex> hold(mutex_);
      last_ = request;
      (void)::send(socket.get(), reply_.data(), reply_.size(), MSG_NOSIGNAL);
    }
  }

  std::string reply_, last_;
  std::mutex mutex_;
  test::listener listener_;
  script program_;
  result<mock_broker> mock_;
  std::thread thread_;
};

std::string http_reply(const std::string& status, const std::string& body) { return "HTTP/1.1 " + status + "\r\nA: b\r\n\r\n" + body; }

}  // namespace

TEST_CASE("the control plane's answers") {
  answering good(http_reply("200 OK", R"({"a":1})"));
  const auto answer = good->http("PUT", "/x?y=z", "body");
  REQUIRE(answer);
  CHECK(answer->status == 200);
  CHECK(answer->body == R"({"a":1})");
  CHECK(good.last() == "PUT /x?y=z body");
  CHECK(good->advance_clock(std::chrono::hours(1)));
  CHECK(good.last() == R"(POST /_mock/clock {"advance_seconds":3600})");
  CHECK(good->inject_fault("{}"));
  CHECK(good.last() == "POST /_mock/faults {}");
  CHECK(good->clear_faults());
  CHECK(good.last() == "DELETE /_mock/faults ");
  CHECK(good->reset());
  CHECK(good.last() == "POST /_mock/reset ");
  CHECK(good->describe_thing("t")->find("/a")->text == "1");
  CHECK(good.last() == "GET /things/t ");
  CHECK(good->describe_certificate("c"));
  CHECK(good.last() == "GET /certificates/c ");
}

TEST_CASE("the control plane is where the ready line says, by IPv4, IPv6 and name") {
  sockaddr_in second = test::loopback(0);
  second.sin_addr.s_addr = htonl(0x7F000002);
  struct place { std::string host; std::optional<test::listener> at; };
  std::vector<place> places;
  places.push_back({"127.0.0.2", test::listener::at(second)});
  places.push_back({"[::1]", test::listener::at(test::ipv6_loopback())});
  places.push_back({"localhost", test::listener::at(test::loopback(0))});  // ::1 may come first, and nobody is there
  for (place& each : places) {
    CAPTURE(each.host);
    if (!each.at) {
      WARN("cannot be listened on here");
      continue;
    }
    answering mock(http_reply("200 OK", "{}"), std::move(*each.at), each.host);
    const std::string authority = each.host + ":" + std::to_string(mock.port());
    CHECK(mock->http_url() == "http://" + authority);
    CHECK(mock->http_port() == mock.port());
    CHECK(mock->reset());
    CHECK(mock.host() == authority);
    CHECK(mock->inject_fault("{}"));
    CHECK(mock->http("GET", "/x"));
  }
  const script nowhere(ready_with(ready_line(8080, "fleetprov.invalid")));
  CHECK(nowhere.start()->query("/x").error().code == errc::disconnected);
}

TEST_CASE("answers that are refusals, no JSON, no HTTP or nothing") {
  struct bad { std::string reply; errc query, command; };
  for (const bad& each : {bad{http_reply("404 Not Found", "{}"), errc::not_found, errc::rejected}, bad{http_reply("500 No", "{}"), errc::rejected, errc::rejected},
                          bad{"", errc::encoding, errc::encoding}, bad{"HTTP\r\n\r\n", errc::encoding, errc::encoding},
                          bad{"HTTP/1.1 200 OK\r\n", errc::encoding, errc::encoding}}) {
    CAPTURE(each.reply);
    answering mock(each.reply);
    CHECK(mock->query("/x").error().code == each.query);
    CHECK(mock->reset().error().code == each.command);
  }
  answering text(http_reply("200 OK", "{"));
  CHECK(text->query("/x").error().code == errc::encoding);
  CHECK(text->reset());
}

TEST_CASE("a control plane that is gone, hangs up on a request or resets the connection") {
  const script nobody(ready_with(ready_line(test::closed_port())));
  CHECK(nobody.start()->query("/x").error().code == errc::disconnected);

  const test::listener listener;
  const script it(ready_with(ready_line(listener.port())));
  auto mock = it.start();
  REQUIRE(mock);
  const auto hang_up = [&] {  // with what was sent unread: a reset
    const test::descriptor socket = listener.accept();
    char first = 0;
    (void)::recv(socket.get(), &first, 1, 0);
  };
  std::thread first(hang_up);
  CHECK(mock->http("GET", "/x").error().code == errc::disconnected);
  first.join();
  std::thread second(hang_up);
  CHECK(mock->http("PUT", "/x", std::string(50'000'000, 'x')).error().code == errc::disconnected);
  second.join();
}
