// From the claim certificate to a provisioned device with Eclipse Paho C++.
//   provision_with_paho HOST PORT ROOT_CA CLAIM_CERTIFICATE CLAIM_KEY TEMPLATE SERIAL FOLDER
#include <fleetprov/adapters/paho.hpp>
#include <fleetprov/storage/posix_store.hpp>

#include <cstdlib>
#include <iostream>

using namespace fleetprov;

int main(int argc, char** argv) {
  const auto name = argc == 9 ? topics::template_name::parse(argv[6]) : errc::invalid_template_name;
  auto store = storage::posix_store::open(argc == 9 ? argv[8] : ".");
  if (!name || !store) return std::cerr << "usage: " << argv[0] << " HOST PORT CA CERT KEY TEMPLATE SERIAL FOLDER\n", 2;

  adapters::link_options where;
  where.host = argv[1];
  where.port = static_cast<std::uint16_t>(std::atoi(argv[2]));
  where.ca_file = argv[3], where.certificate_file = argv[4], where.key_file = argv[5];
  where.client_id = std::string("provisioning-") + argv[7];

  adapters::paho_link link(where);
  provisioning::session session(*name, topics::payload_format::json);
  adapters::drive_options how;  // the name that templates/fleet-basic.json gives a thing: a lost reply is made good by connecting as it
  how.client_ids = {{std::string("fleet-") + argv[7], true}};
  (void)adapters::start_or_resume(session, *store, payloads::create_keys_and_certificate_request{}, {{"SerialNumber", argv[7]}});
  const adapters::drive_result result = adapters::drive(session, link, *store, how);  // stores, registers, promotes
  if (!result) return std::cerr << "not provisioned\n", 1;
  std::cout << "provisioned: " << argv[8] << "/device.pem.crt, device.pem.key, device.json\n";
}
