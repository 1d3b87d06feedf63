// The text of Resource entries: each field of an ARN, and what is written in its place.

#include "support/catch.hpp"

#include <fleetprov/policies/document.hpp>

#include <string>
#include <vector>

namespace policies = fleetprov::policies;
using test::ContainsSubstring;

TEST_CASE("every field of an ARN is checked on its own") {
  struct row {
    std::string resource;
    std::string found;  ///< the one rule and a piece of its message or help, or nothing
    std::string says;
  };
  const std::vector<row> rows{
      // no ARN
      {"", "P019", "write an ARN, as in"},
      {"  ", "P019", "write an ARN, as in"},
      {"topic/a", "P019", "write `arn:aws:iot:<region>:<account>:topic/a`"},
      {"topic/<name>", "P019", "write an ARN, as in"},
      {"all my topics", "P019", "write an ARN, as in"},
      {"ARN:aws:iot:us-east-1:123456789012:topic/a", "P019", "write `arn:` in lower case"},
      {"*", "", ""},
      // too few fields
      {"arn:aws", "P021", "the form is arn:aws:iot:"},
      {"arn:aws:iot", "P021", "the form is arn:aws:iot:"},
      {"arn:aws:us-east-1:123456789012:topic/a", "P021", "the service field `iot` is missing"},
      {"arn:aws:us-east-1:123456789012:topic/a:b", "P021", "has 5 of six fields"},
      {"arn:aws:us-east-1:123456789012:topic/a:*", "P021", "has 5 of six fields"},
      {"arn:aws:iot:us-*", "P022", "write all six fields"},
      // variables and escapes before the fifth colon
      {"arn:aws:iot:${iot:ClientId}:123456789012:topic/a", "P023", "is not substituted"},
      {"arn:aws:iot:${aws", "P023", "is not substituted"},
      {"arn:aws:iot:${AWS_REGION}:123456789012:topic/a", "P023", "`${AWS_REGION}` is a placeholder that nobody filled in; `fleetprov render`"},
      {"arn:aws:iot:us-east-1:${var.account}:topic/a", "P023", "`${var.account}` is a placeholder that nobody filled in"},
      {"arn:aws:iot:us-east-1:${iot:ClientId}:topic/a", "P023", "is not substituted"},
      {"arn:aws:iot:region:${iot:ClientId}:topic/a", "P023", "is not substituted"},
      {"arn:aws:iot:us-east-1:${*}:topic/a", "", ""},
      {"arn:aws:iot:us-east-1:${?}:topic/a", "", ""},
      {"arn:aws:iot:us-east-1:${$}:topic/a", "", ""},
      // partition and service
      {"arn:aws-us-gov:iot:us-gov-west-1:123456789012:topic/a", "", ""},
      {"arn:a*:iot:us-east-1:123456789012:topic/a", "", ""},
      {"arn:amazon:iot:us-east-1:123456789012:topic/a", "P035", "unknown partition `amazon`"},
      {"arn:aws:greengrass:us-east-1:123456789012:topic/a", "", ""},
      {"arn:aws:IoT:us-east-1:123456789012:topic/a", "P036", "write `iot` in lower case"},
      {"arn:aws:sns:us-east-1:123456789012:topic/a", "P036", "device requests carry arn:...:iot:..."},
      {"arn:aws:iam::123456789012:role/r", "P036P037", "rolealias/<alias>"},
      {"arn:aws:greengrass:us-east-1:123456789012:/greengrass/groups/*", "", ""},
      // region
      {"arn:aws:iot::123456789012:topic/a", "P037", "the region is missing"},
      {"arn:aws:iot:useast1:123456789012:topic/a", "P037", "`useast1` is no region"},
      {"arn:aws:iot:us-east-1a:123456789012:topic/a", "P037", "`us-east-1a` is no region"},
      {"arn:aws:iot:u-1:123456789012:topic/a", "P037", "`u-1` is no region"},
      {"arn:aws:iot:1u-east-1:123456789012:topic/a", "P037", "`1u-east-1` is no region"},
      {"arn:aws:iot:use-1:123456789012:topic/a", "P037", "`use-1` is no region"},
      {"arn:aws:iot:-a-1:123456789012:topic/a", "P037", "`-a-1` is no region"},
      {"arn:aws:iot:12345:123456789012:topic/a", "P037", "`12345` is no region"},
      {"arn:aws:iot:us-East-1:123456789012:topic/a", "P037", "`us-East-1` is no region"},
      {"arn:aws:iot:us-east-*:123456789012:topic/a", "", ""},
      {"arn:aws:iot:<region1>:123456789012:topic/a", "", ""},
      {"arn:aws:iot:region:123456789012:topic/a", "", ""},
      {"arn:aws:iot:%s:%s:topic/a", "", ""},
      {"arn:aws:iot:eu:123456789012:topic/a", "P037", "`eu` is no region"},
      {"arn:aws:iot:us-east:123456789012:topic/a", "P037", "`us-east` is no region"},
      {"arn:aws-eusc:iot:eusc-de-east-1:123456789012:topic/a", "", ""},
      {"arn:aws-iso:iot:us-iso-east-1:123456789012:topic/a", "", ""},
      // account
      {"arn:aws:iot:us-east-1::topic/a", "P038", "the account id is missing"},
      {"arn:aws:iot:us-east-1:12345:topic/a", "P038", "`12345` is no account id"},
      {"arn:aws:iot:us-east-1:account:topic/a", "", ""},
      {"arn:aws:iot:us-east-1:1234-5678-9012:topic/a", "P038", "`1234-5678-9012` is no account id"},
      {"arn:aws:iot:us-east-1:1234567890ab:topic/a", "P038", "`1234567890ab` is no account id"},
      {"arn:aws:iot:us-east-1:1234*:topic/a", "", ""},
      {"arn:aws:iot:us-east-1:xxxxxxxxxxxx:topic/a", "", ""},
      {"arn:aws:iot:<b>region</b>:<b>account</b>:topic/a", "", ""},
      // type and name
      {"arn:aws:iot:us-east-1:123456789012:*", "", ""},
      {"arn:aws:iot:us-east-1:123456789012:", "P039", "unknown resource type ``"},
      {"arn:aws:iot:us-east-1:123456789012:/thing/a", "P033", "write `thing/a` after the account id"},
      {"arn:aws:iot:us-east-1:123456789012:t*/a", "P034", "a wildcard inside the resource type `t*`"},
      {"arn:aws:iot:us-east-1:123456789012:${iot:ClientId}/a", "", ""},
      {"arn:aws:iot:us-east-1:123456789012:topics/a", "P039", "write `topic`"},
      {"arn:aws:iot:us-east-1:123456789012:topicfilters/a", "P039", "write `topicfilter`"},
      {"arn:aws:iot:us-east-1:123456789012:topic-filter/a", "P039", "write `topicfilter`"},
      {"arn:aws:iot:us-east-1:123456789012:topicFilter/a", "P039", "write `topicfilter`"},
      {"arn:aws:iot:us-east-1:123456789012:thingy/a", "P039", "types are client, topic,"},
      {"arn:aws:iot:us-east-1:123456789012:topic", "P039", "resource type `topic` without a name"},
      {"arn:aws:iot:us-east-1:123456789012:topic/", "P039", "resource type `topic` without a name"},
  };
  for (const row& each : rows) {
    CAPTURE(each.resource);
    const auto got = policies::parse_text(
        R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iot:Publish","Resource":")" + each.resource +
        "\"}}");
    std::string found, said;
    for (const auto& d : got.diagnostics)
      if (d.broken->id != "P026") {  // a variable without its brace has a rule of its own
        found += d.broken->id;
        said += d.message + "; " + d.help;
      }
    CHECK(found == each.found);
    CHECK_THAT(said, ContainsSubstring(each.says));
  }
}
