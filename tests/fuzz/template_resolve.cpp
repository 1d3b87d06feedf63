// The text up to the first NUL is a template, the rest the value of every parameter. What evaluates
// obeys AWS's limits, and what the parameter check passes evaluates or fails for another reason.
#include <fleetprov/policies/document.hpp>
#include <fleetprov/templates/evaluate.hpp>
#include <fleetprov/templates/parameters.hpp>
#include <fleetprov/topics/thing_name.hpp>

#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>

namespace templates = fleetprov::templates;
namespace topics = fleetprov::topics;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string all(reinterpret_cast<const char*>(data), size);
  const std::size_t nul = all.find('\0');
  const std::string value = nul == std::string::npos ? "1" : all.substr(nul + 1);
  const auto source = fleetprov::json::document::from_text(all.substr(0, nul));
  if (!source.value) return 0;
  for (const auto kind : {templates::template_kind::fleet, templates::template_kind::jitp, templates::template_kind::bulk}) {
    const auto subject = templates::parse(*source.value, kind);
    if (!subject.value) continue;
    std::map<std::string, std::string> parameters;
    for (const auto& p : subject.value->parameters) parameters[p.name] = value;
    const auto made = templates::evaluate(*subject.value, parameters);
    if (made.value.has_value() == made.has_errors()) std::abort();
    if (!made.value) continue;
    if (made.value->thing && !topics::validate_thing_name(made.value->thing->name)) std::abort();
    for (const auto& policy : made.value->policies)
      if (policy.document && !fleetprov::policies::parse_text(*policy.document)) std::abort();
    if (!fleetprov::json::document::from_text(templates::to_json(*made.value), {16 * 1024 * 1024, 64})) std::abort();
  }
  return 0;
}
