#pragma once

#include <fleetprov/core/secret.hpp>
#include <fleetprov/policies/principal.hpp>
#include <fleetprov/topics/limits.hpp>
#include <mock_broker/certificate_authority.hpp>
#include <mock_broker/clock.hpp>
#include <mock_broker/errors.hpp>
#include <mock_broker/name_rules.hpp>
#include <mock_broker/world.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fleetprov::templates {
struct plan;
}

namespace fleetprov::mock {

struct registry_options {
  std::filesystem::path database;  ///< DIR/state.db, created 0600
  std::string region = policies::arn_scope{}.region;
  std::string account = policies::arn_scope{}.account;
  std::size_t max_policy_versions = topics::limits::max_policy_versions;
  std::size_t max_policies_per_target = topics::limits::max_policies_per_target;
  std::size_t max_template_versions = topics::limits::max_template_versions;
  std::size_t max_templates = topics::limits::max_templates;
  std::size_t max_groups_per_thing = topics::limits::max_groups_per_thing;
  /// False: an expired token deletes its certificate unless ACTIVE and attached (newer text);
  /// true: only if neither ACTIVE nor attached (June 2023 text).
  bool lenient_unclaimed_deletion = false;
};

/// One page of a listing. `from` is the token of the page before (opaque; garbage gives
/// InvalidRequestException), limit 1..250.
struct page_request {
  std::string from;
  std::size_t limit = static_cast<std::size_t>(max_page_limit);
  bool ascending = true;
};
template <class T>
struct page {
  std::vector<T> items;
  std::optional<std::string> next;  ///< absent on the last page
};

template <class T>
using snapshot_of = std::shared_ptr<const T>;

struct thing_properties {
  std::string thing_type, billing_group;
  text_map attributes;
};
enum class attribute_change : std::uint8_t { replace, merge };
struct thing_update {
  std::optional<text_map> attributes;  ///< an empty value removes the attribute
  attribute_change how = attribute_change::replace;
  std::optional<std::string> thing_type;
  bool remove_thing_type = false;
  std::optional<std::int64_t> expected_version;
};
struct thing_filter {
  std::string attribute_name, attribute_value, thing_type;  ///< empty: any
  bool prefix = false;                                      ///< usePrefixAttributeValue
};
struct thing_group_filter {
  std::string parent, name_prefix;  ///< empty: any
  /// Indirect children too. Absent: the direct ones of `parent`, all groups without one.
  std::optional<bool> recursive;
};
struct principal_attachment {
  std::string name;  ///< principal ARN, or thing name, as the call asks
  principal_type type = principal_type::non_exclusive_thing;
};
struct group_ancestor {
  std::string name, arn;
};
struct template_settings {
  std::string name, body, role_arn, description;
  bool enabled = false;
  std::optional<hook_reference> hook;
  template_type type = template_type::fleet_provisioning;
  text_map tags;
};
/// A version, and whether it was the default one at the same moment.
struct template_version_summary {
  template_version_record version;
  bool is_default = false;
};
struct template_update {
  std::optional<std::string> description, role_arn;
  std::optional<bool> enabled;
  std::optional<int> default_version;
  std::optional<hook_reference> hook;
  bool remove_hook = false;
};
/// `registrationConfig`: a JITP template's text and its role, or the name of a template. Without all three: none.
struct ca_registration {
  std::optional<std::string> template_body, role_arn, template_name;

  bool is_given() const noexcept { return template_body || role_arn || template_name; }
};

/// A policy as the gate needs it: the default version, parsed once, shared.
struct effective_policy {
  std::string name;
  std::string version;
  std::shared_ptr<const policies::policy_document> document;
};
/// What the gate needs to know of one connection, read at one moment.
struct principal_view {
  std::optional<certificate_status> status;  ///< empty: not registered
  std::vector<effective_policy> policies;    ///< certificate's, then groups' of the resolved thing; no duplicates
  snapshot_of<thing_record> thing;           ///< null: none resolved (Developer Guide, "Thing policy variables")
  bool exclusive = false;                    ///< attached as EXCLUSIVE_THING
};
/// What policies may say of the view's thing; empty without one. An attribute whose value holds `#` or `+` is
/// not there: put into a `topicfilter/` resource it would widen what the device may subscribe to.
// assumption: AWS's page warns of such values and does not say that they are refused (docs/fidelity.md).
std::optional<policies::thing_facts> thing_facts_of(const principal_view& view);
/// The implicit rights of a temporary claim certificate: connect with any client id, both creates, and
/// `template_name`'s provision.
struct claim_rights {
  std::string template_name;
  instant expires{};
};

/// Certificates whose rights, status or thing may have changed.
struct change_notice {
  std::uint64_t generation = 0;
  std::vector<std::string> certificate_ids;  ///< sorted, unique
};

/// What the certificate of one registration is.
struct registration {
  /// A certificate that no CA of this world has signed: a registered CA must have, as for RegisterCertificate.
  struct registered_ca {
    std::string pem;  ///< which CA; empty: the one that fits
  };

  std::string certificate_id;
  /// Fleet: the token's digest, consumed in the same transaction (an unknown, expired or spent one
  /// refuses). Absent over HTTP and for JITP.
  std::optional<std::string> token_digest;
  /// Certificates to add in the same transaction (HTTP RegisterThing with a CSR or PEM).
  std::optional<certificate_record> new_certificate;
  std::optional<registered_ca> signed_by;  ///< with a PEM
};
struct registration_outcome {
  std::optional<std::string> thing_name;
  std::string certificate_id;
  std::vector<std::string> policy_names;
};
/// Why a registration was refused before anything was written.
enum class registration_fault : std::uint8_t { token, parameters, conflict };
class registration_refused : public std::exception {
 public:
  registration_refused(registration_fault why, std::string message) : why_(why), message_(std::move(message)) {}
  registration_fault why() const noexcept { return why_; }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  registration_fault why_;
  std::string message_;
};

/// The account: everything AWS IoT would remember, in memory and written through to SQLite.
///
/// Every change is computed under a writers' mutex, stored in one SQLite transaction, then applied to
/// memory under a short exclusive lock. Reads take a shared lock only and never wait for SQLite, so they
/// may run on the broker's thread. A change that cannot be stored throws storage_error and changes
/// nothing; refusals throw aws_error and change nothing. All members are thread-safe.
class registry {
 public:
  /// Opens or makes the database. Throws storage_error.
  registry(registry_options how, const clock& time);
  ~registry();
  registry(const registry&) = delete;
  registry& operator=(const registry&) = delete;

  const registry_options& options() const noexcept;
  const clock& time() const noexcept;
  /// `arn:aws:iot:R:A:<type>/<name>`: arn_of("thing", "t1").
  std::string arn_of(std::string_view type, std::string_view name) const;
  std::string certificate_arn(std::string_view id) const { return arn_of("cert", id); }

  // ---- notification ---------------------------------------------------------------------------------
  /// Rises with each change.
  std::uint64_t generation() const noexcept;
  /// The generation since which a certificate's rights, status and thing are what they are, or a later one: whoever read
  /// them at that generation or after need not read them again.
  std::uint64_t last_change_of_rights(const std::string& certificate_id) const;
  /// Called after each change that may alter rights, status or thing of a certificate, on the thread
  /// that made it, with no lock held that a read needs. Must be quick and must not change the registry.
  /// Register before other threads run.
  void on_change(std::function<void(const change_notice&)> listener);

  // ---- reads for the gate ---------------------------------------------------------------------------
  std::optional<certificate_status> status_of(std::string_view certificate_id) const;
  principal_view view_principal(std::string_view certificate_id, std::string_view client_id) const;
  std::optional<claim_rights> find_claim(std::string_view certificate_id) const;  ///< empty when expired
  /// Why a certificate without a record has none, in a sentence: never registered, as far as this run knows, or what
  /// became of it.
  std::string why_unknown(std::string_view certificate_id) const;
  snapshot_of<thing_record> find_thing(std::string_view name) const;
  bool is_attached(std::string_view thing_name, std::string_view certificate_id) const;
  /// The thing that has the certificate for itself alone (EXCLUSIVE_THING).
  std::optional<std::string> exclusive_thing_of(std::string_view certificate_id) const;

  // ---- tags: of policies, provisioning templates, thing types, thing and billing groups, CA certificates
  text_map tags_of(std::string_view resource_arn) const;
  void tag_resource(std::string_view resource_arn, const text_map& tags);
  void untag_resource(std::string_view resource_arn, const std::vector<std::string>& keys);  ///< those that are there

  // ---- policies -------------------------------------------------------------------------------------
  snapshot_of<policy_record> create_policy(std::string_view name, std::string_view document, text_map tags = {});
  snapshot_of<policy_record> get_policy(std::string_view name) const;
  snapshot_of<policy_record> find_policy(std::string_view name) const;  ///< null instead of a refusal
  page<snapshot_of<policy_record>> list_policies(const page_request& which) const;
  void delete_policy(std::string_view name);
  /// The policy as it is then; what was made is its last version. Templates alike.
  snapshot_of<policy_record> create_policy_version(std::string_view name, std::string_view document, bool set_as_default);
  void delete_policy_version(std::string_view name, std::string_view version);
  void set_default_policy_version(std::string_view name, std::string_view version);
  /// `target`: ARN of a certificate or thing group of this account, or a Cognito identity id.
  void attach_policy(std::string_view name, std::string_view target);
  void detach_policy(std::string_view name, std::string_view target);
  /// `recursive`: with a thing group, its ancestors' policies too.
  page<snapshot_of<policy_record>> list_attached_policies(std::string_view target, bool recursive,
                                                          const page_request& which) const;
  page<std::string> list_targets_for_policy(std::string_view name, const page_request& which) const;  ///< ARNs
  /// GetEffectivePolicies: `principal` (ARN, may be empty) and the groups of `thing_name` (may be empty).
  std::vector<snapshot_of<policy_record>> effective_policies(std::string_view principal, std::string_view thing_name) const;

  // ---- certificates ---------------------------------------------------------------------------------
  snapshot_of<certificate_record> add_certificate(const issued_certificate& issued, certificate_status status);
  snapshot_of<certificate_record> register_certificate(std::string_view pem, std::string_view ca_pem,
                                                       certificate_status status);
  snapshot_of<certificate_record> register_certificate_without_ca(std::string_view pem, certificate_status status);
  snapshot_of<certificate_record> describe_certificate(std::string_view id) const;
  snapshot_of<certificate_record> find_certificate(std::string_view id) const;
  void update_certificate(std::string_view id, certificate_status status);
  void delete_certificate(std::string_view id, bool force);
  page<snapshot_of<certificate_record>> list_certificates(const page_request& which) const;

  snapshot_of<ca_certificate_record> register_ca_certificate(std::string_view pem, certificate_mode mode, bool active,
                                                             bool auto_registration,
                                                             const ca_registration& config = {}, text_map tags = {});
  snapshot_of<ca_certificate_record> describe_ca_certificate(std::string_view id) const;
  /// `template_name`: of the registration config; empty: any.
  page<snapshot_of<ca_certificate_record>> list_ca_certificates(std::string_view template_name,
                                                                const page_request& which) const;
  void update_ca_certificate(std::string_view id, std::optional<bool> active, std::optional<bool> auto_registration,
                             const std::optional<ca_registration>& config = std::nullopt);
  void delete_ca_certificate(std::string_view id);

  // ---- provisioning templates -----------------------------------------------------------------------
  snapshot_of<template_record> create_template(const template_settings& wanted);
  /// The hook of a template that is not there yet, for its first creation unless that names one (a JITP template has
  /// none). A template that is created again has only what it is created with.
  void await_template(std::string_view name, const hook_reference& hook);
  snapshot_of<template_record> describe_template(std::string_view name) const;
  snapshot_of<template_record> find_template(std::string_view name) const;
  page<snapshot_of<template_record>> list_templates(const page_request& which) const;
  void update_template(std::string_view name, const template_update& wanted);
  void delete_template(std::string_view name);
  snapshot_of<template_record> create_template_version(std::string_view name, std::string_view body, bool set_as_default);
  template_version_summary describe_template_version(std::string_view name, int version) const;
  page<template_version_summary> list_template_versions(std::string_view name, const page_request& which) const;
  void delete_template_version(std::string_view name, int version);

  // ---- things, types, groups ------------------------------------------------------------------------
  snapshot_of<thing_record> create_thing(std::string_view name, const thing_properties& wanted);
  snapshot_of<thing_record> describe_thing(std::string_view name) const;
  page<snapshot_of<thing_record>> list_things(const thing_filter& filter, const page_request& which) const;
  void update_thing(std::string_view name, const thing_update& wanted);
  void delete_thing(std::string_view name, std::optional<std::int64_t> expected_version);

  void attach_thing_principal(std::string_view thing_name, std::string_view principal, principal_type type);
  void detach_thing_principal(std::string_view thing_name, std::string_view principal);
  page<principal_attachment> list_thing_principals(std::string_view thing_name, std::optional<principal_type> type,
                                                   const page_request& which) const;
  page<principal_attachment> list_principal_things(std::string_view principal, std::optional<principal_type> type,
                                                   const page_request& which) const;

  snapshot_of<thing_type_record> create_thing_type(thing_type_record wanted);
  snapshot_of<thing_type_record> describe_thing_type(std::string_view name) const;
  page<snapshot_of<thing_type_record>> list_thing_types(std::string_view name_filter, const page_request& which) const;
  void deprecate_thing_type(std::string_view name, bool undo);
  void delete_thing_type(std::string_view name);

  snapshot_of<thing_group_record> create_thing_group(thing_group_record wanted);
  snapshot_of<thing_group_record> describe_thing_group(std::string_view name) const;
  std::vector<group_ancestor> thing_group_ancestors(std::string_view name) const;  ///< root first, without itself
  page<snapshot_of<thing_group_record>> list_thing_groups(const thing_group_filter& filter,
                                                          const page_request& which) const;
  void delete_thing_group(std::string_view name, std::optional<std::int64_t> expected_version = std::nullopt);
  /// Name or ARN for each.
  void add_thing_to_group(std::string_view group, std::string_view thing);
  void remove_thing_from_group(std::string_view group, std::string_view thing);
  page<group_ancestor> list_groups_for_thing(std::string_view thing_name, const page_request& which) const;
  page<std::string> list_things_in_group(std::string_view group, bool recursive, const page_request& which) const;

  snapshot_of<billing_group_record> create_billing_group(billing_group_record wanted);
  snapshot_of<billing_group_record> describe_billing_group(std::string_view name) const;
  page<snapshot_of<billing_group_record>> list_billing_groups(std::string_view name_prefix,
                                                              const page_request& which) const;
  void delete_billing_group(std::string_view name, std::optional<std::int64_t> expected_version = std::nullopt);

  // ---- provisioning ---------------------------------------------------------------------------------
  /// MQTT create: the certificate as PENDING_ACTIVATION with its token, one transaction.
  snapshot_of<certificate_record> add_pending_certificate(const issued_certificate& issued, token_record token);
  std::optional<token_record> find_token(std::string_view digest) const;  ///< empty when expired
  void spend_token(std::string_view digest);                              ///< `--strict token-once`
  void add_claim(const claim_record& claim);
  /// Checks every precondition, then applies the plan and consumes the token in one transaction.
  /// Throws registration_refused or storage_error.
  registration_outcome register_thing(const templates::plan& plan, const registration& subject);
  /// Deletes expired tokens with their unclaimed certificates, and expired claims, as of now.
  /// Returns the ids of the certificates deleted.
  std::vector<std::string> apply_expiry();
  std::optional<instant> next_expiry() const;  ///< the earliest moment `apply_expiry` would do something

  // ---- starts ---------------------------------------------------------------------------------------
  /// What `set_start_note` gave last, in this or an earlier run; empty where nothing did.
  std::optional<std::string> start_note_of(std::string_view name) const;
  /// Stores nothing where the text is the same.
  void set_start_note(std::string_view name, std::string_view text);

  // ---- whole world ----------------------------------------------------------------------------------
  /// Remembers the world as it is (the folder's state at this start), awaited templates included; `restore` brings it back.
  void take_snapshot();
  void restore_snapshot();

  /// The most pages `state.db` may grow to: how tests fill the disk.
  void limit_storage(int pages);

 private:
  struct state;
  std::unique_ptr<state> state_;
};

/// Lower-case hex SHA-256 of a token's text: what the registry stores.
std::string digest_of(const secret& token);

}  // namespace fleetprov::mock
