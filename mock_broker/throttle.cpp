#include <mock_broker/throttle.hpp>

#include <algorithm>
#include <chrono>
#include <iterator>

namespace fleetprov::mock {
namespace {

constexpr std::chrono::seconds connect_interval{1};
constexpr std::size_t least_sweep = 4096;

}  // namespace

connect_quota connect_throttle::take(const std::string& client_id, instant now) {
  if (last_.size() >= sweep_at_) forget_old(now);
  const auto at = last_.find(client_id);
  if (at != last_.end() && now >= at->second && now - at->second < connect_interval) return connect_quota::exceeded_by_client;
  if (!account_.take(now)) return connect_quota::exceeded_by_account;
  last_.insert_or_assign(client_id, now);
  return connect_quota::kept;
}

/// Each time when there are twice as many as were left: all CONNECTs together pay a constant share.
void connect_throttle::forget_old(instant now) {
  for (auto at = last_.begin(); at != last_.end();)
    at = now - at->second >= connect_interval ? last_.erase(at) : std::next(at);
  sweep_at_ = std::max(least_sweep, 2 * last_.size());
}

}  // namespace fleetprov::mock
