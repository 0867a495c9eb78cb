// Comparison: which records of an envelope are here already, one by one: what a hash cannot say where it is
// forgotten, or where two gateways (a cloned card, a restored image) sealed the same records otherwise.
//
// Promise    A seq is known if the row that landed under it has the same time and values; or if it was declared
//            lost and stands before one whose row is there: two gateways share what was numbered before they parted.
//            What is in doubt is not known: it is sent again in another epoch, which loses nothing.
//            What cannot be compared, see Tables::Doubt, is not another record for that.
// Limits     A row that was deleted from its table since cannot be known. Reads a row for each record.
// Threads    Storage worker.
// Tests      tests/agent/collector/fork_test.cc
#pragma once

#include <span>
#include <vector>

#include "agent/collector/state.h"
#include "agent/collector/tables.h"
#include "agent/collector/timing.h"
#include "agent/data/record.h"
#include "agent/seal/envelope.h"

namespace pinaflux {

struct Compared {
  std::vector<Range> known;   // Rising, apart, within the envelope's range.
  bool contradicted = false;  // Another record has landed under one of its seqs.
  bool untold = false;        // What has landed under one of them cannot be compared.
  bool open = false;          // Nothing is settled under one of them.
};

struct Evidence {
  Ledger& ledger;
  Tables& tables;
  Timing& timing;
};

// `rows` are all that the envelope with this header holds.
Result<Compared> compare(const Evidence& evidence, const LaneEntry& lane, const Header& header,
                         std::span<const Row> rows);

}  // namespace pinaflux
