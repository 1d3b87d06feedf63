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

constexpr bool is_valid_utf8(std::string_view text) noexcept {
  return find_invalid_utf8(text) == text.size();
}

/// Code points in well-formed UTF-8: bytes that are not continuation bytes.
constexpr std::size_t count_code_points(std::string_view text) noexcept {
  std::size_t n = 0;
  for (const char c : text) n += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1U : 0U;
  return n;
}

}  // namespace fleetprov
