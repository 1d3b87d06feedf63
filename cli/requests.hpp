#pragma once

#include <fleetprov/policies/evaluate.hpp>
#include <fleetprov/policies/principal.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fleetprov::cli {

/// One question to the evaluator as people put it.
struct question {
  std::string action;     ///< "iot:Subscribe", or "Subscribe"
  std::string resource;   ///< an ARN, `*`, or short: "topicfilter/a/b"
  policies::arn_scope scope;
  policies::principal_facts who;
};

/// The question in full. A short resource gets region and account. Without a client id, CONNECT's own resource
/// gives it, else the thing's name does; an action that exists over HTTPS only has neither client id nor thing,
/// whatever was given. A CONNECT whose attributes nobody named is a plain one: clean session, no will
/// (`iot:ConnectAttributes` is an empty list).
/// Throws `usage_error` for a resource that is neither an ARN nor TYPE/NAME.
struct full_question {
  policies::request asked;
  std::string assumed_client_id;  ///< not empty if nobody gave it
  bool is_https_only = false;
  std::string left_out;           ///< what was given and does not exist over HTTPS, in a sentence; or ""
  std::vector<std::string> doubts;  ///< why no client can ask this, a sentence each; it is answered all the same
};
full_question complete(question asked);

/// The time of a request, where nobody says another: seconds since 1970.
std::int64_t epoch_seconds_now();

/// "iot:Subscribe" of "Subscribe"; a text that names no action stays as it is.
std::string full_action(const std::string& given);

/// Adds what the certificate says: its id and `iot:Certificate...`. Throws `input_error` if `pem` holds none.
void add_certificate(policies::principal_facts& who, const std::string& name, std::string_view pem);

/// What is odd about an action's name, with a suggestion; "" for one that AWS IoT has. Actions of services other
/// than AWS IoT are not judged.
std::string doubt_about_action(std::string_view action);

/// What is odd about a resource of this type for this action (Subscribe asked about `topic/...`), or "".
std::string doubt_about_resource(std::string_view action, std::string_view resource);

/// "topicfilter/a/b" of an ARN: what people read; all of the text if it is no ARN.
std::string_view short_resource(std::string_view resource) noexcept;

}  // namespace fleetprov::cli
