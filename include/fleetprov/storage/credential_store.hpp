#pragma once

#include <fleetprov/core/result.hpp>
#include <fleetprov/core/secret.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

/// Where a device keeps its credentials. A store is any class with the members that
/// `is_credential_store` looks for; `posix_store` keeps files, others may use NVS, PKCS#11 or a TPM.
///
/// The contract, which is what keeps a key from ever being lost:
/// 1. `save_pending` returns only when certificate, key and token would survive a power cut; the
///    earlier pending set, if any, is replaced in one step and its certificate id goes to `superseded`.
/// 2. `confirm` makes the pending set the device's credentials. Interrupted, it is finished when the
///    store is opened again.
/// 3. At each moment there are usable credentials, or a pending set, or nothing was ever registered.
namespace fleetprov::storage {

/// Credentials that were issued and not confirmed yet.
struct pending_credentials {
  std::string certificate_id;
  std::string certificate_pem;
  /// PEM. Empty where the key is elsewhere: `key_uri`, or the key of `prepare_key`, or the user's.
  secret private_key;
  std::string key_uri;   ///< RFC 7512 `pkcs11:...`, or empty
  secret certificate_ownership_token;
  std::int64_t issued_at = 0;  ///< seconds since 1970 on the device's wall clock
  std::string endpoint;
};

/// What is known of stored pending credentials without touching a secret.
struct pending_record {
  std::string certificate_id, endpoint, key_uri;
  std::int64_t issued_at = 0;
  bool has_key = false;  ///< the store holds the private key
};

/// What RegisterThing answered, and what else the device's record says.
struct registration {
  std::optional<std::string> thing_name;
  std::map<std::string, std::string> device_configuration;
  std::string endpoint;
  std::vector<std::string> superseded;  ///< further certificates that may be ACTIVE without a key
};

/// What becomes of a private key that is where the new credentials' key belongs: see `posix_store::confirm`.
enum class present_key : std::uint8_t { replace, set_aside, keep };

/// The device's own record (`device.json` of a posix_store).
struct device_record {
  std::optional<std::string> thing_name;
  std::string certificate_id, endpoint, key_uri;
  std::map<std::string, std::string> device_configuration;
  std::vector<std::string> superseded;
};

template <class Store, class = void>
struct is_credential_store : std::false_type {};
template <class Store>
struct is_credential_store<
    Store, std::void_t<decltype(static_cast<result<void>>(std::declval<Store&>().prepare_key(std::declval<const secret&>()))),
                       decltype(static_cast<result<void>>(std::declval<Store&>().save_pending(std::declval<const pending_credentials&>()))),
                       decltype(static_cast<std::optional<pending_record>>(std::declval<const Store&>().pending())),
                       decltype(static_cast<result<secret>>(std::declval<const Store&>().pending_token())),
                       decltype(static_cast<result<void>>(std::declval<Store&>().confirm(std::declval<const registration&>()))),
                       decltype(static_cast<result<void>>(std::declval<Store&>().discard_pending())),
                       decltype(static_cast<std::optional<device_record>>(std::declval<const Store&>().device()))>>
    : std::true_type {};
template <class Store>
inline constexpr bool is_credential_store_v = is_credential_store<Store>::value;

}  // namespace fleetprov::storage
