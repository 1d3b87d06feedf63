#pragma once

#include <fleetprov/policies/detail/condition_keys.hpp>
#include <fleetprov/policies/detail/evaluator.hpp>
#include <fleetprov/policies/explain.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fleetprov::policies {

namespace detail {

/// "/Statement/1" as people count: "statement 2".
inline std::string statement_number(std::string_view pointer) {
  const std::string_view digits = pointer.substr(pointer.rfind('/') + 1);
  std::uint32_t index = 0;
  if (std::from_chars(digits.data(), digits.data() + digits.size(), index).ptr == digits.data()) return "the statement";
  return "statement " + std::to_string(std::uint64_t{index} + 1);
}

inline std::string shown_action(std::string_view name) {
  const action_facts* row = find_action(name);
  return row != nullptr ? std::string(row->name) : in_ticks(name);
}

/// What keeps one Resource entry from matching; the higher the score, the nearer.
struct gap {
  int score = 0;
  std::string why;
  std::string corrected;
};

/// A resource as an entry that matches it, and nothing else where the language has an escape.
// In the language of 2008 there is none; a wildcard in a request stays one there. `*` alone is the resource of
// actions without one.
inline std::string escaped(std::string_view resource, language version) {
  if (version == language::v2008 || resource == "*") return std::string(resource);
  std::string out;
  for (std::size_t i = 0; i < resource.size(); ++i) {
    if (resource[i] == '*' || resource[i] == '?') out.append("${").append(1, resource[i]).append("}");
    else if (resource.substr(i, 2) == "${") out += "${$}";
    else out += resource[i];
  }
  return out;
}

/// Glob tokens for people, spelt as in a policy: `${*}` is a `*` that is data.
inline std::string spelled(std::string_view tokens) {
  std::string out;
  for (const char c : tokens) {
    if (c == glob::any_run) out += '*';
    else if (c == glob::any_one) out += '?';
    else if (c == '*' || c == '?') out.append("${").append(1, c).append("}");
    else out += c;
  }
  return out;
}

/// Goes behind what a document of 2008 says where it writes `${`.
inline constexpr std::string_view no_variables_note =
    "; a `${...}` is literal text there, for variables a document needs Version 2012-10-17";

inline bool is_one_value(const context_values& found, std::string_view value) noexcept {
  return found.count == 1 && *found.first == value;
}

/// Why thing variables have no value on this connection.
inline std::string thing_absence(const context& values) {
  const context_values client = find_values(values, "iot:ClientId");
  if (client.count == 0) return "the request has no client id, so no thing stands behind it (thing variables exist on MQTT connections only)";
  if (!is_one_value(find_values(values, "iot:Connection.Thing.IsAttached"), "false"))
    return "the request does not tell of a thing behind the client id " + in_ticks(*client.first);
  return "the client id " + in_ticks(*client.first) + " is not the name of a thing that the certificate is attached to; connect with " +
         "the thing's name as client id, with a certificate attached to it";
}

/// Why a certificate variable that AWS IoT has is without a value here.
inline std::string certificate_absence(std::string_view key, const context& values) {
  if (find_values(values, key.substr(0, key.rfind('.'))).present) return "the attribute has fewer values, and `.0` is the first";
  // Who reads a certificate fills this list; single values can come from anywhere.
  return find_values(values, "iot:Certificate.AvailableKeys").present ? "the certificate has no such attribute"
                                                                      : "the request brings no certificate to read it from";
}

inline std::string variable_absence(std::string_view key, const context& values) {
  const context_values found = find_values(values, key);
  if (is_list_key(key) || (found.present && found.count != 1)) return "it is a list, and lists cannot be variables";
  if (is_condition_only_key(key)) return "it is for conditions, it cannot be a variable";
  if (found.present) return "its value is not UTF-8";
  if (starts_folded(key, "credentials-iot:")) return "credentials-iot variables work in IAM policies only";
  if (starts_folded(key, "cognito-identity.")) return "it belongs to Cognito identities, not to certificates";
  if (const std::string_view meant = keys::synonym(key); !meant.empty())
    return "AWS IoT has no variable of that name, it is `${" + std::string(meant) + "}`";
  if (starts_folded(key, "iot:") && find_key(key).type == key_type::unknown) return "AWS IoT has no variable of that name";
  if (starts_folded(key, "iot:Connection.Thing.")) {
    if (const context_values thing = find_values(values, "iot:Connection.Thing.ThingName"); thing.count != 0)
      return "the thing " + in_ticks(*thing.first) + " has no " + (ends_folded(key, "ThingTypeName") ? "thing type" : "such attribute");
    return thing_absence(values);
  }
  if (is_certificate_key(key)) return certificate_absence(key, values);
  return equal_folded(key, "iot:ClientId") ? "the request has no client id" : "the request has no such key";
}

inline std::string explain_missing(const std::string& key, const context& values) {
  if (key.compare(0, 1, "$") == 0) return in_ticks(key) + " is not a well-formed variable";
  return in_ticks("${" + key + "}") + " has no value: " + variable_absence(key, values);
}

inline std::size_t common_prefix(std::string_view a, std::string_view b) noexcept {
  return static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
}
inline std::size_t common_suffix(std::string_view a, std::string_view b) noexcept {
  return static_cast<std::size_t>(std::mismatch(a.rbegin(), a.rend(), b.rbegin(), b.rend()).first - a.rbegin());
}

/// Whether the resource is of a type that no request for the action has: no entry would help.
inline bool is_never_asked(const request& asked) noexcept {
  const action_facts* row = find_action(asked.action, spelling::any);
  if (row == nullptr || row->takes == resource_type::none) return false;
  return std::any_of(action_table.begin(), action_table.end(), [&](const action_facts& other) {
    return other.takes != row->takes && other.takes != resource_type::none &&
           type_part(asked.resource) == policies::name_of(other.takes);
  });
}

/// Measures one entry of a statement against a request whose action the statement has.
class entry_gauge {
 public:
  entry_gauge(const resource_node& entry, const request& asked, language version)
      : entry_(entry), asked_(asked), version_(version), filled_(resolve(entry.pattern, asked.values)), shown_(spelled(tokens())) {}

  gap measure() const {
    gap out = first_gap();
    if (version_ == language::v2012 || entry_.text.find("${") == std::string::npos) return out;
    out.why += no_variables_note;
    if (would_match(entry_.text, language::v2012)) out.score = 870;
    return out;
  }

 private:
  gap first_gap() const {
    for (const auto step : {&entry_gauge::unresolved, &entry_gauge::wrong_head, &entry_gauge::wrong_type,
                            &entry_gauge::mqtt_wildcards, &entry_gauge::other_value, &entry_gauge::other_case,
                            &entry_gauge::too_short, &entry_gauge::too_long, &entry_gauge::wildcard_request})
      if (std::optional<gap> found = (this->*step)()) return *found;
    return elsewhere();
  }

  std::string_view tokens() const noexcept { return filled_.tokens.tokens(); }
  static bool tokens_match(std::string_view some, std::string_view value) noexcept {
    return match<glob::any_run, glob::any_one>(some, value);
  }
  std::string_view name_of_entry() const noexcept { return resource_part(shown_); }
  std::string_view name_of_request() const noexcept { return resource_part(asked_.resource); }

  static std::string ticks(std::string_view text) { return in_ticks(text); }

  bool would_match(std::string_view text) const { return would_match(text, version_); }
  bool would_match(std::string_view text, language version) const {
    const text_pattern made = compile_pattern(text, wildcards::star_and_question,
                                              version == language::v2012 ? variables::substituted : variables::literal_text);
    const resolved_pattern filled = resolve(made, asked_.values);
    return filled.is_usable() && filled.tokens.matches(asked_.resource);
  }
  /// A changed entry if it works, else the request's own resource.
  std::string corrected(std::string candidate) const {
    return would_match(candidate) ? std::move(candidate) : requested();
  }
  std::string requested() const { return escaped(asked_.resource, version_); }
  /// How much the names resemble each other, 0 to 99.
  int resemblance() const noexcept {
    const std::string_view a = name_of_entry(), b = name_of_request();
    const std::size_t same = common_prefix(a, b) + common_suffix(a, b);
    const std::size_t longest = std::max<std::size_t>(1, std::max(a.size(), b.size()));
    return static_cast<int>(std::min<std::size_t>(99, same * 100 / longest));
  }

  std::optional<gap> unresolved() const {
    if (filled_.is_usable()) {
      if (filled_.kept_literal.empty() || !widen(entry_.pattern).matches(asked_.resource)) return std::nullopt;
      return gap{850, "it grants " + ticks(resource_part(entry_.text)) + ", and the value of " + ticks("${" + filled_.kept_literal[0] + "}") +
                          " is not filled in because it holds one of `* $ + ? #` or is too long",
                 requested()};
    }
    const bool fits = widen(entry_.pattern).matches(asked_.resource);
    const std::string renamed = replaced(entry_.text, "${iot:Thing.ThingName}", "${iot:Connection.Thing.ThingName}");
    return gap{fits ? 900 : 200, "it grants " + ticks(resource_part(entry_.text)) + ", and " + explain_missing(filled_.missing[0], asked_.values),
               corrected(renamed)};
  }

  std::optional<gap> wrong_head() const {
    const auto mine = split_arn(tokens()), theirs = split_arn(std::string_view(asked_.resource));
    if (!mine || !theirs) return std::nullopt;
    constexpr std::string_view names[] = {"prefix", "partition", "service", "region", "account"};
    for (std::size_t i = 0; i < 5; ++i) {
      if (tokens_match((*mine)[i], (*theirs)[i])) continue;
      const bool tail_fits = tokens_match((*mine)[5], (*theirs)[5]);
      return gap{tail_fits ? 800 : 250 + resemblance(),
                 "it grants the " + std::string(names[i]) + " " + ticks(spelled((*mine)[i])) + ", the request is about " + ticks((*theirs)[i]),
                 tail_fits ? corrected(with_head_of_request()) : requested()};
    }
    return std::nullopt;
  }
  std::string with_head_of_request() const {
    const std::size_t head = asked_.resource.size() - name_of_request().size();
    return asked_.resource.substr(0, head) + std::string(resource_part(entry_.text));
  }

  std::optional<gap> wrong_type() const {
    const std::string_view mine = type_part(tokens()), theirs = type_part(asked_.resource);
    if (mine == theirs || mine.find_first_of("\xFE\xFF") != std::string_view::npos) return std::nullopt;
    const std::string_view tail = resource_part(entry_.text);
    const std::size_t at = entry_.text.size() - tail.size();
    const std::string swapped = entry_.text.substr(0, at) + std::string(theirs) +
                                std::string(tail.substr(std::min(tail.size(), tail.find('/'))));
    const bool fits = would_match(swapped);
    if (is_never_asked(asked_))
      return gap{300 + resemblance(), "it grants " + ticks(resource_part(entry_.text)) + ", the request is about " + ticks(name_of_request()) +
                                          " (" + what_is_checked() + ")", ""};
    return gap{fits ? 880 : 300 + resemblance(),
               "it grants " + ticks(resource_part(entry_.text)) + ", " + shown_action(asked_.action) + " needs " +
                   ticks(fits ? resource_part(swapped) : name_of_request()) + " (" + what_is_checked() + ")",
               fits ? swapped : requested()};
  }
  std::string what_is_checked() const {
    const action_facts* row = find_action(asked_.action, spelling::any);
    if (row == nullptr || row->takes == resource_type::none) return "the resource types differ";
    switch (row->what) {
      case action::subscribe: return "SUBSCRIBE is checked on topicfilter/<filter as sent>";
      case action::receive: return "delivery is checked on topic/<topic name>";
      case action::connect: return "CONNECT is checked on client/<client id>";
      default: return std::string(row->name) + " is checked on " + std::string(policies::name_of(row->takes)) + "/<name>";
    }
  }

  /// Both directions of the same surprise: a policy knows no `+` and `#`, only the text of the filter.
  std::optional<gap> mqtt_wildcards() const {
    const std::string_view tail = resource_part(entry_.text);
    if (tail.find_first_of("+#") == std::string_view::npos) return std::nullopt;
    std::string starred = entry_.text.substr(0, entry_.text.size() - tail.size());
    starred += replaced(replaced(tail, "+", "*"), "#", "*");
    if (!would_match(starred)) return std::nullopt;
    return gap{860, "it grants " + ticks(tail) + " as literal text: in a policy `+` and `#` are ordinary characters, the wildcard is `*`",
               std::move(starred)};
  }

  std::optional<gap> other_value() const {
    if (!entry_.pattern.has_variables() || !widen(entry_.pattern).matches(asked_.resource)) return std::nullopt;
    std::string values;
    for (const pattern_piece& p : entry_.pattern.pieces) {
      if (p.what != pattern_piece::kind::variable) continue;
      if (!values.empty()) values += ", ";
      values += ticks(p.written) + " is " + ticks(substitute(p, asked_.values).text);
    }
    return gap{840, "it grants " + ticks(resource_part(entry_.text)) + ", where " + values + ": that is " + ticks(name_of_entry()) +
                        ", not " + ticks(name_of_request()),
               requested()};
  }

  std::optional<gap> other_case() const {
    if (!tokens_match(folded(tokens()), folded(asked_.resource))) return std::nullopt;
    return gap{830, "it grants " + ticks(name_of_entry()) + ", the request is about " + ticks(name_of_request()) +
                        ": upper and lower case differ",
               requested()};
  }

  std::optional<gap> too_short() const {
    if (!filled_.tokens.matches(asked_.resource.substr(0, covered()))) return std::nullopt;
    const std::string rest = asked_.resource.substr(covered());
    const auto levels = static_cast<std::size_t>(std::count(rest.begin(), rest.end(), '/'));
    const std::string mine = ticks(name_of_entry()), theirs = ticks(name_of_request());
    if (rest.front() == '/')
      return gap{780 - static_cast<int>(std::min<std::size_t>(levels, 50)),
                 "it grants " + mine + ", which is " + std::to_string(levels) + (levels == 1 ? " level" : " levels") + " short of " + theirs,
                 corrected(entry_.text + escaped(rest, version_))};
    return gap{720, "it grants " + mine + " and nothing longer, so not " + theirs + ": a `*` at its end is missing",
               corrected(entry_.text + "*")};
  }
  /// The longest beginning of the request, ending before a `/` if possible, that the entry matches.
  std::size_t covered() const {
    std::string_view start = asked_.resource;
    for (std::size_t at = start.rfind('/'); at != std::string_view::npos; at = start.rfind('/')) {
      start = start.substr(0, at);
      if (filled_.tokens.matches(start)) return at;
    }
    const std::size_t size = filled_.tokens.is_literal() ? filled_.tokens.tokens().size() : 0;
    return size != 0 && size < asked_.resource.size() ? size : 0;
  }

  /// The entry asks for more than the request has.
  std::optional<gap> too_long() const {
    std::string_view start = tokens();
    if (ends_folded(start, "/\xFF") && tokens_match(start.substr(0, start.size() - 2), asked_.resource))
      return gap{790, "it grants " + ticks(name_of_entry()) + ", which needs a `/` and what follows; the request is about " +
                          ticks(name_of_request()) + " itself",
                 corrected(entry_.text.substr(0, entry_.text.size() - 2))};
    for (std::size_t at = start.rfind('/'); at != std::string_view::npos; at = start.rfind('/')) {
      start = start.substr(0, at);
      if (tokens_match(start, asked_.resource))
        return gap{700, "it grants " + ticks(name_of_entry()) + ", which is longer than " + ticks(name_of_request()), requested()};
    }
    return std::nullopt;
  }

  std::optional<gap> wildcard_request() const {
    const std::string_view theirs = name_of_request();
    if (type_part(asked_.resource) != "topicfilter" || theirs.find_first_of("+#") == std::string_view::npos) return std::nullopt;
    return gap{400 + resemblance(),
               "it grants " + ticks(name_of_entry()) + ", and the filter " + ticks(theirs) +
                   " is compared as text, its `+` and `#` included: the policy has to name that filter or cover it with `*`",
               requested()};
  }

  gap elsewhere() const {
    return {400 + resemblance(), "it grants " + ticks(name_of_entry()) + ", the request is about " + ticks(name_of_request()),
            requested()};
  }

  const resource_node& entry_;
  const request& asked_;
  language version_;
  resolved_pattern filled_;
  std::string shown_;
};

inline gap nearest_entry(const statement& s, const request& asked, language version) {
  if (s.resources.empty()) return {0, "it names no resource", escaped(asked.resource, version)};
  if (s.resource_mode == list_mode::none_of) {
    const resource_answer got = match_resource(s, asked.resource, asked.values);
    return {500, "it grants everything but its NotResource list, and " + in_ticks(got.matched_by) + " there covers " + in_ticks(asked.resource), ""};
  }
  gap best;
  best.score = -1;
  for (const resource_node& r : s.resources) {
    gap one = entry_gauge(r, asked, version).measure();
    if (one.score > best.score) best = std::move(one);
  }
  return best;
}

inline std::string explain_attributes(const condition_answer& got, const condition& test) {
  std::string asks;
  for (const std::string& a : got.asked) {
    if (!asks.empty()) asks += " and ";
    asks += a == "PersistentConnect" ? "a persistent session" : a == "LastWill" ? "a last will" : in_ticks(a);
  }
  std::vector<std::string> wanted;
  for (const condition_value& v : test.values) wanted.push_back(v.text);
  return (asks.empty() ? std::string("the client connects with a clean session and without a last will") : "the client connects with " + asks) +
         ", the condition " + test.operation.text + " lists " + listed(wanted);
}

/// What a failed condition on IsAttached asks for, if that is an attached certificate; else empty.
inline std::string explain_attachment(const filled_condition& filled, const context& values) {
  const std::string yes = "true", no = "false";
  const context_values given = find_values(values, "iot:Connection.Thing.IsAttached");
  if (given.present && !is_one_value(given, no)) return "";
  if (!filled.holds({true, &yes, 1}) || filled.holds({true, &no, 1})) return "";
  return std::string(filled.holds({}) ? "over MQTT " : "") + "it holds only if the certificate is attached to the thing that the client id names, and " +
         thing_absence(values);
}

/// The first condition that fails, in words.
inline std::string explain_condition(const statement& s, const request& asked, language version) {
  for (const condition& test : s.conditions) {
    const condition_answer got = check(test, asked.values);
    if (got.holds) continue;
    const filled_condition filled(test, asked.values);
    std::string out;
    if (equal_folded(test.key.text, "iot:Connection.Thing.IsAttached")) out = explain_attachment(filled, asked.values);
    else if (equal_folded(test.key.text, "iot:ConnectAttributes") && got.key_present && test.parsed.compares != comparison::null) out = explain_attributes(got, test);
    if (!out.empty()) return out;
    out = describe_condition(test, got);
    for (const std::string& key : got.missing)
      if (!equal_folded(key, test.key.text)) out += "; " + explain_missing(key, asked.values);
    const bool writes_variable = std::any_of(test.values.begin(), test.values.end(),
                                             [](const condition_value& v) { return v.text.find("${") != std::string::npos; });
    if (version == language::v2008 && takes_variables(test.parsed.compares) && writes_variable) out += no_variables_note;
    return out;
  }
  return "";
}

/// Every statement with its trace, in the verdict's order.
struct indexed_statement {
  const statement* what;
  const statement_trace* trace;
  std::size_t index;
  language version;
};
inline std::vector<indexed_statement> pair_up(const std::vector<named_document>& documents, const verdict& given) {
  std::vector<indexed_statement> out;
  for (const named_document& each : documents)
    for (const statement& s : each.document->statements)
      if (out.size() < given.statements.size()) out.push_back({&s, &given.statements[out.size()], out.size(), each.document->version});
  return out;
}

inline std::string place_of(const statement_trace& t) { return statement_number(t.statement) + " of " + in_ticks(t.policy); }

/// Why an entry that is about the action all the same does not allow it; empty if it is about others.
inline std::string near_action(const statement& s, const action_node& entry, std::string_view action) {
  if (s.action_mode == list_mode::none_of) {
    const std::vector<std::string> names = names_of(action, job_action_names::interchangeable);
    const bool excludes = std::any_of(names.begin(), names.end(), [&](const std::string& name) { return glob_match(entry.folded, name); });
    return excludes ? " in NotAction, so it allows all but that" : "";
  }
  if (equal_folded(entry.text, "iot:PublishRetain") && equal_folded(action, "iot:RetainPublish"))
    return ", which is no action of AWS IoT";
  const action_facts* row = find_action(action, spelling::any);
  const bool same = row != nullptr && row == find_action(entry.text, spelling::any);
  return same ? ", which is another spelling, and spellings have to agree" : "";
}

/// No Allow has the action: what there is instead.
inline explanation explain_no_action(const std::vector<indexed_statement>& all, const request& asked) {
  explanation out;
  std::vector<std::string> known;
  // The entry is for the nearest statement's document, or for any.
  const bool is_old = !all.empty() && std::all_of(all.begin(), all.end(), [](const indexed_statement& s) { return s.version == language::v2008; });
  language version = is_old ? language::v2008 : language::v2012;
  for (const indexed_statement& s : all) {
    if (s.what->what != effect::allow) continue;
    for (const action_node& a : s.what->actions) {
      const std::string near = near_action(*s.what, a, asked.action);
      add_once(known, {a.text});
      if (near.empty() || !out.why.empty()) continue;
      out.nearest = s.index;
      version = s.version;
      out.why = "no statement allows " + shown_action(asked.action) + "; " + place_of(*s.trace) + " has " + in_ticks(a.text) + near;
    }
  }
  out.corrected_resource = escaped(asked.resource, version);
  if (!out.why.empty()) return out;
  out.why = known.empty() ? "no statement allows anything" : "no statement allows " + shown_action(asked.action) + "; the policies allow " + listed(known);
  return out;
}

inline explanation explain_denial(const std::vector<indexed_statement>& all, const request& asked) {
  explanation out;
  int best = -1;
  for (const indexed_statement& s : all) {
    if (s.what->what != effect::allow || s.trace->result == statement_result::action) continue;
    gap here = s.trace->result == statement_result::condition ? gap{1000, explain_condition(*s.what, asked, s.version), ""}
                                                               : nearest_entry(*s.what, asked, s.version);
    if (here.score <= best) continue;
    best = here.score;
    out.nearest = s.index;
    out.why = place_of(*s.trace) + " is nearest: " + here.why;
    out.corrected_resource = std::move(here.corrected);
  }
  return best < 0 ? explain_no_action(all, asked) : out;
}

inline explanation explain_match(const std::vector<indexed_statement>& all, const request& asked, effect decisive) {
  explanation out;
  const bool also_allowed = std::any_of(all.begin(), all.end(), [](const indexed_statement& s) {
    return s.what->what == effect::allow && s.trace->result == statement_result::matched;
  });
  for (const indexed_statement& s : all) {
    if (s.what->what != decisive || s.trace->result != statement_result::matched) continue;
    out.nearest = s.index;
    const std::string by = match_resource(*s.what, asked.resource, asked.values).matched_by;
    out.why = place_of(*s.trace) + (decisive == effect::deny ? " denies " : " allows ") + shown_action(asked.action) + " on " +
              (by.empty() ? "everything that its NotResource list does not name" : in_ticks(resource_part(by)));
    if (decisive == effect::deny)
      out.why += also_allowed ? "; a Deny wins over every Allow" : "; a Deny wins, and no statement allows it either";
    return out;
  }
  return out;
}

}  // namespace detail

inline explanation explain(const std::vector<named_document>& documents, const request& asked, const verdict& given) {
  const auto all = detail::pair_up(documents, given);
  switch (given.answer) {
    case decision::allowed: return detail::explain_match(all, asked, effect::allow);
    case decision::explicit_deny: return detail::explain_match(all, asked, effect::deny);
    case decision::implicit_deny: break;
  }
  explanation out = detail::explain_denial(all, asked);
  if (detail::is_never_asked(asked)) out.corrected_resource.clear();
  return out;
}

}  // namespace fleetprov::policies
