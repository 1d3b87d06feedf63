#pragma once

#include <fleetprov/adapters/link.hpp>
#include <fleetprov/provisioning/session.hpp>
#include <fleetprov/storage/credential_store.hpp>
#include <fleetprov/topics/limits.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

/// A session driven to its end over any link and any store, on the caller's thread.
///
/// A link is copyable from `link_options` and has `connect()`, `close()`, `subscribe(filters)`,
/// `publish(topic, payload)`, `wait(limit)` and `options()`; see paho.hpp.
namespace fleetprov::adapters {

/// Nothing is watched.
struct silent_observer {
  void on_action(const provisioning::session_action&) {}
  void on_event(const link_event&, provisioning::state /*before*/) {}
  bool stop() const { return false; }  ///< true ends the run
};

/// What `drive` needs to know beside the session. Everything may be empty.
struct drive_options {
  std::string endpoint;                ///< for the device's record
  std::string key_uri;                 ///< where the key is, if not in the store
  std::shared_ptr<void> (*tls_context)(const link_options&) = nullptr;  ///< for connections with the key at `key_uri`
  /// To try stored credentials with, in this order: device policies often demand the thing name. Refused under all of
  /// these, the credentials are given up for new ones. With none the link's own client id is tried; that one refused proves
  /// nothing, so the run gives up (`rejected`, `trying_credentials`) and the credentials stay pending.
  struct candidate { std::string client_id; bool is_thing_name; };
  std::vector<candidate> client_ids;
  std::vector<std::string> superseded; ///< further certificates for the device's record
  /// What RegisterThing's reply is expected to say, for the record when that reply was lost.
  std::map<std::string, std::string> expected_configuration;
  /// Asked what was issued before it is stored and registered: `crypto::check_issued`, or a function that does as much.
  /// Its error ends the run as `gave_up::why`, `during` the create operation, and the store is not touched: a service that
  /// issued one useless set issues the next one too, so nothing is tried again. Null: whatever is issued is taken.
  result<void> (*check_issued)(const std::string& certificate_pem, const secret& private_key, const std::string* signing_request) = nullptr;
};

/// How it ended: `finished` (and the store holds the credentials) or `gave_up`.
struct drive_result {
  std::variant<provisioning::finished, provisioning::gave_up> end;
  result<void> confirmed{};            ///< the store's answer after `finished`
  explicit operator bool() const noexcept { return std::holds_alternative<provisioning::finished>(end) && confirmed; }
};

/// Now, for every `instant` of a run: milliseconds of `std::chrono::steady_clock` since that clock's own epoch (on Linux the
/// start of the system). Means nothing to another run or machine: do not store it.
inline provisioning::instant monotonic_now() {
  return std::chrono::duration_cast<provisioning::instant>(std::chrono::steady_clock::now().time_since_epoch());
}
/// Now in seconds since 1970-01-01T00:00:00Z by the system's clock, which may be wrong and may jump: for records that
/// outlive a run, such as `pending_credentials::issued_at`.
inline std::int64_t wall_clock_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// Waits for the outcome of a CONNECT on a link that was just told to connect.
template <class Link>
link_event wait_connected(Link& link) {
  // A second on top, so that the client library's own words come first.
  const auto end = monotonic_now() + link.options().connect_limit() + std::chrono::seconds(1);
  while (monotonic_now() < end) {
    auto event = link.wait(end - monotonic_now());
    if (event && event->what <= link_event::kind::unreachable) return std::move(*event);
  }
  return {link_event::kind::unreachable, "no answer to CONNECT"};  // who refuses says so or hangs up
}

/// For client libraries that say neither why a connection failed nor, within anybody's limit, that it did: asked before
/// they connect. The event if nobody is there. Takes at most half of the time for connecting, so that who answers late
/// can still be connected to; meanwhile no timer of a session runs.
inline std::optional<link_event> find_unreachable(const link_options& how) {
  reachability tcp = reach(how.host, how.port, how.connect_limit() / 2);
  if (tcp.reached) return std::nullopt;
  return link_event{link_event::kind::unreachable, std::move(tcp.why)};
}

namespace detail {
/// Whether a file holds PEM, or the system's error. What is read of a key is wiped.
struct pem_search { bool found = false; int error = 0; };
inline pem_search find_pem(const std::string& path) noexcept {
  constexpr std::string_view mark = "-----BEGIN ";
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return {false, errno};
  pem_search out;
  char bytes[4096];
  std::size_t kept = 0;  // of what was read before: the mark may begin there
  while (!out.found) {
    const ssize_t got = ::read(file, bytes + kept, sizeof bytes - kept);
    if (got < 0) out.error = errno;
    if (got <= 0) break;
    const std::string_view text(bytes, kept + static_cast<std::size_t>(got));
    out.found = text.find(mark) != std::string_view::npos;
    kept = (std::min)(text.size(), mark.size() - 1);
    std::memmove(bytes, text.data() + text.size() - kept, kept);
  }
  wipe(bytes, sizeof bytes);
  ::close(file);
  return out;
}

/// Why a PEM file cannot be used, in words that name it; empty if nothing speaks against it. What is no regular file is left
/// to the client library: a pipe can be read once only.
inline std::string find_fault(const char* what, const std::string& path) {
  if (path.empty()) return std::string("no ") + what + " is named";
  struct stat found {};
  if (::stat(path.c_str(), &found) == 0 && !S_ISREG(found.st_mode) && !S_ISDIR(found.st_mode)) return {};
  const pem_search pem = find_pem(path);
  if (pem.found) return {};
  const std::string named = std::string(what) + " `" + path + "`";
  return pem.error == 0 ? "the " + named + " holds no PEM" : "cannot read the " + named + ": " + std::strerror(pem.error);
}
}  // namespace detail

/// For links that connect with files, asked before they connect: client libraries do not tell a file that they cannot read
/// from a server that hangs up. The event if a file cannot be used.
inline std::optional<link_event> find_unreadable(const link_options& how) {
  std::string why = detail::find_fault("private key", how.key_file);
  if (why.empty()) why = detail::find_fault("certificate", how.certificate_file);
  if (why.empty()) why = detail::find_fault("CA file", how.ca_file);
  if (why.empty()) return std::nullopt;
  return link_event{link_event::kind::not_tried, std::move(why)};
}

/// A connection that ended without CONNACK. A server that said nothing until `patience_ended` has refused nothing; client
/// libraries fail with the same code for both.
inline link_event ended_unanswered(provisioning::instant patience_ended) {
  if (monotonic_now() >= patience_ended) return {link_event::kind::unreachable, "no answer to CONNECT"};
  return {link_event::kind::hung_up, "closed while connecting"};
}

/// Whether a CONNECT was refused for the moment only, which says nothing about the credentials.
inline bool is_refused_for_now(const link_event& event) noexcept {
  // 3.1.1: server unavailable; 5: server unavailable, server busy, quota exceeded, connection rate exceeded.
  constexpr std::uint8_t for_now[] = {3, 0x88, 0x89, 0x97, 0x9F};
  return event.what == link_event::kind::refused && !event.codes.empty() &&
         std::find(std::begin(for_now), std::end(for_now), event.codes[0]) != std::end(for_now);
}

/// Whether a connection that failed says nothing about the credentials: nobody refused them.
inline bool says_nothing(const link_event& event) noexcept {
  switch (event.what) {
    case link_event::kind::untrusted:
    case link_event::kind::not_tried:
    case link_event::kind::unreachable: return true;
    default: return is_refused_for_now(event);
  }
}

/// Between two CONNECTs with the same credentials: AWS IoT Core takes one per second of a client id.
inline constexpr std::chrono::milliseconds connect_pause{1000 / topics::limits::max_connects_per_second_per_client + 250};

/// Whether the given credentials connect: tries each client id until one is accepted, or the service is not
/// reachable, or has no time for it now. `used` is the last one tried.
struct connect_trial { link_event last; drive_options::candidate used; };
template <class Link>
connect_trial try_connecting(link_options with, const std::vector<drive_options::candidate>& client_ids) {
  connect_trial out{{link_event::kind::refused, "nothing to try"}, {}};
  for (const auto& candidate : client_ids) {
    with.client_id = candidate.client_id;
    Link link(with);
    link.connect();
    out = {wait_connected(link), candidate};
    link.close();
    if (out.last.what == link_event::kind::connected || says_nothing(out.last)) break;
  }
  return out;
}

/// Tells the session what happened on its link. `call` is the operation that was last subscribed or
/// published to.
inline void deliver(provisioning::session& to, const link_event& event, topics::api call) {
  const auto now = monotonic_now();
  switch (event.what) {
    case link_event::kind::connected: (void)to.handle_connected(now); break;
    case link_event::kind::refused: (void)(is_refused_for_now(event) ? to.handle_disconnected(now) : to.handle_connect_refused(now)); break;
    case link_event::kind::hung_up:
    case link_event::kind::untrusted:
    case link_event::kind::not_tried:
    case link_event::kind::unreachable: (void)to.handle_disconnected(now); break;
    case link_event::kind::subscribed: (void)to.handle_suback(now, call, event.codes.data(), event.codes.size()); break;
    case link_event::kind::publish_refused: (void)to.handle_publish_refused(now, call, event.codes.at(0)); break;
    case link_event::kind::published: break;
    case link_event::kind::message: {
      const auto bytes = event.payload.reveal();
      (void)to.handle_message(now, event.text, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
      break;
    }
  }
}

/// Begins a session with what an earlier run left in the store, if that left something: a certificate whose RegisterThing may
/// have been carried out is seen to before there is another. Answers and errors as `session::start`.
template <class Store>
result<provisioning::state> start_or_resume(provisioning::session& session, const Store& store, payloads::certificate_request wanted,
                                            std::map<std::string, std::string> parameters) {
  const auto pending = store.pending();
  if (!pending) return session.start(monotonic_now(), std::move(wanted), std::move(parameters));
  auto token = store.pending_token();
  const std::int64_t now = wall_clock_seconds();
  const std::chrono::seconds age(now - std::clamp<std::int64_t>(pending->issued_at, 0, now));  // a record is only as right as its clock was
  return session.resume(monotonic_now(), {token ? std::move(*token) : secret(), age}, std::move(wanted), std::move(parameters));
}

/// Runs a started (or resumed) session to its end. `store` keeps the credentials; its member
/// `pending_certificate_path` and `pending_key_path` name the files to try them with. A session runs once: for one that was
/// not started, or has ended, the answer is `gave_up` with `out_of_order`, at once; try again with a new session.
template <class Link, class Store, class Observer = silent_observer>
drive_result drive(provisioning::session& session, Link& link, Store& store, const drive_options& how, Observer&& observer = {}) {
  drive_result out{provisioning::gave_up{failure{errc::timed_out}, provisioning::state::idle, {}}};
  topics::api call = topics::api::register_thing;
  std::optional<std::string> thing_name;
  int hangups = 0;  // of the credentials that are stored
  bool refused_by_guess = false;
  std::optional<failure> useless;
  std::optional<provisioning::instant> tried;
  for (;;) {
    while (auto next = session.poll_action()) {
      observer.on_action(*next);
      if (std::holds_alternative<provisioning::connect>(*next)) {
        link.connect();
      } else if (const auto* sub = std::get_if<provisioning::subscribe_topics>(&*next)) {
        call = sub->call;
        link.subscribe({std::string(sub->filters[0].view()), std::string(sub->filters[1].view())});
      } else if (const auto* pub = std::get_if<provisioning::publish_message>(&*next)) {
        call = pub->call;
        link.publish(std::string(pub->topic.view()), pub->payload.reveal());
      } else if (auto* issued = std::get_if<provisioning::store_credentials>(&*next)) {
        storage::pending_credentials keep;
        keep.certificate_id = issued->issued.certificate_id;
        keep.certificate_pem = issued->issued.certificate_pem;
        if (issued->issued.private_key) keep.private_key = std::move(*issued->issued.private_key);
        keep.certificate_ownership_token = std::move(issued->issued.certificate_ownership_token);
        keep.key_uri = how.key_uri;
        keep.issued_at = wall_clock_seconds();
        keep.endpoint = how.endpoint;
        hangups = 0;
        if (how.check_issued != nullptr)
          if (const auto fits = how.check_issued(keep.certificate_pem, keep.private_key, session.signing_request()); !fits) {
            useless = fits.error();
            session.abandon();
            continue;
          }
        out.confirmed = store.save_pending(keep);
        (void)(out.confirmed ? session.handle_stored(monotonic_now()) : session.handle_store_failed(monotonic_now()));
      } else if (std::holds_alternative<provisioning::try_credentials>(*next)) {
        link.close();
        // Too quick a second try would be refused whatever the credentials are.
        if (tried) std::this_thread::sleep_for(std::min(*tried + connect_pause - monotonic_now(), link.options().connect_limit()));
        link_options with = link.options();
        with.certificate_file = store.pending_certificate_path();
        if (const auto pending = store.pending(); pending && !pending->key_uri.empty()) with.key_file = pending->key_uri, with.tls_context = how.tls_context;
        else with.key_file = store.pending_key_path(), with.tls_context = nullptr;
        const bool guesses = how.client_ids.empty() && !with.key_file.empty();
        std::vector<drive_options::candidate> ids = how.client_ids;
        if (guesses) ids = {{with.client_id, false}};
        else if (with.key_file.empty()) ids.clear();  // who has the key made it
        const auto trial = try_connecting<Link>(with, ids);
        tried = monotonic_now();
        const link_event& event = trial.last;
        thing_name = trial.used.is_thing_name ? std::optional<std::string>(trial.used.client_id) : std::nullopt;
        observer.on_event(event, session.current());
        // AWS hangs up on a certificate that is not ACTIVE; so does a bad network, once.
        const bool again = says_nothing(event) || (event.what == link_event::kind::hung_up && ++hangups < 2);
        refused_by_guess = guesses && !again && event.what != link_event::kind::connected;
        if (event.what == link_event::kind::connected) (void)session.handle_credentials_work(monotonic_now());
        else if (refused_by_guess) session.abandon();
        else (void)(again ? session.handle_credentials_unreachable(monotonic_now()) : session.handle_credentials_refused(monotonic_now()));
      } else if (auto* done = std::get_if<provisioning::finished>(&*next)) {
        storage::registration answer;
        if (done->thing) {
          answer.thing_name = done->thing->thing_name;
          answer.device_configuration = done->thing->device_configuration;
        } else {
          // assumption: a device that may connect under a name that its parameters suggest is that thing.
          answer.thing_name = thing_name;
          answer.device_configuration = how.expected_configuration;
        }
        answer.endpoint = how.endpoint;
        answer.superseded = how.superseded;
        out.confirmed = store.confirm(answer);
        out.end = std::move(*done);
        link.close();
        return out;
      } else {
        auto& why = std::get<provisioning::gave_up>(*next);
        if (refused_by_guess) why.why = failure{errc::rejected};
        if (useless) why.why = *useless, why.during = provisioning::state::creating_certificate;
        out.end = std::move(why);
        link.close();
        return out;
      }
    }
    if (const auto now = session.current(); now == provisioning::state::idle || provisioning::is_terminal(now)) {
      out.end = provisioning::gave_up{failure{errc::out_of_order}, now, {}};
      link.close();
      return out;
    }
    const auto now = monotonic_now();
    constexpr provisioning::instant longest_wait{200};  // an observer may want to stop
    const auto limit = std::clamp(session.poll_timeout().value_or(now + longest_wait) - now, provisioning::instant{0}, longest_wait);
    if (auto event = link.wait(limit)) {
      observer.on_event(*event, session.current());
      deliver(session, *event, call);
    }
    if (observer.stop()) session.abandon();
    session.handle_timeout(monotonic_now());
  }
}

}  // namespace fleetprov::adapters
