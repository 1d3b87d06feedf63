#include <mock_broker/throttle.hpp>

#include <chrono>

namespace fleetprov::mock {
namespace {

constexpr std::chrono::seconds connect_interval{1};
constexpr std::size_t sweep_above = 4096;

}  // namespace

bool connect_throttle::allows(const std::string& client_id, instant now) {
  if (last_.size() > sweep_above)
    for (auto at = last_.begin(); at != last_.end();)
      at = now - at->second >= connect_interval ? last_.erase(at) : std::next(at);
  const auto [at, is_new] = last_.try_emplace(client_id, now);
  if (!is_new && now >= at->second && now - at->second < connect_interval) return false;
  at->second = now;
  return account_.take(now);
}

}  // namespace fleetprov::mock
