// What the broker's thread does at each TICK, and what other threads ask it to do then.
#include <mock_broker/plugin_core.hpp>

#include <mock_broker/iot_logs.hpp>

#include <fleetprov/topics/topic_filter.hpp>

#include <algorithm>
#include <future>
#include <utility>

namespace fleetprov::mock {
namespace {

constexpr std::chrono::seconds broker_patience{5};

}  // namespace

void plugin_core::announce() {
  for (auto& [generation, changed] : std::exchange(changes_, {})) {
    const session* whose = book_.find(changed.whose.broker_client);
    if (whose == nullptr || whose->generation != generation) continue;
    using topics::client_event;
    for (const auto& [what, filters] : {std::pair(client_event::subscribed, &changed.subscribed),
                                        std::pair(client_event::unsubscribed, &changed.unsubscribed)}) {
      if (filters->empty()) continue;
      if (auto event = events_.subscriptions(*whose, what, *filters)) events_out_.push_back(std::move(*event));
    }
  }
  for (const outgoing_message& event : std::exchange(events_out_, {})) {
    host_.publish(event);
    if (shared_follows_) publish_shared(event);
  }
}

void plugin_core::publish_shared(const outgoing_message& event) {
  std::map<std::pair<std::string, std::string>, std::vector<session*>> groups;  // by share name and filter
  book_.for_each_live([&](session& whose) {
    confirm_inherited(whose, static_cast<const mosquitto*>(whose.broker_client));
    for (const auto& subscription : whose.subscriptions) {
      const auto share = topics::parse_share(subscription.first);
      if (!share.is_shared || !topics::matches(share.filter, event.topic)) continue;
      if (!gate_.allows(whose, policies::action::receive, event.topic)) continue;
      groups[{std::string(share.name), std::string(share.filter)}].push_back(&whose);
    }
  });
  for (const auto& group : groups) {
    session& next = *group.second[shared_turn_++ % group.second.size()];
    send_payload(next, event.topic, event.payload.data(), event.payload.size());
  }
}

template <class Work>
void plugin_core::try_to(Work&& work) {
  try {
    work();
  } catch (const std::exception& trouble) {
    log_.say("fleetprov mock: internal error: " + std::string(trouble.what()));
  }
}

void plugin_core::run_due() {
  if (later_.empty()) return;
  const auto now = std::chrono::steady_clock::now();
  const auto first_later = std::stable_partition(later_.begin(), later_.end(),
                                                 [now](const later& item) { return item.due <= now; });
  std::vector<later> due(std::make_move_iterator(later_.begin()), std::make_move_iterator(first_later));
  later_.erase(later_.begin(), first_later);
  for (const later& item : due) try_to(item.what);
}

void plugin_core::on_tick() {
  begin_event();
  book_.forget_ended();
  if (!attached_) {
    attached_ = true;
    wakeup_.attach();
  }
  std::vector<std::function<void()>> work;
  std::vector<completed_reply> replies;
  std::set<std::string> suspects;
  {
    const std::lock_guard<std::mutex> lock(guard_);
    work.swap(work_);
    replies.swap(replies_);
    suspects.swap(suspects_);
  }
  for (const std::function<void()>& item : work) try_to(item);
  try_to([&] { run_due(); });
  try_to([&] { drop_inactive(suspects); });
  for (completed_reply& reply : replies) try_to([&] { send_reply(reply); });
  announce();
}

// ---- from other threads -----------------------------------------------------------------------------

bool plugin_core::hasten_first_tick() noexcept {
  if (!wakeup_.try_attach()) return false;
  wakeup_.wake();
  return true;
}

bool plugin_core::wait_on_broker_thread(std::function<void()> work) {
  auto done = std::make_shared<std::promise<void>>();
  std::future<void> finished = done->get_future();
  {
    const std::lock_guard<std::mutex> lock(guard_);
    if (closed_) return false;
    // The only owner is the queue: what is never run releases the one who waits.
    work_.push_back([done = std::move(done), work = std::move(work)] {
      work();
      done->set_value();
    });
  }
  wakeup_.wake();
  if (finished.wait_for(broker_patience) != std::future_status::ready) return false;
  try {
    finished.get();
    return true;
  } catch (const std::exception&) {  // it failed, or was dropped because the broker ends
    return false;
  }
}

void plugin_core::shut_down() {
  std::vector<std::function<void()>> unwanted;
  const std::lock_guard<std::mutex> lock(guard_);
  closed_ = true;
  unwanted.swap(work_);
}

bool plugin_core::publish(outgoing_message message) {
  // Handed over before it is answered: who publishes a retained message and asks for it finds it.
  return wait_on_broker_thread([this, message = std::move(message)] {
    if (message.retain) {
      remember_retained(message);
      const std::lock_guard<std::mutex> lock(guard_);
      if (const auto at = retained_.find(message.topic); at != retained_.end()) {
        at->second.message.properties = message.properties;
        if (const auto life = message.properties.message_expiry_seconds)
          at->second.end = std::chrono::steady_clock::now() + std::chrono::seconds(*life);
      }
    }
    host_.publish(message);
  });
}

bool plugin_core::disconnect(const std::string& client_id, bool clean_session, bool prevent_will_message) {
  auto found = std::make_shared<bool>(false);
  const bool ran = wait_on_broker_thread([this, found, client_id, clean_session, prevent_will_message] {
    session* whose = book_.find_live(client_id);
    *found = whose != nullptr;
    log_.append(make_delete_connection_entry(world_.time().now(), world_.options().account, client_id, *found));
    if (whose == nullptr) return;
    // assumption: a stored session cannot be ended through the plugin API; its subscriptions stay until
    // the client connects with a clean start.
    static_cast<void>(clean_session);
    kick(*whose, "API_INITIATED_DISCONNECT", !prevent_will_message);
  });
  return ran && *found;
}

std::vector<retained_message> plugin_core::retained_messages() const {
  const std::lock_guard<std::mutex> lock(guard_);
  std::vector<retained_message> out;
  const auto now = std::chrono::steady_clock::now();
  for (const auto& [topic, kept] : retained_)
    if (!kept.is_over(now)) out.push_back(kept.message);
  return out;
}

std::optional<retained_message> plugin_core::find_retained(std::string_view topic) const {
  const std::lock_guard<std::mutex> lock(guard_);
  const auto at = retained_.find(topic);
  if (at == retained_.end() || at->second.is_over(std::chrono::steady_clock::now())) return std::nullopt;
  return at->second.message;
}

bool plugin_core::reset() {
  return wait_on_broker_thread([this] {
    std::map<std::string, kept_message, std::less<>> gone;
    {
      const std::lock_guard<std::mutex> lock(guard_);
      gone.swap(retained_);
      replies_.clear();
      suspects_.clear();
    }
    for (const auto& kept : gone) {
      outgoing_message empty;
      empty.topic = kept.first;
      empty.retain = true;
      host_.publish(empty);
    }
    reply_faults_.clear();
    later_.clear();
    book_.for_each_live([](session& whose) { whose.outstanding = 0; });
    connects_ = {};
    drop_all_inactive();
    forget_ended_sessions();
    book_.restart_version_numbers();
  });
}

}  // namespace fleetprov::mock
