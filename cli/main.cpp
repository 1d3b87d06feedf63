#include <cli/commands.hpp>
#include <cli/companion.hpp>
#include <cli/output.hpp>
#include <cli/suggest.hpp>

#include <fleetprov/version.hpp>

#include <fcntl.h>

#include <algorithm>
#include <csignal>
#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <vector>

namespace fleetprov::cli {
namespace {

/// Long options are written with `-` or `_`: AWS's own samples use both (`--template_name`).
std::vector<std::string> normalised(int argc, char** argv) {
  std::vector<std::string> out;
  bool options_ended = false;
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    if (word == "--") options_ended = true;
    if (!options_ended && word.size() > 2 && word.compare(0, 2, "--") == 0) {
      const std::size_t end = std::min(word.find('='), word.size());
      std::replace(word.begin() + 2, word.begin() + static_cast<std::ptrdiff_t>(end), '_', '-');
    }
    out.push_back(std::move(word));
  }
  return out;
}

/// In the order of a user's day; what is not listed comes last.
int rank(std::string_view name) noexcept {
  constexpr std::string_view order[] = {"mock",    "provision", "pubsub", "check",  "authorize",
                                        "test",    "resolve",   "render", "topics", "rules"};
  const auto at = std::find(std::begin(order), std::end(order), name);
  return static_cast<int>(at - std::begin(order));
}

std::vector<const registrar*> commands() {
  std::vector<const registrar*> all;
  for (const registrar* r = registrar::first(); r != nullptr; r = r->next()) all.push_back(r);
  std::sort(all.begin(), all.end(), [](const registrar* a, const registrar* b) {
    return rank(a->name()) < rank(b->name()) || (rank(a->name()) == rank(b->name()) && std::string_view(a->name()) < b->name());
  });
  return all;
}

std::vector<std::string> long_options(const CLI::App& of) {
  std::vector<std::string> out;
  for (const CLI::Option* option : of.get_options())
    for (const std::string& name : option->get_lnames()) out.push_back("--" + name);
  return out;
}

const CLI::App& chosen(const CLI::App& app) {
  const std::vector<CLI::App*> used = app.get_subcommands();
  return used.empty() ? app : *used.back();
}

int refuse(const CLI::App& where, const std::string& message) {
  const std::string name = where.get_parent() != nullptr ? "fleetprov " + where.get_name() : "fleetprov";
  print_error(name + ": " + message + "\nTry `" + name + " --help`.\n");
  return exit_usage;
}

/// A message for arguments nobody asked for, naming the option that was probably meant.
std::string describe_extras(const CLI::App& app) {
  const std::vector<std::string> extras = chosen(app).remaining(true);
  if (extras.empty()) return "unexpected arguments";
  const std::string word = extras.front().substr(0, extras.front().find('='));
  if (word.size() > 1 && word[0] == '-')
    return "unknown option `" + printable(word) + "`" + did_you_mean(word, long_options(chosen(app)));
  return "unexpected argument `" + printable(word) + "`";
}

/// The word where a subcommand belongs, if it is none; "" otherwise.
std::string unknown_command(const std::vector<std::string>& words, const std::vector<std::string>& names) {
  if (words.empty() || words[0].empty() || words[0][0] == '-') return {};
  return std::find(names.begin(), names.end(), words[0]) == names.end() ? words[0] : std::string();
}

/// An option before the subcommand that the program itself does not have.
std::string unknown_option(const std::vector<std::string>& words, const CLI::App& app) {
  const std::string& first = words.front();
  if (first.size() < 2 || first[0] != '-' || first == "-h") return {};
  const std::vector<std::string> known = long_options(app);
  return std::find(known.begin(), known.end(), first) == known.end() ? first : std::string();
}

int parse_failed(CLI::App& app, const CLI::ParseError& why) {
  if (why.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {  // --help, --version
    app.exit(why);
    return exit_good;
  }
  if (dynamic_cast<const CLI::ExtrasError*>(&why) != nullptr) return refuse(chosen(app), describe_extras(app));
  return refuse(chosen(app), why.what());
}

int run(int argc, char** argv) {
  CLI::App app("AWS IoT fleet provisioning by claim, offline: check and explain policies and templates, run a mock\n"
               "of AWS IoT Core, provision devices.");
  app.name("fleetprov");
  app.set_version_flag("--version", "fleetprov " FLEETPROV_VERSION);
  app.require_subcommand(1);
  app.footer("Example:\n  fleetprov check --role device policy.json\n\n`fleetprov COMMAND --help` explains a command.\n"
             "Exit status: 0 good, 1 findings, denied or refused, 2 wrong usage or unreadable input, 3 could not reach or run something.");
  app.get_formatter()->column_width(34);
  int exit_code = exit_good;
  std::vector<std::string> names;
  for (const registrar* command : commands()) {
    command->add()(app, exit_code);
    names.emplace_back(command->name());
  }
  std::vector<std::string> words = normalised(argc, argv);
  if (words.empty()) {
    print_error(app.help());
    return exit_usage;
  }
  if (const std::string wrong = unknown_command(words, names); !wrong.empty())
    return refuse(app, "unknown command `" + printable(wrong) + "`" + did_you_mean(wrong, names));
  if (const std::string wrong = unknown_option(words, app); !wrong.empty())
    return refuse(app, "unknown option `" + printable(wrong) + "`" + did_you_mean(wrong, long_options(app)));
  std::reverse(words.begin(), words.end());  // as CLI11 wants them
  try {
    app.parse(std::move(words));
  } catch (const CLI::ParseError& why) {
    return parse_failed(app, why);
  } catch (const usage_error& why) {
    return refuse(chosen(app), printable(why.what()));
  } catch (const input_error& why) {
    print_error("fleetprov " + chosen(app).get_name() + ": " + printable(why.what()) + "\n");
    return exit_usage;
  } catch (const document_error& why) {
    print_error(why.what());
    return exit_usage;
  } catch (const run_error& why) {
    print_error("fleetprov " + chosen(app).get_name() + ": " + printable(why.what()) + "\n");
    return exit_trouble;
  }
  return exit_code;
}

/// A standard descriptor that is closed at the start would be that of the next file or socket, and what is printed would go
/// there: into a TLS connection, unencrypted. Each gets something that nobody else uses. Reading 0 and writing 1 fail as they
/// would (EBADF), so that a command can say so; 2 takes and drops what nobody will hear, of a child, too.
bool occupy_standard_descriptors() noexcept {
  constexpr int ways[] = {O_WRONLY, O_RDONLY, O_WRONLY};
  for (int fd = 0; fd <= 2; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    // The lowest free number is this one. An early init may have no /dev.
    if (::open("/dev/null", ways[fd]) != fd && ::open("/", O_PATH) != fd) return false;
  }
  return true;
}

}  // namespace
}  // namespace fleetprov::cli

int main(int argc, char** argv) {
  if (!fleetprov::cli::occupy_standard_descriptors()) {
    fleetprov::cli::print_error("fleetprov: standard input or output is closed, and nothing can be opened instead\n");
    return fleetprov::cli::exit_trouble;
  }
  (void)std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is told (EFBIG) like a full disk
  try {
#ifdef FLEETPROV_COMPANION_INSTALLED
    fleetprov::cli::become_companion_if_asked(argv);
#endif
    return fleetprov::cli::run(argc, argv);
  } catch (const std::bad_alloc&) {
    fleetprov::cli::print_error("fleetprov: out of memory\n");
  } catch (const std::exception& why) {
    fleetprov::cli::print_error("fleetprov: " + std::string(why.what()) + "\n");
  }
  return fleetprov::cli::exit_trouble;
}
