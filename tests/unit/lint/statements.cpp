// What entries and statements mean together: covered, dead, missing.

#include <tests/unit/lint/lint_support.hpp>

using namespace test;

namespace {

/// Whether the linter says so of the second statement.
bool covered(const std::string& wide, const std::string& narrow) {
  for (const auto& d : lint_text(policy({wide, narrow})))
    if (d.broken->id == "P078" && d.pointer == "/Statement/1") return true;
  return false;
}

const std::vector<std::string> talk{"iot:Publish", "iot:Receive"};

}  // namespace

TEST_CASE("of two equal resources the later one is redundant") {
  CHECK(only(lint_text(policy({statement_of("Allow", {"iot:Publish"}, {"topic/a", "topic/a"})})), "P077").pointer ==
        "/Statement/0/Resource/1");
}

TEST_CASE("a statement is covered if each of its resources and actions is in the other") {
  CHECK(covered(statement_of("Allow", talk, {"topic/a", "topic/b", "topic/c"}),
                statement_of("Allow", talk, {"topic/a", "topic/b"})));
  CHECK_FALSE(covered(statement_of("Allow", talk, {"topic/a", "topic/b", "topic/c"}),
                      statement_of("Allow", talk, {"topic/a", "topic/d"})));
  // A name that AWS IoT does not have grants nothing, so it need not be covered; one of another service must.
  CHECK(covered(statement_of("Allow", {"iot:Publish"}, {"topic/a"}),
                statement_of("Allow", {"iot:Publish", "iot:Nothing"}, {"topic/a"})));
  CHECK(covered(statement_of("Allow", {"*"}, {"topic/a"}),
                statement_of("Allow", {"iot:Publish", "greengrass:Discover"}, {"topic/a"})));
  CHECK(covered(statement_of("Allow", {"greengrass:Discover", "iot:Publish"}, {"topic/*"}),
                statement_of("Allow", {"iot:Publish", "greengrass:Discover"}, {"topic/a"})));
  CHECK_FALSE(covered(statement_of("Allow", {"greengrass:Discover"}, {"topic/a"}),
                      statement_of("Allow", {"greengrass:Discover"}, {"topic/a"})));
  CHECK_FALSE(covered(statement_of("Allow", {"iot:*"}, {"topic/a"}),
                      statement_of("Allow", {"iot:Publish", "greengrass:Discover"}, {"topic/a"})));
}

TEST_CASE("conditions on different keys are different") {
  const auto with = [](const std::string& key) {
    return statement("Allow", "iot:Publish", "topic/a", R"(,"Condition":{"StringEquals":{")" + key + R"(":"x"}})");
  };
  CHECK(covered(with("iot:ClientId"), with("iot:ClientId")));
  CHECK_FALSE(covered(with("iot:ClientId"), with("iot:DomainName")));
}

TEST_CASE("a Deny is dead if it meets none of the grants") {
  const auto dead = [](const std::vector<std::string>& statements) {
    return fires(lint_text(policy(statements)), "P079");
  };
  const std::string grant = statement_of("Allow", talk, {"topic/a"});
  CHECK(dead({grant, statement_of("Deny", talk, {"topic/b"})}));
  CHECK(dead({grant, statement_of("Deny", {"iot:Connect", "iot:Publish", "iot:Receive"}, {"topic/b", "topic/c"})}));
  CHECK_FALSE(dead({grant, statement_of("Deny", talk, {"topic/a", "topic/b"})}));
  CHECK_FALSE(dead({grant, statement_of("Deny", talk, {"topic/b", "topic/a"})}));
  CHECK_FALSE(dead({grant, statement_of("Deny", {"iot:Publish", "iot:Receive"}, {"topic/?"})}));
  // One action that bites is enough, and one resource of the right type.
  CHECK_FALSE(dead({grant, statement_of("Deny", {"iot:Publish", "iot:ListRetainedMessages"}, {"topic/a"})}));
  CHECK(dead({grant, statement_of("Deny", {"iot:Publish", "iot:GetThingShadow"}, {"topic/b"})}));
  // Not this rule's: nothing is allowed at all, no action of AWS IoT, a resource of the wrong type.
  CHECK_FALSE(dead({statement_of("Deny", talk, {"topic/b"})}));
  CHECK_FALSE(dead({grant, statement_of("Deny", {"greengrass:Discover"}, {"topic/b"})}));
  CHECK_FALSE(dead({grant, statement_of("Deny", {"iot:Connect"}, {"topic/b"})}));
}

TEST_CASE("an allowed entry is dead if a Deny takes back every action on it") {
  const auto dead = [](const std::vector<std::string>& statements) {
    std::vector<std::string> out;
    for (const auto& d : lint_text(policy(statements)))
      if (d.broken->id == "P080") out.push_back(d.pointer);
    return out;
  };
  const std::string grant =
      statement_of("Allow", {"iot:Connect", "iot:Publish", "iot:Receive"}, {"client/a", "topic/a"});
  const std::vector<std::string> none, topic{"/Statement/0/Resource/1"};
  CHECK(dead({grant, statement_of("Deny", talk, {"topic/*"})}) == topic);
  CHECK(dead({grant, statement("Deny", "iot:Publish", "topic/a")}) == none);
  CHECK(dead({grant, statement("Deny", "iot:Receive", "topic/a")}) == none);
  CHECK(dead({R"({"Effect":"Allow","Action":"iot:Publish","NotResource":")" + arn + "topic/a\"}",
              statement("Deny", "iot:Publish", "topic/*")}) == none);
}

TEST_CASE("a shared subscription brings in the topics behind its group name") {
  const auto found = [](const std::vector<std::string>& filters, const std::string& topic) {
    return lint_text(
        policy({statement_of("Allow", {"iot:Subscribe"}, filters), statement("Allow", "iot:Receive", topic)}));
  };
  CHECK_FALSE(fires(found({"topicfilter/$share/g/a"}, "topic/a"), "P082"));
  CHECK(fires(found({"topicfilter/$share/g/a"}, "topic/g/a"), "P082"));
  // Without a filter behind the name it is a plain filter.
  CHECK_FALSE(fires(found({"topicfilter/$share/g"}, "topic/$share/g"), "P082"));
  CHECK(fires(found({"topicfilter/$share/g"}, "topic/g"), "P082"));
  CHECK_FALSE(fires(found({"topicfilter/$share/g"}, "topic/$share/g"), "P088"));
  const auto both = found({"topicfilter/$share/g/a", "topicfilter/$share/g/b"}, "topic/*");
  CHECK(std::count_if(both.begin(), both.end(), [](const auto& d) { return d.broken->id == "P088"; }) == 2);
}

TEST_CASE("the two spellings of a job action are two actions, as they are for evaluation") {
  const std::string current = "iotjobsdata:DescribeJobExecution", old = "iot:DescribeJobExecution";
  const auto of = [](const std::string& first, const std::string& allowed, const std::string& second, const std::string& action) {
    return lint_text(policy({statement(first, allowed, "thing/x"), statement(second, action, "thing/x")}));
  };
  CHECK_FALSE(fires(of("Allow", current, "Deny", old), "P080"));
  CHECK(fires(of("Allow", current, "Deny", old), "P079"));
  CHECK(fires(of("Allow", current, "Deny", current), "P080"));
  CHECK(fires(of("Allow", old, "Deny", old), "P080"));
  CHECK(fires(of("Allow", old, "Deny", "iot:*"), "P080"));
  CHECK_FALSE(fires(of("Allow", current, "Deny", "iot:*"), "P080"));
  CHECK_FALSE(fires(of("Allow", old, "Allow", current), "P078"));
  CHECK(fires(of("Allow", old, "Allow", "iot:*"), "P078"));
  CHECK_FALSE(fires(of("Allow", current, "Allow", "iot:*"), "P078"));
  CHECK(fires(of("Allow", current, "Allow", "iotjobsdata:*"), "P078"));
}

TEST_CASE("a filter brings in what its levels can be, and no `$` topic where it begins with a wildcard") {
  const auto lonely = [](const std::string& filter, const std::string& topic) {
    const auto found = lint_text(policy({statement("Allow", "iot:Subscribe", "topicfilter/" + filter), statement("Allow", "iot:Receive", "topic/" + topic)}));
    CHECK(fires(found, "P082") == fires(found, "P083"));
    return fires(found, "P082");
  };
  CHECK(lonely("a/+", "a/b/c"));
  CHECK_FALSE(lonely("a/+", "a/b"));
  CHECK_FALSE(lonely("a/+", "a/*"));
  CHECK_FALSE(lonely("a/#", "a/b/c"));
  CHECK(lonely("#", "$aws/things/a/shadow/update/accepted"));
  CHECK(lonely("+/things/#", "$aws/things/a/shadow/update/accepted"));
  CHECK_FALSE(lonely("#", "a/b"));
  CHECK_FALSE(lonely("$aws/things/+/shadow/update/accepted", "$aws/things/a/shadow/update/accepted"));
  CHECK_FALSE(lonely("*", "$aws/things/a/shadow/update/accepted"));
}

TEST_CASE("a Connect without a resource for a client connects nobody") {
  const auto silent = [](const std::vector<std::string>& resources) {
    return fires(lint_text(policy({statement_of("Allow", {"iot:Connect", "iot:Publish"}, resources)})), "P084");
  };
  CHECK(silent({"topic/a"}));
  CHECK_FALSE(silent({"topic/a", "client/a"}));
  CHECK_FALSE(silent({"*"}));
  CHECK_FALSE(fires(lint_text(raw(R"("Effect":"Allow","Action":["iot:Connect","iot:Publish"],"NotResource":")" + arn + "topic/a\"")), "P084"));
}

TEST_CASE("a wildcard of the policy can be the `/` beside an MQTT wildcard, or that wildcard, or a share's name") {
  const auto lonely = [](const std::string& filter, const std::string& topic) {
    const auto found = lint_text(policy({statement("Allow", "iot:Subscribe", "topicfilter/" + filter), statement("Allow", "iot:Receive", "topic/" + topic)}));
    CHECK(fires(found, "P082") == fires(found, "P083"));
    return fires(found, "P082");
  };
  for (const auto& [filter, topic] : std::vector<std::pair<std::string, std::string>>{
           {"sensors/*#", "sensors/a/temp"},
           {"sensors*#", "sensors/a/temp"},
           {"sensors*+", "sensors/a"},
           {"sensors?+", "sensors/a"},
           {"+*b", "a/b"},
           {"+?b", "a/b"},
           {"a/#*", "a/b/c"},
           {"?/#", "ab//b"},
           {"a/?", "a/b/c"},
           {"a/?/c", "a/bb/c"},
           {"?b", "ab"},
           {"${iot:ClientId}#", "a/b"},
           {"*/a", "a"},
           {"$share/*", "a"},
           {"$share/*/a", "b/a"},
           {"$share/g?a", "a"},
           {"$shar?/g/a", "a"},
           {"$*", "a"},
       }) {
    CAPTURE(filter, topic);
    CHECK_FALSE(lonely(filter, topic));
  }
  for (const auto& [filter, topic] : std::vector<std::pair<std::string, std::string>>{
           {"sensors/*#", "other/a"},
           {"sensors*+", "sensor"},
           {"a/+*", "b/c"},
           {"a/+/b", "a/b/c/b"},
           {"a/?b", "a/ccb"},
           {"?/#", "a"},
           {"a*/#", "b"},
           {"$share/g*/a", "b"},
           {"$share/g/+", "$aws/a"},
       }) {
    CAPTURE(filter, topic);
    CHECK(lonely(filter, topic));
  }
}
