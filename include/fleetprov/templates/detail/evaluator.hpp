#pragma once

#include <fleetprov/core/utf8.hpp>
#include <fleetprov/policies/document.hpp>
#include <fleetprov/templates/detail/json_text.hpp>
#include <fleetprov/templates/detail/nearest.hpp>
#include <fleetprov/templates/detail/report.hpp>
#include <fleetprov/templates/evaluate.hpp>
#include <fleetprov/topics/limits.hpp>
#include <fleetprov/topics/thing_name.hpp>

#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fleetprov::templates {

namespace detail {

/// Characters that would change what a policy document means.
constexpr bool is_unsafe_in_policy(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return c == '"' || c == '\\' || c == '*' || c == '?' || c == '$' || byte < 0x20 || byte == 0x7F;
}

/// Why a name is refused: "is empty", "has 129 characters, the limit is 128", "holds ` `".
inline std::string name_problem(std::string_view text, std::size_t bad, std::size_t limit) {
  if (text.empty()) return "is empty";
  if (bad >= limit) return "has " + std::to_string(count_code_points(text)) + " characters, the limit is " + std::to_string(limit);
  std::size_t end = bad + 1;
  while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) ++end;
  return "holds " + shown(text.substr(bad, end - bad));
}

/// A number written by the reader.
constexpr std::size_t index_of(std::string_view digits) noexcept {
  std::size_t out = 0;
  for (const char c : digits) out = out * 10 + static_cast<std::size_t>(c - '0');
  return out;
}

/// Values of expressions under one set of parameters.
class expression_evaluator {
 public:
  expression_evaluator(const provisioning_template& subject, const std::map<std::string, std::string>& parameters,
                       const predefined& known, const evaluation_limits& limits, report& findings)
      : subject_(subject), parameters_(parameters), known_(known), findings_(findings), budget_(limits.max_output_bytes) {}

  /// Values that go into a policy document: parameters must not change its meaning.
  enum class target : std::uint8_t { plain, policy };
  void aim_at(target what) noexcept { target_ = what; }

  std::optional<std::string> text(const expression& e) {
    switch (e.what) {
      case expression::kind::literal: return spend(e.at, e.text);
      case expression::kind::ref: return lookup(e.text, e.at);
      case expression::kind::join: return join(e);
      case expression::kind::select: return select(e);
      case expression::kind::sub: return sub(e);
      case expression::kind::find_in_map: {
        const mapping_entry* found = find(e);
        if (found == nullptr) return std::nullopt;
        if (!found->is_list) return spend(e.at, found->values.front());
        break;
      }
      case expression::kind::list:
      case expression::kind::split: break;
    }
    return refuse(rule_id::list_not_allowed, e.at, "a list stands where a string is needed");
  }

  std::optional<std::vector<std::string>> list(const expression& e) {
    if (e.what == expression::kind::list) {
      std::vector<std::string> out;
      out.reserve(e.arguments.size());
      bool good = true;
      for (const expression& element : e.arguments) {
        auto value = text(element);
        if (value) out.push_back(std::move(*value));
        else good = false;
      }
      if (!good) return std::nullopt;
      return out;
    }
    if (e.what == expression::kind::split) return split(e);
    if (e.what == expression::kind::find_in_map) {
      const mapping_entry* found = find(e);
      if (found == nullptr) return std::nullopt;
      if (found->is_list) return found->values;
    }
    refuse(rule_id::list_not_allowed, e.at, "a string stands where a list is needed");
    return std::nullopt;
  }

  /// A value where a string and a list are both allowed; a string is its only text.
  struct string_or_list {
    std::vector<std::string> texts;
    bool is_list = false;
  };
  std::optional<string_or_list> either(const expression& e) {
    if (e.what == expression::kind::find_in_map) {
      const mapping_entry* found = find(e);
      if (found == nullptr) return std::nullopt;
      for (const std::string& one : found->values)
        if (!spend(e.at, one.size())) return std::nullopt;
      return string_or_list{found->values, found->is_list};
    }
    if (e.what == expression::kind::list || e.what == expression::kind::split) {
      auto texts = list(e);
      if (!texts) return std::nullopt;
      return string_or_list{std::move(*texts), true};
    }
    auto one = text(e);
    if (!one) return std::nullopt;
    return string_or_list{{std::move(*one)}, false};
  }

  std::nullopt_t refuse(rule_id id, const place& at, std::string message, std::string help = {}) {
    findings_.add(severity::error, id, at.pointer, at.where, std::move(message), std::move(help));
    return std::nullopt;
  }

 private:
  /// Accounts for text that was made.
  std::optional<std::string> spend(const place& at, const std::string& made) {
    if (!spend(at, made.size())) return std::nullopt;
    return made;
  }
  bool spend(const place& at, std::size_t bytes) {
    if (bytes <= budget_) {
      budget_ -= bytes;
      return true;
    }
    budget_ = 0;
    if (!exhausted_) refuse(rule_id::output_too_large, at, "the template makes more text than the limit allows");
    exhausted_ = true;
    return false;
  }

  std::optional<std::string> lookup(const std::string& name, const place& at) {
    if (name == certificate_id_parameter && subject_.kind != template_kind::bulk) {
      if (!known_.certificate_id.empty()) return spend(at, known_.certificate_id);
      return refuse(rule_id::missing_parameter, at, "there is no certificate whose id could be filled in");
    }
    if (subject_.kind == template_kind::jitp && is_subject_parameter(name)) {
      const auto value = known_.subject.find(name.substr(predefined_prefix.size()));
      if (value != known_.subject.end()) return take(name, value->second, at);
      const auto given = parameters_.find(name);
      if (given != parameters_.end()) return take(name, given->second, at);
      return refuse(rule_id::missing_parameter, at, "the certificate's subject has no value for " + shown(name));
    }
    const parameter* declared = subject_.find_parameter(name);
    if (declared == nullptr)
      return refuse(rule_id::undeclared_reference, at, "the parameter " + shown(name) + " is not declared");
    const auto given = parameters_.find(name);
    if (given != parameters_.end()) return take(name, given->second, at);
    if (declared->default_value) return spend(at, *declared->default_value);
    return refuse(rule_id::missing_parameter, at, "the parameter " + shown(name) + " has no value",
                  "the device must send it, the hook supply it, or the template give a Default");
  }

  /// A value that came from outside.
  std::optional<std::string> take(const std::string& name, const std::string& value, const place& at) {
    if (target_ == target::policy)
      for (const char c : value)
        if (is_unsafe_in_policy(c))
          // assumption: AWS's treatment of such values is not documented; widening a policy by a
          // device's parameter can only be an attack.
          return refuse(rule_id::unsafe_policy_value, at,
                        "the value of " + shown(name) + " holds " + shown(std::string_view(&c, 1)) +
                            ", which would change the meaning of the policy document");
    return spend(at, value);
  }

  std::optional<std::string> join(const expression& e) {
    const auto delimiter = text(e.arguments[0]);
    const auto parts = list(e.arguments[1]);
    if (!delimiter || !parts) return std::nullopt;
    std::size_t size = parts->empty() ? 0 : delimiter->size() * (parts->size() - 1);
    for (const std::string& part : *parts) size += part.size();
    if (!spend(e.at, size)) return std::nullopt;
    std::string out;
    out.reserve(size);
    for (std::size_t i = 0; i < parts->size(); ++i) {
      if (i != 0) out += *delimiter;
      out += (*parts)[i];
    }
    return out;
  }

  std::optional<std::string> select(const expression& e) {
    const auto index = text(e.arguments[0]);
    auto from = list(e.arguments[1]);
    if (!index || !from) return std::nullopt;
    if (index->empty() || index->size() > 9 || index->find_first_not_of("0123456789") != std::string::npos)
      return refuse(rule_id::select_out_of_bounds, e.arguments[0].at, "the index " + shown(*index) + " is not a whole number");
    const std::size_t at = index_of(*index);
    if (at >= from->size())
      return refuse(rule_id::select_out_of_bounds, e.arguments[0].at,
                    "the index " + *index + " is outside a list of " + std::to_string(from->size()));
    return std::move((*from)[at]);
  }

  std::optional<std::vector<std::string>> split(const expression& e) {
    const auto delimiter = text(e.arguments[0]);
    const auto whole = text(e.arguments[1]);
    if (!delimiter || !whole) return std::nullopt;
    if (delimiter->empty()) {
      refuse(rule_id::malformed_function, e.arguments[0].at, "the delimiter of Fn::Split is empty");
      return std::nullopt;
    }
    std::vector<std::string> out;
    for (std::size_t from = 0;;) {
      const std::size_t to = whole->find(*delimiter, from);
      out.push_back(whole->substr(from, to - from));
      if (to == std::string::npos) break;
      from = to + delimiter->size();
    }
    return out;
  }

  std::optional<std::string> sub(const expression& e) {
    std::vector<std::string> variables;
    for (const expression& argument : e.arguments) {
      auto value = text(argument);
      if (!value) return std::nullopt;
      variables.push_back(std::move(*value));
    }
    std::string out;
    for (const sub_piece& piece : e.pieces) {
      if (piece.what == sub_piece::kind::parameter) {
        const auto value = lookup(piece.text, e.at);
        if (!value) return std::nullopt;
        out += *value;  // data: `${}` inside it stays as it is
        continue;
      }
      const std::string& more = piece.what == sub_piece::kind::text ? piece.text : variables[piece.index];
      if (!spend(e.at, more.size())) return std::nullopt;
      out += more;
    }
    return out;
  }

  const mapping_entry* find(const expression& e) {
    const auto map = text(e.arguments[0]);
    const auto top = text(e.arguments[1]);
    const auto second = text(e.arguments[2]);
    if (!map || !top || !second) return nullptr;
    const mapping* table = subject_.find_mapping(*map);
    if (table == nullptr) {
      refuse(rule_id::unknown_map, e.arguments[0].at, "there is no map " + shown(*map));
      return nullptr;
    }
    for (const mapping_level& level : table->levels) {
      if (level.key != *top) continue;
      for (const mapping_entry& entry : level.entries)
        if (entry.key == *second) return &entry;
      refuse(rule_id::impossible_map_key, e.arguments[2].at,
             "the map " + shown(*map) + " has no key " + shown(*second) + " under " + shown(*top));
      return nullptr;
    }
    refuse(rule_id::impossible_map_key, e.arguments[1].at, "the map " + shown(*map) + " has no key " + shown(*top));
    return nullptr;
  }

  const provisioning_template& subject_;
  const std::map<std::string, std::string>& parameters_;
  const predefined& known_;
  report& findings_;
  std::size_t budget_;
  bool exhausted_ = false;
  target target_ = target::plain;
};

/// The parts of a plan, each checked against AWS's limits on the evaluated values.
class plan_maker {
 public:
  plan_maker(const provisioning_template& subject, const std::map<std::string, std::string>& parameters,
             const predefined& known, const evaluation_limits& limits)
      : subject_(subject), parameters_(parameters), known_(known), limits_(limits),
        values_(subject, parameters, known, limits, findings_) {}

  outcome<plan> make() {
    outcome<plan> out;
    plan made;
    check_inputs();
    if (findings_.all().empty()) {
      make_thing(made);
      make_certificate(made);
      make_policies(made);
      make_configuration(made);
    }
    const bool good = findings_.all().empty();
    out.diagnostics = findings_.take();
    if (good) out.value = std::move(made);
    return out;
  }

 private:
  using target = expression_evaluator::target;

  static bool is_longer(std::string_view text, std::size_t most) noexcept {
    return text.size() > most && count_code_points(text) > most;
  }

  void check_inputs() {
    for (const auto& [name, value] : parameters_) {
      if (is_longer(name, limits_.max_parameter_name))
        values_.refuse(rule_id::parameter_too_long, subject_.at, "the parameter name " + shown(name) + " is too long");
      if (is_longer(value, limits_.max_parameter_value))
        values_.refuse(rule_id::parameter_too_long, subject_.at,
                       "the value of " + shown(name) + " has more than " + std::to_string(limits_.max_parameter_value) + " characters");
      if (!is_valid_utf8(name) || !is_valid_utf8(value))
        values_.refuse(rule_id::wrong_type, subject_.at, "a parameter is not UTF-8 text");
    }
    if (subject_.things.size() > 1)
      values_.refuse(rule_id::several_resources, subject_.things[1].at, "the template has several things");
    if (subject_.certificates.size() > 1)
      values_.refuse(rule_id::several_resources, subject_.certificates[1].at, "the template has several certificates");
    if (subject_.kind != template_kind::jitp) return;
    // "JITP fails when the certificate lacks any value the template declares"
    for (const parameter& p : subject_.parameters) {
      if (!is_subject_parameter(p.name)) continue;
      if (known_.subject.count(p.name.substr(predefined_prefix.size())) == 0 && parameters_.count(p.name) == 0)
        values_.refuse(rule_id::missing_parameter, p.at, "the certificate's subject has no value for " + shown(p.name));
    }
  }

  void make_thing(plan& made) {
    if (subject_.things.empty()) return;
    const thing_resource& from = subject_.things.front();
    thing_plan thing;
    if (!from.name) values_.refuse(rule_id::missing_property, from.at, "the thing has no name");
    else thing.name = name(*from.name, "the thing name", rule_id::impossible_thing_name, topics::validate_thing_name, topics::limits::max_thing_name).value_or("");
    if (from.type) thing.type = name(*from.type, "the thing type", rule_id::resource_name, topics::validate_thing_type_name, topics::limits::max_thing_type_name);
    if (from.billing_group) thing.billing_group = name(*from.billing_group, "the billing group", rule_id::resource_name, topics::validate_group_name, topics::limits::max_billing_group_name);
    if (from.groups) make_groups(thing, *from.groups);
    for (const named_expression& a : from.attributes) {
      if (const auto good = topics::validate_attribute_name(a.name); !good)
        values_.refuse(rule_id::attribute_name, a.at, "the attribute name " + shown(a.name) + " " + name_problem(a.name, good.error().offset, topics::limits::max_attribute_name));
      auto value = name(a.value, "the attribute value", rule_id::attribute_value, topics::validate_attribute_value, topics::limits::max_attribute_value);
      if (value) thing.attributes[a.name] = std::move(*value);
    }
    const std::size_t most = from.type ? topics::limits::max_attributes : topics::limits::max_attributes_untyped;
    if (from.attributes.size() > most)
      values_.refuse(rule_id::too_many_attributes, from.attributes_at.value_or(from.at),
                     std::to_string(from.attributes.size()) + " attributes, the limit is " + std::to_string(most));
    if (from.override_attributes) thing.override_attributes = from.override_attributes->setting;
    if (from.override_type) thing.override_type = from.override_type->setting;
    if (from.override_groups) thing.override_groups = from.override_groups->setting;
    made.thing = std::move(thing);
  }

  void make_groups(thing_plan& thing, const expression& from) {
    auto groups = values_.list(from);
    if (!groups) return;
    for (std::size_t i = 0; i < groups->size(); ++i) {
      const place& at = from.what == expression::kind::list ? from.arguments[i].at : from.at;
      check((*groups)[i], at, "the thing group", rule_id::resource_name, topics::validate_group_name, topics::limits::max_thing_group_name);
    }
    // assumption: also refused where an existing thing would keep its groups (DO_NOTHING).
    check_count(*groups, topics::limits::max_groups_per_thing, "groups", rule_id::too_many_groups, from.at);
    thing.groups = std::move(*groups);
  }

  /// The registry counts a name once however often it is given.
  void check_count(const std::vector<std::string>& names, std::size_t most, std::string_view called, rule_id id,
                   const place& at) {
    const std::size_t count = std::set<std::string_view>(names.begin(), names.end()).size();
    if (count > most)
      values_.refuse(id, at, std::to_string(count) + " " + std::string(called) + ", the limit is " + std::to_string(most));
  }

  using validator = result<void> (*)(std::string_view) noexcept;

  void check(std::string_view value, const place& at, std::string_view called, rule_id id, validator valid, std::size_t limit) {
    const auto good = valid(value);
    if (!good)
      values_.refuse(id, at, std::string(called) + " " + shown(value) + " " + name_problem(value, good.error().offset, limit));
  }

  std::optional<std::string> name(const expression& from, std::string_view called, rule_id id, validator valid, std::size_t limit) {
    auto value = values_.text(from);
    if (value) check(*value, from.at, called, id, valid, limit);
    return value;
  }

  std::optional<std::string> maybe(const std::optional<expression>& from) {
    return from ? values_.text(*from) : std::nullopt;
  }

  void make_certificate(plan& made) {
    if (subject_.certificates.empty()) return;
    const certificate_resource& from = subject_.certificates.front();
    certificate_plan certificate;
    certificate.id = maybe(from.id);
    certificate.csr = maybe(from.csr);
    certificate.pem = maybe(from.pem);
    certificate.ca_pem = maybe(from.ca_pem);
    if (subject_.kind != template_kind::bulk && certificate.id && *certificate.id != known_.certificate_id)
      // assumption: only the certificate whose ownership was proved can be registered.
      values_.refuse(rule_id::foreign_certificate_id, from.id->at, "CertificateId is not the certificate that is being registered");
    if (const auto status = maybe(from.status)) {
      if (equals_ignoring_case(*status, "INACTIVE")) certificate.status = "INACTIVE";
      else if (!equals_ignoring_case(*status, "ACTIVE"))
        values_.refuse(rule_id::invalid_status, from.status->at, shown(*status) + " is no certificate status");
    }
    if (auto type = maybe(from.principal_type)) {
      if (*type != "EXCLUSIVE_THING" && *type != "NON_EXCLUSIVE_THING")
        values_.refuse(rule_id::invalid_principal_type, from.principal_type->at, shown(*type) + " is no ThingPrincipalType");
      certificate.principal_type = std::move(*type);
    }
    if (from.override_status) certificate.override_status = from.override_status->setting;
    made.certificate = std::move(certificate);
  }

  void make_policies(plan& made) {
    for (const policy_resource& p : subject_.policies) make_policy(made, p);
    if (subject_.policies.empty() || !has_certificate(subject_)) return;
    std::vector<std::string> names;
    names.reserve(made.policies.size());
    for (const plan_policy& p : made.policies) names.push_back(p.name);
    check_count(names, topics::limits::max_policies_per_target, "policies", rule_id::too_many_policies,
                subject_.policies.back().at);
  }

  void make_policy(plan& made, const policy_resource& from) {
    plan_policy policy;
    if (from.document) {
      values_.aim_at(target::policy);
      policy.document = document_text(*from.document);
      values_.aim_at(target::plain);
      if (!policy.document) return;
      check_document(*policy.document, from.document->at);
      policy.name = default_policy_name(*policy.document);
    } else if (from.name) {
      policy.name = name(*from.name, "the policy name", rule_id::resource_name, topics::validate_policy_name, topics::limits::max_policy_name).value_or("");
    } else {
      values_.refuse(rule_id::policy_source, from.at, "the policy has neither a name nor a document");
    }
    made.policies.push_back(std::move(policy));
  }

  std::optional<std::string> document_text(const policy_source& from) {
    if (from.text) return values_.text(*from.text);
    if (!from.object) return values_.refuse(rule_id::policy_source, from.at, "the policy document has neither text nor an object");
    std::string out;
    const auto append_null = [&](std::string& to, const json::value& v) {
      if (v.text != "null") return append_computed(to, from.computed[index_of(v.text)]);
      to += v.text;
      return true;
    };
    if (!append_json(out, *from.object, append_null)) return std::nullopt;
    return out;
  }

  bool append_computed(std::string& out, const expression& e) {
    const auto value = values_.either(e);
    if (!value) return false;
    if (value->is_list) out += '[';
    for (std::size_t i = 0; i < value->texts.size(); ++i) {
      if (i != 0) out += ',';
      append_json_string(out, value->texts[i]);
    }
    if (value->is_list) out += ']';
    return true;
  }

  void check_document(const std::string& text, const place& at) {
    const auto parsed = policies::parse_text(text);
    if (parsed) return;
    std::string why = "it is not a policy";
    for (auto d = parsed.diagnostics.rbegin(); d != parsed.diagnostics.rend(); ++d)
      if (d->level == severity::error) why = d->message;  // in the end that of the first error
    values_.refuse(rule_id::invalid_inline_policy, at, "the policy document is refused: " + why);
  }

  void make_configuration(plan& made) {
    std::size_t size = 0;
    for (const named_expression& d : subject_.device_configuration) {
      auto value = values_.text(d.value);
      if (!value) continue;
      size += d.name.size() + value->size();
      made.device_configuration[d.name] = std::move(*value);
    }
    if (size > topics::limits::max_payload_bytes)
      values_.refuse(rule_id::output_too_large, subject_.at, "the device configuration does not fit an MQTT payload");
  }

  const provisioning_template& subject_;
  const std::map<std::string, std::string>& parameters_;
  const predefined& known_;
  const evaluation_limits& limits_;
  report findings_;
  expression_evaluator values_;
};

}  // namespace detail

inline outcome<plan> evaluate(const provisioning_template& subject, const std::map<std::string, std::string>& parameters,
                              const predefined& known, const evaluation_limits& limits) {
  return detail::plan_maker(subject, parameters, known, limits).make();
}

}  // namespace fleetprov::templates
