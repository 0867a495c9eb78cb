#include "platform/linux/worker.h"

#include <csignal>
#include <system_error>

// `done` does not go through Loop::post(): a worker that is destroyed takes its wake-up with it, so
// nothing that belongs to its owner can run afterwards.

namespace pinaflux {

Result<std::thread> start_thread(std::function<void()> body) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread;
  int failed = 0;
  try {
    thread = std::thread(std::move(body));
  } catch (const std::system_error& error) {
    failed = error.code().value();
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (!thread.joinable()) return fail(Code::full, "the system gives no more threads", failed);
  return thread;
}

Result<std::unique_ptr<LinuxWorker>> LinuxWorker::make(LinuxLoop& loop) {
  std::unique_ptr<LinuxWorker> worker(new LinuxWorker());
  auto wakeup = Wakeup::make(loop.base(), [at = worker.get()] { at->run_done(); });
  if (!wakeup) return std::unexpected(wakeup.error());
  worker->wakeup_ = std::move(*wakeup);
  auto thread = start_thread([at = worker.get()] { at->work(); });
  if (!thread) return std::unexpected(thread.error());
  worker->thread_ = std::move(*thread);
  return worker;
}

LinuxWorker::~LinuxWorker() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void LinuxWorker::submit(std::function<void()> job, std::function<void()> done) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back({std::move(job), std::move(done)});
  }
  changed_.notify_one();
}

void LinuxWorker::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return ending_ || !tasks_.empty(); });
    if (tasks_.empty()) return;
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task.job();
    task.job = nullptr;  // What it holds is destroyed before `done` can look at it.
    lock.lock();
    done_.push_back(std::move(task.done));
    wakeup_->wake();
  }
}

void LinuxWorker::run_done() {
  std::vector<std::function<void()>> batch;
  {
    const std::lock_guard lock(mutex_);
    batch.swap(done_);
  }
  for (auto& done : batch) {
    if (done) done();
  }
}

}  // namespace pinaflux
