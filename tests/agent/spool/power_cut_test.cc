// Cases that the crash enumerator (tests/sim/crash) has found, each by itself.

#include "platform/sim/disk.h"
#include "platform/sim/files.h"
#include "tests/agent/spool/spool_kit.h"

namespace pinaflux::spool_kit {

namespace {

// A spool on a simulated disk; `options` and the groups are the fixture's.
struct PowerCutFixture : SpoolFixture {
  sim::SimDisk disk{clock, {}};
  sim::SimFiles sim_files{disk};

  PowerCutFixture() { options.directory = "/var/lib/pinaflux"; }
  ~PowerCutFixture() { spool.reset(); }

  void start() {
    findings.clear();
    auto made = Spool::open(options, sim_files, clock, entropy, findings);
    REQUIRE(made.has_value());
    CHECK(findings.empty());
    spool = std::move(*made);
  }
  void reboot(sim::Survival survival) {
    disk.cut_power(survival);
    spool.reset();
    disk.power_on();
    start();
  }
};

}  // namespace

TEST_CASE_FIXTURE(PowerCutFixture,
                  "a spool whose directory was made at the start survives a power cut") {
  start();
  add(0, 0, 5);
  commit();

  reboot(sim::Survival::none);

  CHECK(lane_state(0).records_queued == 5);
}

}  // namespace pinaflux::spool_kit
