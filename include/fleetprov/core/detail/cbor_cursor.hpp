#pragma once

#include <fleetprov/core/result.hpp>
#include <fleetprov/core/utf8.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace fleetprov::detail {

/// The major types of CBOR (RFC 8949 section 3.1).
enum class cbor_type : std::uint8_t { unsigned_integer, negative_integer, bytes, text, array, map, tag, simple };

/// An initial byte and its argument.
struct cbor_head {
  cbor_type type = cbor_type::simple;
  std::uint64_t value = 0;
  std::uint8_t argument_size = 0;  ///< bytes after the initial one: tells a half from a double
  bool indefinite = false;         ///< for `simple`: the break

  constexpr bool is_break() const noexcept { return type == cbor_type::simple && indefinite; }
};

/// How many elements of an array or map are still to come.
struct cbor_elements {
  std::uint64_t left = 0;
  bool indefinite = false;
};

/// Steps through the heads and strings of CBOR bytes; never allocates, never recurses, never reads past
/// the end. Members that return nothing (or false where a comment says so) have recorded the first
/// failure in `why()`; nothing may be read after it.
class cbor_cursor {
 public:
  explicit cbor_cursor(std::string_view bytes) noexcept : bytes_(bytes) {}

  std::size_t at() const noexcept { return at_; }
  std::size_t left() const noexcept { return bytes_.size() - at_; }
  bool failed() const noexcept { return failed_; }
  failure why() const noexcept { return why_; }

  /// Records a failure unless there is one. Returns false.
  bool fail(errc code, std::size_t at) noexcept {
    if (!failed_) why_ = {code, static_cast<std::uint32_t>(at)};
    failed_ = true;
    return false;
  }

  /// The type that comes next, or nothing at the end.
  std::optional<cbor_type> type_ahead() const noexcept {
    if (left() == 0) return std::nullopt;
    return static_cast<cbor_type>(byte(at_) >> 5U);
  }

  /// Passes over `expected` if that is the next byte.
  bool take_byte(unsigned expected) noexcept {
    if (left() == 0 || byte(at_) != expected) return false;
    ++at_;
    return true;
  }

  /// Errors: `encoding`.
  std::optional<cbor_head> read_head() noexcept {
    const std::size_t begin = at_;
    if (left() == 0) return refuse(begin);
    const unsigned first = byte(at_++);
    cbor_head h;
    h.type = static_cast<cbor_type>(first >> 5U);
    const unsigned low = first & 31U;
    if (low < 24) {
      h.value = low;
      return h;
    }
    if (low == 31) {
      h.indefinite = true;
      const bool allowed = h.type != cbor_type::unsigned_integer && h.type != cbor_type::negative_integer && h.type != cbor_type::tag;
      return allowed ? std::optional<cbor_head>(h) : refuse(begin);
    }
    if (low > 27 || left() < std::size_t{1} << (low - 24U)) return refuse(begin);
    h.argument_size = static_cast<std::uint8_t>(1U << (low - 24U));
    for (unsigned i = 0; i < h.argument_size; ++i) h.value = h.value << 8U | byte(at_++);
    if (h.type == cbor_type::simple && low == 24 && h.value < 32) return refuse(begin);
    return h;
  }

  /// Checks the size that the array or map with this head declares: each element takes at least a
  /// byte, each member two. False: `encoding`.
  bool fits(std::size_t begin, const cbor_head& h) noexcept {
    const std::uint64_t room = left() / (h.type == cbor_type::map ? 2U : 1U);
    if (h.indefinite || h.value <= room) return true;
    return fail(errc::encoding, begin);
  }

  /// Whether the array or map ends here; counts one element down otherwise. Errors: `encoding`.
  bool at_end(cbor_elements& elements) noexcept {
    if (!elements.indefinite) {
      if (elements.left == 0) return true;
      --elements.left;
      return false;
    }
    if (left() == 0) return fail(errc::encoding, at_);
    return take_byte(0xFF);
  }

  /// The bytes of a string of definite length whose head (at `begin`) was just read.
  /// Errors: `encoding`, `invalid_utf8`.
  std::optional<std::string_view> take_string(std::size_t begin, const cbor_head& h) noexcept {
    if (h.value > left()) {
      fail(errc::encoding, begin);
      return std::nullopt;
    }
    const std::string_view out = bytes_.substr(at_, static_cast<std::size_t>(h.value));
    if (h.type == cbor_type::text) {
      const std::size_t bad = find_invalid_utf8(out);
      if (bad != out.size()) {
        fail(errc::invalid_utf8, at_ + bad);
        return std::nullopt;
      }
    }
    at_ += out.size();
    return out;
  }

  /// The next chunk of a string of indefinite length, or nothing at its end. Chunks are definite
  /// strings of the same type (RFC 8949 section 3.2.3). Errors: those of `take_string`.
  std::optional<std::string_view> take_chunk(cbor_type type) noexcept {
    const std::size_t begin = at_;
    const std::optional<cbor_head> h = read_head();
    if (!h || h->is_break()) return std::nullopt;
    if (h->type != type || h->indefinite) {
      fail(errc::encoding, begin);
      return std::nullopt;
    }
    return take_string(begin, *h);
  }

 private:
  unsigned byte(std::size_t i) const noexcept { return static_cast<unsigned char>(bytes_[i]); }
  std::optional<cbor_head> refuse(std::size_t at) noexcept {
    fail(errc::encoding, at);
    return std::nullopt;
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
  failure why_{errc::encoding, 0};
  bool failed_ = false;
};

}  // namespace fleetprov::detail
