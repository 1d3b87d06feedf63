#pragma once

#include <fleetprov/core/result.hpp>
#include <fleetprov/core/utf8.hpp>
#include <fleetprov/topics/detail/parts.hpp>
#include <fleetprov/topics/limits.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace fleetprov::topics {

/// Whose rules apply. `aws`: AWS IoT Core's limits, and `a/#` does not match its parent `a`;
/// `mqtt`: the MQTT standard alone.
enum class dialect : std::uint8_t { aws, mqtt };

namespace detail {

/// The bytes of `$aws/rules/NAME/` at the start of `text`, or 0: basic ingest topics do not count
/// them towards the limits (AWS IoT Core quotas).
constexpr std::size_t basic_ingest_prefix(std::string_view text) noexcept {
  constexpr std::string_view start = "$aws/rules/";
  if (detail::before(text, start.size()) != start) return 0;
  const std::size_t slash = text.find('/', start.size());
  return slash == std::string_view::npos ? 0 : slash + 1;
}

/// Length, slashes, NUL and UTF-8; offsets are relative to `text`, which starts `base` bytes into
/// what the caller holds.
constexpr result<void> validate_topic_text(std::string_view text, dialect rules, std::size_t base) noexcept {
  const auto place = [base](std::size_t at) { return static_cast<std::uint32_t>(base + at); };
  if (text.size() + base > limits::max_mqtt_text_bytes)
    return {errc::too_large, static_cast<std::uint32_t>(limits::max_mqtt_text_bytes)};
  std::size_t skipped = 0;
  if (rules == dialect::aws) {
    skipped = basic_ingest_prefix(text);
    if (text.size() - skipped > limits::max_topic_bytes) return {errc::too_large, place(skipped + limits::max_topic_bytes)};
  }
  std::size_t slashes = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\0') return {errc::invalid_topic, place(i)};
    if (text[i] == '/' && i >= skipped && rules == dialect::aws && ++slashes > limits::max_topic_slashes)
      return {errc::too_large, place(i)};
  }
  const std::size_t bad = find_invalid_utf8(text);
  if (bad != text.size()) return {errc::invalid_utf8, place(bad)};
  return {};
}

}  // namespace detail

/// Whether a client may use `name` in a PUBLISH as far as its text goes: not empty, UTF-8, no NUL, no
/// `+` or `#` (MQTT 5 section 4.7), and AWS's 256 bytes and 7 slashes unless `rules` is `mqtt`.
/// Who may publish to `$...` is another question: `classify_reserved`.
/// Errors: `invalid_topic`, `invalid_utf8`, `too_large`, with the offset of the first offending byte.
constexpr result<void> validate_topic_name(std::string_view name, dialect rules = dialect::aws) noexcept {
  if (name.empty()) return {errc::invalid_topic, 0};
  const std::size_t wildcard = name.find_first_of("+#");
  if (wildcard != std::string_view::npos) return {errc::invalid_topic, static_cast<std::uint32_t>(wildcard)};
  return detail::validate_topic_text(name, rules, 0);
}

}  // namespace fleetprov::topics
