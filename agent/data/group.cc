#include "agent/data/group.h"

#include <algorithm>

namespace pinaflux {

std::size_t Group::record_count() const {
  std::size_t n = 0;
  for (const auto& lane : records) n += lane.size();
  return n;
}

bool Group::empty() const {
  return record_count() == 0 && receipts.empty() && cursors.empty() && refusals.empty() &&
         replayed.empty() && states.empty() && acks.empty();
}

bool Group::full() const {
  return record_count() >= limits::kGroupRecordsFull ||
         arena.bytes_used() >= arena.bytes_max() * 3 / 4 ||
         computed.bytes_used() >= computed.bytes_max() / 4;
}

const KeptRecord* Group::kept_of(std::size_t refusal) const {
  const auto it = std::ranges::lower_bound(kept, refusal, {}, &KeptRecord::refusal);
  return it != kept.end() && it->refusal == refusal ? &*it : nullptr;
}

const KeptBytes* Group::bytes_of(std::size_t refusal) const {
  const auto it = std::ranges::lower_bound(kept_bytes, refusal, {}, &KeptBytes::refusal);
  return it != kept_bytes.end() && it->refusal == refusal ? &*it : nullptr;
}

void Group::receipt(SourceIndex source, Ticket ticket, std::uint64_t record_count) {
  auto it = std::ranges::find(receipts, source, &Receipt::source);
  if (it == receipts.end()) {
    receipts.push_back({source, ticket, record_count});
    return;
  }
  ASSERT(ticket > it->ticket);
  it->ticket = ticket;
  it->records += record_count;
}

void Group::reset() {
  for (auto& lane : records) lane.clear();
  receipts.clear();
  cursors.clear();
  refusals.clear();
  kept.clear();
  kept_bytes.clear();
  replayed.clear();
  states.clear();
  acks.clear();
  arena.reset();
  computed.reset();
}

}  // namespace pinaflux
