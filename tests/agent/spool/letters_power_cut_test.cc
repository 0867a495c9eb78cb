// The power fails before any one of the writes that a replay's commit makes, or after its last one.

#include "tests/agent/spool/cut_kit.h"
#include "tests/agent/spool/letters_kit.h"

namespace pinaflux::spool_kit {

namespace {

using LetterCutFixture = CutFixture<LettersFixture>;

}  // namespace

TEST_CASE_FIXTURE(LetterCutFixture,
                  "a power cut leaves the letter or its record, never both or none") {
  int kept = 0, replayed = 0;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    bool cut = true;
    for (std::uint64_t n = 0; cut; ++n) {
      new_disk(seed * 1000 + n);
      REQUIRE(start());
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

      REQUIRE(start());
      CHECK(findings.empty());

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
