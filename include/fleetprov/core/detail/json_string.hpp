#pragma once

#include <fleetprov/core/detail/hex.hpp>
#include <fleetprov/core/utf8.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace fleetprov::detail {

/// Appends `text` as it stands inside a JSON string (RFC 8259 section 7): control characters and DEL escaped, so that it
/// shows on one line. Bytes that are not UTF-8 stay.
inline void append_json_escaped(std::string& out, std::string_view text) {
  constexpr std::string_view meant = "\"\\\n\r\t";
  constexpr std::string_view letters = "\"\\nrt";
  std::size_t done = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(text[i]);
    if (byte >= 0x20 && byte != 0x7F && byte != '"' && byte != '\\') continue;
    out.append(text.substr(done, i - done));
    done = i + 1;
    if (const std::size_t known = meant.find(text[i]); known != std::string_view::npos) {
      out += '\\';
      out += letters[known];
    } else {
      out += "\\u00";
      append_hex(out, byte);
    }
  }
  out.append(text.substr(done));
}

/// Appends `text` as a JSON string, escaped as above; each byte that is not part of well-formed UTF-8 becomes U+FFFD.
inline void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t bad = find_invalid_utf8(text); bad != text.size(); bad = find_invalid_utf8(text)) {
    append_json_escaped(out, text.substr(0, bad));
    out += "\xEF\xBF\xBD";
    text.remove_prefix(bad + 1);
  }
  append_json_escaped(out, text);
  out += '"';
}

/// `text` as a JSON string: see `append_json_string`.
inline std::string json_string(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

}  // namespace fleetprov::detail
