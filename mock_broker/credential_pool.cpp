#include <fleetprov/crypto/certificate.hpp>
#include <fleetprov/crypto/private_key.hpp>
#include <mock_broker/credential_pool.hpp>
#include <mock_broker/files.hpp>
#include <mock_broker/random.hpp>
#include <mock_broker/worker_pool.hpp>

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace fleetprov::mock {
namespace {

constexpr std::size_t refill_threads = 2;
using steady = std::chrono::steady_clock;

/// The second after a start or after credentials were taken is for those who wait for them: a pool that nobody has asked
/// yet, or that is at least a quarter full, is refilled when it is over.
constexpr std::chrono::seconds quiet_before_refilling{1};
/// Files whose names are gone and that are still open, before the refilling threads are woken for them, and at most.
constexpr std::size_t many_spent = 32;
constexpr std::size_t most_spent = 128;
/// assumption: AWS dates a certificate back by some minutes; one from the pool may be this much older.
constexpr std::chrono::minutes most_age{10};

/// `file` empty: in memory only (a full disk).
struct pooled {
  fresh_credentials held;
  std::filesystem::path file;
};

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

/// Both PEM texts, as a file of the pool holds them.
secret joined(const fresh_credentials& of) {
  std::string text;
  text.reserve(of.private_key.size() + of.certificate.pem.size());  // never grows: no copy is left behind
  text.append(of.private_key.reveal()).append(of.certificate.pem);
  secret out(text);
  wipe(text.data(), text.size());
  return out;
}

}  // namespace

struct credential_pool::state {
  std::filesystem::path directory;
  std::size_t size = 0;
  const certificate_authority* authority = nullptr;
  const clock* time = nullptr;
  mutable std::mutex lock;
  std::condition_variable wanted;
  std::deque<std::filesystem::path> unread;  ///< found at the start
  std::deque<pooled> made;
  std::size_t being_made = 0;
  std::vector<int> spent;  ///< open files without a name
  steady::time_point last_used = steady::now();
  bool was_asked = false;
  bool was_full = false;  ///< the threads may wait without a limit
  std::atomic<bool> stopping{false};
  std::vector<std::thread> threads;

  void find_files() {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(directory, ignored)) {
      if (entry.path().extension() == ".pem") unread.push_back(entry.path());
      else std::filesystem::remove(entry.path(), ignored);  // half-written by a process that was killed
    }
  }

  fresh_credentials issue(secret key) const {
    issued_certificate certificate = authority->issue_for_key(key, time->now());
    return {std::move(key), std::move(certificate)};
  }

  /// Puts new credentials on disk; where that fails (full disk) they wait in memory.
  pooled store(fresh_credentials fresh) const {
    if (directory.empty()) return {std::move(fresh), {}};
    try {
      std::filesystem::path file = directory / (random_hex<12>() + ".pem");
      write_file(file, joined(fresh).reveal(), file_access::owner_only);
      return {std::move(fresh), std::move(file)};
    } catch (const std::runtime_error&) {
      return {std::move(fresh), {}};
    }
  }

  /// Empty for a file that holds no key or is gone. A certificate of another authority is made anew, and so is one that
  /// is not there.
  std::optional<pooled> read(const std::filesystem::path& file) const {
    auto text = read_secret_file(file);
    if (!text) return std::nullopt;
    const auto key = crypto::private_key::from_pem(*text);
    if (!key) {
      ::unlink(file.c_str());
      return std::nullopt;
    }
    auto pem = key->to_traditional_pem();
    if (!pem) return std::nullopt;
    const auto certificate = crypto::certificate::from_pem(text->reveal());
    if (!certificate || !certificate->matches(*key)) return pooled{issue(std::move(*pem)), file};
    const auto facts = read_certificate(certificate->to_pem());
    if (!facts || !is_signed_by(facts->pem, authority->device_ca_pem())) return pooled{issue(std::move(*pem)), file};
    return pooled{{std::move(*pem), {facts->id, facts->pem, facts->not_before, facts->not_after}}, file};
  }

  bool has_room() const { return made.size() + being_made < size; }
  bool wants_work() const {
    if (steady::now() - last_used >= quiet_before_refilling) return !unread.empty() || has_room();
    return was_asked && unread.empty() && made.size() + being_made < size / 4;
  }

  void refill() {
    // Not SCHED_IDLE: on a busy machine such a thread stops for seconds, also while it holds the allocator's lock.
    give_way(10);
    std::unique_lock<std::mutex> held(lock);
    for (;;) {
      while (!stopping && !wants_work() && spent.size() < many_spent) {
        if (unread.empty() && !has_room()) wanted.wait(held);
        else wanted.wait_until(held, last_used + quiet_before_refilling);
      }
      if (!spent.empty()) {
        const std::vector<int> closing = std::exchange(spent, {});
        held.unlock();
        for (const int file : closing) ::close(file);
        held.lock();
        continue;
      }
      if (stopping) return;
      std::filesystem::path found;
      if (!unread.empty()) {
        found = std::move(unread.front());
        unread.pop_front();
      }
      ++being_made;
      held.unlock();
      std::optional<pooled> one;
      bool cannot = false;
      try {
        if (!found.empty()) one = read(found);
        else if (auto key = generate(stopping)) one = store(issue(std::move(*key)));
      } catch (const std::exception&) {
        cannot = found.empty();  // no key can be made here: who asks for one is told why
      }
      held.lock();
      --being_made;
      if (cannot) return;
      if (one) made.push_back(std::move(*one));
    }
  }

  /// A thread that waits for the quiet second to end looks by itself how long that is now.
  void wake_where_needed() {
    {
      const std::lock_guard<std::mutex> held(lock);
      if (!std::exchange(was_full, false) && !wants_work() && spent.size() < many_spent) return;
    }
    wanted.notify_all();
  }

  /// False where somebody else has removed it. A file system that discards the blocks of a removed file waits for the
  /// disk when its last descriptor is closed: not while a device waits for its answer.
  bool remove(const std::filesystem::path& file) {
    const int open = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    const bool removed = ::unlink(file.c_str()) == 0;
    if (open < 0) return removed;
    const std::lock_guard<std::mutex> held(lock);
    if (spent.size() < most_spent) spent.push_back(open);
    else ::close(open);
    return removed;
  }

  /// The next one that is ready or only has to be read.
  std::optional<pooled> next() {
    std::unique_lock<std::mutex> held(lock);
    was_full = was_full || (unread.empty() && !has_room());
    last_used = steady::now();
    was_asked = true;
    std::optional<pooled> out;
    while (!out && (!made.empty() || !unread.empty())) {
      if (!made.empty()) {
        out = std::move(made.front());
        made.pop_front();
      } else {
        const std::filesystem::path found = std::move(unread.front());
        unread.pop_front();
        held.unlock();
        out = read(found);
        held.lock();
      }
    }
    return out;
  }

  bool is_fresh(const issued_certificate& certificate) const {
    const auto age = certificate_authority::not_before_at(time->now()) - certificate.not_before;
    return age < most_age && -age < most_age;
  }
};

credential_pool::credential_pool(std::filesystem::path directory, std::size_t size,
                                 const certificate_authority& authority, const clock& time)
    : state_(std::make_unique<state>()) {
  state& s = *state_;
  s.directory = std::move(directory);
  s.size = size;
  s.authority = &authority;
  s.time = &time;
  if (size == 0) return;
  if (!s.directory.empty()) {
    make_private_directory(s.directory);
    s.find_files();
  }
  const signal_block quiet;
  for (std::size_t i = 0; i < refill_threads; ++i) s.threads.emplace_back([&s] { s.refill(); });
}

credential_pool::~credential_pool() { stop(); }

void credential_pool::stop() noexcept {
  state& s = *state_;
  {
    const std::lock_guard<std::mutex> held(s.lock);
    s.stopping = true;
  }
  s.wanted.notify_all();
  for (std::thread& one : s.threads)
    if (one.joinable()) one.join();
  for (const int file : std::exchange(s.spent, {})) ::close(file);
}

std::optional<fresh_credentials> credential_pool::take_ready() {
  state& s = *state_;
  while (auto next = s.next()) {
    // Whoever removes the file owns the key: another process on the same folder gets another one.
    const bool owned = next->file.empty() || s.remove(next->file);
    s.wake_where_needed();
    if (!owned) continue;
    if (!s.is_fresh(next->held.certificate)) return s.issue(std::move(next->held.private_key));
    return std::move(next->held);
  }
  s.wake_where_needed();  // nothing was there: the first who asks does not wait for the quiet second
  return std::nullopt;
}

std::optional<fresh_credentials> credential_pool::make_now() {
  auto key = generate(state_->stopping);
  if (!key) return std::nullopt;
  return state_->issue(std::move(*key));
}

std::size_t credential_pool::ready() const {
  const std::lock_guard<std::mutex> held(state_->lock);
  return state_->made.size() + state_->unread.size();
}

}  // namespace fleetprov::mock
