#pragma once

#include <fleetprov/core/utf8.hpp>
#include <fleetprov/templates/detail/shape.hpp>
#include <fleetprov/templates/parameters.hpp>
#include <fleetprov/topics/limits.hpp>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace fleetprov::templates {

namespace detail {

class parameter_checker {
 public:
  parameter_checker(const provisioning_template& subject, const std::map<std::string, std::string>& given,
                    const std::set<std::string>& hook_supplies)
      : subject_(subject), given_(given), hook_supplies_(hook_supplies) {}

  std::vector<diagnostic> check() {
    for (const auto& [name, value] : given_) check_given(name, value);
    for (const std::string& name : hook_supplies_)
      if (subject_.find_parameter(name) == nullptr) refuse_unknown(name, "the hook's parameter ");
    for (const parameter& p : subject_.parameters) check_missing(p);
    const bindings bound{&given_, &hook_supplies_};
    const shape_reader shapes(subject_, bound);
    for_each_slot(subject_, [&](const expression& e, const slot& in) {
      const auto problem = find_problem(shapes.text(e), in);
      if (problem) findings_.add(severity::error, in.broken, e.at.pointer, e.at.where, message(in, *problem));
    });
    check_attachments(subject_, shapes, findings_);
    call_checker calls(subject_, bound, findings_);
    for_each_expression(subject_, [&](const expression& e) { calls.check(e); });
    return findings_.take();
  }

 private:
  static std::string message(const slot& in, const shape_problem& problem) {
    std::string out = std::string(in.called) + " " + problem.why;
    if (!problem.parameter.empty()) out += " (from the parameter " + shown(problem.parameter) + ")";
    return out;
  }

  void refuse_unknown(const std::string& name, std::string_view called) {
    std::vector<std::string> declared;
    for (const parameter& p : subject_.parameters) declared.push_back(p.name);
    std::string help = did_you_mean(name, declared);
    if (help.empty())
      help = subject_.kind == template_kind::fleet  ? "AWS passes it to the hook and ignores it in the template"
             : subject_.kind == template_kind::jitp ? "the values are those of the certificate's subject"
                                                    : "declare it under Parameters, or leave it out";
    findings_.add(rule_id::unknown_parameter, "/Parameters", {},
                  std::string(called) + shown(name) + " is not declared in the template", std::move(help));
  }

  void check_given(const std::string& name, const std::string& value) {
    const parameter* declared = subject_.find_parameter(name);
    const std::string pointer = json::child_pointer("/Parameters", name);
    const source_range where = declared != nullptr ? declared->at.where : source_range{};
    if (is_predefined(name, subject_.kind) && subject_.kind != template_kind::jitp)
      findings_.add(rule_id::unknown_parameter, pointer, where, "the service itself sets " + shown(name) + "; the value sent is ignored");
    else if (declared == nullptr && !is_predefined(name, subject_.kind))
      refuse_unknown(name, "the parameter ");
    if (count_code_points(name) > topics::limits::max_parameter_key)
      findings_.add(rule_id::parameter_too_long, pointer, where, "the parameter name " + shown(name) + " is too long");
    if (count_code_points(value) > topics::limits::max_parameter_value)
      findings_.add(rule_id::parameter_too_long, pointer, where,
                    "the value of " + shown(name) + " has more than " + std::to_string(topics::limits::max_parameter_value) + " characters");
    if (!is_valid_utf8(name) || !is_valid_utf8(value))
      findings_.add(rule_id::wrong_type, pointer, where, "the parameter " + shown(is_valid_utf8(name) ? name : "?") + " is not UTF-8 text");
  }

  void check_missing(const parameter& p) {
    if (is_predefined(p.name, subject_.kind) || p.default_value || given_.count(p.name) != 0 || hook_supplies_.count(p.name) != 0)
      return;
    place used = p.at;
    bool referenced = false;
    for_each_reference(subject_, [&](std::string_view name, const place& at) {
      if (name != p.name || referenced) return;
      referenced = true;
      used = at;
    });
    const bool is_jitp = subject_.kind == template_kind::jitp;  // it fails without any value that is declared
    findings_.add(referenced || is_jitp ? severity::error : severity::warning, rule_id::missing_parameter, used.pointer, used.where,
                  "the parameter " + shown(p.name) + (referenced ? " has no value" : " has no value, though the template does not use it"),
                  is_jitp                                ? "give it a Default, or use a value of the certificate's subject"
                  : subject_.kind == template_kind::bulk ? "send it, or give it a Default"
                                                         : "send it, or name it as supplied by the hook");
  }

  const provisioning_template& subject_;
  const std::map<std::string, std::string>& given_;
  const std::set<std::string>& hook_supplies_;
  report findings_;
};

}  // namespace detail

inline std::vector<diagnostic> check_parameters(const provisioning_template& subject,
                                                const std::map<std::string, std::string>& parameters,
                                                const std::set<std::string>& hook_supplies) {
  return detail::parameter_checker(subject, parameters, hook_supplies).check();
}

}  // namespace fleetprov::templates
