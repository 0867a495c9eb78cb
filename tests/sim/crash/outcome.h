// Outcome: what a task has found, as bytes from one process to the other. Whoever reads is the same program.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/crash/enumerator.h"

namespace pinaflux::crash {

struct Outcome {
  Tally tally;
  std::vector<std::uint64_t> hashes;  // Of the distinct states.
};

std::string bytes_of(const Outcome& outcome);
Outcome outcome_of(std::string_view bytes);

}  // namespace pinaflux::crash
