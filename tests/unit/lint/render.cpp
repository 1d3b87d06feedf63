#include <tests/unit/lint/lint_support.hpp>

#include <map>

using namespace fleetprov;
using namespace test;

namespace {

outcome<std::string> run(const std::string& text, const policies::render_values& values) {
  auto source = json::document::from_text(text);
  REQUIRE(source.value.has_value());
  return policies::render(*source.value, values);
}

policies::render_values usual() {
  policies::render_values out;
  out.region = "eu-west-1";
  out.account = "210987654321";
  out.template_name = "Fleet";
  return out;
}

}  // namespace

TEST_CASE("the spellings of region and account on AWS's pages are all filled in") {
  for (const char* head :
       {"aws-region:aws-account-id", "<region>:<account-id>", "<aws-region>:<aws-account-id>", "region:account",
        "region:account-id", "$REGION:$ACCOUNT", "${AWS::Region}:${AWS::AccountId}", "[AWS_REGION]:[AWS_ACCOUNT_ID]",
        "your region:your_aws_account_id", "<region>:<accountId>", "us-west-2:57EXAMPLE833",
        "us-west-2:\x58\x58\x58\x58\x58\x58\x58\x58\x58\x58\x58\x58"}) {
    CAPTURE(head);
    auto out = run(std::string(R"({"Resource":"arn:aws:iot:)") + head + R"(:topic/a"})", usual());
    REQUIRE(out.value.has_value());
    const std::string region = std::string(head).substr(0, 9) == "us-west-2" ? "us-west-2" : "eu-west-1";
    CHECK(*out.value == R"({"Resource":"arn:aws:iot:)" + region + R"(:210987654321:topic/a"})");
  }
}

TEST_CASE("text outside ARNs, blanks and wildcards stay as they are") {
  const std::string text =
      "{\n  \"Sid\": \"region of templateName\",\n\t\"Resource\": [\"*\", "
      "\"arn:aws:iot:*:*:topic/region/account\"]\n}\n";
  auto out = run(text, usual());
  REQUIRE(out.value.has_value());
  CHECK(*out.value == text);
}

TEST_CASE("the template's name is filled in its topic only") {
  auto out = run(
      R"(["arn:aws:iot:aws-region:aws-account-id:topic/$aws/provisioning-templates/templateName/provision/*","arn:aws:iot:aws-region:aws-account-id:topic/templateName"])",
      usual());
  REQUIRE(out.value.has_value());
  CHECK(
      *out.value ==
      R"(["arn:aws:iot:eu-west-1:210987654321:topic/$aws/provisioning-templates/Fleet/provision/*","arn:aws:iot:eu-west-1:210987654321:topic/templateName"])");
}

TEST_CASE("what nobody filled in is named with its place, and there is no text") {
  policies::render_values values;
  values.region = "eu-west-1";
  auto out = run(R"({"a":["arn:aws:iot:aws-region:aws-account-id:topic/<device>/x"]})", values);
  CHECK_FALSE(out.value.has_value());
  REQUIRE(out.diagnostics.size() == 1);
  CHECK(out.diagnostics[0].pointer == "/a/0");
  CHECK(out.diagnostics[0].broken->id == "P070");
  CHECK(out.diagnostics[0].level == severity::error);
  values.account = "not an account <id>";
  CHECK_FALSE(run(R"({"a":["arn:aws:iot:aws-region:aws-account-id:topic/x"]})", values).value.has_value());
}

TEST_CASE("the help for what is left names the option that fills it") {
  const std::vector<std::pair<std::string, std::string>> rows{
      {"arn:aws:iot:aws-region:123456789012:topic/x", "give the region with --region"},
      {"arn:aws:iot:eu-west-1:<account-id>:topic/x", "give the 12-digit account id with --account"},
      {"arn:aws:iot:eu-west-1:123456789012:topic/$aws/provisioning-templates/templateName/provision/*", "give the template with --template-name"},
      {"arn:aws:iot:eu-west-1:123456789012:topic/<room>", "give its value with --set NAME=VALUE"},
      {"arn:aws:iot:${AWS::Region", "give the region with --region"},
  };
  for (const auto& [resource, help] : rows) {
    CAPTURE(resource);
    auto out = run("[\"" + resource + "\"]", {});
    CHECK_FALSE(out.value.has_value());
    REQUIRE(out.diagnostics.size() == 1);
    CHECK(out.diagnostics[0].help == help);
  }
}

TEST_CASE("a name that is empty fills nothing, not even an empty level") {
  policies::render_values values;
  values.set = {{"", "x"}};
  const std::string text = R"(["arn:aws:iot:eu-west-1:210987654321:topic//a/$/[]", ""])";
  CHECK(*run(text, values).value == text);
}

TEST_CASE("set values fill whole levels and marked names as text that cannot break the JSON") {
  auto values = usual();
  values.set = {{"thingName", "a\"b"}, {"device", "d1"}};
  auto out = run(R"(["arn:aws:iot:region:account:topic/thingName/thingNames/<device>-7/[device]/$device"])", values);
  REQUIRE(out.value.has_value());
  CHECK(*out.value == R"(["arn:aws:iot:eu-west-1:210987654321:topic/a\"b/thingNames/d1-7/d1/d1"])");
  CHECK(*run(R"(["arn:aws:iot:region:account:topic/<device>"])", values).value == R"(["arn:aws:iot:eu-west-1:210987654321:topic/d1"])");
}

TEST_CASE("example accounts are replaced only on request") {
  const std::string text = R"(["arn:aws:iot:us-east-1:123456789012:topic/a"])";
  CHECK(*run(text, usual()).value == text);
  auto values = usual();
  values.examples = policies::example_arns::replace;
  CHECK(*run(text, values).value == R"(["arn:aws:iot:eu-west-1:210987654321:topic/a"])");
  CHECK(*run(R"(["arn:aws:iot:*:123456789012:topic/a"])", values).value == R"(["arn:aws:iot:*:210987654321:topic/a"])");
  const std::string real = R"(["arn:aws:iot:us-east-1:314159265358:topic/a"])";
  CHECK(*run(real, values).value == real);
}

TEST_CASE("the partition follows a region that was filled in, and only such a one") {
  const auto rendered = [](const std::string& written, const std::string& region, policies::example_arns examples = policies::example_arns::keep) {
    auto values = usual();
    values.region = region;
    values.examples = examples;
    values.set = {{"site-region", region}};
    auto out = run("[\"" + written + "\"]", values);
    REQUIRE(out.value.has_value());
    return out.value->substr(2, out.value->size() - 4);
  };
  for (const auto& [region, partition] : {std::pair("cn-north-1", "aws-cn"), std::pair("us-gov-west-1", "aws-us-gov"), std::pair("eu-west-1", "aws")}) {
    CAPTURE(region);
    const std::string wanted = std::string("arn:") + partition + ":iot:" + region + ":210987654321:topic/a";
    for (const std::string open : {"aws", "aws-cn", "aws-us-gov", "${AWS::Partition}"}) CHECK(rendered("arn:" + open + ":iot:aws-region:aws-account-id:topic/a", region) == wanted);
    const std::string other = "arn:aws-iso:iot:";
    CHECK(rendered(other + "aws-region:aws-account-id:topic/a", region) == other + region + ":210987654321:topic/a");
    CHECK(rendered("arn:aws:iot:<site-region>:aws-account-id:topic/a", region) == wanted);
    CHECK(rendered("arn:aws:iot:us-east-1:123456789012:topic/a", region, policies::example_arns::replace) == wanted);
    for (const std::string kept : {"arn:aws:iot:us-east-1:123456789012:topic/a", "arn:aws:iot:*:123456789012:topic/a", "arn:aws:iam::123456789012:role/r"})
      CHECK(rendered(kept, region) == kept);
    CHECK(rendered("arn:*:iot:aws-region:aws-account-id:topic/a", region) == std::string("arn:*:iot:") + region + ":210987654321:topic/a");
  }
}

TEST_CASE("topics of the broker are no placeholders") {
  for (const char* topic : {"topicfilter/$SYS/#", "topic/$CONTROL/dynamic-security/v1", "topicfilter/$share/g/$SYS/#"}) {
    CAPTURE(topic);
    auto out = run(std::string(R"(["arn:aws:iot:aws-region:aws-account-id:)") + topic + "\"]", usual());
    REQUIRE(out.value.has_value());
    CHECK(*out.value == std::string(R"(["arn:aws:iot:eu-west-1:210987654321:)") + topic + "\"]");
    CHECK_FALSE(fires(lint_text(policy({statement("Deny", "iot:Subscribe", topic)})), "P070"));
  }
}

TEST_CASE("a policy inside a string is rendered too") {
  auto out =
      run(R"({"PolicyDocument":"{\"Resource\":\"arn:aws:iot:aws-region:aws-account-id:topic/a\",\"Sid\":\"region\"}"})",
          usual());
  REQUIRE(out.value.has_value());
  CHECK(*out.value ==
        R"({"PolicyDocument":"{\"Resource\":\"arn:aws:iot:eu-west-1:210987654321:topic/a\",\"Sid\":\"region\"}"})");
}

TEST_CASE("what is filled into a policy inside a string cannot leave its string, however deep that is") {
  policies::render_values values = usual();
  values.set["x"] = R"(a"b\c)";
  const std::string policy = R"({"Resource":"arn:aws:iot:eu-west-1:210987654321:client/<x>"})";
  const auto quoted = [](const std::string& text) { return fleetprov::detail::json_string(text); };
  std::string text = policy;
  for (int depth = 0; depth < 4; ++depth) {
    CAPTURE(depth);
    auto out = run(R"({"PolicyDocument":)" + quoted(text) + "}", values);
    REQUIRE(out.value.has_value());
    std::string inner = *out.value;
    for (int i = 0; i <= depth; ++i) inner = json::document::from_text(inner).value->find("/PolicyDocument")->text;
    auto read = json::document::from_text(inner);
    REQUIRE(read.value.has_value());
    CHECK(read.value->find("/Resource")->text == R"(arn:aws:iot:eu-west-1:210987654321:client/a"b\c)");
    text = R"({"PolicyDocument":)" + quoted(text) + "}";
  }
}

TEST_CASE("a policy inside a string may be a list of them, and what only looks like an ARN ends none") {
  const std::string head = "arn:aws:iot:aws-region:aws-account-id:topic/", full = "arn:aws:iot:eu-west-1:210987654321:topic/";
  CHECK(*run(R"({"p":"[{\"Resource\":\")" + head + R"(a\"}]"})", usual()).value == R"({"p":"[{\"Resource\":\")" + full + R"(a\"}]"})");
  for (const std::string between : {",", "\\n"}) CHECK(*run("[\"" + head + "a" + between + head + "b\"]", usual()).value == "[\"" + full + "a" + between + full + "b\"]");
  CHECK(*run("[\"" + head + "arn:x\"]", usual()).value == "[\"" + full + "arn:x\"]");
}

TEST_CASE("the pieces of an ARN that Fn::Join puts together are filled in, each by its field") {
  const auto joined = [](const std::string& pieces) { return run(R"({"Fn::Join":["",[)" + pieces + "]]}", usual()); };
  auto out = joined(R"("arn:aws:iot:","aws-region",":","<account>",":topic/region/",{"Ref":"aws-region"})");
  REQUIRE(out.value.has_value());
  CHECK(*out.value == R"({"Fn::Join":["",["arn:aws:iot:","eu-west-1",":","210987654321",":topic/region/",{"Ref":"aws-region"}]]})");
  out = joined(R"("arn:aws:iot:aws-region:",{"Ref":"AWS::AccountId"},":topic/$aws/provisioning-templates/templateName/provision/*")");
  REQUIRE(out.value.has_value());
  CHECK(*out.value == R"({"Fn::Join":["",["arn:aws:iot:eu-west-1:",{"Ref":"AWS::AccountId"},":topic/$aws/provisioning-templates/Fleet/provision/*"]]})");
  out = run(R"({"Fn::Join":[":",["arn:aws:iot","<region>","aws-account-id","topic/account"]]})", usual());
  REQUIRE(out.value.has_value());
  CHECK(*out.value == R"({"Fn::Join":[":",["arn:aws:iot","eu-west-1","210987654321","topic/account"]]})");
  out = joined(R"("arn:aws:iot:eu-west-1:",{"Ref":"AWS::AccountId"},":topic/<device>/x")");
  REQUIRE_FALSE(out.value.has_value());
  CHECK(out.diagnostics.at(0).pointer == "/Fn::Join/1/2");
  policies::render_values china;
  china.region = "cn-north-1";
  out = run(R"({"Fn::Join":["",["arn:aws:iot:","aws-region",":aws-account-id:topic/a"]]})", china);
  REQUIRE(out.diagnostics.size() == 1);
  CHECK(out.diagnostics[0].help.find("--account") != std::string::npos);
  china.account = "210987654321";
  out = run(R"({"Fn::Join":["",["arn:aws:iot:","aws-region",":aws-account-id:topic/a"]]})", china);
  REQUIRE(out.value.has_value());
  CHECK(*out.value == R"({"Fn::Join":["",["arn:aws-cn:iot:","cn-north-1",":210987654321:topic/a"]]})");
  out = joined(R"("arn:","*",":iot:aws-region:210987654321:topic/$aws/provisioning-templates/Mine/provision/*")");
  REQUIRE(out.value.has_value());
  CHECK(*out.value == R"({"Fn::Join":["",["arn:","*",":iot:eu-west-1:210987654321:topic/$aws/provisioning-templates/Mine/provision/*"]]})");
  out = run(R"({"Fn::Join":["",["arn:aws:iot:","aws-region",":210987654321:topic/a"]]})", {});
  REQUIRE(out.diagnostics.size() == 1);
  CHECK(out.diagnostics[0].help == "give the region with --region");
  for (const char* no_arn : {R"("region")", R"(["-"])", R"([1,["arn:aws:iot:"]])", R"(["",{}])", R"(["",[]])", R"(["-",["region","account"]])",
                             R"(["",[{"Ref":"region"},":account"]])", R"(["",["arn:aws:iot:eu-west-1:210987654321:topic/","region"]])"}) {
    CAPTURE(no_arn);
    const std::string text = "{\"Fn::Join\":" + std::string(no_arn) + "}";
    CHECK(*run(text, usual()).value == text);
  }
}

TEST_CASE("a marked template and a second ARN in one string are filled in too") {
  auto out = run(R"(["arn:aws:iot:aws-region:aws-account-id:topic/$aws/provisioning-templates/<template>/provision/*",
    "arn:aws:iot:aws-region:aws-account-id:topic/a arn:aws:iot:aws-region:aws-account-id:topic/$aws/provisioning-templates/template/b"])", usual());
  REQUIRE(out.value.has_value());
  CHECK(*out.value == R"(["arn:aws:iot:eu-west-1:210987654321:topic/$aws/provisioning-templates/Fleet/provision/*",
    "arn:aws:iot:eu-west-1:210987654321:topic/a arn:aws:iot:eu-west-1:210987654321:topic/$aws/provisioning-templates/template/b"])");
}

TEST_CASE("every shipped policy renders, and what is rendered renders to itself") {
  for (const auto& entry : std::filesystem::directory_iterator(std::string(FLEETPROV_SOURCE_DIR) + "/policies")) {
    const std::string name = entry.path().filename().string();
    if (entry.path().extension() != ".json" || name.find(".test.json") != std::string::npos) continue;
    CAPTURE(name);
    auto once = run(slurp(entry.path()), usual());
    REQUIRE(once.value.has_value());
    CHECK(once.value->find("aws-region") == std::string::npos);
    CHECK(*run(*once.value, usual()).value == *once.value);
  }
}

TEST_CASE("what is written anew keeps its control characters as escapes") {
  auto out = run(R"({"Sid":"a\tb","Resource":"arn:aws:iot:aws-region:aws-account-id:topic/\n\t\r\u0001\"\\"})", usual());
  REQUIRE(out.value.has_value());
  CHECK(*out.value == R"({"Sid":"a\tb","Resource":"arn:aws:iot:eu-west-1:210987654321:topic/\n\t\r\u0001\"\\"})");
}

TEST_CASE("notes in brackets and marked words are leftovers, wherever they stand") {
  for (const char* left : {"<all of your topics>", "arn:aws:iot:eu-west-1:210987654321:topic/[YOUR_TOPIC]", "arn:aws:iot:eu-west-1:210987654321:topic/$NAME/x",
                           "arn:aws:iot:eu-west-1:210987654321:topic/${AWS::StackName}", "arn:aws:iot:eu-west-1:210987654321:topic/${AWS::StackName",
                           "arn:aws:iot:eu-west-1:210987654321:topic/a<b/${AWS::StackName}", "arn:aws:iot:eu-west-1:210987654321:topic/[AWS_x/$NAME"}) {
    CAPTURE(left);
    CHECK_FALSE(run(std::string(R"({"Resource":")") + left + "\"}", usual()).value.has_value());
  }
  for (const char* fine : {"a < b", "<a", "arn:aws:iot:eu-west-1:210987654321:topic/a<b", "arn:aws:iot:eu-west-1:210987654321:topic/$Name", "arn:aws:iot:eu-west-1:210987654321:topic/$A",
                           "arn:aws:iot:eu-west-1:210987654321:topic/$AB-", "arn:short"}) {
    CAPTURE(fine);
    CHECK(run(std::string(R"({"Resource":")") + fine + "\"}", usual()).value.has_value());
  }
}

TEST_CASE("a region or account field that is none is a leftover, whatever it holds") {
  for (const char* head : {"%s:%s", "us-east-1:%s", "eu:123456789012", "us-east-1:1234-5678-9012", "us-east-1:1234567890ab", "{{site}}:123456789012",
                           "${var.zone}:123456789012", "{us-east-1}:123456789012"}) {
    CAPTURE(head);
    const auto out = run(std::string(R"(["arn:aws:iot:)") + head + R"(:topic/a"])", usual());
    CHECK_FALSE(out.value.has_value());
    CHECK(out.diagnostics.size() == 1);
  }
  for (const char* fine : {"arn:aws:s3:::bucket/*", "arn:aws:iam::aws:policy/AWSIoTThingsRegistration", "arn:*:iot:*:*:topic/a", "warn:this:is:no:arn:at:all",
                           "arn:aws:iot:us-*:1234*:topic/a", "arn:aws-iso:iot:us-iso-east-1:123456789012:topic/a"}) {
    CAPTURE(fine);
    CHECK(run(std::string("[\"") + fine + "\"]", usual()).value.has_value());
  }
}

TEST_CASE("more spellings of region and account are filled in") {
  for (const char* head : {"my-region:my-account", "{{region}}:{{account-id}}", "${var.region}:${var.account_id}", "YOUR-REGION-HERE:YOUR-ACCOUNT-ID-HERE",
                           "region:ACCOUNT-ID-WITHOUT-HYPHENS", "region:xxxxxxxxxxxx"}) {
    CAPTURE(head);
    auto out = run(std::string(R"({"Resource":"arn:aws:iot:)") + head + R"(:topic/a"})", usual());
    REQUIRE(out.value.has_value());
    CHECK(*out.value == R"({"Resource":"arn:aws:iot:eu-west-1:210987654321:topic/a"})");
  }
}

TEST_CASE("examples in double braces are replaced on request, and are leftovers else") {
  const std::string text = R"(["arn:aws:iot:{{us-east-1}}:{{123456789012}}:topic/{{site}}"])";
  auto values = usual();
  values.set = {{"site", "north"}};
  const auto kept = run(text, values);
  CHECK_FALSE(kept.value.has_value());
  REQUIRE(kept.diagnostics.size() == 1);
  CHECK(kept.diagnostics[0].message == "`{{us-east-1}}` is still a placeholder");
  CHECK(kept.diagnostics[0].help == "--replace-examples fills it too, with --region and --account");
  CHECK(run(R"(["arn:aws:iot:eu-west-1:{{123456789012}}:topic/a"])", values).diagnostics[0].help == kept.diagnostics[0].help);
  CHECK(policies::detail::in_double_braces("{{a}}") == "a");
  for (const char* open : {"{{abc", "abc}}", "{{abc}", "{{}}", "{}"}) CHECK(policies::detail::in_double_braces(open).empty());
  values.examples = policies::example_arns::replace;
  CHECK(*run(text, values).value == R"(["arn:aws:iot:eu-west-1:210987654321:topic/north"])");
}

TEST_CASE("what Fn::Sub fills in is no leftover of an ARN") {
  const auto fine = [](const std::string& text) { return run(text, usual()).value.has_value(); };
  CHECK(fine(R"({"Fn::Sub":"arn:aws:iot:${Region}:${Account}:topic/a"})"));
  CHECK(fine(R"({"Fn::Sub":["arn:aws:iot:${R}:210987654321:topic/a",{"R":"eu-west-1"}]})"));
  CHECK_FALSE(fine(R"({"Fn::Sub":"arn:aws:iot:${Region}:1234:topic/a"})"));
  CHECK_FALSE(fine(R"({"Fn::Sub":"arn:aws:iot:eu:${Account}:topic/a"})"));
  CHECK_FALSE(fine(R"({"Fn::Sub":"arn:aws:iot:${AWS::StackName}:${Account}:topic/a"})"));
  CHECK_FALSE(fine(R"({"Fn::Sub":"arn:aws:iot:<zone>:${Account}:topic/a"})"));
  CHECK_FALSE(fine(R"({"Resource":"arn:aws:iot:${Zone}:210987654321:topic/a"})"));
  const std::string kept = R"({"Fn::Sub":"arn:aws:iot:${Region}:${Account}:topic/a"})";
  CHECK(*run(kept, usual()).value == kept);
  CHECK(*run(R"({"Fn::Sub":"arn:aws:iot:${AWS::Region}:${AWS::AccountId}:topic/a"})", usual()).value == R"({"Fn::Sub":"arn:aws:iot:eu-west-1:210987654321:topic/a"})");
}

TEST_CASE("a region to fill in that is none leaves the partition alone and is a leftover itself") {
  auto values = usual();
  values.region = "mars";
  const auto out = run(R"(["arn:aws-cn:iot:aws-region:aws-account-id:topic/a"])", values);
  CHECK_FALSE(out.value.has_value());
  REQUIRE(out.diagnostics.size() == 1);
  CHECK(out.diagnostics[0].message == "`mars` is still a placeholder");
}

TEST_CASE("a whole string in angle brackets is filled by its name") {
  auto values = usual();
  values.set = {{"NAME", "fleet"}};
  CHECK(*run(R"({"a":"<NAME>"})", values).value == R"({"a":"fleet"})");
  CHECK_FALSE(run(R"({"a":"<OTHER>"})", values).value.has_value());
  for (const char* kept : {R"({"a":"<>"})", R"({"a":"<NAME> and more"})", R"({"a":"more <NAME>"})"}) CHECK(*run(kept, values).value == kept);
}

TEST_CASE("what --set fills in is not read again, and a name stands for itself once") {
  struct row {
    const char* name;
    std::map<std::string, std::string> set;
    const char *in, *out;
  };
  const std::vector<row> rows{
      {"a value is a name too", {{"building", "floor"}, {"floor", "3"}}, "building/floor/x", "floor/3/x"},
      {"in brackets too", {{"a", "<b>"}, {"b", "[c]"}, {"c", "d"}}, "x<b>y/[c]", "x[c]y/d"},
      {"every form", {{"n", "v"}}, "n/$n/<n>/[n]/{{n}}/x<n>y[n]z{{n}}/n", "v/v/v/v/v/xvyvzv/v"},
      {"a level is whole", {{"n", "v"}}, "nn/n n/$$n/-$n/n:n", "nn/n n/$$n/-$n/v:v"},
      {"the longer level wins", {{"$n", "long"}, {"n", "short"}}, "$n/n", "long/short"},
      {"the outer brackets win", {{"<n>", "outer"}, {"n", "inner"}}, "x[<n>]/x<n>", "xouter/xinner"},
      {"brackets inside others", {{"n", "v"}}, "{{{n}}}/<x<n>/[[n]]", "{v}/<xv/[v]"},
      {"a name has levels", {{"a/b", "v"}}, "x/[a/b]/a/b", "x/v/a/b"},
      {"open to the end", {{"n", "v"}}, "[n/<n", "[n/<n"},
      {"an empty name is none", {{"", "v"}, {"n", "v"}}, "a//[]/n", "a//[]/v"},
      {"nothing but an empty name", {{"", "v"}}, "a//[]", "a//[]"},
  };
  const std::string head = "arn:aws:iot:eu-west-1:210987654321:topic/";
  for (const row& each : rows) {
    CAPTURE(each.name);
    policies::render_values values = usual();
    values.set = each.set;
    const auto out = run("[\"" + head + each.in + "\"]", values);
    REQUIRE(out.value.has_value());
    CHECK(*out.value == "[\"" + head + each.out + "\"]");
  }
}

TEST_CASE("what the options fill in is not read again either") {
  policies::render_values values = usual();
  values.set = {{"eu-west-1", "x"}, {"210987654321", "x"}, {"Fleet", "x"}, {"rest", "json"}};
  CHECK(*run(R"(["arn:aws:iot:aws-region:aws-account-id:topic/$aws/provisioning-templates/templateName/provision/rest"])", values).value ==
        R"(["arn:aws:iot:eu-west-1:210987654321:topic/$aws/provisioning-templates/Fleet/provision/json"])");
  CHECK(*run(R"({"Fn::Join":["",["arn:aws:iot:","aws-region",":","aws-account-id",":topic/$aws/provisioning-templates/templateName/rest"]]})", values).value ==
        R"({"Fn::Join":["",["arn:aws:iot:","eu-west-1",":","210987654321",":topic/$aws/provisioning-templates/Fleet/json"]]})");
}

TEST_CASE("names are filled in in linear time") {
  policies::render_values values = usual();
  values.set = {{"name", "v"}};
  const std::string full = "arn:aws:iot:eu-west-1:210987654321:topic/", many(400000, '<');
  CHECK(run("[\"" + full + many + "\"]", values).value.has_value());
  std::string arns = "see", filled = "see";
  for (int i = 0; i < 8000; ++i) {
    arns += " arn:aws:iot:aws-region:210987654321:topic/name";
    filled += " " + full + "v";
  }
  const bool all = *run("[\"" + arns + "\"]", values).value == "[\"" + filled + "\"]";
  CHECK(all);
}

TEST_CASE("the name in the ARN of a provisioning template is filled in, and left open it is a leftover") {
  const std::string open = "arn:aws:iot:aws-region:aws-account-id:provisioningtemplate/", full = "arn:aws:iot:eu-west-1:210987654321:provisioningtemplate/";
  for (const char* name : {"templateName", "<template-name>", "provisioningTemplateName", "${TemplateName}"}) {
    CAPTURE(name);
    CHECK(*run("[\"" + open + name + "\"]", usual()).value == "[\"" + full + "Fleet\"]");
    policies::render_values unnamed = usual();
    unnamed.template_name.clear();
    const auto left = run("[\"" + open + name + "\"]", unnamed);
    REQUIRE(left.diagnostics.size() == 1);
    CHECK(left.diagnostics[0].help == "give the template with --template-name");
  }
  CHECK(*run(R"({"Fn::Join":["",["arn:aws:iot:","aws-region",":aws-account-id:provisioningtemplate/templateName"]]})", usual()).value ==
        R"({"Fn::Join":["",["arn:aws:iot:","eu-west-1",":210987654321:provisioningtemplate/Fleet"]]})");
  for (const char* kept : {"provisioningtemplate/Mine", "provisioningtemplate/*", "provisioningtemplate", "topic/provisioningtemplate/templateName"}) {
    CAPTURE(kept);
    const std::string text = "[\"arn:aws:iot:eu-west-1:210987654321:" + std::string(kept) + "\"]";
    CHECK(*run(text, usual()).value == text);
  }
  CHECK(fires(lint_text(policy({statement("Allow", "iot:Publish", "provisioningtemplate/templateName")})), "P070"));
}

TEST_CASE("every ARN of a string is filled in, wherever the first one begins") {
  const std::string open = "arn:aws:iot:region:account-id:topic/", full = "arn:aws:iot:eu-west-1:210987654321:topic/";
  for (const std::string between : {", ", ",", " ", " and "}) {
    CAPTURE(between);
    for (const std::string before : {"", "x ", "see: "}) {
      CAPTURE(before);
      CHECK(*run("[\"" + before + open + "x" + between + open + "y z\"]", usual()).value == "[\"" + before + full + "x" + between + full + "y z\"]");
    }
  }
  // In a policy inside a string, each value is written as deep as that string is.
  policies::render_values values = usual();
  values.set["x"] = R"(a"b)";
  for (const std::string quote : {R"(\")", R"(\\\")"}) {
    CAPTURE(quote);
    const auto out = run(R"(["{)" + quote + "Sid" + quote + ":" + quote + "see " + open + "a, " + open + "<x>" + quote + R"(}"])", values);
    REQUIRE(out.value.has_value());
    CHECK(out.value->find(full + "a, " + full + "a" + (quote.size() == 2 ? R"(\\\")" : R"(\\\\\\\")") + "b") != std::string::npos);
  }
}
