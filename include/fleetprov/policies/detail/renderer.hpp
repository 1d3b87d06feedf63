#pragma once

#include <fleetprov/core/detail/json_string.hpp>
#include <fleetprov/policies/placeholders.hpp>
#include <fleetprov/policies/render.hpp>
#include <fleetprov/policies/rules.hpp>
#include <fleetprov/topics/arn.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fleetprov::policies::detail {

/// Whether a field is `${NAME}` in the text of Fn::Sub, which the template fills in.
inline bool is_substituted(std::string_view field, bool in_sub) noexcept {
  return in_sub && field.substr(0, 2) == "${" && field.substr(0, 7) != "${AWS::";
}

/// What may stand around a name that --set fills in.
struct brackets {
  std::string_view open, close;
};
inline constexpr std::array<brackets, 3> name_brackets{{{"<", ">"}, {"[", "]"}, {"{{", "}}"}}};

/// Whether a level of an ARN begins at `at`.
constexpr bool begins_level(std::string_view text, std::size_t at) noexcept {
  return at == 0 || text[at - 1] == '/' || text[at - 1] == ':';
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

/// Where the text that an ARN at `at` stands in ends: at the quote (plain or escaped) of the policy text around it.
inline std::size_t quote_after(std::string_view text, std::size_t at) noexcept {
  return std::min(text.find_first_of("\"\\\n", at), text.size());
}

/// Where an ARN that begins at `at` ends: where blanks or commas and another ARN follow, else at `limit`.
inline std::size_t arn_end(std::string_view text, std::size_t at, std::size_t limit) noexcept {
  for (std::size_t next = text.find("arn:", at + 1); next < limit; next = text.find("arn:", next + 1))
    if (const std::size_t end = text.find_last_not_of(" ,\n", next - 1) + 1; end != next) return end;
  return limit;
}

/// How many JSON strings the text that ends at `end` stands in: 1 before a quote, 2 before `\"`, 3 before `\\\"`, ...; 0 where
/// `text` is no JSON.
inline std::size_t json_depth(std::string_view text, std::size_t end) noexcept {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (text[first] != '{' && text[first] != '[') return 0;
  std::size_t depth = 1;
  for (std::size_t slashes = std::min(text.find_first_not_of('\\', end), text.size()) - end; slashes != 0; slashes /= 2) ++depth;
  return depth;
}

/// The values as they have to stand in a text that is `depth` JSON strings deep.
inline render_values escaped(render_values values, std::size_t depth) {
  const auto escape = [](std::string& text) {
    std::string out;
    fleetprov::detail::append_json_escaped(out, text);
    text = std::move(out);
  };
  for (; depth != 0; --depth) {
    for (std::string* one : {&values.region, &values.account, &values.template_name}) escape(*one);
    for (auto& [name, value] : values.set) escape(value);
  }
  return values;
}

class renderer {
 public:
  renderer(const json::document& source, const render_values& values) : source_(source), values_(values) {
    for (const auto& [name, value] : values.set) longest_name_ = std::max(longest_name_, name.size());
  }

  outcome<std::string> run() {
    walk(source_.root(), "", false);
    text_ += source_.text().substr(copied_);
    sort_diagnostics(out_.diagnostics);
    if (out_.diagnostics.empty()) out_.value = std::move(text_);
    return std::move(out_);
  }

  /// The names of --set that the document had, once it has run.
  const std::set<std::string>& used_names() const noexcept { return used_; }

 private:
  /// A value of --set, and how much of the text it stands for.
  struct filling {
    const std::string* value = nullptr;
    std::size_t size = 0;
  };
  filling find_value(std::string_view name, std::size_t size, const render_values& values) {
    const auto known = name.empty() ? values.set.end() : values.set.find(std::string(name));
    if (known == values.set.end()) return {};
    used_.insert(known->first);
    return {&known->second, size};
  }
  /// For NAME or $NAME, all of a level that `text` begins with.
  filling find_level(std::string_view text, const render_values& values) {
    const std::string_view level = text.substr(0, text.find_first_of("/:"));
    const filling found = find_value(level, level.size(), values);
    return found.value != nullptr || level.substr(0, 1) != "$" ? found : find_value(level.substr(1), level.size(), values);
  }
  /// For `<NAME>` and its like that `text` begins with.
  filling find_bracketed(std::string_view text, const render_values& values) {
    for (const brackets& each : name_brackets) {
      if (text.substr(0, each.open.size()) != each.open) continue;
      // No further than a name can reach: linear also for text full of `<`.
      const std::string_view inner = text.substr(each.open.size(), longest_name_ + each.close.size());
      const std::size_t end = inner.find(each.close);
      if (end == std::string_view::npos) return {};
      return find_value(inner.substr(0, end), each.open.size() + end + each.close.size(), values);
    }
    return {};
  }
  /// `text` with the values of --set in it. What is filled in is not read again.
  std::string filled_by_name(std::string_view text, const render_values& values) {
    if (longest_name_ == 0) return std::string(text);
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
      filling found = begins_level(text, at) ? find_level(text.substr(at), values) : filling{};
      if (found.value == nullptr) found = find_bracketed(text.substr(at), values);
      if (found.value != nullptr) out += *found.value;
      else out += text[at];
      at += std::max(found.size, std::size_t{1});
    }
    return out;
  }
  /// What follows the account of an ARN, with the template's name in its level and all else by name.
  std::string filled_resource(std::string_view text, const render_values& values) {
    const text_span level = values.template_name.empty() ? text_span{} : template_level(text);
    if (level.size == 0 || !is_template_placeholder(text.substr(level.at, level.size))) return filled_by_name(text, values);
    return filled_by_name(text.substr(0, level.at), values) + values.template_name +
           filled_by_name(text.substr(level.at + level.size), values);
  }

  /// One ARN with its placeholders filled in.
  std::string render_arn(std::string_view arn, const render_values& values, bool in_sub) {
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
    std::string &partition = fields[1], &region = fields[3], &account = fields[4];
    const std::string region_before = region;
    const bool replaces = values.examples == example_arns::replace;
    const bool example = replaces && is_example_account(account);
    if (!values.region.empty() && !is_substituted(region, in_sub) &&
        ((!is_region(region) && is_region_placeholder(region)) || (example && is_region(region)) ||
         (replaces && is_region(in_double_braces(region)))))
      region = values.region;
    else
      region = filled_by_name(region, values);
    if (!values.account.empty() && !is_substituted(account, in_sub) &&
        ((!is_account(account) && is_account_placeholder(account)) || example ||
         (replaces && is_account(in_double_braces(account)))))
      account = values.account;
    else
      account = filled_by_name(account, values);
    // The partition is that of the region, and whoever left the region open could not know it. Others than these three are
    // nobody's slip.
    const bool is_open = partition == "aws" || partition == "aws-cn" || partition == "aws-us-gov" ||
                         (partition.find_first_of("*?") == std::string::npos && partition.compare(0, 4, "aws-") != 0);
    if (region != region_before && is_region(region) && is_open) partition = topics::partition_of(region);
    std::string out;
    for (const std::string& f : fields) out += f + ':';
    return out + filled_resource(arn.substr(at), values);
  }

  void walk(const json::value& v, const std::string& pointer, bool in_sub) {
    if (v.is_string()) string(v, pointer, in_sub);
    for (std::size_t i = 0; i < v.items.size(); ++i) walk(v.items[i], json::child_pointer(pointer, i), in_sub);
    for (const json::member& m : v.members) {
      const std::string here = json::child_pointer(pointer, m.key);
      if (m.key == "Fn::Join" && joins_arn(m.held)) join(m.held, here, in_sub);
      else walk(m.held, here, in_sub || m.key == "Fn::Sub");
    }
  }

  /// `[SEPARATOR, [PIECE, ...]]` whose first piece is the head of an ARN, not yet with all of its fields.
  static bool joins_arn(const json::value& v) noexcept {
    if (!v.is_array() || v.items.size() != 2 || !v.items[0].is_string() || !v.items[1].is_array() || v.items[1].items.empty())
      return false;
    const json::value& head = v.items[1].items.front();
    return head.is_string() && head.text.substr(0, 3) == "arn" && std::count(head.text.begin(), head.text.end(), ':') < 5;
  }

  /// The pieces of an ARN: each string in the fields where it will stand. Functions between them stay.
  void join(const json::value& v, const std::string& pointer, bool in_sub) {
    const json::value& pieces = v.items[1];
    const auto colons = static_cast<std::size_t>(std::count(v.items[0].text.begin(), v.items[0].text.end(), ':'));
    bool fills_region = false;
    const auto each_part = [&](auto&& use) {
      std::size_t field = 0;
      for (std::size_t i = 0; i < pieces.items.size(); ++i) {
        if (i != 0) field += colons;
        use(pieces.items[i], i, field);
      }
    };
    each_part([&](const json::value& piece, std::size_t, std::size_t& field) {
      for_each_field(piece.text, field, [&](std::string_view part, std::size_t at) {
        fills_region = fills_region || (at == 3 && !values_.region.empty() && is_open_region(part));
      });
    });
    each_part([&](const json::value& piece, std::size_t i, std::size_t& field) {
      const std::string here = json::child_pointer(json::child_pointer(pointer, std::size_t{1}), i);
      if (!piece.is_string()) return walk(piece, here, in_sub);
      std::string made;
      for_each_field(piece.text, field, [&](std::string_view part, std::size_t at) {
        std::string filled = join_field(part, at);
        if (at == 1 && fills_region && filled.substr(0, 3) == "aws") filled = topics::partition_of(values_.region);
        if (const auto left = left_in_field(filled, at)) leftover(piece, here, *left);
        made += (part.data() == piece.text.data() ? "" : ":") + filled;
      });
      replace(piece, made);
    });
  }
  /// The parts of a piece that begins in field `field` of an ARN; the sixth holds all the rest. `field` is then that of its end.
  template <class Use>
  static void for_each_field(std::string_view text, std::size_t& field, Use use) {
    for (;;) {
      const std::size_t colon = field < 5 ? text.find(':') : std::string_view::npos;
      use(text.substr(0, colon), field);
      if (colon == std::string_view::npos) return;
      ++field;
      text.remove_prefix(colon + 1);
    }
  }
  static bool is_open_region(std::string_view part) { return !is_region(part) && is_region_placeholder(part); }
  std::string join_field(std::string_view part, std::size_t field) {
    if (field == 3 && !values_.region.empty() && is_open_region(part)) return values_.region;
    if (field == 4 && !values_.account.empty() && !is_account(part) && is_account_placeholder(part)) return values_.account;
    if (field < 3) return std::string(part);
    return field == 5 ? filled_resource(part, values_) : filled_by_name(part, values_);
  }
  static std::optional<std::string> left_in_field(const std::string& part, std::size_t field) {
    if (const auto marked = find_marked_placeholder(part)) return std::string(*marked);
    if ((field == 3 && is_unfilled_region(part)) || (field == 4 && is_unfilled_account(part))) return part;
    return std::nullopt;
  }
  void string(const json::value& v, const std::string& pointer, bool in_sub) {
    const std::string_view text = v.text;
    std::string made;
    std::size_t at = 0, quote = 0;
    for (;;) {
      const std::size_t found = std::min(text.find("arn:", at), text.size());
      made += text.substr(at, found - at);
      if (found == text.size()) break;
      if (found != 0 && quote <= found) quote = quote_after(text, found);
      const std::size_t limit = found == 0 ? text.size() : quote;
      const std::size_t end = arn_end(text, found, limit);
      const std::size_t depth = found == 0 ? 0 : json_depth(text, limit);
      const std::string arn = depth == 0 ? render_arn(text.substr(found, end - found), values_, in_sub)
                                         : render_arn(text.substr(found, end - found), escaped(values_, depth), in_sub);
      const auto left = find_placeholder(arn);
      if (left && !is_substituted(*left, in_sub)) leftover(v, pointer, *left);
      else if (const std::string_view wrong = find_wrong_head(arn, in_sub); !wrong.empty()) leftover(v, pointer, wrong);
      made += arn;
      at = end;
    }
    // A note in angle brackets where an ARN belongs is a leftover too.
    if (text.find("arn:") == std::string_view::npos && text.size() > 2 && text.front() == '<' && text.back() == '>') {
      const auto known = values_.set.find(std::string(text.substr(1, text.size() - 2)));
      if (known != values_.set.end()) {
        made = known->second;
        used_.insert(known->first);
      } else {
        leftover(v, pointer, text);
      }
    }
    replace(v, made);
  }
  void replace(const json::value& v, const std::string& made) {
    if (made == v.text) return;
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
  std::size_t longest_name_ = 0;
  std::set<std::string> used_;
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
