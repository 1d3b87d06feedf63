// Templates and requests that came as CBOR: there is no source text, so findings inside a string point to the whole string.

#include "unit/templates/reading.hpp"

#include <nlohmann/json.hpp>

using namespace test;

namespace {

fleetprov::json::document read_cbor(std::string_view text) {
  const auto bytes = nlohmann::json::to_cbor(nlohmann::json::parse(text));
  auto out = fleetprov::json::document::from_cbor(bytes.data(), bytes.size());
  REQUIRE(out);
  return std::move(*out.value);
}

const diagnostic* find_error(const std::vector<diagnostic>& all, char family) {
  for (const diagnostic& d : all)
    if (d.broken->id[0] == family && d.level == fleetprov::severity::error) return &d;
  return nullptr;
}

}  // namespace

TEST_CASE("findings in a policy document of a CBOR template point to its string") {
  const auto source = read_cbor(
      R"({"Resources":{"p":{"Type":"AWS::IoT::Policy","Properties":{"PolicyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Alow\",\"Action\":\"iot:Connect\",\"Resource\":\"*\"}]}"}}}})");
  const auto found = templates::check(source, templates::document_kind::fleet_template);
  const diagnostic* inside = find_error(found, 'P');
  REQUIRE(inside != nullptr);
  CHECK(inside->pointer == "/Resources/p/Properties/PolicyDocument");
  CHECK(inside->message.find("/Statement/0/Effect") != std::string::npos);
  const auto* document = source.find("/Resources/p/Properties/PolicyDocument");
  REQUIRE(document != nullptr);
  CHECK(inside->where == document->where);
}

TEST_CASE("findings in the body of a CBOR request point to its string") {
  const auto source = read_cbor(
      R"({"templateName":"T","provisioningRoleArn":"arn:aws:iam::123456789012:role/r","enabled":true,"templateBody":"{\"Resources\":{\"t\":{\"Type\":\"X\"}}}"})");
  const auto out = templates::parse_creation_request(source);
  const diagnostic* type = find(out.diagnostics, rule_id::unknown_resource_type);
  REQUIRE(type != nullptr);
  CHECK(type->pointer == "/templateBody");
  CHECK(type->message.find("`/Resources/t/Type`") != std::string::npos);
  const auto* body = source.find("/templateBody");
  REQUIRE(body != nullptr);
  CHECK(type->where.begin == body->where.begin);
  CHECK(type->where.end <= body->where.end);
  const auto broken = templates::parse_creation_request(read_cbor(R"({"templateBody":"{"})"));
  const diagnostic* syntax = find_error(broken.diagnostics, 'J');
  REQUIRE(syntax != nullptr);
  CHECK(syntax->pointer == "/templateBody");
}
