// A simulated world for tests: one machine, one program, and makers of more.
#pragma once

#include <memory>
#include <string>

#include "platform/http/servers.h"
#include "platform/sim/clock.h"
#include "platform/sim/entropy.h"
#include "platform/sim/network.h"
#include "platform/sim/worker.h"

namespace pinaflux::tests {

inline constexpr WallTime kSimEpoch = {1'800'000'000'000'000'000};

// A program with its machine.
struct SimProgram {
  SimProgram(SimScheduler& scheduler, SimFabric& fabric, const std::string& machine,
             std::uint32_t id)
      : loop(scheduler, id), network(fabric, loop, machine), worker(loop, id) {}
  SimLoop loop;
  SimNetwork network;
  SimWorker worker;
};

struct SimWorld {
  explicit SimWorld(std::uint64_t seed = 1) : fabric(scheduler, seed) {}
  std::unique_ptr<SimProgram> program(const std::string& machine) {
    return std::make_unique<SimProgram>(scheduler, fabric, machine, ++programs);
  }
  void pass(Duration time) { REQUIRE(scheduler.run_until(scheduler.now() + time, 10'000'000)); }

  SimScheduler scheduler;
  SimFabric fabric;
  std::uint32_t programs = 0;
};

}  // namespace pinaflux::tests
