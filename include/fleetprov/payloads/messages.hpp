#pragma once

#include <fleetprov/core/secret.hpp>

#include <map>
#include <optional>
#include <string>
#include <variant>

/// The messages of the device provisioning MQTT API as plain values. AWS IoT Developer Guide,
/// "Device provisioning MQTT API". Member names on the wire: codec.hpp.
namespace fleetprov::payloads {

/// Carries nothing: AWS documents an empty payload.
struct create_keys_and_certificate_request {};

struct create_certificate_from_csr_request {
  std::string certificate_signing_request;  ///< PEM, PKCS#10
};

using certificate_request = std::variant<create_keys_and_certificate_request, create_certificate_from_csr_request>;

/// The accepted reply of both create operations.
struct certificate_response {
  std::string certificate_id;          ///< 64 lower-case hex digits
  std::string certificate_pem;
  std::optional<secret> private_key;   ///< PEM; only where AWS made the key, and only this once
  secret certificate_ownership_token;  ///< good for one hour
};

struct register_thing_request {
  secret certificate_ownership_token;
  std::map<std::string, std::string> parameters;
};

/// AWS leaves out the thing name when the template makes no thing, and the configuration when the
/// template has none (an empty map here).
struct register_thing_response {
  std::optional<std::string> thing_name;
  std::map<std::string, std::string> device_configuration;
};

/// The rejected reply of all three operations. AWS's own SDK takes each member as optional.
struct error_response {
  std::optional<int> status_code;  ///< HTTP-like; the only member a program decides on
  std::optional<std::string> error_code, error_message;
};

}  // namespace fleetprov::payloads
