#pragma once

#include <fleetprov/core/detail/json_string.hpp>
#include <fleetprov/core/utf8.hpp>
#include <fleetprov/json/document.hpp>
#include <fleetprov/storage/credential_store.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

/// The two JSON files of a posix_store as text.
namespace fleetprov::storage::detail {

/// `pending/pending.json`: which files make the pending set, and how far it got.
struct pending_file {
  pending_record record;             // an empty certificate id: there is no set, only the list
  std::string key_file;              // inside pending/; empty where the key is elsewhere
  bool registered = false;           // RegisterThing was accepted: promotion is to be finished
  registration answer;               // of RegisterThing; `superseded` is complete before promotion
  present_key present = present_key::replace;  // of a device.pem.key that is in the folder
};

/// A JSON string. Bytes that are not UTF-8 stay, for the caller to find: a record that says something else is no record.
inline std::string quote(std::string_view text) {
  std::string out = "\"";
  fleetprov::detail::append_json_escaped(out, text);
  return out += '"';
}

inline std::string text_list(const std::vector<std::string>& items) {
  std::string out = "[";
  for (const std::string& item : items) ((out += out.size() > 1 ? "," : "") += quote(item));
  return out += ']';
}

inline std::string text_map(const std::map<std::string, std::string>& items) {
  std::string out = "{";
  for (const auto& [key, value] : items) (((out += out.size() > 1 ? "," : "") += quote(key)) += ':') += quote(value);
  return out += '}';
}

inline std::string write_text(const device_record& what) {
  std::string out = "{\"thing_name\":";
  out += what.thing_name ? quote(*what.thing_name) : "null";
  out += ",\"certificate_id\":" + quote(what.certificate_id);
  out += ",\"endpoint\":" + quote(what.endpoint);
  out += ",\"device_configuration\":" + text_map(what.device_configuration);
  out += ",\"superseded\":" + text_list(what.superseded);
  if (!what.key_uri.empty()) out += ",\"key_uri\":" + quote(what.key_uri);
  return out + "}\n";
}

inline std::string write_text(const pending_file& what) {
  std::string out = "{\"certificate_id\":" + quote(what.record.certificate_id);
  out += ",\"issued_at\":" + std::to_string(what.record.issued_at);
  out += ",\"endpoint\":" + quote(what.record.endpoint);
  out += ",\"key_uri\":" + quote(what.record.key_uri);
  out += ",\"key_file\":" + quote(what.key_file);
  out += std::string(",\"state\":") + (what.registered ? "\"registered\"" : "\"stored\"");
  out += std::string(",\"keep_key\":") + (what.present == present_key::keep ? "true" : "false");
  if (what.present == present_key::set_aside) out += ",\"set_aside_key\":true";
  out += ",\"thing_name\":";
  out += what.answer.thing_name ? quote(*what.answer.thing_name) : "null";
  out += ",\"device_configuration\":" + text_map(what.answer.device_configuration);
  out += ",\"superseded\":" + text_list(what.answer.superseded);
  return out + "}\n";
}

inline std::optional<std::string> text_at(const json::value& object, std::string_view key) {
  const json::value* found = object.find(key);
  if (!found || !found->is_string()) return std::nullopt;
  return found->text;
}

inline bool is_true_at(const json::value& object, std::string_view key) {
  const json::value* found = object.find(key);
  return found && found->is(json::kind::boolean) && found->text == "true";
}

inline std::vector<std::string> list_at(const json::value& object, std::string_view key) {
  std::vector<std::string> out;
  if (const json::value* found = object.find(key))
    for (const json::value& item : found->items)
      if (item.is_string()) out.push_back(item.text);
  return out;
}

inline std::map<std::string, std::string> map_at(const json::value& object, std::string_view key) {
  std::map<std::string, std::string> out;
  if (const json::value* found = object.find(key))
    for (const json::member& m : found->members)
      if (m.held.is_string()) out[m.key] = m.held.text;
  return out;
}

/// Empty when the text is no such record.
inline std::optional<device_record> read_device(std::string text) {
  const auto parsed = json::document::from_text(std::move(text));
  if (!parsed || !parsed.value->root().is_object()) return std::nullopt;
  const json::value& root = parsed.value->root();
  device_record out;
  out.thing_name = text_at(root, "thing_name");
  out.certificate_id = text_at(root, "certificate_id").value_or("");
  out.endpoint = text_at(root, "endpoint").value_or("");
  out.key_uri = text_at(root, "key_uri").value_or("");
  out.device_configuration = map_at(root, "device_configuration");
  out.superseded = list_at(root, "superseded");
  return out;
}

/// One plain file name: nothing empty, nothing that leaves the folder.
inline bool is_plain_name(std::string_view name) noexcept {
  return !name.empty() && name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos && name != "." && name != "..";
}

/// The id in the name of a set's file, `<id>.pem.crt`, `<id>.pem.key` or `<id>.token`; empty where the name is none of these.
inline std::string_view id_in(std::string_view name) noexcept {
  for (const std::string_view ending : {".pem.crt", ".pem.key", ".token"})
    if (name.size() > ending.size() && name.substr(name.size() - ending.size()) == ending) return name.substr(0, name.size() - ending.size());
  return {};
}

/// Whether a clock may show it: no further from 1970 than the year 9999, so that the difference of two fits in milliseconds.
inline bool is_time(std::int64_t seconds) noexcept {
  constexpr std::int64_t last = 253'402'300'799;
  return -last <= seconds && seconds <= last;
}

/// Empty when the text is no such record.
inline std::optional<pending_file> read_pending(std::string text) {
  const auto parsed = json::document::from_text(std::move(text));
  if (!parsed || !parsed.value->root().is_object()) return std::nullopt;
  const json::value& root = parsed.value->root();
  pending_file out;
  const auto id = text_at(root, "certificate_id");
  const auto state = text_at(root, "state");
  const json::value* issued = root.find("issued_at");
  if (!id || !state || !issued || !issued->is(json::kind::number)) return std::nullopt;
  if ((!id->empty() && !is_plain_name(*id)) || (*state != "stored" && *state != "registered")) return std::nullopt;
  const char* end = issued->text.data() + issued->text.size();
  const auto [stopped, trouble] = std::from_chars(issued->text.data(), end, out.record.issued_at);
  if (stopped != end || trouble != std::errc() || !is_time(out.record.issued_at)) return std::nullopt;
  out.record.certificate_id = *id;
  out.registered = *state == "registered";
  out.record.endpoint = text_at(root, "endpoint").value_or("");
  out.record.key_uri = text_at(root, "key_uri").value_or("");
  out.key_file = text_at(root, "key_file").value_or("");
  out.record.has_key = !out.key_file.empty();
  if (!out.key_file.empty() && !is_plain_name(out.key_file)) return std::nullopt;
  if (is_true_at(root, "set_aside_key")) out.present = present_key::set_aside;
  if (is_true_at(root, "keep_key")) out.present = present_key::keep;
  out.answer.thing_name = text_at(root, "thing_name");
  out.answer.endpoint = out.record.endpoint;
  out.answer.device_configuration = map_at(root, "device_configuration");
  out.answer.superseded = list_at(root, "superseded");
  return out;
}

}  // namespace fleetprov::storage::detail
