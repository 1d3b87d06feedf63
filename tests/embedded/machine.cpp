// The state machine as firmware drives it: every input, every action.
#include <fleetprov/provisioning/machine.hpp>

#include <map>
#include <optional>
#include <string>
#include <utility>

using namespace fleetprov;
using provisioning::instant;
using provisioning::machine;

bool fleetprov_start(machine& m, instant now, std::map<std::string, std::string> parameters) {
  return m.start(now, payloads::create_keys_and_certificate_request{}, std::move(parameters)).has_value();
}
std::optional<provisioning::action> fleetprov_next(machine& m) { return m.poll_action(); }
std::optional<instant> fleetprov_deadline(const machine& m) { return m.poll_timeout(); }
void fleetprov_timeout(machine& m, instant now) { m.handle_timeout(now); }
bool fleetprov_connected(machine& m, instant now) { return m.handle_connected(now).has_value(); }
bool fleetprov_disconnected(machine& m, instant now) { return m.handle_disconnected(now).has_value(); }
bool fleetprov_subscribed(machine& m, instant now, topics::api call) { return m.handle_subscribed(now, call).has_value(); }
bool fleetprov_certificate(machine& m, instant now, payloads::certificate_response reply) {
  return m.handle_certificate(now, std::move(reply)).has_value();
}
bool fleetprov_registered(machine& m, instant now, payloads::register_thing_response reply) {
  return m.handle_registered(now, std::move(reply)).has_value();
}
bool fleetprov_rejected(machine& m, instant now, topics::api call, payloads::error_response reply) {
  return m.handle_rejected(now, call, std::move(reply)).has_value();
}
bool fleetprov_stored(machine& m, instant now) { return m.handle_stored(now).has_value(); }
