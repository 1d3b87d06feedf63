// Keys in tokens, over an engine of OpenSSL's that this program is itself.

#include <fleetprov/adapters/token_tls.hpp>

#include "support/openssl_memory.hpp"
#include "support/self_signed.hpp"

#include <iostream>

using namespace fleetprov;
using crypto::token;
using crypto::validate_token_uri;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace {

/// The engine `pkcs11` while this object lives.
struct fake_engine {
  static inline int ready = 1;
  static inline EVP_PKEY* key = nullptr;
  static inline int says = 0;           ///< its error's number, if not 0
  static inline std::string asked{};    ///< the URI
  static inline int library = ERR_get_next_error_library();  // without words
  ENGINE* native = ENGINE_new();

  fake_engine() {
    ready = 1;
    key = nullptr;
    says = 0;
    REQUIRE(ENGINE_set_id(native, "pkcs11"));
    REQUIRE(ENGINE_set_name(native, "fake"));
    ENGINE_set_init_function(native, [](ENGINE*) { return ready; });
    ENGINE_set_load_privkey_function(native, [](ENGINE*, const char* uri, UI_METHOD*, void*) -> EVP_PKEY* {
      asked = uri;
      if (says != 0) ERR_raise(library, says);
      if (key != nullptr) EVP_PKEY_up_ref(key);
      return key;
    });
    REQUIRE(ENGINE_add(native));
  }
  ~fake_engine() {
    ENGINE_remove(native);
    ENGINE_free(native);
  }
  fake_engine(const fake_engine&) = delete;
  fake_engine& operator=(const fake_engine&) = delete;
};

constexpr const char* good_uri = "pkcs11:token=device;object=key?pin-source=file:/pin";

/// A device with its key in the fake token.
struct device {
  fake_engine engine;
  test::self_signed mine;
  adapters::link_options how;
  device() {
    fake_engine::key = mine.key.native();
    how.host = "localhost";
    how.ca_file = how.certificate_file = mine.certificate_file();
    how.key_file = good_uri;
  }
};

const SSL_CTX* context_of(const std::shared_ptr<void>& made) { return static_cast<const SSL_CTX*>(made.get()); }

}  // namespace

TEST_CASE("URIs of keys in tokens") {
  for (const char* good : {good_uri, "pkcs11:id=%01", "pkcs11:object=a", "pkcs11:object=a?module-name=id", "pkcs11:token=~;id=!"}) {
    CAPTURE(good);
    CHECK(validate_token_uri(good));
  }
  const std::string longest = "pkcs11:object=" + std::string(2048 - 14, 'x');
  CHECK(validate_token_uri(longest));
  for (const std::string& bad : {std::string(), std::string("pkcs11"), std::string("file:/x"), std::string("PKCS11:object=a"), longest + "x",
                                 std::string("pkcs11:object=a b"), std::string("pkcs11:object=a\n"), std::string("pkcs11:object=\xC3\xA4"),
                                 std::string("pkcs11:object=a\x7F"), std::string("pkcs11:object=a?pin-value=1"), std::string("pkcs11:token=device"),
                                 std::string("pkcs11:"), std::string("pkcs11:token=a?object=b&id=c")}) {
    CAPTURE(bad);
    CHECK(validate_token_uri(bad).error().code == errc::encoding);
  }
}

TEST_CASE("no engine, and one that does not start") {
  ::setenv("OPENSSL_ENGINES", "/nowhere", 1);
  CHECK(token::open().error().code == errc::unsupported);
  CHECK(adapters::token_tls_context({}) == nullptr);
  const fake_engine engine;
  CHECK(token::open());
  fake_engine::ready = 0;
  CHECK(token::open().error().code == errc::unsupported);
  CHECK(ERR_peek_error() == 0);
}

TEST_CASE("a key is loaded, or why not is told") {
  const fake_engine engine;
  const auto opened = token::open();
  REQUIRE(opened);
  const auto key = crypto::private_key::generate(crypto::key_type::ec_p256);
  fake_engine::key = key->native();
  const auto loaded = opened->load(good_uri);
  REQUIRE(loaded);
  CHECK(loaded->native() == key->native());
  CHECK(fake_engine::asked == good_uri);
  fake_engine::asked.clear();
  CHECK(opened->load("pkcs11:").error().code == errc::encoding);
  CHECK(fake_engine::asked.empty());

  fake_engine::key = nullptr;
  std::string why;
  CHECK(opened->load(good_uri).error().code == errc::not_found);
  CHECK(opened->load(good_uri, &why).error().code == errc::not_found);
  CHECK(why == "failed loading private key");  // OpenSSL's own words
  fake_engine::says = 42;
  CHECK(opened->load(good_uri, &why).error().code == errc::not_found);
  CHECK(why == "the engine does not say why");
  CHECK(ERR_peek_error() == 0);
}

TEST_CASE("a connection's context has the key of the token, the certificate, and verifies the server by its name") {
  device it;
  for (const char* host : {"localhost", "127.0.0.1", "::1"}) {
    CAPTURE(host);
    it.how.host = host;
    const auto made = adapters::token_tls_context(it.how);
    REQUIRE(made);
    CHECK(SSL_CTX_get_verify_mode(context_of(made)) == SSL_VERIFY_PEER);
    CHECK(SSL_CTX_get0_privatekey(context_of(made)) == it.mine.key.native());
    const std::string address = host;
    char* text = X509_VERIFY_PARAM_get1_ip_asc(SSL_CTX_get0_param(static_cast<SSL_CTX*>(made.get())));
    CHECK((text != nullptr) == (address != "localhost"));
    OPENSSL_free(text);
  }
  it.how.port = 443;
  CHECK(adapters::token_tls_context(it.how));
}

TEST_CASE("a context is not made without each of its parts") {
  const test::self_signed other;
  device it;
  const auto without = [&](auto change) {
    adapters::link_options how = it.how;
    change(how);
    const auto made = adapters::token_tls_context(how);
    CHECK(ERR_peek_error() == 0);
    return made == nullptr;
  };
  CHECK_FALSE(without([](auto&) {}));
  CHECK(without([](auto& how) { how.key_file = "pkcs11:"; }));
  CHECK(without([](auto& how) { how.host = std::string("localhost\0.x", 12); }));
  CHECK(without([](auto& how) { how.ca_file += ".none"; }));
  CHECK(without([](auto& how) { how.certificate_file += ".none"; }));
  CHECK(without([&](auto& how) { how.certificate_file = other.certificate_file(); }));
  CHECK(without([](auto&) { fake_engine::ready = 0; }));
}

TEST_CASE("a context is whole or not there, however little memory OpenSSL finds") {
  if (!test::memory_is_ours) {
    std::cerr << "skipped: OpenSSL had memory before this program could say whose\n";
    return;
  }
  device it;
  it.how.port = 443;
  CHECK(test::fail_each_allocation([&] { return adapters::token_tls_context(it.how); }, [&](const auto& made) {
          if (made) CHECK(SSL_CTX_get0_privatekey(context_of(made)) == it.mine.key.native());
          return made != nullptr;
        }) > 0);
  CHECK(ERR_peek_error() == 0);
}

#pragma GCC diagnostic pop
