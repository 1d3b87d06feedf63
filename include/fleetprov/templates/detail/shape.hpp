#pragma once

#include <fleetprov/core/result.hpp>
#include <fleetprov/core/utf8.hpp>
#include <fleetprov/templates/detail/json_text.hpp>
#include <fleetprov/templates/detail/nearest.hpp>
#include <fleetprov/templates/detail/report.hpp>
#include <fleetprov/templates/document.hpp>
#include <fleetprov/templates/plan.hpp>
#include <fleetprov/topics/limits.hpp>
#include <fleetprov/topics/thing_name.hpp>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What can be said about a value before all parameters are known.
namespace fleetprov::templates::detail {

inline constexpr std::size_t unbounded = std::numeric_limits<std::size_t>::max();

constexpr std::size_t add_saturated(std::size_t a, std::size_t b) noexcept { return a > unbounded - b ? unbounded : a + b; }

/// A stretch of a value: fixed text, or something between two lengths.
struct shape_piece {
  enum class kind : std::uint8_t { fixed, open };
  kind what = kind::fixed;
  std::string text;                       ///< fixed
  std::size_t min = 0, max = unbounded;   ///< open, characters
  std::string parameter;                  ///< where it comes from; empty: the template itself
  std::vector<std::string> alternatives;  ///< open: all the texts it can be, when known

  bool is_fixed() const noexcept { return what == kind::fixed; }
};

struct shape {
  std::vector<shape_piece> pieces;

  bool is_fixed() const noexcept {
    return std::all_of(pieces.begin(), pieces.end(), [](const shape_piece& p) { return p.is_fixed(); });
  }
  std::string text() const {
    std::string out;
    for (const shape_piece& p : pieces) out += p.text;
    return out;
  }
  std::size_t min() const noexcept {
    std::size_t n = 0;
    for (const shape_piece& p : pieces) n = add_saturated(n, p.is_fixed() ? count_code_points(p.text) : p.min);
    return n;
  }
  /// The fixed text that a shape which is not fixed starts with.
  std::string start() const {
    std::string out;
    for (auto p = pieces.begin(); p->is_fixed(); ++p) out += p->text;
    return out;
  }
  /// The fixed text that it ends with.
  std::string end() const {
    std::string out;
    for (auto p = pieces.rbegin(); p->is_fixed(); ++p) out.insert(0, p->text);
    return out;
  }
};

/// Values that are bound: those of `given`; and, where `open` is there, Defaults of what is in neither.
struct bindings {
  const std::map<std::string, std::string>* given = nullptr;
  const std::set<std::string>* open = nullptr;
};

class shape_reader {
 public:
  shape_reader(const provisioning_template& subject, bindings bound) : subject_(subject), bound_(bound) {}

  shape text(const expression& e) const {
    switch (e.what) {
      case expression::kind::literal: return fixed(e.text, "");
      case expression::kind::ref: return reference(e.text);
      case expression::kind::join: return join(e);
      case expression::kind::sub: return sub(e);
      case expression::kind::select: return select(e);
      case expression::kind::find_in_map: return find(e);
      default: return open("");
    }
  }

  /// The elements of a list, when their number is known.
  std::optional<std::vector<shape>> list(const expression& e) const {
    std::vector<shape> out;
    if (e.what == expression::kind::list) {
      for (const expression& element : e.arguments) out.push_back(text(element));
      return out;
    }
    if (e.what == expression::kind::split) {
      const shape delimiter = text(e.arguments[0]), whole = text(e.arguments[1]);
      if (!delimiter.is_fixed() || !whole.is_fixed()) return std::nullopt;
      const std::string by = delimiter.text(), from = whole.text();
      if (by.empty()) return std::nullopt;
      for (std::size_t at = 0;;) {
        const std::size_t to = from.find(by, at);
        out.push_back(fixed(from.substr(at, to - at), source_of(whole)));
        if (to == std::string::npos) return out;
        at = to + by.size();
      }
    }
    if (e.what != expression::kind::find_in_map) return std::nullopt;
    const lookup found = look_up(e);
    if (found.entry == nullptr || !found.entry->is_list) return std::nullopt;
    for (const std::string& value : found.entry->values) out.push_back(fixed(value, ""));
    return out;
  }

  /// The name of a policy; that of an inline one only where its document is known.
  std::optional<shape> policy_name(const policy_resource& p) const {
    if (p.name) return text(*p.name);
    if (!p.document) return std::nullopt;
    std::string document;
    if (p.document->text) {
      const shape known = text(*p.document->text);
      if (!known.is_fixed()) return std::nullopt;
      document = known.text();
    } else {
      if (!p.document->object || !p.document->computed.empty()) return std::nullopt;
      const auto append_null = [](std::string& out, const json::value& v) {
        out += v.text;
        return true;
      };
      append_json(document, *p.document->object, append_null);
    }
    return fixed(default_policy_name(document), "");
  }

 private:
  /// Fn::FindInMap's keys, read once, and the entry where they are known and it exists.
  struct lookup {
    shape map, top, second;
    const mapping_entry* entry = nullptr;
  };
  lookup look_up(const expression& e) const {
    lookup out{text(e.arguments[0]), text(e.arguments[1]), text(e.arguments[2])};
    if (!out.map.is_fixed() || !out.top.is_fixed() || !out.second.is_fixed()) return out;
    const mapping* table = subject_.find_mapping(out.map.text());
    if (table == nullptr) return out;
    const std::string top = out.top.text(), second = out.second.text();
    for (const mapping_level& level : table->levels)
      if (level.key == top)
        for (const mapping_entry& entry : level.entries)
          if (entry.key == second) out.entry = &entry;
    return out;
  }

  static shape fixed(std::string text, std::string parameter) {
    shape_piece p;
    p.text = std::move(text);
    p.parameter = std::move(parameter);
    return {{std::move(p)}};
  }
  static shape open(std::string parameter) {
    shape_piece p;
    p.what = shape_piece::kind::open;
    p.parameter = std::move(parameter);
    return {{std::move(p)}};
  }
  static std::string source_of(const shape& s) {
    for (const shape_piece& p : s.pieces)
      if (!p.parameter.empty()) return p.parameter;
    return {};
  }

  /// Appends, folding everything into one open piece when it grows: nested Fn::Sub must not.
  static void append(shape& to, const shape& more) {
    constexpr std::size_t most_pieces = 128, most_bytes = 64 * 1024;
    std::size_t bytes = 0;
    for (const shape_piece& p : to.pieces) bytes += p.text.size();
    for (const shape_piece& p : more.pieces) bytes += p.text.size();
    if (to.pieces.size() + more.pieces.size() <= most_pieces && bytes <= most_bytes) {
      to.pieces.insert(to.pieces.end(), more.pieces.begin(), more.pieces.end());
      return;
    }
    shape_piece folded;
    folded.what = shape_piece::kind::open;
    folded.min = add_saturated(to.min(), more.min());
    folded.parameter = source_of(to).empty() ? source_of(more) : source_of(to);
    to.pieces.assign(1, folded);
  }

  shape reference(const std::string& name) const {
    if (name == certificate_id_parameter) {
      shape out = open("");
      out.pieces[0].min = out.pieces[0].max = topics::limits::certificate_id_length;
      out.pieces[0].alternatives.emplace_back(topics::limits::certificate_id_length, '0');
      return out;
    }
    if (bound_.given != nullptr) {
      const auto value = bound_.given->find(name);
      if (value != bound_.given->end()) return fixed(value->second, name);
    }
    if (bound_.open != nullptr && bound_.open->count(name) == 0) {
      const parameter* declared = subject_.find_parameter(name);
      if (declared != nullptr && declared->default_value) return fixed(*declared->default_value, name);
    }
    return open(name);
  }

  shape join(const expression& e) const {
    const shape delimiter = text(e.arguments[0]);
    const auto parts = list(e.arguments[1]);
    if (!parts) return open(first_parameter(e));
    shape out;
    for (std::size_t i = 0; i < parts->size(); ++i) {
      if (i != 0) append(out, delimiter);
      append(out, (*parts)[i]);
    }
    return out;
  }

  shape sub(const expression& e) const {
    std::vector<shape> variables;
    for (const expression& argument : e.arguments) variables.push_back(text(argument));
    shape out;
    for (const sub_piece& piece : e.pieces) {
      if (piece.what == sub_piece::kind::text) append(out, fixed(piece.text, ""));
      else if (piece.what == sub_piece::kind::variable) append(out, variables[piece.index]);
      else append(out, reference(piece.text));
    }
    return out;
  }

  shape select(const expression& e) const {
    const shape index = text(e.arguments[0]);
    const auto from = list(e.arguments[1]);
    const std::string number = index.is_fixed() ? index.text() : std::string();
    if (!from || number.empty() || number.size() > 9 || number.find_first_not_of("0123456789") != std::string::npos)
      return open(first_parameter(e));
    std::size_t at = 0;
    for (const char c : number) at = at * 10 + static_cast<std::size_t>(c - '0');
    return at < from->size() ? (*from)[at] : open(first_parameter(e));
  }

  shape find(const expression& e) const {
    const lookup found = look_up(e);
    if (found.entry != nullptr && !found.entry->is_list) return fixed(found.entry->values[0], "");
    const shape& second = found.second;
    shape out = open("");
    const mapping* table = found.map.is_fixed() ? subject_.find_mapping(found.map.text()) : nullptr;
    if (table == nullptr) return out;
    shape_piece& p = out.pieces[0];
    for (const mapping_level& level : table->levels)
      for (const mapping_entry& entry : level.entries)
        if (!entry.is_list && (!second.is_fixed() || second.text() == entry.key)) p.alternatives.push_back(entry.values[0]);
    if (p.alternatives.empty()) return out;
    p.min = unbounded;
    p.max = 0;
    for (const std::string& value : p.alternatives) {
      p.min = std::min(p.min, count_code_points(value));
      p.max = std::max(p.max, count_code_points(value));
    }
    return out;
  }

  static std::string first_parameter(const expression& e) {
    std::string found;
    auto visit = [&](std::string_view name, const place&) {
      if (found.empty() && name != certificate_id_parameter) found = std::string(name);
    };
    visit_references(e, visit);
    return found;
  }

  const provisioning_template& subject_;
  bindings bound_;
};

using name_validator = result<void> (*)(std::string_view) noexcept;

/// A property whose value AWS restricts.
struct slot {
  std::string_view called;
  rule_id broken;
  name_validator valid;
  std::size_t limit;
};

inline constexpr slot thing_name_slot{"the thing name", rule_id::impossible_thing_name, topics::validate_thing_name,
                                      topics::limits::max_thing_name};
inline constexpr slot attribute_slot{"the attribute value", rule_id::attribute_value, topics::validate_attribute_value,
                                     topics::limits::max_attribute_value};
inline constexpr slot thing_type_slot{"the thing type", rule_id::resource_name, topics::validate_thing_type_name,
                                      topics::limits::max_thing_type_name};
inline constexpr slot group_slot{"the thing group", rule_id::resource_name, topics::validate_group_name,
                                 topics::limits::max_thing_group_name};
inline constexpr slot billing_group_slot{"the billing group", rule_id::resource_name, topics::validate_group_name,
                                         topics::limits::max_billing_group_name};
inline constexpr slot policy_name_slot{"the policy name", rule_id::resource_name, topics::validate_policy_name,
                                       topics::limits::max_policy_name};

/// Calls `visit(expression, slot)` for each restricted value.
template <class Visit>
void for_each_slot(const provisioning_template& subject, Visit&& visit) {
  for (const thing_resource& t : subject.things) {
    if (t.name) visit(*t.name, thing_name_slot);
    for (const named_expression& a : t.attributes) visit(a.value, attribute_slot);
    if (t.type) visit(*t.type, thing_type_slot);
    if (t.billing_group) visit(*t.billing_group, billing_group_slot);
    if (t.groups && t.groups->what == expression::kind::list)
      for (const expression& g : t.groups->arguments) visit(g, group_slot);
  }
  for (const policy_resource& p : subject.policies)
    if (p.name) visit(*p.name, policy_name_slot);
}

/// Why no value of this shape can be good, and the parameter at fault (empty: the template).
struct shape_problem {
  std::string why, parameter;
};

inline std::optional<shape_problem> find_problem(const shape& value, const slot& in) {
  for (const shape_piece& p : value.pieces) {
    if (!p.is_fixed() || p.text.empty()) continue;
    const auto good = in.valid(p.text);
    if (good) continue;
    const std::size_t bad = good.error().offset;
    if (bad >= in.limit) continue;  // too long: counted below
    std::size_t end = bad + 1;
    while (end < p.text.size() && (static_cast<unsigned char>(p.text[end]) & 0xC0U) == 0x80U) ++end;
    return shape_problem{"holds " + shown(std::string_view(p.text).substr(bad, end - bad)) +
                             ", which is not allowed there", p.parameter};
  }
  std::string longest;
  std::size_t longest_size = 0;
  for (const shape_piece& p : value.pieces)
    if (!p.parameter.empty() && p.text.size() > longest_size) {
      longest = p.parameter;
      longest_size = p.text.size();
    }
  if (value.min() > in.limit)
    return shape_problem{"has " + std::to_string(value.min()) + (value.is_fixed() ? "" : " or more") +
                             " characters, the limit is " + std::to_string(in.limit), longest};
  if (value.is_fixed() && value.text().empty() && !in.valid("")) {
    std::string source;
    for (const shape_piece& p : value.pieces)
      if (source.empty()) source = p.parameter;
    return shape_problem{"is empty", source};
  }
  return std::nullopt;
}

/// Can `value` be `word`? Only its fixed start and end are looked at.
inline bool can_be(const shape& value, std::string_view word) {
  if (value.is_fixed()) return value.text() == word;
  std::string_view rest = word;  // both loops end at an open piece: there is one
  for (auto p = value.pieces.begin(); p->is_fixed(); ++p) {
    if (rest.substr(0, p->text.size()) != p->text) return false;
    rest.remove_prefix(p->text.size());
  }
  for (auto p = value.pieces.rbegin(); p->is_fixed(); ++p) {
    if (rest.size() < p->text.size() || rest.substr(rest.size() - p->text.size()) != p->text) return false;
    rest.remove_suffix(p->text.size());
  }
  return true;
}

/// Can both be the same text? Only their fixed starts and ends are looked at. `a` is fixed only where `b` is.
inline bool can_be_equal(const shape& a, const shape& b) {
  if (b.is_fixed()) return can_be(a, b.text());
  const std::string a_start = a.start(), b_start = b.start(), a_end = a.end(), b_end = b.end();
  const std::size_t starts = std::min(a_start.size(), b_start.size()), ends = std::min(a_end.size(), b_end.size());
  return a_start.compare(0, starts, b_start, 0, starts) == 0 &&
         a_end.compare(a_end.size() - ends, ends, b_end, b_end.size() - ends, ends) == 0;
}

/// Are these more than `most` different texts, whatever the unknown values are?
inline bool are_more_than(std::size_t most, std::vector<shape> texts) {
  // An unknown text counts only beside those that it can never equal, so the known ones come first.
  std::stable_partition(texts.begin(), texts.end(), [](const shape& text) { return text.is_fixed(); });
  std::vector<const shape*> different;
  for (const shape& text : texts) {
    if (std::any_of(different.begin(), different.end(), [&](const shape* one) { return can_be_equal(text, *one); }))
      continue;
    different.push_back(&text);
    if (different.size() > most) return true;
  }
  return false;
}

/// Groups and policies that are too many whatever the unknown values are.
inline void check_attachments(const provisioning_template& subject, const shape_reader& shapes, report& findings) {
  namespace limits = topics::limits;
  for (const thing_resource& t : subject.things) {
    auto groups = t.groups ? shapes.list(*t.groups) : std::nullopt;
    if (groups && are_more_than(limits::max_groups_per_thing, std::move(*groups)))
      findings.add(rule_id::too_many_groups, t.groups->at.pointer, opening_brace(t.groups->at.where),
                   "more than " + std::to_string(limits::max_groups_per_thing) + " groups for one thing");
  }
  std::vector<shape> names;
  for (const policy_resource& p : subject.policies)
    if (auto name = shapes.policy_name(p)) names.push_back(std::move(*name));
  if (has_certificate(subject) && are_more_than(limits::max_policies_per_target, std::move(names)))
    findings.add(rule_id::too_many_policies, subject.policies.back().at.pointer, subject.policies.back().at.where,
                 "more than " + std::to_string(limits::max_policies_per_target) + " policies for one certificate",
                 "attach policies that many devices share to a thing group");
}

/// Function calls that fail whatever the unknown values are: map lookups and Select.
class call_checker {
 public:
  call_checker(const provisioning_template& subject, bindings bound, report& findings)
      : subject_(subject), shapes_(subject, bound), findings_(findings) {}

  void check(const expression& e) {
    if (e.what == expression::kind::find_in_map) check_find(e);
    if (e.what == expression::kind::select) check_select(e);
    for (const expression& argument : e.arguments) check(argument);
  }

 private:
  void add(rule_id id, const expression& e, std::string message, std::string help = {}) {
    findings_.add(id, e.at.pointer, e.at.where, std::move(message), std::move(help));
  }

  void check_select(const expression& e) {
    const shape index = shapes_.text(e.arguments[0]);
    if (!index.is_fixed()) return;
    const std::string number = index.text();
    if (!is_number(number)) {
      add(rule_id::select_out_of_bounds, e.arguments[0], "the index " + shown(number) + " is not a whole number");
      return;
    }
    const auto from = shapes_.list(e.arguments[1]);
    if (!from) return;
    std::size_t at = 0;
    for (const char c : number) at = at * 10 + static_cast<std::size_t>(c - '0');
    if (at >= from->size())
      add(rule_id::select_out_of_bounds, e.arguments[0],
          "the index " + number + " is outside a list of " + std::to_string(from->size()), "the first element is 0");
  }

  static bool is_number(std::string_view text) noexcept {
    return !text.empty() && text.size() <= 9 && text.find_first_not_of("0123456789") == std::string_view::npos;
  }

  void check_find(const expression& e) {
    const shape map = shapes_.text(e.arguments[0]);
    if (!map.is_fixed()) return;
    const std::string name = map.text();
    const mapping* table = subject_.find_mapping(name);
    if (table == nullptr) {
      std::vector<std::string> known;
      for (const mapping& m : subject_.mappings) known.push_back(m.name);
      add(rule_id::unknown_map, e.arguments[0], "there is no map " + shown(name), did_you_mean(name, known));
      return;
    }
    if (!table->is_whole) return;  // what was refused may have the key
    const shape top = shapes_.text(e.arguments[1]), second = shapes_.text(e.arguments[2]);
    std::vector<std::string> tops, seconds;
    bool has_top = false, has_second = false;
    for (const mapping_level& level : table->levels) {
      tops.push_back(level.key);
      if (!can_be(top, level.key)) continue;
      has_top = true;
      has_second = has_second || !level.is_whole;
      for (const mapping_entry& entry : level.entries) {
        seconds.push_back(entry.key);
        has_second = has_second || can_be(second, entry.key);
      }
    }
    if (!has_top)
      add(rule_id::impossible_map_key, e.arguments[1], "the map " + shown(name) + " has no key " + described(top),
          top.is_fixed() ? did_you_mean(top.text(), tops) : std::string());
    else if (!has_second)
      add(rule_id::impossible_map_key, e.arguments[2],
          "the map " + shown(name) + " has no second-level key " + described(second),
          second.is_fixed() ? did_you_mean(second.text(), seconds) : std::string());
  }

  static std::string described(const shape& key) {
    if (key.is_fixed()) return shown(key.text());
    std::string out;
    for (const shape_piece& p : key.pieces) out += p.is_fixed() ? p.text : "${" + (p.parameter.empty() ? "..." : p.parameter) + "}";
    return "like " + shown(out);
  }

  const provisioning_template& subject_;
  shape_reader shapes_;
  report& findings_;
};

}  // namespace fleetprov::templates::detail
