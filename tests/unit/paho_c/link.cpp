// The link on Eclipse Paho C.

#include <fleetprov/adapters/paho_c.hpp>

using link_under_test = fleetprov::adapters::paho_c_link;

#include "support/link_checks.hpp"
