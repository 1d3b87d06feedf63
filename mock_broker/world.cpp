#include <fleetprov/policies/document.hpp>
#include <fleetprov/templates/document.hpp>
#include <mock_broker/documents.hpp>
#include <mock_broker/errors.hpp>
#include <mock_broker/tables.hpp>
#include <mock_broker/world.hpp>

#include <nlohmann/json.hpp>

#include <array>

namespace fleetprov::mock {
namespace {

using nlohmann::json;

template <class Enum, std::size_t N>
std::optional<Enum> parse_name(const std::array<Enum, N>& all, std::string_view text) noexcept {
  for (const Enum one : all)
    if (name_of(one) == text) return one;
  return std::nullopt;
}

constexpr std::array<certificate_status, 6> all_statuses{
    certificate_status::active,           certificate_status::inactive,          certificate_status::revoked,
    certificate_status::pending_transfer, certificate_status::register_inactive, certificate_status::pending_activation};
constexpr std::array<principal_type, 2> all_principal_types{principal_type::non_exclusive_thing,
                                                            principal_type::exclusive_thing};
constexpr std::array<template_type, 2> all_template_types{template_type::fleet_provisioning, template_type::jitp};

std::int64_t ms(instant at) { return static_cast<std::int64_t>(at.count()); }
instant ms(const json& at) { return instant(at.get<std::int64_t>()); }
certificate_status status_from(const json& text) {
  const auto out = parse_certificate_status(text.get<std::string>());
  if (!out) throw storage_error("state.db: unknown certificate status");
  return *out;
}
certificate_mode mode_from(const json& text) {
  return text.get<std::string>() == "SNI_ONLY" ? certificate_mode::sni_only : certificate_mode::ca_signed;
}

}  // namespace

std::string_view name_of(certificate_status status) noexcept {
  switch (status) {
    case certificate_status::active: return "ACTIVE";
    case certificate_status::inactive: return "INACTIVE";
    case certificate_status::revoked: return "REVOKED";
    case certificate_status::pending_transfer: return "PENDING_TRANSFER";
    case certificate_status::register_inactive: return "REGISTER_INACTIVE";
    case certificate_status::pending_activation: return "PENDING_ACTIVATION";
  }
  return "INACTIVE";
}
std::optional<certificate_status> parse_certificate_status(std::string_view text) noexcept {
  return parse_name(all_statuses, text);
}
std::string_view name_of(certificate_mode mode) noexcept {
  return mode == certificate_mode::sni_only ? "SNI_ONLY" : "DEFAULT";
}
std::string_view name_of(principal_type type) noexcept {
  return type == principal_type::exclusive_thing ? "EXCLUSIVE_THING" : "NON_EXCLUSIVE_THING";
}
std::optional<principal_type> parse_principal_type(std::string_view text) noexcept {
  return parse_name(all_principal_types, text);
}
std::string_view name_of(template_type type) noexcept {
  return type == template_type::jitp ? "JITP" : "FLEET_PROVISIONING";
}
std::optional<template_type> parse_template_type(std::string_view text) noexcept {
  return parse_name(all_template_types, text);
}

const policy_version_record* policy_record::find_version(std::string_view id) const noexcept {
  for (const policy_version_record& v : versions)
    if (v.id == id) return &v;
  return nullptr;
}
const policy_version_record& policy_record::default_version_record() const {
  const policy_version_record* found = find_version(default_version);
  return found != nullptr ? *found : versions.back();
}
const template_version_record* template_record::find_version(int id) const noexcept {
  for (const template_version_record& v : versions)
    if (v.id == id) return &v;
  return nullptr;
}
const template_version_record& template_record::default_version_record() const {
  const template_version_record* found = find_version(default_version);
  return found != nullptr ? *found : versions.back();
}

std::string encode_record(const certificate_record& r) {
  return json{{"id", r.id},
              {"pem", r.pem},
              {"status", name_of(r.status)},
              {"mode", name_of(r.mode)},
              {"caCertificateId", r.ca_certificate_id},
              {"created", ms(r.created)},
              {"modified", ms(r.modified)},
              {"notBefore", ms(r.not_before)},
              {"notAfter", ms(r.not_after)},
              {"customerVersion", r.customer_version},
              {"generationId", r.generation_id}}
      .dump();
}
template <>
certificate_record decode_record(const std::string& body) {
  const json j = json::parse(body);
  certificate_record r;
  r.id = j.at("id");
  r.pem = j.at("pem");
  r.status = status_from(j.at("status"));
  r.mode = mode_from(j.at("mode"));
  r.ca_certificate_id = j.at("caCertificateId");
  r.created = ms(j.at("created"));
  r.modified = ms(j.at("modified"));
  r.not_before = ms(j.at("notBefore"));
  r.not_after = ms(j.at("notAfter"));
  r.customer_version = j.at("customerVersion");
  r.generation_id = j.at("generationId");
  return r;
}

std::string encode_record(const ca_certificate_record& r) {
  return json{{"id", r.id},
              {"pem", r.pem},
              {"status", name_of(r.status)},
              {"autoRegistration", r.auto_registration},
              {"mode", name_of(r.mode)},
              {"templateBody", r.registration_template_body},
              {"roleArn", r.registration_role_arn},
              {"templateName", r.registration_template_name},
              {"created", ms(r.created)},
              {"modified", ms(r.modified)},
              {"notBefore", ms(r.not_before)},
              {"notAfter", ms(r.not_after)},
              {"customerVersion", r.customer_version},
              {"generationId", r.generation_id},
              {"tags", r.tags}}
      .dump();
}
template <>
ca_certificate_record decode_record(const std::string& body) {
  const json j = json::parse(body);
  ca_certificate_record r;
  r.id = j.at("id");
  r.pem = j.at("pem");
  r.status = status_from(j.at("status"));
  r.auto_registration = j.at("autoRegistration");
  r.mode = mode_from(j.at("mode"));
  r.registration_template_body = j.at("templateBody");
  r.registration_role_arn = j.at("roleArn");
  r.registration_template_name = j.at("templateName");
  r.created = ms(j.at("created"));
  r.modified = ms(j.at("modified"));
  r.not_before = ms(j.at("notBefore"));
  r.not_after = ms(j.at("notAfter"));
  r.customer_version = j.at("customerVersion");
  r.generation_id = j.at("generationId");
  r.tags = j.value("tags", text_map{});  // not in records of older versions
  return r;
}

std::string encode_record(const policy_record& r) {
  json versions = json::array();
  for (const policy_version_record& v : r.versions)
    versions.push_back({{"id", v.id}, {"document", v.document}, {"created", ms(v.created)}});
  return json{{"name", r.name},
              {"defaultVersion", r.default_version},
              {"versions", std::move(versions)},
              {"nextVersion", r.next_version},
              {"created", ms(r.created)},
              {"modified", ms(r.modified)},
              {"generationId", r.generation_id},
              {"tags", r.tags}}
      .dump();
}
template <>
policy_record decode_record(const std::string& body) {
  const json j = json::parse(body);
  policy_record r;
  r.name = j.at("name");
  r.default_version = j.at("defaultVersion");
  r.next_version = j.at("nextVersion");
  r.created = ms(j.at("created"));
  r.modified = ms(j.at("modified"));
  r.generation_id = j.at("generationId");
  r.tags = j.at("tags").get<text_map>();
  for (const json& v : j.at("versions")) {
    std::string document = v.at("document");
    auto parsed = read_stored_policy(document);
    r.versions.push_back({v.at("id"), std::move(document), ms(v.at("created")), std::move(parsed)});
  }
  if (r.versions.empty()) throw storage_error("state.db: a policy without versions");
  return r;
}

std::string encode_record(const thing_record& r) {
  return json{{"name", r.name},       {"id", r.id},
              {"thingType", r.thing_type}, {"billingGroup", r.billing_group},
              {"attributes", r.attributes}, {"version", r.version},
              {"created", ms(r.created)}}
      .dump();
}
template <>
thing_record decode_record(const std::string& body) {
  const json j = json::parse(body);
  thing_record r;
  r.name = j.at("name");
  r.id = j.at("id");
  r.thing_type = j.at("thingType");
  r.billing_group = j.at("billingGroup");
  r.attributes = j.at("attributes").get<text_map>();
  r.version = j.at("version");
  r.created = ms(j.at("created"));
  return r;
}

std::string encode_record(const thing_type_record& r) {
  return json{{"name", r.name},
              {"id", r.id},
              {"description", r.description},
              {"searchableAttributes", r.searchable_attributes},
              {"mqtt5Configuration", r.mqtt5_configuration},
              {"deprecated", r.deprecated},
              {"created", ms(r.created)},
              {"deprecationDate", ms(r.deprecation_date)},
              {"tags", r.tags}}
      .dump();
}
template <>
thing_type_record decode_record(const std::string& body) {
  const json j = json::parse(body);
  thing_type_record r;
  r.name = j.at("name");
  r.id = j.at("id");
  r.description = j.at("description");
  r.searchable_attributes = j.at("searchableAttributes").get<std::vector<std::string>>();
  r.mqtt5_configuration = j.value("mqtt5Configuration", "");
  r.deprecated = j.at("deprecated");
  r.created = ms(j.at("created"));
  r.deprecation_date = ms(j.at("deprecationDate"));
  r.tags = j.at("tags").get<text_map>();
  return r;
}

std::string encode_record(const thing_group_record& r) {
  return json{{"name", r.name},
              {"id", r.id},
              {"parent", r.parent},
              {"description", r.description},
              {"attributes", r.attributes},
              {"version", r.version},
              {"created", ms(r.created)},
              {"tags", r.tags}}
      .dump();
}
template <>
thing_group_record decode_record(const std::string& body) {
  const json j = json::parse(body);
  thing_group_record r;
  r.name = j.at("name");
  r.id = j.at("id");
  r.parent = j.at("parent");
  r.description = j.at("description");
  r.attributes = j.at("attributes").get<text_map>();
  r.version = j.at("version");
  r.created = ms(j.at("created"));
  r.tags = j.at("tags").get<text_map>();
  return r;
}

std::string encode_record(const billing_group_record& r) {
  return json{{"name", r.name},       {"id", r.id},        {"description", r.description},
              {"version", r.version}, {"created", ms(r.created)}, {"tags", r.tags}}
      .dump();
}
template <>
billing_group_record decode_record(const std::string& body) {
  const json j = json::parse(body);
  billing_group_record r;
  r.name = j.at("name");
  r.id = j.at("id");
  r.description = j.at("description");
  r.version = j.at("version");
  r.created = ms(j.at("created"));
  r.tags = j.at("tags").get<text_map>();
  return r;
}

std::string encode_record(const template_record& r) {
  json versions = json::array();
  for (const template_version_record& v : r.versions)
    versions.push_back({{"id", v.id}, {"body", v.body}, {"created", ms(v.created)}});
  json out{{"name", r.name},
           {"description", r.description},
           {"roleArn", r.role_arn},
           {"enabled", r.enabled},
           {"type", name_of(r.type)},
           {"defaultVersion", r.default_version},
           {"nextVersion", r.next_version},
           {"versions", std::move(versions)},
           {"created", ms(r.created)},
           {"modified", ms(r.modified)},
           {"tags", r.tags}};
  if (r.hook) out["hook"] = {{"payloadVersion", r.hook->payload_version}, {"targetArn", r.hook->target_arn}};
  return out.dump();
}
template <>
template_record decode_record(const std::string& body) {
  const json j = json::parse(body);
  template_record r;
  r.name = j.at("name");
  r.description = j.at("description");
  r.role_arn = j.at("roleArn");
  r.enabled = j.at("enabled");
  r.type = parse_template_type(j.at("type").get<std::string>()).value_or(template_type::fleet_provisioning);
  r.default_version = j.at("defaultVersion");
  r.next_version = j.at("nextVersion");
  r.created = ms(j.at("created"));
  r.modified = ms(j.at("modified"));
  r.tags = j.at("tags").get<text_map>();
  if (j.contains("hook")) r.hook = hook_reference{j["hook"].at("payloadVersion"), j["hook"].at("targetArn")};
  for (const json& v : j.at("versions")) {
    std::string text = v.at("body");
    auto parsed = read_stored_template(text, r.type);
    r.versions.push_back({v.at("id"), std::move(text), ms(v.at("created")), std::move(parsed)});
  }
  if (r.versions.empty()) throw storage_error("state.db: a template without versions");
  return r;
}

std::string encode_record(const token_record& r) {
  return json{{"digest", r.digest},         {"certificateId", r.certificate_id}, {"deadline", ms(r.deadline)},
              {"connection", r.connection}, {"clientId", r.client_id},           {"spent", r.spent}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}
template <>
token_record decode_record(const std::string& body) {
  const json j = json::parse(body);
  token_record r;
  r.digest = j.at("digest");
  r.certificate_id = j.at("certificateId");
  r.deadline = ms(j.at("deadline"));
  // A connection does not outlive the process that numbered it.
  r.connection = 0;
  r.client_id = j.at("clientId");
  r.spent = j.at("spent");
  return r;
}

std::string encode_record(const claim_record& r) {
  return json{{"certificateId", r.certificate_id},
              {"pem", r.pem},
              {"templateName", r.template_name},
              {"expires", ms(r.expires)}}
      .dump();
}
template <>
claim_record decode_record(const std::string& body) {
  const json j = json::parse(body);
  return {j.at("certificateId"), j.at("pem"), j.at("templateName"), ms(j.at("expires"))};
}

std::string encode_record(const start_note& r) { return json{{"name", r.name}, {"text", r.text}}.dump(); }
template <>
start_note decode_record(const std::string& body) {
  const json j = json::parse(body);
  return {j.at("name"), j.at("text")};
}

std::vector<std::string_view> all_table_names() {
  std::vector<std::string_view> out;
  std::apply(
      [&](const auto&... each) {
        (out.push_back(table_name(static_cast<typename std::decay_t<decltype(each)>::mapped_type::element_type*>(nullptr))),
         ...);
      },
      tables{});
  for (const relation which : {relation::policy_targets, relation::thing_principals, relation::group_things})
    out.push_back(table_name(which));
  return out;
}

namespace {

template <class Record>
void load_table(const database& from, table<Record>& to) {
  from.for_each(table_name(static_cast<const Record*>(nullptr)),
                [&](const std::string& name, const std::string&, const std::string& body) {
                  to[name] = std::make_shared<const Record>(decode_record<Record>(body));
                });
}

}  // namespace

world load_world(const database& from) {
  world out;
  try {
    std::apply([&](auto&... each) { (load_table(from, each), ...); }, out.records);
  } catch (const json::exception& broken) {
    throw storage_error(std::string("state.db holds a broken record: ") + broken.what());
  }
  for (const relation which : {relation::policy_targets, relation::thing_principals, relation::group_things})
    from.for_each(table_name(which), [&](const std::string& name, const std::string& part, const std::string& body) {
      out.pairs_of(which).set(name, part, body);
    });
  return out;
}

}  // namespace fleetprov::mock
