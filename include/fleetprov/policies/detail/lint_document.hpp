#pragma once

#include <fleetprov/policies/detail/lint_actions.hpp>
#include <fleetprov/policies/detail/lint_conditions.hpp>
#include <fleetprov/policies/detail/lint_resources.hpp>
#include <fleetprov/policies/detail/lint_sets.hpp>
#include <fleetprov/policies/lint.hpp>
#include <fleetprov/topics/limits.hpp>

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace fleetprov::policies::detail {

inline void lint_sids(const policy_document& policy, findings& out) {
  std::unordered_set<std::string_view> seen;
  for (const statement& s : policy.statements) {
    if (!s.sid) continue;
    const std::string& sid = s.sid->text;
    if (sid.empty()) {
      out.add("P092", *s.sid, "an empty Sid", "remove it or name the statement");
      continue;
    }
    for (const char c : sid)
      if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))) {
        out.add("P090", *s.sid, show(sid) + " has other characters than A-Z, a-z and 0-9");
        break;
      }
    if (!seen.insert(sid).second) out.add("P091", *s.sid, show(sid) + " is the Sid of an earlier statement too");
  }
}

inline void lint_size(const policy_document& policy, findings& out) {
  constexpr std::size_t most = topics::limits::max_policy_characters;
  if (policy.characters > most || policy.characters * 100 <= most * 95) return;
  out.add("P074", policy.pointer, opening(policy.where),
          std::to_string(policy.characters) + " of " + std::to_string(most) + " characters are used",
          "split the policy: ten can be attached to one certificate");
}

}  // namespace fleetprov::policies::detail

namespace fleetprov::policies {

inline std::vector<diagnostic> lint(const policy_document& policy, const json::document* /*source*/) {
  detail::document_view view(policy);
  detail::findings out;
  work_budget budget;
  detail::lint_sids(policy, out);
  detail::lint_size(policy, out);
  detail::lint_actions(view, out, budget);
  detail::lint_conditions(view, out);
  detail::lint_resources(view, out);
  detail::lint_sets(view, out, budget);
  return out.take();
}

}  // namespace fleetprov::policies
