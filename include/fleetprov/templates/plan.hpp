#pragma once

#include <fleetprov/templates/document.hpp>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fleetprov::templates {

/// assumption: AWS documents no defaults of the override settings (docs/fidelity.md): AttributePayload MERGE,
/// ThingTypeName REPLACE, ThingGroups DO_NOTHING, Status REPLACE.
struct thing_plan {
  std::string name;
  std::optional<std::string> type;
  std::map<std::string, std::string> attributes;
  std::vector<std::string> groups;
  std::optional<std::string> billing_group;
  override_setting override_attributes = override_setting::merge;
  override_setting override_type = override_setting::replace;
  override_setting override_groups = override_setting::do_nothing;
};

struct certificate_plan {
  std::string status = "ACTIVE";  ///< "ACTIVE" or "INACTIVE", whatever case the template has
  std::string principal_type = "NON_EXCLUSIVE_THING";  ///< or "EXCLUSIVE_THING"
  override_setting override_status = override_setting::replace;
  std::optional<std::string> id;                        ///< CertificateId
  std::optional<std::string> csr;                       ///< bulk: CertificateSigningRequest
  std::optional<std::string> pem, ca_pem;               ///< bulk: CertificatePem, CACertificatePem
};

struct plan_policy {
  std::string name;                     ///< for an inline document: `default_policy_name`
  std::optional<std::string> document;  ///< inline document as text
};

/// What RegisterThing would do; nothing is done here.
struct plan {
  std::optional<thing_plan> thing;
  std::optional<certificate_plan> certificate;
  std::vector<plan_policy> policies;
  std::map<std::string, std::string> device_configuration;
};

/// The name that an inline policy document gets: 40 upper-case hex digits.
/// assumption: SHA-1 of the document text as stored; only the shape of the name is known (docs/fidelity.md).
std::string default_policy_name(std::string_view document);

/// The JSON of `fleetprov resolve`, one line. Absent parts are null.
std::string to_json(const plan& what);

}  // namespace fleetprov::templates

#include <fleetprov/templates/detail/plan_json.hpp>
