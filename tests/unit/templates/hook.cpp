#include "unit/templates/reading.hpp"

#include <fleetprov/templates/hook.hpp>

using namespace test;

TEST_CASE("a hook request is AWS's JSON and reads back") {
  templates::hook_request request;
  request.claim_certificate_id = std::string(64, 'c');
  request.certificate_id = std::string(64, 'd');
  request.certificate_pem = "-----BEGIN CERTIFICATE-----\nA\"\\\x01\n";
  request.template_arn = "arn:aws:iot:us-east-1:123456789012:provisioningtemplate/T";
  request.client_id = "c";
  CHECK(templates::encode(request).find("\"parameters\":{}") != std::string::npos);
  request.parameters = {{"SerialNumber", "S1"}};
  const auto back = templates::parse_hook_request(read(templates::encode(request)));
  REQUIRE(back);
  CHECK(back.diagnostics.empty());
  CHECK(back.value->certificate_pem == request.certificate_pem);
  CHECK(back.value->parameters == request.parameters);
}

TEST_CASE("bytes that are not UTF-8 do not break the request") {
  templates::hook_request request;
  request.client_id = "a\xFF\xC3z";
  CHECK(read(templates::encode(request)).root().find("clientId")->text == "a\xEF\xBF\xBD\xEF\xBF\xBDz");
}

TEST_CASE("only the boolean true allows") {
  const auto allows = [](std::string_view text) {
    const auto answer = templates::decode_hook_response(text);
    return answer.value.has_value() && answer.value->allow;
  };
  CHECK(allows(R"({"allowProvisioning":true})"));
  CHECK(allows(R"({"allowProvisioning":true,"parameterOverrides":{"A":"b"}})"));
  CHECK(allows(R"({"allowProvisioning":true,"parameterOverrides":null})"));
  for (const std::string_view text :
       {R"({"allowProvisioning":false})", R"({"allowProvisioning":"true"})", R"({"allowProvisioning":1})", R"({"allowProvisioning":null})",
        R"({})", R"({"AllowProvisioning":true})", "[]", "true", "null", "", "not json", R"({"allowProvisioning":true)",
        R"({"allowProvisioning":true}{})", R"({"allowProvisioning":true,"parameterOverrides":{"A":1}})",
        R"({"allowProvisioning":true,"parameterOverrides":["A"]})", R"({"allowProvisioning":false,"allowProvisioning":true})",
        R"({"statusCode":200,"body":"{\"allowProvisioning\":true}"})"}) {
    INFO(text);
    CHECK_FALSE(allows(text));
  }
}

TEST_CASE("overrides come through, those of the service's own values do not") {
  const auto answer = templates::decode_hook_response(
      R"({"allowProvisioning":true,"parameterOverrides":{"Site":"south","AWS::IoT::Certificate::Id":"x"}})");
  REQUIRE(answer);
  CHECK(answer.value->overrides == std::map<std::string, std::string>{{"Site", "south"}});
  CHECK(find(answer.diagnostics, rule_id::override_ignored) != nullptr);
}

TEST_CASE("an incomplete hook request is refused member by member") {
  const auto found = templates::parse_hook_request(read(R"({"claimCertificateId":1,"parameters":{"S":2},"extra":0})")).diagnostics;
  CHECK(find(found, rule_id::wrong_type)->pointer == "/claimCertificateId");
  CHECK(find(found, rule_id::override_not_text)->pointer == "/parameters/S");
  CHECK(find(found, rule_id::missing_property) != nullptr);
  CHECK(find(found, rule_id::unknown_property)->pointer == "/extra");
}

TEST_CASE("values of a hook request that are none of their kind are named") {
  const std::string id(64, 'a');
  const auto finding = [](const std::string& key, const std::string& value) {
    const auto out = templates::parse_hook_request(read("{\"" + key + "\":" + value + "}"));
    const diagnostic* d = find(out.diagnostics, rule_id::hook_request_value);
    if (d != nullptr) CHECK(d->pointer == "/" + key);
    return d != nullptr;
  };
  CHECK_FALSE(finding("certificateId", "\"" + id + "\""));
  CHECK(finding("certificateId", "\"" + id + "a\""));
  CHECK(finding("claimCertificateId", "\"" + id.substr(1) + "g\""));
  CHECK_FALSE(finding("templateArn", "\"arn:aws:iot:us-east-1:123456789012:provisioningtemplate/T\""));
  CHECK(finding("templateArn", "\"T\""));
  CHECK(finding("templateArn", "\"arn:aws:iam:us-east-1:123456789012:provisioningtemplate/T\""));
  CHECK(finding("templateArn", "\"arn:aws:iot:us-east-1:123456789012:thing/T\""));
  CHECK_FALSE(finding("templateArn", "7"));  // no string: that is another rule's
  const auto list = templates::parse_hook_request(read("[]"));
  CHECK_FALSE(list.value);
  CHECK(find(list.diagnostics, rule_id::template_not_object) != nullptr);
}

TEST_CASE("an answer that denies says what is wrong with it") {
  const auto finding = [](std::string_view text, rule_id id) {
    const auto out = templates::parse_hook_response(read(text));
    const diagnostic* d = find(out.diagnostics, id);
    return d == nullptr ? std::string() : d->message + ": " + d->help;
  };
  CHECK(finding(R"({"statusCode":200,"body":"{}"})", rule_id::hook_denies).find("not with an HTTP statusCode and body") != std::string::npos);
  CHECK(finding(R"({"statusCode":200})", rule_id::hook_denies).find("add `\"allowProvisioning\": true` or false") != std::string::npos);
  CHECK(finding(R"({"allowProvisioning":true,"parameterOverrides":{"A":1}})", rule_id::override_not_text) == "the value of `A` is a number, not a string: write `\"1\"`");
  CHECK(finding(R"({"allowProvisioning":true,"parameterOverrides":{"A":true}})", rule_id::override_not_text).find("write `\"true\"`") != std::string::npos);
  CHECK(finding(R"({"allowProvisioning":true,"parameterOverrides":{"A":null}})", rule_id::override_not_text).find("write") == std::string::npos);
  CHECK(finding("[]", rule_id::template_not_object) == "the document is an array, not an object: ");
}

TEST_CASE("an override of a value of the certificate's subject is dropped") {
  const auto answer = templates::decode_hook_response(
      R"({"allowProvisioning":true,"parameterOverrides":{"AWS::IoT::Certificate::CommonName":"x","AWS::IoT::Certificate::Other":"y"}})");
  REQUIRE(answer);
  CHECK(answer.value->overrides == std::map<std::string, std::string>{{"AWS::IoT::Certificate::Other", "y"}});
}
