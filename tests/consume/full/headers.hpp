#pragma once
#include <fleetprov/crypto/certificate_variables.hpp>
#include <fleetprov/crypto/csr.hpp>
#include <fleetprov/fleetprov.hpp>
