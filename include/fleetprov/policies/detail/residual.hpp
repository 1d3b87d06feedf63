#pragma once

#include <fleetprov/policies/pattern.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

// Partial evaluation: what is left of a pattern when the beginning of the value is known.

namespace fleetprov::policies::detail {

/// Positions of a pattern that are reachable, ascending. A run wildcard lets the next position in too.
inline void reach_position(std::vector<char>& reached, std::string_view tokens, std::size_t at) {
  while (true) {
    reached[at] = 1;
    if (at >= tokens.size() || tokens[at] != glob::any_run) return;
    ++at;
  }
}

/// Glob tokens such that `tokens` matches `prefix + x` exactly if one of them matches `x`. Works as a state
/// machine over the prefix: one step per character, states are positions of the pattern.
inline std::vector<std::string> residuals(std::string_view tokens, std::string_view prefix) {
  while (!prefix.empty() && !tokens.empty() && tokens[0] != glob::any_run && tokens[0] != glob::any_one) {
    if (tokens[0] != prefix[0]) return {};
    tokens.remove_prefix(1);
    prefix.remove_prefix(1);
  }
  std::vector<char> now(tokens.size() + 1, 0);
  reach_position(now, tokens, 0);
  for (std::size_t i = 0; i < prefix.size();) {
    const std::size_t end = next_character(prefix, i);
    const std::string_view character = prefix.substr(i, end - i);
    std::vector<char> next(tokens.size() + 1, 0);
    for (std::size_t at = 0; at < tokens.size(); ++at) {
      if (now[at] == 0) continue;
      if (tokens[at] == glob::any_run) reach_position(next, tokens, at);
      else if (tokens[at] == glob::any_one) reach_position(next, tokens, at + 1);
      else if (tokens.substr(at, character.size()) == character) reach_position(next, tokens, at + character.size());
    }
    now = std::move(next);
    i = end;
  }
  std::vector<std::string> out;
  for (std::size_t at = 0; at <= tokens.size(); ++at) {
    if (now[at] == 0) continue;
    const bool covered = at > 0 && now[at - 1] != 0 && tokens[at - 1] == glob::any_run;
    if (!covered) out.emplace_back(tokens.substr(at));
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  const bool all = std::any_of(out.begin(), out.end(),
                               [](const std::string& t) { return t.size() == 1 && t[0] == glob::any_run; });
  if (all) return {std::string(1, glob::any_run)};
  return out;
}

}  // namespace fleetprov::policies::detail
