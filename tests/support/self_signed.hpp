#pragma once
// A certificate that is its own authority, in files.

#include <fleetprov/crypto/certificate.hpp>
#include <fleetprov/crypto/private_key.hpp>

#include "unit/storage/store_checks.hpp"

#include <fstream>
#include <string>

namespace test {

struct self_signed {
  store_test::temporary_folder folder;
  fleetprov::crypto::private_key key = *fleetprov::crypto::private_key::generate(fleetprov::crypto::key_type::ec_p256);

  /// For localhost, 127.0.0.1 and another address.
  explicit self_signed(const std::string& address = "::1") {
    const fleetprov::crypto::detail::x509_ptr made(X509_new());
    X509* x509 = made.get();
    X509_set_version(x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
    X509_NAME* name = X509_get_subject_name(x509);
    REQUIRE(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("test"), -1, -1, 0) == 1);
    X509_set_issuer_name(x509, name);
    X509_set_pubkey(x509, key.native());
    X509_EXTENSION* names = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, ("DNS:localhost,IP:127.0.0.1,IP:" + address).c_str());
    REQUIRE(names != nullptr);
    X509_add_ext(x509, names, -1);
    X509_EXTENSION_free(names);
    REQUIRE(X509_sign(x509, key.native(), EVP_sha256()) > 0);
    std::ofstream(certificate_file()) << fleetprov::crypto::certificate::share(x509).to_pem();
    std::ofstream(key_file()) << key.to_pem()->reveal();
  }
  std::string certificate_file() const { return folder.path + "/certificate.pem"; }
  std::string key_file() const { return folder.path + "/key.pem"; }
};

}  // namespace test
