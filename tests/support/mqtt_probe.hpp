#pragma once
// A small MQTT 3.1.1 client over TLS for load and soak programs: non-blocking, thousands in one epoll
// loop, bytes under the caller's control (hostile packets too). Not a client library: no retries.

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace test {

using steady = std::chrono::steady_clock;

/// The key in a `BEGIN RSA PRIVATE KEY`; null for anything else. OpenSSL 3.0's own way takes a device of a load test half
/// as long as its handshake: it searches all its decoders, and prepares each new key's first signature against timing
/// attacks, which the keys of a test need not fear. A method of its own keeps the key out of the providers, where the
/// flag would be lost.
inline EVP_PKEY* read_rsa_key(std::string_view pem) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  static RSA_METHOD* const plain = RSA_meth_dup(RSA_PKCS1_OpenSSL());
  BIO* in = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  char *name = nullptr, *header = nullptr;
  unsigned char* der = nullptr;
  long size = 0;
  const bool is_rsa = PEM_read_bio(in, &name, &header, &der, &size) == 1 && std::strcmp(name, "RSA PRIVATE KEY") == 0;
  BIO_free(in);
  const unsigned char* at = der;
  RSA* numbers = is_rsa ? d2i_RSAPrivateKey(nullptr, &at, size) : nullptr;
  OPENSSL_free(name);
  OPENSSL_free(header);
  OPENSSL_clear_free(der, static_cast<std::size_t>(size));
  if (numbers == nullptr) return nullptr;
  RSA_set_method(numbers, plain);
  RSA_set_flags(numbers, RSA_FLAG_NO_BLINDING);
  EVP_PKEY* key = EVP_PKEY_new();
  EVP_PKEY_assign_RSA(key, numbers);
  return key;
#pragma GCC diagnostic pop
}

/// A certificate and its key, parsed once and shared by many clients.
class tls_identity {
 public:
  tls_identity() = default;
  tls_identity(std::string_view certificate_pem, std::string_view key_pem) {
    BIO* in = BIO_new_mem_buf(certificate_pem.data(), static_cast<int>(certificate_pem.size()));
    certificate_.reset(PEM_read_bio_X509(in, nullptr, nullptr, nullptr), X509_free);
    BIO_free(in);
    key_.reset(read_rsa_key(key_pem), EVP_PKEY_free);
    if (!key_) {
      in = BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size()));
      key_.reset(PEM_read_bio_PrivateKey(in, nullptr, nullptr, nullptr), EVP_PKEY_free);
      BIO_free(in);
    }
    if (!certificate_ || !key_) throw std::runtime_error("unreadable certificate or key");
  }
  X509* certificate() const { return certificate_.get(); }
  EVP_PKEY* key() const { return key_.get(); }

 private:
  std::shared_ptr<X509> certificate_;
  std::shared_ptr<EVP_PKEY> key_;
};

struct mqtt_packet {
  std::uint8_t type = 0;  ///< high nibble: 2 CONNACK, 3 PUBLISH, 4 PUBACK, 9 SUBACK, 13 PINGRESP
  std::string body;
};

inline void append_u16(std::string& out, std::size_t value) {
  out += static_cast<char>(value >> 8 & 0xFF);
  out += static_cast<char>(value & 0xFF);
}
inline void append_text(std::string& out, std::string_view text) {
  append_u16(out, text.size());
  out += text;
}
inline std::string packet(std::uint8_t first, std::string_view body) {
  std::string out(1, static_cast<char>(first));
  std::size_t left = body.size();
  do {
    auto digit = static_cast<std::uint8_t>(left % 128);
    left /= 128;
    if (left > 0) digit |= 0x80;
    out += static_cast<char>(digit);
  } while (left > 0);
  return out.append(body);
}
inline std::string connect_packet(std::string_view client_id, std::uint8_t flags = 0x02, std::uint16_t keep_alive = 1200) {
  std::string body;
  append_text(body, "MQTT");
  body += '\x04';
  body += static_cast<char>(flags);
  append_u16(body, keep_alive);
  append_text(body, client_id);
  return packet(0x10, body);
}
inline std::string subscribe_packet(std::uint16_t id, std::initializer_list<std::string_view> filters, int qos = 1) {
  std::string body;
  append_u16(body, id);
  for (const std::string_view filter : filters) {
    append_text(body, filter);
    body += static_cast<char>(qos);
  }
  return packet(0x82, body);
}
inline std::string publish_packet(std::string_view topic, std::string_view payload, int qos = 0, std::uint16_t id = 1) {
  std::string body;
  append_text(body, topic);
  if (qos > 0) append_u16(body, id);
  body += payload;
  return packet(static_cast<std::uint8_t>(0x30 | qos << 1), body);
}
inline std::string puback_packet(std::uint16_t id) {
  std::string body;
  append_u16(body, id);
  return packet(0x40, body);
}
inline std::string ping_packet() { return packet(0xC0, ""); }
inline std::string disconnect_packet() { return packet(0xE0, ""); }

/// The parts of a received PUBLISH.
struct received_publish {
  std::string_view topic, payload;
  int qos = 0;
  std::uint16_t id = 0;
};
inline received_publish read_publish(const mqtt_packet& from) {
  received_publish out;
  const std::string_view body = from.body;
  out.qos = from.type >> 1 & 3;
  const std::size_t length = static_cast<std::size_t>(static_cast<std::uint8_t>(body[0])) << 8 | static_cast<std::uint8_t>(body[1]);
  out.topic = body.substr(2, length);
  std::size_t at = 2 + length;
  if (out.qos > 0) {
    out.id = static_cast<std::uint16_t>(static_cast<std::uint8_t>(body[at]) << 8 | static_cast<std::uint8_t>(body[at + 1]));
    at += 2;
  }
  out.payload = body.substr(at);
  return out;
}

/// Shared settings of many clients of one endpoint.
class tls_endpoint {
 public:
  tls_endpoint(std::string host, int port, const std::string& ca_file, int tls_version = TLS1_3_VERSION)
      : host_(std::move(host)), context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free) {
    if (SSL_CTX_load_verify_locations(context_.get(), ca_file.c_str(), nullptr) != 1)
      throw std::runtime_error("cannot read " + ca_file);
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_max_proto_version(context_.get(), tls_version);
    SSL_CTX_set_session_cache_mode(context_.get(), SSL_SESS_CACHE_OFF);
    SSL_CTX_set_read_ahead(context_.get(), 1);
    SSL_CTX_set_mode(context_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    address_.sin_family = AF_INET;
    address_.sin_port = htons(static_cast<std::uint16_t>(port));
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  }
  SSL_CTX* context() const { return context_.get(); }
  const sockaddr_in& address() const { return address_; }
  const std::string& host() const { return host_; }

 private:
  std::string host_;
  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context_;
  sockaddr_in address_{};
};

class probe_loop;

/// One connection. Callbacks run in the loop; `on_packet` may send or close.
class probe {
 public:
  std::function<void(probe&, mqtt_packet&)> on_packet;
  std::function<void(probe&)> on_connected;  ///< TLS is up
  std::function<void(probe&)> on_closed;     ///< by the peer or for an error; not after close()

  probe(probe_loop& loop, const tls_endpoint& to, const tls_identity& who);
  ~probe() { close(); }
  probe(const probe&) = delete;
  probe& operator=(const probe&) = delete;

  /// What a callback sends goes out together when everything that has come is read.
  void send(std::string_view bytes) {
    out_ += bytes;
    if (ready_ && !handling_) flush();
  }
  /// Sends what is queued, best effort, and closes without a word to `on_closed`.
  void close();
  /// Reads nothing more until the connection ends: a slow reader.
  void stop_reading() {
    deaf_ = true;
    want(0);
  }
  bool open() const { return fd_ >= 0; }
  bool secured() const { return ready_; }
  int descriptor() const { return fd_; }
  void handle(std::uint32_t events);

 private:
  void react(std::uint32_t events);
  void progress_handshake();
  void flush();
  void read_all();
  void take_packets();
  void fail();
  void want(std::uint32_t events);

  probe_loop& loop_;
  std::unique_ptr<SSL, void (*)(SSL*)> ssl_{nullptr, SSL_free};
  int fd_ = -1;
  bool connected_ = false, ready_ = false, deaf_ = false, handling_ = false;
  std::uint32_t wanted_ = 0;
  std::string in_, out_;
};

class probe_loop {
 public:
  probe_loop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}
  ~probe_loop() { ::close(epoll_); }
  probe_loop(const probe_loop&) = delete;
  probe_loop& operator=(const probe_loop&) = delete;

  /// Runs until `done` says so or `limit` has passed; true when done.
  bool run_until(const std::function<bool()>& done, std::chrono::milliseconds limit) {
    const auto end = steady::now() + limit;
    while (!done()) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - steady::now()).count();
      if (left <= 0) return false;
      turn(static_cast<int>(left < 100 ? left : 100));
    }
    return true;
  }
  void turn(int timeout_ms) {
    epoll_event events[256];
    const int n = ::epoll_wait(epoll_, events, 256, timeout_ms);
    for (int i = 0; i < n; ++i) static_cast<probe*>(events[i].data.ptr)->handle(events[i].events);
  }
  int descriptor() const { return epoll_; }

 private:
  int epoll_;
};

inline probe::probe(probe_loop& loop, const tls_endpoint& to, const tls_identity& who) : loop_(loop) {
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) throw std::runtime_error("no more sockets");
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::connect(fd_, reinterpret_cast<const sockaddr*>(&to.address()), sizeof(sockaddr_in));
  ssl_.reset(SSL_new(to.context()));
  SSL_set_tlsext_host_name(ssl_.get(), to.host().c_str());
  SSL_set1_host(ssl_.get(), to.host().c_str());
  if (who.certificate() != nullptr) {
    SSL_use_certificate(ssl_.get(), who.certificate());
    SSL_use_PrivateKey(ssl_.get(), who.key());
  }
  SSL_set_fd(ssl_.get(), fd_);
  SSL_set_connect_state(ssl_.get());
  epoll_event event{};
  event.events = wanted_ = EPOLLIN | EPOLLOUT;
  event.data.ptr = this;
  ::epoll_ctl(loop_.descriptor(), EPOLL_CTL_ADD, fd_, &event);
}

inline void probe::close() {
  if (fd_ < 0) return;
  if (ready_ && !out_.empty()) {
    ERR_clear_error();
    SSL_write(ssl_.get(), out_.data(), static_cast<int>(out_.size()));
  }
  ::epoll_ctl(loop_.descriptor(), EPOLL_CTL_DEL, fd_, nullptr);
  ::close(fd_);
  fd_ = -1;
  ready_ = false;
}

inline void probe::fail() {
  ready_ = false;
  close();
  if (on_closed) on_closed(*this);
}

inline void probe::want(std::uint32_t events) {
  if (deaf_) events = 0;
  if (fd_ < 0 || events == wanted_) return;
  epoll_event event{};
  event.events = wanted_ = events;
  event.data.ptr = this;
  ::epoll_ctl(loop_.descriptor(), EPOLL_CTL_MOD, fd_, &event);
}

inline void probe::handle(std::uint32_t events) {
  handling_ = true;
  react(events);
  handling_ = false;
  if (fd_ >= 0 && ready_ && !out_.empty()) flush();
}

inline void probe::react(std::uint32_t events) {
  if (fd_ < 0) return;
  if (!connected_) {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return fail();
    if ((events & EPOLLOUT) == 0) return;
    connected_ = true;
  }
  if (!ready_) {
    progress_handshake();
    if (!ready_) return;
  }
  if (fd_ >= 0 && (events & EPOLLOUT) != 0) flush();
  if (fd_ >= 0 && !deaf_) read_all();
}

inline void probe::progress_handshake() {
  ERR_clear_error();
  const int rc = SSL_do_handshake(ssl_.get());
  if (rc == 1) {
    ready_ = true;
    want(EPOLLIN);
    if (on_connected) on_connected(*this);
    if (fd_ >= 0) flush();
    return;
  }
  const int why = SSL_get_error(ssl_.get(), rc);
  if (why == SSL_ERROR_WANT_READ) return want(EPOLLIN);
  if (why == SSL_ERROR_WANT_WRITE) return want(EPOLLIN | EPOLLOUT);
  fail();
}

inline void probe::flush() {
  while (!out_.empty() && fd_ >= 0) {
    ERR_clear_error();
    const int put = SSL_write(ssl_.get(), out_.data(), static_cast<int>(out_.size()));
    if (put > 0) {
      out_.erase(0, static_cast<std::size_t>(put));
      continue;
    }
    const int why = SSL_get_error(ssl_.get(), put);
    if (why == SSL_ERROR_WANT_WRITE || why == SSL_ERROR_WANT_READ) return want(EPOLLIN | EPOLLOUT);
    return fail();
  }
  want(EPOLLIN);
}

inline void probe::read_all() {
  char buffer[16384];
  while (fd_ >= 0) {
    ERR_clear_error();
    const int got = SSL_read(ssl_.get(), buffer, sizeof buffer);
    if (got > 0) {
      in_.append(buffer, static_cast<std::size_t>(got));
      take_packets();
      continue;
    }
    const int why = SSL_get_error(ssl_.get(), got);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return;
    return fail();
  }
}

inline void probe::take_packets() {
  for (;;) {
    std::size_t length = 0, at = 1;
    int shift = 0;
    bool complete = false;
    while (at < in_.size() && at < 5) {
      const auto digit = static_cast<std::uint8_t>(in_[at++]);
      length |= static_cast<std::size_t>(digit & 0x7F) << shift;
      shift += 7;
      if ((digit & 0x80) == 0) {
        complete = true;
        break;
      }
    }
    if (!complete || in_.size() - at < length) return;
    mqtt_packet one{static_cast<std::uint8_t>(in_[0]), in_.substr(at, length)};
    in_.erase(0, at + length);
    if (on_packet) on_packet(*this, one);
    if (fd_ < 0) return;
  }
}

}  // namespace test
