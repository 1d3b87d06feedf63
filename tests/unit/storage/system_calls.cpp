// What a store makes of answers that system calls give rarely.

#include "store_checks.hpp"

using namespace store_test;

namespace {

/// The real calls, except where a test takes one over.
struct scripted_calls : storage::posix_calls {
  static inline std::vector<std::string> opened, made;
  static inline std::string unreadable, fails_fsync;  // these paths
  static inline int open_error = 0, fsync_error = 0, close_error = 0, lock_error = 0, mkdir_error = 0, rmdir_error = 0, rename_error = 0, unlink_error = 0;
  static inline bool makes_folders = true;
  static inline int fsync_file = -1;

  static int answer(int error) {
    errno = error;
    return -1;
  }
  static int open(const char* path, int flags, mode_t mode) {
    opened.emplace_back(path);
    if (open_error != 0 && path == unreadable) return answer(open_error);
    const int file = ::open(path, flags, mode);
    if (path == fails_fsync) fsync_file = file;
    else if (file == fsync_file) fsync_file = -1;
    return file;
  }
  static int fsync(int file) { return fsync_error != 0 && file == fsync_file ? answer(fsync_error) : ::fsync(file); }
  static int close(int file) {
    const int done = ::close(file);
    return close_error != 0 ? answer(close_error) : done;
  }
  static int mkdir(const char* path, mode_t mode) {
    made.emplace_back(path);
    if (mkdir_error != 0) return answer(mkdir_error);
    return makes_folders ? ::mkdir(path, mode) : 0;
  }
  static int unlink(const char* path) {
    if (unlink_error == 0) return ::unlink(path);
    (void)::unlink(path);
    return answer(unlink_error);
  }
  static int rename(const char* from, const char* to) { return rename_error != 0 ? answer(rename_error) : ::rename(from, to); }
  static int rmdir(const char* path) {
    if (rmdir_error == 0) return ::rmdir(path);
    (void)::rmdir(path);
    return answer(rmdir_error);
  }
  static int lock(int file) { return lock_error != 0 ? answer(lock_error) : posix_calls::lock(file); }

  scripted_calls() { reset(); }
  ~scripted_calls() { reset(); }
  scripted_calls(const scripted_calls&) = delete;
  scripted_calls& operator=(const scripted_calls&) = delete;

 private:
  static void reset() {
    opened.clear();
    made.clear();
    unreadable.clear();
    fails_fsync.clear();
    open_error = fsync_error = close_error = lock_error = mkdir_error = rmdir_error = rename_error = unlink_error = 0;
    makes_folders = true;
    fsync_file = -1;
  }
};
using scripted_store = storage::basic_posix_store<scripted_calls>;

}  // namespace

TEST_CASE("a folder's name may be empty, end in slashes or be the root") {
  for (const auto& [given, locked] : std::vector<std::pair<std::string, std::string>>{{"", "."}, {"/", "/"}, {"///", "/"}, {".///", "."}}) {
    scripted_calls calls;
    scripted_calls::lock_error = EWOULDBLOCK;
    CAPTURE(given);
    CHECK(scripted_store::open(given).error().code == errc::busy);
    CHECK(scripted_calls::opened == std::vector<std::string>{locked});
    CHECK(scripted_calls::made.empty());
  }
}

TEST_CASE("the folder that a new one stands in is synced, be it the root or the working directory") {
  for (const auto& [given, parent] :
       std::vector<std::pair<std::string, std::string>>{{"/no-such-folder-of-fleetprov", "/"}, {"no-such-folder-of-fleetprov", "."}}) {
    scripted_calls calls;
    scripted_calls::makes_folders = false;  // so that opening it fails afterwards
    CHECK(scripted_store::open(given).error() == failure{errc::storage, ENOENT});
    CHECK(scripted_calls::made == std::vector<std::string>{given});
    CHECK(scripted_calls::opened == std::vector<std::string>{parent, given});
  }
}

TEST_CASE("a parent folder that may not be read does not keep a store from opening, any other trouble with it does") {
  temporary_folder place;
  scripted_calls calls;
  scripted_calls::unreadable = place.path;
  scripted_calls::open_error = EACCES;
  CHECK(scripted_store::open(place.path + "/a"));
  scripted_calls::open_error = EMFILE;
  CHECK(scripted_store::open(place.path + "/b").error() == failure{errc::storage, EMFILE});
}

TEST_CASE("a file system that cannot sync folders is put up with, one that fails to is not") {
  for (const int error : {EINVAL, EIO}) {
    temporary_folder place;
    scripted_calls calls;
    scripted_calls::fails_fsync = place.path + "/pending";
    scripted_calls::fsync_error = error;
    auto store = scripted_store::open(place.path);
    REQUIRE(store);
    const auto saved = store->save_pending(credentials("new"));
    CHECK(saved.has_value() == (error == EINVAL));
    if (!saved) CHECK(saved.error() == failure{errc::storage, EIO});
  }
}

TEST_CASE("a file that cannot be closed was not written") {
  temporary_folder place;
  scripted_calls calls;
  auto store = scripted_store::open(place.path);
  REQUIRE(store);
  scripted_calls::close_error = EDQUOT;
  CHECK(store->save_pending(credentials("new")).error() == failure{errc::storage, EDQUOT});
  scripted_calls::close_error = 0;
  CHECK_FALSE(store->pending());
  for (const auto& entry : fs::directory_iterator(place.path + "/pending")) FAIL_CHECK(entry.path());
}

TEST_CASE("a lock that the file system does not have is an error, not another process") {
  temporary_folder place;
  scripted_calls calls;
  scripted_calls::lock_error = ENOLCK;
  CHECK(scripted_store::open(place.path).error() == failure{errc::storage, ENOLCK});
}

TEST_CASE("a key for which there is no folder is not prepared") {
  temporary_folder place;
  scripted_calls calls;
  auto store = scripted_store::open(place.path);
  REQUIRE(store);
  scripted_calls::mkdir_error = EROFS;
  CHECK(store->prepare_key(secret("KEY")).error() == failure{errc::storage, EROFS});
}

TEST_CASE("a leftover that is gone already is gone, one that cannot be removed is an error") {
  for (const int error : {ENOENT, EBUSY}) {
    temporary_folder place;
    scripted_calls calls;
    std::ofstream(place.path + "/.device.json.tmp") << "{";
    scripted_calls::unlink_error = error;
    const auto store = scripted_store::open(place.path);
    CHECK(store.has_value() == (error == ENOENT));
    if (!store) CHECK(store.error() == failure{errc::storage, EBUSY});
  }
}

TEST_CASE("an emptied folder that is gone already or got something again is no trouble, one that cannot be removed is") {
  for (const int error : {ENOENT, ENOTEMPTY, EEXIST, EBUSY}) {
    temporary_folder place;
    scripted_calls calls;
    auto store = scripted_store::open(place.path);
    REQUIRE(store);
    REQUIRE(store->save_pending(credentials("new")));
    scripted_calls::rmdir_error = error;
    const auto confirmed = store->confirm(answer("t"));
    CHECK(confirmed.has_value() == (error != EBUSY));
    if (!confirmed) CHECK(confirmed.error() == failure{errc::storage, EBUSY});
    CHECK(store->device()->certificate_id == "new");
  }
}

TEST_CASE("leftovers that cannot be removed keep a store from opening") {
  temporary_folder place;
  fs::create_directories(place.path + "/.device.json.tmp");
  CHECK(posix_store::open(place.path).error().code == errc::storage);
  fs::remove(place.path + "/.device.json.tmp");
}

TEST_CASE("a set or a record that cannot be set aside keeps a store from opening") {
  for (const std::string& name : {std::string("/pending/pending.json"), std::string("/device.json")}) {
    temporary_folder place;
    scripted_calls calls;
    fs::create_directory(place.path + "/pending");
    std::ofstream(place.path + name) << "[]";
    scripted_calls::rename_error = EROFS;
    CHECK(scripted_store::open(place.path).error() == failure{errc::storage, EROFS});
    CHECK(content(place.path + name) == "[]");
  }
}

TEST_CASE("a folder that cannot be listed shows nothing") {
  temporary_folder place;
  std::ofstream(place.path + "/file") << "x";
  using files = storage::detail::files<storage::posix_calls>;
  CHECK(files::list(place.path) == std::vector<std::string>{"file"});
  CHECK(files::list(place.path + "/file").empty());
}
