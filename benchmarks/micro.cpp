// Library figures, each beside something to compare with in the same run, and beside its limit (`limit_...`): the
// least that any solution does, or more than any can do without. Allocations are counted by replacing operator
// new in this program.
#include <fleetprov/json/document.hpp>
#include <fleetprov/payloads/codec.hpp>
#include <fleetprov/policies/bound_policy.hpp>
#include <fleetprov/policies/evaluate.hpp>
#include <fleetprov/policies/lint.hpp>
#include <fleetprov/policies/pattern.hpp>
#include <fleetprov/policies/principal.hpp>
#include <fleetprov/templates/document.hpp>
#include <fleetprov/templates/evaluate.hpp>
#include <fleetprov/topics/fleet_topics.hpp>

#include <benchmark/benchmark.h>
#include <nlohmann/json.hpp>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <new>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

static std::atomic<std::size_t> allocations{0};

// Not inlined: g++ would see malloc and free behind one and complain about the pair.
[[gnu::noinline]] void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  void* got = std::malloc(size);
  if (got == nullptr) std::abort();
  return got;
}
[[gnu::noinline]] void operator delete(void* at) noexcept { std::free(at); }
[[gnu::noinline]] void operator delete(void* at, std::size_t) noexcept { std::free(at); }

namespace {

using namespace fleetprov;

/// Reports allocations per iteration beside the time.
class allocation_count {
 public:
  explicit allocation_count(benchmark::State& state) : state_(state), before_(allocations.load()) {}
  ~allocation_count() {
    state_.counters["allocs"] = benchmark::Counter(static_cast<double>(allocations.load() - before_), benchmark::Counter::kAvgIterations);
  }

 private:
  benchmark::State& state_;
  std::size_t before_;
};

/// Reports the time of one of `count` items beside that of all.
void per_item(benchmark::State& state, std::size_t count) {
  state.counters["each"] = benchmark::Counter(static_cast<double>(count), benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

std::string slurp(const char* name) {
  std::ifstream in(std::string(FLEETPROV_SOURCE_DIR "/") + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// ---- topics -----------------------------------------------------------------------------------------

std::vector<topics::fleet_topic> api_topics() {
  std::vector<topics::fleet_topic> all;
  for (const auto call : {topics::api::create_keys_and_certificate, topics::api::create_certificate_from_csr, topics::api::register_thing})
    for (const auto format : {topics::payload_format::json, topics::payload_format::cbor})
      for (const auto kind : {topics::message_kind::request, topics::message_kind::accepted, topics::message_kind::rejected}) {
        topics::fleet_topic one{call, format, kind, std::nullopt};
        if (call == topics::api::register_thing) one.name = *topics::template_name::parse("fleet-basic");
        all.push_back(one);
      }
  return all;
}

/// The 18 API topics and 20 near misses.
std::vector<std::string> topics_to_classify() {
  std::vector<std::string> all;
  for (const auto& one : api_topics()) all.emplace_back(topics::build(one).view());
  const std::string create = all.front();
  const std::string provision(topics::build(api_topics()[12]).view());
  for (std::size_t i = 0; i < 5; ++i) {
    all.push_back(create.substr(0, create.size() - 1 - i));
    all.push_back(create + std::string(i + 1, 'x'));
    all.push_back(provision.substr(0, provision.size() - 1 - i * 2));
    all.push_back("sdk/test/topic/" + std::to_string(i));
  }
  return all;
}

void topics_classify(benchmark::State& state) {
  const auto all = topics_to_classify();
  allocation_count count(state);
  for (auto _ : state)
    for (const auto& topic : all) benchmark::DoNotOptimize(topics::classify(topic));
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(all.size()));
  per_item(state, all.size());
}
BENCHMARK(topics_classify);

void topics_classify_std_regex(benchmark::State& state) {
  const auto all = topics_to_classify();
  const std::regex pattern(R"(\$aws/(certificates/create(-from-csr)?|provisioning-templates/[0-9A-Za-z_-]{1,36}/provision)/(json|cbor)(/(accepted|rejected))?)");
  for (auto _ : state)
    for (const auto& topic : all) benchmark::DoNotOptimize(std::regex_match(topic, pattern));
  per_item(state, all.size());
}
BENCHMARK(topics_classify_std_regex);

/// What a C SDK's string functions give: the operation, format and kind as one number, or -1. A template's name may
/// be anything here, an empty one included, and is not kept.
int classify_with_strcmp(const char* topic) {
  static const char* const fixed[] = {
      "$aws/certificates/create/json", "$aws/certificates/create/json/accepted", "$aws/certificates/create/json/rejected",
      "$aws/certificates/create/cbor", "$aws/certificates/create/cbor/accepted", "$aws/certificates/create/cbor/rejected",
      "$aws/certificates/create-from-csr/json", "$aws/certificates/create-from-csr/json/accepted", "$aws/certificates/create-from-csr/json/rejected",
      "$aws/certificates/create-from-csr/cbor", "$aws/certificates/create-from-csr/cbor/accepted", "$aws/certificates/create-from-csr/cbor/rejected"};
  static const char* const tails[] = {"json", "json/accepted", "json/rejected", "cbor", "cbor/accepted", "cbor/rejected"};
  static const char templates[] = "$aws/provisioning-templates/", provision[] = "/provision/";
  for (int i = 0; i < 12; ++i)
    if (std::strcmp(topic, fixed[i]) == 0) return i;
  if (std::strncmp(topic, templates, sizeof templates - 1) != 0) return -1;
  const char* rest = std::strstr(topic + sizeof templates - 1, provision);
  if (rest == nullptr) return -1;
  rest += sizeof provision - 1;
  for (int i = 0; i < 6; ++i)
    if (std::strcmp(rest, tails[i]) == 0) return 12 + i;
  return -1;
}

void topics_classify_strcmp(benchmark::State& state) {
  const auto all = topics_to_classify();
  for (std::size_t i = 0; i < all.size(); ++i)
    if ((classify_with_strcmp(all[i].c_str()) >= 0) != (i < 18)) return state.SkipWithError("the plain classifier is wrong");
  for (auto _ : state)
    for (const auto& topic : all) benchmark::DoNotOptimize(classify_with_strcmp(topic.c_str()));
  per_item(state, all.size());
}
BENCHMARK(topics_classify_strcmp);

/// Every byte read once: each topic compared with an equal one.
void limit_topics_classify(benchmark::State& state) {
  const auto all = topics_to_classify(), same = all;
  for (auto _ : state)
    for (std::size_t i = 0; i < all.size(); ++i) benchmark::DoNotOptimize(std::memcmp(all[i].data(), same[i].data(), all[i].size()));
  per_item(state, all.size());
}
BENCHMARK(limit_topics_classify);

void topics_build(benchmark::State& state) {
  const auto all = api_topics();
  allocation_count count(state);
  for (auto _ : state)
    for (const auto& one : all) benchmark::DoNotOptimize(topics::build(one));
  per_item(state, all.size());
}
BENCHMARK(topics_build);

/// The same texts, copied from where they stand ready.
void limit_topics_build(benchmark::State& state) {
  const auto topics = api_topics();
  std::vector<topics::fleet_topic_text> all;
  for (const auto& one : topics) all.push_back(topics::build(one));
  char out[topics::max_fleet_topic_bytes];
  for (auto _ : state)
    for (const auto& one : all) {
      std::memcpy(out, one.view().data(), one.size());
      benchmark::DoNotOptimize(out);
    }
  per_item(state, all.size());
}
BENCHMARK(limit_topics_build);

// ---- codec ------------------------------------------------------------------------------------------

payloads::certificate_response reply_4k() {
  payloads::certificate_response out;
  out.certificate_id = std::string(64, 'a');
  out.certificate_pem = "-----BEGIN CERTIFICATE-----\n";
  for (int i = 0; i < 19; ++i) out.certificate_pem += std::string(64, 'B') + "\n";
  out.certificate_pem += "-----END CERTIFICATE-----\n";
  std::string key = "-----BEGIN RSA PRIVATE KEY-----\n";
  for (int i = 0; i < 26; ++i) key += std::string(64, 'C') + "\n";
  out.private_key.emplace(key + "-----END RSA PRIVATE KEY-----\n");
  out.certificate_ownership_token = secret(std::string(600, 'T'));
  return out;
}

void decode_reply(benchmark::State& state, topics::payload_format format) {
  const auto bytes = *payloads::encode(reply_4k(), format);
  allocation_count count(state);
  for (auto _ : state) {
    auto got = payloads::decode<payloads::certificate_response>(bytes.data(), bytes.size(), format);
    benchmark::DoNotOptimize(got);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes.size()));
}
BENCHMARK_CAPTURE(decode_reply, json, topics::payload_format::json);
void nlohmann_parse_json(benchmark::State& state) {
  const auto bytes = *payloads::encode(reply_4k(), topics::payload_format::json);
  for (auto _ : state) benchmark::DoNotOptimize(nlohmann::json::parse(bytes));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes.size()));
}
BENCHMARK(nlohmann_parse_json);
BENCHMARK_CAPTURE(decode_reply, cbor, topics::payload_format::cbor);
void nlohmann_parse_cbor(benchmark::State& state) {
  const auto bytes = *payloads::encode(reply_4k(), topics::payload_format::cbor);
  for (auto _ : state) benchmark::DoNotOptimize(nlohmann::json::from_cbor(bytes));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes.size()));
}
BENCHMARK(nlohmann_parse_cbor);

/// The ends of the strings and the escapes in them, found by the C library's widest instructions; nothing checked, nothing kept.
void limit_decode_json(benchmark::State& state) {
  const auto bytes = *payloads::encode(reply_4k(), topics::payload_format::json);
  const auto* const begin = reinterpret_cast<const char*>(bytes.data());
  const char* const end = begin + bytes.size();
  for (auto _ : state)
    for (const char sought : {'"', '\\'}) {
      int found = 0;
      for (const char* at = begin; (at = static_cast<const char*>(std::memchr(at, sought, static_cast<std::size_t>(end - at)))) != nullptr; ++at) ++found;
      benchmark::DoNotOptimize(found);
    }
}
BENCHMARK(limit_decode_json);

/// The bytes copied once, into memory that is there.
void limit_decode_cbor(benchmark::State& state) {
  const auto bytes = *payloads::encode(reply_4k(), topics::payload_format::cbor);
  std::vector<std::uint8_t> out(bytes.size());
  for (auto _ : state) {
    std::memcpy(out.data(), bytes.data(), bytes.size());
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
}
BENCHMARK(limit_decode_cbor);

// ---- policies ---------------------------------------------------------------------------------------

/// The shipped least-privilege policy, with an account instead of its placeholders.
const std::string& device_policy() {
  static const std::string text = [] {
    std::string out = slurp("policies/device-by-thing-name.json");
    const std::string from = "aws-region:aws-account-id", to = "us-east-1:123456789012";
    for (std::size_t at = 0; (at = out.find(from, at)) != std::string::npos; at += to.size()) out.replace(at, from.size(), to);
    return out;
  }();
  return text;
}

struct principal {
  json::document document = std::move(*json::document::from_text(device_policy()).value);
  policies::policy_document policy = std::move(*policies::parse(document).value);
  policies::context values = policies::make_context(facts());
  std::vector<policies::named_document> documents{{"device", &policy}};
  policies::bound_policy bound = policies::bound_policy::bind(documents, values);

  static policies::principal_facts facts() {
    policies::principal_facts who;
    who.client_id = "sensor-0001";
    policies::thing_facts thing;
    thing.name = "sensor-0001";
    who.thing = thing;
    return who;
  }
};

void decide(benchmark::State& state, policies::action what, std::string_view name) {
  const principal who;
  allocation_count count(state);
  for (auto _ : state) benchmark::DoNotOptimize(who.bound.decide(what, name));
}
BENCHMARK_CAPTURE(decide, first_statement_allow, policies::action::connect, "sensor-0001");
BENCHMARK_CAPTURE(decide, first_statement_deny, policies::action::connect, "sensor-0002");
BENCHMARK_CAPTURE(decide, middle_statement_allow, policies::action::publish, "devices/sensor-0001/temperature");
BENCHMARK_CAPTURE(decide, middle_statement_deny, policies::action::publish, "devices/sensor-0002/temperature");
BENCHMARK_CAPTURE(decide, last_statement_allow, policies::action::subscribe, "devices/sensor-0001/commands");
BENCHMARK_CAPTURE(decide, last_statement_deny, policies::action::subscribe, "devices/+/commands");
BENCHMARK_CAPTURE(decide, no_statement_deny, policies::action::retain_publish, "devices/sensor-0001/temperature");

/// One comparison of the longest of these names with an equal one.
void limit_decide(benchmark::State& state) {
  const std::string name = "devices/sensor-0001/temperature", same = name;
  for (auto _ : state) benchmark::DoNotOptimize(std::memcmp(name.data(), same.data(), name.size()));
}
BENCHMARK(limit_decide);

void evaluate_with_explanation(benchmark::State& state) {
  const principal who;
  const policies::request asked{"iot:Publish", "arn:aws:iot:us-east-1:123456789012:topic/devices/sensor-0001/temperature", who.values};
  for (auto _ : state) benchmark::DoNotOptimize(policies::evaluate(who.documents, asked));
}
BENCHMARK(evaluate_with_explanation);

/// `*a*a*...*b*a` against 256 times `a`: never matches, and must not explode. (Without the last `*a` the end alone decides.)
void pathological_pattern(benchmark::State& state) {
  std::string pattern;
  for (std::int64_t i = 0; i < state.range(0); ++i) pattern += "*a";
  pattern += "*b*a";
  const std::string value(256, 'a');
  for (auto _ : state) benchmark::DoNotOptimize(policies::glob_match(pattern, value));
  state.SetComplexityN(state.range(0));
}
BENCHMARK(pathological_pattern)->RangeMultiplier(2)->Range(1, 128)->Complexity();

void parse_and_lint(benchmark::State& state) {
  for (auto _ : state) {
    auto document = json::document::from_text(device_policy());
    auto policy = policies::parse(*document.value);
    benchmark::DoNotOptimize(policies::lint(*policy.value, &*document.value));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(parse_and_lint);
void nlohmann_parse_policy(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(nlohmann::json::parse(device_policy()));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(nlohmann_parse_policy);

// ---- templates --------------------------------------------------------------------------------------

void template_resolve(benchmark::State& state) {
  auto document = json::document::from_text(slurp("templates/fleet-basic.json"));
  if (!document) return state.SkipWithError("templates/fleet-basic.json is not readable");
  auto parsed = templates::parse(*document.value, templates::template_kind::fleet);
  templates::predefined predefined;
  predefined.certificate_id = std::string(64, 'c');
  const std::map<std::string, std::string> parameters{{"SerialNumber", "1"}};
  allocation_count count(state);
  for (auto _ : state) benchmark::DoNotOptimize(templates::evaluate(*parsed.value, parameters, predefined));
}
BENCHMARK(template_resolve);

/// A copy of the answer: its allocations and its bytes.
void limit_template_resolve(benchmark::State& state) {
  auto document = json::document::from_text(slurp("templates/fleet-basic.json"));
  if (!document) return state.SkipWithError("templates/fleet-basic.json is not readable");
  auto parsed = templates::parse(*document.value, templates::template_kind::fleet);
  templates::predefined predefined;
  predefined.certificate_id = std::string(64, 'c');
  const auto answer = templates::evaluate(*parsed.value, {{"SerialNumber", "1"}}, predefined);
  allocation_count count(state);
  for (auto _ : state) {
    auto copy = answer;
    benchmark::DoNotOptimize(copy);
  }
}
BENCHMARK(limit_template_resolve);

void template_text_to_plan(benchmark::State& state) {
  const std::string text = slurp("templates/fleet-basic.json");
  const std::map<std::string, std::string> parameters{{"SerialNumber", "1"}};
  templates::predefined predefined;
  predefined.certificate_id = std::string(64, 'c');
  for (auto _ : state) {
    auto document = json::document::from_text(text);
    auto parsed = templates::parse(*document.value, templates::template_kind::fleet);
    benchmark::DoNotOptimize(templates::evaluate(*parsed.value, parameters, predefined));
  }
}
BENCHMARK(template_text_to_plan);
void nlohmann_parse_template(benchmark::State& state) {
  const std::string text = slurp("templates/fleet-basic.json");
  for (auto _ : state) benchmark::DoNotOptimize(nlohmann::json::parse(text));
}
BENCHMARK(nlohmann_parse_template);

}  // namespace

BENCHMARK_MAIN();
