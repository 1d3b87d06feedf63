// Tags (AWS IoT API Reference).
#include <mock_broker/control_plane_call.hpp>

namespace fleetprov::mock {
namespace {

// assumption: all tags of a resource (50 at most) come on one page, so that no token for another is ever given out.
json_out list_tags_for_resource(const api_call& call) {
  if (call.query("nextToken")) throw aws_error::invalid_request("Invalid token for the next page");
  json_out list = json_out::array();
  for (const auto& [key, value] : call.world().tags_of(call.required_query("resourceArn")))
    list.push_back({{"Key", key}, {"Value", value}});
  return {{"tags", std::move(list)}};
}

json_out tag_resource(const api_call& call) {
  call.require("tags");
  call.world().tag_resource(call.required_text("resourceArn"), call.tags());
  return json_out::object();
}

json_out untag_resource(const api_call& call) {
  call.require("tagKeys");
  call.world().untag_resource(call.required_text("resourceArn"), api_call::texts_of(call.body(), "tagKeys"));
  return json_out::object();
}

}  // namespace

const std::vector<route>& tag_routes() {
  static const std::vector<route> routes{
      {"GET", "/tags", "ListTagsForResource", list_tags_for_resource},
      {"POST", "/tags", "TagResource", tag_resource},
      {"POST", "/untag", "UntagResource", untag_resource},
  };
  return routes;
}

}  // namespace fleetprov::mock
