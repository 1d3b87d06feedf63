#pragma once

#include <fleetprov/templates/document.hpp>

#include <optional>
#include <string>
#include <vector>

namespace fleetprov::templates {

/// RegisterCACertificate's `registrationConfig`: a template body and its role, or a template's name.
struct registration_config {
  std::optional<std::string> template_name;
  std::optional<std::string> role_arn;
  std::optional<std::string> template_body;       ///< as text
  std::optional<provisioning_template> body;      ///< parsed with the JITP grammar
};

/// Reads `{templateBody, roleArn}` or `{templateName}`. Findings inside the body have the pointer
/// `/templateBody`, the place inside the escaped text, and the inner pointer in their message.
outcome<registration_config> parse_registration_config(const json::document& source);

/// The input of CreateProvisioningTemplate as far as a checker needs it.
struct creation_request {
  template_kind kind = template_kind::fleet;  ///< of `type`; FLEET_PROVISIONING where it is not sent
  std::optional<std::string> template_name, description, provisioning_role_arn, hook_target_arn;
  bool enabled = false;  ///< AWS's default is false
  bool has_hook = false;
  std::optional<std::string> template_body;
  std::optional<provisioning_template> body;
};

/// Is this document a CreateProvisioningTemplate input rather than a template body?
bool is_creation_request(const json::document& source) noexcept;

/// Reads it; findings inside the body as in `parse_registration_config`. A disabled template and a
/// missing hook are warnings.
outcome<creation_request> parse_creation_request(const json::document& source);

}  // namespace fleetprov::templates

#include <fleetprov/templates/detail/request_json.hpp>
