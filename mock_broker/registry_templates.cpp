#include <fleetprov/core/utf8.hpp>
#include <fleetprov/templates/document.hpp>
#include <fleetprov/topics/limits.hpp>
#include <mock_broker/documents.hpp>
#include <mock_broker/registry_state.hpp>

namespace fleetprov::mock {
namespace {

namespace limits = topics::limits;

std::shared_ptr<const template_record> must_find(const draft& in, std::string_view name) {
  auto found = in.find<template_record>(name);
  if (!found) throw aws_error::not_found("Provisioning template not found: " + std::string(name));
  return found;
}

void check_description(std::string_view text) {
  if (!is_valid_utf8(text) || find_invisible(text) != text.size())
    refuse_value("description", "", "Member must satisfy regular expression pattern: [^\\p{C}]*");
  if (count_code_points(text) > limits::max_template_description)
    refuse_value("description", text, "Member must have length less than or equal to " + std::to_string(limits::max_template_description));
}

void check_characters(std::string_view member, std::string_view text, std::size_t least, std::size_t most) {
  const std::size_t size = count_code_points(text);
  if (size < least || size > most)
    refuse_value(member, text,
                 "Member must have length between " + std::to_string(least) + " and " + std::to_string(most));
}

void check_role(std::string_view arn) {
  check_characters("provisioningRoleArn", arn, limits::min_role_arn, limits::max_role_arn);
}

void check_takes_hook(template_type type) {
  if (type == template_type::jitp)
    throw aws_error::invalid_request("A pre-provisioning hook is for FLEET_PROVISIONING templates only");
}

void check_hook(const hook_reference& hook) {
  check_characters("preProvisioningHook.targetArn", hook.target_arn, 1, limits::max_hook_target_arn);
  const std::string& version = hook.payload_version;
  if (version.size() < 10 || version.size() > 32 || version.find_first_not_of("0123456789-") != std::string::npos)
    refuse_value("preProvisioningHook.payloadVersion", version,
                 "Member must satisfy regular expression pattern: ^[0-9-]{10,32}$");
}

template_version_record must_find_version(const template_record& of, int version) {
  const template_version_record* found = of.find_version(version);
  if (found == nullptr)
    throw aws_error::not_found("Version " + std::to_string(version) + " of template " + of.name + " does not exist");
  return *found;
}

}  // namespace

snapshot_of<template_record> registry::create_template(const template_settings& wanted) {
  check_template_name(wanted.name);
  check_description(wanted.description);
  check_role(wanted.role_arn);
  if (wanted.hook) {
    check_hook(*wanted.hook);
    check_takes_hook(wanted.type);
  }
  auto parsed = read_template(wanted.body, wanted.type);
  auto stored = state_->write([&](draft& staged) {
    if (staged.find<template_record>(wanted.name))
      throw aws_error::already_exists("Template with name " + wanted.name + " already exists", wanted.name,
                                      state_->arn("provisioningtemplate", wanted.name));
    if (state_->account.all<template_record>().size() >= state_->how.max_templates)
      throw aws_error::limit_exceeded("The account has the maximum number of provisioning templates (" +
                                      std::to_string(state_->how.max_templates) + ")");
    template_record made;
    made.name = wanted.name;
    made.description = wanted.description;
    made.role_arn = wanted.role_arn;
    made.enabled = wanted.enabled;
    made.type = wanted.type;
    made.hook = wanted.hook;
    if (const auto awaited = state_->awaited.find(wanted.name);
        awaited != state_->awaited.end() && !made.hook && made.type == template_type::fleet_provisioning)
      made.hook = awaited->second;
    made.tags = wanted.tags;
    made.created = made.modified = state_->now();
    made.versions.push_back({1, wanted.body, made.created, std::move(parsed)});
    return staged.put(std::move(made));
  });
  const std::lock_guard<std::mutex> alone(state_->writing);  // only now: what could not be stored is still awaited
  state_->awaited.erase(wanted.name);
  return stored;
}

void registry::await_template(std::string_view name, const hook_reference& hook) {
  check_template_name(name);
  check_hook(hook);
  const std::lock_guard<std::mutex> alone(state_->writing);
  state_->awaited.insert_or_assign(std::string(name), hook);
}

snapshot_of<template_record> registry::find_template(std::string_view name) const {
  return state_->read([&](const world& in) { return in.find<template_record>(name); });
}

snapshot_of<template_record> registry::describe_template(std::string_view name) const {
  return state_->read([&](const world& in) { return must_find(draft(in), name); });
}

page<snapshot_of<template_record>> registry::list_templates(const page_request& which) const {
  std::vector<std::pair<std::string, snapshot_of<template_record>>> all;
  state_->read([&](const world& in) {
    for (const auto& [name, one] : in.all<template_record>()) all.emplace_back(name, one);
  });
  return cut_page(std::move(all), which);
}

void registry::update_template(std::string_view name, const template_update& wanted) {
  if (wanted.description) check_description(*wanted.description);
  if (wanted.role_arn) check_role(*wanted.role_arn);
  if (wanted.hook) check_hook(*wanted.hook);
  if (wanted.hook && wanted.remove_hook)
    throw aws_error::invalid_request("preProvisioningHook and removePreProvisioningHook exclude each other");
  state_->write([&](draft& staged) {
    template_record changed = *must_find(staged, name);
    if (wanted.hook) {
      check_takes_hook(changed.type);
      changed.hook = wanted.hook;
    }
    if (wanted.remove_hook) changed.hook.reset();
    if (wanted.description) changed.description = *wanted.description;
    if (wanted.role_arn) changed.role_arn = *wanted.role_arn;
    if (wanted.enabled) changed.enabled = *wanted.enabled;
    if (wanted.default_version) changed.default_version = must_find_version(changed, *wanted.default_version).id;
    changed.modified = state_->now();
    staged.put(std::move(changed));
  });
}

void registry::delete_template(std::string_view name) {
  state_->write([&](draft& staged) {
    must_find(staged, name);
    for (const auto& [id, ca] : state_->account.all<ca_certificate_record>())
      if (ca->registration_template_name == name)
        throw aws_error::delete_conflict("The template is used by the registration config of CA certificate " + id);
    staged.erase<template_record>(name);
  });
}

snapshot_of<template_record> registry::create_template_version(std::string_view name, std::string_view body,
                                                               bool set_as_default) {
  const auto found = describe_template(name);
  auto parsed = read_template(body, found->type);  // the type never changes
  return state_->write([&](draft& staged) {
    template_record changed = *must_find(staged, name);
    if (changed.versions.size() >= state_->how.max_template_versions)
      throw aws_error::versions_limit("The template " + std::string(name) +
                                      " already has the maximum number of versions (" +
                                      std::to_string(state_->how.max_template_versions) + ")");
    template_version_record made{changed.next_version++, std::string(body), state_->now(), std::move(parsed)};
    if (set_as_default) changed.default_version = made.id;
    changed.modified = made.created;
    changed.versions.push_back(std::move(made));
    return staged.put(std::move(changed));
  });
}

template_version_summary registry::describe_template_version(std::string_view name, int version) const {
  const auto found = describe_template(name);
  return {must_find_version(*found, version), found->default_version == version};
}

page<template_version_summary> registry::list_template_versions(std::string_view name, const page_request& which) const {
  const auto found = describe_template(name);
  std::vector<std::pair<std::string, template_version_summary>> all;
  for (const template_version_record& v : found->versions)
    all.emplace_back(creation_key(instant(v.id), ""), template_version_summary{v, found->default_version == v.id});
  return cut_page(std::move(all), which);
}

void registry::delete_template_version(std::string_view name, int version) {
  state_->write([&](draft& staged) {
    template_record changed = *must_find(staged, name);
    must_find_version(changed, version);
    // assumption: which of the declared errors the default version gives is not public.
    if (changed.default_version == version)
      throw aws_error::delete_conflict("The default version of a provisioning template cannot be deleted");
    changed.versions.erase(std::remove_if(changed.versions.begin(), changed.versions.end(),
                                          [&](const template_version_record& v) { return v.id == version; }),
                           changed.versions.end());
    changed.modified = state_->now();
    staged.put(std::move(changed));
  });
}

}  // namespace fleetprov::mock
