#include <tests/support/catch.hpp>
#include <tests/support/mock_world.hpp>

using namespace fleetprov::mock;
using test::error_of;

TEST_CASE("creating the same thing again returns the same one, a different one conflicts") {
  test::world w;
  registry& r = w.registry();
  thing_properties p;
  p.attributes = {{"a", "1"}};
  const auto first = r.create_thing("t", p);
  CHECK(first->version == 1);
  CHECK(first->id.size() == 36);
  CHECK(r.create_thing("t", p)->id == first->id);
  p.attributes["a"] = "2";
  CHECK(error_of([&] { r.create_thing("t", p); }) == "ResourceAlreadyExistsException 409");
}

TEST_CASE("a thing is refused for its name, its attributes, its type") {
  test::world w;
  registry& r = w.registry();
  CHECK(error_of([&] { r.create_thing("a/b", {}); }) == "InvalidRequestException 400");
  CHECK(error_of([&] { r.create_thing("t", {"none", "", {}}); }) == "ResourceNotFoundException 404");
  CHECK(error_of([&] { r.create_thing("t", {"", "none", {}}); }) == "ResourceNotFoundException 404");
  const text_map four{{"a", ""}, {"b", ""}, {"c", ""}, {"d", ""}};
  CHECK(error_of([&] { r.create_thing("t", {"", "", four}); }) == "InvalidRequestException 400");
  CHECK(error_of([&] { r.create_thing("t", {"", "", {{"a", "no blank"}}}); }) == "InvalidRequestException 400");
  thing_type_record type;
  type.name = "sensor";
  r.create_thing_type(type);
  CHECK(r.create_thing("t", {"sensor", "", four})->attributes.size() == 4);
  r.deprecate_thing_type("sensor", false);
  CHECK(error_of([&] { r.create_thing("u", {"sensor", "", {}}); }) == "InvalidRequestException 400");
}

TEST_CASE("an update merges or replaces attributes and counts versions") {
  test::world w;
  registry& r = w.registry();
  r.create_thing("t", {"", "", {{"a", "1"}, {"b", "2"}}});
  thing_update change;
  change.attributes = text_map{{"b", ""}, {"c", "3"}};
  change.how = attribute_change::merge;
  change.expected_version = 1;
  r.update_thing("t", change);
  CHECK(r.describe_thing("t")->attributes == text_map{{"a", "1"}, {"c", "3"}});
  CHECK(r.describe_thing("t")->version == 2);
  CHECK(error_of([&] { r.update_thing("t", change); }) == "VersionConflictException 409");
  change.how = attribute_change::replace;
  change.expected_version.reset();
  r.update_thing("t", change);
  CHECK(r.describe_thing("t")->attributes == text_map{{"c", "3"}});
  CHECK(error_of([&] { r.update_thing("none", change); }) == "ResourceNotFoundException 404");
  change.attributes = text_map{{"c", "no blank"}};
  CHECK(error_of([&] { r.update_thing("none", change); }) == "InvalidRequestException 400");
}

TEST_CASE("a thing is deleted only when nothing is attached; deleting a missing one succeeds") {
  test::world w;
  registry& r = w.registry();
  r.create_thing("t", {});
  const std::string id = w.add_certificate();
  r.attach_thing_principal("t", w.arn(id), principal_type::non_exclusive_thing);
  CHECK(r.is_attached("t", id));
  CHECK(error_of([&] { r.delete_thing("t", std::nullopt); }) == "InvalidRequestException 400");
  CHECK(error_of([&] { r.delete_thing("t", 7); }) == "VersionConflictException 409");
  r.detach_thing_principal("t", w.arn(id));
  r.delete_thing("t", std::nullopt);
  r.delete_thing("t", std::nullopt);
  CHECK(error_of([&] { r.describe_thing("t"); }) == "ResourceNotFoundException 404");
}

TEST_CASE("an exclusive principal belongs to one thing") {
  test::world w;
  registry& r = w.registry();
  r.create_thing("t", {});
  r.create_thing("u", {});
  const std::string id = w.add_certificate();
  r.attach_thing_principal("t", w.arn(id), principal_type::exclusive_thing);
  CHECK(error_of([&] { r.attach_thing_principal("u", w.arn(id), principal_type::non_exclusive_thing); }) ==
        "InvalidRequestException 400");
  CHECK(r.list_thing_principals("t", principal_type::exclusive_thing, {}).items.size() == 1);
  CHECK(r.list_thing_principals("t", principal_type::non_exclusive_thing, {}).items.empty());
  CHECK(r.list_principal_things(w.arn(id), std::nullopt, {}).items.at(0).name == "t");
  CHECK(error_of([&] { r.list_thing_principals("none", std::nullopt, {}); }) == "ResourceNotFoundException 404");
  CHECK(error_of([&] { r.attach_thing_principal("none", w.arn(id), principal_type::non_exclusive_thing); }) ==
        "ResourceNotFoundException 404");
}

TEST_CASE("groups nest, list their things and hold at most ten per thing") {
  test::world w;
  registry& r = w.registry();
  thing_group_record root, child;
  root.name = "root";
  child.name = "child";
  child.parent = "root";
  r.create_thing_group(root);
  r.create_thing_group(child);
  CHECK(r.thing_group_ancestors("child").at(0).name == "root");
  r.create_thing("t", {});
  r.add_thing_to_group(r.arn_of("thinggroup", "child"), r.arn_of("thing", "t"));
  CHECK(r.list_things_in_group("root", false, {}).items.empty());
  CHECK(r.list_things_in_group("root", true, {}).items == std::vector<std::string>{"t"});
  CHECK(error_of([&] { r.delete_thing_group("root"); }) == "InvalidRequestException 400");
  CHECK(error_of([&] { r.add_thing_to_group("none", "t"); }) == "ResourceNotFoundException 404");
  for (int i = 0; i < 10; ++i) {
    thing_group_record more;
    more.name = "g" + std::to_string(i);
    r.create_thing_group(more);
    if (i < 9) r.add_thing_to_group(more.name, "t");
  }
  CHECK(error_of([&] { r.add_thing_to_group("g9", "t"); }) == "InvalidRequestException 400");
  r.delete_thing_group("child");
  CHECK(r.list_groups_for_thing("t", {}).items.size() == 9);
}

TEST_CASE("things are listed by type and by attribute") {
  test::world w;
  registry& r = w.registry();
  r.create_thing("a", {"", "", {{"site", "north-1"}}});
  r.create_thing("b", {"", "", {{"site", "south"}}});
  CHECK(r.list_things({"site", "south", "", false}, {}).items.at(0)->name == "b");
  CHECK(r.list_things({"site", "north", "", false}, {}).items.empty());
  CHECK(r.list_things({"site", "north", "", true}, {}).items.at(0)->name == "a");
  CHECK(r.list_things({"", "", "none", false}, {}).items.empty());
}

TEST_CASE("groups are listed below a parent, all the way down when asked, and by the beginning of their names") {
  test::world w;
  registry& r = w.registry();
  for (const auto& [name, parent] : {std::pair("a", ""), std::pair("ab", "a"), std::pair("abc", "ab"), std::pair("b", "")}) {
    thing_group_record group;
    group.name = name;
    group.parent = parent;
    r.create_thing_group(group);
  }
  const auto listed = [&](const thing_group_filter& filter) {
    std::string names;
    for (const auto& group : r.list_thing_groups(filter, {}).items) names += group->name + " ";
    return names;
  };
  CHECK(listed({}) == "a ab abc b ");
  CHECK(listed({"", "", true}) == "a ab abc b ");
  CHECK(listed({"", "", false}) == "a b ");
  CHECK(listed({"a", "", std::nullopt}) == "ab ");
  CHECK(listed({"a", "", false}) == "ab ");
  CHECK(listed({"a", "", true}) == "ab abc ");
  CHECK(listed({"b", "", true}).empty());
  CHECK(listed({"", "ab", std::nullopt}) == "ab abc ");
  CHECK(listed({"a", "abc", true}) == "abc ");
  CHECK(listed({"", "c", std::nullopt}).empty());
  CHECK(error_of([&] { listed({"none", "", true}); }) == "ResourceNotFoundException 404");
  for (const char* name : {"pay", "pay-2", "free"}) {
    billing_group_record group;
    group.name = name;
    r.create_billing_group(group);
  }
  CHECK(r.list_billing_groups("pay", {}).items.size() == 2);
  CHECK(r.list_billing_groups("", {}).items.size() == 3);
}
