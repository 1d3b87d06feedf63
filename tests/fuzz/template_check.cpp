// Any JSON, checked as every kind of document: each finding has a rule and a place inside the text.
#include <fleetprov/templates/check.hpp>
#include <fleetprov/templates/parameters.hpp>

#include <cstdint>
#include <cstdlib>
#include <string>

namespace templates = fleetprov::templates;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto source = fleetprov::json::document::from_text(text);
  if (!source.value) return 0;
  using kind = templates::document_kind;
  for (const kind what : {kind::unknown, kind::fleet_template, kind::jitp_template, kind::bulk_template,
                          kind::registration_config, kind::hook_request, kind::hook_response}) {
    for (const auto& d : templates::check(*source.value, what))
      if (d.broken == nullptr || d.where.end > size || d.where.begin > d.where.end || d.message.empty() ||
          d.message.find('\n') != std::string::npos)
        std::abort();
    if (!templates::is_template(what)) continue;
    const auto subject = templates::read_template(*source.value, what);
    if (subject.value) (void)templates::check_parameters(*subject.value, {{"S", text}}, {"Site"});
  }
  return 0;
}
