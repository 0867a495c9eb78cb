#include "agent/data/intake.h"

#include <algorithm>

namespace pinaflux {

const char* reason_name(Reason reason) {
  switch (reason) {
    case Reason::malformed: return "malformed";
    case Reason::too_large: return "too_large";
    case Reason::too_many_fields: return "too_many_fields";
    case Reason::too_deep: return "too_deep";
    case Reason::duplicate_field: return "duplicate_field";
    case Reason::bad_time: return "bad_time";
    case Reason::bad_type: return "bad_type";
    case Reason::shapes_exhausted: return "shapes_exhausted";
    case Reason::unknown_field: return "unknown_field";
    case Reason::mask_failed: return "mask_failed";
    case Reason::node_failed: return "node_failed";
    case Reason::no_lane: return "no_lane";
  }
  return "?";
}

Intake::Intake(Shapes& shapes) : shapes_(shapes), arena_(limits::kIntakeBytesMax) {
  records.reserve(limits::kIntakeRecordsMax);
}

bool Intake::room(std::size_t bytes, std::size_t record_count) const {
  return arena_.bytes_used() + bytes <= bytes_budget_ &&
         records.size() + record_count <= limits::kIntakeRecordsMax;
}

void Intake::begin(SourceIndex source, std::string_view peer) {
  ASSERT(!is_open_);
  is_open_ = true;
  open_ = {.source = source,
           .ticket = 0,
           .peer = peer.empty() ? peer : arena_.copy(peer),
           .records_begin = records.size(),
           .records_end = 0,
           .refusals_begin = refusals.size(),
           .refusals_end = 0,
           .cursors_begin = cursors.size(),
           .cursors_end = 0};
}

void Intake::reject(Reason reason, std::uint64_t byte_count, std::uint64_t keyed_hash,
                    std::uint32_t position) {
  ASSERT(is_open_);
  refusals.push_back({open_.source, reason, byte_count, keyed_hash, position});
}

void Intake::keep(const RefusedBytes& bytes) {
  ASSERT(is_open_ && !refusals.empty());
  if (bytes.bytes.empty()) return;
  KeptBytes kept(refusals.size() - 1, bytes.pack());
  if (kept_size_ + kept.packed.size() > limits::kGroupRefusedBytesMax) return;
  kept_size_ += kept.packed.size();
  kept_bytes.push_back(std::move(kept));
}

void Intake::forget_refusals(std::size_t from) {
  refusals.resize(from);
  while (!kept_bytes.empty() && kept_bytes.back().refusal >= from) {
    kept_size_ -= kept_bytes.back().packed.size();
    kept_bytes.pop_back();
  }
}

void Intake::cursor(std::string_view key, Bytes value) {
  ASSERT(is_open_);
  cursors.push_back({open_.source, std::string(key), Buffer(value.begin(), value.end()), false});
}

void Intake::erase_cursor(std::string_view key) {
  ASSERT(is_open_);
  cursors.push_back({open_.source, std::string(key), {}, true});
}

void Intake::end(Ticket ticket) {
  ASSERT(is_open_);
  is_open_ = false;
  open_.ticket = ticket;
  open_.records_end = records.size();
  open_.refusals_end = refusals.size();
  open_.cursors_end = cursors.size();
  parcels.push_back(open_);
}

void Intake::abandon() {
  ASSERT(is_open_);
  is_open_ = false;
  records.resize(open_.records_begin, RawRecord{});
  forget_refusals(open_.refusals_begin);
  cursors.resize(open_.cursors_begin);
}

void Intake::reset(std::size_t bytes_budget) {
  ASSERT(!is_open_);
  ASSERT(bytes_budget <= limits::kIntakeBytesMax);
  bytes_budget_ = bytes_budget;
  records.clear();
  refusals.clear();
  kept_bytes.clear();
  kept_size_ = 0;
  cursors.clear();
  parcels.clear();
  arena_.reset(true);
}

}  // namespace pinaflux
