// What all Children keep to.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "platform/children.h"
#include "platform/loop.h"
#include "tests/kit/run.h"

namespace pinaflux {

// The commands that the contract runs, by what they do.
struct ChildPrograms {
  using Command = std::vector<std::string>;
  Command echo;    // Writes what it reads; ends with status 0 at the end of its input.
  Command deaf;    // Reads nothing, writes nothing, and runs on.
  Command flood;   // Writes for ever.
  Command fails;   // Writes "bye\n", says "no \x1b sensor" on its standard error, ends with 3.
  Command bulky;   // Writes 40,000 bytes and ends with 0.
  Command killed;  // Kills itself.
  Command missing, not_executable;
};

// A child and what was heard of it.
struct HeardChild {
  HeardChild(Children& children, const ChildPrograms::Command& command) {
    auto made = children.start({command, 256 << 20}, {[this](Bytes bytes) {
                                                        output += as_text(bytes);
                                                        after_end += ends;
                                                        if (on_output) on_output();
                                                      },
                                                      [this] {
                                                        ++writables;
                                                        if (on_writable) on_writable();
                                                      },
                                                      [this](std::string text) {
                                                        ++ends;
                                                        why = std::move(text);
                                                        if (on_end) on_end();
                                                      }});
    REQUIRE_MESSAGE(made.has_value(), made.error().what, ", errno ", made.error().sys_errno);
    child = std::move(*made);
  }
  std::unique_ptr<Child> child;
  std::string output, why;
  int writables = 0, ends = 0, after_end = 0;
  std::function<void()> on_output, on_writable, on_end;
};

inline void children_contract(Children& children, Loop& loop, const ChildPrograms& programs) {
  const auto until = [&](const std::function<bool()>& reached) {
    return kit::run_until(loop, reached);
  };
  SUBCASE("what a child reads and writes passes, and its end is told once, last") {
    HeardChild its(children, programs.echo);
    CHECK(its.child->write(as_bytes("hello\n")) == 6);
    CHECK(until([&] { return its.output == "hello\n"; }));
    CHECK(its.child->write(as_bytes("again")) == 5);
    its.child->finish();
    CHECK(its.child->write(as_bytes("late")) == 0);
    CHECK(until([&] { return its.ends > 0; }));
    kit::settle(loop);
    CHECK(its.output == "hello\nagain");
    CHECK(its.why == "exit status 0");
    CHECK(its.ends == 1);
    CHECK(its.child->write(as_bytes("late")) == 0);
  }
  SUBCASE("four megabytes pass both ways, whole and in order, with back pressure") {
    std::string all;
    for (int i = 0; all.size() < (4 << 20); ++i) all += std::to_string(i) + '\n';
    HeardChild its(children, programs.echo);
    std::size_t written = 0;
    its.on_writable = [&] {
      written += its.child->write(as_bytes(all).subspan(written));
      if (written == all.size()) its.child->finish();
    };
    its.on_writable();
    CHECK(written < all.size());
    CHECK(until([&] { return its.ends > 0; }));
    CHECK((its.output == all));
    CHECK(its.writables > 1);
    CHECK(its.why == "exit status 0");
  }
  SUBCASE("a child that does not read takes a bounded amount, and is not waited for") {
    HeardChild its(children, programs.deaf);
    const std::string megabyte(1 << 20, 'x');
    std::size_t written = 0, taken = 0;
    while ((taken = its.child->write(as_bytes(megabyte))) > 0) written += taken;
    CHECK(written >= 4096);
    CHECK(written <= (64 << 10));
    kit::settle(loop);
    CHECK(its.writables == 0);
    CHECK(its.child->write(as_bytes("x")) == 0);
    CHECK(its.ends == 0);
  }
  SUBCASE("a child that writes for ever waits while it is paused") {
    HeardChild its(children, programs.flood);
    its.on_output = [&] {
      if (its.output.size() > (1 << 20)) its.child->pause(true);
    };
    CHECK(until([&] { return its.output.size() > (1 << 20); }));
    const std::size_t heard = its.output.size();
    kit::settle(loop);
    CHECK(its.output.size() == heard);
    CHECK(its.ends == 0);
    its.on_output = {};
    its.child->pause(false);
    CHECK(until([&] { return its.output.size() > (2 << 20); }));
  }
  SUBCASE("an end tells the status and the last word, made printable") {
    HeardChild its(children, programs.fails);
    CHECK(until([&] { return its.ends > 0; }));
    CHECK(its.output == "bye\n");
    CHECK(its.after_end == 0);
    CHECK(its.why == "exit status 3: no \\x1b sensor");
  }
  SUBCASE("a child that was killed says so") {
    HeardChild its(children, programs.killed);
    CHECK(until([&] { return its.ends > 0; }));
    CHECK(its.why == "killed by signal 9 (out of memory?)");
  }
  SUBCASE("what a child wrote before its end is heard before it, even if nobody wanted it yet") {
    HeardChild its(children, programs.bulky);
    its.child->pause(true);
    kit::settle(loop);
    CHECK(its.output.empty());
    CHECK(its.ends == 0);
    its.child->pause(false);
    CHECK(until([&] { return its.ends > 0; }));
    CHECK(its.output.size() == 40'000);
    CHECK(its.after_end == 0);
  }
  SUBCASE("what cannot be started is told apart") {
    const auto refusal = [&](const ChildPrograms::Command& command) {
      const auto made = children.start({command, 64 << 20}, {});
      return made ? Code::internal : made.error().code;
    };
    CHECK(refusal(programs.missing) == Code::not_found);
    CHECK(refusal(programs.not_executable) == Code::denied);
    CHECK(refusal({"cat"}) == Code::invalid);
    CHECK(refusal({"./cat"}) == Code::invalid);
    CHECK(refusal({}) == Code::invalid);
  }
  SUBCASE("a child that is destroyed says nothing more") {
    HeardChild loud(children, programs.flood), quiet(children, programs.deaf);
    CHECK(until([&] { return !loud.output.empty(); }));
    loud.child.reset();
    quiet.child.reset();
    const std::size_t heard = loud.output.size();
    kit::settle(loop);
    CHECK(loud.output.size() == heard);
    CHECK(loud.ends + quiet.ends == 0);
  }
  SUBCASE("a child may be destroyed in each of its own events") {
    HeardChild by_output(children, programs.flood), by_end(children, programs.fails);
    HeardChild by_room(children, programs.echo);
    by_output.on_output = [&] { by_output.child.reset(); };
    by_end.on_end = [&] { by_end.child.reset(); };
    by_room.on_writable = [&] { by_room.child.reset(); };
    const std::string megabyte(1 << 20, 'x');
    by_room.child->write(as_bytes(megabyte));
    CHECK(until([&] { return !by_output.child && !by_end.child && !by_room.child; }));
    kit::settle(loop);
    CHECK(by_output.ends + by_room.ends == 0);
    CHECK(by_end.ends == 1);
  }
  SUBCASE("an end may start the next child") {
    HeardChild first(children, programs.fails);
    std::unique_ptr<HeardChild> second;
    first.on_end = [&] {
      first.child.reset();
      second = std::make_unique<HeardChild>(children, programs.fails);
    };
    CHECK(until([&] { return second && second->ends == 1; }));
    CHECK(second->output == "bye\n");
  }
}

}  // namespace pinaflux
