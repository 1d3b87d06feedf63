#pragma once

#include <fleetprov/core/detail/hex.hpp>
#include <fleetprov/core/diagnostic.hpp>
#include <fleetprov/json/document.hpp>
#include <fleetprov/templates/detail/nearest.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Documents that stand as escaped strings inside other documents: `templateBody`, `PolicyDocument`.
namespace fleetprov::templates::detail {

/// Entry i: the byte of the source that byte i of the decoded text came from; one more entry for its end.
using offset_map = std::vector<std::uint32_t>;

/// The map of a JSON string token (its quotes included, already known to be well formed) whose first
/// byte stands at `base`.
inline offset_map decoded_offsets(std::string_view token, std::uint32_t base) {
  offset_map out;
  out.reserve(token.size());
  const auto code_unit = [&](std::size_t at) {
    unsigned unit = 0;
    for (const char digit : token.substr(at, 4)) unit = unit * 16 + static_cast<unsigned>(fleetprov::detail::hex_value(digit));
    return unit;
  };
  std::size_t i = 1;
  const std::size_t end = token.size() - std::min<std::size_t>(token.size(), 1);
  while (i < end) {
    const std::uint32_t here = base + static_cast<std::uint32_t>(i);
    if (token[i] != '\\') {
      out.push_back(here);
      ++i;
    } else if (token[i + 1] == 'u') {
      const unsigned unit = code_unit(i + 2);
      const bool is_pair = unit >= 0xD800 && unit <= 0xDBFF;
      const std::size_t bytes = is_pair ? 4U : unit < 0x80 ? 1U : unit < 0x800 ? 2U : 3U;
      out.insert(out.end(), bytes, here);
      i += is_pair ? 12U : 6U;
    } else {
      out.push_back(here);
      i += 2;
    }
  }
  out.push_back(base + static_cast<std::uint32_t>(end));
  return out;
}

/// Where `where` (bytes of the decoded text) stands in the source; `fallback` without a map.
inline source_range translate(const offset_map& map, source_range where, source_range fallback) noexcept {
  if (map.empty()) return fallback;
  const std::size_t last = map.size() - 1;
  const auto at = [&](std::uint32_t offset) { return map[offset < last ? offset : last]; };
  source_range out{at(where.begin), at(where.end)};
  // A place at the very end of the inner text still shows something: the closing quote.
  if (out.begin == out.end) out.end = out.begin + 1;
  return out;
}

/// Moves findings about a decoded string out to the string: its pointer, the mapped place, and the
/// inner pointer in the message.
inline void move_outside(std::vector<diagnostic>& findings, std::string_view string_pointer, std::string_view called,
                         const offset_map& map, source_range string_where) {
  for (diagnostic& d : findings) {
    d.where = translate(map, d.where, string_where);
    d.message += d.pointer.empty() ? " (in " + std::string(called) + ")"
                                   : " (at " + shown(d.pointer, 400) + " in " + std::string(called) + ")";
    d.pointer = std::string(string_pointer);
  }
}

/// The same where the places are those of the outer document already.
inline void name_outside(std::vector<diagnostic>& findings, std::string_view string_pointer, std::string_view called) {
  for (diagnostic& d : findings) {
    d.message += d.pointer.empty() ? " (in " + std::string(called) + ")"
                                   : " (at " + shown(d.pointer, 400) + " in " + std::string(called) + ")";
    d.pointer = std::string(string_pointer);
  }
}

/// Is this text one JSON string, that is, was a document encoded twice?
inline bool looks_encoded_twice(std::string_view text) noexcept {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && text[first] == '"' && text.find('{', first) != std::string_view::npos;
}

}  // namespace fleetprov::templates::detail
