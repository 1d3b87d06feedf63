// The data plane over HTTP (AWS IoT API Reference, data plane): publish, retained messages, DeleteConnection.
#include <fleetprov/topics/limits.hpp>
#include <fleetprov/topics/reserved_topics.hpp>
#include <fleetprov/topics/topic_filter.hpp>
#include <fleetprov/topics/topic_name.hpp>
#include <mock_broker/control_plane_call.hpp>

#include <openssl/evp.h>

#include <algorithm>

namespace fleetprov::mock {
namespace {

std::string to_base64(std::string_view bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int written =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(written));
  return out;
}

std::string from_base64(std::string_view text, std::string_view member) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  if (text.size() % 4 != 0 || text.size() > topics::limits::max_payload_bytes)
    throw aws_error::invalid_request("'" + std::string(member) + "' is not base64.");
  const std::size_t end = std::min(text.find('='), text.size());
  const std::size_t pads = text.size() - end;
  if (pads > 2 || text.find_first_not_of('=', end) != std::string_view::npos) throw aws_error::invalid_request("'" + std::string(member) + "' is not base64.");
  std::string out(text.size() / 4 * 3 + 1, '\0');
  const int written =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), reinterpret_cast<const unsigned char*>(text.data()),
                      static_cast<int>(text.size()));
  if (written < 0) throw aws_error::invalid_request("'" + std::string(member) + "' is not base64.");
  out.resize(static_cast<std::size_t>(written) - pads);
  return out;
}

std::vector<std::pair<std::string, std::string>> read_user_properties(const std::string& header) {
  auto parsed = json::document::from_text(from_base64(header, "userProperties"));
  if (!parsed || !parsed.value->root().is_array())
    throw aws_error::invalid_request("'userProperties' must be a JSON array of objects.");
  std::vector<std::pair<std::string, std::string>> out;
  for (const json::value& item : parsed.value->root().items) {
    if (!item.is_object()) throw aws_error::invalid_request("'userProperties' must be a JSON array of objects.");
    for (const json::member& entry : item.members) {
      if (!entry.held.is_string()) throw aws_error::invalid_request("'userProperties' values must be strings.");
      out.emplace_back(entry.key, entry.held.text);
    }
  }
  return out;
}

std::uint8_t read_payload_format(const std::string& text) {
  if (text == "UTF8_DATA") return 1;
  if (text == "UNSPECIFIED_BYTES") return 0;
  throw aws_error::invalid_request("'payloadFormatIndicator' must be UTF8_DATA or UNSPECIFIED_BYTES.");
}

json_out publish(const api_call& call) {
  outgoing_message message;
  message.topic = call.path(0);
  if (!topics::validate_topic_name(message.topic)) throw aws_error::invalid_request("Invalid topic name.");
  const topics::reserved_topic reserved = topics::classify_reserved(message.topic);
  // The provisioning API answers a device's connection; there is none here, so the topics are closed. A share is only
  // for subscriptions.
  if (!reserved.may_publish || reserved.service == topics::reserved_service::fleet_provisioning ||
      topics::parse_share(message.topic).is_shared)
    throw aws_error("ForbiddenException", 403, "Publishing to this reserved topic is not allowed.");
  if (call.raw_body().size() > topics::limits::max_payload_bytes)
    throw aws_error("RequestEntityTooLargeException", 413, "The payload exceeds the maximum size allowed.");
  const std::int64_t qos = call.query_number("qos").value_or(0);
  if (qos != 0 && qos != 1) throw aws_error::invalid_request("'qos' must be 0 or 1.");
  message.qos = static_cast<std::uint8_t>(qos);
  message.retain = call.query_flag("retain", false);
  if (message.retain && reserved.service != topics::reserved_service::not_reserved)
    throw aws_error::invalid_request("A reserved topic cannot hold a retained message.");
  message.payload = call.raw_body();
  message.properties.content_type = call.query("contentType");
  message.properties.response_topic = call.query("responseTopic");
  if (message.properties.response_topic && !topics::validate_topic_name(*message.properties.response_topic))
    throw aws_error::invalid_request("'responseTopic' is not a topic name.");
  if (const auto expiry = call.query_number("messageExpiry")) {
    if (*expiry < 1 || *expiry > topics::limits::max_message_expiry_seconds)
      throw aws_error::invalid_request("'messageExpiry' must be between 1 and " +
                                       std::to_string(topics::limits::max_message_expiry_seconds) + ".");
    message.properties.message_expiry_seconds = static_cast<std::uint32_t>(*expiry);
  }
  if (const auto data = call.header("x-amz-mqtt5-correlation-data"))
    message.properties.correlation_data = from_base64(*data, "correlationData");
  if (const auto given = call.header("x-amz-mqtt5-user-properties"))
    message.properties.user_properties = read_user_properties(*given);
  if (const auto format = call.header("x-amz-mqtt5-payload-format-indicator"))
    message.properties.payload_format_indicator = read_payload_format(*format);
  if (!call.context().broker.publish(std::move(message)))
    throw aws_error::internal_failure("The broker did not take the message.");
  return json_out{{"message", "OK"}};
}

json_out get_retained_message(const api_call& call) {
  if (!topics::validate_topic_name(call.path(0))) throw aws_error::invalid_request("Invalid topic name.");
  const auto found = call.context().broker.find_retained(call.path(0));
  if (!found) throw aws_error::not_found("No retained message is stored for this topic.");
  json_out out{{"topic", found->topic},
               {"payload", to_base64(found->payload)},
               {"qos", found->qos},
               {"lastModifiedTime", found->last_modified.count()}};
  if (!found->properties.user_properties.empty()) {
    json_out list = json_out::array();
    for (const auto& [key, value] : found->properties.user_properties) list.push_back({{key, value}});
    out["userProperties"] = to_base64(list.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  }
  return out;
}

json_out list_retained_messages(const api_call& call) {
  const page_request wanted = call.token_page();
  const auto all = call.context().broker.retained_messages();
  // The token is the last topic of the page before: pages stay right while messages come and go.
  auto at =
      wanted.from.empty()
          ? all.begin()
          : std::upper_bound(all.begin(), all.end(), from_base64(wanted.from, "nextToken"),
                             [](const std::string& topic, const retained_message& one) { return topic < one.topic; });
  json_out list = json_out::array();
  std::string last;
  for (; at != all.end() && list.size() < wanted.limit; ++at) {
    list.push_back({{"topic", at->topic},
                    {"payloadSize", at->payload.size()},
                    {"qos", at->qos},
                    {"lastModifiedTime", at->last_modified.count()}});
    last = at->topic;
  }
  json_out out{{"retainedTopics", std::move(list)}};
  if (at != all.end()) out["nextToken"] = to_base64(last);
  return out;
}

json_out delete_connection(const api_call& call) {
  if (!call.context().broker.disconnect(call.path(0), call.query_flag("cleanSession", false),
                                        call.query_flag("preventWillMessage", false)))
    throw aws_error::not_found("No connection of client '" + call.path(0) + "' is open.");
  return nullptr;
}

}  // namespace

const std::vector<route>& data_plane_routes() {
  static const std::vector<route> routes{
      {"POST", "/topics/{topic+}", "Publish", publish},
      {"GET", "/retainedMessage/{topic+}", "GetRetainedMessage", get_retained_message},
      {"GET", "/retainedMessage", "ListRetainedMessages", list_retained_messages},
      {"DELETE", "/connections/{clientId+}", "DeleteConnection", delete_connection},
  };
  return routes;
}

}  // namespace fleetprov::mock
