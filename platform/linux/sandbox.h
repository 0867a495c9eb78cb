// Sandbox: what a child of the operator's is confined to, between fork and exec.
//
// Promise    A program behind the walls has no network (seccomp), cannot write or read files but
//            those named in sandbox.cc (Landlock), has no capability, no file of ours but 0, 1 and
//            2, bounded memory, tasks and files, and dies with the thread that started it. Where we
//            are root it becomes `nobody`; else it keeps our user, whose processes it cannot signal
//            where Landlock knows how to refuse that (Linux 6.12).
// Limits     kFilesMax, kTasksMax below.
// Threads    Sandbox and build(): loop. enter(): the forked child; it makes system calls only.
// Source     landlock(7), seccomp(2), capabilities(7): called directly, glibc has no wrapper.
// Tests      tests/platform/linux/sandbox_test.cc
#pragma once

#include <cstdint>
#include <linux/filter.h>
#include <string>
#include <sys/types.h>
#include <vector>

#include "platform/children.h"
#include "platform/linux/fd.h"

namespace pinaflux {

// All that enter() needs, so that the child allocates nothing.
struct Walls {
  std::vector<sock_filter> filter;  // Empty: the kernel has no filters.
  Fd landlock;                      // None: the kernel has no Landlock.
  std::uint64_t memory_max = 0;
  std::uint64_t tasks_max = 0;
  pid_t parent = 0;
  bool root = false;
};

class Sandbox {
 public:
  static constexpr std::uint64_t kFilesMax = 64;
  static constexpr std::uint64_t kTasksMax =
      64;  // Processes and threads, besides its user's others.
  static constexpr std::uint64_t kStackMax = 2 << 20;  // Of each thread too: it counts as memory.
  static constexpr uid_t kNobody = 65534;              // User and group.
  static constexpr int kReport = 3;                    // The one file of ours that enter() leaves.

  Sandbox();

  // What this kernel cannot enforce, and why: "no Landlock (...): ..."; "" when it has everything.
  std::string missing() const;
  Result<Walls> build(const ChildOptions& options) const;
  // In the child. 0, or the errno of what could not be set up.
  static int enter(const Walls& walls);

 private:
  int landlock_ = 0;  // The version of its interface, or -errno.
  int filters_ = 0;   // 0, or the errno.
};

}  // namespace pinaflux
