#include <cli/documents.hpp>
#include <cli/errors.hpp>
#include <cli/json_writer.hpp>
#include <cli/suggest.hpp>
#include <cli/suite.hpp>

#include <fleetprov/policies/evaluate.hpp>
#include <fleetprov/policies/explain.hpp>
#include <fleetprov/policies/placeholders.hpp>
#include <fleetprov/templates/check.hpp>
#include <fleetprov/templates/evaluate.hpp>

#include <algorithm>
#include <initializer_list>
#include <utility>

namespace fleetprov::cli {
namespace {

using json::value;

std::string join(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "`" : ", `") + word + "`";
  return out;
}

/// Reads the parts of a suite and collects what is wrong with them.
class suite_reader {
 public:
  outcome<suite> read(const value& root) {
    outcome<suite> out;
    suite made;
    if (!root.is_object()) {
      complain(root.where, "", "a suite is an object, this is " + std::string(json::name_of(root.what)));
    } else {
      expect_members(root, "", {"policies", "authorize", "resolve", "render", "region", "account", "description", "$schema"});
      read_scope(root, "");
      if (const value* named = root.find("policies")) made.policies = read_texts(*named, "/policies");
      if (const value* values = root.find("render")) made.render = read_render(*values, "/render");
      names_ = &made.policies;
      for_each_case(root, "authorize", [&](const value& one, const std::string& at) { made.authorize.push_back(read_authorize(one, at)); });
      for_each_case(root, "resolve", [&](const value& one, const std::string& at) { made.resolve.push_back(read_resolve(one, at)); });
      if (found_.empty() && made.authorize.empty() && made.resolve.empty())
        complain({root.where.begin, root.where.begin + 1}, "", "a suite without a case of `authorize` or `resolve` tests nothing");
    }
    out.diagnostics = std::move(found_);
    sort_diagnostics(out.diagnostics);
    if (!out.has_errors()) out.value = std::move(made);
    return out;
  }

 private:
  void complain(source_range where, const std::string& pointer, std::string message, std::string help = {}) {
    diagnostic d;
    d.where = where;
    d.pointer = pointer;
    d.message = std::move(message);
    d.help = std::move(help);
    found_.push_back(std::move(d));
  }

  /// Members nobody reads are mistakes: a misspelt `expect` must not pass.
  void expect_members(const value& object, const std::string& at, std::initializer_list<const char*> known) {
    const std::vector<std::string> names(known.begin(), known.end());
    for (const json::member& m : object.members) {
      if (std::find(names.begin(), names.end(), m.key) != names.end()) continue;
      const std::string near = nearest_word(m.key, names);
      complain(m.key_where, json::child_pointer(at, m.key), "unknown member `" + m.key + "`",
               near.empty() ? "known are " + join(names) : "did you mean `" + near + "`?");
    }
  }

  template <class Read>
  void for_each_case(const value& root, const char* key, Read read) {
    const value* list = root.find(key);
    if (list == nullptr) return;
    const std::string at = std::string("/") + key;
    if (!list->is_array()) return complain(list->where, at, std::string("`") + key + "` is an array of cases");
    for (std::size_t i = 0; i < list->items.size(); ++i) {
      const std::string here = json::child_pointer(at, i);
      if (list->items[i].is_object()) read(list->items[i], here);
      else complain(list->items[i].where, here, "a case is an object, this is " + std::string(json::name_of(list->items[i].what)));
    }
  }

  std::optional<std::string> read_text(const value& object, const std::string& at, const char* key) {
    const value* held = object.find(key);
    if (held == nullptr) return std::nullopt;
    if (held->is_string()) return held->text;
    complain(held->where, json::child_pointer(at, key), std::string("`") + key + "` is a string, not " + std::string(json::name_of(held->what)));
    return std::nullopt;
  }

  std::string need_text(const value& object, const std::string& at, const char* key) {
    if (object.find(key) != nullptr) return read_text(object, at, key).value_or("");
    complain({object.where.begin, object.where.begin + 1}, at, std::string("`") + key + "` is missing");
    return {};
  }

  bool read_flag(const value& object, const std::string& at, const char* key, bool otherwise) {
    const value* held = object.find(key);
    if (held == nullptr) return otherwise;
    if (held->is(json::kind::boolean)) return held->text == "true";
    complain(held->where, json::child_pointer(at, key), std::string("`") + key + "` is true or false");
    return otherwise;
  }

  std::map<std::string, std::string> read_texts(const value& object, const std::string& at) {
    std::map<std::string, std::string> out;
    if (!object.is_object()) {
      complain(object.where, at, "an object of strings is wanted, this is " + std::string(json::name_of(object.what)));
      return out;
    }
    for (const json::member& m : object.members) {
      if (m.held.is_string()) out[m.key] = m.held.text;
      else complain(m.held.where, json::child_pointer(at, m.key), "`" + m.key + "` is a string, not " + std::string(json::name_of(m.held.what)));
    }
    return out;
  }

  policies::arn_scope read_scope(const value& object, const std::string& at) {
    if (const auto region = read_region(object, at)) scope_.region = *region;
    if (const auto account = read_account(object, at)) scope_.account = *account;
    return scope_;
  }

  /// A region that is none would make every case DENIED, and so pass some.
  std::optional<std::string> read_region(const value& object, const std::string& at) {
    auto out = read_text(object, at, "region");
    if (out && !policies::is_region(*out))
      complain(object.find("region")->where, json::child_pointer(at, "region"), "`" + *out + "` is no region", "a region is a name such as us-east-1");
    return out;
  }
  std::optional<std::string> read_account(const value& object, const std::string& at) {
    auto out = read_text(object, at, "account");
    if (out && !policies::is_account(*out))
      complain(object.find("account")->where, json::child_pointer(at, "account"), "`" + *out + "` is no account id", "an account id has 12 digits");
    return out;
  }

  policies::render_values read_render(const value& object, const std::string& at) {
    policies::render_values out;
    out.region = scope_.region;
    out.account = scope_.account;
    if (!object.is_object()) {
      complain(object.where, at, "`render` is an object, not " + std::string(json::name_of(object.what)));
      return out;
    }
    expect_members(object, at, {"region", "account", "template_name", "set", "replace_examples"});
    if (const auto region = read_region(object, at)) out.region = *region;
    if (const auto account = read_account(object, at)) out.account = *account;
    if (const auto name = read_text(object, at, "template_name")) out.template_name = *name;
    if (const value* more = object.find("set")) out.set = read_texts(*more, json::child_pointer(at, "set"));
    if (read_flag(object, at, "replace_examples", false)) out.examples = policies::example_arns::replace;
    return out;
  }

  std::vector<std::string> read_policy_names(const value& one, const std::string& at) {
    std::vector<std::string> out;
    const value* list = one.find("policies");
    if (list == nullptr) {
      for (const auto& [name, path] : *names_) out.push_back(name);
      if (out.empty()) complain({one.where.begin, one.where.begin + 1}, at, "`policies` is missing");
      return out;
    }
    const std::string here = json::child_pointer(at, "policies");
    if (!list->is_array()) complain(list->where, here, "`policies` is an array of names");
    for (std::size_t i = 0; i < list->items.size(); ++i) {
      const value& item = list->items[i];
      if (names_->count(item.text) != 0 && item.is_string()) {
        out.push_back(item.text);
        continue;
      }
      std::vector<std::string> known;
      for (const auto& [name, path] : *names_) known.push_back(name);
      const std::string near = nearest_word(item.text, known);
      complain(item.where, json::child_pointer(here, i), "no policy `" + item.text + "` in this suite",
               near.empty() ? known.empty() ? "name it in `policies` at the top" : "known are " + join(known) : "did you mean `" + near + "`?");
    }
    return out;
  }

  policies::thing_facts read_thing(const value& object, const std::string& at) {
    policies::thing_facts out;
    if (!object.is_object()) {
      complain(object.where, at, "`thing` is an object, not " + std::string(json::name_of(object.what)));
      return out;
    }
    expect_members(object, at, {"name", "type", "attributes", "attached", "exclusive"});
    out.name = need_text(object, at, "name");
    if (const value* name = object.find("name"); name != nullptr && name->is_string() && name->text.empty())
      complain(name->where, json::child_pointer(at, "name"), "a thing's name is not empty", "without a thing leave `thing` out");
    out.type = read_text(object, at, "type");
    if (const value* attributes = object.find("attributes")) out.attributes = read_texts(*attributes, json::child_pointer(at, "attributes"));
    out.attached = read_flag(object, at, "attached", true);
    out.exclusive = read_flag(object, at, "exclusive", false);
    return out;
  }

  static bool is_scalar(const value& v) noexcept {
    return v.is_string() || v.is(json::kind::number) || v.is(json::kind::boolean);
  }

  policies::context read_context(const value& object, const std::string& at) {
    policies::context out;
    if (!object.is_object()) {
      complain(object.where, at, "`context` is an object, not " + std::string(json::name_of(object.what)));
      return out;
    }
    for (const json::member& m : object.members) {
      std::vector<std::string>& values = out[m.key];
      const bool good = m.held.is_array() ? std::all_of(m.held.items.begin(), m.held.items.end(), is_scalar) : is_scalar(m.held);
      if (!good) {
        complain(m.held.where, json::child_pointer(at, m.key), "a context value is a string or an array of strings");
      } else if (m.held.is_array()) {
        for (const value& item : m.held.items) values.push_back(item.text);
      } else {
        values.push_back(m.held.text);
      }
    }
    return out;
  }

  std::string read_action(const value& one, const std::string& at) {
    std::string action = need_text(one, at, "action");
    const value* held = one.find("action");
    if (held == nullptr || action.empty()) return action;
    if (const std::string doubt = doubt_about_action(full_action(action)); !doubt.empty())
      complain(held->where, json::child_pointer(at, "action"), doubt);
    return action;
  }

  void read_question(const value& one, const std::string& at, question& out) {
    out.action = read_action(one, at);
    out.resource = need_text(one, at, "resource");
    out.scope = scope_;
    out.who.client_id = read_text(one, at, "client_id");
    out.who.certificate_id = read_text(one, at, "certificate_id");
    if (const value* thing = one.find("thing")) out.who.thing = read_thing(*thing, json::child_pointer(at, "thing"));
    if (const value* context = one.find("context")) out.who.extra = read_context(*context, json::child_pointer(at, "context"));
    const value* resource = one.find("resource");
    if (resource == nullptr || !resource->is_string()) return;
    try {
      (void)complete(out);
    } catch (const usage_error& why) {
      complain(resource->where, json::child_pointer(at, "resource"), why.what());
    }
  }

  authorize_case read_authorize(const value& one, const std::string& at) {
    authorize_case out;
    expect_members(one, at, {"name", "policies", "action", "resource", "client_id", "thing", "context", "certificate",
                             "certificate_id", "expect", "description"});
    out.where = one.where;
    out.name = need_text(one, at, "name");
    out.policies = read_policy_names(one, at);
    read_question(one, at, out.asked);
    out.certificate = read_text(one, at, "certificate").value_or("");
    if (const value* id = one.find("certificate_id"); id != nullptr && !out.certificate.empty())
      complain(id->where, json::child_pointer(at, "certificate_id"), "`certificate` and `certificate_id` exclude each other");
    out.expect = need_text(one, at, "expect");
    const std::vector<std::string> words{"ALLOWED", "EXPLICIT_DENY", "IMPLICIT_DENY", "DENIED"};
    const value* held = one.find("expect");
    if (held != nullptr && held->is_string() && std::find(words.begin(), words.end(), out.expect) == words.end())
      complain(held->where, json::child_pointer(at, "expect"), "unknown decision `" + out.expect + "`", "known are " + join(words));
    return out;
  }

  void read_expectation(const value& one, const std::string& at, resolve_case& out) {
    const value* expect = one.find("expect");
    const std::string here = json::child_pointer(at, "expect");
    if (expect == nullptr) return complain({one.where.begin, one.where.begin + 1}, at, "`expect` is missing");
    if (!expect->is_object()) return complain(expect->where, here, "`expect` is an object");
    out.expect = *expect;
    if (expect->find("error") == nullptr) return read_expected_plan(*expect, here);
    expect_members(*expect, here, {"error"});
    out.expect_error = read_text(*expect, here, "error");
  }

  /// A misspelt member would be compared with nothing, which `null` equals.
  void read_expected_plan(const value& expect, const std::string& at) {
    expect_members(expect, at, {"thing", "certificate", "policies", "device_configuration"});
    const auto part = [&](const char* key, std::initializer_list<const char*> known) {
      if (const value* held = expect.find(key); held != nullptr && held->is_object()) expect_members(*held, json::child_pointer(at, key), known);
    };
    part("thing", {"name", "type", "attributes", "groups", "billing_group", "override_settings"});
    part("certificate", {"status", "principal_type"});
    const value* policies = expect.find("policies");
    if (policies == nullptr) return;
    const std::string here = json::child_pointer(at, "policies");
    for (std::size_t i = 0; i < policies->items.size(); ++i)
      if (policies->items[i].is_object()) expect_members(policies->items[i], json::child_pointer(here, i), {"name", "document"});
  }

  resolve_case read_resolve(const value& one, const std::string& at) {
    resolve_case out;
    expect_members(one, at, {"name", "template", "kind", "parameters", "certificate_id", "expect", "description"});
    out.where = one.where;
    out.name = need_text(one, at, "name");
    out.template_path = need_text(one, at, "template");
    if (const auto kind = read_text(one, at, "kind")) {
      out.kind = templates::parse_document_kind(*kind);
      if (!templates::is_template(*out.kind) && *out.kind != templates::document_kind::registration_config)
        complain(one.find("kind")->where, json::child_pointer(at, "kind"), "unknown kind `" + *kind + "`",
                 "known are `fleet-template`, `jitp-template`, `bulk-template`, `registration-config`");
    }
    if (const value* given = one.find("parameters")) out.parameters = read_texts(*given, json::child_pointer(at, "parameters"));
    out.certificate_id = read_text(one, at, "certificate_id");
    read_expectation(one, at, out);
    return out;
  }

  std::vector<diagnostic> found_;
  policies::arn_scope scope_;
  const std::map<std::string, std::string>* names_ = nullptr;
};

void write_value(json_writer& out, const value& v) {
  switch (v.what) {
    case json::kind::null: out.null(); return;
    case json::kind::boolean:
    case json::kind::number: out.raw(v.text); return;
    case json::kind::string: out.text(v.text); return;
    case json::kind::array:
      out.begin_array();
      for (const value& item : v.items) write_value(out, item);
      out.end_array();
      return;
    case json::kind::object:
      out.begin_object();
      for (const json::member& m : v.members) {
        out.key(m.key);
        write_value(out, m.held);
      }
      out.end_object();
      return;
  }
}

std::string to_json(const value& v) {
  json_writer out;
  write_value(out, v);
  return out.take();
}

std::string to_json(std::string_view text) {
  json_writer out;
  out.text(text);
  return out.take();
}

/// Runs the cases; policies and templates are read once.
class suite_runner {
 public:
  suite_runner(const suite& what, const file_reader& read) : what_(what), read_(read) {}

  std::vector<case_result> run() {
    for (const auto& [name, path] : what_.policies) policy(name);
    std::vector<std::pair<std::uint32_t, case_result>> placed;
    for (const authorize_case& one : what_.authorize) placed.emplace_back(one.where.begin, run(one));
    for (const resolve_case& one : what_.resolve) placed.emplace_back(one.where.begin, run(one));
    std::stable_sort(placed.begin(), placed.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<case_result> out;
    for (auto& [place, result] : placed) out.push_back(std::move(result));
    return out;
  }

 private:
  std::string rendered(const std::string& path) const {
    std::string text = read_(path);
    if (!what_.render) return text;
    const source_text source(path, text);
    const outcome<json::document> document = json::document::from_text(std::move(text));
    if (!document) throw document_error(render_all(source, document.diagnostics, colour_for(stderr)));
    outcome<std::string> filled = policies::render(*document.value, *what_.render);
    for (diagnostic& d : filled.diagnostics) d.help = "give its value in the suite's `render` (docs/suites.md)";
    if (!filled) throw document_error(render_all(source, filled.diagnostics, colour_for(stderr)));
    return std::move(*filled.value);
  }

  const policies::policy_document& policy(const std::string& name) {
    const auto known = policies_.find(name);
    if (known != policies_.end()) return known->second;
    const std::string& path = what_.policies.at(name);
    return policies_.emplace(name, read_policy(path, rendered(path))).first->second;
  }

  const json::document& document(const std::string& path) {
    const auto known = documents_.find(path);
    if (known != documents_.end()) return known->second;
    std::string text = read_(path);
    const source_text source(path, text);
    outcome<json::document> read = json::document::from_text(std::move(text));
    if (!read) throw document_error(render_all(source, read.diagnostics, colour_for(stderr)));
    return documents_.emplace(path, std::move(*read.value)).first->second;
  }

  case_result run(const authorize_case& one) {
    question asked = one.asked;
    asked.who.epoch_seconds = now_;
    if (!one.certificate.empty()) add_certificate(asked.who, one.certificate, read_(one.certificate));
    std::vector<policies::named_document> documents;
    for (const std::string& name : one.policies) documents.push_back({name, &policy(name)});
    const full_question full = complete(std::move(asked));
    const policies::verdict answer = policies::evaluate(documents, full.asked);
    case_result out;
    out.name = one.name;
    const std::string got(policies::name_of(answer.answer));
    out.passed = got == one.expect || (one.expect == "DENIED" && answer.answer != policies::decision::allowed);
    out.expected = to_json(one.expect);
    out.got = to_json(got);
    out.notes = full.doubts;
    if (!out.passed) {
      out.detail = policies::explain(documents, full.asked, answer).why;
      if (!full.left_out.empty()) out.detail += "; " + full.left_out;
    }
    return out;
  }

  /// Errors of a refusal: as codes that `expect` may name, and in words.
  struct refusal {
    std::vector<std::string> codes;
    std::string words, first;
  };
  static refusal refused(const std::vector<diagnostic>& found, const char* error_code) {
    refusal out;
    if (error_code != nullptr) out.codes.emplace_back(error_code);
    for (const diagnostic& d : found) {
      if (d.level != severity::error) continue;
      if (d.broken != nullptr) {
        out.codes.emplace_back(d.broken->id);
        out.codes.emplace_back(d.broken->name);
        if (out.first.empty()) out.first = d.broken->id;
      }
      out.words += (out.words.empty() ? "" : "; ") + d.message;
    }
    if (error_code != nullptr && out.first.empty()) out.first = error_code;
    return out;
  }

  case_result judge_refusal(const resolve_case& one, const refusal& why) const {
    case_result out;
    out.name = one.name;
    out.expected = to_json(one.expect);
    json_writer got;
    got.begin_object().field("error", why.first).end_object();
    out.got = got.take();
    out.passed = one.expect_error && std::find(why.codes.begin(), why.codes.end(), *one.expect_error) != why.codes.end();
    if (!out.passed) out.detail = "refused: " + why.words;
    return out;
  }

  case_result run(const resolve_case& one) {
    const json::document& source = document(one.template_path);
    const templates::document_kind kind = one.kind ? *one.kind : templates::detect_kind(source);
    if (!templates::is_template(kind) && kind != templates::document_kind::registration_config)
      throw input_error("`" + one.template_path + "` is no template");
    const outcome<templates::provisioning_template> read = templates::read_template(source, kind);
    if (!read) return judge_refusal(one, refused(read.diagnostics, nullptr));
    templates::predefined known;
    if (one.certificate_id) known.certificate_id = *one.certificate_id;
    const outcome<templates::plan> made = templates::evaluate(*read.value, one.parameters, known);
    if (!made) return judge_refusal(one, refused(made.diagnostics, "InvalidParameters"));
    return judge_plan(one, templates::to_json(*made.value));
  }

  static case_result judge_plan(const resolve_case& one, std::string plan) {
    case_result out;
    out.name = one.name;
    out.expected = to_json(one.expect);
    out.got = plan;
    if (one.expect_error) {
      out.detail = "a refusal was expected, and the template resolves";
      return out;
    }
    const outcome<json::document> got = json::document::from_text(std::move(plan));
    out.detail = got ? find_difference(one.expect, got.value->root()) : "the result is too large to compare";
    out.passed = out.detail.empty();
    return out;
  }

  const suite& what_;
  const file_reader& read_;
  const std::int64_t now_ = epoch_seconds_now();
  std::map<std::string, policies::policy_document> policies_;
  std::map<std::string, json::document> documents_;
};

}  // namespace

outcome<suite> parse_suite(const json::document& source, const std::filesystem::path& folder) {
  outcome<suite> out = suite_reader().read(source.root());
  if (!out.value) return out;
  const auto place = [&](std::string& path) { path = (folder / path).string(); };
  for (auto& [name, path] : out.value->policies) place(path);
  for (authorize_case& one : out.value->authorize)
    if (!one.certificate.empty()) place(one.certificate);
  for (resolve_case& one : out.value->resolve) place(one.template_path);
  return out;
}

std::vector<case_result> run_suite(const suite& what, const file_reader& read) { return suite_runner(what, read).run(); }

std::string find_difference(const json::value& expected, const json::value& got, const std::string& pointer) {
  const auto differ = [&] { return (pointer.empty() ? "/" : pointer) + ": expected " + to_json(expected) + ", got " + to_json(got); };
  if (expected.is_object() && got.is_string()) {
    const outcome<json::document> inner = json::document::from_text(got.text);
    return inner ? find_difference(expected, inner.value->root(), pointer) : differ();
  }
  if (expected.what != got.what) return differ();
  if (expected.is_object()) {
    for (const json::member& m : expected.members) {
      const json::value* held = got.find(m.key);
      if (held == nullptr && m.held.is(json::kind::null)) continue;
      const std::string here = json::child_pointer(pointer, m.key);
      if (held == nullptr) return here + ": expected " + to_json(m.held) + ", got nothing";
      if (std::string found = find_difference(m.held, *held, here); !found.empty()) return found;
    }
    return {};
  }
  if (expected.is_array()) {
    if (expected.items.size() != got.items.size()) return differ();
    for (std::size_t i = 0; i < expected.items.size(); ++i)
      if (std::string found = find_difference(expected.items[i], got.items[i], json::child_pointer(pointer, i)); !found.empty())
        return found;
    return {};
  }
  return expected.text == got.text ? std::string() : differ();
}

}  // namespace fleetprov::cli
