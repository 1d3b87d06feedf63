#pragma once

#include <cli/output.hpp>
#include <fleetprov/policies/document.hpp>
#include <fleetprov/policies/roles.hpp>
#include <fleetprov/templates/document.hpp>
#include <fleetprov/templates/kinds.hpp>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fleetprov::cli {

/// What `check` wants to know besides the document.
struct check_options {
  std::optional<templates::document_kind> kind;  ///< absent: by content
  std::optional<policies::role> role;            ///< for policies only
  std::string template_name;                     ///< with role `claim`
  std::vector<std::string> disabled;             ///< rule ids
};

/// One file with everything that was found in it, sorted by place.
struct checked_document {
  source_text source;
  templates::document_kind kind = templates::document_kind::unknown;
  bool is_suite = false;  ///< a suite of `fleetprov test`: nothing is checked here, kind is `unknown`
  std::vector<diagnostic> diagnostics;

  /// The word for the kind: of `--kind`, or `test-suite`, or `unknown`.
  std::string_view kind_name() const noexcept { return is_suite ? "test-suite" : templates::name_of(kind); }
  /// How many of exactly this level.
  std::size_t count(severity level) const noexcept;
};

/// Runs everything `fleetprov check` runs on one document. The same for the mock's command line.
checked_document check_document(std::string name, std::string text, const check_options& options);

/// A policy that may be evaluated. Throws `document_error` with its errors in text form where it is none.
policies::policy_document read_policy(const std::string& name, std::string text);

/// A template that may be resolved, from a template body, a CreateProvisioningTemplate input or a registration
/// config. Throws `document_error` with its errors in text form.
templates::provisioning_template read_template(const std::string& name, std::string text,
                                               std::optional<templates::document_kind> kind);

/// The kinds of `--kind`, without `auto`.
std::vector<std::string> kind_names();

/// Every rule of the product, by id.
std::vector<const rule*> all_rules();
/// The rule with this id, or those with this name (policies and templates share a few); letter case ignored.
std::vector<const rule*> find_rules(std::string_view id_or_name);
/// "; did you mean ...?" among ids and names, or "".
std::string suggest_rule(std::string_view word);

/// Reads `{"NAME":"VALUE", ...}` from the command line: the text itself, `@FILE`, or `-` for standard input.
/// Throws `usage_error` or `document_error` where it is no object of strings.
std::map<std::string, std::string> read_parameters(const std::string& argument);

}  // namespace fleetprov::cli
