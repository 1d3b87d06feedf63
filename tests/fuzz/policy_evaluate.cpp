// Line 1: action, 2: name, 3: client id, 4: will topic, 5: a certificate attribute; the rest: a policy.
// `evaluate` and the bound policy agree, another Deny never helps, a corrected resource works.

#include <fleetprov/policies/bound_policy.hpp>
#include <fleetprov/policies/evaluate.hpp>
#include <fleetprov/policies/explain.hpp>
#include <fleetprov/policies/principal.hpp>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace policies = fleetprov::policies;

static void require(bool held) {
  if (!held) std::abort();
}

static void check_explanation(const policies::policy_document& policy, const policies::request& asked,
                              const policies::verdict& given) {
  const auto why = policies::explain({{"p", &policy}}, asked, given);
  require(!why.why.empty() && why.why.find('\n') == std::string::npos);
  require(why.nearest == policies::explanation::none || why.nearest < given.statements.size());
  if (why.corrected_resource.empty() || policy.version != policies::language::v2012) return;
  if (!fleetprov::is_valid_utf8(asked.resource)) return;
  const auto pattern = policies::compile_pattern(why.corrected_resource, policies::wildcards::star_and_question,
                                                 policies::variables::substituted);
  const auto filled = policies::resolve(pattern, asked.values);
  require(filled.is_usable() && filled.tokens.matches(asked.resource));
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  std::array<std::string_view, 5> lines;
  for (std::string_view& line : lines) {
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) return 0;
    line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
  }
  const auto policy = policies::parse_text(std::string(rest));
  const auto* row = policies::find_action(lines[0]);
  if (!policy.value || row == nullptr) return 0;

  policies::principal_facts who;
  who.client_id = std::string(lines[2]);
  who.thing = policies::thing_facts{"dev1", "sensor", {{"k", std::string(lines[4])}}, true, false};
  who.certificate_variables["iot:Certificate.Subject.CommonName"] = {std::string(lines[4]), "second"};
  const policies::context principal = policies::make_context(who);
  policies::connect_facts packet;
  if (!lines[3].empty()) packet.will = policies::will_facts{lines[3], policies::retention::not_retained};

  policies::request asked;
  asked.action = std::string(row->name);
  asked.resource = row->takes == policies::resource_type::none
                       ? "*"
                       : fleetprov::topics::make_arn("us-east-1", "123456789012", policies::name_of(row->takes), lines[1]);
  const bool connects = row->what == policies::action::connect;
  asked.values = connects ? policies::with_connect(principal, packet, {}) : principal;

  const auto full = policies::evaluate({{"p", &*policy.value}}, asked);
  const auto bound = policies::bound_policy::bind({{"p", &*policy.value}}, principal);
  require(full.answer == (connects ? bound.decide_connect(lines[1], packet) : bound.decide(row->what, lines[1])));
  require(full.statements.size() == policy.value->statements.size());
  policies::policy_document stricter = *policy.value;
  for (policies::statement& s : stricter.statements) s.what = policies::effect::deny;
  const auto denied = policies::evaluate({{"p", &*policy.value}, {"q", &stricter}}, asked);
  require(denied.answer != policies::decision::allowed);
  check_explanation(*policy.value, asked, full);
  return 0;
}
