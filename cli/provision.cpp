#include <cli/commands.hpp>
#include <cli/companion.hpp>
#include <cli/device_connection.hpp>
#include <cli/documents.hpp>
#include <cli/output.hpp>

#include <fleetprov/adapters/paho.hpp>
#include <fleetprov/adapters/token_tls.hpp>
#ifdef FLEETPROV_KEYS_IN_TOKENS
#include <fleetprov/adapters/mosquitto.hpp>
#endif
#include <fleetprov/crypto/certificate.hpp>
#include <fleetprov/crypto/csr.hpp>
#include <fleetprov/crypto/private_key.hpp>
#include <fleetprov/crypto/token_key.hpp>
#include <fleetprov/storage/posix_store.hpp>
#include <fleetprov/templates/evaluate.hpp>
#include <fleetprov/templates/parameters.hpp>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include <sys/stat.h>

namespace fleetprov::cli {
namespace {

using adapters::link_event;
using provisioning::state;

struct provision_options {
  device_options device;
  std::string template_name, parameters, csr_file, key_type, key_uri, wire = "json", template_file, out = ".",
                                                                      format = "text";
  std::vector<std::string> hook_supplies;
  bool if_needed = false;
  double timeout = 60;
};

/// Everything that is known before anything is sent.
struct prepared {
  adapters::link_options link;
  topics::template_name name;
  topics::payload_format wire;
  std::map<std::string, std::string> parameters;
  std::optional<std::string> csr;
  std::optional<crypto::key_type> key_type;
  std::string key_uri;  ///< of a key in a token, which then signed `csr`
  std::optional<templates::plan> planned;  ///< what --template says will be made; has a thing
  std::string endpoint;
};

topics::template_name read_template_name(const std::string& text) {
  const auto name = topics::template_name::parse(text);
  if (!name) throw usage_error("--template-name: `" + printable(text) + "` is not 1 to 36 characters of [0-9A-Za-z_-]");
  return *name;
}

/// Checks the parameters against the template and answers what they make of it, if that is certain.
std::optional<templates::plan> check_template(const provision_options& from,
                                              const std::map<std::string, std::string>& parameters) {
  const std::string text = read_input(from.template_file);
  const auto subject = read_template(from.template_file, text, std::nullopt);
  const std::set<std::string> hook(from.hook_supplies.begin(), from.hook_supplies.end());
  const auto found = templates::check_parameters(subject, parameters, hook);
  const source_text source(from.template_file, text);
  for (const auto& d : found) print_error(render_text(source, d, colour_for(stderr)));
  if (std::any_of(found.begin(), found.end(), [](const diagnostic& d) { return d.level == severity::error; }))
    throw usage_error("--template-parameters do not fit `" + printable(from.template_file) + "`: nothing was sent");
  if (!hook.empty()) return std::nullopt;
  auto plan = templates::evaluate(subject, parameters);
  if (!plan || !plan.value->thing) return std::nullopt;
  return std::move(plan.value);
}

prepared prepare(const provision_options& from) {
  const auto name = read_template_name(from.template_name);
  auto parameters = from.parameters.empty() ? std::map<std::string, std::string>() : read_parameters(from.parameters);
  prepared out{make_link_options(from.device, "fleetprov"),
               name,
               from.wire == "cbor" ? topics::payload_format::cbor : topics::payload_format::json,
               std::move(parameters),
               std::nullopt,
               std::nullopt,
               from.key_uri,
               std::nullopt,
               {}};
  out.endpoint = out.link.host + ":" + std::to_string(out.link.port);
  if (!from.template_file.empty()) out.planned = check_template(from, out.parameters);
  if (!from.key_uri.empty() && !crypto::validate_token_uri(from.key_uri))
    throw usage_error(
        "--key-uri: not pkcs11:...object=NAME or pkcs11:...id=ID; a PIN comes from a file (?pin-source=file:/PATH)");
  if (!from.csr_file.empty()) {
    out.csr = read_input(from.csr_file);
    if (out.csr->find("-----BEGIN CERTIFICATE REQUEST-----") == std::string::npos &&
        out.csr->find("-----BEGIN NEW CERTIFICATE REQUEST-----") == std::string::npos)
      throw usage_error("--csr: `" + printable(from.csr_file) + "` holds no PEM signing request");
    if (out.csr->size() > topics::limits::max_csr_characters)
      throw usage_error("--csr: `" + printable(from.csr_file) + "` has more than " +
                        std::to_string(topics::limits::max_csr_characters) + " characters");
  }
  if (from.key_type == "rsa") out.key_type = crypto::key_type::rsa_2048;
  if (from.key_type == "ec") out.key_type = crypto::key_type::ec_p256;
  if (from.key_type == "ec-p384") out.key_type = crypto::key_type::ec_p384;
  return out;
}

/// Says each step as it happens, and remembers what an explanation of a failure needs.
class narrator {
 public:
  narrator(const provisioning::session& of, const adapters::link_options& link) : session_(of), link_(link) {}

  void on_action(const provisioning::session_action& next) {
    if (std::holds_alternative<provisioning::connect>(next)) {
      say("connect: " + printable(link_.host) + ":" + std::to_string(link_.port) + " as " + printable(link_.client_id));
    } else if (const auto* sub = std::get_if<provisioning::subscribe_topics>(&next)) {
      for (const auto& filter : sub->filters) say("subscribe: " + std::string(filter.view()));
      filters_ = {std::string(sub->filters[0].view()), std::string(sub->filters[1].view())};
    } else if (const auto* pub = std::get_if<provisioning::publish_message>(&next)) {
      topic_ = std::string(pub->topic.view());
      say(std::string(topics::name_of(pub->call)) + ": " + topic_);
    } else if (const auto* issued = std::get_if<provisioning::store_credentials>(&next)) {
      say("certificateId: " + printable(issued->issued.certificate_id));
    } else if (std::holds_alternative<provisioning::try_credentials>(next)) {
      say("try: whether the stored certificate is registered already");
    } else if (const auto* done = std::get_if<provisioning::finished>(&next)) {
      if (!done->thing) say("the stored certificate connects: it was registered by an earlier request");
      else if (done->thing->thing_name) say("thingName: " + printable(*done->thing->thing_name));
      else say("thingName: none (the template makes no thing)");
      say("disconnect");
    }
  }

  void on_event(const link_event& event, state before) {
    last_ = event.what;
    if (event.what == link_event::kind::connected && before == state::connecting) ever_connected_ = true;
    switch (event.what) {
      case link_event::kind::connected:
      case link_event::kind::published:
        break;
      case link_event::kind::unreachable:
        note(before, "not reachable: " + event.text);
        break;
      case link_event::kind::hung_up: {
        const std::string fault = before == state::connecting && !looked_ ? find_server_fault(link_) : std::string();
        looked_ = true;
        untrusted_ = !fault.empty();
        note(before,
             untrusted_
                 ? fault
                 : event.text + (event.codes.empty() ? "" : ": " + describe_reason(link_.version, event.codes[0])));
        break;
      }
      case link_event::kind::refused:
        note(before, "refused" + (event.codes.empty() ? "" : ": " + describe_reason(link_.version, event.codes[0])));
        break;
      case link_event::kind::subscribed:
        for (const std::uint8_t code : event.codes)
          if (code >= 0x80) note(before, "SUBACK: " + describe_reason(link_.version, code));
        break;
      case link_event::kind::publish_refused:
        note(before, "PUBACK: " + describe_reason(link_.version, event.codes.at(0)));
        break;
      case link_event::kind::message:
        answered(event, before);
        break;
    }
  }

  bool stop() const { return untrusted_; }  // trying again cannot help

  const std::string& last_words() const noexcept { return words_; }
  bool unreachable() const noexcept { return last_ == link_event::kind::unreachable; }
  bool untrusted() const noexcept { return untrusted_; }
  bool ever_connected() const noexcept { return ever_connected_; }
  const std::vector<std::string>& filters() const noexcept { return filters_; }
  const std::string& topic() const noexcept { return topic_; }

 private:
  void say(const std::string& line) const { print_error(line + "\n"); }
  void note(state during, const std::string& what) {
    words_ = printable(what);
    say(std::string(provisioning::step_of(during)) + ": " + words_);
  }
  void answered(const link_event& event, state) {
    const auto place = topics::classify(event.text);
    if (place && place->kind == topics::message_kind::rejected)
      say(std::string(topics::name_of(place->call)) + ": rejected");
  }

  const provisioning::session& session_;
  adapters::link_options link_;
  std::vector<std::string> filters_;
  std::string topic_, words_;
  link_event::kind last_ = link_event::kind::connected;
  bool ever_connected_ = false, untrusted_ = false, looked_ = false;
};

struct explanation {
  std::string step, message, help;
  payloads::error_response reply;
  int exit_code = exit_findings;
};

std::string step_name(state during, const provisioning::session& session) {
  if (during == state::creating_certificate || during == state::create_backoff)
    return std::string(topics::name_of(session.create_call()));
  return std::string(provisioning::step_of(during));
}

std::string service_answer(const payloads::error_response& reply) {
  std::string out = "the service answered";
  if (reply.status_code) out += " " + std::to_string(*reply.status_code);
  if (reply.error_code) out += " " + printable(*reply.error_code);
  if (reply.error_message) out += ": " + printable(*reply.error_message);
  if (!reply.status_code && !reply.error_code && !reply.error_message) out += " with a rejection that says nothing";
  return out;
}

std::string help_for_rejection(state during, const payloads::error_response& reply, const prepared& what) {
  const int status = reply.status_code.value_or(0);
  const bool registering =
      during == state::registering_thing || during == state::register_backoff || during == state::trying_credentials;
  if (status == 429) return "too many requests: try again later, or raise the account's quota";
  if (status >= 500) return "the service failed: try again later";
  if (!registering)
    return what.csr || what.key_type
               ? "look at the signing request: RSA of at least 2048 bits or NIST P-256, P-384, P-521"
               : "look at the account's limits and logs";
  if (reply.error_code == "InvalidCertificateOwnershipToken")
    return "the ownership token is no good: run again for a new certificate";
  switch (status) {
    case 400:
      return "look at --template-parameters and at what the template refers to (`--template FILE` checks them here)";
    case 403:
      return "look at the pre-provisioning hook (denied, failed or took more than 5 s), at whether the template is "
             "enabled, and at its provisioning role";
    case 404:
      return "look at --template-name: there is no template `" + std::string(what.name.view()) +
             "` in this account and region";
    case 409:
      return "the thing exists already and the template's OverrideSettings say FAIL";
    default:
      return "look at the template and at the account's logs";
  }
}

std::string needed(const std::string& host, const std::string& action, std::string_view type,
                   const std::vector<std::string>& names) {
  std::string out = action + " on";
  for (std::size_t i = 0; i < names.size(); ++i)
    out += (i == 0 ? " " : " and ") + policy_resource(host, type, names[i]);
  return out;
}

explanation explain(const provisioning::gave_up& why, const narrator& seen, const prepared& what,
                    const provisioning::session& session) {
  explanation out;
  out.step = step_name(why.during, session);
  out.reply.status_code = why.reply.status_code;
  out.reply.error_code = why.reply.error_code;
  out.reply.error_message = why.reply.error_message;
  const std::string& host = what.link.host;
  const bool has_reply = why.reply.status_code || why.reply.error_code || why.reply.error_message;
  const std::string words = seen.last_words().empty() ? std::string(describe(why.why.code)) : seen.last_words();
  if (seen.untrusted()) {
    out.message = words;
    out.help = "the server's certificate is not trusted: look at --ca-file and at the host name of --endpoint";
    out.exit_code = exit_trouble;
    return out;
  }
  if (why.why.code == errc::storage) {
    out.message = "the credentials could not be stored";
    out.help = "look at the folder of --out and the space on its disk; nothing was registered";
    out.exit_code = exit_trouble;
    return out;
  }
  if (seen.unreachable() && (why.why.code == errc::disconnected || why.why.code == errc::timed_out)) {
    out.message = words;
    out.help = "look at --endpoint, the network and the firewall (8883, or 443)";
    out.exit_code = exit_trouble;
    return out;
  }
  if (why.why.code == errc::rejected &&
      (has_reply || why.during == state::registering_thing || why.during == state::creating_certificate) &&
      seen.last_words().find("PUBACK") != 0) {
    out.message = service_answer(why.reply);
    out.help = help_for_rejection(why.during, why.reply, what);
    return out;
  }
  out.message = why.why.code == errc::timed_out ? "no answer in time" : words;
  switch (why.during) {
    case state::connecting:
    case state::connect_backoff:
      out.help = "look at the claim certificate (registered and ACTIVE?), at its policy, which needs " +
                 needed(host, "iot:Connect", "client", {what.link.client_id}) + ", and at the endpoint";
      break;
    case state::subscribing_create:
    case state::subscribing_register:
      out.help = "look at the claim certificate's policy: it needs " +
                 needed(host, "iot:Subscribe", "topicfilter", seen.filters()) +
                 " (AWS hangs up on what a policy denies)";
      break;
    case state::creating_certificate:
    case state::create_backoff:
    case state::registering_thing:
    case state::register_backoff:
      out.help = "look at the claim certificate's policy: it needs " +
                 needed(host, "iot:Publish", "topic", {seen.topic()}) + " and " +
                 needed(host, "iot:Receive", "topic", {seen.topic() + "/accepted", seen.topic() + "/rejected"});
      break;
    case state::trying_credentials:
    case state::trying_backoff:
      out.help = "the stored certificate's token is no good and it does not connect: run again";
      break;
    default:
      out.help = "run again: what was stored is used";
      break;
  }
  return out;
}

void report_failure(const explanation& why, const provision_options& options) {
  print_error("error: " + why.step + ": " + why.message + "\n");
  if (!why.help.empty()) print_error("help: " + why.help + "\n");
  if (options.format != "json") return;
  json_writer out;
  out.begin_object()
      .key("error")
      .begin_object()
      .field("step", why.step)
      .field("message", why.message)
      .field("help", why.help);
  if (why.reply.status_code) out.field("status_code", *why.reply.status_code);
  if (why.reply.error_code) out.field("error_code", *why.reply.error_code);
  if (why.reply.error_message) out.field("error_message", *why.reply.error_message);
  out.end_object().end_object();
  print(out.take() + "\n");
}

void report_success(const storage::posix_store& store, const provision_options& options, bool provisioned) {
  const auto device = store.device().value_or(storage::device_record{});
  const bool has_key = ::access(store.key_path().c_str(), F_OK) == 0;
  if (options.format == "json") {
    json_writer out;
    out.begin_object().key("provisioned").boolean(provisioned).key("thing_name");
    if (device.thing_name) out.text(*device.thing_name);
    else out.null();
    out.field("certificate_id", device.certificate_id).field("endpoint", device.endpoint);
    out.key("device_configuration").begin_object();
    for (const auto& [key, value] : device.device_configuration) out.field(key, value);
    out.end_object().key("superseded").begin_array();
    for (const auto& id : device.superseded) out.text(id);
    out.end_array().field("certificate", store.certificate_path()).key("private_key");
    if (has_key) out.text(store.key_path());
    else out.null();
    if (!device.key_uri.empty()) out.field("key_uri", device.key_uri);
    out.field("record", store.record_path()).end_object();
    return print(out.take() + "\n");
  }
  std::string text = provisioned ? "provisioned\n" : "nothing to do: the credentials connect\n";
  text += "  thingName:     " + printable(device.thing_name.value_or("(none)")) + "\n";
  text += "  certificateId: " + printable(device.certificate_id) + "\n";
  text += "  certificate:   " + printable(store.certificate_path()) + "\n";
  if (has_key) text += "  private key:   " + printable(store.key_path()) + "\n";
  if (!device.key_uri.empty()) text += "  private key:   " + printable(device.key_uri) + "\n";
  text += "  record:        " + printable(store.record_path()) + "\n";
  for (const auto& id : device.superseded)
    text += "  superseded:    " + printable(id) + " (may still be ACTIVE: deactivate it)\n";
  print(text);
}

storage::posix_store open_store(const std::string& folder) {
  auto store = storage::posix_store::open(folder);
  if (store) {
    if (store->found_unreadable_pending())
      print_error("warning: `" + printable(folder) + "/pending/pending.json` could not be read and was set aside\n");
    return std::move(*store);
  }
  if (store.error().code == errc::busy) throw run_error("`" + printable(folder) + "` is in use by another process");
  throw run_error("cannot use the folder `" + printable(folder) +
                  "`: " + std::strerror(static_cast<int>(store.error().offset)));
}

/// Client ids to try stored credentials with. Device policies often demand the thing name; where it
/// is not known, one of the parameters often is it.
std::vector<adapters::drive_options::candidate> candidate_client_ids(
    const prepared& what, const std::optional<storage::device_record>& device) {
  std::vector<adapters::drive_options::candidate> out;
  const auto add = [&](const std::string& id, bool is_thing_name) {
    const bool known = std::any_of(out.begin(), out.end(), [&](const auto& c) { return c.client_id == id; });
    if (topics::validate_client_id(id) && !known) out.push_back({id, is_thing_name});
  };
  if (what.planned) add(what.planned->thing->name, true);
  if (device && device->thing_name) add(*device->thing_name, true);
  add(unique_client_id("fleetprov"), false);
  for (const auto& [key, value] : what.parameters)
    if (out.size() < 6) add(value, true);
  return out;
}

enum class verdict : std::uint8_t { work, refused, unreachable };

/// `--if-needed`: whether the folder's credentials still connect. One hang-up may be the network.
template <class Link>
verdict try_device(const storage::posix_store& store, const prepared& what) {
  adapters::link_options with = what.link;
  with.certificate_file = store.certificate_path();
  with.key_file = store.key_path();
  const auto device = store.device();
  if (device && !device->key_uri.empty()) with.key_file = device->key_uri, with.tls_context = &adapters::token_tls_context;
  const std::string id = device && device->thing_name ? *device->thing_name : with.client_id;
  print_error("connect: with the credentials in the folder, as " + printable(id) + "\n");
  for (int attempt = 0; attempt < 2; ++attempt) {
    const link_event event = adapters::try_connecting<Link>(with, {{id, true}}).last;
    if (event.what == link_event::kind::connected) return verdict::work;
    if (event.what == link_event::kind::hung_up)
      if (const std::string fault = find_server_fault(with); !fault.empty())
        throw run_error(fault + ": look at --ca-file and at the host name of --endpoint");
    if (event.what == link_event::kind::unreachable) return verdict::unreachable;
    if (event.what == link_event::kind::refused) break;
  }
  print_error("connect: refused; provisioning again\n");
  return verdict::refused;
}

/// The certificate of the folder, when its record does not name it.
std::vector<std::string> unrecorded(const storage::posix_store& store) {
  if (store.device() && !store.device()->certificate_id.empty()) return {};
  struct stat found {};
  if (::stat(store.certificate_path().c_str(), &found) != 0) return {};
  const auto certificate = crypto::certificate::from_pem(read_input(store.certificate_path()));
  if (!certificate) return {};
  return {certificate->certificate_id()};
}

/// A signing request with the key at `uri`.
std::string make_request_in_token(const std::string& uri) {
  const auto token = crypto::token::open();
  if (!token) throw run_error("--key-uri: OpenSSL has no engine `pkcs11` (Debian: libengine-pkcs11-openssl)");
  std::string why;
  const auto key = token->load(uri, &why);
  if (!key) throw run_error("--key-uri: `" + printable(uri) + "`: " + printable(why));
  crypto::subject subject;
  subject.common_name = "fleetprov device";
  auto csr = crypto::make_csr_pem(*key, subject);
  if (!csr) throw run_error("--key-uri: the key of `" + printable(uri) + "` does not sign");
  return std::move(*csr);
}

payloads::certificate_request make_request(const prepared& what, storage::posix_store& store) {
  if (what.csr) return payloads::create_certificate_from_csr_request{*what.csr};
  if (!what.key_type) return payloads::create_keys_and_certificate_request{};
  const auto key = crypto::private_key::generate(*what.key_type);
  if (!key) throw run_error("the private key could not be made");
  const auto pem = key->to_pem();
  crypto::subject subject;
  subject.common_name = "fleetprov device";
  const auto csr = crypto::make_csr_pem(*key, subject);
  if (!pem || !csr) throw run_error("the signing request could not be made");
  // The key is on disk before its request is sent.
  if (const auto kept = store.prepare_key(*pem); !kept)
    throw run_error("the private key could not be stored: " +
                    std::string(std::strerror(static_cast<int>(kept.error().offset))));
  return payloads::create_certificate_from_csr_request{*csr};
}

provisioning::settings make_settings(const provision_options& from) {
  provisioning::settings out;
  out.backoff_base = provisioning::instant{500};
  out.max_connects = 3;
  out.give_up_after = provisioning::instant{static_cast<provisioning::instant::rep>(from.timeout * 1000)};
  out.jitter_seed = std::random_device()();
  return out;
}

template <class Link>
int run_over(const provision_options& options, const prepared& what, storage::posix_store& store) {
  if (options.if_needed && !store.pending() && store.has_credentials()) {
    const verdict found = try_device<Link>(store, what);
    if (found == verdict::work) {
      report_success(store, options, false);
      return exit_good;
    }
    if (found == verdict::unreachable) throw run_error("connect: `" + printable(what.endpoint) + "` is not reachable");
  }
  provisioning::session session(what.name, what.wire, make_settings(options));
  auto request = make_request(what, store);
  const auto now = adapters::monotonic_now();
  if (const auto pending = store.pending()) {
    print_error("resume: certificateId " + printable(pending->certificate_id) + " of an earlier run\n");
    auto token = store.pending_token();
    provisioning::unfinished left{token ? std::move(*token) : secret(),
                                  std::chrono::seconds(adapters::wall_clock_seconds() - pending->issued_at)};
    (void)session.resume(now, std::move(left), std::move(request), what.parameters);
  } else {
    (void)session.start(now, std::move(request), what.parameters);
  }
  adapters::drive_options how;
  how.endpoint = what.endpoint;
  how.key_uri = what.key_uri;
  how.tls_context = &adapters::token_tls_context;
  how.client_ids = candidate_client_ids(what, store.device());
  how.superseded = unrecorded(store);
  if (what.planned) how.expected_configuration = what.planned->device_configuration;
  Link link(what.link);
  narrator seen(session, what.link);
  const auto end = adapters::drive(session, link, store, how, seen);
  if (const auto* why = std::get_if<provisioning::gave_up>(&end.end)) {
    const explanation told = explain(*why, seen, what, session);
    report_failure(told, options);
    return told.exit_code;
  }
  if (!end.confirmed)
    throw run_error("the credentials are registered but could not be put in place: " +
                    std::string(std::strerror(static_cast<int>(end.confirmed.error().offset))) + "; run again");
  report_success(store, options, true);
  return exit_good;
}

/// The URI of the key that this folder's credentials, pending or in use, have in a token.
std::string key_uri_of(const storage::posix_store& store) {
  if (const auto pending = store.pending(); pending && !pending->key_uri.empty()) return pending->key_uri;
  if (const auto device = store.device()) return device->key_uri;
  return {};
}

int run(const provision_options& options) {
  prepared what = prepare(options);
  auto store = open_store(options.out);
  const std::string known = key_uri_of(store);
  // A device whose key is in a token does not get one in a file unless that is asked for.
  if (what.key_uri.empty() && !what.csr && !what.key_type) what.key_uri = known;
  if (what.key_uri.empty() && known.empty()) return run_over<adapters::paho_link>(options, what, store);
  if (!what.key_uri.empty()) what.csr = make_request_in_token(what.key_uri);
#ifdef FLEETPROV_KEYS_IN_TOKENS
  return run_over<adapters::mosquitto_link>(options, what, store);  // Paho knows no engines
#else
  throw run_error("keys in a token: this build has no libmosquitto; give the signing request with --csr");
#endif
}

}  // namespace

void add_provision(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<provision_options>();
  CLI::App& me =
      add_subcommand(app, provision_command.name, provision_command.about,
                     "fleetprov provision --endpoint localhost:8883 --cert claim.pem.crt --key claim.pem.key \\\n"
                     "  --ca-file AmazonRootCA1.pem --template-name fleet \\\n"
                     "  --template-parameters '{\"SerialNumber\":\"1\"}' --out device-1");
  add_device_options(me, options->device);
  me.add_option("--template-name", options->template_name, "provisioning template")->required();
  me.add_option("--template-parameters", options->parameters,
                "its parameters: a JSON object of strings, @FILE, or - for standard input");
  auto* csr = me.add_option("--csr", options->csr_file, "send this signing request; its key stays where it is");
  auto* type = me.add_option("--key-type", options->key_type, "make the key here and send a signing request")
                   ->check(CLI::IsMember({"rsa", "ec", "ec-p384"}));
  auto* uri = me.add_option("--key-uri", options->key_uri, "the key is in a PKCS#11 token: pkcs11:token=T;object=K?pin-source=file:/PATH");
  csr->excludes(type)->excludes(uri);
  type->excludes(uri);
  me.add_option("--wire", options->wire, "payload format")
      ->check(CLI::IsMember({"json", "cbor"}))
      ->capture_default_str();
  me.add_option("--template", options->template_file,
                "the template's document: parameters are checked before anything is sent");
  add_repeatable(me, "--hook-supplies", options->hook_supplies,
                 "a parameter that the pre-provisioning hook fills in (may be repeated)");
  me.add_option("--out", options->out, "folder for device.pem.crt, device.pem.key and device.json")
      ->capture_default_str();
  me.add_flag("--if-needed", options->if_needed, "do nothing when the folder's credentials still connect");
  me.add_option("--timeout", options->timeout, "seconds until the run gives up")
      ->check(CLI::Range(0.001, 86400.0))
      ->capture_default_str();
  me.add_option("--format", options->format, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  me.callback([options, &exit_code] { exit_code = run(*options); });
}

namespace {
const registrar provision_here(provision_command.name, add_provision);
}  // namespace

}  // namespace fleetprov::cli
