// fleetprov_load: how many devices per second can be provisioned, beside what the broker's TLS allows.
//
// In one run and with the same client code it measures
//   1. bare: handshakes per second (connect, CONNACK, disconnect) of a plain Mosquitto with the mock's
//      own certificates and require_certificate, as it is and with the mock's OpenSSL settings;
//   2. flows: complete provisioning flows per second of the mock: connect with the claim, create
//      (CSR, or key and certificate from the pool), RegisterThing, reconnect with the new certificate, one message
//      published and received back. A flow has two handshakes, so half of 1 is its ceiling.
//   3. one client alone: the time of a flow, median and 95th percentile.
// 1 and 2 take turns.
#include <fleetprov/crypto/csr.hpp>
#include <fleetprov/crypto/private_key.hpp>
#include <fleetprov/testing/mock_broker.hpp>

#include <support/provisioning_flow.hpp>

#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

namespace {

using namespace fleetprov;
using test::create_call;
using test::flow;
using test::scenario;
using test::steady;

std::string slurp(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

double seconds_since(steady::time_point start) { return std::chrono::duration<double>(steady::now() - start).count(); }

struct measured {
  std::size_t good = 0, bad = 0;
  std::size_t while_full = 0;  ///< of the good ones, those in `seconds`
  double seconds = 0;
  double client_cpu_ms = 0, broker_cpu_ms = 0;
  std::vector<double> each_ms;
};

/// What a process has used of the processors so far; 0 when it is gone.
double cpu_ms_of(pid_t process) {
  const std::string text = slurp("/proc/" + std::to_string(process) + "/stat");
  const std::size_t after_name = text.rfind(')');
  unsigned long user = 0, system = 0;
  if (after_name == std::string::npos ||
      std::sscanf(text.c_str() + after_name + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
    return 0;
  return static_cast<double>(user + system) * 1000 / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double own_cpu_ms() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000 +
         static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000;
}

struct amount {
  std::size_t total, width, first_number;
};

/// Runs `total` jobs against `broker`, `width` at a time. `start(loop, number, done)` returns an object that lives until
/// done. The rate is that of the time in which `width` jobs run: not of the first ones, which all begin at once, and not
/// of the last ones, which have the machine for themselves. Of fewer jobs than that leaves, it is the rate of all.
template <class Start>
measured run_many(pid_t broker, const amount& of, Start start) {
  using job = decltype(start(std::declval<test::probe_loop&>(), std::size_t(), std::function<void(bool)>()));
  test::probe_loop loop;
  measured out;
  out.client_cpu_ms = -own_cpu_ms();
  out.broker_cpu_ms = -cpu_ms_of(broker);
  std::vector<job> running(of.width);
  std::vector<std::size_t> finished;
  std::size_t begun = 0, before = 0;
  const auto from = steady::now();
  auto full_from = from, full_until = from;
  const auto launch = [&](std::size_t slot) {
    const auto at = steady::now();
    running[slot] = start(loop, of.first_number + begun++, [&, slot, at](bool good) {
      ++(good ? out.good : out.bad);
      out.each_ms.push_back(seconds_since(at) * 1000);
      finished.push_back(slot);
    });
  };
  for (std::size_t slot = 0; slot < of.width && begun < of.total; ++slot) launch(slot);
  while (out.good + out.bad < of.total && seconds_since(from) < 300) {
    loop.turn(100);
    const std::vector<std::size_t> again = std::exchange(finished, {});
    if (before == 0 && out.good >= of.width && of.total >= 4 * of.width) {
      before = out.good;
      full_from = steady::now();
    }
    for (const std::size_t slot : again)
      if (begun < of.total) launch(slot);
    if (begun < of.total || of.total < 4 * of.width) {
      full_until = steady::now();
      out.while_full = out.good - before;
    }
  }
  out.seconds = std::chrono::duration<double>(full_until - full_from).count();
  out.client_cpu_ms += own_cpu_ms();
  out.broker_cpu_ms += cpu_ms_of(broker);
  return out;
}

void add_to(measured& sum, const measured& one) {
  sum.good += one.good;
  sum.bad += one.bad;
  sum.while_full += one.while_full;
  sum.seconds += one.seconds;
  sum.client_cpu_ms += one.client_cpu_ms;
  sum.broker_cpu_ms += one.broker_cpu_ms;
  sum.each_ms.insert(sum.each_ms.end(), one.each_ms.begin(), one.each_ms.end());
}

double rate_of(const measured& of) { return static_cast<double>(of.while_full) / of.seconds; }

void print_cpu(const char* what, const measured& of) {
  const auto each = static_cast<double>(of.good + of.bad);
  std::printf("processor time per %s: broker %.2f ms, client %.2f ms\n", what, of.broker_cpu_ms / each, of.client_cpu_ms / each);
}

enum class session_tickets { as_mosquitto, as_the_mock };

/// A plain Mosquitto with the same certificates, for the bare measurement.
class plain_broker {
 public:
  plain_broker(const std::filesystem::path& mock_dir, int port, session_tickets tickets) : port_(port) {
    conf_ = std::filesystem::temp_directory_path() / ("fleetprov-bare-" + std::to_string(::getpid()) + ".conf");
    std::string text;
    std::ifstream in(mock_dir / "mosquitto.conf");
    bool listening = false;
    for (std::string line; std::getline(in, line);) {
      if (line.rfind("plugin", 0) == 0) continue;
      if (line.rfind("listener ", 0) == 0) {
        line = listening ? "#" : "listener " + std::to_string(port) + " 127.0.0.1";
        listening = true;
      }
      if (line.rfind("allow_anonymous", 0) == 0) line = "allow_anonymous true";
      text += line + "\n";
    }
    std::ofstream(conf_) << text;
    std::string path = conf_.string();
    char program[] = "mosquitto", option[] = "-c";
    char* argv[] = {program, option, path.data(), nullptr};
    posix_spawn_file_actions_t quiet;
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", O_WRONLY, 0);
    std::string tls = "OPENSSL_CONF=" + (mock_dir / "private" / "openssl.cnf").string();
    std::vector<char*> environment;
    if (tickets == session_tickets::as_the_mock) environment.push_back(tls.data());
    for (char** one = environ; *one != nullptr; ++one)
      if (std::string_view(*one).rfind("OPENSSL_CONF=", 0) != 0) environment.push_back(*one);
    environment.push_back(nullptr);
    started_ = ::posix_spawnp(&pid_, std::filesystem::exists("/usr/sbin/mosquitto") ? "/usr/sbin/mosquitto" : "mosquitto", &quiet,
                              nullptr, argv, environment.data()) == 0;
    posix_spawn_file_actions_destroy(&quiet);
  }
  ~plain_broker() {
    if (started_) {
      ::kill(pid_, SIGTERM);
      ::waitpid(pid_, nullptr, 0);
    }
    std::filesystem::remove(conf_);
  }
  pid_t pid() const { return pid_; }
  bool wait_listening() const {
    const auto end = steady::now() + std::chrono::seconds(10);
    while (steady::now() < end) {
      testing::detail::descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons(static_cast<std::uint16_t>(port_));
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return true;
      ::poll(nullptr, 0, 5);
    }
    return false;
  }

 private:
  std::filesystem::path conf_;
  pid_t pid_ = -1;
  int port_;
  bool started_ = false;
};

int free_port() {
  testing::detail::descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return 0;
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

double percentile(std::vector<double> values, double part) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(part * static_cast<double>(values.size() - 1))];
}

/// The process that was started with this folder's configuration. Ends the program where there is none.
pid_t broker_of(const std::filesystem::path& mock_dir) {
  const std::string wanted = (mock_dir / "mosquitto.conf").string();
  for (const auto& process : std::filesystem::directory_iterator("/proc")) {
    std::error_code gone;
    const pid_t pid = std::atoi(process.path().filename().c_str());
    if (pid > 0 && std::filesystem::exists(process.path() / "cmdline", gone) && slurp(process.path() / "cmdline").find(wanted) != std::string::npos)
      return pid;
  }
  std::fputs("the broker is not among the processes\n", stderr);
  std::exit(3);
}

crypto::subject load_subject() {
  crypto::subject out{};
  out.common_name = "load";
  return out;
}

/// Until the mock's pool is full: its threads would take part of the processors that are measured. False when it takes
/// longer than a slow machine would need.
bool wait_for_pool(const std::filesystem::path& mock_dir, std::size_t wanted) {
  const auto end = steady::now() + std::chrono::milliseconds(10'000 + 1'000 * wanted);
  for (std::size_t told = 0; steady::now() < end;) {
    std::error_code none;
    const auto found = static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(mock_dir / "pool", none), {}));
    if (found >= wanted) return true;
    if (found >= told + 100) std::fprintf(stderr, "the pool holds %zu of %zu\n", told = found, wanted);
    ::poll(nullptr, 0, 50);
  }
  return false;
}

int usage() {
  std::puts("usage: fleetprov_load [--flows N] [--clients N] [--handshakes N] [--rounds N] [--keys] [--reload]\n"
            "  --flows N       provisioning flows (default 1000)\n"
            "  --clients N     at a time (default 64)\n"
            "  --handshakes N  bare handshakes (default 1600)\n"
            "  --rounds N      the measurements take turns so often, since a machine's speed changes (default 2)\n"
            "  --keys          CreateKeysAndCertificate instead of a CSR; first waits until the mock has as many keys ready\n"
            "  --reload        the broker reloads its configuration (SIGHUP) before the flows and after them\n"
            "Needs FLEETPROV_PROGRAM or `fleetprov` in PATH.");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t flows = 1000, clients = 64, handshakes = 1600, rounds = 2;
  create_call create = create_call::csr;
  bool reload = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const auto number = [&]() -> std::size_t { return i + 1 < argc ? static_cast<std::size_t>(std::atol(argv[++i])) : 0; };
    if (word == "--flows") flows = number();
    else if (word == "--clients") clients = number();
    else if (word == "--handshakes") handshakes = number();
    else if (word == "--rounds") rounds = number();
    else if (word == "--keys") create = create_call::keys;
    else if (word == "--reload") reload = true;
    else return usage();
  }
  if (flows == 0 || clients == 0 || rounds == 0 || rounds > std::min(flows, handshakes)) return usage();
  const std::size_t alone_flows = std::min<std::size_t>(flows, 100);

  const auto policy = std::filesystem::temp_directory_path() / ("fleetprov-load-" + std::to_string(::getpid()) + ".json");
  std::ofstream(policy) << R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:Connect","Resource":"arn:aws:iot:*:*:client/${iot:Connection.Thing.ThingName}"},)"
                        << R"({"Effect":"Allow","Action":["iot:Publish","iot:Receive"],"Resource":"arn:aws:iot:*:*:topic/load/${iot:Connection.Thing.ThingName}"},)"
                        << R"({"Effect":"Allow","Action":"iot:Subscribe","Resource":"arn:aws:iot:*:*:topicfilter/load/${iot:Connection.Thing.ThingName}"}]})";
  // Every flow of the measurement finds its key ready, and so many are left that none is made meanwhile.
  const std::size_t pool = create == create_call::keys ? (flows + alone_flows) * 4 / 3 + 4 : 0;
  auto mock = testing::mock_broker::start(
      {{}, {"--policy", "sample-device=" + policy.string(), "--key-pool", std::to_string(pool)}, std::chrono::minutes(10)});  // it may run under valgrind
  std::filesystem::remove(policy);
  if (!mock || mock->templates().empty()) {
    std::fputs("the mock did not start\n", stderr);
    return 3;
  }
  const auto name = topics::template_name::parse(mock->templates().front());
  const auto key = crypto::private_key::generate(crypto::key_type::ec_p256);
  const auto csr = key ? crypto::make_csr_pem(*key, load_subject()) : result<std::string>(errc::crypto);
  if (!name || !csr) return 3;
  const test::tls_identity claim(slurp(mock->claim_certificate()), slurp(mock->claim_private_key()));
  const auto key_pem = key->to_pem();
  const test::tls_endpoint endpoint(mock->host(), mock->port(), mock->ca_file());
  const scenario how{endpoint, claim, *name, create, *csr, std::string(key_pem->reveal()), test::afterwards::disconnect};

  if (!wait_for_pool(mock->directory(), pool)) {
    std::fputs("the mock's pool of keys did not fill\n", stderr);
    return 3;
  }
  std::size_t next_number = 0;
  const auto numbers = [&](std::size_t total, std::size_t width) {
    return amount{total, width, std::exchange(next_number, next_number + total)};
  };
  const auto shake_hands = [&](session_tickets tickets, std::size_t total) {
    const int port = free_port();
    const plain_broker plain(mock->directory(), port, tickets);
    if (!plain.wait_listening()) {
      std::fputs("no plain mosquitto to compare with\n", stderr);
      std::exit(3);
    }
    const test::tls_endpoint bare_endpoint(mock->host(), port, mock->ca_file());
    return run_many(plain.pid(), numbers(total, clients),
                    [&](test::probe_loop& loop, std::size_t number, std::function<void(bool)> done) {
                      auto one = std::make_unique<test::probe>(loop, bare_endpoint, claim);
                      one->on_packet = [done](test::probe& self, test::mqtt_packet&) {
                        self.send(test::disconnect_packet());
                        self.close();
                        done(true);
                      };
                      one->on_closed = [done](test::probe&) { done(false); };
                      one->send(test::connect_packet("bare-" + std::to_string(number)));
                      return one;
                    });
  };
  const auto start_flow = [&](test::probe_loop& loop, std::size_t number, std::function<void(bool)> done) {
    return std::make_unique<flow>(loop, how, std::to_string(number), std::move(done));
  };
  const pid_t broker = broker_of(mock->directory());
  measured bare, without_tickets, many;
  if (reload) ::kill(broker, SIGHUP);
  for (std::size_t round = 0; round < rounds; ++round) {
    const auto share = [&](std::size_t of) { return of / rounds + (round < of % rounds ? 1 : 0); };
    add_to(bare, shake_hands(session_tickets::as_mosquitto, share(handshakes)));
    add_to(many, run_many(broker, numbers(share(flows), clients), start_flow));
    add_to(without_tickets, shake_hands(session_tickets::as_the_mock, share(handshakes)));
  }
  if (reload) ::kill(broker, SIGHUP);
  const measured alone = run_many(broker, numbers(alone_flows, 1), start_flow);

  const double bare_rate = rate_of(bare);
  const double without_rate = rate_of(without_tickets);
  const double flow_rate = rate_of(many);
  std::printf("bare Mosquitto: %zu handshakes, %zu failed, %.0f per second (%zu clients)\n", bare.good, bare.bad, bare_rate, clients);
  std::printf("  without session tickets, as the mock: %.0f per second\n", without_rate);
  std::printf("mock:           %zu full flows (%s), %zu failed, %.0f per second: %.0f %% of half the bare handshakes\n", many.good,
              create == create_call::csr ? "CSR" : "keys from the pool", many.bad, flow_rate, 200 * flow_rate / bare_rate);
  std::printf("one client:     median %.1f ms, 95th percentile %.1f ms per full flow\n", percentile(alone.each_ms, 0.5),
              percentile(alone.each_ms, 0.95));
  print_cpu("bare handshake", bare);
  print_cpu("flow", many);
  return bare.bad + without_tickets.bad + many.bad + alone.bad == 0 ? 0 : 1;
}
