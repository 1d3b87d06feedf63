// From the claim certificate to a provisioned device with Eclipse Paho C.
//   provision_with_paho_c HOST PORT ROOT_CA CLAIM_CERTIFICATE CLAIM_KEY TEMPLATE SERIAL FOLDER
#include <fleetprov/adapters/paho_c.hpp>
#include <fleetprov/storage/posix_store.hpp>

#include <cstdio>
#include <cstdlib>

using namespace fleetprov;

int main(int argc, char** argv) {
  const auto name = argc == 9 ? topics::template_name::parse(argv[6]) : errc::invalid_template_name;
  auto store = storage::posix_store::open(argc == 9 ? argv[8] : ".");
  if (!name || !store) return std::fprintf(stderr, "usage: %s HOST PORT CA CERT KEY TEMPLATE SERIAL FOLDER\n", argv[0]), 2;

  adapters::link_options where;
  where.host = argv[1];
  where.port = static_cast<std::uint16_t>(std::atoi(argv[2]));
  where.ca_file = argv[3], where.certificate_file = argv[4], where.key_file = argv[5];
  where.client_id = std::string("provisioning-") + argv[7];

  // Paho notes every call of its own in memory, 0.1 MB, for a trace that no one reads unless the environment asks for it.
  if (std::getenv("MQTT_C_CLIENT_TRACE") == nullptr) MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_ERROR);
  adapters::paho_c_link link(where);
  provisioning::session session(*name, topics::payload_format::json);
  adapters::drive_options how;  // the name that templates/fleet-basic.json gives a thing: a lost reply is made good by connecting as it
  how.client_ids = {{std::string("fleet-") + argv[7], true}};
  (void)adapters::start_or_resume(session, *store, payloads::create_keys_and_certificate_request{}, {{"SerialNumber", argv[7]}});
  const adapters::drive_result result = adapters::drive(session, link, *store, how);  // stores, registers, promotes
  if (!result) return std::fputs("not provisioned\n", stderr), 1;
  std::printf("provisioned: %s/device.pem.crt, device.pem.key, device.json\n", argv[8]);
}
