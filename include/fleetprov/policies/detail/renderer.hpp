#pragma once

#include <fleetprov/core/detail/json_string.hpp>
#include <fleetprov/policies/placeholders.hpp>
#include <fleetprov/policies/render.hpp>
#include <fleetprov/policies/rules.hpp>
#include <fleetprov/topics/arn.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fleetprov::policies::detail {

/// Fills `NAME` where it is a whole level of `text`.
inline std::string replaced_level(std::string_view text, std::string_view name, std::string_view to) {
  std::string out;
  for (;;) {
    const std::size_t end = text.find_first_of("/:");
    const std::string_view level = text.substr(0, end);
    out += level == name ? to : level;
    if (end == std::string_view::npos) return out;
    out += text[end];
    text.remove_prefix(end + 1);
  }
}

/// Whether a field is `${NAME}` in the text of Fn::Sub, which the template fills in.
inline bool is_substituted(std::string_view field, bool in_sub) noexcept {
  return in_sub && field.substr(0, 2) == "${" && field.substr(0, 7) != "${AWS::";
}

/// One ARN with its placeholders filled in.
inline std::string render_arn(std::string_view arn, const render_values& values, bool in_sub) {
  std::vector<std::string> fields;
  std::size_t at = 0;
  while (fields.size() < 5) {
    std::size_t colon = arn.find(':', at);
    // `${AWS::Region}` and its like hold colons of their own.
    if (arn.substr(at, 2) == "${") colon = arn.find(':', arn.find('}', at));
    if (colon == std::string_view::npos) return std::string(arn);
    fields.emplace_back(arn.substr(at, colon - at));
    at = colon + 1;
  }
  std::string name(arn.substr(at));
  std::string &partition = fields[1], &region = fields[3], &account = fields[4];
  const std::string region_before = region;
  const bool replaces = values.examples == example_arns::replace;
  const bool example = replaces && is_example_account(account);
  if (!values.region.empty() && !is_substituted(region, in_sub) &&
      ((!is_region(region) && is_region_placeholder(region)) || (example && is_region(region)) ||
       (replaces && is_region(in_double_braces(region)))))
    region = values.region;
  if (!values.account.empty() && !is_substituted(account, in_sub) &&
      ((!is_account(account) && is_account_placeholder(account)) || example ||
       (replaces && is_account(in_double_braces(account)))))
    account = values.account;
  if (const text_span level = template_level(name);
      level.size != 0 && !values.template_name.empty() &&
      is_template_placeholder(std::string_view(name).substr(level.at, level.size)))
    name.replace(level.at, level.size, values.template_name);
  for (const auto& [key, value] : values.set) {
    if (key.empty()) continue;
    for (std::string* part : {&region, &account, &name}) {
      for (const auto& [open, close] : {std::pair("<", ">"), std::pair("[", "]"), std::pair("{{", "}}")})
        *part = replaced(*part, open + key + close, value);
      *part = replaced_level(*part, "$" + key, value);
      *part = replaced_level(*part, key, value);
    }
  }
  // The partition is that of the region, and whoever left the region open could not know it. Others than these three are
  // nobody's slip.
  const bool is_open = partition == "aws" || partition == "aws-cn" || partition == "aws-us-gov" ||
                       (partition.find_first_of("*?") == std::string::npos && partition.compare(0, 4, "aws-") != 0);
  if (region != region_before && is_region(region) && is_open) partition = topics::partition_of(region);
  std::string out;
  for (const std::string& f : fields) out += f + ':';
  return out + name;
}

/// The region or account id of an ARN that is none, `${NAME}` left out where Fn::Sub fills it; else nothing.
inline std::string_view find_wrong_head(std::string_view text, bool in_sub) {
  const result<topics::arn> arn = topics::parse_arn(text);
  if (!arn || arn->partition.substr(0, 3) != "aws") return {};
  if (is_no_region(arn->region) && !is_substituted(arn->region, in_sub)) return arn->region;
  // `aws` owns the managed policies of IAM.
  if (is_no_account(arn->account) && arn->account != "aws" && !is_substituted(arn->account, in_sub))
    return arn->account;
  return {};
}

/// Where an ARN that begins at `at` of a string ends: at the string's end if it begins there too, else
/// at the quote (plain or escaped) of the policy text it stands in.
inline std::size_t arn_end(std::string_view text, std::size_t at) noexcept {
  if (at == 0) return text.size();
  return std::min(text.find_first_of("\"\\\n", at), text.size());
}

class renderer {
 public:
  renderer(const json::document& source, const render_values& values) : source_(source), values_(values) {}

  outcome<std::string> run() {
    walk(source_.root(), "", false);
    text_ += source_.text().substr(copied_);
    sort_diagnostics(out_.diagnostics);
    if (out_.diagnostics.empty()) out_.value = std::move(text_);
    return std::move(out_);
  }

 private:
  void walk(const json::value& v, const std::string& pointer, bool in_sub) {
    if (v.is_string()) string(v, pointer, in_sub);
    for (std::size_t i = 0; i < v.items.size(); ++i) walk(v.items[i], json::child_pointer(pointer, i), in_sub);
    for (const json::member& m : v.members)
      walk(m.held, json::child_pointer(pointer, m.key), in_sub || m.key == "Fn::Sub");
  }
  void string(const json::value& v, const std::string& pointer, bool in_sub) {
    const std::string_view text = v.text;
    std::string made;
    std::size_t at = 0;
    for (;;) {
      const std::size_t found = std::min(text.find("arn:", at), text.size());
      made += text.substr(at, found - at);
      if (found == text.size()) break;
      const std::size_t end = arn_end(text, found);
      const std::string arn = render_arn(text.substr(found, end - found), values_, in_sub);
      const auto left = find_placeholder(arn);
      if (left && !is_substituted(*left, in_sub)) leftover(v, pointer, *left);
      else if (const std::string_view wrong = find_wrong_head(arn, in_sub); !wrong.empty()) leftover(v, pointer, wrong);
      made += arn;
      at = end;
    }
    // A note in angle brackets where an ARN belongs is a leftover too.
    if (text.find("arn:") == std::string_view::npos && text.size() > 2 && text.front() == '<' && text.back() == '>') {
      const auto known = values_.set.find(std::string(text.substr(1, text.size() - 2)));
      if (known != values_.set.end()) made = known->second;
      else leftover(v, pointer, text);
    }
    if (made == text) return;
    text_ += source_.text().substr(copied_, v.where.begin - copied_);
    fleetprov::detail::append_json_string(text_, made);
    copied_ = v.where.end;
  }
  void leftover(const json::value& v, const std::string& pointer, std::string_view what) {
    diagnostic d;
    d.broken = find_rule("P070");
    d.level = severity::error;
    d.pointer = pointer;
    d.where = v.where;
    d.message = "`" + std::string(what) + "` is still a placeholder";
    if (is_region(in_double_braces(what)) || is_account(in_double_braces(what)))
      d.help = "--replace-examples fills it too, with --region and --account";
    else if (is_region_placeholder(what)) d.help = "give the region with --region";
    else if (is_account_placeholder(what)) d.help = "give the 12-digit account id with --account";
    else if (is_template_placeholder(what)) d.help = "give the template with --template-name";
    else d.help = "give its value with --set NAME=VALUE";
    out_.diagnostics.push_back(std::move(d));
  }

  const json::document& source_;
  const render_values& values_;
  outcome<std::string> out_;
  std::string text_;
  std::size_t copied_ = 0;
};

}  // namespace fleetprov::policies::detail

namespace fleetprov::policies {

inline outcome<std::string> render(const json::document& source, const render_values& values) {
  return detail::renderer(source, values).run();
}

}  // namespace fleetprov::policies
