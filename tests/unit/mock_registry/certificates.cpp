#include <fleetprov/crypto/certificate.hpp>
#include <mock_broker/files.hpp>
#include <tests/support/catch.hpp>
#include <tests/support/mock_world.hpp>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>

using namespace fleetprov::mock;
using test::error_of;
namespace crypto = fleetprov::crypto;

namespace {

std::string self_signed(EVP_PKEY* key) {
  X509* made = X509_new();
  X509_set_version(made, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made), 7);
  X509_gmtime_adj(X509_getm_notBefore(made), -60);
  X509_gmtime_adj(X509_getm_notAfter(made), 3600);
  X509_set_pubkey(made, key);
  X509_sign(made, key, EVP_sha256());
  BIO* out = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(out, made);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out, &text);
  std::string pem(text, static_cast<std::size_t>(size));
  BIO_free(out);
  X509_free(made);
  return pem;
}

}  // namespace

TEST_CASE("an issued certificate has what AWS's certificates have") {
  const test::temporary_folder folder;
  const certificate_authority ca({folder.path() / "new", {"mock.example", "192.0.2.7"}, authority_key::rsa_2048});
  fleetprov::mock::clock time;
  const instant now = time.now();
  const key_pair keys = generate_rsa_key();
  CHECK(keys.private_key.reveal().substr(0, 31) == "-----BEGIN RSA PRIVATE KEY-----");
  CHECK(keys.public_key.substr(0, 26) == "-----BEGIN PUBLIC KEY-----");
  const issued_certificate issued = ca.issue_for_key(keys.private_key, now);
  const auto read = *crypto::certificate::from_pem(issued.pem);
  CHECK(read.certificate_id() == issued.id);
  CHECK(read.subject() == crypto::distinguished_name{{"CN", "AWS IoT Certificate"}});
  CHECK(read.issuer() == crypto::distinguished_name{{"OU", "Amazon Web Services"}, {"O", "Amazon.com Inc."}, {"L", "Seattle"}, {"ST", "Washington"}, {"C", "US"}});
  CHECK(issued.not_after == std::chrono::seconds(2524607999));  // 2049-12-31T23:59:59Z
  CHECK(issued.not_before <= now - std::chrono::seconds(119));
  CHECK(issued.not_before >= now - std::chrono::seconds(122));
  CHECK(read.matches(*crypto::private_key::from_pem(keys.private_key)));
  CHECK(is_signed_by(issued.pem, ca.device_ca_pem()));
  CHECK_FALSE(is_signed_by(issued.pem, ca.root_pem()));
  CHECK(ca.issue_for_key(keys.private_key, now).id != issued.id);
  struct stat found {};
  for (const char* name : {"root.key", "device-ca.key", "server.key"}) {
    REQUIRE(::stat((folder.path() / "new" / "private" / name).c_str(), &found) == 0);
    CHECK((found.st_mode & 0777) == 0600);
  }
  const auto server = crypto::certificate::from_pem(fleetprov::mock::read_certificate(ca.root_pem())->pem);
  CHECK(server.has_value());
}

TEST_CASE("a second start keeps the authorities, other host names make another server certificate") {
  const test::temporary_folder folder;
  const auto server_text = [](const certificate_authority& ca) {
    std::FILE* in = std::fopen(ca.files().server_certificate.c_str(), "r");
    std::string out(4096, '\0');
    out.resize(std::fread(out.data(), 1, out.size(), in));
    std::fclose(in);
    return out;
  };
  std::string root, server;
  {
    const certificate_authority ca({folder.path(), {}, authority_key::ec_p256});
    root = ca.root_pem();
    server = server_text(ca);
    CHECK(is_signed_by(server, root));
  }
  {
    const certificate_authority ca({folder.path(), {}, authority_key::ec_p256});
    CHECK(ca.root_pem() == root);
    CHECK(server_text(ca) == server);
    CHECK_NOTHROW(ca.open());
  }
  CHECK(std::filesystem::exists(mock_files_in(folder.path()).server_check));
  // What was found good is looked at again when any of it has changed.
  const auto& stranger = test::shared_authority();
  write_file(mock_files_in(folder.path()).server_certificate, server_text(stranger), file_access::everyone_reads);
  {
    const certificate_authority ca({folder.path(), {}, authority_key::ec_p256});
    CHECK(is_signed_by(server_text(ca), root));
  }
  const certificate_authority ca({folder.path(), {"mock.example"}, authority_key::ec_p256});
  CHECK(ca.root_pem() == root);
  CHECK(server_text(ca) != server);
  CHECK_THROWS_AS(certificate_authority({folder.path(), {"a b"}, authority_key::ec_p256}), std::runtime_error);
}

TEST_CASE("certificates are valid in real time also when the mock's clock runs ahead") {
  fleetprov::mock::clock time;
  const instant real = time.now();
  time.advance(std::chrono::hours(5));
  const auto key = *crypto::private_key::generate(crypto::key_type::ec_p256);
  const auto& ca = test::shared_authority();
  CHECK(ca.issue_for_key(*key.to_pem(), time.now()).not_before <= real);
  const auto claim = ca.issue_claim(*key.to_pem(), time.now(), time.now() + std::chrono::minutes(5));
  CHECK(claim.not_after >= time.now() + std::chrono::minutes(4));
}

TEST_CASE("signing requests are checked") {
  const auto csr_of = [](crypto::key_type kind) { return test::service::csr(kind); };
  for (const auto kind : {crypto::key_type::rsa_2048, crypto::key_type::ec_p256, crypto::key_type::ec_p384})
    CHECK(find_csr_fault(csr_of(kind)).empty());
  CHECK_FALSE(find_csr_fault("").empty());
  CHECK_FALSE(find_csr_fault("garbage").empty());
  const std::string good = csr_of(crypto::key_type::ec_p256);
  CHECK_FALSE(find_csr_fault(good + std::string(4096, '\n')).empty());
  std::string broken = good;
  const std::size_t at = broken.size() - 60;  // inside the signature
  broken[at] = broken[at] == 'A' ? 'B' : 'A';
  CHECK_FALSE(find_csr_fault(broken).empty());
  EVP_PKEY* small = EVP_RSA_gen(1024);
  REQUIRE(small != nullptr);
  CHECK_FALSE(find_csr_fault(*crypto::make_csr_pem(crypto::private_key::adopt(small), {"x", "", "", "", ""})).empty());
  EVP_PKEY* curve = EVP_EC_gen("secp256k1");
  REQUIRE(curve != nullptr);
  CHECK_FALSE(find_csr_fault(*crypto::make_csr_pem(crypto::private_key::adopt(curve), {"x", "", "", "", ""})).empty());
  EVP_PKEY* widest = EVP_EC_gen("P-521");
  REQUIRE(widest != nullptr);
  CHECK(find_csr_fault(*crypto::make_csr_pem(crypto::private_key::adopt(widest), {"x", "", "", "", ""})).empty());
  CHECK(error_of([&] { test::shared_authority().issue_for_csr("garbage", instant(0)); }) == "InvalidRequestException 400");
}

TEST_CASE("an EC key that spells its curve out is refused, in a signing request and in a certificate: TLS has no such keys") {
  EVP_PKEY* made = EVP_EC_gen("P-256");
  REQUIRE(made != nullptr);
  REQUIRE(EVP_PKEY_set_utf8_string_param(made, OSSL_PKEY_PARAM_EC_ENCODING, OSSL_PKEY_EC_ENCODING_EXPLICIT) == 1);
  const auto key = crypto::private_key::adopt(made);
  CHECK(find_csr_fault(*crypto::make_csr_pem(key, {"x", "", "", "", ""})).find("named curve") != std::string::npos);
  const std::string pem = self_signed(made);
  REQUIRE(read_certificate(pem));
  test::world w;
  CHECK(error_of([&] { w.registry().register_certificate_without_ca(pem, certificate_status::active); }) == "CertificateValidationException 400");
  CHECK(error_of([&] { w.registry().register_certificate(pem, "", certificate_status::active); }) == "CertificateValidationException 400");
  CHECK(w.registry().list_certificates({}).items.empty());
}

TEST_CASE("the same signing request twice gives two certificates with the fixed subject") {
  fleetprov::mock::clock time;
  const std::string csr = test::service::csr();
  const auto a = test::shared_authority().issue_for_csr(csr, time.now());
  const auto b = test::shared_authority().issue_for_csr(csr, time.now());
  CHECK(a.id != b.id);
  CHECK(crypto::certificate::from_pem(a.pem)->subject() == crypto::distinguished_name{{"CN", "AWS IoT Certificate"}});
}

TEST_CASE("a certificate's status changes within the rules") {
  test::world w;
  registry& r = w.registry();
  const std::string id = w.add_certificate();
  CHECK(r.status_of(id) == certificate_status::active);
  r.update_certificate(id, certificate_status::revoked);
  CHECK(r.describe_certificate(id)->customer_version == 2);
  CHECK(error_of([&] { r.update_certificate(id, certificate_status::pending_activation); }) == "InvalidRequestException 400");
  CHECK(error_of([&] { r.update_certificate(id, certificate_status::pending_transfer); }) == "InvalidRequestException 400");
  CHECK(error_of([&] { r.update_certificate("none", certificate_status::active); }) == "ResourceNotFoundException 404");
  CHECK_FALSE(r.status_of("none").has_value());
}

TEST_CASE("a certificate is deleted in the order AWS wants") {
  test::world w;
  registry& r = w.registry();
  const std::string id = w.add_certificate();
  r.create_policy("p", test::allow_all_policy());
  r.create_thing("t", {});
  r.attach_policy("p", w.arn(id));
  r.attach_thing_principal("t", w.arn(id), principal_type::non_exclusive_thing);
  CHECK(error_of([&] { r.delete_certificate(id, false); }) == "CertificateStateException 406");
  r.update_certificate(id, certificate_status::inactive);
  CHECK(error_of([&] { r.delete_certificate(id, true); }) == "DeleteConflictException 409");
  r.detach_thing_principal("t", w.arn(id));
  CHECK(error_of([&] { r.delete_certificate(id, false); }) == "DeleteConflictException 409");
  r.delete_certificate(id, true);
  CHECK(r.find_certificate(id) == nullptr);
  CHECK(r.list_targets_for_policy("p", {}).items.empty());
}

TEST_CASE("certificates of others are registered with and without their CA") {
  test::world w;
  registry& r = w.registry();
  const auto& ca = test::shared_authority();
  const auto key = *crypto::private_key::generate(crypto::key_type::ec_p256);
  const auto issued = ca.issue_for_key(*key.to_pem(), w.clock().now());
  CHECK(error_of([&] { r.register_certificate(issued.pem, "", certificate_status::active); }) == "CertificateValidationException 400");
  const auto registered_ca = r.register_ca_certificate(ca.device_ca_pem(), certificate_mode::ca_signed, true, false);
  CHECK(error_of([&] { r.register_certificate(issued.pem, ca.root_pem(), certificate_status::active); }) == "CertificateValidationException 400");
  CHECK(r.register_certificate(issued.pem, ca.device_ca_pem(), certificate_status::active)->ca_certificate_id == registered_ca->id);
  CHECK(error_of([&] { r.register_certificate(issued.pem, "", certificate_status::active); }) == "ResourceAlreadyExistsException 409");
  const auto other = ca.issue_for_key(*key.to_pem(), w.clock().now());
  CHECK(r.register_certificate_without_ca(other.pem, certificate_status::inactive)->mode == certificate_mode::sni_only);
  CHECK(error_of([&] { r.register_certificate_without_ca("x", certificate_status::active); }) == "CertificateValidationException 400");
  CHECK(error_of([&] { r.register_ca_certificate(other.pem, certificate_mode::ca_signed, true, false); }) == "CertificateValidationException 400");
  CHECK(r.list_certificates({}).items.size() == 2);
}

TEST_CASE("a CA's registration config is checked as `check` does, and must name a JITP template") {
  test::world w;
  registry& r = w.registry();
  const std::string ca = test::shared_authority().device_ca_pem();
  const std::string resources = R"("c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"}}})";
  const std::string good = R"({"Resources":{)" + resources + "}}";
  const std::string role = test::role_arn();
  w.add_template("Fleet", test::fleet_template());
  template_settings jitp;
  jitp.name = "Jitp";
  jitp.body = good;
  jitp.role_arn = role;
  jitp.type = template_type::jitp;
  r.create_template(jitp);

  const std::string no_policy = R"({"Resources":{)" + resources + R"(,"p":{"Type":"AWS::IoT::Policy","Properties":{}}}})";
  const auto words_of = [&](const ca_registration& config) {
    try {
      r.register_ca_certificate(ca, certificate_mode::ca_signed, true, true, config);
      return std::string("accepted");
    } catch (const aws_error& refused) {
      return std::to_string(refused.http_status()) + " " + refused.message();
    }
  };
  const auto begins = [&](const ca_registration& config, const std::string& wanted) {
    const std::string words = words_of(config);
    CAPTURE(wanted, words);
    CHECK(words.compare(0, wanted.size(), wanted) == 0);
  };
  begins({no_policy, role, {}}, "400 Invalid registration template. Neither policyName nor policyDocument is present in the Template.");
  for (const char* body : {"garbage", "", "[]", "{}", "\"{}\""}) begins({body, role, {}}, "400 Invalid registration template. ");
  begins({good, role, "Jitp"}, "400 Invalid registration config. ");
  begins({good, {}, {}}, "400 Invalid registration config. ");
  begins({good, "role", {}}, "400 Invalid registration config. ");
  begins({{}, role, {}}, "400 Invalid registration config. ");
  begins({{}, {}, "no name!"}, "400 Invalid registration config. ");
  begins({{}, {}, "Fleet"}, "400 A registration config takes a template of type JITP");
  begins({{}, {}, "Nobody"}, "404 ");
  begins({good, role, {}}, "accepted");

  const std::string id = r.list_ca_certificates("", {}).items.at(0)->id;
  const auto update = [&](const ca_registration& config) {
    return error_of([&] { r.update_ca_certificate(id, std::nullopt, std::nullopt, config); });
  };
  CHECK(update({"garbage", role, {}}) == "InvalidRequestException 400");
  CHECK(update({{}, {}, "Fleet"}) == "InvalidRequestException 400");
  CHECK(r.describe_ca_certificate(id)->registration_template_body == good);
  CHECK(update({{}, {}, "Jitp"}).empty());
  CHECK(r.describe_ca_certificate(id)->registration_template_body.empty());
  CHECK(r.list_ca_certificates("Jitp", {}).items.size() == 1);
  CHECK(r.list_ca_certificates("Fleet", {}).items.empty());
  CHECK(update({}).empty());
  CHECK(r.list_ca_certificates("Jitp", {}).items.empty());
}
