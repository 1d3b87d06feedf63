#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

namespace fleetprov::mock {

/// Makes the calling thread nicer than it is, by so many steps of nice(2).
void give_way(int steps) noexcept;

enum class worker_priority : std::uint8_t { normal, background };  ///< background: three steps nicer than the process

/// Up to `most` threads, started when needed, with all signals blocked: the host process's handlers never
/// run on them. Tasks must not throw.
class worker_pool {
 public:
  worker_pool(std::size_t most, worker_priority priority);
  ~worker_pool();  ///< stop()
  worker_pool(const worker_pool&) = delete;
  worker_pool& operator=(const worker_pool&) = delete;

  /// False once stopped: the task is dropped.
  bool post(std::function<void()> task);
  /// Drops what waits, ends what runs, joins. Idempotent; not from a task.
  void stop() noexcept;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

/// Blocks every signal while it lives: threads made meanwhile inherit that.
class signal_block {
 public:
  signal_block() noexcept;
  ~signal_block();
  signal_block(const signal_block&) = delete;
  signal_block& operator=(const signal_block&) = delete;

 private:
  struct mask;
  std::unique_ptr<mask> before_;
};

}  // namespace fleetprov::mock
