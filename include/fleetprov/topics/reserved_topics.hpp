#pragma once

#include <fleetprov/core/inline_text.hpp>
#include <fleetprov/core/result.hpp>
#include <fleetprov/topics/fleet_topics.hpp>
#include <fleetprov/topics/thing_name.hpp>
#include <fleetprov/topics/topic_filter.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace fleetprov::topics {

/// Which part of AWS IoT owns a topic that begins with `$`.
enum class reserved_service : std::uint8_t {
  not_reserved,        ///< does not begin with `$`
  fleet_provisioning,  ///< the API topics of `fleet_topics.hpp`
  shadow,
  jobs,
  tunnels,
  streams,
  commands,
  rules,             ///< basic ingest, `$aws/rules/NAME/...`
  defender,
  device_location,
  sitewise,
  greengrass,
  fleetwise,
  wireless,
  lifecycle_events,  ///< presence and subscription events
  registry_events,   ///< things, types, groups
  job_events,
  certificate_events,
  command_events,
  undefined,         ///< begins with `$` and is not in the list that AWS documents
};

constexpr std::string_view name_of(reserved_service service) noexcept {
  constexpr std::string_view names[] = {
      "not reserved", "fleet provisioning", "shadow",           "jobs",            "tunnels",    "streams",
      "commands",     "rules",              "defender",         "device location", "sitewise",   "greengrass",
      "fleetwise",    "wireless",           "life-cycle events", "registry events", "job events", "certificate events",
      "command events", "undefined"};
  return names[static_cast<std::size_t>(service)];
}

/// Whether AWS IoT alone publishes on all topics of a service.
constexpr bool is_event(reserved_service service) noexcept {
  return service == reserved_service::lifecycle_events || service == reserved_service::registry_events ||
         service == reserved_service::job_events || service == reserved_service::certificate_events ||
         service == reserved_service::command_events || service == reserved_service::wireless;
}

/// What AWS IoT allows on a topic before any policy is asked.
struct reserved_topic {
  reserved_service service = reserved_service::not_reserved;
  bool may_publish = true;    ///< clients may publish to it
  bool may_subscribe = true;  ///< a SUBSCRIBE is not refused (a request topic is silent, not refused)
};

namespace detail {

struct reserved_row {
  std::string_view pattern;
  reserved_service service;
  bool may_publish;
};

// AWS IoT Developer Guide, "Reserved topics", and the guides of the services that its page leaves out: Greengrass
// (health, jobs with a namespace), FleetWise (Edge Agent topics, last known state), Wireless (event notifications).
// Without fleet provisioning (fleet_topics.hpp has that). `+` stands for a name or its end, `#` for any rest. First
// match wins.
inline constexpr std::array<reserved_row, 65> reserved_rows{{
    {"$aws/things/+/shadow/get", reserved_service::shadow, true},
    {"$aws/things/+/shadow/update", reserved_service::shadow, true},
    {"$aws/things/+/shadow/delete", reserved_service::shadow, true},
    {"$aws/things/+/shadow/name/+/get", reserved_service::shadow, true},
    {"$aws/things/+/shadow/name/+/update", reserved_service::shadow, true},
    {"$aws/things/+/shadow/name/+/delete", reserved_service::shadow, true},
    {"$aws/things/+/shadow/get/+", reserved_service::shadow, false},
    {"$aws/things/+/shadow/update/+", reserved_service::shadow, false},
    {"$aws/things/+/shadow/delete/+", reserved_service::shadow, false},
    {"$aws/things/+/shadow/name/+/get/+", reserved_service::shadow, false},
    {"$aws/things/+/shadow/name/+/update/+", reserved_service::shadow, false},
    {"$aws/things/+/shadow/name/+/delete/+", reserved_service::shadow, false},
    {"$aws/things/+/jobs/get", reserved_service::jobs, true},
    {"$aws/things/+/jobs/start-next", reserved_service::jobs, true},
    {"$aws/things/+/jobs/notify", reserved_service::jobs, false},
    {"$aws/things/+/jobs/notify-next", reserved_service::jobs, false},
    {"$aws/things/+/jobs/notify-namespace-+", reserved_service::jobs, false},
    {"$aws/things/+/jobs/notify-next-namespace-+", reserved_service::jobs, false},
    {"$aws/things/+/jobs/+/notify-namespace-+", reserved_service::jobs, false},
    {"$aws/things/+/jobs/+/namespace-+/get", reserved_service::jobs, true},
    {"$aws/things/+/jobs/+/namespace-+/update", reserved_service::jobs, true},
    {"$aws/things/+/jobs/+/namespace-+/get/+", reserved_service::jobs, false},
    {"$aws/things/+/jobs/+/namespace-+/update/+", reserved_service::jobs, false},
    {"$aws/things/+/jobs/+/get", reserved_service::jobs, true},
    {"$aws/things/+/jobs/+/update", reserved_service::jobs, true},
    {"$aws/things/+/jobs/get/+", reserved_service::jobs, false},
    {"$aws/things/+/jobs/start-next/+", reserved_service::jobs, false},
    {"$aws/things/+/jobs/+/get/+", reserved_service::jobs, false},
    {"$aws/things/+/jobs/+/update/+", reserved_service::jobs, false},
    {"$aws/things/+/tunnels/notify", reserved_service::tunnels, false},
    {"$aws/things/+/streams/+/describe/+", reserved_service::streams, true},
    {"$aws/things/+/streams/+/get/+", reserved_service::streams, true},
    {"$aws/things/+/streams/+/data/+", reserved_service::streams, false},
    {"$aws/things/+/streams/+/description/+", reserved_service::streams, false},
    {"$aws/things/+/streams/+/rejected/+", reserved_service::streams, false},
    {"$aws/things/+/defender/metrics/+", reserved_service::defender, true},
    {"$aws/things/+/defender/metrics/+/+", reserved_service::defender, false},
    {"$aws/things/+/greengrass/health/json", reserved_service::greengrass, true},
    {"$aws/things/+/greengrassv2/health/json", reserved_service::greengrass, true},
    {"$aws/commands/+/+/executions/+/response", reserved_service::commands, true},
    {"$aws/commands/+/+/executions/+/response/accepted", reserved_service::commands, false},
    {"$aws/commands/+/+/executions/+/response/rejected", reserved_service::commands, false},
    {"$aws/commands/+/+/executions/+/response/+", reserved_service::commands, true},
    {"$aws/commands/+/+/executions/+/request", reserved_service::commands, false},
    {"$aws/commands/+/+/executions/+/request/#", reserved_service::commands, false},
    {"$aws/commands/+/+/executions/+/response/+/+", reserved_service::commands, false},
    {"$aws/rules/+", reserved_service::rules, true},
    {"$aws/rules/+/#", reserved_service::rules, true},
    {"$aws/device_location/+/get_position_estimate", reserved_service::device_location, true},
    {"$aws/device_location/+/get_position_estimate/+", reserved_service::device_location, false},
    {"$aws/sitewise/asset-models/+/assets/+/properties/+", reserved_service::sitewise, false},
    {"$aws/iotfleetwise/vehicles/+/checkins", reserved_service::fleetwise, true},
    {"$aws/iotfleetwise/vehicles/+/signals", reserved_service::fleetwise, true},
    {"$aws/iotfleetwise/vehicles/+/collection_schemes", reserved_service::fleetwise, false},
    {"$aws/iotfleetwise/vehicles/+/decoder_manifests", reserved_service::fleetwise, false},
    {"$aws/iotfleetwise/vehicles/+/last_known_states/data", reserved_service::fleetwise, true},
    {"$aws/iotfleetwise/vehicles/+/last_known_states/config", reserved_service::fleetwise, false},
    {"$aws/iotfleetwise/vehicles/+/last_known_state/+/data", reserved_service::fleetwise, false},
    {"$aws/iotwireless/events/#", reserved_service::wireless, false},
    {"$aws/events/presence/+/#", reserved_service::lifecycle_events, false},
    {"$aws/events/subscriptions/+/#", reserved_service::lifecycle_events, false},
    {"$aws/events/job/+/#", reserved_service::job_events, false},
    {"$aws/events/jobExecution/+/#", reserved_service::job_events, false},
    {"$aws/events/certificates/registered/+", reserved_service::certificate_events, false},
    {"$aws/events/commandExecution/+/+", reserved_service::command_events, false},
}};

/// Whether a level of a row and a level of a topic or filter could be one: `namespace-+` is any level with that start
/// and more.
constexpr bool meets_row(std::string_view row, std::string_view level) noexcept {
  if (row == "+" || level == "+") return true;
  if (row.back() != '+') return row == level;
  const std::string_view start = before(row, row.size() - 1);
  return level.size() > start.size() && before(level, start.size()) == start;
}

/// Whether `filter`, which has wildcards, could match one of the API topics.
constexpr bool overlaps_fleet_topics(std::string_view filter) noexcept {
  constexpr char any_name[template_name::max_size] = {'+'};
  for (const api call : {api::create_keys_and_certificate, api::create_certificate_from_csr, api::register_thing})
    for (const payload_format format : {payload_format::json, payload_format::cbor})
      for (const message_kind kind : {message_kind::request, message_kind::accepted, message_kind::rejected})
        if (overlap(compose_fleet_topic(call, any_name, 1, format, kind).view(), filter)) return true;
  return false;
}

}  // namespace detail

/// What a topic (or a filter, wildcards and `$share/NAME/` included) is to AWS IoT. A filter with
/// wildcards may be subscribed to if it could match any defined topic; its service is that of the
/// first row it meets.
// assumption: AWS does not say whether subscribing to `$aws/#` or to a request topic is refused.
constexpr reserved_topic classify_reserved(std::string_view topic_or_filter) noexcept {
  const std::string_view text = parse_share(topic_or_filter).filter;
  if (text.empty() || text[0] != '$') return {};
  reserved_topic out{reserved_service::undefined, false, false};
  const bool is_topic = text.find_first_of("+#") == std::string_view::npos;
  if (is_topic) {
    if (const result<fleet_topic> known = classify(text))
      return {reserved_service::fleet_provisioning, known->kind == message_kind::request, true};
  } else if (detail::overlaps_fleet_topics(text)) {
    return {reserved_service::fleet_provisioning, false, true};
  }
  for (const detail::reserved_row& row : detail::reserved_rows)
    if (detail::overlap_by_level(row.pattern, text, detail::meets_row))
      return {row.service, row.may_publish && is_topic, true};
  constexpr std::string_view registry[] = {
      "$aws/events/thing/+/+",          "$aws/events/thingType/+/+",
      "$aws/events/thingGroup/+/+",     "$aws/events/thingTypeAssociation/#",
      "$aws/events/thingGroupMembership/#", "$aws/events/thingGroupHierarchy/#"};
  for (const std::string_view pattern : registry)
    if (overlap(pattern, text)) return {reserved_service::registry_events, false, true};
  return out;
}

/// Life-cycle events that AWS IoT publishes about a client. Developer Guide, "Lifecycle events".
enum class client_event : std::uint8_t { connected, disconnected, connect_failed, subscribed, unsubscribed };

constexpr std::string_view name_of(client_event what) noexcept {
  constexpr std::string_view names[] = {"connected", "disconnected", "connect_failed", "subscribed", "unsubscribed"};
  return names[static_cast<std::size_t>(what)];
}

/// What happened to a thing in the registry. Developer Guide, "Registry events".
enum class thing_event : std::uint8_t { created, updated, deleted };

constexpr std::string_view name_of(thing_event what) noexcept {
  return what == thing_event::created ? "created" : what == thing_event::updated ? "updated" : "deleted";
}

/// Long enough for each event topic: the longest prefix and 128 bytes of client id.
using event_topic_text = inline_text<168>;

/// `$aws/events/presence/connected/<client id>` and its like.
/// Errors: those of `validate_client_id`; `invalid_client_id` also for an id with `+` or `#`, about
/// which AWS IoT publishes nothing.
constexpr result<event_topic_text> make_event_topic(client_event what, std::string_view client_id) noexcept {
  if (const result<void> good = validate_client_id(client_id); !good) return good.error();
  const std::size_t wildcard = client_id.find_first_of("+#");
  if (wildcard != std::string_view::npos) return {errc::invalid_client_id, static_cast<std::uint32_t>(wildcard)};
  event_topic_text out("$aws/events/");
  const bool presence = what != client_event::subscribed && what != client_event::unsubscribed;
  out.append(presence ? "presence/" : "subscriptions/").append(name_of(what)).append("/").append(client_id);
  return out;
}

/// `$aws/events/thing/<thing name>/created` and its like. Errors: `invalid_thing_name`.
constexpr result<event_topic_text> make_event_topic(thing_event what, std::string_view thing_name) noexcept {
  if (const result<void> good = validate_thing_name(thing_name); !good) return good.error();
  event_topic_text out("$aws/events/thing/");
  out.append(thing_name).append("/").append(name_of(what));
  return out;
}

}  // namespace fleetprov::topics
