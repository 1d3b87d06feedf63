// Globs: characters, runs, and text that is data.

#include "support/catch.hpp"

#include <fleetprov/policies/pattern.hpp>

#include <string>

namespace policies = fleetprov::policies;

TEST_CASE("`?` is one character, however many bytes it has, also at the end of a pattern with `*`") {
  CHECK(policies::glob_match("a*?", "a\xC3\xA9"));
  CHECK(policies::glob_match("*a?", "xa\xF0\x9F\x98\x80"));
  CHECK_FALSE(policies::glob_match("a*??", "a\xC3\xA9"));
  CHECK_FALSE(policies::glob_match("*a?", "a\xC3\xA9x"));
}

TEST_CASE("several `*` in a row are one") {
  CHECK(policies::glob_match("a**c", "ac"));
  CHECK(policies::glob_match("a***b**c", "axbyc"));
  CHECK_FALSE(policies::glob_match("a**c", "ab"));
  policies::glob made;
  made.append_any_run();
  made.append_any_run();
  CHECK(made.text() == "*");
}

TEST_CASE("a glob is shown with its wildcards, and takes no byte as text that could be one of them") {
  policies::glob made;
  CHECK(made.append_literal("a"));
  made.append_any_one();
  made.append_any_run();
  CHECK_FALSE(made.append_literal("x\xFF"));
  CHECK_FALSE(made.append_literal("\xFEx"));
  CHECK(made.text() == "a?*");
  CHECK(made.matches("ab"));
  CHECK_FALSE(made.matches("a"));
}
