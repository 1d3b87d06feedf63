#pragma once

#include <fleetprov/core/result.hpp>
#include <fleetprov/core/utf8.hpp>
#include <fleetprov/payloads/detail/scratch.hpp>

#include <climits>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace fleetprov::payloads::detail {

/// Pulls values out of one CBOR item (RFC 8949); the same interface as `json_reader`. Texts and maps
/// may have indefinite length. Texts must be text strings: AWS's parsers refuse byte strings.
class cbor_reader {
 public:
  cbor_reader(const std::uint8_t* data, std::size_t size, std::size_t max_depth) noexcept
      : bytes_(reinterpret_cast<const char*>(data), size), max_depth_(max_depth) {}

  struct map_state {
    std::uint64_t left = 0;
    bool indefinite = false;
  };

  bool enter_map(map_state& map) {
    if (type_ahead() != map_type) return refuse_type();
    const std::size_t begin = at_;
    const std::optional<head> h = read_head();
    if (!h) return false;
    return open(begin, *h, 2) && set(map, *h);
  }

  std::optional<std::string_view> next_key(map_state& map) {
    if (at_end(map)) {
      --depth_;
      return std::nullopt;
    }
    if (failed_) return std::nullopt;
    key_at_ = at_;
    return text();
  }

  std::optional<std::string_view> text() {
    if (type_ahead() == text_type) return read_text();
    refuse_type();
    return std::nullopt;
  }

  std::optional<int> integer() {
    const int type = type_ahead();
    const std::size_t begin = at_;
    if (type != unsigned_type && type != negative_type) {
      refuse_type();
      return std::nullopt;
    }
    const std::optional<head> h = read_head();
    if (!h) return std::nullopt;
    if (h->value > static_cast<std::uint64_t>(INT_MAX)) {
      fail(errc::wrong_type, begin);
      return std::nullopt;
    }
    const int value = static_cast<int>(h->value);
    return type == unsigned_type ? value : -1 - value;
  }

  bool take_null() noexcept {
    if (at_ >= bytes_.size() || static_cast<unsigned char>(bytes_[at_]) != 0xF6) return false;
    ++at_;
    return true;
  }

  bool skip() {
    std::optional<head> h;
    std::size_t begin = at_;
    do {  // any number of tags
      begin = at_;
      h = read_head();
      if (!h) return false;
    } while (h->type == tag_type);
    if (h->type == bytes_type || h->type == text_type) return pass_string(begin, *h);
    if (h->type == array_type || h->type == map_type) return skip_container(begin, *h);
    return !h->indefinite || fail(errc::encoding, begin);  // a break where a value belongs
  }

  bool finish() noexcept { return at_ == bytes_.size() || fail(errc::encoding, at_); }

  bool failed() const noexcept { return failed_; }
  failure why() const noexcept { return why_; }
  bool fail(errc code, std::size_t at) noexcept {
    if (!failed_) why_ = {code, static_cast<std::uint32_t>(at)};
    failed_ = true;
    return false;
  }
  bool fail_at_key(errc code) noexcept { return fail(code, key_at_); }

 private:
  static constexpr int unsigned_type = 0, negative_type = 1, bytes_type = 2, text_type = 3, array_type = 4,
                       map_type = 5, tag_type = 6, simple_type = 7;

  struct head {
    int type = 0;
    std::uint64_t value = 0;
    bool indefinite = false;  ///< for `simple_type`: the break
  };

  int type_ahead() const noexcept { return at_ < bytes_.size() ? static_cast<unsigned char>(bytes_[at_]) >> 5 : -1; }
  std::size_t left() const noexcept { return bytes_.size() - at_; }

  /// The initial byte and its argument (RFC 8949 section 3).
  std::optional<head> read_head() noexcept {
    const std::size_t begin = at_;
    if (left() == 0) {
      fail(errc::encoding, begin);
      return std::nullopt;
    }
    const auto first = static_cast<unsigned char>(bytes_[at_++]);
    head h;
    h.type = first >> 5;
    const unsigned low = first & 31U;
    if (low < 24) {
      h.value = low;
      return h;
    }
    if (low == 31) {
      h.indefinite = true;
      if (h.type == unsigned_type || h.type == negative_type || h.type == tag_type) {
        fail(errc::encoding, begin);
        return std::nullopt;
      }
      return h;
    }
    const std::size_t size = low <= 27 ? std::size_t{1} << (low - 24U) : 0;
    if (size == 0 || left() < size) {
      fail(errc::encoding, begin);
      return std::nullopt;
    }
    for (std::size_t i = 0; i < size; ++i) h.value = h.value << 8U | static_cast<unsigned char>(bytes_[at_++]);
    if (h.type == simple_type && low == 24 && h.value < 32) {
      fail(errc::encoding, begin);
      return std::nullopt;
    }
    return h;
  }

  /// One level deeper; each of the declared elements takes at least `bytes_each`.
  bool open(std::size_t begin, const head& h, std::size_t bytes_each) noexcept {
    if (depth_ >= max_depth_) return fail(errc::too_deep, begin);
    if (!h.indefinite && h.value > left() / bytes_each) return fail(errc::encoding, begin);
    ++depth_;
    return true;
  }

  static bool set(map_state& map, const head& h) noexcept {
    map = {h.value, h.indefinite};
    return true;
  }

  /// Whether the container ends here; counts one element down otherwise.
  bool at_end(map_state& map) noexcept {
    if (!map.indefinite) {
      if (map.left == 0) return true;
      --map.left;
      return false;
    }
    if (left() == 0) {
      fail(errc::encoding, at_);
      return false;
    }
    if (static_cast<unsigned char>(bytes_[at_]) != 0xFF) return false;
    ++at_;
    return true;
  }

  /// A value of a type that was not asked for; malformed input is reported as such.
  bool refuse_type() {
    const std::size_t begin = at_;
    return skip() && fail(errc::wrong_type, begin);
  }

  /// The bytes of a definite string whose head was just read.
  std::optional<std::string_view> take_string(std::size_t begin, const head& h) noexcept {
    if (h.value > left()) {
      fail(errc::encoding, begin);
      return std::nullopt;
    }
    const std::string_view out = bytes_.substr(at_, static_cast<std::size_t>(h.value));
    if (h.type == text_type) {
      const std::size_t bad = find_invalid_utf8(out);
      if (bad != out.size()) {
        fail(errc::invalid_utf8, at_ + bad);
        return std::nullopt;
      }
    }
    at_ += out.size();
    return out;
  }

  /// The next chunk of an indefinite string, or nothing at its end (or on a failure).
  std::optional<std::string_view> take_chunk(int type) noexcept {
    const std::size_t begin = at_;
    const std::optional<head> h = read_head();
    if (!h) return std::nullopt;
    if (h->type == simple_type && h->indefinite) return std::nullopt;
    if (h->type != type || h->indefinite) {
      fail(errc::encoding, begin);
      return std::nullopt;
    }
    return take_string(begin, *h);
  }

  std::optional<std::string_view> read_text() {
    const std::size_t begin = at_;
    const std::optional<head> h = read_head();
    if (!h) return std::nullopt;
    if (!h->indefinite) return take_string(begin, *h);
    joined_.start(left());
    while (const auto chunk = take_chunk(text_type)) joined_.append(chunk->data(), chunk->size());
    if (failed_) return std::nullopt;
    return joined_.view();
  }

  bool pass_string(std::size_t begin, const head& h) noexcept {
    if (!h.indefinite) return take_string(begin, h).has_value();
    while (take_chunk(h.type)) {
    }
    return !failed_;
  }

  bool skip_container(std::size_t begin, const head& h) {
    const bool is_map = h.type == map_type;
    if (!open(begin, h, is_map ? 2 : 1)) return false;
    map_state elements{h.value, h.indefinite};
    while (!at_end(elements)) {
      if (failed_ || !skip() || (is_map && !skip())) return false;
    }
    --depth_;
    return true;
  }

  std::string_view bytes_;
  std::size_t max_depth_;
  std::size_t at_ = 0, depth_ = 0, key_at_ = 0;
  scratch joined_;
  failure why_{errc::encoding, 0};
  bool failed_ = false;
};

}  // namespace fleetprov::payloads::detail
