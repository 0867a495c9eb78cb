// Spool: the durable waiting room between pipeline and uplink; one SQLite file in WAL mode.
//
// Promise    commit() returns ok only when the group is on disk, whole. A record leaves by ack(), or by
//            eviction, which leaves a tombstone; by nothing else, not even a power cut.
// Order      Within a lane as LaneOptions::order says. Envelopes are immutable from the commit that made them.
// Lanes      By name: reordering, adding and removing lanes, or renaming the gateway, keeps what is
//            queued. What is not configured any more follows the configured lanes in state().lanes as
//            long as it holds something, is leased and acknowledged under that index, and keeps the
//            gateway name and epoch that it was committed under.
//            The raw lane (data/raw_lane.h) is never sent: without sources that keep their records it is emptied.
// Limits     Options::bytes_max (at least kBytesMin) bounds database and WAL together. Full is an answer,
//            not a failure: when evict lanes have nothing left to lose, commit() says so.
// Ownership  Files, clock and entropy must outlive it; the vault need not. A lost Lease costs a resend, never a record.
// Threads    Storage worker only; the loop goes through agent/agent/committer.h.
// Tests      tests/agent/spool/. Tables: FORMAT.md.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "agent/data/group.h"
#include "agent/data/identity.h"
#include "agent/data/lease.h"
#include "agent/seal/envelope.h"
#include "platform/base/result.h"
#include "platform/clock.h"
#include "platform/entropy.h"
#include "platform/files.h"

namespace pinaflux {

class Vault;

struct LaneOptions {
  // hold: nothing is lost. evict: the oldest. thin: every other record of what waits, again and again, and
  // the oldest only where that is too slow or has come to its end.
  enum class WhenFull { hold, evict, thin };
  // oldest: as committed. newest: the newest of what waits. live: what comes in, and beside it the backlog,
  // oldest first; `backlog_share` of the places are the backlog's when both want them.
  enum class Order { oldest, newest, live };
  std::string name;
  WhenFull when_full = WhenFull::hold;
  // Beyond these the oldest are shed, with a tombstone; what is leased, not before it comes back.
  Duration keep = Duration::max();
  std::uint64_t bytes_max = std::numeric_limits<std::uint64_t>::max();
  Order order = Order::oldest;
  double backlog_share = 0.2;  // 0 to 1.
};

struct SpoolOptions {
  std::string directory;  // Holds spool.db, spool.db-wal and the lock.
  std::uint64_t bytes_max = 512ull * 1024 * 1024;
  std::string gateway;
  std::uint64_t generation = 0;
  std::vector<LaneOptions> lanes;
  std::vector<std::string> sources;    // By SourceIndex: cursors are stored under names.
  std::uint64_t letter_bytes_max = 0;  // Of dead letters; 0: see Letters::bytes_for().
  bool set_aside = true;  // A damaged file; else open() says corrupt and leaves it as it is.
  // Encryption at rest: names of keys in the vault; empty: none. `key` writes and reads, `key_previous`
  // reads what was written before.
  std::string key;
  std::string key_previous;
  bool dictionaries =
      false;  // Those of lanes that are configured stay although nothing needs them now.
  std::uint64_t key_messages_max = std::uint64_t{1} << 32;  // Under one key of an opening.
};

struct LaneState {
  std::string name;
  std::string gateway;     // Of its envelopes; another than configured after a renaming.
  bool configured = true;  // False: it only drains.
  bool kept = false;       // The raw lane: nothing of it is sent.
  Epoch epoch{};
  std::uint64_t next_seq = 1;        // Of the next record to be committed.
  std::uint64_t acked = 0;           // High-water of the far end.
  std::uint64_t records_queued = 0;  // Committed, neither acknowledged nor shed.
  std::uint64_t records_shed = 0;    // Since the spool was made; each has its tombstone.
  std::uint64_t bytes_queued = 0;
  Stamp oldest;  // Time of the oldest queued record; 0 when empty.
  std::shared_ptr<const SentDictionary> dictionary;  // To be told to the far end; null: none.
};

struct SpoolState {
  std::vector<LaneState> lanes;
  std::uint64_t bytes_used = 0;  // Database and WAL.
  std::uint64_t bytes_max = 0;
  std::uint64_t commits = 0;       // Since start.
  std::uint64_t dead_letters = 0;  // Refusals that the rows held stand for.
  std::uint64_t acks_ignored = 0;  // Since start: of another epoch, beyond what was sealed, untrue.
  bool full = false;               // Lanes that hold must be held back.
  // The far end has another gateway's records under our numbers. There is a new epoch: open the spool again.
  bool forked = false;
  std::size_t renumbering =
      0;  // Envelopes that go into the new epoch, one with each commit to come.
};

class Operation;

class Spool {
 public:
  static constexpr std::uint64_t kBytesMin = 16ull * 1024 * 1024;

  // Errors: busy (another agent has it: which one is in `findings`), read_only, denied (also: encrypted
  // with a key that is not given), full, newer, invalid (another program's database, a key that the
  // vault does not have, or options beyond the limits), io. Nothing is changed on an
  // error. A damaged file is put aside and a new one begun, and `findings` says so (see set_aside).
  static Result<std::unique_ptr<Spool>> open(const SpoolOptions& options, Files& files,
                                             const Clock& clock, Entropy& entropy,
                                             std::vector<std::string>& findings,
                                             const Vault* vault = nullptr);
  ~Spool();

  // One transaction: acks, cursors, states, refusals, records; then what `wish` allows is sealed and
  // leased into `leases`, in order, each envelope once in a round of the wish. On an error nothing of the
  // group was kept, and the same group is to be committed next (acks may be added to it). Code::full: it
  // does not fit; then its acks were taken all the same, and what waits was leased: send `leases`, or
  // nothing ever gets free. Code::corrupt: the file is damaged and was set aside; this Spool commits
  // nothing more: open another, which takes over what can be read of it.
  Status commit(const Group& group, const LeaseWish& wish, Stamp now, std::vector<Lease>& leases);

  // A step of what an operator does (operation.h), between two commits. True: there is more to do. On an
  // error nothing of the step was kept.
  Result<bool> operate(Operation& operation, Buffer& out);

  SpoolState state() const;
  std::vector<std::pair<std::string, std::vector<std::pair<std::string, Buffer>>>> cursors() const;
  std::vector<StateEdit> states() const;

 private:
  struct State;
  explicit Spool(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;  // Never empty.
};

}  // namespace pinaflux
