#pragma once

#include <fleetprov/core/secret.hpp>
#include <mock_broker/clock.hpp>
#include <mock_broker/mock_files.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fleetprov::mock {

/// How the mock's own keys are made. RSA as AWS has it; EC starts faster (tests).
enum class authority_key : std::uint8_t { rsa_2048, ec_p256 };

struct authority_options {
  std::filesystem::path directory;         ///< created 0700 where missing
  std::vector<std::string> host_names;     ///< more names or addresses for the server certificate
  authority_key device_ca_key = authority_key::rsa_2048;
};

struct issued_certificate {
  std::string id;   ///< lower-case hex SHA-256 of the DER
  std::string pem;
  instant not_before{}, not_after{};
};

/// A key and its public half, PEM.
struct key_pair {
  secret private_key;      ///< `BEGIN RSA PRIVATE KEY` as AWS sends it
  std::string public_key;  ///< `BEGIN PUBLIC KEY`
};

/// Makes an RSA-2048 key; about 150 ms of one core. Throws std::runtime_error.
key_pair generate_rsa_key();
/// Adds the public half of a PEM key. Throws std::runtime_error for an unreadable one.
key_pair read_key_pair(secret private_key_pem);

/// What a certificate (PEM) says of itself; empty optional where it cannot be read.
struct certificate_facts {
  std::string id, pem, subject, issuer;
  instant not_before{}, not_after{};
  bool is_ca = false;
  bool has_explicit_curve = false;  ///< an EC key without a named curve: TLS has no such keys
};
std::optional<certificate_facts> read_certificate(std::string_view pem);
/// Whether `ca_pem`'s key signed `pem`. False for anything unreadable.
bool is_signed_by(std::string_view pem, std::string_view ca_pem);

/// Two authorities in one folder, made at the first start and kept: the root that clients trust
/// (`AmazonRootCA1.pem`) signs the server certificate; another one signs device certificates, so that no
/// device can pose as the server. Key files are 0600 from their first byte. Thread-safe after construction.
class certificate_authority {
 public:
  /// Makes what is missing in the folder, and a new server certificate when the host names changed: afterwards the
  /// broker can listen. Throws std::runtime_error naming the file, never a key.
  explicit certificate_authority(authority_options how);
  /// Reads the key that device certificates are signed with; the first certificate would do it otherwise.
  /// Throws std::runtime_error when it is not that of the certificate.
  void open() const;
  certificate_authority(certificate_authority&&) noexcept;
  ~certificate_authority();
  certificate_authority(const certificate_authority&) = delete;
  certificate_authority& operator=(const certificate_authority&) = delete;

  const mock_files& files() const noexcept;
  const std::string& root_pem() const noexcept;
  const std::string& device_ca_pem() const noexcept;

  /// The notBefore of a certificate that is issued at `now`.
  static instant not_before_at(instant now);
  /// A device certificate for the public half of `private_key_pem`, contents as docs/fidelity.md says.
  issued_certificate issue_for_key(const secret& private_key_pem, instant now) const;
  /// The same for a CSR. Throws aws_error InvalidRequestException 400 for one that is longer than 4096
  /// characters, unreadable, not signed by its key, or whose key is neither RSA >= 2048 bits nor
  /// P-256, P-384 or P-521. The CSR's subject is not kept (docs/fidelity.md).
  issued_certificate issue_for_csr(std::string_view csr_pem, instant now) const;
  /// A temporary claim certificate that ends at `not_after`.
  issued_certificate issue_claim(const secret& private_key_pem, instant now, instant not_after) const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

/// The check behind `issue_for_csr`: empty where the CSR is acceptable, else what is wrong with it.
std::string find_csr_fault(std::string_view csr_pem);

}  // namespace fleetprov::mock
