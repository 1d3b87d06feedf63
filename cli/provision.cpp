#include <cli/provision.hpp>

#include <cli/commands.hpp>
#include <cli/companion.hpp>
#include <cli/output.hpp>
#include <cli/provision_report.hpp>

#include <fleetprov/adapters/paho.hpp>
#include <fleetprov/adapters/token_tls.hpp>
#ifdef FLEETPROV_KEYS_IN_TOKENS
#include <fleetprov/adapters/mosquitto.hpp>
#endif
#include <fleetprov/crypto/certificate.hpp>
#include <fleetprov/crypto/csr.hpp>
#include <fleetprov/crypto/issued.hpp>
#include <fleetprov/crypto/private_key.hpp>
#include <fleetprov/crypto/token_key.hpp>
#include <fleetprov/storage/posix_store.hpp>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

namespace fleetprov::cli {
namespace {

using adapters::link_event;

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
  const auto certificate = read_if_possible(store.certificate_path());
  return certificate && crypto::check_issued(*certificate, {}, &csr);
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
    if (event.what == link_event::kind::not_tried) throw failed({"connect", printable(event.text), own_file_help});
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
  how.check_issued = &crypto::check_issued;
  if (what.planned) how.expected_configuration = what.planned->device_configuration;
  Link link(what.link);
  narrator seen(what.link);
  careful_store keeper(store);
  const auto end = adapters::drive(session, link, keeper, how, seen);
  if (const auto* why = std::get_if<provisioning::gave_up>(&end.end)) {
    explanation told = explain(*why, seen, what, session);
    if (!end.confirmed) told.message += ": " + words_of(end.confirmed.error());  // the store's
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
    print_failure({"read the options", uncoloured(why.what()), "see `fleetprov provision --help`"}, options);
    throw;
  } catch (const input_error& why) {
    print_failure({"read the input", uncoloured(why.what()), "look at the file"}, options);
    throw;
  } catch (const document_error& why) {
    print_failure({"read the input", uncoloured(why.what()), "look at the document"}, options);
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
