// What firmware calls: read a reply's topic, build a request's, check a template name.
#include <fleetprov/topics/fleet_topics.hpp>

#include <cstddef>
#include <cstring>

namespace topics = fleetprov::topics;

extern "C" {

int fleetprov_classify(const char* text, std::size_t size, topics::fleet_topic* out) {
  const auto read = topics::classify({text, size});
  if (!read) return 0;
  *out = *read;
  return 1;
}

std::size_t fleetprov_build(const topics::fleet_topic* topic, char* out) {
  const topics::fleet_topic_text text = topics::build(*topic);
  std::memcpy(out, text.view().data(), text.size());
  return text.size();
}

int fleetprov_template_name(const char* text, std::size_t size) {
  return topics::template_name::validate({text, size}) ? 1 : 0;
}

}  // extern "C"
