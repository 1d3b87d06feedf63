#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fleetprov::mock {

/// A document given on the command line: NAME=FILE, already read.
struct named_text {
  std::string name, text;
};

/// The world that a command line asks for.
struct seed_options {
  bool empty = false;                        ///< no default policy, template or claim
  std::vector<named_text> policies;          ///< created, attached to nothing
  std::optional<named_text> claim_policy;    ///< replaces the default claim certificate's policy
  std::vector<named_text> templates;         ///< created enabled; the default claim certificate may use them
  std::vector<std::pair<std::string, std::string>> hooks;  ///< template -> lambda name: becomes the template's hook
};

/// The world that is there after a start.
struct seed_report {
  std::optional<std::string> claim_certificate_id;  ///< empty with `empty`, and where it was deleted
  std::vector<std::string> policies, templates;     ///< names, sorted: all of the world
  std::vector<std::string> warnings;                ///< what the user may not expect, a sentence each
};

}  // namespace fleetprov::mock
