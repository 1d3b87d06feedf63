#pragma once

#include <fleetprov/core/detail/hex.hpp>
#include <fleetprov/crypto/certificate.hpp>
#include <fleetprov/crypto/detail/openssl.hpp>

#include <openssl/x509v3.h>

#include <array>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fleetprov::crypto {

/// Values that AWS IoT keeps of an attribute; later ones are ignored.
inline constexpr std::size_t max_certificate_values = 5;

/// What a certificate says in policy variables: full keys (`iot:Certificate.Subject.CommonName`,
/// `iot:CertificateId`) with their raw values in the certificate's order, at most 5 each; only
/// `iot:Certificate.AvailableKeys` names all other `iot:Certificate...` keys. An attribute that is
/// missing has no entry. Escaping, `.n` and `.List` are the evaluator's.
/// AWS IoT Developer Guide, "X.509 certificate policy variables".
std::map<std::string, std::vector<std::string>> certificate_variables(const certificate& of);

namespace detail {

using variables = std::map<std::string, std::vector<std::string>>;

/// OpenSSL's short name and AWS's word; Locality has no variable.
inline constexpr std::array<std::pair<std::string_view, std::string_view>, 13> name_variables{{
    {"dnQualifier", "DistinguishedNameQualifier"},
    {"C", "Country"},
    {"O", "Organization"},
    {"OU", "OrganizationalUnit"},
    {"ST", "State"},
    {"CN", "CommonName"},
    {"serialNumber", "SerialNumber"},
    {"title", "Title"},
    {"SN", "Surname"},
    {"GN", "GivenName"},
    {"initials", "Initials"},
    {"pseudonym", "Pseudonym"},
    {"generationQualifier", "GenerationQualifier"},
}};

inline void add_variable(variables& to, std::string key, std::string value) {
  std::vector<std::string>& values = to[std::move(key)];
  if (values.size() < max_certificate_values) values.push_back(std::move(value));
}

inline void add_name(variables& to, const std::string& prefix, const distinguished_name& name) {
  for (const name_part& part : name)
    for (const auto& [type, word] : name_variables)
      if (part.type == type) add_variable(to, prefix + std::string(word), part.value);
}

/// `/C=US/O=IoT/CN=Bulb` as `cn=Bulb,o=IoT,c=US`, the form of the Developer Guide's example.
// assumption: the values inside are not escaped; the example has none that would need it.
inline std::string directory_name(const distinguished_name& name) {
  std::string out;
  for (auto part = name.rbegin(); part != name.rend(); ++part) {
    if (!out.empty()) out += ',';
    for (const char c : part->type) out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    out += '=';
    out += part->value;
  }
  return out;
}

/// Dotted decimals, or eight hexadecimal groups; empty for any other length.
// assumption: AWS shows no IPv6 example; groups are written out without `::`.
inline std::string ip_address(const ASN1_OCTET_STRING* bytes) {
  const unsigned char* at = ASN1_STRING_get0_data(bytes);
  const int size = ASN1_STRING_length(bytes);
  std::string out;
  if (size == 4) {
    for (int i = 0; i < 4; ++i) out += (i != 0 ? "." : "") + std::to_string(at[i]);
  } else if (size == 16) {
    for (int i = 0; i < 16; i += 2) {
      if (i != 0) out += ':';
      const unsigned group = static_cast<unsigned>(at[i]) << 8U | at[i + 1];
      bool significant = false;
      for (unsigned shift = 16; shift != 0; shift -= 4) {
        const unsigned digit = group >> (shift - 4U) & 15U;
        significant = significant || digit != 0 || shift == 4;
        if (significant) out += fleetprov::detail::hex_digits[digit];
      }
    }
  }
  return out;
}

inline void add_alternative_names(variables& to, const std::string& prefix, const X509* x509, int extension) {
  const names_ptr names(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(x509, extension, nullptr, nullptr)));
  if (!names) return;
  const auto text = [](const ASN1_IA5STRING* s) {
    return std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(s)),
                       static_cast<std::size_t>(ASN1_STRING_length(s)));
  };
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    switch (name->type) {
      case GEN_EMAIL: add_variable(to, prefix + "RFC822Name", text(name->d.rfc822Name)); break;
      case GEN_DNS: add_variable(to, prefix + "DNSName", text(name->d.dNSName)); break;
      case GEN_URI: add_variable(to, prefix + "UniformResourceIdentifier", text(name->d.uniformResourceIdentifier)); break;
      case GEN_DIRNAME: add_variable(to, prefix + "DirectoryName", directory_name(read_name(name->d.directoryName))); break;
      case GEN_IPADD: {
        std::string address = ip_address(name->d.iPAddress);
        if (!address.empty()) add_variable(to, prefix + "IPAddress", std::move(address));
        break;
      }
      default: break;  // no variable
    }
  }
}

}  // namespace detail

inline std::map<std::string, std::vector<std::string>> certificate_variables(const certificate& of) {
  const detail::error_queue_guard quiet;
  detail::variables out;
  const std::string root = "iot:Certificate.";
  detail::add_name(out, root + "Subject.", of.subject());
  detail::add_name(out, root + "Issuer.", of.issuer());
  detail::add_alternative_names(out, root + "Subject.AlternativeName.", of.native(), NID_subject_alt_name);
  detail::add_alternative_names(out, root + "Issuer.AlternativeName.", of.native(), NID_issuer_alt_name);
  detail::add_variable(out, root + "SerialNumber", of.serial_number());
  // assumption: the list holds full keys; AWS gives no example.
  std::vector<std::string> keys;
  for (const auto& [key, values] : out) keys.push_back(key);
  out[root + "AvailableKeys"] = std::move(keys);
  out["iot:CertificateId"] = {of.certificate_id()};
  return out;
}

}  // namespace fleetprov::crypto
