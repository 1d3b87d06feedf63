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

/// `["g1","g2",...]`, `count` of them, before the elements in `more`.
inline std::string group_list(int count, std::string_view more = "") {
  std::string out = "[";
  for (int i = 1; i <= count; ++i) out += (i == 1 ? "\"g" : ",\"g") + std::to_string(i) + "\"";
  out += more;
  return out + "]";
}

/// A template whose policies have these properties.
inline std::string with_policies(const std::vector<std::string>& policies, std::string_view certificate =
                                     R"("CertificateId":{"Ref":"AWS::IoT::Certificate::Id"})") {
  std::string out = R"({"Parameters":{"S":{"Type":"String"}},"Resources":{)";
  if (!certificate.empty()) out += R"("c":{"Type":"AWS::IoT::Certificate","Properties":{)" + std::string(certificate) + "}},";
  for (std::size_t i = 0; i < policies.size(); ++i)
    out += (i == 0 ? "\"p" : ",\"p") + std::to_string(i) + R"(":{"Type":"AWS::IoT::Policy","Properties":{)" + policies[i] + "}}";
  return out + "}}";
}

/// Properties of a policy: its name, or a document that lets this client connect, as an object or as text.
inline std::string named_policy(std::string_view name) { return "\"PolicyName\":\"" + std::string(name) + "\""; }
inline std::string inline_policy(std::string_view client, bool as_text = false) {
  const std::string document = R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:Connect","Resource":)"
                               R"("arn:aws:iot:us-east-1:123456789012:client/)" + std::string(client) + "\"}]}";
  std::string escaped;
  for (const char c : document) escaped += c == '"' ? std::string("\\\"") : std::string(1, c);
  return "\"PolicyDocument\":" + (as_text ? "\"" + escaped + "\"" : document);
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
