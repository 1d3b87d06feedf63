#pragma once

#include <fleetprov/policies/pattern.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace fleetprov::policies {

/// Every action a device policy can be about (AWS IoT Core Developer Guide, "AWS IoT Core policy actions").
enum class action : std::uint8_t {
  connect,
  publish,
  retain_publish,
  subscribe,
  receive,
  get_retained_message,
  list_retained_messages,
  delete_connection,
  get_thing_shadow,
  update_thing_shadow,
  delete_thing_shadow,
  list_named_shadows_for_thing,
  describe_job_execution,
  get_pending_job_executions,
  start_next_pending_job_execution,
  update_job_execution,
  assume_role_with_certificate,
};

/// The word before the first `/` of an ARN's last field. `none`: the action takes `*` only.
enum class resource_type : std::uint8_t { none, client, topic, topicfilter, thing, rolealias };

constexpr std::string_view name_of(resource_type type) noexcept {
  switch (type) {
    case resource_type::none: return "";
    case resource_type::client: return "client";
    case resource_type::topic: return "topic";
    case resource_type::topicfilter: return "topicfilter";
    case resource_type::thing: return "thing";
    case resource_type::rolealias: return "rolealias";
  }
  return "";  // GCOVR_EXCL_LINE: every type is above
}

/// Over which protocols a device can ask for an action. Thing variables exist for MQTT only.
enum class reach : std::uint8_t { mqtt, http, both };

struct action_facts {
  action what;
  std::string_view name;       ///< "iot:Connect"
  std::string_view old_name;   ///< older spelling of the documentation, or empty
  resource_type takes;
  reach over;
};

inline constexpr std::array<action_facts, 17> action_table{{
    {action::connect, "iot:Connect", "", resource_type::client, reach::mqtt},
    {action::publish, "iot:Publish", "", resource_type::topic, reach::both},
    {action::retain_publish, "iot:RetainPublish", "", resource_type::topic, reach::both},
    {action::subscribe, "iot:Subscribe", "", resource_type::topicfilter, reach::mqtt},
    {action::receive, "iot:Receive", "", resource_type::topic, reach::mqtt},
    {action::get_retained_message, "iot:GetRetainedMessage", "", resource_type::topic, reach::http},
    {action::list_retained_messages, "iot:ListRetainedMessages", "", resource_type::none, reach::http},
    {action::delete_connection, "iot:DeleteConnection", "", resource_type::client, reach::http},
    {action::get_thing_shadow, "iot:GetThingShadow", "", resource_type::thing, reach::http},
    {action::update_thing_shadow, "iot:UpdateThingShadow", "", resource_type::thing, reach::http},
    {action::delete_thing_shadow, "iot:DeleteThingShadow", "", resource_type::thing, reach::http},
    // assumption: the Shadow REST page shows thing/<thing>, the action table `*`: both can match.
    {action::list_named_shadows_for_thing, "iot:ListNamedShadowsForThing", "", resource_type::thing, reach::http},
    {action::describe_job_execution, "iotjobsdata:DescribeJobExecution", "iot:DescribeJobExecution",
     resource_type::thing, reach::http},
    {action::get_pending_job_executions, "iotjobsdata:GetPendingJobExecutions", "iot:GetPendingJobExecutions",
     resource_type::thing, reach::http},
    {action::start_next_pending_job_execution, "iotjobsdata:StartNextPendingJobExecution",
     "iot:StartNextPendingJobExecution", resource_type::thing, reach::http},
    {action::update_job_execution, "iotjobsdata:UpdateJobExecution", "iot:UpdateJobExecution", resource_type::thing,
     reach::http},
    {action::assume_role_with_certificate, "iot:AssumeRoleWithCertificate", "", resource_type::rolealias, reach::http},
}};

constexpr const action_facts& facts_of(action what) noexcept { return action_table[static_cast<std::size_t>(what)]; }
constexpr std::string_view name_of(action what) noexcept { return facts_of(what).name; }

enum class spelling : std::uint8_t { current, any };

/// The row for an action name (case-insensitive, no wildcards), or null. `any` also knows `iot:` job actions.
constexpr const action_facts* find_action(std::string_view name, spelling allowed = spelling::current) noexcept {
  for (const action_facts& row : action_table) {
    if (detail::equal_folded(row.name, name)) return &row;
    if (allowed == spelling::any && !row.old_name.empty() && detail::equal_folded(row.old_name, name)) return &row;
  }
  return nullptr;
}

namespace detail {
constexpr bool action_table_is_indexed() noexcept {
  for (std::size_t i = 0; i < action_table.size(); ++i)
    if (static_cast<std::size_t>(action_table[i].what) != i) return false;
  return true;
}
static_assert(action_table_is_indexed(), "facts_of indexes by the enumerator");
}  // namespace detail

}  // namespace fleetprov::policies
