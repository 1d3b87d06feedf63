#pragma once

#include <fleetprov/core/diagnostic.hpp>
#include <mock_broker/certificate_authority.hpp>
#include <mock_broker/fleet_service.hpp>
#include <mock_broker/registry.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fleetprov::mock {

/// A document given on the command line: NAME=FILE, already read.
struct named_text {
  std::string name, text;
};

struct seed_options {
  bool empty = false;                        ///< no default policy, template or claim
  std::vector<named_text> policies;          ///< created, attached to nothing
  std::optional<named_text> claim_policy;    ///< replaces the default claim certificate's policy
  std::vector<named_text> templates;         ///< created enabled; the default claim certificate may use them
  std::vector<std::pair<std::string, std::string>> hooks;  ///< template -> lambda name, stored as the template's hook
};

struct seed_report {
  std::optional<std::string> claim_certificate_id;  ///< empty with `empty`
  std::filesystem::path claim_certificate, claim_key;  ///< DIR/claim.pem.crt, DIR/claim.pem.key (0600)
  std::vector<std::string> policies, templates;        ///< names, sorted: all of the world
};

/// Brings the folder's world to what the command line asks for; what is there already stays. A changed
/// document adds a new default version (the oldest other version goes when the limit is reached).
/// Throws aws_error for a document that AWS would refuse, storage_error.
seed_report seed_default_world(registry& world, const certificate_authority& authority,
                               const std::filesystem::path& directory, const seed_options& wanted);

}  // namespace fleetprov::mock
