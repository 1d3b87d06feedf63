// Validation and matching of names and filters.
#include <fleetprov/topics/topic_filter.hpp>

#include <cstddef>

namespace topics = fleetprov::topics;

extern "C" {

int fleetprov_matches(const char* filter, std::size_t filter_size, const char* topic, std::size_t topic_size) {
  return topics::matches({filter, filter_size}, {topic, topic_size}) ? 1 : 0;
}
int fleetprov_valid_name(const char* text, std::size_t size) { return topics::validate_topic_name({text, size}) ? 1 : 0; }
int fleetprov_valid_filter(const char* text, std::size_t size) { return topics::validate_topic_filter({text, size}) ? 1 : 0; }

}  // extern "C"
