#include <fleetprov/payloads/codec.hpp>

#include <nlohmann/json.hpp>

#include "support/catch.hpp"

#include <rapidcheck.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

using namespace fleetprov;
using namespace fleetprov::payloads;
using topics::payload_format;

namespace {

/// Text of well-formed UTF-8, rich in what must be escaped.
rc::Gen<std::string> any_text() {
  return rc::gen::map(
      rc::gen::container<std::vector<std::uint32_t>>(rc::gen::oneOf(
          rc::gen::inRange<std::uint32_t>(0, 0x80), rc::gen::element<std::uint32_t>('"', '\\', '\n', '/', 0xE9, 0x20AC, 0x1F600),
          rc::gen::inRange<std::uint32_t>(0x80, 0xD800), rc::gen::inRange<std::uint32_t>(0xE000, 0x110000))),
      [](const std::vector<std::uint32_t>& points) {
        std::string out;
        const auto put = [&out](std::uint32_t byte) { out += static_cast<char>(static_cast<unsigned char>(byte)); };
        for (const std::uint32_t c : points) {
          if (c < 0x80) {
            put(c);
          } else if (c < 0x800) {
            put(0xC0U | c >> 6U), put(0x80U | (c & 0x3FU));
          } else if (c < 0x10000) {
            put(0xE0U | c >> 12U), put(0x80U | (c >> 6U & 0x3FU)), put(0x80U | (c & 0x3FU));
          } else {
            put(0xF0U | c >> 18U), put(0x80U | (c >> 12U & 0x3FU)), put(0x80U | (c >> 6U & 0x3FU)), put(0x80U | (c & 0x3FU));
          }
        }
        return out;
      });
}

using text_map = std::map<std::string, std::string>;

rc::Gen<text_map> any_map() { return rc::gen::container<text_map>(any_text(), any_text()); }

template <class Message>
Message through(const Message& message, payload_format format) {
  const auto bytes = encode(message, format);
  RC_ASSERT(bytes.has_value());
  // What we write, nlohmann/json reads as the same document in both formats.
  const auto tree = format == payload_format::json ? nlohmann::json::parse(*bytes, nullptr, false)
                                                   : nlohmann::json::from_cbor(*bytes, true, false);
  RC_ASSERT(tree.is_object());
  auto back = decode<Message>(bytes->data(), bytes->size(), format);
  RC_ASSERT(back.has_value());
  return std::move(*back);
}

rc::Gen<std::string> json_like() {
  return rc::gen::map(
      rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
          "{", "}", "[", "]", ",", ":", "\"a\"", "\"b\"", "\"\"", "1", "0", "-", "1.5", "e3", "E-1", "true", "false", "null", " ",
          "\n", "\\", "\"", "\\u0041", "\\ud83d\\ude00", "\\ud83d", "\xC3\xA9", "\xFF", "x", "{\"a\":", "\"c\":[", "01", "\t")),
      [](const std::vector<std::string>& parts) {
        std::string out;
        for (const std::string& part : parts) out += part;
        return out;
      });
}

/// Whether nlohmann/json finds two equal keys in one of the maps our reader looks into, here: the root.
struct root_duplicates : nlohmann::json::json_sax_t {
  int depth = 0;
  bool found = false;
  std::map<std::string, int> seen;
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return ++depth > 0; }
  bool key(string_t& name) override {
    if (depth == 1 && ++seen[name] > 1) found = true;
    return true;
  }
  bool end_object() override { return --depth >= 0; }
  bool start_array(std::size_t) override { return ++depth > 0; }
  bool end_array() override { return --depth >= 0; }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }
};

}  // namespace

TEST_CASE("every message comes back from JSON and from CBOR as it was") {
  const bool held = rc::check("round trip", [] {
    const auto format = *rc::gen::element(payload_format::json, payload_format::cbor);
    const std::string a = *any_text(), b = *any_text(), c = *any_text();
    const auto some = *rc::gen::arbitrary<bool>();
    const text_map map = *any_map();

    RC_ASSERT(through(create_certificate_from_csr_request{a}, format).certificate_signing_request == a);

    const auto registering = through(register_thing_request{secret(a), map}, format);
    RC_ASSERT(registering.certificate_ownership_token.reveal() == a);
    RC_ASSERT(registering.parameters == map);

    const auto thing = through(register_thing_response{some ? std::optional<std::string>(b) : std::nullopt, map}, format);
    RC_ASSERT(thing.thing_name.has_value() == some && (!some || *thing.thing_name == b));
    RC_ASSERT(thing.device_configuration == map);

    certificate_response issued{a, b, std::nullopt, secret(c)};
    if (some) issued.private_key = secret(b);
    const auto got = through(issued, format);
    RC_ASSERT(got.certificate_id == a && got.certificate_pem == b && got.certificate_ownership_token.reveal() == c);
    RC_ASSERT(got.private_key.has_value() == some && (!some || got.private_key->reveal() == b));

    error_response error;
    if (some) error.status_code = *rc::gen::arbitrary<int>();
    error.error_message = c;
    const auto refused = through(error, format);
    RC_ASSERT(refused.status_code == error.status_code && !refused.error_code && refused.error_message == c);
  });
  CHECK(held);
}

TEST_CASE("the JSON reader accepts what nlohmann/json accepts, but for duplicate keys") {
  const bool held = rc::check("same language", [] {
    std::string text = *json_like();
    if (*rc::gen::arbitrary<bool>()) text = "{\"k\":" + text + "}";
    const auto got = decode<create_keys_and_certificate_request>(reinterpret_cast<const std::uint8_t*>(text.data()),
                                                                 text.size(), payload_format::json);
    if (text.empty()) RC_DISCARD("no bytes are a request");
    root_duplicates others;
    const bool accepted = nlohmann::json::sax_parse(text, &others);
    const bool is_map = accepted && nlohmann::json::parse(text).is_object();
    if (got) RC_ASSERT(is_map && !others.found);
    else if (is_map) RC_ASSERT(others.found || got.error().code == errc::too_deep);
    if (!accepted && !got) RC_ASSERT(got.error().code != errc::wrong_type || text[0] != '{');
  });
  CHECK(held);
}

TEST_CASE("hostile bytes never decode to what encodes differently") {
  const bool held = rc::check("decode, encode, decode", [] {
    const auto format = *rc::gen::element(payload_format::json, payload_format::cbor);
    // Start from a good message and damage it: pure noise never gets past the first byte.
    const auto good = encode(register_thing_request{secret("T"), {{"a", "b"}, {"c", "d"}}}, format);
    std::vector<std::uint8_t> bytes = *good;
    const int changes = *rc::gen::inRange(0, 4);
    for (int i = 0; i < changes; ++i)
      bytes[*rc::gen::inRange<std::size_t>(0, bytes.size())] = *rc::gen::arbitrary<std::uint8_t>();
    bytes.resize(*rc::gen::oneOf(rc::gen::just(bytes.size()), rc::gen::inRange<std::size_t>(1, bytes.size())));
    const auto read = decode<register_thing_request>(bytes.data(), bytes.size(), format);
    if (!read) {
      RC_ASSERT(read.error().offset <= bytes.size());
      return;
    }
    const auto again = encode(*read, format);
    RC_ASSERT(again.has_value());
    const auto back = decode<register_thing_request>(again->data(), again->size(), format);
    RC_ASSERT(back.has_value());
    RC_ASSERT(back->parameters == read->parameters);
    RC_ASSERT(back->certificate_ownership_token.reveal() == read->certificate_ownership_token.reveal());
  });
  CHECK(held);
}
