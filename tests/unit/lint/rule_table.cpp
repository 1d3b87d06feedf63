#include <tests/support/catch.hpp>

#include <fleetprov/policies/lint.hpp>
#include <fleetprov/policies/roles.hpp>
#include <fleetprov/policies/rules.hpp>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

using namespace fleetprov;

namespace {

/// Every finding about a document: parser, lint and, for role rules, that role.
std::vector<diagnostic> all_findings(std::string_view text, std::string_view id) {
  outcome<policies::policy_document> parsed = policies::parse_text(std::string(text));
  std::vector<diagnostic> out = parsed.diagnostics;
  if (!parsed.value) return out;
  std::vector<diagnostic> more = policies::lint(*parsed.value);
  if (id >= "P160") more = policies::lint_role(*parsed.value, policies::role::device);
  else if (id >= "P150") more = policies::lint_role(*parsed.value, policies::role::claim);
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

bool fires(const std::vector<diagnostic>& found, std::string_view id) {
  return std::any_of(found.begin(), found.end(), [&](const diagnostic& d) { return d.broken->id == id; });
}

}  // namespace

TEST_CASE("every lint rule has a document that fires it and a near miss that does not") {
  std::size_t walked = 0;
  for (const rule& r : policies::rules) {
    if (r.id < "P050") continue;
    ++walked;
    CAPTURE(r.id, r.name);
    CAPTURE(std::string(r.bad));
    CAPTURE(std::string(r.good));
    const auto bad = policies::parse_text(std::string(r.bad));
    const auto good = policies::parse_text(std::string(r.good));
    CHECK(bad.value.has_value());
    CHECK(good.value.has_value());
    CHECK(fires(all_findings(r.bad, r.id), r.id));
    CHECK_FALSE(fires(all_findings(r.good, r.id), r.id));
  }
  CHECK(walked > 70);
}

TEST_CASE("the rule table is well formed: ids and names unique, every column filled") {
  std::set<std::string_view> ids, names;
  for (const rule& r : policies::rules) {
    CAPTURE(r.id);
    CHECK(ids.insert(r.id).second);
    CHECK(names.insert(r.name).second);
    CHECK_FALSE(r.summary.empty());
    CHECK_FALSE(r.why.empty());
    CHECK_FALSE(r.source.empty());
    CHECK_FALSE(r.bad.empty());
    CHECK_FALSE(r.good.empty());
    CHECK(r.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos);
    if (r.id >= "P050") CHECK(r.level != severity::error);
  }
}

TEST_CASE("findings point into the document and carry no line breaks") {
  for (const rule& r : policies::rules) {
    if (r.id < "P050") continue;
    const std::string text(r.bad);
    for (const diagnostic& d : all_findings(text, r.id)) {
      CAPTURE(r.id, d.broken->id, d.message);
      CHECK(d.where.end > d.where.begin);
      CHECK(d.where.end <= text.size());
      CHECK(d.message.find('\n') == std::string::npos);
      CHECK(d.message.back() != '.');
    }
  }
}
