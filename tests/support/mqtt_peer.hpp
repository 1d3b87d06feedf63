#pragma once
// An MQTT server over TLS of which a test says every byte.

#include "support/loopback.hpp"
#include "support/self_signed.hpp"

#include <openssl/ssl.h>

#include <csignal>
#include <cstdint>
#include <functional>
#include <future>
#include <string>
#include <thread>
#include <vector>

namespace test {

/// One client's connection, each wait for it bounded.
class mqtt_client_seen {
 public:
  mqtt_client_seen(SSL_CTX* context, int socket) : ssl_(SSL_new(context)) {
    SSL_set_fd(ssl_, socket);
    open_ = SSL_accept(ssl_) == 1;
  }
  ~mqtt_client_seen() {
    if (open_) SSL_shutdown(ssl_);
    SSL_free(ssl_);
  }
  mqtt_client_seen(const mqtt_client_seen&) = delete;
  mqtt_client_seen& operator=(const mqtt_client_seen&) = delete;

  /// The next packet from the packet type's byte on, without its length; empty at the end.
  std::string read() {
    std::string packet;
    std::size_t left = 0;
    if (!read_more(packet, 1)) return {};
    for (int shift = 0;; shift += 7) {
      std::string digit;
      if (!read_more(digit, 1)) return {};
      left |= static_cast<std::size_t>(static_cast<unsigned char>(digit[0]) & 0x7FU) << shift;
      if ((static_cast<unsigned char>(digit[0]) & 0x80U) == 0) break;
    }
    return read_more(packet, left) ? packet : std::string();
  }
  /// The next packet, which must be of this type.
  std::string expect(int type) {
    std::string packet = read();
    if (packet.empty() || (static_cast<unsigned char>(packet[0]) & 0xF0U) != static_cast<unsigned>(type)) unexpected = true;
    packet.resize(std::max<std::size_t>(packet.size(), 5));
    return packet;
  }
  void write(int type, const std::string& rest) {
    const std::string bytes = std::string{static_cast<char>(type), static_cast<char>(rest.size())} + rest;
    if (SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) <= 0) open_ = false;
  }
  /// What ALPN agreed on.
  std::string protocol() const {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl_, &name, &size);
    return {reinterpret_cast<const char*>(name), size};
  }
  bool is_open() const noexcept { return open_; }
  bool unexpected = false;

 private:
  bool read_more(std::string& to, std::size_t count) {
    while (count > 0) {
      char some[256];
      const int got = SSL_read(ssl_, some, static_cast<int>(std::min(count, sizeof some)));
      if (got <= 0) return open_ = false;
      to.append(some, static_cast<std::size_t>(got));
      count -= static_cast<std::size_t>(got);
    }
    return true;
  }
  SSL* ssl_;
  bool open_ = false;
};

/// Serves one connection after the other with the scripts, in order, then hangs up on whoever comes.
class mqtt_peer {
 public:
  using script = std::function<void(mqtt_client_seen&)>;
  mqtt_peer(const self_signed& who, std::vector<script> scripts, listener at = listener())
      : listener_(std::move(at)), context_(SSL_CTX_new(TLS_server_method())), scripts_(std::move(scripts)) {
    REQUIRE(SSL_CTX_use_certificate_chain_file(context_, who.certificate_file().c_str()) == 1);
    REQUIRE(SSL_CTX_use_PrivateKey(context_, who.key.native()) == 1);
    SSL_CTX_set_alpn_select_cb(context_, [](SSL*, const unsigned char** out, unsigned char* size, const unsigned char* in, unsigned, void*) {
      *out = in + 1;
      *size = in[0];
      return SSL_TLSEXT_ERR_OK;
    }, nullptr);
    (void)std::signal(SIGPIPE, SIG_IGN);
    thread_ = std::thread([this] { serve(); });
  }
  /// Whether every script met what it expected; asked once, at the end.
  bool was_content() {
    end();
    return served_ == scripts_.size() && !unexpected_;
  }
  ~mqtt_peer() {
    end();
    SSL_CTX_free(context_);
  }
  mqtt_peer(const mqtt_peer&) = delete;
  mqtt_peer& operator=(const mqtt_peer&) = delete;
  std::uint16_t port() const noexcept { return listener_.port(); }

 private:
  void end() {
    if (!thread_.joinable()) return;
    (void)::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  void serve() {
    for (;;) {
      const descriptor socket = listener_.accept();
      if (socket.get() < 0) return;
      if (served_ == scripts_.size()) continue;
      mqtt_client_seen client(context_, socket.get());
      if (!client.is_open()) continue;  // who only looks whether the port is open
      scripts_[served_](client);
      unexpected_ = unexpected_ || client.unexpected;
      ++served_;
    }
  }

  listener listener_;
  SSL_CTX* context_;
  std::vector<script> scripts_;
  std::size_t served_ = 0;
  bool unexpected_ = false;
  std::thread thread_;
};

}  // namespace test
