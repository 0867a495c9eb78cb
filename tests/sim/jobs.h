// Jobs: tasks by number, in so many processes; each takes the next one when it is ready.
//
// Promise    A process that ends by itself costs its task, which is said, and no other.
// Threads    One owner; the processes share nothing but a counter.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

namespace pinaflux::tests {

struct Tasks {
  std::size_t count = 0;
  std::function<std::string(std::size_t)> work;  // In another process. What it says, as bytes.
  std::function<void(std::size_t, std::string)> take;  // What was said; in this one, in any order.
  std::function<void(std::size_t, int)> died;          // The process, with that status.
};

void run_jobs(const Tasks& tasks, std::size_t jobs);

}  // namespace pinaflux::tests
