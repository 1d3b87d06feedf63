#include <cli/commands.hpp>
#include <cli/output.hpp>
#include <cli/values.hpp>

#include <fleetprov/policies/placeholders.hpp>
#include <fleetprov/policies/render.hpp>
#include <fleetprov/topics/template_name.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace fleetprov::cli {
namespace {

struct render_arguments {
  std::string path, region, account, template_name;
  std::vector<std::string> set;
  bool replace_examples = false;
};

policies::render_values read_values(const render_arguments& given) {
  policies::render_values out;
  if (!given.region.empty()) check_region("--region", given.region);
  if (!given.account.empty()) check_account("--account", given.account);
  if (!given.template_name.empty()) read_template_name("--template-name", given.template_name);
  out.region = given.region;
  out.account = given.account;
  out.template_name = given.template_name;
  for (const std::string& text : given.set) {
    key_value pair = split_pair("--set", text);
    out.set[pair.key] = std::move(pair.value);
  }
  if (given.replace_examples) out.examples = policies::example_arns::replace;
  return out;
}

int run_render(const render_arguments& given) {
  const policies::render_values values = read_values(given);
  std::string text = read_input(given.path);
  const source_text source(given.path, text);
  const outcome<json::document> document = json::document::from_text(std::move(text));
  if (!document) throw document_error(render_all(source, document.diagnostics, colour_for(stderr)));
  policies::detail::renderer filler(*document.value, values);
  const outcome<std::string> filled = filler.run();
  print_error(render_all(source, filled.diagnostics, colour_for(stderr)));
  for (const auto& [name, value] : values.set)
    if (filler.used_names().count(name) == 0)
      print_error("warning: --set " + printable(name) + ": nothing in " + printable(source.name) + " has that name\n");
  if (!filled) return exit_findings;
  print(*filled.value);
  return exit_good;
}

}  // namespace

void add_render(CLI::App& app, int& exit_code) {
  CLI::App& me = add_subcommand(app, "render", "Fill the placeholders of a policy or template",
                                "fleetprov render policies/claim.json --region eu-west-1 --account 123456789012 \\\n"
                                "  --template-name fleet > claim.json");
  const auto given = std::make_shared<render_arguments>();
  add_text(me, "FILE", given->path, "Document; `-` is standard input")->required();
  add_text(me, "--region", given->region, "For aws-region, <region> and their like; the partition of those ARNs follows");
  add_text(me, "--account", given->account, "For aws-account-id, <account> and their like");
  add_text(me, "--template-name", given->template_name, "For templateName");
  add_repeatable(me, "--set", given->set, "NAME=VALUE for any other placeholder; may be repeated");
  me.add_flag("--replace-examples", given->replace_examples, "Replace us-east-1:123456789012 and other documentation examples too");
  me.callback([given, &exit_code] { exit_code = run_render(*given); });
}

static const registrar render_here("render", add_render);

}  // namespace fleetprov::cli
