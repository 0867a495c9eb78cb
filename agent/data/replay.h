// Replay: a dead letter on its way through mask and pipeline once more.
//
// Promise    Until its record is committed (or has become another letter) it stays in the spool; it leaves in
//            that same commit.
// Ownership  The operation that read it; the agent fills in what became of it.
// Threads    One owner at a time: storage worker, then loop, then storage worker again.
#pragma once

#include <string>

#include "agent/data/group.h"
#include "agent/data/intake.h"
#include "platform/base/bytes.h"

namespace pinaflux {

struct Replay {
  enum class Outcome {
    waits,
    taken,  // It went through the pipeline and is committed. A node may have dropped it, as any record.
    refused,  // The pipeline refused it for `reason`: it is another letter now.
    stays,    // It did not get that far, for `why`: the letter is as it was.
  };

  LetterId letter = 0;
  std::string source;
  Buffer body;  // As the letter holds the record: a body of one row. Raw: RefusedBytes, packed.
  std::string edited;  // The record as JSON, or the bytes, in place of that; empty: as it is.
  bool raw = false;    // Bytes that its source could not read.

  Outcome outcome = Outcome::waits;
  Reason reason = Reason::node_failed;
  const char* why = "";
};

}  // namespace pinaflux
