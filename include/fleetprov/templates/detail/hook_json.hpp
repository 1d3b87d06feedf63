#pragma once

#include <fleetprov/templates/detail/json_text.hpp>
#include <fleetprov/templates/detail/nearest.hpp>
#include <fleetprov/templates/detail/report.hpp>
#include <fleetprov/templates/document.hpp>
#include <fleetprov/templates/hook.hpp>
#include <fleetprov/topics/arn.hpp>
#include <fleetprov/topics/thing_name.hpp>

#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace fleetprov::templates {

namespace detail {

inline constexpr std::array<std::string_view, 6> hook_request_members{"claimCertificateId", "certificateId", "certificatePem",
                                                                      "templateArn",        "clientId",      "parameters"};
inline constexpr std::array<std::string_view, 2> hook_response_members{"allowProvisioning", "parameterOverrides"};

/// Reads a map of strings; anything else in it is an error.
inline std::map<std::string, std::string> read_text_map(const json::member& from, report& findings) {
  std::map<std::string, std::string> out;
  const std::string pointer = json::child_pointer("", from.key);
  if (!from.held.is_object()) {
    findings.add(rule_id::override_not_text, pointer, from.held.where,
                 shown(from.key) + " is " + std::string(name_of(from.held.what)) + ", not an object of strings");
    return out;
  }
  for (const json::member& m : from.held.members) {
    if (m.held.is_string()) {
      out.emplace(m.key, m.held.text);
      continue;
    }
    findings.add(rule_id::override_not_text, json::child_pointer(pointer, m.key), m.held.where,
                 "the value of " + shown(m.key) + " is " + std::string(name_of(m.held.what)) + ", not a string",
                 m.held.is(json::kind::number) || m.held.is(json::kind::boolean) ? "write `\"" + m.held.text + "\"`" : "");
  }
  return out;
}

inline void check_hook_values(const json::value& root, report& findings) {
  for (const std::string_view key : {"claimCertificateId", "certificateId"}) {
    const json::value* id = root.find(key);
    if (id != nullptr && id->is_string() && !topics::validate_certificate_id(id->text))
      findings.add(rule_id::hook_request_value, json::child_pointer("", key), id->where, shown(key) + " is not 64 hex digits");
  }
  const json::value* arn = root.find("templateArn");
  if (arn == nullptr || !arn->is_string()) return;
  const auto parsed = topics::parse_arn(arn->text);
  constexpr std::string_view type = "provisioningtemplate/";
  if (!parsed || parsed->service != "iot" || parsed->resource.substr(0, type.size()) != type)
    findings.add(rule_id::hook_request_value, "/templateArn", arn->where, shown(arn->text) + " is not the ARN of a provisioning template",
                 "the form is `arn:aws:iot:REGION:ACCOUNT:provisioningtemplate/NAME`");
}

inline bool has_object_root(const json::document& source, report& findings) {
  const json::value& root = source.root();
  if (root.is_object()) return true;
  findings.add(rule_id::template_not_object, "", root.where, "the document is " + std::string(name_of(root.what)) + ", not an object");
  return false;
}

template <class Names>
bool is_one_of(std::string_view word, const Names& names) noexcept {
  for (const std::string_view name : names)
    if (name == word) return true;
  return false;
}

/// Overrides of the service's own values have no effect.
inline void drop_predefined(const json::member& from, std::map<std::string, std::string>& overrides, report& findings) {
  for (const json::member& m : from.held.members) {
    if (m.key != certificate_id_parameter && !is_subject_parameter(m.key)) continue;
    overrides.erase(m.key);
    findings.add(rule_id::override_ignored, json::child_pointer("/parameterOverrides", m.key), m.key_where,
                 shown(m.key) + " is set by the service and cannot be overridden");
  }
}

}  // namespace detail

inline std::string encode(const hook_request& request) {
  std::string out = "{";
  const auto add = [&](std::string_view key, std::string_view value) {
    detail::append_json_string(out, key);
    out += ':';
    detail::append_json_string(out, value);
    out += ',';
  };
  add("claimCertificateId", request.claim_certificate_id);
  add("certificateId", request.certificate_id);
  add("certificatePem", request.certificate_pem);
  add("templateArn", request.template_arn);
  add("clientId", request.client_id);
  out += "\"parameters\":";
  detail::append_json_map(out, request.parameters);
  out += '}';
  return out;
}

inline outcome<hook_request> parse_hook_request(const json::document& source) {
  outcome<hook_request> out;
  detail::report findings;
  if (detail::has_object_root(source, findings)) {
    const json::value& root = source.root();
    hook_request made;
    const std::array<std::string*, 5> targets{&made.claim_certificate_id, &made.certificate_id, &made.certificate_pem,
                                              &made.template_arn, &made.client_id};
    for (std::size_t i = 0; i < detail::hook_request_members.size(); ++i) {
      const std::string_view key = detail::hook_request_members[i];
      const json::member* m = root.find_member(key);
      if (m == nullptr) {
        findings.add(rule_id::missing_property, "", detail::opening_brace(root.where), detail::shown(key) + " is missing",
                     key == "parameters" ? "it is `{}` when the device sent none" : "");
      } else if (i == targets.size()) {
        made.parameters = detail::read_text_map(*m, findings);
      } else if (m->held.is_string()) {
        *targets[i] = m->held.text;
      } else {
        findings.add(rule_id::wrong_type, json::child_pointer("", key), m->held.where,
                     detail::shown(key) + " is " + std::string(name_of(m->held.what)) + ", not a string");
      }
    }
    for (const json::member& m : root.members)
      if (!detail::is_one_of(m.key, detail::hook_request_members))
        findings.add(rule_id::unknown_property, json::child_pointer("", m.key), m.key_where,
                     "a hook request has no member " + detail::shown(m.key), detail::did_you_mean(m.key, detail::hook_request_members));
    detail::check_hook_values(root, findings);
    out.value = std::move(made);
  }
  out.diagnostics = findings.take();
  return out;
}

inline outcome<hook_answer> parse_hook_response(const json::document& source) {
  outcome<hook_answer> out;
  detail::report findings;
  if (detail::has_object_root(source, findings)) {
    const json::value& root = source.root();
    hook_answer made;
    const json::member* allow = root.find_member("allowProvisioning");
    if (allow == nullptr) {
      std::string help = root.find_member("statusCode") != nullptr && root.find_member("body") != nullptr
                             ? "a hook answers directly, not with an HTTP statusCode and body"
                             : "add `\"allowProvisioning\": true` or false";
      findings.add(rule_id::hook_denies, "", detail::opening_brace(root.where), "`allowProvisioning` is missing: every device is denied",
                   std::move(help));
    } else if (!allow->held.is(json::kind::boolean)) {
      // assumption: the page quotes `"true"` once, all samples return a boolean; the string denies.
      findings.add(rule_id::hook_denies, "/allowProvisioning", allow->held.where,
                   "`allowProvisioning` is " + std::string(name_of(allow->held.what)) + ", not a boolean: every device is denied",
                   allow->held.text == "true" ? "write `true` without quotes" : "");
    } else {
      made.allow = allow->held.text == "true";
    }
    // assumption: null counts as absent, as for the members of the API's own requests.
    if (const json::member* overrides = root.find_member("parameterOverrides");
        overrides != nullptr && !overrides->held.is(json::kind::null)) {
      made.overrides = detail::read_text_map(*overrides, findings);
      detail::drop_predefined(*overrides, made.overrides, findings);
    }
    for (const json::member& m : root.members)
      if (!detail::is_one_of(m.key, detail::hook_response_members))
        findings.add(rule_id::override_ignored, json::child_pointer("", m.key), m.key_where,
                     "a hook's answer has no member " + detail::shown(m.key) + ", it is ignored",
                     detail::did_you_mean(m.key, detail::hook_response_members));
    out.value = std::move(made);
  }
  out.diagnostics = findings.take();
  if (out.has_errors()) out.value.reset();
  return out;
}

inline outcome<hook_answer> decode_hook_response(std::string_view text) {
  outcome<hook_answer> out;
  auto source = json::document::from_text(std::string(text));
  if (!source) {
    out.diagnostics = std::move(source.diagnostics);
    return out;
  }
  return parse_hook_response(*source.value);
}

}  // namespace fleetprov::templates
