// Jobs: tasks by number, in so many processes; each takes the next one when it is ready.
//
// Promise    A process that ends by itself costs its task, which is said, and no other.
// Threads    One owner; the processes share nothing but a counter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "tests/sim/crash/enumerator.h"

namespace pinaflux::crash {

struct Outcome {
  Tally tally;
  std::vector<std::uint64_t> hashes;  // Of the distinct states.
};

struct Tasks {
  std::size_t count = 0;
  std::function<Outcome(std::size_t)> work;        // In another process.
  std::function<void(std::size_t, Outcome)> take;  // In this one, in any order.
  std::function<void(std::size_t, int)> died;      // The process, with that status.
};

void run_jobs(const Tasks& tasks, std::size_t jobs);

}  // namespace pinaflux::crash
