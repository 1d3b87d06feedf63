// The records of a posix_store: whatever is on disk, reading it ends, and what was read is written
// back as the same record.
#include <fleetprov/storage/detail/record_text.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

using namespace fleetprov::storage::detail;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (const auto device = read_device(text)) {
    const auto again = read_device(write_text(*device));
    if (!again || again->certificate_id != device->certificate_id || again->superseded != device->superseded ||
        again->device_configuration != device->device_configuration || again->thing_name != device->thing_name)
      std::abort();
  }
  if (const auto pending = read_pending(text)) {
    const auto again = read_pending(write_text(*pending));
    if (!again || again->record.certificate_id != pending->record.certificate_id || again->key_file != pending->key_file ||
        again->registered != pending->registered || again->record.issued_at != pending->record.issued_at ||
        again->answer.superseded != pending->answer.superseded)
      std::abort();
    if (!is_time(pending->record.issued_at)) std::abort();
    if (pending->key_file.find('/') != std::string::npos || pending->record.certificate_id.find('/') != std::string::npos) std::abort();
  }
  return 0;
}
