#pragma once

/// Provisioning templates: reading, checking and evaluating them, and the documents around them.

#include <fleetprov/templates/check.hpp>
#include <fleetprov/templates/document.hpp>
#include <fleetprov/templates/evaluate.hpp>
#include <fleetprov/templates/hook.hpp>
#include <fleetprov/templates/kinds.hpp>
#include <fleetprov/templates/parameters.hpp>
#include <fleetprov/templates/plan.hpp>
#include <fleetprov/templates/request.hpp>
#include <fleetprov/templates/rules.hpp>
#include <fleetprov/templates/validate.hpp>
