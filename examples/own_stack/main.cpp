// Provisioning on an MQTT stack of your own: the session asks for four things (connect, subscribe,
// publish, store) and is told what came of each. Here the stack is a fake that answers at once, so
// that the program runs anywhere; put your stack's calls into `my_stack`.
//
//   own_stack [lost]      lost: the reply to RegisterThing never arrives
#include <fleetprov/provisioning/session.hpp>

#include <cstdio>
#include <deque>
#include <functional>
#include <string>
#include <variant>

using namespace fleetprov;

namespace {

/// What to connect with: the claim certificate, or what `on_store` kept.
enum class credentials { claim, stored };

/// Your MQTT stack and your storage. Each callback answers through the session, now or later.
struct my_stack {
  std::function<void(credentials)> on_connect;
  std::function<void(const provisioning::subscribe_topics&)> on_subscribe;
  std::function<void(const provisioning::publish_message&)> on_publish;
  std::function<void(const payloads::certificate_response&)> on_store;
};

/// The whole glue: hands each action to its callback. True while there is more to come.
bool drive(provisioning::session& session, const my_stack& stack) {
  while (auto next = session.poll_action()) {
    if (std::holds_alternative<provisioning::connect>(*next)) stack.on_connect(credentials::claim);
    else if (std::holds_alternative<provisioning::try_credentials>(*next)) stack.on_connect(credentials::stored);
    else if (const auto* sub = std::get_if<provisioning::subscribe_topics>(&*next)) stack.on_subscribe(*sub);
    else if (const auto* pub = std::get_if<provisioning::publish_message>(&*next)) stack.on_publish(*pub);
    else if (const auto* keep = std::get_if<provisioning::store_credentials>(&*next)) stack.on_store(keep->issued);
    else if (const auto* done = std::get_if<provisioning::finished>(&*next))
      return std::printf("thing: %s\n", done->thing && done->thing->thing_name ? done->thing->thing_name->c_str() : "(none)"), false;
    else return std::printf("gave up\n"), false;
  }
  return true;
}

/// What the fake service answers to a request.
std::string canned_reply(topics::api call, topics::message_kind kind) {
  if (kind == topics::message_kind::rejected)
    return R"({"statusCode":400,"errorCode":"InvalidCertificateOwnershipToken","errorMessage":"spent"})";
  if (call == topics::api::register_thing) return R"({"thingName":"fleet-1","deviceConfiguration":{}})";
  return R"({"certificateId":"0001","certificatePem":"-----BEGIN CERTIFICATE-----\n","privateKey":"-----BEGIN RSA PRIVATE KEY-----\n","certificateOwnershipToken":"token"})";
}

}  // namespace

int main(int argc, char**) {
  const bool loses_reply = argc > 1;
  provisioning::session session(*topics::template_name::parse("fleet-basic"), topics::payload_format::json);
  provisioning::instant now{0};  // your monotonic clock
  // Answers are queued, as a real stack delivers them later, from its own loop.
  std::deque<std::function<void()>> loop;

  my_stack stack;
  stack.on_connect = [&](credentials which) {
    std::printf("connect   with the %s certificate\n", which == credentials::claim ? "claim" : "new");
    loop.push_back([&, which] {
      // Where a connection fails: handle_connect_refused, handle_disconnected; handle_credentials_refused, _unreachable.
      (void)(which == credentials::claim ? session.handle_connected(now) : session.handle_credentials_work(now));
    });
  };
  stack.on_subscribe = [&](const provisioning::subscribe_topics& sub) {
    for (const auto& filter : sub.filters) std::printf("subscribe %s\n", std::string(filter.view()).c_str());
    loop.push_back([&, call = sub.call] { (void)session.handle_subscribed(now, call); });
  };
  int registrations = 0;
  stack.on_publish = [&](const provisioning::publish_message& out) {
    std::printf("publish   %s (%zu bytes)\n", std::string(out.topic.view()).c_str(), out.payload.size());
    const bool registers = out.call == topics::api::register_thing;
    if (registers && loses_reply && ++registrations == 1) return;  // carried out, which spends the token
    const auto kind = registers && loses_reply ? topics::message_kind::rejected : topics::message_kind::accepted;
    loop.push_back([&, call = out.call, kind] {
      const std::string reply = canned_reply(call, kind);
      const auto topic = session.topic_of(call, kind);
      (void)session.handle_message(now, topic.view(), reinterpret_cast<const std::uint8_t*>(reply.data()), reply.size());
    });
  };
  stack.on_store = [&](const payloads::certificate_response& issued) {
    std::printf("store     certificate %s\n", issued.certificate_id.c_str());  // key and token: to flash, never to a log
    loop.push_back([&] { (void)session.handle_stored(now); });
  };

  // A program that may have been stopped before asks its storage first: what `on_store` kept and nothing confirmed goes into
  // `session.resume`. Another certificate instead would leave one behind that is registered and has no key.
  (void)session.start(now, payloads::create_keys_and_certificate_request{}, {{"SerialNumber", "1"}});
  while (drive(session, stack)) {
    if (!loop.empty()) {
      loop.front()();
      loop.pop_front();
    } else if (const auto due = session.poll_timeout()) {
      now = *due;  // a real program waits for its stack until then
      session.handle_timeout(now);
    }
  }
  return session.current() == provisioning::state::provisioned ? 0 : 1;
}
