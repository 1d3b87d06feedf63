#include <cli/commands.hpp>
#include <cli/companion.hpp>
#include <cli/output.hpp>
#include <cli/suite.hpp>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace fleetprov::cli {
namespace {

struct test_arguments {
  std::vector<std::string> suites;
  std::string shape = "text";
};

struct finished_suite {
  std::string path;
  std::vector<case_result> cases;

  std::size_t passed() const {
    return static_cast<std::size_t>(std::count_if(cases.begin(), cases.end(), [](const case_result& c) { return c.passed; }));
  }
  std::size_t failed() const { return cases.size() - passed(); }
};

finished_suite run_file(const std::string& path) {
  std::string text = read_input(path);
  const source_text source(path, text);
  const outcome<json::document> document = json::document::from_text(std::move(text));
  if (!document) throw document_error(render_all(source, document.diagnostics, colour_for(stderr)));
  const std::filesystem::path folder = path == "-" ? std::filesystem::path() : std::filesystem::path(path).parent_path();
  const outcome<suite> read = parse_suite(*document.value, folder);
  if (!read) throw document_error(render_all(source, read.diagnostics, colour_for(stderr)));
  return {path, run_suite(*read.value, read_input)};
}

std::string render_people(const std::vector<finished_suite>& all) {
  const colour use = colour_for(stdout);
  std::string out;
  std::size_t passed = 0, failed = 0;
  for (const finished_suite& one : all) {
    if (all.size() > 1) out += printable(one.path) + ":\n";
    for (const case_result& c : one.cases) {
      out += c.passed ? paint("ok", ink::green, use) + "    " : paint("FAIL", ink::red, use) + "  ";
      out += printable(c.name) + '\n';
      if (!c.passed)
        out += "      expected " + printable(c.expected) + "\n      got      " + printable(c.got) + "\n      " + printable(c.detail) + '\n';
      for (const std::string& note : c.notes) out += "      " + paint("note:", ink::cyan, use) + ' ' + printable(note) + '\n';
    }
    passed += one.passed();
    failed += one.failed();
  }
  return out + std::to_string(passed) + " passed, " + std::to_string(failed) + " failed\n";
}

std::string render_json(const std::vector<finished_suite>& all) {
  json_writer out;
  std::size_t passed = 0, failed = 0;
  out.begin_object().key("tests").begin_array();
  for (const finished_suite& one : all) {
    for (const case_result& c : one.cases) {
      out.begin_object().field("name", c.name).key("passed").boolean(c.passed);
      out.key("expected").raw(c.expected).key("got").raw(c.got).field("detail", c.detail);
      if (!c.notes.empty()) {
        out.key("notes").begin_array();
        for (const std::string& note : c.notes) out.text(note);
        out.end_array();
      }
      out.end_object();
    }
    passed += one.passed();
    failed += one.failed();
  }
  out.end_array().field("passed", static_cast<std::int64_t>(passed)).field("failed", static_cast<std::int64_t>(failed)).end_object();
  return out.take() + "\n";
}

/// Text as XML 1.0 allows it, for content and for attributes in double quotes.
std::string xml(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    if (c == '&') out += "&amp;";
    else if (c == '<') out += "&lt;";
    else if (c == '>') out += "&gt;";
    else if (c == '"') out += "&quot;";
    else out += c;
  }
  // U+FFFE and U+FFFF are no XML characters.
  for (const char* bad : {"\xEF\xBF\xBE", "\xEF\xBF\xBF"})
    for (std::size_t at = out.find(bad); at != std::string::npos; at = out.find(bad, at)) out.replace(at, 3, "\xEF\xBF\xBD");
  return out;
}

std::string render_junit(const std::vector<finished_suite>& all) {
  std::size_t total = 0, failed = 0;
  std::string body;
  for (const finished_suite& one : all) {
    total += one.cases.size();
    failed += one.failed();
    body += "  <testsuite name=\"" + xml(one.path) + "\" tests=\"" + std::to_string(one.cases.size()) + "\" failures=\"" +
            std::to_string(one.failed()) + "\" errors=\"0\" skipped=\"0\">\n";
    for (const case_result& c : one.cases) {
      body += "    <testcase classname=\"" + xml(one.path) + "\" name=\"" + xml(c.name) + "\"";
      if (c.passed && c.notes.empty()) {
        body += "/>\n";
        continue;
      }
      body += ">\n";
      if (!c.passed)
        body += "      <failure message=\"expected " + xml(c.expected) + ", got " + xml(c.got) + "\">" + xml(c.detail) + "</failure>\n";
      if (!c.notes.empty()) {
        body += "      <system-out>";
        for (const std::string& note : c.notes) body += "note: " + xml(note) + '\n';
        body += "</system-out>\n";
      }
      body += "    </testcase>\n";
    }
    body += "  </testsuite>\n";
  }
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"" + std::to_string(total) + "\" failures=\"" +
         std::to_string(failed) + "\" errors=\"0\">\n" + body + "</testsuites>\n";
}

int run_test(const test_arguments& given) {
  std::vector<finished_suite> all;
  for (const std::string& path : given.suites) all.push_back(run_file(path));
  print(given.shape == "json" ? render_json(all) : given.shape == "junit" ? render_junit(all) : render_people(all));
  const bool good = std::all_of(all.begin(), all.end(), [](const finished_suite& one) { return one.failed() == 0; });
  return good ? exit_good : exit_findings;
}

}  // namespace

void add_test(CLI::App& app, int& exit_code) {
  CLI::App& me = add_subcommand(app, test_command.name, test_command.about,
                                "fleetprov test policies/device.test.json\n"
                                "fleetprov test --format junit policies/*.test.json > results.xml");
  const auto given = std::make_shared<test_arguments>();
  me.add_option("SUITE", given->suites, "Suite files; paths inside are relative to the file; `-` is standard input")->required();
  add_text(me, "--format", given->shape, "text, json or junit")->check(CLI::IsMember({"text", "json", "junit"}));
  me.callback([given, &exit_code] { exit_code = run_test(*given); });
}

static const registrar test_here(test_command.name, add_test);

}  // namespace fleetprov::cli
