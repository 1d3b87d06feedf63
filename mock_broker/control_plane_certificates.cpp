// Certificates and certificate authorities (AWS IoT API Reference).
#include <mock_broker/control_plane_call.hpp>

namespace fleetprov::mock {
namespace {

certificate_status read_status(std::string_view member, const std::optional<std::string>& text, certificate_status otherwise) {
  if (!text) return otherwise;
  const auto parsed = parse_certificate_status(*text);
  if (!parsed)
    throw aws_error::invalid_request("1 validation error detected: Value '" + *text +
                                     "' at '" + std::string(member) + "' failed to satisfy constraint: Member must satisfy enum value set: "
                                     "[ACTIVE, INACTIVE, REVOKED, PENDING_TRANSFER, REGISTER_INACTIVE, PENDING_ACTIVATION]");
  return *parsed;
}

json_out show_id(const api_call& call, const std::string& id) {
  return {{"certificateArn", call.world().certificate_arn(id)}, {"certificateId", id}};
}

json_out create_keys_and_certificate(const api_call& call) {
  const certificate_with_key made = call.service().create_keys_and_certificate(call.query_flag("setAsActive", false));
  json_out out = show_id(call, made.certificate_id);
  out["certificatePem"] = made.certificate_pem;
  out["keyPair"] = {{"PublicKey", made.keys.public_key}, {"PrivateKey", std::string(made.keys.private_key.reveal())}};
  return out;
}

json_out create_certificate_from_csr(const api_call& call) {
  const auto made = call.service().create_certificate_from_csr(call.required_text("certificateSigningRequest"),
                                                               call.query_flag("setAsActive", false));
  json_out out = show_id(call, made->id);
  out["certificatePem"] = made->pem;
  return out;
}

json_out register_certificate(const api_call& call) {
  const certificate_status otherwise =
      call.query_flag("setAsActive", false) ? certificate_status::active : certificate_status::inactive;
  const auto made = call.world().register_certificate(call.required_text("certificatePem"),
                                                      call.text("caCertificatePem").value_or(""),
                                                      read_status("status", call.text("status"), otherwise));
  return show_id(call, made->id);
}

json_out register_certificate_without_ca(const api_call& call) {
  const auto made = call.world().register_certificate_without_ca(
      call.required_text("certificatePem"), read_status("status", call.text("status"), certificate_status::inactive));
  return show_id(call, made->id);
}

json_out describe_certificate(const api_call& call) {
  const auto found = call.world().describe_certificate(call.path(0));
  json_out out = show_id(call, found->id);
  put_unless_empty(out, "caCertificateId", found->ca_certificate_id);
  out["status"] = name_of(found->status);
  out["certificatePem"] = found->pem;
  out["ownedBy"] = call.world().options().account;
  out["creationDate"] = to_epoch_seconds(found->created);
  out["lastModifiedDate"] = to_epoch_seconds(found->modified);
  out["customerVersion"] = found->customer_version;
  out["transferData"] = json_out::object();
  out["generationId"] = found->generation_id;
  out["validity"] = {{"notBefore", to_epoch_seconds(found->not_before)}, {"notAfter", to_epoch_seconds(found->not_after)}};
  out["certificateMode"] = name_of(found->mode);
  return {{"certificateDescription", std::move(out)}};
}

json_out update_certificate(const api_call& call) {
  const std::string wanted = call.required_query("newStatus");
  call.world().update_certificate(call.path(0), read_status("newStatus", wanted, certificate_status::inactive));
  return nullptr;
}

json_out delete_certificate(const api_call& call) {
  call.world().delete_certificate(call.path(0), call.query_flag("forceDelete", false));
  return nullptr;
}

json_out list_certificates(const api_call& call) {
  return page_of("certificates", call.world().list_certificates(call.marker_page()), "nextMarker", [&](const auto& one) {
    json_out out = show_id(call, one->id);
    out["status"] = name_of(one->status);
    out["certificateMode"] = name_of(one->mode);
    out["creationDate"] = to_epoch_seconds(one->created);
    return out;
  });
}

bool wants_active(const std::string& text, std::string_view member) {
  if (text == "ACTIVE") return true;
  if (text == "INACTIVE") return false;
  throw aws_error::invalid_request("'" + std::string(member) + "' must be ACTIVE or INACTIVE.");
}

ca_registration read_registration(const api_call& call) {
  ca_registration out;
  if (const json::value* given = call.object("registrationConfig")) {
    out.template_body = api_call::text_of(*given, "templateBody");
    out.role_arn = api_call::text_of(*given, "roleArn");
    out.template_name = api_call::text_of(*given, "templateName");
  }
  return out;
}

json_out register_ca_certificate(const api_call& call) {
  const std::string mode = call.text("certificateMode").value_or("DEFAULT");
  if (mode != "DEFAULT" && mode != "SNI_ONLY")
    throw aws_error::invalid_request("'certificateMode' must be DEFAULT or SNI_ONLY.");
  const auto made = call.world().register_ca_certificate(
      call.required_text("caCertificate"), mode == "SNI_ONLY" ? certificate_mode::sni_only : certificate_mode::ca_signed,
      call.query_flag("setAsActive", false), call.query_flag("allowAutoRegistration", false), read_registration(call), call.tags());
  return {{"certificateArn", call.world().arn_of("cacert", made->id)}, {"certificateId", made->id}};
}

json_out describe_ca_certificate(const api_call& call) {
  const auto found = call.world().describe_ca_certificate(call.path(0));
  json_out out{{"certificateDescription",
                {{"certificateArn", call.world().arn_of("cacert", found->id)},
                 {"certificateId", found->id},
                 {"status", name_of(found->status)},
                 {"certificatePem", found->pem},
                 {"ownedBy", call.world().options().account},
                 {"creationDate", to_epoch_seconds(found->created)},
                 {"autoRegistrationStatus", found->auto_registration ? "ENABLE" : "DISABLE"},
                 {"lastModifiedDate", to_epoch_seconds(found->modified)},
                 {"customerVersion", found->customer_version},
                 {"generationId", found->generation_id},
                 {"validity", {{"notBefore", to_epoch_seconds(found->not_before)}, {"notAfter", to_epoch_seconds(found->not_after)}}},
                 {"certificateMode", name_of(found->mode)}}}};
  json_out config = json_out::object();
  put_unless_empty(config, "templateBody", found->registration_template_body);
  put_unless_empty(config, "roleArn", found->registration_role_arn);
  put_unless_empty(config, "templateName", found->registration_template_name);
  if (!config.empty()) out["registrationConfig"] = std::move(config);
  return out;
}

json_out list_ca_certificates(const api_call& call) {
  const auto found = call.world().list_ca_certificates(call.query("templateName").value_or(""), call.marker_page());
  return page_of("certificates", found, "nextMarker", [&](const auto& one) -> json_out {
    return {{"certificateArn", call.world().arn_of("cacert", one->id)},
            {"certificateId", one->id},
            {"status", name_of(one->status)},
            {"creationDate", to_epoch_seconds(one->created)}};
  });
}

json_out update_ca_certificate(const api_call& call) {
  std::optional<bool> active, automatic;
  if (const auto status = call.query("newStatus")) active = wants_active(*status, "newStatus");
  if (const auto status = call.query("newAutoRegistrationStatus")) {
    if (*status != "ENABLE" && *status != "DISABLE")
      throw aws_error::invalid_request("'newAutoRegistrationStatus' must be ENABLE or DISABLE.");
    automatic = *status == "ENABLE";
  }
  std::optional<ca_registration> config;
  if (call.object("registrationConfig") != nullptr) config = read_registration(call);
  if (call.flag("removeAutoRegistration").value_or(false)) {
    config = ca_registration{};
    // assumption: what has no registration config registers nothing, unless the same call says otherwise.
    if (!automatic) automatic = false;
  }
  call.world().update_ca_certificate(call.path(0), active, automatic, config);
  return nullptr;
}

json_out delete_ca_certificate(const api_call& call) {
  call.world().delete_ca_certificate(call.path(0));
  return nullptr;
}

}  // namespace

const std::vector<route>& certificate_routes() {
  static const std::vector<route> routes{
      {"POST", "/keys-and-certificate", "CreateKeysAndCertificate", create_keys_and_certificate},
      {"POST", "/certificates", "CreateCertificateFromCsr", create_certificate_from_csr},
      {"POST", "/certificate/register", "RegisterCertificate", register_certificate},
      {"POST", "/certificate/register-no-ca", "RegisterCertificateWithoutCA", register_certificate_without_ca},
      {"GET", "/certificates/{certificateId}", "DescribeCertificate", describe_certificate},
      {"PUT", "/certificates/{certificateId}", "UpdateCertificate", update_certificate},
      {"DELETE", "/certificates/{certificateId}", "DeleteCertificate", delete_certificate},
      {"GET", "/certificates", "ListCertificates", list_certificates},
      {"POST", "/cacertificate", "RegisterCACertificate", register_ca_certificate},
      {"GET", "/cacertificate/{caCertificateId}", "DescribeCACertificate", describe_ca_certificate},
      {"PUT", "/cacertificate/{caCertificateId}", "UpdateCACertificate", update_ca_certificate},
      {"DELETE", "/cacertificate/{caCertificateId}", "DeleteCACertificate", delete_ca_certificate},
      {"GET", "/cacertificates", "ListCACertificates", list_ca_certificates},
  };
  return routes;
}

}  // namespace fleetprov::mock
