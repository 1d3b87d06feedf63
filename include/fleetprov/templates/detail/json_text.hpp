#pragma once

#include <fleetprov/core/detail/json_string.hpp>
#include <fleetprov/json/document.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

// Writing JSON by hand: small, ordered, and safe for any bytes.
namespace fleetprov::templates::detail {

using fleetprov::detail::append_json_string;

/// Appends `v` without blanks, its members in their order. Nulls are the caller's: `append_null(out, v)` writes one or
/// returns false, which is the answer in the end.
template <class AppendNull>
bool append_json(std::string& out, const json::value& v, AppendNull& append_null) {
  bool good = true;
  const char* before = "";
  switch (v.what) {
    case json::kind::string: append_json_string(out, v.text); return true;
    case json::kind::null: return append_null(out, v);
    case json::kind::array:
      out += '[';
      for (const json::value& item : v.items) {
        out += std::exchange(before, ",");
        good = append_json(out, item, append_null) && good;
      }
      out += ']';
      return good;
    case json::kind::object:
      out += '{';
      for (const json::member& m : v.members) {
        out += std::exchange(before, ",");
        append_json_string(out, m.key);
        out += ':';
        good = append_json(out, m.held, append_null) && good;
      }
      out += '}';
      return good;
    default: out += v.text; return true;
  }
}

template <class Map>
void append_json_map(std::string& out, const Map& map) {
  out += '{';
  bool first = true;
  for (const auto& [key, value] : map) {
    if (!first) out += ',';
    first = false;
    append_json_string(out, key);
    out += ':';
    append_json_string(out, value);
  }
  out += '}';
}

}  // namespace fleetprov::templates::detail
