#include "unit/templates/reading.hpp"

#include <fleetprov/templates/detail/sha1.hpp>

using namespace test;

namespace {

std::string value_of(const fleetprov::outcome<templates::plan>& made) {
  for (const diagnostic& d : made.diagnostics) UNSCOPED_INFO(d.broken->id << " " << d.pointer << ": " << d.message);
  REQUIRE(made);
  return made.value->device_configuration.at("v");
}

constexpr std::string_view sites = R"("Sites":{"north":{"Url":"n","List":["a","b"]},"south":{"Url":"s"}})";

}  // namespace

TEST_CASE("functions give CloudFormation's values") {
  const std::map<std::string, std::string> s{{"S", "x-y"}};
  CHECK(value_of(evaluate_value(R"({"Ref":"S"})", s)) == "x-y");
  CHECK(value_of(evaluate_value(R"({"Fn::Join":["",[]]})", s)).empty());
  CHECK(value_of(evaluate_value(R"({"Fn::Join":["/",["a",{"Ref":"S"},""]]})", s)) == "a/x-y/");
  CHECK(value_of(evaluate_value(R"({"Fn::Join":["+",{"Fn::Split":["-",{"Ref":"S"}]}]})", s)) == "x+y");
  CHECK(value_of(evaluate_value(R"({"Fn::Select":["1",{"Fn::Split":["-",{"Ref":"S"}]}]})", s)) == "y");
  CHECK(value_of(evaluate_value(R"({"Fn::Select":[0,["a","b"]]})", s)) == "a");
  CHECK(value_of(evaluate_value(R"({"Fn::Sub":"<${S}>"})", s)) == "<x-y>");
  CHECK(value_of(evaluate_value(R"({"Fn::Sub":"${!S} $S ${S}"})", s)) == "${S} $S x-y");
  CHECK(value_of(evaluate_value(R"({"Fn::Sub":["${V}${S}",{"V":{"Fn::Join":["",["a","b"]]}}]})", s)) == "abx-y");
  CHECK(value_of(evaluate_value(R"({"Fn::Sub":["${S}",{"S":"own"}]})", s)) == "own");
  CHECK(value_of(evaluate_value(R"({"Fn::FindInMap":["Sites",{"Ref":"S"},"Url"]})", {{"S", "south"}}, R"("S":{"Type":"String"})", sites)) == "s");
  CHECK(value_of(evaluate_value(R"({"Fn::Select":["1",{"Fn::FindInMap":["Sites","north","List"]}]})", s, R"("S":{"Type":"String"})", sites)) == "b");
  CHECK(value_of(evaluate_value(R"({"Fn::Join":["",["dev-",{"Ref":"AWS::IoT::Certificate::Id"}]]})")) == "dev-" + std::string(64, '0'));
}

TEST_CASE("a parameter's value is data and is not expanded again") {
  CHECK(value_of(evaluate_value(R"({"Fn::Sub":"${S}"})", {{"S", "${S}${!S}"}})) == "${S}${!S}");
  CHECK(value_of(evaluate_value(R"({"Fn::Sub":["${V}",{"V":"${S}"}]})", {{"S", "x"}})) == "${S}");
  CHECK(value_of(evaluate_value(R"({"Ref":"S"})", {{"S", R"({"Ref":"S"})"}})) == R"({"Ref":"S"})");
}

TEST_CASE("evaluation fails with the rule of the failing part") {
  const std::string_view one = R"("S":{"Type":"String"})";
  const auto rule_of = [&](std::string_view value, const std::map<std::string, std::string>& parameters) {
    const auto made = evaluate_value(value, parameters, one, sites);
    REQUIRE_FALSE(made.value.has_value());
    REQUIRE_FALSE(made.diagnostics.empty());
    return std::string(made.diagnostics.front().broken->name);
  };
  CHECK(rule_of(R"({"Ref":"S"})", {}) == "missing-parameter");
  CHECK(rule_of(R"({"Ref":"T"})", {{"T", "x"}}) == "undeclared-reference");
  CHECK(rule_of(R"({"Fn::Sub":"${T}"})", {{"T", "x"}}) == "undeclared-reference");
  CHECK(rule_of(R"({"Fn::Select":["2",["a","b"]]})", {}) == "select-out-of-bounds");
  CHECK(rule_of(R"({"Fn::Select":[{"Ref":"S"},["a","b"]]})", {{"S", "-1"}}) == "select-out-of-bounds");
  CHECK(rule_of(R"({"Fn::Select":[{"Ref":"S"},["a","b"]]})", {{"S", "99999999999999999999"}}) == "select-out-of-bounds");
  CHECK(rule_of(R"({"Fn::FindInMap":["Sites",{"Ref":"S"},"Url"]})", {{"S", "west"}}) == "impossible-map-key");
  CHECK(rule_of(R"({"Fn::FindInMap":["Sites","north",{"Ref":"S"}]})", {{"S", "url"}}) == "impossible-map-key");
  CHECK(rule_of(R"({"Fn::FindInMap":[{"Ref":"S"},"north","Url"]})", {{"S", "Places"}}) == "unknown-map");
  CHECK(rule_of(R"({"Fn::FindInMap":["Sites","north","List"]})", {}) == "list-not-allowed");
  CHECK(rule_of(R"({"Fn::Select":["0",{"Fn::Split":[{"Ref":"S"},"a"]}]})", {{"S", ""}}) == "malformed-function");
}

TEST_CASE("values come from the parameters, then from Default, and extras are ignored") {
  const std::string_view with_default = R"("S":{"Type":"String","Default":"d"})";
  CHECK(value_of(evaluate_value(R"({"Ref":"S"})", {}, with_default)) == "d");
  CHECK(value_of(evaluate_value(R"({"Ref":"S"})", {{"S", ""}}, with_default)).empty());
  CHECK(value_of(evaluate_value(R"({"Ref":"S"})", {{"S", "x"}, {"Other", "y"}}, with_default)) == "x");
}

TEST_CASE("a declared parameter without a value is no error while nothing uses it") {
  CHECK(value_of(evaluate_value("\"fixed\"", {})) == "fixed");
}

TEST_CASE("a device cannot replace the certificate id") {
  const std::string_view declared = R"("AWS::IoT::Certificate::Id":{"Type":"String","Default":"mine"})";
  CHECK(value_of(evaluate_value(R"({"Ref":"AWS::IoT::Certificate::Id"})", {{"AWS::IoT::Certificate::Id", "theirs"}}, declared)) ==
        std::string(64, '0'));
  const auto subject = parse_good(
      R"({"Parameters":{"C":{"Type":"String"}},"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"C"}}}}})");
  const auto made = templates::evaluate(subject, {{"C", std::string(64, 'f')}});
  CHECK(find(made.diagnostics, rule_id::foreign_certificate_id) != nullptr);
  CHECK_FALSE(made.value.has_value());
}

TEST_CASE("the plan carries what the template says") {
  const auto subject = parse_good(R"({"Parameters":{"S":{"Type":"String"}},"Resources":{
    "thing":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":{"Fn::Join":["-",["dev",{"Ref":"S"}]]},
      "AttributePayload":{"serial":{"Ref":"S"},"model":"m"},"ThingTypeName":"lamp","ThingGroups":["all",{"Ref":"S"}],"BillingGroup":"bill"},
      "OverrideSettings":{"AttributePayload":"REPLACE","ThingTypeName":"FAIL","ThingGroups":"MERGE"}},
    "certificate":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"},
      "Status":"inactive","ThingPrincipalType":"EXCLUSIVE_THING"},"OverrideSettings":{"Status":"FAIL"}},
    "p":{"Type":"AWS::IoT::Policy","Properties":{"PolicyName":"named"}},
    "q":{"Type":"AWS::IoT::Policy","Properties":{"PolicyDocument":{"Version":"2012-10-17","Statement":[
      {"Effect":"Allow","Action":["iot:Connect"],"Resource":["arn:aws:iot:us-east-1:123456789012:client/${iot:Connection.Thing.ThingName}"]}]}}}},
    "DeviceConfiguration":{"Url":"u"}})");
  templates::predefined known;
  known.certificate_id = std::string(64, 'a');
  const auto made = templates::evaluate(subject, {{"S", "7"}}, known);
  REQUIRE(made);
  const auto& plan = *made.value;
  CHECK(plan.thing->name == "dev-7");
  CHECK(plan.thing->type == "lamp");
  CHECK(plan.thing->groups == std::vector<std::string>{"all", "7"});
  CHECK(plan.thing->attributes == std::map<std::string, std::string>{{"model", "m"}, {"serial", "7"}});
  CHECK(plan.thing->billing_group == "bill");
  CHECK(plan.thing->override_type == templates::override_setting::fail);
  CHECK(plan.certificate->status == "INACTIVE");
  CHECK(plan.certificate->principal_type == "EXCLUSIVE_THING");
  CHECK(plan.certificate->override_status == templates::override_setting::fail);
  CHECK(plan.certificate->id == std::string(64, 'a'));
  REQUIRE(plan.policies.size() == 2);
  CHECK(plan.policies[0].name == "named");
  CHECK_FALSE(plan.policies[0].document.has_value());
  CHECK(plan.policies[1].document ==
        R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iot:Connect"],)"
        R"("Resource":["arn:aws:iot:us-east-1:123456789012:client/${iot:Connection.Thing.ThingName}"]}]})");
  CHECK(plan.policies[1].name == templates::default_policy_name(*plan.policies[1].document));
  CHECK(templates::to_json(plan).rfind(
            R"({"thing":{"name":"dev-7","type":"lamp","attributes":{"model":"m","serial":"7"},"groups":["all","7"],"billing_group":"bill",)"
            R"("override_settings":{"AttributePayload":"REPLACE","ThingTypeName":"FAIL","ThingGroups":"MERGE"}},)"
            R"("certificate":{"status":"INACTIVE","principal_type":"EXCLUSIVE_THING"},"policies":[{"name":"named"},{"name":")", 0) == 0);
}

TEST_CASE("a template without a thing or certificate plans neither") {
  const auto made = templates::evaluate(parse_good(R"({"Resources":{"p":{"Type":"AWS::IoT::Policy","Properties":{"PolicyName":"p"}}}})"), {});
  REQUIRE(made);
  CHECK_FALSE(made.value->thing.has_value());
  CHECK(templates::to_json(*made.value) == R"({"thing":null,"certificate":null,"policies":[{"name":"p"}],"device_configuration":{}})");
}

TEST_CASE("an escaped policy document keeps its text and both forms are accepted") {
  const std::string text = R"({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "iot:Connect", "Resource": "*" }] })";
  std::string escaped;
  for (const char c : text) escaped += c == '"' ? std::string("\\\"") : std::string(1, c);
  const auto made = templates::evaluate(
      parse_good(R"({"Resources":{"p":{"Type":"AWS::IoT::Policy","Properties":{"PolicyDocument":")" + escaped + "\"}}}}"), {});
  REQUIRE(made);
  CHECK(made.value->policies.at(0).document == text);
}

TEST_CASE("JITP takes the certificate's subject and fails when a declared value is missing") {
  const auto subject = parse_good(
      R"({"Parameters":{"AWS::IoT::Certificate::CommonName":{"Type":"String"},"AWS::IoT::Certificate::Country":{"Type":"String"}},
          "Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":{"Ref":"AWS::IoT::Certificate::CommonName"}}}}})",
      template_kind::jitp);
  templates::predefined known;
  known.subject = {{"CommonName", "dev1"}, {"Country", "DE"}};
  const auto made = templates::evaluate(subject, {}, known);
  REQUIRE(made);
  CHECK(made.value->thing->name == "dev1");
  known.subject.erase("Country");
  CHECK(find(templates::evaluate(subject, {}, known).diagnostics, rule_id::missing_parameter) != nullptr);
  CHECK(templates::evaluate(subject, {{"AWS::IoT::Certificate::Country", "DE"}}, known));
}

TEST_CASE("bulk templates take the certificate as a CSR") {
  const auto subject = parse_good(R"({"Parameters":{"CSR":{"Type":"String"}},"Resources":{"c":{"Type":"AWS::IoT::Certificate",
    "Properties":{"CertificateSigningRequest":{"Ref":"CSR"}}}}})", template_kind::bulk);
  const auto made = templates::evaluate(subject, {{"CSR", "-----BEGIN CERTIFICATE REQUEST-----\n"}});
  REQUIRE(made);
  CHECK(made.value->certificate->csr == "-----BEGIN CERTIFICATE REQUEST-----\n");
}

TEST_CASE("hostile thing names and attributes are refused whatever they try") {
  const auto subject = parse_good(fleet(R"("ThingName":{"Ref":"S"},"AttributePayload":{"a":{"Ref":"S"}})", R"("S":{"Type":"String"})"));
  for (const std::string& value : {std::string(), std::string("../../etc/passwd"), std::string("${S}"), std::string("*"), std::string("#"),
                                   std::string("+"), std::string("a\nb"), std::string("a\0b", 3), std::string("a b"), std::string("\x7F"),
                                   std::string("\xC3\xA9"), std::string("\xFF\xFE"), std::string(129, 'a'), std::string(256 * 1024, 'a'),
                                   std::string(R"({"Ref":"AWS::IoT::Certificate::Id"})")}) {
    const auto made = templates::evaluate(subject, {{"S", value}});
    CHECK_FALSE(made.value.has_value());
    CHECK(made.has_errors());
    for (const diagnostic& d : made.diagnostics) CHECK(d.message.size() < 500);
  }
  CHECK(templates::evaluate(subject, {{"S", "A:z_0-9"}}));
  CHECK(templates::evaluate(subject, {{"S", std::string(128, 'a')}}));
}

TEST_CASE("limits of attributes, groups and types hold on the evaluated values") {
  const std::string_view one = R"("S":{"Type":"String"})";
  const auto rule_for = [&](std::string_view properties, const std::string& value) -> std::string {
    const auto made = templates::evaluate(parse_good(fleet(properties, one)), {{"S", value}});
    return made ? "" : std::string(made.diagnostics.front().broken->name);
  };
  CHECK(rule_for(R"("ThingName":"a","AttributePayload":{"k":{"Ref":"S"}})", std::string(800, 'v')).empty());
  CHECK(rule_for(R"("ThingName":"a","AttributePayload":{"k":{"Ref":"S"}})", std::string(801, 'v')) == "attribute-value");
  CHECK(rule_for(R"("ThingName":"a","AttributePayload":{"k":{"Ref":"S"}})", "").empty());
  CHECK(rule_for(R"("ThingName":"a","AttributePayload":{"k":{"Ref":"S"}})", "a#[b]=/@,:.").empty());
  CHECK(rule_for(R"("ThingName":"a","ThingTypeName":{"Ref":"S"})", "") == "resource-name");
  CHECK(rule_for(R"("ThingName":"a","ThingGroups":[{"Ref":"S"}])", "a/b") == "resource-name");
  CHECK(rule_for(R"("ThingName":"a","ThingGroups":{"Fn::Split":[",",{"Ref":"S"}]})", "a,b").empty());
  CHECK(rule_for(R"("ThingName":"a","ThingGroups":{"Fn::Split":[",",{"Ref":"S"}]})", "a,,b") == "resource-name");
  CHECK(rule_for(R"("ThingName":"a","BillingGroup":{"Ref":"S"})", "b c") == "resource-name");
  std::string many;
  for (int i = 0; i < 51; ++i) many += (i == 0 ? "\"a" : ",\"a") + std::to_string(i) + "\":\"v\"";
  CHECK(rule_for("\"ThingName\":\"a\",\"ThingTypeName\":\"t\",\"AttributePayload\":{" + many + "}", "x") == "too-many-attributes");
}

TEST_CASE("a thing in too many groups and a certificate with too many policies are refused, a name counts once") {
  const auto rule_of = [](const std::string& text, const std::string& value, template_kind kind = template_kind::fleet) {
    const auto made = templates::evaluate(parse_good(text, kind), {{"S", value}});
    return made ? std::string() : std::string(made.diagnostics.front().broken->name);
  };
  const auto grouped = [](const std::string& groups) { return fleet("\"ThingName\":\"a\",\"ThingGroups\":" + groups, R"("S":{"Type":"String"})"); };
  CHECK(rule_of(grouped(group_list(11)), "") == "too-many-groups");
  CHECK(rule_of(grouped(group_list(10, R"(,{"Ref":"S"})")), "g11") == "too-many-groups");
  CHECK(rule_of(grouped(group_list(10, R"(,{"Ref":"S"})")), "g10").empty());
  CHECK(rule_of(grouped(R"({"Fn::Split":[",",{"Ref":"S"}]})"), "a,b,c,d,e,f,g,h,i,j,k") == "too-many-groups");
  CHECK(rule_of(grouped(R"({"Fn::Split":[",",{"Ref":"S"}]})"), "a,b,c,d,e,f,g,h,i,j,j").empty());

  std::vector<std::string> policies;
  for (int i = 1; i <= 5; ++i) {
    policies.push_back(named_policy("n" + std::to_string(i)));
    policies.push_back(inline_policy("c" + std::to_string(i)));
  }
  policies.push_back(R"("PolicyName":{"Ref":"S"})");
  CHECK(rule_of(with_policies(policies), "n1").empty());
  CHECK(rule_of(with_policies(policies), "n6") == "too-many-policies");
  CHECK(rule_of(with_policies(policies, R"("CertificatePem":"x")"), "n6", template_kind::bulk) == "too-many-policies");
  CHECK(rule_of(with_policies(policies, ""), "n6", template_kind::bulk).empty());
  policies.back() = inline_policy("c1", true);  // the same text, and so the same name
  CHECK(rule_of(with_policies(policies), "").empty());
}

TEST_CASE("a parameter cannot change what a policy document means") {
  const auto text_form = parse_good(
      R"({"Parameters":{"S":{"Type":"String"}},"Resources":{"p":{"Type":"AWS::IoT::Policy","Properties":{"PolicyDocument":)"
      R"({"Fn::Sub":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"iot:Connect\",\"Resource\":\"arn:aws:iot:us-east-1:123456789012:client/${S}\"}]}"}}}}})");
  CHECK(templates::evaluate(text_form, {{"S", "dev-1"}}));
  for (const char* value : {"*", "a?", "${iot:ClientId}", "x\"},{\"Effect\":\"Allow", "a\\", "a\n"}) {
    const auto made = templates::evaluate(text_form, {{"S", value}});
    CHECK(find(made.diagnostics, rule_id::unsafe_policy_value) != nullptr);
    CHECK_FALSE(made.value.has_value());
  }
}

TEST_CASE("nested substitutions cannot multiply text beyond the limit") {
  std::string value = "\"xxxxxxxxxxxxxxxx\"";
  for (int i = 0; i < 12; ++i) value = R"({"Fn::Sub":["${V}${V}${V}${V}${V}${V}${V}${V}",{"V":)" + value + "}]}";
  const auto made = evaluate_value(value);
  CHECK(find(made.diagnostics, rule_id::output_too_large) != nullptr);
  const auto checked = check_auto(fleet("\"ThingName\":" + value));
  CHECK_FALSE(checked.empty());
}

TEST_CASE("nested map lookups are evaluated once per level") {
  std::string value = "\"n\"";
  for (int i = 0; i < 20; ++i) value = R"({"Fn::FindInMap":["M",)" + value + R"(,"k"]})";
  CHECK(value_of(evaluate_value(value, {}, R"("S":{"Type":"String"})", R"("M":{"n":{"k":"n"}})")) == "n");
  CHECK_FALSE(check_auto(fleet("\"ThingName\":" + value, "", R"(,"Mappings":{"M":{"n":{"k":"n"}}})")).empty());
}

TEST_CASE("SHA-1 agrees with the published vectors") {
  using templates::default_policy_name;
  STATIC_REQUIRE(templates::detail::sha1("abc")[0] == 0xA9);
  CHECK(default_policy_name("") == "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709");
  CHECK(default_policy_name("abc") == "A9993E364706816ABA3E25717850C26C9CD0D89D");
  CHECK(default_policy_name("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") == "84983E441C3BD26EBAAE4AA1F95129E5E54670F1");
  CHECK(default_policy_name(std::string(1000000, 'a')) == "34AA973CD4C4DAA4F61EEB2BDBAD27316534016F");
}

TEST_CASE("what only the evaluation can see is refused by its rule") {
  const auto rule_of = [](const templates::provisioning_template& subject, const std::map<std::string, std::string>& values,
                          const templates::predefined& known = {}) -> std::string {
    const auto made = templates::evaluate(subject, values, known);
    if (made) return "";
    REQUIRE_FALSE(made.diagnostics.empty());
    return std::string(made.diagnostics.front().broken->name);
  };
  const std::string_view declared = R"("S":{"Type":"String"})";
  const auto plain = parse_good(fleet(R"("ThingName":{"Ref":"S"})", declared));
  CHECK(rule_of(plain, {{"S", "a"}}).empty());
  CHECK(rule_of(plain, {{"S", "a"}, {std::string(2049, 'n'), "x"}}) == "parameter-too-long");
  CHECK(rule_of(plain, {{"S", "a"}, {"x", "\xFF"}}) == "wrong-type");
  const auto own = [&](std::string_view certificate) {
    return parse_good(R"({"Parameters":{"S":{"Type":"String"}},"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"},)" +
                      std::string(certificate) + "}}}}");
  };
  CHECK(rule_of(own(R"("Status":{"Ref":"S"})"), {{"S", "inactive"}}).empty());
  CHECK(rule_of(own(R"("Status":{"Ref":"S"})"), {{"S", "on"}}) == "invalid-status");
  CHECK(rule_of(own(R"("ThingPrincipalType":{"Ref":"S"})"), {{"S", "BOTH"}}) == "invalid-principal-type");
  templates::predefined nobody;
  nobody.certificate_id.clear();
  CHECK(rule_of(own(R"("Status":"ACTIVE")"), {{"S", ""}}, nobody) == "missing-parameter");
  // An attribute name that only a program can have made: the parser refuses it.
  templates::provisioning_template odd = parse_good(fleet(R"("ThingName":"t","AttributePayload":{"a":"b"})"));
  odd.things[0].attributes[0].name = "no blank";
  CHECK(rule_of(odd, {}) == "attribute-name");
  odd = parse_good(fleet(R"("ThingName":"t")"));
  odd.policies[0].name.reset();
  CHECK(rule_of(odd, {}) == "policy-source");
  odd = parse_good(fleet(R"("ThingName":"t")"));
  odd.things.push_back(odd.things[0]);
  odd.certificates.push_back(odd.certificates[0]);
  CHECK(rule_of(odd, {}) == "several-resources");
  odd = parse_good(fleet(R"("ThingName":"t")"));
  odd.things[0].name.reset();
  CHECK(rule_of(odd, {}) == "missing-property");
}

TEST_CASE("the subject of a JITP certificate gives its values, a parameter those it lacks") {
  const auto subject = parse_good(fleet(R"("ThingName":{"Ref":"AWS::IoT::Certificate::CommonName"})", R"("AWS::IoT::Certificate::CommonName":{"Type":"String"})"),
                                  template_kind::jitp);
  templates::predefined known;
  CHECK(find(templates::evaluate(subject, {}, known).diagnostics, rule_id::missing_parameter) != nullptr);
  CHECK(templates::evaluate(subject, {{"AWS::IoT::Certificate::CommonName", "p"}}, known).value->thing->name == "p");
  known.subject["CommonName"] = "s";
  CHECK(templates::evaluate(subject, {{"AWS::IoT::Certificate::CommonName", "p"}}, known).value->thing->name == "s");
  const auto silent = parse_good(fleet(R"("ThingName":{"Fn::Sub":"${AWS::IoT::Certificate::Country}"})"), template_kind::jitp);
  CHECK(find(templates::evaluate(silent, {}, {}).diagnostics, rule_id::missing_parameter) != nullptr);
}

TEST_CASE("lists in a policy document become arrays, and text its escapes") {
  const auto subject = parse_good(R"({"Parameters":{"S":{"Type":"String"}},"Mappings":{"M":{"a":{"l":["iot:Connect","iot:Publish"],"s":"iot:Receive"}}},"Resources":{
    "c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"}}},
    "p":{"Type":"AWS::IoT::Policy","Properties":{"PolicyDocument":{"Version":"2012-10-17","Statement":[
      {"Sid":"a\tb\r","Effect":"Allow","Action":{"Fn::FindInMap":["M","a","l"]},"Resource":{"Fn::Split":[",",{"Ref":"S"}]}},
      {"Effect":"Allow","Action":{"Fn::FindInMap":["M","a","s"]},"Resource":"*","Condition":{"Bool":{"iot:Connection.Thing.IsAttached":true}}}]}}}}})");
  const auto made = templates::evaluate(subject, {{"S", "arn:aws:iot:us-east-1:123456789012:topic/b,arn:aws:iot:us-east-1:123456789012:topic/a"}});
  for (const diagnostic& d : made.diagnostics) UNSCOPED_INFO(d.broken->name << " " << d.message);
  REQUIRE(made);
  const std::string document = *made.value->policies[0].document;
  CHECK(document.find(R"("Action":["iot:Connect","iot:Publish"],"Resource":["arn:aws:iot:us-east-1:123456789012:topic/b","arn:aws:iot:us-east-1:123456789012:topic/a"])") != std::string::npos);
  CHECK(document.find(R"("Sid":"a\tb\r")") != std::string::npos);
  CHECK(document.find(R"({"Bool":{"iot:Connection.Thing.IsAttached":true}})") != std::string::npos);
  const auto missing = templates::evaluate(subject, {});
  CHECK(find(missing.diagnostics, rule_id::missing_parameter) != nullptr);
}

TEST_CASE("a list where a string belongs and the other way round are refused where the map decides") {
  const auto rule_of = [](std::string_view value, const std::map<std::string, std::string>& parameters) {
    const auto made = evaluate_value(value, parameters, R"("S":{"Type":"String"})", sites);
    CHECK_FALSE(made);
    return made.diagnostics.empty() ? std::string() : std::string(made.diagnostics.front().broken->name);
  };
  CHECK(rule_of(R"({"Fn::Join":["",{"Fn::FindInMap":["Sites","north","Url"]}]})", {}) == "list-not-allowed");
  CHECK(rule_of(R"({"Fn::Join":["",{"Fn::FindInMap":["Sites",{"Ref":"S"},"List"]}]})", {{"S", "west"}}) == "impossible-map-key");
  CHECK(rule_of(R"({"Fn::Join":["",["a",{"Ref":"S"}]]})", {}) == "missing-parameter");
}

TEST_CASE("a device configuration that fits no message is refused") {
  std::string name(200, 'n');
  std::string section;
  for (int i = 0; i < 40; ++i) section += (i == 0 ? "\"" : ",\"") + name + std::to_string(i) + R"(":{"Ref":"S"})";
  const auto subject = parse_good(fleet("\"ThingName\":\"a\"", R"("S":{"Type":"String"})", ",\"DeviceConfiguration\":{" + section + "}"));
  CHECK(templates::evaluate(subject, {{"S", "x"}}));
  templates::evaluation_limits wide;
  wide.max_parameter_value = 100000;
  const auto over = templates::evaluate(subject, {{"S", std::string(4000, 'v')}}, {}, wide);
  CHECK(find(over.diagnostics, rule_id::output_too_large) != nullptr);
}

TEST_CASE("text made beyond the limit is refused once, wherever it is made") {
  const auto found = [](std::string_view value, std::size_t limit) {
    templates::evaluation_limits limits;
    limits.max_output_bytes = limit + 2;  // the policy's name and `w`
    const auto subject = parse_good(R"({"Parameters":{"S":{"Type":"String"}},"Resources":{"p":{"Type":"AWS::IoT::Policy","Properties":{"PolicyName":"p"}}},"DeviceConfiguration":{"v":)" +
                                    std::string(value) + R"(,"w":"x"}})");
    const auto made = templates::evaluate(subject, {{"S", "abcd"}}, {}, limits);
    if (made) return std::size_t{0};
    for (const diagnostic& d : made.diagnostics) CHECK(d.broken == &templates::row_of(rule_id::output_too_large));
    return made.diagnostics.size();
  };
  for (const auto& [value, needed] : std::vector<std::pair<std::string_view, std::size_t>>{
           {R"("abcd")", 4}, {R"({"Ref":"S"})", 4}, {R"({"Fn::Sub":"a${S}"})", 5}, {R"({"Fn::Join":["-",["ab",{"Ref":"S"}]]})", 14}}) {
    INFO(value);
    CHECK(found(value, needed) == 0);
    for (std::size_t less = 0; less < needed; ++less) CHECK(found(value, less) == 1);
  }
}

TEST_CASE("what is missing inside a function is told, whichever of its parts it is in") {
  const auto found = [](std::string_view value, const std::map<std::string, std::string>& parameters = {}) {
    const auto made = evaluate_value(value, parameters, R"("S":{"Type":"String"})", sites);
    REQUIRE_FALSE(made.value);
    REQUIRE(made.diagnostics.size() == 1);
    return std::string(made.diagnostics[0].broken->name);
  };
  CHECK(found(R"({"Fn::Join":[{"Ref":"S"},["a"]]})") == "missing-parameter");
  CHECK(found(R"({"Fn::Select":[{"Ref":"S"},["a"]]})") == "missing-parameter");
  CHECK(found(R"({"Fn::Select":["0",[{"Ref":"S"}]]})") == "missing-parameter");
  CHECK(found(R"({"Fn::Select":["0",{"Fn::Split":[{"Ref":"S"},"a"]}]})") == "missing-parameter");
  CHECK(found(R"({"Fn::Select":["0",{"Fn::Split":["-",{"Ref":"S"}]}]})") == "missing-parameter");
  CHECK(found(R"({"Fn::FindInMap":[{"Ref":"S"},"north","Url"]})") == "missing-parameter");
  CHECK(found(R"({"Fn::FindInMap":["Sites",{"Ref":"S"},"Url"]})") == "missing-parameter");
  CHECK(found(R"({"Fn::FindInMap":["Sites","north",{"Ref":"S"}]})") == "missing-parameter");
  CHECK(found(R"({"Fn::Select":[{"Ref":"S"},["a"]]})", {{"S", ""}}) == "select-out-of-bounds");
  const auto groups = templates::evaluate(parse_good(fleet(R"("ThingName":"t","ThingGroups":["a",{"Ref":"S"}])", R"("S":{"Type":"String"})")), {});
  CHECK_FALSE(groups.value);
  CHECK(find(groups.diagnostics, rule_id::missing_parameter) != nullptr);
}

TEST_CASE("lengths of parameters are counted in characters, and both name and value must be UTF-8") {
  const auto plain = parse_good(fleet(R"("ThingName":"t")", R"("S":{"Type":"String"})"));
  std::string characters;
  for (int i = 0; i < 4096; ++i) characters += "\xC3\xA9";
  CHECK(templates::evaluate(plain, {{"S", characters}}));
  CHECK(find(templates::evaluate(plain, {{"S", characters + "x"}}).diagnostics, rule_id::parameter_too_long) != nullptr);
  CHECK(find(templates::evaluate(plain, {{"\xFF", "x"}}).diagnostics, rule_id::wrong_type) != nullptr);
}

TEST_CASE("what a policy document computes is told once where it fails, every place of it") {
  const auto policy = [](std::string_view statement, std::string_view parameter = "a") {
    const auto subject = parse_good(R"({"Parameters":{"S":{"Type":"String"},"T":{"Type":"String"}},"Mappings":{"M":{"a":{"l":["iot:Connect","iot:Publish"],"s":"iot:Receive"}}},"Resources":{
      "p":{"Type":"AWS::IoT::Policy","Properties":{"PolicyDocument":{"Version":"2012-10-17","Statement":[)" + std::string(statement) + "]}}}}}");
    return templates::evaluate(subject, {{"S", std::string(parameter)}});
  };
  const auto key = policy(R"({"Effect":"Allow","Action":{"Fn::FindInMap":["M",{"Ref":"S"},"l"]},"Resource":"*"})", "b");
  REQUIRE(key.diagnostics.size() == 1);
  CHECK(key.diagnostics[0].broken == &templates::row_of(rule_id::impossible_map_key));
  const auto both = policy(R"({"Action":{"Ref":"T"},"Effect":"Allow","Resource":[{"Ref":"T"},"*"]})");
  REQUIRE(both.diagnostics.size() == 2);
  for (const diagnostic& d : both.diagnostics) CHECK(d.broken == &templates::row_of(rule_id::missing_parameter));
  for (const char* value : {R"({"Fn::Split":[",",{"Ref":"T"}]})", R"({"Fn::Sub":"${T}"})"})
    CHECK(policy(R"({"Effect":"Allow","Action":"iot:Connect","Resource":)" + std::string(value) + "}").diagnostics.size() == 1);
  const auto removed = policy("{\"Effect\":\"Allow\",\"Action\":\"iot:Connect\",\"Resource\":{\"Fn::Sub\":\"arn:aws:iot:us-east-1:123456789012:client/${S}\"}}", "a\x7F");
  CHECK(find(removed.diagnostics, rule_id::unsafe_policy_value) != nullptr);
  CHECK(policy(R"({"Effect":"Allow","Action":"iot:Connect","Resource":"*"})"));
  const auto null = policy(R"({"Effect":null,"Action":"iot:Connect","Resource":"*"})");
  REQUIRE(find(null.diagnostics, rule_id::invalid_inline_policy) != nullptr);
  CHECK(find(null.diagnostics, rule_id::invalid_inline_policy)->message.find("null") != std::string::npos);
}

TEST_CASE("lists in a policy document count towards the limit") {
  const auto subject = parse_good(R"({"Mappings":{"M":{"a":{"l":["iot:Connect","iot:Publish"]}}},"Resources":{"p":{"Type":"AWS::IoT::Policy","Properties":{"PolicyDocument":
      {"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":{"Fn::FindInMap":["M","a","l"]},"Resource":"*"}]}}}}})");
  templates::evaluation_limits limits;
  limits.max_output_bytes = 25;  // "M", "a", "l" and 22 of the actions
  CHECK(templates::evaluate(subject, {}, {}, limits));
  limits.max_output_bytes = 24;
  CHECK(find(templates::evaluate(subject, {}, {}, limits).diagnostics, rule_id::output_too_large) != nullptr);
}

TEST_CASE("of a refused policy document the first error is told, whatever warnings stand before it") {
  const auto subject = parse_good(R"({"Resources":{"p":{"Type":"AWS::IoT::Policy","Properties":{"PolicyDocument":{"Version":"2008-10-17","Id":"i","Statement":[
      {"Effect":"Alow","Action":"iot:Connect","Resource":"*"},{"Effect":"Deni","Action":"iot:Connect","Resource":"*"}]}}}}})");
  const auto made = templates::evaluate(subject, {});
  const diagnostic* d = find(made.diagnostics, rule_id::invalid_inline_policy);
  REQUIRE(d != nullptr);
  INFO(d->message);
  CHECK(d->message.find("Alow") != std::string::npos);
  CHECK(d->message.find("Deni") == std::string::npos);
}

TEST_CASE("both principal types are planned") {
  for (const char* type : {"EXCLUSIVE_THING", "NON_EXCLUSIVE_THING"}) {
    const auto made = templates::evaluate(
        parse_good(R"({"Parameters":{"S":{"Type":"String"}},"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"},"ThingPrincipalType":{"Ref":"S"}}}}})"),
        {{"S", type}});
    REQUIRE(made);
    CHECK(made.value->certificate->principal_type == type);
  }
}
