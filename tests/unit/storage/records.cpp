// What stands in the files of a store, and what is made of files that someone else wrote.

#include "store_checks.hpp"

using namespace store_test;

TEST_CASE("text of every kind comes back as it was") {
  temporary_folder place;
  storage::registration registered = answer("line 1\nline 2\t\"\\\x01\x1F\xC3\xA9");
  registered.device_configuration["a\nb"] = "\n";
  {
    auto store = posix_store::open(place.path);
    REQUIRE(store);
    REQUIRE(store->save_pending(credentials("new")));
    REQUIRE(store->confirm(registered));
  }
  CHECK(content(place.path + "/device.json").find('\n') == content(place.path + "/device.json").size() - 1);
  auto store = posix_store::open(place.path);
  REQUIRE(store);
  CHECK(store->device()->thing_name == registered.thing_name);
  CHECK(store->device()->device_configuration == registered.device_configuration);
}

TEST_CASE("of a device record what has the wrong type is left out") {
  temporary_folder place;
  std::ofstream(place.path + "/device.json")
      << R"({"thing_name":7,"certificate_id":"a","device_configuration":{"k":"v","n":1},"superseded":["b",null,"c"]})";
  auto store = posix_store::open(place.path);
  REQUIRE(store);
  REQUIRE(store->device());
  CHECK_FALSE(store->device()->thing_name);
  CHECK(store->device()->certificate_id == "a");
  CHECK(store->device()->device_configuration == std::map<std::string, std::string>{{"k", "v"}});
  CHECK(store->device()->superseded == std::vector<std::string>{"b", "c"});
}

TEST_CASE("a device record that is no object is none") {
  temporary_folder place;
  for (const char* text : {"[]", "7", "{"}) {
    std::ofstream(place.path + "/device.json") << text;
    auto store = posix_store::open(place.path);
    REQUIRE(store);
    CHECK_FALSE(store->device());
  }
}

TEST_CASE("a certificate alone is no credentials, unless its key is elsewhere") {
  temporary_folder place;
  std::ofstream(place.path + "/device.pem.crt") << "CERT";
  const auto has = [&] { return posix_store::open(place.path)->has_credentials(); };
  CHECK_FALSE(has());
  std::ofstream(place.path + "/device.json") << R"({"certificate_id":"a"})";
  CHECK_FALSE(has());
  std::ofstream(place.path + "/device.json") << R"({"certificate_id":"a","key_uri":"pkcs11:object=k"})";
  CHECK(has());
}

TEST_CASE("names that are no file of the folder are no certificate id") {
  temporary_folder place;
  auto store = posix_store::open(place.path);
  REQUIRE(store);
  for (const std::string& id : {std::string("."), std::string("a\0b", 3)}) CHECK(store->save_pending(credentials(id)).error().code == errc::encoding);
  CHECK_FALSE(fs::exists(place.path + "/pending"));
}

TEST_CASE("after a cut the folder's own key is kept only where the record says so") {
  for (const auto& [keep, kept] : std::vector<std::pair<std::string, bool>>{
           {R"(,"keep_key":true)", true}, {R"(,"keep_key":false)", false}, {R"(,"keep_key":"true")", false}, {R"(,"keep_key":1)", false}, {"", false}}) {
    temporary_folder place;
    fs::create_directory(place.path + "/pending");
    std::ofstream(place.path + "/device.pem.key") << "OWN";
    std::ofstream(place.path + "/pending/a.pem.crt") << "CERT a";
    std::ofstream(place.path + "/pending/pending.json") << R"({"certificate_id":"a","issued_at":1,"state":"registered")" << keep << "}";
    auto store = posix_store::open(place.path);
    CAPTURE(keep);
    REQUIRE(store);
    CHECK(store->device()->certificate_id == "a");
    CHECK(fs::exists(store->key_path()) == kept);
    CHECK(store->finished_earlier_set());
    CHECK(store->set_aside_path() == (kept ? "" : store->key_path() + ".old-1"));
    CHECK(content(kept ? store->key_path() : store->set_aside_path()) == "OWN");
  }
}

TEST_CASE("a prepared key stays while another set brings a key of its own") {
  temporary_folder place;
  auto store = posix_store::open(place.path);
  REQUIRE(store);
  REQUIRE(store->prepare_key(secret("KEY second")));
  REQUIRE(store->save_pending(credentials("first")));
  CHECK(content(store->pending_key_path()) == "KEY first");
  REQUIRE(store->save_pending(credentials("second", "")));
  CHECK(content(store->pending_key_path()) == "KEY second");
  REQUIRE(store->confirm(answer("t")));
  CHECK(content(store->key_path()) == "KEY second");
}
