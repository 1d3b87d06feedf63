#include <cli/commands.hpp>
#include <cli/documents.hpp>
#include <cli/output.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace fleetprov::cli {
namespace {

struct rules_arguments {
  std::string wanted, shape = "text";
};

std::string_view family_of(const rule& r) noexcept {
  return r.id[0] == 'P' ? "Policies" : r.id[0] == 'T' ? "Templates and what surrounds them" : "Any JSON document";
}

std::string indented(std::string_view text) {
  std::string out = "  ";
  for (const char c : text) {
    out += c;
    if (c == '\n') out += "  ";
  }
  return out + '\n';
}

std::string visible(std::string_view example) {
  std::string out;
  std::size_t from = 0;
  for (std::size_t at = example.find('\n'); at != std::string_view::npos; at = example.find('\n', from)) {
    out += printable(example.substr(from, at - from)) + '\n';
    from = at + 1;
  }
  return out + printable(example.substr(from));
}

std::string render_list(const std::vector<const rule*>& all, colour use) {
  std::size_t width = 0;
  for (const rule* r : all) width = std::max(width, r->name.size());
  std::string out;
  for (const rule* r : all) {
    const ink tint = r->level == severity::error ? ink::red : r->level == severity::warning ? ink::magenta : ink::cyan;
    const std::string level(name_of(r->level));
    out += std::string(r->id) + "  " + paint(level, tint, use) + std::string(9 - level.size(), ' ') + std::string(r->name) +
           std::string(width + 2 - r->name.size(), ' ') + std::string(r->summary) + '\n';
  }
  return out;
}

std::string render_one(const rule& r, colour use) {
  std::string out = paint(std::string(r.id) + ' ' + std::string(r.name), ink::bold, use) + " (" + std::string(name_of(r.level)) +
                    ")\n" + std::string(r.summary) + "\n\n" + std::string(r.why) + "\n\n";
  out += "instead of\n" + indented(visible(r.bad)) + "write\n" + indented(visible(r.good));
  return out + "\nsource: " + std::string(r.source) + '\n';
}

std::string render_each(const std::vector<const rule*>& all, colour use) {
  std::string out;
  for (const rule* r : all) out += (out.empty() ? "" : "\n") + render_one(*r, use);
  return out;
}

void write_rule(json_writer& out, const rule& r) {
  out.begin_object().field("id", r.id).field("name", r.name).field("severity", name_of(r.level)).field("summary", r.summary);
  out.field("why", r.why).field("source", r.source).field("bad", r.bad).field("good", r.good).end_object();
}

std::string render_json(const std::vector<const rule*>& all) {
  json_writer out;
  out.begin_object().key("rules").begin_array();
  for (const rule* r : all) write_rule(out, *r);
  out.end_array().end_object();
  return out.take() + "\n";
}

/// Prose for Markdown: what Markdown or HTML would take for markup outside code becomes text.
std::string markdown_text(std::string_view text) {
  std::string out;
  bool in_code = false;
  for (const char c : text) {
    if (c == '`') in_code = !in_code;
    if (!in_code && (c == '<' || c == '>' || c == '*' || c == '_' || c == '|')) out += '\\';
    out += c;
  }
  return out;
}

std::string render_markdown(const std::vector<const rule*>& all) {
  std::string out = "# Rules\n\nMade by `fleetprov rules --format markdown`; do not edit.\n\n"
                    "*error*: AWS IoT rejects the document. *warning*: accepted, but dangerous or without effect. *note*: style.\n"
                    "Ids never change their meaning. `fleetprov check --disable ID` leaves a rule out.\n";
  std::string_view family;
  for (const rule* r : all) {
    if (family_of(*r) != family) {
      family = family_of(*r);
      out += "\n## " + std::string(family) + '\n';
    }
    out += "\n### " + std::string(r->id) + ' ' + std::string(r->name) + "\n\n*" + std::string(name_of(r->level)) + "*: " +
           markdown_text(r->summary) + ".\n\n" + markdown_text(r->why) + "\n\n```json\n" + visible(r->bad) +
           "\n```\n\nbetter:\n\n```json\n" + visible(r->good) + "\n```\n\nSource: " + markdown_text(r->source) + '\n';
  }
  return out;
}

int run_rules(const rules_arguments& given) {
  std::vector<const rule*> wanted = all_rules();
  if (!given.wanted.empty()) {
    wanted = find_rules(given.wanted);
    if (wanted.empty()) throw usage_error("unknown rule `" + given.wanted + "`" + suggest_rule(given.wanted));
  }
  if (given.shape == "json") print(render_json(wanted));
  else if (given.shape == "markdown") print(render_markdown(wanted));
  else if (!given.wanted.empty()) print(render_each(wanted, colour_for(stdout)));
  else print(render_list(wanted, colour_for(stdout)));
  return exit_good;
}

}  // namespace

void add_rules(CLI::App& app, int& exit_code) {
  CLI::App& me = add_subcommand(app, "rules", "List the rules of `check`, or explain one", "fleetprov rules P014");
  const auto given = std::make_shared<rules_arguments>();
  me.add_option("ID", given->wanted, "A rule's id or name");
  add_text(me, "--format", given->shape, "text, json or markdown")->check(CLI::IsMember({"text", "json", "markdown"}));
  me.callback([given, &exit_code] { exit_code = run_rules(*given); });
}

static const registrar rules_here("rules", add_rules);

}  // namespace fleetprov::cli
