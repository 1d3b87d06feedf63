#include <cli/provision.hpp>

#include <cli/documents.hpp>
#include <cli/output.hpp>
#include <cli/values.hpp>

#include <fleetprov/crypto/detail/openssl.hpp>
#include <fleetprov/crypto/token_key.hpp>
#include <fleetprov/provisioning/session.hpp>
#include <fleetprov/templates/evaluate.hpp>
#include <fleetprov/templates/parameters.hpp>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <set>

namespace fleetprov::cli {
namespace {

/// Checks the parameters against the template and answers what they make of it, if that is certain.
std::optional<templates::plan> check_template(const provision_options& from,
                                              const std::map<std::string, std::string>& parameters) {
  const std::string text = read_input(from.template_file);
  const auto subject = read_template(from.template_file, text, std::nullopt);
  const std::set<std::string> hook(from.hook_supplies.begin(), from.hook_supplies.end());
  const auto found = templates::check_parameters(subject, parameters, hook);
  const source_text source(from.template_file, text);
  for (const auto& d : found) print_error(render_text(source, d, colour_for(stderr)));
  if (std::any_of(found.begin(), found.end(), [](const diagnostic& d) { return d.level == severity::error; }))
    throw usage_error("--template-parameters do not fit `" + printable(from.template_file) + "`: nothing was sent");
  if (!hook.empty()) return std::nullopt;
  auto plan = templates::evaluate(subject, parameters);
  if (!plan || !plan.value->thing) return std::nullopt;
  return std::move(plan.value);
}

/// What RegisterThing would refuse, or could not carry, is told before a certificate is made for it.
void check_sizes(const std::map<std::string, std::string>& parameters, topics::payload_format wire) {
  namespace limits = topics::limits;
  for (const auto& [name, value] : parameters) {
    if (count_code_points(name) > limits::max_parameter_key)
      throw usage_error("--template-parameters: the name `" + printable(name.substr(0, 32)) + "...` has more than " +
                        std::to_string(limits::max_parameter_key) + " characters");
    if (count_code_points(value) > limits::max_parameter_value)
      throw usage_error("--template-parameters: the value of `" + printable(name) + "` has more than " +
                        std::to_string(limits::max_parameter_value) + " characters");
    if (!is_valid_utf8(name) || !is_valid_utf8(value))
      throw usage_error("--template-parameters: `" + printable(name) + "` is not UTF-8");
  }
  if (provisioning::find_unsendable(parameters, wire))
    throw usage_error("--template-parameters: together longer than AWS IoT Core carries in a message (" +
                      std::to_string(limits::max_payload_bytes) + " bytes)");
}

/// The signing request of a file and nothing else of it: `openssl req -keyout F -out F` puts the private key beside it.
std::string read_signing_request(const std::string& file) {
  std::string text = read_input(file);
  const crypto::detail::error_queue_guard quiet;
  const crypto::detail::bio_ptr in = crypto::detail::reading(text);
  const auto next = [&] {
    return crypto::detail::request_ptr(
        PEM_read_bio_X509_REQ(in.get(), nullptr, &crypto::detail::no_passphrase, nullptr));
  };
  const auto request = next();
  const bool is_one = request && !next();
  wipe(text.data(), text.size());
  const crypto::detail::bio_ptr out = crypto::detail::writing();
  if (!request || PEM_write_bio_X509_REQ(out.get(), request.get()) != 1)
    throw usage_error("--csr: `" + printable(file) + "` holds no PEM signing request");
  if (!is_one) throw usage_error("--csr: `" + printable(file) + "` holds more than one signing request");
  std::string pem(crypto::detail::written(out));
  if (pem.size() > topics::limits::max_csr_characters)
    throw usage_error("--csr: `" + printable(file) + "` has more than " +
                      std::to_string(topics::limits::max_csr_characters) + " characters");
  return pem;
}

}  // namespace

prepared prepare(const provision_options& from) {
  const auto name = read_template_name("--template-name", from.template_name);
  auto parameters = from.has_parameters ? read_parameters(from.parameters) : std::map<std::string, std::string>();
  prepared out{make_link_options(from.device, "fleetprov", from.timeout),
               name,
               from.wire == "cbor" ? topics::payload_format::cbor : topics::payload_format::json,
               std::move(parameters),
               std::nullopt,
               std::nullopt,
               from.key_uri,
               std::nullopt,
               {}};
  check_sizes(out.parameters, out.wire);
  out.endpoint = out.link.host + ":" + std::to_string(out.link.port);
  if (!from.hook_supplies.empty() && from.template_file.empty())
    throw usage_error("--hook-supplies goes with --template, which it completes");
  if (!from.template_file.empty()) out.planned = check_template(from, out.parameters);
  if (!from.key_uri.empty() && !crypto::validate_token_uri(from.key_uri))
    throw usage_error(
        "--key-uri: not pkcs11:...object=NAME or pkcs11:...id=ID; a PIN comes from a file (?pin-source=file:/PATH)");
  if (!from.csr_file.empty()) out.csr = read_signing_request(from.csr_file);
  if (from.key_type == "rsa") out.key_type = crypto::key_type::rsa_2048;
  if (from.key_type == "ec") out.key_type = crypto::key_type::ec_p256;
  if (from.key_type == "ec-p384") out.key_type = crypto::key_type::ec_p384;
  return out;
}

}  // namespace fleetprov::cli
