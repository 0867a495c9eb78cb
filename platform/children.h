// Children: helper programs of the operator's, in any language, each a process in a sandbox that
// talks over its standard input and output.
//
// Promise    A child and all that it starts are gone when its Child is: no zombie, no orphan, no
//            open file. It has no network, writes no file and reads none but those of the system's
//            programs (/usr, /lib, /bin, /opt), of its own folder, and the files that its arguments
//            name by absolute paths. It inherits no file and no variable, and may not leave its
//            process group (setsid, setpgid). What this machine's kernel cannot enforce of that,
//            missing() tells.
// Order      output() in the order written; ended() last, after all output from before the end.
// Limits     A pipe holds 64 KiB each way: a child that is not read waits, one that does not read
//            makes write() take less. Nothing is kept here.
// Ownership  Children outlives its Child objects. A Child may be destroyed from its own events.
// Threads    Loop: the child dies with the thread that started it.
// Tests      tests/platform/children_contract.h, run against linux/ and sim/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "platform/base/bytes.h"
#include "platform/base/result.h"

namespace pinaflux {

struct ChildOptions {
  std::vector<std::string> command;  // An absolute path, and its arguments.
  // Bytes of private writable memory (RLIMIT_DATA): heap, thread stacks, copied pages; of each
  // process that it starts too. Not of address space: runtimes of Go, Java and JavaScript reserve a
  // hundred times what they use. More is refused, and most programs then end with a message.
  std::uint64_t memory_max = 0;
};

// All run on the loop, never from within a call of Child or Children.
struct ChildEvents {
  std::function<void(Bytes)>
      output;                      // What it wrote to its standard output; valid during the call.
  std::function<void()> writable;  // Once, after write() took less than it was given.
  // Once, last: "exit status 1", "killed by signal 9 (out of memory?)", "closed its standard
  // output"; with ": " and the last line of its standard error, bounded and printable.
  std::function<void(std::string why)> ended;
};

class Child {
 public:
  virtual ~Child() = default;  // Kills it and everything it started; no event follows.
  // Bytes that its input took now, from the front. 0 after finish() and when it has closed its
  // input: a child that does so and runs on is ended for it, within a second.
  virtual std::size_t write(Bytes bytes) = 0;
  // End of input: a program that ends then is heard to the end.
  virtual void finish() = 0;
  // While paused its output is not read, and ended() waits while there is some.
  virtual void pause(bool paused) = 0;
};

class Children {
 public:
  virtual ~Children() = default;
  // When this returns a Child the program runs already; it takes two seconds at most. Errors:
  // invalid (no absolute path, no program for this machine), not_found (it, or its interpreter),
  // denied (not executable, or not for the child's user), full, timeout.
  virtual Result<std::unique_ptr<Child>> start(const ChildOptions& options, ChildEvents events) = 0;
  // What this machine's kernel cannot enforce of the sandbox, and why; "" when it has everything.
  virtual std::string missing() const = 0;
};

}  // namespace pinaflux
