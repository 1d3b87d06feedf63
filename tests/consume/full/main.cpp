#include "headers.hpp"

bool other_unit_classifies(std::string_view topic);

int main() {
  const auto key = fleetprov::crypto::private_key::generate(fleetprov::crypto::key_type::ec_p256);
  const auto csr = key ? fleetprov::crypto::make_csr_pem(*key, {"device", "", "", "", ""}) : fleetprov::errc::crypto;
  const auto read = fleetprov::json::document::from_text("{}");
  return csr && read && other_unit_classifies("$aws/certificates/create/cbor") ? 0 : 1;
}
