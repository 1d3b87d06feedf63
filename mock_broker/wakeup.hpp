#pragma once

#include <atomic>
#include <mutex>

namespace fleetprov::mock {

/// Ends the broker's wait from another thread, so that an answer leaves at once and not at the next
/// 100 ms beat. Mosquitto has no API for it: an eventfd is added to the broker's own epoll (measured:
/// 0.04 ms); where that cannot be done a signal interrupts the wait, and one that comes at a bad moment
/// costs at most the beat.
class wakeup {
 public:
  wakeup() noexcept;
  ~wakeup();
  wakeup(const wakeup&) = delete;
  wakeup& operator=(const wakeup&) = delete;

  /// From any thread: adds the eventfd to the broker's epoll. False while it has none: its loop does not run yet.
  bool try_attach() noexcept;
  /// Call once on the broker's thread, when its loop runs (the first TICK).
  void attach() noexcept;

  /// From any thread. Cheap; calls between two TICKs are one wake-up.
  void wake() noexcept;

 private:
  int event_fd_ = -1;
  long broker_thread_ = 0;
  bool in_epoll_ = false;        // guarded until attached_
  std::mutex attaching_;
  std::atomic<bool> attached_{false};
};

}  // namespace fleetprov::mock
