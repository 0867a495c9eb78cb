// The system calls that a child in the sandbox may make, as a program for seccomp(2).
//
// Promise    Refused with EPERM: sockets, other processes' memory, leaving the process group, name
//            spaces and mounts, clocks, the kernel's own matters, memory that RLIMIT_DATA does not
//            count, and what changes files without opening them (chmod, unlink, rename), which
//            Landlock leaves or an old kernel has no Landlock for. Every call of another
//            architecture is refused; what is newer than this table is "not implemented", and so is
//            clone3, whose flags a filter cannot see: libraries then use clone.
// Threads    Pure functions; any.
// Source     Numbers: the kernel's asm/unistd.h, 6.12 (riscv64 has those of arm64).
// Tests      tests/platform/linux/sandbox_test.cc
#pragma once

#include <linux/filter.h>
#include <vector>

namespace pinaflux {

// For the architecture that this is built for; both of ARM on either, as a system of one runs
// programs of the other.
std::vector<sock_filter> syscall_filter();

}  // namespace pinaflux
