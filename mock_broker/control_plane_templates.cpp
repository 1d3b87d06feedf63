// Provisioning templates, claims by trusted users and RegisterThing over HTTP (AWS IoT API Reference).
#include <mock_broker/control_plane_call.hpp>

namespace fleetprov::mock {
namespace {

json_out show_name(const api_call& call, const std::string& name) {
  return {{"templateArn", call.world().arn_of("provisioningtemplate", name)}, {"templateName", name}};
}

std::optional<hook_reference> read_hook(const api_call& call) {
  const json::value* given = call.object("preProvisioningHook");
  if (given == nullptr) return std::nullopt;
  hook_reference out;
  if (auto version = api_call::text_of(*given, "payloadVersion")) out.payload_version = std::move(*version);
  auto target = api_call::text_of(*given, "targetArn");
  if (!target)
    throw aws_error::invalid_request("1 validation error detected: Value null at 'preProvisioningHook.targetArn' failed "
                                     "to satisfy constraint: Member must not be null");
  out.target_arn = std::move(*target);
  return out;
}

json_out create_template(const api_call& call) {
  template_settings wanted;
  wanted.name = call.required_text("templateName");
  wanted.body = call.required_text("templateBody");
  wanted.role_arn = call.required_text("provisioningRoleArn");
  wanted.description = call.text("description").value_or("");
  wanted.enabled = call.flag("enabled").value_or(false);
  wanted.hook = read_hook(call);
  if (const auto kind = call.text("type")) {
    const auto parsed = parse_template_type(*kind);
    if (!parsed) throw aws_error::invalid_request("'type' must be FLEET_PROVISIONING or JITP.");
    wanted.type = *parsed;
  }
  wanted.tags = call.tags();
  const auto made = call.world().create_template(wanted);
  json_out out = show_name(call, made->name);
  out["defaultVersionId"] = made->default_version;
  return out;
}

json_out describe_template(const api_call& call) {
  const auto found = call.world().describe_template(call.path(0));
  json_out out = show_name(call, found->name);
  put_unless_empty(out, "description", found->description);
  out["creationDate"] = to_epoch_seconds(found->created);
  out["lastModifiedDate"] = to_epoch_seconds(found->modified);
  out["defaultVersionId"] = found->default_version;
  out["templateBody"] = found->default_version_record().body;
  out["enabled"] = found->enabled;
  out["provisioningRoleArn"] = found->role_arn;
  if (found->hook)
    out["preProvisioningHook"] = {{"payloadVersion", found->hook->payload_version}, {"targetArn", found->hook->target_arn}};
  out["type"] = name_of(found->type);
  return out;
}

json_out list_templates(const api_call& call) {
  return page_of("templates", call.world().list_templates(call.token_page()), "nextToken", [&](const auto& one) {
    json_out out = show_name(call, one->name);
    put_unless_empty(out, "description", one->description);
    out["creationDate"] = to_epoch_seconds(one->created);
    out["lastModifiedDate"] = to_epoch_seconds(one->modified);
    out["enabled"] = one->enabled;
    out["type"] = name_of(one->type);
    return out;
  });
}

json_out update_template(const api_call& call) {
  template_update wanted;
  wanted.description = call.text("description");
  wanted.role_arn = call.text("provisioningRoleArn");
  wanted.enabled = call.flag("enabled");
  if (const auto version = call.number("defaultVersionId")) {
    if (*version < 0 || *version > 1'000'000'000) throw aws_error::invalid_request("'defaultVersionId' is out of range.");
    wanted.default_version = static_cast<int>(*version);
  }
  wanted.hook = read_hook(call);
  wanted.remove_hook = call.flag("removePreProvisioningHook").value_or(false);
  call.world().update_template(call.path(0), wanted);
  return nullptr;
}

json_out delete_template(const api_call& call) {
  call.world().delete_template(call.path(0));
  return nullptr;
}

json_out create_template_version(const api_call& call) {
  const auto made = call.world().create_template_version(call.path(0), call.required_text("templateBody"),
                                                         call.query_flag("setAsDefault", false));
  json_out out = show_name(call, call.path(0));
  out["versionId"] = made->versions.back().id;
  out["isDefaultVersion"] = made->default_version == made->versions.back().id;
  return out;
}

json_out describe_template_version(const api_call& call) {
  const auto found = call.world().describe_template_version(call.path(0), call.path_number(1));
  return {{"versionId", found.version.id},
          {"creationDate", to_epoch_seconds(found.version.created)},
          {"templateBody", found.version.body},
          {"isDefaultVersion", found.is_default}};
}

json_out list_template_versions(const api_call& call) {
  return page_of("versions", call.world().list_template_versions(call.path(0), call.token_page()), "nextToken",
                 [](const template_version_summary& one) -> json_out {
                   return {{"versionId", one.version.id},
                           {"creationDate", to_epoch_seconds(one.version.created)},
                           {"isDefaultVersion", one.is_default}};
                 });
}

json_out delete_template_version(const api_call& call) {
  call.world().delete_template_version(call.path(0), call.path_number(1));
  return nullptr;
}

json_out create_provisioning_claim(const api_call& call) {
  const certificate_with_key made = call.service().create_provisioning_claim(call.path(0));
  return {{"certificateId", made.certificate_id},
          {"certificatePem", made.certificate_pem},
          {"keyPair", {{"PublicKey", made.keys.public_key}, {"PrivateKey", std::string(made.keys.private_key.reveal())}}},
          {"expiration", to_epoch_seconds(made.expiration)}};
}

json_out register_thing(const api_call& call) {
  const http_registration made = call.service().register_thing(call.required_text("templateBody"),
                                                               api_call::text_map_of(call.body(), "parameters"));
  json_out out = json_out::object();
  put_unless_empty(out, "certificatePem", made.certificate_pem);
  out["resourceArns"] = made.resource_arns;
  return out;
}

}  // namespace

const std::vector<route>& template_routes() {
  static const std::vector<route> routes{
      {"POST", "/provisioning-templates", "CreateProvisioningTemplate", create_template},
      {"GET", "/provisioning-templates/{templateName}", "DescribeProvisioningTemplate", describe_template},
      {"GET", "/provisioning-templates", "ListProvisioningTemplates", list_templates},
      {"PATCH", "/provisioning-templates/{templateName}", "UpdateProvisioningTemplate", update_template},
      {"DELETE", "/provisioning-templates/{templateName}", "DeleteProvisioningTemplate", delete_template},
      {"POST", "/provisioning-templates/{templateName}/versions", "CreateProvisioningTemplateVersion", create_template_version},
      {"GET", "/provisioning-templates/{templateName}/versions/{versionId}", "DescribeProvisioningTemplateVersion",
       describe_template_version},
      {"GET", "/provisioning-templates/{templateName}/versions", "ListProvisioningTemplateVersions", list_template_versions},
      {"DELETE", "/provisioning-templates/{templateName}/versions/{versionId}", "DeleteProvisioningTemplateVersion",
       delete_template_version},
      {"POST", "/provisioning-templates/{templateName}/provisioning-claim", "CreateProvisioningClaim",
       create_provisioning_claim},
      {"POST", "/things", "RegisterThing", register_thing},
  };
  return routes;
}

}  // namespace fleetprov::mock
