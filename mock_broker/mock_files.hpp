#pragma once

#include <filesystem>

namespace fleetprov::mock {

/// The files of a mock's folder, whether they are there or not (docs/mock.md). Others may read what has no remark.
struct mock_files {
  std::filesystem::path root;                ///< AmazonRootCA1.pem
  std::filesystem::path claim_certificate;   ///< claim.pem.crt
  std::filesystem::path claim_key;           ///< claim.pem.key (0600)
  std::filesystem::path state;               ///< state.db (0600)
  std::filesystem::path log;                 ///< iot-logs.jsonl (0600)
  std::filesystem::path configuration;       ///< mosquitto.conf
  std::filesystem::path hidden;              ///< private (0700): holds the next six
  std::filesystem::path device_ca;           ///< device-ca.pem: the broker's `cafile`
  std::filesystem::path server_certificate;  ///< server.crt
  std::filesystem::path server_key;          ///< server.key (0600)
  std::filesystem::path server_check;        ///< server.checked: what `server.crt` was found good for
  std::filesystem::path settings;            ///< settings.json: what the launcher tells the plugin
  std::filesystem::path broker_tls;          ///< openssl.cnf
  std::filesystem::path registered_cas;      ///< ca (0700): the broker's `capath`
  std::filesystem::path pool;                ///< pool (0700): credentials made ahead
};

inline mock_files mock_files_in(const std::filesystem::path& folder) {
  mock_files out;
  out.root = folder / "AmazonRootCA1.pem";
  out.claim_certificate = folder / "claim.pem.crt";
  out.claim_key = folder / "claim.pem.key";
  out.state = folder / "state.db";
  out.log = folder / "iot-logs.jsonl";
  out.configuration = folder / "mosquitto.conf";
  out.hidden = folder / "private";
  out.device_ca = out.hidden / "device-ca.pem";
  out.server_certificate = out.hidden / "server.crt";
  out.server_key = out.hidden / "server.key";
  out.server_check = out.hidden / "server.checked";
  out.settings = out.hidden / "settings.json";
  out.broker_tls = out.hidden / "openssl.cnf";
  out.registered_cas = folder / "ca";
  out.pool = folder / "pool";
  return out;
}

}  // namespace fleetprov::mock
