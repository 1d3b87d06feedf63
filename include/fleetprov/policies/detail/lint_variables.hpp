#pragma once

#include <fleetprov/policies/detail/condition_keys.hpp>
#include <fleetprov/policies/detail/lint_view.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace fleetprov::policies::detail {

/// Those of `set` that a device can ask for over HTTPS only, where it has no thing.
inline action_set over_https(action_set set) noexcept {
  action_set out = 0;
  for (const action_facts& row : action_table)
    if ((set & bit(row.what)) != 0 && row.over == reach::http) out |= bit(row.what);
  return out;
}

/// Whether requests over HTTPS lack a key: they have no thing and no client id.
inline bool is_mqtt_key(std::string_view key, const key_facts& facts) noexcept {
  return facts.is_thing || equal_folded(key, "iot:ClientId");
}

/// Says of such a key, or of a variable with one, for which of the `asked` actions it never has a value.
inline void lint_thing_over_https(const text_node& at, const std::string& shown, action_set asked, findings& out) {
  if (const action_set lost = over_https(asked))
    out.add("P067", at, list_actions(lost) + " goes over HTTPS, where " + shown + " is absent",
            "over MQTT a device uses the reserved topics of its shadow and jobs instead");
}

/// What is wrong with a variable wherever it stands, in a statement that names the `asked` actions. Its key, if `p` is a
/// variable that requests can have.
inline std::optional<key_facts> lint_variable(const pattern_piece& p, const text_node& at, action_set asked,
                                              findings& out) {
  if (p.what != pattern_piece::kind::variable || p.problem != variable_problem::none) return std::nullopt;
  const key_facts key = find_key(p.text);
  const std::string shown = show(p.written);
  if (key.type == key_type::unknown) {
    if (starts_folded(p.text, "AWS:") && p.text.find("::") != std::string::npos) return std::nullopt;  // a placeholder
    const bool is_sub = p.text.substr(0, 1) == "!";
    const std::string suggested = is_sub ? p.text.substr(1) : suggest_key(p.text);
    const bool elsewhere = starts_folded(p.text, "cognito-identity.amazonaws.com:") ||
                           starts_folded(p.text, "credentials-iot:") || equal_folded(p.text, "aws:username");
    out.add("P064", at, "requests of a certificate never have " + shown,
            is_sub               ? "`!` belongs to Fn::Sub of a template: write `${" + suggested + "}`"
            : !suggested.empty() ? "did you mean `${" + suggested + "}`?"
            : elsewhere        ? "it works in policies of Cognito identities or IAM roles"
                               : "");
    return std::nullopt;
  }
  if (p.fallback) out.add("P114", at, "the AWS IoT pages do not mention default values: " + shown);
  if (key.is_list)
    out.add("P115", at, shown + " has several values and cannot be a variable",
            "use the form without .List, or .0, .1, ...");
  if (is_mqtt_key(p.text, key)) lint_thing_over_https(at, shown, asked, out);
  return key;
}

}  // namespace fleetprov::policies::detail
