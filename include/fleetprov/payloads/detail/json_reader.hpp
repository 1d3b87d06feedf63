#pragma once

#include <fleetprov/core/detail/hex.hpp>
#include <fleetprov/core/result.hpp>
#include <fleetprov/core/utf8.hpp>
#include <fleetprov/payloads/detail/scratch.hpp>

#include <climits>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace fleetprov::payloads::detail {

/// `at`, moved on over whole groups of eight bytes that are ASCII and stand for themselves in a JSON string: no
/// quote, backslash or control character. Such a byte leaves the top bit of its difference set; a borrow can only
/// come from one that has.
inline std::size_t skip_plain(std::string_view text, std::size_t at) noexcept {
  using fleetprov::detail::eight_times;
  for (; text.size() - at >= 8; at += 8) {
    const std::uint64_t bytes = fleetprov::detail::eight_bytes(text, at);
    const std::uint64_t quote = bytes ^ eight_times('"'), backslash = bytes ^ eight_times('\\');
    const std::uint64_t special = bytes | (bytes - eight_times(0x20)) | (quote - eight_times(1)) | (backslash - eight_times(1));
    if ((special & eight_times(0x80)) != 0) break;
  }
  return at;
}

/// Pulls values out of one JSON text (RFC 8259). Not nlohmann/json, because its lexer keeps the text
/// of every token, private keys included, in buffers that nobody can wipe; and with it the codec
/// needs neither that library nor exceptions. A property test holds the two against each other.
///
/// Members that return false have recorded the first failure in `why()`; nothing may be read after it.
class json_reader {
 public:
  json_reader(const std::uint8_t* data, std::size_t size, std::size_t max_depth) noexcept
      : text_(reinterpret_cast<const char*>(data), size), max_depth_(max_depth) {}

  struct map_state {
    bool first = true;
  };

  /// Steps into the map that comes next; anything else is `wrong_type`.
  bool enter_map(map_state&) {
    skip_blanks();
    if (peek() != '{') return refuse_type();
    if (depth_ >= max_depth_) return fail(errc::too_deep, at_);
    ++depth_;
    ++at_;
    return true;
  }

  /// The next key, or nothing at the end of the map (or on a failure). Valid until the next call.
  std::optional<std::string_view> next_key(map_state& map) {
    skip_blanks();
    if (peek() == '}') {
      ++at_;
      --depth_;
      return std::nullopt;
    }
    if (!map.first) {
      if (!expect(',')) return std::nullopt;
      skip_blanks();
    }
    map.first = false;
    if (peek() != '"') {
      fail(errc::encoding, at_);
      return std::nullopt;
    }
    key_at_ = at_;
    const std::optional<std::string_view> key = read_string();
    if (!key) return std::nullopt;
    skip_blanks();
    if (!expect(':')) return std::nullopt;
    return key;
  }

  /// The text that comes next; anything else is `wrong_type`. Valid until the next call.
  std::optional<std::string_view> text() {
    skip_blanks();
    if (peek() == '"') return read_string();
    refuse_type();
    return std::nullopt;
  }

  /// The whole number that comes next, without fraction or exponent; anything else is `wrong_type`.
  std::optional<int> integer() {
    skip_blanks();
    const std::size_t begin = at_;
    if (peek() != '-' && !is_digit(peek())) {
      refuse_type();
      return std::nullopt;
    }
    if (!skip_number()) return std::nullopt;
    std::string_view digits = text_.substr(begin, at_ - begin);
    const bool negative = digits[0] == '-';
    if (negative) digits.remove_prefix(1);
    std::int64_t value = 0;
    for (const char c : digits) {
      if (is_digit(c)) value = value * 10 + (c - '0');
      if (!is_digit(c) || value > INT_MAX) {
        fail(errc::wrong_type, begin);
        return std::nullopt;
      }
    }
    return static_cast<int>(negative ? -value : value);
  }

  bool take_null() noexcept {
    skip_blanks();
    if (text_.substr(at_, 4) != "null") return false;
    at_ += 4;
    return true;
  }

  /// Passes over one value of any type.
  bool skip() {
    skip_blanks();
    const char c = peek();
    if (c == '{') return skip_map();
    if (c == '[') return skip_array();
    if (c == '"') return skip_string();
    if (c == '-' || is_digit(c)) return skip_number();
    for (const std::string_view word : {"true", "false", "null"}) {
      if (text_.substr(at_, word.size()) != word) continue;
      at_ += word.size();
      return true;
    }
    return fail(errc::encoding, at_);
  }

  /// Nothing but blanks may be left.
  bool finish() noexcept {
    skip_blanks();
    return at_ == text_.size() ? true : fail(errc::encoding, at_);
  }

  bool failed() const noexcept { return failed_; }
  failure why() const noexcept { return why_; }
  bool fail(errc code, std::size_t at) noexcept {
    why_ = {code, static_cast<std::uint32_t>(at)};
    failed_ = true;
    return false;
  }
  bool fail_at_key(errc code) noexcept { return fail(code, key_at_); }

 private:
  static constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

  /// The next byte, or NUL (which no JSON text holds outside strings) at the end.
  char peek() const noexcept { return at_ < text_.size() ? text_[at_] : '\0'; }

  void skip_blanks() noexcept {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t'))
      ++at_;
  }

  bool expect(char c) noexcept {
    if (peek() != c) return fail(errc::encoding, at_);
    ++at_;
    return true;
  }

  /// A value of a type that was not asked for; malformed input is reported as such.
  bool refuse_type() {
    const std::size_t begin = at_;
    if (skip()) fail(errc::wrong_type, begin);
    return false;
  }

  /// Finds the end of the string that starts here and checks its bytes.
  bool scan_string(std::string_view& raw, bool& has_escapes) noexcept {
    const std::size_t begin = at_ + 1;
    std::size_t i = begin;
    bool ascii = true;
    has_escapes = false;
    for (;; ++i) {
      if (i < text_.size()) i = skip_plain(text_, i);
      if (i >= text_.size()) return fail(errc::encoding, text_.size());
      const auto c = static_cast<unsigned char>(text_[i]);
      if (c == '"') break;
      if (c < 0x20) return fail(errc::encoding, i);
      if (c >= 0x80) ascii = false;
      if (c != '\\') continue;
      has_escapes = true;
      ++i;
    }
    raw = text_.substr(begin, i - begin);
    if (!ascii) {
      const std::size_t bad = find_invalid_utf8(raw);
      if (bad != raw.size()) return fail(errc::invalid_utf8, begin + bad);
    }
    at_ = i + 1;
    return true;
  }

  std::optional<std::string_view> read_string() {
    const std::size_t begin = at_ + 1;
    std::string_view raw;
    bool has_escapes = false;
    if (!scan_string(raw, has_escapes)) return std::nullopt;
    if (!has_escapes) return raw;
    decoded_.start(raw.size());
    if (!decode_escapes(raw, begin)) return std::nullopt;
    return decoded_.view();
  }

  bool skip_string() {
    const std::size_t begin = at_ + 1;
    std::string_view raw;
    bool has_escapes = false;
    if (!scan_string(raw, has_escapes)) return false;
    if (!has_escapes) return true;
    decoded_.start(raw.size());
    return decode_escapes(raw, begin);
  }

  /// Fills `decoded_`; no escape is shorter than what it stands for.
  bool decode_escapes(std::string_view raw, std::size_t begin) {
    std::size_t i = 0;
    while (i < raw.size()) {
      const std::size_t run = raw.substr(i).find('\\');
      const std::size_t plain = run == std::string_view::npos ? raw.size() - i : run;
      decoded_.append(raw.data() + i, plain);
      i += plain;
      if (i == raw.size()) break;
      const std::size_t escape = i;
      const char c = raw[i + 1];  // scan_string has seen that it is there
      i += 2;
      constexpr std::string_view letters = "\"\\/bfnrt";
      constexpr std::string_view meant = "\"\\/\b\f\n\r\t";
      const std::size_t known = letters.find(c);
      if (known != std::string_view::npos) {
        decoded_.append(meant[known]);
        continue;
      }
      std::uint32_t code = 0;
      if (c != 'u' || !read_hex(raw, i, code)) return fail(errc::encoding, begin + escape);
      if (code >= 0xD800 && code <= 0xDFFF) {  // the first half of a pair, and only with the second
        std::uint32_t low = 0;
        if (code > 0xDBFF || raw.substr(i, 2) != "\\u") return fail(errc::encoding, begin + escape);
        i += 2;
        if (!read_hex(raw, i, low) || low < 0xDC00 || low > 0xDFFF) return fail(errc::encoding, begin + escape);
        code = 0x10000U + ((code - 0xD800U) << 10U) + (low - 0xDC00U);
      }
      append_code_point(code);
    }
    return true;
  }

  static bool read_hex(std::string_view raw, std::size_t& i, std::uint32_t& code) noexcept {
    if (raw.size() - i < 4) return false;
    for (int k = 0; k < 4; ++k, ++i) {
      const int digit = fleetprov::detail::hex_value(raw[i]);
      if (digit < 0) return false;
      code = (code << 4U) | static_cast<std::uint32_t>(digit);
    }
    return true;
  }

  void append_code_point(std::uint32_t code) noexcept {
    const auto put = [this](std::uint32_t byte) { decoded_.append(static_cast<char>(static_cast<unsigned char>(byte))); };
    if (code < 0x80) {
      put(code);
    } else if (code < 0x800) {
      put(0xC0U | (code >> 6U));
      put(0x80U | (code & 0x3FU));
    } else if (code < 0x10000) {
      put(0xE0U | (code >> 12U));
      put(0x80U | ((code >> 6U) & 0x3FU));
      put(0x80U | (code & 0x3FU));
    } else {
      put(0xF0U | (code >> 18U));
      put(0x80U | ((code >> 12U) & 0x3FU));
      put(0x80U | ((code >> 6U) & 0x3FU));
      put(0x80U | (code & 0x3FU));
    }
  }

  bool skip_digits() noexcept {
    if (!is_digit(peek())) return fail(errc::encoding, at_);
    while (is_digit(peek())) ++at_;
    return true;
  }

  bool skip_number() noexcept {
    if (peek() == '-') ++at_;
    if (peek() == '0') ++at_;
    else if (!skip_digits()) return false;
    if (peek() == '.') {
      ++at_;
      if (!skip_digits()) return false;
    }
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      if (!skip_digits()) return false;
    }
    return true;
  }

  bool skip_map() {
    map_state map;
    if (!enter_map(map)) return false;
    while (next_key(map))
      if (!skip()) return false;
    return !failed_;
  }

  bool skip_array() {
    if (depth_ >= max_depth_) return fail(errc::too_deep, at_);
    ++depth_;
    ++at_;
    skip_blanks();
    if (peek() == ']') {
      ++at_;
      --depth_;
      return true;
    }
    for (;;) {
      if (!skip()) return false;
      skip_blanks();
      if (peek() != ',') break;
      ++at_;
    }
    --depth_;
    return expect(']');
  }

  std::string_view text_;
  std::size_t max_depth_;
  std::size_t at_ = 0, depth_ = 0, key_at_ = 0;
  scratch decoded_;
  failure why_{errc::encoding, 0};
  bool failed_ = false;
};

}  // namespace fleetprov::payloads::detail
