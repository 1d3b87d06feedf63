#pragma once
// The one file that uses OpenSSL's ENGINE interface, which OpenSSL 3 deprecates: Debian 12 has no PKCS#11 provider,
// only the engine (package libengine-pkcs11-openssl).

#include <fleetprov/core/result.hpp>
#include <fleetprov/crypto/detail/openssl.hpp>
#include <fleetprov/crypto/private_key.hpp>

#include <openssl/err.h>
#include <openssl/ui.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#include <openssl/engine.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace fleetprov::crypto {

/// Whether `uri` may be used: RFC 7512, `pkcs11:` and a path that names the key. Not with `pin-value`: command lines and
/// records are no place for a PIN, `pin-source=file:/...` names the file that holds it. Errors: `encoding`.
inline result<void> validate_token_uri(std::string_view uri) noexcept {
  constexpr std::string_view scheme = "pkcs11:";
  if (uri.substr(0, scheme.size()) != scheme || uri.size() > 2048) return errc::encoding;
  for (const char c : uri)
    if (c <= ' ' || c > '~') return errc::encoding;
  if (uri.find("pin-value=") != std::string_view::npos) return errc::encoding;
  const std::string_view path = uri.substr(scheme.size(), uri.find('?') - scheme.size());
  if (path.find("object=") == std::string_view::npos && path.find("id=") == std::string_view::npos) return errc::encoding;
  return {};
}

/// Keys in a PKCS#11 token (HSM, TPM, SoftHSM), which never leave it. The module is the one of the environment variable
/// PKCS11_MODULE_PATH, else p11-kit's. Must outlive its keys.
class token {
 public:
  /// Errors: `unsupported` (OpenSSL has no such engine, or the engine no module).
  static result<token> open() {
    const detail::error_queue_guard quiet;
    ENGINE_load_dynamic();
    std::unique_ptr<ENGINE, structure> found(ENGINE_by_id("pkcs11"));
    if (!found || ENGINE_init(found.get()) != 1) return errc::unsupported;
    token out(found.get());  // ENGINE_init took a reference of its own
    ENGINE_ctrl_cmd_string(found.get(), "QUIET", nullptr, 1);  // it would write on standard error
    return result<token>(std::move(out));
  }

  /// A handle on the private key at `uri`. Nothing asks for a PIN. Errors: `encoding` (see `validate_token_uri`),
  /// `not_found` (no such token, key or module, or a wrong PIN: `why` gets OpenSSL's words).
  result<private_key> load(const std::string& uri, std::string* why = nullptr) const {
    if (const auto good = validate_token_uri(uri); !good) return good.error();
    const detail::error_queue_guard quiet;
    EVP_PKEY* key = ENGINE_load_private_key(engine_.get(), uri.c_str(), const_cast<UI_METHOD*>(UI_null()), nullptr);
    if (key != nullptr) return private_key::adopt(key);
    if (why != nullptr) {
      const char* words = ERR_reason_error_string(ERR_peek_error());
      *why = words != nullptr ? words : "the engine does not say why";
    }
    return errc::not_found;
  }

 private:
  struct structure {
    void operator()(ENGINE* engine) const noexcept { ENGINE_free(engine); }
  };
  struct functional {
    void operator()(ENGINE* engine) const noexcept { ENGINE_finish(engine); }
  };
  explicit token(ENGINE* engine) noexcept : engine_(engine) {}
  std::unique_ptr<ENGINE, functional> engine_;
};

}  // namespace fleetprov::crypto

#pragma GCC diagnostic pop
