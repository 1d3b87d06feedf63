// Any bytes as a policy: never a crash, a value exactly if there is no error, places inside the text.

#include <fleetprov/policies/document.hpp>

#include <cstdint>
#include <cstdlib>
#include <string>

static void require(bool held) {
  if (!held) std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace policies = fleetprov::policies;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto got = policies::parse_text(text);
  require(got.value.has_value() == !got.has_errors());
  for (const fleetprov::diagnostic& d : got.diagnostics) {
    require(d.broken != nullptr && !d.message.empty());
    require(d.where.begin <= d.where.end && d.where.end <= size);
    require(d.message.find('\n') == std::string::npos && d.help.find('\n') == std::string::npos);
    require(fleetprov::is_valid_utf8(d.message) && fleetprov::is_valid_utf8(d.help));
  }
  if (!got.value) return 0;
  require(got.value->characters <= 2048 && policies::count_characters(text) == got.value->characters);
  const auto source = fleetprov::json::document::from_text(text);
  require(source.value.has_value());
  for (const policies::statement& s : got.value->statements) {
    require(!s.actions.empty() && !s.resources.empty());
    for (const policies::resource_node& r : s.resources) {
      const auto* found = source.value->find(r.pointer);
      require(found != nullptr && found->text == r.text && found->where == r.where);
    }
    for (const policies::condition& c : s.conditions)
      for (const policies::condition_value& v : c.values) {
        const auto* found = source.value->find(v.pointer);
        require(found != nullptr && found->text == v.text);
      }
  }
  return 0;
}
