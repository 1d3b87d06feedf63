#pragma once

#include <fleetprov/templates/check.hpp>
#include <fleetprov/templates/detail/nearest.hpp>
#include <fleetprov/templates/detail/report.hpp>

#include <string>
#include <utility>
#include <vector>

namespace fleetprov::templates {

inline std::vector<diagnostic> check(const json::document& source, document_kind kind) {
  switch (kind) {
    case document_kind::registration_config: return parse_registration_config(source).diagnostics;
    case document_kind::hook_request: return parse_hook_request(source).diagnostics;
    case document_kind::hook_response: return parse_hook_response(source).diagnostics;
    case document_kind::policy: return {};
    case document_kind::unknown: {
      detail::report findings;
      if (source.root().is_object())
        findings.add(rule_id::unknown_document, "", detail::opening_brace(source.root().where), "the document is of no known kind",
                     "name its kind with --kind");
      else
        findings.add(rule_id::template_not_object, "", source.root().where,
                     "the document is " + std::string(name_of(source.root().what)) + ", not an object");
      return findings.take();
    }
    default: break;
  }
  if (is_creation_request(source)) return parse_creation_request(source).diagnostics;
  auto parsed = parse(source, template_kind_of(kind));
  if (parsed.value)
    for (diagnostic& d : validate(*parsed.value)) parsed.diagnostics.push_back(std::move(d));
  sort_diagnostics(parsed.diagnostics);
  return std::move(parsed.diagnostics);
}

inline outcome<provisioning_template> read_template(const json::document& source, document_kind kind) {
  outcome<provisioning_template> out;
  if (kind == document_kind::registration_config) {
    auto config = parse_registration_config(source);
    out.diagnostics = std::move(config.diagnostics);
    if (config.value) out.value = std::move(config.value->body);
  } else if (is_creation_request(source)) {
    auto request = parse_creation_request(source);
    out.diagnostics = std::move(request.diagnostics);
    if (request.value) out.value = std::move(request.value->body);
  } else {
    return parse(source, template_kind_of(kind));
  }
  return out;
}

}  // namespace fleetprov::templates
