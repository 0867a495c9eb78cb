// spawn: forks, confines and executes a program; its standard files are pipes.
//
// Promise    On success the program runs, the leader of a session and process group of its own. On
//            failure `pid` may still be a process to kill and reap.
// Threads    Loop.
// Tests      tests/platform/children_contract.h
#pragma once

#include <sys/types.h>

#include "platform/linux/fd.h"
#include "platform/linux/sandbox.h"

namespace pinaflux {

struct Spawned {
  pid_t pid = 0;             // 0: nothing was forked.
  Fd input, output, errors;  // Our ends, non-blocking.
  Status status;
};

Spawned spawn(const Sandbox& sandbox, const ChildOptions& options);

}  // namespace pinaflux
