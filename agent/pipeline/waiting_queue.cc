// Each is named by "q" and its number: u8 version = 2 | u64 number | the entry. Bands have another version.

#include "agent/pipeline/waiting_queue.h"

#include <algorithm>
#include <string>

#include "agent/pipeline/band_step.h"

namespace pinaflux {

namespace {

constexpr std::uint8_t kEntryVersion = 2;

StateEdit edit_of(std::string_view prefix, std::uint64_t id, Bytes entry) {
  StateEdit edit{band_edit_key(std::string(prefix) + "q", id), {}};
  if (entry.empty()) return edit;
  Writer to(edit.value);
  to.u8(kEntryVersion);
  to.u64(id);
  to.raw(entry);
  return edit;
}

}  // namespace

void WaitingQueue::add(Bytes entry) {
  settle();
  waiting_.push_back({0, Buffer(entry.begin(), entry.end())});
}

void WaitingQueue::settle() {
  for (Buffer& entry : behind_) waiting_.push_back({0, std::move(entry)});
  behind_.clear();
}

Bytes WaitingQueue::at(std::size_t index) {
  settle();
  return waiting_[index].entry;
}

void WaitingQueue::given() {
  settle();
  if (waiting_.front().id > 0) given_.push_back(waiting_.front().id);
  waiting_.pop_front();
}

void WaitingQueue::save(std::string_view prefix, std::vector<StateEdit>& to) {
  settle();
  for (const std::uint64_t id : given_) to.push_back(edit_of(prefix, id, {}));
  given_.clear();
  for (Waiting& waiting : waiting_) {
    if (waiting.id > 0) continue;
    waiting.id = next_id_++;
    to.push_back(edit_of(prefix, waiting.id, waiting.entry));
  }
}

void WaitingQueue::snapshot(std::string_view prefix, std::vector<StateEdit>& to) const {
  std::uint64_t next_id = next_id_;
  for (const Waiting& waiting : waiting_) {
    to.push_back(edit_of(prefix, waiting.id > 0 ? waiting.id : next_id++, waiting.entry));
  }
  for (const Buffer& entry : behind_) to.push_back(edit_of(prefix, next_id++, entry));
}

Bytes WaitingQueue::entry_of(Bytes value) {
  Reader from(value);
  const std::uint8_t version = from.u8();
  (void)from.u64();
  const Bytes entry = from.raw(from.left());
  return from.failed() || version != kEntryVersion ? Bytes() : entry;
}

bool WaitingQueue::restore(Bytes value, const std::function<bool(Bytes entry)>& sound) {
  Reader from(value);
  if (from.u8() != kEntryVersion) return false;
  const std::uint64_t id = from.u64();
  const Bytes entry = from.raw(from.left());
  if (from.failed() || id == 0 || id == UINT64_MAX) return true;
  next_id_ = std::max(next_id_, id + 1);
  if (sound(entry)) {
    waiting_.push_back({id, Buffer(entry.begin(), entry.end())});
  } else {
    given_.push_back(id);
  }
  return true;
}

}  // namespace pinaflux
