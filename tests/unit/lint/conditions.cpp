// Condition blocks: keys, operators and values.

#include <tests/unit/lint/lint_support.hpp>

using namespace test;

namespace {

std::vector<fleetprov::diagnostic> of(const std::string& block, const std::string& effect = "Allow",
                                      const std::string& action = "iot:Connect") {
  return lint_text(policy({statement(effect, action, "*", ",\"Condition\":" + block)}));
}

std::string test_of(const std::string& operation, const std::string& key, const std::string& value) {
  return "{\"" + operation + "\":{\"" + key + "\":\"" + value + "\"}}";
}

}  // namespace

TEST_CASE("a condition key that is nearly right gets the right one named") {
  const std::string name = "did you mean `iot:Connection.Thing.ThingName`?",
                    type = "did you mean `iot:Connection.Thing.ThingTypeName`?",
                    client = "did you mean `iot:ClientId`?",
                    attached = "did you mean `iot:Connection.Thing.IsAttached`?";
  struct row {
    std::string key, id, help;
  };
  const std::vector<row> rows{
      {"iot:Thing.ThingName", "P093", name},
      {"iot:ThingName", "P093", name},
      {"credentials-iot:ThingName", "P093", name},
      {"iot:Connection.ThingName", "P093", name},
      {"thingName", "P094", name},
      {"iot:Thing.ThingTypeName", "P093", type},
      {"iot:Connection.Thing.ThingType", "P093", type},
      {"iot:Thing.Type", "P093", type},
      {"ClientId", "P094", client},
      {"iot:Connection.ClientId", "P093", client},
      {"iot:IsAttached", "P093", attached},
      {"iot:Thing.IsAttached", "P093", attached},
      {"DomainName", "P094", "the form is service:Key"},
      {"iot:Nothing", "P093", ""},
  };
  for (const row& each : rows) {
    CAPTURE(each.key);
    const auto found = of(test_of("StringEquals", each.key, "a"));
    CHECK(only(found, each.id).help == each.help);
    CHECK_FALSE(fires(found, each.id == "P093" ? "P094" : "P093"));
  }
}

TEST_CASE("a certificate value has one of five indexes, an attribute its name in brackets") {
  for (const std::string known : {"iot:Certificate.Subject.CommonName.0", "iot:Certificate.Subject.CommonName.4",
                                  "iot:certificate.subject.commonname", "iot:Connection.Thing.Attributes[a]"}) {
    CAPTURE(known);
    CHECK_FALSE(fires(of(test_of("StringEquals", known, "a")), "P093"));
  }
  for (const std::string unknown : {"iot:Certificate.Subject.CommonName./", "iot:Certificate.Subject.CommonName.:",
                                    "iot:Certificate.Subject.CommonName.x", "iot:Certificate.Subject.CommonName.5", "iot:Certificate.Subject.CommonName.",
                                    "iot:Connection.Thing.Attributes[]", "iot:Connection.Thing.Attributes[",
                                    "iot:Connection.Thing.Attributes[a", "iot:Connection.Thing.Attributes[site"}) {
    CAPTURE(unknown);
    CHECK(fires(of(test_of("StringEquals", unknown, "a")), "P093"));
  }
}

TEST_CASE("a key of CONNECT requests is asked of the actions that AWS IoT has") {
  const std::string will = test_of("ArnEquals", "iot:LastWillTopic", arn + "topic/a");
  CHECK(fires(of(will, "Allow", "iot:Publish"), "P095"));
  CHECK_FALSE(fires(of(will, "Allow", "iot:Connect"), "P095"));
  CHECK_FALSE(fires(of(will, "Allow", "greengrass:Discover"), "P095"));
}

TEST_CASE("ForAllValues needs a guard in an Allow that asks for a value") {
  const std::string last_will = R"("ForAllValues:StringEquals":{"iot:ConnectAttributes":"LastWill"})";
  struct row {
    std::string effect, block;
    bool found;
  };
  const std::vector<row> rows{
      {"Allow", "{" + last_will + "}", true},
      {"Deny", "{" + last_will + "}", false},
      {"Allow", R"({"ForAllValues:StringNotEquals":{"iot:ConnectAttributes":"LastWill"}})", false},
      {"Allow", R"({"ForAllValues:StringEquals":{"iot:ConnectAttributes":[]}})", false},
      {"Allow", "{" + last_will + R"(,"Null":{"iot:connectattributes":"false"}})", false},
      {"Allow", "{" + last_will + R"(,"Null":{"iot:ConnectAttributes":"true"}})", true},
      {"Allow", "{" + last_will + R"(,"Null":{"iot:ClientId":"false"}})", true},
      {"Allow", "{" + last_will + R"(,"Null":{"iot:ConnectAttributes":["false","true"]}})", true},
      {"Allow", "{" + last_will + R"(,"ForAnyValue:StringLike":{"iot:ConnectAttributes":"*"}})", true},
  };
  for (const row& each : rows) {
    CAPTURE(each.effect, each.block);
    CHECK(fires(of(each.block, each.effect), "P099") == each.found);
  }
}

TEST_CASE("every kind of key takes its own operators") {
  struct row {
    std::string operation, key;
    bool fits;
  };
  const std::vector<row> rows{
      {"StringEquals", "iot:ClientId", true},
      {"BinaryEquals", "iot:ClientId", true},
      {"ArnLike", "iot:ClientId", true},
      {"Bool", "iot:ClientId", false},
      {"Bool", "iot:Connection.Thing.IsAttached", true},
      {"StringEquals", "iot:Connection.Thing.IsAttached", true},
      {"ArnLike", "iot:Connection.Thing.IsAttached", false},
      {"ArnLike", "iot:LastWillTopic", true},
      {"StringLike", "iot:LastWillTopic", true},
      {"Bool", "iot:LastWillTopic", false},
      {"IpAddress", "aws:SourceIp", true},
      {"ArnLike", "aws:SourceIp", false},
      {"NumericLessThan", "aws:EpochTime", true},
      {"DateLessThan", "aws:EpochTime", true},
      {"Bool", "aws:EpochTime", false},
  };
  for (const row& each : rows) {
    CAPTURE(each.operation, each.key);
    CHECK(fires(of(test_of(each.operation, each.key, "x")), "P106") == !each.fits);
  }
}

TEST_CASE("a value that its operator cannot mean is found") {
  struct row {
    std::string id, operation, key, value;
    bool found;
  };
  const std::vector<row> rows{
      {"P100", "StringEquals", "iot:ClientId", "*", true},
      {"P100", "StringEquals", "iot:ClientId", "?", true},
      {"P100", "StringEquals", "iot:ClientId", "sensor-*", true},
      {"P100", "StringEqualsIgnoreCase", "iot:ClientId", "sensor-?", true},
      {"P100", "StringEquals", "iot:ClientId", "${*}", false},
      {"P100", "StringEqualsIgnoreCase", "iot:ClientId", "a${?}b", false},
      {"P100", "StringEquals", "iot:ClientId", "${*}*", true},
      {"P100", "StringLike", "iot:ClientId", "sensor-*", false},
      {"P105", "ArnLike", "iot:LastWillTopic", "topic/a", true},
      {"P105", "ArnLike", "iot:LastWillTopic", arn + "topic/a", false},
      {"P105", "ArnLike", "iot:LastWillTopic", "*", false},
      {"P105", "ArnLike", "iot:LastWillTopic", "**", true},
      {"P105", "ArnLike", "iot:LastWillTopic", "${iot:DomainName}", false},
      {"P110", "StringEquals", "aws:SourceVpc", "vpc-12345678", false},
      {"P110", "StringEquals", "aws:SourceVpc", "vpc-0123456789abcdef0", false},
      {"P110", "StringEquals", "aws:SourceVpc", "vpc-123", true},
      {"P110", "StringEquals", "aws:SourceVpc", "vpc-1234567g", true},
      {"P110", "StringEquals", "aws:SourceVpc", "vpce-12345678", true},
      {"P110", "StringLike", "aws:SourceVpc", "vpc-1*", false},
      {"P110", "Null", "aws:SourceVpc", "true", false},
      {"P110", "StringEquals", "aws:SourceVpce", "vpce-12345678", false},
      {"P110", "StringEquals", "aws:SourceVpce", "vpc-12345678", true},
      {"P110", "StringEquals", "iot:ClientId", "vpc-123", false},
  };
  for (const row& each : rows) {
    CAPTURE(each.id, each.operation, each.key, each.value);
    CHECK(fires(of(test_of(each.operation, each.key, each.value)), each.id) == each.found);
  }
  CHECK(says(of(test_of("StringEquals", "aws:SourceVpc", "a")), "`a` is not the id of a VPC"));
  CHECK(says(of(test_of("StringEquals", "aws:SourceVpce", "a")), "`a` is not the id of a VPC endpoint"));
}

TEST_CASE("private addresses are told from public ones, once for each list") {
  const auto of_list = [](const std::string& key, const std::string& values) {
    return of("{\"IpAddress\":{\"" + key + "\":[" + values + "]}}");
  };
  const auto all = of_list("aws:SourceIp", R"("192.168.1.0/24","10.0.0.1")");
  CHECK_THAT(only(all, "P108").message, ContainsSubstring("`192.168.1.0/24`"));
  CHECK_FALSE(fires(all, "P109"));
  const auto some = of_list("aws:SourceIp", R"("203.0.113.1","10.0.0.1","10.0.0.2")");
  CHECK_THAT(only(some, "P109").message, ContainsSubstring("`10.0.0.1`"));
  CHECK_FALSE(fires(some, "P108"));
  CHECK_FALSE(fires(of_list("aws:VpcSourceIp", R"("10.0.0.1")"), "P108"));  // there it is the address that counts
  for (const std::string own :
       {"172.31.0.0/16", "100.64.0.0/10", "127.0.0.1", "169.254.1.1", "fd00::1", "fe80::1", "::1"}) {
    CAPTURE(own);
    CHECK(fires(of_list("aws:SourceIp", "\"" + own + "\""), "P108"));
  }
  for (const std::string seen : {"172.32.0.1", "10.0.0.0/7", "::/0", "2001:db8::1"}) {
    CAPTURE(seen);
    CHECK_FALSE(fires(of_list("aws:SourceIp", "\"" + seen + "\""), "P108"));
  }
}

TEST_CASE("a statement asks for an attached thing if only \"true\" lets it hold") {
  const std::string key = "iot:Connection.Thing.IsAttached";
  const std::vector<std::pair<std::string, bool>> rows{
      {test_of("Bool", key, "true"), true},
      {test_of("Bool", "iot:connection.thing.isattached", "TRUE"), true},
      {test_of("StringEquals", key, "true"), true},
      {test_of("Bool", key, "false"), false},
      {test_of("BoolIfExists", key, "true"), false},
      {test_of("ForAllValues:Bool", key, "true"), false},
      {test_of("StringNotEquals", key, "true"), false},
      {test_of("NumericEquals", key, "true"), false},
      {R"({"Bool":{")" + key + R"(":["true","false"]}})", false},
      {test_of("Bool", "aws:SecureTransport", "true"), false},
  };
  for (const auto& [block, attached] : rows) {
    CAPTURE(block);
    const auto found = lint_text(policy(
        {statement("Allow", "iot:Connect", "client/${iot:Connection.Thing.ThingName}", ",\"Condition\":" + block)}));
    CHECK(fires(found, "P087") == !attached);
  }
}

TEST_CASE("values that a key of CONNECT never has") {
  const auto help = [](const std::string& condition) {
    return help_of(lint_text(policy({statement("Allow", "iot:Connect", "client/a", ",\"Condition\":{" + condition + "}")})), "P120");
  };
  const auto attribute = [&](const std::string& operation, const std::string& value) {
    return help("\"" + operation + R"(":{"iot:ConnectAttributes":")" + value + "\"}");
  };
  CHECK(attribute("ForAnyValue:StringEquals", "lastwill") == "write `LastWill`");
  CHECK(attribute("ForAnyValue:StringEquals", "PersistentSession") == "the attributes are `LastWill` and `PersistentConnect`");
  CHECK(attribute("ForAnyValue:StringLike", "lastwill") == "write `LastWill`");
  CHECK(attribute("ForAnyValue:StringEqualsIgnoreCase", "Last") == "the attributes are `LastWill` and `PersistentConnect`");
  for (const std::string fine : {"LastWill", "PersistentConnect", "${iot:ClientId}", "Last*"}) CHECK(attribute("ForAnyValue:StringLike", fine) == "-");
  CHECK(attribute("ForAnyValue:StringEqualsIgnoreCase", "lastwill") == "-");
  CHECK(attribute("Null", "true") == "-");
  const auto will = [&](const std::string& resource) { return help(R"("ArnEquals":{"iot:LastWillTopic":")" + resource + "\"}"); };
  CHECK(will(arn + "topicfilter/a") == "the form is arn:aws:iot:REGION:ACCOUNT:topic/...");
  CHECK(will(arn + "client/a") == "the form is arn:aws:iot:REGION:ACCOUNT:topic/...");
  for (const std::string& fine : {arn + "topic/a", arn + "*", arn + "topic*/a", std::string("a")}) CHECK(will(fine) == "-");
}
