// Policies (AWS IoT API Reference).
#include <fleetprov/policies/evaluate.hpp>
#include <mock_broker/control_plane_call.hpp>
#include <mock_broker/name_rules.hpp>

namespace fleetprov::mock {
namespace {

json_out show_policy_name(const api_call& call, const std::string& name) {
  return {{"policyName", name}, {"policyArn", call.world().arn_of("policy", name)}};
}

json_out create_policy(const api_call& call) {
  const auto made = call.world().create_policy(call.path(0), call.required_text("policyDocument"), call.tags());
  json_out out = show_policy_name(call, made->name);
  out["policyDocument"] = made->default_version_record().document;
  out["policyVersionId"] = made->default_version;
  return out;
}

json_out get_policy(const api_call& call) {
  const auto found = call.world().get_policy(call.path(0));
  json_out out = show_policy_name(call, found->name);
  out["policyDocument"] = found->default_version_record().document;
  out["defaultVersionId"] = found->default_version;
  out["creationDate"] = to_epoch_seconds(found->created);
  out["lastModifiedDate"] = to_epoch_seconds(found->modified);
  out["generationId"] = found->generation_id;
  return out;
}

json_out list_policies(const api_call& call) {
  return page_of("policies", call.world().list_policies(call.marker_page()), "nextMarker",
                 [&](const auto& one) { return show_policy_name(call, one->name); });
}

json_out delete_policy(const api_call& call) {
  call.world().delete_policy(call.path(0));
  return nullptr;
}

json_out create_policy_version(const api_call& call) {
  const auto made = call.world().create_policy_version(call.path(0), call.required_text("policyDocument"),
                                                       call.query_flag("setAsDefault", false));
  const policy_version_record& version = made->versions.back();
  return {{"policyArn", call.world().arn_of("policy", made->name)},
          {"policyDocument", version.document},
          {"policyVersionId", version.id},
          {"isDefaultVersion", made->default_version == version.id}};
}

const policy_version_record& version_of(const policy_record& policy, const std::string& id) {
  const policy_version_record* found = policy.find_version(id);
  if (found == nullptr) throw aws_error::not_found();
  return *found;
}

json_out get_policy_version(const api_call& call) {
  const auto policy = call.world().get_policy(call.path(0));
  const policy_version_record& version = version_of(*policy, call.path(1));
  json_out out = show_policy_name(call, policy->name);
  out["policyDocument"] = version.document;
  out["policyVersionId"] = version.id;
  out["isDefaultVersion"] = version.id == policy->default_version;
  out["creationDate"] = to_epoch_seconds(version.created);
  out["lastModifiedDate"] = to_epoch_seconds(version.created);
  out["generationId"] = policy->generation_id;
  return out;
}

json_out list_policy_versions(const api_call& call) {
  const auto policy = call.world().get_policy(call.path(0));
  json_out versions = json_out::array();
  for (auto one = policy->versions.rbegin(); one != policy->versions.rend(); ++one)
    versions.push_back({{"versionId", one->id},
                        {"isDefaultVersion", one->id == policy->default_version},
                        {"createDate", to_epoch_seconds(one->created)}});
  return {{"policyVersions", std::move(versions)}};
}

json_out delete_policy_version(const api_call& call) {
  call.world().delete_policy_version(call.path(0), call.path(1));
  return nullptr;
}

json_out set_default_policy_version(const api_call& call) {
  call.world().set_default_policy_version(call.path(0), call.path(1));
  return nullptr;
}

json_out attach_policy(const api_call& call) {
  call.world().attach_policy(call.path(0), call.required_text("target"));
  return nullptr;
}

json_out detach_policy(const api_call& call) {
  const std::string target = call.required_text("target");
  try {
    call.world().detach_policy(call.path(0), target);
  } catch (const aws_error& refused) {  // DetachPolicy declares no ResourceNotFoundException
    throw aws_error::invalid_request(refused.message());
  }
  return nullptr;
}

json_out attach_principal_policy(const api_call& call) {
  call.world().attach_policy(call.path(0), call.required_header("x-amzn-iot-principal"));
  return nullptr;
}

json_out detach_principal_policy(const api_call& call) {
  call.world().get_policy(call.path(0));  // unlike DetachPolicy it declares ResourceNotFoundException
  call.world().detach_policy(call.path(0), call.required_header("x-amzn-iot-principal"));
  return nullptr;
}

json_out list_attached_policies(const api_call& call) {
  const auto found =
      call.world().list_attached_policies(call.path(0), call.query_flag("recursive", false), call.marker_page());
  return page_of("policies", found, "nextMarker", [&](const auto& one) { return show_policy_name(call, one->name); });
}

json_out list_targets_for_policy(const api_call& call) {
  return page_of("targets", call.world().list_targets_for_policy(call.path(0), call.marker_page()), "nextMarker",
                 [](const std::string& arn) { return json_out(arn); });
}

json_out get_effective_policies(const api_call& call) {
  json_out list = json_out::array();
  for (const auto& one :
       call.world().effective_policies(call.text("principal").value_or(""), call.query("thingName").value_or(""))) {
    json_out shown = show_policy_name(call, one->name);
    shown["policyDocument"] = one->default_version_record().document;
    list.push_back(std::move(shown));
  }
  return {{"effectivePolicies", std::move(list)}};
}

std::optional<authorization_action> parse_action(std::string_view text) {
  if (text == "PUBLISH") return authorization_action::publish;
  if (text == "SUBSCRIBE") return authorization_action::subscribe;
  if (text == "RECEIVE") return authorization_action::receive;
  if (text == "CONNECT") return authorization_action::connect;
  return std::nullopt;
}

std::string_view name_of_action(authorization_action what) {
  switch (what) {
    case authorization_action::publish:
      return "PUBLISH";
    case authorization_action::subscribe:
      return "SUBSCRIBE";
    case authorization_action::receive:
      return "RECEIVE";
    case authorization_action::connect:
      return "CONNECT";
  }
  return "";
}

authorization_request read_authorization(const api_call& call) {
  authorization_request asked;
  asked.principal = call.text("principal").value_or(call.text("cognitoIdentityPoolId").value_or(""));
  asked.client_id = call.query("clientId").value_or("");
  const auto names = [&](const char* member) {
    auto given = api_call::texts_of(call.body(), member);
    for (const std::string& name : given) check_policy_name(member, name);
    return given;
  };
  asked.policies_to_add = names("policyNamesToAdd");
  asked.policies_to_skip = names("policyNamesToSkip");
  const json::value* infos = call.body().find("authInfos");
  if (infos == nullptr || !infos->is_array() || infos->items.empty() || infos->items.size() > 10)
    throw aws_error::invalid_request("'authInfos' must be an array of 1 to 10 objects.");
  for (const json::value& info : infos->items) {
    if (!info.is_object()) throw aws_error::invalid_request("'authInfos' must hold objects.");
    const auto action = parse_action(api_call::text_of(info, "actionType").value_or(""));
    if (!action) throw aws_error::invalid_request("'actionType' must be one of PUBLISH, SUBSCRIBE, RECEIVE, CONNECT.");
    auto resources = api_call::texts_of(info, "resources");
    if (resources.empty()) throw aws_error::invalid_request("'resources' must name at least one ARN.");
    asked.questions.push_back({*action, std::move(resources)});
  }
  return asked;
}

json_out test_authorization(const api_call& call) {
  const auto show = [&](const std::vector<std::string>& names) {
    json_out list = json_out::array();
    for (const std::string& name : names) list.push_back(show_policy_name(call, name));
    return json_out{{"policies", std::move(list)}};
  };
  json_out results = json_out::array();
  for (const authorization_answer& one : call.service().test_authorization(read_authorization(call))) {
    const std::string_view decision = one.decision == policies::decision::allowed         ? "ALLOWED"
                                      : one.decision == policies::decision::explicit_deny ? "EXPLICIT_DENY"
                                                                                          : "IMPLICIT_DENY";
    results.push_back(
        {{"authInfo", {{"actionType", name_of_action(one.question.action)}, {"resources", one.question.resources}}},
         {"allowed", show(one.allowed)},
         {"denied", {{"implicitDeny", show(one.implicitly_denied)}, {"explicitDeny", show(one.explicitly_denied)}}},
         {"authDecision", decision},
         {"missingContextValues", one.missing_context}});
  }
  return {{"authResults", std::move(results)}};
}

}  // namespace

const std::vector<route>& policy_routes() {
  static const std::vector<route> routes{
      {"POST", "/policies/{policyName}", "CreatePolicy", create_policy},
      {"GET", "/policies/{policyName}", "GetPolicy", get_policy},
      {"GET", "/policies", "ListPolicies", list_policies},
      {"DELETE", "/policies/{policyName}", "DeletePolicy", delete_policy},
      {"POST", "/policies/{policyName}/version", "CreatePolicyVersion", create_policy_version},
      {"GET", "/policies/{policyName}/version/{policyVersionId}", "GetPolicyVersion", get_policy_version},
      {"GET", "/policies/{policyName}/version", "ListPolicyVersions", list_policy_versions},
      {"DELETE", "/policies/{policyName}/version/{policyVersionId}", "DeletePolicyVersion", delete_policy_version},
      {"PATCH", "/policies/{policyName}/version/{policyVersionId}", "SetDefaultPolicyVersion",
       set_default_policy_version},
      {"PUT", "/target-policies/{policyName}", "AttachPolicy", attach_policy},
      {"POST", "/target-policies/{policyName}", "DetachPolicy", detach_policy},
      {"PUT", "/principal-policies/{policyName}", "AttachPrincipalPolicy", attach_principal_policy},
      {"DELETE", "/principal-policies/{policyName}", "DetachPrincipalPolicy", detach_principal_policy},
      {"POST", "/attached-policies/{target+}", "ListAttachedPolicies", list_attached_policies},
      {"POST", "/policy-targets/{policyName}", "ListTargetsForPolicy", list_targets_for_policy},
      {"POST", "/effective-policies", "GetEffectivePolicies", get_effective_policies},
      {"POST", "/test-authorization", "TestAuthorization", test_authorization},
  };
  return routes;
}

}  // namespace fleetprov::mock
