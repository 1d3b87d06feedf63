#include <fleetprov/crypto/certificate.hpp>
#include <fleetprov/policies/evaluate.hpp>
#include <tests/support/catch.hpp>
#include <tests/support/mock_world.hpp>

#include <openssl/evp.h>
#include <sys/stat.h>

#include <atomic>

using namespace fleetprov::mock;
using fleetprov::topics::api;
using fleetprov::topics::message_kind;
using fleetprov::topics::payload_format;
using test::error_of;
namespace payloads = fleetprov::payloads;

namespace {

std::string text(const completed_reply& reply) { return std::string(reply.payload.reveal()); }

struct fleet_world : test::service {
  explicit fleet_world(service_settings how = {}) : test::service(std::move(how)) {
    registry().create_policy("device", test::allow_all_policy());
    add_template("T", test::fleet_template());
  }
};

void check_refused(const completed_reply& reply, int status, const std::string& code) {
  CHECK(reply.topic.kind == message_kind::rejected);
  CHECK(reply.status_code == status);
  const auto got = test::service::error(reply);
  CHECK(got.status_code == status);
  CHECK(got.error_code == code);
  CHECK_FALSE(got.error_message.value_or("").empty());
}

}  // namespace

TEST_CASE("create answers zero bytes, an empty object and empty CBOR with an RSA certificate") {
  service_settings how;
  test::service s(how);
  const std::vector<std::pair<std::string, payload_format>> requests{
      {"", payload_format::json}, {"{}", payload_format::json}, {"\xa0", payload_format::cbor}};
  for (const auto& [payload, format] : requests) {
    const auto reply = s.ask(api::create_keys_and_certificate, payload, "", format);
    REQUIRE(reply.status_code == 200);
    CHECK(reply.topic.kind == message_kind::accepted);
    CHECK(reply.topic.format == format);
    const auto made = test::service::read_credentials(reply);
    CHECK(made.private_key.substr(0, 31) == "-----BEGIN RSA PRIVATE KEY-----");
    const auto read = *fleetprov::crypto::certificate::from_pem(made.certificate_pem);
    CHECK(read.certificate_id() == made.certificate_id);
    const auto key = *fleetprov::crypto::private_key::from_pem(fleetprov::secret(made.private_key));
    CHECK(read.matches(key));
    CHECK(EVP_PKEY_get_bits(key.native()) == 2048);
    CHECK(s.registry().status_of(made.certificate_id) == certificate_status::pending_activation);
    CHECK(made.token.size() >= 43);
  }
  CHECK(s.registry().list_certificates({}).items.size() == 3);
  REQUIRE(s.log().size() == 3);
  CHECK(s.log()[0].event_type == service_event::get_device_credentials);
  CHECK(s.log()[0].success);
}

TEST_CASE("payloads that cannot be read get a 400 in the request's format") {
  fleet_world s;
  check_refused(s.ask(api::create_keys_and_certificate, "{"), 400, "InvalidPayload");
  const auto cbor = s.ask(api::create_keys_and_certificate, "{}", "", payload_format::cbor);
  check_refused(cbor, 400, "InvalidPayload");
  CHECK(cbor.topic.format == payload_format::cbor);
  check_refused(s.ask(api::create_certificate_from_csr, "{}"), 400, "InvalidPayload");
  check_refused(s.ask(api::create_certificate_from_csr, R"({"certificateSigningRequest":"garbage"})"), 400, "InvalidCertificateSigningRequest");
  check_refused(s.ask(api::register_thing, R"({"certificateOwnershipToken":"x","parameters":{"a":1}})", "T"), 400, "InvalidPayload");
  check_refused(s.ask(api::register_thing, std::string(131073, ' '), "T"), 400, "InvalidPayload");
  CHECK(s.registry().list_certificates({}).items.empty());
}

TEST_CASE("an empty or missing token gives AWS's exact words") {
  fleet_world s;
  const std::string exact =
      R"({"statusCode":400,"errorCode":"InvalidCertificateOwnershipToken","errorMessage":"Certificate ownership token cannot be empty."})";
  CHECK(text(s.ask(api::register_thing, R"({"certificateOwnershipToken":"","parameters":{"SerialNumber":"1"}})", "T")) == exact);
  CHECK(text(s.ask(api::register_thing, R"({"parameters":{"SerialNumber":"1"}})", "T")) == exact);
  CHECK(text(s.ask(api::register_thing, "", "T")) == exact);
}

TEST_CASE("a registration makes thing, attachments and an active certificate") {
  fleet_world s;
  const auto made = s.create();
  const auto reply = s.register_thing("T", made.token, {{"SerialNumber", "1"}});
  REQUIRE(reply.status_code == 200);
  const auto thing = test::service::thing(reply);
  CHECK(thing.thing_name == std::string("dev-1"));
  CHECK(thing.device_configuration == std::map<std::string, std::string>{{"site", "north"}});
  CHECK(s.registry().status_of(made.certificate_id) == certificate_status::active);
  CHECK(s.registry().is_attached("dev-1", made.certificate_id));
  CHECK(s.registry().view_principal(made.certificate_id, "dev-1").policies.at(0).name == "device");
  CHECK(s.registry().describe_thing("dev-1")->attributes.at("site") == "north");
  check_refused(s.register_thing("T", made.token, {{"SerialNumber", "1"}}), 400, "InvalidCertificateOwnershipToken");
  const auto log = s.log();
  REQUIRE(log.size() == 3);
  CHECK(log[1].event_type == service_event::provision_device);
  CHECK(log[1].template_name == "T");
  CHECK(log[1].device_certificate_id == made.certificate_id);
  CHECK(log[1].success);
  CHECK_FALSE(log[2].success);
}

TEST_CASE("nothing secret reaches logs or notes") {
  fleet_world s;
  const auto made = test::service::read_credentials(s.ask(api::create_keys_and_certificate, ""));
  s.register_thing("T", made.token + "x", {{"SerialNumber", "1"}});
  s.register_thing("none", made.token, {});
  std::string all = s.notes();
  for (const auto& entry : s.log()) all += entry.details;
  CHECK(all.find(made.token) == std::string::npos);
  CHECK(all.find("PRIVATE") == std::string::npos);
}

TEST_CASE("refusals come in the order of the checks and consume nothing") {
  fleet_world s;
  s.add_template("Off", test::fleet_template(), false);
  const auto made = s.create();
  check_refused(s.register_thing("None", "bad", {}), 404, "ResourceNotFound");
  check_refused(s.register_thing("Off", "bad", {}), 403, "AccessDenied");
  check_refused(s.register_thing("T", "bad", {}), 400, "InvalidCertificateOwnershipToken");
  check_refused(s.register_thing("T", made.token, {}), 400, "InvalidParameters");
  check_refused(s.register_thing("T", made.token, {{"SerialNumber", "a/b"}}), 400, "InvalidParameters");
  check_refused(s.register_thing("T", made.token, {{"SerialNumber", std::string(5000, 'x')}}), 400, "InvalidParameters");
  check_refused(s.register_thing("T", made.token, {{"SerialNumber", "1"}, {"Site", "a b"}}), 400, "InvalidParameters");
  CHECK(s.registry().list_things({}, {}).items.empty());
  CHECK(s.registry().status_of(made.certificate_id) == certificate_status::pending_activation);
  CHECK(s.register_thing("T", made.token, {{"SerialNumber", "1"}}).status_code == 200);
}

TEST_CASE("missing types, groups, billing groups and policies are 400 and leave nothing") {
  fleet_world s;
  s.add_template("Type", test::fleet_template(R"(,"ThingTypeName":"none")"));
  s.add_template("Group", test::fleet_template(R"(,"ThingGroups":["none"])"));
  s.add_template("Bill", test::fleet_template(R"(,"BillingGroup":"none")"));
  std::string other = test::fleet_template();
  other.replace(other.find("\"device\""), 8, "\"absent\"");
  s.add_template("Policy", other);
  const auto made = s.create();
  for (const char* name : {"Type", "Group", "Bill", "Policy"})
    check_refused(s.register_thing(name, made.token, {{"SerialNumber", "1"}}), 400, "InvalidParameters");
  CHECK(s.registry().list_things({}, {}).items.empty());
  CHECK(s.registry().status_of(made.certificate_id) == certificate_status::pending_activation);
}

TEST_CASE("types and groups that exist are used") {
  fleet_world s;
  thing_type_record type;
  type.name = "sensor";
  s.registry().create_thing_type(type);
  for (const char* name : {"all", "north"}) {
    thing_group_record group;
    group.name = name;
    s.registry().create_thing_group(group);
  }
  s.add_template("G", test::fleet_template(R"(,"ThingTypeName":"sensor","ThingGroups":["all",{"Ref":"Site"}])"));
  const auto made = s.create();
  REQUIRE(s.register_thing("G", made.token, {{"SerialNumber", "1"}}).status_code == 200);
  CHECK(s.registry().describe_thing("dev-1")->thing_type == "sensor");
  CHECK(s.registry().list_groups_for_thing("dev-1", {}).items.size() == 2);
}

TEST_CASE("a token ends after an hour and takes its unclaimed certificate with it") {
  fleet_world s;
  const auto unclaimed = s.create(), claimed = s.create(), attached_only = s.create();
  REQUIRE(s.register_thing("T", claimed.token, {{"SerialNumber", "1"}}).status_code == 200);
  s.registry().attach_policy("device", s.arn(attached_only.certificate_id));
  s.clock().advance(std::chrono::seconds(3599));
  CHECK(s.registry().apply_expiry().empty());
  s.clock().advance(std::chrono::seconds(2));
  check_refused(s.register_thing("T", unclaimed.token, {{"SerialNumber", "2"}}), 400, "InvalidCertificateOwnershipToken");
  s.registry().apply_expiry();
  CHECK(s.registry().find_certificate(unclaimed.certificate_id) == nullptr);
  CHECK(s.registry().find_certificate(attached_only.certificate_id) == nullptr);
  CHECK(s.registry().status_of(claimed.certificate_id) == certificate_status::active);
  CHECK_FALSE(s.registry().next_expiry().has_value());
}

TEST_CASE("a certificate that the control plane activated and attached outlives its token") {
  fleet_world s;
  const auto made = s.create();
  s.registry().update_certificate(made.certificate_id, certificate_status::active);
  s.registry().attach_policy("device", s.arn(made.certificate_id));
  s.clock().advance(std::chrono::seconds(3601));
  s.registry().apply_expiry();
  CHECK(s.registry().status_of(made.certificate_id) == certificate_status::active);
}

TEST_CASE("a token is good on any connection, unless the switch says otherwise") {
  fleet_world loose;
  const auto made = loose.create(1);
  CHECK(loose.register_thing("T", made.token, {{"SerialNumber", "1"}}, 2).status_code == 200);
  service_settings how;
  how.strict.token_connection = true;
  fleet_world strict(how);
  const auto bound = strict.create(1);
  check_refused(strict.register_thing("T", bound.token, {{"SerialNumber", "1"}}, 2), 400, "InvalidCertificateOwnershipToken");
  CHECK(strict.register_thing("T", bound.token, {{"SerialNumber", "1"}}, 1).status_code == 200);
}

TEST_CASE("with token-once a rejected call spends the token") {
  service_settings how;
  how.strict.token_once = true;
  fleet_world s(how);
  const auto made = s.create();
  check_refused(s.register_thing("T", made.token, {}), 400, "InvalidParameters");
  check_refused(s.register_thing("T", made.token, {{"SerialNumber", "1"}}), 400, "InvalidCertificateOwnershipToken");
  s.clock().advance(std::chrono::seconds(3601));
  s.registry().apply_expiry();
  CHECK(s.registry().find_certificate(made.certificate_id) == nullptr);
}

TEST_CASE("a second certificate joins the thing, and override settings decide about the rest") {
  fleet_world s;
  for (const auto& [name, how] : std::vector<std::pair<std::string, std::string>>{
           {"Merge", R"({"AttributePayload":"MERGE"})"},
           {"Replace", R"({"AttributePayload":"REPLACE"})"},
           {"Keep", R"({"AttributePayload":"DO_NOTHING"})"},
           {"Fail", R"({"AttributePayload":"FAIL"})"}})
    s.add_template(name, test::fleet_template("", "", how));
  s.registry().create_thing("dev-1", {"", "", {{"site", "old"}, {"more", "x"}}});
  const auto attributes = [&](const std::string& name) {
    const auto made = s.create();
    REQUIRE(s.register_thing(name, made.token, {{"SerialNumber", "1"}, {"Site", name}}).status_code == 200);
    return s.registry().describe_thing("dev-1")->attributes;
  };
  CHECK(attributes("Keep") == text_map{{"site", "old"}, {"more", "x"}});
  CHECK(attributes("Merge") == text_map{{"site", "Merge"}, {"more", "x"}});
  CHECK(attributes("Replace") == text_map{{"site", "Replace"}});
  const auto last = s.create();
  check_refused(s.register_thing("Fail", last.token, {{"SerialNumber", "1"}}), 409, "ResourceConflict");
  CHECK(s.registry().status_of(last.certificate_id) == certificate_status::pending_activation);
  CHECK(s.registry().list_thing_principals("dev-1", std::nullopt, {}).items.size() == 3);
  CHECK(s.register_thing("Fail", last.token, {{"SerialNumber", "2"}}).status_code == 200);
}

TEST_CASE("override settings act on type and groups") {
  fleet_world s;
  for (const char* name : {"old", "new"}) {
    thing_type_record type;
    type.name = name;
    s.registry().create_thing_type(type);
    thing_group_record group;
    group.name = name;
    s.registry().create_thing_group(group);
  }
  const std::string extra = R"(,"ThingTypeName":"new","ThingGroups":["new"])";
  s.add_template("Default", test::fleet_template(extra));
  s.add_template("Keep", test::fleet_template(extra, "", R"({"ThingTypeName":"DO_NOTHING","ThingGroups":"MERGE"})"));
  s.add_template("Replace", test::fleet_template(extra, "", R"({"ThingTypeName":"REPLACE","ThingGroups":"REPLACE"})"));
  const auto run = [&](const std::string& name, const std::string& serial) {
    s.registry().create_thing("dev-" + serial, {"old", "", {}});
    s.registry().add_thing_to_group("old", "dev-" + serial);
    REQUIRE(s.register_thing(name, s.create().token, {{"SerialNumber", serial}}).status_code == 200);
    std::string out = s.registry().describe_thing("dev-" + serial)->thing_type + ":";
    for (const auto& group : s.registry().list_groups_for_thing("dev-" + serial, {}).items) out += group.name + " ";
    return out;
  };
  CHECK(run("Default", "1") == "new:old ");
  CHECK(run("Keep", "2") == "old:new old ");
  CHECK(run("Replace", "3") == "new:new ");
}

TEST_CASE("an exclusive certificate belongs to its thing, and an inactive template leaves it inactive") {
  fleet_world s;
  s.add_template("Only", test::fleet_template("", R"(,"ThingPrincipalType":"EXCLUSIVE_THING")"));
  const auto made = s.create();
  REQUIRE(s.register_thing("Only", made.token, {{"SerialNumber", "1"}}).status_code == 200);
  CHECK(s.registry().exclusive_thing_of(made.certificate_id) == std::string("dev-1"));
  std::string body = test::fleet_template();
  body.replace(body.find("Active"), 6, "INACTIVE");
  s.add_template("Sleep", body);
  const auto sleeping = s.create();
  REQUIRE(s.register_thing("Sleep", sleeping.token, {{"SerialNumber", "2"}}).status_code == 200);
  CHECK(s.registry().status_of(sleeping.certificate_id) == certificate_status::inactive);
}

TEST_CASE("an inline policy is created once under a name of 40 hex digits") {
  fleet_world s;
  std::string body = test::fleet_template();
  const std::string old = R"("PolicyName":"device")";
  body.replace(body.find(old), old.size(), std::string(R"("PolicyDocument":)") + test::allow_all_policy());
  s.add_template("Inline", body);
  const auto first = s.create(), second = s.create();
  REQUIRE(s.register_thing("Inline", first.token, {{"SerialNumber", "1"}}).status_code == 200);
  REQUIRE(s.register_thing("Inline", second.token, {{"SerialNumber", "2"}}).status_code == 200);
  const auto policies = s.registry().view_principal(first.certificate_id, "x").policies;
  REQUIRE(policies.size() == 1);
  CHECK(policies[0].name.size() == 40);
  CHECK(policies[0].name.find_first_not_of("0123456789ABCDEF") == std::string::npos);
  CHECK(s.registry().view_principal(second.certificate_id, "x").policies.at(0).name == policies[0].name);
  CHECK(s.registry().list_policies({}).items.size() == 2);
}

TEST_CASE("the default version at the time of the call counts") {
  fleet_world s;
  s.registry().create_template_version("T", test::fleet_template("", "", R"({"AttributePayload":"FAIL"})"), false);
  CHECK(s.register_thing("T", s.create().token, {{"SerialNumber", "1"}}).status_code == 200);
  template_update change;
  change.default_version = 2;
  s.registry().update_template("T", change);
  check_refused(s.register_thing("T", s.create().token, {{"SerialNumber", "1"}}), 409, "ResourceConflict");
}

TEST_CASE("quotas throttle the eleventh call in a second with 429, or silently") {
  service_settings how;
  how.strict.quotas = true;
  fleet_world s(how);
  int throttled = 0;
  for (int i = 0; i < 15; ++i) s.send("c" + std::to_string(i), api::register_thing, "", "T");
  for (int i = 0; i < 15; ++i) throttled += s.answers().next("c" + std::to_string(i)).status_code == 429 ? 1 : 0;
  CHECK(throttled >= 1);
  how.strict.drop_throttled = true;
  how.calls_per_second = 1e-9;
  fleet_world silent(how);
  silent.send("x", api::create_keys_and_certificate, "");
  CHECK(silent.fleet().wait_until_idle(std::chrono::seconds(30)));
  const auto end = silent.answers().next("x");
  CHECK(end.is_silent);
  CHECK(end.payload.empty());
  CHECK(silent.answers().waiting() == 0);
}

TEST_CASE("more requests than may wait get 429") {
  service_settings how;
  how.max_waiting = 0;
  fleet_world s(how);
  check_refused(s.ask(api::create_keys_and_certificate, ""), 429, "TooManyRequests");
}

TEST_CASE("error codes are the settings'") {
  service_settings how;
  how.codes[static_cast<std::size_t>(refusal::template_not_found)] = {410, "Gone"};
  fleet_world s(how);
  check_refused(s.register_thing("None", "x", {}), 410, "Gone");
}

TEST_CASE("a full disk answers 500 and keeps nothing") {
  fleet_world s;
  const auto made = s.create();
  s.registry().limit_storage(1);
  int refused = 0;
  for (int i = 0; i < 100; ++i) {
    const auto reply = s.register_thing("T", made.token, {{"SerialNumber", std::string(100, 'x')}});
    if (reply.status_code == 200) break;
    check_refused(reply, 500, "InternalError");
    ++refused;
    break;
  }
  if (refused == 0) {  // there was room for one: fill it
    payloads::create_certificate_from_csr_request asked{test::service::csr()};
    const auto bytes = *payloads::encode(asked, payload_format::json);
    for (int i = 0; i < 200 && refused == 0; ++i)
      refused += s.ask(api::create_certificate_from_csr, std::string(bytes.begin(), bytes.end())).status_code == 500;
  }
  CHECK(refused == 1);
  s.registry().limit_storage(1000000);
  CHECK(s.register_thing("T", s.create().token, {{"SerialNumber", "2"}}).status_code == 200);
}

TEST_CASE("a temporary claim lives five minutes, is not listed and knows its template") {
  fleet_world s;
  const auto claim = s.fleet().create_provisioning_claim("T");
  CHECK(claim.expiration == s.registry().find_claim(claim.certificate_id)->expires);
  CHECK(s.registry().find_claim(claim.certificate_id)->template_name == "T");
  CHECK(s.registry().list_certificates({}).items.empty());
  CHECK_FALSE(s.registry().status_of(claim.certificate_id).has_value());
  CHECK(claim.keys.private_key.reveal().find("PRIVATE KEY") != std::string_view::npos);
  CHECK(error_of([&] { s.fleet().create_provisioning_claim("None"); }) == "ResourceNotFoundException 404");
  s.clock().advance(std::chrono::seconds(301));
  CHECK_FALSE(s.registry().find_claim(claim.certificate_id).has_value());
  s.registry().apply_expiry();
  CHECK_FALSE(s.registry().next_expiry().has_value());
}

TEST_CASE("HTTP creates are inactive unless asked for") {
  test::service s;
  const auto made = s.fleet().create_keys_and_certificate(false);
  CHECK(s.registry().status_of(made.certificate_id) == certificate_status::inactive);
  CHECK(made.keys.public_key.find("PUBLIC KEY") != std::string::npos);
  CHECK(s.fleet().create_certificate_from_csr(test::service::csr(), true)->status == certificate_status::active);
  CHECK(error_of([&] { s.fleet().create_certificate_from_csr("x", true); }) == "InvalidRequestException 400");
}

TEST_CASE("HTTP RegisterThing takes a template's text and answers ARNs") {
  fleet_world s;
  const std::string body =
      R"({"Parameters":{"Name":{"Type":"String"},"CSR":{"Type":"String"}},"Resources":{"thing":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":{"Ref":"Name"}}},"certificate":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateSigningRequest":{"Ref":"CSR"}}},"rights":{"Type":"AWS::IoT::Policy","Properties":{"PolicyName":"device"}}}})";
  const auto made = s.fleet().register_thing(body, {{"Name", "n"}, {"CSR", test::service::csr()}});
  CHECK(made.resource_arns.at("thing") == "arn:aws:iot:us-east-1:123456789012:thing/n");
  CHECK(made.resource_arns.at("rights") == "arn:aws:iot:us-east-1:123456789012:policy/device");
  const auto id = read_certificate(made.certificate_pem)->id;
  CHECK(made.resource_arns.at("certificate") == s.arn(id));
  CHECK(s.registry().status_of(id) == certificate_status::active);
  CHECK(s.registry().is_attached("n", id));
  CHECK(error_of([&] { s.fleet().register_thing("\"\"", {}); }) == "InvalidRequestException 400");
  CHECK(error_of([&] { s.fleet().register_thing(body, {{"Name", "n"}}); }) == "ResourceRegistrationFailureException 400");
}

TEST_CASE("TestAuthorization answers as the broker would decide") {
  fleet_world s;
  const auto made = s.create();
  REQUIRE(s.register_thing("T", made.token, {{"SerialNumber", "1"}}).status_code == 200);
  s.registry().create_policy(
      "deny", R"({"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"iot:Publish","Resource":"arn:aws:iot:us-east-1:123456789012:topic/no"}]})");
  authorization_request asked;
  asked.principal = s.arn(made.certificate_id);
  asked.client_id = "dev-1";
  asked.policies_to_add = {"deny"};
  asked.questions = {{authorization_action::publish, {s.registry().arn_of("topic", "no")}},
                     {authorization_action::publish, {s.registry().arn_of("topic", "yes")}}};
  const auto answers = s.fleet().test_authorization(asked);
  REQUIRE(answers.size() == 2);
  CHECK(answers[0].decision == fleetprov::policies::decision::explicit_deny);
  CHECK(answers[0].explicitly_denied == std::vector<std::string>{"deny"});
  CHECK(answers[1].decision == fleetprov::policies::decision::allowed);
  CHECK(answers[1].allowed == std::vector<std::string>{"device"});
  asked.policies_to_skip = {"device"};
  CHECK(s.fleet().test_authorization(asked)[1].decision == fleetprov::policies::decision::implicit_deny);
  asked.policies_to_add = {"none"};
  CHECK(error_of([&] { s.fleet().test_authorization(asked); }) == "ResourceNotFoundException 404");
  asked.questions.clear();
  CHECK(error_of([&] { s.fleet().test_authorization(asked); }) == "InvalidRequestException 400");
}

TEST_CASE("hostile parameter values never widen anything") {
  fleet_world s;
  for (const std::string bad : {"../x", "*", "#", "${iot:ClientId}", "a\x01b", "", "\xc3\xa9"}) {
    const auto made = s.create();
    check_refused(s.register_thing("T", made.token, {{"SerialNumber", bad}}), 400, "InvalidParameters");
  }
  CHECK(s.registry().list_things({}, {}).items.empty());
}
