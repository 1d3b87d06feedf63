#pragma once

#include <fleetprov/core/diagnostic.hpp>
#include <fleetprov/json/document.hpp>
#include <fleetprov/policies/document.hpp>

#include <vector>

namespace fleetprov::policies {

/// What the grammar allows and a person would not have meant: rules P014 and P050 to P149. Warnings and
/// notes only; the errors are `parse`'s. Sorted by place. The answer does not depend on `source`, which
/// may be null: places are those of the document's own nodes.
///
/// Time is bounded whatever the document: the questions about whole pattern languages share a budget of
/// steps, and what cannot be decided within it is not reported.
std::vector<diagnostic> lint(const policy_document& policy, const json::document* source = nullptr);

}  // namespace fleetprov::policies

#include <fleetprov/policies/detail/lint_document.hpp>
