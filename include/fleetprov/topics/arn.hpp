#pragma once

#include <fleetprov/core/result.hpp>
#include <fleetprov/topics/detail/parts.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace fleetprov::topics {

/// The parts of `arn:<partition>:<service>:<region>:<account>:<resource>`. Views into the text that
/// was parsed. IAM User Guide, "Amazon Resource Names".
struct arn {
  std::string_view partition, service, region, account, resource;

  friend constexpr bool operator==(const arn& a, const arn& b) noexcept {
    return a.partition == b.partition && a.service == b.service && a.region == b.region && a.account == b.account &&
           a.resource == b.resource;
  }
};

/// Splits at the first five colons; the resource may hold more of them, `/`, `$`, blanks and any UTF-8.
/// Wildcards and policy variables are ordinary text here. Region and account may be empty.
/// Errors: `invalid_arn` with the offset of the field that is missing or empty.
constexpr result<arn> parse_arn(std::string_view text) noexcept {
  if (detail::before(text, 4) != "arn:") return {errc::invalid_arn, 0};
  std::string_view fields[4];
  std::size_t at = 4;
  for (std::string_view& field : fields) {
    const std::size_t colon = text.find(':', at);
    if (colon == std::string_view::npos) return {errc::invalid_arn, static_cast<std::uint32_t>(text.size())};
    field = std::string_view(text.data() + at, colon - at);
    if (field.empty() && (&field == &fields[0] || &field == &fields[1]))
      return {errc::invalid_arn, static_cast<std::uint32_t>(at)};
    at = colon + 1;
  }
  if (at == text.size()) return {errc::invalid_arn, static_cast<std::uint32_t>(at)};
  return arn{fields[0], fields[1], fields[2], fields[3], detail::after(text, at)};
}

/// `type/name` of an ARN's resource part.
struct arn_resource {
  std::string_view type, name;
  bool has_name = false;  ///< there was a `/`; the name may still be empty
};

/// Splits at the first `/`: `topic/a/b` is type `topic`, name `a/b`. Without a `/` all of it is the type.
constexpr arn_resource split_resource(std::string_view resource) noexcept {
  const std::size_t slash = resource.find('/');
  if (slash == std::string_view::npos) return {resource, {}, false};
  return {detail::before(resource, slash), detail::after(resource, slash + 1), true};
}

namespace detail {

/// A partition other than `aws`, and how the names of its regions begin. IAM User Guide, "Amazon Resource Names";
/// the AWS SDKs' table of partitions.
struct partition_row {
  std::string_view name, region_prefix;
};
inline constexpr partition_row partitions[] = {
    {"aws-cn", "cn-"},          {"aws-us-gov", "us-gov-"},  {"aws-iso", "us-iso-"},   {"aws-iso-b", "us-isob-"},
    {"aws-iso-e", "eu-isoe-"},  {"aws-iso-f", "us-isof-"},  {"aws-eusc", "eusc-"}};

}  // namespace detail

/// `aws`, `aws-cn` (China), `aws-us-gov` (GovCloud), ..., by the region's name.
constexpr std::string_view partition_of(std::string_view region) noexcept {
  for (const detail::partition_row& row : detail::partitions)
    if (detail::before(region, row.region_prefix.size()) == row.region_prefix) return row.name;
  return "aws";
}

constexpr bool is_partition(std::string_view text) noexcept {
  for (const detail::partition_row& row : detail::partitions)
    if (text == row.name) return true;
  return text == "aws";
}

/// `arn:<partition>:iot:<region>:<account>:<type>/<name>`. The one function here that allocates.
inline std::string make_arn(std::string_view region, std::string_view account, std::string_view type,
                            std::string_view name) {
  const std::string_view partition = partition_of(region);
  std::string out;
  out.reserve(12 + partition.size() + region.size() + account.size() + type.size() + name.size());
  out.append("arn:").append(partition).append(":iot:").append(region).append(":").append(account);
  out.append(":").append(type).append("/").append(name);
  return out;
}

}  // namespace fleetprov::topics
