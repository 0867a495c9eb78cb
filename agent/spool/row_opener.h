// Row opener: opens what a row of the queue holds, and holds it against what the row says.
//
// Limits     The arena of one envelope or chunk.
// Ownership  rows() live until the next call.
// Threads    One owner.
// Tests      tests/agent/spool/audit_test.cc
#pragma once

#include <memory>
#include <vector>

#include "agent/seal/envelope.h"
#include "agent/spool/lane.h"
#include "agent/spool/queue.h"

namespace pinaflux {

class RowOpener {
 public:
  RowOpener();

  void look_in(const Dictionaries& dictionaries) { opener_.look_in(&dictionaries); }
  // Errors: corrupt (it does not open, or is not what lane and row say), newer.
  Result<Header> envelope(const Lane& lane, const Entry& entry, Bytes bytes);
  Result<Header> tombstone(const Lane& lane, const Entry& entry, Bytes bytes);
  // Of no row yet.
  Result<Header> whole(Bytes envelope);
  Status chunk(const Entry& entry, Bytes bytes);
  const std::vector<Row>& rows() const { return rows_; }

 private:
  void forget();
  Result<Header> open(const Lane& lane, const Entry& entry, Bytes bytes);

  Opener opener_;
  std::unique_ptr<Shapes> shapes_;
  Arena arena_;
  std::vector<Row> rows_;
};

}  // namespace pinaflux
