#include <fleetprov/templates/document.hpp>
#include <mock_broker/seed.hpp>
#include <tests/support/catch.hpp>
#include <tests/support/mock_world.hpp>

#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <iterator>
#include <thread>

using namespace fleetprov::mock;

namespace {

std::string slurp(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

void fill(test::world& w, std::string& certificate) {
  registry& r = w.registry();
  r.create_policy("p", test::allow_all_policy(), {{"k", "v"}});
  r.create_policy_version("p", test::allow_all_policy(), true);
  thing_group_record root, child;
  root.name = "root";
  child.name = "child";
  child.parent = "root";
  r.create_thing_group(root);
  r.create_thing_group(child);
  thing_type_record type;
  type.name = "type";
  r.create_thing_type(type);
  billing_group_record bills;
  bills.name = "bills";
  r.create_billing_group(bills);
  r.create_thing("t", {"type", "bills", {{"a", "1"}}});
  certificate = w.add_certificate();
  r.attach_policy("p", w.arn(certificate));
  r.attach_thing_principal("t", w.arn(certificate), principal_type::exclusive_thing);
  r.add_thing_to_group("child", "t");
  w.add_template("T", test::fleet_template(), true, hook_reference{"2020-04-01", "arn:aws:lambda:us-east-1:123456789012:function:f"});
  r.add_claim({std::string(64, 'a'), "pem", "T", w.clock().now() + std::chrono::minutes(5)});
  r.register_ca_certificate(test::shared_authority().device_ca_pem(), certificate_mode::ca_signed, true, true);
}

}  // namespace

TEST_CASE("a restart finds the same world") {
  test::world w;
  std::string certificate;
  fill(w, certificate);
  w.reopen();
  registry& r = w.registry();
  CHECK(r.get_policy("p")->default_version == "2");
  CHECK(r.get_policy("p")->tags == fleetprov::mock::text_map{{"k", "v"}});
  CHECK(r.describe_thing("t")->thing_type == "type");
  CHECK(r.describe_thing("t")->billing_group == "bills");
  CHECK(r.exclusive_thing_of(certificate) == std::string("t"));
  const auto view = r.view_principal(certificate, "anything");
  CHECK(view.status == certificate_status::active);
  REQUIRE(view.policies.size() == 1);
  CHECK(view.policies[0].version == "2");
  CHECK(r.thing_group_ancestors("child").size() == 1);
  CHECK(r.list_things_in_group("root", true, {}).items.size() == 1);
  CHECK(r.describe_template("T")->hook->target_arn == "arn:aws:lambda:us-east-1:123456789012:function:f");
  CHECK(r.describe_template("T")->default_version_record().parsed != nullptr);
  CHECK(r.find_claim(std::string(64, 'a'))->template_name == "T");
  CHECK(r.list_ca_certificates("", {}).items.size() == 1);
  struct stat found {};
  REQUIRE(::stat((w.folder() / "state.db").c_str(), &found) == 0);
  CHECK((found.st_mode & 0777) == 0600);
}

TEST_CASE("the token's text is nowhere in the database") {
  test::service s;
  const auto made = s.create();
  CHECK(slurp(s.folder() / "state.db").find(made.token) == std::string::npos);
  CHECK(slurp(s.folder() / "state.db-wal").find(made.token) == std::string::npos);
  CHECK(slurp(s.folder() / "state.db-wal").find(digest_of(fleetprov::secret(made.token))) != std::string::npos);
}

TEST_CASE("a snapshot brings the world back, on disk too, and names who is touched") {
  test::world w;
  std::string certificate;
  fill(w, certificate);
  w.registry().take_snapshot();
  std::vector<std::string> told;
  w.registry().on_change([&](const change_notice& notice) { told = notice.certificate_ids; });
  w.registry().detach_policy("p", w.arn(certificate));
  w.registry().update_certificate(certificate, certificate_status::inactive);
  w.registry().create_thing("more", {});
  w.registry().restore_snapshot();
  CHECK(told == std::vector<std::string>{certificate});
  for (int i = 0; i < 2; ++i) {
    CHECK(w.registry().status_of(certificate) == certificate_status::active);
    CHECK(w.registry().view_principal(certificate, "t").policies.size() == 1);
    CHECK(w.registry().find_thing("more") == nullptr);
    w.reopen();
  }
}

TEST_CASE("a full disk refuses changes, keeps the world and serves again when there is room") {
  test::world w;
  registry& r = w.registry();
  r.create_thing("before", {});
  r.limit_storage(1);
  const std::uint64_t generation = r.generation();
  int refused = 0;
  std::string last_good = "before";
  for (int i = 0; i < 200; ++i) {
    const std::string name = "t" + std::to_string(i);
    try {
      r.create_thing(name, {"", "", {{"a", std::string(700, 'x')}}});
      last_good = name;
    } catch (const storage_error&) {
      ++refused;
      CHECK(r.find_thing(name) == nullptr);
    }
  }
  CHECK(refused > 0);
  CHECK(r.generation() == generation + static_cast<std::uint64_t>(200 - refused));
  CHECK(r.find_thing(last_good) != nullptr);
  r.limit_storage(1000000);
  r.create_thing("after", {});
  w.reopen();
  CHECK(w.registry().find_thing("after") != nullptr);
  CHECK(w.registry().find_thing(last_good) != nullptr);
  CHECK(w.registry().list_things({}, {}).items.size() == 2 + static_cast<std::size_t>(200 - refused));
}

TEST_CASE("a file size limit is a storage error, not a crash") {
  const test::temporary_folder folder;
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    int stored = 0, refused = 0;
    try {
      fleetprov::mock::clock time;
      registry_options how;
      how.database = folder.path() / "state.db";
      registry r(how, time);
      struct rlimit small {};
      small.rlim_cur = small.rlim_max = 256 * 1024;
      ::setrlimit(RLIMIT_FSIZE, &small);
      for (int i = 0; i < 400; ++i) {
        try {
          r.create_thing("t" + std::to_string(i), {"", "", {{"a", std::string(800, 'x')}}});
          ++stored;
        } catch (const storage_error&) {
          ++refused;
        }
      }
      if (r.list_things({}, {"", 250, true}).items.size() != static_cast<std::size_t>(std::min(stored, 250))) ::_exit(3);
    } catch (...) {
      ::_exit(4);
    }
    ::_exit(stored > 0 && refused > 0 ? 0 : 5);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("SIGKILL at any moment loses nothing that was acknowledged") {
  const test::temporary_folder folder;
  for (int round = 0; round < 5; ++round) {
    std::array<int, 2> acknowledged{};
    REQUIRE(::pipe(acknowledged.data()) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      ::close(acknowledged[0]);
      fleetprov::mock::clock time;
      registry_options how;
      how.database = folder.path() / "state.db";
      registry r(how, time);
      for (int i = 0;; ++i) {
        r.create_thing("r" + std::to_string(round) + "-" + std::to_string(i), {"", "", {{"n", std::to_string(i)}}});
        if (::write(acknowledged[1], "+", 1) != 1) ::_exit(0);
      }
    }
    ::close(acknowledged[1]);
    std::size_t count = 0;
    char byte = 0;
    const std::size_t kill_at = 20 + 37 * static_cast<std::size_t>(round);
    while (::read(acknowledged[0], &byte, 1) == 1)
      if (++count == kill_at) ::kill(child, SIGKILL);
    ::close(acknowledged[0]);
    REQUIRE(::waitpid(child, nullptr, 0) == child);
    REQUIRE(count >= kill_at);
    fleetprov::mock::clock time;
    registry_options how;
    how.database = folder.path() / "state.db";
    registry r(how, time);
    bool all_there = true;
    for (std::size_t i = 0; i < count; ++i)
      all_there = all_there && r.find_thing("r" + std::to_string(round) + "-" + std::to_string(i)) != nullptr;
    CHECK(all_there);
  }
}

TEST_CASE("readers never wait for a writer's disk") {
  test::world w;
  registry& r = w.registry();
  r.create_policy("p", test::allow_all_policy());
  const std::string id = w.add_certificate();
  r.attach_policy("p", w.arn(id));
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (int i = 0; !stop; ++i) r.create_thing("t" + std::to_string(i), {});
  });
  std::size_t good = 0;
  for (int i = 0; i < 20000; ++i)
    if (r.view_principal(id, "x").policies.size() == 1) ++good;
  stop = true;
  writer.join();
  CHECK(good == 20000);
}

TEST_CASE("the default world is usable, and a second start finds it") {
  const test::temporary_folder folder;
  fleetprov::mock::clock time;
  registry_options how;
  how.database = folder.path() / "state.db";
  std::string first_id;
  for (int start = 0; start < 2; ++start) {
    registry r(how, time);
    const seed_report made = seed_default_world(r, test::shared_authority(), folder.path(), {});
    CHECK(made.policies == std::vector<std::string>{"sample-claim", "sample-device"});
    CHECK(made.templates == std::vector<std::string>{"fleet-basic"});
    REQUIRE(made.claim_certificate_id);
    CHECK(r.status_of(*made.claim_certificate_id) == certificate_status::active);
    CHECK(r.view_principal(*made.claim_certificate_id, "any").policies.size() == 1);
    CHECK(read_certificate(slurp(mock_files_in(folder.path()).claim_certificate))->id == *made.claim_certificate_id);
    if (start == 0) first_id = *made.claim_certificate_id;
    CHECK(first_id == *made.claim_certificate_id);
    CHECK(r.describe_template("fleet-basic")->enabled);
    CHECK(r.describe_template("fleet-basic")->versions.size() == 1);
    CHECK(r.get_policy("sample-claim")->versions.size() == 1);
    struct stat found {};
    REQUIRE(::stat(mock_files_in(folder.path()).claim_key.c_str(), &found) == 0);
    CHECK((found.st_mode & 0777) == 0600);
  }
}

TEST_CASE("documents of the command line join the world; changed ones become the default version") {
  const test::temporary_folder folder;
  fleetprov::mock::clock time;
  registry_options how;
  how.database = folder.path() / "state.db";
  registry r(how, time);
  seed_options wanted;
  wanted.policies = {{"device", test::allow_all_policy()}};
  wanted.templates = {{"Mine", test::fleet_template()}};
  wanted.hooks = {{"Mine", "check"}};
  seed_default_world(r, test::shared_authority(), folder.path(), wanted);
  const std::string document = r.get_policy("sample-claim")->default_version_record().document;
  CHECK(document.find("provisioning-templates/Mine/provision/*") != std::string::npos);
  CHECK(document.find("provisioning-templates/fleet-basic/provision/*") != std::string::npos);
  CHECK(r.describe_template("Mine")->hook->target_arn == "arn:aws:lambda:us-east-1:123456789012:function:check");
  const std::string changed = test::fleet_template(R"(,"ThingGroups":[])");
  for (int i = 0; i < 2; ++i) {
    wanted.templates[0].text = changed;
    seed_default_world(r, test::shared_authority(), folder.path(), wanted);
    CHECK(r.describe_template("Mine")->default_version == 2);
    CHECK(r.describe_template("Mine")->default_version_record().body == changed);
  }
  for (int i = 0; i < 8; ++i) {
    wanted.templates[0].text = changed + std::string(static_cast<std::size_t>(i) + 1, '\n');
    seed_default_world(r, test::shared_authority(), folder.path(), wanted);
  }
  CHECK(r.describe_template("Mine")->versions.size() == 5);
  seed_default_world(r, test::shared_authority(), folder.path(), {});
  CHECK(r.get_policy("sample-claim")->default_version_record().document == document);
}

TEST_CASE("a claim policy of the user's replaces the default one; an empty world stays empty") {
  const test::temporary_folder folder;
  fleetprov::mock::clock time;
  registry_options how;
  how.database = folder.path() / "state.db";
  {
    registry r(how, time);
    seed_options wanted;
    wanted.empty = true;
    const seed_report made = seed_default_world(r, test::shared_authority(), folder.path(), wanted);
    CHECK_FALSE(made.claim_certificate_id);
    CHECK(made.policies.empty());
    CHECK(made.templates.empty());
  }
  registry r(how, time);
  seed_default_world(r, test::shared_authority(), folder.path(), {});
  seed_options wanted;
  wanted.claim_policy = named_text{"mine", test::allow_all_policy()};
  const seed_report made = seed_default_world(r, test::shared_authority(), folder.path(), wanted);
  const auto attached = r.list_attached_policies(r.certificate_arn(*made.claim_certificate_id), false, {}).items;
  REQUIRE(attached.size() == 1);
  CHECK(attached[0]->name == "mine");
  seed_default_world(r, test::shared_authority(), folder.path(), {});
  CHECK(r.list_attached_policies(r.certificate_arn(*made.claim_certificate_id), false, {}).items.at(0)->name == "mine");
}

TEST_CASE("the longest template names still fit a claim policy") {
  const test::temporary_folder folder;
  fleetprov::mock::clock time;
  registry_options how;
  how.database = folder.path() / "state.db";
  registry r(how, time);
  seed_options wanted;
  for (char c = 'a'; c < 'k'; ++c) wanted.templates.push_back({std::string(36, c), test::fleet_template()});
  const seed_report made = seed_default_world(r, test::shared_authority(), folder.path(), wanted);
  std::string all;
  for (const auto& policy : r.view_principal(*made.claim_certificate_id, "x").policies)
    all += r.get_policy(policy.name)->default_version_record().document;
  for (const named_text& one : wanted.templates)
    CHECK(all.find("topic/$aws/provisioning-templates/" + one.name + "/provision/*") != std::string::npos);
}

namespace {

/// A folder that is started again and again.
struct seeded_folder {
  const test::temporary_folder folder;
  fleetprov::mock::clock time;
  registry_options how;
  seed_options wanted;
  std::optional<registry> world;
  seed_report made;

  seeded_folder() { how.database = folder.path() / "state.db"; }
  registry& start() {
    world.reset();
    world.emplace(how, time);
    made = seed_default_world(*world, test::shared_authority(), folder.path(), wanted);
    return *world;
  }
  std::string claim_arn() const { return world->certificate_arn(*made.claim_certificate_id); }
  std::string document(const char* policy) const { return world->get_policy(policy)->default_version_record().document; }
  std::vector<std::string> of_claim() const {
    std::vector<std::string> out;
    for (const auto& one : world->list_attached_policies(claim_arn(), false, {}).items) out.push_back(one->name);
    return out;
  }
};

const std::string deny_all = R"({"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]})";

}  // namespace

TEST_CASE("a second start leaves the defaults as the API left them") {
  seeded_folder f;
  f.start().create_policy_version("sample-claim", deny_all, true);
  CHECK(f.start().get_policy("sample-claim")->versions.size() == 2);
  CHECK(f.document("sample-claim") == deny_all);
  f.world->detach_policy("sample-claim", f.claim_arn());
  f.world->delete_template("fleet-basic");
  f.world->delete_policy("sample-device");
  f.start();
  CHECK(f.of_claim().empty());
  CHECK(f.made.templates.empty());
  CHECK(f.made.policies == std::vector<std::string>{"sample-claim"});
  CHECK(f.made.warnings.empty());
  const std::string id = *f.made.claim_certificate_id;
  f.world->update_certificate(id, certificate_status::inactive);
  f.world->delete_certificate(id, false);
  for (int i = 0; i < 2; ++i) {
    CHECK(f.start().find_certificate(id) == nullptr);
    CHECK_FALSE(f.made.claim_certificate_id);
    REQUIRE(f.made.warnings.size() == 1);
    CHECK(f.made.warnings[0].find("claim.pem.crt was deleted through the API") != std::string::npos);
  }
}

TEST_CASE("a document of the command line acts again only when it has changed") {
  seeded_folder f;
  f.wanted.policies = {{"p", test::allow_all_policy()}, {"q", test::allow_all_policy()}};
  f.wanted.templates = {{"a", test::fleet_template()}};
  const std::string later = test::fleet_template(R"(,"ThingGroups":[])");
  f.start().create_policy_version("p", deny_all, true);
  f.world->create_template_version("a", later, true);
  template_update off;
  off.enabled = false;
  f.world->update_template("a", off);
  f.start();
  CHECK(f.document("p") == deny_all);
  CHECK(f.world->describe_template("a")->default_version == 2);
  CHECK_FALSE(f.world->describe_template("a")->enabled);
  f.wanted.policies[0].text += "\n";
  f.wanted.templates[0].text += "\n";
  f.start();
  CHECK(f.document("p") == f.wanted.policies[0].text);
  CHECK(f.world->describe_template("a")->default_version == 3);
  CHECK_FALSE(f.world->describe_template("a")->enabled);
  f.world->delete_policy("q");
  f.world->delete_template("a");
  f.wanted.hooks = {{"a", "check"}};
  f.start();
  CHECK(f.world->find_policy("q") == nullptr);
  CHECK(f.world->find_template("a") == nullptr);
  CHECK(f.made.warnings.size() == 3);
}

TEST_CASE("a template given later gets its claim policy, and nobody's policy is touched for it") {
  seeded_folder f;
  f.start();
  f.wanted.templates = {{"a", test::fleet_template()}};
  f.start();
  CHECK(f.document("sample-claim").find("provisioning-templates/a/") != std::string::npos);
  CHECK(f.document("sample-claim").find("provisioning-templates/fleet-basic/") != std::string::npos);
  f.world->create_policy_version("sample-claim", deny_all, true);
  f.wanted.templates.push_back({"b", test::fleet_template()});
  f.start();
  CHECK(f.document("sample-claim") == deny_all);
  CHECK(f.of_claim() == std::vector<std::string>{"sample-claim", "sample-claim-2"});
  CHECK(f.document("sample-claim-2").find("provisioning-templates/b/") != std::string::npos);
  CHECK(f.document("sample-claim-2").find("provisioning-templates/a/") == std::string::npos);
  f.world->detach_policy("sample-claim-2", f.claim_arn());
  f.start();
  CHECK(f.of_claim() == std::vector<std::string>{"sample-claim"});
}

TEST_CASE("a claim policy of the command line that was detached stays so; a new claim certificate gets what the old one had") {
  seeded_folder f;
  f.wanted.claim_policy = named_text{"mine", test::allow_all_policy()};
  f.start();
  CHECK(f.of_claim() == std::vector<std::string>{"mine"});
  f.world->create_policy("more", test::allow_all_policy());
  f.world->attach_policy("more", f.claim_arn());
  const std::string before = *f.made.claim_certificate_id;
  f.start();
  CHECK(f.of_claim() == std::vector<std::string>{"mine", "more"});
  f.wanted.claim_policy.reset();
  std::filesystem::remove(mock_files_in(f.folder.path()).claim_key);
  f.start();
  CHECK(*f.made.claim_certificate_id != before);
  CHECK(f.of_claim() == std::vector<std::string>{"mine", "more"});
}

TEST_CASE("in another region the mock's own policies have a version for it, others keep their ARNs") {
  seeded_folder f;
  f.wanted.templates = {{"a", test::fleet_template()}};
  f.start();
  f.how.region = "eu-west-1";
  f.start();
  REQUIRE(f.made.warnings.size() == 1);
  CHECK(f.made.warnings[0].find("us-east-1") != std::string::npos);
  for (const char* policy : {"sample-claim", "sample-device"}) {
    CAPTURE(policy);
    CHECK(f.document(policy).find("arn:aws:iot:eu-west-1:") != std::string::npos);
    CHECK(f.document(policy).find("us-east-1") == std::string::npos);
    CHECK(f.world->get_policy(policy)->versions.size() == 2);
  }
  CHECK(f.document("sample-claim").find("provisioning-templates/a/") != std::string::npos);
  f.start();
  CHECK(f.made.warnings.empty());
  CHECK(f.world->get_policy("sample-device")->versions.size() == 2);
  f.world->create_policy_version("sample-device", deny_all, true);
  f.how.account = "210987654321";
  f.start();
  CHECK(f.document("sample-device") == deny_all);
  CHECK(f.document("sample-claim").find("eu-west-1:210987654321:") != std::string::npos);
}

TEST_CASE("a folder of a version that took no notes counts as seeded") {
  seeded_folder f;
  f.wanted.policies = {{"p", test::allow_all_policy()}};
  f.start().create_policy_version("p", deny_all, true);
  f.world->create_policy_version("sample-claim", deny_all, true);
  f.world->delete_template("fleet-basic");
  f.world.reset();
  sqlite3* file = nullptr;
  REQUIRE(sqlite3_open(f.how.database.c_str(), &file) == SQLITE_OK);
  CHECK(sqlite3_exec(file, "DROP TABLE start_notes; PRAGMA user_version=1", nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(file);
  for (int i = 0; i < 2; ++i) {
    f.start();
    CHECK(f.document("p") == deny_all);
    CHECK(f.document("sample-claim") == deny_all);
    CHECK(f.made.templates.empty());
    CHECK(f.of_claim() == std::vector<std::string>{"sample-claim"});
  }
  f.wanted.policies[0].text += "\n";
  f.how.region = "eu-west-1";
  f.start();
  CHECK(f.document("p") == f.wanted.policies[0].text);
  CHECK(f.document("sample-device").find("eu-west-1") != std::string::npos);
}

TEST_CASE("a reset brings back the notes of the start, too") {
  seeded_folder f;
  f.start().take_snapshot();
  f.world->delete_template("fleet-basic");
  f.world->restore_snapshot();
  CHECK(f.world->find_template("fleet-basic"));
  f.start();
  CHECK(f.made.templates == std::vector<std::string>{"fleet-basic"});
  CHECK(f.of_claim() == std::vector<std::string>{"sample-claim"});
}

TEST_CASE("a hook given to an empty world waits for the template's first creation, and a start gives it to one that is there") {
  test::world w;
  registry& r = w.registry();
  seed_options wanted;
  wanted.empty = true;
  wanted.hooks = {{"T", "check"}, {"Own", "check"}, {"Jitp", "check"}};
  seed_default_world(r, test::shared_authority(), w.folder(), wanted);
  r.take_snapshot();
  const std::string arn = "arn:aws:lambda:us-east-1:123456789012:function:";
  const auto hook_of = [&](const char* name) { return r.describe_template(name)->hook; };
  CHECK(test::error_of([&] { w.add_template("T", "{}"); }) == "InvalidRequestException 400");
  w.add_template("T", test::fleet_template());
  REQUIRE(hook_of("T"));
  CHECK(hook_of("T")->target_arn == arn + "check");
  w.add_template("Own", test::fleet_template(), true, hook_reference{"2020-04-01", arn + "own"});
  CHECK(hook_of("Own")->target_arn == arn + "own");
  template_settings jitp;
  jitp.name = "Jitp";
  jitp.body = R"({"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"}}}}})";
  jitp.role_arn = test::role_arn();
  jitp.type = template_type::jitp;
  r.create_template(jitp);
  CHECK_FALSE(hook_of("Jitp"));

  template_update without;
  without.remove_hook = true;
  r.update_template("T", without);
  CHECK_FALSE(hook_of("T"));
  r.delete_template("T");
  w.add_template("T", test::fleet_template());
  CHECK_FALSE(hook_of("T"));

  wanted.hooks = {{"T", "check"}};
  seed_default_world(r, test::shared_authority(), w.folder(), wanted);
  CHECK(hook_of("T")->target_arn == arn + "check");

  r.restore_snapshot();
  w.add_template("T", test::fleet_template());
  REQUIRE(hook_of("T"));
  CHECK(hook_of("T")->target_arn == arn + "check");
  wanted.hooks = {{"no name!", "check"}};
  CHECK(test::error_of([&] { seed_default_world(r, test::shared_authority(), w.folder(), wanted); }) == "InvalidRequestException 400");
}
