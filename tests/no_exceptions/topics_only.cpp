// Everything the topics offer at run time, to look at the object's symbols: no allocation, no throw.
#include <fleetprov/topics/fleet_topics.hpp>
#include <fleetprov/topics/reserved_topics.hpp>
#include <fleetprov/topics/topic_filter.hpp>

namespace topics = fleetprov::topics;

bool classify_topic(std::string_view text, topics::fleet_topic& out) {
  const auto read = topics::classify(text);
  if (read) out = *read;
  return read.has_value();
}
topics::fleet_topic_text build_topic(const topics::fleet_topic& topic) { return topics::build(topic); }
bool match_topic(std::string_view filter, std::string_view topic) { return topics::matches(filter, topic); }
bool check_name(std::string_view name) { return topics::validate_topic_name(name).has_value(); }
bool check_filter(std::string_view filter) { return topics::validate_topic_filter(filter).has_value(); }
bool may_publish(std::string_view topic) { return topics::classify_reserved(topic).may_publish; }
bool event_topic(std::string_view client, topics::event_topic_text& out) {
  const auto made = topics::make_event_topic(topics::client_event::connected, client);
  if (made) out = *made;
  return made.has_value();
}
