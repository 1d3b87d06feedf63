#include <cli/errors.hpp>
#include <cli/requests.hpp>
#include <cli/suggest.hpp>

#include <fleetprov/policies/actions.hpp>
#include <fleetprov/topics/arn.hpp>

#include <utility>
#include <vector>

namespace fleetprov::cli {
namespace {

using policies::action_facts;
using policies::resource_type;

bool is_resource_type(std::string_view word) noexcept {
  for (const resource_type type : {resource_type::client, resource_type::topic, resource_type::topicfilter,
                                   resource_type::thing, resource_type::rolealias})
    if (policies::name_of(type) == word) return true;
  return false;
}

std::string full_resource(const std::string& given, const std::string& action, const policies::arn_scope& scope) {
  if (given == "*") return given;
  if (given.compare(0, 4, "arn:") == 0) {
    if (!topics::parse_arn(given))
      throw usage_error("`" + given + "` is no ARN: arn:aws:iot:REGION:ACCOUNT:TYPE/NAME");
    return given;
  }
  const topics::arn_resource parts = topics::split_resource(given);
  if (parts.has_name && is_resource_type(parts.type))
    return topics::make_arn(scope.region, scope.account, parts.type, parts.name);
  const action_facts* row = policies::find_action(action, policies::spelling::any);
  std::string hint;
  if (row != nullptr && row->takes != resource_type::none)
    hint = "; " + std::string(row->name) + " is checked on " + std::string(policies::name_of(row->takes)) + "/NAME: `" +
           std::string(policies::name_of(row->takes)) + "/" + given + "`?";
  throw usage_error("`" + given + "` is neither an ARN nor TYPE/NAME (client, topic, topicfilter, thing, rolealias)" + hint);
}

/// AWS IoT knows no MQTT connection behind an HTTPS request, and so neither client id nor thing (docs/fidelity.md).
std::string leave_out_connection(policies::principal_facts& who, std::string_view action) {
  std::string given = who.client_id && !who.client_id->empty() ? "client id" : "";
  if (who.thing) given += given.empty() ? "thing" : " and the thing";
  who.client_id.reset();
  who.thing.reset();
  if (given.empty()) return given;
  return std::string(action) + " exists over HTTPS only, where a request has neither client id nor thing: left out the " +
         given;
}

}  // namespace

std::string full_action(const std::string& given) {
  if (given.find(':') != std::string::npos) return given;
  for (const char* service : {"iot:", "iotjobsdata:"})
    if (const action_facts* row = policies::find_action(service + given)) return std::string(row->name);
  return given;
}

full_question complete(question asked) {
  full_question out;
  out.asked.action = full_action(asked.action);
  out.asked.resource = full_resource(asked.resource, out.asked.action, asked.scope);
  const action_facts* row = policies::find_action(out.asked.action, policies::spelling::any);
  const bool is_connect = row != nullptr && row->what == policies::action::connect;
  out.is_https_only = row != nullptr && row->over == policies::reach::http;
  if (out.is_https_only) {
    out.left_out = leave_out_connection(asked.who, row->name);
  } else if (!asked.who.client_id) {
    const topics::arn_resource parts = topics::split_resource(short_resource(out.asked.resource));
    if (is_connect && parts.type == "client" && !parts.name.empty()) out.assumed_client_id = std::string(parts.name);
    else if (asked.who.thing) out.assumed_client_id = asked.who.thing->name;
    if (!out.assumed_client_id.empty()) asked.who.client_id = out.assumed_client_id;
  } else if (asked.who.client_id->empty()) {
    asked.who.client_id.reset();  // the way to ask about HTTPS, where there is none
  }
  out.asked.values = policies::make_context(asked.who);
  if (is_connect) out.asked.values.try_emplace("iot:ConnectAttributes");
  return out;
}

std::string doubt_about_action(std::string_view action) {
  if (policies::find_action(action, policies::spelling::any) != nullptr) return {};
  const bool has_service = action.find(':') != std::string_view::npos;
  const std::string_view service = action.substr(0, action.find(':'));
  if (has_service && service != "iot" && service != "iotjobsdata") return {};
  if (action == "iot:PublishRetain") return "`iot:PublishRetain` is no action of AWS IoT Core; did you mean `iot:RetainPublish`?";
  std::vector<std::string> known;
  for (const action_facts& row : policies::action_table) {
    known.emplace_back(row.name);
    if (!has_service) known.emplace_back(row.name.substr(row.name.find(':') + 1));
  }
  return "`" + std::string(action) + "` is no action of AWS IoT Core" + did_you_mean(action, known);
}

std::string doubt_about_resource(std::string_view action, std::string_view resource) {
  const action_facts* row = policies::find_action(action, policies::spelling::any);
  if (row == nullptr || resource == "*") return {};
  const topics::arn_resource parts = topics::split_resource(short_resource(resource));
  if (row->takes == resource_type::none) return std::string(row->name) + " is checked on `*`";
  if (parts.type == policies::name_of(row->takes)) return {};
  return std::string(row->name) + " is never asked about " + std::string(parts.type) + "/..., but about " +
         std::string(policies::name_of(row->takes)) + "/...";
}

std::string_view short_resource(std::string_view resource) noexcept {
  const result<topics::arn> parts = topics::parse_arn(resource);
  return parts ? parts->resource : resource;
}

}  // namespace fleetprov::cli
