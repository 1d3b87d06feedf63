#pragma once
// What an option's value must be, said once for all subcommands. All throw `usage_error` naming the option.

#include <fleetprov/topics/template_name.hpp>

#include <string>

namespace fleetprov::cli {

/// A name such as us-east-1.
void check_region(const char* option, const std::string& text);
/// 12 digits.
void check_account(const char* option, const std::string& text);
topics::template_name read_template_name(const char* option, const std::string& text);

/// Splits `NAME=VALUE` at the first `=`.
struct key_value {
  std::string key, value;
};
key_value split_pair(const char* option, const std::string& text);

}  // namespace fleetprov::cli
