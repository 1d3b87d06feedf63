#pragma once

#include <fleetprov/policies/principal.hpp>
#include <mock_broker/seed_options.hpp>

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace fleetprov::mock {

/// GLIBC_TUNABLES of the broker: with a cache per thread for small chunks only and one arena, memory of devices that are
/// gone goes back to the system (a few cached chunks keep hundreds of pages); grown and trimmed in large steps, since the
/// one arena's lock is held meanwhile. Read by glibc at the start of a process.
inline constexpr const char* broker_allocator =
    "glibc.malloc.tcache_max=128:glibc.malloc.arena_max=1:glibc.malloc.trim_threshold=4194304:glibc.malloc.top_pad="
    "1048576";

/// LD_PRELOAD of the broker. The plugin needs this library anyway; loaded first, its thousands of names are found in the
/// second of forty libraries and not in the last, which takes 2 ms off a start.
inline constexpr const char* broker_preload = "libstdc++.so.6";

/// The broker's OpenSSL configuration, written into the folder. No session tickets: AWS IoT Core does not support them
/// (AWS IoT Developer Guide, "Transport security"), and for each of two per handshake OpenSSL 3.0 encodes the session and
/// decodes it again with the device's certificate in it, a third of the broker's time per connection. TLS 1.2 keeps its
/// one ticket: without, OpenSSL would hold 20,000 sessions in the broker's memory, 7 kB each.
inline constexpr const char* broker_tls =
    "# Written by `fleetprov mock` at each start.\n"
    "openssl_conf = fleetprov\n"
    "[fleetprov]\n"
    "ssl_conf = tls\n"
    "[tls]\n"
    "system_default = broker\n"
    "[broker]\n"
    "MinProtocol = TLSv1.2\n"
    "CipherString = DEFAULT@SECLEVEL=2\n"
    "NumTickets = 0\n";

/// What the launcher tells the plugin: one JSON file, so that commands may hold any character.
struct mock_settings {
  std::filesystem::path directory;
  std::string region = policies::arn_scope{}.region;
  std::string account = policies::arn_scope{}.account;
  std::string mqtt_host = "localhost";
  std::string http_bind = "127.0.0.1";
  std::uint16_t http_port = 8080;              ///< 0: any free one
  std::vector<std::string> host_names;         ///< further names that requests may use in Host
  std::vector<std::string> strict;             ///< names of `--strict`
  std::map<std::string, std::string> lambdas;  ///< name -> command or URL
  std::vector<std::string> faults;             ///< as `--fault` takes them
  std::size_t key_pool = 16;                   ///< credentials kept ready for CreateKeysAndCertificate
  seed_options world;
  int ready_descriptor = -1;                   ///< inherited; gets one line, a `start_report`
};

/// What the plugin tells the launcher: that it serves, or why it cannot.
struct start_report {
  bool is_ready = false;
  std::uint16_t http_port = 0;
  seed_report world;
  std::string refusal;  ///< AWS's name of the exception, for a document that AWS would refuse
  std::string words;    ///< why it failed
};

/// The names that `--strict` takes (docs/mock.md).
namespace strict {
inline constexpr std::string_view quotas = "quotas";
inline constexpr std::string_view require_subscription = "require-subscription";
inline constexpr std::string_view token_connection = "token-connection";
inline constexpr std::string_view token_once = "token-once";
inline constexpr std::string_view suback_failure = "suback-failure";
inline constexpr std::string_view drop_throttled = "drop-throttled";
inline constexpr std::array<std::string_view, 6> names{quotas,     require_subscription, token_connection,
                                                       token_once, suback_failure,       drop_throttled};
}  // namespace strict

std::string to_json(const mock_settings& settings);
/// Throws std::runtime_error naming the file.
mock_settings read_settings(const std::filesystem::path& file);

/// One line of JSON, without line break, and back; what cannot be read is a report of a failure.
std::string to_json(const start_report& report);
start_report read_report(const std::string& line);

}  // namespace fleetprov::mock
