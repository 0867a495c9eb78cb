// Each is named by "q" and its number: u8 version = 2 | u64 number | the record (packed_record.cc). Bands have another version.

#include "agent/pipeline/waiting_records.h"

#include <algorithm>
#include <string>

#include "agent/pipeline/band_step.h"
#include "agent/pipeline/packed_record.h"

namespace pinaflux {

namespace {

constexpr std::uint8_t kPackedVersion = 2;

StateEdit edit_of_waiting(std::string_view prefix, std::uint64_t id, Bytes packed) {
  StateEdit edit{band_edit_key(std::string(prefix) + "q", id), {}};
  if (packed.empty()) return edit;
  Writer to(edit.value);
  to.u8(kPackedVersion);
  to.u64(id);
  to.raw(packed);
  return edit;
}

}  // namespace

void WaitingRecords::add(Bytes packed) {
  settle();
  waiting_.push_back({0, Buffer(packed.begin(), packed.end())});
}

void WaitingRecords::settle() {
  for (Buffer& packed : behind_) waiting_.push_back({0, std::move(packed)});
  behind_.clear();
}

std::optional<Step::Given> WaitingRecords::give(Arena& arena) {
  settle();
  return unpack_record(waiting_.front().packed, shapes_, arena);
}

void WaitingRecords::given() {
  if (waiting_.front().id > 0) given_.push_back(waiting_.front().id);
  waiting_.pop_front();
}

void WaitingRecords::save(std::string_view prefix, std::vector<StateEdit>& to) {
  settle();
  for (const std::uint64_t id : given_) to.push_back(edit_of_waiting(prefix, id, {}));
  given_.clear();
  for (Waiting& record : waiting_) {
    if (record.id > 0) continue;
    record.id = next_id_++;
    to.push_back(edit_of_waiting(prefix, record.id, record.packed));
  }
}

void WaitingRecords::snapshot(std::string_view prefix, std::vector<StateEdit>& to) const {
  std::uint64_t next_id = next_id_;
  for (const Waiting& record : waiting_) {
    to.push_back(edit_of_waiting(prefix, record.id > 0 ? record.id : next_id++, record.packed));
  }
  for (const Buffer& packed : behind_) to.push_back(edit_of_waiting(prefix, next_id++, packed));
}

bool WaitingRecords::restore(Bytes value) {
  Reader from(value);
  if (from.u8() != kPackedVersion) return false;
  const std::uint64_t id = from.u64();
  const Bytes packed = from.raw(from.left());
  if (from.failed() || id == 0 || id == UINT64_MAX) return true;
  next_id_ = std::max(next_id_, id + 1);
  if (is_packed_record(packed, shapes_)) {
    waiting_.push_back({id, Buffer(packed.begin(), packed.end())});
  } else {
    given_.push_back(id);
  }
  return true;
}

}  // namespace pinaflux
