#pragma once

#include <fleetprov/adapters/drive.hpp>
#include <fleetprov/adapters/link.hpp>
#include <fleetprov/adapters/server_trust.hpp>

#include <mqtt/async_client.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fleetprov::adapters {

/// A link on Eclipse Paho C++ (1.2 and later), MQTT 3.1.1 and 5. Paho's exceptions end here.
class paho_link {
 public:
  /// The first one of a process also tells OpenSSL not to clean up at exit: Paho's threads end by themselves, a moment
  /// after its last client.
  explicit paho_link(link_options how) : how_(std::move(how)) { OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, nullptr); }
  ~paho_link() { close(); }
  paho_link(const paho_link&) = delete;
  paho_link& operator=(const paho_link&) = delete;

  const link_options& options() const noexcept { return how_; }

  /// A new connection, clean session; the outcome comes from `wait`.
  void connect() {
    close();
    if (auto gone = find_unreadable(how_)) return queue_.push(std::move(*gone));
    if (auto nobody = find_unreachable(how_)) return queue_.push(std::move(*nobody));
    queue_.expect_outcome(false);
    patience_ends_ = monotonic_now() + how_.connect_limit_in_seconds();
    guarded([this] {
      client_ = std::make_unique<mqtt::async_client>(how_.paho_uri(), how_.client_id, mqtt::create_options(version()));
      client_->set_connection_lost_handler(
          [this](const std::string&) { lost("connection closed by the server"); });  // Paho gives no cause
      client_->set_disconnected_handler([this](const mqtt::properties&, mqtt::ReasonCode code) {
        queue_.push({link_event::kind::hung_up, "DISCONNECT from the server", {}, {static_cast<std::uint8_t>(code)}});
      });
      client_->set_message_callback([this](const mqtt::const_message_ptr& message) {
        queue_.push({link_event::kind::message, message->get_topic(), secret(message->get_payload_ref().str()), {},
                     message->is_duplicate()});
      });
      client_->connect(connect_options(), nullptr, connecting_);
      queue_.expect_outcome(true);
    }, link_event::kind::not_tried);
  }

  void close() {
    guarded([this] {
      if (!client_) return;
      client_->disable_callbacks();
      if (client_->is_connected())
        client_->disconnect(std::chrono::milliseconds(500))->wait_for(std::chrono::seconds(2));
    });
    client_.reset();
    queue_.clear();
  }

  void subscribe(const std::vector<std::string>& filters) {
    if (!client_) return lost("not connected");
    guarded([&] {
      client_->subscribe(mqtt::string_collection::create(filters), std::vector<int>(filters.size(), 1), nullptr,
                         subscribing_);
    });
  }

  void publish(const std::string& topic, std::string_view payload, int qos = 1) {
    if (!client_) return lost("not connected");
    guarded([&] {
      client_->publish(mqtt::make_message(topic, payload.data(), payload.size(), qos, false), nullptr, publishing_);
    });
  }

  std::optional<link_event> wait(std::chrono::milliseconds limit) { return queue_.wait(limit, how_); }

 private:
  /// Answers of one kind of request, on Paho's thread.
  struct listener : mqtt::iaction_listener {
    using answer = void (paho_link::*)(const mqtt::token&, bool);
    listener(paho_link* to, answer how) : to_(to), how_(how) {}
    void on_success(const mqtt::token& token) override { tell(token, true); }
    void on_failure(const mqtt::token& token) override { tell(token, false); }
    void tell(const mqtt::token& token, bool good) {
      paho_link& link = *to_;
      const answer member = how_;
      link.guarded([&] { (link.*member)(token, good); });
    }
    paho_link* to_;
    answer how_;
  };

  int version() const noexcept { return how_.version == mqtt_version::v5 ? MQTTVERSION_5 : MQTTVERSION_3_1_1; }

  mqtt::connect_options connect_options() {
    mqtt::ssl_options tls;
    tls.set_trust_store(how_.ca_file);
    tls.set_key_store(how_.certificate_file);
    tls.set_private_key(how_.key_file);
    tls.set_enable_server_cert_auth(true);
    tls.set_verify(true);
    if (!how_.alpn().empty()) tls.set_alpn_protos({how_.alpn()});
    mqtt::connect_options out;
    out.set_ssl(tls);
    out.set_mqtt_version(version());
    if (how_.version == mqtt_version::v5) out.set_clean_start(true);
    else out.set_clean_session(true);
    out.set_keep_alive_interval(how_.keep_alive);
    out.set_connect_timeout(how_.connect_limit_in_seconds());
    out.set_automatic_reconnect(false);
    return out;
  }

  void connect_answered(const mqtt::token& token, bool good) {
    if (good) return queue_.push({link_event::kind::connected});
    // A CONNACK that refuses: return codes 1 to 5 in 3.1.1, reason codes of 0x80 and above in 5.
    const int code = std::max(reason_of(token), token.get_return_code());  // Paho C 1.3.12 gives either as return code
    if (code >= (is_v5() ? 0x80 : 1) && code <= (is_v5() ? 0xFE : 5))
      return queue_.push({link_event::kind::refused, "CONNACK", {}, {static_cast<std::uint8_t>(code)}});
    queue_.push(ended_unanswered(patience_ends_));
  }

  /// Paho fails a request too when the connection is lost: that is told apart, by its own handler.
  void subscribe_answered(const mqtt::token& token, bool good) {
    link_event event{link_event::kind::subscribed};
    const int refusal = is_v5() ? reason_of(token) : token.get_return_code() == 0x80 ? 0x80 : 0;
    if (refusal != 0) {
      event.codes.push_back(static_cast<std::uint8_t>(refusal));
    } else if (good) {
      const mqtt::subscribe_response answer = token.get_subscribe_response();
      for (const mqtt::ReasonCode granted : answer.get_reason_codes())
        event.codes.push_back(static_cast<std::uint8_t>(granted));
    } else {
      return;
    }
    queue_.push(std::move(event));
  }

  void publish_answered(const mqtt::token& token, bool good) {
    const int refusal = is_v5() ? reason_of(token) : 0;
    if (refusal != 0)
      queue_.push({link_event::kind::publish_refused, "PUBACK", {}, {static_cast<std::uint8_t>(refusal)}});
    else if (good) queue_.push({link_event::kind::published});
  }

  bool is_v5() const noexcept { return how_.version == mqtt_version::v5; }
  /// An MQTT 5 reason code of 0x80 and above, else 0.
  static int reason_of(const mqtt::token& token) {
    const int code = static_cast<int>(token.get_reason_code());
    return code >= 0x80 && code < 0xFF ? code : 0;
  }

  // Why a handshake failed stays unsaid: Paho C++ 1.2 calls a TLS error handler through options that are gone by then.
  void lost(std::string why) { queue_.push({link_event::kind::hung_up, std::move(why)}); }

  /// Paho throws when a call is not possible; to a session that is a lost connection, or one not made.
  template <class Call>
  void guarded(Call call, link_event::kind as = link_event::kind::hung_up) {
    try {
      call();
    } catch (const std::exception& why) {
      queue_.push({as, why.what()});
    }
  }

  link_options how_;
  looking_queue queue_;
  std::chrono::milliseconds patience_ends_{0};
  listener connecting_{this, &paho_link::connect_answered};
  listener subscribing_{this, &paho_link::subscribe_answered};
  listener publishing_{this, &paho_link::publish_answered};
  std::unique_ptr<mqtt::async_client> client_;
};

}  // namespace fleetprov::adapters
