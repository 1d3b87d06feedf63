#pragma once

#include <fleetprov/policies/detail/typed_values.hpp>
#include <fleetprov/policies/placeholders.hpp>
#include <fleetprov/policies/variables.hpp>
#include <fleetprov/topics/arn.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What is wrong with the text of one Resource entry.

namespace fleetprov::policies::detail {

struct resource_problem {
  std::string_view rule_id;
  std::string message, help;
};

inline bool has_wildcard(std::string_view text) noexcept { return text.find_first_of("*?") != std::string_view::npos; }

inline bool is_all(std::string_view text, std::string_view alphabet) noexcept {
  return !text.empty() && text.find_first_not_of(alphabet) == std::string_view::npos;
}

/// The head fields and the resource part of an ARN pattern; `${...}` counts as one unit.
struct arn_head {
  std::array<std::string_view, 6> fields;
  std::size_t count = 0;  ///< fields found; 6 for a whole ARN
  bool variable_in_head = false;
};

inline arn_head read_arn_head(std::string_view text, language version) noexcept {
  arn_head out;
  std::size_t from = 0;
  for (std::size_t i = 0; i < text.size() && out.count < 5; ++i) {
    if (version == language::v2012 && text.substr(i, 2) == "${") {
      const std::size_t close = text.find('}', i);
      const std::string_view body = text.substr(i + 2, close - i - 2);  // all the rest where no brace closes it
      // A slash before the variable: the resource part of an ARN that lacks a field.
      if (text.substr(from, i - from).find('/') == std::string_view::npos && body != "*" && body != "?" && body != "$")
        out.variable_in_head = true;
      if (close == std::string_view::npos) break;
      i = close;
    } else if (text[i] == ':') {
      out.fields[out.count++] = text.substr(from, i - from);
      from = i + 1;
    }
  }
  out.fields[out.count++] = text.substr(from);
  return out;
}

inline constexpr std::string_view known_types[] = {
    "client", "topic", "topicfilter", "thing", "rolealias", "thinggroup", "dynamicthinggroup", "thingtype",
    "billinggroup", "cert", "cacert", "policy", "rule", "destination", "job", "jobtemplate", "stream", "otaupdate",
    "tunnel", "authorizer", "mitigationaction", "securityprofile", "dimension", "custommetric", "scheduledaudit",
    "fleetmetric", "provisioningtemplate", "index", "domainconfiguration", "package", "certificateprovider", "command"};

inline void check_head(const arn_head& head, std::vector<resource_problem>& out) {
  const auto& [arn, partition, service, region, account, rest] = head.fields;
  if (!has_wildcard(partition) && !topics::is_partition(partition))
    out.push_back({"P035", "unknown partition " + in_ticks(partition), "use aws, aws-cn (China) or aws-us-gov"});
  if (!has_wildcard(service) && service != "iot" && service != "greengrass")
    out.push_back({"P036", "the ARN is about service " + in_ticks(service) + ", not iot",
                   equal_folded(service, "iot") ? "write `iot` in lower case"
                   : service == "iam"           ? "iot:AssumeRoleWithCertificate takes arn:aws:iot:<region>:<account>:rolealias/<alias>"
                                                : "device requests carry arn:...:iot:..."});
  // What is to be filled in is P070's.
  if (region.empty() || (is_no_region(region) && !is_unfilled_region(region)))
    out.push_back({"P037", region.empty() ? "the region is missing" : in_ticks(region) + " is no region",
                   "write the region, as in us-east-1, or `*`"});
  if (account.empty() || (is_no_account(account) && !is_unfilled_account(account)))
    out.push_back({"P038", account.empty() ? "the account id is missing" : in_ticks(account) + " is no account id",
                   "write the twelve digits of the account, or `*`"});
}

inline void check_tail(std::string_view rest, std::vector<resource_problem>& out) {
  if (is_all(rest, "*")) return;
  if (rest.substr(0, 1) == "/") {
    out.push_back({"P033", "a slash before the resource type: the entry matches nothing",
                   "write " + in_ticks(rest.substr(1)) + " after the account id"});
    return;
  }
  const std::size_t slash = rest.find('/');
  const std::string_view type = rest.substr(0, slash);
  if (type.find('$') != std::string_view::npos) return;
  if (has_wildcard(type)) {
    out.push_back({"P034", "a wildcard inside the resource type " + in_ticks(type),
                   "name the type: client, topic, topicfilter, thing or rolealias"});
    return;
  }
  if (std::find(std::begin(known_types), std::end(known_types), type) == std::end(known_types)) {
    std::string help = "types are client, topic, topicfilter, thing and rolealias";
    if (type == "topics") help = "write `topic`";
    else if (type == "topicfilters" || type == "topic-filter" || equal_folded(type, "topicfilter")) help = "write `topicfilter`";
    out.push_back({"P039", "unknown resource type " + in_ticks(type), std::move(help)});
  } else if (slash == std::string_view::npos || slash + 1 == rest.size()) {
    out.push_back({"P039", "resource type " + in_ticks(type) + " without a name", "add the name after a slash, or `/*`"});
  }
}

/// `${AWS::Region}` and its like in the field for the region or the account, or nothing.
inline std::string_view unfilled_variable(const arn_head& head) {
  const auto is_open = [](std::string_view field) { return field.substr(0, 2) == "${"; };
  if (is_open(head.fields[3]) && is_region_placeholder(head.fields[3])) return head.fields[3];
  if (is_open(head.fields[4]) && is_account_placeholder(head.fields[4])) return head.fields[4];
  return {};
}

inline std::vector<resource_problem> check_resource(std::string_view text, language version) {
  std::vector<resource_problem> out;
  if (is_all(text, "*")) return out;
  const std::size_t start = std::min(text.find_first_not_of(" \t\r\n"), text.size());
  if (text.substr(start, 1) == "[") {
    out.push_back({"P020", "a JSON array inside a string is not in valid ARN format",
                   "remove the quotes around the array and the backslashes inside it"});
    return out;
  }
  if (text.substr(0, 4) != "arn:") {
    const bool short_form = text.find('/') != std::string_view::npos && text.find_first_of(" <") == std::string_view::npos;
    out.push_back({"P019", "the resource " + in_ticks(text) + " is not an ARN",
                   equal_folded(text.substr(0, 4), "arn:") ? "write `arn:` in lower case"
                   : short_form ? "write " + in_ticks("arn:aws:iot:<region>:<account>:" + std::string(text))
                              : "write an ARN, as in arn:aws:iot:us-east-1:123456789012:topic/a, or `*`"});
    return out;
  }
  const arn_head head = read_arn_head(text, version);
  if (head.variable_in_head) {
    const std::string_view open = head.count == 6 ? unfilled_variable(head) : std::string_view();
    if (open.empty())
      out.push_back({"P023", "a policy variable before the fifth colon is not substituted",
                     "write the region and the account id, or `*`; variables work after the fifth colon only"});
    else
      out.push_back({"P023", in_ticks(open) + " is a placeholder that nobody filled in", "`fleetprov render` fills it"});
    return out;
  }
  // Not the slash of a `</b>` that was copied from a page.
  const bool slash_too_early = head.count == 6 && head.fields[4].find('/') != std::string_view::npos &&
                               head.fields[4].substr(0, 1) != "<";
  if (head.count < 6 || slash_too_early) {
    if (!slash_too_early && text.back() == '*')
      out.push_back({"P022", "a short ARN that ends in `*` is a pattern over whole ARNs", "write all six fields"});
    else
      out.push_back({"P021", "the ARN has " + std::to_string(slash_too_early ? 5 : head.count) + " of six fields",
                     head.count >= 3 && head.fields[2] != "iot" ? "the service field `iot` is missing: arn:aws:iot:<region>:<account>:<type>/<name>"
                                                                : "the form is arn:aws:iot:<region>:<account>:<type>/<name>"});
    return out;
  }
  check_head(head, out);
  if (head.fields[2] == "iot") check_tail(head.fields[5], out);  // other services have types of their own
  return out;
}

}  // namespace fleetprov::policies::detail
