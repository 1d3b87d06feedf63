#pragma once
// The one place that states the version: CMake and `fleetprov --version` read it from here.

#define FLEETPROV_VERSION_MAJOR 0
#define FLEETPROV_VERSION_MINOR 1
#define FLEETPROV_VERSION_PATCH 0
#define FLEETPROV_VERSION "0.1.0"
