#pragma once

#include <mock_broker/broker_actions.hpp>

#include <algorithm>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace test {

/// The running broker as the control plane sees it, remembering what was asked.
class fake_broker : public fleetprov::mock::broker_actions {
 public:
  bool publish(fleetprov::mock::outgoing_message message) override {
    if (is_stuck) return false;
    const std::lock_guard<std::mutex> alone(guard_);
    published_.push_back(std::move(message));
    return true;
  }
  /// What was published since the last time.
  std::vector<fleetprov::mock::outgoing_message> take_published() {
    const std::lock_guard<std::mutex> alone(guard_);
    return std::exchange(published_, {});
  }
  bool disconnect(const std::string& client_id, bool clean_session, bool prevent_will_message) override {
    disconnected.push_back(client_id + (clean_session ? " clean" : "") + (prevent_will_message ? " no-will" : ""));
    return std::find(connected.begin(), connected.end(), client_id) != connected.end();
  }
  std::vector<fleetprov::mock::retained_message> retained_messages() const override { return retained; }
  std::optional<fleetprov::mock::retained_message> find_retained(std::string_view topic) const override {
    for (const auto& one : retained)
      if (one.topic == topic) return one;
    return std::nullopt;
  }
  bool reset() override { return !is_stuck; }

  std::vector<fleetprov::mock::retained_message> retained;
  std::vector<std::string> connected, disconnected;
  bool is_stuck = false;

 private:
  std::mutex guard_;
  std::vector<fleetprov::mock::outgoing_message> published_;
};

}  // namespace test
