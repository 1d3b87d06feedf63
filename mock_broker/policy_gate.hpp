#pragma once

#include <fleetprov/policies/bound_policy.hpp>
#include <fleetprov/policies/evaluate.hpp>
#include <fleetprov/policies/principal.hpp>
#include <mock_broker/registry.hpp>
#include <mock_broker/session_book.hpp>

#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fleetprov::mock {

/// The statement that came nearest to granting (or that denied) an action.
struct nearest_statement {
  std::string policy, statement, result, detail;
};

/// One refused action, for the log, stderr and `/_mock/denials`.
struct denial {
  instant at{};
  std::string client_id, principal_id;
  std::string action;    ///< "iot:Publish"
  std::string resource;  ///< the ARN that would have to be granted
  policies::decision decision = policies::decision::implicit_deny;
  std::optional<nearest_statement> nearest;
  std::string why;  ///< a sentence for people
};

/// A member of `{"denials":[...]}` (docs/mock.md).
std::string to_json(const denial& refused);
/// `denied iot:Publish of client "c1" on arn:...: <why>`
std::string to_sentence(const denial& refused);

/// The last refusals. Thread-safe.
class denial_ring {
 public:
  void add(denial refused);
  std::string to_json() const;
  void clear();

 private:
  mutable std::mutex guard_;
  std::deque<denial> kept_;
};

/// The will of an established session is sent also when the session ends because its certificate is no longer ACTIVE
/// (Developer Guide, "Lifecycle events"): only the policies judge it.
enum class judged_by : std::uint8_t { status_and_policies, policies };

/// Decides what sessions may do from the registry as it is at the moment. The
/// rights of a session are read once and read again when the registry has changed. Broker thread only.
class policy_gate {
 public:
  explicit policy_gate(const registry& world);

  /// Only ACTIVE certificates, and temporary claims within their time, may do anything.
  bool is_active(session& whose);
  bool is_claim(session& whose);
  /// The thing that owns the certificate exclusively; empty when there is none.
  const std::string& exclusive_thing(session& whose);

  /// connect: the client id; publish, retain_publish, receive: the topic; subscribe: the filter as sent.
  bool allows(session& whose, policies::action what, std::string_view name,
              judged_by how = judged_by::status_and_policies);
  /// The CONNECT itself; the will is not known yet (it is checked when it is published).
  bool allows_connect(session& whose);

  /// Why it was refused. Slow; for refusals only.
  denial explain(session& whose, policies::action what, std::string_view name,
                 judged_by how = judged_by::status_and_policies);
  /// A refusal that no policy can lift.
  denial explain_rule(const session& whose, policies::action what, std::string_view name, std::string why) const;

  std::string arn_of(policies::action what, std::string_view name) const;

 private:
  bound_identity& current(session& whose);

  const registry& world_;
  policies::arn_scope where_;
};

/// The rights of one session as last read.
struct bound_identity {
  std::uint64_t generation = 0;
  std::int64_t epoch_second = 0;
  std::optional<certificate_status> status;
  std::optional<claim_rights> claim;
  std::vector<effective_policy> policies;  ///< keeps the documents alive
  std::vector<policies::named_document> documents;
  policies::context principal;
  policies::bound_policy bound;
  bool asks_time = false;  ///< a condition reads the clock: bound anew each second
  std::string exclusive_thing;  ///< empty: none
};

}  // namespace fleetprov::mock
