#pragma once

#include <fleetprov/policies/document.hpp>
#include <fleetprov/policies/lint.hpp>
#include <fleetprov/templates/detail/embedded.hpp>
#include <fleetprov/templates/detail/policy_stand_in.hpp>
#include <fleetprov/templates/detail/shape.hpp>
#include <fleetprov/templates/validate.hpp>
#include <fleetprov/topics/limits.hpp>
#include <fleetprov/topics/thing_name.hpp>

#include <algorithm>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

namespace fleetprov::templates {

namespace detail {

class template_validator {
 public:
  template_validator(const provisioning_template& subject, const validation_options& options)
      : subject_(subject), options_(options), shapes_(subject, {}) {}

  std::vector<diagnostic> validate() {
    check_references();
    check_parameters();
    check_mappings();
    call_checker calls(subject_, {}, findings_);
    for_each_expression(subject_, [&](const expression& e) { calls.check(e); });
    check_counts();
    check_attachments(subject_, shapes_, findings_);
    for (const thing_resource& t : subject_.things) check_thing(t);
    for (const certificate_resource& c : subject_.certificates) check_certificate(c);
    for (const policy_resource& p : subject_.policies)
      if (p.document) check_document(*p.document);
    check_names();
    check_hook();
    return findings_.take();
  }

 private:
  void add(rule_id id, const place& at, std::string message, std::string help = {}) {
    findings_.add(id, at.pointer, at.where, std::move(message), std::move(help));
  }

  void check_references() {
    for_each_reference(subject_, [&](std::string_view name, const place& at) {
      used_.insert(std::string(name));
      if (is_known(name)) return;
      add(rule_id::undeclared_reference, at, "the parameter " + shown(name) + " is not declared", reference_help(name));
    });
  }

  /// Whether the service or the template knows the name; nothing else is said about one that neither does.
  bool is_known(std::string_view name) const noexcept {
    return is_predefined(name, subject_.kind) || subject_.find_parameter(name) != nullptr;
  }

  /// The first parameter that decides what an open value is, or "".
  std::string chosen_by(const shape& value) const {
    for (const shape_piece& p : value.pieces)
      if (!p.is_fixed() && is_known(p.parameter)) return p.parameter;
    return {};
  }

  /// Whether devices send the parameters and nothing looks at them before they are used.
  bool is_unverified() const noexcept {
    return subject_.kind == template_kind::fleet && options_.hook != hook_presence::present;
  }

  std::string reference_help(std::string_view name) const {
    if (is_subject_parameter(name)) return "values of the certificate's subject exist in JITP templates only";
    if (name == certificate_id_parameter) return "bulk registration has no certificate id to fill in";
    if (name.substr(0, 4) == "iot:" || name.substr(0, 4) == "aws:")
      return "a policy variable inside Fn::Sub is written `${!" + std::string(name) + "}`";
    if (name.substr(0, 5) == "AWS::" && name.substr(0, predefined_prefix.size()) != predefined_prefix)
      return "CloudFormation's pseudo parameters do not exist here";
    std::vector<std::string> declared{std::string(certificate_id_parameter)};
    for (const parameter& p : subject_.parameters) declared.push_back(p.name);
    const std::string help = did_you_mean(name, declared);
    return help.empty() ? "declare it under Parameters" : help;
  }

  void check_parameters() {
    for (const parameter& p : subject_.parameters) {
      const bool used = used_.count(p.name) != 0;
      const bool is_own = is_predefined(p.name, subject_.kind);
      if (subject_.kind != template_kind::jitp && is_subject_parameter(p.name))
        add(rule_id::subject_parameter, p.at,
            shown(p.name) + " is filled from the certificate in JITP templates only",
            subject_.kind == template_kind::fleet ? "create the template with `\"type\": \"JITP\"`, or rename the parameter"
                                                  : "rename the parameter");
      if (!used && p.name != certificate_id_parameter)
        add(rule_id::unused_parameter, p.at, "the parameter " + shown(p.name) + " is not used",
            subject_.kind == template_kind::fleet            ? "remove it, unless the hook needs it"
            : subject_.kind == template_kind::jitp && is_own ? "certificates without this value cannot register"
                                                             : "remove it");
      // Used or not: "JITP fails when the certificate lacks any value the template declares".
      if (subject_.kind == template_kind::jitp && !is_own && !p.default_value)
        add(rule_id::parameter_never_set, p.at, "nothing can give the parameter " + shown(p.name) + " a value",
            "give it a Default, or use a value of the certificate's subject");
    }
  }

  void check_mappings() {
    std::unordered_set<std::string> named;
    bool all = false;
    for_each_expression(subject_, [&](const expression& e) { collect_maps(e, named, all); });
    if (all) return;
    for (const mapping& m : subject_.mappings)
      if (named.count(m.name) == 0) add(rule_id::unused_mapping, m.at, "the mapping " + shown(m.name) + " is not used");
  }

  void collect_maps(const expression& e, std::unordered_set<std::string>& named, bool& all) const {
    if (e.what == expression::kind::find_in_map) {
      if (e.arguments[0].is_literal()) named.insert(e.arguments[0].text);
      else all = true;
    }
    for (const expression& argument : e.arguments) collect_maps(argument, named, all);
  }

  void check_counts() {
    if (subject_.things.size() > 1)
      add(rule_id::several_resources, subject_.things[1].at, "a second thing: " + shown(subject_.things[1].logical_name),
          "one registration makes one thing");
    if (subject_.certificates.size() > 1)
      add(rule_id::several_resources, subject_.certificates[1].at,
          "a second certificate: " + shown(subject_.certificates[1].logical_name), "one registration activates one certificate");
    if (subject_.certificates.empty() && subject_.resources_at) {
      const bool is_bulk = subject_.kind == template_kind::bulk;
      const place at{subject_.resources_at->pointer, opening_brace(subject_.resources_at->where)};
      findings_.add(is_bulk ? severity::note : severity::error, rule_id::missing_certificate, at.pointer, at.where,
                    "the template has no AWS::IoT::Certificate",
                    is_bulk ? "the things get no certificate" : "the device's certificate would never become ACTIVE");
    }
    if (!subject_.certificates.empty() && subject_.policies.empty())
      add(rule_id::no_policy, subject_.certificates[0].at, "the certificate gets no policy",
          "add an AWS::IoT::Policy; without one the device cannot connect");
  }

  void check_thing(const thing_resource& t) {
    const std::size_t most = t.type ? topics::limits::max_attributes : topics::limits::max_attributes_untyped;
    if (t.attributes.size() > most)
      add(rule_id::too_many_attributes, {t.attributes_at->pointer, opening_brace(t.attributes_at->where)},
          std::to_string(t.attributes.size()) + " attributes, the limit is " + std::to_string(most),
          t.type ? "" : "with a ThingTypeName the limit is " + std::to_string(topics::limits::max_attributes));
    for (const named_expression& a : t.attributes)
      if (!topics::validate_attribute_name(a.name))
        add(rule_id::attribute_name, a.at, "the attribute name " + shown(a.name) + " is not allowed",
            "names have 1 to 128 characters of [a-zA-Z0-9_.,@/:#-]");
    if (t.override_attributes && t.override_attributes->setting == override_setting::replace)
      add(rule_id::override_hazard, t.override_attributes->at,
          "registering the same thing name again wipes attributes that were set since", "MERGE keeps them");
    if (t.override_groups && t.override_groups->setting == override_setting::replace)
      add(rule_id::override_hazard, t.override_groups->at,
          "registering the same thing name again takes the thing out of groups it was put into since", "DO_NOTHING keeps them");
    if (t.override_groups && t.override_groups->setting == override_setting::merge)
      add(rule_id::override_hazard, t.override_groups->at,
          "registering the same thing name again puts the thing back into groups it was taken out of", "DO_NOTHING leaves the groups alone");
  }

  void check_certificate(const certificate_resource& c) {
    if (subject_.kind != template_kind::bulk && c.id && !is_own_id(*c.id))
      add(rule_id::foreign_certificate_id, c.id->at, "CertificateId is not the certificate that is being registered",
          "write `{\"Ref\": \"AWS::IoT::Certificate::Id\"}`");
    if (c.status && c.status->is_literal() && equals_ignoring_case(c.status->text, "INACTIVE"))
      add(rule_id::status_not_set, c.status->at, "the new certificate is INACTIVE: the device cannot connect with it",
          "someone must activate it with UpdateCertificate");
    if (c.override_status && c.override_status->setting == override_setting::do_nothing)
      add(rule_id::status_not_set, c.override_status->at, "a certificate that exists already keeps its status", "REPLACE activates it");
  }

  static bool is_own_id(const expression& e) noexcept {
    if (e.what == expression::kind::ref) return e.text == certificate_id_parameter;
    return e.what == expression::kind::sub && e.pieces.size() == 1 &&
           e.pieces[0].what == sub_piece::kind::parameter && e.pieces[0].text == certificate_id_parameter;
  }

  void check_names() {
    for_each_slot(subject_, [&](const expression& e, const slot& in) {
      const shape value = shapes_.text(e);
      if (const auto problem = find_problem(value, in)) {
        add(in.broken, e.at, std::string(in.called) + " " + problem->why, help_for(in));
        return;
      }
      for (const shape_piece& p : value.pieces) check_alternatives(e, in, p);
      if (in.broken == rule_id::impossible_thing_name) check_thing_name(e, value);
      if (in.called == policy_name_slot.called) check_policy_name(e, value);
    });
  }

  static std::string help_for(const slot& in) {
    if (in.broken == rule_id::attribute_value) return "values have at most 800 characters of [a-zA-Z0-9_.,@/:#=[]-]";
    if (in.called == policy_name_slot.called) return "policy names have 1 to 128 characters of [a-zA-Z0-9_+=,.@-]";
    return "names have 1 to 128 characters of [a-zA-Z0-9:_-]";
  }

  /// A map whose values do not all fit where one of them goes.
  void check_alternatives(const expression& e, const slot& in, const shape_piece& p) {
    for (const std::string& text : p.alternatives) {
      if (text.empty() || in.valid(text)) continue;
      findings_.add(severity::warning, in.broken, e.at.pointer, e.at.where,
                    std::string(in.called) + " cannot hold " + shown(text) + ", which the map can give", help_for(in));
      return;
    }
  }

  /// `value` has no problem of its own: it is not too long.
  void check_thing_name(const expression& e, const shape& value) {
    const std::string first = chosen_by(value);
    if (first.empty()) return;
    add(rule_id::unbounded_thing_name, e.at,
        "the value of " + shown(first) + " decides whether the thing name stays within [a-zA-Z0-9:_-] and 128 characters",
        "at most " + std::to_string(topics::limits::max_thing_name - value.min()) + " characters are left for it");
    if (!is_unverified()) return;
    add(rule_id::unverified_thing_name, e.at,
        "the device chooses its thing name through " + shown(first) + " and no hook verifies it",
        "verify it in a pre-provisioning hook, or build the name from AWS::IoT::Certificate::Id");
  }

  void check_policy_name(const expression& e, const shape& value) {
    const std::string first = chosen_by(value);
    if (first.empty() || !is_unverified()) return;
    add(rule_id::unverified_policy_name, e.at,
        "the device chooses its policy through " + shown(first) + " and no hook verifies it",
        "write the name, or list the names that are allowed in Mappings and choose with Fn::FindInMap");
  }

  void check_hook() {
    if (!is_unverified()) return;
    const bool chosen = std::any_of(subject_.things.begin(), subject_.things.end(), [this](const thing_resource& t) {
      return t.name && !chosen_by(shapes_.text(*t.name)).empty();
    });
    add(rule_id::no_hook, {"", opening_brace(subject_.at.where)},
        std::string(options_.hook == hook_presence::absent ? "no pre-provisioning hook" : "no pre-provisioning hook is known of") +
            (chosen ? ": any holder of the claim certificate can take any thing name"
                    : ": any holder of the claim certificate can register devices"),
        "give the template a preProvisioningHook that checks the device");
  }

  void check_document(const policy_source& from) {
    check_policy_parameters(from);
    if (from.object) {
      if (from.computed.empty()) lint(policies::parse(*from.object, from.at.pointer));
      else lint_stand_in(policy_stand_in(subject_, from), from.at.pointer);
      return;
    }
    if (!from.text) return;  // made by a program; `evaluate` refuses it
    if (!from.text->is_literal()) {
      const policy_stand_in known(subject_, from);
      if (known.document()) check_inside(from, [&] { lint_stand_in(known, ""); });
      return;
    }
    const std::string& text = from.text->text;
    if (looks_encoded_twice(text)) {
      add(rule_id::encoded_twice, from.at, "the policy document is JSON that was encoded twice",
          "escape its quotes once, or write it as an object");
      return;
    }
    check_inside(from, [&] {
      auto source = json::document::from_text(text);
      const bool good = source.has_errors() ? false : source.value.has_value();
      findings_.append(std::move(source.diagnostics));
      if (good) lint(policies::parse(*source.value));
    });
  }

  /// `check` adds findings about the text itself.
  template <class Check>
  void check_inside(const policy_source& from, const Check& check) {
    report outer = std::exchange(findings_, report());
    check();
    std::vector<diagnostic> inner = findings_.take();
    findings_ = std::move(outer);
    move_outside(inner, from.at.pointer, "the policy document", from.offsets, from.at.where);
    findings_.append(std::move(inner));
  }

  void lint(outcome<policies::policy_document> parsed) {
    const bool good = static_cast<bool>(parsed);
    findings_.append(std::move(parsed.diagnostics));
    if (good) findings_.append(policies::lint(*parsed.value));
  }

  /// What holds whatever the parameters are. The size is not known.
  void lint_stand_in(const policy_stand_in& known, const std::string& pointer) {
    outcome<policies::policy_document> parsed = policies::parse(*known.document(), pointer);
    std::vector<diagnostic> found = std::move(parsed.diagnostics);
    if (known.is_telling() && parsed.value)
      for (diagnostic& d : policies::lint(*parsed.value)) found.push_back(std::move(d));
    found.erase(std::remove_if(found.begin(), found.end(),
                               [&](const diagnostic& d) {
                                 return known.is_opaque(d.pointer) || d.broken->id == "P031" || d.broken->id == "P074";
                               }),
                found.end());
    findings_.append(std::move(found));
  }

  void check_policy_parameters(const policy_source& from) {
    const auto check = [&](const expression& e) {
      bool told = false;
      auto visit = [&](std::string_view name, const place& at) {
        if (told || name == certificate_id_parameter || !is_known(name)) return;
        told = true;
        add(rule_id::parameter_in_policy, at, "the value of " + shown(name) + " becomes part of the policy document",
            "use a policy variable such as `${iot:Connection.Thing.ThingName}`");
      };
      visit_references(e, visit);
    };
    if (from.text) check(*from.text);
    for (const expression& e : from.computed) check(e);
  }

  const provisioning_template& subject_;
  const validation_options& options_;
  shape_reader shapes_;
  report findings_;
  std::unordered_set<std::string> used_;
};

}  // namespace detail

inline std::vector<diagnostic> validate(const provisioning_template& subject, const validation_options& options) {
  return detail::template_validator(subject, options).validate();
}

}  // namespace fleetprov::templates
