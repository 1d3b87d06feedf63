#include <cli/errors.hpp>
#include <cli/output.hpp>

#include <fleetprov/core/utf8.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include <sys/stat.h>
#include <unistd.h>

namespace fleetprov::cli {
namespace {

constexpr std::size_t max_input_bytes = 64 * 1024 * 1024;
constexpr std::size_t max_shown_columns = 120;  // of a source line
constexpr std::size_t shown_before_caret = 60;

struct file_closer {
  void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};

std::string reason(int code) { return std::strerror(code); }

std::string read_stream(std::FILE* in, const std::string& shown) {
  std::string out;
  char block[65536];
  for (;;) {
    const std::size_t got = std::fread(block, 1, sizeof block, in);
    out.append(block, got);
    if (out.size() > max_input_bytes) throw input_error(shown + ": larger than 64 MiB");
    if (got < sizeof block) break;
  }
  if (std::ferror(in) != 0) throw input_error(shown + ": " + reason(errno));
  return out;
}

/// A line cut to what fits a screen around the place of interest; columns of the caret within it.
struct shown_line {
  std::string text;
  std::size_t caret = 0, width = 1;  // code points
};

std::size_t next_code_point(std::string_view text, std::size_t at) noexcept {
  ++at;
  while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U) ++at;
  return at;
}

std::size_t skip_code_points(std::string_view text, std::size_t count) noexcept {
  std::size_t at = 0;
  while (count > 0 && at < text.size()) {
    at = next_code_point(text, at);
    --count;
  }
  return at;
}

/// One column per code point: blanks for control characters, `?` for what is not UTF-8.
std::string flatten(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t end = next_code_point(text, i);
    const std::string_view piece = text.substr(i, end - i);
    const auto lead = static_cast<unsigned char>(piece[0]);
    if (lead < 0x20 || lead == 0x7F) out += ' ';
    else if (!is_valid_utf8(piece) || (lead == 0xC2 && static_cast<unsigned char>(piece[1]) < 0xA0)) out += '?';
    else out += piece;
    i = end;
  }
  return out;
}

shown_line cut_line(std::string_view line, std::size_t first_column, std::size_t last_column) {
  shown_line out;
  std::size_t start = 0;
  const std::size_t total = count_code_points(line);
  if (total > max_shown_columns && first_column > shown_before_caret) start = first_column - shown_before_caret;
  const std::size_t from = skip_code_points(line, start);
  const std::string_view tail = line.substr(from);
  const std::size_t kept = skip_code_points(tail, max_shown_columns);
  out.text = (start > 0 ? "..." : "") + flatten(tail.substr(0, kept)) + (kept < tail.size() ? "..." : "");
  out.caret = first_column - start + (start > 0 ? 3 : 0);
  const std::size_t end = std::min(std::max(last_column, first_column + 1), start + max_shown_columns);
  out.width = end > first_column ? end - first_column : 1;
  return out;
}

}  // namespace

std::string read_input(const std::string& path) {
  if (path == "-") return read_stream(stdin, "standard input");
  const std::unique_ptr<std::FILE, file_closer> file(std::fopen(path.c_str(), "rbe"));
  if (!file) throw input_error("cannot read `" + path + "`: " + reason(errno));
  struct stat facts {};
  if (fstat(fileno(file.get()), &facts) == 0 && S_ISDIR(facts.st_mode))
    throw input_error("cannot read `" + path + "`: it is a folder");
  return read_stream(file.get(), "cannot read `" + path + "`");
}

void print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    throw run_error("cannot write the output: " + reason(errno));
}

void print_error(std::string_view text) noexcept {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

colour colour_for(std::FILE* stream) noexcept {
  if (isatty(fileno(stream)) == 0) return colour::off;
  const char* refused = std::getenv("NO_COLOR");
  if (refused != nullptr && *refused != '\0') return colour::off;
  const char* terminal = std::getenv("TERM");
  return terminal != nullptr && std::strcmp(terminal, "dumb") == 0 ? colour::off : colour::on;
}

std::string paint(std::string_view text, ink what, colour use) {
  if (use == colour::off || what == ink::plain) return std::string(text);
  static constexpr const char* codes[] = {"", "1", "1;31", "1;35", "36", "32"};
  return "\x1b[" + std::string(codes[static_cast<std::size_t>(what)]) + 'm' + std::string(text) + "\x1b[0m";
}

std::string printable(std::string_view text) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t end = next_code_point(text, i);
    const std::string_view piece = text.substr(i, end - i);
    const auto lead = static_cast<unsigned char>(piece[0]);
    if (!is_valid_utf8(piece)) {
      out += "\xEF\xBF\xBD";
    } else if (lead < 0x20 || lead == 0x7F || (lead == 0xC2 && static_cast<unsigned char>(piece[1]) < 0xA0)) {
      const unsigned code = piece.size() == 1 ? lead : static_cast<unsigned char>(piece[1]);
      out += "\\u00";
      out += digits[code >> 4];
      out += digits[code & 15];
    } else {
      out += piece;
    }
    i = end;
  }
  return out;
}

std::string render_text(const source_text& source, const diagnostic& found, colour use) {
  const position begin = source.locate(found.where.begin);
  const position end = source.locate(found.where.end);
  const ink tint = found.level == severity::error     ? ink::red
                   : found.level == severity::warning ? ink::magenta
                                                      : ink::cyan;
  std::string out = paint(printable(source.name) + ':' + std::to_string(begin.line) + ':' +
                              std::to_string(begin.column) + ':', ink::bold, use);
  out += ' ';
  out += paint(std::string(name_of(found.level)) + ':', tint, use);
  out += ' ' + printable(found.message);
  if (found.broken != nullptr)
    out += " [" + std::string(found.broken->id) + ' ' + std::string(found.broken->name) + ']';
  out += '\n';
  const std::string_view line = source.line(begin.line);
  if (!line.empty()) {
    const std::size_t last =
        end.line == begin.line ? end.column : count_code_points(line) + 1;
    const shown_line shown = cut_line(line, begin.column - 1U, last - 1U);
    out += "  " + shown.text + "\n  " + std::string(shown.caret, ' ');
    out += paint('^' + std::string(shown.width - 1, '~'), ink::green, use) + '\n';
  }
  if (!found.help.empty()) out += "  " + paint("help:", ink::bold, use) + ' ' + printable(found.help) + '\n';
  return out;
}

void write_json(json_writer& out, const source_text& source, const diagnostic& found) {
  const position begin = source.locate(found.where.begin);
  const position end = source.locate(found.where.end);
  out.begin_object();
  out.field("rule", found.broken != nullptr ? found.broken->id : std::string_view());
  out.field("name", found.broken != nullptr ? found.broken->name : std::string_view());
  out.field("severity", name_of(found.level)).field("pointer", found.pointer);
  out.field("line", std::int64_t{begin.line}).field("column", std::int64_t{begin.column});
  out.field("end_line", std::int64_t{end.line}).field("end_column", std::int64_t{end.column});
  out.field("message", found.message).field("help", found.help);
  out.end_object();
}

std::string render_all(const source_text& source, const std::vector<diagnostic>& found, colour use) {
  std::string out;
  for (const diagnostic& d : found) out += render_text(source, d, use);
  return out;
}

}  // namespace fleetprov::cli
