#pragma once

#include <fleetprov/policies/variables.hpp>
#include <fleetprov/topics/arn.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fleetprov::policies {

/// The registry thing that may speak for a connection.
struct thing_facts {
  std::string name;
  std::optional<std::string> type;
  std::map<std::string, std::string> attributes;
  bool attached = true;    ///< the presented certificate is attached to it
  bool exclusive = false;  ///< attached with EXCLUSIVE_THING: it is the thing whatever the client id is
};

/// What AWS IoT Core knows about a connected device.
struct principal_facts {
  std::optional<std::string> client_id;  ///< absent over HTTPS; then there are no thing variables either
  std::optional<std::string> certificate_id;
  std::map<std::string, std::vector<std::string>> certificate_variables;  ///< see crypto/certificate_variables.hpp
  std::optional<thing_facts> thing;  ///< candidate: attached, or named like the client id
  std::optional<std::string> source_ip, domain_name;
  std::optional<std::string> source_vpc, source_vpce, vpc_source_ip;
  std::optional<std::int64_t> epoch_seconds;  ///< for aws:CurrentTime and aws:EpochTime
  context extra;                              ///< any further keys; they win over the above
};

/// Where resources live. The partition follows from the region.
struct arn_scope {
  std::string region = "us-east-1";
  std::string account = "123456789012";
};

/// Whether thing variables have values and policies on the thing's groups act: the certificate is attached and
/// the association is exclusive or the client id is the thing's name, byte for byte (AWS IoT, "Associating an
/// AWS IoT thing to an MQTT client connection").
inline bool is_thing_resolved(const principal_facts& who) noexcept {
  if (!who.client_id || !who.thing || !who.thing->attached) return false;
  return who.thing->exclusive || *who.client_id == who.thing->name;
}

namespace detail {

inline std::string two_digits(std::int64_t n) { return {static_cast<char>('0' + n / 10), static_cast<char>('0' + n % 10)}; }

/// Seconds since 1970 as W3C date and time (proleptic Gregorian calendar).
inline std::string iso_time(std::int64_t seconds) {
  std::int64_t days = seconds / 86400, rest = seconds % 86400;
  if (rest < 0) {
    rest += 86400;
    --days;
  }
  days += 719468;
  const std::int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const std::int64_t day_of_era = days - era * 146097;
  const std::int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t shifted_month = (5 * day_of_year + 2) / 153;
  const std::int64_t month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  const std::int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
  std::string out = std::to_string(year);
  out.insert(0, 4 - std::min<std::size_t>(4, out.size()), '0');
  return out + '-' + two_digits(month) + '-' + two_digits(day_of_year - (153 * shifted_month + 2) / 5 + 1) +
         'T' + two_digits(rest / 3600) + ':' + two_digits(rest / 60 % 60) + ':' + two_digits(rest % 60) + 'Z';
}

inline void add_thing(context& to, const principal_facts& who) {
  if (!who.client_id) return;
  to["iot:Connection.Thing.IsAttached"] = {is_thing_resolved(who) ? "true" : "false"};
  if (!is_thing_resolved(who)) return;
  to["iot:Connection.Thing.ThingName"] = {who.thing->name};
  if (who.thing->type) to["iot:Connection.Thing.ThingTypeName"] = {*who.thing->type};
  for (const auto& [name, value] : who.thing->attributes) to["iot:Connection.Thing.Attributes[" + name + "]"] = {value};
}

}  // namespace detail

/// The context keys that hold for the whole connection. AWS IoT Developer Guide, "Basic AWS IoT Core policy variables",
/// "Thing policy variables", "X.509 Certificate AWS IoT Core policy variables".
inline context make_context(const principal_facts& who) {
  context out;
  const auto put = [&](std::string_view key, const std::optional<std::string>& value) {
    if (value) out[std::string(key)] = {*value};
  };
  put("iot:ClientId", who.client_id);
  put("iot:CertificateId", who.certificate_id);
  put("iot:DomainName", who.domain_name);
  put("aws:SourceIp", who.source_ip);
  put("aws:SourceVpc", who.source_vpc);
  put("aws:SourceVpce", who.source_vpce);
  put("aws:VpcSourceIp", who.vpc_source_ip);
  // assumption: the IAM globals are supplied although IoT pages do not mention them; devices only speak TLS.
  out["aws:SecureTransport"] = {"true"};
  if (who.epoch_seconds) {
    out["aws:EpochTime"] = {std::to_string(*who.epoch_seconds)};
    out["aws:CurrentTime"] = {detail::iso_time(*who.epoch_seconds)};
  }
  std::vector<std::string> available;
  for (const auto& [key, values] : who.certificate_variables) {
    out[key] = values;
    if (detail::is_certificate_key(key)) available.push_back(key);
  }
  if (!available.empty()) out.try_emplace("iot:Certificate.AvailableKeys", std::move(available));
  detail::add_thing(out, who);
  for (const auto& [key, values] : who.extra) out[key] = values;
  return out;
}

enum class session_kind : std::uint8_t { clean, persistent };
enum class retention : std::uint8_t { not_retained, retained };

/// The will of a CONNECT.
struct will_facts {
  std::string_view topic;
  retention retain = retention::not_retained;
};

/// What a CONNECT packet adds to the context.
struct connect_facts {
  session_kind session = session_kind::clean;
  std::optional<will_facts> will;
};

/// `base` plus iot:ConnectAttributes and, with a will, iot:LastWillTopic. For iot:Connect requests only.
inline context with_connect(context base, const connect_facts& packet, const arn_scope& where) {
  std::vector<std::string> attributes;
  if (packet.session == session_kind::persistent) attributes.emplace_back("PersistentConnect");
  if (packet.will) attributes.emplace_back("LastWill");
  base["iot:ConnectAttributes"] = std::move(attributes);
  base.erase("iot:LastWillTopic");
  if (packet.will)
    base["iot:LastWillTopic"] = {topics::make_arn(where.region, where.account, "topic", packet.will->topic)};
  return base;
}

}  // namespace fleetprov::policies
