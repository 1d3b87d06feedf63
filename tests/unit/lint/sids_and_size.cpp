// Rules about the document as a whole.

#include <tests/unit/lint/lint_support.hpp>

using namespace test;

TEST_CASE("a Sid has letters and digits only") {
  for (const std::string good : {"AZaz09", "A", "0"}) {
    CAPTURE(good);
    CHECK_FALSE(fires(
        lint_text(raw(R"("Sid":")" + good + R"(","Effect":"Allow","Action":"iot:Connect","Resource":"*")")), "P090"));
  }
  // The neighbours of each range.
  for (const std::string bad : {"a/", "a:", "a@", "a[", "a`", "a{", "\xC3\xA9"}) {
    CAPTURE(bad);
    CHECK(fires(lint_text(raw(R"("Sid":")" + bad + R"(","Effect":"Allow","Action":"iot:Connect","Resource":"*")")),
                "P090"));
  }
}

TEST_CASE("the size is a warning in its last 5%, at the opening brace, and past the limit it is the parser's") {
  auto document = parse_policy(policy({statement("Allow", "iot:Connect", "*")}));
  for (const auto& [characters, found] :
       {std::pair(1945U, false), std::pair(1946U, true), std::pair(2048U, true), std::pair(2049U, false)}) {
    CAPTURE(characters);
    document.characters = characters;
    CHECK(fires(fleetprov::policies::lint(document), "P074") == found);
  }
  document.characters = 2048;
  CHECK(only(fleetprov::policies::lint(document), "P074").where == fleetprov::source_range{0, 1});
  document.where = {};  // made by a program, so it has no place
  CHECK(only(fleetprov::policies::lint(document), "P074").where == fleetprov::source_range{0, 0});
}
