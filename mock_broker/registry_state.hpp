#pragma once
// The registry's inside, shared by its registry_*.cpp files only.

#include <mock_broker/name_rules.hpp>
#include <mock_broker/registry.hpp>
#include <mock_broker/tables.hpp>

#include <fleetprov/topics/arn.hpp>
#include <fleetprov/topics/limits.hpp>

#include <algorithm>
#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <string>
#include <unordered_map>

namespace fleetprov::mock {

/// When the rights of each certificate last changed, as a generation of the registry. Bounded: when there are too many
/// to remember, all of them count as changed just now.
class change_marks {
 public:
  void set(const std::set<std::string>& certificate_ids, std::uint64_t generation) {
    const std::lock_guard<std::mutex> alone(guard_);
    if (at_.size() + certificate_ids.size() > max_remembered) {
      at_.clear();
      floor_ = generation;
    }
    for (const std::string& id : certificate_ids) at_[id] = generation;
  }
  /// All of them count as changed just now.
  void clear(std::uint64_t generation) {
    const std::lock_guard<std::mutex> alone(guard_);
    at_ = {};
    floor_ = generation;
  }
  std::uint64_t last(const std::string& certificate_id) const {
    const std::lock_guard<std::mutex> alone(guard_);
    const auto found = at_.find(certificate_id);
    return found == at_.end() ? floor_ : found->second;
  }

 private:
  static constexpr std::size_t max_remembered = 20'000;
  mutable std::mutex guard_;
  std::unordered_map<std::string, std::uint64_t> at_;
  std::uint64_t floor_ = 0;
};

/// What became of certificates that are gone, for who asks why theirs is refused. The last ones of this run.
class endings {
 public:
  void add(const std::string& certificate_id, std::string sentence) {
    const std::lock_guard<std::mutex> alone(guard_);
    if (!sentences_.insert_or_assign(certificate_id, std::move(sentence)).second) return;
    order_.push_back(certificate_id);
    if (order_.size() <= max_remembered) return;
    sentences_.erase(order_.front());
    order_.pop_front();
  }
  std::optional<std::string> find(std::string_view certificate_id) const {
    const std::lock_guard<std::mutex> alone(guard_);
    const auto found = sentences_.find(std::string(certificate_id));
    if (found == sentences_.end()) return std::nullopt;
    return found->second;
  }

 private:
  static constexpr std::size_t max_remembered = 4096;
  mutable std::mutex guard_;
  std::unordered_map<std::string, std::string> sentences_;
  std::deque<std::string> order_;
};

inline std::string end_of_claim(const claim_record& claim) {
  return "the temporary claim of template `" + claim.template_name + "` has expired (" +
         std::to_string(topics::limits::claim_lifetime_seconds / 60) + " minutes after CreateProvisioningClaim)";
}

struct registry::state {
  state(registry_options options, const clock& time);

  registry_options how;
  const clock* time;
  database store;
  // Lock order: writing, then memory. `account` is changed only with both held, so a writer may read it
  // with `writing` alone and a reader with `memory` shared.
  std::mutex writing;
  mutable std::shared_mutex memory;
  world account;
  std::optional<world> snapshot;
  // With `writing` held.
  std::map<std::string, hook_reference, std::less<>> awaited, awaited_in_snapshot;
  std::atomic<std::uint64_t> generation{1};
  change_marks rights;
  mock::endings endings;
  std::vector<std::function<void(const change_notice&)>> listeners;

  /// Runs `change(draft&)` and commits what it staged. Refusals leave everything as it was.
  template <class Change>
  auto write(Change&& change) {
    const std::lock_guard<std::mutex> alone(writing);
    draft staged(account);
    if constexpr (std::is_void_v<std::invoke_result_t<Change, draft&>>) {
      change(staged);
      commit(staged);
    } else {
      auto out = change(staged);
      commit(staged);
      return out;
    }
  }
  /// Runs `read(const world&)` under the shared lock.
  template <class Read>
  auto read(Read&& look) const {
    const std::shared_lock<std::shared_mutex> shared(memory);
    return look(account);
  }

  void commit(const draft& staged);
  instant now() const { return time->now(); }
  std::string arn(std::string_view type, std::string_view name) const {
    return topics::make_arn(how.region, how.account, type, name);
  }
};

/// What an ARN of this account names, as the relations' keys write it: "cert/<id>", "thinggroup/<n>".
/// Foreign principals (Cognito ids) stay as they are. Throws aws_error for an ARN of another account.
std::string principal_key(const registry_options& how, std::string_view principal);
/// The other way.
std::string principal_text(const registry_options& how, std::string_view key);
inline std::string certificate_key(std::string_view id) { return "cert/" + std::string(id); }
inline std::string group_key(std::string_view name) { return "thinggroup/" + std::string(name); }
/// The part of `key` after "cert/" or "thinggroup/"; empty for another kind.
std::string_view certificate_of_key(std::string_view key) noexcept;
std::string_view group_of_key(std::string_view key) noexcept;

/// The name in `name_or_arn`: itself, or the name of an ARN of `type` in this account.
std::string name_from(const registry_options& how, std::string_view type, std::string_view name_or_arn);

/// Throws aws_error where a key names a certificate or thing group that is not there.
void check_target(const draft& in, std::string_view key);

void check_attributes(const text_map& attributes, bool has_thing_type);
/// API "UpdateThing": "To remove an attribute, call UpdateThing with an empty attribute value".
void merge_attributes(text_map& into, const text_map& given);

/// Notes whose registered CA signed `made`: the one in `ca_pem`, or the only one that fits where that is empty. Throws
/// aws_error as RegisterCertificate does.
void place_below_ca(certificate_record& made, std::string_view ca_pem, const world& in);

/// The groups of a thing and all their ancestors, each once.
std::set<std::string> groups_with_ancestors(const world& in, std::string_view thing);

/// A page of `all`, whose first members are unique sort keys.
template <class T>
page<T> cut_page(std::vector<std::pair<std::string, T>> all, const page_request& which);
std::string encode_page_token(std::string_view key);
std::string decode_page_token(std::string_view token);
/// Sorts by creation time, then by name.
std::string creation_key(instant created, std::string_view name);

template <class T>
page<T> cut_page(std::vector<std::pair<std::string, T>> all, const page_request& which) {
  check_page_limit("maxResults", static_cast<std::int64_t>(which.limit));
  const auto before = [&](const auto& a, const auto& b) {
    return which.ascending ? a.first < b.first : b.first < a.first;
  };
  std::sort(all.begin(), all.end(), before);
  auto at = all.begin();
  if (!which.from.empty()) {
    const std::string last = decode_page_token(which.from);
    at = std::find_if(all.begin(), all.end(),
                      [&](const auto& one) { return which.ascending ? last < one.first : one.first < last; });
  }
  page<T> out;
  for (; at != all.end() && out.items.size() < which.limit; ++at) out.items.push_back(std::move(at->second));
  if (at != all.end()) out.next = encode_page_token((at - 1)->first);
  return out;
}

}  // namespace fleetprov::mock
