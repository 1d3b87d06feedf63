#pragma once

#include <fleetprov/policies/actions.hpp>
#include <fleetprov/policies/document.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fleetprov::policies {

/// A document under the name people know it by; the document outlives the call.
struct named_document {
  std::string name;
  const policy_document* document = nullptr;
};

enum class decision : std::uint8_t { implicit_deny, allowed, explicit_deny };

/// As AWS's TestAuthorization spells it.
constexpr std::string_view name_of(decision d) noexcept {
  return d == decision::allowed ? "ALLOWED" : d == decision::explicit_deny ? "EXPLICIT_DENY" : "IMPLICIT_DENY";
}

struct request {
  std::string action;    ///< "iot:Subscribe", case-insensitive
  std::string resource;  ///< full ARN, or `*` for actions without resource
  context values;
};

/// How far a statement got. Only `matched` statements count.
enum class statement_result : std::uint8_t { matched, action, resource, condition, unresolved_variable };

constexpr std::string_view name_of(statement_result r) noexcept {
  switch (r) {
    case statement_result::matched: return "matched";
    case statement_result::action: return "action";
    case statement_result::resource: return "resource";
    case statement_result::condition: return "condition";
    case statement_result::unresolved_variable: return "unresolved-variable";
  }
  return "";
}

struct statement_trace {
  std::string policy;     ///< name of the document
  std::string statement;  ///< JSON pointer
  effect what = effect::allow;
  statement_result result = statement_result::action;
  std::string detail;  ///< what failed, in words; empty when matched
};

struct verdict {
  decision answer = decision::implicit_deny;
  std::vector<statement_trace> statements;   ///< every statement of every document, in order
  std::vector<std::string> missing_context;  ///< keys that were asked for and absent
};

/// Whether `iot:DescribeJobExecution` and its like are taken for the `iotjobsdata:` actions.
// assumption: current pages say iotjobsdata, older ones iot; exact by default.
enum class job_action_names : std::uint8_t { exact, interchangeable };

/// Decides as AWS IoT Core does: default deny, any matching Allow grants, any matching Deny wins (AWS IoT Core
/// policies; IAM policy evaluation). The documents are the default versions on the certificate and, where a
/// thing is resolved, on its groups.
verdict evaluate(const std::vector<named_document>& documents, const request& asked,
                 job_action_names names = job_action_names::exact);

}  // namespace fleetprov::policies

#include <fleetprov/policies/detail/evaluator.hpp>
