#include <cli/errors.hpp>
#include <cli/requests.hpp>
#include <cli/values.hpp>
#include <support/catch.hpp>

#include <fleetprov/policies/actions.hpp>

#include <optional>
#include <string>

using namespace fleetprov;
using namespace fleetprov::cli;

namespace {

question ask(const char* action, const char* resource) {
  question out;
  out.action = action;
  out.resource = resource;
  return out;
}

}  // namespace

TEST_CASE("a short resource becomes an ARN of the scope, partition included") {
  question asked = ask("iot:Publish", "topic/a/b");
  CHECK(complete(asked).asked.resource == "arn:aws:iot:us-east-1:123456789012:topic/a/b");
  asked.scope = {"cn-north-1", "111122223333"};
  CHECK(complete(asked).asked.resource == "arn:aws-cn:iot:cn-north-1:111122223333:topic/a/b");
}

TEST_CASE("ARNs and the star are taken as they are") {
  CHECK(complete(ask("iot:Publish", "arn:aws:iot:r:a:topic/x")).asked.resource == "arn:aws:iot:r:a:topic/x");
  CHECK(complete(ask("iot:ListRetainedMessages", "*")).asked.resource == "*");
}

TEST_CASE("other texts are refused with what the action is checked on") {
  CHECK_THROWS_AS(complete(ask("iot:Publish", "sdk/test")), usage_error);
  CHECK_THROWS_AS(complete(ask("iot:Publish", "")), usage_error);
  CHECK_THROWS_AS(complete(ask("iot:Publish", "topic")), usage_error);
  CHECK_THROWS_AS(complete(ask("iot:Publish", "arn:aws:iot")), usage_error);
  CHECK_THROWS_WITH(complete(ask("iot:Subscribe", "a/b")), test::ContainsSubstring("topicfilter/a/b"));
}

TEST_CASE("an action may leave out its service") {
  CHECK(complete(ask("Subscribe", "topicfilter/a")).asked.action == "iot:Subscribe");
  CHECK(complete(ask("describejobexecution", "thing/a")).asked.action == "iotjobsdata:DescribeJobExecution");
  CHECK(complete(ask("greengrass:Discover", "thing/a")).asked.action == "greengrass:Discover");
}

TEST_CASE("the client id nobody gave is CONNECT's own, else the thing's name") {
  CHECK(complete(ask("iot:Connect", "client/c")).asked.values.at("iot:ClientId") == std::vector<std::string>{"c"});
  question asked = ask("iot:Publish", "topic/a");
  CHECK(complete(asked).asked.values.count("iot:ClientId") == 0);
  asked.who.thing = policies::thing_facts{"t", {}, {}, true, false};
  const full_question full = complete(asked);
  CHECK(full.assumed_client_id == "t");
  CHECK(full.asked.values.at("iot:Connection.Thing.ThingName") == std::vector<std::string>{"t"});
  asked.who.client_id = "";
  CHECK(complete(asked).asked.values.count("iot:ClientId") == 0);
}

TEST_CASE("what exists over HTTPS only has neither client id nor thing") {
  for (const policies::action_facts& row : policies::action_table) {
    for (const std::string_view name : {row.name, row.old_name}) {
      if (name.empty()) continue;
      CAPTURE(name);
      question asked = ask("", "*");
      asked.action = std::string(name);
      asked.who.thing = policies::thing_facts{"t", "sensor", {{"k", "v"}}, true, true};
      const bool over_https = row.over == policies::reach::http;
      for (const std::optional<std::string>& id : {std::optional<std::string>(), std::optional<std::string>("c")}) {
        asked.who.client_id = id;
        const full_question full = complete(asked);
        CHECK(full.is_https_only == over_https);
        for (const char* key : {"iot:ClientId", "iot:Connection.Thing.IsAttached", "iot:Connection.Thing.ThingName",
                                "iot:Connection.Thing.ThingTypeName", "iot:Connection.Thing.Attributes[k]"})
          CHECK((full.asked.values.count(key) == 0) == over_https);
        CHECK(full.assumed_client_id == (over_https || id ? "" : "t"));
        CHECK((full.left_out.find(id ? "left out the client id and the thing" : "left out the thing") != std::string::npos) == over_https);
      }
    }
  }
  question asked = ask("GetThingShadow", "thing/t");
  CHECK(complete(asked).left_out.empty());
  asked.who.client_id = "";
  CHECK(complete(asked).left_out.empty());
  asked.who.client_id = "c";
  CHECK(complete(asked).left_out == "iot:GetThingShadow exists over HTTPS only, where a request has neither client id nor thing: left out the client id");
}

TEST_CASE("a CONNECT without attributes is a plain one") {
  CHECK(complete(ask("iot:Connect", "client/c")).asked.values.at("iot:ConnectAttributes").empty());
  CHECK(complete(ask("iot:Publish", "topic/c")).asked.values.count("iot:ConnectAttributes") == 0);
  question asked = ask("iot:Connect", "client/c");
  asked.who.extra["iot:connectattributes"] = {"LastWill"};
  CHECK(complete(asked).asked.values.at("iot:ConnectAttributes") == std::vector<std::string>{"LastWill"});
}

TEST_CASE("unknown actions of AWS IoT are doubted, those of other services are not") {
  CHECK(doubt_about_action("iot:subscribe").empty());
  CHECK(doubt_about_action("greengrass:Discover").empty());
  CHECK(doubt_about_action("iot:Subscibe").find("`iot:Subscribe`") != std::string::npos);
  CHECK(doubt_about_action("iot:PublishRetain").find("`iot:RetainPublish`") != std::string::npos);
}

TEST_CASE("a resource of a type the action never meets is doubted") {
  CHECK(doubt_about_resource("iot:Subscribe", "arn:aws:iot:r:a:topicfilter/x").empty());
  CHECK_FALSE(doubt_about_resource("iot:Subscribe", "arn:aws:iot:r:a:topic/x").empty());
  CHECK_FALSE(doubt_about_resource("iot:ListRetainedMessages", "arn:aws:iot:r:a:topic/x").empty());
}

TEST_CASE("pairs split at the first equals sign") {
  CHECK(split_pair("--x", "a=b=c").key == "a");
  CHECK(split_pair("--x", "a=b=c").value == "b=c");
  CHECK(split_pair("--x", "a=").value.empty());
  CHECK_THROWS_AS(split_pair("--x", "a"), usage_error);
  CHECK_THROWS_AS(split_pair("--x", "=a"), usage_error);
}

TEST_CASE("regions, accounts and template names are what they say, whatever command takes them") {
  CHECK_NOTHROW(check_region("--region", "eu-west-1"));
  for (const char* region : {"", "nowhere", "us/east", "us-east"}) CHECK_THROWS_AS(check_region("--region", region), usage_error);
  CHECK_NOTHROW(check_account("--account", "123456789012"));
  for (const char* account : {"", "12", "1234567890123", "12345678901x"}) CHECK_THROWS_AS(check_account("--account", account), usage_error);
  CHECK(read_template_name("--template-name", "fleet").view() == "fleet");
  CHECK_THROWS_AS(read_template_name("--template-name", "a/b"), usage_error);
}
