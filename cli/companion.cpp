#include <cli/companion.hpp>

#include <cli/commands.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

namespace fleetprov::cli {
namespace {

constexpr std::array<companion_command, 4> all{provision_command, pubsub_command, authorize_command, test_command};

std::filesystem::path find_companion() {
  constexpr const char* file = "fleetprov-device";
  std::error_code ignored;
  const std::filesystem::path here = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
  for (const std::filesystem::path& candidate : {here / file, here / ".." / "lib" / "fleetprov" / file,
                                                 std::filesystem::path(FLEETPROV_COMPANION_INSTALLED)})
    if (std::filesystem::exists(candidate, ignored)) return candidate;
  throw run_error("the program " + std::string(file) + " was not found beside this one nor in ../lib/fleetprov");
}

/// For `--help` and "did you mean": the commands are never run from here.
template <std::size_t I>
void add(CLI::App& app, int&) {
  app.add_subcommand(all[I].name, all[I].about);
}
const registrar provision_there(all[0].name, add<0>);
const registrar pubsub_there(all[1].name, add<1>);
const registrar authorize_there(all[2].name, add<2>);
const registrar test_there(all[3].name, add<3>);

}  // namespace

void become_companion_if_asked(char** argv) {
  if (argv[0] == nullptr || argv[1] == nullptr) return;
  const std::string_view first = argv[1];
  if (std::none_of(all.begin(), all.end(), [&](const companion_command& one) { return first == one.name; })) return;
  const std::filesystem::path program = find_companion();
  ::execv(program.c_str(), argv);
  throw run_error("cannot run " + program.string() + ": " + std::strerror(errno));
}

}  // namespace fleetprov::cli
