#pragma once

#include <fleetprov/templates/document.hpp>

#include <cstdint>
#include <vector>

namespace fleetprov::templates {

/// What is known about the template's pre-provisioning hook.
enum class hook_presence : std::uint8_t { unknown, absent, present };

/// What the template itself does not say.
struct validation_options {
  hook_presence hook = hook_presence::unknown;  ///< `present`: nothing is found about a missing one
};

/// Findings that need more than the grammar: references, map keys, Select bounds, names that can leave
/// their alphabet, inline policies (checked as policies, with places inside an escaped string), missing
/// or repeated resources, override hazards, missing hook. `parse` has reported the rest. Sorted.
std::vector<diagnostic> validate(const provisioning_template& subject, const validation_options& options = {});

}  // namespace fleetprov::templates

#include <fleetprov/templates/detail/validator.hpp>
