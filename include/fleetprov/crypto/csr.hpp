#pragma once

#include <fleetprov/core/result.hpp>
#include <fleetprov/crypto/detail/openssl.hpp>
#include <fleetprov/crypto/private_key.hpp>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include <string>
#include <string_view>

namespace fleetprov::crypto {

/// The subject of a signing request; empty members are left out.
struct subject {
  std::string common_name;
  std::string organization;
  std::string organizational_unit;
  std::string country;        ///< two letters
  std::string serial_number;  ///< the subject attribute, not the certificate's number
};

/// A PKCS#10 request, PEM, signed with SHA-256 (SHA-384 for P-384). At most 4096 characters go to AWS
/// (`topics::limits::max_csr_characters`). Errors: `encoding` (the subject is not UTF-8 or a part has
/// a bad length), `crypto`.
result<std::string> make_csr_pem(const private_key& key, const subject& name);

namespace detail {

inline bool add_name_part(X509_NAME* to, const char* field, std::string_view text) noexcept {
  if (text.empty()) return true;
  return X509_NAME_add_entry_by_txt(to, field, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(text.data()),
                                    size_of(text), -1, 0) == 1;
}

/// The digest that fits the key: the one it insists on, null for keys that bring their own (Ed25519), SHA-384 for P-384.
inline const EVP_MD* digest_for(EVP_PKEY* key) noexcept {
  constexpr int insists = 2;
  char name[80] = {};  // the nid variant knows nothing of keys that live in a provider
  if (EVP_PKEY_get_default_digest_name(key, name, sizeof name) == insists) return EVP_get_digestbyname(name);
  return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC && EVP_PKEY_get_bits(key) > 256 ? EVP_sha384() : EVP_sha256();
}

}  // namespace detail

inline result<std::string> make_csr_pem(const private_key& key, const subject& name) {
  const detail::error_queue_guard quiet;
  const detail::request_ptr request(X509_REQ_new());
  if (!request || X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1) return errc::crypto;
  X509_NAME* to = X509_REQ_get_subject_name(request.get());
  if (!detail::add_name_part(to, "C", name.country) || !detail::add_name_part(to, "O", name.organization) ||
      !detail::add_name_part(to, "OU", name.organizational_unit) ||
      !detail::add_name_part(to, "serialNumber", name.serial_number) || !detail::add_name_part(to, "CN", name.common_name))
    return errc::encoding;
  if (X509_REQ_set_pubkey(request.get(), key.native()) != 1 ||
      X509_REQ_sign(request.get(), key.native(), detail::digest_for(key.native())) <= 0)
    return errc::crypto;
  const detail::bio_ptr out = detail::writing();
  if (!out || PEM_write_bio_X509_REQ(out.get(), request.get()) != 1) return errc::crypto;
  return std::string(detail::written(out));
}

}  // namespace fleetprov::crypto
