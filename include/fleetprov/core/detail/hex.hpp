#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace fleetprov::detail {

inline constexpr std::string_view hex_digits = "0123456789abcdef";
inline constexpr std::string_view upper_case_hex_digits = "0123456789ABCDEF";

/// Two digits.
inline void append_hex(std::string& out, std::uint8_t byte, std::string_view digits = hex_digits) {
  out += digits[byte >> 4U];
  out += digits[byte & 15U];
}

/// Two digits for each byte.
inline std::string to_hex(const std::uint8_t* bytes, std::size_t size, std::string_view digits = hex_digits) {
  std::string out;
  out.reserve(size * 2);
  for (std::size_t i = 0; i < size; ++i) append_hex(out, bytes[i], digits);
  return out;
}

/// Of a hexadecimal digit in either case; -1 for any other character.
constexpr int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace fleetprov::detail
