#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace fleetprov {

namespace detail {

/// The same byte eight times.
constexpr std::uint64_t eight_times(unsigned char byte) noexcept { return 0x0101010101010101U * byte; }

/// Eight bytes of `text` from `at` on, which the caller knows to be there, in either byte order; not for constant expressions.
inline std::uint64_t eight_bytes(std::string_view text, std::size_t at) noexcept {
  std::uint64_t out = 0;
  std::memcpy(&out, text.data() + at, sizeof out);
  return out;
}

/// `at`, moved on over whole groups of eight ASCII bytes.
constexpr std::size_t skip_ascii(std::string_view text, std::size_t at) noexcept {
  if (__builtin_is_constant_evaluated()) return at;
  while (text.size() - at >= 8 && (eight_bytes(text, at) & eight_times(0x80)) == 0) at += 8;
  return at;
}

}  // namespace detail

/// The offset of the first byte that is not well-formed UTF-8 (RFC 3629: no surrogates, no overlong
/// forms, nothing above U+10FFFF), or `text.size()` if all of it is.
constexpr std::size_t find_invalid_utf8(std::string_view text) noexcept {
  std::size_t i = 0;
  while (i < text.size()) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead < 0x80) {
      i = detail::skip_ascii(text, i + 1);
      continue;
    }
    const std::size_t length = lead >= 0xC2 && lead <= 0xDF   ? 2U
                               : lead >= 0xE0 && lead <= 0xEF ? 3U
                               : lead >= 0xF0 && lead <= 0xF4 ? 4U
                                                              : 0U;
    if (length == 0 || text.size() - i < length) return i;
    const auto second = static_cast<unsigned char>(text[i + 1]);
    const unsigned low = lead == 0xE0 ? 0xA0U : lead == 0xF0 ? 0x90U : 0x80U;
    const unsigned high = lead == 0xED ? 0x9FU : lead == 0xF4 ? 0x8FU : 0xBFU;
    if (second < low || second > high) return i;
    for (std::size_t k = 2; k < length; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if (next < 0x80 || next > 0xBF) return i;
    }
    i += length;
  }
  return text.size();
}

/// Whether all of `text` is well-formed UTF-8 as `find_invalid_utf8` has it; empty text is. MQTT 5 section 1.5.4 wants it of
/// strings; U+0000, which that section forbids, passes here.
constexpr bool is_valid_utf8(std::string_view text) noexcept {
  return find_invalid_utf8(text) == text.size();
}

/// Code points in well-formed UTF-8: bytes that are not continuation bytes.
constexpr std::size_t count_code_points(std::string_view text) noexcept {
  std::size_t n = 0;
  for (const char c : text) n += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1U : 0U;
  return n;
}

/// The code point that starts at byte `at` of well-formed UTF-8.
constexpr std::uint32_t code_point_at(std::string_view text, std::size_t at) noexcept {
  const auto lead = static_cast<unsigned char>(text[at]);
  if (lead < 0x80) return lead;
  const std::size_t more = lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
  std::uint32_t out = lead & (0x3FU >> more);
  for (std::size_t k = 1; k <= more; ++k) out = out << 6 | (static_cast<unsigned char>(text[at + k]) & 0x3FU);
  return out;
}

namespace detail {

struct code_point_range {
  std::uint32_t first, last;
};

// Control (Cc), format (Cf, Unicode 15) and private use (Co); noncharacters are told by their number.
inline constexpr code_point_range invisible_ranges[] = {
    {0x0000, 0x001F},   {0x007F, 0x009F},   {0x00AD, 0x00AD},   {0x0600, 0x0605},   {0x061C, 0x061C},
    {0x06DD, 0x06DD},   {0x070F, 0x070F},   {0x0890, 0x0891},   {0x08E2, 0x08E2},   {0x180E, 0x180E},
    {0x200B, 0x200F},   {0x202A, 0x202E},   {0x2060, 0x206F},   {0xE000, 0xF8FF},   {0xFDD0, 0xFDEF},
    {0xFEFF, 0xFEFF},   {0xFFF9, 0xFFFB},   {0x110BD, 0x110BD}, {0x110CD, 0x110CD}, {0x13430, 0x1343F},
    {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0001, 0xE0001}, {0xE0020, 0xE007F}, {0xF0000, 0x10FFFF}};

constexpr bool is_invisible(std::uint32_t code_point) noexcept {
  if ((code_point & 0xFFFEU) == 0xFFFEU) return true;
  for (const code_point_range& r : invisible_ranges)
    if (r.first <= code_point && code_point <= r.last) return true;
  return false;
}

}  // namespace detail

/// The offset of the first character of Unicode's category Other (`\p{C}`) in well-formed UTF-8, or `text.size()`.
// assumption: what no version of Unicode has assigned yet counts as a letter; AWS's version is not public.
constexpr std::size_t find_invisible(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size(); ++i)
    if ((static_cast<unsigned char>(text[i]) & 0xC0U) != 0x80U && detail::is_invisible(code_point_at(text, i))) return i;
  return text.size();
}

}  // namespace fleetprov
