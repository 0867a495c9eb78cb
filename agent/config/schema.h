// The JSON Schema (draft 2020-12) of a configuration, from the table: for editors and for checks elsewhere.
//
// Promise    What load_configuration() takes, the schema takes; the schema cannot tell unknown names,
//            cycles, addresses used twice and the like.
// Threads    Pure; any.
// Tests      tests/agent/config/schema_test.cc
#pragma once

#include <string>

namespace pinaflux {

std::string configuration_schema();  // With a newline at its end.

}  // namespace pinaflux
