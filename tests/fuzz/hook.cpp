// A hook's answer: allowed only when the text says the boolean true; a request made of any bytes is
// JSON that reads back.
#include <fleetprov/templates/hook.hpp>

#include <cstdint>
#include <cstdlib>
#include <string>

namespace templates = fleetprov::templates;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto answer = templates::decode_hook_response(text);
  if (answer.value && answer.has_errors()) std::abort();
  if (answer.value && answer.value->allow && text.find("true") == std::string::npos) std::abort();
  templates::hook_request request;
  request.client_id = text;
  request.parameters[text] = text;
  const auto back = fleetprov::json::document::from_text(templates::encode(request), {64 * 1024 * 1024, 8});
  if (!back.value) std::abort();
  return 0;
}
