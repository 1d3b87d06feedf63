#include "support/corpus.hpp"
#include "unit/templates/reading.hpp"

#include <algorithm>

using namespace test;

namespace {

struct expected_finding {
  std::string rule, pointer;
  std::uint32_t line = 0, column = 0;

  friend bool operator==(const expected_finding& a, const expected_finding& b) {
    return a.rule == b.rule && a.pointer == b.pointer && a.line == b.line && a.column == b.column;
  }
};

std::ostream& operator<<(std::ostream& out, const expected_finding& f) {
  return out << f.rule << ' ' << (f.pointer.empty() ? "-" : f.pointer) << ' ' << f.line << ':' << f.column << '\n';
}

std::uint32_t number(const fleetprov::json::value* v) {
  return v == nullptr ? 0U : static_cast<std::uint32_t>(std::stoul(v->text));
}

}  // namespace

TEST_CASE("golden documents give exactly their expected findings") {
  const auto dir = std::filesystem::path(FLEETPROV_SOURCE_DIR) / "tests" / "golden" / "templates";
  std::size_t seen = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir)) {
    const std::string name = entry.path().filename().string();
    if (name.find(".expect.json") != std::string::npos || entry.path().extension() != ".json") continue;
    ++seen;
    INFO(name);
    const auto source = read(read_file(entry.path()));
    const auto expect = read(read_file(dir / (entry.path().stem().string() + ".expect.json")));
    std::vector<expected_finding> got, wanted;
    for (const diagnostic& d : templates::check(source, templates::detect_kind(source))) {
      const auto at = source.locate(d.where.begin);
      got.push_back({std::string(d.broken->id), d.pointer, at.line, at.column});
    }
    for (const auto& one : expect.root().find("diagnostics")->items)
      wanted.push_back({one.find("rule")->text, one.find("pointer")->text, number(one.find("line")), number(one.find("column"))});
    const std::string kind = expect.root().find("kind")->text;
    CHECK(name_of(templates::detect_kind(source)) == kind);
    CHECK(got == wanted);
  }
  CHECK(seen >= 4);
}
