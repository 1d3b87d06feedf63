#pragma once

#include <fleetprov/core/diagnostic.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace fleetprov::templates {

/// The rules about templates and what surrounds them; `T001` is 1. Numbers are never reused.
enum class rule_id : std::uint8_t {
  template_not_object = 1,
  template_too_long,
  unknown_section,
  section_not_allowed,
  missing_resources,
  wrong_type,
  unknown_resource_type,
  unknown_property,
  missing_property,
  undeclared_reference,
  unused_parameter,
  parameter_type,
  unknown_function,
  malformed_function,
  list_not_allowed,
  mapping_not_literal,
  unknown_map,
  impossible_map_key,
  select_out_of_bounds,
  null_element,
  nested_device_configuration,
  policy_source,
  certificate_source,
  invalid_status,
  invalid_principal_type,
  override_key,
  override_value,
  missing_certificate,
  several_resources,
  no_policy,
  impossible_thing_name,
  unbounded_thing_name,
  attribute_name,
  attribute_value,
  too_many_attributes,
  resource_name,
  encoded_twice,
  no_hook,
  unverified_thing_name,
  override_hazard,
  status_not_set,
  disabled_template,
  subject_parameter,
  foreign_certificate_id,
  parameter_in_policy,
  undocumented_function,
  parameter_never_set,
  unused_mapping,
  role_arn,
  missing_parameter,
  unknown_parameter,
  parameter_too_long,
  unsafe_policy_value,
  output_too_large,
  invalid_inline_policy,
  hook_denies,
  override_not_text,
  override_ignored,
  hook_not_allowed,
  request_field,
  hook_request_value,
  unknown_document,
  too_many_groups,
  too_many_policies,
  unverified_policy_name,
};

inline constexpr std::array<rule, 65> rules{{
    {"T001", "template-not-object", severity::error, "the document is not a JSON object",
     "A template, a registration config and a hook's request and response are JSON objects.",
     "AWS IoT Core Developer Guide, Provisioning templates",
     "[]",
     R"j({"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT)j"
     R"j(::Certificate::Id"}}}}})j"},
    {"T002", "template-too-long", severity::error, "the template body has more than 10240 characters",
     "CreateProvisioningTemplate refuses a templateBody over 10240 characters.",
     "AWS IoT API Reference, CreateProvisioningTemplate",
     "(a template over 10240 characters)",
     R"j({"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT)j"
     R"j(::Certificate::Id"}}}}})j"},
    {"T003", "unknown-section", severity::error, "a top-level section that templates do not have",
     "A template has Parameters, Mappings, Resources and DeviceConfiguration; CloudFormation's other "
     "sections do not exist here.",
     "AWS IoT Core Developer Guide, Provisioning templates",
     R"j({"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT)j"
     R"j(::Certificate::Id"}}}},"Outputs":{}})j",
     R"j({"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT)j"
     R"j(::Certificate::Id"}}}},"DeviceConfiguration":{}})j"},
    {"T004", "section-not-allowed", severity::error, "a section that this kind of template does not have",
     "Mappings and DeviceConfiguration exist in fleet provisioning templates only: nothing could receive a "
     "device configuration in JITP or bulk registration.",
     "AWS IoT Core Developer Guide, Provisioning templates",
     R"j({"templateName":"T","provisioningRoleArn":"arn:aws:iam::123456789012:role/provisioning","enabled)j"
     R"j(":true,"type":"JITP","templateBody":"{\"Resources\":{\"t\":{\"Type\":\"AWS::IoT::Thing\",\"Prope)j"
     R"j(rties\":{\"ThingName\":{\"Ref\":\"AWS::IoT::Certificate::CommonName\"}}},\"c\":{\"Type\":\"AWS::)j"
     R"j(IoT::Certificate\",\"Properties\":{\"CertificateId\":{\"Ref\":\"AWS::IoT::Certificate::Id\"}}}},)j"
     R"j(\"DeviceConfiguration\":{\"Url\":\"n\"}}"})j",
     R"j({"templateName":"T","provisioningRoleArn":"arn:aws:iam::123456789012:role/provisioning","enabled)j"
     R"j(":true,"type":"JITP","templateBody":"{\"Resources\":{\"t\":{\"Type\":\"AWS::IoT::Thing\",\"Prope)j"
     R"j(rties\":{\"ThingName\":{\"Ref\":\"AWS::IoT::Certificate::CommonName\"}}},\"c\":{\"Type\":\"AWS::)j"
     R"j(IoT::Certificate\",\"Properties\":{\"CertificateId\":{\"Ref\":\"AWS::IoT::Certificate::Id\"}}}}})j"
     R"j("})j"},
    {"T005", "missing-resources", severity::error, "the template has no resources",
     "Without Resources there is nothing to provision.",
     "AWS IoT Core Developer Guide, Provisioning templates",
     R"j({"Parameters":{"S":{"Type":"String"}}})j",
     R"j({"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT)j"
     R"j(::Certificate::Id"}}}}})j"},
    {"T006", "wrong-type", severity::error, "a value of the wrong JSON type",
     "AWS reads sections as objects, names and values as strings; numbers and booleans must be written as "
     "strings.",
     "AWS IoT Core Developer Guide, Provisioning templates",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":7}},"c":{"Type":"AWS::IoT:)j"
     R"j(:Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"}}}}})j",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":"7"}},"c":{"Type":"AWS::Io)j"
     R"j(T::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"}}}}})j"},
    {"T007", "unknown-resource-type", severity::error, "a resource type that provisioning does not make",
     "Only AWS::IoT::Thing, AWS::IoT::Certificate and AWS::IoT::Policy can be provisioned.",
     "AWS IoT Core Developer Guide, Provisioning templates",
     R"j({"Resources":{"g":{"Type":"AWS::IoT::ThingGroup","Properties":{}},"c":{"Type":"AWS::IoT::Certifi)j"
     R"j(cate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"}}}}})j",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":"a"}},"c":{"Type":"AWS::Io)j"
     R"j(T::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"}}}}})j"},
    {"T008", "unknown-property", severity::error, "a property that this object does not have",
     "A misspelled property is not applied.",
     "AWS IoT Core Developer Guide, Provisioning templates",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":"a","ThingType":"lamp"}},")j"
     R"j(c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::)j"
     R"j(Id"}}}}})j",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":"a","ThingTypeName":"lamp")j"
     R"j(}},"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certifica)j"
     R"j(te::Id"}}}}})j"},
    {"T009", "missing-property", severity::error, "a required property is missing",
     "Each resource needs its Type and Properties, a thing its ThingName, a parameter its Type.",
     "AWS IoT Core Developer Guide, Provisioning templates",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{}},"c":{"Type":"AWS::IoT::Certificate")j"
     R"j(,"Properties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"}}}}})j",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":"a"}},"c":{"Type":"AWS::Io)j"
     R"j(T::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"}}}}})j"},
    {"T010", "undeclared-reference", severity::error, "a reference to a parameter that is neither declared nor predefined",
     "The value could never be known. AWS refuses such templates in HTTP RegisterThing.",
     "boto/boto3 issue 2903; aws/aws-sdk-js issue 3617",
     R"j({"Parameters":{"S":{"Type":"String"}},"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{")j"
     R"j(ThingName":{"Ref":"Serial"}}},"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":)j"
     R"j({"Ref":"AWS::IoT::Certificate::Id"}}}}})j",
     R"j({"Parameters":{"S":{"Type":"String"}},"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{")j"
     R"j(ThingName":{"Ref":"S"}}},"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref)j"
     R"j(":"AWS::IoT::Certificate::Id"}}}}})j"},
    {"T011", "unused-parameter", severity::warning, "a declared parameter that nothing uses",
     "Usually a misspelled reference or a leftover. A hook may still read it, which is the one good "
     "reason.",
     "fleetprov",
     R"j({"Parameters":{"S":{"Type":"String"}},"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{")j"
     R"j(ThingName":"a"}},"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::)j"
     R"j(IoT::Certificate::Id"}}}}})j",
     R"j({"Parameters":{"S":{"Type":"String"}},"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{")j"
     R"j(ThingName":{"Ref":"S"}}},"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref)j"
     R"j(":"AWS::IoT::Certificate::Id"}}}}})j"},
    {"T012", "parameter-type", severity::error, "a parameter whose Type is not \"String\"",
     "String is the only type of parameter.",
     "AWS IoT Core Developer Guide, Provisioning templates",
     R"j({"Parameters":{"S":{"Type":"Number"}},"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{")j"
     R"j(ThingName":{"Ref":"S"}}},"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref)j"
     R"j(":"AWS::IoT::Certificate::Id"}}}}})j",
     R"j({"Parameters":{"S":{"Type":"String"}},"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{")j"
     R"j(ThingName":{"Ref":"S"}}},"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref)j"
     R"j(":"AWS::IoT::Certificate::Id"}}}}})j"},
    {"T013", "unknown-function", severity::error, "an intrinsic function that templates do not have",
     "Templates know Ref, Fn::Join, Fn::Select, Fn::FindInMap, Fn::Split and Fn::Sub.",
     "AWS IoT Core Developer Guide, Provisioning templates",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":{"Fn::GetAtt":["c","Id"]}})j"
     R"j(},"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certificat)j"
     R"j(e::Id"}}}}})j",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":{"Fn::Join":["-",["a","b"])j"
     R"j(]}}},"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certifi)j"
     R"j(cate::Id"}}}}})j"},
    {"T014", "malformed-function", severity::error, "an intrinsic function with the wrong arguments",
     "The service cannot evaluate the call.",
     "AWS IoT Core Developer Guide, Provisioning templates",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":{"Fn::Join":["a","b"]}}},")j"
     R"j(c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::)j"
     R"j(Id"}}}}})j",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":{"Fn::Join":["",["a","b"]])j"
     R"j(}}},"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certific)j"
     R"j(ate::Id"}}}}})j"},
    {"T015", "list-not-allowed", severity::error, "a list where a string is needed, or a string where a list is needed",
     "Fn::Split gives a list: take one element with Fn::Select or join it again.",
     "AWS IoT Core Developer Guide, Provisioning templates",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":{"Fn::Split":["-","a-b"]}})j"
     R"j(},"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certificat)j"
     R"j(e::Id"}}}}})j",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":{"Fn::Select":["0",{"Fn::S)j"
     R"j(plit":["-","a-b"]}]}}},"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":)j"
     R"j("AWS::IoT::Certificate::Id"}}}}})j"},
    {"T016", "mapping-not-literal", severity::error, "a mapping that is not two levels of literal text",
     "Mappings hold no parameters, no pseudo parameters and no functions, and Fn::FindInMap goes exactly "
     "two levels deep.",
     "AWS IoT Core Developer Guide, Provisioning templates",
     R"j({"Mappings":{"Sites":{"north":{"Url":{"Ref":"AWS::IoT::Certificate::Id"}}}},"Resources":{"c":{"T)j"
     R"j(ype":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"}}})j"
     R"j(},"DeviceConfiguration":{"Url":{"Fn::FindInMap":["Sites","north","Url"]}}})j",
     R"j({"Mappings":{"Sites":{"north":{"Url":"n"}}},"Resources":{"c":{"Type":"AWS::IoT::Certificate","Pr)j"
     R"j(operties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"}}}},"DeviceConfiguration":{"Url":{)j"
     R"j("Fn::FindInMap":["Sites","north","Url"]}}})j"},
    {"T017", "unknown-map", severity::error, "Fn::FindInMap names a map that Mappings does not have",
     "The lookup fails for every device.",
     "AWS IoT Core Developer Guide, Provisioning templates",
     R"j({"Mappings":{"Sites":{"north":{"Url":"n"}}},"Resources":{"c":{"Type":"AWS::IoT::Certificate","Pr)j"
     R"j(operties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"}}}},"DeviceConfiguration":{"Url":{)j"
     R"j("Fn::FindInMap":["Places","north","Url"]}}})j",
     R"j({"Mappings":{"Sites":{"north":{"Url":"n"}}},"Resources":{"c":{"Type":"AWS::IoT::Certificate","Pr)j"
     R"j(operties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"}}}},"DeviceConfiguration":{"Url":{)j"
     R"j("Fn::FindInMap":["Sites","north","Url"]}}})j"},
    {"T018", "impossible-map-key", severity::error, "a key of Fn::FindInMap that can never exist",
     "The lookup fails for every device.",
     "AWS IoT Core Developer Guide, Provisioning templates",
     R"j({"Mappings":{"Sites":{"north":{"Url":"n"}}},"Resources":{"c":{"Type":"AWS::IoT::Certificate","Pr)j"
     R"j(operties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"}}}},"DeviceConfiguration":{"Url":{)j"
     R"j("Fn::FindInMap":["Sites","south","Url"]}}})j",
     R"j({"Parameters":{"S":{"Type":"String"}},"Mappings":{"Sites":{"north":{"Url":"n"}}},"Resources":{"c)j"
     R"j(":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::I)j"
     R"j(d"}}}},"DeviceConfiguration":{"Url":{"Fn::FindInMap":["Sites",{"Ref":"S"},"Url"]}}})j"},
    {"T019", "select-out-of-bounds", severity::error, "Fn::Select with an index outside its list",
     "Fn::Select does not check bounds; the provisioning fails.",
     "AWS IoT Core Developer Guide, Provisioning templates",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":{"Fn::Select":["2",["a","b)j"
     R"j("]]}}},"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certi)j"
     R"j(ficate::Id"}}}}})j",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":{"Fn::Select":["1",["a","b)j"
     R"j("]]}}},"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certi)j"
     R"j(ficate::Id"}}}}})j"},
    {"T020", "null-element", severity::error, "null in a list or as a value",
     "A null has no text; Fn::Select over nulls is a provisioning error.",
     "AWS IoT Core Developer Guide, Provisioning templates",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":{"Fn::Select":["1",[null,")j"
     R"j(a"]]}}},"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Cert)j"
     R"j(ificate::Id"}}}}})j",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":{"Fn::Select":["1",["","a")j"
     R"j(]]}}},"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certif)j"
     R"j(icate::Id"}}}}})j"},
    {"T021", "nested-device-configuration", severity::error, "a nested object in DeviceConfiguration",
     "The device configuration is a flat map of strings.",
     "AWS IoT Core Developer Guide, Provisioning templates",
     R"j({"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT)j"
     R"j(::Certificate::Id"}}}},"DeviceConfiguration":{"Server":{"Url":"n"}}})j",
     R"j({"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT)j"
     R"j(::Certificate::Id"}}}},"DeviceConfiguration":{"ServerUrl":"n"}})j"},
    {"T022", "policy-source", severity::error, "a policy with neither or both of PolicyName and PolicyDocument",
     "AWS answers \"Invalid registration template. Neither policyName nor policyDocument is present in the "
     "Template.\"; both together are not allowed either.",
     "AWS IoT Core Developer Guide, Provisioning templates",
     R"j({"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT)j"
     R"j(::Certificate::Id"}}},"p":{"Type":"AWS::IoT::Policy","Properties":{}}}})j",
     R"j({"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT)j"
     R"j(::Certificate::Id"}}},"p":{"Type":"AWS::IoT::Policy","Properties":{"PolicyName":"p"}}}})j"},
    {"T023", "certificate-source", severity::error, "the certificate is not given in exactly one allowed way",
     "Fleet and JITP templates give CertificateId; bulk templates exactly one of CertificateId, "
     "CertificateSigningRequest and CertificatePem.",
     "AWS IoT Core Developer Guide, Provisioning templates",
     R"j({"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT)j"
     R"j(::Certificate::Id"},"CertificateSigningRequest":"x"}}}})j",
     R"j({"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT)j"
     R"j(::Certificate::Id"}}}}})j"},
    {"T024", "invalid-status", severity::error, "a certificate Status that is neither ACTIVE nor INACTIVE",
     "Provisioning sets only these two, in any case.",
     "AWS IoT Core Developer Guide, Provisioning templates",
     R"j({"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT)j"
     R"j(::Certificate::Id"},"Status":"REVOKED"}}}})j",
     R"j({"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT)j"
     R"j(::Certificate::Id"},"Status":"Active"}}}})j"},
    {"T025", "invalid-principal-type", severity::error, "a ThingPrincipalType that does not exist",
     "It is EXCLUSIVE_THING or NON_EXCLUSIVE_THING.",
     "AWS IoT Core Developer Guide, Provisioning templates",
     R"j({"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT)j"
     R"j(::Certificate::Id"},"ThingPrincipalType":"EXCLUSIVE"}}}})j",
     R"j({"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT)j"
     R"j(::Certificate::Id"},"ThingPrincipalType":"EXCLUSIVE_THING"}}}})j"},
    {"T026", "override-key", severity::error, "an OverrideSettings key that this resource does not have",
     "Things take AttributePayload, ThingTypeName and ThingGroups (or ATTRIBUTE_PAYLOAD, THING_TYPE_NAME, "
     "THING_GROUPS), certificates take Status, policies take none.",
     "AWS IoT Core Developer Guide, Provisioning templates",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":"a"},"OverrideSettings":{")j"
     R"j(Status":"REPLACE"}},"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AW)j"
     R"j(S::IoT::Certificate::Id"}}}}})j",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":"a"},"OverrideSettings":{")j"
     R"j(THING_GROUPS":"DO_NOTHING"}},"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{)j"
     R"j("Ref":"AWS::IoT::Certificate::Id"}}}}})j"},
    {"T027", "override-value", severity::error, "an OverrideSettings value that this property does not take",
     "DO_NOTHING, REPLACE and FAIL fit every property, MERGE only AttributePayload and ThingGroups.",
     "AWS IoT Core Developer Guide, Provisioning templates",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":"a"},"OverrideSettings":{")j"
     R"j(ThingTypeName":"MERGE"}},"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref)j"
     R"j(":"AWS::IoT::Certificate::Id"}}}}})j",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":"a"},"OverrideSettings":{")j"
     R"j(ThingGroups":"MERGE"}},"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":)j"
     R"j("AWS::IoT::Certificate::Id"}}}}})j"},
    {"T028", "missing-certificate", severity::error, "the template has no AWS::IoT::Certificate",
     "The certificate of the device could never become ACTIVE.",
     "fleetprov; AWS documents no rule",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":"a"}},"p":{"Type":"AWS::Io)j"
     R"j(T::Policy","Properties":{"PolicyName":"p"}}}})j",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":"a"}},"p":{"Type":"AWS::Io)j"
     R"j(T::Policy","Properties":{"PolicyName":"p"}},"c":{"Type":"AWS::IoT::Certificate","Properties":{"C)j"
     R"j(ertificateId":{"Ref":"AWS::IoT::Certificate::Id"}}}}})j"},
    {"T029", "several-resources", severity::error, "several things or several certificates in one template",
     "A registration makes one thing and one certificate; which one would count is not documented.",
     "fleetprov; AWS documents no rule",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":"a"}},"u":{"Type":"AWS::Io)j"
     R"j(T::Thing","Properties":{"ThingName":"b"}},"c":{"Type":"AWS::IoT::Certificate","Properties":{"Cer)j"
     R"j(tificateId":{"Ref":"AWS::IoT::Certificate::Id"}}}}})j",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":"a"}},"c":{"Type":"AWS::Io)j"
     R"j(T::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"}}},"p":{"Type":)j"
     R"j("AWS::IoT::Policy","Properties":{"PolicyName":"p"}},"q":{"Type":"AWS::IoT::Policy","Properties":)j"
     R"j({"PolicyName":"q"}}}})j"},
    {"T030", "no-policy", severity::warning, "the certificate gets no policy",
     "A certificate without a policy cannot even connect.",
     "fleetprov",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":"a"}},"c":{"Type":"AWS::Io)j"
     R"j(T::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"}}}}})j",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":"a"}},"c":{"Type":"AWS::Io)j"
     R"j(T::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"}}},"p":{"Type":)j"
     R"j("AWS::IoT::Policy","Properties":{"PolicyName":"p"}}}})j"},
    {"T031", "impossible-thing-name", severity::error, "a thing name that is outside the allowed alphabet or length for every device",
     "A thing name has 1 to 128 characters of [a-zA-Z0-9:_-].",
     "AWS IoT API Reference, CreateThing",
     R"j({"Parameters":{"S":{"Type":"String"}},"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{")j"
     R"j(ThingName":{"Fn::Join":["/",["fleet",{"Ref":"S"}]]}}},"c":{"Type":"AWS::IoT::Certificate","Prope)j"
     R"j(rties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"}}}}})j",
     R"j({"Parameters":{"S":{"Type":"String"}},"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{")j"
     R"j(ThingName":{"Fn::Join":["-",["fleet",{"Ref":"S"}]]}}},"c":{"Type":"AWS::IoT::Certificate","Prope)j"
     R"j(rties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"}}}}})j"},
    {"T032", "unbounded-thing-name", severity::note, "a parameter can make the thing name leave the allowed alphabet or length",
     "Registration is then refused for that device. Check the value in the device, or in a hook.",
     "fleetprov",
     R"j({"Parameters":{"S":{"Type":"String"}},"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{")j"
     R"j(ThingName":{"Ref":"S"}}},"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref)j"
     R"j(":"AWS::IoT::Certificate::Id"}}}}})j",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":{"Fn::Join":["-",["d",{"Re)j"
     R"j(f":"AWS::IoT::Certificate::Id"}]]}}},"c":{"Type":"AWS::IoT::Certificate","Properties":{"Certific)j"
     R"j(ateId":{"Ref":"AWS::IoT::Certificate::Id"}}}}})j"},
    {"T033", "attribute-name", severity::error, "an attribute name outside the allowed alphabet or length",
     "Names have 1 to 128 characters of [a-zA-Z0-9_.,@/:#-].",
     "AWS IoT API Reference, AttributePayload",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":"a","AttributePayload":{"s)j"
     R"j(erial number":"1"}}},"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"A)j"
     R"j(WS::IoT::Certificate::Id"}}}}})j",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":"a","AttributePayload":{"s)j"
     R"j(erial-number":"1"}}},"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"A)j"
     R"j(WS::IoT::Certificate::Id"}}}}})j"},
    {"T034", "attribute-value", severity::error, "an attribute value outside the allowed alphabet or length",
     "Values have at most 800 characters of [a-zA-Z0-9_.,@/:#=[]-].",
     "AWS IoT API Reference, AttributePayload",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":"a","AttributePayload":{"s)j"
     R"j(ite":"north wing"}}},"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"A)j"
     R"j(WS::IoT::Certificate::Id"}}}}})j",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":"a","AttributePayload":{"s)j"
     R"j(ite":"north-wing"}}},"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"A)j"
     R"j(WS::IoT::Certificate::Id"}}}}})j"},
    {"T035", "too-many-attributes", severity::error, "more attributes than a thing may have",
     "A thing has at most 3 attributes without a thing type and 50 with one.",
     "AWS IoT Core endpoints and quotas",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":"a","AttributePayload":{"a)j"
     R"j(":"1","b":"2","c":"3","d":"4"}}},"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateI)j"
     R"j(d":{"Ref":"AWS::IoT::Certificate::Id"}}}}})j",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":"a","ThingTypeName":"lamp")j"
     R"j(,"AttributePayload":{"a":"1","b":"2","c":"3","d":"4"}}},"c":{"Type":"AWS::IoT::Certificate","Pro)j"
     R"j(perties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"}}}}})j"},
    {"T036", "resource-name", severity::error, "a thing type, group, billing group or policy name outside the allowed alphabet or length",
     "Thing types and groups have 1 to 128 characters of [a-zA-Z0-9:_-], policies 1 to 128 of "
     "[a-zA-Z0-9_+=,.@-].",
     "AWS IoT API Reference",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":"a","ThingGroups":["north )j"
     R"j(wing"]}},"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Cer)j"
     R"j(tificate::Id"}}}}})j",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":"a","ThingGroups":["north-)j"
     R"j(wing"]}},"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Cer)j"
     R"j(tificate::Id"}}}}})j"},
    {"T037", "encoded-twice", severity::error, "JSON text that was encoded twice",
     "The text inside is a JSON string, not an object: AWS refuses a templateBody that went through the "
     "JSON encoder twice.",
     "boto/boto3 issue 2903; aws/aws-sdk-js issue 3617",
     R"j({"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT)j"
     R"j(::Certificate::Id"}}},"p":{"Type":"AWS::IoT::Policy","Properties":{"PolicyDocument":"\"{\\\"Vers)j"
     R"j(ion\\\":\\\"2012-10-17\\\",\\\"Statement\\\":[{\\\"Effect\\\":\\\"Allow\\\",\\\"Action\\\":[\\\")j"
     R"j(iot:Connect\\\"],\\\"Resource\\\":[\\\"arn:aws:iot:us-east-1:123456789012:client/a\\\"]}]}\""}}})j"
     R"j(})j",
     R"j({"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT)j"
     R"j(::Certificate::Id"}}},"p":{"Type":"AWS::IoT::Policy","Properties":{"PolicyDocument":"{\"Version\)j"
     R"j(":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"iot:Connect\"],\"Resource\":)j"
     R"j([\"arn:aws:iot:us-east-1:123456789012:client/a\"]}]}"}}}})j"},
    {"T038", "no-hook", severity::warning, "no pre-provisioning hook verifies the device",
     "Any holder of the claim certificate can provision, and where the thing name comes from the device "
     "can take any thing name, that of another device included.",
     "AWS IoT Core Developer Guide, Pre-provisioning hooks",
     R"j({"templateName":"T","provisioningRoleArn":"arn:aws:iam::123456789012:role/provisioning","enabled)j"
     R"j(":true,"templateBody":"{\"Resources\":{\"c\":{\"Type\":\"AWS::IoT::Certificate\",\"Properties\":)j"
     R"j({\"CertificateId\":{\"Ref\":\"AWS::IoT::Certificate::Id\"}}},\"p\":{\"Type\":\"AWS::IoT::Policy\)j"
     R"j(",\"Properties\":{\"PolicyName\":\"p\"}}}}"})j",
     R"j({"templateName":"T","provisioningRoleArn":"arn:aws:iam::123456789012:role/provisioning","enabled)j"
     R"j(":true,"preProvisioningHook":{"targetArn":"arn:aws:lambda:us-east-1:123456789012:function:check")j"
     R"j(},"templateBody":"{\"Resources\":{\"c\":{\"Type\":\"AWS::IoT::Certificate\",\"Properties\":{\"Ce)j"
     R"j(rtificateId\":{\"Ref\":\"AWS::IoT::Certificate::Id\"}}},\"p\":{\"Type\":\"AWS::IoT::Policy\",\"P)j"
     R"j(roperties\":{\"PolicyName\":\"p\"}}}}"})j"},
    {"T039", "unverified-thing-name", severity::warning, "the thing name is built from a parameter that no hook verifies",
     "The device chooses the value: it can name itself after another device and get that thing's "
     "attributes, groups and policy variables.",
     "AWS IoT Core Developer Guide, Pre-provisioning hooks",
     R"j({"Parameters":{"S":{"Type":"String"}},"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{")j"
     R"j(ThingName":{"Ref":"S"}}},"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref)j"
     R"j(":"AWS::IoT::Certificate::Id"}}}}})j",
     R"j({"templateName":"T","provisioningRoleArn":"arn:aws:iam::123456789012:role/provisioning","enabled)j"
     R"j(":true,"preProvisioningHook":{"targetArn":"arn:aws:lambda:us-east-1:123456789012:function:check")j"
     R"j(},"templateBody":"{\"Parameters\":{\"S\":{\"Type\":\"String\"}},\"Resources\":{\"t\":{\"Type\":\)j"
     R"j("AWS::IoT::Thing\",\"Properties\":{\"ThingName\":{\"Ref\":\"S\"}}},\"c\":{\"Type\":\"AWS::IoT::C)j"
     R"j(ertificate\",\"Properties\":{\"CertificateId\":{\"Ref\":\"AWS::IoT::Certificate::Id\"}}}}}"})j"},
    {"T040", "override-hazard", severity::warning, "a second registration under the same name changes the existing thing",
     "REPLACE of attributes or groups wipes what the back end has set since; MERGE of groups never removes "
     "a device from a group it has left.",
     "AWS IoT Core Developer Guide, Provisioning templates",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":"a"},"OverrideSettings":{")j"
     R"j(AttributePayload":"REPLACE"}},"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":)j"
     R"j({"Ref":"AWS::IoT::Certificate::Id"}}}}})j",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":"a"},"OverrideSettings":{")j"
     R"j(AttributePayload":"MERGE"}},"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{")j"
     R"j(Ref":"AWS::IoT::Certificate::Id"}}}}})j"},
    {"T041", "status-not-set", severity::warning, "the new certificate may stay unusable",
     "With Status INACTIVE the device cannot connect until someone activates the certificate; with the "
     "override DO_NOTHING a certificate that exists already keeps its status.",
     "AWS IoT Core Developer Guide, Provisioning templates",
     R"j({"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT)j"
     R"j(::Certificate::Id"}},"OverrideSettings":{"Status":"DO_NOTHING"}}}})j",
     R"j({"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT)j"
     R"j(::Certificate::Id"}},"OverrideSettings":{"Status":"REPLACE"}}}})j"},
    {"T042", "disabled-template", severity::warning, "the template is created disabled",
     "`enabled` is false where it is not sent: the template exists and provisions nothing.",
     "hashicorp/terraform-provider-aws issue 33347",
     R"j({"templateName":"T","provisioningRoleArn":"arn:aws:iam::123456789012:role/provisioning","preProv)j"
     R"j(isioningHook":{"targetArn":"arn:aws:lambda:us-east-1:123456789012:function:check"},"templateBody)j"
     R"j(":"{\"Resources\":{\"c\":{\"Type\":\"AWS::IoT::Certificate\",\"Properties\":{\"CertificateId\":{)j"
     R"j(\"Ref\":\"AWS::IoT::Certificate::Id\"}}},\"p\":{\"Type\":\"AWS::IoT::Policy\",\"Properties\":{\")j"
     R"j(PolicyName\":\"p\"}}}}"})j",
     R"j({"templateName":"T","provisioningRoleArn":"arn:aws:iam::123456789012:role/provisioning","enabled)j"
     R"j(":true,"preProvisioningHook":{"targetArn":"arn:aws:lambda:us-east-1:123456789012:function:check")j"
     R"j(},"templateBody":"{\"Resources\":{\"c\":{\"Type\":\"AWS::IoT::Certificate\",\"Properties\":{\"Ce)j"
     R"j(rtificateId\":{\"Ref\":\"AWS::IoT::Certificate::Id\"}}},\"p\":{\"Type\":\"AWS::IoT::Policy\",\"P)j"
     R"j(roperties\":{\"PolicyName\":\"p\"}}}}"})j"},
    {"T043", "subject-parameter", severity::warning, "a parameter named like a value of the certificate's subject, in a template that is not JITP",
     "Only just-in-time provisioning fills it from the certificate. In a fleet template whatever the "
     "device sends is taken. A JITP template created without `type` becomes a fleet template.",
     "hashicorp/terraform-provider-aws issue 38629",
     R"j({"templateName":"T","provisioningRoleArn":"arn:aws:iam::123456789012:role/provisioning","enabled)j"
     R"j(":true,"preProvisioningHook":{"targetArn":"arn:aws:lambda:us-east-1:123456789012:function:check")j"
     R"j(},"templateBody":"{\"Parameters\":{\"AWS::IoT::Certificate::CommonName\":{\"Type\":\"String\"}},)j"
     R"j(\"Resources\":{\"t\":{\"Type\":\"AWS::IoT::Thing\",\"Properties\":{\"ThingName\":{\"Ref\":\"AWS:)j"
     R"j(:IoT::Certificate::CommonName\"}}},\"c\":{\"Type\":\"AWS::IoT::Certificate\",\"Properties\":{\"C)j"
     R"j(ertificateId\":{\"Ref\":\"AWS::IoT::Certificate::Id\"}}},\"p\":{\"Type\":\"AWS::IoT::Policy\",\")j"
     R"j(Properties\":{\"PolicyName\":\"p\"}}}}"})j",
     R"j({"templateName":"T","provisioningRoleArn":"arn:aws:iam::123456789012:role/provisioning","enabled)j"
     R"j(":true,"templateBody":"{\"Parameters\":{\"AWS::IoT::Certificate::CommonName\":{\"Type\":\"String)j"
     R"j(\"}},\"Resources\":{\"t\":{\"Type\":\"AWS::IoT::Thing\",\"Properties\":{\"ThingName\":{\"Ref\":\)j"
     R"j("AWS::IoT::Certificate::CommonName\"}}},\"c\":{\"Type\":\"AWS::IoT::Certificate\",\"Properties\")j"
     R"j(:{\"CertificateId\":{\"Ref\":\"AWS::IoT::Certificate::Id\"}}},\"p\":{\"Type\":\"AWS::IoT::Policy)j"
     R"j(\",\"Properties\":{\"PolicyName\":\"p\"}}}}","type":"JITP"})j"},
    {"T044", "foreign-certificate-id", severity::warning, "CertificateId is not the certificate that is being registered",
     "Fleet and JITP templates register the certificate the device proved to own: anything but "
     "{\"Ref\":\"AWS::IoT::Certificate::Id\"} fails, or fits one device only.",
     "AWS IoT Core Developer Guide, Provisioning templates",
     R"j({"Parameters":{"S":{"Type":"String"}},"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properti)j"
     R"j(es":{"CertificateId":{"Ref":"S"}}},"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":"a"}})j"
     R"j(},"DeviceConfiguration":{}})j",
     R"j({"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT)j"
     R"j(::Certificate::Id"}}}}})j"},
    {"T045", "parameter-in-policy", severity::warning, "a parameter becomes part of a policy document",
     "The device then writes its own permissions. Use policy variables such as "
     "${iot:Connection.Thing.ThingName}; a value with wildcards or quotes is refused here.",
     "fleetprov",
     R"j({"Parameters":{"S":{"Type":"String"}},"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properti)j"
     R"j(es":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"}}},"p":{"Type":"AWS::IoT::Policy","Prope)j"
     R"j(rties":{"PolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iot:C)j"
     R"j(onnect"],"Resource":[{"Fn::Sub":"arn:aws:iot:us-east-1:123456789012:client/${S}"}]}]}}}}})j",
     R"j({"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT)j"
     R"j(::Certificate::Id"}}},"p":{"Type":"AWS::IoT::Policy","Properties":{"PolicyDocument":{"Version":")j"
     R"j(2012-10-17","Statement":[{"Effect":"Allow","Action":["iot:Connect"],"Resource":["arn:aws:iot:us-)j"
     R"j(east-1:123456789012:client/${iot:Connection.Thing.ThingName}"]}]}}}}})j"},
    {"T046", "undocumented-function", severity::warning, "a function other than Ref in a JITP or bulk template",
     "AWS documents the Fn:: functions for fleet provisioning templates only.",
     "AWS IoT Core Developer Guide, Provisioning templates",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":{"Fn::Join":["",["a",{"Ref)j"
     R"j(":"AWS::IoT::Certificate::CommonName"}]]}}},"c":{"Type":"AWS::IoT::Certificate","Properties":{"C)j"
     R"j(ertificateId":{"Ref":"AWS::IoT::Certificate::Id"}}}}})j",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":{"Ref":"AWS::IoT::Certific)j"
     R"j(ate::CommonName"}}},"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AW)j"
     R"j(S::IoT::Certificate::Id"}}}}})j"},
    {"T047", "parameter-never-set", severity::error, "a JITP parameter that nothing can supply",
     "Just-in-time provisioning has no device parameters: values come from the certificate or from "
     "Default.",
     "AWS IoT Core Developer Guide, Just-in-time provisioning",
     R"j({"Parameters":{"S":{"Type":"String"}},"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{")j"
     R"j(ThingName":{"Ref":"AWS::IoT::Certificate::CommonName"},"ThingTypeName":{"Ref":"S"}}},"c":{"Type")j"
     R"j(:"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"}}}}})j",
     R"j({"Parameters":{"S":{"Type":"String","Default":"lamp"}},"Resources":{"t":{"Type":"AWS::IoT::Thing)j"
     R"j(","Properties":{"ThingName":{"Ref":"AWS::IoT::Certificate::CommonName"},"ThingTypeName":{"Ref":")j"
     R"j(S"}}},"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certif)j"
     R"j(icate::Id"}}}}})j"},
    {"T048", "unused-mapping", severity::note, "a mapping that no Fn::FindInMap uses",
     "It takes room in a body that is limited to 10240 characters.",
     "fleetprov",
     R"j({"Mappings":{"Sites":{"north":{"Url":"n"}}},"Resources":{"c":{"Type":"AWS::IoT::Certificate","Pr)j"
     R"j(operties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"}}}}})j",
     R"j({"Mappings":{"Sites":{"north":{"Url":"n"}}},"Resources":{"c":{"Type":"AWS::IoT::Certificate","Pr)j"
     R"j(operties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"}}}},"DeviceConfiguration":{"Url":{)j"
     R"j("Fn::FindInMap":["Sites","north","Url"]}}})j"},
    {"T049", "role-arn", severity::warning, "the role is not the ARN of an IAM role",
     "The service must assume the role to create things.",
     "AWS IoT API Reference, CreateProvisioningTemplate",
     R"j({"templateBody":"{\"Resources\":{\"t\":{\"Type\":\"AWS::IoT::Thing\",\"Properties\":{\"ThingName)j"
     R"j(\":{\"Ref\":\"AWS::IoT::Certificate::CommonName\"}}},\"c\":{\"Type\":\"AWS::IoT::Certificate\",\)j"
     R"j("Properties\":{\"CertificateId\":{\"Ref\":\"AWS::IoT::Certificate::Id\"}}},\"p\":{\"Type\":\"AWS)j"
     R"j(::IoT::Policy\",\"Properties\":{\"PolicyName\":\"p\"}}}}","roleArn":"arn:aws:iam::123456789012:u)j"
     R"j(ser/provisioning"})j",
     R"j({"templateBody":"{\"Resources\":{\"t\":{\"Type\":\"AWS::IoT::Thing\",\"Properties\":{\"ThingName)j"
     R"j(\":{\"Ref\":\"AWS::IoT::Certificate::CommonName\"}}},\"c\":{\"Type\":\"AWS::IoT::Certificate\",\)j"
     R"j("Properties\":{\"CertificateId\":{\"Ref\":\"AWS::IoT::Certificate::Id\"}}},\"p\":{\"Type\":\"AWS)j"
     R"j(::IoT::Policy\",\"Properties\":{\"PolicyName\":\"p\"}}}}","roleArn":"arn:aws:iam::123456789012:r)j"
     R"j(ole/provisioning"})j"},
    {"T050", "missing-parameter", severity::error, "a parameter that the template uses has no value",
     "RegisterThing is refused: neither the device, nor the hook, nor Default gives a value.",
     "fleetprov; provisioning without the value is undefined",
     R"j({"Parameters":{"S":{"Type":"String"}},"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{")j"
     R"j(ThingName":{"Ref":"S"}}},"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref)j"
     R"j(":"AWS::IoT::Certificate::Id"}}}}})j",
     R"j({"Parameters":{"S":{"Type":"String","Default":"1"}},"Resources":{"t":{"Type":"AWS::IoT::Thing",")j"
     R"j(Properties":{"ThingName":{"Ref":"S"}}},"c":{"Type":"AWS::IoT::Certificate","Properties":{"Certif)j"
     R"j(icateId":{"Ref":"AWS::IoT::Certificate::Id"}}}}})j"},
    {"T051", "unknown-parameter", severity::warning, "a parameter that the template does not declare",
     "AWS ignores it in the template and passes it on to the hook.",
     "fleetprov",
     R"j((parameters {"T":"1"} for a template with S))j",
     R"j((parameters {"S":"1"} for a template with S))j"},
    {"T052", "parameter-too-long", severity::error, "a parameter name over 2048 or value over 4096 characters",
     "The API refuses longer ones.",
     "AWS IoT API Reference, RegisterThing",
     "(a value of 4097 characters)",
     "(a value of 4096 characters)"},
    {"T053", "unsafe-policy-value", severity::error, "a parameter value that would change the meaning of a policy document",
     "A wildcard, quote, backslash, `$` or control character in a value that is put into a policy could "
     "widen it.",
     "fleetprov",
     R"j((value "*" for a parameter inside a PolicyDocument))j",
     R"j((value "1" for a parameter inside a PolicyDocument))j"},
    {"T054", "output-too-large", severity::error, "the evaluated template is larger than the limit",
     "Nested Fn::Sub can multiply text without end; no registration needs that much.",
     "fleetprov",
     "(nested Fn::Sub that makes megabytes)",
     R"j({"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT)j"
     R"j(::Certificate::Id"}}}}})j"},
    {"T055", "invalid-inline-policy", severity::error, "the evaluated PolicyDocument is not a policy",
     "CreatePolicy would refuse it.",
     "AWS IoT API Reference, CreatePolicy, MalformedPolicyException",
     R"j((a PolicyDocument function that gives "none"))j",
     R"j({"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT)j"
     R"j(::Certificate::Id"}}},"p":{"Type":"AWS::IoT::Policy","Properties":{"PolicyDocument":"{\"Version\)j"
     R"j(":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"iot:Connect\"],\"Resource\":)j"
     R"j([\"arn:aws:iot:us-east-1:123456789012:client/a\"]}]}"}}}})j"},
    {"T056", "hook-denies", severity::error, "allowProvisioning is not the boolean true or false",
     "Only the boolean true allows provisioning; a missing member or the string \"true\" denies every "
     "device.",
     "AWS IoT Core Developer Guide, Pre-provisioning hooks",
     R"j({"allowProvisioning":"true"})j",
     R"j({"allowProvisioning":true})j"},
    {"T057", "override-not-text", severity::error, "parameterOverrides or parameters hold something other than strings",
     "Parameters are strings.",
     "AWS IoT Core Developer Guide, Pre-provisioning hooks",
     R"j({"allowProvisioning":true,"parameterOverrides":{"Floor":3}})j",
     R"j({"allowProvisioning":true,"parameterOverrides":{"Floor":"3"}})j"},
    {"T058", "override-ignored", severity::warning, "a hook answer with a part that has no effect",
     "Unknown members are ignored, and the service's own AWS::IoT::Certificate values cannot be "
     "overridden.",
     "AWS IoT Core Developer Guide, Pre-provisioning hooks",
     R"j({"allowProvisioning":true,"parameters":{"Floor":"3"}})j",
     R"j({"allowProvisioning":true,"parameterOverrides":{"Floor":"3"}})j"},
    {"T059", "hook-not-allowed", severity::error, "a pre-provisioning hook on a JITP template",
     "Hooks exist for fleet provisioning only.",
     "AWS IoT Core Developer Guide, Pre-provisioning hooks",
     R"j({"templateName":"T","provisioningRoleArn":"arn:aws:iam::123456789012:role/provisioning","enabled)j"
     R"j(":true,"preProvisioningHook":{"targetArn":"arn:aws:lambda:us-east-1:123456789012:function:check")j"
     R"j(},"templateBody":"{\"Resources\":{\"t\":{\"Type\":\"AWS::IoT::Thing\",\"Properties\":{\"ThingNam)j"
     R"j(e\":{\"Ref\":\"AWS::IoT::Certificate::CommonName\"}}},\"c\":{\"Type\":\"AWS::IoT::Certificate\",)j"
     R"j(\"Properties\":{\"CertificateId\":{\"Ref\":\"AWS::IoT::Certificate::Id\"}}},\"p\":{\"Type\":\"AW)j"
     R"j(S::IoT::Policy\",\"Properties\":{\"PolicyName\":\"p\"}}}}","type":"JITP"})j",
     R"j({"templateName":"T","provisioningRoleArn":"arn:aws:iam::123456789012:role/provisioning","enabled)j"
     R"j(":true,"templateBody":"{\"Resources\":{\"t\":{\"Type\":\"AWS::IoT::Thing\",\"Properties\":{\"Thi)j"
     R"j(ngName\":{\"Ref\":\"AWS::IoT::Certificate::CommonName\"}}},\"c\":{\"Type\":\"AWS::IoT::Certifica)j"
     R"j(te\",\"Properties\":{\"CertificateId\":{\"Ref\":\"AWS::IoT::Certificate::Id\"}}},\"p\":{\"Type\")j"
     R"j(:\"AWS::IoT::Policy\",\"Properties\":{\"PolicyName\":\"p\"}}}}","type":"JITP"})j"},
    {"T060", "request-field", severity::error, "a field of the request outside its allowed alphabet or length",
     "The API refuses the request.",
     "AWS IoT API Reference, CreateProvisioningTemplate",
     R"j({"templateName":"my template","provisioningRoleArn":"arn:aws:iam::123456789012:role/provisioning)j"
     R"j(","enabled":true,"preProvisioningHook":{"targetArn":"arn:aws:lambda:us-east-1:123456789012:funct)j"
     R"j(ion:check"},"templateBody":"{\"Resources\":{\"c\":{\"Type\":\"AWS::IoT::Certificate\",\"Properti)j"
     R"j(es\":{\"CertificateId\":{\"Ref\":\"AWS::IoT::Certificate::Id\"}}},\"p\":{\"Type\":\"AWS::IoT::Po)j"
     R"j(licy\",\"Properties\":{\"PolicyName\":\"p\"}}}}"})j",
     R"j({"templateName":"my-template","provisioningRoleArn":"arn:aws:iam::123456789012:role/provisioning)j"
     R"j(","enabled":true,"preProvisioningHook":{"targetArn":"arn:aws:lambda:us-east-1:123456789012:funct)j"
     R"j(ion:check"},"templateBody":"{\"Resources\":{\"c\":{\"Type\":\"AWS::IoT::Certificate\",\"Properti)j"
     R"j(es\":{\"CertificateId\":{\"Ref\":\"AWS::IoT::Certificate::Id\"}}},\"p\":{\"Type\":\"AWS::IoT::Po)j"
     R"j(licy\",\"Properties\":{\"PolicyName\":\"p\"}}}}"})j"},
    {"T061", "hook-request-value", severity::warning, "a value in a hook request that AWS would not send",
     "Certificate ids have 64 hex digits, the template ARN names a provisioning template. A hook tested "
     "with other values may fail on real ones.",
     "AWS IoT Core Developer Guide, Pre-provisioning hooks",
     R"j({"claimCertificateId":"claim","certificateId":"0000000000000000000000000000000000000000000000000)j"
     R"j(000000000000000","certificatePem":"x","templateArn":"arn:aws:iot:us-east-1:123456789012:provisio)j"
     R"j(ningtemplate/T","clientId":"c","parameters":{}})j",
     R"j({"claimCertificateId":"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff","certif)j"
     R"j(icateId":"0000000000000000000000000000000000000000000000000000000000000000","certificatePem":"x")j"
     R"j(,"templateArn":"arn:aws:iot:us-east-1:123456789012:provisioningtemplate/T","clientId":"c","param)j"
     R"j(eters":{}})j"},
    {"T062", "unknown-document", severity::error, "the document is none of the known kinds",
     "It has neither the members of a policy nor of a template, a registration config or a hook's request "
     "or response.",
     "fleetprov",
     R"j({"hello":"world"})j",
     R"j({"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT)j"
     R"j(::Certificate::Id"}}}}})j"},
    {"T063", "too-many-groups", severity::error, "more groups than a thing may belong to",
     "A thing belongs to at most 10 groups; a group that is named twice counts once.",
     "AWS IoT Core endpoints and quotas",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":"a","ThingGroups":["g1","g)j"
     R"j(2","g3","g4","g5","g6","g7","g8","g9","g10","g11"]}},"c":{"Type":"AWS::IoT::Certificate","Proper)j"
     R"j(ties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"}}}}})j",
     R"j({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":"a","ThingGroups":["g1","g)j"
     R"j(2","g3","g4","g5","g6","g7","g8","g9","g10"]}},"c":{"Type":"AWS::IoT::Certificate","Properties":)j"
     R"j({"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"}}}}})j"},
    {"T064", "too-many-policies", severity::error, "more policies than a certificate may have",
     "At most 10 policies can be attached to a certificate; a policy that is named twice counts once.",
     "AWS IoT Core endpoints and quotas",
     R"j({"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT)j"
     R"j(::Certificate::Id"}}},"p1":{"Type":"AWS::IoT::Policy","Properties":{"PolicyName":"p1"}},"p2":{"T)j"
     R"j(ype":"AWS::IoT::Policy","Properties":{"PolicyName":"p2"}},"p3":{"Type":"AWS::IoT::Policy","Prope)j"
     R"j(rties":{"PolicyName":"p3"}},"p4":{"Type":"AWS::IoT::Policy","Properties":{"PolicyName":"p4"}},"p)j"
     R"j(5":{"Type":"AWS::IoT::Policy","Properties":{"PolicyName":"p5"}},"p6":{"Type":"AWS::IoT::Policy",)j"
     R"j("Properties":{"PolicyName":"p6"}},"p7":{"Type":"AWS::IoT::Policy","Properties":{"PolicyName":"p7)j"
     R"j("}},"p8":{"Type":"AWS::IoT::Policy","Properties":{"PolicyName":"p8"}},"p9":{"Type":"AWS::IoT::Po)j"
     R"j(licy","Properties":{"PolicyName":"p9"}},"p10":{"Type":"AWS::IoT::Policy","Properties":{"PolicyNa)j"
     R"j(me":"p10"}},"p11":{"Type":"AWS::IoT::Policy","Properties":{"PolicyName":"p11"}}}})j",
     R"j({"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT)j"
     R"j(::Certificate::Id"}}},"p1":{"Type":"AWS::IoT::Policy","Properties":{"PolicyName":"p1"}},"p2":{"T)j"
     R"j(ype":"AWS::IoT::Policy","Properties":{"PolicyName":"p2"}},"p3":{"Type":"AWS::IoT::Policy","Prope)j"
     R"j(rties":{"PolicyName":"p3"}},"p4":{"Type":"AWS::IoT::Policy","Properties":{"PolicyName":"p4"}},"p)j"
     R"j(5":{"Type":"AWS::IoT::Policy","Properties":{"PolicyName":"p5"}},"p6":{"Type":"AWS::IoT::Policy",)j"
     R"j("Properties":{"PolicyName":"p6"}},"p7":{"Type":"AWS::IoT::Policy","Properties":{"PolicyName":"p7)j"
     R"j("}},"p8":{"Type":"AWS::IoT::Policy","Properties":{"PolicyName":"p8"}},"p9":{"Type":"AWS::IoT::Po)j"
     R"j(licy","Properties":{"PolicyName":"p9"}},"p10":{"Type":"AWS::IoT::Policy","Properties":{"PolicyNa)j"
     R"j(me":"p10"}}}})j"},
    {"T065", "unverified-policy-name", severity::warning, "the policy's name is built from a parameter that no hook verifies",
     "The device chooses the value: whoever holds the claim certificate can give itself any policy of the "
     "account whose name fits.",
     "AWS IoT Core Developer Guide, Pre-provisioning hooks",
     R"j({"Parameters":{"S":{"Type":"String"}},"Resources":{"c":{"Type":"AWS::IoT::Certificate","Prop)j"
     R"j(erties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"}}},"p":{"Type":"AWS::IoT::Policy)j"
     R"j(","Properties":{"PolicyName":{"Ref":"S"}}}}})j",
     R"j({"Parameters":{"S":{"Type":"String"}},"Mappings":{"Policies":{"sensor":{"Name":"sensor-polic)j"
     R"j(y"},"camera":{"Name":"camera-policy"}}},"Resources":{"c":{"Type":"AWS::IoT::Certificate","Pr)j"
     R"j(operties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"}}},"p":{"Type":"AWS::IoT::Poli)j"
     R"j(cy","Properties":{"PolicyName":{"Fn::FindInMap":["Policies",{"Ref":"S"},"Name"]}}}}})j"},
}};

/// The table row of a rule.
constexpr const rule& row_of(rule_id id) noexcept { return rules[static_cast<std::size_t>(id) - 1]; }

namespace detail {
constexpr bool ids_are_in_order() noexcept {
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const std::string_view id = rules[i].id;
    if (id.size() != 4 || id[0] != 'T') return false;
    const std::size_t number = static_cast<std::size_t>(id[1] - '0') * 100 +
                               static_cast<std::size_t>(id[2] - '0') * 10 + static_cast<std::size_t>(id[3] - '0');
    if (number != i + 1) return false;
  }
  return true;
}
static_assert(ids_are_in_order(), "the rule at index i has the id T(i+1)");
}  // namespace detail

}  // namespace fleetprov::templates
