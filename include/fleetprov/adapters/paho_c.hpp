#pragma once

#include <fleetprov/adapters/drive.hpp>
#include <fleetprov/adapters/link.hpp>
#include <fleetprov/adapters/server_trust.hpp>

#include <MQTTAsync.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fleetprov::adapters {

namespace detail {
/// The code of a failure: CONNACK's, SUBACK's or PUBACK's, else one of the library's (below 0), or 0. Some releases give no
/// data of a failure, and 1.3.12 has CONNACK's reason code in `code`.
inline int code_of(const MQTTAsync_failureData* why) noexcept { return why != nullptr ? why->code : 0; }
inline int code_of(const MQTTAsync_failureData5* why) noexcept { return why != nullptr ? std::max<int>(why->reasonCode, why->code) : 0; }
/// PUBACK's answer, a refusal too where a release counts it as success.
inline link_event answer_of_publish(int reason_code) {
  return {reason_code >= 0x80 ? link_event::kind::publish_refused : link_event::kind::published, "", {}, {static_cast<std::uint8_t>(reason_code)}};
}
/// The topic of a message: with its size, or up to the null character where that is 0.
inline std::string topic_of(const char* topic, int size) { return size > 0 ? std::string(topic, static_cast<std::size_t>(size)) : std::string(topic); }
/// `MQTTAsync_strerror` may have no words.
inline std::string words_of(const char* words) { return words != nullptr ? words : "connection lost"; }
}  // namespace detail

/// A link on Eclipse Paho C (MQTTAsync, 1.3 and later), MQTT 3.1.1 and 5.
class paho_c_link {
 public:
  /// The first one of a process also tells OpenSSL not to clean up at exit: Paho's threads end by themselves, a moment
  /// after its last client.
  explicit paho_c_link(link_options how) : how_(std::move(how)) { OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, nullptr); }
  ~paho_c_link() { close(); }
  paho_c_link(const paho_c_link&) = delete;
  paho_c_link& operator=(const paho_c_link&) = delete;

  const link_options& options() const noexcept { return how_; }

  /// A new connection, clean session; the outcome comes from `wait`.
  void connect() {
    close();
    if (auto gone = find_unreadable(how_)) return queue_.push(std::move(*gone));
    if (auto nobody = find_unreachable(how_)) return queue_.push(std::move(*nobody));
    patience_ends_ = monotonic_now() + how_.connect_limit_in_seconds();
    MQTTAsync_createOptions make = MQTTAsync_createOptions_initializer5;
    if (!is_v5()) make.MQTTVersion = MQTTVERSION_3_1_1;
    MQTTAsync made = nullptr;
    int rc = MQTTAsync_createWithOptions(&made, how_.paho_uri().c_str(), how_.client_id.c_str(), MQTTCLIENT_PERSISTENCE_NONE, nullptr, &make);
    client_.reset(made);
    if (rc == MQTTASYNC_SUCCESS) rc = MQTTAsync_setCallbacks(client_.get(), this, on_lost, on_message, nullptr);
    if (rc == MQTTASYNC_SUCCESS && is_v5()) rc = MQTTAsync_setDisconnected(client_.get(), this, on_disconnected);
    if (rc == MQTTASYNC_SUCCESS) rc = start_connecting();
    queue_.expect_outcome(rc == MQTTASYNC_SUCCESS);
    check(rc, link_event::kind::not_tried);
  }

  void close() {
    if (!client_) return queue_.clear();
    MQTTAsync_setCallbacks(client_.get(), this, nullptr, on_message, nullptr);
    if (MQTTAsync_isConnected(client_.get())) {
      MQTTAsync_disconnectOptions how = MQTTAsync_disconnectOptions_initializer;
      if (is_v5()) how = MQTTAsync_disconnectOptions_initializer5;
      how.timeout = 500;
      MQTTAsync_disconnect(client_.get(), &how);
      for (const auto end = monotonic_now() + std::chrono::seconds(1); MQTTAsync_isConnected(client_.get()) && monotonic_now() < end;)
        (void)::poll(nullptr, 0, 5);
    }
    client_.reset();
    queue_.clear();
  }

  void subscribe(const std::vector<std::string>& filters) {
    std::vector<char*> names;
    for (const std::string& filter : filters) names.push_back(const_cast<char*>(filter.c_str()));  // the C API does not write
    filters_ = filters.size();
    auto answers = call_options(on_subscribed, on_subscribed5);
    check(MQTTAsync_subscribeMany(client_.get(), static_cast<int>(names.size()), names.data(), std::vector<int>(filters.size(), 1).data(), &answers));
  }

  void publish(const std::string& topic, std::string_view payload, int qos = 1) {
    auto answers = call_options(on_published, on_published5);
    check(MQTTAsync_send(client_.get(), topic.c_str(), static_cast<int>(payload.size()), payload.data(), qos, 0, &answers));
  }

  std::optional<link_event> wait(std::chrono::milliseconds limit) { return queue_.wait(limit, how_); }

 private:
  struct destroy {
    void operator()(void* client) const noexcept { MQTTAsync_destroy(&client); }
  };

  bool is_v5() const noexcept { return how_.version == mqtt_version::v5; }
  static paho_c_link& me(void* self) noexcept { return *static_cast<paho_c_link*>(self); }

  int start_connecting() {
    tls_ = MQTTAsync_SSLOptions_initializer;
    tls_.trustStore = how_.ca_file.c_str();
    tls_.keyStore = how_.certificate_file.c_str();
    tls_.privateKey = how_.key_file.c_str();
    tls_.enableServerCertAuth = 1;
    tls_.verify = 1;
    alpn_ = how_.alpn();
    if (!alpn_.empty()) {  // length-prefixed, as OpenSSL takes it
      alpn_.insert(alpn_.begin(), static_cast<char>(alpn_.size()));
      tls_.protos = reinterpret_cast<const unsigned char*>(alpn_.data());
      tls_.protos_len = static_cast<unsigned>(alpn_.size());
    }
    MQTTAsync_connectOptions with = MQTTAsync_connectOptions_initializer;
    if (is_v5()) with = MQTTAsync_connectOptions_initializer5;
    with.MQTTVersion = is_v5() ? MQTTVERSION_5 : MQTTVERSION_3_1_1;
    (is_v5() ? with.cleanstart : with.cleansession) = 1;
    with.keepAliveInterval = static_cast<int>(how_.keep_alive.count());
    with.connectTimeout = static_cast<int>(how_.connect_limit_in_seconds().count());
    with.ssl = &tls_;
    with.context = this;
    if (is_v5()) {
      with.onSuccess5 = [](void* self, MQTTAsync_successData5*) { me(self).queue_.push({link_event::kind::connected}); };
      with.onFailure5 = [](void* self, MQTTAsync_failureData5* why) { me(self).not_connected(detail::code_of(why), 0x80, 0xFE); };
    } else {
      with.onSuccess = [](void* self, MQTTAsync_successData*) { me(self).queue_.push({link_event::kind::connected}); };
      with.onFailure = [](void* self, MQTTAsync_failureData* why) { me(self).not_connected(detail::code_of(why), 1, 5); };
    }
    return MQTTAsync_connect(client_.get(), &with);
  }

  /// A code in the range is CONNACK's; else there was none.
  void not_connected(int code, int lowest, int highest) {
    if (code >= lowest && code <= highest) return queue_.push({link_event::kind::refused, "CONNACK", {}, {static_cast<std::uint8_t>(code)}});
    queue_.push(ended_unanswered(patience_ends_));
  }

  using answered = void (*)(void*, MQTTAsync_successData*);
  using answered5 = void (*)(void*, MQTTAsync_successData5*);
  MQTTAsync_responseOptions call_options(answered good, answered5 good5) {
    MQTTAsync_responseOptions out = MQTTAsync_responseOptions_initializer;
    out.context = this;
    const bool subscribing = good == on_subscribed;
    if (is_v5()) {
      out.onSuccess5 = good5;
      out.onFailure5 = subscribing ? [](void* self, MQTTAsync_failureData5* why) { me(self).refused(link_event::kind::subscribed, why); }
                                   : [](void* self, MQTTAsync_failureData5* why) { me(self).refused(link_event::kind::publish_refused, why); };
    } else {
      out.onSuccess = good;
      if (subscribing) out.onFailure = [](void* self, MQTTAsync_failureData* why) {
        if (detail::code_of(why) == 0x80) me(self).queue_.push({link_event::kind::subscribed, "", {}, {0x80}});
      };
    }
    return out;
  }
  /// Paho fails a request too when the connection is lost: that has no reason code.
  void refused(link_event::kind what, MQTTAsync_failureData5* why) {
    if (const int code = detail::code_of(why); code >= 0x80) queue_.push({what, "", {}, {static_cast<std::uint8_t>(code)}});
  }

  static void on_subscribed(void* self, MQTTAsync_successData* granted) { me(self).subscribed(&granted->alt.qos, &granted->alt.qosList); }
  static void on_subscribed5(void* self, MQTTAsync_successData5* granted) { me(self).subscribed(&granted->reasonCode, &granted->alt.sub.reasonCodes); }
  /// One filter: a number; more: a list, and only then is it set.
  template <class Code>
  void subscribed(const Code* one, Code* const* list) {
    link_event event{link_event::kind::subscribed};
    for (std::size_t i = 0; i < filters_; ++i) event.codes.push_back(static_cast<std::uint8_t>(filters_ == 1 ? *one : (*list)[i]));
    queue_.push(std::move(event));
  }
  static void on_published(void* self, MQTTAsync_successData*) { me(self).queue_.push({link_event::kind::published}); }
  static void on_published5(void* self, MQTTAsync_successData5* done) { me(self).queue_.push(detail::answer_of_publish(done->reasonCode)); }
  static void on_lost(void* self, char*) { me(self).lost("connection closed by the server"); }  // Paho gives no cause
  static void on_disconnected(void* self, MQTTProperties*, enum MQTTReasonCodes code) {
    me(self).queue_.push({link_event::kind::hung_up, "DISCONNECT from the server", {}, {static_cast<std::uint8_t>(code)}});
  }
  static int on_message(void* self, char* topic, int size, MQTTAsync_message* in) {
    me(self).queue_.push({link_event::kind::message, detail::topic_of(topic, size), secret({static_cast<const char*>(in->payload), static_cast<std::size_t>(in->payloadlen)}), {}, in->dup != 0});
    wipe(in->payload, static_cast<std::size_t>(in->payloadlen));
    MQTTAsync_freeMessage(&in);
    MQTTAsync_free(topic);
    return 1;
  }
  void check(int rc, link_event::kind as = link_event::kind::hung_up) {
    if (rc != MQTTASYNC_SUCCESS) queue_.push({as, detail::words_of(MQTTAsync_strerror(rc))});
  }
  void lost(std::string why) { queue_.push({link_event::kind::hung_up, std::move(why)}); }

  link_options how_;
  looking_queue queue_;
  std::chrono::milliseconds patience_ends_{0};
  MQTTAsync_SSLOptions tls_ = MQTTAsync_SSLOptions_initializer;
  std::string alpn_;
  std::size_t filters_ = 0;
  std::unique_ptr<void, destroy> client_;
};

}  // namespace fleetprov::adapters
