#pragma once

#include <cstddef>
#include <cstdint>

/// Quotas and bounds of AWS IoT Core, each stated here and nowhere else.
/// Source unless said otherwise: AWS General Reference, "AWS IoT Core endpoints and quotas".
namespace fleetprov::topics::limits {

// Messages and topics
inline constexpr std::size_t max_topic_bytes = 256;     ///< without `$aws/rules/NAME/` and `$share/NAME/`
inline constexpr std::size_t max_topic_slashes = 7;     ///< likewise
inline constexpr std::size_t max_share_name_bytes = 128;
inline constexpr std::size_t max_mqtt_text_bytes = 65535;  ///< MQTT 5 section 1.5.4, any broker
inline constexpr std::size_t max_client_id_bytes = 128;
inline constexpr std::size_t max_payload_bytes = 131072;
inline constexpr std::size_t max_packet_bytes = 149504;  ///< MQTT 5 Maximum Packet Size

// Connections
inline constexpr std::size_t max_filters_per_subscribe = 8;
inline constexpr std::size_t max_subscriptions = 50;           ///< per connection
inline constexpr std::uint32_t min_keep_alive_seconds = 30;
inline constexpr std::uint32_t max_keep_alive_seconds = 1200;  ///< also for 0, "no keep alive"
inline constexpr std::uint32_t max_publishes_per_second = 100;           ///< per connection, in and out
inline constexpr std::uint32_t max_bytes_per_second = 512 * 1024;        ///< per connection
inline constexpr std::uint32_t max_connects_per_second_per_client = 1;
inline constexpr std::uint32_t max_connects_per_second = 500;  ///< per account
inline constexpr std::uint16_t receive_maximum = 100;          ///< QoS 1 in flight, each direction
inline constexpr std::uint16_t max_topic_aliases = 8;
inline constexpr std::uint32_t session_expiry_seconds = 3600;               ///< default
inline constexpr std::uint32_t max_session_expiry_seconds = 7 * 24 * 3600;  ///< on request
inline constexpr std::uint32_t max_message_expiry_seconds = 604800;

// Registry names (AWS IoT API Reference)
inline constexpr std::size_t max_thing_name = 128;
inline constexpr std::size_t max_thing_type_name = 128;
inline constexpr std::size_t max_thing_group_name = 128;
inline constexpr std::size_t max_billing_group_name = 128;
inline constexpr std::size_t max_attribute_name = 128;
inline constexpr std::size_t max_attribute_value = 800;
inline constexpr std::size_t max_attributes = 50;          ///< with a thing type
inline constexpr std::size_t max_attributes_untyped = 3;   ///< without a thing type
inline constexpr std::size_t max_groups_per_thing = 10;

// Policies
inline constexpr std::size_t max_policy_name = 128;
inline constexpr std::size_t certificate_id_length = 64;
inline constexpr std::size_t max_policy_characters = 2048;  ///< white space outside strings not counted
inline constexpr std::size_t max_policy_field_characters = 404600;  ///< API model of CreatePolicy
inline constexpr std::size_t max_policy_versions = 5;
inline constexpr std::size_t max_policies_per_target = 10;
inline constexpr std::size_t max_role_alias = 128;

// Provisioning templates and their MQTT API
inline constexpr std::size_t max_template_name = 36;
inline constexpr std::size_t max_template_body = 10240;       ///< characters
inline constexpr std::size_t max_template_description = 500;  ///< characters
inline constexpr std::size_t min_role_arn = 20;               ///< API model, characters
inline constexpr std::size_t max_role_arn = 2048;             ///< API model, characters
inline constexpr std::size_t max_hook_target_arn = 2048;      ///< API model, characters
// assumption: numbers unknown, chosen like the policy ones; see docs/fidelity.md
inline constexpr std::size_t max_template_versions = 5;
inline constexpr std::size_t max_templates = 256;
inline constexpr std::size_t max_parameter_key = 2048;    ///< RegisterThing API model, characters
inline constexpr std::size_t max_parameter_value = 4096;  ///< RegisterThing API model, characters
inline constexpr std::size_t max_csr_characters = 4096;   ///< CreateCertificateFromCsr API model
inline constexpr std::size_t max_certificate_pem = 65536;  ///< API model
inline constexpr std::uint32_t token_lifetime_seconds = 3600;
inline constexpr std::uint32_t claim_lifetime_seconds = 300;  ///< CreateProvisioningClaim
inline constexpr std::uint32_t hook_timeout_seconds = 5;
inline constexpr std::uint32_t register_thing_per_second = 10;  ///< MQTT API, per account

}  // namespace fleetprov::topics::limits
