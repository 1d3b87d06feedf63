#include <mock_broker/control_plane.hpp>

#include <fleetprov/core/detail/hex.hpp>
#include <fleetprov/core/utf8.hpp>
#include <mock_broker/control_plane_call.hpp>
#include <mock_broker/name_rules.hpp>
#include <mock_broker/random.hpp>

#include <algorithm>
#include <charconv>

namespace fleetprov::mock {
namespace {

enum class plus_sign : std::uint8_t { literal, blank };

/// Percent-decoding. Throws InvalidRequestException for a broken escape, NUL or bytes that are not UTF-8.
std::string decode(std::string_view text, plus_sign plus) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus == plus_sign::blank) {
      out += ' ';
    } else if (text[i] == '%') {
      const int high = i + 2 < text.size() ? detail::hex_value(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? detail::hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0 || (high == 0 && low == 0))
        throw aws_error::invalid_request("The request URI holds a broken percent-encoding.");
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += text[i];
    }
  }
  if (!is_valid_utf8(out)) throw aws_error::invalid_request("The request URI is not UTF-8.");
  return out;
}

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = text.find(at);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

std::vector<std::pair<std::string, std::string>> query_of(std::string_view target) {
  std::vector<std::pair<std::string, std::string>> out;
  const std::size_t mark = target.find('?');
  if (mark == std::string_view::npos) return out;
  for (const std::string_view part : split(target.substr(mark + 1), '&')) {
    if (part.empty()) continue;
    const std::size_t equals = part.find('=');
    out.emplace_back(
        decode(part.substr(0, equals), plus_sign::blank),
        equals == std::string_view::npos ? std::string() : decode(part.substr(equals + 1), plus_sign::blank));
  }
  return out;
}

/// The parameters of `pattern` in `path`, or empty optional where it is another operation's path.
std::optional<std::vector<std::string>> match(std::string_view pattern, std::string_view path) {
  const auto wanted = split(pattern, '/');
  const auto given = split(path, '/');
  std::vector<std::string> parameters;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (i >= given.size()) return std::nullopt;
    const std::string_view part = wanted[i];
    if (part.size() > 2 && part.front() == '{') {
      const bool rest = part[part.size() - 2] == '+';
      const auto begin = static_cast<std::size_t>(given[i].data() - path.data());
      std::string value = decode(rest ? path.substr(begin) : given[i], plus_sign::literal);
      if (value.empty()) return std::nullopt;
      parameters.push_back(std::move(value));
      if (rest) return parameters;
    } else if (part != given[i]) {
      return std::nullopt;
    }
  }
  if (given.size() != wanted.size()) return std::nullopt;
  return parameters;
}

const std::vector<route>& all_routes() {
  static const std::vector<route> routes = [] {
    std::vector<route> joined;
    for (const auto* part :
         {&policy_routes(), &certificate_routes(), &template_routes(), &thing_routes(), &tag_routes(), &data_plane_routes()})
      joined.insert(joined.end(), part->begin(), part->end());
    // Patterns without parameters first: `/thing-groups/addThingToThingGroup` is not a group's name.
    std::stable_sort(joined.begin(), joined.end(), [](const route& a, const route& b) {
      return std::count(a.pattern.begin(), a.pattern.end(), '{') < std::count(b.pattern.begin(), b.pattern.end(), '{');
    });
    return joined;
  }();
  return routes;
}

std::string written(const json_out& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

api_reply refusal_reply(const std::string& code, int status, const std::string& message,
                        const std::string& resource_id = {}, const std::string& resource_arn = {}) {
  json_out body{{"message", message}};
  put_unless_empty(body, "resourceId", resource_id);
  put_unless_empty(body, "resourceArn", resource_arn);
  api_reply out;
  out.status = status;
  out.body = written(body);
  out.headers.emplace_back("x-amzn-errortype", code);
  return out;
}

/// What the service model says of a member, wherever HTTP carries it (path, query or body); others pass. As AWS does before
/// anything is looked up: a name that nothing can have is a 400, not a 404.
void check_member(std::string_view member, std::string_view value) {
  if (member == "policyName") return check_policy_name(member, value);
  if (member == "templateName") return check_template_name(value);
  if (member == "policyVersionId") return check_policy_version(value);
  if (member == "certificateId" || member == "caCertificateId") return check_certificate_id(member, value);
  if (member == "attributeName") return check_attribute_name(member, value);
  if (member == "attributeValue") return check_attribute_value(member, value);
  if (member == "certificateSigningRequest") return check_length(member, value, 4096);
  for (const std::string_view name : {"thingName", "thingTypeName", "thingGroupName", "billingGroupName", "parentGroupName", "parentGroup",
                                      "namePrefixFilter"})
    if (member == name) return check_thing_name(member, value);
  for (const std::string_view name : {"certificatePem", "caCertificatePem", "caCertificate"})
    if (member == name) return check_length(member, value, 65536);
}

void check_names(std::string_view pattern, const std::vector<std::string>& parameters) {
  auto value = parameters.begin();
  for (const std::string_view part : split(pattern, '/'))
    if (part.size() > 2 && part.front() == '{') check_member(part.substr(1, part.size() - 2), *value++);
}

api_reply dispatch(const control_plane_context& context, const api_request& request) {
  const std::string_view path = path_of(request.target);
  for (const route& candidate : all_routes()) {
    if (candidate.method != request.method) continue;
    auto parameters = match(candidate.pattern, path);
    if (!parameters) continue;
    check_names(candidate.pattern, *parameters);
    const api_call call(context, request, std::move(*parameters), query_of(request.target));
    const json_out answer = candidate.run(call);
    api_reply out;
    if (!answer.is_null()) out.body = written(answer);
    return out;
  }
  return refusal_reply("NotImplementedException", 501,
                       "the mock does not play " + request.method + " " + std::string(path) +
                           "; docs/operations.md lists the operations it has");
}

[[noreturn]] void wrong_type(std::string_view member, std::string_view wanted, json::kind got) {
  throw aws_error::invalid_request("Member '" + std::string(member) + "' must be " + std::string(wanted) + ", not " +
                                   std::string(json::name_of(got)) + ".");
}

[[noreturn]] void missing(std::string_view member) {
  throw aws_error::invalid_request("1 validation error detected: Value null at '" + std::string(member) +
                                   "' failed to satisfy constraint: Member must not be null");
}

std::int64_t parse_number(std::string_view member, std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    throw aws_error::invalid_request("'" + std::string(member) + "' must be an integer.");
  return value;
}

bool parse_flag(std::string_view member, std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  throw aws_error::invalid_request("'" + std::string(member) + "' must be true or false.");
}

bool same_ignoring_case(std::string_view a, std::string_view b) noexcept {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [&](char x, char y) { return lower(x) == lower(y); });
}

page_request make_page(std::optional<std::string> from, std::optional<std::int64_t> limit,
                       std::string_view limit_name) {
  page_request out;
  if (from) out.from = std::move(*from);
  if (limit) {
    check_page_limit(limit_name, *limit);
    out.limit = static_cast<std::size_t>(*limit);
  }
  return out;
}

}  // namespace

api_reply control_plane::handle(const api_request& request) const noexcept {
  api_reply out;
  try {
    out = dispatch(context_, request);
  } catch (const aws_error& refused) {
    out = refusal_reply(refused.code(), refused.http_status(), refused.message(), refused.resource_id(),
                        refused.resource_arn());
  } catch (const storage_error& failed) {
    out =
        refusal_reply("InternalFailureException", 500, std::string("the change could not be stored: ") + failed.what());
  } catch (const std::exception& failed) {
    if (context_.on_failure) context_.on_failure(request.method + " " + request.target + ": " + failed.what());
    out = refusal_reply("InternalFailureException", 500, "Internal failure.");
  }
  out.headers.emplace_back("x-amzn-RequestId", make_uuid());
  return out;
}

std::vector<control_plane::operation> control_plane::operations() {
  std::vector<operation> out;
  for (const route& one : all_routes()) out.push_back({one.method, one.pattern, one.name});
  return out;
}

api_call::api_call(const control_plane_context& context, const api_request& request, std::vector<std::string> path,
                   std::vector<std::pair<std::string, std::string>> query)
    : context_(context), request_(request), path_(std::move(path)), query_(std::move(query)) {}

int api_call::path_number(std::size_t index) const {
  const std::int64_t value = parse_number("versionId", path(index));
  if (value < 0 || value > 1'000'000'000) throw aws_error::not_found();
  return static_cast<int>(value);
}

std::optional<std::string> api_call::query(std::string_view name) const {
  for (const auto& [key, value] : query_) {
    if (key != name) continue;
    check_member(name, value);
    return value;
  }
  return std::nullopt;
}

bool api_call::query_flag(std::string_view name, bool otherwise) const {
  const auto given = query(name);
  return given ? parse_flag(name, *given) : otherwise;
}

std::optional<std::int64_t> api_call::query_number(std::string_view name) const {
  const auto given = query(name);
  if (!given) return std::nullopt;
  return parse_number(name, *given);
}

std::optional<std::string> api_call::header(std::string_view name) const {
  for (const auto& [key, value] : request_.headers)
    if (same_ignoring_case(key, name)) return value;
  return std::nullopt;
}

std::string api_call::required_query(std::string_view name) const {
  auto given = query(name);
  if (!given) missing(name);
  return std::move(*given);
}

std::string api_call::required_header(std::string_view name) const {
  auto given = header(name);
  if (!given || given->empty()) missing(name);
  return std::move(*given);
}

const json::value& api_call::body() const {
  if (!parsed_) {
    std::string text = request_.body;
    if (text.find_first_not_of(" \t\r\n") == std::string::npos) text = "{}";
    auto read = json::document::from_text(std::move(text));
    if (!read) {
      const diagnostic& first = read.diagnostics.front();
      std::string message = "The request body is not valid JSON: " + first.message;
      if (!first.help.empty()) message += "; " + first.help;
      throw aws_error::invalid_request(message + " (byte " + std::to_string(first.where.begin) + ").");
    }
    parsed_ = std::move(*read.value);
  }
  if (!parsed_->root().is_object())
    throw aws_error::invalid_request("The request body must be a JSON object, not " +
                                     std::string(json::name_of(parsed_->root().what)) + ".");
  return parsed_->root();
}

std::optional<std::string> api_call::text_of(const json::value& object, std::string_view member) {
  const json::value* found = object.find(member);
  if (found == nullptr || found->is(json::kind::null)) return std::nullopt;
  if (!found->is_string()) wrong_type(member, "a string", found->what);
  check_member(member, found->text);
  return found->text;
}

void api_call::require(std::string_view member) const {
  const json::value* found = body().find(member);
  if (found == nullptr || found->is(json::kind::null)) missing(member);
}

std::string api_call::required_text(std::string_view member) const {
  auto given = text(member);
  if (!given) missing(member);
  return std::move(*given);
}

std::optional<bool> api_call::flag_of(const json::value& object, std::string_view member) {
  const json::value* found = object.find(member);
  if (found == nullptr || found->is(json::kind::null)) return std::nullopt;
  if (!found->is(json::kind::boolean)) wrong_type(member, "a boolean", found->what);
  return found->text == "true";
}

std::optional<std::int64_t> api_call::number(std::string_view member) const {
  const json::value* found = body().find(member);
  if (found == nullptr || found->is(json::kind::null)) return std::nullopt;
  if (!found->is(json::kind::number)) wrong_type(member, "a number", found->what);
  return parse_number(member, found->text);
}

const json::value* api_call::object_of(const json::value& object, std::string_view member) {
  const json::value* found = object.find(member);
  if (found == nullptr || found->is(json::kind::null)) return nullptr;
  if (!found->is_object()) wrong_type(member, "an object", found->what);
  return found;
}

text_map api_call::text_map_of(const json::value& object, std::string_view member) {
  text_map out;
  const json::value* found = object_of(object, member);
  if (found == nullptr) return out;
  for (const json::member& entry : found->members) {
    if (!entry.held.is_string()) wrong_type(std::string(member) + "." + entry.key, "a string", entry.held.what);
    out[entry.key] = entry.held.text;
  }
  return out;
}

std::vector<std::string> api_call::texts_of(const json::value& object, std::string_view member) {
  std::vector<std::string> out;
  const json::value* found = object.find(member);
  if (found == nullptr || found->is(json::kind::null)) return out;
  if (!found->is_array()) wrong_type(member, "an array of strings", found->what);
  for (const json::value& item : found->items) {
    if (!item.is_string()) wrong_type(member, "an array of strings", item.what);
    out.push_back(item.text);
  }
  return out;
}

text_map api_call::tags() const {
  text_map out;
  const json::value* found = body().find("tags");
  if (found == nullptr || found->is(json::kind::null)) return out;
  if (!found->is_array()) wrong_type("tags", "an array", found->what);
  for (const json::value& item : found->items) {
    if (!item.is_object()) wrong_type("tags", "an array of objects", item.what);
    const auto key = text_of(item, "Key");
    if (!key) missing("tags.Key");
    out[*key] = text_of(item, "Value").value_or("");
  }
  check_tags(out);
  return out;
}

page_request api_call::marker_page() const {
  page_request out = make_page(query("marker"), query_number("pageSize"), "pageSize");
  // assumption: what was made first comes first unless the caller asks otherwise; AWS documents only what `true` means.
  out.ascending = query_flag("isAscendingOrder", true);
  return out;
}

page_request api_call::token_page() const {
  return make_page(query("nextToken"), query_number("maxResults"), "maxResults");
}

}  // namespace fleetprov::mock
