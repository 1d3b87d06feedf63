// Resource entries: breadth, types, MQTT wildcards, reserved topics, client ids.

#include <tests/unit/lint/lint_support.hpp>

using namespace test;

namespace {

std::vector<fleetprov::diagnostic> of(const std::string& action, const std::string& whole_arn,
                                      const std::string& effect = "Allow") {
  return lint_text(raw(R"("Effect":")" + effect + R"(","Action":")" + action + R"(","Resource":")" + whole_arn + "\""));
}

}  // namespace

TEST_CASE("a grant is broad if it reaches more than one client id or thing") {
  struct row {
    std::string action, resource;
    bool broad;
  };
  const std::vector<row> rows{
      {"iot:Connect", "arn:aws:iot:*", true},
      {"iot:Connect", "arn:aws:iot/${a*", false},  // the `*` is part of a broken variable
      {"iot:Connect", arn + "*", true},
      {"iot:Connect", arn + "?*", true},
      {"iot:Connect", arn + "client/?", false},
      {"iot:Publish", arn + "topic/$aws/things/${iot:ClientId}/shadow/update", true},
      {"iot:Publish", arn + "topic/$aws/things/a${iot:CertificateId}/shadow/update", false},
      {"iot:Subscribe", arn + "topicfilter/$aws/things/+/shadow/get/accepted", true},
      {"iot:Subscribe", arn + "topicfilter/$aws/things/+x/shadow/get/accepted", false},
      {"iot:Subscribe", arn + "topicfilter/$aws/things/x+/shadow/get/accepted", false},
      {"iot:Subscribe", arn + "topicfilter/$aws/#", true},
      {"iot:Subscribe", arn + "topicfilter/$aws/+/+/shadow/update", true},
      {"iot:Subscribe", arn + "topicfilter/$share/g/$aws/things/#", true},
      {"iot:Subscribe", arn + "topicfilter/$share/*", true},
      {"iot:Subscribe", arn + "topicfilter/$share/*/test/topic", false},
      {"iot:Subscribe", arn + "topicfilter/$share/g*/test/topic", false},
      {"iot:Subscribe", arn + "topicfilter/$share/*x/topic", true},
      {"iot:Subscribe", arn + "topicfilter/$share/*/$aws/things/#", true},
      {"iot:Subscribe", arn + "topicfilter/$share/g/$aws/things/x/#", false},
      {"iot:Subscribe", arn + "topicfilter/$share/g", false},
      {"iot:Subscribe", arn + "topicfilter/$aws/events/#", false},
      {"iot:Subscribe", arn + "topicfilter/#", false},  // selects no `$` topic
      {"iot:Subscribe", arn + "topicfilter/+/things/#", false},
      {"iot:Subscribe", arn + "topicfilter/$share/g/#", false},
      {"iot:GetThingShadow", arn + "thing/*", true},
      {"iot:GetThingShadow", arn + "thing/${iot:ClientId}", false},  // absent over HTTPS
      {"iot:ListNamedShadowsForThing", arn + "thing/*", false},
  };
  for (const row& each : rows) {
    CAPTURE(each.action, each.resource);
    CHECK(fires(of(each.action, each.resource), "P055") == each.broad);
  }
}

TEST_CASE("a resource that an editor left without text grants nothing") {
  auto document = parse_policy(policy({statement("Allow", "iot:Connect", "*")}));
  CHECK(fires(fleetprov::policies::lint(document), "P057"));
  document.statements[0].resources[0].pattern.pieces.clear();
  const auto found = fleetprov::policies::lint(document);
  CHECK_FALSE(fires(found, "P057"));
  CHECK_FALSE(fires(found, "P055"));
}

TEST_CASE("a resource of the wrong type names every type that the actions take") {
  const auto found = lint_text(policy({statement_of("Allow", {"iot:Connect", "iot:Publish"}, {"thing/a"})}));
  CHECK(only(found, "P014").help == "it takes client/... or topic/...");
}

TEST_CASE("an action lacks a resource of its type only where every type is written out") {
  const auto lacks = [](const std::vector<std::string>& resources) {
    return says(lint_text(policy({statement_of("Allow", {"iot:Publish", "iot:Subscribe"}, resources)})),
                "`iot:Subscribe` takes topicfilter/... and no resource here is one");
  };
  CHECK(lacks({"topic/a", "topic/b"}));
  CHECK_FALSE(lacks({"topic/a", "topicfilter/b"}));
  CHECK_FALSE(lacks({"t?pic/a", "topic/b"}));
  CHECK_FALSE(lacks({"topic/a", "t?pic/b"}));
}

TEST_CASE("MQTT wildcards count where they fill a level") {
  struct row {
    std::string effect, resource, id;
    bool found;
  };
  const std::vector<row> rows{
      {"Allow", "topicfilter/+/x", "P061", true},   {"Allow", "topicfilter/x/+", "P061", true},
      {"Allow", "topicfilter/x/+/y", "P061", true}, {"Allow", "topicfilter/#", "P061", true},
      {"Allow", "topicfilter/x+/y", "P061", false}, {"Allow", "topicfilter/x/+y", "P061", false},
      {"Allow", "topicfilter/x#", "P061", false},   {"Deny", "topicfilter/x/+", "P058", true},
      {"Deny", "topicfilter/x/#", "P058", true},    {"Deny", "topic/x/#", "P058", true},
      // No filter has these at all: P119 says so.
      {"Deny", "topicfilter/x+", "P058", false},    {"Deny", "topicfilter/x#", "P058", false},
      {"Deny", "topicfilter/x+", "P119", true},     {"Deny", "topicfilter/x#", "P119", true},
      {"Deny", "topic/x#y", "P058", false},         {"Deny", "topic/x", "P058", false},
      {"Deny", "topicfilter/a/#/b", "P058", true},  {"Deny", "topicfilter/a/#/b", "P119", false},
      {"Deny", "topicfilter/1/2/3/4/5/6/7/8/9", "P119", false},
      {"Deny", "client/#", "P058", false},          {"Deny", "thing/+", "P058", false},
  };
  for (const row& each : rows) {
    CAPTURE(each.effect, each.resource);
    CHECK(fires(of("iot:Subscribe", arn + each.resource, each.effect), each.id) == each.found);
  }
}

TEST_CASE("publishing on a reserved topic that AWS IoT keeps for itself") {
  const std::string undefined = "AWS IoT refuses clients that use a reserved topic it does not support";
  const std::vector<std::pair<std::string, std::string>> rows{
      {"$aws/events/presence/connected/*", ""},
      {"$aws/events/thing/a/*", ""},
      {"$aws/events/job/*", ""},
      {"$aws/events/certificates/registered/*", ""},
      {"$aws/things/a/shadow/update/accepted", ""},
      {"$aws/nothing/of/this", undefined},
      {"$aws/nothing/*", undefined},
      {"$AWS/things/a/shadow/update", "topics are case-sensitive: write `$aws`"},
      {"$aws", undefined},
      {"$dps/registrations/res", undefined},
      {"$aws/iotwireless/events/*", ""},
      {"$aws/things/a/greengrassv2/health/json", "-"},
      {"$aws/iotfleetwise/vehicles/a/signals", "-"},
      // Not judged: a wildcard that does not read like `/#`, a subtree with topics for devices, no topic at all.
      {"$aws/events/job/?", "-"},
      {"$aws/events/job*", "-"},
      {"$aws/events/*/a", "-"},
      {"$aws/things/a/shadow/*", "-"},
      {"$aws/things/a/shadow/update", "-"},
      {"$*", "-"},
      {"", "-"},
  };
  for (const auto& [topic, help] : rows) {
    CAPTURE(topic);
    CHECK(help_of(of("iot:Publish", arn + "topic/" + topic), "P089") == help);
  }
}

TEST_CASE("a topic with a wildcard is the device's own if a variable of the device is in it") {
  for (const std::string own :
       {"iot:ClientId", "iot:Connection.Thing.ThingName", "iot:CertificateId", "iot:Certificate.Subject.CommonName",
        "iot:Certificate.SerialNumber", "iot:Connection.Thing.Attributes[serial]"}) {
    CAPTURE(own);
    CHECK_FALSE(fires(of("iot:Publish", arn + "topic/*/${" + own + "}/x"), "P075"));
  }
  for (const std::string shared :
       {"iot:DomainName", "iot:Certificate.Issuer.CommonName", "iot:Connection.Thing.ThingTypeName"}) {
    CAPTURE(shared);
    CHECK(fires(of("iot:Publish", arn + "topic/*/${" + shared + "}/x"), "P075"));
  }
}

TEST_CASE("rules about client ids are about Connect") {
  for (const auto& [variable, id] :
       {std::pair("${iot:ClientId}", "P063"), std::pair("${iot:Connection.Thing.ThingName}", "P087")}) {
    CAPTURE(id);
    CHECK(fires(of("iot:Connect", arn + "client/" + variable), id));
    CHECK_FALSE(fires(of("iot:DeleteConnection", arn + "client/" + variable), id));
  }
}

TEST_CASE("a client id is free if Connect excludes ids instead of listing them") {
  const auto found = [](const std::string& condition) {
    return fires(lint_text(policy({R"({"Effect":"Allow","Action":"iot:Connect","NotResource":")" + arn +
                                       "client/admin\"" + condition + "}",
                                   statement("Allow", "iot:Publish", "topic/${iot:ClientId}")})),
                 "P062");
  };
  CHECK(found(""));
  CHECK_FALSE(found(R"(,"Condition":{"Bool":{"iot:Connection.Thing.IsAttached":"true"}})"));
}

TEST_CASE("a subscription to shadow topics counts as broad with either kind of wildcard") {
  const std::string shadow = arn + "topicfilter/$aws/things/a/shadow/";
  CHECK(fires(of("iot:Subscribe", shadow + "update/+"), "P086"));
  CHECK(fires(of("iot:Subscribe", shadow + "update/*"), "P086"));
  CHECK_FALSE(fires(of("iot:Subscribe", shadow + "update/accepted"), "P086"));
  CHECK_FALSE(fires(of("iot:Subscribe", arn + "topicfilter/$aws/things/a/jobs/+/get/accepted"), "P086"));
}

TEST_CASE("ListRetainedMessages takes a list of no resources but `*`") {
  CHECK(fires(of("iot:ListRetainedMessages", arn + "topic/a"), "P068"));
  CHECK_FALSE(fires(
      lint_text(raw(R"("Effect":"Allow","Action":"iot:ListRetainedMessages","NotResource":")" + arn + "topic/a\"")),
      "P068"));
}

TEST_CASE("a partition with a wildcard is that of any region") {
  const auto mixed = [](const std::string& a, const std::string& b) {
    return fires(lint_text(raw(R"("Effect":"Allow","Action":"iot:Publish","Resource":[")" + a + R"(",")" + b + "\"]")),
                 "P073");
  };
  const std::string tail = ":123456789012:topic/a";
  CHECK_FALSE(mixed("arn:aws*:iot:cn-north-1" + tail, "arn:aws*:iot:cn-north-1" + tail));
  CHECK_FALSE(mixed("arn:aws-cn:iot:*" + tail, "arn:aws*:iot:*" + tail));
  CHECK(mixed("arn:aws*:iot:cn-north-1" + tail, "arn:aws:iot:cn-north-1" + tail));
}

TEST_CASE("a type without a name is no resource of that type") {
  for (const std::string type : {"client", "topic", "topicfilter", "thing", "rolealias"}) {
    CAPTURE(type);
    const auto found = lint_text(policy({statement("Allow", "iot:*", type), statement("Deny", "iot:*", type)}));
    CHECK_FALSE(fires(found, "P055"));
    CHECK_FALSE(fires(found, "P014"));
  }
}

TEST_CASE("an Allow with NotResource is as broad as what it leaves") {
  const auto broad = [](const std::string& action, const std::string& left_out, const std::string& more = "") {
    return fires(lint_text(raw(R"("Effect":"Allow","Action":")" + action + R"(","NotResource":")" + arn + left_out + "\"" + more)),
                 "P055");
  };
  CHECK(broad("iot:Connect", "client/x"));
  CHECK(broad("iot:Publish", "topic/x"));
  CHECK(broad("iot:Subscribe", "topicfilter/$aws/things/x/*"));
  CHECK(broad("iot:GetThingShadow", "thing/x"));
  CHECK_FALSE(broad("iot:Connect", "client/*"));
  CHECK_FALSE(broad("iot:Connect", "client/?*"));
  CHECK_FALSE(broad("iot:Connect", "client/${iot:ClientId}"));
  CHECK(broad("iot:Connect", "client/${iot:ClientId}x"));
  CHECK_FALSE(broad("iot:Publish", "topic/$aws/things/?*"));
  CHECK_FALSE(broad("iot:Publish", "topic/$aws/*"));
  CHECK_FALSE(broad("iot:Subscribe", "topicfilter/$aws/things/*"));
  CHECK_FALSE(broad("iot:GetThingShadow", "*"));
  CHECK_FALSE(broad("iot:ListRetainedMessages", "thing/x"));
  CHECK_FALSE(broad("iot:Connect", "client/x", R"(,"Condition":{"Bool":{"iot:Connection.Thing.IsAttached":"true"}})"));
}

TEST_CASE("what NotResource leaves out says nothing about who may connect") {
  for (const std::string left_out : {"${iot:ClientId}", "${iot:ClientId}x", "${iot:Connection.Thing.ThingName}"}) {
    CAPTURE(left_out);
    const auto found = lint_text(raw(R"("Effect":"Allow","Action":"iot:Connect","NotResource":")" + arn + "client/" + left_out + "\""));
    CHECK_FALSE(fires(found, "P063"));
    CHECK_FALSE(fires(found, "P087"));
  }
}

TEST_CASE("a client id beside itself never matches, so it leaves no id open") {
  struct row {
    std::string client;
    std::string said;
    bool is_free;
  };
  const std::vector<row> rows{
      {"${iot:ClientId}", "compares the client id with itself: any client id may connect", true},
      {"*${iot:ClientId}*", "compares the client id with itself: any client id may connect", true},
      {"a${iot:ClientId}", "compares the client id with itself and more text: no client id ever matches", false},
      {"a${iot:ClientId}${iot:CertificateId}", "compares the client id with itself and more text: no client id ever matches", false},
      {"${iot:ClientId}?", "compares the client id with itself and more text: no client id ever matches", false},
      {"${iot:ClientId}${iot:ClientId}", "compares the client id with itself and more text: no client id ever matches", false},
      {"${iot:ClientId}${iot:CertificateId}", "compares the client id with itself and more text: no client id ever matches", false},
      {"${iot:ClientId}${iot:Connection.Thing.Attributes[a]}", "compares the client id with itself: any client id may connect", true},
  };
  for (const row& each : rows) {
    CAPTURE(each.client);
    const std::string text = policy({statement("Allow", "iot:Connect", "client/" + each.client),
                                     statement("Allow", "iot:Publish", "topic/${iot:ClientId}")});
    const auto found = lint_text(text);
    CHECK(only(found, "P063").message == each.said);
    CHECK(fires(found, "P062") == each.is_free);
    CHECK(fires(role_text(text, fleetprov::policies::role::device), "P161") == each.is_free);
  }
}

TEST_CASE("the root of a topic that is to be filled in is no reserved topic") {
  const auto found = of("iot:Publish", arn + "topic/$TOPIC_ROOT/x");
  CHECK(fires(found, "P070"));
  CHECK_FALSE(fires(found, "P089"));
  const auto misspelt = of("iot:Publish", arn + "topic/$AWS/things/x");
  CHECK_FALSE(fires(misspelt, "P070"));
  CHECK(fires(misspelt, "P089"));
}

TEST_CASE("no message on a reserved topic can be retained") {
  const auto retains = [](const std::vector<std::string>& actions, const std::string& resource) {
    return says(lint_text(policy({statement_of("Allow", actions, {resource})})), "no message on a reserved topic can be retained");
  };
  const std::string shadow = "topic/$aws/things/a/shadow/update";
  CHECK(retains({"iot:Publish", "iot:RetainPublish"}, shadow));
  CHECK_FALSE(retains({"iot:Publish"}, shadow));
  CHECK_FALSE(retains({"iot:*"}, shadow));
  CHECK_FALSE(retains({"iot:RetainPublish"}, "topic/a"));
  CHECK_FALSE(retains({"iot:Subscribe", "iot:RetainPublish"}, "topicfilter/$aws/things/a/shadow/update/accepted"));
  CHECK_FALSE(retains({"iot:RetainPublish"}, "topic/$aws/nothing"));
}

TEST_CASE("entries that no client can send") {
  const std::vector<std::pair<std::string, std::string>> rows{
      {"topicfilter/a/b+/c", "`#` has to be the last level and `+` a whole one"},
      {"topicfilter/a#", "`#` has to be the last level and `+` a whole one"},
      {"topicfilter/a/#/b", "`#` has to be the last level and `+` a whole one"},
      {"topicfilter/$share/g/a/#/b", "`#` has to be the last level and `+` a whole one"},
      {"topicfilter/1/2/3/4/5/6/7/8/9", "it has more than 256 bytes or 7 slashes"},
      {"topic/a+b", "a topic has no `+` and no `#`"},
      {"topic/${iot:ClientId}+", "a topic has no `+` and no `#`"},
      {"topic/a/+", ""},  // P060
      {"topic/a+*", ""},
      {"topicfilter/a#*", ""},
      {"topicfilter/a/+/b/#", ""},
      {"topicfilter/", ""},
      {"topic/$share/g/a+", ""},
      {"topicfilter/$aws/things/a+", ""},
      {"topic/a", ""},
      {"client/a+", ""},
  };
  for (const auto& [resource, why] : rows) {
    CAPTURE(resource);
    const auto found = lint_text(policy({statement_of("Allow", {"iot:Publish", "iot:Subscribe", "iot:Connect"}, {resource})}));
    CHECK(fires(found, "P119") == !why.empty());
    if (!why.empty()) CHECK(says(found, "no client can send this: " + why));
  }
  CHECK(says(of("iot:Subscribe", arn + "topicfilter/a#", "Deny"), "no client can send this: `#` has to be the last level and `+` a whole one"));
  CHECK_FALSE(fires(of("iot:Subscribe", arn + "topicfilter/$ROOT/a"), "P089"));
  CHECK(fires(of("iot:Subscribe", arn + "topicfilter/$root/<device>"), "P089"));  // one that comes later is no root
}

TEST_CASE("topics of a share are nobody's to publish on") {
  CHECK_FALSE(fires(of("iot:Publish", arn + "topic/$share/*/test/topic"), "P075"));
  CHECK(fires(of("iot:Publish", arn + "topic/share/*/test/topic"), "P075"));
}

TEST_CASE("conditions that bind the client id") {
  struct row {
    std::string condition;
    bool is_bound;
  };
  const std::vector<row> rows{
      {R"("StringEquals":{"iot:ClientId":"${iot:Certificate.Subject.CommonName}"})", true},
      {R"("StringEquals":{"iot:ClientId":["a","b"]})", true},
      {R"("StringLike":{"iot:ClientId":"a"})", true},
      {R"("ForAnyValue:StringEquals":{"iot:ClientId":"a"})", true},
      {R"("StringEqualsIfExists":{"iot:ClientId":"a"})", true},
      {R"("ForAllValues:StringEquals":{"iot:ClientId":"a"})", true},
      {R"("StringEquals":{"iot:Connection.Thing.ThingTypeName":"sensor"})", true},
      {R"("StringLike":{"iot:Connection.Thing.ThingName":"*"})", true},
      {R"("Null":{"iot:Connection.Thing.ThingName":"false"})", true},
      {R"("Bool":{"iot:Connection.Thing.IsAttached":"true"})", true},
      {R"("StringLike":{"iot:ClientId":"a*"})", false},
      {R"("StringLike":{"iot:ClientId":"a*b*"})", false},
      {R"("StringLike":{"iot:ClientId":"a?"})", false},
      {R"("StringEquals":{"iot:ClientId":"${iot:ClientId}"})", false},
      {R"("StringNotEquals":{"iot:ClientId":"a"})", false},
      {R"("ArnLike":{"iot:ClientId":"a"})", false},
      {R"("StringEquals":{"iot:DomainName":"a"})", false},
      {R"("StringEqualsIfExists":{"iot:Connection.Thing.ThingTypeName":"sensor"})", false},
      {R"("ForAllValues:StringEquals":{"iot:Connection.Thing.ThingTypeName":"sensor"})", false},
      {R"("Null":{"iot:Connection.Thing.ThingName":"true"})", false},
      {R"("Null":{"iot:Connection.Thing.ThingName":["false","true"]})", false},
      {R"("ForAnyValue:Null":{"iot:Connection.Thing.ThingName":"false"})", false},
      {R"("Bool":{"iot:Connection.Thing.IsAttached":"false"})", false},
  };
  for (const row& each : rows) {
    CAPTURE(each.condition);
    const std::string text = policy({statement("Allow", "iot:Connect", "client/${iot:ClientId}", ",\"Condition\":{" + each.condition + "}"),
                                     statement("Allow", "iot:Publish", "topic/${iot:ClientId}")});
    const auto found = lint_text(text);
    CHECK(fires(found, "P062") == !each.is_bound);
    CHECK(fires(found, "P063") == !each.is_bound);
    CHECK(fires(role_text(text, fleetprov::policies::role::device), "P161") == !each.is_bound);
  }
}

TEST_CASE("the client id is absent over HTTPS, as the thing is") {
  CHECK(fires(of("iot:GetThingShadow", arn + "thing/${iot:ClientId}"), "P067"));
  CHECK_FALSE(fires(of("iot:Publish", arn + "topic/${iot:ClientId}"), "P067"));
  CHECK(fires(lint_text(policy({statement("Allow", "iot:GetThingShadow", "thing/a", R"(,"Condition":{"StringEquals":{"iot:ClientId":"a"}})")})), "P067"));
  CHECK_FALSE(fires(lint_text(policy({statement("Allow", "iot:GetThingShadow", "thing/a", R"(,"Condition":{"StringNotEquals":{"iot:ClientId":"a"}})")})), "P067"));
}

TEST_CASE("only a Deny of Subscribe alone is told to deny Receive") {
  CHECK(help_of(of("iot:Subscribe", arn + "topicfilter/a/#", "Deny"), "P058") == "use `*`, and deny iot:Receive too");
  CHECK(help_of(of("iot:Receive", arn + "topic/a/#", "Deny"), "P058") == "use `*`");
  CHECK(help_of(of("iot:Publish", arn + "topic/a/#", "Deny"), "P058") == "use `*`");
  CHECK(help_of(of("iot:*", arn + "topicfilter/a/#", "Deny"), "P058") == "use `*`");
  CHECK(says(of("iot:Subscribe", arn + "topicfilter/a/+", "Deny"), "a Deny compares `+` and `#` as plain characters"));
  const auto but = lint_text(raw(R"("Effect":"Deny","Action":"iot:Subscribe","NotResource":")" + arn + R"(topicfilter/a/#")"));
  CHECK(only(but, "P058").message == "NotResource compares `+` and `#` as plain characters: the Deny is about all that they cover");
  CHECK(only(but, "P058").help == "use `*`");
}

TEST_CASE("text that was to be a variable is no reserved topic") {
  for (const std::string broken : {"${iot:ClientId }", "${}", "${iot:ClientId, x}", "${iot:ClientId"}) {
    CAPTURE(broken);
    for (const std::string before : {"", "$aws/nothing/"}) {
      CHECK_FALSE(fires(of("iot:Publish", arn + "topic/" + before + broken + "/x"), "P089"));
      CHECK_FALSE(fires(of("iot:Subscribe", arn + "topicfilter/" + before + broken), "P089"));
    }
  }
  const auto old = lint_text(R"({"Version":"2008-10-17","Statement":[)" + statement("Allow", "iot:Publish", "topic/${iot:ClientId}") + "," +
                             statement("Allow", "iot:Publish", "topic/$aws/nothing") + "]}");
  CHECK(only(old, "P089").pointer == "/Statement/1/Resource");
  CHECK(fires(of("iot:Publish", arn + "topic/$nothing/${iot:ClientId}"), "P089"));
}

TEST_CASE("a client id is bound where a Deny leaves the client no choice") {
  const auto found = [](const std::string& client, const std::string& deny) {
    return ids(lint_text(policy({statement("Allow", "iot:Connect", "client/" + client), deny, statement("Allow", "iot:Publish", "topic/${iot:ClientId}")})));
  };
  const auto has = [](const std::vector<std::string>& all, const std::string& id) { return std::find(all.begin(), all.end(), id) != all.end(); };
  const std::string unattached = statement("Deny", "iot:Connect", "*", R"(,"Condition":{"Bool":{"iot:Connection.Thing.IsAttached":"false"}})"),
                    other = statement("Deny", "iot:Connect", "*", R"(,"Condition":{"StringEquals":{"iot:DomainName":"d"}})");
  CHECK(has(found("*", other), "P062"));
  CHECK_FALSE(has(found("*", unattached), "P062"));
  CHECK(has(found("${iot:ClientId}", other), "P063"));
  CHECK_FALSE(has(found("${iot:ClientId}", unattached), "P063"));
  CHECK(has(found("${iot:Connection.Thing.ThingName}", other), "P087"));
  CHECK_FALSE(has(found("${iot:Connection.Thing.ThingName}", unattached), "P087"));
}

TEST_CASE("a filter with MQTT wildcards is what Resource allows and NotResource leaves out") {
  const auto said = [](const std::string& element) {
    return only(lint_text(raw(R"("Effect":"Allow","Action":"iot:Subscribe",")" + element + R"(":")" + arn + R"(topicfilter/a/#")")), "P061").message;
  };
  CHECK(said("Resource") == "allows the filter spelled exactly so, not the topics that it covers");
  CHECK(said("NotResource") == "leaves out the filter spelled exactly so, not the topics that it covers");
}

TEST_CASE("names that no client, thing or role alias has") {
  const std::string longest(128, 'n');
  const std::vector<std::pair<std::string, std::string>> rows{
      {"client/" + longest + "n", "a client id has at most 128 bytes"},
      {"thing/a b", "a thing name is 1 to 128 letters, digits, `:`, `_` and `-`"},
      {"thing/" + longest + "n", "a thing name is 1 to 128 letters, digits, `:`, `_` and `-`"},
      {"thing/a b/shadow", "a thing name is 1 to 128 letters, digits, `:`, `_` and `-`"},
      {"rolealias/a b", "a role alias is 1 to 128 letters, digits, `_`, `=`, `,`, `@` and `-`"},
      {"client/" + longest, ""},
      {"client/a b", ""},
      {"client/" + longest + "*", ""},
      {"client/" + longest + "${iot:Connection.Thing.Attributes[a]}", ""},  // which may be empty
      {"thing/" + longest, ""},
      {"thing/a/b c", ""},
      {"thing/", ""},
      {"thing/a b*", ""},
      {"thing/<name>", ""},
      {"thing/${iot:ClientId }", ""},
      {"rolealias/" + longest, ""},
      {"topic/a b", ""},
  };
  for (const auto& [resource, why] : rows) {
    CAPTURE(resource);
    const auto found = of("iot:*", arn + resource);
    CHECK(fires(found, "P119") == !why.empty());
    if (!why.empty()) CHECK(says(found, "no client can ask for this: " + why));
  }
  CHECK_FALSE(fires(of("iot:*", arn + "thing/a b", "Deny"), "P119"));
}

TEST_CASE("a variable without its dollar sign or its braces is literal text") {
  const std::vector<std::pair<std::string, std::string>> rows{
      {"$(iot:ClientId)", "`$(iot:ClientId)` is literal text"},
      {"{iot:ClientId}", "`{iot:ClientId}` is literal text"},
      {"$iot:ClientId", "`$iot:ClientId` is literal text"},
      {"$iot:Certificate.Subject.CommonName.0", "`$iot:Certificate.Subject.CommonName.0` is literal text"},
      {"a-$iot:connection.thing.thingname-b", "`$iot:connection.thing.thingname` is literal text"},
      {"{iot:Connection.Thing.Attributes[site]}", "`{iot:Connection.Thing.Attributes[site]}` is literal text"},
      {"${iot:ClientId}", ""},
      {"{{iot:ClientId}}", ""},  // P070
      {"{iot:ClientId", ""},
      {"$(iot:ClientId", ""},
      {"{iot:Nothing}", ""},
      {"$iot:ClientIds", ""},
      {"{a}", ""},
      {"$aws", ""},
      {"iot:ClientId", ""},
  };
  for (const auto& [name, said] : rows) {
    CAPTURE(name);
    const auto found = of("iot:Connect", arn + "client/" + name);
    CHECK(fires(found, "P069") == !said.empty());
    if (!said.empty()) CHECK(only(found, "P069").message == said);
  }
  CHECK(help_of(of("iot:Connect", arn + "client/$(iot:ClientId)"), "P069") == "write `${iot:ClientId}`");
  using fleetprov::policies::detail::find_misspelt_variable;
  CHECK(find_misspelt_variable("{iot:ClientId}")->key == "iot:ClientId");
  CHECK_FALSE(find_misspelt_variable("$" + std::string(300, 'a')).has_value());
}

TEST_CASE("the thing's name as the client id binds it: without a thing no client id is equal") {
  const std::string own = "${iot:Connection.Thing.ThingName}";
  const auto found = [](const std::string& operation, const std::string& values) {
    return lint_text(policy({statement("Allow", "iot:Connect", "client/*", ",\"Condition\":{\"" + operation + R"(":{"iot:ClientId":[)" + values + "]}}"),
                             statement("Allow", "iot:Publish", "topic/${iot:ClientId}")}));
  };
  CHECK_FALSE(fires(found("StringEquals", "\"" + own + "\""), "P062"));
  CHECK_FALSE(fires(found("StringLike", "\"" + own + "*\""), "P062"));
  CHECK(fires(found("StringLike", R"("${iot:Connection.Thing.ThingName, 'x'}*")"), "P062"));
  CHECK(fires(found("StringLike", R"("${iot:Connection.Thing.IsAttached}*")"), "P062"));
  CHECK(fires(found("StringLike", "\"" + own + R"(","a*")"), "P062"));
}
