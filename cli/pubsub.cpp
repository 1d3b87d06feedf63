#include <cli/commands.hpp>
#include <cli/companion.hpp>
#include <cli/device_connection.hpp>
#include <cli/output.hpp>

#include <fleetprov/adapters/paho.hpp>
#include <fleetprov/topics/limits.hpp>
#include <fleetprov/topics/topic_name.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace fleetprov::cli {
namespace {

using adapters::link_event;

struct pubsub_options {
  device_options device;
  std::string topic, message = "hello";
  bool has_message = false;
  int count = 1;
  double timeout = 30;
};

/// Ends the run: a refusal is 1, an unreachable server 3.
struct ended {
  int exit_code;
  std::string what, help;
};

/// Waits for one kind of event; anything that means the connection is gone ends the run.
class waiter {
 public:
  explicit waiter(adapters::paho_link& link) : link_(link) {}

  /// Until the whole run's deadline, or no longer than `limit`.
  std::optional<link_event> next_within(std::chrono::milliseconds limit, const char* step, const std::string& help) {
    const auto left = link_.options().deadline - std::chrono::steady_clock::now();
    auto event = link_.wait(
        std::max(std::min(std::chrono::ceil<std::chrono::milliseconds>(left), limit), std::chrono::milliseconds(0)));
    if (event) check(*event, step, help);
    return event;
  }
  link_event next(const char* step, const std::string& help) {
    auto event = next_within(std::chrono::hours(24), step, help);
    if (event) return std::move(*event);
    const std::string silence = std::string(step) + ": no answer in time";
    // Who refuses a CONNECT answers or hangs up: silence is the network's.
    if (std::string_view(step) == "connect") throw ended{exit_trouble, silence, network_help};
    throw ended{exit_findings, silence, help};
  }

 private:
  void check(const link_event& event, const char* step, const std::string& help) const {
    const auto reason =
        event.codes.empty() ? std::string() : ": " + describe_reason(link_.options().version, event.codes[0]);
    switch (event.what) {
      case link_event::kind::unreachable:
        throw ended{exit_trouble, std::string(step) + ": not reachable: " + printable(event.text), network_help};
      case link_event::kind::untrusted:
        throw ended{exit_trouble, std::string(step) + ": " + printable(event.text), trust_help};
      case link_event::kind::not_tried:
        throw ended{exit_trouble, std::string(step) + ": " + printable(event.text), own_file_help};
      case link_event::kind::hung_up:
        throw ended{exit_findings, std::string(step) + ": " + printable(event.text) + reason, help};
      case link_event::kind::refused:
      case link_event::kind::publish_refused:
        throw ended{exit_findings, std::string(step) + ": refused" + reason, help};
      case link_event::kind::subscribed:
        for (const std::uint8_t code : event.codes)
          if (code >= 0x80)
            throw ended{exit_findings,
                        std::string(step) + ": SUBACK: " + describe_reason(link_.options().version, code), help};
        break;
      default:
        break;
    }
  }

  adapters::paho_link& link_;
};

/// Publishes one message after the other, each once the one before came back; says how many did.
std::string exchange(adapters::paho_link& link, waiter& wait, const pubsub_options& options, const std::string& help) {
  // The user's text is sent as it is. Messages that are alike cannot be told apart, but a second copy mostly comes
  // right behind the first, and DUP on the same connection is never a first one.
  constexpr std::chrono::milliseconds time_for_copies{50};
  const bool all_alike = options.has_message && options.count > 1;
  if (all_alike)
    print_error(
        "note: all messages have the text of --message: a late second copy of one counts for another that is lost\n");
  const std::string run_id = unique_client_id("run");
  const auto text = [&](int number) {
    if (options.has_message) return options.message;
    return options.message + " " + std::to_string(number) + " of " + std::to_string(options.count) + " (" + run_id +
           ")";
  };
  const auto is_copy_of = [&](const link_event& event, const std::string& sent) {
    if (event.what != link_event::kind::message) return false;
    print(printable(event.text) + ": " + printable(event.payload.reveal()) + "\n");
    return event.payload.reveal() == sent && !(all_alike && event.is_redelivery);
  };
  int arrived = 0;
  const auto summary = [&] {
    return std::to_string(arrived) + " of " + std::to_string(options.count) + " messages came back";
  };
  try {
    for (; arrived < options.count; ++arrived) {
      const std::string sent = text(arrived + 1);
      const auto settled = adapters::monotonic_now() + (all_alike ? time_for_copies : std::chrono::milliseconds(0));
      while (const auto late = wait.next_within(settled - adapters::monotonic_now(), "publish", help))
        (void)is_copy_of(*late, sent);
      link.publish(options.topic, sent);
      while (!is_copy_of(wait.next("publish", help), sent)) {
      }
    }
  } catch (const ended& why) {
    throw ended{why.exit_code, why.what + "; " + summary(), why.help};
  }
  return summary();
}

int play(const pubsub_options& options) {
  const auto with = make_link_options(options.device, "fleetprov-pubsub", options.timeout);
  if (!topics::validate_topic_name(options.topic))
    throw usage_error("--topic: `" + printable(options.topic) + "` is no topic name to publish to");
  if (options.message.size() > topics::limits::max_payload_bytes)
    throw usage_error("--message: longer than AWS IoT Core carries");
  const auto policy = [&](const char* action, const char* type, const std::string& name) {
    return std::string("look at the certificate (ACTIVE?) and its policy: it needs ") + action + " on " +
           policy_resource(with.host, type, name);
  };
  const std::string receive = policy("iot:Publish and iot:Receive", "topic", options.topic);
  adapters::paho_link link(with);
  waiter wait(link);
  print_error("connect: " + printable(with.host) + ":" + std::to_string(with.port) + " as " +
              printable(with.client_id) + "\n");
  link.connect();
  while (wait.next("connect", policy("iot:Connect", "client", with.client_id)).what != link_event::kind::connected) {
  }
  print_error("subscribe: " + printable(options.topic) + "\n");
  link.subscribe({options.topic});
  while (wait.next("subscribe", policy("iot:Subscribe", "topicfilter", options.topic)).what !=
         link_event::kind::subscribed) {
  }
  const std::string told = exchange(link, wait, options, receive);
  link.close();
  print_error("disconnect\n");
  print(told + "\n");
  return exit_good;
}

int run(const pubsub_options& options) {
  try {
    return play(options);
  } catch (const ended& why) {
    print_error("error: " + why.what + "\nhelp: " + why.help + "\n");
    return why.exit_code;
  }
}

}  // namespace

void add_pubsub(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<pubsub_options>();
  CLI::App& me =
      add_subcommand(app, pubsub_command.name, pubsub_command.about,
                     "fleetprov pubsub --endpoint localhost:8883 --cert device.pem.crt --key device.pem.key \\\n"
                     "  --ca-file AmazonRootCA1.pem --client-id fleet-1 --topic sdk/test/cpp --count 10");
  add_device_options(me, options->device);
  me.add_option("--topic", options->topic, "topic to subscribe and publish to")->required();
  auto* text =
      me.add_option("--message", options->message, "text of each message (default: hello, a number and this run's id)");
  me.add_option("--count", options->count, "how many messages")->check(CLI::Range(0, 1000000))->capture_default_str();
  me.add_option("--timeout", options->timeout, "seconds until the run gives up")
      ->check(CLI::Range(0.001, 86400.0))
      ->capture_default_str();
  me.callback([options, text, &exit_code] {
    options->has_message = text->count() > 0;
    exit_code = run(*options);
  });
}

namespace {
const registrar pubsub_here(pubsub_command.name, add_pubsub);
}  // namespace

}  // namespace fleetprov::cli
