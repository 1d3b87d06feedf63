// The C ABI between Mosquitto and the mock: reads events, calls plugin_core, turns its answers into
// Mosquitto's numbers. Nothing thrown leaves this file.

#include <mock_broker/certificate_authority.hpp>
#include <mock_broker/control_plane.hpp>
#include <mock_broker/http_server.hpp>
#include <mock_broker/maintenance.hpp>
#include <mock_broker/mock_api.hpp>
#include <mock_broker/mock_settings.hpp>
#include <mock_broker/plugin_core.hpp>

#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace fleetprov::mock {
namespace {

bool has(const std::vector<std::string>& names, const char* name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

service_settings settings_of_service(const mock_settings& from) {
  service_settings out;
  out.key_pool = from.directory / "pool";
  out.strict.quotas = has(from.strict, "quotas");
  out.strict.token_connection = has(from.strict, "token-connection");
  out.strict.token_once = has(from.strict, "token-once");
  out.strict.drop_throttled = has(from.strict, "drop-throttled");
  out.lambdas = from.lambdas;
  out.hooks = from.hooks;
  return out;
}

registry_options options_of_registry(const mock_settings& from) {
  registry_options out;
  out.database = from.directory / "state.db";
  out.region = from.region;
  out.account = from.account;
  return out;
}

broker_strictness strictness_of(const mock_settings& from) {
  broker_strictness out;
  out.quotas = has(from.strict, "quotas");
  out.require_subscription = has(from.strict, "require-subscription");
  out.suback_failure = has(from.strict, "suback-failure");
  return out;
}

authority_options options_of_authority(const mock_settings& from) {
  authority_options out;
  out.directory = from.directory;
  out.host_names = from.host_names;
  return out;
}

/// Everything that lives as long as the broker, in the order of construction.
struct running_mock {
  mock_settings settings;
  clock time;
  event_log log;
  denial_ring denials;
  fault_list faults;
  std::future<certificate_authority> opening;  // of the authority, meanwhile
  registry world;
  certificate_authority authority;
  plugin_core core;
  fleet_service service;
  control_plane control;
  mock_api mock;
  http_server http;
  maintenance upkeep;
  bool told_ready = false;

  explicit running_mock(mock_settings how)
      : settings(std::move(how)),
        log((settings.directory / "iot-logs.jsonl").string()),
        opening(std::async(std::launch::async,
                           [&how = settings] { return certificate_authority(options_of_authority(how)); })),
        world(options_of_registry(settings), time),
        authority(opening.get()),
        core(world, log, denials, faults, strictness_of(settings)),
        service(world, authority, settings_of_service(settings), callbacks()),
        control({world, service, settings.mqtt_host, core}),
        mock({world, service, time, faults, log, denials, core}),
        http({settings.http_bind, settings.http_port, settings.host_names}, control, mock),
        upkeep(world, log) {
    core.serve(service);
  }

  service_callbacks callbacks() {
    service_callbacks out;
    out.on_reply = [this](completed_reply reply) { core.deliver(std::move(reply)); };
    out.on_log = [this](const service_log_entry& entry) { core.log_service(entry); };
    out.on_note = [this](note_level, std::string_view words) { log.say("fleetprov mock: " + std::string(words)); };
    return out;
  }

  void tell_launcher(const std::string& words) noexcept {
    if (settings.ready_descriptor < 0) return;
    [[maybe_unused]] const ssize_t put = ::write(settings.ready_descriptor, words.data(), words.size());
    ::close(settings.ready_descriptor);
    settings.ready_descriptor = -1;
  }

  /// False when something still runs: then this object must not be destroyed.
  bool stop() noexcept {
    core.shut_down();
    upkeep.stop();
    return http.stop();
  }
};

int number_of(broker_answer answer) noexcept {
  switch (answer) {
    case broker_answer::accept:
      return MOSQ_ERR_SUCCESS;
    case broker_answer::deny:
      return MOSQ_ERR_ACL_DENIED;
    case broker_answer::close:
      return MOSQ_ERR_AUTH;
    case broker_answer::refuse_connect:
      return MOSQ_ERR_AUTH;
    case broker_answer::refuse_silently:
      return MOSQ_ERR_CONN_REFUSED;
  }
  return MOSQ_ERR_ACL_DENIED;
}

/// Runs one callback; an exception becomes `on_failure`.
template <class Work>
int guarded(void* self, int on_failure, Work&& work) noexcept {
  auto& mock = *static_cast<running_mock*>(self);
  try {
    return work(mock);
  } catch (const std::exception& trouble) {
    mosquitto_log_printf(MOSQ_LOG_ERR, "fleetprov: %s", trouble.what());
  } catch (...) {
    mosquitto_log_printf(MOSQ_LOG_ERR, "fleetprov: unknown failure");
  }
  return on_failure;
}

int on_basic_auth(int, void* event_data, void* self) noexcept {
  return guarded(self, MOSQ_ERR_UNKNOWN, [&](running_mock& mock) {
    return number_of(mock.core.on_connect(static_cast<mosquitto_evt_basic_auth*>(event_data)->client));
  });
}

int on_acl_check(int, void* event_data, void* self) noexcept {
  return guarded(self, MOSQ_ERR_ACL_DENIED, [&](running_mock& mock) {
    const auto& event = *static_cast<const mosquitto_evt_acl_check*>(event_data);
    incoming_publish message;
    message.client = event.client;
    message.topic = event.topic;
    message.payload = static_cast<const std::uint8_t*>(event.payload);
    message.size = event.payloadlen;
    message.qos = event.qos;
    message.retain = event.retain;
    switch (event.access) {
      case MOSQ_ACL_WRITE:
        return number_of(mock.core.on_write(message));
      case MOSQ_ACL_READ:
        return number_of(mock.core.on_read(message));
      case MOSQ_ACL_SUBSCRIBE:
        return number_of(mock.core.on_subscribe(event.client, event.topic, event.qos));
      case MOSQ_ACL_UNSUBSCRIBE:
        return number_of(mock.core.on_unsubscribe(event.client, event.topic));
      default:
        return static_cast<int>(MOSQ_ERR_ACL_DENIED);
    }
  });
}

int on_message(int, void* event_data, void* self) noexcept {
  return guarded(self, MOSQ_ERR_ACL_DENIED, [&](running_mock& mock) {
    auto& event = *static_cast<mosquitto_evt_message*>(event_data);
    incoming_publish message;
    message.client = event.client;
    message.topic = event.topic;
    message.payload = static_cast<const std::uint8_t*>(event.payload);
    message.size = event.payloadlen;
    message.qos = event.qos;
    message.retain = event.retain;
    message.properties = event.properties;
    const int rc = number_of(mock.core.on_message(message));
    event.retain = message.retain;
    return rc;
  });
}

int on_disconnect(int, void* event_data, void* self) noexcept {
  return guarded(self, MOSQ_ERR_SUCCESS, [&](running_mock& mock) {
    mock.core.on_disconnect(static_cast<mosquitto_evt_disconnect*>(event_data)->client);
    return static_cast<int>(MOSQ_ERR_SUCCESS);
  });
}

int on_tick(int, void*, void* self) noexcept {
  return guarded(self, MOSQ_ERR_SUCCESS, [&](running_mock& mock) {
    mock.core.on_tick();
    if (!mock.told_ready) {
      mock.told_ready = true;
      mock.tell_launcher("ready " + std::to_string(mock.http.port()) + "\n");
    }
    return static_cast<int>(MOSQ_ERR_SUCCESS);
  });
}

std::string option_of(const mosquitto_opt* options, int count, const char* key) {
  for (int i = 0; i < count; ++i)
    if (std::strcmp(options[i].key, key) == 0) return options[i].value;
  return {};
}

/// The launcher starts the broker first and prepares the folder while it loads: returns when that is done. Throws when
/// the launcher gave up.
void wait_for_launcher(int descriptor) {
  if (descriptor < 0) return;  // a broker that was started by hand, on a folder that is ready
  char word = 0;
  ssize_t got = 0;
  do got = ::read(descriptor, &word, 1);
  while (got < 0 && errno == EINTR);
  if (got != 1) throw std::runtime_error("the launcher has ended");
}

int start(mosquitto_plugin_id_t* id, void** self, const mosquitto_opt* options, int count) {
  mock_settings settings = read_settings(option_of(options, count, "settings"));
  const int ready = settings.ready_descriptor;
  try {
    wait_for_launcher(ready);
    auto mock = std::make_unique<running_mock>(std::move(settings));
    for (const std::string& spec : mock->settings.faults) mock->faults.add(parse_fault_option(spec));
    mock->faults.remember();
    mock->http.start();
    for (const auto& [event, callback] :
         {std::pair<int, MOSQ_FUNC_generic_callback>(MOSQ_EVT_BASIC_AUTH, on_basic_auth),
          std::pair<int, MOSQ_FUNC_generic_callback>(MOSQ_EVT_ACL_CHECK, on_acl_check),
          std::pair<int, MOSQ_FUNC_generic_callback>(MOSQ_EVT_MESSAGE, on_message),
          std::pair<int, MOSQ_FUNC_generic_callback>(MOSQ_EVT_DISCONNECT, on_disconnect),
          std::pair<int, MOSQ_FUNC_generic_callback>(MOSQ_EVT_TICK, on_tick)})
      if (const int rc = mosquitto_callback_register(id, event, callback, nullptr, mock.get()); rc != MOSQ_ERR_SUCCESS)
        return rc;
    *self = mock.release();
    return MOSQ_ERR_SUCCESS;
  } catch (const std::exception& trouble) {
    const std::string words = std::string("failed ") + trouble.what() + "\n";
    [[maybe_unused]] const ssize_t put = ready < 0 ? 0 : ::write(ready, words.data(), words.size());
    mosquitto_log_printf(MOSQ_LOG_ERR, "fleetprov: %s", trouble.what());
    return MOSQ_ERR_UNKNOWN;
  }
}

}  // namespace
}  // namespace fleetprov::mock

extern "C" {

__attribute__((visibility("default"))) int mosquitto_plugin_version(int count, const int* versions) {
  for (int i = 0; i < count; ++i)
    if (versions[i] == 5) return 5;
  return -1;
}

__attribute__((visibility("default"))) int mosquitto_plugin_init(mosquitto_plugin_id_t* id, void** user_data,
                                                                 mosquitto_opt* options, int count) {
  // Beyond RLIMIT_FSIZE a write shall fail as on a full disk, where it is answered with 500, not end the broker.
  ::signal(SIGXFSZ, SIG_IGN);
  const char* allocator = std::getenv("GLIBC_TUNABLES");  // was for this process, not for the hooks' children
  if (allocator != nullptr && std::strcmp(allocator, fleetprov::mock::broker_allocator) == 0)
    ::unsetenv("GLIBC_TUNABLES");
  try {
    return fleetprov::mock::start(id, user_data, options, count);
  } catch (const std::exception& trouble) {
    mosquitto_log_printf(MOSQ_LOG_ERR, "fleetprov: %s", trouble.what());
  } catch (...) {
    mosquitto_log_printf(MOSQ_LOG_ERR, "fleetprov: unknown failure");
  }
  return MOSQ_ERR_UNKNOWN;
}

__attribute__((visibility("default"))) int mosquitto_plugin_cleanup(void* user_data, mosquitto_opt*, int) {
  auto* mock = static_cast<fleetprov::mock::running_mock*>(user_data);
  if (mock != nullptr && mock->stop()) delete mock;
  return MOSQ_ERR_SUCCESS;
}
}
