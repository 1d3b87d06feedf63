#pragma once

#include <fleetprov/core/secret.hpp>

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace fleetprov::payloads::detail {

/// A buffer for text that may be secret: wiped before it is replaced or freed.
class scratch {
 public:
  scratch() noexcept = default;
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;
  ~scratch() { fleetprov::wipe(bytes_.get(), used_); }

  /// Empties the buffer and makes room for `capacity` bytes.
  void start(std::size_t capacity) {
    if (capacity > capacity_) {
      fleetprov::wipe(bytes_.get(), used_);
      bytes_.reset(new char[capacity]);
      capacity_ = capacity;
      used_ = 0;
    }
    size_ = 0;
  }

  /// The caller stays within the capacity.
  void append(const char* from, std::size_t size) noexcept {
    if (size == 0) return;
    std::memcpy(bytes_.get() + size_, from, size);
    size_ += size;
    if (size_ > used_) used_ = size_;
  }
  void append(char c) noexcept { append(&c, 1); }

  std::string_view view() const noexcept { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t capacity_ = 0, size_ = 0;
  std::size_t used_ = 0;  // invariant: no byte at or beyond it was ever written
};

}  // namespace fleetprov::payloads::detail
