#include <cli/documents.hpp>
#include <cli/output.hpp>
#include <cli/sarif.hpp>
#include <support/catch.hpp>

#include <algorithm>
#include <set>

using namespace fleetprov;
using namespace fleetprov::cli;

namespace {

diagnostic at(std::uint32_t begin, std::uint32_t end) {
  diagnostic d;
  d.where = {begin, end};
  d.message = "wrong";
  return d;
}

}  // namespace

TEST_CASE("the caret stands below the value, counted in code points") {
  const source_text source("f.json", "{\n  \"\xC3\xA4\": 12\n}");
  CHECK(render_text(source, at(10, 12), colour::off) == "f.json:2:8: error: wrong\n    \"\xC3\xA4\": 12\n         ^~\n");
}

TEST_CASE("a range over several lines is marked to the end of its first line") {
  const source_text source("f.json", "[1,\n2]");
  CHECK(render_text(source, at(0, 6), colour::off) == "f.json:1:1: error: wrong\n  [1,\n  ^~~\n");
}

TEST_CASE("of a long line the part around the caret is shown") {
  const source_text source("f.json", std::string(5000, 'x') + "!" + std::string(5000, 'y'));
  const std::string text = render_text(source, at(5000, 5001), colour::off);
  CHECK(text.size() < 400);
  const std::size_t line = text.find('\n') + 1;
  const std::size_t caret = text.find('\n', line) + 1;
  CHECK(text[line + (text.find('^') - caret)] == '!');
}

TEST_CASE("an empty document and an offset behind the end have a place") {
  const source_text empty("f.json", "");
  CHECK(render_text(empty, at(0, 0), colour::off) == "f.json:1:1: error: wrong\n");
  const source_text source("f.json", "{");
  CHECK(render_text(source, at(99, 120), colour::off) == "f.json:1:2: error: wrong\n  {\n   ^\n");
}

TEST_CASE("control characters of a document never reach the terminal") {
  const source_text source("a\nb\x1b.json", "\"\x1b[2J\xff\xC2\x9B\"");
  diagnostic d = at(0, 1);
  d.message = "bad `\x1b[31m\n`";
  d.help = "\x07";
  const std::string text = render_text(source, d, colour::off);
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.find('\x07') == std::string::npos);
  CHECK(text.find('\xff') == std::string::npos);
  CHECK(text.find("a\\u000ab\\u001b.json:1:1:") == 0);
}

TEST_CASE("colour wraps text only when it is on") {
  CHECK(paint("x", ink::red, colour::off) == "x");
  CHECK(paint("x", ink::red, colour::on) == "\x1b[1;31mx\x1b[0m");
}

TEST_CASE("rule ids are unique over all modules, names within one, and both are found in any case") {
  std::set<std::string> seen;
  for (const rule* r : all_rules()) {
    CHECK(seen.insert(std::string(r->id)).second);
    CHECK(seen.insert(r->id[0] + std::string(r->name)).second);
    CHECK(find_rules(r->id) == std::vector<const rule*>{r});
    const std::vector<const rule*> named = find_rules(r->name);
    CHECK(std::find(named.begin(), named.end(), r) != named.end());
  }
  CHECK(find_rules("p014").size() == 1);
  CHECK(find_rules("TYPE-MISMATCH") == find_rules("P014"));
  CHECK(find_rules("").empty());
  CHECK(suggest_rule("type-mismach") == "; did you mean `type-mismatch`?");
}

TEST_CASE("paths become URI references") {
  CHECK(artifact_uri("a/b.json", "/home") == "a/b.json");
  CHECK(artifact_uri("./a b/\xC3\xA4.json", "/home") == "a%20b/%C3%A4.json");
  CHECK(artifact_uri("/home/a.json", "/home") == "a.json");
  CHECK(artifact_uri("/homes/a.json", "/home") == "file:///homes/a.json");
  CHECK(artifact_uri("-", "/home") == "stdin");
}

TEST_CASE("a disabled rule is left out, whatever its level") {
  const std::string text = R"({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "iot:Connect"}})";
  CHECK(check_document("p", text, {}).count(severity::error) == 1);
  check_options quiet;
  quiet.disabled = {"P012"};
  CHECK(check_document("p", text, quiet).count(severity::error) == 0);
}
