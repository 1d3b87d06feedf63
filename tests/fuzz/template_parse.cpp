// Any JSON, read as a template of each kind: places stay inside the document, findings have rules,
// and what parses is the same when parsed again.
#include <fleetprov/templates/document.hpp>
#include <fleetprov/templates/kinds.hpp>

#include <cstdint>
#include <cstdlib>
#include <string>

namespace templates = fleetprov::templates;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto source = fleetprov::json::document::from_text(text);
  if (!source.value) return 0;
  (void)templates::detect_kind(*source.value);
  for (const auto kind : {templates::template_kind::fleet, templates::template_kind::jitp, templates::template_kind::bulk}) {
    const auto once = templates::parse(*source.value, kind);
    for (const auto& d : once.diagnostics)
      if (d.broken == nullptr || d.where.end > size || d.where.begin > d.where.end || d.message.empty()) std::abort();
    if (once.value.has_value() != source.value->root().is_object()) std::abort();
    if (templates::parse(*source.value, kind).diagnostics.size() != once.diagnostics.size()) std::abort();
  }
  return 0;
}
