#include <tests/support/catch.hpp>

#include <fleetprov/policies/language.hpp>

#include <string>

using namespace fleetprov::policies;

namespace {

struct patterns {
  variable_table table;
  token_string operator()(std::string_view text, variable_reading how = variable_reading::opaque) {
    return to_tokens(compile_pattern(text, wildcards::star_and_question, variables::substituted), how, table);
  }
};

}  // namespace

TEST_CASE("a pattern covers another if it takes its wildcards too") {
  patterns p;
  work_budget budget;
  CHECK(covers(p("a/*"), p("a/b/*"), budget) == answer::yes);
  CHECK(covers(p("a/*"), p("a/?"), budget) == answer::yes);
  CHECK(covers(p("a/?"), p("a/*"), budget) == answer::no);
  CHECK(covers(p("*/b"), p("a/*/b"), budget) == answer::yes);
  CHECK(covers(p("a/b"), p("a/c"), budget) == answer::no);
}

TEST_CASE("a variable equals itself in any case, and no text") {
  patterns p;
  work_budget budget;
  CHECK(covers(p("d/${iot:ClientId}/*"), p("d/${iot:clientid}/x"), budget) == answer::yes);
  CHECK(covers(p("d/${iot:ClientId}"), p("d/${iot:CertificateId}"), budget) == answer::no);
  CHECK(covers(p("d/?"), p("d/${iot:ClientId}"), budget) == answer::no);
  CHECK(covers(p("d/*"), p("d/${iot:ClientId}"), budget) == answer::yes);
  CHECK(overlap(p("d/${iot:ClientId}", variable_reading::any_text), p("d/x"), budget) == answer::yes);
  CHECK(covers(p("a[${iot:Connection.Thing.Attributes[Site]}]"), p("a[${iot:Connection.Thing.Attributes[site]}]"),
               budget) == answer::no);
}

TEST_CASE("a witness is in every required pattern, in no forbidden one, and shortest") {
  patterns p;
  work_budget budget;
  const token_string a = p("a*"), b = p("*b"), c = p("ab"), d = p("a?b");
  const string_answer found = find_string({{{&a}, {&b}}, {&c}}, budget);
  REQUIRE(found.exists == answer::yes);
  CHECK(spell(found.witness, p.table).size() == 3);
  CHECK(find_string({{{&a}, {&b}}, {&a}}, budget).exists == answer::no);
  CHECK(find_string({{{&d}}, {&b}}, budget).exists == answer::no);
}

TEST_CASE("an MQTT filter selects what AWS says: a/# without a, + within one level") {
  patterns p;
  work_budget budget;
  const auto selects = [&](const char* filter, const char* topic) {
    const token_string f = compile_filter(literal_tokens(filter)), t = literal_tokens(topic);
    return find_string({{{&f}, {&t}}, {}}, budget).exists == answer::yes;
  };
  CHECK(selects("sensor/#", "sensor/"));
  CHECK(selects("sensor/#", "sensor/x/y"));
  CHECK_FALSE(selects("sensor/#", "sensor"));
  CHECK(selects("a/+/c", "a/b/c"));
  CHECK_FALSE(selects("a/+/c", "a/b/b/c"));
}

TEST_CASE("a spent budget answers unknown instead of running on") {
  patterns p;
  work_budget small{50};
  std::string hostile = "*a";
  for (int i = 0; i < 60; ++i) hostile += '?';
  const token_string a = p(hostile + "b"), b = p("*b"), all = p("*");
  CHECK(find_string({{{&all}}, {&a, &b}}, small).exists != answer::no);
  work_budget none{0};
  CHECK(covers(a, b, none) == answer::unknown);
}

TEST_CASE("what may follow a prefix") {
  patterns p;
  CHECK(after_prefix(p("topic/a/*"), literal_tokens("topic/")) == std::vector<token_string>{p("a/*")});
  CHECK(after_prefix(p("*"), literal_tokens("topic/")) == std::vector<token_string>{p("*")});
  CHECK(after_prefix(p("client/*"), literal_tokens("topic/")).empty());
  CHECK(after_prefix(p("*/x"), literal_tokens("topic/")) == std::vector<token_string>{p("*/x"), p("x")});
}

TEST_CASE("characters of every size are spelled as they were written") {
  patterns p;
  const std::string text = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80";
  CHECK(spell(literal_tokens(text), p.table) == text);
  CHECK(literal_tokens(text).size() == 4);
  CHECK(spell(p("a?b*${iot:ClientId}"), p.table) == "a?b*${iot:ClientId}");
  CHECK(spell(compile_filter(literal_tokens("a/+/b")), p.table) == "a/+/b");
  // Bytes that are no UTF-8 stand for themselves.
  CHECK(literal_tokens("\x80\xF7\xBF\xBF\xBF").front() == 0x80U);
  CHECK(literal_tokens("\xF7\xBF\xBF\xBF").front() == 0xF7U);
}

TEST_CASE("two patterns overlap where some text is in both") {
  patterns p;
  work_budget budget;
  const auto meet = [&](std::string_view a, std::string_view b) { return overlap(p(a), p(b), budget); };
  CHECK(meet("a*b", "ab") == answer::yes);
  CHECK(meet("ab", "a*b") == answer::yes);
  CHECK(meet("*a*", "b*c*") == answer::yes);
  CHECK(meet("a?c", "abc") == answer::yes);
  CHECK(meet("a?", "a") == answer::no);
  CHECK(meet("a*x?", "ab?") == answer::no);
  CHECK(meet("?b*", "*?c") == answer::yes);
  CHECK(meet("x*", "y*") == answer::no);
  CHECK(meet("*x", "*y") == answer::no);
  CHECK(meet("a?*", "a") == answer::no);
  work_budget none{0};
  CHECK(overlap(p("*a"), p("b*"), none) == answer::unknown);
}
