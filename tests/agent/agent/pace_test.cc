#include "agent/agent/pace.h"

#include <doctest/doctest.h>

namespace pinaflux {
namespace {

constexpr Instant at(std::int64_t ms) { return Instant{ms * 1'000'000}; }

struct PaceFixture {
  Pace pace{{}};
  LeaseWish none;
  LeaseWish two_places = [] {
    LeaseWish w;
    w.envelopes[0] = 2;
    return w;
  }();
  Pace::Group empty{true, false, false};
  Pace::Group some{false, false, false};
  Pace::Group full{false, true, false};
  Pace::Group stalled{false, false, true};

  // The lane has been asked at `now` and had nothing.
  void drained(Instant now) {
    pace.asked(two_places, now);
    pace.leased(0, two_places, 0, false);
  }
};

TEST_CASE_FIXTURE(PaceFixture, "a group waits for its age") {
  CHECK_FALSE(pace.commit_now(some, none, at(100)));
  CHECK_FALSE(pace.commit_now(some, none, at(1099)));
  CHECK(pace.commit_now(some, none, at(1100)));
}

TEST_CASE_FIXTURE(PaceFixture, "a full group does not wait") {
  CHECK(pace.commit_now(full, none, at(0)));
}

TEST_CASE_FIXTURE(PaceFixture, "a group that every source waits for is committed soon") {
  CHECK_FALSE(pace.commit_now(stalled, none, at(0)));
  CHECK(pace.commit_now(stalled, none, at(0) + limits::kCommitStall));
}

TEST_CASE_FIXTURE(PaceFixture, "an empty group is never due, and its age begins with its content") {
  CHECK_FALSE(pace.commit_now(empty, none, at(0)));
  CHECK_FALSE(pace.commit_now(empty, none, at(5000)));
  CHECK_FALSE(pace.commit_now(some, none, at(5500)));
  CHECK_FALSE(pace.commit_now(some, none, at(6499)));
  CHECK(pace.commit_now(some, none, at(6500)));
}

TEST_CASE_FIXTURE(PaceFixture, "what was queued before the start is asked for at once") {
  const LeaseWish wish = pace.lease_now(two_places, empty, at(0));
  CHECK(wish.envelopes[0] == 2);
  CHECK(pace.commit_now(empty, wish, at(0)));
}

TEST_CASE_FIXTURE(PaceFixture, "a live lane is asked once a batch age") {
  drained(at(0));
  pace.leased(0, none, 0, true);  // Committed as a chunk by an early commit.
  CHECK(pace.lease_now(two_places, empty, at(500)).envelopes[0] == 0);
  const LeaseWish wish = pace.lease_now(two_places, empty, at(1000));
  CHECK(wish.envelopes[0] == 2);
  CHECK(pace.commit_now(empty, wish, at(1000)));
  CHECK(pace.next(two_places, empty) == at(1000));
}

TEST_CASE_FIXTURE(PaceFixture, "an empty lane is not asked, and nothing is due") {
  drained(at(0));
  const LeaseWish wish = pace.lease_now(two_places, empty, at(5000));
  CHECK(wish.envelopes[0] == 0);
  CHECK_FALSE(pace.commit_now(empty, wish, at(5000)));
  CHECK(pace.next(two_places, empty) == Instant::never());
}

TEST_CASE_FIXTURE(PaceFixture,
                  "a wish granted in full is repeated at once: there may be a backlog") {
  pace.asked(two_places, at(0));
  pace.leased(0, two_places, 2, false);
  CHECK(pace.lease_now(two_places, empty, at(1)).envelopes[0] == 2);
}

TEST_CASE_FIXTURE(PaceFixture, "lost leases are asked for again at once") {
  drained(at(0));
  pace.lost(0);
  CHECK(pace.lease_now(two_places, empty, at(1)).envelopes[0] == 2);
}

TEST_CASE_FIXTURE(PaceFixture, "leases lost while a wish is under way are asked for after it") {
  pace.asked(two_places, at(0));
  pace.lost(0);
  pace.leased(0, two_places, 0,
              false);  // Nothing new was there: what was lost is still called leased.
  CHECK(pace.lease_now(two_places, empty, at(1)).envelopes[0] == 2);
  pace.asked(two_places, at(1));
  pace.leased(0, two_places, 0, false);
  CHECK(pace.lease_now(two_places, empty, at(2)).envelopes[0] == 0);
}

TEST_CASE_FIXTURE(PaceFixture, "beside a backlog, what comes in is sealed once a batch age") {
  pace.asked(two_places, at(0));
  pace.leased(0, two_places, 2, true);
  const LeaseWish early = pace.lease_now(two_places, some, at(1));
  CHECK(early.envelopes[0] == 2);
  CHECK(early.sealed_only[0]);
  pace.asked(early, at(1));
  pace.leased(0, early, 0, true);  // What was sealed is leased: what came in is not sealed yet.

  CHECK(pace.lease_now(two_places, empty, at(999)).envelopes[0] == 0);
  const LeaseWish due = pace.lease_now(two_places, empty, at(1000));
  CHECK(due.envelopes[0] == 2);
  CHECK_FALSE(due.sealed_only[0]);
}

TEST_CASE_FIXTURE(PaceFixture, "a lane with a backlog does not keep another from its turn") {
  LeaseWish places = two_places;
  places.envelopes[1] = 1;
  drained(at(0));
  pace.leased(1, places, 0, false);
  pace.leased(1, none, 0, true);
  pace.lost(0);
  for (std::int64_t ms = 1; ms < 1000; ++ms) {
    const LeaseWish wish = pace.lease_now(places, empty, at(ms));
    REQUIRE(wish.envelopes[0] == 2);
    REQUIRE(wish.envelopes[1] == 0);
    pace.asked(wish, at(ms));
    pace.leased(0, wish, 2, false);
  }
  CHECK(pace.lease_now(places, empty, at(1000)).envelopes[1] == 1);
}

TEST_CASE_FIXTURE(PaceFixture, "lanes that leave by another way have a batch age of their own") {
  Pace two{{.batch_ages = {Duration::seconds(1), Duration::seconds(60)}, .way_of_lane = {0, 1}}};
  LeaseWish places = two_places;
  places.envelopes[1] = 2;
  two.asked(places, at(0));
  for (LaneIndex lane = 0; lane < 2; ++lane) {
    two.leased(lane, places, 0, false);
    two.leased(lane, none, 0, true);
  }

  CHECK(two.next(places, empty) == at(1000));
  const LeaseWish first = two.lease_now(places, empty, at(1000));
  CHECK(first.envelopes[0] == 2);
  CHECK(first.envelopes[1] == 0);
  CHECK(first.sealed_only[1]);
  two.asked(first, at(1000));
  two.leased(0, first, 0, false);
  CHECK(two.next(places, empty) == at(60'000));
  CHECK(two.lease_now(places, empty, at(60'000)).envelopes[1] == 2);
}

TEST_CASE_FIXTURE(PaceFixture, "what the far end can take of a batch is passed on") {
  two_places.bytes_max[0] = 4'096;
  CHECK(pace.lease_now(two_places, empty, at(0)).bytes_max[0] == 4'096);
}

TEST_CASE_FIXTURE(PaceFixture, "without a free place nothing is asked for") {
  CHECK(pace.lease_now(none, some, at(9000)).envelopes[0] == 0);
  CHECK(pace.next(none, empty) == Instant::never());
}

}  // namespace
}  // namespace pinaflux
