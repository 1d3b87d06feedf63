#pragma once

#include <fleetprov/core/detail/cbor_cursor.hpp>
#include <fleetprov/core/result.hpp>
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
      : in_(std::string_view(reinterpret_cast<const char*>(data), size)), max_depth_(max_depth) {}

  using map_state = fleetprov::detail::cbor_elements;

  bool enter_map(map_state& map) {
    if (in_.type_ahead() != type::map) return refuse_type();
    const std::size_t begin = in_.at();
    const std::optional<head> h = in_.read_head();
    return h && open(begin, *h, map);
  }

  std::optional<std::string_view> next_key(map_state& map) {
    if (in_.at_end(map)) {
      --depth_;
      return std::nullopt;
    }
    if (failed()) return std::nullopt;
    key_at_ = in_.at();
    return text();
  }

  std::optional<std::string_view> text() {
    if (in_.type_ahead() == type::text) return read_text();
    refuse_type();
    return std::nullopt;
  }

  std::optional<int> integer() {
    const std::size_t begin = in_.at();
    const std::optional<type> ahead = in_.type_ahead();
    if (ahead != type::unsigned_integer && ahead != type::negative_integer) {
      refuse_type();
      return std::nullopt;
    }
    const std::optional<head> h = in_.read_head();
    if (!h) return std::nullopt;
    if (h->value > static_cast<std::uint64_t>(INT_MAX)) {
      fail(errc::wrong_type, begin);
      return std::nullopt;
    }
    const int value = static_cast<int>(h->value);
    return ahead == type::unsigned_integer ? value : -1 - value;
  }

  bool take_null() noexcept { return in_.take_byte(0xF6); }

  bool skip() {
    for (;;) {
      const std::size_t begin = in_.at();
      const std::optional<head> h = in_.read_head();
      if (!h) return false;
      if (h->type == type::tag) continue;  // any number of them
      if (h->type == type::bytes || h->type == type::text) return pass_string(begin, *h);
      if (h->type == type::array || h->type == type::map) return skip_container(begin, *h);
      return h->is_break() ? fail(errc::encoding, begin) : true;  // a break where a value belongs
    }
  }

  bool finish() noexcept { return in_.left() == 0 ? true : fail(errc::encoding, in_.at()); }

  bool failed() const noexcept { return in_.failed(); }
  failure why() const noexcept { return in_.why(); }
  bool fail(errc code, std::size_t at) noexcept { return in_.fail(code, at); }
  bool fail_at_key(errc code) noexcept { return fail(code, key_at_); }

 private:
  using head = fleetprov::detail::cbor_head;
  using type = fleetprov::detail::cbor_type;

  bool open(std::size_t begin, const head& h, map_state& elements) noexcept {
    if (depth_ >= max_depth_) return fail(errc::too_deep, begin);
    if (!in_.fits(begin, h)) return false;
    ++depth_;
    elements = {h.value, h.indefinite};
    return true;
  }

  /// A value of a type that was not asked for; malformed input is reported as such.
  bool refuse_type() {
    const std::size_t begin = in_.at();
    if (skip()) fail(errc::wrong_type, begin);
    return false;
  }

  std::optional<std::string_view> read_text() {
    const std::size_t begin = in_.at();
    const std::optional<head> h = in_.read_head();
    if (!h) return std::nullopt;
    if (!h->indefinite) return in_.take_string(begin, *h);
    joined_.start(in_.left());
    while (const auto chunk = in_.take_chunk(type::text)) joined_.append(chunk->data(), chunk->size());
    if (failed()) return std::nullopt;
    return joined_.view();
  }

  bool pass_string(std::size_t begin, const head& h) noexcept {
    if (!h.indefinite) return in_.take_string(begin, h).has_value();
    while (in_.take_chunk(h.type)) {
    }
    return !failed();
  }

  bool skip_container(std::size_t begin, const head& h) {
    map_state elements;
    if (!open(begin, h, elements)) return false;
    while (!in_.at_end(elements))
      if (failed() || !skip() || (h.type == type::map && !skip())) return false;
    --depth_;
    return true;
  }

  fleetprov::detail::cbor_cursor in_;
  std::size_t max_depth_;
  std::size_t depth_ = 0, key_at_ = 0;
  scratch joined_;
};

}  // namespace fleetprov::payloads::detail
