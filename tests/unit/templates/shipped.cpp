#include "support/corpus.hpp"
#include "unit/templates/reading.hpp"

using namespace test;

TEST_CASE("every shipped template passes its own checks without errors and has a suite") {
  std::size_t seen = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(FLEETPROV_SOURCE_DIR) / "templates")) {
    const std::string name = entry.path().filename().string();
    if (entry.path().extension() != ".json" || name.find(".test.json") != std::string::npos) continue;
    INFO(name);
    ++seen;
    const std::string text = read_file(entry.path());
    CHECK(std::filesystem::exists(entry.path().parent_path() / (entry.path().stem().string() + ".test.json")));
    for (const diagnostic& d : check_auto(text)) {
      INFO(d.broken->id << " " << d.pointer << ": " << d.message);
      CHECK(d.level != fleetprov::severity::error);
      // What remains: the hook is configured outside the template, and serial numbers are devices' business.
      const bool expected = d.broken == &templates::row_of(rule_id::no_hook) ||
                            d.broken == &templates::row_of(rule_id::unverified_thing_name) ||
                            d.broken == &templates::row_of(rule_id::unbounded_thing_name);
      CHECK(expected);
    }
  }
  CHECK(seen == 7);
}
