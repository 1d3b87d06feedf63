#pragma once

#include <fleetprov/core/detail/hex.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace fleetprov::payloads::detail {

/// Counts what would be written.
class byte_counter {
 public:
  void put(char) noexcept { ++size_; }
  void put(std::string_view text) noexcept { size_ += text.size(); }
  std::size_t size() const noexcept { return size_; }

 private:
  std::size_t size_ = 0;
};

/// Writes into a buffer that is large enough.
class byte_writer {
 public:
  explicit byte_writer(char* to) noexcept : to_(to) {}
  void put(char c) noexcept { *to_++ = c; }
  void put(std::string_view text) noexcept {
    if (text.empty()) return;
    std::memcpy(to_, text.data(), text.size());
    to_ += text.size();
  }

 private:
  char* to_;
};

/// JSON without blanks; text goes out as UTF-8, only what must be escaped is.
template <class Sink>
class json_writer {
 public:
  explicit json_writer(Sink& out) noexcept : out_(&out) {}

  void begin_map(std::size_t) noexcept {
    out_->put('{');
    first_ = true;
  }
  void key(std::string_view name) noexcept {
    if (!first_) out_->put(',');
    text(name);
    out_->put(':');
  }
  void text(std::string_view value) noexcept {
    out_->put('"');
    std::size_t done = 0;
    for (std::size_t i = 0; i < value.size(); ++i) {
      const auto c = static_cast<unsigned char>(value[i]);
      if (c >= 0x20 && c != '"' && c != '\\') continue;
      out_->put(value.substr(done, i - done));
      escape(c);
      done = i + 1;
    }
    out_->put(value.substr(done));
    out_->put('"');
    first_ = false;
  }
  void integer(int value) noexcept {
    char digits[12];
    char* at = digits + sizeof digits;
    std::uint32_t rest = value < 0 ? 0U - static_cast<std::uint32_t>(value) : static_cast<std::uint32_t>(value);
    do {
      *--at = static_cast<char>('0' + rest % 10U);
      rest /= 10U;
    } while (rest != 0);
    if (value < 0) *--at = '-';
    out_->put(std::string_view(at, static_cast<std::size_t>(digits + sizeof digits - at)));
    first_ = false;
  }
  void end_map() noexcept {
    out_->put('}');
    first_ = false;
  }

 private:
  void escape(unsigned char c) noexcept {
    constexpr std::string_view meant = "\"\\\b\f\n\r\t";
    constexpr std::string_view letters = "\"\\bfnrt";
    const std::size_t known = meant.find(static_cast<char>(c));
    out_->put('\\');
    if (known != std::string_view::npos) {
      out_->put(letters[known]);
      return;
    }
    out_->put("u00");
    out_->put(fleetprov::detail::hex_digits[c >> 4U]);
    out_->put(fleetprov::detail::hex_digits[c & 15U]);
  }

  Sink* out_;
  bool first_ = true;
};

/// CBOR with definite lengths and the shortest heads (RFC 8949 section 4.1).
template <class Sink>
class cbor_writer {
 public:
  explicit cbor_writer(Sink& out) noexcept : out_(&out) {}

  void begin_map(std::size_t members) noexcept { head(5, members); }
  void key(std::string_view name) noexcept { text(name); }
  void text(std::string_view value) noexcept {
    head(3, value.size());
    out_->put(value);
  }
  void integer(int value) noexcept {
    if (value >= 0) head(0, static_cast<std::uint32_t>(value));
    else head(1, static_cast<std::uint32_t>(-1 - value));
  }
  void end_map() noexcept {}

 private:
  /// What needs more than four bytes is counted but never written: `encode` refuses the message by its size.
  void head(unsigned type, std::uint64_t value) noexcept {
    const unsigned log_size = value < 24 ? 0U : value <= 0xFF ? 1U : value <= 0xFFFF ? 2U : 3U;
    const unsigned low = log_size == 0 ? static_cast<unsigned>(value) : 23U + log_size;
    byte(type << 5U | low);
    if (log_size == 0) return;
    for (unsigned left = 8U << (log_size - 1U); left != 0; left -= 8U) byte(static_cast<unsigned>(value >> (left - 8U)) & 0xFFU);
  }
  void byte(unsigned value) noexcept { out_->put(static_cast<char>(static_cast<unsigned char>(value))); }

  Sink* out_;
};

}  // namespace fleetprov::payloads::detail
