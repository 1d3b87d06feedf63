#pragma once

#include <fleetprov/policies/detail/nearest_name.hpp>
#include <fleetprov/policies/variables.hpp>
#include <fleetprov/topics/thing_name.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace fleetprov::policies::detail {

enum class key_type : std::uint8_t { unknown, text, boolean, address, instant, arn };
enum class key_service : std::uint8_t { foreign, iot, global };

/// What device requests can hold under a context key.
struct key_facts {
  key_type type = key_type::unknown;
  bool is_list = false;   ///< several values by nature
  bool is_thing = false;  ///< resolves for MQTT connections with a thing only
  bool is_connect_only = false;
  bool is_documented = true;       ///< the AWS IoT pages mention it
  bool is_condition_only = false;  ///< not meant as a policy variable
};

namespace keys {

struct row {
  std::string_view key;
  key_facts facts;
};
// AWS IoT Core policy variables; Connect policy examples; IAM global condition context keys.
inline constexpr std::array<row, 15> plain{{
    {"iot:ClientId", {key_type::text, false, false, false, true, false}},
    {"iot:DomainName", {key_type::text, false, false, false, true, false}},
    {"iot:CertificateId", {key_type::text, false, false, false, true, false}},
    {"iot:ConnectAttributes", {key_type::text, true, false, true, true, true}},
    {"iot:LastWillTopic", {key_type::arn, false, false, true, true, true}},
    {"iot:Connection.Thing.ThingName", {key_type::text, false, true, false, true, false}},
    {"iot:Connection.Thing.ThingTypeName", {key_type::text, false, true, false, true, false}},
    {"iot:Connection.Thing.IsAttached", {key_type::boolean, false, true, false, true, false}},
    {"aws:SourceIp", {key_type::address, false, false, false, true, true}},
    {"aws:SourceVpc", {key_type::text, false, false, false, true, true}},
    {"aws:SourceVpce", {key_type::text, false, false, false, true, true}},
    {"aws:VpcSourceIp", {key_type::address, false, false, false, true, true}},
    {"aws:CurrentTime", {key_type::instant, false, false, false, false, true}},
    {"aws:EpochTime", {key_type::instant, false, false, false, false, true}},
    {"aws:SecureTransport", {key_type::boolean, false, false, false, false, true}},
}};
inline constexpr std::array<std::string_view, 13> names{"DistinguishedNameQualifier",
                                                        "Country",
                                                        "Organization",
                                                        "OrganizationalUnit",
                                                        "State",
                                                        "CommonName",
                                                        "SerialNumber",
                                                        "Title",
                                                        "Surname",
                                                        "GivenName",
                                                        "Initials",
                                                        "Pseudonym",
                                                        "GenerationQualifier"};
inline constexpr std::array<std::string_view, 5> alternative_names{"RFC822Name", "DNSName", "DirectoryName",
                                                                   "UniformResourceIdentifier", "IPAddress"};

constexpr bool take_folded(std::string_view& text, std::string_view prefix) noexcept {
  if (text.size() < prefix.size() || !equal_folded(text.substr(0, prefix.size()), prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

/// The part of a certificate key after `iot:Certificate.`.
constexpr key_facts certificate(std::string_view rest) noexcept {
  key_facts out{key_type::text, false, false, false, true, false};
  if (equal_folded(rest, "SerialNumber")) return out;
  if (equal_folded(rest, "AvailableKeys")) {
    out.is_list = true;
    return out;
  }
  if (!take_folded(rest, "Subject.") && !take_folded(rest, "Issuer.")) return {};
  const bool alternative = take_folded(rest, "AlternativeName.");
  const std::size_t dot = rest.find('.');
  if (dot != std::string_view::npos) {
    const std::string_view index = rest.substr(dot + 1);
    out.is_list = equal_folded(index, "List");
    const bool is_kept = index.size() == 1 && index[0] >= '0' && index[0] < static_cast<char>('0' + max_certificate_values);
    if (!out.is_list && !is_kept) return {};
    rest = rest.substr(0, dot);
  }
  if (alternative) {
    for (const std::string_view name : alternative_names)
      if (equal_folded(name, rest)) return out;
    return {};
  }
  for (const std::string_view name : names)
    if (equal_folded(name, rest)) return out;
  return {};
}

}  // namespace keys

/// Facts of a context key, in any case; `unknown` for those that device requests never have.
constexpr key_facts find_key(std::string_view key) noexcept {
  for (const keys::row& r : keys::plain)
    if (equal_folded(r.key, key)) return r.facts;
  std::string_view rest = key;
  if (keys::take_folded(rest, "iot:Certificate.")) return keys::certificate(rest);
  rest = key;
  if (keys::take_folded(rest, "iot:Connection.Thing.Attributes[") && rest.size() > 1 && rest.back() == ']' &&
      topics::validate_attribute_name(rest.substr(0, rest.size() - 1)))
    return {key_type::text, false, true, false, true, false};
  return {};
}

namespace keys {

/// Calls `visit` with each key that has a fixed name.
template <class Visit>
void for_each_name(Visit&& visit) {
  for (const row& r : plain) visit(std::string(r.key));
  visit(std::string("iot:Certificate.SerialNumber"));
  for (const std::string_view whose : {"Subject.", "Issuer."}) {
    const std::string start = "iot:Certificate." + std::string(whose);
    for (const std::string_view name : names) visit(start + std::string(name));
    for (const std::string_view name : alternative_names) visit(start + "AlternativeName." + std::string(name));
  }
}

/// `iot:Connection.Thing.Attribute["x"]`: the right word, and the name without what no name has.
inline std::string nearest_attribute(std::string_view key) {
  constexpr std::string_view word = "iot:Connection.Thing.Attributes";
  const std::size_t bracket = key.find('[');
  if (bracket == std::string_view::npos || edit_distance(folded(key.substr(0, bracket)), folded(word), 3) > 3) return {};
  std::string name;
  for (const char c : key.substr(bracket + 1))
    if (c != ']' && topics::validate_attribute_name(std::string_view(&c, 1))) name += c;
  return name.empty() ? std::string() : std::string(word) + "[" + name + "]";
}

inline std::string nearest(std::string_view key) {
  if (std::string attribute = nearest_attribute(key); !attribute.empty()) return attribute;
  std::string best;
  std::size_t least = std::min<std::size_t>(4, key.size() / 3);
  for_each_name([&](std::string name) {
    const std::size_t distance = edit_distance(folded(name), folded(key), 3);
    if (distance >= least) return;
    least = distance;
    best = std::move(name);
  });
  return best;
}

/// Keys of other services or of no one that stand for one of these.
constexpr std::string_view synonym(std::string_view key) noexcept {
  if (equal_folded(key, "iot:Thing.ThingName") || equal_folded(key, "iot:ThingName") ||
      equal_folded(key, "thingName") || equal_folded(key, "credentials-iot:ThingName") ||
      equal_folded(key, "iot:Connection.ThingName"))
    return "iot:Connection.Thing.ThingName";
  if (equal_folded(key, "iot:Thing.ThingTypeName") || equal_folded(key, "iot:Connection.Thing.ThingType") ||
      equal_folded(key, "iot:Thing.Type"))
    return "iot:Connection.Thing.ThingTypeName";
  if (equal_folded(key, "ClientId") || equal_folded(key, "iot:Connection.ClientId")) return "iot:ClientId";
  if (equal_folded(key, "iot:IsAttached") || equal_folded(key, "iot:Thing.IsAttached"))
    return "iot:Connection.Thing.IsAttached";
  return {};
}

}  // namespace keys

/// What was probably meant by an unknown key, or empty.
inline std::string suggest_key(std::string_view key) {
  const std::string_view known = keys::synonym(key);
  return known.empty() ? keys::nearest(key) : std::string(known);
}

}  // namespace fleetprov::policies::detail
