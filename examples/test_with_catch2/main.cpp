// A test that wants AWS IoT Core for its lifetime, with Catch2. See also test_with_googletest.
#include <fleetprov/testing/mock_broker.hpp>

#if __has_include(<catch2/catch_test_macros.hpp>)
#include <catch2/catch_test_macros.hpp>
#else
#include <catch2/catch.hpp>
#endif

#include <chrono>

using fleetprov::testing::mock_broker;

TEST_CASE("a policy made over HTTP is there until the mock is reset") {
  auto mock = mock_broker::start();
  REQUIRE(mock);
  REQUIRE(mock->port() > 0);

  const auto made = mock->http("POST", "/policies/from-test",
                               R"({"policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[]}"})");
  REQUIRE(made);
  CHECK(made->status == 400);  // an empty statement list is a malformed policy

  const auto good = mock->http("POST", "/things/from-test", "{}");
  REQUIRE(good);
  CHECK(good->status == 200);
  const auto thing = mock->describe_thing("from-test");
  REQUIRE(thing);
  CHECK(thing->find("/thingName")->text == "from-test");

  REQUIRE(mock->reset());
  CHECK(mock->describe_thing("from-test").error().code == fleetprov::errc::not_found);
}

TEST_CASE("several mocks live side by side, each with its own clock and faults") {
  auto first = mock_broker::start();
  auto second = mock_broker::start({{}, {"--empty"}, std::chrono::seconds(30)});
  REQUIRE(first);
  REQUIRE(second);
  CHECK(first->port() != second->port());
  CHECK_FALSE(first->claim_certificate().empty());
  CHECK(second->claim_certificate().empty());
  CHECK(first->advance_clock(std::chrono::hours(1)));
  CHECK(first->inject_fault(R"({"operation":"RegisterThing","fault":"reject","status_code":429,"count":1})"));
  CHECK(first->clear_faults());
  CHECK(first->stop() == 0);
  CHECK(second->stop() == 0);
}
