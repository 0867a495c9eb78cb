#include "agent/pipeline/held_record.h"

#include "agent/pipeline/execd.h"
#include "agent/pipeline/packed_record.h"
#include "agent/pipeline/waiting_queue.h"

namespace pinaflux {

Bytes held_record(Bytes value) {
  const Bytes entry = WaitingQueue::entry_of(value);
  const Bytes packed = ExecdStep::held_in(entry);
  PackedRecord record(packed);
  while (record.next()) {
  }
  return record.failed() || !record.at_end() ? Bytes() : packed;
}

}  // namespace pinaflux
