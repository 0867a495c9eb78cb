// Medium: what is surely on the disk, what was written and may still be lost, and what a power cut makes
// of the two.
//
// Promise    The same operations, kind of cut and random numbers leave the same image.
// Model      A sync makes every earlier write of its file durable, whole. Until then a write may be lost,
//            kept, torn into its sectors of 512 bytes, or swapped with others, across files. A sector is
//            never torn. Names become durable by a sync of their directory (Naming).
// Threads    One owner at a time.
// Tests      tests/platform/sim/disk_test.cc
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "platform/base/random.h"
#include "platform/sim/image.h"

namespace pinaflux::sim {

// What is kept of the operations that no sync covers.
enum class Survival : std::uint8_t {
  none,
  all,
  subset,     // Each whole or not at all.
  reordered,  // The first few of them after they were shuffled: an older write may win.
  torn,     // Each whole, not at all, or some of its sectors; the file may be longer all the same.
  garbled,  // As torn; a sector that was not kept may hold anything.
};
inline constexpr std::uint8_t kSurvivalCount = 6;
const char* survival_name(Survival survival);

class Medium {
 public:
  static constexpr std::uint64_t kSectorBytes = 512;

  enum class Naming : std::uint8_t {
    strict,     // Only what POSIX says: each name waits for the sync of its directory.
    journaled,  // As ext4: any sync takes all names with it; without one, the first few survive.
  };
  struct Options {
    Naming naming = Naming::strict;
    // A write leaves the bytes around it alone, even in its own sectors. SQLite counts on it.
    bool powersafe_overwrite = true;
  };

  explicit Medium(const Options& options) : options_(options) {}

  // The disk as it is now is durable.
  void reset(Image image);
  // `random` decides what of a sync_failed is lost for good.
  void add(const std::shared_ptr<const Operation>& operation, Random& random);
  Image cut(Survival survival, Random& random) const;

  const Image& durable() const { return durable_; }
  std::size_t unsynced_count() const { return unsynced_.size(); }

 private:
  using Operations = std::vector<std::shared_ptr<const Operation>>;

  void prune();
  bool covers(const Operation& sync, const Operation& operation) const;
  Image subset(Random& random) const;
  Image reordered(Random& random) const;
  Image torn(bool garbled, Random& random) const;
  void tear(Image& image, const Operation& write, bool garbled, Random& random) const;
  void garble(Image& image, const Operation& write, std::uint64_t sector, Random& random) const;
  std::vector<bool> names_kept(Random& random) const;

  Options options_;
  Image durable_;
  Operations unsynced_;
};

}  // namespace pinaflux::sim
