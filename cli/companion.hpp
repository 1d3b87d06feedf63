#pragma once

namespace fleetprov::cli {

/// The subcommands that need OpenSSL are in a second program, `fleetprov-device`, which `fleetprov` becomes: loading its
/// libraries would take every other command, and each start of the mock, several times as long as the rest of it.
struct companion_command {
  const char* name;
  const char* about;
};
inline constexpr companion_command provision_command{"provision", "Provision a device by claim"};
inline constexpr companion_command pubsub_command{"pubsub", "Connect as a device, publish messages and receive them back"};
inline constexpr companion_command authorize_command{"authorize", "Say whether policies allow a request, and why"};
inline constexpr companion_command test_command{"test", "Run the test suites of policies and templates"};

/// Becomes the second program where the first argument names one of its commands; returns where it does not.
/// Throws run_error when the program is not there.
void become_companion_if_asked(char** argv);

}  // namespace fleetprov::cli
