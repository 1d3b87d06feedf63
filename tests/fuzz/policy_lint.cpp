// Lint and role checks of whatever parses: no crash, every finding inside the text, no error level, the
// same answer twice. Render: what comes out parses again and renders to itself.
#include <fleetprov/policies/lint.hpp>
#include <fleetprov/policies/render.hpp>
#include <fleetprov/policies/roles.hpp>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

using namespace fleetprov;

namespace {

void require(bool good) {
  if (!good) std::abort();
}

void check(const std::vector<diagnostic>& found, std::size_t size) {
  for (const diagnostic& d : found) {
    require(d.broken != nullptr && d.level != severity::error);
    require(d.where.begin <= d.where.end && d.where.end <= size);
    require(d.message.find('\n') == std::string::npos);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  auto source = json::document::from_text(text);
  if (!source.value) return 0;
  policies::render_values values;
  values.region = "eu-west-1";
  values.account = "123456789012";
  values.template_name = "T";
  const auto rendered = policies::render(*source.value, values);
  if (rendered.value) {
    auto again = json::document::from_text(*rendered.value);
    require(again.value.has_value());
    const auto twice = policies::render(*again.value, values);
    require(twice.value.has_value() && *twice.value == *rendered.value);
  }
  const auto parsed = policies::parse(*source.value);
  if (!parsed.value || source.has_errors()) return 0;
  const auto found = policies::lint(*parsed.value);
  check(found, size);
  require(policies::lint(*parsed.value).size() == found.size());
  check(policies::lint_role(*parsed.value, policies::role::claim, "T"), size);
  check(policies::lint_role(*parsed.value, policies::role::claim), size);
  check(policies::lint_role(*parsed.value, policies::role::device), size);
  return 0;
}
