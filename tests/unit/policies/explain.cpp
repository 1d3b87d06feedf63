// A denial names its nearest statement, what it lacks, and a resource that would have matched.

#include "support/catch.hpp"

#include <fleetprov/policies/explain.hpp>
#include <fleetprov/policies/principal.hpp>

#include <string>
#include <vector>

namespace policies = fleetprov::policies;

namespace {

const std::string arn = "arn:aws:iot:us-east-1:123456789012:";

std::string allow(const std::string& action, const std::string& resource, const std::string& condition = "") {
  return R"({"Effect":"Allow","Action":")" + action + R"(","Resource":")" + (resource == "*" ? "" : arn) + resource + "\"" +
         (condition.empty() ? "" : ",\"Condition\":" + condition) + "}";
}

struct asked_row {
  std::string statements, action, resource;
  policies::decision answer;
  std::size_t nearest;
  std::string says;       ///< part of the sentence
  std::string corrected;  ///< after the head of the ARN
};

policies::context connected(const std::string& client_id) {
  policies::principal_facts who;
  who.client_id = client_id;
  who.thing = policies::thing_facts{"dev1", std::nullopt, {}, true, false};
  return policies::make_context(who);
}

std::string deny(const std::string& action, const std::string& resource) {
  return R"({"Effect":"Deny","Action":")" + action + R"(","Resource":")" + arn + resource + "\"}";
}

/// The Allow of a Publish in another region.
std::string elsewhere(const std::string& resource) {
  return R"({"Effect":"Allow","Action":"iot:Publish","Resource":"arn:aws:iot:eu-west-1:123456789012:)" + resource + "\"}";
}

policies::policy_document parsed(const std::string& statements, const std::string& version = "2012-10-17") {
  auto out = policies::parse_text(R"({"Version":")" + version + R"(","Statement":[)" + statements + "]}");
  REQUIRE(out.value.has_value());
  return std::move(*out.value);
}

}  // namespace

TEST_CASE("a denial is explained by the nearest statement and what it lacks") {
  const auto denied = policies::decision::implicit_deny;
  const std::string connect = allow("iot:Connect", "client/${iot:Connection.Thing.ThingName}") + ",";
  const std::vector<asked_row> rows{
      {connect + allow("iot:Subscribe", "topic/a/b"), "iot:Subscribe", "topicfilter/a/b", denied, 1, "needs `topicfilter/a/b`", "topicfilter/a/b"},
      {connect + allow("iot:Receive", "topicfilter/${iot:ClientId}"), "iot:Receive", "topic/dev1", denied, 1, "needs `topic/", "topic/${iot:ClientId}"},
      {connect + allow("iot:Publish", "topic/${iot:ClientId}/b"), "iot:Publish", "topic/dev1/b/c", denied, 1, "1 level short", "topic/${iot:ClientId}/b/c"},
      {allow("iot:Publish", "topic/a/+/b"), "iot:Publish", "topic/a/x/b", denied, 0, "ordinary characters", "topic/a/*/b"},
      {allow("iot:Subscribe", "topicfilter/a/#"), "iot:Subscribe", "topicfilter/a/x", denied, 0, "ordinary characters", "topicfilter/a/*"},
      {allow("iot:Connect", "client/sdk-"), "iot:Connect", "client/sdk-42", denied, 0, "`*` at its end is missing", "client/sdk-*"},
      {allow("iot:Publish", "topic/a/*"), "iot:Publish", "topic/a", denied, 0, "needs a `/`", "topic/a"},
      {allow("iot:Publish", "topic/a") + "," + allow("iot:Publish", "topic/${iot:Thing.ThingName}"), "iot:Publish", "topic/dev1", denied, 1,
       "no variable of that name", "topic/${iot:Connection.Thing.ThingName}"},
      {allow("iot:Publish", "topic/Room"), "iot:Publish", "topic/room", denied, 0, "upper and lower case", "topic/room"},
      {allow("iot:Publish", "topic/${iot:Connection.Thing.ThingName}/a"), "iot:Publish", "topic/dev2/a", denied, 0, "is `dev1`", "topic/dev2/a"},
      {allow("iot:Subscribe", "topicfilter/a/b"), "iot:Subscribe", "topicfilter/a/#", denied, 0, "compared as text", "topicfilter/a/#"},
      {allow("iot:Publish", "topic/far") + "," + allow("iot:Publish", "topic/data/dev2"), "iot:Publish", "topic/data/dev1", denied, 1, "topic/data/dev2", "topic/data/dev1"},
      {connect + allow("iot:PublishRetain", "topic/a"), "iot:RetainPublish", "topic/a", denied, 1, "no action of AWS IoT", "topic/a"},
      {connect + allow("iot:Publish", "topic/a"), "iot:Subscribe", "topicfilter/a", denied, policies::explanation::none, "no statement allows iot:Subscribe", "topicfilter/a"},
      {allow("iot:Publish", "topic/a*"), "iot:Publish", "topic/ab", policies::decision::allowed, 0, "allows iot:Publish", ""},
      {allow("iot:Subscribe", "topic/a"), "iot:Subscribe", "topicfilter/b", denied, 0, "it grants `topic/a`, iot:Subscribe needs `topicfilter/b`", "topicfilter/b"},
      {allow("iot:Subscribe", "topic/a") + "," + allow("iot:Subscribe", "topicfilter/zz"), "iot:Subscribe", "topicfilter/b", denied, 1, "it grants `topicfilter/zz`",
       "topicfilter/b"},
      {allow("iot:Publish", "topic/x/${iot:Nothing}") + "," + allow("iot:Publish", "topic/y/z"), "iot:Publish", "topic/y", denied, 1, "longer than `topic/y`", "topic/y"},
      {R"({"Effect":"Allow","Action":"iot:Publish","Resource":"arn:aws:iot:eu-*"})", "iot:Publish", "topic/a", denied, 0,
       "it grants `arn:aws:iot:eu-*`, the request is about `topic/a`", "topic/a"},
      {allow("iot:Publish", "top?c/x"), "iot:Publish", "topic/a", denied, 0, "it grants `top?c/x`, the request is about `topic/a`", "topic/a"},
      {allow("iot:Publish", "topic/a/+/b"), "iot:Publish", "topic/c/d", denied, 0, "the request is about `topic/c/d`", "topic/c/d"},
      {allow("iot:Publish", "topic/${iot:ClientId}/${iot:Connection.Thing.ThingName}"), "iot:Publish", "topic/x/y", denied, 0,
       "`${iot:ClientId}` is `dev1`, `${iot:Connection.Thing.ThingName}` is `dev1`", "topic/x/y"},
      {allow("iot:Publish", "topic/a"), "iot:Publish", "topic/a/b/c", denied, 0, "which is 2 levels short", "topic/a/b/c"},
      {allow("iot:Publish", "topic/x/*"), "iot:Publish", "topic/y", denied, 0, "it grants `topic/x/*`, the request is about `topic/y`", "topic/y"},
      {allow("iot:Subscribe", "topicfilter/x"), "iot:Subscribe", "topicfilter/a", denied, 0, "it grants `topicfilter/x`, the request is about `topicfilter/a`", "topicfilter/a"},
      {R"({"Effect":"Allow","Action":"iot:Publish","Resource":[")" + arn + "topic/data/dev2\",\"" + arn + R"(topic/far"]})", "iot:Publish", "topic/data/dev1", denied, 0,
       "it grants `topic/data/dev2`", "topic/data/dev1"},
      {allow("iot:Publish", "topic/far") + "," + allow("iot:Publish", "topic/x/temperature"), "iot:Publish", "topic/y/temperature", denied, 1, "`topic/x/temperature`",
       "topic/y/temperature"},
      {elsewhere("topic/xyz") + "," + elsewhere("topic/a"), "iot:Publish", "topic/ab", denied, 1, "the region `eu-west-1`", "topic/ab"},
      {elsewhere("topic/xyz") + "," + elsewhere("topic/abc"), "iot:Publish", "topic/ab", denied, 1, "the region `eu-west-1`", "topic/ab"},
      {deny("iot:Publish", "topic/data/dev2") + "," + allow("iot:Publish", "topic/far"), "iot:Publish", "topic/data/dev1", denied, 1, "it grants `topic/far`", "topic/data/dev1"},
      {deny("iot:Publish", "topic/x"), "iot:Connect", "client/a", denied, policies::explanation::none, "no statement allows anything", "client/a"},
      {R"({"Effect":"Allow","NotAction":["iot:Publish","iot:Conn*"],"Resource":"*"})", "iot:Connect", "client/a", denied, 0,
       "no statement allows iot:Connect; statement 1 of `p.json` has `iot:Conn*` in NotAction", "client/a"},
      {allow("iot:PublishRetain", "topic/a"), "iot:Subscribe", "topicfilter/a", denied, policies::explanation::none, "the policies allow `iot:PublishRetain`", "topicfilter/a"},
      {allow("iot:PublishRetain", "topic/a") + "," + allow("iot:PublishRetain", "topic/b"), "iot:RetainPublish", "topic/b", denied, 0, "statement 1 of `p.json` has", "topic/b"},
      {allow("iot:Publish", "topic/a"), "iot:CreateThing", "thing/a", denied, policies::explanation::none,
       "no statement allows `iot:CreateThing`; the policies allow `iot:Publish`", "thing/a"},
      {allow("iot:DeleteThing", "thing/a"), "iot:CreateThing", "thing/a", denied, policies::explanation::none, "the policies allow `iot:DeleteThing`", "thing/a"},
      {allow("iotjobsdata:UpdateJobExecution", "thing/a"), "iot:UpdateJobExecution", "thing/a", denied, 0,
       "no statement allows `iot:UpdateJobExecution`; statement 1 of `p.json` has `iotjobsdata:UpdateJobExecution`, which is another spelling", "thing/a"},
      {R"({"Effect":"Allow","Action":"iot:Publish","NotResource":")" + arn + R"(topic/x"})", "iot:Publish", "topic/y", policies::decision::allowed, 0,
       "on everything that its NotResource list does not name", ""},
  };
  for (const asked_row& row : rows) {
    CAPTURE(row.statements, row.action, row.resource);
    const auto policy = parsed(row.statements);
    const std::vector<policies::named_document> documents{{"p.json", &policy}};
    const policies::request asked{row.action, arn + row.resource, connected("dev1")};
    const auto verdict = policies::evaluate(documents, asked);
    CHECK(verdict.answer == row.answer);
    const auto got = policies::explain(documents, asked, verdict);
    CAPTURE(got.why, got.corrected_resource);
    CHECK(got.nearest == row.nearest);
    CHECK(got.why.find(row.says) != std::string::npos);
    CHECK(got.corrected_resource == (row.corrected.empty() ? "" : arn + row.corrected));
    if (got.corrected_resource.empty()) continue;
    const auto mended = parsed(R"({"Effect":"Allow","Action":")" + row.action + R"(","Resource":")" + got.corrected_resource + "\"}");
    CHECK(policies::evaluate({{"m", &mended}}, asked).answer == policies::decision::allowed);
  }
}

TEST_CASE("a client id that names no thing of the certificate is said to be the reason") {
  const auto policy = parsed(allow("iot:Connect", "client/${iot:Connection.Thing.ThingName}"));
  const std::vector<policies::named_document> documents{{"p", &policy}};
  const policies::request asked{"iot:Connect", arn + "client/x9", connected("x9")};
  const auto got = policies::explain(documents, asked, policies::evaluate(documents, asked));
  CHECK(got.why.find("the client id `x9` is not the name of a thing") != std::string::npos);
}

TEST_CASE("a statement that fails by its condition only is nearest and needs no other resource") {
  const auto policy = parsed(allow("iot:Connect", "client/x8") + "," +
                             allow("iot:Connect", "*", R"({"Bool":{"iot:Connection.Thing.IsAttached":"true"}})"));
  const std::vector<policies::named_document> documents{{"p", &policy}};
  const policies::request asked{"iot:Connect", arn + "client/x9", connected("x9")};
  const auto got = policies::explain(documents, asked, policies::evaluate(documents, asked));
  CHECK(got.nearest == 1);
  CHECK(got.why.find("attached") != std::string::npos);
  CHECK(got.corrected_resource.empty());
}

TEST_CASE("an explicit deny names the statement that denies") {
  const auto policy = parsed(allow("iot:*", "*") + R"(,{"Effect":"Deny","Action":"iot:Publish","Resource":"*"})");
  const std::vector<policies::named_document> documents{{"p", &policy}};
  const policies::request asked{"iot:Publish", arn + "topic/a", {}};
  const auto got = policies::explain(documents, asked, policies::evaluate(documents, asked));
  CHECK(got.nearest == 1);
  CHECK(got.why.find("statement 2 of `p` denies") == 0);
  CHECK(got.why.find("; a Deny wins over every Allow") != std::string::npos);
  const auto only_deny = parsed(deny("iot:Publish", "topic/a"));
  const std::vector<policies::named_document> alone{{"p", &only_deny}};
  CHECK(policies::explain(alone, asked, policies::evaluate(alone, asked)).why ==
        "statement 1 of `p` denies iot:Publish on `topic/a`; a Deny wins, and no statement allows it either");
}

TEST_CASE("the one statement of a document without an array has no number") {
  const auto policy = policies::parse_text(R"({"Version":"2012-10-17","Statement":)" + allow("iot:Publish", "topic/a") + "}");
  REQUIRE(policy.value.has_value());
  const std::vector<policies::named_document> documents{{"p", &*policy.value}};
  const policies::request asked{"iot:Publish", arn + "topic/a", {}};
  CHECK(policies::explain(documents, asked, policies::evaluate(documents, asked)).why == "the statement of `p` allows iot:Publish on `topic/a`");
}

TEST_CASE("a statement that a program made without resources is nearest by its action") {
  auto policy = parsed(allow("iot:Publish", "topic/a"));
  policy.statements[0].resources.clear();
  const std::vector<policies::named_document> documents{{"p", &policy}};
  const policies::request asked{"iot:Publish", arn + "topic/a", {}};
  const auto got = policies::explain(documents, asked, policies::evaluate(documents, asked));
  CHECK(got.nearest == 0);
  CHECK(got.why == "statement 1 of `p` is nearest: it names no resource");
  CHECK(got.corrected_resource == arn + "topic/a");
}

TEST_CASE("an action without a resource is mended with `*`, which stays a wildcard") {
  const auto policy = parsed(allow("iot:ListRetainedMessages", "topic/a"));
  const std::vector<policies::named_document> documents{{"p", &policy}};
  const policies::request asked{"iot:ListRetainedMessages", "*", {}};
  const auto got = policies::explain(documents, asked, policies::evaluate(documents, asked));
  CHECK(got.why.find("it grants `topic/a`, iot:ListRetainedMessages needs `*` (the resource types differ)") != std::string::npos);
  CHECK(got.corrected_resource == "*");
}

TEST_CASE("a resource that begins with a slash is explained as any other") {
  const auto policy = parsed(allow("iot:Publish", "topic/a"));
  const std::vector<policies::named_document> documents{{"p", &policy}};
  const policies::request asked{"iot:Publish", "/topic/a", {}};
  CHECK(policies::explain(documents, asked, policies::evaluate(documents, asked)).why.find("needs `/topic/a`") != std::string::npos);
}

TEST_CASE("in the language of 2008 a corrected resource is literal text, with no escapes") {
  const auto corrected = [](const std::string& granted, const std::string& asked_for) {
    const auto policy = parsed(allow("iot:Publish", granted), "2008-10-17");
    const std::vector<policies::named_document> documents{{"p", &policy}};
    const policies::request asked{"iot:Publish", arn + asked_for, connected("dev1")};
    const auto got = policies::explain(documents, asked, policies::evaluate(documents, asked));
    const auto mended = parsed(R"({"Effect":"Allow","Action":"iot:Publish","Resource":")" + got.corrected_resource + "\"}", "2008-10-17");
    CHECK(policies::evaluate({{"m", &mended}}, asked).answer == policies::decision::allowed);
    return got.corrected_resource;
  };
  CHECK(corrected("topic/${iot:ClientId}/+", "topic/${iot:ClientId}/x") == arn + "topic/${iot:ClientId}/*");
  CHECK(corrected("topic/x", "topic/a*${b") == arn + "topic/a*${b");
  CHECK(corrected("topic/a", "topic/a/*") == arn + "topic/a/*");
}

TEST_CASE("wildcards in a request are data in the corrected resource") {
  const auto policy = parsed(allow("iot:Publish", "topic/x"));
  const std::vector<policies::named_document> documents{{"p", &policy}};
  const policies::request asked{"iot:Publish", arn + "topic/a*?${b", {}};
  const auto got = policies::explain(documents, asked, policies::evaluate(documents, asked));
  CHECK(got.corrected_resource == arn + "topic/a${*}${?}${$}{b");
}

namespace {

std::string why(const std::string& statements, const std::string& action, const std::string& resource, const policies::context& values,
                const std::string& version = "2012-10-17") {
  const auto policy = parsed(statements, version);
  const std::vector<policies::named_document> documents{{"p", &policy}};
  const policies::request asked{action, arn + resource, values};
  const auto verdict = policies::evaluate(documents, asked);
  CHECK(verdict.answer == policies::decision::implicit_deny);
  return policies::explain(documents, asked, verdict).why;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("each kind of variable without a value has its own reason") {
  const std::vector<std::pair<std::string, std::string>> rows{
      {"iot:Connection.Thing.ThingTypeName", "the thing `dev1` has no thing type"},
      {"iot:Connection.Thing.Attributes[room]", "the thing `dev1` has no such attribute"},
      {"iot:Certificate.Subject.Country", "the certificate has no such attribute"},
      {"iot:ConnectAttributes", "it is a list, and lists cannot be variables"},
      {"credentials-iot:ThingName", "work in IAM policies only"},
      {"cognito-identity.amazonaws.com:sub", "belongs to Cognito identities"},
      {"aws:PrincipalTag", "the request has no such key"},
      {"iot:ThingName", "it is `${iot:Connection.Thing.ThingName}`"},
      {"ThingName", "it is `${iot:Connection.Thing.ThingName}`"},
      {"a, b", "`${a, b}` is not a well-formed variable"},
  };
  policies::context values = connected("dev1");
  values["iot:Certificate.AvailableKeys"] = {};  // there is a certificate
  for (const auto& [variable, says] : rows) {
    CAPTURE(variable);
    const std::string got = why(allow("iot:Publish", "topic/${" + variable + "}"), "iot:Publish", "topic/x", values);
    CAPTURE(got);
    CHECK(has(got, says));
  }
  CHECK(has(why(allow("iot:Publish", "topic/${iot:ClientId}"), "iot:Publish", "topic/x", {}), "the request has no client id"));
  CHECK(has(why(allow("iot:Publish", "topic/${iot:Connection.Thing.ThingName}"), "iot:Publish", "topic/x", {}), "thing variables exist on MQTT connections only"));
}

TEST_CASE("a certificate variable without a value: for want of a certificate, an attribute, another value, or such a variable") {
  const auto reason = [](const std::string& variable, const policies::context& values) {
    const std::string got = why(allow("iot:Publish", "topic/${iot:Certificate." + variable + "}"), "iot:Publish", "topic/x", values);
    const std::string sign = "has no value: ";
    REQUIRE(has(got, sign));
    return got.substr(got.find(sign) + sign.size());
  };
  policies::principal_facts who;
  who.certificate_variables["iot:Certificate.Subject.CommonName"] = {"t1"};
  const policies::context certified = policies::make_context(who);
  const policies::context told{{"iot:Certificate.Subject.CommonName", {"t1", "t2"}}};
  for (const policies::context& values : {policies::context{}, told, certified}) {
    CHECK(reason("Subject.CommonName.List", values) == "it is a list, and lists cannot be variables");
    CHECK(reason("AvailableKeys", values) == "it is a list, and lists cannot be variables");
    CHECK(reason("Subject.Locality", values) == "AWS IoT has no variable of that name");
    CHECK(reason("Subject.CommonName.5", values) == "AWS IoT has no variable of that name");
  }
  CHECK(reason("Subject.Country", certified) == "the certificate has no such attribute");
  CHECK(reason("subject.country.0", certified) == "the certificate has no such attribute");
  CHECK(reason("Subject.Country", told) == "the request brings no certificate to read it from");
  CHECK(reason("Subject.CommonName", {}) == "the request brings no certificate to read it from");
  CHECK(reason("Subject.CommonName.1", certified) == "the attribute has fewer values, and `.0` is the first");
  CHECK(reason("Subject.CommonName.2", told) == "the attribute has fewer values, and `.0` is the first");
}

TEST_CASE("a key that the request has is never called absent") {
  const auto says = [](const std::string& variable, const policies::context& values) {
    return why(allow("iot:Publish", "topic/${" + variable + "}"), "iot:Publish", "topic/x", values);
  };
  CHECK(has(says("k", {{"k", {"a", "b"}}}), "`${k}` has no value: it is a list, and lists cannot be variables"));
  CHECK(has(says("iot:ClientId", {{"iot:ClientId", {}}}), "it is a list, and lists cannot be variables"));
  CHECK(has(says("iot:LastWillTopic", {{"iot:LastWillTopic", {"w"}}}), "it is for conditions, it cannot be a variable"));
  CHECK(has(says("iot:LastWillTopic", {}), "it is for conditions, it cannot be a variable"));
  CHECK(has(says("k", {{"k", {"\xC3"}}}), "its value is not UTF-8"));
  CHECK(has(says("iot:Connection.Thing.Place", connected("dev1")), "AWS IoT has no variable of that name"));
  CHECK(has(says("iot:Connection.ThingName", connected("dev1")), "no variable of that name, it is `${iot:Connection.Thing.ThingName}`"));
}

TEST_CASE("a client id alone says nothing of the things that the certificate is attached to") {
  const policies::context values{{"iot:ClientId", {"c"}}};
  const std::string says = "the request does not tell of a thing behind the client id `c`";
  CHECK(has(why(allow("iot:Publish", "topic/${iot:Connection.Thing.ThingName}"), "iot:Publish", "topic/x", values), says));
  CHECK(has(why(allow("iot:Connect", "*", R"({"Bool":{"iot:Connection.Thing.IsAttached":"true"}})"), "iot:Connect", "client/c", values), says));
}

TEST_CASE("a value that AWS does not fill in is the reason where the rest fits") {
  const policies::context values{{"iot:Certificate.Subject.CommonName", {"a*b"}}};
  const std::string rights = allow("iot:Publish", "topic/${iot:Certificate.Subject.CommonName}/x");
  CHECK(has(why(rights, "iot:Publish", "topic/a*b/x", values), "the value of `${iot:Certificate.Subject.CommonName}` is not filled in"));
  CHECK_FALSE(has(why(rights, "iot:Publish", "topic/y", values), "not filled in"));
}

TEST_CASE("another region, type, length or a NotResource is named") {
  const auto region = R"({"Effect":"Allow","Action":"iot:Publish","Resource":"arn:aws:iot:eu-west-1:123456789012:topic/a"})";
  CHECK(has(why(region, "iot:Publish", "topic/a", {}), "it grants the region `eu-west-1`, the request is about `us-east-1`"));
  CHECK(has(why(region, "iot:Publish", "topic/b", {}), "it grants the region `eu-west-1`"));
  CHECK(has(why(allow("iot:Connect", "topic/a"), "iot:Connect", "client/a", {}), "CONNECT is checked on client/<client id>"));
  CHECK(has(why(allow("iot:Publish", "topicfilter/a"), "iot:Publish", "topic/a", {}), "iot:Publish is checked on topic/<name>"));
  CHECK(has(why(allow("iot:CreateThing", "topic/a"), "iot:CreateThing", "thing/a", {}), "the resource types differ"));
  CHECK(has(why(allow("iot:Publish", "topic/a/b/c"), "iot:Publish", "topic/a/b", {}), "which is longer than `topic/a/b`"));
  CHECK(has(why(R"({"Effect":"Allow","Action":"iot:Publish","NotResource":")" + arn + R"(topic/a*"})", "iot:Publish", "topic/ab", {}),
            "everything but its NotResource list, and `" + arn + "topic/a*` there covers"));
  CHECK(has(why(allow("iot:Publish", "topic/data/dev2") + "," + allow("iot:Publish", "topic/far"), "iot:Publish", "topic/data/dev1", {}),
            "statement 1 of `p` is nearest"));
}

TEST_CASE("a condition on the kind of connection is put into words") {
  const auto only = [](const std::string& list) {
    return allow("iot:Connect", "*", R"({"ForAllValues:StringEquals":{"iot:ConnectAttributes":[)" + list + "]}}");
  };
  CHECK(has(why(only("\"LastWill\""), "iot:Connect", "client/a", {{"iot:ConnectAttributes", {"PersistentConnect", "N"}}}),
            "the client connects with a persistent session and `N`, the condition ForAllValues:StringEquals lists `LastWill`"));
  CHECK(has(why(only(""), "iot:Connect", "client/a", {{"iot:ConnectAttributes", {"LastWill"}}}), "connects with a last will"));
  CHECK(has(why(allow("iot:Connect", "*", R"({"ForAnyValue:StringEquals":{"iot:ConnectAttributes":["LastWill"]}})"), "iot:Connect", "client/a",
                {{"iot:ConnectAttributes", {}}}),
            "with a clean session and without a last will"));
  CHECK(has(why(allow("iot:Connect", "*", R"({"ForAnyValue:StringEquals":{"iot:ConnectAttributes":["LastWill"]}})"), "iot:Connect", "client/a", {}),
            "the condition ForAnyValue:StringEquals on `iot:ConnectAttributes` is false: the request has no such key"));
}

TEST_CASE("a condition on the attached thing that asks for something else than `true` is shown as it is") {
  const auto attached = [](const std::string& wanted) {
    return why(allow("iot:Connect", "*", R"({"Bool":{"iot:Connection.Thing.IsAttached":)" + wanted + "}}"), "iot:Connect", "client/a", connected("dev1"));
  };
  CHECK(has(attached("[]"), "the condition Bool on `iot:Connection.Thing.IsAttached` is false: the request has `true`, the statement lists nothing"));
  CHECK(has(attached("\"false\""), "the request has `true`, the statement lists `false`"));
}

TEST_CASE("that a thing has to be attached is said of conditions that ask for it, and where it is not") {
  const std::string wanted = "it holds only if the certificate is attached to the thing that the client id names, and ";
  const auto says = [](const std::string& operation, const std::string& list, const policies::context& values) {
    return why(allow("iot:Connect", "*", "{\"" + operation + "\":{\"iot:Connection.Thing.IsAttached\":" + list + "}}"), "iot:Connect", "client/a", values);
  };
  const policies::context attached = connected("dev1"), free = connected("x9"), https;
  for (const char* operation : {"Bool", "StringEquals", "StringLike", "StringEqualsIgnoreCase", "ForAnyValue:StringEquals", "ForAnyValue:Bool"}) {
    CAPTURE(operation);
    CHECK(has(says(operation, R"("true")", free), "is nearest: " + wanted + "the client id `x9` is not the name of a thing"));
    CHECK(has(says(operation, R"("true")", https), "is nearest: " + wanted + "the request has no client id"));
    CHECK(has(says(operation, R"(["other","true"])", free), wanted));
    CHECK_FALSE(has(says(operation, R"("false")", attached), "it holds only"));
    CHECK_FALSE(has(says(operation, R"("other")", free), "it holds only"));
    CHECK_FALSE(has(says(operation, R"(["true","false"])", https), "it holds only"));
  }
  // these hold without the key
  for (const char* operation : {"BoolIfExists", "StringEqualsIfExists", "ForAllValues:StringEquals"})
    CHECK(has(says(operation, R"("true")", free), "is nearest: over MQTT " + wanted));
  CHECK(has(says("StringNotEquals", R"("false")", free), "is nearest: over MQTT " + wanted));
  for (const char* operation : {"StringNotEquals", "StringNotEqualsIfExists", "StringNotLike", "ForAnyValue:StringNotEquals", "ForAllValues:StringNotEquals"})
    CHECK(has(says(operation, R"("true")", attached), "the condition " + std::string(operation) +
                                                          " on `iot:Connection.Thing.IsAttached` is false: the request has `true`, the statement lists `true`"));
  // a value that is neither comes from elsewhere
  CHECK(has(says("StringEquals", R"("true")", {{"iot:Connection.Thing.IsAttached", {"TRUE"}}}), "the request has `TRUE`, the statement lists `true`"));
}

TEST_CASE("a Null condition is about presence, not about values") {
  const auto says = [](const std::string& list, const policies::context& values) {
    return why(allow("iot:Connect", "*", R"({"Null":{"iot:Connection.Thing.IsAttached":)" + list + "}}"), "iot:Connect", "client/a", values);
  };
  const std::string start = "the condition Null on `iot:Connection.Thing.IsAttached` is false: it asks for a request ";
  CHECK(has(says(R"("true")", connected("dev1")), start + "without the key, and the request has `true`"));
  CHECK(has(says("true", connected("x9")), start + "without the key, and the request has `false`"));
  CHECK(has(says(R"("false")", {}), start + "with the key, and this one has no such key"));
  CHECK(has(says(R"("false")", {{"iot:Connection.Thing.IsAttached", {}}}), start + "with the key, and this one has an empty list"));
  CHECK(has(says(R"("x")", {}), "the statement lists `x`"));
  CHECK(has(why(allow("iot:Connect", "*", R"({"Null":{"iot:ConnectAttributes":"true"}})"), "iot:Connect", "client/a", {{"iot:ConnectAttributes", {"LastWill"}}}),
            "without the key, and the request has `LastWill`"));
  const policies::policy_document policy = parsed(allow("iot:Connect", "*", R"({"Null":{"iot:ClientId":"true"}})"));
  const policies::verdict answer = policies::evaluate({{"p", &policy}}, {"iot:Connect", arn + "client/a", {{"iot:ClientId", {"a"}}}});
  CHECK(answer.statements.at(0).detail == "the condition Null on `iot:ClientId` is false: it asks for a request without the key, and the request has `a`");
}

TEST_CASE("a wildcard that is data is no pattern, and is shown as the policy spells it") {
  const auto publish = [](const std::string& granted, const std::string& resource, const policies::context& values = {}) {
    return why(allow("iot:Publish", granted), "iot:Publish", resource, values);
  };
  CHECK(has(publish("topic/a${*}", "topic/abc"), "it grants `topic/a${*}`, the request is about `topic/abc`"));
  CHECK_FALSE(has(publish("topic/a${*}", "topic/abc"), "case"));
  CHECK(has(publish("topic/A${?}", "topic/a?"), "it grants `topic/A${?}`, the request is about `topic/a?`: upper and lower case differ"));
  CHECK(has(publish("topic/A*", "topic/abc"), "upper and lower case differ"));
  CHECK_FALSE(has(publish("topic/a/${*}", "topic/a"), "and what follows"));
  CHECK(has(publish("topic/a/${*}", "topic/a"), "which is longer than `topic/a`"));
  CHECK_FALSE(has(publish("topic/${*}/b", "topic/x"), "longer"));
  CHECK(has(publish("topic/*/b", "topic/x"), "it grants `topic/*/b`, which is longer than `topic/x`"));
  const auto head = [](const std::string& region) {
    return why(R"({"Effect":"Allow","Action":"iot:Publish","Resource":"arn:aws:iot:)" + region + R"(:123456789012:topic/a"})", "iot:Publish", "topic/a", {});
  };
  CHECK(has(head("us-${*}"), "it grants the region `us-${*}`, the request is about `us-east-1`"));
  CHECK(has(head("eu-*"), "it grants the region `eu-*`"));
  CHECK(has(publish("topic${*}/x", "topic/x"), "iot:Publish needs `topic/x`"));
  CHECK(has(publish("topic/${iot:ClientId}/x", "topic/abc/x", {{"iot:ClientId", {"a*"}}}), "that is `topic/a${*}/x`, not `topic/abc/x`"));
}

TEST_CASE("in a document without variables an entry and a condition with one are said to be literal text") {
  const std::string note = "; a `${...}` is literal text there, for variables a document needs Version 2012-10-17";
  const auto entry = [](const std::string& granted, const std::string& resource) {
    return why(allow("iot:Publish", granted), "iot:Publish", resource, connected("dev1"), "2008-10-17");
  };
  CHECK(has(entry("topic/${iot:ClientId}/x", "topic/dev1/x"), "it grants `topic/${iot:ClientId}/x`, the request is about `topic/dev1/x`" + note));
  CHECK(has(entry("topic/${iot:ClientId}/x", "topic/other/x"), note));
  CHECK(has(entry("topic/a${*}", "topic/a*"), note));
  CHECK(has(entry("topic/${iot:ClientId}", "topic/${iot:ClientId}/x"), "1 level short of `topic/${iot:ClientId}/x`" + note));
  CHECK_FALSE(has(entry("topic/$aws", "topic/dev1"), note));
  CHECK_FALSE(has(why(allow("iot:Publish", "topic/${iot:ClientId}"), "iot:Publish", "topic/x", connected("dev1")), note));
  const auto with_condition = [](const std::string& test, const std::string& version) {
    return why(allow("iot:Connect", "*", test), "iot:Connect", "client/x", {{"iot:ClientId", {"x"}}, {"k", {"v"}}}, version);
  };
  const std::string by_variable = R"({"StringEquals":{"iot:ClientId":"${k}"}})";
  CHECK(has(with_condition(by_variable, "2008-10-17"), "the statement lists `${k}`" + note));
  CHECK_FALSE(has(with_condition(by_variable, "2012-10-17"), note));
  CHECK_FALSE(has(with_condition(R"({"StringEquals":{"iot:ClientId":"y"}})", "2008-10-17"), note));
  CHECK_FALSE(has(with_condition(R"({"NumericEquals":{"k":"${k}"}})", "2008-10-17"), note));
  const auto unversioned = policies::parse_text(R"({"Statement":)" + allow("iot:Publish", "topic/${iot:ClientId}") + "}");
  REQUIRE(unversioned.value.has_value());
  const policies::request asked{"iot:Publish", arn + "topic/dev1", connected("dev1")};
  CHECK(has(policies::explain({{"p", &*unversioned.value}}, asked, policies::evaluate({{"p", &*unversioned.value}}, asked)).why, note));
  // what variables would have matched is nearer than what resembles
  const auto two = parsed(allow("iot:Publish", "topic/dev2/x") + "," + allow("iot:Publish", "topic/${iot:ClientId}/x"), "2008-10-17");
  const policies::request mine{"iot:Publish", arn + "topic/dev1/x", connected("dev1")};
  const auto got = policies::explain({{"p", &two}}, mine, policies::evaluate({{"p", &two}}, mine));
  CHECK(got.nearest == 1);
  CHECK(got.corrected_resource == arn + "topic/dev1/x");
}

TEST_CASE("without a statement about the action a corrected resource is in the language of the documents") {
  const auto corrected = [](const std::vector<policies::policy_document>& documents) {
    std::vector<policies::named_document> named;
    for (const policies::policy_document& each : documents) named.push_back({"p", &each});
    const policies::request asked{"iot:RetainPublish", arn + "topic/?", {}};
    return policies::explain(named, asked, policies::evaluate(named, asked)).corrected_resource;
  };
  const std::string connect = allow("iot:Connect", "*"), misspelt = allow("iot:PublishRetain", "*");
  const auto old = parsed(connect, "2008-10-17"), current = parsed(connect);
  CHECK(corrected({old}) == arn + "topic/?");
  CHECK(corrected({current}) == arn + "topic/${?}");
  CHECK(corrected({old, current}) == arn + "topic/${?}");
  CHECK(corrected({}) == arn + "topic/${?}");
  CHECK(corrected({current, parsed(misspelt, "2008-10-17")}) == arn + "topic/?");
  CHECK(corrected({old, parsed(misspelt)}) == arn + "topic/${?}");
}

TEST_CASE("a condition whose key is absent says so once") {
  const std::string got = why(allow("iot:Connect", "*", R"({"StringEquals":{"iot:ClientId":"x"}})"), "iot:Connect", "client/a", {});
  CHECK(has(got, "the condition StringEquals on `iot:ClientId` is false: the request has no such key, the statement lists `x`"));
  CHECK_FALSE(has(got, "no value"));
}

TEST_CASE("a condition whose value is a variable without a value says so after the first that fails") {
  const std::string test = R"({"StringEquals":{"iot:ClientId":["dev1","${iot:Connection.Thing.ThingTypeName}"]},"Bool":{"k":"false"}})";
  const std::string got = why(allow("iot:Connect", "*", test), "iot:Connect", "client/x", {{"iot:ClientId", {"x"}}, {"k", {"false"}}});
  CAPTURE(got);
  CHECK(has(got, "`${iot:Connection.Thing.ThingTypeName}` has no value"));
}

TEST_CASE("the older spelling of an action of jobs is named where spellings have to agree") {
  const auto policy = parsed(allow("iot:UpdateJobExecution", "thing/a"));
  const std::vector<policies::named_document> documents{{"p", &policy}};
  const policies::request asked{"iotjobsdata:UpdateJobExecution", arn + "thing/a", {}};
  const auto verdict = policies::evaluate(documents, asked, policies::job_action_names::exact);
  REQUIRE(verdict.answer == policies::decision::implicit_deny);
  CHECK(has(policies::explain(documents, asked, verdict).why, "which is another spelling"));
  const auto excluded = parsed(R"({"Effect":"Allow","NotAction":"iot:UpdateJobExecution","Resource":"*"})");
  const std::vector<policies::named_document> all_but{{"p", &excluded}};
  const auto either = policies::evaluate(all_but, asked, policies::job_action_names::interchangeable);
  CHECK(policies::explain(all_but, asked, either).why ==
        "no statement allows iotjobsdata:UpdateJobExecution; statement 1 of `p` has `iot:UpdateJobExecution` in NotAction, so it allows all but that");
}

TEST_CASE("a verdict about another request is no danger") {
  const auto policy = parsed(allow("iot:Publish", "topic/a", R"({"StringEquals":{"iot:ClientId":"x"}})"));
  const std::vector<policies::named_document> documents{{"p", &policy}};
  const policies::request good{"iot:Publish", arn + "topic/a", {{"iot:ClientId", {"x"}}}}, bad{"iot:Publish", arn + "topic/a", {}};
  const auto denied = policies::evaluate(documents, bad);
  CHECK(policies::explain(documents, good, denied).nearest == 0);
  policies::verdict empty = policies::evaluate({}, good);
  empty.answer = policies::decision::allowed;
  CHECK(policies::explain(documents, good, empty).nearest == policies::explanation::none);
}

TEST_CASE("no entry helps a request whose resource is of a type that the action never has") {
  const auto document = *policies::parse_text(R"({"Version":"2012-10-17","Statement":[)" + allow("iot:Subscribe", "topicfilter/x") + "]}").value;
  const auto corrected = [&](const std::string& action, const std::string& resource) {
    const policies::request asked{action, resource, connected("dev1")};
    const std::vector<policies::named_document> documents{{"p", &document}};
    return policies::explain(documents, asked, policies::evaluate(documents, asked)).corrected_resource;
  };
  CHECK(corrected("iot:Subscribe", arn + "topic/x").empty());
  CHECK(corrected("iot:Subscribe", arn + "topicfilter/y") == arn + "topicfilter/y");
  CHECK(corrected("iot:ListRetainedMessages", "*") == "*");
  CHECK(corrected("greengrass:Discover", arn + "thing/x") == arn + "thing/x");
}
