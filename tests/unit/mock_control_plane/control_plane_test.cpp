#include <mock_broker/control_plane.hpp>

#include <fleetprov/json/document.hpp>
#include <support/catch.hpp>
#include <support/corpus.hpp>
#include <unit/mock_control_plane/fake_broker.hpp>

#include <cstdlib>
#include <filesystem>
#include <memory>

namespace {

using namespace fleetprov;
using namespace fleetprov::mock;

/// A control plane over an empty world in a folder of its own.
class account {
 public:
  account() {
    std::string pattern = (std::filesystem::temp_directory_path() / "control-plane-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    registry_options how;
    how.database = folder_ / "state.db";
    world_ = std::make_unique<registry>(how, time_);
    authority_ = std::make_unique<certificate_authority>(authority_options{folder_, {}, authority_key::ec_p256});
    service_settings settings;
    settings.key_pool_size = 0;
    service_ = std::make_unique<fleet_service>(*world_, *authority_, std::move(settings), service_callbacks{});
    api_ = std::make_unique<control_plane>(control_plane_context{*world_, *service_, "localhost", broker});
  }
  ~account() {
    api_.reset();
    service_.reset();
    world_.reset();
    std::filesystem::remove_all(folder_);
  }

  api_reply call(std::string method, std::string target, std::string body = {},
                 std::vector<std::pair<std::string, std::string>> headers = {}) const {
    return api_->handle({std::move(method), std::move(target), std::move(body), std::move(headers)});
  }

  test::fake_broker broker;

 private:
  std::filesystem::path folder_;
  mock::clock time_;
  std::unique_ptr<registry> world_;
  std::unique_ptr<certificate_authority> authority_;
  std::unique_ptr<fleet_service> service_;
  std::unique_ptr<control_plane> api_;
};

std::string header_of(const api_reply& reply, const std::string& name) {
  for (const auto& [key, value] : reply.headers)
    if (key == name) return value;
  return {};
}

std::string member_of(const api_reply& reply, std::string_view pointer) {
  const auto parsed = json::document::from_text(reply.body);
  REQUIRE(parsed.value);
  const json::value* found = parsed.value->find(pointer);
  return found != nullptr ? found->text : std::string("(absent)");
}

const char* const some_policy =
    R"({"policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"iot:Connect\",\"Resource\":\"*\"}}"})";

}  // namespace

TEST_CASE("names in the path are percent-decoded segment by segment") {
  const account aws;
  CHECK(aws.call("POST", "/policies/a%2Bb%40c", some_policy).status == 200);
  CHECK(member_of(aws.call("GET", "/policies/a+b@c"), "/policyName") == "a+b@c");
  CHECK(aws.call("GET", "/policies/a%2Fb").status != 200);
  for (const char* broken : {"/policies/%", "/policies/%4", "/policies/%zz", "/policies/%00", "/policies/%ff"}) {
    CAPTURE(broken);
    CHECK(aws.call("GET", broken).status == 400);
  }
}

TEST_CASE("an ARN in the path may hold encoded or plain slashes") {
  const account aws;
  const std::string arn = member_of(aws.call("POST", "/keys-and-certificate?setAsActive=true"), "/certificateArn");
  REQUIRE(aws.call("POST", "/policies/p", some_policy).status == 200);
  REQUIRE(aws.call("PUT", "/target-policies/p", R"({"target":")" + arn + "\"}").status == 200);
  std::string encoded = arn;
  for (std::size_t at; (at = encoded.find_first_of(":/")) != std::string::npos;)
    encoded.replace(at, 1, encoded[at] == ':' ? "%3A" : "%2F");
  for (const std::string& spelled : {arn, encoded}) {
    CAPTURE(spelled);
    CHECK(member_of(aws.call("POST", "/attached-policies/" + spelled), "/policies/0/policyName") == "p");
  }
}

TEST_CASE("an operation that is not there answers 501 naming method and path") {
  const account aws;
  const api_reply reply = aws.call("GET", "/no/such?x=1");
  CHECK(reply.status == 501);
  CHECK_THAT(reply.body, test::ContainsSubstring("GET /no/such"));
  CHECK_THAT(reply.body, test::ContainsSubstring("docs/operations.md"));
  CHECK(aws.call("PUT", "/policies").status == 501);
  CHECK(aws.call("", "").status == 501);
}

TEST_CASE("refusals carry AWS's error type and a message") {
  const account aws;
  const api_reply missing = aws.call("GET", "/things/nobody");
  CHECK(missing.status == 404);
  CHECK(header_of(missing, "x-amzn-errortype") == "ResourceNotFoundException");
  CHECK_FALSE(member_of(missing, "/message").empty());
  CHECK(header_of(missing, "x-amzn-RequestId").size() == 36);
  REQUIRE(aws.call("POST", "/policies/p", some_policy).status == 200);
  const api_reply twice = aws.call("POST", "/policies/p", some_policy);
  CHECK(twice.status == 409);
  CHECK(member_of(twice, "/resourceArn") == "arn:aws:iot:us-east-1:123456789012:policy/p");
}

TEST_CASE("a body that is not the right JSON answers 400") {
  const account aws;
  for (const char* body : {"{", "[]", "5", R"({"policyDocument":5})", R"({"policyDocument":null})", "{}", "\xff",
                           R"({"policyDocument":"x","policyDocument":"y"})"}) {
    CAPTURE(body);
    const api_reply reply = aws.call("POST", "/policies/p", body);
    CHECK(reply.status == 400);
  }
  const std::string deep(100000, '[');
  CHECK(aws.call("POST", "/policies/p", deep).status == 400);
}

TEST_CASE("page sizes outside 1 to 250 and foreign tokens are refused") {
  const account aws;
  for (const char* target : {"/policies?pageSize=0", "/policies?pageSize=251", "/policies?pageSize=x", "/things?maxResults=-1",
                             "/things?maxResults=99999999999999999999", "/policies?isAscendingOrder=maybe"}) {
    CAPTURE(target);
    CHECK(aws.call("GET", target).status == 400);
  }
}

TEST_CASE("the filters of a listing reach the registry") {
  const account aws;
  for (const char* group : {"Ga", "Gb"}) {
    REQUIRE(aws.call("POST", "/thing-groups/" + std::string(group)).status == 200);
    REQUIRE(aws.call("POST", "/billing-groups/" + std::string(group)).status == 200);
  }
  REQUIRE(aws.call("POST", "/thing-groups/Gaa", R"({"parentGroupName":"Ga"})").status == 200);
  REQUIRE(aws.call("POST", "/thing-groups/Gaaa", R"({"parentGroupName":"Gaa"})").status == 200);
  const auto listed = [&](const std::string& target) {
    const auto parsed = json::document::from_text(aws.call("GET", target).body);
    REQUIRE(parsed.value);
    std::string names;
    for (const json::value& one : parsed.value->root().members.front().held.items) names += one.find("groupName")->text + " ";
    return names;
  };
  CHECK(listed("/thing-groups?namePrefixFilter=Ga") == "Ga Gaa Gaaa ");
  CHECK(listed("/thing-groups?recursive=false") == "Ga Gb ");
  CHECK(listed("/thing-groups?parentGroup=Ga") == "Gaa ");
  CHECK(listed("/thing-groups?parentGroup=Ga&recursive=true") == "Gaa Gaaa ");
  CHECK(listed("/billing-groups?namePrefixFilter=Gb") == "Gb ");
  CHECK(aws.call("GET", "/thing-groups?recursive=maybe").status == 400);
  CHECK(aws.call("GET", "/thing-groups?namePrefixFilter=a%20b").status == 400);
  CHECK(aws.call("GET", "/cacertificates?templateName=none").body == R"({"certificates":[]})");
}

TEST_CASE("tags are listed, changed and removed, whatever kind of resource has them") {
  const account aws;
  const std::string tags = R"("tags":[{"Key":"team","Value":"a"},{"Key":"empty"}])";
  const auto arn = [&](const std::string& target, const std::string& body, const std::string& member) {
    const api_reply made = aws.call("POST", target, body);
    REQUIRE(made.status == 200);
    return member_of(made, "/" + member);
  };
  const std::string policy = std::string(some_policy).substr(1);
  const std::vector<std::string> resources{
      arn("/policies/p", "{" + tags + "," + policy, "policyArn"),
      arn("/provisioning-templates", R"({"templateName":"t","provisioningRoleArn":"arn:aws:iam::123456789012:role/r","templateBody":)"
          R"("{\"Resources\":{\"c\":{\"Type\":\"AWS::IoT::Certificate\",\"Properties\":{\"CertificateId\":{\"Ref\":\"AWS::IoT::Certificate::Id\"}}}}}",)" + tags + "}", "templateArn"),
      arn("/thing-types/y", "{" + tags + "}", "thingTypeArn"), arn("/thing-groups/g", "{" + tags + "}", "thingGroupArn"),
      arn("/billing-groups/b", "{" + tags + "}", "billingGroupArn")};
  for (const std::string& resource : resources) {
    CAPTURE(resource);
    const std::string list = "/tags?resourceArn=" + resource;
    CHECK(aws.call("GET", list).body == R"({"tags":[{"Key":"empty","Value":""},{"Key":"team","Value":"a"}]})");
    CHECK(aws.call("POST", "/tags", R"({"resourceArn":")" + resource + R"(","tags":[{"Key":"team","Value":"b"},{"Key":"x","Value":"1"}]})").body == "{}");
    CHECK(aws.call("POST", "/untag", R"({"resourceArn":")" + resource + R"(","tagKeys":["empty","never"]})").body == "{}");
    CHECK(aws.call("GET", list).body == R"({"tags":[{"Key":"team","Value":"b"},{"Key":"x","Value":"1"}]})");
  }
}

TEST_CASE("tags that AWS does not take and resources that have none are refused") {
  const account aws;
  REQUIRE(aws.call("POST", "/policies/p", some_policy).status == 200);
  const std::string arn = member_of(aws.call("GET", "/policies/p"), "/policyArn");
  const auto tag = [&](const std::string& list) { return aws.call("POST", "/tags", R"({"resourceArn":")" + arn + R"(","tags":)" + list + "}"); };
  for (const std::string& bad : {std::string(R"([{"Key":""}])"), R"([{"Key":")" + std::string(129, 'k') + R"("}])", std::string(R"([{"Key":"aws:x"}])"),
                                 R"([{"Key":"k","Value":")" + std::string(257, 'v') + R"("}])", std::string(R"([{"Value":"v"}])"), std::string("null"), std::string("7")}) {
    CAPTURE(bad);
    CHECK(header_of(tag(bad), "x-amzn-errortype") == "InvalidRequestException");
  }
  CHECK(aws.call("POST", "/policies/q", "{\"tags\":[{\"Key\":\"aws:x\"}]," + std::string(some_policy).substr(1)).status == 400);
  std::string many;
  for (int i = 0; i < 50; ++i) many += (i != 0 ? "," : "") + std::string(R"({"Key":"k)") + std::to_string(i) + "\"}";
  CHECK(tag("[" + many + "]").status == 200);
  CHECK(tag(R"([{"Key":"k7","Value":"again"}])").status == 200);
  CHECK(header_of(tag(R"([{"Key":"one-more"}])"), "x-amzn-errortype") == "LimitExceededException");
  CHECK(aws.call("POST", "/untag", R"({"resourceArn":")" + arn + "\"}").status == 400);
  for (const std::string& key : {std::string(), std::string(129, 'k'), std::string("what?")}) {
    CAPTURE(key);
    CHECK(aws.call("POST", "/untag", R"({"resourceArn":")" + arn + R"(","tagKeys":[")" + key + "\"]}").status == 400);
    CHECK(tag(R"([{"Key":")" + key + "\"}]").status == 400);
  }
  CHECK(aws.call("GET", "/tags").status == 400);
  CHECK(aws.call("GET", "/tags?nextToken=x&resourceArn=" + arn).status == 400);
  for (const char* gone : {"policy/none", "thinggroup/none"}) {
    const std::string resource = arn.substr(0, arn.find("policy/")) + gone;
    CHECK(aws.call("GET", "/tags?resourceArn=" + resource).status == 404);
    CHECK(aws.call("POST", "/tags", R"({"resourceArn":")" + resource + R"(","tags":[]})").status == 404);
    CHECK(aws.call("POST", "/untag", R"({"resourceArn":")" + resource + R"(","tagKeys":[]})").status == 404);
  }
  for (const char* other : {"arn:aws:iot:us-east-1:123456789012:thing/t", "nonsense", "arn:aws:s3:::bucket"}) CHECK(aws.call("GET", std::string("/tags?resourceArn=") + other).status == 400);
}

TEST_CASE("filters of listings are held to the service model, whichever others are given") {
  const account aws;
  for (const char* bad : {"/things?attributeValue=a%20b&attributeName=n", "/things?attributeValue=a%20b", "/things?attributeName=", "/things?attributeName=a%20b",
                           "/thing-groups?namePrefixFilter=", "/thing-groups?namePrefixFilter=a%20b", "/billing-groups?namePrefixFilter="}) {
    CAPTURE(bad);
    CHECK(header_of(aws.call("GET", bad), "x-amzn-errortype") == "InvalidRequestException");
  }
  for (const char* good : {"/things?attributeValue=", "/things?attributeValue=a%5B1%5D", "/thing-groups?namePrefixFilter=a:b", "/billing-groups"}) {
    CAPTURE(good);
    CHECK(aws.call("GET", good).status == 200);
  }
}

TEST_CASE("a message published over HTTP reaches the broker with its properties") {
  account aws;
  const api_reply reply = aws.call("POST", "/topics/a%2Fb?qos=1&retain=true&contentType=text%2Fplain&messageExpiry=60", "hello",
                                   {{"X-Amz-Mqtt5-Correlation-Data", "aWQ="},
                                    {"x-amz-mqtt5-user-properties", "W3siayI6InYifV0="},
                                    {"x-amz-mqtt5-payload-format-indicator", "UTF8_DATA"}});
  REQUIRE(reply.status == 200);
  const auto published = aws.broker.take_published();
  REQUIRE(published.size() == 1);
  const outgoing_message& sent = published.front();
  CHECK(sent.topic == "a/b");
  CHECK(sent.payload == "hello");
  CHECK(sent.qos == 1);
  CHECK(sent.retain);
  CHECK(sent.properties.content_type == "text/plain");
  CHECK(sent.properties.message_expiry_seconds == 60U);
  CHECK(sent.properties.correlation_data == "id");
  CHECK(sent.properties.payload_format_indicator == std::uint8_t{1});
  REQUIRE(sent.properties.user_properties.size() == 1);
  CHECK(sent.properties.user_properties.front() == std::make_pair(std::string("k"), std::string("v")));
}

TEST_CASE("a message that the broker does not take is no success") {
  account aws;
  aws.broker.is_stuck = true;
  const auto reply = aws.call("POST", "/topics/a", "x");
  CHECK(reply.status == 500);
  CHECK_THAT(reply.body, test::ContainsSubstring("did not take"));
}

TEST_CASE("a message's time to live is 1 second to 7 days") {
  account aws;
  for (const char* seconds : {"0", "604801", "-1", "x", "99999999999999999999"})
    CHECK(aws.call("POST", std::string("/topics/a?messageExpiry=") + seconds, "x").status == 400);
  for (const char* seconds : {"1", "604800"}) CHECK(aws.call("POST", std::string("/topics/a?messageExpiry=") + seconds, "x").status == 200);
}

TEST_CASE("reserved topics, bad topics and oversize payloads are not published") {
  account aws;
  CHECK(aws.call("POST", "/topics/%24aws%2Fcertificates%2Fcreate%2Fjson%2Faccepted", "x").status == 403);
  CHECK(aws.call("POST", "/topics/%24aws%2Fcertificates%2Fcreate%2Fjson", "x").status == 403);
  CHECK(aws.call("POST", "/topics/%24SYS%2Fbroker", "x").status == 403);
  CHECK(aws.call("POST", "/topics/%24share%2Fg%2Fx", "x").status == 403);
  CHECK(aws.call("POST", "/topics/a%2F%23", "x").status == 400);
  CHECK(aws.call("POST", "/topics/a?qos=2", "x").status == 400);
  CHECK(aws.call("POST", "/topics/a", std::string(131073, 'x')).status == 413);
  for (const char* data : {"???", "====", "a===", "aWQ", "=aWQ"})
    CHECK(aws.call("POST", "/topics/a", "x", {{"x-amz-mqtt5-correlation-data", data}}).status == 400);
  CHECK(aws.call("GET", "/retainedMessage?nextToken=%3D%3D%3D%3D").status == 400);
  CHECK(aws.broker.take_published().empty());
  CHECK(aws.call("POST", "/topics/a", std::string(131072, 'x')).status == 200);
}

TEST_CASE("retained messages are shown in pages that survive changes") {
  account aws;
  for (const char* topic : {"a", "b", "c"}) aws.broker.retained.push_back({topic, "\x01", 1, instant(5), {}});
  const api_reply first = aws.call("GET", "/retainedMessage?maxResults=2");
  CHECK(member_of(first, "/retainedTopics/1/topic") == "b");
  const std::string token = member_of(first, "/nextToken");
  aws.broker.retained.erase(aws.broker.retained.begin() + 1);
  std::string encoded;
  for (const char c : token) encoded += c == '=' ? std::string("%3D") : std::string(1, c);
  const api_reply second = aws.call("GET", "/retainedMessage?nextToken=" + encoded);
  CHECK(member_of(second, "/retainedTopics/0/topic") == "c");
  CHECK(member_of(second, "/nextToken") == "(absent)");
  CHECK(member_of(aws.call("GET", "/retainedMessage/a"), "/payload") == "AQ==");
  CHECK(aws.call("GET", "/retainedMessage/b").status == 404);
}

TEST_CASE("DeleteConnection hands its switches to the broker") {
  account aws;
  aws.broker.connected = {"c/1"};
  CHECK(aws.call("DELETE", "/connections/c%2F1?cleanSession=true&preventWillMessage=true").status == 200);
  CHECK(aws.call("DELETE", "/connections/other").status == 404);
  CHECK(aws.broker.disconnected == std::vector<std::string>{"c/1 clean no-will", "other"});
}

TEST_CASE("the page of operations is the table of routes") {
  const std::string page = test::read_file(std::filesystem::path(FLEETPROV_SOURCE_DIR) / "docs" / "operations.md");
  std::size_t rows = 0;
  for (std::size_t at = 0; (at = page.find("\n| ", at)) != std::string::npos; ++at) ++rows;
  const auto operations = control_plane::operations();
  CHECK(rows == operations.size() + 2);  // heading and rule
  for (const auto& one : operations) {
    const std::string row = "| " + std::string(one.name) + " | " + std::string(one.method) + " | `" + std::string(one.pattern) + "` |";
    CAPTURE(row);
    CHECK(page.find(row) != std::string::npos);
  }
}
