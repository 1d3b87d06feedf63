// Requests to the control plane, several in one account: every answer is JSON with a status of HTTP's, and no
// input makes an internal failure. One request is a line `METHOD target`, then its body up to a line `--`.
#include <fleetprov/json/document.hpp>
#include <mock_broker/control_plane.hpp>
#include <support/mock_world.hpp>
#include <unit/mock_control_plane/fake_broker.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

namespace mock = fleetprov::mock;

/// An account that starts anew after some hundred inputs, so that it neither grows nor stays empty.
class account {
 public:
  mock::api_reply call(mock::api_request request) { return api_.handle(request); }
  account() {
    world_.add_template("T", test::fleet_template());
    world_.add_certificate();
  }

 private:
  test::service world_{settings()};
  test::fake_broker broker_;
  mock::control_plane api_{{world_.registry(), world_.fleet(), "localhost", broker_}};

  static mock::service_settings settings() {
    mock::service_settings how;
    how.key_pool_size = 0;
    return how;
  }
};

std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

void check(const mock::api_reply& reply, const std::string& target) {
  if (reply.status < 200 || reply.status > 599 || reply.status == 500) {
    std::fprintf(stderr, "%d for %s: %s\n", reply.status, target.c_str(), reply.body.c_str());
    std::abort();
  }
  if (reply.content_type == "application/json" && !reply.body.empty() && fleetprov::json::document::from_text(reply.body).has_errors())
    std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static std::unique_ptr<account> subject;
  static int inputs = 0;
  if (!subject || ++inputs % 500 == 0) subject = std::make_unique<account>();
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  for (int requests = 0; !rest.empty() && requests < 8; ++requests) {
    const std::string_view line = take_line(rest);
    const std::size_t blank = line.find(' ');
    mock::api_request request;
    request.method = std::string(line.substr(0, blank));
    request.target = blank == std::string_view::npos ? "/" : std::string(line.substr(blank + 1));
    while (!rest.empty()) {
      const std::string_view part = take_line(rest);
      if (part == "--") break;
      request.body.append(part).push_back('\n');
    }
    const std::string target = request.method + " " + request.target;
    check(subject->call(std::move(request)), target);
  }
  return 0;
}
