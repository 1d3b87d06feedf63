#include <fleetprov/topics/fleet_topics.hpp>

#include "support/catch.hpp"

#include <array>
#include <string>
#include <string_view>
#include <vector>

using namespace fleetprov;
using namespace fleetprov::topics;

namespace {

struct spelled {
  std::string_view text;
  api call;
  payload_format format;
  message_kind kind;
};

constexpr auto keys = api::create_keys_and_certificate;
constexpr auto csr = api::create_certificate_from_csr;
constexpr auto thing = api::register_thing;
constexpr auto json = payload_format::json;
constexpr auto cbor = payload_format::cbor;
constexpr auto request = message_kind::request;
constexpr auto accepted = message_kind::accepted;
constexpr auto rejected = message_kind::rejected;

constexpr std::array<spelled, 18> all{{
    {"$aws/certificates/create/json", keys, json, request},
    {"$aws/certificates/create/json/accepted", keys, json, accepted},
    {"$aws/certificates/create/json/rejected", keys, json, rejected},
    {"$aws/certificates/create/cbor", keys, cbor, request},
    {"$aws/certificates/create/cbor/accepted", keys, cbor, accepted},
    {"$aws/certificates/create/cbor/rejected", keys, cbor, rejected},
    {"$aws/certificates/create-from-csr/json", csr, json, request},
    {"$aws/certificates/create-from-csr/json/accepted", csr, json, accepted},
    {"$aws/certificates/create-from-csr/json/rejected", csr, json, rejected},
    {"$aws/certificates/create-from-csr/cbor", csr, cbor, request},
    {"$aws/certificates/create-from-csr/cbor/accepted", csr, cbor, accepted},
    {"$aws/certificates/create-from-csr/cbor/rejected", csr, cbor, rejected},
    {"$aws/provisioning-templates/My_Fleet-1/provision/json", thing, json, request},
    {"$aws/provisioning-templates/My_Fleet-1/provision/json/accepted", thing, json, accepted},
    {"$aws/provisioning-templates/My_Fleet-1/provision/json/rejected", thing, json, rejected},
    {"$aws/provisioning-templates/My_Fleet-1/provision/cbor", thing, cbor, request},
    {"$aws/provisioning-templates/My_Fleet-1/provision/cbor/accepted", thing, cbor, accepted},
    {"$aws/provisioning-templates/My_Fleet-1/provision/cbor/rejected", thing, cbor, rejected},
}};

constexpr bool reads_as(const spelled& row) {
  const result<fleet_topic> read = classify(row.text);
  if (!read || read->call != row.call || read->format != row.format || read->kind != row.kind) return false;
  if (read->name.has_value() != (row.call == thing)) return false;
  if (read->name && read->name->view() != "My_Fleet-1") return false;
  return build(*read).view() == row.text;
}

constexpr bool all_read() {
  for (const spelled& row : all)
    if (!reads_as(row)) return false;
  return true;
}
static_assert(all_read());

constexpr std::array<std::string_view, 34> near_misses{
    "",
    "$",
    "$aws",
    "$aws/certificates",
    "$aws/certificates/create",
    "$aws/certificates/create/",
    "$aws/certificates/create/jso",
    "$aws/certificates/create/jsonx",
    "$aws/certificates/create/json/",
    "$aws/certificates/create/json/accept",
    "$aws/certificates/create/json/acceptedx",
    "$aws/certificates/create/json/accepted/",
    "$aws/certificates/create/json/Accepted",
    "$aws/certificates/create/JSON",
    "$aws/certificates/create/xml",
    "$aws/certificates/create/+/accepted",
    "$aws/certificates/create-from-csr",
    "$aws/certificates/create-from-csr/",
    "$aws/certificates/create-from-cs/json",
    "$aws/certificates/create-from-csrx/json",
    "$aws/certificates/createx/json",
    "$AWS/certificates/create/json",
    "aws/certificates/create/json",
    " $aws/certificates/create/json",
    "/$aws/certificates/create/json",
    "$aws/provisioning-templates",
    "$aws/provisioning-templates/",
    "$aws/provisioning-templates/T",
    "$aws/provisioning-templates/T/provision",
    "$aws/provisioning-templates/T/provision/",
    "$aws/provisioning-templates/T/provisionx/json",
    "$aws/provisioning-templates/T/U/provision/json",
    "$aws/provisioning-templates/T/json",
    "$aws/things/T/shadow/get",
};

constexpr bool none_reads() {
  for (const std::string_view topic : near_misses)
    if (classify(topic).has_value() || classify(topic).error().code != errc::invalid_topic) return false;
  return true;
}
static_assert(none_reads());

static_assert(classify("$aws/provisioning-templates//provision/json").error() == failure{errc::invalid_template_name, 28});
static_assert(classify("$aws/provisioning-templates/a b/provision/json").error() ==
              failure{errc::invalid_template_name, 29});
static_assert(classify("$aws/certificates/create/xml").error() == failure{errc::invalid_topic, 24});
static_assert(name_of(keys) == "CreateKeysAndCertificate" && name_of(csr) == "CreateCertificateFromCsr" &&
              name_of(thing) == "RegisterThing" && name_of(cbor) == "cbor" && name_of(rejected) == "rejected");

}  // namespace

TEST_CASE("each of the 18 API topics is classified and built back to the same text") {
  for (const spelled& row : all) {
    CAPTURE(std::string(row.text));
    CHECK(reads_as(row));
  }
}

TEST_CASE("topics are equal when call, format, kind and name are") {
  for (const spelled& a : all)
    for (const spelled& b : all) {
      CAPTURE(std::string(a.text), std::string(b.text));
      CHECK((*classify(a.text) == *classify(b.text)) == (a.text == b.text));
      CHECK((*classify(a.text) != *classify(b.text)) == (a.text != b.text));
    }
  const auto named = [](std::string_view name) { return fleet_topic{thing, cbor, request, *template_name::parse(name)}; };
  CHECK(named("T") == named("T"));
  CHECK(named("T") != named("U"));
  CHECK(named("T") != fleet_topic{thing, cbor, request, std::nullopt});
}

TEST_CASE("what is nearly an API topic is refused") {
  for (const std::string_view topic : near_misses) {
    // A heap copy without spare bytes, so that a sanitizer sees reads past the end.
    const std::vector<char> exact(topic.begin(), topic.end());
    const result<fleet_topic> read = classify(std::string_view(exact.data(), exact.size()));
    CAPTURE(std::string(topic));
    REQUIRE_FALSE(read.has_value());
    CHECK(read.error().code == errc::invalid_topic);
  }
}

TEST_CASE("each prefix and each one-character change of an API topic is refused or read as what it says") {
  std::size_t looked_at = 0;
  for (const spelled& row : all) {
    for (std::size_t n = 0; n < row.text.size(); ++n) {
      const std::vector<char> exact(row.text.begin(), row.text.begin() + static_cast<std::ptrdiff_t>(n));
      const result<fleet_topic> read = classify(std::string_view(exact.data(), exact.size()));
      if (read) CHECK(build(*read).view() == row.text.substr(0, n));
      ++looked_at;
    }
    for (std::size_t i = 0; i < row.text.size(); ++i) {
      std::string changed(row.text);
      changed[i] = static_cast<char>(changed[i] ^ 1);
      if (const result<fleet_topic> read = classify(changed)) CHECK(build(*read).view() == changed);
      ++looked_at;
    }
  }
  CHECK(looked_at > 1500);
}

TEST_CASE("what is compiled for small code answers as the other does") {
  const auto same = [](std::string_view topic) {
    const result<fleet_topic> expected = classify<false>(topic);
    const result<fleet_topic> read = classify<true>(topic);
    if (!expected || !read) return !expected && !read && expected.error() == read.error();
    return *expected == *read && build<false>(*read).view() == topic && build<true>(*read).view() == topic;
  };
  for (const std::string_view topic : near_misses) {
    CAPTURE(std::string(topic));
    CHECK(same(topic));
  }
  for (const spelled& row : all) {
    for (std::size_t n = 0; n <= row.text.size(); ++n) {
      const std::vector<char> exact(row.text.begin(), row.text.begin() + static_cast<std::ptrdiff_t>(n));
      CAPTURE(std::string(row.text), n);
      CHECK(same(std::string_view(exact.data(), exact.size())));
      std::string changed(row.text);
      if (n < changed.size()) changed[n] = static_cast<char>(changed[n] ^ 1);
      CHECK(same(changed));
    }
  }
}

TEST_CASE("a template name of 36 characters gives the longest API topic, 37 are refused") {
  const std::string name(36, 'x');
  const std::string topic = "$aws/provisioning-templates/" + name + "/provision/cbor/accepted";
  REQUIRE(topic.size() == max_fleet_topic_bytes);
  const result<fleet_topic> read = classify(topic);
  REQUIRE(read.has_value());
  CHECK(read->name->view() == name);
  CHECK(build(*read).view() == topic);
  const result<fleet_topic> refused = classify("$aws/provisioning-templates/" + name + "x/provision/cbor/accepted");
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error() == failure{errc::invalid_template_name, 64});
}

TEST_CASE("a template name has 1 to 36 characters of its alphabet") {
  STATIC_REQUIRE(template_name::parse("a")->view() == "a");
  STATIC_REQUIRE(template_name::parse("AZaz09_-")->view() == "AZaz09_-");
  STATIC_REQUIRE(template_name::parse("").error() == failure{errc::invalid_template_name, 0});
  CHECK(template_name::parse(std::string()).error() == failure{errc::invalid_template_name, 0});
  for (int c = 0; c < 256; ++c) {
    const std::string text = std::string("ab") + static_cast<char>(c);
    const bool allowed = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == '-';
    CAPTURE(c);
    const result<template_name> read = template_name::parse(text);
    REQUIRE(read.has_value() == allowed);
    if (allowed) CHECK(read->view() == text);
    else CHECK(read.error().offset == 2);
  }
}
