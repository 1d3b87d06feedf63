#pragma once

#include <mock_broker/broker_actions.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace test {

/// The running broker as the control plane sees it, remembering what was asked.
class fake_broker : public fleetprov::mock::broker_actions {
 public:
  void publish(fleetprov::mock::outgoing_message message) override { published.push_back(std::move(message)); }
  bool disconnect(const std::string& client_id, bool clean_session, bool prevent_will_message) override {
    disconnected.push_back(client_id + (clean_session ? " clean" : "") + (prevent_will_message ? " no-will" : ""));
    return std::find(connected.begin(), connected.end(), client_id) != connected.end();
  }
  void drop_sessions_of_certificate(std::string certificate_id) override { dropped.push_back(std::move(certificate_id)); }
  std::vector<fleetprov::mock::retained_message> retained_messages() const override { return retained; }
  std::optional<fleetprov::mock::retained_message> find_retained(std::string_view topic) const override {
    for (const auto& one : retained)
      if (one.topic == topic) return one;
    return std::nullopt;
  }
  void reset() override {}

  std::vector<fleetprov::mock::outgoing_message> published;
  std::vector<fleetprov::mock::retained_message> retained;
  std::vector<std::string> connected, disconnected, dropped;
};

}  // namespace test
