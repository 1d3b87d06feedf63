#include <fleetprov/crypto/certificate.hpp>
#include <fleetprov/crypto/certificate_variables.hpp>
#include <fleetprov/crypto/csr.hpp>
#include <fleetprov/crypto/issued.hpp>
#include <fleetprov/crypto/private_key.hpp>

#include "support/catch.hpp"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

using namespace fleetprov;
using namespace fleetprov::crypto;

namespace {

struct wanted_certificate {
  std::vector<std::pair<const char*, const char*>> subject;
  std::vector<std::pair<int, const char*>> extensions;
  const char* serial = "1";  // decimal
};

/// A self-signed certificate made with OpenSSL alone.
certificate make(const private_key& key, const wanted_certificate& wanted) {
  X509* x509 = X509_new();
  X509_set_version(x509, X509_VERSION_3);
  BIGNUM* number = nullptr;
  BN_dec2bn(&number, wanted.serial);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509));
  BN_free(number);
  ASN1_TIME_set_string_X509(X509_getm_notBefore(x509), "20240229120000Z");
  ASN1_TIME_set_string_X509(X509_getm_notAfter(x509), "20491231235959Z");
  for (const auto& [field, text] : wanted.subject)
    REQUIRE(X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), field, MBSTRING_UTF8,
                                       reinterpret_cast<const unsigned char*>(text), -1, -1, 0) == 1);
  X509_set_issuer_name(x509, X509_get_subject_name(x509));
  X509_set_pubkey(x509, key.native());
  CONF* conf = NCONF_new(nullptr);
  const std::string section = "[dir]\nC=US\nO=IoT\nOU=SmartHome\nCN=LightBulbCert\n[digits]\nx500UniqueIdentifier=7\ntitle=t\n";
  BIO* lines = BIO_new_mem_buf(section.data(), static_cast<int>(section.size()));
  long bad_line = 0;
  NCONF_load_bio(conf, lines, &bad_line);
  for (const auto& [type, text] : wanted.extensions) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, x509, x509, nullptr, nullptr, 0);
    X509V3_set_nconf(&context, conf);
    X509_EXTENSION* extension = X509V3_EXT_nconf_nid(conf, &context, type, text);
    REQUIRE(extension != nullptr);
    X509_add_ext(x509, extension, -1);
    X509_EXTENSION_free(extension);
  }
  NCONF_free(conf);
  BIO_free(lines);
  REQUIRE(X509_sign(x509, key.native(), EVP_sha256()) > 0);
  const certificate out = certificate::share(x509);
  X509_free(x509);
  return out;
}

const private_key& some_key() {
  static const result<private_key> key = private_key::generate(key_type::ec_p256);
  REQUIRE(key.has_value());
  return *key;
}

std::vector<std::string> values(const certificate& of, const std::string& key) {
  const auto all = certificate_variables(of);
  const auto at = all.find(key);
  return at == all.end() ? std::vector<std::string>() : at->second;
}

}  // namespace

TEST_CASE("keys of each type go out as PKCS#8 and traditional PEM and come back") {
  for (const key_type kind : {key_type::rsa_2048, key_type::ec_p256, key_type::ec_p384}) {
    CAPTURE(std::string(name_of(kind)));
    const auto key = private_key::generate(kind);
    REQUIRE(key.has_value());
    const auto pkcs8 = key->to_pem();
    const auto traditional = key->to_traditional_pem();
    REQUIRE(pkcs8.has_value());
    REQUIRE(traditional.has_value());
    CHECK(pkcs8->reveal().substr(0, 28) == "-----BEGIN PRIVATE KEY-----\n");
    const std::string_view expected = kind == key_type::rsa_2048 ? "-----BEGIN RSA PRIVATE KEY-----\n" : "-----BEGIN EC PRIVATE KEY-----\n";
    CHECK(traditional->reveal().substr(0, expected.size()) == expected);
    for (const secret* pem : {&*pkcs8, &*traditional}) {
      const auto back = private_key::from_pem(*pem);
      REQUIRE(back.has_value());
      CHECK(EVP_PKEY_eq(back->native(), key->native()) == 1);
    }
    CHECK(EVP_PKEY_get_bits(key->native()) == (kind == key_type::rsa_2048 ? 2048 : kind == key_type::ec_p256 ? 256 : 384));
  }
}

TEST_CASE("what is not an unencrypted private key is refused and leaves no trace in OpenSSL's error queue") {
  CHECK(private_key::from_pem(secret("")).error().code == errc::encoding);
  CHECK(private_key::from_pem(secret("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")).error().code == errc::encoding);
  CHECK(private_key::from_pem(secret(std::string(70000, 'x'))).error().code == errc::too_large);
  BIO* out = BIO_new(BIO_s_mem());
  char phrase[] = "phrase";
  REQUIRE(PEM_write_bio_PKCS8PrivateKey(out, some_key().native(), EVP_aes_128_cbc(), phrase, 6, nullptr, nullptr) == 1);
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(out, &bytes);
  CHECK(private_key::from_pem(secret(std::string_view(bytes, static_cast<std::size_t>(size)))).error().code == errc::encoding);
  BIO_free(out);
  CHECK(ERR_peek_error() == 0);
}

TEST_CASE("a signing request carries its subject and verifies with its own key") {
  for (const key_type kind : {key_type::rsa_2048, key_type::ec_p256, key_type::ec_p384}) {
    const auto key = private_key::generate(kind);
    REQUIRE(key.has_value());
    const auto pem = make_csr_pem(*key, {"sensor \xC3\xA9", "Org", "Unit", "DE", "S1"});
    REQUIRE(pem.has_value());
    CHECK(pem->size() <= 4096);
    CHECK(pem->substr(0, 36) == "-----BEGIN CERTIFICATE REQUEST-----\n");
    BIO* in = BIO_new_mem_buf(pem->data(), static_cast<int>(pem->size()));
    X509_REQ* request = PEM_read_bio_X509_REQ(in, nullptr, nullptr, nullptr);
    REQUIRE(request != nullptr);
    CHECK(X509_REQ_verify(request, key->native()) == 1);
    char common_name[64] = {};
    X509_NAME_get_text_by_NID(X509_REQ_get_subject_name(request), NID_commonName, common_name, sizeof common_name);
    CHECK(X509_NAME_entry_count(X509_REQ_get_subject_name(request)) == 5);
    X509_REQ_free(request);
    BIO_free(in);
  }
  CHECK(make_csr_pem(some_key(), {}).has_value());
  const std::string long_text(100'000, 'x');
  for (const subject& bad : {subject{long_text, "", "", "", ""}, subject{"x", long_text, "", "", ""}, subject{"x", "", long_text, "", ""},
                             subject{"x", "", "", "Germany", ""}, subject{"x", "", "", "", "\xC3\xA9"}, subject{"x", "", "", "", long_text}})
    CHECK(make_csr_pem(some_key(), bad).error().code == errc::encoding);
  CHECK(make_csr_pem(some_key(), {"\xFF", "", "", "", ""}).error().code == errc::encoding);
}

TEST_CASE("a certificate tells its id, names, number, validity and key") {
  const certificate made = make(some_key(), {{{"C", "US"}, {"O", "Amazon.com Inc."}, {"CN", "AWS IoT Certificate"}}, {}, "10525622389124227206"});
  const auto read = certificate::from_pem(made.to_pem() + "trailing text");
  REQUIRE(read.has_value());
  const std::vector<std::uint8_t> der = read->to_der();
  CHECK(der == made.to_der());
  CHECK(certificate::from_der(der.data(), der.size())->certificate_id() == made.certificate_id());
  CHECK(read->certificate_id().size() == 64);
  CHECK(read->certificate_id().find_first_not_of("0123456789abcdef") == std::string::npos);
  CHECK(read->subject() == distinguished_name{{"C", "US"}, {"O", "Amazon.com Inc."}, {"CN", "AWS IoT Certificate"}});
  CHECK(read->issuer() == read->subject());
  CHECK_FALSE(read->subject() == distinguished_name{{"C", "US"}, {"O", "Amazon.com Inc."}, {"CN", "another"}});
  CHECK_FALSE(read->subject() == distinguished_name{{"C", "US"}, {"OU", "Amazon.com Inc."}, {"CN", "AWS IoT Certificate"}});
  CHECK(read->serial_number() == "10525622389124227206");
  const auto valid = read->valid_between();
  REQUIRE(valid.has_value());
  CHECK(valid->not_before == 1709208000);
  CHECK(valid->not_after == 2524607999);
  CHECK(read->matches(some_key()));
  CHECK_FALSE(read->matches(*private_key::generate(key_type::ec_p256)));
  certificate copy = *read;
  copy = made;
  CHECK(copy.native() == made.native());
}

TEST_CASE("the certificate id is the SHA-256 of the DER form") {
  const std::uint8_t abc[] = {'a', 'b', 'c'};
  CHECK(certificate_id_of(abc, 3) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("what is not one certificate is refused") {
  CHECK(certificate::from_pem("").error().code == errc::encoding);
  CHECK(certificate::from_pem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").error().code == errc::encoding);
  CHECK(certificate::from_pem(std::string(70000, 'x')).error().code == errc::too_large);
  const std::vector<std::uint8_t> large(70000, 0x30);
  CHECK(certificate::from_der(large.data(), large.size()).error().code == errc::too_large);
  std::vector<std::uint8_t> der = make(some_key(), {{{"CN", "x"}}, {}}).to_der();
  CHECK(certificate::from_der(der.data(), der.size() - 1).error().code == errc::encoding);
  der.push_back(0);
  CHECK(certificate::from_der(der.data(), der.size()).error().code == errc::encoding);
  CHECK(ERR_peek_error() == 0);
}

TEST_CASE("policy variables name each attribute of subject and issuer that AWS has a word for") {
  const certificate made = make(some_key(), {{{"C", "US"}, {"O", "IoT"}, {"OU", "SmartHome"}, {"ST", "IL"}, {"CN", "LightBulbCert"},
                                              {"GN", "Bulb"}, {"initials", "LB"}, {"dnQualifier", "q"}, {"SN", "sn"}, {"title", "t"},
                                              {"pseudonym", "p"}, {"generationQualifier", "II"}, {"serialNumber", "555"}, {"L", "Chicago"}},
                                             {},
                                             "10525622389124227206"});
  const std::map<std::string, std::string> words{
      {"Country", "US"}, {"Organization", "IoT"}, {"OrganizationalUnit", "SmartHome"}, {"State", "IL"}, {"CommonName", "LightBulbCert"},
      {"GivenName", "Bulb"}, {"Initials", "LB"}, {"DistinguishedNameQualifier", "q"}, {"Surname", "sn"}, {"Title", "t"},
      {"Pseudonym", "p"}, {"GenerationQualifier", "II"}, {"SerialNumber", "555"}};
  for (const auto& [word, value] : words) {
    CAPTURE(word);
    CHECK(values(made, "iot:Certificate.Subject." + word) == std::vector<std::string>{value});
    CHECK(values(made, "iot:Certificate.Issuer." + word) == std::vector<std::string>{value});
  }
  CHECK(values(made, "iot:Certificate.SerialNumber") == std::vector<std::string>{"10525622389124227206"});
  CHECK(values(made, "iot:CertificateId") == std::vector<std::string>{made.certificate_id()});
  // 13 words twice, the number; Locality has no variable
  CHECK(values(made, "iot:Certificate.AvailableKeys").size() == 27);
  CHECK(certificate_variables(made).size() == 29);
}

TEST_CASE("of an attribute that repeats, five values are kept in order") {
  const certificate made = make(some_key(), {{{"OU", "0"}, {"OU", "1"}, {"OU", "2"}, {"OU", "3"}, {"OU", "4"}, {"OU", "5"}}, {}});
  CHECK(values(made, "iot:Certificate.Subject.OrganizationalUnit") == std::vector<std::string>{"0", "1", "2", "3", "4"});
  CHECK(values(made, "iot:Certificate.Subject.CommonName").empty());
}

TEST_CASE("alternative names have variables, the directory name in AWS's reversed form") {
  const certificate made = make(
      some_key(), {{{"CN", "x"}},
                   {{NID_subject_alt_name, "DNS:a.example,DNS:b.example,email:a@b.c,URI:http://x/,IP:192.0.2.1,IP:2001:db8::1,dirName:dir,RID:1.2.3"},
                    {NID_issuer_alt_name, "DNS:i.example"}}});
  const std::string prefix = "iot:Certificate.Subject.AlternativeName.";
  CHECK(values(made, prefix + "DNSName") == std::vector<std::string>{"a.example", "b.example"});
  CHECK(values(made, prefix + "RFC822Name") == std::vector<std::string>{"a@b.c"});
  CHECK(values(made, prefix + "UniformResourceIdentifier") == std::vector<std::string>{"http://x/"});
  CHECK(values(made, prefix + "IPAddress") == std::vector<std::string>{"192.0.2.1", "2001:db8:0:0:0:0:0:1"});
  CHECK(values(made, prefix + "DirectoryName") == std::vector<std::string>{"cn=LightBulbCert,ou=SmartHome,o=IoT,c=US"});
  CHECK(values(made, "iot:Certificate.Issuer.AlternativeName.DNSName") == std::vector<std::string>{"i.example"});
}

TEST_CASE("a name part without a short name is shown by its number, one without text stays empty") {
  const certificate made = make(some_key(), {{{"CN", "a"}, {"1.3.6.1.4.1.99999.1", "b"}, {"1.3.6.1.4.1.99999.2", ""}}, {}});
  CHECK(made.subject() == distinguished_name{{"CN", "a"}, {"1.3.6.1.4.1.99999.1", "b"}, {"1.3.6.1.4.1.99999.2", ""}});
}

TEST_CASE("in a directory name only letters become small") {
  const certificate made = make(some_key(), {{{"CN", "x"}}, {{NID_subject_alt_name, "dirName:digits"}}});
  CHECK(values(made, "iot:Certificate.Subject.AlternativeName.DirectoryName") == std::vector<std::string>{"title=t,x500uniqueidentifier=7"});
}

TEST_CASE("an address that is neither IPv4 nor IPv6 has no variable") {
  // A sequence of one iPAddress, [7], of three bytes, beside one of four.
  const certificate made = make(some_key(), {{{"CN", "x"}}, {{NID_subject_alt_name, "DER:30:0B:87:03:01:02:03:87:04:C0:00:02:01"}}});
  CHECK(values(made, "iot:Certificate.Subject.AlternativeName.IPAddress") == std::vector<std::string>{"192.0.2.1"});
}

TEST_CASE("times before the first year and times that are none") {
  certificate made = make(some_key(), {{{"CN", "x"}}, {}});
  REQUIRE(ASN1_TIME_set_string(X509_getm_notBefore(made.native()), "00000101000000Z") == 1);
  REQUIRE(made.valid_between());
  CHECK(made.valid_between()->not_before == -62167219200);
  for (ASN1_TIME* one : {X509_getm_notAfter(made.native()), X509_getm_notBefore(made.native())}) {
    REQUIRE(ASN1_STRING_set(one, "soon", 4) == 1);
    CHECK(made.valid_between().error().code == errc::encoding);
    REQUIRE(ASN1_TIME_set_string_X509(one, "20240229120000Z") == 1);
    CHECK(made.valid_between());
  }
}

TEST_CASE("a certificate that was never filled in has neither bytes nor an id") {
  X509* x509 = X509_new();
  const certificate blank = certificate::share(x509);
  X509_free(x509);
  CHECK(blank.to_der().empty());
  CHECK(blank.to_pem().empty());
  CHECK(blank.certificate_id().empty());
  CHECK_FALSE(blank.matches(some_key()));
  CHECK(ERR_peek_error() == 0);
}

TEST_CASE("a key that brings its own digest signs a request with it") {
  EVP_PKEY* made = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  REQUIRE(made != nullptr);
  const private_key key = private_key::adopt(made);
  const auto pem = make_csr_pem(key, {"x", "", "", "", ""});
  REQUIRE(pem);
  BIO* in = BIO_new_mem_buf(pem->data(), static_cast<int>(pem->size()));
  X509_REQ* request = PEM_read_bio_X509_REQ(in, nullptr, nullptr, nullptr);
  REQUIRE(request != nullptr);
  CHECK(X509_REQ_verify(request, key.native()) == 1);
  CHECK(X509_REQ_get_signature_nid(request) == NID_ED25519);
  X509_REQ_free(request);
  BIO_free(in);
}

TEST_CASE("without its private half a key neither signs nor is written") {
  const auto key = private_key::generate(key_type::ec_p256);
  REQUIRE(key);
  unsigned char* bytes = nullptr;
  const int size = i2d_PUBKEY(key->native(), &bytes);
  const unsigned char* at = bytes;
  const private_key half = private_key::adopt(d2i_PUBKEY(nullptr, &at, size));
  OPENSSL_free(bytes);
  CHECK(make_csr_pem(half, {"x", "", "", "", ""}).error().code == errc::crypto);
  CHECK(half.to_pem().error().code == errc::crypto);
  CHECK(half.to_traditional_pem().error().code == errc::crypto);
  CHECK(make_csr_pem(private_key::adopt(nullptr), {"x", "", "", "", ""}).error().code == errc::crypto);
}

TEST_CASE("what was issued fits if its certificate is that of the key or of the signing request, whatever stands around it") {
  const auto ours = private_key::generate(key_type::ec_p256), theirs = private_key::generate(key_type::ec_p384);
  REQUIRE(ours);
  REQUIRE(theirs);
  const std::string good = make(*ours, {{{"CN", "x"}}, {}}).to_pem(), other = make(*theirs, {{{"CN", "y"}}, {}}).to_pem();
  const std::string csr = *make_csr_pem(*ours, {"x", "", "", "", ""}), other_csr = *make_csr_pem(*theirs, {"y", "", "", "", ""});
  const std::string key(ours->to_pem()->reveal()), old_form(ours->to_traditional_pem()->reveal()), other_key(theirs->to_pem()->reveal());
  std::string dos = good;
  for (std::size_t at = 0; (at = dos.find('\n', at)) != std::string::npos; at += 2) dos.insert(at, "\r");
  const std::string long_text(70000, '#');
  constexpr errc fits{};
  struct issue { const char* what; std::string certificate, key; const std::string* csr; errc expected; };
  const issue issues[] = {
      {"key", good, key, nullptr, fits},
      {"key as AWS sends it", good, old_form, nullptr, fits},
      {"chain", good + other, key, nullptr, fits},
      {"no line break at the end", good.substr(0, good.size() - 1), key.substr(0, key.size() - 1), nullptr, fits},
      {"blank lines", "\n" + good + "\n\n", key + "\n\n", nullptr, fits},
      {"CRLF", dos, key, nullptr, fits},
      {"key of another type", good, other_key, nullptr, errc::crypto},
      {"key of another", good, std::string(private_key::generate(key_type::ec_p256)->to_pem()->reveal()), nullptr, errc::crypto},
      {"chain in the wrong order", other + good, key, nullptr, errc::crypto},
      {"no certificate", "junk", key, nullptr, errc::encoding},
      {"long certificate", good + long_text, key, nullptr, errc::encoding},
      {"no key", good, "junk2", nullptr, errc::encoding},
      {"empty key", good, "", nullptr, errc::encoding},
      {"request", good, "", &csr, fits},
      {"request and chain", good + other, "", &csr, fits},
      {"request, whatever key came", good, other_key, &csr, fits},
      {"request of another", good, "", &other_csr, errc::crypto},
      {"request of another, and its key", good, key, &other_csr, errc::crypto},
      {"no certificate for a request", "junk", "", &csr, errc::encoding},
      {"no request", good, "", &good, errc::encoding},
  };
  for (const issue& each : issues) {
    CAPTURE(each.what);
    const auto found = check_issued(each.certificate, secret(each.key), each.csr);
    CHECK((found ? fits : found.error().code) == each.expected);
    CHECK(ERR_peek_error() == 0);
  }
}

TEST_CASE("a signing request for a key of unknown kind has no certificate that fits") {
  const auto key = private_key::generate(key_type::ec_p256);
  REQUIRE(key);
  const std::string csr = *make_csr_pem(*key, {"x", "", "", "", ""});
  const crypto::detail::bio_ptr in = crypto::detail::reading(csr), out = crypto::detail::writing();
  char *name = nullptr, *header = nullptr;
  unsigned char* der = nullptr;
  long size = 0;
  REQUIRE(PEM_read_bio(in.get(), &name, &header, &der, &size) == 1);
  const std::string_view public_key_of_a_curve("\x2A\x86\x48\xCE\x3D\x02\x01", 7);
  const std::size_t at = std::string_view(reinterpret_cast<char*>(der), static_cast<std::size_t>(size)).find(public_key_of_a_curve);
  REQUIRE(at != std::string_view::npos);
  der[at + 6] = 0x7F;
  REQUIRE(PEM_write_bio(out.get(), name, header, der, size) > 0);
  OPENSSL_free(name);
  OPENSSL_free(header);
  OPENSSL_free(der);
  const std::string strange(crypto::detail::written(out));
  CHECK(check_issued(make(*key, {{{"CN", "x"}}, {}}).to_pem(), {}, &strange).error().code == errc::crypto);
  CHECK(ERR_peek_error() == 0);
}
