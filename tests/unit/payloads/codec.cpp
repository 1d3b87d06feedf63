#include <fleetprov/payloads/codec.hpp>

#include "support/catch.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

using namespace fleetprov;
using namespace fleetprov::payloads;
using topics::payload_format;

namespace {

constexpr auto json = payload_format::json;
constexpr auto cbor = payload_format::cbor;

std::vector<std::uint8_t> bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

std::vector<std::uint8_t> from_hex(std::string_view hex) {
  std::vector<std::uint8_t> out;
  int high = -1;
  for (const char c : hex) {
    if (c == ' ') continue;
    const int digit = c <= '9' ? c - '0' : c - 'a' + 10;
    if (high < 0) {
      high = digit;
      continue;
    }
    out.push_back(static_cast<std::uint8_t>(high * 16 + digit));
    high = -1;
  }
  return out;
}

template <class Message>
result<Message> read(const std::vector<std::uint8_t>& bytes, payload_format format) {
  return decode<Message>(bytes.data(), bytes.size(), format);
}
template <class Message>
result<Message> read(std::string_view text) {
  return read<Message>(bytes_of(text), json);
}
template <class Message>
failure why(std::string_view text) {
  const result<Message> got = read<Message>(text);
  REQUIRE_FALSE(got.has_value());
  return got.error();
}
template <class Message>
failure why_cbor(std::string_view hex) {
  const result<Message> got = read<Message>(from_hex(hex), cbor);
  REQUIRE_FALSE(got.has_value());
  return got.error();
}
template <class Message>
std::string text_of(const Message& message) {
  const auto bytes = encode(message, json);
  REQUIRE(bytes.has_value());
  return {bytes->begin(), bytes->end()};
}

register_thing_request register_thing(std::string_view token, std::map<std::string, std::string> parameters) {
  return {secret(token), std::move(parameters)};
}

}  // namespace

TEST_CASE("messages are written as AWS shows them in JSON") {
  CHECK(text_of(create_keys_and_certificate_request{}) == "{}");
  CHECK(text_of(create_certificate_from_csr_request{"-----BEGIN\n"}) == R"({"certificateSigningRequest":"-----BEGIN\n"})");
  CHECK(text_of(register_thing("T", {{"SerialNumber", "S1"}})) ==
        R"({"certificateOwnershipToken":"T","parameters":{"SerialNumber":"S1"}})");
  CHECK(text_of(register_thing_response{"S1", {{"FallbackUrl", "https://example.com"}}}) ==
        R"({"deviceConfiguration":{"FallbackUrl":"https://example.com"},"thingName":"S1"})");
  CHECK(text_of(register_thing_response{}) == R"({"deviceConfiguration":{}})");
  CHECK(text_of(error_response{400, "E", "M"}) == R"({"statusCode":400,"errorCode":"E","errorMessage":"M"})");
  CHECK(text_of(error_response{}) == "{}");
  certificate_response issued{"id", "pem", std::nullopt, secret("T")};
  CHECK(text_of(issued) == R"({"certificateId":"id","certificatePem":"pem","certificateOwnershipToken":"T"})");
  issued.private_key = secret("K\n");
  CHECK(text_of(issued) ==
        R"({"certificateId":"id","certificatePem":"pem","privateKey":"K\n","certificateOwnershipToken":"T"})");
}

TEST_CASE("the CBOR vectors of RFC 8949 encoding are written and read") {
  CHECK(*encode(create_keys_and_certificate_request{}, cbor) == from_hex("a0"));
  const auto registering = from_hex(
      "a2 7819 6365727469666963617465 4f776e657273686970 546f6b656e 6154 6a 706172616d6574657273 a1 6c "
      "53657269616c4e756d626572 62 5331");
  CHECK(*encode(register_thing("T", {{"SerialNumber", "S1"}}), cbor) == registering);
  const auto request = read<register_thing_request>(registering, cbor);
  REQUIRE(request.has_value());
  CHECK(request->certificate_ownership_token.reveal() == "T");
  CHECK(request->parameters == std::map<std::string, std::string>{{"SerialNumber", "S1"}});

  const auto accepted = from_hex("a2 73 646576696365436f6e66696775726174696f6e a0 69 7468696e674e616d65 62 5331");
  CHECK(*encode(register_thing_response{"S1", {}}, cbor) == accepted);
  CHECK(read<register_thing_response>(accepted, cbor)->thing_name == "S1");

  const auto rejected = from_hex(
      "a3 6a 737461747573436f6465 190190 69 6572726f72436f6465 6145 6c 6572726f724d657373616765 614d");
  CHECK(*encode(error_response{400, "E", "M"}, cbor) == rejected);
  auto throttled = rejected;
  throttled[14] = 0xAD;
  CHECK(*encode(error_response{429, "E", "M"}, cbor) == throttled);
  CHECK(read<error_response>(throttled, cbor)->status_code == 429);
}

TEST_CASE("an empty create request is no bytes, an empty map in either format, or a map with unknown members") {
  CHECK(read<create_keys_and_certificate_request>({}, json).has_value());
  CHECK(read<create_keys_and_certificate_request>({}, cbor).has_value());
  CHECK(decode<create_keys_and_certificate_request>(nullptr, 0, json).has_value());
  CHECK(read<create_keys_and_certificate_request>("{}").has_value());
  CHECK(read<create_keys_and_certificate_request>(" {\r\n\t} ").has_value());
  CHECK(read<create_keys_and_certificate_request>(from_hex("a0"), cbor).has_value());
  CHECK(read<create_keys_and_certificate_request>(from_hex("bfff"), cbor).has_value());
  CHECK(read<create_keys_and_certificate_request>(R"({"x":[1,{"y":[null,true,-1.5e3]}],"z":"\u00e9"})").has_value());
  CHECK(why<create_keys_and_certificate_request>("hello") == failure{errc::encoding, 0});
  CHECK(why<create_keys_and_certificate_request>("[]") == failure{errc::wrong_type, 0});
  CHECK(why<create_keys_and_certificate_request>("null") == failure{errc::wrong_type, 0});
  CHECK(why<create_keys_and_certificate_request>(" ") == failure{errc::encoding, 1});
  CHECK(why<create_keys_and_certificate_request>("{}{}") == failure{errc::encoding, 2});
}

TEST_CASE("replies may lack what AWS leaves out and hold what it adds later") {
  const auto without = read<register_thing_response>("{}");
  REQUIRE(without.has_value());
  CHECK_FALSE(without->thing_name.has_value());
  CHECK(without->device_configuration.empty());
  CHECK(read<register_thing_response>(R"({"deviceConfiguration":{},"thingName":"S1"})")->thing_name == "S1");
  CHECK_FALSE(read<register_thing_response>(R"({"thingName":null,"deviceConfiguration":null})")->thing_name.has_value());
  CHECK(read<register_thing_response>(R"({"thingName":"S1","later":{"a":[]}})")->thing_name == "S1");
  CHECK_FALSE(read<error_response>("{}")->status_code.has_value());
  CHECK(read<error_response>(R"({"errorMessage":"m"})")->error_message == "m");
  const auto issued = read<certificate_response>(
      R"({"certificateOwnershipToken":"t","certificateId":"i","certificatePem":"p"})");
  REQUIRE(issued.has_value());
  CHECK_FALSE(issued->private_key.has_value());
}

TEST_CASE("the certificate id that old clients send with RegisterThing is ignored") {
  const auto request = read<register_thing_request>(R"({"certificateId":"x","certificateOwnershipToken":"T"})");
  REQUIRE(request.has_value());
  CHECK(request->certificate_ownership_token.reveal() == "T");
  CHECK(request->parameters.empty());
}

TEST_CASE("a required member that is missing or null is a missing field, an empty one is not") {
  CHECK(why<register_thing_request>("").code == errc::missing_field);
  CHECK(why<register_thing_request>("{}").code == errc::missing_field);
  CHECK(why<register_thing_request>(R"({"parameters":{}})").code == errc::missing_field);
  CHECK(why<register_thing_request>(R"({"certificateOwnershipToken":null,"parameters":{}})").code == errc::missing_field);
  CHECK(why<register_thing_request>(R"({"certificateOwnershipToken":nul})").code == errc::encoding);
  CHECK(why<create_certificate_from_csr_request>("{}").code == errc::missing_field);
  CHECK(why<certificate_response>(R"({"certificateId":"i","certificatePem":"p"})").code == errc::missing_field);
  CHECK(read<register_thing_request>(R"({"certificateOwnershipToken":""})")->certificate_ownership_token.empty());
}

TEST_CASE("a member of the wrong type is reported at its value") {
  CHECK(why<register_thing_request>(R"({"certificateOwnershipToken":"T","parameters":{"a":1}})") ==
        failure{errc::wrong_type, 51});
  CHECK(why<register_thing_request>(R"({"certificateOwnershipToken":"T","parameters":{"a":null}})").code == errc::wrong_type);
  CHECK(why<register_thing_request>(R"({"certificateOwnershipToken":"T","parameters":{"a":{"b":1}}})").code == errc::wrong_type);
  CHECK(why<register_thing_request>(R"({"certificateOwnershipToken":"T","parameters":[]})") == failure{errc::wrong_type, 46});
  CHECK(why<register_thing_request>(R"({"certificateOwnershipToken":1})") == failure{errc::wrong_type, 29});
  CHECK(why<error_response>(R"({"statusCode":"400"})") == failure{errc::wrong_type, 14});
  CHECK(why<error_response>(R"({"statusCode":400.0})").code == errc::wrong_type);
  CHECK(why<error_response>(R"({"statusCode":99999999999999999999999})").code == errc::wrong_type);
  CHECK(read<error_response>(R"({"statusCode":-1})")->status_code == -1);
  // token as a byte string, parameters with a number as value, statusCode as text
  CHECK(why_cbor<register_thing_request>("a1 7819 63657274696669636174654f776e657273686970546f6b656e 4154") ==
        failure{errc::wrong_type, 28});
  CHECK(why_cbor<register_thing_request>("a1 6a706172616d6574657273 a1 6161 01") == failure{errc::wrong_type, 15});
  CHECK(why_cbor<error_response>("a1 6a737461747573436f6465 63343030").code == errc::wrong_type);
  CHECK(why_cbor<register_thing_request>("a1 01 02") == failure{errc::wrong_type, 1});
  CHECK(why_cbor<register_thing_request>("80") == failure{errc::wrong_type, 0});
  CHECK(read<error_response>(from_hex("a1 6a737461747573436f6465 20"), cbor)->status_code == -1);
}

TEST_CASE("no key may come twice, known or unknown") {
  CHECK(why<register_thing_request>(R"({"certificateOwnershipToken":"a","certificateOwnershipToken":"b"})") ==
        failure{errc::duplicate_key, 33});
  CHECK(why<register_thing_request>(R"({"x":1,"x":1})") == failure{errc::duplicate_key, 7});
  CHECK(why<register_thing_request>(R"({"parameters":{"a":"1","\u0061":"2"}})") == failure{errc::duplicate_key, 23});
  CHECK(why_cbor<register_thing_request>("a2 6161 01 6161 01") == failure{errc::duplicate_key, 4});
}

TEST_CASE("malformed JSON is refused where it goes wrong") {
  CHECK(why<error_response>("{") == failure{errc::encoding, 1});
  CHECK(why<error_response>("{,}").code == errc::encoding);
  CHECK(why<error_response>(R"({"a":1,})") == failure{errc::encoding, 7});
  CHECK(why<error_response>(R"({"a" 1})") == failure{errc::encoding, 5});
  CHECK(why<error_response>(R"({"a":01})") == failure{errc::encoding, 6});
  CHECK(why<error_response>(R"({"a":1.})") == failure{errc::encoding, 7});
  CHECK(why<error_response>(R"({"a":tru})") == failure{errc::encoding, 5});
  CHECK(why<error_response>(R"({"a":"\x"})") == failure{errc::encoding, 6});
  CHECK(why<error_response>(R"({"a":"\ud800"})") == failure{errc::encoding, 6});
  CHECK(why<error_response>(R"({"a":"\udc00"})").code == errc::encoding);
  CHECK(why<error_response>("{\"a\":\"\n\"}") == failure{errc::encoding, 6});
  CHECK(why<error_response>("{\"a\":\"") == failure{errc::encoding, 6});
  CHECK(why<error_response>("{\"a\":\"\\") == failure{errc::encoding, 7});
  CHECK(why<error_response>("\xEF\xBB\xBF{}") == failure{errc::encoding, 0});
  CHECK(why<error_response>("{} // comment") == failure{errc::encoding, 3});
  CHECK(why<error_response>("{\"errorCode\":\"a\xFF\"}") == failure{errc::invalid_utf8, 15});
  CHECK(why<error_response>("{\"\xC0\xAF\":1}") == failure{errc::invalid_utf8, 2});
}

TEST_CASE("every byte has its meaning wherever it stands in a JSON string") {
  const std::string before = R"({"errorCode":")", after = R"(","statusCode":1,"errorMessage":"m"})";
  for (int byte = 0; byte < 256; ++byte)
    for (std::size_t length = 1; length <= 18; ++length)
      for (std::size_t at = 0; at < length; ++at) {
        CAPTURE(byte, length, at);
        std::string value(length, '~');
        value[at] = static_cast<char>(byte);
        const auto got = read<error_response>(bytes_of(before + value + after), json);
        const std::size_t place = before.size() + at;
        if (byte == '"') {  // ends it: then a comma is missing
          CHECK(got.error() == failure{errc::encoding, static_cast<std::uint32_t>(place + 1)});
        } else if (byte == '\\') {
          CHECK(got.error().code == errc::encoding);
        } else if (byte < 0x20) {
          CHECK(got.error() == failure{errc::encoding, static_cast<std::uint32_t>(place)});
        } else if (byte >= 0x80) {
          CHECK(got.error() == failure{errc::invalid_utf8, static_cast<std::uint32_t>(place)});
        } else {
          CHECK((got && got->error_code == value));
        }
      }
}

TEST_CASE("escapes and raw UTF-8 mean the same text") {
  const auto got = read<error_response>(R"({"errorCode":"\u00e9\ud83d\ude00\/\"\\\b\f\n\r\t\u0000","errorMessage":"é😀"})");
  REQUIRE(got.has_value());
  CHECK(got->error_code == std::string("\xC3\xA9\xF0\x9F\x98\x80/\"\\\b\f\n\r\t\0", 15));
  CHECK(got->error_message == "\xC3\xA9\xF0\x9F\x98\x80");
  CHECK(read<error_response>(R"({"errorCode":"a\nb\u0063d"})")->error_code == "a\nbcd");
  CHECK(read<error_response>(text_of(*got))->error_code == got->error_code);
}

TEST_CASE("malformed CBOR is refused, huge declared lengths without reserving them") {
  CHECK(why_cbor<error_response>("a1").code == errc::encoding);
  CHECK(why_cbor<error_response>("a0 00") == failure{errc::encoding, 1});
  CHECK(why_cbor<error_response>("bb ffffffffffffffff") == failure{errc::encoding, 0});
  CHECK(why_cbor<error_response>("a1 6161 9b ffffffffffffffff") == failure{errc::encoding, 3});
  CHECK(why_cbor<error_response>("a1 6161 7b ffffffffffffffff 00") == failure{errc::encoding, 3});
  CHECK(why_cbor<error_response>("a1 6161 5a ffffffff 00") == failure{errc::encoding, 3});
  CHECK(why_cbor<error_response>("a1 7b 8000000000000000").code == errc::encoding);
  CHECK(why_cbor<error_response>("1c").code == errc::encoding);
  CHECK(why_cbor<error_response>("b8") == failure{errc::encoding, 0});
  CHECK(why_cbor<error_response>("bf 78") == failure{errc::encoding, 1});
  CHECK(why_cbor<error_response>("a1 6178 82 01 1c") == failure{errc::encoding, 5});
  CHECK(why_cbor<error_response>("a1 6178 a1 1c 01") == failure{errc::encoding, 4});
  CHECK(why_cbor<error_response>("a1 6178 a1 01 1c") == failure{errc::encoding, 5});
  CHECK(why_cbor<error_response>("a1 6178 9f 01") == failure{errc::encoding, 5});
  CHECK(why_cbor<error_response>("a1 6161 f81f") == failure{errc::encoding, 3});
  CHECK(why_cbor<error_response>("a1 6161 ff") == failure{errc::encoding, 3});
  CHECK(why_cbor<error_response>("bf 6161 01") == failure{errc::encoding, 4});
  CHECK(why_cbor<error_response>("a1 61ff 01") == failure{errc::invalid_utf8, 2});
  CHECK(why_cbor<error_response>("ff").code == errc::encoding);
}

TEST_CASE("CBOR texts and maps of indefinite length are read, their chunks checked") {
  const auto got = read<error_response>(from_hex("bf 696572726f72436f6465 7f 6161 60 6162 ff ff"), cbor);
  REQUIRE(got.has_value());
  CHECK(got->error_code == "ab");
  CHECK(read<error_response>(from_hex("a1 7f 646572726f 65 72436f6465 ff 6178"), cbor)->error_code == "x");
  CHECK(why_cbor<error_response>("a1 696572726f72436f6465 7f 6161 4162 ff") == failure{errc::encoding, 14});
  CHECK(why_cbor<error_response>("a1 696572726f72436f6465 7f 7f6161ff ff").code == errc::encoding);
  // a character cut in two by the chunks
  CHECK(why_cbor<error_response>("a1 696572726f72436f6465 7f 61c3 61a9 ff").code == errc::invalid_utf8);
  CHECK(read<error_response>(from_hex("a1 6178 5f 4100 ff"), cbor).has_value());
}

TEST_CASE("CBOR of other types is passed over in members nobody knows") {
  // {"x": [tag 1 (0), 1.5 half, 1.5 double, true, undefined, simple 255, h'00', {1: 2}, [_ 1]]}
  CHECK(read<error_response>(
            from_hex("a1 6178 89 c100 f93e00 fb3ff8000000000000 f5 f7 f8ff 4100 a10102 9f01ff"), cbor).has_value());
}

TEST_CASE("nesting is cut at 32 levels and payloads at 128 KiB, without recursion to match") {
  const auto nested = [](int levels) {
    return "{\"x\":" + std::string(static_cast<std::size_t>(levels), '[') + std::string(static_cast<std::size_t>(levels), ']') + "}";
  };
  CHECK(read<error_response>(nested(31)).has_value());
  CHECK(why<error_response>(nested(32)) == failure{errc::too_deep, 36});
  const auto maps = [](std::size_t levels) {
    std::string out;
    for (std::size_t i = 0; i < levels; ++i) out += "{\"x\":";
    return out + "0" + std::string(levels, '}');
  };
  CHECK(read<error_response>(maps(32)).has_value());
  CHECK(why<error_response>(maps(33)) == failure{errc::too_deep, 32 * 5});
  CHECK(why<error_response>(R"({"x":{"x":tru}})") == failure{errc::encoding, 10});
  CHECK(why<error_response>("{\"x\":" + std::string(131000, '[')).code == errc::too_deep);
  CHECK(why<error_response>(std::string(131000, '[')).code == errc::too_deep);
  std::string deep = "\xa1\x61x" + std::string(131000, '\x81');
  CHECK(read<error_response>(bytes_of(deep), cbor).error() == failure{errc::too_deep, 34});
  deep = "\xa1\x61x" + std::string(131000, '\xc1');  // tags alone
  CHECK(read<error_response>(bytes_of(deep), cbor).error().code == errc::encoding);
  CHECK(why<error_response>(std::string(131073, ' ')) == failure{errc::too_large, 131072});
  CHECK(read<error_response>(std::string(131070, ' ') + "{}").has_value());
}

TEST_CASE("a message that cannot be sent is not encoded") {
  CHECK(encode(error_response{400, "\xFF", "M"}, json).error().code == errc::invalid_utf8);
  CHECK(encode(register_thing("T", {{"k", "\xC3"}}), cbor).error().code == errc::invalid_utf8);
  CHECK(encode(register_thing("\xC3", {}), cbor).error().code == errc::invalid_utf8);
  CHECK(encode(create_certificate_from_csr_request{std::string(131072, 'x')}, json).error().code == errc::too_large);
  CHECK(encode(create_certificate_from_csr_request{std::string(131039, 'x')}, cbor).has_value());
}

TEST_CASE("the wiping encoder writes the same bytes") {
  const auto request = register_thing("token", {{"a", "b"}});
  for (const payload_format format : {json, cbor}) {
    const auto plain = encode(request, format);
    const auto wiped = encode_secret(request, format);
    REQUIRE(plain.has_value());
    REQUIRE(wiped.has_value());
    CHECK(bytes_of(wiped->reveal()) == *plain);
    CHECK(encode_secret(register_thing("\xC3", {}), format).error().code == errc::invalid_utf8);
  }
}

TEST_CASE("escapes of every size, hex digits in both cases, and status codes of either sign") {
  CHECK(read<error_response>(R"({"errorCode":"\u0041\u00e9\u00E9\u20AC\u20ac\uD83D\ude00"})")->error_code ==
        "A\xC3\xA9\xC3\xA9\xE2\x82\xAC\xE2\x82\xAC\xF0\x9F\x98\x80");
  CHECK(why<error_response>(R"({"errorCode":"\u20aG"})").code == errc::encoding);
  CHECK(why<error_response>(R"({"errorCode":"\u20a"})").code == errc::encoding);
  error_response odd;
  for (const int status : {-1, -500, 23, 24, 255, 256, 65536}) {
    odd.status_code = status;
    CAPTURE(status);
    CHECK(read<error_response>(*encode(odd, cbor), cbor)->status_code == status);
    CHECK(read<error_response>(*encode(odd, json), json)->status_code == status);
  }
  CHECK(why_cbor<error_response>("a1 6a 737461747573436f6465 1a80000000").code == errc::wrong_type);
  CHECK(why_cbor<error_response>("a1 6a 737461747573436f6465 3a80000000").code == errc::wrong_type);
  CHECK(read<error_response>(from_hex("a1 6a 737461747573436f6465 3a7fffffff"), cbor)->status_code == -2147483647 - 1);
}

TEST_CASE("what an answer does not need is skipped, in whatever shape, and only if it is well formed") {
  const auto skips = [](std::string_view value) { return read<error_response>(R"({"x":)" + std::string(value) + R"(,"statusCode":400})").has_value(); };
  for (const char* good : {"1e5", "1E+5", "-1.25e-3", "0", "[]", "[[1],{\"a\":[]}]", "{\"a\":{}}", "null", "true", "false", "\"\\u0000\\ud83d\\ude00\""}) {
    CAPTURE(good);
    CHECK(skips(good));
  }
  for (const char* bad : {"1e", "1e+", "1.", "01", "-", "+1", "nul", "[1,]", "[1", "{\"a\"}", "{\"a\":1,}", "{1:2}", "\"\\x\"", "\"\\u12\"", "\"\n\""}) {
    CAPTURE(bad);
    CHECK_FALSE(skips(bad));
  }
  const auto text = [](std::string_view escaped) { return read<error_response>(R"({"errorCode":")" + std::string(escaped) + "\"}"); };
  CHECK(text(R"(\uE000)")->error_code == "\xEE\x80\x80");  // just above the surrogates
  for (const char* bad : {R"(\ud800)", R"(\ud800x)", R"(\ud800\n)", R"(\ud800\u0041)", R"(\ud800\ue000)", R"(\ud800\u00)", R"(\udc00)", R"(\u00g0)", R"(\u00G0)", R"(\u00@0)", R"(\u00`0)"}) {
    CAPTURE(bad);
    CHECK(text(bad).error().code == errc::encoding);
  }
  CHECK_FALSE(read<error_response>(R"({"statusCode":400} x)"));
  CHECK_FALSE(read<error_response>(R"({"statusCode":1e})"));
  CHECK_FALSE(encode(register_thing("t", {{"\xFF", "x"}}), json));
  std::string deep;
  for (int i = 0; i < 200; ++i) deep += '[';
  CHECK(read<error_response>(R"({"x":)" + deep).error().code == errc::too_deep);
}

TEST_CASE("CBOR that ends early, breaks where a value belongs or goes on after its end is refused") {
  for (const char* bad : {"a1", "a1 61", "a1 61 78", "a1 61 78 1a", "a1 61 78 1a 0000", "a1 61 78 62 61", "a1 61 78 82 01", "a1 61 78 a1 01", "a1 61 78 ff", "a0 00", "bf 61 78",
                          "bf 61 78 ff", "ff", "5f", "a1 61 78 3f", "a1 61 78 1f", "a1 61 78 df", "a1 61 78 1c", "a1 6a 737461747573436f6465", "a1 6a 737461747573436f6465 19 01",
                          "a1 6a 737461747573436f6465 82 01"}) {
    CAPTURE(bad);
    CHECK_FALSE(read<error_response>(from_hex(bad), cbor));
  }
  for (const char* good : {"a0", "bf ff", "a1 61 78 82 01 02", "a1 61 78 a1 01 02", "bf 61 78 9f 01 ff ff", "a1 61 78 c1 01", "a1 61 78 5f 41 00 ff"}) {
    CAPTURE(good);
    CHECK(read<error_response>(from_hex(good), cbor));
  }
}
