#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace fleetprov::templates::detail {

constexpr std::uint32_t rotate_left(std::uint32_t x, unsigned n) noexcept { return (x << n) | (x >> (32U - n)); }

constexpr void sha1_block(std::array<std::uint32_t, 5>& state, const std::array<std::uint8_t, 64>& block) noexcept {
  std::array<std::uint32_t, 80> w{};
  for (std::size_t i = 0; i < 16; ++i)
    w[i] = static_cast<std::uint32_t>(block[i * 4]) << 24 | static_cast<std::uint32_t>(block[i * 4 + 1]) << 16 |
           static_cast<std::uint32_t>(block[i * 4 + 2]) << 8 | static_cast<std::uint32_t>(block[i * 4 + 3]);
  for (std::size_t i = 16; i < 80; ++i) w[i] = rotate_left(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
  std::uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
  for (std::size_t i = 0; i < 80; ++i) {
    const std::uint32_t f = i < 20 ? (b & c) | (~b & d) : i < 40 ? b ^ c ^ d : i < 60 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d;
    const std::uint32_t k = i < 20 ? 0x5A827999U : i < 40 ? 0x6ED9EBA1U : i < 60 ? 0x8F1BBCDCU : 0xCA62C1D6U;
    const std::uint32_t next = rotate_left(a, 5) + f + e + k + w[i];
    e = d;
    d = c;
    c = rotate_left(b, 30);
    b = a;
    a = next;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
}

/// FIPS 180-4 SHA-1. Only for names that AWS derives from a document; not for security.
constexpr std::array<std::uint8_t, 20> sha1(std::string_view text) noexcept {
  std::array<std::uint32_t, 5> state{0x67452301U, 0xEFCDAB89U, 0x98BADCFEU, 0x10325476U, 0xC3D2E1F0U};
  std::array<std::uint8_t, 64> block{};
  std::size_t used = 0;
  for (const char c : text) {
    block[used++] = static_cast<std::uint8_t>(c);
    if (used == 64) {
      sha1_block(state, block);
      used = 0;
    }
  }
  block[used++] = 0x80;
  if (used > 56) {
    while (used < 64) block[used++] = 0;
    sha1_block(state, block);
    used = 0;
  }
  while (used < 56) block[used++] = 0;
  const std::uint64_t bits = static_cast<std::uint64_t>(text.size()) * 8;
  for (std::size_t i = 0; i < 8; ++i) block[56 + i] = static_cast<std::uint8_t>(bits >> (56 - 8 * i));
  sha1_block(state, block);
  std::array<std::uint8_t, 20> out{};
  for (std::size_t i = 0; i < 20; ++i) out[i] = static_cast<std::uint8_t>(state[i / 4] >> (24 - 8 * (i % 4)));
  return out;
}

}  // namespace fleetprov::templates::detail
