#include <mock_broker/mock_settings.hpp>

#include <mock_broker/event_log.hpp>

#include <fleetprov/core/detail/json_string.hpp>
#include <fleetprov/json/document.hpp>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace fleetprov::mock {
namespace {

std::string list_of(const std::vector<std::string>& items) {
  std::string out = "[";
  for (const std::string& item : items) out += (out.size() > 1 ? "," : "") + detail::json_string(item);
  return out + "]";
}

std::string map_of(const std::map<std::string, std::string>& items) {
  json_line out;
  for (const auto& [name, value] : items) out.text(name, value);
  return out.take();
}

std::string document_of(const named_text& one) {
  json_line out;
  out.text("name", one.name).text("text", one.text);
  return out.take();
}

std::string world_of(const seed_options& wanted) {
  const auto documents = [](const std::vector<named_text>& all) {
    std::string out = "[";
    for (const named_text& one : all) out += (out.size() > 1 ? "," : "") + document_of(one);
    return out + "]";
  };
  std::string hooks = "[";
  for (const auto& [name, lambda] : wanted.hooks) hooks += (hooks.size() > 1 ? "," : "") + document_of({name, lambda});
  json_line out;
  out.boolean("empty", wanted.empty)
      .raw("policies", documents(wanted.policies))
      .raw("claim_policy", wanted.claim_policy ? document_of(*wanted.claim_policy) : "null")
      .raw("templates", documents(wanted.templates))
      .raw("hooks", hooks + "]");
  return out.take();
}

std::string text_at(const json::value& root, std::string_view key) {
  const json::value* found = root.find(key);
  return found != nullptr ? found->text : std::string();
}

std::vector<std::string> list_at(const json::value& root, std::string_view key) {
  std::vector<std::string> out;
  if (const json::value* found = root.find(key))
    for (const json::value& item : found->items) out.push_back(item.text);
  return out;
}

std::map<std::string, std::string> map_at(const json::value& root, std::string_view key) {
  std::map<std::string, std::string> out;
  if (const json::value* found = root.find(key))
    for (const json::member& item : found->members) out[item.key] = item.held.text;
  return out;
}

bool is_true_at(const json::value& root, std::string_view key) {
  const json::value* found = root.find(key);
  return found != nullptr && found->is(json::kind::boolean) && found->text == "true";
}

std::vector<named_text> documents_at(const json::value& root, std::string_view key) {
  std::vector<named_text> out;
  if (const json::value* found = root.find(key))
    for (const json::value& item : found->items) out.push_back({text_at(item, "name"), text_at(item, "text")});
  return out;
}

seed_options world_at(const json::value& root) {
  seed_options out;
  const json::value* found = root.find("world");
  if (found == nullptr) return out;
  out.empty = is_true_at(*found, "empty");
  out.policies = documents_at(*found, "policies");
  const json::value* claim = found->find("claim_policy");
  if (claim != nullptr && claim->is_object()) out.claim_policy = named_text{text_at(*claim, "name"), text_at(*claim, "text")};
  out.templates = documents_at(*found, "templates");
  for (named_text& hook : documents_at(*found, "hooks")) out.hooks.emplace_back(std::move(hook.name), std::move(hook.text));
  return out;
}

}  // namespace

std::string to_json(const mock_settings& settings) {
  json_line out;
  out.text("directory", settings.directory.string())
      .text("region", settings.region)
      .text("account", settings.account)
      .text("mqtt_host", settings.mqtt_host)
      .text("http_bind", settings.http_bind)
      .number("http_port", settings.http_port)
      .raw("host_names", list_of(settings.host_names))
      .raw("strict", list_of(settings.strict))
      .raw("lambdas", map_of(settings.lambdas))
      .raw("faults", list_of(settings.faults))
      .number("key_pool", static_cast<std::int64_t>(settings.key_pool))
      .raw("world", world_of(settings.world))
      .number("ready_descriptor", settings.ready_descriptor);
  return out.take();
}

mock_settings read_settings(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  json::limits cap;
  cap.max_bytes = std::size_t{64} << 20U;  // it holds all the documents of the command line
  const outcome<json::document> parsed = json::document::from_text(std::move(text), cap);
  if (!in || !parsed.value || !parsed.value->root().is_object())
    throw std::runtime_error("cannot read the settings in " + file.string());
  const json::value& root = parsed.value->root();
  mock_settings out;
  out.directory = text_at(root, "directory");
  out.region = text_at(root, "region");
  out.account = text_at(root, "account");
  out.mqtt_host = text_at(root, "mqtt_host");
  out.http_bind = text_at(root, "http_bind");
  out.http_port = static_cast<std::uint16_t>(std::atoi(text_at(root, "http_port").c_str()));
  out.host_names = list_at(root, "host_names");
  out.strict = list_at(root, "strict");
  out.lambdas = map_at(root, "lambdas");
  out.faults = list_at(root, "faults");
  out.key_pool = static_cast<std::size_t>(std::atol(text_at(root, "key_pool").c_str()));
  out.world = world_at(root);
  out.ready_descriptor = std::atoi(text_at(root, "ready_descriptor").c_str());
  return out;
}

std::string to_json(const start_report& report) {
  json_line out;
  out.boolean("is_ready", report.is_ready).number("http_port", report.http_port);
  if (report.world.claim_certificate_id) out.text("claim_certificate_id", *report.world.claim_certificate_id);
  out.raw("policies", list_of(report.world.policies))
      .raw("templates", list_of(report.world.templates))
      .text("refusal", report.refusal)
      .text("words", report.words);
  return out.take();
}

start_report read_report(const std::string& line) {
  start_report out;
  const outcome<json::document> parsed = json::document::from_text(line);
  if (!parsed.value || !parsed.value->root().is_object()) return out;
  const json::value& root = parsed.value->root();
  out.is_ready = is_true_at(root, "is_ready");
  out.http_port = static_cast<std::uint16_t>(std::atoi(text_at(root, "http_port").c_str()));
  if (std::string id = text_at(root, "claim_certificate_id"); !id.empty()) out.world.claim_certificate_id = std::move(id);
  out.world.policies = list_at(root, "policies");
  out.world.templates = list_at(root, "templates");
  out.refusal = text_at(root, "refusal");
  out.words = text_at(root, "words");
  return out;
}

}  // namespace fleetprov::mock
