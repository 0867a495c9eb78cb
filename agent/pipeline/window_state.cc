// A key's saved state, little-endian:
//
//   u8 version = 1 | u64 signature | varint slot | key | varint source | u8 closing | zigzag event, watermark, emitted
//   | varint panes | panes: zigzag start (the first), then varint distance to the one before | varint last - start
//   | varint records | for each field what Accumulator encodes
//
// with `key` as a varint length and bytes. It is named by its slot. (About 60 bytes, and 25 to 110 for each open pane
// and field, of each key that changed in a commit.)

#include <cstdio>

#include "agent/pipeline/band_table.h"
#include "agent/pipeline/window.h"

namespace pinaflux {

namespace {

constexpr std::uint8_t kWindowVersion = 1;
constexpr std::int64_t kStampMax = INT64_MAX - (std::int64_t{1} << 57);

bool sane(std::int64_t time) { return time <= kStampMax && time >= -kStampMax; }

std::string slot_key(std::string_view prefix, std::uint32_t slot) {
  char digits[9];
  std::snprintf(digits, sizeof digits, "%08x", slot);
  return std::string(prefix) + digits;
}

}  // namespace

void WindowStep::save(std::string_view prefix, std::vector<StateEdit>& to) {
  table_.take_changed([&](Index slot) {
    Buffer value;
    if (table_[slot].used) encode(slot, value);
    to.push_back({slot_key(prefix, slot), std::move(value)});
  });
}

void WindowStep::snapshot(std::string_view prefix, std::vector<StateEdit>& to) const {
  for (Index slot = 0; slot < table_.slots(); ++slot) {
    if (!table_[slot].used) continue;
    Buffer value;
    encode(slot, value);
    to.push_back({slot_key(prefix, slot), std::move(value)});
  }
}

void WindowStep::encode(Index slot, Buffer& buffer) const {
  const Key& key = table_[slot];
  Writer to(buffer);
  to.u8(kWindowVersion);
  to.u64(signature_);
  to.varint(slot);
  to.text(key.bytes);
  to.varint(key.source);
  to.u8(key.closing ? 1 : 0);
  to.signed_varint(key.event);
  to.signed_varint(key.watermark);
  to.signed_varint(key.emitted);
  std::uint64_t count = 0;
  for (Index at = key.oldest; at != WindowTable::kNone; at = table_.pane(at).newer) ++count;
  to.varint(count);
  std::int64_t before = 0;
  for (Index at = key.oldest; at != WindowTable::kNone; at = table_.pane(at).newer) {
    const Pane& pane = table_.pane(at);
    if (at == key.oldest) {
      to.signed_varint(pane.start);
    } else {
      to.varint(static_cast<std::uint64_t>(pane.start) - static_cast<std::uint64_t>(before));
    }
    before = pane.start;
    to.varint(static_cast<std::uint64_t>(pane.last - pane.start));
    to.varint(pane.records);
    for (const Accumulator& field : table_.fields(at)) field.encode(to, needs_);
  }
}

void WindowStep::restore(Bytes value) {
  Reader from(value);
  if (from.u8() != kWindowVersion || from.u64() != signature_) return;
  const std::uint64_t slot = from.varint();
  const std::string_view bytes = from.text();
  KeyReader parts(bytes);
  const auto stream = parts.value(), boot = parts.value();
  bool sound = stream && stream->type() == Type::text && boot && boot->type() == Type::uint64;
  for (std::size_t i = 0; i < keys_.size(); ++i) sound = sound && parts.value().has_value();
  if (from.failed() || !sound || !parts.at_end() || bytes.size() > KeyWriter::kBytesMax) return;
  const Shape* shape = shape_for(stream->as_text());
  if (shape == nullptr || slot >= WindowTable::kSlotsMax) return;
  const auto index = static_cast<Index>(slot);
  if (!table_.put_at(index, bytes, stable_hash(bytes))) return;
  table_[index].shape = shape;
  if (decode(from, index)) {
    table_.restored(index);
    due_ = Instant{INT64_MIN};  // The first tick() looks at all keys.
    return;
  }
  while (table_[index].oldest != WindowTable::kNone) {
    table_.remove_pane(index, table_[index].oldest);
  }
  table_.remove(index);
}

bool WindowStep::decode(Reader& from, Index index) {
  Key& key = table_[index];
  const std::uint64_t source = from.varint();
  const std::uint8_t closing = from.u8();
  key.event = from.signed_varint();
  key.watermark = from.signed_varint();
  key.emitted = from.signed_varint();
  if (source > UINT16_MAX || closing > 1 || !sane(key.event) || !sane(key.watermark)) return false;
  const bool gave = key.emitted != WindowTable::kNever;
  if (gave && (session() || !sane(key.emitted) || key.emitted % options_.every.ns != 0)) {
    return false;
  }
  key.source = static_cast<SourceIndex>(source);
  if (!decode_panes(from, index) || from.left() != 0) return false;
  if (closing == 1 && key.oldest == WindowTable::kNone) return false;
  key.closing = closing == 1;
  if (!key.closing) table_.touch(index);
  if (due(key)) make_ready(index);
  return true;
}

bool WindowStep::decode_panes(Reader& from, Index index) {
  const std::uint64_t count = from.varint();
  std::int64_t before = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::int64_t start = 0;
    if (i == 0) {
      start = from.signed_varint();
    } else if (__builtin_add_overflow(before, from.varint(), &start) || start <= before) {
      return false;
    }
    before = start;
    const std::uint64_t span = from.varint();
    const std::uint64_t records = from.varint();
    std::int64_t last = 0;
    if (from.failed() || records == 0 || __builtin_add_overflow(start, span, &last)) return false;
    if (!sane(start) || !sane(last)) return false;
    const Key& key = table_[index];
    if (!session() &&
        (start % options_.every.ns != 0 || last - start >= options_.every.ns ||
         (key.emitted != WindowTable::kNever && start + options_.length.ns <= key.emitted))) {
      return false;
    }
    const Index at = table_.add(index, key.newest, start);
    table_.pane(at).last = last;
    table_.pane(at).records = records;
    for (Accumulator& field : table_.fields(at)) {
      if (!field.decode(from, needs_)) return false;
    }
  }
  return !from.failed();
}

}  // namespace pinaflux
