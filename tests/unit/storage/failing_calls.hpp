#pragma once
// A store whose system calls end in a power cut, or on a full disk, at one of them.

#include "store_checks.hpp"

namespace store_test {

/// The power is cut at one system call: either before it happens or right after.
struct power_cut {};
struct failing_calls {
  static inline int left = -1;       // calls until the cut; -1: never
  static inline bool after = false;  // the call itself still happens
  static inline bool fails = false;  // the call answers ENOSPC instead of a cut
  static inline int made = 0;
  static inline bool dead = false;   // after the cut nothing reaches the disk

  template <class Call>
  static auto count(Call call) -> decltype(call()) {
    if (dead) return static_cast<decltype(call())>(-1);
    ++made;
    if (left > 0) --left;
    else if (left == 0) {
      left = -1;
      if (fails) {
        errno = ENOSPC;
        return static_cast<decltype(call())>(-1);
      }
      if (after) (void)call();
      dead = true;
      throw power_cut{};
    }
    return call();
  }
  static int open(const char* p, int f, mode_t m) { return count([&] { return ::open(p, f, m); }); }
  static ssize_t write(int f, const void* b, std::size_t n) {
    // Half a write is what a cut in the middle of one leaves.
    if (left == 0 && !fails && after && n > 1) return count([&] { return ::write(f, b, n / 2); });
    return count([&] { return ::write(f, b, n); });
  }
  static ssize_t read(int f, void* b, std::size_t n) { return ::read(f, b, n); }
  static int fsync(int f) { return count([&] { return ::fsync(f); }); }
  static int close(int f) { return ::close(f); }
  static int rename(const char* a, const char* b) { return count([&] { return ::rename(a, b); }); }
  static int unlink(const char* p) { return count([&] { return ::unlink(p); }); }
  static int mkdir(const char* p, mode_t m) { return count([&] { return ::mkdir(p, m); }); }
  static int rmdir(const char* p) { return count([&] { return ::rmdir(p); }); }
  static int lock(int f) { return ::flock(f, LOCK_EX | LOCK_NB); }
};
using cut_store = storage::basic_posix_store<failing_calls>;

}  // namespace store_test
