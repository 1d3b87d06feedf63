#include <mock_broker/files.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>
#include <vector>

namespace fleetprov::mock {
namespace {

std::string temporary_name(const std::filesystem::path& file) {
  static std::atomic<unsigned> counter{0};
  return file.string() + ".new" + std::to_string(::getpid()) + "-" + std::to_string(++counter);
}

[[noreturn]] void fail(const char* doing, const std::filesystem::path& file, int error) {
  throw std::runtime_error(std::string(doing) + " " + file.string() + ": " + std::generic_category().message(error));
}

int write_all(int fd, std::string_view contents) {
  while (!contents.empty()) {
    const ssize_t n = ::write(fd, contents.data(), contents.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    contents.remove_prefix(static_cast<std::size_t>(n));
  }
  return 0;
}

}  // namespace

void write_file(const std::filesystem::path& file, std::string_view contents, file_access who, file_life how_long) {
  const mode_t mode = who == file_access::owner_only ? 0600 : 0644;
  std::string temporary;
  int fd = -1;
  // A name may be taken: by a process of the same number that was killed here.
  for (int tries = 0; fd < 0 && tries < 100 && (tries == 0 || errno == EEXIST); ++tries) {
    temporary = temporary_name(file);
    fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
  }
  if (fd < 0) fail("cannot write", file, errno);
  int error = write_all(fd, contents);
  if (error == 0 && how_long == file_life::durable && ::fsync(fd) != 0) error = errno;
  ::close(fd);
  if (error == 0 && ::rename(temporary.c_str(), file.c_str()) != 0) error = errno;
  if (error == 0) return;
  ::unlink(temporary.c_str());
  fail("cannot write", file, error);
}

std::optional<std::string> read_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return std::nullopt;
  std::string out{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (in.bad()) return std::nullopt;
  return out;
}

std::optional<secret> read_secret_file(const std::filesystem::path& file) {
  constexpr std::size_t most = 65536;
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  std::vector<char> text(most + 1);  // never grows: no copy is left behind
  std::size_t size = 0;
  ssize_t n = 1;
  while (n != 0 && size < text.size()) {
    n = ::read(fd, text.data() + size, text.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;
    size += static_cast<std::size_t>(n);
  }
  ::close(fd);
  std::optional<secret> out;
  if (n == 0 && size <= most) out = secret(std::string_view(text.data(), size));
  wipe(text.data(), size);
  return out;
}

void make_private_directory(const std::filesystem::path& directory) {
  if (::mkdir(directory.c_str(), 0700) == 0 || errno == EEXIST) {
    struct stat found {};
    if (::stat(directory.c_str(), &found) == 0 && S_ISDIR(found.st_mode)) return;
    throw std::runtime_error("not a folder: " + directory.string());
  }
  if (errno == ENOENT && directory.has_parent_path() && directory.parent_path() != directory) {
    make_private_directory(directory.parent_path());
    if (::mkdir(directory.c_str(), 0700) == 0 || errno == EEXIST) return;
  }
  fail("cannot make the folder", directory, errno);
}

}  // namespace fleetprov::mock
