// Committer: the loop's side of the spool: fills one group while the storage worker commits the other.
//
// Promise    At most one commit is in flight. A commit that fails keeps its group: the same records are
//            committed again, never polled again. Acks may still be added to it, because they free the
//            space that it may be waiting for.
// Order      filling() -> submit() -> finished -> take_done(); groups commit in the order submitted.
// Ownership  Spool, worker and clock must outlive it, and it must be idle() and not operating() before it is
//            destroyed.
// Threads    Loop. The spool is touched on the worker only.
// Tests      tests/agent/agent/committer_test.cc
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "agent/data/group.h"
#include "agent/data/lease.h"
#include "agent/spool/operation.h"
#include "agent/spool/spool.h"
#include "platform/clock.h"
#include "platform/worker.h"

namespace pinaflux {

class Committer {
 public:
  struct Done {
    Status status;
    Duration took{};
    SpoolState state;
    std::vector<Receipt> receipts;       // Empty on failure.
    std::vector<LetterId> replayed;      // Empty on failure.
    std::vector<std::uint64_t> records;  // By lane; empty on failure.
    std::vector<Lease> leases;
    LeaseWish wish;
  };

  // `finished` runs on the loop when take_done() has something.
  Committer(Spool& spool, Worker& worker, const Clock& clock, std::function<void()> finished);
  ~Committer();

  // The group that takes what comes in now.
  Group& filling() { return *filling_; }
  // Nothing in flight.
  bool idle() const { return !in_flight_; }
  // The last commit failed; its group waits for submit() again.
  bool retrying() const { return retrying_; }

  // Commits the failed group again, with the acks of filling() added; or else filling() itself. Not
  // called unless idle().
  void submit(const LeaseWish& wish, Stamp now);
  std::optional<Done> take_done();

  // A step of an operator's operation, on the worker behind what was submitted before; commits go on
  // behind it. `out` and `operation` must live until `done` has run, on the loop.
  using StepDone = std::function<void(Result<bool> more, SpoolState state)>;
  void operate(Operation& operation, Buffer& out, StepDone done);
  // Steps that have not come back.
  bool operating() const { return !steps_.empty(); }

 private:
  struct Step {
    StepDone done;
    Result<bool> more = false;
    SpoolState state;
  };
  void commit(Stamp now);
  void conclude();

  Spool& spool_;
  Worker& worker_;
  const Clock& clock_;
  std::function<void()> finished_;
  Group groups_[2];
  Group* filling_ = &groups_[0];
  Group* committing_ = &groups_[1];
  std::deque<std::unique_ptr<Step>> steps_;  // In the order submitted.
  bool in_flight_ = false;
  bool retrying_ = false;
  Done job_;
  std::optional<Done> done_;
};

}  // namespace pinaflux
