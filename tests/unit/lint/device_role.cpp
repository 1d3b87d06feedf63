// What a device's own certificate needs and must not have.

#include <tests/unit/lint/lint_support.hpp>

using namespace test;
using fleetprov::policies::role;

namespace {

std::vector<fleetprov::diagnostic> of(const std::string& action, const std::string& resource,
                                      const std::string& effect = "Allow") {
  return role_text(policy({statement(effect, action, resource)}), role::device);
}

}  // namespace

TEST_CASE("a thing is the device's own if a variable of the device is its whole name") {
  const std::vector<std::pair<std::string, bool>> rows{
      {"${iot:ClientId}", true},
      {"${iot:Connection.Thing.ThingName}/name", true},
      {"${iot:ClientId}x", false},
      {"${iot:DomainName}", false},
      {"x", false},
      {"", false},
  };
  for (const auto& [name, own] : rows) {
    CAPTURE(name);
    CHECK(fires(of("iot:GetThingShadow", "thing/" + name), "P164") == !own);
  }
}

TEST_CASE("a client id without an attached thing: free, the device's own, or fixed") {
  const std::string own = R"(add "Condition": {"Bool": {"iot:Connection.Thing.IsAttached": "true"}})",
                    fixed = "ask for iot:Connection.Thing.IsAttached true";
  const std::vector<std::pair<std::string, std::string>> rows{
      {"${iot:Connection.Thing.ThingName}", own},
      {"${iot:CertificateId}", fixed},
      {"a", fixed},
      {"sensor-1", fixed},
      {"${iot:ClientId}", "-"},
      {"sensor-*", "-"},
  };
  for (const auto& [name, help] : rows) {
    CAPTURE(name);
    const auto found = of("iot:Connect", "client/" + name);
    CHECK(help_of(found, "P162") == help);
    CHECK(fires(found, "P161") == (help == "-"));
  }
  const auto disconnects = of("iot:DeleteConnection", "client/*");
  CHECK_FALSE(fires(disconnects, "P161"));
  CHECK_FALSE(fires(disconnects, "P162"));
}

TEST_CASE("excluding client ids is fine where the thing must be attached") {
  const auto found = role_text(raw(R"("Effect":"Allow","Action":"iot:Connect","NotResource":")" + arn +
                                   R"(client/admin","Condition":{"Bool":{"iot:Connection.Thing.IsAttached":"true"}})"),
                               role::device);
  CHECK_FALSE(fires(found, "P161"));
}

TEST_CASE("a filter with MQTT wildcards listens to every device unless the device is in it") {
  CHECK(fires(of("iot:Subscribe", "topicfilter/a/+/b"), "P166"));
  CHECK_FALSE(fires(of("iot:Subscribe", "topicfilter/a+/b"), "P166"));
  CHECK_FALSE(fires(of("iot:Subscribe", "topicfilter/+/${iot:Connection.Thing.ThingName}"), "P166"));
}

TEST_CASE("a Deny is no grant") {
  CHECK(fires(of("iot:Publish", "topic/a/*"), "P163"));
  CHECK_FALSE(fires(of("iot:Publish", "topic/a/*", "Deny"), "P163"));
}

TEST_CASE("a client id that a condition lists is bound, and the thing may still be absent") {
  const auto found = role_text(policy({statement("Allow", "iot:Connect", "client/*", R"(,"Condition":{"StringEquals":{"iot:ClientId":"a"}})")}), role::device);
  CHECK_FALSE(fires(found, "P161"));
  CHECK(fires(found, "P162"));
  const auto excluded = role_text(raw(R"("Effect":"Allow","Action":"iot:Connect","NotResource":")" + arn +
                                      R"(client/admin","Condition":{"StringEquals":{"iot:ClientId":"a"}})"),
                                  role::device);
  CHECK_FALSE(fires(excluded, "P161"));
}
