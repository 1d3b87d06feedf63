// JSON documents: what is read re-parses from its own spans; what nlohmann/json accepts is accepted.
#include <fleetprov/json/document.hpp>

#include <nlohmann/json.hpp>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

using namespace fleetprov;

static void require(bool condition) {
  if (!condition) std::abort();
}

static void check(const json::value& at, const source_range& parent, std::string_view text) {
  require(at.where.begin < at.where.end && at.where.begin >= parent.begin && at.where.end <= parent.end);
  if (at.is_string() || at.is(json::kind::number)) {
    const auto alone = json::document::from_text(std::string(text.substr(at.where.begin, at.where.end - at.where.begin)));
    require(alone.value.has_value() && alone.value->root().text == at.text);
  }
  for (const json::value& item : at.items) check(item, at.where, text);
  for (const json::member& m : at.members) {
    require(m.key_where.begin < m.key_where.end && m.key_where.end <= m.held.where.begin);
    check(m.held, at.where, text);
  }
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto read = json::document::from_text(text);
  for (const diagnostic& d : read.diagnostics) {
    require(d.broken != nullptr && d.where.begin <= d.where.end && d.where.end <= size);
    require(d.message.find('\n') == std::string::npos && is_valid_utf8(d.message));
  }
  if (read.value) {
    check(read.value->root(), {0, static_cast<std::uint32_t>(size)}, read.value->text());
    require(nlohmann::json::accept(text));
  } else {
    require(read.diagnostics.size() == 1);
    const std::string_view id = read.diagnostics[0].broken->id;
    if (id == "J001" || id == "J002") require(!nlohmann::json::accept(text));
  }
  return 0;
}
