#include <cli/commands.hpp>
#include <cli/documents.hpp>
#include <cli/output.hpp>
#include <cli/suggest.hpp>

#include <fleetprov/templates/evaluate.hpp>
#include <fleetprov/templates/parameters.hpp>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace fleetprov::cli {
namespace {

struct resolve_arguments {
  std::string path, parameters = "{}", certificate_id, kind = "auto";
};

std::optional<templates::document_kind> read_kind(const std::string& word) {
  if (word == "auto") return std::nullopt;
  const templates::document_kind kind = templates::parse_document_kind(word);
  if (templates::is_template(kind) || kind == templates::document_kind::registration_config) return kind;
  throw usage_error("unknown kind `" + word + "`" +
                    did_you_mean(word, {"fleet-template", "jitp-template", "bulk-template", "registration-config"}));
}

int run_resolve(const resolve_arguments& given) {
  if (given.path == "-" && given.parameters == "-") throw usage_error("only one of TEMPLATE and --parameters can be standard input");
  const std::map<std::string, std::string> parameters = read_parameters(given.parameters);
  std::string text = read_input(given.path);
  const source_text source(given.path, text);
  const templates::provisioning_template subject = read_template(given.path, std::move(text), read_kind(given.kind));
  templates::predefined known;
  if (!given.certificate_id.empty()) known.certificate_id = given.certificate_id;
  const outcome<templates::plan> made = templates::evaluate(subject, parameters, known);
  const colour use = colour_for(stderr);
  print_error(render_all(source, made.diagnostics, use));
  if (!made) return exit_findings;
  for (const diagnostic& d : templates::check_parameters(subject, parameters))
    if (d.level == severity::warning) print_error(render_text(source, d, use));
  print(indent_json(templates::to_json(*made.value)) + "\n");
  return exit_good;
}

}  // namespace

void add_resolve(CLI::App& app, int& exit_code) {
  CLI::App& me = add_subcommand(app, "resolve", "Show what RegisterThing would create from a template",
                                "fleetprov resolve template.json --parameters '{\"SerialNumber\":\"1\"}'");
  const auto given = std::make_shared<resolve_arguments>();
  add_text(me, "TEMPLATE", given->path, "Provisioning template, CreateProvisioningTemplate input or registration config; `-` is standard input")
      ->required();
  add_text(me, "--parameters", given->parameters, "JSON object of strings; @FILE reads a file, `-` standard input");
  add_text(me, "--certificate-id", given->certificate_id, "Id of the certificate (default: 64 zeros)");
  add_text(me, "--kind", given->kind, "auto (by content), fleet-template, jitp-template, bulk-template, registration-config");
  me.callback([given, &exit_code] { exit_code = run_resolve(*given); });
}

static const registrar resolve_here("resolve", add_resolve);

}  // namespace fleetprov::cli
