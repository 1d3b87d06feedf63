// Policy variables in resources.

#include <tests/unit/lint/lint_support.hpp>

using namespace test;

namespace {

std::vector<fleetprov::diagnostic> of(const std::string& effect, const std::string& element,
                                      const std::string& resource) {
  return lint_text(
      raw(R"("Effect":")" + effect + R"(","Action":"iot:Publish",")" + element + R"(":")" + arn + resource + "\""));
}

}  // namespace

TEST_CASE("a variable that no device request has: what was meant, or where it works") {
  const std::string elsewhere = "it works in policies of Cognito identities or IAM roles";
  const std::vector<std::pair<std::string, std::string>> rows{
      {"${iot:Thing.ThingName}", "did you mean `${iot:Connection.Thing.ThingName}`?"},
      {"${cognito-identity.amazonaws.com:sub}", elsewhere},
      {"${credentials-iot:ThingTypeName}", elsewhere},
      {"${aws:username}", elsewhere},
      {"${aws:userid}", ""},
      {"${iot:Nothing}", ""},
      {"${iot:ClientID2}", "did you mean `${iot:ClientId}`?"},
      {"${iot:Connection.Thing.ThingNam}", "did you mean `${iot:Connection.Thing.ThingName}`?"},
      {"${iot:Certificate.Issuer.AlternativeName.DNSNames}", "did you mean `${iot:Certificate.Issuer.AlternativeName.DNSName}`?"},
      {"${iot:Certificate.SerialNumbr}", "did you mean `${iot:Certificate.SerialNumber}`?"},
      {"${iot:Connection.Thing.Attribute[x]}", "did you mean `${iot:Connection.Thing.Attributes[x]}`?"},
      {"${iot:Connection.Thing.Attributes['x y']}", "-"},
      {"${iot:Connection.Thing.Attributes['x']}", "did you mean `${iot:Connection.Thing.Attributes[x]}`?"},
      {"${iot:Connection.Thing.Attributes[]}", ""},
      {"${iot:Something.Else[x]}", ""},
      {"${!iot:ClientId}", "`!` belongs to Fn::Sub of a template: write `${iot:ClientId}`"},
      {"${iot:ClientId}", "-"},
      // Left to other rules: a placeholder, and variables that the parser found broken.
      {"${AWS::StackName}", "-"},
      {"${}", "-"},
      {"${iot: Nothing}", "-"},
      {"${iot:Nothing", "-"},
  };
  for (const auto& [variable, help] : rows) {
    CAPTURE(variable);
    CHECK(help_of(of("Allow", "Resource", "topic/a/" + variable), "P064") == help);
  }
  CHECK(fires(of("Allow", "Resource", "topic/a/${AWS::StackName}"), "P070"));
}

TEST_CASE("an absent variable opens a Deny and an Allow with NotResource, unless it has a default value") {
  struct row {
    std::string effect, element, variable;
    bool in_deny, in_not_resource;
  };
  const std::vector<row> rows{
      {"Deny", "Resource", "${iot:ClientId}", true, false},
      {"Deny", "Resource", "${iot:ClientId, 'x'}", false, false},
      {"Deny", "NotResource", "${iot:ClientId}", false, false},
      {"Allow", "NotResource", "${iot:ClientId}", false, true},
      {"Allow", "NotResource", "${iot:ClientId, 'x'}", false, false},
      {"Allow", "Resource", "${iot:ClientId}", false, false},
  };
  for (const row& each : rows) {
    CAPTURE(each.effect, each.element, each.variable);
    const auto found = of(each.effect, each.element, "topic/" + each.variable);
    CHECK(fires(found, "P065") == each.in_deny);
    CHECK(fires(found, "P066") == each.in_not_resource);
    CHECK(fires(found, "P114") == (each.variable.find('\'') != std::string::npos));
  }
}

TEST_CASE("a thing attribute in an allowed filter may hold MQTT wildcards") {
  const std::string site = "${iot:Connection.Thing.Attributes[site]}";
  CHECK(fires(of("Allow", "Resource", "topicfilter/" + site), "P117"));
  CHECK_FALSE(fires(of("Deny", "Resource", "topicfilter/" + site), "P117"));
  CHECK_FALSE(fires(of("Allow", "Resource", "topic/" + site), "P117"));
  CHECK_FALSE(fires(of("Allow", "Resource", "topicfilte?/" + site), "P117"));
  CHECK_FALSE(fires(of("Allow", "Resource", "topicfilter/${iot:ClientId}"), "P117"));
}

TEST_CASE("variables and wildcards side by side read as one run") {
  const auto document =
      parse_policy(policy({statement("Allow", "iot:Publish", "topic/*${iot:ClientId}${iot:DomainName}*")}));
  const fleetprov::policies::detail::document_view view(document);
  const auto& names = view.statements()[0].resources[0].names;
  REQUIRE(names.size() == 1);
  CHECK(names[0].text.size() == 4);
  CHECK(names[0].wide == view.everything());
}

TEST_CASE("a variable in a condition value is looked at like one in a resource") {
  const auto found = [](const std::string& value, const std::string& action = "iot:Connect") {
    return ids(lint_text(policy({statement("Allow", action, action == "iot:Connect" ? "client/x" : "thing/x",
                                           R"(,"Condition":{"StringEquals":{"iot:ClientId":")" + value + "\"}}")})));
  };
  const auto has = [](const std::vector<std::string>& all, const std::string& id) {
    return std::find(all.begin(), all.end(), id) != all.end();
  };
  CHECK(has(found("${iot:Thing.ThingName}"), "P064"));
  CHECK(has(found("${iot:CertificateId, 'a'}"), "P114"));
  CHECK(has(found("${iot:Certificate.Subject.CommonName.List}"), "P115"));
  CHECK(has(found("${iot:Connection.Thing.ThingName}", "iot:GetThingShadow"), "P067"));
  CHECK(found("${iot:Connection.Thing.ThingName}").empty());
  CHECK_FALSE(has(found("${aws:SourceIp}"), "P116"));
  CHECK_FALSE(has(found("${iot:ConnectAttributes}"), "P116"));
}

TEST_CASE("a key of several values that is meant for Condition is told once in a resource") {
  const auto found = ids(lint_text(policy({statement("Allow", "iot:Connect", "client/${iot:ConnectAttributes}")})));
  CHECK(std::count(found.begin(), found.end(), "P115") == 1);
  CHECK(std::count(found.begin(), found.end(), "P116") == 0);
}

TEST_CASE("a thing's key in a condition of an action over HTTPS has no value") {
  const auto found = [](const std::string& action, const std::string& condition) {
    return fires(lint_text(raw(R"("Effect":"Allow","Action":)" + action + R"(,"Resource":"*","Condition":)" + condition)), "P067");
  };
  const std::string attached = R"({"Bool":{"iot:Connection.Thing.IsAttached":"true"}})";
  CHECK(found(R"("iot:GetThingShadow")", attached));
  CHECK(found(R"(["iot:Connect","iotjobsdata:UpdateJobExecution"])", attached));
  CHECK_FALSE(found(R"(["iot:Connect","iot:Publish"])", attached));
  CHECK_FALSE(found(R"("iot:*")", attached));
  CHECK_FALSE(found(R"("iot:GetThingShadow")", R"({"BoolIfExists":{"iot:Connection.Thing.IsAttached":"true"}})"));
  CHECK_FALSE(found(R"("iot:GetThingShadow")", R"({"Null":{"iot:Connection.Thing.IsAttached":"true"}})"));
  CHECK_FALSE(found(R"("iot:GetThingShadow")", R"({"StringNotEquals":{"iot:Connection.Thing.ThingName":"a"}})"));
}

TEST_CASE("of a certificate's attribute five values are kept, so the sixth index is unknown") {
  CHECK_FALSE(fires(of("Allow", "Resource", "topic/${iot:Certificate.Subject.CommonName.4}"), "P064"));
  CHECK(fires(of("Allow", "Resource", "topic/${iot:Certificate.Subject.CommonName.5}"), "P064"));
}

TEST_CASE("Terraform's doubled dollar is told") {
  CHECK(fires(of("Allow", "Resource", "topic/a/$${iot:ClientId}"), "P121"));
  CHECK_FALSE(fires(of("Allow", "Resource", "topic/a$/${iot:ClientId}"), "P121"));
}
