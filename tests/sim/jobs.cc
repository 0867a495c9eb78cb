// A process writes the number of a task before it begins it; after it how many bytes the task has said, and these.

#include "tests/sim/jobs.h"

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <optional>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "platform/base/assert.h"

namespace pinaflux::tests {

namespace {

using Counter = std::atomic<std::size_t>;

Counter& shared_counter() {
  void* page =
      ::mmap(nullptr, sizeof(Counter), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT(page != MAP_FAILED);
  return *new (page) Counter(0);
}

class Pipe {
 public:
  explicit Pipe(std::FILE* file) : file_(file) { ASSERT(file != nullptr); }
  ~Pipe() { std::fclose(file_); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  int descriptor() const { return ::fileno(file_); }
  void flush() { std::fflush(file_); }
  void put(std::uint64_t number) { put(&number, sizeof number); }
  void put(const std::string& bytes) {
    put(bytes.size());
    put(bytes.data(), bytes.size());
  }
  // False: the other end is gone.
  bool get(std::uint64_t& number) { return get(&number, sizeof number); }
  bool get(std::string& bytes) {
    std::uint64_t size = 0;
    if (!get(size)) return false;
    bytes.resize(size);
    return get(bytes.data(), bytes.size());
  }

 private:
  void put(const void* from, std::size_t bytes) {
    if (bytes > 0) ASSERT(std::fwrite(from, bytes, 1, file_) == 1);
  }
  bool get(void* to, std::size_t bytes) {
    return bytes == 0 || std::fread(to, bytes, 1, file_) == 1;
  }

  std::FILE* file_;
};

class Job {
 public:
  Job(const Tasks& tasks, Counter& next) : tasks_(tasks), next_(next) { start(); }

  int descriptor() const { return pipe_->descriptor(); }
  // Something can be read. False: it was the end.
  bool step();

 private:
  void start();
  void work(Pipe& to);

  const Tasks& tasks_;
  Counter& next_;
  std::optional<std::uint64_t> task_;  // That was begun.
  pid_t child_ = 0;
  std::unique_ptr<Pipe> pipe_;
};

void Job::start() {
  int ends[2];
  ASSERT(::pipe(ends) == 0);
  std::fflush(stdout);
  child_ = ::fork();
  ASSERT(child_ >= 0);
  if (child_ == 0) {
    ::close(ends[0]);
    Pipe to(::fdopen(ends[1], "w"));
    work(to);
    ::_exit(0);
  }
  ::close(ends[1]);
  std::FILE* from = ::fdopen(ends[0], "r");
  ASSERT(from != nullptr);
  std::setvbuf(from, nullptr, _IONBF, 0);  // What is left to be read is seen by poll().
  pipe_ = std::make_unique<Pipe>(from);
}

void Job::work(Pipe& to) {
  for (;;) {
    const std::size_t task = next_.fetch_add(1);
    if (task >= tasks_.count) break;
    to.put(task);
    to.flush();
    to.put(tasks_.work(task));
    to.flush();
  }
}

bool Job::step() {
  std::uint64_t task = 0;
  std::string said;
  if (!task_ && pipe_->get(task)) {
    task_ = task;
    return true;
  }
  if (task_ && pipe_->get(said)) {
    tasks_.take(*task_, std::move(said));
    task_.reset();
    return true;
  }
  int status = 0;
  ::waitpid(child_, &status, 0);
  if (!task_) return false;
  tasks_.died(*task_, status);
  task_.reset();
  start();
  return true;
}

}  // namespace

void run_jobs(const Tasks& tasks, std::size_t jobs) {
  Counter& next = shared_counter();
  std::vector<std::unique_ptr<Job>> running;
  for (std::size_t i = 0; i < jobs && i < tasks.count; ++i) {
    running.push_back(std::make_unique<Job>(tasks, next));
  }
  while (!running.empty()) {
    std::vector<pollfd> waits;
    waits.reserve(running.size());
    for (const auto& job : running) waits.push_back({job->descriptor(), POLLIN, 0});
    ::poll(waits.data(), waits.size(), -1);
    for (std::size_t i = waits.size(); i-- > 0;) {
      if (waits[i].revents == 0 || running[i]->step()) continue;
      running.erase(running.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  ::munmap(&next, sizeof next);
}

}  // namespace pinaflux::tests
