#pragma once
// The library's document checks in the control plane's words.

#include <mock_broker/world.hpp>

#include <fleetprov/core/diagnostic.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace fleetprov::json {
class document;
}

namespace fleetprov::mock {

struct ca_registration;

/// `message [P014 rule-name] at line 3, column 7`, help included, for the first error in `found`.
std::string describe_first_error(const std::vector<diagnostic>& found, std::string_view text);

/// Parses a policy document. Throws aws_error MalformedPolicyException with the first finding's text;
/// also for more than 2048 characters.
std::shared_ptr<const policies::policy_document> read_policy(std::string_view text);

/// A document that was accepted once; one that no longer parses grants nothing.
std::shared_ptr<const policies::policy_document> read_stored_policy(std::string_view text);

/// Parses and validates a template body for creation. Throws aws_error InvalidRequestException.
std::shared_ptr<const templates::provisioning_template> read_template(std::string_view body, template_type type);
/// The same for HTTP RegisterThing (bulk grammar).
std::shared_ptr<const templates::provisioning_template> read_bulk_template(std::string_view body);
/// Throws aws_error InvalidRequestException where `fleetprov check --kind registration-config` finds an error.
void check_registration_config(const ca_registration& config);
/// A body that was accepted once: null where it no longer parses.
std::shared_ptr<const templates::provisioning_template> read_stored_template(std::string_view body, template_type type);

}  // namespace fleetprov::mock
