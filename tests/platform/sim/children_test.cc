#include "platform/sim/children.h"

#include <doctest/doctest.h>

#include "tests/platform/children_contract.h"
#include "tests/platform/sim/world.h"

using namespace pinaflux;

namespace {

struct ChildrenFixture : tests::SimWorld {
  std::unique_ptr<tests::SimProgram> its = program("machine");
  SimChildren children{its->loop};

  void install(const std::string& path, const SimChildren::Program& program) {
    children.install(path, [program](const ChildOptions&) { return program; });
  }
};

// Writes back what it reads, as its output takes it.
SimChildren::Program echo(const ChildOptions&) {
  return [held = Buffer()](SimStdio& its, Bytes input) mutable {
    append(held, input);
    held.erase(held.begin(), held.begin() + static_cast<std::ptrdiff_t>(its.print(held)));
    its.read(held.empty());
    if (held.empty() && its.input_ended()) its.end("exit status 0");
  };
}

}  // namespace

TEST_CASE_FIXTURE(ChildrenFixture, "simulated children keep the contract") {
  children.install("/bin/echo", echo);
  install("/bin/deaf", [](SimStdio& its, Bytes) { its.read(false); });
  install("/bin/flood", [](SimStdio& its, Bytes) {
    while (its.print(as_bytes("yes\n")) == 4) {
    }
  });
  install("/bin/fails", [](SimStdio& its, Bytes) {
    its.print(as_bytes("bye\n"));
    its.end("exit status 3: no \\x1b sensor");
  });
  install("/bin/bulky", [](SimStdio& its, Bytes) {
    its.print(Buffer(40'000, 'x'));
    its.end("exit status 0");
  });
  install("/bin/killed",
          [](SimStdio& its, Bytes) { its.end("killed by signal 9 (out of memory?)"); });
  children.install("/etc/text", {});

  children_contract(children, its->loop,
                    {{"/bin/echo"},
                     {"/bin/deaf"},
                     {"/bin/flood"},
                     {"/bin/fails"},
                     {"/bin/bulky"},
                     {"/bin/killed"},
                     {"/bin/none"},
                     {"/etc/text"}});
}

TEST_CASE_FIXTURE(ChildrenFixture,
                  "a simulated program has state, time and the command's arguments") {
  children.install("/bin/ticks", [](const ChildOptions& options) {
    return [ticks = 0, name = options.command.at(1)](SimStdio& self, Bytes) mutable {
      self.print(as_bytes(name));
      if (++ticks == 3) return self.end("exit status 0");
      self.again(Duration::seconds(1));
    };
  });

  HeardChild one(children, {"/bin/ticks", "a"});
  CHECK(children.running() == 1);
  pass(Duration::milliseconds(1500));
  HeardChild two(children, {"/bin/ticks", "b"});
  pass(Duration::milliseconds(100));

  CHECK(one.output == "aa");
  CHECK(two.output == "b");
  pass(Duration::seconds(5));
  CHECK(one.output == "aaa");
  CHECK(two.ends == 1);
  CHECK(children.running() == 0);
}

TEST_CASE_FIXTURE(ChildrenFixture, "a simulated child that is destroyed runs no more") {
  int runs = 0;
  install("/bin/busy", [&](SimStdio& self, Bytes) {
    ++runs;
    self.again(Duration::seconds(1));
  });

  HeardChild busy(children, {"/bin/busy"});
  pass(Duration::milliseconds(2500));
  busy.child.reset();
  pass(Duration::seconds(10));

  CHECK(runs == 3);
  CHECK(children.running() == 0);
}
