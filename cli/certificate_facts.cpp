// Apart from requests.cpp: what is linked with it needs OpenSSL.
#include <cli/errors.hpp>
#include <cli/requests.hpp>

#include <fleetprov/crypto/certificate.hpp>
#include <fleetprov/crypto/certificate_variables.hpp>

namespace fleetprov::cli {

void add_certificate(policies::principal_facts& who, const std::string& name, std::string_view pem) {
  const result<crypto::certificate> read = crypto::certificate::from_pem(pem);
  if (!read) throw input_error("`" + name + "` holds no X.509 certificate in PEM form");
  who.certificate_variables = crypto::certificate_variables(*read);
  if (!who.certificate_id) who.certificate_id = read->certificate_id();
}

}  // namespace fleetprov::cli
