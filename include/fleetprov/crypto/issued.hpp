#pragma once

#include <fleetprov/core/result.hpp>
#include <fleetprov/core/secret.hpp>
#include <fleetprov/crypto/certificate.hpp>
#include <fleetprov/crypto/detail/openssl.hpp>
#include <fleetprov/crypto/private_key.hpp>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include <string>

namespace fleetprov::crypto {

/// Whether a service issued something of use: the first certificate of `certificate_pem` (a chain may follow) must be that of
/// `signing_request`'s key or, where that is null, of `key_pem`. So the key of a request may be anywhere, in a token too.
/// Errors: `encoding` (the certificate, the key or the request cannot be read), `crypto` (the certificate is another key's).
inline result<void> check_issued(const std::string& certificate_pem, const secret& key_pem,
                                 const std::string* signing_request) {
  const detail::error_queue_guard quiet;
  const auto issued = certificate::from_pem(certificate_pem);
  if (!issued) return errc::encoding;
  if (signing_request == nullptr) {
    const auto key = private_key::from_pem(key_pem);
    if (!key) return errc::encoding;
    if (!issued->matches(*key)) return errc::crypto;
    return {};
  }
  const detail::bio_ptr in = detail::reading(*signing_request);
  const detail::request_ptr request(
      in ? PEM_read_bio_X509_REQ(in.get(), nullptr, &detail::no_passphrase, nullptr) : nullptr);
  if (!request) return errc::encoding;
  if (X509_check_private_key(issued->native(), X509_REQ_get0_pubkey(request.get())) != 1) return errc::crypto;
  return {};
}

}  // namespace fleetprov::crypto
