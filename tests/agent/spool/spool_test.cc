#include "tests/agent/spool/spool_kit.h"

namespace pinaflux::spool_kit {

TEST_CASE_FIXTURE(SpoolFixture, "committed records are leased in order, whole, with their values") {
  open();
  add(0, 100, 3);
  add(1, 500, 5);
  wish.envelopes = {4, 4};

  commit();

  FarEnd far;
  far.take(leases);
  CHECK(leases.size() == 2);
  CHECK(far.lanes[0].landed == std::map<std::uint64_t, std::int64_t>{{1, 100}, {2, 101}, {3, 102}});
  CHECK(far.lanes[1].landed.size() == 5);
  CHECK(lane_state(0).next_seq == 4);
  CHECK(lane_state(0).records_queued == 3);
  CHECK(lane_state(0).oldest == Stamp::wall({100'000'000}));
}

TEST_CASE_FIXTURE(SpoolFixture, "an envelope is leased once until its lease is taken back") {
  open();
  add(0, 1, 3);
  wish.envelopes = {4};
  commit();
  const std::vector<Lease> first = leases;

  commit();
  CHECK(leases.empty());
  ++wish.round[0];
  commit();

  REQUIRE(leases.size() == 1);
  CHECK(leases[0].bytes == first[0].bytes);
  CHECK(leases[0].hash == first[0].hash);
}

TEST_CASE_FIXTURE(SpoolFixture, "an ack deletes what it covers and nothing else") {
  open();
  wish.envelopes = {4};
  for (int i = 0; i < 3; ++i) {
    add(0, i * 10, 10);
    commit();
  }

  ack(0, 20);
  commit();

  CHECK(lane_state(0).acked == 20);
  CHECK(lane_state(0).records_queued == 10);
  CHECK(lane_state(0).oldest == Stamp::wall({20'000'000}));
  ++wish.round[0];
  commit();
  REQUIRE(leases.size() == 1);
  CHECK(leases[0].range == Range{21, 30});
}

TEST_CASE_FIXTURE(SpoolFixture, "an ack inside an envelope deletes nothing of it") {
  open();
  add(0, 0, 10);
  wish.envelopes = {4};
  commit();

  ack(0, 7);
  commit();

  CHECK(lane_state(0).acked == 0);
  CHECK(lane_state(0).records_queued == 10);
}

TEST_CASE_FIXTURE(SpoolFixture,
                  "acks of another epoch, of no lane and beyond what was sealed are ignored") {
  open();
  add(0, 0, 10);
  wish.envelopes = {4};
  commit();
  wish.envelopes = {0};
  add(0, 10, 5);
  commit();
  Epoch other = lane_state(0).epoch;
  other[0] ^= 1;

  group.acks = {
      {0, other, {1, 10}}, {9, lane_state(0).epoch, {1, 10}}, {0, lane_state(0).epoch, {1, 15}}};
  commit();

  CHECK(lane_state(0).acked == 0);
  CHECK(lane_state(0).records_queued == 15);
  CHECK(spool->state().acks_ignored == 3);
}

TEST_CASE_FIXTURE(SpoolFixture,
                  "without a place records wait as chunks and are merged for the next one") {
  open();
  for (int i = 0; i < 50; ++i) {
    add(0, i * 10, 10);
    commit();
    CHECK(leases.empty());
  }

  wish.envelopes = {1};
  add(0, 500, 3);
  commit();

  REQUIRE(leases.size() == 1);
  CHECK(leases[0].range == Range{1, 503});
  FarEnd far;
  far.take(leases);
  for (const auto& [seq, n] : far.lanes[0].landed) CHECK(n == static_cast<std::int64_t>(seq) - 1);
  CHECK(lane_state(0).records_queued == 503);
}

TEST_CASE_FIXTURE(SpoolFixture,
                  "a backlog becomes dense envelopes that are leased as there are places") {
  open();
  constexpr int kCommits = 60, kEach = 10;
  for (int i = 0; i < kCommits; ++i) {
    add_noise(0, i * kEach, kEach);
    commit();
  }
  FarEnd far;
  std::size_t envelopes = 0;

  for (wish.envelopes = {2}; far.lanes[0].high < kCommits * kEach;) {
    commit();
    REQUIRE(!leases.empty());
    CHECK(leases.size() <= 2);
    envelopes += leases.size();
    far.take(leases);
    ack(0, far.lanes[0].high);
  }
  commit();

  CHECK(envelopes <= kCommits * kEach * 1000 / (limits::kEnvelopeBytesMax / 2) + 1);
  CHECK(far.lanes[0].landed.size() == kCommits * kEach);
  CHECK(lane_state(0).records_queued == 0);
  CHECK(lane_state(0).bytes_queued == 0);
  CHECK(lane_state(0).oldest == Stamp{});
}

TEST_CASE_FIXTURE(SpoolFixture, "a full group is an envelope of its own, written once") {
  constexpr int kFull = static_cast<int>(limits::kGroupRecordsFull);
  open();
  add(0, 0, kFull);
  commit();
  add(0, kFull, 3);
  commit();

  wish.envelopes = {2};
  commit();

  REQUIRE(leases.size() == 2);
  CHECK(leases[0].range == Range{1, kFull});
  CHECK(leases[1].range == Range{kFull + 1, kFull + 3});
}

TEST_CASE_FIXTURE(SpoolFixture, "a group larger than an envelope is cut into full ones") {
  open();
  add_noise(0, 0, 1000);
  wish.envelopes = {3};

  commit();

  CHECK(leases.size() == 3);
  for (const Lease& lease : leases) CHECK(lease.bytes.size() <= limits::kEnvelopeBytesMax);
  FarEnd far;
  while (!leases.empty()) {
    far.take(leases);
    commit();
  }
  CHECK(far.lanes[0].landed.size() == 1000);
}

TEST_CASE_FIXTURE(SpoolFixture,
                  "a restart continues the sequence, the chain, the cursors and the state") {
  open();
  FarEnd far;
  wish.envelopes = {1};
  add(0, 0, 4);
  group.cursors = {{0, "position", {1, 2, 3}, false}, {1, "gone", {9}, false}};
  group.states = {{"pipeline/flow", {4, 5}}, {"pipeline/old", {6}}};
  commit();
  far.take(leases);
  add(0, 4, 4);
  wish.envelopes = {0};
  group.cursors = {{1, "gone", {}, true}};
  group.states = {{"pipeline/old", {}}};
  commit();
  const Epoch epoch = lane_state(0).epoch;

  open();

  CHECK(findings.empty());
  CHECK(lane_state(0).epoch == epoch);
  CHECK(lane_state(0).next_seq == 9);
  CHECK(lane_state(0).records_queued == 8);
  const auto cursors = spool->cursors();
  REQUIRE(cursors.size() == 1);
  CHECK(cursors[0].first == "boiler");
  CHECK(cursors[0].second == decltype(cursors[0].second){{"position", {1, 2, 3}}});
  REQUIRE(spool->states().size() == 1);
  CHECK(spool->states()[0].value == Buffer{4, 5});
  ack(0, 4);
  wish.envelopes = {1};
  add(0, 8, 2);
  commit();
  far.take(leases);
  CHECK(far.lanes[0].landed.size() == 10);
}

TEST_CASE_FIXTURE(SpoolFixture, "every refusal is a dead letter; a flood of one kind is folded") {
  open();
  for (std::uint32_t i = 0; i < 1000; ++i) {
    group.refusals.push_back({0, Reason::malformed, 10, i, i});
  }
  group.refusals.push_back({1, Reason::too_large, 70'000, 1, 0});

  commit();

  CHECK(spool->state().dead_letters == 1001);
  open();
  CHECK(spool->state().dead_letters == 1001);
}

TEST_CASE_FIXTURE(SpoolFixture, "dead letters keep their budget") {
  open();
  for (int c = 0; c < 400; ++c) {
    for (std::uint32_t i = 0; i < 16; ++i)
      group.refusals.push_back({0, Reason::malformed, 10, i, i});
    commit();
  }
  CHECK(spool->state().dead_letters < 400 * 16);
  CHECK(spool->state().dead_letters > 1000);
}

}  // namespace pinaflux::spool_kit
