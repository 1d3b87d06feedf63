#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace fleetprov::mock {

/// A moment: milliseconds since the Unix epoch, as the mock sees it.
using instant = std::chrono::milliseconds;

/// Epoch seconds with a fraction, as AWS's JSON writes times.
constexpr double to_epoch_seconds(instant at) noexcept { return static_cast<double>(at.count()) / 1000.0; }

/// Real time plus an offset that tests move (`POST /_mock/clock`). Thread-safe.
class clock {
 public:
  instant now() const noexcept {
    return std::chrono::duration_cast<instant>(std::chrono::system_clock::now().time_since_epoch()) + offset();
  }
  instant offset() const noexcept { return instant(offset_.load(std::memory_order_relaxed)); }
  /// Moves time forward (or back, where `by` is negative). Expiry is a separate step:
  /// `registry::apply_expiry()`.
  void advance(instant by) noexcept { offset_.fetch_add(by.count(), std::memory_order_relaxed); }
  void reset() noexcept { offset_.store(0, std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> offset_{0};
};

}  // namespace fleetprov::mock
