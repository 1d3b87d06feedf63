#pragma once

#include <fleetprov/policies/evaluate.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace fleetprov::policies {

/// Why a request was decided as it was, for someone who has never seen an IAM policy.
struct explanation {
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  std::size_t nearest = none;       ///< index into `verdict::statements`: the deciding one, or of a denial the nearest
  std::string why;                  ///< a sentence, lower case, no full stop
  std::string corrected_resource;   ///< for a denial: an entry that would match, to paste; empty if the resource is not the problem
};

/// `given` is what `evaluate` said for the same arguments. Of a denial for want of an Allow, the nearest
/// statement is one that fails by its condition only, else the one whose action matches and whose resource
/// comes closest.
explanation explain(const std::vector<named_document>& documents, const request& asked, const verdict& given);

}  // namespace fleetprov::policies

#include <fleetprov/policies/detail/explainer.hpp>
