#include "unit/templates/reading.hpp"

#include <set>

using namespace test;

namespace {

// Rules about evaluation or size: their rows describe the case in words, these are the documents.
std::vector<diagnostic> fire_by_hand(rule_id id, bool bad) {
  const std::string one = "\"S\":{\"Type\":\"String\"}";
  const std::string named = fleet(R"("ThingName":{"Ref":"S"})", one);
  switch (id) {
    case rule_id::template_too_long:
      return check_auto(fleet("\"ThingName\":\"a\"" + std::string(bad ? 10240 : 9000, ' ')));
    case rule_id::missing_parameter: {
      const std::string with_default = fleet(R"("ThingName":{"Ref":"S"})", R"("S":{"Type":"String","Default":"1"})");
      return templates::evaluate(parse_good(bad ? named : with_default), {}).diagnostics;
    }
    case rule_id::unknown_parameter:
      return templates::check_parameters(parse_good(named), bad ? std::map<std::string, std::string>{{"S", "1"}, {"T", "1"}}
                                                                : std::map<std::string, std::string>{{"S", "1"}});
    case rule_id::parameter_too_long: {
      const std::string free = fleet("\"ThingName\":\"a\"", one, ",\"DeviceConfiguration\":{\"v\":{\"Ref\":\"S\"}}");
      return templates::evaluate(parse_good(free), {{"S", std::string(bad ? 4097 : 4096, 'a')}}).diagnostics;
    }
    case rule_id::unsafe_policy_value: {
      const std::string policy =
          R"({"Parameters":{"S":{"Type":"String"}},"Resources":{"p":{"Type":"AWS::IoT::Policy","Properties":{"PolicyDocument":)"
          R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iot:Connect"],"Resource":)"
          R"([{"Fn::Sub":"arn:aws:iot:us-east-1:123456789012:client/${S}"}]}]}}}}})";
      return templates::evaluate(parse_good(policy), {{"S", bad ? "*" : "1"}}).diagnostics;
    }
    case rule_id::output_too_large: {
      std::string value = "\"" + std::string(200, 'x') + "\"";
      for (int i = 0; i < (bad ? 10 : 1); ++i) value = R"({"Fn::Sub":["${V}${V}${V}${V}",{"V":)" + value + "}]}";
      return evaluate_value(value).diagnostics;
    }
    case rule_id::invalid_inline_policy: {
      const std::string policy =
          R"({"Parameters":{"S":{"Type":"String"}},"Resources":{"p":{"Type":"AWS::IoT::Policy","Properties":{"PolicyDocument":)"
          R"({"Fn::Join":["",["{'Version':'2012-10-17','Statement':[{'Effect':'Allow','Action':'iot:Connect','Resource':'",{"Ref":"S"},"'}]}"]]}}}}})";
      std::string good = policy;
      if (!bad) {
        std::string quoted;
        for (const char c : policy) quoted += c == '\'' ? std::string("\\\"") : std::string(1, c);
        good = quoted;
      }
      return templates::evaluate(parse_good(good), {{"S", "arn:aws:iot:us-east-1:123456789012:client/a"}}).diagnostics;
    }
    default: return {};
  }
}

bool is_by_hand(const fleetprov::rule& row) { return row.bad.empty() || row.bad.front() == '(' || row.name == "missing-parameter"; }

}  // namespace

TEST_CASE("every rule fires on its bad document and not on its good one") {
  for (std::size_t i = 0; i < templates::rules.size(); ++i) {
    const fleetprov::rule& row = templates::rules[i];
    const auto id = static_cast<rule_id>(i + 1);
    INFO(row.id << " " << row.name);
    const auto bad = is_by_hand(row) ? fire_by_hand(id, true) : check_auto(row.bad);
    const auto good = is_by_hand(row) ? fire_by_hand(id, false) : check_auto(row.good);
    const diagnostic* fired = find(bad, id);
    CHECK(fired != nullptr);
    CHECK(find(good, id) == nullptr);
    if (fired == nullptr) continue;
    CHECK_FALSE(fired->message.empty());
    CHECK(fired->message.find('\n') == std::string::npos);
    CHECK(fired->message.back() != '.');
  }
}

TEST_CASE("rule rows are complete and their names are unique") {
  std::set<std::string_view> names;
  for (const fleetprov::rule& row : templates::rules) {
    INFO(row.id);
    CHECK(names.insert(row.name).second);
    CHECK_FALSE(row.summary.empty());
    CHECK_FALSE(row.why.empty());
    CHECK_FALSE(row.source.empty());
    CHECK_FALSE(row.bad.empty());
    CHECK_FALSE(row.good.empty());
  }
}

TEST_CASE("findings point into the document") {
  for (const fleetprov::rule& row : templates::rules) {
    if (is_by_hand(row)) continue;
    INFO(row.id);
    const auto source = read(row.bad);
    for (const diagnostic& d : check_auto(row.bad)) {
      INFO(d.broken->id << " at " << d.pointer << ": " << d.message);
      CHECK(d.where.begin < d.where.end);
      CHECK(d.where.end <= row.bad.size());
      const bool is_missing_or_known = source.find(d.pointer) != nullptr;
      CHECK(is_missing_or_known);
    }
  }
}
