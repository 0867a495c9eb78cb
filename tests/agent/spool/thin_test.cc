#include "agent/spool/thin.h"

#include <algorithm>

#include "agent/spool/adopt.h"
#include "agent/spool/audit.h"
#include "agent/spool/export.h"
#include "tests/agent/spool/queue_kit.h"

namespace pinaflux::spool_kit {

namespace {

struct ThinFixture : SpoolFixture {
  FarEnd far;
  std::int64_t next = 0;

  ThinFixture() { options.lanes = {{.name = "history", .when_full = LaneOptions::WhenFull::thin}}; }

  void fill(int groups, std::size_t record_bytes = 1000) {
    for (int i = 0; i < groups; ++i) {
      add_noise(0, next, 300, record_bytes);
      commit();
      next += 300;
    }
  }
  void fill_until_thinned() {
    while (lane_state(0).records_shed == 0) fill(1);
  }
  void check_sound() {
    spool.reset();
    Audit audit(Audit::Form::none);
    answer(*view(*this), audit);
    for (const auto& finding : audit.report().findings) FAIL_CHECK(finding.what);
  }
  // Every record is here as it was given, or declared, and never both.
  void check_accounted(const char* reason = "thinned") {
    const FarEnd::Lane& lane = far.lanes[0];
    CHECK(lane.high == static_cast<std::uint64_t>(next));
    CHECK(lane.landed.size() + lane.lost.size() == static_cast<std::size_t>(next));
    for (const auto& [seq, value] : lane.landed) {
      REQUIRE(value == static_cast<std::int64_t>(seq) - 1);
      REQUIRE(!lane.lost.contains(seq));
    }
    for (const auto& [seq, why] : lane.lost) REQUIRE(why == reason);
  }
  std::uint64_t widest_gap() {
    std::uint64_t widest = 0, before = 0;
    for (const auto& [seq, value] : far.lanes[0].landed) {
      widest = std::max(widest, seq - before);
      before = seq;
    }
    return widest;
  }
};

}  // namespace

TEST_CASE_FIXTURE(ThinFixture,
                  "a lane that thins takes everything and keeps a coarser picture of all of it") {
  open();
  for (int i = 0; i < 120; ++i) {
    fill(1);
    CHECK(!spool->state().full);
    REQUIRE(bytes_on_disk(options.directory) <= options.bytes_max);
    if (i == 60) open();
  }
  const LaneState state = lane_state(0);
  CHECK(state.records_shed + state.records_queued == static_cast<std::uint64_t>(next));
  check_sound();
  open();
  CHECK(lane_state(0).records_queued == state.records_queued);
  CHECK(lane_state(0).bytes_queued == state.bytes_queued);

  drain(*this, far, 0);

  check_accounted();
  CHECK(far.lanes[0].landed.size() == state.records_queued);
  CHECK(widest_gap() == 4);
  CHECK(far.lanes[0].landed.begin()->first <= 4);
}

TEST_CASE_FIXTURE(ThinFixture,
                  "what thinning leaves is joined into envelopes that are full again") {
  open();
  fill(150);
  const LaneState state = lane_state(0);
  const auto rows = static_cast<std::uint64_t>(number("SELECT count(*) FROM queue"));
  CHECK(number("SELECT max(loss) FROM queue WHERE kind&255=0") >= 8);

  CHECK(state.bytes_queued / rows > 50'000);
}

TEST_CASE_FIXTURE(ThinFixture, "at the end of thinning the oldest are evicted") {
  open();
  wish.envelopes[0] = 0;
  // Each fills more than half an envelope: after the first pass nothing is left to be thinned.
  while (lane_state(0).records_shed < 150 && next < 1'000) {
    add_noise(0, next++, 1, 100'000);
    commit();
  }

  drain(*this, far, 0);

  const auto& lane = far.lanes[0];
  CHECK(lane.high == static_cast<std::uint64_t>(next));
  CHECK(lane.landed.size() + lane.lost.size() == static_cast<std::size_t>(next));
  CHECK(lane.landed.rbegin()->first == static_cast<std::uint64_t>(next));
}

TEST_CASE_FIXTURE(ThinFixture,
                  "groups larger than what one transaction may thin stay within the bound") {
  open();
  for (int i = 0; i < 12; ++i) {
    fill(1, 12'000);
    REQUIRE(bytes_on_disk(options.directory) <= options.bytes_max);
  }

  drain(*this, far, 0);

  const auto& lane = far.lanes[0];
  CHECK(lane.high == static_cast<std::uint64_t>(next));
  CHECK(lane.landed.size() + lane.lost.size() == static_cast<std::size_t>(next));
  const auto evicted = [](const auto& lost) { return lost.second == "evicted"; };
  CHECK(std::ranges::count_if(lane.lost, evicted) > 0);
}

TEST_CASE_FIXTURE(ThinFixture, "what is leased stays as it was sent") {
  open();
  fill(3);
  wish.envelopes[0] = 2;
  commit();
  const std::vector<Lease> sent = leases;
  REQUIRE(sent.size() == 2);
  wish.envelopes[0] = 0;

  while (lane_state(0).records_shed < 6'000) fill(1);
  ++wish.round[0];
  drain(*this, far, 0);

  check_accounted();
  for (std::uint64_t seq = 1; seq <= sent[1].range.last; ++seq) {
    REQUIRE(far.lanes[0].landed.contains(seq));
  }
}

TEST_CASE_FIXTURE(
    ThinFixture,
    "an ack for what was sent before it was thinned takes nothing away that has not arrived") {
  open();
  fill(3);
  wish.envelopes[0] = 3;
  commit();
  const std::vector<Lease> sent = leases;
  REQUIRE(sent.size() == 3);
  wish.envelopes[0] = 0;
  ++wish.round[0];
  const auto front = [&] {
    const std::int64_t count = number("SELECT count FROM queue ORDER BY id LIMIT 1");
    open();
    return static_cast<std::uint64_t>(count);
  };
  for (int i = 0; front() == sent[0].range.count(); ++i) {
    REQUIRE(i < 50);
    fill(5);
  }

  group.acks.push_back({0, sent[0].epoch, {1, sent[0].range.last}, sent[0].hash});
  commit();

  CHECK(spool->state().acks_ignored == 0);
  CHECK(lane_state(0).acked == 0);
  drain(*this, far, 0);
  check_accounted();
}

TEST_CASE_FIXTURE(ThinFixture,
                  "when all that was thinned has left, a new outage begins with full density") {
  open();
  while (lane_state(0).records_shed < 12'000) fill(1);
  drain(*this, far, 0);
  wish.envelopes[0] = 0;
  const std::uint64_t shed = lane_state(0).records_shed;

  while (lane_state(0).records_shed == shed) fill(1);

  CHECK(number("SELECT max(loss) FROM queue WHERE kind&255=0") == 2);
}

TEST_CASE_FIXTURE(ThinFixture, "a lane that holds displaces records of one that thins") {
  options.lanes.insert(options.lanes.begin(), {.name = "alarm"});
  open();
  for (int i = 0; i < 25; ++i) {
    add_noise(1, i * 300, 300);
    commit();
  }

  for (int i = 0; i < 20; ++i) {
    add_noise(0, i * 300, 300);
    commit();
  }

  CHECK(lane_state(0).records_queued == 6'000);
  CHECK(lane_state(0).records_shed == 0);
  CHECK(lane_state(1).records_shed > 0);
  drain(*this, far, 1);
  CHECK(far.lanes[1].landed.size() + far.lanes[1].lost.size() == 7'500);
}

TEST_CASE_FIXTURE(ThinFixture,
                  "the file is version 4 as long as something may be thinned, or was") {
  open();
  const std::int64_t plain = options.key.empty() ? 1 : 2;
  CHECK(number("PRAGMA user_version") == 4);
  open();
  fill_until_thinned();
  options.lanes[0].when_full = LaneOptions::WhenFull::evict;
  open();
  CHECK(number("PRAGMA user_version") == 4);
  open();
  drain(*this, far, 0);
  open();
  CHECK(number("PRAGMA user_version") == plain);
  check_accounted();
}

TEST_CASE_FIXTURE(ThinFixture,
                  "an export of what was thinned is taken by the gateway's next spool") {
  open();
  fill_until_thinned();
  const std::string stick = directory.path() + "/a.export";
  Export operation({.gateway = "", .lane = "", .version = "1", .made_s = 1});
  REQUIRE(files.replace(stick, answer(*spool, operation)).has_value());
  const LaneState before = lane_state(0);
  spool.reset();
  options.directory = directory.path() + "/new";
  entropy = CountingEntropy(7);
  options.bytes_max *= 2;
  open();

  Adopt adopt(std::move(*ExportReader::open(files, stick)));
  std::ignore = answer(*spool, adopt);
  open();

  CHECK(lane_state(1).records_queued == before.records_queued);
  CHECK(lane_state(1).records_shed == before.records_shed);
  check_sound();
  open();
  drain(*this, far, 1);
  std::swap(far.lanes[0], far.lanes[1]);
  check_accounted();
}

TEST_CASE_FIXTURE(ThinFixture,
                  "a thinned envelope that does not open any more is declared damaged") {
  open();
  while (lane_state(0).records_shed < 5'000) fill(1);
  spool.reset();
  execute(*this,
          "UPDATE queue SET body=zeroblob(length(body)) WHERE id=(SELECT id FROM queue WHERE "
          "kind&255=0 AND"
          " loss>1 ORDER BY id LIMIT 1 OFFSET 1)");
  open();

  drain(*this, far, 0);

  const auto& lane = far.lanes[0];
  CHECK(lane.high == static_cast<std::uint64_t>(next));
  CHECK(lane.landed.size() + lane.lost.size() == static_cast<std::size_t>(next));
  CHECK(std::ranges::count_if(lane.lost, [](const auto& l) { return l.second == "damaged"; }) > 0);
}

}  // namespace pinaflux::spool_kit
