#include "headers.hpp"

bool other_unit_classifies(std::string_view topic);

int main() { return other_unit_classifies("$aws/certificates/create/json") && fleetprov::topics::matches("a/+", "a/b") ? 0 : 1; }
