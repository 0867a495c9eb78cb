// Rehearsal: a configuration's mask and pipeline, tried with records that a test gives, against what it expects of them.
//
//   # What reaches the lanes.
//   zigbee/kitchen {"user":"anna","temp":21.5}
//   -> normal zigbee/kitchen {"user":"hmac:people:*","temp":21.5}
//   zigbee/kitchen @2026-07-25T06:14:09Z {"user":"anna","temp":"hot"}
//   -> refused mask_failed
//   wait 10m
//   zigbee/kitchen {"temp":21.5}
//   -> nothing
//
// A line `STREAM [@ARRIVAL] PAYLOAD` gives what the source named by the stream's first step brings, in that source's format. Lines
// that begin with `->` say all that comes of what was given since the last of them: in each lane in this order, and no field more;
// a text that ends in * is the beginning of one. `[@TIME]` behind the stream is compared, too. The clock begins at
// 2026-01-01T00:00:00Z; ARRIVAL sets it, and waiting moves it on.
//
// Promise    Runs Masker and Pipeline as the agent does, and processes of execd nodes as DryRun; stores and sends nothing. Says nothing of
//            what was given but its line.
// Limits     kMistakesMax; what is beyond is counted.
// Ownership  The Configuration, and what Host names, must outlive it.
// Threads    One owner at a time.
// Tests      tests/agent/agent/rehearsal_test.cc
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/agent/companions.h"
#include "agent/config/load.h"
#include "platform/base/result.h"

namespace pinaflux {

struct Rehearsed {
  struct Mistake {
    std::uint32_t line = 0;  // From 1.
    std::string what;
  };
  std::uint64_t given = 0;     // Records.
  std::uint64_t expected = 0;  // Lines that begin with `->`.
  std::uint64_t beyond = 0;    // Mistakes that are not listed.
  std::vector<Mistake> mistakes;
  // What came of each line, ready to be expected: the lines of the test with it in between.
  std::string told;

  bool holds() const { return mistakes.empty(); }
};

class Rehearsal {
 public:
  static constexpr std::size_t kMistakesMax = 100;

  // Errors: keys that cannot be read (`which` names one), a mask or a pipeline that cannot be made.
  static Result<std::unique_ptr<Rehearsal>> make(const Configuration& configuration,
                                                 const Companions::Host& host, std::string& which);
  ~Rehearsal();

  // From the start of the pipeline's state, whatever was run before.
  Result<Rehearsed> run(std::string_view test);

 private:
  struct State;
  explicit Rehearsal(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace pinaflux
