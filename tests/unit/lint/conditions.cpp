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
      {"Allow", "{" + last_will + R"(,"ForAnyValue:StringLike":{"iot:ConnectAttributes":"*"}})", false},
      {"Allow", "{" + last_will + R"(,"StringEquals":{"iot:connectattributes":"LastWill"}})", false},
      {"Allow", "{" + last_will + R"(,"ForAnyValue:StringEqualsIfExists":{"iot:ConnectAttributes":"LastWill"}})", true},
      {"Allow", "{" + last_will + R"(,"ForAnyValue:StringNotEquals":{"iot:ConnectAttributes":"LastWill"}})", true},
      {"Allow", "{" + last_will + R"(,"ArnEquals":{"iot:lastwilltopic":")" + arn + R"(topic/a"}})", false},
      {"Allow", "{" + last_will + R"(,"ArnEqualsIfExists":{"iot:LastWillTopic":")" + arn + R"(topic/a"}})", true},
      {"Allow", R"({"ForAllValues:StringEquals":{"iot:Certificate.Subject.CommonName.List":"a"},"ArnEquals":{"iot:LastWillTopic":")" + arn + R"(topic/a"}})", true},
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
      {"P105", "ArnLike", "iot:LastWillTopic", "*", true},  // six fields are compared, and it has one
      {"P105", "ArnLike", "iot:LastWillTopic", "arn:*:*:*:*:*", false},
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

TEST_CASE("a condition on IsAttached is what it means: the key is on every MQTT connection") {
  const std::string key = "iot:Connection.Thing.IsAttached";
  enum class holds { attached, unattached, both, neither };
  const std::vector<std::pair<std::string, holds>> rows{
      {test_of("Bool", key, "true"), holds::attached},
      {test_of("Bool", "iot:connection.thing.isattached", "TRUE"), holds::attached},
      {test_of("BoolIfExists", key, "true"), holds::attached},
      {test_of("ForAllValues:Bool", key, "true"), holds::attached},
      {test_of("ForAnyValue:Bool", key, "true"), holds::attached},
      {test_of("StringEquals", key, "true"), holds::attached},
      {test_of("StringEqualsIfExists", key, "true"), holds::attached},
      {test_of("StringEqualsIgnoreCase", key, "True"), holds::attached},
      {test_of("StringNotEquals", key, "false"), holds::attached},
      {test_of("StringLike", key, "t*"), holds::attached},
      {R"({"Bool":{")" + key + R"(":["true","true"]}})", holds::attached},
      {test_of("Bool", key, "false"), holds::unattached},
      {test_of("StringNotEquals", key, "true"), holds::unattached},
      {R"({"Bool":{")" + key + R"(":["true","false"]}})", holds::both},
      {test_of("StringEquals", key, "${iot:ClientId}"), holds::both},
      {test_of("Null", key, "false"), holds::both},
      {test_of("Bool", "aws:SecureTransport", "true"), holds::both},
      {test_of("StringEquals", key, "True"), holds::neither},
      {test_of("NumericEquals", key, "true"), holds::neither},
      {test_of("Null", key, "true"), holds::neither},
      {R"({"Bool":{")" + key + R"(":"true"},"StringEquals":{")" + key + R"(":"false"}})", holds::neither},
      {R"({"Bool":{")" + key + R"(":"false"},"StringEquals":{")" + key + R"(":"true"}})", holds::neither},
  };
  using fleetprov::policies::role;
  for (const auto& [block, when] : rows) {
    CAPTURE(block);
    const std::string condition = ",\"Condition\":" + block;
    const auto text_of = [&](const std::string& client) { return policy({statement("Allow", "iot:Connect", "client/" + client, condition)}); };
    const std::string own = text_of("${iot:Connection.Thing.ThingName}"), any = text_of("*");
    const auto found = lint_text(own);
    CHECK(fires(found, "P087") == (when == holds::both));
    CHECK(says(found, "asks for a client without a thing, and the variable has a value only with one: nobody can connect") ==
          (when == holds::unattached));
    CHECK(fires(role_text(own, role::device), "P162") == (when == holds::both));
    CHECK(fires(role_text(own, role::device), "P160") == (when == holds::unattached || when == holds::neither));
    const bool is_open = when == holds::unattached || when == holds::both;
    CHECK(fires(lint_text(any), "P055") == is_open);
    CHECK(fires(role_text(any, role::device), "P161") == is_open);
    CHECK(fires(role_text(any, role::device), "P160") == (when == holds::neither));
    CHECK(fires(role_text(any, role::claim), "P150") == !is_open);
  }
  const std::string but_one = R"("Effect":"Allow","Action":"iot:Connect","NotResource":")" + arn + R"(client/a","Condition":)";
  CHECK(fires(role_text(raw(but_one + test_of("StringEquals", key, "True")), role::device), "P160"));
  CHECK_FALSE(fires(role_text(raw(but_one + test_of("BoolIfExists", key, "true")), role::device), "P161"));
}

TEST_CASE("values and questions about IsAttached that no connection meets") {
  const std::string key = "iot:Connection.Thing.IsAttached";
  const auto help = [&](const std::string& block, const std::string& action = "iot:Connect") { return help_of(of(block, "Allow", action), "P120"); };
  CHECK(help(test_of("StringEquals", key, "True")) == "write `true`, or use Bool");
  CHECK(help(test_of("StringNotEquals", key, "FALSE")) == "write `false`, or use Bool");
  CHECK(help(test_of("StringEquals", key, "yes")) == "use Bool with one of these");
  CHECK(help(test_of("StringEqualsIgnoreCase", key, "True")) == "-");
  CHECK(help(test_of("StringLike", key, "f*")) == "-");
  CHECK(help(test_of("StringEquals", key, "true")) == "-");
  CHECK(help(test_of("StringEquals", "iot:ClientId", "True")) == "-");
  const std::string always = "a client without a thing has it too, as `false`";
  CHECK(help(test_of("Null", key, "true")) == always);
  CHECK(help(test_of("Null", key, "true"), "iot:Receive") == always);
  CHECK(help(test_of("Null", key, "true"), "iot:Publish") == "-");  // over HTTPS there is no such key
  CHECK(help(test_of("Null", key, "true"), "iot:GetThingShadow") == "-");
  CHECK(help(test_of("Null", key, "true"), "greengrass:Discover") == "-");
  CHECK(help(test_of("Null", key, "false")) == "-");
  CHECK(help(test_of("Null", "iot:Connection.Thing.ThingName", "true")) == "-");
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
  for (const std::string& fine : {arn + "topic/a", arn + "*", arn + "topic*/a", std::string("a")}) CHECK(will(fine) == "-");  // `a` is P105's
  const auto will_text = [&](const std::string& operation, const std::string& value) {
    return help("\"" + operation + R"(":{"iot:LastWillTopic":")" + value + "\"}") != "-";
  };
  CHECK(will_text("StringEquals", "my/will"));
  CHECK(will_text("StringNotEquals", "my/will"));
  CHECK(will_text("StringLike", "my/*"));
  CHECK(will_text("StringEquals", "arn:aws:iot"));
  CHECK(will_text("StringEqualsIgnoreCase", arn + "CLIENT/a"));
  for (const std::string& fine : std::vector<std::string>{"*", "a*n:*", "arn:aws*", "${iot:DomainName}", arn + "topic/a"}) {
    CAPTURE(fine);
    CHECK_FALSE(will_text("StringLike", fine));
  }
  CHECK_FALSE(will_text("StringEqualsIgnoreCase", "ARN:aws:iot:us-east-1:123456789012:TOPIC/a"));
  CHECK_FALSE(will_text("Null", "true"));
}

TEST_CASE("the ARN of a will is looked at like a resource: what is to be filled in, and another place") {
  const auto found = [](const std::string& operation, const std::string& value, const std::string& key = "iot:LastWillTopic") {
    return lint_text(policy({statement("Allow", "iot:Connect", "client/a", R"(,"Condition":)" + test_of(operation, key, value))}));
  };
  const std::string tail = ":123456789012:topic/w";
  const auto open = found("ArnEquals", "arn:aws:iot:region:account-id:topic/w");
  CHECK(only(open, "P070").message == "`region` is still to be filled in");
  CHECK(only(open, "P070").pointer == "/Statement/0/Condition/ArnEquals/iot:LastWillTopic");
  CHECK(ids(found("StringEquals", "<topic>")) == std::vector<std::string>{"P070"});
  CHECK_FALSE(fires(found("StringEquals", "<topic>", "iot:ClientId"), "P070"));
  CHECK(ids(found("ArnEquals", arn + "topic/w")).empty());
  CHECK(ids(found("ArnEquals", "arn:aws:iot:eu-west-1" + tail)) == std::vector<std::string>{"P072"});
  CHECK(ids(found("ArnEquals", "arn:aws:iot:us-east-1:210987654321:topic/w")) == std::vector<std::string>{"P071"});
  CHECK(ids(found("ArnEquals", "arn:aws-cn:iot:us-east-1" + tail)) == std::vector<std::string>{"P073"});
  CHECK(ids(found("ArnLike", "arn:aws:iot:*:*:topic/w")).empty());
  CHECK(ids(found("StringEquals", "arn:aws:iot:eu-west-1" + tail, "iot:ClientId")).empty());
}
