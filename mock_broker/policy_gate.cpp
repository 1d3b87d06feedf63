#include <mock_broker/policy_gate.hpp>

#include <mock_broker/event_log.hpp>

#include <fleetprov/core/detail/json_string.hpp>
#include <fleetprov/policies/explain.hpp>
#include <fleetprov/topics/arn.hpp>
#include <fleetprov/topics/fleet_topics.hpp>
#include <fleetprov/topics/topic_filter.hpp>

#include <utility>

namespace fleetprov::mock {
namespace {

constexpr std::size_t max_denials = 1000;

/// What a temporary claim certificate may do without any policy (API Reference, CreateProvisioningClaim): connect, and the
/// topics of both creates and of its own template.
bool claim_allows(const claim_rights& claim, policies::action what, std::string_view name) {
  if (what == policies::action::connect) return true;
  if (what == policies::action::retain_publish) return false;
  const result<topics::fleet_topic> topic = topics::classify(name);
  if (!topic) return false;
  return topic->call != topics::api::register_thing || topic->name->view() == claim.template_name;
}

bool asks_time(const std::vector<policies::named_document>& documents) {
  for (const policies::named_document& named : documents)
    for (const policies::statement& statement : named.document->statements)
      for (const policies::condition& condition : statement.conditions)
        if (policies::detail::equal_folded(condition.key.text, "aws:CurrentTime") ||
            policies::detail::equal_folded(condition.key.text, "aws:EpochTime"))
          return true;
  return false;
}

policies::connect_facts packet_of(const session& whose) {
  policies::connect_facts packet;
  packet.session = whose.clean_start ? policies::session_kind::clean : policies::session_kind::persistent;
  return packet;
}

}  // namespace

std::string to_json(const denial& refused) {
  json_line line;
  line.number("timestamp", refused.at.count())
      .text("clientId", refused.client_id)
      .text("principalId", refused.principal_id)
      .text("action", refused.action)
      .text("resource", refused.resource)
      .text("decision", policies::name_of(refused.decision));
  if (refused.nearest) {
    json_line nearest;
    nearest.text("policy", refused.nearest->policy)
        .text("statement", refused.nearest->statement)
        .text("result", refused.nearest->result)
        .text("detail", refused.nearest->detail);
    line.raw("nearest", nearest.take());
  } else {
    line.raw("nearest", "null");
  }
  line.text("reason", refused.why);
  return line.take();
}

std::string to_sentence(const denial& refused) {
  std::string out = "denied " + refused.action + " of client " + detail::json_string(refused.client_id) + " on " +
                    refused.resource;
  if (refused.nearest) out += " (" + refused.nearest->policy + refused.nearest->statement + ")";
  if (!refused.why.empty()) out += ": " + refused.why;
  return out;
}

void denial_ring::add(denial refused) {
  const std::lock_guard<std::mutex> lock(guard_);
  kept_.push_back(std::move(refused));
  if (kept_.size() > max_denials) kept_.pop_front();
}

std::string denial_ring::to_json() const {
  const std::lock_guard<std::mutex> lock(guard_);
  std::string list;
  for (const denial& refused : kept_) list += (list.empty() ? "" : ",") + mock::to_json(refused);
  return "{\"denials\":[" + list + "]}";
}

void denial_ring::clear() {
  const std::lock_guard<std::mutex> lock(guard_);
  kept_.clear();
}

policy_gate::policy_gate(const registry& world)
    : world_(world), where_{world.options().region, world.options().account} {}

bound_identity& policy_gate::current(session& whose) {
  const std::uint64_t generation = world_.generation();
  const instant now = world_.time().now();
  const std::int64_t second = now.count() / 1000;
  // A change elsewhere in the account must not cost every session a new binding.
  if (whose.identity && whose.identity->generation != generation &&
      world_.last_change_of_rights(whose.certificate_id) <= whose.identity->generation)
    whose.identity->generation = generation;
  if (whose.identity && whose.identity->generation == generation) {
    const bool keeps = !whose.identity->asks_time || whose.identity->epoch_second == second;
    const bool in_time = !whose.identity->claim || whose.identity->claim->expires > now;
    if (keeps && in_time) return *whose.identity;
  }
  auto fresh = std::make_shared<bound_identity>();
  fresh->generation = generation;
  fresh->epoch_second = second;
  principal_view view = world_.view_principal(whose.certificate_id, whose.client_id);
  fresh->status = view.status;
  if (!view.status) fresh->claim = world_.find_claim(whose.certificate_id);
  fresh->policies = std::move(view.policies);
  for (const effective_policy& policy : fresh->policies)
    fresh->documents.push_back({policy.name, policy.document.get()});

  policies::principal_facts who;
  who.client_id = whose.client_id;
  who.certificate_id = whose.certificate_id;
  who.certificate_variables = whose.certificate_variables;
  who.source_ip = whose.source_ip;
  who.epoch_seconds = second;
  who.thing = thing_facts_of(view);
  if (who.thing && who.thing->exclusive) fresh->exclusive_thing = who.thing->name;
  fresh->principal = policies::make_context(who);
  fresh->asks_time = asks_time(fresh->documents);
  fresh->bound = policies::bound_policy::bind(fresh->documents, fresh->principal, where_);
  whose.identity = std::move(fresh);
  return *whose.identity;
}

std::string policy_gate::arn_of(policies::action what, std::string_view name) const {
  return topics::make_arn(where_.region, where_.account, policies::name_of(policies::facts_of(what).takes), name);
}

bool policy_gate::is_active(session& whose) {
  const bound_identity& who = current(whose);
  return who.claim || who.status == certificate_status::active;
}

bool policy_gate::is_claim(session& whose) { return current(whose).claim.has_value(); }

const std::string& policy_gate::exclusive_thing(session& whose) { return current(whose).exclusive_thing; }

bool policy_gate::allows(session& whose, policies::action what, std::string_view name, judged_by how) {
  const bound_identity& who = current(whose);
  if (who.claim) return claim_allows(*who.claim, what, name);
  if (how != judged_by::policies && who.status != certificate_status::active) return false;
  return who.bound.decide(what, name) == policies::decision::allowed;
}

bool policy_gate::allows_connect(session& whose) {
  const bound_identity& who = current(whose);
  if (who.claim) return true;
  if (who.status != certificate_status::active) return false;
  return who.bound.decide_connect(whose.client_id, packet_of(whose)) == policies::decision::allowed;
}

denial policy_gate::explain_rule(const session& whose, policies::action what, std::string_view name,
                                 std::string why) const {
  denial out;
  out.at = world_.time().now();
  out.client_id = whose.client_id;
  out.principal_id = whose.certificate_id;
  out.action = policies::name_of(what);
  out.resource = arn_of(what, name);
  out.why = std::move(why);
  return out;
}

denial policy_gate::explain(session& whose, policies::action what, std::string_view name, judged_by how) {
  const bound_identity& who = current(whose);
  denial out = explain_rule(whose, what, name, {});
  if (who.claim) {
    out.why = "a temporary claim certificate may only use the create operations and template `" +
              who.claim->template_name + "`";
    return out;
  }
  if (!who.status) {
    out.why = world_.why_unknown(whose.certificate_id);
    return out;
  }
  if (how != judged_by::policies && who.status != certificate_status::active) {
    out.why = "the certificate is " + std::string(name_of(*who.status)) + ", not ACTIVE";
    return out;
  }
  policies::request asked{out.action, out.resource, who.principal};
  if (what == policies::action::connect)
    asked.values = policies::with_connect(asked.values, packet_of(whose), where_);
  const policies::verdict verdict = policies::evaluate(who.documents, asked);
  const policies::explanation told = policies::explain(who.documents, asked, verdict);
  out.decision = verdict.answer;
  out.why = who.documents.empty() ? "no policy is attached to the certificate" : told.why;
  if (told.nearest != policies::explanation::none) {
    const policies::statement_trace& nearest = verdict.statements[told.nearest];
    out.nearest = nearest_statement{nearest.policy, nearest.statement, std::string(policies::name_of(nearest.result)),
                                    nearest.detail};
  }
  if (!told.corrected_resource.empty()) out.why += "; would need " + told.corrected_resource;
  return out;
}

}  // namespace fleetprov::mock
