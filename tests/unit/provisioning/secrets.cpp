// What can be printed of the structures that hold a private key or an ownership token.
#include <fleetprov/adapters/link.hpp>
#include <fleetprov/core/error_category.hpp>
#include <fleetprov/payloads/codec.hpp>
#include <fleetprov/provisioning/session.hpp>
#include <fleetprov/storage/credential_store.hpp>

#include "support/catch.hpp"

#include <ostream>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

using namespace fleetprov;

namespace {

constexpr std::string_view key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n";
constexpr std::string_view key_line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC";
constexpr std::string_view token = "kXpQ7f3c9bTzYw5mVhR2uLdE8sGaJn4oA1iKqCxZ0vBtMyWe6rUgHjPlFsNdOcTb";

template <class T, class = void>
struct is_streamable : std::false_type {};
template <class T>
struct is_streamable<T, std::void_t<decltype(std::declval<std::ostream&>() << std::declval<const T&>())>> : std::true_type {};

/// No stream, no text, no bytes: what a log call, an assertion or a fmt-like library could use.
template <class... T>
constexpr bool says_nothing = ((!is_streamable<T>::value && !std::is_convertible_v<T, std::string> && !std::is_convertible_v<T, std::string_view> &&
                                !std::is_trivially_copyable_v<T>)&&...);
static_assert(says_nothing<secret, payloads::certificate_response, payloads::register_thing_request, provisioning::publish_message,
                           provisioning::store_credentials, provisioning::unfinished, provisioning::session_action, provisioning::session,
                           storage::pending_credentials, adapters::link_event>);
// Errors have no room for text, and so none for a secret in it.
static_assert(std::is_trivially_copyable_v<failure> && sizeof(failure) <= 8);

payloads::certificate_response issued() {
  payloads::certificate_response out;
  out.certificate_id = std::string(64, 'a');
  out.certificate_pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
  out.private_key.emplace(key);
  out.certificate_ownership_token = secret(token);
  return out;
}

void look_for_secrets(const std::string& text) {
  CHECK(text.find(key_line) == std::string::npos);
  CHECK(text.find(token) == std::string::npos);
}

}  // namespace

TEST_CASE("a failing assertion about a structure with secrets shows none of them") {
  provisioning::store_credentials store{issued()};
  storage::pending_credentials pending;
  pending.private_key = secret(key);
  pending.certificate_ownership_token = secret(token);
  const adapters::link_event message{adapters::link_event::kind::message, "t", secret(token), {}};
  look_for_secrets(Catch::Detail::stringify(store));
  look_for_secrets(Catch::Detail::stringify(store.issued));
  look_for_secrets(Catch::Detail::stringify(pending));
  look_for_secrets(Catch::Detail::stringify(message));
  look_for_secrets(Catch::Detail::stringify(secret(key)));
}

TEST_CASE("a reply that is cut or spoilt anywhere ends in an error that shows nothing of it") {
  for (const auto format : {topics::payload_format::json, topics::payload_format::cbor}) {
    const auto reply = payloads::encode(issued(), format);
    REQUIRE(reply);
    int failures = 0;
    for (std::size_t at = 0; at < reply->size(); ++at) {
      std::vector<std::uint8_t> cut(reply->begin(), reply->begin() + static_cast<std::ptrdiff_t>(at));
      std::vector<std::uint8_t> spoilt = *reply;
      spoilt[at] = 0xFF;
      for (const auto& bytes : {cut, spoilt}) {
        const auto read = payloads::decode<payloads::certificate_response>(bytes.data(), bytes.size(), format);
        if (read) continue;
        ++failures;
        std::ostringstream words;
        words << describe(read.error().code) << " at " << read.error().offset << ' ' << make_error_code(read.error()).message();
        look_for_secrets(words.str());
      }
    }
    CHECK(failures > static_cast<int>(reply->size()));
  }
}

TEST_CASE("a session that gives up with a key and a token in its hands tells the step and the reason, and neither of them") {
  const auto name = topics::template_name::parse("fleet");
  REQUIRE(name);
  provisioning::session session(*name, topics::payload_format::json);
  const provisioning::instant now{0};
  REQUIRE(session.start(now, payloads::create_keys_and_certificate_request{}, {{"SerialNumber", "1"}}));
  const auto reply = payloads::encode(issued(), topics::payload_format::json);
  bool gave_up = false, stored = false, published_token = false;
  for (int i = 0; i < 50 && !gave_up; ++i) {
    const auto next = session.poll_action();
    if (!next) break;
    look_for_secrets(Catch::Detail::stringify(*next));
    if (std::holds_alternative<provisioning::connect>(*next)) (void)session.handle_connected(now);
    else if (const auto* sub = std::get_if<provisioning::subscribe_topics>(&*next)) {
      const std::uint8_t granted[2] = {1, 1};
      for (const auto& filter : sub->filters) look_for_secrets(std::string(filter.view()));
      (void)session.handle_suback(now, sub->call, granted, 2);
    } else if (const auto* pub = std::get_if<provisioning::publish_message>(&*next)) {
      const std::string topic(pub->topic.view());
      look_for_secrets(topic);
      if (pub->call == topics::api::create_keys_and_certificate) {
        (void)session.handle_message(now, topic + "/accepted", reply->data(), reply->size());
      } else {
        published_token = pub->payload.reveal().find(token) != std::string_view::npos;
        const std::string refusal = R"({"statusCode":403,"errorCode":"AccessDenied","errorMessage":"refused by hook"})";
        (void)session.handle_message(now, topic + "/rejected", reinterpret_cast<const std::uint8_t*>(refusal.data()), refusal.size());
      }
    } else if (std::holds_alternative<provisioning::store_credentials>(*next)) {
      stored = true;
      (void)session.handle_stored(now);
    } else if (const auto* why = std::get_if<provisioning::gave_up>(&*next)) {
      gave_up = true;
      look_for_secrets(std::string(describe(why->why.code)) + ' ' + std::string(provisioning::step_of(why->during)) + ' ' +
                       why->reply.error_code.value_or("") + ' ' + why->reply.error_message.value_or(""));
      CHECK(why->reply.status_code == 403);
    }
  }
  CHECK(stored);
  CHECK(published_token);
  CHECK(gave_up);
}
