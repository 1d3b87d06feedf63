// A plain main: the core headers and the codec, without exceptions, RTTI, nlohmann/json or OpenSSL.
#include "all_core_headers.hpp"

#include <fleetprov/payloads/codec.hpp>

#include <cstdio>
#include <string_view>

#ifdef __cpp_exceptions
#error "built with exceptions"
#endif
#ifdef __cpp_rtti
#error "built with RTTI"
#endif

using namespace fleetprov;

static int failures = 0;
static void check(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "failed: %s\n", what);
  ++failures;
}

int main() {
  const auto read = topics::classify("$aws/provisioning-templates/T/provision/json/accepted");
  check(read && read->name && read->name->view() == "T", "classify");
  check(read && topics::build(*read).view() == "$aws/provisioning-templates/T/provision/json/accepted", "build");
  check(topics::matches("a/+/#", "a/b/c") && !topics::matches("a/#", "a"), "matches");
  check(!topics::validate_topic_filter("a/#/b"), "validate");
  for (const auto format : {topics::payload_format::json, topics::payload_format::cbor}) {
    payloads::register_thing_request request{secret("token"), {{"SerialNumber", "1"}}};
    const auto bytes = payloads::encode(request, format);
    check(bytes.has_value(), "encode");
    const auto back = payloads::decode<payloads::register_thing_request>(bytes->data(), bytes->size(), format);
    check(back && back->certificate_ownership_token.reveal() == "token", "decode");
  }
  const std::string_view bad = "{\"certificateOwnershipToken\":1}";
  const auto refused = payloads::decode<payloads::register_thing_request>(
      reinterpret_cast<const std::uint8_t*>(bad.data()), bad.size(), topics::payload_format::json);
  check(!refused && refused.error().code == errc::wrong_type, "refused");
  return failures == 0 ? 0 : 1;
}
