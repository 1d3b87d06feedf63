// A session driven over a scripted link, its credentials in a real folder.

#include <fleetprov/adapters/drive.hpp>
#include <fleetprov/storage/posix_store.hpp>

#include "unit/storage/store_checks.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <deque>
#include <map>
#include <string>
#include <vector>

using namespace fleetprov;
using namespace fleetprov::adapters;
using kind = link_event::kind;
using provisioning::instant;
using store_test::temporary_folder;

namespace {

/// What the service and the network do. Each thing that the link is told to do takes the next answer planned for it, where
/// there is none the good one; an empty answer is a lost one.
struct service {
  using answer = std::vector<link_event>;
  std::map<std::string, std::deque<answer>> plan;  // "connect", "subscribe", "create", "register" or a trial's client id
  std::vector<std::string> log;
  std::vector<link_options> trials;
  int certificates = 0;

  static inline service* current = nullptr;
  service() { current = this; }
  ~service() { current = nullptr; }
  service(const service&) = delete;
  service& operator=(const service&) = delete;

  answer next(const std::string& what, answer good) {
    log.push_back(what);
    auto& planned = plan[what];
    if (planned.empty()) return good;
    answer out = std::move(planned.front());
    planned.pop_front();
    return out;
  }
  std::string id() const { return std::string(63, 'a') + static_cast<char>('0' + certificates); }
  int count(const std::string& what) const { return static_cast<int>(std::count(log.begin(), log.end(), what)); }
};

// A list of initialisers copies, which a secret does not.
template <std::size_t Size>
service::answer all(link_event (&&events)[Size]) {
  return {std::make_move_iterator(std::begin(events)), std::make_move_iterator(std::end(events))};
}
service::answer one(link_event event) { return all({std::move(event)}); }
service::answer lost() { return {}; }
service::answer put_off(int code) { return one({kind::refused, "CONNACK", {}, {static_cast<std::uint8_t>(code)}}); }

struct fake_link {
  link_options how;
  event_queue queue;
  explicit fake_link(link_options with) : how(std::move(with)) {}
  const link_options& options() const { return how; }
  void connect() {
    queue.clear();
    const bool trial = how.certificate_file != "claim.pem.crt";
    if (trial) service::current->trials.push_back(how);
    give(service::current->next(trial ? how.client_id : "connect", one({kind::connected})));
  }
  void close() { service::current->log.emplace_back("close"); }
  void subscribe(const std::vector<std::string>& filters) {
    CHECK(filters.size() == 2);
    give(service::current->next("subscribe", one({kind::subscribed, "", {}, {1, 1}})));
  }
  void publish(const std::string& topic, std::string_view payload) {
    service& s = *service::current;
    if (topic.find("/provision/") != std::string::npos) {
      CHECK_THAT(std::string(payload), test::ContainsSubstring("TOKEN"));
      return give(s.next("register", all({{kind::published}, message(topic, R"({"thingName":"fleet-1","deviceConfiguration":{"a":"b"}})")})));
    }
    ++s.certificates;
    give(s.next("create", all({{kind::published}, message(topic, issued(s.id()))})));
  }
  std::optional<link_event> wait(std::chrono::milliseconds limit) { return queue.wait(limit); }

  static std::string issued(const std::string& id) {
    return R"({"certificateId":")" + id + R"(","certificatePem":"CERT","privateKey":"KEY","certificateOwnershipToken":"TOKEN"})";
  }

 private:
  static link_event message(const std::string& topic, const std::string& text) { return {kind::message, topic + "/accepted", secret(text), {}}; }
  void give(service::answer events) {
    for (link_event& event : events) queue.push(std::move(event));
  }
};

service::answer refuses(const std::string& api, const std::string& json) {
  return one({kind::message, "$aws/" + api + "/json/rejected", secret(json), {}});
}
const std::string create_topic = "certificates/create", register_topic = "provisioning-templates/fleet/provision";
service::answer bad_token() {
  return refuses(register_topic, R"({"statusCode":400,"errorCode":"InvalidCertificateOwnershipToken","errorMessage":"m"})");
}

/// Everything around one run.
struct device {
  service aws;
  temporary_folder folder;
  storage::posix_store store = std::move(*storage::posix_store::open(folder.path));
  provisioning::settings how;
  drive_options options;
  link_options with;

  device() {
    how.reply_timeout = instant{30};
    how.connect_timeout = instant{30};
    how.backoff_base = how.backoff_cap = instant{1};
    options.endpoint = "localhost:8883";
    options.client_ids = {{"fleet-1", true}, {"serial-1", false}};
    with.certificate_file = "claim.pem.crt";
    with.key_file = "claim.pem.key";
    with.connect_timeout = std::chrono::seconds(0);  // and the second that a link gets on top
  }
  provisioning::session session() const { return {*topics::template_name::parse("fleet"), topics::payload_format::json, how}; }

  template <class Observer = silent_observer>
  drive_result run(Observer&& observer = {}) {
    auto flow = session();
    REQUIRE(flow.start(monotonic_now(), payloads::create_keys_and_certificate_request{}, {{"SerialNumber", "1"}}));
    return go(flow, observer);
  }
  /// With a certificate of an earlier run whose token is no good.
  drive_result resume() {
    auto flow = session();
    REQUIRE(flow.resume(monotonic_now(), {}, payloads::create_keys_and_certificate_request{}, {{"SerialNumber", "1"}}));
    return go(flow, silent_observer{});
  }
  template <class Observer>
  drive_result go(provisioning::session& flow, Observer&& observer) {
    fake_link link(with);
    auto out = drive(flow, link, store, options, observer);
    CHECK(aws.log.back() == "close");
    return out;
  }
  void keep_pending(const std::string& id, const std::string& key_uri = "") {
    auto pending = store_test::credentials(id, key_uri.empty() ? "KEY" : "");
    pending.key_uri = key_uri;
    REQUIRE(store.save_pending(pending));
  }
};

const provisioning::gave_up& why(const drive_result& out) {
  REQUIRE_FALSE(out);
  REQUIRE(std::holds_alternative<provisioning::gave_up>(out.end));
  return std::get<provisioning::gave_up>(out.end);
}

}  // namespace

TEST_CASE("a run ends with the credentials in the store and the service's words in the record") {
  device it;
  it.options.superseded = {"earlier"};
  const auto before = wall_clock_seconds();
  const auto out = it.run();
  REQUIRE(out);
  CHECK(std::get<provisioning::finished>(out.end).thing->thing_name == "fleet-1");
  CHECK(it.aws.log == std::vector<std::string>{"connect", "subscribe", "create", "subscribe", "register", "close"});
  const auto record = it.store.device();
  REQUIRE(record);
  CHECK(record->certificate_id == it.aws.id());
  CHECK(record->thing_name == "fleet-1");
  CHECK(record->endpoint == "localhost:8883");
  CHECK(record->device_configuration == std::map<std::string, std::string>{{"a", "b"}});
  CHECK(record->superseded == std::vector<std::string>{"earlier"});
  CHECK(store_test::content(it.store.certificate_path()) == "CERT");
  CHECK(store_test::content(it.store.key_path()) == "KEY");
  CHECK_FALSE(it.store.pending());
  CHECK(wall_clock_seconds() >= before);
}

TEST_CASE("a key that the service did not make is not looked for in its reply") {
  device it;
  it.options.key_uri = "pkcs11:object=device";
  auto flow = it.session();
  REQUIRE(flow.start(monotonic_now(), payloads::create_certificate_from_csr_request{"CSR"}, {}));
  it.aws.plan["create"].push_back(one({kind::message, "$aws/certificates/create-from-csr/json/accepted",
                                       secret(R"({"certificateId":"c1","certificatePem":"CERT","certificateOwnershipToken":"TOKEN"})"), {}}));
  const auto out = it.go(flow, silent_observer{});
  REQUIRE(out);
  CHECK(it.store.device()->key_uri == "pkcs11:object=device");
  CHECK_FALSE(store_test::fs::exists(it.store.key_path()));
}

namespace {
/// Takes certificates of this text, made by the service or for a signing request of the same text.
result<void> check_text(const std::string& certificate_pem, const secret& private_key, const std::string* signing_request) {
  if (certificate_pem != "CERT") return {errc::encoding, 3};
  if (signing_request == nullptr ? private_key.reveal() != "KEY" : *signing_request != "CERT") return errc::crypto;
  return {};
}
}  // namespace

TEST_CASE("what was issued and is of no use ends the run before anything is stored or registered") {
  struct issue { const char* certificate; const char* key; const char* signing_request; errc expected; };
  constexpr errc fits{};
  const issue issues[] = {{"CERT", "KEY", nullptr, fits},         {"junk", "KEY", nullptr, errc::encoding},
                          {"CERT", "other", nullptr, errc::crypto}, {"CERT", nullptr, "CERT", fits},
                          {"junk", nullptr, "CERT", errc::encoding}, {"CERT", nullptr, "other", errc::crypto}};
  for (const issue& each : issues) {
    CAPTURE(each.certificate, static_cast<int>(each.expected));
    device it;
    REQUIRE(it.run());
    const std::string before = it.store.device()->certificate_id;
    it.aws.log.clear();
    it.options.check_issued = &check_text;
    auto flow = it.session();
    payloads::certificate_request wanted;
    if (each.signing_request) wanted = payloads::create_certificate_from_csr_request{each.signing_request};
    REQUIRE(flow.start(monotonic_now(), std::move(wanted), {}));
    const std::string topic = each.key ? "create" : "create-from-csr", id(63, 'b');
    it.aws.plan["create"].push_back(one({kind::message, "$aws/certificates/" + topic + "/json/accepted",
                                         secret(R"({"certificateId":")" + id + R"(0","certificatePem":")" + each.certificate +
                                                (each.key ? std::string(R"(","privateKey":")") + each.key : "") +
                                                R"(","certificateOwnershipToken":"TOKEN"})"), {}}));
    const auto out = it.go(flow, silent_observer{});
    CHECK(it.aws.count("create") == 1);
    CHECK(it.aws.count("register") == (each.expected == fits ? 1 : 0));
    CHECK((it.store.device()->certificate_id == before) == (each.expected != fits));
    CHECK_FALSE(it.store.pending());
    CHECK(out.confirmed);
    if (each.expected == fits) {
      CHECK(out);
      continue;
    }
    CHECK(why(out).why.code == each.expected);
    CHECK(why(out).why.offset == (each.expected == errc::encoding ? 3 : 0));
    CHECK(why(out).during == provisioning::state::creating_certificate);
    CHECK(store_test::content(it.store.key_path()) == "KEY");
  }
}

TEST_CASE("a run that ends by its deadline tells what the service last said, and what of it could not be read") {
  device throttled;
  throttled.how.give_up_after = instant{60};
  throttled.how.max_attempts = 255;
  throttled.how.backoff_base = throttled.how.backoff_cap = instant{20};
  for (int i = 0; i < 255; ++i)
    throttled.aws.plan["register"].push_back(refuses(register_topic, R"({"statusCode":429,"errorCode":"TooManyRequests","errorMessage":"m"})"));
  const auto out = throttled.run();
  CHECK(why(out).why.code == errc::timed_out);
  CHECK(why(out).reply.status_code == 429);
  CHECK(why(out).reply.error_code == "TooManyRequests");
  CHECK_FALSE(why(out).unreadable);

  device strange;
  strange.how.give_up_after = instant{60};
  strange.aws.plan["create"].push_back(refuses(create_topic, R"({"statusCode":403.0})"));
  for (int i = 0; i < 10; ++i) strange.aws.plan["create"].push_back(lost());
  const auto end = strange.run();
  CHECK(why(end).why.code == errc::timed_out);
  REQUIRE(why(end).unreadable);
  CHECK(why(end).unreadable->kind == topics::message_kind::rejected);
}

TEST_CASE("lost answers are asked for again and an answer that cannot be read counts as lost") {
  device it;
  it.aws.plan["connect"].push_back(lost());
  it.aws.plan["subscribe"].push_back(lost());
  it.aws.plan["create"].push_back(lost());
  it.aws.plan["register"].push_back(one({kind::message, "$aws/" + register_topic + "/json/accepted", secret("{"), {}}));
  REQUIRE(it.run());
  CHECK(it.aws.count("connect") == 2);
  CHECK(it.aws.count("subscribe") == 3);
  CHECK(it.aws.count("create") == 2);
  CHECK(it.aws.count("register") == 2);
}

TEST_CASE("each refusal ends the run with its step and what the service said") {
  struct refusal { const char* at; int good_before; service::answer answer; errc code; provisioning::state during; int status; };
  std::vector<refusal> all;
  all.push_back({"connect", 0, one({kind::refused, "CONNACK", {}, {5}}), errc::rejected, provisioning::state::connecting, 0});
  all.push_back({"subscribe", 0, one({kind::subscribed, "", {}, {1, 0x80}}), errc::subscription_refused, provisioning::state::subscribing_create, 0});
  all.push_back({"subscribe", 1, one({kind::subscribed, "", {}, {0x87}}), errc::subscription_refused, provisioning::state::subscribing_register, 0});
  all.push_back({"create", 0, one({kind::publish_refused, "", {}, {0x87}}), errc::rejected, provisioning::state::creating_certificate, 0});
  all.push_back({"register", 0, one({kind::publish_refused, "", {}, {0x87}}), errc::rejected, provisioning::state::registering_thing, 0});
  all.push_back({"create", 0, refuses(create_topic, R"({"statusCode":403,"errorCode":"AccessDenied","errorMessage":"no"})"), errc::rejected,
                 provisioning::state::creating_certificate, 403});
  all.push_back({"register", 0, refuses(register_topic, R"({"statusCode":400,"errorCode":"InvalidParameters","errorMessage":"no"})"), errc::rejected,
                 provisioning::state::registering_thing, 400});
  for (refusal& each : all) {
    CAPTURE(each.at, each.good_before, static_cast<int>(each.during));
    device it;
    for (int i = 0; i < each.good_before; ++i) it.aws.plan[each.at].push_back(one({kind::subscribed, "", {}, {1, 1}}));
    it.aws.plan[each.at].push_back(std::move(each.answer));
    const auto out = it.run();
    CHECK(why(out).why.code == each.code);
    CHECK(why(out).during == each.during);
    CHECK(why(out).reply.status_code.value_or(0) == each.status);
    CHECK_FALSE(it.store.has_credentials());
  }
}

TEST_CASE("lost connections and unreachable services are tried again, up to a limit") {
  device it;
  for (int i = 0; i < 2; ++i) it.aws.plan["connect"].push_back(one({kind::unreachable, "refused"}));
  it.aws.plan["create"].push_back(one({kind::hung_up, "closed"}));
  REQUIRE(it.run());
  CHECK(it.aws.count("connect") == 4);

  device busy;
  for (const int code : {0x89, 3}) busy.aws.plan["connect"].push_back(put_off(code));
  REQUIRE(busy.run());
  CHECK(busy.aws.count("connect") == 3);

  device never;
  for (int i = 0; i < 9; ++i) never.aws.plan["connect"].push_back(one({kind::unreachable, "refused"}));
  const auto out = never.run();
  CHECK(why(out).why.code == errc::disconnected);
  CHECK(why(out).during == provisioning::state::connecting);
  CHECK(never.aws.count("connect") == never.how.max_connects);
}

TEST_CASE("a store that fails ends the run before anything is registered") {
  device it;
  struct failing_store {
    result<void> save_pending(const storage::pending_credentials& all) {
      CHECK(all.certificate_pem == "CERT");
      CHECK(all.private_key.reveal() == "KEY");
      CHECK(all.issued_at > 1'700'000'000);
      return failure{errc::storage, 28};
    }
    std::string pending_certificate_path() const { return {}; }
    std::string pending_key_path() const { return {}; }
    std::optional<storage::pending_record> pending() const { return std::nullopt; }
    result<void> confirm(const storage::registration&) { return {}; }
  } full;
  auto flow = it.session();
  REQUIRE(flow.start(monotonic_now(), payloads::create_keys_and_certificate_request{}, {}));
  fake_link link(it.with);
  const auto out = drive(flow, link, full, it.options);
  CHECK(why(out).why.code == errc::storage);
  CHECK(out.confirmed.error() == failure{errc::storage, 28});
  CHECK(it.aws.count("register") == 0);
}

TEST_CASE("a run that is stopped gives up where it is") {
  struct impatient : silent_observer {
    int actions = 0, events = 0;
    void on_action(const provisioning::session_action&) { ++actions; }
    void on_event(const link_event& event, provisioning::state before) {
      ++events;
      CHECK(event.what == kind::connected);
      CHECK(before == provisioning::state::connecting);
    }
    bool stop() const { return events > 0; }
  } observer;
  device it;
  const auto out = it.run(observer);
  CHECK(why(out).why.code == errc::timed_out);
  CHECK(why(out).during == provisioning::state::subscribing_create);
  CHECK(observer.events == 1);
  CHECK(it.aws.count("create") == 0);
}

TEST_CASE("a session that was not started, or has ended, is not waited for") {
  using provisioning::state;
  device it;
  const auto at_once = [&](provisioning::session& flow, state during) {
    it.aws.log.clear();
    const auto out = it.go(flow, silent_observer{});
    CHECK(why(out).why.code == errc::out_of_order);
    CHECK(why(out).during == during);
    CHECK(it.aws.log == std::vector<std::string>{"close"});
  };
  const auto start = [&](provisioning::session& flow) {
    return start_or_resume(flow, it.store, payloads::create_keys_and_certificate_request{}, {{"SerialNumber", "1"}});
  };
  auto forgotten = it.session();
  at_once(forgotten, state::idle);

  it.how.max_connects = 1;
  auto failed = it.session();
  it.aws.plan["connect"].push_back(one({kind::unreachable, "nobody"}));
  REQUIRE(start(failed));
  CHECK(why(it.go(failed, silent_observer{})).why.code == errc::disconnected);
  CHECK(start(failed).error().code == errc::out_of_order);
  at_once(failed, state::failed);

  auto done = it.session();
  REQUIRE(start(done));
  CHECK(it.go(done, silent_observer{}));
  CHECK(start(done).error().code == errc::out_of_order);
  at_once(done, state::provisioned);

  auto fresh = std::move(forgotten);
  REQUIRE(start(fresh));
  CHECK(it.go(fresh, silent_observer{}));
  at_once(forgotten, state::idle);  // moved from
}

TEST_CASE("the reply to RegisterThing is lost and its token spent: the credentials work, the record says what was expected") {
  device it;
  it.options.expected_configuration = {{"expected", "yes"}};
  it.aws.plan["register"].push_back(lost());
  it.aws.plan["register"].push_back(bad_token());
  service::answer late = one({kind::message, "a/late/message", secret("x"), {}});
  late.push_back({kind::connected});
  it.aws.plan["fleet-1"].push_back(std::move(late));
  const auto out = it.run();
  REQUIRE(out);
  CHECK_FALSE(std::get<provisioning::finished>(out.end).thing);
  REQUIRE(it.aws.trials.size() == 1);
  CHECK(it.aws.trials[0].client_id == "fleet-1");
  CHECK(it.aws.trials[0].certificate_file == it.folder.path + "/pending/" + it.aws.id() + ".pem.crt");
  CHECK_THAT(it.aws.trials[0].key_file, test::ContainsSubstring(it.folder.path + "/pending/"));
  CHECK(it.aws.trials[0].tls_context == nullptr);
  CHECK(it.store.device()->thing_name == "fleet-1");
  CHECK(it.store.device()->device_configuration == it.options.expected_configuration);
}

TEST_CASE("a trial goes on to the next client id after a refusal, and only the one that connects names the thing") {
  device it;
  it.keep_pending("c1");
  it.aws.plan["fleet-1"].push_back(one({kind::refused, "CONNACK", {}, {5}}));
  REQUIRE(it.resume());
  CHECK(it.aws.count("serial-1") == 1);
  CHECK(it.store.device()->certificate_id == "c1");
  CHECK_FALSE(it.store.device()->thing_name);
}

TEST_CASE("a thing's name that a trial could not try is not the thing of a later trial") {
  device it;
  it.keep_pending("c1");
  it.aws.plan["fleet-1"].push_back(one({kind::unreachable, "no route"}));
  it.aws.plan["fleet-1"].push_back(one({kind::hung_up, "closed"}));
  REQUIRE(it.resume());
  CHECK(it.aws.count("fleet-1") == 2);
  CHECK_FALSE(it.store.device()->thing_name);
}

TEST_CASE("a trial's key stays in its token") {
  device it;
  it.options.tls_context = [](const link_options&) -> std::shared_ptr<void> { return nullptr; };
  it.keep_pending("c1", "pkcs11:object=device");
  REQUIRE(it.resume());
  REQUIRE(it.aws.trials.size() == 1);
  CHECK(it.aws.trials[0].key_file == "pkcs11:object=device");
  CHECK(it.aws.trials[0].tls_context == it.options.tls_context);
}

TEST_CASE("without anything pending there is nothing to try: another certificate") {
  const bool knows_client_ids = GENERATE(true, false);
  device it;
  if (!knows_client_ids) it.options.client_ids.clear();
  REQUIRE(it.resume());
  CHECK(it.aws.trials.empty());
  CHECK(it.store.device()->certificate_id == it.aws.id());
}

TEST_CASE("without a client id to try the link's own is tried, and what it proves is that the credentials work") {
  device it;
  it.options.client_ids.clear();
  it.with.client_id = "own";
  it.keep_pending("c1");
  it.aws.plan["own"].push_back(one({kind::hung_up, "closed"}));
  REQUIRE(it.resume());
  CHECK(it.aws.count("own") == 2);
  CHECK(it.store.device()->certificate_id == "c1");
  CHECK_FALSE(it.store.device()->thing_name);
}

TEST_CASE("a client id that nobody named may be refused whatever the certificate is: the credentials stay pending") {
  for (const bool hangs_up : {false, true}) {
    CAPTURE(hangs_up);
    device it;
    it.options.client_ids.clear();
    it.with.client_id = "own";
    it.keep_pending("c1");
    if (!hangs_up) it.aws.plan["own"].push_back(one({kind::refused, "CONNACK", {}, {5}}));
    else for (int i = 0; i < 2; ++i) it.aws.plan["own"].push_back(one({kind::hung_up, "closed"}));
    const auto out = it.resume();
    CHECK(why(out).why.code == errc::rejected);
    CHECK(why(out).during == provisioning::state::trying_credentials);
    CHECK(it.aws.certificates == 0);
    REQUIRE(it.store.pending());
    CHECK(it.store.pending()->certificate_id == "c1");
    CHECK_FALSE(it.store.has_credentials());
  }
}

TEST_CASE("a reply to RegisterThing that is lost does not cost the key where no client id was named") {
  device it;
  it.options.client_ids.clear();
  it.with.client_id = "own";
  it.aws.plan["register"].push_back(lost());
  it.aws.plan["register"].push_back(bad_token());
  it.aws.plan["own"].push_back(put_off(5));
  CHECK(why(it.run()).why.code == errc::rejected);
  CHECK(it.aws.certificates == 1);
  REQUIRE(it.store.pending());
  CHECK(it.store.pending()->certificate_id == it.aws.id());
  it.options.client_ids = {{"fleet-1", true}};
  REQUIRE(it.resume());
  CHECK(it.aws.certificates == 1);
  CHECK(it.store.device()->thing_name == "fleet-1");
}

TEST_CASE("a run begins with what an earlier one left, and without anything left from the start") {
  device fresh;
  auto first = fresh.session();
  REQUIRE(start_or_resume(first, fresh.store, payloads::create_keys_and_certificate_request{}, {{"SerialNumber", "1"}}));
  REQUIRE(fresh.go(first, silent_observer{}));
  CHECK(fresh.aws.count("create") == 1);

  // The token of `store_test::credentials` was good when it was kept, whatever the clock said then or says now.
  for (const std::int64_t issued_at : {wall_clock_seconds(), wall_clock_seconds() + 1'000'000, std::int64_t{253'402'300'799}}) {
    CAPTURE(issued_at);
    device left;
    auto pending = store_test::credentials("c1", "KEY");
    pending.certificate_ownership_token = secret("TOKEN");
    pending.issued_at = issued_at;
    REQUIRE(left.store.save_pending(pending));
    auto next = left.session();
    REQUIRE(start_or_resume(next, left.store, payloads::create_keys_and_certificate_request{}, {{"SerialNumber", "1"}}));
    REQUIRE(left.go(next, silent_observer{}));
    CHECK(left.aws.count("create") == 0);
    CHECK(left.aws.count("register") == 1);
    CHECK(left.store.device()->certificate_id == "c1");
  }
  for (const std::int64_t issued_at : {std::int64_t{0}, std::int64_t{-5}, -std::int64_t{253'402'300'799}, wall_clock_seconds() - 3'600}) {
    CAPTURE(issued_at);
    device old;
    auto pending = store_test::credentials("c1", "KEY");
    pending.issued_at = issued_at;
    REQUIRE(old.store.save_pending(pending));
    auto next = old.session();
    REQUIRE(start_or_resume(next, old.store, payloads::create_keys_and_certificate_request{}, {{"SerialNumber", "1"}}));
    REQUIRE(old.go(next, silent_observer{}));
    CHECK(old.aws.count("fleet-1") == 1);
    CHECK(old.aws.count("register") == 0);
  }
}

TEST_CASE("a token that the store lost is one that is no good") {
  struct forgetful_store {
    std::optional<storage::pending_record> pending() const { return storage::pending_record{"c1", "", "", 0, true}; }
    result<secret> pending_token() const { return errc::not_found; }
  };
  device it;
  auto next = it.session();
  const auto begun = start_or_resume(next, forgetful_store(), payloads::create_keys_and_certificate_request{}, {});
  REQUIRE(begun);
  CHECK(*begun == provisioning::state::trying_credentials);
}

TEST_CASE("a server that is not the service refuses nobody") {
  device it;
  it.options.client_ids = {{"serial-1", false}, {"serial-2", false}};
  it.keep_pending("c1");
  for (int i = 0; i < 3; ++i) it.aws.plan["serial-1"].push_back(one({kind::untrusted, "certificate verify failed"}));
  REQUIRE(it.resume());
  CHECK(it.aws.count("serial-1") == 4);
  CHECK(it.aws.count("serial-2") == 0);
  CHECK(it.store.device()->certificate_id == "c1");

  device portal;
  for (int i = 0; i < 3; ++i) portal.aws.plan["connect"].push_back(one({kind::untrusted, "certificate verify failed"}));
  REQUIRE(portal.run());
  CHECK(portal.aws.count("connect") == 4);
}

TEST_CASE("a trial that is not answered, or put off by the service, says nothing about the certificate") {
  device it;
  it.options.client_ids = {{"serial-1", false}};
  it.keep_pending("c1");
  it.aws.plan["serial-1"].push_back(lost());
  for (const int code : {0x97, 3}) it.aws.plan["serial-1"].push_back(put_off(code));
  it.aws.plan["serial-1"].push_back(one({kind::hung_up, "closed"}));
  REQUIRE(it.resume());
  CHECK(it.aws.count("serial-1") == 5);
  CHECK(it.store.device()->certificate_id == "c1");
}

TEST_CASE("what keeps a link's own files from being used is found before anybody is connected to") {
  const temporary_folder folder;
  const auto file = [&](const char* name, const std::string& content) {
    std::ofstream(folder.path + "/" + name) << content;
    return folder.path + "/" + name;
  };
  link_options good;
  good.ca_file = file("ca.pem", std::string(5'000, '#') + "\n-----BEGIN CERTIFICATE-----\n");
  good.certificate_file = file("certificate.pem", "-----BEGIN CERTIFICATE-----\n");
  good.key_file = file("key.pem", "-----BEGIN PRIVATE KEY-----\n");
  CHECK_FALSE(find_unreadable(good));
  const std::string pipe = folder.path + "/pipe", loop = folder.path + "/loop";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  REQUIRE(::symlink("loop", loop.c_str()) == 0);
  struct bad { std::string name, words; };
  const std::vector<bad> each{{folder.path + "/none.pem", "No such file"}, {good.ca_file + "/below", "Not a directory"},
                              {folder.path, "Is a directory"},           {loop, "symbolic links"},
                              {file("empty.pem", ""), "no PEM"},          {file("binary.der", "\x30\x82"), "no PEM"}};
  struct part { std::string link_options::*member; std::string words; };
  for (const part& one : {part{&link_options::ca_file, "CA file"}, part{&link_options::certificate_file, "certificate"}, part{&link_options::key_file, "private key"}}) {
    CAPTURE(one.words);
    auto how = good;
    for (const bad& wrong : each) {
      CAPTURE(wrong.name);
      how.*one.member = wrong.name;
      const auto event = find_unreadable(how);
      REQUIRE(event);
      CHECK(event->what == kind::not_tried);
      CHECK(says_nothing(*event));
      CHECK_THAT(event->text, test::ContainsSubstring("`" + wrong.name + "`"));
      CHECK_THAT(event->text, test::ContainsSubstring(wrong.words));
      CHECK_THAT(event->text, test::ContainsSubstring(one.words));
    }
    how.*one.member = "";
    const auto unnamed = find_unreadable(how);
    REQUIRE(unnamed);
    CHECK(unnamed->text == "no " + one.words + " is named");
    // What is read of a pipe is gone; a bundle may be of any size.
    for (const std::string& fine : {pipe, file("large.pem", std::string(2'000'000, '#') + "-----BEGIN CERTIFICATE-----"), file("across.pem", std::string(4'090, '#') + "-----BEGIN X-----")}) {
      how.*one.member = fine;
      CHECK_FALSE(find_unreadable(how));
    }
  }
}

TEST_CASE("a link that could not try says nothing about the certificate, and nobody refused it") {
  device it;
  it.keep_pending("a1");
  const auto gone = [] { return one({kind::not_tried, "cannot read the private key `k`"}); };
  for (int i = 0; i < 2; ++i) it.aws.plan["fleet-1"].push_back(gone());
  CHECK(it.resume());
  CHECK(it.aws.certificates == 0);
  CHECK(it.aws.count("fleet-1") == 3);
  CHECK(it.aws.count("serial-1") == 0);

  device claim;
  claim.aws.plan["connect"].push_back(gone());
  CHECK(claim.run());
  CHECK(claim.aws.count("connect") == 2);
}

TEST_CASE("a trial that is put off does not go on to the next client id") {
  device it;
  it.keep_pending("c1");
  it.aws.plan["fleet-1"].push_back(put_off(0x88));
  REQUIRE(it.resume());
  CHECK(it.aws.count("fleet-1") == 2);
  CHECK(it.aws.count("serial-1") == 0);
}

TEST_CASE("a trial that is hung up on may be the network's once, twice it is the certificate") {
  device it;
  it.options.client_ids = {{"serial-1", false}};
  it.keep_pending("c1");
  for (int i = 0; i < 2; ++i) it.aws.plan["serial-1"].push_back(one({kind::hung_up, "closed"}));
  REQUIRE(it.resume());
  CHECK(it.aws.count("serial-1") == 2);
  CHECK(it.store.device()->certificate_id == it.aws.id());
  CHECK(it.store.device()->superseded == std::vector<std::string>{"c1"});
}

TEST_CASE("each certificate may hang up once, not only the first") {
  device it;
  it.options.client_ids = {{"serial-1", false}};
  it.keep_pending("c1");
  for (int i = 0; i < 3; ++i) it.aws.plan["serial-1"].push_back(one({kind::hung_up, "closed"}));
  it.aws.plan["register"].push_back(bad_token());
  REQUIRE(it.resume());
  CHECK(it.aws.count("serial-1") == 4);
  CHECK(it.store.device()->certificate_id == it.aws.id());
}

TEST_CASE("a service that stays unreachable leaves the pending credentials as they are") {
  device it;
  it.keep_pending("c1");
  for (int i = 0; i < 9; ++i) it.aws.plan["fleet-1"].push_back(one({kind::unreachable, "no route"}));
  const auto out = it.resume();
  CHECK(why(out).why.code == errc::disconnected);
  CHECK(it.aws.count("fleet-1") == it.how.max_attempts);
  CHECK(it.store.pending()->certificate_id == "c1");
}

TEST_CASE("a failure of confirming is told beside the end") {
  device it;
  struct one_way_store {
    storage::posix_store& inner;
    result<void> save_pending(const storage::pending_credentials& all) { return inner.save_pending(all); }
    std::string pending_certificate_path() const { return inner.pending_certificate_path(); }
    std::string pending_key_path() const { return inner.pending_key_path(); }
    std::optional<storage::pending_record> pending() const { return inner.pending(); }
    result<void> confirm(const storage::registration&) { return errc::storage; }
  } store{it.store};
  auto flow = it.session();
  REQUIRE(flow.start(monotonic_now(), payloads::create_keys_and_certificate_request{}, {}));
  fake_link link(it.with);
  const auto out = drive(flow, link, store, it.options);
  CHECK(std::holds_alternative<provisioning::finished>(out.end));
  CHECK_FALSE(out);
  CHECK(out.confirmed.error().code == errc::storage);
  CHECK(it.store.pending());
}
