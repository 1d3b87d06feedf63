#pragma once
// OpenSSL's memory, which ends when a test says so. Include it in one program's sources only where nothing of OpenSSL
// allocates before main.

#include "support/catch.hpp"

#include <openssl/crypto.h>

#include <cstdlib>

namespace test {

inline long allocations_until_failure = -1;  // -1: there is memory
inline bool allocation_failed = false;

inline bool there_is_memory() noexcept {
  if (allocations_until_failure < 0) return true;
  if (allocations_until_failure-- > 0) return true;
  allocation_failed = true;  // this one only: the count is -1 now
  return false;
}

// Before anything of OpenSSL allocates.
inline const bool memory_is_ours =
    CRYPTO_set_mem_functions([](std::size_t size, const char*, int) { return there_is_memory() ? std::malloc(size) : nullptr; },
                             [](void* block, std::size_t size, const char*, int) { return there_is_memory() ? std::realloc(block, size) : nullptr; },
                             [](void* block, const char*, int) { std::free(block); }) == 1;

/// Calls `work` with one allocation more each time until none fails, and `is_whole` with what it gave; the number of failures.
template <class Work, class Judge>
int fail_each_allocation(Work work, Judge is_whole) {
  (void)work();  // what OpenSSL keeps for ever is there afterwards
  for (int n = 0;; ++n) {
    allocations_until_failure = n;
    allocation_failed = false;
    const auto out = work();
    allocations_until_failure = -1;
    CAPTURE(n);
    const bool good = is_whole(out);
    if (allocation_failed) continue;
    CHECK(good);
    return n;
  }
}

}  // namespace test
