// The link on libmosquitto.

#include <fleetprov/adapters/mosquitto.hpp>

using link_under_test = fleetprov::adapters::mosquitto_link;

#include "support/link_checks.hpp"

TEST_CASE("an option that the library does not take is nobody's refusal") {
  const world it(mqtt_version::v3_1_1);
  const test::listener open;
  auto how = it.at(open.port());
  how.keep_alive = std::chrono::seconds(1);
  link_under_test link(how);
  const auto event = outcome(link);
  CHECK(event.what == kind::not_tried);
  CHECK_FALSE(event.text.empty());
}

TEST_CASE("a context of the caller's own is connected with, and none is nobody's refusal") {
  const world it(mqtt_version::v5);
  test::mqtt_peer peer(it.who, {[&](mqtt_client_seen& client) { it.accept(client); client.expect(disconnect); }});
  auto how = it.at(peer.port());
  how.certificate_file = how.key_file = "nowhere";
  how.tls_context = [](const link_options&) { return std::shared_ptr<void>(); };
  link_under_test without(how);
  CHECK(outcome(without).what == kind::not_tried);

  how.tls_context = [](const link_options& with) {
    const std::shared_ptr<SSL_CTX> made(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
    SSL_CTX_set_verify(made.get(), SSL_VERIFY_PEER, nullptr);
    CHECK(SSL_CTX_load_verify_locations(made.get(), with.ca_file.c_str(), nullptr) == 1);
    return std::shared_ptr<void>(made);
  };
  auto too_often = how;
  too_often.keep_alive = std::chrono::seconds(1);
  link_under_test refused(too_often);
  const auto event = outcome(refused);
  CHECK(event.what == kind::not_tried);
  CHECK(event.text.find("TLS context") == std::string::npos);

  link_under_test link(how);
  be_connected(link);
  link.close();
  CHECK(peer.was_content());
}
