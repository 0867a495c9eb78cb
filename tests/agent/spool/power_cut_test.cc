// Cases that the crash enumerator (tests/sim/crash) has found, each by itself.

#include "platform/sim/disk.h"
#include "platform/sim/files.h"
#include "tests/agent/spool/spool_kit.h"

namespace pinaflux::spool_kit {

namespace {

// A spool on a simulated disk; `options` and the groups are the fixture's.
struct PowerCutFixture : SpoolFixture {
  std::unique_ptr<sim::SimDisk> disk;
  std::unique_ptr<sim::SimFiles> sim_files;

  PowerCutFixture() {
    options.directory = "/var/lib/pinaflux";
    new_disk(1);
  }
  ~PowerCutFixture() { spool.reset(); }

  void new_disk(std::uint64_t seed) {
    spool.reset();
    sim_files.reset();
    disk = std::make_unique<sim::SimDisk>(clock, sim::SimDisk::Options{.seed = seed});
    sim_files = std::make_unique<sim::SimFiles>(*disk);
  }
  Status try_start() {
    spool.reset();
    findings.clear();
    auto made = Spool::open(options, *sim_files, clock, *random, findings, &vault);
    CHECK(findings.empty());
    if (!made) return std::unexpected(made.error());
    spool = std::move(*made);
    return {};
  }
  void start() { REQUIRE(try_start().has_value()); }
  void reboot(sim::Survival survival) {
    disk->cut_power(survival);
    spool.reset();
    disk->power_on();
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

TEST_CASE_FIXTURE(PowerCutFixture, "a file whose size cannot be read is not written over") {
  for (std::uint64_t nth = 0; nth < 40; ++nth) {
    new_disk(1);
    start();
    add(0, 0, 5);
    commit();
    reboot(sim::Survival::none);
    disk->inject({.calls = sim::kInfo, .skip = nth});
    std::ignore = try_start();
    disk->clear_faults();

    start();

    CHECK(lane_state(0).records_queued == 5);
  }
}

TEST_CASE_FIXTURE(PowerCutFixture,
                  "what a commit reported after a failed sync survives a power cut") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    new_disk(seed);
    start();
    for (int i = 0; i < 4; ++i) {
      add(0, i * 5, 5);
      commit();
    }
    add(0, 20, 5);
    disk->inject({.calls = sim::kSync});
    while (!try_commit()) {
    }
    group.reset();

    reboot(sim::Survival::none);

    CHECK(lane_state(0).records_queued == 25);
  }
}

}  // namespace pinaflux::spool_kit
