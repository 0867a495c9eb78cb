// The power fails before any one of the writes that bring a queue into its new epoch, or after the last one.

#include <functional>
#include <set>

#include "platform/sim/disk.h"
#include "platform/sim/files.h"
#include "tests/agent/spool/spool_kit.h"

namespace pinaflux::spool_kit {

namespace {

constexpr LaneIndex kBulk = 1, kOld = 2;

struct ForkCutFixture : SpoolFixture {
  std::unique_ptr<sim::SimDisk> disk;
  std::unique_ptr<sim::SimFiles> sim_files;

  ForkCutFixture() { options.directory = "/var/lib/pinaflux"; }
  ~ForkCutFixture() { spool.reset(); }

  void new_disk(std::uint64_t seed) {
    spool.reset();
    sim_files.reset();
    disk = std::make_unique<sim::SimDisk>(clock, sim::SimDisk::Options{.seed = seed});
    sim_files = std::make_unique<sim::SimFiles>(*disk);
  }
  bool start() {
    spool.reset();
    findings.clear();
    auto made = Spool::open(options, *sim_files, clock, *random, findings, &vault);
    if (made) spool = std::move(*made);
    return made.has_value();
  }
  // What the lane has to send; with each answered that nothing of it is known.
  void answer(LaneIndex lane) {
    wish.envelopes.fill(0);
    wish.envelopes[lane] = 8;
    ++wish.round[lane];
    leases.clear();
    if (!try_commit()) return;
    group.reset();
    wish.envelopes.fill(0);
    for (const Lease& lease : leases) {
      group.acks.push_back(
          {lease.lane, lease.epoch, lease.range, lease.hash, std::vector<Range>{}});
    }
  }
  bool settle() {
    for (bool more = true; more; more = spool->state().renumbering > 0) {
      if (!try_commit()) return false;
      group.reset();
    }
    return true;
  }
  // From the first answer on, as an agent does it. False: the power is gone.
  bool renumber() {
    answer(kBulk);
    if (!settle()) return false;
    if (spool->state().forked && !start()) return false;
    if (spool->state().lanes.size() <= kOld) return true;
    answer(kOld);
    return settle();
  }
  // Before the n-th change from now on. False: there were fewer.
  bool cut_before(std::uint64_t n, const std::function<void()>& work) {
    bool cut = false;
    disk->before_change = [&, n](const sim::Operation&) mutable {
      if (n-- > 0 || cut) return;
      cut = true;
      disk->cut_power();
    };
    work();
    disk->before_change = nullptr;
    return cut;
  }
  // Of both epochs; each once.
  std::set<std::int64_t> values() {
    std::set<std::int64_t> all;
    FarEnd far;
    for (LaneIndex lane = kBulk; lane < spool->state().lanes.size(); ++lane) {
      far.lanes[lane].high = lane_state(lane).acked;
      wish.envelopes.fill(0);
      wish.envelopes[lane] = 8;
      ++wish.round[lane];
      commit();
      for (const Lease& lease : leases) {
        for (const Row& row : OpenedLease(lease).rows) {
          CHECK(all.insert(row.values[0].as_int64()).second);
        }
      }
    }
    return all;
  }
};

}  // namespace

TEST_CASE_FIXTURE(ForkCutFixture,
                  "a power cut on the way into a new epoch keeps each record once") {
  int before = 0, between = 0, after = 0;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    bool cut = true;
    for (std::uint64_t n = 0; cut; ++n) {
      new_disk(seed * 1000 + n);
      REQUIRE(start());
      for (int i = 0; i < 3; ++i) {
        add(kBulk, 10 * i, 10);
        answer(kBulk);
        group.acks.clear();
      }
      cut = cut_before(n, [&] { (void)renumber(); });
      group.reset();
      if (!cut) disk->cut_power();
      spool.reset();
      disk->power_on();

      REQUIRE(start());

      const std::size_t lanes = spool->state().lanes.size();
      const std::uint64_t moved = lane_state(kBulk).records_queued;
      (lanes == 2 && !cut ? after : lanes > 2 ? between : before) += 1;
      CHECK(values().size() == 30);
      CHECK(moved <= 30);
      // And it goes on from there.
      group.reset();
      while (spool->state().lanes.size() > 2) {
        answer(kOld);
        REQUIRE(settle());
        REQUIRE(start());
      }
      CHECK(values().size() == 30);
    }
  }
  CHECK(before > 0);
  CHECK(between > 0);
  CHECK(after > 0);
}

}  // namespace pinaflux::spool_kit
