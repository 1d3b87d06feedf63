#include <fleetprov/json/document.hpp>
#include <fleetprov/policies/render.hpp>
#include <fleetprov/templates/check.hpp>
#include <fleetprov/templates/kinds.hpp>
#include <fleetprov/templates/request.hpp>
#include <fleetprov/topics/arn.hpp>
#include <fleetprov/topics/fleet_topics.hpp>
#include <mock_broker/documents.hpp>
#include <mock_broker/embedded.hpp>
#include <mock_broker/files.hpp>
#include <mock_broker/mock_files.hpp>
#include <mock_broker/seed.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>

namespace fleetprov::mock {
namespace {

constexpr const char* device_policy_name = "sample-device";
constexpr const char* template_name_text = "fleet-basic";
constexpr std::string_view claim_policy_name = "sample-claim";
/// As many as fit the 2048 characters of a policy, with the longest names.
constexpr std::size_t templates_per_claim_policy = 4;

class seeding {
 public:
  seeding(registry& world, const certificate_authority& authority, std::filesystem::path directory,
          const seed_options& wanted)
      : world_(world), authority_(authority), directory_(std::move(directory)), wanted_(wanted) {}

  seed_report run() {
    for (const named_text& policy : wanted_.policies) put_policy(policy.name, policy.text);
    for (const named_text& one : wanted_.templates) put_template(one);
    if (!wanted_.empty) add_defaults();
    for (const auto& [name, lambda] : wanted_.hooks) put_hook(name, lambda);
    return report();
  }

 private:
  /// A changed document becomes the new default version.
  void put_policy(const std::string& name, const std::string& text) {
    const auto found = world_.find_policy(name);
    if (!found) {
      world_.create_policy(name, text);
      return;
    }
    if (found->default_version_record().document == text) return;
    if (found->versions.size() >= world_.options().max_policy_versions) {
      const auto oldest = std::find_if(found->versions.begin(), found->versions.end(),
                                       [&](const policy_version_record& v) { return v.id != found->default_version; });
      world_.delete_policy_version(name, oldest->id);
    }
    world_.create_policy_version(name, text, true);
  }

  struct template_text {
    std::string body, description;
    template_type type = template_type::fleet_provisioning;
    std::optional<hook_reference> hook;
  };

  /// A file may hold the template itself or the whole input of CreateProvisioningTemplate.
  static template_text read(const std::string& text) {
    template_text out;
    out.body = text;
    const auto source = json::document::from_text(text);
    if (!source.value) return out;  // the registry's own check says what is wrong
    if (templates::is_creation_request(*source.value)) {
      const auto request = templates::parse_creation_request(*source.value);
      if (request.value && request.value->template_body) {
        out.body = *request.value->template_body;
        out.description = request.value->description.value_or("");
        if (request.value->kind == templates::template_kind::jitp) out.type = template_type::jitp;
        if (request.value->hook_target_arn) out.hook = hook_reference{"2020-04-01", *request.value->hook_target_arn};
      }
    } else if (templates::detect_kind(*source.value) == templates::document_kind::jitp_template) {
      out.type = template_type::jitp;
    }
    return out;
  }

  void put_template(const named_text& wanted) {
    const template_text text = read(wanted.text);
    const auto found = world_.find_template(wanted.name);
    if (!found) {
      template_settings made;
      made.name = wanted.name;
      made.body = text.body;
      made.description = text.description;
      made.role_arn = "arn:" + std::string(topics::partition_of(world_.options().region)) + ":iam::" +
                      world_.options().account + ":role/fleetprov-provisioning";
      made.enabled = true;
      made.type = text.type;
      made.hook = text.hook;
      world_.create_template(made);
      return;
    }
    if (found->default_version_record().body != text.body) add_version(*found, text.body);
    if (!found->enabled) {
      template_update enable;
      enable.enabled = true;
      world_.update_template(wanted.name, enable);
    }
  }

  void add_version(const template_record& found, const std::string& body) {
    if (found.versions.size() >= world_.options().max_template_versions) {
      const auto oldest = std::find_if(found.versions.begin(), found.versions.end(), [&](const template_version_record& v) {
        return v.id != found.default_version;
      });
      world_.delete_template_version(found.name, oldest->id);
    }
    world_.create_template_version(found.name, body, true);
  }

  void put_hook(const std::string& name, const std::string& lambda) {
    const std::string arn = "arn:" + std::string(topics::partition_of(world_.options().region)) + ":lambda:" +
                            world_.options().region + ":" + world_.options().account + ":function:" + lambda;
    const hook_reference hook{"2020-04-01", arn};
    // Into an empty world the template comes later.
    if (wanted_.empty && !world_.find_template(name)) return world_.await_template(name, hook);
    const auto found = world_.describe_template(name);
    if (found->hook && found->hook->target_arn == arn) return;
    template_update change;
    change.hook = hook;
    world_.update_template(name, change);
  }

  // ---- defaults -------------------------------------------------------------------------------------

  void add_defaults() {
    if (!world_.find_policy(device_policy_name)) world_.create_policy(device_policy_name, device_policy());
    if (!world_.find_template(template_name_text))
      put_template({template_name_text, std::string(embedded::fleet_basic_template)});
    claim_id_ = make_claim_certificate();
    const std::string arn = world_.certificate_arn(*claim_id_);
    if (wanted_.claim_policy) {
      put_policy(wanted_.claim_policy->name, wanted_.claim_policy->text);
      for (const std::string& name : attached_policies(arn))
        if (name != wanted_.claim_policy->name) world_.detach_policy(name, arn);
      world_.attach_policy(wanted_.claim_policy->name, arn);
      return;
    }
    put_default_claim_policies(arn);
  }

  std::string device_policy() const {
    auto source = json::document::from_text(std::string(embedded::sample_device_policy));
    policies::render_values values;
    values.region = world_.options().region;
    values.account = world_.options().account;
    const auto rendered = source.value ? policies::render(*source.value, values) : outcome<std::string>{};
    if (!rendered.value) throw std::runtime_error("the built-in device policy cannot be rendered");
    return *rendered.value;
  }

  std::vector<std::string> attached_policies(const std::string& arn) const {
    std::vector<std::string> out;
    for (const auto& policy : world_.list_attached_policies(arn, false, {}).items) out.push_back(policy->name);
    return out;
  }

  /// The certificate of claim.pem.crt, made anew where a file is missing or does not belong to the mock.
  std::string make_claim_certificate() {
    const mock_files files = mock_files_in(directory_);
    const auto pem = read_file(files.claim_certificate);
    const bool has_key = std::filesystem::exists(files.claim_key);
    const auto facts = pem && has_key ? read_certificate(*pem) : std::nullopt;
    if (facts && is_signed_by(*pem, authority_.device_ca_pem())) {
      if (!world_.find_certificate(facts->id))
        world_.add_certificate({facts->id, facts->pem, facts->not_before, facts->not_after}, certificate_status::active);
      return facts->id;
    }
    const key_pair keys = generate_rsa_key();
    const issued_certificate issued = authority_.issue_for_key(keys.private_key, world_.time().now());
    // Files first: a start that is killed here finds them and registers the certificate.
    write_file(files.claim_key, keys.private_key.reveal(), file_access::owner_only);
    write_file(files.claim_certificate, issued.pem, file_access::everyone_reads);
    world_.add_certificate(issued, certificate_status::active);
    return issued.id;
  }

  /// `arn:...:topic/<request topic>` with `*` for what follows the operation's last slash: the topic of
  /// each format and of its answers.
  std::string operation_arn(const char* type, topics::api call, std::optional<topics::template_name> name) const {
    topics::fleet_topic topic;
    topic.call = call;
    topic.name = name;
    const auto text = topics::build(topic);
    const std::string_view all = text.view();
    return world_.arn_of(type, std::string(all.substr(0, all.rfind('/') + 1)) + "*");
  }

  std::string claim_document(const std::vector<std::string>& names) const {
    nlohmann::ordered_json statements = nlohmann::ordered_json::array();
    statements.push_back({{"Effect", "Allow"}, {"Action", "iot:Connect"}, {"Resource", "*"}});
    const auto resources = [&](const char* type) {
      auto out = nlohmann::ordered_json::array();
      out.push_back(operation_arn(type, topics::api::create_keys_and_certificate, std::nullopt));
      out.push_back(operation_arn(type, topics::api::create_certificate_from_csr, std::nullopt));
      for (const std::string& name : names)
        if (const auto parsed = topics::template_name::parse(name))
          out.push_back(operation_arn(type, topics::api::register_thing, *parsed));
      return out;
    };
    statements.push_back(
        {{"Effect", "Allow"}, {"Action", {"iot:Publish", "iot:Receive"}}, {"Resource", resources("topic")}});
    statements.push_back({{"Effect", "Allow"}, {"Action", "iot:Subscribe"}, {"Resource", resources("topicfilter")}});
    return nlohmann::ordered_json{{"Version", "2012-10-17"}, {"Statement", std::move(statements)}}.dump(2);
  }

  bool names_template(const std::string& document, const std::string& name) const {
    const auto parsed = topics::template_name::parse(name);
    return parsed && document.find(operation_arn("topic", topics::api::register_thing, *parsed)) != std::string::npos;
  }

  /// Templates that the default claim policies have named so far stay; the command line's come on top.
  void put_default_claim_policies(const std::string& arn) {
    std::set<std::string> names{template_name_text};
    for (const named_text& one : wanted_.templates) names.insert(one.name);
    const std::vector<std::string> attached = attached_policies(arn);
    bool has_own = false;
    for (const std::string& policy : attached) {
      const bool is_default = policy.compare(0, claim_policy_name.size(), claim_policy_name) == 0;
      has_own = has_own || !is_default;
      if (!is_default) continue;
      const std::string document = world_.get_policy(policy)->default_version_record().document;
      for (const std::string& name : all_templates())
        if (names_template(document, name)) names.insert(name);
    }
    // A claim that somebody gave another policy keeps it: a second start finds the same world.
    if (has_own && wanted_.templates.empty()) return;
    const std::vector<std::string> all(names.begin(), names.end());
    for (std::size_t first = 0; first < all.size(); first += templates_per_claim_policy) {
      const std::size_t last = std::min(all.size(), first + templates_per_claim_policy);
      const std::vector<std::string> some(all.begin() + static_cast<std::ptrdiff_t>(first),
                                          all.begin() + static_cast<std::ptrdiff_t>(last));
      const std::string name = std::string(claim_policy_name) +
                               (first == 0 ? "" : "-" + std::to_string(first / templates_per_claim_policy + 1));
      put_policy(name, claim_document(some));
      world_.attach_policy(name, arn);
    }
  }

  template <class List>
  static std::vector<std::string> all_names(List&& list) {
    std::vector<std::string> out;
    page_request which;
    for (bool more = true; more;) {
      const auto listed = list(which);
      for (const auto& one : listed.items) out.push_back(one->name);
      more = listed.next.has_value();
      which.from = listed.next.value_or("");
    }
    return out;
  }
  std::vector<std::string> all_policies() const {
    return all_names([&](const page_request& which) { return world_.list_policies(which); });
  }
  std::vector<std::string> all_templates() const {
    return all_names([&](const page_request& which) { return world_.list_templates(which); });
  }

  seed_report report() const {
    seed_report out;
    out.claim_certificate_id = claim_id_;
    out.policies = all_policies();
    out.templates = all_templates();
    std::sort(out.policies.begin(), out.policies.end());
    std::sort(out.templates.begin(), out.templates.end());
    return out;
  }

  registry& world_;
  const certificate_authority& authority_;
  std::filesystem::path directory_;
  const seed_options& wanted_;
  std::optional<std::string> claim_id_;
};

}  // namespace

seed_report seed_default_world(registry& world, const certificate_authority& authority,
                               const std::filesystem::path& directory, const seed_options& wanted) {
  return seeding(world, authority, std::filesystem::absolute(directory), wanted).run();
}

}  // namespace fleetprov::mock
