#pragma once

#include <fleetprov/core/secret.hpp>
#include <mock_broker/certificate_authority.hpp>
#include <mock_broker/clock.hpp>

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>

namespace fleetprov::mock {

/// What CreateKeysAndCertificate hands out.
struct fresh_credentials {
  secret private_key;  ///< `BEGIN RSA PRIVATE KEY`
  issued_certificate certificate;
};

/// RSA-2048 keys with their certificates, made ahead of need (a key takes about 150 ms of a core), kept as 0600 files so
/// that a restart finds them. Refilled by threads that give way to everything else.
/// The file is gone before its credentials are handed out: none are ever given twice, whatever kills us.
class credential_pool {
 public:
  /// `directory` empty: in memory only. `size` 0: no pool, everything is made on demand. Authority and clock must
  /// outlive the pool.
  credential_pool(std::filesystem::path directory, std::size_t size, const certificate_authority& authority,
                  const clock& time);
  ~credential_pool();
  credential_pool(const credential_pool&) = delete;
  credential_pool& operator=(const credential_pool&) = delete;

  /// What is ready; the certificate is as good as one issued now.
  std::optional<fresh_credentials> take_ready();
  /// Makes some on the calling thread; empty only after stop().
  std::optional<fresh_credentials> make_now();
  std::size_t ready() const;
  /// Aborts key generation everywhere. Idempotent.
  void stop() noexcept;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace fleetprov::mock
