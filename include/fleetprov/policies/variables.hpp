#pragma once

#include <fleetprov/core/utf8.hpp>
#include <fleetprov/policies/pattern.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fleetprov::policies {

/// `v2008`: Version 2008-10-17 or none. There `${...}` is literal text.
enum class language : std::uint8_t { v2008, v2012 };

/// Orders context keys: case is ignored up to the first `[`, an attribute name inside the brackets counts.
// assumption: IAM documents keys as case-insensitive; thing attribute names are case-sensitive in the registry.
struct case_insensitive_less {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const noexcept {
    bool folds = true;
    const std::size_t shorter = std::min(a.size(), b.size());
    for (std::size_t i = 0; i < shorter; ++i) {
      const auto x = static_cast<unsigned char>(folds ? detail::fold(a[i]) : a[i]);
      const auto y = static_cast<unsigned char>(folds ? detail::fold(b[i]) : b[i]);
      if (x != y) return x < y;
      if (a[i] == '[') folds = false;
    }
    return a.size() < b.size();
  }
};

/// Request context: key to values. A key that is absent differs from one with an empty list. Certificate
/// attributes are held once, under their plain key with all values in order; `X.n` and `X.List` are derived.
using context = std::map<std::string, std::vector<std::string>, case_insensitive_less>;

/// The values of one key; views into the context it came from.
struct context_values {
  bool present = false;
  const std::string* first = nullptr;
  std::size_t count = 0;

  const std::string* begin() const noexcept { return first; }
  const std::string* end() const noexcept { return first + count; }
};

namespace detail {

inline bool starts_folded(std::string_view text, std::string_view prefix) noexcept {
  return text.size() >= prefix.size() && equal_folded(text.substr(0, prefix.size()), prefix);
}
inline bool ends_folded(std::string_view text, std::string_view suffix) noexcept {
  return text.size() >= suffix.size() && equal_folded(text.substr(text.size() - suffix.size()), suffix);
}

inline bool is_certificate_key(std::string_view key) noexcept { return starts_folded(key, "iot:certificate."); }

/// "At most 5 values per attribute are kept" (AWS IoT, X.509 certificate policy variables).
inline constexpr std::size_t max_certificate_values = 5;

inline context_values values_of(const std::vector<std::string>& all, std::size_t from, std::size_t most) noexcept {
  if (from >= all.size()) return {true, nullptr, 0};
  return {true, all.data() + from, std::min(most, all.size() - from)};
}

/// Keys that can hold several values by their nature: conditions may use them, variables may not.
inline bool is_list_key(std::string_view key) noexcept {
  return equal_folded(key, "iot:ConnectAttributes") || equal_folded(key, "iot:Certificate.AvailableKeys") ||
         (is_certificate_key(key) && ends_folded(key, ".List"));
}

/// Known per CONNECT only, and a condition key only (AWS IoT, Connect policy examples).
inline bool is_condition_only_key(std::string_view key) noexcept {
  return is_list_key(key) || equal_folded(key, "iot:LastWillTopic");
}

}  // namespace detail

/// The values a request has for a key, with the certificate spellings: `X` and `X.0` the first value, `X.1`
/// the second, `X.List` all of them (AWS IoT, "Using X.509 certificate policy variables").
// assumption: the page calls the index one-based, its example makes `.1` the second value: an offset.
inline context_values find_values(const context& values, std::string_view key) noexcept {
  const auto exact = values.find(key);
  const bool is_certificate = detail::is_certificate_key(key);
  if (exact != values.end()) {
    const bool is_list = detail::is_list_key(key);
    const std::size_t most = !is_certificate || detail::equal_folded(key, "iot:Certificate.AvailableKeys") ? exact->second.size()
                             : is_list                                                             ? detail::max_certificate_values
                                                                                                   : 1;
    return detail::values_of(exact->second, 0, most);
  }
  if (!is_certificate) return {};
  const std::size_t dot = key.rfind('.');
  const std::string_view tail = key.substr(dot + 1);
  const auto base = values.find(key.substr(0, dot));
  if (base == values.end()) return {};
  if (detail::equal_folded(tail, "List")) return detail::values_of(base->second, 0, detail::max_certificate_values);
  if (tail.size() != 1) return {};
  const std::size_t index = static_cast<unsigned char>(tail[0]) - std::size_t{'0'};  // of what is no digit: beyond any value
  if (index >= base->second.size() || index >= detail::max_certificate_values) return {};
  return detail::values_of(base->second, index, 1);
}

/// What is wrong with the text of a variable; `none` for a good one.
enum class variable_problem : std::uint8_t { none, missing_brace, empty, missing_quote, space };

/// A piece of a pattern as written.
struct pattern_piece {
  enum class kind : std::uint8_t { literal, any_run, any_one, variable };
  kind what = kind::literal;
  std::string text;                      ///< literal: the characters; variable: the key
  std::string written;                   ///< variable: the whole `${...}`
  std::optional<std::string> fallback;   ///< variable: its default value
  variable_problem problem = variable_problem::none;
};

enum class wildcards : std::uint8_t { none, star_and_question };
enum class variables : std::uint8_t { literal_text, substituted };

/// A string of a policy split into literals, wildcards and variables, once.
struct text_pattern {
  std::vector<pattern_piece> pieces;

  bool has_variables() const noexcept {
    return std::any_of(pieces.begin(), pieces.end(),
                       [](const pattern_piece& p) { return p.what == pattern_piece::kind::variable; });
  }
};

namespace detail {

/// Reads one `${...}` at `text[at]`; `next` is where the text goes on.
struct read_variable_result {
  pattern_piece piece;
  std::size_t next = 0;
};

/// The comma before a default value: the first outside the brackets of an attribute name.
inline std::size_t find_default(std::string_view text, std::size_t from) noexcept {
  bool bracketed = false;
  for (std::size_t i = from; i < text.size(); ++i) {
    if (text[i] == '[') bracketed = true;
    else if (text[i] == ']') bracketed = false;
    else if (text[i] == ',' && !bracketed) return i;
  }
  return std::string_view::npos;
}

inline read_variable_result read_variable(std::string_view text, std::size_t at) {
  read_variable_result out;
  out.piece.what = pattern_piece::kind::variable;
  const auto finish = [&](std::size_t next, variable_problem why) {
    out.next = next;
    out.piece.written = std::string(text.substr(at, next - at));
    out.piece.problem = why;
    return out;
  };
  const std::size_t begin = at + 2;
  const std::size_t close = text.find('}', begin);
  const std::size_t comma = find_default(text.substr(0, close), begin);
  const bool has_default = comma != std::string_view::npos;
  if (close == std::string_view::npos && !has_default) return finish(text.size(), variable_problem::missing_brace);
  if (!has_default) {
    const std::string_view key = text.substr(begin, close - begin);
    if (key == "*" || key == "?" || key == "$") {  // IAM: ${*} ${?} ${$} are the characters themselves
      out.piece.what = pattern_piece::kind::literal;
      out.piece.text = std::string(key);
      out.next = close + 1;
      return out;
    }
    out.piece.text = std::string(key);
    if (key.empty()) return finish(close + 1, variable_problem::empty);
    if (key.find_first_of(" \t\r\n") != std::string_view::npos) return finish(close + 1, variable_problem::space);
    return finish(close + 1, variable_problem::none);
  }
  out.piece.text = std::string(text.substr(begin, comma - begin));
  std::size_t i = comma + 1;
  while (i < text.size() && text[i] == ' ') ++i;
  if (i >= text.size() || text[i] != '\'') {
    if (close == std::string_view::npos) return finish(text.size(), variable_problem::missing_brace);
    return finish(close + 1, variable_problem::missing_quote);
  }
  const std::size_t quote = text.find('\'', i + 1);
  if (quote == std::string_view::npos) {
    if (close == std::string_view::npos) return finish(text.size(), variable_problem::missing_brace);
    return finish(close + 1, variable_problem::missing_quote);
  }
  const std::size_t end = text.find_first_not_of(' ', quote + 1);
  if (end == std::string_view::npos || text[end] != '}') {
    if (close == std::string_view::npos) return finish(text.size(), variable_problem::missing_brace);
    return finish(std::max(close, quote) + 1, variable_problem::missing_brace);
  }
  out.piece.fallback = std::string(text.substr(i + 1, quote - i - 1));
  if (out.piece.text.empty()) return finish(end + 1, variable_problem::empty);
  if (out.piece.text.find_first_of(" \t\r\n") != std::string::npos) return finish(end + 1, variable_problem::space);
  return finish(end + 1, variable_problem::none);
}

inline void append_literal(text_pattern& to, std::string_view text) {
  if (text.empty()) return;
  if (to.pieces.empty() || to.pieces.back().what != pattern_piece::kind::literal) to.pieces.emplace_back();
  to.pieces.back().text += text;
}

}  // namespace detail

/// Splits `text`. Linear in its size.
inline text_pattern compile_pattern(std::string_view text, wildcards globbing, variables substitution) {
  text_pattern out;
  const std::string_view stops = globbing == wildcards::none ? "$" : "*?$";
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t stop = std::min(text.find_first_of(stops, i), text.size());
    detail::append_literal(out, text.substr(i, stop - i));
    i = stop;
    if (i == text.size()) break;
    if (text[i] != '$') {
      pattern_piece p;
      p.what = text[i] == '*' ? pattern_piece::kind::any_run : pattern_piece::kind::any_one;
      out.pieces.push_back(std::move(p));
      ++i;
    } else if (substitution == variables::substituted && text.substr(i, 2) == "${") {
      auto got = detail::read_variable(text, i);
      i = got.next;
      if (got.piece.what == pattern_piece::kind::literal) detail::append_literal(out, got.piece.text);
      else out.pieces.push_back(std::move(got.piece));
    } else {
      detail::append_literal(out, text.substr(i, 1));
      ++i;
    }
  }
  return out;
}

/// A pattern with one request's values filled in.
struct resolved_pattern {
  glob tokens;
  std::vector<std::string> missing;              ///< variables without value and default; not empty: no match
  std::vector<std::string> kept_literal;         ///< variables AWS does not substitute for this value (5.4)
  std::array<std::size_t, 5> colons{};           ///< where the first colons that the policy wrote ended up
  std::size_t colon_count = 0;

  bool is_usable() const noexcept { return missing.empty(); }
};

namespace detail {

enum class substitution : std::uint8_t { value, keep_text, absent };

struct substituted {
  substitution how = substitution::absent;
  std::string text;
};

/// AWS IoT, X.509 certificate policy variables, limitations: values with `* $ + ? #` or over 1024 characters
/// are not substituted, and `, " \ + = < > ;` come out backslash-escaped.
// assumption: `+` is in both lists; not substituting wins.
inline substituted certificate_text(std::string_view value) {
  if (value.find_first_of("*$+?#") != std::string_view::npos || count_code_points(value) > 1024)
    return {substitution::keep_text, {}};
  std::string out;
  for (const char c : value) {
    if (std::string_view(",\"\\+=<>;").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return {substitution::value, std::move(out)};
}

inline substituted substitute(const pattern_piece& piece, const context& values) {
  if (piece.problem != variable_problem::none) return {};
  if (!is_condition_only_key(piece.text)) {
    const context_values found = find_values(values, piece.text);
    // Only single-valued keys may be variables (IAM, single-valued vs. multivalued context keys).
    if (found.present && found.count == 1 && is_valid_utf8(*found.first)) {
      if (is_certificate_key(piece.text)) return certificate_text(*found.first);
      return {substitution::value, *found.first};
    }
  }
  if (piece.fallback) return {substitution::value, *piece.fallback};
  return {};
}

inline void append_policy_text(resolved_pattern& to, std::string_view text) {
  const std::size_t base = to.tokens.tokens().size();
  for (std::size_t i = 0; i < text.size() && to.colon_count < to.colons.size(); ++i)
    if (text[i] == ':') to.colons[to.colon_count++] = base + i;
  to.tokens.append_literal(text);
}

}  // namespace detail

/// Fills in the values. Substituted text is data: wildcards in it match themselves only.
inline resolved_pattern resolve(const text_pattern& pattern, const context& values) {
  resolved_pattern out;
  for (const pattern_piece& piece : pattern.pieces) {
    switch (piece.what) {
      case pattern_piece::kind::literal: detail::append_policy_text(out, piece.text); break;
      case pattern_piece::kind::any_run: out.tokens.append_any_run(); break;
      case pattern_piece::kind::any_one: out.tokens.append_any_one(); break;
      case pattern_piece::kind::variable: {
        const detail::substituted got = detail::substitute(piece, values);
        if (got.how == detail::substitution::value) {
          out.tokens.append_literal(got.text);
        } else if (got.how == detail::substitution::keep_text) {
          out.kept_literal.push_back(piece.text);
          out.tokens.append_literal(piece.written);
        } else {
          out.missing.push_back(piece.problem == variable_problem::none ? piece.text : piece.written);
        }
      }
    }
  }
  return out;
}

/// The pattern with every variable as `*`: what it could match at most.
inline glob widen(const text_pattern& pattern) {
  glob out;
  for (const pattern_piece& piece : pattern.pieces) {
    switch (piece.what) {
      case pattern_piece::kind::literal: out.append_literal(piece.text); break;
      case pattern_piece::kind::any_one: out.append_any_one(); break;
      case pattern_piece::kind::any_run:
      case pattern_piece::kind::variable: out.append_any_run(); break;
    }
  }
  return out;
}

}  // namespace fleetprov::policies
