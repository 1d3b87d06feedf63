#pragma once

#include <fleetprov/adapters/link.hpp>
#include <fleetprov/crypto/token_key.hpp>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <utility>

/// TLS with a private key that never leaves its PKCS#11 token, for `link_options::tls_context` of a `mosquitto_link`.
/// Needs libssl.
namespace fleetprov::adapters {

namespace detail {
std::shared_ptr<void> make_token_tls_context(const link_options& how);
}

/// The `SSL_CTX` of a connection whose `key_file` is a `pkcs11:...` URI: the server's certificate and name are verified,
/// ALPN is sent on port 443. Null where the token, its key or a file cannot be used, or the key is not the
/// certificate's.
inline std::shared_ptr<void> token_tls_context(const link_options& how) {
  ERR_set_mark();
  auto made = detail::make_token_tls_context(how);
  ERR_pop_to_mark();
  return made;
}

inline std::shared_ptr<void> detail::make_token_tls_context(const link_options& how) {
  auto opened = crypto::token::open();
  if (!opened) return nullptr;
  const auto token = std::make_shared<crypto::token>(std::move(*opened));
  const auto key = token->load(how.key_file);
  // The key goes with the context, and the token must outlive the key.
  const std::shared_ptr<SSL_CTX> made(SSL_CTX_new(TLS_client_method()), [token](SSL_CTX* context) { SSL_CTX_free(context); });
  SSL_CTX* context = made.get();
  if (!key || context == nullptr) return nullptr;
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  X509_VERIFY_PARAM* expected = SSL_CTX_get0_param(context);
  const bool named = X509_VERIFY_PARAM_set1_ip_asc(expected, how.host.c_str()) == 1 ||
                     X509_VERIFY_PARAM_set1_host(expected, how.host.c_str(), how.host.size()) == 1;
  if (!named || SSL_CTX_load_verify_locations(context, how.ca_file.c_str(), nullptr) != 1 ||
      SSL_CTX_use_certificate_chain_file(context, how.certificate_file.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey(context, key->native()) != 1)
    return nullptr;
  if (const std::string alpn = how.alpn(); !alpn.empty()) {
    const std::string list = static_cast<char>(alpn.size()) + alpn;
    // Unlike its relatives, this function answers 0 for success.
    if (SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>(list.data()), static_cast<unsigned>(list.size())) != 0)
      return nullptr;
  }
  return made;
}

}  // namespace fleetprov::adapters
