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
