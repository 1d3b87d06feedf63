#pragma once

#include <fleetprov/templates/document.hpp>

#include <map>
#include <set>
#include <string>
#include <vector>

namespace fleetprov::templates {

/// Checks what a device is about to send against its template, before anything is sent.
/// Errors: a parameter that is referenced, has no Default, is not predefined and is neither given nor
/// in `hook_supplies`; a value that makes a thing name, attribute or other name leave its alphabet or
/// length; a value over the API's bounds. Warnings: names the template does not declare (AWS ignores
/// them but passes them to the hook), declared but unreferenced ones that are not given.
/// `diagnostic::where` is where the template uses the parameter; `pointer` likewise.
std::vector<diagnostic> check_parameters(const provisioning_template& subject,
                                         const std::map<std::string, std::string>& parameters,
                                         const std::set<std::string>& hook_supplies = {});

/// Parameters that passed the check: the only way to have one is `make`.
class template_parameters {
 public:
  /// The value is there when no diagnostic is an error.
  static outcome<template_parameters> make(const provisioning_template& subject,
                                           std::map<std::string, std::string> values,
                                           const std::set<std::string>& hook_supplies = {}) {
    outcome<template_parameters> out;
    out.diagnostics = check_parameters(subject, values, hook_supplies);
    if (!out.has_errors()) out.value = template_parameters(std::move(values));
    return out;
  }
  const std::map<std::string, std::string>& values() const noexcept { return values_; }

 private:
  explicit template_parameters(std::map<std::string, std::string> values) : values_(std::move(values)) {}
  std::map<std::string, std::string> values_;
};

}  // namespace fleetprov::templates

#include <fleetprov/templates/detail/parameter_check.hpp>
