#include <fstream>
#include <optional>

#include "agent/spool/damaged_file.h"
#include "agent/spool/sqlite.h"
#include "platform/base/random.h"
#include "tests/agent/spool/spool_kit.h"

namespace pinaflux::spool_kit {

namespace {

constexpr int kGroups = 40, kAlarms = 3, kBulk = 20;

struct SalvageFixture : SpoolFixture {
  struct Before {
    std::uint64_t acked = 0, last = 0;
    std::map<std::uint64_t, Buffer> sent;  // Envelopes by first seq, not acknowledged.
    std::uint64_t first_unsealed = 0;
  };
  std::map<std::string, Before> before;
  FarEnd far;

  // Envelopes that were sent, envelopes and chunks that were not, and cursors.
  void fill() {
    open();
    for (int k = 0; k < kGroups; ++k) {
      add(0, k * kAlarms, kAlarms);
      add_noise(1, k * kBulk, kBulk, 300);
      group.cursors = {{0, "position", {static_cast<std::uint8_t>(k)}, false}};
      group.states = {{"pipeline/dry/last", {static_cast<std::uint8_t>(k)}},
                      {"time/owed", {static_cast<std::uint8_t>(k)}},
                      {"uplink/budget", {static_cast<std::uint8_t>(k)}}};
      wish.envelopes.fill(k % 3 == 0 && k < kGroups / 2 ? 1 : 0);
      commit();
      keep(leases);
      if (k == 10) {
        ack(0, far.lanes[0].high);
        ack(1, far.lanes[1].high);
      }
    }
    for (const LaneState& lane : spool->state().lanes) {
      before[lane.name].acked = lane.acked;
      before[lane.name].last = lane.next_seq - 1;
    }
    spool.reset();
    // Closing has copied all of it into the database; left there, it would hide what is done to that.
    std::filesystem::remove(database() + "-wal");
  }
  void keep(const std::vector<Lease>& sent) {
    far.take(sent);
    for (const Lease& lease : sent) {
      before[options.lanes[lease.lane].name].sent[lease.range.first] = lease.bytes;
    }
  }

  std::string database() const { return options.directory + "/spool.db"; }

  void damage(const std::string& path, std::uint64_t offset, std::size_t bytes, Random& random) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(offset));
    std::string garbage(bytes, '\0');
    for (char& c : garbage) c = static_cast<char>(random.u64());
    file.write(garbage.data(), static_cast<std::streamsize>(bytes));
    REQUIRE(file.good());
  }

  // Everything of the lanes as they were before arrives or is declared, once, and with its values; the
  // envelopes that were sent before arrive as they were.
  std::uint64_t drain_and_count_losses() {
    for (int i = 0; i < 5; ++i) {
      if (const auto lost = drain()) return *lost;
      open();  // Damage that is found only when it is read.
    }
    FAIL("the spool stays damaged");
    return 0;
  }
  std::optional<std::uint64_t> drain() {
    std::uint64_t lost = 0;
    wish.envelopes.fill(4);
    FarEnd later;
    const auto lanes = spool->state().lanes;
    for (std::size_t i = 0; i < lanes.size(); ++i) {
      later.lanes[static_cast<LaneIndex>(i)].high = lanes[i].acked;
    }
    do {
      leases.clear();
      if (const Status done = try_commit(); !done) {
        REQUIRE(done.error().code == Code::corrupt);
        return std::nullopt;
      }
      for (const Lease& lease : leases) {
        const LaneState& lane = lanes.at(lease.lane);
        if (later.lanes[lease.lane].high == lane.acked) chain_from(later.lanes[lease.lane], lease);
        later.take(lease);
        const auto& sent = before[lane.name].sent;
        const auto same = sent.find(lease.range.first);
        const bool whole = Opener::header(lease.bytes)->count > 0;
        if (same != sent.end() && whole) CHECK(same->second == lease.bytes);
      }
    } while (!leases.empty());
    for (std::size_t i = 0; i < lanes.size(); ++i) {
      const auto& lane = later.lanes[static_cast<LaneIndex>(i)];
      for (const auto& [seq, n] : lane.landed) CHECK(n == static_cast<std::int64_t>(seq) - 1);
      for (const auto& [seq, reason] : lane.lost) CHECK(reason == "damaged");
      CHECK(lane.high == lanes[i].next_seq - 1);
      CHECK(lane.landed.size() + lane.lost.size() == lanes[i].next_seq - 1 - lanes[i].acked);
      lost += lane.lost.size();
    }
    return lost;
  }

 private:
  // What the far end had acknowledged is not sent again: its chain begins where this begins.
  static void chain_from(FarEnd::Lane& lane, const Lease& lease) {
    lane.chain = Opener::header(lease.bytes)->previous;
  }
};

}  // namespace

TEST_CASE_FIXTURE(SalvageFixture, "a queue whose first page is gone is sent whole all the same") {
  fill();
  Random random(1);
  damage(database(), 0, 1024, random);

  open();

  REQUIRE(findings.size() >= 2);
  CHECK(spool->state().lanes[0].next_seq == 1);
  REQUIRE(spool->state().lanes.size() == 4);
  CHECK(drain_and_count_losses() == 0);
  for (const LaneState& lane : spool->state().lanes) {
    if (!lane.configured) CHECK(lane.next_seq - 1 == before[lane.name].last);
  }
}

TEST_CASE_FIXTURE(SalvageFixture, "the damaged file is gone once everything of it has moved") {
  fill();
  Random random(2);
  damage(database(), 0, 100, random);
  open();

  for (const auto& name : *files.list(options.directory)) {
    CHECK_FALSE(name.starts_with("spool.db.damaged"));
  }
  open();

  CHECK(spool->state().lanes.size() == 4);
  CHECK(drain_and_count_losses() == 0);
}

TEST_CASE_FIXTURE(SalvageFixture,
                  "wherever pages are overwritten, each seq arrives once or is declared lost") {
  fill();
  const std::string kept = directory.path() + "/kept";
  std::filesystem::copy(options.directory, kept);
  int salvaged = 0;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    CAPTURE(seed);
    std::filesystem::remove_all(options.directory);
    std::filesystem::copy(kept, options.directory);
    Random random(seed);
    const std::uint64_t size = std::filesystem::file_size(database());
    for (std::uint64_t i = 0; i <= random.below(3); ++i) {
      damage(database(), random.below(size), 1 + random.below(3000), random);
    }

    open();

    const bool moved = spool->state().lanes.size() > 2;
    salvaged += moved ? 1 : 0;
    drain_and_count_losses();
  }
  CHECK(salvaged > 20);
}

TEST_CASE_FIXTURE(SalvageFixture,
                  "chunks go on in the chain of what was acknowledged before them") {
  open();
  add(0, 0, 5);
  wish.envelopes.fill(1);
  commit();
  REQUIRE(leases.size() == 1);
  const Digest acknowledged = leases[0].hash;
  ack(0, leases[0].range.last);
  add(0, 5, 5);
  wish.envelopes.fill(0);
  commit();
  spool.reset();
  std::filesystem::remove(database() + "-wal");
  Random random(1);
  damage(database(), 0, 256, random);

  open();

  wish.envelopes.fill(1);
  commit();
  REQUIRE(leases.size() == 1);
  CHECK(leases[0].range.first == 6);
  CHECK(Opener::header(leases[0].bytes)->previous == acknowledged);
}

// Free pages lie behind the rows of the notes: the first start cuts them off, and is cut off itself.
TEST_CASE_FIXTURE(SalvageFixture,
                  "the free pages stay known once an earlier start has cut them off") {
  fill();
  const std::string path = options.directory + "/spool.db.damaged";
  {
    auto raw = sqlite::Database::open({.path = database()});
    REQUIRE((*raw)->make_durable().has_value());
    REQUIRE((*raw)->execute("DELETE FROM queue").has_value());
    REQUIRE((*raw)->checkpoint(true).has_value());
  }
  std::filesystem::rename(database(), path);
  const auto whole = std::filesystem::file_size(path);
  REQUIRE((*DamagedFile::open(files, path))->knows_free());
  REQUIRE(std::filesystem::file_size(path) < whole);

  auto again = DamagedFile::open(files, path);

  CHECK((*again)->knows_free());
  again->reset();
  std::filesystem::resize_file(path,
                               std::filesystem::file_size(path) - 1024);  // Of what is in use.
  CHECK_FALSE((*DamagedFile::open(files, path))->knows_free());
}

TEST_CASE_FIXTURE(SalvageFixture,
                  "without the free list, chunks count if none can have been sealed") {
  bool sealed = false, whole = false;
  std::uint64_t lost = 0;
  SUBCASE("the lane has never sealed anything") { lost = 4; }
  SUBCASE("they hold all that was not sealed") { sealed = whole = true; }
  SUBCASE("something is missing that could have been sealed with them") {
    sealed = true;
    lost = 7;
  }
  open();
  if (sealed) {
    add(0, 0, 2);
    wish.envelopes.fill(1);
    commit();
    ack(0, 2);
    wish.envelopes.fill(0);
  }
  const int first = sealed ? 2 : 0;
  add(0, first, 3);
  commit();
  add(0, first + 3, 4);
  commit();
  spool.reset();
  {
    auto raw = sqlite::Database::open({.path = database()});
    REQUIRE((*raw)->make_durable().has_value());
    const char* last = "DELETE FROM queue WHERE id=(SELECT max(id) FROM queue)";
    if (!whole) REQUIRE((*raw)->execute(last).has_value());
    REQUIRE((*raw)->execute("VACUUM").has_value());
    REQUIRE((*raw)->checkpoint(true).has_value());
  }
  std::filesystem::remove(database() + "-wal");
  Random random(1);
  damage(database(), 0, 256, random);

  open();

  CHECK(drain_and_count_losses() == lost);
}

TEST_CASE_FIXTURE(
    SalvageFixture,
    "positions of sources, states of the pipeline, of budgets and of the clock are kept") {
  fill();
  // The queue's end is missing: SQLite finds nothing wrong.
  {
    auto raw = sqlite::Database::open({.path = database()});
    REQUIRE((*raw)->make_durable().has_value());
    REQUIRE((*raw)->execute("DELETE FROM queue WHERE id=(SELECT max(id) FROM queue)").has_value());
  }

  open();

  const auto cursors = spool->cursors();
  REQUIRE(cursors.size() == 1);
  CHECK(cursors[0].second.at(0).second == Buffer{kGroups - 1});
  REQUIRE(spool->states().size() == 3);
  for (const StateEdit& state : spool->states()) CHECK(state.value == Buffer{kGroups - 1});
  CHECK(drain_and_count_losses() == kBulk);
}

TEST_CASE_FIXTURE(SalvageFixture, "a file of noise gives nothing, stays, and stops nothing") {
  std::filesystem::create_directories(options.directory);
  std::ofstream(database()) << std::string(50'000, 'x');
  Random random(3);
  damage(database(), 0, 50'000, random);

  open();

  CHECK(findings.size() == 2);
  add(0, 0, 5);
  commit();
  CHECK(lane_state(0).records_queued == 5);
}

TEST_CASE_FIXTURE(
    SalvageFixture,
    "an envelope that went bad is declared lost when its turn comes, the next follow") {
  fill();
  {
    auto raw = sqlite::Database::open({.path = database()});
    REQUIRE((*raw)->make_durable().has_value());
    REQUIRE((*raw)
                ->execute(
                    "UPDATE queue SET body=CAST(substr(body,1,length(body)-9)||'123456789' AS BLOB)"
                    " WHERE id=(SELECT max(id) FROM queue WHERE kind%256=0)")
                .has_value());
  }

  open();

  CHECK(findings.empty());
  const std::uint64_t lost = drain_and_count_losses();
  CHECK(lost > 0);
  CHECK(lost < kGroups * kBulk / 2);
}

TEST_CASE_FIXTURE(SalvageFixture,
                  "a page that goes bad under a running spool ends it; another one goes on") {
  fill();
  open();
  Random random(4);
  damage(database(), 40'000, 300'000, random);
  add(0, kGroups * kAlarms, 1);
  wish.envelopes.fill(8);
  Status done;
  for (int i = 0; i < 20 && done; ++i) {
    leases.clear();
    done = try_commit();
    group.reset();
  }
  REQUIRE(!done.has_value());
  CHECK(done.error().code == Code::corrupt);
  CHECK(try_commit().error().code == Code::corrupt);

  open();

  CHECK(spool->state().lanes[0].next_seq == 1);
  CHECK(drain_and_count_losses() > 0);
}

}  // namespace pinaflux::spool_kit
