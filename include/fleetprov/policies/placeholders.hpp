#pragma once

#include <fleetprov/policies/actions.hpp>
#include <fleetprov/policies/pattern.hpp>
#include <fleetprov/topics/arn.hpp>
#include <fleetprov/topics/topic_filter.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

// Placeholders that documentation, samples and this project's own policies/ leave in an ARN.

namespace fleetprov::policies {

/// `us-east-1`, `us-gov-west-1`, `eusc-de-east-1`: a word of two to four letters, one or more words, and a number of one
/// or two digits. Wildcards do not count.
constexpr bool is_region(std::string_view text) noexcept {
  std::size_t words = 0, size = 0;  // of letters; of the part that is being read
  bool has_digits = false;
  for (const char c : text) {
    if (c == '-') {
      if (size == 0 || has_digits || (words == 0 && (size < 2 || size > 4))) return false;
      ++words;
      size = 0;
      continue;
    }
    const bool is_digit = c >= '0' && c <= '9';
    if ((!is_digit && !(c >= 'a' && c <= 'z')) || (size != 0 && is_digit != has_digits)) return false;
    has_digits = is_digit;
    ++size;
  }
  return words >= 2 && has_digits && size <= 2;
}

constexpr bool is_account(std::string_view text) noexcept {
  if (text.size() != 12) return false;
  for (const char c : text)
    if (c < '0' || c > '9') return false;
  return true;
}

/// Account ids that AWS documentation uses for examples.
constexpr bool is_example_account(std::string_view text) noexcept {
  constexpr std::array<std::string_view, 8> known{"123456789012", "111122223333", "444455556666", "123451234510",
                                                  "012345678901", "111111111111", "222222222222", "555555555555"};
  for (const std::string_view k : known)
    if (k == text) return true;
  return false;
}

namespace detail {

/// `<aws-region>`, `$REGION`, `${AWS::Region}`, `[AWS_REGION]`, `your region`, `${var.region}`, `REGION-HERE` all become
/// `region`.
inline std::string bare_placeholder(std::string_view text) {
  std::string out;
  for (const char c : text)
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) out += c;
    else if (c >= 'A' && c <= 'Z') out += fold(c);
  for (const std::string_view lead : {"your", "my", "var", "aws"})
    if (out.size() > lead.size() && out.compare(0, lead.size(), lead) == 0) out.erase(0, lead.size());
  for (const std::string_view trail : {"withouthyphens", "here"})
    if (out.size() > trail.size() && out.compare(out.size() - trail.size(), trail.size(), trail) == 0)
      out.erase(out.size() - trail.size());
  return out;
}

inline bool is_region_placeholder(std::string_view text) {
  const std::string bare = bare_placeholder(text);
  return bare == "region" || bare == "regionname" || bare == "regionid" || bare == "currentregion";
}

inline bool is_account_placeholder(std::string_view text) {
  if (text.size() == 12 && text.find_first_not_of("Xx0123456789") == std::string_view::npos &&
      text.find_first_of("Xx") != std::string_view::npos)
    return true;
  const std::string bare = bare_placeholder(text);
  return bare == "account" || bare == "accountid" || bare == "accountnumber" || bare == "acctid" ||
         bare == "accountno" || text.find("EXAMPLE") != std::string_view::npos;
}

/// Marks of templates and of documentation, which no region, account id or name of a template has.
constexpr bool has_placeholder_mark(std::string_view text) noexcept {
  return text.find_first_of("$<>{}[]%") != std::string_view::npos;
}

inline bool is_template_placeholder(std::string_view text) {
  const std::string bare = bare_placeholder(text);
  return (bare == "template" && has_placeholder_mark(text)) ||  // without a mark it may be the template's name
         bare == "templatename" || bare == "provisioningtemplatename" || bare == "provtemplate" ||
         bare == "provisioningtemplate" || bare == "fleettemplatename";
}

constexpr bool is_upper_word(char c) noexcept { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

/// Whether a topic begins where `before`, the start of an ARN, ends: behind the type, or behind `$share/NAME/`.
constexpr bool ends_before_topic(std::string_view before) noexcept {
  const result<topics::arn> arn = topics::parse_arn(before);
  if (!arn) return false;
  const topics::arn_resource parts = topics::split_resource(arn->resource);
  const bool is_topic = parts.type == name_of(resource_type::topic) || parts.type == name_of(resource_type::topicfilter);
  if (!is_topic || !parts.has_name) return false;
  const topics::shared_subscription share = topics::parse_share(parts.name);
  return share.filter.empty() && (!share.is_shared || (!share.name.empty() && before.back() == '/'));
}

/// `$SYS` and `$CONTROL`, which brokers keep for themselves, and `$aws` in upper case, at the start of a topic: spelt
/// like placeholders.
constexpr bool is_reserved_root(std::string_view name, std::string_view before) noexcept {
  return (name == "$SYS" || name == "$CONTROL" || name == "$AWS") && ends_before_topic(before);
}

/// What stands in `{{...}}`, as AWS's pages and many template languages mark what is to be filled in; else nothing.
constexpr std::string_view in_double_braces(std::string_view text) noexcept {
  if (text.size() < 5 || text.substr(0, 2) != "{{" || text.substr(text.size() - 2) != "}}") return {};
  return text.substr(2, text.size() - 4);
}

/// A piece of text that marks a placeholder wherever it stands in an ARN: `<...>`, `[AWS_...]`, `{{...}}`, `$NAME`,
/// `${AWS::...}`. The text found, or nothing.
inline std::optional<std::string_view> find_marked_placeholder(std::string_view text) {
  const std::size_t last_angle = text.rfind('>'), last_square = text.rfind(']'), last_brace = text.rfind("}}");
  const auto closes = [&](std::size_t from, std::size_t last) { return last != std::string_view::npos && last > from; };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view rest = text.substr(i);
    // Only what closes at all is searched: linear also for text full of `<`.
    if (rest[0] == '<' && closes(i + 1, last_angle)) {
      if (const std::size_t end = rest.find('>'); end > 1) return rest.substr(0, end + 1);
    } else if ((rest.substr(0, 5) == "[AWS_" || rest.substr(0, 6) == "[YOUR_") && closes(i, last_square)) {
      return rest.substr(0, rest.find(']') + 1);
    } else if (rest.substr(0, 2) == "{{" && closes(i + 2, last_brace)) {
      return rest.substr(0, rest.find("}}") + 2);
    }
    if (rest.substr(0, 7) == "${AWS::")
      return rest.substr(0, rest.find('}') == std::string_view::npos ? rest.size() : rest.find('}') + 1);
    if (rest[0] == '$' && rest.size() > 2 && rest[1] >= 'A' && rest[1] <= 'Z') {
      std::size_t end = 2;
      while (end < rest.size() && is_upper_word(rest[end])) ++end;
      if (end > 2 && (end == rest.size() || rest[end] == '/' || rest[end] == ':' || rest[end] == '*') &&
          !is_reserved_root(rest.substr(0, end), text.substr(0, i)))
        return rest.substr(0, end);
    }
  }
  return std::nullopt;
}

/// Where a provisioning template is named in an ARN's last field: the level after `provisioning-templates` of a topic, or
/// that of `provisioningtemplate/NAME`; size 0: nowhere.
struct text_span {
  std::size_t at = 0, size = 0;
};
inline text_span template_level(std::string_view name) noexcept {
  constexpr std::string_view type = "provisioningtemplate/", before = "/provisioning-templates/";
  std::size_t at = type.size();
  if (name.substr(0, type.size()) != type) {
    const std::size_t found = name.find(before);
    if (found == std::string_view::npos) return {};
    at = found + before.size();
  }
  return {at, std::min(name.find('/', at), name.size()) - at};
}

/// Whether a field that has to be a region, or an account id, is neither that nor empty nor a pattern.
inline bool is_no_region(std::string_view text) noexcept {
  return !text.empty() && text.find_first_of("*?") == std::string_view::npos && !is_region(text);
}
inline bool is_no_account(std::string_view text) noexcept {
  return !text.empty() && text.find_first_of("*?") == std::string_view::npos && !is_account(text);
}
/// The words are placeholders also in the asterisks with which pages print them: no region has `region` in its name.
inline bool is_unfilled_region(std::string_view text) {
  return is_region_placeholder(text) || (is_no_region(text) && has_placeholder_mark(text));
}
inline bool is_unfilled_account(std::string_view text) {
  return is_account_placeholder(text) || (is_no_account(text) && has_placeholder_mark(text));
}

}  // namespace detail

/// The first thing in an ARN pattern that was left to be filled in, or nothing.
inline std::optional<std::string_view> find_placeholder(std::string_view arn) {
  if (const auto marked = detail::find_marked_placeholder(arn)) return marked;
  const result<topics::arn> parts = topics::parse_arn(arn);
  if (!parts) return std::nullopt;
  if (detail::is_unfilled_region(parts->region)) return parts->region;
  if (detail::is_unfilled_account(parts->account)) return parts->account;
  const detail::text_span level = detail::template_level(parts->resource);
  const std::string_view name = parts->resource.substr(level.at, level.size);
  if (level.size != 0 && detail::is_template_placeholder(name)) return name;
  return std::nullopt;
}

}  // namespace fleetprov::policies
