#include <mock_broker/faults.hpp>

#include <mock_broker/event_log.hpp>

#include <fleetprov/json/document.hpp>
#include <fleetprov/policies/pattern.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <utility>

namespace fleetprov::mock {
namespace {

constexpr std::array<std::string_view, 6> operation_names{
    "CreateKeysAndCertificate", "CreateCertificateFromCsr", "RegisterThing", "Connect", "Publish", "*"};
constexpr std::array<std::string_view, 7> kind_names{
    "reject", "delay", "drop", "duplicate", "disconnect_before_reply", "disconnect_after_reply", "throttle"};

constexpr std::uint64_t longest_delay_ms = 3'600'000;

constexpr bool is_allowed(fault_operation operation, fault_kind kind) noexcept {
  if (operation != fault_operation::connect) return true;
  return kind != fault_kind::delay && kind != fault_kind::drop && kind != fault_kind::duplicate;
}

template <std::size_t N>
std::string join(const std::array<std::string_view, N>& names) {
  std::string out;
  for (const std::string_view name : names) {
    if (!out.empty()) out += ", ";
    out += name;
  }
  return out;
}

template <class Enum, std::size_t N>
Enum pick(const std::array<std::string_view, N>& names, std::string_view text, std::string_view what) {
  const auto at = std::find(names.begin(), names.end(), text);
  if (at == names.end())
    throw fault_error(std::string(what) + " `" + std::string(text) + "` is not one of " + join(names));
  return static_cast<Enum>(at - names.begin());
}

std::uint64_t whole_number(std::string_view name, std::string_view text, std::uint64_t least, std::uint64_t most) {
  std::uint64_t out = 0;
  const bool digits = !text.empty() && text.size() <= 18 &&
                      std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (digits) out = std::strtoull(std::string(text).c_str(), nullptr, 10);
  if (!digits || out < least || out > most)
    throw fault_error("`" + std::string(name) + "` must be a whole number from " + std::to_string(least) + " to " +
                      std::to_string(most));
  return out;
}

double chance(std::string_view text) {
  const std::string copy(text);
  char* end = nullptr;
  const double out = std::strtod(copy.c_str(), &end);
  if (copy.empty() || end != copy.c_str() + copy.size() || !(out >= 0.0 && out <= 1.0))
    throw fault_error("`probability` must be a number from 0 to 1");
  return out;
}

/// The shortest text that reads back as the same number.
std::string shortest(double number) {
  std::array<char, 32> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), number).ptr};
}

void set_member(fault& out, std::string_view name, std::string_view text) {
  if (name == "operation") out.operation = pick<fault_operation>(operation_names, text, "operation");
  else if (name == "fault") out.kind = pick<fault_kind>(kind_names, text, "fault");
  else if (name == "status_code") out.status_code = static_cast<int>(whole_number(name, text, 400, 599));
  else if (name == "error_code") out.error_code = text;
  else if (name == "error_message") out.error_message = text;
  else if (name == "delay_ms") out.delay_ms = static_cast<std::uint32_t>(whole_number(name, text, 0, longest_delay_ms));
  else if (name == "probability") out.probability = chance(text);
  else if (name == "count") out.count = whole_number(name, text, 1, 1'000'000'000);
  else if (name == "client_id") out.client_id = text;
  else
    throw fault_error("unknown member `" + std::string(name) + "`; members are operation, fault, status_code, "
                      "error_code, error_message, delay_ms, probability, count, client_id");
}

bool is_member(std::string_view name) {
  return name == "operation" || name == "fault" || name == "status_code" || name == "error_code" ||
         name == "error_message" || name == "delay_ms" || name == "probability" || name == "count" ||
         name == "client_id";
}

bool wants_number(std::string_view name) {
  return name == "status_code" || name == "delay_ms" || name == "probability" || name == "count";
}

void require(bool has_operation, bool has_kind) {
  if (!has_operation) throw fault_error("`operation` is missing: one of " + join(operation_names));
  if (!has_kind) throw fault_error("`fault` is missing: one of " + join(kind_names));
}

}  // namespace

std::string_view name_of(fault_operation what) noexcept { return operation_names[static_cast<std::size_t>(what)]; }
std::string_view name_of(fault_kind what) noexcept { return kind_names[static_cast<std::size_t>(what)]; }

void check_fault(const fault& wanted) {
  if (wanted.operation == fault_operation::any || is_allowed(wanted.operation, wanted.kind)) return;
  std::string allowed;
  for (std::size_t i = 0; i < kind_names.size(); ++i)
    if (is_allowed(wanted.operation, static_cast<fault_kind>(i)))
      allowed += (allowed.empty() ? "" : ", ") + std::string(kind_names[i]);
  throw fault_error("`" + std::string(name_of(wanted.kind)) + "` cannot be done to " +
                    std::string(name_of(wanted.operation)) + "; allowed are " + allowed);
}

fault parse_fault_json(std::string_view text) {
  json::limits cap;
  cap.max_bytes = 64 * 1024;
  cap.max_depth = 4;
  const outcome<json::document> parsed = json::document::from_text(std::string(text), cap);
  if (!parsed.value || !parsed.diagnostics.empty())
    throw fault_error(parsed.diagnostics.empty() ? "not JSON" : parsed.diagnostics.front().message);
  if (!parsed.value->root().is_object()) throw fault_error("the body must be a JSON object");
  fault out;
  bool has_operation = false;
  bool has_kind = false;
  for (const json::member& m : parsed.value->root().members) {
    has_operation = has_operation || m.key == "operation";
    has_kind = has_kind || m.key == "fault";
    const bool known = is_member(m.key);
    const json::kind expected = wants_number(m.key) ? json::kind::number : json::kind::string;
    if (known && !m.held.is(expected))
      throw fault_error("`" + m.key + "` must be " + std::string(json::name_of(expected)) + ", not " +
                        std::string(json::name_of(m.held.what)));
    set_member(out, m.key, m.held.text);
  }
  require(has_operation, has_kind);
  check_fault(out);
  return out;
}

fault parse_fault_option(std::string_view text) {
  fault out;
  bool has_operation = false;
  bool has_kind = false;
  while (!text.empty()) {
    const std::string_view item = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), item.size() + 1));
    const std::size_t equals = item.find('=');
    if (equals == std::string_view::npos)
      throw fault_error("`" + std::string(item) + "` is not NAME=VALUE");
    const std::string_view name = item.substr(0, equals);
    has_operation = has_operation || name == "operation";
    has_kind = has_kind || name == "fault";
    set_member(out, name, item.substr(equals + 1));
  }
  require(has_operation, has_kind);
  check_fault(out);
  return out;
}

std::string fault_list::add(fault wanted) {
  const std::lock_guard<std::mutex> lock(guard_);
  entries_.push_back({std::to_string(next_id_++), std::move(wanted), 0});
  return entries_.back().id;
}

bool fault_list::remove(std::string_view id) {
  const std::lock_guard<std::mutex> lock(guard_);
  const auto at = std::find_if(entries_.begin(), entries_.end(), [&](const entry& e) { return e.id == id; });
  if (at == entries_.end()) return false;
  entries_.erase(at);
  return true;
}

void fault_list::clear() {
  const std::lock_guard<std::mutex> lock(guard_);
  entries_.clear();
}

std::string fault_list::to_json() const {
  const std::lock_guard<std::mutex> lock(guard_);
  std::string list;
  for (const entry& e : entries_) {
    json_line line;
    line.text("id", e.id).text("operation", name_of(e.what.operation)).text("fault", name_of(e.what.kind));
    if (e.what.status_code != 0) line.number("status_code", e.what.status_code);
    if (!e.what.error_code.empty()) line.text("error_code", e.what.error_code);
    if (!e.what.error_message.empty()) line.text("error_message", e.what.error_message);
    if (e.what.kind == fault_kind::delay) line.number("delay_ms", e.what.delay_ms);
    if (e.what.probability < 1.0) line.raw("probability", shortest(e.what.probability));
    if (e.what.count) line.number("count", static_cast<std::int64_t>(*e.what.count));
    if (!e.what.client_id.empty()) line.text("client_id", e.what.client_id);
    line.number("hits", static_cast<std::int64_t>(e.hits));
    list += (list.empty() ? "" : ",") + line.take();
  }
  return "{\"faults\":[" + list + "]}";
}

std::optional<fault> fault_list::strike(fault_operation what, std::string_view client_id) {
  const std::lock_guard<std::mutex> lock(guard_);
  for (entry& e : entries_) {
    if (e.what.operation != what && e.what.operation != fault_operation::any) continue;
    if (!is_allowed(what, e.what.kind)) continue;
    if (e.what.count && e.hits >= *e.what.count) continue;
    if (!e.what.client_id.empty() && !policies::glob_match(e.what.client_id, client_id)) continue;
    if (e.what.probability < 1.0 && std::uniform_real_distribution<double>(0.0, 1.0)(dice_) >= e.what.probability)
      continue;
    ++e.hits;
    return e.what;
  }
  return std::nullopt;
}

bool fault_list::is_empty() const noexcept {
  const std::lock_guard<std::mutex> lock(guard_);
  return entries_.empty();
}

void fault_list::remember() {
  const std::lock_guard<std::mutex> lock(guard_);
  remembered_ = entries_;
}

void fault_list::reset() {
  const std::lock_guard<std::mutex> lock(guard_);
  entries_ = remembered_;
}

}  // namespace fleetprov::mock
