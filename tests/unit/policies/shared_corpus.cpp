// The shared tables of decisions, conditions, wildcards and documents. `disputed` rows are no gate.

#include "support/catch.hpp"
#include "support/corpus.hpp"

#include <fleetprov/policies/bound_policy.hpp>
#include <fleetprov/policies/evaluate.hpp>
#include <fleetprov/policies/principal.hpp>

#include <map>
#include <string>

namespace policies = fleetprov::policies;
namespace json = fleetprov::json;

namespace {

json::document read_json(const std::string& text) {
  auto made = json::document::from_text(text.empty() ? "{}" : text);
  REQUIRE(made.value.has_value());
  return std::move(*made.value);
}

policies::context read_context(const std::string& text) {
  policies::context out;
  const json::document source = read_json(text);
  for (const json::member& m : source.root().members) {
    auto& values = out[m.key];
    if (m.held.is_array())
      for (const json::value& v : m.held.items) values.push_back(v.text);
    else
      values.push_back(m.held.text);
  }
  return out;
}

policies::principal_facts principal_of(const std::vector<std::string>& row) {
  policies::principal_facts who;
  if (!row[4].empty()) who.client_id = row[4];
  if (!row[5].empty()) {
    policies::thing_facts thing;
    thing.name = row[5];
    thing.attached = row[6] == "true";
    if (!row[7].empty()) thing.type = row[7];
    const json::document attributes = read_json(row[8]);
    for (const json::member& m : attributes.root().members) thing.attributes[m.key] = m.held.text;
    who.thing = std::move(thing);
  }
  who.extra = read_context(row.size() > 9 ? row[9] : "");
  return who;
}

}  // namespace

TEST_CASE("every stated and derived decision of the shared table comes out") {
  const auto dir = test::corpus_dir();
  if (!dir) return;
  auto rows = test::read_tsv(*dir / "decisions.tsv");
  REQUIRE(rows.size() > 1);
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const auto& row = rows[i];
    REQUIRE(row.size() >= 12);
    if (row[11] == "disputed") continue;
    CAPTURE(row[0], row[1], row[3]);
    const auto policy = policies::parse_text(test::read_file(*dir / row[1]));
    REQUIRE(policy);
    const std::vector<policies::named_document> documents{{row[1], &*policy.value}};
    const policies::context values = policies::make_context(principal_of(row));
    const policies::verdict got = policies::evaluate(documents, {row[2], row[3], values});
    CHECK((got.answer == policies::decision::allowed) == (row[10] == "allow"));
  }
}

TEST_CASE("every condition row of the shared table holds or fails as stated") {
  const auto dir = test::corpus_dir();
  if (!dir) return;
  auto rows = test::read_tsv(*dir / "conditions.tsv");
  REQUIRE(rows.size() > 1);
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const auto& row = rows[i];
    REQUIRE(row.size() >= 4);
    if (row[3] == "disputed") continue;
    CAPTURE(row[0], row[1]);
    const json::document block = read_json(row[0]);
    const auto tests = policies::parse_conditions(block.root(), policies::language::v2012);
    REQUIRE(tests);
    CHECK(policies::hold(*tests.value, read_context(row[1])) == (row[2] == "match"));
  }
}

TEST_CASE("every wildcard row of the shared table matches or not as stated") {
  const auto dir = test::corpus_dir();
  if (!dir) return;
  auto rows = test::read_tsv(*dir / "wildcards.tsv");
  REQUIRE(rows.size() > 1);
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const auto& row = rows[i];
    REQUIRE(row.size() >= 4);
    CAPTURE(row[0], row[1], row[2]);
    bool got = false;
    if (row[0] == "resource") {
      got = policies::glob_match(row[1], row[2]);
    } else {
      const json::document block = read_json(R"({")" + row[0] + R"(": {"k": ")" + row[1] + R"("}})");
      const auto tests = policies::parse_conditions(block.root(), policies::language::v2012);
      REQUIRE(tests);
      got = policies::hold(*tests.value, {{"k", {row[2]}}});
    }
    CHECK(got == (row[3] == "match"));
  }
}

TEST_CASE("valid documents of the shared corpus have no error and invalid ones at least one") {
  const auto dir = test::corpus_dir();
  if (!dir) return;
  std::map<std::string, int> seen;
  for (const auto& row : test::read_tsv(*dir / "index.tsv")) {
    if (row.size() < 4 || row[1] != "policy") continue;
    CAPTURE(row[0], row[4]);
    const auto got = policies::parse_text(test::read_file(*dir / row[0]));
    ++seen[row[3]];
    if (row[3] == "valid") CHECK(!got.has_errors());
    if (row[3] == "invalid") CHECK(got.has_errors());
    CHECK(got.value.has_value() == !got.has_errors());
    for (const auto& d : got.diagnostics) {
      CHECK(d.broken != nullptr);
      CHECK_FALSE(d.message.empty());
    }
  }
  CHECK(seen["valid"] > 10);
  CHECK(seen["invalid"] > 3);
}
