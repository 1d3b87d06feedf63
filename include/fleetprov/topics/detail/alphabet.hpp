#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace fleetprov::topics::detail {

/// A set of ASCII characters in 16 bytes.
class alphabet {
 public:
  /// Letters, digits and the characters of `others`.
  static constexpr alphabet alphanumeric_and(std::string_view others) noexcept {
    alphabet out = of(others);
    for (char c = '0'; c <= '9'; ++c) out.add(c);
    for (char c = 'A'; c <= 'Z'; ++c) out.add(c);
    for (char c = 'a'; c <= 'z'; ++c) out.add(c);
    return out;
  }
  /// The characters of `all`.
  static constexpr alphabet of(std::string_view all) noexcept {
    alphabet out;
    for (const char c : all) out.add(c);
    return out;
  }

  constexpr bool has(char c) const noexcept {
    const auto code = static_cast<unsigned char>(c);
    return code < 128 && ((bits_[code >> 5U] >> (code & 31U)) & 1U) != 0;
  }

  /// The offset of the first character outside the set, or `text.size()`.
  constexpr std::size_t find_outsider(std::string_view text) const noexcept {
    std::size_t i = 0;
    while (i < text.size() && has(text[i])) ++i;
    return i;
  }

 private:
  constexpr void add(char c) noexcept {
    const auto code = static_cast<unsigned char>(c);
    bits_[code >> 5U] |= std::uint32_t{1} << (code & 31U);
  }
  std::uint32_t bits_[4] = {};
};

}  // namespace fleetprov::topics::detail
