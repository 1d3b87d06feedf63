#pragma once

#include <fleetprov/core/diagnostic.hpp>
#include <fleetprov/json/document.hpp>
#include <fleetprov/policies/conditions.hpp>
#include <fleetprov/policies/rules.hpp>
#include <fleetprov/policies/variables.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fleetprov::policies {

enum class effect : std::uint8_t { allow, deny };
constexpr std::string_view name_of(effect what) noexcept { return what == effect::allow ? "Allow" : "Deny"; }

struct action_node : text_node {
  std::string folded;  ///< lower case, with `*` and `?`
};

struct resource_node : text_node {
  text_pattern pattern;
};

/// `Action`/`Resource`: any entry; `NotAction`/`NotResource`: none.
enum class list_mode : std::uint8_t { any_of, none_of };

struct statement {
  effect what = effect::allow;
  std::optional<text_node> sid;
  text_node effect_value;
  list_mode action_mode = list_mode::any_of;
  text_node action_key;  ///< "Action" or "NotAction"; place of the key
  std::vector<action_node> actions;
  list_mode resource_mode = list_mode::any_of;
  text_node resource_key;  ///< "Resource" or "NotResource"; place of the key
  std::vector<resource_node> resources;
  std::optional<text_node> condition_key;  ///< place of "Condition"
  std::vector<condition> conditions;
  std::string pointer;  ///< "/Statement/0", or "/Statement" for the object form
  source_range where;
};

struct policy_document {
  language version = language::v2008;
  std::optional<text_node> version_value;
  std::optional<text_node> id;
  std::vector<statement> statements;
  std::size_t characters = 0;  ///< as the quota counts them, see `count_characters`
  std::string pointer;         ///< of the document: "" unless embedded in a template
  source_range where;
};

/// What AWS IoT Core's limit of 2048 is about: code points, blanks outside strings not counted.
// assumption: whether blanks inside strings count is not documented; they are counted.
std::size_t count_characters(std::string_view json_text) noexcept;
/// The same for a value in a larger document: as if written with the fewest escapes.
std::size_t count_characters(const json::value& policy);

/// Reads a policy. With an error there is no value; with warnings and notes only there is one. Findings are
/// sorted by place. Duplicate keys are findings of the JSON reader (J006): take a document only if its own
/// outcome is good, or call `parse_text`.
outcome<policy_document> parse(const json::document& source);
/// The same for a policy inside a template; `base_pointer` is where it stands.
outcome<policy_document> parse(const json::value& root, std::string_view base_pointer);
/// Reads the object after "Condition".
outcome<std::vector<condition>> parse_conditions(const json::value& block, language version,
                                                 std::string_view base_pointer = "");
/// JSON reader and policy parser in one step, all findings together; no value if either finds an error.
outcome<policy_document> parse_text(std::string text);

}  // namespace fleetprov::policies

#include <fleetprov/policies/detail/document_reader.hpp>
