#pragma once

#include <fleetprov/policies/actions.hpp>
#include <fleetprov/policies/document.hpp>
#include <fleetprov/policies/language.hpp>
#include <fleetprov/policies/rules.hpp>
#include <fleetprov/topics/thing_topics.hpp>
#include <fleetprov/topics/topic_filter.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What lint rules look at: the document's statements with their actions as sets and their resources as
// patterns per resource type. Built once per document.

namespace fleetprov::policies::detail {

using action_set = std::uint32_t;
constexpr action_set bit(action a) noexcept { return action_set{1} << static_cast<unsigned>(a); }
inline constexpr action_set every_action = (action_set{1} << action_table.size()) - 1;
/// Those that have an old name.
inline constexpr action_set renamed_actions = [] {
  action_set out = 0;
  for (const action_facts& row : action_table)
    if (!row.old_name.empty()) out |= bit(row.what);
  return out;
}();
inline constexpr action_set mqtt_actions =
    bit(action::publish) | bit(action::retain_publish) | bit(action::subscribe) | bit(action::receive);

/// "iot:Publish, iot:Receive".
inline std::string list_actions(action_set set) {
  std::string out;
  for (const action_facts& row : action_table)
    if ((set & bit(row.what)) != 0) out.append(out.empty() ? "" : ", ").append(row.name);
  return out;
}

inline bool takes_type(action_set set, resource_type type) noexcept {
  return std::any_of(action_table.begin(), action_table.end(),
                     [&](const action_facts& row) { return (set & bit(row.what)) != 0 && row.takes == type; });
}
inline action_set actions_taking(action_set set, resource_type type) noexcept {
  action_set out = 0;
  for (const action_facts& row : action_table)
    if ((set & bit(row.what)) != 0 && row.takes == type) out |= bit(row.what);
  return out;
}

/// What an entry grants for one resource type: the part after `type/`.
struct name_view {
  resource_type type;
  token_string text;  ///< variables opaque
  token_string wide;  ///< variables as any text
};

struct resource_view {
  const resource_node* node = nullptr;
  token_string text;      ///< the whole ARN, variables opaque
  bool is_star = false;   ///< `*` alone
  bool has_type = false;  ///< `type` is one of the five, written out
  resource_type type = resource_type::none;
  std::vector<name_view> names;  ///< for the types that the statement's actions take
};

/// Which client ids a client without an attached thing can choose from: ever fewer.
enum class id_choice : std::uint8_t {
  any,
  some,    ///< those of a pattern
  listed,  ///< those that are written out, or that the certificate gives
  none,    ///< it cannot connect
};

struct statement_view {
  const statement* node = nullptr;
  action_set actions = 0;  ///< all that match
  action_set named = 0;    ///< those written out in Action
  // What evaluation compares, which knows no synonyms: requests by the current name and by the old one of the job actions.
  action_set current = 0;
  action_set old = 0;
  std::vector<resource_view> resources;
  // Whether the conditions on iot:Connection.Thing.IsAttached can hold for a connection that has a thing, or has none.
  bool suits_attached = true;
  bool suits_unattached = true;
  id_choice conditions_leave = id_choice::any;  ///< by those of an Allow if they hold, of a Deny if they do not

  using spelling_set = action_set statement_view::*;
  bool allows(action a, spelling_set by = &statement_view::actions) const noexcept {
    return node->what == effect::allow && (this->*by & bit(a)) != 0;
  }
  bool denies(action a) const noexcept { return node->what == effect::deny && (actions & bit(a)) != 0; }
  bool lists_resources() const noexcept { return node->resource_mode == list_mode::any_of; }
};

/// `actions` without the synonyms.
inline constexpr statement_view::spelling_set exact_spellings[] = {&statement_view::current, &statement_view::old};

inline constexpr resource_type named_types[] = {resource_type::client, resource_type::topic, resource_type::topicfilter,
                                                resource_type::thing, resource_type::rolealias};

inline bool has_wildcard(const token_string& text) noexcept {
  return std::any_of(text.begin(), text.end(), is_wildcard);
}

inline std::size_t find_token(const token_string& text, token t, std::size_t from = 0) noexcept {
  while (from < text.size() && text[from] != t) ++from;
  return from;
}

inline bool starts_with(const token_string& text, std::string_view ascii) noexcept {
  if (text.size() < ascii.size()) return false;
  for (std::size_t i = 0; i < ascii.size(); ++i)
    if (text[i] != static_cast<token>(static_cast<unsigned char>(ascii[i]))) return false;
  return true;
}

/// `+` or `#` as a whole level.
inline bool has_mqtt_wildcard(const token_string& text) noexcept {
  for (std::size_t i = 0; i < text.size(); ++i)
    if ((text[i] == '+' || text[i] == '#') && (i == 0 || text[i - 1] == '/') &&
        (i + 1 == text.size() || text[i + 1] == '/'))
      return true;
  return false;
}

/// Whether a condition fails for every request that lacks its key.
inline bool needs_key(const condition& c) {
  if (c.parsed.compares == comparison::null)
    return c.parsed.over == quantifier::none && c.values.size() == 1 && equal_folded(c.values[0].text, "false");
  return c.parsed.sign == polarity::positive && c.parsed.absence != when_absent::if_exists &&
         c.parsed.over != quantifier::for_all_values;
}

inline constexpr std::string_view is_attached_key = "iot:Connection.Thing.IsAttached";

/// What a condition compares with depends on the request.
inline bool has_variables(const condition& c) {
  return std::any_of(c.values.begin(), c.values.end(), [](const condition_value& v) { return v.pattern.has_variables(); });
}

/// Whether a condition on IsAttached fails for every connection where it is `value`. On MQTT that key is always there,
/// so what counts is what the condition means, whatever its operator.
inline bool fails_attached(const condition& c, std::string_view value) {
  return equal_folded(c.key.text, is_attached_key) && !has_variables(c) &&
         !check(c, {{std::string(is_attached_key), {std::string(value)}}}).holds;
}

/// Whether a condition fails for every connection without a thing: IsAttached is always there, the other keys are not.
inline bool fails_without_thing(const condition& c) {
  return fails_attached(c, "false") || (starts_folded(c.key.text, "iot:Connection.Thing.") && needs_key(c) &&
                                        !equal_folded(c.key.text, is_attached_key));
}

/// A variable without a value, and with it the whole text, where the connection has no thing.
inline bool is_absent_without_thing(const pattern_piece& p) {
  return p.what == pattern_piece::kind::variable && starts_folded(p.text, "iot:Connection.Thing.") &&
         !equal_folded(p.text, is_attached_key) && !p.fallback;
}

/// The client ids that a value of a condition on iot:ClientId stands for.
inline id_choice choice_in(const text_pattern& value) {
  using kind = pattern_piece::kind;
  bool has_text = false, has_run = false, has_one = false;
  for (const pattern_piece& p : value.pieces) {
    if (p.what == kind::variable && equal_folded(p.text, "iot:ClientId")) return id_choice::any;
    if (is_absent_without_thing(p)) return id_choice::none;
    has_run = has_run || p.what == kind::any_run;
    has_one = has_one || p.what == kind::any_one;
    has_text = has_text || p.what == kind::literal || p.what == kind::variable;
  }
  return has_run && !has_text ? id_choice::any : has_run || has_one ? id_choice::some : id_choice::listed;
}

/// The client ids in the list of a condition that compares iot:ClientId with `sign`. Every CONNECT has that key, so
/// IfExists and ForAllValues limit the ids as the plain operator does.
inline id_choice choice_in(const condition& c, polarity sign) {
  if (!equal_folded(c.key.text, "iot:ClientId") || !is_string(c.parsed.compares)) return id_choice::any;
  if (c.parsed.sign != sign) return id_choice::any;
  if (sign == polarity::negated && c.values.empty()) return id_choice::any;  // it never holds
  id_choice out = id_choice::none;
  for (const condition_value& v : c.values) out = std::min(out, choice_in(v.pattern));
  return out;
}

/// Whether a condition holds for every CONNECT without an attached thing.
inline bool holds_without_thing(const condition& c) {
  if (!starts_folded(c.key.text, "iot:Connection.Thing.")) return false;
  if (equal_folded(c.key.text, is_attached_key) && has_variables(c)) return false;  // of the others no value counts
  return check(c, {{std::string(is_attached_key), {"false"}}}).holds;
}

/// What the conditions of a statement leave a client without a thing to choose from.
inline id_choice choice_under(const statement& s) {
  if (s.what == effect::allow) {
    id_choice out = id_choice::any;
    for (const condition& c : s.conditions)
      out = std::max(out, fails_without_thing(c) ? id_choice::none : choice_in(c, polarity::positive));
    return out;
  }
  id_choice out = id_choice::none;
  for (const condition& c : s.conditions)
    if (!holds_without_thing(c)) out = std::min(out, choice_in(c, polarity::negated));
  return out;
}

class document_view {
 public:
  explicit document_view(const policy_document& policy) : policy_(policy) {
    statements_.reserve(policy.statements.size());
    for (const statement& s : policy.statements) statements_.push_back(read(s));
  }

  const policy_document& policy() const noexcept { return policy_; }
  const std::vector<statement_view>& statements() const noexcept { return statements_; }
  variable_table& variables() noexcept { return variables_; }
  token variable(std::string_view key) { return variables_.intern(key); }

  /// What the Allow statements grant for an action, NotResource taken as everything.
  std::vector<const token_string*> granted(action what, variable_reading reading,
                                           statement_view::spelling_set by = &statement_view::actions) const {
    std::vector<const token_string*> out;
    for (const statement_view& s : statements_) {
      if (!s.allows(what, by)) continue;
      if (!s.lists_resources()) out.push_back(&everything_);
      else add_names(s, facts_of(what).takes, reading, out);
    }
    return out;
  }
  const token_string& everything() const noexcept { return everything_; }

  static void add_names(const statement_view& s, resource_type type, variable_reading reading,
                        std::vector<const token_string*>& to) {
    for (const resource_view& r : s.resources)
      for (const name_view& n : r.names)
        if (n.type == type) to.push_back(reading == variable_reading::opaque ? &n.text : &n.wide);
  }

 private:
  statement_view read(const statement& s) {
    statement_view out;
    out.node = &s;
    for (const action_node& a : s.actions) {
      const action_set current = match(a.folded, &action_facts::name);
      const action_set old = match(a.folded, &action_facts::old_name);
      out.current |= current;
      out.old |= old;
      out.actions |= current;
      if (a.folded.find_first_of("*?") != std::string::npos) continue;
      out.actions |= old;
      out.named |= current | old;
    }
    if (s.action_mode == list_mode::none_of) {
      out.actions = every_action & ~out.actions;
      out.named = 0;
      out.current = every_action & ~out.current;
      out.old = renamed_actions & ~out.old;
    }
    for (const condition& c : s.conditions) {
      out.suits_attached = out.suits_attached && !fails_attached(c, "true");
      out.suits_unattached = out.suits_unattached && !fails_attached(c, "false");
    }
    out.conditions_leave = choice_under(s);
    out.resources.reserve(s.resources.size());
    for (const resource_node& r : s.resources) out.resources.push_back(read(r, out.actions));
    return out;
  }
  static action_set match(const std::string& pattern, std::string_view action_facts::*name) {
    action_set out = 0;
    for (const action_facts& row : action_table)
      if (!(row.*name).empty() && glob_match(pattern, folded(row.*name))) out |= bit(row.what);
    return out;
  }
  resource_view read(const resource_node& r, action_set actions) {
    resource_view out;
    out.node = &r;
    out.text = to_tokens(r.pattern, variable_reading::opaque, variables_);
    out.is_star = out.text == everything_;
    std::size_t at = 0, colons = 0;
    while (at < out.text.size() && colons < 5) colons += out.text[at++] == ':' ? 1U : 0U;
    if (colons < 5) {
      // `*`, or a short ARN that ends in `*`: any resource. Other short texts match nothing.
      if (!out.text.empty() && out.text.back() == any_run)
        for (const resource_type type : named_types)
          if (takes_type(actions, type)) out.names.push_back({type, everything_, everything_});
      return out;
    }
    const token_string tail(out.text.begin() + static_cast<std::ptrdiff_t>(at), out.text.end());
    for (const resource_type type : named_types) {
      const std::size_t end = name_of(type).size();
      if (!starts_with(tail, name_of(type)) || end == tail.size() || tail[end] != '/') continue;
      out.has_type = true;
      out.type = type;
    }
    for (const resource_type type : named_types) {
      if (!takes_type(actions, type) || (out.has_type && out.type != type)) continue;
      if (out.has_type) {
        const auto begin = tail.begin() + static_cast<std::ptrdiff_t>(name_of(type).size() + 1);
        add_name(out, type, token_string(begin, tail.end()));
      } else {
        for (token_string& rest : after_prefix(tail, literal_tokens(std::string(name_of(type)) + "/")))
          add_name(out, type, std::move(rest));
      }
    }
    return out;
  }
  static void add_name(resource_view& to, resource_type type, token_string text) {
    token_string wide;
    wide.reserve(text.size());
    for (const token t : text) {
      const token widened = is_variable(t) ? any_run : t;
      if (widened != any_run || wide.empty() || wide.back() != any_run) wide.push_back(widened);
    }
    to.names.push_back({type, std::move(text), std::move(wide)});
  }

  const policy_document& policy_;
  variable_table variables_;
  token_string everything_{any_run};
  std::vector<statement_view> statements_;
};

/// Where findings about a whole object point: its opening brace, or nowhere for one that was not read from text.
constexpr source_range opening(source_range whole) noexcept {
  return {whole.begin, std::min(whole.begin + 1, whole.end)};
}

/// Collects what the rules find.
class findings {
 public:
  void add(std::string_view id, const text_node& at, std::string message, std::string help = {}) {
    add(id, at.pointer, at.where, std::move(message), std::move(help));
  }
  void add(std::string_view id, const std::string& pointer, source_range where, std::string message,
           std::string help = {}) {
    diagnostic d;
    d.broken = find_rule(id);
    d.level = d.broken->level;
    d.pointer = pointer;
    d.where = where;
    d.message = std::move(message);
    d.help = std::move(help);
    found_.push_back(std::move(d));
  }
  std::vector<diagnostic> take() {
    sort_diagnostics(found_);
    return std::move(found_);
  }

 private:
  std::vector<diagnostic> found_;
};

/// User text for a message: one line, in backticks, cut where it is long.
inline std::string show(std::string_view text) {
  constexpr std::size_t most = 120;
  std::string out = "`";
  for (std::size_t i = 0; i < text.size() && i < most; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    out += byte < 0x20 || byte == 0x7F ? '?' : text[i];
  }
  if (text.size() > most) {
    while ((static_cast<unsigned char>(out.back()) & 0xC0U) == 0x80U) out.pop_back();
    if ((static_cast<unsigned char>(out.back()) & 0xC0U) == 0xC0U) out.pop_back();
    out += "...";
  }
  return out + "`";
}

}  // namespace fleetprov::policies::detail
