#pragma once

#include <fleetprov/policies/detail/condition_keys.hpp>
#include <fleetprov/policies/detail/lint_variables.hpp>
#include <fleetprov/policies/detail/lint_view.hpp>
#include <fleetprov/policies/placeholders.hpp>
#include <fleetprov/topics/arn.hpp>
#include <fleetprov/topics/limits.hpp>
#include <fleetprov/topics/reserved_topics.hpp>
#include <fleetprov/topics/thing_name.hpp>
#include <fleetprov/topics/thing_topics.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
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

/// What `client/...` with ${iot:ClientId} in it lets in: the id is compared with itself, so with text beside it never
/// equal.
enum class own_client_id : std::uint8_t { absent, any, never };

inline own_client_id find_own_client_id(const token_string& name, const variable_table& table) {
  std::size_t ids = 0;
  bool is_longer = false;
  for (const token t : name) {
    if (is_variable(t) && is_client_id(table.name_of(t))) ++ids;
    else if (is_variable(t)) is_longer = is_longer || !starts_folded(table.name_of(t), "iot:Connection.Thing.Attributes[");
    else is_longer = is_longer || t != any_run;
  }
  return ids == 0 ? own_client_id::absent : ids == 1 && !is_longer ? own_client_id::any : own_client_id::never;
}

/// Only wildcards and the client's own claim: any client id.
inline bool is_any_client(const token_string& name, const variable_table& table) {
  const own_client_id own = find_own_client_id(name, table);
  return own == own_client_id::any ||
         (own == own_client_id::absent && std::all_of(name.begin(), name.end(), is_wildcard) &&
          find_token(name, any_run) != name.size());
}

/// Whether a client can choose among several ids.
inline bool is_client_id_open(const token_string& name, const variable_table& table) {
  const own_client_id own = find_own_client_id(name, table);
  return own == own_client_id::any || (own == own_client_id::absent && has_wildcard(name));
}

/// What a Deny leaves a client without a thing to choose from among the client ids of `name`.
inline id_choice choice_beside(const statement_view& deny, const name_view& name, const variable_table& table) {
  if (!deny.denies(action::connect)) return id_choice::any;
  const auto is_absent = [](const std::string& key) { return find_key(key).is_thing; };
  work_budget budget;
  id_choice listed = id_choice::any, left_out = id_choice::none;
  for (const resource_view& r : deny.resources)
    for (const name_view& n : r.names) {
      if (n.type != resource_type::client || any_variable(n.text, table, is_absent)) continue;
      const bool is_any = is_any_client(n.text, table);
      if (is_any || covers(n.text, name.text, budget) == answer::yes) listed = id_choice::none;
      if (overlap(n.wide, name.wide, budget) == answer::no) continue;
      left_out = std::min(left_out, is_any                             ? id_choice::any
                                    : is_client_id_open(n.text, table) ? id_choice::some
                                                                       : id_choice::listed);
    }
  return std::min(deny.conditions_leave, deny.lists_resources() ? listed : left_out);
}

/// The same of an Allow of Connect on `name`, and of every Deny beside it.
inline id_choice find_choice(document_view& view, const statement_view& s, const name_view& name) {
  id_choice out = s.conditions_leave;
  for (const statement_view& d : view.statements()) out = std::max(out, choice_beside(d, name, view.variables()));
  return out;
}
/// The same of an Allow with NotResource.
inline id_choice find_choice(document_view& view, const statement_view& s) {
  return find_choice(view, s, {resource_type::client, view.everything(), view.everything()});
}

/// Whether an entry is a client id with a variable of the thing, in a statement for connections without one.
inline bool lacks_thing(const statement_view& s, const name_view& n, const variable_table& table) {
  return !s.suits_attached &&
         any_variable(n.text, table, [](const std::string& key) { return find_key(key).is_thing; });
}

/// Whether the name up to the first `/` stands for more than one thing.
inline bool is_several_things(const token_string& rest, const variable_table& table) {
  for (std::size_t i = 0; i < rest.size() && rest[i] != '/'; ++i)
    if (is_wildcard(rest[i]) || (is_variable(rest[i]) && is_client_id(table.name_of(rest[i])))) return true;
  return false;
}

/// Whether a topic pattern, or a compiled filter, reaches the reserved topics of more than one thing.
inline bool reaches_several_things(const token_string& name, const variable_table& table) {
  for (const token_string& rest : after_prefix(name, literal_tokens(topics::things_prefix)))
    if (is_several_things(rest, table)) return true;
  return false;
}

/// A pattern of filters, and what it is without `$share/NAME/`.
// assumption: a `*` that ends the level of NAME stands for names of shares only, although it could go on.
inline std::vector<token_string> unshared(const token_string& filter) {
  std::vector<token_string> out{filter};
  for (const token_string& rest : after_prefix(filter, literal_tokens(topics::shared_prefix))) {
    std::size_t at = 0;  // of the first `/`, or of a `*` that can be it and more
    while (at < rest.size() && rest[at] != '/' && rest[at] != any_run) ++at;
    if (at == rest.size()) continue;
    if (rest[at] == any_run && at + 1 < rest.size() && rest[at + 1] == '/') ++at;
    out.emplace_back(rest.begin() + static_cast<std::ptrdiff_t>(rest[at] == '/' ? at + 1 : at), rest.end());
  }
  return out;
}

/// The same for the filters of a Subscribe pattern, whose `+` and `#` select topics.
inline bool selects_several_things(const token_string& filter, const variable_table& table) {
  for (const token_string& plain : unshared(filter)) {
    const token_string selected = compile_filter(plain);
    const bool no_reserved = !plain.empty() && selected[0] != plain[0];  // begins with `+` or `#`
    if (!no_reserved && reaches_several_things(selected, table)) return true;
  }
  return false;
}

/// The actions whose resource is a thing, of Device Defender's list.
inline constexpr action_set audited_thing_actions =
    bit(action::get_thing_shadow) | bit(action::update_thing_shadow) | bit(action::delete_thing_shadow) |
    bit(action::describe_job_execution) | bit(action::get_pending_job_executions) |
    bit(action::start_next_pending_job_execution) | bit(action::update_job_execution);

/// Device Defender's IOT_POLICY_OVERLY_PERMISSIVE_CHECK for one entry: the actions it is too broad for.
// assumption: the audit's treatment of client id prefixes (client/sensor-*) is not documented; they pass.
inline action_set broad_actions(const statement_view& s, const resource_view& r, const variable_table& table) {
  action_set out = 0;
  for (const name_view& n : r.names) {
    switch (n.type) {
      case resource_type::client:
        if (s.suits_unattached && is_any_client(n.text, table)) out |= s.actions & bit(action::connect);
        break;
      case resource_type::topic:
        if ((s.actions & bit(action::publish)) != 0 && reaches_several_things(n.text, table))
          out |= bit(action::publish);
        break;
      case resource_type::topicfilter:
        if (selects_several_things(n.text, table)) out |= s.actions & bit(action::subscribe);
        break;
      case resource_type::thing:
        // Over HTTPS there is no client id: with its variable the entry matches nothing.
        if (!has_client_id(n.text, table) && is_several_things(n.text, table))
          out |= s.actions & audited_thing_actions;
        break;
      default:
        break;
    }
  }
  return out;
}

/// The same for an Allow with NotResource: what it is too broad for, as long as no entry leaves all of it out.
inline action_set broad_actions(const statement_view& s, const variable_table& table) {
  const auto leaves_out = [&](resource_type type, const token_string& all) {
    work_budget budget;
    return std::any_of(s.resources.begin(), s.resources.end(), [&](const resource_view& r) {
      return std::any_of(r.names.begin(), r.names.end(), [&](const name_view& n) {
        if (n.type != type) return false;
        if (type == resource_type::client && find_own_client_id(n.text, table) == own_client_id::any) return true;
        return covers(n.text, all, budget) == answer::yes;
      });
    });
  };
  const token_string anything{any_one, any_run};  // no name is empty
  token_string of_things = literal_tokens(topics::things_prefix);
  of_things.insert(of_things.end(), anything.begin(), anything.end());
  action_set out = 0;
  if (s.suits_unattached && !leaves_out(resource_type::client, anything)) out |= bit(action::connect);
  if (!leaves_out(resource_type::topic, of_things)) out |= bit(action::publish);
  if (!leaves_out(resource_type::topicfilter, of_things)) out |= bit(action::subscribe);
  if (!leaves_out(resource_type::thing, anything)) out |= audited_thing_actions;
  return out & s.actions;
}

inline void lint_breadth(document_view& view, const statement_view& s, findings& out) {
  if (s.node->what != effect::allow) return;
  if (!s.lists_resources()) {
    if (const action_set broad = broad_actions(s, view.variables()))
      out.add("P055", s.node->resource_key, "allows broad access: [" + list_actions(broad) + "]",
              "NotResource allows everything that it does not list: list what is allowed in Resource");
    return;
  }
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
    action_set asked = 0;
    for (const name_view& n : r.names) asked |= actions_taking(s.named, n.type);
    const std::optional<key_facts> key = lint_variable(p, *r.node, asked, out);
    if (!key) continue;
    const std::string shown = show(p.written);
    if (key->is_condition_only && !key->is_list) out.add("P116", *r.node, shown + " is meant for Condition");
    if (!s.lists_resources()) {
      if (s.node->what == effect::allow && !p.fallback)
        out.add("P066", *r.node, "where " + shown + " is absent this Allow covers everything",
                "list what is allowed in Resource");
    } else if (s.node->what == effect::deny && !p.fallback) {
      out.add("P065", *r.node, "where " + shown + " is absent this Deny does not apply",
              "deny a pattern without variables");
    }
    if (s.node->what == effect::allow && r.type == resource_type::topicfilter &&
        starts_folded(p.text, "iot:Connection.Thing.Attributes["))
      out.add("P117", *r.node, "the attribute may be `#` or hold `/`", "keep such values out of the registry");
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

/// A variable with a fault, or one in a document of 2008, is there as text: other rules are about it.
inline bool has_unread_variable(const token_string& text) {
  constexpr token opens[] = {'$', '{'};
  return std::search(text.begin(), text.end(), std::begin(opens), std::end(opens)) != text.end();
}

inline constexpr std::string_view too_deep = "it has more than 256 bytes or 7 slashes";

/// Why nothing has the name of an entry for a client, thing or role alias; empty where something can.
inline std::string why_unnamed(const name_view& n, const variable_table& table) {
  if (n.text.empty() || has_wildcard(n.text) || any_variable(n.text, table, [](const std::string&) { return true; }))
    return {};
  const std::string text = plain_text(n.text);
  switch (n.type) {
    case resource_type::client:
      return text.size() > topics::limits::max_client_id_bytes ? "a client id has at most 128 bytes" : "";
    case resource_type::thing:  // behind a slash comes the name of a shadow
      return topics::validate_thing_name(text.substr(0, text.find('/')))
                 ? ""
                 : "a thing name is 1 to 128 letters, digits, `:`, `_` and `-`";
    case resource_type::rolealias:
      return topics::validate_role_alias(text)
                 ? ""
                 : "a role alias is 1 to 128 letters, digits, `_`, `=`, `,`, `@` and `-`";
    default: return {};
  }
}

/// Why no client can send the topic or filter of an entry without wildcards; empty where it can, and where P060 says
/// it.
inline std::string why_unsendable(const name_view& n) {
  const bool filter = n.type == resource_type::topicfilter;
  if ((!filter && (n.type != resource_type::topic || has_mqtt_wildcard(n.text))) || n.text.empty() ||
      has_wildcard(n.text) || (n.text[0] == '$' && !(filter && starts_with(n.text, topics::shared_prefix))))
    return {};  // reserved topics have rules and limits of their own
  const std::string text = plain_text(n.text);
  const result<void> valid = filter ? topics::validate_topic_filter(text) : topics::validate_topic_name(text);
  if (valid) return {};
  if (valid.error().code == errc::too_large) return std::string(too_deep);
  return filter ? "`#` has to be the last level and `+` a whole one" : "a topic has no `+` and no `#`";
}

inline void lint_mqtt_wildcards(const statement_view& s, const resource_view& r, findings& out) {
  if (s.node->what == effect::deny) {
    const bool about_topics = r.type == resource_type::topic || r.type == resource_type::topicfilter;
    const bool brings_in = s.lists_resources() && s.denies(action::subscribe) && !s.denies(action::receive);
    if (about_topics && has_mqtt_wildcard(r.text))
      out.add("P058", *r.node,
              s.lists_resources()
                  ? "a Deny compares `+` and `#` as plain characters"
                  : "NotResource compares `+` and `#` as plain characters: the Deny is about all that they cover",
              brings_in ? "use `*`, and deny iot:Receive too" : "use `*`");
  }
  for (const name_view& n : r.names) {
    const std::string why = why_unsendable(n);
    if (s.node->what == effect::deny && (why.empty() || why == too_deep || has_mqtt_wildcard(n.text))) continue;
    if (!why.empty()) {
      out.add("P119", *r.node, "no client can send this: " + why,
              why == too_deep ? "AWS IoT does not count what comes before the topic of basic ingest or of a share"
                              : "in a policy the wildcard is `*`");
      continue;
    }
    if (!has_mqtt_wildcard(n.text)) continue;
    if (n.type == resource_type::topic) out.add("P060", *r.node, "`+` and `#` are plain characters here", "write `*`");
    if (n.type == resource_type::topicfilter)
      out.add("P061", *r.node,
              std::string(s.lists_resources() ? "allows" : "leaves out") +
                  " the filter spelled exactly so, not the topics that it covers",
              "add `*` in its place where those are meant");
  }
}

/// Names of clients, things and role aliases that none of them has.
inline void lint_names(document_view& view, const statement_view& s, const resource_view& r, findings& out) {
  if (s.node->what != effect::allow || find_placeholder(r.node->text)) return;
  for (const name_view& n : r.names)
    if (const std::string why = why_unnamed(n, view.variables()); !why.empty() && !has_unread_variable(n.text))
      out.add("P119", *r.node, "no client can ask for this: " + why);
}

/// Whether a topic begins with `$NAME`, which is to be filled in.
inline bool is_placeholder_root(const std::string& topic) {
  const std::string probe = "arn:aws:iot:::topic/" + topic;
  const auto left = find_marked_placeholder(probe);
  return left && left->data() == probe.data() + probe.size() - topic.size();
}

/// For a topic that begins with `$` and is in no list.
inline std::string reserved_help(std::string_view topic) {
  const std::string_view root = topic.substr(0, topic.find('/'));
  if (root != "$aws" && equal_folded(root, "$aws")) return "topics are case-sensitive: write `$aws`";
  return "AWS IoT refuses clients that use a reserved topic it does not support";
}

inline void lint_reserved(const statement_view& s, const resource_view& r, findings& out) {
  if (s.node->what != effect::allow) return;
  for (const name_view& n : r.names) {
    if (n.text.empty() || n.text[0] != '$' || has_unread_variable(n.text)) continue;
    const std::size_t wild =
        static_cast<std::size_t>(std::find_if(n.text.begin(), n.text.end(), is_wildcard) - n.text.begin());
    // A pattern is judged if it has no wildcard or ends in `/*`, which reads like the filter `/#`.
    const bool subtree = wild + 1 == n.text.size() && n.text[wild] == any_run && n.text[wild - 1] == '/';
    if (wild != n.text.size() && !subtree) continue;
    std::string text = plain_text(n.text);
    if (is_placeholder_root(text)) continue;
    if (subtree) text.back() = '#';
    const topics::reserved_topic known = topics::classify_reserved(text);
    const bool is_listed = known.service != topics::reserved_service::undefined;
    const bool publishes = n.type == resource_type::topic && (s.actions & bit(action::publish)) != 0 &&
                           (s.actions & bit(action::receive)) == 0;
    if (publishes && is_listed && (subtree ? topics::is_event(known.service) : !known.may_publish))
      out.add("P089", *r.node, "no client may publish here, whatever the policy says");
    if (!is_listed && (publishes || n.type == resource_type::topicfilter))
      out.add("P089", *r.node, "not in the list of reserved topics that AWS documents", reserved_help(text));
    if (is_listed && n.type == resource_type::topic && (s.named & bit(action::retain_publish)) != 0)
      out.add("P089", *r.node, "no message on a reserved topic can be retained",
              "leave iot:RetainPublish out here");
  }
}

/// Where a shared name level would be: `topic/*/response/*`.
inline void lint_cross_device(document_view& view, const statement_view& s, const resource_view& r, findings& out) {
  if (!s.allows(action::publish)) return;
  for (const name_view& n : r.names) {
    // Nobody chooses among topics that begin with `$`.
    if (n.type != resource_type::topic || starts_with(n.text, "$")) continue;
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
      if (!s.lists_resources()) continue;  // P055 and P066 are about those
      const own_client_id own = find_own_client_id(n.text, table);
      const id_choice choice = find_choice(view, s, n);
      if (own == own_client_id::never)
        out.add("P063", *r.node, "compares the client id with itself and more text: no client id ever matches",
                "use client/${iot:Connection.Thing.ThingName} with IsAttached true");
      else if (own == own_client_id::any && choice < id_choice::listed)
        out.add("P063", *r.node, "compares the client id with itself: any client id may connect",
                "use client/${iot:Connection.Thing.ThingName} with IsAttached true");
      if (s.suits_unattached && lacks_thing(s, n, table))
        out.add("P120", *r.node,
                "asks for a client without a thing, and the variable has a value only with one: nobody can connect",
                "ask for iot:Connection.Thing.IsAttached true");
      else if (choice != id_choice::none && any_variable(n.text, table, [](const std::string& key) {
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

/// The end of a key of AWS IoT that begins at `at`.
inline std::size_t key_end(std::string_view text, std::size_t at) noexcept {
  constexpr std::size_t longest = 192;  // the name of an attribute has up to 128
  const std::size_t most = std::min(text.size(), at + longest);
  const auto is_inside = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ':' || c == '.' ||
           c == '[' || c == ']';
  };
  while (at < most && is_inside(text[at])) ++at;
  return at;
}

/// `$(iot:ClientId)`, `{iot:ClientId}` or `$iot:ClientId`, and the key in it; nothing where there is none.
struct misspelt_variable {
  std::string_view written, key;
};
inline std::optional<misspelt_variable> find_misspelt_variable(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '$' && (text[i] != '{' || text.substr(i > 0 ? i - 1 : 0, 1) == "$")) continue;
    const bool in_parentheses = text.substr(i, 2) == "$(";
    const std::size_t begin = i + (in_parentheses ? 2 : 1), end = key_end(text, begin);
    const std::string_view key = text.substr(begin, end - begin);
    const std::string_view close = in_parentheses ? ")" : text[i] == '{' ? "}" : "";
    if (find_key(key).type == key_type::unknown || text.substr(end, close.size()) != close) continue;
    return misspelt_variable{text.substr(i, end + close.size() - i), key};
  }
  return std::nullopt;
}

inline void lint_resource_text(const statement_view& s, const resource_view& r, findings& out) {
  const std::string& text = r.node->text;
  for (const std::string_view misprint : {"$(*)", "$(?)", "$($)"})
    if (text.find(misprint) != std::string::npos)
      out.add("P069", *r.node, show(misprint) + " is literal text", "escapes have braces: `${*}`");
  if (text.find("$${") != std::string::npos)
    out.add("P121", *r.node, "`$${` is a `$` and a variable", "only Terraform's templates write `$${` for `${`");
  if (const auto left = find_placeholder(text))
    out.add("P070", *r.node, show(*left) + " is still to be filled in", "fill it with `fleetprov render`");
  else if (const auto wrong = find_misspelt_variable(text))
    out.add("P069", *r.node, show(wrong->written) + " is literal text",
            "write " + show("${" + std::string(wrong->key) + "}"));
  if ((s.actions & bit(action::list_retained_messages)) != 0 && (s.named & bit(action::list_retained_messages)) != 0 &&
      !r.is_star && s.lists_resources())
    out.add("P068", *r.node, "iot:ListRetainedMessages takes `*` only",
            "give it a statement of its own with Resource `*`");
  if (const auto arn = topics::parse_arn(text); arn && arn->service.find_first_of("*?") != std::string_view::npos)
    out.add("P054", *r.node, "wildcard in the service of an ARN", "write `iot`");
}

/// Accounts, regions and partitions that are written out, in resources and in ARNs of wills, compared with the first of
/// each.
inline void lint_mixture(document_view& view, findings& out) {
  std::string account, region, partition;
  const auto compare_parts = [&](const text_node& at) {
    const auto arn = topics::parse_arn(at.text);
    if (!arn) return;
    if (is_account(arn->account)) {
      if (account.empty()) account = std::string(arn->account);
      else if (account != arn->account)
        out.add("P071", at, "account " + show(arn->account) + " beside " + show(account));
    }
    if (is_region(arn->region)) {
      if (region.empty()) region = std::string(arn->region);
      else if (region != arn->region) out.add("P072", at, "region " + show(arn->region) + " beside " + show(region));
    }
    const std::string_view own = is_region(arn->region) ? topics::partition_of(arn->region) : arn->partition;
    if (arn->partition.find_first_of("*?") != std::string_view::npos) return;
    if (arn->partition != own) {
      out.add("P073", at, "region " + show(arn->region) + " is in partition " + show(own),
              "write arn:" + std::string(own) + ":...");
      return;
    }
    if (partition.empty()) partition = std::string(arn->partition);
    else if (partition != arn->partition)
      out.add("P073", at, "partition " + show(arn->partition) + " beside " + show(partition));
  };
  for (const statement_view& s : view.statements()) {
    for (const resource_view& r : s.resources) compare_parts(*r.node);
    for (const condition& c : s.node->conditions)
      if (equal_folded(c.key.text, "iot:LastWillTopic"))
        for (const condition_value& v : c.values) compare_parts(v);
  }
}

/// Whether Connect is allowed for client ids of the client's choice; false without any Connect.
inline bool is_client_id_free(document_view& view) {
  for (const statement_view& s : view.statements()) {
    if (!s.allows(action::connect)) continue;
    if (!s.lists_resources() && find_choice(view, s) < id_choice::listed) return true;
    if (!s.lists_resources()) continue;
    for (const resource_view& r : s.resources)
      for (const name_view& n : r.names)
        if (n.type == resource_type::client && is_client_id_open(n.text, view.variables()) &&
            find_choice(view, s, n) < id_choice::listed)
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
      lint_names(view, s, r, out);
      lint_reserved(s, r, out);
      lint_cross_device(view, s, r, out);
      lint_client_ids(view, s, r, is_free, out);
      lint_shadow_filters(s, r, out);
    }
  }
}

}  // namespace fleetprov::policies::detail
