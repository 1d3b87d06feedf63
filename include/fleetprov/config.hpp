#pragma once

#include <fleetprov/version.hpp>

#include <cstdlib>

#if !defined(_MSVC_LANG) && __cplusplus < 201703L
#error "fleetprov needs C++17"
#endif

/// Called with a false condition on a contract violation by the caller (never on bad input).
/// Define it before the first fleetprov header to route violations elsewhere.
#ifndef FLEETPROV_ASSERT
#define FLEETPROV_ASSERT(condition) ((condition) ? static_cast<void>(0) : std::abort())
#endif
