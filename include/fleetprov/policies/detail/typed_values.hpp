#pragma once

#include <fleetprov/policies/pattern.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// Texts of condition values as numbers, instants, addresses and bytes. Each reader takes all of the
// text or nothing.

namespace fleetprov::policies::detail {

/// A number, of which two texts without an exponent are compared digit by digit: serial numbers of certificates have up to
/// 160 bits, and a double has 53.  assumption: AWS compares them so too.
struct number {
  double value = 0;
  bool is_plain = false;               ///< no exponent
  bool is_negative = false;            ///< never of zero
  std::string_view whole, fraction{};  ///< of a plain one, without zeros that say nothing; views of the text
};

inline std::optional<number> read_number(std::string_view text) noexcept {
  number out;
  const auto got = std::from_chars(text.data(), text.data() + text.size(), out.value);
  if (got.ec != std::errc() || got.ptr != text.data() + text.size() || !(out.value - out.value == 0)) return std::nullopt;
  out.is_plain = text.find_first_of("eE") == std::string_view::npos;
  if (text.front() == '-') text.remove_prefix(1);
  const std::size_t point = (std::min)(text.find('.'), text.size());
  out.whole = text.substr((std::min)(text.find_first_not_of('0'), point), point);
  out.whole = out.whole.substr(0, out.whole.find('.'));
  out.fraction = text.substr((std::min)(point + 1, text.size()));
  out.fraction = out.fraction.substr(0, out.fraction.find_last_not_of('0') + 1);
  out.is_negative = out.value < 0;
  return out;
}

/// Which is nearer to zero, of two plain ones.
inline bool is_smaller(const number& a, const number& b) noexcept {
  if (a.whole.size() != b.whole.size()) return a.whole.size() < b.whole.size();
  const int order = a.whole.compare(b.whole);
  return order != 0 ? order < 0 : a.fraction < b.fraction;
}

inline bool operator<(const number& a, const number& b) noexcept {
  if (!a.is_plain || !b.is_plain) return a.value < b.value;
  if (a.is_negative != b.is_negative) return a.is_negative;
  return a.is_negative ? is_smaller(b, a) : is_smaller(a, b);
}

inline std::optional<bool> read_boolean(std::string_view text) noexcept {
  if (equal_folded(text, "true")) return true;
  if (equal_folded(text, "false")) return false;
  return std::nullopt;
}

/// Takes exactly `digits` decimal digits off the front.
inline std::optional<std::int64_t> take_digits(std::string_view& text, std::size_t digits) noexcept {
  if (text.size() < digits) return std::nullopt;
  std::int64_t out = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    out = out * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return out;
}

inline bool take(std::string_view& text, char c) noexcept {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

/// Days from 1970-01-01 to a date of the Gregorian calendar.
constexpr std::int64_t days_from_civil(std::int64_t year, std::int64_t month, std::int64_t day) noexcept {
  year -= month <= 2 ? 1 : 0;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const std::int64_t year_of_era = year - era * 400;
  const std::int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

/// Microseconds after a decimal point; digits beyond the sixth are dropped.
inline std::optional<std::int64_t> take_fraction(std::string_view& text) noexcept {
  std::int64_t out = 0, scale = 100000;
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    out += (text.front() - '0') * scale;
    scale /= 10;
    text.remove_prefix(1);
  }
  return out;
}

inline std::optional<std::int64_t> read_epoch(std::string_view text) noexcept {
  const bool negative = take(text, '-');
  std::size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
  if (digits == 0 || digits > 12) return std::nullopt;
  std::int64_t micros = *take_digits(text, digits) * 1000000;
  if (take(text, '.')) {
    const auto fraction = take_fraction(text);
    if (!fraction) return std::nullopt;
    micros += *fraction;
  }
  if (!text.empty()) return std::nullopt;
  return negative ? -micros : micros;
}

inline std::optional<std::int64_t> read_zone(std::string_view& text) noexcept {
  if (take(text, 'Z')) return 0;
  const bool west = !text.empty() && text.front() == '-';
  if (!take(text, '+') && !take(text, '-')) return std::nullopt;
  const auto hours = take_digits(text, 2);
  if (!hours || !take(text, ':')) return std::nullopt;
  const auto minutes = take_digits(text, 2);
  if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  const std::int64_t seconds = *hours * 3600 + *minutes * 60;
  return west ? -seconds : seconds;
}

/// Microseconds of the time of day after the `T`, zone applied.
inline std::optional<std::int64_t> read_time_of_day(std::string_view text) noexcept {
  const auto hour = take_digits(text, 2);
  if (!hour || !take(text, ':')) return std::nullopt;
  const auto minute = take_digits(text, 2);
  std::int64_t second = 0, micros = 0;
  if (take(text, ':')) {
    const auto got = take_digits(text, 2);
    if (!got) return std::nullopt;
    second = *got;
    if (take(text, '.')) {
      const auto fraction = take_fraction(text);
      if (!fraction) return std::nullopt;
      micros = *fraction;
    }
  }
  const auto zone = read_zone(text);
  if (!minute || !zone || !text.empty() || *hour > 23 || *minute > 59 || second > 60) return std::nullopt;
  return (*hour * 3600 + *minute * 60 + second - *zone) * 1000000 + micros;
}

/// W3C profile of ISO 8601 (year, month, day, or with a time and a zone), or epoch seconds; microseconds
/// since 1970. Four digits are a year.
inline std::optional<std::int64_t> read_instant(std::string_view text) noexcept {
  std::string_view rest = text;
  const auto year = take_digits(rest, 4);
  if (!year || (!rest.empty() && rest.front() != '-')) return read_epoch(text);
  std::int64_t month = 1, day = 1, micros = 0;
  if (take(rest, '-')) {
    const auto got = take_digits(rest, 2);
    if (!got) return std::nullopt;
    month = *got;
    if (take(rest, '-')) {
      const auto got_day = take_digits(rest, 2);
      if (!got_day) return std::nullopt;
      day = *got_day;
      if (take(rest, 'T')) {
        const auto time = read_time_of_day(rest);
        if (!time) return std::nullopt;
        micros = *time;
        rest = {};
      }
    }
  }
  constexpr std::int64_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (!rest.empty() || month < 1 || month > 12 || day < 1) return std::nullopt;
  const bool leap = (*year % 4 == 0 && *year % 100 != 0) || *year % 400 == 0;
  if (day > lengths[month - 1] + (leap && month == 2 ? 1 : 0)) return std::nullopt;
  return days_from_civil(*year, month, day) * 86400000000 + micros;
}

struct address {
  std::array<std::uint8_t, 16> bytes{};
  unsigned bits = 0;  ///< 32 or 128
};

inline std::optional<address> read_ipv4(std::string_view text) noexcept {
  address out;
  out.bits = 32;
  for (std::size_t part = 0; part < 4; ++part) {
    if (part != 0 && !take(text, '.')) return std::nullopt;
    unsigned value = 0;
    std::size_t digits = 0;
    while (!text.empty() && text.front() >= '0' && text.front() <= '9' && digits < 3) {
      value = value * 10 + static_cast<unsigned>(text.front() - '0');
      text.remove_prefix(1);
      ++digits;
    }
    if (digits == 0 || value > 255) return std::nullopt;
    out.bytes[part] = static_cast<std::uint8_t>(value);
  }
  if (!text.empty()) return std::nullopt;
  return out;
}

/// Reads up to eight groups into `bytes` from the front; how many bytes, or nothing.
struct ipv6_groups {
  std::array<std::uint8_t, 16> bytes{};
  std::size_t size = 0;
};
inline std::optional<ipv6_groups> read_groups(std::string_view text) noexcept {
  ipv6_groups out;
  if (text.empty()) return out;
  while (true) {
    const std::string_view group = text.substr(0, text.find(':'));
    if (group.find('.') != std::string_view::npos) {  // IPv4 in the last 32 bits
      const auto tail = read_ipv4(group);
      if (!tail || group.size() != text.size() || out.size > 12) return std::nullopt;
      for (std::size_t i = 0; i < 4; ++i) out.bytes[out.size++] = tail->bytes[i];
      return out;
    }
    unsigned value = 0;
    const auto got = std::from_chars(group.data(), group.data() + group.size(), value, 16);
    if (group.empty() || group.size() > 4 || got.ec != std::errc() || got.ptr != group.data() + group.size() ||
        out.size > 14)
      return std::nullopt;
    out.bytes[out.size++] = static_cast<std::uint8_t>(value >> 8);
    out.bytes[out.size++] = static_cast<std::uint8_t>(value & 0xFFU);
    if (group.size() == text.size()) return out;
    text.remove_prefix(group.size() + 1);
  }
}

inline std::optional<address> read_ipv6(std::string_view text) noexcept {
  address out;
  out.bits = 128;
  const std::size_t gap = text.find("::");
  const auto head = read_groups(text.substr(0, gap));
  if (!head) return std::nullopt;
  for (std::size_t i = 0; i < head->size; ++i) out.bytes[i] = head->bytes[i];
  if (gap == std::string_view::npos) return head->size == 16 ? std::optional<address>(out) : std::nullopt;
  const auto tail = read_groups(text.substr(gap + 2));
  if (!tail || head->size + tail->size > 14) return std::nullopt;
  for (std::size_t i = 0; i < tail->size; ++i) out.bytes[16 - tail->size + i] = tail->bytes[i];
  return out;
}

inline std::optional<address> read_address(std::string_view text) noexcept {
  return text.find(':') == std::string_view::npos ? read_ipv4(text) : read_ipv6(text);
}

struct network {
  address base;
  unsigned prefix = 0;
};

// assumption: a bare IPv6 address means /128, as a bare IPv4 address means /32.
inline std::optional<network> read_network(std::string_view text) noexcept {
  const std::size_t slash = text.find('/');
  const auto base = read_address(text.substr(0, slash));
  if (!base) return std::nullopt;
  network out{*base, base->bits};
  if (slash == std::string_view::npos) return out;
  const std::string_view digits = text.substr(slash + 1);
  const auto got = std::from_chars(digits.data(), digits.data() + digits.size(), out.prefix);
  if (digits.empty() || got.ec != std::errc() || got.ptr != digits.data() + digits.size() || out.prefix > base->bits)
    return std::nullopt;
  return out;
}

inline bool contains(const network& all, const address& one) noexcept {
  if (all.base.bits != one.bits) return false;
  for (unsigned bit = 0; bit < all.prefix; ++bit) {
    const unsigned mask = 0x80U >> (bit % 8);
    if (((all.base.bytes[bit / 8] ^ one.bytes[bit / 8]) & mask) != 0) return false;
  }
  return true;
}

inline std::optional<std::string> read_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string out;
  std::uint32_t group = 0;
  std::size_t padding = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const std::size_t digit = alphabet.find(text[i]);
    if (text[i] == '=' && i + 2 >= text.size()) ++padding;
    else if (digit == std::string_view::npos || padding != 0) return std::nullopt;
    group = (group << 6) | static_cast<std::uint32_t>(text[i] == '=' ? 0 : digit);
    if (i % 4 != 3) continue;
    for (std::size_t k = 0; k < 3 - padding; ++k) out += static_cast<char>((group >> (16 - 8 * k)) & 0xFFU);
    group = 0;
  }
  return out;
}

/// The six fields of an ARN; nothing if there are fewer.
inline std::optional<std::array<std::string_view, 6>> split_arn(std::string_view text) noexcept {
  std::array<std::string_view, 6> out;
  for (std::size_t i = 0; i < 5; ++i) {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    out[i] = text.substr(0, colon);
    text.remove_prefix(colon + 1);
  }
  out[5] = text;
  return out;
}

}  // namespace fleetprov::policies::detail
