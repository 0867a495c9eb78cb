// Enumerator: all the disks that a power cut may leave of a workload, opened and checked one by one.
//
// Promise    A state is named by (seed, workload, operation, variant), and that name makes it again.
//            Variants 0 and 1 of an operation lose and keep everything that was not synced; the others
//            follow from the name: a subset, shuffled, torn, garbled.
// Count      Distinct states, by the hash of the spool's files. One that was seen is checked again only if
//            more had been promised meanwhile. One of which production code would read the very bytes that it
//            read of one before (Paths) is not opened, except one in so many, to see whether that is so.
// Threads    One owner.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "tests/sim/crash/oracle.h"
#include "tests/sim/crash/paths/paths.h"
#include "tests/sim/crash/rig.h"
#include "tests/sim/crash/subject.h"

namespace pinaflux::crash {

struct Tally {
  struct Counts {
    std::uint64_t states = 0;    // Made.
    std::uint64_t distinct = 0;  // Checked.
    std::uint64_t opened = 0;    // Of them; the others are read as one of these, to the last byte.
    std::uint64_t in_recovery = 0;  // Of them: crashes during the recovery from a crash.
    std::uint64_t proved = 0;       // Of them: drained, record by record, and used further.
    std::uint64_t operations = 0;   // Of the workload's disk.
    std::uint64_t moments = 0;      // Of the workload: transactions that changed something.
    std::uint64_t happened = 0;     // Workloads whose trouble came to pass.
    Coverage covered;
  } counts;
  std::vector<std::string> failures;

  void add(const Tally& other);
};
static_assert(sizeof(Tally::Counts) % sizeof(std::uint64_t) == 0);

// Where a single state is: what --at takes.
struct Place {
  std::size_t operation = 0;
  std::uint64_t variant = 0;
};

class Enumerator {
 public:
  explicit Enumerator(const Subject& subject);

  // As many distinct states as wanted, or as there are. Stops at the first few failures.
  Tally run(std::uint64_t states_wanted);
  Tally run(const Place& place);
  // Of the distinct states seen: their hashes, and the highest lower bound that they were held against.
  using Seen = std::unordered_map<std::uint64_t, std::size_t>;
  const Seen& seen() const { return seen_; }

 private:
  static constexpr std::size_t kFailuresMax = 3;

  void at(std::size_t operation, std::uint64_t quota);
  enum class Novelty : std::uint8_t { none, promise, state };
  Novelty novelty(const sim::Image& image, const Oracle::Bounds& bounds);
  bool check(const sim::Image& image, std::size_t operation, std::uint64_t variant);
  std::string wrong_with(const sim::Image& image, const Oracle::Bounds& bounds, bool prove);
  std::string wrong_when_opened(const sim::Image& image, const Oracle::Bounds& bounds, bool prove,
                                Paths::End& end);
  void crash_again(const sim::Image& image, const Oracle::Bounds& bounds, std::size_t operation,
                   std::uint64_t variant);
  void fail(const std::string& name, const std::string& wrong);
  Random random_of(std::size_t operation, std::uint64_t variant) const;
  std::string name_of(std::size_t operation, std::uint64_t variant) const;

  Subject subject_;
  bool happened_ = false;
  Recording recording_;
  Rig rig_;
  Oracle oracle_;
  sim::Medium medium_;
  Paths paths_{rig_.disk()};
  Seen seen_;
  Tally tally_;
  bool always_prove_ = false;
};

}  // namespace pinaflux::crash
