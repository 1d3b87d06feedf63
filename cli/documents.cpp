#include <cli/documents.hpp>
#include <cli/errors.hpp>
#include <cli/suggest.hpp>

#include <fleetprov/json/document.hpp>
#include <fleetprov/json/rules.hpp>
#include <fleetprov/policies/lint.hpp>
#include <fleetprov/policies/rules.hpp>
#include <fleetprov/templates/check.hpp>
#include <fleetprov/templates/rules.hpp>

#include <algorithm>
#include <iterator>
#include <utility>

namespace fleetprov::cli {
namespace {

void append(std::vector<diagnostic>& to, std::vector<diagnostic> more) {
  to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

std::vector<diagnostic> check_policy(const json::document& source, const check_options& options) {
  outcome<policies::policy_document> read = policies::parse(source);
  std::vector<diagnostic> out = std::move(read.diagnostics);
  if (!read.value) return out;
  append(out, policies::lint(*read.value, &source));
  if (!options.role) return out;
  out.erase(std::remove_if(out.begin(), out.end(),
                           [&](const diagnostic& d) { return !policies::suits(*d.broken, *options.role); }),
            out.end());
  append(out, policies::lint_role(*read.value, *options.role, options.template_name));
  return out;
}

/// Whether a document of no kind is a suite, which lies beside the documents it tests (`check policies/*.json`).
bool looks_like_suite(const json::value& root) noexcept {
  for (const char* key : {"authorize", "resolve"}) {
    const json::value* cases = root.find(key);
    if (cases != nullptr && cases->is_array()) return true;
  }
  return false;
}

/// The word that messages use for a kind.
std::string_view noun(templates::document_kind kind) noexcept {
  return kind == templates::document_kind::unknown ? "document" : templates::name_of(kind);
}

[[noreturn]] void refuse(const source_text& source, std::vector<diagnostic> found, std::string_view wanted) {
  found.erase(std::remove_if(found.begin(), found.end(), [](const diagnostic& d) { return d.level != severity::error; }),
              found.end());
  sort_diagnostics(found);
  throw document_error(render_all(source, found, colour_for(stderr)) + "`" + printable(source.name) + "` is not a valid " +
                       std::string(wanted) + "\n");
}

bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
  const auto fold = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return fold(x) == fold(y); });
}

}  // namespace

std::size_t checked_document::count(severity level) const noexcept {
  return static_cast<std::size_t>(std::count_if(diagnostics.begin(), diagnostics.end(),
                                                [level](const diagnostic& d) { return d.level == level; }));
}

checked_document check_document(std::string name, std::string text, const check_options& options) {
  checked_document out;
  outcome<json::document> read = json::document::from_text(text);
  out.source = source_text(std::move(name), std::move(text));
  out.diagnostics = std::move(read.diagnostics);
  if (options.kind) out.kind = *options.kind;
  else if (read.value) out.kind = templates::detect_kind(*read.value);
  if (read.value) {
    if (out.kind == templates::document_kind::policy) append(out.diagnostics, check_policy(*read.value, options));
    else if (out.kind == templates::document_kind::unknown && looks_like_suite(read.value->root())) out.is_suite = true;
    else append(out.diagnostics, templates::check(*read.value, out.kind));
  }
  const auto is_disabled = [&](const diagnostic& d) {
    return d.broken != nullptr && std::find(options.disabled.begin(), options.disabled.end(), d.broken->id) != options.disabled.end();
  };
  out.diagnostics.erase(std::remove_if(out.diagnostics.begin(), out.diagnostics.end(), is_disabled), out.diagnostics.end());
  sort_diagnostics(out.diagnostics);
  return out;
}

policies::policy_document read_policy(const std::string& name, std::string text) {
  const source_text source(name, text);
  outcome<json::document> document = json::document::from_text(std::move(text));
  if (!document) refuse(source, std::move(document.diagnostics), "policy");
  outcome<policies::policy_document> policy = policies::parse(*document.value);
  if (!policy) refuse(source, std::move(policy.diagnostics), "policy");
  return std::move(*policy.value);
}

templates::provisioning_template read_template(const std::string& name, std::string text,
                                               std::optional<templates::document_kind> kind) {
  const source_text source(name, text);
  outcome<json::document> document = json::document::from_text(std::move(text));
  if (!document) refuse(source, std::move(document.diagnostics), "template");
  const templates::document_kind wanted = kind ? *kind : templates::detect_kind(*document.value);
  if (!templates::is_template(wanted) && wanted != templates::document_kind::registration_config)
    throw input_error("`" + name + "` is no template (it looks like a " + std::string(noun(wanted)) + ")");
  outcome<templates::provisioning_template> made = templates::read_template(*document.value, wanted);
  if (!made.value && !made.has_errors())
    throw input_error("`" + name + "` names a template (templateName) and holds no templateBody: resolve that template's own text");
  if (!made) refuse(source, std::move(made.diagnostics), noun(wanted));
  return std::move(*made.value);
}

std::vector<std::string> kind_names() {
  using templates::document_kind;
  std::vector<std::string> out;
  for (const document_kind kind : {document_kind::policy, document_kind::fleet_template, document_kind::jitp_template,
                                   document_kind::bulk_template, document_kind::registration_config,
                                   document_kind::hook_request, document_kind::hook_response})
    out.emplace_back(templates::name_of(kind));
  return out;
}

std::vector<const rule*> all_rules() {
  std::vector<const rule*> out;
  out.reserve(std::size(json::rules) + std::size(policies::rules) + std::size(templates::rules));
  for (const rule& r : json::rules) out.push_back(&r);
  for (const rule& r : policies::rules) out.push_back(&r);
  for (const rule& r : templates::rules) out.push_back(&r);
  return out;
}

std::vector<const rule*> find_rules(std::string_view id_or_name) {
  std::vector<const rule*> out;
  for (const rule* r : all_rules())
    if (equal_ignoring_case(r->id, id_or_name) || equal_ignoring_case(r->name, id_or_name)) out.push_back(r);
  return out;
}

std::string suggest_rule(std::string_view word) {
  std::vector<std::string> words;
  for (const rule* r : all_rules()) {
    words.emplace_back(r->name);
    words.emplace_back(r->id);
  }
  return did_you_mean(word, words);
}

std::map<std::string, std::string> read_parameters(const std::string& argument) {
  const bool from_file = argument == "-" || (!argument.empty() && argument[0] == '@');
  const std::string name = argument == "-" ? "standard input" : from_file ? argument.substr(1) : "parameters";
  std::string text = argument == "-" ? read_input("-") : from_file ? read_input(argument.substr(1)) : argument;
  const source_text source(name, text);
  outcome<json::document> document = json::document::from_text(std::move(text));
  if (!document) throw document_error(render_all(source, document.diagnostics, colour_for(stderr)));
  const json::value& root = document.value->root();
  if (!root.is_object()) throw usage_error("the parameters are " + std::string(json::name_of(root.what)) + ", not an object");
  std::map<std::string, std::string> out;
  for (const json::member& m : root.members) {
    if (!m.held.is_string())
      throw usage_error("parameter `" + m.key + "` is " + std::string(json::name_of(m.held.what)) +
                        "; values of parameters are strings");
    out.emplace(m.key, m.held.text);
  }
  return out;
}

}  // namespace fleetprov::cli
