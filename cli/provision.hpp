#pragma once
// What the parts of `fleetprov provision` share: provision_prepare.cpp reads the options, provision.cpp runs,
// provision_report.cpp tells.

#include <cli/device_connection.hpp>
#include <cli/errors.hpp>

#include <fleetprov/adapters/link.hpp>
#include <fleetprov/crypto/private_key.hpp>
#include <fleetprov/payloads/messages.hpp>
#include <fleetprov/templates/plan.hpp>
#include <fleetprov/topics/fleet_topics.hpp>
#include <fleetprov/topics/template_name.hpp>

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fleetprov::cli {

struct provision_options {
  device_options device;
  std::string template_name, parameters, csr_file, key_type, key_uri, wire = "json", template_file, out = ".",
                                                                      format = "text";
  std::vector<std::string> hook_supplies;
  bool if_needed = false, has_parameters = false;
  double timeout = 60;
};

/// Everything that is known before anything is sent.
struct prepared {
  adapters::link_options link;
  topics::template_name name;
  topics::payload_format wire;
  std::map<std::string, std::string> parameters;
  std::optional<std::string> csr;
  std::optional<crypto::key_type> key_type;
  std::string key_uri;                     ///< of a key in a token, which then signed `csr`
  std::optional<templates::plan> planned;  ///< what --template says will be made; has a thing
  std::string endpoint;
};

struct explanation {
  std::string step, message, help;
  payloads::error_response reply{};
  int exit_code = exit_trouble;
};

/// Ends the run with its explanation.
struct failed : run_error {
  explicit failed(explanation of) : run_error(of.message), why(std::move(of)) {}
  explanation why;
};

/// Reads the files that the options name and checks all that can be checked here. Throws usage_error, input_error, document_error.
prepared prepare(const provision_options& from);

}  // namespace fleetprov::cli
