#pragma once
// What the template tests share: text to template, findings by rule.

#include <fleetprov/templates/check.hpp>
#include <fleetprov/templates/evaluate.hpp>
#include <fleetprov/templates/parameters.hpp>

#include "support/catch.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace test {

namespace templates = fleetprov::templates;
using fleetprov::diagnostic;
using templates::rule_id;
using templates::template_kind;

inline fleetprov::json::document read(std::string_view text) {
  auto out = fleetprov::json::document::from_text(std::string(text));
  INFO(text);
  REQUIRE(out.value.has_value());
  return std::move(*out.value);
}

inline templates::provisioning_template parse_good(std::string_view text, template_kind kind = template_kind::fleet) {
  auto out = templates::parse(read(text), kind);
  INFO(text);
  for (const diagnostic& d : out.diagnostics) UNSCOPED_INFO(d.broken->id << " " << d.pointer << ": " << d.message);
  REQUIRE(out);
  return std::move(*out.value);
}

inline const diagnostic* find(const std::vector<diagnostic>& all, rule_id id) {
  for (const diagnostic& d : all)
    if (d.broken == &templates::row_of(id)) return &d;
  return nullptr;
}

inline const diagnostic* find(const std::vector<diagnostic>& all, std::string_view id) {
  for (const diagnostic& d : all)
    if (d.broken != nullptr && d.broken->id == id) return &d;
  return nullptr;
}

/// All findings in a document of the kind that its content shows.
inline std::vector<diagnostic> check_auto(std::string_view text) {
  const auto source = read(text);
  return templates::check(source, templates::detect_kind(source));
}

/// A fleet template around a thing with these properties and parameters.
inline std::string fleet(std::string_view thing_properties, std::string_view parameters = "",
                         std::string_view more_sections = "") {
  std::string out = "{\"Parameters\":{";
  out += parameters;
  out += "},\"Resources\":{\"thing\":{\"Type\":\"AWS::IoT::Thing\",\"Properties\":{";
  out += thing_properties;
  out += "}},\"certificate\":{\"Type\":\"AWS::IoT::Certificate\",\"Properties\":{\"CertificateId\":"
         "{\"Ref\":\"AWS::IoT::Certificate::Id\"}}},\"policy\":{\"Type\":\"AWS::IoT::Policy\",\"Properties\":"
         "{\"PolicyName\":\"p\"}}}";
  out += more_sections;
  return out + "}";
}

/// The value of an expression, through a thing attribute... DeviceConfiguration takes any text.
inline fleetprov::outcome<templates::plan> evaluate_value(std::string_view expression,
                                                          const std::map<std::string, std::string>& parameters = {},
                                                          std::string_view declared = "\"S\":{\"Type\":\"String\"}",
                                                          std::string_view mappings = "") {
  std::string more = ",\"DeviceConfiguration\":{\"v\":" + std::string(expression) + "}";
  if (!mappings.empty()) more += ",\"Mappings\":{" + std::string(mappings) + "}";
  return templates::evaluate(parse_good(fleet("\"ThingName\":\"a\"", declared, more)), parameters);
}

}  // namespace test
