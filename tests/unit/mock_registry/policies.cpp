#include <fleetprov/policies/document.hpp>
#include <tests/support/catch.hpp>
#include <tests/support/mock_world.hpp>

using namespace fleetprov::mock;
using test::error_of;

namespace {
const char* deny_policy() {
  return R"({"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"iot:Connect","Resource":"*"}]})";
}
}  // namespace

TEST_CASE("a created policy has version 1 as its default and its ARN") {
  test::world w;
  const auto made = w.registry().create_policy("p", test::allow_all_policy());
  CHECK(made->default_version == "1");
  CHECK(w.registry().arn_of("policy", "p") == "arn:aws:iot:us-east-1:123456789012:policy/p");
  CHECK(w.registry().get_policy("p")->default_version_record().document == test::allow_all_policy());
  CHECK(made->default_version_record().parsed->statements.size() == 1);
}

TEST_CASE("a policy is refused for its name, its document and a taken name") {
  test::world w;
  registry& r = w.registry();
  r.create_policy("p", test::allow_all_policy());
  CHECK(error_of([&] { r.create_policy("p", test::allow_all_policy()); }) == "ResourceAlreadyExistsException 409");
  CHECK(error_of([&] { r.create_policy("a b", test::allow_all_policy()); }) == "InvalidRequestException 400");
  CHECK(error_of([&] { r.create_policy("q", "{"); }) == "MalformedPolicyException 400");
  CHECK(error_of([&] { r.create_policy("q", R"({"Version":"2012-10-17"})"); }) == "MalformedPolicyException 400");
  std::string big = R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"arn:aws:iot:us-east-1:123456789012:topic/)" +
                    std::string(2000, 'x') + "\"}]}";
  CHECK(error_of([&] { r.create_policy("q", big); }) == "MalformedPolicyException 400");
  CHECK(error_of([&] { r.get_policy("none"); }) == "ResourceNotFoundException 404");
}

TEST_CASE("a policy keeps at most five versions and never its default one too few") {
  test::world w;
  registry& r = w.registry();
  r.create_policy("p", test::allow_all_policy());
  for (int i = 2; i <= 5; ++i) CHECK(r.create_policy_version("p", deny_policy(), false)->versions.back().id == std::to_string(i));
  CHECK(error_of([&] { r.create_policy_version("p", deny_policy(), true); }) == "VersionsLimitExceededException 409");
  CHECK(error_of([&] { r.delete_policy_version("p", "1"); }) == "InvalidRequestException 400");
  CHECK(error_of([&] { r.delete_policy_version("p", "9"); }) == "ResourceNotFoundException 404");
  CHECK(error_of([&] { r.delete_policy("p"); }) == "DeleteConflictException 409");
  r.set_default_policy_version("p", "3");
  r.delete_policy_version("p", "1");
  const auto sixth = r.create_policy_version("p", deny_policy(), true);
  CHECK(sixth->versions.back().id == "6");
  CHECK(sixth->default_version == "6");
  CHECK(r.get_policy("p")->default_version == "6");
}

TEST_CASE("a policy is deleted only once it is detached") {
  test::world w;
  registry& r = w.registry();
  r.create_policy("p", test::allow_all_policy());
  const std::string id = w.add_certificate();
  r.attach_policy("p", w.arn(id));
  r.attach_policy("p", w.arn(id));
  CHECK(r.list_targets_for_policy("p", {}).items == std::vector<std::string>{w.arn(id)});
  CHECK(error_of([&] { r.delete_policy("p"); }) == "DeleteConflictException 409");
  r.detach_policy("p", w.arn(id));
  r.detach_policy("p", w.arn(id));
  r.delete_policy("p");
  CHECK(r.find_policy("p") == nullptr);
}

TEST_CASE("a target takes ten policies and must exist in this account") {
  test::world w;
  registry& r = w.registry();
  const std::string id = w.add_certificate();
  for (int i = 0; i < 11; ++i) r.create_policy("p" + std::to_string(i), test::allow_all_policy());
  for (int i = 0; i < 10; ++i) r.attach_policy("p" + std::to_string(i), w.arn(id));
  CHECK(error_of([&] { r.attach_policy("p10", w.arn(id)); }) == "LimitExceededException 410");
  CHECK(error_of([&] { r.attach_policy("none", w.arn(id)); }) == "ResourceNotFoundException 404");
  CHECK(error_of([&] { r.attach_policy("p10", w.arn(std::string(64, '0'))); }) == "ResourceNotFoundException 404");
  CHECK(error_of([&] { r.attach_policy("p10", "arn:aws:iot:us-east-1:999999999999:cert/" + id); }) == "ResourceNotFoundException 404");
  CHECK(error_of([&] { r.attach_policy("p10", "arn:aws:iot:us-east-1:123456789012:thing/t"); }) == "InvalidRequestException 400");
  CHECK(error_of([&] { r.attach_policy("p10", "nonsense"); }) == "InvalidRequestException 400");
  r.attach_policy("p10", "us-east-1:11111111-2222-3333-4444-555555555555");
  CHECK(r.list_targets_for_policy("p10", {}).items.size() == 1);
}

TEST_CASE("pages follow one another in both directions and end without a token") {
  test::world w;
  registry& r = w.registry();
  for (const char* name : {"a", "b", "c", "d", "e"}) r.create_policy(name, test::allow_all_policy());
  for (const bool ascending : {true, false}) {
    std::string seen;
    page_request which{"", 2, ascending};
    for (int pages = 0; pages < 4; ++pages) {
      const auto got = r.list_policies(which);
      for (const auto& policy : got.items) seen += policy->name;
      if (!got.next) break;
      which.from = *got.next;
    }
    CHECK(seen.size() == 5);
    CHECK(seen == (ascending ? "abcde" : "edcba"));
  }
  CHECK(error_of([&] { r.list_policies({"zz", 2, true}); }) == "InvalidRequestException 400");
  CHECK(error_of([&] { r.list_policies({"", 0, true}); }) == "InvalidRequestException 400");
  CHECK(error_of([&] { r.list_policies({"", 251, true}); }) == "InvalidRequestException 400");
}

TEST_CASE("the gate sees the certificate's policies and those of its thing's groups and their ancestors") {
  test::world w;
  registry& r = w.registry();
  for (const char* name : {"own", "child", "root", "other"}) r.create_policy(name, test::allow_all_policy());
  thing_group_record root, child;
  root.name = "root";
  child.name = "child";
  child.parent = "root";
  r.create_thing_group(root);
  r.create_thing_group(child);
  r.create_thing("t", {});
  const std::string id = w.add_certificate();
  r.attach_policy("own", w.arn(id));
  r.attach_policy("child", r.arn_of("thinggroup", "child"));
  r.attach_policy("root", r.arn_of("thinggroup", "root"));
  r.add_thing_to_group("child", "t");
  const auto names = [&](const std::string& client) {
    std::string out;
    for (const auto& policy : r.view_principal(id, client).policies) out += policy.name + " ";
    return out;
  };
  CHECK(names("t") == "own ");  // not attached to the thing yet
  r.attach_thing_principal("t", w.arn(id), principal_type::non_exclusive_thing);
  CHECK(names("t") == "own child root ");
  CHECK(names("another") == "own ");
  r.attach_thing_principal("t", w.arn(id), principal_type::exclusive_thing);
  CHECK(names("another") == "own child root ");
  CHECK(r.exclusive_thing_of(id) == std::string("t"));
  CHECK(r.effective_policies(w.arn(id), "t").size() == 3);
  CHECK(error_of([&] { r.effective_policies(w.arn(std::string(64, '0')), ""); }) == "ResourceNotFoundException 404");
  CHECK(error_of([&] { r.effective_policies(r.arn_of("thinggroup", "nobody"), ""); }) == "ResourceNotFoundException 404");
  CHECK(r.list_attached_policies(r.arn_of("thinggroup", "child"), true, {}).items.size() == 2);
  CHECK(r.list_attached_policies(r.arn_of("thinggroup", "child"), false, {}).items.size() == 1);
  CHECK_FALSE(r.view_principal(std::string(64, '0'), "t").status.has_value());
}

TEST_CASE("a change names exactly the certificates whose rights it may touch") {
  test::world w;
  registry& r = w.registry();
  r.create_policy("p", test::allow_all_policy());
  r.create_policy("g", test::allow_all_policy());
  thing_group_record root, child;
  root.name = "root";
  child.name = "child";
  child.parent = "root";
  r.create_thing_group(root);
  r.create_thing_group(child);
  r.create_thing("t", {});
  const std::string a = w.add_certificate(), b = w.add_certificate();
  r.attach_policy("p", w.arn(a));
  r.attach_thing_principal("t", w.arn(b), principal_type::non_exclusive_thing);
  r.add_thing_to_group("child", "t");
  std::vector<std::string> told;
  std::uint64_t generation = 0;
  r.on_change([&](const change_notice& notice) {
    told = notice.certificate_ids;
    generation = notice.generation;
  });
  const std::uint64_t before = r.generation();
  r.create_policy_version("p", deny_policy(), true);
  CHECK(told == std::vector<std::string>{a});
  CHECK(generation == r.generation());
  CHECK(r.last_change_of_rights(a) == r.generation());
  CHECK(r.last_change_of_rights(b) <= before);
  r.attach_policy("g", r.arn_of("thinggroup", "root"));
  CHECK(told == std::vector<std::string>{b});
  told.clear();
  r.update_certificate(a, certificate_status::inactive);
  CHECK(told == std::vector<std::string>{a});
  told.clear();
  thing_update change;
  change.attributes = text_map{{"x", "y"}};
  r.update_thing("t", change);
  CHECK(told == std::vector<std::string>{b});
  told.clear();
  r.create_policy("q", test::allow_all_policy());
  CHECK(told.empty());
  r.detach_thing_principal("t", w.arn(b));
  CHECK(told == std::vector<std::string>{b});
}
