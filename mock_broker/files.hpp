#pragma once

#include <fleetprov/core/secret.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace fleetprov::mock {

enum class file_access : std::uint8_t { owner_only, everyone_reads };
/// Whether a file must outlive a power cut, or is written anew at each start anyway.
enum class file_life : std::uint8_t { durable, this_start };

/// Writes a file so that a reader sees the old or the new one, never half of it; with `owner_only` its
/// mode is 0600 from the first byte. Follows no link that somebody may have put where it writes.
/// Throws std::runtime_error naming the file, never its contents.
void write_file(const std::filesystem::path& file, std::string_view contents, file_access who,
                file_life how_long = file_life::durable);

/// The whole file, or empty where there is none or it cannot be read.
std::optional<std::string> read_file(const std::filesystem::path& file);

/// The same for a key: its text is nowhere but in the result. At most 64 KiB.
std::optional<secret> read_secret_file(const std::filesystem::path& file);

/// Makes the folder 0700 where it is missing. Throws std::runtime_error.
void make_private_directory(const std::filesystem::path& directory);

}  // namespace fleetprov::mock
