#pragma once
// The shared corpus of public policies and templates: read where it is, never copied into the tree.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

namespace test {

/// The folder that FLEETPROV_CORPUS_DIR names, else `../shared/corpus` beside the project; empty where it is
/// missing, with the message by which ctest counts the test as skipped: the caller returns.
inline std::optional<std::filesystem::path> corpus_dir() {
  const char* named = std::getenv("FLEETPROV_CORPUS_DIR");
  const std::filesystem::path dir = named != nullptr && *named != '\0'
                                        ? std::filesystem::path(named)
                                        : std::filesystem::path(FLEETPROV_SOURCE_DIR) / "../shared/corpus";
  if (std::filesystem::is_directory(dir)) return dir;
  std::cerr << "skipped: no corpus at " << dir << " (set FLEETPROV_CORPUS_DIR)\n";
  return std::nullopt;
}

inline std::string read_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// Rows of a tab-separated file, header row included; every row has as many cells as it shows tabs.
inline std::vector<std::vector<std::string>> read_tsv(const std::filesystem::path& file) {
  std::vector<std::vector<std::string>> rows;
  std::ifstream in(file, std::ios::binary);
  for (std::string line; std::getline(in, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    std::vector<std::string> cells(1);
    for (const char c : line) {
      if (c == '\t') cells.emplace_back();
      else cells.back() += c;
    }
    rows.push_back(std::move(cells));
  }
  return rows;
}

}  // namespace test
