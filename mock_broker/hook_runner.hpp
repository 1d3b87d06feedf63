#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace fleetprov::mock {

struct hook_limits {
  std::size_t children = 256;               ///< at once; more wait for a place
  std::size_t url_calls = 64;               ///< likewise, for URLs
  std::chrono::milliseconds timeout{5000};  ///< from the start of the process or call, not from `run`
  std::size_t output_bytes = 1024 * 1024;
};

/// What a hook said. `failure` empty: `output` is what it wrote to stdout (or the response's body).
struct hook_result {
  std::string output;
  std::string failure;  ///< "exit status 3", "no answer within 5 s", ...: for people
};

/// Runs pre-provisioning hooks: shell commands as child processes in groups of their own, all watched by
/// one thread; URLs by HTTP POST on a few more. At the deadline the group and every process below it are killed; only one
/// that has left the group and whose parent has ended (a daemon) lives on, until the mock ends.
class hook_runner {
 public:
  /// `on_stderr(label, line)` is called on the watching thread for each line a child writes to stderr.
  hook_runner(hook_limits limits, std::function<void(std::string_view, std::string_view)> on_stderr);
  ~hook_runner();
  hook_runner(const hook_runner&) = delete;
  hook_runner& operator=(const hook_runner&) = delete;

  /// `target`: a command for `/bin/sh -c`, or an http:// or https:// URL. `done` is called exactly once,
  /// on another thread, unless the runner is stopped first; it must be quick and must not throw.
  void run(std::string target, std::string label, std::string input, std::function<void(hook_result)> done);
  /// Kills and reaps every child; nothing is called afterwards. Idempotent.
  void stop() noexcept;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace fleetprov::mock
