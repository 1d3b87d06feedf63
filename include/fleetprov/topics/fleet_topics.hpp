#pragma once

#include <fleetprov/core/inline_text.hpp>
#include <fleetprov/core/result.hpp>
#include <fleetprov/topics/template_name.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace fleetprov::topics {

/// The three operations of the device provisioning MQTT API.
enum class api : std::uint8_t { create_keys_and_certificate, create_certificate_from_csr, register_thing };
enum class payload_format : std::uint8_t { json, cbor };
enum class message_kind : std::uint8_t { request, accepted, rejected };

/// As AWS spells it: `CreateKeysAndCertificate`, ...
constexpr std::string_view name_of(api call) noexcept {
  return call == api::register_thing                ? "RegisterThing"
         : call == api::create_certificate_from_csr ? "CreateCertificateFromCsr"
                                                    : "CreateKeysAndCertificate";
}
constexpr std::string_view name_of(payload_format format) noexcept {
  return format == payload_format::json ? "json" : "cbor";
}
constexpr std::string_view name_of(message_kind kind) noexcept {
  return kind == message_kind::request ? "request" : kind == message_kind::accepted ? "accepted" : "rejected";
}

/// One of the API topics. `name` is there exactly for `register_thing`.
struct fleet_topic {
  api call = api::create_keys_and_certificate;
  payload_format format = payload_format::json;
  message_kind kind = message_kind::request;
  std::optional<template_name> name;

  friend constexpr bool operator==(const fleet_topic& a, const fleet_topic& b) noexcept {
    return a.call == b.call && a.format == b.format && a.kind == b.kind && a.name.has_value() == b.name.has_value() &&
           (!a.name || *a.name == *b.name);
  }
  friend constexpr bool operator!=(const fleet_topic& a, const fleet_topic& b) noexcept { return !(a == b); }
};

/// The longest: `$aws/provisioning-templates/<36 characters>/provision/<fmt>/accepted`.
inline constexpr std::size_t max_fleet_topic_bytes = 88;
using fleet_topic_text = inline_text<max_fleet_topic_bytes>;

namespace detail {

inline constexpr std::string_view certificates_prefix = "$aws/certificates/create";
inline constexpr std::string_view from_csr = "-from-csr";
inline constexpr std::string_view templates_prefix = "$aws/provisioning-templates/";
inline constexpr std::string_view provision = "/provision";

/// Reads `/json`, `/cbor/accepted`, ...: all that follows the operation's own levels.
constexpr bool read_tail(std::string_view tail, fleet_topic& out) noexcept {
  const std::string_view head = tail.substr(0, 5);
  if (head == "/json") out.format = payload_format::json;
  else if (head == "/cbor") out.format = payload_format::cbor;
  else return false;
  if (tail.size() == 5) out.kind = message_kind::request;
  else if (tail.size() != 14) return false;
  else if (tail.substr(5) == "/accepted") out.kind = message_kind::accepted;
  else if (tail.substr(5) == "/rejected") out.kind = message_kind::rejected;
  else return false;
  return true;
}

constexpr fleet_topic_text compose_fleet_topic(api call, std::string_view name, payload_format format,
                                               message_kind kind) noexcept {
  fleet_topic_text out;
  if (call == api::register_thing) {
    out.append(templates_prefix).append(name).append(provision);
  } else {
    out.append(certificates_prefix);
    if (call == api::create_certificate_from_csr) out.append(from_csr);
  }
  out.append("/").append(name_of(format));
  if (kind != message_kind::request) out.append("/").append(name_of(kind));
  return out;
}

}  // namespace detail

/// Reads an API topic, as published or delivered (no wildcards). The only place that knows the
/// spelling, together with `build`. AWS IoT Developer Guide, "Device provisioning MQTT API".
/// Errors: `invalid_topic` (not an API topic, the format level included: `$aws/certificates/create`
/// alone is none); `invalid_template_name` (all but the template's name is right), with its offset.
constexpr result<fleet_topic> classify(std::string_view topic) noexcept;

/// The topic's text.
constexpr fleet_topic_text build(const fleet_topic& topic) noexcept;

constexpr result<fleet_topic> classify(std::string_view topic) noexcept {
  fleet_topic out;
  constexpr std::string_view certificates = detail::certificates_prefix;
  constexpr std::string_view templates = detail::templates_prefix;
  if (topic.substr(0, certificates.size()) == certificates) {
    std::string_view tail = topic.substr(certificates.size());
    if (tail.substr(0, detail::from_csr.size()) == detail::from_csr) {
      out.call = api::create_certificate_from_csr;
      tail.remove_prefix(detail::from_csr.size());
    }
    if (!detail::read_tail(tail, out)) return {errc::invalid_topic, static_cast<std::uint32_t>(topic.size() - tail.size())};
    return out;
  }
  if (topic.substr(0, templates.size()) != templates) return {errc::invalid_topic, 0};
  const std::string_view rest = topic.substr(templates.size());
  const std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return {errc::invalid_topic, static_cast<std::uint32_t>(topic.size())};
  const std::string_view tail = rest.substr(slash);
  if (tail.substr(0, detail::provision.size()) != detail::provision ||
      !detail::read_tail(tail.substr(detail::provision.size()), out))
    return {errc::invalid_topic, static_cast<std::uint32_t>(templates.size() + slash)};
  const result<template_name> name = template_name::parse(rest.substr(0, slash));
  if (!name) return {errc::invalid_template_name, static_cast<std::uint32_t>(templates.size() + name.error().offset)};
  return fleet_topic{api::register_thing, out.format, out.kind, *name};
}

constexpr fleet_topic_text build(const fleet_topic& topic) noexcept {
  if (topic.call != api::register_thing) return detail::compose_fleet_topic(topic.call, {}, topic.format, topic.kind);
  FLEETPROV_ASSERT(topic.name.has_value());
  return detail::compose_fleet_topic(topic.call, topic.name->view(), topic.format, topic.kind);
}

}  // namespace fleetprov::topics
