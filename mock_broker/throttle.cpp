#include <mock_broker/throttle.hpp>

#include <algorithm>
#include <chrono>
#include <iterator>

namespace fleetprov::mock {
namespace {

constexpr std::chrono::seconds connect_interval{1};
constexpr std::size_t least_sweep = 4096;

/// Whether a CONNECT of this moment still counts. One of the future does not: the clock has been put back since.
bool counts(instant then, instant now) noexcept { return then <= now && now - then < connect_interval; }

}  // namespace

connect_quota connect_throttle::take(const std::string& client_id, instant now) {
  if (last_.size() >= sweep_at_) forget_old(now);
  const auto at = last_.find(client_id);
  if (at != last_.end() && counts(at->second, now)) return connect_quota::exceeded_by_client;
  if (!account_.take(now)) return connect_quota::exceeded_by_account;
  last_.insert_or_assign(client_id, now);
  return connect_quota::kept;
}

/// Each time when there are twice as many as were left: all CONNECTs together pay a constant share.
void connect_throttle::forget_old(instant now) {
  for (auto at = last_.begin(); at != last_.end();)
    at = counts(at->second, now) ? std::next(at) : last_.erase(at);
  sweep_at_ = std::max(least_sweep, 2 * last_.size());
}

}  // namespace fleetprov::mock
