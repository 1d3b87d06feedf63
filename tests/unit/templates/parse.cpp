#include "unit/templates/reading.hpp"

#include <algorithm>
#include <array>

using namespace test;

namespace {

/// One mutation of a good template and what must come of it.
struct broken_variant {
  std::string_view what;
  std::string_view from, to;
  rule_id id;
  std::string_view pointer;
  std::uint32_t line;
};

// Line numbers matter below: one property per line.
constexpr std::string_view whole = R"({
  "Parameters": {
    "Serial": { "Type": "String" },
    "Site": { "Type": "String", "Default": "north" }
  },
  "Mappings": {
    "Sites": { "north": { "Url": "n" }, "south": { "Url": "s" } }
  },
  "Resources": {
    "thing": {
      "Type": "AWS::IoT::Thing",
      "Properties": {
        "ThingName": { "Fn::Join": ["-", ["dev", { "Ref": "Serial" }]] },
        "AttributePayload": { "serial": { "Ref": "Serial" } },
        "ThingTypeName": { "Fn::Select": ["0", ["lamp", "fan"]] },
        "ThingGroups": ["all", { "Ref": "Site" }]
      },
      "OverrideSettings": { "AttributePayload": "MERGE", "ThingGroups": "DO_NOTHING" }
    },
    "certificate": {
      "Type": "AWS::IoT::Certificate",
      "Properties": {
        "CertificateId": { "Ref": "AWS::IoT::Certificate::Id" },
        "Status": "Active"
      }
    },
    "policy": {
      "Type": "AWS::IoT::Policy",
      "Properties": {
        "PolicyName": "device"
      }
    }
  },
  "DeviceConfiguration": {
    "Url": { "Fn::FindInMap": ["Sites", { "Ref": "Site" }, "Url"] }
  }
})";

constexpr std::array<broken_variant, 36> variants{{
    {"unknown section", "\"Mappings\"", "\"Mapping\"", rule_id::unknown_section, "/Mapping", 6},
    {"CloudFormation section", "\"DeviceConfiguration\"", "\"Outputs\"", rule_id::unknown_section, "/Outputs", 34},
    {"resources missing", "\"Resources\"", "\"Resource\"", rule_id::missing_resources, "", 1},
    {"parameter type", "\"Serial\": { \"Type\": \"String\" }", "\"Serial\": { \"Type\": \"Number\" }", rule_id::parameter_type,
     "/Parameters/Serial/Type", 3},
    {"parameter without type", "\"Serial\": { \"Type\": \"String\" }", "\"Serial\": { }", rule_id::missing_property,
     "/Parameters/Serial", 3},
    {"parameter default number", "\"Default\": \"north\"", "\"Default\": 1", rule_id::wrong_type, "/Parameters/Site/Default", 4},
    {"parameter property", "\"Default\": \"north\"", "\"Description\": \"x\"", rule_id::unknown_property,
     "/Parameters/Site/Description", 4},
    {"mapping three levels", "{ \"Url\": \"n\" }", "{ \"Url\": { \"a\": \"n\" } }", rule_id::mapping_not_literal,
     "/Mappings/Sites/north/Url", 7},
    {"mapping one level", "\"north\": { \"Url\": \"n\" }", "\"north\": \"n\"", rule_id::mapping_not_literal,
     "/Mappings/Sites/north", 7},
    {"function in mapping", "{ \"Url\": \"n\" }", "{ \"Url\": {\"Ref\": \"Site\"} }", rule_id::mapping_not_literal,
     "/Mappings/Sites/north/Url", 7},
    {"resource type", "\"AWS::IoT::Thing\"", "\"AWS::IoT::Things\"", rule_id::unknown_resource_type, "/Resources/thing/Type", 11},
    {"resource without type", "\"Type\": \"AWS::IoT::Policy\",", "", rule_id::missing_property, "/Resources/policy", 27},
    {"thing property", "\"ThingTypeName\"", "\"ThingType\"", rule_id::unknown_property, "/Resources/thing/Properties/ThingType", 15},
    {"thing without name", "\"ThingName\"", "\"BillingGroup\"", rule_id::missing_property, "/Resources/thing/Properties", 12},
    {"thing name number", "{ \"Fn::Join\": [\"-\", [\"dev\", { \"Ref\": \"Serial\" }]] }", "7", rule_id::wrong_type,
     "/Resources/thing/Properties/ThingName", 13},
    {"thing name list", "{ \"Fn::Join\": [\"-\", [\"dev\", { \"Ref\": \"Serial\" }]] }", "[\"a\"]", rule_id::list_not_allowed,
     "/Resources/thing/Properties/ThingName", 13},
    {"unknown function", "\"Fn::Join\"", "\"Fn::If\"", rule_id::unknown_function, "/Resources/thing/Properties/ThingName/Fn::If", 13},
    {"function with a neighbour", "{ \"Ref\": \"Serial\" }]]", "{ \"Ref\": \"Serial\", \"Default\": \"x\" }]]",
     rule_id::malformed_function, "/Resources/thing/Properties/ThingName/Fn::Join/1/1/Default", 13},
    {"join without list", "[\"dev\", { \"Ref\": \"Serial\" }]", "\"dev\"", rule_id::malformed_function,
     "/Resources/thing/Properties/ThingName/Fn::Join", 13},
    {"null in a list", "\"fan\"", "null", rule_id::null_element, "/Resources/thing/Properties/ThingTypeName/Fn::Select/1/1", 15},
    {"index no number", "[\"0\", [\"lamp\"", "[\"first\", [\"lamp\"", rule_id::malformed_function,
     "/Resources/thing/Properties/ThingTypeName/Fn::Select/0", 15},
    {"groups a string", "[\"all\", { \"Ref\": \"Site\" }]", "\"all\"", rule_id::list_not_allowed, "/Resources/thing/Properties/ThingGroups", 16},
    {"groups a Ref", "[\"all\", { \"Ref\": \"Site\" }]", "{ \"Ref\": \"Site\" }", rule_id::list_not_allowed,
     "/Resources/thing/Properties/ThingGroups/Ref", 16},
    {"override key", "\"ThingGroups\": \"DO_NOTHING\"", "\"Groups\": \"DO_NOTHING\"", rule_id::override_key,
     "/Resources/thing/OverrideSettings/Groups", 18},
    {"override value", "\"ThingGroups\": \"DO_NOTHING\"", "\"ThingGroups\": \"KEEP\"", rule_id::override_value,
     "/Resources/thing/OverrideSettings/ThingGroups", 18},
    {"merge of a type", "\"ThingGroups\": \"DO_NOTHING\"", "\"ThingTypeName\": \"MERGE\"", rule_id::override_value,
     "/Resources/thing/OverrideSettings/ThingTypeName", 18},
    {"certificate id missing", "\"CertificateId\": { \"Ref\": \"AWS::IoT::Certificate::Id\" },", "", rule_id::certificate_source,
     "/Resources/certificate/Properties", 22},
    {"certificate by CSR", "\"CertificateId\": { \"Ref\": \"AWS::IoT::Certificate::Id\" }", "\"CertificateSigningRequest\": \"x\"",
     rule_id::certificate_source, "/Resources/certificate/Properties/CertificateSigningRequest", 23},
    {"certificate status", "\"Active\"", "\"Activated\"", rule_id::invalid_status, "/Resources/certificate/Properties/Status", 24},
    {"principal type", "\"Status\": \"Active\"", "\"ThingPrincipalType\": \"ONE\"", rule_id::invalid_principal_type,
     "/Resources/certificate/Properties/ThingPrincipalType", 24},
    {"policy without source", "\"PolicyName\": \"device\"", "", rule_id::policy_source, "/Resources/policy/Properties", 29},
    {"policy with both", "\"PolicyName\": \"device\"", "\"PolicyName\": \"device\", \"PolicyDocument\": \"{}\"",
     rule_id::policy_source, "/Resources/policy/Properties/PolicyDocument", 30},
    {"configuration nested", "{ \"Fn::FindInMap\": [\"Sites\", { \"Ref\": \"Site\" }, \"Url\"] }", "{ \"Host\": \"h\" }",
     rule_id::nested_device_configuration, "/DeviceConfiguration/Url", 35},
    {"configuration list", "{ \"Fn::FindInMap\": [\"Sites\", { \"Ref\": \"Site\" }, \"Url\"] }", "[\"h\"]",
     rule_id::list_not_allowed, "/DeviceConfiguration/Url", 35},
    {"map key count", "[\"Sites\", { \"Ref\": \"Site\" }, \"Url\"]", "[\"Sites\", \"north\"]", rule_id::malformed_function,
     "/DeviceConfiguration/Url/Fn::FindInMap", 35},
    {"properties a list", "\"Properties\": {\n        \"PolicyName\": \"device\"\n      }", "\"Properties\": []", rule_id::wrong_type,
     "/Resources/policy/Properties", 29},
}};

std::string mutate(std::string_view from, std::string_view to) {
  std::string out(whole);
  const std::size_t at = out.find(from);
  INFO(from);
  REQUIRE(at != std::string::npos);
  return out.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("a complete template parses without findings") {
  const auto out = templates::parse(read(whole), template_kind::fleet);
  REQUIRE(out.value.has_value());
  CHECK(out.diagnostics.empty());
  CHECK(out.value->parameters.size() == 2);
  CHECK(out.value->things.size() == 1);
  CHECK(out.value->device_configuration.size() == 1);
}

TEST_CASE("each broken variant is refused by its rule, at its pointer and line") {
  for (const broken_variant& v : variants) {
    INFO(v.what);
    const auto source = read(mutate(v.from, v.to));
    const auto out = templates::parse(source, template_kind::fleet);
    const diagnostic* found = find(out.diagnostics, v.id);
    REQUIRE(found != nullptr);
    CHECK_FALSE(out);
    CHECK(found->level == fleetprov::severity::error);
    CHECK(found->pointer == v.pointer);
    CHECK(source.locate(found->where.begin).line == v.line);
  }
}

TEST_CASE("both spellings of override settings are read") {
  const auto made = parse_good(mutate("\"AttributePayload\": \"MERGE\", \"ThingGroups\": \"DO_NOTHING\"",
                                      R"("ATTRIBUTE_PAYLOAD":"FAIL","THING_TYPE_NAME":"DO_NOTHING","THING_GROUPS":"REPLACE")"));
  REQUIRE(made.things.size() == 1);
  CHECK(made.things[0].override_attributes->setting == templates::override_setting::fail);
  CHECK(made.things[0].override_type->setting == templates::override_setting::do_nothing);
  CHECK(made.things[0].override_groups->setting == templates::override_setting::replace);
}

TEST_CASE("a template that is no object gives no value") {
  for (const std::string_view text : {"[]", "\"x\"", "1", "null", "true"}) {
    const auto out = templates::parse(read(text), template_kind::fleet);
    CHECK_FALSE(out.value.has_value());
    CHECK(find(out.diagnostics, rule_id::template_not_object) != nullptr);
  }
}

TEST_CASE("the body may have 10240 characters, not one more, and characters are not bytes") {
  const std::string base = fleet("\"ThingName\":\"a\"", "", ",\"DeviceConfiguration\":{\"v\":\"\"}");
  const std::size_t at = base.rfind("\"\"") + 1;
  const std::size_t room = 10240 - base.size();
  std::string full;
  for (std::size_t i = 0; i < room; ++i) full += "\xC3\xA9";
  std::string exact = base, over = base;
  exact.insert(at, full);
  over.insert(at, full + "x");
  CHECK(templates::parse(read(exact), template_kind::fleet));
  CHECK(find(templates::parse(read(over), template_kind::fleet).diagnostics, rule_id::template_too_long) != nullptr);
}

TEST_CASE("the kind of a document shows in its content") {
  using templates::document_kind;
  const auto kind = [](std::string_view text) { return templates::detect_kind(read(text)); };
  CHECK(kind(whole) == document_kind::fleet_template);
  CHECK(kind(R"({"Version":"2012-10-17","Statement":[]})") == document_kind::policy);
  CHECK(kind(R"({"templateBody":"{}","roleArn":"x"})") == document_kind::registration_config);
  CHECK(kind(R"({"templateName":"T"})") == document_kind::registration_config);
  CHECK(kind(R"({"templateName":"T","templateBody":"{}","provisioningRoleArn":"x"})") == document_kind::fleet_template);
  CHECK(kind(R"({"templateName":"T","templateBody":"{}","type":"JITP","provisioningRoleArn":"x"})") == document_kind::jitp_template);
  CHECK(kind(R"({"allowProvisioning":false})") == document_kind::hook_response);
  CHECK(kind(R"({"claimCertificateId":"a","parameters":{}})") == document_kind::hook_request);
  CHECK(kind(R"({"Resources":{"t":{"Type":"AWS::IoT::Thing"}}})") == document_kind::bulk_template);
  CHECK(kind(R"({"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificatePem":"x"}}}})") ==
        document_kind::bulk_template);
  CHECK(kind(R"({"Resources":{"t":{"Properties":{"ThingName":{"Ref":"AWS::IoT::Certificate::CommonName"}}}}})") ==
        document_kind::jitp_template);
  CHECK(kind(R"({"resources":{}})") == document_kind::fleet_template);
  CHECK(kind(R"({"Resources":[]})") == document_kind::fleet_template);
  CHECK(kind(R"({"Resources":{}})") == document_kind::fleet_template);
  CHECK(kind(R"({"Resources":{"t":{}}})") == document_kind::fleet_template);
  CHECK(kind(R"({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":{"Ref":7}}}}})") == document_kind::bulk_template);
  CHECK(kind(R"({"templateBody":"{}"})") == document_kind::registration_config);
  CHECK(kind(R"({"templateName":"T","templateBody":"{}"})") == document_kind::fleet_template);
  CHECK(kind(R"({"templateName":"T","templateBody":"{}","type":"FLEET_PROVISIONING"})") == document_kind::fleet_template);
  // CreateProvisioningTemplateVersion's input is neither, and a body alone may be one.
  CHECK(kind(R"({"templateBody":"{}","setAsDefault":true})") == document_kind::unknown);
  CHECK(kind(R"({"templateName":"T","templateBody":"{}","setAsDefault":true})") == document_kind::unknown);
  CHECK(kind(R"({"templateBody":"{}","versionId":1,"isDefaultVersion":true})") == document_kind::unknown);
  CHECK(kind(R"({"templateBody":"{}","description":"x"})") == document_kind::unknown);
  CHECK(kind(R"({"templateBody":"{\"DeviceConfiguration\":{}}"})") == document_kind::unknown);
  CHECK(kind(R"({"templateBody":"{\"DeviceConfiguration\":{}}","roleArn":"x"})") == document_kind::registration_config);
  CHECK(kind(R"({"templateBody":"no JSON"})") == document_kind::registration_config);
  CHECK(kind(R"({"templateBody":{"DeviceConfiguration":{}}})") == document_kind::registration_config);
  CHECK(kind(R"({"templateBody":"{}","RoleARN":"x"})") == document_kind::registration_config);
  CHECK(kind(R"({"templateName":"T","templateBody":"{}","roleArn":"x"})") == document_kind::registration_config);
  CHECK(kind(R"({"templateBody":"{}","roleArn":"x","setAsDefault":true})") == document_kind::registration_config);
  CHECK(kind(R"({"templateName":"T","templateBody":"{}","description":"x","tags":[]})") == document_kind::fleet_template);
  CHECK(kind(R"({"templateName":"T","templateBody":"{}","provisoningRoleArn":"x"})") == document_kind::fleet_template);
  CHECK(kind(R"({"certificateId":"a","parameters":{}})") == document_kind::hook_request);
  CHECK(kind(R"({"certificateId":"a"})") == document_kind::unknown);
  CHECK(kind(R"({"AllowProvisioning":true})") == document_kind::hook_response);
  CHECK(kind(R"({"statement":[]})") == document_kind::policy);
  CHECK(kind("[]") == document_kind::unknown);
  CHECK(kind("{}") == document_kind::unknown);
}

TEST_CASE("what stands in the wrong place is named, whichever resource it is in") {
  struct wrong {
    std::string_view from, to;
    rule_id id;
    std::string_view pointer, says;
  };
  const std::string_view name = R"({ "Fn::Join": ["-", ["dev", { "Ref": "Serial" }]] })";
  const std::string_view groups = R"(["all", { "Ref": "Site" }])";
  for (const wrong& v : std::vector<wrong>{
           {name, R"({"Prefix":"x","Suffix":"y"})", rule_id::wrong_type, "/Resources/thing/Properties/ThingName", "an object stands where"},
           {name, R"({"Default":"x","Ref":"Serial"})", rule_id::malformed_function, "/Resources/thing/Properties/ThingName/Default", "`Default` does not belong here"},
           {name, R"({"Fn::ImportValue":"x"})", rule_id::unknown_function, "/Resources/thing/Properties/ThingName/Fn::ImportValue", "it exists in CloudFormation only; templates know Ref, Fn::Join"},
           {name, R"({"Fn::Joint":["-",["a"]]})", rule_id::unknown_function, "/Resources/thing/Properties/ThingName/Fn::Joint", "did you mean `Fn::Join`?"},
           {name, R"({"Fn::Xyzzy":"x"})", rule_id::unknown_function, "/Resources/thing/Properties/ThingName/Fn::Xyzzy", "templates know Ref, Fn::Join"},
           {name, R"({"Ref":""})", rule_id::malformed_function, "/Resources/thing/Properties/ThingName/Ref", "wrong arguments for `Ref`"},
           {name, R"({"Fn::Join":["-"]})", rule_id::malformed_function, "/Resources/thing/Properties/ThingName/Fn::Join", "wrong arguments for `Fn::Join`"},
           {name, R"({"Fn::Join":[7,["a"]]})", rule_id::wrong_type, "/Resources/thing/Properties/ThingName/Fn::Join/0", "a number stands where"},
           {name, R"({"Fn::Select":["0"]})", rule_id::malformed_function, "/Resources/thing/Properties/ThingName/Fn::Select", "wrong arguments for `Fn::Select`"},
           {name, R"({"Fn::Select":["0","a"]})", rule_id::malformed_function, "/Resources/thing/Properties/ThingName/Fn::Select", "wrong arguments for `Fn::Select`"},
           {name, R"({"Fn::Select":["",["a"]]})", rule_id::malformed_function, "/Resources/thing/Properties/ThingName/Fn::Select/0", "the index `` is not"},
           {name, R"({"Fn::Select":["1234567890",["a"]]})", rule_id::malformed_function, "/Resources/thing/Properties/ThingName/Fn::Select/0", "`1234567890`"},
           {name, R"({"Fn::Select":["-1",["a"]]})", rule_id::select_out_of_bounds, "/Resources/thing/Properties/ThingName/Fn::Select/0", "the index `-1` is not"},
           {name, R"({"Fn::FindInMap":["Sites","north",7]})", rule_id::wrong_type, "/Resources/thing/Properties/ThingName/Fn::FindInMap/2", "a number stands where"},
           {name, R"({"Fn::Sub":["x"]})", rule_id::malformed_function, "/Resources/thing/Properties/ThingName/Fn::Sub", "wrong arguments for `Fn::Sub`"},
           {name, R"({"Fn::Sub":[7,{}]})", rule_id::malformed_function, "/Resources/thing/Properties/ThingName/Fn::Sub", "wrong arguments for `Fn::Sub`"},
           {name, R"({"Fn::Sub":["x","y"]})", rule_id::malformed_function, "/Resources/thing/Properties/ThingName/Fn::Sub", "wrong arguments for `Fn::Sub`"},
           {R"({ "serial": { "Ref": "Serial" } })", R"("x")", rule_id::wrong_type, "/Resources/thing/Properties/AttributePayload", "`AttributePayload` is a string"},
           {R"("ThingGroups": "DO_NOTHING")", R"("ThingGroups": 7)", rule_id::override_value, "/Resources/thing/OverrideSettings/ThingGroups", "a number is no setting"},
           {R"("ThingGroups": "DO_NOTHING")", R"("ThingGroups": "REPLACES")", rule_id::override_value, "/Resources/thing/OverrideSettings/ThingGroups", "did you mean `REPLACE`?"},
           {R"({ "AttributePayload": "MERGE", "ThingGroups": "DO_NOTHING" })", R"("MERGE")", rule_id::wrong_type, "/Resources/thing/OverrideSettings", "is a string"},
           {R"("Status": "Active")", R"("Status": 7)", rule_id::wrong_type, "/Resources/certificate/Properties/Status", "a number stands where"},
           {R"("PolicyName": "device")", R"("PolicyDocument": {"Ref":""})", rule_id::malformed_function, "/Resources/policy/Properties/PolicyDocument/Ref", "`Ref`"},
           {groups, R"({"Fn::Split":["","x"]})", rule_id::malformed_function, "/Resources/thing/Properties/ThingGroups/Fn::Split", "Fn::Split"},
           {groups, R"({"Fn::Split":"x"})", rule_id::malformed_function, "/Resources/thing/Properties/ThingGroups/Fn::Split", "Fn::Split"},
           {name, R"({"Fn::Sub":["x",{"Ref":"Serial"}]})", rule_id::malformed_function, "/Resources/thing/Properties/ThingName/Fn::Sub", "Fn::Sub"},
           {name, R"({"Fn::Sub":["${a}",{"a":null}]})", rule_id::null_element, "/Resources/thing/Properties/ThingName/Fn::Sub/1/a", "null"},
           {name, R"({"Fn::Sub":"a${}"})", rule_id::malformed_function, "/Resources/thing/Properties/ThingName/Fn::Sub", "`${}` names nothing"},
           {name, R"({"Fn::Sub":"a${b"})", rule_id::malformed_function, "/Resources/thing/Properties/ThingName/Fn::Sub", "`${` without a `}`"},
           {R"("south": { "Url": "s" })", R"("south": { "Url": ["s", 1] })", rule_id::mapping_not_literal, "/Mappings/Sites/south/Url/1", "a number"},
           {R"({ "serial": { "Ref": "Serial" } })", R"({ "Fn::Join": ["", []] })", rule_id::malformed_function,
            "/Resources/thing/Properties/AttributePayload/Fn::Join", "AttributePayload is a map"},
           {R"("OverrideSettings": {)", R"("Overrides": {)", rule_id::unknown_property, "/Resources/thing/Overrides", "no property `Overrides`"},
           {R"("OverrideSettings": {)", R"("Metadata": {)", rule_id::unknown_property, "/Resources/thing/Metadata", "no property `Metadata`"},
           {R"("Type": "AWS::IoT::Policy")", R"("Type": 7)", rule_id::wrong_type, "/Resources/policy/Type", "`Type` is a number"},
           {R"("Type": "AWS::IoT::Policy")", R"("Type": "X")", rule_id::unknown_resource_type, "/Resources/policy/Type", "`X`"},
           {"\"Properties\": {\n        \"PolicyName\": \"device\"\n      }", R"("OverrideSettings": {"PolicyName":"REPLACE"})", rule_id::missing_property,
            "/Resources/policy", "has no `Properties`"},
           {"\"Properties\": {\n        \"PolicyName\": \"device\"\n      }", R"("Properties":{"PolicyName":"a"},"OverrideSettings":{"PolicyName":"REPLACE"})",
            rule_id::override_key, "/Resources/policy/OverrideSettings/PolicyName", "PolicyName"},
           {R"("PolicyName": "device")", R"("PolicyDocument": [])", rule_id::wrong_type, "/Resources/policy/Properties/PolicyDocument", "is an array"},
           {R"("PolicyName": "device")", R"("PolicyDocument": {"Statement":[{"Action":{"Ref":[]}}]})", rule_id::malformed_function,
            "/Resources/policy/Properties/PolicyDocument/Statement/0/Action/Ref", "Ref"},
           {R"("PolicyName": "device")", R"("PolicyName": "device", "Zebra": "x")", rule_id::unknown_property, "/Resources/policy/Properties/Zebra", "`Zebra`"},
           {R"("Status": "Active")", R"("Quality": "Active")", rule_id::unknown_property, "/Resources/certificate/Properties/Quality", "a certificate has no property"},
           {"\"Status\": \"Active\"\n      }", "\"Status\": \"Active\"\n      }, \"OverrideSettings\": {\"Thing\": \"REPLACE\"}", rule_id::override_key,
            "/Resources/certificate/OverrideSettings/Thing", "Thing"},
       }) {
    INFO(v.to);
    const auto out = templates::parse(read(mutate(v.from, v.to)), template_kind::fleet);
    CHECK_FALSE(out);
    bool found = false;
    for (const diagnostic& d : out.diagnostics)
      if (d.broken == &templates::row_of(v.id) && d.pointer == v.pointer) {
        found = true;
        CHECK((d.message + " " + d.help).find(v.says) != std::string::npos);
      }
    for (const diagnostic& d : out.diagnostics) UNSCOPED_INFO(d.broken->name << " " << d.pointer << ": " << d.message);
    CHECK(found);
  }
}

TEST_CASE("empty resources, and a CA certificate of bulk registration without its certificate") {
  const auto empty = templates::parse(read(R"({"Resources":{}})"), template_kind::fleet);
  REQUIRE(find(empty.diagnostics, rule_id::missing_resources) != nullptr);
  CHECK(find(empty.diagnostics, rule_id::missing_resources)->pointer == "/Resources");
  const auto bulk = [](std::string_view properties) {
    const auto out = templates::parse(read(R"({"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{)" + std::string(properties) + "}}}}"),
                                      template_kind::bulk);
    const diagnostic* d = find(out.diagnostics, rule_id::certificate_source);
    return d == nullptr ? std::string() : d->message;
  };
  CHECK(bulk(R"("CertificateSigningRequest":"x")").empty());
  CHECK(bulk(R"("CertificatePem":"x","CACertificatePem":"y")").empty());
  CHECK(bulk("").find("not given") != std::string::npos);
  CHECK(bulk(R"("CertificateSigningRequest":"x","CertificatePem":"y")").find("several ways") != std::string::npos);
  CHECK(bulk(R"("CertificateSigningRequest":"x","CACertificatePem":"y")").find("without `CertificatePem`") != std::string::npos);
}

TEST_CASE("every kind has its word and JITP shows in Fn::Sub too") {
  using templates::document_kind;
  for (const document_kind kind : {document_kind::policy, document_kind::fleet_template, document_kind::jitp_template, document_kind::bulk_template,
                                   document_kind::registration_config, document_kind::hook_request, document_kind::hook_response})
    CHECK(templates::parse_document_kind(templates::name_of(kind)) == kind);
  CHECK(templates::parse_document_kind("none") == document_kind::unknown);
  CHECK(templates::name_of(document_kind::unknown) == "unknown");
  CHECK(templates::detect_kind(read(R"({"Resources":{"t":{"Properties":{"ThingName":{"Fn::Sub":"${AWS::IoT::Certificate::CommonName}"}}}}})")) ==
        document_kind::jitp_template);
  CHECK(templates::check(read("{}"), document_kind::policy).empty());
}

TEST_CASE("any value of the certificate's subject makes a template JITP, its id does not") {
  using templates::document_kind;
  const auto kind = [](std::string_view name, std::string_view more = "") {
    return templates::detect_kind(read("{\"Parameters\":{},\"Resources\":{\"t\":{\"Type\":\"AWS::IoT::Thing\",\"Properties\":{\"ThingName\":" + std::string(name) + "}}}" +
                                       std::string(more) + "}"));
  };
  for (const std::string value : {"CommonName", "SerialNumber", "Organization", "OrganizationalUnit", "StateName", "Country", "DistinguishedNameQualifier"}) {
    CAPTURE(value);
    const std::string name = "AWS::IoT::Certificate::" + value;
    CHECK(kind("{\"Fn::Sub\":\"x-${" + name + "}\"}") == document_kind::jitp_template);
    CHECK(kind("{\"Fn::Sub\":[\"${V}${" + name + "}\",{\"V\":\"x\"}]}") == document_kind::jitp_template);
    CHECK(kind("{\"Ref\":\"" + name + "\"}") == document_kind::jitp_template);
    CHECK(kind("{\"Fn::Sub\":\"${!" + name + "}\"}") == document_kind::fleet_template);
    // Sections that only fleet templates have decide.
    CHECK(kind("{\"Ref\":\"" + name + "\"}", ",\"Mappings\":{}") == document_kind::fleet_template);
    CHECK(kind("{\"Ref\":\"" + name + "\"}", ",\"DeviceConfiguration\":{}") == document_kind::fleet_template);
  }
  CHECK(kind(R"({"Fn::Sub":"x-${AWS::IoT::Certificate::Id}"})") == document_kind::fleet_template);
  CHECK(kind(R"({"Fn::Sub":"x-${AWS::IoT::Certificate::Id}-${AWS::IoT::Certificate::Country}"})") == document_kind::jitp_template);
  CHECK(kind(R"({"Fn::Sub":[]})") == document_kind::fleet_template);
}

TEST_CASE("sections of fleet templates are refused in the other kinds") {
  for (const std::string section : {"Mappings", "DeviceConfiguration"}) {
    CAPTURE(section);
    const auto source = read("{\"Resources\":{\"t\":{\"Type\":\"AWS::IoT::Thing\",\"Properties\":{\"ThingName\":\"a\"}}},\"" + section + "\":{}}");
    for (const template_kind kind : {template_kind::jitp, template_kind::bulk}) {
      const auto parsed = templates::parse(source, kind);
      REQUIRE(find(parsed.diagnostics, rule_id::section_not_allowed) != nullptr);
      CHECK(find(parsed.diagnostics, rule_id::section_not_allowed)->pointer == "/" + section);
    }
    CHECK(find(templates::parse(source, template_kind::fleet).diagnostics, rule_id::section_not_allowed) == nullptr);
  }
}

TEST_CASE("sections, parameters, maps and resources of the wrong type are named") {
  struct wrong {
    std::string_view text;
    rule_id id;
    std::string_view pointer, says;
  };
  for (const wrong& v : std::vector<wrong>{
           {R"({"Parameters":[]})", rule_id::wrong_type, "/Parameters", "`Parameters` is an array, not an object"},
           {R"({"Parameters":{"":{"Type":"String"}}})", rule_id::wrong_type, "/Parameters/", "a parameter needs a name"},
           {R"({"Parameters":{"S":"String"}})", rule_id::wrong_type, "/Parameters/S", "a parameter is a string, not an object"},
           {R"({"Resources":[]})", rule_id::wrong_type, "/Resources", "`Resources` is an array, not an object"},
           {R"({"Resources":{"t":"x"}})", rule_id::wrong_type, "/Resources/t", "a resource is a string, not an object"},
           {R"({"Mappings":[]})", rule_id::wrong_type, "/Mappings", "`Mappings` is an array, not an object"},
           {R"({"Mappings":{"M":"x"}})", rule_id::mapping_not_literal, "/Mappings/M", "a mapping is a string, not an object"},
           {R"({"Mappings":{"M":{"Ref":"S"}}})", rule_id::mapping_not_literal, "/Mappings/M", "a function inside Mappings"},
       }) {
    INFO(v.text);
    const auto out = templates::parse(read(v.text), template_kind::fleet);
    const diagnostic* d = find(out.diagnostics, v.id);
    REQUIRE(d != nullptr);
    CHECK(d->pointer == v.pointer);
    CHECK(d->message == v.says);
  }
}

namespace {

std::size_t count(const std::vector<diagnostic>& all, rule_id id) {
  return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [&](const diagnostic& d) { return d.broken == &templates::row_of(id); }));
}

std::vector<diagnostic> findings(std::string_view text, template_kind kind = template_kind::fleet) { return templates::parse(read(text), kind).diagnostics; }

}  // namespace

TEST_CASE("one mistake has one finding") {
  const auto thing = findings(R"({"Resources":{"t":{"Type":"AWS::IoT::Thing"}}})");
  REQUIRE(thing.size() == 1);
  CHECK(thing[0].message == "the resource has no `Properties`");
  const auto certificate = findings(R"({"Resources":{"c":{"Type":"AWS::IoT::Certificate"}}})");
  REQUIRE(certificate.size() == 1);
  CHECK(certificate[0].message == "the resource has no `Properties`");
  const auto chain = findings(R"({"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CACertificatePem":"x"}}}})");
  REQUIRE(chain.size() == 1);
  CHECK(chain[0].message == "`CACertificatePem` is for bulk registration only");
  const auto unknown = findings(R"({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":{"Fn::If":[]}}}}})", template_kind::jitp);
  REQUIRE(unknown.size() == 1);
  CHECK(unknown[0].broken == &templates::row_of(rule_id::unknown_function));
  CHECK(findings(R"({"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"},"ThingPrincipalType":"NON_EXCLUSIVE_THING"}}}})")
            .empty());
}

TEST_CASE("every broken part of a policy document is named, whatever stands behind it") {
  const auto found = findings(
      R"({"Resources":{"p":{"Type":"AWS::IoT::Policy","Properties":{"PolicyDocument":{"Statement":[{"Action":{"Ref":""},"Effect":"Allow","Resource":[{"Ref":7},"*",{"Ref":[]}]}],"Version":"2012-10-17"}}}}})");
  CHECK(count(found, rule_id::malformed_function) == 3);
  CHECK(found.size() == 3);
}
