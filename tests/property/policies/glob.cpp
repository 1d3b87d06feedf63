// The pattern matcher against a five-line one on every small input, and what is left of a pattern after a prefix.

#include "support/catch.hpp"

#include <fleetprov/policies/detail/residual.hpp>
#include <fleetprov/policies/pattern.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace policies = fleetprov::policies;

namespace {

using letters = std::vector<std::string>;  // one entry per character

/// The definition, written down: `*` is nothing or one more character, `?` is one.
bool slow_match(const letters& pattern, std::size_t p, const letters& value, std::size_t v) {
  if (p == pattern.size()) return v == value.size();
  if (pattern[p] == "*") return slow_match(pattern, p + 1, value, v) || (v < value.size() && slow_match(pattern, p, value, v + 1));
  if (v == value.size()) return false;
  return (pattern[p] == "?" || pattern[p] == value[v]) && slow_match(pattern, p + 1, value, v + 1);
}

std::vector<letters> all_up_to(std::size_t longest, const letters& alphabet) {
  std::vector<letters> out{{}};
  for (std::size_t from = 0, length = 0; length < longest; ++length) {
    const std::size_t to = out.size();
    for (; from < to; ++from)
      for (const std::string& letter : alphabet) {
        letters longer = out[from];
        longer.push_back(letter);
        out.push_back(std::move(longer));
      }
  }
  return out;
}

std::string join(const letters& all) {
  std::string out;
  for (const std::string& letter : all) out += letter;
  return out;
}

policies::glob compile(const letters& pattern) {
  policies::glob out;
  for (const std::string& letter : pattern) {
    if (letter == "*") out.append_any_run();
    else if (letter == "?") out.append_any_one();
    else out.append_literal(letter);
  }
  return out;
}

std::size_t count_disagreements(std::size_t pattern_size, std::size_t value_size, const letters& alphabet) {
  letters with_wildcards = alphabet;
  with_wildcards.insert(with_wildcards.end(), {"*", "?"});
  const auto values = all_up_to(value_size, alphabet);
  std::vector<std::string> texts;
  for (const letters& v : values) texts.push_back(join(v));
  std::size_t wrong = 0;
  for (const letters& pattern : all_up_to(pattern_size, with_wildcards)) {
    const std::string text = join(pattern);
    const policies::glob compiled = compile(pattern);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const bool expected = slow_match(pattern, 0, values[i], 0);
      wrong += policies::glob_match(text, texts[i]) != expected;
      wrong += compiled.matches(texts[i]) != expected;
    }
  }
  return wrong;
}

}  // namespace

TEST_CASE("the glob matcher equals a five-line recursive one on all small inputs") {
  CHECK(count_disagreements(6, 7, {"a", "b"}) == 0);
  CHECK(count_disagreements(5, 5, {"a", "/", "b"}) == 0);
}

TEST_CASE("a question mark is one character, however many bytes it has") {
  CHECK(count_disagreements(5, 5, {"a", "\xC3\xA9"}) == 0);
  CHECK(count_disagreements(5, 4, {"\xE2\x82\xAC", "\xF0\x9F\x98\x80"}) == 0);
}

TEST_CASE("what is left of a pattern after a known beginning matches exactly the rest") {
  std::size_t wrong = 0;
  const auto rests = all_up_to(4, {"a", "b"});
  for (const letters& pattern : all_up_to(5, {"a", "b", "*", "?"})) {
    const policies::glob compiled = compile(pattern);
    for (const letters& prefix : all_up_to(3, {"a", "b"})) {
      const auto residuals = policies::detail::residuals(compiled.tokens(), join(prefix));
      for (const letters& rest : rests) {
        bool got = false;
        for (const std::string& r : residuals)
          got = got || policies::detail::match<policies::glob::any_run, policies::glob::any_one>(r, join(rest));
        wrong += got != compiled.matches(join(prefix) + join(rest));
      }
    }
  }
  CHECK(wrong == 0);
}
