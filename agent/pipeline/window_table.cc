// Keys and panes are places in two vectors. A key is threaded by bucket (singly) and by age (doubly), a pane by start
// (doubly). A key's place names its saved state, so two keys never share one; a pane's place is used again before its
// saved state is erased, so that has a number of its own.

#include "agent/pipeline/window_table.h"

#include <algorithm>
#include <bit>

namespace pinaflux {

WindowTable::WindowTable(std::size_t fields, std::size_t keys_max)
    : fields_(fields), buckets_(std::bit_ceil(std::max<std::size_t>(keys_max, 1)), kNone) {}

WindowTable::Index WindowTable::find(std::string_view bytes, std::uint64_t hash) const {
  Index at = buckets_[hash & (buckets_.size() - 1)];
  while (at != kNone && (keys_[at].hash != hash || keys_[at].bytes != bytes)) at = keys_[at].next;
  return at;
}

WindowTable::Index WindowTable::put(std::string_view bytes, std::uint64_t hash) {
  while (!free_.empty()) {
    const Index slot = free_.back();
    free_.pop_back();
    if (keys_[slot].used) continue;
    begin(slot, bytes, hash);
    return slot;
  }
  if (keys_.size() >= kSlotsMax) return kNone;
  keys_.emplace_back();
  begin(slots() - 1, bytes, hash);
  return slots() - 1;
}

bool WindowTable::put_at(Index slot, std::string_view bytes, std::uint64_t hash, bool hidden) {
  if (slot >= kSlotsMax || (slot < slots() && keys_[slot].used)) return false;
  if (!hidden && find(bytes, hash) != kNone) return false;
  reach(slot);
  begin(slot, bytes, hash);
  if (hidden) hide(slot);
  return true;
}

void WindowTable::reach(Index slot) {
  while (slots() <= slot) {
    free_.push_back(slots());
    keys_.emplace_back();
  }
}

void WindowTable::give_up(Index slot) {
  reach(slot);
  if (keys_[slot].used) return;
  keys_[slot].stored = true;
  change(slot);
}

void WindowTable::begin(Index slot, std::string_view bytes, std::uint64_t hash) {
  Key& key = keys_[slot];
  key.bytes = bytes;
  key.hash = hash;
  key.shape = nullptr;
  key.source = 0;
  key.event = 0;
  key.watermark = key.emitted = kNever;
  key.revision = 0;
  key.arrival = Instant::never();
  key.held.clear();
  key.used = true;
  ++used_;
  key.closing = key.ready = key.hidden = false;
  key.next = bucket(hash);
  bucket(hash) = slot;
}

void WindowTable::remove(Index index) {
  Key& key = keys_[index];
  ASSERT(key.oldest == kNone);
  set_aside(index);
  if (!key.hidden) unlink(index);
  key.used = false;
  --used_;
  change(index);
  free_.push_back(index);
}

void WindowTable::hide(Index index) {
  unlink(index);
  keys_[index].hidden = true;
}

void WindowTable::unlink(Index index) {
  Index* link = &bucket(keys_[index].hash);
  while (*link != index) link = &keys_[*link].next;
  *link = keys_[index].next;
}

void WindowTable::touch(Index index) {
  if (index == newest_) return;
  set_aside(index);
  Key& key = keys_[index];
  key.listed = true;
  ++listed_;
  key.more_recent = kNone;
  key.less_recent = newest_;
  (newest_ == kNone ? oldest_ : keys_[newest_].more_recent) = index;
  newest_ = index;
}

void WindowTable::set_aside(Index index) {
  Key& key = keys_[index];
  if (!key.listed) return;
  key.listed = false;
  --listed_;
  (key.more_recent == kNone ? newest_ : keys_[key.more_recent].less_recent) = key.less_recent;
  (key.less_recent == kNone ? oldest_ : keys_[key.less_recent].more_recent) = key.more_recent;
}

WindowTable::Index WindowTable::add(Index index, Index older, std::int64_t start) {
  Index at = free_pane_;
  if (at == kNone) {
    at = static_cast<Index>(panes_.size());
    panes_.emplace_back();
    cells_.resize(cells_.size() + fields_);
  } else {
    free_pane_ = panes_[at].newer;
    for (Accumulator& field : fields(at)) field.reset();
  }
  Key& key = keys_[index];
  Pane& pane = panes_[at];
  const bool listed = pane.changed;
  pane = {};
  pane.start = pane.last = start;
  pane.older = older;
  pane.key = index;
  pane.id = next_id_++;
  pane.changed = listed;
  Index& link = older == kNone ? key.oldest : panes_[older].newer;
  pane.newer = std::exchange(link, at);
  (pane.newer == kNone ? key.newest : panes_[pane.newer].older) = at;
  return at;
}

void WindowTable::remove_pane(Index index, Index at) {
  Key& key = keys_[index];
  Pane& pane = panes_[at];
  (pane.older == kNone ? key.oldest : panes_[pane.older].newer) = pane.newer;
  (pane.newer == kNone ? key.newest : panes_[pane.newer].older) = pane.older;
  pane.newer = std::exchange(free_pane_, at);
  pane.key = kNone;
  if (pane.stored) gone_.push_back(pane.id);
}

WindowTable::Index WindowTable::add_stored(Index index, Index older, std::int64_t start,
                                           std::uint64_t id) {
  const std::uint64_t next = std::max(next_id_, id + 1);
  const Index at = add(index, older, start);
  panes_[at].id = id;
  panes_[at].stored = true;
  next_id_ = next;
  return at;
}

void WindowTable::give_up_pane(std::uint64_t id) {
  next_id_ = std::max(next_id_, id + 1);
  gone_.push_back(id);
}

void WindowTable::change_pane(Index at) {
  if (std::exchange(panes_[at].changed, true)) return;
  changed_panes_.push_back(at);
}

void WindowTable::change(Index index) {
  if (std::exchange(keys_[index].changed, true)) return;
  changed_.push_back(index);
}

}  // namespace pinaflux
