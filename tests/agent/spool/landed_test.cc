#include <algorithm>
#include <random>

#include "agent/spool/audit.h"
#include "agent/spool/purge.h"
#include "tests/agent/spool/queue_kit.h"

namespace pinaflux::spool_kit {

namespace {

using Order = LaneOptions::Order;
using Ranges = std::vector<Range>;

// A far end that takes envelopes in any order, and answers as the collector does.
struct AnyOrder {
  std::map<std::uint64_t, std::int64_t> landed;
  std::map<std::uint64_t, std::string> lost;
  std::map<std::uint64_t, Digest> ends;

  void take(const Lease& lease) {
    const OpenedLease opened(lease);
    const auto known = ends.find(lease.range.last);
    if (known != ends.end()) CHECK(known->second == lease.hash);
    ends[lease.range.last] = lease.hash;
    for (std::uint64_t seq = lease.range.first; seq <= lease.range.last; ++seq) {
      if (opened.rows.empty()) {
        lost[seq] = "lost";
      } else {
        landed[seq] = opened.rows[seq - lease.range.first].values[0].as_int64();
      }
    }
  }
  bool has(std::uint64_t seq) const { return landed.contains(seq) || lost.contains(seq); }
  // What has landed, as ranges with the hash of their end.
  std::vector<std::pair<Range, Digest>> ranges() const {
    std::vector<std::pair<Range, Digest>> all;
    for (const auto& [end, hash] : ends) {
      const std::uint64_t behind = all.empty() ? 0 : all.back().first.last;
      std::uint64_t first = end;
      while (first - 1 > behind && has(first - 1)) --first;
      if (!all.empty() && first - 1 == behind) {
        first = all.back().first.first;
        all.pop_back();
      }
      all.push_back({{first, end}, hash});
    }
    return all;
  }
};

struct LandedFixture : SpoolFixture {
  AnyOrder far;

  void open_lane(Order order, double share = 0.2) {
    options.lanes = {{.name = "normal", .order = order, .backlog_share = share}};
    open();
  }
  // Envelopes of ten records that were leased, and lost.
  void seal(int count) {
    for (int i = 0; i < count; ++i) {
      add(0, static_cast<std::int64_t>(lane_state(0).next_seq), 10);
      wish.envelopes[0] = 1;
      wish.sealed_only[0] = false;
      commit();
    }
    ++wish.round[0];
    wish.envelopes[0] = 0;
  }
  Ranges leased(std::uint16_t places, bool fresh = true) {
    wish.envelopes[0] = places;
    wish.sealed_only[0] = !fresh;
    commit();
    Ranges ranges;
    for (const Lease& lease : leases) ranges.push_back(lease.range);
    return ranges;
  }
  void ack_range(const Range& range) { group.acks.push_back({0, lane_state(0).epoch, range}); }
  void claim(const Range& range, const Digest& hash) {
    group.acks.push_back({0, lane_state(0).epoch, range, hash});
  }
  void purge() {
    Purge operation("normal", std::nullopt, Purge::Form::json);
    answer(*spool, operation);
  }
  void check_sound() {
    spool.reset();
    Audit audit(Audit::Form::none);
    answer(*view(*this), audit);
    for (const auto& finding : audit.report().findings) FAIL_CHECK(finding.what);
  }
};

}  // namespace

TEST_CASE_FIXTURE(LandedFixture, "a lane leases its oldest, its newest, or what comes in first") {
  Ranges expected;
  SUBCASE("oldest") {
    open_lane(Order::oldest);
    expected = {{1, 10}, {11, 20}, {21, 30}};
  }
  SUBCASE("newest") {
    open_lane(Order::newest);
    expected = {{41, 43}, {31, 40}, {21, 30}};
  }
  SUBCASE("live") {
    open_lane(Order::live);
    expected = {{41, 43}, {1, 10}, {11, 20}};
  }
  seal(4);
  add(0, 41, 3);

  CHECK(leased(3) == expected);
}

TEST_CASE_FIXTURE(LandedFixture, "what comes in waits for its batch while the backlog is sent") {
  open_lane(Order::newest);
  seal(2);
  add(0, 21, 3);
  CHECK(leased(1, false) == Ranges{{11, 20}});
  add(0, 24, 2);
  CHECK(leased(1, true) == Ranges{{21, 25}});
}

TEST_CASE_FIXTURE(LandedFixture,
                  "the backlog of a live lane has its share, saved up place by place") {
  open_lane(Order::live, 0.25);
  seal(8);
  int of_backlog = 0;
  for (int i = 0; i < 16; ++i) {
    add(0, static_cast<std::int64_t>(lane_state(0).next_seq), 1);
    for (const Range& range : leased(1)) of_backlog += range.last <= 80 ? 1 : 0;
  }
  CHECK(of_backlog == 4);
}

TEST_CASE_FIXTURE(
    LandedFixture,
    "of a link that what comes in would fill, the backlog gets its share of bytes within 5 %") {
  double share = 0;
  SUBCASE("5 %") { share = 0.05; }
  SUBCASE("20 %") { share = 0.2; }
  SUBCASE("50 %") { share = 0.5; }
  SUBCASE("80 %") { share = 0.8; }
  open_lane(Order::live, share);
  seal(300);
  const std::uint64_t backlog = lane_state(0).next_seq - 1;
  std::size_t of_backlog = 0, all = 0;
  for (int i = 0; i < 360; ++i) {
    add(0, static_cast<std::int64_t>(lane_state(0).next_seq), 10);
    wish.envelopes[0] = 1;
    wish.sealed_only[0] = false;
    commit();
    for (const Lease& lease : leases) {
      all += lease.bytes.size();
      if (lease.range.last <= backlog) of_backlog += lease.bytes.size();
    }
  }
  const double got = static_cast<double>(of_backlog) / static_cast<double>(all);
  MESSAGE("the backlog got " << got * 100 << " % of " << share * 100);
  CHECK(got > share * 0.95);
  CHECK(got < share * 1.05);
}

TEST_CASE_FIXTURE(LandedFixture, "a backlog without a share waits until there is nothing else") {
  open_lane(Order::live, 0.0);
  seal(2);
  add(0, 21, 1);
  CHECK(leased(1) == Ranges{{21, 21}});
  CHECK(leased(1) == Ranges{{1, 10}});
}

TEST_CASE_FIXTURE(LandedFixture, "what landed out of order is not kept, and not sent again") {
  open_lane(Order::newest);
  seal(4);

  ack_range({31, 40});
  commit();
  ack_range({11, 20});
  commit();
  ack_range({21, 30});
  commit();

  CHECK(lane_state(0).records_queued == 10);
  CHECK(lane_state(0).acked == 0);
  CHECK(lane_state(0).records_shed == 0);
  check_sound();
  open();
  CHECK(leased(4) == Ranges{{1, 10}});
  ack(0, 10);
  commit();
  CHECK(lane_state(0).acked == 40);
  CHECK(lane_state(0).records_queued == 0);
  check_sound();
}

TEST_CASE_FIXTURE(LandedFixture,
                  "an unproved ack is believed for the hash of an end, and only for it") {
  open_lane(Order::oldest);
  wish.envelopes[0] = 1;
  std::vector<Digest> hashes;
  for (int i = 0; i < 3; ++i) {
    add(0, i * 10, 10);
    commit();
    hashes.push_back(leases.at(0).hash);
  }

  claim({1, 20}, hashes[2]);
  claim({1, 15}, hashes[1]);
  claim({21, 30}, hashes[0]);
  claim({1, 31}, hashes[2]);
  commit();
  CHECK(lane_state(0).records_queued == 30);
  CHECK(spool->state().acks_ignored == 4);

  claim({21, 30}, hashes[2]);
  claim({1, 10}, hashes[0]);
  commit();
  CHECK(lane_state(0).records_queued == 10);
  CHECK(lane_state(0).acked == 10);
  CHECK(spool->state().acks_ignored == 4);
}

TEST_CASE_FIXTURE(LandedFixture, "an unproved ack for what a tombstone swallowed is passed over") {
  options.lanes = {{.name = "normal", .keep = Duration::seconds(60)}};
  open();
  seal(2);
  clock.advance(Duration::seconds(100));
  commit();
  CHECK(lane_state(0).records_shed == 20);

  claim({1, 10}, Digest{9});
  commit();

  CHECK(spool->state().acks_ignored == 0);
  CHECK(leased(2) == Ranges{{1, 20}});
}

TEST_CASE_FIXTURE(LandedFixture,
                  "the file says that it needs a version that knows rows out of order") {
  options.key.clear();
  open_lane(Order::oldest);
  CHECK(version() == 1);
  open_lane(Order::newest);
  seal(2);
  ack_range({11, 20});
  commit();
  CHECK(version() == 3);
  open_lane(Order::oldest);
  CHECK(version() == 3);
  open();
  ack(0, 10);
  commit();
  open();
  CHECK(version() == 1);
}

TEST_CASE_FIXTURE(LandedFixture,
                  "it says so, too, when a lane that sends its oldest first gets such a row") {
  options.key.clear();
  open_lane(Order::oldest);
  seal(3);
  CHECK(version() == 1);
  open();

  ack_range({21, 30});
  commit();

  CHECK(version() == 3);
  open();
  ack(0, 20);
  commit();
  CHECK(lane_state(0).acked == 30);
  open();
  CHECK(version() == 1);
}

TEST_CASE_FIXTURE(LandedFixture, "a tombstone of what was leased does not swallow what was not") {
  open_lane(Order::oldest);
  add(0, 1, 10);
  CHECK(leased(1) == Ranges{{1, 10}});
  purge();
  add(0, 11, 5);
  CHECK(leased(0).empty());
  purge();

  ack(0, 10);  // It had landed.

  CHECK(leased(1) == Ranges{{11, 15}});
  CHECK(lane_state(0).acked == 10);
}

// Whatever the order, the losses, the restarts and the acks: each record lands once or is declared lost.
TEST_CASE_FIXTURE(LandedFixture,
                  "any order, with losses, restarts and partial acks, lands everything") {
  std::uint64_t seed = 0;
  SUBCASE("") { seed = 1; }
  SUBCASE("") { seed = 2; }
  SUBCASE("") { seed = 3; }
  SUBCASE("") { seed = 4; }
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const auto rarely = [&](std::uint64_t n) { return random() % n == 0; };
  open_lane(Order::live);
  std::int64_t next = 1;
  for (int step = 0; step < 400; ++step) {
    const bool draining = step >= 300;
    if (!draining) {
      const int count = static_cast<int>(random() % 12);
      add(0, next, count);
      next += count;
    }
    for (const auto& [range, hash] : far.ranges()) {
      if (rarely(draining ? 1 : 3)) rarely(2) ? claim(range, hash) : ack_range(range);
    }
    if (rarely(draining ? 20 : 5)) ++wish.round[0];
    leased(static_cast<std::uint16_t>(random() % 4), !rarely(3));
    for (const Lease& lease : leases) {
      if (!rarely(4)) far.take(lease);
    }
    if (rarely(40)) {
      if (rarely(3)) check_sound();
      open_lane(static_cast<Order>(random() % 3));
    }
  }
  for (int i = 0; i < 40; ++i) {
    ++wish.round[0];
    for (const auto& [range, hash] : far.ranges()) ack_range(range);
    leased(4);
    for (const Lease& lease : leases) far.take(lease);
  }

  CHECK(lane_state(0).records_queued == 0);
  CHECK(lane_state(0).acked == static_cast<std::uint64_t>(next) - 1);
  CHECK(far.lost.empty());
  CHECK(far.landed.size() == static_cast<std::size_t>(next) - 1);
  for (const auto& [seq, n] : far.landed) CHECK(static_cast<std::int64_t>(seq) == n);
}

}  // namespace pinaflux::spool_kit
