// Filters that get around a denied subscription.

#include <tests/unit/lint/lint_support.hpp>

#include <set>

using namespace test;
namespace policies = fleetprov::policies;

namespace {

const std::string on_a_domain = R"(,"Condition":{"StringEquals":{"iot:DomainName":"a.example.com"}})";

/// The filter that P059 names for a grant and a Deny of filters, or nothing.
std::string bypass_of(const std::string& allowed, const std::string& denied) {
  const auto found = lint_text(policy({statement("Allow", "iot:Subscribe", "topicfilter/" + allowed),
                                       statement("Deny", "iot:Subscribe", "topicfilter/" + denied),
                                       statement("Allow", "iot:Receive", "topic/*")}));
  for (const auto& d : found)
    if (d.broken->id == "P059") return d.message.substr(16, d.message.find('`', 16) - 16);
  return {};
}

}  // namespace

TEST_CASE("a pattern with its wildcards as MQTT wildcards is a filter to try") {
  policies::variable_table table;
  const auto candidates = [&](std::string_view text) {
    const auto pattern =
        policies::compile_pattern(text, policies::wildcards::star_and_question, policies::variables::substituted);
    std::set<std::string> out;
    for (const auto& filter : policies::detail::filter_candidates(
                                  policies::to_tokens(pattern, policies::variable_reading::opaque, table)).take())
      out.insert(policies::spell(filter, table));
    return out;
  };
  using filters = std::set<std::string>;
  CHECK(candidates("a/b") == filters{"#", "+/#", "a/#", "a/b"});
  CHECK(candidates("a/b/*") == filters{"#", "+/#", "a/#", "a/b/#", "a/b/+", "a/b/+/#"});
  CHECK(candidates("a*") == filters{"#", "+/#", "a", "a/#", "a/+", "a/+/#"});
  CHECK(candidates("*/b") == filters{"#", "+/#", "+/b", "+/+/b", "+/+/+/b", "x/b"});
  CHECK(candidates("a*/b") == filters{"#", "+/#", "a/+/b", "a/b", "a/+/+/b", "ax/b"});
  CHECK(candidates("a/?") == filters{"#", "+/#", "a/#", "a/+"});
  CHECK(candidates("a?") == filters{"#", "+/#", "ax"});
  CHECK(candidates("a/?b") == filters{"#", "+/#", "a/#", "a/xb"});
  // The name of a share has no wildcards of MQTT.
  CHECK(candidates("$share/g*") == filters{"#", "+/#", "$share/#", "$share/gx/#", "$share/gx/+/#"});
  CHECK(candidates("$share/*/a") == filters{"#", "+/#", "$share/#", "$share/x/a", "$share/x/+/a"});
  CHECK(candidates("$share/*b") == filters{"#", "+/#", "$share/#", "$share/x/+/b", "$share/x/b", "$share/xb"});
  CHECK(candidates("$share/g?/a") == filters{"#", "+/#", "$share/#", "$share/gx/a"});
  CHECK(candidates("1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/*").size() == 19);
  CHECK(candidates("*a*b*c*d*e*f*g*").size() <= 96);
}

TEST_CASE("a `*` inside or before a level adds levels to the filter") {
  CHECK(bypass_of("building*", "building/control_room/*") == "building/#");
  CHECK(bypass_of("*/c", "b/c*") == "+/c");
  const auto found = lint_text(policy({statement_of("Allow", {"iot:Subscribe"}, {"topicfilter/*/c", "topicfilter/c/*"}),
                                       statement("Deny", "iot:Subscribe", "topicfilter/b/c*"),
                                       statement("Allow", "iot:Receive", "topic/b/c/*")}));
  CHECK(only(found, "P059").message.find("`+/+/c`") != std::string::npos);
}

TEST_CASE("a filter that begins with a wildcard brings in no `$` topic") {
  CHECK(bypass_of("#", "room/*") == "#");
  CHECK(bypass_of("#", "$aws/events/*").empty());
  CHECK(bypass_of("+/*", "room/x") == "+/#");
  CHECK(bypass_of("+/*", "$aws/x").empty());
  CHECK(bypass_of("", "room/x").empty());
}

TEST_CASE("a statement about topics and filters is read for its filters") {
  const std::string denied = statement("Deny", "iot:Subscribe", "topicfilter/building/control_room/*");
  const auto around = [&](const std::vector<std::string>& resources) {
    return fires(lint_text(policy({statement_of("Allow", {"iot:Subscribe", "iot:Receive"}, resources), denied})),
                 "P059");
  };
  CHECK(around({"topicfilter/building/*", "topic/building/*"}));
  CHECK(around({"topic/building/*", "topicfilter/building/*"}));
  CHECK_FALSE(around({"topic/building/*", "topicfilter/building/lobby/*"}));
}

TEST_CASE("another Deny with a condition of its own may not hold, so it stops no filter and no delivery") {
  const auto around = [](const std::string& of_subscribe, const std::string& of_receive) {
    return fires(lint_text(policy({statement("Allow", "iot:Subscribe", "topicfilter/building/*"),
                                   statement("Deny", "iot:Subscribe", "topicfilter/building/*", of_subscribe),
                                   statement("Allow", "iot:Receive", "topic/building/*"),
                                   statement("Deny", "iot:Receive", "topic/building/control_room/*", of_receive)})),
                 "P059");
  };
  CHECK_FALSE(around(on_a_domain, ""));
  CHECK_FALSE(around("", ""));
  const auto delivered = [](const std::string& condition) {
    return fires(lint_text(policy({statement("Allow", "iot:Subscribe", "topicfilter/building/*"),
                                   statement("Deny", "iot:Subscribe", "topicfilter/building/control_room/*"),
                                   statement("Allow", "iot:Receive", "topic/building/*"),
                                   statement("Deny", "iot:Receive", "topic/building/control_room/*", condition)})),
                 "P059");
  };
  CHECK(delivered(on_a_domain));
  CHECK_FALSE(delivered(""));
}

TEST_CASE("only a Deny that lists filters can be got around") {
  const auto around = [](const std::string& allowed, const std::string& denied) {
    return fires(lint_text(policy({statement("Allow", "iot:Subscribe", "topicfilter/" + allowed), denied,
                                   statement("Allow", "iot:Receive", "topic/*")})),
                 "P059");
  };
  CHECK(around("*", statement("Deny", "iot:Subscribe", "topicfilter/room/*")));
  CHECK_FALSE(around("*", statement("Deny", "iot:Subscribe", "topic/room/*")));
  const std::string all_but =
      R"({"Effect":"Deny","Action":"iot:Subscribe","NotResource":")" + arn + "topicfilter/room/*\"}";
  CHECK_FALSE(around("*", all_but));
  CHECK_FALSE(around("room/*", all_but));
}

TEST_CASE("only filters that a client can send get around anything, and only topics that exist are delivered") {
  CHECK(bypass_of("a*/#/c", "a/b/#/c").empty());
  CHECK(bypass_of("$share/*/a*c", "b/c").empty());
  CHECK(bypass_of("$share/g/d/*", "*/secret/*") == "$share/g/d/#");
  CHECK(bypass_of("$share/*", "$share/g/secret/*") == "$share/x/#");
  CHECK(bypass_of("$share/*/d/*", "$share/g/d/secret") == "$share/x/d/#");
  CHECK(bypass_of("1/2/3/4/5/6/7/8/9/*", "1/2/3/4/5/6/7/8/9/x").empty());  // more levels than AWS IoT takes
}

TEST_CASE("a Deny with a condition is got around while its condition holds, or not at all") {
  const std::string of_site = R"(,"Condition":{"NotIpAddress":{"aws:SourceIp":"198.51.100.0/24"}})";
  const auto around = [](const std::vector<std::string>& denies) {
    std::vector<std::string> all{statement("Allow", "iot:Subscribe", "topicfilter/plant/*"),
                                 statement("Allow", "iot:Receive", "topic/plant/*")};
    all.insert(all.end(), denies.begin(), denies.end());
    return fires(lint_text(policy(all)), "P059");
  };
  for (const std::string& block : std::vector<std::string>
       {R"("NotIpAddress":{"aws:SourceIp":"198.51.100.0/24"})", R"("StringEquals":{"iot:DomainName":"old.example.com"})",
        R"("StringNotEquals":{"aws:SourceVpce":"vpce-12345678"})", R"("Bool":{"iot:Connection.Thing.IsAttached":"false"})",
        R"("Bool":{"aws:SecureTransport":"false"})", R"("DateGreaterThan":{"aws:CurrentTime":"2030-01-01T00:00:00Z"})"}) {
    CAPTURE(block);
    const std::string condition = ",\"Condition\":{" + block + "}";
    CHECK_FALSE(around({statement("Deny", "iot:*", "*", condition)}));
    CHECK_FALSE(around({statement("Deny", "iot:Subscribe", "*", condition), statement("Deny", "iot:Receive", "*", condition)}));
    CHECK(around({statement("Deny", "iot:Subscribe", "topicfilter/plant/safe/*", condition)}));
  }
  const std::string some = "topicfilter/plant/safe/*", topics = "topic/plant/safe/*";
  CHECK_FALSE(around({statement("Deny", "iot:Subscribe", some, of_site), statement("Deny", "iot:Receive", topics, of_site)}));
  CHECK_FALSE(around({statement("Deny", "iot:Subscribe", some, of_site), statement("Deny", "iot:Receive", topics)}));
  CHECK(around({statement("Deny", "iot:Subscribe", some, of_site), statement("Deny", "iot:Receive", topics, on_a_domain)}));
  CHECK(around({statement("Deny", "iot:Subscribe", some), statement("Deny", "iot:Receive", topics, of_site)}));
}

TEST_CASE("an Allow of Receive with NotResource lets in all but what it lists") {
  const auto all_but = [](const std::string& topic) {
    return R"({"Effect":"Allow","Action":"iot:Receive","NotResource":")" + arn + "topic/" + topic + "\"}";
  };
  const auto around = [](const std::vector<std::string>& receives) {
    std::vector<std::string> all{statement("Allow", "iot:Subscribe", "topicfilter/line/*"),
                                 statement("Deny", "iot:Subscribe", "topicfilter/line/hidden/*")};
    all.insert(all.end(), receives.begin(), receives.end());
    return fires(lint_text(policy(all)), "P059");
  };
  CHECK_FALSE(around({}));
  CHECK_FALSE(around({all_but("line/hidden/*")}));
  CHECK_FALSE(around({all_but("line/*")}));
  CHECK(around({all_but("line/hidden/a")}));
  CHECK(around({all_but("other")}));
  CHECK(around({all_but("line/hidden/*"), all_but("other")}));
  CHECK(around({all_but("line/hidden/*"), statement("Allow", "iot:Receive", "topic/line/*")}));
  CHECK_FALSE(around({all_but("line/hidden/*"), statement("Allow", "iot:Receive", "topic/line/open")}));
}

TEST_CASE("no topic is empty, so none is delivered") {
  const auto around = [](const std::string& receive) {
    return fires(lint_text(policy({statement("Allow", "iot:Subscribe", "topicfilter/+"),
                                   statement("Deny", "iot:Subscribe", "topicfilter/#"),
                                   statement("Allow", "iot:Receive", "topic/*"),
                                   statement("Deny", "iot:Receive", "topic/" + receive)})),
                 "P059");
  };
  CHECK_FALSE(around("?*"));
  CHECK(around("??*"));
}
