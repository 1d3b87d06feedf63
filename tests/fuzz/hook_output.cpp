// Whatever a hook writes: an answer or a denial, never a crash, and never permission without a boolean true.
#include <fleetprov/templates/hook.hpp>

#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto read = fleetprov::templates::decode_hook_response(text);
  if (read.value && read.value->allow &&
      (text.find("allowProvisioning") == std::string_view::npos && text.find("\\u") == std::string_view::npos))
    std::abort();
  if (read.value && read.value->allow && text.find("true") == std::string_view::npos) std::abort();
  return 0;
}
