#include "support/corpus.hpp"
#include "unit/templates/reading.hpp"

#include <fleetprov/templates/parameters.hpp>

using namespace test;

namespace {

struct corpus_row {
  std::string file, kind, expected;
};

std::vector<corpus_row> template_rows(const std::filesystem::path& dir) {
  std::vector<corpus_row> out;
  for (const auto& cells : read_tsv(dir / "index.tsv"))
    if (cells.size() >= 4 && (cells[1].find("template") != std::string::npos || cells[1] == "registration-config" ||
                              cells[1].find("hook") != std::string::npos))
      out.push_back({cells[0], cells[1], cells[3]});
  return out;
}

/// A value that fits wherever these templates put it.
std::map<std::string, std::string> some_parameters(const templates::provisioning_template& subject) {
  std::map<std::string, std::string> out;
  for (const templates::parameter& p : subject.parameters)
    if (p.name != templates::certificate_id_parameter) out[p.name] = p.name == "DeviceLocation" ? "Seattle" : "1";
  return out;
}

}  // namespace

TEST_CASE("every public template labelled valid passes without errors and resolves") {
  const auto dir = corpus_dir();
  if (!dir) return;
  std::size_t seen = 0;
  for (const corpus_row& row : template_rows(*dir)) {
    if (row.expected != "valid") continue;
    INFO(row.file);
    ++seen;
    const auto source = read(read_file(*dir / row.file));
    const auto kind = templates::parse_document_kind(row.kind);
    CHECK(name_of(templates::detect_kind(source)) == row.kind);
    for (const diagnostic& d : templates::check(source, kind)) {
      INFO(d.broken->id << " " << d.pointer << ": " << d.message);
      CHECK(d.level != fleetprov::severity::error);
    }
    const auto body = templates::read_template(source, kind);
    REQUIRE(body);
    const auto made = templates::evaluate(*body.value, some_parameters(*body.value));
    for (const diagnostic& d : made.diagnostics) UNSCOPED_INFO(d.broken->id << " " << d.pointer << ": " << d.message);
    REQUIRE(made);
    CHECK(made.value->thing.has_value());
  }
  CHECK(seen >= 10);
}

TEST_CASE("a serial number becomes part of the thing name in the template the project starts from") {
  const auto dir = corpus_dir();
  if (!dir) return;
  const auto source = read(read_file(*dir / "article-template.json"));
  const auto made = templates::evaluate(*templates::parse(source, template_kind::fleet).value, {{"SerialNumber", "1"}});
  REQUIRE(made);
  CHECK(made.value->thing->name == "wapa5pow-template-1");
  CHECK(made.value->certificate->status == "ACTIVE");
  REQUIRE(made.value->policies.size() == 1);
  CHECK(made.value->policies[0].name == "wapa5pow-device-policy");
}

TEST_CASE("public hook documents labelled invalid are refused") {
  const auto dir = corpus_dir();
  if (!dir) return;
  for (const corpus_row& row : template_rows(*dir)) {
    if (row.expected != "invalid") continue;
    INFO(row.file);
    auto source = fleetprov::json::document::from_text(read_file(*dir / row.file));
    const bool refused = !source || [&] {
      for (const diagnostic& d : templates::check(*source.value, templates::parse_document_kind(row.kind)))
        if (d.level == fleetprov::severity::error) return true;
      return false;
    }();
    CHECK(refused);
  }
}
