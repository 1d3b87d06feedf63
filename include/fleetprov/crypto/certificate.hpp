#pragma once

#include <fleetprov/core/detail/hex.hpp>
#include <fleetprov/core/result.hpp>
#include <fleetprov/crypto/detail/openssl.hpp>
#include <fleetprov/crypto/private_key.hpp>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fleetprov::crypto {

/// One part of a distinguished name, in the order of the certificate.
struct name_part {
  std::string type;  ///< OpenSSL's short name: `CN`, `O`, `dnQualifier`, ...; dotted digits if it knows none
  std::string value;  ///< UTF-8

  friend bool operator==(const name_part& a, const name_part& b) { return a.type == b.type && a.value == b.value; }
};
using distinguished_name = std::vector<name_part>;

/// Seconds since 1970-01-01T00:00:00Z, both inclusive.
struct validity {
  std::int64_t not_before = 0, not_after = 0;
};

/// An X.509 certificate; copies share OpenSSL's object.
class certificate {
 public:
  /// Reads the first certificate of a PEM text; what follows (a chain) is left alone.
  /// Errors: `encoding`, `too_large` (above 64 KiB).
  static result<certificate> from_pem(std::string_view pem);
  /// Reads exactly one DER certificate. Errors: `encoding`, `too_large` (above 64 KiB).
  static result<certificate> from_der(const std::uint8_t* data, std::size_t size);
  /// Takes a reference of its own. `native` must not be null.
  static certificate share(X509* native) noexcept {
    X509_up_ref(native);
    return certificate(detail::x509_ptr(native));
  }

  certificate(const certificate& other) noexcept : certificate(share(other.native())) {}
  certificate& operator=(const certificate& other) noexcept { return *this = certificate(other); }
  certificate(certificate&&) noexcept = default;
  certificate& operator=(certificate&&) noexcept = default;
  ~certificate() = default;

  /// Empty where OpenSSL cannot write the certificate: not all of it is there, or memory is short.
  std::vector<std::uint8_t> to_der() const;
  /// `BEGIN CERTIFICATE`, with a line break at the end; empty where OpenSSL cannot write it.
  std::string to_pem() const;

  /// AWS IoT's id of it: lower-case hex SHA-256 of the DER form; empty where that is.
  std::string certificate_id() const;

  /// The parts in the order of the certificate (RFC 5280 section 4.1.2.4); a value that cannot be shown as UTF-8 is empty.
  distinguished_name subject() const;
  distinguished_name issuer() const;
  /// The certificate's number in decimal, as `iot:Certificate.SerialNumber` shows it.
  std::string serial_number() const;
  /// Errors: `encoding` (a time that X.509 does not allow).
  result<validity> valid_between() const;
  /// Whether the public key belongs to `key`.
  bool matches(const private_key& key) const noexcept;

  /// OpenSSL's object; it stays this object's.
  X509* native() const noexcept { return x509_.get(); }

 private:
  explicit certificate(detail::x509_ptr x509) noexcept : x509_(std::move(x509)) {}
  detail::x509_ptr x509_;
};

/// Lower-case hex SHA-256 of a DER certificate: AWS IoT's certificate id.
std::string certificate_id_of(const std::uint8_t* der, std::size_t size);

namespace detail {

inline constexpr std::size_t max_certificate_bytes = 65536;

inline std::string utf8_of(const ASN1_STRING* text) {
  unsigned char* bytes = nullptr;
  const int size = ASN1_STRING_to_UTF8(&bytes, text);
  const std::unique_ptr<unsigned char, freed_by_openssl> owner(bytes);
  return size > 0 ? std::string(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)) : std::string();
}

inline distinguished_name read_name(const X509_NAME* name) {
  distinguished_name out;
  const int count = X509_NAME_entry_count(name);
  for (int i = 0; i < count; ++i) {
    const X509_NAME_ENTRY* entry = X509_NAME_get_entry(name, i);
    const ASN1_OBJECT* type = X509_NAME_ENTRY_get_object(entry);
    const int known = OBJ_obj2nid(type);
    std::string label;
    if (known != NID_undef) {
      label = OBJ_nid2sn(known);
    } else {
      char digits[128] = {};
      OBJ_obj2txt(digits, sizeof digits, type, 1);
      label = digits;
    }
    out.push_back({std::move(label), utf8_of(X509_NAME_ENTRY_get_data(entry))});
  }
  return out;
}

inline std::string decimal_of(const ASN1_INTEGER* number) {
  const number_ptr big(ASN1_INTEGER_to_BN(number, nullptr));
  if (!big) return {};
  const std::unique_ptr<char, freed_by_openssl> text(BN_bn2dec(big.get()));
  return text ? std::string(text.get()) : std::string();
}

/// Days since 1970-01-01 of a date in the proleptic Gregorian calendar.
constexpr std::int64_t days_from_civil(std::int64_t year, std::int64_t month, std::int64_t day) noexcept {
  year -= month <= 2 ? 1 : 0;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const std::int64_t year_of_era = year - era * 400;
  const std::int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

inline std::optional<std::int64_t> epoch_seconds(const ASN1_TIME* when) noexcept {
  std::tm parts{};
  if (ASN1_TIME_to_tm(when, &parts) != 1) return std::nullopt;
  return days_from_civil(parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday) * 86400 + parts.tm_hour * 3600 +
         parts.tm_min * 60 + parts.tm_sec;
}

}  // namespace detail

inline result<certificate> certificate::from_pem(std::string_view pem) {
  const detail::error_queue_guard quiet;
  if (pem.size() > detail::max_certificate_bytes) return errc::too_large;
  const detail::bio_ptr in = detail::reading(pem);
  if (!in) return errc::crypto;
  detail::x509_ptr read(PEM_read_bio_X509(in.get(), nullptr, &detail::no_passphrase, nullptr));
  if (!read) return errc::encoding;
  return certificate(std::move(read));
}

inline result<certificate> certificate::from_der(const std::uint8_t* data, std::size_t size) {
  const detail::error_queue_guard quiet;
  if (size > detail::max_certificate_bytes) return errc::too_large;
  const unsigned char* at = data;
  detail::x509_ptr read(d2i_X509(nullptr, &at, static_cast<long>(size)));
  if (!read || at != data + size) return errc::encoding;
  return certificate(std::move(read));
}

inline std::vector<std::uint8_t> certificate::to_der() const {
  const detail::error_queue_guard quiet;
  unsigned char* bytes = nullptr;
  const int size = i2d_X509(x509_.get(), &bytes);
  const std::unique_ptr<unsigned char, detail::freed_by_openssl> owner(bytes);
  if (size <= 0) return {};
  return {bytes, bytes + size};
}

inline std::string certificate::to_pem() const {
  const detail::error_queue_guard quiet;
  const detail::bio_ptr out = detail::writing();
  if (!out || PEM_write_bio_X509(out.get(), x509_.get()) != 1) return {};
  return std::string(detail::written(out));
}

inline std::string certificate_id_of(const std::uint8_t* der, std::size_t size) {
  const detail::error_queue_guard quiet;
  unsigned char digest[EVP_MAX_MD_SIZE] = {};
  unsigned int length = 0;
  if (EVP_Digest(der, size, digest, &length, EVP_sha256(), nullptr) != 1) return {};
  return fleetprov::detail::to_hex(digest, length);
}

inline std::string certificate::certificate_id() const {
  const std::vector<std::uint8_t> der = to_der();
  if (der.empty()) return {};
  return certificate_id_of(der.data(), der.size());
}

inline distinguished_name certificate::subject() const {
  const detail::error_queue_guard quiet;
  return detail::read_name(X509_get_subject_name(x509_.get()));
}

inline distinguished_name certificate::issuer() const {
  const detail::error_queue_guard quiet;
  return detail::read_name(X509_get_issuer_name(x509_.get()));
}

inline std::string certificate::serial_number() const {
  const detail::error_queue_guard quiet;
  return detail::decimal_of(X509_get0_serialNumber(x509_.get()));
}

inline result<validity> certificate::valid_between() const {
  const detail::error_queue_guard quiet;
  const auto from = detail::epoch_seconds(X509_get0_notBefore(x509_.get()));
  const auto to = detail::epoch_seconds(X509_get0_notAfter(x509_.get()));
  if (!from || !to) return errc::encoding;
  return validity{*from, *to};
}

inline bool certificate::matches(const private_key& key) const noexcept {
  const detail::error_queue_guard quiet;
  return X509_check_private_key(x509_.get(), key.native()) == 1;
}

}  // namespace fleetprov::crypto
