// Sealed: what records come to in envelopes, as they would on the wire.
//
// Ownership  Records are read while take() lasts.
// Threads    One owner.
// Tests      tests/bench/pipeline
#pragma once

#include <span>
#include <vector>

#include "agent/data/record.h"
#include "agent/seal/envelope.h"

namespace pinaflux::bench {

class Sealed {
 public:
  static constexpr std::size_t kRecords = 500;  // Of an envelope.

  Status take(std::span<const Record> records);
  std::uint64_t bytes() const { return bytes_; }

 private:
  Sealer sealer_;
  std::vector<Row> rows_;
  Buffer envelope_;
  std::uint64_t count_ = 0, bytes_ = 0;
};

}  // namespace pinaflux::bench
