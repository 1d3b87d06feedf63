#pragma once
// What every link must do, against a server of which the test says every byte. The including program names its link:
// `using link_under_test = ...`.

#include "support/mqtt_peer.hpp"

#include <fleetprov/adapters/drive.hpp>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace link_checks {

using namespace fleetprov::adapters;
using kind = link_event::kind;
using test::mqtt_client_seen;
constexpr std::chrono::seconds patience{20};

enum packet : int { connack = 0x20, publish = 0x30, puback = 0x40, subscribe = 0x80, suback = 0x90, disconnect = 0xE0, connect_packet = 0x10 };

/// A server's certificate and a device that trusts it.
struct world {
  test::self_signed who;
  link_options how;
  explicit world(mqtt_version version, const std::string& address = "::1") : who(address) {
    how.host = "127.0.0.1";
    how.ca_file = how.certificate_file = who.certificate_file();
    how.key_file = who.key_file();
    how.client_id = "device";
    how.version = version;
    how.connect_timeout = patience;
  }
  /// To that port.
  link_options at(std::uint16_t port) const {
    link_options out = how;
    out.port = port;
    return out;
  }
  bool v5() const { return how.version == mqtt_version::v5; }
  /// Properties, in MQTT 5 none.
  std::string none() const { return v5() ? std::string(1, '\0') : std::string(); }

  void accept(mqtt_client_seen& client, int code = 0) const {
    client.expect(connect_packet);
    client.write(connack, std::string{'\0', static_cast<char>(code)} + none());
  }
  void grant(mqtt_client_seen& client, const std::string& codes) const {
    const std::string request = client.expect(subscribe);
    client.write(suback, request.substr(1, 2) + none() + codes);
  }
  /// The answer to a PUBLISH to "t".
  void acknowledge(mqtt_client_seen& client, const std::string& code_of_5) const {
    const std::string request = client.expect(publish);
    client.write(puback, request.substr(4, 2) + (v5() ? code_of_5 : std::string()));
  }
};

inline std::string text_of_mqtt(const std::string& text) { return std::string{'\0', static_cast<char>(text.size())} + text; }

template <class Link>
link_event next(Link& link) {
  const auto end = monotonic_now() + patience;
  while (monotonic_now() < end)
    if (auto event = link.wait(end - monotonic_now())) return std::move(*event);
  FAIL("nothing came of it");
  return {kind::hung_up};
}
/// What comes of connecting.
template <class Link>
link_event outcome(Link& link) {
  link.connect();
  return next(link);
}
template <class Link>
void be_connected(Link& link) {
  const auto event = outcome(link);
  CAPTURE(event.text);
  REQUIRE(event.what == kind::connected);
}

}  // namespace link_checks

using namespace link_checks;

TEST_CASE("a connection from the first packet to the last") {
  const auto version = GENERATE(mqtt_version::v3_1_1, mqtt_version::v5);
  const world it(version);
  std::string said, goodbye, asked;
  test::mqtt_peer peer(it.who, {[&](mqtt_client_seen& client) {
    it.accept(client);
    asked = client.protocol();
    it.grant(client, "\x01\x01");
    it.grant(client, std::string(1, '\0'));
    it.acknowledge(client, "");
    client.write(publish, text_of_mqtt("some/topic") + it.none() + "hello");
    goodbye = client.read();
  }});
  auto how = it.at(peer.port());
  {
    link_under_test link(how);
    CHECK(link.options().port == how.port);
    CHECK_FALSE(link.wait(std::chrono::milliseconds(1)));
    be_connected(link);
    CHECK_FALSE(link.wait(std::chrono::milliseconds(0)));
    CHECK_FALSE(link.wait(std::chrono::milliseconds(3)));
    link.subscribe({"a", "b"});
    auto event = next(link);
    CHECK(event.what == kind::subscribed);
    CHECK(event.codes == std::vector<std::uint8_t>{1, 1});
    link.subscribe({"c"});
    event = next(link);
    CHECK(event.what == kind::subscribed);
    CHECK(event.codes == std::vector<std::uint8_t>{0});
    link.publish("t", "payload");
    event = next(link);
    if (event.what == kind::message) said = event.payload.reveal(), event = next(link);  // on another thread
    CHECK(event.what == kind::published);
    if (said.empty()) {
      event = next(link);
      CHECK(event.what == kind::message);
      CHECK(event.text == "some/topic");
      said = event.payload.reveal();
    }
    CHECK(said == "hello");
    link.close();
    link.close();
  }
  CHECK(peer.was_content());
  CHECK(asked.empty());
  CHECK((static_cast<unsigned char>(goodbye.empty() ? 0 : goodbye[0]) == disconnect));
}

TEST_CASE("a connection to an IPv6 address") {
  auto own = test::listener::at(test::ipv6_loopback());
  if (!own) {
    WARN("::1 cannot be listened on here");
    return;
  }
  const auto version = GENERATE(mqtt_version::v3_1_1, mqtt_version::v5);
  world it(version);
  it.how.host = "::1";
  test::mqtt_peer peer(it.who, {[&](mqtt_client_seen& client) {
    it.accept(client);
    (void)client.read();
  }}, std::move(*own));
  link_under_test link(it.at(peer.port()));
  be_connected(link);
  link.close();
  CHECK(peer.was_content());
}

TEST_CASE("a CONNACK that refuses has its code") {
  const auto version = GENERATE(mqtt_version::v3_1_1, mqtt_version::v5);
  const world it(version);
  const std::vector<int> refusals = it.v5() ? std::vector<int>{0x80, 0x87, 0x9F} : std::vector<int>{1, 5};
  for (const int code : refusals) {
    CAPTURE(code);
    test::mqtt_peer peer(it.who, {[&](mqtt_client_seen& client) { it.accept(client, code); client.read(); }});
    link_under_test link(it.at(peer.port()));
    const auto event = outcome(link);
    CHECK(event.what == kind::refused);
    CHECK(event.codes == std::vector<std::uint8_t>{static_cast<std::uint8_t>(code)});
    link.close();
    CHECK(peer.was_content());
  }
}

TEST_CASE("a CONNACK of a code that MQTT does not have is no connection") {
  const auto version = GENERATE(mqtt_version::v3_1_1, mqtt_version::v5);
  const world it(version);
  test::mqtt_peer peer(it.who, {[&](mqtt_client_seen& client) { it.accept(client, it.v5() ? 0xFF : 6); client.read(); }});
  link_under_test link(it.at(peer.port()));
  const auto event = outcome(link);
  CHECK((event.what == kind::refused || event.what == kind::hung_up));
}

TEST_CASE("closing does not wait for a server that reads nothing") {
  const auto version = GENERATE(mqtt_version::v3_1_1, mqtt_version::v5);
  const world it(version);
  std::promise<void> closed;
  test::mqtt_peer peer(it.who, {[&](mqtt_client_seen& client) {
    it.accept(client);
    (void)closed.get_future().wait_for(patience);
  }});
  link_under_test link(it.at(peer.port()));
  be_connected(link);
  link.publish("t", std::string(20'000'000, 'x'));
  const auto before = monotonic_now();
  link.close();
  CHECK(monotonic_now() - before < std::chrono::seconds(10));
  closed.set_value();
}

TEST_CASE("a SUBACK that refuses has its codes, for one filter and for two") {
  const auto version = GENERATE(mqtt_version::v3_1_1, mqtt_version::v5);
  const world it(version);
  const std::string refusal = it.v5() ? "\x87" : "\x80";
  const auto code = static_cast<std::uint8_t>(refusal[0]);
  test::mqtt_peer peer(it.who, {[&](mqtt_client_seen& client) {
    it.accept(client);
    it.grant(client, refusal);
    it.grant(client, "\x01" + refusal);
    it.grant(client, refusal + refusal);
    client.read();
  }});
  link_under_test link(it.at(peer.port()));
  be_connected(link);
  for (const std::vector<std::string>& filters : {std::vector<std::string>{"a"}, {"a", "b"}, {"a", "b"}}) {
    CAPTURE(filters.size());
    link.subscribe(filters);
    const auto event = next(link);
    CHECK(event.what == kind::subscribed);
    CHECK(std::count(event.codes.begin(), event.codes.end(), code) >= 1);
  }
  link.close();
  CHECK(peer.was_content());
}

TEST_CASE("a PUBACK of MQTT 5 that refuses has its code, one of success has not") {
  const world it(mqtt_version::v5);
  test::mqtt_peer peer(it.who, {[&](mqtt_client_seen& client) {
    it.accept(client);
    it.acknowledge(client, std::string("\x87\0", 2));
    it.acknowledge(client, std::string("\x10\0", 2));  // no matching subscribers
    client.read();
  }});
  link_under_test link(it.at(peer.port()));
  be_connected(link);
  link.publish("t", "one");
  const auto event = next(link);
  CHECK(event.what == kind::publish_refused);
  CHECK(event.codes == std::vector<std::uint8_t>{0x87});
  link.publish("t", "two");
  CHECK(next(link).what == kind::published);
  link.close();
  CHECK(peer.was_content());
}

TEST_CASE("a server that hangs up says so once, with or without a request that waits") {
  const auto version = GENERATE(mqtt_version::v3_1_1, mqtt_version::v5);
  const int request = GENERATE(0, 1, 2);
  const world it(version);
  CAPTURE(it.v5(), request);
  test::mqtt_peer peer(it.who, {[&](mqtt_client_seen& client) {
    it.accept(client);
    if (request == 1) client.expect(subscribe);
    if (request == 2) client.expect(publish);
  }});
  link_under_test link(it.at(peer.port()));
  be_connected(link);
  if (request == 1) link.subscribe({"a", "b"});
  if (request == 2) link.publish("t", "payload");
  const auto event = next(link);
  CHECK(event.what == kind::hung_up);
  CHECK_FALSE(event.text.empty());
  CHECK_FALSE(link.wait(std::chrono::milliseconds(50)));
  CHECK(peer.was_content());
}

TEST_CASE("a DISCONNECT of MQTT 5 from the server is a hang-up") {
  const world it(mqtt_version::v5);
  test::mqtt_peer peer(it.who, {[&](mqtt_client_seen& client) {
    it.accept(client);
    client.write(disconnect, std::string("\x8B\0", 2));
    client.read();
  }});
  link_under_test link(it.at(peer.port()));
  be_connected(link);
  CHECK(next(link).what == kind::hung_up);
}

TEST_CASE("what is asked of a lost connection is a hang-up, and a new one can be made") {
  const auto version = GENERATE(mqtt_version::v3_1_1, mqtt_version::v5);
  const world it(version);
  test::mqtt_peer peer(it.who, {[&](mqtt_client_seen& client) { it.accept(client); },
                                [&](mqtt_client_seen& client) { it.accept(client); client.read(); }});
  link_under_test link(it.at(peer.port()));
  be_connected(link);
  CHECK(next(link).what == kind::hung_up);
  link.subscribe({"a", "b"});
  CHECK(next(link).what == kind::hung_up);
  link.publish("t", "payload");
  be_connected(link);
  link.close();
  CHECK(peer.was_content());
}

TEST_CASE("a server that closes at once, or that is not TLS, hangs up") {
  const auto version = GENERATE(mqtt_version::v3_1_1, mqtt_version::v5);
  const world it(version);
  test::mqtt_peer peer(it.who, {});
  link_under_test link(it.at(peer.port()));
  const auto event = outcome(link);
  CHECK(event.what == kind::hung_up);
  CHECK_FALSE(event.text.empty());
}

TEST_CASE("a server whose certificate is of another authority is not talked to") {
  const world it(mqtt_version::v3_1_1);
  const test::self_signed other;
  test::mqtt_peer peer(other, {[](mqtt_client_seen& client) { CHECK(client.read().empty()); }});
  link_under_test link(it.at(peer.port()));
  const auto event = outcome(link);
  CHECK(event.what == kind::untrusted);
  CHECK_THAT(event.text, test::ContainsSubstring("certificate verify failed"));
}

TEST_CASE("a server whose certificate is for another host is not talked to") {
  const auto version = GENERATE(mqtt_version::v3_1_1, mqtt_version::v5);
  const world it(version);
  sockaddr_in address = test::loopback(0);
  address.sin_addr.s_addr = htonl(0x7F000002);
  auto own = test::listener::at(address);
  REQUIRE(own);
  const auto script = [](mqtt_client_seen& client) { CHECK(client.read().empty()); };
  test::mqtt_peer peer(it.who, {script, script}, std::move(*own));
  auto how = it.at(peer.port());
  how.host = "127.0.0.2";
  link_under_test link(how);
  CHECK(outcome(link).what == kind::untrusted);
}

TEST_CASE("a server that refuses the device's certificate is trusted all the same") {
  const auto version = GENERATE(mqtt_version::v3_1_1, mqtt_version::v5);
  const world it(version);
  test::mqtt_peer peer(it.who, {[](mqtt_client_seen&) {}, [](mqtt_client_seen&) {}});  // hangs up after the handshake
  link_under_test link(it.at(peer.port()));
  CHECK(outcome(link).what == kind::hung_up);
}

TEST_CASE("what is asked without a connection is a hang-up, each time, and a connection can be made afterwards") {
  const auto version = GENERATE(mqtt_version::v3_1_1, mqtt_version::v5);
  const bool after_a_failure = GENERATE(false, true);
  const world it(version);
  auto how = it.at(test::closed_port());
  link_under_test link(how);
  if (after_a_failure) CHECK(outcome(link).what == kind::unreachable);
  link.subscribe({"a", "b"});
  CHECK(next(link).what == kind::hung_up);
  link.publish("t", "payload");
  CHECK(next(link).what == kind::hung_up);
  CHECK_FALSE(link.wait(std::chrono::milliseconds(1)));
}

TEST_CASE("a server that says nothing, and a port that takes no connection, are unreachable once the limit is over") {
  const auto version = GENERATE(mqtt_version::v3_1_1, mqtt_version::v5);
  world it(version);
  it.how.connect_timeout = std::chrono::seconds(1);
  const test::listener silent;
  const test::full_listener full;
  for (const std::uint16_t port : {silent.port(), full.port()}) {
    CAPTURE(port == full.port());
    link_under_test link(it.at(port));
    const auto before = monotonic_now();
    link.connect();
    const auto event = wait_connected(link);
    CAPTURE(event.text);
    CHECK(event.what == kind::unreachable);
    CHECK(monotonic_now() - before < std::chrono::seconds(8));
  }
}

TEST_CASE("the run's deadline bounds connecting, whatever the limit of one connection is") {
  world it(mqtt_version::v3_1_1);
  const test::full_listener full;
  it.how.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(100);
  link_under_test link(it.at(full.port()));
  const auto before = monotonic_now();
  CHECK(outcome(link).what == kind::unreachable);
  CHECK(monotonic_now() - before < std::chrono::seconds(5));
}

TEST_CASE("a port that nothing listens on is unreachable, by IPv4 and IPv6") {
  const auto version = GENERATE(mqtt_version::v3_1_1, mqtt_version::v5);
  for (const char* host : {"127.0.0.1", "::1"}) {
    CAPTURE(host);
    world it(version);
    it.how.host = host;
    it.how.port = test::closed_port();
    link_under_test link(it.how);
    const auto event = outcome(link);
    CHECK(event.what == kind::unreachable);
    CHECK_FALSE(event.text.empty());
    CHECK_FALSE(link.wait(std::chrono::milliseconds(1)));
  }
}

TEST_CASE("a client id that MQTT does not have is nobody's refusal") {
  const world it(mqtt_version::v3_1_1);
  const test::listener open;
  auto how = it.at(open.port());
  how.client_id = "\xFF";
  link_under_test link(how);
  const auto event = outcome(link);
  CHECK(event.what == kind::not_tried);
  CHECK_FALSE(event.text.empty());
}

TEST_CASE("a file of the link's own that cannot be used is named, nobody is connected to, and nobody refused") {
  const auto version = GENERATE(mqtt_version::v3_1_1, mqtt_version::v5);
  const auto file = GENERATE(&link_options::ca_file, &link_options::certificate_file, &link_options::key_file);
  const world it(version);
  const std::string folder = it.how.key_file.substr(0, it.how.key_file.rfind('/')), blank = folder + "/blank.pem", good = it.how.*file;
  std::ofstream(blank).flush();
  const test::listener open;
  for (const std::string& name : {good + ".none", folder, blank, std::string()}) {
    CAPTURE(name);
    auto how = it.at(open.port());
    how.*file = name;
    link_under_test link(how);
    const auto event = outcome(link);
    CHECK(event.what == kind::not_tried);
    CHECK_THAT(event.text, test::ContainsSubstring(name));
    CHECK_FALSE(event.text.empty());
    CHECK(says_nothing(event));
    link.connect();
    CHECK(wait_connected(link).what == kind::not_tried);
    CHECK_FALSE(link.wait(std::chrono::milliseconds(1)));
  }
  pollfd waiting{open.get(), POLLIN, 0};
  CHECK(::poll(&waiting, 1, 0) == 0);  // nobody came
}

TEST_CASE("a file that was not there is used once it is") {
  const world it(mqtt_version::v3_1_1);
  test::mqtt_peer peer(it.who, {[&](mqtt_client_seen& client) { it.accept(client); client.read(); }});
  auto how = it.at(peer.port());
  how.key_file += ".late";
  link_under_test link(how);
  CHECK(outcome(link).what == kind::not_tried);
  REQUIRE(::symlink(it.how.key_file.c_str(), how.key_file.c_str()) == 0);
  be_connected(link);
  link.close();
  CHECK(peer.was_content());
}

TEST_CASE("on port 443 the connection has the ALPN protocol") {
  std::random_device any;
  const auto part = [&] { return std::to_string(1 + any() % 250); };
  const std::string address = "127." + part() + "." + part() + "." + part();  // nobody else's, although the port is given
  sockaddr_in at = test::loopback(443);
  REQUIRE(::inet_pton(AF_INET, address.c_str(), &at.sin_addr) == 1);
  auto own = test::listener::at(at);
  if (!own) {
    WARN("port 443 cannot be listened on here");
    return;
  }
  const world it(mqtt_version::v3_1_1, address);
  std::string asked;
  test::mqtt_peer peer(it.who, {[&](mqtt_client_seen& client) {
    it.accept(client);
    asked = client.protocol();
    client.read();
  }}, std::move(*own));
  auto how = it.how;
  how.host = address;
  how.port = 443;
  link_under_test link(how);
  be_connected(link);
  link.close();
  CHECK(peer.was_content());
  CHECK(asked == "x-amzn-mqtt-ca");
}
