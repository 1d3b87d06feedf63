#pragma once

#include <fleetprov/payloads/messages.hpp>

#include <cstdint>
#include <string_view>
#include <type_traits>

namespace fleetprov::payloads::detail {

enum class presence : std::uint8_t { required, optional };

/// Whether there is a `visit_members` for the type.
template <class Message, class... Known>
inline constexpr bool is_one_of = (std::is_same_v<Message, Known> || ...);
template <class Message>
inline constexpr bool is_message =
    is_one_of<Message, create_keys_and_certificate_request, create_certificate_from_csr_request, certificate_response,
              register_thing_request, register_thing_response, error_response>;

template <class Message, class Expected>
using only_for = std::enable_if_t<std::is_same_v<std::remove_const_t<Message>, Expected>, bool>;

// The one table of names on the wire: `visit_members` shows a visitor (name, presence, member) of each
// member, in AWS's order. AWS IoT Developer Guide, "Device provisioning MQTT API".

template <class Message, class Visitor, only_for<Message, create_keys_and_certificate_request> = true>
void visit_members(Message&, Visitor&&) {}

template <class Message, class Visitor, only_for<Message, create_certificate_from_csr_request> = true>
void visit_members(Message& m, Visitor&& visit) {
  visit("certificateSigningRequest", presence::required, m.certificate_signing_request);
}

template <class Message, class Visitor, only_for<Message, certificate_response> = true>
void visit_members(Message& m, Visitor&& visit) {
  visit("certificateId", presence::required, m.certificate_id);
  visit("certificatePem", presence::required, m.certificate_pem);
  visit("privateKey", presence::optional, m.private_key);
  visit("certificateOwnershipToken", presence::required, m.certificate_ownership_token);
}

template <class Message, class Visitor, only_for<Message, register_thing_request> = true>
void visit_members(Message& m, Visitor&& visit) {
  visit("certificateOwnershipToken", presence::required, m.certificate_ownership_token);
  visit("parameters", presence::optional, m.parameters);
}

template <class Message, class Visitor, only_for<Message, register_thing_response> = true>
void visit_members(Message& m, Visitor&& visit) {
  visit("deviceConfiguration", presence::optional, m.device_configuration);
  visit("thingName", presence::optional, m.thing_name);
}

template <class Message, class Visitor, only_for<Message, error_response> = true>
void visit_members(Message& m, Visitor&& visit) {
  visit("statusCode", presence::optional, m.status_code);
  visit("errorCode", presence::optional, m.error_code);
  visit("errorMessage", presence::optional, m.error_message);
}

}  // namespace fleetprov::payloads::detail
