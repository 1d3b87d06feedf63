#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fleetprov::mock {

/// One row to write (a body) or to delete (none). All tables look alike: `(name, part, body)`, where the
/// body is a JSON object and `part` is empty except in tables of pairs.
struct stored_change {
  std::string_view table;  ///< one of `database::tables`
  std::string name, part;
  std::optional<std::string> body;
};

/// `state.db`: SQLite in WAL mode, created 0600. A commit survives SIGKILL of the process at any moment.
/// Not thread-safe: its owner serialises.
class database {
 public:
  /// Opens or makes the file with these tables. Throws storage_error.
  database(const std::filesystem::path& file, const std::vector<std::string_view>& tables);
  ~database();
  database(const database&) = delete;
  database& operator=(const database&) = delete;

  /// All changes or none, in one transaction. Throws storage_error (disk full, locked, broken).
  void apply(const std::vector<stored_change>& changes);

  using row_visitor = std::function<void(const std::string& name, const std::string& part, const std::string& body)>;
  void for_each(std::string_view table, const row_visitor& visit) const;

  /// Gives back what is cached and not needed.
  void release_memory();

  /// The most pages the file may grow to: how tests fill the disk.
  void limit_pages(int pages);

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace fleetprov::mock
