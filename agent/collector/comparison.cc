// Gateway A sent 1-140. Its image of when it had numbered 1-100 was put back, and counts on: 101-130 are others.
//
//   seq       81 ... 100   101 ... 130
//   landed    A's          A's
//   B sends   the same     others           known: 81-100; the rest is another gateway's here
//
// And where A had lost some of what B still has, by a declaration:
//
//   landed    82, 84 ... 98 (thinned to 99)     known: 81-98. Whether 99 is the one that A gave up cannot be told:
//   B sends   81 ... 99                         the two may have parted between 98 and 99

#include "agent/collector/comparison.h"

#include <algorithm>
#include <cstdint>

#include "platform/base/text.h"

namespace pinaflux {

namespace {

bool is_settled(const Stretch& stretch) {
  return holds_landed(stretch) || stretch.fate == Fate::lost;
}

// That a row of this seq is there, if everything is right.
bool has_row(const Stretch& stretch, std::uint64_t seq) {
  if (stretch.fate != Fate::thinned) return stretch.fate == Fate::landed;
  const auto every = parse_integer<std::uint64_t>(stretch.reason);
  return every && *every > 0 && seq % *every == 0;
}

struct Seen {
  std::vector<std::uint64_t> other;  // Seqs under which another record has landed, rising.
  std::uint64_t last_same = 0;
  bool untold = false;
};

Result<Seen> look(const Evidence& evidence, const LaneEntry& lane, const Header& header,
                  std::span<const Row> rows, std::span<const Stretch> stretches) {
  Seen seen;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::uint64_t seq = header.range.nth(i, header.every);
    while (!stretches.empty() && stretches.front().range.last < seq) {
      stretches = stretches.subspan(1);
    }
    if (stretches.empty()) break;
    if (stretches.front().range.first > seq || !has_row(stretches.front(), seq)) continue;
    const auto landed = evidence.tables.landed_like(lane.id, seq, rows[i]);
    if (!landed) return std::unexpected(landed.error());
    Result<bool> same = landed->has_value();
    if (*same) same = evidence.timing.same(header.gateway, **landed, rows[i].time);
    if (!same) return std::unexpected(same.error());
    const Tables::Doubt doubt = evidence.tables.doubt();
    Result<bool> told = *same || doubt != Tables::Doubt::away;
    if (!*same && doubt == Tables::Doubt::time) {
      told = evidence.timing.differ(header.gateway, **landed, rows[i].time);
    }
    if (!told) return std::unexpected(told.error());
    if (*same) {
      seen.last_same = seq;
    } else if (!*told) {
      seen.untold = true;
    } else {
      seen.other.push_back(seq);
    }
  }
  return seen;
}

void append(std::vector<Range>& to, Range range) {
  if (range.count() == 0) return;
  if (!to.empty() && to.back().last + 1 == range.first) range.first = to.back().first;
  if (!to.empty() && to.back().first == range.first) to.pop_back();
  to.push_back(range);
}

}  // namespace

Result<Compared> compare(const Evidence& evidence, const LaneEntry& lane, const Header& header,
                         std::span<const Row> rows) {
  const auto stretches = evidence.ledger.stretches(lane, header.range);
  if (!stretches) return std::unexpected(stretches.error());
  const auto seen = look(evidence, lane, header, rows, *stretches);
  if (!seen) return std::unexpected(seen.error());
  Compared compared;
  compared.contradicted = !seen->other.empty();
  compared.untold = seen->untold;
  auto other = seen->other.begin();
  std::uint64_t settled = 0;
  for (const Stretch& stretch : *stretches) {
    if (!is_settled(stretch)) continue;
    const std::uint64_t first = std::max(stretch.range.first, header.range.first);
    settled += Range{first, std::min(stretch.range.last, header.range.last)}.count();
    Range left{first, std::min(stretch.range.last, seen->last_same)};
    for (; other != seen->other.end() && *other <= left.last; ++other) {
      append(compared.known, {left.first, *other - 1});
      left.first = *other + 1;
    }
    append(compared.known, left);
  }
  compared.open = settled < header.range.count();
  return compared;
}

}  // namespace pinaflux
