#pragma once

#include <fleetprov/json/document.hpp>
#include <mock_broker/control_plane.hpp>

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace fleetprov::mock {

using json_out = nlohmann::ordered_json;

/// One call of an operation: its parameters wherever HTTP carries them. Each accessor throws aws_error
/// InvalidRequestException naming the member where it is missing or of the wrong type.
class api_call {
 public:
  api_call(const control_plane_context& context, const api_request& request, std::vector<std::string> path,
           std::vector<std::pair<std::string, std::string>> query);

  registry& world() const noexcept { return context_.world; }
  fleet_service& service() const noexcept { return context_.service; }
  const control_plane_context& context() const noexcept { return context_; }
  const std::string& raw_body() const noexcept { return request_.body; }

  const std::string& path(std::size_t index) const { return path_.at(index); }
  int path_number(std::size_t index) const;
  std::optional<std::string> query(std::string_view name) const;
  bool query_flag(std::string_view name, bool otherwise) const;
  std::optional<std::int64_t> query_number(std::string_view name) const;
  std::optional<std::string> header(std::string_view name) const;
  std::string required_query(std::string_view name) const;
  std::string required_header(std::string_view name) const;

  /// The body as an object; an empty body is an empty object.
  const json::value& body() const;
  std::optional<std::string> text(std::string_view member) const { return text_of(body(), member); }
  void require(std::string_view member) const;
  std::string required_text(std::string_view member) const;
  std::optional<bool> flag(std::string_view member) const { return flag_of(body(), member); }
  std::optional<std::int64_t> number(std::string_view member) const;
  const json::value* object(std::string_view member) const { return object_of(body(), member); }
  text_map tags() const;

  static std::optional<std::string> text_of(const json::value& object, std::string_view member);
  static std::optional<bool> flag_of(const json::value& object, std::string_view member);
  static const json::value* object_of(const json::value& object, std::string_view member);
  static text_map text_map_of(const json::value& object, std::string_view member);
  static std::vector<std::string> texts_of(const json::value& object, std::string_view member);

  /// Paging in the style of policies and certificates: `marker`, `pageSize`, `isAscendingOrder`.
  page_request marker_page() const;
  /// Paging in the style of things and templates: `nextToken`, `maxResults`.
  page_request token_page() const;

 private:
  const control_plane_context& context_;
  const api_request& request_;
  std::vector<std::string> path_;
  std::vector<std::pair<std::string, std::string>> query_;
  mutable std::optional<json::document> parsed_;
};

/// One row of the table of routes. `{name}` takes one segment, `{name+}` the rest of the path.
struct route {
  std::string_view method, pattern, name;
  json_out (*run)(const api_call&);
};

/// The routes of each part; control_plane.cpp joins them.
const std::vector<route>& policy_routes();
const std::vector<route>& certificate_routes();
const std::vector<route>& template_routes();
const std::vector<route>& thing_routes();
const std::vector<route>& tag_routes();
const std::vector<route>& data_plane_routes();

/// `items` as an array under `member`, and the next page's token where there is one.
template <class Page, class Show>
json_out page_of(std::string_view member, const Page& items, std::string_view next_member, Show show) {
  json_out out = json_out::object();
  json_out list = json_out::array();
  for (const auto& item : items.items) list.push_back(show(item));
  out[std::string(member)] = std::move(list);
  if (items.next) out[std::string(next_member)] = *items.next;
  return out;
}

/// Adds a member only where there is something to say.
inline void put_unless_empty(json_out& object, const char* member, const std::string& value) {
  if (!value.empty()) object[member] = value;
}

}  // namespace fleetprov::mock
