#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

namespace fleetprov::mock {

/// A child that does not outlive us for long: it gets SIGTERM when this process dies in any way, and is ended and
/// reaped by the destructor. Start it on the thread that lives longest (the kernel ties it to a thread).
class child_process {
 public:
  /// Where the child finds the descriptor that was passed to it.
  static constexpr int passed_descriptor = 3;
  /// Where it has the one that it only keeps open: above what a program opens at its start, because the kernel closes in
  /// ascending order, or as high as its limit of descriptors allows. Whoever sees this one closed finds the child's ports free.
  static constexpr int kept_descriptor = 255;

  /// `arguments[0]` is the program's path. Standard input and output are /dev/null, standard error is
  /// ours. `keep` stays open for as long as the child lives. Throws std::system_error.
  static child_process start(const std::vector<std::string>& arguments, int pass, int keep);

  child_process(child_process&& other) noexcept;
  child_process& operator=(child_process&&) = delete;
  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;
  ~child_process();

  /// Becomes readable when the child has ended.
  int end_descriptor() const noexcept { return end_; }
  pid_t pid() const noexcept { return pid_; }

  /// SIGTERM, then SIGKILL after `patience`; says how it ended ("exit status 3", "signal 9").
  std::string stop(std::chrono::milliseconds patience) noexcept;

 private:
  child_process(pid_t pid, int end) noexcept : pid_(pid), end_(end) {}

  pid_t pid_ = -1;
  int end_ = -1;
};

/// The processes below `pid` in the tree, in whatever group or session they are.
std::vector<pid_t> descendants_of(pid_t pid);

/// While it lives, what a child leaves behind (a killed broker its hooks) becomes a child of this process instead of
/// living on unseen. For a process with one thread and no children of its own but those it reaps itself.
class orphan_keeper {
 public:
  orphan_keeper() noexcept;
  /// Kills and reaps everything below this process.
  ~orphan_keeper();
  orphan_keeper(const orphan_keeper&) = delete;
  orphan_keeper& operator=(const orphan_keeper&) = delete;

  /// Reaps those that have ended by themselves, never `child`.
  void reap_all_but(const child_process& child) noexcept;
};

}  // namespace fleetprov::mock
