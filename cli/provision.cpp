#include <cli/commands.hpp>
#include <cli/companion.hpp>
#include <cli/device_connection.hpp>
#include <cli/documents.hpp>
#include <cli/output.hpp>
#include <cli/values.hpp>

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

#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <variant>
#include <vector>

#include <unistd.h>

namespace fleetprov::cli {
namespace {

using adapters::link_event;
using provisioning::state;

struct provision_options {
  device_options device;
  std::string template_name, parameters, csr_file, key_type, key_uri, wire = "json", template_file, out = ".",
                                                                      format = "text";
  std::vector<std::string> hook_supplies;
  bool if_needed = false, has_parameters = false;
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
  std::string key_uri;                     ///< of a key in a token, which then signed `csr`
  std::optional<templates::plan> planned;  ///< what --template says will be made; has a thing
  std::string endpoint;
};

struct explanation {
  std::string step, message, help;
  payloads::error_response reply{};
  int exit_code = exit_trouble;
};

constexpr const char* storage_help = "look at the folder of --out and the space on its disk";

/// Ends the run with its explanation.
struct failed : run_error {
  explicit failed(explanation of) : run_error(of.message), why(std::move(of)) {}
  explanation why;
};

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

/// What RegisterThing would refuse, or could not carry, is told before a certificate is made for it.
void check_sizes(const std::map<std::string, std::string>& parameters, topics::payload_format wire) {
  namespace limits = topics::limits;
  for (const auto& [name, value] : parameters) {
    if (count_code_points(name) > limits::max_parameter_key)
      throw usage_error("--template-parameters: the name `" + printable(name.substr(0, 32)) + "...` has more than " +
                        std::to_string(limits::max_parameter_key) + " characters");
    if (count_code_points(value) > limits::max_parameter_value)
      throw usage_error("--template-parameters: the value of `" + printable(name) + "` has more than " +
                        std::to_string(limits::max_parameter_value) + " characters");
    if (!is_valid_utf8(name) || !is_valid_utf8(value))
      throw usage_error("--template-parameters: `" + printable(name) + "` is not UTF-8");
  }
  if (provisioning::find_unsendable(parameters, wire))
    throw usage_error("--template-parameters: together longer than AWS IoT Core carries in a message (" +
                      std::to_string(limits::max_payload_bytes) + " bytes)");
}

/// The signing request of a file and nothing else of it: `openssl req -keyout F -out F` puts the private key beside it.
std::string read_signing_request(const std::string& file) {
  std::string text = read_input(file);
  const crypto::detail::error_queue_guard quiet;
  const crypto::detail::bio_ptr in = crypto::detail::reading(text);
  const auto next = [&] {
    return crypto::detail::request_ptr(
        PEM_read_bio_X509_REQ(in.get(), nullptr, &crypto::detail::no_passphrase, nullptr));
  };
  const auto request = next();
  const bool is_one = request && !next();
  wipe(text.data(), text.size());
  const crypto::detail::bio_ptr out = crypto::detail::writing();
  if (!request || PEM_write_bio_X509_REQ(out.get(), request.get()) != 1)
    throw usage_error("--csr: `" + printable(file) + "` holds no PEM signing request");
  if (!is_one) throw usage_error("--csr: `" + printable(file) + "` holds more than one signing request");
  std::string pem(crypto::detail::written(out));
  if (pem.size() > topics::limits::max_csr_characters)
    throw usage_error("--csr: `" + printable(file) + "` has more than " +
                      std::to_string(topics::limits::max_csr_characters) + " characters");
  return pem;
}

prepared prepare(const provision_options& from) {
  const auto name = read_template_name("--template-name", from.template_name);
  auto parameters = from.has_parameters ? read_parameters(from.parameters) : std::map<std::string, std::string>();
  prepared out{make_link_options(from.device, "fleetprov", from.timeout),
               name,
               from.wire == "cbor" ? topics::payload_format::cbor : topics::payload_format::json,
               std::move(parameters),
               std::nullopt,
               std::nullopt,
               from.key_uri,
               std::nullopt,
               {}};
  check_sizes(out.parameters, out.wire);
  out.endpoint = out.link.host + ":" + std::to_string(out.link.port);
  if (!from.hook_supplies.empty() && from.template_file.empty())
    throw usage_error("--hook-supplies goes with --template, which it completes");
  if (!from.template_file.empty()) out.planned = check_template(from, out.parameters);
  if (!from.key_uri.empty() && !crypto::validate_token_uri(from.key_uri))
    throw usage_error(
        "--key-uri: not pkcs11:...object=NAME or pkcs11:...id=ID; a PIN comes from a file (?pin-source=file:/PATH)");
  if (!from.csr_file.empty()) out.csr = read_signing_request(from.csr_file);
  if (from.key_type == "rsa") out.key_type = crypto::key_type::rsa_2048;
  if (from.key_type == "ec") out.key_type = crypto::key_type::ec_p256;
  if (from.key_type == "ec-p384") out.key_type = crypto::key_type::ec_p384;
  return out;
}

/// Says each step as it happens, and remembers what an explanation of a failure needs.
class narrator {
 public:
  explicit narrator(const adapters::link_options& link) : link_(link) {}

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
    put_off_ = adapters::is_refused_for_now(event);
    switch (event.what) {
      case link_event::kind::connected:
      case link_event::kind::published:
        break;
      case link_event::kind::unreachable:
        note(before, "not reachable: " + event.text);
        break;
      case link_event::kind::untrusted:
        untrusted_ = true;
        note(before, event.text);
        break;
      case link_event::kind::hung_up:
        note(before, event.text + (event.codes.empty() ? "" : ": " + describe_reason(link_.version, event.codes[0])));
        break;
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
  bool put_off() const noexcept { return put_off_; }
  /// Whether the last connection ended with anything that could be an answer.
  bool turned_away() const noexcept { return last_ == link_event::kind::refused || last_ == link_event::kind::hung_up; }
  bool untrusted() const noexcept { return untrusted_; }
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

  adapters::link_options link_;
  std::vector<std::string> filters_;
  std::string topic_, words_;
  link_event::kind last_ = link_event::kind::connected;
  bool untrusted_ = false, put_off_ = false;
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
  out.exit_code = exit_findings;
  out.step = step_name(why.during, session);
  out.reply.status_code = why.reply.status_code;
  out.reply.error_code = why.reply.error_code;
  out.reply.error_message = why.reply.error_message;
  const std::string& host = what.link.host;
  const bool has_reply = why.reply.status_code || why.reply.error_code || why.reply.error_message;
  const std::string words = seen.last_words().empty() ? std::string(describe(why.why.code)) : seen.last_words();
  if (seen.untrusted()) {
    out.message = words;
    out.help = trust_help;
    out.exit_code = exit_trouble;
    return out;
  }
  if (why.why.code == errc::storage) {
    out.message = "the credentials could not be stored";
    out.help = std::string(storage_help) + "; nothing was registered";
    out.exit_code = exit_trouble;
    return out;
  }
  if (why.why.code == errc::too_large || why.why.code == errc::invalid_utf8) {
    out.message = "the request cannot be sent: " + std::string(describe(why.why.code));
    out.help = "look at --template-parameters";
    return out;
  }
  // Who refuses a CONNECT answers or hangs up: silence is the network's.
  const bool connecting = why.during == state::connecting || why.during == state::connect_backoff;
  const bool silent = connecting && why.why.code == errc::timed_out && !seen.turned_away();
  if (silent || (seen.unreachable() && (why.why.code == errc::disconnected || why.why.code == errc::timed_out))) {
    out.message = seen.unreachable() ? words : "no answer in time";
    out.help = network_help;
    out.exit_code = exit_trouble;
    return out;
  }
  if (seen.put_off()) {
    out.message = words;
    out.help = "too many connections: try again later, or raise the account's quota";
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

/// The JSON object of a failure, on standard output.
void print_failure(const explanation& why, const provision_options& options) {
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

void report_failure(const explanation& why, const provision_options& options) {
  print_error("error: " + why.step + ": " + why.message + "\n");
  if (!why.help.empty()) print_error("help: " + why.help + "\n");
  print_failure(why, options);
}

struct success {
  bool provisioned;
  const char* headline;
};
constexpr success provisioned_now{true, "provisioned"};
constexpr success nothing_to_do{false, "nothing to do: the credentials connect"};
constexpr success nothing_to_try{
    false, "nothing to do: the certificate is that of the signing request; it was not tried without its key"};

int succeed(const storage::posix_store& store, const provision_options& options, const success& what) {
  if (!store.set_aside_path().empty())
    print_error("warning: the key that was in `" + printable(store.key_path()) +
                "` is not that of the new certificate: it is now `" + printable(store.set_aside_path()) + "`\n");
  const auto device = store.device().value_or(storage::device_record{});
  const bool has_key = ::access(store.key_path().c_str(), F_OK) == 0;
  if (options.format == "json") {
    json_writer out;
    out.begin_object().key("provisioned").boolean(what.provisioned).key("thing_name");
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
    print(out.take() + "\n");
    return exit_good;
  }
  std::string text = std::string(what.headline) + "\n";
  text += "  thingName:     " + printable(device.thing_name.value_or("(none)")) + "\n";
  text += "  certificateId: " + printable(device.certificate_id) + "\n";
  text += "  certificate:   " + printable(store.certificate_path()) + "\n";
  if (has_key) text += "  private key:   " + printable(store.key_path()) + "\n";
  if (!device.key_uri.empty()) text += "  private key:   " + printable(device.key_uri) + "\n";
  text += "  record:        " + printable(store.record_path()) + "\n";
  for (const auto& id : device.superseded)
    text += "  superseded:    " + printable(id) + " (may still be ACTIVE: deactivate it)\n";
  print(text);
  return exit_good;
}

/// What the system or the library says of a store's failure.
std::string words_of(const failure& why) {
  return why.code == errc::storage ? std::strerror(static_cast<int>(why.offset)) : std::string(describe(why.code));
}

/// Says where a pending set and a record went that could not be used.
void tell_set_aside(const storage::posix_store& store) {
  if (store.found_unreadable_pending())
    print_error(
        "warning: the pending set could not be used (its pending.json cannot be read, or a file is gone): it is now `" +
        printable(store.unreadable_pending_path()) + "`\n");
  if (store.found_unreadable_record())
    print_error("warning: `" + printable(store.record_path()) + "` could not be read: it is now `" +
                printable(store.unreadable_record_path()) +
                "`; certificates that it lists as superseded may still be ACTIVE\n");
}

storage::posix_store open_store(const std::string& folder) {
  auto store = storage::posix_store::open(folder);
  if (store) {
    tell_set_aside(*store);
    return std::move(*store);
  }
  if (store.error().code == errc::busy)
    throw failed({"open the folder", "`" + printable(folder) + "` is in use by another process",
                  "wait for it to end, or use another --out"});
  if (store.error().code == errc::unsupported)
    throw failed({"open the folder", "`" + printable(folder) + "/pending` is a symbolic link, which is not followed",
                  "remove it, or use another --out"});
  throw failed({"open the folder", "cannot use `" + printable(folder) + "`: " + words_of(store.error()),
                "look at --out: its owner, its rights, its disk"});
}

/// The text of a file of the folder; nothing where it cannot be read, which is no reason to end a run here.
std::optional<std::string> read_if_possible(const std::string& path) {
  try {
    return read_input(path);
  } catch (const input_error&) {
    return std::nullopt;
  }
}

std::optional<crypto::certificate> read_certificate(const std::string& path) {
  const auto text = read_if_possible(path);
  auto certificate = crypto::certificate::from_pem(text.value_or(""));
  if (!certificate) return std::nullopt;
  return std::move(*certificate);
}

/// The store as `drive` uses it: a key that is in the folder is the user's unless it belongs to the certificate there.
class careful_store {
 public:
  explicit careful_store(storage::posix_store& inner) : inner_(inner) {}
  result<void> save_pending(const storage::pending_credentials& issued) { return inner_.save_pending(issued); }
  std::optional<storage::pending_record> pending() const { return inner_.pending(); }
  std::string pending_certificate_path() const { return inner_.pending_certificate_path(); }
  std::string pending_key_path() const { return inner_.pending_key_path(); }
  result<void> confirm(const storage::registration& answer) { return inner_.confirm(answer, fate_of_key()); }

 private:
  storage::present_key fate_of_key() const {
    using storage::present_key;
    const auto key = find_key();
    const auto belongs_to = [&](const std::string& path) {
      const auto certificate = read_certificate(path);
      return key && certificate && certificate->matches(*key);
    };
    if (belongs_to(inner_.pending_certificate_path())) return present_key::keep;
    return belongs_to(inner_.certificate_path()) ? present_key::replace : present_key::set_aside;
  }

  result<crypto::private_key> find_key() const {
    try {
      return read_private_key(inner_.key_path());
    } catch (const input_error&) {
      return errc::storage;
    }
  }

  storage::posix_store& inner_;
};

/// Whether the certificate in the folder was issued for this signing request.
bool is_issued_for(const std::string& csr, const storage::posix_store& store) {
  const auto certificate = read_certificate(store.certificate_path());
  if (!certificate) return false;
  const crypto::detail::error_queue_guard quiet;
  const crypto::detail::bio_ptr in = crypto::detail::reading(csr);
  const crypto::detail::request_ptr request(
      PEM_read_bio_X509_REQ(in.get(), nullptr, &crypto::detail::no_passphrase, nullptr));
  return request && EVP_PKEY_eq(X509_REQ_get0_pubkey(request.get()), X509_get0_pubkey(certificate->native())) == 1;
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
  // Before any guess: where the policy admits any client id, connecting under a name proves nothing.
  add(unique_client_id("fleetprov"), false);
  if (device && device->thing_name) add(*device->thing_name, true);
  for (const auto& [key, value] : what.parameters)
    if (out.size() < 6) add(value, true);
  return out;
}

/// `--if-needed`: whether the folder's credentials still connect. They are given up only when they were refused
/// several times: one hang-up may be the network, or a quota of the account.
template <class Link>
bool still_connect(const storage::posix_store& store, const prepared& what) {
  constexpr int refusals_needed = 3;
  adapters::link_options with = what.link;
  with.certificate_file = store.certificate_path();
  with.key_file = store.key_path();
  const auto device = store.device();
  if (device && !device->key_uri.empty())
    with.key_file = device->key_uri, with.tls_context = &adapters::token_tls_context;
  const std::string id = device && device->thing_name ? *device->thing_name : with.client_id;
  print_error("connect: with the credentials in the folder, as " + printable(id) + "\n");
  constexpr std::chrono::milliseconds longest_pause{10'000};
  auto pause = adapters::connect_pause;
  for (int refusals = 0;; pause = std::min(pause * 2, longest_pause)) {
    const link_event event = adapters::try_connecting<Link>(with, {{id, true}}).last;
    if (event.what == link_event::kind::connected) return true;
    if (event.what == link_event::kind::unreachable)
      throw failed({"connect", "not reachable: " + printable(event.text), network_help});
    if (event.what == link_event::kind::untrusted) throw failed({"connect", printable(event.text), trust_help});
    if (!adapters::is_refused_for_now(event)) ++refusals;
    if (refusals == refusals_needed) break;
    const std::string words =
        event.codes.empty() ? printable(event.text) : describe_reason(with.version, event.codes[0]);
    if (with.connect_limit() <= pause)
      throw failed({"connect", words + "; the time is over before it is certain whether the credentials are refused",
                    "raise --timeout, or try again later"});
    print_error("connect: " + words + "; trying again\n");
    std::this_thread::sleep_for(pause);
  }
  print_error("connect: refused; provisioning again\n");
  return false;
}

/// The certificate of the folder, when its record does not name it.
std::vector<std::string> unrecorded(const storage::posix_store& store) {
  if (store.device() && !store.device()->certificate_id.empty()) return {};
  const auto certificate = read_certificate(store.certificate_path());
  if (!certificate) return {};
  return {certificate->certificate_id()};
}

/// A signing request with the key at `uri`.
std::string make_request_in_token(const std::string& uri) {
  const auto token = crypto::token::open();
  constexpr const char* step = "make the signing request";
  if (!token)
    throw failed(
        {step, "OpenSSL has no engine `pkcs11` for --key-uri", "install it (Debian: libengine-pkcs11-openssl)"});
  std::string why;
  const auto key = token->load(uri, &why);
  if (!key)
    throw failed({step, "`" + printable(uri) + "`: " + printable(why), "look at --key-uri, the token and its PIN"});
  crypto::subject subject;
  subject.common_name = "fleetprov device";
  auto csr = crypto::make_csr_pem(*key, subject);
  if (!csr)
    throw failed(
        {step, "the key of `" + printable(uri) + "` does not sign", "look at what the token allows the key to do"});
  return std::move(*csr);
}

payloads::certificate_request make_request(const prepared& what, storage::posix_store& store) {
  if (what.csr) return payloads::create_certificate_from_csr_request{*what.csr};
  if (!what.key_type) return payloads::create_keys_and_certificate_request{};
  const explanation no_key{"make the private key", "the private key or its signing request could not be made",
                           "look at what OpenSSL's configuration allows, or take another --key-type"};
  const auto key = crypto::private_key::generate(*what.key_type);
  if (!key) throw failed(no_key);
  const auto pem = key->to_pem();
  crypto::subject subject;
  subject.common_name = "fleetprov device";
  const auto csr = crypto::make_csr_pem(*key, subject);
  if (!pem || !csr) throw failed(no_key);
  // The key is on disk before its request is sent.
  if (const auto kept = store.prepare_key(*pem); !kept)
    throw failed({"store the private key", words_of(kept.error()), storage_help});
  return payloads::create_certificate_from_csr_request{*csr};
}

provisioning::settings make_settings(const prepared& what) {
  provisioning::settings out;
  out.backoff_base = provisioning::instant{500};
  out.max_connects = 3;
  const auto left = std::chrono::ceil<provisioning::instant>(what.link.deadline - std::chrono::steady_clock::now());
  out.give_up_after = std::max(left, provisioning::instant{1});
  out.jitter_seed = std::random_device()();
  return out;
}

template <class Link>
int run_over(const provision_options& options, const prepared& what, storage::posix_store& store) {
  if (store.finished_earlier_set()) {
    const auto device = store.device();
    print_error("resume: certificateId " + printable(device ? device->certificate_id : "") +
                " of an earlier run was registered; it is in place now\n");
    if (!options.if_needed) return succeed(store, options, provisioned_now);
  }
  if (options.if_needed && !store.pending()) {
    if (store.has_credentials()) {
      if (still_connect<Link>(store, what)) return succeed(store, options, nothing_to_do);
    } else if (!options.csr_file.empty() && is_issued_for(*what.csr, store)) {
      return succeed(store, options, nothing_to_try);  // else each start would make another certificate
    }
  }
  provisioning::session session(what.name, what.wire, make_settings(what));
  auto request = make_request(what, store);
  if (const auto pending = store.pending())
    print_error("resume: certificateId " + printable(pending->certificate_id) + " of an earlier run\n");
  (void)adapters::start_or_resume(session, store, std::move(request), what.parameters);
  adapters::drive_options how;
  how.endpoint = what.endpoint;
  how.key_uri = what.key_uri;
  how.tls_context = &adapters::token_tls_context;
  how.client_ids = candidate_client_ids(what, store.device());
  how.superseded = unrecorded(store);
  if (what.planned) how.expected_configuration = what.planned->device_configuration;
  Link link(what.link);
  narrator seen(what.link);
  careful_store keeper(store);
  const auto end = adapters::drive(session, link, keeper, how, seen);
  if (const auto* why = std::get_if<provisioning::gave_up>(&end.end)) {
    const explanation told = explain(*why, seen, what, session);
    report_failure(told, options);
    return told.exit_code;
  }
  if (!end.confirmed) {
    const std::string kept = store.unreadable_pending_path();
    throw failed({"store credentials",
                  "they are registered but could not be put in place: " + words_of(end.confirmed.error()),
                  kept.empty() ? std::string(storage_help) + "; then run again: what was stored is used"
                               : "what is left of them is in `" + printable(kept) + "`; run again for new ones"});
  }
  return succeed(store, options, provisioned_now);
}

/// The URI of the key that this folder's credentials, pending or in use, have in a token.
std::string key_uri_of(const storage::posix_store& store) {
  if (const auto pending = store.pending(); pending && !pending->key_uri.empty()) return pending->key_uri;
  if (const auto device = store.device()) return device->key_uri;
  return {};
}

int attempt(const provision_options& options) {
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
  throw failed({"connect", "keys in a token: this build has no libmosquitto", "give the signing request with --csr"});
#endif
}

/// Every failure is told, in JSON too, also those before anything is sent.
int run(const provision_options& options) {
  try {
    return attempt(options);
  } catch (const failed& end) {
    report_failure(end.why, options);
    return end.why.exit_code;
  } catch (const usage_error& why) {
    print_failure({"read the options", printable(why.what()), "see `fleetprov provision --help`"}, options);
    throw;
  } catch (const input_error& why) {
    print_failure({"read the input", printable(why.what()), "look at the file"}, options);
    throw;
  } catch (const document_error& why) {
    print_failure({"read the input", printable(why.what()), "look at the document"}, options);
    throw;
  }
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
  auto* parameters = me.add_option("--template-parameters", options->parameters,
                                   "its parameters: a JSON object of strings, @FILE, or - for standard input");
  auto* csr = me.add_option("--csr", options->csr_file, "send this signing request; its key stays where it is");
  auto* type = me.add_option("--key-type", options->key_type, "make the key here and send a signing request")
                   ->check(CLI::IsMember({"rsa", "ec", "ec-p384"}));
  auto* uri = me.add_option("--key-uri", options->key_uri,
                            "the key is in a PKCS#11 token: pkcs11:token=T;object=K?pin-source=file:/PATH");
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
  me.callback([options, parameters, &exit_code] {
    options->has_parameters = parameters->count() > 0;  // an empty text is one, too
    exit_code = run(*options);
  });
}

namespace {
const registrar provision_here(provision_command.name, add_provision);
}  // namespace

}  // namespace fleetprov::cli
