#pragma once

// Everything about policies: parse, evaluate, explain, bind, lint, render.

#include <fleetprov/policies/actions.hpp>
#include <fleetprov/policies/bound_policy.hpp>
#include <fleetprov/policies/conditions.hpp>
#include <fleetprov/policies/document.hpp>
#include <fleetprov/policies/evaluate.hpp>
#include <fleetprov/policies/explain.hpp>
#include <fleetprov/policies/language.hpp>
#include <fleetprov/policies/lint.hpp>
#include <fleetprov/policies/pattern.hpp>
#include <fleetprov/policies/principal.hpp>
#include <fleetprov/policies/render.hpp>
#include <fleetprov/policies/rules.hpp>
#include <fleetprov/policies/variables.hpp>
