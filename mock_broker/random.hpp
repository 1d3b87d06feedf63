#pragma once

#include <fleetprov/core/detail/hex.hpp>

#include <openssl/rand.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace fleetprov::mock {

/// Of the process's cryptographic source. Throws std::runtime_error where it gives none.
template <std::size_t Size>
std::array<std::uint8_t, Size> random_bytes() {
  std::array<std::uint8_t, Size> out{};
  if (RAND_bytes(out.data(), static_cast<int>(Size)) != 1) throw std::runtime_error("no random numbers");
  return out;
}

/// Two digits for each of `Size` random bytes.
template <std::size_t Size>
std::string random_hex() {
  return fleetprov::detail::to_hex(random_bytes<Size>().data(), Size);
}

/// Version 4 of RFC 9562, in lower case.
inline std::string make_uuid() {
  auto bytes = random_bytes<16>();
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0FU) | 0x40U);
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3FU) | 0x80U);
  std::string out = fleetprov::detail::to_hex(bytes.data(), bytes.size());
  for (const std::size_t at : {8U, 13U, 18U, 23U}) out.insert(at, 1, '-');
  return out;
}

}  // namespace fleetprov::mock
