#include <cli/commands.hpp>
#include <cli/output.hpp>
#include <cli/values.hpp>

#include <fleetprov/policies/principal.hpp>
#include <fleetprov/topics/arn.hpp>
#include <fleetprov/topics/fleet_topics.hpp>
#include <fleetprov/topics/reserved_topics.hpp>
#include <fleetprov/topics/template_name.hpp>
#include <fleetprov/topics/topic_filter.hpp>
#include <fleetprov/topics/topic_name.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fleetprov::cli {
namespace {

using namespace topics;

struct topics_arguments {
  std::optional<std::string> classify;
  std::string template_name = "templateName", shape = "text";
  std::string region = policies::arn_scope{}.region, account = policies::arn_scope{}.account;
};

constexpr api all_calls[] = {api::create_keys_and_certificate, api::create_certificate_from_csr, api::register_thing};
constexpr payload_format all_formats[] = {payload_format::json, payload_format::cbor};
constexpr message_kind all_kinds[] = {message_kind::request, message_kind::accepted, message_kind::rejected};

/// An action and the Resource a policy has to allow for it.
struct need {
  const char* action;
  std::string resource;
};

/// Whether a text is for SUBSCRIBE only.
bool is_filter(const std::string& text) {
  return text.find_first_of("+#") != std::string::npos || parse_share(text).is_shared;
}

std::vector<need> needs_of(const std::string& text, const reserved_topic& facts, const topics_arguments& given) {
  const auto arn = [&](std::string_view type) { return make_arn(given.region, given.account, type, text); };
  std::vector<need> out;
  const bool is_name = !is_filter(text);
  if (facts.may_publish && is_name) out.push_back({"iot:Publish", arn("topic")});
  if (!facts.may_subscribe || !validate_topic_filter(text)) return out;
  const bool is_request = facts.service == reserved_service::fleet_provisioning && is_name && facts.may_publish;
  if (is_request) return out;
  out.push_back({"iot:Subscribe", arn("topicfilter")});
  // Messages are received on plain topics, of a shared subscription too.
  std::string received;
  for (const char c : parse_share(text).filter) received += c == '+' || c == '#' ? '*' : c;
  out.push_back({"iot:Receive", make_arn(given.region, given.account, "topic", received)});
  return out;
}

std::string_view fleet_use(const fleet_topic& topic) noexcept {
  return topic.kind == message_kind::request ? "publish" : "subscribe";
}

void write_fleet(json_writer& out, const fleet_topic& topic) {
  out.field("api", name_of(topic.call)).field("format", name_of(topic.format)).field("kind", name_of(topic.kind));
}

int list_topics(const topics_arguments& given) {
  const template_name name = read_template_name("--template-name", given.template_name);
  json_writer json;
  std::string text;
  json.begin_object().key("topics").begin_array();
  for (const api call : all_calls) {
    text += (text.empty() ? "" : "\n") + std::string(name_of(call)) + '\n';
    for (const payload_format format : all_formats)
      for (const message_kind kind : all_kinds) {
        fleet_topic topic;
        topic.call = call;
        topic.format = format;
        topic.kind = kind;
        if (call == api::register_thing) topic.name = name;
        const std::string spelt(build(topic).view());
        const std::string use(fleet_use(topic));
        text.append("  ").append(use).append(11 - use.size(), ' ').append(spelt) += '\n';
        json.begin_object().field("topic", spelt);
        write_fleet(json, topic);
        json.field("use", use).end_object();
      }
  }
  json.end_array().end_object();
  print(given.shape == "json" ? json.take() + "\n" : text);
  return exit_good;
}

/// Why a text is neither a topic name nor a filter that AWS IoT takes; "" if it is one.
std::string describe_invalid(const std::string& text) {
  const result<void> valid = is_filter(text) ? validate_topic_filter(text) : validate_topic_name(text);
  if (valid) return {};
  const failure why = valid.error();
  if (why.code == errc::too_large)
    return "too long: AWS IoT takes " + std::to_string(limits::max_topic_bytes) + " bytes and " +
           std::to_string(limits::max_topic_slashes) + " slashes (from byte " + std::to_string(why.offset) + ")";
  return std::string(describe(why.code)) + " at byte " + std::to_string(why.offset);
}

std::string yes_no(bool answer) { return answer ? "yes" : "no"; }

std::string classification_text(const std::string& text, const reserved_topic& facts,
                                const std::optional<fleet_topic>& fleet, const topics_arguments& given) {
  std::string out = printable(text) + '\n';
  if (facts.service == reserved_service::not_reserved) out += "  an ordinary topic\n";
  else if (facts.service == reserved_service::undefined)
    out += "  reserved, and not in the list of reserved topics that AWS documents: AWS IoT refuses what it does not support\n";
  else out += "  reserved for " + std::string(name_of(facts.service)) + '\n';
  if (fleet) {
    out += "  " + std::string(name_of(fleet->call)) + ", " + std::string(name_of(fleet->kind)) + ", " + std::string(name_of(fleet->format));
    if (fleet->name) out += ", template " + std::string(fleet->name->view());
    out += '\n';
  }
  out += "  devices may publish: " + yes_no(facts.may_publish && !is_filter(text)) +
         ", subscribe: " + yes_no(facts.may_subscribe) + '\n';
  for (const need& one : needs_of(text, facts, given))
    out += "  " + std::string(one.action) + std::string(14 - std::string_view(one.action).size(), ' ') + printable(one.resource) + '\n';
  return out;
}

std::string classification_json(const std::string& text, const reserved_topic& facts,
                                const std::optional<fleet_topic>& fleet, const topics_arguments& given) {
  json_writer out;
  out.begin_object().field("topic", text).field("service", name_of(facts.service));
  if (fleet) {
    write_fleet(out, *fleet);
    if (fleet->name) out.field("template_name", fleet->name->view());
  }
  out.key("may_publish").boolean(facts.may_publish && !is_filter(text)).key("may_subscribe").boolean(facts.may_subscribe);
  out.key("policy").begin_array();
  for (const need& one : needs_of(text, facts, given))
    out.begin_object().field("action", one.action).field("resource", one.resource).end_object();
  out.end_array().end_object();
  return out.take() + "\n";
}

int classify_topic(const topics_arguments& given) {
  const std::string& text = *given.classify;
  check_region("--region", given.region);
  check_account("--account", given.account);
  if (const std::string wrong = describe_invalid(text); !wrong.empty()) {
    print_error("`" + printable(text) + "`: " + wrong + '\n');
    return exit_findings;
  }
  const reserved_topic facts = classify_reserved(text);
  std::optional<fleet_topic> fleet;
  if (const result<fleet_topic> known = classify(text)) fleet = *known;
  print(given.shape == "json" ? classification_json(text, facts, fleet, given) : classification_text(text, facts, fleet, given));
  return exit_good;
}

}  // namespace

void add_topics(CLI::App& app, int& exit_code) {
  CLI::App& me = add_subcommand(app, "topics", "List the topics of fleet provisioning, or say what a topic is",
                                "fleetprov topics --template-name fleet\n"
                                "fleetprov topics --classify 'sdk/test/#'");
  const auto given = std::make_shared<topics_arguments>();
  add_text(me, "--template-name", given->template_name, "Name in RegisterThing's topics")->capture_default_str();
  me.add_option("--classify", given->classify, "A topic or filter: who owns it, what a policy has to allow");
  add_text(me, "--region", given->region, "Region of the resources shown")->capture_default_str();
  add_text(me, "--account", given->account, "Account of the resources shown")->capture_default_str();
  add_text(me, "--format", given->shape, "text or json")->check(CLI::IsMember({"text", "json"}));
  me.callback([given, &exit_code] { exit_code = given->classify ? classify_topic(*given) : list_topics(*given); });
}

static const registrar topics_here("topics", add_topics);

}  // namespace fleetprov::cli
