// What is wrong with a server's certificate, for links that cannot tell.

#include <fleetprov/adapters/server_trust.hpp>

#include "support/mqtt_peer.hpp"
#include "support/openssl_memory.hpp"

#include <iostream>

using namespace fleetprov::adapters;
using kind = link_event::kind;

namespace {

const test::mqtt_peer::script nothing = [](test::mqtt_client_seen&) {};

link_options to(const test::self_signed& trusted, std::uint16_t port, const std::string& host = "127.0.0.1") {
  link_options out;
  out.host = host;
  out.port = port;
  out.ca_file = trusted.certificate_file();
  return out;
}

}  // namespace

TEST_CASE("a server's certificate is looked at by address and by name, and nothing is wrong with one that verifies") {
  const test::self_signed who, other;
  for (const char* host : {"127.0.0.1", "localhost"}) {
    CAPTURE(host);
    test::mqtt_peer peer(who, {nothing, nothing, nothing});
    CHECK(find_server_fault(to(who, peer.port(), host)).empty());
    CHECK_THAT(find_server_fault(to(other, peer.port(), host)), test::ContainsSubstring("certificate verify failed: "));
  }
}

TEST_CASE("nothing is known of a server that is not there or silent, nor without anybody to trust") {
  const test::self_signed who;
  CHECK(find_server_fault(to(who, test::closed_port())).empty());
  CHECK(find_server_fault(to(who, 443, "127.255.255.255")).empty());
  const test::listener silent;
  auto how = to(who, silent.port());
  how.connect_timeout = std::chrono::milliseconds(20);
  CHECK(find_server_fault(how).empty());
  how.ca_file += ".none";
  CHECK(find_server_fault(how).empty());
  CHECK(ERR_peek_error() == 0);
}

TEST_CASE("only a hang-up that is the outcome of connecting is looked at") {
  const test::self_signed who, other;
  test::mqtt_peer peer(who, {nothing, nothing});
  const auto how = to(other, peer.port());
  const auto told = [&](bool expected, kind what) {
    looking_queue queue;
    queue.expect_outcome(expected);
    CHECK_FALSE(queue.wait(std::chrono::milliseconds(0), how));
    queue.push({what});
    queue.push({kind::hung_up});
    const kind first = queue.wait(std::chrono::milliseconds(0), how)->what;
    CHECK(queue.wait(std::chrono::milliseconds(0), how)->what == kind::hung_up);
    return first;
  };
  CHECK(told(true, kind::hung_up) == kind::untrusted);
  CHECK(told(false, kind::hung_up) == kind::hung_up);
  CHECK(told(true, kind::refused) == kind::refused);
  looking_queue queue;
  queue.expect_outcome(true);
  queue.push({kind::hung_up});
  CHECK(queue.wait(std::chrono::milliseconds(0), to(who, peer.port()))->what == kind::hung_up);
}

TEST_CASE("nothing is found wrong with a server for want of memory") {
  if (!test::memory_is_ours) {
    std::cerr << "skipped: OpenSSL had memory before this program could say whose\n";
    return;
  }
  const test::self_signed who;
  const test::listener silent(4096);  // a connection for each allocation
  auto how = to(who, silent.port());
  how.connect_timeout = std::chrono::milliseconds(1);
  CHECK(test::fail_each_allocation([&] { return find_server_fault(how); }, [](const std::string& fault) {
    return fault.empty();
  }) > 10);
}
