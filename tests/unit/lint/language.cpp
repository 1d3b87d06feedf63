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

TEST_CASE("the bytes of a broken character stand for themselves") {
  CHECK(literal_tokens("caf\xE9/x").size() == 6);
  CHECK(literal_tokens("\xC3z") == token_string{0xC3, 'z'});
  CHECK(literal_tokens("\xF7\xBF\xBF\xBF") == token_string{0xF7, 0xBF, 0xBF, 0xBF});
  CHECK(literal_tokens("a\xE2") == token_string{'a', 0xE2});
  CHECK(literal_tokens("\xF0\x9F\x98") == token_string{0xF0, 0x9F, 0x98});
}

TEST_CASE("a pattern of the document becomes tokens: runs merge, a broken variable is its text") {
  patterns p;
  CHECK(p("a**b") == token_string{'a', any_run, 'b'});
  CHECK(p("*${iot:ClientId}*", variable_reading::any_text) == token_string{any_run});
  CHECK(spell(p("a/${}"), p.table) == "a/${}");
  CHECK(spell(p("a/${iot:ClientId"), p.table) == "a/${iot:ClientId");
}

TEST_CASE("MQTT wildcards that do not fill their level are plain characters") {
  for (const std::string plain : {"a+/b", "a/+b", "a#", "#/a", "a/#/b"}) {
    CAPTURE(plain);
    CHECK(compile_filter(literal_tokens(plain)) == literal_tokens(plain));
  }
  CHECK(compile_filter(literal_tokens("+")) == token_string{any_level});
  CHECK(compile_filter(literal_tokens("#")) == token_string{any_run});
}

TEST_CASE("a wildcard at the end may match nothing, and `?` never stands for a variable") {
  patterns p;
  work_budget budget;
  CHECK(covers(p("a*"), p("a"), budget) == answer::yes);
  CHECK(covers(p("a?"), p("ab"), budget) == answer::yes);
  CHECK(contains(p("a*"), p("a")));
  CHECK(contains(p("a?"), p("ab")));
  CHECK_FALSE(contains(p("a?"), p("a${iot:ClientId}")));
  CHECK(overlap(p("a?"), p("a${iot:ClientId}"), budget) == answer::no);
  CHECK(overlap(p("a${iot:ClientId}"), p("a?"), budget) == answer::no);
  CHECK(overlap(p("aa"), p("a"), budget) == answer::no);
  CHECK(overlap(p("a"), p("aa"), budget) == answer::no);
  const token_string one = p("?"), variable = p("${iot:ClientId}");
  CHECK(find_string({{{&one}, {&variable}}, {}}, budget).exists == answer::no);
}

TEST_CASE("a witness avoids the letters that are forbidden") {
  patterns p;
  work_budget budget;
  const token_string one = p("?");
  std::vector<token_string> letters;
  for (char c = 'a'; c <= 'z'; ++c) letters.push_back({static_cast<token>(c)});
  const auto witness = [&](std::size_t from) {
    string_query query{{{&one}}, {}};
    for (std::size_t i = from; i < letters.size(); ++i) query.forbidden.push_back(&letters[i]);
    return find_string(query, budget).witness;
  };
  CHECK(witness(25) == token_string{'x'});
  CHECK(witness(23) == token_string{'a'});
  CHECK(witness(1) == token_string{'a'});
  CHECK(witness(0) == token_string{0x4E00});
}

TEST_CASE("every walk stops in its middle when the budget is spent") {
  patterns p;
  const token_string long_text = p(std::string(100, 'a')), star = p("*b"), all = p("*a*");
  for (const std::size_t steps : {0U, 63U, 64U, 99U}) {
    CAPTURE(steps);
    work_budget budget{steps};
    CHECK(covers(star, long_text, budget) == answer::unknown);
    CHECK(budget.steps == 0);
  }
  const token_string short_text = p(std::string(65, 'a'));
  work_budget short_of_one{63};
  CHECK(covers(short_text, short_text, short_of_one) == answer::unknown);
  work_budget budget{1};
  CHECK(overlap(p("*a"), p("b*"), budget) == answer::unknown);
  work_budget few{3};
  CHECK(find_string({{{&all}}, {}}, few).exists == answer::unknown);
}

TEST_CASE("what may follow a prefix is named once, wherever the wildcards stood") {
  patterns p;
  CHECK(after_prefix(p("*a*"), literal_tokens("aa")) == std::vector<token_string>{p("*a*"), p("*")});
  CHECK(after_prefix(p("*a"), literal_tokens("aa")) == std::vector<token_string>{p("*a"), p("")});
  CHECK(after_prefix(p("a?b"), literal_tokens("ax")) == std::vector<token_string>{p("b")});
  CHECK(after_prefix(p("a"), literal_tokens("ab")).empty());
}
