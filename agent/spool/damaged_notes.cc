#include "agent/spool/damaged_notes.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "agent/spool/damaged_rows.h"
#include "agent/spool/lane_dictionaries.h"

namespace pinaflux {

namespace {

// `meta` is a table of the same columns.
bool is_state(std::string_view key) {
  return key.starts_with("pipeline/") || key.starts_with("time/") || key.starts_with("uplink/") ||
         LaneDictionaries::is_key(key);
}

}  // namespace

void DamagedNotes::take(DamagedFile& file, const DamagedFile::Row& row) {
  using damaged::is, damaged::Type;
  const std::size_t count = row.columns.size();
  if (count < 2 || count > 3 || row.id != 0 || !is(row, count - 1, Type::blob)) return;
  const bool sealed = count == 3 && is(row, 0, Type::blob) && is(row, 1, Type::integer);
  const bool cursor = count == 3 && is(row, 0, Type::text) && is(row, 1, Type::text);
  const bool state = count == 2 && is(row, 0, Type::text);
  if (!(sealed || cursor || state) || !file.payload(row, payload_, pages_)) return;
  pages_.clear();
  const auto of = [&](std::size_t i) {
    const auto& c = row.columns[i];
    return Bytes(payload_).subspan(c.offset, c.length);
  };
  const auto text = [&](std::size_t i) { return std::string(as_text(of(i))); };
  const Buffer value(of(count - 1).begin(), of(count - 1).end());
  if (sealed) {
    sealed_.push_back({row.columns[1].integer, Buffer(of(0).begin(), of(0).end()), value});
  } else if (cursor) {
    plain_.push_back({Note::Kind::cursor, text(0), text(1), value});
  } else if (is_state(as_text(of(0)))) {
    plain_.push_back({Note::Kind::state, {}, text(0), value});
  }
}

std::vector<Note> DamagedNotes::all(Encryption& keys) {
  std::vector<Note> notes = plain_;
  for (const Sealed& sealed : sealed_) {
    if (auto note = open_note(keys, sealed.key, sealed.name, sealed.value)) {
      notes.push_back(std::move(*note));
    }
  }
  return notes;
}

bool DamagedNotes::needs_other_key(const Encryption& keys) const {
  return std::ranges::any_of(sealed_, [&](const Sealed& s) { return keys.is_foreign(s.key); });
}

}  // namespace pinaflux
