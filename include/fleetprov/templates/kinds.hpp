#pragma once

#include <fleetprov/json/document.hpp>

#include <cstdint>
#include <string_view>

namespace fleetprov::templates {

/// Which grammar a provisioning template follows: fleet provisioning by claim or trusted user,
/// just-in-time provisioning, or bulk registration (StartThingRegistrationTask, HTTP RegisterThing).
enum class template_kind : std::uint8_t { fleet, jitp, bulk };

/// "fleet-template", "jitp-template", "bulk-template".
constexpr std::string_view name_of(template_kind kind) noexcept {
  return kind == template_kind::fleet  ? "fleet-template"
         : kind == template_kind::jitp ? "jitp-template"
                                       : "bulk-template";
}

/// What a document is. `unknown`: none of the others by its content.
enum class document_kind : std::uint8_t {
  unknown,
  policy,
  fleet_template,
  jitp_template,
  bulk_template,
  registration_config,
  hook_request,
  hook_response,
};

/// The words of `fleetprov check --kind`.
constexpr std::string_view name_of(document_kind kind) noexcept {
  switch (kind) {
    case document_kind::unknown: return "unknown";
    case document_kind::policy: return "policy";
    case document_kind::fleet_template: return "fleet-template";
    case document_kind::jitp_template: return "jitp-template";
    case document_kind::bulk_template: return "bulk-template";
    case document_kind::registration_config: return "registration-config";
    case document_kind::hook_request: return "hook-request";
    case document_kind::hook_response: return "hook-response";
  }
  return "unknown";  // GCOVR_EXCL_LINE: every kind is above
}

/// The kind that a word of `--kind` names; `unknown` for any other word.
constexpr document_kind parse_document_kind(std::string_view word) noexcept {
  for (const document_kind kind :
       {document_kind::policy, document_kind::fleet_template, document_kind::jitp_template,
        document_kind::bulk_template, document_kind::registration_config, document_kind::hook_request,
        document_kind::hook_response})
    if (name_of(kind) == word) return kind;
  return document_kind::unknown;
}

constexpr bool is_template(document_kind kind) noexcept {
  return kind == document_kind::fleet_template || kind == document_kind::jitp_template ||
         kind == document_kind::bulk_template;
}

/// The grammar of a template document; `fleet` for the other kinds.
constexpr template_kind template_kind_of(document_kind kind) noexcept {
  return kind == document_kind::jitp_template   ? template_kind::jitp
         : kind == document_kind::bulk_template ? template_kind::bulk
                                                : template_kind::fleet;
}

/// The predefined parameter with the id of the certificate that is being registered.
inline constexpr std::string_view certificate_id_parameter = "AWS::IoT::Certificate::Id";
/// What every predefined parameter starts with.
inline constexpr std::string_view predefined_prefix = "AWS::IoT::Certificate::";

/// Is this a name that just-in-time provisioning takes from the certificate's subject
/// (`AWS::IoT::Certificate::CommonName` and six more)?
constexpr bool is_subject_parameter(std::string_view name) noexcept {
  if (name.substr(0, predefined_prefix.size()) != predefined_prefix) return false;
  name.remove_prefix(predefined_prefix.size());
  for (const std::string_view known : {"Country", "Organization", "OrganizationalUnit", "DistinguishedNameQualifier",
                                       "StateName", "CommonName", "SerialNumber"})
    if (name == known) return true;
  return false;
}

/// Tells a document's kind from its content (`--kind auto`). The input of CreateProvisioningTemplate
/// (`templateBody` beside `templateName`, `enabled`, `provisioningRoleArn`, ...) counts as a fleet or
/// JITP template by its `type`; that of CreateProvisioningTemplateVersion is of no known kind. A
/// template is fleet where it has a section that only those have (Mappings, DeviceConfiguration), else
/// JITP where it uses a value of the certificate's subject, bulk where it gives the certificate as a
/// CSR or PEM or makes nothing but a thing.
document_kind detect_kind(const json::document& source);

}  // namespace fleetprov::templates

#include <fleetprov/templates/detail/detect_kind.hpp>
