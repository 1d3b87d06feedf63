#pragma once
// What the parts of plugin_core say alike.

#include <fleetprov/topics/limits.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace fleetprov::mock {

inline constexpr std::string_view authorization_failure = "AUTHORIZATION_FAILURE";

inline std::string topic_rule() {
  return "at most " + std::to_string(topics::limits::max_topic_bytes) + " bytes and " +
         std::to_string(topics::limits::max_topic_slashes) + " slashes";
}

/// For notes: a name may have 65,535 bytes.
inline std::string shortened(std::string_view name) {
  constexpr std::size_t most = 300;
  if (name.size() <= most) return std::string(name);
  std::size_t end = most;
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0U) == 0x80U) --end;
  return std::string(name.substr(0, end)) + "... (" + std::to_string(name.size()) + " bytes)";
}

}  // namespace fleetprov::mock
