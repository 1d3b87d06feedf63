#include <fleetprov/crypto/private_key.hpp>
#include <mock_broker/files.hpp>
#include <mock_broker/key_pool.hpp>
#include <mock_broker/worker_pool.hpp>

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

namespace fleetprov::mock {
namespace {

constexpr std::size_t refill_threads = 2;
using ready_key = std::variant<std::filesystem::path, secret>;

int keep_going(EVP_PKEY_CTX* context) {
  const auto* stopping = static_cast<const std::atomic<bool>*>(EVP_PKEY_CTX_get_app_data(context));
  return stopping->load(std::memory_order_relaxed) ? 0 : 1;
}

struct free_context {
  void operator()(EVP_PKEY_CTX* context) const noexcept { EVP_PKEY_CTX_free(context); }
};

/// Empty when `stopping` became true meanwhile. Throws std::runtime_error where OpenSSL cannot.
std::optional<secret> generate(std::atomic<bool>& stopping) {
  const crypto::detail::error_queue_guard quiet;
  const std::unique_ptr<EVP_PKEY_CTX, free_context> context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  if (!context || EVP_PKEY_keygen_init(context.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_keygen_bits(context.get(), 2048) != 1)
    throw std::runtime_error("OpenSSL cannot make RSA keys");
  EVP_PKEY_CTX_set_app_data(context.get(), &stopping);
  EVP_PKEY_CTX_set_cb(context.get(), &keep_going);
  EVP_PKEY* raw = nullptr;
  if (EVP_PKEY_generate(context.get(), &raw) != 1) {
    if (stopping.load()) return std::nullopt;
    throw std::runtime_error("OpenSSL cannot make an RSA key");
  }
  const auto key = crypto::private_key::adopt(raw);
  auto pem = key.to_traditional_pem();
  if (!pem) throw std::runtime_error("OpenSSL cannot write an RSA key");
  return std::move(*pem);
}

std::string random_name() {
  std::array<unsigned char, 12> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) throw std::runtime_error("no random numbers");
  std::string out;
  for (const unsigned char b : bytes) {
    out += "0123456789abcdef"[b >> 4U];
    out += "0123456789abcdef"[b & 15U];
  }
  return out + ".pem";
}

}  // namespace

struct key_pool::state {
  std::filesystem::path directory;
  std::size_t size = 0;
  mutable std::mutex lock;
  std::condition_variable wanted;
  std::deque<ready_key> keys;
  std::size_t being_made = 0;
  std::atomic<bool> stopping{false};
  std::vector<std::thread> threads;

  void find_keys() {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(directory, ignored)) {
      if (entry.path().extension() == ".pem") keys.emplace_back(entry.path());
      else std::filesystem::remove(entry.path(), ignored);  // half-written by a process that was killed
    }
  }

  /// Puts a new key on disk; where that fails (full disk) it waits in memory.
  ready_key store(secret key) const {
    if (directory.empty()) return key;
    try {
      std::filesystem::path file = directory / random_name();
      write_file(file, key.reveal(), file_access::owner_only);
      return file;
    } catch (const std::runtime_error&) {
      return key;
    }
  }

  void refill() {
    // Not SCHED_IDLE: on a busy machine such a thread stops for seconds, also while it holds the allocator's lock.
    give_way(10);
    std::unique_lock<std::mutex> held(lock);
    for (;;) {
      wanted.wait(held, [&] { return stopping || keys.size() + being_made < size; });
      if (stopping) return;
      ++being_made;
      held.unlock();
      std::optional<ready_key> made;
      try {
        if (auto key = generate(stopping)) made = store(std::move(*key));
      } catch (const std::exception&) {
        stopping = true;  // no key can be made here: creates will say so
      }
      held.lock();
      --being_made;
      if (made) keys.push_back(std::move(*made));
    }
  }
};

key_pool::key_pool(std::filesystem::path directory, std::size_t size) : state_(std::make_unique<state>()) {
  state& s = *state_;
  s.directory = std::move(directory);
  s.size = size;
  if (size == 0) return;
  if (!s.directory.empty()) {
    make_private_directory(s.directory);
    s.find_keys();
  }
  const signal_block quiet;
  for (std::size_t i = 0; i < refill_threads; ++i) s.threads.emplace_back([&s] { s.refill(); });
}

key_pool::~key_pool() { stop(); }

void key_pool::stop() noexcept {
  state& s = *state_;
  {
    const std::lock_guard<std::mutex> held(s.lock);
    s.stopping = true;
  }
  s.wanted.notify_all();
  for (std::thread& one : s.threads)
    if (one.joinable()) one.join();
}

std::optional<secret> key_pool::take_ready() {
  state& s = *state_;
  for (;;) {
    std::optional<ready_key> next;
    {
      const std::lock_guard<std::mutex> held(s.lock);
      if (s.keys.empty()) return std::nullopt;
      next = std::move(s.keys.front());
      s.keys.pop_front();
    }
    s.wanted.notify_one();
    if (secret* held = std::get_if<secret>(&*next)) return std::move(*held);
    const auto& file = std::get<std::filesystem::path>(*next);
    auto key = read_secret_file(file);
    // Whoever removes the file owns the key: another process on the same folder gets another one.
    if (::unlink(file.c_str()) != 0 || !key) continue;
    if (crypto::private_key::from_pem(*key)) return key;
  }
}

std::optional<secret> key_pool::make_now() { return generate(state_->stopping); }

std::size_t key_pool::ready() const {
  const std::lock_guard<std::mutex> held(state_->lock);
  return state_->keys.size();
}

}  // namespace fleetprov::mock
