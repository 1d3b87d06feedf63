// Grammar findings: rule, severity, pointer and place.

#include "support/catch.hpp"

#include <fleetprov/policies/document.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace policies = fleetprov::policies;
using fleetprov::diagnostic;
using fleetprov::severity;

namespace {

/// A whole policy around one statement.
std::string policy(const std::string& statement) {
  return R"({"Version":"2012-10-17","Statement":[)" + statement + "]}";
}
std::string with_resource(const std::string& resource) {
  return policy(R"({"Effect":"Allow","Action":"iot:Publish","Resource":)" + resource + "}");
}
std::string with_condition(const std::string& block) {
  return policy(R"({"Effect":"Allow","Action":"iot:Connect","Resource":"*","Condition":)" + block + "}");
}

const diagnostic* find(const fleetprov::outcome<policies::policy_document>& got, const std::string& id) {
  for (const diagnostic& d : got.diagnostics)
    if (d.broken->id == id) return &d;
  return nullptr;
}

struct expected {
  std::string text, id, pointer;
  severity level;
  std::string at;  ///< what stands at the place
};

}  // namespace

TEST_CASE("each grammar mistake is reported with its rule, severity, pointer and place") {
  const std::vector<expected> all{
      {"[]", "P001", "", severity::error, "[]"},
      {R"({"Version":"2012-10-17"})", "P002", "", severity::error, "{"},
      {R"({"Version":"2012-10-17","Statement":[]})", "P003", "/Statement", severity::error, "[]"},
      {policy(R"({"Effect":"Allow","Action":"*","Resource":"*","Bool":{"a":"true"}})"), "P004", "/Statement/0/Bool", severity::error, "\"Bool\""},
      {R"({"version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}})", "P004", "/version", severity::error, "\"version\""},
      {policy(R"({"Effect":"Allow","Action":["iot:Publish",1],"Resource":"*"})"), "P005", "/Statement/0/Action/1", severity::error, "1"},
      {with_resource("null"), "P005", "/Statement/0/Resource", severity::error, "null"},
      {with_condition("[]"), "P005", "/Statement/0/Condition", severity::error, "[]"},
      {with_condition(R"({"StringEquals":{"a":{"b":"c"}}})"), "P005", "/Statement/0/Condition/StringEquals/a", severity::error, R"({"b":"c"})"},
      {R"({"Version":"2024-01-01","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}})", "P006", "/Version", severity::error, "\"2024-01-01\""},
      {R"({"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}})", "P007", "", severity::warning, "{"},
      {policy(R"({"Action":"*","Resource":"*"})"), "P008", "/Statement/0", severity::error, "{"},
      {policy(R"({"Effect":"allow","Action":"*","Resource":"*"})"), "P009", "/Statement/0/Effect", severity::error, "\"allow\""},
      {policy(R"({"Effect":"Allow","Resource":"*"})"), "P010", "/Statement/0", severity::error, "{"},
      {policy(R"({"Effect":"Allow","Action":"*","NotAction":"*","Resource":"*"})"), "P011", "/Statement/0/NotAction", severity::error, "\"NotAction\""},
      {R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*"}})", "P012", "/Statement", severity::error, "{"},
      {policy(R"({"Effect":"Allow","Action":"*","NotResource":"*","Resource":"*"})"), "P013", "/Statement/0/NotResource", severity::error, "\"NotResource\""},
      {policy(R"({"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"})"), "P015", "/Statement/0/Principal", severity::error, "\"Principal\""},
      {policy(R"({"Effect":"Allow","NotPrincipal":"*","Action":"*","Resource":"*"})"), "P015", "/Statement/0/NotPrincipal", severity::error, "\"NotPrincipal\""},
      {policy(R"({"Effect":"Allow","Action":[],"Resource":"*"})"), "P016", "/Statement/0/Action", severity::error, "[]"},
      {with_resource("[]"), "P017", "/Statement/0/Resource", severity::error, "[]"},
      {policy(R"({"Effect":"Allow","Action":"Publish","Resource":"*"})"), "P018", "/Statement/0/Action", severity::error, "\"Publish\""},
      {policy(R"({"Effect":"Allow","Action":":Publish","Resource":"*"})"), "P018", "/Statement/0/Action", severity::error, "\":Publish\""},
      {policy(R"({"Effect":"Allow","Action":"iot:","Resource":"*"})"), "P018", "/Statement/0/Action", severity::error, "\"iot:\""},
      {with_resource(R"("\\")"), "P019", "/Statement/0/Resource", severity::error, R"("\\")"},
      {with_resource(R"(["*","topic/a"])"), "P019", "/Statement/0/Resource/1", severity::error, "\"topic/a\""},
      {with_resource(R"("[\"arn:aws:iot:us-east-1:123456789012:topic/a\"]")"), "P020", "/Statement/0/Resource", severity::error, R"("[\"arn:aws:iot:us-east-1:123456789012:topic/a\"]")"},
      {with_resource(R"("arn:aws:us-east-1:123456789012:client/a")"), "P021", "/Statement/0/Resource", severity::error, R"("arn:aws:us-east-1:123456789012:client/a")"},
      {with_resource(R"("arn:aws:us-east-1:123456789012:client/${iot:ClientId}")"), "P021", "/Statement/0/Resource", severity::error, R"("arn:aws:us-east-1:123456789012:client/${iot:ClientId}")"},
      {with_resource(R"("arn:aws:iot:*")"), "P022", "/Statement/0/Resource", severity::warning, R"("arn:aws:iot:*")"},
      {with_resource(R"("arn:aws:iot:${AWS::Region}:123456789012:topic/a")"), "P023", "/Statement/0/Resource", severity::error, R"("arn:aws:iot:${AWS::Region}:123456789012:topic/a")"},
      {with_condition(R"({"stringEquals":{"a":"b"}})"), "P024", "/Statement/0/Condition/stringEquals", severity::error, "\"stringEquals\""},
      {with_condition(R"({"NullIfExists":{"a":"true"}})"), "P025", "/Statement/0/Condition/NullIfExists", severity::warning, "\"NullIfExists\""},
      {with_resource(R"("arn:aws:iot:us-east-1:123456789012:topic/${iot:ClientId")"), "P026", "/Statement/0/Resource", severity::warning, R"("arn:aws:iot:us-east-1:123456789012:topic/${iot:ClientId")"},
      {with_resource(R"("arn:aws:iot:us-east-1:123456789012:topic/${}")"), "P027", "/Statement/0/Resource", severity::warning, R"("arn:aws:iot:us-east-1:123456789012:topic/${}")"},
      {with_resource(R"("arn:aws:iot:us-east-1:123456789012:topic/${a, b}")"), "P028", "/Statement/0/Resource", severity::warning, R"("arn:aws:iot:us-east-1:123456789012:topic/${a, b}")"},
      {with_resource(R"("arn:aws:iot:us-east-1:123456789012:topic/${ a}")"), "P029", "/Statement/0/Resource", severity::warning, R"("arn:aws:iot:us-east-1:123456789012:topic/${ a}")"},
      {R"({"Version":"2008-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:iot:us-east-1:123456789012:topic/${a}"}})", "P030", "/Statement/Resource", severity::warning, R"("arn:aws:iot:us-east-1:123456789012:topic/${a}")"},
      {R"({"Id":"x","Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}})", "P032", "/Id", severity::note, "\"Id\""},
      {with_resource(R"("arn:aws:iot:us-east-1:123456789012:/thing/a")"), "P033", "/Statement/0/Resource", severity::warning, R"("arn:aws:iot:us-east-1:123456789012:/thing/a")"},
      {with_resource(R"("arn:aws:iot:us-east-1:123456789012:topic*/a")"), "P034", "/Statement/0/Resource", severity::warning, R"("arn:aws:iot:us-east-1:123456789012:topic*/a")"},
      {with_resource(R"("arn:amazon:iot:us-east-1:123456789012:topic/a")"), "P035", "/Statement/0/Resource", severity::warning, R"("arn:amazon:iot:us-east-1:123456789012:topic/a")"},
      {with_resource(R"("arn:aws:sns:us-east-1:123456789012:topic/a")"), "P036", "/Statement/0/Resource", severity::warning, R"("arn:aws:sns:us-east-1:123456789012:topic/a")"},
      {with_resource(R"("arn:aws:iot::123456789012:topic/a")"), "P037", "/Statement/0/Resource", severity::warning, R"("arn:aws:iot::123456789012:topic/a")"},
      {with_resource(R"("arn:aws:iot:us-east-1:1234567890:topic/a")"), "P038", "/Statement/0/Resource", severity::warning, R"("arn:aws:iot:us-east-1:1234567890:topic/a")"},
      {with_resource(R"("arn:aws:iot:us-east-1:123456789012:topics/a")"), "P039", "/Statement/0/Resource", severity::warning, R"("arn:aws:iot:us-east-1:123456789012:topics/a")"},
      {with_condition(R"({"StringEquals":{"iot:ClientId":"a","iot:clientid":"b"}})"), "P040", "/Statement/0/Condition/StringEquals/iot:clientid", severity::warning, "\"iot:clientid\""},
      {policy(R"({"Effect":"Allow","Action":"iot:${a}","Resource":"*"})"), "P041", "/Statement/0/Action", severity::warning, "\"iot:${a}\""},
      {with_condition(R"({"Bool":{"a":"${b}"}})"), "P042", "/Statement/0/Condition/Bool/a", severity::warning, "\"${b}\""},
      {with_condition("{}"), "P043", "/Statement/0/Condition", severity::note, "{}"},
      {with_condition(R"({"StringEquals":{}})"), "P043", "/Statement/0/Condition/StringEquals", severity::note, "\"StringEquals\""},
      {with_condition(R"({"StringEquals":{"a":[]}})"), "P044", "/Statement/0/Condition/StringEquals/a", severity::note, "[]"},
      {R"({"Version":"2012-10-17","Version":"2008-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}})", "J006", "/Version", severity::error, "\"Version\""},
      {R"({"Version":"2012-10-17",})", "J001", "", severity::error, ","},
      {"{\xC2\xA0\"Version\":\"2012-10-17\"}", "J002", "", severity::error, "\xC2"},
  };
  for (const expected& each : all) {
    CAPTURE(each.text, each.id);
    const auto got = policies::parse_text(each.text);
    const diagnostic* d = find(got, each.id);
    REQUIRE(d != nullptr);
    CHECK(d->level == each.level);
    CHECK(d->pointer == each.pointer);
    CHECK(each.text.substr(d->where.begin, d->where.end - d->where.begin) == each.at);
    CHECK_FALSE(d->message.empty());
    CHECK(got.value.has_value() == (each.level != severity::error));
    CHECK(std::count_if(got.diagnostics.begin(), got.diagnostics.end(),
                        [](const diagnostic& one) { return one.level == severity::error; }) == (each.level == severity::error ? 1 : 0));
  }
  for (const auto& rule : policies::rules) {  // every grammar rule has a row above, but the two tested below
    if (rule.id >= "P045" || rule.id == "P014" || rule.id == "P031") continue;
    CAPTURE(std::string(rule.id));
    CHECK(std::any_of(all.begin(), all.end(), [&](const expected& each) { return each.id == rule.id; }));
  }
}

TEST_CASE("a value of the wrong type is named, whichever element it stands in") {
  const std::string rest = R"("Effect":"Allow","Action":"*","Resource":"*")";
  const std::vector<std::pair<std::string, std::string>> rows{
      {R"({"Version":2012,"Statement":{)" + rest + "}}", "/Version"},
      {R"({"Version":"2012-10-17","Id":1,"Statement":{)" + rest + "}}", "/Id"},
      {R"({"Version":"2012-10-17","Statement":"x"})", "/Statement"},
      {R"({"Version":"2012-10-17","Statement":["x"]})", "/Statement/0"},
      {policy("{\"Sid\":7," + rest + "}"), "/Statement/0/Sid"},
      {policy(R"({"Effect":true,"Action":"*","Resource":"*"})"), "/Statement/0/Effect"},
      {with_condition(R"({"StringEquals":"iot:ClientId"})"), "/Statement/0/Condition/StringEquals"},
      {with_condition(R"({"StringEquals":{"a":[{}]}})"), "/Statement/0/Condition/StringEquals/a/0"},
  };
  for (const auto& [text, pointer] : rows) {
    CAPTURE(text);
    const auto got = policies::parse_text(text);
    const diagnostic* d = find(got, "P005");
    REQUIRE(d != nullptr);
    CHECK(d->pointer == pointer);
    CHECK_FALSE(got.value);
  }
}

TEST_CASE("the help for a misspelled operator, element or action is what was meant") {
  const std::vector<std::vector<std::string>> rows{
      {with_condition(R"({"ForAllValues:stringlikeIfExists":{"a":"b"}})"), "P024", "write `ForAllValues:StringLikeIfExists`"},
      {with_condition(R"({"ForAnyValue:StringEqual":{"a":"b"}})"), "P024", "write `ForAnyValue:StringEquals`"},
      {with_condition(R"({"ArnEqualIfExists":{"a":"b"}})"), "P024", "write `ArnEqualsIfExists`"},
      {with_condition(R"({"StringNotEqual":{"a":"b"}})"), "P024", "write `StringNotEquals`"},
      {with_condition(R"({"Boolean":{"a":"b"}})"), "P024", "write `Bool`"},
      {with_condition(R"({"ForAnyValues:StringEquals":{"a":"b"}})"), "P024", "write `ForAnyValue:StringEquals`"},
      {with_condition(R"({"ForAllValue:StringLike":{"a":"b"}})"), "P024", "write `ForAllValues:StringLike`"},
      {with_condition(R"({"ForAny:StringLikeIfExists":{"a":"b"}})"), "P024", "write `ForAnyValue:StringLikeIfExists`"},
      {with_condition(R"({"iot:ClientId":{"a":"b"}})"), "P024", "this looks like a condition key"},
      {with_condition(R"({"Matches":{"a":"b"}})"), "P024", "operators are StringEquals"},
      {policy(R"({"Effect":"Allow","Action":"*","Resource":"*","Comment":"x"})"), "P004", "known here: Sid Effect"},
      {policy(R"({"Effect":"Allow","Actions":"*","Action":"*","Resource":"*"})"), "P004", "did you mean `Action`?"},
      {policy(R"({"Effect":"Allow","Action":"*","Resource":"*","Resources":"*"})"), "P004", "did you mean `Resource`?"},
      {policy(R"({"Effect":"Allow","Action":"*","Resource":"*","Conditions":{}})"), "P004", "did you mean `Condition`?"},
      {policy(R"({"Effect":"Allow","Action":"*","Resource":"*","condition":{}})"), "P004", "element names are exact: write `Condition`"},
      {with_resource(R"({"Fn::Sub":"x"})"), "P005", "`Fn::Sub` works in a template only"},
      {with_resource(R"([{"Ref":"x"}])"), "P005", "`Ref` works in a template only"},
      {policy(R"({"Effect":"Allow","Action":"iot.Connect","Resource":"*"})"), "P018", "write `iot:Connect`"},
      {policy(R"({"Effect":"Allow","Action":"iot/Connect","Resource":"*"})"), "P018", "write `iot:Connect`"},
      {"\"policy.json\"", "P001", "the text may be a file name"},
      {policy(R"({"Effect":"Allow","Action":"Publish","Resource":"*"})"), "P018", "write `iot:Publish`"},
      {policy(R"({"Effect":"Allow","Action":":Publish","Resource":"*"})"), "P018", "as in iot:Publish"},
      {policy(R"({"Effect":"Allow","Action":"","Resource":"*"})"), "P018", "as in iot:Publish"},
      {policy(R"({"Effect":"Allow","Action":" ","Resource":"*"})"), "P018", "as in iot:Publish"},
      {policy(R"({"Effect":"Allow","Action":")" + std::string(64, 'a') + R"(","Resource":"*"})"), "P018", "as in iot:Publish"},
      {policy(R"({"Effect":"Allow","Action":" [\"iot:Publish\"]","Resource":"*"})"), "P020", "remove the quotes around the array"},
      {with_resource(R"("arn:aws:iot:us-east-1:123456789012:topic")"), "P039", "add the name after a slash"},
      {with_resource(R"("arn:aws:iot:us-east-1:123456789012:topicfilters/a")"), "P039", "write `topicfilter`"},
  };
  for (const auto& row : rows) {
    CAPTURE(row[0]);
    const auto got = policies::parse_text(row[0]);
    const diagnostic* d = find(got, row[1]);
    REQUIRE(d != nullptr);
    CHECK(d->help.find(row[2]) == 0);
  }
}

TEST_CASE("every way to leave a variable's fallback unfinished is told from the others") {
  const std::vector<std::pair<std::string, std::string>> rows{
      {"${a,", "P026"}, {"${a, ", "P026"}, {"${a, 'b", "P026"}, {"${a, 'b'", "P026"}, {"${a, 'b' x", "P026"},
      {"${a, 'b}", "P028"}, {"${a, b}", "P028"}, {"${a, 'b' x}", "P026"}, {"${, 'b'}", "P027"},
      {"${a b, 'c'}", "P029"},
  };
  for (const auto& [variable, id] : rows) {
    CAPTURE(variable);
    const auto got = policies::parse_text(with_resource("\"arn:aws:iot:us-east-1:123456789012:topic/" + variable + "\""));
    CHECK(find(got, id) != nullptr);
  }
}

TEST_CASE("the size of a document made of values counts what its text would have") {
  const std::string text = R"({"a":null,"b":true,"c":-1.5,"d":"x\"y\n","e":[],"f":{},"g":[1,[2]],"h":{"i":"j"},"k":"\\\t\r\b\f\u0001\u001f"})";
  const auto source = fleetprov::json::document::from_text(text);
  REQUIRE(source.value);
  CHECK(policies::count_characters(source.value->root()) == policies::count_characters(text));
  // {"Id": "x"}
  const unsigned char cbor[] = {0xA1, 0x62, 'I', 'd', 0x61, 'x'};
  const auto binary = fleetprov::json::document::from_cbor(cbor, sizeof cbor);
  REQUIRE(binary.value);
  CHECK(policies::count_characters(binary.value->root()) == policies::count_characters(R"({"Id":"x"})"));
}

TEST_CASE("a policy that came as CBOR or that a program made is counted as its text would be, and has no place") {
  // {"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}
  const std::string_view bytes = "\xA1\x69Statement\xA3\x66" "Effect\x64" "Deny\x66" "Action\x61*\x68Resource\x61*";
  const auto source = fleetprov::json::document::from_cbor(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  REQUIRE(source.value);
  const auto got = policies::parse(*source.value);
  REQUIRE(got.value);
  CHECK(got.value->characters == policies::count_characters(R"({"Statement":{"Effect":"Deny","Action":"*","Resource":"*"}})"));
  fleetprov::json::value made;
  made.what = fleetprov::json::kind::object;
  const auto refused = policies::parse(made, "");
  const diagnostic* d = find(refused, "P002");
  REQUIRE(d != nullptr);
  CHECK(d->where == fleetprov::source_range{});
}

TEST_CASE("an error that comes after a thousand warnings is still shown") {
  std::string actions;
  for (int i = 0; i < 1100; ++i) actions += R"("iot:${a}",)";
  actions.pop_back();
  const auto got = policies::parse_text(policy(R"({"Effect":"Allow","Action":[)" + actions + R"(],"Resource":"x"})"));
  CHECK(got.diagnostics.size() == 1001);
  CHECK(find(got, "P019") != nullptr);
  CHECK_FALSE(got.value);
}

TEST_CASE("the same key twice under one operator is the JSON reader's finding alone") {
  const auto got = policies::parse_text(with_condition(R"({"StringEquals":{"a":"x","a":"y"}})"));
  CHECK(find(got, "J006") != nullptr);
  CHECK(find(got, "P040") == nullptr);
}

TEST_CASE("condition keys ignore case, the attribute names in them do not") {
  const auto same = [](const std::string& a, const std::string& b) {
    const auto got = policies::parse_text(
        with_condition(R"({"StringEquals":{"iot:Connection.Thing.)" + a + R"(":"x","iot:connection.thing.)" + b + R"(":"y"}})"));
    return find(got, "P040") != nullptr;
  };
  CHECK(same("Attributes[a]", "attributes[a]"));
  CHECK_FALSE(same("Attributes[a]", "attributes[A]"));
  CHECK(same("ThingName", "thingname"));
}

TEST_CASE("where the language has no variables, a value that looks like one is no mistake of the operator") {
  const auto got = policies::parse_text(
      R"({"Version":"2008-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"a":"${b}"}}}})");
  CHECK(got.value.has_value());
  CHECK(find(got, "P042") == nullptr);
}

TEST_CASE("a condition without values says when it holds") {
  const auto meaning = [](const std::string& operation) {
    const auto got = policies::parse_text(with_condition("{\"" + operation + R"(":{"a":[]}})"));
    const diagnostic* d = find(got, "P044");
    REQUIRE(d != nullptr);
    return d->message;
  };
  CHECK(meaning("StringEquals") == "no values: it never holds");
  CHECK(meaning("StringEqualsIfExists") == "no values: it holds only if the request lacks the key");
  CHECK(meaning("ForAllValues:StringEquals") == "no values: it holds only for a request without values");
}

TEST_CASE("conditions alone are read with their place, and have no value if one is wrong") {
  const auto block = [](const std::string& text) {
    const auto source = fleetprov::json::document::from_text(text);
    REQUIRE(source.value);
    return policies::parse_conditions(source.value->root(), policies::language::v2012, "/Condition");
  };
  CHECK(block(R"({"Bool":{"a":"true"}})").value.has_value());
  const auto wrong = block(R"({"Bool":{"a":"true"},"Matches":{"a":"b"}})");
  CHECK_FALSE(wrong.value);
  REQUIRE(wrong.diagnostics.size() == 1);
  CHECK(wrong.diagnostics[0].pointer == "/Condition/Matches");
}

TEST_CASE("what looks like a mistake and is none stays without a finding") {
  for (const std::string& text : {
           with_resource(R"(["*","arn:aws:iot:*:*:topic/x","arn:aws:iot:us-east-1:123456789012:*","arn:aws-cn:iot:cn-north-1:123456789012:topic/$aws/a"])"),
           with_resource(R"("arn:aws:iot:us-east-1:123456789012:topic/${iot:Connection.Thing.Attributes[a,b]}/${iot:ClientId, 'none'}/${*}/$a/:/+/#")"),
           with_condition(R"({"Bool":{"iot:Connection.Thing.IsAttached":[true]},"NumericLessThan":{"a":1},"ForAllValues:StringNotLikeIfExists":{"b":"c"}})"),
           policy(R"({"Sid":"a","Effect":"Deny","NotAction":["iot:Connect","*","IOT:pub*"],"NotResource":"arn:aws:iot:us-east-1:123456789012:topic/a"})"),
           std::string(R"({"Version":"2008-10-17","Statement":{"Effect":"Allow","Action":"greengrass:*","Resource":"*"}})"),
       }) {
    CAPTURE(text);
    const auto got = policies::parse_text(text);
    CHECK(got.diagnostics.empty());
    CHECK(got.value.has_value());
  }
}

TEST_CASE("one run reports every mistake, sorted by place") {
  const auto got = policies::parse_text(R"({"Version":"1","Statement":[{"Effect":"allow","Action":[],"Resource":"a"},7]})");
  std::vector<std::string> ids;
  for (const diagnostic& d : got.diagnostics) ids.emplace_back(d.broken->id);
  CHECK(ids == std::vector<std::string>{"P006", "P009", "P016", "P019", "P005"});
}

TEST_CASE("the size limit counts characters, not bytes, and no blanks between tokens") {
  CHECK(policies::count_characters(R"({ "a b" : "\" " })") == 16 - 3);
  CHECK(policies::count_characters("{\"\xC3\xA9\" :1}") == 7);
  const auto sized = [](std::size_t size) {
    const std::string empty = with_resource(R"("arn:aws:iot:us-east-1:123456789012:topic/")");
    std::string text = with_resource(R"("arn:aws:iot:us-east-1:123456789012:topic/)" + std::string(size - empty.size(), 'a') + "\"");
    return text.insert(1, " \n\t\r ");
  };
  const auto fits = policies::parse_text(sized(2048));
  REQUIRE(fits.value);
  CHECK(fits.value->characters == 2048);
  const auto large = policies::parse_text(sized(2049));
  CHECK(find(large, "P031") != nullptr);
  CHECK_FALSE(large.value.has_value());
}

TEST_CASE("a policy inside a template is read at its place and counted as if written shortest") {
  const auto source = fleetprov::json::document::from_text(
      R"({"PolicyDocument": { "Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "x", "Resource": "*"} }})");
  REQUIRE(source.value);
  const auto got = policies::parse(*source.value->find("/PolicyDocument"), "/PolicyDocument");
  const diagnostic* d = find(got, "P018");
  REQUIRE(d != nullptr);
  CHECK(d->pointer == "/PolicyDocument/Statement/Action");
  const std::string shortest = R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"x","Resource":"*"}})";
  CHECK(policies::count_characters(*source.value->find("/PolicyDocument")) == shortest.size());
}

TEST_CASE("the tree keeps the place of every string and key") {
  const std::string text = with_condition(R"({"ForAnyValue:StringLike":{"iot:ConnectAttributes":["a","b*"]}})");
  const auto got = policies::parse_text(text);
  REQUIRE(got.value);
  const policies::statement& s = got.value->statements.at(0);
  const auto at = [&](const policies::text_node& n) { return text.substr(n.where.begin, n.where.end - n.where.begin); };
  CHECK(at(s.action_key) == "\"Action\"");
  CHECK(at(s.actions.at(0)) == "\"iot:Connect\"");
  CHECK(s.pointer == "/Statement/0");
  REQUIRE(s.conditions.size() == 1);
  const policies::condition& c = s.conditions[0];
  CHECK(at(c.operation) == "\"ForAnyValue:StringLike\"");
  CHECK(at(c.key) == "\"iot:ConnectAttributes\"");
  CHECK(c.parsed.over == policies::quantifier::for_any_value);
  CHECK(at(c.values.at(1)) == "\"b*\"");
  CHECK(c.values.at(1).pointer == "/Statement/0/Condition/ForAnyValue:StringLike/iot:ConnectAttributes/1");
}

TEST_CASE("hostile documents end in findings, quickly") {
  std::string many = "[";
  for (int i = 0; i < 200000; ++i) many += "1,";
  many.back() = ']';
  const auto wrong = policies::parse_text(R"({"Version":"2012-10-17","Statement":)" + many + "}");
  CHECK_FALSE(wrong.value.has_value());
  CHECK(wrong.diagnostics.size() <= 1001);
  std::string braces;
  for (int i = 0; i < 200000; ++i) braces += "${a";
  CHECK_FALSE(policies::parse_text(with_resource("\"arn:aws:iot:us-east-1:123456789012:topic/" + braces + "\"")).value.has_value());
  CHECK_FALSE(policies::parse_text(std::string(100000, '[')).value.has_value());
}

TEST_CASE("an escaped NUL is refused wherever it stands") {
  for (const char* text : {R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"arn:aws:iot:us-east-1:123456789012:topic/a\u0000"}]})",
                           R"({"Version":"2012-10-17","Statement":{"Sid":"\u0000","Effect":"Allow","Action":"*","Resource":"*"}})",
                           R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"a\u0000":"b"}}}})"}) {
    CAPTURE(text);
    const auto got = policies::parse_text(text);
    CHECK_FALSE(got.value.has_value());
    const diagnostic* d = find(got, "P045");
    REQUIRE(d != nullptr);
    CHECK(d->where.end > d->where.begin);
  }
}
