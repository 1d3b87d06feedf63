// The steps that the questions about whole pattern languages share.

#include <tests/unit/lint/lint_support.hpp>

#include <set>

using namespace test;
namespace policies = fleetprov::policies;

namespace {

std::set<std::string> found_with(const policies::policy_document& document, std::size_t steps) {
  policies::detail::document_view view(document);
  policies::detail::findings out;
  policies::work_budget budget{steps};
  policies::detail::lint_actions(view, out, budget);
  policies::detail::lint_sets(view, out, budget);
  std::set<std::string> said;
  for (const auto& d : out.take()) said.insert(std::string(d.broken->id) + " " + d.pointer + " " + d.message);
  return said;
}

std::set<std::string> rules_in(const std::set<std::string>& said) {
  std::set<std::string> out;
  for (const std::string& one : said) out.insert(one.substr(0, 4));
  return out;
}

}  // namespace

TEST_CASE("whatever the budget, nothing is said that the full budget does not say") {
  const auto document = parse_policy(policy({
      statement_of("Allow", {"iot:Publish", "iot:Pub*", "iot:Nothing"}, {"topic/a/*", "topic/a/b", "topic/a/b"}),
      statement("Allow", "iot:Publish", "topic/a/c"),
      statement("Allow", "iot:Subscribe", "topicfilter/building/*"),
      statement("Deny", "iot:Subscribe", "topicfilter/building/control_room/*"),
      statement("Allow", "iot:Receive", "topic/building/*"),
      statement_of("Allow", {"iot:Subscribe"}, {"topicfilter/alone/x", "topicfilter/$share/g/y"}),
      statement("Allow", "iot:Receive", "topic/z"),
      statement("Allow", "iot:RetainPublish", "topic/r"),
      statement("Deny", "iot:RetainPublish", "topic/never"),
      statement("Deny", "iot:RetainPublish", "topic/?"),
  }));
  const std::set<std::string> all = found_with(document, policies::work_budget().steps);
  CHECK(rules_in(all) == std::set<std::string>{"P050", "P059", "P076", "P077", "P078", "P079", "P080", "P082", "P083",
                                               "P084", "P085", "P088"});
  // Patterns with different beginnings are told apart without a step.
  CHECK(rules_in(found_with(document, 0)) == std::set<std::string>{"P050", "P079", "P082", "P083", "P084", "P085"});
  std::size_t steps = 0, last = 0;
  for (; last != all.size(); ++steps) {
    REQUIRE(steps < policies::work_budget().steps);
    const std::set<std::string> some = found_with(document, steps);
    CAPTURE(steps);
    REQUIRE(std::includes(all.begin(), all.end(), some.begin(), some.end()));
    last = some.size();
  }
  CHECK(steps > 100);
}

TEST_CASE("a policy with many filters to try is looked at for everything else too") {
  std::vector<std::string> filters;
  for (int i = 0; i < 12; ++i) filters.push_back("topicfilter/a" + std::to_string(i) + "*b*c*d*");
  CHECK(fires(lint_text(policy({statement_of("Allow", {"iot:Subscribe"}, filters),
                                statement("Deny", "iot:Subscribe", "topicfilter/zz/*"),
                                statement("Allow", "iot:Receive", "topic/q*"),
                                statement("Allow", "iot:Publish", "topic/dead"),
                                statement("Deny", "iot:Publish", "topic/dead")})),
              "P080"));
}
