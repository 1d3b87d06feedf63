#pragma once
// A session against a scripted service on a virtual clock: no threads, no sleeping.

#include <fleetprov/payloads/codec.hpp>
#include <fleetprov/provisioning/session.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace simulation {

using namespace fleetprov;
using provisioning::instant;
using provisioning::state;

/// What goes wrong with one interaction (a CONNECT, SUBSCRIBE or PUBLISH and its answer).
enum class fault {
  none,
  drop_request,       // the service never sees it
  drop_reply,         // the service acts, the answer is lost
  delay,              // the answer comes after the reply timeout (a late SUBACK, for a SUBSCRIBE)
  duplicate_request,  // the service sees it twice and answers twice
  duplicate_reply,
  reorder,            // the answer comes after the next interaction's
  reject_400,
  reject_403,
  reject_429,
  reject_500,
  reject_token,       // RegisterThing: InvalidCertificateOwnershipToken
  disconnect_before,  // the connection is lost before the service sees it
  disconnect_after,   // the service acts, then the connection is lost
  garbage,            // the answer cannot be decoded
};
inline constexpr int fault_count = 15;
inline const char* name_of(fault f) {
  static const char* const names[] = {"none", "drop_request", "drop_reply", "delay", "duplicate_request",
                                      "duplicate_reply", "reorder", "reject_400", "reject_403", "reject_429",
                                      "reject_500", "reject_token", "disconnect_before", "disconnect_after", "garbage"};
  return names[static_cast<int>(f)];
}
inline bool is_final(fault f) { return f == fault::reject_400 || f == fault::reject_403; }

struct planned_fault { int interaction; fault what; };

struct certificate {
  std::string id, token;
  instant issued{0};
  bool active = false;
};

/// What the network brings to the device, and when.
struct arrival {
  enum class kind { connected, refused, lost, suback, message } what;
  int connection = 0;
  topics::api call{};
  std::uint8_t code = 0;
  std::string topic;
  std::vector<std::uint8_t> bytes;
};

struct outcome {
  state end = state::idle;
  std::optional<provisioning::gave_up> why;
  std::optional<provisioning::finished> done;
  int interactions = 0, creates = 0, registers = 0, connects = 0, subscribes = 0, tries = 0;
  instant took{0};
  std::vector<std::string> violations;
  bool final_rejection = false;  // a reject_400 or reject_403 was applied to a request
};

class world {
 public:
  world(provisioning::settings how, std::vector<planned_fault> faults,
        topics::payload_format format = topics::payload_format::json)
      : format_(format), session_(*topics::template_name::parse("fleet"), format, how), faults_(std::move(faults)) {}

  /// The store fails instead of storing.
  bool store_fails = false;
  /// Each store takes this long; the connection may be lost meanwhile.
  instant store_takes{0};
  bool lose_connection_while_storing = false;

  outcome run() {
    (void)session_.start(now_, payloads::create_keys_and_certificate_request{}, {{"SerialNumber", "1"}});
    return finish();
  }

  outcome resume(certificate left, instant age) {
    left.issued = now_ - age;
    service_.push_back(left);
    stored_.push_back(left.id);
    (void)session_.resume(now_, {secret(left.token), age}, payloads::create_keys_and_certificate_request{},
                          {{"SerialNumber", "1"}});
    return finish();
  }

  const std::vector<certificate>& service() const { return service_; }
  /// Certificates whose key the device has, newest last.
  const std::vector<std::string>& stored() const { return stored_; }

 private:
  outcome finish() {
    for (int steps = 0; steps < 2000; ++steps) {
      poll();
      if (provisioning::is_terminal(session_.current()) && (out_.done || out_.why)) break;
      if (!advance()) {
        violate("stuck in " + std::string(provisioning::name_of(session_.current())));
        break;
      }
    }
    out_.end = session_.current();
    out_.took = now_;
    if (!provisioning::is_terminal(out_.end)) violate("no terminal state");
    if (session_.poll_timeout()) violate("a timer runs after the end");
    for (const certificate& c : service_)
      if (c.active && std::find(stored_.begin(), stored_.end(), c.id) == stored_.end()) violate("ACTIVE without a key: " + c.id);
    return std::move(out_);
  }

  void violate(const std::string& what) { out_.violations.push_back(what); }

  fault next_fault() {
    const int index = out_.interactions++;
    for (const auto& f : faults_)
      if (f.interaction == index) return f.what;
    return fault::none;
  }

  void deliver_after(instant delay, arrival what) {
    what.connection = connection_;
    // Within one connection TCP keeps the order.
    network_.emplace(now_ + delay, std::move(what));
  }

  void answer(fault f, arrival what) {
    const arrival copy = what;
    switch (f) {
      case fault::drop_reply: break;
      case fault::delay: deliver_after(instant{12'000}, std::move(what)); break;
      case fault::reorder: held_ = std::move(what); break;
      case fault::duplicate_reply:
        deliver_after(instant{20}, std::move(what));
        deliver_after(instant{25}, copy);
        break;
      case fault::garbage:
        if (what.what == arrival::kind::message) what.bytes = {'{', '"'};
        deliver_after(instant{20}, std::move(what));
        break;
      default: deliver_after(instant{20}, std::move(what)); break;
    }
    if (f != fault::reorder && held_) {
      deliver_after(instant{40}, std::move(*held_));
      held_.reset();
    }
  }

  void lose() {
    connected_ = false;
    subscribed_.clear();
    arrival gone{arrival::kind::lost, connection_, {}, 0, {}, {}};
    network_.emplace(now_ + instant{30}, std::move(gone));
    held_.reset();
  }

  void poll() {
    while (auto next = session_.poll_action()) {
      if (std::holds_alternative<provisioning::connect>(*next)) on_connect();
      else if (auto* sub = std::get_if<provisioning::subscribe_topics>(&*next)) on_subscribe(*sub);
      else if (auto* pub = std::get_if<provisioning::publish_message>(&*next)) on_publish(*pub);
      else if (auto* keep = std::get_if<provisioning::store_credentials>(&*next)) on_store(keep->issued);
      else if (std::holds_alternative<provisioning::try_credentials>(*next)) on_try();
      else if (auto* done = std::get_if<provisioning::finished>(&*next)) out_.done = std::move(*done);
      else if (auto* why = std::get_if<provisioning::gave_up>(&*next)) out_.why = std::move(*why);
    }
  }

  void on_connect() {
    ++out_.connects;
    ++connection_;
    connected_ = false;
    subscribed_.clear();
    const fault f = next_fault();
    if (f == fault::drop_request || f == fault::disconnect_before || f == fault::disconnect_after) return lose();
    if (is_final(f)) {
      out_.final_rejection = true;
      return answer(f, {arrival::kind::refused, 0, {}, 0, {}, {}});
    }
    connected_ = true;
    answer(f, {arrival::kind::connected, 0, {}, 0, {}, {}});
  }

  void on_subscribe(const provisioning::subscribe_topics& sub) {
    ++out_.subscribes;
    if (!connected_) return;  // into a dead socket
    const fault f = next_fault();
    if (f == fault::disconnect_before) return lose();
    if (f == fault::drop_request) return;
    const bool refused = is_final(f);
    if (refused) out_.final_rejection = true;
    if (!refused) granted_.insert({connection_, sub.call});
    if (f == fault::disconnect_after) return lose();
    answer(f, {arrival::kind::suback, 0, sub.call, static_cast<std::uint8_t>(refused ? 0x87 : f == fault::reject_429 ? 0x97 : 1), {}, {}});
  }

  void on_publish(const provisioning::publish_message& pub) {
    ++(pub.call == topics::api::register_thing ? out_.registers : out_.creates);
    if (subscribed_.count(pub.call) == 0) violate("published before SUBACK");
    if (pub.call != topics::api::register_thing && !unconfirmed_.empty()) violate("second certificate while one is unconfirmed");
    if (!connected_) return;
    const fault f = next_fault();
    if (f == fault::disconnect_before) return lose();
    if (f == fault::drop_request) return;
    // Only RegisterThing has a token: to a create operation it is a 400 like any other.
    if (is_final(f) || (f == fault::reject_token && pub.call != topics::api::register_thing)) out_.final_rejection = true;
    const int times = f == fault::duplicate_request ? 2 : 1;
    for (int i = 0; i < times; ++i) {
      arrival reply = serve(pub, f);
      if (f != fault::disconnect_after) answer(f, std::move(reply));
    }
    if (f == fault::disconnect_after) lose();
  }

  template <class Message>
  arrival message(topics::api call, topics::message_kind kind, const Message& what) {
    const auto bytes = payloads::encode(what, format_);
    return {arrival::kind::message, 0, call, 0, std::string(session_.topic_of(call, kind).view()), *bytes};
  }

  arrival rejection(topics::api call, int status, const std::string& code) {
    payloads::error_response out;
    out.status_code = status;
    out.error_code = code;
    out.error_message = "scripted";
    return message(call, topics::message_kind::rejected, out);
  }

  arrival serve(const provisioning::publish_message& pub, fault f) {
    switch (f) {
      case fault::reject_400: return rejection(pub.call, 400, "InvalidParameters");
      case fault::reject_403: return rejection(pub.call, 403, "AccessDenied");
      case fault::reject_429: return rejection(pub.call, 429, "TooManyRequests");
      case fault::reject_500: return rejection(pub.call, 500, "InternalError");
      case fault::reject_token: return rejection(pub.call, 400, "InvalidCertificateOwnershipToken");
      default: break;
    }
    if (pub.call != topics::api::register_thing) {
      const std::string number = std::to_string(service_.size() + 1);
      service_.push_back({"cert" + number, "token" + number, now_, false});
      payloads::certificate_response out;
      out.certificate_id = service_.back().id;
      out.certificate_pem = "PEM";
      out.private_key = secret("KEY");
      out.certificate_ownership_token = secret(service_.back().token);
      return message(pub.call, topics::message_kind::accepted, out);
    }
    const auto bytes = pub.payload.reveal();
    const auto request = payloads::decode<payloads::register_thing_request>(
        reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(), format_);
    for (certificate& c : service_) {
      if (!request || c.token != request->certificate_ownership_token.reveal()) continue;
      if (c.active || now_ - c.issued >= instant{3'600'000}) break;  // used or expired
      if (std::find(stored_.begin(), stored_.end(), c.id) == stored_.end()) violate("RegisterThing before the key was stored");
      c.active = true;
      payloads::register_thing_response out;
      out.thing_name = "fleet-1";
      return message(pub.call, topics::message_kind::accepted, out);
    }
    return rejection(pub.call, 400, "InvalidCertificateOwnershipToken");
  }

  void on_store(const payloads::certificate_response& issued) {
    if (store_fails) {
      (void)session_.handle_store_failed(now_);
      return;
    }
    if (lose_connection_while_storing) {
      lose_connection_while_storing = false;
      connected_ = false;
      (void)session_.handle_disconnected(now_);
    }
    now_ += store_takes;
    stored_.push_back(issued.certificate_id);
    unconfirmed_.insert(issued.certificate_id);
    (void)session_.handle_stored(now_);
  }

  void on_try() {
    ++out_.tries;
    connected_ = false;
    subscribed_.clear();
    ++connection_;
    const fault f = next_fault();
    if (f == fault::drop_request || f == fault::disconnect_before || f == fault::disconnect_after) {
      (void)session_.handle_credentials_unreachable(now_);
      return;
    }
    const bool works = std::any_of(service_.begin(), service_.end(), [&](const certificate& c) { return c.active && c.id == stored_.back(); });
    if (!works) unconfirmed_.clear();
    (void)(works ? session_.handle_credentials_work(now_) : session_.handle_credentials_refused(now_));
  }

  /// Goes to the next arrival or timer; false when there is neither.
  bool advance() {
    const auto due = session_.poll_timeout();
    if (network_.empty() && !due) return false;
    if (due && (network_.empty() || *due < network_.begin()->first)) {
      now_ = std::max(now_, *due);
      session_.handle_timeout(now_);
      forget_expired();
      return true;
    }
    now_ = std::max(now_, network_.begin()->first);
    const arrival what = std::move(network_.begin()->second);
    network_.erase(network_.begin());
    if (what.connection != connection_) return true;  // of a connection that is gone
    switch (what.what) {
      case arrival::kind::connected: (void)session_.handle_connected(now_); break;
      case arrival::kind::refused: (void)session_.handle_connect_refused(now_); break;
      case arrival::kind::lost: (void)session_.handle_disconnected(now_); break;
      case arrival::kind::suback:
        if (what.code < 0x80) subscribed_.insert(what.call);
        (void)session_.handle_suback(now_, what.call, &what.code, 1);
        break;
      case arrival::kind::message:
        (void)session_.handle_message(now_, what.topic, what.bytes.data(), what.bytes.size());
        break;
    }
    forget_expired();
    return true;
  }

  /// A certificate that was never asked to be registered and whose token is over may be replaced.
  void forget_expired() {
    for (const certificate& c : service_)
      if (!c.active && now_ - c.issued >= instant{3'600'000}) unconfirmed_.erase(c.id);
  }

  topics::payload_format format_;
  provisioning::session session_;
  std::vector<planned_fault> faults_;
  instant now_{1000};
  std::multimap<instant, arrival> network_;
  std::optional<arrival> held_;
  int connection_ = 0;
  bool connected_ = false;
  std::set<topics::api> subscribed_;
  std::set<std::pair<int, topics::api>> granted_;
  std::vector<certificate> service_;
  std::vector<std::string> stored_;
  std::set<std::string> unconfirmed_;
  outcome out_;
};

}  // namespace simulation
