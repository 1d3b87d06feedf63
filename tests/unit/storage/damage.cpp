// What a store makes of a folder that others put things into, or took them out of.

#include "failing_calls.hpp"

#include <cstdint>
#include <limits>
#include <set>

using namespace store_test;

namespace {

const std::string aws_id = std::string(32, '0') + std::string(30, 'a') + "fF";

void put(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

std::set<std::string> names_in(const std::string& folder) {
  std::set<std::string> out;
  for (const auto& entry : fs::directory_iterator(folder)) out.insert(entry.path().filename().string());
  return out;
}

/// Every file below `folder` by what is in it.
std::multiset<std::string> contents_below(const std::string& folder) {
  std::multiset<std::string> out;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) out.insert(content(entry.path().string()));
  return out;
}

/// "old" in use, as asked, and "new" pending.
void prepare_sets(const std::string& path, bool had_credentials = true) {
  auto store = posix_store::open(path);
  REQUIRE(store);
  if (had_credentials) {
    REQUIRE(store->save_pending(credentials("old")));
    REQUIRE(store->confirm(answer("old thing")));
  }
  REQUIRE(store->save_pending(credentials("new")));
}

/// The switch as `confirm` leaves it before it moves anything.
void mark_registered(const std::string& path, const std::string& superseded = "") {
  put(path + "/pending/pending.json", R"({"certificate_id":"new","issued_at":1,"state":"registered","key_file":"new.pem.key","superseded":[)" + superseded + "]}");
}

/// Provisions in the same run, with a key of each kind, as whoever found the folder so would go on.
template <class Store>
void go_on(Store& store) {
  REQUIRE(store.save_pending(credentials("given up")));
  REQUIRE(store.discard_pending());
  REQUIRE(store.prepare_key(secret("KEY next")));
  REQUIRE(store.save_pending(credentials("next", "")));
  REQUIRE(store.confirm(answer("t")));
  CHECK(store.device()->certificate_id == "next");
  CHECK(content(store.key_path()) == "KEY next");
}

}  // namespace

TEST_CASE("of what is in pending/ only files with names that a store gives are removed") {
  temporary_folder place;
  const std::string folder = place.path + "/pending";
  fs::create_directory(folder);
  const std::set<std::string> ours{aws_id + ".pem.crt",      aws_id + ".pem.key", aws_id + ".token",   "." + aws_id + ".token.tmp", "own-a.pem.key",
                                   "own-b.pem.key",          ".own-a.pem.key.tmp", ".pending.json.tmp", "known.token",               "used.pem.key",
                                   ".earlier.pem.crt.tmp"};
  std::set<std::string> others{"my-draft.txt",   "server.pem.key", "own-c.pem.key", "own-a.token", aws_id + ".txt", aws_id.substr(1) + ".pem.crt",
                               aws_id + "0.token", aws_id.substr(1) + "g.token", ".pem.crt", ".token.tmp", ".tmp", "..tmp", "x.tmp", ".notes",
                               ".draft.txt.tmp", aws_id};
  for (const auto& name : ours) put(folder + "/" + name, "x");
  for (const auto& name : others) put(folder + "/" + name, name);
  for (const std::string& name : {std::string("notes"), "0" + aws_id.substr(1) + ".pem.keys", std::string(64, 'b') + ".pem.key"}) {
    fs::create_directory(folder + "/" + name);
    others.insert(name);
  }
  put(place.path + "/elsewhere", "x");
  fs::create_symlink(place.path + "/elsewhere", folder + "/" + std::string(64, 'c') + ".token");
  others.insert(std::string(64, 'c') + ".token");
  put(place.path + "/device.json", R"({"certificate_id":"used","superseded":["known","earlier"]})");
  {
    auto store = posix_store::open(place.path);
    REQUIRE(store);
    CHECK(names_in(folder) == others);
    go_on(*store);
    CHECK(names_in(folder) == others);
    REQUIRE(store->save_pending(credentials("a")));
    REQUIRE(store->save_pending(credentials("b")));
  }
  REQUIRE(posix_store::open(place.path));
  others.insert({"pending.json", "b.pem.crt", "b.pem.key", "b.token"});
  CHECK(names_in(folder) == others);
  CHECK(content(folder + "/my-draft.txt") == "my-draft.txt");
  CHECK(content(place.path + "/elsewhere") == "x");
}

TEST_CASE("a folder pending/ that is a symbolic link is not followed") {
  temporary_folder place, target;
  put(target.path + "/own-a.pem.key", "KEY");
  put(target.path + "/pending.json", "{");
  fs::create_directory_symlink(target.path, place.path + "/pending");
  put(place.path + "/.device.json.tmp", "left over");
  CHECK(posix_store::open(place.path).error() == failure{errc::unsupported});
  CHECK(names_in(target.path) == std::set<std::string>{"own-a.pem.key", "pending.json"});
  CHECK(names_in(place.path) == std::set<std::string>{"pending", ".device.json.tmp"});
  fs::remove(place.path + "/pending");
  fs::create_directory_symlink(place.path + "/nowhere", place.path + "/pending");
  CHECK(posix_store::open(place.path).error() == failure{errc::unsupported});
}

TEST_CASE("a set whose pending record nobody can read is kept whole, whatever is done in the same run and later") {
  temporary_folder place;
  for (const int number : {1, 3}) {
    {
      auto store = posix_store::open(place.path);
      REQUIRE(store);
      REQUIRE(store->prepare_key(secret("KEY a")));
      REQUIRE(store->save_pending(credentials("a", "")));
      REQUIRE(store->prepare_key(secret("KEY unused")));
    }
    put(place.path + "/pending/pending.json", "{");
    put(place.path + "/pending/mine", "x");
    const auto before = contents_below(place.path + "/pending");
    const std::string aside = place.path + "/pending.unreadable-" + std::to_string(number);
    {
      auto store = posix_store::open(place.path);
      REQUIRE(store);
      CHECK(store->found_unreadable_pending());
      CHECK(store->unreadable_pending_path() == aside);
      CHECK_FALSE(store->finished_earlier_set());
      CHECK_FALSE(fs::exists(place.path + "/pending"));
      go_on(*store);
    }
    auto store = posix_store::open(place.path);
    REQUIRE(store);
    CHECK_FALSE(store->found_unreadable_pending());
    CHECK(contents_below(aside) == before);
    CHECK(content(aside + "/pending.json") == "{");
    if (number == 1) fs::create_symlink("nowhere", place.path + "/pending.unreadable-2");
  }
}

TEST_CASE("a promotion is finished although a set was kept that nobody could read") {
  temporary_folder place;
  prepare_sets(place.path);
  put(place.path + "/pending/pending.json", "{");
  {
    auto store = cut_store::open(place.path);
    REQUIRE(store);
    REQUIRE(store->save_pending(credentials("next")));
    failing_calls::left = 8;  // behind the switch
    failing_calls::fails = true;
    CHECK_FALSE(store->confirm(answer("t")));
    failing_calls::left = -1;
    failing_calls::fails = false;
  }
  put(place.path + "/pending/pending.json.unreadable", "{");
  auto store = posix_store::open(place.path);
  REQUIRE(store);
  CHECK(store->finished_earlier_set());
  CHECK(store->device()->certificate_id == "next");
  CHECK(content(store->key_path()) == "KEY next");
}

TEST_CASE("a registered set that has lost its certificate or key leaves what is in use and is listed") {
  const bool had_credentials = GENERATE(false, true);
  const std::string lost = GENERATE("new.pem.crt", "new.pem.key", "new.pem.crt of another size");
  CAPTURE(had_credentials, lost);
  temporary_folder place;
  prepare_sets(place.path, had_credentials);
  mark_registered(place.path, R"("old","earlier")");
  if (lost.size() > 12) put(place.path + "/pending/new.pem.crt", std::string(1024 * 1024 + 1, 'x'));
  else fs::remove(place.path + "/pending/" + lost);
  const auto before = contents_below(place.path + "/pending");
  {
    auto store = posix_store::open(place.path);
    REQUIRE(store);
    CHECK(store->found_unreadable_pending());
    CHECK(store->unreadable_pending_path() == place.path + "/pending.unreadable-1");
    CHECK_FALSE(store->finished_earlier_set());
    CHECK_FALSE(store->pending());
    CHECK(store->set_aside_path().empty());
    CHECK(store->has_credentials() == had_credentials);
    CHECK(content(store->key_path()) == (had_credentials ? "KEY old" : ""));
    CHECK(content(store->certificate_path()) == (had_credentials ? "CERT old" : ""));
    REQUIRE(store->device());
    CHECK(store->device()->certificate_id == (had_credentials ? "old" : ""));
    CHECK(store->device()->superseded == (had_credentials ? std::vector<std::string>{"earlier", "new"} : std::vector<std::string>{"old", "earlier", "new"}));
    CHECK(contents_below(place.path + "/pending.unreadable-1") == before);
    put(store->key_path(), "OWN");  // a record of no certificate has no key
    go_on(*store);
    CHECK(store->set_aside_path() == (had_credentials ? "" : store->key_path() + ".old-1"));
    CHECK(contains(store->device()->superseded, "new"));
  }
  CHECK(contents_below(place.path + "/pending.unreadable-1") == before);
}

TEST_CASE("credentials that lost a file before they are confirmed are not found, and listed") {
  temporary_folder place;
  prepare_sets(place.path);
  auto store = posix_store::open(place.path);
  REQUIRE(store);
  fs::remove(place.path + "/pending/new.pem.crt");
  CHECK(store->confirm(answer("t")).error() == failure{errc::not_found});
  CHECK(store->unreadable_pending_path() == place.path + "/pending.unreadable-1");
  CHECK(store->device()->certificate_id == "old");
  CHECK(store->device()->thing_name == "old thing");
  CHECK(store->device()->superseded == std::vector<std::string>{"new"});
  CHECK(content(place.path + "/pending.unreadable-1/new.pem.key") == "KEY new");
  CHECK(content(store->key_path()) == "KEY old");
  go_on(*store);
}

TEST_CASE("a set in place already that lost its files in pending/ stays in place") {
  temporary_folder place;
  prepare_sets(place.path);
  mark_registered(place.path);
  put(place.path + "/device.json", R"({"certificate_id":"new","superseded":["old"]})");
  fs::remove(place.path + "/pending/new.pem.key");
  auto store = posix_store::open(place.path);
  REQUIRE(store);
  CHECK(store->device()->certificate_id == "new");
  CHECK(store->device()->superseded == std::vector<std::string>{"old"});
}

TEST_CASE("a registered set whose file cannot be read now keeps the store from opening and loses nothing") {
  temporary_folder place;
  prepare_sets(place.path);
  mark_registered(place.path, R"("old")");
  const std::string name = GENERATE("new.pem.crt", "new.pem.key");
  const std::string file = place.path + "/pending/" + name;
  fs::rename(file, place.path + "/kept");
  fs::create_directory(file);
  CHECK(posix_store::open(place.path).error() == failure{errc::storage, EISDIR});
  CHECK(content(place.path + "/device.pem.key") == "KEY old");
  fs::remove(file);
  fs::rename(place.path + "/kept", file);
  auto store = posix_store::open(place.path);
  REQUIRE(store);
  CHECK(store->device()->certificate_id == "new");
  CHECK(content(store->key_path()) == "KEY new");
  CHECK(content(store->certificate_path()) == "CERT new");
}

TEST_CASE("a device record that nobody can read is kept, and so is an earlier one") {
  temporary_folder place;
  const auto aside = [&](int number) { return place.path + "/device.json.unreadable-" + std::to_string(number); };
  for (const auto& [text, number] : std::vector<std::pair<std::string, int>>{{R"({"superseded":["a"],)", 1}, {"", 2}, {"[]", 3}}) {
    put(place.path + "/device.json", text);
    auto store = posix_store::open(place.path);
    REQUIRE(store);
    CHECK(store->found_unreadable_record());
    CHECK(store->unreadable_record_path() == aside(number));
    CHECK_FALSE(store->device());
    go_on(*store);
    CHECK(content(aside(number)) == text);
  }
  CHECK(content(aside(1)) == R"({"superseded":["a"],)");
  auto store = posix_store::open(place.path);
  REQUIRE(store);
  CHECK_FALSE(store->found_unreadable_record());
  CHECK(store->unreadable_record_path().empty());
}

TEST_CASE("wherever the power is cut or the disk is full while something is set aside, all of it is kept") {
  enum class damage { unreadable_switch, lost_key, unreadable_record };
  const damage kind = GENERATE(damage::unreadable_switch, damage::lost_key, damage::unreadable_record);
  const bool fails = GENERATE(false, true), after = GENERATE(false, true);
  int steps = 0;
  for (int at = 0;; ++at) {
    CAPTURE(static_cast<int>(kind), fails, after, at);
    temporary_folder place;
    prepare_sets(place.path);
    if (kind == damage::unreadable_switch) put(place.path + "/pending/pending.json", "{");
    if (kind == damage::lost_key) {
      mark_registered(place.path);
      fs::remove(place.path + "/pending/new.pem.key");
    }
    if (kind == damage::unreadable_record) put(place.path + "/device.json", "{");
    auto before = contents_below(place.path);
    if (kind == damage::lost_key) before.erase(content(place.path + "/device.json"));  // it is replaced
    failing_calls::left = at;
    failing_calls::fails = fails;
    failing_calls::after = after;
    try {
      (void)cut_store::open(place.path);
    } catch (const power_cut&) {
    }
    const bool was_reached = failing_calls::left == -1;
    failing_calls::left = -1;
    failing_calls::fails = failing_calls::dead = false;
    {
      auto store = posix_store::open(place.path);
      REQUIRE(store);
      CHECK(content(store->key_path()) == "KEY old");
      CHECK(content(store->certificate_path()) == "CERT old");
      if (kind == damage::lost_key) CHECK(store->device()->superseded == std::vector<std::string>{"new"});
      if (kind == damage::unreadable_record) CHECK(store->pending()->certificate_id == "new");
      else CHECK_FALSE(store->pending());
    }
    const auto there = contents_below(place.path);
    CHECK(std::includes(there.begin(), there.end(), before.begin(), before.end()));
    CHECK_FALSE(fs::exists(place.path + "/pending.unreadable-2"));
    CHECK_FALSE(fs::exists(place.path + "/device.json.unreadable-2"));
    if (!was_reached) break;
    ++steps;
  }
  CHECK(steps > 5);
}

TEST_CASE("a key beside credentials whose key is in a token makes room") {
  temporary_folder place;
  auto store = posix_store::open(place.path);
  REQUIRE(store);
  auto in_token = credentials("old", "");
  in_token.key_uri = "pkcs11:object=k";
  REQUIRE(store->save_pending(in_token));
  REQUIRE(store->confirm(answer("t")));
  put(store->key_path(), "OWN");
  REQUIRE(store->save_pending(credentials("new")));
  REQUIRE(store->confirm(answer("t")));
  CHECK(content(store->key_path()) == "KEY new");
  CHECK(content(store->key_path() + ".old-1") == "OWN");
  CHECK(store->set_aside_path() == store->key_path() + ".old-1");
}

TEST_CASE("a link to a key that is not there now makes room like the key") {
  temporary_folder place;
  auto store = posix_store::open(place.path);
  REQUIRE(store);
  fs::create_symlink("not-mounted", store->key_path());
  REQUIRE(store->save_pending(credentials("new")));
  REQUIRE(store->confirm(answer("t")));
  CHECK(content(store->key_path()) == "KEY new");
  CHECK(fs::read_symlink(store->set_aside_path()) == "not-mounted");
}

TEST_CASE("a record that is not UTF-8 is refused before anything is written") {
  temporary_folder place;
  auto store = posix_store::open(place.path);
  REQUIRE(store);
  const auto refuse = [&](const storage::pending_credentials& issued) { CHECK(store->save_pending(issued).error() == failure{errc::invalid_utf8}); };
  refuse(credentials("a\xFF"));
  auto issued = credentials("a");
  issued.endpoint = "host\xFF";
  refuse(issued);
  issued = credentials("a", "");
  issued.key_uri = "pkcs11:object=\xC3";  // the next byte would complete it
  refuse(issued);
  CHECK_FALSE(fs::exists(place.path + "/pending"));

  REQUIRE(store->save_pending(credentials("a")));
  const std::string before = content(place.path + "/pending/pending.json");
  std::vector<storage::registration> answers(5, answer("t"));
  answers[0].thing_name = "thing\xED\xA0\x80";
  answers[1].endpoint = "host\xFF";
  answers[2].superseded = {"b\xFF"};
  answers[3].device_configuration["k\xFF"] = "";
  answers[4].device_configuration["k"] = "\xFF";
  for (const auto& registered : answers) CHECK(store->confirm(registered).error() == failure{errc::invalid_utf8});
  CHECK(content(place.path + "/pending/pending.json") == before);
  REQUIRE(store->pending());
  REQUIRE(store->confirm(answer("\xC3\xA9")));
  CHECK(store->device()->thing_name == "\xC3\xA9");
}

TEST_CASE("a time that no clock shows is neither written nor read") {
  constexpr std::int64_t last = 253'402'300'799;  // of the year 9999
  constexpr auto least = std::numeric_limits<std::int64_t>::min(), most = std::numeric_limits<std::int64_t>::max();
  temporary_folder place;
  for (const std::int64_t time : {least, -last - 1, last + 1, most}) {
    auto store = posix_store::open(place.path);
    REQUIRE(store);
    auto issued = credentials("a");
    issued.issued_at = time;
    CHECK(store->save_pending(issued).error() == failure{errc::encoding});
    CHECK_FALSE(fs::exists(place.path + "/pending"));
  }
  const auto read = [](const std::string& time) {
    const auto found = storage::detail::read_pending(R"({"certificate_id":"a","state":"stored","issued_at":)" + time + "}");
    return found ? std::to_string(found->record.issued_at) : "refused";
  };
  for (const std::int64_t time : {least, -last - 1, last + 1, most}) CHECK(read(std::to_string(time)) == "refused");
  CHECK(read("9223372036854775808") == "refused");
  CHECK(read("18446744073709551615") == "refused");
  for (const std::int64_t time : {-last, std::int64_t{0}, last}) {
    CHECK(read(std::to_string(time)) == std::to_string(time));
    auto store = posix_store::open(place.path);
    REQUIRE(store);
    auto issued = credentials("a");
    issued.issued_at = time;
    REQUIRE(store->save_pending(issued));
    CHECK(store->pending()->issued_at == time);
  }
}
