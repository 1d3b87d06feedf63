#pragma once

#include <cli/requests.hpp>
#include <fleetprov/core/diagnostic.hpp>
#include <fleetprov/json/document.hpp>
#include <fleetprov/policies/render.hpp>
#include <fleetprov/templates/kinds.hpp>

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace fleetprov::cli {

/// A case of `authorize`.
struct authorize_case {
  std::string name;
  std::vector<std::string> policies;  ///< names in `suite::policies`
  question asked;
  std::string certificate;            ///< path, or empty
  std::string expect;                 ///< ALLOWED, EXPLICIT_DENY, IMPLICIT_DENY or DENIED
  source_range where;
};

/// A case of `resolve`.
struct resolve_case {
  std::string name, template_path;
  std::optional<templates::document_kind> kind;
  std::map<std::string, std::string> parameters;
  std::optional<std::string> certificate_id;
  json::value expect;                       ///< a subset of the plan
  std::optional<std::string> expect_error;  ///< or: an error code, or a rule's id or name
  source_range where;
};

/// A suite file (docs/suites.md), read but not run.
struct suite {
  std::map<std::string, std::string> policies;  ///< name to path
  std::optional<policies::render_values> render;  ///< laid over every policy before it is used
  std::vector<authorize_case> authorize;
  std::vector<resolve_case> resolve;
};

/// Reads a suite whose paths are relative to `folder`. Every mistake is an error with its place; findings have no rule.
outcome<suite> parse_suite(const json::document& source, const std::filesystem::path& folder = {});

struct case_result {
  std::string name;
  bool passed = false;
  std::string expected, got;  ///< JSON
  std::string detail;         ///< of a failure: why, in words
  std::vector<std::string> notes;  ///< what is odd about the case, passed or not, a sentence each
};

/// Returns the text of a file that a suite names. Throws `input_error`.
using file_reader = std::function<std::string(const std::string& path)>;

/// Runs every case, in the order of the file; reads every policy that is named, used or not. Throws `input_error` or `document_error` where a policy or template
/// cannot be read: then there is no result.
std::vector<case_result> run_suite(const suite& what, const file_reader& read);

/// The first difference between what is expected and what there is, or "". Members that `expected` lacks are not
/// compared; arrays have to have the same length. A text that holds JSON equals the object it stands for.
std::string find_difference(const json::value& expected, const json::value& got, const std::string& pointer = "");

}  // namespace fleetprov::cli
