// LinuxWorker: one thread that may block, and a queue.
//
// Threads    submit() on the loop; jobs on the thread; `done` on the loop.
// Tests      tests/platform/linux/worker_test.cc
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "platform/linux/loop.h"
#include "platform/worker.h"

namespace pinaflux {

class LinuxWorker final : public Worker {
 public:
  static Result<std::unique_ptr<LinuxWorker>> make(LinuxLoop& loop);
  ~LinuxWorker() override;
  void submit(std::function<void()> job, std::function<void()> done) override;

 private:
  struct Task {
    std::function<void()> job;
    std::function<void()> done;
  };
  LinuxWorker() = default;
  void work();
  void run_done();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> tasks_;
  std::vector<std::function<void()>> done_;
  bool ending_ = false;
  std::unique_ptr<Wakeup> wakeup_;
  std::thread thread_;
};

// A thread that leaves all signals to the loop's. Code::full when the system gives no thread.
Result<std::thread> start_thread(std::function<void()> body);

}  // namespace pinaflux
