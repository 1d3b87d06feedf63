#pragma once

#include <fleetprov/core/detail/hex.hpp>
#include <fleetprov/policies/detail/condition_keys.hpp>
#include <fleetprov/policies/detail/lint_variables.hpp>
#include <fleetprov/policies/detail/lint_view.hpp>
#include <fleetprov/policies/detail/typed_values.hpp>
#include <fleetprov/policies/placeholders.hpp>
#include <fleetprov/topics/arn.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_set>

namespace fleetprov::policies::detail {

inline bool is_numeric(comparison c) noexcept {
  return c >= comparison::numeric_equals && c <= comparison::numeric_greater_equals;
}
inline bool is_date(comparison c) noexcept {
  return c >= comparison::date_equals && c <= comparison::date_greater_equals;
}

/// RFC 1918, RFC 6598, loopback, link-local and unique local addresses.
inline bool is_private(const network& n) noexcept {
  for (const std::string_view block : {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8",
                                       "169.254.0.0/16", "fc00::/7", "fe80::/10", "::1/128"}) {
    const network known = read_network(block).value_or(network{});
    if (n.prefix >= known.prefix && contains(known, n.base)) return true;
  }
  return false;
}

inline bool has_host_bits(const network& n) noexcept {
  for (unsigned i = n.prefix; i < n.base.bits; ++i)
    if ((n.base.bytes[i / 8] & (0x80U >> (i % 8))) != 0) return true;
  return false;
}

/// `vpc-` and 8 or 17 hexadecimal digits.
inline bool is_vpc_id(std::string_view text, std::string_view prefix) noexcept {
  if (text.substr(0, prefix.size()) != prefix) return false;
  text.remove_prefix(prefix.size());
  return (text.size() == 8 || text.size() == 17) &&
         text.find_first_not_of(fleetprov::detail::hex_digits) == std::string_view::npos;
}

inline bool has_plain_wildcard(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size(); ++i)
    if ((text[i] == '*' || text[i] == '?') && (i < 2 || text.substr(i - 2, 2) != "${")) return true;
  return false;
}

inline void lint_condition_key(const statement_view& s, const condition& c, const key_facts& key, findings& out) {
  const std::string& text = c.key.text;
  if (text.find(':') == std::string::npos) {
    const std::string suggested = suggest_key(text);
    out.add("P094", c.key, "condition key " + show(text) + " has no service prefix",
            suggested.empty() ? "the form is service:Key" : "did you mean `" + suggested + "`?");
    return;
  }
  if (key.type == key_type::unknown) {
    const std::string suggested = suggest_key(text);
    out.add("P093", c.key, "device requests never have the key " + show(text),
            suggested.empty() ? "" : "did you mean `" + suggested + "`?");
    return;
  }
  if (!key.is_documented)
    out.add("P113", c.key, "the AWS IoT pages do not mention " + show(text),
            "test it against the service before relying on it");
  const action_set others = s.actions & ~bit(action::connect);
  if (key.is_connect_only && (s.actions & bit(action::connect)) == 0 && s.actions != 0)
    out.add("P095", c.key, show(text) + " exists in CONNECT requests only, not for " + list_actions(others),
            "put it in a statement for iot:Connect");
  else if (key.is_connect_only && (others & s.named) != 0)
    out.add("P095", c.key, show(text) + " exists in CONNECT requests only, not for " + list_actions(others & s.named),
            "give iot:Connect a statement of its own");
  if (is_mqtt_key(text, key) && needs_key(c)) lint_thing_over_https(c.key, show(text), s.named, out);
}

inline bool is_mqtt_only(action_set set) noexcept {
  return set != 0 && std::none_of(action_table.begin(), action_table.end(), [&](const action_facts& row) {
    return (set & bit(row.what)) != 0 && row.over != reach::mqtt;
  });
}

inline void lint_condition_operator(const statement_view& s, const condition& c, const key_facts& key, findings& out) {
  const comparison how = c.parsed.compares;
  if (how == comparison::null) {
    if (c.parsed.over != quantifier::none)
      out.add("P112", c.operation, "Null asks about the key, not about its values", "drop ForAllValues or ForAnyValue");
    else if (fails_attached(c, "true") && is_mqtt_only(s.actions))
      out.add("P120", c.key, "every connection has " + show(c.key.text) + ", so this never holds",
              "a client without a thing has it too, as `false`");
    return;
  }
  if (key.type == key_type::unknown) return;
  if (key.is_list && c.parsed.over == quantifier::none) {
    const bool attributes = equal_folded(c.key.text, "iot:ConnectAttributes");
    out.add(attributes ? "P096" : "P097", c.operation, show(c.key.text) + " is a list and needs a set operator",
            "write `ForAnyValue:" + c.operation.text + "` or `ForAllValues:" + c.operation.text + "`");
  }
  if (!key.is_list && c.parsed.over == quantifier::for_all_values)
    out.add("P098", c.operation, show(c.key.text) + " has one value; ForAllValues also passes where the key is absent",
            "drop `ForAllValues:`");
  if (key.is_list && c.parsed.over == quantifier::for_all_values && c.parsed.sign == polarity::positive &&
      s.node->what == effect::allow && !c.values.empty()) {
    const bool of_connect = equal_folded(c.key.text, "iot:ConnectAttributes");  // a will is one of them
    const bool guarded = std::any_of(s.node->conditions.begin(), s.node->conditions.end(), [&](const condition& other) {
      return needs_key(other) && (equal_folded(other.key.text, c.key.text) ||
                                  (of_connect && equal_folded(other.key.text, "iot:LastWillTopic")));
    });
    if (!guarded)
      out.add("P099", c.operation, "this also passes a request without any " + show(c.key.text),
              "use ForAnyValue where a value is required");
  }
  bool fits = true;
  switch (key.type) {
    case key_type::text:
      fits = is_string(how) || how == comparison::binary_equals || is_arn(how);
      break;
    case key_type::boolean:
      fits = is_string(how) || how == comparison::boolean;
      break;
    case key_type::address:
      fits = how == comparison::ip_address;
      break;
    case key_type::instant:
      fits = is_date(how) || is_numeric(how);
      break;
    case key_type::arn:
      fits = is_string(how) || is_arn(how);
      break;
    case key_type::unknown: break;  // GCOVR_EXCL_LINE: it returned above
  }
  if (!fits)
    out.add("P106", c.operation, show(c.operation.text) + " does not suit the values of " + show(c.key.text),
            key.type == key_type::address   ? "use IpAddress or NotIpAddress"
            : key.type == key_type::boolean ? "use Bool"
            : key.type == key_type::instant ? "use a Date operator"
                                            : "use a String operator");
}

/// Whether a value of a String operator is equal to no IsAttached.
inline bool is_never_attached(const condition& c, const condition_value& v) {
  if (!equal_folded(c.key.text, is_attached_key)) return false;
  condition alone;
  alone.key = c.key;
  alone.parsed.compares = c.parsed.compares;
  alone.values = {v};
  return fails_attached(alone, "true") && fails_attached(alone, "false");
}

/// Whether no ARN of a will is equal to a value that is no whole ARN: a pattern may be the start of one.
inline bool is_never_arn(std::string_view text) noexcept {
  constexpr std::string_view start = "arn:";
  const std::string_view fixed = text.substr(0, text.find_first_of("*?$"));
  return fixed.size() == text.size() || fixed.substr(0, start.size()) != start.substr(0, fixed.size());
}

/// Values that no request has under a key whose values AWS lists.
inline void lint_listed_value(const condition& c, const condition_value& v, findings& out) {
  const comparison how = c.parsed.compares;
  const auto is_open = [](std::string_view text) { return text.find_first_of("*?$") != std::string_view::npos; };
  if (equal_folded(c.key.text, "iot:ConnectAttributes") && is_string(how) && !is_open(v.text)) {
    const auto is_meant = [&](std::string_view known) {
      return how == comparison::string_equals_ignore_case ? equal_folded(known, v.text) : known == v.text;
    };
    if (is_meant("LastWill") || is_meant("PersistentConnect")) return;
    const bool about_will = folded(v.text).find("will") != std::string::npos;
    out.add("P120", v, "no connection has the attribute " + show(v.text),
            about_will ? "write `LastWill`" : "the attributes are `LastWill` and `PersistentConnect`");
  }
  if (is_string(how) && is_never_attached(c, v))
    out.add("P120", v, show(c.key.text) + " is `true` or `false`, never " + show(v.text),
            read_boolean(v.text) ? "write " + show(folded(v.text)) + ", or use Bool" : "use Bool with one of these");
  if (!equal_folded(c.key.text, "iot:LastWillTopic")) return;
  if (const auto left = find_placeholder(v.text)) {
    out.add("P070", v, show(*left) + " is still to be filled in", "fill it with `fleetprov render`");
    return;
  }
  const std::string text = how == comparison::string_equals_ignore_case ? folded(v.text) : v.text;
  const auto will = topics::parse_arn(text);
  const std::string_view type = will ? topics::split_resource(will->resource).type : "topic";
  if (will ? type != name_of(resource_type::topic) && !is_open(type) : is_string(how) && is_never_arn(text))
    out.add("P120", v, "no will has the ARN " + show(v.text), "the form is arn:aws:iot:REGION:ACCOUNT:topic/...");
}

inline void lint_condition_value(const condition& c, const condition_value& v, findings& out) {
  lint_listed_value(c, v, out);
  const comparison how = c.parsed.compares;
  if ((how == comparison::string_equals || how == comparison::string_equals_ignore_case) && has_plain_wildcard(v.text))
    out.add("P100", v, "no wildcards in " + show(c.operation.text) + ": " + show(v.text) + " is compared as it stands",
            "use StringLike");
  if ((how == comparison::boolean || how == comparison::null) && !read_boolean(v.text))
    out.add("P101", v, show(v.text) + " is neither true nor false");
  if (is_numeric(how) && !read_number(v.text)) out.add("P102", v, show(v.text) + " is not a number");
  if (is_date(how) && !read_instant(v.text))
    out.add("P103", v, show(v.text) + " is not a date", "write it like 2030-01-31T12:00:00Z, or as epoch seconds");
  if (is_arn(how) && !split_arn(v.text) && v.text.find("${") == std::string::npos)
    out.add("P105", v, show(v.text) + " is not an ARN", "write arn:aws:iot:REGION:ACCOUNT:topic/...");
  if (how == comparison::ip_address) {
    const auto range = read_network(v.text);
    if (!range) out.add("P104", v, show(v.text) + " is not an IP address or range");
    else if (has_host_bits(*range)) out.add("P111", v, "bits beyond the prefix are set in " + show(v.text));
  }
  const bool vpc = equal_folded(c.key.text, "aws:SourceVpc"), vpce = equal_folded(c.key.text, "aws:SourceVpce");
  if ((vpc || vpce) && is_string(how) && !has_plain_wildcard(v.text) && !is_vpc_id(v.text, vpc ? "vpc-" : "vpce-"))
    out.add("P110", v, show(v.text) + (vpc ? " is not the id of a VPC" : " is not the id of a VPC endpoint"));
}

inline void lint_condition_list(const condition& c, findings& out) {
  std::unordered_set<std::string_view> seen;
  std::size_t addresses = 0, private_ones = 0;
  const condition_value* first_private = nullptr;
  for (const condition_value& v : c.values) {
    if (!seen.insert(v.text).second) out.add("P081", v, show(v.text) + " is there already", "remove it");
    if (c.parsed.compares != comparison::ip_address || !equal_folded(c.key.text, "aws:SourceIp")) continue;
    const auto range = read_network(v.text);
    if (!range) continue;
    ++addresses;
    if (!is_private(*range)) continue;
    ++private_ones;
    if (first_private == nullptr) first_private = &v;
  }
  if (first_private != nullptr)
    out.add(private_ones == addresses ? "P108" : "P109", *first_private,
            show(first_private->text) + " is private: AWS sees the public address of a device",
            "give the public addresses of the site");
  if ((c.parsed.compares == comparison::boolean || c.parsed.compares == comparison::null) && c.values.size() > 1)
    out.add("P107", c.key, show(c.operation.text) + " takes one value for " + show(c.key.text));
}

inline void lint_conditions(document_view& view, findings& out) {
  for (const statement_view& s : view.statements())
    for (const condition& c : s.node->conditions) {
      const key_facts key = find_key(c.key.text);
      lint_condition_key(s, c, key, out);
      lint_condition_operator(s, c, key, out);
      lint_condition_list(c, out);
      for (const condition_value& v : c.values) {
        lint_condition_value(c, v, out);
        for (const pattern_piece& p : v.pattern.pieces) lint_variable(p, v, s.named, out);
      }
    }
}

}  // namespace fleetprov::policies::detail
