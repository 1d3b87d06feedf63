// A test suite that shares one mock of AWS IoT Core and resets it before each test, with GoogleTest.
#include <fleetprov/testing/mock_broker.hpp>

#include <gtest/gtest.h>

#include <memory>

using fleetprov::testing::mock_broker;

class fleet_test : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto started = mock_broker::start();
    if (started) mock_ = std::make_unique<mock_broker>(std::move(*started));
  }
  static void TearDownTestSuite() { mock_.reset(); }
  void SetUp() override {
    ASSERT_NE(mock_, nullptr);
    ASSERT_TRUE(mock_->reset());
  }
  static std::unique_ptr<mock_broker> mock_;
};
std::unique_ptr<mock_broker> fleet_test::mock_;

TEST_F(fleet_test, starts_with_a_claim_certificate_and_a_template) {
  EXPECT_FALSE(mock_->claim_certificate().empty());
  ASSERT_FALSE(mock_->templates().empty());
  const auto listed = mock_->query("/provisioning-templates/" + mock_->templates().front());
  ASSERT_TRUE(listed);
  EXPECT_EQ(listed->find("/enabled")->text, "true");
}

TEST_F(fleet_test, forgets_what_another_test_made) {
  ASSERT_EQ(mock_->http("POST", "/things/t1", "{}")->status, 200);
  ASSERT_TRUE(mock_->reset());
  EXPECT_EQ(mock_->http("GET", "/things/t1")->status, 404);
}
