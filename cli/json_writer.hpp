#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace fleetprov::cli {

/// Writes JSON on one line, members in the order of the calls. Bytes that are not UTF-8 become U+FFFD,
/// so that the output is JSON whatever a file name or a document holds.
class json_writer {
 public:
  json_writer& begin_object() { return open('{'); }
  json_writer& end_object() { return close('}'); }
  json_writer& begin_array() { return open('['); }
  json_writer& end_array() { return close(']'); }
  json_writer& key(std::string_view name);
  json_writer& text(std::string_view value);
  json_writer& number(std::int64_t value);
  json_writer& boolean(bool value);
  json_writer& null();
  /// JSON made elsewhere, taken as it is.
  json_writer& raw(std::string_view json);

  json_writer& field(std::string_view name, std::string_view value) { return key(name).text(value); }
  json_writer& field(std::string_view name, const char* value) { return key(name).text(value); }
  json_writer& field(std::string_view name, std::int64_t value) { return key(name).number(value); }

  /// Everything written, and the writer starts anew.
  std::string take();

 private:
  json_writer& open(char bracket);
  json_writer& close(char bracket);
  void separate();

  std::string out_;
  bool needs_comma_ = false;
};

/// The same JSON with line breaks and an indent of two blanks. `json` is well-formed.
std::string indent_json(std::string_view json);

}  // namespace fleetprov::cli
