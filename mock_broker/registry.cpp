#include <fleetprov/core/detail/hex.hpp>
#include <fleetprov/policies/document.hpp>
#include <fleetprov/topics/template_name.hpp>
#include <fleetprov/topics/thing_name.hpp>
#include <mock_broker/registry_state.hpp>

#include <openssl/evp.h>

#include <array>
#include <cstdio>

namespace fleetprov::mock {
namespace {

/// The certificates on whose rights a set of changes may act.
class reach {
 public:
  explicit reach(const world& in) : in_(in) {}

  void principal(std::string_view key) {
    if (const auto id = certificate_of_key(key); !id.empty()) certificates.insert(std::string(id));
    if (const auto group = group_of_key(key); !group.empty()) whole_group(group);
  }
  void thing(std::string_view name) {
    for (const auto& [key, note] : in_.pairs_of(relation::thing_principals).from(name)) principal(key);
  }
  void policy(std::string_view name) {
    for (const auto& [key, note] : in_.pairs_of(relation::policy_targets).from(name)) principal(key);
  }
  void whole_group(std::string_view name) {
    if (!seen_.insert(std::string(name)).second) return;
    for (const auto& [member, note] : in_.pairs_of(relation::group_things).from(name)) thing(member);
    for (const auto& [child, group] : in_.all<thing_group_record>())
      if (group->parent == name) whole_group(child);
  }
  void changes(const draft& staged) {
    for (const std::string& id : staged.changed<certificate_record>()) certificates.insert(id);
    for (const std::string& id : staged.changed<claim_record>()) certificates.insert(id);
    for (const std::string& name : staged.changed<policy_record>()) policy(name);
    for (const std::string& name : staged.changed<thing_record>()) thing(name);
    staged.for_each_link([&](relation which, const std::string& from, const std::string& to) {
      if (which == relation::group_things) thing(to);
      else principal(to);
      // A certificate's exclusive thing depends on its other things too; they share the certificate.
      if (which == relation::thing_principals) thing(from);
    });
  }

  std::set<std::string> certificates;

 private:
  const world& in_;
  std::set<std::string> seen_;
};

}  // namespace

registry::state::state(registry_options options, const clock& clock_to_use)
    : how(std::move(options)),
      time(&clock_to_use),
      store(how.database, all_table_names()),
      account(load_world(store)) {}

void registry::state::commit(const draft& staged) {
  if (staged.empty()) return;
  reach before(account);
  before.changes(staged);
  store.apply(staged.rows());
  {
    const std::unique_lock<std::shared_mutex> exclusive(memory);
    staged.apply_to(account);
  }
  reach after(account);
  after.changes(staged);
  after.certificates.merge(before.certificates);
  const std::uint64_t now_at = generation.load() + 1;
  rights.set(after.certificates, now_at);  // first: who sees the new generation must see what it changed
  generation.store(now_at);
  if (after.certificates.empty()) return;
  const change_notice notice{now_at, {after.certificates.begin(), after.certificates.end()}};
  for (const auto& listener : listeners) listener(notice);
}

registry::registry(registry_options how, const clock& time) : state_(std::make_unique<state>(std::move(how), time)) {}
registry::~registry() = default;

const registry_options& registry::options() const noexcept { return state_->how; }
const clock& registry::time() const noexcept { return *state_->time; }
std::string registry::arn_of(std::string_view type, std::string_view name) const { return state_->arn(type, name); }
std::uint64_t registry::generation() const noexcept { return state_->generation.load(); }
std::uint64_t registry::last_change_of_rights(const std::string& certificate_id) const {
  return state_->rights.last(certificate_id);
}
void registry::on_change(std::function<void(const change_notice&)> listener) {
  const std::lock_guard<std::mutex> alone(state_->writing);
  state_->listeners.push_back(std::move(listener));
}
void registry::limit_storage(int pages) {
  const std::lock_guard<std::mutex> alone(state_->writing);
  state_->store.limit_pages(pages);
}

// ---- reads for the gate -----------------------------------------------------------------------------

namespace {

std::optional<std::string> exclusive_thing(const world& in, std::string_view certificate_id) {
  for (const auto& [thing, type] : in.pairs_of(relation::thing_principals).to(certificate_key(certificate_id)))
    if (type == name_of(principal_type::exclusive_thing)) return thing;
  return std::nullopt;
}

bool attached(const world& in, std::string_view thing, std::string_view certificate_id) {
  const pairs& principals = in.pairs_of(relation::thing_principals).from(thing);
  return principals.find(certificate_key(certificate_id)) != principals.end();
}

void add_policies(const world& in, const std::string& target, std::set<std::string>& seen,
                  std::vector<snapshot_of<policy_record>>& out) {
  for (const auto& [name, note] : in.pairs_of(relation::policy_targets).to(target)) {
    if (!seen.insert(name).second) continue;
    if (auto policy = in.find<policy_record>(name)) out.push_back(std::move(policy));
  }
}

}  // namespace

std::optional<certificate_status> registry::status_of(std::string_view certificate_id) const {
  return state_->read([&](const world& in) -> std::optional<certificate_status> {
    const auto found = in.find<certificate_record>(certificate_id);
    if (!found) return std::nullopt;
    return found->status;
  });
}

std::optional<policies::thing_facts> thing_facts_of(const principal_view& view) {
  if (!view.thing) return std::nullopt;
  policies::thing_facts out;
  out.name = view.thing->name;
  if (!view.thing->thing_type.empty()) out.type = view.thing->thing_type;
  for (const auto& [name, value] : view.thing->attributes)
    if (value.find_first_of("#+") == std::string::npos) out.attributes.emplace(name, value);
  out.exclusive = view.exclusive;
  return out;
}

principal_view registry::view_principal(std::string_view certificate_id, std::string_view client_id) const {
  return state_->read([&](const world& in) {
    principal_view out;
    const auto certificate = in.find<certificate_record>(certificate_id);
    if (!certificate) return out;
    out.status = certificate->status;
    if (const auto alone = exclusive_thing(in, certificate_id)) {
      out.exclusive = true;
      out.thing = in.find<thing_record>(*alone);
    } else if (attached(in, client_id, certificate_id)) {
      out.thing = in.find<thing_record>(client_id);
    }
    std::set<std::string> seen;
    std::vector<snapshot_of<policy_record>> held;
    add_policies(in, certificate_key(certificate_id), seen, held);
    if (out.thing)
      for (const std::string& group : groups_with_ancestors(in, out.thing->name))
        add_policies(in, group_key(group), seen, held);
    out.policies.reserve(held.size());
    for (const auto& policy : held) {
      const policy_version_record& version = policy->default_version_record();
      out.policies.push_back({policy->name, version.id, version.parsed});
    }
    return out;
  });
}

std::optional<claim_rights> registry::find_claim(std::string_view certificate_id) const {
  const instant now = state_->now();
  return state_->read([&](const world& in) -> std::optional<claim_rights> {
    const auto found = in.find<claim_record>(certificate_id);
    if (!found || found->expires <= now) return std::nullopt;
    return claim_rights{found->template_name, found->expires};
  });
}

std::string registry::why_unknown(std::string_view certificate_id) const {
  const auto expired = state_->read([&](const world& in) { return in.find<claim_record>(certificate_id); });
  if (expired) return end_of_claim(*expired);
  return state_->endings.find(certificate_id).value_or("the certificate is not registered");
}

snapshot_of<thing_record> registry::find_thing(std::string_view name) const {
  return state_->read([&](const world& in) { return in.find<thing_record>(name); });
}

bool registry::is_attached(std::string_view thing_name, std::string_view certificate_id) const {
  return state_->read([&](const world& in) { return attached(in, thing_name, certificate_id); });
}

std::optional<std::string> registry::exclusive_thing_of(std::string_view certificate_id) const {
  return state_->read([&](const world& in) { return exclusive_thing(in, certificate_id); });
}

std::vector<snapshot_of<policy_record>> registry::effective_policies(std::string_view principal,
                                                                     std::string_view thing_name) const {
  const std::string key = principal.empty() ? std::string() : principal_key(state_->how, principal);
  return state_->read([&](const world& in) {
    if (!thing_name.empty() && !in.find<thing_record>(thing_name))
      throw aws_error::not_found("Thing " + std::string(thing_name) + " does not exist in your account");
    check_target(draft(in), key);
    std::vector<snapshot_of<policy_record>> out;
    std::set<std::string> seen;
    if (!key.empty()) add_policies(in, key, seen, out);
    if (const auto group = group_of_key(key); !group.empty()) {
      auto at = in.find<thing_group_record>(group);
      for (; at && !at->parent.empty(); at = in.find<thing_group_record>(at->parent))
        add_policies(in, group_key(at->parent), seen, out);
    }
    if (!thing_name.empty())
      for (const std::string& group : groups_with_ancestors(in, thing_name))
        add_policies(in, group_key(group), seen, out);
    return out;
  });
}

// ---- starts -----------------------------------------------------------------------------------------

std::optional<std::string> registry::start_note_of(std::string_view name) const {
  return state_->read([&](const world& in) -> std::optional<std::string> {
    const auto found = in.find<start_note>(name);
    if (!found) return std::nullopt;
    return found->text;
  });
}

void registry::set_start_note(std::string_view name, std::string_view text) {
  if (start_note_of(name) == text) return;
  state_->write([&](draft& staged) { staged.put(start_note{std::string(name), std::string(text)}); });
}

// ---- whole world ------------------------------------------------------------------------------------

void registry::take_snapshot() {
  const std::lock_guard<std::mutex> alone(state_->writing);
  state_->snapshot = state_->account;
  state_->awaited_in_snapshot = state_->awaited;
}

namespace {

template <class Record>
void stage_difference(draft& staged, const table<Record>& is, const table<Record>& was) {
  for (const auto& [key, record] : is)
    if (was.find(key) == was.end()) staged.erase<Record>(key);
  for (const auto& [key, record] : was) {
    const auto at = is.find(key);
    if (at == is.end() || at->second != record) staged.put_shared<Record>(record);
  }
}

void stage_difference(draft& staged, relation which, const pair_index& is, const pair_index& was) {
  is.for_each([&](const std::string& from, const std::string& to, const std::string&) {
    if (was.from(from).find(to) == was.from(from).end()) staged.unlink(which, from, to);
  });
  was.for_each([&](const std::string& from, const std::string& to, const std::string& note) {
    const auto at = is.from(from).find(to);
    if (at == is.from(from).end() || at->second != note) staged.link(which, from, to, note);
  });
}

}  // namespace

void registry::restore_snapshot() {
  state_->write([&](draft& staged) {
    if (!state_->snapshot) return;
    const world& is = state_->account;
    const world& was = *state_->snapshot;
    std::apply(
        [&](const auto&... each) {
          (stage_difference(staged, each, std::get<std::decay_t<decltype(each)>>(was.records)), ...);
        },
        is.records);
    for (const relation which : {relation::policy_targets, relation::thing_principals, relation::group_things})
      stage_difference(staged, which, is.pairs_of(which), was.pairs_of(which));
  });
  const std::lock_guard<std::mutex> alone(state_->writing);
  state_->awaited = state_->awaited_in_snapshot;
  state_->rights.clear(state_->generation.load());
  state_->store.release_memory();
}

// ---- names, ARNs, pages -----------------------------------------------------------------------------

std::string_view certificate_of_key(std::string_view key) noexcept {
  return key.substr(0, 5) == "cert/" ? key.substr(5) : std::string_view();
}
std::string_view group_of_key(std::string_view key) noexcept {
  return key.substr(0, 11) == "thinggroup/" ? key.substr(11) : std::string_view();
}

std::string principal_key(const registry_options& how, std::string_view principal) {
  if (principal.substr(0, 4) != "arn:") {
    // A Cognito identity: `region:uuid`.
    const bool plausible = principal.size() <= 2048 && principal.find(':') != std::string_view::npos &&
                           principal.find_first_of(" \t\r\n/") == std::string_view::npos;
    if (!plausible) throw aws_error::invalid_request("Invalid principal: neither an ARN nor an identity id");
    return std::string(principal);
  }
  const auto parsed = topics::parse_arn(principal);
  if (!parsed || parsed->service != "iot") throw aws_error::invalid_request("Invalid ARN: " + std::string(principal));
  if (parsed->region != how.region || parsed->account != how.account)
    throw aws_error::not_found("The specified resource does not exist (another account or region): " +
                               std::string(principal));
  const auto named = topics::split_resource(parsed->resource);
  if ((named.type != "cert" && named.type != "thinggroup") || named.name.empty())
    throw aws_error::invalid_request("Not a certificate or thing group: " + std::string(principal));
  return std::string(parsed->resource);
}

std::string principal_text(const registry_options& how, std::string_view key) {
  if (certificate_of_key(key).empty() && group_of_key(key).empty()) return std::string(key);
  const auto named = topics::split_resource(key);
  return topics::make_arn(how.region, how.account, named.type, named.name);
}

std::string name_from(const registry_options& how, std::string_view type, std::string_view name_or_arn) {
  if (name_or_arn.substr(0, 4) != "arn:") return std::string(name_or_arn);
  const auto parsed = topics::parse_arn(name_or_arn);
  if (!parsed || parsed->service != "iot") throw aws_error::invalid_request("Invalid ARN: " + std::string(name_or_arn));
  const auto named = topics::split_resource(parsed->resource);
  if (named.type != type) throw aws_error::invalid_request("Not an ARN of a " + std::string(type));
  if (parsed->region != how.region || parsed->account != how.account) throw aws_error::not_found();
  return std::string(named.name);
}

void check_target(const draft& in, std::string_view key) {
  if (const auto id = certificate_of_key(key); !id.empty() && !in.find<certificate_record>(id))
    throw aws_error::not_found("Invalid principal. The certificate does not exist: " + std::string(id));
  if (const auto group = group_of_key(key); !group.empty() && !in.find<thing_group_record>(group))
    throw aws_error::not_found("Thing group " + std::string(group) + " does not exist in your account");
}

void refuse_value(std::string_view field, std::string_view value, std::string_view constraint) {
  std::string shown(value.substr(0, 200));
  shown.resize(find_invalid_utf8(shown));
  throw aws_error::invalid_request("1 validation error detected: Value '" + shown + "' at '" + std::string(field) +
                                   "' failed to satisfy constraint: " + std::string(constraint));
}

/// AWS's framework looks at the length before it looks at the pattern.
void check_length(std::string_view field, std::string_view value, std::size_t most) {
  if (value.empty()) refuse_value(field, value, "Member must have length greater than or equal to 1");
  if (value.size() > most) refuse_value(field, value, "Member must have length less than or equal to " + std::to_string(most));
}

void check_page_limit(std::string_view field, std::int64_t limit) {
  if (limit < 1) refuse_value(field, std::to_string(limit), "Member must have value greater than or equal to 1");
  if (limit > max_page_limit)
    refuse_value(field, std::to_string(limit), "Member must have value less than or equal to " + std::to_string(max_page_limit));
}

void check_thing_name(std::string_view field, std::string_view name) {
  check_length(field, name, topics::limits::max_thing_name);
  if (!topics::validate_thing_name(name))
    refuse_value(field, name, "Member must satisfy regular expression pattern: [a-zA-Z0-9:_-]{1,128}");
}
void check_policy_name(std::string_view field, std::string_view name) {
  check_length(field, name, topics::limits::max_policy_name);
  if (!topics::validate_policy_name(name))
    refuse_value(field, name, "Member must satisfy regular expression pattern: [\\w+=,.@-]{1,128}");
}
void check_template_name(std::string_view name) {
  check_length("templateName", name, topics::limits::max_template_name);
  if (!topics::template_name::parse(name))
    refuse_value("templateName", name, "Member must satisfy regular expression pattern: ^[0-9A-Za-z_-]{1,36}$");
}
void check_certificate_id(std::string_view field, std::string_view id) {
  if (!topics::validate_certificate_id(id))
    refuse_value(field, id, "Member must satisfy regular expression pattern: (0x)?[a-fA-F0-9]+ and have length 64");
}
void check_policy_version(std::string_view version) {
  if (version.empty() || version.find_first_not_of("0123456789") != std::string_view::npos)
    refuse_value("policyVersionId", version, "Member must satisfy regular expression pattern: [0-9]+");
}

void check_attribute_name(std::string_view field, std::string_view name) {
  if (!topics::validate_attribute_name(name))
    refuse_value(field, name, "Member must satisfy regular expression pattern: [a-zA-Z0-9_.,@/:#-]{1,128}");
}

void check_attribute_value(std::string_view field, std::string_view value) {
  if (!topics::validate_attribute_value(value))
    refuse_value(field, value, "Member must satisfy regular expression pattern: [a-zA-Z0-9_.,@/:#=\\[\\]-]* and have at most 800 characters");
}

void check_attributes(const text_map& attributes, bool has_thing_type) {
  namespace limits = topics::limits;
  const std::size_t most = has_thing_type ? limits::max_attributes : limits::max_attributes_untyped;
  if (attributes.size() > most)
    throw aws_error::invalid_request("A thing " + std::string(has_thing_type ? "with" : "without") +
                                     " a thing type can have at most " + std::to_string(most) + " attributes");
  for (const auto& [name, value] : attributes) {
    check_attribute_name("attributes", name);
    check_attribute_value("attributes", value);
  }
}

void merge_attributes(text_map& into, const text_map& given) {
  for (const auto& [name, value] : given) {
    if (value.empty()) into.erase(name);
    else into[name] = value;
  }
}

std::string digest_of(const secret& token) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  const std::string_view text = token.reveal();
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1)
    throw std::runtime_error("no SHA-256");
  return detail::to_hex(digest.data(), size);
}

std::set<std::string> groups_with_ancestors(const world& in, std::string_view thing) {
  std::set<std::string> out;
  for (const auto& [name, note] : in.pairs_of(relation::group_things).to(thing)) {
    std::string group = name;
    while (!group.empty() && out.insert(group).second) {
      const auto record = in.find<thing_group_record>(group);
      group = record ? record->parent : std::string();
    }
  }
  return out;
}

std::string encode_page_token(std::string_view key) {
  return detail::to_hex(reinterpret_cast<const unsigned char*>(key.data()), key.size());
}

std::string decode_page_token(std::string_view token) {
  std::string out;
  bool good = token.size() % 2 == 0 && token.size() <= 4096;
  for (std::size_t i = 0; good && i < token.size(); i += 2) {
    const int high = detail::hex_value(token[i]), low = detail::hex_value(token[i + 1]);
    good = high >= 0 && low >= 0;
    out += static_cast<char>(high * 16 + low);
  }
  if (!good) throw aws_error::invalid_request("Invalid token for the next page");
  return out;
}

std::string creation_key(instant created, std::string_view name) {
  std::array<char, 24> digits{};
  std::snprintf(digits.data(), digits.size(), "%020lld ", static_cast<long long>(created.count()));
  return digits.data() + std::string(name);
}

}  // namespace fleetprov::mock
