// Oracle: what a spool must hold after a crash, and whether it does.
//
// Promise    wrong_with() compares the whole database with what it was after one of the transactions that may
//            be the last: the newest that was reported, and those after it that had begun.
//            After damage every record is gone through instead: it is there once, or declared lost.
//            prove() goes through every record: each one that was promised is delivered, once, in order
//            and whole, or a tombstone declares it; then the spool works on.
// Ownership  Recording and Rig must outlive it.
// Threads    One owner.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/sim/crash/records.h"
#include "tests/sim/crash/rig.h"
#include "tests/sim/crash/workload.h"

namespace pinaflux::crash {

class Oracle {
 public:
  // Follows the recording and proves the state after each promise; wrong() says what did not hold.
  Oracle(const Recording& recording, Rig& rig);

  // The disk stopped after so many operations of the recording.
  struct Bounds {
    std::size_t first = 0, last = 0;  // Of the moments that may be found.
    bool damaged = false;             // Bytes were spoiled: no transaction is to be found again.
    const Mark* mark = nullptr;       // Whose configuration was in force.
    std::size_t mark_index = 0;
  };
  Bounds bounds(std::size_t operations) const;

  // What the rig has open, after a crash within the bounds; empty: as it must be. `moment` is what was
  // found, if it was.
  std::string wrong_with(const Bounds& bounds, std::size_t& moment);
  // Empty: everything that was promised at that moment is there. Changes what the rig has open, which was
  // opened with these options.
  std::string prove(std::size_t moment, const SpoolOptions& options);

  const std::string& wrong() const { return wrong_; }
  std::size_t moment_count() const { return moments_.size(); }

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  // The database between two transactions.
  struct Moment {
    std::size_t operations = 0;  // Of the disk, when it was first seen.
    std::uint64_t pages = 0, rows = 0;
    std::size_t mark = kNone;  // The promise that it keeps.
  };
  struct Far {
    std::uint64_t landed = 0;
    Digest chain{};
    // Parts up to here it has, in an envelope that was split afterwards: it passes them over.
    std::uint64_t whole = 0;
  };

  void follow();
  void note(const sim::Image& image, std::size_t operations, std::size_t mark);
  std::string wrong_with_notes(const Truth& truth);
  std::string wrong_under_keys(const Bounds& bounds);
  std::string wrong_after_damage(const Bounds& bounds);
  std::string wrong_with_salvaged(const Bounds& bounds);
  std::string wrong_with_lanes(const Truth& truth, std::vector<Far>& far);
  std::string drain(std::size_t mark, std::vector<Far>& far);
  void skip_landed(const std::string& lane, std::size_t mark, std::uint64_t first, Far& far) const;
  std::string take(const Lease& lease, std::size_t mark, Far& far);
  std::string go_on(std::size_t mark, const SpoolOptions& options, std::vector<Far>& far);

  const Recording& recording_;
  Rig& rig_;
  Reader reader_;
  Group group_;
  Records records_;
  std::vector<Moment> moments_;
  std::vector<std::size_t> moment_of_mark_;
  std::string wrong_;
  bool damage_met_ = false;  // By the last drain().
};

}  // namespace pinaflux::crash
