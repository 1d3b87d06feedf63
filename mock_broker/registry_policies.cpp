#include <mock_broker/documents.hpp>
#include <mock_broker/random.hpp>
#include <mock_broker/registry_state.hpp>

namespace fleetprov::mock {
namespace {

std::shared_ptr<const policy_record> must_find(const draft& in, std::string_view name) {
  auto found = in.find<policy_record>(name);
  if (!found) throw aws_error::not_found("Policy not found (name=" + std::string(name) + ")");
  return found;
}

}  // namespace

snapshot_of<policy_record> registry::create_policy(std::string_view name, std::string_view document, text_map tags) {
  check_policy_name("policyName", name);
  auto parsed = read_policy(document);
  return state_->write([&](draft& staged) {
    if (staged.find<policy_record>(name))
      throw aws_error::already_exists(
          "Policy cannot be created - name already exists (name=" + std::string(name) + ")", std::string(name),
          state_->arn("policy", name));
    policy_record made;
    made.name = name;
    made.default_version = "1";
    made.created = made.modified = state_->now();
    made.generation_id = make_uuid();
    made.tags = std::move(tags);
    made.versions.push_back({"1", std::string(document), made.created, std::move(parsed)});
    return staged.put(std::move(made));
  });
}

snapshot_of<policy_record> registry::find_policy(std::string_view name) const {
  return state_->read([&](const world& in) { return in.find<policy_record>(name); });
}

snapshot_of<policy_record> registry::get_policy(std::string_view name) const {
  auto found = find_policy(name);
  if (!found) throw aws_error::not_found("Policy not found (name=" + std::string(name) + ")");
  return found;
}

page<snapshot_of<policy_record>> registry::list_policies(const page_request& which) const {
  std::vector<std::pair<std::string, snapshot_of<policy_record>>> all;
  state_->read([&](const world& in) {
    for (const auto& [name, policy] : in.all<policy_record>())
      all.emplace_back(creation_key(policy->created, name), policy);
  });
  return cut_page(std::move(all), which);
}

void registry::delete_policy(std::string_view name) {
  state_->write([&](draft& staged) {
    const auto policy = must_find(staged, name);
    if (!staged.from(relation::policy_targets, name).empty())
      throw aws_error::delete_conflict(
          "The policy cannot be deleted as the policy is attached to one or more principals (name=" +
          std::string(name) + ")");
    if (policy->versions.size() > 1)
      throw aws_error::delete_conflict(
          "Cannot delete the policy because it has one or more policy versions attached to it (name=" +
          std::string(name) + ")");
    staged.erase<policy_record>(name);
  });
}

snapshot_of<policy_record> registry::create_policy_version(std::string_view name, std::string_view document,
                                                           bool set_as_default) {
  auto parsed = read_policy(document);
  return state_->write([&](draft& staged) {
    policy_record changed = *must_find(staged, name);
    if (changed.versions.size() >= state_->how.max_policy_versions)
      throw aws_error::versions_limit("The policy " + std::string(name) +
                                      " already has the maximum number of versions (" +
                                      std::to_string(state_->how.max_policy_versions) + ")");
    policy_version_record made{std::to_string(changed.next_version++), std::string(document), state_->now(),
                               std::move(parsed)};
    if (set_as_default) changed.default_version = made.id;
    changed.modified = made.created;
    changed.generation_id = make_uuid();
    changed.versions.push_back(std::move(made));
    return staged.put(std::move(changed));
  });
}

void registry::delete_policy_version(std::string_view name, std::string_view version) {
  state_->write([&](draft& staged) {
    policy_record changed = *must_find(staged, name);
    const policy_version_record* found = changed.find_version(version);
    if (found == nullptr) throw aws_error::not_found("Policy version not found: " + std::string(version));
    if (changed.default_version == version)
      throw aws_error::invalid_request("Cannot delete the default version of a policy");
    changed.versions.erase(changed.versions.begin() + (found - changed.versions.data()));
    changed.modified = state_->now();
    changed.generation_id = make_uuid();
    staged.put(std::move(changed));
  });
}

void registry::set_default_policy_version(std::string_view name, std::string_view version) {
  state_->write([&](draft& staged) {
    policy_record changed = *must_find(staged, name);
    if (changed.find_version(version) == nullptr)
      throw aws_error::not_found("Policy version not found: " + std::string(version));
    if (changed.default_version == version) return;
    changed.default_version = version;
    changed.modified = state_->now();
    changed.generation_id = make_uuid();
    staged.put(std::move(changed));
  });
}

void registry::attach_policy(std::string_view name, std::string_view target) {
  const std::string key = principal_key(state_->how, target);
  state_->write([&](draft& staged) {
    must_find(staged, name);
    check_target(staged, key);
    const pairs attached = staged.to(relation::policy_targets, key);
    if (attached.find(name) != attached.end()) return;  // assumption: attaching again succeeds
    if (attached.size() >= state_->how.max_policies_per_target)
      throw aws_error::limit_exceeded("The maximum number of policies per target (" +
                                      std::to_string(state_->how.max_policies_per_target) + ") is reached");
    staged.link(relation::policy_targets, std::string(name), key);
  });
}

void registry::detach_policy(std::string_view name, std::string_view target) {
  const std::string key = principal_key(state_->how, target);
  state_->write([&](draft& staged) {
    // assumption: detaching what is not attached succeeds; the model declares no ResourceNotFound here.
    const pairs attached = staged.to(relation::policy_targets, key);
    if (attached.find(name) != attached.end()) staged.unlink(relation::policy_targets, std::string(name), key);
  });
}

page<snapshot_of<policy_record>> registry::list_attached_policies(std::string_view target, bool recursive,
                                                                  const page_request& which) const {
  const std::string key = principal_key(state_->how, target);
  std::vector<std::pair<std::string, snapshot_of<policy_record>>> all;
  state_->read([&](const world& in) {
    check_target(draft(in), key);
    std::set<std::string> seen;
    const auto add = [&](const std::string& of) {
      for (const auto& [name, note] : in.pairs_of(relation::policy_targets).to(of))
        if (auto policy = in.find<policy_record>(name); policy && seen.insert(name).second)
          all.emplace_back(name, std::move(policy));
    };
    add(key);
    if (!recursive || group_of_key(key).empty()) return;
    auto at = in.find<thing_group_record>(group_of_key(key));
    for (; at && !at->parent.empty(); at = in.find<thing_group_record>(at->parent)) add(group_key(at->parent));
  });
  return cut_page(std::move(all), which);
}

page<std::string> registry::list_targets_for_policy(std::string_view name, const page_request& which) const {
  std::vector<std::pair<std::string, std::string>> all;
  state_->read([&](const world& in) {
    must_find(draft(in), name);
    for (const auto& [key, note] : in.pairs_of(relation::policy_targets).from(name))
      all.emplace_back(key, principal_text(state_->how, key));
  });
  return cut_page(std::move(all), which);
}

}  // namespace fleetprov::mock
