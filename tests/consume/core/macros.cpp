// Arduino.h and windows.h define these; what the toolkit includes of the standard library comes before.
#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
#include <map>
#include <optional>
#include <ratio>
#include <string>
#include <string_view>
#include <variant>

#define min(a, b) ((a) < (b) ? (a) : (b))
#define max(a, b) ((a) > (b) ? (a) : (b))

#include "headers.hpp"

fleetprov::provisioning::machine machine_beside_macros() { return fleetprov::provisioning::machine(); }
