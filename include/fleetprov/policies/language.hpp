#pragma once

#include <fleetprov/policies/variables.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

// Policy patterns and MQTT topic filters as languages: which strings they contain, whether one
// covers another, and a shortest string that shows it.

namespace fleetprov::policies {

/// One element of a pattern: a Unicode code point, a wildcard, or an opaque variable.
using token = std::uint32_t;
inline constexpr token any_one = 0x110000;         ///< `?`: one code point
inline constexpr token any_run = 0x110001;         ///< `*`: any run, `/` included
inline constexpr token any_level = 0x110002;       ///< MQTT `+`: any run without `/`
inline constexpr token first_variable = 0x110010;  ///< variables: this plus their index in the table

constexpr bool is_variable(token t) noexcept { return t >= first_variable; }
constexpr bool is_wildcard(token t) noexcept { return t >= any_one && t < first_variable; }

/// A pattern, or with literals and variables only, one string.
using token_string = std::vector<token>;

/// How `${key}` reads in a pattern: as one symbol that equals only itself (questions about one and the
/// same device), or as any text (questions about what could happen for some device).
enum class variable_reading : std::uint8_t { opaque, any_text };

/// Names of the variables in a set of patterns: the same key, in any case, is the same symbol.
class variable_table {
 public:
  token intern(std::string_view name) {
    constexpr case_insensitive_less less;
    for (std::size_t i = 0; i < names_.size(); ++i)
      if (!less(names_[i], name) && !less(name, names_[i])) return first_variable + static_cast<token>(i);
    names_.emplace_back(name);
    return first_variable + static_cast<token>(names_.size() - 1);
  }
  /// The key as first written; `variable` must come from this table.
  const std::string& name_of(token variable) const noexcept { return names_[variable - first_variable]; }

 private:
  std::vector<std::string> names_;
};

namespace detail {

/// The code point at `at`; moves `at` past it. Bytes that are not UTF-8 stand for themselves.
inline token next_code_point(std::string_view text, std::size_t& at) noexcept {
  const auto lead = static_cast<unsigned char>(text[at++]);
  if (lead < 0xC0) return lead;
  const std::size_t more = lead >= 0xF0 ? 3U : lead >= 0xE0 ? 2U : 1U;
  token point = lead & (0x3FU >> more);
  const std::string_view rest = text.substr(at, more);
  for (const char c : rest) {
    if (!is_continuation(c)) return lead;
    point = (point << 6) | (static_cast<unsigned char>(c) & 0x3FU);
  }
  if (rest.size() < more || point > 0x10FFFF) return lead;
  at += more;
  return point;
}

inline void append_utf8(std::string& out, token point) {
  const auto put = [&](token byte) { out += static_cast<char>(static_cast<unsigned char>(byte)); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xC0U | (point >> 6));
    put(0x80U | (point & 0x3FU));
  } else if (point < 0x10000) {
    put(0xE0U | (point >> 12));
    put(0x80U | ((point >> 6) & 0x3FU));
    put(0x80U | (point & 0x3FU));
  } else {
    put(0xF0U | (point >> 18));
    put(0x80U | ((point >> 12) & 0x3FU));
    put(0x80U | ((point >> 6) & 0x3FU));
    put(0x80U | (point & 0x3FU));
  }
}

}  // namespace detail

/// `text` as one string: every character stands for itself.
inline token_string literal_tokens(std::string_view text) {
  token_string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) out.push_back(detail::next_code_point(text, i));
  return out;
}

/// A pattern of the document, already split. A variable with a fault reads as the text that was written.
inline token_string to_tokens(const text_pattern& pattern, variable_reading variables, variable_table& table) {
  token_string out;
  const auto put_run = [&out] {
    if (out.empty() || out.back() != any_run) out.push_back(any_run);
  };
  const auto put_text = [&out](std::string_view text) {
    for (std::size_t i = 0; i < text.size();) out.push_back(detail::next_code_point(text, i));
  };
  for (const pattern_piece& piece : pattern.pieces) {
    switch (piece.what) {
      case pattern_piece::kind::literal:
        put_text(piece.text);
        break;
      case pattern_piece::kind::any_run:
        put_run();
        break;
      case pattern_piece::kind::any_one:
        out.push_back(any_one);
        break;
      case pattern_piece::kind::variable:
        if (piece.problem != variable_problem::none) put_text(piece.written);
        else if (variables == variable_reading::any_text) put_run();
        else out.push_back(table.intern(piece.text));
    }
  }
  return out;
}

/// The topics an MQTT filter selects, in AWS's reading: `a/#` contains `a/` and `a/b` but not `a`.
/// A filter that begins with a wildcard also selects no `$` topic; the caller excludes those.
inline token_string compile_filter(const token_string& filter) {
  token_string out;
  out.reserve(filter.size());
  for (std::size_t i = 0; i < filter.size(); ++i) {
    const bool starts = i == 0 || filter[i - 1] == '/';
    const bool ends = i + 1 == filter.size() || filter[i + 1] == '/';
    if (filter[i] == '+' && starts && ends) out.push_back(any_level);
    else if (filter[i] == '#' && starts && i + 1 == filter.size()) out.push_back(any_run);
    else out.push_back(filter[i]);
  }
  return out;
}

/// The text of a string or pattern, for people.
inline std::string spell(const token_string& what, const variable_table& table) {
  std::string out;
  for (const token t : what) {
    if (t == any_one) out += '?';
    else if (t == any_run) out += '*';
    else if (t == any_level) out += '+';
    else if (is_variable(t)) out += "${" + table.name_of(t) + "}";
    else detail::append_utf8(out, t);
  }
  return out;
}

/// How much an analysis may still do. Every walk takes from it; at zero the answers become `unknown`.
struct work_budget {
  std::size_t steps = 40000;
  constexpr bool take(std::size_t n) noexcept {
    if (n > steps) {
      steps = 0;
      return false;
    }
    steps -= n;
    return true;
  }
};

enum class answer : std::uint8_t { no, yes, unknown };

/// Whether every string of `narrow` is one of `wide`, for one policy pattern against another.
/// `yes` is exact; `no` may be wrong only where `wide` holds `?` beside `*`. O(|wide| * |narrow|).
inline answer covers(const token_string& wide, const token_string& narrow, work_budget& budget) {
  // The classic greedy match with `narrow` as the text: its `*` is a symbol that only a `*` can take.
  std::size_t w = 0, n = 0, star = token_string().max_size(), mark = 0;
  std::size_t used = 0;
  while (n < narrow.size()) {
    ++used;
    const token have = narrow[n];
    if (w < wide.size() && wide[w] == any_run) {
      star = w++;
      mark = n;
    } else if (w < wide.size() && have != any_run && (wide[w] == have || (wide[w] == any_one && !is_variable(have)))) {
      ++w;
      ++n;
    } else if (star != token_string().max_size()) {
      w = star + 1;
      n = ++mark;
    } else {
      break;
    }
    if (used > 64 && !budget.take(64)) return answer::unknown;
    if (used > 64) used = 0;
  }
  if (!budget.take(used)) return answer::unknown;
  if (n < narrow.size()) return answer::no;
  while (w < wide.size() && wide[w] == any_run) ++w;
  return w == wide.size() ? answer::yes : answer::no;
}

/// What `find_string` looks for: a string in every `required` set (each a union of patterns) and in
/// none of `forbidden`.
struct string_query {
  std::vector<std::vector<const token_string*>> required;
  std::vector<const token_string*> forbidden;
};

struct string_answer {
  answer exists = answer::no;
  token_string witness;  ///< a shortest such string if `exists` is yes
};

namespace detail {

/// Breadth-first search over sets of pattern positions, built on the fly. A set is the sorted list of
/// the active positions of all patterns, numbered through.
class string_search {
 public:
  explicit string_search(const string_query& query) {
    for (const auto& group : query.required) {
      for (const token_string* g : group) add(*g, groups_);
      ++groups_;
    }
    for (const token_string* g : query.forbidden) add(*g, forbidden_group);
    for (const auto& p : patterns_)
      for (std::size_t i = 0; i <= p.text->size(); ++i)
        owner_.push_back(static_cast<std::uint32_t>(&p - patterns_.data()));
  }

  string_answer run(work_budget& budget) {
    state start;
    for (const auto& p : patterns_) enter(start, p, 0);
    normalise(start);
    nodes_.push_back({start, 0, 0});
    seen_.insert(key_of(start));
    for (std::size_t at = 0; at < nodes_.size(); ++at) {
      if (accepts(nodes_[at].active)) return {answer::yes, spell_back(at)};
      for (const token symbol : symbols(nodes_[at].active)) {
        if (!budget.take(nodes_[at].active.size() + 4)) return {answer::unknown, {}};
        state next = step(nodes_[at].active, symbol);
        if (!hopeful(next)) continue;
        if (seen_.insert(key_of(next)).second)
          nodes_.push_back({std::move(next), static_cast<std::uint32_t>(at), symbol});
      }
    }
    return {answer::no, {}};
  }

 private:
  static constexpr std::size_t forbidden_group = 1000000;
  using state = std::vector<std::uint32_t>;
  struct pattern {
    const token_string* text;
    std::size_t group;
    std::uint32_t base;
  };
  struct node {
    state active;
    std::uint32_t parent;
    token by;
  };

  void add(const token_string& g, std::size_t group) {
    patterns_.push_back({&g, group, next_base_});
    next_base_ += static_cast<std::uint32_t>(g.size() + 1);
  }
  static bool is_loop(token t) noexcept { return t == any_run || t == any_level; }

  /// Adds a position and those reachable without reading: a wildcard run may be empty.
  static void enter(state& to, const pattern& p, std::size_t i) {
    to.push_back(p.base + static_cast<std::uint32_t>(i));
    while (i < p.text->size() && is_loop((*p.text)[i])) to.push_back(p.base + static_cast<std::uint32_t>(++i));
  }
  /// Sorts, and drops what the last `*` reached makes superfluous: everything readable before it can
  /// also be read by it.
  void normalise(state& s) const {
    std::sort(s.begin(), s.end());
    s.erase(std::unique(s.begin(), s.end()), s.end());
    std::size_t out = 0;
    for (std::size_t i = 0; i < s.size(); ++i) {
      const pattern& p = patterns_[owner_[s[i]]];
      const std::size_t at = s[i] - p.base;
      if (at < p.text->size() && (*p.text)[at] == any_run)
        while (out > 0 && s[out - 1] >= p.base) --out;
      s[out++] = s[i];
    }
    s.resize(out);
  }
  state step(const state& from, token symbol) const {
    state to;
    for (const std::uint32_t position : from) {
      const pattern& p = patterns_[owner_[position]];
      const std::size_t i = position - p.base;
      if (i == p.text->size()) continue;
      const token t = (*p.text)[i];
      if (t == any_run || (t == any_level && symbol != '/')) enter(to, p, i);
      else if (t == symbol || (t == any_one && !is_variable(symbol))) enter(to, p, i + 1);
    }
    normalise(to);
    return to;
  }
  /// The symbols that can tell strings apart here: the literals that come next, and one other.
  std::vector<token> symbols(const state& s) const {
    std::vector<token> out;
    for (const std::uint32_t position : s) {
      const pattern& p = patterns_[owner_[position]];
      const std::size_t i = position - p.base;
      if (i == p.text->size()) continue;
      const token t = (*p.text)[i];
      if (t == any_level) out.push_back('/');
      else if (!is_wildcard(t)) out.push_back(t);
    }
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    token other = 'x';
    while (std::binary_search(out.begin(), out.end(), other))
      other = other == 'z' ? 'a' : other == 'w' ? 0x4E00 : other + 1;
    out.insert(out.begin(), other);
    return out;
  }
  bool ends(std::uint32_t position) const noexcept {
    const pattern& p = patterns_[owner_[position]];
    return position - p.base == p.text->size();
  }
  bool accepts(const state& s) const {
    std::vector<bool> met(groups_, false);
    for (const std::uint32_t position : s) {
      if (!ends(position)) continue;
      const std::size_t group = patterns_[owner_[position]].group;
      if (group == forbidden_group) return false;
      met[group] = true;
    }
    return std::find(met.begin(), met.end(), false) == met.end();
  }
  /// Every required set still has an active position.
  bool hopeful(const state& s) const {
    std::size_t alive = 0, last = forbidden_group;
    for (const std::uint32_t position : s) {
      const std::size_t group = patterns_[owner_[position]].group;
      if (group == forbidden_group) break;
      if (group != last) ++alive;
      last = group;
    }
    return alive == groups_;
  }
  static std::string key_of(const state& s) {
    return std::string(reinterpret_cast<const char*>(s.data()), s.size() * sizeof(std::uint32_t));
  }
  token_string spell_back(std::size_t at) const {
    token_string out;
    for (; at != 0; at = nodes_[at].parent) out.push_back(nodes_[at].by);
    std::reverse(out.begin(), out.end());
    return out;
  }

  std::vector<pattern> patterns_;
  std::vector<std::uint32_t> owner_;  // position -> index of its pattern
  std::vector<node> nodes_;
  std::unordered_set<std::string> seen_;
  std::size_t groups_ = 0;
  std::uint32_t next_base_ = 0;
};

}  // namespace detail

/// A shortest string in every required set and in no forbidden pattern. Exact; `unknown` when the
/// budget is spent (the number of sets can grow exponentially with `?` after `*`).
inline string_answer find_string(const string_query& query, work_budget& budget) {
  return detail::string_search(query).run(budget);
}

/// Whether two policy patterns share a string: a walk over pairs of positions, O(|a| * |b|).
inline answer overlap(const token_string& a, const token_string& b, work_budget& budget) {
  // Cheap exits first: the text before the first wildcard, and the text after the last.
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
    if (is_wildcard(a[i]) || is_wildcard(b[i])) break;
    if (a[i] != b[i]) return answer::no;
  }
  for (std::size_t i = 1; i <= a.size() && i <= b.size(); ++i) {
    if (is_wildcard(a[a.size() - i]) || is_wildcard(b[b.size() - i])) break;
    if (a[a.size() - i] != b[b.size() - i]) return answer::no;
  }
  const std::size_t width = b.size() + 1;
  if (!budget.take((a.size() + 1) * width / 64 + 1)) return answer::unknown;
  std::vector<bool> seen((a.size() + 1) * width, false);
  std::vector<std::pair<std::size_t, std::size_t>> open{{0, 0}};
  seen[0] = true;
  const auto visit = [&](std::size_t i, std::size_t j) {
    if (seen[i * width + j]) return;
    seen[i * width + j] = true;
    open.emplace_back(i, j);
  };
  while (!open.empty()) {
    if (!budget.take(1)) return answer::unknown;
    const auto [i, j] = open.back();
    open.pop_back();
    if (i == a.size() && j == b.size()) return answer::yes;
    const bool run_a = i < a.size() && a[i] == any_run, run_b = j < b.size() && b[j] == any_run;
    if (run_a) visit(i + 1, j);
    if (run_b) visit(i, j + 1);
    if (run_a && j < b.size()) visit(i, j + 1);
    if (run_b && i < a.size()) visit(i + 1, j);
    if (i < a.size() && j < b.size() && !run_a && !run_b &&
        (a[i] == b[j] || (a[i] == any_one && !is_variable(b[j])) || (b[j] == any_one && !is_variable(a[i]))))
      visit(i + 1, j + 1);
  }
  return answer::no;
}

/// Whether one string is in a policy pattern's language; both from the same variable table.
inline bool contains(const token_string& pattern, const token_string& text) {
  std::size_t p = 0, t = 0, star = pattern.size(), mark = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == any_run) {
      star = p++;
      mark = t;
    } else if (p < pattern.size() && (pattern[p] == text[t] || (pattern[p] == any_one && !is_variable(text[t])))) {
      ++p;
      ++t;
    } else if (star != pattern.size()) {
      p = star + 1;
      t = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == any_run) ++p;
  return p == pattern.size();
}

/// What may follow `prefix` (literals only) in the strings of `pattern`: a union of patterns, at most
/// one per `*` in it. `pattern` may be a compiled filter.
inline std::vector<token_string> after_prefix(const token_string& pattern, const token_string& prefix) {
  if (pattern.size() == 1 && pattern[0] == any_run) return {pattern};
  std::vector<std::size_t> active;
  const auto enter = [&](std::vector<std::size_t>& to, std::size_t i) {
    for (;; ++i) {
      if (std::find(to.begin(), to.end(), i) == to.end()) to.push_back(i);
      if (i == pattern.size() || (pattern[i] != any_run && pattern[i] != any_level)) return;
    }
  };
  enter(active, 0);
  for (const token symbol : prefix) {
    std::vector<std::size_t> next;
    for (const std::size_t i : active) {
      if (i == pattern.size()) continue;
      if (pattern[i] == any_run || (pattern[i] == any_level && symbol != '/')) enter(next, i);
      else if (pattern[i] == symbol || pattern[i] == any_one) enter(next, i + 1);
    }
    active = std::move(next);
    if (active.empty()) return {};
  }
  std::sort(active.begin(), active.end());
  std::vector<token_string> out;
  for (const std::size_t i : active) {
    // The position after a `*` or `+` adds nothing to the wildcard itself, which is active too.
    if (i > 0 && (pattern[i - 1] == any_run || pattern[i - 1] == any_level)) continue;
    out.emplace_back(pattern.begin() + static_cast<std::ptrdiff_t>(i), pattern.end());
  }
  return out;
}

}  // namespace fleetprov::policies
