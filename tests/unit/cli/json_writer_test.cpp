#include <cli/json_writer.hpp>
#include <cli/suggest.hpp>
#include <support/catch.hpp>

using fleetprov::cli::indent_json;
using fleetprov::cli::json_writer;

TEST_CASE("members keep the order of the calls and get their commas") {
  json_writer out;
  out.begin_object().field("a", "x").key("b").begin_array().number(1).boolean(true).null().end_array();
  out.key("c").begin_object().end_object().field("d", std::int64_t{-2}).end_object();
  CHECK(out.take() == R"({"a":"x","b":[1,true,null],"c":{},"d":-2})");
}

TEST_CASE("taking the text starts the writer anew") {
  json_writer out;
  out.begin_array().text("a").end_array();
  CHECK(out.take() == R"(["a"])");
  out.begin_array().end_array();
  CHECK(out.take() == "[]");
}

TEST_CASE("quotes, backslashes and control characters are escaped") {
  json_writer out;
  out.text("a\"b\\c\n\t\r\x01\x7f");
  CHECK(out.take() == "\"a\\\"b\\\\c\\n\\t\\r\\u0001\\u007f\"");
}

TEST_CASE("bytes that are not UTF-8 become the replacement character") {
  json_writer out;
  out.text("a\xff\xc3(\xc3\xa4");
  CHECK(out.take() == "\"a\xEF\xBF\xBD\xEF\xBF\xBD(\xc3\xa4\"");
}

TEST_CASE("indenting changes blanks between tokens only") {
  CHECK(indent_json(R"({"a":[1,{"b: ,[":"\"}"}],"c":{},"d":[]})") ==
        "{\n  \"a\": [\n    1,\n    {\n      \"b: ,[\": \"\\\"}\"\n    }\n  ],\n  \"c\": {},\n  \"d\": []\n}");
}

TEST_CASE("a near word is suggested, a far one is not") {
  const std::vector<std::string> known{"check", "render", "resolve"};
  CHECK(fleetprov::cli::nearest_word("chekc", known) == "check");
  CHECK(fleetprov::cli::nearest_word("RESOLVE", known) == "resolve");
  CHECK(fleetprov::cli::nearest_word("provision", known).empty());
  CHECK(fleetprov::cli::edit_distance("abcd", "abdc") == 1);
  CHECK(fleetprov::cli::edit_distance("", "abc") == 3);
}
