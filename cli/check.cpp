#include <cli/commands.hpp>
#include <cli/documents.hpp>
#include <cli/output.hpp>
#include <cli/sarif.hpp>
#include <cli/suggest.hpp>
#include <cli/values.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace fleetprov::cli {
namespace {

struct check_arguments {
  std::vector<std::string> files, disabled;
  std::string kind = "auto", shape = "text", fail_on = "error", role, template_name;
};

/// Nobody reads more about one file; errors of a hostile document can be many.
constexpr std::size_t max_shown = 200;

struct totals {
  std::size_t errors = 0, warnings = 0, notes = 0;
};

totals count(const std::vector<checked_document>& files) {
  totals out;
  for (const checked_document& file : files) {
    out.errors += file.count(severity::error);
    out.warnings += file.count(severity::warning);
    out.notes += file.count(severity::note);
  }
  return out;
}

bool reaches(const totals& all, const std::string& level) noexcept {
  return all.errors > 0 || (level != "error" && all.warnings > 0) || (level == "note" && all.notes > 0);
}

std::string number_of(std::size_t count, const char* word) {
  return std::to_string(count) + ' ' + word + (count == 1 ? "" : "s");
}

std::string render_summary(const totals& all, std::size_t files) {
  const std::string where = files == 1 ? "" : " in " + std::to_string(files) + " files";
  if (all.errors + all.warnings + all.notes == 0) return "no findings" + where + '\n';
  std::string out;
  const auto add = [&](std::size_t count, const char* word) {
    if (count == 0) return;
    if (!out.empty()) out += ", ";
    out += number_of(count, word);
  };
  add(all.errors, "error");
  add(all.warnings, "warning");
  add(all.notes, "note");
  return out + where + '\n';
}

std::string render_json(const std::vector<checked_document>& files, const totals& all) {
  json_writer out;
  out.begin_object().key("files").begin_array();
  for (const checked_document& file : files) {
    out.begin_object().field("file", file.source.name).field("kind", file.kind_name());
    out.key("diagnostics").begin_array();
    for (const diagnostic& d : file.diagnostics) write_json(out, file.source, d);
    out.end_array().end_object();
  }
  out.end_array().field("errors", static_cast<std::int64_t>(all.errors));
  out.field("warnings", static_cast<std::int64_t>(all.warnings));
  out.field("notes", static_cast<std::int64_t>(all.notes)).end_object();
  return out.take() + "\n";
}

std::string render_people(const std::vector<checked_document>& files, const totals& all) {
  const colour use = colour_for(stdout);
  std::string out;
  for (const checked_document& file : files) {
    std::size_t shown = 0;
    for (const diagnostic& d : file.diagnostics) {
      if (++shown > max_shown) break;
      out += render_text(file.source, d, use);
    }
    if (shown > max_shown)
      out += printable(file.source.name) + ": and " + std::to_string(file.diagnostics.size() - max_shown) +
             " more findings (--format json shows all)\n";
  }
  return out + render_summary(all, files.size());
}

check_options read_options(const check_arguments& given) {
  check_options out;
  if (given.kind != "auto") {
    out.kind = templates::parse_document_kind(given.kind);
    if (*out.kind == templates::document_kind::unknown)
      throw usage_error("unknown kind `" + given.kind + "`" + did_you_mean(given.kind, kind_names()));
  }
  if (!given.role.empty()) out.role = given.role == "claim" ? policies::role::claim : policies::role::device;
  if (!given.template_name.empty()) {
    if (out.role != policies::role::claim) throw usage_error("--template-name goes with `--role claim`");
    read_template_name("--template-name", given.template_name);
    out.template_name = given.template_name;
  }
  for (const std::string& word : given.disabled) {
    const std::vector<const rule*> rules = find_rules(word);
    if (rules.empty()) throw usage_error("unknown rule `" + word + "`" + suggest_rule(word));
    for (const rule* r : rules) {
      if (r->id[0] == 'J') throw usage_error("rule " + std::string(r->id) + " cannot be disabled: nothing else can be checked then");
      out.disabled.emplace_back(r->id);
    }
  }
  return out;
}

/// Says how far a long run is, once a second.
class progress {
 public:
  explicit progress(std::size_t total) : total_(total), last_(std::chrono::steady_clock::now()) {}
  void step(std::size_t done) {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < std::chrono::seconds(1)) return;
    last_ = now;
    print_error("checked " + std::to_string(done) + " of " + std::to_string(total_) + " files\n");
  }

 private:
  std::size_t total_;
  std::chrono::steady_clock::time_point last_;
};

int run_check(const check_arguments& given) {
  const check_options options = read_options(given);
  std::vector<checked_document> files;
  files.reserve(given.files.size());
  progress shown(given.files.size());
  for (const std::string& path : given.files) {
    files.push_back(check_document(path, read_input(path), options));
    shown.step(files.size());
  }
  const totals all = count(files);
  print(given.shape == "json" ? render_json(files, all) : given.shape == "sarif" ? render_sarif(files) : render_people(files, all));
  return reaches(all, given.fail_on) ? exit_findings : exit_good;
}

}  // namespace

void add_check(CLI::App& app, int& exit_code) {
  CLI::App& me = add_subcommand(app, "check", "Find mistakes in policies, templates and hook messages",
                                "fleetprov check --role device policy.json\n"
                                "fleetprov check --format sarif policies/*.json templates/*.json > findings.sarif");
  const auto given = std::make_shared<check_arguments>();
  me.add_option("FILE", given->files, "Documents; `-` is standard input")->required();
  add_text(me, "--kind", given->kind,
           "auto (by content), policy, fleet-template, jitp-template, bulk-template, registration-config, hook-request, "
           "hook-response");
  add_text(me, "--format", given->shape, "text, json or sarif")->capture_default_str()->check(CLI::IsMember({"text", "json", "sarif"}));
  add_text(me, "--fail-on", given->fail_on, "Lowest severity that makes the exit status 1: error, warning or note")
      ->capture_default_str()
      ->check(CLI::IsMember({"error", "warning", "note"}));
  add_repeatable(me, "--disable", given->disabled, "A rule to leave out, by id or name; may be repeated");
  add_text(me, "--role", given->role, "Whose certificate a policy is for: claim or device")
      ->check(CLI::IsMember({"claim", "device"}));
  add_text(me, "--template-name", given->template_name, "The template that the claim is for");
  me.callback([given, &exit_code] { exit_code = run_check(*given); });
}

static const registrar check_here("check", add_check);

}  // namespace fleetprov::cli
