#pragma once
// One device's provisioning over test::probe: claim, create, RegisterThing, own certificate, own message back.

#include <fleetprov/payloads/codec.hpp>
#include <fleetprov/topics/fleet_topics.hpp>

#include <support/mqtt_probe.hpp>

#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace test {

namespace payloads = fleetprov::payloads;
namespace topics = fleetprov::topics;

enum class create_call { csr, keys };

enum class afterwards { disconnect, stay_connected };

struct scenario {
  const tls_endpoint& endpoint;
  tls_identity claim;
  topics::template_name template_name;
  create_call create;
  std::string csr, csr_key;
  afterwards then = afterwards::disconnect;
};

/// One device's way from the claim certificate to its own message coming back.
class flow {
 public:
  flow(probe_loop& loop, const scenario& how, std::string serial, std::function<void(bool)> done)
      : loop_(loop), how_(how), serial_(std::move(serial)), done_(std::move(done)) {
    open(how.claim, "load-" + serial_);
  }

  /// With stay_connected: whether the session is still there.
  bool connected() const { return !lost_ && connection_ && connection_->open(); }
  /// The session, to be driven by hand once the flow is done.
  probe* session() { return connection_.get(); }
  /// PINGRESPs received since the flow was done.
  std::size_t pongs() const { return pongs_; }
  const std::string& thing_name() const { return thing_; }
  const tls_identity& identity() const { return own_; }

 private:
  using api = topics::api;
  using kind = topics::message_kind;

  void open(const tls_identity& who, const std::string& client_id) {
    connection_ = std::make_unique<probe>(loop_, how_.endpoint, who);
    connection_->on_packet = [this](probe&, mqtt_packet& got) { take(got); };
    connection_->on_closed = [this](probe&) {
      lost_ = true;
      end(false);
    };
    connection_->send(connect_packet(client_id));
  }
  api create_api() const {
    return how_.create == create_call::csr ? api::create_certificate_from_csr : api::create_keys_and_certificate;
  }
  std::string topic(api call, kind what) const {
    topics::fleet_topic wanted{call, topics::payload_format::json, what, std::nullopt};
    if (call == api::register_thing) wanted.name = how_.template_name;
    return std::string(topics::build(wanted).view());
  }
  void subscribe_replies(api call) {
    connection_->send(subscribe_packet(1, {topic(call, kind::accepted), topic(call, kind::rejected)}));
  }
  template <class Message>
  void ask(api call, const Message& message) {
    const auto bytes = payloads::encode(message, topics::payload_format::json);
    connection_->send(publish_packet(
        topic(call, kind::request), {reinterpret_cast<const char*>(bytes->data()), bytes->size()}, 1, 2));
  }
  void ask_for_certificate() {
    if (how_.create == create_call::csr)
      ask(create_api(), payloads::create_certificate_from_csr_request{how_.csr});
    else
      ask(create_api(), payloads::create_keys_and_certificate_request{});
  }

  void take(mqtt_packet& got) {
    if (ended_) {
      if (got.type >> 4 == 13) ++pongs_;
      return;
    }
    switch (got.type >> 4) {
      case 2:
        if (got.body.size() < 2 || got.body[1] != 0) return end(false);
        if (step_ == 0) subscribe_replies(create_api());
        else connection_->send(subscribe_packet(1, {"load/" + thing_}));
        return;
      case 9:
        ++step_;
        if (step_ == 1) ask_for_certificate();
        else if (step_ == 2) ask(api::register_thing, payloads::register_thing_request{std::move(token_), {{"SerialNumber", serial_}}});
        else connection_->send(publish_packet("load/" + thing_, "hello", 1, 2));
        return;
      case 3: return take_message(read_publish(got));
      default: return;
    }
  }

  void take_message(const received_publish& got) {
    if (got.qos == 1) connection_->send(puback_packet(got.id));
    if (step_ == 3) return end(true);
    const auto* data = reinterpret_cast<const std::uint8_t*>(got.payload.data());
    const auto reply = topics::classify(got.topic);
    if (!reply || reply->kind != kind::accepted) return end(false);
    if (step_ == 1) {
      auto issued = payloads::decode<payloads::certificate_response>(data, got.payload.size(), reply->format);
      if (!issued) return end(false);
      token_ = std::move(issued->certificate_ownership_token);
      own_ = tls_identity(issued->certificate_pem,
                                issued->private_key ? issued->private_key->reveal() : std::string_view(how_.csr_key));
      subscribe_replies(api::register_thing);
    } else {
      const auto thing = payloads::decode<payloads::register_thing_response>(data, got.payload.size(), reply->format);
      if (!thing || !thing->thing_name) return end(false);
      thing_ = *thing->thing_name;
      connection_->send(disconnect_packet());
      retired_ = std::move(connection_);  // this call came from it: it must outlive the call
      retired_->close();
      open(own_, thing_);
    }
  }

  void end(bool good) {
    if (ended_) return;
    ended_ = true;
    if (connection_ && !(good && how_.then == afterwards::stay_connected)) {
      if (good) connection_->send(disconnect_packet());
      connection_->close();
    }
    done_(good);
  }

  probe_loop& loop_;
  const scenario& how_;
  std::string serial_, thing_;
  std::function<void(bool)> done_;
  std::unique_ptr<probe> connection_, retired_;
  tls_identity own_;
  fleetprov::secret token_;
  int step_ = 0;
  std::size_t pongs_ = 0;
  bool ended_ = false, lost_ = false;
};

}  // namespace test
