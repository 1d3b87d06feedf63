#include <mock_broker/database.hpp>
#include <mock_broker/errors.hpp>

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>

namespace fleetprov::mock {
namespace {

constexpr int schema_version = 2;  ///< 2: start_notes
constexpr int busy_milliseconds = 2000;

struct close_handle {
  void operator()(sqlite3* handle) const noexcept { sqlite3_close_v2(handle); }
};
struct finalize {
  void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
};
using connection = std::unique_ptr<sqlite3, close_handle>;
using statement = std::unique_ptr<sqlite3_stmt, finalize>;

[[noreturn]] void fail(sqlite3* handle, const std::string& doing) {
  throw storage_error(doing + ": " + (handle != nullptr ? sqlite3_errmsg(handle) : "out of memory"));
}

void execute(sqlite3* handle, const std::string& sql) {
  if (sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail(handle, "state.db");
}

statement prepare(sqlite3* handle, const std::string& sql) {
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(handle, sql.c_str(), static_cast<int>(sql.size()), &raw, nullptr) != SQLITE_OK)
    fail(handle, "state.db");
  return statement(raw);
}

void bind(sqlite3* handle, sqlite3_stmt* to, int index, const std::string& text) {
  if (sqlite3_bind_text64(to, index, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8) != SQLITE_OK)
    fail(handle, "state.db");
}

std::string column(sqlite3_stmt* row, int index) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(row, index));
  return text == nullptr ? std::string()
                         : std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(row, index)));
}

int read_number(sqlite3* handle, const std::string& pragma) {
  const statement asked = prepare(handle, pragma);
  if (sqlite3_step(asked.get()) != SQLITE_ROW) fail(handle, "state.db");
  return sqlite3_column_int(asked.get(), 0);
}

/// The file with mode 0600 before SQLite sees it: its -wal and -shm files take the same mode.
void make_private_file(const std::filesystem::path& file) {
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) throw storage_error("cannot open " + file.string());
  ::fchmod(fd, 0600);
  ::close(fd);
}

}  // namespace

struct database::state {
  connection handle;
  struct writers {
    statement put, erase;
  };
  std::map<std::string, writers, std::less<>> by_table;  ///< made when a table is first written

  writers& writers_of(std::string_view table) {
    const auto found = by_table.find(table);
    if (found != by_table.end()) return found->second;
    const std::string name(table);
    return by_table[name] = {
               prepare(handle.get(),
                       "INSERT INTO " + name + " VALUES (?1, ?2, ?3) ON CONFLICT (name, part) DO UPDATE SET body=?3"),
               prepare(handle.get(), "DELETE FROM " + name + " WHERE name=?1 AND part=?2")};
  }
  statement begin, commit;
};

database::database(const std::filesystem::path& file, const std::vector<std::string_view>& tables)
    : state_(std::make_unique<state>()) {
  make_private_file(file);
  sqlite3* raw = nullptr;
  const int opened =
      sqlite3_open_v2(file.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, nullptr);
  state_->handle.reset(raw);
  if (opened != SQLITE_OK) fail(raw, "cannot open " + file.string());
  sqlite3_extended_result_codes(raw, 1);
  sqlite3_busy_timeout(raw, busy_milliseconds);
  // Of a new file: a certificate's row fits into its page, so that a commit writes half as many of them.
  execute(raw, "PRAGMA page_size=8192");
  execute(raw, "PRAGMA journal_mode=WAL");
  // Not FULL: a killed process loses nothing either way, and a mock need not outlive a power cut.
  execute(raw, "PRAGMA synchronous=NORMAL");
  execute(raw, "PRAGMA cache_size=-1024");  // KiB: a commit changes pages all over the tables
  const int version = read_number(raw, "PRAGMA user_version");
  if (version > schema_version) throw storage_error(file.string() + " was written by a newer fleetprov");
  if (version < schema_version) {  // all in one transaction: a file of this version has every table
    execute(raw, "BEGIN IMMEDIATE");
    for (const std::string_view table : tables)
      execute(raw, "CREATE TABLE IF NOT EXISTS " + std::string(table) +
                       " (name TEXT NOT NULL, part TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (name, part))"
                       " WITHOUT ROWID");
    execute(raw, "PRAGMA user_version=" + std::to_string(schema_version));
    execute(raw, "COMMIT");
  }
  state_->begin = prepare(raw, "BEGIN IMMEDIATE");
  state_->commit = prepare(raw, "COMMIT");
}

database::~database() {
  state_->by_table.clear();
  state_->begin.reset();
  state_->commit.reset();
}

namespace {

void step(sqlite3* handle, sqlite3_stmt* what) {
  const int code = sqlite3_step(what);
  // The message must be read before reset, which may replace it.
  if (code != SQLITE_DONE) {
    const std::string why = sqlite3_errmsg(handle);
    sqlite3_reset(what);
    throw storage_error("state.db: " + why);
  }
  sqlite3_reset(what);
}

/// Rolls an unfinished transaction back, also one that SQLite has rolled back itself.
class rollback_guard {
 public:
  explicit rollback_guard(sqlite3* handle) : handle_(handle) {}
  ~rollback_guard() {
    if (sqlite3_get_autocommit(handle_) == 0) sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
  }
  rollback_guard(const rollback_guard&) = delete;
  rollback_guard& operator=(const rollback_guard&) = delete;

 private:
  sqlite3* handle_;
};

}  // namespace

void database::apply(const std::vector<stored_change>& changes) {
  sqlite3* handle = state_->handle.get();
  const rollback_guard guard(handle);
  step(handle, state_->begin.get());
  for (const stored_change& change : changes) {
    state::writers& table = state_->writers_of(change.table);
    sqlite3_stmt* write = change.body ? table.put.get() : table.erase.get();
    bind(handle, write, 1, change.name);
    bind(handle, write, 2, change.part);
    if (change.body) bind(handle, write, 3, *change.body);
    step(handle, write);
    sqlite3_clear_bindings(write);
  }
  step(handle, state_->commit.get());
}

void database::for_each(std::string_view table, const row_visitor& visit) const {
  sqlite3* handle = state_->handle.get();
  const statement rows = prepare(handle, "SELECT name, part, body FROM " + std::string(table));
  for (;;) {
    const int code = sqlite3_step(rows.get());
    if (code == SQLITE_DONE) return;
    if (code != SQLITE_ROW) fail(handle, "state.db");
    visit(column(rows.get(), 0), column(rows.get(), 1), column(rows.get(), 2));
  }
}

void database::release_memory() { sqlite3_db_release_memory(state_->handle.get()); }

void database::limit_pages(int pages) {
  execute(state_->handle.get(), "PRAGMA max_page_count=" + std::to_string(pages));
}

}  // namespace fleetprov::mock
