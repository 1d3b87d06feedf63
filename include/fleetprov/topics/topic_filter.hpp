#pragma once

#include <fleetprov/core/result.hpp>
#include <fleetprov/topics/detail/parts.hpp>
#include <fleetprov/topics/topic_name.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace fleetprov::topics {

/// What a shared subscription begins with. MQTT 5 section 4.8.2.
inline constexpr std::string_view shared_prefix = "$share/";

/// `$share/<name>/<filter>`; views into the text that was split.
struct shared_subscription {
  std::string_view name;    ///< empty for an ordinary subscription
  std::string_view filter;  ///< what messages are matched against
  bool is_shared = false;   ///< the text starts with `$share/`
};

/// Splits off `$share/<name>/`. Never fails: a text that starts with `$share/` and lacks the second
/// slash gives an empty filter, which `validate_topic_filter` refuses. MQTT 5 section 4.8.2.
constexpr shared_subscription parse_share(std::string_view filter) noexcept {
  if (detail::before(filter, shared_prefix.size()) != shared_prefix) return {{}, filter, false};
  const std::string_view rest = detail::after(filter, shared_prefix.size());
  const std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return {rest, {}, true};
  return {detail::before(rest, slash), detail::after(rest, slash + 1), true};
}

/// Whether a client may send `filter` in a SUBSCRIBE as far as its text goes: not empty, UTF-8, no NUL,
/// `#` alone in the last level, `+` alone in its level (MQTT 5 section 4.7), share names of at most
/// 128 bytes without wildcards, and AWS's 256 bytes and 7 slashes (not counting `$share/NAME/`)
/// unless `rules` is `mqtt`.
/// Errors: `invalid_topic_filter`, `invalid_utf8`, `too_large`, with the offset of the first offending byte.
constexpr result<void> validate_topic_filter(std::string_view filter, dialect rules = dialect::aws) noexcept {
  const auto fail = [](std::size_t at) {
    return result<void>(errc::invalid_topic_filter, static_cast<std::uint32_t>(at));
  };
  const shared_subscription share = parse_share(filter);
  const std::size_t base = filter.size() - share.filter.size();
  if (share.is_shared) {
    constexpr std::size_t start = shared_prefix.size();
    if (share.name.empty()) return fail(start);
    const std::size_t wildcard = share.name.find_first_of(std::string_view("+#\0", 3));
    if (wildcard != std::string_view::npos) return fail(start + wildcard);
    const std::size_t bad = find_invalid_utf8(share.name);
    if (bad != share.name.size()) return {errc::invalid_utf8, static_cast<std::uint32_t>(start + bad)};
    if (rules == dialect::aws && share.name.size() > limits::max_share_name_bytes)
      return {errc::too_large, static_cast<std::uint32_t>(start + limits::max_share_name_bytes)};
  }
  const std::string_view text = share.filter;
  if (text.empty()) return fail(base);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '+' && text[i] != '#') continue;
    const bool starts_level = i == 0 || text[i - 1] == '/';
    const bool ends_level = i + 1 == text.size() || (text[i] == '+' && text[i + 1] == '/');
    if (!starts_level || !ends_level) return fail(base + i);
  }
  const result<void> written = detail::validate_topic_text(text, rules, base);
  if (!written && written.error().code == errc::invalid_topic) return fail(written.error().offset);
  return written;
}

/// Whether a message published to `topic` reaches a subscription to `filter` (case-sensitive, level by
/// level). `+` is one level, a final `#` all that follow; neither matches a first level that begins
/// with `$` (MQTT 5 section 4.7.2). Under `aws`, `a/#` matches `a/` and `a/b` but not `a` (AWS IoT
/// Core, "MQTT topics": differences from the specification).
/// An invalid filter matches nothing; `topic` is taken to be valid. Shared subscriptions are matched by
/// `parse_share(filter).filter`. Time: one pass over both texts.
constexpr bool matches(std::string_view filter, std::string_view topic, dialect rules = dialect::aws) noexcept {
  if (filter.empty() || topic.empty()) return false;
  if (topic[0] == '$' && (filter[0] == '+' || filter[0] == '#')) return false;
  const char* f = filter.data();
  const char* t = topic.data();
  const char* const f_end = f + filter.size();
  const char* const t_end = t + topic.size();
  for (;;) {  // both stand at the start of a level
    if (f != f_end && *f == '#') return f + 1 == f_end;
    if (f != f_end && *f == '+') {
      ++f;
      while (t != t_end && *t != '/') ++t;
    } else {
      while (f != f_end && t != t_end && *f == *t && *t != '/') ++f, ++t;
    }
    if (t == t_end) {
      if (f == f_end) return true;
      return rules == dialect::mqtt && f_end - f == 2 && f[0] == '/' && f[1] == '#';
    }
    if (f == f_end || *f != '/' || *t != '/') return false;
    ++f;
    ++t;
  }
}

namespace detail {

/// Whether some topic could match both, where `meet(a, b)` says whether two levels without `#` could be one.
template <class Meet>
constexpr bool overlap_by_level(std::string_view a, std::string_view b, Meet meet) noexcept {
  if (a.empty() || b.empty()) return false;
  const auto wild = [](std::string_view text) { return text[0] == '+' || text[0] == '#'; };
  if ((a[0] == '$' && wild(b)) || (b[0] == '$' && wild(a))) return false;
  for (;;) {
    const std::size_t a_slash = a.find('/');
    const std::size_t b_slash = b.find('/');
    const std::string_view a_level = detail::before(a, a_slash);
    const std::string_view b_level = detail::before(b, b_slash);
    if (a_level == "#" || b_level == "#") return true;
    if (!meet(a_level, b_level)) return false;
    if (a_slash == std::string_view::npos || b_slash == std::string_view::npos) return a_slash == b_slash;
    a.remove_prefix(a_slash + 1);
    b.remove_prefix(b_slash + 1);
  }
}

constexpr bool levels_meet(std::string_view a, std::string_view b) noexcept { return a == "+" || b == "+" || a == b; }

}  // namespace detail

/// Whether some topic could match both filters under AWS's rules. Texts without wildcards are topics.
/// Time: one pass over both texts.
constexpr bool overlap(std::string_view a, std::string_view b) noexcept {
  return detail::overlap_by_level(a, b, detail::levels_meet);
}

}  // namespace fleetprov::topics
