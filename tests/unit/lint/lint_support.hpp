#pragma once
// Documents in, rule ids out.

#include <tests/support/catch.hpp>

#include <fleetprov/policies/lint.hpp>
#include <fleetprov/policies/render.hpp>
#include <fleetprov/policies/roles.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace test {

inline fleetprov::policies::policy_document parse_policy(const std::string& text) {
  auto parsed = fleetprov::policies::parse_text(text);
  for (const auto& d : parsed.diagnostics) UNSCOPED_INFO(d.broken->id << " " << d.message);
  REQUIRE(parsed.value.has_value());
  return std::move(*parsed.value);
}

inline std::vector<fleetprov::diagnostic> lint_text(const std::string& text) {
  return fleetprov::policies::lint(parse_policy(text));
}

inline std::vector<fleetprov::diagnostic> role_text(const std::string& text, fleetprov::policies::role who,
                                                    std::string_view name = {}) {
  return fleetprov::policies::lint_role(parse_policy(text), who, name);
}

inline bool fires(const std::vector<fleetprov::diagnostic>& found, std::string_view id) {
  return std::any_of(found.begin(), found.end(), [&](const auto& d) { return d.broken->id == id; });
}

inline fleetprov::diagnostic only(const std::vector<fleetprov::diagnostic>& found, std::string_view id) {
  REQUIRE(std::count_if(found.begin(), found.end(), [&](const auto& d) { return d.broken->id == id; }) == 1);
  return *std::find_if(found.begin(), found.end(), [&](const auto& d) { return d.broken->id == id; });
}

inline std::vector<std::string> ids(const std::vector<fleetprov::diagnostic>& found) {
  std::vector<std::string> out;
  for (const auto& d : found) out.emplace_back(d.broken->id);
  return out;
}

/// The help of the first finding of a rule, or `-` where it has none.
inline std::string help_of(const std::vector<fleetprov::diagnostic>& found, std::string_view id) {
  for (const auto& d : found)
    if (d.broken->id == id) return d.help;
  return "-";
}

inline bool says(const std::vector<fleetprov::diagnostic>& found, const std::string& message) {
  return std::any_of(found.begin(), found.end(), [&](const auto& d) { return d.message == message; });
}

inline const std::string arn = "arn:aws:iot:us-east-1:123456789012:";

/// One Allow or Deny statement; `resource` is what follows the account.
inline std::string statement(const std::string& effect, const std::string& action, const std::string& resource,
                             const std::string& more = "") {
  const std::string whole = resource == "*" ? resource : arn + resource;
  return R"({"Effect":")" + effect + R"(","Action":")" + action + R"(","Resource":")" + whole + "\"" + more + "}";
}

/// One statement with several actions and resources; a resource is what follows the account.
inline std::string statement_of(const std::string& effect, const std::vector<std::string>& actions,
                                const std::vector<std::string>& resources, const std::string& more = "") {
  const auto list = [](const std::vector<std::string>& all, const std::string& before) {
    std::string out;
    for (const std::string& one : all) out += (out.empty() ? "[\"" : ",\"") + before + one + "\"";
    return out + "]";
  };
  return R"({"Effect":")" + effect + R"(","Action":)" + list(actions, "") + R"(,"Resource":)" + list(resources, arn) +
         more + "}";
}

inline std::string policy(const std::vector<std::string>& statements) {
  std::string out = R"({"Version":"2012-10-17","Statement":[)";
  for (std::size_t i = 0; i < statements.size(); ++i) out += (i == 0 ? "" : ",") + statements[i];
  return out + "]}";
}

/// A policy of one statement of whatever shape.
inline std::string raw(const std::string& members) { return policy({"{" + members + "}"}); }

inline std::string slurp(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace test
