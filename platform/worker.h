// Worker: one thread that may block (fsync), fed by the loop.
//
// Order      Jobs run one after the other, in the order submitted; `done` runs on the loop.
// Ownership  The destructor waits for jobs already submitted; their `done` is not run any more.
// Threads    submit() on the loop.
#pragma once

#include <functional>

namespace pinaflux {

class Worker {
 public:
  virtual ~Worker() = default;
  virtual void submit(std::function<void()> job, std::function<void()> done) = 0;
};

}  // namespace pinaflux
