// What is saved, little-endian. Of a key, named by its slot in 8 hex digits:
//
//   u8 version = 2 | u64 signature | varint 0 | varint slot | key | varint source
//   | u8 0: open, 1: closing, 2: closing and hidden | zigzag event, watermark, emitted
//   | where a time-weighted mean is given, for each field f64 value held from before (NaN: none)
//   | varint revision, unless it is 0
//
// with `key` as a varint length and bytes. Of a pane, named by "p" and its id in hex digits:
//
//   u8 version = 2 | u64 signature | varint id | varint slot of its key | zigzag start | varint last - start
//   | varint records | for each field what Accumulator encodes | zigzag amend, if it is to be given again
//
// A commit has the keys and the panes that changed, and nothing of the panes that did not. By name, as the spool gives
// them back, keys come before panes. What is of another signature, or damaged, is erased by the first save(): a pane
// must not come back with options that mean the same again, nor to another key at its slot.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>

#include "agent/pipeline/band_table.h"
#include "agent/pipeline/window.h"

namespace pinaflux {

namespace {

constexpr std::uint8_t kWindowVersion = 2;
constexpr std::uint8_t kOpen = 0, kClosing = 1, kHidden = 2;
constexpr std::int64_t kStampMax = INT64_MAX - (std::int64_t{1} << 57);
constexpr std::uint64_t kPaneIdMax = std::uint64_t{1} << 62;

bool sane(std::int64_t time) { return time <= kStampMax && time >= -kStampMax; }

std::string slot_name(std::string_view prefix, std::uint32_t slot) {
  char digits[9];
  std::snprintf(digits, sizeof digits, "%08x", slot);
  return std::string(prefix) + digits;
}

std::string pane_name(std::string_view prefix, std::uint64_t id) {
  char digits[20];
  std::snprintf(digits, sizeof digits, "p%llx", static_cast<unsigned long long>(id));
  return std::string(prefix) + digits;
}

}  // namespace

void WindowStep::save(std::string_view prefix, std::vector<StateEdit>& to) {
  table_.take_changed([&](Index slot) { to.push_back(edit_of(prefix, slot)); });
  table_.take_changed_panes([&](Index pane) { to.push_back(edit_of_pane(prefix, pane)); },
                            [&](std::uint64_t id) { to.push_back({pane_name(prefix, id), {}}); });
}

void WindowStep::snapshot(std::string_view prefix, std::vector<StateEdit>& to) const {
  for (Index slot = 0; slot < table_.slots(); ++slot) {
    if (table_[slot].used) to.push_back(edit_of(prefix, slot));
  }
  for (Index pane = 0; pane < table_.panes(); ++pane) {
    if (table_.pane(pane).key != WindowTable::kNone) to.push_back(edit_of_pane(prefix, pane));
  }
}

StateEdit WindowStep::edit_of(std::string_view prefix, Index slot) const {
  StateEdit edit{slot_name(prefix, slot), {}};
  const Key& key = table_[slot];
  if (!key.used) return edit;
  Writer to(edit.value);
  to.u8(kWindowVersion);
  to.u64(signature_);
  to.varint(0);
  to.varint(slot);
  to.text(key.bytes);
  to.varint(key.source);
  to.u8(key.hidden ? kHidden : key.closing ? kClosing : kOpen);
  to.signed_varint(key.event);
  to.signed_varint(key.watermark);
  to.signed_varint(key.emitted);
  for (std::size_t i = 0; needs_.time && i < of_.size(); ++i) {
    to.u64(std::bit_cast<std::uint64_t>(key.held.empty() ? NAN : key.held[i]));
  }
  if (key.revision > 0) to.varint(key.revision);
  return edit;
}

StateEdit WindowStep::edit_of_pane(std::string_view prefix, Index index) const {
  const Pane& pane = table_.pane(index);
  StateEdit edit{pane_name(prefix, pane.id), {}};
  Writer to(edit.value);
  to.u8(kWindowVersion);
  to.u64(signature_);
  to.varint(pane.id);
  to.varint(pane.key);
  to.signed_varint(pane.start);
  to.varint(static_cast<std::uint64_t>(pane.last - pane.start));
  to.varint(pane.records);
  for (const Accumulator& field : table_.fields(index)) field.encode(to, needs_);
  if (pane.amend != WindowTable::kNever) to.signed_varint(pane.amend);
  return edit;
}

void WindowStep::restore(Bytes value) {
  Reader from(value);
  if (from.u8() != kWindowVersion) return;
  const bool ours = from.u64() == signature_;
  const std::uint64_t id = from.varint(), place = from.varint();
  if (from.failed() || place >= WindowTable::kSlotsMax || id > kPaneIdMax) return;
  const auto slot = static_cast<Index>(place);
  if (id == 0 && !(ours && restore_key(from, slot))) table_.give_up(slot);
  if (id > 0 && !(ours && restore_pane(from, id, slot))) give_up_pane(value, id);
  due_ = Instant{INT64_MIN};  // The first tick() looks at all keys.
}

// Its records are in no window, as those that were late.
void WindowStep::give_up_pane(Bytes value, std::uint64_t id) {
  table_.give_up_pane(id);
  Reader from(value);
  from.u8(), from.u64(), from.varint(), from.varint(), from.signed_varint(), from.varint();
  const std::uint64_t records = from.varint();
  if (!from.failed()) late_ += records;
}

bool WindowStep::restore_key(Reader& from, Index slot) {
  const std::string_view bytes = from.text();
  const std::uint64_t source = from.varint();
  const std::uint8_t stage = from.u8();
  KeyReader parts(bytes);
  const auto stream = parts.value(), boot = parts.value();
  bool sound = stream && stream->type() == Type::text && boot && boot->type() == Type::uint64;
  for (std::size_t i = 0; i < keys_.size(); ++i) sound = sound && parts.value().has_value();
  if (from.failed() || !sound || !parts.at_end() || bytes.size() > KeyWriter::kBytesMax) {
    return false;
  }
  const Shape* shape = shape_for(stream->as_text());
  if (shape == nullptr || source > UINT16_MAX || stage > kHidden) return false;
  if (!table_.put_at(slot, bytes, stable_hash(bytes), stage == kHidden)) return false;
  table_[slot].shape = shape;
  table_[slot].source = static_cast<SourceIndex>(source);
  table_[slot].closing = stage != kOpen;
  if (!decode_key(from, table_[slot])) {
    table_.remove(slot);
    return false;
  }
  if (!table_[slot].closing) table_.touch(slot);
  table_.restored(slot);
  return true;
}

bool WindowStep::decode_key(Reader& from, Key& key) const {
  key.event = from.signed_varint();
  key.watermark = from.signed_varint();
  key.emitted = from.signed_varint();
  for (std::size_t i = 0; needs_.time && i < of_.size(); ++i) {
    key.held.push_back(std::bit_cast<double>(from.u64()));
  }
  if (!session() && from.left() > 0) key.revision = from.varint();
  const bool gave = key.emitted != WindowTable::kNever;
  if (gave && (session() || !sane(key.emitted) || key.emitted % options_.every.ns != 0)) {
    return false;
  }
  return sane(key.event) && sane(key.watermark) && !from.failed() && from.left() == 0;
}

bool WindowStep::restore_amend(Reader& from, const Key& key, Pane& pane) const {
  const std::int64_t end = from.signed_varint(), every = options_.every.ns;
  if (from.failed() || session() || key.emitted == WindowTable::kNever) return false;
  if (end <= pane.start || end > std::min(pane.start + options_.length.ns, key.emitted))
    return false;
  if (amends()) pane.amend = end;
  return end % every == 0;
}

bool WindowStep::restore_pane(Reader& from, std::uint64_t id, Index slot) {
  if (slot >= table_.slots() || !table_[slot].used) return false;
  const Key& key = table_[slot];
  const std::int64_t start = from.signed_varint();
  const std::uint64_t span = from.varint(), records = from.varint();
  std::int64_t last = 0;
  if (from.failed() || records == 0 || __builtin_add_overflow(start, span, &last)) return false;
  if (!sane(start) || !sane(last)) return false;
  if (!session() && (start % options_.every.ns != 0 || last - start >= options_.every.ns)) {
    return false;
  }
  Index older = key.newest;
  while (older != WindowTable::kNone && table_.pane(older).start > start) {
    older = table_.pane(older).older;
  }
  if (older != WindowTable::kNone && table_.pane(older).start == start) return false;
  const Index newer = older == WindowTable::kNone ? key.oldest : table_.pane(older).newer;
  if (session() && ((older != WindowTable::kNone && table_.pane(older).last >= start) ||
                    (newer != WindowTable::kNone && table_.pane(newer).start <= last))) {
    return false;
  }
  const Index at = table_.add_stored(slot, older, start, id);
  table_.pane(at).last = last;
  table_.pane(at).records = records;
  bool sound = true;
  for (Accumulator& field : table_.fields(at)) sound = sound && field.decode(from, needs_);
  if (from.left() > 0) sound = restore_amend(from, key, table_.pane(at)) && sound;
  if (!sound || from.left() != 0) {
    table_.remove_pane(slot, at);
    return false;
  }
  const bool was_given = !session() && start + options_.length.ns <= key.emitted;
  if (was_given && !amends()) {  // It was kept for revisions, which are not wanted any more.
    table_.remove_pane(slot, at);
  } else if (due(key)) {
    make_ready(slot);
  }
  return true;
}

}  // namespace pinaflux
