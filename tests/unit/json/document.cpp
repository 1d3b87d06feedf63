#include <fleetprov/json/document.hpp>

#include "support/catch.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

using namespace fleetprov;
using json::document;
using json::kind;

namespace {

struct expected_finding {
  std::string_view text, rule;
  std::uint32_t line, column;
};

const diagnostic& only(const outcome<document>& read) {
  REQUIRE(read.diagnostics.size() == 1);
  REQUIRE(read.diagnostics[0].broken != nullptr);
  return read.diagnostics[0];
}

outcome<document> from_bytes(std::string_view bytes, json::limits cap = {}) {
  return document::from_cbor(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(), cap);
}

}  // namespace

TEST_CASE("a document keeps values, order and the place of every value and key") {
  const std::string text = "{\n  \"b\": [1, -2.5e3, \"x\\n\"],\n  \"a\": {\"t\": true, \"n\": null}\n}\n";
  const outcome<document> read = document::from_text(text);
  REQUIRE(read.value.has_value());
  CHECK(read.diagnostics.empty());
  const document& doc = *read.value;
  CHECK(doc.root().is(kind::object));
  CHECK(doc.root().where == source_range{0, static_cast<std::uint32_t>(text.size() - 1)});
  REQUIRE(doc.root().members.size() == 2);
  CHECK(doc.root().members[0].key == "b");
  CHECK(doc.locate(doc.root().members[1].key_where.begin) == position{3, 3});
  const json::value* number = doc.find("/b/1");
  REQUIRE(number != nullptr);
  CHECK(number->text == "-2.5e3");
  CHECK(doc.locate(number->where.begin) == position{2, 12});
  CHECK(doc.locate(number->where.end) == position{2, 18});
  CHECK(doc.find("/b/2")->text == "x\n");
  CHECK(document::from_text("-7").value->root().text == "-7");
  CHECK(doc.find("/a/t")->text == "true");
  CHECK(doc.find("/a/n")->is(kind::null));
  CHECK(doc.line(2) == "  \"b\": [1, -2.5e3, \"x\\n\"],");
}

TEST_CASE("pointers follow RFC 6901 and what is not there is not found") {
  const auto read = document::from_text(R"({"a/b":{"m~n":[10,20]},"":1})");
  REQUIRE(read.value.has_value());
  const document& doc = *read.value;
  CHECK(doc.find("") == &doc.root());
  CHECK(doc.find("/a~1b/m~0n/1")->text == "20");
  CHECK(doc.find("/a~1b/m~0n/0")->text == "10");
  CHECK(doc.find("/a~1b/m~0n/01") == nullptr);
  CHECK(doc.find("/a~1b/m~0n/00") == nullptr);
  CHECK(doc.find("/")->text == "1");
  for (const char* missing : {"a", "/x", "/a~1b/m~0n/2", "/a~1b/m~0n/-", "/a~1b/m~0n/1x", "/a~1b/m~0n/", "/a~1b/m~0n/9999999999", "/a~1b/m~0n/1/x"}) {
    CAPTURE(missing);
    CHECK(doc.find(missing) == nullptr);
  }
  const auto tildes = document::from_text(R"({"~":1,"a~":2,"~2":3})");
  REQUIRE(tildes.value.has_value());
  for (const char* no_escape : {"/~", "/~2", "/a~"}) {
    CAPTURE(no_escape);
    CHECK(tildes.value->find(no_escape) == nullptr);
  }
  CHECK(tildes.value->find("/~02")->text == "3");
  const auto long_array = document::from_text("[0,1,2,3,4,5,6,7,8,9,10,11]");
  REQUIRE(long_array.value.has_value());
  CHECK(long_array.value->find("/11")->text == "11");
  CHECK(long_array.value->find("/:") == nullptr);  // the character after 9
  CHECK(long_array.value->find("/0:") == nullptr);
  CHECK(json::child_pointer(json::child_pointer("", "a/b~"), 3) == "/a~1b~0/3");
}

TEST_CASE("columns count code points and lines end with a newline") {
  const auto read = document::from_text("{\"\xC3\xA9\xF0\x9F\x98\x80\": 1,\r\n \"b\": 2}");
  REQUIRE(read.value.has_value());
  CHECK(read.value->locate(read.value->root().members[0].held.where.begin) == position{1, 8});
  CHECK(read.value->locate(read.value->root().members[1].held.where.begin) == position{2, 7});
  CHECK(read.value->line(1) == "{\"\xC3\xA9\xF0\x9F\x98\x80\": 1,");
  CHECK(read.value->line(2) == " \"b\": 2}");
  CHECK(read.value->line(3).empty());
}

TEST_CASE("places outside the text are its end or nowhere, and an empty line is empty") {
  const auto read = document::from_text("[\n\n1]");
  REQUIRE(read.value.has_value());
  CHECK(read.value->locate(1000) == position{3, 3});
  CHECK(read.value->line(0).empty());
  CHECK(read.value->line(1) == "[");
  CHECK(read.value->line(2).empty());
  CHECK(read.value->line(3) == "1]");
}

TEST_CASE("text that is not JSON is reported where it goes wrong") {
  const expected_finding rows[] = {
      {"", "J001", 1, 1},
      {"  \n ", "J001", 2, 2},
      {"{", "J001", 1, 2},
      {"{\"a\": 1,}", "J001", 1, 8},
      {"[1, 2,\n]", "J001", 1, 6},
      {"{\"a\": 1\n \"b\": 2}", "J001", 2, 2},
      {"{\"a\": [1]\n {}}", "J001", 2, 2},
      {"{\"a\" 1}", "J001", 1, 6},
      {"[1 234]", "J001", 1, 4},
      {"{true: 1}", "J001", 1, 2},
      {"{false: 1}", "J001", 1, 2},
      {"[1 null]", "J001", 1, 4},
      {"[-\"a\"]", "J001", 1, 3},
      {"[1E\"a\"]", "J001", 1, 4},
      {"[\xC3\xA9", "J001", 1, 2},
      {"[1,, 2]", "J001", 1, 4},
      {"{\"a\": \"\\x\"}", "J001", 1, 9},
      {"{\"a\": \"b", "J001", 1, 9},
      {"{\"a\": \"x\\u\"}", "J001", 1, 11},
      {"{\"a\": \"x\\u12\"}", "J001", 1, 13},
      {"{\"a\": \"x\\u12zz\"}", "J001", 1, 13},
      {"{\"a\": \"x\\\\u\" 1}", "J001", 1, 14},
      {"{'a': 1}", "J001", 1, 2},
      {"{\"a\": tru}", "J001", 1, 10},
      {"{\"a\": 01}", "J001", 1, 8},
      {"// x\n{}", "J001", 1, 1},
      {"{} x", "J001", 1, 4},
      {"{\"a\": \"b\n\"}", "J001", 1, 9},
      {"{\xC2\xA0\"a\": 1}", "J002", 1, 2},
      {"{\n\xE3\x80\x80\"a\": 1}", "J002", 2, 1},
      {"\xEF\xBB\xBF{}", "J003", 1, 1},
      {"{\"a\": \"\xFF\"}", "J003", 1, 8},
      {"{\"a\": 1e999}", "J007", 1, 7},
      {"[-1e999]", "J007", 1, 2},
  };
  for (const expected_finding& row : rows) {
    CAPTURE(std::string(row.text));
    const auto read = document::from_text(std::string(row.text));
    CHECK_FALSE(read.value.has_value());
    const diagnostic& found = only(read);
    CHECK(found.broken->id == row.rule);
    CHECK(found.message.find('\n') == std::string::npos);
    const json::line_table lines(row.text);
    const position at = lines.locate(row.text, found.where.begin);
    CAPTURE(at.line, at.column, found.message);
    CHECK(at == position{row.line, row.column});
  }
  CHECK(only(document::from_text(std::string("{\"a\0\":1}", 8))).broken->id == "J003");
}

TEST_CASE("half of a surrogate pair is named") {
  const auto message = [](const std::string& text) { return only(document::from_text(text)).message; };
  const auto half = [](const std::string& escape) { return "`" + escape + "` is half of a surrogate pair, which is no character"; };
  CHECK(message(R"({"a":"\ud800"})") == half("\\ud800"));
  CHECK(message(R"({"a":"x\uDC00y"})") == half("\\uDC00"));
  CHECK(message(R"({"a":"\ud83d\ude00\ud83dx"})") == half("\\ud83d"));
  CHECK(message(R"({"a":"\n\\\ud83d\u0041"})") == half("\\ud83d"));
  CHECK(message(R"({"a":"\ud83dabcdef"})") == half("\\ud83d"));
  CHECK(message(R"({"\udbff":1})") == half("\\udbff"));
  for (const char* other : {R"({"a":"\ud83d\ude00" 1})", R"({"a":"\\ud800" 1})", R"({"a":"\ud83d\ude00\x"})", R"({"a":"\u0041\x"})", R"({"a":"\)", "[\\ud800",
                            R"({"a":"\ud8"})", R"({"a":"\ud83z"})", R"({"a":"\ud8z3"})", "[\"\\ud83\xEF\xBF\xBB\"]", "[\"\\ud8\xEF\xBF\xBB\"]"}) {
    CAPTURE(other);
    CHECK(message(other).find("surrogate") == std::string::npos);
    CHECK(is_valid_utf8(message(other)));
  }
}

TEST_CASE("an escape is cut where a digit is still to come and its backslash is no character") {
  for (const char* text : {"\\u12", "\\u", "\"\\\\\\u123"}) CHECK(fleetprov::json::detail::cuts_escape(text, std::string_view(text).size()));
  for (const char* text : {"\\\\u12", "u12", "12", "\\u1234"}) CHECK_FALSE(fleetprov::json::detail::cuts_escape(text, std::string_view(text).size()));
}

TEST_CASE("a missing comma before a string or an object is named as such") {
  for (const char* text : {"{\"a\": \"x\" \"b\": 2}", "{\"a\": {} \"b\": 2}", "[{} {}]", "[\"a\" \"b\"]", "[1 \"b\"]", "[[] \"b\"]", "[true \"b\"]", "[null\t\"b\"]",
                           "[1\r\n\"b\"]", "[[] []]", "[[] {}]", "[\"a\" []]", "[1 {}]"}) {
    CAPTURE(text);
    CHECK(only(document::from_text(text)).help.find("comma") != std::string::npos);
  }
  for (const char* text : {"[-\"a\"]", "[1E\"a\"]", "[tru\"a\"]", "[tru[]]", "{[]: 1}", "[1 2]"}) {
    CAPTURE(text);
    CHECK(only(document::from_text(text)).help.empty());
  }
}

TEST_CASE("what stands where no value can is shown, and a comment is called one") {
  CHECK(only(document::from_text("[\xC3\xA9")).message == "unexpected `\xC3\xA9`");
  CHECK(only(document::from_text("[\xC3\xA9]")).message == "unexpected `\xC3\xA9`");
  CHECK(only(document::from_text("# x\n{}")).help == "JSON has no comments");
  CHECK(only(document::from_text("// x\n{}")).help == "JSON has no comments");
}

TEST_CASE("a duplicate key is an error at the second key and keeps the document") {
  const auto read = document::from_text("{\"x\": {\"a\": 1, \"b\": 2, \"\\u0061\": 3}}");
  REQUIRE(read.value.has_value());
  const diagnostic& found = only(read);
  CHECK(found.broken->id == "J006");
  CHECK(found.pointer == "/x/a");
  CHECK(found.where == source_range{23, 31});
  CHECK(read.value->find("/x/a")->text == "1");
  CHECK(read.value->find("/x")->members.size() == 3);
  CHECK(only(document::from_text(R"([0, {"b": {}, "a": [{"c": 1, "c": 2}]}])")).pointer == "/1/a/0/c");
}

TEST_CASE("duplicates are found among very many keys without comparing all with all") {
  std::string text = "{";
  for (int i = 0; i < 40000; ++i) text += "\"k" + std::to_string(i) + "\":0,";
  text += "\"k777\":1}";
  const auto read = document::from_text(std::move(text));
  REQUIRE(read.value.has_value());
  CHECK(only(read).pointer == "/k777");
}

TEST_CASE("depth and size are limited") {
  const auto nested = [](std::size_t n) { return std::string(n, '[') + std::string(n, ']'); };
  CHECK(document::from_text(nested(64)).value.has_value());
  const auto deep = document::from_text(nested(65));
  CHECK(only(deep).broken->id == "J005");
  CHECK(only(deep).where.begin == 64);
  CHECK(only(document::from_text(std::string(1000000, '['))).broken->id == "J005");
  json::limits small;
  small.max_bytes = 10;
  small.max_depth = 2;
  CHECK(document::from_text("[1,2,3,4 ]", small).value.has_value());
  CHECK(only(document::from_text("[1,2,3,4  ]", small)).broken->id == "J004");
  CHECK(only(document::from_text("[[[]]]", small)).broken->id == "J005");
}

TEST_CASE("a CBOR document gives the same tree, with byte ranges") {
  using namespace std::string_view_literals;
  // {"a": [1, -1, 1.5, true, null], "b": "x"}
  const auto read = from_bytes("\xa2\x61\x61\x85\x01\x20\xf9\x3e\x00\xf5\xf6\x61\x62\x61x"sv);
  REQUIRE(read.value.has_value());
  const document& doc = *read.value;
  CHECK(doc.find("/a/0")->text == "1");
  CHECK(doc.find("/a/1")->text == "-1");
  CHECK(doc.find("/a/2")->text == "1.5");
  CHECK(doc.find("/a/2")->where == source_range{6, 9});
  CHECK(doc.find("/a/3")->text == "true");
  CHECK(doc.find("/a/4")->is(kind::null));
  CHECK(doc.find("/b")->text == "x");
  CHECK(doc.find("/a")->where == source_range{3, 11});
  CHECK(doc.root().where == source_range{0, 15});
  CHECK(doc.locate(3) == position{});
  CHECK(doc.line(1).empty());
  CHECK(from_bytes("\x81\xf4"sv).value->find("/0")->text == "false");
  const auto indefinite = from_bytes("\xbf\x61\x61\x9f\x7f\x61x\x61y\xff\xff\xff"sv);
  REQUIRE(indefinite.value.has_value());
  CHECK(indefinite.value->find("/a/0")->text == "xy");
  CHECK(from_bytes("\x81\xfb\x40\x09\x21\xfb\x54\x44\x2d\x18"sv).value->find("/0")->text == "3.141592653589793");
  CHECK(from_bytes("\x81\x1b\xff\xff\xff\xff\xff\xff\xff\xff"sv).value->find("/0")->text == "18446744073709551615");
  CHECK(only(from_bytes("\xa2\x61\x61\x01\x61\x61\x02"sv)).broken->id == "J006");
}

TEST_CASE("hostile CBOR is refused without exhausting stack or memory") {
  using namespace std::string_view_literals;
  for (const char byte : {'\x7f', '\x5f', '\x81', '\x9f', '\xbf', '\xc1', '\xff'}) {
    CAPTURE(static_cast<int>(static_cast<unsigned char>(byte)));
    const auto read = from_bytes(std::string(1000000, byte));
    CHECK_FALSE(read.value.has_value());
    CHECK(read.diagnostics.size() == 1);
  }
  CHECK(only(from_bytes("\x9b\xff\xff\xff\xff\xff\xff\xff\xff"sv)).broken->id == "J001");
  CHECK(only(from_bytes("\x7b\x80\x00\x00\x00\x00\x00\x00\x00"sv)).broken->id == "J001");
  CHECK(only(from_bytes("\xba\xff\xff\xff\xff"sv)).broken->id == "J001");
  CHECK(only(from_bytes("\x61\xff"sv)).broken->id == "J003");
  CHECK(only(from_bytes("\x41x"sv)).broken->id == "J001");
  CHECK(only(from_bytes("\x81\xf7"sv)).where.begin == 1);
  CHECK(only(from_bytes("\x81\xf7"sv)).broken->id == "J001");
  CHECK(only(from_bytes("\x9f\x01"sv)).where == source_range{2, 2});
  CHECK(only(from_bytes("\xbf\x78"sv)).where.begin == 1);
  CHECK(only(from_bytes("\xa1\x61\xff\x01"sv)).broken->id == "J003");
  CHECK(only(from_bytes("\xa1\x61\xff\x01"sv)).where.begin == 2);
  CHECK(only(from_bytes("\x01\x01"sv)).where.begin == 1);
  CHECK(only(from_bytes("\xa1\x01\x01"sv)).where.begin == 1);
  CHECK(only(from_bytes("\xf9\x7e\x00"sv)).broken->id == "J001");
  CHECK(only(from_bytes(""sv)).broken->id == "J001");
  CHECK(only(from_bytes(std::string(1024 * 1024 + 1, '\x01'))).broken->id == "J004");
}

TEST_CASE("CBOR numbers below every integer are read as numbers with a fraction") {
  const auto read = from_bytes(std::string_view("\x82\x3B\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x3B\x80\x00\x00\x00\x00\x00\x00\x00", 19));
  REQUIRE(read.value.has_value());
  CHECK(read.value->find("/0")->text == "-9223372036854775808");
  CHECK(read.value->find("/1")->text == "-9.223372036854776e+18");
}

TEST_CASE("a first character that begins like a byte order mark is named whole, at its place") {
  const diagnostic found = only(document::from_text("\xEF\xBF\xBB{}"));
  CHECK(found.broken->id == "J001");
  CHECK(found.where.begin == 0);
  CHECK(found.message == "unexpected `\xEF\xBF\xBB`");
  CHECK(only(document::from_text("\xEF\xBB\x80{}")).where.begin == 0);
}
