// Evaluation against an independent slow evaluator, on random templates.

#include <fleetprov/templates/check.hpp>
#include <fleetprov/templates/evaluate.hpp>
#include <fleetprov/templates/parameters.hpp>

#include "support/catch.hpp"

#include <rapidcheck.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace templates = fleetprov::templates;

namespace {

using parameters = std::map<std::string, std::string>;

/// A value of a template as the generator sees it; knows nothing of the library.
struct node {
  enum class kind { text, ref, join, select, find, sub, sub_with, list, split } what = kind::text;
  std::string text;  // text; ref: name; join, split: delimiter
  std::vector<node> kids;
};

/// Decisions drawn from random bytes: short inputs make small trees, and RapidCheck shrinks them.
class chooser {
 public:
  explicit chooser(const std::vector<std::uint8_t>& bytes) : bytes_(bytes) {}
  std::size_t below(std::size_t n) { return at_ < bytes_.size() ? bytes_[at_++] % n : 0; }

 private:
  const std::vector<std::uint8_t>& bytes_;
  std::size_t at_ = 0;
};

const std::vector<std::string> words{"", "a", "b", "0", "1", "-", "${A}", "${!A}", "a-b", "--", "north", "k", "\"\\", "\xC3\xA9"};
const std::vector<std::string> names{"A", "B", "C", "Missing"};

node make_text(chooser& c, int depth);

node make_list(chooser& c, int depth) {
  node out;
  if (c.below(3) == 0) {
    out.what = node::kind::split;
    out.text = std::vector<std::string>{"-", "a", "--", "x"}[c.below(4)];
    out.kids.push_back(make_text(c, depth - 1));
    return out;
  }
  out.what = node::kind::list;
  for (std::size_t n = c.below(4); n > 0; --n) out.kids.push_back(make_text(c, depth - 1));
  return out;
}

node make_text(chooser& c, int depth) {
  node out;
  const std::size_t pick = depth <= 0 ? c.below(2) : c.below(7);
  out.text = pick == 1 ? names[c.below(names.size())] : words[c.below(words.size())];
  switch (pick) {
    case 0: out.what = node::kind::text; break;
    case 1: out.what = node::kind::ref; break;
    case 2:
      out.what = node::kind::join;
      out.kids.push_back(make_list(c, depth - 1));
      break;
    case 3:
      out.what = node::kind::select;
      out.text = std::vector<std::string>{"0", "1", "2", "03"}[c.below(4)];
      out.kids.push_back(make_list(c, depth - 1));
      break;
    case 4:
      out.what = node::kind::find;
      for (int i = 0; i < 2; ++i) out.kids.push_back(make_text(c, depth - 2));
      break;
    case 5:
      out.what = node::kind::sub;
      out.text = std::vector<std::string>{"x${A}y", "${B}${B}", "${!A}${A}", "$${A}}", "plain", "${Missing}"}[c.below(6)];
      break;
    default:
      out.what = node::kind::sub_with;
      out.text = "<${V}|${A}|${V}>";
      out.kids.push_back(make_text(c, depth - 1));
  }
  return out;
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char ch : text) {
    if (ch == '"' || ch == '\\') out += '\\';
    out += ch;
  }
  return out + "\"";
}

std::string render(const node& n) {
  std::string kids;
  for (const node& k : n.kids) kids += (kids.empty() ? "" : ",") + render(k);
  switch (n.what) {
    case node::kind::text: return quoted(n.text);
    case node::kind::ref: return "{\"Ref\":" + quoted(n.text) + "}";
    case node::kind::join: return "{\"Fn::Join\":[" + quoted(n.text) + "," + kids + "]}";
    case node::kind::select: return "{\"Fn::Select\":[" + quoted(n.text) + "," + kids + "]}";
    case node::kind::find: return "{\"Fn::FindInMap\":[\"M\"," + kids + "]}";
    case node::kind::sub: return "{\"Fn::Sub\":" + quoted(n.text) + "}";
    case node::kind::sub_with: return "{\"Fn::Sub\":[" + quoted(n.text) + ",{\"V\":" + kids + "}]}";
    case node::kind::list: return "[" + kids + "]";
    case node::kind::split: return "{\"Fn::Split\":[" + quoted(n.text) + "," + kids + "]}";
  }
  return "";
}

// The slow evaluator: the rules of the language, one line each.
const std::map<std::string, std::map<std::string, std::string>> table{{"north", {{"k", "found"}, {"a", "1"}}}, {"a", {{"b", "deep"}}}};

std::optional<std::string> value_of(const std::string& name, const parameters& given) {
  if (name == "Missing") return std::nullopt;  // declared nowhere
  const auto it = given.find(name);
  if (it != given.end()) return it->second;
  if (name == "C") return std::string("default");
  return std::nullopt;
}

std::optional<std::string> replace_names(const std::string& text, const parameters& given, const std::optional<std::string>& v) {
  if (text.empty()) return std::string();
  if (text.rfind("${", 0) != 0) {
    const auto rest = replace_names(text.substr(1), given, v);
    return rest ? std::optional<std::string>(text.substr(0, 1) + *rest) : std::nullopt;
  }
  const std::size_t close = text.find('}');
  const std::string name = text.substr(2, close - 2);
  const auto rest = replace_names(text.substr(close + 1), given, v);
  if (!rest) return std::nullopt;
  if (name[0] == '!') return "${" + name.substr(1) + "}" + *rest;
  const auto value = name == "V" ? v : value_of(name, given);
  return value ? std::optional<std::string>(*value + *rest) : std::nullopt;
}

std::optional<std::string> slow(const node& n, const parameters& given);

std::optional<std::vector<std::string>> slow_list(const node& n, const parameters& given) {
  std::vector<std::string> out;
  if (n.what == node::kind::list) {
    for (const node& k : n.kids) {
      const auto value = slow(k, given);
      if (!value) return std::nullopt;
      out.push_back(*value);
    }
    return out;
  }
  auto text = slow(n.kids[0], given);
  if (!text) return std::nullopt;
  std::string part;
  while (!text->empty()) {
    if (text->rfind(n.text, 0) == 0) {
      out.push_back(part);
      part.clear();
      text = text->substr(n.text.size());
    } else {
      part += (*text)[0];
      text = text->substr(1);
    }
  }
  out.push_back(part);
  return out;
}

std::optional<std::string> slow(const node& n, const parameters& given) {
  switch (n.what) {
    case node::kind::text: return n.text;
    case node::kind::ref: return value_of(n.text, given);
    case node::kind::sub: return replace_names(n.text, given, std::nullopt);
    case node::kind::sub_with: {
      const auto v = slow(n.kids[0], given);
      return v ? replace_names(n.text, given, v) : std::nullopt;
    }
    case node::kind::find: {
      const auto top = slow(n.kids[0], given), second = slow(n.kids[1], given);
      if (!top || !second || table.count(*top) == 0 || table.at(*top).count(*second) == 0) return std::nullopt;
      return table.at(*top).at(*second);
    }
    default: break;
  }
  const auto list = slow_list(n.kids[0], given);
  if (!list) return std::nullopt;
  if (n.what == node::kind::select) {
    const std::size_t at = static_cast<std::size_t>(std::stoi(n.text));
    return at < list->size() ? std::optional<std::string>((*list)[at]) : std::nullopt;
  }
  std::string out;
  for (std::size_t i = 0; i < list->size(); ++i) out += (i == 0 ? "" : n.text) + (*list)[i];
  return out;
}

std::string around(const node& value) {
  return R"({"Parameters":{"A":{"Type":"String"},"B":{"Type":"String"},"C":{"Type":"String","Default":"default"}},)"
         R"("Mappings":{"M":{"north":{"k":"found","a":"1"},"a":{"b":"deep"}}},)"
         R"("Resources":{"p":{"Type":"AWS::IoT::Policy","Properties":{"PolicyName":"p"}}},"DeviceConfiguration":{"v":)" +
         render(value) + "}}";
}

templates::provisioning_template parse(const std::string& text) {
  const auto source = fleetprov::json::document::from_text(text);
  RC_ASSERT(source.value.has_value());
  auto subject = templates::parse(*source.value, templates::template_kind::fleet);
  RC_ASSERT(static_cast<bool>(subject));
  return std::move(*subject.value);
}

parameters some(chooser& c) {
  parameters out;
  for (const char* name : {"A", "B", "C"})
    if (c.below(4) != 0) out[name] = words[c.below(words.size())];
  return out;
}

}  // namespace

TEST_CASE("evaluation agrees with the slow evaluator on random templates") {
  CHECK(rc::check([](const std::vector<std::uint8_t>& bytes) {
    chooser c(bytes);
    const parameters given = some(c);
    const node value = make_text(c, 6);
    const auto made = templates::evaluate(parse(around(value)), given);
    const auto expected = slow(value, given);
    RC_ASSERT(made.value.has_value() == expected.has_value());
    if (expected) RC_ASSERT(made.value->device_configuration.at("v") == *expected);
  }));
}

TEST_CASE("what validation calls impossible never evaluates") {
  CHECK(rc::check([](const std::vector<std::uint8_t>& bytes) {
    chooser c(bytes);
    const parameters given = some(c);
    const node value = make_text(c, 6);
    const auto subject = parse(around(value));
    bool impossible = false;
    for (const auto& d : templates::validate(subject))  // without a certificate a template still evaluates
      impossible = impossible || (d.level == fleetprov::severity::error &&
                                  d.broken != &templates::row_of(templates::rule_id::missing_certificate));
    if (impossible) RC_ASSERT(!templates::evaluate(subject, given).value.has_value());
  }));
}

TEST_CASE("what the parameter check refuses for the template never evaluates") {
  CHECK(rc::check([](const std::vector<std::uint8_t>& bytes) {
    chooser c(bytes);
    const parameters given = some(c);
    const node value = make_text(c, 4);
    std::string text = around(value);
    const std::string_view from = R"("p":{)";
    text.insert(text.find(from), R"("t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":)" + render(value) + "}},");
    const auto subject = parse(text);
    bool refused = false;
    for (const auto& d : templates::check_parameters(subject, given)) refused = refused || d.level == fleetprov::severity::error;
    if (refused) RC_ASSERT(!templates::evaluate(subject, given).value.has_value());
  }));
}
