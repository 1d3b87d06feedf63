#include <support/catch.hpp>

#include <fleetprov/json/document.hpp>
#include <mock_broker/event_log.hpp>
#include <mock_broker/http_server.hpp>
#include <mock_broker/iot_logs.hpp>
#include <mock_broker/launcher.hpp>
#include <mock_broker/loopback.hpp>
#include <mock_broker/mock_settings.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

using namespace fleetprov;
using namespace fleetprov::mock;

namespace {

struct temporary_folder {
  std::string path = "/tmp/fleetprov-unit-XXXXXX";
  temporary_folder() { REQUIRE(::mkdtemp(path.data()) != nullptr); }
  ~temporary_folder() { std::filesystem::remove_all(path); }
};

std::string read(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace

TEST_CASE("entries are in the file in order after a flush, the file is private, a cut brings back an earlier state") {
  const temporary_folder folder;
  const std::string file = folder.path + "/log";
  event_log log(file);
  log.append("one");
  log.flush();
  const event_log::mark first = log.now();
  CHECK(first.bytes == 4);
  log.append("two");
  log.append("three");
  log.flush();
  CHECK(read(file) == "one\ntwo\nthree\n");
  CHECK(log.wait_beyond(first, 0).bytes == 14);
  log.cut(first.bytes);
  CHECK(read(file) == "one\n");
  CHECK(log.now().epoch == first.epoch + 1);
  log.append("four");
  log.flush();
  CHECK(read(file) == "one\nfour\n");
  struct stat there {};
  REQUIRE(::stat(file.c_str(), &there) == 0);
  CHECK((there.st_mode & 0777U) == 0600U);
  CHECK_FALSE(log.is_closing());
  log.close_readers();
  CHECK(log.is_closing());
}

TEST_CASE("an entry that a killed broker left half written is cut, the next one is whole") {
  const temporary_folder folder;
  const std::string file = folder.path + "/log";
  for (const std::string& before : {std::string("one\n"), std::string(), "one\n" + std::string(9000, 'x') + "\n"}) {
    for (const std::size_t torn : {std::size_t{0}, std::size_t{3}, std::size_t{4096}, std::size_t{10000}}) {
      CAPTURE(before.size(), torn);
      std::ofstream(file, std::ios::binary | std::ios::trunc) << before << std::string(torn, 'y');
      event_log log(file);
      CHECK(log.now().bytes == before.size());
      log.append("next");
      log.flush();
      CHECK(read(file) == before + "next\n");
    }
  }
}

TEST_CASE("a log that cannot be written costs entries and nothing else") {
  event_log log("/nonexistent-folder/log");
  log.append("lost");
  log.flush();
  CHECK(log.now().bytes == 0);
}

TEST_CASE("text in a JSON line is escaped, and bytes that are not UTF-8 are replaced") {
  CHECK(json_line().text("k\xFF", "a\"b\\c\n\x01").take() == "{\"k\xEF\xBF\xBD\":" R"("a\"b\\c\n\u0001"})");
  CHECK(json_line().take() == "{}");
  CHECK(json_line().text("k", "v").number("n", -3).boolean("b", true).raw("r", "[]").take() ==
        R"({"k":"v","n":-3,"b":true,"r":[]})");
}

TEST_CASE("a broker entry has the common members first and its own where they are set") {
  session whose;
  whose.client_id = "c1";
  whose.certificate_id = "abc";
  whose.source_ip = "192.0.2.1";
  whose.source_port = 13490;
  log_details more;
  more.topic_name = "a/b";
  more.retain = true;
  const auto parsed = json::document::from_text(make_broker_entry(instant{1'502'379'443'476}, "123456789012", "Publish-In", whose, more));
  REQUIRE(parsed.value);
  std::string names;
  for (const json::member& m : parsed.value->root().members) names += m.key + " ";
  CHECK(names == "timestamp logLevel traceId accountId status eventType protocol topicName clientId principalId sourceIp sourcePort retain ");
  CHECK(parsed.value->find("/timestamp")->text == "2017-08-10 15:37:23.476");
  CHECK(parsed.value->find("/retain")->text == "True");
  CHECK(parsed.value->find("/retain")->is_string());
  CHECK(parsed.value->find("/sourcePort")->is(json::kind::number));
}

TEST_CASE("the entry of a message that waits for its client names the QoS and no address; DeleteConnection names the client") {
  session whose;
  whose.client_id = "c1";
  whose.source_ip = "192.0.2.1";
  log_details more;
  more.topic_name = "a/b";
  more.qos = std::uint8_t{1};
  more.details = "offline";
  const auto waits = json::document::from_text(make_broker_entry(instant{0}, "123456789012", "Queued", whose, more));
  REQUIRE(waits.value);
  CHECK(waits.value->find("/qos")->is(json::kind::number));
  CHECK(waits.value->find("/topicName")->text == "a/b");
  CHECK(waits.value->find("/details")->text == "offline");
  CHECK(waits.value->find("/sourceIp") == nullptr);
  CHECK(waits.value->find("/sourcePort") == nullptr);
  for (const bool found : {true, false}) {
    const auto entry = json::document::from_text(make_delete_connection_entry(instant{0}, "123456789012", "c1", found));
    REQUIRE(entry.value);
    CHECK(entry.value->find("/eventType")->text == "DeleteConnection");
    CHECK(entry.value->find("/clientId")->text == "c1");
    CHECK(entry.value->find("/status")->text == (found ? "Success" : "Failure"));
    CHECK((entry.value->find("/reason") == nullptr) == found);
  }
}

TEST_CASE("only our own names are good in a Host header") {
  const std::vector<std::string> own{"localhost", "127.0.0.1", "::1", "Mock.example"};
  for (const char* good : {"localhost", "localhost:8080", "LOCALHOST:1", "127.0.0.1:80", "[::1]:80", "[::1]", "mock.example"})
    CHECK(is_own_host(good, own));
  for (const char* bad : {"", ":80", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "[::1", "[::2]:80", "localhost@evil"})
    CHECK_FALSE(is_own_host(bad, own));
}

TEST_CASE("loopback is told from the rest") {
  for (const char* yes : {"127.0.0.1", "127.1.2.3", "::1", "localhost"}) CHECK(is_loopback(yes));
  for (const char* no : {"0.0.0.0", "192.168.1.5", "::", "127x"}) CHECK_FALSE(is_loopback(no));
}

TEST_CASE("settings survive the way through their file, whatever characters a command has") {
  const temporary_folder folder;
  mock_settings out;
  out.directory = folder.path;
  out.lambdas["l"] = "sh -c \"echo 'a\nb' | cat\" \\ \t";
  out.strict = {"quotas"};
  out.faults = {"operation=Connect,fault=reject"};
  out.ready_descriptor = 7;
  out.key_pool = 1234;
  out.world.empty = true;
  out.world.policies = {{"p", "{\"a\":\"\\u0000\"}"}, {"q", ""}};
  out.world.claim_policy = named_text{"c", "{}\n"};
  out.world.templates = {{"t", std::string(2U << 20U, 'x')}};
  out.world.hooks = {{"t", "l"}};
  const std::string file = folder.path + "/settings.json";
  std::ofstream(file) << to_json(out);
  const mock_settings in = read_settings(file);
  CHECK(in.directory == out.directory);
  CHECK(in.lambdas == out.lambdas);
  CHECK(in.strict == out.strict);
  CHECK(in.faults == out.faults);
  CHECK(in.ready_descriptor == 7);
  CHECK(in.key_pool == 1234);
  CHECK(in.world.empty);
  const auto same = [](const std::vector<named_text>& a, const std::vector<named_text>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](const named_text& x, const named_text& y) { return x.name == y.name && x.text == y.text; });
  };
  CHECK(same(in.world.policies, out.world.policies));
  CHECK(same(in.world.templates, out.world.templates));
  REQUIRE(in.world.claim_policy);
  CHECK(same({*in.world.claim_policy}, {*out.world.claim_policy}));
  CHECK(in.world.hooks == out.world.hooks);
  CHECK(in.http_port == 8080);
  CHECK_THROWS(read_settings(folder.path + "/missing"));
}

TEST_CASE("the plugin's report of its start comes through, and what is no report is a failure") {
  start_report out;
  out.is_ready = true;
  out.http_port = 4711;
  out.world.claim_certificate_id = std::string(64, 'a');
  out.world.policies = {"p", "q"};
  out.world.templates = {"t"};
  const start_report in = read_report(to_json(out));
  CHECK(in.is_ready);
  CHECK(in.http_port == 4711);
  CHECK(in.world.claim_certificate_id == out.world.claim_certificate_id);
  CHECK(in.world.policies == out.world.policies);
  CHECK(in.world.templates == out.world.templates);

  start_report failed;
  failed.refusal = "MalformedPolicyException";
  failed.words = "policy `\"x\"`\nis not one";
  const start_report told = read_report(to_json(failed));
  CHECK_FALSE(told.is_ready);
  CHECK_FALSE(told.world.claim_certificate_id);
  CHECK(told.refusal == failed.refusal);
  CHECK(told.words == failed.words);
  for (const char* line : {"", "{", "[]", "ready 5"}) CHECK_FALSE(read_report(line).is_ready);
}

TEST_CASE("the broker's configuration has the lines that were measured to matter") {
  broker_configuration wanted;
  wanted.bind = "127.0.0.1";
  wanted.ports = {8883, 443};
  wanted.plugin = "/p.so";
  wanted.as_root = true;
  const std::string text = to_mosquitto_conf(wanted);
  for (const char* line : {"per_listener_settings false\n", "set_tcp_nodelay true\n", "max_queued_messages 1000\n", "max_packet_size 149504\n",
                           "check_retain_source false\n", "require_certificate true\n", "user root\n", "listener 8883 127.0.0.1\n",
                           "listener 443 127.0.0.1\n", "max_qos 1\n", "plugin /p.so\n"})
    CHECK(text.find(line) != std::string::npos);
  CHECK(text.find("message_size_limit") == std::string::npos);
}

TEST_CASE("the ready object names an empty world's claim null") {
  ready_facts facts;
  facts.host = "localhost";
  facts.port = 1;
  facts.http_url = "http://127.0.0.1:2";
  facts.account = "123456789012";
  facts.region = "us-east-1";
  const std::string text = to_ready_json(facts);
  CHECK(text.find(R"("mqtt":{"host":"localhost","port":1},"http":{"url":"http://127.0.0.1:2"})") != std::string::npos);
  CHECK(text.find(R"("claim":null,"templates":[],"policies":[])") != std::string::npos);
}
