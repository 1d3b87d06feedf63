#pragma once

#include <fleetprov/core/result.hpp>
#include <fleetprov/core/secret.hpp>
#include <fleetprov/core/utf8.hpp>
#include <fleetprov/payloads/detail/cbor_reader.hpp>
#include <fleetprov/payloads/detail/json_reader.hpp>
#include <fleetprov/payloads/detail/members.hpp>
#include <fleetprov/payloads/detail/scratch.hpp>
#include <fleetprov/payloads/detail/writers.hpp>
#include <fleetprov/payloads/messages.hpp>
#include <fleetprov/topics/fleet_topics.hpp>
#include <fleetprov/topics/limits.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
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
/// members it does not know (the `certificateId` of old clients among them) are skipped; a member that is null counts as
/// missing. Strict otherwise: one map, nothing after it, no key twice,
/// UTF-8, at most 32 levels.
/// Errors, with the offset of the offending byte where there is one: `encoding`, `invalid_utf8`,
/// `too_deep`, `too_large` (above 131072 bytes), `duplicate_key`, `missing_field`, `wrong_type`.
template <class Message>
result<Message> decode(const std::uint8_t* data, std::size_t size, topics::payload_format format);

namespace detail {

inline constexpr std::size_t max_depth = 32;

using text_map = std::map<std::string, std::string>;

// One overload per type that a member may have. Those for optional members take null as "missing".

template <class Reader>
bool read(Reader& in, std::string& out) {
  const std::optional<std::string_view> text = in.text();
  if (text) out.assign(*text);
  return text.has_value();
}
template <class Reader>
bool read(Reader& in, secret& out) {
  const std::optional<std::string_view> text = in.text();
  if (text) out = secret(*text);
  return text.has_value();
}
template <class Reader>
bool read(Reader& in, int& out) {
  const std::optional<int> value = in.integer();
  if (value) out = *value;
  return value.has_value();
}
template <class Reader>
bool read(Reader& in, text_map& out) {
  if (in.take_null()) return true;
  typename Reader::map_state map;
  if (!in.enter_map(map)) return false;
  while (const std::optional<std::string_view> key = in.next_key(map)) {
    const auto [slot, is_new] = out.try_emplace(std::string(*key));
    if (!is_new) return in.fail_at_key(errc::duplicate_key);
    if (!read(in, slot->second)) return false;
  }
  return !in.failed();
}
template <class Reader, class T>
bool read(Reader& in, std::optional<T>& out) {
  return in.take_null() || read(in, out.emplace());
}

/// Reads the members of one message into `out`.
template <class Reader, class Message>
result<void> read_message(Reader& in, Message& out) {
  typename Reader::map_state map;
  if (!in.enter_map(map)) return in.why();
  std::uint32_t seen = 0, given = 0;  // one bit a member: with a value, and named at all
  std::set<std::string> others;
  while (const std::optional<std::string_view> key = in.next_key(map)) {
    std::uint32_t bit = 1;
    bool known = false;
    visit_members(out, [&](std::string_view name, presence needed, auto& member) {
      if (!known && *key == name) {
        known = true;
        if ((given & bit) != 0) in.fail_at_key(errc::duplicate_key);
        given |= bit;
        if (!in.failed() && !(needed == presence::required && in.take_null()) && read(in, member)) seen |= bit;
      }
      if (!known) bit <<= 1U;
    });
    if (!known && !others.emplace(*key).second) in.fail_at_key(errc::duplicate_key);
    if (in.failed() || (!known && !in.skip())) return in.why();
  }
  if (in.failed() || !in.finish()) return in.why();
  std::uint32_t bit = 1;
  bool complete = true;
  visit_members(out, [&](std::string_view, presence needed, auto&) {
    if (needed == presence::required && (seen & bit) == 0) complete = false;
    bit <<= 1U;
  });
  if (!complete) return errc::missing_field;
  return {};
}

// One overload per type again: whether the member is written, whether it can be, and how.

template <class T>
constexpr bool is_there(const T&) noexcept { return true; }
template <class T>
constexpr bool is_there(const std::optional<T>& member) noexcept { return member.has_value(); }

inline bool is_clean(const std::string& text) noexcept { return is_valid_utf8(text); }
inline bool is_clean(const secret& text) noexcept { return is_valid_utf8(text.reveal()); }
inline bool is_clean(int) noexcept { return true; }
inline bool is_clean(const text_map& map) noexcept {
  for (const auto& [key, value] : map)
    if (!is_valid_utf8(key) || !is_valid_utf8(value)) return false;
  return true;
}
template <class T>
bool is_clean(const std::optional<T>& member) noexcept { return !member || is_clean(*member); }

template <class Writer>
void write(Writer& out, const std::string& text) { out.text(text); }
template <class Writer>
void write(Writer& out, const secret& text) { out.text(text.reveal()); }
template <class Writer>
void write(Writer& out, int value) { out.integer(value); }
template <class Writer>
void write(Writer& out, const text_map& map) {
  out.begin_map(map.size());
  for (const auto& [key, value] : map) {
    out.key(key);
    out.text(value);
  }
  out.end_map();
}
template <class Writer, class T>
void write(Writer& out, const std::optional<T>& member) { write(out, *member); }

template <class Writer, class Message>
void write_message(Writer out, const Message& message) {
  std::size_t members = 0;
  visit_members(message, [&](std::string_view, presence, const auto& member) { members += is_there(member) ? 1U : 0U; });
  out.begin_map(members);
  visit_members(message, [&](std::string_view name, presence, const auto& member) {
    if (!is_there(member)) return;
    out.key(name);
    write(out, member);
  });
  out.end_map();
}

template <class Sink, class Message>
void write_to(Sink& sink, const Message& message, topics::payload_format format) {
  if (format == topics::payload_format::json) write_message(json_writer<Sink>(sink), message);
  else write_message(cbor_writer<Sink>(sink), message);
}

/// How many bytes the message takes. Errors: those of `encode`.
template <class Message>
result<std::size_t> encoded_size(const Message& message, topics::payload_format format) {
  bool clean = true;
  visit_members(message, [&](std::string_view, presence, const auto& member) { clean = clean && is_clean(member); });
  if (!clean) return errc::invalid_utf8;
  byte_counter counted;
  write_to(counted, message, format);
  if (counted.size() > topics::limits::max_payload_bytes) return errc::too_large;
  return counted.size();
}

}  // namespace detail

template <class Message>
result<std::vector<std::uint8_t>> encode(const Message& message, topics::payload_format format) {
  static_assert(detail::is_message<Message>, "not a message of fleetprov/payloads/messages.hpp");
  const result<std::size_t> size = detail::encoded_size(message, format);
  if (!size) return size.error();
  std::vector<std::uint8_t> out(*size);  // exact, so that no outgrown buffer keeps a secret
  detail::byte_writer to(reinterpret_cast<char*>(out.data()));
  detail::write_to(to, message, format);
  return out;
}

template <class Message>
result<secret> encode_secret(const Message& message, topics::payload_format format) {
  result<std::vector<std::uint8_t>> bytes = encode(message, format);
  if (!bytes) return bytes.error();
  secret out(std::string_view(reinterpret_cast<const char*>(bytes->data()), bytes->size()));
  wipe(bytes->data(), bytes->size());
  return out;
}

template <class Message>
result<Message> decode(const std::uint8_t* data, std::size_t size, topics::payload_format format) {
  static_assert(detail::is_message<Message>, "not a message of fleetprov/payloads/messages.hpp");
  if (size > topics::limits::max_payload_bytes)
    return {errc::too_large, static_cast<std::uint32_t>(topics::limits::max_payload_bytes)};
  // AWS documents an empty request; its own clients send `{}` and CBOR `a0`. All three mean the same.
  static constexpr std::uint8_t empty_json[] = {'{', '}'}, empty_cbor[] = {0xA0};
  Message out;
  result<void> read;
  if (format == topics::payload_format::json) {
    detail::json_reader in = size != 0 ? detail::json_reader(data, size, detail::max_depth)
                                       : detail::json_reader(empty_json, 2, detail::max_depth);
    read = detail::read_message(in, out);
  } else {
    detail::cbor_reader in = size != 0 ? detail::cbor_reader(data, size, detail::max_depth)
                                       : detail::cbor_reader(empty_cbor, 1, detail::max_depth);
    read = detail::read_message(in, out);
  }
  if (!read) return read.error();
  return out;
}

}  // namespace fleetprov::payloads
