#include <cli/provision_report.hpp>

#include <cli/json_writer.hpp>
#include <cli/output.hpp>

#include <fleetprov/adapters/drive.hpp>
#include <fleetprov/core/result.hpp>
#include <fleetprov/topics/fleet_topics.hpp>

#include <string_view>
#include <variant>

#include <unistd.h>

namespace fleetprov::cli {

using adapters::link_event;
using provisioning::state;

namespace {

void say(const std::string& line) { print_error(line + "\n"); }

std::string step_name(state during, const provisioning::session& session) {
  if (during == state::creating_certificate || during == state::create_backoff)
    return std::string(topics::name_of(session.create_call()));
  return std::string(provisioning::step_of(during));
}

std::string service_answer(std::string out, const payloads::error_response& reply) {
  if (reply.status_code) out += " " + std::to_string(*reply.status_code);
  if (reply.error_code) out += " " + printable(*reply.error_code);
  if (reply.error_message) out += ": " + printable(*reply.error_message);
  if (!reply.status_code && !reply.error_code && !reply.error_message) out += " with a rejection that says nothing";
  return out;
}

std::string describe_unreadable(const provisioning::unreadable_reply& what, const provisioning::session& session) {
  const std::string place = what.why.code == errc::missing_field ? "" : " at byte " + std::to_string(what.why.offset);
  return "an answer came on " + std::string(session.topic_of(what.call, what.kind).view()) +
         " that could not be read: " + std::string(describe(what.why.code)) + place;
}

/// Why what the service issued is of no use, if that ended the run.
std::string describe_useless(const provisioning::gave_up& why, const provisioning::session& session) {
  if (why.during != state::creating_certificate) return {};
  const bool by_request = session.signing_request() != nullptr;
  if (why.why.code == errc::encoding)
    return std::string("the service issued a certificate") + (by_request ? "" : " or a private key") +
           " that cannot be read";
  if (why.why.code != errc::crypto) return {};
  return std::string("the service issued a certificate that is not for the key ") +
         (by_request ? "of the signing request" : "that came with it");
}

std::string help_for_rejection(state during, const payloads::error_response& reply, const prepared& what) {
  const int status = reply.status_code.value_or(0);
  const bool registering =
      during == state::registering_thing || during == state::register_backoff || during == state::trying_credentials;
  if (status == 429) return "too many requests: try again later, or raise the account's quota";
  if (status >= 500) return "the service failed: try again later";
  if (!registering)
    return what.csr || what.key_type
               ? "look at the signing request: RSA of at least 2048 bits or NIST P-256, P-384, P-521"
               : "look at the account's limits and logs";
  if (reply.error_code == "InvalidCertificateOwnershipToken")
    return "the ownership token is no good: run again for a new certificate";
  switch (status) {
    case 400:
      return "look at --template-parameters and at what the template refers to (`--template FILE` checks them here)";
    case 403:
      return "look at the pre-provisioning hook (denied, failed or took more than 5 s), at whether the template is "
             "enabled, and at its provisioning role";
    case 404:
      return "look at --template-name: there is no template `" + std::string(what.name.view()) +
             "` in this account and region";
    case 409:
      return "the thing exists already and the template's OverrideSettings say FAIL";
    default:
      return "look at the template and at the account's logs";
  }
}

std::string needed(const std::string& host, const std::string& action, std::string_view type,
                   const std::vector<std::string>& names) {
  std::string out = action + " on";
  for (std::size_t i = 0; i < names.size(); ++i)
    out += (i == 0 ? " " : " and ") + policy_resource(host, type, names[i]);
  return out;
}

}  // namespace

void narrator::on_action(const provisioning::session_action& next) {
  if (std::holds_alternative<provisioning::connect>(next)) {
    say("connect: " + printable(link_.host) + ":" + std::to_string(link_.port) + " as " + printable(link_.client_id));
  } else if (const auto* sub = std::get_if<provisioning::subscribe_topics>(&next)) {
    for (const auto& filter : sub->filters) say("subscribe: " + std::string(filter.view()));
    filters_ = {std::string(sub->filters[0].view()), std::string(sub->filters[1].view())};
  } else if (const auto* pub = std::get_if<provisioning::publish_message>(&next)) {
    topic_ = std::string(pub->topic.view());
    say(std::string(topics::name_of(pub->call)) + ": " + topic_);
  } else if (const auto* issued = std::get_if<provisioning::store_credentials>(&next)) {
    say("certificateId: " + printable(issued->issued.certificate_id));
  } else if (std::holds_alternative<provisioning::try_credentials>(next)) {
    say("try: whether the stored certificate is registered already");
  } else if (const auto* done = std::get_if<provisioning::finished>(&next)) {
    if (!done->thing) say("the stored certificate connects: it was registered by an earlier request");
    else if (done->thing->thing_name) say("thingName: " + printable(*done->thing->thing_name));
    else say("thingName: none (the template makes no thing)");
    say("disconnect");
  }
}

void narrator::on_event(const link_event& event, state before) {
  last_ = event.what;
  put_off_ = adapters::is_refused_for_now(event);
  switch (event.what) {
    case link_event::kind::connected:
    case link_event::kind::published:
      break;
    case link_event::kind::unreachable:
      note(before, "not reachable: " + event.text);
      break;
    case link_event::kind::untrusted:
      untrusted_ = true;
      note(before, event.text);
      break;
    case link_event::kind::not_tried:
      not_tried_ = true;
      note(before, event.text);
      break;
    case link_event::kind::hung_up:
      note(before, event.text + (event.codes.empty() ? "" : ": " + describe_reason(link_.version, event.codes[0])));
      break;
    case link_event::kind::refused:
      note(before, "refused" + (event.codes.empty() ? "" : ": " + describe_reason(link_.version, event.codes[0])));
      break;
    case link_event::kind::subscribed:
      for (const std::uint8_t code : event.codes)
        if (code >= 0x80) note(before, "SUBACK: " + describe_reason(link_.version, code));
      break;
    case link_event::kind::publish_refused:
      note(before, "PUBACK: " + describe_reason(link_.version, event.codes.at(0)));
      break;
    case link_event::kind::message:
      if (const auto place = topics::classify(event.text); place && place->kind == topics::message_kind::rejected)
        say(std::string(topics::name_of(place->call)) + ": rejected");
      break;
  }
}

void narrator::note(state during, const std::string& what) {
  words_ = printable(what);
  say(std::string(provisioning::step_of(during)) + ": " + words_);
}

explanation explain(const provisioning::gave_up& why, const narrator& seen, const prepared& what,
                    const provisioning::session& session) {
  explanation out;
  out.exit_code = exit_findings;
  out.step = step_name(why.during, session);
  out.reply.status_code = why.reply.status_code;
  out.reply.error_code = why.reply.error_code;
  out.reply.error_message = why.reply.error_message;
  const std::string& host = what.link.host;
  const bool has_reply = why.reply.status_code || why.reply.error_code || why.reply.error_message;
  const std::string words = seen.last_words().empty() ? std::string(describe(why.why.code)) : seen.last_words();
  if (seen.untrusted() || seen.not_tried()) {
    out.message = words;
    out.help = seen.untrusted() ? trust_help : own_file_help;
    out.exit_code = exit_trouble;
    return out;
  }
  out.message = describe_useless(why, session);
  if (!out.message.empty()) {
    out.help = "nothing was stored or registered: look at what answers at " + host + ", and at --endpoint";
    return out;
  }
  if (why.why.code == errc::storage) {
    out.message = "the credentials could not be stored";
    out.help = std::string(storage_help) + "; nothing was registered";
    out.exit_code = exit_trouble;
    return out;
  }
  if (why.why.code == errc::too_large || why.why.code == errc::invalid_utf8) {
    out.message = "the request cannot be sent: " + std::string(describe(why.why.code));
    out.help = "look at --template-parameters";
    return out;
  }
  // Who refuses a CONNECT answers or hangs up: silence is the network's.
  const bool connecting = why.during == state::connecting || why.during == state::connect_backoff;
  const bool silent = connecting && why.why.code == errc::timed_out && !seen.turned_away();
  if (silent || (seen.unreachable() && (why.why.code == errc::disconnected || why.why.code == errc::timed_out))) {
    out.message = seen.unreachable() ? words : "no answer in time";
    out.help = network_help;
    out.exit_code = exit_trouble;
    return out;
  }
  if (seen.put_off()) {
    out.message = words;
    out.help = "too many connections: try again later, or raise the account's quota";
    return out;
  }
  if (why.why.code == errc::rejected &&
      (has_reply || why.during == state::registering_thing || why.during == state::creating_certificate) &&
      seen.last_words().find("PUBACK") != 0) {
    out.message = service_answer("the service answered", why.reply);
    out.help = help_for_rejection(why.during, why.reply, what);
    return out;
  }
  if (why.unreadable) {
    out.message = describe_unreadable(*why.unreadable, session);
    out.help = "look at what answers at " + host + ", and at --endpoint: AWS IoT Core does not answer like that";
    return out;
  }
  if (why.why.code == errc::timed_out && has_reply) {
    out.message = service_answer("no success in time; the service's last answer was", why.reply);
    out.help = help_for_rejection(why.during, why.reply, what);
    return out;
  }
  out.message = why.why.code == errc::timed_out ? "no answer in time" : words;
  switch (why.during) {
    case state::connecting:
    case state::connect_backoff:
      out.help = "look at the claim certificate (registered and ACTIVE?), at its policy, which needs " +
                 needed(host, "iot:Connect", "client", {what.link.client_id}) + ", and at the endpoint";
      break;
    case state::subscribing_create:
    case state::subscribing_register:
      out.help = "look at the claim certificate's policy: it needs " +
                 needed(host, "iot:Subscribe", "topicfilter", seen.filters()) +
                 " (AWS hangs up on what a policy denies)";
      break;
    case state::creating_certificate:
    case state::create_backoff:
    case state::registering_thing:
    case state::register_backoff:
      out.help = "look at the claim certificate's policy: it needs " +
                 needed(host, "iot:Publish", "topic", {seen.topic()}) + " and " +
                 needed(host, "iot:Receive", "topic", {seen.topic() + "/accepted", seen.topic() + "/rejected"});
      break;
    case state::trying_credentials:
    case state::trying_backoff:
      out.help = "the stored certificate's token is no good and it does not connect: run again";
      break;
    default:
      out.help = "run again: what was stored is used";
      break;
  }
  return out;
}

void print_failure(const explanation& why, const provision_options& options) {
  if (options.format != "json") return;
  json_writer out;
  out.begin_object()
      .key("error")
      .begin_object()
      .field("step", why.step)
      .field("message", why.message)
      .field("help", why.help);
  if (why.reply.status_code) out.field("status_code", *why.reply.status_code);
  if (why.reply.error_code) out.field("error_code", *why.reply.error_code);
  if (why.reply.error_message) out.field("error_message", *why.reply.error_message);
  out.end_object().end_object();
  print(out.take() + "\n");
}

void report_failure(const explanation& why, const provision_options& options) {
  print_error("error: " + why.step + ": " + why.message + "\n");
  if (!why.help.empty()) print_error("help: " + why.help + "\n");
  print_failure(why, options);
}

int succeed(const storage::posix_store& store, const provision_options& options, const success& what) {
  if (!store.set_aside_path().empty())
    print_error("warning: the key that was in `" + printable(store.key_path()) +
                "` is not that of the new certificate: it is now `" + printable(store.set_aside_path()) + "`\n");
  const auto device = store.device().value_or(storage::device_record{});
  const bool has_key = ::access(store.key_path().c_str(), F_OK) == 0;
  if (options.format == "json") {
    json_writer out;
    out.begin_object().key("provisioned").boolean(what.provisioned).key("thing_name");
    if (device.thing_name) out.text(*device.thing_name);
    else out.null();
    out.field("certificate_id", device.certificate_id).field("endpoint", device.endpoint);
    out.key("device_configuration").begin_object();
    for (const auto& [key, value] : device.device_configuration) out.field(key, value);
    out.end_object().key("superseded").begin_array();
    for (const auto& id : device.superseded) out.text(id);
    out.end_array().field("certificate", store.certificate_path()).key("private_key");
    if (has_key) out.text(store.key_path());
    else out.null();
    if (!device.key_uri.empty()) out.field("key_uri", device.key_uri);
    out.field("record", store.record_path()).end_object();
    print(out.take() + "\n");
    return exit_good;
  }
  std::string text = std::string(what.headline) + "\n";
  text += "  thingName:     " + printable(device.thing_name.value_or("(none)")) + "\n";
  text += "  certificateId: " + printable(device.certificate_id) + "\n";
  text += "  certificate:   " + printable(store.certificate_path()) + "\n";
  if (has_key) text += "  private key:   " + printable(store.key_path()) + "\n";
  if (!device.key_uri.empty()) text += "  private key:   " + printable(device.key_uri) + "\n";
  text += "  record:        " + printable(store.record_path()) + "\n";
  for (const auto& id : device.superseded)
    text += "  superseded:    " + printable(id) + " (may still be ACTIVE: deactivate it)\n";
  print(text);
  return exit_good;
}

}  // namespace fleetprov::cli
