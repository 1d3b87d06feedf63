#pragma once

#include <fleetprov/adapters/drive.hpp>
#include <fleetprov/adapters/link.hpp>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

/// For client libraries that do not say why a handshake failed: whether it was the device that refused the server. Needs
/// libssl.
namespace fleetprov::adapters {

/// What is wrong with the server's certificate, found by a TLS handshake of its own of up to 5 seconds; empty when nothing
/// is, or when nobody answers in time.
inline std::string find_server_fault(const link_options& how) {
  const auto limit = (std::min)(how.connect_limit(), std::chrono::milliseconds(5000));
  ERR_set_mark();
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  const bool trusts_someone = context && SSL_CTX_load_verify_locations(context.get(), how.ca_file.c_str(), nullptr) == 1;
  ERR_pop_to_mark();
  if (!trusts_someone) return {};
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  // On port 443 another service may answer, with another certificate, who does not say what it wants.
  if (const std::string alpn = how.alpn(); !alpn.empty()) {
    const std::string list = static_cast<char>(alpn.size()) + alpn;
    SSL_CTX_set_alpn_protos(context.get(), reinterpret_cast<const unsigned char*>(list.data()), static_cast<unsigned>(list.size()));
  }
  const auto end = after(monotonic_now(), limit);
  const tcp_connection tcp = connect_tcp(how.host, how.port, limit);
  ERR_set_mark();
  const std::unique_ptr<SSL, decltype(&SSL_free)> tls(SSL_new(context.get()), SSL_free);
  const bool is_ready = tcp && tls && SSL_set_fd(tls.get(), tcp.number()) == 1;
  if (is_ready && X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls.get()), how.host.c_str()) != 1) {
    SSL_set1_host(tls.get(), how.host.c_str());
    SSL_set_tlsext_host_name(tls.get(), how.host.c_str());
  }
  // The client's first flight fits into any socket: only the server is waited for. SSL_get_error would want an error queue
  // that is empty.
  while (is_ready && SSL_connect(tls.get()) != 1 && BIO_should_read(SSL_get_rbio(tls.get()))) {
    pollfd ready{tcp.number(), POLLIN, 0};
    if (::poll(&ready, 1, static_cast<int>((std::max)(end - monotonic_now(), std::chrono::milliseconds(0)).count())) <= 0) break;
  }
  ERR_pop_to_mark();
  const long found = is_ready ? SSL_get_verify_result(tls.get()) : X509_V_OK;
  return found == X509_V_OK ? std::string() : std::string("certificate verify failed: ") + X509_verify_cert_error_string(found);
}

/// The events of a link. A hang-up that is the outcome of connecting becomes `untrusted` if that is what it was; looking takes
/// up to 5 seconds more.
class looking_queue : public event_queue {
 public:
  /// The next event is the outcome of connecting, or it is not.
  void expect_outcome(bool expected) noexcept { awaits_outcome_ = expected; }
  std::optional<link_event> wait(std::chrono::milliseconds limit, const link_options& how) {
    auto event = event_queue::wait(limit);
    if (!event || !std::exchange(awaits_outcome_, false) || event->what != link_event::kind::hung_up) return event;
    if (std::string fault = find_server_fault(how); !fault.empty()) event = link_event{link_event::kind::untrusted, std::move(fault)};
    return event;
  }

 private:
  bool awaits_outcome_ = false;  // the caller's thread alone knows
};

}  // namespace fleetprov::adapters
