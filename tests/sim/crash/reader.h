// Reader: the far end's eyes: opens a lease and says what is wrong with it.
//
// Threads    One owner.
#pragma once

#include <string>

#include "agent/data/lease.h"
#include "agent/seal/envelope.h"
#include "agent/spool/spool.h"
#include "platform/base/arena.h"

namespace pinaflux::crash {

class Reader {
 public:
  Reader();

  // Empty: it is what must follow `landed` and `chain`, and each of its records is the one of its seq; or it
  // declares a loss, for `reason()`.
  std::string wrong_with(const Lease& lease, const LaneState& lane, std::uint64_t landed,
                         const Digest& chain);
  // A loss may be declared for what has landed already, and more.
  static bool overtakes(const Lease& lease, std::uint64_t landed);
  // Puts the same records under another header: an envelope that is sound, and not the one that was.
  void seal_again(Lease& lease);
  // Of the last lease: why some of it was lost (empty: nothing was), and how much.
  const std::string& reason() const { return reason_; }
  std::uint64_t every() const { return every_; }

 private:
  std::string wrong_with_loss(const Lease& lease, const Header& header);

  Opener opener_;
  Sealer sealer_;
  Arena arena_;
  Shapes shapes_;
  std::vector<Row> rows_;
  std::string reason_;
  std::uint64_t every_ = 1;
};

// Of its range an envelope holds every n-th record: 1, what thinning left, or kLost.
inline constexpr std::uint64_t kLost = ~std::uint64_t{0};
std::uint64_t thinness(const Header& header);

}  // namespace pinaflux::crash
