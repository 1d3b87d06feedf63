#pragma once

#include <fleetprov/core/result.hpp>
#include <fleetprov/core/secret.hpp>
#include <fleetprov/payloads/messages.hpp>
#include <fleetprov/topics/fleet_topics.hpp>
#include <fleetprov/topics/limits.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace fleetprov::payloads {

/// Writes a message of messages.hpp: JSON without blanks, or CBOR with definite lengths and text keys.
/// The bytes hold the message's secrets: `wipe` them, or use `encode_secret`.
/// Errors: `invalid_utf8` (a text of the message), `too_large` (above 131072 bytes).
template <class Message>
result<std::vector<std::uint8_t>> encode(const Message& message, topics::payload_format format);

/// The same into a buffer that wipes itself.
template <class Message>
result<secret> encode_secret(const Message& message, topics::payload_format format);

/// Reads a message of messages.hpp. Private keys and tokens are copied into `secret`s only.
///
/// Tolerant where AWS's clients and service are: a payload of zero bytes counts as an empty map;
/// members it does not know (the `certificateId` of old clients among them) are skipped; an optional
/// member that is null counts as missing. Strict otherwise: one map, nothing after it, no key twice,
/// UTF-8, at most 32 levels.
/// Errors, with the offset of the offending byte where there is one: `encoding`, `invalid_utf8`,
/// `too_deep`, `too_large` (above 131072 bytes), `duplicate_key`, `missing_field`, `wrong_type`.
template <class Message>
result<Message> decode(const std::uint8_t* data, std::size_t size, topics::payload_format format);

}  // namespace fleetprov::payloads
