#pragma once

#include <fleetprov/core/diagnostic.hpp>
#include <fleetprov/json/document.hpp>
#include <fleetprov/templates/rules.hpp>

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace fleetprov::templates {

/// What the service sends to a pre-provisioning hook. AWS IoT Developer Guide, "Pre-provisioning hooks".
struct hook_request {
  std::string claim_certificate_id;  ///< of the connection
  std::string certificate_id;        ///< the new one
  std::string certificate_pem;       ///< the new one
  std::string template_arn;
  std::string client_id;
  std::map<std::string, std::string> parameters;
};

/// One line of JSON with AWS's member names; `parameters` is an object even when empty. Bytes that
/// are not UTF-8 become U+FFFD.
std::string encode(const hook_request& request);

/// What a hook answered. Only `allow` with boolean `true` provisions.
struct hook_answer {
  bool allow = false;
  std::map<std::string, std::string> overrides;
};

/// Reads a hook's answer. No value means denial as much as `allow == false` does: not JSON, not an
/// object, `allowProvisioning` missing or not a boolean (the string "true" is a denial),
/// `parameterOverrides` neither null nor an object of strings. Overrides of predefined parameters are dropped with
/// a warning.
outcome<hook_answer> decode_hook_response(std::string_view text);

/// The same for a document at hand; also what `check --kind hook-response` reports.
outcome<hook_answer> parse_hook_response(const json::document& source);

/// Findings in a document of `--kind hook-request`.
outcome<hook_request> parse_hook_request(const json::document& source);

}  // namespace fleetprov::templates

#include <fleetprov/templates/detail/hook_json.hpp>
