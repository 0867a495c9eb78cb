#include "agent/spool/split.h"

#include <algorithm>
#include <functional>
#include <set>

#include "agent/spool/audit.h"
#include "agent/spool/schema.h"
#include "tests/agent/spool/letters_kit.h"
#include "tests/agent/spool/queue_kit.h"

namespace pinaflux::spool_kit {

namespace {

// A far end that cannot take the records of which `n` is poison, nor an envelope with one of them.
struct SplitFixture : LettersFixture {
  FarEnd far;
  std::set<std::int64_t> poison;
  std::size_t refusals = 0;

  bool holds_poison(const Lease& lease) const {
    const OpenedLease opened(lease);
    return std::ranges::any_of(
        opened.rows, [&](const Row& row) { return poison.contains(row.values[0].as_int64()); });
  }
  void refuse(const Lease& lease) {
    ++refusals;
    group.acks.push_back({.lane = lease.lane,
                          .epoch = lease.epoch,
                          .range = lease.range,
                          .unproved = lease.hash,
                          .refused = "refused_by_database"});
    ++wish.round[lease.lane];
  }
  // Sends, lands and refuses until the lane is empty. What stands behind a refused one is sent again.
  void deliver(LaneIndex lane = 0) {
    wish.envelopes.fill(0);
    wish.envelopes[lane] = 4;
    for (int turn = 0; turn < 2'000; ++turn) {
      commit();
      if (leases.empty() && lane_state(lane).records_queued == 0) return;
      for (const Lease& lease : leases) {
        if (holds_poison(lease)) {
          refuse(lease);
          break;
        }
        far.take(lease);
      }
      ack(lane, far.lanes[lane].high);
    }
    FAIL("the lane waits for ever");
  }
  void check_sound() {
    spool.reset();
    Audit audit(Audit::Form::none);
    answer(*view(*this), audit);
    for (const auto& finding : audit.report().findings) FAIL_CHECK(finding.what);
    open();
  }
  // Every record landed but the poison, which is declared and kept.
  void check_delivered(std::int64_t count, std::uint64_t every = 1, LaneIndex lane = 0) {
    const FarEnd::Lane& its = far.lanes[lane];
    CHECK(its.high == static_cast<std::uint64_t>(count));
    for (std::int64_t n = 0; n < count; ++n) {
      const auto seq = static_cast<std::uint64_t>(n + 1);
      if (seq % every != 0) continue;
      CHECK(its.landed.contains(seq) == !poison.contains(n));
      if (poison.contains(n)) CHECK(its.lost.at(seq) == "undeliverable");
    }
    std::multiset<std::int64_t> kept;
    for (const HeldLetter& held : read().held) {
      CHECK(held.letter.reason == "undeliverable");
      CHECK(held.letter.node == "refused_by_database");
      CHECK(held.letter.lane == options.lanes[lane].name);
      Shapes its_shapes;
      Arena arena(limits::kOpenedBytesMax);
      std::vector<Row> rows;
      REQUIRE(Opener().open_body(held.body, its_shapes, arena, rows).has_value());
      REQUIRE(rows.size() == 1);
      kept.insert(rows[0].values[0].as_int64());
    }
    CHECK(std::ranges::equal(kept, poison));
  }
};

}  // namespace

TEST_CASE_FIXTURE(SplitFixture, "one poisoned record among many: found, given up, nothing else") {
  open();
  add(0, 0, 1000);
  commit();
  std::int64_t at = 0;
  SUBCASE("the first") {}
  SUBCASE("the last") { at = 999; }
  SUBCASE("in the midst") { at = 437; }
  poison = {at};

  deliver();

  check_delivered(1000);
  CHECK(refusals <= 11);
  CHECK(lane_state(0).records_shed == 1);
  CHECK(lane_state(0).bytes_queued == 0);
}

TEST_CASE_FIXTURE(SplitFixture, "many poisoned records, neighbours among them") {
  open();
  for (int i = 0; i < 5; ++i) {
    add(0, i * 200, 200);
    commit();
  }
  poison = {0, 1, 2, 199, 200, 201, 500, 998, 999};

  deliver();

  check_delivered(1000);
}

TEST_CASE_FIXTURE(SplitFixture, "a lane of one poisoned record is empty afterwards") {
  open();
  add(0, 0, 1);
  commit();
  poison = {0};
  deliver();
  check_delivered(1);
}

TEST_CASE_FIXTURE(SplitFixture, "halfway, the queue is sound, and goes on after a restart") {
  open();
  add(0, 0, 400);
  commit();
  poison = {250};
  wish.envelopes[0] = 4;
  for (int turn = 0; turn < 4; ++turn) {
    commit();
    const auto bad = std::ranges::find_if(leases, [&](const Lease& l) { return holds_poison(l); });
    REQUIRE(bad != leases.end());
    refuse(*bad);
    commit();
    const std::uint64_t bytes = lane_state(0).bytes_queued;
    check_sound();
    CHECK(lane_state(0).bytes_queued == bytes);
    CHECK(lane_state(0).records_queued == 400);
    CHECK(version() == schema::kVersionSplit);
    open();
  }
  deliver();
  check_delivered(400);
  open();
  CHECK(version() < schema::kVersionSplit);
}

TEST_CASE_FIXTURE(SplitFixture, "envelopes sealed behind one that is split still follow on it") {
  open();
  wish.envelopes[0] = 1;
  for (int i = 0; i < 6; ++i) {
    add(0, i * 50, 50);
    commit();
    if (i % 2 == 0) check_sound();
  }
  poison = {10, 60, 299};
  ++wish.round[0];
  deliver();
  check_delivered(300);
}

TEST_CASE_FIXTURE(SplitFixture, "a refusal that names nothing of ours changes nothing") {
  open();
  add(0, 0, 100);
  wish.envelopes[0] = 1;
  commit();
  const Lease lease = leases.at(0);
  Lease other = lease;
  SUBCASE("another hash") { other.hash[0] ^= 1; }
  SUBCASE("another range") { other.range.last -= 1; }
  SUBCASE("another epoch") { other.epoch[0] ^= 1; }
  SUBCASE("a lane that is not there") { other.lane = 9; }
  SUBCASE("not sent yet") { other.range = {101, 200}; }
  const std::uint64_t ignored = spool->state().acks_ignored;
  refuse(other);
  commit();
  CHECK(spool->state().acks_ignored == ignored + 1);
  ++wish.round[0];
  commit();
  REQUIRE(leases.size() == 1);
  CHECK(leases[0].bytes == lease.bytes);
}

TEST_CASE_FIXTURE(SplitFixture, "what was split stays as it was made when it is sent again") {
  open();
  add(0, 0, 100);
  wish.envelopes[0] = 1;
  commit();
  refuse(leases.at(0));
  wish.envelopes[0] = 2;
  commit();
  const std::vector<Lease> parts = leases;
  REQUIRE(parts.size() == 2);
  CHECK(parts[0].records == 50);
  ++wish.round[0];
  open();
  commit();
  REQUIRE(leases.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) CHECK(leases[i].bytes == parts[i].bytes);
}

TEST_CASE_FIXTURE(SplitFixture, "a thinned envelope is split, too") {
  options.lanes = {{.name = "history", .when_full = LaneOptions::WhenFull::thin}};
  open();
  std::int64_t next = 0;
  while (lane_state(0).records_shed == 0) {
    add_noise(0, next, 300);
    commit();
    next += 300;
  }
  poison = {401, 403};

  deliver();

  const FarEnd::Lane& lane = far.lanes[0];
  CHECK(lane.high == static_cast<std::uint64_t>(next));
  CHECK(lane.landed.size() + lane.lost.size() == static_cast<std::size_t>(next));
  for (const std::uint64_t seq : {402u, 404u}) {
    CHECK_FALSE(lane.landed.contains(seq));
    CHECK(lane.lost.at(seq) == "undeliverable");
  }
  CHECK(read().held.size() == 2);
}

TEST_CASE_FIXTURE(SplitFixture,
                  "what has no room for a word more stays whole, and everything else goes on") {
  // The largest that still is one envelope: its last part would have to name the chain, too.
  for (std::size_t bytes = 119'900;; bytes -= 10) {
    std::filesystem::remove_all(options.directory);
    open();
    wish.envelopes[0] = 2;
    noise = 88172645463325252ull;
    add(0, 0, 5);
    add_noise(0, 5, 1, bytes);
    commit();
    if (leases.size() == 1 && leases[0].records == 6) break;
    spool.reset();
    REQUIRE(bytes > 110'000);
  }
  const Buffer whole = leases[0].bytes;
  const std::uint64_t ignored = spool->state().acks_ignored;
  refuse(leases[0]);
  add(1, 0, 3);
  commit();
  CHECK(spool->state().acks_ignored == ignored + 1);
  REQUIRE(leases.size() == 1);
  CHECK(leases[0].bytes == whole);
  CHECK(lane_state(1).records_queued == 3);
  check_sound();
}

TEST_CASE_FIXTURE(SplitFixture, "a full spool splits what it holds, and drains") {
  open();
  std::int64_t next = 0;
  while (!spool->state().full) {
    add_noise(0, next, 100, 5'000);
    next += 100;
    leases.clear();
    if (!try_commit()) break;
    group.reset();
  }
  const auto held = static_cast<std::int64_t>(lane_state(0).records_queued);
  group.reset();
  poison = {50, held / 2};
  deliver();
  check_delivered(held);
}

}  // namespace pinaflux::spool_kit
