#include <fleetprov/crypto/certificate.hpp>
#include <fleetprov/crypto/private_key.hpp>
#include <mock_broker/credential_pool.hpp>
#include <mock_broker/files.hpp>
#include <tests/support/catch.hpp>
#include <tests/support/mock_world.hpp>

#include <sys/stat.h>

#include <fstream>
#include <iterator>
#include <set>
#include <thread>

using namespace fleetprov::mock;
namespace crypto = fleetprov::crypto;
using mock_clock = fleetprov::mock::clock;

namespace {

std::string read(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::vector<std::filesystem::path> files_in(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> out;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".pem") out.push_back(entry.path());
  return out;
}

void wait_for(const credential_pool& pool, std::size_t count) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(120);
  while (pool.ready() < count && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  REQUIRE(pool.ready() == count);
}

/// Whether a device could use it: the certificate is the authority's, belongs to the key and is dated as AWS does.
void check_usable(const fresh_credentials& got, const mock_clock& time) {
  const auto key = crypto::private_key::from_pem(got.private_key);
  const auto certificate = crypto::certificate::from_pem(got.certificate.pem);
  REQUIRE(key);
  REQUIRE(certificate);
  CHECK(got.private_key.reveal().substr(0, 31) == "-----BEGIN RSA PRIVATE KEY-----");
  CHECK(certificate->matches(*key));
  CHECK(certificate->certificate_id() == got.certificate.id);
  CHECK(is_signed_by(got.certificate.pem, test::shared_authority().device_ca_pem()));
  const auto late = time.now() - got.certificate.not_before;
  CHECK(late >= std::chrono::minutes(2));
  CHECK(late <= std::chrono::minutes(13));
}

void put(const std::filesystem::path& folder, const char* name, std::string_view text) {
  make_private_directory(folder);
  write_file(folder / name, text, file_access::owner_only);
}

}  // namespace

TEST_CASE("the pool fills its folder with private files and gives each key once, also after a restart") {
  const test::temporary_folder folder;
  const mock_clock time;
  const auto pool_folder = folder.path() / "pool";
  std::set<std::string> given;
  {
    credential_pool pool(pool_folder, 2, test::shared_authority(), time);
    wait_for(pool, 2);
    for (const auto& file : files_in(pool_folder)) {
      struct stat found {};
      REQUIRE(::stat(file.c_str(), &found) == 0);
      CHECK((found.st_mode & 0777U) == 0600U);
    }
    const auto first = pool.take_ready();
    REQUIRE(first);
    check_usable(*first, time);
    given.insert(first->certificate.id);
    for (const auto& file : files_in(pool_folder))
      CHECK(read(file).find(std::string(first->private_key.reveal())) == std::string::npos);
  }
  credential_pool again(pool_folder, 1, test::shared_authority(), time);
  while (const auto next = again.take_ready()) {
    check_usable(*next, time);
    CHECK(given.insert(next->certificate.id).second);
  }
  CHECK(given.size() >= 2);
  CHECK(files_in(pool_folder).empty());
  again.stop();
  CHECK_FALSE(again.make_now().has_value());
}

TEST_CASE("a key without a certificate, with another key's or with another authority's gets one of its own") {
  const test::temporary_folder folder, elsewhere;
  const mock_clock time;
  const certificate_authority stranger({elsewhere.path(), {}, authority_key::ec_p256});
  const key_pair first = generate_rsa_key();
  const key_pair second = generate_rsa_key();
  const auto with = [](const key_pair& key, const std::string& pem) { return std::string(key.private_key.reveal()) + pem; };
  const auto pool_folder = folder.path() / "pool";
  SECTION("none") { put(pool_folder, "a.pem", with(first, "")); }
  SECTION("of another key") {
    put(pool_folder, "a.pem", with(first, test::shared_authority().issue_for_key(second.private_key, time.now()).pem));
  }
  SECTION("of another authority") {
    put(pool_folder, "a.pem", with(first, stranger.issue_for_key(first.private_key, time.now()).pem));
  }
  SECTION("half of one") {
    const std::string pem = test::shared_authority().issue_for_key(first.private_key, time.now()).pem;
    put(pool_folder, "a.pem", with(first, pem.substr(0, pem.size() / 2)));
  }
  credential_pool pool(pool_folder, 1, test::shared_authority(), time);
  const auto got = pool.take_ready();
  REQUIRE(got);
  CHECK(got->private_key.reveal() == first.private_key.reveal());
  check_usable(*got, time);
}

TEST_CASE("what is no key is thrown away, and leftovers of a killed process too") {
  const test::temporary_folder folder;
  const mock_clock time;
  const auto pool_folder = folder.path() / "pool";
  put(pool_folder, "a.pem", "no key");
  put(pool_folder, "b.pem.new123-1", "half");
  credential_pool pool(pool_folder, 1, test::shared_authority(), time);
  CHECK_FALSE(pool.take_ready());
  CHECK(std::filesystem::is_empty(pool_folder));
}

TEST_CASE("a certificate that waited for long is issued anew for its key") {
  const test::temporary_folder folder;
  mock_clock time;
  const auto pool_folder = folder.path() / "pool";
  const key_pair key = generate_rsa_key();
  const auto old = test::shared_authority().issue_for_key(key.private_key, time.now() - std::chrono::hours(1));
  put(pool_folder, "a.pem", std::string(key.private_key.reveal()) + old.pem);
  credential_pool pool(pool_folder, 1, test::shared_authority(), time);
  const auto got = pool.take_ready();
  REQUIRE(got);
  CHECK(got->certificate.id != old.id);
  CHECK(got->private_key.reveal() == key.private_key.reveal());
  check_usable(*got, time);
}

TEST_CASE("a file that another process has taken is not given again") {
  const test::temporary_folder folder;
  const mock_clock time;
  const auto pool_folder = folder.path() / "pool";
  const key_pair key = generate_rsa_key();
  const auto issued = test::shared_authority().issue_for_key(key.private_key, time.now());
  put(pool_folder, "a.pem", std::string(key.private_key.reveal()) + issued.pem);
  credential_pool pool(pool_folder, 1, test::shared_authority(), time);
  CHECK(pool.ready() == 1);
  std::filesystem::remove(pool_folder / "a.pem");
  CHECK_FALSE(pool.take_ready());
}

TEST_CASE("files that are used up go at once, their descriptors soon and never too many") {
  const test::temporary_folder folder;
  const mock_clock time;
  const auto pool_folder = folder.path() / "pool";
  const key_pair key = generate_rsa_key();
  const std::string text =
      std::string(key.private_key.reveal()) + test::shared_authority().issue_for_key(key.private_key, time.now()).pem;
  constexpr int count = 300;
  for (int i = 0; i < count; ++i) put(pool_folder, ("k" + std::to_string(i) + ".pem").c_str(), text);
  const auto descriptors = [] { return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}); };
  const auto before = descriptors();
  credential_pool pool(pool_folder, 1, test::shared_authority(), time);
  for (int i = 0; i < count; ++i) {
    REQUIRE(pool.take_ready());
    CHECK(descriptors() <= before + 128);
  }
  CHECK(files_in(pool_folder).empty());
  pool.stop();
  CHECK(descriptors() == before);
}

TEST_CASE("a pool of size 0 makes everything on demand") {
  const mock_clock time;
  credential_pool pool({}, 0, test::shared_authority(), time);
  CHECK(pool.ready() == 0);
  CHECK_FALSE(pool.take_ready());
  const auto made = pool.make_now();
  REQUIRE(made);
  check_usable(*made, time);
}
