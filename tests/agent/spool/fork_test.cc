#include <algorithm>

#include "agent/spool/audit.h"
#include "agent/spool/purge.h"
#include "tests/agent/spool/queue_kit.h"

namespace pinaflux::spool_kit {

namespace {

struct ForkFixture : SpoolFixture {
  static constexpr LaneIndex kAlarm = 0, kBulk = 1, kOld = 2;  // kOld: bulk of the former epoch.

  FarEnd far;

  // Of `lane`, all that waits.
  std::vector<Lease> lease(LaneIndex lane) {
    wish.envelopes.fill(0);
    wish.envelopes[lane] = 8;
    commit();
    wish.envelopes.fill(0);
    return std::move(leases);
  }
  // Envelopes of ten records each, leased and lost.
  void seal(LaneIndex lane, int envelopes) {
    for (int i = 0; i < envelopes; ++i) {
      add(lane, static_cast<std::int64_t>(lane_state(lane).next_seq), 10);
      (void)lease(lane);
    }
    ++wish.round[lane];
  }
  void compared(const Lease& lease, const std::vector<Range>& known) {
    group.acks.push_back({lease.lane, lease.epoch, lease.range, lease.hash, known});
  }
  // As the agent does it: until nothing is left to be moved.
  void settle() {
    commit();
    while (spool->state().renumbering > 0) commit();
  }
  // The spool has forked and was opened again: bulk of before has `envelopes` of ten records.
  void fork(int envelopes) {
    open();
    seal(kBulk, envelopes);
    compared(lease(kBulk).front(), {});
    settle();
    REQUIRE(spool->state().forked);
    ++wish.round[kBulk];
    open();
    REQUIRE(spool->state().lanes.size() == 3);
  }
  std::vector<std::int64_t> landed(LaneIndex lane) {
    drain(*this, far, lane);
    wish.envelopes.fill(0);
    std::vector<std::int64_t> values;
    for (const auto& [seq, value] : far.lanes[lane].landed) values.push_back(value);
    return values;
  }
  void check_sound() {
    spool.reset();
    Audit audit(Audit::Form::none);
    answer(*view(*this), audit);
    for (const auto& finding : audit.report().findings) FAIL_CHECK(finding.what);
  }
};

std::vector<std::int64_t> numbers(std::int64_t from, std::int64_t to) {
  std::vector<std::int64_t> all;
  for (; from <= to; ++from) all.push_back(from);
  return all;
}

}  // namespace

TEST_CASE_FIXTURE(ForkFixture, "another gateway's records under our numbers: a new epoch begins") {
  open();
  seal(kBulk, 2);
  const Epoch before = lane_state(kBulk).epoch;

  compared(lease(kBulk).front(), {});
  commit();

  CHECK(spool->state().forked);
  CHECK(lane_state(kBulk).records_queued ==
        20);  // Nothing moves before the stations have started again.
  open();
  CHECK(lane_state(kAlarm).epoch != before);
  CHECK(lane_state(kBulk).epoch == lane_state(kAlarm).epoch);
  CHECK(lane_state(kBulk).next_seq == 1);
  REQUIRE(spool->state().lanes.size() == 3);
  CHECK(lane_state(kOld).name == "bulk");
  CHECK(lane_state(kOld).epoch == before);
  CHECK(lane_state(kOld).records_queued == 20);
  CHECK_FALSE(spool->state().forked);
}

TEST_CASE_FIXTURE(ForkFixture,
                  "what is not known enters the lane of the new epoch, and what is known goes") {
  fork(3);
  add(kBulk, 1001, 5);
  commit();
  const auto leases = lease(kOld);
  REQUIRE(leases.size() == 3);

  compared(leases[0], {{1, 10}});
  compared(leases[1], {{11, 14}, {17, 17}});
  compared(leases[2], {});
  settle();

  CHECK(lane_state(kOld).records_queued == 0);
  CHECK(lane_state(kOld).acked == 30);
  auto expected = numbers(1001, 1005);
  for (const std::int64_t n : {15, 16, 18, 19, 20}) expected.push_back(n);
  for (const std::int64_t n : numbers(21, 30)) expected.push_back(n);
  CHECK(landed(kBulk) == expected);
  check_sound();
}

TEST_CASE_FIXTURE(ForkFixture,
                  "a row is moved once, whatever is said again, and not before the one in front") {
  fork(3);
  const auto leases = lease(kOld);

  compared(leases[2], {});
  compared(leases[2], {});
  settle();
  compared(leases[2], {});
  settle();

  CHECK(lane_state(kOld).records_queued == 20);
  CHECK(landed(kBulk) == numbers(21, 30));
  compared(leases[0], {});
  compared(leases[1], {});
  settle();
  CHECK(landed(kBulk) == std::vector<std::int64_t>{21, 22, 23, 24, 25, 26, 27, 28, 29, 30,
                                                   1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
                                                   11, 12, 13, 14, 15, 16, 17, 18, 19, 20});
  check_sound();
}

TEST_CASE_FIXTURE(ForkFixture,
                  "a row that leaves the middle of its lane raises the file's version") {
  options.key.clear();
  fork(3);
  CHECK(version() == 1);
  open();

  compared(lease(kOld)[2], {});
  settle();

  CHECK(version() == 3);
}

TEST_CASE_FIXTURE(ForkFixture, "what was named and not moved yet is named again after a restart") {
  fork(3);
  auto leases = lease(kOld);
  for (const Lease& lease : leases) compared(lease, {});
  commit();
  CHECK(spool->state().renumbering == 2);

  open();

  CHECK(lane_state(kOld).records_queued == 20);
  CHECK(spool->state().renumbering == 0);
  leases = lease(kOld);
  REQUIRE(leases.size() == 2);
  for (const Lease& lease : leases) compared(lease, {});
  settle();
  CHECK(landed(kBulk) == numbers(1, 30));
}

TEST_CASE_FIXTURE(ForkFixture, "an answer that names no row of ours is ignored") {
  fork(2);
  auto leases = lease(kOld);
  SUBCASE("another hash") { leases[0].hash[0] ^= 1; }
  SUBCASE("another range") { leases[0].range.first = 2; }
  SUBCASE("another epoch") { leases[0].epoch[0] ^= 1; }
  SUBCASE("what was never sealed") { leases[0].range = {21, 30}; }

  compared(leases[0], {});
  settle();

  CHECK(spool->state().acks_ignored == 1);
  CHECK(lane_state(kOld).records_queued == 20);
  CHECK(lane_state(kBulk).records_queued == 0);
}

TEST_CASE_FIXTURE(ForkFixture,
                  "a loss that the far end did not take is declared in the new epoch") {
  fork(3);
  Purge purge("bulk", std::nullopt, Purge::Form::json);
  answer(*spool, purge);
  const auto leases = lease(kOld);
  REQUIRE(leases.size() == 1);
  REQUIRE(OpenedLease(leases[0]).rows.empty());

  compared(leases[0], {{1, 10}});
  settle();
  add(kBulk, 1, 5);

  CHECK(landed(kBulk) == numbers(1, 5));
  CHECK(far.lanes[kBulk].lost.size() == 20);
  CHECK(far.lanes[kBulk].lost.begin()->second == "purged");
  CHECK(lane_state(kBulk).records_shed == 20);
  check_sound();
}

TEST_CASE_FIXTURE(
    ForkFixture,
    "a queue without an end finds its way into the new epoch while the spool is full") {
  options.lanes = {{.name = "alarm"}, {.name = "bulk"}};
  open();
  for (int i = 0; !spool->state().full; ++i) {
    add_noise(kBulk, i * 1000, 1000);
    commit();
  }
  const std::uint64_t records = lane_state(kBulk).records_queued;
  compared(lease(kBulk).front(), {});
  settle();
  open();

  std::uint64_t commits = 0;
  while (lane_state(kOld).records_queued > 0) {
    for (const Lease& lease : lease(kOld)) compared(lease, {});
    settle();
    CHECK(bytes_on_disk(options.directory) <= options.bytes_max);
    REQUIRE(++commits < 100'000);
  }

  CHECK(lane_state(kBulk).records_queued == records);
  CHECK(lane_state(kBulk).records_shed == 0);
  check_sound();
}

TEST_CASE_FIXTURE(ForkFixture,
                  "records of a lane that is not configured any more go to the last one") {
  fork(1);
  options.lanes = {{.name = "alarm"}, {.name = "rest"}};
  open();
  REQUIRE(lane_state(kOld).name == "bulk");

  compared(lease(kOld).front(), {});
  settle();

  CHECK(landed(kBulk) == numbers(1, 10));
}

TEST_CASE_FIXTURE(ForkFixture,
                  "what thinning kept is sent, and what it gave up is declared, in the new epoch") {
  options.lanes[1].when_full = LaneOptions::WhenFull::thin;
  open();
  std::int64_t next = 0;
  for (; lane_state(kBulk).records_shed == 0; next += 300) {
    add_noise(kBulk, next, 300);
    commit();
  }
  const LaneState before = lane_state(kBulk);
  const auto first = lease(kBulk);
  REQUIRE(OpenedLease(first.front()).header.every > 1);
  compared(first.front(), {});
  settle();
  open();

  while (lane_state(kOld).records_queued > 0) {
    for (const Lease& lease : lease(kOld)) compared(lease, {});
    settle();
  }

  const auto values = landed(kBulk);
  CHECK(std::ranges::is_sorted(values));
  CHECK(values.size() == before.records_queued);
  CHECK(values.size() + far.lanes[kBulk].lost.size() == static_cast<std::size_t>(next));
  check_sound();
}

}  // namespace pinaflux::spool_kit
