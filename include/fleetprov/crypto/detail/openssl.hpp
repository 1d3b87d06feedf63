#pragma once

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <climits>
#include <cstddef>
#include <memory>
#include <string_view>

namespace fleetprov::crypto::detail {

template <auto Free>
struct freed_by {
  template <class T>
  void operator()(T* object) const noexcept {
    Free(object);
  }
};

using key_ptr = std::unique_ptr<EVP_PKEY, freed_by<&EVP_PKEY_free>>;
using x509_ptr = std::unique_ptr<X509, freed_by<&X509_free>>;
using request_ptr = std::unique_ptr<X509_REQ, freed_by<&X509_REQ_free>>;
using bio_ptr = std::unique_ptr<BIO, freed_by<&BIO_free_all>>;
using number_ptr = std::unique_ptr<BIGNUM, freed_by<&BN_free>>;
using names_ptr = std::unique_ptr<GENERAL_NAMES, freed_by<&GENERAL_NAMES_free>>;

struct freed_by_openssl {
  void operator()(void* bytes) const noexcept { OPENSSL_free(bytes); }
};

/// Leaves OpenSSL's per-thread error queue as it was: a caller's TLS code must not trip over ours.
class error_queue_guard {
 public:
  error_queue_guard() noexcept { ERR_set_mark(); }
  ~error_queue_guard() { ERR_pop_to_mark(); }
  error_queue_guard(const error_queue_guard&) = delete;
  error_queue_guard& operator=(const error_queue_guard&) = delete;
};

/// Answers "there is none" where OpenSSL would otherwise ask on the terminal.
inline int no_passphrase(char*, int, int, void*) noexcept { return -1; }

/// A size as OpenSSL takes it; of more than 2 GiB it sees only those.
inline int size_of(std::string_view text) noexcept { return static_cast<int>(std::min<std::size_t>(text.size(), INT_MAX)); }

/// A reader over `text`, which it does not copy; null if out of memory.
inline bio_ptr reading(std::string_view text) noexcept { return bio_ptr(BIO_new_mem_buf(text.data(), size_of(text))); }

inline bio_ptr writing() noexcept { return bio_ptr(BIO_new(BIO_s_mem())); }
/// A writer whose buffer is wiped whenever it grows and when it is freed.
inline bio_ptr writing_secret() noexcept { return bio_ptr(BIO_new(BIO_s_secmem())); }

/// What was written so far; valid until the next write.
inline std::string_view written(const bio_ptr& out) noexcept {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(out.get(), &bytes);
  return {bytes, static_cast<std::size_t>(std::max(size, 0L))};
}

}  // namespace fleetprov::crypto::detail
