#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace fleetprov::mock {

/// One JSON object written member by member, in the order given. Text that is not UTF-8 is replaced.
class json_line {
 public:
  json_line& text(std::string_view key, std::string_view value);
  json_line& number(std::string_view key, std::int64_t value);
  json_line& boolean(std::string_view key, bool value);
  /// `value` is JSON already.
  json_line& raw(std::string_view key, std::string_view value);
  std::string take();

 private:
  void key(std::string_view name);
  std::string out_ = "{";
};

/// Writes `iot-logs.jsonl` and lines for people on stderr from a thread of its own: the broker's
/// thread only appends to memory, and the writer wakes for many entries at once when they come fast: what is appended
/// is in the file some milliseconds later. All members may be called from any thread.
class event_log {
 public:
  /// Appends to the file at `path` (0600). A disk that fails costs whole entries, never the broker.
  explicit event_log(std::string path);
  ~event_log();
  event_log(const event_log&) = delete;
  event_log& operator=(const event_log&) = delete;

  /// One entry, without line break.
  void append(std::string_view line);
  /// One line on stderr, without line break.
  void say(std::string_view line);
  /// Returns when everything appended so far is in the file.
  void flush();

  const std::string& path() const noexcept { return path_; }

  /// Where the file stands: it grows within an epoch; a new epoch begins when it is cut.
  struct mark {
    std::uint64_t epoch = 0;
    std::uint64_t bytes = 0;
  };
  mark now() const;
  /// Waits until the file stands elsewhere than at `seen`, the log closes or `milliseconds` pass.
  mark wait_beyond(mark seen, int milliseconds) const;
  /// Cuts the file back to `bytes` (what it held at some earlier `now()`).
  void cut(std::uint64_t bytes);
  /// Lets every waiting reader go; further waits return at once.
  void close_readers();
  bool is_closing() const;

 private:
  void run() noexcept;
  /// How many bytes of `entries` are in the file: whole entries only.
  std::size_t write_entries(std::string_view entries) noexcept;

  std::string path_;
  int file_ = -1;
  bool is_torn_ = false;  // the writer's: the file ends within an entry
  mutable std::mutex guard_;
  mutable std::condition_variable changed_;
  std::condition_variable work_;
  std::string pending_;        // guarded
  std::string pending_words_;  // guarded
  std::uint64_t lost_ = 0;     // guarded: entries given up because the disk did not keep up
  mark written_;               // guarded
  bool busy_ = false;          // guarded
  bool resting_ = false;       // guarded: the writer looks again by itself in a moment
  bool hurry_ = false;         // guarded: somebody waits for the file
  bool stop_ = false;          // guarded
  bool closing_ = false;       // guarded
  std::thread writer_;
};

}  // namespace fleetprov::mock
