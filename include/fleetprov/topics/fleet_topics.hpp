#pragma once

#include <fleetprov/core/inline_text.hpp>
#include <fleetprov/core/result.hpp>
#include <fleetprov/topics/detail/parts.hpp>
#include <fleetprov/topics/template_name.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

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

/// A literal as an array, so that comparing and copying it has a length the compiler knows.
template <std::size_t N>
struct literal {
  char bytes[N] = {};
  std::uint8_t used = 0;

  constexpr explicit literal(std::string_view text) noexcept : used(static_cast<std::uint8_t>(text.size())) {
    for (std::size_t i = 0; i < text.size(); ++i) bytes[i] = text[i];
  }
  constexpr std::string_view view() const noexcept { return {bytes, used}; }
  constexpr bool starts(std::string_view text) const noexcept {
    return text.size() >= N && __builtin_memcmp(text.data(), bytes, N) == 0;
  }
};

// Sizes are written out: g++ 12 puts constants of a deduced class type into writable memory.
inline constexpr literal<24> certificates_prefix("$aws/certificates/create");
inline constexpr literal<9> from_csr("-from-csr");
inline constexpr literal<33> from_csr_prefix("$aws/certificates/create-from-csr");
inline constexpr literal<28> templates_prefix("$aws/provisioning-templates/");
inline constexpr literal<10> provision("/provision");
inline constexpr literal<5> json("/json");
inline constexpr literal<5> cbor("/cbor");
inline constexpr literal<9> accepted("/accepted");
inline constexpr literal<9> rejected("/rejected");

/// What follows the operation's own levels: three kinds of each format.
inline constexpr literal<14> tails[6] = {literal<14>("/json"), literal<14>("/json/accepted"), literal<14>("/json/rejected"),
                                         literal<14>("/cbor"), literal<14>("/cbor/accepted"), literal<14>("/cbor/rejected")};

constexpr std::size_t tail_of(payload_format format, message_kind kind) noexcept {
  return static_cast<std::size_t>(format) * 3 + static_cast<std::size_t>(kind);
}

inline constexpr std::size_t no_tail = 6;
constexpr payload_format format_of(std::size_t tail) noexcept { return static_cast<payload_format>(tail / 3); }
constexpr message_kind kind_of(std::size_t tail) noexcept { return static_cast<message_kind>(tail % 3); }

/// The place of `text` in `tails`, or `no_tail`.
constexpr std::size_t find_tail(std::string_view text) noexcept {
  const bool is_json = json.starts(text);
  if (!is_json && !cbor.starts(text)) return no_tail;
  const std::size_t first = is_json ? 0 : 3;
  if (text.size() == 5) return first;
  if (text.size() != 14) return no_tail;
  const std::string_view last = after(text, 5);
  return accepted.starts(last) ? first + 1 : rejected.starts(last) ? first + 2 : no_tail;
}

/// A topic that starts with `certificates_prefix`.
constexpr result<fleet_topic> classify_create(std::string_view topic) noexcept {
  std::string_view text = after(topic, certificates_prefix.used);
  const bool csr = from_csr.starts(text);
  if (csr) text = after(text, from_csr.used);
  const std::size_t tail = find_tail(text);
  if (tail == no_tail) return {errc::invalid_topic, static_cast<std::uint32_t>(topic.size() - text.size())};
  result<fleet_topic> out{fleet_topic{}};  // filled in place: this is on the path of every message
  out->call = csr ? api::create_certificate_from_csr : api::create_keys_and_certificate;
  out->format = format_of(tail);
  out->kind = kind_of(tail);
  return out;
}

/// A topic that starts with `templates_prefix`.
constexpr result<fleet_topic> classify_provision(std::string_view topic) noexcept {
  constexpr std::size_t prefix = templates_prefix.used;
  const std::string_view rest = after(topic, prefix);
  const std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return {errc::invalid_topic, static_cast<std::uint32_t>(topic.size())};
  const std::string_view text = after(rest, slash);
  const std::size_t tail = provision.starts(text) ? find_tail(after(text, provision.used)) : no_tail;
  if (tail == no_tail) return {errc::invalid_topic, static_cast<std::uint32_t>(prefix + slash)};
  const std::string_view name(rest.data(), slash);
  if (const result<void> valid = template_name::validate(name); !valid)
    return {errc::invalid_template_name, static_cast<std::uint32_t>(prefix + valid.error().offset)};
  return fleet_topic{api::register_thing, format_of(tail), kind_of(tail),
                     std::optional<template_name>(std::in_place, template_name::validated{}, name)};
}

/// All topics in one function, for small code: the answers of the two above.
constexpr result<fleet_topic> classify_small(std::string_view topic) noexcept {
  const bool named = templates_prefix.starts(topic);
  if (!named && !certificates_prefix.starts(topic)) return {errc::invalid_topic, 0};
  const std::string_view rest = after(topic, named ? templates_prefix.used : certificates_prefix.used);
  std::string_view text = rest;
  std::string_view name;
  api call = api::create_keys_and_certificate;
  if (named) {
    std::size_t slash = 0;
    while (slash < rest.size() && rest[slash] != '/') ++slash;
    name = before(rest, slash);
    text = after(rest, name.size());
    call = api::register_thing;
  } else if (from_csr.starts(text)) {
    text = after(text, from_csr.used);
    call = api::create_certificate_from_csr;
  }
  const auto wrong_from = static_cast<std::uint32_t>(topic.size() - text.size());
  if (named) text = provision.starts(text) ? after(text, provision.used) : std::string_view();
  std::size_t tail = 0;
  while (tail < no_tail && text != tails[tail].view()) ++tail;
  if (tail == no_tail) return {errc::invalid_topic, wrong_from};
  if (named) {
    const result<void> valid = template_name::validate(name);
    if (!valid) return {errc::invalid_template_name, static_cast<std::uint32_t>(templates_prefix.used + valid.error().offset)};
  }
  return fleet_topic{call, format_of(tail), kind_of(tail),
                     named ? std::optional<template_name>(std::in_place, template_name::validated{}, name) : std::nullopt};
}

/// The same text as `compose_fleet_topic`, for small code.
constexpr fleet_topic_text compose_small(api call, std::string_view name, payload_format format, message_kind kind) noexcept {
  fleet_topic_text out;
  const bool named = call == api::register_thing;
  const std::size_t prefix = call == api::create_certificate_from_csr ? from_csr_prefix.used : certificates_prefix.used;
  const std::string_view parts[] = {named ? templates_prefix.view() : std::string_view(from_csr_prefix.bytes, prefix), name,
                                    named ? provision.view() : std::string_view(), tails[tail_of(format, kind)].view()};
  for (const std::string_view part : parts) out.append(part);
  return out;
}

/// `padded_name` has 36 bytes, of which the first `name_size` are the name.
constexpr fleet_topic_text compose_fleet_topic(api call, const char* padded_name, std::size_t name_size,
                                               payload_format format, message_kind kind) noexcept {
  fleet_topic_text out;
  if (call == api::register_thing) {
    out.append_padded<sizeof templates_prefix.bytes>(templates_prefix.bytes, templates_prefix.used);
    out.append_padded<template_name::max_size>(padded_name, name_size);
    out.append_padded<sizeof provision.bytes>(provision.bytes, provision.used);
  } else {
    const bool csr = call == api::create_certificate_from_csr;
    out.append_padded<sizeof from_csr_prefix.bytes>(from_csr_prefix.bytes, csr ? from_csr_prefix.used : certificates_prefix.used);
  }
  const literal<14>& tail = tails[tail_of(format, kind)];
  out.append_padded<sizeof tail.bytes>(tail.bytes, tail.used);
  return out;
}

}  // namespace detail

/// Reads an API topic, as published or delivered (no wildcards). The only place that knows the
/// spelling, together with `build`. AWS IoT Developer Guide, "Device provisioning MQTT API".
/// Errors: `invalid_topic` (not an API topic, the format level included: `$aws/certificates/create`
/// alone is none); `invalid_template_name` (all but the template's name is right), with its offset.
template <bool SmallCode = detail::prefer_small_code>
constexpr result<fleet_topic> classify(std::string_view topic) noexcept;

/// The topic's text.
template <bool SmallCode = detail::prefer_small_code>
constexpr fleet_topic_text build(const fleet_topic& topic) noexcept;

template <bool SmallCode>
constexpr result<fleet_topic> classify(std::string_view topic) noexcept {
  if constexpr (SmallCode) return detail::classify_small(topic);
  if (detail::certificates_prefix.starts(topic)) return detail::classify_create(topic);
  if (detail::templates_prefix.starts(topic)) return detail::classify_provision(topic);
  return {errc::invalid_topic, 0};
}

template <bool SmallCode>
constexpr fleet_topic_text build(const fleet_topic& topic) noexcept {
  FLEETPROV_ASSERT(topic.call != api::register_thing || topic.name.has_value());
  const std::string_view name = topic.call == api::register_thing ? topic.name->view() : std::string_view();
  if constexpr (SmallCode) return detail::compose_small(topic.call, name, topic.format, topic.kind);
  return detail::compose_fleet_topic(topic.call, name.data(), name.size(), topic.format, topic.kind);  // the view's bytes are the padded ones
}

}  // namespace fleetprov::topics
