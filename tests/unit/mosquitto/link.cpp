// The link on libmosquitto.

#include <fleetprov/adapters/mosquitto.hpp>

using link_under_test = fleetprov::adapters::mosquitto_link;

#include "support/link_checks.hpp"
