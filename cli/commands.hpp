#pragma once
// How a subcommand joins the program. Each cli/<command>.cpp defines `add_<command>` and one
// registrar at namespace scope; main.cpp needs to know none of them, so a part that is not built
// leaves no trace:
//
//   namespace fleetprov::cli {
//   void add_topics(CLI::App& app, int& exit_code) {
//     CLI::App& me = add_subcommand(app, "topics", "List the topics", "fleetprov topics --template-name fleet");
//     me.callback([&exit_code] { exit_code = exit_good; });
//   }
//   static const registrar topics_here("topics", add_topics);
//   }

#include <cli/errors.hpp>

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace fleetprov::cli {

/// Creates the subcommand on `app` (main or test code owns `app`) and sets `exit_code` from its callback.
using add_command = void (*)(CLI::App& app, int& exit_code);

/// One per command, static storage duration. The list is linked through the objects themselves, so
/// it needs no allocation and no order between files.
class registrar {
 public:
  registrar(const char* command, add_command adder) noexcept : name_(command), add_(adder), next_(head_) { head_ = this; }
  registrar(const registrar&) = delete;
  registrar& operator=(const registrar&) = delete;

  const char* name() const noexcept { return name_; }
  add_command add() const noexcept { return add_; }
  const registrar* next() const noexcept { return next_; }
  static const registrar* first() noexcept { return head_; }

 private:
  const char* name_;
  add_command add_;
  const registrar* next_;
  inline static const registrar* head_ = nullptr;
};

/// A subcommand with the house's help: what it does, its options, then an example to copy.
/// `example` may hold several lines.
inline CLI::App& add_subcommand(CLI::App& app, const char* name, const char* about, const std::string& example) {
  CLI::App& made = *app.add_subcommand(name, about);
  std::string footer = "Example:\n  ";
  for (const char c : example) {
    footer += c;
    if (c == '\n') footer += "  ";
  }
  made.footer(footer);
  return made;
}

/// An option that may be given several times, one value each time (`--disable A --disable B`), so
/// that it never swallows the files after it and never splits a value in brackets.
inline CLI::Option* add_repeatable(CLI::App& app, const std::string& name, std::vector<std::string>& into,
                                   const std::string& about) {
  return app.add_option(name, into, about)->allow_extra_args(false);
}

/// An option with one text value, taken as it is.
inline CLI::Option* add_text(CLI::App& app, const std::string& name, std::string& into, const std::string& about) {
  return app.add_option(name, into, about);
}

}  // namespace fleetprov::cli
