#include <cli/errors.hpp>
#include <cli/requests.hpp>
#include <cli/values.hpp>
#include <support/catch.hpp>

#include <fleetprov/policies/actions.hpp>

#include <optional>
#include <string>
#include <vector>

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

TEST_CASE("a request that no client can make is answered with a note for each reason") {
  struct row {
    const char *action, *resource;
    std::optional<std::string> client_id;
    const char* note;  ///< a part of the only one; "" for none
  };
  const std::string long_level(257, 'a'), slashes = "topic/a/b/c/d/e/f/g/h/i", long_topic = "topic/" + long_level, long_id = "client/" + long_level.substr(0, 129);
  const std::optional<std::string> none;
  for (const row& each : std::vector<row>{
           {"iot:Connect", "client/me", "me", ""},
           {"iot:Connect", "client/me", none, ""},
           {"Connect", "client/victim", "me", "with `me` that is client/me, and who asks about client/victim is `victim`"},
           {"iot:Connect", "client/me", "", "an empty one stands for HTTPS"},
           {"iot:Connect", "topic/me", "me", "never asked about topic/..."},
           {"iot:Connect", "*", "me", ""},
           {"iot:Connect", "*", "", "an empty one stands for HTTPS"},
           {"iot:Connect", "client/$me", none, "no client can have the id `$me`"},
           {"iot:Connect", long_id.c_str(), none, "no client can have the id"},
           {"iot:Publish", "topic/a", "", ""},
           {"iot:Publish", "topic/a", "$me", "no client can have the id `$me`"},
           {"iot:Publish", "topic/a/+", none, "no message has the topic `a/+`: `+` and `#` are for filters"},
           {"iot:Receive", "topic/a/#", none, "no message has the topic `a/#`"},
           {"iot:GetRetainedMessage", "topic/a/#", none, "no message has the topic `a/#`"},
           {"iot:Publish", "topic/", none, "it is empty, or holds a NUL"},
           {"iot:Publish", "topic/\xFF", none, "it is not UTF-8 text"},
           {"iot:Publish", slashes.c_str(), none, "more bytes or slashes than AWS IoT takes"},
           {"iot:Publish", long_topic.c_str(), none, "more bytes or slashes than AWS IoT takes"},
           {"iot:Publish", "topic/$aws/things/t/shadow/update", none, ""},
           {"iot:Publish", "topic/$aws/things/t/shadow/update/accepted", none, "no client may publish to `$aws/things/t/shadow/update/accepted`, whatever the policy says"},
           {"iot:Receive", "topic/$aws/things/t/shadow/update/accepted", none, ""},
           {"iot:Publish", "topic/$aws/nothing", none, "not in the list of reserved topics"},
           {"iot:RetainPublish", "topic/a", none, ""},
           {"iot:RetainPublish", "topic/$aws/things/t/shadow/update", none, "no message on a reserved topic can be retained"},
           {"iot:RetainPublish", "topic/$aws/things/t/shadow/update/accepted", none, "no client may publish to"},
           {"iot:Subscribe", "topicfilter/a/+/#", none, ""},
           {"iot:Subscribe", "topicfilter/$aws/things/t/shadow/update/accepted", none, ""},
           {"iot:Subscribe", "topicfilter/a/#/b", none, "no client can subscribe to `a/#/b`: `#` stands alone in the last level"},
           {"iot:Subscribe", "topicfilter/a+", none, "no client can subscribe to `a+`"},
           {"iot:Subscribe", "topicfilter/$aws/nothing", none, "not in the list of reserved topics"},
           {"iot:Subscribe", "topic/a", none, "never asked about topic/..."},
           {"iot:Publish", "topic/a/*", none, "ordinary characters"},
           {"iot:Publish", "arn:aws:iot:us-east1:123456789012:topic/a", none, "the resource's region `us-east1` is no AWS region"},
           {"iot:Publish", "arn:aws:iot:us-east-1:12345678901:topic/a", none, "the resource's account `12345678901` is no AWS account"},
           {"s3:GetObject", "arn:aws:s3:::bucket/a", none, ""},
           {"greengrass:Discover", "thing/a", none, ""},
           {"iot:ListRetainedMessages", "*", none, ""}}) {
    CAPTURE(each.action, each.resource, each.client_id.value_or("none"));
    question asked = ask(each.action, each.resource);
    asked.who.client_id = each.client_id;
    const std::vector<std::string> got = complete(asked).doubts;
    if (each.note[0] == '\0') {
      CHECK(got == std::vector<std::string>{});
      continue;
    }
    REQUIRE(got.size() == 1);
    CHECK_THAT(got[0], test::ContainsSubstring(each.note));
  }
}

TEST_CASE("names that nothing can have are noted") {
  const auto notes = [](const policies::principal_facts& who) {
    question asked = ask("iot:Publish", "topic/a");
    asked.who = who;
    return complete(asked).doubts;
  };
  policies::principal_facts who;
  who.certificate_id = std::string(64, 'a');
  who.thing = policies::thing_facts{"t", "sensor", {{"site", "a/#"}, {"empty", ""}}, true, false};
  CHECK(notes(who) == std::vector<std::string>{});
  who.certificate_id = "claim";
  CHECK(notes(who) == std::vector<std::string>{"no certificate has the id `claim`"});
  who.certificate_id.reset();
  who.client_id = "c";
  who.thing = policies::thing_facts{"a b", "c d", {{"e f", "g h"}}, true, false};
  CHECK(notes(who) == std::vector<std::string>{"no thing can be called `a b`", "no thing type can be called `c d`", "no attribute can be called `e f`",
                                               "no attribute can have the value `g h`"});
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
