#pragma once

#include <cli/documents.hpp>

#include <string>
#include <vector>

namespace fleetprov::cli {

/// The findings as one SARIF 2.1.0 log that GitHub code scanning accepts: all rules with their help, paths
/// relative to the working folder, columns in code points, a fingerprint per finding that survives
/// lines being added above it.
std::string render_sarif(const std::vector<checked_document>& files);

/// The URI reference of a path as given: relative where it lies below `folder`, percent-encoded.
std::string artifact_uri(std::string_view path, std::string_view folder);

}  // namespace fleetprov::cli
