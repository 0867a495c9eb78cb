// What a dry run needs of a machine, in memory; its processes are functions.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "agent/agent/companions.h"
#include "platform/sim/children.h"
#include "platform/sim/clock.h"

namespace pinaflux {

struct DryMachine {
  Companions::Host host(Files& files) { return {&children, loop, clock, files, log, random}; }

  // A program that prints what `answer` makes of each line, and counts its starts.
  void install(const std::string& path, std::function<std::string(std::string_view line)> answer_) {
    children.install(path, [this, answer = std::move(answer_)](const ChildOptions&) {
      ++starts;
      return [answer, heard = std::string()](SimStdio& its, Bytes input) mutable {
        heard += as_text(input);
        for (std::size_t end; (end = heard.find('\n')) != std::string::npos;) {
          const std::string said = answer(std::string_view(heard).substr(0, end));
          heard.erase(0, end + 1);
          if (said == "exit") return its.end("exit status 1: no memory");
          its.print(as_bytes(said));
        }
      };
    });
  }

  SimScheduler scheduler;
  SimLoop loop{scheduler, 1};
  SimClock clock{scheduler, WallTime{1'700'000'000'000'000'000}, 1};
  SimChildren children{loop};
  Log log{Log::Level::debug, [this] { return clock.now(); }, [](std::string_view) {}};
  Random random{7};
  int starts = 0;
};

}  // namespace pinaflux
