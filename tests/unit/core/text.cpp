#include <fleetprov/core/detail/hex.hpp>
#include <fleetprov/core/detail/json_string.hpp>

#include "support/catch.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

using namespace fleetprov;

TEST_CASE("hexadecimal digits stand for each byte and come back in either case") {
  const std::array<std::uint8_t, 4> bytes{0x00, 0x0F, 0xA5, 0xFF};
  CHECK(detail::to_hex(bytes.data(), bytes.size()) == "000fa5ff");
  CHECK(detail::to_hex(bytes.data(), bytes.size(), detail::upper_case_hex_digits) == "000FA5FF");
  CHECK(detail::to_hex(nullptr, 0).empty());
  for (int value = 0; value < 16; ++value) {
    CHECK(detail::hex_value(detail::hex_digits[static_cast<std::size_t>(value)]) == value);
    CHECK(detail::hex_value(detail::upper_case_hex_digits[static_cast<std::size_t>(value)]) == value);
  }
  for (const char c : std::string_view("/:@G`g \x7F\xFF")) CHECK(detail::hex_value(c) == -1);
}

TEST_CASE("text becomes a JSON string on one line whatever its bytes") {
  CHECK(detail::json_string("") == R"("")");
  CHECK(detail::json_string("plain, /path/\xC3\xBC") == "\"plain, /path/\xC3\xBC\"");
  CHECK(detail::json_string("\"\\\n\r\t") == R"("\"\\\n\r\t")");
  CHECK(detail::json_string(std::string_view("a\0\x01\x1F\x7Fz", 6)) == R"("a\u0000\u0001\u001f\u007fz")");
  CHECK(detail::json_string("\xFF" "a\xC3" "b\"\xE2\x82") == "\"\xEF\xBF\xBD" "a\xEF\xBF\xBD" "b\\\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
  std::string as_it_is;
  detail::append_json_escaped(as_it_is, "\xFF\"");
  CHECK(as_it_is == "\xFF\\\"");
  std::string out = "{";
  detail::append_json_string(out, "k");
  CHECK(out == "{\"k\"");
}
