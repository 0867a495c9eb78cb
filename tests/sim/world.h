// World: one seed, one run: gateway, brokers, collector and plant, the faults that befall them, and what
// the oracle says of it.
//
// Promise    The same options give the same outcome, trace included.
// Threads    One.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/config/load.h"
#include "tests/sim/landed.h"
#include "tests/sim/mutant.h"

namespace pinaflux::tests {

struct RunOptions {
  std::uint64_t seed = 1;
  int minutes = 10;
  std::uint64_t commits_min = 300;
  std::uint64_t faults_min = 5;
  std::uint64_t break_at = 0;  // See SimFabric.
  Mutant mutant = Mutant::none;
  bool dense = false;  // The plant produces as in each eighth seed.
  bool verbose = false;
};

struct Outcome {
  std::uint64_t seed = 0;
  std::vector<std::string> failures;  // Empty: all is well.
  std::uint64_t trace = 0, steps = 0;
  std::uint64_t commits = 0, commit_failures = 0, faults = 0, starts = 0;
  std::uint64_t sent = 0, acknowledged = 0, landed = 0, lost = 0, thinned = 0, redelivered = 0;
  std::uint64_t images = 0, clones = 0;  // Put back; in a second machine, beside the first.
  std::uint64_t renumbered = 0;          // Records that another epoch took.
  std::uint64_t posted = 0;              // 1: the gateway sends by HTTP.
  std::uint64_t two_ways = 0;            // 1: one of its lanes does, the others by MQTT.
  std::uint64_t archived = 0;            // 1: the collector's archive was landed again.
  std::uint64_t packed = 0;              // Sends of envelopes with a dictionary.
  std::uint64_t derived = 0;             // Records that nodes with state have made.
  std::uint64_t undeliverable = 0;       // Records that the collector never takes.
  std::uint64_t quarantined = 0;         // Records that their table never takes.
  LandedCounts times;                    // How rows got their time.
  double seconds = 0;                    // Simulated.
  double drain_seconds = 0;              // From the end of the faults until nothing waits.
  std::vector<std::string> told;         // The faults, in words.
};

// The configuration of every gateway, as YAML read by production code.
Configuration gateway_configuration();

Outcome run(const RunOptions& options, const Configuration& configuration);

}  // namespace pinaflux::tests
