#pragma once

#include <fleetprov/core/result.hpp>
#include <fleetprov/core/secret.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fleetprov::storage {

/// The system calls of a posix_store, to be replaced in tests of what a crash at any of them leaves.
struct posix_calls {
  static int open(const char* path, int flags, mode_t mode) { return ::open(path, flags, mode); }
  static ssize_t write(int file, const void* bytes, std::size_t size) { return ::write(file, bytes, size); }
  static ssize_t read(int file, void* bytes, std::size_t size) { return ::read(file, bytes, size); }
  static int fsync(int file) { return ::fsync(file); }
  static int close(int file) { return ::close(file); }
  static int rename(const char* from, const char* to) { return ::rename(from, to); }
  static int unlink(const char* path) { return ::unlink(path); }
  static int mkdir(const char* path, mode_t mode) { return ::mkdir(path, mode); }
  static int rmdir(const char* path) { return ::rmdir(path); }
  static int lock(int file) { return ::flock(file, LOCK_EX | LOCK_NB); }
};

namespace detail {

/// `storage` with errno in `offset`.
inline failure os_failure() noexcept { return {errc::storage, static_cast<std::uint32_t>(errno)}; }

/// An open file, closed at the end of its life.
template <class Calls>
class open_file {
 public:
  explicit open_file(int number) noexcept : number_(number) {}
  open_file(open_file&& other) noexcept : number_(other.number_) { other.number_ = -1; }
  open_file(const open_file&) = delete;
  open_file& operator=(const open_file&) = delete;
  open_file& operator=(open_file&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~open_file() {
    if (number_ >= 0) ::close(number_);
  }
  int number() const noexcept { return number_; }
  bool is_open() const noexcept { return number_ >= 0; }
  int release() noexcept {
    const int n = number_;
    number_ = -1;
    return n;
  }

 private:
  int number_;
};

/// Bytes of a file on their way into a `secret`: wiped whenever they are left behind.
class read_buffer {
 public:
  read_buffer() : bytes_(4 * 1024) {}
  read_buffer(const read_buffer&) = delete;
  read_buffer& operator=(const read_buffer&) = delete;
  ~read_buffer() { wipe(bytes_.data(), bytes_.size()); }
  char* room() noexcept { return bytes_.data() + size_; }
  std::size_t room_size() const noexcept { return bytes_.size() - size_; }
  std::size_t size() const noexcept { return size_; }
  std::string_view text() const noexcept { return {bytes_.data(), size_}; }
  void filled(std::size_t count) {
    size_ += count;
    if (size_ < bytes_.size()) return;
    std::vector<char> wider(bytes_.size() * 2);
    std::copy(bytes_.begin(), bytes_.end(), wider.begin());
    wipe(bytes_.data(), bytes_.size());
    bytes_.swap(wider);
  }

 private:
  std::vector<char> bytes_;
  std::size_t size_ = 0;
};

/// Whole files, durable and never torn.
template <class Calls>
struct files {
  /// Bytes in a file: more than what a message's device configuration becomes with every byte escaped.
  static constexpr std::size_t size_limit = 1024 * 1024;

  /// Makes what happened to names in `directory` durable.
  static result<void> sync_directory(const std::string& directory) {
    open_file<Calls> dir(Calls::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0));
    if (!dir.is_open()) return os_failure();
    if (Calls::fsync(dir.number()) != 0 && errno != EINVAL) return os_failure();  // some file systems cannot
    return {};
  }

  /// Puts `bytes` under `name`: a new file (0600 from its first byte), synced, renamed into place.
  /// The directory still has to be synced. Errors: `too_large` (nothing would read it back), `storage`.
  static result<void> replace(const std::string& directory, const std::string& name, std::string_view bytes) {
    if (bytes.size() > size_limit) return errc::too_large;
    const std::string target = directory + "/" + name;
    const std::string temporary = directory + "/." + name + ".tmp";
    constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    open_file<Calls> out(Calls::open(temporary.c_str(), flags, 0600));
    if (!out.is_open() && errno == EEXIST) {  // left by a crash
      if (Calls::unlink(temporary.c_str()) != 0) return os_failure();
      out = open_file<Calls>(Calls::open(temporary.c_str(), flags, 0600));
    }
    if (!out.is_open()) return os_failure();
    const auto written = write_all(out.number(), bytes);
    const bool synced = written && Calls::fsync(out.number()) == 0;
    const failure why = written ? os_failure() : written.error();
    const bool closed = Calls::close(out.release()) == 0;
    if (!synced || !closed || Calls::rename(temporary.c_str(), target.c_str()) != 0) {
      const failure last = synced ? os_failure() : why;
      Calls::unlink(temporary.c_str());
      return last;
    }
    return {};
  }

  static result<void> write_all(int file, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = Calls::write(file, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return os_failure();
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return {};
  }

  /// Errors: `not_found`, `too_large` (over `size_limit`), `storage`.
  static result<secret> read(const std::string& path) {
    open_file<Calls> in(Calls::open(path.c_str(), O_RDONLY | O_CLOEXEC, 0));
    if (!in.is_open()) {
      if (errno == ENOENT || errno == ENOTDIR) return errc::not_found;
      return os_failure();
    }
    read_buffer bytes;
    while (bytes.size() <= size_limit) {
      const ssize_t n = Calls::read(in.number(), bytes.room(), bytes.room_size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return os_failure();
      if (n == 0) return secret(bytes.text());
      bytes.filled(static_cast<std::size_t>(n));
    }
    return errc::too_large;
  }

  /// Removing what is not there is no failure.
  static result<void> remove(const std::string& path) {
    if (Calls::unlink(path.c_str()) != 0 && errno != ENOENT) return os_failure();
    return {};
  }

  /// Creates `directory` and its parents, 0700.
  static result<void> make_directories(const std::string& directory) {
    for (std::size_t at = 1; at <= directory.size(); ++at) {
      if (at != directory.size() && directory[at] != '/') continue;
      const std::string part = directory.substr(0, at);
      if (is_directory(part)) continue;
      if (Calls::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) return os_failure();
      const std::size_t slash = part.rfind('/');
      const std::string parent = slash == std::string::npos ? "." : slash == 0 ? "/" : part.substr(0, slash);
      if (auto synced = sync_directory(parent); !synced && synced.error().offset != EACCES) return synced;
    }
    return {};
  }

  static bool is_directory(const std::string& path) noexcept {
    struct stat found {};
    return ::stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode);
  }
  static bool exists(const std::string& path) noexcept {
    struct stat found {};
    return ::stat(path.c_str(), &found) == 0;
  }
  /// The `S_IFMT` bits of what has this name, links not followed; 0 where nothing has it.
  static mode_t kind_of(const std::string& path) noexcept {
    struct stat found {};
    return ::lstat(path.c_str(), &found) == 0 ? found.st_mode & S_IFMT : 0;
  }

  static std::vector<std::string> list(const std::string& directory) {
    std::vector<std::string> out;
    DIR* dir = ::opendir(directory.c_str());
    if (dir == nullptr) return out;
    while (const dirent* entry = ::readdir(dir)) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") out.push_back(name);
    }
    ::closedir(dir);
    return out;
  }
};

}  // namespace detail
}  // namespace fleetprov::storage
