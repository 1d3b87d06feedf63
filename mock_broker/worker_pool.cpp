#include <mock_broker/worker_pool.hpp>

#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace fleetprov::mock {

struct signal_block::mask {
  sigset_t set;
};

signal_block::signal_block() noexcept : before_(std::make_unique<mask>()) {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before_->set);
}
signal_block::~signal_block() { pthread_sigmask(SIG_SETMASK, &before_->set, nullptr); }

struct worker_pool::state {
  std::size_t most;
  worker_priority priority;
  std::mutex lock;
  std::condition_variable wake;
  std::deque<std::function<void()>> waiting;
  std::vector<std::thread> threads;
  std::size_t idle = 0;
  bool stopping = false;

  void run() {
    if (priority == worker_priority::background) {
      // A step behind the broker's thread, and no more: a device waits for what is done here, and on a
      // busy machine nice 10 turned the 0.2 s of an RSA key into 10 s.
      give_way(3);
    }
    std::unique_lock<std::mutex> held(lock);
    for (;;) {
      ++idle;
      wake.wait(held, [&] { return stopping || !waiting.empty(); });
      --idle;
      if (stopping) return;
      std::function<void()> task = std::move(waiting.front());
      waiting.pop_front();
      held.unlock();
      task();
      task = nullptr;  // what it holds goes before the lock is taken again
      held.lock();
    }
  }
};

void give_way(int steps) noexcept {
  const auto self = static_cast<id_t>(::syscall(SYS_gettid));
  ::setpriority(PRIO_PROCESS, self, ::getpriority(PRIO_PROCESS, self) + steps);
}

worker_pool::worker_pool(std::size_t most, worker_priority priority) : state_(std::make_unique<state>()) {
  state_->most = most;
  state_->priority = priority;
}
worker_pool::~worker_pool() { stop(); }

bool worker_pool::post(std::function<void()> task) {
  state& s = *state_;
  const std::lock_guard<std::mutex> held(s.lock);
  if (s.stopping) return false;
  s.waiting.push_back(std::move(task));
  if (s.idle < s.waiting.size() && s.threads.size() < s.most) {
    const signal_block quiet;
    s.threads.emplace_back([&s] { s.run(); });
  }
  s.wake.notify_one();
  return true;
}

void worker_pool::stop() noexcept {
  state& s = *state_;
  std::deque<std::function<void()>> dropped;
  {
    const std::lock_guard<std::mutex> held(s.lock);
    s.stopping = true;
    dropped.swap(s.waiting);
  }
  s.wake.notify_all();
  for (std::thread& one : s.threads)
    if (one.joinable()) one.join();
}

}  // namespace fleetprov::mock
