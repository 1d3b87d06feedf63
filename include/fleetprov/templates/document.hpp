#pragma once

#include <fleetprov/core/diagnostic.hpp>
#include <fleetprov/json/document.hpp>
#include <fleetprov/templates/kinds.hpp>
#include <fleetprov/templates/rules.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fleetprov::templates {

/// Does the service fill this name itself for this kind of template?
constexpr bool is_predefined(std::string_view name, template_kind kind) noexcept {
  if (name == certificate_id_parameter) return kind != template_kind::bulk;
  return kind == template_kind::jitp && is_subject_parameter(name);
}

/// Where a part of the template stands. For a template that was itself a JSON string inside another
/// document, `pointer` is relative to the template and `where` counts bytes of the outer document.
struct place {
  std::string pointer;
  source_range where;
};

/// A piece of Fn::Sub's text: literal text, one of its own variables, or a parameter.
struct sub_piece {
  enum class kind : std::uint8_t { text, variable, parameter };
  kind what = kind::text;
  std::string text;       ///< the text, or the parameter's name
  std::size_t index = 0;  ///< variable: position in `expression::arguments`
};

/// A value of the template: text or a call of an intrinsic function.
struct expression {
  enum class kind : std::uint8_t { literal, list, ref, join, select, split, sub, find_in_map };
  kind what = kind::literal;
  std::string text;  ///< literal: the text; ref: the parameter's name
  /// list: elements; join, split: delimiter and value; select: index and list; find_in_map: map,
  /// top key, second key; sub: values of its own variables.
  std::vector<expression> arguments;
  std::vector<sub_piece> pieces;  ///< sub only
  place at;

  bool is_literal() const noexcept { return what == kind::literal; }
};

struct parameter {
  std::string name;
  std::optional<std::string> default_value;
  place at;  ///< of the key
};

struct mapping_entry {
  std::string key;
  std::vector<std::string> values;  ///< one for a string; any number for a list
  bool is_list = false;
};
struct mapping_level {
  std::string key;
  std::vector<mapping_entry> entries;
  bool is_whole = true;  ///< false: a part of it was refused and is not here
};
struct mapping {
  std::string name;
  std::vector<mapping_level> levels;
  place at;  ///< of the key
  bool is_whole = true;  ///< false: it was refused
};

struct named_expression {
  std::string name;
  place at;  ///< of the key
  expression value;
};

/// What happens to a property of a thing or certificate that exists already.
enum class override_setting : std::uint8_t { do_nothing, replace, merge, fail };

/// The AWS word: "DO_NOTHING", "REPLACE", "MERGE", "FAIL".
constexpr std::string_view name_of(override_setting setting) noexcept {
  switch (setting) {
    case override_setting::do_nothing: return "DO_NOTHING";
    case override_setting::replace: return "REPLACE";
    case override_setting::merge: return "MERGE";
    case override_setting::fail: return "FAIL";
  }
  return "DO_NOTHING";  // GCOVR_EXCL_LINE: every setting is above
}

struct placed_override {
  override_setting setting;
  place at;  ///< of the value
};

struct thing_resource {
  std::string logical_name;
  place at;  ///< of the key
  std::optional<expression> name;
  std::vector<named_expression> attributes;
  std::optional<place> attributes_at;
  std::optional<expression> type;
  std::optional<expression> groups;  ///< a list or a function that gives one
  std::optional<expression> billing_group;
  std::optional<placed_override> override_attributes, override_type, override_groups;
};

struct certificate_resource {
  std::string logical_name;
  place at;
  std::optional<expression> id, csr, pem, ca_pem;
  std::optional<expression> status, principal_type;
  std::optional<placed_override> override_status;
};

/// PolicyDocument: text (an escaped string or a function that gives one) or an object.
struct policy_source {
  place at;
  std::optional<expression> text;
  /// Text given as a plain string: for each byte of it (and its end) the byte of the document it
  /// came from. Empty where there is no source text.
  std::vector<std::uint32_t> offsets;
  /// The object; functions inside it are nulls whose `text` is the index into `computed`.
  std::optional<json::value> object;
  std::vector<expression> computed;
};

struct policy_resource {
  std::string logical_name;
  place at;
  std::optional<expression> name;
  std::optional<policy_source> document;
};

/// A provisioning template. AWS IoT Developer Guide, "Provisioning templates". Self-contained; owns all it shows.
struct provisioning_template {
  template_kind kind = template_kind::fleet;
  place at;
  std::vector<parameter> parameters;
  std::vector<mapping> mappings;
  std::vector<thing_resource> things;
  std::vector<certificate_resource> certificates;
  std::vector<policy_resource> policies;
  std::vector<named_expression> device_configuration;
  std::optional<place> resources_at;

  const parameter* find_parameter(std::string_view name) const noexcept {
    for (const parameter& p : parameters)
      if (p.name == name) return &p;
    return nullptr;
  }
  const mapping* find_mapping(std::string_view name) const noexcept {
    for (const mapping& m : mappings)
      if (m.name == name) return &m;
    return nullptr;
  }
};

/// Reads a template body. There is a value whenever the root is an object, with every grammar error
/// as a diagnostic beside it; only a template without errors may be evaluated. `validate` finds what
/// the grammar cannot.
outcome<provisioning_template> parse(const json::document& source, template_kind kind);

/// Calls `visit(name, place)` for each use of a parameter (Ref and Fn::Sub) in the template, in
/// document order within each resource.
template <class Visit>
void for_each_reference(const provisioning_template& subject, Visit&& visit);

}  // namespace fleetprov::templates

#include <fleetprov/templates/detail/reader.hpp>
