// The link on Eclipse Paho C++.

#include <fleetprov/adapters/paho.hpp>

using link_under_test = fleetprov::adapters::paho_link;

#include "support/link_checks.hpp"
#include "support/paho_without_trace.hpp"
