// Certificates and keys, PEM and DER.
#include <fleetprov/crypto/certificate.hpp>
#include <fleetprov/crypto/certificate_variables.hpp>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

using namespace fleetprov;
using namespace fleetprov::crypto;

static void require(bool condition) {
  if (!condition) std::abort();
}

static void look_at(const certificate& read) {
  require(read.certificate_id().size() == 64);
  const auto der = read.to_der();
  require(!der.empty());
  (void)read.valid_between();
  for (const auto& [key, values] : certificate_variables(read)) {
    require(key.substr(0, 15) == "iot:Certificate");
    require(key == "iot:Certificate.AvailableKeys" || (!values.empty() && values.size() <= max_certificate_values));
  }
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto read = certificate::from_pem(text)) look_at(*read);
  if (const auto read = certificate::from_der(data, size)) look_at(*read);
  if (const auto key = private_key::from_pem(secret(text))) require(key->native() != nullptr);
  require(ERR_peek_error() == 0);
  return 0;
}
