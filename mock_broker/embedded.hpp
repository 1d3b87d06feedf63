#pragma once

#include <string_view>

/// Documents of policies/ and templates/ compiled in; placeholders are not filled in yet.
namespace fleetprov::mock::embedded {

extern const std::string_view sample_device_policy;
extern const std::string_view fleet_basic_template;

}  // namespace fleetprov::mock::embedded
