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

TEST_CASE("what a reference to no parameter was meant to be is told") {
  const auto help = [](std::string_view reference, template_kind kind = template_kind::fleet, std::string_view parameters = "") {
    const auto found = validate(fleet("\"ThingName\":{\"Fn::Sub\":\"a${" + std::string(reference) + "}\"}", parameters), kind);
    const diagnostic* d = find(found, rule_id::undeclared_reference);
    return d == nullptr ? std::string() : d->help;
  };
  CHECK(help("aws:username") == "a policy variable inside Fn::Sub is written `${!aws:username}`");
  CHECK(help("iot:ClientId") == "a policy variable inside Fn::Sub is written `${!iot:ClientId}`");
  CHECK(help("AWS::Region") == "CloudFormation's pseudo parameters do not exist here");
  CHECK(help("AWS::IoT::Certificate::Country") == "values of the certificate's subject exist in JITP templates only");
  CHECK(help("AWS::IoT::Certificate::Id", template_kind::bulk) == "bulk registration has no certificate id to fill in");
  CHECK(help("Serial") == "declare it under Parameters");
  const std::string far(70, 'z');
  CHECK(help("Serial", template_kind::fleet, "\"" + far + "\":{\"Type\":\"String\"}") == "declare it under Parameters");
}

TEST_CASE("a parameter that nothing uses is told, the certificate id's own declaration is not") {
  const auto help = [](std::string_view name, template_kind kind) {
    const auto found = validate(fleet("\"ThingName\":\"a\"", "\"" + std::string(name) + "\":{\"Type\":\"String\"}"), kind);
    const diagnostic* d = find(found, rule_id::unused_parameter);
    return d == nullptr ? std::string() : d->help;
  };
  CHECK(help("S", template_kind::fleet) == "remove it, unless the hook needs it");
  CHECK(help("S", template_kind::jitp) == "remove it");
  CHECK(help("S", template_kind::bulk) == "remove it");
  CHECK(help("AWS::IoT::Certificate::Country", template_kind::jitp) == "certificates without this value cannot register");
  const auto unused = [](std::string_view name) {
    return find(validate("{\"Parameters\":{\"" + std::string(name) + "\":{\"Type\":\"String\"}},\"Resources\":{}}"), rule_id::unused_parameter) != nullptr;
  };
  CHECK(unused("AWS::IoT::Certificate::Ids"));
  CHECK_FALSE(unused("AWS::IoT::Certificate::Id"));
}

TEST_CASE("too many attributes are told, with a way out where there is one") {
  std::string many;
  for (int i = 0; i < 51; ++i) many += (i == 0 ? "\"a" : ",\"a") + std::to_string(i) + "\":\"v\"";
  const auto help = [&](std::string_view type) {
    const auto found = validate(fleet("\"ThingName\":\"a\"," + std::string(type) + "\"AttributePayload\":{" + many + "}"));
    const diagnostic* d = find(found, rule_id::too_many_attributes);
    REQUIRE(d != nullptr);
    return d->help;
  };
  CHECK(help("") == "with a ThingTypeName the limit is 50");
  CHECK(help("\"ThingTypeName\":\"t\",").empty());
}

TEST_CASE("only the id of the certificate that is being registered is the right one") {
  const auto certificate = [](std::string_view properties) {
    return validate(R"({"Parameters":{"S":{"Type":"String"}},"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{)" + std::string(properties) + "}}}}");
  };
  for (const char* other : {"\"0123\"", R"({"Ref":"S"})", R"({"Fn::Sub":"x${AWS::IoT::Certificate::Id}"})", R"({"Fn::Sub":"x"})", R"({"Fn::Sub":"${S}"})",
                            R"({"Fn::Sub":["${V}",{"V":"x"}]})", R"({"Fn::Join":["",[{"Ref":"AWS::IoT::Certificate::Id"}]]})"}) {
    INFO(other);
    CHECK(find(certificate("\"CertificateId\":" + std::string(other)), rule_id::foreign_certificate_id) != nullptr);
  }
  const std::string own = R"("CertificateId":{"Ref":"AWS::IoT::Certificate::Id"})";
  CHECK(find(certificate(own), rule_id::foreign_certificate_id) == nullptr);
  CHECK(find(certificate(own + R"(,"Status":"Active")"), rule_id::status_not_set) == nullptr);
  CHECK(find(certificate(own + R"(,"Status":"Inactive")"), rule_id::status_not_set) != nullptr);
  CHECK(find(certificate(own + R"(,"Status":{"Ref":"S"})"), rule_id::status_not_set) == nullptr);
}

TEST_CASE("a parameter in a policy document is told once, the certificate id not at all") {
  const auto told = [](std::string_view text) {
    const auto found = validate(
        R"({"Parameters":{"S":{"Type":"String"},"T":{"Type":"String"}},"Resources":{"p":{"Type":"AWS::IoT::Policy","Properties":{"PolicyDocument":{"Version":"2012-10-17",)"
        R"("Statement":[{"Effect":"Allow","Action":"iot:Connect","Resource":{"Fn::Sub":"arn:aws:iot:us-east-1:123456789012:client/)" +
        std::string(text) + R"("}}]}}}}})");
    return std::count_if(found.begin(), found.end(), [](const diagnostic& d) { return d.broken == &templates::row_of(rule_id::parameter_in_policy); });
  };
  CHECK(told("${AWS::IoT::Certificate::Id}") == 0);
  CHECK(told("${S}") == 1);
  CHECK(told("${S}${T}${S}") == 1);
}

namespace {

/// The finding about the thing's name, whichever rule's: "" where there is none.
std::string name_finding(std::string_view name, std::string_view mappings = R"("M":{"eu":{"n":"a","l":["x","y"]},"us":{"n":"b","m":"c"}})") {
  const auto found = validate(fleet("\"ThingName\":" + std::string(name), R"("S":{"Type":"String"},"T":{"Type":"String"})", ",\"Mappings\":{" + std::string(mappings) + "}"));
  for (const rule_id id : {rule_id::impossible_thing_name, rule_id::unbounded_thing_name})
    if (const diagnostic* d = find(found, id)) return d->message;
  return "";
}

std::string repeated(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

const std::string decided_by_s = "the value of `S` decides whether the thing name stays within [a-zA-Z0-9:_-] and 128 characters";

}  // namespace

TEST_CASE("of a name that is partly unknown the parameter that decides is told") {
  CHECK(name_finding(R"({"Fn::Join":["",{"Fn::Split":["-",{"Ref":"S"}]}]})") == decided_by_s);
  CHECK(name_finding(R"({"Fn::Join":["",{"Fn::Split":["-",{"Fn::Sub":"${S}${T}"}]}]})") == decided_by_s);
  CHECK(name_finding(R"({"Fn::Join":["",{"Fn::Split":[{"Ref":"S"},"a-b"]}]})") == decided_by_s);
  CHECK(name_finding(R"({"Fn::Join":["",{"Fn::Split":[{"Fn::Join":["",[]]},{"Fn::Sub":"a${S}"}]}]})") == decided_by_s);
  CHECK(name_finding(R"({"Fn::Join":["",{"Fn::Split":[{"Fn::Join":["",[]]},"a"]}]})").empty());
  CHECK(name_finding(R"({"Fn::Join":["",{"Fn::Split":["-",{"Ref":"AWS::IoT::Certificate::Id"}]}]})").empty());
  // Too many pieces to follow are one unknown.
  CHECK(name_finding("{\"Fn::Sub\":\"" + repeated("${S}", 150) + "\"}") == decided_by_s);
  CHECK(name_finding("{\"Fn::Sub\":[\"" + repeated("${E}", 140) + "${S}\",{\"E\":\"\"}]}") == decided_by_s);
  CHECK(name_finding("{\"Fn::Sub\":[\"" + repeated("${V}", 8) + "\",{\"V\":\"" + std::string(9000, 'v') + "\"}]}") ==
        "the thing name has 72000 or more characters, the limit is 128");
}

TEST_CASE("a name from a map is one of its values") {
  CHECK(name_finding(R"({"Fn::FindInMap":["M",{"Ref":"S"},"n"]})").empty());
  CHECK(name_finding(R"({"Fn::FindInMap":["M",{"Ref":"S"},{"Ref":"T"}]})").empty());
  CHECK(name_finding(R"({"Fn::FindInMap":["M","eu",{"Ref":"T"}]})").empty());
  CHECK(name_finding(R"({"Fn::FindInMap":["M","eu","l"]})").empty());                              // a list: the evaluation refuses it
  CHECK(name_finding(R"({"Fn::Join":["",{"Fn::FindInMap":["M","eu","n"]}]})").empty());            // a string: likewise
  CHECK(name_finding(R"({"Fn::FindInMap":["M",{"Ref":"S"},{"Ref":"T"}]})", R"("M":{"eu":{"n":"a"},"us":{"n":"b","m":"c d"}})") ==
        "the thing name cannot hold `c d`, which the map can give");
  CHECK(name_finding(R"({"Fn::FindInMap":["M",{"Ref":"S"},"n"]})", R"("M":{"eu":{"n":"a"},"us":{"n":"b","m":"c d"}})").empty());
  CHECK(name_finding(R"({"Fn::FindInMap":["M",{"Ref":"S"},"n"]})", R"("M":{"eu":{"n":""},"us":{"n":"b"}})").empty());
  CHECK(name_finding("\"a\xC3\xA9z\"") == "the thing name holds `\xC3\xA9`, which is not allowed there");
  CHECK(name_finding("\"az\xC3\xA9\"") == "the thing name holds `\xC3\xA9`, which is not allowed there");
}

TEST_CASE("an attribute's value may be empty") {
  const auto found = validate(fleet(R"("ThingName":"a","AttributePayload":{"k":""})"));
  CHECK(find(found, rule_id::attribute_value) == nullptr);
  CHECK(find(validate(fleet(R"("ThingName":"a","AttributePayload":{"k":"a b"})")), rule_id::attribute_value) != nullptr);
}

TEST_CASE("an index that is computed to be none and keys that are partly known are shown") {
  const auto message = [](std::string_view value, rule_id id) {
    const auto found = validate(fleet("\"ThingName\":\"a\"", one, ",\"Mappings\":{\"M\":{\"eu-1\":{\"u\":\"1\"}}},\"DeviceConfiguration\":{\"d\":" + std::string(value) + "}"));
    const diagnostic* d = find(found, id);
    return d == nullptr ? std::string() : d->message + ": " + d->help;
  };
  CHECK(message(R"({"Fn::Select":[{"Fn::Join":["",[]]},["a"]]})", rule_id::select_out_of_bounds) == "the index `` is not a whole number: ");
  CHECK(message(R"({"Fn::FindInMap":["M","eu-1",{"Fn::Sub":"x${S}"}]})", rule_id::impossible_map_key) ==
        "the map `M` has no second-level key like `x${S}`: ");
  CHECK(message(R"({"Fn::FindInMap":["M",{"Fn::Sub":"x${AWS::IoT::Certificate::Id}"},"u"]})", rule_id::impossible_map_key) ==
        "the map `M` has no key like `x${...}`: ");
  CHECK(message(R"({"Fn::FindInMap":["M","eu-1","U"]})", rule_id::impossible_map_key) == "the map `M` has no second-level key `U`: did you mean `u`?");
}

TEST_CASE("long text of an author is cut between characters") {
  for (std::size_t before = 77; before < 82; ++before) {
    const std::string text = std::string(before, 'a') + "\xF0\x9F\x98\x80" + std::string(20, 'b');
    const auto found = validate(fleet("\"ThingName\":{\"Ref\":\"" + text + "\"}"));
    const diagnostic* d = find(found, rule_id::undeclared_reference);
    REQUIRE(d != nullptr);
    CAPTURE(before, d->message);
    CHECK(fleetprov::is_valid_utf8(d->message));
    CHECK(d->message.find("...`") != std::string::npos);
  }
}

TEST_CASE("more groups than a thing may belong to are found where that is certain") {
  const auto fires = [](std::string_view groups, std::string_view more = "") {
    const auto found = validate(fleet("\"ThingName\":\"a\",\"ThingGroups\":" + std::string(groups), R"("S":{"Type":"String"},"T":{"Type":"String"})", more));
    const diagnostic* d = find(found, rule_id::too_many_groups);
    if (d != nullptr) {
      CHECK(d->level == fleetprov::severity::error);
      CHECK(d->pointer == "/Resources/thing/Properties/ThingGroups");
    }
    return d != nullptr;
  };
  CHECK(fires(group_list(11)));
  CHECK_FALSE(fires(group_list(10)));
  CHECK_FALSE(fires(group_list(10, R"(,"g1","g10")")));  // the registry counts a name once
  CHECK(fires(R"({"Fn::Split":[",","a,b,c,d,e,f,g,h,i,j,k"]})"));
  CHECK_FALSE(fires(R"({"Fn::Split":[",","a,b,c,d,e,f,g,h,i,j,j"]})"));
  CHECK(fires(R"({"Fn::FindInMap":["M","a","l"]})", ",\"Mappings\":{\"M\":{\"a\":{\"l\":" + group_list(11) + "}}}"));
  CHECK_FALSE(fires(R"({"Fn::Split":[",",{"Ref":"S"}]})"));
  // A name that a parameter decides counts only beside those that it can never be.
  CHECK_FALSE(fires(group_list(10, R"(,{"Ref":"S"})")));
  CHECK_FALSE(fires(group_list(10, R"(,{"Fn::Sub":"g${S}"})")));
  CHECK_FALSE(fires(group_list(10, R"(,{"Fn::Sub":"${S}0"})")));
  CHECK(fires(group_list(10, R"(,{"Fn::Sub":"site-${S}"})")));
  CHECK(fires(group_list(9, R"(,{"Fn::Sub":"site-${S}"},{"Fn::Sub":"floor-${S}"})")));
  CHECK(fires(group_list(9, R"(,{"Fn::Sub":"${S}-site"},{"Fn::Sub":"${S}-floor"})")));
  CHECK_FALSE(fires(group_list(9, R"(,{"Fn::Sub":"site-${S}"},{"Fn::Sub":"site-${T}"})")));
  CHECK_FALSE(fires(group_list(9, R"(,{"Fn::Sub":"site-${S}"},{"Fn::Sub":"${T}-floor"})")));
  std::string first = group_list(11);
  CHECK(fires(first.insert(1, R"({"Ref":"S"},)")));
}

TEST_CASE("more policies than a certificate may have are found where that is certain") {
  const auto place = [](const std::vector<std::string>& policies, template_kind kind = template_kind::fleet,
                        std::string_view certificate = R"("CertificateId":{"Ref":"AWS::IoT::Certificate::Id"})") {
    const auto found = validate(with_policies(policies, certificate), kind);
    const diagnostic* d = find(found, rule_id::too_many_policies);
    return d == nullptr ? std::string() : d->pointer;
  };
  std::vector<std::string> ten;
  for (int i = 1; i <= 10; ++i) ten.push_back(named_policy("n" + std::to_string(i)));
  const auto and_also = [&](const std::vector<std::string>& more) {
    std::vector<std::string> out = ten;
    out.insert(out.end(), more.begin(), more.end());
    return out;
  };
  CHECK(place(ten).empty());
  CHECK(place(and_also({named_policy("n1")})).empty());
  CHECK(place(and_also({named_policy("n11")})) == "/Resources/p10");
  CHECK(place(and_also({inline_policy("a")})) == "/Resources/p10");
  CHECK(place(and_also({inline_policy("a", true)})) == "/Resources/p10");
  CHECK(place(and_also({R"("PolicyName":{"Ref":"S"})"})).empty());
  CHECK(place(and_also({R"("PolicyName":{"Fn::Sub":"site-${S}"})"})) == "/Resources/p10");
  // The name of an inline policy follows from its text.
  std::vector<std::string> same(11, inline_policy("a"));
  same.push_back(inline_policy("a", true));
  CHECK(place(same).empty());
  std::vector<std::string> others;
  for (int i = 0; i < 11; ++i) others.push_back(inline_policy("c" + std::to_string(i), i % 2 == 0));
  CHECK(place(others) == "/Resources/p10");
  const std::string computed = R"("PolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:Connect","Resource":{"Ref":"S"}}]})";
  CHECK(place(and_also({computed, R"("PolicyDocument":{"Ref":"S"})"})).empty());
  // Without a certificate there is nothing to attach them to.
  CHECK(place(and_also({named_policy("n11")}), template_kind::bulk, "").empty());
  CHECK(place(and_also({named_policy("n11")}), template_kind::bulk, R"("CertificatePem":"x")") == "/Resources/p10");
}

TEST_CASE("an override that undoes what was done to a thing since is told") {
  const auto message = [](std::string_view settings) {
    const auto found = validate(R"({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":"a"},"OverrideSettings":{)" + std::string(settings) + "}}}}");
    const diagnostic* d = find(found, rule_id::override_hazard);
    return d == nullptr ? std::string() : d->message;
  };
  CHECK(message(R"("AttributePayload":"REPLACE")").find("wipes attributes") != std::string::npos);
  CHECK(message(R"("ThingGroups":"REPLACE")").find("takes the thing out of groups") != std::string::npos);
  CHECK(message(R"("ThingGroups":"MERGE")").find("puts the thing back into groups") != std::string::npos);
  CHECK(message(R"("AttributePayload":"MERGE","ThingGroups":"DO_NOTHING","ThingTypeName":"REPLACE")").empty());
}

namespace {

/// Findings about an inline policy of one statement, in a template with the open parameters S and T and `D` of "eu-west-1".
std::vector<diagnostic> policy_findings(std::string_view members, std::string_view version = "\"2012-10-17\"") {
  return validate(R"({"Parameters":{"S":{"Type":"String"},"T":{"Type":"String"},"D":{"Type":"String","Default":"eu-west-1"}},)"
                  R"("Mappings":{"M":{"k":{"a":["iot:Publish","iot:Publsh"],"r":"us-east-1"}}},)"
                  R"("Resources":{"p":{"Type":"AWS::IoT::Policy","Properties":{"PolicyDocument":{"Version":)" +
                  std::string(version) + R"(,"Statement":[{)" + std::string(members) + "}]}}}}}");
}
std::string resource(std::string_view text, std::string_view action = "iot:Connect") {
  return R"("Effect":"Allow","Action":")" + std::string(action) + R"(","Resource":{"Fn::Sub":")" + std::string(text) + "\"}";
}

}  // namespace

TEST_CASE("a policy object with functions is checked as what it will be") {
  const std::string client = "arn:aws:iot:${D}:123456789012:client/${S}";
  CHECK(find(policy_findings(resource(client, "iot:Subscribe")), "P014") != nullptr);
  CHECK(find(policy_findings(resource(client)), "P014") == nullptr);
  CHECK(find(policy_findings(resource(client, "iot:PublishRetain")), "P051") != nullptr);
  CHECK(find(policy_findings(resource(client) + R"(,"Resources":"*")"), "P004") != nullptr);
  const auto broad = policy_findings(resource("arn:aws:iot:${D}:123456789012:client/*"));
  const diagnostic* d = find(broad, "P055");
  REQUIRE(d != nullptr);
  CHECK(d->pointer == "/Resources/p/Properties/PolicyDocument/Statement/0/Resource");
  CHECK(d->where.end > d->where.begin);
  CHECK(find(policy_findings(resource("arn:aws:iot:us-east-1:123456789012:client/${!iot:ClientId}${S}")), "P063") != nullptr);
}

TEST_CASE("a policy text that functions put together is checked as what it will be") {
  const auto composed = [](const std::string& document) {
    return validate(R"({"Parameters":{"S":{"Type":"String"},"D":{"Type":"String","Default":"eu-west-1"}},)"
                    R"("Resources":{"p":{"Type":"AWS::IoT::Policy","Properties":{"PolicyDocument":)" + document + "}}}}");
  };
  const auto statement = [](const std::string& action, const std::string& resource) {
    return R"({\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\")" + action + R"(\",\"Resource\":\")" + resource + R"(\"}]})";
  };
  const std::string arn = "arn:aws:iot:${D}:123456789012:client/";
  const auto broad = composed(R"({"Fn::Sub":")" + statement("iot:Connect", arn + "*") + "\"}");
  const diagnostic* d = find(broad, "P055");
  REQUIRE(d != nullptr);
  CHECK(d->pointer == "/Resources/p/Properties/PolicyDocument");
  CHECK(d->where.end > d->where.begin);
  CHECK(d->message.find("/Statement/0/Resource") != std::string::npos);
  CHECK(find(composed(R"({"Fn::Sub":")" + statement("iot:Connect", arn + "${S}") + "\"}"), "P055") == nullptr);
  CHECK(find(composed(R"({"Fn::Sub":")" + statement("iot:Subscribe", arn + "${S}") + "\"}"), "P014") != nullptr);
  CHECK(find(composed(R"({"Fn::Sub":")" + statement("iot:Publsh", arn + "${S}${S}") + "\"}"), "P050") != nullptr);
  CHECK(find(composed(R"({"Fn::Sub":")" + statement("iot:${S}", arn + "${S}") + "\"}"), "P050") == nullptr);
  CHECK(find(composed(R"({"Fn::Join":["",["{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"iot:Connect\",\"Resource\":\"arn:aws:iot:us-east-1:123456789012:client/",{"Ref":"S"},"\",\"X\":1}]}"]]})"), "P004") != nullptr);
  // A member's name and a value may hold more than one parameter; the rest is read all the same.
  CHECK(find(composed(R"({"Fn::Sub":"{\"Version\":\"2012-10-17\",\"${S}-${S}\":1,\"Statement\":[]}"})"), "P004") != nullptr);
  // What is JSON only with certain values, or holds what marks a parameter, is left alone.
  for (const char* unknown : {R"({"Ref":"S"})", R"({"Fn::Join":["",["{\"Version\":",{"Ref":"S"},"}"]]})",
                              R"({"Fn::Sub":"{\"Id\":\"\ue000\",\"X\":\"${S}\"}"})", R"({"Fn::Sub":"{\"Id\":\"\ue001\",\"X\":\"${S}\"}"})"}) {
    CAPTURE(unknown);
    for (const diagnostic& found : composed(unknown)) CHECK(found.broken->id.substr(0, 1) == "T");
  }
}

TEST_CASE("an open region or account of an inline policy is any") {
  for (const char* head : {"${S}:${T}", "${S}:123456789012", "us-east-1:${T}"}) {
    CAPTURE(head);
    const auto found = policy_findings(resource("arn:aws:iot:" + std::string(head) + ":client/*"));
    for (const char* id : {"P019", "P021", "P037", "P038", "P070", "P071", "P072"}) CHECK(find(found, id) == nullptr);
    CHECK(find(found, "P055") != nullptr);
  }
}

TEST_CASE("what an open value decides is left alone, and so is what it hides") {
  for (const char* text : {"${S}", "${S}:client/*", "arn:aws:iot:${S}:client/*", "arn:aws:iot:x${S}:123456789012:client/*", "arn:aws:iot:us-east-1:1234${S}:client/*",
                           "arn:aws:${S}:us-east-1:123456789012:client/*", "arn:aws:iot:us-east-1:123456789012:${S}/*", "arn:aws:iot:us-east-1:123456789012:${S}",
                           "arn:aws:iot:${S}x:123456789012:client/*", "arn:aws:iot:us-east-1:${S}1:client/*"}) {
    CAPTURE(text);
    for (const diagnostic& d : policy_findings(resource(text, "iot:Publish")))
      CHECK((d.broken == &templates::row_of(rule_id::parameter_in_policy) || d.broken->id.substr(0, 1) == "T"));
  }
  const auto effect = policy_findings(R"("Effect":{"Ref":"S"},"Action":"iot:Connect","Resource":"arn:aws:iot:us-east-1:123456789012:client/*","Extra":1)");
  CHECK(find(effect, "P009") == nullptr);
  CHECK(find(effect, "P055") == nullptr);
  CHECK(find(effect, "P004") != nullptr);
  const auto action = policy_findings(R"("Effect":"Allow","Action":{"Fn::Sub":"iot:${S}"},"Resource":"arn:aws:iot:us-east-1:123456789012:client/*")");
  CHECK(find(action, "P050") == nullptr);
  CHECK(find(action, "P084") == nullptr);
  const auto both = policy_findings(R"("Effect":{"Ref":"S"},"Action":{"Fn::Sub":"iot:${T}"},"Resource":"arn:aws:iot:us-east-1:123456789012:client/*")");
  for (const diagnostic& d : both) CHECK(d.broken->id.substr(0, 1) == "T");
  // A condition's value hides nothing else.
  const auto condition = policy_findings(R"("Effect":"Allow","Action":"iot:Connect","Resource":"arn:aws:iot:us-east-1:123456789012:client/*","Condition":)"
                                         R"({"IpAddress":{"aws:SourceIp":{"Ref":"S"}}})");
  CHECK(find(condition, "P104") == nullptr);
  CHECK(find(condition, "P055") != nullptr);
}

TEST_CASE("functions that give lists and values of maps stand in a policy as their texts") {
  const auto action = [](const std::string& call) {
    return policy_findings("\"Effect\":\"Allow\",\"Action\":" + call + R"(,"Resource":"arn:aws:iot:us-east-1:123456789012:topic/a")");
  };
  const auto listed = action(R"({"Fn::FindInMap":["M","k","a"]})");
  const diagnostic* d = find(listed, "P050");
  REQUIRE(d != nullptr);
  CHECK(d->pointer == "/Resources/p/Properties/PolicyDocument/Statement/0/Action/1");
  CHECK(find(action(R"({"Fn::Split":[",","iot:Publish,iot:Publsh"]})"), "P050") != nullptr);
  CHECK(find(action(R"({"Fn::Split":[",",{"Ref":"S"}]})"), "P018") == nullptr);
  const auto mapped = [](const std::string& key) {
    return policy_findings(R"("Effect":"Allow","Action":"iot:Connect","Resource":{"Fn::Join":["",["arn:aws:iot:",{"Fn::FindInMap":["M",)" + key +
                           R"(,"r"]},":123456789012:client/*"]]})");
  };
  CHECK(find(mapped("\"k\""), "P055") != nullptr);
  CHECK(find(mapped(R"({"Ref":"S"})"), "P055") != nullptr);
}

TEST_CASE("null in a policy object stays null, and its size is unknown where a function is") {
  CHECK(find(policy_findings(resource("arn:aws:iot:us-east-1:123456789012:client/${S}"), "null"), "P005") != nullptr);
  CHECK(find(policy_findings(resource("arn:aws:iot:us-east-1:123456789012:client/${S}" + std::string(2000, 'a'))), "P031") == nullptr);
  CHECK(find(policy_findings(R"("Effect":"Allow","Action":"iot:Connect","Resource":"arn:aws:iot:us-east-1:123456789012:client/a")", "null"), "P005") != nullptr);
  const std::string long_name = "arn:aws:iot:us-east-1:123456789012:client/" + std::string(1840, 'a');
  CHECK(find(policy_findings(R"("Effect":"Allow","Action":"iot:Connect","Resource":")" + long_name + "\""), "P074") != nullptr);
  CHECK(find(policy_findings(resource(long_name)), "P074") == nullptr);
}

TEST_CASE("a misspelt certificate id means the id") {
  const std::string misspelt = fleet(R"("ThingName":{"Ref":"AWS::IoT::Certificate::ID"})");
  const auto found = check_auto(misspelt);
  const diagnostic* d = find(found, rule_id::undeclared_reference);
  REQUIRE(d != nullptr);
  CHECK(d->help == "did you mean `AWS::IoT::Certificate::Id`?");
  CHECK(templates::detect_kind(read(misspelt)) == templates::document_kind::fleet_template);
}

TEST_CASE("a certificate id from a parameter is that of bulk registration, unless something else tells") {
  const auto kind = [](std::string_view certificate, std::string_view more = "") {
    return templates::detect_kind(read(R"({"Parameters":{"CertificateId":{"Type":"String"}},"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{)" +
                                       std::string(certificate) + "}}" + std::string(more) + "}}"));
  };
  const std::string by_parameter = R"("CertificateId":{"Ref":"CertificateId"})";
  CHECK(kind(by_parameter) == templates::document_kind::bulk_template);
  CHECK(kind(by_parameter + R"(,"OverrideSettings":{})") == templates::document_kind::fleet_template);
  CHECK(kind(R"("CertificateId":{"Ref":"AWS::IoT::Certificate::Id"})") == templates::document_kind::fleet_template);
  CHECK(kind(R"("CertificateId":"0123")") == templates::document_kind::fleet_template);
  CHECK(find(check_auto(R"({"Parameters":{"CertificateId":{"Type":"String"}},"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{)" + by_parameter + "}}}}"),
             rule_id::foreign_certificate_id) == nullptr);
}

TEST_CASE("just-in-time provisioning fails for a declared parameter that nothing supplies, used or not") {
  const auto level = [](std::string_view parameter, template_kind kind, std::string_view name = "\"a\"") {
    const auto found = validate(fleet("\"ThingName\":" + std::string(name), parameter), kind);
    const diagnostic* d = find(found, rule_id::parameter_never_set);
    return d != nullptr ? d->pointer : std::string();
  };
  CHECK(level(one, template_kind::jitp) == "/Parameters/S");
  CHECK(level(one, template_kind::jitp, R"({"Ref":"S"})") == "/Parameters/S");
  CHECK(level(R"("S":{"Type":"String","Default":"x"})", template_kind::jitp).empty());
  for (const char* own : {"Id", "CommonName"})
    CHECK(level("\"AWS::IoT::Certificate::" + std::string(own) + R"(":{"Type":"String"})", template_kind::jitp).empty());
  CHECK(level(one, template_kind::fleet).empty());
  CHECK(level(one, template_kind::bulk).empty());
}

TEST_CASE("a policy that the device names is warned about, where nothing verifies it") {
  const std::string maps = R"(,"Mappings":{"M":{"a":{"n":"p1"},"b":{"n":"p2"}}})";
  const auto message = [&](const std::string& name, template_kind kind = template_kind::fleet,
                           templates::hook_presence hook = templates::hook_presence::unknown) -> std::string {
    std::string text = fleet("\"ThingName\":\"a\"", one, maps);
    const std::string fixed = R"("PolicyName":"p")";
    text.replace(text.find(fixed), fixed.size(), "\"PolicyName\":" + name);
    const auto found = validate(text, kind, hook);
    const diagnostic* d = find(found, rule_id::unverified_policy_name);
    if (d == nullptr) return "";
    CHECK(d->level == fleetprov::severity::warning);
    CHECK(text_at(text, *d) == name);
    return d->message;
  };
  const std::string told = "the device chooses its policy through `S` and no hook verifies it";
  for (const char* chosen : {R"({"Ref":"S"})", R"({"Fn::Sub":"${S}"})", R"({"Fn::Join":["-",["p",{"Ref":"S"}]]})", R"({"Fn::Select":["0",{"Fn::Split":["-",{"Ref":"S"}]}]})"}) {
    CAPTURE(chosen);
    CHECK(message(chosen) == told);
    CHECK(message(chosen, template_kind::fleet, templates::hook_presence::absent) == told);
    CHECK(message(chosen, template_kind::fleet, templates::hook_presence::present).empty());
    CHECK(message(chosen, template_kind::jitp).empty());
    CHECK(message(chosen, template_kind::bulk).empty());
  }
  for (const char* fine : {R"("p")", R"({"Ref":"AWS::IoT::Certificate::Id"})", R"({"Fn::FindInMap":["M",{"Ref":"S"},"n"]})", R"({"Ref":"Undeclared"})"}) {
    CAPTURE(fine);
    CHECK(message(fine).empty());
  }
}

TEST_CASE("of a parameter that is not declared nothing else is said") {
  const std::string thing = fleet(R"("ThingName":{"Fn::Join":["-",[{"Ref":"T"},{"Ref":"S"}]]})", one);
  const auto chosen = validate(thing);
  REQUIRE(find(chosen, rule_id::unverified_thing_name) != nullptr);
  CHECK(find(chosen, rule_id::unverified_thing_name)->message.find("`S`") != std::string::npos);
  const auto found = validate(fleet(R"("ThingName":{"Ref":"T"})", one));
  CHECK(find(found, rule_id::undeclared_reference) != nullptr);
  CHECK(find(found, rule_id::unbounded_thing_name) == nullptr);
  CHECK(find(found, rule_id::unverified_thing_name) == nullptr);
  REQUIRE(find(found, rule_id::no_hook) != nullptr);
  CHECK(find(found, rule_id::no_hook)->message.find("any thing name") == std::string::npos);
  const auto policy = validate(
      R"({"Resources":{"p":{"Type":"AWS::IoT::Policy","Properties":{"PolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow",)"
      R"("Action":"iot:Connect","Resource":{"Fn::Sub":"arn:aws:iot:us-east-1:123456789012:client/${iot:Connection.Thing.ThingName}"}}]}}}}})");
  CHECK(find(policy, rule_id::undeclared_reference) != nullptr);
  CHECK(find(policy, rule_id::parameter_in_policy) == nullptr);
  // The service knows these without a declaration.
  CHECK(find(validate(fleet(R"("ThingName":{"Ref":"AWS::IoT::Certificate::CommonName"})"), template_kind::jitp), rule_id::unbounded_thing_name) != nullptr);
}

TEST_CASE("a part of a map that was refused is not missed a second time") {
  const auto found_in = [](std::string_view map, std::string_view call) {
    const std::string text = fleet("\"ThingName\":\"a\"", "", R"(,"Mappings":{"M":)" + std::string(map) + R"(},"DeviceConfiguration":{"d":)" + std::string(call) + "}");
    const auto source = read(text);
    auto parsed = templates::parse(source, template_kind::fleet);
    auto found = std::move(parsed.diagnostics);
    for (diagnostic& d : templates::validate(*parsed.value, {})) found.push_back(std::move(d));
    std::string out;
    for (const rule_id id : {rule_id::mapping_not_literal, rule_id::impossible_map_key, rule_id::select_out_of_bounds})
      if (const diagnostic* d = find(found, id)) out += std::string(d->broken->id) + " ";
    return out;
  };
  struct row {
    const char *map, *call, *found;
  };
  constexpr const char *a_b = R"({"Fn::FindInMap":["M","a","b"]})", *second = R"({"Fn::Select":["1",{"Fn::FindInMap":["M","a","b"]}]})";
  for (const row& each : {row{R"({"a":{"b":5}})", a_b, "T016 "}, row{R"({"a":5})", a_b, "T016 "}, row{"5", a_b, "T016 "}, row{R"({"a":{"b":{"Ref":"S"}}})", a_b, "T016 "},
                          row{R"({"a":{"b":["x",5]}})", second, "T016 "}, row{R"({"a":{"b":[5,6]}})", second, "T016 "}, row{R"({"a":{"b":["x","y"]}})", second, ""},
                          row{R"({"a":{"b":["x"]}})", second, "T019 "}, row{R"({"a":{"b":"x"}})", a_b, ""}, row{R"({"a":{"c":"x"}})", a_b, "T018 "},
                          row{R"({"c":{"b":5}})", a_b, "T016 T018 "}, row{R"({"a":{"c":"x"},"d":{"b":5}})", a_b, "T016 T018 "}}) {
    CAPTURE(each.map, each.call);
    CHECK(found_in(each.map, each.call) == each.found);
  }
}
