#pragma once

#include <fleetprov/policies/conditions.hpp>
#include <fleetprov/policies/detail/typed_values.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace fleetprov::policies {

namespace detail {

/// The fields of a resolved ARN pattern as glob tokens, split at the colons that the policy wrote.
inline std::optional<std::array<std::string_view, 6>> split_arn(const resolved_pattern& pattern) noexcept {
  if (pattern.colon_count < 5) return std::nullopt;
  const std::string_view all = pattern.tokens.tokens();
  std::array<std::string_view, 6> out;
  std::size_t from = 0;
  for (std::size_t i = 0; i < 5; ++i) {
    out[i] = all.substr(from, pattern.colons[i] - from);
    from = pattern.colons[i] + 1;
  }
  out[5] = all.substr(from);
  return out;
}

/// ArnLike and ArnEquals: "each of the six colon-delimited components is checked separately" (IAM).
inline bool arn_matches(const resolved_pattern& pattern, std::string_view value) noexcept {
  const auto wanted = split_arn(pattern);
  const auto given = split_arn(value);
  if (!wanted || !given) return false;
  for (std::size_t i = 0; i < 6; ++i)
    if (!match<glob::any_run, glob::any_one>((*wanted)[i], (*given)[i])) return false;
  return true;
}

/// By `<` alone.
template <class T>
bool compare(comparison how, const T& given, const T& wanted) noexcept {
  switch (how) {
    case comparison::numeric_less:
    case comparison::date_less: return given < wanted;
    case comparison::numeric_less_equals:
    case comparison::date_less_equals: return !(wanted < given);
    case comparison::numeric_greater:
    case comparison::date_greater: return wanted < given;
    case comparison::numeric_greater_equals:
    case comparison::date_greater_equals: return !(given < wanted);
    default: return !(given < wanted) && !(wanted < given);
  }
}

/// String and ARN operators.
inline bool text_matches(comparison how, const resolved_pattern& wanted, std::string_view given) noexcept {
  if (!wanted.is_usable()) return false;
  switch (how) {
    case comparison::string_equals: return wanted.tokens.tokens() == given;
    case comparison::string_equals_ignore_case: return equal_folded(wanted.tokens.tokens(), given);
    case comparison::string_like: return wanted.tokens.matches(given);
    default: return arn_matches(wanted, given);
  }
}

/// All other operators: a text that is not of the operator's type matches nothing.
inline bool typed_matches(comparison how, std::string_view wanted, std::string_view given) {
  switch (how) {
    case comparison::boolean: {
      const auto a = read_boolean(wanted), b = read_boolean(given);
      return a && b && *a == *b;
    }
    case comparison::binary_equals: {
      const auto a = read_base64(wanted), b = read_base64(given);
      return a && b && *a == *b;
    }
    case comparison::ip_address: {
      const auto a = read_network(wanted);
      const auto b = read_address(given);
      return a && b && contains(*a, *b);
    }
    case comparison::date_equals:
    case comparison::date_less:
    case comparison::date_less_equals:
    case comparison::date_greater:
    case comparison::date_greater_equals: {
      const auto a = read_instant(given), b = read_instant(wanted);
      return a && b && compare(how, *a, *b);
    }
    default: {
      const auto a = read_number(given), b = read_number(wanted);
      return a && b && compare(how, *a, *b);
    }
  }
}

/// One condition with its variables filled in, ready for any number of request values.
class filled_condition {
 public:
  filled_condition(const condition& test, const context& values) : test_(test) {
    if (!takes_variables(test.parsed.compares)) return;
    for (const condition_value& v : test.values) texts_.push_back(resolve(v.pattern, values));
  }

  const std::vector<resolved_pattern>& texts() const noexcept { return texts_; }

  bool holds(const context_values& asked) const {
    const condition_operator& op = test_.parsed;
    if (op.compares == comparison::null) return null_holds(asked);
    if (!asked.present) return absent_holds();
    // IAM policy validation, empty arrays: ForAllValues then matches only a request without values, anything
    // else nothing.  assumption: so does a plain operator, negated ones included.
    if (test_.values.empty()) return op.over == quantifier::for_all_values && asked.count == 0;
    const auto satisfied = [&](const std::string& v) { return any_match(v) == (op.sign == polarity::positive); };
    if (op.over == quantifier::for_all_values) return std::all_of(asked.begin(), asked.end(), satisfied);
    if (op.over == quantifier::for_any_value) return std::any_of(asked.begin(), asked.end(), satisfied);
    // assumption: a plain operator on a list means "any of".
    const bool found = std::any_of(asked.begin(), asked.end(), [&](const std::string& v) { return any_match(v); });
    return found == (op.sign == polarity::positive);
  }

 private:
  bool any_match(const std::string& given) const {
    for (std::size_t i = 0; i < test_.values.size(); ++i) {
      const bool matched = texts_.empty() ? typed_matches(test_.parsed.compares, test_.values[i].text, given)
                                          : text_matches(test_.parsed.compares, texts_[i], given);
      if (matched) return true;
    }
    return false;
  }
  bool absent_holds() const noexcept {
    const condition_operator& op = test_.parsed;
    // assumption: IfExists also decides for ForAnyValue.
    if (op.absence == when_absent::if_exists) return true;
    if (op.over != quantifier::none) return op.over == quantifier::for_all_values;
    return op.sign == polarity::negated && !test_.values.empty();
  }
  /// "Null": "true" if the key is absent; an empty list counts as absent.
  bool null_holds(const context_values& asked) const {
    if (test_.parsed.over != quantifier::none) return test_.parsed.over == quantifier::for_all_values;
    const bool absent = !asked.present || asked.count == 0;
    return std::any_of(test_.values.begin(), test_.values.end(), [&](const condition_value& v) {
      const auto wanted = read_boolean(v.text);
      return wanted && *wanted == absent;
    });
  }

  const condition& test_;
  std::vector<resolved_pattern> texts_;
};

}  // namespace detail

inline condition_answer check(const condition& test, const context& values) {
  const detail::filled_condition filled(test, values);
  const context_values asked = find_values(values, test.key.text);
  condition_answer out;
  out.key_present = asked.present;
  out.asked.assign(asked.begin(), asked.end());
  out.holds = filled.holds(asked);
  const bool tolerates_absence =
      test.parsed.compares == comparison::null || test.parsed.absence == when_absent::if_exists;
  if (!asked.present && !tolerates_absence) out.missing.push_back(test.key.text);
  for (const resolved_pattern& text : filled.texts())
    out.missing.insert(out.missing.end(), text.missing.begin(), text.missing.end());
  return out;
}

inline bool hold(const std::vector<condition>& tests, const context& values) {
  return std::all_of(tests.begin(), tests.end(), [&](const condition& c) {
    return detail::filled_condition(c, values).holds(find_values(values, c.key.text));
  });
}

}  // namespace fleetprov::policies
