// Whatever a device sends as its signing request: accepted with a certificate, or a reason.
#include <mock_broker/certificate_authority.hpp>
#include <mock_broker/errors.hpp>

#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string fault = fleetprov::mock::find_csr_fault(text);
  if (size > 4096 && fault.empty()) std::abort();
  const auto read = fleetprov::mock::read_certificate(text);
  if (read && read->id.size() != 64) std::abort();
  return 0;
}
