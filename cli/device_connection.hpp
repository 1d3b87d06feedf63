#pragma once
// What `provision` and `pubsub` share: the options of a device connection, and what a person is told
// when it fails.

#include <cli/commands.hpp>
#include <fleetprov/adapters/link.hpp>
#include <fleetprov/core/result.hpp>
#include <fleetprov/crypto/private_key.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fleetprov::cli {

struct device_options {
  std::string endpoint, certificate, key, ca_file, client_id;
  int mqtt = 3;
};

/// `--endpoint --cert --key --ca-file --client-id --mqtt`.
void add_device_options(CLI::App& to, device_options& into);

/// What to look at when nobody answers, when somebody else does, and when nobody could be asked.
inline constexpr const char* network_help = "look at --endpoint, the network and the firewall (8883, or 443)";
inline constexpr const char* trust_help =
    "the server's certificate is not trusted: look at --ca-file and at the host name of --endpoint";

inline constexpr const char* own_file_help = "look at that file: whether it is there, its owner and its rights";

struct host_port {
  std::string host;
  std::uint16_t port = 8883;
};
/// `HOST`, `HOST:PORT`, `[V6]:PORT`; empty for anything else, a scheme (`ssl://`) included.
std::optional<host_port> parse_endpoint(std::string_view text);

/// The key of a PEM file, its text nowhere but in wiped memory. Errors: `not_found`, `too_large`, those of
/// `private_key::from_pem`. Throws `input_error` for a file that cannot be read.
result<crypto::private_key> read_private_key(const std::string& path);

/// Checks all of it (files that exist and hold PEM, client id) and fills a link's options; an empty
/// client id gets one that no other run has. Throws `usage_error`. Warns on standard error about a key
/// file that others can read. The run that connects with it is over `seconds` from now.
adapters::link_options make_link_options(const device_options& from, const char* prefix, double seconds);

/// Distinct in every run: process id, time and random bits.
std::string unique_client_id(std::string_view prefix);

/// AWS's name of a SUBACK, PUBACK, CONNACK or DISCONNECT reason, e.g. `not authorized (0x87)`.
std::string describe_reason(adapters::mqtt_version version, std::uint8_t code);

/// `arn:aws:iot:REGION:ACCOUNT:<rest>` with the region taken from an AWS endpoint's name, and
/// placeholders for what cannot be known here.
std::string policy_resource(const std::string& host, std::string_view type, std::string_view name);

}  // namespace fleetprov::cli
