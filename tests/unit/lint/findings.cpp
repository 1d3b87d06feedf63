#include <tests/unit/lint/lint_support.hpp>

using namespace test;
using fleetprov::policies::role;

TEST_CASE("a policy with topic/*/response/* is flagged: one device can forge another's answers") {
  const std::string text = policy({statement("Allow", "iot:Publish", "topic/*/response/*")});
  const auto d = only(lint_text(text), "P075");
  CHECK(d.pointer == "/Statement/0/Resource");
  CHECK(fires(role_text(text, role::device), "P163"));
  const std::string own =
      policy({statement("Allow", "iot:Publish", "topic/${iot:Connection.Thing.ThingName}/response/*")});
  CHECK_FALSE(fires(lint_text(own), "P075"));
  CHECK_FALSE(fires(role_text(own, role::device), "P163"));
}

TEST_CASE("a claim policy with which any client can take any thing's name is flagged") {
  const std::string provisioning =
      statement("Allow", "iot:Publish", "topic/$aws/provisioning-templates/*/provision/json");
  for (const std::string client : {"*", "client/*", "client/${iot:ClientId}", "client/?*"}) {
    CAPTURE(client);
    const auto found = role_text(policy({statement("Allow", "iot:Connect", client), provisioning}), role::claim);
    CHECK(fires(found, "P151"));
    CHECK(fires(found, "P154"));
  }
  const auto prefixed = role_text(policy({statement("Allow", "iot:Connect", "client/line-7-*")}), role::claim);
  CHECK_FALSE(fires(prefixed, "P151"));
}

TEST_CASE("the claim role is told when the template of --template-name is not the one allowed") {
  const std::string text = slurp(std::string(FLEETPROV_SOURCE_DIR) + "/policies/claim-both.json");
  CHECK(role_text(text, role::claim, "templateName").empty());
  const auto found = role_text(text, role::claim, "Other");
  CHECK(fires(found, "P152"));
  CHECK(fires(found, "P155"));
}

TEST_CASE("the claim role is told when reading the answers is forbidden") {
  std::string text = slurp(std::string(FLEETPROV_SOURCE_DIR) + "/policies/claim-both.json");
  const std::string both = "\"iot:Publish\",\n        \"iot:Receive\"";
  const std::size_t at = text.find(both);
  REQUIRE(at != std::string::npos);
  text.replace(at, both.size(), "\"iot:Publish\"");
  CHECK(fires(role_text(text, role::claim), "P152"));
}

TEST_CASE("action and resource of different types are told apart, in both directions") {
  const auto at_resource = lint_text(policy({statement("Allow", "iot:Subscribe", "topic/a")}));
  CHECK(only(at_resource, "P014").pointer == "/Statement/0/Resource");
  const auto at_action = lint_text(R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow",
    "Action":["iot:Publish","iot:Subscribe"],"Resource":["arn:aws:iot:us-east-1:123456789012:topic/a"]}]})");
  CHECK(only(at_action, "P014").pointer == "/Statement/0/Action/1");
  CHECK_FALSE(fires(lint_text(policy({statement("Allow", "iot:*", "topic/a")})), "P014"));
}

TEST_CASE("Device Defender's first audit: the compliant and noncompliant rows of its page") {
  const std::string thing = "${iot:Connection.Thing.ThingName}";
  const std::string attached = R"(,"Condition":{"Bool":{"iot:Connection.Thing.IsAttached":["true"]}})";
  const auto broad = [](const std::string& text) { return fires(lint_text(text), "P055"); };
  CHECK(broad(policy({statement("Allow", "iot:Connect", "client/*")})));
  CHECK(broad(policy({statement("Allow", "iot:Connect", "client/${iot:ClientId}")})));
  CHECK_FALSE(broad(policy({statement("Allow", "iot:Connect", "client/${iot:ClientId}", attached)})));
  CHECK_FALSE(broad(policy({statement("Allow", "iot:Connect", "client/" + thing, attached)})));
  CHECK(broad(policy({statement("Allow", "iot:Publish", "topic/$aws/things/*/shadow/update")})));
  CHECK(broad(policy({statement("Allow", "iot:Publish", "topic/$aws/things/*")})));
  CHECK(broad(policy({statement("Allow", "iot:Publish", "topic/*")})));
  CHECK_FALSE(broad(policy({statement("Allow", "iot:Publish", "topic/$aws/things/" + thing + "/shadow/*")})));
  CHECK(broad(policy({statement("Allow", "iot:Subscribe", "topicfilter/$aws/things/*")})));
  CHECK(broad(policy({statement("Allow", "iot:Subscribe", "topicfilter/$aws/things/#")})));
  CHECK(broad(policy({statement("Allow", "iot:Subscribe", "topicfilter/$aws/things/+/shadow/update")})));
  CHECK_FALSE(broad(policy({statement("Allow", "iot:Subscribe", "topicfilter/$aws/things/" + thing + "/shadow/*")})));
  CHECK_FALSE(broad(policy({statement("Allow", "iot:Subscribe", "topicfilter/$aws/things/" + thing + "/jobs/*")})));
  CHECK_FALSE(broad(policy({statement("Allow", "iot:Receive", "topic/$aws/things/*")})));
  CHECK(broad(policy({statement("Allow", "iot:GetThingShadow", "thing/*")})));
  CHECK(broad(policy({statement("Allow", "iotjobsdata:UpdateJobExecution", "thing/*")})));
  CHECK_FALSE(broad(policy({statement("Allow", "iot:GetThingShadow", "thing/MyThing1")})));
}

TEST_CASE("Device Defender's second audit names a filter and a topic that show the hole") {
  const auto found = lint_text(policy({statement("Allow", "iot:Subscribe", "topicfilter/building/*"),
                                       statement("Deny", "iot:Subscribe", "topicfilter/building/control_room/*"),
                                       statement("Allow", "iot:Receive", "topic/building/*")}));
  const auto d = only(found, "P059");
  CHECK(d.pointer == "/Statement/1");
  CHECK_THAT(d.message, ContainsSubstring("`building/#`"));
  CHECK_THAT(d.message, ContainsSubstring("building/control_room/"));

  const auto with_wildcard =
      lint_text(policy({statement("Allow", "iot:Subscribe", "topicfilter/building/*"),
                        statement("Deny", "iot:Subscribe", "topicfilter/building/control_room/#"),
                        statement("Allow", "iot:Receive", "topic/building/*")}));
  CHECK(fires(with_wildcard, "P058"));
  CHECK(fires(with_wildcard, "P059"));

  const auto mended = lint_text(policy({statement("Allow", "iot:Subscribe", "topicfilter/building/*"),
                                        statement("Deny", "iot:Subscribe", "topicfilter/building/control_room/*"),
                                        statement("Deny", "iot:Receive", "topic/building/control_room/*"),
                                        statement("Allow", "iot:Receive", "topic/building/*")}));
  CHECK_FALSE(fires(mended, "P059"));

  const auto narrow = lint_text(policy({statement("Allow", "iot:Subscribe", "topicfilter/building/lobby/*"),
                                        statement("Deny", "iot:Subscribe", "topicfilter/building/control_room/*"),
                                        statement("Allow", "iot:Receive", "topic/building/*")}));
  CHECK_FALSE(fires(narrow, "P059"));
}

TEST_CASE("the second audit sees holes of one and the same device") {
  const std::string thing = "${iot:Connection.Thing.ThingName}";
  const auto found = lint_text(policy({statement("Allow", "iot:Subscribe", "topicfilter/" + thing + "/*"),
                                       statement("Deny", "iot:Subscribe", "topicfilter/" + thing + "/secret/*"),
                                       statement("Allow", "iot:Receive", "topic/" + thing + "/*")}));
  CHECK_THAT(only(found, "P059").message, ContainsSubstring("`" + thing + "/#`"));
}

TEST_CASE("a Deny with a condition makes no Allow dead") {
  const std::string condition = R"(,"Condition":{"StringEquals":{"iot:DomainName":"a.example.com"}})";
  CHECK(fires(lint_text(policy(
                  {statement("Allow", "iot:Publish", "topic/a/b"), statement("Deny", "iot:Publish", "topic/a/*")})),
              "P080"));
  CHECK_FALSE(fires(lint_text(policy({statement("Allow", "iot:Publish", "topic/a/b"),
                                      statement("Deny", "iot:Publish", "topic/a/*", condition)})),
                    "P080"));
}

TEST_CASE("of two equal statements the later one is redundant") {
  const auto found =
      lint_text(policy({statement("Allow", "iot:Publish", "topic/a"), statement("Allow", "iot:Publish", "topic/a")}));
  CHECK(only(found, "P078").pointer == "/Statement/1");
}

TEST_CASE("hostile patterns are linted in bounded time") {
  std::string stars;
  while (stars.size() < 900) stars += "*a?";
  const std::string text = policy({statement("Allow", "iot:Subscribe", "topicfilter/" + stars + "b"),
                                   statement("Deny", "iot:Subscribe", "topicfilter/" + stars.substr(0, 450) + "c"),
                                   statement("Allow", "iot:Receive", "topic/*")});
  const auto document = parse_policy(text);
  CHECK(fires(fleetprov::policies::lint(document), "P061") == false);
}
