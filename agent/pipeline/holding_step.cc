#include "agent/pipeline/holding_step.h"

#include "agent/pipeline/band_step.h"
#include "agent/pipeline/node_key.h"
#include "agent/pipeline/packed_record.h"

namespace pinaflux {

HoldingStep::HoldingStep(std::span<const std::string> keys, std::size_t keys_max,
                         std::uint64_t signature, std::size_t held_bytes_max, Shapes& shapes)
    : shapes_(shapes), table_(keys_max, signature, held_bytes_max) {
  for (const std::string& key : keys) keys_.emplace_back(key);
}

std::string_view HoldingStep::key_of(const Record& record) {
  KeyWriter key(scratch_);
  key.text(Type::text, record.shape().stream());
  for (Column& column : keys_) key.value(column.of(record));
  return key.full() ? std::string_view() : key.result();
}

void HoldingStep::remember(std::string_view key, const Record& record, const Flow& flow) {
  if (pending_count_ == pending_.size()) pending_.emplace_back();
  Pending& pending = pending_[pending_count_++];
  pending.key = key;
  pending.hash = stable_hash(key);
  pending.record = record;
  pending.source = flow.source;
  pending.moment = flow.moment;
}

void HoldingStep::commit() {
  for (std::size_t i = 0; i < pending_count_; ++i) absorb(pending_[i]);
  pending_count_ = 0;
}

void HoldingStep::resume(Instant now) {
  table_.visit([&](Band& band) {
    band.arrival = now;
    return false;
  });
  due_ = now;
}

std::optional<Step::Given> HoldingStep::give(Arena& arena) {
  return unpack_record(waiting_.front(), shapes_, arena);
}

bool HoldingStep::is_sound(Bytes entry) const { return is_packed_record(entry, shapes_); }

void HoldingStep::save(std::string_view prefix, std::vector<StateEdit>& to) {
  for (const std::uint64_t hash : foreign_) to.push_back({band_edit_key(prefix, hash), {}});
  foreign_.clear();
  table_.save([&](std::uint64_t hash, Buffer value) {
    to.push_back({band_edit_key(prefix, hash), std::move(value)});
  });
  waiting_.save(prefix, to);
}

void HoldingStep::snapshot(std::string_view prefix, std::vector<StateEdit>& to) const {
  table_.snapshot([&](std::uint64_t hash, Buffer value) {
    to.push_back({band_edit_key(prefix, hash), std::move(value)});
  });
  waiting_.snapshot(prefix, to);
}

void HoldingStep::restore(Bytes value) {
  if (value.empty()) return;
  if (waiting_.restore(value, [this](Bytes entry) { return is_sound(entry); })) return;
  const auto stored = BandTable::decode(value);
  if (stored && stored->band.type == Type::bytes && restore_band(*stored, value)) {
    due_ = Instant{INT64_MIN};  // The first tick() looks at all keys.
    return;
  }
  Reader from(value);
  from.u8(), from.u64();
  const std::string_view key = from.text();
  if (!from.failed()) foreign_.push_back(stable_hash(key));
}

}  // namespace pinaflux
