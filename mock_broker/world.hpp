#pragma once

#include <mock_broker/clock.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fleetprov::policies {
struct policy_document;
}
namespace fleetprov::templates {
struct provisioning_template;
}

namespace fleetprov::mock {

/// What an AWS IoT account holds. Records are immutable snapshots shared by pointer: a change makes a
/// new record. Names and ids are the keys; ARNs are built on the way out (`registry::arn_of`).

using text_map = std::map<std::string, std::string>;

enum class certificate_status : std::uint8_t {
  active, inactive, revoked, pending_transfer, register_inactive, pending_activation
};
std::string_view name_of(certificate_status) noexcept;  ///< "ACTIVE" ...
std::optional<certificate_status> parse_certificate_status(std::string_view text) noexcept;

enum class certificate_mode : std::uint8_t { ca_signed, sni_only };
std::string_view name_of(certificate_mode) noexcept;  ///< "DEFAULT", "SNI_ONLY"

enum class principal_type : std::uint8_t { non_exclusive_thing, exclusive_thing };
std::string_view name_of(principal_type) noexcept;  ///< "NON_EXCLUSIVE_THING" ...
std::optional<principal_type> parse_principal_type(std::string_view text) noexcept;

enum class template_type : std::uint8_t { fleet_provisioning, jitp };
std::string_view name_of(template_type) noexcept;  ///< "FLEET_PROVISIONING", "JITP"
std::optional<template_type> parse_template_type(std::string_view text) noexcept;

struct certificate_record {
  std::string id;   ///< 64 lower-case hex digits: SHA-256 of the DER
  std::string pem;
  certificate_status status = certificate_status::inactive;
  certificate_mode mode = certificate_mode::ca_signed;
  std::string ca_certificate_id;  ///< empty: issued by the mock's own CA, or registered without a CA
  instant created{}, modified{}, not_before{}, not_after{};
  int customer_version = 1;
  std::string generation_id;  ///< UUID, new with each change
};

struct ca_certificate_record {
  std::string id, pem;
  certificate_status status = certificate_status::inactive;  ///< ACTIVE or INACTIVE
  bool auto_registration = false;
  certificate_mode mode = certificate_mode::ca_signed;
  std::string registration_template_body, registration_role_arn, registration_template_name;
  instant created{}, modified{}, not_before{}, not_after{};
  int customer_version = 1;
  std::string generation_id;
  text_map tags;
};

struct policy_version_record {
  std::string id;  ///< "1", "2", ... never reused within a policy
  std::string document;
  instant created{};
  std::shared_ptr<const policies::policy_document> parsed;  ///< never null
};
struct policy_record {
  std::string name;
  std::string default_version;
  std::vector<policy_version_record> versions;  ///< oldest first, never empty
  int next_version = 2;
  instant created{}, modified{};
  std::string generation_id;
  text_map tags;

  const policy_version_record& default_version_record() const;
  const policy_version_record* find_version(std::string_view id) const noexcept;
};

struct thing_record {
  std::string name, id;  ///< id: UUID
  std::string thing_type, billing_group;  ///< empty: none
  text_map attributes;
  std::int64_t version = 1;
  instant created{};
};
struct thing_type_record {
  std::string name, id, description;
  std::vector<std::string> searchable_attributes;
  std::string mqtt5_configuration;  ///< JSON text as it was given; empty: none
  bool deprecated = false;
  instant created{}, deprecation_date{};
  text_map tags;
};
struct thing_group_record {
  std::string name, id, parent, description;  ///< parent empty: a root
  text_map attributes;
  std::int64_t version = 1;
  instant created{};
  text_map tags;
};
struct billing_group_record {
  std::string name, id, description;
  std::int64_t version = 1;
  instant created{};
  text_map tags;
};

struct template_version_record {
  int id = 1;
  std::string body;
  instant created{};
  std::shared_ptr<const templates::provisioning_template> parsed;  ///< null: stored although it does not parse
};
struct hook_reference {
  std::string payload_version = "2020-04-01";
  std::string target_arn;
};
struct template_record {
  std::string name, description, role_arn;
  bool enabled = false;
  template_type type = template_type::fleet_provisioning;
  std::optional<hook_reference> hook;
  int default_version = 1, next_version = 2;
  std::vector<template_version_record> versions;  ///< oldest first, never empty
  instant created{}, modified{};
  text_map tags;

  const template_version_record& default_version_record() const;
  const template_version_record* find_version(int id) const noexcept;
};

/// A certificate ownership token. Its text is nowhere: the key of the table is its SHA-256.
struct token_record {
  std::string digest;  ///< lower-case hex
  std::string certificate_id;
  instant deadline{};
  std::uint64_t connection = 0;  ///< the MQTT connection that got it
  std::string client_id;
  bool spent = false;  ///< `--strict token-once` after a rejected call: no longer usable, sweep still due
};

/// A temporary claim certificate (provisioning by trusted user): not in the certificate list.
struct claim_record {
  std::string certificate_id, pem, template_name;
  instant expires{};
};

/// What the mock remembers of its own starts in a folder (seed.cpp); no operation of AWS shows it.
struct start_note {
  std::string name, text;
};

}  // namespace fleetprov::mock
