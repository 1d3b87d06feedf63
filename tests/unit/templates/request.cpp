#include "unit/templates/reading.hpp"

#include <fleetprov/templates/request.hpp>

using namespace test;

namespace {

std::string escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') out += "\\n";
    else out += c;
  }
  return out;
}

std::string creation(std::string_view body, std::string_view more) {
  return "{\"templateName\":\"T\",\"provisioningRoleArn\":\"arn:aws:iam::123456789012:role/r\"," + std::string(more) +
         "\"templateBody\":\"" + escape(body) + "\"}";
}

std::string text_at(std::string_view document, const diagnostic& d) {
  return std::string(document.substr(d.where.begin, d.where.end - d.where.begin));
}

}  // namespace

TEST_CASE("a registration config gives a body and role, or a name") {
  const std::string body = fleet(R"("ThingName":{"Ref":"AWS::IoT::Certificate::CommonName"})");
  const auto good = templates::parse_registration_config(
      read("{\"templateBody\":\"" + escape(body) + "\",\"roleArn\":\"arn:aws:iam::123456789012:role/r\"}"));
  REQUIRE(good);
  REQUIRE(good.value->body.has_value());
  CHECK(good.value->body->kind == template_kind::jitp);
  CHECK(templates::parse_registration_config(read(R"({"templateName":"T"})")));
  CHECK_FALSE(templates::parse_registration_config(read(R"({"roleArn":"arn:aws:iam::123456789012:role/r"})")));
  CHECK_FALSE(templates::parse_registration_config(read(R"({"templateName":"T","templateBody":"{}"})")));
  CHECK_FALSE(templates::parse_registration_config(read(R"({"templateName":"a b"})")));
  for (const char* role : {"\"arn:aws:iot:us-east-1:123456789012:role/r\"", "\"arn:aws:iam::123456789012:user/r\"", "\"no ARN, but long enough\"",
                           "\"arn:aws:iam::12345:role/x\"", "\"arn:aws:iam:::role/service\"", "\"arn:aws:iam::*:role/service\""}) {
    INFO(role);
    const auto config = templates::parse_registration_config(read("{\"templateBody\":\"" + escape(body) + "\",\"roleArn\":" + role + "}"));
    REQUIRE(find(config.diagnostics, rule_id::role_arn) != nullptr);
    CHECK(find(config.diagnostics, rule_id::role_arn)->pointer == "/roleArn");
  }
  for (const char* account : {"123456789012", "<ACCOUNT_ID>", "ACCOUNT_ID"}) {
    INFO(account);
    const auto config = templates::parse_registration_config(
        read("{\"templateBody\":\"" + escape(body) + "\",\"roleArn\":\"arn:aws:iam::" + account + ":role/r\"}"));
    CHECK(find(config.diagnostics, rule_id::role_arn) == nullptr);
  }
  // What is no string is no bad name or ARN besides.
  for (const char* field : {"roleArn", "templateName", "templateBody"}) {
    INFO(field);
    const auto config = templates::parse_registration_config(read("{\"" + std::string(field) + "\":7}"));
    REQUIRE(find(config.diagnostics, rule_id::wrong_type) != nullptr);
    CHECK(find(config.diagnostics, rule_id::wrong_type)->message == "`" + std::string(field) + "` is a number, not a string");
    CHECK(find(config.diagnostics, rule_id::role_arn) == nullptr);
    CHECK(find(config.diagnostics, rule_id::request_field) == nullptr);
    CHECK_FALSE(config.value->body);
  }
  CHECK_FALSE(templates::parse_registration_config(read(R"({"templateBody":{},"roleArn":"arn:aws:iam::123456789012:role/r"})")));
}

TEST_CASE("findings in a template body point into its string, policy inside included") {
  const std::string_view policy = R"({"Version":"2012-10-17","Statement":[{"Effect":"Alow","Action":"iot:Connect","Resource":"*"}]})";
  const std::string body = "{\"Resources\":{\"t\":{\"Type\":\"AWS::IoT::Thng\",\"Properties\":{}},\"p\":{\"Type\":\"AWS::IoT::Policy\","
                           "\"Properties\":{\"PolicyDocument\":\"" + escape(policy) + "\"}}}}";
  const std::string document = creation(body, "\"enabled\":true,");
  const auto out = templates::parse_creation_request(read(document));
  CHECK_FALSE(out);
  const diagnostic* type = find(out.diagnostics, rule_id::unknown_resource_type);
  REQUIRE(type != nullptr);
  CHECK(type->pointer == "/templateBody");
  CHECK(type->message.find("`/Resources/t/Type`") != std::string::npos);
  CHECK(text_at(document, *type) == R"(\"AWS::IoT::Thng\")");
  bool found = false;
  for (const diagnostic& d : out.diagnostics) {
    CHECK((d.pointer.empty() || d.pointer == "/templateBody" || d.pointer == "/enabled"));
    if (text_at(document, d) == R"(\\\"Alow\\\")") found = true;
  }
  CHECK(found);
}

TEST_CASE("a body that is no JSON is found at its byte") {
  const std::string document = creation("{\"Resources\":{},}", "");
  const auto out = templates::parse_creation_request(read(document));
  const diagnostic* d = find(out.diagnostics, "J001");
  REQUIRE(d != nullptr);
  CHECK(d->pointer == "/templateBody");
  CHECK(text_at(document, *d) == ",");
}

TEST_CASE("a disabled template and a missing hook are warnings, and the type decides the grammar") {
  const std::string body = fleet("\"ThingName\":\"a\"");
  const auto disabled = templates::parse_creation_request(read(creation(body, "")));
  REQUIRE(disabled);
  CHECK(find(disabled.diagnostics, rule_id::disabled_template) != nullptr);
  CHECK(find(disabled.diagnostics, rule_id::disabled_template)->pointer.empty());
  CHECK(find(disabled.diagnostics, rule_id::no_hook) != nullptr);
  const auto switched_off = templates::parse_creation_request(read(creation(body, R"("enabled":false,)")));
  REQUIRE(switched_off);
  CHECK_FALSE(switched_off.value->enabled);
  REQUIRE(find(switched_off.diagnostics, rule_id::disabled_template) != nullptr);
  CHECK(find(switched_off.diagnostics, rule_id::disabled_template)->pointer == "/enabled");
  CHECK(find(switched_off.diagnostics, rule_id::disabled_template)->message == "the template is disabled");
  const auto hooked = templates::parse_creation_request(read(
      creation(body, R"("enabled":true,"preProvisioningHook":{"payloadVersion":"2020-04-01","targetArn":"arn:aws:lambda:us-east-1:123456789012:function:f"},)")));
  REQUIRE(hooked);
  CHECK(find(hooked.diagnostics, rule_id::disabled_template) == nullptr);
  CHECK(find(hooked.diagnostics, rule_id::no_hook) == nullptr);
  CHECK(hooked.value->body.has_value());
  const auto jitp = templates::parse_creation_request(read(creation(body, R"("type":"JITP","enabled":true,)")));
  REQUIRE(jitp);
  CHECK(jitp.value->kind == template_kind::jitp);
}

TEST_CASE("a body encoded twice is named as such") {
  const std::string twice = "\"" + escape(fleet("\"ThingName\":\"a\"")) + "\"";
  const auto out = templates::parse_creation_request(read(creation(twice, "")));
  CHECK(find(out.diagnostics, rule_id::encoded_twice) != nullptr);
  for (const char* body : {"", " \n", "\"no template\"", "[]"}) {
    INFO(body);
    const auto other = templates::parse_creation_request(read(creation(body, "")));
    CHECK_FALSE(other);
    REQUIRE(other.value);
    CHECK_FALSE(other.value->body);
    CHECK(find(other.diagnostics, rule_id::encoded_twice) == nullptr);
    const bool is_json = body[0] == '"' || body[0] == '[';
    CHECK((find(other.diagnostics, rule_id::template_not_object) != nullptr) == is_json);
    CHECK((find(other.diagnostics, "J001") != nullptr) == !is_json);
  }
}

TEST_CASE("a template is read from every document that holds one") {
  using templates::document_kind;
  const std::string body = fleet("\"ThingName\":\"a\"");
  CHECK(templates::read_template(read(body), document_kind::fleet_template));
  CHECK(templates::read_template(read(creation(body, "")), document_kind::fleet_template));
  CHECK(templates::read_template(read("{\"templateBody\":\"" + escape(body) + "\",\"roleArn\":\"arn:aws:iam::123456789012:role/r\"}"),
                                 document_kind::registration_config));
  CHECK_FALSE(templates::read_template(read(R"({"templateName":"T"})"), document_kind::registration_config).value.has_value());
  const auto list = templates::read_template(read("[]"), document_kind::registration_config);
  CHECK_FALSE(list.value);
  CHECK(find(list.diagnostics, rule_id::template_not_object) != nullptr);
  CHECK_FALSE(templates::read_template(read("[]"), document_kind::fleet_template).value);
  REQUIRE(templates::check(read("[]"), document_kind::fleet_template).size() == 1);
  CHECK(templates::check(read("[]"), document_kind::fleet_template)[0].broken == &templates::row_of(rule_id::template_not_object));
}

TEST_CASE("what stands beside a body tells a request from a template") {
  const auto is_request = [](std::string_view text) { return templates::is_creation_request(read(text)); };
  CHECK(is_request(R"({"provisioningRoleArn":"r"})"));
  CHECK(is_request(R"({"preProvisioningHook":{}})"));
  for (const char* beside : {"templateName", "enabled", "type"}) {
    INFO(beside);
    CHECK(is_request("{\"templateBody\":\"{}\",\"" + std::string(beside) + "\":\"x\"}"));
    CHECK_FALSE(is_request("{\"" + std::string(beside) + "\":\"x\"}"));
  }
  CHECK_FALSE(is_request(R"({"templateBody":"{}","roleArn":"r"})"));
  CHECK_FALSE(is_request(R"({"Resources":{},"provisioningRoleArn":"r"})"));
  CHECK_FALSE(is_request("[]"));
}

TEST_CASE("a request needs its body as text") {
  for (const char* body : {"", ",\"templateBody\":{}"}) {
    INFO(body);
    const auto out = templates::parse_creation_request(read(R"({"templateName":"T","provisioningRoleArn":"arn:aws:iam::123456789012:role/r")" + std::string(body) + "}"));
    CHECK_FALSE(out);
    CHECK_FALSE(out.value->template_body);
    CHECK_FALSE(out.value->body);
    CHECK((find(out.diagnostics, rule_id::missing_property) != nullptr) == (body[0] == '\0'));
    CHECK((find(out.diagnostics, rule_id::wrong_type) != nullptr) == (body[0] != '\0'));
  }
}

TEST_CASE("messages stay on one line whatever the keys inside a body are") {
  const std::string document = creation("{\"Resources\":{\"a\\nb\":{\"Type\":7}},\"x\\ny\":1}", "");
  const auto out = templates::parse_creation_request(read(document));
  CHECK(out.has_errors());
  for (const diagnostic& d : out.diagnostics) CHECK(d.message.find('\n') == std::string::npos);
}

TEST_CASE("fields of the wrong type and values that are none are named in requests") {
  const std::string body = fleet("\"ThingName\":\"a\"");
  const auto finding = [&](std::string_view more, rule_id id) {
    const auto out = templates::parse_creation_request(read(creation(body, more)));
    const diagnostic* d = find(out.diagnostics, id);
    return d == nullptr ? std::string() : d->pointer + " " + d->message;
  };
  CHECK(finding(R"("enabled":"yes",)", rule_id::wrong_type) == "/enabled `enabled` is a string, not a boolean");
  CHECK(finding(R"("enabled":true,"type":"BULK",)", rule_id::request_field) == "/type `BULK` is no template type");
  CHECK(finding(R"("enabled":true,"type":"FLEET_PROVISIONING",)", rule_id::request_field).empty());
  CHECK(finding(R"("enabled":true,"preProvisioningHook":"x",)", rule_id::wrong_type) ==
        "/preProvisioningHook `preProvisioningHook` is a string, not an object");
  CHECK(finding(R"("enabled":true,"preProvisioningHook":{"targetArn":"arn:aws:lambda:us-east-1:123456789012:function:f","payloadVersion":"2020"},)",
                rule_id::request_field) == "/preProvisioningHook/payloadVersion `2020` is no payload version");
  CHECK(finding(R"("enabled":true,"preProvisioningHook":{"targetArn":"arn:aws:lambda:us-east-1:123456789012:function:f","payloadVersion":"2020-04-01"},)",
                rule_id::request_field).empty());
  CHECK(finding(R"("enabled":true,"description":7,)", rule_id::wrong_type) == "/description `description` is a number, not a string");
  CHECK(finding("\"enabled\":true,\"description\":\"" + std::string(501, 'd') + "\",", rule_id::request_field).find("/description the description has more than") == 0);
  CHECK(finding("\"enabled\":true,\"description\":\"" + std::string(500, 'd') + "\",", rule_id::request_field).empty());
  for (const auto& [hidden, name] : {std::pair(R"(a\nb)", "U+000A"), std::pair(R"(\u0000)", "U+0000"), std::pair(R"(a\u200B)", "U+200B"), std::pair(R"(\uDBFF\uDFFD)", "U+10FFFD")}) {
    INFO(name);
    CHECK(finding("\"enabled\":true,\"description\":\"" + std::string(hidden) + "\",", rule_id::request_field) == "/description the description holds " + std::string(name));
  }
  CHECK(finding("\"enabled\":true,\"description\":\"L\xC3\xA4mpchen \xF0\x9F\x98\x80\",", rule_id::request_field).empty());
  const auto list = templates::parse_creation_request(read("[]"));
  CHECK_FALSE(list);
  REQUIRE(find(list.diagnostics, rule_id::template_not_object) != nullptr);
  CHECK(find(list.diagnostics, rule_id::template_not_object)->message == "the document is an array, not an object");
  CHECK_FALSE(templates::parse_registration_config(read("\"x\"")));
}

TEST_CASE("ARNs of roles and hooks have the length that the API takes") {
  const std::string body = escape(fleet("\"ThingName\":\"a\""));
  const auto finding = [](const std::vector<diagnostic>& found, rule_id id) {
    const diagnostic* d = find(found, id);
    return d == nullptr ? std::string() : d->pointer + " " + d->message;
  };
  const auto created = [&](std::string_view role, std::string_view more, rule_id id) {
    return finding(templates::parse_creation_request(read("{\"templateName\":\"T\",\"provisioningRoleArn\":\"" + std::string(role) + "\"," + std::string(more) +
                                                          "\"templateBody\":\"" + body + "\"}")).diagnostics, id);
  };
  const std::string role = "arn:aws:iam::123456789012:role/";
  CHECK(created("arn", "", rule_id::request_field) == "/provisioningRoleArn `provisioningRoleArn` has 3 characters");
  CHECK(created("arn", "", rule_id::role_arn).empty());
  CHECK(created(std::string(19, 'r'), "", rule_id::request_field) == "/provisioningRoleArn `provisioningRoleArn` has 19 characters");
  CHECK(created(std::string(20, 'r'), "", rule_id::request_field).empty());
  CHECK(created(role + std::string(2048 - role.size(), 'r'), "", rule_id::request_field).empty());
  CHECK(created(role + std::string(2049 - role.size(), 'r'), "", rule_id::request_field) == "/provisioningRoleArn `provisioningRoleArn` has 2049 characters");
  CHECK(finding(templates::parse_registration_config(read("{\"templateBody\":\"" + body + "\",\"roleArn\":\"r\"}")).diagnostics, rule_id::request_field) ==
        "/roleArn `roleArn` has 1 characters");
  const auto unfilled = templates::parse_registration_config(read("{\"templateBody\":\"" + body + "\",\"roleArn\":\"<ROLE_ARN>\"}"));
  CHECK(find(unfilled.diagnostics, rule_id::request_field) == nullptr);  // still to be filled in
  CHECK(find(unfilled.diagnostics, rule_id::role_arn) != nullptr);
  const auto hooked = [&](std::size_t size) {
    return created(role + "r", R"("preProvisioningHook":{"targetArn":")" + std::string(size, 'f') + "\"},", rule_id::request_field);
  };
  CHECK(hooked(2048).empty());
  CHECK(hooked(2049) == "/preProvisioningHook/targetArn `targetArn` has 2049 characters");
  CHECK(hooked(0) == "/preProvisioningHook/targetArn `targetArn` has 0 characters");
}

TEST_CASE("places in a body are right behind escapes of characters of every length") {
  for (const char* name : {R"(\u0041)", R"(\u00C9\u00e9)", R"(\u07FF)", R"(\u0800)", R"(\u20ac)", R"(\uD7FF)", R"(\uE000)", R"(\uFF21)", R"(\uD83D\uDE00)", R"(\uDBFF\uDFFF)",
                           R"(\/\b)", "\xE2\x82\xAC"}) {
    INFO(name);
    const std::string document =
        R"({"templateName":"T","provisioningRoleArn":"arn:aws:iam::123456789012:role/r","enabled":true,"templateBody":"{\"Resources\":{\")" + std::string(name) +
        R"(\":{\"Type\":\"X\",\"Properties\":{}}}}"})";
    const auto out = templates::parse_creation_request(read(document));
    const diagnostic* type = find(out.diagnostics, rule_id::unknown_resource_type);
    if (type == nullptr) type = find(out.diagnostics, "J001");
    REQUIRE(type != nullptr);
    if (type->broken->id[0] == 'T') CHECK(text_at(document, *type) == R"(\"X\")");
    else CHECK(std::string_view(name) == R"(\/\b)");  // a backspace is no character of the inner text
  }
}
