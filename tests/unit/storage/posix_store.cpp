#include "failing_calls.hpp"

using namespace store_test;

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
  CHECK(content(place.path + "/pending.unreadable-1/a.pem.key") == "KEY a");
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

TEST_CASE("whatever a pending record lacks or has too much of, it is set aside and its key kept") {
  const std::string good = R"({"certificate_id":"a","issued_at":1,"state":"stored","key_file":"a.pem.key"})";
  const std::vector<std::string> bad{
      "[]", R"({"issued_at":1,"state":"stored"})", R"({"certificate_id":"a","issued_at":1})", R"({"certificate_id":"a","state":"stored"})",
      R"({"certificate_id":"a","issued_at":"1","state":"stored"})", R"({"certificate_id":"a","issued_at":1.5,"state":"stored"})",
      R"({"certificate_id":"a","issued_at":1,"state":"done"})", R"({"certificate_id":"../a","issued_at":1,"state":"stored"})",
      R"({"certificate_id":"a","issued_at":1,"state":"stored","key_file":"/etc/x"})", good.substr(0, good.size() - 1) + std::string(1 << 20, ' ') + "}"};
  for (const std::string& text : bad) {
    CAPTURE(text.substr(0, 100));
    temporary_folder place;
    {
      auto store = posix_store::open(place.path);
      REQUIRE(store);
      REQUIRE(store->save_pending(credentials("a")));
    }
    std::ofstream(place.path + "/pending/pending.json") << text;
    {
      auto store = posix_store::open(place.path);
      REQUIRE(store);
      CHECK(store->found_unreadable_pending());
      CHECK_FALSE(store->pending());
      CHECK(store->pending_token().error().code == errc::not_found);
      CHECK(store->pending_certificate_path().empty());
      CHECK(store->pending_key_path().empty());
      CHECK(store->confirm(answer("t")).error().code == errc::not_found);
      CHECK(store->discard_pending());
    }
    CHECK(content(place.path + "/pending.unreadable-1/a.pem.key") == "KEY a");
  }
  temporary_folder place;
  {
    auto store = posix_store::open(place.path);
    REQUIRE(store);
    REQUIRE(store->save_pending(credentials("a")));
  }
  std::ofstream(place.path + "/pending/pending.json") << good;
  auto store = posix_store::open(place.path);
  REQUIRE(store);
  CHECK_FALSE(store->found_unreadable_pending());
  CHECK(store->pending());
}

TEST_CASE("the largest device configuration that a message can bring survives a cut before it is in place") {
  temporary_folder place;
  storage::registration registered = answer("t");
  for (int i = 0; i < 128; ++i) registered.device_configuration["k" + std::to_string(i)] = std::string(1000, '\x01');
  for (int cut = 6; cut < 40; ++cut) {
    auto store = cut_store::open(place.path);
    REQUIRE(store);
    REQUIRE(store->save_pending(credentials("id" + std::to_string(cut))));
    failing_calls::fails = true;
    failing_calls::left = cut;
    const bool confirmed = store->confirm(registered).has_value();
    failing_calls::fails = false;
    failing_calls::left = -1;
    store = errc::not_found;
    auto again = posix_store::open(place.path);
    REQUIRE(again);
    CAPTURE(cut);
    CHECK_FALSE(again->found_unreadable_pending());
    REQUIRE(again->device());
    CHECK(again->device()->certificate_id == "id" + std::to_string(cut));
    CHECK(again->device()->device_configuration == registered.device_configuration);
    if (confirmed) break;
  }
}

TEST_CASE("a device record that is too large is an error, not an empty record") {
  temporary_folder place;
  std::ofstream(place.path + "/device.json") << "{\"superseded\":[" << std::string(1 << 20, ' ') << "]}";
  const auto store = posix_store::open(place.path);
  REQUIRE_FALSE(store);
  CHECK(store.error().code == errc::too_large);
}

TEST_CASE("what no one could read back is not written, and what is there stays") {
  temporary_folder place;
  auto store = posix_store::open(place.path);
  REQUIRE(store);
  REQUIRE(store->save_pending(credentials("a")));
  REQUIRE(store->confirm(answer("thing")));
  const std::string too_much(1024 * 1024 + 1, 'x');

  auto large = credentials("b");
  large.certificate_pem = too_much;
  const auto saved = store->save_pending(large);
  REQUIRE_FALSE(saved);
  CHECK(saved.error().code == errc::too_large);
  CHECK_FALSE(store->pending());

  REQUIRE(store->save_pending(credentials("c")));
  auto registered = answer("thing");
  registered.device_configuration["k"] = too_much;
  const auto confirmed = store->confirm(registered);
  REQUIRE_FALSE(confirmed);
  CHECK(confirmed.error().code == errc::too_large);
  REQUIRE(store->pending());
  CHECK(store->device()->certificate_id == "a");

  store = errc::not_found;
  auto again = posix_store::open(place.path);
  REQUIRE(again);
  CHECK_FALSE(again->found_unreadable_pending());
  REQUIRE(again->pending());
  CHECK(again->pending()->certificate_id == "c");
  REQUIRE(again->confirm(answer("thing")));
  CHECK(again->device()->certificate_id == "c");
}

TEST_CASE("a full disk while credentials are discarded or their key is in a token loses nothing either") {
  const bool had_credentials = GENERATE(false, true), discards = GENERATE(false, true);
  int steps = 0;
  for (int fault = 0;; ++fault) {
    temporary_folder place;
    {
      auto store = posix_store::open(place.path);
      REQUIRE(store);
      if (had_credentials) {
        REQUIRE(store->save_pending(credentials("old")));
        REQUIRE(store->confirm(answer("t")));
      }
      auto issued = credentials("new", discards ? "KEY" : "");
      if (!discards) issued.key_uri = "pkcs11:object=k";
      REQUIRE(store->save_pending(issued));
    }
    bool failed = false;
    {
      failing_calls::left = -1;
      auto store = cut_store::open(place.path);
      REQUIRE(store);
      failing_calls::left = fault;
      failing_calls::fails = true;
      const auto done = discards ? store->discard_pending() : store->confirm(answer("t"));
      failing_calls::left = -1;
      failing_calls::fails = false;
      failed = !done;
      if (failed) CHECK(done.error() == failure{errc::storage, ENOSPC});
    }
    CAPTURE(fault, had_credentials, discards);
    check_folder(place.path, had_credentials, !discards);
    if (!failed) break;
    ++steps;
  }
  CHECK(steps > 5);
}

namespace {

/// A signal arrives at every other call.
struct interrupted_calls : storage::posix_calls {
  static inline int made = 0;
  static inline int read_error = 0;
  static ssize_t write(int f, const void* b, std::size_t n) {
    if (++made % 2 == 1) {
      errno = EINTR;
      return -1;
    }
    return ::write(f, b, n > 3 ? 3 : n);
  }
  static ssize_t read(int f, void* b, std::size_t n) {
    if (read_error != 0) {
      errno = read_error;
      return -1;
    }
    if (++made % 2 == 1) {
      errno = EINTR;
      return -1;
    }
    return ::read(f, b, n > 5 ? 5 : n);
  }
};

}  // namespace

TEST_CASE("interrupted and short reads and writes are carried on, a read that fails is an error") {
  using short_store = storage::basic_posix_store<interrupted_calls>;
  temporary_folder place;
  {
    auto store = short_store::open(place.path + "//");
    REQUIRE(store);
    REQUIRE(store->save_pending(credentials("new")));
    REQUIRE(store->confirm(answer("t")));
  }
  check_folder(place.path, false, true);
  interrupted_calls::read_error = EIO;
  const auto store = short_store::open(place.path);
  interrupted_calls::read_error = 0;
  REQUIRE_FALSE(store);
  CHECK(store.error() == failure{errc::storage, EIO});
}

TEST_CASE("a folder that cannot be one is an error") {
  temporary_folder place;
  std::ofstream(place.path + "/file") << "x";
  CHECK(posix_store::open(place.path + "/file").error().code == errc::storage);
  CHECK(posix_store::open(place.path + "/file/sub").error().code == errc::storage);
  std::ofstream(place.path + "/pending") << "x";  // a file where the folder belongs
  auto store = posix_store::open(place.path);
  REQUIRE(store);
  CHECK(store->save_pending(credentials("a")).error().code == errc::storage);
  CHECK(store->prepare_key(secret("k")).error().code == errc::storage);
  CHECK(store->save_pending(credentials(std::string(129, 'a'))).error().code == errc::encoding);
}

TEST_CASE("what the caller found superseded is kept, each id once, and an unowned key stays where it belongs") {
  temporary_folder place;
  auto store = posix_store::open(place.path);
  REQUIRE(store);
  std::ofstream(place.path + "/device.pem.key") << "OWN";
  auto issued = credentials("new", "");
  REQUIRE(store->save_pending(issued));
  storage::registration registered = answer("t");
  registered.superseded = {"x", "", "new", "x", "y"};
  registered.endpoint.clear();
  REQUIRE(store->confirm(registered, storage::present_key::keep));
  CHECK(content(store->key_path()) == "OWN");
  CHECK(store->device()->superseded == std::vector<std::string>{"x", "y"});
  CHECK(store->device()->endpoint == "localhost:8883");
}

TEST_CASE("a key that is not the store's makes room, it is never deleted, and several are kept side by side") {
  using storage::present_key;
  temporary_folder place;
  auto store = posix_store::open(place.path);
  REQUIRE(store);
  const auto put_key = [&](const std::string& text) { std::ofstream(store->key_path()) << text; };
  const auto old_key = [&](int number) { return content(store->key_path() + ".old-" + std::to_string(number)); };
  put_key("ONE");  // and no record of it
  REQUIRE(store->save_pending(credentials("a")));
  REQUIRE(store->confirm(answer("t")));
  CHECK(content(store->key_path()) == "KEY a");
  CHECK(store->set_aside_path() == store->key_path() + ".old-1");
  CHECK(old_key(1) == "ONE");
  put_key("TWO");  // a set without a key file, whatever the record says
  REQUIRE(store->save_pending(credentials("b", "")));
  REQUIRE(store->confirm(answer("t")));
  CHECK_FALSE(fs::exists(store->key_path()));
  CHECK(old_key(2) == "TWO");
  put_key("THREE");  // the caller found that it is not the key of the credentials in use
  REQUIRE(store->save_pending(credentials("c")));
  REQUIRE(store->confirm(answer("t"), present_key::set_aside));
  CHECK(content(store->key_path()) == "KEY c");
  CHECK(old_key(3) == "THREE");
  REQUIRE(store->save_pending(credentials("d")));  // the store's own is replaced
  REQUIRE(store->confirm(answer("t")));
  CHECK(content(store->key_path()) == "KEY d");
  CHECK_FALSE(fs::exists(store->key_path() + ".old-4"));
  CHECK(old_key(1) == "ONE");
}

TEST_CASE("wherever the power is cut or the disk is full, a key that makes room is there, once, beside the new one") {
  using storage::present_key;
  for (const bool has_key : {true, false})
    for (const present_key present : {present_key::replace, present_key::set_aside})
      for (const bool fails : {false, true}) {
        for (int at = 0;; ++at) {
          temporary_folder place;
          CAPTURE(has_key, static_cast<int>(present), fails, at);
          {
            auto store = posix_store::open(place.path);
            REQUIRE(store);
            REQUIRE(store->save_pending(credentials("new", has_key ? "KEY" : "")));
            std::ofstream(store->key_path()) << "OWN";
          }
          bool was_reached = false;
          {
            auto store = cut_store::open(place.path);
            REQUIRE(store);
            failing_calls::left = at;
            failing_calls::fails = fails;
            try {
              (void)store->confirm(answer("t"), present);
            } catch (const power_cut&) {
            }
            was_reached = failing_calls::left == -1;
            failing_calls::left = -1;
            failing_calls::fails = failing_calls::dead = false;
          }
          auto store = posix_store::open(place.path);
          REQUIRE(store);
          if (store->pending()) {
            CHECK(content(store->key_path()) == "OWN");
          } else {
            CHECK(content(store->key_path()) == (has_key ? "KEY new" : ""));
            CHECK(content(store->key_path() + ".old-1") == "OWN");
            CHECK_FALSE(fs::exists(store->key_path() + ".old-2"));
          }
          if (!was_reached) break;
          REQUIRE(at < 60);
        }
      }
}

TEST_CASE("opening says whether it finished a set that was confirmed") {
  temporary_folder place;
  {
    auto store = cut_store::open(place.path);
    REQUIRE(store);
    CHECK_FALSE(store->finished_earlier_set());
    REQUIRE(store->save_pending(credentials("new")));
    failing_calls::left = 8;  // behind the switch
    failing_calls::fails = true;
    CHECK_FALSE(store->confirm(answer("t")));
    failing_calls::left = -1;
    failing_calls::fails = false;
  }
  for (const bool finished : {true, false}) {
    auto store = posix_store::open(place.path);
    REQUIRE(store);
    CHECK(store->finished_earlier_set() == finished);
    CHECK(store->device()->certificate_id == "new");
  }
}
