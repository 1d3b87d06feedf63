#pragma once

#include <fleetprov/config.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace fleetprov {

namespace detail {

/// Copies `size` bytes; usable in constant expressions, `memcpy` at run time, which takes no null pointer for no bytes.
constexpr void copy_bytes(char* to, const char* from, std::size_t size) noexcept {
  if (size == 0) return;
  if (!__builtin_is_constant_evaluated()) {
    std::memcpy(to, from, size);
    return;
  }
  for (std::size_t i = 0; i < size; ++i) to[i] = from[i];  // GCOVR_EXCL_LINE: in constant expressions only
}

}  // namespace detail

/// Text of at most `N` bytes that lives inside the object: constexpr, no heap.
template <std::size_t N>
class inline_text {
  static_assert(N < 65536, "inline_text counts its bytes in 16 bits");

 public:
  constexpr inline_text() noexcept = default;

  /// The caller guarantees `text.size() <= N`.
  constexpr explicit inline_text(std::string_view text) noexcept { append(text); }

  static constexpr std::size_t capacity() noexcept { return N; }
  constexpr std::size_t size() const noexcept { return size_; }
  constexpr bool empty() const noexcept { return size_ == 0; }

  /// Valid as long as this object is neither changed nor destroyed; not '\0'-terminated.
  constexpr std::string_view view() const noexcept { return {bytes_, size_}; }

  /// Appends `text`; the caller guarantees that it fits.
  constexpr inline_text& append(std::string_view text) noexcept {
    FLEETPROV_ASSERT(text.size() <= N - size_);
    detail::copy_bytes(bytes_ + size_, text.data(), text.size());
    size_ = static_cast<std::uint16_t>(size_ + text.size());
    return *this;
  }

  /// Appends the first `size` of the `K` bytes at `padded`. Copies all of them, so that the copy has a
  /// fixed length; the caller guarantees that all of them fit.
  template <std::size_t K>
  constexpr inline_text& append_padded(const char* padded, std::size_t size) noexcept {
    FLEETPROV_ASSERT(size <= K && K <= N - size_);
    detail::copy_bytes(bytes_ + size_, padded, K);
    size_ = static_cast<std::uint16_t>(size_ + size);
    return *this;
  }

  friend constexpr bool operator==(const inline_text& a, const inline_text& b) noexcept { return a.view() == b.view(); }
  friend constexpr bool operator!=(const inline_text& a, const inline_text& b) noexcept { return !(a == b); }

 private:
  char bytes_[N == 0 ? 1 : N] = {};
  std::uint16_t size_ = 0;
};

}  // namespace fleetprov
