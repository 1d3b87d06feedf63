#pragma once

#include <fleetprov/core/detail/hex.hpp>
#include <fleetprov/core/utf8.hpp>
#include <fleetprov/policies/placeholders.hpp>
#include <fleetprov/templates/detail/embedded.hpp>
#include <fleetprov/templates/detail/nearest.hpp>
#include <fleetprov/templates/detail/report.hpp>
#include <fleetprov/templates/request.hpp>
#include <fleetprov/templates/validate.hpp>
#include <fleetprov/topics/arn.hpp>
#include <fleetprov/topics/limits.hpp>
#include <fleetprov/topics/template_name.hpp>

#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace fleetprov::templates {

namespace detail {

inline constexpr std::array<std::string_view, 3> registration_members{"templateBody", "roleArn", "templateName"};
inline constexpr std::array<std::string_view, 8> creation_members{
    "templateName", "description", "templateBody", "enabled", "provisioningRoleArn", "preProvisioningHook", "tags", "type"};

/// Members of a request around a template.
class request_reader {
 public:
  request_reader(const json::document& source, report& findings) : source_(source), findings_(findings) {}

  report& findings() noexcept { return findings_; }

  template <class Names>
  void refuse_unknown(const json::value& object, std::string_view base, const Names& names, std::string_view called) {
    for (const json::member& m : object.members) {
      bool known = false;
      for (const std::string_view name : names) known = known || m.key == name;
      if (known) continue;
      findings_.add(rule_id::unknown_property, json::child_pointer(base, m.key), m.key_where,
                    std::string(called) + " has no member " + shown(m.key), did_you_mean(m.key, names));
    }
  }

  std::optional<std::string> text(const json::value& object, std::string_view base, std::string_view key) {
    const json::member* m = object.find_member(key);
    if (m == nullptr) return std::nullopt;
    if (m->held.is_string()) return m->held.text;
    findings_.add(rule_id::wrong_type, json::child_pointer(base, key), m->held.where,
                  shown(key) + " is " + std::string(name_of(m->held.what)) + ", not a string");
    return std::nullopt;
  }

  void require(const json::value& object, std::string_view base, std::string_view key, std::string help = {}) {
    if (object.find_member(key) == nullptr)
      findings_.add(rule_id::missing_property, std::string(base), opening_brace(object.where), shown(key) + " is missing", std::move(help));
  }

  /// Whether a text has as many characters as the API takes; reports where it has not.
  bool check_length(const json::value& held, std::string_view base, std::string_view key, std::size_t least,
                    std::size_t most) {
    const std::size_t size = count_code_points(held.text);
    if (size >= least && size <= most) return true;
    findings_.add(rule_id::request_field, json::child_pointer(base, key), held.where,
                  shown(key) + " has " + std::to_string(size) + " characters",
                  std::to_string(least) + " to " + std::to_string(most) + " are allowed");
    return false;
  }

  void check_role(const json::value& object, std::string_view key) {
    const json::member* m = object.find_member(key);
    if (m == nullptr || !m->held.is_string()) return;
    // One that is still to be filled in has no length yet, and maybe no account.
    const bool is_open = policies::find_placeholder(m->held.text).has_value();
    if (!is_open && !check_length(m->held, "", key, topics::limits::min_role_arn, topics::limits::max_role_arn)) return;
    const auto arn = topics::parse_arn(m->held.text);
    if (!arn || arn->service != "iam" || arn->resource.substr(0, 5) != "role/" || !(is_open || policies::is_account(arn->account)))
      findings_.add(rule_id::role_arn, json::child_pointer("", key), m->held.where, shown(m->held.text) + " is not the ARN of a role",
                    "the form is `arn:aws:iam::123456789012:role/NAME`");
  }

  void check_template_name(const json::value& object) {
    const json::member* m = object.find_member("templateName");
    if (m == nullptr || !m->held.is_string() || topics::template_name::parse(m->held.text)) return;
    findings_.add(rule_id::request_field, "/templateName", m->held.where, shown(m->held.text) + " is no template name",
                  "names have 1 to 36 characters of [0-9A-Za-z_-]");
  }

  /// The template inside `templateBody`, validated; its findings are moved out to the string.
  std::optional<provisioning_template> body(const json::value& object, template_kind kind, validation_options options) {
    const json::member* m = object.find_member("templateBody");
    if (m == nullptr) return std::nullopt;
    if (m->held.is_object()) {
      findings_.add(rule_id::wrong_type, "/templateBody", m->held.where, "`templateBody` is an object, not a string",
                    "the API takes the template as text: encode it once");
      return std::nullopt;
    }
    if (!m->held.is_string()) return std::nullopt;  // `text` has reported it
    const std::string& text = m->held.text;
    if (looks_encoded_twice(text)) {
      findings_.add(rule_id::encoded_twice, "/templateBody", m->held.where, "the template is JSON that was encoded twice",
                    "give the API the text of the template, not an encoded string of it");
      return std::nullopt;
    }
    return embedded_body(m->held, kind, options);
  }

 private:
  std::optional<provisioning_template> embedded_body(const json::value& held, template_kind kind, validation_options options) {
    offset_map offsets;
    const std::string_view whole = source_.text();
    if (held.where.end <= whole.size())
      offsets = decoded_offsets(whole.substr(held.where.begin, held.where.end - held.where.begin), held.where.begin);
    auto inner = json::document::from_text(held.text);
    std::vector<diagnostic> found = std::move(inner.diagnostics);
    move_outside(found, "/templateBody", "the template body", offsets, held.where);
    findings_.append(std::move(found));
    if (!inner.value) return std::nullopt;
    // A map even without source text, so that no inner offset passes for an outer one.
    if (offsets.empty()) offsets.assign(held.text.size() + 1, held.where.begin);
    auto parsed = read_template_body(inner.value->root(), source_text{inner.value->text(), &offsets}, kind);
    if (parsed.value)
      for (diagnostic& d : validate(*parsed.value, options)) parsed.diagnostics.push_back(std::move(d));
    name_outside(parsed.diagnostics, "/templateBody", "the template body");
    const bool good = static_cast<bool>(parsed);
    findings_.append(std::move(parsed.diagnostics));
    return good ? std::move(parsed.value) : std::nullopt;
  }

  const json::document& source_;
  report& findings_;
};

/// Is the root an object? Reports when it is not.
inline bool root_is_object(const json::document& source, report& findings) {
  const json::value& root = source.root();
  if (root.is_object()) return true;
  findings.add(rule_id::template_not_object, "", root.where, "the document is " + std::string(name_of(root.what)) + ", not an object");
  return false;
}

}  // namespace detail

inline outcome<registration_config> parse_registration_config(const json::document& source) {
  outcome<registration_config> out;
  detail::report findings;
  if (detail::root_is_object(source, findings)) {
    const json::value& root = source.root();
    detail::request_reader reader(source, findings);
    registration_config made;
    reader.refuse_unknown(root, "", detail::registration_members, "a registration config");
    made.template_name = reader.text(root, "", "templateName");
    made.role_arn = reader.text(root, "", "roleArn");
    const json::member* body = root.find_member("templateBody");
    if (body != nullptr && !body->held.is_object()) made.template_body = reader.text(root, "", "templateBody");
    reader.check_template_name(root);
    reader.check_role(root, "roleArn");
    const json::member* name = root.find_member("templateName");
    if (name == nullptr) {
      reader.require(root, "", "templateBody", "give `templateBody` and `roleArn`, or `templateName`");
      if (body != nullptr) reader.require(root, "", "roleArn");
    } else if (body != nullptr) {
      findings.add(rule_id::unknown_property, "/templateName", name->key_where,
                   "`templateName` and `templateBody` exclude each other", "keep one of the two");
    }
    made.body = reader.body(root, template_kind::jitp, {});
    out.value = std::move(made);
  }
  out.diagnostics = findings.take();
  return out;
}

inline bool is_creation_request(const json::document& source) noexcept {
  const json::value& root = source.root();
  if (!root.is_object() || root.find_member("Resources") != nullptr) return false;
  if (root.find_member("provisioningRoleArn") != nullptr || root.find_member("preProvisioningHook") != nullptr) return true;
  const bool has_body = root.find_member("templateBody") != nullptr;
  return has_body && (root.find_member("templateName") != nullptr || root.find_member("enabled") != nullptr ||
                      root.find_member("type") != nullptr);
}

namespace detail {

inline void read_hook(request_reader& reader, const json::value& root, creation_request& made) {
  static constexpr std::array<std::string_view, 2> members{"targetArn", "payloadVersion"};
  const json::member* hook = root.find_member("preProvisioningHook");
  if (hook == nullptr) return;
  report& findings = reader.findings();
  if (!hook->held.is_object()) {
    findings.add(rule_id::wrong_type, "/preProvisioningHook", hook->held.where,
                 "`preProvisioningHook` is " + std::string(name_of(hook->held.what)) + ", not an object");
    return;
  }
  made.has_hook = true;
  if (made.kind == template_kind::jitp)
    findings.add(rule_id::hook_not_allowed, "/preProvisioningHook", hook->key_where, "a JITP template has no pre-provisioning hook");
  reader.refuse_unknown(hook->held, "/preProvisioningHook", members, "a hook");
  reader.require(hook->held, "/preProvisioningHook", "targetArn");
  made.hook_target_arn = reader.text(hook->held, "/preProvisioningHook", "targetArn");
  // assumption: only the upper bound is in AWS's model; the ARN of no function is nobody's wish.
  if (made.hook_target_arn)
    reader.check_length(*hook->held.find("targetArn"), "/preProvisioningHook", "targetArn", 1,
                        topics::limits::max_hook_target_arn);
  const auto version = reader.text(hook->held, "/preProvisioningHook", "payloadVersion");
  if (version && *version != "2020-04-01")
    findings.add(rule_id::request_field, "/preProvisioningHook/payloadVersion", hook->held.find("payloadVersion")->where,
                 shown(*version) + " is no payload version", "the only known version is `2020-04-01`");
}

inline void read_flags(request_reader& reader, const json::value& root, creation_request& made) {
  report& findings = reader.findings();
  const json::member* type = root.find_member("type");
  if (type != nullptr) {
    if (type->held.text == "JITP") made.kind = template_kind::jitp;
    else if (type->held.text != "FLEET_PROVISIONING")
      findings.add(rule_id::request_field, "/type", type->held.where, shown(type->held.text) + " is no template type",
                   "types are FLEET_PROVISIONING and JITP");
  }
  const json::member* enabled = root.find_member("enabled");
  if (enabled != nullptr && !enabled->held.is(json::kind::boolean)) {
    findings.add(rule_id::wrong_type, "/enabled", enabled->held.where,
                 "`enabled` is " + std::string(name_of(enabled->held.what)) + ", not a boolean");
    return;
  }
  made.enabled = enabled != nullptr && enabled->held.text == "true";
  if (!made.enabled)
    findings.add(rule_id::disabled_template, enabled != nullptr ? "/enabled" : "",
                 enabled != nullptr ? enabled->held.where : opening_brace(root.where),
                 enabled != nullptr ? "the template is disabled" : "the template is disabled: `enabled` is false where it is not sent",
                 "add `\"enabled\": true`");
}

/// "U+200B": for characters that show nothing themselves.
inline std::string code_point_name(std::uint32_t code_point) {
  constexpr std::string_view digits = fleetprov::detail::upper_case_hex_digits;
  std::string out;
  for (; code_point != 0 || out.size() < 4; code_point >>= 4) out.insert(out.begin(), digits[code_point & 15U]);
  return "U+" + out;
}

inline void check_description(request_reader& reader, const json::value& root, const creation_request& made) {
  if (!made.description) return;
  const std::string& text = *made.description;
  const auto refuse = [&](std::string message, std::string help) {
    reader.findings().add(rule_id::request_field, "/description", root.find("description")->where, std::move(message),
                          std::move(help));
  };
  if (count_code_points(text) > topics::limits::max_template_description)
    refuse("the description has more than " + std::to_string(topics::limits::max_template_description) + " characters", "");
  if (const std::size_t bad = find_invisible(text); bad != text.size())
    refuse("the description holds " + code_point_name(code_point_at(text, bad)),
           "line breaks and other control, format and private-use characters are not allowed");
}

}  // namespace detail

inline outcome<creation_request> parse_creation_request(const json::document& source) {
  outcome<creation_request> out;
  detail::report findings;
  if (detail::root_is_object(source, findings)) {
    const json::value& root = source.root();
    detail::request_reader reader(source, findings);
    creation_request made;
    reader.refuse_unknown(root, "", detail::creation_members, "the request");
    for (const std::string_view key : {"templateName", "templateBody", "provisioningRoleArn"}) reader.require(root, "", key);
    made.template_name = reader.text(root, "", "templateName");
    made.description = reader.text(root, "", "description");
    made.provisioning_role_arn = reader.text(root, "", "provisioningRoleArn");
    if (const json::value* body = root.find("templateBody"); body != nullptr && !body->is_object())
      made.template_body = reader.text(root, "", "templateBody");
    reader.check_template_name(root);
    reader.check_role(root, "provisioningRoleArn");
    detail::check_description(reader, root, made);
    detail::read_flags(reader, root, made);
    detail::read_hook(reader, root, made);
    validation_options options;
    options.hook = made.has_hook ? hook_presence::present : hook_presence::absent;
    made.body = reader.body(root, made.kind, options);
    out.value = std::move(made);
  }
  out.diagnostics = findings.take();
  return out;
}

}  // namespace fleetprov::templates
