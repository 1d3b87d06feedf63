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

TEST_CASE("a Deny of connections without an attached thing leaves the device its own client id") {
  const auto ids_of = [](const std::string& client, const std::string& block, const std::string& denied = "*") {
    const std::string condition = block.empty() ? "" : ",\"Condition\":" + block;
    return ids(role_text(policy({statement("Allow", "iot:Connect", "client/" + client), statement("Deny", "iot:Connect", denied, condition)}),
                         role::device));
  };
  using rules = std::vector<std::string>;
  const std::string key = "iot:Connection.Thing.IsAttached", name = "iot:Connection.Thing.ThingName";
  for (const std::string& same : std::vector<std::string>
       {R"({"Bool":{")" + key + R"(":"false"}})", R"({"Bool":{")" + key + R"(":false}})",
        R"({"Bool":{"iot:connection.thing.isattached":"FALSE"}})", R"({"BoolIfExists":{")" + key + R"(":"false"}})",
        R"({"ForAnyValue:Bool":{")" + key + R"(":"false"}})", R"({"StringEquals":{")" + key + R"(":"false"}})",
        R"({"StringNotEquals":{")" + key + R"(":"true"}})", R"({"StringLike":{")" + key + R"(":["f*","none"]}})",
        R"({"Null":{")" + name + R"(":"true"}})", R"({"StringNotLike":{")" + name + R"(":"*"}})",
        R"({"StringNotEquals":{")" + name + R"(":"${iot:ClientId}"}})",
        R"({"Bool":{")" + key + R"(":"false"},"Null":{")" + name + R"(":"true"}})"}) {
    CAPTURE(same);
    CHECK(ids_of("*", same) == rules{});
    CHECK(ids_of("sensor-*", same, "client/*") == rules{});
    CHECK(ids_of("${" + name + "}", same) == rules{});
    CHECK(ids_of("*", same, "client/sensor-*") == rules{"P161"});
    CHECK(ids_of("*", same, "topic/*") == rules{"P161"});
  }
  for (const std::string& other : std::vector<std::string>
       {R"({"Bool":{")" + key + R"(":"true"}})", R"({"Null":{")" + name + R"(":"false"}})", R"({"StringNotEquals":{")" + key + R"(":"${iot:ClientId}"}})",
        R"({"Bool":{")" + key + R"(":"false"},"StringEquals":{"iot:DomainName":"d"}})", R"({"StringNotEquals":{"iot:DomainName":"d"}})"}) {
    CAPTURE(other);
    CHECK(ids_of("*", other) == rules{"P161"});
    CHECK(ids_of("${" + name + "}", other) == rules{"P162"});
  }
  CHECK(ids_of("*", "") == rules{"P160"});
  CHECK(ids_of("*", R"({"StringNotEquals":{"iot:ClientId":"a"}})") == rules{"P162"});
  CHECK(ids_of("*", R"({"StringNotLike":{"iot:ClientId":"a-*"}})") == rules{"P161"});
  const auto excluded = role_text(policy({R"({"Effect":"Allow","Action":"iot:Connect","NotResource":")" + arn + "client/admin\"}",
                                          statement("Deny", "iot:Connect", "*", R"(,"Condition":{"Bool":{"iot:Connection.Thing.IsAttached":"false"}})")}),
                                  role::device);
  CHECK(ids(excluded) == rules{});
}
