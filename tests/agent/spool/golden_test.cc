// Spools of every version that was ever released, as its own code wrote them: each opens and drains for
// ever. golden/version_1.db was written by the code of version 1 before version 2 was thought of, with
//
//   PINAFLUX_GOLDEN_SPOOL=version_1 build/dev/agent_spool_test -tc="a golden spool is written*"
//
// golden/version_2.db likewise, encrypted, with PINAFLUX_SPOOL_KEY=1 PINAFLUX_GOLDEN_SPOOL=version_2. Each
// holds one of everything: envelopes (leased and not), a chunk, tombstones with and without an
// envelope, two cursors, two states, dead letters. They must never be written anew.

#include "agent/spool/sqlite.h"
#include "tests/agent/spool/spool_kit.h"

namespace pinaflux::spool_kit {

namespace fs = std::filesystem;

namespace {

struct GoldenFixture : SpoolFixture {
  void place(const std::string& name) {
    fs::create_directories(options.directory);
    fs::copy_file(kGolden + name, options.directory + "/spool.db");
  }

  // Opened with a retention in `bulk` that expires its second row, and then without.
  void fill() {
    options.lanes[1].keep = Duration::hours(1);
    open();
    fill_alarm();
    fill_bulk();
    fill_notes();
    spool.reset();
    options.lanes[1].keep = Duration::max();
  }
  void fill_alarm() {
    wish.envelopes.fill(8);
    add(0, 0, 20);
    commit();
    ack(0, 20);
    add(0, 20, 10);
    commit();
    add(0, 30, 10);
    commit();
  }
  void fill_bulk() {
    add(1, 0, 10);
    commit();
    wish.envelopes.fill(0);
    add(1, 10, 10);
    commit();
    clock.advance(Duration::hours(2));
    commit();
    wish.envelopes.fill(1);
    commit();
    wish.envelopes.fill(0);
    add_noise(1, 20, 1, 200'000);
    commit();
  }
  void fill_notes() {
    group.cursors = {{0, "file/77", {1, 2, 3}, false}, {1, "row/1", {4}, false}};
    group.states = {{"pipeline/dry/a", {5, 6}}, {"pipeline/dry/b", {7}}};
    group.refusals = {{0, Reason::malformed, 17, 99, 1}, {1, Reason::malformed, 18, 100, 2}};
    add(0, 40, 10);
    add(1, 21, 5);
    commit();
  }

  FarEnd drain() {
    FarEnd far;
    wish.envelopes.fill(4);
    commit();
    REQUIRE(!leases.empty());
    far.lanes[0].high = 20;
    far.lanes[0].chain = Opener::header(leases[0].bytes)->previous;
    while (!leases.empty()) {
      far.take(leases);
      for (const auto& [lane, arrived] : far.lanes) ack(lane, arrived.high);
      commit();
    }
    return far;
  }
  void check_drained() {
    check_notes();
    FarEnd far = drain();
    check_arrived(far);
    add(0, 50, 1);
    commit();
    far.take(leases);
    CHECK(far.lanes[0].landed.at(51) == 50);
    open();
    CHECK(findings.empty());
    check_notes();
  }
  static void check_arrived(FarEnd& far) {
    CHECK(far.lanes[0].high == 50);
    CHECK(far.lanes[0].landed.size() == 30);
    CHECK(far.lanes[0].landed.at(21) == 20);
    CHECK(far.lanes[0].landed.at(50) == 49);
    CHECK(far.lanes[1].high == 26);
    CHECK(far.lanes[1].landed.size() == 15);
    CHECK(far.lanes[1].landed.at(26) == 25);
    CHECK(far.lanes[1].lost.size() == 11);
    CHECK(far.lanes[1].lost.at(20) == "expired");
    CHECK(far.lanes[1].lost.at(21) == "too_large");
  }
  void check_notes(std::uint64_t letters = 2) {
    const auto cursors = spool->cursors();
    REQUIRE(cursors.size() == 2);
    CHECK(cursors[0].first == "boiler");
    CHECK(cursors[0].second.at(0) == std::pair<std::string, Buffer>{"file/77", {1, 2, 3}});
    CHECK(cursors[1].second.at(0) == std::pair<std::string, Buffer>{"row/1", {4}});
    const auto states = spool->states();
    REQUIRE(states.size() == 2);
    CHECK(states[0].key == "pipeline/dry/a");
    CHECK(states[0].value == Buffer{5, 6});
    CHECK(spool->state().dead_letters == letters);
  }
};

}  // namespace

TEST_CASE_FIXTURE(GoldenFixture, "a golden spool is written when it is asked for, and only then") {
  fill();

  const char* asked = std::getenv("PINAFLUX_GOLDEN_SPOOL");
  if (asked != nullptr) {
    fs::copy_file(options.directory + "/spool.db", kGolden + std::string(asked) + ".db");
  }

  open();
  check_notes(3);  // The record that fits into no envelope, too.
  FarEnd far = drain();
  check_arrived(far);
}

TEST_CASE_FIXTURE(GoldenFixture, "the spool that version 1 wrote opens, drains and goes on") {
  place("version_1.db");

  open();

  CHECK(findings.empty());
  CHECK(lane_state(0).acked == 20);
  CHECK(lane_state(1).records_shed == 11);
  check_drained();
  CHECK(version() == (options.key.empty() ? 1 : 2));
}

TEST_CASE_FIXTURE(GoldenFixture, "the spool that version 2 encrypted opens, drains and goes on") {
  load_keys();
  options.key = "first";
  place("version_2.db");

  open();

  CHECK(findings.empty());
  CHECK(lane_state(0).acked == 20);
  CHECK(lane_state(1).records_shed == 11);
  check_drained();
  CHECK(version() == 2);
}

}  // namespace pinaflux::spool_kit
