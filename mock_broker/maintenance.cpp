#include <mock_broker/maintenance.hpp>

#include <chrono>
#include <csignal>
#include <exception>
#include <string>

namespace fleetprov::mock {
namespace {

constexpr std::chrono::seconds beat{1};

}  // namespace

maintenance::maintenance(registry& world, event_log& log) : world_(world), log_(log) {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  worker_ = std::thread([this] { run(); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

maintenance::~maintenance() { stop(); }

void maintenance::stop() noexcept {
  {
    const std::lock_guard<std::mutex> lock(guard_);
    stop_ = true;
  }
  wake_.notify_all();
  if (worker_.joinable()) worker_.join();
}

void maintenance::run() noexcept {
  std::unique_lock<std::mutex> lock(guard_);
  while (!wake_.wait_for(lock, beat, [this] { return stop_; })) {
    lock.unlock();
    try {
      const auto next = world_.next_expiry();
      if (next && *next <= world_.time().now()) world_.apply_expiry();
    } catch (const std::exception& trouble) {
      log_.say("fleetprov mock: expiry could not be stored: " + std::string(trouble.what()));
    }
    lock.lock();
  }
}

}  // namespace fleetprov::mock
