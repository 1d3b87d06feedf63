#include "store_checks.hpp"

using namespace store_test;

namespace {

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

}  // namespace

TEST_CASE("a new folder is empty and private") {
  temporary_folder place;
  const std::string folder = place.path + "/a/b";
  auto store = posix_store::open(folder);
  REQUIRE(store);
  CHECK_FALSE(store->has_credentials());
  CHECK_FALSE(store->pending());
  CHECK((fs::status(folder).permissions() & fs::perms::all) == fs::perms::owner_all);
}

TEST_CASE("pending credentials survive reopening and become the device's credentials") {
  temporary_folder place;
  {
    auto store = posix_store::open(place.path);
    REQUIRE(store);
    REQUIRE(store->save_pending(credentials("new")));
  }
  {
    auto store = posix_store::open(place.path);
    REQUIRE(store);
    REQUIRE(store->pending());
    CHECK(store->pending()->certificate_id == "new");
    CHECK(store->pending()->issued_at == 1700000000);
    CHECK(store->pending_token()->reveal() == "TOKEN new");
    REQUIRE(store->confirm(answer("thing-1")));
    CHECK_FALSE(store->pending());
  }
  auto store = posix_store::open(place.path);
  REQUIRE(store);
  REQUIRE(store->device());
  CHECK(store->device()->thing_name == "thing-1");
  CHECK(store->device()->certificate_id == "new");
  CHECK(store->device()->endpoint == "localhost:8883");
  CHECK(store->device()->device_configuration.at("FallbackUrl") == "https://example.com/\"x\"");
  CHECK(store->device()->superseded.empty());
  CHECK(content(store->key_path()) == "KEY new");
  CHECK_FALSE(fs::exists(place.path + "/pending"));
  CHECK(all_files_are_private(place.path));
}

TEST_CASE("a replaced pending certificate and a replaced device certificate are listed as superseded") {
  temporary_folder place;
  auto store = posix_store::open(place.path);
  REQUIRE(store);
  REQUIRE(store->save_pending(credentials("a")));
  REQUIRE(store->save_pending(credentials("b")));
  REQUIRE(store->confirm(answer("t")));
  CHECK(store->device()->superseded == std::vector<std::string>{"a"});
  REQUIRE(store->save_pending(credentials("c")));
  REQUIRE(store->confirm(answer("t")));
  CHECK(store->device()->superseded == std::vector<std::string>{"a", "b"});
}

TEST_CASE("discarded pending credentials leave their certificate id behind") {
  temporary_folder place;
  auto store = posix_store::open(place.path);
  REQUIRE(store);
  REQUIRE(store->save_pending(credentials("a")));
  REQUIRE(store->discard_pending());
  CHECK_FALSE(store->pending());
  REQUIRE(store->save_pending(credentials("b")));
  REQUIRE(store->confirm(answer("t")));
  REQUIRE(store->save_pending(credentials("c")));
  REQUIRE(store->discard_pending());
  CHECK(store->device()->certificate_id == "b");
  CHECK(store->device()->superseded == std::vector<std::string>{"a", "c"});
  CHECK_FALSE(fs::exists(place.path + "/pending"));
}

TEST_CASE("a key made here is on disk before its certificate and goes with it") {
  temporary_folder place;
  {
    auto store = posix_store::open(place.path);
    REQUIRE(store);
    REQUIRE(store->prepare_key(secret("KEY new")));
    auto issued = credentials("new", "");
    REQUIRE(store->save_pending(issued));
  }
  auto store = posix_store::open(place.path);
  REQUIRE(store);
  CHECK(content(store->pending_key_path()) == "KEY new");
  REQUIRE(store->prepare_key(secret("KEY next")));
  CHECK(content(store->pending_key_path()) == "KEY new");
  REQUIRE(store->confirm(answer("t")));
  CHECK(content(store->key_path()) == "KEY new");
}

TEST_CASE("credentials whose key is in a token leave no key file behind") {
  temporary_folder place;
  auto store = posix_store::open(place.path);
  REQUIRE(store);
  REQUIRE(store->save_pending(credentials("old")));
  REQUIRE(store->confirm(answer("t")));
  auto issued = credentials("new", "");
  issued.key_uri = "pkcs11:token=t;object=k";
  REQUIRE(store->save_pending(issued));
  CHECK(store->pending_key_path().empty());
  REQUIRE(store->confirm(answer("t")));
  CHECK_FALSE(fs::exists(store->key_path()));
  CHECK(store->has_credentials());
  CHECK(store->device()->key_uri == "pkcs11:token=t;object=k");
}

TEST_CASE("a folder is open in one process at a time") {
  temporary_folder place;
  auto first = posix_store::open(place.path);
  REQUIRE(first);
  const auto second = posix_store::open(place.path);
  REQUIRE_FALSE(second);
  CHECK(second.error().code == errc::busy);
}

TEST_CASE("certificate ids that leave the folder are refused") {
  temporary_folder place;
  auto store = posix_store::open(place.path);
  REQUIRE(store);
  for (const char* id : {"", "..", "../x", "a/b"}) {
    const auto saved = store->save_pending(credentials(id));
    REQUIRE_FALSE(saved);
    CHECK(saved.error().code == errc::encoding);
  }
  CHECK_FALSE(fs::exists(place.path + "/pending"));
}

TEST_CASE("a pending record that nobody can read is set aside and its key kept") {
  temporary_folder place;
  {
    auto store = posix_store::open(place.path);
    REQUIRE(store);
    REQUIRE(store->save_pending(credentials("a")));
  }
  std::ofstream(place.path + "/pending/pending.json") << "{\"certificate_id\":";
  {
    auto store = posix_store::open(place.path);
    REQUIRE(store);
    CHECK(store->found_unreadable_pending());
    CHECK_FALSE(store->pending());
  }
  auto store = posix_store::open(place.path);
  REQUIRE(store);
  CHECK(content(place.path + "/pending/a.pem.key") == "KEY a");
}

TEST_CASE("a power cut at any system call leaves usable or resumable credentials") {
  const bool had_credentials = GENERATE(false, true);
  const bool after = GENERATE(false, true);
  int steps = 0;
  for (int cut = 0;; ++cut) {
    temporary_folder place;
    if (had_credentials) {
      auto store = posix_store::open(place.path);
      REQUIRE(store);
      REQUIRE(store->save_pending(credentials("old")));
      REQUIRE(store->confirm(answer("t")));
    }
    failing_calls::left = cut;
    failing_calls::after = after;
    failing_calls::fails = false;
    failing_calls::dead = false;
    bool stored = false, was_cut = false;
    try {
      auto store = cut_store::open(place.path);
      stored = store && store->save_pending(credentials("new"));  // then RegisterThing is sent
      (void)(stored && store->confirm(answer("t")));
    } catch (const power_cut&) {
      was_cut = true;
    }
    failing_calls::left = -1;
    failing_calls::dead = false;
    CAPTURE(cut, after, had_credentials);
    check_folder(place.path, had_credentials, stored);
    check_folder(place.path, had_credentials, stored);  // recovery may be repeated
    if (!was_cut) break;
    ++steps;
  }
  CHECK(steps > 20);
}

TEST_CASE("a power cut during the recovery from a power cut loses nothing either") {
  for (int first = 0; first < 60; ++first) {
    for (int second = 0; second < 20; ++second) {
      temporary_folder place;
      bool stored = false;
      failing_calls::after = false;
      failing_calls::fails = false;
      failing_calls::dead = false;
      failing_calls::left = first;
      try {
        auto store = cut_store::open(place.path);
        stored = store && store->save_pending(credentials("new"));
        (void)(stored && store->confirm(answer("t")));
      } catch (const power_cut&) {
      }
      failing_calls::dead = false;
      failing_calls::left = second;
      bool again = false;
      try {
        (void)cut_store::open(place.path);
      } catch (const power_cut&) {
        again = true;
      }
      failing_calls::dead = false;
      failing_calls::left = -1;
      CAPTURE(first, second);
      check_folder(place.path, false, stored);
      if (!again) break;
    }
  }
}

TEST_CASE("a full disk at any system call is reported and loses nothing") {
  int steps = 0;
  for (int fault = 0;; ++fault) {
    temporary_folder place;
    failing_calls::left = fault;
    failing_calls::fails = true;
    failing_calls::dead = false;
    bool stored = false, failed = false;
    {
      auto store = cut_store::open(place.path);
      failed = !store;
      if (store) {
        const auto saved = store->save_pending(credentials("new"));
        stored = saved.has_value();
        failed = !stored;
        if (stored) {
          const auto confirmed = store->confirm(answer("t"));
          failed = !confirmed;
          if (!confirmed) CHECK(confirmed.error().code == errc::storage);
        } else {
          CHECK(saved.error() == failure{errc::storage, ENOSPC});
        }
      }
    }
    failing_calls::left = -1;
    failing_calls::fails = false;
    CAPTURE(fault);
    check_folder(place.path, false, stored);
    if (!failed) break;
    ++steps;
  }
  CHECK(steps > 15);
}

TEST_CASE("after a confirmation that failed behind the switch nothing else may be saved until the next open") {
  int refused = 0;
  for (int fault = 0;; ++fault) {
    temporary_folder place;
    bool failed = false, kept = false;
    {
      auto store = cut_store::open(place.path);
      REQUIRE(store);
      REQUIRE(store->save_pending(credentials("new")));
      failing_calls::left = fault;
      failing_calls::fails = true;
      failed = !store->confirm(answer("t"));
      failing_calls::left = -1;
      failing_calls::fails = false;
      if (failed) {
        const auto saved = store->save_pending(credentials("other"));
        kept = !saved && saved.error().code == errc::out_of_order;
        if (kept) CHECK(store->discard_pending().error().code == errc::out_of_order);
        else CHECK(saved);
      }
    }
    CAPTURE(fault);
    if (kept) {
      ++refused;
      auto store = posix_store::open(place.path);
      REQUIRE(store);
      REQUIRE(store->device());
      CHECK(store->device()->certificate_id == "new");
      CHECK(content(store->key_path()) == "KEY new");
    }
    if (!failed) break;
  }
  CHECK(refused > 5);
}

TEST_CASE("a temporary file that a crash left while the store was open is replaced, a folder in its place is an error") {
  temporary_folder place;
  auto store = posix_store::open(place.path);
  REQUIRE(store);
  REQUIRE(store->save_pending(credentials("a")));
  const std::string left = place.path + "/pending/.b.token.tmp";
  std::ofstream(left) << "half a tok";
  REQUIRE(store->save_pending(credentials("b")));
  CHECK(store->pending_token()->reveal() == "TOKEN b");
  CHECK_FALSE(fs::exists(left));
  fs::create_directory(place.path + "/pending/.c.token.tmp");
  const auto saved = store->save_pending(credentials("c"));
  REQUIRE_FALSE(saved);
  CHECK(saved.error().code == errc::storage);
  CHECK(store->pending()->certificate_id == "b");
}
