// fleetprov_soak: devices provision and stay connected while hostile clients do what they can. In the end
// all good devices have finished and are still there, and the broker's memory, descriptors, threads and
// children are what they were. `--short` is the version of the ordinary test run.
#include <fleetprov/crypto/csr.hpp>
#include <fleetprov/crypto/private_key.hpp>
#include <fleetprov/testing/mock_broker.hpp>

#include <support/provisioning_flow.hpp>

#include <sys/resource.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <sstream>
#include <thread>

namespace {

using namespace fleetprov;
using test::steady;

std::string slurp(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

struct footprint {
  long resident_kb = 0;
  std::size_t descriptors = 0, threads = 0, children = 0;
};

std::size_t count_entries(const std::filesystem::path& dir) {
  std::size_t n = 0;
  std::error_code failed;
  for (std::filesystem::directory_iterator at(dir, failed), end; !failed && at != end; at.increment(failed)) ++n;
  return n;
}

std::size_t count_children(int pid) {
  std::istringstream words(slurp("/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) + "/children"));
  return static_cast<std::size_t>(std::distance(std::istream_iterator<int>(words), std::istream_iterator<int>()));
}

footprint measure(int pid) {
  footprint out;
  std::istringstream status(slurp("/proc/" + std::to_string(pid) + "/status"));
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmRSS:", 0) == 0) out.resident_kb = std::atol(line.c_str() + 6);
    if (line.rfind("Threads:", 0) == 0) out.threads = static_cast<std::size_t>(std::atol(line.c_str() + 8));
  }
  out.descriptors = count_entries("/proc/" + std::to_string(pid) + "/fd");
  out.children = count_children(pid);
  return out;
}

void show(const char* when, const footprint& what) {
  std::printf("%-28s %7ld kB resident, %4zu descriptors, %2zu threads, %zu children\n", when, what.resident_kb,
              what.descriptors, what.threads, what.children);
}

/// The broker that serves `port`: the child named mosquitto of the launcher.
int broker_of(int launcher) {
  std::istringstream words(
      slurp("/proc/" + std::to_string(launcher) + "/task/" + std::to_string(launcher) + "/children"));
  for (int pid = 0; words >> pid;)
    if (slurp("/proc/" + std::to_string(pid) + "/comm").rfind("mosquitto", 0) == 0) return pid;
  return 0;
}

/// Everything that ill-behaved clients do, over and over, until told to stop.
class hostile_crowd {
 public:
  hostile_crowd(const test::tls_endpoint& endpoint, int port, test::tls_identity claim, test::tls_identity device,
                std::string thing, const test::scenario& hanging)
      : endpoint_(endpoint),
        port_(port),
        claim_(std::move(claim)),
        device_(std::move(device)),
        thing_(std::move(thing)),
        hanging_(hanging),
        thread_([this] { run(); }) {}
  ~hostile_crowd() { stop(); }
  void stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }
  std::size_t deeds() const { return deeds_; }

 private:
  testing::detail::descriptor plain() const {
    testing::detail::descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port_));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) socket.reset();
    return socket;
  }
  std::string garbage(std::size_t size) {
    std::string out(size, '\0');
    for (char& c : out) c = static_cast<char>(random_());
    return out;
  }
  test::probe& open(const test::tls_identity& who) {
    clients_.push_back(std::make_unique<test::probe>(loop_, endpoint_, who));
    return *clients_.back();
  }
  std::string unique() { return "hostile-" + std::to_string(++serial_); }

  void deed(unsigned which) {
    ++deeds_;
    switch (which % 12) {
      case 0: {  // garbage instead of TLS
        const auto socket = plain();
        if (socket.get() >= 0) testing::detail::write_all(socket.get(), garbage(512));
        return;
      }
      case 1:  // a connection that never says anything
        if (half_open_.size() < 100) half_open_.push_back(plain());
        return;
      case 2:
        return open(claim_).send(garbage(600));  // garbage instead of MQTT
      case 3: {                                  // a topic of the largest size
        auto& one = open(claim_);
        one.send(test::connect_packet(unique()));
        return one.send(test::publish_packet(std::string(65535, 'a'), "x", 1));
      }
      case 4: {  // subscription flood
        auto& one = open(claim_);
        one.send(test::connect_packet(unique()));
        for (std::uint16_t i = 1; i < 200; ++i) one.send(test::subscribe_packet(i, {"flood/" + std::to_string(i)}));
        return;
      }
      case 5:
        return open(claim_).send(test::connect_packet("hostile-same"));  // takes the id over from itself
      case 6: {                                                          // a will, and the end without a word
        std::string body;
        test::append_text(body, "MQTT");
        body += std::string("\x04\x06\x00\x3c", 4);
        test::append_text(body, unique());
        test::append_text(body, "will/topic");
        test::append_text(body, "gone");
        return open(claim_).send(test::packet(0x10, body));
      }
      case 7: {  // QoS 2
        auto& one = open(device_);
        one.send(test::connect_packet(thing_));
        return one.send(test::publish_packet("sdk/test/soak", "x", 2));
      }
      case 8: {  // retained flood
        auto& one = open(device_);
        one.send(test::connect_packet(thing_));
        for (int i = 0; i < 50; ++i) {
          std::string kept = test::publish_packet("sdk/test/kept/" + std::to_string(i), garbage(200));
          kept[0] |= 1;
          one.send(kept);
        }
        return;
      }
      case 9: {  // a slow reader of its own flood
        auto& one = open(device_);
        one.send(test::connect_packet(thing_));
        one.send(test::subscribe_packet(1, {"sdk/test/slow"}));
        for (std::uint16_t i = 1; i < 300; ++i)
          one.send(test::publish_packet("sdk/test/slow", std::string(4000, 's'), 1, i));
        return one.stop_reading();
      }
      case 10: {  // a packet that says it is huge
        auto& one = open(claim_);
        one.send(test::connect_packet(unique()));
        return one.send(std::string("\x30\xff\xff\xff\x7f", 5) + garbage(1000));
      }
      default:  // a hook that hangs
        if (hanging_flows_.size() < 40)
          hanging_flows_.push_back(std::make_unique<test::flow>(loop_, hanging_, "hang-" + unique(), [](bool) {}));
        return;
    }
  }

  void run() {
    for (unsigned which = 0; !stopping_; ++which) {
      deed(which);
      loop_.turn(5);
      if (clients_.size() > 60) clients_.erase(clients_.begin(), clients_.begin() + 20);
    }
    hanging_flows_.clear();
    clients_.clear();
    half_open_.clear();
  }

  const test::tls_endpoint& endpoint_;
  int port_;
  test::tls_identity claim_, device_;
  std::string thing_;
  const test::scenario& hanging_;
  test::probe_loop loop_;
  std::mt19937 random_{20261123};
  std::vector<std::unique_ptr<test::probe>> clients_;
  std::vector<std::unique_ptr<test::flow>> hanging_flows_;
  std::vector<testing::detail::descriptor> half_open_;
  std::uint64_t serial_ = 0;
  std::atomic<std::size_t> deeds_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

bool is_within_tenth(const footprint& now, const footprint& before) {
  return now.resident_kb * 10 <= before.resident_kb * 11;
}

/// Resets the mock until it is as small as `goal` (0: whatever), at most 20 s: the broker has to notice closed
/// connections first, and hooks that hang end after their 5 s.
footprint settle(testing::mock_broker& mock, int broker, const footprint& goal) {
  const auto end = steady::now() + std::chrono::seconds(20);
  for (;;) {
    const bool forgot = static_cast<bool>(mock.reset());
    const footprint now = measure(broker);
    const bool small = goal.resident_kb == 0 || (is_within_tenth(now, goal) && now.descriptors <= goal.descriptors + 4);
    if ((forgot && small && now.children <= goal.children && now.threads <= goal.threads) || steady::now() > end)
      return now;
    ::poll(nullptr, 0, 200);
  }
}

bool check(bool good, const char* what) {
  if (!good) std::printf("FAIL: %s\n", what);
  return good;
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t devices = 5000;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--short") devices = 300;
    else if (word == "--devices" && i + 1 < argc) devices = static_cast<std::size_t>(std::atol(argv[++i]));
    else {
      std::puts("usage: fleetprov_soak [--short | --devices N]");
      return 2;
    }
  }
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  if (files.rlim_cur < devices + 500) devices = files.rlim_cur - 500;

  const auto folder = std::filesystem::temp_directory_path() / ("fleetprov-soak-" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  std::ofstream(folder / "policy.json")
      << R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:Connect","Resource":"arn:aws:iot:*:*:client/${iot:Connection.Thing.ThingName}"},)"
      << R"({"Effect":"Allow","Action":["iot:Publish","iot:RetainPublish","iot:Receive"],"Resource":["arn:aws:iot:*:*:topic/load/${iot:Connection.Thing.ThingName}","arn:aws:iot:*:*:topic/sdk/test/*"]},)"
      << R"({"Effect":"Allow","Action":"iot:Subscribe","Resource":["arn:aws:iot:*:*:topicfilter/load/${iot:Connection.Thing.ThingName}","arn:aws:iot:*:*:topicfilter/sdk/test/*"]}]})";
  std::ofstream(folder / "hang.json")
      << R"({"Parameters":{"SerialNumber":{"Type":"String"}},"Resources":{"thing":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":{"Ref":"SerialNumber"}}},)"
      << R"("certificate":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"}}}}})";
  auto mock = testing::mock_broker::start(
      {{},
       {"--policy", "sample-device=" + (folder / "policy.json").string(), "--template",
        "hang=" + (folder / "hang.json").string(), "--lambda", "sleeper=sleep 60", "--hook", "hang=sleeper"},
       std::chrono::seconds(60)});
  std::filesystem::remove_all(folder);
  if (!mock) {
    std::fputs("the mock did not start\n", stderr);
    return 3;
  }
  const auto key = crypto::private_key::generate(crypto::key_type::ec_p256);
  crypto::subject subject{};
  subject.common_name = "soak";
  const auto csr = key ? crypto::make_csr_pem(*key, subject) : result<std::string>(errc::crypto);
  if (!csr) return 3;
  const auto key_pem = key->to_pem();
  const test::tls_identity claim(slurp(mock->claim_certificate()), slurp(mock->claim_private_key()));
  const test::tls_endpoint endpoint(mock->host(), mock->port(), mock->ca_file());
  test::scenario good{endpoint,
                      claim,
                      *topics::template_name::parse("fleet-basic"),
                      test::create_call::csr,
                      *csr,
                      std::string(key_pem->reveal()),
                      test::afterwards::stay_connected};
  test::scenario hanging = good;
  hanging.template_name = *topics::template_name::parse("hang");
  hanging.then = test::afterwards::disconnect;

  const auto ready = mock->query("/_mock/health");
  const int launcher = [&] {
    std::istringstream words(slurp("/proc/self/task/" + std::to_string(::getpid()) + "/children"));
    int shell = 0;
    words >> shell;
    std::istringstream below(slurp("/proc/" + std::to_string(shell) + "/task/" + std::to_string(shell) + "/children"));
    int pid = 0;
    below >> pid;
    return pid;
  }();
  const int broker = broker_of(launcher);
  if (!ready || broker == 0) {
    std::fputs("no broker below the launcher\n", stderr);
    return 3;
  }

  test::probe_loop loop;
  std::size_t finished = 0, failed = 0;
  const auto done = [&](bool well) { ++(well ? finished : failed); };
  const auto provision = [&](std::size_t count, const char* prefix) {
    finished = failed = 0;
    std::vector<std::unique_ptr<test::flow>> made;
    for (std::size_t i = 0; i < count; ++i)
      made.push_back(std::make_unique<test::flow>(loop, good, prefix + std::to_string(i), done));
    loop.run_until([&] { return finished + failed == count; }, std::chrono::seconds(60));
    return made;
  };
  // A first round, crowd included, touches every page of code and cache once; then the mock forgets it, and one
  // device is made for the crowd of the round that counts.
  {
    const auto warm = provision(20, "warm-");
    if (finished != 20) {
      std::fputs("the first devices did not finish\n", stderr);
      return 1;
    }
    hostile_crowd crowd(endpoint, mock->port(), claim, warm.front()->identity(), warm.front()->thing_name(), hanging);
    loop.run_until([&] { return crowd.deeds() >= 240; }, std::chrono::seconds(60));
  }
  const footprint settled = settle(*mock, broker, {0, 0, 11, 0});
  show("after a first round", settled);
  std::vector<std::unique_ptr<test::flow>> victim = provision(1, "victim-");
  if (finished != 1) {
    std::fputs("the crowd's device did not finish\n", stderr);
    return 1;
  }
  const test::tls_identity stolen = victim.front()->identity();
  const std::string stolen_thing = victim.front()->thing_name();
  victim.clear();
  const footprint before = measure(broker);
  show("before", before);

  finished = failed = 0;
  std::vector<std::unique_ptr<test::flow>> fleet;
  footprint peak;
  std::size_t deeds = 0;
  const auto start = steady::now();
  {
    hostile_crowd crowd(endpoint, mock->port(), claim, stolen, stolen_thing, hanging);
    while (finished + failed < devices && steady::now() - start < std::chrono::minutes(15)) {
      while (fleet.size() < devices && fleet.size() < finished + failed + 32)
        fleet.push_back(std::make_unique<test::flow>(loop, good, "soak-" + std::to_string(fleet.size()), done));
      loop.turn(100);
    }
    const double took = std::chrono::duration<double>(steady::now() - start).count();
    std::printf("%zu devices provisioned and connected in %.1f s (%.0f per second), %zu failed\n", finished, took,
                static_cast<double>(finished) / took, failed);
    // All of them are still there and answered while the crowd goes on.
    for (const auto& one : fleet)
      if (one->connected()) one->session()->send(test::ping_packet());
    loop.run_until(
        [&] {
          std::size_t answered = 0;
          for (const auto& one : fleet) answered += one->pongs() > 0 ? 1U : 0U;
          return answered == devices;
        },
        std::chrono::seconds(60));
    peak = measure(broker);
    show("with all devices", peak);
    crowd.stop();
    deeds = crowd.deeds();
  }
  std::size_t alive = 0;
  for (const auto& one : fleet) alive += one->connected() && one->pongs() > 0 ? 1U : 0U;
  std::printf("%zu hostile deeds; %zu of %zu devices still connected and answered; %.1f kB per device\n", deeds, alive,
              devices, static_cast<double>(peak.resident_kb - before.resident_kb) / static_cast<double>(devices));

  fleet.clear();
  const footprint after = settle(*mock, broker, before);
  show("after", after);

  bool all = check(finished == devices && failed == 0, "every good device finishes");
  all &= check(alive == devices, "every good device stays connected and is answered");
  all &= check(static_cast<bool>(mock->reset()), "the mock can be reset");
  all &= check(after.descriptors <= before.descriptors + 4, "no descriptor is left");
  all &= check(after.children <= before.children, "no child is left");
  all &= check(after.threads <= before.threads, "no thread is left");
  all &= check(is_within_tenth(after, before), "memory returns to within 10 % of what it was");
  all &= check(mock->stop() == 0, "the mock ends cleanly");
  std::puts(all ? "1 passed, 0 failed" : "0 passed, 1 failed");
  return all ? 0 : 1;
}
