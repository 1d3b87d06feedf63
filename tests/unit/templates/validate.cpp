#include "unit/templates/reading.hpp"

#include <algorithm>

using namespace test;

namespace {

constexpr std::string_view one = R"("S":{"Type":"String"})";

std::vector<diagnostic> validate(std::string_view text, template_kind kind = template_kind::fleet,
                                 templates::hook_presence hook = templates::hook_presence::unknown) {
  return templates::validate(*templates::parse(read(text), kind).value, {hook});
}

std::string text_at(std::string_view document, const diagnostic& d) {
  return std::string(document.substr(d.where.begin, d.where.end - d.where.begin));
}

std::string escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

TEST_CASE("an undeclared reference is found in Ref and in Fn::Sub, with the nearest name") {
  for (const std::string_view value : {R"({"Ref":"SerialNo"})", R"({"Fn::Sub":"x${SerialNo}"})", R"({"Fn::Join":["",[{"Ref":"SerialNo"}]]})"}) {
    const auto found = validate(fleet("\"ThingName\":" + std::string(value), R"("SerialNo1":{"Type":"String"})"));
    const diagnostic* d = find(found, rule_id::undeclared_reference);
    REQUIRE(d != nullptr);
    CHECK(d->help.find("SerialNo1") != std::string::npos);
    CHECK(d->level == fleetprov::severity::error);
  }
}

TEST_CASE("subject values may be referenced in JITP only and the id not in bulk") {
  const std::string named = fleet(R"("ThingName":{"Ref":"AWS::IoT::Certificate::CommonName"})");
  CHECK(find(validate(named, template_kind::jitp), rule_id::undeclared_reference) == nullptr);
  CHECK(find(validate(named, template_kind::fleet), rule_id::undeclared_reference) != nullptr);
  CHECK(find(validate(fleet("\"ThingName\":\"a\""), template_kind::bulk), rule_id::undeclared_reference) != nullptr);
}

TEST_CASE("map keys that can never exist are found, possible ones are not") {
  const auto fires = [](std::string_view call) {
    const auto found = validate(fleet("\"ThingName\":\"a\"", one, ",\"Mappings\":{\"M\":{\"eu-1\":{\"u\":\"1\"},\"us-1\":{\"v\":\"2\"}}},\"DeviceConfiguration\":{\"d\":" +
                                                                      std::string(call) + "}"));
    return find(found, rule_id::impossible_map_key) != nullptr;
  };
  CHECK_FALSE(fires(R"({"Fn::FindInMap":["M","eu-1","u"]})"));
  CHECK_FALSE(fires(R"({"Fn::FindInMap":["M",{"Ref":"S"},"u"]})"));
  CHECK_FALSE(fires(R"({"Fn::FindInMap":["M",{"Fn::Sub":"eu-${S}"},"u"]})"));
  CHECK(fires(R"({"Fn::FindInMap":["M","eu-1","v"]})"));
  CHECK(fires(R"({"Fn::FindInMap":["M","eu-2","u"]})"));
  CHECK(fires(R"({"Fn::FindInMap":["M",{"Ref":"S"},"w"]})"));
  CHECK(fires(R"({"Fn::FindInMap":["M",{"Fn::Sub":"ap-${S}"},"u"]})"));
  CHECK(fires(R"({"Fn::FindInMap":["M",{"Fn::Sub":"${S}-2"},"u"]})"));
  CHECK(fires(R"({"Fn::FindInMap":["M",{"Fn::Sub":"us-${S}"},"u"]})"));
}

TEST_CASE("Select is out of bounds only where the length is known") {
  const auto fires = [](std::string_view call) {
    return find(validate(fleet("\"ThingName\":" + std::string(call), one)), rule_id::select_out_of_bounds) != nullptr;
  };
  CHECK(fires(R"({"Fn::Select":["1",["a"]]})"));
  CHECK(fires(R"({"Fn::Select":["0",[]]})"));
  CHECK(fires(R"({"Fn::Select":["2",{"Fn::Split":["-","a-b"]}]})"));
  CHECK_FALSE(fires(R"({"Fn::Select":["1",{"Fn::Split":["-","a-b"]}]})"));
  CHECK_FALSE(fires(R"({"Fn::Select":["9",{"Fn::Split":["-",{"Ref":"S"}]}]})"));
  CHECK_FALSE(fires(R"({"Fn::Select":[{"Ref":"S"},["a"]]})"));
}

TEST_CASE("a thing name that is bad for every device is an error, one that may be bad a note") {
  const auto rule_of = [](std::string_view name) {
    const auto found = validate(fleet("\"ThingName\":" + std::string(name), one));
    if (find(found, rule_id::impossible_thing_name) != nullptr) return std::string("error");
    return find(found, rule_id::unbounded_thing_name) != nullptr ? std::string("note") : std::string("none");
  };
  CHECK(rule_of("\"a b\"") == "error");
  CHECK(rule_of("\"\"") == "error");
  CHECK(rule_of("\"" + std::string(129, 'a') + "\"") == "error");
  CHECK(rule_of("\"" + std::string(128, 'a') + "\"") == "none");
  CHECK(rule_of(R"({"Fn::Join":[" ",["a",{"Ref":"S"}]]})") == "error");
  CHECK(rule_of(R"({"Fn::Join":[" ",[{"Ref":"S"}]]})") == "note");
  CHECK(rule_of(R"({"Fn::Join":["",["a",{"Ref":"S"}]]})") == "note");
  CHECK(rule_of(R"({"Fn::Join":["",[")" + std::string(64, 'a') + R"(",{"Ref":"AWS::IoT::Certificate::Id"}]]})") == "none");
  CHECK(rule_of(R"({"Fn::Join":["",[")" + std::string(65, 'a') + R"(",{"Ref":"AWS::IoT::Certificate::Id"}]]})") == "error");
}

TEST_CASE("without a hook a device-chosen name is a warning, with one it is not") {
  const std::string chosen = fleet(R"("ThingName":{"Ref":"S"})", one);
  const auto bare = validate(chosen);
  REQUIRE(find(bare, rule_id::no_hook) != nullptr);
  CHECK(find(bare, rule_id::no_hook)->level == fleetprov::severity::warning);
  CHECK(find(bare, rule_id::no_hook)->message.find("any thing name") != std::string::npos);
  REQUIRE(find(bare, rule_id::unverified_thing_name) != nullptr);
  CHECK(text_at(chosen, *find(bare, rule_id::unverified_thing_name)) == R"({"Ref":"S"})");
  const auto hooked = validate(chosen, template_kind::fleet, templates::hook_presence::present);
  CHECK(find(hooked, rule_id::no_hook) == nullptr);
  CHECK(find(hooked, rule_id::unverified_thing_name) == nullptr);
  const auto own = validate(fleet(R"("ThingName":{"Ref":"AWS::IoT::Certificate::Id"})"));
  CHECK(find(own, rule_id::unverified_thing_name) == nullptr);
}

TEST_CASE("a thing alone is fine in bulk, without a certificate nothing else is") {
  const std::string_view alone = R"({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":"a"}}}})";
  CHECK(find(validate(alone, template_kind::bulk), rule_id::missing_certificate)->level == fleetprov::severity::note);
  CHECK(find(validate(alone, template_kind::fleet), rule_id::missing_certificate)->level == fleetprov::severity::error);
}

TEST_CASE("findings in an escaped policy document point into the string") {
  const std::string_view policy = R"({"Version": "2012-10-17", "Statement": [{"Effect": "Alow", "Action": ["iot:Connect"], "Resource": ["*"]}]})";
  const std::string document =
      "{\n\"Resources\": {\"p\": {\"Type\": \"AWS::IoT::Policy\",\n\"Properties\": {\"PolicyDocument\": \"" + escape(policy) + "\"}}}}";
  const auto found = validate(document);
  const auto inside = std::find_if(found.begin(), found.end(), [](const diagnostic& d) {
    return d.broken->id[0] == 'P' && d.level == fleetprov::severity::error;
  });
  REQUIRE(inside != found.end());
  CHECK(inside->pointer == "/Resources/p/Properties/PolicyDocument");
  CHECK(inside->message.find("/Statement/0/Effect") != std::string::npos);
  CHECK(text_at(document, *inside) == "\\\"Alow\\\"");
  CHECK(read(document).locate(inside->where.begin).line == 3);
}

TEST_CASE("findings in an object policy document have their own pointer") {
  const std::string document = fleet("\"ThingName\":\"a\"");
  const std::string with_object = [&] {
    std::string out = document;
    const std::string_view from = "\"PolicyName\":\"p\"";
    return out.replace(out.find(from), from.size(), R"("PolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Alow","Action":"iot:Connect","Resource":"*"}]})");
  }();
  const auto found = validate(with_object);
  const auto inside = std::find_if(found.begin(), found.end(), [](const diagnostic& d) {
    return d.broken->id[0] == 'P' && d.level == fleetprov::severity::error;
  });
  REQUIRE(inside != found.end());
  CHECK(inside->pointer == "/Resources/policy/Properties/PolicyDocument/Statement/0/Effect");
  CHECK(text_at(with_object, *inside) == "\"Alow\"");
}

TEST_CASE("a policy document that is no JSON is found at its byte") {
  const std::string document = R"({"Resources":{"p":{"Type":"AWS::IoT::Policy","Properties":{"PolicyDocument":"{\"Version\": \u0022x\u0022,}"}}}})";
  const auto found = validate(document);
  const diagnostic* d = find(found, "J001");
  REQUIRE(d != nullptr);
  CHECK(d->pointer == "/Resources/p/Properties/PolicyDocument");
  CHECK(text_at(document, *d) == ",");
}

TEST_CASE("functions inside a policy object are checked and warned about") {
  const auto found = validate(
      R"({"Parameters":{"S":{"Type":"String"}},"Resources":{"p":{"Type":"AWS::IoT::Policy","Properties":{"PolicyDocument":{"Version":"2012-10-17",)"
      R"("Statement":[{"Effect":"Allow","Action":"iot:Connect","Resource":{"Fn::Sub":"arn:aws:iot:us-east-1:123456789012:client/${S}${iot:ClientId}"}}]}}}}})");
  CHECK(find(found, rule_id::parameter_in_policy) != nullptr);
  const diagnostic* d = find(found, rule_id::undeclared_reference);
  REQUIRE(d != nullptr);
  CHECK(d->help.find("${!iot:ClientId}") != std::string::npos);
}

TEST_CASE("hostile templates are checked without multiplying work") {
  std::string sub = "\"x\"", refs = "\"x\"";
  for (int i = 0; i < 18; ++i) sub = R"({"Fn::Sub":["${V}${V}${V}${V}${V}${V}${V}${V}${V}${V}${V}${V}",{"V":)" + sub + "}]}";
  for (int i = 0; i < 25; ++i) refs = R"({"Fn::FindInMap":[)" + refs + ",\"x\",\"k\"]}";
  CHECK_FALSE(validate(fleet("\"ThingName\":" + sub)).empty());
  CHECK_FALSE(validate(fleet("\"ThingName\":" + refs)).empty());
}

TEST_CASE("a second certificate, a map value that no name can hold and an index that is no number are found") {
  const std::string two = R"({"Resources":{"a":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Fn::Sub":"${AWS::IoT::Certificate::Id}"}}},
    "b":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"}}}}})";
  const auto several = validate(two);
  REQUIRE(find(several, rule_id::several_resources) != nullptr);
  CHECK(find(several, rule_id::several_resources)->message.find("`b`") != std::string::npos);
  CHECK(find(several, rule_id::foreign_certificate_id) == nullptr);  // Fn::Sub of the id alone is the id

  const std::string maps = R"(,"Mappings":{"M":{"good":{"n":"abc","l":["x","y"]},"bad":{"n":"a b"}}})";
  const auto named = [&](std::string_view value) { return validate(fleet("\"ThingName\":" + std::string(value), one, maps)); };
  const diagnostic* d = nullptr;
  const auto possible = named(R"({"Fn::FindInMap":["M",{"Ref":"S"},"n"]})");
  d = find(possible, rule_id::impossible_thing_name);
  REQUIRE(d != nullptr);
  CHECK(d->level == fleetprov::severity::warning);
  CHECK(d->message.find("`a b`, which the map can give") != std::string::npos);
  CHECK(find(named(R"({"Fn::FindInMap":["M","good","n"]})"), rule_id::impossible_thing_name) == nullptr);
  CHECK(find(named(R"({"Fn::Select":["0",{"Fn::FindInMap":["M","good","l"]}]})"), rule_id::select_out_of_bounds) == nullptr);
  CHECK(find(named(R"({"Fn::Select":["2",{"Fn::FindInMap":["M","good","l"]}]})"), rule_id::select_out_of_bounds) != nullptr);
  CHECK(find(named(R"({"Fn::Select":["2",{"Fn::FindInMap":["M",{"Ref":"S"},"l"]}]})"), rule_id::select_out_of_bounds) == nullptr);
  CHECK(find(named(R"({"Fn::Select":[{"Fn::Join":["",["o","ne"]]},["a","b"]]})"), rule_id::select_out_of_bounds) != nullptr);
  CHECK(find(named(R"({"Fn::Select":[{"Fn::Join":["",["18446744073709551616"]]},["a","b"]]})"), rule_id::select_out_of_bounds) != nullptr);
}

TEST_CASE("words that a partly known value can still become are not called impossible") {
  const auto maps = [](std::string_view key) {
    const auto found = validate(fleet("\"ThingName\":\"a\"", one, ",\"Mappings\":{\"M\":{\"eu-1\":{\"u\":\"1\"}}},\"DeviceConfiguration\":{\"d\":{\"Fn::FindInMap\":[\"M\"," +
                                                                      std::string(key) + ",\"u\"]}}"));
    return find(found, rule_id::impossible_map_key) != nullptr;
  };
  CHECK_FALSE(maps(R"({"Fn::Sub":"${S}-1"})"));
  CHECK_FALSE(maps(R"({"Fn::Sub":"e${S}1"})"));
  CHECK(maps(R"({"Fn::Sub":"${S}-2"})"));
  CHECK(maps(R"({"Fn::Sub":"eu-1${S}-1"})"));
}
