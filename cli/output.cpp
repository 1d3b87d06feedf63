#include <cli/errors.hpp>
#include <cli/output.hpp>

#include <fleetprov/core/detail/hex.hpp>
#include <fleetprov/core/utf8.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

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

constexpr std::size_t block_bytes = 1024;       // between counts of code points
constexpr std::size_t max_listed = 20;           // findings of an input that must be good

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

std::size_t back_code_points(std::string_view text, std::size_t at, std::size_t count) noexcept {
  for (; count > 0 && at > 0; --count) {
    --at;
    while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U) --at;
  }
  return at;
}

std::size_t forward_code_points(std::string_view text, std::size_t at, std::size_t count) noexcept {
  for (; count > 0 && at < text.size(); --count) at = next_code_point(text, at);
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

/// `begin` and `end` are bytes of the line.
shown_line cut_line(std::string_view line, std::size_t begin, std::size_t end) {
  const std::size_t from = back_code_points(line, begin, shown_before_caret);
  const std::size_t head = count_code_points(line.substr(from, begin - from));
  const std::size_t to = forward_code_points(line, begin, max_shown_columns - head);
  shown_line out;
  const bool cut_before = from > 0 && count_code_points(line.substr(0, std::min<std::size_t>(line.size(), 512))) > max_shown_columns;
  const std::size_t first = cut_before ? from : 0;
  out.text = (cut_before ? "..." : "") + flatten(line.substr(first, to - first)) + (to < line.size() ? "..." : "");
  out.caret = count_code_points(line.substr(first, begin - first)) + (cut_before ? 3 : 0);
  out.width = std::max<std::size_t>(1, count_code_points(line.substr(begin, std::min(end, to) - begin)));
  return out;
}

}  // namespace

source_text::source_text(std::string path, std::string content) : name(std::move(path)), text_(std::move(content)) {
  starts_.push_back(0);
  std::uint32_t points = 0;
  for (std::size_t i = 0; i < text_.size(); ++i) {
    if (i % block_bytes == 0) counts_.push_back(points);
    if ((static_cast<unsigned char>(text_[i]) & 0xC0U) != 0x80U) ++points;
    if (text_[i] == '\n') starts_.push_back(static_cast<std::uint32_t>(i + 1));
  }
}

std::size_t source_text::code_points_before(std::size_t offset) const noexcept {
  if (counts_.empty()) return 0;
  const std::size_t block = std::min(offset / block_bytes, counts_.size() - 1);
  return counts_[block] + count_code_points(text().substr(block * block_bytes, offset - block * block_bytes));
}

position source_text::locate(std::uint32_t offset) const noexcept {
  if (starts_.empty()) return {1, 1};
  const std::size_t at = std::min<std::size_t>(offset, text_.size());
  const auto next = std::upper_bound(starts_.begin(), starts_.end(), at);
  const std::size_t column = code_points_before(at) - code_points_before(*(next - 1)) + 1;
  return {static_cast<std::uint32_t>(next - starts_.begin()), static_cast<std::uint32_t>(column)};
}

std::size_t source_text::line_start(std::uint32_t number) const noexcept {
  return number == 0 || number > starts_.size() ? text_.size() : starts_[number - 1];
}

std::string_view source_text::line(std::uint32_t number) const noexcept {
  const std::size_t begin = line_start(number);
  std::size_t end = line_start(number + 1);
  while (end > begin && (text_[end - 1] == '\n' || text_[end - 1] == '\r')) --end;
  return text().substr(begin, end - begin);
}

std::string read_input(const std::string& path) {
  if (path == "-") {
    static bool is_read = false;  // a second reading would find nothing and call that an empty document
    if (std::exchange(is_read, true)) throw usage_error("`-` is given twice, and standard input can be read only once");
    return read_stream(stdin, "standard input");
  }
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
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t end = next_code_point(text, i);
    const std::string_view piece = text.substr(i, end - i);
    const auto lead = static_cast<unsigned char>(piece[0]);
    if (!is_valid_utf8(piece)) {
      out += "\xEF\xBF\xBD";
    } else if (lead < 0x20 || lead == 0x7F || (lead == 0xC2 && static_cast<unsigned char>(piece[1]) < 0xA0)) {
      detail::append_hex(out += "\\u00", static_cast<std::uint8_t>(piece.back()));
    } else {
      out += piece;
    }
    i = end;
  }
  return out;
}

std::string uncoloured(std::string_view lines) {
  std::string out;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::size_t end = lines.substr(i, 2) == "\x1b[" ? lines.find_first_not_of("0123456789;", i + 2) : std::string_view::npos;
    if (end != std::string_view::npos && lines[end] == 'm') i = end;
    else out += lines[i];
  }
  while (!out.empty() && out.back() == '\n') out.pop_back();
  std::string shown;
  for (std::size_t begin = 0, end = 0; end != std::string::npos; begin = end + 1) {
    end = out.find('\n', begin);
    shown += printable(std::string_view(out).substr(begin, end - begin));
    if (end != std::string::npos) shown += '\n';
  }
  return shown;
}

std::string render_text(const source_text& source, const diagnostic& found, colour use) {
  const position begin = source.locate(found.where.begin);
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
  if (const std::string_view line = source.line(begin.line); !line.empty()) {
    const std::size_t start = source.line_start(begin.line);
    const auto within = [&](std::size_t offset) { return std::min(offset - std::min(offset, start), line.size()); };
    const shown_line shown = cut_line(line, within(found.where.begin), std::max(within(found.where.begin), within(found.where.end)));
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
  const std::size_t shown = std::min(found.size(), max_listed);
  for (std::size_t i = 0; i < shown; ++i) out += render_text(source, found[i], use);
  if (shown < found.size()) out += printable(source.name) + ": and " + std::to_string(found.size() - shown) + " more\n";
  return out;
}

}  // namespace fleetprov::cli
