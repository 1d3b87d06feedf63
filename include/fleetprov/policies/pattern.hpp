#pragma once

#include <fleetprov/core/detail/hex.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace fleetprov::policies {

namespace detail {

constexpr bool is_continuation(char c) noexcept { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

/// The start of the character after the one at `at`; needs at < text.size().
constexpr std::size_t next_character(std::string_view text, std::size_t at) noexcept {
  ++at;
  while (at < text.size() && is_continuation(text[at])) ++at;
  return at;
}

constexpr std::size_t no_match = std::string_view::npos;

/// Matches a piece without `AnyRun` at exactly `at`; the end of the match or `no_match`.
template <char AnyOne>
constexpr std::size_t match_at(std::string_view piece, std::string_view value, std::size_t at) noexcept {
  for (const char c : piece) {
    if (at >= value.size()) return no_match;
    if (c == AnyOne) {
      at = next_character(value, at);
    } else {
      if (value[at] != c) return no_match;
      ++at;
    }
  }
  return at;
}

/// Matches a piece without `AnyRun` so that it ends with the value; its start, at least `from`, or `no_match`.
template <char AnyOne>
constexpr std::size_t match_end(std::string_view piece, std::string_view value, std::size_t from) noexcept {
  std::size_t at = value.size();
  for (std::size_t i = piece.size(); i-- != 0;) {
    if (at <= from) return no_match;
    --at;
    if (piece[i] == AnyOne) {
      while (at > from && is_continuation(value[at])) --at;
    } else if (value[at] != piece[i]) {
      return no_match;
    }
  }
  return at;
}

/// The end of the leftmost match of a non-empty piece without `AnyRun` at or after `from`, or `no_match`.
template <char AnyOne>
constexpr std::size_t match_first(std::string_view piece, std::string_view value, std::size_t from) noexcept {
  if (piece.find(AnyOne) == std::string_view::npos) {
    // A plain loop: names are short and `/` is everywhere, so searching for one byte first does not pay.
    for (std::size_t at = from; at + piece.size() <= value.size(); ++at)
      if (value[at] == piece[0] && value.substr(at, piece.size()) == piece) return at + piece.size();
    return no_match;
  }
  for (std::size_t at = from; at < value.size(); at = next_character(value, at))
    if (const std::size_t end = match_at<AnyOne>(piece, value, at); end != no_match) return end;
  return no_match;
}

/// Anchored match. Between two `AnyRun` the leftmost place of each piece is always good enough, so
/// nothing is tried twice: time is bounded by value size times the longest piece, never exponential.
template <char AnyRun, char AnyOne>
constexpr bool match(std::string_view pattern, std::string_view value) noexcept {
  const std::size_t first = pattern.find(AnyRun);
  if (first == std::string_view::npos) return match_at<AnyOne>(pattern, value, 0) == value.size();
  std::size_t at = match_at<AnyOne>(pattern.substr(0, first), value, 0);
  if (at == no_match) return false;
  const std::size_t last = pattern.rfind(AnyRun);
  const std::size_t tail = match_end<AnyOne>(pattern.substr(last + 1), value, at);
  if (tail == no_match) return false;
  value = value.substr(0, tail);
  for (std::size_t i = first + 1; i <= last;) {
    const std::size_t end = pattern.find(AnyRun, i);
    if (end != i) {
      at = match_first<AnyOne>(pattern.substr(i, end - i), value, at);
      if (at == no_match) return false;
    }
    i = end + 1;
  }
  return true;
}

constexpr char fold(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

inline std::string folded(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = fold(c);
  return out;
}

constexpr bool equal_folded(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (fold(a[i]) != fold(b[i])) return false;
  return true;
}

/// `text` with every `from`, which is not empty, as `to`.
inline std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  for (std::size_t found = text.find(from); found != std::string_view::npos; found = text.find(from)) {
    out.append(text.substr(0, found)).append(to);
    text.remove_prefix(found + from.size());
  }
  return out.append(text);
}

/// Text of a document or a request for a message: in backticks, on one line, at most 200 bytes.
inline std::string in_ticks(std::string_view text) {
  constexpr std::size_t most = 200;
  std::size_t end = text.size();
  if (end > most) {
    end = most;
    while (end > 0 && is_continuation(text[end])) --end;
  }
  std::string out = "`";
  for (const char c : text.substr(0, end)) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (byte >= 0x20 && byte != 0x7F) out += c;
    else fleetprov::detail::append_hex(out += "\\u00", byte);
  }
  return out + (end < text.size() ? "...`" : "`");
}

}  // namespace detail

/// Policy glob over raw text: `*` is zero or more characters of any kind (`/` and `:` too), `?` exactly one
/// character (a code point), all else literal, both ends anchored (IAM User Guide, Resource and Condition
/// operators). No escapes: `\` is an ordinary character.
constexpr bool glob_match(std::string_view pattern, std::string_view value) noexcept {
  return detail::match<'*', '?'>(pattern, value);
}

/// A pattern whose wildcards cannot be confused with data: text that was substituted for a policy variable
/// stays text, whatever characters it has.
class glob {
 public:
  // These bytes never occur in UTF-8, and `append_literal` refuses text that holds one.
  static constexpr char any_run = '\xFF';
  static constexpr char any_one = '\xFE';

  /// Adds text that matches itself only. False, and nothing added, if it cannot be UTF-8.
  bool append_literal(std::string_view text) {
    if (text.find(any_run) != std::string_view::npos || text.find(any_one) != std::string_view::npos) return false;
    tokens_ += text;
    return true;
  }
  void append_any_run() {
    if (tokens_.empty() || tokens_.back() != any_run) tokens_ += any_run;
  }
  void append_any_one() { tokens_ += any_one; }

  bool matches(std::string_view value) const noexcept { return detail::match<any_run, any_one>(tokens_, value); }

  bool is_literal() const noexcept { return tokens_.find_first_of("\xFE\xFF") == std::string::npos; }
  /// The literal bytes and the two wildcard bytes above.
  const std::string& tokens() const noexcept { return tokens_; }
  /// For people: `*` and `?` again (data that holds them looks the same).
  std::string text() const {
    std::string out = tokens_;
    for (char& c : out) c = c == any_run ? '*' : c == any_one ? '?' : c;
    return out;
  }

 private:
  std::string tokens_;
};

}  // namespace fleetprov::policies
