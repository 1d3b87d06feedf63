#pragma once

#include <fleetprov/policies/detail/nearest_name.hpp>
#include <fleetprov/policies/detail/resource_check.hpp>
#include <fleetprov/policies/document.hpp>
#include <fleetprov/topics/limits.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fleetprov::policies {

inline std::size_t count_characters(std::string_view json_text) noexcept {
  std::size_t n = 0;
  bool in_string = false, escaped = false;
  for (const char c : json_text) {
    if (!in_string && (c == ' ' || c == '\t' || c == '\n' || c == '\r')) continue;
    if (!detail::is_continuation(c)) ++n;
    if (escaped) escaped = false;
    else if (in_string && c == '\\') escaped = true;
    else if (c == '"') in_string = !in_string;
  }
  return n;
}

namespace detail {

inline std::size_t count_string(std::string_view text) noexcept {
  std::size_t n = 2 + count_code_points(text);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\' || c == '\n' || c == '\t' || c == '\r' || c == '\b' || c == '\f') n += 1;
    else if (byte < 0x20) n += 5;
  }
  return n;
}

}  // namespace detail

inline std::size_t count_characters(const json::value& policy) {
  std::size_t n = 0;
  switch (policy.what) {
    case json::kind::null: return 4;
    case json::kind::boolean:
    case json::kind::number: return policy.text.size();
    case json::kind::string: return detail::count_string(policy.text);
    case json::kind::array:
      for (const json::value& v : policy.items) n += count_characters(v) + 1;
      return policy.items.empty() ? 2 : n + 1;
    case json::kind::object:
      for (const json::member& m : policy.members) n += detail::count_string(m.key) + 1 + count_characters(m.held) + 1;
      return policy.members.empty() ? 2 : n + 1;
  }
  return n;  // GCOVR_EXCL_LINE: every kind is above
}

namespace detail {

/// Builds the tree and collects findings. A document of findings only helps nobody: it keeps the first thousand.
class document_reader {
 public:
  explicit document_reader(language version = language::v2008) : version_(version) {}

  policy_document read(const json::value& root, std::string_view base) {
    policy_document out;
    out.pointer = std::string(base);
    out.where = root.where;
    if (!root.is_object()) {
      add("P001", std::string(base), root.where, "a policy is a JSON object, this is " + std::string(name_of(root.what)),
          root.is_string() ? "the text may be a file name or a policy inside a string" : "");
      return out;
    }
    report_nul(root, out.pointer);
    read_version(root, out);
    for (const json::member& m : root.members) {
      const std::string at = json::child_pointer(base, m.key);
      if (m.key == "Version" || m.key == "Statement") continue;
      if (m.key == "Id") read_id(m, at, out);
      else unknown_element(m, at, {"Version", "Id", "Statement"});
    }
    read_statements(root, out);
    return out;
  }

  std::vector<condition> read_conditions(const json::value& block, const std::string& at) {
    std::vector<condition> out;
    if (!block.is_object()) {
      wrong_type(block, at, "Condition", "an object of operators");
      return out;
    }
    if (block.members.empty()) add("P043", at, block.where, "an empty Condition has no effect", "delete it");
    for (const json::member& m : block.members) read_operator(m, json::child_pointer(at, m.key), out);
    return out;
  }

  void check_size(std::size_t characters, const json::value& root, std::string_view base) {
    if (characters <= topics::limits::max_policy_characters) return;
    add("P031", std::string(base), opening(root),
        "the policy has " + std::to_string(characters) + " characters without blanks, the limit is " +
            std::to_string(topics::limits::max_policy_characters),
        "shorten it with wildcards and variables, or attach several policies");
  }

  std::vector<diagnostic> take_findings() {
    sort_diagnostics(findings_);
    return std::move(findings_);
  }
  bool has_errors() const noexcept { return has_errors_; }

 private:
  void add(std::string_view id, std::string pointer, source_range where, std::string message, std::string help) {
    const rule* broken = find_rule(id);
    const bool first_error = broken->level == severity::error && !has_errors_;
    has_errors_ = has_errors_ || first_error;
    if (findings_.size() >= 1000 && !first_error) return;
    diagnostic d;
    d.broken = broken;
    d.level = broken->level;
    d.pointer = std::move(pointer);
    d.where = where;
    d.message = std::move(message);
    d.help = std::move(help);
    findings_.push_back(std::move(d));
  }

  static source_range opening(const json::value& v) noexcept {
    return v.where.empty() ? v.where : source_range{v.where.begin, v.where.begin + 1};
  }
  void wrong_type(const json::value& v, const std::string& at, std::string_view what, std::string_view wanted) {
    const bool is_function = v.members.size() == 1 && (v.members[0].key == "Ref" || v.members[0].key.substr(0, 4) == "Fn::");
    add("P005", at, v.where, std::string(what) + " is " + std::string(name_of(v.what)) + ", not " + std::string(wanted),
        is_function ? in_ticks(v.members[0].key) + " works in a template only: a policy has the text itself" : "");
  }
  /// The escape of a NUL: no request can have it, and AWS refuses it.
  void report_nul(const json::value& v, const std::string& at) {
    const auto check = [&](const std::string& text, const std::string& where, source_range range) {
      if (text.find('\0') != std::string::npos) add("P045", where, range, "a NUL character", "delete the `\\u0000`");
    };
    check(v.text, at, v.where);
    for (std::size_t i = 0; i < v.items.size(); ++i) report_nul(v.items[i], json::child_pointer(at, i));
    for (const json::member& m : v.members) {
      const std::string each = json::child_pointer(at, m.key);
      check(m.key, each, m.key_where);
      report_nul(m.held, each);
    }
  }
  static text_node node(const json::value& v, std::string at) { return {v.text, std::move(at), v.where}; }
  static text_node key_node(const json::member& m, std::string at) { return {m.key, std::move(at), m.key_where}; }

  void unknown_element(const json::member& m, const std::string& at, std::initializer_list<std::string_view> known) {
    std::string help;
    for (const std::string_view k : known)
      if (equal_folded(k, m.key)) help = "element names are exact: write `" + std::string(k) + "`";
    for (const std::string_view k : known)
      if (help.empty() && edit_distance(folded(k), folded(m.key), 2) <= 2) help = "did you mean `" + std::string(k) + "`?";
    if (parse_condition_operator(m.key)) help = "a condition operator belongs inside `Condition`; here it is no condition at all";
    if (help.empty()) {
      help = "known here:";
      for (const std::string_view k : known) help += " " + std::string(k);
    }
    add("P004", at, m.key_where, "unknown element " + in_ticks(m.key), std::move(help));
  }

  void read_version(const json::value& root, policy_document& out) {
    const json::member* m = root.find_member("Version");
    if (m == nullptr) {
      add("P007", out.pointer, opening(root), "no Version: the policy language of 2008 applies, without variables",
          R"(add "Version": "2012-10-17")");
      return;
    }
    const std::string at = json::child_pointer(out.pointer, "Version");
    out.version_value = node(m->held, at);
    if (!m->held.is_string()) {
      wrong_type(m->held, at, "Version", "a string");
    } else if (m->held.text == "2012-10-17") {
      out.version = language::v2012;
    } else if (m->held.text != "2008-10-17") {
      add("P006", at, m->held.where, "invalid Version " + in_ticks(m->held.text),
          R"(write "2012-10-17": Version names the policy language, not your revision)");
      out.version = language::v2012;
    }
    version_ = out.version;
  }

  void read_id(const json::member& m, const std::string& at, policy_document& out) {
    if (!m.held.is_string()) {
      wrong_type(m.held, at, "Id", "a string");
      return;
    }
    out.id = node(m.held, at);
    add("P032", at, m.key_where, "Id has no effect in an attached policy", "delete it");
  }

  void read_statements(const json::value& root, policy_document& out) {
    const json::value* list = root.find("Statement");
    if (list == nullptr) {
      add("P002", out.pointer, opening(root), "the policy has no Statement",
          root.members.empty() ? R"(a policy needs "Version" and "Statement")" : "");
      return;
    }
    const std::string at = json::child_pointer(out.pointer, "Statement");
    if (list->is_object()) {
      out.statements.push_back(read_statement(*list, at));
    } else if (!list->is_array()) {
      wrong_type(*list, at, "Statement", "an object or an array of objects");
    } else if (list->items.empty()) {
      add("P003", at, list->where, "Statement is empty", "");
    } else {
      for (std::size_t i = 0; i < list->items.size(); ++i) {
        const std::string each = json::child_pointer(at, i);
        if (list->items[i].is_object()) out.statements.push_back(read_statement(list->items[i], each));
        else wrong_type(list->items[i], each, "a statement", "an object");
      }
    }
  }

  statement read_statement(const json::value& v, const std::string& at) {
    statement out;
    out.pointer = at;
    out.where = v.where;
    for (const json::member& m : v.members) {
      const std::string each = json::child_pointer(at, m.key);
      if (m.key == "Sid") {
        if (m.held.is_string()) out.sid = node(m.held, each);
        else wrong_type(m.held, each, "Sid", "a string");
      } else if (m.key == "Principal" || m.key == "NotPrincipal") {
        add("P015", each, m.key_where, in_ticks(m.key) + " is not allowed in an attached policy",
            "delete it: the certificate the policy is attached to is the principal");
      } else if (m.key == "Condition") {
        out.condition_key = key_node(m, each);
        out.conditions = read_conditions(m.held, each);
      } else if (m.key != "Effect" && m.key != "Action" && m.key != "NotAction" && m.key != "Resource" &&
                 m.key != "NotResource") {
        unknown_element(m, each, {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"});
      }
    }
    read_effect(v, out);
    read_action_list(v, out);
    read_resource_list(v, out);
    return out;
  }

  void read_effect(const json::value& v, statement& out) {
    const json::member* m = v.find_member("Effect");
    if (m == nullptr) {
      add("P008", out.pointer, opening(v), "the statement has no Effect", R"(add "Effect": "Allow" or "Deny")");
      return;
    }
    const std::string at = json::child_pointer(out.pointer, "Effect");
    out.effect_value = node(m->held, at);
    if (!m->held.is_string()) wrong_type(m->held, at, "Effect", "a string");
    else if (m->held.text == "Deny") out.what = effect::deny;
    else if (m->held.text != "Allow")
      add("P009", at, m->held.where, "Effect is " + in_ticks(m->held.text) + ", not Allow or Deny",
          "the value is case-sensitive: \"Allow\" or \"Deny\"");
  }

  struct chosen {
    const json::member* member = nullptr;
    list_mode mode = list_mode::any_of;
  };
  /// Exactly one of two elements, or a finding.
  chosen choose(const json::value& v, const statement& in, std::string_view plain, std::string_view inverted,
                std::string_view missing_rule, std::string_view both_rule) {
    const json::member* a = v.find_member(plain);
    const json::member* b = v.find_member(inverted);
    const std::string names = std::string(plain) + " or " + std::string(inverted);
    if (a == nullptr && b == nullptr)
      add(missing_rule, in.pointer, opening(v), "the statement has no " + names, "");
    if (a != nullptr && b != nullptr)
      add(both_rule, json::child_pointer(in.pointer, b->key), b->key_where,
          "the statement has both " + std::string(plain) + " and " + std::string(inverted), "keep one of them");
    if (a != nullptr) return {a, list_mode::any_of};
    return {b, list_mode::none_of};
  }

  /// The strings of a string-or-list, each with its pointer.
  struct entry {
    const json::value* value;
    std::string at;
  };
  std::vector<entry> strings_of(const json::member& m, const std::string& at, std::string_view empty_rule) {
    std::vector<entry> out;
    if (m.held.is_string()) {
      out.push_back({&m.held, at});
    } else if (!m.held.is_array()) {
      wrong_type(m.held, at, m.key, "a string or an array of strings");
    } else if (m.held.items.empty()) {
      add(empty_rule, at, m.held.where, m.key + " is an empty array: the statement has no effect", "");
    } else {
      for (std::size_t i = 0; i < m.held.items.size(); ++i) {
        const std::string each = json::child_pointer(at, i);
        if (m.held.items[i].is_string()) out.push_back({&m.held.items[i], each});
        else wrong_type(m.held.items[i], each, "an entry of " + m.key, "a string");
      }
    }
    return out;
  }

  void read_action_list(const json::value& v, statement& out) {
    const chosen which = choose(v, out, "Action", "NotAction", "P010", "P011");
    if (which.member == nullptr) return;
    const std::string at = json::child_pointer(out.pointer, which.member->key);
    out.action_mode = which.mode;
    out.action_key = key_node(*which.member, at);
    for (entry& e : strings_of(*which.member, at, "P016")) {
      check_action(*e.value, e.at);
      action_node made;
      static_cast<text_node&>(made) = node(*e.value, std::move(e.at));
      made.folded = folded(made.text);
      out.actions.push_back(std::move(made));
    }
  }

  /// `iot.Connect` and `iot/Connect` without `iot.`.
  static std::string without_service(const std::string& action) {
    return starts_folded(action, "iot.") || starts_folded(action, "iot/") ? action.substr(4) : action;
  }

  void check_action(const json::value& v, const std::string& at) {
    if (is_all(v.text, "*")) return;
    if (v.text.find("${") != std::string::npos)
      add("P041", at, v.where, "no variable is substituted in an action", "");
    const std::size_t colon = v.text.find(':');
    const std::size_t start = v.text.find_first_not_of(" \t\r\n");
    if (start != std::string::npos && v.text[start] == '[') {
      add("P020", at, v.where, "a JSON array inside a string", "remove the quotes around the array and the backslashes inside it");
    } else if (colon == std::string::npos || colon == 0 || colon + 1 == v.text.size()) {
      add("P018", at, v.where, "the action " + in_ticks(v.text) + " is not of the form service:Name",
          colon == std::string::npos && start != std::string::npos && v.text.size() < 64 ? "write " + in_ticks("iot:" + without_service(v.text)) : "as in iot:Publish, or `*`");
    }
  }

  void read_resource_list(const json::value& v, statement& out) {
    const chosen which = choose(v, out, "Resource", "NotResource", "P012", "P013");
    if (which.member == nullptr) return;
    const std::string at = json::child_pointer(out.pointer, which.member->key);
    out.resource_mode = which.mode;
    out.resource_key = key_node(*which.member, at);
    for (entry& e : strings_of(*which.member, at, "P017")) {
      for (resource_problem& p : check_resource(e.value->text, version_))
        add(p.rule_id, e.at, e.value->where, std::move(p.message), std::move(p.help));
      resource_node made;
      made.pattern = compile_pattern(e.value->text, wildcards::star_and_question,
                                     version_ == language::v2012 ? variables::substituted : variables::literal_text);
      check_variables(*e.value, e.at, made.pattern);
      static_cast<text_node&>(made) = node(*e.value, std::move(e.at));
      out.resources.push_back(std::move(made));
    }
  }

  void check_variables(const json::value& v, const std::string& at, const text_pattern& pattern) {
    if (version_ == language::v2008 && v.text.find("${") != std::string::npos)
      add("P030", at, v.where, "`${...}` is literal text here: the document is not of Version 2012-10-17",
          R"(write "Version": "2012-10-17")");
    for (const pattern_piece& p : pattern.pieces) {
      switch (p.problem) {
        case variable_problem::none: break;
        case variable_problem::missing_brace:
          add("P026", at, v.where, "the variable " + in_ticks(p.written) + " lacks its closing brace: the entry matches nothing",
              "the form is ${key} or ${key, 'default'}");
          break;
        case variable_problem::empty:
          add("P027", at, v.where, "an empty variable `${}`: the entry matches nothing", "name a variable, as in ${iot:ClientId}");
          break;
        case variable_problem::missing_quote:
          add("P028", at, v.where, "the default value in " + in_ticks(p.written) + " lacks its single quotes: the entry matches nothing",
              "the form is ${key, 'default'}");
          break;
        case variable_problem::space:
          add("P029", at, v.where, "a blank inside the variable name of " + in_ticks(p.written) + ": the entry matches nothing",
              "remove the blank");
          break;
      }
    }
  }

  void read_operator(const json::member& m, const std::string& at, std::vector<condition>& out) {
    const auto op = parse_condition_operator(m.key);
    if (!op) {
      add("P024", at, m.key_where, "unknown condition operator " + in_ticks(m.key), operator_help(m.key));
      return;
    }
    if (op->compares == comparison::null && ends_folded(m.key, "IfExists"))
      add("P025", at, m.key_where, in_ticks(m.key) + " is evaluated as Null", "write `Null`");
    if (!m.held.is_object()) {
      wrong_type(m.held, at, m.key, "an object of condition keys");
      return;
    }
    if (m.held.members.empty()) add("P043", at, m.key_where, in_ticks(m.key) + " names no key: no effect", "delete it");
    for (const json::member& k : m.held.members) {
      condition made;
      made.operation = key_node(m, at);
      made.parsed = *op;
      made.key = key_node(k, json::child_pointer(at, k.key));
      made.values_where = k.held.where;
      read_values(k.held, made);
      out.push_back(std::move(made));
    }
    report_same_keys(m, at);
  }

  void report_same_keys(const json::member& m, const std::string& at) {
    constexpr case_insensitive_less less;
    std::vector<const json::member*> all;
    all.reserve(m.held.members.size());
    for (const json::member& k : m.held.members) all.push_back(&k);
    std::stable_sort(all.begin(), all.end(), [&](const auto* a, const auto* b) { return less(a->key, b->key); });
    for (std::size_t i = 1; i < all.size(); ++i)
      if (!less(all[i - 1]->key, all[i]->key) && all[i - 1]->key != all[i]->key)
        add("P040", json::child_pointer(at, all[i]->key), all[i]->key_where,
            in_ticks(all[i]->key) + " and " + in_ticks(all[i - 1]->key) + " are the same key", "put all values into one list");
  }

  static std::string operator_help(std::string_view name) {
    std::string_view base = name;
    std::string_view prefix;
    constexpr std::pair<std::string_view, std::string_view> prefixes[] = {
        {"ForAllValues:", "ForAllValues:"}, {"ForAnyValue:", "ForAnyValue:"}, {"ForAllValue:", "ForAllValues:"},
        {"ForAnyValues:", "ForAnyValue:"},  {"ForAll:", "ForAllValues:"},     {"ForAny:", "ForAnyValue:"}};
    for (const auto& [written, right] : prefixes)
      if (prefix.empty() && starts_folded(base, written)) {
        base.remove_prefix(written.size());
        prefix = right;
      }
    std::string_view suffix;
    if (ends_folded(base, "IfExists")) {
      base.remove_suffix(8);
      suffix = "IfExists";
    }
    const auto write_instead = [&](std::string_view name_of_operator, std::string_view plural) {
      std::string out = "write `";
      out.append(prefix).append(name_of_operator).append(plural).append(suffix) += '`';
      return out;
    };
    for (const operator_name& known : operator_names)
      if (equal_folded(known.name, base)) return write_instead(known.name, "");
    if (equal_folded(base, "StringNotEqual") || equal_folded(base, "StringEqual") || equal_folded(base, "ArnEqual"))
      return write_instead(base, "s");
    if (equal_folded(base, "Boolean")) return "write `Bool`";
    if (base.find(':') != std::string_view::npos) return "this looks like a condition key: put it inside an operator such as StringEquals";
    return "operators are StringEquals, StringLike, Bool, ArnLike, IpAddress, Null and their variants";
  }

  void read_values(const json::value& v, condition& to) {
    const auto one = [&](const json::value& item, std::string at) {
      if (!item.is_string() && !item.is(json::kind::number) && !item.is(json::kind::boolean)) {
        wrong_type(item, at, "a condition value", "a string, a number or a boolean");
        return;
      }
      condition_value made;
      made.written_as = item.what;
      made.pattern = compile_condition_value(item.text, to.parsed.compares, version_);
      if (takes_variables(to.parsed.compares)) check_variables(item, at, made.pattern);
      else if (version_ == language::v2012 && item.text.find("${") != std::string::npos)
        add("P042", at, item.where, in_ticks(to.operation.text) + " does not substitute variables: the text is literal", "");
      static_cast<text_node&>(made) = node(item, std::move(at));
      to.values.push_back(std::move(made));
    };
    if (!v.is_array()) {
      one(v, to.key.pointer);
      return;
    }
    if (v.items.empty())
      add("P044", to.key.pointer, v.where, "no values: " + empty_values_meaning(to.parsed), "");
    for (std::size_t i = 0; i < v.items.size(); ++i) one(v.items[i], json::child_pointer(to.key.pointer, i));
  }

  static std::string empty_values_meaning(const condition_operator& op) {
    if (op.over == quantifier::for_all_values) return "it holds only for a request without values";
    if (op.absence == when_absent::if_exists) return "it holds only if the request lacks the key";
    return "it never holds";
  }

  language version_;
  std::vector<diagnostic> findings_;
  bool has_errors_ = false;
};

inline outcome<policy_document> read_document(const json::value& root, std::string_view base, std::size_t characters) {
  document_reader reader;
  policy_document made = reader.read(root, base);
  made.characters = characters;
  reader.check_size(characters, root, base);
  outcome<policy_document> out;
  if (!reader.has_errors()) out.value = std::move(made);
  out.diagnostics = reader.take_findings();
  return out;
}

}  // namespace detail

inline outcome<policy_document> parse(const json::document& source) {
  const std::size_t characters =
      source.text().empty() ? count_characters(source.root()) : count_characters(source.text());
  return detail::read_document(source.root(), "", characters);
}

inline outcome<policy_document> parse(const json::value& root, std::string_view base_pointer) {
  return detail::read_document(root, base_pointer, count_characters(root));
}

inline outcome<std::vector<condition>> parse_conditions(const json::value& block, language version,
                                                        std::string_view base_pointer) {
  detail::document_reader reader(version);
  auto made = reader.read_conditions(block, std::string(base_pointer));
  outcome<std::vector<condition>> out;
  if (!reader.has_errors()) out.value = std::move(made);
  out.diagnostics = reader.take_findings();
  return out;
}

inline outcome<policy_document> parse_text(std::string text) {
  auto source = json::document::from_text(std::move(text));
  outcome<policy_document> out;
  if (source.value) {
    out = parse(*source.value);
    if (source.has_errors()) out.value.reset();
  }
  out.diagnostics.insert(out.diagnostics.end(), source.diagnostics.begin(), source.diagnostics.end());
  sort_diagnostics(out.diagnostics);
  return out;
}

}  // namespace fleetprov::policies
