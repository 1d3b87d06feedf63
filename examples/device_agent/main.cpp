// A device's whole life: provision when needed, connect, publish telemetry, come back after its
// certificate was revoked, take a new claim certificate when one is delivered, and rotate.
//
//   device_agent HOST PORT CA.pem CLAIM_FOLDER TEMPLATE SERIAL OUT [ROTATION_TEMPLATE SECONDS]
//
// CLAIM_FOLDER holds `claim.pem.crt` and `claim.pem.key`; replacing them (key first, then the
// certificate, each by rename) delivers a new claim. ROTATION_TEMPLATE: a template that the device's
// own certificate may use; it is used SECONDS after each start and rotation.
// Prints one line per event. Stops on SIGTERM and SIGINT.
#include <fleetprov/adapters/paho.hpp>
#include <fleetprov/crypto/issued.hpp>
#include <fleetprov/provisioning/life_cycle.hpp>
#include <fleetprov/storage/posix_store.hpp>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include <sys/stat.h>

using namespace fleetprov;
using adapters::link_event;
using adapters::monotonic_now;
using adapters::paho_link;

namespace {

volatile std::sig_atomic_t stop_asked = 0;
void ask_to_stop(int) { stop_asked = 1; }

struct settings {
  adapters::link_options claim;
  std::string claim_folder, serial, out;
  topics::template_name name;
  std::optional<topics::template_name> rotation;
  provisioning::instant rotate_after{0};
};

void say(const char* what, const std::string& detail = "") {
  std::printf("%s%s%s\n", what, detail.empty() ? "" : ": ", detail.c_str());
  std::fflush(stdout);
}

/// Changes when the claim certificate is replaced; empty while there is none.
std::string claim_version(const std::string& folder) {
  struct stat found {};
  if (::stat((folder + "/claim.pem.crt").c_str(), &found) != 0) return "";
  return std::to_string(found.st_ino) + "." + std::to_string(found.st_mtim.tv_sec) + "." + std::to_string(found.st_mtim.tv_nsec);
}

/// A store that keeps a rotation pending until its credentials have connected.
struct unconfirmed_store {
  storage::posix_store& to;
  storage::registration answer{};
  result<void> prepare_key(const secret& pem) { return to.prepare_key(pem); }
  result<void> save_pending(const storage::pending_credentials& issued) { return to.save_pending(issued); }
  std::optional<storage::pending_record> pending() const { return to.pending(); }
  result<secret> pending_token() const { return to.pending_token(); }
  result<void> confirm(const storage::registration& what) { return answer = what, result<void>(); }
  result<void> discard_pending() { return to.discard_pending(); }
  std::optional<storage::device_record> device() const { return to.device(); }
  std::string pending_certificate_path() const { return to.pending_certificate_path(); }
  std::string pending_key_path() const { return to.pending_key_path(); }
};

class agent {
 public:
  agent(settings how, storage::posix_store store) : how_(std::move(how)), store_(std::move(store)), life_(life_settings()) {
    claim_ = claim_version(how_.claim_folder);
    (void)life_.start(monotonic_now(), {store_.has_credentials(), store_.pending().has_value(), ends_in(), claim_});
  }

  int run() {
    while (stop_asked == 0) {
      while (auto next = life_.poll_action()) std::visit([this](const auto& what) { act(what); }, *next);
      if (const std::string now = claim_version(how_.claim_folder); !now.empty() && now != claim_) {
        say("new claim");
        claim_ = now;
        (void)life_.handle_claim_delivered(monotonic_now(), now);
      }
      listen();
      life_.handle_timeout(monotonic_now());
    }
    if (link_) link_->close();
    say("stopped");
    return 0;
  }

 private:
  provisioning::life_settings life_settings() const {
    provisioning::life_settings out;
    out.backoff_base = provisioning::instant{200};
    out.claim_retry = provisioning::instant{60'000};
    // The example counts from its own start; a product reads notAfter from the certificate.
    if (how_.rotation) out.rotate_before = provisioning::instant{1}, out.rotation_retry = how_.rotate_after;
    return out;
  }
  std::optional<provisioning::instant> ends_in() const {
    if (!how_.rotation) return std::nullopt;
    return how_.rotate_after + provisioning::instant{1};
  }
  std::string client_id() const {
    const auto device = store_.device();
    return device && device->thing_name ? *device->thing_name : how_.claim.client_id;
  }
  /// What the thing is called, or will be: as templates/fleet-basic.json does it.
  std::string thing_name() const {
    const auto device = store_.device();
    return device && device->thing_name ? *device->thing_name : "fleet-" + how_.serial;
  }
  adapters::link_options own(const std::string& certificate, const std::string& key) const {
    adapters::link_options out = how_.claim;
    out.certificate_file = certificate;
    out.key_file = key;
    out.client_id = client_id();
    return out;
  }

  void act(const provisioning::connect_device&) {
    say("connect");
    link_ = std::make_unique<paho_link>(own(store_.certificate_path(), store_.key_path()));
    link_->connect();
  }
  void act(const provisioning::provision_device&) {
    say("provision");
    link_.reset();
    const auto end = run_session(how_.name, how_.claim, store_);
    const auto now = monotonic_now();
    if (end) {
      say("provisioned", store_.device()->certificate_id);
      (void)life_.handle_provisioned(now, ends_in());
      return;
    }
    const auto* why = std::get_if<provisioning::gave_up>(&end.end);
    // What was issued and is of no use counts as refused: each further try makes another certificate.
    const bool refused = why != nullptr && (why->why.code == errc::rejected || why->why.code == errc::subscription_refused ||
                                            why->why.code == errc::encoding || why->why.code == errc::crypto);
    say("not provisioned", std::string(why ? describe(why->why.code) : "the store failed"));
    (void)(refused ? life_.handle_provisioning_refused(now) : life_.handle_provisioning_failed(now));
  }
  void act(const provisioning::rotate_credentials&) {
    say("rotate");
    if (store_.pending()) (void)store_.discard_pending();
    // Device policies often allow one client id only, so the session takes the place of the device's
    // own connection for a moment.
    link_.reset();
    (void)life_.handle_disconnected(monotonic_now());
    unconfirmed_store hold{store_};
    const auto end = run_session(*how_.rotation, own(store_.certificate_path(), store_.key_path()), hold);
    rotated_ = hold.answer;
    (void)(end ? life_.handle_rotated(monotonic_now()) : life_.handle_rotation_failed(monotonic_now()));
  }
  void act(const provisioning::try_new_credentials&) {
    say("try new credentials");
    const auto with = own(store_.pending_certificate_path(), store_.pending_key_path());
    const auto trial = adapters::try_connecting<paho_link>(with, {{with.client_id, true}}).last;
    if (trial.what == link_event::kind::connected) (void)life_.handle_connected(monotonic_now());
    else (void)(adapters::says_nothing(trial) ? life_.handle_unreachable(monotonic_now()) : life_.handle_refused(monotonic_now()));
  }
  void act(const provisioning::promote_credentials&) {
    if (!store_.confirm(rotated_)) {
      (void)life_.handle_promotion_failed(monotonic_now());
      return;
    }
    say("rotated", store_.device()->certificate_id);
    link_ = std::make_unique<paho_link>(own(store_.certificate_path(), store_.key_path()));
    link_->connect();
    if (adapters::wait_connected(*link_).what != link_event::kind::connected) {
      link_.reset();
      (void)life_.handle_disconnected(monotonic_now());  // the life cycle connects again
    }
    (void)life_.handle_promoted(monotonic_now(), ends_in());
  }
  void act(const provisioning::discard_credentials&) {
    say("new credentials discarded");
    (void)store_.discard_pending();
  }

  template <class Store>
  adapters::drive_result run_session(const topics::template_name& name, const adapters::link_options& with, Store& store) {
    provisioning::session session(name, topics::payload_format::json);
    (void)adapters::start_or_resume(session, store, payloads::create_keys_and_certificate_request{}, {{"SerialNumber", how_.serial}});
    paho_link link(with);
    adapters::drive_options how;
    how.endpoint = with.host + ":" + std::to_string(with.port);
    how.client_ids = {{thing_name(), true}};
    how.check_issued = &crypto::check_issued;
    return adapters::drive(session, link, store, how);
  }

  /// What the device's own connection has to say; telemetry while it is up.
  void listen() {
    if (!link_) {
      adapters::event_queue().wait(std::chrono::milliseconds(50));
      return;
    }
    const auto event = link_->wait(std::chrono::milliseconds(100));
    const auto now = monotonic_now();
    if (!event) {
      if (life_.current() == provisioning::phase::online && now >= next_telemetry_) {
        link_->publish("sdk/test/" + client_id(), "{\"uptime\":" + std::to_string(now.count() / 1000) + "}");
        next_telemetry_ = now + provisioning::instant{1000};
      }
      return;
    }
    switch (event->what) {
      case link_event::kind::connected:
        say("online", client_id());
        (void)life_.handle_connected(now);
        break;
      case link_event::kind::refused:
      case link_event::kind::hung_up:
      case link_event::kind::untrusted:
      case link_event::kind::not_tried:
      case link_event::kind::unreachable:
        if (adapters::says_nothing(*event)) (void)life_.handle_unreachable(now);
        else if (life_.current() == provisioning::phase::connecting) (void)life_.handle_refused(now);
        else (void)life_.handle_disconnected(now);
        say("connection lost", event->text);
        link_.reset();
        break;
      default: break;
    }
  }

  settings how_;
  storage::posix_store store_;
  provisioning::life_cycle life_;
  storage::registration rotated_;
  std::string claim_;
  std::unique_ptr<paho_link> link_;
  provisioning::instant next_telemetry_{0};
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 8 && argc != 10) {
    std::fprintf(stderr, "usage: %s HOST PORT CA CLAIM_FOLDER TEMPLATE SERIAL OUT [ROTATION_TEMPLATE SECONDS]\n", argv[0]);
    return 2;
  }
  const auto name = topics::template_name::parse(argv[5]);
  const auto rotation = topics::template_name::parse(argc == 10 ? argv[8] : "unused");
  auto store = storage::posix_store::open(argv[7]);
  if (!name || !rotation || !store) return std::fprintf(stderr, "bad template name or folder\n"), 2;
  settings how{{}, argv[4], argv[6], argv[7], *name, std::nullopt};
  how.claim.host = argv[1];
  how.claim.port = static_cast<std::uint16_t>(std::atoi(argv[2]));
  how.claim.ca_file = argv[3];
  how.claim.certificate_file = how.claim_folder + "/claim.pem.crt";
  how.claim.key_file = how.claim_folder + "/claim.pem.key";
  how.claim.client_id = "claim-" + how.serial;
  if (argc == 10) {
    how.rotation = *rotation;
    how.rotate_after = std::chrono::seconds(std::atoi(argv[9]));
  }
  std::signal(SIGTERM, ask_to_stop);
  std::signal(SIGINT, ask_to_stop);
  return agent(std::move(how), std::move(*store)).run();
}
