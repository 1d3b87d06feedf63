#pragma once

#include <fleetprov/core/detail/hex.hpp>
#include <fleetprov/core/utf8.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace fleetprov::templates::detail {

constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

inline bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

/// Edits between two short words, case ignored; words over 64 bytes count as far apart.
inline std::size_t edit_distance(std::string_view a, std::string_view b) noexcept {
  constexpr std::size_t cap = 64;
  if (a.size() > cap || b.size() > cap) return cap;
  std::array<std::uint8_t, cap + 1> row{};
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = static_cast<std::uint8_t>(j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::uint8_t diagonal = row[0];
    row[0] = static_cast<std::uint8_t>(i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::uint8_t above = row[j];
      const int cost = lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1;
      row[j] = static_cast<std::uint8_t>(std::min({above + 1, row[j - 1] + 1, diagonal + cost}));
      diagonal = above;
    }
  }
  return row[b.size()];
}

/// Edits, or less where one word is a clear part of the other ("SerialNo" and "SerialNumber").
inline std::size_t name_distance(std::string_view word, std::string_view known) noexcept {
  const std::size_t edits = edit_distance(word, known);
  std::size_t common = 0;
  while (common < word.size() && common < known.size() && lower(word[common]) == lower(known[common])) ++common;
  const std::string_view tail = known.size() > word.size() ? known.substr(known.size() - word.size()) : std::string_view();
  const bool is_part = word.size() >= 4 && (common * 4 >= word.size() * 3 || equals_ignoring_case(tail, word));
  return is_part ? std::min(edits, word.size() / 3 + 1) : edits;
}

/// "did you mean `X`?" with the candidate nearest to `word`, or "" when none is near.
template <class Candidates>
std::string did_you_mean(std::string_view word, const Candidates& candidates) {
  std::string_view best;
  std::size_t best_distance = word.size() / 3 + 1;
  for (const auto& candidate : candidates) {
    const std::string_view known(candidate);
    const std::size_t distance = name_distance(word, known);
    if (distance <= best_distance && (best.empty() || distance < best_distance)) {
      best = known;
      best_distance = distance;
    }
  }
  return best.empty() ? std::string() : "did you mean `" + std::string(best) + "`?";
}

/// For messages: long or unprintable user text, shortened and escaped; text that is not UTF-8 loses
/// all its bytes above ASCII.
inline std::string shown(std::string_view text, std::size_t most = 80) {
  const bool is_utf8 = is_valid_utf8(text);
  std::string out = "`";
  std::size_t end = std::min(text.size(), most);
  while (is_utf8 && end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  for (const char c : text.substr(0, end)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F || (byte >= 0x80 && !is_utf8)) {
      fleetprov::detail::append_hex(out += "\\x", byte);
    } else {
      out += c;
    }
  }
  out += end < text.size() ? "...`" : "`";
  return out;
}

}  // namespace fleetprov::templates::detail
