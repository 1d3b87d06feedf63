#include <fleetprov/topics/arn.hpp>
#include <fleetprov/topics/limits.hpp>
#include <fleetprov/topics/reserved_topics.hpp>
#include <fleetprov/topics/thing_name.hpp>

#include "support/catch.hpp"

#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

using namespace fleetprov;
using namespace fleetprov::topics;

TEST_CASE("an ARN is split at its first five colons and its resource at the first slash") {
  constexpr result<arn> read = parse_arn("arn:aws-cn:iot:cn-north-1:123456789012:topic/a:b/c");
  STATIC_REQUIRE(read.has_value());
  STATIC_REQUIRE(read->partition == "aws-cn" && read->service == "iot" && read->region == "cn-north-1");
  STATIC_REQUIRE(read->account == "123456789012" && read->resource == "topic/a:b/c");
  STATIC_REQUIRE(split_resource(read->resource).type == "topic" && split_resource(read->resource).name == "a:b/c");
  CHECK(parse_arn("arn:aws:iot:*:*:topic/x")->region == "*");
  CHECK(parse_arn("arn:aws:iam::123456789012:role/x")->region.empty());
  CHECK(split_resource(parse_arn("arn:aws:iot:r:a:*")->resource).type == "*");
  CHECK_FALSE(split_resource("*").has_name);
  CHECK(split_resource("client/").has_name);
  CHECK(split_resource("/thing/x").type.empty());
  CHECK(parse_arn("arn:aws:iot:r:a:topicfilter/$aws/things/+/#")->resource == "topicfilter/$aws/things/+/#");
}

TEST_CASE("a short or foreign text is no ARN, and the offset says what is missing") {
  const auto offset = [](std::string_view text) {
    const result<arn> read = parse_arn(text);
    REQUIRE_FALSE(read.has_value());
    CHECK(read.error().code == errc::invalid_arn);
    return read.error().offset;
  };
  CHECK(offset("") == 0);
  CHECK(offset("*") == 0);
  CHECK(offset("ARN:aws:iot:r:a:x") == 0);
  CHECK(offset("arn:aws:iot") == 11);
  CHECK(offset("arn::iot:r:a:x") == 4);
  CHECK(offset("arn:aws::r:a:x") == 8);
  CHECK(offset("arn:aws:iot:r:a:") == 16);
  CHECK(offset("arn:aws:us-east-1:123456789012:client/x") == 39);
}

TEST_CASE("an ARN is made with the partition of its region") {
  CHECK(make_arn("us-east-1", "123456789012", "topic", "a/b") == "arn:aws:iot:us-east-1:123456789012:topic/a/b");
  CHECK(make_arn("cn-north-1", "1", "cert", "x") == "arn:aws-cn:iot:cn-north-1:1:cert/x");
  CHECK(make_arn("us-gov-west-1", "1", "thing", "x") == "arn:aws-us-gov:iot:us-gov-west-1:1:thing/x");
  const std::string text = make_arn("eu-west-1", "1", "policy", "p");
  const result<arn> back = parse_arn(text);
  REQUIRE(back.has_value());
  CHECK(split_resource(back->resource).name == "p");
}

TEST_CASE("names of the registry keep to their alphabets and lengths") {
  STATIC_REQUIRE(validate_thing_name("aZ09:_-").has_value());
  STATIC_REQUIRE(validate_thing_name("").error() == failure{errc::invalid_thing_name, 0});
  CHECK(validate_thing_name("a/b").error() == failure{errc::invalid_thing_name, 1});
  CHECK(validate_thing_name("ab\xC3\xA9").error().offset == 2);
  CHECK(validate_thing_name(std::string(128, 'x')).has_value());
  CHECK(validate_thing_name(std::string(129, 'x')).error().offset == 128);
  CHECK(validate_thing_type_name("a b").error() == failure{errc::invalid_name, 1});
  CHECK(validate_group_name("g-1").has_value());
  CHECK(validate_attribute_name("a.b,@/:#-").has_value());
  CHECK_FALSE(validate_attribute_name("a=b").has_value());
  CHECK(validate_attribute_value("").has_value());
  CHECK(validate_attribute_value("a=[b]/#").has_value());
  CHECK(validate_attribute_value("a b").error() == failure{errc::invalid_name, 1});
  CHECK(validate_attribute_value(std::string(800, 'x')).has_value());
  CHECK_FALSE(validate_attribute_value(std::string(801, 'x')).has_value());
  CHECK(validate_policy_name("p+=,.@-_").has_value());
  CHECK_FALSE(validate_policy_name("p/q").has_value());
  CHECK(validate_role_alias("r=@-,").has_value());
}

TEST_CASE("a client id has up to 128 bytes of UTF-8 and does not begin with a dollar sign") {
  STATIC_REQUIRE(validate_client_id("+/# \xC3\xA9").has_value());
  CHECK(validate_client_id("").error() == failure{errc::invalid_client_id, 0});
  CHECK(validate_client_id("$x").error() == failure{errc::invalid_client_id, 0});
  CHECK(validate_client_id(std::string(128, 'x')).has_value());
  CHECK(validate_client_id(std::string(129, 'x')).error().code == errc::too_large);
  CHECK(validate_client_id("a\xFF").error() == failure{errc::invalid_utf8, 1});
  CHECK(validate_client_id(std::string("a\0", 2)).error() == failure{errc::invalid_client_id, 1});
}

namespace {

struct reserved_case {
  std::string_view text;
  reserved_service service;
  bool publish, subscribe;
};

constexpr reserved_case reserved_cases[] = {
    {"sdk/test/cpp", reserved_service::not_reserved, true, true},
    {"#", reserved_service::not_reserved, true, true},
    {"$aws/certificates/create/json", reserved_service::fleet_provisioning, true, true},
    {"$aws/certificates/create/json/accepted", reserved_service::fleet_provisioning, false, true},
    {"$aws/certificates/create", reserved_service::undefined, false, false},
    {"$aws/certificates/create/#", reserved_service::fleet_provisioning, false, true},
    {"$aws/certificates/+/cbor/rejected", reserved_service::fleet_provisioning, false, true},
    {"$aws/provisioning-templates/T/provision/cbor", reserved_service::fleet_provisioning, true, true},
    {"$aws/provisioning-templates/T T/provision/cbor", reserved_service::undefined, false, false},
    {"$aws/provisioning-templates/+/provision/+/+", reserved_service::fleet_provisioning, false, true},
    {"$share/g/$aws/certificates/create/json/accepted", reserved_service::fleet_provisioning, false, true},
    {"$aws/things/t/shadow/update", reserved_service::shadow, true, true},
    {"$aws/things/t/shadow/update/delta", reserved_service::shadow, false, true},
    {"$aws/things/t/shadow/name/n/get", reserved_service::shadow, true, true},
    {"$aws/things/t/jobs/get", reserved_service::jobs, true, true},
    {"$aws/things/t/jobs/get/accepted", reserved_service::jobs, false, true},
    {"$aws/things/t/jobs/j-1/update", reserved_service::jobs, true, true},
    {"$aws/things/t/jobs/notify-next", reserved_service::jobs, false, true},
    {"$aws/things/t/tunnels/notify", reserved_service::tunnels, false, true},
    {"$aws/things/t/streams/s/get/cbor", reserved_service::streams, true, true},
    {"$aws/things/t/defender/metrics/json", reserved_service::defender, true, true},
    {"$aws/commands/things/t/executions/e/response/json", reserved_service::commands, true, true},
    {"$aws/rules/my_rule", reserved_service::rules, true, true},
    {"$aws/rules/my_rule/a/b", reserved_service::rules, true, true},
    {"$aws/events/presence/connected/c", reserved_service::lifecycle_events, false, true},
    {"$aws/events/presence/+/a/b", reserved_service::lifecycle_events, false, true},
    {"$aws/events/thing/t/created", reserved_service::registry_events, false, true},
    {"$aws/events/jobExecution/j/completed", reserved_service::job_events, false, true},
    {"$aws/events/certificates/registered/ca", reserved_service::certificate_events, false, true},
    {"$aws/things/t/greengrass/health/json", reserved_service::greengrass, true, true},
    {"$aws/things/t/greengrassv2/health/json", reserved_service::greengrass, true, true},
    {"$aws/things/t/greengrassv2/health/cbor", reserved_service::undefined, false, false},
    {"$aws/things/t/jobs/notify-namespace-aws-gg-deployment", reserved_service::jobs, false, true},
    {"$aws/things/t/jobs/notify-next-namespace-mine", reserved_service::jobs, false, true},
    {"$aws/things/t/jobs/notify-namespace-", reserved_service::undefined, false, false},
    {"$aws/things/t/jobs/j-1/notify-namespace-mine", reserved_service::jobs, false, true},
    {"$aws/things/t/jobs/$next/namespace-aws-gg-deployment/get", reserved_service::jobs, true, true},
    {"$aws/things/t/jobs/j-1/namespace-mine/update", reserved_service::jobs, true, true},
    {"$aws/things/t/jobs/j-1/namespace-mine/update/accepted", reserved_service::jobs, false, true},
    {"$aws/things/t/jobs/+/+/get/rejected", reserved_service::jobs, false, true},
    {"$aws/things/t/jobs/j-1/other-mine/update", reserved_service::undefined, false, false},
    {"$aws/iotfleetwise/vehicles/v/checkins", reserved_service::fleetwise, true, true},
    {"$aws/iotfleetwise/vehicles/v/signals", reserved_service::fleetwise, true, true},
    {"$aws/iotfleetwise/vehicles/v/collection_schemes", reserved_service::fleetwise, false, true},
    {"$aws/iotfleetwise/vehicles/v/decoder_manifests", reserved_service::fleetwise, false, true},
    {"$aws/iotfleetwise/vehicles/v/last_known_states/data", reserved_service::fleetwise, true, true},
    {"$aws/iotfleetwise/vehicles/v/last_known_states/config", reserved_service::fleetwise, false, true},
    {"$aws/iotfleetwise/vehicles/v/last_known_state/s/data", reserved_service::fleetwise, false, true},
    {"$aws/iotwireless/events/join/eui/lorawan/wireless_devices", reserved_service::wireless, false, true},
    {"$aws/iotwireless/events/#", reserved_service::wireless, false, true},
    {"$aws/commands/things/t/executions/e/response", reserved_service::commands, true, true},
    {"$aws/commands/things/t/executions/e/response/accepted", reserved_service::commands, false, true},
    {"$aws/commands/things/t/executions/e/request", reserved_service::commands, false, true},
    {"$aws/events/commandExecution/c/SUCCEEDED", reserved_service::command_events, false, true},
    {"$aws/nothing", reserved_service::undefined, false, false},
    {"$aws", reserved_service::undefined, false, false},
    {"$SYS/#", reserved_service::undefined, false, false},
    {"$CONTROL/dynamic-security/v1", reserved_service::undefined, false, false},
    {"$share/g/$SYS/x", reserved_service::undefined, false, false},
};

constexpr bool agrees(const reserved_case& row) {
  const reserved_topic got = classify_reserved(row.text);
  return got.service == row.service && got.may_publish == row.publish && got.may_subscribe == row.subscribe;
}
// Each row is a constant expression of its own: compilers bound the steps of one.
template <std::size_t Row>
constexpr bool row_agrees = agrees(reserved_cases[Row]);
template <std::size_t... Rows>
constexpr bool all_agree(std::index_sequence<Rows...>) {
  return (row_agrees<Rows> && ...);
}
static_assert(all_agree(std::make_index_sequence<std::size(reserved_cases)>{}));

}  // namespace

TEST_CASE("the services of which AWS IoT alone publishes are the events and the notifications of Wireless") {
  for (const auto service : {reserved_service::lifecycle_events, reserved_service::registry_events, reserved_service::job_events,
                             reserved_service::certificate_events, reserved_service::command_events, reserved_service::wireless})
    CHECK(is_event(service));
  for (const auto service : {reserved_service::not_reserved, reserved_service::jobs, reserved_service::fleetwise, reserved_service::undefined})
    CHECK_FALSE(is_event(service));
}

TEST_CASE("reserved topics allow what their service defines and nothing else") {
  for (const reserved_case& row : reserved_cases) {
    const reserved_topic got = classify_reserved(row.text);
    CAPTURE(std::string(row.text), std::string(name_of(got.service)));
    CHECK(got.service == row.service);
    CHECK(got.may_publish == row.publish);
    CHECK(got.may_subscribe == row.subscribe);
  }
  CHECK(classify_reserved("$aws/#").may_subscribe);
}

TEST_CASE("event topics name the client or the thing") {
  STATIC_REQUIRE(make_event_topic(client_event::connected, "c1")->view() == "$aws/events/presence/connected/c1");
  STATIC_REQUIRE(make_event_topic(client_event::unsubscribed, "c1")->view() == "$aws/events/subscriptions/unsubscribed/c1");
  STATIC_REQUIRE(make_event_topic(thing_event::deleted, "t")->view() == "$aws/events/thing/t/deleted");
  for (const client_event what : {client_event::connected, client_event::disconnected, client_event::connect_failed, client_event::subscribed,
                                  client_event::unsubscribed}) {
    const std::string group = what == client_event::subscribed || what == client_event::unsubscribed ? "subscriptions/" : "presence/";
    CHECK(make_event_topic(what, "c1")->view() == "$aws/events/" + group + std::string(name_of(what)) + "/c1");
  }
  CHECK(make_event_topic(thing_event::created, "t")->view() == "$aws/events/thing/t/created");
  CHECK(make_event_topic(thing_event::updated, "t")->view() == "$aws/events/thing/t/updated");
  CHECK(make_event_topic(thing_event::deleted, "t")->view() == "$aws/events/thing/t/deleted");
  const std::string longest(128, 'x');
  CHECK(make_event_topic(client_event::unsubscribed, longest)->view().size() == 39 + 128);
  CHECK(make_event_topic(client_event::connect_failed, longest)->view().substr(0, 36) == "$aws/events/presence/connect_failed/");
  CHECK(make_event_topic(thing_event::created, longest).has_value());
  CHECK(make_event_topic(client_event::connected, "a/+").error() == failure{errc::invalid_client_id, 2});
  CHECK(make_event_topic(client_event::connected, "").error().code == errc::invalid_client_id);
  CHECK(make_event_topic(thing_event::created, "a/b").error().code == errc::invalid_thing_name);
}
