// LinuxChildren: each child is forked, confined (Sandbox), executed, and reaped by its pidfd.
//
// Promise    A child that is killed is reaped by the loop, or by ~LinuxChildren within a second.
// Order      start() waits for exec: a pipe tells its errno, or that it worked.
// Ownership  The loop outlives it. SIGPIPE is ignored from here on; SIGCHLD, were it, is no longer.
// Threads    Loop. Other threads may run: between fork and exec there are only system calls.
// Tests      tests/platform/linux/children_test.cc, sandbox_test.cc
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <sys/types.h>
#include <vector>

#include "platform/children.h"
#include "platform/linux/fd.h"
#include "platform/linux/loop.h"
#include "platform/linux/sandbox.h"

namespace pinaflux {

class LinuxChild;

class LinuxChildren final : public Children {
 public:
  // `pidfds` false: as if the kernel had none (before 5.3); children are then reaped at SIGCHLD.
  explicit LinuxChildren(LinuxLoop& loop, bool pidfds = true);
  ~LinuxChildren() override;

  Result<std::unique_ptr<Child>> start(const ChildOptions& options, ChildEvents events) override;
  std::string missing() const override { return sandbox_.missing(); }

 private:
  friend class LinuxChild;
  // Until it is reaped; `child` is null when nobody waits for it.
  struct Process {
    pid_t pid;
    LinuxChild* child;
    Fd pidfd;
    EventPtr exited;
  };
  void watch(pid_t pid, LinuxChild* child);
  void kill(LinuxChild* child, bool forget);
  void reap();

  LinuxLoop& loop_;
  const bool pidfds_;
  const Sandbox sandbox_;
  std::vector<Process> processes_;
  EventPtr sigchld_;  // From when it is first needed.
  Buffer scratch_;    // What one read takes.
};

}  // namespace pinaflux
