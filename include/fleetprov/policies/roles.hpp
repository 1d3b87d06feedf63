#pragma once

#include <fleetprov/core/diagnostic.hpp>
#include <fleetprov/policies/document.hpp>

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace fleetprov::policies {

/// Whose certificate the policy is for: the claim certificate shared by a production line, or the one
/// that a device got by provisioning.
enum class role : std::uint8_t { claim, device };

constexpr std::string_view name_of(role who) noexcept { return who == role::claim ? "claim" : "device"; }

/// What that role must be able to do and cannot, and what it can do and must not: rules P150 to P199.
/// Sorted by place. `template_name` (claim only): the template the claim is for; empty: any one will do.
std::vector<diagnostic> lint_role(const policy_document& policy, role who, std::string_view template_name = {});

/// Whether what a rule of `lint` advises suits the role: a claim certificate has no thing to be attached to.
constexpr bool suits(const rule& broken, role who) noexcept { return who == role::device || broken.id != "P087"; }

}  // namespace fleetprov::policies

#include <fleetprov/policies/detail/lint_roles.hpp>
