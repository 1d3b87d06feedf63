#pragma once

#include <mock_broker/clock.hpp>

#include <fleetprov/topics/limits.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

namespace fleetprov::mock {

/// Tokens that refill with time: at most `rate` uses per second on average and in one burst.
class token_bucket {
 public:
  explicit token_bucket(double rate) noexcept : rate_(rate), level_(rate) {}

  /// Takes one; false when there is none. Where the clock has been put back, it refills from there.
  bool take(instant now) noexcept {
    if (now > last_) {
      const double refill = static_cast<double>((now - last_).count()) / 1000.0 * rate_;
      level_ = level_ + refill < rate_ ? level_ + refill : rate_;
    }
    last_ = now;
    if (level_ < 1.0) return false;
    level_ -= 1.0;
    return true;
  }

 private:
  double rate_;
  double level_;
  instant last_{};
};

enum class connect_quota : std::uint8_t { kept, exceeded_by_client, exceeded_by_account };

/// `--strict quotas`: one CONNECT per second and client id, 500 per second and account (AWS IoT Core endpoints and quotas).
/// What one quota refuses does not count for the other. Broker thread only.
class connect_throttle {
 public:
  connect_quota take(const std::string& client_id, instant now);
  std::size_t known_count() const noexcept { return last_.size(); }  ///< client ids whose CONNECT is remembered

 private:
  void forget_old(instant now);

  std::unordered_map<std::string, instant> last_;
  std::size_t sweep_at_ = 4096;
  token_bucket account_{topics::limits::max_connects_per_second};
};

}  // namespace fleetprov::mock
