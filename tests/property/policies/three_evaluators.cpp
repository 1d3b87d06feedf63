// Random documents and requests: `evaluate`, a bound policy and a slow evaluator written straight from the
// rules, which shares no code with the library, give the same decision.

#include "support/catch.hpp"

#include <fleetprov/policies/bound_policy.hpp>
#include <fleetprov/policies/evaluate.hpp>
#include <fleetprov/policies/principal.hpp>

#include <rapidcheck.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace policies = fleetprov::policies;

namespace {

// ---- what a random document is made of -------------------------------------------------------------------

struct slow_condition {
  std::string quantifier, base, suffix, key;
  std::vector<std::string> values;
};
struct slow_statement {
  bool allow = true, not_action = false, not_resource = false;
  std::vector<std::string> actions, resources;
  std::vector<slow_condition> conditions;
};
using slow_values = std::map<std::string, std::vector<std::string>>;


std::string pick(const std::vector<std::string>& all) { return *rc::gen::elementOf(all); }
int number_up_to(int most) { return *rc::gen::inRange(0, most + 1); }

std::string some_text(const std::vector<std::string>& pieces, int most) {
  std::string out;
  for (int n = number_up_to(most); n > 0; --n) out += pick(pieces);
  return out;
}

const std::vector<std::string> name_pieces{"a", "b", "/", "a", "dev1", "+", "#", "*", "?", "$", "\xC3\xA9", ":"};
const std::vector<std::string> pattern_pieces{
    "a", "b", "/", "a", "*", "?", "dev1", "+", "#", "${iot:ClientId}", "${IOT:clientid}", "${iot:Connection.Thing.ThingName}",
    "${iot:Nothing}", "${iot:Nothing, 'a'}", "${*}", "${?}", "${$}", "\xC3\xA9", ":", "${iot:ConnectAttributes}",
    "${iot:Certificate.Subject.CommonName}", "${iot:Certificate.Subject.CommonName.1}", "${iot:LastWillTopic}"};

std::string some_resource() {
  const int how = number_up_to(11);
  if (how == 0) return "*";
  if (how == 1) return "arn:aws:iot:*";
  if (how == 2) return "arn:aws:iot:us-east-1:123456789012:*";
  static const std::vector<std::string> heads{"arn:aws:iot:us-east-1:123456789012:", "arn:aws:iot:*:123456789012:",
                                              "arn:*:iot:us-east-?:*:", "arn:aws:iot:eu-west-1:123456789012:"};
  static const std::vector<std::string> types{"topic/", "topic/", "topicfilter/", "client/", "t*/"};
  return (number_up_to(3) != 0 ? heads[0] : pick(heads)) + pick(types) + some_text(pattern_pieces, 4);
}

const std::vector<std::string> some_actions{"iot:Connect", "iot:Publish",    "iot:RetainPublish", "iot:Subscribe", "iot:Receive",
                                            "iot:*",       "*",              "IOT:publish",       "iot:*ublish",   "iot:Rece?ve",
                                            "iotjobsdata:*", "greengrass:*", "iot:GetThingShadow", "iot:ListRetainedMessages"};

const std::vector<std::string> all_operators{
    "StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike", "StringNotLike",
    "ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike", "NumericEquals", "NumericNotEquals", "NumericLessThan",
    "NumericGreaterThanEquals", "Bool", "Null", "StringEquals", "StringLike"};

slow_condition some_condition() {
  slow_condition out;
  out.base = pick(all_operators);
  out.quantifier = pick({"", "", "ForAllValues:", "ForAnyValue:"});
  if (out.base != "Null") out.suffix = pick({"", "", "IfExists"});
  out.key = pick({"iot:ClientId", "iot:ConnectAttributes", "iot:ConnectAttributes", "iot:LastWillTopic", "iot:LastWillTopic",
                  "iot:Connection.Thing.IsAttached", "IOT:CLIENTID", "iot:Nothing", "test:List", "test:Number",
                  "iot:Certificate.Subject.CommonName.List", "iot:Certificate.Subject.CommonName"});
  static const std::vector<std::string> pool{"PersistentConnect", "LastWill", "Last*", "a", "A", "dev1", "true", "false", "1", "2",
                                             "*", "?", "", "${iot:ClientId}", "${iot:Nothing}", "${iot:Nothing, 'a'}",
                                             "arn:aws:iot:us-east-1:123456789012:topic/a", "arn:aws:iot:us-east-1:123456789012:topic/*",
                                             "ARN:aws:iot:us-east-1:123456789012:TOPIC/A", "arn:*:topic/a", "arn:aws:iot:*:*:*/?",
                                             "arn:aws:iot:us-east-1:123456789012:topic/${iot:ClientId}"};
  for (int n = number_up_to(3); n > 0; --n) out.values.push_back(pick(pool));
  return out;
}

slow_statement some_statement() {
  slow_statement out;
  out.allow = number_up_to(2) != 0;
  out.not_action = number_up_to(5) == 0;
  out.not_resource = number_up_to(4) == 0;
  for (int n = 1 + number_up_to(2); n > 0; --n) out.actions.push_back(pick(some_actions));
  for (int n = 1 + number_up_to(2); n > 0; --n) out.resources.push_back(some_resource());
  for (int n = std::max(0, number_up_to(3) - 1); n > 0; --n) out.conditions.push_back(some_condition());
  return out;
}

std::vector<slow_statement> some_document() {
  std::vector<slow_statement> out;
  for (int n = 1 + number_up_to(3); n > 0; --n) out.push_back(some_statement());
  return out;
}

std::string list_of(const std::vector<std::string>& all) {
  std::string out = "[";
  for (const std::string& one : all) out += (out.size() > 1 ? ",\"" : "\"") + one + "\"";
  return out + "]";
}

std::string render(const std::vector<slow_statement>& document, const std::string& version) {
  std::string out = "{" + (version.empty() ? std::string() : "\"Version\":\"" + version + "\",") + "\"Statement\":[";
  for (const slow_statement& s : document) {
    if (out.back() == '}') out += ',';
    out += std::string("{\"Effect\":\"") + (s.allow ? "Allow" : "Deny") + "\",\"" + (s.not_action ? "NotAction" : "Action") +
           "\":" + list_of(s.actions) + ",\"" + (s.not_resource ? "NotResource" : "Resource") + "\":" + list_of(s.resources);
    // Two conditions may share operator and key: one statement has at most two, rendered as one object each.
    std::map<std::string, std::map<std::string, std::vector<std::string>>> block;
    for (const slow_condition& c : s.conditions) block[c.quantifier + c.base + c.suffix][c.key] = c.values;
    if (!block.empty()) {
      out += ",\"Condition\":{";
      for (const auto& [op, keys] : block) {
        if (out.back() == '}') out += ',';
        out += "\"" + op + "\":{";
        for (const auto& [key, values] : keys) out += (out.back() == '{' ? "\"" : ",\"") + key + "\":" + list_of(values);
        out += "}";
      }
      out += "}";
    }
    out += "}";
  }
  return out + "]}";
}

/// Later conditions with the same operator and key replace earlier ones, as `render` writes them.
void drop_replaced(std::vector<slow_statement>& document) {
  for (slow_statement& s : document) {
    std::vector<slow_condition> kept;
    for (std::size_t i = 0; i < s.conditions.size(); ++i) {
      bool replaced = false;
      for (std::size_t j = i + 1; j < s.conditions.size(); ++j)
        replaced = replaced || (s.conditions[i].quantifier + s.conditions[i].base + s.conditions[i].suffix ==
                                    s.conditions[j].quantifier + s.conditions[j].base + s.conditions[j].suffix &&
                                s.conditions[i].key == s.conditions[j].key);
      if (!replaced) kept.push_back(s.conditions[i]);
    }
    s.conditions = kept;
  }
}

// ---- the slow evaluator ----------------------------------------------------------------------------------

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

struct symbol {
  char kind;  // 'c' character, '*' or '?'
  std::string text;
};
using symbols = std::vector<symbol>;

std::vector<std::string> characters(const std::string& text) {
  std::vector<std::string> out;
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) & 0xC0U) == 0x80U && !out.empty()) out.back() += c;
    else out.emplace_back(1, c);
  }
  return out;
}

/// Text up to the next five rows: table of (pattern rest, value rest), filled from the end.
bool table_match(const symbols& pattern, const std::string& text) {
  const auto value = characters(text);
  std::vector<std::vector<char>> can(pattern.size() + 1, std::vector<char>(value.size() + 1, 0));
  for (std::size_t p = pattern.size() + 1; p-- > 0;)
    for (std::size_t v = value.size() + 1; v-- > 0;) {
      if (p == pattern.size()) can[p][v] = v == value.size();
      else if (pattern[p].kind == '*') can[p][v] = can[p + 1][v] || (v < value.size() && can[p][v + 1]);
      else if (v < value.size() && (pattern[p].kind == '?' || pattern[p].text == value[v])) can[p][v] = can[p + 1][v + 1];
    }
  return can[0][0] != 0;
}

std::optional<std::vector<std::string>> look_up(const slow_values& values, const std::string& key) {
  const std::string wanted = lower(key), base = "iot:certificate.subject.commonname";
  for (const auto& [name, list] : values) {
    const std::string known = lower(name);
    if (known == base) {
      if (wanted == base) return list.empty() ? list : std::vector<std::string>{list[0]};
      if (wanted == base + ".list") return list;
      for (std::size_t i = 0; i < list.size(); ++i)
        if (wanted == base + "." + std::to_string(i)) return std::vector<std::string>{list[i]};
    } else if (known == wanted) {
      return list;
    }
  }
  return std::nullopt;
}

/// The symbols of a text with its variables, or nothing if one has no value.
std::optional<symbols> expand(const std::string& text, const slow_values& values, bool wild, bool with_variables) {
  symbols out;
  const auto put = [&](const std::string& literal) {
    for (const std::string& c : characters(literal)) out.push_back({'c', c});
  };
  for (std::size_t i = 0; i < text.size();) {
    if (with_variables && text.compare(i, 2, "${") == 0) {
      const std::size_t close = text.find('}', i);
      std::string body = text.substr(i + 2, close - i - 2);
      const std::string written = text.substr(i, close + 1 - i);
      i = close + 1;
      if (body == "*" || body == "?" || body == "$") {
        put(body);
        continue;
      }
      std::optional<std::string> fallback;
      if (const std::size_t comma = body.find(", '"); comma != std::string::npos) {
        fallback = body.substr(comma + 3, body.size() - comma - 4);
        body = body.substr(0, comma);
      }
      const auto found = look_up(values, body);
      const bool list_key = lower(body) == "iot:connectattributes" || lower(body) == "iot:lastwilltopic";
      if (found && found->size() == 1 && !list_key) {
        const bool certificate = lower(body).find("iot:certificate.") == 0;
        if (certificate && (*found)[0].find_first_of("*$+?#") != std::string::npos) put(written);
        else put((*found)[0]);
      } else if (fallback) {
        put(*fallback);
      } else {
        return std::nullopt;
      }
    } else if (wild && (text[i] == '*' || text[i] == '?')) {
      out.push_back({text[i], ""});
      ++i;
    } else {
      std::size_t end = i + 1;
      while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) ++end;
      put(text.substr(i, end - i));
      i = end;
    }
  }
  return out;
}

/// A text cut at its first five colons; variables in the policy texts used here hold none before the fifth.
std::vector<std::string> fields(const std::string& text) {
  std::vector<std::string> out(1);
  bool braces = false;
  for (const char c : text) {
    if (c == '{') braces = true;
    if (c == '}') braces = false;
    if (c == ':' && !braces && out.size() < 6) out.emplace_back();
    else out.back() += c;
  }
  return out;
}

bool slow_value_matches(const slow_condition& c, const std::string& wanted, const std::string& given, const slow_values& values,
                        bool v2012) {
  std::string op = c.base;
  if (const std::size_t at = op.find("Not"); at != std::string::npos) op.erase(at, 3);
  if (op == "StringEquals" || op == "StringEqualsIgnoreCase") {
    const auto text = expand(wanted, values, false, v2012);
    if (!text) return false;
    if (op == "StringEquals") return table_match(*text, given);
    std::string flat;
    for (const symbol& s : *text) flat += s.text;
    return lower(flat) == lower(given);
  }
  if (op == "StringLike") {
    const auto text = expand(wanted, values, true, v2012);
    return text && table_match(*text, given);
  }
  if (op == "ArnEquals" || op == "ArnLike") {
    const auto mine = fields(wanted), theirs = fields(given);
    if (mine.size() < 6 || theirs.size() < 6) return false;
    for (std::size_t i = 0; i < 6; ++i) {
      const auto text = expand(mine[i], values, true, v2012);
      if (!text || !table_match(*text, theirs[i])) return false;
    }
    return true;
  }
  if (op == "Bool") {
    const std::string a = lower(wanted), b = lower(given);
    return a == b && (a == "true" || a == "false");
  }
  // Numeric, one digit in these tests
  if (wanted.size() != 1 || given.size() != 1 || !std::isdigit(static_cast<unsigned char>(wanted[0])) ||
      !std::isdigit(static_cast<unsigned char>(given[0])))
    return false;
  if (op == "NumericLessThan") return given[0] < wanted[0];
  if (op == "NumericGreaterThanEquals") return given[0] >= wanted[0];
  return given[0] == wanted[0];
}

bool slow_holds(const slow_condition& c, const slow_values& values, bool v2012) {
  const auto asked = look_up(values, c.key);
  if (c.base == "Null") {
    if (c.quantifier == "ForAllValues:") return true;
    if (c.quantifier == "ForAnyValue:") return false;
    const std::string absent = !asked || asked->empty() ? "true" : "false";
    return std::find(c.values.begin(), c.values.end(), absent) != c.values.end();
  }
  const bool negated = c.base.find("Not") != std::string::npos;
  if (!asked) {
    if (c.suffix == "IfExists") return true;
    if (c.quantifier == "ForAllValues:") return true;
    if (c.quantifier == "ForAnyValue:") return false;
    return negated && !c.values.empty();
  }
  if (c.values.empty()) return c.quantifier == "ForAllValues:" && asked->empty();
  std::size_t matching = 0;
  for (const std::string& given : *asked) {
    bool found = false;
    for (const std::string& wanted : c.values) found = found || slow_value_matches(c, wanted, given, values, v2012);
    matching += found ? 1U : 0U;
  }
  const std::size_t satisfying = negated ? asked->size() - matching : matching;
  if (c.quantifier == "ForAllValues:") return satisfying == asked->size();
  if (c.quantifier == "ForAnyValue:") return satisfying > 0;
  return negated ? matching == 0 : matching > 0;
}

policies::decision slow_decide(const std::vector<slow_statement>& document, bool v2012, const std::string& action,
                               const std::string& resource, const slow_values& values) {
  bool allowed = false, denied = false;
  for (const slow_statement& s : document) {
    bool action_listed = false, resource_listed = false, holds = true;
    for (const std::string& a : s.actions) action_listed = action_listed || table_match(*expand(lower(a), {}, true, false), lower(action));
    for (const std::string& r : s.resources) {
      const auto text = expand(r, values, true, v2012);
      resource_listed = resource_listed || (text && table_match(*text, resource));
    }
    for (const slow_condition& c : s.conditions) holds = holds && slow_holds(c, values, v2012);
    if (action_listed == s.not_action || resource_listed == s.not_resource || !holds) continue;
    (s.allow ? allowed : denied) = true;
  }
  return denied ? policies::decision::explicit_deny : allowed ? policies::decision::allowed : policies::decision::implicit_deny;
}

// ---- requests ------------------------------------------------------------------------------------------

struct random_request {
  policies::action what = policies::action::connect;
  std::string name, will_topic;
  policies::connect_facts packet;
  policies::context principal;
  policies::request asked;
};

void some_request(random_request& out) {
  const auto actions = std::vector<policies::action>{
      policies::action::connect, policies::action::connect, policies::action::publish, policies::action::retain_publish,
      policies::action::subscribe, policies::action::receive, policies::action::list_retained_messages,
      policies::action::get_thing_shadow, policies::action::update_job_execution};
  out.what = *rc::gen::elementOf(actions);
  out.name = some_text(name_pieces, 4);
  out.will_topic = some_text(name_pieces, 3);
  if (number_up_to(1) == 1) out.packet.session = policies::session_kind::persistent;
  if (number_up_to(1) == 1) out.packet.will = policies::will_facts{out.will_topic, policies::retention::not_retained};
  policies::principal_facts who;
  if (number_up_to(4) != 0) who.client_id = pick({"a", "dev1", "*", "+", "a/b"});
  if (number_up_to(1) == 1) {
    policies::thing_facts thing;
    thing.name = pick({"a", "dev1"});
    thing.attached = number_up_to(3) != 0;
    thing.exclusive = number_up_to(1) == 1;
    who.thing = thing;
  }
  if (number_up_to(1) == 1) who.certificate_variables["iot:Certificate.Subject.CommonName"] = {pick({"a", "b", "a*b"}), "b"};
  if (number_up_to(1) == 1) who.extra["test:List"] = {};
  if (number_up_to(1) == 1) who.extra["test:List"] = {"a", pick({"a", "b", "1"})};
  if (number_up_to(1) == 1) who.extra["test:Number"] = {pick({"1", "2", "3", "x"})};
  out.principal = policies::make_context(who);
  const auto& facts = policies::facts_of(out.what);
  out.asked.action = std::string(facts.name);
  out.asked.resource = facts.takes == policies::resource_type::none
                           ? "*"
                           : "arn:aws:iot:us-east-1:123456789012:" + std::string(policies::name_of(facts.takes)) + "/" + out.name;
  out.asked.values = out.what == policies::action::connect ? policies::with_connect(out.principal, out.packet, {}) : out.principal;
}

policies::policy_document parsed(const std::string& text) {
  auto out = policies::parse_text(text);
  if (!out.value) {
    std::string why = text;
    for (const auto& d : out.diagnostics) why += "\n" + d.pointer + ": " + d.message;
    RC_LOG(why);
  }
  RC_ASSERT(out.value.has_value());
  return std::move(*out.value);
}

policies::decision bound_answer(const std::vector<policies::named_document>& documents, const random_request& r) {
  const auto bound = policies::bound_policy::bind(documents, r.principal);
  return r.what == policies::action::connect ? bound.decide_connect(r.name, r.packet) : bound.decide(r.what, r.name);
}

}  // namespace

TEST_CASE("evaluate, a bound policy and a slow evaluator agree on random documents and requests") {
  const bool agreed = rc::check([] {
    auto document = some_document();
    drop_replaced(document);
    const std::string version = pick({"2012-10-17", "2012-10-17", "2012-10-17", "2008-10-17", ""});
    const std::string text = render(document, version);
    const policies::policy_document policy = parsed(text);
    const std::vector<policies::named_document> documents{{"p", &policy}};
    for (int n = 0; n < 8; ++n) {
      random_request r;
      some_request(r);
      const policies::verdict full = policies::evaluate(documents, r.asked);
      const slow_values values(r.asked.values.begin(), r.asked.values.end());
      const auto slow = slow_decide(document, version == "2012-10-17", r.asked.action, r.asked.resource, values);
      const auto bound = bound_answer(documents, r);
      if (full.answer != slow || bound != slow) {
        std::string log = text + "\n" + r.asked.action + " " + r.asked.resource;
        for (const auto& [key, list] : values) {
          log += "\n  " + key + " =";
          for (const auto& v : list) log += " [" + v + "]";
        }
        for (const auto& t : full.statements) log += "\n  " + t.statement + " " + std::string(policies::name_of(t.result)) + " " + t.detail;
        log += "\nslow " + std::string(policies::name_of(slow)) + " bound " + std::string(policies::name_of(bound));
        RC_LOG(log);
      }
      RC_ASSERT(full.answer == slow);
      RC_ASSERT(bound == slow);
      RC_ASSERT(full.statements.size() == document.size());
    }
  });
  CHECK(agreed);
}

TEST_CASE("adding a Deny never allows more") {
  const bool held = rc::check([] {
    const policies::policy_document before = parsed(render(some_document(), "2012-10-17"));
    slow_statement deny = some_statement();
    deny.allow = false;
    const policies::policy_document more = parsed(render({deny}, "2012-10-17"));
    random_request r;
    some_request(r);
    const auto first = policies::evaluate({{"p", &before}}, r.asked).answer;
    const auto second = policies::evaluate({{"p", &before}, {"q", &more}}, r.asked).answer;
    RC_ASSERT(second != policies::decision::allowed || first == policies::decision::allowed);
    RC_ASSERT(first != policies::decision::explicit_deny || second == policies::decision::explicit_deny);
    RC_ASSERT(bound_answer({{"p", &before}, {"q", &more}}, r) == second);
  });
  CHECK(held);
}
