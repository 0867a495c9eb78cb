// ASSERT: a bug of ours stops the program, in release too: one condition each, no side effects.
//
// Use       For what only a bug in this repository can make false. What the world may do is a
//           Result; what a record may hold is a verdict; what an operator may write is a finding.
// Threads   Any. A hook (set once at start by main.cc) may flush the log ring before the abort.
#pragma once

namespace pinaflux {

using AssertHook = void (*)(const char* condition, const char* file, int line);

// Not called concurrently with asserts: set before the first thread starts.
void set_assert_hook(AssertHook hook);

[[noreturn]] void assert_failed(const char* condition, const char* file, int line);

}  // namespace pinaflux

#define ASSERT(condition)                 \
  (static_cast<bool>(condition) ? void(0) \
                                : ::pinaflux::assert_failed(#condition, __FILE__, __LINE__))
