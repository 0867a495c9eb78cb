#include "agent/spool/damaged_letters.h"

#include <algorithm>
#include <string>
#include <vector>

#include "agent/spool/damaged_rows.h"

namespace pinaflux {

namespace {

using damaged::is, damaged::Type;

// Before there were contents, before these had forms, before there were peers, and since.
constexpr std::size_t kColumnsFirst = 9, kColumnsContents = 12, kColumnsForms = 14, kColumns = 15;
constexpr std::size_t kNode = 9, kKey = 10, kContent = 11, kLane = 12, kForm = 13, kPeer = 14;

bool is_letter(const DamagedFile::Row& row) {
  const std::size_t count = row.columns.size();
  if (count != kColumnsFirst && count != kColumnsContents && count != kColumnsForms &&
      count != kColumns) {
    return false;
  }
  if (row.id <= 0) return false;
  for (const std::size_t i : {1, 2, 5, 6, 7, 8}) {
    if (!is(row, i, Type::integer)) return false;
  }
  if (!is(row, 0, Type::null) || !is(row, 3, Type::text) || !is(row, 4, Type::text)) return false;
  const auto or_null = [&](std::size_t i, Type type) {
    return is(row, i, type) || is(row, i, Type::null);
  };
  if (count == kColumnsFirst) return true;
  const bool contents =
      or_null(kNode, Type::text) && or_null(kKey, Type::integer) && or_null(kContent, Type::blob);
  const bool forms =
      count == kColumnsContents || (or_null(kLane, Type::text) && or_null(kForm, Type::integer));
  return contents && forms && (count < kColumns || or_null(kPeer, Type::text));
}

std::uint64_t unsigned_of(const DamagedFile::Row& row, std::size_t column) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(row.columns[column].integer, 0));
}

}  // namespace

void DamagedLetters::take(const DamagedFile::Row& row, DamagedFile::Page page) {
  if (!is_letter(row)) return;
  pages_[row.id] = page;
  if (row.columns.size() > kColumnsFirst) keys_.insert(row.columns[kKey].integer);
}

bool DamagedLetters::needs_other_key(const Encryption& keys) const {
  return std::ranges::any_of(keys_, [&](Encryption::KeyId key) { return keys.is_foreign(key); });
}

Result<bool> DamagedLetters::next(LetterId above, FoundLetter& to) {
  const auto at = pages_.upper_bound(above);
  if (at == pages_.end()) return false;
  to = FoundLetter();
  to.letter.id = at->first;
  Status got = fail(Code::corrupt, "a dead letter of the damaged file is gone");
  const Status looked = file_.rows(at->second, [&](const DamagedFile::Row& row) {
    if (row.id == at->first && is_letter(row)) got = read(row, to);
  });
  if (looked && got) return true;
  return std::unexpected((looked ? got : looked).error());
}

Status DamagedLetters::read(const DamagedFile::Row& row, FoundLetter& to) {
  std::vector<DamagedFile::Page> pages;
  if (Status s = file_.payload(row, payload_, pages); !s) return s;
  const auto of = [&](std::size_t i) {
    const auto& c = row.columns[i];
    return Bytes(payload_).subspan(c.offset, c.length);
  };
  Letter& letter = to.letter;
  letter.time = {row.columns[1].integer, static_cast<std::uint64_t>(row.columns[2].integer)};
  letter.source = as_text(of(3));
  letter.reason = as_text(of(4));
  letter.bytes = unsigned_of(row, 5);
  letter.hash = static_cast<std::uint64_t>(row.columns[6].integer);
  letter.position = static_cast<std::uint32_t>(row.columns[7].integer);
  letter.count = std::max<std::uint64_t>(unsigned_of(row, 8), 1);
  if (row.columns.size() == kColumnsFirst) return {};
  letter.node = as_text(of(kNode));
  letter.key = row.columns[kKey].integer;
  const Bytes content = of(kContent);
  to.content.assign(content.begin(), content.end());
  letter.kept = content.size();
  if (row.columns.size() == kColumnsContents) return {};
  letter.lane = as_text(of(kLane));
  if (row.columns[kForm].integer == 1) letter.form = Letter::Form::bytes;
  if (row.columns[kForm].integer == 2) letter.form = Letter::Form::explained;
  if (row.columns.size() == kColumns) letter.peer = as_text(of(kPeer));
  return {};
}

}  // namespace pinaflux
