// Templates that no document gives: a program has put them together or changed what was read.

#include "unit/templates/reading.hpp"

using namespace test;
using templates::expression;

namespace {

std::string rule_of(const templates::provisioning_template& subject) {
  const auto made = templates::evaluate(subject, {});
  if (made) return "";
  REQUIRE_FALSE(made.diagnostics.empty());
  return std::string(made.diagnostics.front().broken->name);
}

}  // namespace

TEST_CASE("a list where a string belongs and a string where a list belongs are refused") {
  const auto good = parse_good(fleet(R"("ThingName":"t","ThingGroups":{"Fn::Split":[",","a,b"]})"));
  CHECK(rule_of(good).empty());
  auto split_name = good;
  split_name.things[0].name = *good.things[0].groups;
  CHECK(rule_of(split_name) == "list-not-allowed");
  CHECK(find(templates::validate(split_name), rule_id::impossible_thing_name) == nullptr);
  auto listed_name = parse_good(fleet(R"("ThingName":"t","ThingGroups":["a","b"])"));
  listed_name.things[0].name = *listed_name.things[0].groups;
  CHECK(rule_of(listed_name) == "list-not-allowed");
  auto text_groups = good;
  text_groups.things[0].groups = *good.things[0].name;
  CHECK(rule_of(text_groups) == "list-not-allowed");
  auto joined_text = parse_good(fleet(R"("ThingName":{"Fn::Join":["",["a","b"]]})"));
  joined_text.things[0].name->arguments[1] = joined_text.things[0].name->arguments[0];
  CHECK(rule_of(joined_text) == "list-not-allowed");
  CHECK(find(templates::validate(joined_text), rule_id::impossible_thing_name) == nullptr);
}

TEST_CASE("a list that a program put into a policy document becomes an array") {
  auto subject = parse_good(R"({"Resources":{"p":{"Type":"AWS::IoT::Policy","Properties":{"PolicyDocument":{"Version":"2012-10-17","Statement":[
    {"Effect":"Allow","Action":{"Fn::Join":["",["iot:Connect"]]},"Resource":"*"}]}}}}})");
  expression& action = subject.policies[0].document->computed.at(0);
  CHECK(templates::evaluate(subject, {}).value->policies[0].document->find(R"("Action":"iot:Connect")") != std::string::npos);
  action = expression(action.arguments[1]);
  CHECK(templates::evaluate(subject, {}).value->policies[0].document->find(R"("Action":["iot:Connect"])") != std::string::npos);
}

TEST_CASE("a policy document without content is refused, not left out") {
  auto subject = parse_good(R"({"Resources":{"p":{"Type":"AWS::IoT::Policy","Properties":{"PolicyDocument":{"Version":"2012-10-17","Statement":[]}}}}})");
  subject.policies[0].document->object.reset();
  CHECK(rule_of(subject) == "policy-source");
  CHECK_FALSE(templates::evaluate(subject, {}).value);
  for (const diagnostic& d : templates::validate(subject)) CHECK(d.broken->id[0] == 'T');
}

TEST_CASE("findings in a template without places have none") {
  const auto found = templates::validate({});
  const diagnostic* d = find(found, rule_id::no_hook);
  REQUIRE(d != nullptr);
  CHECK(d->where.empty());
  CHECK(d->where == fleetprov::source_range{});
}

TEST_CASE("a policy document that is neither text nor object has nothing to check and is refused") {
  auto subject = parse_good(R"({"Resources":{"p":{"Type":"AWS::IoT::Policy","Properties":{"PolicyDocument":"{}"}}}})");
  subject.policies[0].document->text.reset();
  CHECK(rule_of(subject) == "policy-source");
  CHECK(find(templates::validate(subject), rule_id::policy_source) == nullptr);
}
