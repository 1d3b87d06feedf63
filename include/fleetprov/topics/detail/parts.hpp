#pragma once

#include <cstddef>
#include <string_view>

namespace fleetprov::topics::detail {

/// With `-Os` some functions loop where they otherwise copy and compare with fixed lengths. The answers
/// are the same. A translation unit's own choice: it names the functions that differ, so that those of another unit are others.
#ifdef __OPTIMIZE_SIZE__
constexpr bool prefer_small_code = true;
#else
constexpr bool prefer_small_code = false;
#endif

// `substr` would drag the library's range check, and with it code that throws, into firmware.

/// The first `n` bytes of `text`, or all of it.
constexpr std::string_view before(std::string_view text, std::size_t n) noexcept {
  return {text.data(), n < text.size() ? n : text.size()};
}

/// `text` without its first `n` bytes; the caller knows that it has them.
constexpr std::string_view after(std::string_view text, std::size_t n) noexcept {
  return {text.data() + n, text.size() - n};
}

}  // namespace fleetprov::topics::detail
