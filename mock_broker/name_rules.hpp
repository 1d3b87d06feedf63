#pragma once
// What AWS's service model says of names, for whoever reads them.

#include <mock_broker/world.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace fleetprov::mock {

/// Throws aws_error InvalidRequestException in AWS's shape ("1 validation error detected: ...").
[[noreturn]] void refuse_value(std::string_view field, std::string_view value, std::string_view constraint);
/// 1 to `most` bytes.
void check_length(std::string_view field, std::string_view value, std::size_t most);
void check_attribute_name(std::string_view field, std::string_view name);
void check_attribute_value(std::string_view field, std::string_view value);
void check_thing_name(std::string_view field, std::string_view name);
void check_policy_name(std::string_view field, std::string_view name);
void check_template_name(std::string_view name);
void check_certificate_id(std::string_view field, std::string_view id);
void check_policy_version(std::string_view version);
void check_tag_key(std::string_view field, std::string_view key);
void check_tags(const text_map& tags);
/// Of a page: 1 to `max_page_limit`.
inline constexpr std::int64_t max_page_limit = 250;
void check_page_limit(std::string_view field, std::int64_t limit);

}  // namespace fleetprov::mock
