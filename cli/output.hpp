#pragma once

#include <cli/json_writer.hpp>
#include <fleetprov/core/diagnostic.hpp>
#include <fleetprov/json/document.hpp>

#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace fleetprov::cli {

/// Reads a file, or standard input for `-`. Throws `input_error` when it cannot be read, is a folder or
/// is larger than 64 MiB.
std::string read_input(const std::string& path);

/// Writes to standard output. Throws `run_error` when that fails (a full disk).
void print(std::string_view text);
/// The same to standard error, failures ignored: there is nobody left to tell.
void print_error(std::string_view text) noexcept;

enum class colour : std::uint8_t { off, on };
/// On for a terminal, unless NO_COLOR is set to anything or TERM is `dumb` (https://no-color.org).
colour colour_for(std::FILE* stream) noexcept;

enum class ink : std::uint8_t { plain, bold, red, magenta, cyan, green };
/// `text` between escape sequences, or as it is.
std::string paint(std::string_view text, ink what, colour use);

/// `text` on one line and safe for a terminal: control characters and what is not UTF-8 become visible.
std::string printable(std::string_view text);

/// A text with its lines: of a document, whether or not it is JSON.
struct source_text {
  std::string name;  ///< the path as given
  std::string text;
  json::line_table lines;

  source_text() = default;
  source_text(std::string path, std::string content)
      : name(std::move(path)), text(std::move(content)), lines(text) {}
  position locate(std::uint32_t offset) const noexcept { return lines.locate(text, offset); }
  std::string_view line(std::uint32_t number) const noexcept { return lines.line(text, number); }
};

/// A finding as people read it: place, message, rule, source line with a caret, help. Several lines,
/// the last one ended.
std::string render_text(const source_text& source, const diagnostic& found, colour use);

/// The members of one entry of `diagnostics` in `check --format json`.
void write_json(json_writer& out, const source_text& source, const diagnostic& found);

/// For input that must be good (exit 2): the findings as text; the first line has no `fleetprov` prefix.
std::string render_all(const source_text& source, const std::vector<diagnostic>& found, colour use);

}  // namespace fleetprov::cli
