#include <mock_broker/documents.hpp>
#include <mock_broker/random.hpp>
#include <mock_broker/registry_state.hpp>

namespace fleetprov::mock {
namespace {

aws_error no_certificate(std::string_view id) {
  return aws_error::not_found("Certificate does not exist: " + std::string(id.substr(0, 64)));
}

certificate_record record_of(const certificate_facts& facts, certificate_status status, instant now) {
  certificate_record out;
  out.id = facts.id;
  out.pem = facts.pem;
  out.status = status;
  out.created = out.modified = now;
  out.not_before = facts.not_before;
  out.not_after = facts.not_after;
  out.generation_id = make_uuid();
  return out;
}

certificate_facts must_read(std::string_view pem, const char* what) {
  auto facts = read_certificate(pem);
  if (!facts) throw aws_error::certificate_validation(std::string(what) + " is not a PEM certificate");
  return std::move(*facts);
}

certificate_facts must_read_device(std::string_view pem) {
  certificate_facts out = must_read(pem, "certificatePem");
  if (out.has_explicit_curve)
    throw aws_error::certificate_validation("The certificate's EC key does not name its curve: no device can connect with it");
  return out;
}

void check_registration_status(certificate_status status) {
  // API "RegisterCertificate": ACTIVE, INACTIVE and (deprecated) REGISTER_INACTIVE are the sensible ones.
  if (status != certificate_status::active && status != certificate_status::inactive &&
      status != certificate_status::register_inactive)
    throw aws_error::invalid_request("The certificate cannot be registered with status " +
                                     std::string(name_of(status)));
}

}  // namespace

void place_below_ca(certificate_record& made, std::string_view ca_pem, const world& in) {
  std::string named_ca;
  if (!ca_pem.empty()) {
    named_ca = must_read(ca_pem, "caCertificatePem").id;
    if (!is_signed_by(made.pem, ca_pem))
      throw aws_error::certificate_validation("The certificate is not signed by the given CA certificate");
  }
  std::size_t fitting = 0;
  for (const auto& [id, ca] : in.all<ca_certificate_record>()) {
    if (!named_ca.empty() ? id != named_ca : !is_signed_by(made.pem, ca->pem)) continue;
    if (ca->status != certificate_status::active)
      throw aws_error::certificate_state("The CA certificate is not active. Id: " + id);
    made.ca_certificate_id = id;
    made.mode = ca->mode;
    ++fitting;
  }
  if (fitting == 0) throw aws_error::certificate_validation("CA certificate is not registered");
  if (fitting > 1)
    throw aws_error::certificate_conflict("Several registered CA certificates fit: name one with caCertificatePem");
}

snapshot_of<certificate_record> registry::add_certificate(const issued_certificate& issued, certificate_status status) {
  return state_->write([&](draft& staged) {
    certificate_record made;
    made.id = issued.id;
    made.pem = issued.pem;
    made.status = status;
    made.created = made.modified = state_->now();
    made.not_before = issued.not_before;
    made.not_after = issued.not_after;
    made.generation_id = make_uuid();
    return staged.put(std::move(made));
  });
}

snapshot_of<certificate_record> registry::register_certificate(std::string_view pem, std::string_view ca_pem,
                                                               certificate_status status) {
  const certificate_facts facts = must_read_device(pem);
  check_registration_status(status);
  return state_->write([&](draft& staged) {
    if (staged.find<certificate_record>(facts.id))
      throw aws_error::already_exists("The certificate is already provisioned or registered", facts.id,
                                      state_->arn("cert", facts.id));
    certificate_record made = record_of(facts, status, state_->now());
    place_below_ca(made, ca_pem, state_->account);
    return staged.put(std::move(made));
  });
}

snapshot_of<certificate_record> registry::register_certificate_without_ca(std::string_view pem,
                                                                          certificate_status status) {
  const certificate_facts facts = must_read_device(pem);
  check_registration_status(status);
  return state_->write([&](draft& staged) {
    if (staged.find<certificate_record>(facts.id))
      throw aws_error::already_exists("The certificate is already provisioned or registered", facts.id,
                                      state_->arn("cert", facts.id));
    certificate_record made = record_of(facts, status, state_->now());
    made.mode = certificate_mode::sni_only;
    return staged.put(std::move(made));
  });
}

snapshot_of<certificate_record> registry::find_certificate(std::string_view id) const {
  return state_->read([&](const world& in) { return in.find<certificate_record>(id); });
}

snapshot_of<certificate_record> registry::describe_certificate(std::string_view id) const {
  auto found = find_certificate(id);
  if (!found) throw no_certificate(id);
  return found;
}

void registry::update_certificate(std::string_view id, certificate_status status) {
  if (status == certificate_status::pending_transfer || status == certificate_status::pending_activation)
    throw aws_error::invalid_request("The status of a certificate cannot be set to " + std::string(name_of(status)));
  state_->write([&](draft& staged) {
    const auto found = staged.find<certificate_record>(id);
    if (!found) throw no_certificate(id);
    if (found->status == status) return;
    certificate_record changed = *found;
    changed.status = status;
    changed.modified = state_->now();
    changed.customer_version += 1;
    changed.generation_id = make_uuid();
    staged.put(std::move(changed));
  });
}

void registry::delete_certificate(std::string_view id, bool force) {
  state_->write([&](draft& staged) {
    const auto found = staged.find<certificate_record>(id);
    if (!found) throw no_certificate(id);
    if (found->status == certificate_status::active)
      throw aws_error::certificate_state("Certificate must be deactivated (not ACTIVE) before deletion. Id: " +
                                         std::string(id));
    const std::string key = certificate_key(id);
    const std::string arn = state_->arn("cert", id);
    if (!staged.to(relation::thing_principals, key).empty())
      throw aws_error::delete_conflict("Things must be detached before deletion (arn: " + arn + ")");
    for (const auto& [policy, note] : staged.to(relation::policy_targets, key)) {
      if (!force)
        throw aws_error::delete_conflict("Certificate policies must be detached before deletion (arn: " + arn + ")");
      staged.unlink(relation::policy_targets, policy, key);
    }
    staged.erase<certificate_record>(id);
    for (const auto& [digest, token] : state_->account.all<token_record>())
      if (token->certificate_id == id) staged.erase<token_record>(digest);
  });
  state_->endings.add(std::string(id), "the certificate was deleted (DeleteCertificate)");
}

page<snapshot_of<certificate_record>> registry::list_certificates(const page_request& which) const {
  std::vector<std::pair<std::string, snapshot_of<certificate_record>>> all;
  state_->read([&](const world& in) {
    all.reserve(in.all<certificate_record>().size());
    for (const auto& [id, certificate] : in.all<certificate_record>())
      all.emplace_back(creation_key(certificate->created, id), certificate);
  });
  return cut_page(std::move(all), which);
}

// ---- CA certificates --------------------------------------------------------------------------------

namespace {

std::shared_ptr<const ca_certificate_record> must_find_ca(const draft& in, std::string_view id) {
  auto found = in.find<ca_certificate_record>(id);
  if (!found) throw aws_error::not_found("CA certificate does not exist: " + std::string(id.substr(0, 64)));
  return found;
}

void check_registration_template(const draft& in, const ca_registration& config) {
  if (!config.template_name) return;
  const auto found = in.find<template_record>(*config.template_name);
  if (!found) throw aws_error::not_found("Provisioning template not found: " + *config.template_name);
  if (found->type != template_type::jitp)
    throw aws_error::invalid_request("A registration config takes a template of type JITP, and " + found->name + " is " +
                                     std::string(name_of(found->type)));
}

void store(const ca_registration& config, ca_certificate_record& in) {
  in.registration_template_body = config.template_body.value_or("");
  in.registration_role_arn = config.role_arn.value_or("");
  in.registration_template_name = config.template_name.value_or("");
}

}  // namespace

snapshot_of<ca_certificate_record> registry::register_ca_certificate(std::string_view pem, certificate_mode mode,
                                                                     bool active, bool auto_registration,
                                                                     const ca_registration& config, text_map tags) {
  const certificate_facts facts = must_read(pem, "caCertificate");
  if (!facts.is_ca) throw aws_error::certificate_validation("caCertificate is not a CA certificate");
  check_registration_config(config);
  return state_->write([&](draft& staged) {
    check_registration_template(staged, config);
    if (staged.find<ca_certificate_record>(facts.id))
      throw aws_error::already_exists("The CA certificate is already registered", facts.id,
                                      state_->arn("cacert", facts.id));
    ca_certificate_record made;
    made.id = facts.id;
    made.pem = facts.pem;
    made.mode = mode;
    made.status = active ? certificate_status::active : certificate_status::inactive;
    made.auto_registration = auto_registration;
    made.tags = std::move(tags);
    store(config, made);
    made.created = made.modified = state_->now();
    made.not_before = facts.not_before;
    made.not_after = facts.not_after;
    made.generation_id = make_uuid();
    return staged.put(std::move(made));
  });
}

snapshot_of<ca_certificate_record> registry::describe_ca_certificate(std::string_view id) const {
  return state_->read([&](const world& in) { return must_find_ca(draft(in), id); });
}

page<snapshot_of<ca_certificate_record>> registry::list_ca_certificates(std::string_view template_name,
                                                                        const page_request& which) const {
  std::vector<std::pair<std::string, snapshot_of<ca_certificate_record>>> all;
  state_->read([&](const world& in) {
    for (const auto& [id, ca] : in.all<ca_certificate_record>())
      if (template_name.empty() || ca->registration_template_name == template_name)
        all.emplace_back(creation_key(ca->created, id), ca);
  });
  return cut_page(std::move(all), which);
}

void registry::update_ca_certificate(std::string_view id, std::optional<bool> active,
                                     std::optional<bool> auto_registration,
                                     const std::optional<ca_registration>& config) {
  if (config) check_registration_config(*config);
  state_->write([&](draft& staged) {
    ca_certificate_record changed = *must_find_ca(staged, id);
    if (active) changed.status = *active ? certificate_status::active : certificate_status::inactive;
    if (auto_registration) changed.auto_registration = *auto_registration;
    if (config) {
      check_registration_template(staged, *config);
      store(*config, changed);
    }
    changed.modified = state_->now();
    changed.customer_version += 1;
    changed.generation_id = make_uuid();
    staged.put(std::move(changed));
  });
}

void registry::delete_ca_certificate(std::string_view id) {
  state_->write([&](draft& staged) {
    if (must_find_ca(staged, id)->status == certificate_status::active)
      throw aws_error::certificate_state("CA certificate must be deactivated (not ACTIVE) before deletion. Id: " +
                                         std::string(id));
    staged.erase<ca_certificate_record>(id);
  });
}

}  // namespace fleetprov::mock
