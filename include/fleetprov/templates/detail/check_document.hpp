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

namespace detail {

/// The template inside a request around it.
template <class Request>
outcome<provisioning_template> body_of(outcome<Request> around) {
  outcome<provisioning_template> out;
  out.diagnostics = std::move(around.diagnostics);
  if (around.value) out.value = std::move(around.value->body);
  return out;
}

}  // namespace detail

inline outcome<provisioning_template> read_template(const json::document& source, document_kind kind) {
  if (kind == document_kind::registration_config) return detail::body_of(parse_registration_config(source));
  if (is_creation_request(source)) return detail::body_of(parse_creation_request(source));
  return parse(source, template_kind_of(kind));
}

}  // namespace fleetprov::templates
