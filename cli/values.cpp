#include <cli/values.hpp>

#include <cli/errors.hpp>
#include <cli/output.hpp>

#include <fleetprov/policies/placeholders.hpp>

namespace fleetprov::cli {
namespace {

[[noreturn]] void refuse(const char* option, const std::string& text, const char* why) {
  throw usage_error(std::string(option) + ": `" + printable(text) + "` " + why);
}

}  // namespace

void check_region(const char* option, const std::string& text) {
  if (!policies::is_region(text)) refuse(option, text, "is no AWS region such as us-east-1");
}

void check_account(const char* option, const std::string& text) {
  if (!policies::is_account(text)) refuse(option, text, "is no AWS account: 12 digits");
}

topics::template_name read_template_name(const char* option, const std::string& text) {
  const auto name = topics::template_name::parse(text);
  if (!name) refuse(option, text, "is no template name: 1 to 36 of A-Z a-z 0-9 _ -");
  return *name;
}

key_value split_pair(const char* option, const std::string& text) {
  const std::size_t at = text.find('=');
  if (at == std::string::npos || at == 0) refuse(option, text, "is not NAME=VALUE");
  return {text.substr(0, at), text.substr(at + 1)};
}

}  // namespace fleetprov::cli
