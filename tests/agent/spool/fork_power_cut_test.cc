// The power fails before any one of the writes that bring a queue into its new epoch, or after the last one.

#include <set>

#include "tests/agent/spool/cut_kit.h"

namespace pinaflux::spool_kit {

namespace {

struct ForkCutFixture : CutFixture<SpoolFixture> {
  static constexpr LaneIndex kBulk = 1, kOld = 2;

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
      (lanes == 2 && !cut ? after : lanes > 2 ? between : before) += 1;
      CHECK(values().size() == 30);
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
