// Topics, filters and identifiers: the input is split at its first newline into a filter and a topic.
#include <fleetprov/topics/arn.hpp>
#include <fleetprov/topics/fleet_topics.hpp>
#include <fleetprov/topics/reserved_topics.hpp>
#include <fleetprov/topics/topic_filter.hpp>

#include <cstdint>
#include <cstdlib>
#include <string_view>

using namespace fleetprov;
using namespace fleetprov::topics;

static void require(bool condition) {
  if (!condition) std::abort();
}

/// Level by level, for valid filters only.
static bool slow(std::string_view filter, std::string_view topic) {
  for (;;) {
    const std::size_t f = filter.find('/');
    const std::size_t t = topic.find('/');
    const std::string_view level = filter.substr(0, f);
    if (level == "#") return true;
    if (level != "+" && level != topic.substr(0, t)) return false;
    if (f == std::string_view::npos || t == std::string_view::npos) return f == t;
    filter.remove_prefix(f + 1);
    topic.remove_prefix(t + 1);
  }
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t newline = text.find('\n');
  const std::string_view filter = text.substr(0, newline);
  const std::string_view topic = newline == std::string_view::npos ? text : text.substr(newline + 1);

  if (const auto read = classify(topic)) require(build(*read).view() == topic);
  if (const auto bad = validate_topic_name(topic); !bad) require(bad.error().offset <= topic.size());
  const auto valid = validate_topic_filter(filter);
  if (!valid) require(valid.error().offset <= filter.size());
  const bool hit = matches(filter, topic);
  require(!hit || matches(filter, topic, dialect::mqtt));
  if (valid && validate_topic_name(topic)) {
    const bool hidden = topic[0] == '$' && (filter[0] == '+' || filter[0] == '#');
    require(hit == (!hidden && slow(filter, topic)));
    if (hit) require(overlap(filter, topic));
  }
  const reserved_topic reserved = classify_reserved(topic);
  if (classify(topic)) require(reserved.service == reserved_service::fleet_provisioning);
  require(!reserved.may_publish || reserved.may_subscribe);
  (void)classify_reserved(filter);

  if (const auto read = parse_arn(text))
    require(read->resource.data() + read->resource.size() == text.data() + text.size() && !read->resource.empty());
  if (const auto event = make_event_topic(client_event::unsubscribed, topic)) require(validate_client_id(topic).has_value());
  return 0;
}
