#include <tests/support/catch.hpp>
#include <tests/support/mock_world.hpp>

using namespace fleetprov::mock;
using test::error_of;

TEST_CASE("a template is created disabled, as a fleet template, with version 1") {
  test::world w;
  template_settings wanted;
  wanted.name = "T";
  wanted.body = test::fleet_template();
  wanted.role_arn = test::role_arn();
  const auto made = w.registry().create_template(wanted);
  CHECK_FALSE(made->enabled);
  CHECK(made->type == template_type::fleet_provisioning);
  CHECK(made->default_version == 1);
  CHECK(w.registry().arn_of("provisioningtemplate", "T") == "arn:aws:iot:us-east-1:123456789012:provisioningtemplate/T");
  CHECK(error_of([&] { w.registry().create_template(wanted); }) == "ResourceAlreadyExistsException 409");
}

TEST_CASE("a template is refused for each member that breaks its bounds") {
  test::world w;
  template_settings good;
  good.name = "T";
  good.body = test::fleet_template();
  good.role_arn = test::role_arn();
  const auto refused = [&](auto change) {
    template_settings wanted = good;
    change(wanted);
    return error_of([&] { w.registry().create_template(wanted); });
  };
  const std::string bad = "InvalidRequestException 400";
  CHECK(refused([](auto& t) { t.name = "a.b"; }) == bad);
  CHECK(refused([](auto& t) { t.name = std::string(37, 'x'); }) == bad);
  CHECK(refused([](auto& t) { t.role_arn = "short"; }) == bad);
  CHECK(refused([](auto& t) { t.role_arn += std::string(2049 - t.role_arn.size(), 'x'); }) == bad);
  CHECK(refused([](auto& t) { t.description = "a\nb"; }) == bad);
  CHECK(refused([](auto& t) { t.description = "a\xE2\x80\x8B"; }) == bad);
  CHECK(refused([](auto& t) { t.description = std::string(501, 'x'); }) == bad);
  CHECK(refused([](auto& t) { t.body = "\"" + t.body + "\""; }) == bad);
  CHECK(refused([](auto& t) { t.body = ""; }) == bad);
  CHECK(refused([](auto& t) { t.body = "{}" + std::string(10240, ' '); }) == bad);
  CHECK(refused([](auto& t) { t.body = R"({"Resources":{"p":{"Type":"AWS::IoT::Policy","Properties":{}}}})"; }) == bad);
  CHECK(refused([](auto& t) { t.hook = hook_reference{"2020-04-01", ""}; }) == bad);
  CHECK(refused([](auto& t) { t.hook = hook_reference{"2020-04-01", std::string(2049, 'f')}; }) == bad);
  CHECK(refused([](auto& t) { t.hook = hook_reference{"v1", "arn:aws:lambda:us-east-1:123456789012:function:f"}; }) == bad);
  CHECK(refused([](auto& t) {
          t.hook = hook_reference{"2020-04-01", "arn:aws:lambda:us-east-1:123456789012:function:f"};
          t.type = template_type::jitp;
        }) == bad);
  CHECK(refused([](auto& t) {
          t.name = "Longest";
          t.role_arn += std::string(2048 - t.role_arn.size(), 'x');
          t.hook = hook_reference{"2020-04-01", std::string(2048, 'f')};
        }).empty());
  CHECK(refused([](auto&) {}).empty());
}

TEST_CASE("template versions count up, five at most, the default one stays") {
  test::world w;
  registry& r = w.registry();
  w.add_template("T", test::fleet_template());
  for (int i = 2; i <= 5; ++i) CHECK(r.create_template_version("T", test::fleet_template(), false)->versions.back().id == i);
  CHECK(error_of([&] { r.create_template_version("T", test::fleet_template(), false); }) == "VersionsLimitExceededException 409");
  CHECK(error_of([&] { r.delete_template_version("T", 1); }) == "DeleteConflictException 409");
  CHECK(error_of([&] { r.delete_template_version("T", 9); }) == "ResourceNotFoundException 404");
  template_update change;
  change.default_version = 3;
  r.update_template("T", change);
  r.delete_template_version("T", 1);
  CHECK(r.create_template_version("T", test::fleet_template(), true)->versions.back().id == 6);
  CHECK(r.describe_template("T")->default_version == 6);
  CHECK(r.list_template_versions("T", {}).items.size() == 5);
  CHECK(error_of([&] { r.describe_template_version("T", 1); }) == "ResourceNotFoundException 404");
}

TEST_CASE("an update changes only what it names") {
  test::world w;
  registry& r = w.registry();
  w.add_template("T", test::fleet_template());
  template_update change;
  change.hook = hook_reference{"2020-04-01", "arn:aws:lambda:us-east-1:123456789012:function:f"};
  r.update_template("T", change);
  CHECK(r.describe_template("T")->hook.has_value());
  CHECK(r.describe_template("T")->enabled);
  change = {};
  change.remove_hook = true;
  change.enabled = false;
  r.update_template("T", change);
  CHECK_FALSE(r.describe_template("T")->hook.has_value());
  CHECK_FALSE(r.describe_template("T")->enabled);
  change.hook = hook_reference{"2020-04-01", "x"};
  CHECK(error_of([&] { r.update_template("T", change); }) == "InvalidRequestException 400");
  change = {};
  change.default_version = 4;
  CHECK(error_of([&] { r.update_template("T", change); }) == "ResourceNotFoundException 404");
  CHECK(error_of([&] { r.update_template("none", {}); }) == "ResourceNotFoundException 404");
  change = {};
  change.hook = hook_reference{"tomorrow", "arn:aws:lambda:us-east-1:123456789012:function:f"};
  CHECK(error_of([&] { r.update_template("none", change); }) == "InvalidRequestException 400");
  r.delete_template("T");
  CHECK(error_of([&] { r.delete_template("T"); }) == "ResourceNotFoundException 404");
}
