// Decisions on documents of our own: the worked tables, variables, conditions, principals.

#include "support/catch.hpp"

#include <fleetprov/policies/bound_policy.hpp>
#include <fleetprov/policies/evaluate.hpp>
#include <fleetprov/policies/principal.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace policies = fleetprov::policies;
using policies::decision;

namespace {

const std::string arn = "arn:aws:iot:us-east-1:123456789012:";

policies::policy_document parsed(const std::string& statements, const std::string& version = "2012-10-17") {
  auto out = policies::parse_text(R"({"Version":")" + version + R"(","Statement":[)" + statements + "]}");
  INFO(statements);
  for (const auto& d : out.diagnostics) INFO(d.message);
  REQUIRE(out.value.has_value());
  return std::move(*out.value);
}

std::string statement(const std::string& effect, const std::string& action, const std::string& resource, const std::string& condition = "") {
  return R"({"Effect":")" + effect + R"(","Action":")" + action + R"(","Resource":")" + resource + "\"" +
         (condition.empty() ? "" : ",\"Condition\":" + condition) + "}";
}

decision decide(const policies::policy_document& policy, const std::string& action, const std::string& resource,
                const policies::context& values = {}) {
  return policies::evaluate({{"p", &policy}}, {action, resource, values}).answer;
}

bool holds(const std::string& block, const policies::context& values) {
  const auto source = fleetprov::json::document::from_text(block);
  REQUIRE(source.value);
  const auto tests = policies::parse_conditions(source.value->root(), policies::language::v2012);
  REQUIRE(tests.value);
  return policies::hold(*tests.value, values);
}

bool grants(const std::string& resource, const std::string& asked, const policies::context& values) {
  return decide(parsed(statement("Allow", "iot:Publish", arn + resource)), "iot:Publish", arn + asked, values) == decision::allowed;
}

}  // namespace

TEST_CASE("the worked table of connect attributes comes out cell by cell") {
  const auto allow = [](const std::string& condition) { return statement("Allow", "iot:Connect", "*", condition); };
  const auto deny = [](const std::string& condition) { return statement("Deny", "iot:Connect", "*", condition); };
  const auto test = [](const std::string& op, const std::string& values) { return "{\"" + op + R"(":{"iot:ConnectAttributes":[)" + values + "]}}"; };
  const std::string P = "\"PersistentConnect\"", L = "\"LastWill\"", all = "ForAllValues:StringEquals", any = "ForAnyValue:StringEquals";
  struct row {
    std::string policy;
    std::string answers;  // {} P L PL N PN: A allow, d deny
  };
  const std::vector<row> rows{
      {allow(""), "AAAAAA"},
      {allow(test(all, P)), "AAdddd"},
      {allow(test("ForAllValues:StringNotEquals", P)), "AdAdAd"},
      {allow("") + "," + deny(test(any, P)), "AdAdAd"},
      {allow(test(all, P + "," + L)), "AAAAdd"},
      {allow(test(all, L)), "AdAddd"},
      {allow(test(all, "")), "Addddd"},
      {allow(test(any, P)), "dAdAdA"},
      {allow(test(all, P + "," + L)) + "," + deny(test(all, P)) + "," + deny(test(all, L)) + "," + deny(test(all, "")), "dddAdd"},
      {deny(test(any, P)) + "," + allow(test(all, L)), "AdAddd"},
  };
  const std::vector<std::vector<std::string>> sets{{}, {"PersistentConnect"}, {"LastWill"}, {"PersistentConnect", "LastWill"}, {"N"}, {"PersistentConnect", "N"}};
  for (const row& each : rows) {
    const auto policy = parsed(each.policy);
    const auto bound = policies::bound_policy::bind({{"p", &policy}}, {});
    for (std::size_t i = 0; i < sets.size(); ++i) {
      CAPTURE(each.policy, i);
      const decision got = decide(policy, "iot:Connect", arn + "client/c", {{"iot:ConnectAttributes", sets[i]}});
      CHECK((got == decision::allowed) == (each.answers[i] == 'A'));
      if (i > 3) continue;  // N is no packet a client can send
      policies::connect_facts packet;
      if ((i & 1U) != 0) packet.session = policies::session_kind::persistent;
      if ((i & 2U) != 0) packet.will = policies::will_facts{"t", policies::retention::not_retained};
      CHECK(bound.decide_connect("c", packet) == got);
    }
  }
}

TEST_CASE("a condition on the will topic holds for that topic and for no connection without a will") {
  const auto policy = parsed(statement("Allow", "iot:Connect", "*", R"({"ArnEquals":{"iot:LastWillTopic":")" + arn + R"(topic/my/*"}})"));
  const auto bound = policies::bound_policy::bind({{"p", &policy}}, {});
  const auto with = [](std::string_view topic) {
    policies::connect_facts packet;
    packet.will = policies::will_facts{topic, policies::retention::not_retained};
    return packet;
  };
  CHECK(bound.decide_connect("c", {}) == decision::implicit_deny);
  CHECK(bound.decide_connect("c", with("my/will")) == decision::allowed);
  CHECK(bound.decide_connect("c", with("your/will")) == decision::implicit_deny);
  CHECK(decide(policy, "iot:Connect", arn + "client/c", policies::with_connect({}, with("my/will"), {})) == decision::allowed);
}

TEST_CASE("a will needs Publish and a retained one RetainPublish, at CONNECT") {
  const auto only_publish = parsed(statement("Allow", "iot:Connect", "*") + "," + statement("Allow", "iot:Publish", arn + "topic/w"));
  const auto bound = policies::bound_policy::bind({{"p", &only_publish}}, {});
  policies::connect_facts packet;
  CHECK(bound.authorize_connect("c", packet) == decision::allowed);
  packet.will = policies::will_facts{"w", policies::retention::not_retained};
  CHECK(bound.authorize_connect("c", packet) == decision::allowed);
  packet.will->retain = policies::retention::retained;
  CHECK(bound.authorize_connect("c", packet) == decision::implicit_deny);
  packet.will = policies::will_facts{"x", policies::retention::not_retained};
  CHECK(bound.authorize_connect("c", packet) == decision::implicit_deny);
  CHECK(bound.authorize_publish("w", policies::retention::not_retained) == decision::allowed);
  CHECK(bound.authorize_publish("w", policies::retention::retained) == decision::implicit_deny);
}

TEST_CASE("a connection that is not allowed is refused whatever its will may do") {
  const auto connect = [](const std::string& rights) {
    const auto policy = parsed(rights + statement("Allow", "iot:Publish", arn + "topic/w"));
    policies::connect_facts packet;
    packet.will = policies::will_facts{"w", policies::retention::not_retained};
    return policies::bound_policy::bind({{"p", &policy}}, {}).authorize_connect("c", packet);
  };
  CHECK(connect("") == decision::implicit_deny);
  CHECK(connect(statement("Deny", "iot:Connect", "*") + ",") == decision::explicit_deny);
  CHECK(connect(statement("Allow", "iot:Connect", "*") + ",") == decision::allowed);
}

TEST_CASE("conditions of actions other than Connect are decided when the policy is bound") {
  for (const char* condition : {R"({"Bool":{"iot:Connection.Thing.IsAttached":"true"}})", R"({"StringEqualsIfExists":{"iot:ConnectAttributes":"LastWill"}})",
                                R"({"Null":{"iot:LastWillTopic":"true"}})"}) {
    const auto policy = parsed(statement("Allow", "iot:Publish", "*", condition));
    for (const char* attached : {"true", "false"}) {
      CAPTURE(condition, attached);
      const policies::context who{{"iot:Connection.Thing.IsAttached", {attached}}};
      CHECK(policies::bound_policy::bind({{"p", &policy}}, who).decide(policies::action::publish, "a") == decide(policy, "iot:Publish", arn + "topic/a", who));
    }
  }
}

TEST_CASE("the filter of a SUBSCRIBE is compared as text") {
  const auto subscribe = [](const std::string& granted, const std::string& asked) {
    return decide(parsed(statement("Allow", "iot:Subscribe", arn + "topicfilter/" + granted)), "iot:Subscribe", arn + "topicfilter/" + asked) == decision::allowed;
  };
  CHECK(subscribe("some/+/topic", "some/+/topic"));
  CHECK_FALSE(subscribe("some/+/topic", "some/string1/topic"));
  CHECK(subscribe("some/*/topic", "some/string2/topic"));
  CHECK(subscribe("some/*/topic", "some/+/topic"));
  CHECK(subscribe("some/*/topic", "some/a/b/topic"));
  CHECK(subscribe("some/sensor?\?\?/topic", "some/sensor123/topic"));
  CHECK(subscribe("location/#", "location/#"));
  CHECK_FALSE(subscribe("location/#", "location/Seattle"));
  CHECK(subscribe("$share/*/t", "$share/g/t"));
  CHECK_FALSE(subscribe("t", "$share/g/t"));
}

TEST_CASE("a Deny wins over every Allow and documents add up") {
  const auto allow = parsed(statement("Allow", "iot:*", "*"));
  const auto deny = parsed(statement("Deny", "iot:Publish", arn + "topic/secret/*"));
  const std::vector<policies::named_document> both{{"a", &allow}, {"d", &deny}};
  CHECK(policies::evaluate(both, {"iot:Publish", arn + "topic/secret/x", {}}).answer == decision::explicit_deny);
  CHECK(policies::evaluate(both, {"iot:Publish", arn + "topic/open", {}}).answer == decision::allowed);
  CHECK(policies::evaluate({}, {"iot:Publish", arn + "topic/open", {}}).answer == decision::implicit_deny);
  CHECK(policies::evaluate(both, {"iotjobsdata:UpdateJobExecution", arn + "thing/x", {}}).answer == decision::implicit_deny);
}

TEST_CASE("NotAction and NotResource invert their lists") {
  const auto policy = parsed(R"({"Effect":"Allow","NotAction":["iot:Conn*"],"NotResource":[")" + arn + R"(topic/a/*"]})");
  CHECK(decide(policy, "iot:Publish", arn + "topic/b") == decision::allowed);
  CHECK(decide(policy, "iot:Publish", arn + "topic/a/b") == decision::implicit_deny);
  CHECK(decide(policy, "iot:Connect", arn + "client/b") == decision::implicit_deny);
}

TEST_CASE("action names ignore case, resources do not") {
  const auto policy = parsed(statement("Allow", "IOT:publish", arn + "topic/Room"));
  CHECK(decide(policy, "iot:Publish", arn + "topic/Room") == decision::allowed);
  CHECK(decide(policy, "iot:Publish", arn + "topic/room") == decision::implicit_deny);
}

TEST_CASE("old job action names count only where asked for") {
  const auto policy = parsed(statement("Allow", "iot:UpdateJobExecution", arn + "thing/t"));
  const policies::request asked{"iotjobsdata:UpdateJobExecution", arn + "thing/t", {}};
  CHECK(policies::evaluate({{"p", &policy}}, asked).answer == decision::implicit_deny);
  CHECK(policies::evaluate({{"p", &policy}}, asked, policies::job_action_names::interchangeable).answer == decision::allowed);
}

TEST_CASE("names that have one spelling, known or not, count as they are where old ones do too") {
  const auto policy = parsed(statement("Allow", "iot:Publish", "*") + "," + statement("Allow", "iot:CreateThing", "*"));
  for (const auto& [action, answer] : {std::pair{"iot:Publish", decision::allowed}, {"iot:CreateThing", decision::allowed}, {"iot:Connect", decision::implicit_deny}}) {
    CAPTURE(action);
    CHECK(policies::evaluate({{"p", &policy}}, {action, arn + "topic/a", {}}, policies::job_action_names::interchangeable).answer == answer);
  }
  policies::policy_document nameless = policy;
  for (policies::statement& s : nameless.statements) s.actions[0].folded.clear();
  CHECK(policies::evaluate({{"p", &nameless}}, {"iot:Publish", arn + "topic/a", {}}, policies::job_action_names::interchangeable).answer == decision::implicit_deny);
}

TEST_CASE("variables are filled in, whatever their case, and values are data") {
  const policies::context values{{"iot:ClientId", {"a*"}}, {"iot:Connection.Thing.Attributes[Room]", {"r1"}}};
  CHECK(grants("topic/${iot:ClientId}/x", "topic/a*/x", values));
  CHECK_FALSE(grants("topic/${iot:ClientId}/x", "topic/abc/x", values));
  CHECK(grants("topic/${IOT:CLIENTID}/x", "topic/a*/x", values));
  CHECK(grants("topic/${iot:connection.thing.attributes[Room]}", "topic/r1", values));
  CHECK_FALSE(grants("topic/${iot:Connection.Thing.Attributes[room]}", "topic/r1", values));
  CHECK(grants("topic/${*}${?}${$}", "topic/*?$", values));
  CHECK_FALSE(grants("topic/${*}", "topic/a", values));
  CHECK(grants("topic/$aws/x", "topic/$aws/x", values));
  CHECK(grants("topic/$(*)", "topic/$(ab)", values));
}

TEST_CASE("an absent variable drops its entry, a default value stands in") {
  CHECK_FALSE(grants("topic/${iot:ClientId}", "topic/", {}));
  CHECK_FALSE(grants("topic/${iot:ClientId}", "topic/${iot:ClientId}", {}));
  CHECK(grants("topic/${iot:ClientId, 'none'}", "topic/none", {}));
  CHECK(grants("topic/${iot:ClientId, 'none'}", "topic/c", {{"iot:ClientId", {"c"}}}));
  const auto other = parsed(R"({"Effect":"Allow","Action":"iot:Publish","Resource":[")" + arn + "topic/${a}\",\"" + arn + R"(topic/b"]})");
  CHECK(decide(other, "iot:Publish", arn + "topic/b") == decision::allowed);
  const auto inverted = parsed(R"({"Effect":"Allow","Action":"iot:Publish","NotResource":")" + arn + R"(topic/${a}"})");
  CHECK(decide(inverted, "iot:Publish", arn + "topic/x") == decision::allowed);
  const auto deny = parsed(statement("Allow", "iot:Publish", "*") + "," + statement("Deny", "iot:Publish", arn + "topic/${a}"));
  CHECK(decide(deny, "iot:Publish", arn + "topic/x") == decision::allowed);
}

TEST_CASE("without Version 2012-10-17 a variable is literal text") {
  const auto policy = parsed(statement("Allow", "iot:Publish", arn + "topic/${iot:ClientId}"), "2008-10-17");
  CHECK(decide(policy, "iot:Publish", arn + "topic/c", {{"iot:ClientId", {"c"}}}) == decision::implicit_deny);
  CHECK(decide(policy, "iot:Publish", arn + "topic/${iot:ClientId}") == decision::allowed);
}

TEST_CASE("certificate variables: first value, offsets, lists, escapes and refusals") {
  const std::string ou = "iot:Certificate.Subject.OrganizationalUnit";
  const policies::context values{{ou, {"a", "b", "c", "d", "e", "f"}},
                                 {"iot:Certificate.Subject.Organization", {"x=y, z"}},
                                 {"iot:Certificate.Subject.CommonName", {"a+b"}},
                                 {"iot:Certificate.Subject.Title", {std::string(1025, 't')}}};
  CHECK(grants("topic/${" + ou + "}", "topic/a", values));
  CHECK(grants("topic/${" + ou + ".0}", "topic/a", values));
  CHECK(grants("topic/${" + ou + ".1}", "topic/b", values));
  CHECK_FALSE(grants("topic/${" + ou + ".5}", "topic/f", values));
  CHECK_FALSE(grants("topic/${" + ou + ".List}", "topic/a", values));
  CHECK(grants("topic/${iot:Certificate.Subject.Organization}", R"(topic/x\=y\, z)", values));
  CHECK_FALSE(grants("topic/${iot:Certificate.Subject.CommonName}", "topic/a+b", values));
  CHECK(grants("topic/${iot:Certificate.Subject.CommonName}", "topic/${iot:Certificate.Subject.CommonName}", values));
  CHECK_FALSE(grants("topic/${iot:Certificate.Subject.Title}", "topic/" + std::string(1025, 't'), values));
  CHECK(holds(R"({"ForAnyValue:StringEquals":{")" + ou + R"(.List":"e"}})", values));
  CHECK_FALSE(holds(R"({"ForAnyValue:StringEquals":{")" + ou + R"(.List":"f"}})", values));
  CHECK(holds(R"({"StringEquals":{")" + ou + R"(":"a"}})", values));
  CHECK_FALSE(holds(R"({"StringEquals":{")" + ou + R"(":"b"}})", values));
  CHECK(holds(R"({"StringEquals":{")" + ou + R"(.1":"b"}})", values));
  CHECK(holds(R"({"StringEquals":{"iot:Certificate.Subject.CommonName":"a+b"}})", values));
  for (const char* no_index : {".12", ".-", ".x", "."}) {
    CAPTURE(no_index);
    CHECK(grants("topic/${" + ou + no_index + ", 'none'}", "topic/none", values));
    CHECK(holds(R"({"Null":{")" + ou + no_index + R"(":"true"}})", values));
  }
  CHECK(grants("topic/${iot:Certificate.Subject.Organization.1, 'none'}", "topic/none", values));
  CHECK(holds(R"({"StringEqualsIfExists":{"iot:Certificate.Subject.Organization.1":"v"}})", values));
}

TEST_CASE("lists are no variables, and only those of a certificate's attributes are cut at five values") {
  const std::vector<std::string> seven{"1", "2", "3", "4", "5", "6", "7"};
  const policies::context values{{"iot:Certificate.AvailableKeys", seven}, {"iot:Certificate.Subject.Country.List", seven}, {"k", {"a", "b"}}, {"iot:LastWillTopic", {"w"}}};
  const auto has = [&](const std::string& key, const std::string& value) {
    return holds(R"({"ForAnyValue:StringEquals":{")" + key + "\":\"" + value + "\"}}", values);
  };
  CHECK(has("iot:Certificate.AvailableKeys", "7"));
  CHECK(has("iot:Certificate.Subject.Country.List", "5"));
  CHECK_FALSE(has("iot:Certificate.Subject.Country.List", "6"));
  CHECK(has("iot:LastWillTopic", "w"));
  CHECK(grants("topic/${iot:Certificate.AvailableKeys, 'none'}", "topic/none", {{"iot:Certificate.AvailableKeys", {"one"}}}));
  for (const char* key : {"iot:Certificate.AvailableKeys", "iot:Certificate.Subject.Country.List", "iot:LastWillTopic", "k"}) {
    CAPTURE(key);
    CHECK(grants(std::string("topic/${") + key + ", 'none'}", "topic/none", values));
  }
}

TEST_CASE("the keys of a certificate's attributes are listed, other facts about it are not") {
  policies::principal_facts who;
  who.certificate_variables = {{"iot:Certificate.Subject.Country", {"CH"}}, {"iot:CertificateColour", {"red"}}};
  CHECK(policies::make_context(who)["iot:Certificate.AvailableKeys"] == std::vector<std::string>{"iot:Certificate.Subject.Country"});
  CHECK(policies::make_context(who)["iot:CertificateColour"] == std::vector<std::string>{"red"});
}

TEST_CASE("presence decides as in the truth table") {
  struct row {
    std::string op;
    bool absent, empty;
  };
  for (const row& each : std::vector<row>{{"StringEquals", false, false},
                                          {"StringNotEquals", true, true},
                                          {"StringEqualsIfExists", true, false},
                                          {"StringNotEqualsIfExists", true, true},
                                          {"ForAllValues:StringEquals", true, true},
                                          {"ForAllValues:StringNotLike", true, true},
                                          {"ForAnyValue:StringEquals", false, false},
                                          {"ForAnyValue:StringNotEquals", false, false}}) {
    CAPTURE(each.op);
    CHECK(holds("{\"" + each.op + R"(":{"k":"v"}})", {}) == each.absent);
    CHECK(holds("{\"" + each.op + R"(":{"k":"v"}})", {{"k", {}}}) == each.empty);
  }
  CHECK(holds(R"({"Null":{"k":"true"}})", {}));
  CHECK(holds(R"({"Null":{"k":"true"}})", {{"k", {}}}));
  CHECK_FALSE(holds(R"({"Null":{"k":true}})", {{"k", {"v"}}}));
  CHECK(holds(R"({"Null":{"k":false}})", {{"k", {"v"}}}));
}

TEST_CASE("typed operators compare numbers, dates, booleans, bytes and networks") {
  struct row {
    std::string op, wanted, given;
    bool expected;
  };
  for (const row& each : std::vector<row>{
           {"NumericEquals", "1.50", "1.5", true},
           {"NumericEquals", "x", "x", false},
           {"NumericNotEquals", "1", "x", true},
           {"NumericLessThan", "10", "9", true},
           {"NumericLessThanEquals", "-1", "-1", true},
           {"NumericGreaterThan", "2", "10", true},
           {"NumericGreaterThanEquals", "3", "2.9", false},
           {"DateEquals", "2024-01-01T00:00:00Z", "1704067200", true},
           {"DateEquals", "2024-01-01", "2024-01-01T01:00:00+01:00", true},
           {"DateLessThan", "2024-03-01", "2024-02-29T23:59:59.9Z", true},
           {"DateGreaterThan", "2024", "2023-12-31T23:59Z", false},
           {"DateGreaterThanEquals", "2024-02-30", "2025-01-01", false},
           {"DateNotEquals", "2024-01-01", "never", true},
           {"Bool", "TRUE", "true", true},
           {"Bool", "true", "yes", false},
           {"BinaryEquals", "QUI=", "QUI=", true},
           {"BinaryEquals", "QUI=", "QUM=", false},
           {"IpAddress", "203.0.113.0/24", "203.0.113.7", true},
           {"IpAddress", "203.0.113.7", "203.0.113.8", false},
           {"NotIpAddress", "203.0.113.0/24", "198.51.100.1", true},
           {"IpAddress", "2001:db8::/32", "2001:db8:1::1", true},
           {"IpAddress", "2001:db8::/32", "2001:db9::1", false},
           {"IpAddress", "::ffff:192.0.2.1", "::ffff:c000:201", true},
           {"IpAddress", "0.0.0.0/0", "::1", false},
           {"IpAddress", "203.0.113.0/33", "203.0.113.7", false},
           {"StringEqualsIgnoreCase", "AbC", "aBc", true},
           {"StringLike", "a*?", "ab", true},
           {"StringEquals", "a*", "ab", false},
           {"ArnLike", "arn:aws:iot:*:1:t/*", "arn:aws:iot:r:1:t/a:b", true},
           {"ArnLike", "arn:aws:*:1:t/*", "arn:aws:iot:r:1:t/a", false},
           {"ArnNotLike", "arn:aws:iot:*:1:t/*", "no arn", true},
       }) {
    CAPTURE(each.op, each.wanted, each.given);
    CHECK(holds("{\"" + each.op + R"(":{"k":")" + each.wanted + "\"}}", {{"k", {each.given}}}) == each.expected);
  }
}

TEST_CASE("a condition value whose variable has no value equals nothing") {
  CHECK_FALSE(holds(R"({"StringEquals":{"k":"${iot:Nothing}"}})", {{"k", {""}}}));
  CHECK(holds(R"({"StringNotEquals":{"k":"${iot:Nothing}"}})", {{"k", {"v"}}}));
  CHECK(holds(R"({"StringEquals":{"k":"${iot:ClientId}"}})", {{"k", {"c"}}, {"iot:ClientId", {"c"}}}));
  CHECK(holds(R"({"Bool":{"k":"true"}})", {{"K", {"true"}}}));
}

TEST_CASE("a thing stands behind a connection only if attached, by name or exclusively") {
  policies::principal_facts who;
  who.client_id = "dev1";
  who.thing = policies::thing_facts{"dev1", "sensor", {{"room", "r1"}}, true, false};
  CHECK(policies::make_context(who)["iot:Connection.Thing.IsAttached"] == std::vector<std::string>{"true"});
  CHECK(policies::make_context(who)["iot:Connection.Thing.Attributes[room]"] == std::vector<std::string>{"r1"});
  who.thing->attached = false;
  CHECK(policies::make_context(who)["iot:Connection.Thing.IsAttached"] == std::vector<std::string>{"false"});
  CHECK(policies::make_context(who).count("iot:Connection.Thing.ThingName") == 0);
  who.thing->attached = true;
  who.client_id = "other";
  CHECK_FALSE(policies::is_thing_resolved(who));
  who.thing->exclusive = true;
  CHECK(policies::make_context(who)["iot:Connection.Thing.ThingName"] == std::vector<std::string>{"dev1"});
  who.client_id.reset();
  CHECK_FALSE(policies::is_thing_resolved(who));
  CHECK(policies::make_context(who).count("iot:Connection.Thing.IsAttached") == 0);
  who.epoch_seconds = 1709251199;
  CHECK(policies::make_context(who)["aws:CurrentTime"] == std::vector<std::string>{"2024-02-29T23:59:59Z"});
}

TEST_CASE("the trace says for every statement how far it got and what was missing") {
  const auto policy = parsed(statement("Allow", "iot:Connect", "*") + "," + statement("Allow", "iot:Publish", arn + "topic/other") + "," +
                             statement("Allow", "iot:Publish", arn + "topic/${iot:Connection.Thing.ThingName}") + "," +
                             statement("Allow", "iot:Publish", "*", R"({"Bool":{"iot:Connection.Thing.IsAttached":"true"}})") + "," +
                             statement("Allow", "iot:Publish", arn + "topic/a"));
  const auto got = policies::evaluate({{"p.json", &policy}}, {"iot:Publish", arn + "topic/a", {}});
  CHECK(got.answer == decision::allowed);
  REQUIRE(got.statements.size() == 5);
  CHECK(got.statements[0].result == policies::statement_result::action);
  CHECK(got.statements[1].result == policies::statement_result::resource);
  CHECK(got.statements[1].detail.find("topic/other") != std::string::npos);
  CHECK(got.statements[2].result == policies::statement_result::unresolved_variable);
  CHECK(got.statements[3].result == policies::statement_result::condition);
  CHECK(got.statements[4].result == policies::statement_result::matched);
  CHECK(got.statements[4].statement == "/Statement/4");
  CHECK(got.missing_context == std::vector<std::string>{"iot:Connection.Thing.ThingName", "iot:Connection.Thing.IsAttached"});
}

TEST_CASE("actions without a resource are asked on `*`") {
  const auto star = parsed(statement("Allow", "iot:ListRetainedMessages", "*"));
  const auto client = parsed(statement("Allow", "iot:ListRetainedMessages", arn + "client/x"));
  CHECK(decide(star, "iot:ListRetainedMessages", "*") == decision::allowed);
  CHECK(decide(client, "iot:ListRetainedMessages", "*") == decision::implicit_deny);
  CHECK(policies::bound_policy::bind({{"p", &star}}, {}).decide(policies::action::list_retained_messages, "") == decision::allowed);
  CHECK(policies::bound_policy::bind({{"p", &client}}, {}).decide(policies::action::list_retained_messages, "") == decision::implicit_deny);
}

TEST_CASE("text that is not UTF-8 can never act as a wildcard") {
  const policies::context values{{"iot:ClientId", {"\xFF"}}};
  CHECK_FALSE(grants("topic/${iot:ClientId}", "topic/abc", values));
  const auto policy = parsed(statement("Allow", "iot:Publish", arn + "topic/${iot:ClientId}"));
  CHECK(policies::bound_policy::bind({{"p", &policy}}, values).decide(policies::action::publish, "abc") == decision::implicit_deny);
}

TEST_CASE("an unbound policy allows nothing") {
  CHECK(policies::bound_policy().decide(policies::action::publish, "a") == decision::implicit_deny);
}

TEST_CASE("a statement with an empty list has no effect, also one that a program made") {
  const policies::policy_document whole = parsed(R"({"Effect":"Allow","NotAction":"iot:Connect","NotResource":"arn:aws:iot:us-east-1:123456789012:topic/x"})");
  const auto answers = [](const policies::policy_document& policy) {
    const auto bound = policies::bound_policy::bind({{"p", &policy}}, {});
    const decision slow = decide(policy, "iot:Publish", arn + "topic/a");
    CHECK(bound.decide(policies::action::publish, "a") == slow);
    return slow;
  };
  CHECK(answers(whole) == decision::allowed);
  policies::policy_document no_resource = whole, no_action = whole;
  no_resource.statements[0].resources.clear();
  no_action.statements[0].actions.clear();
  CHECK(answers(no_resource) == decision::implicit_deny);
  CHECK(answers(no_action) == decision::implicit_deny);
}

TEST_CASE("a bound policy decides as the evaluator where a condition asks for the topic of the will") {
  const std::vector<std::string> conditions{
      R"({"StringEquals":{"iot:LastWillTopic":"arn:aws:iot:us-east-1:123456789012:topic/w/1"}})",
      R"({"StringEqualsIgnoreCase":{"iot:LastWillTopic":"ARN:aws:iot:us-east-1:123456789012:topic/W/1"}})",
      R"({"StringNotEqualsIgnoreCase":{"iot:LastWillTopic":"arn:aws:iot:eu-west-1:123456789012:topic/w/1"}})",
      R"({"StringLike":{"iot:LastWillTopic":"arn:aws:iot:us-east-1:*:topic/w/?"}})",
      R"({"StringLike":{"iot:LastWillTopic":"*/w/*1"}})",
      R"({"StringLike":{"iot:LastWillTopic":["arn:aws:iot:us-east-?:123456789012:topic/?/?x","other","${iot:Nothing}*"]}})",
      R"({"StringNotLike":{"iot:LastWillTopic":"arn:aws:iot:us-east-1:123456789012:topic/w/*"}})",
      R"({"ArnLike":{"iot:LastWillTopic":"arn:aws:iot:*:123456789012:topic/w/?"}})",
      R"({"ArnEquals":{"iot:LastWillTopic":"arn:aws:iot:*:999999999999:topic/w/?"}})",
      R"({"ArnNotLike":{"iot:LastWillTopic":"no arn"}})",
      R"({"StringEqualsIfExists":{"iot:LastWillTopic":"arn:aws:iot:us-east-1:123456789012:topic/w/1"}})",
      R"({"Null":{"iot:LastWillTopic":"true"}})",
      R"({"Null":{"iot:LastWillTopic":"false"}})",
      R"({"NumericEquals":{"iot:LastWillTopic":"1"}})",
      R"({"NumericNotEquals":{"iot:LastWillTopic":"1"}})",
      R"({"StringEquals":{"iot:LastWillTopic":[]}})",
      R"({"StringNotEquals":{"iot:LastWillTopic":[]}})",
      R"({"StringEquals":{"iot:LastWillTopic":"arn:aws:iot"}})",
      R"({"StringNotLike":{"iot:LastWillTopic":"arn:aws:iot"}})",
  };
  const policies::context who{{"iot:ClientId", {"c"}}};
  const policies::arn_scope here{"us-east-1", "123456789012"};
  for (const std::string& condition : conditions) {
    const auto policy = parsed(statement("Allow", "iot:Connect", "*", condition));
    const auto bound = policies::bound_policy::bind({{"p", &policy}}, who, here);
    for (const char* topic : {"", "w/1", "W/1", "w/12", "w/", "x/yx", "a/w/b1", "q"}) {
      CAPTURE(condition, topic);
      policies::connect_facts packet;
      if (*topic != '\0') packet.will = policies::will_facts{topic, policies::retention::not_retained};
      const decision slow = decide(policy, "iot:Connect", arn + "client/c", policies::with_connect(who, packet, here));
      CHECK(bound.decide_connect("c", packet) == slow);
    }
  }
}

TEST_CASE("a bound policy takes patterns with `?` before, in and after the part that is known") {
  for (const char* pattern : {"topic/a?c", "topic/a*b?d*", "t?pic/x", "*c?", "*:topic/?", "topi?*z", "????????????????????????????????????????????????"}) {
    const std::string resource = pattern[0] == '*' || pattern[0] == '?' ? pattern : arn + pattern;
    auto out = policies::parse_text(R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iot:Publish","Resource":"*"}})");
    REQUIRE(out.value);
    // A pattern that begins with a wildcard is no ARN to the parser, but is one to a program.
    out.value->statements[0].resources[0].pattern =
        policies::compile_pattern(resource, policies::wildcards::star_and_question, policies::variables::substituted);
    const auto bound = policies::bound_policy::bind({{"p", &*out.value}}, {}, {"us-east-1", "123456789012"});
    for (const char* topic : {"abc", "abcd", "axbyd", "a\xC3\xA9\x63", "x", "c", "cd", "xcd", "z", "xz", "abcde"}) {
      CAPTURE(resource, topic);
      CHECK(bound.decide(policies::action::publish, topic) == decide(*out.value, "iot:Publish", arn + "topic/" + topic));
    }
  }
}

TEST_CASE("times before 1970 and with fractions, and addresses with wrong ends, are read as they are") {
  policies::principal_facts who;
  who.epoch_seconds = -1;
  CHECK(policies::make_context(who)["aws:CurrentTime"] == std::vector<std::string>{"1969-12-31T23:59:59Z"});
  for (const std::int64_t seconds : {-62167219200LL, -62162035201LL, -62162035200LL, -30610224001LL, 253402300799LL}) {
    CAPTURE(seconds);
    who.epoch_seconds = seconds;
    CHECK(holds(R"({"DateEquals":{"aws:CurrentTime":")" + std::to_string(seconds) + "\"}}", policies::make_context(who)));
  }
  CHECK(holds(R"({"DateEquals":{"t":"0000-02-29T23:59:59Z"}})", {{"t", {"-62162035201"}}}));
  CHECK(holds(R"({"DateEquals":{"t":"1.5"}})", {{"t", {"1970-01-01T00:00:01.5Z"}}}));
  CHECK_FALSE(holds(R"({"DateEquals":{"t":"1.x"}})", {{"t", {"1970-01-01T00:00:01Z"}}}));
  CHECK_FALSE(holds(R"({"DateEquals":{"t":"1."}})", {{"t", {"1970-01-01T00:00:01Z"}}}));
  for (const char* bad : {"::g", "::12345", "1:2:3:4:5:6:7:8:9", "::1.2.3.4:5", "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3.256", "1::2::3", "1:2:3:4:5:6:7:"}) {
    CAPTURE(bad);
    CHECK_FALSE(holds(std::string(R"({"IpAddress":{"a":")") + bad + "\"}}", {{"a", {"::1"}}}));
  }
  CHECK(holds(R"({"IpAddress":{"a":"::ffff:1.2.3.4"}})", {{"a", {"::ffff:102:304"}}}));
}

TEST_CASE("a request's text is shown on one line, control characters as escapes") {
  const auto policy = parsed(statement("Allow", "iot:Publish", arn + "topic/a"));
  const auto got = policies::evaluate({{"p", &policy}}, {"iot:Publish", arn + "topic/\x01\x7F\n", {}});
  CHECK(got.statements.at(0).detail.find("topic/\\u0001\\u007f\\u000a`") != std::string::npos);
}

TEST_CASE("a request's text is cut at 200 bytes, between two characters") {
  const auto policy = parsed(statement("Allow", "iot:Publish", arn + "topic/a"));
  const auto shown = [&](const std::string& resource) {
    const std::string detail = policies::evaluate({{"p", &policy}}, {"iot:Publish", resource, {}}).statements.at(0).detail;
    const std::size_t begin = detail.find('`'), end = detail.find("` is not matched");
    return detail.substr(begin + 1, end - begin - 1);
  };
  CHECK(shown(std::string(200, 'a')) == std::string(200, 'a'));
  CHECK(shown(std::string(201, 'a')) == std::string(200, 'a') + "...");
  CHECK(shown(std::string(199, 'a') + "\xC3\xA9") == std::string(199, 'a') + "...");
  CHECK(shown(std::string(201, '\x80')) == "...");
}

TEST_CASE("names of types and spellings for what has none") {
  CHECK(policies::name_of(policies::resource_type::none).empty());
  CHECK(policies::find_rule("P999") == nullptr);
}

TEST_CASE("dates are those of the W3C profile or epoch seconds, anything else matches nothing") {
  const auto is = [](const std::string& text) { return holds(R"({"DateEquals":{"t":")" + text + "\"}}", {{"t", {text}}}); };
  for (const char* good : {"2024", "2024-02", "2024-02-29", "2000-02-29", "2024-02-29T23:59Z", "2024-02-29T23:59:60Z", "2024-02-29T23:59:59.1234567+23:59",
                           "2024-02-29T00:00-01:30", "0", "-1", "123456789012", "1.5", "0001-01-01"})
    CHECK(is(good));
  for (const char* bad : {"2024-", "2024-1", "2024-13", "2024-00", "2024-02-", "2024-02-00", "2024-02-30", "2023-02-29", "1900-02-29", "2024-02-29x", "2024-02-29T",
                          "2024-02-29T24:00Z", "2024-02-29T23", "2024-02-29T23:60Z", "2024-02-29T23:5Z", "2024-02-29T23:59", "2024-02-29T23:59:", "2024-02-29T23:59:61Z",
                          "2024-02-29T23:59:59.Z", "2024-02-29T23:59:59.+01:00", "2024-02-29T23:59Zx", "2024-02-29T23:59+1:00", "2024-02-29T23:59+0100", "2024-02-29T23:59+24:00", "2024-02-29T23:59+00:60",
                          "2024-02-29T23:59+00:0", "1234567890123", "1.", "1.-", "1x", "20/4", "2024-0/", "-", "x", ""}) {
    CAPTURE(bad);
    CHECK_FALSE(is(bad));
  }
  CHECK(holds(R"({"DateEquals":{"t":"2024-02-29T01:30+01:30"}})", {{"t", {"1709164800"}}}));
  CHECK(holds(R"({"DateLessThanEquals":{"t":"2024"}})", {{"t", {"2024-01-01T00:00Z"}}}));
  CHECK_FALSE(holds(R"({"DateLessThanEquals":{"t":"2024"}})", {{"t", {"2024-01-02"}}}));
  CHECK(holds(R"({"DateGreaterThanEquals":{"t":"2024"}})", {{"t", {"2024"}}}));
  CHECK_FALSE(holds(R"({"DateGreaterThanEquals":{"t":"2024"}})", {{"t", {"2023-12-31"}}}));
  CHECK_FALSE(holds(R"({"DateEquals":{"t":"2024"}})", {{"t", {"2025"}}}));
  CHECK_FALSE(holds(R"({"DateEquals":{"t":"2025"}})", {{"t", {"2024"}}}));
}

TEST_CASE("addresses, networks, numbers and base64 are read as a whole") {
  const auto in = [](const std::string& network, const std::string& address) {
    return holds(R"({"IpAddress":{"a":")" + network + "\"}}", {{"a", {address}}});
  };
  CHECK(in("10.0.0.0/8", "10.255.1.2"));
  CHECK(in("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"));
  CHECK(in("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"));
  CHECK(in("::/0", "::1"));
  for (const char* bad : {"10.0.0.0/", "10.0.0.0/x", "10.0.0.0/8x", "10.0.0.0/33", "10.0.0", "10.0.0.256", "10.0.0.1000", "10..0.1", "10.0.0.0.0", "1:2", "1:2:3:4:5:6:7", ":",
                          "1:2:3:4:5:6:7:8::", "1:2:3:4::5:6:7:8", "1x::", "::/129", "10.0.0.x", ""}) {
    CAPTURE(bad);
    CHECK_FALSE(in(bad, "10.0.0.1"));
    CHECK_FALSE(in(bad, "1:2:3:4:5:6:7:8"));
  }
  CHECK_FALSE(in("10.0.0.0/8", "10.0.0"));
  CHECK_FALSE(in("10.0.0.0/8", "::1"));
  const auto same = [](const std::string& a, const std::string& b) { return holds(R"({"BinaryEquals":{"b":")" + a + "\"}}", {{"b", {b}}}); };
  CHECK(same("QUI=", "QUI="));
  CHECK(same("QQ==", "QQ=="));
  CHECK_FALSE(same("QUI=", "QUJD"));
  for (const char* bad : {"QUI", "QU!=", "Q=I=", "QQ=I", "====", "=QUI"}) CHECK_FALSE(same(bad, bad));
  CHECK_FALSE(holds(R"({"BinaryEquals":{"b":"QUI="}})", {{"b", {"QUI"}}}));
  CHECK_FALSE(holds(R"({"Bool":{"b":"true"}})", {{"b", {"yes"}}}));
  CHECK_FALSE(holds(R"({"Bool":{"b":"yes"}})", {{"b", {"true"}}}));
  for (const char* bad : {"", "1x", "inf", "nan", "1e999", "0x10"}) CHECK_FALSE(holds(std::string(R"({"NumericEquals":{"n":")") + bad + "\"}}", {{"n", {bad}}}));
  CHECK_FALSE(holds(R"({"NumericEquals":{"n":"1"}})", {{"n", {"2"}}}));
  struct pair { std::string less, more; };
  for (const pair& each : std::vector<pair>{{"10525622389124227206", "10525622389124227207"}, {"-10525622389124227207", "-10525622389124227206"},
                                            {"9", "10"}, {"-10", "9"}, {"0.5", "0.51"}, {"00.49", "0.5"}, {"-1", "0"}, {"1", "1.00000000000000000001"},
                                            {"1e1", "11"}, {"9", "1E1"}, {"99999999999999999999", "100000000000000000000"}, {"5e-324", "1"}}) {
    CAPTURE(each.less, each.more);
    const auto is = [](const std::string& how, const std::string& given, const std::string& wanted) {
      return holds(R"({"Numeric)" + how + R"(":{"n":")" + wanted + "\"}}", {{"n", {given}}});
    };
    CHECK(is("LessThan", each.less, each.more));
    CHECK(is("LessThanEquals", each.less, each.more));
    CHECK(is("GreaterThan", each.more, each.less));
    CHECK(is("GreaterThanEquals", each.more, each.less));
    CHECK_FALSE(is("LessThan", each.more, each.less));
    CHECK_FALSE(is("LessThanEquals", each.more, each.less));
    CHECK_FALSE(is("GreaterThan", each.less, each.more));
    CHECK_FALSE(is("GreaterThanEquals", each.less, each.more));
    CHECK_FALSE(is("Equals", each.less, each.more));
    CHECK(is("NotEquals", each.less, each.more));
  }
  for (const pair& each : std::vector<pair>{{"0", "-0"}, {"007", "7"}, {"1.50", "1.5"}, {"2.", "2"}, {".5", "0.5"}, {"1e2", "100"}, {"-0.0", "00"},
                                            {"115792089237316195423570985008687907853269984665640564039457584007913129639935",
                                             "0115792089237316195423570985008687907853269984665640564039457584007913129639935.0"}}) {
    CAPTURE(each.less, each.more);
    CHECK(holds(R"({"NumericEquals":{"n":")" + each.less + "\"}}", {{"n", {each.more}}}));
    CHECK(holds(R"({"NumericLessThanEquals":{"n":")" + each.less + "\"}}", {{"n", {each.more}}}));
  }
  CHECK_FALSE(holds(R"({"NumericEquals":{"n":"2"}})", {{"n", {"1"}}}));
  CHECK_FALSE(holds(R"({"Null":{"n":"perhaps"}})", {}));
}

TEST_CASE("an entry with a wildcard and a variable without a value might have matched") {
  const auto result = [](const std::string& granted, const std::string& topic) {
    const auto policy = parsed(statement("Allow", "iot:Publish", arn + "topic/" + granted));
    return policies::evaluate({{"p", &policy}}, {"iot:Publish", arn + "topic/" + topic, {}}).statements.at(0).result;
  };
  CHECK(result("?/${iot:Nothing}", "a/b") == policies::statement_result::unresolved_variable);
  CHECK(result("?/${iot:Nothing}", "ab/b") == policies::statement_result::resource);
  CHECK(result("*/x/${iot:Nothing}", "a/b/x/c") == policies::statement_result::unresolved_variable);
  CHECK(result("*/x/${iot:Nothing}", "a/b/y/c") == policies::statement_result::resource);
}

TEST_CASE("in a document of 2008 a condition value with `${...}` is that text") {
  const std::string test = R"({"StringEquals":{"iot:ClientId":"${iot:DomainName}"}})";
  const auto answer = [&](const std::string& version, const std::string& client) {
    return decide(parsed(statement("Allow", "iot:Connect", "*", test), version), "iot:Connect", arn + "client/a",
                  {{"iot:ClientId", {client}}, {"iot:DomainName", {"d"}}});
  };
  CHECK(answer("2012-10-17", "d") == decision::allowed);
  CHECK(answer("2008-10-17", "d") == decision::implicit_deny);
  CHECK(answer("2008-10-17", "${iot:DomainName}") == decision::allowed);
}

TEST_CASE("Null with a set operator asks nothing about the key") {
  for (const policies::context& values : {policies::context{}, policies::context{{"iot:ClientId", {"a"}}}}) {
    CHECK(holds(R"({"ForAllValues:Null":{"iot:ClientId":"true"}})", values));
    CHECK(holds(R"({"ForAllValues:Null":{"iot:ClientId":"false"}})", values));
    CHECK_FALSE(holds(R"({"ForAnyValue:Null":{"iot:ClientId":"true"}})", values));
    CHECK_FALSE(holds(R"({"ForAnyValue:Null":{"iot:ClientId":"false"}})", values));
  }
}

TEST_CASE("a policy value that is no number equals none") {
  const policies::context values{{"n", {"5"}}};
  CHECK(holds(R"({"NumericEquals":{"n":"5"}})", values));
  CHECK_FALSE(holds(R"({"NumericEquals":{"n":"five"}})", values));
  CHECK_FALSE(holds(R"({"NumericLessThanEquals":{"n":"five"}})", values));
  CHECK_FALSE(holds(R"({"NumericGreaterThan":{"n":"five"}})", values));
  CHECK(holds(R"({"NumericNotEquals":{"n":"five"}})", values));
}
