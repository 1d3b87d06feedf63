#pragma once

#include <fleetprov/policies/principal.hpp>
#include <mock_broker/seed_options.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace fleetprov::mock {

/// `fleetprov mock` with its command line read and its documents loaded.
struct launch_options {
  std::filesystem::path directory = "fleetprov-mock";
  bool ephemeral = false;  ///< a fresh folder that goes at the end
  std::string bind = "127.0.0.1";
  std::vector<std::uint16_t> ports{8883};  ///< 0: any free one
  std::uint16_t http_port = 8080;
  std::string region = policies::arn_scope{}.region;
  std::string account = policies::arn_scope{}.account;
  std::vector<std::string> host_names;
  seed_options world;
  std::map<std::string, std::string> lambdas;
  std::vector<std::string> faults, strict;
  std::size_t key_pool = 16;  ///< credentials kept ready for CreateKeysAndCertificate; 0: each is made on demand
  std::filesystem::path ready_file;  ///< empty: none
  bool json = false;
  std::filesystem::path installed_plugin;  ///< where an installed package has it; empty: nowhere
};

/// Something that the mock needs is missing, in use or broken: the message says what to do.
class launch_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Runs the mock until SIGINT, SIGTERM or SIGHUP: prints the ready line on stdout, everything else on
/// stderr. Returns when the broker has ended and the folder of an ephemeral mock is gone. Throws
/// launch_error, aws_error (a document that AWS would refuse), storage_error.
void run_mock(const launch_options& wanted);

/// What the broker is configured with; every line is measured on Mosquitto 2.0.11.
struct broker_configuration {
  std::string bind;
  std::vector<std::uint16_t> ports;
  std::filesystem::path client_ca, client_ca_folder, server_certificate, server_key, plugin, settings;
  bool as_root = false;
};
std::string to_mosquitto_conf(const broker_configuration& wanted);

/// The ready line, without line break.
struct ready_facts {
  std::string host;
  std::uint16_t port = 0;
  std::string http_url;
  std::filesystem::path directory;
  seed_report world;
  std::string account, region;
};
std::string to_ready_json(const ready_facts& facts);
std::string to_ready_text(const ready_facts& facts);

}  // namespace fleetprov::mock
