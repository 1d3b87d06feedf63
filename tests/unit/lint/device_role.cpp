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
  CHECK(ids_of("*", R"({"StringNotEquals":{"iot:ClientId":"${iot:Connection.Thing.ThingName}"}})") == rules{});
  CHECK(ids_of("*", R"({"StringNotEquals":{"iot:ClientId":["${iot:Connection.Thing.ThingName}","a"]}})") == rules{"P162"});
  CHECK(ids_of("*", R"({"StringNotLike":{"iot:ClientId":"a-*"}})") == rules{"P161"});
  const auto excluded = role_text(policy({R"({"Effect":"Allow","Action":"iot:Connect","NotResource":")" + arn + "client/admin\"}",
                                          statement("Deny", "iot:Connect", "*", R"(,"Condition":{"Bool":{"iot:Connection.Thing.IsAttached":"false"}})")}),
                                  role::device);
  CHECK(ids(excluded) == rules{});
}

TEST_CASE("what Denies take back is not said to be reached") {
  const std::string own = "${iot:Connection.Thing.ThingName}";
  const auto said = [](const std::string& action, const std::string& allowed, const std::vector<std::string>& denies) {
    std::vector<std::string> all{statement("Allow", action, allowed)};
    all.insert(all.end(), denies.begin(), denies.end());
    std::string out;
    for (const auto& d : role_text(policy(all), role::device))
      if (d.broken->id != "P160") out += (out.empty() ? "" : " ") + std::string(d.broken->id);
    return out;
  };
  const auto but = [](const std::string& action, const std::vector<std::string>& resources, const std::string& more = "") {
    std::string list;
    for (const std::string& r : resources) list += (list.empty() ? "\"" : ",\"") + arn + r + "\"";
    return R"({"Effect":"Deny","Action":")" + action + R"(","NotResource":[)" + list + "]" + more + "}";
  };
  const std::string publish = "iot:Publish", subscribe = "iot:Subscribe", on_a_domain = R"(,"Condition":{"StringEquals":{"iot:DomainName":"d"}})";
  const auto published = [&](const std::string& allowed, const std::vector<std::string>& denies) { return said(publish, allowed, denies); };
  CHECK(published("topic/*", {}) == "P163 P164");
  CHECK(published("topic/*", {but(publish, {"topic/" + own + "/*"})}) == "");
  CHECK(published("topic/*", {but("iot:*", {"topicfilter/*", "topic/" + own + "/*"})}) == "");
  CHECK(published("topic/*", {but(publish, {"topic/" + own + "/*"}, on_a_domain)}) == "P163 P164");
  CHECK(published("topic/*", {but(subscribe, {"topic/" + own + "/*"})}) == "P163 P164");
  CHECK(published("topic/*", {but(publish, {"topic/all/*", "topic/" + own + "/*"})}) == "P163");
  CHECK(published("topic/*", {but(publish, {"topic/" + own + "/*", "topic/alarm", "topicfilter/*"})}) == "");
  CHECK(published("topic/a/*", {but(publish, {"topic/" + own + "/*", "topic/b/*"})}) == "");
  CHECK(published("topic/a/*", {statement("Deny", publish, "topic/b/*")}) == "P163");
  CHECK(published("topic/a/*", {statement_of("Deny", {publish}, {"topic/*", "topic/b"})}) == "");
  CHECK(published("topic/*", {statement("Deny", publish, "topic/$aws/*")}) == "P163");
  CHECK(published("topic/*", {statement("Deny", publish, "topic/$aws/things/a/*")}) == "P163 P164");
  CHECK(published("topic/*", {but(publish, {"topic/$aws/things/*"})}) == "P163 P164");
  CHECK(published("topic/$aws/things/*", {}) == "P164");
  CHECK(published("topic/$aws/things/*", {but(publish, {"topic/$aws/things/" + own + "/*"})}) == "");
  CHECK(published("topic/$aws/things/*", {but(publish, {"topic/$aws/things/a/*"})}) == "P164");
  const auto subscribed = [&](const std::string& allowed, const std::vector<std::string>& denies) { return said(subscribe, allowed, denies); };
  CHECK(subscribed("topicfilter/*", {but(subscribe, {"topicfilter/" + own + "/*"})}) == "");
  CHECK(subscribed("topicfilter/*", {but(subscribe, {"topicfilter/$aws/#"})}) == "P164");
  CHECK(subscribed("topicfilter/a/*", {but(subscribe, {"topicfilter/a/+/b"})}) == "P166");
  CHECK(subscribed("topicfilter/a/*", {but(subscribe, {"topicfilter/a/b"})}) == "");
  // Of a statement about several actions each has to be taken back.
  const auto both = [&](const std::string& denied) {
    return fires(role_text(policy({statement_of("Allow", {"iot:Publish", "iot:Receive"}, {"topic/$aws/things/a/*"}), statement("Deny", denied, "topic/$aws/*")}), role::device), "P164");
  };
  CHECK(both("iot:Publish"));
  CHECK_FALSE(both("iot:*"));
  // NotResource in the Allow as well.
  const auto excluding = [&](const std::vector<std::string>& denies) {
    std::vector<std::string> all{R"({"Effect":"Allow","Action":"iot:Publish","NotResource":")" + arn + "topic/a\"}"};
    all.insert(all.end(), denies.begin(), denies.end());
    return fires(role_text(policy(all), role::device), "P163");
  };
  CHECK(excluding({}));
  CHECK(excluding({but(publish, {"topic/all/*"})}));
  CHECK_FALSE(excluding({but(publish, {"topic/" + own + "/*"})}));
}

TEST_CASE("without steps left nothing counts as taken back") {
  const auto document = parse_policy(policy({statement("Allow", "iot:Publish", "topic/a/*"), statement("Deny", "iot:Publish", "topic/*")}));
  const fleetprov::policies::detail::document_view view(document);
  const auto& name = view.statements()[0].resources[0].names[0];
  const auto is_narrowed = [&](std::size_t steps) {
    fleetprov::policies::work_budget budget{steps};
    return fleetprov::policies::detail::is_narrowed(view, view.statements()[0].actions, name, budget, [](const auto&) { return false; });
  };
  CHECK_FALSE(is_narrowed(0));
  CHECK(is_narrowed(100));
}
