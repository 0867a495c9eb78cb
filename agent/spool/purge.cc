// What may be in flight is purged last, so that the tombstone over it stands alone: the uplink has leased those
// seqs, and an ack for them must find a row that ends where the ack does.
//
//   leased 1-20 (two envelopes)   waiting 21-40 (two), chunks 41-45
//   purge --all                   chunks sealed; 21-45 -> one tombstone; then 1-10, 11-20 -> another
//
// Chunks are sealed first: a tombstone must not stand behind a chunk, and a time within them could not be cut.

#include "agent/spool/purge.h"

#include <algorithm>
#include <utility>

#include "agent/spool/inspect.h"
#include "agent/spool/packer.h"
#include "agent/spool/shed.h"
#include "agent/spool/store.h"
#include "agent/spool/tombstone.h"
#include "platform/base/json_writer.h"

namespace pinaflux {

namespace {
constexpr std::int64_t kSlackBytes = 64 * 1024;
}  // namespace

std::int64_t Purge::bytes_written(const Access& access) const {
  std::uint64_t chunks = 0;
  for (const Lane& lane : access.store.lanes) {
    if (lane.name == name_) chunks = std::max(chunks, lane.at.pending_bytes);
  }
  return static_cast<std::int64_t>(chunks) + kSlackBytes;
}

Result<bool> Purge::step(const Access& access, Buffer& out) {
  if (!begun_) {
    if (Status s = begin(access); !s) return std::unexpected(s.error());
    return true;
  }
  if (at_ == targets_.size()) {
    report(out);
    return false;
  }
  Target& target = targets_[at_];
  const auto lane = std::ranges::find(access.store.lanes, target.id, &Lane::id);
  if (lane == access.store.lanes.end()) {
    ++at_;
    return true;
  }
  if (Status s = purge_some(access, *lane, target); !s) return std::unexpected(s.error());
  return true;
}

Status Purge::begin(const Access& access) {
  begun_ = true;
  if (const auto known = lanes_named(access, name_); !known) return std::unexpected(known.error());
  for (const Lane& lane : access.store.lanes) {
    if (lane.name != name_) continue;
    targets_.push_back({.id = lane.id});
    total_ += lane.at.records;
  }
  return {};
}

Status Purge::purge_some(const Access& access, Lane& lane, Target& target) {
  if (!target.chunks_sealed) {
    target.chunks_sealed = true;
    std::vector<Lease> none;
    Packer::Job job{.queue = *access.store.queue,
                    .lane = lane,
                    .index = 0,
                    .age = access.age,
                    .places = 0,
                    .leases = none};
    if (Status s = access.packer->seal(job); !s) return s;
    const auto last = last_before(access, lane);
    if (!last) return std::unexpected(last.error());
    target.last = *last;
    return {};
  }
  for (std::size_t i = 0; i < kRowsEach; ++i) {
    const auto entry = victim(access, lane, target);
    if (!entry) return std::unexpected(entry.error());
    if (!*entry) {
      ++at_;
      return {};
    }
    if (Status s = tombstone::entomb(*access.store.queue, lane, **entry, Loss::purged); !s)
      return s;
    done_ += (*entry)->records();
    ++rows_;
  }
  return {};
}

Result<std::optional<Entry>> Purge::victim(const Access& access, const Lane& lane,
                                           const Target& target) const {
  const auto fits = [&](const std::optional<Entry>& entry) {
    return entry && entry->kind == Kind::envelope && entry->range.last <= target.last;
  };
  auto entry = shed::oldest_unleased(*access.store.queue, lane);
  if (!entry || fits(*entry)) return entry;
  entry = access.store.queue->at_or_after(lane.id, 0, true);
  if (!entry || fits(*entry)) return entry;
  return std::nullopt;
}

// The seq up to which all is older.
Result<std::uint64_t> Purge::last_before(const Access& access, const Lane& lane) const {
  if (!before_ns_) return lane.at.sealed_last;
  std::uint64_t last = lane.at.acked;
  for (;;) {
    const auto entry = access.store.queue->at_or_after(lane.id, last + 1);
    if (!entry) return std::unexpected(entry.error());
    if (!*entry || (*entry)->kind == Kind::chunk) return last;
    const bool data = (*entry)->kind == Kind::envelope;
    if (data && ((*entry)->boot != 0 || (*entry)->time_last >= *before_ns_)) return last;
    last = (*entry)->range.last;
  }
}

void Purge::report(Buffer& out) const {
  if (form_ == Form::json) return append(out, purge_json(name_, done_, rows_) + "\n");
  append(out, "lane " + name_ + ": " + std::to_string(done_) + " records in " +
                  std::to_string(rows_) +
                  " envelopes are given up; the collector is told that an operator purged them\n");
}

std::string purge_json(const std::string& lane, std::uint64_t records, std::uint64_t rows) {
  JsonWriter j;
  j.begin_object().key("schema").string("pinaflux.queue.purge/1").key("lane").string(lane);
  j.key("records_purged").number(records).key("envelopes").number(rows).end_object();
  return j.take();
}

}  // namespace pinaflux
