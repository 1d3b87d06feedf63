// What a claim certificate needs and must not have.

#include <tests/unit/lint/lint_support.hpp>

using namespace test;
using fleetprov::policies::role;

namespace {

const std::vector<std::string> everything_mqtt{"iot:Connect", "iot:Publish", "iot:Subscribe", "iot:Receive"};

/// One Allow of the four MQTT actions; `topics` are granted as topics and as filters.
std::string claim_of(std::vector<std::string> resources, const std::vector<std::string>& topics) {
  resources.emplace_back("client/line-7-*");
  for (const std::string& t : topics)
    for (const std::string type : {"topic/", "topicfilter/"}) resources.push_back(type + t);
  return policy({statement_of("Allow", everything_mqtt, resources)});
}

std::vector<fleetprov::diagnostic> publishing(const std::string& topic, std::string_view template_name = {}) {
  return role_text(policy({statement("Allow", "iot:Publish", "topic/" + topic)}), role::claim, template_name);
}

}  // namespace

TEST_CASE("the template is the one of the topics, not the one of a filter beside them") {
  const auto found = role_text(claim_of({"topicfilter/$aws/provisioning-templates/Old/provision/*"},
                                        {"$aws/certificates/create/*", "$aws/certificates/create-from-csr/*",
                                         "$aws/provisioning-templates/Fleet/provision/*"}),
                               role::claim);
  CHECK(ids(found) == std::vector<std::string>{});
}

TEST_CASE("an empty template name is no template") {
  const auto found = publishing("$aws/provisioning-templates//provision/json");
  std::string message, help;
  for (const auto& d : found)
    if (d.message.find("cannot be registered") != std::string::npos) message = d.message, help = d.help;
  CHECK_THAT(message, ContainsSubstring("topic/$aws/provisioning-templates/template/provision/json"));
  CHECK(help == "name the provisioning template in the resource");
}

TEST_CASE("a filter grants no Publish, whatever the statement's actions") {
  const auto found = role_text(
      policy({statement_of("Allow", everything_mqtt, {"client/line-7-*", "topicfilter/$aws/certificates/*"})}),
      role::claim);
  CHECK(
      says(found, "no certificate can be asked for: iot:Publish on `topic/$aws/certificates/create/json` is missing"));
}

TEST_CASE("a Deny with a condition leaves the grant in place") {
  std::string text = slurp(std::string(FLEETPROV_SOURCE_DIR) + "/policies/claim-both.json");
  const auto with = [&](const std::string& condition) {
    std::string out = text;
    out.insert(out.rfind(']'), "," + statement("Deny", "iot:Publish", "topic/$aws/*", condition));
    return fires(role_text(out, role::claim), "P152");
  };
  CHECK(with(""));
  CHECK_FALSE(with(R"(,"Condition":{"StringEquals":{"iot:DomainName":"a.example.com"}})"));
}

TEST_CASE("one payload format is enough if it is complete") {
  CHECK(ids(role_text(claim_of({}, {"$aws/certificates/create/cbor*", "$aws/certificates/create-from-csr/cbor*",
                                    "$aws/provisioning-templates/Fleet/provision/cbor*"}),
                      role::claim)) == std::vector<std::string>{});
  const auto half =
      role_text(claim_of({}, {"$aws/certificates/create/cbor", "$aws/certificates/create/json/*"}), role::claim);
  CHECK(fires(half, "P152"));
}

TEST_CASE("a topic is part of provisioning if its API has it") {
  struct row {
    std::string topic;
    bool excess, any_template;
  };
  const std::vector<row> rows{
      {"$aws/certificates/create/json", false, false},
      {"$aws/certificates/create-from-csr/json", false, false},
      {"$aws/certificates/create*", false, false},
      {"$aws/certificates/create", true, false},
      {"$aws/certificates/created", true, false},
      {"$aws/certificates/list", true, false},
      {"$aws/certificates/attach*", true, false},
      {"$aws/certificates/*", false, false},
      {"$aws/provisioning-templates/Fleet/provision/json", false, false},
      {"$aws/provisioning-templates/Fleet/other", true, false},
      {"$aws/provisioning-templates/Fleet", true, false},
      {"$aws/provisioning-templates/Fleet*", false, true},
      {"$aws/provisioning-templates/*/other", true, true},
      {"$aws/provisioning-templates/", true, false},
  };
  for (const row& each : rows) {
    CAPTURE(each.topic);
    const auto found = publishing(each.topic);
    CHECK(fires(found, "P155") == each.excess);
    CHECK(fires(found, "P154") == each.any_template);
  }
}

TEST_CASE("part of a template's name leaves several templates, not every one") {
  const auto said = [](const std::string& name) {
    return only(publishing("$aws/provisioning-templates/" + name + "/provision/json"), "P154").message;
  };
  CHECK(said("*") == "allows every provisioning template");
  CHECK(said("Flee?") == "allows several provisioning templates");
  CHECK(said("Fleet-*") == "allows several provisioning templates");
}

TEST_CASE("any client id is said once, and about Connect") {
  CHECK(only(role_text(policy({statement("Allow", "iot:Connect", "*?")}), role::claim), "P151").pointer ==
        "/Statement/0/Resource");
  const auto found = role_text(policy({statement("Allow", "iot:DeleteConnection", "client/*")}), role::claim);
  CHECK_FALSE(fires(found, "P151"));
  CHECK(says(found, "grants more than provisioning: iot:DeleteConnection"));
}

TEST_CASE("another template is said once for an entry, and things are no topics") {
  const std::string other = "allows another template than `Fleet`";
  const auto found = role_text(
      policy({statement_of("Allow", everything_mqtt, {"topic*/$aws/provisioning-templates/Other/provision/json"})}),
      role::claim, "Fleet");
  CHECK(std::count_if(found.begin(), found.end(), [&](const auto& d) { return d.message == other; }) == 1);
  CHECK_FALSE(says(publishing("$aws/provisioning-templates/Fleet/provision/json", "Fleet"), other));
  const auto shadow = role_text(policy({statement("Allow", "iot:GetThingShadow", "thing/a")}), role::claim, "Fleet");
  CHECK(says(shadow, "grants more than provisioning: iot:GetThingShadow"));
  CHECK_FALSE(says(shadow, other));
  for (const std::string name : {"*", "Other"}) {
    const auto odd = role_text(policy({statement("Allow", "iot:GetThingShadow",
                                                 "thing/$aws/provisioning-templates/" + name + "/provision/json")}),
                               role::claim, "Fleet");
    CHECK(says(odd, "grants more than provisioning: iot:GetThingShadow"));
    CHECK_FALSE(says(odd, other));
    CHECK_FALSE(fires(odd, "P154"));
  }
}

TEST_CASE("actions that AWS IoT does not have are too much if they belong to another service") {
  struct row {
    std::string element, action;
    bool found;
  };
  const std::vector<row> rows{
      {"Action", "greengrass:Discover", true}, {"NotAction", "greengrass:Discover", false},
      {"Action", "iot:Nothing", false},        {"Action", "*", false},
      {"Action", "iot:Connect", false},
  };
  for (const row& each : rows) {
    CAPTURE(each.element, each.action);
    const auto found = role_text(raw(R"("Effect":"Allow",")" + each.element + R"(":")" + each.action +
                                     R"(","Resource":")" + arn + "client/line-7-*\""),
                                 role::claim);
    CHECK(says(found, "grants more than provisioning: `" + each.action + "`") == each.found);
  }
}

TEST_CASE("a claim certificate has no thing: what needs one connects nobody") {
  const auto stuck = [](const std::vector<std::string>& statements, role who = role::claim) {
    return fires(role_text(policy(statements), who), who == role::claim ? "P150" : "P160");
  };
  const std::string attached = R"(,"Condition":{"Bool":{"iot:Connection.Thing.IsAttached":"true"}})";
  const std::string own = "client/${iot:Connection.Thing.ThingName}";
  CHECK(stuck({statement("Allow", "iot:Connect", own)}));
  CHECK_FALSE(stuck({statement("Allow", "iot:Connect", own)}, role::device));
  CHECK(stuck({statement("Allow", "iot:Connect", "client/claim-*", attached)}));
  CHECK_FALSE(stuck({statement("Allow", "iot:Connect", "client/claim-*", attached)}, role::device));
  for (const role who : {role::claim, role::device}) {
    CHECK(stuck({statement("Allow", "iot:Connect", "client/${iot:Thing.ThingName}")}, who));
    CHECK(stuck({statement("Allow", "iot:Connect", "client/a-${iot:ClientId}")}, who));
    CHECK(stuck({statement_of("Allow", {"iot:Connect", "iot:Publish"}, {"topic/a"})}, who));
    CHECK(stuck({statement("Allow", "iot:Connect", "client/a-*"), statement("Deny", "iot:Connect", "client/*")}, who));
    CHECK_FALSE(stuck({statement("Allow", "iot:Connect", "client/a-*"), statement("Deny", "iot:Connect", "client/a-1")}, who));
    CHECK_FALSE(stuck({statement("Allow", "iot:Connect", "client/a-*"),
                       statement("Deny", "iot:Connect", "client/*", R"(,"Condition":{"StringEquals":{"iot:DomainName":"d"}})")}, who));
    CHECK_FALSE(stuck({statement_of("Allow", {"iot:Connect"}, {"topic/a", "client/${iot:ClientId}"})}, who));
    CHECK_FALSE(stuck({R"({"Effect":"Allow","Action":"iot:Connect","NotResource":")" + arn + "client/a\"}"}, who));
  }
}

TEST_CASE("advice about attached things is not for claim certificates") {
  using fleetprov::policies::find_rule;
  using fleetprov::policies::suits;
  CHECK(suits(*find_rule("P087"), role::device));
  CHECK_FALSE(suits(*find_rule("P087"), role::claim));
  CHECK(suits(*find_rule("P055"), role::claim));
}

TEST_CASE("below $aws/certificates there are only the two operations of provisioning") {
  const auto excess = [](const std::string& topic) { return fires(publishing(topic), "P155"); };
  CHECK_FALSE(excess("$aws/certificates/*"));
  CHECK_FALSE(excess("$aws/certificates/create*"));
  CHECK_FALSE(excess("$aws/certificates/create/json"));
  CHECK(excess("$aws/certificates/other"));
  CHECK(excess("$aws/*"));
}

TEST_CASE("any client id is said where nothing limits the ids of a certificate without a thing") {
  struct row {
    std::string condition;
    bool is_any, is_stuck;
  };
  const auto of = [](const std::string& block) { return ",\"Condition\":" + block; };
  const std::vector<row> rows{
      {"", true, false},
      {of(R"({"Bool":{"iot:Connection.Thing.IsAttached":"true"}})"), false, true},
      {of(R"({"StringEquals":{"iot:Connection.Thing.ThingTypeName":"lamp"}})"), false, true},
      {of(R"({"StringEquals":{"iot:ClientId":"prov-1"}})"), false, false},
      {of(R"({"StringEquals":{"iot:ClientId":["prov-1","${iot:CertificateId}"]}})"), false, false},
      {of(R"({"StringEqualsIfExists":{"iot:clientid":"prov-1"}})"), false, false},
      {of(R"({"StringLike":{"iot:ClientId":"prov-*"}})"), false, false},
      {of(R"({"StringEquals":{"iot:ClientId":[]}})"), false, true},  // it never holds
      {of(R"({"StringEquals":{"iot:ClientId":"${iot:Connection.Thing.ThingName}"}})"), false, true},
      {of(R"({"StringLike":{"iot:ClientId":["prov-*","*"]}})"), true, false},
      {of(R"({"StringLike":{"iot:ClientId":"?*"}})"), true, false},
      {of(R"({"StringEquals":{"iot:ClientId":"${iot:ClientId}"}})"), true, false},
      {of(R"({"StringNotEquals":{"iot:ClientId":"prov-1"}})"), true, false},
      {of(R"({"StringEquals":{"iot:DomainName":"d"}})"), true, false},
  };
  for (const row& each : rows) {
    CAPTURE(each.condition);
    const auto found = role_text(policy({statement("Allow", "iot:Connect", "client/*", each.condition)}), role::claim);
    CHECK(fires(found, "P151") == each.is_any);
    CHECK(fires(found, "P150") == each.is_stuck);
  }
}

TEST_CASE("a Deny that the certificate cannot avoid limits its client ids") {
  struct row {
    std::string deny;
    bool is_any, is_stuck;
  };
  const auto of = [](const std::string& element, const std::string& resource, const std::string& block = "") {
    return R"({"Effect":"Deny","Action":"iot:Connect",")" + element + R"(":")" + arn + resource + "\"" +
           (block.empty() ? "" : ",\"Condition\":" + block) + "}";
  };
  const std::string unattached = R"({"Bool":{"iot:Connection.Thing.IsAttached":"false"}})";
  const std::vector<row> rows{
      {of("Resource", "client/*"), false, true},
      {of("Resource", "client/*", unattached), false, true},
      {of("Resource", "client/${iot:ClientId}", unattached), false, true},
      {of("Resource", "client/thing-*", unattached), true, false},
      {of("Resource", "client/${iot:Connection.Thing.ThingName}"), true, false},
      {of("Resource", "client/*", R"({"StringNotEquals":{"iot:ClientId":"prov-1"}})"), false, false},
      {of("Resource", "client/*", R"({"StringNotLike":{"iot:ClientId":"prov-*"}})"), false, false},
      {of("Resource", "client/*", R"({"StringNotLike":{"iot:ClientId":"*"}})"), true, false},
      {of("Resource", "client/*", R"({"StringNotEquals":{"iot:ClientId":[]}})"), true, false},
      {of("Resource", "client/*", R"({"StringNotEquals":{"iot:DomainName":"d"}})"), true, false},
      {of("Resource", "client/*", R"({"StringNotEquals":{"iot:ClientId":"${iot:Connection.Thing.ThingName}"}})"), false, true},
      {of("NotResource", "client/prov-*"), false, false},
      {of("NotResource", "client/prov-1", unattached), false, false},
      {of("NotResource", "client/*"), true, false},
      {of("NotResource", "client/${iot:ClientId}"), true, false},
      {of("NotResource", "client/${iot:Connection.Thing.ThingName}"), false, true},
      {of("NotResource", "topic/a"), false, true},
  };
  for (const row& each : rows) {
    CAPTURE(each.deny);
    const auto found = role_text(policy({statement("Allow", "iot:Connect", "client/*"), each.deny}), role::claim);
    CHECK(fires(found, "P151") == each.is_any);
    CHECK(fires(found, "P150") == each.is_stuck);
  }
}

TEST_CASE("what needs a thing is not granted to a claim certificate, and what denies without one is denied") {
  const std::string text = slurp(std::string(FLEETPROV_SOURCE_DIR) + "/policies/claim-both.json");
  const auto lacks = [&](const std::string& more) {
    std::string out = text;
    out.insert(out.rfind(']'), "," + more);
    return fires(role_text(out, role::claim), "P152");
  };
  for (const auto& [block, denies] : std::vector<std::pair<std::string, bool>>
       {{R"("Bool":{"iot:Connection.Thing.IsAttached":"false"})", true},
        {R"("Null":{"iot:Connection.Thing.ThingName":"true"})", true},
        {R"("StringNotEquals":{"iot:ClientId":"${iot:Connection.Thing.ThingName}"})", true},
        {R"("Bool":{"iot:Connection.Thing.IsAttached":"true"})", false},
        {R"("Bool":{"iot:Connection.Thing.IsAttached":"false"},"StringEquals":{"iot:DomainName":"d"})", false}}) {
    CAPTURE(block);
    CHECK(lacks(statement("Deny", "iot:Publish", "topic/$aws/*", ",\"Condition\":{" + block + "}")) == denies);
  }
  const auto granted_under = [](const std::string& block) {
    const std::string condition = block.empty() ? "" : ",\"Condition\":{" + block + "}";
    std::vector<std::string> topics, filters;
    for (const std::string below : {"certificates/create/*", "certificates/create-from-csr/*", "provisioning-templates/T/provision/*"}) {
      topics.push_back("topic/$aws/" + below);
      filters.push_back("topicfilter/$aws/" + below);
    }
    return role_text(policy({statement("Allow", "iot:Connect", "client/line-7-*"), statement_of("Allow", {"iot:Publish", "iot:Receive"}, topics, condition),
                             statement_of("Allow", {"iot:Subscribe"}, filters)}),
                     role::claim);
  };
  CHECK(ids(granted_under("")).empty());
  CHECK(ids(granted_under(R"("Bool":{"iot:Connection.Thing.IsAttached":"false"})")).empty());
  CHECK(ids(granted_under(R"("StringEquals":{"iot:DomainName":"d"})")).empty());
  CHECK(fires(granted_under(R"("Bool":{"iot:Connection.Thing.IsAttached":"true"})"), "P152"));
  CHECK(fires(granted_under(R"("StringEquals":{"iot:Connection.Thing.ThingTypeName":"lamp"})"), "P152"));
}
