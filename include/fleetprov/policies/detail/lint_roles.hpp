#pragma once

#include <fleetprov/policies/detail/lint_resources.hpp>
#include <fleetprov/policies/detail/lint_sets.hpp>
#include <fleetprov/policies/detail/lint_view.hpp>
#include <fleetprov/policies/roles.hpp>
#include <fleetprov/topics/fleet_topics.hpp>
#include <fleetprov/topics/thing_topics.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fleetprov::policies::detail {

/// Whether some client can connect: a claim certificate has no thing.
inline bool lets_connect(document_view& view, role who) {
  work_budget budget;
  const variable_table& table = view.variables();
  const auto has_no_value = [&](const std::string& key) {
    const key_facts facts = find_key(key);
    return facts.type == key_type::unknown || (who == role::claim && facts.is_thing);
  };
  const auto serves = [&](const statement_view& s, const name_view& n) {
    return n.type == resource_type::client && find_own_client_id(n.text, table) != own_client_id::never &&
           !any_variable(n.text, table, has_no_value) && !lacks_thing(s, n, table) &&
           !is_denied(view, action::connect, &statement_view::current, n, budget);
  };
  const auto lets_in = [&](id_choice left) { return who != role::claim || left != id_choice::none; };
  return std::any_of(view.statements().begin(), view.statements().end(), [&](const statement_view& s) {
    if (!s.allows(action::connect) || (!s.suits_attached && !s.suits_unattached)) return false;
    if (!s.lists_resources()) return lets_in(find_choice(view, s));
    return std::any_of(s.resources.begin(), s.resources.end(), [&](const resource_view& r) {
      return std::any_of(r.names.begin(), r.names.end(),
                         [&](const name_view& n) { return serves(s, n) && lets_in(find_choice(view, s, n)); });
    });
  });
}

// --- claim ---------------------------------------------------------------------------------------

/// A name that stands for whichever template the policy names, where the caller gave none.
struct claim_template {
  token_string name;  ///< literal
  bool is_known = false;
};

/// The level after `provisioning-templates/` of the first such grant without wildcard; else a sample name.
inline claim_template find_claim_template(document_view& view, std::string_view given) {
  if (!given.empty()) return {literal_tokens(given), true};
  for (const statement_view& s : view.statements()) {
    if (!s.allows(action::publish) || !s.lists_resources()) continue;
    for (const resource_view& r : s.resources)
      for (const name_view& n : r.names) {
        if (n.type != resource_type::topic || !starts_with(n.text, topics::provisioning_templates_prefix)) continue;
        const std::size_t begin = topics::provisioning_templates_prefix.size();
        const std::size_t end = find_token(n.text, '/', begin);
        const token_string level(n.text.begin() + static_cast<std::ptrdiff_t>(begin),
                                 n.text.begin() + static_cast<std::ptrdiff_t>(end));
        if (!level.empty() && !has_wildcard(level)) return {level, true};
      }
  }
  return {literal_tokens("template"), false};
}

/// The topic of one message of an API, with the template's name put in.
inline token_string api_topic(topics::api call, topics::payload_format format, topics::message_kind kind,
                              const claim_template& which) {
  topics::fleet_topic topic{call, format, kind, std::nullopt};
  if (call != topics::api::register_thing) return literal_tokens(topics::build(topic).view());
  topic.name = *topics::template_name::parse("T");
  const std::string text(topics::build(topic).view());
  const std::size_t at = topics::provisioning_templates_prefix.size();
  token_string out = literal_tokens(std::string_view(text).substr(0, at));
  out.insert(out.end(), which.name.begin(), which.name.end());
  const token_string rest = literal_tokens(std::string_view(text).substr(at + 1));
  out.insert(out.end(), rest.begin(), rest.end());
  return out;
}

/// Whether some Allow covers the name and no Deny does, for a client without a thing.
inline bool is_granted(const document_view& view, action what, const token_string& name) {
  bool allowed = false;
  for (const statement_view& s : view.statements()) {
    if ((s.actions & bit(what)) == 0) continue;
    bool listed = false;
    for (const resource_view& r : s.resources)
      for (const name_view& n : r.names)
        listed = listed || (n.type == facts_of(what).takes && policies::contains(n.text, name));
    if (listed != s.lists_resources()) continue;
    const bool leaves_none = s.conditions_leave == id_choice::none;  // no such client gets the Allow, or avoids the Deny
    if (s.node->what == effect::deny && leaves_none) return false;
    if (s.node->what == effect::allow && !leaves_none) allowed = true;
  }
  return allowed;
}

/// What one API lacks in one format: the first missing grant as `action on type/name`, or empty.
inline std::string missing_grant(document_view& view, topics::api call, topics::payload_format format,
                                 const claim_template& which) {
  const auto lacks = [&](action what, topics::message_kind kind) -> std::string {
    const token_string name = api_topic(call, format, kind, which);
    if (is_granted(view, what, name)) return {};
    return std::string(policies::name_of(what)) + " on " +
           spell_level(name_of(facts_of(what).takes), name, view.variables());
  };
  std::string first = lacks(action::publish, topics::message_kind::request);
  for (const topics::message_kind kind : {topics::message_kind::accepted, topics::message_kind::rejected})
    for (const action what : {action::subscribe, action::receive})
      if (first.empty()) first = lacks(what, kind);
  return first;
}

/// The least that any format lacks; empty where one format is complete.
inline std::string missing_for(document_view& view, topics::api call, const claim_template& which) {
  std::string json = missing_grant(view, call, topics::payload_format::json, which);
  if (json.empty() || missing_grant(view, call, topics::payload_format::cbor, which).empty()) return {};
  return json;
}

inline void say_at_document(const document_view& view, std::string_view id, std::string message, std::string help,
                            findings& out) {
  const policy_document& policy = view.policy();
  out.add(id, policy.pointer, opening(policy.where), std::move(message), std::move(help));
}

inline void lint_claim_grants(document_view& view, const claim_template& which, findings& out) {
  if (!lets_connect(view, role::claim))
    say_at_document(view, "P150", "a claim certificate with this policy cannot connect",
                    "allow iot:Connect on a prefix, for example client/fleetprov-*; a claim certificate has no thing",
                    out);
  const std::string keys = missing_for(view, topics::api::create_keys_and_certificate, which);
  const std::string csr = missing_for(view, topics::api::create_certificate_from_csr, which);
  const std::string registers = missing_for(view, topics::api::register_thing, which);
  if (!keys.empty() && !csr.empty())
    say_at_document(
        view, "P152", "no certificate can be asked for: " + keys + " is missing",
        "each operation takes Publish on its topic, Subscribe and Receive on its accepted and rejected topics", out);
  else if (!csr.empty())
    say_at_document(view, "P153", "CreateCertificateFromCsr is not covered: " + csr + " is missing",
                    "`create/*` does not match `create-from-csr/...`; add it if devices bring their own key", out);
  else if (!keys.empty())
    say_at_document(view, "P153", "CreateKeysAndCertificate is not covered: " + keys + " is missing",
                    "add it if AWS IoT is to make the keys of some devices", out);
  if (!registers.empty())
    say_at_document(view, "P152", "the thing cannot be registered: " + registers + " is missing",
                    which.is_known ? "" : "name the provisioning template in the resource", out);
}

/// Whether a name can only be an API topic of provisioning (of any template).
inline bool is_provisioning_name(const token_string& name) {
  if (starts_with(name, topics::certificates_prefix)) {
    // `create` and `create-from-csr` are all there is, whatever a wildcard stands for.
    const token_string rest(name.begin() + static_cast<std::ptrdiff_t>(topics::certificates_prefix.size()), name.end());
    const token_string start(rest.begin(), std::find_if(rest.begin(), rest.end(), is_wildcard));
    for (const std::string_view operation : {"create/", "create-from-csr/"}) {
      const token_string known = literal_tokens(operation);
      const std::size_t common = std::min(start.size(), known.size());
      const bool is_open = start.size() != rest.size() || common == known.size();
      const auto end = start.begin() + static_cast<std::ptrdiff_t>(common);
      if (is_open && std::equal(start.begin(), end, known.begin())) return true;
    }
    return false;
  }
  if (!starts_with(name, topics::provisioning_templates_prefix)) return false;
  const std::size_t begin = topics::provisioning_templates_prefix.size();
  const std::size_t slash = find_token(name, '/', begin);
  const token_string rest(name.begin() + static_cast<std::ptrdiff_t>(std::min(slash + 1, name.size())), name.end());
  const bool open_level = std::any_of(name.begin() + static_cast<std::ptrdiff_t>(begin),
                                      name.begin() + static_cast<std::ptrdiff_t>(slash), is_wildcard);
  return starts_with(rest, "provision/") || (open_level && slash == name.size());
}

enum class template_reach : std::uint8_t { one, several, every };

/// How many templates a topic pattern leaves open.
inline template_reach templates_in(const token_string& name) {
  if (!starts_with(name, topics::provisioning_templates_prefix)) return template_reach::one;
  const auto begin = name.begin() + static_cast<std::ptrdiff_t>(topics::provisioning_templates_prefix.size());
  const auto slash = std::find(begin, name.end(), token{'/'});
  if (std::none_of(begin, slash, is_wildcard)) return template_reach::one;
  return std::all_of(begin, slash, [](token t) { return t == any_run; }) ? template_reach::every
                                                                         : template_reach::several;
}

inline void lint_claim_resource(document_view& view, const statement_view& s, const resource_view& r,
                                const claim_template& which, bool is_given, findings& out) {
  action_set excess = 0;
  bool any_client = false, other_template = false;
  template_reach reached = template_reach::one;
  for (const name_view& n : r.names) {
    const action_set about = actions_taking(s.actions, n.type);
    if (n.type == resource_type::client) {
      any_client = any_client || ((about & bit(action::connect)) != 0 && is_any_client(n.text, view.variables()) &&
                                  find_choice(view, s, n) == id_choice::any);
      excess |= about & ~bit(action::connect);
      continue;
    }
    const bool topics_only = n.type == resource_type::topic || n.type == resource_type::topicfilter;
    if (!is_provisioning_name(n.text)) excess |= about;
    else excess |= about & ~(bit(action::publish) | bit(action::receive) | bit(action::subscribe));
    const template_reach reaches = topics_only ? templates_in(n.text) : template_reach::one;
    if (reaches != template_reach::one) reached = std::max(reached, reaches);
    else if (is_given && topics_only && is_provisioning_name(n.text) &&
             starts_with(n.text, topics::provisioning_templates_prefix) &&
             !starts_with(n.text, std::string(topics::provisioning_templates_prefix) +
                                      spell(which.name, view.variables()) + "/"))
      other_template = true;
  }
  if (any_client)
    out.add("P151", *r.node, "whoever holds the claim certificate can connect under the client id of any thing",
            "allow a prefix for provisioning only, for example client/fleetprov-*, that no thing name has");
  if (reached != template_reach::one)
    out.add("P154", *r.node,
            reached == template_reach::every ? "allows every provisioning template" : "allows several provisioning templates",
            "name the template");
  if (other_template)
    out.add("P155", *r.node, "allows another template than " + show(spell(which.name, view.variables())), "");
  if (excess != 0)
    out.add("P155", *r.node, "grants more than provisioning: " + list_actions(excess),
            "a claim certificate needs Connect and the topics of its template and of certificate creation");
}

inline void lint_claim(document_view& view, std::string_view given, findings& out) {
  const claim_template which = find_claim_template(view, given);
  lint_claim_grants(view, which, out);
  for (const statement_view& s : view.statements()) {
    if (s.node->what != effect::allow) continue;
    if (!s.lists_resources()) {
      out.add("P155", s.node->resource_key, "NotResource grants more than provisioning", "list the topics in Resource");
      continue;
    }
    for (const resource_view& r : s.resources) lint_claim_resource(view, s, r, which, !given.empty(), out);
    for (const action_node& a : s.node->actions)
      if (s.node->action_mode == list_mode::any_of && find_action(a.folded, spelling::any) == nullptr &&
          a.folded.compare(0, 4, "iot:") != 0 && a.folded != "*")
        out.add("P155", a, "grants more than provisioning: " + show(a.text), "");
    constexpr action_set listless = bit(action::list_retained_messages);
    if ((s.actions & s.named & listless) != 0)
      out.add("P155", s.node->action_key, "grants more than provisioning: " + list_actions(listless), "");
  }
}

// --- device --------------------------------------------------------------------------------------

inline bool has_thing_name(const token_string& text, const variable_table& table) {
  return any_variable(text, table,
                      [](const std::string& key) { return equal_folded(key, "iot:Connection.Thing.ThingName"); });
}

/// A reserved topic or thing resource: whether the thing is certainly the device's own.
inline bool is_own_thing(const token_string& rest, const variable_table& table) {
  return !rest.empty() && is_variable(rest[0]) && is_device_key(table.name_of(rest[0])) &&
         (rest.size() == 1 || rest[1] == '/');
}

inline void lint_device_connect(document_view& view, const statement_view& s, const resource_view& r,
                                const name_view& n, findings& out) {
  const bool own = n.text.size() == 1 && has_thing_name(n.text, view.variables());
  const id_choice choice = find_choice(view, s, n);
  if (choice == id_choice::none) return;  // then the client id is the name of an attached thing, whatever the pattern
  if (lacks_thing(s, n, view.variables())) return;  // it lets nobody connect
  if (own) {
    out.add("P162", *r.node, "Connect does not ask for an attached thing",
            "add \"Condition\": {\"Bool\": {\"iot:Connection.Thing.IsAttached\": \"true\"}}");
    return;
  }
  if (choice < id_choice::listed && is_client_id_open(n.text, view.variables()))
    out.add("P161", *r.node, "allows client ids other than the device's own",
            "use client/${iot:Connection.Thing.ThingName} with IsAttached true");
  else
    out.add("P162", *r.node, "Connect does not ask for an attached thing",
            "ask for iot:Connection.Thing.IsAttached true");
}

/// No wildcard in it, or a value of the device's own beside it.
inline bool is_fixed_or_own(const token_string& name, const variable_table& table) {
  return (!has_wildcard(name) && !has_mqtt_wildcard(name)) || has_device_key(name, table);
}

/// Whether Denies without a condition leave of `name` only what is `harmless`, for each action in `asked`.
template <class Predicate>
bool is_narrowed(const document_view& view, action_set asked, const name_view& name, work_budget& budget,
                 Predicate&& harmless) {
  for (const statement_view& d : view.statements()) {
    if (d.node->what != effect::deny || (d.actions & asked) == 0 || !d.node->conditions.empty()) continue;
    const bool lists = d.lists_resources();
    bool settles = !lists;
    for (const resource_view& r : d.resources)
      for (const name_view& n : r.names) {
        if (n.type != name.type) continue;
        if (!budget.take(1)) return false;
        if (lists) settles = settles || covers(n.text, name.text, budget) == answer::yes;
        else settles = settles && (harmless(n.text) || overlap(n.wide, name.wide, budget) == answer::no);
      }
    if (settles) asked &= ~d.actions;
  }
  return asked == 0;
}

inline bool is_provisioning_reach(const token_string& name) {
  return starts_with(name, topics::certificates_prefix) || starts_with(name, topics::provisioning_templates_prefix);
}

inline void lint_device_topic(document_view& view, const statement_view& s, const resource_view& r, const name_view& n,
                              work_budget& budget, findings& out) {
  const variable_table& table = view.variables();
  const action_set about = actions_taking(s.actions, n.type);
  const auto is_of_one = [&](const token_string& name) {
    if (starts_with(name, topics::things_prefix))
      return is_own_thing({name.begin() + static_cast<std::ptrdiff_t>(topics::things_prefix.size()), name.end()},
                          table);
    return n.type == resource_type::topic ? !reaches_several_things(name, table) : !selects_several_things(name, table);
  };
  const auto is_limited = [&](const token_string& name) { return is_fixed_or_own(name, table); };
  if (is_provisioning_reach(n.text)) {
    out.add("P165", *r.node, "a device may ask for further certificates",
            "keep it only where devices rotate their certificate");
    return;
  }
  if (starts_with(n.text, topics::things_prefix)) {
    if (!is_of_one(n.text) && !is_narrowed(view, about, n, budget, is_of_one))
      out.add("P164", *r.node, "reaches " + spell_level(name_of(n.type), n.text, table) + " of other things",
              "put ${iot:Connection.Thing.ThingName} where the thing name stands");
    return;
  }
  if (about & bit(action::publish)) {
    token_string all = literal_tokens(topics::things_prefix);
    all.insert(all.end(), {any_one, any_run});  // no name is empty
    const name_view of_things{n.type, all, all};
    if (!is_of_one(n.text) && !is_narrowed(view, about, n, budget, is_of_one) &&
        !is_narrowed(view, about, of_things, budget, is_of_one))
      out.add("P164", *r.node, "reaches the reserved topics of other things",
              "put ${iot:Connection.Thing.ThingName} where the thing name stands");
    if (has_wildcard(n.text) && !has_device_key(n.text, table) &&
        !is_narrowed(view, bit(action::publish), n, budget, is_limited))
      out.add("P163", *r.node,
              "every device may publish on " + spell_level("topic", n.text, table) + ": one can speak for another",
              "put ${iot:Connection.Thing.ThingName} into the topic");
    return;
  }
  if (n.type != resource_type::topicfilter) return;
  if (!is_of_one(n.text) && !is_narrowed(view, about, n, budget, is_of_one)) {
    out.add("P164", *r.node, "reaches the reserved topics of other things",
            "put ${iot:Connection.Thing.ThingName} where the thing name stands");
    return;
  }
  if (!is_limited(n.text) && !is_narrowed(view, about, n, budget, is_limited))
    out.add("P166", *r.node, "listens to topics of every device: " + spell_level("topicfilter", n.text, table),
            "put ${iot:Connection.Thing.ThingName} into the filter, unless the messages are for all");
}

inline void lint_device(document_view& view, findings& out) {
  if (!lets_connect(view, role::device))
    say_at_document(view, "P160", "a device with this policy cannot connect",
                    "allow iot:Connect on client/${iot:Connection.Thing.ThingName} with IsAttached true", out);
  work_budget budget;
  for (const statement_view& s : view.statements()) {
    if (s.node->what != effect::allow) continue;
    if (!s.lists_resources()) {
      if ((s.actions & bit(action::connect)) != 0 && find_choice(view, s) < id_choice::listed)
        out.add("P161", s.node->resource_key, "NotResource allows client ids other than the device's own",
                "list the client id in Resource");
      const name_view any_topic{resource_type::topic, view.everything(), view.everything()};
      if ((s.actions & bit(action::publish)) != 0 &&
          !is_narrowed(view, bit(action::publish), any_topic, budget,
                       [&](const token_string& name) { return is_fixed_or_own(name, view.variables()); }))
        out.add("P163", s.node->resource_key, "NotResource lets every device publish on every other topic",
                "list the topics in Resource");
      continue;
    }
    for (const resource_view& r : s.resources)
      for (const name_view& n : r.names) {
        if (n.type == resource_type::client && (s.actions & bit(action::connect)) != 0)
          lint_device_connect(view, s, r, n, out);
        if (n.type == resource_type::topic || n.type == resource_type::topicfilter)
          lint_device_topic(view, s, r, n, budget, out);
        if (n.type == resource_type::thing && !is_own_thing(n.text, view.variables()))
          out.add("P164", *r.node,
                  "reaches " + spell_level("thing", n.text, view.variables()) + ", which may be another device's",
                  "over HTTPS no thing variable exists: use the reserved topics over MQTT");
      }
  }
}

}  // namespace fleetprov::policies::detail

namespace fleetprov::policies {

inline std::vector<diagnostic> lint_role(const policy_document& policy, role who, std::string_view template_name) {
  detail::document_view view(policy);
  detail::findings out;
  if (who == role::claim) detail::lint_claim(view, template_name, out);
  else detail::lint_device(view, out);
  return out.take();
}

}  // namespace fleetprov::policies
