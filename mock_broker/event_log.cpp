#include <mock_broker/event_log.hpp>
#include <mock_broker/worker_pool.hpp>

#include <fleetprov/core/detail/json_string.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

namespace fleetprov::mock {
namespace {

constexpr std::size_t max_pending_bytes = 64U << 20U;
/// Between two writes: a busy broker makes thousands of entries a second, and each wake-up costs its thread a system call.
constexpr std::chrono::milliseconds rest{5};

/// How many bytes were written: all of them, or as many as went before an error.
std::size_t write_all(int fd, std::string_view text) noexcept {
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t put = ::write(fd, text.data() + done, text.size() - done);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) break;
    done += static_cast<std::size_t>(put);
  }
  return done;
}

/// The file's length without an entry that a killed process left half written: it would swallow the next one, and nobody
/// could read it.
off_t whole_entries(int fd, off_t size) noexcept {
  std::array<char, 4096> block{};
  off_t end = size;
  while (end > 0) {
    const auto wanted = std::min<off_t>(end, static_cast<off_t>(block.size()));
    if (::pread(fd, block.data(), static_cast<std::size_t>(wanted), end - wanted) != wanted) return size;
    const std::size_t at = std::string_view(block.data(), static_cast<std::size_t>(wanted)).rfind('\n');
    if (at != std::string_view::npos) return end - wanted + static_cast<off_t>(at) + 1;
    end -= wanted;
  }
  return 0;
}

/// For people, and only as far as somebody reads: a paused terminal must not stop the log file.
void write_words(std::string_view text) noexcept {
  constexpr std::size_t never_blocks = 4096;  // PIPE_BUF: a writable pipe takes that much at once
  while (!text.empty()) {
    pollfd terminal{STDERR_FILENO, POLLOUT, 0};
    if (::poll(&terminal, 1, 50) != 1) return;
    const std::string_view part = text.substr(0, never_blocks);
    if (write_all(STDERR_FILENO, part) < part.size()) return;
    text.remove_prefix(part.size());
  }
}

}  // namespace

void json_line::key(std::string_view name) {
  if (out_.size() > 1) out_ += ',';
  detail::append_json_string(out_, name);
  out_ += ':';
}

json_line& json_line::text(std::string_view name, std::string_view value) {
  key(name);
  detail::append_json_string(out_, value);
  return *this;
}

json_line& json_line::number(std::string_view name, std::int64_t value) {
  key(name);
  out_ += std::to_string(value);
  return *this;
}

json_line& json_line::boolean(std::string_view name, bool value) {
  key(name);
  out_ += value ? "true" : "false";
  return *this;
}

json_line& json_line::raw(std::string_view name, std::string_view value) {
  key(name);
  out_ += value;
  return *this;
}

std::string json_line::take() {
  out_ += '}';
  return std::exchange(out_, "{");
}

event_log::event_log(std::string path)
    : path_(std::move(path)), file_(::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {
  struct stat there {};
  if (file_ >= 0 && ::fstat(file_, &there) == 0) {
    off_t whole = whole_entries(file_, there.st_size);
    is_torn_ = whole != there.st_size && ::ftruncate(file_, whole) != 0;
    if (is_torn_) whole = there.st_size;
    written_.bytes = static_cast<std::uint64_t>(whole);
  }
  const signal_block quiet;  // the broker's signals belong to its own thread
  writer_ = std::thread([this] { run(); });
}

event_log::~event_log() {
  {
    const std::lock_guard<std::mutex> lock(guard_);
    stop_ = true;
    closing_ = true;
  }
  work_.notify_all();
  changed_.notify_all();
  writer_.join();
  if (file_ >= 0) ::close(file_);
}

void event_log::append(std::string_view line) {
  {
    const std::lock_guard<std::mutex> lock(guard_);
    if (pending_.size() + line.size() > max_pending_bytes) {
      ++lost_;
      return;
    }
    pending_.append(line);
    pending_ += '\n';
    if (resting_) return;
  }
  work_.notify_one();
}

void event_log::say(std::string_view line) {
  {
    const std::lock_guard<std::mutex> lock(guard_);
    if (pending_words_.size() + line.size() > max_pending_bytes) return;
    pending_words_.append(line);
    pending_words_ += '\n';
    if (resting_) return;
  }
  work_.notify_one();
}

void event_log::flush() {
  std::unique_lock<std::mutex> lock(guard_);
  hurry_ = true;
  work_.notify_one();
  changed_.wait(lock, [this] { return stop_ || (pending_.empty() && pending_words_.empty() && !busy_); });
}

event_log::mark event_log::now() const {
  const std::lock_guard<std::mutex> lock(guard_);
  return written_;
}

event_log::mark event_log::wait_beyond(mark seen, int milliseconds) const {
  std::unique_lock<std::mutex> lock(guard_);
  changed_.wait_for(lock, std::chrono::milliseconds(milliseconds), [&] {
    return closing_ || written_.epoch != seen.epoch || written_.bytes != seen.bytes;
  });
  return written_;
}

void event_log::cut(std::uint64_t bytes) {
  flush();
  {
    const std::lock_guard<std::mutex> lock(guard_);
    if (file_ < 0 || ::ftruncate(file_, static_cast<off_t>(bytes)) != 0) return;
    ++written_.epoch;
    written_.bytes = bytes;
  }
  changed_.notify_all();
}

void event_log::close_readers() {
  {
    const std::lock_guard<std::mutex> lock(guard_);
    closing_ = true;
  }
  changed_.notify_all();
}

bool event_log::is_closing() const {
  const std::lock_guard<std::mutex> lock(guard_);
  return closing_;
}

std::size_t event_log::write_entries(std::string_view entries) noexcept {
  struct stat at {};
  if (file_ < 0 || (is_torn_ && write_all(file_, "\n") == 0) || ::fstat(file_, &at) != 0) return 0;
  is_torn_ = false;
  const std::size_t put = write_all(file_, entries);
  if (put == entries.size()) return put;
  const std::size_t whole = entries.substr(0, put).rfind('\n') + 1;
  // Half an entry would spoil the next one.
  is_torn_ = put > whole && ::ftruncate(file_, at.st_size + static_cast<off_t>(whole)) != 0;
  return whole;
}

void event_log::run() noexcept {
  bool told = false;
  std::uint64_t unwritten = 0;
  std::unique_lock<std::mutex> lock(guard_);
  for (;;) {
    work_.wait(lock, [this] { return stop_ || !pending_.empty() || !pending_words_.empty(); });
    if (stop_ && pending_.empty() && pending_words_.empty()) return;
    hurry_ = false;
    const std::string entries = std::exchange(pending_, {});
    std::string words = std::exchange(pending_words_, {});
    if (const std::uint64_t lost = std::exchange(lost_, 0); lost != 0)
      words += "fleetprov mock: " + std::to_string(lost) + " log entries were dropped, the disk is too slow\n";
    busy_ = true;
    lock.unlock();
    if (!entries.empty()) {
      const std::size_t put = write_entries(entries);
      const bool kept = put == entries.size();
      unwritten += static_cast<std::uint64_t>(std::count(entries.begin() + static_cast<std::ptrdiff_t>(put), entries.end(), '\n'));
      if (!kept && !told) words += "fleetprov mock: cannot write " + path_ + "\n";
      if (kept && told) {
        words += "fleetprov mock: " + path_ + " can be written again, " + std::to_string(std::exchange(unwritten, 0)) +
                 " entries are missing\n";
      }
      told = !kept;
    }
    write_words(words);
    struct stat there {};
    const bool measured = file_ >= 0 && ::fstat(file_, &there) == 0;
    lock.lock();
    if (measured) written_.bytes = static_cast<std::uint64_t>(there.st_size);
    busy_ = false;
    changed_.notify_all();
    resting_ = true;
    work_.wait_for(lock, rest, [this] { return stop_ || hurry_; });
    resting_ = false;
  }
}

}  // namespace fleetprov::mock
