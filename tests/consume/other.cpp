// The second translation unit: every header that main.cpp has, too.
#include "headers.hpp"

#include <string_view>

bool other_unit_classifies(std::string_view topic) { return fleetprov::topics::classify(topic).has_value(); }
