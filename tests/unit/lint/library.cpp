#include <tests/support/corpus.hpp>
#include <tests/unit/lint/lint_support.hpp>

#include <map>
#include <set>

using namespace fleetprov;
using namespace test;
using policies::role;

namespace {

std::string filled(const std::filesystem::path& file) {
  auto source = json::document::from_text(slurp(file));
  REQUIRE(source.value.has_value());
  policies::render_values values;
  values.region = "eu-west-1";
  values.account = "123456789012";
  values.template_name = "Fleet";
  auto out = policies::render(*source.value, values);
  for (const auto& d : out.diagnostics) UNSCOPED_INFO(d.message);
  REQUIRE(out.value.has_value());
  return *out.value;
}

}  // namespace

TEST_CASE("every shipped policy is clean once rendered, for everybody and for its role") {
  std::size_t seen = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(FLEETPROV_SOURCE_DIR) + "/policies")) {
    const std::string name = entry.path().filename().string();
    if (entry.path().extension() != ".json" || name.find(".test.json") != std::string::npos) continue;
    CAPTURE(name);
    ++seen;
    CHECK(std::filesystem::exists(std::filesystem::path(entry.path()).replace_extension(".test.json")));
    const std::string text = filled(entry.path());
    CHECK(policies::parse_text(text).diagnostics.empty());
    CHECK(ids(lint_text(text)) == std::vector<std::string>{});
    const bool claim = name.substr(0, 5) == "claim";
    const auto found = role_text(text, claim ? role::claim : role::device, claim ? "Fleet" : "");
    std::vector<std::string> expected;
    if (name == "claim-keys.json" || name == "claim-csr.json") expected = {"P153"};  // one flow, by design
    if (name == "sample-device.json") expected = {"P163", "P166"};                   // demo topics, shared by design
    CHECK(ids(found) == expected);
  }
  CHECK(seen == 9);
}

TEST_CASE("unrendered policies say what is left to fill in, and only that") {
  const auto found = lint_text(slurp(std::string(FLEETPROV_SOURCE_DIR) + "/policies/claim-both.json"));
  REQUIRE_FALSE(found.empty());
  for (const auto& d : found) CHECK(d.broken->id == "P070");
}

TEST_CASE("documents that AWS accepts get no error, known defects get their rule") {
  const auto dir = corpus_dir();
  if (!dir) return;
  const std::map<std::string, std::vector<std::string>> wanted{
      {"cur-misconf-mqtt-wildcard-in-deny.json", {"P058", "P059"}},
      {"cur-retained-list-wrong-resource.json", {"P068"}},
      {"doc-jobs-00.json", {"P014", "P053", "P070", "P089"}},
      {"doc-audit-12-shadow-compliant.json", {"P053", "P070"}},
      {"doc-pubsub-13-publish-undocumented-thing-variable.json", {"P064"}},
      {"doc-pubsub-06-subscribe-allow-receive-deny-string-members.json", {"P079", "P082", "P084"}},
      {"doc-pubsub-09-subscribe-plus-literal.json", {"P061"}},
      {"doc-basicvar-00-clientid.json", {"P055", "P062", "P063"}},
      {"doc-virtualthing-17.json", {"P055", "P057"}},
      {"samples-jitp-create-thing.json", {"P055", "P057"}},
      {"moto-star-star.json", {"P055", "P056", "P057"}},
      {"wizard-publishretain.json", {"P051"}},
      {"doc-claim-00.json", {"P055", "P057", "P070"}},
      {"embc-claim.json", {"P070"}},
      {"auto-bootstrap.json", {"P070"}},
      {"gg-minimal-core.json", {"P055", "P070"}},
      {"secretfree-client-policy.json", {"P056", "P057"}},
  };
  std::set<std::string> seen;
  const auto rows = read_tsv(*dir / "index.tsv");
  for (std::size_t i = 1; i < rows.size(); ++i) {
    if (rows[i].size() < 4 || rows[i][1] != "policy") continue;
    CAPTURE(rows[i][0]);
    const auto parsed = policies::parse_text(slurp(*dir / rows[i][0]));
    if (rows[i][3] == "invalid") CHECK(parsed.has_errors());
    if (rows[i][3] == "valid") CHECK_FALSE(parsed.has_errors());
    if (!parsed.value) continue;
    const auto found = policies::lint(*parsed.value);
    for (const auto& d : found) CHECK(d.level != severity::error);
    const auto expected = wanted.find(rows[i][0]);
    if (expected == wanted.end()) continue;
    seen.insert(rows[i][0]);
    for (const std::string& id : expected->second) {
      CAPTURE(id);
      CHECK(fires(found, id));
    }
  }
  CHECK(seen.size() == wanted.size());
}

TEST_CASE("AWS's sample claim policy: the CSR flow is not covered and any client may connect") {
  const auto dir = corpus_dir();
  if (!dir) return;
  for (const char* name : {"doc-claim-00.json", "article-claim-policy.json"}) {
    const auto found = role_text(slurp(*dir / name), role::claim, "templateName");
    CHECK(ids(found) == std::vector<std::string>{"P153", "P151"});
  }
  // The SDK's sample goes the other way: CSR only, least form, a client id prefix.
  const auto sdk = role_text(slurp(*dir / "sdkpy-fleetprov-csr.json"), role::claim);
  CHECK(ids(sdk) == std::vector<std::string>{"P153"});
}

TEST_CASE("what AWS calls compliant is not flagged by the audit") {
  const auto dir = corpus_dir();
  if (!dir) return;
  for (const char* name : {"cur-audit-publish-compliant.json", "cur-audit-thing-apis-compliant.json",
                           "dc-permanent.json", "cur-pubsub-attributes-registered.json"}) {
    CAPTURE(name);
    CHECK_FALSE(fires(lint_text(slurp(*dir / name)), "P055"));
  }
}
