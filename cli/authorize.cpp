#include <cli/commands.hpp>
#include <cli/companion.hpp>
#include <cli/documents.hpp>
#include <cli/output.hpp>
#include <cli/requests.hpp>
#include <cli/values.hpp>

#include <fleetprov/policies/detail/condition_keys.hpp>
#include <fleetprov/policies/evaluate.hpp>
#include <fleetprov/policies/explain.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fleetprov::cli {
namespace {

struct authorize_arguments {
  std::vector<std::string> policies, attributes, context;
  std::string action, resource, thing, thing_type, certificate, certificate_id, shape = "text";
  std::optional<std::string> client_id;
  std::string region = policies::arn_scope{}.region, account = policies::arn_scope{}.account;
  bool not_attached = false, exclusive = false;
};

/// A policy with its text, to name lines.
struct loaded_policy {
  source_text source;
  policies::policy_document document;
};

/// `KEY=VALUE`, the same key again makes a list; `KEY=` is the empty list, `KEY=""` the empty text.
policies::context read_context(const std::vector<std::string>& pairs) {
  policies::context out;
  for (const std::string& text : pairs) {
    key_value pair = split_pair("--context", text);
    std::vector<std::string>& values = out[pair.key];
    if (pair.value == "\"\"") values.emplace_back();
    else if (!pair.value.empty()) values.push_back(std::move(pair.value));
  }
  return out;
}

policies::thing_facts read_thing(const authorize_arguments& given) {
  policies::thing_facts out;
  out.name = given.thing;
  if (!given.thing_type.empty()) out.type = given.thing_type;
  for (const std::string& text : given.attributes) {
    key_value pair = split_pair("--attribute", text);
    out.attributes[pair.key] = std::move(pair.value);
  }
  out.attached = !given.not_attached;
  out.exclusive = given.exclusive;
  return out;
}

question read_question(const authorize_arguments& given) {
  question out;
  out.action = given.action;
  out.resource = given.resource;
  check_region("--region", given.region);
  check_account("--account", given.account);
  out.scope = {given.region, given.account};
  out.who.client_id = given.client_id;
  if (!given.certificate_id.empty()) out.who.certificate_id = given.certificate_id;
  if (!given.certificate.empty()) add_certificate(out.who, given.certificate, read_input(given.certificate));
  if (!given.thing.empty()) out.who.thing = read_thing(given);
  else if (!given.thing_type.empty() || !given.attributes.empty() || given.not_attached || given.exclusive)
    throw usage_error("--thing-type, --attribute, --not-attached and --exclusive go with --thing");
  out.who.epoch_seconds = epoch_seconds_now();
  out.who.extra = read_context(given.context);
  return out;
}

void write_statement(json_writer& out, const policies::statement_trace& trace) {
  out.field("policy", trace.policy).field("statement", trace.statement).field("effect", policies::name_of(trace.what));
}

std::string render_json(const policies::request& asked, const policies::verdict& answer) {
  json_writer out;
  out.begin_object().field("decision", policies::name_of(answer.answer));
  out.field("action", asked.action).field("resource", asked.resource);
  out.key("matched").begin_array();
  for (const policies::statement_trace& trace : answer.statements) {
    if (trace.result != policies::statement_result::matched) continue;
    write_statement(out.begin_object(), trace);
    out.end_object();
  }
  out.end_array().key("statements").begin_array();
  for (const policies::statement_trace& trace : answer.statements) {
    write_statement(out.begin_object(), trace);
    out.field("result", policies::name_of(trace.result)).field("detail", trace.detail).end_object();
  }
  out.end_array().key("missing_context").begin_array();
  for (const std::string& key : answer.missing_context) out.text(key);
  out.end_array().end_object();
  return out.take() + "\n";
}

/// "p.json:12" of the statement with this index over all documents.
std::string place_of(const std::vector<loaded_policy>& loaded, std::size_t index) {
  for (const loaded_policy& policy : loaded) {
    if (index < policy.document.statements.size())
      return policy.source.name + ':' +
             std::to_string(policy.source.locate(policy.document.statements[index].where.begin).line);
    index -= policy.document.statements.size();
  }
  return {};
}

bool is_condition_key(std::string_view key, const std::vector<loaded_policy>& loaded) {
  for (const loaded_policy& policy : loaded)
    for (const policies::statement& s : policy.document.statements)
      for (const policies::condition& test : s.conditions)
        if (policies::detail::equal_folded(test.key.text, key)) return true;
  return false;
}

/// Why AWS IoT resolves no thing although one is given, or "".
std::string why_no_thing(const authorize_arguments& given, const full_question& full) {
  const std::string client_id = given.client_id.value_or(full.assumed_client_id);
  if (given.thing.empty()) return "";
  if (client_id.empty()) return "without a client id there is no thing";
  if (given.not_attached) return "the certificate is not attached to `" + given.thing + "`";
  if (!given.exclusive && client_id != given.thing) return "the client id `" + client_id + "` is not the thing's name `" + given.thing + "`";
  return "";
}

/// Why no option gives a key a value, or "".
std::string why_never(const std::string& key, const authorize_arguments& given, const full_question& full,
                      const std::vector<loaded_policy>& loaded) {
  using namespace policies::detail;
  const bool is_of_thing = starts_folded(key, "iot:Connection.Thing."), is_client_id = equal_folded(key, "iot:ClientId");
  if (key[0] == '$') return "no well-formed variable";
  if (full.is_https_only && (is_of_thing || is_client_id)) return "never there over HTTPS";
  // What the request has can be missing as a variable only.
  const bool is_there = policies::find_values(full.asked.values, key).present;
  if (is_condition_only_key(key) && (is_there || !is_condition_key(key, loaded)))
    return is_list_key(key) ? "lists cannot be variables" : "for conditions only, cannot be a variable";
  if (is_there) return "its value cannot be that of a variable";
  if (!keys::synonym(key).empty() || (starts_folded(key, "iot:") && find_key(key).type == key_type::unknown))
    return "AWS IoT has no such key";
  if (is_certificate_key(key) && !given.certificate.empty()) return "the certificate has none";
  if (is_client_id && given.client_id) return "--client-id '' says that there is none";
  return is_of_thing ? why_no_thing(given, full) : "";
}

/// The option that makes a key known.
std::string option_for(const std::string& key, const authorize_arguments& given) {
  using namespace policies::detail;
  const std::string start = given.thing.empty() ? "--thing with " : "";
  if (equal_folded(key, "iot:Connection.Thing.ThingTypeName")) return start + "--thing-type";
  if (starts_folded(key, "iot:Connection.Thing.Attributes[")) return start + "--attribute";
  if (starts_folded(key, "iot:Connection.Thing.")) return "--thing";
  if (is_certificate_key(key)) return "--certificate";
  if (equal_folded(key, "iot:CertificateId")) return "--certificate-id";
  if (equal_folded(key, "iot:ClientId")) return "--client-id";
  return "--context " + key + "=VALUE";
}

/// A key that was asked for and has no value, and what can be done about it.
std::string render_missing(const std::string& key, const authorize_arguments& given, const full_question& full,
                           const std::vector<loaded_policy>& loaded) {
  const std::string never = why_never(key, given, full, loaded);
  return (never.empty() ? "not known: " : "no value: ") + printable(key) + " (" + printable(never.empty() ? option_for(key, given) : never) + ")\n";
}

std::string render_people(const authorize_arguments& given, const full_question& full, const policies::verdict& answer,
                          const policies::explanation& reason, const std::vector<loaded_policy>& loaded) {
  const colour use = colour_for(stdout);
  const bool allowed = answer.answer == policies::decision::allowed;
  std::string out = paint(policies::name_of(answer.answer), allowed ? ink::green : ink::red, use) + ' ' +
                    printable(full.asked.action) + " on " + printable(short_resource(full.asked.resource)) + '\n';
  for (const std::string& doubt : full.doubts) out += "  " + paint("note:", ink::cyan, use) + ' ' + printable(doubt) + '\n';
  out += "  " + printable(reason.why) + '\n';
  if (reason.nearest != policies::explanation::none) out += "  at " + printable(place_of(loaded, reason.nearest)) + '\n';
  if (!reason.corrected_resource.empty()) {
    json_writer quoted;
    quoted.text(reason.corrected_resource);
    out += "  " + paint("a Resource that would match:", ink::bold, use) + "\n    " + printable(quoted.take()) + '\n';
  }
  if (!allowed)
    for (const std::string& key : answer.missing_context)
      out += "  " + render_missing(key, given, full, loaded);
  if (!full.assumed_client_id.empty())
    out += "  taken for granted: client id `" + printable(full.assumed_client_id) + "` (--client-id)\n";
  if (answer.statements.size() > 1) out += "  " + paint("every statement:", ink::bold, use) + '\n';
  for (const policies::statement_trace& trace : answer.statements) {
    if (answer.statements.size() < 2) break;
    out += "    " + printable(trace.policy) + ' ' + printable(trace.statement) + ' ' + std::string(policies::name_of(trace.what)) +
           ": " + (trace.result == policies::statement_result::matched ? "matches" : printable(trace.detail)) + '\n';
  }
  return out;
}

int run_authorize(const authorize_arguments& given) {
  const full_question full = complete(read_question(given));
  std::vector<loaded_policy> loaded;
  for (const std::string& path : given.policies) {
    std::string text = read_input(path);
    source_text source(path, text);
    loaded.push_back({std::move(source), read_policy(path, std::move(text))});
  }
  std::vector<policies::named_document> documents;
  for (const loaded_policy& policy : loaded) documents.push_back({policy.source.name, &policy.document});
  if (const std::string doubt = doubt_about_action(full.asked.action); !doubt.empty())
    print_error("note: " + printable(doubt) + '\n');
  if (!full.left_out.empty()) print_error("note: " + printable(full.left_out) + '\n');
  const policies::verdict answer = policies::evaluate(documents, full.asked);
  if (given.shape == "json") {
    for (const std::string& doubt : full.doubts) print_error("note: " + printable(doubt) + '\n');
    print(render_json(full.asked, answer));
  } else {
    print(render_people(given, full, answer, policies::explain(documents, full.asked, answer), loaded));
  }
  return answer.answer == policies::decision::allowed ? exit_good : exit_findings;
}

void add_principal_options(CLI::App& me, authorize_arguments& given) {
  me.add_option("--client-id", given.client_id,
                "MQTT client id; without it CONNECT's own resource or the thing's name is taken; '' is none (HTTPS). "
                "Actions that exist over HTTPS only (shadows, jobs, ...) never have one");
  add_text(me, "--thing", given.thing, "Thing that the certificate is attached to");
  add_text(me, "--thing-type", given.thing_type, "Its type");
  add_repeatable(me, "--attribute", given.attributes, "NAME=VALUE of the thing; may be repeated");
  me.add_flag("--not-attached", given.not_attached, "The certificate is not attached to the thing");
  me.add_flag("--exclusive", given.exclusive, "It is attached with EXCLUSIVE_THING, so the client id is free");
  CLI::Option* file = add_text(me, "--certificate", given.certificate, "Certificate (PEM) whose values fill certificate variables");
  add_text(me, "--certificate-id", given.certificate_id, "Certificate id alone")->excludes(file);
  add_repeatable(me, "--context", given.context,
                 "KEY=VALUE of any context key; repeat a key for a list; KEY= is the empty list, KEY=\"\" the empty text");
}

}  // namespace

void add_authorize(CLI::App& app, int& exit_code) {
  CLI::App& me = add_subcommand(app, authorize_command.name, authorize_command.about,
                                "fleetprov authorize --policy device.json --action iot:Subscribe --resource topicfilter/d/1/# \\\n"
                                "  --client-id 1 --thing 1");
  const auto given = std::make_shared<authorize_arguments>();
  me.add_option("--policy", given->policies, "Policy documents that are attached; `-` is standard input")->required();
  add_text(me, "--action", given->action, "iot:Connect, iot:Publish, iot:RetainPublish, iot:Subscribe, iot:Receive, ...")->required();
  add_text(me, "--resource", given->resource, "ARN, or short: client/ID, topic/NAME, topicfilter/FILTER, thing/NAME")->required();
  add_principal_options(me, *given);
  add_text(me, "--region", given->region, "Region of short resources")->capture_default_str();
  add_text(me, "--account", given->account, "Account of short resources")->capture_default_str();
  add_text(me, "--format", given->shape, "text or json")->check(CLI::IsMember({"text", "json"}));
  me.callback([given, &exit_code] { exit_code = run_authorize(*given); });
}

static const registrar authorize_here(authorize_command.name, add_authorize);

}  // namespace fleetprov::cli
