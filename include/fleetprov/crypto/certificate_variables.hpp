#pragma once

#include <fleetprov/crypto/certificate.hpp>

#include <map>
#include <string>
#include <vector>

namespace fleetprov::crypto {

/// What a certificate says in policy variables: full keys (`iot:Certificate.Subject.CommonName`,
/// `iot:CertificateId`) with their raw values in the certificate's order, at most 5 each.
/// An attribute that is missing has no entry. Escaping, `.n` and `.List` are the evaluator's.
/// AWS IoT Developer Guide, "X.509 certificate policy variables".
std::map<std::string, std::vector<std::string>> certificate_variables(const certificate& of);

}  // namespace fleetprov::crypto
