#pragma once

#include <mock_broker/event_log.hpp>
#include <mock_broker/registry.hpp>

#include <condition_variable>
#include <mutex>
#include <thread>

namespace fleetprov::mock {

/// Expiry as real time passes: tokens with their unclaimed certificates, temporary claims. A thread of
/// its own, since it writes to the database.
class maintenance {
 public:
  maintenance(registry& world, event_log& log);
  ~maintenance();
  maintenance(const maintenance&) = delete;
  maintenance& operator=(const maintenance&) = delete;

  void stop() noexcept;

 private:
  void run() noexcept;

  registry& world_;
  event_log& log_;
  std::mutex guard_;
  std::condition_variable wake_;
  bool stop_ = false;
  std::thread worker_;
};

}  // namespace fleetprov::mock
