#include <mock_broker/lifecycle_events.hpp>

#include <fleetprov/core/detail/json_string.hpp>

#include <mock_broker/event_log.hpp>

#include <utility>

namespace fleetprov::mock {
namespace {

json_line begin(const session& whose, topics::client_event what, instant now) {
  json_line line;
  line.text("clientId", whose.client_id).number("timestamp", now.count()).text("eventType", topics::name_of(what));
  return line;
}

std::optional<outgoing_message> finish(const session& whose, topics::client_event what, json_line& line) {
  const auto topic = topics::make_event_topic(what, whose.client_id);
  if (!topic) return std::nullopt;
  outgoing_message out;
  out.topic = topic->view();
  out.payload = line.take();
  return out;
}

void add_principal(json_line& line, const session& whose) {
  line.text("sessionIdentifier", whose.session_identifier).text("principalIdentifier", whose.certificate_id);
}

}  // namespace

std::optional<outgoing_message> lifecycle_events::connected(const session& whose, std::string_view thing_name) const {
  json_line line = begin(whose, topics::client_event::connected, time_.now());
  add_principal(line, whose);
  line.text("ipAddress", whose.source_ip).number("versionNumber", static_cast<std::int64_t>(whose.version_number));
  if (!thing_name.empty()) line.text("thingName", thing_name);
  return finish(whose, topics::client_event::connected, line);
}

std::optional<outgoing_message> lifecycle_events::disconnected(const session& whose, std::string_view thing_name,
                                                               std::string_view reason) const {
  json_line line = begin(whose, topics::client_event::disconnected, time_.now());
  add_principal(line, whose);
  line.boolean("clientInitiatedDisconnect", reason == "CLIENT_INITIATED_DISCONNECT")
      .text("disconnectReason", reason)
      .number("versionNumber", static_cast<std::int64_t>(whose.version_number));
  if (!thing_name.empty()) line.text("thingName", thing_name);
  return finish(whose, topics::client_event::disconnected, line);
}

std::optional<outgoing_message> lifecycle_events::connect_failed(const session& candidate,
                                                                 std::string_view reason) const {
  json_line line = begin(candidate, topics::client_event::connect_failed, time_.now());
  add_principal(line, candidate);
  line.text("ipAddress", candidate.source_ip).text("connectFailureReason", reason);
  return finish(candidate, topics::client_event::connect_failed, line);
}

std::optional<outgoing_message> lifecycle_events::subscriptions(const session& whose, topics::client_event what,
                                                                const std::vector<std::string>& filters) const {
  json_line line = begin(whose, what, time_.now());
  add_principal(line, whose);
  std::string list;
  for (const std::string& filter : filters) list += (list.empty() ? "" : ",") + detail::json_string(filter);
  line.raw("topics", "[" + list + "]");
  return finish(whose, what, line);
}

}  // namespace fleetprov::mock
