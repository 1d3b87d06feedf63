// Registrations as the registry takes them, below the service and its own checks.

#include <fleetprov/crypto/private_key.hpp>
#include <fleetprov/templates/plan.hpp>
#include <tests/support/catch.hpp>
#include <tests/support/mock_world.hpp>

using namespace fleetprov::mock;

namespace {

struct pending {
  std::string certificate_id, digest;
};

pending add_pending(test::world& w, const std::string& digest, std::chrono::seconds life = std::chrono::hours(1)) {
  const auto key = *fleetprov::crypto::private_key::generate(fleetprov::crypto::key_type::ec_p256);
  const auto issued = test::shared_authority().issue_for_key(*key.to_pem(), w.clock().now());
  token_record token;
  token.digest = digest;
  token.deadline = w.clock().now() + life;
  return {w.registry().add_pending_certificate(issued, token)->id, digest};
}

fleetprov::templates::plan thing_plan(const std::string& name, const std::string& principal = "NON_EXCLUSIVE_THING") {
  fleetprov::templates::plan out;
  out.thing.emplace();
  out.thing->name = name;
  out.certificate.emplace();
  out.certificate->principal_type = principal;
  return out;
}

registration with(const std::string& certificate_id, std::optional<std::string> digest = std::nullopt) {
  return {certificate_id, std::move(digest), std::nullopt, std::nullopt};
}

std::optional<registration_fault> fault_of(test::world& w, const fleetprov::templates::plan& plan, const registration& subject) {
  try {
    w.registry().register_thing(plan, subject);
  } catch (const registration_refused& refused) {
    return refused.why();
  }
  return std::nullopt;
}

}  // namespace

TEST_CASE("a token is good for its own certificate only") {
  test::world w;
  const pending mine = add_pending(w, "d1"), other = add_pending(w, "d2");
  CHECK(fault_of(w, thing_plan("t"), with(mine.certificate_id, other.digest)) == registration_fault::token);
  CHECK(fault_of(w, thing_plan("t"), with(mine.certificate_id, "none")) == registration_fault::token);
  CHECK(w.registry().find_token(other.digest));  // not used up by that
  CHECK_FALSE(fault_of(w, thing_plan("t"), with(mine.certificate_id, mine.digest)));
  CHECK(fault_of(w, thing_plan("t"), with(mine.certificate_id, mine.digest)) == registration_fault::token);
}

TEST_CASE("a token is no good in the very millisecond of its deadline") {
  test::world w;
  const pending made = add_pending(w, "d");
  const instant deadline = w.registry().find_token("d")->deadline;
  // The clock runs: the answer counts when it is the same moment before and after.
  const auto found_at = [&](instant wanted) -> std::optional<bool> {
    w.clock().advance(wanted - w.clock().now());
    const instant before = w.clock().now();
    const bool found = w.registry().find_token("d").has_value();
    if (before != wanted || w.clock().now() != wanted) return std::nullopt;
    return found;
  };
  const auto surely_found_at = [&](instant wanted) {
    for (int i = 0; i < 10000; ++i)
      if (const auto found = found_at(wanted)) return *found;
    FAIL("the clock never stood still");
    return false;
  };
  CHECK(surely_found_at(deadline - instant(1)));
  CHECK_FALSE(surely_found_at(deadline));
  CHECK(fault_of(w, thing_plan("t"), with(made.certificate_id, made.digest)) == registration_fault::token);
}

TEST_CASE("a thing of a deprecated type is not registered") {
  test::world w;
  thing_type_record type;
  type.name = "sensor";
  w.registry().create_thing_type(type);
  w.registry().deprecate_thing_type("sensor", false);
  auto plan = thing_plan("t");
  plan.thing->type = "sensor";
  const std::string id = w.add_certificate();
  CHECK(fault_of(w, plan, with(id)) == registration_fault::parameters);
  CHECK(test::error_of([&] { w.registry().describe_thing("t"); }) == "ResourceNotFoundException 404");
  w.registry().deprecate_thing_type("sensor", true);
  CHECK_FALSE(fault_of(w, plan, with(id)));
}

TEST_CASE("an override that leaves what a thing has needs neither its type nor its groups") {
  test::world w;
  registry& r = w.registry();
  thing_type_record type;
  type.name = "sensor";
  r.create_thing_type(type);
  r.create_thing("t", {"sensor", "", {}});
  r.deprecate_thing_type("sensor", false);
  const std::string id = w.add_certificate();
  auto plan = thing_plan("t");
  plan.thing->type = "sensor";
  plan.thing->groups = {"gone"};
  plan.thing->override_groups = fleetprov::templates::override_setting::do_nothing;
  plan.thing->override_type = fleetprov::templates::override_setting::do_nothing;
  CHECK_FALSE(fault_of(w, plan, with(id)));
  plan.thing->override_groups = fleetprov::templates::override_setting::replace;
  CHECK(fault_of(w, plan, with(id)) == registration_fault::parameters);  // the group is asked for
  plan.thing->override_groups = fleetprov::templates::override_setting::do_nothing;
  plan.thing->override_type = fleetprov::templates::override_setting::replace;
  CHECK(fault_of(w, plan, with(id)) == registration_fault::parameters);  // the type is
  plan.thing->name = "new";
  plan.thing->override_type = fleetprov::templates::override_setting::do_nothing;
  CHECK(fault_of(w, plan, with(id)) == registration_fault::parameters);  // a new thing has nothing to keep
}

TEST_CASE("merging an empty value removes the attribute, as UpdateThing does") {
  test::world w;
  w.registry().create_thing("t", {"", "", {{"a", "1"}, {"b", "2"}}});
  auto plan = thing_plan("t");
  plan.thing->attributes = {{"a", ""}, {"c", "3"}};
  plan.thing->override_attributes = fleetprov::templates::override_setting::merge;
  REQUIRE_FALSE(fault_of(w, plan, with(w.add_certificate())));
  CHECK(w.registry().describe_thing("t")->attributes == text_map{{"b", "2"}, {"c", "3"}});
}

TEST_CASE("a certificate of somebody else's CA is registered by the rules of RegisterCertificate") {
  test::world w;
  registry& r = w.registry();
  const auto& ca = test::shared_authority();
  const auto key = *fleetprov::crypto::private_key::generate(fleetprov::crypto::key_type::ec_p256);
  const auto issued = ca.issue_for_key(*key.to_pem(), w.clock().now());
  registration subject = with(issued.id);
  subject.new_certificate.emplace();
  subject.new_certificate->id = issued.id;
  subject.new_certificate->pem = issued.pem;
  subject.signed_by.emplace();
  CHECK(fault_of(w, thing_plan("t"), subject) == registration_fault::parameters);  // no CA is registered
  const auto registered = r.register_ca_certificate(ca.device_ca_pem(), certificate_mode::sni_only, false, false);
  CHECK(fault_of(w, thing_plan("t"), subject) == registration_fault::parameters);  // it is INACTIVE
  r.update_ca_certificate(registered->id, true, std::nullopt);
  subject.signed_by->pem = ca.root_pem();
  CHECK(fault_of(w, thing_plan("t"), subject) == registration_fault::parameters);  // another CA is named
  CHECK(r.find_certificate(issued.id) == nullptr);
  subject.signed_by->pem = ca.device_ca_pem();
  CHECK_FALSE(fault_of(w, thing_plan("t"), subject));
  CHECK(r.describe_certificate(issued.id)->ca_certificate_id == registered->id);
  CHECK(r.describe_certificate(issued.id)->mode == certificate_mode::sni_only);
}

TEST_CASE("an exclusive attachment forbids a second thing, whichever of the two asks for it") {
  test::world w;
  const std::string first = w.add_certificate(), second = w.add_certificate(), third = w.add_certificate();
  REQUIRE_FALSE(fault_of(w, thing_plan("a", "EXCLUSIVE_THING"), with(first)));
  CHECK(fault_of(w, thing_plan("b"), with(first)) == registration_fault::conflict);
  CHECK_FALSE(fault_of(w, thing_plan("a"), with(first)));  // the same thing once more
  REQUIRE_FALSE(fault_of(w, thing_plan("c"), with(second)));
  CHECK(fault_of(w, thing_plan("d", "EXCLUSIVE_THING"), with(second)) == registration_fault::conflict);
  REQUIRE_FALSE(fault_of(w, thing_plan("e"), with(third)));
  CHECK_FALSE(fault_of(w, thing_plan("f"), with(third)));
}
