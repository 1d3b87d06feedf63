// What all adapters share: the options, the queue, and whether a TCP port can be reached.

#include <fleetprov/adapters/link.hpp>

#include "support/catch.hpp"
#include "support/loopback.hpp"

#include <future>
#include <thread>

using namespace fleetprov::adapters;
using kind = link_event::kind;

TEST_CASE("only port 443 needs an ALPN protocol") {
  link_options how;
  CHECK(how.alpn().empty());
  how.port = 443;
  CHECK(how.alpn() == "x-amzn-mqtt-ca");
}

TEST_CASE("connecting takes no longer than its own limit and the run's deadline") {
  using std::chrono::milliseconds;
  link_options how;
  CHECK(how.connect_limit() == how.connect_timeout);
  how.deadline = std::chrono::steady_clock::now() + milliseconds(1500);
  CHECK(how.connect_limit() <= milliseconds(1500));
  CHECK(how.connect_limit() > milliseconds(0));
  CHECK(how.connect_limit_in_seconds() == std::chrono::seconds(2));
  how.deadline = std::chrono::steady_clock::now() - std::chrono::hours(1);
  CHECK(how.connect_limit() == milliseconds(0));
  CHECK(how.connect_limit_in_seconds() == std::chrono::seconds(1));
}

TEST_CASE("connecting without a limit is a day to who counts in seconds") {
  link_options how;
  how.connect_timeout = std::chrono::milliseconds::max();
  CHECK(how.connect_limit() > std::chrono::hours(24 * 365));
  CHECK(how.connect_limit_in_seconds() == std::chrono::hours(24));
}

TEST_CASE("a wait without a limit ends with an event, and so does connecting without one") {
  event_queue queue;
  auto waiting = std::async(std::launch::async, [&] { return queue.wait(std::chrono::milliseconds::max()); });
  CHECK(waiting.wait_for(std::chrono::milliseconds(20)) == std::future_status::timeout);
  queue.push({kind::published});
  CHECK(waiting.get());
  const test::listener open;
  CHECK(reach("127.0.0.1", open.port(), std::chrono::milliseconds::max()).reached);
}

TEST_CASE("events come in order, one at a time, and none when there is none") {
  event_queue queue;
  CHECK_FALSE(queue.wait(std::chrono::milliseconds(0)));
  queue.push({kind::connected});
  queue.push({kind::hung_up, "closed"});
  CHECK(queue.wait(std::chrono::milliseconds(0))->what == kind::connected);
  CHECK(queue.wait(std::chrono::milliseconds(0))->text == "closed");
  CHECK_FALSE(queue.wait(std::chrono::milliseconds(1)));
  queue.push({kind::published});
  queue.clear();
  CHECK_FALSE(queue.wait(std::chrono::milliseconds(0)));
}

TEST_CASE("an event of another thread ends the wait") {
  event_queue queue;
  std::thread other([&] { queue.push({kind::published}); });
  const auto event = queue.wait(std::chrono::seconds(20));
  other.join();
  REQUIRE(event);
  CHECK(event->what == kind::published);
}

TEST_CASE("a port that listens is reached, a closed one is not, in IPv4 and by name") {
  const test::listener open;
  for (const char* host : {"127.0.0.1", "localhost"}) {
    CAPTURE(host);
    const auto there = reach(host, open.port(), std::chrono::seconds(5));
    CHECK(there.reached);
    CHECK(there.why.empty());
  }
  const auto closed = reach("127.0.0.1", test::closed_port(), std::chrono::seconds(5));
  CHECK_FALSE(closed.reached);
  CHECK(closed.why == std::strerror(ECONNREFUSED));
}

TEST_CASE("why a port is not reached is what the system says") {
  CHECK_FALSE(reach("127.255.255.255", 1, std::chrono::seconds(5)).reached);  // a broadcast address: no waiting
  CHECK(reach("127.255.255.255", 1, std::chrono::seconds(5)).why == std::strerror(ENETUNREACH));
  const auto nameless = reach(std::string(300, 'x'), 1, std::chrono::seconds(5));  // too long to be asked for
  CHECK_FALSE(nameless.reached);
  CHECK_FALSE(nameless.why.empty());
}

TEST_CASE("a port that does not answer is waited for no longer than asked") {
  const test::full_listener silent;
  const auto out = reach("127.0.0.1", silent.port(), std::chrono::milliseconds(20));
  CHECK_FALSE(out.reached);
  CHECK(out.why == std::strerror(ETIMEDOUT));
}

TEST_CASE("a process without a descriptor left is told so") {
  const test::listener open;
  reachability out;
  {
    const test::no_descriptors_left few;
    out = reach("127.0.0.1", open.port(), std::chrono::seconds(5));
  }
  CHECK_FALSE(out.reached);
  CHECK(out.why == "no socket could be made");
}

TEST_CASE("an address that is silent or closed does not keep from the next one") {
  const test::full_listener silent;
  const test::listener open;
  const auto address_of = [](std::uint16_t port) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_port = htons(port);
    out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return out;
  };
  const auto connect_to = [](std::vector<sockaddr_in> addresses, std::chrono::milliseconds limit) {
    std::vector<addrinfo> list(addresses.size());
    for (std::size_t i = 0; i < list.size(); ++i) {
      list[i].ai_family = AF_INET;
      list[i].ai_addr = reinterpret_cast<sockaddr*>(&addresses[i]);
      list[i].ai_addrlen = sizeof(sockaddr_in);
      list[i].ai_next = i + 1 < list.size() ? &list[i + 1] : nullptr;
    }
    return connect_first(list.data(), limit);
  };
  const auto long_enough = std::chrono::seconds(20);
  const auto before = std::chrono::steady_clock::now();
  CHECK(connect_to({address_of(silent.port()), address_of(open.port())}, long_enough));
  CHECK(connect_to({address_of(test::closed_port()), address_of(open.port())}, long_enough));
  CHECK(connect_to({address_of(open.port()), address_of(silent.port())}, long_enough));
  CHECK(std::chrono::steady_clock::now() - before < long_enough);
  const auto closed = connect_to({address_of(test::closed_port()), address_of(test::closed_port())}, long_enough);
  CHECK_FALSE(closed);
  CHECK(closed.why == std::strerror(ECONNREFUSED));
  const auto nobody = connect_to({address_of(silent.port()), address_of(silent.port())}, std::chrono::milliseconds(400));
  CHECK_FALSE(nobody);
  CHECK(nobody.why == std::strerror(ETIMEDOUT));
  CHECK_FALSE(connect_to({address_of(silent.port()), address_of(open.port())}, std::chrono::milliseconds(0)));
  const auto refused = connect_to({address_of(test::closed_port()), address_of(test::closed_port())}, std::chrono::milliseconds(0));
  CHECK_FALSE(refused);  // the first was looked at, and for the next there is no time
  CHECK(refused.why == std::strerror(ECONNREFUSED));
}
