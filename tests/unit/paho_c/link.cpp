// The link on Eclipse Paho C.

#include <fleetprov/adapters/paho_c.hpp>

using link_under_test = fleetprov::adapters::paho_c_link;

#include "support/link_checks.hpp"
#include "support/paho_without_trace.hpp"

TEST_CASE("failures without data have no code, errors without words some") {
  CHECK(detail::code_of(static_cast<MQTTAsync_failureData*>(nullptr)) == 0);
  CHECK(detail::code_of(static_cast<MQTTAsync_failureData5*>(nullptr)) == 0);
  CHECK(detail::words_of(nullptr) == "connection lost");
  CHECK(detail::words_of("words") == "words");
}

TEST_CASE("a PUBACK that refuses is a refusal, whichever callback gets it") {
  CHECK(detail::answer_of_publish(0).what == kind::published);
  CHECK(detail::answer_of_publish(0x10).what == kind::published);
  const auto refused = detail::answer_of_publish(0x87);
  CHECK(refused.what == kind::publish_refused);
  CHECK(refused.codes == std::vector<std::uint8_t>{0x87});
}

TEST_CASE("a topic is not cut at a null character") {
  CHECK(detail::topic_of("a/b", 0) == "a/b");
  CHECK(detail::topic_of("a/b+", 3) == "a/b");
  const world it(mqtt_version::v3_1_1);
  const std::string topic("a\0b", 3);
  test::mqtt_peer peer(it.who, {[&](mqtt_client_seen& client) {
    it.accept(client);
    client.write(publish, text_of_mqtt(topic) + "hello");
    client.read();
  }});
  link_under_test link(it.at(peer.port()));
  be_connected(link);
  const auto event = next(link);
  CHECK(event.what == kind::message);
  CHECK(event.text == topic);
}
