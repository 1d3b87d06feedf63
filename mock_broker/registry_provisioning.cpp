#include <fleetprov/templates/plan.hpp>
#include <mock_broker/documents.hpp>
#include <mock_broker/random.hpp>
#include <mock_broker/registry_state.hpp>

namespace fleetprov::mock {
namespace {

using templates::override_setting;

[[noreturn]] void refuse(registration_fault why, std::string message) {
  throw registration_refused(why, std::move(message));
}
[[noreturn]] void refuse_parameters(std::string message) {
  refuse(registration_fault::parameters, std::move(message));
}
[[noreturn]] void refuse_conflict(std::string message) { refuse(registration_fault::conflict, std::move(message)); }

/// Runs a check of the control plane; its refusal becomes the registration's.
template <class Check>
void as_parameters(Check&& check) {
  try {
    check();
  } catch (const aws_error& why) {
    refuse_parameters(why.message());
  }
}

bool is_usable(const token_record& token, instant now) { return !token.spent && now < token.deadline; }

/// One registration: every precondition is checked while it is staged, nothing is written before (docs/fidelity.md).
class registering {
 public:
  registering(const registry_options& how, const world& account, draft& staged, instant now)
      : how_(how), account_(account), staged_(staged), now_(now) {}

  registration_outcome run(const templates::plan& plan, const registration& subject) {
    consume_token(subject);
    take_certificate(plan, subject);
    if (plan.thing) put_thing(*plan.thing);
    if (plan.thing && certificate_) attach_thing(plan);
    for (const templates::plan_policy& policy : plan.policies) attach_policy(policy);
    if (certificate_) set_status(plan);
    return std::move(out_);
  }

 private:
  void consume_token(const registration& subject) {
    if (!subject.token_digest) return;
    const auto token = staged_.find<token_record>(*subject.token_digest);
    if (!token || !is_usable(*token, now_) || token->certificate_id != subject.certificate_id)
      refuse(registration_fault::token, "The certificate ownership token is not valid.");
    staged_.erase<token_record>(*subject.token_digest);
  }

  void take_certificate(const templates::plan& plan, const registration& subject) {
    if (subject.certificate_id.empty() && !plan.certificate) return;  // HTTP: a thing without a certificate
    if (subject.new_certificate && !staged_.find<certificate_record>(subject.new_certificate->id)) {
      certificate_record made = *subject.new_certificate;
      made.generation_id = make_uuid();
      if (subject.signed_by) as_parameters([&] { place_below_ca(made, subject.signed_by->pem, account_); });
      staged_.put(std::move(made));
      is_new_ = true;
    }
    certificate_ = staged_.find<certificate_record>(subject.certificate_id);
    if (!certificate_) refuse(registration_fault::token, "The certificate does not exist any more.");
    if (plan.certificate && plan.certificate->id && *plan.certificate->id != subject.certificate_id)
      refuse_parameters("The template's CertificateId is not the certificate that is being registered");
    key_ = certificate_key(subject.certificate_id);
    out_.certificate_id = subject.certificate_id;
  }

  /// What is set must exist. An override that leaves what the thing has touches neither type nor groups.
  void check_references(const templates::thing_plan& plan, bool sets_type, bool sets_groups) const {
    if (plan.type && sets_type) {
      const auto type = staged_.find<thing_type_record>(*plan.type);
      if (!type) refuse_parameters("Thing type not found: " + *plan.type);
      if (type->deprecated) refuse_parameters("Thing type is deprecated: " + *plan.type);
    }
    for (const std::string& group : plan.groups)
      if (sets_groups && !staged_.find<thing_group_record>(group)) refuse_parameters("Thing group not found: " + group);
    if (plan.billing_group && !staged_.find<billing_group_record>(*plan.billing_group))
      refuse_parameters("Billing group not found: " + *plan.billing_group);
  }

  void put_thing(const templates::thing_plan& plan) {
    as_parameters([&] { check_thing_name("ThingName", plan.name); });
    const auto found = staged_.find<thing_record>(plan.name);
    const bool sets_groups = !found || plan.override_groups != override_setting::do_nothing;
    check_references(plan, !found || plan.override_type != override_setting::do_nothing, sets_groups);
    out_.thing_name = plan.name;
    if (found) override_thing(plan, *found);
    else create_thing(plan);
    if (sets_groups)
      set_groups(plan, found && plan.override_groups == override_setting::replace);
  }

  void create_thing(const templates::thing_plan& plan) {
    thing_record made;
    made.name = plan.name;
    made.id = make_uuid();
    made.thing_type = plan.type.value_or("");
    made.billing_group = plan.billing_group.value_or("");
    made.attributes = plan.attributes;
    made.created = now_;
    as_parameters([&] { check_attributes(made.attributes, !made.thing_type.empty()); });
    staged_.put(std::move(made));
  }

  void override_thing(const templates::thing_plan& plan, const thing_record& found) {
    // assumption: FAIL refuses whenever the thing exists, also where the values are equal.
    if (plan.override_attributes == override_setting::fail || plan.override_type == override_setting::fail ||
        plan.override_groups == override_setting::fail)
      refuse_conflict("Thing " + plan.name + " already exists and the template says FAIL");
    thing_record changed = found;
    if (plan.override_attributes == override_setting::replace) changed.attributes = plan.attributes;
    if (plan.override_attributes == override_setting::merge) merge_attributes(changed.attributes, plan.attributes);
    if (plan.type && plan.override_type != override_setting::do_nothing) changed.thing_type = *plan.type;
    if (plan.billing_group) changed.billing_group = *plan.billing_group;
    if (changed.attributes == found.attributes && changed.thing_type == found.thing_type &&
        changed.billing_group == found.billing_group)
      return;
    as_parameters([&] { check_attributes(changed.attributes, !changed.thing_type.empty()); });
    changed.version += 1;
    staged_.put(std::move(changed));
  }

  void set_groups(const templates::thing_plan& plan, bool replace) {
    const std::set<std::string> wanted(plan.groups.begin(), plan.groups.end());
    const pairs has = staged_.to(relation::group_things, plan.name);
    if (replace)
      for (const auto& [group, note] : has)
        if (wanted.find(group) == wanted.end()) staged_.unlink(relation::group_things, group, plan.name);
    for (const std::string& group : wanted)
      if (has.find(group) == has.end()) staged_.link(relation::group_things, group, plan.name);
    if (staged_.to(relation::group_things, plan.name).size() > how_.max_groups_per_thing)
      refuse_parameters("Thing " + plan.name + " would belong to more than " +
                        std::to_string(how_.max_groups_per_thing) + " groups");
  }

  void attach_thing(const templates::plan& plan) {
    const auto type = plan.certificate
                          ? parse_principal_type(plan.certificate->principal_type).value_or(principal_type::non_exclusive_thing)
                          : principal_type::non_exclusive_thing;
    for (const auto& [other, note] : staged_.to(relation::thing_principals, key_)) {
      if (other == plan.thing->name) continue;
      if (type == principal_type::exclusive_thing || note == name_of(principal_type::exclusive_thing))
        refuse_conflict("The certificate is attached to thing " + other + ", which an exclusive attachment forbids");
    }
    staged_.link(relation::thing_principals, plan.thing->name, key_, std::string(name_of(type)));
  }

  void attach_policy(const templates::plan_policy& plan) {
    as_parameters([&] { check_policy_name("PolicyName", plan.name); });
    if (!staged_.find<policy_record>(plan.name)) {
      if (!plan.document) refuse_parameters("Policy not found: " + plan.name);
      create_policy(plan);
    }
    const pairs attached = certificate_ ? staged_.to(relation::policy_targets, key_) : pairs();
    if (certificate_ && attached.find(plan.name) == attached.end()) {
      if (attached.size() >= how_.max_policies_per_target)
        refuse_parameters("More than " + std::to_string(how_.max_policies_per_target) +
                          " policies for one certificate");
      staged_.link(relation::policy_targets, plan.name, key_);
    }
    out_.policy_names.push_back(plan.name);
  }

  void create_policy(const templates::plan_policy& plan) {
    policy_record made;
    made.name = plan.name;
    made.default_version = "1";
    made.created = made.modified = now_;
    made.generation_id = make_uuid();
    as_parameters([&] { made.versions.push_back({"1", *plan.document, now_, read_policy(*plan.document)}); });
    staged_.put(std::move(made));
  }

  void set_status(const templates::plan& plan) {
    if (!plan.certificate) return;
    const auto wanted = parse_certificate_status(plan.certificate->status);
    if (!wanted) refuse_parameters("Certificate status `" + plan.certificate->status + "` is not known");
    // assumption: a certificate that waits for activation has no status of its own yet, so that DO_NOTHING
    // and FAIL act only on one that somebody has activated, deactivated or revoked before.
    const bool fresh = certificate_->status == certificate_status::pending_activation || is_new_;
    if (!fresh && plan.certificate->override_status == override_setting::fail)
      refuse_conflict("The certificate already has a status and the template says FAIL");
    if (!fresh && plan.certificate->override_status == override_setting::do_nothing) return;
    if (certificate_->status == *wanted) return;
    certificate_record changed = *certificate_;
    changed.status = *wanted;
    changed.modified = now_;
    changed.generation_id = make_uuid();
    staged_.put(std::move(changed));
  }

  const registry_options& how_;
  const world& account_;
  draft& staged_;
  instant now_;
  std::shared_ptr<const certificate_record> certificate_;
  bool is_new_ = false;
  std::string key_;
  registration_outcome out_;
};

}  // namespace

snapshot_of<certificate_record> registry::add_pending_certificate(const issued_certificate& issued,
                                                                  token_record token) {
  return state_->write([&](draft& staged) {
    certificate_record made;
    made.id = issued.id;
    made.pem = issued.pem;
    made.status = certificate_status::pending_activation;
    made.created = made.modified = state_->now();
    made.not_before = issued.not_before;
    made.not_after = issued.not_after;
    made.generation_id = make_uuid();
    token.certificate_id = issued.id;
    staged.put(std::move(token));
    return staged.put(std::move(made));
  });
}

std::optional<token_record> registry::find_token(std::string_view digest) const {
  const instant now = state_->now();
  return state_->read([&](const world& in) -> std::optional<token_record> {
    const auto found = in.find<token_record>(digest);
    if (!found || !is_usable(*found, now)) return std::nullopt;
    return *found;
  });
}

void registry::spend_token(std::string_view digest) {
  state_->write([&](draft& staged) {
    const auto found = staged.find<token_record>(digest);
    if (!found || found->spent) return;
    token_record changed = *found;
    changed.spent = true;  // the row stays: its deadline still decides about the certificate
    staged.put(std::move(changed));
  });
}

void registry::add_claim(const claim_record& claim) {
  state_->write([&](draft& staged) {
    if (!staged.find<template_record>(claim.template_name))
      throw aws_error::not_found("Provisioning template not found: " + claim.template_name);
    staged.put(claim);
  });
}

registration_outcome registry::register_thing(const templates::plan& plan, const registration& subject) {
  return state_->write(
      [&](draft& staged) { return registering(state_->how, state_->account, staged, state_->now()).run(plan, subject); });
}

std::vector<std::string> registry::apply_expiry() {
  const auto due = next_expiry();
  if (!due || *due > state_->now()) return {};
  return state_->write([&](draft& staged) {
    const instant now = state_->now();
    std::vector<std::string> deleted;
    for (const auto& [id, claim] : state_->account.all<claim_record>())
      if (claim->expires <= now) {
        state_->endings.add(id, end_of_claim(*claim));
        staged.erase<claim_record>(id);
      }
    for (const auto& [digest, token] : state_->account.all<token_record>()) {
      if (token->deadline > now) continue;
      staged.erase<token_record>(digest);
      const auto certificate = staged.find<certificate_record>(token->certificate_id);
      if (!certificate) continue;
      const std::string key = certificate_key(certificate->id);
      const pairs things = staged.to(relation::thing_principals, key);
      const pairs policies = staged.to(relation::policy_targets, key);
      const bool activated = certificate->status == certificate_status::active;
      const bool is_attached = !things.empty() || !policies.empty();
      if (state_->how.lenient_unclaimed_deletion ? activated || is_attached : activated && is_attached) continue;
      for (const auto& [thing, note] : things) staged.unlink(relation::thing_principals, thing, key);
      for (const auto& [policy, note] : policies) staged.unlink(relation::policy_targets, policy, key);
      staged.erase<certificate_record>(certificate->id);
      state_->endings.add(certificate->id, "the certificate was deleted: no RegisterThing activated it before its ownership token expired");
      deleted.push_back(certificate->id);
    }
    return deleted;
  });
}

std::optional<instant> registry::next_expiry() const {
  return state_->read([](const world& in) {
    std::optional<instant> out;
    const auto consider = [&](instant at) { out = out ? std::min(*out, at) : at; };
    for (const auto& [digest, token] : in.all<token_record>()) consider(token->deadline);
    for (const auto& [id, claim] : in.all<claim_record>()) consider(claim->expires);
    return out;
  });
}

}  // namespace fleetprov::mock
