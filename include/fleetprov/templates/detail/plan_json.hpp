#pragma once

#include <fleetprov/core/detail/hex.hpp>
#include <fleetprov/templates/detail/json_text.hpp>
#include <fleetprov/templates/detail/sha1.hpp>
#include <fleetprov/templates/plan.hpp>

#include <string>
#include <string_view>

namespace fleetprov::templates {

inline std::string default_policy_name(std::string_view document) {
  const auto digest = detail::sha1(document);
  return fleetprov::detail::to_hex(digest.data(), digest.size(), fleetprov::detail::upper_case_hex_digits);
}

namespace detail {

inline void append_json_optional(std::string& out, const std::optional<std::string>& text) {
  if (text) append_json_string(out, *text);
  else out += "null";
}

inline void append_json_thing(std::string& out, const thing_plan& thing) {
  out += "{\"name\":";
  append_json_string(out, thing.name);
  out += ",\"type\":";
  append_json_optional(out, thing.type);
  out += ",\"attributes\":";
  append_json_map(out, thing.attributes);
  out += ",\"groups\":[";
  for (std::size_t i = 0; i < thing.groups.size(); ++i) {
    if (i != 0) out += ',';
    append_json_string(out, thing.groups[i]);
  }
  out += "],\"billing_group\":";
  append_json_optional(out, thing.billing_group);
  out += ",\"override_settings\":{\"AttributePayload\":\"";
  out += name_of(thing.override_attributes);
  out += "\",\"ThingTypeName\":\"";
  out += name_of(thing.override_type);
  out += "\",\"ThingGroups\":\"";
  out += name_of(thing.override_groups);
  out += "\"}}";
}

}  // namespace detail

inline std::string to_json(const plan& what) {
  std::string out = "{\"thing\":";
  if (what.thing) detail::append_json_thing(out, *what.thing);
  else out += "null";
  out += ",\"certificate\":";
  if (what.certificate) {
    out += "{\"status\":";
    detail::append_json_string(out, what.certificate->status);
    out += ",\"principal_type\":";
    detail::append_json_string(out, what.certificate->principal_type);
    out += '}';
  } else {
    out += "null";
  }
  out += ",\"policies\":[";
  for (std::size_t i = 0; i < what.policies.size(); ++i) {
    if (i != 0) out += ',';
    out += "{\"name\":";
    detail::append_json_string(out, what.policies[i].name);
    if (what.policies[i].document) {
      out += ",\"document\":";
      detail::append_json_string(out, *what.policies[i].document);
    }
    out += '}';
  }
  out += "],\"device_configuration\":";
  detail::append_json_map(out, what.device_configuration);
  out += '}';
  return out;
}

}  // namespace fleetprov::templates
