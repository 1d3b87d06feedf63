// OpenSSL runs out of memory at each of its allocations in turn: every call answers with an error, none crashes.

#include <fleetprov/crypto/certificate.hpp>
#include <fleetprov/crypto/csr.hpp>
#include <fleetprov/crypto/issued.hpp>
#include <fleetprov/crypto/private_key.hpp>

#include "support/openssl_memory.hpp"

#include <iostream>
#include <string>

using namespace fleetprov;
using namespace fleetprov::crypto;
using test::fail_each_allocation;

TEST_CASE("a key, a request and a certificate are whole or not there, however little memory OpenSSL finds") {
  if (!test::memory_is_ours) {
    std::cerr << "skipped: OpenSSL had memory before this program could say whose\n";
    return;
  }
  const auto key = private_key::generate(key_type::ec_p256);
  REQUIRE(key);
  const auto pem = key->to_pem();
  const auto traditional = key->to_traditional_pem();
  REQUIRE(pem);
  REQUIRE(traditional);
  X509* x509 = X509_new();
  ASN1_INTEGER_set(X509_get_serialNumber(x509), 77);
  ASN1_TIME_set_string_X509(X509_getm_notBefore(x509), "20240229120000Z");
  ASN1_TIME_set_string_X509(X509_getm_notAfter(x509), "20491231235959Z");
  X509_set_pubkey(x509, key->native());
  REQUIRE(X509_sign(x509, key->native(), EVP_sha256()) > 0);
  const certificate made = certificate::share(x509);
  X509_free(x509);
  const std::vector<std::uint8_t> der = made.to_der();
  const std::string text = made.to_pem(), id = made.certificate_id(), number = made.serial_number();
  REQUIRE(id.size() == 64);
  REQUIRE(number == "77");

  const auto same_text = [](const std::string& expected) {
    return [&expected](const std::string& out) {
      if (!out.empty()) CHECK(out == expected);
      return !out.empty();
    };
  };
  const auto same_secret = [](const secret& expected) {
    return [&expected](const result<secret>& out) {
      if (out) CHECK(out->reveal() == expected.reveal());
      else CHECK(out.error().code == errc::crypto);
      return out.has_value();
    };
  };
  CHECK(fail_each_allocation([] { return private_key::generate(key_type::ec_p256); },
                             [](const auto& out) { return out && EVP_PKEY_get_bits(out->native()) == 256; }) > 0);
  CHECK(fail_each_allocation([&] { return private_key::from_pem(*pem); },
                             [&](const auto& out) { return out && EVP_PKEY_eq(out->native(), key->native()) == 1; }) > 0);
  CHECK(fail_each_allocation([&] { return key->to_pem(); }, same_secret(*pem)) > 0);
  CHECK(fail_each_allocation([&] { return key->to_traditional_pem(); }, same_secret(*traditional)) > 0);
  CHECK(fail_each_allocation([&] { return make_csr_pem(*key, {"device", "", "", "", ""}); },
                             [](const auto& out) {
                               constexpr std::string_view end = "-----END CERTIFICATE REQUEST-----\n";
                               if (out) CHECK(out->substr(out->size() - end.size()) == end);
                               return out.has_value();
                             }) > 0);
  CHECK(fail_each_allocation([&] { return certificate::from_pem(text); }, [&](const auto& out) { return out && out->to_der() == der; }) > 0);
  const auto csr = make_csr_pem(*key, {"device", "", "", "", ""});
  REQUIRE(csr);
  const auto fits = [](const result<void>& out) { return out.has_value(); };
  CHECK(fail_each_allocation([&] { return check_issued(text, *pem, nullptr); }, fits) > 0);
  CHECK(fail_each_allocation([&] { return check_issued(text, {}, &*csr); }, fits) > 0);
  CHECK(fail_each_allocation([&] { return made.to_der(); }, [&](const auto& out) { return out == der; }) > 0);
  CHECK(fail_each_allocation([&] { return made.to_pem(); }, same_text(text)) > 0);
  CHECK(fail_each_allocation([&] { return made.certificate_id(); }, same_text(id)) > 0);
  CHECK(fail_each_allocation([&] { return made.serial_number(); }, same_text(number)) > 0);
  CHECK(ERR_peek_error() == 0);
}
