#include <fleetprov/topics/fleet_topics.hpp>
#include <fleetprov/topics/topic_filter.hpp>

#include "support/catch.hpp"

#include <rapidcheck.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

using namespace fleetprov;
using namespace fleetprov::topics;

namespace {

// The slow, obviously right matcher: `f` and `t` begin at the start of a level or inside an equal one.
// Only valid filters are given to it.
template <dialect Rules>
bool slow(std::string_view f, std::string_view t, bool level_start) {
  if (level_start && f == "#") return true;
  if (Rules == dialect::mqtt && t.empty() && f == "/#") return true;
  if (level_start && !f.empty() && f[0] == '+') {
    const std::size_t end = t.find('/');
    return slow<Rules>(f.substr(1), end == std::string_view::npos ? std::string_view() : t.substr(end), false);
  }
  if (f.empty() || t.empty()) return f.empty() && t.empty();
  return f[0] == t[0] && slow<Rules>(f.substr(1), t.substr(1), f[0] == '/');
}

bool slow_from_start(std::string_view f, std::string_view t, dialect rules) {
  if (t.empty() || !validate_topic_filter(f, dialect::mqtt)) return false;
  if (t[0] == '$' && (f[0] == '+' || f[0] == '#')) return false;
  return rules == dialect::aws ? slow<dialect::aws>(f, t, true) : slow<dialect::mqtt>(f, t, true);
}

std::vector<std::string> all_texts(std::string_view alphabet, std::size_t longest) {
  std::vector<std::string> out{""};
  for (std::size_t begin = 0, size = 0; size < longest; ++size) {
    const std::size_t end = out.size();
    for (std::size_t i = begin; i < end; ++i)
      for (const char c : alphabet) out.push_back(out[i] + c);
    begin = end;
  }
  return out;
}

}  // namespace

TEST_CASE("matching agrees with a recursive matcher on all filters and topics of up to six characters") {
  const std::vector<std::string> filters = all_texts("a/+#$", 6);
  const std::vector<std::string> all_topics = all_texts("a/$", 6);
  std::size_t pairs = 0, differences = 0, hits = 0;
  std::string example;
  for (const std::string& filter : filters) {
    const bool valid = validate_topic_filter(filter, dialect::mqtt).has_value();
    for (const std::string& topic : all_topics) {
      const bool aws = matches(filter, topic, dialect::aws);
      const bool mqtt = matches(filter, topic, dialect::mqtt);
      // An invalid filter matches nothing: no need to ask the slow one.
      const bool same = valid ? aws == slow_from_start(filter, topic, dialect::aws) &&
                                    mqtt == slow_from_start(filter, topic, dialect::mqtt)
                              : !aws && !mqtt;
      if (!same) {
        ++differences;
        example = filter + " against " + topic;
      }
      hits += aws ? 1U : 0U;
      ++pairs;
    }
  }
  CAPTURE(example);
  CHECK(differences == 0);
  CHECK(pairs == 19531U * 1093U);
  CHECK(hits > 1000);
}

TEST_CASE("matching agrees with a recursive matcher on long random filters made from the topic") {
  const bool held = rc::check("random", [] {
    const auto level = rc::gen::element<std::string>("a", "b", "", "ab", "$x", "\xC3\xA9");
    const auto levels = *rc::gen::nonEmpty(rc::gen::container<std::vector<std::string>>(level));
    std::string topic, filter;
    for (std::size_t i = 0; i < levels.size(); ++i) {
      topic += (i != 0 ? "/" : "") + levels[i];
      const std::string kept = *rc::gen::weightedElement<std::string>({{6, levels[i]}, {3, "+"}, {1, "b"}});
      filter += (i != 0 ? "/" : "") + kept;
    }
    filter += *rc::gen::element<std::string>("", "/#", "/", "/+");
    if (topic.empty() || filter.empty()) return;
    for (const dialect rules : {dialect::aws, dialect::mqtt})
      RC_ASSERT(matches(filter, topic, rules) == slow_from_start(filter, topic, rules));
    if (matches(filter, topic)) RC_ASSERT(overlap(filter, topic) && overlap(topic, filter));
  });
  CHECK(held);
}

TEST_CASE("every API topic that can be named is built and classified back") {
  const bool held = rc::check("round trip", [] {
    static constexpr std::string_view alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-";
    std::string name;
    const auto size = *rc::gen::inRange<std::size_t>(1, 37);
    for (std::size_t i = 0; i < size; ++i) name += alphabet[*rc::gen::inRange<std::size_t>(0, alphabet.size())];
    const auto call = *rc::gen::element(api::create_keys_and_certificate, api::create_certificate_from_csr, api::register_thing);
    const auto format = *rc::gen::element(payload_format::json, payload_format::cbor);
    const auto kind = *rc::gen::element(message_kind::request, message_kind::accepted, message_kind::rejected);
    const auto parsed = template_name::parse(name);
    RC_ASSERT(parsed.has_value() && parsed->view() == name);
    const fleet_topic topic{call, format, kind,
                            call == api::register_thing ? std::optional<template_name>(*parsed) : std::nullopt};
    const fleet_topic_text text = build(topic);
    const auto back = classify(text.view());
    RC_ASSERT(back.has_value());
    RC_ASSERT(*back == topic);
    RC_ASSERT(validate_topic_name(text.view()).has_value());
  });
  CHECK(held);
}
