#include <cli/sarif.hpp>

#include <fleetprov/core/detail/hex.hpp>
#include <fleetprov/version.hpp>

#include <cstdint>
#include <map>

#include <unistd.h>

namespace fleetprov::cli {
namespace {

std::string_view level_of(severity level) noexcept { return name_of(level); }  // SARIF has the same three words

std::string sentence(std::string_view text) {
  std::string out(text);
  if (!out.empty() && out[0] >= 'a' && out[0] <= 'z') out[0] = static_cast<char>(out[0] - 32);
  if (!out.empty() && out.back() != '.' && out.back() != '?') out += '.';
  return out;
}

std::string fenced(std::string_view code) { return "```json\n" + printable(code) + "\n```\n"; }

void write_rule(json_writer& out, const rule& r) {
  const std::string why = std::string(r.why) + "\n\nSource: " + std::string(r.source);
  out.begin_object().field("id", r.id).field("name", r.name);
  out.key("shortDescription").begin_object().field("text", sentence(r.summary)).end_object();
  out.key("fullDescription").begin_object().field("text", r.why).end_object();
  out.key("defaultConfiguration").begin_object().field("level", level_of(r.level)).end_object();
  out.key("help").begin_object();
  out.field("text", why + "\n\nInstead of:\n" + printable(r.bad) + "\nwrite:\n" + printable(r.good));
  out.field("markdown", why + "\n\nInstead of:\n" + fenced(r.bad) + "\nwrite:\n" + fenced(r.good)).end_object();
  out.key("properties").begin_object().key("tags").begin_array();
  out.text(r.id[0] == 'P' ? "policy" : r.id[0] == 'T' ? "template" : "json").text("aws-iot").end_array();
  out.field("precision", "high");
  out.field("problem.severity", r.level == severity::note ? "recommendation" : name_of(r.level)).end_object();
  out.end_object();
}

std::uint64_t mix(std::uint64_t hash, std::string_view text) noexcept {  // FNV-1a
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 1099511628211ULL;
  }
  return (hash ^ 0xFFU) * 1099511628211ULL;
}

std::string hex(std::uint64_t value) {
  std::string out(16, '0');
  for (std::size_t i = 16; i-- > 0; value >>= 4U) out[i] = detail::hex_digits[value & 15U];
  return out;
}

std::string trimmed(std::string_view line) {
  std::string out;
  for (const char c : line)
    if (c != ' ' && c != '\t') out += c;
  return out;
}

void write_region(json_writer& out, const source_text& source, const source_range& where) {
  const position begin = source.locate(where.begin);
  const position end = source.locate(where.end);
  out.key("region").begin_object();
  out.field("startLine", std::int64_t{begin.line}).field("startColumn", std::int64_t{begin.column});
  out.field("endLine", std::int64_t{end.line}).field("endColumn", std::int64_t{end.column}).end_object();
}

}  // namespace

std::string artifact_uri(std::string_view path, std::string_view folder) {
  if (path == "-") return "stdin";
  std::string out;
  if (!folder.empty() && path.size() > folder.size() + 1 && path.substr(0, folder.size()) == folder && path[folder.size()] == '/')
    path.remove_prefix(folder.size() + 1);
  else if (!path.empty() && path[0] == '/') out = "file://";
  while (path.substr(0, 2) == "./") path.remove_prefix(2);
  for (const char c : path) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~/").find(c) != std::string_view::npos;
    if (plain) {
      out += c;
    } else {
      detail::append_hex(out += '%', static_cast<std::uint8_t>(c), detail::upper_case_hex_digits);
    }
  }
  return out;
}

std::string render_sarif(const std::vector<checked_document>& files) {
  char buffer[4096];
  const char* folder = getcwd(buffer, sizeof buffer);
  json_writer out;
  out.begin_object().field("$schema", "https://json.schemastore.org/sarif-2.1.0.json").field("version", "2.1.0");
  out.key("runs").begin_array().begin_object();
  out.key("tool").begin_object().key("driver").begin_object();
  out.field("name", "fleetprov").field("version", FLEETPROV_VERSION).field("semanticVersion", FLEETPROV_VERSION);
  out.key("rules").begin_array();
  std::map<std::string_view, std::int64_t> index;
  for (const rule* r : all_rules()) {
    index.emplace(r->id, static_cast<std::int64_t>(index.size()));
    write_rule(out, *r);
  }
  out.end_array().end_object().end_object();
  out.field("columnKind", "unicodeCodePoints");
  out.key("results").begin_array();
  for (const checked_document& file : files) {
    std::map<std::uint64_t, int> seen;
    const std::string uri = artifact_uri(file.source.name, folder != nullptr ? folder : "");
    for (const diagnostic& d : file.diagnostics) {
      const std::string_view id = d.broken != nullptr ? d.broken->id : std::string_view("J001");
      const std::string line = trimmed(file.source.line(file.source.locate(d.where.begin).line).substr(0, 4096));
      const std::uint64_t hash = mix(mix(mix(14695981039346656037ULL, id), d.message), line);
      out.begin_object().field("ruleId", id).field("ruleIndex", index[id]).field("level", level_of(d.level));
      out.key("message").begin_object();
      out.field("text", sentence(d.message) + (d.help.empty() ? "" : " " + sentence(d.help))).end_object();
      out.key("locations").begin_array().begin_object().key("physicalLocation").begin_object();
      out.key("artifactLocation").begin_object().field("uri", uri).end_object();
      write_region(out, file.source, d.where);
      out.end_object();
      if (!d.pointer.empty())
        out.key("logicalLocations").begin_array().begin_object().field("fullyQualifiedName", d.pointer).end_object().end_array();
      out.end_object().end_array();
      out.key("partialFingerprints").begin_object();
      out.field("primaryLocationLineHash", hex(hash) + ":" + std::to_string(++seen[hash])).end_object();
      out.end_object();
    }
  }
  out.end_array().end_object().end_array().end_object();
  return out.take() + "\n";
}

}  // namespace fleetprov::cli
