// CBOR documents: bounded, every span inside its parent, every text UTF-8.
#include <fleetprov/json/document.hpp>

#include <cstdint>
#include <cstdlib>

using namespace fleetprov;

static void require(bool condition) {
  if (!condition) std::abort();
}

static void check(const json::value& at, const source_range& parent, int depth) {
  require(at.where.begin < at.where.end && at.where.begin >= parent.begin && at.where.end <= parent.end);
  require(depth <= 64 && is_valid_utf8(at.text));
  for (const json::value& item : at.items) check(item, at.where, depth + 1);
  for (const json::member& m : at.members) {
    require(is_valid_utf8(m.key) && m.key_where.end <= m.held.where.begin);
    check(m.held, at.where, depth + 1);
  }
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto read = json::document::from_cbor(data, size);
  for (const diagnostic& d : read.diagnostics) require(d.broken != nullptr && d.where.end <= size);
  require(read.value.has_value() || read.diagnostics.size() == 1);
  if (read.value) check(read.value->root(), {0, static_cast<std::uint32_t>(size)}, 0);
  return 0;
}
