// Renumbering: sends under new numbers what another gateway's records stand in the way of at the far end (a cloned
// card, a restored image: FORMAT.md, "Forks").
//
// Promise    A record that the far end does not have leaves its row in the transaction that puts it into a lane of
//            the current epoch; a loss that was not declared there is declared in that lane.
// Order      First a new epoch: as long as the lane's own is the spool's, nothing is moved, and forked() says that
//            the spool is to be opened again. Then one row a transaction, in the order in which they were named.
// Limits     kWaitingMax rows wait; what is named beyond them is named again when it is sent again.
// Ownership  Begins anew with each opening: what waited is sent again, and named again.
// Threads    Storage worker.
// Tests      tests/agent/spool/fork_test.cc
#pragma once

#include <cstdint>
#include <vector>

#include "agent/data/group.h"
#include "agent/spool/packer.h"
#include "agent/spool/store.h"
#include "platform/entropy.h"

namespace pinaflux {

class Renumbering {
 public:
  static constexpr std::size_t kWaitingMax = 4 * limits::kWindowMax;
  // Of a step: the row that is moved, and the chunks before it that are sealed.
  static constexpr std::int64_t kBytesEach = 3 * limits::kEnvelopeBytesMax;

  struct Place {
    Store& store;
    const SpoolOptions& options;
    Packer& packer;
    std::int64_t age;
    std::vector<Lease>& leases;
  };

  // `ack.known` is given. False: no row is the one that it names.
  Result<bool> take(Store& store, Entropy& entropy, const LaneAck& ack);
  Status step(const Place& place);
  // After the transaction: it is on disk, or it is not.
  void settle(bool committed);

  std::size_t waiting() const { return waiting_.size(); }
  bool forked() const { return forked_; }

 private:
  Status move(const Place& place, const LaneAck& ack, const Entry& row);

  std::vector<LaneAck> waiting_;
  bool stepped_ = false;  // In the running transaction.
  bool minted_ = false;
  bool forked_ = false;
};

}  // namespace pinaflux
