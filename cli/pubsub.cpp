#include <cli/commands.hpp>
#include <cli/companion.hpp>
#include <cli/device_connection.hpp>
#include <cli/output.hpp>

#include <fleetprov/adapters/paho.hpp>
#include <fleetprov/topics/limits.hpp>
#include <fleetprov/topics/topic_name.hpp>

#include <memory>
#include <string>

namespace fleetprov::cli {
namespace {

using adapters::link_event;

struct pubsub_options {
  device_options device;
  std::string topic, message = "hello", format = "text";
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
  waiter(adapters::paho_link& link, const pubsub_options& options)
      : link_(link),
        options_(options),
        end_(adapters::monotonic_now() + std::chrono::milliseconds(static_cast<std::int64_t>(options.timeout * 1000))) {
  }

  link_event next(const char* step, const std::string& help) {
    auto event = link_.wait(std::max(std::chrono::milliseconds(0), end_ - adapters::monotonic_now()));
    if (!event) throw ended{exit_findings, std::string(step) + ": no answer in time", help};
    const auto reason =
        event->codes.empty() ? std::string() : ": " + describe_reason(link_.options().version, event->codes[0]);
    switch (event->what) {
      case link_event::kind::unreachable:
        throw ended{exit_trouble, std::string(step) + ": not reachable: " + printable(event->text),
                    "look at --endpoint and the network"};
      case link_event::kind::hung_up:
        if (const std::string fault =
                std::string_view(step) == "connect" ? find_server_fault(link_.options()) : std::string();
            !fault.empty())
          throw ended{exit_trouble, std::string(step) + ": " + fault,
                      "look at --ca-file and at the host name of --endpoint"};
        throw ended{exit_findings, std::string(step) + ": " + printable(event->text) + reason, help};
      case link_event::kind::refused:
      case link_event::kind::publish_refused:
        throw ended{exit_findings, std::string(step) + ": refused" + reason, help};
      case link_event::kind::subscribed:
        for (const std::uint8_t code : event->codes)
          if (code >= 0x80)
            throw ended{exit_findings,
                        std::string(step) + ": SUBACK: " + describe_reason(link_.options().version, code), help};
        break;
      default:
        break;
    }
    return std::move(*event);
  }

 private:
  adapters::paho_link& link_;
  const pubsub_options& options_;
  std::chrono::milliseconds end_;
};

int play(const pubsub_options& options) {
  const auto with = make_link_options(options.device, "fleetprov-pubsub");
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
  waiter wait(link, options);
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
  int arrived = 0;
  for (int i = 1; i <= options.count; ++i) {
    link.publish(options.topic, options.message);
    for (bool mine = false; !mine;) {
      const auto event = wait.next("publish", receive);
      if (event.what != link_event::kind::message) continue;
      mine = event.payload.reveal() == options.message;
      print(printable(event.text) + ": " + printable(event.payload.reveal()) + "\n");
    }
    ++arrived;
  }
  link.close();
  print_error("disconnect\n");
  print(std::to_string(arrived) + " of " + std::to_string(options.count) + " messages came back\n");
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
  me.add_option("--message", options->message, "text of each message")->capture_default_str();
  me.add_option("--count", options->count, "how many messages")->check(CLI::Range(0, 1000000))->capture_default_str();
  me.add_option("--timeout", options->timeout, "seconds until the run gives up")
      ->check(CLI::Range(0.001, 86400.0))
      ->capture_default_str();
  me.callback([options, &exit_code] { exit_code = run(*options); });
}

namespace {
const registrar pubsub_here(pubsub_command.name, add_pubsub);
}  // namespace

}  // namespace fleetprov::cli
