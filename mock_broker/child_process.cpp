#include <mock_broker/child_process.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <exception>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

namespace fleetprov::mock {
namespace {

/// Between fork and exec: only calls that are safe there.
[[noreturn]] void become(char* const* arguments, int pass, int keep, pid_t parent) noexcept {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int one : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) ::signal(one, SIG_DFL);
  ::setpgid(0, 0);  // a Ctrl-C at the terminal is ours to pass on
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(127);
  int place = child_process::kept_descriptor;
  rlimit files{};  // one per device; the usual soft limit of 1024 is for programs that call select()
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_max < static_cast<rlim_t>(place) + 3) place = static_cast<int>(files.rlim_max) - 3;
  }
  // Copies above all places first: either may stand where something else goes.
  const int passed = ::fcntl(pass, F_DUPFD, place + 1);
  const int kept = ::fcntl(keep, F_DUPFD, place + 1);
  const int nothing = ::open("/dev/null", O_RDWR);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(nothing, STDOUT_FILENO);
  if (::dup2(passed, child_process::passed_descriptor) < 0 || ::dup2(kept, place) < 0) ::_exit(127);
  ::syscall(SYS_close_range, static_cast<unsigned>(child_process::passed_descriptor + 1), static_cast<unsigned>(place - 1), 0U);
  ::syscall(SYS_close_range, static_cast<unsigned>(place + 1), ~0U, 0U);
  ::execv(arguments[0], arguments);
  ::_exit(127);
}

}  // namespace

child_process child_process::start(const std::vector<std::string>& arguments, int pass, int keep) {
  std::vector<char*> words;
  words.reserve(arguments.size() + 1);
  for (const std::string& word : arguments) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid == 0) become(words.data(), pass, keep, parent);
  child_process out(pid, static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U)));
  if (out.end_ < 0) throw std::system_error(errno, std::generic_category(), "pidfd_open");  // `out` ends the child
  return out;
}

child_process::child_process(child_process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), end_(std::exchange(other.end_, -1)) {}

child_process::~child_process() {
  if (pid_ > 0) stop(std::chrono::milliseconds(2000));
  if (end_ >= 0) ::close(end_);
}

std::string child_process::stop(std::chrono::milliseconds patience) noexcept {
  if (pid_ <= 0) return "it was not running";
  int status = 0;
  ::kill(pid_, SIGTERM);
  pollfd ended{end_, POLLIN, 0};
  int count = 0;
  do {
    count = end_ < 0 ? 0 : ::poll(&ended, 1, static_cast<int>(patience.count()));
  } while (count < 0 && errno == EINTR);
  if (count != 1) ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  if (WIFEXITED(status)) return "exit status " + std::to_string(WEXITSTATUS(status));
  return "signal " + std::to_string(WTERMSIG(status));
}

namespace {

void collect_descendants(pid_t pid, std::vector<pid_t>& out) {
  constexpr std::size_t enough = 4096;
  std::error_code ended;
  const std::filesystem::path tasks = "/proc/" + std::to_string(pid) + "/task";
  for (std::filesystem::directory_iterator task(tasks, ended), end; !ended && task != end; task.increment(ended)) {
    std::ifstream children(task->path() / "children");
    for (pid_t below = 0; out.size() < enough && children >> below;) {
      out.push_back(below);
      collect_descendants(below, out);
    }
  }
}

}  // namespace

std::vector<pid_t> descendants_of(pid_t pid) {
  std::vector<pid_t> out;
  collect_descendants(pid, out);
  return out;
}

orphan_keeper::orphan_keeper() noexcept { ::prctl(PR_SET_CHILD_SUBREAPER, 1); }

orphan_keeper::~orphan_keeper() {
  constexpr int most_rounds = 1000;  // a millisecond each: one that makes children faster than they die is let go
  try {
    for (int round = 0; round < most_rounds; ++round) {
      const std::vector<pid_t> left = descendants_of(::getpid());
      if (left.empty()) break;
      for (const pid_t pid : left) ::kill(pid, SIGKILL);
      while (::waitpid(-1, nullptr, WNOHANG) > 0) {
      }
      if (round > 0) ::poll(nullptr, 0, 1);
    }
  } catch (const std::exception&) {  // no memory: they live on
  }
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
}

void orphan_keeper::reap_all_but(const child_process& child) noexcept {
  siginfo_t ended{};
  while (::waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid != 0 && ended.si_pid != child.pid()) {
    ::waitpid(ended.si_pid, nullptr, WNOHANG);
    ended = {};
  }
}

}  // namespace fleetprov::mock
