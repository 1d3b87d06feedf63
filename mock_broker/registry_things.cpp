#include <fleetprov/core/utf8.hpp>
#include <mock_broker/random.hpp>
#include <mock_broker/registry_state.hpp>

namespace fleetprov::mock {
namespace {

std::shared_ptr<const thing_record> must_find_thing(const draft& in, std::string_view name) {
  auto found = in.find<thing_record>(name);
  if (!found) throw aws_error::not_found("Thing " + std::string(name) + " does not exist in your account");
  return found;
}
std::shared_ptr<const thing_group_record> must_find_group(const draft& in, std::string_view name) {
  auto found = in.find<thing_group_record>(name);
  if (!found) throw aws_error::not_found("Thing group " + std::string(name) + " does not exist in your account");
  return found;
}
std::shared_ptr<const thing_type_record> must_find_type(const draft& in, std::string_view name) {
  auto found = in.find<thing_type_record>(name);
  if (!found) throw aws_error::not_found("Thing type " + std::string(name) + " does not exist in your account");
  return found;
}
std::shared_ptr<const billing_group_record> must_find_billing_group(const draft& in, std::string_view name) {
  auto found = in.find<billing_group_record>(name);
  if (!found) throw aws_error::not_found("Billing group " + std::string(name) + " does not exist in your account");
  return found;
}

void check_description(std::string_view text) {
  // assumption: `Graph` of the model's pattern is taken for every visible character, as of templates' descriptions.
  if (!is_valid_utf8(text) || find_invisible(text) != text.size())
    refuse_value("description", "", "Member must satisfy regular expression pattern: [\\p{Graph}\\x20]*");
  if (count_code_points(text) > 2028) refuse_value("description", text, "Member must have length less than or equal to 2028");
}

template <class Record>
void check_version(std::string_view kind, const Record& of, std::optional<std::int64_t> expected) {
  if (expected && *expected != of.version)
    throw aws_error::version_conflict("The version for " + std::string(kind) + " " + of.name +
                                      " does not match the expected version.");
}

bool begins_with(std::string_view text, std::string_view prefix) noexcept {
  return text.substr(0, prefix.size()) == prefix;
}

/// The records that fit, by name.
template <class Record, class Fits>
std::vector<std::pair<std::string, snapshot_of<Record>>> those_that(const world& in, Fits&& fits) {
  std::vector<std::pair<std::string, snapshot_of<Record>>> out;
  for (const auto& [name, record] : in.all<Record>())
    if (fits(*record)) out.emplace_back(name, record);
  return out;
}

}  // namespace

// ---- things -----------------------------------------------------------------------------------------

snapshot_of<thing_record> registry::create_thing(std::string_view name, const thing_properties& wanted) {
  check_thing_name("thingName", name);
  check_attributes(wanted.attributes, !wanted.thing_type.empty());
  return state_->write([&](draft& staged) {
    if (auto found = staged.find<thing_record>(name)) {
      if (found->thing_type == wanted.thing_type && found->attributes == wanted.attributes &&
          found->billing_group == wanted.billing_group)
        return found;
      throw aws_error::already_exists(
          "Thing " + std::string(name) + " already exists in account with different properties", std::string(name),
          state_->arn("thing", name));
    }
    if (!wanted.thing_type.empty() && must_find_type(staged, wanted.thing_type)->deprecated)
      throw aws_error::invalid_request("Can not create new thing with depreated thing type:" + wanted.thing_type);
    if (!wanted.billing_group.empty()) must_find_billing_group(staged, wanted.billing_group);
    thing_record made;
    made.name = name;
    made.id = make_uuid();
    made.thing_type = wanted.thing_type;
    made.billing_group = wanted.billing_group;
    made.attributes = wanted.attributes;
    made.created = state_->now();
    return staged.put(std::move(made));
  });
}

snapshot_of<thing_record> registry::describe_thing(std::string_view name) const {
  return state_->read([&](const world& in) { return must_find_thing(draft(in), name); });
}

page<snapshot_of<thing_record>> registry::list_things(const thing_filter& filter, const page_request& which) const {
  const auto fits = [&](const thing_record& thing) {
    if (!filter.thing_type.empty() && thing.thing_type != filter.thing_type) return false;
    if (filter.attribute_name.empty()) return true;
    const auto at = thing.attributes.find(filter.attribute_name);
    if (at == thing.attributes.end()) return false;
    return filter.prefix ? begins_with(at->second, filter.attribute_value) : at->second == filter.attribute_value;
  };
  return cut_page(state_->read([&](const world& in) { return those_that<thing_record>(in, fits); }), which);
}

void registry::update_thing(std::string_view name, const thing_update& wanted) {
  if (wanted.remove_thing_type && wanted.thing_type)
    throw aws_error::invalid_request("thingTypeName and removeThingType exclude each other");
  if (wanted.attributes) check_attributes(*wanted.attributes, true);
  state_->write([&](draft& staged) {
    thing_record changed = *must_find_thing(staged, name);
    check_version("thing", changed, wanted.expected_version);
    if (wanted.thing_type) {
      if (must_find_type(staged, *wanted.thing_type)->deprecated)
        throw aws_error::invalid_request("Can not update a thing to use deprecated thing type: " + *wanted.thing_type);
      changed.thing_type = *wanted.thing_type;
    }
    if (wanted.remove_thing_type) changed.thing_type.clear();
    if (wanted.attributes) {
      if (wanted.how == attribute_change::replace) changed.attributes.clear();
      merge_attributes(changed.attributes, *wanted.attributes);
    }
    check_attributes(changed.attributes, !changed.thing_type.empty());
    changed.version += 1;
    staged.put(std::move(changed));
  });
}

void registry::delete_thing(std::string_view name, std::optional<std::int64_t> expected_version) {
  state_->write([&](draft& staged) {
    const auto found = staged.find<thing_record>(name);
    if (!found) return;  // API "DeleteThing": returns successfully if the thing does not exist
    check_version("thing", *found, expected_version);
    if (!staged.from(relation::thing_principals, name).empty())
      throw aws_error::invalid_request("Cannot delete. Thing " + std::string(name) +
                                       " is still attached to one or more principals");
    for (const auto& [group, note] : staged.to(relation::group_things, name))
      staged.unlink(relation::group_things, group, std::string(name));
    staged.erase<thing_record>(name);
  });
}

// ---- principals -------------------------------------------------------------------------------------

void registry::attach_thing_principal(std::string_view thing_name, std::string_view principal, principal_type type) {
  const std::string key = principal_key(state_->how, principal);
  if (!group_of_key(key).empty()) throw aws_error::invalid_request("A thing group cannot be a principal");
  state_->write([&](draft& staged) {
    must_find_thing(staged, thing_name);
    if (const auto id = certificate_of_key(key); !id.empty() && !staged.find<certificate_record>(id))
      throw aws_error::not_found("Certificate does not exist: " + std::string(id));
    for (const auto& [other, note] : staged.to(relation::thing_principals, key)) {
      if (other == thing_name) continue;
      if (type == principal_type::exclusive_thing)
        throw aws_error::invalid_request("The principal is attached to another thing and cannot become exclusive");
      if (note == name_of(principal_type::exclusive_thing))
        throw aws_error::invalid_request("The principal is exclusively attached to thing " + other);
    }
    staged.link(relation::thing_principals, std::string(thing_name), key, std::string(name_of(type)));
  });
}

void registry::detach_thing_principal(std::string_view thing_name, std::string_view principal) {
  const std::string key = principal_key(state_->how, principal);
  state_->write([&](draft& staged) {
    must_find_thing(staged, thing_name);
    const pairs attached = staged.from(relation::thing_principals, thing_name);
    if (attached.find(key) == attached.end())
      throw aws_error::not_found("The principal is not attached to thing " + std::string(thing_name));
    staged.unlink(relation::thing_principals, std::string(thing_name), key);
  });
}

page<principal_attachment> registry::list_thing_principals(std::string_view thing_name,
                                                           std::optional<principal_type> type,
                                                           const page_request& which) const {
  std::vector<std::pair<std::string, principal_attachment>> all;
  state_->read([&](const world& in) {
    if (!in.find<thing_record>(thing_name))
      throw aws_error::not_found("Failed to list principals for thing " + std::string(thing_name) +
                                 " because the thing does not exist in your account");
    for (const auto& [key, note] : in.pairs_of(relation::thing_principals).from(thing_name))
      if (!type || note == name_of(*type))
        all.emplace_back(
            key, principal_attachment{principal_text(state_->how, key),
                                      parse_principal_type(note).value_or(principal_type::non_exclusive_thing)});
  });
  return cut_page(std::move(all), which);
}

page<principal_attachment> registry::list_principal_things(std::string_view principal,
                                                           std::optional<principal_type> type,
                                                           const page_request& which) const {
  const std::string key = principal_key(state_->how, principal);
  std::vector<std::pair<std::string, principal_attachment>> all;
  state_->read([&](const world& in) {
    if (const auto id = certificate_of_key(key); !id.empty() && !in.find<certificate_record>(id))
      throw aws_error::not_found("Certificate does not exist: " + std::string(id));
    for (const auto& [thing, note] : in.pairs_of(relation::thing_principals).to(key))
      if (!type || note == name_of(*type))
        all.emplace_back(thing, principal_attachment{
                                    thing, parse_principal_type(note).value_or(principal_type::non_exclusive_thing)});
  });
  return cut_page(std::move(all), which);
}

// ---- thing types ------------------------------------------------------------------------------------

snapshot_of<thing_type_record> registry::create_thing_type(thing_type_record wanted) {
  check_thing_name("thingTypeName", wanted.name);
  check_description(wanted.description);
  if (wanted.searchable_attributes.size() > 3)
    throw aws_error::invalid_request("A thing type can have at most 3 searchable attributes");
  for (const std::string& name : wanted.searchable_attributes) check_attributes({{name, ""}}, true);
  return state_->write([&](draft& staged) {
    if (auto found = staged.find<thing_type_record>(wanted.name)) {
      if (found->description == wanted.description && found->searchable_attributes == wanted.searchable_attributes &&
          found->mqtt5_configuration == wanted.mqtt5_configuration)
        return found;
      throw aws_error::already_exists(
          "Thing type " + wanted.name + " already exists in account with different properties", wanted.name,
          state_->arn("thingtype", wanted.name));
    }
    wanted.id = make_uuid();
    wanted.deprecated = false;
    wanted.created = state_->now();
    return staged.put(std::move(wanted));
  });
}

snapshot_of<thing_type_record> registry::describe_thing_type(std::string_view name) const {
  return state_->read([&](const world& in) { return must_find_type(draft(in), name); });
}

page<snapshot_of<thing_type_record>> registry::list_thing_types(std::string_view name_filter,
                                                                const page_request& which) const {
  if (!name_filter.empty()) {
    page<snapshot_of<thing_type_record>> out;
    auto found = state_->read([&](const world& in) { return in.find<thing_type_record>(name_filter); });
    if (found) out.items.push_back(std::move(found));
    return out;
  }
  const auto any = [](const thing_type_record&) { return true; };
  return cut_page(state_->read([&](const world& in) { return those_that<thing_type_record>(in, any); }), which);
}

void registry::deprecate_thing_type(std::string_view name, bool undo) {
  state_->write([&](draft& staged) {
    thing_type_record changed = *must_find_type(staged, name);
    changed.deprecated = !undo;
    changed.deprecation_date = undo ? instant{} : state_->now();
    staged.put(std::move(changed));
  });
}

void registry::delete_thing_type(std::string_view name) {
  state_->write([&](draft& staged) {
    const auto found = must_find_type(staged, name);
    // API "DeleteThingType": deprecate first, wait five minutes, and no thing may have it.
    if (!found->deprecated || state_->now() < found->deprecation_date + std::chrono::minutes(5))
      throw aws_error::invalid_request("Thing type " + std::string(name) +
                                       " must have been deprecated for five minutes before deletion");
    for (const auto& [thing, record] : state_->account.all<thing_record>())
      if (record->thing_type == name)
        throw aws_error::invalid_request("Thing type " + std::string(name) + " is still associated with things");
    staged.erase<thing_type_record>(name);
  });
}

// ---- thing groups -----------------------------------------------------------------------------------

snapshot_of<thing_group_record> registry::create_thing_group(thing_group_record wanted) {
  check_thing_name("thingGroupName", wanted.name);
  check_description(wanted.description);
  check_attributes(wanted.attributes, true);
  return state_->write([&](draft& staged) {
    if (!wanted.parent.empty()) must_find_group(staged, wanted.parent);
    if (auto found = staged.find<thing_group_record>(wanted.name)) {
      if (found->description == wanted.description && found->attributes == wanted.attributes &&
          found->parent == wanted.parent)
        return found;
      throw aws_error::already_exists(
          "Thing Group " + wanted.name + " already exists in current account with different properties", wanted.name,
          state_->arn("thinggroup", wanted.name));
    }
    wanted.id = make_uuid();
    wanted.version = 1;
    wanted.created = state_->now();
    return staged.put(std::move(wanted));
  });
}

snapshot_of<thing_group_record> registry::describe_thing_group(std::string_view name) const {
  return state_->read([&](const world& in) { return must_find_group(draft(in), name); });
}

std::vector<group_ancestor> registry::thing_group_ancestors(std::string_view name) const {
  std::vector<group_ancestor> out;
  state_->read([&](const world& in) {
    auto at = must_find_group(draft(in), name);
    for (; at && !at->parent.empty(); at = in.find<thing_group_record>(at->parent))
      out.push_back({at->parent, state_->arn("thinggroup", at->parent)});
  });
  std::reverse(out.begin(), out.end());
  return out;
}

page<snapshot_of<thing_group_record>> registry::list_thing_groups(const thing_group_filter& filter,
                                                                  const page_request& which) const {
  return cut_page(state_->read([&](const world& in) {
    if (!filter.parent.empty()) must_find_group(draft(in), filter.parent);
    const auto is_below = [&](const thing_group_record& group) {
      if (filter.parent.empty()) return filter.recursive.value_or(true) || group.parent.empty();
      if (group.parent == filter.parent) return true;
      if (!filter.recursive.value_or(false)) return false;
      auto at = in.find<thing_group_record>(group.parent);
      while (at && at->parent != filter.parent) at = in.find<thing_group_record>(at->parent);
      return at != nullptr;
    };
    return those_that<thing_group_record>(in, [&](const thing_group_record& group) {
      return begins_with(group.name, filter.name_prefix) && is_below(group);
    });
  }), which);
}

void registry::delete_thing_group(std::string_view name, std::optional<std::int64_t> expected_version) {
  state_->write([&](draft& staged) {
    const auto found = staged.find<thing_group_record>(name);
    if (!found) return;  // API "DeleteThingGroup": returns successfully if the group does not exist
    check_version("thing group", *found, expected_version);
    for (const auto& [child, group] : state_->account.all<thing_group_record>())
      if (group->parent == name)
        throw aws_error::invalid_request("Cannot delete thing group " + std::string(name) +
                                         " while there are still child groups attached to it");
    for (const auto& [thing, note] : staged.from(relation::group_things, name))
      staged.unlink(relation::group_things, std::string(name), thing);
    const std::string key = group_key(name);
    for (const auto& [policy, note] : staged.to(relation::policy_targets, key))
      staged.unlink(relation::policy_targets, policy, key);
    staged.erase<thing_group_record>(name);
  });
}

void registry::add_thing_to_group(std::string_view group, std::string_view thing) {
  const std::string group_name = name_from(state_->how, "thinggroup", group);
  const std::string thing_name = name_from(state_->how, "thing", thing);
  state_->write([&](draft& staged) {
    must_find_group(staged, group_name);
    must_find_thing(staged, thing_name);
    const pairs groups = staged.to(relation::group_things, thing_name);
    if (groups.find(group_name) != groups.end()) return;
    if (groups.size() >= state_->how.max_groups_per_thing)
      throw aws_error::invalid_request("Thing " + thing_name + " already belongs to the maximum number of groups (" +
                                       std::to_string(state_->how.max_groups_per_thing) + ")");
    staged.link(relation::group_things, group_name, thing_name);
  });
}

void registry::remove_thing_from_group(std::string_view group, std::string_view thing) {
  const std::string group_name = name_from(state_->how, "thinggroup", group);
  const std::string thing_name = name_from(state_->how, "thing", thing);
  state_->write([&](draft& staged) {
    must_find_group(staged, group_name);
    must_find_thing(staged, thing_name);
    staged.unlink(relation::group_things, group_name, thing_name);
  });
}

page<group_ancestor> registry::list_groups_for_thing(std::string_view thing_name, const page_request& which) const {
  std::vector<std::pair<std::string, group_ancestor>> all;
  state_->read([&](const world& in) {
    must_find_thing(draft(in), thing_name);
    for (const auto& [group, note] : in.pairs_of(relation::group_things).to(thing_name))
      all.emplace_back(group, group_ancestor{group, state_->arn("thinggroup", group)});
  });
  return cut_page(std::move(all), which);
}

namespace {

void add_members(const world& in, std::string_view group, bool recursive, std::set<std::string>& out) {
  for (const auto& [thing, note] : in.pairs_of(relation::group_things).from(group)) out.insert(thing);
  if (!recursive) return;
  for (const auto& [name, child] : in.all<thing_group_record>())
    if (child->parent == group) add_members(in, name, recursive, out);
}

}  // namespace

page<std::string> registry::list_things_in_group(std::string_view group, bool recursive,
                                                 const page_request& which) const {
  std::set<std::string> members;
  state_->read([&](const world& in) {
    must_find_group(draft(in), group);
    add_members(in, group, recursive, members);
  });
  std::vector<std::pair<std::string, std::string>> all;
  for (const std::string& name : members) all.emplace_back(name, name);
  return cut_page(std::move(all), which);
}

// ---- billing groups ---------------------------------------------------------------------------------

snapshot_of<billing_group_record> registry::create_billing_group(billing_group_record wanted) {
  check_thing_name("billingGroupName", wanted.name);
  check_description(wanted.description);
  return state_->write([&](draft& staged) {
    if (auto found = staged.find<billing_group_record>(wanted.name)) {
      if (found->description == wanted.description) return found;
      throw aws_error::already_exists("Billing Group " + wanted.name + " already exists with different properties",
                                      wanted.name, state_->arn("billinggroup", wanted.name));
    }
    wanted.id = make_uuid();
    wanted.version = 1;
    wanted.created = state_->now();
    return staged.put(std::move(wanted));
  });
}

snapshot_of<billing_group_record> registry::describe_billing_group(std::string_view name) const {
  return state_->read([&](const world& in) { return must_find_billing_group(draft(in), name); });
}

page<snapshot_of<billing_group_record>> registry::list_billing_groups(std::string_view name_prefix,
                                                                      const page_request& which) const {
  const auto fits = [&](const billing_group_record& group) { return begins_with(group.name, name_prefix); };
  return cut_page(state_->read([&](const world& in) { return those_that<billing_group_record>(in, fits); }), which);
}

void registry::delete_billing_group(std::string_view name, std::optional<std::int64_t> expected_version) {
  state_->write([&](draft& staged) {
    const auto found = staged.find<billing_group_record>(name);
    if (!found) return;
    check_version("billing group", *found, expected_version);
    for (const auto& [thing_name, thing] : state_->account.all<thing_record>()) {
      if (thing->billing_group != name) continue;
      thing_record changed = *thing;
      changed.billing_group.clear();
      staged.put(std::move(changed));
    }
    staged.erase<billing_group_record>(name);
  });
}

}  // namespace fleetprov::mock
