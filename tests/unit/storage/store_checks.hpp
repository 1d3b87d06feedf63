#pragma once
// Folders of credentials, and what must hold of them at every moment.

#include <fleetprov/storage/posix_store.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace store_test {

namespace fs = std::filesystem;
using namespace fleetprov;
using storage::posix_store;

struct temporary_folder {
  temporary_folder() {
    std::string name = (fs::temp_directory_path() / "fleetprov-store-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~temporary_folder() { fs::remove_all(path); }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;
  std::string path;
};

inline storage::pending_credentials credentials(const std::string& id, const std::string& key = "KEY") {
  storage::pending_credentials out;
  out.certificate_id = id;
  out.certificate_pem = "CERT " + id;
  out.private_key = secret(key.empty() ? "" : key + " " + id);
  out.certificate_ownership_token = secret("TOKEN " + id);
  out.issued_at = 1700000000;
  out.endpoint = "localhost:8883";
  return out;
}

inline std::string content(const std::string& path) {
  std::ifstream in(path);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

inline storage::registration answer(const std::string& thing) {
  storage::registration out;
  out.thing_name = thing;
  out.device_configuration = {{"FallbackUrl", "https://example.com/\"x\""}};
  out.endpoint = "localhost:8883";
  return out;
}

inline bool all_files_are_private(const std::string& folder) {
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const auto bits = fs::status(entry).permissions();
    if ((bits & (fs::perms::group_all | fs::perms::others_all)) != fs::perms::none) return false;
  }
  return true;
}

inline bool contains(const std::vector<std::string>& all, const std::string& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

/// What must hold of a folder at every moment, after whatever happened to "old" and "new".
template <class Store = posix_store>
void check_folder(const std::string& path, bool had_credentials, bool registered_new) {
  CHECK(all_files_are_private(path));
  auto store = Store::open(path);
  REQUIRE(store);
  CHECK_FALSE(store->found_unreadable_pending());
  const auto device = store->device();
  if (store->has_credentials()) {
    REQUIRE(device);
    CHECK(content(store->certificate_path()) == "CERT " + device->certificate_id);
    if (device->key_uri.empty()) CHECK(content(store->key_path()) == "KEY " + device->certificate_id);
    else CHECK_FALSE(fs::exists(store->key_path()));
    if (device->certificate_id == "new" && had_credentials) CHECK(contains(device->superseded, "old"));
  } else {
    CHECK_FALSE(had_credentials);
  }
  if (const auto pending = store->pending()) {
    CHECK(content(store->pending_certificate_path()) == "CERT " + pending->certificate_id);
    if (pending->key_uri.empty()) CHECK(content(store->pending_key_path()) == "KEY " + pending->certificate_id);
    const auto token = store->pending_token();
    REQUIRE(token);
    CHECK(token->reveal() == "TOKEN " + pending->certificate_id);
  }
  // A certificate that was registered is never without its key.
  if (registered_new) {
    const bool in_use = device && device->certificate_id == "new";
    const bool waits = store->pending() && store->pending()->certificate_id == "new";
    CHECK((in_use || waits));
  }
}

}  // namespace store_test
