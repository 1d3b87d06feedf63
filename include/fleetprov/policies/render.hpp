#pragma once

#include <fleetprov/core/diagnostic.hpp>
#include <fleetprov/json/document.hpp>

#include <cstdint>
#include <map>
#include <string>

namespace fleetprov::policies {

/// Whether the region and account of AWS's examples (`us-east-1:123456789012`) are to be replaced too.
enum class example_arns : std::uint8_t { keep, replace };

/// What to write in the place of placeholders. An empty text leaves its placeholders, as findings. An ARN whose region
/// is filled in gets the partition of that region.
struct render_values {
  std::string region;                      ///< `aws-region`, `<region>`, `$REGION`, `${AWS::Region}`, ...
  std::string account;                     ///< `aws-account-id`, `<account-id>`, twelve capital X, ...
  std::string template_name;               ///< `templateName`, `<template-name>`, in a provisioning topic or a template ARN
  /// More: a whole level NAME, or `<NAME>`, `[NAME]`, `{{NAME}}`, `$NAME` anywhere; `<NAME>` also as a whole string.
  std::map<std::string, std::string> set;
  example_arns examples = example_arns::keep;
};

/// The document's text with its placeholders filled in; all else, blanks included, stays as it is. Only
/// inside ARNs, which may stand in a string of their own or in a policy that is itself a string. Where
/// something is left there is no value and a finding (P070) for each leftover; so is whatever stands in an ARN's field
/// for the region or the account and is neither that, nor a pattern, nor empty.
outcome<std::string> render(const json::document& source, const render_values& values);

}  // namespace fleetprov::policies

#include <fleetprov/policies/detail/renderer.hpp>
