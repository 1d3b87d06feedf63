// Tags of the registry's resources (AWS IoT Developer Guide, "Tagging your AWS IoT resources").
#include <fleetprov/core/utf8.hpp>
#include <fleetprov/topics/arn.hpp>
#include <mock_broker/registry_state.hpp>

#include <algorithm>
#include <memory>
#include <type_traits>

namespace fleetprov::mock {
namespace {

template <class Record, class Place>
std::shared_ptr<const Record> must_find(const Place& in, std::string_view name) {
  auto found = in.template find<Record>(name);
  if (!found) throw aws_error::not_found();
  return found;
}

/// Calls `use` with the type of record that the ARN names, and its name.
// assumption: what has no tags in AWS's documentation (things, device certificates) is an invalid request, there or not.
template <class Use>
auto with_resource(const registry_options& how, std::string_view arn, Use use) {
  const auto parsed = topics::parse_arn(arn);
  const auto type = parsed ? topics::split_resource(parsed->resource).type : std::string_view();
  const std::string name = parsed ? name_from(how, type, arn) : std::string();
  if (type == "policy") return use(static_cast<policy_record*>(nullptr), name);
  if (type == "provisioningtemplate") return use(static_cast<template_record*>(nullptr), name);
  if (type == "thingtype") return use(static_cast<thing_type_record*>(nullptr), name);
  if (type == "thinggroup") return use(static_cast<thing_group_record*>(nullptr), name);
  if (type == "cacert") return use(static_cast<ca_certificate_record*>(nullptr), name);
  if (type == "billinggroup") return use(static_cast<billing_group_record*>(nullptr), name);
  throw aws_error::invalid_request("Not the ARN of a resource that has tags: " + std::string(arn.substr(0, find_invalid_utf8(arn))));
}

constexpr std::size_t max_tags = 50;  // "Basic tag restrictions"
std::string too_many_tags() { return "A resource can have at most " + std::to_string(max_tags) + " tags"; }

}  // namespace

void check_tag_key(std::string_view field, std::string_view key) {
  if (key.empty()) refuse_value(field, key, "Member must have length greater than or equal to 1");
  if (count_code_points(key) > 128) refuse_value(field, key, "Member must have length less than or equal to 128");
  // assumption: a character beyond ASCII is taken for one of the pattern's letters, numbers and blanks.
  const auto is_in_pattern = [](char c) {
    return static_cast<unsigned char>(c) >= 0x80 || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           std::string_view(" _.:/=+-@").find(c) != std::string_view::npos;
  };
  if (!std::all_of(key.begin(), key.end(), is_in_pattern))
    refuse_value(field, key, "Member must satisfy regular expression pattern: ^([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)$");
}

void check_tags(const text_map& tags) {
  for (const auto& [key, value] : tags) {
    check_tag_key("tags", key);
    if (count_code_points(value) > 256) refuse_value("tags", value, "Member must have length less than or equal to 256");
    if (key.substr(0, 4) == "aws:") throw aws_error::invalid_request("Tag keys that start with 'aws:' are reserved");
  }
  if (tags.size() > max_tags) throw aws_error::invalid_request(too_many_tags());
}

text_map registry::tags_of(std::string_view resource_arn) const {
  return state_->read([&](const world& in) {
    return with_resource(state_->how, resource_arn, [&](auto* kind, const std::string& name) {
      return must_find<std::remove_pointer_t<decltype(kind)>>(in, name)->tags;
    });
  });
}

void registry::tag_resource(std::string_view resource_arn, const text_map& tags) {
  check_tags(tags);
  state_->write([&](draft& staged) {
    with_resource(state_->how, resource_arn, [&](auto* kind, const std::string& name) {
      auto changed = *must_find<std::remove_pointer_t<decltype(kind)>>(staged, name);
      for (const auto& [key, value] : tags) changed.tags[key] = value;
      if (changed.tags.size() > max_tags) throw aws_error::limit_exceeded(too_many_tags());  // creations declare no such error
      staged.put(std::move(changed));
    });
  });
}

void registry::untag_resource(std::string_view resource_arn, const std::vector<std::string>& keys) {
  for (const std::string& key : keys) check_tag_key("tagKeys", key);
  state_->write([&](draft& staged) {
    with_resource(state_->how, resource_arn, [&](auto* kind, const std::string& name) {
      auto changed = *must_find<std::remove_pointer_t<decltype(kind)>>(staged, name);
      for (const std::string& key : keys) changed.tags.erase(key);
      staged.put(std::move(changed));
    });
  });
}

}  // namespace fleetprov::mock
