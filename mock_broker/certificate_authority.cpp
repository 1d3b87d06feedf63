#include <fleetprov/crypto/certificate.hpp>
#include <fleetprov/crypto/private_key.hpp>
#include <fleetprov/topics/limits.hpp>
#include <mock_broker/certificate_authority.hpp>
#include <mock_broker/errors.hpp>
#include <mock_broker/files.hpp>
#include <mock_broker/random.hpp>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <mutex>
#include <stdexcept>

namespace fleetprov::mock {
namespace {

using crypto::private_key;
using crypto::detail::bio_ptr;
using crypto::detail::error_queue_guard;
using crypto::detail::key_ptr;
using crypto::detail::number_ptr;
using crypto::detail::request_ptr;
using crypto::detail::x509_ptr;

constexpr std::chrono::seconds back_dating{120};
/// Every certificate of AWS IoT ends then: AWS IoT Developer Guide, "X.509 client certificates".
constexpr const char* aws_not_after = "20491231235959Z";

void must(bool good, const char* doing) {
  if (!good) throw std::runtime_error(std::string("OpenSSL cannot ") + doing);
}

instant real_now() {
  return std::chrono::duration_cast<instant>(std::chrono::system_clock::now().time_since_epoch());
}

struct name_field {
  const char* type;
  const char* value;
};
constexpr std::array<name_field, 1> device_subject{{{"CN", "AWS IoT Certificate"}}};
constexpr std::array<name_field, 5> device_issuer{{{"OU", "Amazon Web Services"},
                                                   {"O", "Amazon.com Inc."},
                                                   {"L", "Seattle"},
                                                   {"ST", "Washington"},
                                                   {"C", "US"}}};
constexpr std::array<name_field, 2> root_subject{{{"O", "fleetprov"}, {"CN", "fleetprov mock root CA"}}};
constexpr std::array<name_field, 2> server_subject{{{"O", "fleetprov"}, {"CN", "fleetprov mock broker"}}};

template <std::size_t N>
void set_name(X509_NAME* to, const std::array<name_field, N>& fields) {
  for (const name_field& field : fields)
    must(X509_NAME_add_entry_by_txt(to, field.type, MBSTRING_ASC,
                                    reinterpret_cast<const unsigned char*>(field.value), -1, -1, 0) == 1,
         "write a name");
}

void set_time(ASN1_TIME* to, instant at) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(at).count();
  must(ASN1_TIME_set(to, static_cast<time_t>(seconds)) != nullptr, "write a time");
}

void set_serial(X509* to) {
  auto bytes = random_bytes<20>();
  bytes[0] = static_cast<unsigned char>((bytes[0] & 0x7FU) | 0x40U);  // positive, always 20 bytes long
  const number_ptr number(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
  must(number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(to)) != nullptr, "write a serial number");
}

void add_extension(X509* to, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, to, nullptr, nullptr, 0);
  X509_EXTENSION* made = X509V3_EXT_nconf_nid(nullptr, &context, nid, value);
  must(made != nullptr, "write an extension");
  const bool added = X509_add_ext(to, made, -1) == 1;
  X509_EXTENSION_free(made);
  must(added, "add an extension");
}

/// The public key of a request as it was encoded: OpenSSL would write it out and read it in again, a fifth of the time
/// that a certificate takes. False where the key's parameters are neither a named curve nor RSA's NULL.
bool copy_public_key(X509* to, const X509_PUBKEY* from) {
  const unsigned char* bits = nullptr;
  int size = 0;
  X509_ALGOR* algorithm = nullptr;
  if (from == nullptr || X509_PUBKEY_get0_param(nullptr, &bits, &size, &algorithm, from) != 1) return false;
  const ASN1_OBJECT* kind = nullptr;
  int parameter_type = V_ASN1_UNDEF;
  const void* parameter = nullptr;
  X509_ALGOR_get0(&kind, &parameter_type, &parameter, algorithm);
  if (parameter_type != V_ASN1_OBJECT && parameter_type != V_ASN1_NULL) return false;
  using object_ptr = std::unique_ptr<ASN1_OBJECT, crypto::detail::freed_by<&ASN1_OBJECT_free>>;
  object_ptr curve(parameter_type == V_ASN1_OBJECT ? OBJ_dup(static_cast<const ASN1_OBJECT*>(parameter)) : nullptr);
  std::unique_ptr<unsigned char, crypto::detail::freed_by_openssl> copy(
      static_cast<unsigned char*>(OPENSSL_memdup(bits, static_cast<std::size_t>(size))));
  if (!copy || X509_PUBKEY_set0_param(X509_get_X509_PUBKEY(to), OBJ_dup(kind), parameter_type, curve.get(), copy.get(), size) != 1)
    return false;
  (void)curve.release();
  (void)copy.release();
  return true;
}

/// `as_requested`: the same key as a request holds it, or null.
x509_ptr blank_certificate(EVP_PKEY* public_half, const X509_PUBKEY* as_requested = nullptr) {
  x509_ptr out(X509_new());
  must(out && X509_set_version(out.get(), X509_VERSION_3) == 1 &&
           (copy_public_key(out.get(), as_requested) || X509_set_pubkey(out.get(), public_half) == 1),
       "make a certificate");
  set_serial(out.get());
  return out;
}

void sign(X509* what, EVP_PKEY* with) { must(X509_sign(what, with, EVP_sha256()) > 0, "sign a certificate"); }

private_key make_key(crypto::key_type kind) {
  auto made = private_key::generate(kind);
  if (!made) throw std::runtime_error("OpenSSL cannot make a key");
  return std::move(*made);
}

secret pem_of(const private_key& key) {
  auto text = key.to_traditional_pem();
  if (!text) throw std::runtime_error("OpenSSL cannot write a key");
  return std::move(*text);
}

std::string pem_of(X509* what) {
  std::string out = crypto::certificate::share(what).to_pem();
  must(!out.empty(), "write a certificate");
  return out;
}

struct signer {
  private_key key;
  x509_ptr certificate;
  std::string pem;
};

template <std::size_t N>
x509_ptr make_ca(EVP_PKEY* key, const std::array<name_field, N>& name) {
  x509_ptr out = blank_certificate(key);
  set_name(X509_get_subject_name(out.get()), name);
  set_name(X509_get_issuer_name(out.get()), name);
  set_time(X509_getm_notBefore(out.get()), real_now() - std::chrono::hours(24));
  must(ASN1_TIME_set_string_X509(X509_getm_notAfter(out.get()), aws_not_after) == 1, "write a time");
  add_extension(out.get(), out.get(), NID_basic_constraints, "critical,CA:TRUE");
  add_extension(out.get(), out.get(), NID_key_usage, "critical,keyCertSign,cRLSign,digitalSignature");
  add_extension(out.get(), out.get(), NID_subject_key_identifier, "hash");
  sign(out.get(), key);
  return out;
}

/// A key and certificate from two files; empty unless both are there and belong together.
std::optional<signer> read_signer(const std::filesystem::path& key_file, const std::filesystem::path& pem_file) {
  const auto key_text = read_secret_file(key_file);
  const auto pem = read_file(pem_file);
  if (!key_text || !pem) return std::nullopt;
  auto key = private_key::from_pem(*key_text);
  const auto certificate = crypto::certificate::from_pem(*pem);
  if (!key || !certificate || !certificate->matches(*key))
    throw std::runtime_error("not a certificate and its key: " + pem_file.string() + ", " + key_file.string());
  X509_up_ref(certificate->native());
  return signer{std::move(*key), x509_ptr(certificate->native()), *pem};
}

template <std::size_t N>
signer make_signer(const std::filesystem::path& key_file, const std::filesystem::path& pem_file, crypto::key_type kind,
                   const std::array<name_field, N>& name) {
  private_key key = make_key(kind);
  x509_ptr made = make_ca(key.native(), name);
  std::string pem = pem_of(made.get());
  write_file(key_file, pem_of(key).reveal(), file_access::owner_only);
  write_file(pem_file, pem, file_access::everyone_reads);
  return {std::move(key), std::move(made), std::move(pem)};
}

/// As `read_signer`, for files that were there before.
signer reread_signer(const std::filesystem::path& key_file, const std::filesystem::path& pem_file) {
  auto found = read_signer(key_file, pem_file);
  if (!found) throw std::runtime_error("cannot read " + pem_file.string() + " and " + key_file.string());
  return std::move(*found);
}

bool is_address(const std::string& host) {
  ASN1_OCTET_STRING* bytes = a2i_IPADDRESS(host.c_str());
  ASN1_OCTET_STRING_free(bytes);
  return bytes != nullptr;
}

bool covers(X509* server, const std::vector<std::string>& hosts) {
  const auto month_ahead = static_cast<time_t>(std::chrono::duration_cast<std::chrono::seconds>(real_now()).count()) +
                           30 * 24 * 3600;
  time_t at = month_ahead;
  if (X509_cmp_time(X509_get0_notAfter(server), &at) <= 0) return false;
  return std::all_of(hosts.begin(), hosts.end(), [&](const std::string& host) {
    return is_address(host) ? X509_check_ip_asc(server, host.c_str(), 0) == 1
                            : X509_check_host(server, host.data(), host.size(), 0, nullptr) == 1;
  });
}

void check_host(const std::string& host) {
  const bool good = !host.empty() && host.size() <= 253 &&
                    host.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:*_") ==
                        std::string::npos;
  if (!good) throw std::runtime_error("not a host name or address: `" + host + "`");
}

x509_ptr make_server(const signer& root, EVP_PKEY* key, const std::vector<std::string>& hosts) {
  x509_ptr out = blank_certificate(key);
  set_name(X509_get_subject_name(out.get()), server_subject);
  must(X509_set_issuer_name(out.get(), X509_get_subject_name(root.certificate.get())) == 1, "write a name");
  set_time(X509_getm_notBefore(out.get()), real_now() - std::chrono::hours(24));
  set_time(X509_getm_notAfter(out.get()), real_now() + std::chrono::hours(24 * 800));
  std::string names;
  for (const std::string& host : hosts) names += (names.empty() ? "" : ",") + std::string(is_address(host) ? "IP:" : "DNS:") + host;
  add_extension(out.get(), root.certificate.get(), NID_basic_constraints, "critical,CA:FALSE");
  add_extension(out.get(), root.certificate.get(), NID_key_usage, "critical,digitalSignature");
  add_extension(out.get(), root.certificate.get(), NID_ext_key_usage, "serverAuth");
  add_extension(out.get(), root.certificate.get(), NID_subject_alt_name, names.c_str());
  add_extension(out.get(), root.certificate.get(), NID_subject_key_identifier, "hash");
  add_extension(out.get(), root.certificate.get(), NID_authority_key_identifier, "keyid:always");
  sign(out.get(), root.key.native());
  return out;
}

instant moment(const ASN1_TIME* at) {
  return instant(std::chrono::seconds(crypto::detail::epoch_seconds(at).value_or(0)));
}

/// The CSR of `pem`, or why it cannot be accepted.
struct csr_check {
  request_ptr request;
  std::string fault;
};

/// A curve that is spelt out instead of named: TLS has no such keys (RFC 5480, 2.1.1; RFC 8422, 5.1.1), whoever gets a
/// certificate for one can never connect.
bool has_explicit_curve(EVP_PKEY* key) {
  int is_explicit = 0;
  return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
         EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &is_explicit) == 1 && is_explicit != 0;
}

bool is_accepted_key(EVP_PKEY* key) {
  if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA) return EVP_PKEY_get_bits(key) >= 2048;
  if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC || has_explicit_curve(key)) return false;
  std::array<char, 64> name{};
  std::size_t length = 0;
  if (EVP_PKEY_get_group_name(key, name.data(), name.size(), &length) != 1) return false;
  const int curve = OBJ_txt2nid(name.data());
  return curve == NID_X9_62_prime256v1 || curve == NID_secp384r1 || curve == NID_secp521r1;
}

csr_check check_csr(std::string_view pem) {
  const error_queue_guard quiet;
  if (pem.empty()) return {nullptr, "the certificate signing request is empty"};
  if (pem.size() > topics::limits::max_csr_characters)
    return {nullptr, "the certificate signing request is longer than " + std::to_string(topics::limits::max_csr_characters) + " characters"};
  const bio_ptr in = crypto::detail::reading(pem);
  must(static_cast<bool>(in), "read");
  request_ptr request(PEM_read_bio_X509_REQ(in.get(), nullptr, &crypto::detail::no_passphrase, nullptr));
  if (!request) return {nullptr, "the certificate signing request is not a PEM PKCS#10 request"};
  EVP_PKEY* key = X509_REQ_get0_pubkey(request.get());
  if (key == nullptr || !is_accepted_key(key))
    return {nullptr, "the key must be RSA with at least 2048 bits, or EC on the named curve P-256, P-384 or P-521"};
  if (X509_REQ_verify(request.get(), key) != 1)
    return {nullptr, "the signature of the certificate signing request does not verify"};
  return {std::move(request), ""};
}

}  // namespace

struct certificate_authority::state {
  authority_options how;
  mock_files files;
  std::filesystem::path root_key, device_ca_key;
  std::string root_pem, device_ca_pem;
  // Reading a private key takes OpenSSL 3.0 about as long as a handshake: what a start does not need waits.
  mutable std::once_flag once;
  mutable std::optional<signer> devices;

  const signer& device_signer() const {
    std::call_once(once, [this] {
      if (!devices) devices = reread_signer(device_ca_key, files.device_ca);
    });
    return *devices;
  }

  issued_certificate issue(EVP_PKEY* public_half, const X509_PUBKEY* as_requested, instant now,
                           std::optional<instant> not_after) const {
    x509_ptr out = blank_certificate(public_half, as_requested);
    const signer& with = device_signer();
    X509* issuer = with.certificate.get();
    set_name(X509_get_subject_name(out.get()), device_subject);
    must(X509_set_issuer_name(out.get(), X509_get_subject_name(issuer)) == 1, "write a name");
    set_time(X509_getm_notBefore(out.get()), not_before_at(now));
    if (not_after)
      set_time(X509_getm_notAfter(out.get()), std::max(*not_after, real_now() + (*not_after - now)));
    else
      must(ASN1_TIME_set_string_X509(X509_getm_notAfter(out.get()), aws_not_after) == 1, "write a time");
    add_extension(out.get(), issuer, NID_authority_key_identifier, "keyid:always");
    add_extension(out.get(), issuer, NID_subject_key_identifier, "hash");
    add_extension(out.get(), issuer, NID_basic_constraints, "critical,CA:FALSE");
    add_extension(out.get(), issuer, NID_key_usage, "critical,digitalSignature");
    sign(out.get(), with.key.native());
    const auto read = crypto::certificate::share(out.get());
    return {read.certificate_id(), pem_of(out.get()), moment(X509_get0_notBefore(out.get())),
            moment(X509_get0_notAfter(out.get()))};
  }

  issued_certificate issue(const secret& private_key_pem, instant now, std::optional<instant> not_after) const {
    const error_queue_guard quiet;
    const auto key = private_key::from_pem(private_key_pem);
    if (!key) throw std::runtime_error("unreadable private key");
    return issue(key->native(), nullptr, now, not_after);
  }
};

namespace {

/// The text of an authority's certificate whose key is there as well; empty where it has to be made.
std::optional<std::string> find_ca(const std::filesystem::path& key_file, const std::filesystem::path& pem_file) {
  auto pem = std::filesystem::exists(key_file) ? read_file(pem_file) : std::nullopt;
  // The broker would end with words of its own; parsing it here would cost every start a fraction of a millisecond.
  if (pem && pem->find("-----BEGIN CERTIFICATE-----") == std::string::npos)
    throw std::runtime_error("not a certificate: " + pem_file.string());
  return pem;
}

/// Everything that the answer of `has_server` depends on, for `server.checked`.
std::string check_mark(const std::string& root_pem, const std::string& server_pem, const std::vector<std::string>& hosts) {
  std::string out = root_pem + server_pem;
  for (const std::string& host : hosts) out += host + "\n";
  return out + std::to_string(real_now() / std::chrono::hours(24)) + "\n";
}

/// Whether the server's certificate is there, the root's, and good for these names for another month. The broker itself
/// checks that its key belongs to it. What was found good within the last day is not looked at again: OpenSSL 3.0 would
/// take a tenth of a start for it.
bool has_server(const mock_files& files, const std::string& root_pem, const std::vector<std::string>& hosts) {
  const auto pem = std::filesystem::exists(files.server_key) ? read_file(files.server_certificate) : std::nullopt;
  if (!pem) return false;
  const std::string mark = check_mark(root_pem, *pem, hosts);
  if (read_file(files.server_check) == mark) return true;
  const auto root = crypto::certificate::from_pem(root_pem);
  if (!root) throw std::runtime_error("not a certificate: " + files.root.string());
  const auto server = crypto::certificate::from_pem(*pem);
  if (!server || !covers(server->native(), hosts) ||
      X509_verify(server->native(), X509_get0_pubkey(root->native())) != 1)
    return false;
  write_file(files.server_check, mark, file_access::owner_only);
  return true;
}

}  // namespace

certificate_authority::certificate_authority(authority_options how) : state_(std::make_unique<state>()) {
  const error_queue_guard quiet;
  state& s = *state_;
  s.how = std::move(how);
  const std::filesystem::path directory = std::filesystem::absolute(s.how.directory);
  make_private_directory(directory);
  s.files = mock_files_in(directory);
  make_private_directory(s.files.hidden);
  s.root_key = s.files.hidden / "root.key";
  s.device_ca_key = s.files.hidden / "device-ca.key";
  std::optional<signer> root;
  if (auto found = find_ca(s.root_key, s.files.root)) {
    s.root_pem = std::move(*found);
  } else {
    root = make_signer(s.root_key, s.files.root, crypto::key_type::ec_p256, root_subject);
    s.root_pem = root->pem;
  }
  if (auto found = find_ca(s.device_ca_key, s.files.device_ca)) {
    s.device_ca_pem = std::move(*found);
  } else {
    const bool is_rsa = s.how.device_ca_key == authority_key::rsa_2048;
    s.devices = make_signer(s.device_ca_key, s.files.device_ca, is_rsa ? crypto::key_type::rsa_2048 : crypto::key_type::ec_p256,
                            device_issuer);
    s.device_ca_pem = s.devices->pem;
  }
  std::vector<std::string> hosts{"localhost", "127.0.0.1", "::1"};
  for (const std::string& host : s.how.host_names) {
    check_host(host);
    if (std::find(hosts.begin(), hosts.end(), host) == hosts.end()) hosts.push_back(host);
  }
  if (has_server(s.files, s.root_pem, hosts)) return;
  if (!root) root = reread_signer(s.root_key, s.files.root);
  const private_key key = make_key(crypto::key_type::ec_p256);
  const x509_ptr made = make_server(*root, key.native(), hosts);
  // The certificate goes first and the key last: a start that finds one of an old pair makes a new one.
  std::filesystem::remove(s.files.server_key);
  write_file(s.files.server_certificate, pem_of(made.get()), file_access::everyone_reads);
  write_file(s.files.server_key, pem_of(key).reveal(), file_access::owner_only);
}

void certificate_authority::open() const {
  const error_queue_guard quiet;
  (void)state_->device_signer();
}

certificate_authority::certificate_authority(certificate_authority&&) noexcept = default;
certificate_authority::~certificate_authority() = default;

const mock_files& certificate_authority::files() const noexcept { return state_->files; }
const std::string& certificate_authority::root_pem() const noexcept { return state_->root_pem; }
const std::string& certificate_authority::device_ca_pem() const noexcept { return state_->device_ca_pem; }

// assumption: notBefore is not documented. TLS stacks compare with real time, so a certificate made while the mock's
// clock runs ahead must be valid in both times.
instant certificate_authority::not_before_at(instant now) { return std::min(now, real_now()) - back_dating; }

issued_certificate certificate_authority::issue_for_key(const secret& private_key_pem, instant now) const {
  return state_->issue(private_key_pem, now, std::nullopt);
}

issued_certificate certificate_authority::issue_for_csr(std::string_view csr_pem, instant now) const {
  const error_queue_guard quiet;
  const csr_check checked = check_csr(csr_pem);
  if (!checked.request) throw aws_error::invalid_request(checked.fault);
  X509_REQ* request = checked.request.get();
  return state_->issue(X509_REQ_get0_pubkey(request), X509_REQ_get_X509_PUBKEY(request), now, std::nullopt);
}

issued_certificate certificate_authority::issue_claim(const secret& private_key_pem, instant now,
                                                      instant not_after) const {
  return state_->issue(private_key_pem, now, not_after);
}

std::string find_csr_fault(std::string_view csr_pem) { return check_csr(csr_pem).fault; }

key_pair generate_rsa_key() {
  const error_queue_guard quiet;
  return read_key_pair(pem_of(make_key(crypto::key_type::rsa_2048)));
}

key_pair read_key_pair(secret private_key_pem) {
  const error_queue_guard quiet;
  const auto key = private_key::from_pem(private_key_pem);
  if (!key) throw std::runtime_error("unreadable private key");
  const bio_ptr out = crypto::detail::writing();
  must(out && PEM_write_bio_PUBKEY(out.get(), key->native()) == 1, "write a public key");
  return {std::move(private_key_pem), std::string(crypto::detail::written(out))};
}

std::optional<certificate_facts> read_certificate(std::string_view pem) {
  const error_queue_guard quiet;
  const auto read = crypto::certificate::from_pem(pem);
  if (!read) return std::nullopt;
  const auto valid = read->valid_between();
  if (!valid) return std::nullopt;
  const auto text = [](const crypto::distinguished_name& name) {
    std::string out;
    for (const crypto::name_part& part : name) out += (out.empty() ? "" : ",") + part.type + "=" + part.value;
    return out;
  };
  certificate_facts out;
  out.id = read->certificate_id();
  out.pem = read->to_pem();
  out.subject = text(read->subject());
  out.issuer = text(read->issuer());
  out.not_before = instant(std::chrono::seconds(valid->not_before));
  out.not_after = instant(std::chrono::seconds(valid->not_after));
  out.is_ca = X509_check_ca(read->native()) == 1;
  EVP_PKEY* key = X509_get0_pubkey(read->native());
  out.has_explicit_curve = key != nullptr && has_explicit_curve(key);
  return out;
}

bool is_signed_by(std::string_view pem, std::string_view ca_pem) {
  const error_queue_guard quiet;
  const auto leaf = crypto::certificate::from_pem(pem);
  const auto ca = crypto::certificate::from_pem(ca_pem);
  if (!leaf || !ca) return false;
  EVP_PKEY* key = X509_get0_pubkey(ca->native());
  return key != nullptr && X509_NAME_cmp(X509_get_issuer_name(leaf->native()), X509_get_subject_name(ca->native())) == 0 &&
         X509_verify(leaf->native(), key) == 1;
}

}  // namespace fleetprov::mock
