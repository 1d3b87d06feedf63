#pragma once

#include <fleetprov/templates/detail/nearest.hpp>
#include <fleetprov/templates/kinds.hpp>

#include <algorithm>
#include <initializer_list>
#include <string_view>

namespace fleetprov::templates {

namespace detail {

/// What a template's content says about its kind.
struct kind_marks {
  bool fleet = false, jitp = false, bulk = false;
  bool own_certificate_id = false;  ///< the id of a certificate comes from a parameter: bulk, if nothing else tells
};

inline void mark_name(std::string_view name, kind_marks& found) noexcept {
  if (name.substr(0, predefined_prefix.size()) != predefined_prefix) return;
  if (is_subject_parameter(name)) found.jitp = true;
  else found.fleet = true;  // a misspelling too: the id is meant more often
}

/// Of the text of Fn::Sub; `${!...}` is no reference.
inline void mark_references(std::string_view text, kind_marks& found) noexcept {
  for (std::size_t at = text.find("${"); at != std::string_view::npos; at = text.find("${")) {
    text.remove_prefix(at + 2);
    mark_name(text.substr(0, text.find('}')), found);
  }
}

inline void mark_kind(const json::value& at, kind_marks& found) noexcept {
  for (const json::member& m : at.members) {
    const std::string_view key = m.key;
    if (key == "CertificateSigningRequest" || key == "CertificatePem") found.bulk = true;
    const json::value* parameter = m.held.find("Ref");
    if (key == "CertificateId" && parameter != nullptr && parameter->text.compare(0, predefined_prefix.size(), predefined_prefix) != 0)
      found.own_certificate_id = true;
    if (key == "Ref") mark_name(m.held.text, found);
    if (key.substr(0, 4) == "Fn::" || key == "OverrideSettings") found.fleet = true;
    if (key == "Fn::Sub") mark_references(m.held.items.empty() ? m.held.text : m.held.items[0].text, found);
    mark_name(key, found);
    mark_kind(m.held, found);
  }
  for (const json::value& v : at.items) mark_kind(v, found);
}

inline bool has_member(const json::value& object, std::string_view key) noexcept {
  return object.find_member(key) != nullptr;
}

/// Also a misspelling by case, so that the right checker can say what is wrong.
inline bool has_member_like(const json::value& object, std::string_view key) noexcept {
  for (const json::member& m : object.members)
    if (equals_ignoring_case(m.key, key)) return true;
  return false;
}

inline document_kind detect_template(const json::value& root) noexcept {
  if (has_member(root, "Mappings") || has_member(root, "DeviceConfiguration")) return document_kind::fleet_template;
  kind_marks found;
  mark_kind(root, found);
  if (found.jitp) return document_kind::jitp_template;
  if (found.bulk) return document_kind::bulk_template;
  if (found.fleet) return document_kind::fleet_template;
  if (found.own_certificate_id) return document_kind::bulk_template;
  const json::value* resources = root.find("Resources");
  if (resources == nullptr || !resources->is_object() || resources->members.empty())
    return document_kind::fleet_template;
  for (const json::member& m : resources->members) {
    const json::value* type = m.held.find("Type");
    if (type == nullptr || type->text != "AWS::IoT::Thing") return document_kind::fleet_template;
  }
  return document_kind::bulk_template;
}

inline bool has_any(const json::value& root, std::initializer_list<std::string_view> keys) noexcept {
  for (const std::string_view key : keys)
    if (has_member(root, key)) return true;
  return false;
}

/// Whether each member is one of these, or a misspelling of one.
inline bool has_only(const json::value& root, std::initializer_list<std::string_view> keys) {
  return std::all_of(root.members.begin(), root.members.end(),
                     [&](const json::member& m) { return !did_you_mean(m.key, keys).empty(); });
}

/// Whether `templateBody` holds a template with a section that only those of fleet provisioning have.
inline bool has_fleet_body(const json::value& root) {
  const json::value* body = root.find("templateBody");
  if (body == nullptr || !body->is_string()) return false;
  const auto inner = json::document::from_text(body->text);
  return inner.value && has_any(inner.value->root(), {"Mappings", "DeviceConfiguration"});
}

/// What a request around a template, or the name of one, is; `unknown` for that of another operation, such as
/// CreateProvisioningTemplateVersion.
inline document_kind detect_request(const json::value& root) {
  const bool has_both = has_member(root, "templateBody") && has_member(root, "templateName");
  if (has_any(root, {"provisioningRoleArn", "preProvisioningHook", "enabled", "type"}) ||
      (has_both && !has_member(root, "roleArn") &&
       has_only(root, {"templateName", "templateBody", "provisioningRoleArn", "preProvisioningHook", "enabled", "type",
                       "description", "tags"}))) {
    const json::value* type = root.find("type");
    return type != nullptr && type->text == "JITP" ? document_kind::jitp_template : document_kind::fleet_template;
  }
  if (has_member(root, "roleArn")) return document_kind::registration_config;
  return !has_both && has_only(root, {"templateBody", "templateName", "roleArn"}) && !has_fleet_body(root)
             ? document_kind::registration_config
             : document_kind::unknown;
}

}  // namespace detail

inline document_kind detect_kind(const json::document& source) {
  const json::value& root = source.root();
  if (!root.is_object()) return document_kind::unknown;
  for (const std::string_view section : {"Resources", "Parameters", "Mappings", "DeviceConfiguration"})
    if (detail::has_member(root, section)) return detail::detect_template(root);
  if (detail::has_any(root, {"templateBody", "templateName"})) return detail::detect_request(root);
  if (detail::has_any(root, {"allowProvisioning", "parameterOverrides"})) return document_kind::hook_response;
  if (detail::has_any(root, {"claimCertificateId", "templateArn"}) ||
      (detail::has_member(root, "certificateId") && detail::has_member(root, "parameters")))
    return document_kind::hook_request;
  if (detail::has_any(root, {"Statement", "Version", "Effect", "Action"})) return document_kind::policy;
  for (const std::string_view section : {"Resources", "Parameters", "DeviceConfiguration"})
    if (detail::has_member_like(root, section)) return detail::detect_template(root);
  if (detail::has_member_like(root, "allowProvisioning")) return document_kind::hook_response;
  if (detail::has_member_like(root, "Statement")) return document_kind::policy;
  return document_kind::unknown;
}

}  // namespace fleetprov::templates
