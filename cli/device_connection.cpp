#include <cli/device_connection.hpp>
#include <cli/output.hpp>

#include <fleetprov/core/detail/hex.hpp>
#include <fleetprov/crypto/certificate.hpp>
#include <fleetprov/crypto/private_key.hpp>
#include <fleetprov/storage/detail/posix_files.hpp>
#include <fleetprov/topics/arn.hpp>
#include <fleetprov/topics/thing_name.hpp>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <random>

#include <sys/stat.h>
#include <unistd.h>

namespace fleetprov::cli {
namespace {

void check_file(const char* option, const std::string& path) {
  struct stat found {};
  if (path == "-" || ::stat(path.c_str(), &found) != 0 || !S_ISREG(found.st_mode))
    throw usage_error(std::string(option) + ": there is no file `" + printable(path) + "`");
}

/// The readable file behind an option, or a usage error that says which option.
std::string need_file(const char* option, const std::string& path) {
  check_file(option, path);
  return read_input(path);
}

void warn_if_exposed(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) == 0 && (found.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    print_error("warning: the private key `" + printable(path) + "` can be read by others; chmod 600 it\n");
}

}  // namespace

void add_device_options(CLI::App& to, device_options& into) {
  to.add_option("--endpoint", into.endpoint, "HOST[:PORT]; port 8883, or 443 (with ALPN x-amzn-mqtt-ca)")->required();
  to.add_option("--cert", into.certificate, "certificate, PEM")->required();
  to.add_option("--key", into.key, "its private key, PEM")->required();
  to.add_option("--ca-file", into.ca_file, "root certificates that the server is verified with, PEM")->required();
  to.add_option("--client-id", into.client_id, "MQTT client id (default: one that is unique to this run)");
  to.add_option("--mqtt", into.mqtt, "MQTT version: 3 (3.1.1) or 5")
      ->check(CLI::IsMember({3, 5}))
      ->capture_default_str();
}

std::optional<host_port> parse_endpoint(std::string_view text) {
  host_port out;
  std::string_view port;
  bool has_port = false;
  if (!text.empty() && text.front() == '[') {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    out.host = text.substr(1, end - 1);
    text.remove_prefix(end + 1);
    has_port = !text.empty();
    if (has_port && text.front() != ':') return std::nullopt;
    if (has_port) port = text.substr(1);
  } else {
    const std::size_t colon = text.find(':');
    has_port = colon != std::string_view::npos;
    out.host = text.substr(0, colon);
    if (has_port) port = text.substr(colon + 1);
    if (out.host.find_first_of("[]") != std::string::npos) return std::nullopt;
  }
  if (out.host.empty() || out.host.find_first_of("/ \t\r\n") != std::string::npos) return std::nullopt;
  if (!has_port) return out;
  if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != std::string_view::npos)
    return std::nullopt;
  const int number = std::stoi(std::string(port));
  if (number < 1 || number > 65535) return std::nullopt;
  out.port = static_cast<std::uint16_t>(number);
  return out;
}

result<crypto::private_key> read_private_key(const std::string& path) {
  const auto pem = storage::detail::files<storage::posix_calls>::read(path);  // its text is nowhere but in a secret
  if (!pem && pem.error().code == errc::storage)
    throw input_error("cannot read `" + path + "`: " + std::strerror(static_cast<int>(pem.error().offset)));
  if (!pem) return pem.error();
  return crypto::private_key::from_pem(*pem);
}

adapters::link_options make_link_options(const device_options& from, const char* prefix, double seconds) {
  const auto begin = std::chrono::steady_clock::now();
  const auto at = parse_endpoint(from.endpoint);
  if (!at) throw usage_error("--endpoint: `" + printable(from.endpoint) + "` is not HOST or HOST:PORT");
  if (const std::string ca = need_file("--ca-file", from.ca_file); !crypto::certificate::from_pem(ca))
    throw usage_error("--ca-file: `" + printable(from.ca_file) + "` holds no PEM certificate");
  const auto certificate = crypto::certificate::from_pem(need_file("--cert", from.certificate));
  if (!certificate) throw usage_error("--cert: `" + printable(from.certificate) + "` holds no PEM certificate");
  check_file("--key", from.key);
  const auto key = read_private_key(from.key);
  if (!key) throw usage_error("--key: `" + printable(from.key) + "` holds no unencrypted PEM private key");
  if (!certificate->matches(*key))
    throw usage_error("--key: `" + printable(from.key) + "` is not the key of the certificate `" +
                      printable(from.certificate) + "`");
  warn_if_exposed(from.key);
  adapters::link_options out;
  out.host = at->host;
  out.port = at->port;
  out.ca_file = from.ca_file;
  out.certificate_file = from.certificate;
  out.key_file = from.key;
  out.deadline = begin + std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
  out.client_id = from.client_id.empty() ? unique_client_id(prefix) : from.client_id;
  if (!topics::validate_client_id(out.client_id))
    throw usage_error("--client-id: 1 to 128 bytes of UTF-8 that do not start with `$`");
  out.version = from.mqtt == 5 ? adapters::mqtt_version::v5 : adapters::mqtt_version::v3_1_1;
  return out;
}

std::string unique_client_id(std::string_view prefix) {
  std::random_device source;
  std::uint64_t bits = (static_cast<std::uint64_t>(source()) << 32U) ^ source();
  bits ^= static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
  std::string out(prefix);
  out += '-' + std::to_string(::getpid()) + '-';
  for (int i = 0; i < 12; ++i, bits >>= 4U) out += detail::hex_digits[bits & 15U];
  return out;
}

std::string describe_reason(adapters::mqtt_version version, std::uint8_t code) {
  const auto words = [&]() -> std::string_view {
    if (version == adapters::mqtt_version::v3_1_1) {
      switch (code) {
        case 1:
          return "unacceptable protocol version";
        case 2:
          return "client id rejected";
        case 3:
          return "server unavailable";
        case 4:
          return "bad user name or password";
        case 5:
          return "not authorized";
        case 0x80:
          return "refused";
        default:
          return "refused";
      }
    }
    switch (code) {
      case 0x80:
        return "unspecified error";
      case 0x81:
        return "malformed packet";
      case 0x82:
        return "protocol error";
      case 0x85:
        return "client id not valid";
      case 0x86:
        return "bad user name or password";
      case 0x87:
        return "not authorized";
      case 0x88:
        return "server unavailable";
      case 0x89:
        return "server busy";
      case 0x8D:
        return "keep alive timeout";
      case 0x8E:
        return "session taken over";
      case 0x8F:
        return "topic filter invalid";
      case 0x90:
        return "topic name invalid";
      case 0x91:
        return "packet identifier in use";
      case 0x95:
        return "packet too large";
      case 0x97:
        return "quota exceeded";
      case 0x9F:
        return "connection rate exceeded";
      default:
        return "refused";
    }
  }();
  return std::string(words) + " (0x" + detail::to_hex(&code, 1) + ")";
}

std::string policy_resource(const std::string& host, std::string_view type, std::string_view name) {
  std::string region = "<region>";
  // <prefix>[-ats].iot.<region>.amazonaws.com
  const std::size_t iot = host.find(".iot.");
  const std::size_t end = host.find(".amazonaws.com");
  if (iot != std::string::npos && end != std::string::npos && end > iot + 5)
    region = host.substr(iot + 5, end - iot - 5);
  return topics::make_arn(region, "<account>", type, name);
}

}  // namespace fleetprov::cli
