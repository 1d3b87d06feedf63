#pragma once

#include <fleetprov/core/utf8.hpp>
#include <fleetprov/templates/detail/embedded.hpp>
#include <fleetprov/templates/detail/nearest.hpp>
#include <fleetprov/templates/detail/report.hpp>
#include <fleetprov/templates/document.hpp>
#include <fleetprov/topics/limits.hpp>

#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace fleetprov::templates {

namespace detail {

/// The text a template's values stand in, and where that text itself stands.
struct source_text {
  std::string_view text;             ///< empty for a document without text (CBOR)
  const offset_map* outer = nullptr; ///< set when the text was a string of another document

  source_range range(source_range where) const noexcept {
    return outer == nullptr ? where : translate(*outer, where, {});
  }
};

inline constexpr std::array<std::string_view, 4> section_names{"Parameters", "Mappings", "Resources",
                                                               "DeviceConfiguration"};
inline constexpr std::array<std::string_view, 6> function_names{"Ref",          "Fn::Join",  "Fn::Select",
                                                                "Fn::FindInMap", "Fn::Split", "Fn::Sub"};
inline constexpr std::array<std::string_view, 3> resource_types{"AWS::IoT::Thing", "AWS::IoT::Certificate",
                                                                "AWS::IoT::Policy"};
inline constexpr std::array<std::string_view, 5> thing_properties{"ThingName", "AttributePayload", "ThingTypeName",
                                                                  "ThingGroups", "BillingGroup"};
inline constexpr std::array<std::string_view, 6> certificate_properties{
    "CertificateId", "CertificateSigningRequest", "CertificatePem", "CACertificatePem", "Status", "ThingPrincipalType"};
inline constexpr std::array<std::string_view, 2> policy_properties{"PolicyName", "PolicyDocument"};

inline bool is_function_key(std::string_view key) noexcept { return key == "Ref" || key.substr(0, 4) == "Fn::"; }

/// An object that is meant as a call: it has a member named like a function.
inline bool is_function(const json::value& v) noexcept {
  if (!v.is_object()) return false;
  for (const json::member& m : v.members)
    if (is_function_key(m.key)) return true;
  return false;
}

inline bool is_index(std::string_view text) noexcept {
  if (text.empty() || text.size() > 9) return false;
  for (const char c : text)
    if (c < '0' || c > '9') return false;
  return true;
}

/// Expressions: literals, lists and the six functions.
class expression_reader {
 public:
  expression_reader(source_text source, template_kind kind, report& findings)
      : source_(source), kind_(kind), findings_(findings) {}

  enum class wanted : std::uint8_t { text, list, either };

  std::optional<expression> read(const json::value& v, const std::string& pointer, wanted want) {
    switch (v.what) {
      case json::kind::string: return read_literal(v, pointer, want);
      case json::kind::array: return read_list(v, pointer, want);
      case json::kind::object:
        if (is_function(v)) return read_function(v, pointer, want);
        refuse(rule_id::wrong_type, pointer, v.where, "an object stands where a string or a function call is needed",
               "functions are Ref, Fn::Join, Fn::Select, Fn::FindInMap, Fn::Split and Fn::Sub");
        return std::nullopt;
      case json::kind::null:
        refuse(rule_id::null_element, pointer, v.where, "null has no text", "write a string, or leave it out");
        return std::nullopt;
      default:
        refuse(rule_id::wrong_type, pointer, v.where,
               std::string(name_of(v.what)) + " stands where a string is needed", "write `\"" + v.text + "\"`");
        return std::nullopt;
    }
  }
  std::optional<expression> read_text(const json::value& v, const std::string& pointer) {
    return read(v, pointer, wanted::text);
  }

  place at(const std::string& pointer, source_range where) const { return {pointer, source_.range(where)}; }

  void refuse(rule_id id, const std::string& pointer, source_range where, std::string message, std::string help = {}) {
    findings_.add(id, pointer, source_.range(where), std::move(message), std::move(help));
  }

 private:
  expression start(expression::kind what, const json::value& v, const std::string& pointer) const {
    expression out;
    out.what = what;
    out.at = at(pointer, v.where);
    return out;
  }

  std::optional<expression> read_literal(const json::value& v, const std::string& pointer, wanted want) {
    if (want == wanted::list) {
      refuse(rule_id::list_not_allowed, pointer, v.where, "a string stands where a list is needed",
             "write `[...]`, or Fn::Split");
      return std::nullopt;
    }
    expression out = start(expression::kind::literal, v, pointer);
    out.text = v.text;
    return out;
  }

  std::optional<expression> read_list(const json::value& v, const std::string& pointer, wanted want) {
    if (want == wanted::text) {
      refuse(rule_id::list_not_allowed, pointer, v.where, "a list stands where a string is needed",
             "take one element with Fn::Select, or join it with Fn::Join");
      return std::nullopt;
    }
    expression out = start(expression::kind::list, v, pointer);
    bool good = true;
    for (std::size_t i = 0; i < v.items.size(); ++i) {
      auto element = read_text(v.items[i], json::child_pointer(pointer, i));
      if (element) out.arguments.push_back(std::move(*element));
      else good = false;
    }
    if (!good) return std::nullopt;
    return out;
  }

  std::optional<expression> read_function(const json::value& v, const std::string& pointer, wanted want) {
    if (v.members.size() != 1) {
      const json::member& extra = is_function_key(v.members[0].key) ? v.members[1] : v.members[0];
      refuse(rule_id::malformed_function, json::child_pointer(pointer, extra.key), extra.key_where,
             "a function call is an object with one member; " + shown(extra.key) + " does not belong here");
      return std::nullopt;
    }
    const json::member& call = v.members[0];
    const std::string inner = json::child_pointer(pointer, call.key);
    if (call.key != "Ref" && kind_ != template_kind::fleet && known(call.key))
      refuse(rule_id::undocumented_function, inner, call.key_where,
             shown(call.key) + " in a " + std::string(kind_ == template_kind::jitp ? "JITP" : "bulk") + " template",
             "only Ref is documented for this kind of template");
    const bool gives_list = call.key == "Fn::Split";
    const bool may_give_list = gives_list || call.key == "Fn::FindInMap";
    if (known(call.key) && ((gives_list && want == wanted::text) || (!may_give_list && want == wanted::list))) {
      refuse(rule_id::list_not_allowed, inner, call.key_where,
             gives_list ? "Fn::Split gives a list where a string is needed"
                        : shown(call.key) + " gives a string where a list is needed",
             gives_list ? "take one element with Fn::Select" : "put it into `[...]`");
      return std::nullopt;
    }
    expression out = start(expression::kind::ref, v, pointer);
    if (call.key == "Ref") return read_ref(call, inner, std::move(out));
    if (call.key == "Fn::Join") return read_join(call, inner, std::move(out));
    if (call.key == "Fn::Select") return read_select(call, inner, std::move(out));
    if (call.key == "Fn::FindInMap") return read_find(call, inner, std::move(out));
    if (call.key == "Fn::Split") return read_split(call, inner, std::move(out));
    if (call.key == "Fn::Sub") return read_sub(call, inner, std::move(out));
    const bool is_foreign = is_cloudformation(call.key);
    std::string help = is_foreign ? std::string() : did_you_mean(call.key, function_names);
    if (is_foreign) help = "it exists in CloudFormation only; templates know Ref, Fn::Join, Fn::Select, Fn::FindInMap, Fn::Split and Fn::Sub";
    if (help.empty()) help = "templates know Ref, Fn::Join, Fn::Select, Fn::FindInMap, Fn::Split and Fn::Sub";
    refuse(rule_id::unknown_function, inner, call.key_where, "unknown function " + shown(call.key), std::move(help));
    return std::nullopt;
  }

  static bool is_cloudformation(std::string_view key) noexcept {
    for (const std::string_view name : {"Fn::GetAtt", "Fn::If", "Fn::And", "Fn::Or", "Fn::Not", "Fn::Equals", "Fn::Base64", "Fn::Cidr", "Fn::GetAZs",
                                        "Fn::ImportValue", "Fn::Transform", "Fn::Length", "Fn::ToJsonString", "Fn::ForEach"})
      if (name == key) return true;
    return false;
  }

  static bool known(std::string_view key) noexcept {
    for (const std::string_view name : function_names)
      if (name == key) return true;
    return false;
  }

  std::optional<expression> malformed(const json::member& call, const std::string& pointer, std::string form) {
    refuse(rule_id::malformed_function, pointer, call.held.where, "wrong arguments for " + shown(call.key),
           "the form is " + std::move(form));
    return std::nullopt;
  }

  std::optional<expression> read_ref(const json::member& call, const std::string& pointer, expression out) {
    if (!call.held.is_string() || call.held.text.empty()) return malformed(call, pointer, "{\"Ref\":\"Name\"}");
    out.text = call.held.text;
    return out;
  }

  /// Reads `[text, value]` into two arguments.
  std::optional<expression> read_pair(const json::member& call, const std::string& pointer, expression out,
                                      wanted second) {
    auto first = read_text(call.held.items[0], json::child_pointer(pointer, std::size_t{0}));
    auto value = read(call.held.items[1], json::child_pointer(pointer, std::size_t{1}), second);
    if (!first || !value) return std::nullopt;
    out.arguments.push_back(std::move(*first));
    out.arguments.push_back(std::move(*value));
    return out;
  }

  static bool has_items(const json::member& call, std::size_t n) noexcept {
    return call.held.is_array() && call.held.items.size() == n;
  }

  std::optional<expression> read_join(const json::member& call, const std::string& pointer, expression out) {
    out.what = expression::kind::join;
    if (!has_items(call, 2) || call.held.items[1].is_string())
      return malformed(call, pointer, "{\"Fn::Join\":[\"delimiter\",[\"a\",\"b\"]]}");
    return read_pair(call, pointer, std::move(out), wanted::list);
  }

  std::optional<expression> read_select(const json::member& call, const std::string& pointer, expression out) {
    out.what = expression::kind::select;
    constexpr const char* form = "{\"Fn::Select\":[\"0\",[\"a\",\"b\"]]}";
    if (!has_items(call, 2) || call.held.items[1].is_string()) return malformed(call, pointer, form);
    const json::value& index = call.held.items[0];
    if (index.is(json::kind::number) || index.is_string()) {
      const bool is_negative = !index.text.empty() && index.text[0] == '-';
      if (!is_index(index.text)) {
        refuse(is_negative ? rule_id::select_out_of_bounds : rule_id::malformed_function,
               json::child_pointer(pointer, std::size_t{0}), index.where,
               "the index " + shown(index.text) + " is not a whole number from 0 up");
        return std::nullopt;
      }
      auto list = read(call.held.items[1], json::child_pointer(pointer, std::size_t{1}), wanted::list);
      if (!list) return std::nullopt;
      expression number = start(expression::kind::literal, index, json::child_pointer(pointer, std::size_t{0}));
      number.text = index.text;
      out.arguments.push_back(std::move(number));
      out.arguments.push_back(std::move(*list));
      return out;
    }
    return read_pair(call, pointer, std::move(out), wanted::list);
  }

  std::optional<expression> read_find(const json::member& call, const std::string& pointer, expression out) {
    out.what = expression::kind::find_in_map;
    if (!has_items(call, 3)) return malformed(call, pointer, "{\"Fn::FindInMap\":[\"Map\",\"TopKey\",\"SecondKey\"]}");
    for (std::size_t i = 0; i < 3; ++i) {
      auto key = read_text(call.held.items[i], json::child_pointer(pointer, i));
      if (key) out.arguments.push_back(std::move(*key));
    }
    if (out.arguments.size() != 3) return std::nullopt;
    return out;
  }

  std::optional<expression> read_split(const json::member& call, const std::string& pointer, expression out) {
    out.what = expression::kind::split;
    constexpr const char* form = "{\"Fn::Split\":[\"delimiter\",\"text\"]}, the delimiter not empty";
    if (!has_items(call, 2) || (call.held.items[0].is_string() && call.held.items[0].text.empty()))
      return malformed(call, pointer, form);
    return read_pair(call, pointer, std::move(out), wanted::text);
  }

  std::optional<expression> read_sub(const json::member& call, const std::string& pointer, expression out) {
    out.what = expression::kind::sub;
    constexpr const char* form = "{\"Fn::Sub\":\"text ${Name}\"} or {\"Fn::Sub\":[\"text ${Name}\",{\"Name\":\"value\"}]}";
    if (call.held.is_string()) return read_sub_text(call.held, pointer, {}, std::move(out));
    if (!has_items(call, 2) || !call.held.items[0].is_string() || !call.held.items[1].is_object() ||
        is_function(call.held.items[1]))
      return malformed(call, pointer, form);
    const json::value& variables = call.held.items[1];
    const std::string values = json::child_pointer(pointer, std::size_t{1});
    std::vector<std::string_view> names;
    for (const json::member& m : variables.members) {
      auto value = read_text(m.held, json::child_pointer(values, m.key));
      if (!value) return std::nullopt;
      names.push_back(m.key);
      out.arguments.push_back(std::move(*value));
    }
    return read_sub_text(call.held.items[0], json::child_pointer(pointer, std::size_t{0}), names, std::move(out));
  }

  std::optional<expression> read_sub_text(const json::value& v, const std::string& pointer,
                                          const std::vector<std::string_view>& names, expression out) {
    const std::string_view text = v.text;
    const auto add_text = [&](std::string_view more) {
      if (more.empty()) return;
      if (out.pieces.empty() || out.pieces.back().what != sub_piece::kind::text) out.pieces.emplace_back();
      out.pieces.back().text += more;
    };
    std::size_t i = 0;
    while (i < text.size()) {
      const std::size_t open = text.find("${", i);
      add_text(text.substr(i, open - i));
      if (open == std::string_view::npos) break;
      const std::size_t close = text.find('}', open);
      if (close == std::string_view::npos || close == open + 2) {
        refuse(rule_id::malformed_function, pointer, v.where,
               close == open + 2 ? "`${}` names nothing" : "`${` without a `}`", "write `${!...}` for a literal `${...}`");
        return std::nullopt;
      }
      const std::string_view name = text.substr(open + 2, close - open - 2);
      i = close + 1;
      if (name[0] == '!') {  // ${!Literal} stands for the text ${Literal}
        add_text("${");
        add_text(name.substr(1));
        add_text("}");
        continue;
      }
      sub_piece piece;
      piece.what = sub_piece::kind::parameter;
      piece.text = std::string(name);
      for (std::size_t k = 0; k < names.size(); ++k) {
        if (names[k] != name) continue;
        piece.what = sub_piece::kind::variable;
        piece.index = k;
        break;
      }
      out.pieces.push_back(std::move(piece));
    }
    return out;
  }

  source_text source_;
  template_kind kind_;
  report& findings_;
};

/// Sections and resources.
class template_reader {
 public:
  template_reader(source_text source, template_kind kind, report& findings)
      : source_(source), kind_(kind), expressions_(source, kind, findings) {}

  std::optional<provisioning_template> read(const json::value& root) {
    if (!root.is_object()) {
      refuse(rule_id::template_not_object, "", root.where, "the template is " + std::string(name_of(root.what)) + ", not an object");
      return std::nullopt;
    }
    made_.kind = kind_;
    made_.at = at("", root.where);
    check_length(root);
    for (const json::member& m : root.members) read_section(m);
    const json::member* resources = root.find_member("Resources");
    if (resources == nullptr)
      refuse(rule_id::missing_resources, "", opening_brace(root.where), "the template has no `Resources`");
    return std::move(made_);
  }

 private:
  using wanted = expression_reader::wanted;

  place at(const std::string& pointer, source_range where) const { return expressions_.at(pointer, where); }
  void refuse(rule_id id, const std::string& pointer, source_range where, std::string message, std::string help = {}) {
    expressions_.refuse(id, pointer, where, std::move(message), std::move(help));
  }
  std::string_view kind_word() const noexcept {
    return kind_ == template_kind::fleet ? "fleet provisioning" : kind_ == template_kind::jitp ? "JITP" : "bulk";
  }

  void check_length(const json::value& root) {
    const std::size_t characters = count_code_points(source_.text);
    if (characters > topics::limits::max_template_body)
      refuse(rule_id::template_too_long, "", opening_brace(root.where),
             "the template body has " + std::to_string(characters) + " characters, the limit is " +
                 std::to_string(topics::limits::max_template_body),
             "blanks count: write it without indentation");
  }

  bool is_object(const json::value& v, const std::string& pointer, std::string_view called) {
    if (v.is_object()) return true;
    refuse(rule_id::wrong_type, pointer, v.where,
           std::string(called) + " is " + std::string(name_of(v.what)) + ", not an object");
    return false;
  }

  void read_section(const json::member& m) {
    const std::string pointer = json::child_pointer("", m.key);
    if (m.key == "Parameters") {
      if (is_object(m.held, pointer, "`Parameters`"))
        for (const json::member& p : m.held.members) read_parameter(p, json::child_pointer(pointer, p.key));
    } else if (m.key == "Resources") {
      made_.resources_at = at(pointer, m.held.where);
      if (!is_object(m.held, pointer, "`Resources`")) return;
      if (m.held.members.empty())
        refuse(rule_id::missing_resources, pointer, m.held.where, "`Resources` is empty");
      for (const json::member& r : m.held.members) read_resource(r, json::child_pointer(pointer, r.key));
    } else if (m.key == "Mappings" || m.key == "DeviceConfiguration") {
      if (kind_ != template_kind::fleet)
        refuse(rule_id::section_not_allowed, pointer, m.key_where,
               shown(m.key) + " does not exist in a " + std::string(kind_word()) + " template",
               "it is for fleet provisioning templates");
      if (!is_object(m.held, pointer, shown(m.key))) return;
      for (const json::member& inner : m.held.members) {
        if (m.key == "Mappings") read_mapping(inner, json::child_pointer(pointer, inner.key));
        else read_configuration(inner, json::child_pointer(pointer, inner.key));
      }
    } else {
      std::string help = did_you_mean(m.key, section_names);
      if (m.key == "templateBody") help = "this looks like a request or a registration config around a template";
      if (help.empty()) help = "sections are Parameters, Mappings, Resources and DeviceConfiguration";
      refuse(rule_id::unknown_section, pointer, m.key_where, "unknown section " + shown(m.key), std::move(help));
    }
  }

  void read_parameter(const json::member& m, const std::string& pointer) {
    parameter made;
    made.name = m.key;
    made.at = at(pointer, m.key_where);
    if (m.key.empty()) refuse(rule_id::wrong_type, pointer, m.key_where, "a parameter needs a name");
    if (is_object(m.held, pointer, "a parameter")) {
      bool typed = false;
      for (const json::member& part : m.held.members) {
        const std::string inner = json::child_pointer(pointer, part.key);
        if (part.key == "Type") {
          typed = true;
          if (part.held.text != "String")
            refuse(rule_id::parameter_type, inner, part.held.where,
                   "the type of a parameter is " + shown(part.held.text) + ", only `String` exists", "write `\"String\"`");
        } else if (part.key == "Default") {
          if (part.held.is_string()) made.default_value = part.held.text;
          else
            refuse(rule_id::wrong_type, inner, part.held.where,
                   "`Default` is " + std::string(name_of(part.held.what)) + ", not a string");
        } else {
          refuse(rule_id::unknown_property, inner, part.key_where,
                 "a parameter has no property " + shown(part.key), "parameters have Type and Default");
        }
      }
      if (!typed)
        refuse(rule_id::missing_property, pointer, opening_brace(m.held.where), "the parameter has no `Type`",
               "add `\"Type\": \"String\"`");
    }
    made_.parameters.push_back(std::move(made));
  }

  void read_mapping(const json::member& m, const std::string& pointer) {
    mapping made;
    made.name = m.key;
    made.at = at(pointer, m.key_where);
    made.is_whole = literal_object(m.held, pointer, "a mapping");
    if (made.is_whole)
      for (const json::member& top : m.held.members) made.levels.push_back(read_level(top, json::child_pointer(pointer, top.key)));
    made_.mappings.push_back(std::move(made));
  }

  mapping_level read_level(const json::member& m, const std::string& pointer) {
    mapping_level made;
    made.key = m.key;
    made.is_whole = literal_object(m.held, pointer, "the first level of a mapping");
    if (!made.is_whole) return made;
    for (const json::member& second : m.held.members) {
      auto entry = read_entry(second, json::child_pointer(pointer, second.key));
      if (entry) made.entries.push_back(std::move(*entry));
      else made.is_whole = false;
    }
    return made;
  }

  bool literal_object(const json::value& v, const std::string& pointer, std::string_view called) {
    if (v.is_object() && !is_function(v)) return true;
    refuse(rule_id::mapping_not_literal, pointer, v.where,
           v.is_object() ? "a function inside Mappings" : std::string(called) + " is " + std::string(name_of(v.what)) + ", not an object",
           "the form is {\"Map\":{\"TopKey\":{\"SecondKey\":\"value\"}}}, all of it literal");
    return false;
  }

  // assumption: lists as mapping values, as in CloudFormation; AWS IoT's page shows strings only.
  std::optional<mapping_entry> read_entry(const json::member& m, const std::string& pointer) {
    mapping_entry made;
    made.key = m.key;
    const auto refuse_value = [&](const json::value& v, const std::string& where) {
      refuse(rule_id::mapping_not_literal, where, v.where,
             is_function(v) ? "a function inside Mappings"
                            : "a mapping's value is " + std::string(name_of(v.what)) + ", not a string",
             "values are literal strings, two levels deep");
    };
    if (m.held.is_string()) {
      made.values.push_back(m.held.text);
      return made;
    }
    if (!m.held.is_array()) {
      refuse_value(m.held, pointer);
      return std::nullopt;
    }
    made.is_list = true;
    bool good = true;
    for (std::size_t i = 0; i < m.held.items.size(); ++i) {
      const json::value& item = m.held.items[i];
      if (item.is_string()) {
        made.values.push_back(item.text);
        continue;
      }
      good = false;
      refuse_value(item, json::child_pointer(pointer, i));
    }
    if (!good) return std::nullopt;
    return made;
  }

  void read_configuration(const json::member& m, const std::string& pointer) {
    if (m.held.is_object() && !is_function(m.held)) {
      refuse(rule_id::nested_device_configuration, pointer, m.held.where,
             shown(m.key) + " in DeviceConfiguration is an object", "DeviceConfiguration is a flat map of strings");
      return;
    }
    add_named(made_.device_configuration, m, pointer);
  }

  void add_named(std::vector<named_expression>& to, const json::member& m, const std::string& pointer) {
    auto value = expressions_.read_text(m.held, pointer);
    if (value) to.push_back({m.key, at(pointer, m.key_where), std::move(*value)});
  }

  void read_resource(const json::member& m, const std::string& pointer) {
    if (!is_object(m.held, pointer, "a resource")) return;
    const json::member* type = m.held.find_member("Type");
    const json::member* properties = m.held.find_member("Properties");
    const json::member* overrides = m.held.find_member("OverrideSettings");
    static constexpr std::array<std::string_view, 3> parts{"Type", "Properties", "OverrideSettings"};
    for (const json::member& part : m.held.members) {
      if (part.key == "Type" || part.key == "Properties" || part.key == "OverrideSettings") continue;
      std::string help = did_you_mean(part.key, parts);
      if (help.empty()) help = "a resource has Type, Properties and OverrideSettings";
      refuse(rule_id::unknown_property, json::child_pointer(pointer, part.key), part.key_where,
             "a resource has no property " + shown(part.key), std::move(help));
    }
    if (type == nullptr) {
      refuse(rule_id::missing_property, pointer, opening_brace(m.held.where), "the resource has no `Type`");
      return;
    }
    const std::string type_pointer = json::child_pointer(pointer, "Type");
    if (!type->held.is_string()) {
      refuse(rule_id::wrong_type, type_pointer, type->held.where,
             "`Type` is " + std::string(name_of(type->held.what)) + ", not a string");
      return;
    }
    bool known = false;
    for (const std::string_view name : resource_types) known = known || type->held.text == name;
    if (!known) {
      std::string help = did_you_mean(type->held.text, resource_types);
      if (help.empty()) help = "types are AWS::IoT::Thing, AWS::IoT::Certificate and AWS::IoT::Policy";
      refuse(rule_id::unknown_resource_type, type_pointer, type->held.where,
             "unknown resource type " + shown(type->held.text), std::move(help));
      return;
    }
    json::value nothing;
    nothing.what = json::kind::object;
    const json::value* held = &nothing;
    if (properties == nullptr)
      refuse(rule_id::missing_property, pointer, opening_brace(m.held.where), "the resource has no `Properties`");
    else if (is_object(properties->held, json::child_pointer(pointer, "Properties"), "`Properties`"))
      held = &properties->held;
    else
      return;
    const json::value* settings = nullptr;
    if (overrides != nullptr &&
        is_object(overrides->held, json::child_pointer(pointer, "OverrideSettings"), "`OverrideSettings`"))
      settings = &overrides->held;
    const bool complete = properties != nullptr;
    if (type->held.text == resource_types[0]) read_thing(m, pointer, *held, settings, complete);
    else if (type->held.text == resource_types[1]) read_certificate(m, pointer, *held, settings, complete);
    else read_policy(m, pointer, *held, settings, complete);
  }

  template <class Names>
  void refuse_property(const json::member& m, const std::string& pointer, std::string_view resource, const Names& names) {
    std::string help = did_you_mean(m.key, names);
    if (help.empty()) {
      help = "properties are ";
      for (std::size_t i = 0; i < names.size(); ++i) help += (i == 0 ? "" : ", ") + std::string(names[i]);
    }
    refuse(rule_id::unknown_property, pointer, m.key_where, std::string(resource) + " has no property " + shown(m.key),
           std::move(help));
  }

  std::optional<placed_override> read_override(const json::member& m, const std::string& pointer, bool can_merge) {
    static constexpr std::array<std::string_view, 4> words{"DO_NOTHING", "REPLACE", "FAIL", "MERGE"};
    const auto take = [&](override_setting setting) { return placed_override{setting, at(pointer, m.held.where)}; };
    if (m.held.is_string()) {
      if (m.held.text == "DO_NOTHING") return take(override_setting::do_nothing);
      if (m.held.text == "REPLACE") return take(override_setting::replace);
      if (m.held.text == "FAIL") return take(override_setting::fail);
      if (m.held.text == "MERGE" && can_merge) return take(override_setting::merge);
    }
    std::string help = m.held.text == "MERGE" ? "" : did_you_mean(m.held.text, words);
    if (help.empty())
      help = can_merge ? "values are DO_NOTHING, REPLACE, FAIL and MERGE" : "values are DO_NOTHING, REPLACE and FAIL";
    refuse(rule_id::override_value, pointer, m.held.where,
           (m.held.is_string() ? shown(m.held.text) : std::string(name_of(m.held.what))) + " is no setting for " + shown(m.key),
           std::move(help));
    return std::nullopt;
  }

  void refuse_override(const json::member& m, const std::string& pointer, std::string help) {
    refuse(rule_id::override_key, pointer, m.key_where, "no such override setting here: " + shown(m.key), std::move(help));
  }

  void read_thing(const json::member& m, const std::string& pointer, const json::value& held,
                  const json::value* settings, bool complete) {
    thing_resource made;
    made.logical_name = m.key;
    made.at = at(pointer, m.key_where);
    const std::string base = json::child_pointer(pointer, "Properties");
    for (const json::member& p : held.members) {
      const std::string inner = json::child_pointer(base, p.key);
      if (p.key == "ThingName") made.name = expressions_.read_text(p.held, inner);
      else if (p.key == "ThingTypeName") made.type = expressions_.read_text(p.held, inner);
      else if (p.key == "BillingGroup") made.billing_group = expressions_.read_text(p.held, inner);
      else if (p.key == "ThingGroups") made.groups = expressions_.read(p.held, inner, wanted::list);
      else if (p.key == "AttributePayload") read_attributes(made, p, inner);
      else refuse_property(p, inner, "a thing", thing_properties);
    }
    if (complete && held.find_member("ThingName") == nullptr)
      refuse(rule_id::missing_property, base, opening_brace(held.where), "the thing has no `ThingName`");
    if (settings != nullptr)
      for (const json::member& s : settings->members) {
        const std::string inner = json::child_pointer(json::child_pointer(pointer, "OverrideSettings"), s.key);
        if (s.key == "AttributePayload" || s.key == "ATTRIBUTE_PAYLOAD") made.override_attributes = read_override(s, inner, true);
        else if (s.key == "ThingTypeName" || s.key == "THING_TYPE_NAME") made.override_type = read_override(s, inner, false);
        else if (s.key == "ThingGroups" || s.key == "THING_GROUPS") made.override_groups = read_override(s, inner, true);
        else refuse_override(s, inner, "things have AttributePayload, ThingTypeName and ThingGroups");
      }
    made_.things.push_back(std::move(made));
  }

  void read_attributes(thing_resource& made, const json::member& p, const std::string& pointer) {
    made.attributes_at = at(pointer, p.held.where);
    if (!is_object(p.held, pointer, "`AttributePayload`")) return;
    for (const json::member& a : p.held.members) {
      const std::string inner = json::child_pointer(pointer, a.key);
      if (a.key.substr(0, 4) == "Fn::") {
        refuse(rule_id::malformed_function, inner, a.key_where, "functions give strings, AttributePayload is a map",
               "use functions for the values of single attributes");
        continue;
      }
      add_named(made.attributes, a, inner);
    }
  }

  void read_certificate(const json::member& m, const std::string& pointer, const json::value& held,
                        const json::value* settings, bool complete) {
    certificate_resource made;
    made.logical_name = m.key;
    made.at = at(pointer, m.key_where);
    const std::string base = json::child_pointer(pointer, "Properties");
    for (const json::member& p : held.members) {
      const std::string inner = json::child_pointer(base, p.key);
      if (p.key == "CertificateId") made.id = expressions_.read_text(p.held, inner);
      else if (p.key == "CertificateSigningRequest") made.csr = expressions_.read_text(p.held, inner);
      else if (p.key == "CertificatePem") made.pem = expressions_.read_text(p.held, inner);
      else if (p.key == "CACertificatePem") made.ca_pem = expressions_.read_text(p.held, inner);
      else if (p.key == "Status") read_word(made.status, p, inner, rule_id::invalid_status);
      else if (p.key == "ThingPrincipalType") read_word(made.principal_type, p, inner, rule_id::invalid_principal_type);
      else refuse_property(p, inner, "a certificate", certificate_properties);
    }
    if (complete) check_certificate_source(held, base);
    if (settings != nullptr)
      for (const json::member& s : settings->members) {
        const std::string inner = json::child_pointer(json::child_pointer(pointer, "OverrideSettings"), s.key);
        if (s.key == "Status") made.override_status = read_override(s, inner, false);
        else refuse_override(s, inner, "certificates have Status");
      }
    made_.certificates.push_back(std::move(made));
  }

  void read_word(std::optional<expression>& to, const json::member& p, const std::string& pointer, rule_id id) {
    to = expressions_.read_text(p.held, pointer);
    if (!to || !to->is_literal()) return;
    const bool good = id == rule_id::invalid_status
                          ? equals_ignoring_case(to->text, "ACTIVE") || equals_ignoring_case(to->text, "INACTIVE")
                          : to->text == "EXCLUSIVE_THING" || to->text == "NON_EXCLUSIVE_THING";
    if (!good)
      refuse(id, pointer, p.held.where, shown(to->text) + " is no value of " + shown(p.key),
             id == rule_id::invalid_status ? "values are ACTIVE and INACTIVE" : "values are EXCLUSIVE_THING and NON_EXCLUSIVE_THING");
  }

  void check_certificate_source(const json::value& held, const std::string& base) {
    const json::member* id = held.find_member("CertificateId");
    const json::member* csr = held.find_member("CertificateSigningRequest");
    const json::member* pem = held.find_member("CertificatePem");
    const json::member* ca = held.find_member("CACertificatePem");
    if (kind_ != template_kind::bulk) {
      for (const json::member* other : {csr, pem, ca})
        if (other != nullptr)
          refuse(rule_id::certificate_source, json::child_pointer(base, other->key), other->key_where,
                 shown(other->key) + " is for bulk registration only",
                 "a " + std::string(kind_word()) + " template gives `\"CertificateId\": {\"Ref\": \"AWS::IoT::Certificate::Id\"}`");
      if (id == nullptr && csr == nullptr && pem == nullptr && ca == nullptr)
        refuse(rule_id::certificate_source, base, opening_brace(held.where), "the certificate has no `CertificateId`",
               "add `\"CertificateId\": {\"Ref\": \"AWS::IoT::Certificate::Id\"}`");
      return;
    }
    const int ways = (id != nullptr ? 1 : 0) + (csr != nullptr ? 1 : 0) + (pem != nullptr ? 1 : 0);
    if (ways != 1)
      refuse(rule_id::certificate_source, base, opening_brace(held.where),
             ways == 0 ? "the certificate is not given" : "the certificate is given in several ways",
             "give exactly one of CertificateSigningRequest, CertificatePem and CertificateId");
    if (ca != nullptr && pem == nullptr)
      refuse(rule_id::certificate_source, json::child_pointer(base, ca->key), ca->key_where,
             "`CACertificatePem` without `CertificatePem`");
  }

  void read_policy(const json::member& m, const std::string& pointer, const json::value& held,
                   const json::value* settings, bool complete) {
    policy_resource made;
    made.logical_name = m.key;
    made.at = at(pointer, m.key_where);
    const std::string base = json::child_pointer(pointer, "Properties");
    for (const json::member& p : held.members) {
      const std::string inner = json::child_pointer(base, p.key);
      if (p.key == "PolicyName") made.name = expressions_.read_text(p.held, inner);
      else if (p.key == "PolicyDocument") made.document = read_policy_document(p.held, inner);
      else refuse_property(p, inner, "a policy", policy_properties);
    }
    const bool named = held.find_member("PolicyName") != nullptr;
    const json::member* document = held.find_member("PolicyDocument");
    if (complete && named == (document != nullptr))
      refuse(rule_id::policy_source, named ? json::child_pointer(base, "PolicyDocument") : base,
             named ? document->key_where : opening_brace(held.where),
             named ? "the policy has both `PolicyName` and `PolicyDocument`"
                   : "the policy has neither `PolicyName` nor `PolicyDocument`",
             named ? "keep one of the two" : "name an existing policy, or give a document");
    if (settings != nullptr)
      for (const json::member& s : settings->members)
        refuse_override(s, json::child_pointer(json::child_pointer(pointer, "OverrideSettings"), s.key),
                        "policies have no OverrideSettings");
    made_.policies.push_back(std::move(made));
  }

  std::optional<policy_source> read_policy_document(const json::value& v, const std::string& pointer) {
    policy_source made;
    made.at = at(pointer, v.where);
    if (v.is_object() && !is_function(v)) {
      made.object = v;
      if (!read_computed(*made.object, pointer, made)) return std::nullopt;
      return made;
    }
    if (!v.is_string() && !v.is_object()) {
      refuse(rule_id::wrong_type, pointer, v.where,
             "`PolicyDocument` is " + std::string(name_of(v.what)) + ", not a string or an object");
      return std::nullopt;
    }
    made.text = expressions_.read_text(v, pointer);
    if (!made.text) return std::nullopt;
    if (v.is_string() && v.where.end <= source_.text.size()) {
      made.offsets = decoded_offsets(source_.text.substr(v.where.begin, v.where.end - v.where.begin), v.where.begin);
      if (source_.outer != nullptr)
        for (std::uint32_t& offset : made.offsets) offset = source_.range({offset, offset + 1}).begin;
    }
    return made;
  }

  /// Replaces function calls inside the object by nulls that carry the index of their expression, and
  /// moves all places to the outermost document.
  bool read_computed(json::value& v, const std::string& pointer, policy_source& made) {
    if (is_function(v)) {
      auto value = expressions_.read(v, pointer, wanted::either);
      if (!value) return false;
      json::value marker;
      marker.what = json::kind::null;
      marker.text = std::to_string(made.computed.size());
      marker.where = source_.range(v.where);
      made.computed.push_back(std::move(*value));
      v = std::move(marker);
      return true;
    }
    bool good = true;
    for (std::size_t i = 0; i < v.items.size(); ++i)
      good = read_computed(v.items[i], json::child_pointer(pointer, i), made) && good;
    for (json::member& m : v.members) {
      good = read_computed(m.held, json::child_pointer(pointer, m.key), made) && good;
      m.key_where = source_.range(m.key_where);
    }
    v.where = source_.range(v.where);
    return good;
  }

  source_text source_;
  template_kind kind_;
  expression_reader expressions_;
  provisioning_template made_;
};

template <class Visit>
void visit_references(const expression& e, Visit& visit) {
  if (e.what == expression::kind::ref) visit(std::string_view(e.text), e.at);
  for (const sub_piece& piece : e.pieces)
    if (piece.what == sub_piece::kind::parameter) visit(std::string_view(piece.text), e.at);
  for (const expression& argument : e.arguments) visit_references(argument, visit);
}

/// Calls `visit(expression)` for each outermost expression of the template.
template <class Visit>
void for_each_expression(const provisioning_template& subject, Visit&& visit) {
  const auto maybe = [&](const std::optional<expression>& e) {
    if (e) visit(*e);
  };
  for (const thing_resource& t : subject.things) {
    maybe(t.name);
    for (const named_expression& a : t.attributes) visit(a.value);
    maybe(t.type);
    maybe(t.groups);
    maybe(t.billing_group);
  }
  for (const certificate_resource& c : subject.certificates) {
    maybe(c.id);
    maybe(c.csr);
    maybe(c.pem);
    maybe(c.ca_pem);
    maybe(c.status);
    maybe(c.principal_type);
  }
  for (const policy_resource& p : subject.policies) {
    maybe(p.name);
    if (!p.document) continue;
    maybe(p.document->text);
    for (const expression& e : p.document->computed) visit(e);
  }
  for (const named_expression& d : subject.device_configuration) visit(d.value);
}

/// Whether there is a certificate to attach policies to: bulk registration may make a thing alone.
inline bool has_certificate(const provisioning_template& subject) noexcept {
  return subject.kind != template_kind::bulk || !subject.certificates.empty();
}

/// Reads a template that stands at `source` (places move to the outermost document).
inline outcome<provisioning_template> read_template_body(const json::value& root, source_text source, template_kind kind) {
  outcome<provisioning_template> out;
  report findings;
  out.value = template_reader(source, kind, findings).read(root);
  out.diagnostics = findings.take();
  return out;
}

}  // namespace detail

inline outcome<provisioning_template> parse(const json::document& source, template_kind kind) {
  return detail::read_template_body(source.root(), detail::source_text{source.text(), nullptr}, kind);
}

template <class Visit>
void for_each_reference(const provisioning_template& subject, Visit&& visit) {
  detail::for_each_expression(subject, [&](const expression& e) { detail::visit_references(e, visit); });
}

}  // namespace fleetprov::templates
