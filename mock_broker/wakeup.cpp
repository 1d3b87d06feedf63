#include <mock_broker/wakeup.hpp>

#include <dirent.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

namespace fleetprov::mock {
namespace {

/// What Mosquitto finds behind the event's pointer: it reads an `int` and compares it with its own
/// kinds (1 listener, 2 client, 3 websocket listener). Any other value is left alone.
struct alignas(16) foreign_event {
  int ident = 0x5a5a;
  char unread[4096] = {};
};
foreign_event not_a_client;

int wake_signal() noexcept { return SIGRTMIN + 5; }

/// The one epoll descriptor of this process, or -1 when there is none or more than one.
int find_epoll() noexcept {
  DIR* open_files = ::opendir("/proc/self/fd");
  if (open_files == nullptr) return -1;
  int found = -1;
  bool only_one = true;
  while (const dirent* entry = ::readdir(open_files)) {
    char link[64] = {};
    if (::readlinkat(::dirfd(open_files), entry->d_name, link, sizeof link - 1) <= 0) continue;
    if (std::strcmp(link, "anon_inode:[eventpoll]") != 0) continue;
    only_one = found < 0;
    found = std::atoi(entry->d_name);
  }
  ::closedir(open_files);
  return only_one ? found : -1;
}

}  // namespace

wakeup::wakeup() noexcept : event_fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

wakeup::~wakeup() {
  if (event_fd_ >= 0) ::close(event_fd_);
}

bool wakeup::try_attach() noexcept {
  const std::lock_guard<std::mutex> alone(attaching_);
  if (attached_.load()) return true;
  const int epoll = find_epoll();
  if (epoll < 0 || event_fd_ < 0) return false;
  epoll_event when{};
  when.events = EPOLLIN | EPOLLET;
  when.data.ptr = &not_a_client;
  in_epoll_ = ::epoll_ctl(epoll, EPOLL_CTL_ADD, event_fd_, &when) == 0;
  attached_.store(in_epoll_, std::memory_order_release);
  return in_epoll_;
}

void wakeup::attach() noexcept {
  if (try_attach()) return;
  struct sigaction interrupt {};
  interrupt.sa_handler = [](int) {};
  ::sigaction(wake_signal(), &interrupt, nullptr);
  broker_thread_ = ::syscall(SYS_gettid);
  attached_.store(true, std::memory_order_release);
}

void wakeup::wake() noexcept {
  if (!attached_.load(std::memory_order_acquire)) return;
  if (in_epoll_) {
    const std::uint64_t one = 1;
    // A full counter still leaves the descriptor readable; edge-triggered, it needs no reader.
    [[maybe_unused]] const ssize_t put = ::write(event_fd_, &one, sizeof one);
  } else {
    ::syscall(SYS_tgkill, ::getpid(), broker_thread_, wake_signal());
  }
}

}  // namespace fleetprov::mock
