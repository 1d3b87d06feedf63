#include <cli/errors.hpp>
#include <cli/requests.hpp>
#include <cli/suggest.hpp>

#include <fleetprov/policies/actions.hpp>
#include <fleetprov/policies/placeholders.hpp>
#include <fleetprov/topics/arn.hpp>
#include <fleetprov/topics/reserved_topics.hpp>
#include <fleetprov/topics/thing_name.hpp>
#include <fleetprov/topics/topic_filter.hpp>
#include <fleetprov/topics/topic_name.hpp>

#include <chrono>
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

std::string ticked(std::string_view text) { return '`' + std::string(text) + '`'; }

/// Why AWS IoT refuses the text of a topic or filter whatever the policies say.
std::string why_refused(std::string_view text, errc why, const char* about_wildcards) {
  if (why == errc::too_large) return "it has more bytes or slashes than AWS IoT takes";
  if (why == errc::invalid_utf8) return "it is not UTF-8 text";
  return text.find_first_of("+#") == std::string_view::npos ? "it is empty, or holds a NUL" : about_wildcards;
}

std::string doubt_about_topic(policies::action what, std::string_view topic) {
  if (const result<void> good = topics::validate_topic_name(topic); !good)
    return "no message has the topic " + ticked(topic) + ": " + why_refused(topic, good.error().code, "`+` and `#` are for filters");
  const bool retains = what == policies::action::retain_publish;
  if (what != policies::action::publish && !retains) return {};
  const topics::reserved_topic known = topics::classify_reserved(topic);
  if (known.service == topics::reserved_service::undefined) return ticked(topic) + " is not in the list of reserved topics that AWS documents";
  if (!known.may_publish) return "no client may publish to " + ticked(topic) + ", whatever the policy says";
  if (retains && known.service != topics::reserved_service::not_reserved) return "no message on a reserved topic can be retained";
  return {};
}

std::string doubt_about_filter(std::string_view filter) {
  if (const result<void> good = topics::validate_topic_filter(filter); !good)
    return "no client can subscribe to " + ticked(filter) + ": " +
           why_refused(filter, good.error().code, "`#` stands alone in the last level, `+` alone in its level");
  if (topics::classify_reserved(filter).may_subscribe) return {};
  return ticked(filter) + " is not in the list of reserved topics that AWS documents";
}

/// About the client id of a CONNECT, which is the resource that it asks about.
std::string doubt_about_connect(std::string_view resource_name, const std::string& client_id) {
  if (client_id.empty()) return "a CONNECT has a client id; an empty one stands for HTTPS, where there is no CONNECT";
  if (resource_name == client_id) return {};
  return "a CONNECT asks about its own client id: with " + ticked(client_id) + " that is client/" + client_id + ", and who asks about client/" +
         std::string(resource_name) + " is " + ticked(resource_name);
}

/// Why no client can make a request; `client_id` as it was given.
std::vector<std::string> find_doubts(const policies::request& asked, const std::optional<std::string>& client_id,
                                     const policies::principal_facts& who) {
  std::vector<std::string> out;
  const auto add = [&out](std::string doubt) {
    if (!doubt.empty()) out.push_back(std::move(doubt));
  };
  add(doubt_about_resource(asked.action, asked.resource));
  if (asked.resource != "*" && asked.resource.find_first_of("*?") != std::string::npos)
    add("a request names one resource; `*` and `?` in it are ordinary characters");
  if (const action_facts* row = policies::find_action(asked.action, policies::spelling::any)) {
    const topics::arn_resource parts = topics::split_resource(short_resource(asked.resource));
    const bool has_own_type = row->takes != resource_type::none && parts.type == policies::name_of(row->takes);
    if (row->takes == resource_type::topic && has_own_type) add(doubt_about_topic(row->what, parts.name));
    if (row->takes == resource_type::topicfilter && has_own_type) add(doubt_about_filter(parts.name));
    if (row->what == policies::action::connect && client_id && (has_own_type || client_id->empty()))
      add(doubt_about_connect(parts.name, *client_id));
  }
  if (const result<topics::arn> arn = topics::parse_arn(asked.resource); arn && arn->service == "iot") {
    if (!policies::is_region(arn->region)) add("the resource's region " + ticked(arn->region) + " is no AWS region");
    if (!policies::is_account(arn->account)) add("the resource's account " + ticked(arn->account) + " is no AWS account");
  }
  if (who.client_id && !topics::validate_client_id(*who.client_id)) add("no client can have the id " + ticked(*who.client_id));
  if (who.certificate_id && !topics::validate_certificate_id(*who.certificate_id))
    add("no certificate has the id " + ticked(*who.certificate_id));
  if (!who.thing) return out;
  if (!topics::validate_thing_name(who.thing->name)) add("no thing can be called " + ticked(who.thing->name));
  if (who.thing->type && !topics::validate_thing_type_name(*who.thing->type)) add("no thing type can be called " + ticked(*who.thing->type));
  for (const auto& [name, value] : who.thing->attributes) {
    if (!topics::validate_attribute_name(name)) add("no attribute can be called " + ticked(name));
    if (!topics::validate_attribute_value(value)) add("no attribute can have the value " + ticked(value));
  }
  return out;
}

}  // namespace

std::int64_t epoch_seconds_now() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

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
  const std::optional<std::string> given_client_id = asked.who.client_id;
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
  out.doubts = find_doubts(out.asked, given_client_id, asked.who);
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
