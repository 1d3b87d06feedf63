#include <cli/commands.hpp>
#include <cli/documents.hpp>
#include <cli/output.hpp>
#include <cli/values.hpp>

#include <fleetprov/templates/rules.hpp>
#include <fleetprov/topics/template_name.hpp>
#include <fleetprov/topics/thing_name.hpp>
#include <mock_broker/errors.hpp>
#include <mock_broker/faults.hpp>
#include <mock_broker/launcher.hpp>
#include <mock_broker/mock_settings.hpp>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace fleetprov::cli {
namespace {

struct mock_arguments {
  std::string directory = mock::launch_options{}.directory.string(), bind = mock::launch_options{}.bind,
              region = mock::launch_options{}.region, account = mock::launch_options{}.account;
  std::string claim_policy, ready_file, shape = "text";
  std::vector<std::string> hosts, policies, templates, lambdas, hooks, faults, strict;
  std::vector<int> ports;
  int http_port = 8080;
  int key_pool = static_cast<int>(mock::launch_options{}.key_pool);
  bool ephemeral = false;
  bool empty = false;
};

/// Reads the documents of one option through `check`: findings are shown, errors are remembered.
class document_reader {
 public:
  /// `hooks`: a template that gets its hook there is not told that it has none.
  mock::named_text read(const std::string& option, const std::string& argument, templates::document_kind kind,
                        const std::vector<std::pair<std::string, std::string>>& hooks = {}) {
    auto [name, file] = split_pair(option.c_str(), argument);
    check_options how;
    how.kind = kind;
    if (std::any_of(hooks.begin(), hooks.end(), [&name = name](const auto& hook) { return hook.first == name; }))
      for (const templates::rule_id id : {templates::rule_id::no_hook, templates::rule_id::unverified_thing_name})
        how.disabled.emplace_back(templates::row_of(id).id);
    const checked_document found = check_document(file, read_input(file), how);
    for (const diagnostic& d : found.diagnostics)
      if (d.level != severity::note) print_error(render_text(found.source, d, colour_for(stderr)));
    has_errors_ = has_errors_ || found.count(severity::error) > 0;
    return {std::move(name), std::string(found.source.text())};
  }
  bool has_errors() const noexcept { return has_errors_; }

 private:
  bool has_errors_ = false;
};

void require(bool good, const std::string& otherwise) {
  if (!good) throw usage_error(otherwise);
}

bool is_host_text(const std::string& text) {
  return !text.empty() && text.size() <= 253 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == ':' || c == '*';
  });
}

std::string all_strict_names() {
  std::string out;
  for (const std::string_view name : mock::strict::names) out.append(out.empty() ? "" : ", ").append(name);
  return out;
}

std::uint16_t port_of(const char* option, int number) {
  require(number >= 0 && number <= 65535, std::string(option) + " wants a number from 0 to 65535");
  return static_cast<std::uint16_t>(number);
}

void read_places(const mock_arguments& in, mock::launch_options& out) {
  check_account("--account", in.account);
  check_region("--region", in.region);
  require(is_host_text(in.bind), "--bind wants an address such as 127.0.0.1");
  for (const std::string& host : in.hosts) require(is_host_text(host), "--host wants a name or an address, not `" + host + "`");
  require(!in.directory.empty(), "--dir wants a folder");
  out.directory = in.directory;
  out.ephemeral = in.ephemeral;
  out.bind = in.bind;
  out.region = in.region;
  out.account = in.account;
  out.host_names = in.hosts;
  out.http_port = port_of("--http-port", in.http_port);
  if (!in.ports.empty()) out.ports.clear();
  for (const int port : in.ports) {
    const std::uint16_t number = port_of("--port", port);
    require(number == 0 || std::find(out.ports.begin(), out.ports.end(), number) == out.ports.end(),
            "--port " + std::to_string(number) + " is given twice");
    out.ports.push_back(number);
  }
}

void read_behaviour(const mock_arguments& in, mock::launch_options& out) {
  for (const std::string& argument : in.lambdas) {
    const auto [name, command] = split_pair("--lambda", argument);
    require(!command.empty(), "--lambda " + name + "= lacks the command or URL");
    require(out.lambdas.emplace(name, command).second, "--lambda " + name + " is given twice");
  }
  for (const std::string& argument : in.hooks) {
    const auto [name, lambda] = split_pair("--hook", argument);
    require(out.lambdas.count(lambda) != 0, "--hook " + argument + " names no --lambda: give --lambda " + lambda + "=COMMAND or =URL, too");
    out.world.hooks.emplace_back(name, lambda);
  }
  for (const std::string& spec : in.faults) {
    try {
      mock::parse_fault_option(spec);
    } catch (const mock::fault_error& wrong) {
      throw usage_error("--fault " + spec + ": " + wrong.what());
    }
  }
  out.faults = in.faults;
  constexpr int most_in_pool = 100'000;
  require(in.key_pool >= 0 && in.key_pool <= most_in_pool, "--key-pool wants a number from 0 to " + std::to_string(most_in_pool));
  out.key_pool = static_cast<std::size_t>(in.key_pool);
  for (const std::string& name : in.strict)
    require(std::find(mock::strict::names.begin(), mock::strict::names.end(), name) != mock::strict::names.end(),
            "--strict `" + name + "` is not one of " + all_strict_names());
  out.strict = in.strict;
}

void require_new(const std::string& option, const mock::named_text& given, const std::vector<mock::named_text>& before) {
  require(std::none_of(before.begin(), before.end(), [&](const mock::named_text& one) { return one.name == given.name; }),
          option + " " + given.name + " is given twice");
}

/// False when `check` found errors.
bool read_documents(const mock_arguments& in, mock::launch_options& out) {
  document_reader reader;
  using templates::document_kind;
  for (const std::string& argument : in.policies) {
    mock::named_text given = reader.read("--policy", argument, document_kind::policy);
    require(static_cast<bool>(topics::validate_policy_name(given.name)), "--policy: `" + given.name + "` is not a policy name");
    require_new("--policy", given, out.world.policies);
    out.world.policies.push_back(std::move(given));
  }
  for (const std::string& argument : in.templates) {
    mock::named_text given = reader.read("--template", argument, document_kind::fleet_template, out.world.hooks);
    read_template_name("--template", given.name);
    require_new("--template", given, out.world.templates);
    out.world.templates.push_back(std::move(given));
  }
  if (!in.claim_policy.empty()) {
    out.world.claim_policy = reader.read("--claim-policy", in.claim_policy, document_kind::policy);
    const std::string& name = out.world.claim_policy->name;
    require(static_cast<bool>(topics::validate_policy_name(name)), "--claim-policy: `" + name + "` is not a policy name");
  }
  out.world.empty = in.empty;
  return !reader.has_errors();
}

int run(const mock_arguments& in) {
  mock::launch_options wanted;
  require(in.shape == "text" || in.shape == "json", "--format is text or json");
  read_places(in, wanted);
  read_behaviour(in, wanted);
  wanted.ready_file = in.ready_file;
  wanted.json = in.shape == "json";
#ifdef FLEETPROV_PLUGIN_INSTALLED
  wanted.installed_plugin = FLEETPROV_PLUGIN_INSTALLED;
#endif
  if (!read_documents(in, wanted)) {
    print_error("fleetprov mock: not started, a document has errors\n");
    return exit_findings;
  }
  try {
    mock::run_mock(wanted);
    return exit_good;
  } catch (const mock::aws_error& refused) {
    print_error("fleetprov mock: " + refused.code() + ": " + refused.message() + "\n");
    return exit_findings;
  } catch (const std::runtime_error& trouble) {
    throw run_error(trouble.what());
  }
}

}  // namespace

void add_mock(CLI::App& app, int& exit_code) {
  CLI::App& me = add_subcommand(app, "mock", "Run a local AWS IoT Core: MQTT with policies, fleet provisioning, control plane",
                                "fleetprov mock --port 8883 --http-port 8080\n"
                                "fleetprov mock --ephemeral --port 0 --http-port 0 --format json");
  auto in = std::make_shared<mock_arguments>();
  CLI::Option* directory =
      add_text(me, "--dir", in->directory, "Folder that keeps everything between runs (default ./fleetprov-mock)");
  me.add_flag("--ephemeral", in->ephemeral, "A fresh folder that is removed at the end")->excludes(directory);
  me.add_flag("--empty", in->empty, "No default policies, template or claim certificate");
  add_text(me, "--bind", in->bind, "Address to listen on (default 127.0.0.1)");
  me.add_option("--port", in->ports, "MQTT port, may be given several times; 0 picks a free one (default 8883)")->allow_extra_args(false);
  me.add_option("--http-port", in->http_port, "HTTP port of control plane and /_mock/; 0 picks a free one (default 8080)");
  add_text(me, "--region", in->region, "Region in ARNs (default us-east-1)");
  add_text(me, "--account", in->account, "Account in ARNs (default 123456789012)");
  add_repeatable(me, "--host", in->hosts, "A further name or address for the server certificate");
  add_repeatable(me, "--policy", in->policies, "NAME=FILE: create a policy");
  add_text(me, "--claim-policy", in->claim_policy, "NAME=FILE: instead of the default claim certificate's policy");
  add_repeatable(me, "--template", in->templates, "NAME=FILE: create an enabled provisioning template");
  add_repeatable(me, "--lambda", in->lambdas, "NAME=COMMAND or NAME=URL: what runs when a hook names this Lambda function");
  add_repeatable(me, "--hook", in->hooks, "TEMPLATE=LAMBDA: pre-provisioning hook of a template");
  add_repeatable(me, "--fault", in->faults, "Misbehave from the start: operation=RegisterThing,fault=reject,status_code=429,count=1");
  me.add_option("--key-pool", in->key_pool,
                "Keys and certificates kept ready for CreateKeysAndCertificate (default 16); more for load tests, 0 for none");
  add_repeatable(me, "--strict", in->strict, "Stricter than by default: " + all_strict_names());
  add_text(me, "--ready-file", in->ready_file, "Write the ready object to this file, too");
  add_text(me, "--format", in->shape, "Ready line as text or json");
  me.callback([in, &exit_code] { exit_code = run(*in); });
}

static const registrar mock_here("mock", add_mock);

}  // namespace fleetprov::cli
