#include <mock_broker/iot_logs.hpp>

#include <mock_broker/event_log.hpp>

#include <array>
#include <cstdio>
#include <ctime>
#include <random>

namespace fleetprov::mock {
namespace {

/// `2017-08-10 15:37:23.476`, UTC.
std::string timestamp(instant now) {
  const std::time_t seconds = static_cast<std::time_t>(now.count() / 1000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 96> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02d-%02d %02d:%02d:%02d.%03d", parts.tm_year + 1900,
                parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                static_cast<int>(now.count() % 1000));
  return text.data();
}

/// A UUID that only has to be distinct.
std::string trace_id() {
  thread_local std::mt19937_64 dice{std::random_device{}()};
  const std::uint64_t a = dice();
  const std::uint64_t b = dice();
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%08x-%04x-4%03x-%04x-%012llx", static_cast<unsigned>(a >> 32U),
                static_cast<unsigned>(a >> 16U) & 0xFFFFU, static_cast<unsigned>(a) & 0xFFFU,
                (static_cast<unsigned>(b >> 48U) & 0x3FFFU) | 0x8000U,
                static_cast<unsigned long long>(b & 0xFFFFFFFFFFFFULL));
  return text.data();
}

json_line begin(instant now, std::string_view account, std::string_view event_type, bool failed) {
  json_line line;
  line.text("timestamp", timestamp(now))
      .text("logLevel", failed ? "ERROR" : "INFO")
      .text("traceId", trace_id())
      .text("accountId", account)
      .text("status", failed ? "Failure" : "Success")
      .text("eventType", event_type);
  return line;
}

void add_if(json_line& line, std::string_view key, std::string_view value) {
  if (!value.empty()) line.text(key, value);
}

}  // namespace

std::string make_broker_entry(instant now, std::string_view account, std::string_view event_type,
                              const session& whose, const log_details& more) {
  json_line line = begin(now, account, event_type, more.failed);
  line.text("protocol", "MQTT");
  add_if(line, "topicName", more.topic_name);
  line.text("clientId", whose.client_id).text("principalId", whose.certificate_id);
  // A client that is offline has no address.
  if (event_type != queued_event) line.text("sourceIp", whose.source_ip).number("sourcePort", whose.source_port);
  if (more.retain) line.text("retain", "True");
  if (more.qos) line.number("qos", *more.qos);
  add_if(line, "disconnectReason", more.disconnect_reason);
  add_if(line, "reason", more.reason);
  add_if(line, "details", more.details);
  return line.take();
}

// assumption: AWS names the entry; its members were not captured.
std::string make_delete_connection_entry(instant now, std::string_view account, std::string_view client_id, bool found) {
  json_line line = begin(now, account, "DeleteConnection", !found);
  line.text("protocol", "HTTP").text("clientId", client_id);
  if (!found) line.text("reason", "RESOURCE_NOT_FOUND").text("details", "No connection of the client is open");
  return line.take();
}

std::string make_service_entry(instant now, std::string_view account, const service_log_entry& entry) {
  json_line line = begin(now, account, name_of(entry.event_type), !entry.success);
  if (entry.event_type == service_event::provision_device)
    line.text("provisioningTemplateName", entry.template_name);
  add_if(line, "deviceCertificateId", entry.device_certificate_id);
  add_if(line, "reason", entry.reason);
  line.text("details", entry.details);
  // assumption: AWS's sample has neither; without them a stolen claim cannot be told from the log.
  line.text("clientId", entry.client_id).text("principalId", entry.claim_certificate_id);
  return line.take();
}

}  // namespace fleetprov::mock
