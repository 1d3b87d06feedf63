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

TEST_CASE("a Deny with NotResource takes back, covers and lets through what its list leaves") {
  const std::string but_b = R"({"Effect":"Deny","Action":"iot:*","NotResource":")" + arn + R"(topic/b/*"})";
  CHECK(fires(lint_text(policy({statement("Allow", "iot:Publish", "topic/a/x"), but_b})), "P080"));
  CHECK_FALSE(fires(lint_text(policy({statement("Allow", "iot:Publish", "topic/b/x"), but_b})), "P080"));
  // The claim role: what it takes away is missing.
  const std::string text = slurp(std::string(FLEETPROV_SOURCE_DIR) + "/policies/claim-both.json");
  std::string denied = text;
  const std::size_t at = denied.rfind(']');
  denied.insert(at, "," + but_b);
  CHECK(fires(role_text(denied, role::claim), "P152"));
  CHECK(fires(role_text(text.substr(0, text.rfind(']')) + "," + statement("Deny", "iot:Publish", "topic/$aws/certificates/*") + "]}", role::claim), "P152"));
  // Around a Deny of Subscribe: Receive is denied for all but these topics, so a filter brings in no more.
  const auto around = lint_text(policy({statement("Allow", "iot:Subscribe", "topicfilter/building/*"),
                                        statement("Deny", "iot:Subscribe", "topicfilter/building/control_room/*"),
                                        statement("Allow", "iot:Receive", "topic/building/*"),
                                        R"({"Effect":"Deny","Action":"iot:Receive","NotResource":")" + arn + R"(topic/building/lobby/*"})"}));
  CHECK_FALSE(fires(around, "P059"));
}

TEST_CASE("NotResource in an Allow is too much for a claim and for a device") {
  const auto all_but = [](const std::string& action) {
    return raw(R"("Effect":"Allow","Action":")" + action + R"(","NotResource":")" + arn + R"(topic/a")");
  };
  CHECK(fires(role_text(all_but("iot:Publish"), role::claim), "P155"));
  CHECK(fires(role_text(all_but("iot:Connect"), role::device), "P161"));
  CHECK(fires(role_text(all_but("iot:Publish"), role::device), "P163"));
  CHECK_FALSE(fires(role_text(all_but("iot:Receive"), role::device), "P163"));
  CHECK_FALSE(fires(role_text(all_but("iot:Receive"), role::device), "P161"));
}

TEST_CASE("a claim policy with actions of other services or without a resource grants too much") {
  CHECK(fires(role_text(policy({statement("Allow", "greengrass:Discover", "*")}), role::claim), "P155"));
  CHECK(fires(role_text(policy({statement("Allow", "iot:ListRetainedMessages", "*")}), role::claim), "P155"));
  CHECK_FALSE(fires(role_text(policy({statement("Deny", "iot:ListRetainedMessages", "*")}), role::claim), "P155"));
  CHECK_FALSE(fires(role_text(policy({statement("Allow", "iot:Publish", "topic/$aws/certificates/create*")}), role::claim), "P155"));
}

TEST_CASE("a device's own client id without IsAttached, other things and other devices' shadows are found") {
  const std::string thing = "${iot:Connection.Thing.ThingName}";
  CHECK(fires(role_text(policy({statement("Allow", "iot:Connect", "client/" + thing)}), role::device), "P162"));
  CHECK(fires(role_text(policy({statement("Allow", "iot:Connect", "client/fixed")}), role::device), "P162"));
  CHECK(fires(role_text(policy({statement("Allow", "iot:Subscribe", "topicfilter/*")}), role::device), "P164"));
  CHECK(fires(role_text(policy({statement("Allow", "iot:GetThingShadow", "thing/other")}), role::device), "P164"));
  CHECK_FALSE(fires(role_text(policy({statement("Allow", "iot:GetThingShadow", "thing/${iot:ClientId}")}), role::device), "P164"));
  CHECK_FALSE(fires(role_text(policy({statement("Allow", "iot:GetThingShadow", "thing/${iot:CertificateId}")}), role::device), "P164"));
}

TEST_CASE("a statement is covered only by one with the same conditions and with its actions of other services") {
  const auto with = [](const std::string& condition) { return statement("Allow", "iot:Publish", "topic/a", ",\"Condition\":" + condition); };
  const std::string one = R"({"StringEquals":{"iot:ClientId":["a","b"]}})";
  const auto covered = [](const std::vector<std::string>& all) { return fires(lint_text(policy(all)), "P078"); };
  CHECK(covered({with(one), with(one)}));
  CHECK(covered({with(one), statement("Allow", "iot:Publish", "topic/a")}));
  CHECK_FALSE(covered({with(one), with(R"({"StringEquals":{"iot:ClientId":["a","c"]}})")}));
  CHECK_FALSE(covered({with(one), with(R"({"StringEquals":{"iot:ClientId":["a"]}})")}));
  CHECK_FALSE(covered({with(one), with(R"({"StringLike":{"iot:ClientId":["a","b"]}})")}));
  CHECK_FALSE(covered({with(one), with(R"({"StringEquals":{"iot:ClientId":["a","b"],"iot:DomainName":"x"}})")}));
  const auto both = [](const std::string& a, const std::string& b) {
    return policy({R"({"Effect":"Allow","Action":[)" + a + R"(],"Resource":"*"})", R"({"Effect":"Allow","Action":[)" + b + R"(],"Resource":"*"})"});
  };
  CHECK(fires(lint_text(both(R"("iot:Connect","greengrass:Discover")", R"("iot:Connect")")), "P078"));
  CHECK(fires(lint_text(both(R"("iot:Connect","greengrass:Discover")", R"("iot:*","greengrass:Discover")")), "P078"));
  CHECK_FALSE(fires(lint_text(both(R"("iot:Connect","greengrass:Discover")", R"("iot:*","greengrass:Other")")), "P078"));
}

TEST_CASE("a Deny of an action without a resource bites where that action is allowed") {
  const std::string deny = statement("Deny", "iot:ListRetainedMessages", "*");
  CHECK_FALSE(fires(lint_text(policy({statement("Allow", "iot:ListRetainedMessages", "*"), deny})), "P079"));
  CHECK(fires(lint_text(policy({statement("Allow", "iot:Publish", "topic/a"), statement("Deny", "iot:Publish", "topic/b")})), "P079"));
}

TEST_CASE("condition keys of other kinds get their own operator named") {
  const auto help = [](const std::string& condition) {
    const auto found = lint_text(policy({statement("Allow", "iot:Connect", "*", ",\"Condition\":" + condition)}));
    for (const auto& d : found)
      if (d.broken->id == "P106") return d.help;
    return std::string();
  };
  CHECK(help(R"({"NumericEquals":{"iot:Connection.Thing.IsAttached":"1"}})") == "use Bool");
  CHECK(help(R"({"StringEquals":{"aws:CurrentTime":"1"}})") == "use a Date operator");
  CHECK(help(R"({"StringEquals":{"aws:SourceIp":"1.2.3.4"}})") == "use IpAddress or NotIpAddress");
  CHECK(help(R"({"NumericEquals":{"iot:ClientId":"1"}})") == "use a String operator");
  CHECK(help(R"({"Bool":{"iot:Connection.Thing.IsAttached":"true"}})").empty());
}

TEST_CASE("keys of a certificate are known by their part, index and list") {
  const auto unknown = [](const std::string& key) {
    return fires(lint_text(policy({statement("Allow", "iot:Connect", "*", R"(,"Condition":{"ForAnyValue:StringEquals":{")" + key + R"(":"x"}})")})), "P093");
  };
  CHECK_FALSE(unknown("iot:Certificate.AvailableKeys"));
  CHECK_FALSE(unknown("iot:Certificate.SerialNumber"));
  CHECK_FALSE(unknown("iot:Certificate.Subject.CommonName.List"));
  CHECK_FALSE(unknown("iot:Certificate.Issuer.AlternativeName.DNSName.0"));
  CHECK(unknown("iot:Certificate.Issuer.AlternativeName.Country"));
  CHECK(unknown("iot:Certificate.Subject.Nickname"));
  CHECK(unknown("iot:Certificate.Subject.CommonName.10"));
  CHECK(unknown("iot:Certificate.Owner.CommonName"));
  const auto d = only(lint_text(policy({statement("Allow", "iot:Connect", "*", R"(,"Condition":{"Bool":{"iot:Thing.IsAttached":"true"}})")})), "P093");
  CHECK(d.help == "did you mean `iot:Connection.Thing.IsAttached`?");
}

TEST_CASE("a key of CONNECT in a statement about more, partitions that differ and reserved filters that nobody may have") {
  CHECK(fires(lint_text(raw(R"("Effect":"Allow","Action":["iot:Connect","iot:Publish"],"Resource":"*","Condition":{"ForAnyValue:StringEquals":{"iot:ConnectAttributes":"LastWill"}})")), "P095"));
  CHECK(fires(lint_text(raw(R"("Effect":"Allow","Action":"iot:Publish","Resource":["arn:aws:iot:*:123456789012:topic/a","arn:aws-cn:iot:*:123456789012:topic/a"])")), "P073"));
  CHECK(fires(lint_text(raw(R"("Effect":"Allow","Action":"iot:Publish","Resource":"arn:aws:io*:us-east-1:123456789012:topic/a")")), "P054"));
  CHECK(fires(lint_text(policy({statement("Allow", "iot:Subscribe", "topicfilter/$aws/nothing/of/this")})), "P089"));
}

TEST_CASE("long and odd texts of a document are cut between characters and stay on one line") {
  std::string name;
  for (int i = 0; i < 100; ++i) name += "\xC3\xA9";
  const auto found = lint_text(policy({statement("Allow", "iot:Publish", "topic/x" + name), statement("Allow", "iot:Publish", "topic/x" + name)}));
  std::string text;
  for (const auto& d : lint_text(policy({statement("Allow", "iot:Connect", "*", R"(,"Condition":{"StringEquals":{"iot:)" + name + R"(":"x"}})")})))
    if (d.broken->id == "P093") text = d.message;
  CHECK_THAT(text, ContainsSubstring("\xC3\xA9...`"));
  CHECK(fleetprov::is_valid_utf8(text));
  CHECK_FALSE(found.empty());
}

TEST_CASE("a filter with `+` gets around a Deny where the broader ones are denied") {
  const auto lint = [](const std::vector<std::string>& denied) {
    std::vector<std::string> all{statement("Allow", "iot:Subscribe", "topicfilter/a/*/c"), statement("Allow", "iot:Receive", "topic/*")};
    for (const std::string& d : denied) all.push_back(statement("Deny", "iot:Subscribe", "topicfilter/" + d));
    return lint_text(policy(all));
  };
  CHECK_THAT(only(lint({"a/secret/c"}), "P059").message, ContainsSubstring("`a/+/c`"));
  CHECK_FALSE(fires(lint({"a/secret/c", "a/+*"}), "P059"));
  CHECK(fires(lint({"a/secret/c", "a/+/c"}), "P059"));  // `a/+/+/c`, and each of the topics that the second Deny means
}
