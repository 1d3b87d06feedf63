#pragma once

#include <fleetprov/core/diagnostic.hpp>
#include <fleetprov/json/document.hpp>
#include <fleetprov/policies/variables.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fleetprov::policies {

/// What an operator compares, without negation and modifiers.
enum class comparison : std::uint8_t {
  string_equals,
  string_equals_ignore_case,
  string_like,
  numeric_equals,
  numeric_less,
  numeric_less_equals,
  numeric_greater,
  numeric_greater_equals,
  date_equals,
  date_less,
  date_less_equals,
  date_greater,
  date_greater_equals,
  boolean,
  binary_equals,
  ip_address,
  arn_like,
  null,
};

enum class polarity : std::uint8_t { positive, negated };
enum class quantifier : std::uint8_t { none, for_all_values, for_any_value };
enum class when_absent : std::uint8_t { as_usual, if_exists };

/// A condition operator, taken apart.
struct condition_operator {
  comparison compares = comparison::string_equals;
  polarity sign = polarity::positive;
  quantifier over = quantifier::none;
  when_absent absence = when_absent::as_usual;
};

constexpr bool is_string(comparison c) noexcept { return c <= comparison::string_like; }
constexpr bool is_arn(comparison c) noexcept { return c == comparison::arn_like; }
/// String and ARN operators substitute variables (IAM, Variables and tags).
constexpr bool takes_variables(comparison c) noexcept { return is_string(c) || is_arn(c); }
constexpr bool takes_wildcards(comparison c) noexcept { return c == comparison::string_like || is_arn(c); }

/// The operators by name, without modifiers (IAM User Guide, Condition operators).
struct operator_name {
  std::string_view name;
  comparison compares;
  polarity sign;
};
inline constexpr std::array<operator_name, 27> operator_names{{
    {"StringEquals", comparison::string_equals, polarity::positive},
    {"StringNotEquals", comparison::string_equals, polarity::negated},
    {"StringEqualsIgnoreCase", comparison::string_equals_ignore_case, polarity::positive},
    {"StringNotEqualsIgnoreCase", comparison::string_equals_ignore_case, polarity::negated},
    {"StringLike", comparison::string_like, polarity::positive},
    {"StringNotLike", comparison::string_like, polarity::negated},
    {"NumericEquals", comparison::numeric_equals, polarity::positive},
    {"NumericNotEquals", comparison::numeric_equals, polarity::negated},
    {"NumericLessThan", comparison::numeric_less, polarity::positive},
    {"NumericLessThanEquals", comparison::numeric_less_equals, polarity::positive},
    {"NumericGreaterThan", comparison::numeric_greater, polarity::positive},
    {"NumericGreaterThanEquals", comparison::numeric_greater_equals, polarity::positive},
    {"DateEquals", comparison::date_equals, polarity::positive},
    {"DateNotEquals", comparison::date_equals, polarity::negated},
    {"DateLessThan", comparison::date_less, polarity::positive},
    {"DateLessThanEquals", comparison::date_less_equals, polarity::positive},
    {"DateGreaterThan", comparison::date_greater, polarity::positive},
    {"DateGreaterThanEquals", comparison::date_greater_equals, polarity::positive},
    {"Bool", comparison::boolean, polarity::positive},
    {"BinaryEquals", comparison::binary_equals, polarity::positive},
    {"IpAddress", comparison::ip_address, polarity::positive},
    {"NotIpAddress", comparison::ip_address, polarity::negated},
    {"ArnEquals", comparison::arn_like, polarity::positive},
    {"ArnLike", comparison::arn_like, polarity::positive},
    {"ArnNotEquals", comparison::arn_like, polarity::negated},
    {"ArnNotLike", comparison::arn_like, polarity::negated},
    {"Null", comparison::null, polarity::positive},
}};

/// Takes an operator name apart; nothing for an unknown one. Names are exact. `NullIfExists` reads as Null.
constexpr std::optional<condition_operator> parse_condition_operator(std::string_view name) noexcept {
  condition_operator out;
  constexpr std::string_view all = "ForAllValues:", any = "ForAnyValue:", exists = "IfExists";
  if (name.substr(0, all.size()) == all) {
    out.over = quantifier::for_all_values;
    name.remove_prefix(all.size());
  } else if (name.substr(0, any.size()) == any) {
    out.over = quantifier::for_any_value;
    name.remove_prefix(any.size());
  }
  if (name.size() > exists.size() && name.substr(name.size() - exists.size()) == exists) {
    out.absence = when_absent::if_exists;
    name.remove_suffix(exists.size());
  }
  for (const operator_name& known : operator_names) {
    if (known.name != name) continue;
    out.compares = known.compares;
    out.sign = known.sign;
    if (out.compares == comparison::null) out.absence = when_absent::as_usual;
    return out;
  }
  return std::nullopt;
}

/// Splits a condition value for its operator: wildcards in Like and ARN forms, variables in String and ARN forms.
inline text_pattern compile_condition_value(std::string_view text, comparison how, language version) {
  return compile_pattern(text, takes_wildcards(how) ? wildcards::star_and_question : wildcards::none,
                         takes_variables(how) && version == language::v2012 ? variables::substituted
                                                                             : variables::literal_text);
}

/// A string of the document with its place: of a value its quotes included, of a key likewise.
struct text_node {
  std::string text;
  std::string pointer;
  source_range where;
};

struct condition_value : text_node {
  json::kind written_as = json::kind::string;  ///< string, number or boolean
  text_pattern pattern;                        ///< split as the operator wants it
};

/// One key under one operator.
struct condition {
  text_node operation;  ///< "ForAllValues:StringEquals"; place of the operator's key
  condition_operator parsed;
  text_node key;  ///< "iot:ConnectAttributes"; place of the key
  std::vector<condition_value> values;
  source_range values_where;  ///< of the string or array after the key
};

/// Whether one condition holds for a request, and what stood in the way.
struct condition_answer {
  bool holds = false;
  bool key_present = false;
  std::vector<std::string> asked;    ///< the request's values
  std::vector<std::string> missing;  ///< keys that were asked for and absent: the key itself, variables in values
};

/// Truth tables of IAM's "Condition operators" and "Single-valued vs. multivalued context keys".
condition_answer check(const condition& test, const context& values);

/// All of them hold (an empty list does).
bool hold(const std::vector<condition>& tests, const context& values);

}  // namespace fleetprov::policies

#include <fleetprov/policies/detail/condition_check.hpp>
