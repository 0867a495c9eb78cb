// An image of this gateway was put back, and counted on from 101 where the far end has 101-140 of its former life:
//
//   lanes    bulk, epoch A       81-100   101-120   121-140   141-160
//   answer   101-120: none of it is known
//   1        meta.epoch := B; the stations start again, and what comes in is numbered in B from 1 on
//   2        bulk of A drains; 81-100 is known and goes
//   3        101-120 leaves A and enters bulk of B behind what is there; and so on with all that is named
//
// What is known in part loses that part. In the end A is empty, and every record has one number that counts.

#include "agent/spool/renumber.h"

#include <algorithm>

#include "agent/spool/landed.h"
#include "agent/spool/schema.h"

namespace pinaflux {

namespace {

Result<std::optional<Entry>> row_of(Queue& queue, const Lane& lane, const LaneAck& ack) {
  auto entry = queue.at_or_after(lane.id, ack.range.first);
  if (!entry || !*entry) return entry;
  if ((*entry)->range != ack.range || (*entry)->kind == Kind::chunk || has_landed(**entry)) {
    return std::nullopt;
  }
  return entry;
}

// The lane of that name; or else the one that is worth least.
std::size_t lane_for(const Store& store, const SpoolOptions& options, const std::string& name) {
  for (std::size_t i = 0; i < options.lanes.size(); ++i) {
    if (store.lanes[i].name == name) return i;
  }
  return options.lanes.size() - 1;
}

std::uint64_t count_of(const std::vector<Range>& ranges) {
  std::uint64_t count = 0;
  for (const Range& range : ranges) count += range.count();
  return count;
}

}  // namespace

Result<bool> Renumbering::take(Store& store, Entropy& entropy, const LaneAck& ack) {
  Lane& lane = store.lanes[ack.lane];
  if (ack.epoch != lane.epoch || ack.range.last > lane.at.sealed_last) return false;
  if (ack.range.last <= lane.at.acked) return true;
  const auto row = row_of(*store.queue, lane, ack);
  if (!row) return std::unexpected(row.error());
  const auto named = *row ? landed::is_named(*store.queue, **row, *ack.unproved) : false;
  if (!named || !*named) return named;
  if (lane.epoch == store.epoch) {
    if (minted_ || forked_) return true;
    minted_ = true;
    if (Status s = schema::renew_epoch(*store.database, entropy); !s) {
      return std::unexpected(s.error());
    }
    return true;
  }
  const auto same = [&](const LaneAck& w) { return w.lane == ack.lane && w.range == ack.range; };
  if (waiting_.size() < kWaitingMax && std::ranges::none_of(waiting_, same)) {
    waiting_.push_back(ack);
  }
  return true;
}

Status Renumbering::step(const Place& place) {
  if (waiting_.empty()) return {};
  const LaneAck& ack = waiting_.front();
  stepped_ = true;
  const auto row = row_of(*place.store.queue, place.store.lanes[ack.lane], ack);
  if (!row) return std::unexpected(row.error());
  return *row ? move(place, ack, **row) : Status();
}

// The row goes first: a full spool has room for as much as it gives up.
Status Renumbering::move(const Place& place, const LaneAck& ack, const Entry& row) {
  Store& store = place.store;
  Buffer body;
  const Status read = store.queue->body(row, body);
  if (!read && read.error().code != Code::invalid) return read;
  const auto gone = landed::take(store, store.lanes[ack.lane], {ack.lane, ack.epoch, ack.range});
  if (!gone) return std::unexpected(gone.error());
  const std::size_t to = lane_for(store, place.options, store.lanes[ack.lane].name);
  Packer::Job job{.queue = *store.queue,
                  .lane = store.lanes[to],
                  .index = static_cast<LaneIndex>(to),
                  .age = place.age,
                  .places = 0,
                  .leases = place.leases};
  Entry lost = row;
  if (row.kind == Kind::envelope) lost.loss = read ? Loss::thinned : Loss::damaged;
  std::uint64_t entered = 0;
  if (row.kind == Kind::envelope && read) {
    const auto count = place.packer.enter(job, body, store.dictionaries.all(), *ack.known);
    if (!count && count.error().code != Code::corrupt) return std::unexpected(count.error());
    if (!count) lost.loss = Loss::damaged;
    entered = count.value_or(0);
  }
  const std::uint64_t unknown = row.range.count() - count_of(*ack.known);
  return unknown > entered ? place.packer.bury(job, lost, unknown - entered) : Status();
}

void Renumbering::settle(bool committed) {
  if (committed && stepped_) waiting_.erase(waiting_.begin());
  if (committed && minted_) forked_ = true;
  stepped_ = minted_ = false;
}

}  // namespace pinaflux
