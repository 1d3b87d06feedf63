#include <mock_broker/hook_runner.hpp>
#include <tests/support/catch.hpp>
#include <tests/support/mock_world.hpp>

#include <httplib.h>

#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <future>
#include <iostream>
#include <iterator>
#include <thread>

using namespace fleetprov::mock;
using fleetprov::topics::api;
using fleetprov::topics::payload_format;

namespace {

using std::chrono::milliseconds;

hook_result run(hook_runner& runner, const std::string& command, std::string input = "{}") {
  std::promise<hook_result> said;
  runner.run(command, "test", std::move(input), [&](hook_result r) { said.set_value(std::move(r)); });
  auto answer = said.get_future();
  if (answer.wait_for(std::chrono::seconds(60)) != std::future_status::ready) throw std::runtime_error("no answer");
  return answer.get();
}

struct hooked : test::service {
  explicit hooked(const std::string& command, milliseconds timeout = milliseconds(5000))
      : test::service(settings(command, timeout)) {
    registry().create_policy("device", test::allow_all_policy());
    add_template("T", test::fleet_template(), true,
                 hook_reference{"2020-04-01", "arn:aws:lambda:us-east-1:123456789012:function:check"});
  }
  static service_settings settings(const std::string& command, milliseconds timeout) {
    service_settings how;
    how.lambdas["check"] = command;
    how.hook_timeout = timeout;
    return how;
  }
  int status(const std::map<std::string, std::string>& parameters) {
    const auto made = create();
    const auto reply = register_thing("T", made.token, parameters);
    if (reply.status_code != 200) CHECK(registry().status_of(made.certificate_id) == certificate_status::pending_activation);
    return reply.status_code;
  }
};

}  // namespace

TEST_CASE("a hook's stdout is its answer, its stderr goes line by line to the log") {
  std::mutex lock;
  std::vector<std::string> lines;
  hook_runner runner({}, [&](std::string_view label, std::string_view line) {
    const std::lock_guard<std::mutex> held(lock);
    lines.push_back(std::string(label) + ":" + std::string(line));
  });
  const auto said = run(runner, "echo one >&2; printf 'two' >&2; cat", std::string(200000, 'x'));
  CHECK(said.failure.empty());
  CHECK(said.output == std::string(200000, 'x'));
  const std::lock_guard<std::mutex> held(lock);
  CHECK(lines == std::vector<std::string>{"test:one", "test:two"});
}

TEST_CASE("exit codes, signals, too much output and silence are failures") {
  hook_limits limits;
  limits.timeout = milliseconds(400);
  limits.output_bytes = 64 * 1024;
  hook_runner runner(limits, [](std::string_view, std::string_view) {});
  CHECK(run(runner, "exit 3").failure == "exit status 3");
  CHECK(run(runner, "kill -9 $$").failure == "killed by signal 9");
  CHECK(run(runner, "/nonexistent/program").failure == "exit status 127");
  CHECK(run(runner, "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done").failure == "wrote more than 64 KiB");
  CHECK(run(runner, "while :; do echo x >&2; done").failure == "no answer within 400 ms");
  CHECK(run(runner, "exec 1>&-; exec 2>&-; while :; do :; done").failure == "no answer within 400 ms");
  CHECK(run(runner, "true", std::string(1000000, 'x')).failure.empty());
  CHECK(run(runner, "exit 0").output.empty());
}

TEST_CASE("the whole group is killed at the limit, with what left it by setsid, and when the leader has ended") {
  const test::temporary_folder folder;
  hook_limits limits;
  limits.timeout = milliseconds(500);
  hook_runner runner(limits, [](std::string_view, std::string_view) {});
  const auto pid_in = [&](const std::string& name) {
    std::ifstream in(folder.path() / name);
    pid_t pid = 0;
    in >> pid;
    return pid;
  };
  // A process that was killed may be a zombie of init's for a moment: wait for its end, bounded.
  const auto ends = [](pid_t pid) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < until) {
      std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
      std::string number, name, state;
      if (!(stat >> number >> name >> state) || state == "Z") return true;
      std::this_thread::yield();
    }
    return false;
  };
  const std::string child = (folder.path() / "a").string();
  CHECK(run(runner, "sleep 1000 & echo $! > " + child + "; wait").failure == "no answer within 500 ms");
  REQUIRE(pid_in("a") > 0);
  CHECK(ends(pid_in("a")));
  const std::string apart = (folder.path() / "c").string();
  CHECK(run(runner, "setsid sleep 1000 & echo $! > " + apart + "; wait").failure == "no answer within 500 ms");
  REQUIRE(pid_in("c") > 0);
  CHECK(ends(pid_in("c")));
  const std::string orphan = (folder.path() / "b").string();
  CHECK(run(runner, "sleep 1000 & echo $! > " + orphan + "; echo done").output == "done\n");
  REQUIRE(pid_in("b") > 0);
  CHECK(ends(pid_in("b")));
}

TEST_CASE("a hook inherits nothing but its three files and starts with default signals") {
  std::ifstream keep_open("/dev/null");
  hook_runner runner({}, [](std::string_view, std::string_view) {});
  const auto said = run(runner, "exec ls /proc/self/fd");
  CHECK((said.output == "0\n1\n2\n3\n" || said.output == "0\n1\n2\n"));
  CHECK(run(runner, "grep SigBlk /proc/self/status").output.find("0000000000000000") != std::string::npos);
}

TEST_CASE("more hooks than places wait their turn, and each one's time starts with its process") {
  hook_limits limits;
  limits.children = 4;
  limits.timeout = milliseconds(20000);
  hook_runner runner(limits, [](std::string_view, std::string_view) {});
  std::vector<std::future<hook_result>> all;
  for (int i = 0; i < 40; ++i) {
    auto said = std::make_shared<std::promise<hook_result>>();
    all.push_back(said->get_future());
    runner.run("cat", "t", std::to_string(i), [said](hook_result r) { said->set_value(std::move(r)); });
  }
  int good = 0;
  for (int i = 0; i < 40; ++i) {
    REQUIRE(all[static_cast<std::size_t>(i)].wait_for(std::chrono::seconds(60)) == std::future_status::ready);
    good += all[static_cast<std::size_t>(i)].get().output == std::to_string(i) ? 1 : 0;
  }
  CHECK(good == 40);
}

TEST_CASE("stopping kills and reaps what runs, and says nothing more") {
  std::atomic<int> answers{0};
  const test::temporary_folder folder;
  const auto pipe_name = (folder.path() / "started").string();
  REQUIRE(::mkfifo(pipe_name.c_str(), 0600) == 0);
  {
    hook_runner runner({}, [](std::string_view, std::string_view) {});
    runner.run("echo up > " + pipe_name + "; sleep 1000", "t", "", [&](hook_result) { ++answers; });
    std::ifstream started(pipe_name);
    std::string word;
    started >> word;
    CHECK(word == "up");
  }
  CHECK(answers == 0);
  CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);  // no child is left
}

TEST_CASE("URL hooks are posted to, and everything but a timely 200 is a failure") {
  httplib::Server server;
  server.Post("/echo", [](const httplib::Request& in, httplib::Response& out) { out.set_content(in.body, "application/json"); });
  server.Post("/bad", [](const httplib::Request&, httplib::Response& out) { out.status = 500; });
  server.Post("/big", [](const httplib::Request&, httplib::Response& out) { out.set_content(std::string(2000000, 'x'), "text/plain"); });
  std::promise<void> release;
  auto released = release.get_future().share();
  server.Post("/slow", [released](const httplib::Request&, httplib::Response&) { released.wait(); });
  const int port = server.bind_to_any_port("127.0.0.1");
  std::thread serving([&] { server.listen_after_bind(); });
  const std::string base = "http://127.0.0.1:" + std::to_string(port);
  {
    hook_limits limits;
    limits.timeout = milliseconds(700);
    hook_runner runner(limits, [](std::string_view, std::string_view) {});
    CHECK(run(runner, base + "/echo", "{\"a\":1}").output == "{\"a\":1}");
    const std::string place = base.substr(base.find(':'));
    for (const char* scheme : {"HTTP", "Http", "hTtP"}) CHECK(run(runner, scheme + place + "/echo", "[1]").output == "[1]");
    for (const char* scheme : {"HTTPS", "https"}) CHECK(run(runner, scheme + place + "/echo").failure.rfind("HTTP: ", 0) == 0);
    for (const char* command : {"http", "httpx://127.0.0.1/", "http:/127.0.0.1/"})
      CHECK(run(runner, command).failure == "exit status 127");
    CHECK(run(runner, base + "/bad").failure == "HTTP status 500");
    CHECK(run(runner, base + "/none").failure == "HTTP status 404");
    CHECK_FALSE(run(runner, base + "/big").failure.empty());
    CHECK_FALSE(run(runner, base + "/slow").failure.empty());
    CHECK_FALSE(run(runner, "http://127.0.0.1:1/x").failure.empty());
    release.set_value();
  }
  server.stop();
  serving.join();
}

TEST_CASE("a hook allows, overrides and supplies parameters") {
  hooked s(R"sh(cat >/dev/null; echo '{"allowProvisioning":true,"parameterOverrides":{"Site":"south","SerialNumber":"9"}}')sh");
  CHECK(s.status({{"SerialNumber", "1"}, {"Site", "west"}}) == 200);
  CHECK(s.registry().describe_thing("dev-9")->attributes.at("site") == "south");
  CHECK(s.registry().find_thing("dev-1") == nullptr);
}

TEST_CASE("overrides that are null count as absent") {
  hooked s(R"sh(cat >/dev/null; echo ' {"parameterOverrides" : null, "allowProvisioning":true}')sh");
  CHECK(s.status({{"SerialNumber", "1"}, {"Site", "west"}}) == 200);
  CHECK(s.registry().describe_thing("dev-1")->attributes.at("site") == "west");
}

TEST_CASE("anything but a clear permission is a denial") {
  for (const char* command : {R"(echo '{"allowProvisioning":false}')", R"(echo '{"allowProvisioning":"true"}')", "echo '{}'", "echo garbage",
                              "exit 1", ":", R"(echo '{"allowProvisioning":true}'; exit 1)",
                              R"(echo '{"allowProvisioning":true,"parameterOverrides":{"a":1}}')"}) {
    CAPTURE(command);
    hooked s(command);
    CHECK(s.status({{"SerialNumber", "1"}}) == 403);
    CHECK(s.registry().find_thing("dev-1") == nullptr);
    CHECK_FALSE(s.notes().empty());
  }
  hooked slow("sleep 6", milliseconds(300));
  CHECK(slow.status({{"SerialNumber", "1"}}) == 403);
}

TEST_CASE("a hook gets the documented request") {
  const test::temporary_folder folder;
  const std::string file = (folder.path() / "event.json").string();
  hooked s("cat > " + file + R"(; echo '{"allowProvisioning":true}')");
  const auto made = s.create();
  REQUIRE(s.register_thing("T", made.token, {{"SerialNumber", "1"}}).status_code == 200);
  std::ifstream in(file);
  const std::string event{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  CHECK(event.find("\"claimCertificateId\":\"" + std::string(64, 'c') + "\"") != std::string::npos);
  CHECK(event.find("\"certificateId\":\"" + made.certificate_id + "\"") != std::string::npos);
  CHECK(event.find("\"templateArn\":\"arn:aws:iot:us-east-1:123456789012:provisioningtemplate/T\"") != std::string::npos);
  CHECK(event.find("\"parameters\":{\"SerialNumber\":\"1\"}") != std::string::npos);
  CHECK(event.find("\"certificatePem\":\"-----BEGIN CERTIFICATE-----\\n") != std::string::npos);
  CHECK(event.find(made.token) == std::string::npos);
}

TEST_CASE("a lambda that nobody configured denies") {
  test::service s;
  s.registry().create_policy("device", test::allow_all_policy());
  s.add_template("T", test::fleet_template(), true, hook_reference{"2020-04-01", "arn:aws:lambda:us-east-1:123456789012:function:none"});
  CHECK(s.register_thing("T", s.create().token, {{"SerialNumber", "1"}}).status_code == 403);
  CHECK(s.notes().find("none") != std::string::npos);
}

TEST_CASE("the token is checked again when the hook has answered: it works once") {
  const test::temporary_folder folder;
  const std::string here = folder.path().string();
  hooked s("touch " + here + "/$$; until [ -e " + here + R"(/go ]; do sleep 0.02; done; echo '{"allowProvisioning":true}')",
           milliseconds(30000));
  const auto made = s.create();
  for (int i = 0; i < 4; ++i)
    s.send("d" + std::to_string(i), api::register_thing,
           test::service::registration(made.token, {{"SerialNumber", std::to_string(i)}}), "T");
  const auto hooks_running = [&] {
    return std::distance(std::filesystem::directory_iterator(folder.path()), std::filesystem::directory_iterator());
  };
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (hooks_running() < 4 && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  CHECK(hooks_running() == 4);
  std::ofstream(folder.path() / "go").put('\n');
  int good = 0, bad = 0;
  for (int i = 0; i < 4; ++i) {
    const int status = s.answers().next("d" + std::to_string(i)).status_code;
    good += status == 200 ? 1 : 0;
    bad += status == 400 ? 1 : 0;
  }
  CHECK(good == 1);
  CHECK(bad == 3);
  CHECK(s.registry().list_things({}, {}).items.size() == 1);
}

TEST_CASE("a hundred registrations with slow hooks all end right, and creates do not wait for them") {
  hooked s(R"(sleep 1; echo '{"allowProvisioning":true}')", milliseconds(30000));
  constexpr int count = 100;
  std::vector<std::string> tokens;
  for (int i = 0; i < count; ++i) tokens.push_back(s.create().token);
  for (int i = 0; i < count; ++i)
    s.send("d" + std::to_string(i), api::register_thing,
           test::service::registration(tokens[static_cast<std::size_t>(i)], {{"SerialNumber", std::to_string(i)}}), "T");
  CHECK_FALSE(s.create().token.empty());
  int good = 0;
  for (int i = 0; i < count; ++i) good += s.answers().next("d" + std::to_string(i)).status_code == 200 ? 1 : 0;
  CHECK(good == count);
  CHECK(s.fleet().wait_until_idle(std::chrono::seconds(10)));
  CHECK(s.registry().list_things({}, {}).items.size() == count);
}

TEST_CASE("stopping the service in the middle of hooks and key generation is quick and clean") {
  const auto begin = std::chrono::steady_clock::now();
  {
    hooked s("sleep 1000");
    for (int i = 0; i < 20; ++i) s.send("k" + std::to_string(i), api::create_keys_and_certificate, "");
    const auto made = s.create();
    s.send("h", api::register_thing, test::service::registration(made.token, {{"SerialNumber", "1"}}), "T");
  }
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(20));
}

TEST_CASE("a runner that stops when a hook has ended at once signals nobody else") {
  if (::geteuid() != 0) {
    std::cerr << "skipped: only root can become a user who has nothing to lose\n";
    return;
  }
  const pid_t tried = ::fork();
  REQUIRE(tried >= 0);
  if (tried == 0) {
    // As nobody: a signal to "every process" must not reach the test's own.
    cpu_set_t first;
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    ::sched_setaffinity(0, sizeof first, &first);
    constexpr uid_t nobody = 65534;
    if (::setgid(nobody) != 0 || ::setuid(nobody) != 0) ::_exit(2);
    const pid_t bystander = ::fork();
    if (bystander == 0) {
      ::alarm(60);
      for (;;) ::pause();
    }
    const pid_t busy = ::fork();
    if (busy == 0) {
      ::alarm(60);
      for (volatile unsigned turns = 0;;) turns = turns + 1;
    }
    bool lives = true;
    for (int i = 0; i < 20 && lives; ++i) {
      {
        hook_runner runner({}, [](std::string_view, std::string_view) {});
        // The runner's threads get what the others leave: a hook has ended when the call that started it goes on, and
        // this thread stops the runner before it gets further.
        const sched_param none{};
        for (const auto& task : std::filesystem::directory_iterator("/proc/self/task"))
          if (const pid_t thread = std::stoi(task.path().filename()); thread != ::getpid())
            ::sched_setscheduler(thread, SCHED_IDLE | SCHED_RESET_ON_FORK, &none);
        run(runner, "exit 0");
      }
      lives = ::waitpid(bystander, nullptr, WNOHANG) == 0;
    }
    for (const pid_t child : {bystander, busy}) {
      ::kill(child, SIGKILL);
      ::waitpid(child, nullptr, 0);
    }
    ::_exit(lives ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(tried, &status, 0) == tried);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}
