// The payload codec: the first byte picks message and format. What decodes also encodes, in both
// formats, to what decodes again to the same message.
#include <fleetprov/payloads/codec.hpp>

#include <cstdint>
#include <cstdlib>
#include <vector>

using namespace fleetprov;
using namespace fleetprov::payloads;
using topics::payload_format;

static void require(bool condition) {
  if (!condition) std::abort();
}

template <class Message>
static void run(const std::uint8_t* data, std::size_t size, payload_format format) {
  const auto read = decode<Message>(data, size, format);
  if (!read) {
    require(read.error().offset <= size);
    return;
  }
  std::vector<std::uint8_t> texts[2];
  for (const payload_format to : {payload_format::json, payload_format::cbor}) {
    const auto written = encode(*read, to);
    if (!written) {  // JSON escapes may take more room than CBOR needed
      require(written.error().code == errc::too_large);
      return;
    }
    const auto back = decode<Message>(written->data(), written->size(), to);
    require(back.has_value());
    const auto again = encode(*back, payload_format::json);
    require(again.has_value());
    texts[static_cast<std::size_t>(to)] = *again;
  }
  require(texts[0] == texts[1]);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto format = (data[0] & 1U) != 0 ? payload_format::cbor : payload_format::json;
  const unsigned which = (data[0] >> 1U) % 6U;
  ++data;
  --size;
  switch (which) {
    case 0: run<create_keys_and_certificate_request>(data, size, format); break;
    case 1: run<create_certificate_from_csr_request>(data, size, format); break;
    case 2: run<certificate_response>(data, size, format); break;
    case 3: run<register_thing_request>(data, size, format); break;
    case 4: run<register_thing_response>(data, size, format); break;
    default: run<error_response>(data, size, format); break;
  }
  return 0;
}
