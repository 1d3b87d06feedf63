#include <fleetprov/json/document.hpp>
#include <fleetprov/policies/document.hpp>
#include <fleetprov/templates/document.hpp>
#include <fleetprov/templates/request.hpp>
#include <fleetprov/templates/rules.hpp>
#include <fleetprov/templates/validate.hpp>
#include <fleetprov/topics/limits.hpp>
#include <mock_broker/documents.hpp>
#include <mock_broker/errors.hpp>
#include <mock_broker/event_log.hpp>
#include <mock_broker/registry.hpp>

#include <algorithm>

namespace fleetprov::mock {
namespace {

namespace limits = topics::limits;

templates::template_kind kind_of(template_type type) {
  return type == template_type::jitp ? templates::template_kind::jitp : templates::template_kind::fleet;
}

const diagnostic* first_error(const std::vector<diagnostic>& found) {
  const auto at =
      std::find_if(found.begin(), found.end(), [](const diagnostic& d) { return d.level == severity::error; });
  return at == found.end() ? nullptr : &*at;
}

/// A policy resource with neither a name nor a document: the one finding whose words AWS's are known.
bool lacks_policy(const diagnostic& d) {
  constexpr std::string_view both = "/PolicyDocument";  // where the same rule finds one too many
  return d.broken != nullptr && d.broken->id == templates::row_of(templates::rule_id::policy_source).id &&
         (d.pointer.size() < both.size() || d.pointer.compare(d.pointer.size() - both.size(), both.size(), both) != 0);
}

/// `message [T009 missing-property]`, the place, the help.
std::string words_of(const diagnostic& d, const std::string& place) {
  std::string out = lacks_policy(d) ? "Neither policyName nor policyDocument is present in the Template." : d.message;
  if (d.broken != nullptr) out += " [" + std::string(d.broken->id) + " " + std::string(d.broken->name) + "]";
  out += place;
  if (!d.help.empty()) out += "; " + d.help;
  return out;
}

std::shared_ptr<const templates::provisioning_template> read(std::string_view body, templates::template_kind kind,
                                                             const char* said) {
  if (count_code_points(body) > limits::max_template_body)
    throw aws_error::invalid_request(
        "1 validation error detected: Value '" + std::string(body.substr(0, find_invalid_utf8(body.substr(0, 200)))) +
        "...' at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to " +
        std::to_string(limits::max_template_body));
  auto source = json::document::from_text(std::string(body));
  if (!source) throw aws_error::invalid_request(said + describe_first_error(source.diagnostics, body));
  auto made = templates::parse(*source.value, kind);
  if (made.value) {
    auto more = templates::validate(*made.value);
    made.diagnostics.insert(made.diagnostics.end(), more.begin(), more.end());
  }
  sort_diagnostics(made.diagnostics);
  if (!made.value || made.has_errors())
    throw aws_error::invalid_request(said + describe_first_error(made.diagnostics, body));
  return std::make_shared<const templates::provisioning_template>(std::move(*made.value));
}

}  // namespace

std::string describe_first_error(const std::vector<diagnostic>& found, std::string_view text) {
  const diagnostic* d = first_error(found);
  if (d == nullptr) return "the document cannot be used";
  if (d->where.empty() && d->where.begin == 0) return words_of(*d, "");
  const position at = json::line_table(text).locate(text, d->where.begin);
  return words_of(*d, " at line " + std::to_string(at.line) + ", column " + std::to_string(at.column));
}

std::shared_ptr<const policies::policy_document> read_policy(std::string_view text) {
  if (text.size() > limits::max_policy_field_characters)
    throw aws_error::malformed_policy("the policy document is longer than " + std::to_string(limits::max_policy_field_characters) + " characters");
  auto parsed = policies::parse_text(std::string(text));
  if (!parsed) throw aws_error::malformed_policy(describe_first_error(parsed.diagnostics, text));
  if (policies::count_characters(text) > limits::max_policy_characters)
    throw aws_error::malformed_policy("the policy document has more than " + std::to_string(limits::max_policy_characters) + " characters, blanks not counted");
  return std::make_shared<const policies::policy_document>(std::move(*parsed.value));
}

std::shared_ptr<const policies::policy_document> read_stored_policy(std::string_view text) {
  try {
    return read_policy(text);
  } catch (const aws_error&) {
    return std::make_shared<const policies::policy_document>();
  }
}

std::shared_ptr<const templates::provisioning_template> read_template(std::string_view body, template_type type) {
  return read(body, kind_of(type), "Invalid registration template. ");
}

std::shared_ptr<const templates::provisioning_template> read_bulk_template(std::string_view body) {
  return read(body, templates::template_kind::bulk, "Invalid registration template. ");
}

void check_registration_config(const ca_registration& config) {
  if (!config.is_given()) return;
  if (config.template_body) read_template(*config.template_body, template_type::jitp);
  json_line whole;
  for (const auto& [name, value] : {std::pair("templateBody", &config.template_body), std::pair("roleArn", &config.role_arn),
                                    std::pair("templateName", &config.template_name)})
    if (*value) whole.text(name, **value);
  const auto source = json::document::from_text(whole.take());
  const auto found = source ? templates::parse_registration_config(*source.value).diagnostics : source.diagnostics;
  // No place: nobody wrote this text.
  if (const diagnostic* d = first_error(found))
    throw aws_error::invalid_request("Invalid registration config. " + words_of(*d, ""));
}

std::shared_ptr<const templates::provisioning_template> read_stored_template(std::string_view body,
                                                                             template_type type) {
  try {
    return read_template(body, type);
  } catch (const aws_error&) {
    return nullptr;  // rules may have become stricter since it was stored; RegisterThing then refuses
  }
}

}  // namespace fleetprov::mock
