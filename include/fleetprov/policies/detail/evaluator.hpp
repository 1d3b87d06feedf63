#pragma once

#include <fleetprov/policies/evaluate.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fleetprov::policies {

namespace detail {

inline bool action_listed(const statement& s, std::string_view folded_action) noexcept {
  return std::any_of(s.actions.begin(), s.actions.end(),
                     [&](const action_node& a) { return glob_match(a.folded, folded_action); });
}

/// The names under which a request's action is looked for, lower case.
inline std::vector<std::string> names_of(std::string_view action, job_action_names names) {
  std::vector<std::string> out{folded(action)};
  if (names == job_action_names::exact) return out;
  if (const action_facts* row = find_action(action, spelling::any); row != nullptr && !row->old_name.empty())
    out = {folded(row->name), folded(row->old_name)};
  return out;
}

inline bool action_matches(const statement& s, const std::vector<std::string>& folded_names) noexcept {
  const bool listed = std::any_of(folded_names.begin(), folded_names.end(),
                                  [&](const std::string& name) { return action_listed(s, name); });
  return !s.actions.empty() && listed == (s.action_mode == list_mode::any_of);  // as with an empty list of resources
}

/// What the resource list of one statement says to a resource.
struct resource_answer {
  statement_result result = statement_result::resource;  ///< matched, resource or unresolved_variable
  std::vector<std::string> missing;                      ///< variables without value
  std::vector<std::string> kept_literal;                 ///< variables with a value AWS does not substitute
  std::string matched_by;                                ///< the entry that matched, as written
};

/// "If the variable cannot be resolved, the entry matches no resource" (IAM): it is dropped, the others count.
inline resource_answer match_resource(const statement& s, std::string_view resource, const context& values) {
  resource_answer out;
  bool listed = false, might_match = false;
  for (const resource_node& r : s.resources) {
    resolved_pattern filled = resolve(r.pattern, values);
    out.missing.insert(out.missing.end(), filled.missing.begin(), filled.missing.end());
    if (!filled.is_usable()) {
      might_match = might_match || widen(r.pattern).matches(resource);
      continue;
    }
    if (filled.tokens.matches(resource)) {
      listed = true;
      out.matched_by = r.text;
      break;
    }
    if (!filled.kept_literal.empty() && widen(r.pattern).matches(resource))
      out.kept_literal.insert(out.kept_literal.end(), filled.kept_literal.begin(), filled.kept_literal.end());
  }
  // An empty list has no effect in either form (IAM policy validation, empty array resource).
  const bool applies = !s.resources.empty() && listed == (s.resource_mode == list_mode::any_of);
  if (applies) out.result = statement_result::matched;
  else if (s.resource_mode == list_mode::any_of && might_match) out.result = statement_result::unresolved_variable;
  return out;
}

inline std::string listed(const std::vector<std::string>& all, std::string_view empty = "nothing") {
  if (all.empty()) return std::string(empty);
  constexpr std::size_t most = 4;
  std::string out;
  for (std::size_t i = 0; i < all.size() && i < most; ++i) {
    if (i != 0) out += i + 1 == all.size() ? " or " : ", ";
    out += in_ticks(all[i]);
  }
  if (all.size() > most) out += ", ... (" + std::to_string(all.size()) + " in all)";
  return out;
}

inline std::string describe_actions(const statement& s) {
  std::vector<std::string> all;
  for (const action_node& a : s.actions) all.push_back(a.text);
  return (s.action_mode == list_mode::any_of ? "the statement is about " : "the statement is about every action but ") + listed(all);
}

/// The last field of an ARN, or all of a text that is none.
inline std::string_view resource_part(std::string_view arn) noexcept {
  std::size_t from = 0;
  for (int i = 0; i < 5; ++i) {
    const std::size_t colon = arn.find(':', from);
    if (colon == std::string_view::npos) return arn;
    from = colon + 1;
  }
  return arn.substr(from);
}

inline std::string_view type_part(std::string_view arn) noexcept {
  const std::string_view tail = resource_part(arn);
  return tail.substr(0, tail.find('/'));
}

inline std::string describe_resources(const statement& s, const request& asked) {
  std::vector<std::string> all;
  for (const resource_node& r : s.resources) all.push_back(r.text);
  if (s.resource_mode == list_mode::none_of)
    return "the resource " + in_ticks(asked.resource) + " is excluded by NotResource " + listed(all);
  return "the resource " + in_ticks(asked.resource) + " is not matched: the statement names " + listed(all);
}

inline std::string describe_unresolved(const resource_answer& got) {
  return "no value for " + listed(got.missing) + ": an entry whose variable has no value matches nothing";
}

/// What a failed Null asks for; empty if no request would do.
inline std::string describe_null(const condition& test, const condition_answer& got) {
  const filled_condition filled(test, {});
  const std::string any;
  const bool absent = got.asked.empty();
  if (!filled.holds(absent ? context_values{true, &any, 1} : context_values{})) return "";
  if (!absent) return "it asks for a request without the key, and the request has " + listed(got.asked);
  return "it asks for a request with the key, and this one has " + std::string(got.key_present ? "an empty list" : "no such key");
}

inline std::string describe_condition(const condition& test, const condition_answer& got) {
  std::string out = "the condition " + test.operation.text + " on " + in_ticks(test.key.text) + " is false: ";
  if (test.parsed.compares == comparison::null)
    if (const std::string asks = describe_null(test, got); !asks.empty()) return out + asks;
  std::vector<std::string> wanted;
  for (const condition_value& v : test.values) wanted.push_back(v.text);
  out += "the request has ";
  if (!got.key_present) out += "no such key";
  else if (got.asked.empty()) out += "an empty list";
  else out += listed(got.asked);
  out += ", the statement lists " + listed(wanted);
  for (const std::string& name : got.missing)
    if (!equal_folded(name, test.key.text)) out += "; no value for " + in_ticks(name);
  return out;
}

inline void add_once(std::vector<std::string>& to, const std::vector<std::string>& more) {
  for (const std::string& one : more)
    if (std::none_of(to.begin(), to.end(), [&](const std::string& known) { return equal_folded(known, one); }))
      to.push_back(one);
}

/// One statement against one request; `missing` collects keys that were asked for.
struct statement_answer {
  statement_result result = statement_result::action;
  std::string detail;
  std::vector<std::string> missing;
};

inline statement_answer consider(const statement& s, const request& asked, const std::vector<std::string>& names) {
  statement_answer out;
  if (!action_matches(s, names)) {
    out.detail = describe_actions(s);
    return out;
  }
  const resource_answer resource = match_resource(s, asked.resource, asked.values);
  out.result = resource.result;
  out.missing = resource.missing;
  if (resource.result == statement_result::unresolved_variable) {
    out.detail = describe_unresolved(resource);
  } else if (resource.result == statement_result::resource) {
    out.detail = describe_resources(s, asked);
    if (!resource.kept_literal.empty())
      out.detail += "; the value of " + listed(resource.kept_literal) +
                    " holds one of `* $ + ? #` or is too long, so it is not substituted";
  }
  if (resource.result != statement_result::matched) return out;
  for (const condition& test : s.conditions) {
    const condition_answer got = check(test, asked.values);
    if (got.holds) continue;
    add_once(out.missing, got.missing);
    if (out.result == statement_result::condition) continue;
    out.result = statement_result::condition;
    out.detail = describe_condition(test, got);
  }
  return out;
}

}  // namespace detail

inline verdict evaluate(const std::vector<named_document>& documents, const request& asked, job_action_names names) {
  const std::vector<std::string> spellings = detail::names_of(asked.action, names);
  verdict out;
  bool allowed = false, denied = false;
  for (const named_document& each : documents) {
    for (const statement& s : each.document->statements) {
      detail::statement_answer got = detail::consider(s, asked, spellings);
      if (got.result == statement_result::matched) (s.what == effect::deny ? denied : allowed) = true;
      detail::add_once(out.missing_context, got.missing);
      out.statements.push_back({each.name, s.pointer, s.what, got.result, std::move(got.detail)});
    }
  }
  out.answer = denied ? decision::explicit_deny : allowed ? decision::allowed : decision::implicit_deny;
  return out;
}

}  // namespace fleetprov::policies
