#include <fleetprov/json/document.hpp>

#include <nlohmann/json.hpp>

#include "support/catch.hpp"

#include <rapidcheck.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

using namespace fleetprov;

namespace {

using tree = nlohmann::json;

tree any_tree(int depth) {
  const int what = *rc::gen::inRange(0, depth == 0 ? 5 : 7);
  switch (what) {
    case 0: return nullptr;
    case 1: return *rc::gen::arbitrary<bool>();
    case 2: return *rc::gen::arbitrary<int>();
    case 3: return *rc::gen::map(rc::gen::arbitrary<int>(), [](int i) { return i / 64.0; });
    case 4:
      return *rc::gen::element<std::string>("", "a", "\"\\/", "\xC3\xA9", "{\"x\":[1,2]}", "line\nbreak", "\xF0\x9F\x98\x80,: ", "1e5", " ");
    default: break;
  }
  const int size = *rc::gen::inRange(0, 5);
  tree out = what == 5 ? tree::array() : tree::object();
  for (int i = 0; i < size; ++i) {
    if (what == 5) out.push_back(any_tree(depth - 1));
    else out[*rc::gen::element<std::string>("a", "b/c", "~", "", "\"q\"", "\xE2\x82\xAC", "k1", "k2")] = any_tree(depth - 1);
  }
  return out;
}

std::string blanks() {
  return *rc::gen::weightedElement<std::string>({{6, ""}, {2, " "}, {1, "\n"}, {1, "\t\r\n  "}});
}

/// Writes the tree with random blanks and, here and there, escapes that need not be.
void spell(const tree& value, std::string& out) {
  out += blanks();
  if (value.is_object()) {
    out += '{';
    bool first = true;
    for (const auto& [key, held] : value.items()) {
      if (!first) out += ',';
      first = false;
      out += blanks() + tree(key).dump(-1, ' ', *rc::gen::arbitrary<bool>()) + blanks() + ':';
      spell(held, out);
    }
    out += blanks() + '}';
  } else if (value.is_array()) {
    out += '[';
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (i != 0) out += ',';
      spell(value[i], out);
    }
    out += blanks() + ']';
  } else {
    out += value.dump(-1, ' ', *rc::gen::arbitrary<bool>());
  }
  out += blanks();
}

/// Each span, cut out of the text and parsed alone, is the value at its pointer.
void check_spans(const json::value& at, const tree& expected, std::string_view text) {
  const std::string_view cut = text.substr(at.where.begin, at.where.end - at.where.begin);
  RC_ASSERT(at.where.end <= text.size());
  RC_ASSERT(tree::parse(cut, nullptr, false) == expected);
  if (at.is_array()) {
    RC_ASSERT(expected.is_array() && at.items.size() == expected.size());
    for (std::size_t i = 0; i < at.items.size(); ++i) check_spans(at.items[i], expected[i], text);
  }
  if (at.is_object()) {
    RC_ASSERT(expected.is_object() && at.members.size() == expected.size());
    for (const json::member& m : at.members) {
      const std::string_view key = text.substr(m.key_where.begin, m.key_where.end - m.key_where.begin);
      RC_ASSERT(tree::parse(key, nullptr, false) == tree(m.key));
      check_spans(m.held, expected.at(m.key), text);
    }
  }
}

void check_pointers(const json::document& doc, const json::value& at, const std::string& pointer) {
  RC_ASSERT(doc.find(pointer) == &at);
  for (std::size_t i = 0; i < at.items.size(); ++i) check_pointers(doc, at.items[i], json::child_pointer(pointer, i));
  for (const json::member& m : at.members) check_pointers(doc, m.held, json::child_pointer(pointer, m.key));
}

void same_shape(const json::value& a, const json::value& b) {
  RC_ASSERT(a.what == b.what);
  if (a.is_string() || a.is(json::kind::boolean)) RC_ASSERT(a.text == b.text);
  RC_ASSERT(a.items.size() == b.items.size() && a.members.size() == b.members.size());
  for (std::size_t i = 0; i < a.items.size(); ++i) same_shape(a.items[i], b.items[i]);
  for (std::size_t i = 0; i < a.members.size(); ++i) {
    RC_ASSERT(a.members[i].key == b.members[i].key);
    same_shape(a.members[i].held, b.members[i].held);
  }
}

}  // namespace

TEST_CASE("every span of a random document re-parses to the value at its pointer") {
  const bool held = rc::check("spans", [] {
    const tree expected = any_tree(4);
    std::string text;
    spell(expected, text);
    const auto read = json::document::from_text(text);
    RC_ASSERT(read.value.has_value());
    RC_ASSERT(read.diagnostics.empty());
    check_spans(read.value->root(), expected, text);
    check_pointers(*read.value, read.value->root(), "");
  });
  CHECK(held);
}

TEST_CASE("a document read from CBOR has the shape of the one read from JSON") {
  const bool held = rc::check("cbor", [] {
    const tree expected = any_tree(4);
    const std::vector<std::uint8_t> bytes = tree::to_cbor(expected);
    const auto from_cbor = json::document::from_cbor(bytes.data(), bytes.size());
    const auto from_text = json::document::from_text(expected.dump());
    RC_ASSERT(from_cbor.value.has_value() && from_text.value.has_value());
    same_shape(from_cbor.value->root(), from_text.value->root());
  });
  CHECK(held);
}

TEST_CASE("a damaged document is read or refused with one finding inside the text") {
  const bool held = rc::check("damage", [] {
    std::string text;
    spell(any_tree(3), text);
    const int changes = *rc::gen::inRange(1, 4);
    for (int i = 0; i < changes && !text.empty(); ++i)
      text[*rc::gen::inRange<std::size_t>(0, text.size())] = *rc::gen::element('{', '}', '[', ']', ',', ':', '"', '\\', '0', 'e', '\xFF', ' ', 'x');
    const auto read = json::document::from_text(text);
    const bool accepted = tree::accept(text);
    RC_ASSERT(read.value.has_value() == accepted);
    RC_ASSERT(read.value.has_value() || read.diagnostics.size() == 1);
    for (const diagnostic& d : read.diagnostics) {
      RC_ASSERT(d.broken != nullptr);
      RC_ASSERT(d.where.begin <= d.where.end && d.where.end <= text.size());
    }
  });
  CHECK(held);
}
