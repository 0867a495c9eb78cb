// Damage text: where an envelope is damaged, why, what is left of it and what to do next, for a person.
//
// Promise    Names of streams and fields, never a value.
// Threads    Pure functions; any.
// Tests      tests/agent/cli/record_printer_test.cc
#pragma once

#include <string>

#include "agent/cli/envelope_file.h"
#include "agent/seal/salvage.h"

namespace pinaflux {

// Lines, the last with its newline. `rows` were salvaged; `printed`: they are in the output.
std::string damage_text(const EnvelopePiece& piece, const Salvaged& found, std::size_t rows,
                        bool printed);

// Of a dictionary that cannot be read.
std::string bad_dictionary_text(const EnvelopePiece& piece, const Error& error);

}  // namespace pinaflux
