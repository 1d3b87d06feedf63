#pragma once
// Keys and certificates through OpenSSL 3's EVP interface. The only headers of the toolkit that read
// randomness, and that include OpenSSL; in no umbrella.

#include <fleetprov/core/result.hpp>
#include <fleetprov/core/secret.hpp>
#include <fleetprov/crypto/detail/openssl.hpp>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <cstdint>
#include <string_view>
#include <utility>

namespace fleetprov::crypto {

/// The keys that `generate` makes. AWS IoT signs requests for these (AWS IoT API Reference, CreateCertificateFromCsr: RSA of at
/// least 2048 bits, NIST P-256, P-384, P-521) and makes RSA keys of 2048 bits itself (CreateKeysAndCertificate).
enum class key_type : std::uint8_t { rsa_2048, ec_p256, ec_p384 };

constexpr std::string_view name_of(key_type kind) noexcept {
  return kind == key_type::rsa_2048 ? "rsa-2048" : kind == key_type::ec_p256 ? "ec-p256" : "ec-p384";
}

/// A private key. Move-only; OpenSSL wipes it when it is destroyed.
class private_key {
 public:
  /// A new key. Takes tens of milliseconds to seconds for RSA. Errors: `crypto`.
  static result<private_key> generate(key_type kind);

  /// Reads an unencrypted PEM key: PKCS#8, `RSA PRIVATE KEY` or `EC PRIVATE KEY`. An encrypted one
  /// fails; nothing asks for a passphrase. Errors: `encoding`, `too_large` (above 64 KiB).
  static result<private_key> from_pem(const secret& pem);

  /// Takes one reference to `key`, for keys that an engine or provider holds.
  static private_key adopt(EVP_PKEY* key) noexcept { return private_key(detail::key_ptr(key)); }

  /// `BEGIN PRIVATE KEY` (PKCS#8, unencrypted). Errors: `crypto`.
  result<secret> to_pem() const;
  /// `BEGIN RSA PRIVATE KEY` or `BEGIN EC PRIVATE KEY`, as AWS sends it. Errors: `crypto`.
  result<secret> to_traditional_pem() const;

  /// OpenSSL's object; it stays this object's.
  EVP_PKEY* native() const noexcept { return key_.get(); }

 private:
  explicit private_key(detail::key_ptr key) noexcept : key_(std::move(key)) {}
  detail::key_ptr key_;
};

inline result<private_key> private_key::generate(key_type kind) {
  const detail::error_queue_guard quiet;
  EVP_PKEY* made = kind == key_type::rsa_2048 ? EVP_RSA_gen(2048U)
                   : kind == key_type::ec_p256 ? EVP_EC_gen("P-256")
                                               : EVP_EC_gen("P-384");
  if (made == nullptr) return errc::crypto;
  return private_key(detail::key_ptr(made));
}

inline result<private_key> private_key::from_pem(const secret& pem) {
  const detail::error_queue_guard quiet;
  if (pem.size() > 65536) return errc::too_large;
  const detail::bio_ptr in = detail::reading(pem.reveal());
  if (!in) return errc::crypto;
  EVP_PKEY* read = PEM_read_bio_PrivateKey(in.get(), nullptr, &detail::no_passphrase, nullptr);
  if (read == nullptr) return errc::encoding;
  return private_key(detail::key_ptr(read));
}

inline result<secret> private_key::to_pem() const {
  const detail::error_queue_guard quiet;
  const detail::bio_ptr out = detail::writing_secret();
  if (!out || PEM_write_bio_PKCS8PrivateKey(out.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return errc::crypto;
  return secret(detail::written(out));
}

inline result<secret> private_key::to_traditional_pem() const {
  const detail::error_queue_guard quiet;
  const detail::bio_ptr out = detail::writing_secret();
  if (!out || PEM_write_bio_PrivateKey_traditional(out.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return errc::crypto;
  return secret(detail::written(out));
}

}  // namespace fleetprov::crypto
