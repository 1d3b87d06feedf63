#pragma once

#include <fleetprov/config.hpp>

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

namespace fleetprov {

/// Overwrites `size` bytes at `bytes` with stores that the compiler must keep.
inline void wipe(void* bytes, std::size_t size) noexcept {
  if (size == 0) return;
#ifdef __GNUC__
  std::memset(bytes, 0, size);
  __asm__ __volatile__("" : : "r"(bytes) : "memory");  // may read what was stored, as far as the compiler knows
#else
  volatile unsigned char* at = static_cast<volatile unsigned char*>(bytes);
  while (size-- != 0) *at++ = 0;
#endif
}

/// A private key or an ownership token. Move-only; the bytes live in one heap buffer that moves by
/// pointer and is overwritten before it is freed. It cannot be printed: reading needs `reveal()`.
class secret {
 public:
  secret() noexcept = default;

  /// Copies `text`; the caller wipes its own copy.
  explicit secret(std::string_view text) : bytes_(new char[text.size() + 1]), size_(text.size()) {
    if (size_ != 0) std::memcpy(bytes_.get(), text.data(), size_);
    bytes_[size_] = '\0';
  }

  secret(secret&& other) noexcept
      : bytes_(std::move(other.bytes_)), size_(std::exchange(other.size_, 0)) {}
  secret& operator=(secret&& other) noexcept {
    if (this != &other) {
      clear();
      bytes_ = std::move(other.bytes_);
      size_ = std::exchange(other.size_, 0);
    }
    return *this;
  }
  secret(const secret&) = delete;
  secret& operator=(const secret&) = delete;
  ~secret() { clear(); }

  /// A deliberate second copy; each copy wipes itself.
  [[nodiscard]] secret clone() const { return secret(reveal()); }

  /// A view into this object's buffer, valid until it is moved from, cleared or destroyed.
  /// The byte after the view is '\0'.
  [[nodiscard]] std::string_view reveal() const noexcept {
    return bytes_ ? std::string_view(bytes_.get(), size_) : std::string_view();
  }

  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  void clear() noexcept {
    if (bytes_) wipe(bytes_.get(), size_);
    bytes_.reset();
    size_ = 0;
  }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0;
};

}  // namespace fleetprov
