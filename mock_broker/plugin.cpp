// The C ABI between Mosquitto and the mock: reads events, calls plugin_core, turns its answers into
// Mosquitto's numbers. Nothing thrown leaves this file.

#include <mock_broker/certificate_authority.hpp>
#include <mock_broker/control_plane.hpp>
#include <mock_broker/http_server.hpp>
#include <mock_broker/mock_files.hpp>
#include <mock_broker/mock_api.hpp>
#include <mock_broker/mock_settings.hpp>
#include <mock_broker/plugin_core.hpp>
#include <mock_broker/seed.hpp>
#include <mock_broker/worker_pool.hpp>

#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace fleetprov::mock {
namespace {

bool has(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

service_settings settings_of_service(const mock_settings& from) {
  service_settings out;
  out.key_pool = mock_files_in(from.directory).pool;
  out.key_pool_size = from.key_pool;
  out.strict.quotas = has(from.strict, strict::quotas);
  out.strict.token_connection = has(from.strict, strict::token_connection);
  out.strict.token_once = has(from.strict, strict::token_once);
  out.strict.drop_throttled = has(from.strict, strict::drop_throttled);
  out.lambdas = from.lambdas;
  return out;
}

registry_options options_of_registry(const mock_settings& from) {
  registry_options out;
  out.database = mock_files_in(from.directory).state;
  out.region = from.region;
  out.account = from.account;
  return out;
}

broker_strictness strictness_of(const mock_settings& from) {
  broker_strictness out;
  out.quotas = has(from.strict, strict::quotas);
  out.require_subscription = has(from.strict, strict::require_subscription);
  out.suback_failure = has(from.strict, strict::suback_failure);
  return out;
}

authority_options options_of_authority(const mock_settings& from) {
  authority_options out;
  out.directory = from.directory;
  out.host_names = from.host_names;
  return out;
}

/// Everything behind the broker's events, in the order of construction.
struct running_mock {
  const mock_settings& settings;
  clock time;
  event_log log;
  denial_ring denials;
  fault_list faults;
  registry world;
  seed_report seeded;
  plugin_core core;
  fleet_service service;
  control_plane control;
  mock_api mock;
  http_server http;

  running_mock(const mock_settings& how, const certificate_authority& authority)
      : settings(how),
        log(mock_files_in(settings.directory).log.string()),
        world(options_of_registry(settings), time),
        seeded(seed_default_world(world, authority, settings.directory, settings.world)),
        core(world, log, denials, faults, strictness_of(settings)),
        service(world, authority, settings_of_service(settings), callbacks()),
        control({world, service, settings.mqtt_host, core,
                 [this](const std::string& words) { log.say("fleetprov mock: internal failure: " + words); }}),
        mock({world, service, time, faults, log, denials, core}),
        http({settings.http_bind, settings.http_port, settings.host_names}, control, mock) {
    for (const std::string& words : seeded.warnings) log.say("fleetprov mock: warning: " + words);
    core.serve(service);
    for (const std::string& spec : settings.faults) faults.add(parse_fault_option(spec));
    faults.remember();
    http.start();
    authority.open();
  }

  service_callbacks callbacks() {
    service_callbacks out;
    out.on_reply = [this](completed_reply reply) { core.deliver(std::move(reply)); };
    out.on_log = [this](const service_log_entry& entry) { core.log_service(entry); };
    out.on_note = [this](note_level, std::string_view words) { log.say("fleetprov mock: " + std::string(words)); };
    return out;
  }

  /// False when something still runs: then this object must not be destroyed.
  bool stop() noexcept {
    core.shut_down();
    return http.stop();
  }
};

/// A broker that was started by hand has no launcher (-1).
void tell_launcher(int descriptor, const start_report& report) noexcept {
  if (descriptor < 0 && !report.is_ready) std::fprintf(stderr, "fleetprov: %s\n", report.words.c_str());
  if (descriptor < 0) return;
  const std::string line = to_json(report) + "\n";
  [[maybe_unused]] const ssize_t put = ::write(descriptor, line.data(), line.size());
  ::close(descriptor);
}

/// The report of what `work` throws.
template <class Work>
std::optional<start_report> failure_of(Work&& work) {
  start_report out;
  try {
    work();
    return std::nullopt;
  } catch (const aws_error& refused) {
    out.refusal = refused.code();
    out.words = refused.message();
  } catch (const std::exception& trouble) {
    out.words = trouble.what();
  }
  return out;
}

/// What lives as long as the broker. Only the authority must be there before the broker listens; everything else opens on
/// a thread of its own meanwhile, and the first event waits for it.
class plugin_instance {
 public:
  explicit plugin_instance(mock_settings how)
      : settings_(std::move(how)), authority_(options_of_authority(settings_)), opened_(opening_.get_future()) {
    const signal_block quiet;
    opener_ = std::thread([this] { open(); });
  }
  /// Returns when nothing is being opened any more.
  void settle() noexcept {
    finished_.store(true);
    if (opener_.joinable()) opener_.join();
  }
  /// False when something still runs: then this object must not be destroyed.
  bool stop() noexcept {
    settle();
    const running_mock* opened = wait();
    return opened == nullptr || mock_->stop();
  }
  plugin_instance(const plugin_instance&) = delete;
  plugin_instance& operator=(const plugin_instance&) = delete;

  /// Null where it could not be opened: the launcher was told why and is about to end the broker.
  running_mock* wait() {
    if (opened_.valid()) mock_ = opened_.get();
    return mock_.get();
  }
  bool is_open() const {
    return !opened_.valid() || opened_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }

  void tell_ready() {
    if (std::exchange(told_, true) || !mock_) return;
    finished_.store(true);
    start_report report;
    report.is_ready = true;
    report.http_port = mock_->http.port();
    report.world = mock_->seeded;
    tell_launcher(settings_.ready_descriptor, report);
  }

 private:
  void open() noexcept {
    std::unique_ptr<running_mock> made;
    const auto failure = failure_of([&] { made = std::make_unique<running_mock>(settings_, authority_); });
    if (failure) tell_launcher(settings_.ready_descriptor, *failure);
    plugin_core* core = made ? &made->core : nullptr;
    opening_.set_value(std::move(made));
    // Otherwise the launcher would hear of it when the broker's loop turns by itself, after 100 ms.
    while (core != nullptr && !finished_.load() && !core->hasten_first_tick())
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  mock_settings settings_;
  certificate_authority authority_;
  std::promise<std::unique_ptr<running_mock>> opening_;
  std::future<std::unique_ptr<running_mock>> opened_;
  std::unique_ptr<running_mock> mock_;  // broker's thread
  bool told_ = false;                   // broker's thread
  std::atomic<bool> finished_{false};
  std::thread opener_;
};

int number_of(broker_answer answer) noexcept {
  switch (answer) {
    case broker_answer::accept:
      return MOSQ_ERR_SUCCESS;
    case broker_answer::deny:
      return MOSQ_ERR_ACL_DENIED;
    case broker_answer::close:
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
  try {
    running_mock* mock = static_cast<plugin_instance*>(self)->wait();
    return mock != nullptr ? work(*mock) : on_failure;
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
  auto& instance = *static_cast<plugin_instance*>(self);
  if (!instance.is_open()) return MOSQ_ERR_SUCCESS;
  return guarded(self, MOSQ_ERR_SUCCESS, [&](running_mock& mock) {
    mock.core.on_tick();
    instance.tell_ready();
    return static_cast<int>(MOSQ_ERR_SUCCESS);
  });
}

constexpr std::pair<int, MOSQ_FUNC_generic_callback> callbacks_of_events[] = {{MOSQ_EVT_BASIC_AUTH, on_basic_auth},
                                                                              {MOSQ_EVT_ACL_CHECK, on_acl_check},
                                                                              {MOSQ_EVT_MESSAGE, on_message},
                                                                              {MOSQ_EVT_DISCONNECT, on_disconnect},
                                                                              {MOSQ_EVT_TICK, on_tick}};
mosquitto_plugin_id_t* registered_as = nullptr;

/// The broker does not free what it remembers of them by itself.
void unregister_callbacks() {
  for (const auto& [event, callback] : callbacks_of_events)
    if (registered_as != nullptr) mosquitto_callback_unregister(registered_as, event, callback, nullptr);
  registered_as = nullptr;
}

/// A broker that cannot listen leaves by exit() while its plugin still opens: OpenSSL and SQLite must not be taken down
/// under that thread.
plugin_instance* to_settle_at_exit = nullptr;
void settle_at_exit() {
  if (to_settle_at_exit != nullptr) to_settle_at_exit->settle();
}

std::string option_of(const mosquitto_opt* options, int count, const char* key) {
  for (int i = 0; i < count; ++i)
    if (std::strcmp(options[i].key, key) == 0) return options[i].value;
  return {};
}

/// What the launcher set for this process is not for the hooks' children.
void unset_if(const char* name, const std::string& value) {
  const char* found = std::getenv(name);
  if (found != nullptr && value == found) ::unsetenv(name);
}

int start(mosquitto_plugin_id_t* id, void** self, const mosquitto_opt* options, int count) {
  mock_settings settings = read_settings(option_of(options, count, "settings"));
  unset_if("GLIBC_TUNABLES", broker_allocator);
  unset_if("LD_PRELOAD", broker_preload);
  unset_if("OPENSSL_CONF", mock_files_in(settings.directory).broker_tls.string());
  const int launcher = settings.ready_descriptor;
  std::unique_ptr<plugin_instance> instance;
  if (const auto failure = failure_of([&] { instance = std::make_unique<plugin_instance>(std::move(settings)); })) {
    tell_launcher(launcher, *failure);
    return MOSQ_ERR_UNKNOWN;
  }
  for (const auto& [event, callback] : callbacks_of_events)
    if (const int rc = mosquitto_callback_register(id, event, callback, nullptr, instance.get()); rc != MOSQ_ERR_SUCCESS) {
      if (!instance->stop()) static_cast<void>(instance.release());
      return rc;
    }
  registered_as = id;
  to_settle_at_exit = instance.get();
  static const int registered = std::atexit(settle_at_exit);
  static_cast<void>(registered);
  *self = instance.release();
  return MOSQ_ERR_SUCCESS;
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
  auto* instance = static_cast<fleetprov::mock::plugin_instance*>(user_data);
  fleetprov::mock::to_settle_at_exit = nullptr;
  fleetprov::mock::unregister_callbacks();
  if (instance != nullptr && instance->stop()) delete instance;
  return MOSQ_ERR_SUCCESS;
}
}
