#pragma once

#include <fleetprov/core/inline_text.hpp>
#include <fleetprov/core/result.hpp>
#include <fleetprov/topics/detail/alphabet.hpp>
#include <fleetprov/topics/limits.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace fleetprov::topics {

/// The name of a provisioning template: 1 to 36 characters of `[0-9A-Za-z_-]`. An object can only
/// hold a valid name. AWS IoT API Reference, CreateProvisioningTemplate.
class template_name {
 public:
  static constexpr std::size_t max_size = limits::max_template_name;

  /// Errors: `invalid_template_name` with the offset of the first bad byte (0 if empty, 36 if too long).
  static constexpr result<void> validate(std::string_view text) noexcept {
    if (text.empty()) return {errc::invalid_template_name, 0};
    const std::size_t size = text.size() < max_size ? text.size() : max_size;
    const std::size_t bad = characters.find_outsider({text.data(), size});
    if (bad != text.size()) return {errc::invalid_template_name, static_cast<std::uint32_t>(bad)};
    return {};
  }

  /// Errors: those of `validate`.
  static constexpr result<template_name> parse(std::string_view text) noexcept {
    const result<void> valid = validate(text);
    if (!valid) return valid.error();
    return template_name(validated{}, text);
  }

  struct validated {};
  /// For callers that have just had a good `validate`.
  constexpr template_name(validated, std::string_view text) noexcept : size_(static_cast<std::uint8_t>(text.size())) {
    FLEETPROV_ASSERT(text.size() - 1 < max_size);
    fleetprov::detail::copy_bytes(bytes_.data(), text.data(), text.size());
  }

  /// Valid as long as this object lives.
  constexpr std::string_view view() const noexcept { return {bytes_.data(), size_}; }

  /// All `max_size` bytes; those after the name are '\0'.
  constexpr const std::array<char, max_size>& padded() const noexcept { return bytes_; }

  friend constexpr bool operator==(const template_name& a, const template_name& b) noexcept {
    return a.view() == b.view();
  }
  friend constexpr bool operator!=(const template_name& a, const template_name& b) noexcept { return !(a == b); }

 private:
  static constexpr detail::alphabet characters = detail::alphabet::alphanumeric_and("_-");

  std::array<char, max_size> bytes_{};
  std::uint8_t size_;
};

}  // namespace fleetprov::topics
