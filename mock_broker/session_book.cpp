#include <mock_broker/session_book.hpp>

#include <mock_broker/policy_gate.hpp>
#include <mock_broker/random.hpp>

#include <fleetprov/topics/topic_filter.hpp>

#include <algorithm>
#include <utility>

namespace fleetprov::mock {
namespace {

constexpr std::size_t max_remembered_ids = 100'000;

template <class Map>
void erase_if_same(Map& index, const session& held) noexcept {
  const auto at = index.find(held.client_id);
  if (at != index.end() && at->second == &held) index.erase(at);
}

}  // namespace

session::session() = default;
session::~session() = default;
session_book::session_book() = default;
session_book::~session_book() = default;

session& session_book::open(const void* broker_client, std::string client_id, std::string certificate_id,
                            bool clean_start) {
  auto fresh = std::make_unique<session>();
  fresh->generation = next_generation_++;
  fresh->broker_client = broker_client;
  fresh->client_id = std::move(client_id);
  fresh->certificate_id = std::move(certificate_id);
  fresh->clean_start = clean_start;
  fresh->session_identifier = random_hex<16>();
  // AWS starts again from 0 after about an hour offline; here when there are too many to remember.
  if (version_numbers_.size() >= max_remembered_ids) version_numbers_.clear();
  fresh->version_number = version_numbers_[fresh->client_id]++;

  const session* older = nullptr;
  if (const auto at = live_.find(fresh->client_id); at != live_.end()) older = at->second;
  else if (const auto stored = stored_.find(fresh->client_id); stored != stored_.end()) older = stored->second;
  if (older != nullptr && !clean_start) {
    fresh->subscriptions = older->subscriptions;
    fresh->inherited = !fresh->subscriptions.empty();
    fresh->follows_void = older->is_void;
  }
  stored_.erase(fresh->client_id);  // resumed or discarded, the broker has it no longer

  forget(broker_client);
  session& opened = *(by_pointer_[broker_client] = std::move(fresh));
  live_[opened.client_id] = &opened;
  by_certificate_.insert({opened.certificate_id, &opened});
  return opened;
}

session* session_book::find(const void* broker_client) noexcept {
  const auto at = by_pointer_.find(broker_client);
  return at == by_pointer_.end() ? nullptr : at->second.get();
}

session* session_book::find_live(session_key key) noexcept {
  session* found = find(key.broker_client);
  return found != nullptr && found->live && found->generation == key.generation ? found : nullptr;
}

session* session_book::find_live(std::string_view client_id) noexcept {
  const auto at = live_.find(std::string(client_id));
  return at == live_.end() ? nullptr : at->second;
}

void session_book::close(session& ended) {
  ended.live = false;
  erase_if_same(live_, ended);
  if (ended.clean_start && ended.version == mqtt_version::v3_1_1)
    ended_.push_back({ended.broker_client, ended.generation});
  // In MQTT 5 the Session Expiry Interval decides, which a plugin is not shown and DISCONNECT may change, not Clean Start:
  // any may be kept.
  else if (live_.find(ended.client_id) == live_.end()) stored_[ended.client_id] = &ended;
}

void session_book::forget_ended() noexcept {
  for (const session_key& key : ended_) {
    const auto at = by_pointer_.find(key.broker_client);
    if (at != by_pointer_.end() && at->second->generation == key.generation) forget(key.broker_client);
  }
  ended_.clear();
}

std::vector<session*> session_book::make_ended_void() {
  for (auto& [pointer, held] : by_pointer_) {
    if (held->live) continue;
    held->is_void = true;
    held->subscriptions.clear();
  }
  std::vector<session*> out;
  out.reserve(stored_.size());
  for (const auto& [id, held] : stored_) out.push_back(held);
  return out;
}

void session_book::restart_version_numbers() {
  std::unordered_map<std::string, std::uint64_t> kept;
  for (const auto& [id, held] : live_) kept.emplace(id, held->version_number + 1);
  version_numbers_.swap(kept);
  by_pointer_.rehash(0);
  live_.rehash(0);
  stored_.rehash(0);
}

void session_book::forget(const void* broker_client) noexcept {
  const auto at = by_pointer_.find(broker_client);
  if (at == by_pointer_.end()) return;
  erase_if_same(live_, *at->second);
  erase_if_same(stored_, *at->second);
  by_certificate_.erase({at->second->certificate_id, at->second.get()});
  by_pointer_.erase(at);
}

std::optional<std::uint8_t> session_book::granted_qos(const session& whose, std::string_view topic) noexcept {
  std::optional<std::uint8_t> best;
  for (const auto& [filter, qos] : whose.subscriptions)
    if (topics::matches(topics::parse_share(filter).filter, topic)) best = std::max(best.value_or(0), qos);
  return best;
}

}  // namespace fleetprov::mock
