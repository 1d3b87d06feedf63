#pragma once

#include <fleetprov/policies/detail/condition_keys.hpp>
#include <fleetprov/policies/detail/lint_view.hpp>
#include <fleetprov/policies/placeholders.hpp>
#include <fleetprov/topics/arn.hpp>
#include <fleetprov/topics/reserved_topics.hpp>
#include <fleetprov/topics/thing_topics.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace fleetprov::policies::detail {

inline std::string spell_level(std::string_view type, const token_string& name, const variable_table& table) {
  return "`" + std::string(type) + "/" + spell(name, table) + "`";
}

/// The variables a pattern has, by key.
template <class Predicate>
bool any_variable(const token_string& text, const variable_table& table, Predicate&& wanted) {
  for (const token t : text)
    if (is_variable(t) && wanted(table.name_of(t))) return true;
  return false;
}

inline bool is_client_id(std::string_view key) noexcept { return equal_folded(key, "iot:ClientId"); }

/// Keys whose value belongs to the one device that asks, once Connect is bound to it.
inline bool is_device_key(std::string_view key) noexcept {
  return is_client_id(key) || equal_folded(key, "iot:Connection.Thing.ThingName") ||
         equal_folded(key, "iot:CertificateId") || starts_folded(key, "iot:Certificate.Subject.") ||
         equal_folded(key, "iot:Certificate.SerialNumber") || starts_folded(key, "iot:Connection.Thing.Attributes[");
}

inline bool has_client_id(const token_string& text, const variable_table& table) {
  return any_variable(text, table, [](const std::string& key) { return is_client_id(key); });
}
inline bool has_device_key(const token_string& text, const variable_table& table) {
  return any_variable(text, table, [](const std::string& key) { return is_device_key(key); });
}

/// Only wildcards and the client's own claim: any client id.
inline bool is_any_client(const token_string& name, const variable_table& table) {
  bool open = false;
  for (const token t : name) {
    if (t == any_run || (is_variable(t) && is_client_id(table.name_of(t)))) open = true;
    else if (t != any_one) return false;
  }
  return open;
}

/// Whether the name up to the first `/` stands for more than one thing; `filters`: MQTT wildcards count.
inline bool is_several_things(const token_string& rest, const variable_table& table, bool filters) {
  for (std::size_t i = 0; i < rest.size() && rest[i] != '/'; ++i) {
    if (is_wildcard(rest[i]) || (is_variable(rest[i]) && is_client_id(table.name_of(rest[i])))) return true;
    if (filters && i == 0 && (rest[i] == '+' || rest[i] == '#') && (rest.size() == 1 || rest[1] == '/')) return true;
  }
  return false;
}

/// Whether a topic pattern reaches the reserved topics of more than one thing.
inline bool reaches_several_things(const token_string& name, const variable_table& table, bool filters) {
  for (const token_string& rest : after_prefix(name, literal_tokens(topics::things_prefix)))
    if (is_several_things(rest, table, filters)) return true;
  return false;
}

/// Device Defender's IOT_POLICY_OVERLY_PERMISSIVE_CHECK for one entry: the actions it is too broad for.
// assumption: the audit's treatment of client id prefixes (client/sensor-*) is not documented; they pass.
inline action_set broad_actions(const statement_view& s, const resource_view& r, const variable_table& table) {
  constexpr action_set things = bit(action::get_thing_shadow) | bit(action::update_thing_shadow) |
                                bit(action::delete_thing_shadow) | bit(action::describe_job_execution) |
                                bit(action::get_pending_job_executions) |
                                bit(action::start_next_pending_job_execution) | bit(action::update_job_execution);
  action_set out = 0;
  for (const name_view& n : r.names) {
    switch (n.type) {
      case resource_type::client:
        if (!s.is_attached && is_any_client(n.text, table)) out |= s.actions & bit(action::connect);
        break;
      case resource_type::topic:
        if ((s.actions & bit(action::publish)) != 0 && reaches_several_things(n.text, table, false))
          out |= bit(action::publish);
        break;
      case resource_type::topicfilter:
        if (reaches_several_things(n.text, table, true)) out |= s.actions & bit(action::subscribe);
        break;
      case resource_type::thing:
        if (is_several_things(n.text, table, false)) out |= s.actions & things;
        break;
      default:
        break;
    }
  }
  return out;
}

inline void lint_breadth(document_view& view, const statement_view& s, findings& out) {
  if (s.node->what != effect::allow || !s.lists_resources()) return;
  constexpr action_set without_resource =
      bit(action::list_retained_messages) | bit(action::list_named_shadows_for_thing);
  for (const resource_view& r : s.resources) {
    if (r.is_star && (s.actions & ~without_resource) != 0)
      out.add("P057", *r.node, "every resource is allowed",
              (s.actions & bit(action::connect)) != 0 ? "bind client ids, at least by a prefix, and topics"
                                                      : "name the resources");
    if (const action_set broad = broad_actions(s, r, view.variables()))
      out.add("P055", *r.node, "allows broad access: [" + list_actions(broad) + "]",
              "use ${iot:Connection.Thing.ThingName} where the client id or thing name stands; a Deny elsewhere may "
              "narrow this, the audit's treatment of that is not documented");
  }
}

inline void lint_type_mismatch(const statement_view& s, findings& out) {
  if (!s.lists_resources() || s.actions == 0) return;
  action_set met = 0;
  bool all_typed = true;
  for (const resource_view& r : s.resources) {
    all_typed = all_typed && (r.has_type || r.is_star);
    for (const name_view& n : r.names) met |= actions_taking(s.actions, n.type);
    if (!r.has_type || !r.names.empty()) continue;
    std::string wanted;
    for (const resource_type type : named_types)
      if (takes_type(s.actions, type)) wanted.append(wanted.empty() ? "" : " or ").append(name_of(type)).append("/...");
    if (wanted.empty()) continue;  // ListRetainedMessages has a rule of its own
    out.add("P014", *r.node, list_actions(s.actions) + " is never about " + std::string(name_of(r.type)) + "/...",
            "it takes " + wanted);
  }
  if (!all_typed) return;
  for (const action_node& a : s.node->actions) {
    const action_facts* row = s.node->action_mode == list_mode::any_of ? find_action(a.folded, spelling::any) : nullptr;
    if (row == nullptr || row->takes == resource_type::none || (met & bit(row->what)) != 0) continue;
    if (met == 0) continue;  // said at each resource
    out.add("P014", a, show(a.text) + " takes " + std::string(name_of(row->takes)) + "/... and no resource here is one",
            "add a resource of that type, or give the action a statement of its own");
  }
}

inline void lint_variables(const statement_view& s, const resource_view& r, findings& out) {
  for (const pattern_piece& p : r.node->pattern.pieces) {
    if (p.what != pattern_piece::kind::variable || p.problem != variable_problem::none) continue;
    const key_facts key = find_key(p.text);
    const std::string shown = show(p.written);
    if (key.type == key_type::unknown) {
      if (starts_folded(p.text, "AWS:") && p.text.find("::") != std::string::npos) continue;  // a placeholder
      const std::string_view suggested = suggest_key(p.text);
      const bool elsewhere = starts_folded(p.text, "cognito-identity.amazonaws.com:") ||
                             starts_folded(p.text, "credentials-iot:") || equal_folded(p.text, "aws:username");
      out.add("P064", *r.node, "requests of a certificate never have " + shown,
              !suggested.empty() ? "did you mean `${" + std::string(suggested) + "}`?"
              : elsewhere        ? "it works in policies of Cognito identities or IAM roles"
                                 : "");
      continue;
    }
    if (p.fallback) out.add("P114", *r.node, "the AWS IoT pages do not mention default values: " + shown);
    if (key.is_list)
      out.add("P115", *r.node, shown + " has several values and cannot be a variable",
              "use the form without .List, or .0, .1, ...");
    else if (key.is_condition_only) out.add("P116", *r.node, shown + " is meant for Condition");
    if (!s.lists_resources()) {
      if (s.node->what == effect::allow && !p.fallback)
        out.add("P066", *r.node, "where " + shown + " is absent this Allow covers everything",
                "list what is allowed in Resource");
    } else if (s.node->what == effect::deny && !p.fallback) {
      out.add("P065", *r.node, "where " + shown + " is absent this Deny does not apply",
              "deny a pattern without variables");
    }
    if (key.is_thing) {
      action_set over_http = 0;
      for (const name_view& n : r.names) over_http |= actions_taking(s.named, n.type);
      for (const action_facts& row : action_table)
        if (row.over != reach::http) over_http &= ~bit(row.what);
      if (over_http != 0)
        out.add("P067", *r.node, list_actions(over_http) + " goes over HTTPS, where " + shown + " is absent",
                "over MQTT a device uses the reserved topics of its shadow and jobs instead");
    }
    if (s.node->what == effect::allow && r.type == resource_type::topicfilter &&
        starts_folded(p.text, "iot:Connection.Thing.Attributes["))
      out.add("P117", *r.node, "the attribute may be `#` or hold `/`", "keep such values out of the registry");
  }
}

inline void lint_mqtt_wildcards(const statement_view& s, const resource_view& r, findings& out) {
  if (s.node->what == effect::deny) {
    const bool about_topics = r.type == resource_type::topic || r.type == resource_type::topicfilter;
    if (about_topics && s.lists_resources() && (has_mqtt_wildcard(r.text) || find_token(r.text, '#') < r.text.size()))
      out.add("P058", *r.node, "a Deny compares `+` and `#` as plain characters", "use `*`, and deny iot:Receive too");
    return;
  }
  for (const name_view& n : r.names) {
    if (!has_mqtt_wildcard(n.text)) continue;
    if (n.type == resource_type::topic) out.add("P060", *r.node, "`+` and `#` are plain characters here", "write `*`");
    if (n.type == resource_type::topicfilter)
      out.add("P061", *r.node, "allows the filter spelled exactly so, not the topics that it covers",
              "add `*` in its place where those are meant");
  }
}

/// Literal text of a name with `x` for each variable, for the tables of reserved topics.
inline std::string plain_text(const token_string& name) {
  std::string out;
  for (const token t : name) {
    if (is_variable(t)) out += 'x';
    else append_utf8(out, is_wildcard(t) ? '*' : t);
  }
  return out;
}

inline void lint_reserved(const statement_view& s, const resource_view& r, findings& out) {
  if (s.node->what != effect::allow) return;
  for (const name_view& n : r.names) {
    if (n.text.empty() || n.text[0] != '$') continue;
    const std::size_t wild =
        static_cast<std::size_t>(std::find_if(n.text.begin(), n.text.end(), is_wildcard) - n.text.begin());
    // A pattern is judged if it has no wildcard or ends in `/*`, which reads like the filter `/#`.
    const bool subtree = wild + 1 == n.text.size() && n.text[wild] == any_run && n.text[wild - 1] == '/';
    if (wild != n.text.size() && !subtree) continue;
    std::string text = plain_text(n.text);
    if (subtree) text.back() = '#';
    const topics::reserved_topic known = topics::classify_reserved(text);
    const bool events = known.service == topics::reserved_service::lifecycle_events ||
                        known.service == topics::reserved_service::registry_events ||
                        known.service == topics::reserved_service::job_events ||
                        known.service == topics::reserved_service::certificate_events ||
                        known.service == topics::reserved_service::undefined;
    const bool publishes = n.type == resource_type::topic && (s.actions & bit(action::publish)) != 0 &&
                           (s.actions & bit(action::receive)) == 0;
    if (publishes && (subtree ? events : !known.may_publish))
      out.add("P089", *r.node, "no client may publish here, whatever the policy says",
              known.service == topics::reserved_service::undefined ? "no AWS IoT API defines this topic" : "");
    if (n.type == resource_type::topicfilter && !known.may_subscribe)
      out.add("P089", *r.node, "no client may subscribe here, whatever the policy says",
              "no AWS IoT API defines this topic");
  }
}

/// Where a shared name level would be: `topic/*/response/*`.
inline void lint_cross_device(document_view& view, const statement_view& s, const resource_view& r, findings& out) {
  if (!s.allows(action::publish)) return;
  for (const name_view& n : r.names) {
    if (n.type != resource_type::topic || starts_with(n.text, topics::reserved_prefix)) continue;
    const std::size_t wild =
        static_cast<std::size_t>(std::find_if(n.text.begin(), n.text.end(), is_wildcard) - n.text.begin());
    if (wild == n.text.size()) continue;
    const bool goes_on = std::any_of(n.text.begin() + static_cast<std::ptrdiff_t>(wild), n.text.end(),
                                     [](token t) { return !is_wildcard(t) && t != '/'; });
    if (goes_on && !has_device_key(n.text, view.variables()))
      out.add("P075", *r.node,
              "one device can publish on " + spell_level("topic", n.text, view.variables()) +
                  " in the place of every other",
              "put ${iot:Connection.Thing.ThingName} where the device's name stands");
  }
}

inline void lint_client_ids(document_view& view, const statement_view& s, const resource_view& r, bool is_free,
                            findings& out) {
  if (s.node->what != effect::allow) return;
  const variable_table& table = view.variables();
  for (const name_view& n : r.names) {
    if (n.type == resource_type::client && (s.actions & bit(action::connect)) != 0) {
      if (has_client_id(n.text, table) && !s.is_attached)
        out.add("P063", *r.node, "compares the client id with itself: any client id may connect",
                "use client/${iot:Connection.Thing.ThingName} with IsAttached true");
      if (!s.is_attached && any_variable(n.text, table, [](const std::string& key) {
            return equal_folded(key, "iot:Connection.Thing.ThingName");
          }))
        out.add("P087", *r.node, "Connect as the thing without asking whether it is attached",
                "add \"Condition\": {\"Bool\": {\"iot:Connection.Thing.IsAttached\": \"true\"}}");
    }
    if ((n.type == resource_type::topic || n.type == resource_type::topicfilter) && is_free &&
        has_client_id(n.text, table))
      out.add("P062", *r.node, "a client chooses its id here, so ${iot:ClientId} is any text it likes",
              "bind Connect to the thing, or use ${iot:Connection.Thing.ThingName}");
  }
}

inline void lint_shadow_filters(const statement_view& s, const resource_view& r, findings& out) {
  if (!s.allows(action::subscribe)) return;
  for (const name_view& n : r.names) {
    if (n.type != resource_type::topicfilter || !starts_with(n.text, topics::things_prefix)) continue;
    const std::size_t slash = find_token(n.text, '/', topics::things_prefix.size());
    if (slash == n.text.size()) continue;
    const token_string rest(n.text.begin() + static_cast<std::ptrdiff_t>(slash + 1), n.text.end());
    if (starts_with(rest, "shadow/") && (has_wildcard(rest) || has_mqtt_wildcard(rest)))
      out.add("P086", *r.node, "a wildcard subscription to shadow topics", "list the topics that the device reads");
  }
}

inline void lint_resource_text(const statement_view& s, const resource_view& r, findings& out) {
  const std::string& text = r.node->text;
  for (const std::string_view misprint : {"$(*)", "$(?)", "$($)"})
    if (text.find(misprint) != std::string::npos)
      out.add("P069", *r.node, show(misprint) + " is literal text", "escapes have braces: `${*}`");
  if (const auto left = find_placeholder(text))
    out.add("P070", *r.node, show(*left) + " is still to be filled in", "fill it with `fleetprov render`");
  if ((s.actions & bit(action::list_retained_messages)) != 0 && (s.named & bit(action::list_retained_messages)) != 0 &&
      !r.is_star && s.lists_resources())
    out.add("P068", *r.node, "iot:ListRetainedMessages takes `*` only",
            "give it a statement of its own with Resource `*`");
  if (const auto arn = topics::parse_arn(text); arn && arn->service.find_first_of("*?") != std::string_view::npos)
    out.add("P054", *r.node, "wildcard in the service of an ARN", "write `iot`");
}

/// Accounts, regions and partitions that are written out, compared with the first of each.
inline void lint_mixture(document_view& view, findings& out) {
  std::string account, region, partition;
  for (const statement_view& s : view.statements())
    for (const resource_view& r : s.resources) {
      const auto arn = topics::parse_arn(r.node->text);
      if (!arn) continue;
      if (is_account(arn->account)) {
        if (account.empty()) account = std::string(arn->account);
        else if (account != arn->account)
          out.add("P071", *r.node, "account " + show(arn->account) + " beside " + show(account));
      }
      if (is_region(arn->region)) {
        if (region.empty()) region = std::string(arn->region);
        else if (region != arn->region)
          out.add("P072", *r.node, "region " + show(arn->region) + " beside " + show(region));
      }
      const std::string_view own = is_region(arn->region) ? topics::partition_of(arn->region) : arn->partition;
      if (arn->partition.find_first_of("*?") != std::string_view::npos) continue;
      if (arn->partition != own) {
        out.add("P073", *r.node, "region " + show(arn->region) + " is in partition " + show(own),
                "write arn:" + std::string(own) + ":...");
        continue;
      }
      if (partition.empty()) partition = std::string(arn->partition);
      else if (partition != arn->partition)
        out.add("P073", *r.node, "partition " + show(arn->partition) + " beside " + show(partition));
    }
}

/// Whether Connect is allowed for client ids of the client's choice; false without any Connect.
inline bool is_client_id_free(document_view& view) {
  for (const statement_view& s : view.statements()) {
    if (!s.allows(action::connect) || s.is_attached) continue;
    if (!s.lists_resources()) return true;
    for (const resource_view& r : s.resources)
      for (const name_view& n : r.names)
        if (n.type == resource_type::client && (has_wildcard(n.text) || has_client_id(n.text, view.variables())))
          return true;
  }
  return false;
}

inline void lint_resources(document_view& view, findings& out) {
  const bool is_free = is_client_id_free(view);
  lint_mixture(view, out);
  for (const statement_view& s : view.statements()) {
    lint_breadth(view, s, out);
    lint_type_mismatch(s, out);
    for (const resource_view& r : s.resources) {
      lint_resource_text(s, r, out);
      lint_variables(s, r, out);
      lint_mqtt_wildcards(s, r, out);
      lint_reserved(s, r, out);
      lint_cross_device(view, s, r, out);
      lint_client_ids(view, s, r, is_free, out);
      lint_shadow_filters(s, r, out);
    }
  }
}

}  // namespace fleetprov::policies::detail
