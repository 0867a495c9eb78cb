// First every lane is sealed up to where it stands, one a step; then the envelopes are read. Between the steps
// acks may take envelopes away (the collector has them: they need no stick), and evictions may put a
// tombstone where an envelope was: it is given in its place. A tombstone gets its bytes here if it has none.

#include "agent/spool/export.h"

#include <algorithm>

#include "agent/data/raw_lane.h"
#include "agent/spool/inspect.h"
#include "agent/spool/packer.h"
#include "agent/spool/spool.h"
#include "agent/spool/store.h"

namespace pinaflux {

namespace {

constexpr std::int64_t kSlackBytes = 32 * 1024;

// The lane as the running spool has it; null for one beyond those that it has taken up.
Lane* loaded(Store& store, LaneId id) {
  const auto found = std::ranges::find(store.lanes, id, &Lane::id);
  return found == store.lanes.end() ? nullptr : &*found;
}

}  // namespace

std::int64_t Export::bytes_written(const Access& access) const {
  if (tombstone_due_) return kSlackBytes;
  if (!begun_ || sealed_ == targets_.size()) return 0;
  const Lane* lane = loaded(access.store, targets_[sealed_].id);
  if (lane == nullptr || lane->at.pending_chunks == 0) return 0;
  return static_cast<std::int64_t>(lane->at.pending_bytes) + kSlackBytes;
}

Result<bool> Export::step(const Access& access, Buffer& out) {
  ASSERT(access.packer != nullptr);
  if (!begun_) {
    if (Status s = begin(access, out); !s) return std::unexpected(s.error());
    return true;
  }
  if (sealed_ < targets_.size()) {
    if (Status s = seal_lane(access, targets_[sealed_]); !s) return std::unexpected(s.error());
    ++sealed_;
    return true;
  }
  if (given_ < targets_.size()) {
    const Result<bool> more = give(access, targets_[given_], out);
    if (!more) return more;
    if (!*more) ++given_;
    return true;
  }
  writer_.end(out);
  return false;
}

Status Export::begin(const Access& access, Buffer& out) {
  const auto lanes = lanes_named(access, title_.lane);
  if (!lanes) return std::unexpected(lanes.error());
  for (const Lane& lane : *lanes) {
    if (lane.name == kRawLane) continue;
    targets_.push_back({.id = lane.id, .next = lane.at.acked + 1, .last = lane.at.next_seq - 1});
    total_ += lane.at.next_seq - 1 - lane.at.acked;
  }
  begun_ = true;
  title_.gateway = access.options.gateway;
  writer_.begin(title_, out);
  return {};
}

Status Export::seal_lane(const Access& access, Target& target) {
  Lane* lane = loaded(access.store, target.id);
  if (lane == nullptr) return {};
  if (lane->at.pending_chunks > 0) {
    std::vector<Lease> none;
    Packer::Job job{.queue = *access.store.queue,
                    .lane = *lane,
                    .index = 0,
                    .age = access.age,
                    .places = 0,
                    .leases = none};
    if (Status s = access.packer->seal(job); !s) return s;
  }
  target.last = std::max(target.last, lane->at.sealed_last);
  return {};
}

// False: the lane has been given.
Result<bool> Export::give(const Access& access, Target& target, Buffer& out) {
  const std::size_t before = out.size();
  while (out.size() - before < kStepBytes) {
    if (target.next > target.last) return false;
    const auto entry = covering(*access.store.queue, target.id, target.next);
    if (!entry) return std::unexpected(entry.error());
    if (!*entry || (*entry)->range.first > target.last || (*entry)->kind == Kind::chunk)
      return false;
    if ((*entry)->bytes == 0 && !tombstone_due_) {
      tombstone_due_ = true;
      return true;
    }
    if (Status s = give_entry(access, **entry, out); !s) return std::unexpected(s.error());
    tombstone_due_ = false;
    done_ += (*entry)->range.last + 1 - target.next;
    target.next = (*entry)->range.last + 1;
  }
  return true;
}

Status Export::give_entry(const Access& access, const Entry& entry, Buffer& out) {
  Buffer bytes;
  if (entry.bytes > 0) {
    if (Status s = access.store.queue->body(entry, bytes); !s) return s;
  } else {
    const auto lanes = lanes_named(access, "");
    if (!lanes) return std::unexpected(lanes.error());
    const auto lane = std::ranges::find(*lanes, entry.lane, &Lane::id);
    ASSERT(lane != lanes->end());
    if (Status s = access.packer->seal(*access.store.queue, *lane, entry, bytes); !s) return s;
  }
  give_dictionary(access, entry.lane, bytes, out);
  writer_.add(bytes, out);
  return {};
}

// Once in a file, before the first envelope that needs it. Where it is lost, whoever imports may have it.
void Export::give_dictionary(const Access& access, LaneId lane, Bytes envelope, Buffer& out) {
  const auto header = Opener::header(envelope);
  if (!header || header->dictionary.empty()) return;
  if (!dictionaries_.emplace(lane, header->dictionary).second) return;
  const auto sent = access.store.dictionaries.sent(lane, header->dictionary);
  if (!sent->message.empty()) writer_.add(sent->message, out);
}

}  // namespace pinaflux
