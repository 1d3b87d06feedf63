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
#include <iterator>
#include <set>
#include <sstream>

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
    look_back();
    move_built_ins();
    for (const named_text& policy : wanted_.policies) put_policy(policy);
    for (const named_text& one : wanted_.templates) put_template(one);
    if (!wanted_.empty) {
      const bool is_first = stage_ != seeded;
      if (is_first) make_defaults();
      put_claim(is_first);
      stage_ = seeded;
    }
    for (const auto& [name, lambda] : wanted_.hooks) put_hook(name, lambda);
    world_.set_start_note("region", world_.options().region);
    world_.set_start_note("account", world_.options().account);
    world_.set_start_note("world", stage_);
    return report();
  }

 private:
  // ---- what earlier starts have left ------------------------------------------------------------------
  //
  // A folder is seeded once; from then on what the API makes, changes or deletes stays as it is. Notes say how far a
  // seeding came and what the command line gave last, so that only what it gives anew acts:
  //   world                  how far the defaults are
  //   region, account        of the last start
  //   given policy NAME, given template NAME     digest of the document as last given
  //   built-in NAME          digest of the mock's own document of that policy as last written
  //   claim templates NAME   what the mock's own claim policy of that name lets the claim use
  //   claims NAME            a template of the command line that the claim was let use
  //   claim certificate      the id of the certificate in claim.pem.crt
  //   claim policy           the last --claim-policy
  static constexpr const char* bare = "empty";       ///< no defaults were asked for yet
  static constexpr const char* seeding_now = "seeding";
  static constexpr const char* seeded = "seeded";

  std::optional<std::string> note(const std::string& name) const { return world_.start_note_of(name); }
  static std::string digest(const std::string& text) { return digest_of(secret(std::string_view(text))); }
  /// Whether the last start that gave this document gave the same.
  bool is_given_again(const std::string& key, const std::string& text) const { return note(key) == digest(text); }
  void warn(std::string words) { warnings_.push_back(std::move(words)); }
  void warn_deleted(const std::string& what) {
    warn(what + " was deleted through the API and stays deleted; a changed document or another folder brings it back");
  }

  void look_back() {
    stage_ = note("world").value_or("");
    if (!stage_.empty()) return;
    stage_ = bare;
    // A folder of a version that took no notes: what is there is kept.
    is_unnoted_ = !all_policies().empty() || !all_templates().empty() || !world_.list_certificates({}).items.empty();
    if (!is_unnoted_ || !std::filesystem::exists(mock_files_in(directory_).claim_certificate)) return;
    stage_ = seeded;
    if (world_.find_template(template_name_text))
      world_.set_start_note(std::string("given template ") + template_name_text, digest(std::string(embedded::fleet_basic_template)));
    for (const std::string& name : all_policies()) {
      const std::string document = default_document(name);
      if (name == device_policy_name) {
        if (document == device_policy()) note_built_in(name, document);
        continue;
      }
      std::vector<std::string> named;
      for (const std::string& one : all_templates())
        if (names_template(document, one)) named.push_back(one);
      if (name.compare(0, claim_policy_name.size(), claim_policy_name) == 0 && document == claim_document(named))
        note_claim_policy(name, document, named);
    }
  }

  /// In another region or account the mock's own policies would fit no device any more. Those that are still as the mock
  /// wrote them get a version for where it is now.
  void move_built_ins() {
    const auto region = note("region");
    const auto account = note("account");
    if (!region || !account || (*region == world_.options().region && *account == world_.options().account)) return;
    bool has_moved = false;
    for (const std::string& name : all_policies()) {
      if (!is_built_in(name)) continue;
      const std::string document = name == device_policy_name ? device_policy() : claim_document(claim_templates(name));
      add_version(*world_.get_policy(name), document);
      note_built_in(name, document);
      has_moved = true;
    }
    warn("this folder was made for region " + *region + " and account " + *account + "; " +
         (has_moved ? "the mock's own policies have a new version, other " : "its ") + "policies, templates and hooks keep their ARNs");
  }

  std::string default_document(const std::string& policy) const { return world_.get_policy(policy)->default_version_record().document; }
  /// Whether the policy's default version is what the mock wrote.
  bool is_built_in(const std::string& name) const {
    const auto written = note("built-in " + name);
    return written && *written == digest(default_document(name));
  }
  void note_built_in(const std::string& name, const std::string& document) { world_.set_start_note("built-in " + name, digest(document)); }
  void note_claim_policy(const std::string& name, const std::string& document, const std::vector<std::string>& templates) {
    std::string all;
    for (const std::string& one : templates) all += (all.empty() ? "" : " ") + one;
    world_.set_start_note("claim templates " + name, all);
    note_built_in(name, document);
  }
  std::vector<std::string> claim_templates(const std::string& policy) const {
    std::istringstream all(note("claim templates " + policy).value_or(""));
    return {std::istream_iterator<std::string>(all), std::istream_iterator<std::string>()};
  }

  // ---- documents of the command line ------------------------------------------------------------------

  void put_policy(const named_text& wanted) {
    const std::string key = "given policy " + wanted.name;
    const auto found = world_.find_policy(wanted.name);
    if (is_given_again(key, wanted.text)) {
      if (!found) warn_deleted("policy `" + wanted.name + "`");
      return;
    }
    if (!found)
      world_.create_policy(wanted.name, wanted.text);
    else if (!is_held(*found, wanted.text, &policy_version_record::document))
      add_version(*found, wanted.text);
    world_.set_start_note(key, digest(wanted.text));
  }

  /// Whether there is nothing to add: the text is the default version, or one that a start without notes may have given.
  template <class Record, class Version>
  bool is_held(const Record& found, const std::string& text, std::string Version::*member) const {
    if (found.default_version_record().*member == text) return true;
    return is_unnoted_ && std::any_of(found.versions.begin(), found.versions.end(), [&](const Version& v) { return v.*member == text; });
  }

  /// The new default version; the oldest other one goes where there is no room.
  void add_version(const policy_record& found, const std::string& text) {
    if (found.versions.size() >= world_.options().max_policy_versions) {
      const auto oldest = std::find_if(found.versions.begin(), found.versions.end(),
                                       [&](const policy_version_record& v) { return v.id != found.default_version; });
      world_.delete_policy_version(found.name, oldest->id);
    }
    world_.create_policy_version(found.name, text, true);
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
    const std::string key = "given template " + wanted.name;
    const auto found = world_.find_template(wanted.name);
    if (is_given_again(key, wanted.text)) {
      if (!found) warn_deleted("template `" + wanted.name + "`");
      return;
    }
    const bool is_first = !note(key) && !is_unnoted_;
    const template_text text = read(wanted.text);
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
    } else {
      if (!is_held(*found, text.body, &template_version_record::body)) add_version(*found, text.body);
      if (is_first && !found->enabled) {
        template_update enable;
        enable.enabled = true;
        world_.update_template(wanted.name, enable);
      }
    }
    world_.set_start_note(key, digest(wanted.text));
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
    if (!world_.find_template(name) && note("given template " + name)) return warn_deleted("template `" + name + "`, which --hook names,");
    const auto found = world_.describe_template(name);
    if (found->hook && found->hook->target_arn == arn) return;
    template_update change;
    change.hook = hook;
    world_.update_template(name, change);
  }

  // ---- defaults -------------------------------------------------------------------------------------

  /// A start that is killed in here goes on where it was: what has the mock's names already is taken.
  void make_defaults() {
    world_.set_start_note("world", seeding_now);
    put_built_in(device_policy_name, device_policy());
    if (!world_.find_template(template_name_text))
      put_template({template_name_text, std::string(embedded::fleet_basic_template)});
  }

  void put_built_in(const std::string& name, const std::string& document) {
    if (!world_.find_policy(name)) world_.create_policy(name, document);
    if (default_document(name) == document) note_built_in(name, document);
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

  struct claim_certificate {
    std::string id;
    bool is_new = false;  ///< has no policies yet
  };

  /// The certificate of claim.pem.crt, made anew where a file is missing or does not belong to the mock. Empty where the API
  /// has deleted it.
  std::optional<claim_certificate> find_claim_certificate() {
    const mock_files files = mock_files_in(directory_);
    const auto noted = note("claim certificate");
    const auto pem = read_file(files.claim_certificate);
    const bool has_key = std::filesystem::exists(files.claim_key);
    const auto facts = pem && has_key ? read_certificate(*pem) : std::nullopt;
    if (facts && is_signed_by(*pem, authority_.device_ca_pem())) {
      const bool is_known = noted == facts->id || (!noted && is_unnoted_);
      if (world_.find_certificate(facts->id)) return claim_certificate{facts->id, !is_known};
      if (is_known) {
        warn("the certificate in " + files.claim_certificate.string() +
             " was deleted through the API and stays deleted; without that file and its key the next start makes another");
        return std::nullopt;
      }
      world_.add_certificate({facts->id, facts->pem, facts->not_before, facts->not_after}, certificate_status::active);
      return claim_certificate{facts->id, true};
    }
    const key_pair keys = generate_rsa_key();
    const issued_certificate issued = authority_.issue_for_key(keys.private_key, world_.time().now());
    // Files first: a start that is killed here finds them and registers the certificate.
    write_file(files.claim_key, keys.private_key.reveal(), file_access::owner_only);
    write_file(files.claim_certificate, issued.pem, file_access::everyone_reads);
    world_.add_certificate(issued, certificate_status::active);
    return claim_certificate{issued.id, true};
  }

  void put_claim(bool is_first) {
    if (wanted_.claim_policy) put_policy(*wanted_.claim_policy);
    const auto claim = find_claim_certificate();
    if (!claim) return;
    claim_id_ = claim->id;
    const std::string arn = world_.certificate_arn(claim->id);
    if (claim->is_new && !is_first) inherit_policies(arn);
    if (wanted_.claim_policy)
      give_only(wanted_.claim_policy->name, arn, claim->is_new);
    else
      let_use_templates(arn, is_first);
    world_.set_start_note("claim certificate", claim->id);
  }

  /// A certificate made in place of another gets the other's policies, or what the mock gave the one before it.
  void inherit_policies(const std::string& arn) {
    const std::string before = note("claim certificate").value_or("");
    if (world_.find_certificate(before)) {
      for (const std::string& name : attached_policies(world_.certificate_arn(before))) world_.attach_policy(name, arn);
      return;
    }
    for (const std::string& name : all_policies())
      if (note("claim templates " + name) || note("claim policy") == name) world_.attach_policy(name, arn);
  }

  void give_only(const std::string& policy, const std::string& arn, bool is_new_claim) {
    const std::vector<std::string> attached = attached_policies(arn);
    const bool has_it = std::find(attached.begin(), attached.end(), policy) != attached.end();
    if (!is_new_claim && (note("claim policy") == policy || (is_unnoted_ && has_it))) {
      world_.set_start_note("claim policy", policy);
      return;
    }
    if (!world_.find_policy(policy)) return;
    for (const std::string& name : attached)
      if (name != policy) world_.detach_policy(name, arn);
    world_.attach_policy(policy, arn);
    world_.set_start_note("claim policy", policy);
  }

  std::vector<std::string> attached_policies(const std::string& arn) const {
    std::vector<std::string> out;
    for (const auto& policy : world_.list_attached_policies(arn, false, {}).items) out.push_back(policy->name);
    return out;
  }

  /// The claim may use the templates that the command line names for the first time, and `fleet-basic` from the beginning:
  /// by the mock's own policies where they have room, by a further one otherwise. Policies of others are not touched.
  void let_use_templates(const std::string& arn, bool is_first) {
    std::set<std::string> wanted;
    if (is_first) wanted.insert(template_name_text);
    for (const named_text& one : wanted_.templates)
      if (!note("claims " + one.name)) wanted.insert(one.name);
    const std::vector<std::string> attached = attached_policies(arn);
    std::vector<std::string> fresh;
    for (const std::string& name : wanted)
      if (std::none_of(attached.begin(), attached.end(), [&](const auto& policy) { return names_template(default_document(policy), name); }))
        fresh.push_back(name);
    for (const std::string& policy : attached) {
      std::vector<std::string> names = claim_templates(policy);
      if (fresh.empty() || names.empty() || names.size() >= templates_per_claim_policy || !is_built_in(policy)) continue;
      take_some(fresh, names);
      const std::string document = claim_document(names);
      add_version(*world_.get_policy(policy), document);
      note_claim_policy(policy, document, names);
    }
    while (!fresh.empty()) {
      std::vector<std::string> names;
      take_some(fresh, names);
      attach_new_claim_policy(names, arn);
    }
    for (const named_text& one : wanted_.templates) world_.set_start_note("claims " + one.name, "yes");
  }

  /// Moves as many names as one policy has room for.
  static void take_some(std::vector<std::string>& from, std::vector<std::string>& to) {
    const auto count = static_cast<std::ptrdiff_t>(std::min(from.size(), templates_per_claim_policy - to.size()));
    to.insert(to.end(), from.begin(), from.begin() + count);
    from.erase(from.begin(), from.begin() + count);
  }

  void attach_new_claim_policy(const std::vector<std::string>& names, const std::string& arn) {
    const std::string document = claim_document(names);
    for (int number = 1;; ++number) {
      const std::string name = std::string(claim_policy_name) + (number == 1 ? "" : "-" + std::to_string(number));
      if (world_.find_policy(name) && default_document(name) != document) continue;
      put_built_in(name, document);
      note_claim_policy(name, document, names);
      world_.attach_policy(name, arn);
      return;
    }
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
    out.warnings = warnings_;
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
  std::string stage_;
  bool is_unnoted_ = false;
  std::vector<std::string> warnings_;
};

}  // namespace

seed_report seed_default_world(registry& world, const certificate_authority& authority,
                               const std::filesystem::path& directory, const seed_options& wanted) {
  return seeding(world, authority, std::filesystem::absolute(directory), wanted).run();
}

}  // namespace fleetprov::mock
