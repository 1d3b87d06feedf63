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

/// Lines that were made for a terminal, as a message for a program: without what `paint` added and without the last line
/// break; other control characters become visible as in `printable`.
std::string uncoloured(std::string_view lines);

/// A text with its lines: of a document, whether or not it is JSON. A place costs the same whatever the length of its
/// line, so that a long document on one line with many findings stays cheap.
class source_text {
 public:
  std::string name;  ///< the path as given

  source_text() = default;
  source_text(std::string path, std::string content);

  std::string_view text() const noexcept { return text_; }
  /// 1-based line and column in code points; an offset behind the end is the end.
  position locate(std::uint32_t offset) const noexcept;
  /// The text of a 1-based line without its line break.
  std::string_view line(std::uint32_t number) const noexcept;
  /// The byte offset where a 1-based line starts.
  std::size_t line_start(std::uint32_t number) const noexcept;

 private:
  std::size_t code_points_before(std::size_t offset) const noexcept;

  std::string text_;
  std::vector<std::uint32_t> starts_;  // of lines
  std::vector<std::uint32_t> counts_;  // code points before each block of bytes
};

/// A finding as people read it: place, message, rule, source line with a caret, help. Several lines,
/// the last one ended.
std::string render_text(const source_text& source, const diagnostic& found, colour use);

/// The members of one entry of `diagnostics` in `check --format json`.
void write_json(json_writer& out, const source_text& source, const diagnostic& found);

/// For input that must be good (exit 2): the first findings as text, then how many more there are.
std::string render_all(const source_text& source, const std::vector<diagnostic>& found, colour use);

}  // namespace fleetprov::cli
