#include <mock_broker/plugin_host.hpp>

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mqtt_protocol.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace fleetprov::mock {
namespace {

template <class Function>
void look_up(const char* name, Function& into) {
  into = reinterpret_cast<Function>(::dlsym(RTLD_DEFAULT, name));
}

/// Where `struct mosquitto` begins in 2.0: a kind (2: client), then the socket. Used only after the socket
/// has proved to be this client's: its other end is the address that the public function gives.
struct client_head {
  int kind = 0;
  int socket = -1;
};
constexpr int kind_client = 2;

std::optional<remote_end> peer_of(int socket) {
  sockaddr_storage there{};
  socklen_t size = sizeof there;
  if (socket < 0 || ::getpeername(socket, reinterpret_cast<sockaddr*>(&there), &size) != 0) return std::nullopt;
  std::array<char, INET6_ADDRSTRLEN> text{};
  remote_end out;
  if (there.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(there);
    ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    out.port = ntohs(v4.sin_port);
  } else if (there.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(there);
    ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    out.port = ntohs(v6.sin6_port);
  }
  out.address = text.data();
  return out;
}

int socket_of(const mosquitto* client) {
  client_head head;
  std::memcpy(static_cast<void*>(&head), static_cast<const void*>(client), sizeof head);
  return head.kind == kind_client ? head.socket : -1;
}

std::uint32_t milliseconds_silent(int socket) {
  tcp_info facts{};
  socklen_t size = sizeof facts;
  return ::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &facts, &size) == 0 ? facts.tcpi_last_data_recv : 0;
}

/// Whether the peer is gone: end of file or reset. One that just said good-bye in TLS gets a millisecond
/// for its FIN to arrive.
bool is_hung_up(int socket) {
  pollfd end{socket, POLLRDHUP, 0};
  return ::poll(&end, 1, 1) == 1 && (end.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0;
}

void add_text(mosquitto_property** list, int identifier, const std::optional<std::string>& value) {
  if (value) mosquitto_property_add_string(list, identifier, value->c_str());
}

mosquitto_property* to_list(const message_properties& from) {
  mosquitto_property* out = nullptr;
  if (from.payload_format_indicator)
    mosquitto_property_add_byte(&out, MQTT_PROP_PAYLOAD_FORMAT_INDICATOR, *from.payload_format_indicator);
  if (from.message_expiry_seconds)
    mosquitto_property_add_int32(&out, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL, *from.message_expiry_seconds);
  add_text(&out, MQTT_PROP_CONTENT_TYPE, from.content_type);
  add_text(&out, MQTT_PROP_RESPONSE_TOPIC, from.response_topic);
  if (from.correlation_data)
    mosquitto_property_add_binary(&out, MQTT_PROP_CORRELATION_DATA, from.correlation_data->data(),
                                  static_cast<std::uint16_t>(from.correlation_data->size()));
  for (const auto& [name, value] : from.user_properties)
    mosquitto_property_add_string_pair(&out, MQTT_PROP_USER_PROPERTY, name.c_str(), value.c_str());
  return out;
}

/// Takes over what the broker allocated.
std::string take(char* text, std::size_t size) {
  std::string out(text != nullptr ? text : "", text != nullptr ? size : 0);
  ::free(text);
  return out;
}

using read_string_function = const mosquitto_property* (*)(const mosquitto_property*, int, char**, bool);
using read_binary_function = const mosquitto_property* (*)(const mosquitto_property*, int, void**, std::uint16_t*, bool);
using read_pair_function = const mosquitto_property* (*)(const mosquitto_property*, int, char**, char**, bool);
using read_byte_function = const mosquitto_property* (*)(const mosquitto_property*, int, std::uint8_t*, bool);

struct property_readers {
  read_string_function string = nullptr;
  read_binary_function binary = nullptr;
  read_pair_function pair = nullptr;
  read_byte_function byte = nullptr;

  property_readers() {
    look_up("mosquitto_property_read_string", string);
    look_up("mosquitto_property_read_binary", binary);
    look_up("mosquitto_property_read_string_pair", pair);
    look_up("mosquitto_property_read_byte", byte);
  }
  bool complete() const { return string != nullptr && binary != nullptr && pair != nullptr && byte != nullptr; }
};

}  // namespace

broker_host::broker_host() {
  look_up("send__disconnect", send_disconnect_);
  look_up("mosquitto__get_state", get_state_);
}

std::string broker_host::client_id(const mosquitto* client) const {
  const char* id = mosquitto_client_id(client);
  return id != nullptr ? id : "";
}

std::string broker_host::address(const mosquitto* client) const {
  const char* text = mosquitto_client_address(client);
  return text != nullptr ? text : "";
}

int broker_host::protocol_version(const mosquitto* client) const { return mosquitto_client_protocol_version(client); }
bool broker_host::clean_start(const mosquitto* client) const { return mosquitto_client_clean_session(client); }
int broker_host::subscription_count(const mosquitto* client) const { return mosquitto_client_sub_count(client); }

std::optional<crypto::certificate> broker_host::certificate(const mosquitto* client) const {
  auto* x509 = static_cast<X509*>(mosquitto_client_certificate(client));
  if (x509 == nullptr) return std::nullopt;
  crypto::certificate shared = crypto::certificate::share(x509);
  X509_free(x509);
  return shared;
}

bool broker_host::set_identity(mosquitto* client, const std::string& name) const {
  return mosquitto_set_username(client, name.c_str()) == MOSQ_ERR_SUCCESS;
}

remote_end broker_host::remote(const mosquitto* client) const {
  remote_end out;
  out.address = address(client);
  const std::optional<remote_end> peer = peer_of(socket_of(client));
  if (peer && peer->address == out.address) out.port = peer->port;
  return out;
}

connection_end broker_host::how_it_ended(const mosquitto* client) const {
  constexpr int disconnecting = 2;        // enum mosquitto_client_state of 2.0
  constexpr int disconnect_with_will = 18;
  if (get_state_ != nullptr) {
    const int state = get_state_(const_cast<mosquitto*>(client));
    if (state == disconnecting || state == disconnect_with_will) return connection_end::client_disconnect;
  }
  const int socket = socket_of(client);
  const std::optional<remote_end> peer = peer_of(socket);
  if (!peer || peer->address != address(client)) return connection_end::lost;
  if (is_hung_up(socket)) return connection_end::lost;
  const int keep_alive = mosquitto_client_keepalive(client);
  if (keep_alive > 0 && milliseconds_silent(socket) + 1000 >= static_cast<std::uint32_t>(keep_alive) * 1500)
    return connection_end::keep_alive;
  return connection_end::client_error;
}

bool broker_host::send_disconnect(mosquitto* client, std::uint8_t reason_code) const {
  return send_disconnect_ != nullptr && send_disconnect_(client, reason_code, nullptr) == MOSQ_ERR_SUCCESS;
}

bool broker_host::publish_to(const std::string& client_id, std::string_view topic, const void* payload,
                             std::size_t size, std::uint8_t qos) const {
  void* copy = mosquitto_malloc(size + 1);
  if (copy == nullptr) return false;
  if (size != 0) std::memcpy(copy, payload, size);
  const int rc = mosquitto_broker_publish(client_id.c_str(), std::string(topic).c_str(), static_cast<int>(size), copy,
                                          qos, false, nullptr);
  if (rc != MOSQ_ERR_SUCCESS) mosquitto_free(copy);
  return rc == MOSQ_ERR_SUCCESS;
}

bool broker_host::publish(const outgoing_message& message) const {
  void* copy = mosquitto_malloc(message.payload.size() + 1);
  if (copy == nullptr) return false;
  std::memcpy(copy, message.payload.data(), message.payload.size());
  mosquitto_property* properties = to_list(message.properties);
  const int rc = mosquitto_broker_publish(nullptr, message.topic.c_str(), static_cast<int>(message.payload.size()),
                                          copy, message.qos, message.retain, properties);
  if (rc != MOSQ_ERR_SUCCESS) {
    mosquitto_free(copy);
    mosquitto_property_free_all(&properties);
  }
  return rc == MOSQ_ERR_SUCCESS;
}

bool broker_host::kick(const std::string& client_id, bool with_will) const {
  return mosquitto_kick_client_by_clientid(client_id.c_str(), with_will) == MOSQ_ERR_SUCCESS;
}

message_properties broker_host::read_properties(const mqtt5__property* from) const {
  static const property_readers readers;
  message_properties out;
  if (from == nullptr || !readers.complete()) return out;
  char* text = nullptr;
  if (readers.string(from, MQTT_PROP_CONTENT_TYPE, &text, false) != nullptr)
    out.content_type = take(text, std::strlen(text));
  if (readers.string(from, MQTT_PROP_RESPONSE_TOPIC, &text, false) != nullptr)
    out.response_topic = take(text, std::strlen(text));
  void* bytes = nullptr;
  std::uint16_t size = 0;
  if (readers.binary(from, MQTT_PROP_CORRELATION_DATA, &bytes, &size, false) != nullptr)
    out.correlation_data = take(static_cast<char*>(bytes), size);
  std::uint8_t indicator = 0;
  if (readers.byte(from, MQTT_PROP_PAYLOAD_FORMAT_INDICATOR, &indicator, false) != nullptr)
    out.payload_format_indicator = indicator;
  char* name = nullptr;
  const mosquitto_property* at = readers.pair(from, MQTT_PROP_USER_PROPERTY, &name, &text, false);
  while (at != nullptr) {
    std::string key = take(name, std::strlen(name));
    out.user_properties.emplace_back(std::move(key), take(text, std::strlen(text)));
    at = readers.pair(at, MQTT_PROP_USER_PROPERTY, &name, &text, true);
  }
  return out;
}

}  // namespace fleetprov::mock
