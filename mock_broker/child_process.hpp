#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

namespace fleetprov::mock {

/// A child that does not outlive us: it gets SIGTERM when this process dies in any way, and is ended and
/// reaped by the destructor. Start it on the thread that lives longest (the kernel ties it to a thread).
class child_process {
 public:
  /// Where the child finds the descriptor that was passed to it.
  static constexpr int passed_descriptor = 3;

  /// `arguments[0]` is the program's path. Standard input and output are /dev/null, standard error is
  /// ours. Throws std::system_error.
  static child_process start(const std::vector<std::string>& arguments, int pass);

  child_process(child_process&& other) noexcept;
  child_process& operator=(child_process&&) = delete;
  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;
  ~child_process();

  /// Becomes readable when the child has ended.
  int end_descriptor() const noexcept { return end_; }

  /// SIGTERM, then SIGKILL after `patience`; says how it ended ("exit status 3", "signal 9").
  std::string stop(std::chrono::milliseconds patience) noexcept;

 private:
  child_process(pid_t pid, int end) noexcept : pid_(pid), end_(end) {}

  pid_t pid_ = -1;
  int end_ = -1;
};

}  // namespace fleetprov::mock
