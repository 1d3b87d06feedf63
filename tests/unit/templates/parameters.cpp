#include "unit/templates/reading.hpp"

#include <fleetprov/templates/parameters.hpp>

using namespace test;

namespace {

const std::string_view declared =
    R"("Serial":{"Type":"String"},"Site":{"Type":"String","Default":"north"},"Floor":{"Type":"String"})";

templates::provisioning_template subject() {
  return parse_good(fleet(R"("ThingName":{"Fn::Join":["-",["dev",{"Ref":"Serial"}]]},"AttributePayload":{"floor":{"Ref":"Floor"}})", declared,
                          R"(,"Mappings":{"Sites":{"north":{"Url":"n"},"south":{"Url":"s"}}},"DeviceConfiguration":{"Url":{"Fn::FindInMap":["Sites",{"Ref":"Site"},"Url"]}})"));
}

}  // namespace

TEST_CASE("complete parameters pass and become template_parameters") {
  const auto made = templates::template_parameters::make(subject(), {{"Serial", "1"}, {"Floor", "2"}});
  CHECK(made.diagnostics.empty());
  REQUIRE(made);
  CHECK(made.value->values().at("Serial") == "1");
}

TEST_CASE("a missing parameter is an error unless it has a Default or the hook supplies it") {
  const auto found = templates::check_parameters(subject(), {{"Serial", "1"}});
  REQUIRE(found.size() == 1);
  CHECK(found[0].broken == &templates::row_of(rule_id::missing_parameter));
  CHECK(found[0].level == fleetprov::severity::error);
  CHECK(found[0].message.find("`Floor`") != std::string::npos);
  CHECK(templates::check_parameters(subject(), {{"Serial", "1"}}, {"Floor"}).empty());
  CHECK_FALSE(templates::template_parameters::make(subject(), {}).value.has_value());
}

TEST_CASE("an unknown parameter is a warning with the nearest name") {
  const auto found = templates::check_parameters(subject(), {{"Serial", "1"}, {"Floor", "2"}, {"Flor", "2"}});
  REQUIRE(found.size() == 1);
  CHECK(found[0].level == fleetprov::severity::warning);
  CHECK(found[0].help.find("`Floor`") != std::string::npos);
}

TEST_CASE("values are checked against what they feed") {
  const auto rule_of = [](std::map<std::string, std::string> values, const std::set<std::string>& hook = {}) -> std::string {
    values.emplace("Floor", "2");
    const auto found = templates::check_parameters(subject(), values, hook);
    return found.empty() ? "" : std::string(found.front().broken->name);
  };
  CHECK(rule_of({{"Serial", "a b"}}) == "impossible-thing-name");
  CHECK(rule_of({{"Serial", std::string(125, 'a')}}) == "impossible-thing-name");
  CHECK(rule_of({{"Serial", std::string(124, 'a')}}).empty());
  CHECK(rule_of({{"Serial", "1"}, {"Floor", "second floor"}}) == "attribute-value");
  CHECK(rule_of({{"Serial", "1"}, {"Site", "west"}}) == "impossible-map-key");
  CHECK(rule_of({{"Serial", "1"}, {"Site", "south"}}).empty());
  CHECK(rule_of({{"Serial", std::string(4097, 'a')}}) == "parameter-too-long");
  CHECK(rule_of({{"Serial", "\xFF"}}) != "");
}

TEST_CASE("a hook-supplied part leaves the rest of a name checkable") {
  const auto both = parse_good(fleet(R"("ThingName":{"Fn::Sub":"${A}${B}"})", R"("A":{"Type":"String"},"B":{"Type":"String"})"));
  CHECK(templates::check_parameters(both, {{"A", "x"}}, {"B"}).empty());
  CHECK(find(templates::check_parameters(both, {{"A", "x y"}}, {"B"}), rule_id::impossible_thing_name) != nullptr);
}

TEST_CASE("groups that the values make too many are found before anything is sent") {
  const auto grouped = parse_good(fleet("\"ThingName\":\"a\",\"ThingGroups\":" + group_list(10, R"(,{"Ref":"Site"})"), R"("Site":{"Type":"String"})"));
  CHECK(find(templates::check_parameters(grouped, {{"Site", "north"}}), rule_id::too_many_groups) != nullptr);
  CHECK(templates::check_parameters(grouped, {{"Site", "g1"}}).empty());
  CHECK(templates::check_parameters(grouped, {}, {"Site"}).empty());
}

TEST_CASE("what passes the check evaluates") {
  const std::map<std::string, std::string> good{{"Serial", "1"}, {"Floor", "2"}};
  CHECK(templates::check_parameters(subject(), good).empty());
  CHECK(templates::evaluate(subject(), good));
}

TEST_CASE("what the service sets itself and names that are too long are told apart from unknown ones") {
  std::map<std::string, std::string> values{{"Serial", "1"}, {"Floor", "2"}, {"AWS::IoT::Certificate::Id", "x"}};
  auto found = templates::check_parameters(subject(), values);
  REQUIRE(found.size() == 1);
  CHECK(found[0].message.find("the service itself sets") == 0);
  values = {{"Serial", "1"}, {"Floor", "2"}, {std::string(2049, 'n'), "x"}};
  found = templates::check_parameters(subject(), values);
  CHECK(find(found, rule_id::parameter_too_long) != nullptr);
}

TEST_CASE("what is sent for nothing is a warning, what the certificate's subject gives is none") {
  const auto unused = parse_good(fleet("\"ThingName\":\"a\"", R"("S":{"Type":"String"})"));
  const auto found = templates::check_parameters(unused, {});
  REQUIRE(found.size() == 1);
  CHECK(found[0].level == fleetprov::severity::warning);
  CHECK(found[0].message.find("though the template does not use it") != std::string::npos);
  const auto jitp = parse_good(fleet(R"("ThingName":{"Ref":"AWS::IoT::Certificate::CommonName"})"), template_kind::jitp);
  CHECK(templates::check_parameters(jitp, {{"AWS::IoT::Certificate::CommonName", "a"}}).empty());
  CHECK(find(templates::check_parameters(jitp, {{"AWS::IoT::Certificate::CommonNames", "a"}}), rule_id::unknown_parameter) != nullptr);
}

TEST_CASE("a parameter that is no UTF-8 is named without its bytes") {
  const std::string bytes(100, '\x80');
  const auto name = templates::check_parameters(subject(), {{"Serial", "1"}, {"Floor", "2"}, {bytes, "x"}});
  REQUIRE(find(name, rule_id::wrong_type) != nullptr);
  CHECK(find(name, rule_id::wrong_type)->message == "the parameter `?` is not UTF-8 text");
  REQUIRE(find(name, rule_id::unknown_parameter) != nullptr);
  CHECK(find(name, rule_id::unknown_parameter)->message.find("`\\x80\\x80") != std::string::npos);
  for (const char c : find(name, rule_id::unknown_parameter)->message) CHECK(static_cast<unsigned char>(c) < 0x80);
  const auto value = templates::check_parameters(subject(), {{"Serial", "1"}, {"Floor", bytes}});
  REQUIRE(find(value, rule_id::wrong_type) != nullptr);
  CHECK(find(value, rule_id::wrong_type)->message == "the parameter `Floor` is not UTF-8 text");
}

TEST_CASE("the message names the parameter at fault, where there is one") {
  const auto message = [](std::string_view name, const std::map<std::string, std::string>& values) {
    const auto found = templates::check_parameters(parse_good(fleet("\"ThingName\":" + std::string(name), R"("A":{"Type":"String"},"B":{"Type":"String"})")), values);
    const diagnostic* d = find(found, rule_id::impossible_thing_name);
    return d == nullptr ? std::string() : d->message;
  };
  CHECK(message(R"({"Fn::Sub":"a b${A}${B}"})", {{"A", "1"}, {"B", "2"}}) == "the thing name holds ` `, which is not allowed there");
  CHECK(message(R"({"Fn::Sub":"${A}${B}"})", {{"A", "1"}, {"B", "2 3"}}) == "the thing name holds ` `, which is not allowed there (from the parameter `B`)");
  CHECK(message(R"({"Fn::Sub":"${A}${B}"})", {{"A", ""}, {"B", ""}}) == "the thing name is empty (from the parameter `A`)");
  CHECK(message(R"({"Fn::Sub":"${A}${B}"})", {{"A", "\xC3\xA9"}, {"B", ""}}) == "the thing name holds `\xC3\xA9`, which is not allowed there (from the parameter `A`)");
  CHECK(message(R"({"Fn::Sub":"${A}${B}"})", {{"A", std::string(60, 'a')}, {"B", std::string(69, 'b')}}) ==
        "the thing name has 129 characters, the limit is 128 (from the parameter `B`)");
}

TEST_CASE("a reference that the template does not declare stays open") {
  const auto made = templates::parse(read(fleet(R"("ThingName":{"Fn::Sub":"a${Nobody}"})")), template_kind::fleet);
  REQUIRE(made);
  CHECK(templates::check_parameters(*made.value, {}).empty());
  CHECK(find(templates::evaluate(*made.value, {}).diagnostics, rule_id::undeclared_reference) != nullptr);
}

TEST_CASE("advice about a missing or unknown parameter names who can give a value in that kind of template") {
  const auto advice = [](template_kind kind, const std::map<std::string, std::string>& given, rule_id id, std::string_view name = R"({"Ref":"S"})") {
    const auto found = templates::check_parameters(parse_good(fleet("\"ThingName\":" + std::string(name), R"("S":{"Type":"String"})"), kind), given);
    const diagnostic* d = find(found, id);
    return d == nullptr ? std::string() : std::string(d->level == fleetprov::severity::error ? "error: " : "warning: ") + d->help;
  };
  const std::string jitp = "give it a Default, or use a value of the certificate's subject";
  CHECK(advice(template_kind::fleet, {}, rule_id::missing_parameter) == "error: send it, or name it as supplied by the hook");
  CHECK(advice(template_kind::jitp, {}, rule_id::missing_parameter) == "error: " + jitp);
  CHECK(advice(template_kind::jitp, {}, rule_id::missing_parameter, "\"a\"") == "error: " + jitp);
  CHECK(advice(template_kind::bulk, {}, rule_id::missing_parameter) == "error: send it, or give it a Default");
  CHECK(advice(template_kind::bulk, {}, rule_id::missing_parameter, "\"a\"") == "warning: send it, or give it a Default");
  const std::map<std::string, std::string> other{{"S", "1"}, {"Xyzzy", "1"}};
  CHECK(advice(template_kind::fleet, other, rule_id::unknown_parameter) == "warning: AWS passes it to the hook and ignores it in the template");
  CHECK(advice(template_kind::jitp, other, rule_id::unknown_parameter) == "warning: the values are those of the certificate's subject");
  CHECK(advice(template_kind::bulk, other, rule_id::unknown_parameter) == "warning: declare it under Parameters, or leave it out");
}
