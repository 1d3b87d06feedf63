#pragma once

#include <fleetprov/templates/document.hpp>
#include <fleetprov/templates/hook.hpp>
#include <fleetprov/templates/kinds.hpp>
#include <fleetprov/templates/request.hpp>
#include <fleetprov/templates/validate.hpp>

#include <vector>

namespace fleetprov::templates {

/// Every finding in a document of this kind (any but `policy`, which is `policies::lint`'s), sorted:
/// what `fleetprov check` prints. A CreateProvisioningTemplate input is taken for a template kind too.
std::vector<diagnostic> check(const json::document& source, document_kind kind);

/// The template in a document: a template body, or the body inside a CreateProvisioningTemplate input
/// or a registration config. For `resolve`, `test`, `provision --template` and the mock's command line.
outcome<provisioning_template> read_template(const json::document& source, document_kind kind);

}  // namespace fleetprov::templates

#include <fleetprov/templates/detail/check_document.hpp>
