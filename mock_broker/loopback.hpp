#pragma once

#include <string>

namespace fleetprov::mock {

/// Whether only this machine can reach what listens on `address`.
inline bool is_loopback(const std::string& address) {
  return address == "localhost" || address == "::1" || address.compare(0, 4, "127.") == 0;
}

}  // namespace fleetprov::mock
