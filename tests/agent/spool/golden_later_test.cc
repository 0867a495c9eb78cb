// Golden spools of versions 3 to 6, as golden_test.cc has them of 1 and 2: written by the code of their time with
//
//   PINAFLUX_GOLDEN_SPOOL=1 build/dev/agent_spool_test -tc="the golden spool of version*"
//
// and never anew. A spool has its whole length from the start, and one that thins has been full: so what is kept is
// what SQLite's VACUUM INTO makes of it, the same rows in no more pages than they need.
//
// version_3.db: lane `alarm` sends its newest first. 1-10 acknowledged, 11-20 and 31-40 wait sealed, 21-30 have landed
// (loss 6), 41-45 are a chunk. version_4.db: lane `history` is thinned as far as one small commit needed it.
// version_5.db: of 1-10 in lane `alarm` the far end refused 2: it is given up, 1, 3-5 and 6-10 wait in parts.
// version_6.db: in lane `alarm` 30 records wait in 3 envelopes that were packed with a dictionary.

#include "agent/spool/audit.h"
#include "agent/spool/sqlite.h"
#include "tests/agent/spool/dictionary_kit.h"
#include "tests/agent/spool/queue_kit.h"

namespace pinaflux::spool_kit {

namespace fs = std::filesystem;

namespace {

constexpr int kGroups = 8, kEach = 40;  // Of `history`.

struct LaterFixture : DictionaryFixture {
  void place(const std::string& name) {
    fs::create_directories(options.directory);
    fs::copy_file(kGolden + name, options.directory + "/spool.db");
  }
  // What fill made, in as few pages as possible: as golden, if it is asked for, and as what is opened next.
  void keep(const std::string& name) {
    spool.reset();
    const std::string small = directory.path() + "/small.db", path = options.directory;
    {
      auto database = sqlite::Database::open({.path = path + "/spool.db"});
      REQUIRE(database.has_value());
      REQUIRE((*database)->execute(("VACUUM INTO '" + small + "'").c_str()).has_value());
    }
    CHECK(fs::file_size(small) < 64 * 1024);
    if (std::getenv("PINAFLUX_GOLDEN_SPOOL") != nullptr) fs::copy_file(small, kGolden + name);
    fs::remove_all(path);
    fs::create_directories(path);
    fs::rename(small, path + "/spool.db");
  }
  void fill_notes() {
    group.cursors = {{0, "file/77", {1, 2, 3}, false}};
    group.states = {{"pipeline/dry/a", {5, 6}}};
    group.refusals = {{0, Reason::malformed, 17, 99, 1}};
  }
  void check_notes() {
    CHECK(findings.empty());
    const auto cursors = spool->cursors();
    REQUIRE(cursors.size() == 1);
    CHECK(cursors[0].second.at(0) == std::pair<std::string, Buffer>{"file/77", {1, 2, 3}});
    const auto states = spool->states();
    REQUIRE(states.size() == 1);
    CHECK(states[0].value == Buffer{5, 6});
    CHECK(spool->state().dead_letters == 1);
  }
  void check_sound() {
    spool.reset();
    Audit audit(Audit::Form::none);
    answer(*view(*this), audit);
    for (const auto& finding : audit.report().findings) FAIL_CHECK(finding.what);
    open();
  }
  std::int64_t plain_version() const { return options.key.empty() ? 1 : 2; }
};

struct NewestFixture : LaterFixture {
  NewestFixture() { options.lanes[0].order = LaneOptions::Order::newest; }

  void fill() {
    open();
    wish.envelopes[0] = 1;
    for (int i = 0; i < 4; ++i) {
      add(0, i * 10, 10);
      commit();
    }
    wish.envelopes[0] = 0;
    ack(0, 10);
    group.acks.push_back({0, lane_state(0).epoch, {21, 30}});
    fill_notes();
    add(0, 40, 5);
    commit();
  }
  // The newest come first; what has landed does not come again.
  void check_drained() {
    std::map<std::uint64_t, std::int64_t> landed;
    std::vector<std::uint64_t> firsts;
    wish.envelopes[0] = 1;
    for (commit(); !leases.empty(); commit()) {
      const OpenedLease opened(leases[0]);
      firsts.push_back(leases[0].range.first);
      for (std::size_t i = 0; i < opened.rows.size(); ++i) {
        landed[leases[0].range.first + i] = opened.rows[i].values[0].as_int64();
      }
      group.acks.push_back({0, leases[0].epoch, leases[0].range});
    }
    CHECK(firsts == std::vector<std::uint64_t>{41, 31, 11});
    CHECK(landed.size() == 25);
    for (const auto& [seq, n] : landed) CHECK(n == static_cast<std::int64_t>(seq) - 1);
    CHECK(lane_state(0).acked == 45);
  }
  void check_golden() {
    CHECK(version() == 3);
    open();
    check_notes();
    CHECK(lane_state(0).acked == 10);
    CHECK(lane_state(0).records_queued == 25);
    check_sound();
    check_drained();
    options.lanes[0].order = LaneOptions::Order::oldest;
    open();
    check_notes();
    CHECK(version() == plain_version());
  }
};

struct ThinnedFixture : LaterFixture {
  ThinnedFixture() {
    options.lanes = {{.name = "bulk"},
                     {.name = "history", .when_full = LaneOptions::WhenFull::thin}};
  }

  void fill() {
    open();
    wish.envelopes[1] = 1;
    for (int i = 0; i < kGroups; ++i) {
      add_noise(1, i * kEach, kEach, 60);
      commit();
    }
    wish.envelopes.fill(0);
    ++wish.round[1];
    fill_notes();
    commit();
    std::int64_t n = 0;
    for (int count = 300; lane_state(1).records_shed == 0; n += count) {
      if (spool->state().full) count = 5;
      add_noise(0, n, count);
      commit();
    }
    drain(*this, far, 0);
    wish.envelopes.fill(0);
  }
  void check_golden() {
    constexpr auto kAll = static_cast<std::uint64_t>(kGroups * kEach);
    CHECK(version() == 4);
    open();
    check_notes();
    const LaneState state = lane_state(1);
    CHECK(state.records_queued + state.records_shed == kAll);
    CHECK(state.records_shed > 0);
    CHECK(state.records_shed < kAll / 2);
    check_sound();
    add_noise(1, kAll, 1);
    far.lanes.erase(1);
    drain(*this, far, 1);
    CHECK(far.lanes[1].high == kAll + 1);
    CHECK(far.lanes[1].lost.size() == state.records_shed);
    CHECK(far.lanes[1].landed.size() == state.records_queued + 1);
    for (const auto& [seq, n] : far.lanes[1].landed) {
      CHECK(n == static_cast<std::int64_t>(seq) - 1);
    }
    for (const auto& [seq, why] : far.lanes[1].lost) CHECK(why == "thinned");
    options.lanes[1].when_full = LaneOptions::WhenFull::evict;
    open();
    check_notes();
    CHECK(version() == plain_version());
  }
};

struct SplitInPartsFixture : LaterFixture {
  void refuse(const Lease& lease) {
    group.acks.push_back({.lane = lease.lane,
                          .epoch = lease.epoch,
                          .range = lease.range,
                          .unproved = lease.hash,
                          .refused = "refused_by_database"});
    ++wish.round[lease.lane];
  }
  void fill() {
    open();
    wish.envelopes[0] = 8;
    add(0, 0, 10);
    commit();
    while (true) {
      const auto bad = std::ranges::find_if(leases, [](const Lease& l) {
        return l.records > 0 && l.range.first <= 2 && l.range.last >= 2;
      });
      if (bad == leases.end()) break;
      refuse(*bad);
      commit();
    }
  }
  void check_golden() {
    CHECK(version() == 5);
    open();
    CHECK(findings.empty());
    CHECK(lane_state(0).records_queued == 9);
    CHECK(lane_state(0).records_shed == 1);
    CHECK(spool->state().dead_letters == 1);
    check_sound();
    drain(*this, far, 0);
    const FarEnd::Lane& lane = far.lanes[0];
    CHECK(lane.high == 10);
    CHECK(lane.landed.size() == 9);
    REQUIRE(lane.lost.size() == 1);
    CHECK(lane.lost.at(2) == "undeliverable");
    open();
    CHECK(version() == plain_version());
  }
};

struct PackedFixture : LaterFixture {
  static constexpr std::uint64_t kWaiting = 30;

  void fill() {
    keep_dictionaries();
    open();
    wait_with_it();
    commit();
  }
  void check_golden() {
    CHECK(version() == 6);
    keep_dictionaries();
    open();
    CHECK(findings.empty());
    CHECK(lane_state(0).records_queued == kWaiting);
    check_sound();
    far = FarEnd();
    wish.envelopes[0] = 8;
    wish.dictionary[0].clear();
    tell();
    ++wish.round[0];
    commit();
    REQUIRE(leases.size() == kWaiting / kBatch);
    far.lanes[0].high = leases[0].range.first - 1;
    far.lanes[0].chain = Opener::header(leases[0].bytes)->previous;
    for (const Lease& lease : leases) CHECK(lease.dictionary->id == offered()->id);
    far.take(leases);
    ack(0, far.lanes[0].high);
    commit();
    options.dictionaries = false;
    open();
    CHECK(version() == plain_version());
  }
};

}  // namespace

TEST_CASE_FIXTURE(NewestFixture, "the golden spool of version 3 is made so") {
  fill();
  keep("version_3.db");
  check_golden();
}

TEST_CASE_FIXTURE(NewestFixture, "the spool that version 3 wrote opens, drains and goes back") {
  place("version_3.db");
  check_golden();
}

TEST_CASE_FIXTURE(ThinnedFixture, "the golden spool of version 4 is made so") {
  fill();
  keep("version_4.db");
  check_golden();
}

TEST_CASE_FIXTURE(ThinnedFixture, "the spool that version 4 wrote opens, drains and goes back") {
  place("version_4.db");
  check_golden();
}

TEST_CASE_FIXTURE(SplitInPartsFixture, "the golden spool of version 5 is made so") {
  fill();
  keep("version_5.db");
  check_golden();
}

TEST_CASE_FIXTURE(SplitInPartsFixture,
                  "the spool that version 5 wrote opens, drains and goes back") {
  options.key.clear();
  place("version_5.db");
  check_golden();
}

TEST_CASE_FIXTURE(PackedFixture, "the golden spool of version 6 is made so") {
  fill();
  keep("version_6.db");
  check_golden();
}

TEST_CASE_FIXTURE(PackedFixture, "the spool that version 6 wrote opens, drains and goes back") {
  options.key.clear();
  place("version_6.db");
  check_golden();
}

}  // namespace pinaflux::spool_kit
