#pragma once

#include <fleetprov/core/result.hpp>
#include <fleetprov/core/utf8.hpp>
#include <fleetprov/topics/detail/alphabet.hpp>
#include <fleetprov/topics/detail/parts.hpp>
#include <fleetprov/topics/limits.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

/// The alphabets and lengths of the registry's names (AWS IoT API Reference, the data types of
/// CreateThing, CreateThingType, CreateThingGroup, CreatePolicy, CreateRoleAlias, DescribeCertificate).
namespace fleetprov::topics {

namespace detail {

inline constexpr alphabet thing_characters = alphabet::alphanumeric_and(":_-");
inline constexpr alphabet attribute_name_characters = alphabet::alphanumeric_and("_.,@/:#-");
inline constexpr alphabet attribute_value_characters = alphabet::alphanumeric_and("_.,@/:#=[]-");
inline constexpr alphabet policy_characters = alphabet::alphanumeric_and("_+=,.@-");
inline constexpr alphabet hex_characters = alphabet::of("0123456789abcdefABCDEF");
inline constexpr alphabet role_alias_characters = alphabet::alphanumeric_and("_=,@-");

constexpr result<void> validate_name(std::string_view text, const alphabet& allowed, std::size_t min, std::size_t max,
                                     errc code) noexcept {
  if (text.size() < min) return {code, 0};
  const std::size_t bad = allowed.find_outsider(detail::before(text, max));
  if (bad != text.size()) return {code, static_cast<std::uint32_t>(bad)};
  return {};
}

}  // namespace detail

// Each fails with the offset of the first bad byte: 0 if empty, the limit if too long.

/// `[a-zA-Z0-9:_-]{1,128}`. Errors: `invalid_thing_name`.
constexpr result<void> validate_thing_name(std::string_view text) noexcept {
  return detail::validate_name(text, detail::thing_characters, 1, limits::max_thing_name, errc::invalid_thing_name);
}
/// `[a-zA-Z0-9:_-]{1,128}`. Errors: `invalid_name`.
constexpr result<void> validate_thing_type_name(std::string_view text) noexcept {
  return detail::validate_name(text, detail::thing_characters, 1, limits::max_thing_type_name, errc::invalid_name);
}
/// `[a-zA-Z0-9:_-]{1,128}`, thing groups and billing groups alike. Errors: `invalid_name`.
constexpr result<void> validate_group_name(std::string_view text) noexcept {
  return detail::validate_name(text, detail::thing_characters, 1, limits::max_thing_group_name, errc::invalid_name);
}
/// `[a-zA-Z0-9_.,@/:#-]{1,128}`. Errors: `invalid_name`.
constexpr result<void> validate_attribute_name(std::string_view text) noexcept {
  return detail::validate_name(text, detail::attribute_name_characters, 1, limits::max_attribute_name,
                               errc::invalid_name);
}
/// `[a-zA-Z0-9_.,@/:#=\[\]-]{0,800}`. Errors: `invalid_name`.
constexpr result<void> validate_attribute_value(std::string_view text) noexcept {
  return detail::validate_name(text, detail::attribute_value_characters, 0, limits::max_attribute_value,
                               errc::invalid_name);
}
/// `[\w+=,.@-]{1,128}`. Errors: `invalid_name`.
constexpr result<void> validate_policy_name(std::string_view text) noexcept {
  return detail::validate_name(text, detail::policy_characters, 1, limits::max_policy_name, errc::invalid_name);
}
/// `[\w=,@-]{1,128}`. Errors: `invalid_name`.
constexpr result<void> validate_role_alias(std::string_view text) noexcept {
  return detail::validate_name(text, detail::role_alias_characters, 1, limits::max_role_alias, errc::invalid_name);
}
/// 64 hexadecimal digits in either case (data type CertificateId). Errors: `invalid_name`.
constexpr result<void> validate_certificate_id(std::string_view text) noexcept {
  return detail::validate_name(text, detail::hex_characters, limits::certificate_id_length, limits::certificate_id_length, errc::invalid_name);
}

/// 1 to 128 bytes of UTF-8 without NUL; ids that start with `$` are reserved (AWS IoT Core quotas).
/// Errors: `invalid_client_id`, `invalid_utf8`, `too_large`.
constexpr result<void> validate_client_id(std::string_view text) noexcept {
  if (text.empty() || text[0] == '$') return {errc::invalid_client_id, 0};
  if (text.size() > limits::max_client_id_bytes) return {errc::too_large, limits::max_client_id_bytes};
  const std::size_t nul = text.find('\0');
  if (nul != std::string_view::npos) return {errc::invalid_client_id, static_cast<std::uint32_t>(nul)};
  const std::size_t bad = find_invalid_utf8(text);
  if (bad != text.size()) return {errc::invalid_utf8, static_cast<std::uint32_t>(bad)};
  return {};
}

}  // namespace fleetprov::topics
