// Regions, account ids and the words that documentation leaves in their place.

#include <tests/support/catch.hpp>

#include <fleetprov/policies/placeholders.hpp>

#include <string>
#include <utility>
#include <vector>

using namespace fleetprov::policies;

TEST_CASE("a region is lower-case words and a number") {
  for (const std::string good : {"us-east-1", "us-gov-west-1", "ap-southeast-2", "eusc-de-east-1", "us-isob-east-1", "xx-north-12"}) {
    CAPTURE(good);
    CHECK(is_region(good));
  }
  for (const std::string bad : {"", "us-1", "US-EAST-1", "us-east-1{", "us-{east-1", "1s-east-1", "-us-east-1",
                                "us-east-", "us-east-a", "us-east-aaaa1", "us-east-1-", "us-east-1-2", "us--east-1",
                                "us-1-east", "u-east-1", "usaus-east-1", "us-east-123", "eu", "us-east", "my-region", "us-e1st-1"}) {
    CAPTURE(bad);
    CHECK_FALSE(is_region(bad));
  }
}

TEST_CASE("an account is twelve digits, and then no placeholder") {
  CHECK(is_account(std::string("123456789012")));
  for (const std::string bad : {"12345678901", "12345678901/", "12345678901:", "1234567890123"}) {
    CAPTURE(bad);
    CHECK_FALSE(is_account(bad));
  }
  CHECK_FALSE(detail::is_account_placeholder("123456789012"));
  CHECK(detail::is_account_placeholder("12345678901X"));
  CHECK(detail::is_account_placeholder("xxxxxxxxxxxx"));
}

TEST_CASE("the words for region, account and template on AWS's pages are placeholders in their place") {
  for (const std::string region : {"region", "region-name", "regionId", "current_region", "aws-region", "my-region", "YOUR-REGION-HERE", "%s", "${var.region}", "{us-east-1}"}) {
    CAPTURE(region);
    CHECK(find_placeholder("arn:aws:iot:" + region + ":123456789012:topic/a") == region);
  }
  for (const std::string account :
       {"account", "accountId", "account-number", "acct-id", "account_no", "1234EXAMPLE", "123XXXXXXXXX",
        "xxxxxxxxxxxx", "my-account", "YOUR-ACCOUNT-ID-HERE", "ACCOUNT-ID-WITHOUT-HYPHENS", "%s", "${var.account}"}) {
    CAPTURE(account);
    CHECK(find_placeholder("arn:aws:iot:us-east-1:" + account + ":topic/a") == account);
  }
  // Pages print them in asterisks; what is left of a pattern without its own is no such word.
  for (const std::string region : {"*region*", "**aws-region**", "*REGION*"}) CHECK(find_placeholder("arn:aws:iot:" + region + ":123456789012:topic/a") == region);
  for (const std::string account : {"*account-id*", "*account*", "*1234EXAMPLE*"}) CHECK(find_placeholder("arn:aws:iot:us-east-1:" + account + ":topic/a") == account);
  for (const std::string fine : {"arn:aws:iot:us-*:1234*:topic/a", "arn:aws:iot:*:*:topic/a", "arn:aws:iot:*-1:?2:topic/a"}) CHECK_FALSE(find_placeholder(fine).has_value());
  for (const std::string name :
       {"templateName", "provisioning-template-name", "provTemplate", "provisioningTemplate", "fleet-template-name"})
    for (const std::string rest : {"", "/provision/json"}) {
      CAPTURE(name, rest);
      CHECK(find_placeholder("arn:aws:iot:us-east-1:123456789012:topic/$aws/provisioning-templates/" + name + rest) ==
            name);
    }
  for (const std::string fine : {"arn:aws:iot:us-east-1:123456789012:topic/region/account/templateName",
                                 "arn:aws:iot:eu:1:topic/a", "arn:aws:iot:*:*:topic/$aws/provisioning-templates/"}) {
    CAPTURE(fine);
    CHECK_FALSE(find_placeholder(fine).has_value());
  }
}

TEST_CASE("marks are placeholders wherever they close") {
  const std::vector<std::pair<std::string, std::string>> rows{{"a/<b>/c", "<b>"},     {"a<b/<c>", "<b/<c>"},
                                                              {"$NAME1/x", "$NAME1"}, {"x/$MY_NAME", "$MY_NAME"},
                                                              {"$NAME*", "$NAME"},    {"$NAME:x", "$NAME"},
                                                              {"a/{{b}}/{{c}}", "{{b}}"}, {"{{b}", ""}, {"{{}}", ""}};
  for (const auto& [text, mark] : rows) {
    CAPTURE(text);
    CHECK(find_placeholder(text).value_or("") == mark);
  }
  const std::string head = "arn:aws:iot:us-east-1:123456789012:";
  for (const std::string root : {"$SYS", "$CONTROL", "$AWS"}) {
    CAPTURE(root);
    for (const std::string start : {"topic/", "topicfilter/", "topicfilter/$share/workers/"})
      for (const std::string rest : {"", "/#", "/broker/uptime", "*"}) CHECK_FALSE(find_placeholder(head + start + root + rest).has_value());
    CHECK(find_placeholder(head + "topicfilter/" + root + "/$NAME") == "$NAME");
    for (const std::string elsewhere : {"topic/a/", "topicfilter/$share/", "topicfilter/$share/workers", "client/", "topic", "thing/topic/"})
      CHECK(find_placeholder(head + elsewhere + root) == root);
    CHECK(find_placeholder(root + "/x") == root);
  }
  for (const std::string fine : {"a>b<c", "a<", "<>", "<>/a>", "$NAME-x", "$N", "$name"}) {
    CAPTURE(fine);
    CHECK_FALSE(find_placeholder(fine).has_value());
  }
}
