#pragma once

#include <fleetprov/core/diagnostic.hpp>
#include <mock_broker/certificate_authority.hpp>
#include <mock_broker/fleet_service.hpp>
#include <mock_broker/registry.hpp>
#include <mock_broker/seed_options.hpp>

#include <filesystem>

namespace fleetprov::mock {

/// Brings the folder's world to what the command line asks for. A folder gets its defaults once; later starts leave what the
/// API made of it, deletions included, except where the command line gives a document that it did not give last time: that
/// one becomes a new default version (the oldest other version goes when the limit is reached).
/// Throws aws_error for a document that AWS would refuse, storage_error.
seed_report seed_default_world(registry& world, const certificate_authority& authority,
                               const std::filesystem::path& directory, const seed_options& wanted);

}  // namespace fleetprov::mock
