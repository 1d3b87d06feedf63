#pragma once

#include <fleetprov/core/secret.hpp>

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>

namespace fleetprov::mock {

/// RSA-2048 keys made ahead of need (one takes about 150 ms of a core), kept as 0600 files so that a
/// restart finds them. Refilled by threads that give way to everything else.
/// A key's file is gone before the key is handed out: no key is ever given twice, whatever kills us.
class key_pool {
 public:
  /// `directory` empty: in memory only. `size` 0: no pool, every key is made on demand.
  key_pool(std::filesystem::path directory, std::size_t size);
  ~key_pool();
  key_pool(const key_pool&) = delete;
  key_pool& operator=(const key_pool&) = delete;

  /// A key that is ready, as `BEGIN RSA PRIVATE KEY`.
  std::optional<secret> take_ready();
  /// Makes one on the calling thread; empty only after stop().
  std::optional<secret> make_now();
  std::size_t ready() const;
  /// Aborts key generation everywhere. Idempotent.
  void stop() noexcept;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace fleetprov::mock
