#pragma once

#include <fleetprov/core/secret.hpp>
#include <fleetprov/topics/fleet_topics.hpp>
#include <fleetprov/topics/limits.hpp>
#include <mock_broker/certificate_authority.hpp>
#include <mock_broker/registry.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fleetprov::policies {
enum class decision : std::uint8_t;
}

namespace fleetprov::mock {

/// Who asks: one MQTT connection. `connection` is a number the broker side gives each connection once.
struct requester {
  std::string client_id;
  std::string certificate_id;  ///< of the connection (the claim certificate)
  std::uint64_t connection = 0;
  std::uint64_t request = 0;  ///< a number of the broker side's own for this request
};

/// The end of one request; its answer is to be sent to `to` only.
struct completed_reply {
  requester to;
  topics::fleet_topic topic;  ///< the reply topic: accepted or rejected, in the request's format
  secret payload;             ///< may hold a private key; wipes itself
  int status_code = 200;      ///< 200, or the rejected reply's statusCode
  bool is_silent = false;     ///< the request has ended without an answer (`drop_throttled`, or none could be written)
};

/// Entries for AWSIotLogsV2 (Developer Guide, "CloudWatch AWS IoT log entries").
enum class service_event : std::uint8_t { get_device_credentials, provision_device };
constexpr std::string_view name_of(service_event what) noexcept {
  return what == service_event::get_device_credentials ? "GetDeviceCredentials" : "ProvisionDevice";
}
struct service_log_entry {
  service_event event_type;
  bool success = false;
  topics::api call;
  std::string template_name;          ///< ProvisionDevice only
  std::string device_certificate_id;  ///< empty where no certificate is known
  std::string reason;  ///< of a failure: the errorCode of the rejected reply
  std::string details;
  std::string client_id, claim_certificate_id;
};

enum class note_level : std::uint8_t { info, warning, error };

struct service_callbacks {
  /// Called on worker threads, once per `handle`.
  std::function<void(completed_reply)> on_reply;
  std::function<void(const service_log_entry&)> on_log;
  /// Lines for people: a hook's stderr, a hook that failed. Never a secret.
  std::function<void(note_level, std::string_view)> on_note;
};

/// Every reason for a rejected reply that has a code of its own (docs/fidelity.md).
enum class refusal : std::uint8_t {
  invalid_token, invalid_csr, invalid_payload, invalid_parameters, access_denied, template_disabled,
  template_not_found, conflict, too_many_requests, internal_error
};
inline constexpr std::size_t refusal_count = 10;
struct refusal_code {
  int status_code;
  std::string error_code;
};
/// The defaults, indexed by `refusal`.
std::array<refusal_code, refusal_count> default_refusal_codes();
/// The code that goes with a status where nothing says which (a fault).
std::string default_error_code(int status);

struct strict_switches {
  bool quotas = false;            ///< 10 calls per second and operation, then 429
  bool token_connection = false;  ///< a token works only on the connection that got it
  bool token_once = false;        ///< a rejected RegisterThing spends the token too
  bool drop_throttled = false;    ///< a throttled call gets no reply
};

struct service_settings {
  std::filesystem::path key_pool;    ///< DIR/pool, created 0700; empty: no pool on disk
  std::size_t key_pool_size = 16;    ///< keys kept ready, with their certificates
  std::size_t max_hooks = 256;       ///< hook processes at once; more wait
  std::size_t max_waiting = 8192;    ///< requests in progress; more get 429
  std::chrono::milliseconds hook_timeout = std::chrono::seconds(topics::limits::hook_timeout_seconds);
  double calls_per_second = topics::limits::register_thing_per_second;  ///< of each operation, with `strict.quotas`
  strict_switches strict;
  std::map<std::string, std::string> lambdas;  ///< name -> shell command or http(s) URL
  std::array<refusal_code, refusal_count> codes = default_refusal_codes();
};

/// HTTP CreateKeysAndCertificate and CreateProvisioningClaim.
struct certificate_with_key {
  std::string certificate_id, certificate_pem;
  key_pair keys;
  instant expiration{};  ///< claim only
};
struct http_registration {
  std::string certificate_pem;
  std::map<std::string, std::string> resource_arns;  ///< "thing", "certificate", the policy's logical name
};

/// TestAuthorization (AWS IoT API Reference).
enum class authorization_action : std::uint8_t { publish, subscribe, receive, connect };
struct authorization_question {
  authorization_action action;
  std::vector<std::string> resources;  ///< ARNs
};
struct authorization_request {
  std::string principal, client_id;  ///< principal: ARN of a certificate or thing group, or a Cognito id
  std::vector<authorization_question> questions;
  std::vector<std::string> policies_to_add, policies_to_skip;
};
struct authorization_answer {
  authorization_question question;
  policies::decision decision{};
  std::vector<std::string> allowed, implicitly_denied, explicitly_denied;  ///< policy names
  std::vector<std::string> missing_context;
};

/// The fleet provisioning service (Developer Guide, "Device provisioning MQTT API"). `handle` returns at once; the answer comes
/// through `on_reply` from a worker thread. Destruction stops hooks and workers and answers nothing more.
class fleet_service {
 public:
  fleet_service(registry& world, const certificate_authority& authority, service_settings how,
                service_callbacks callbacks);
  ~fleet_service();
  fleet_service(const fleet_service&) = delete;
  fleet_service& operator=(const fleet_service&) = delete;

  /// `topic` must be a request topic. Copies the payload; never blocks, never throws.
  void handle(requester from, const topics::fleet_topic& topic, const std::uint8_t* payload, std::size_t size) noexcept;

  // ---- for the control plane: block the calling thread, throw aws_error or storage_error ------------
  certificate_with_key create_keys_and_certificate(bool set_as_active);
  snapshot_of<certificate_record> create_certificate_from_csr(std::string_view csr_pem, bool set_as_active);
  certificate_with_key create_provisioning_claim(std::string_view template_name);
  http_registration register_thing(std::string_view template_body, const std::map<std::string, std::string>& parameters);
  std::vector<authorization_answer> test_authorization(const authorization_request& asked) const;

  /// Blocks until no request is in progress or `limit` has passed; true when idle.
  bool wait_until_idle(std::chrono::milliseconds limit);

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace fleetprov::mock
