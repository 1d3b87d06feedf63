#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace fleetprov::mock {

/// GLIBC_TUNABLES of the broker: without a cache per thread and an arena per thread, memory of devices that are gone
/// goes back to the system (a few cached chunks keep hundreds of pages); grown and trimmed in large steps, since the
/// one arena's lock is held meanwhile. Read by glibc at the start of a process.
inline constexpr const char* broker_allocator =
    "glibc.malloc.tcache_count=0:glibc.malloc.arena_max=1:glibc.malloc.trim_threshold=4194304:glibc.malloc.top_pad="
    "1048576";

/// What the launcher tells the plugin: one JSON file, so that commands may hold any character.
struct mock_settings {
  std::filesystem::path directory;
  std::string region = "us-east-1";
  std::string account = "123456789012";
  std::string mqtt_host = "localhost";
  std::string http_bind = "127.0.0.1";
  std::uint16_t http_port = 8080;              ///< 0: any free one
  std::vector<std::string> host_names;         ///< further names that requests may use in Host
  std::vector<std::string> strict;             ///< names of `--strict`
  std::map<std::string, std::string> lambdas;  ///< name -> command or URL
  std::map<std::string, std::string> hooks;    ///< template -> lambda name
  std::vector<std::string> faults;             ///< as `--fault` takes them
  int ready_descriptor = -1;                   ///< inherited socket; a byte comes when the folder is ready, then gets `ready PORT` or `failed WORDS`
};

/// The names that `--strict` takes.
const std::vector<std::string>& strict_names();

std::string to_json(const mock_settings& settings);
/// Throws std::runtime_error naming the file.
mock_settings read_settings(const std::filesystem::path& file);

}  // namespace fleetprov::mock
