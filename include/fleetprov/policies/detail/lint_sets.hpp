#pragma once

#include <fleetprov/policies/detail/lint_resources.hpp>
#include <fleetprov/policies/detail/lint_view.hpp>

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Questions about what statements mean together: covered, dead, missing, and filters that get around a
// Deny. Allow conditions are taken as true and Deny conditions as false wherever "could be allowed" is
// asked, the other way round for "always denied", so a condition never causes a false alarm. Where a Deny
// itself is looked at, its own conditions hold.

namespace fleetprov::policies::detail {

using token_list = std::vector<const token_string*>;

inline bool overlaps_any(const token_string& one, const token_list& many, work_budget& budget) {
  for (const token_string* m : many)
    if (overlap(one, *m, budget) != answer::no) return true;
  return false;
}

inline bool same_conditions(const statement& a, const statement& b) {
  if (a.conditions.size() != b.conditions.size()) return false;
  for (std::size_t i = 0; i < a.conditions.size(); ++i) {
    const condition &x = a.conditions[i], &y = b.conditions[i];
    if (x.operation.text != y.operation.text || x.key.text != y.key.text || x.values.size() != y.values.size())
      return false;
    for (std::size_t k = 0; k < x.values.size(); ++k)
      if (x.values[k].text != y.values[k].text) return false;
  }
  return true;
}

/// A filter without `$share/NAME/`, which no topic begins with.
inline token_string plain_filter(const token_string& filter) {
  if (!starts_with(filter, topics::shared_prefix)) return filter;
  const std::size_t slash = find_token(filter, '/', topics::shared_prefix.size());
  if (slash == filter.size()) return filter;
  return {filter.begin() + static_cast<std::ptrdiff_t>(slash + 1), filter.end()};
}

/// A Subscribe pattern as patterns of the plain filters that it permits: also those behind a `$share/NAME/` that its
/// wildcards can be a part of.
inline std::vector<token_string> plain_filters(const token_string& pattern) {
  std::vector<token_string> out;
  for (const token_string& rest : after_prefix(pattern, literal_tokens(topics::shared_prefix)))
    for (std::size_t i = 0; i < rest.size(); ++i) {
      if (rest[i] != '/' && rest[i] != any_run && rest[i] != any_one) continue;
      out.emplace_back(rest.begin() + static_cast<std::ptrdiff_t>(rest[i] == any_run ? i : i + 1), rest.end());
      if (rest[i] == '/') break;
    }
  if (out.empty() || !starts_with(pattern, topics::shared_prefix)) out.push_back(pattern);
  return out;
}

/// A pattern of plain filters as the topics that they bring in, or more: beside a `*` or `?`, which can be a `/`, a `+`
/// or `#` is a level too, and a `?` that can be a level can be either.
inline token_string delivered_topics(const token_string& filter) {
  const auto parts = [](token t) { return t == '/' || t == any_run || t == any_one; };
  token_string out;
  for (std::size_t i = 0; i < filter.size(); ++i) {
    const bool is_level = (i == 0 || parts(filter[i - 1])) && (i + 1 == filter.size() || parts(filter[i + 1]));
    const bool is_last = std::all_of(filter.begin() + static_cast<std::ptrdiff_t>(i + 1), filter.end(),
                                     [](token t) { return t == any_run; });
    if (is_level && filter[i] == '+') out.push_back(any_level);
    else if (is_level && (filter[i] == any_one || (filter[i] == '#' && is_last))) out.push_back(any_run);
    else out.push_back(filter[i]);
  }
  return out;
}

/// Whether a Subscribe pattern can bring in one of `topics`.
inline bool delivers_any(const token_string& pattern, const token_list& topics, work_budget& budget) {
  const token_string dollar{'$', any_run};
  for (const token_string& plain : plain_filters(pattern)) {
    const token_string exact = delivered_topics(plain);
    token_string wide = exact;
    std::replace(wide.begin(), wide.end(), any_level, any_run);
    if (!overlaps_any(wide, topics, budget)) continue;
    string_query query;
    query.required = {{&exact}, topics};
    if (!plain.empty() && (plain[0] == '+' || plain[0] == '#')) query.forbidden.push_back(&dollar);  // it selects none
    if ((exact == wide && query.forbidden.empty()) || find_string(query, budget).exists != answer::no) return true;
  }
  return false;
}

// --- covered by another entry --------------------------------------------------------------------

inline void lint_redundant_resources(const statement_view& s, findings& out, work_budget& budget) {
  for (std::size_t i = 0; i < s.resources.size(); ++i)
    for (std::size_t j = 0; j < s.resources.size(); ++j) {
      if (i == j) continue;
      if (!budget.take(2)) return;
      const token_string &wide = s.resources[j].text, &narrow = s.resources[i].text;
      if (wide == narrow ? j > i : covers(wide, narrow, budget) != answer::yes) continue;
      out.add("P077", *s.resources[i].node,
              show(s.resources[i].node->text) + " is covered by " + show(s.resources[j].node->text), "remove it");
      break;
    }
}

/// Whether every resource of `narrow` is one of `wide`; both list resources.
inline bool covers_resources(const statement_view& wide, const statement_view& narrow, work_budget& budget) {
  for (const resource_view& n : narrow.resources) {
    bool found = false;
    for (const resource_view& w : wide.resources) found = found || covers(w.text, n.text, budget) == answer::yes;
    if (!found) return false;
  }
  return true;
}

inline bool covers_statement(const statement_view& wide, const statement_view& narrow, work_budget& budget) {
  if (wide.node->what != narrow.node->what || !wide.lists_resources() || !narrow.lists_resources()) return false;
  if ((narrow.current | narrow.old) == 0) return false;
  for (const auto by : exact_spellings)
    if ((narrow.*by & ~(wide.*by)) != 0) return false;
  if (!wide.node->conditions.empty() && !same_conditions(*wide.node, *narrow.node)) return false;
  // Actions outside the table (greengrass, unknown names) have to be there literally.
  for (const action_node& a : narrow.node->actions) {
    if (find_action(a.folded, spelling::any) != nullptr || a.folded.compare(0, 4, "iot:") == 0) continue;
    bool found = false;
    for (const action_node& b : wide.node->actions) found = found || b.folded == "*" || b.folded == a.folded;
    if (!found) return false;
  }
  return covers_resources(wide, narrow, budget);
}

inline void lint_redundant_statements(document_view& view, findings& out, work_budget& budget) {
  const auto& all = view.statements();
  for (std::size_t i = 0; i < all.size(); ++i)
    for (std::size_t j = 0; j < all.size(); ++j) {
      if (i == j) continue;
      if (!budget.take(4)) return;
      if (!covers_statement(all[j], all[i], budget)) continue;
      if (j > i && covers_statement(all[i], all[j], budget)) continue;  // equal: the later one is said
      out.add("P078", all[i].node->pointer, all[i].node->where,
              "covered by the statement at " + show(all[j].node->pointer), "remove it");
      break;
    }
}

// --- dead ----------------------------------------------------------------------------------------

inline void lint_dead_denies(document_view& view, findings& out, work_budget& budget) {
  const auto& all = view.statements();
  const bool has_allow =
      std::any_of(all.begin(), all.end(), [](const statement_view& s) { return s.node->what == effect::allow; });
  if (!has_allow) return;
  for (const statement_view& d : all) {
    if (d.node->what != effect::deny || !d.lists_resources()) continue;
    bool bites = false, known = false;
    for (const auto by : exact_spellings)
      for (const action_facts& row : action_table) {
        if ((d.*by & bit(row.what)) == 0 || bites) continue;
        const token_list allowed = view.granted(row.what, variable_reading::any_text, by);
        if (row.takes == resource_type::none) {
          bites = !allowed.empty();
          continue;
        }
        token_list denied;
        document_view::add_names(d, row.takes, variable_reading::any_text, denied);
        known = known || !denied.empty();
        for (const token_string* n : denied) bites = bites || overlaps_any(*n, allowed, budget);
      }
    if (known && !bites)
      out.add("P079", d.node->pointer, d.node->where, "this Deny forbids nothing that the policy allows",
              "it is needed only against another policy of the same device");
  }
}

/// Whether an unconditional Deny takes `name` back for `what`, spelt in one of the ways.
inline bool is_denied(document_view& view, action what, statement_view::spelling_set by, const name_view& name,
                      work_budget& budget) {
  for (const statement_view& d : view.statements()) {
    if (d.node->what != effect::deny || (d.*by & bit(what)) == 0 || !d.node->conditions.empty()) continue;
    token_list listed;
    document_view::add_names(d, name.type, d.lists_resources() ? variable_reading::opaque : variable_reading::any_text,
                             listed);
    if (d.lists_resources()) {
      for (const token_string* n : listed)
        if (covers(*n, name.text, budget) == answer::yes) return true;
    } else if (!overlaps_any(name.wide, listed, budget)) {
      return true;
    }
  }
  return false;
}

inline void lint_dead_allows(document_view& view, findings& out, work_budget& budget) {
  const auto& all = view.statements();
  if (std::none_of(all.begin(), all.end(), [](const statement_view& s) { return s.node->what == effect::deny; }))
    return;
  for (const statement_view& s : all) {
    if (s.node->what != effect::allow || !s.lists_resources()) continue;
    for (const resource_view& r : s.resources) {
      bool grants = false, alive = false;
      for (const name_view& n : r.names)
        for (const auto by : exact_spellings)
          for (const action_facts& row : action_table) {
            if ((s.*by & bit(row.what)) == 0 || row.takes != n.type || alive) continue;
            grants = true;
            alive = !is_denied(view, row.what, by, n, budget);
          }
      if (grants && !alive) out.add("P080", *r.node, "a Deny takes all of this back", "remove it, or narrow the Deny");
    }
  }
}

// --- missing pieces ------------------------------------------------------------------------------

/// Says `id` at each entry granted for `what` whose name has no `partner`.
template <class Partner>
void lint_lonely(document_view& view, action what, std::string_view id, const char* message, const char* help,
                 findings& out, Partner&& has_partner) {
  for (const statement_view& s : view.statements()) {
    if (!s.allows(what) || !s.lists_resources()) continue;
    for (const resource_view& r : s.resources)
      for (const name_view& n : r.names) {
        if (n.type != facts_of(what).takes) continue;
        if (!has_partner(n.wide)) out.add(id, *r.node, message, help);
        break;
      }
  }
}

/// Whether one of a statement's resources can be a client.
inline bool reaches_client(const statement_view& s) {
  const auto has_client = [](const resource_view& r) {
    return std::any_of(r.names.begin(), r.names.end(),
                       [](const name_view& n) { return n.type == resource_type::client; });
  };
  return !s.lists_resources() || std::any_of(s.resources.begin(), s.resources.end(), has_client);
}

inline void lint_missing_pieces(document_view& view, findings& out, work_budget& budget) {
  const token_list received = view.granted(action::receive, variable_reading::any_text);
  const token_list filters = view.granted(action::subscribe, variable_reading::any_text);
  const token_list published = view.granted(action::publish, variable_reading::any_text);
  lint_lonely(view, action::subscribe, "P082", "no Receive is allowed for any topic of this filter",
              "allow iot:Receive on the same names under topic/", out,
              [&](const token_string& filter) { return delivers_any(filter, received, budget); });
  lint_lonely(view, action::receive, "P083", "no Subscribe is allowed that brings these topics in",
              "allow iot:Subscribe on the same names under topicfilter/", out, [&](const token_string& name) {
                const token_string topic = plain_filter(name);
                return std::any_of(filters.begin(), filters.end(),
                                   [&](const token_string* f) { return delivers_any(*f, {&topic}, budget); });
              });
  lint_lonely(view, action::retain_publish, "P085", "RetainPublish without Publish on the same topic",
              "add iot:Publish", out, [&](const token_string& topic) { return overlaps_any(topic, published, budget); });
  const statement_view* talks = nullptr;
  bool connects = false;
  for (const statement_view& s : view.statements()) {
    connects = connects || (s.allows(action::connect) && reaches_client(s));
    if (talks == nullptr && s.node->what == effect::allow && (s.actions & mqtt_actions) != 0) talks = &s;
  }
  if (talks != nullptr && !connects)
    out.add("P084", talks->node->action_key, "no iot:Connect for any client in this policy",
            "grant it on client/... here or in another policy of the device");
}

inline void lint_shared_subscriptions(document_view& view, findings& out, work_budget& budget) {
  const token_list filters = view.granted(action::subscribe, variable_reading::opaque);
  for (const statement_view& s : view.statements()) {
    if (!s.allows(action::subscribe)) continue;
    for (const resource_view& r : s.resources)
      for (const name_view& n : r.names) {
        if (n.type != resource_type::topicfilter || !starts_with(n.text, topics::shared_prefix)) continue;
        const std::size_t slash = find_token(n.text, '/', topics::shared_prefix.size());
        if (slash == n.text.size()) continue;
        const token_string plain(n.text.begin() + static_cast<std::ptrdiff_t>(slash + 1), n.text.end());
        bool granted = false;
        for (const token_string* f : filters) granted = granted || covers(*f, plain, budget) != answer::no;
        if (!granted)
          out.add("P088", *r.node,
                  "the plain filter " + spell_level("topicfilter", plain, view.variables()) + " is not allowed",
                  "allow both spellings");
      }
  }
}

// --- filters that get around a Deny (Device Defender) ---------------------------------------------

/// Filters that an Allow pattern may permit: the broadest two, each prefix of levels with `#`, and the pattern with
/// its wildcards as MQTT wildcards, which a `*` inside or beside a level can also add as levels of their own
/// (`a*` permits `a/#`, `*/c` permits `+/+/c`). Not all of them: bounded, the broad ones first.
class filter_candidates {
 public:
  explicit filter_candidates(const token_string& pattern) : pattern_(pattern), out_{{'#'}, {'+', '/', '#'}} {
    const auto wild = std::find_if(pattern.begin(), pattern.end(), is_wildcard);
    for (auto at = pattern.begin(); at != wild && out_.size() < 16; ++at) {
      if (*at != '/') continue;
      token_string f(pattern.begin(), at + 1);
      f.push_back('#');
      out_.push_back(std::move(f));
    }
    extend({}, 0);
  }
  std::vector<token_string> take() { return std::move(out_); }

 private:
  static constexpr std::size_t most = 96;

  void extend(token_string made, std::size_t at) {
    while (at < pattern_.size() && !is_wildcard(pattern_[at])) made.push_back(pattern_[at++]);
    if (out_.size() >= most) return;
    if (at == pattern_.size()) {
      out_.push_back(std::move(made));
      return;
    }
    const bool begins_level = made.empty() || made.back() == '/';
    const bool is_last = at + 1 == pattern_.size();
    const bool ends_level = is_last || pattern_[at + 1] == '/';
    const auto instead = [&](std::string_view filter) {
      token_string longer = made;
      for (const char c : filter) longer.push_back(static_cast<token>(static_cast<unsigned char>(c)));
      extend(std::move(longer), at + 1);
    };
    using choices = std::initializer_list<std::string_view>;
    const auto try_all = [&](choices all) {
      for (const std::string_view one : all) instead(one);
    };
    // The name of a share has no wildcards; what a `*` there may go on with does.
    const bool names_share = starts_with(made, topics::shared_prefix) &&
                             find_token(made, '/', topics::shared_prefix.size()) == made.size();
    if (names_share && pattern_[at] == any_run)
      return try_all(is_last ? choices{"x/#", "x/+/#"} : ends_level ? choices{"x", "x/+"} : choices{"x/+/", "x/", "x"});
    if (names_share) return instead("x");
    if (pattern_[at] == any_one) return try_all({begins_level && ends_level ? "+" : "x"});
    if (is_last) return try_all(begins_level ? choices{"#", "+/#", "+"} : choices{"/#", "/+", "/+/#", ""});
    if (ends_level) return try_all(begins_level ? choices{"+", "+/+", "+/+/+", "x"} : choices{"/+", "", "/+/+", "x"});
    try_all(begins_level ? choices{"+/", "+/+/", "", "x"} : choices{"/+/", "/", "/+/+/", "", "x"});
  }

  const token_string& pattern_;
  std::vector<token_string> out_;
};

/// Whether a client can subscribe to it at all.
inline bool is_sendable(const token_string& filter) {
  return topics::validate_topic_filter(plain_text(filter)).has_value();
}

using statement_list = std::vector<const statement_view*>;

/// The statements that decide where the conditions of the Deny `d` hold: the Denies that then hold too, and each Allow.
inline statement_list statements_beside(const document_view& view, const statement_view& d) {
  statement_list out;
  for (const statement_view& s : view.statements())
    if (s.node->what == effect::allow || s.node->conditions.empty() || same_conditions(*s.node, *d.node))
      out.push_back(&s);
  return out;
}

/// Whether some Allow among these permits subscribing to `filter` and no Deny forbids it.
inline bool permits_filter(const statement_list& statements, const token_string& filter) {
  bool allowed = false;
  for (const statement_view* s : statements) {
    if ((s->actions & bit(action::subscribe)) == 0) continue;
    bool listed = false;
    for (const resource_view& r : s->resources)
      for (const name_view& n : r.names)
        listed = listed || (n.type == resource_type::topicfilter && policies::contains(n.text, filter));
    if (listed != s->lists_resources()) continue;
    if (s->node->what == effect::deny) return false;
    allowed = true;
  }
  return allowed;
}

/// Topics that Receive is allowed for: those of some patterns, without those of others.
struct received_topics {
  token_list listed, left_out;
};

/// All that list topics together, and each Allow with NotResource for itself: another may allow what it leaves out.
inline std::vector<received_topics> find_received(const document_view& view) {
  std::vector<received_topics> out(1);
  for (const statement_view& s : view.statements()) {
    if (!s.allows(action::receive)) continue;
    token_list names;
    document_view::add_names(s, resource_type::topic, variable_reading::opaque, names);
    if (s.lists_resources()) out[0].listed.insert(out[0].listed.end(), names.begin(), names.end());
    else out.push_back({{&view.everything()}, std::move(names)});
  }
  if (out[0].listed.empty()) out.erase(out.begin());
  return out;
}

struct bypass {
  std::string filter, topic;
};

/// A topic in `denied` (as topics) that `filter` brings in, that is among the `received` and that no Deny of Receive
/// takes back.
inline std::optional<bypass> find_bypass(document_view& view, const statement_list& statements,
                                         const token_list& denied, const token_string& filter,
                                         const received_topics& received, work_budget& budget) {
  if (!budget.take(received.left_out.size() + 1)) return std::nullopt;
  const token_string plain = plain_filter(filter), covered = compile_filter(plain);
  const token_string dollar{'$', any_run}, plus{any_run, '+', any_run}, hash{any_run, '#', any_run}, nothing;
  string_query query;
  query.required = {{&covered}, denied, received.listed};
  query.forbidden = {&plus, &hash, &nothing};  // no topic has them, and none is empty
  query.forbidden.insert(query.forbidden.end(), received.left_out.begin(), received.left_out.end());
  if (find_token(plain, '+') == 0 || find_token(plain, '#') == 0) query.forbidden.push_back(&dollar);
  // Of a Deny with NotResource the complement is denied, so what it lists is required.
  for (const statement_view* s : statements) {
    if (!s->denies(action::receive)) continue;
    token_list names;
    document_view::add_names(*s, resource_type::topic, variable_reading::opaque, names);
    if (s->lists_resources()) query.forbidden.insert(query.forbidden.end(), names.begin(), names.end());
    else query.required.push_back(names);
  }
  const string_answer found = find_string(query, budget);
  if (found.exists != answer::yes) return std::nullopt;
  return bypass{spell(filter, view.variables()), spell(found.witness, view.variables())};
}

inline void lint_bypass(document_view& view, findings& out, work_budget& budget) {
  const std::vector<received_topics> received = find_received(view);
  const token_list allowed = view.granted(action::subscribe, variable_reading::opaque);
  if (received.empty() || allowed.empty()) return;
  for (const statement_view& d : view.statements()) {
    if (!d.denies(action::subscribe) || !d.lists_resources()) continue;
    if (!budget.take(view.statements().size())) return;
    token_list names;
    document_view::add_names(d, resource_type::topicfilter, variable_reading::opaque, names);
    std::vector<token_string> denied_topics;  // `+` and `#` of the Deny mean what its author meant by them
    for (const token_string* n : names) denied_topics.push_back(compile_filter(plain_filter(*n)));
    token_list denied;
    for (const token_string& t : denied_topics) denied.push_back(&t);
    if (denied.empty()) continue;
    const statement_list statements = statements_beside(view, d);
    std::optional<bypass> found;
    for (const token_string* a : allowed) {
      for (const token_string& filter : filter_candidates(*a).take()) {
        if (found || !budget.take(filter.size() * 4)) break;
        if (!is_sendable(filter) || !permits_filter(statements, filter)) continue;
        for (const received_topics& r : received)
          if (!found) found = find_bypass(view, statements, denied, filter, r, budget);
      }
      if (found) break;
    }
    if (found)
      out.add(
          "P059", d.node->pointer, d.node->where,
          "subscribing to " + show(found->filter) + " is allowed and delivers " + show(found->topic) + " all the same",
          "deny iot:Receive on the same topics");
  }
}

inline void lint_sets(document_view& view, findings& out, work_budget& budget) {
  for (const statement_view& s : view.statements()) lint_redundant_resources(s, out, budget);
  lint_redundant_statements(view, out, budget);
  lint_missing_pieces(view, out, budget);
  lint_shared_subscriptions(view, out, budget);
  work_budget of_bypass = budget;  // many filters are tried: what follows must not pay for it
  lint_bypass(view, out, of_bypass);
  lint_dead_denies(view, out, budget);
  lint_dead_allows(view, out, budget);
}

}  // namespace fleetprov::policies::detail
