#include <mock_broker/mock_settings.hpp>

#include <mock_broker/event_log.hpp>

#include <fleetprov/json/document.hpp>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace fleetprov::mock {
namespace {

std::string list_of(const std::vector<std::string>& items) {
  std::string out = "[";
  for (const std::string& item : items) out += (out.size() > 1 ? "," : "") + json_line::quote(item);
  return out + "]";
}

std::string map_of(const std::map<std::string, std::string>& items) {
  json_line out;
  for (const auto& [name, value] : items) out.text(name, value);
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

}  // namespace

const std::vector<std::string>& strict_names() {
  static const std::vector<std::string> names{"quotas",     "require-subscription", "token-connection",
                                              "token-once", "suback-failure",       "drop-throttled"};
  return names;
}

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
      .raw("hooks", map_of(settings.hooks))
      .raw("faults", list_of(settings.faults))
      .number("ready_descriptor", settings.ready_descriptor);
  return out.take();
}

mock_settings read_settings(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  const outcome<json::document> parsed = json::document::from_text(std::move(text));
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
  out.hooks = map_at(root, "hooks");
  out.faults = list_at(root, "faults");
  out.ready_descriptor = std::atoi(text_at(root, "ready_descriptor").c_str());
  return out;
}

}  // namespace fleetprov::mock
