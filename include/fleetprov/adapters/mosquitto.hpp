#pragma once

#include <fleetprov/adapters/drive.hpp>
#include <fleetprov/adapters/link.hpp>

#include <mosquitto.h>
#include <mqtt_protocol.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace fleetprov::adapters {

/// A link on libmosquitto (2.0 and later), MQTT 3.1.1 and 5, without a thread: `wait` runs the
/// library's loop. With `tls_context` in its options the private key may stay in a token (token_tls.hpp).
class mosquitto_link {
 public:
  explicit mosquitto_link(link_options how) : how_(std::move(how)) { mosquitto_lib_init(); }
  ~mosquitto_link() {
    close();
    mosquitto_lib_cleanup();
  }
  mosquitto_link(const mosquitto_link&) = delete;
  mosquitto_link& operator=(const mosquitto_link&) = delete;

  const link_options& options() const noexcept { return how_; }

  /// A new connection, clean session; the outcome comes from `wait`.
  void connect() {
    close();
    if (auto gone = how_.tls_context ? std::nullopt : find_unreadable(how_)) return push(std::move(*gone));
    if (auto nobody = find_unreachable(how_)) return push(std::move(*nobody));
    client_.reset(mosquitto_new(how_.client_id.c_str(), true, this));
    if (!client_) return push({link_event::kind::not_tried, "no client of this id could be made"});
    over_ = untrusted_ = false;
    const int rc = prepare();
    if (rc != MOSQ_ERR_SUCCESS) return refused_option(rc);
    const int keep_alive = static_cast<int>(how_.keep_alive.count());
    const int connected = mosquitto_connect_bind_v5(client_.get(), how_.host.c_str(), how_.port, keep_alive, nullptr, nullptr);
    if (connected == MOSQ_ERR_INVAL) refused_option(connected);
    else if (connected != MOSQ_ERR_SUCCESS) lost(connected);
  }

  void close() {
    if (!client_) return events_.clear();
    if (open_) {
      mosquitto_disconnect(client_.get());
      for (int i = 0; i < 20 && mosquitto_loop(client_.get(), 10, 1) == MOSQ_ERR_SUCCESS; ++i) {}
    }
    client_.reset();
    context_.reset();
    open_ = false;
    over_ = true;
    events_.clear();
  }

  void subscribe(const std::vector<std::string>& filters) {
    std::vector<char*> names;
    names.reserve(filters.size());
    for (const std::string& filter : filters) names.push_back(const_cast<char*>(filter.c_str()));  // the C API does not write
    const int rc = client_ ? mosquitto_subscribe_multiple(client_.get(), nullptr, static_cast<int>(names.size()), names.data(), 1, 0, nullptr)
                           : MOSQ_ERR_NO_CONN;
    if (rc != MOSQ_ERR_SUCCESS) not_possible(rc);
  }

  void publish(const std::string& topic, std::string_view payload, int qos = 1) {
    const int rc = client_ ? mosquitto_publish_v5(client_.get(), nullptr, topic.c_str(), static_cast<int>(payload.size()), payload.data(), qos, false, nullptr)
                           : MOSQ_ERR_NO_CONN;
    if (rc != MOSQ_ERR_SUCCESS) not_possible(rc);
  }

  std::optional<link_event> wait(std::chrono::milliseconds limit) {
    const auto end = after(monotonic_now(), limit);
    if (events_.empty() && over_) std::this_thread::sleep_for(limit);
    while (events_.empty() && !over_ && monotonic_now() <= end) {
      const auto left = std::clamp(end - monotonic_now(), std::chrono::milliseconds(0), std::chrono::milliseconds(60'000));
      const int rc = mosquitto_loop(client_.get(), static_cast<int>(left.count()), 1);
      if (rc != MOSQ_ERR_SUCCESS) lost(rc);  // once more where a callback told it already
      if (limit.count() == 0) break;
    }
    if (events_.empty()) return std::nullopt;
    link_event next = std::move(events_.front());
    events_.pop_front();
    return next;
  }

 private:
  struct destroy {
    void operator()(mosquitto* client) const noexcept { mosquitto_destroy(client); }
  };

  int prepare() {
    mosquitto* m = client_.get();
    mosquitto_int_option(m, MOSQ_OPT_PROTOCOL_VERSION, is_v5() ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311);
    if (const int rc = how_.tls_context ? use_context() : use_files(); rc != MOSQ_ERR_SUCCESS) return rc;
    // The library's codes do not tell who refused whom; what OpenSSL said goes to its log.
    mosquitto_log_callback_set(m, [](mosquitto*, void* self, int, const char* text) {
      if (std::string_view(text).find(verify_failed) != std::string_view::npos) me(self).untrusted_ = true;
    });
    mosquitto_connect_v5_callback_set(m, [](mosquitto*, void* self, int code, int, const mosquitto_property*) { me(self).connected(code); });
    mosquitto_disconnect_v5_callback_set(m, [](mosquitto*, void* self, int code, const mosquitto_property*) { me(self).lost(code); });
    mosquitto_subscribe_v5_callback_set(m, [](mosquitto*, void* self, int, int count, const int* granted, const mosquitto_property*) {
      link_event event{link_event::kind::subscribed};
      for (int i = 0; i < count; ++i) event.codes.push_back(static_cast<std::uint8_t>(granted[i]));
      me(self).push(std::move(event));
    });
    mosquitto_publish_v5_callback_set(m, [](mosquitto*, void* self, int, int code, const mosquitto_property*) {
      if (code >= 0x80) me(self).push({link_event::kind::publish_refused, "PUBACK", {}, {static_cast<std::uint8_t>(code)}});
      else me(self).push({link_event::kind::published});
    });
    mosquitto_message_v5_callback_set(m, [](mosquitto*, void* self, const mosquitto_message* in, const mosquitto_property*) {
      const std::string_view bytes(static_cast<const char*>(in->payload), static_cast<std::size_t>(in->payloadlen));
      me(self).push({link_event::kind::message, in->topic, secret(bytes), {}});
      wipe(in->payload, bytes.size());  // the library frees it as it is
    });
    return MOSQ_ERR_SUCCESS;
  }

  int use_files() {
    if (!how_.alpn().empty()) mosquitto_string_option(client_.get(), MOSQ_OPT_TLS_ALPN, how_.alpn().c_str());
    return mosquitto_tls_set(client_.get(), how_.ca_file.c_str(), nullptr, how_.certificate_file.c_str(), how_.key_file.c_str(), nullptr);
  }
  // Not the library's own engine option: it wants a file by the name of the URI (2.0.11).
  int use_context() {
    context_ = how_.tls_context(how_);
    if (!context_) return MOSQ_ERR_TLS;
    mosquitto_int_option(client_.get(), MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, 0);
    return mosquitto_void_option(client_.get(), MOSQ_OPT_SSL_CTX, context_.get());
  }

  void refused_option(int rc) {
    over_ = true;
    push({link_event::kind::not_tried, how_.tls_context && !context_ ? "there is no TLS context: the key in the token, its certificate or the CA file cannot be used"
                                                                      : mosquitto_strerror(rc)});
  }

  static mosquitto_link& me(void* self) noexcept { return *static_cast<mosquitto_link*>(self); }
  bool is_v5() const noexcept { return how_.version == mqtt_version::v5; }
  void push(link_event event) { events_.push_back(std::move(event)); }

  void connected(int code) {
    open_ = code == 0;
    over_ = !open_;
    if (open_) push({link_event::kind::connected});
    else push({link_event::kind::refused, "CONNACK", {}, {static_cast<std::uint8_t>(code)}});
  }

  /// Once per connection: the library reports a loss in several ways.
  void lost(int code) {
    if (!over_ && untrusted_) push({link_event::kind::untrusted, std::string(verify_failed)});
    else if (!over_) push({link_event::kind::hung_up, code >= 0x80 ? mosquitto_reason_string(code) : mosquitto_strerror(code)});
    over_ = true;
    open_ = false;
  }
  /// What is asked without a connection, or of one that takes it no more: told each time.
  void not_possible(int code) {
    over_ = untrusted_ = false;
    lost(code);
  }

  static constexpr std::string_view verify_failed = "certificate verify failed";
  link_options how_;
  std::shared_ptr<void> context_;  // outlives the client
  std::unique_ptr<mosquitto, destroy> client_;
  std::deque<link_event> events_;
  bool open_ = false;
  bool over_ = true;  // no connection, or one that was lost or refused
  bool untrusted_ = false;  // the server's certificate did not verify
};

}  // namespace fleetprov::adapters
