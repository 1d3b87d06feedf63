#pragma once

#include <string_view>

namespace fleetprov::topics {

/// What all reserved topics of AWS IoT begin with. Developer Guide, "Reserved topics".
inline constexpr std::string_view reserved_prefix = "$aws/";
/// Then a thing name and the service: shadow, jobs, tunnels, streams, defender.
inline constexpr std::string_view things_prefix = "$aws/things/";
/// The two certificate APIs and RegisterThing begin so.
inline constexpr std::string_view certificates_prefix = "$aws/certificates/";
inline constexpr std::string_view provisioning_templates_prefix = "$aws/provisioning-templates/";

}  // namespace fleetprov::topics
