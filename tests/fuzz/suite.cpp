// A suite file with hostile content is read and run without a crash, and what it says holds together.
#include <cli/documents.hpp>
#include <cli/errors.hpp>
#include <cli/suite.hpp>

#include <cstdint>
#include <cstdlib>
#include <string>

namespace {

using namespace fleetprov;
using namespace fleetprov::cli;

void require(bool holds) {
  if (!holds) std::abort();
}

/// Every path holds a small policy or template, so that cases get to the evaluators.
std::string any_file(const std::string& path) {
  if (path.find('t') != std::string::npos)
    return R"({"Parameters": {"S": {"Type": "String"}}, "Resources": {"t": {"Type": "AWS::IoT::Thing",
      "Properties": {"ThingName": {"Ref": "S"}}}}})";
  return R"({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*",
    "Resource": "arn:aws:iot:*:*:topic*/${iot:Connection.Thing.ThingName}/*"}]})";
}

void check_findings(const std::vector<diagnostic>& found, std::size_t size) {
  for (const diagnostic& d : found) require(d.where.begin <= d.where.end && d.where.end <= size && !d.message.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const checked_document checked = check_document("fuzz", text, {});
  check_findings(checked.diagnostics, size);
  for (const diagnostic& d : checked.diagnostics) require(!render_text(checked.source, d, colour::off).empty());
  const outcome<json::document> document = json::document::from_text(text);
  if (!document) return 0;
  const outcome<suite> read = parse_suite(*document.value);
  check_findings(read.diagnostics, size);
  require(read.value.has_value() != read.has_errors());
  if (!read) return 0;
  try {
    const std::vector<case_result> results = run_suite(*read.value, any_file);
    require(results.size() == read.value->authorize.size() + read.value->resolve.size());
    for (const case_result& one : results) require(one.passed ? one.detail.empty() : !one.detail.empty());
    for (const case_result& one : results) require(json::document::from_text(one.got).value.has_value());
  } catch (const input_error&) {
    return 0;  // a file that the suite names is not what it has to be: the documented answer
  } catch (const document_error&) {
    return 0;
  }
  return 0;
}
