#include <tests/unit/lint/lint_support.hpp>

#include <fleetprov/policies/evaluate.hpp>
#include <fleetprov/policies/principal.hpp>

#include <map>

using namespace fleetprov;
using namespace test;

// The suites beside the shipped policies, read here without the command line: each case gets its answer
// from the evaluator, on the rendered document.

namespace {

policies::principal_facts facts_of_case(const json::value& one) {
  policies::principal_facts who;
  if (const auto* id = one.find("client_id")) who.client_id = id->text;
  if (const auto* thing = one.find("thing")) {
    policies::thing_facts facts;
    facts.name = thing->find("name")->text;
    if (const auto* type = thing->find("type")) facts.type = type->text;
    if (const auto* attached = thing->find("attached")) facts.attached = attached->text == "true";
    if (const auto* exclusive = thing->find("exclusive")) facts.exclusive = exclusive->text == "true";
    if (const auto* attributes = thing->find("attributes"))
      for (const auto& m : attributes->members) facts.attributes[m.key] = m.held.text;
    who.thing = std::move(facts);
  }
  if (const auto* extra = one.find("context"))
    for (const auto& m : extra->members)
      for (const auto& v : m.held.items) who.extra[m.key].push_back(v.text);
  return who;
}

}  // namespace

TEST_CASE("every case of the suites beside the shipped policies holds") {
  const std::string dir = std::string(FLEETPROV_SOURCE_DIR) + "/policies/";
  std::size_t cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir)) {
    const std::string file = entry.path().filename().string();
    if (file.find(".test.json") == std::string::npos) continue;
    CAPTURE(file);
    auto suite = json::document::from_text(slurp(entry.path()));
    REQUIRE(suite.value.has_value());
    const json::value& root = suite.value->root();
    policies::render_values values;
    values.region = root.find("render")->find("region")->text;
    values.account = root.find("render")->find("account")->text;
    if (const auto* name = root.find("render")->find("template_name")) values.template_name = name->text;
    std::map<std::string, policies::policy_document> documents;
    for (const auto& m : root.find("policies")->members) {
      auto source = json::document::from_text(slurp(dir + m.held.text));
      REQUIRE(source.value.has_value());
      auto text = policies::render(*source.value, values);
      REQUIRE(text.value.has_value());
      documents.emplace(m.key, parse_policy(*text.value));
    }
    std::size_t allowed = 0, denied = 0;
    for (const json::value& one : root.find("authorize")->items) {
      CAPTURE(one.find("name")->text);
      const auto& document = documents.at(one.find("policies")->items.at(0).text);
      const policies::request asked{one.find("action")->text, one.find("resource")->text,
                                    policies::make_context(facts_of_case(one))};
      const auto got = policies::evaluate({{"p", &document}}, asked).answer;
      const bool wanted = one.find("expect")->text == "ALLOWED";
      CHECK((got == policies::decision::allowed) == wanted);
      ++(wanted ? allowed : denied);
      ++cases;
    }
    CHECK(allowed > 0);
    CHECK(denied > 0);
  }
  CHECK(cases > 100);
}
