#include <fleetprov/core/detail/json_string.hpp>
#include <fleetprov/crypto/certificate_variables.hpp>
#include <fleetprov/payloads/codec.hpp>
#include <fleetprov/payloads/messages.hpp>
#include <fleetprov/policies/evaluate.hpp>
#include <fleetprov/policies/principal.hpp>
#include <fleetprov/templates/document.hpp>
#include <fleetprov/templates/evaluate.hpp>
#include <fleetprov/templates/hook.hpp>
#include <fleetprov/topics/limits.hpp>
#include <mock_broker/credential_pool.hpp>
#include <mock_broker/documents.hpp>
#include <mock_broker/event_log.hpp>
#include <mock_broker/fleet_service.hpp>
#include <mock_broker/hook_runner.hpp>
#include <mock_broker/random.hpp>
#include <mock_broker/worker_pool.hpp>

#include <openssl/evp.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <new>
#include <set>
#include <thread>

namespace fleetprov::mock {
namespace {

namespace limits = topics::limits;
using std::chrono::seconds;

/// A rejected reply on its way up.
struct rejection {
  refusal why;
  std::string message;
};

/// AWS's own words.
constexpr const char* empty_token_message = "Certificate ownership token cannot be empty.";

secret make_token() {
  auto bytes = random_bytes<48>();
  std::array<unsigned char, 65> text{};
  EVP_EncodeBlock(text.data(), bytes.data(), static_cast<int>(bytes.size()));
  wipe(bytes.data(), bytes.size());
  for (unsigned char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  secret out(std::string_view(reinterpret_cast<const char*>(text.data()), 64));
  wipe(text.data(), text.size());
  return out;
}

std::string first_error(const std::vector<diagnostic>& found) {
  for (const diagnostic& d : found)
    if (d.level == severity::error) return d.message.substr(0, 1000);
  return "the template cannot be evaluated";
}

/// Calls per second with a burst of one second's worth.
class token_bucket {
 public:
  bool take(double per_second) {
    const auto now = std::chrono::steady_clock::now();
    if (!started_) {
      level_ = per_second;
      started_ = true;
    } else {
      level_ = std::min(per_second, level_ + std::chrono::duration<double>(now - at_).count() * per_second);
    }
    at_ = now;
    if (level_ < 1) return false;
    level_ -= 1;
    return true;
  }

 private:
  double level_ = 0;
  bool started_ = false;
  std::chrono::steady_clock::time_point at_;
};

/// One call over MQTT, alive until its reply is given.
struct call {
  requester from;
  topics::fleet_topic topic;
  secret payload;  // may hold an ownership token
  // RegisterThing, filled on the way:
  payloads::register_thing_request asked;
  std::string digest, certificate_id;
  snapshot_of<template_record> by;
};
using call_ptr = std::shared_ptr<call>;

const std::uint8_t* bytes_of(const secret& payload) {
  return reinterpret_cast<const std::uint8_t*>(payload.reveal().data());
}

template <class Message>
Message decode_payload(const call& c) {
  auto read = payloads::decode<Message>(bytes_of(c.payload), c.payload.size(), c.topic.format);
  if (!read)
    throw rejection{refusal::invalid_payload,
                    "The payload cannot be read: " + std::string(describe(read.error().code)) + " at byte " +
                        std::to_string(read.error().offset)};
  return std::move(*read);
}

constexpr refusal refusal_of(registration_fault why) {
  return why == registration_fault::token      ? refusal::invalid_token
         : why == registration_fault::conflict ? refusal::conflict
                                               : refusal::invalid_parameters;
}

std::string last_arn_part(std::string_view arn) { return std::string(arn.substr(arn.rfind(':') + 1)); }

}  // namespace

std::array<refusal_code, refusal_count> default_refusal_codes() {
  // assumption: only the first is public; see docs/fidelity.md.
  return {{{400, "InvalidCertificateOwnershipToken"},
           {400, "InvalidCertificateSigningRequest"},
           {400, "InvalidPayload"},
           {400, "InvalidParameters"},
           {403, "AccessDenied"},
           {403, "AccessDenied"},
           {404, "ResourceNotFound"},
           {409, "ResourceConflict"},
           {429, "TooManyRequests"},
           {500, "InternalError"}}};
}

std::string default_error_code(int status) {
  const refusal why = status == 400   ? refusal::invalid_payload
                      : status == 403 ? refusal::access_denied
                      : status == 404 ? refusal::template_not_found
                      : status == 409 ? refusal::conflict
                      : status == 429 ? refusal::too_many_requests
                                      : refusal::internal_error;
  return default_refusal_codes()[static_cast<std::size_t>(why)].error_code;
}

struct fleet_service::state {
  registry& world;
  const certificate_authority& authority;
  service_settings how;
  service_callbacks callbacks;
  credential_pool pool;
  std::mutex quota_lock;
  std::array<token_bucket, 3> quotas;
  std::atomic<std::size_t> in_progress{0};
  std::mutex idle_lock;
  std::condition_variable idle;
  std::mutex sweep_lock;
  std::condition_variable sweep_wake;
  bool stopping = false;
  std::thread sweeper;
  worker_pool workers{2, worker_priority::normal};
  worker_pool key_makers{2, worker_priority::background};
  hook_runner hooks;

  state(registry& w, const certificate_authority& a, service_settings s, service_callbacks c)
      : world(w),
        authority(a),
        how(std::move(s)),
        callbacks(std::move(c)),
        pool(how.key_pool, how.key_pool_size, a, w.time()),
        hooks(hook_limits{how.max_hooks, 64, how.hook_timeout, 1024 * 1024},
              [this](std::string_view label, std::string_view line) {
                note(note_level::info, std::string(label) + ": " + std::string(line));
              }) {}

  void note(note_level level, const std::string& line) const {
    if (callbacks.on_note) callbacks.on_note(level, line);
  }

  // ---- the end of a call ----------------------------------------------------------------------------

  void finished() {
    if (in_progress.fetch_sub(1) != 1) return;
    const std::lock_guard<std::mutex> held(idle_lock);
    idle.notify_all();
  }

  void log(const call& c, bool success, std::string details, std::string reason = {}) const {
    if (!callbacks.on_log) return;
    service_log_entry entry{};
    entry.event_type = c.topic.call == topics::api::register_thing ? service_event::provision_device
                                                                   : service_event::get_device_credentials;
    entry.success = success;
    entry.call = c.topic.call;
    if (c.topic.name) entry.template_name = c.topic.name->view();
    entry.device_certificate_id = c.certificate_id;
    entry.reason = std::move(reason);
    entry.details = std::move(details);
    entry.client_id = c.from.client_id;
    entry.claim_certificate_id = c.from.certificate_id;
    callbacks.on_log(entry);
  }

  template <class Message>
  void reply(const call& c, topics::message_kind kind, const Message& message, int status) {
    auto bytes = payloads::encode_secret(message, c.topic.format);
    if (!bytes) throw rejection{refusal::internal_error, "The reply cannot be encoded."};
    completed_reply out{c.from, c.topic, std::move(*bytes), status};
    out.topic.kind = kind;
    callbacks.on_reply(std::move(out));
  }

  void reject(const call& c, const rejection& why) {
    if (how.strict.token_once && !c.digest.empty()) spend(c);
    const refusal_code& code = how.codes[static_cast<std::size_t>(why.why)];
    payloads::error_response message;
    message.status_code = code.status_code;
    message.error_code = code.error_code;
    message.error_message = why.message;
    const std::string words = std::to_string(code.status_code) + " " + code.error_code + ": " + why.message;
    log(c, false, words, code.error_code);
    note(note_level::warning, "rejected " + std::string(topics::name_of(c.topic.call)) + " of client " + detail::json_string(c.from.client_id) +
                                  (c.topic.name ? " for template " + std::string(c.topic.name->view()) : std::string()) + ": " + words);
    if (why.why == refusal::too_many_requests && how.strict.drop_throttled) return end_silently(c);
    reply(c, topics::message_kind::rejected, message, code.status_code);
  }

  void end_silently(const call& c) const {
    completed_reply out{c.from, c.topic, {}, 0};
    out.is_silent = true;
    callbacks.on_reply(std::move(out));
  }

  void spend(const call& c) {
    try {
      world.spend_token(c.digest);
    } catch (const storage_error& full) {
      note(note_level::error, full.what());
    }
  }

  void lose_reply(const call& c, const std::string& why) const noexcept {
    try {
      note(note_level::error, why);
      end_silently(c);
    } catch (const std::exception&) {  // no memory: the request counts as waiting until its connection ends
    }
  }

  /// Runs one step of a call; what it throws becomes the rejected reply and ends the call.
  template <class Step>
  void run_step(const call_ptr& c, Step&& step) noexcept {
    try {
      try {
        step();
        return;  // the step has answered or handed the call on
      } catch (const rejection& why) {
        reject(*c, why);
      } catch (const registration_refused& why) {
        reject(*c, {refusal_of(why.why()), why.what()});
      } catch (const storage_error& full) {
        note(note_level::error, full.what());
        reject(*c, {refusal::internal_error, "The change could not be stored."});
      } catch (const std::exception& broken) {
        note(note_level::error, std::string("internal error: ") + broken.what());
        reject(*c, {refusal::internal_error, "Internal error."});
      }
    } catch (const rejection&) {
      lose_reply(*c, "a rejected reply could not be encoded");
    } catch (const std::exception& worse) {
      lose_reply(*c, std::string("a reply was lost: ") + worse.what());
    }
    finished();
  }

  // ---- create ---------------------------------------------------------------------------------------

  void create_keys(const call_ptr& c) {
    decode_payload<payloads::create_keys_and_certificate_request>(*c);
    if (auto ready = pool.take_ready()) {
      accept_certificate(*c, ready->certificate, std::move(ready->private_key));
      finished();
      return;
    }
    key_makers.post([this, c] {
      run_step(c, [&] {
        auto made = pool.make_now();
        if (!made) throw rejection{refusal::internal_error, "The service is stopping."};
        accept_certificate(*c, made->certificate, std::move(made->private_key));
        finished();
      });
    });
  }

  void create_from_csr(const call_ptr& c) {
    const auto asked = decode_payload<payloads::create_certificate_from_csr_request>(*c);
    std::optional<issued_certificate> issued;
    try {
      issued = authority.issue_for_csr(asked.certificate_signing_request, world.time().now());
    } catch (const aws_error& bad) {
      throw rejection{refusal::invalid_csr, bad.message()};
    }
    accept_certificate(*c, *issued, std::nullopt);
    finished();
  }

  void accept_certificate(call& c, const issued_certificate& issued, std::optional<secret> key) {
    payloads::certificate_response message;
    message.certificate_id = issued.id;
    message.certificate_pem = issued.pem;
    message.private_key = std::move(key);
    message.certificate_ownership_token = make_token();
    token_record token;
    token.digest = digest_of(message.certificate_ownership_token);
    token.deadline = world.time().now() + seconds(limits::token_lifetime_seconds);
    token.connection = c.from.connection;
    token.client_id = c.from.client_id;
    world.add_pending_certificate(issued, std::move(token));
    c.certificate_id = issued.id;
    log(c, true, "certificate " + issued.id + " waits for RegisterThing");
    reply(c, topics::message_kind::accepted, message, 200);
  }

  // ---- RegisterThing: the order of checks is docs/fidelity.md's ----------------------------------------------

  void register_thing(const call_ptr& c) {
    read_request(*c);
    check_template(*c);
    const auto certificate = check_token(*c);
    const std::string lambda = hook_of(*c);
    if (lambda.empty()) {
      provision(*c, c->asked.parameters);
      finished();
      return;
    }
    const auto target = how.lambdas.find(lambda);
    if (target == how.lambdas.end()) deny(*c, lambda, "no such --lambda");
    templates::hook_request event;
    event.claim_certificate_id = c->from.certificate_id;
    event.certificate_id = certificate->id;
    event.certificate_pem = certificate->pem;
    event.template_arn = world.arn_of("provisioningtemplate", c->by->name);
    event.client_id = c->from.client_id;
    event.parameters = c->asked.parameters;
    hooks.run(target->second, lambda, templates::encode(event), [this, c, lambda](hook_result said) {
      auto shared = std::make_shared<hook_result>(std::move(said));
      workers.post([this, c, lambda, shared] { run_step(c, [&] { after_hook(c, lambda, *shared); }); });
    });
  }

  void read_request(call& c) const {
    auto read = payloads::decode<payloads::register_thing_request>(bytes_of(c.payload), c.payload.size(), c.topic.format);
    if (read) {
      c.asked = std::move(*read);
    } else if (read.error().code != errc::missing_field) {
      // A missing token is an empty one: it is the token's step that refuses it.
      throw rejection{refusal::invalid_payload,
                      "The payload cannot be read: " + std::string(describe(read.error().code)) + " at byte " +
                          std::to_string(read.error().offset)};
    }
    c.payload.clear();
    // assumption: whether AWS takes an empty value is not public. No thing name, type or group can be made of
    // one, and a device that sends one has lost its serial number.
    for (const auto& [name, value] : c.asked.parameters)
      if (value.empty())
        throw rejection{refusal::invalid_parameters, "Parameter `" + name.substr(0, 64) + "` is empty"};
    for (const auto& [name, value] : c.asked.parameters)
      if (count_code_points(name) > limits::max_parameter_key || count_code_points(value) > limits::max_parameter_value)
        throw rejection{refusal::invalid_parameters,
                        "A parameter's name may have " + std::to_string(limits::max_parameter_key) + " characters and its value " +
                            std::to_string(limits::max_parameter_value) + ": `" + name.substr(0, 64) + "`"};
  }

  void check_template(call& c) const {
    c.by = world.find_template(c.topic.name->view());
    if (!c.by || c.by->type != template_type::fleet_provisioning)
      throw rejection{refusal::template_not_found,
                      "Provisioning template not found: " + std::string(c.topic.name->view())};
    // assumption: what a device sees for a disabled template is not public.
    if (!c.by->enabled) throw rejection{refusal::template_disabled, "The provisioning template is not enabled."};
  }

  snapshot_of<certificate_record> check_token(call& c) const {
    const secret token = std::move(c.asked.certificate_ownership_token);
    if (token.empty()) throw rejection{refusal::invalid_token, empty_token_message};
    const rejection invalid{refusal::invalid_token, "The certificate ownership token is not valid."};
    std::string digest = digest_of(token);
    const auto found = world.find_token(digest);
    if (!found) throw invalid;
    if (how.strict.token_connection && (c.from.connection == 0 || found->connection != c.from.connection)) throw invalid;
    auto certificate = world.find_certificate(found->certificate_id);
    if (!certificate) throw invalid;
    c.digest = std::move(digest);
    c.certificate_id = found->certificate_id;
    return certificate;
  }

  /// The lambda to ask; empty for none.
  static std::string hook_of(const call& c) {
    return c.by->hook ? last_arn_part(c.by->hook->target_arn) : std::string();
  }

  [[noreturn]] void deny(const call& c, const std::string& lambda, const std::string& why) const {
    note(note_level::warning,
         "hook " + lambda + " of template " + c.by->name + " denied " + detail::json_string(c.from.client_id) + ": " + why);
    throw rejection{refusal::access_denied, "ACCESS_DENIED: the pre-provisioning hook did not allow provisioning"};
  }

  void after_hook(const call_ptr& c, const std::string& lambda, const hook_result& said) {
    if (!said.failure.empty()) deny(*c, lambda, said.failure);
    const auto answer = templates::decode_hook_response(said.output);
    if (!answer.value) deny(*c, lambda, "its answer is no hook response: " + first_error(answer.diagnostics));
    if (!answer.value->allow) deny(*c, lambda, "allowProvisioning is not true");
    std::map<std::string, std::string> parameters = answer.value->overrides;
    parameters.insert(c->asked.parameters.begin(), c->asked.parameters.end());  // overrides win
    provision(*c, parameters);
    finished();
  }

  void provision(call& c, const std::map<std::string, std::string>& parameters) {
    const auto& body = c.by->default_version_record().parsed;
    if (!body) throw rejection{refusal::invalid_parameters, "The template's default version cannot be evaluated."};
    templates::predefined known;
    known.certificate_id = c.certificate_id;
    auto plan = templates::evaluate(*body, parameters, known);
    if (!plan) throw rejection{refusal::invalid_parameters, first_error(plan.diagnostics)};
    registration subject;
    subject.certificate_id = c.certificate_id;
    subject.token_digest = c.digest;
    const registration_outcome made = world.register_thing(*plan.value, subject);
    c.digest.clear();  // consumed: a failure to reply must not spend it again
    payloads::register_thing_response message;
    message.thing_name = made.thing_name;
    message.device_configuration = plan.value->device_configuration;
    log(c, true, made.thing_name ? "provisioned thing " + *made.thing_name : "provisioned without a thing");
    reply(c, topics::message_kind::accepted, message, 200);
  }

  // ---- dispatch -------------------------------------------------------------------------------------

  void dispatch(const call_ptr& c) {
    if (c->topic.call == topics::api::create_keys_and_certificate) create_keys(c);
    else if (c->topic.call == topics::api::create_certificate_from_csr) create_from_csr(c);
    else register_thing(c);
  }

  bool is_throttled(topics::api which) {
    if (!how.strict.quotas) return false;
    const std::lock_guard<std::mutex> held(quota_lock);
    return !quotas[static_cast<std::size_t>(which)].take(how.calls_per_second);
  }

  void sweep_expired() {
    std::unique_lock<std::mutex> held(sweep_lock);
    std::string said;  // a full disk is worth one line, not one a second
    while (!stopping) {
      held.unlock();
      std::string trouble;
      try {
        world.apply_expiry();
      } catch (const std::exception& failed) {
        trouble = std::string("expiry: ") + failed.what();
      }
      if (!trouble.empty() && trouble != said) note(note_level::error, trouble);
      said = std::move(trouble);
      held.lock();
      sweep_wake.wait_for(held, seconds(1), [&] { return stopping; });
    }
  }

  fresh_credentials credentials_for_control_plane() {
    auto fresh = pool.take_ready();
    if (!fresh) fresh = pool.make_now();
    if (!fresh) throw aws_error::internal_failure("The service is stopping.");
    return std::move(*fresh);
  }
};

fleet_service::fleet_service(registry& world, const certificate_authority& authority, service_settings how,
                             service_callbacks callbacks)
    : state_(std::make_unique<state>(world, authority, std::move(how), std::move(callbacks))) {
  const signal_block quiet;
  state_->sweeper = std::thread([s = state_.get()] { s->sweep_expired(); });
}

fleet_service::~fleet_service() {
  {
    const std::lock_guard<std::mutex> held(state_->sweep_lock);
    state_->stopping = true;
  }
  state_->sweep_wake.notify_all();
  state_->sweeper.join();
  state_->hooks.stop();
  state_->pool.stop();
  state_->workers.stop();
  state_->key_makers.stop();
}

void fleet_service::handle(requester from, const topics::fleet_topic& topic, const std::uint8_t* payload,
                           std::size_t size) noexcept {
  state* s = state_.get();
  const bool full = s->in_progress.fetch_add(1) >= s->how.max_waiting;
  try {
    auto c = std::make_shared<call>();
    c->from = std::move(from);
    c->topic = topic;
    const bool throttled = full || s->is_throttled(topic.call);
    if (!throttled) c->payload = secret(std::string_view(reinterpret_cast<const char*>(payload), size));
    const bool posted = s->workers.post([s, c, throttled] {
      s->run_step(c, [&] {
        if (throttled) throw rejection{refusal::too_many_requests, "Too many requests."};
        s->dispatch(c);
      });
    });
    if (!posted) s->finished();
  } catch (const std::exception& no_memory) {
    s->finished();
    s->note(note_level::error, std::string("a request was lost: ") + no_memory.what());
  }
}

// ---- control plane ------------------------------------------------------------------------------------

certificate_with_key fleet_service::create_keys_and_certificate(bool set_as_active) {
  fresh_credentials fresh = state_->credentials_for_control_plane();
  key_pair keys = read_key_pair(std::move(fresh.private_key));
  const issued_certificate& issued = fresh.certificate;
  state_->world.add_certificate(issued, set_as_active ? certificate_status::active : certificate_status::inactive);
  return {issued.id, issued.pem, std::move(keys), {}};
}

snapshot_of<certificate_record> fleet_service::create_certificate_from_csr(std::string_view csr_pem,
                                                                           bool set_as_active) {
  const issued_certificate issued = state_->authority.issue_for_csr(csr_pem, state_->world.time().now());
  return state_->world.add_certificate(issued,
                                       set_as_active ? certificate_status::active : certificate_status::inactive);
}

certificate_with_key fleet_service::create_provisioning_claim(std::string_view template_name) {
  state_->world.describe_template(template_name);  // 404 before a key is spent
  key_pair keys = read_key_pair(state_->credentials_for_control_plane().private_key);
  const instant now = state_->world.time().now();
  const instant expires = now + seconds(limits::claim_lifetime_seconds);
  const issued_certificate issued = state_->authority.issue_claim(keys.private_key, now, expires);
  state_->world.add_claim({issued.id, issued.pem, std::string(template_name), expires});
  return {issued.id, issued.pem, std::move(keys), expires};
}

namespace {

certificate_record record_of(const certificate_facts& facts, instant now) {
  certificate_record out;
  out.id = facts.id;
  out.pem = facts.pem;
  out.created = out.modified = now;
  out.not_before = facts.not_before;
  out.not_after = facts.not_after;
  return out;
}

/// The certificate that a bulk plan names: by id, by CSR (issued now) or by PEM.
registration subject_of(const templates::plan& plan, const registry& world, const certificate_authority& authority) {
  registration out;
  if (!plan.certificate) return out;
  const templates::certificate_plan& wanted = *plan.certificate;
  const instant now = world.time().now();
  if (wanted.csr) {
    const issued_certificate issued = authority.issue_for_csr(*wanted.csr, now);
    certificate_facts facts;
    facts.id = issued.id;
    facts.pem = issued.pem;
    facts.not_before = issued.not_before;
    facts.not_after = issued.not_after;
    out.new_certificate = record_of(facts, now);
    out.certificate_id = issued.id;
  } else if (wanted.pem) {
    const auto facts = read_certificate(*wanted.pem);
    if (!facts) throw aws_error::registration_failure("CertificatePem is not a PEM certificate");
    if (facts->has_explicit_curve) throw aws_error::registration_failure("CertificatePem's EC key does not name its curve");
    out.new_certificate = record_of(*facts, now);
    out.signed_by = registration::registered_ca{wanted.ca_pem.value_or("")};
    out.certificate_id = facts->id;
  } else if (wanted.id) {
    out.certificate_id = *wanted.id;
  }
  return out;
}

}  // namespace

http_registration fleet_service::register_thing(std::string_view template_body,
                                                const std::map<std::string, std::string>& parameters) {
  const auto body = read_bulk_template(template_body);
  auto plan = templates::evaluate(*body, parameters);
  if (!plan) throw aws_error::registration_failure(first_error(plan.diagnostics));
  const registration subject = subject_of(*plan.value, state_->world, state_->authority);
  try {
    const registration_outcome made = state_->world.register_thing(*plan.value, subject);
    http_registration out;
    if (made.thing_name) out.resource_arns["thing"] = state_->world.arn_of("thing", *made.thing_name);
    if (!made.certificate_id.empty()) {
      out.resource_arns["certificate"] = state_->world.certificate_arn(made.certificate_id);
      if (const auto record = state_->world.find_certificate(made.certificate_id)) out.certificate_pem = record->pem;
    }
    for (std::size_t i = 0; i < made.policy_names.size(); ++i) {
      const std::string arn = state_->world.arn_of("policy", made.policy_names[i]);
      // A policy may be called `thing` or `certificate` in the template; those names are taken.
      const bool told = i < body->policies.size() && out.resource_arns.emplace(body->policies[i].logical_name, arn).second;
      if (!told) out.resource_arns.emplace(made.policy_names[i], arn);
    }
    return out;
  } catch (const registration_refused& why) {
    throw why.why() == registration_fault::conflict ? aws_error::conflicting_update(why.what())
                                                    : aws_error::registration_failure(why.what());
  }
}

namespace {

constexpr std::string_view action_name(authorization_action action) noexcept {
  switch (action) {
    case authorization_action::publish: return "iot:Publish";
    case authorization_action::subscribe: return "iot:Subscribe";
    case authorization_action::receive: return "iot:Receive";
    case authorization_action::connect: return "iot:Connect";
  }
  return "";
}

void add_names(std::set<std::string>& to, const policies::verdict& verdict, policies::effect what) {
  for (const policies::statement_trace& trace : verdict.statements)
    if (trace.result == policies::statement_result::matched && trace.what == what) to.insert(trace.policy);
}

authorization_answer answer_question(const authorization_question& question,
                                     const std::vector<policies::named_document>& documents,
                                     const policies::context& values, const policies::arn_scope& where) {
  authorization_answer out;
  out.question = question;
  bool all_allowed = !question.resources.empty();
  std::set<std::string> allowed, denied, missing;
  for (const std::string& resource : question.resources) {
    policies::request asked{std::string(action_name(question.action)), resource, values};
    if (question.action == authorization_action::connect) asked.values = policies::with_connect(values, {}, where);
    const policies::verdict verdict = policies::evaluate(documents, asked);
    all_allowed = all_allowed && verdict.answer == policies::decision::allowed;
    add_names(allowed, verdict, policies::effect::allow);
    add_names(denied, verdict, policies::effect::deny);
    missing.insert(verdict.missing_context.begin(), verdict.missing_context.end());
  }
  out.decision = !denied.empty() ? policies::decision::explicit_deny
                 : all_allowed   ? policies::decision::allowed
                                 : policies::decision::implicit_deny;
  out.allowed.assign(allowed.begin(), allowed.end());
  out.explicitly_denied.assign(denied.begin(), denied.end());
  out.missing_context.assign(missing.begin(), missing.end());
  for (const policies::named_document& one : documents)
    if (out.decision == policies::decision::implicit_deny && allowed.count(one.name) == 0)
      out.implicitly_denied.push_back(one.name);
  return out;
}

std::string certificate_in(std::string_view principal) {
  const std::size_t at = principal.find(":cert/");
  return at == std::string_view::npos ? std::string() : std::string(principal.substr(at + 6));
}

policies::context context_of(const registry& world, const std::string& certificate_id, const principal_view& view,
                             const std::string& client_id) {
  policies::principal_facts who;
  if (!client_id.empty()) who.client_id = client_id;
  if (!certificate_id.empty()) {
    who.certificate_id = certificate_id;
    if (const auto record = world.find_certificate(certificate_id))
      if (const auto read = crypto::certificate::from_pem(record->pem))
        who.certificate_variables = crypto::certificate_variables(*read);
  }
  who.thing = thing_facts_of(view);
  return policies::make_context(who);
}

}  // namespace

std::vector<authorization_answer> fleet_service::test_authorization(const authorization_request& asked) const {
  const registry& world = state_->world;
  if (asked.questions.empty() || asked.questions.size() > 10)
    throw aws_error::invalid_request("authInfos must have 1 to 10 members");
  const std::string certificate_id = certificate_in(asked.principal);
  if (!certificate_id.empty()) world.describe_certificate(certificate_id);
  const principal_view view =
      certificate_id.empty() ? principal_view{} : world.view_principal(certificate_id, asked.client_id);
  const std::set<std::string> skipped(asked.policies_to_skip.begin(), asked.policies_to_skip.end());
  std::map<std::string, snapshot_of<policy_record>> held;  // by name: a policy that is added and attached counts once
  for (auto& policy : world.effective_policies(asked.principal, view.thing ? view.thing->name : ""))
    if (skipped.count(policy->name) == 0) held.emplace(policy->name, std::move(policy));
  for (const std::string& name : asked.policies_to_add) held.emplace(name, world.get_policy(name));
  std::vector<policies::named_document> documents;
  for (const auto& [name, policy] : held) documents.push_back({name, policy->default_version_record().parsed.get()});
  const policies::context values = context_of(world, certificate_id, view, asked.client_id);
  const policies::arn_scope where{world.options().region, world.options().account};
  std::vector<authorization_answer> out;
  for (const authorization_question& question : asked.questions)
    out.push_back(answer_question(question, documents, values, where));
  return out;
}

bool fleet_service::wait_until_idle(std::chrono::milliseconds limit) {
  std::unique_lock<std::mutex> held(state_->idle_lock);
  return state_->idle.wait_for(held, limit, [&] { return state_->in_progress.load() == 0; });
}

}  // namespace fleetprov::mock
