#include <tests/support/catch.hpp>

#include <fleetprov/policies/evaluate.hpp>
#include <fleetprov/policies/language.hpp>
#include <fleetprov/policies/lint.hpp>
#include <fleetprov/policies/roles.hpp>

#include <rapidcheck.h>

#include <string>
#include <vector>

using namespace fleetprov;
using namespace fleetprov::policies;

namespace {

/// The slow, obviously right matcher.
bool slow_match(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '*')
    return slow_match(pattern.substr(1), text) || (!text.empty() && slow_match(pattern, text.substr(1)));
  return !text.empty() && (pattern[0] == '?' || pattern[0] == text[0]) && slow_match(pattern.substr(1), text.substr(1));
}

std::vector<std::string> all_texts(const std::string& letters, std::size_t longest) {
  std::vector<std::string> out{""};
  for (std::size_t from = 0, size = 1; size <= longest; ++size) {
    const std::size_t end = out.size();
    for (; from < end; ++from)
      for (const char c : letters) out.push_back(out[from] + c);
  }
  return out;
}

token_string tokens(std::string_view text) {
  variable_table table;
  return to_tokens(compile_pattern(text, wildcards::star_and_question, variables::literal_text),
                   variable_reading::opaque, table);
}

std::string text_of(const token_string& what) { return spell(what, variable_table()); }

rc::Gen<std::string> pattern_of(const std::string& letters, std::size_t longest) {
  return rc::gen::resize(static_cast<int>(longest), rc::gen::container<std::string>(rc::gen::elementOf(letters)));
}

/// `z` stands for any other character.
const std::vector<std::string>& samples() {
  static const std::vector<std::string> all = all_texts("abz", 6);
  return all;
}

rc::Gen<std::string> any_policy() {
  return rc::gen::exec([] {
    const std::vector<std::string> actions{
        "iot:Connect", "iot:Publish", "iot:Subscribe",     "iot:Receive",  "iot:*",
        "*",           "iot:Pub*",    "iot:RetainPublish", "greengrass:*", "iot:GetThingShadow"};
    const std::vector<std::string> types{"client/", "topic/", "topicfilter/", "thing/", "*", "top*/"};
    const std::vector<std::string> pieces{"a",
                                          "b",
                                          "/",
                                          "*",
                                          "?",
                                          "+",
                                          "#",
                                          "${iot:ClientId}",
                                          "${iot:Connection.Thing.ThingName}",
                                          "$aws/things/",
                                          "shadow",
                                          "$share/g/"};
    std::string out = R"({"Version":"2012-10-17","Statement":[)";
    const int statements = *rc::gen::inRange(1, 5);
    for (int i = 0; i < statements; ++i) {
      if (i > 0) out += ',';
      out += std::string(R"({"Effect":")") + (*rc::gen::inRange(0, 3) == 0 ? "Deny" : "Allow") + R"(","Action":[")" +
             *rc::gen::elementOf(actions) + R"(",")" + *rc::gen::elementOf(actions) + R"("],")";
      out += *rc::gen::inRange(0, 5) == 0 ? "NotResource" : "Resource";
      out += R"(":[)";
      const int resources = *rc::gen::inRange(1, 4);
      for (int k = 0; k < resources; ++k) {
        if (k > 0) out += ',';
        out += "\"arn:aws:iot:us-east-1:123456789012:" + *rc::gen::elementOf(types);
        const int n = *rc::gen::inRange(0, 6);
        for (int p = 0; p < n; ++p) out += *rc::gen::elementOf(pieces);
        out += '"';
      }
      out += "]}";
    }
    return out + "]}";
  });
}

}  // namespace

TEST_CASE("covers says yes exactly for inclusion, where the wider pattern has no `?`") {
  CHECK(rc::check([] {
    const std::string wide = *pattern_of("ab*", 5), narrow = *pattern_of("ab*?", 5);
    work_budget budget;
    const answer got = covers(tokens(wide), tokens(narrow), budget);
    bool included = true;
    for (const std::string& s : samples()) included = included && (!slow_match(narrow, s) || slow_match(wide, s));
    // Long enough samples: patterns have at most five pieces, and `z` is a character neither names.
    RC_ASSERT((got == answer::yes) == included);
  }));
}

TEST_CASE("covers never says yes wrongly, `?` or not") {
  CHECK(rc::check([] {
    const std::string wide = *pattern_of("ab*?", 6), narrow = *pattern_of("ab*?", 6);
    work_budget budget;
    if (covers(tokens(wide), tokens(narrow), budget) != answer::yes) return;
    for (const std::string& s : samples()) RC_ASSERT(!slow_match(narrow, s) || slow_match(wide, s));
  }));
}

TEST_CASE("overlap agrees with trying all short strings") {
  CHECK(rc::check([] {
    const std::string a = *pattern_of("ab*?", 4), b = *pattern_of("ab*?", 4);
    work_budget budget;
    bool shared = false;
    for (const std::string& s : samples()) shared = shared || (slow_match(a, s) && slow_match(b, s));
    // Two patterns of at most four pieces share a string of at most six characters if any.
    RC_ASSERT((overlap(tokens(a), tokens(b), budget) == answer::yes) == shared);
  }));
}

TEST_CASE("find_string finds a string exactly where there is one, and none shorter exists") {
  CHECK(rc::check([] {
    const std::string a = *pattern_of("ab*?", 4), b = *pattern_of("ab*?", 4), c = *pattern_of("ab*?", 4),
                      d = *pattern_of("ab*?", 3);
    const token_string ta = tokens(a), tb = tokens(b), tc = tokens(c), td = tokens(d);
    work_budget budget;
    const string_answer got = find_string({{{&ta, &tb}, {&tc}}, {&td}}, budget);
    RC_ASSERT(got.exists != answer::unknown);
    const auto good = [&](const std::string& s) {
      return (slow_match(a, s) || slow_match(b, s)) && slow_match(c, s) && !slow_match(d, s);
    };
    if (got.exists == answer::yes) {
      const std::string witness = text_of(got.witness);
      RC_ASSERT(good(witness));
      for (const std::string& s : samples()) RC_ASSERT(s.size() >= witness.size() || !good(s));
    } else {
      for (const std::string& s : samples()) RC_ASSERT(!good(s));
    }
  }));
}

TEST_CASE("contains agrees with the policy matcher") {
  CHECK(rc::check([] {
    const std::string pattern = *pattern_of("ab*?", 8), text = *pattern_of("ab", 8);
    RC_ASSERT(contains(tokens(pattern), literal_tokens(text)) == glob_match(pattern, text));
  }));
}

TEST_CASE("after_prefix splits a language at a prefix") {
  CHECK(rc::check([] {
    const std::string pattern = *pattern_of("ab*?", 6), prefix = *pattern_of("ab", 3);
    const auto rests = after_prefix(tokens(pattern), literal_tokens(prefix));
    for (const std::string& s : samples()) {
      bool one = false;
      for (const token_string& r : rests) one = one || contains(r, literal_tokens(s));
      RC_ASSERT(one == slow_match(pattern, prefix + s));
    }
  }));
}

TEST_CASE("lint never fails on a policy that parses, and its places lie in the text") {
  CHECK(rc::check([] {
    const std::string text = *any_policy();
    const auto parsed = parse_text(text);
    if (!parsed.value) return;
    for (const auto& found :
         {lint(*parsed.value), lint_role(*parsed.value, role::claim), lint_role(*parsed.value, role::device)})
      for (const diagnostic& d : found) {
        RC_ASSERT(d.level != severity::error);
        RC_ASSERT(d.where.begin < d.where.end);
        RC_ASSERT(d.where.end <= text.size());
      }
  }));
}

TEST_CASE("what lint calls redundant or dead changes no decision when it is removed") {
  CHECK(rc::check([] {
    const std::string text = *any_policy();
    const auto parsed = parse_text(text);
    if (!parsed.value) return;
    for (const diagnostic& d : lint(*parsed.value)) {
      if (d.broken->id != "P078" && d.broken->id != "P080" && d.broken->id != "P077" && d.broken->id != "P079")
        continue;
      policy_document less = *parsed.value;
      for (std::size_t i = 0; i < less.statements.size(); ++i) {
        statement& s = less.statements[i];
        if (s.pointer == d.pointer) {
          less.statements.erase(less.statements.begin() + static_cast<std::ptrdiff_t>(i));
          break;
        }
        for (std::size_t k = 0; k < s.resources.size(); ++k)
          if (s.resources[k].pointer == d.pointer) {
            s.resources.erase(s.resources.begin() + static_cast<std::ptrdiff_t>(k));
            break;
          }
      }
      const char* names[] = {"a", "b", "a/b", "b/a", "thing1",   "aa",
                             "",  "/", "+",   "#",   "thing1/a", "$aws/things/thing1/shadow"};
      const std::pair<const char*, const char*> kinds[] = {{"iot:Publish", "topic/"},
                                                           {"iot:Receive", "topic/"},
                                                           {"iot:Subscribe", "topicfilter/"},
                                                           {"iot:Connect", "client/"}};
      for (const auto& [what, type] : kinds)
        for (const char* name : names) {
          request asked{what,
                        std::string("arn:aws:iot:us-east-1:123456789012:") + type + name,
                        {{"iot:ClientId", {"thing1"}}, {"iot:Connection.Thing.ThingName", {"thing1"}}}};
          const bool before = evaluate({{"p", &*parsed.value}}, asked).answer == decision::allowed;
          const bool after = evaluate({{"p", &less}}, asked).answer == decision::allowed;
          RC_ASSERT(before == after);
        }
      break;
    }
  }));
}
