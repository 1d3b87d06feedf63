#include <fleetprov/topics/topic_filter.hpp>

#include "support/catch.hpp"

#include <string>
#include <string_view>

using namespace fleetprov;
using namespace fleetprov::topics;

namespace {

struct match_row {
  std::string_view filter, topic;
  bool aws, mqtt;
};

// MQTT 5 section 4.7 and AWS IoT Core's "MQTT topics"; the two differ for the parent level only.
constexpr match_row rows[] = {
    {"a", "a", true, true},
    {"a", "b", false, false},
    {"a", "A", false, false},
    {"a", "a/", false, false},
    {"a/", "a", false, false},
    {"a/b", "a/b", true, true},
    {"a/b/c", "a/b", false, false},
    {"a/b", "a/b/c", false, false},
    {"+", "a", true, true},
    {"+", "a/b", false, false},
    {"+", "/a", false, false},
    {"+/+", "/a", true, true},
    {"/+", "/a", true, true},
    {"+/", "a/", true, true},
    {"a/+", "a", false, false},
    {"a/+", "a/", true, true},
    {"a/+/c", "a//c", true, true},
    {"#", "a", true, true},
    {"#", "/", true, true},
    {"sensor/#", "sensor", false, true},
    {"sensor/#", "sensor/", true, true},
    {"sensor/#", "sensor/x/y", true, true},
    {"sensor/#", "sensors", false, false},
    {"+/#", "a", false, true},
    {"#", "$SYS/x", false, false},
    {"+/x", "$SYS/x", false, false},
    {"+", "$SYS", false, false},
    {"$SYS/#", "$SYS/x", true, true},
    {"$SYS/+", "$SYS/x", true, true},
    {"a/+", "a/$x", true, true},
    {"a/#/b", "a/x/b", false, false},
    {"a+", "ab", false, false},
    {"a#", "ab", false, false},
    {"abc", "a", false, false},
    {"a##", "a", false, false},
    {"+a", "ba", false, false},
    {"", "a", false, false},
    {"#", "", false, false},
};

constexpr bool all_agree() {
  for (const match_row& row : rows)
    if (matches(row.filter, row.topic) != row.aws || matches(row.filter, row.topic, dialect::mqtt) != row.mqtt)
      return false;
  return true;
}
static_assert(all_agree());

static_assert(validate_topic_filter("a/+/#").has_value());
static_assert(validate_topic_filter("$share/g/a/#").has_value());
static_assert(validate_topic_filter("a/#/b").error() == failure{errc::invalid_topic_filter, 2});
static_assert(validate_topic_filter("$share/g/a/b#").error() == failure{errc::invalid_topic_filter, 12});
static_assert(parse_share("$share/g/a/b").name == "g" && parse_share("$share/g/a/b").filter == "a/b");

failure why(result<void> outcome) {
  REQUIRE_FALSE(outcome.has_value());
  return outcome.error();
}

}  // namespace

TEST_CASE("filters match topics level by level, with AWS's or with the standard's parent rule") {
  for (const match_row& row : rows) {
    CAPTURE(std::string(row.filter), std::string(row.topic));
    CHECK(matches(row.filter, row.topic) == row.aws);
    CHECK(matches(row.filter, row.topic, dialect::mqtt) == row.mqtt);
  }
}

TEST_CASE("a filter's wildcards stand alone in their level, the hash in the last one") {
  for (const char* good : {"a", "/", "+", "#", "+/+", "a/+/b", "a/#", "+/#", "//", "$aws/#", "a b", "\xC3\xA9"}) {
    CAPTURE(good);
    CHECK(validate_topic_filter(good).has_value());
  }
  CHECK(why(validate_topic_filter("")) == failure{errc::invalid_topic_filter, 0});
  CHECK(why(validate_topic_filter("a+")) == failure{errc::invalid_topic_filter, 1});
  CHECK(why(validate_topic_filter("+a")) == failure{errc::invalid_topic_filter, 0});
  CHECK(why(validate_topic_filter("a/b#")) == failure{errc::invalid_topic_filter, 3});
  CHECK(why(validate_topic_filter("#/")) == failure{errc::invalid_topic_filter, 0});
  CHECK(why(validate_topic_filter("##")) == failure{errc::invalid_topic_filter, 0});
  CHECK(why(validate_topic_filter(std::string("a\0b", 3))) == failure{errc::invalid_topic_filter, 1});
  CHECK(why(validate_topic_filter("ab\xFF")) == failure{errc::invalid_utf8, 2});
}

TEST_CASE("a shared subscription has a name without wildcards and a filter of its own") {
  CHECK(validate_topic_filter("$share/group/a/+/#").has_value());
  CHECK(validate_topic_filter("$share/g//").has_value());
  CHECK(why(validate_topic_filter("$share/")) == failure{errc::invalid_topic_filter, 7});
  CHECK(why(validate_topic_filter("$share/g")) == failure{errc::invalid_topic_filter, 8});
  CHECK(why(validate_topic_filter("$share/g/")) == failure{errc::invalid_topic_filter, 9});
  CHECK(why(validate_topic_filter("$share//a")) == failure{errc::invalid_topic_filter, 7});
  CHECK(why(validate_topic_filter("$share/g+/a")) == failure{errc::invalid_topic_filter, 8});
  CHECK(why(validate_topic_filter("$share/\xFF/a")) == failure{errc::invalid_utf8, 7});
  CHECK(validate_topic_filter("$share/" + std::string(128, 'g') + "/a").has_value());
  CHECK(why(validate_topic_filter("$share/" + std::string(129, 'g') + "/a")).code == errc::too_large);
  CHECK(validate_topic_filter("$share/" + std::string(129, 'g') + "/a", dialect::mqtt).has_value());
  const shared_subscription plain = parse_share("a/$share/b");
  CHECK_FALSE(plain.is_shared);
  CHECK(plain.filter == "a/$share/b");
  CHECK(matches(parse_share("$share/g/a/#").filter, "a/b"));
}

TEST_CASE("AWS's 256 bytes and 7 slashes leave out the share name and the basic ingest prefix") {
  const std::string long_topic(256, 'x');
  CHECK(validate_topic_name(long_topic).has_value());
  CHECK(why(validate_topic_name(long_topic + "x")) == failure{errc::too_large, 256});
  CHECK(validate_topic_name(long_topic + "x", dialect::mqtt).has_value());
  CHECK(validate_topic_name("1/2/3/4/5/6/7/8").has_value());
  CHECK(why(validate_topic_name("1/2/3/4/5/6/7/8/9")) == failure{errc::too_large, 15});
  CHECK(validate_topic_name("1/2/3/4/5/6/7/8/9", dialect::mqtt).has_value());
  CHECK(validate_topic_name("$aws/rules/my_rule").has_value());
  CHECK(why(validate_topic_name("$aws/rules/" + long_topic)) == failure{errc::too_large, 256});  // nothing behind the name: it counts
  CHECK(validate_topic_name("$aws/rules/my_rule/1/2/3/4/5/6/7/8").has_value());
  CHECK_FALSE(validate_topic_name("$aws/rules/my_rule/1/2/3/4/5/6/7/8/9").has_value());
  CHECK(validate_topic_name("$aws/rules/my_rule/" + long_topic).has_value());
  CHECK_FALSE(validate_topic_name("$aws/rules/my_rule/" + long_topic + "x").has_value());
  CHECK(validate_topic_filter("$share/g/1/2/3/4/5/6/7/#").has_value());
  CHECK(validate_topic_filter("$share/g/" + long_topic).has_value());
  CHECK_FALSE(validate_topic_filter("$share/g/" + long_topic + "x").has_value());
  CHECK(why(validate_topic_name(std::string(65536, 'x'), dialect::mqtt)).code == errc::too_large);
}

TEST_CASE("a topic name is not empty, has no wildcard and no NUL, and is UTF-8") {
  STATIC_REQUIRE(validate_topic_name("a/b c/\xC3\xA9").has_value());
  CHECK(why(validate_topic_name("")) == failure{errc::invalid_topic, 0});
  CHECK(why(validate_topic_name("a/+")) == failure{errc::invalid_topic, 2});
  CHECK(why(validate_topic_name("a#")) == failure{errc::invalid_topic, 1});
  CHECK(why(validate_topic_name(std::string("a\0", 2))) == failure{errc::invalid_topic, 1});
  CHECK(why(validate_topic_name("a\xC0\xAF")) == failure{errc::invalid_utf8, 1});
  CHECK(why(validate_topic_name("a\xED\xA0\x80")) == failure{errc::invalid_utf8, 1});
}

namespace {

struct overlap_row {
  std::string_view a, b;
  bool overlap;
};
constexpr overlap_row overlap_rows[] = {
    {"a/+", "+/b", true},       {"a/#", "a/b/c", true},   {"#", "a", true},          {"a/#", "a", false},    {"a/+", "a/b/c", false}, {"a", "b", false},
    {"#", "$aws/x", false},     {"$aws/x", "+/x", false}, {"$aws/#", "$aws/+/x", true}, {"$aws/x", "$aws/x", true}, {"$aws/x", "a/x", false},   {"", "#", false},
    {"a", "", false},
};
constexpr bool all_overlaps_agree() {
  for (const overlap_row& row : overlap_rows)
    if (overlap(row.a, row.b) != row.overlap || overlap(row.b, row.a) != row.overlap) return false;
  return true;
}
static_assert(all_overlaps_agree());

}  // namespace

TEST_CASE("two filters overlap when some topic matches both") {
  for (const overlap_row& row : overlap_rows) {
    CAPTURE(std::string(row.a), std::string(row.b));
    CHECK(overlap(row.a, row.b) == row.overlap);
    CHECK(overlap(row.b, row.a) == row.overlap);
  }
}

TEST_CASE("matching a long hostile filter takes one pass") {
  std::string filter, topic;
  for (int i = 0; i < 20000; ++i) {
    filter += "+/";
    topic += "a/";
  }
  CHECK(matches(filter + "#", topic + "b"));
  CHECK_FALSE(matches(filter + "b", topic + "a"));
}
