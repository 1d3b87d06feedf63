#pragma once

#include <stdexcept>
#include <string>

namespace fleetprov::cli {

/// What the process answers (README.md, "Exit codes everywhere").
inline constexpr int exit_good = 0;
inline constexpr int exit_findings = 1;  ///< findings, denied, refused, failed
inline constexpr int exit_usage = 2;     ///< wrong usage or unreadable input
inline constexpr int exit_trouble = 3;   ///< could not reach or run something

/// Thrown by a command for wrong usage or input that cannot be read: main prints the message and exits 2.
struct usage_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Thrown for a file that cannot be read or is not what it must be: like `usage_error`, but the way the command was
/// called is not the trouble, so main does not point at `--help`.
struct input_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Like `input_error`, its message being whole lines about a place in a document: printed as it is.
struct document_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Thrown by a command that could not reach or run something: main prints the message and exits 3.
struct run_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace fleetprov::cli
