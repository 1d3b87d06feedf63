#include <mock_broker/mock_api.hpp>

#include <malloc.h>

#include <fleetprov/json/document.hpp>

#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string>

namespace fleetprov::mock {
namespace {

constexpr std::int64_t longest_advance_seconds = 100LL * 365 * 24 * 3600;
constexpr std::chrono::seconds patience{10};

api_reply refuse(int status, std::string_view message) {
  json_line line;
  line.text("message", message);
  api_reply out;
  out.status = status;
  out.body = line.take();
  return out;
}

api_reply answer(json_line& line) {
  api_reply out;
  out.body = line.take();
  return out;
}

/// `{"advance_seconds":N}`; throws std::invalid_argument.
std::int64_t read_advance_ms(std::string_view body) {
  json::limits cap;
  cap.max_bytes = 4096;
  cap.max_depth = 4;
  const outcome<json::document> parsed = json::document::from_text(std::string(body), cap);
  if (!parsed.value || !parsed.diagnostics.empty() || !parsed.value->root().is_object())
    throw std::invalid_argument("the body must be a JSON object such as {\"advance_seconds\":3600}");
  const json::value* advance = nullptr;
  for (const json::member& m : parsed.value->root().members) {
    if (m.key != "advance_seconds") throw std::invalid_argument("unknown member `" + m.key + "`; the member is advance_seconds");
    advance = &m.held;
  }
  if (advance == nullptr) throw std::invalid_argument("`advance_seconds` is missing");
  if (!advance->is(json::kind::number)) throw std::invalid_argument("`advance_seconds` must be a number");
  const double seconds = std::strtod(advance->text.c_str(), nullptr);
  if (!(seconds >= 0 && seconds <= static_cast<double>(longest_advance_seconds)))
    throw std::invalid_argument("`advance_seconds` must be from 0 to " + std::to_string(longest_advance_seconds));
  return static_cast<std::int64_t>(seconds * 1000.0);
}

}  // namespace

mock_api::mock_api(mock_context context) : context_(context), log_at_start_(context_.log.now()) {
  context_.world.take_snapshot();
  context_.faults.remember();
}

api_reply mock_api::advance_clock(std::string_view body) {
  try {
    context_.time.advance(instant(read_advance_ms(body)));
  } catch (const std::invalid_argument& wrong) {
    return refuse(400, wrong.what());
  }
  context_.world.apply_expiry();
  json_line line;
  line.number("now", context_.time.now().count() / 1000);
  return answer(line);
}

api_reply mock_api::add_fault(std::string_view body) {
  try {
    json_line line;
    line.text("id", context_.faults.add(parse_fault_json(body)));
    return answer(line);
  } catch (const fault_error& wrong) {
    return refuse(400, wrong.what());
  }
}

api_reply mock_api::reset() {
  const std::lock_guard<std::mutex> lock(resetting_);
  context_.service.wait_until_idle(patience);
  context_.time.reset();
  context_.faults.reset();
  context_.world.restore_snapshot();
  const bool is_reset = context_.broker.reset();
  context_.denials.clear();
  context_.log.cut(log_at_start_.bytes);
  if (!is_reset) return refuse(500, "the broker did not answer: its sessions and retained messages are as they were");
  ::malloc_trim(0);  // what thousands of devices left behind goes back to the system
  json_line line;
  line.number("now", context_.time.now().count() / 1000);
  return answer(line);
}

api_reply mock_api::handle(std::string_view method, std::string_view path, std::string_view body) {
  const auto is = [&](std::string_view m, std::string_view p) { return method == m && path == p; };
  if (is("GET", "health")) {
    json_line line;
    line.text("status", "ok").number("now", context_.time.now().count() / 1000);
    return answer(line);
  }
  if (is("GET", "clock")) {
    json_line line;
    line.number("now", context_.time.now().count() / 1000);
    return answer(line);
  }
  if (is("POST", "clock")) return advance_clock(body);
  if (is("POST", "reset")) return reset();
  if (is("POST", "faults")) return add_fault(body);
  if (is("GET", "faults")) return {200, context_.faults.to_json(), {}, "application/json"};
  if (is("DELETE", "faults")) {
    context_.faults.clear();
    return {200, "{}", {}, "application/json"};
  }
  constexpr std::string_view one_fault = "faults/";
  if (method == "DELETE" && path.substr(0, one_fault.size()) == one_fault) {
    const std::string_view id = path.substr(one_fault.size());
    return context_.faults.remove(id) ? api_reply{200, "{}", {}, "application/json"}
                                      : refuse(404, "there is no fault `" + std::string(id) + "`");
  }
  if (is("GET", "denials")) return {200, context_.denials.to_json(), {}, "application/json"};
  for (const std::string_view known : {"health", "clock", "reset", "faults", "events", "denials"})
    if (path == known) return refuse(405, std::string(method) + " is not a method of " + std::string(prefix) + std::string(path));
  return refuse(404, "there is no " + std::string(prefix) + std::string(path) +
                         "; there are health, clock, faults, reset, events, denials");
}

}  // namespace fleetprov::mock
