// The power fails before any one of the writes that a replay's commit makes, or after its last one.

#include "platform/sim/disk.h"
#include "platform/sim/files.h"
#include "tests/agent/spool/letters_kit.h"

namespace pinaflux::spool_kit {

namespace {

struct LetterCutFixture : LettersFixture {
  std::unique_ptr<sim::SimDisk> disk;
  std::unique_ptr<sim::SimFiles> sim_files;

  LetterCutFixture() { options.directory = "/var/lib/pinaflux"; }
  ~LetterCutFixture() { spool.reset(); }

  void new_disk(std::uint64_t seed) {
    spool.reset();
    sim_files.reset();
    disk = std::make_unique<sim::SimDisk>(clock, sim::SimDisk::Options{.seed = seed});
    sim_files = std::make_unique<sim::SimFiles>(*disk);
  }
  void start() {
    spool.reset();
    findings.clear();
    auto made = Spool::open(options, *sim_files, clock, *random, findings, &vault);
    REQUIRE(made.has_value());
    CHECK(findings.empty());
    spool = std::move(*made);
  }
  // Before the n-th change from now on. False: there were fewer.
  bool cut_before(std::uint64_t n, const std::function<void()>& work) {
    bool cut = false;
    disk->before_change = [&, n](const sim::Operation&) mutable {
      if (n-- > 0 || cut) return;
      cut = true;
      disk->cut_power();
    };
    work();
    disk->before_change = nullptr;
    return cut;
  }
};

}  // namespace

TEST_CASE_FIXTURE(LetterCutFixture,
                  "a power cut leaves the letter or its record, never both or none") {
  int kept = 0, replayed = 0;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    bool cut = true;
    for (std::uint64_t n = 0; cut; ++n) {
      new_disk(seed * 1000 + n);
      start();
      refuse(5, "letter");
      commit();
      group.replayed = {1};
      add(0, 5, 1);
      Status done;
      cut = cut_before(n, [&] { done = try_commit(); });
      group.reset();
      if (!cut) disk->cut_power();
      spool.reset();
      disk->power_on();

      start();

      const bool letter = !ids().empty(), record = lane_state(0).records_queued == 1;
      CHECK(letter != record);
      CHECK(spool->state().dead_letters == (letter ? 1 : 0));
      if (done) CHECK(record);
      (letter ? kept : replayed) += 1;
    }
  }
  CHECK(kept > 0);
  CHECK(replayed > 0);
  MESSAGE(kept, " cuts kept the letter, ", replayed, " its record");
}

}  // namespace pinaflux::spool_kit
