// A power cut loses any of the changes to a folder that were not synced, and keeps any of them.

#include "store_checks.hpp"

#include <functional>
#include <map>
#include <memory>
#include <set>

using namespace store_test;

namespace {

struct inode {
  std::string written, synced;
};
/// One call's change to the names of a folder: a rename has both.
struct change {
  std::string gone, made;
  std::shared_ptr<inode> file;  // nullptr: a folder
};
struct directory {
  std::map<std::string, std::shared_ptr<inode>> synced, seen;
  std::vector<change> waiting;  // since the folder was synced

  static void apply(std::map<std::string, std::shared_ptr<inode>>& to, const change& what) {
    if (!what.gone.empty()) to.erase(what.gone);
    if (!what.made.empty()) to[what.made] = what.file;
  }
  void add(change what) {
    apply(seen, what);
    waiting.push_back(std::move(what));
  }
};

/// What a disk really holds behind the folders that the process sees.
struct disk {
  std::string root;
  std::map<std::string, directory> folders;  // by path
  std::map<int, std::string> open_folders;
  std::map<int, std::shared_ptr<inode>> open_files;
  std::function<void()> before_sync = [] {};

  static std::pair<std::string, std::string> split(const std::string& path) {
    const auto slash = path.rfind('/');
    return {path.substr(0, slash), path.substr(slash + 1)};
  }
  directory& holder(const std::string& path) { return folders[split(path).first]; }

  std::vector<const change*> waiting() const {
    std::vector<const change*> out;
    for (const auto& [path, folder] : folders)
      for (const change& one : folder.waiting) out.push_back(&one);
    return out;
  }

  /// Writes to `target` what a cut now leaves when of the waiting changes only `kept` reach the disk.
  void leave(const std::string& target, const std::set<const change*>& kept) const { leave(root, target, kept); }

 private:
  void leave(const std::string& from, const std::string& target, const std::set<const change*>& kept) const {
    fs::create_directories(target);
    fs::permissions(target, fs::perms::owner_all);
    const auto found = folders.find(from);
    if (found == folders.end()) return;
    auto names = found->second.synced;
    for (const change& one : found->second.waiting)
      if (kept.count(&one) != 0) directory::apply(names, one);
    for (const auto& [name, file] : names) {
      const std::string path = target + "/" + name;
      if (!file) {
        leave(from + "/" + name, path, kept);
        continue;
      }
      std::ofstream(path) << file->synced;
      fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
    }
  }
};
disk* now = nullptr;

/// The real calls, and what they mean for the disk.
struct disk_calls : storage::posix_calls {
  static int open(const char* path, int flags, mode_t mode) {
    const int file = ::open(path, flags, mode);
    if (file < 0) return file;
    now->open_folders.erase(file);
    now->open_files.erase(file);
    if ((flags & O_DIRECTORY) != 0) now->open_folders[file] = path;
    if ((flags & O_CREAT) != 0) {
      now->open_files[file] = std::make_shared<inode>();
      now->holder(path).add({"", disk::split(path).second, now->open_files[file]});
    }
    return file;
  }
  static ssize_t write(int file, const void* bytes, std::size_t size) {
    const ssize_t n = ::write(file, bytes, size);
    if (n > 0) now->open_files.at(file)->written.append(static_cast<const char*>(bytes), static_cast<std::size_t>(n));
    return n;
  }
  static int fsync(int file) {
    if (const auto found = now->open_files.find(file); found != now->open_files.end()) {
      found->second->synced = found->second->written;
      return 0;
    }
    now->before_sync();
    directory& folder = now->folders[now->open_folders.at(file)];
    folder.synced = folder.seen;
    folder.waiting.clear();
    return 0;
  }
  static int rename(const char* from, const char* to) {
    const int done = ::rename(from, to);
    if (done != 0) return done;
    directory& folder = now->holder(from);
    REQUIRE(disk::split(from).first == disk::split(to).first);
    const std::string name = disk::split(from).second;
    folder.add({name, disk::split(to).second, folder.seen.at(name)});
    return done;
  }
  static int unlink(const char* path) {
    const int done = ::unlink(path);
    if (done == 0) now->holder(path).add({disk::split(path).second, "", nullptr});
    return done;
  }
  static int mkdir(const char* path, mode_t mode) {
    const int done = ::mkdir(path, mode);
    if (done == 0) now->holder(path).add({"", disk::split(path).second, nullptr});
    return done;
  }
  static int rmdir(const char* path) {
    const int done = ::rmdir(path);
    if (done != 0) return done;
    now->holder(path).add({disk::split(path).second, "", nullptr});
    return done;
  }
};
using disk_store = storage::basic_posix_store<disk_calls>;

/// For what is only looked at: nothing has to last.
struct unsynced_calls : storage::posix_calls {
  static int fsync(int) { return 0; }
};
using look_store = storage::basic_posix_store<unsynced_calls>;

/// Whether a certificate that may be ACTIVE is in use, pending, or will be listed as superseded.
bool remembers(const std::string& path, const std::string& id) {
  auto store = look_store::open(path);
  REQUIRE(store);
  if (store->pending() && store->pending()->certificate_id == id) return true;
  if (store->device() && store->device()->certificate_id == id) return true;
  REQUIRE(store->save_pending(credentials("next")));
  REQUIRE(store->confirm(answer("t")));
  return contains(store->device()->superseded, id);
}

/// Checks every folder that a cut at this moment may leave; how many there were.
int check_all(const disk& what, const std::function<void(const std::string& path)>& check) {
  const auto waiting = what.waiting();
  REQUIRE(waiting.size() < 14);
  const unsigned all = 1U << waiting.size();
  for (unsigned set = 0; set < all; ++set) {
    std::set<const change*> kept;
    std::string names;
    for (std::size_t i = 0; i < waiting.size(); ++i) {
      if (((set >> i) & 1U) == 0) continue;
      kept.insert(waiting[i]);
      names += " " + waiting[i]->gone + ">" + waiting[i]->made;
    }
    CAPTURE(names);
    temporary_folder place;
    what.leave(place.path, kept);
    check(place.path);
  }
  return static_cast<int>(all);
}

/// A folder on the disk with "old" in use and "earlier" pending, as asked.
struct prepared {
  prepared(bool had_credentials, bool had_pending) {
    disk_.root = place_.path;
    now = &disk_;
    auto store = disk_store::open(place_.path);
    REQUIRE(store);
    if (had_credentials) {
      REQUIRE(store->save_pending(credentials("old")));
      REQUIRE(store->confirm(answer("t")));
    }
    if (had_pending) REQUIRE(store->save_pending(credentials("earlier")));
  }
  ~prepared() { now = nullptr; }
  prepared(const prepared&) = delete;
  prepared& operator=(const prepared&) = delete;
  temporary_folder place_;
  disk disk_;
};

}  // namespace

TEST_CASE("whichever unsynced names a power cut loses, the credentials are usable or resumable") {
  enum class key { sent, made_here, in_a_token };
  const bool had_credentials = GENERATE(false, true), had_pending = GENERATE(false, true);
  const key how = GENERATE(key::sent, key::made_here, key::in_a_token);
  CAPTURE(had_credentials, had_pending, static_cast<int>(how));
  prepared at(had_credentials, had_pending);
  bool stored = false;
  int seen = 0;
  const auto check = [&] {
    seen += check_all(at.disk_, [&](const std::string& path) {
      check_folder<look_store>(path, had_credentials, stored);
      check_folder<look_store>(path, had_credentials, stored);  // recovery may be repeated
      if (had_pending) CHECK(remembers(path, "earlier"));
    });
  };
  at.disk_.before_sync = check;
  auto store = disk_store::open(at.place_.path);
  REQUIRE(store);
  auto issued = credentials("new", how == key::sent ? "KEY" : "");
  if (how == key::in_a_token) issued.key_uri = "pkcs11:token=t;object=k";
  if (how == key::made_here) REQUIRE(store->prepare_key(secret("KEY new")));
  REQUIRE(store->save_pending(issued));
  stored = true;  // RegisterThing is sent
  check();
  REQUIRE(store->confirm(answer("t")));
  check();
  CHECK(seen > 50);
}

TEST_CASE("whichever unsynced names a power cut loses, a discarded certificate is not forgotten") {
  const bool had_credentials = GENERATE(false, true);
  CAPTURE(had_credentials);
  prepared at(had_credentials, true);
  const auto check = [&] {
    check_all(at.disk_, [&](const std::string& path) {
      check_folder<look_store>(path, had_credentials, false);
      CHECK(remembers(path, "earlier"));
    });
  };
  at.disk_.before_sync = check;
  auto store = disk_store::open(at.place_.path);
  REQUIRE(store);
  REQUIRE(store->discard_pending());
  check();
}

TEST_CASE("whichever unsynced names a power cut loses, a record that nobody can read is not replaced by the next one") {
  prepared at(true, false);
  const auto broken = std::make_shared<inode>(inode{"{", "{"});
  directory& folder = at.disk_.folders[at.place_.path];
  folder.synced["device.json"] = folder.seen["device.json"] = broken;
  std::ofstream(at.place_.path + "/device.json") << "{";
  int seen = 0;
  const auto check = [&] {
    seen += check_all(at.disk_, [](const std::string& path) {
      const bool is_there = content(path + "/device.json") == "{" || content(path + "/device.json.unreadable-1") == "{";
      CHECK(is_there);
    });
  };
  at.disk_.before_sync = check;
  auto store = disk_store::open(at.place_.path);
  REQUIRE(store);
  REQUIRE(store->save_pending(credentials("new")));
  REQUIRE(store->confirm(answer("t")));
  check();
  CHECK(seen > 10);
}
