// A commit that thins, on a disk that is full at any one of its writes.
//
// It thins as much as one transaction may. With records of this size that is more than the page cache holds, so
// that SQLite writes to the WAL while rows are being replaced, and undoes the transaction by itself when it
// cannot. A spool that took that for "does not fit into an envelope" went on, and committed the records twice.

#include <algorithm>

#include "platform/sim/disk.h"
#include "platform/sim/files.h"
#include "tests/agent/spool/spool_kit.h"

namespace pinaflux::spool_kit {

namespace {

constexpr std::size_t kRecordBytes = 1'300;
constexpr int kEach = 300, kMany = 900;
// Writes that come first are those of thinning; behind them the records' own, one as the other.
constexpr std::uint64_t kFirst = 24, kStride = 397;

struct ThinFaultFixture : SpoolFixture {
  sim::SimDisk disk{clock, {.seed = 7, .cuttable = false}};
  sim::SimFiles sim_files{disk};
  sim::Image before;  // The next commit thins.
  std::int64_t next = 0;

  ThinFaultFixture() {
    options.directory = "/var/lib/pinaflux";
    options.lanes = {{.name = "history", .when_full = LaneOptions::WhenFull::thin}};
    start();
    // A pass is under way: what is thinned now joins what was thinned before.
    while (lane_state(0).records_shed < 2'000) {
      add_noise(0, next, kEach, kRecordBytes);
      commit();
      next += kEach;
    }
    before = disk.image();
    next += kMany;
  }
  ~ThinFaultFixture() { spool.reset(); }

  void start() {
    spool.reset();
    findings.clear();
    auto made = Spool::open(options, sim_files, clock, *random, findings, &vault);
    REQUIRE(made.has_value());
    spool = std::move(*made);
    for (const auto& finding : findings) FAIL_CHECK(finding);
  }
  void put_back() {
    spool.reset();
    disk.insert(before);
    start();
  }
  // A commit that thins, repeated until it is on disk. False: it made fewer writes than `nth`.
  bool commit_failing(std::uint64_t nth, sim::Fault::Kind kind) {
    const std::uint64_t faults = disk.counts().faults, shed = lane_state(0).records_shed;
    add_noise(0, next - kMany, kMany, kRecordBytes);
    disk.inject({.calls = sim::kWrite, .kind = kind, .skip = nth});
    while (!try_commit()) disk.clear_faults();
    disk.clear_faults();
    group.reset();
    leases.clear();
    CHECK(lane_state(0).records_shed > shed + kMany);
    return disk.counts().faults > faults;
  }
  // The start looks for holes and overlaps in the queue.
  void check_whole() {
    start();
    const LaneState state = lane_state(0);
    CHECK(state.next_seq == static_cast<std::uint64_t>(next) + 1);
    CHECK(state.records_queued + state.records_shed == static_cast<std::uint64_t>(next));
  }
  void check_drained() {
    FarEnd far;
    drain(*this, far, 0);
    const auto& lane = far.lanes[0];
    CHECK(lane.high == static_cast<std::uint64_t>(next));
    CHECK(lane.landed.size() + lane.lost.size() == static_cast<std::size_t>(next));
    const auto wrong = [&](const auto& landed) {
      return landed.second != static_cast<std::int64_t>(landed.first) - 1 ||
             lane.lost.contains(landed.first);
    };
    CHECK(std::ranges::count_if(lane.landed, wrong) == 0);
  }
};

}  // namespace

TEST_CASE_FIXTURE(ThinFaultFixture,
                  "a disk that is full at any write of a commit that thins costs no record that "
                  "is not declared") {
  int failed = 0;
  for (const auto kind : {sim::Fault::Kind::full, sim::Fault::Kind::short_write}) {
    for (std::uint64_t nth = 0;; nth += nth < kFirst ? 1 : kStride) {
      put_back();

      if (!commit_failing(nth, kind)) break;

      ++failed;
      check_whole();
      if (nth % 12 == 0) check_drained();
    }
  }
  MESSAGE(failed, " writes failed");
  CHECK(failed > 2 * static_cast<int>(kFirst));
}

}  // namespace pinaflux::spool_kit
