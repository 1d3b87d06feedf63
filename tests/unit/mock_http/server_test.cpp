// The HTTP port with its own threads, without a broker: what ThreadSanitizer watches.
#include <fleetprov/json/document.hpp>
#include <fleetprov/topics/limits.hpp>
#include <mock_broker/http_server.hpp>
#include <mock_broker/mock_api.hpp>
#include <support/catch.hpp>
#include <support/mock_world.hpp>
#include <unit/mock_control_plane/fake_broker.hpp>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <string>
#include <thread>
#include <vector>

namespace {

namespace mock = fleetprov::mock;

/// An account with everything that listens on the HTTP port.
struct site {
  test::service account;
  test::fake_broker broker;
  mock::fault_list faults;
  mock::denial_ring denials;
  mock::event_log log{(account.folder() / "iot-logs.jsonl").string()};
  mock::control_plane control{{account.registry(), account.fleet(), "localhost", broker}};
  mock::mock_api api{{account.registry(), account.fleet(), account.clock(), faults, log, denials, broker}};
  mock::http_server server{{}, control, api};
};

/// One request on a connection of its own; the whole answer, empty when there is none.
std::string ask(std::uint16_t port, const std::string& request) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience{30, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string answer;
  if (::connect(socket, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0 &&
      ::send(socket, request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size())) {
    char part[4096];
    ssize_t got = 0;
    while ((got = ::recv(socket, part, sizeof part, 0)) > 0) answer.append(part, static_cast<std::size_t>(got));
    if (got < 0 && errno == EAGAIN) answer = "neither answered nor closed";
  }
  ::close(socket);
  return answer;
}

std::string message(const std::string& line, const std::string& body = "", const std::string& type = "") {
  return line + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
         (type.empty() ? "" : "\r\nContent-Type: " + type) + "\r\n\r\n" + body;
}

bool has_status(const std::string& answer, const char* status) {
  return answer.rfind("HTTP/1.1 " + std::string(status), 0) == 0;
}

}  // namespace

TEST_CASE("requests of many clients are answered side by side, each with its own answer") {
  site here;
  here.server.start();
  const std::uint16_t port = here.server.port();
  std::atomic<int> wrong{0};
  std::vector<std::thread> clients;
  for (int client = 0; client < 6; ++client)
    clients.emplace_back([&, client] {
      for (int turn = 0; turn < 15; ++turn) {
        const std::string name = "thing-" + std::to_string(client) + "-" + std::to_string(turn);
        if (!has_status(ask(port, message("POST /things/" + name, "{}")), "200")) ++wrong;
        if (ask(port, message("GET /things/" + name)).find("\"" + name + "\"") == std::string::npos) ++wrong;
        if (!has_status(ask(port, message("POST /_mock/clock", R"({"advance_seconds":1})")), "200")) ++wrong;
        if (!has_status(ask(port, message("GET /_mock/health")), "200")) ++wrong;
        if (!has_status(ask(port, message("GET /no-such")), "501")) ++wrong;
        here.log.append(R"({"eventType":"Test"})");
        if (!has_status(ask(port, message("GET /_mock/events")), "200")) ++wrong;
      }
    });
  for (std::thread& one : clients) one.join();
  CHECK(wrong == 0);
  CHECK(here.account.registry().list_things({}, {}).items.size() > 0);
  CHECK(here.server.stop());
}

TEST_CASE("the port can be stopped while clients send") {
  site here;
  here.server.start();
  const std::uint16_t port = here.server.port();
  std::atomic<bool> enough{false};
  std::atomic<int> answered{0}, forgotten{0};
  std::vector<std::thread> clients;
  for (int client = 0; client < 4; ++client)
    clients.emplace_back([&] {
      while (!enough)
        if (const std::string answer = ask(port, message("GET /_mock/health")); has_status(answer, "200")) ++answered;
        else if (!answer.empty()) ++forgotten;
    });
  while (answered < 20) std::this_thread::yield();
  CHECK(here.server.stop());
  enough = true;
  for (std::thread& one : clients) one.join();
  CHECK(forgotten == 0);
  CHECK(ask(port, message("GET /_mock/health")).empty());
}

TEST_CASE("a body is the bytes it is, whatever its Content-Type calls it") {
  site here;
  here.server.start();
  const std::uint16_t port = here.server.port();
  const std::string form = "application/x-www-form-urlencoded";
  const std::string large = R"({"attributePayload":{"attributes":{"k":"v"}},"pad":")" + std::string(9000, 'x') + "\"}";
  for (const std::string& type : {form, form + "; charset=UTF-8", std::string("multipart/form-data; boundary=x"), std::string("text/plain")}) {
    CAPTURE(type);
    const std::string thing = "thing-" + std::to_string(type.size());
    CHECK(has_status(ask(port, message("POST /things/" + thing, large, type)), "200"));
    CHECK(here.account.registry().describe_thing(thing)->attributes.at("k") == "v");
    const std::string most(fleetprov::topics::limits::max_payload_bytes, '=');
    CHECK(has_status(ask(port, message("POST /topics/a", most, type)), "200"));
    const auto published = here.broker.take_published();
    REQUIRE(published.size() == 1);
    CHECK(published.front().payload == most);
    CHECK(has_status(ask(port, message("POST /topics/a", most + "=", type)), "413"));
    CHECK(here.broker.take_published().empty());
  }
  const std::string parts = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--x--\r\n";
  CHECK(has_status(ask(port, message("POST /things/parts", parts, "multipart/form-data; boundary=x")), "400"));
  CHECK(here.account.registry().find_thing("parts") == nullptr);
  CHECK(here.server.stop());
}

TEST_CASE("what follows a GET that has a body is not taken for a request") {
  site here;
  here.server.start();
  const std::uint16_t port = here.server.port();
  here.account.registry().create_thing("victim", {});
  const std::string inner = "DELETE /things/victim HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
  for (const char* method : {"GET", "HEAD", "OPTIONS"}) {
    for (const std::string& length : {"Content-Length: " + std::to_string(inner.size()), std::string("Transfer-Encoding: chunked")}) {
      CAPTURE(method, length);
      const std::string answer = ask(port, std::string(method) + " /endpoint HTTP/1.1\r\nHost: localhost\r\n" + length + "\r\n\r\n" + inner);
      CHECK(answer.rfind("HTTP/1.1 ", 0) == 0);
      CHECK(answer.find("HTTP/1.1 ", 1) == std::string::npos);
      CHECK(answer.find("\r\nConnection: close\r\n") != std::string::npos);
      CHECK(here.account.registry().find_thing("victim"));
    }
  }
  const std::string none = "GET /endpoint HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
  const std::string both = ask(port, none + message("GET /things/victim"));
  CHECK(both.find("\"victim\"") != std::string::npos);
  CHECK(here.server.stop());
}

TEST_CASE("a method that nobody plays is a 501 that names it, whether the library knows it or not") {
  site here;
  here.server.start();
  const std::uint16_t port = here.server.port();
  for (const char* method : {"TRACE", "CONNECT", "FOO", "get", "PRI"}) {
    CAPTURE(method);
    const std::string answer = ask(port, message(std::string(method) + " /endpoint?x=1"));
    CHECK(has_status(answer, "501"));
    CHECK(answer.find(std::string("{\"message\":\"no operation ") + method + " /endpoint\"}") != std::string::npos);
  }
  for (const char* line : {"nonsense", "GET /endpoint", "G:T /endpoint HTTP/1.1", "GET /endpoint HTTP/3"}) {
    CAPTURE(line);
    const std::string answer = ask(port, std::string(line) + "\r\nHost: localhost\r\n\r\n");
    CHECK(has_status(answer, "400"));
    CHECK(answer.find("malformed request line") != std::string::npos);
  }
  CHECK(here.server.stop());
}

TEST_CASE("what is too long is named") {
  site here;
  here.server.start();
  const std::uint16_t port = here.server.port();
  const std::string field = ask(port, "GET /endpoint HTTP/1.1\r\nHost: localhost\r\nX-Amz-Security-Token: " + std::string(9000, 'a') + "\r\n\r\n");
  CHECK(has_status(field, "431"));
  CHECK(field.find("a header field is longer than 8192 bytes") != std::string::npos);
  const std::string line = ask(port, message("GET /things?nextToken=" + std::string(9000, 'a')));
  CHECK(has_status(line, "414"));
  CHECK(line.find("the request line is longer than 8192 bytes") != std::string::npos);
  CHECK(here.server.stop());
}

TEST_CASE("the absolute form of a target is taken, and its host counts") {
  site here;
  here.server.start();
  const std::uint16_t port = here.server.port();
  const std::string own = "http://127.0.0.1:" + std::to_string(port);
  CHECK(ask(port, message("GET " + own + "/endpoint?endpointType=iot%3AData-ATS")).find("\"endpointAddress\"") != std::string::npos);
  CHECK(has_status(ask(port, message("GET HTTP://localhost/_mock/health")), "200"));
  CHECK(has_status(ask(port, message("POST " + own + "/things/absolute", "{}")), "200"));
  CHECK(here.account.registry().find_thing("absolute"));
  CHECK(has_status(ask(port, message("GET " + own)), "501"));
  CHECK(has_status(ask(port, message("GET http://evil.example/endpoint")), "403"));
  CHECK(here.server.stop());
}
