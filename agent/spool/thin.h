// Thin: makes room by keeping every n-th record of what waits, so that an outage longer than the disk leaves
// a coarser picture and not a hole.
//
// Promise    What is given up is declared with what is kept, in one envelope, in the transaction that is
//            open. The records that stay keep their seqs; the chain goes on behind them as before.
// Order      In passes over the lane, oldest first: the first keeps every second seq, the next every fourth, and so
//            on up to kEveryMax. What is leased may have arrived as it was, and is passed over.
// Limits     One envelope is opened at a time; kBytesMax are written in a transaction.
// Threads    Storage worker.
// Tests      tests/agent/spool/thin_test.cc. Format: FORMAT.md.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "agent/seal/envelope.h"
#include "agent/spool/store.h"
#include "platform/base/result.h"

namespace pinaflux {

class Thinner {
 public:
  static constexpr std::uint64_t kBytesMax = 384 * 1024;

  explicit Thinner(Store& store);
  ~Thinner();

  // One more envelope, with those before it that it can join. False: the last pass is over, or kBytesMax are
  // written: only eviction makes room now.
  Result<bool> thin(Lane& lane);

 private:
  struct Opened;

  Result<std::optional<Entry>> next(Lane& lane);
  Result<std::vector<Entry>> joined(const Lane& lane, const Entry& entry);
  Status seal(const Lane& lane, const std::vector<Entry>& rows, Header& header);
  Status open(const Entry& entry, std::uint64_t every);
  Status replace(Lane& lane, const std::vector<Entry>& rows, const Header& header);
  Status entomb(Lane& lane, const std::vector<Entry>& rows);

  Store& store_;
  std::uint64_t bytes_written_ = 0;
  std::unique_ptr<Opened> opened_;  // What was opened last, and what was sealed of it.
};

}  // namespace pinaflux
