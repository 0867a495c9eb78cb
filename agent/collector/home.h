// Home: where the collector keeps rows and state: an SQLite file, or PostgreSQL.
//
// Promise    What happens between begin() and commit() becomes durable together, or nothing does.
// Order      begin() -> (begin_one() -> ... -> end_one() or undo_one())... -> commit() or rollback().
// Threads    Storage worker.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "agent/collector/supply.h"
#include "agent/collector/tables.h"
#include "agent/spool/sqlite.h"
#include "platform/base/result.h"

namespace pinaflux {

class Home {
 public:
  virtual ~Home() = default;

  // The tables of state. Where others share them, it holds what supply() has brought.
  virtual sqlite::Database& state() = 0;
  virtual Supply* supply() = 0;  // None: everything is in state().
  virtual Tables& tables() = 0;

  // Everything works on state() has been prepared.
  virtual Status prepared() = 0;
  // `lanes`: those that will be asked for, as far as it is known.
  virtual Status begin(std::span<const LaneKey> lanes) = 0;
  virtual Status commit() = 0;
  virtual void rollback() = 0;
  // An arrival within the transaction.
  virtual Status begin_one() = 0;
  virtual Status undo_one() = 0;
  virtual Status end_one() = 0;

  // An arrival has failed, and nothing of the transaction can be kept.
  virtual bool broken() const = 0;
  // After a rollback: the same is worth another try at once, slower and with more care.
  virtual bool again() = 0;
  // Counts how often the state was read anew: files may have other lengths now than they had.
  virtual std::uint64_t renewals() const = 0;
  // Rows that the target did not take, and that are in quarantine, since it was asked last.
  virtual std::uint64_t take_quarantined() = 0;
  // More than an error's static text can say; empty when there is nothing.
  virtual std::string trouble() const = 0;
};

}  // namespace pinaflux
