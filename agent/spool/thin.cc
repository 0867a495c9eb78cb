// The second pass (to every fourth), as it meets the second envelope:
//
//   [1-400 /4 through b] [401-800 /2 through d] [801-1000 h=e]     chunk     chain a .. b .. d .. e
//   [1-800 /4 through d]                        [801-1000 h=e]
//
// An envelope joins the one before it if that is no larger: so a row is written again once each time its size
// doubles, and a queue of many thin envelopes becomes one of few full ones.

#include "agent/spool/thin.h"

#include <algorithm>
#include <string>
#include <utility>

#include "agent/data/limits.h"
#include "agent/spool/tombstone.h"

namespace pinaflux {

namespace {

constexpr std::size_t kArenaBytesMax = 12 * 1024 * 1024;  // Any envelope.
constexpr std::uint64_t kJoinedBytesMax = limits::kEnvelopeBytesMax * 4 / 5;
constexpr std::uint64_t kJoinedRecordsMax = limits::kEnvelopeRecordsMax / 2;

std::uint64_t bytes_of(const std::vector<Entry>& rows) {
  std::uint64_t bytes = 0;
  for (const Entry& row : rows) bytes += row.bytes;
  return bytes;
}

std::uint64_t records_of(const std::vector<Entry>& rows) {
  std::uint64_t records = 0;
  for (const Entry& row : rows) records += row.records();
  return records;
}

}  // namespace

struct Thinner::Opened {
  Opener opener;
  Sealer sealer;
  Shapes shapes;
  Arena arena{kArenaBytesMax};
  std::vector<Row> rows;
  std::uint64_t generation = 0;
  Buffer body, sealed;
};

Thinner::Thinner(Store& store) : store_(store) {}
Thinner::~Thinner() = default;

Result<bool> Thinner::thin(Lane& lane) {
  if (bytes_written_ >= kBytesMax) return false;
  const auto entry = next(lane);
  if (!entry) return std::unexpected(entry.error());
  if (!*entry) return false;
  auto rows = joined(lane, **entry);
  if (!rows) return std::unexpected(rows.error());
  Header header;
  Status sealed = seal(lane, *rows, header);
  if (!sealed && sealed.error().code == Code::full && rows->size() > 1) {
    rows->assign(1, **entry);
    header = Header();
    sealed = seal(lane, *rows, header);
  }
  // Nothing has been written yet. What cannot be opened is declared when its turn to be sent comes; what does not
  // fit stays as it is.
  const bool passed =
      !sealed && (sealed.error().code == Code::full || sealed.error().code == Code::invalid);
  if (passed) return true;
  if (sealed) sealed = replace(lane, *rows, header);
  return sealed ? Result<bool>(true) : std::unexpected(sealed.error());
}

// What this pass has not come to. Where all that it has thinned has left, the front says how thin the rest is.
Result<std::optional<Entry>> Thinner::next(Lane& lane) {
  Progress& at = lane.at;
  std::optional<Progress> ended;  // The pass before, if this call has begun one.
  for (;;) {
    const bool begins = at.thin_next <= at.acked;
    const bool left = begins && at.thin_next > 0;
    const std::uint64_t from = at.leased.first_free(std::max(at.thin_next, at.acked + 1));
    auto entry = store_.queue->at_or_after(lane.id, from, true);
    if (!entry) return entry;
    if (!*entry || (*entry)->kind == Kind::chunk) {
      if (ended) at = *ended;
      if (begins || ended || at.thin_every >= kEveryMax) return std::nullopt;
      ended = at;
      at.thin_every *= 2;
      at.thin_next = at.acked + 1;
      continue;
    }
    if (left) at.thin_every = std::min((*entry)->every * 2, kEveryMax);
    at.thin_next = (*entry)->range.last + 1;
    const bool passed = at.leased.contains((*entry)->range.first) || (*entry)->damaged;
    if (!passed && (*entry)->every < at.thin_every) return entry;
  }
}

// The row, behind those that it is to join.
Result<std::vector<Entry>> Thinner::joined(const Lane& lane, const Entry& entry) {
  const std::uint64_t every = lane.at.thin_every;
  std::vector<Entry> rows{entry};
  std::uint64_t bytes = entry.bytes * entry.every / every;
  std::uint64_t records = entry.range.count_every(every);
  for (;;) {
    const auto before = store_.queue->last_before(lane.id, rows.front().range.first);
    if (!before) return std::unexpected(before.error());
    if (!*before) return rows;
    const Entry& row = **before;
    const bool fits = row.bytes <= bytes && row.bytes + bytes <= kJoinedBytesMax &&
                      row.records() + records <= kJoinedRecordsMax;
    if (row.kind != Kind::envelope || row.every != every || row.damaged || !fits ||
        lane.at.leased.contains(row.range.first)) {
      return rows;
    }
    bytes += row.bytes;
    records += row.records();
    rows.insert(rows.begin(), row);
  }
}

Status Thinner::open(const Entry& entry, std::uint64_t every) {
  Opened& to = *opened_;
  if (Status s = store_.queue->body(entry, to.body); !s) return s;
  const std::size_t before = to.rows.size();
  to.opener.look_in(&store_.dictionaries.all());
  const auto header = to.opener.open(to.body, to.shapes, to.arena, to.rows);
  if (!header && header.error().code == Code::full) return std::unexpected(header.error());
  if (!header) return fail(Code::invalid, "an envelope of the queue does not open");
  to.generation = header->generation;
  std::size_t kept = before;
  for (std::size_t i = before; i < to.rows.size(); ++i) {
    if (entry.range.nth(i - before, entry.every) % every == 0) to.rows[kept++] = to.rows[i];
  }
  to.rows.resize(kept);
  return {};
}

// Into `opened_`. full: not into one envelope.
Status Thinner::seal(const Lane& lane, const std::vector<Entry>& rows, Header& header) {
  const auto before = store_.queue->last_before(lane.id, rows.front().range.first);
  if (!before) return std::unexpected(before.error());
  const auto previous = tombstone::chain_before(*store_.queue, lane, rows.front(), *before);
  if (!previous) return std::unexpected(previous.error());
  header.gateway = lane.gateway;
  header.lane = lane.name;
  header.epoch = lane.epoch;
  header.range = {rows.front().range.first, rows.back().range.last};
  header.every = lane.at.thin_every;
  header.floor = lane.at.acked + 1;
  header.previous = *previous;
  header.extra.emplace_back("through", hex(rows.back().hash));
  opened_ = std::make_unique<Opened>();
  for (const Entry& row : rows) {
    if (Status s = open(row, header.every); !s) return s;
  }
  header.generation = opened_->generation;
  std::size_t taken = 0;
  return opened_->sealer.seal(opened_->rows, Effort::standard, limits::kEnvelopeBytesMax, header,
                              opened_->sealed, taken);
}

Status Thinner::replace(Lane& lane, const std::vector<Entry>& rows, const Header& header) {
  if (header.count == 0) return entomb(lane, rows);
  const Buffer& bytes = opened_->sealed;
  if (bytes.size() >= bytes_of(rows)) return {};
  Entry thinned = rows.back();
  thinned.range = header.range;
  thinned.every = header.every;
  thinned.previous = header.previous;
  thinned.bytes = bytes.size();
  take_times(thinned, header);
  for (const Entry& row : rows) {
    if (Status s = store_.queue->erase(row); !s) return s;
  }
  if (Status s = store_.queue->put(thinned, bytes); !s) return s;
  Progress& at = lane.at;
  const std::uint64_t lost = records_of(rows) - header.count;
  at.records -= lost;
  at.shed += lost;
  at.bytes -= bytes_of(rows) - bytes.size();
  at.changed = at.front_moved = true;
  bytes_written_ += bytes.size();
  return {};
}

Status Thinner::entomb(Lane& lane, const std::vector<Entry>& rows) {
  for (const Entry& row : rows) {
    if (Status s = tombstone::entomb(*store_.queue, lane, row, Loss::thinned); !s) return s;
  }
  return {};
}

}  // namespace pinaflux
