// The lane is walked once. What is lost opens a gap, which grows until something sound follows; that names its
// predecessor, and so says what the chain is behind the gap:
//
//   before   [1-10 h=a] [11-20 p=a, damaged] (nothing) [31-40 p=c h=d] chunk chunk
//   after    [1-10 h=a] {lost 11-30, previous a, through c} [31-40 p=c h=d] chunk chunk
//
// An envelope whose predecessor is not the one before it can never land (to the collector it is a fork), so it
// is lost, too. Chunks are not chained yet. If all of them are sound they stay; with a gap among them they
// become envelopes, because a tombstone must not stand behind a chunk.

#include "agent/spool/repair.h"

#include <algorithm>
#include <utility>

#include "agent/data/limits.h"
#include "agent/spool/tombstone.h"
#include "platform/base/json_writer.h"

namespace pinaflux {

bool repairable(const AuditReport& report) {
  return std::ranges::all_of(report.findings, [](const AuditFinding& f) {
    return f.fault == AuditFault::missing || f.fault == AuditFault::envelope ||
           f.fault == AuditFault::chain || f.fault == AuditFault::chunk ||
           f.fault == AuditFault::tombstone;
  });
}

Status Repair::lane(const Lane& lane) {
  lane_ = lane;
  next_ = lane.at.acked + 1;
  chain_known_ = lane.at.acked == 0;
  chain_ = kNoDigest;
  gap_.reset();
  chunks_sound_.reset();
  for (;;) {
    const auto entry = store_.queue->at_or_after(lane_.id, next_);
    if (!entry) return std::unexpected(entry.error());
    const std::uint64_t until = *entry ? (*entry)->range.first : lane_.at.next_seq;
    if (until > next_) lose({next_, until - 1}, *entry ? **entry : Entry{});
    if (!*entry) break;
    if (Status s = take(**entry); !s) return s;
    next_ = (*entry)->range.last + 1;
  }
  lane_.at.chain = chain_known_ && !gap_ ? chain_ : lane_.at.chain;
  if (Status s = close_gap(lane_.at.chain); !s) return s;
  return store_.save(lane_);
}

Status Repair::take(Entry entry) {
  if (Status s = store_.queue->body_or_nothing(entry, body_); !s) return s;
  if (entry.damaged) {
    if (Status s = mend(entry); !s) return s;
  }
  switch (entry.kind) {
    case Kind::envelope: return take_envelope(entry);
    case Kind::tombstone: return take_tombstone(entry);
    case Kind::chunk: return take_chunk(entry);
  }
  return {};
}

// Hashes of an encrypted row that do not open are known from the body, or from the neighbours.
Status Repair::mend(Entry& entry) {
  if (entry.kind == Kind::tombstone) {
    auto mended = tombstone::mend(*store_.queue, lane_, entry);
    if (!mended) return std::unexpected(mended.error());
    entry = *mended;
  } else {
    const auto header = Opener::verify(body_);
    if (!header) return {};
    entry.hash = chain_end(*header);
    entry.previous = header->previous;
  }
  entry.damaged = false;
  Status s = store_.queue->erase(entry);
  return s ? store_.queue->put(entry, body_) : s;
}

Status Repair::take_envelope(const Entry& entry) {
  opener_.look_in(store_.dictionaries.all());
  const auto header = opener_.envelope(lane_, entry, body_);
  if (!header && header.error().code == Code::newer) return std::unexpected(header.error());
  const bool follows = header && (gap_ || !chain_known_ || header->previous == chain_);
  if (!follows) {
    lose(entry.range, entry);
    return store_.queue->erase(entry);
  }
  if (Status s = close_gap(header->previous); !s) return s;
  chain_ = entry.hash;
  chain_known_ = true;
  return {};
}

// Its reason and range are kept if they make sense; its bytes are made anew.
Status Repair::take_tombstone(const Entry& entry) {
  const bool sealed = entry.bytes > 0;
  const bool sound = entry.loss != Loss::none &&
                     (gap_ || !chain_known_ || entry.previous == chain_) &&
                     (!sealed || opener_.tombstone(lane_, entry, body_).has_value());
  if (sound) {
    if (Status s = close_gap(entry.previous); !s) return s;
  } else {
    Entry anew = entry;
    if (anew.loss == Loss::none) anew.loss = Loss::damaged;
    if (Status s = close_gap(entry.previous); !s) return s;
    if (chain_known_) anew.previous = chain_;
    if (Status s = store_.queue->erase(entry); !s) return s;
    if (Status s = store_.queue->put(anew, {}); !s) return s;
  }
  chain_ = entry.hash;
  chain_known_ = true;
  return {};
}

Status Repair::take_chunk(const Entry& entry) {
  if (!chunks_sound_) {
    const auto sound = chunks_are_sound(entry);
    if (!sound) return std::unexpected(sound.error());
    chunks_sound_ = *sound;
    // The first envelope to come names the lane's chain, if nothing before it is known.
    const Digest before = chain_known_ && !gap_ ? chain_ : lane_.at.chain;
    if (Status s = close_gap(before); !s) return s;
    chain_ = before;
    chain_known_ = true;
    if (Status s = store_.queue->body_or_nothing(entry, body_); !s) return s;
  }
  if (*chunks_sound_) return {};
  if (opener_.chunk(entry, body_)) return seal_chunk(entry);
  lose(entry.range, entry);
  return store_.queue->erase(entry);
}

Result<bool> Repair::chunks_are_sound(const Entry& first) {
  for (std::uint64_t next = first.range.first; next < lane_.at.next_seq;) {
    const auto entry = store_.queue->at_or_after(lane_.id, next);
    if (!entry) return std::unexpected(entry.error());
    if (!*entry || (*entry)->range.first != next) return false;
    if ((*entry)->kind != Kind::chunk) return fail(Code::corrupt, "the queue is out of order");
    if (Status s = store_.queue->body_or_nothing(**entry, body_); !s)
      return std::unexpected(s.error());
    if (!opener_.chunk(**entry, body_)) return false;
    next = (*entry)->range.last + 1;
  }
  return true;
}

Status Repair::seal_chunk(const Entry& entry) {
  if (Status s = close_gap(chain_); !s) return s;
  Header header;
  header.gateway = lane_.gateway;
  header.lane = lane_.name;
  header.epoch = lane_.epoch;
  header.range.first = entry.range.first;
  header.floor = lane_.at.acked + 1;
  header.previous = chain_;
  Buffer bytes;
  std::size_t taken = 0;
  if (Status s = sealer_.seal(opener_.rows(), Effort::standard, limits::kEnvelopeBytesMax, header,
                              bytes, taken);
      !s) {
    return s;
  }
  if (taken != opener_.rows().size()) return fail(Code::full, "a chunk fits into no envelope");
  Entry envelope = entry;
  envelope.kind = Kind::envelope;
  envelope.hash = header.hash;
  envelope.bytes = bytes.size();
  if (Status s = store_.queue->erase(entry); !s) return s;
  if (Status s = store_.queue->put(envelope, bytes); !s) return s;
  chain_ = header.hash;
  return {};
}

void Repair::lose(const Range& range, const Entry& like) {
  lane_.at.shed += like.range == range ? like.records() : range.count();
  if (!losses_.empty() && gap_ && losses_.back().range.last + 1 == range.first) {
    losses_.back().range.last = range.last;
  } else {
    losses_.push_back({lane_.gateway, lane_.name, range});
  }
  if (gap_) {
    gap_->range.last = range.last;
  } else {
    gap_ = Gap{range, like};
  }
}

Status Repair::close_gap(const Digest& through) {
  if (!gap_) return {};
  Entry grave = gap_->like;
  grave.lane = lane_.id;
  grave.kind = Kind::tombstone;
  grave.range = gap_->range;
  grave.loss = Loss::damaged;
  grave.previous = chain_;
  grave.hash = through;
  grave.bytes = 0;
  gap_.reset();
  chain_ = through;
  chain_known_ = true;
  return store_.queue->put(grave, {});
}

std::string repair_json(bool intact, const std::vector<RepairedLoss>& losses) {
  JsonWriter j;
  j.begin_object().key("schema").string("pinaflux.queue.repair/1");
  j.key("intact").boolean(intact).key("lost").begin_array();
  for (const RepairedLoss& loss : losses) {
    j.begin_object().key("gateway").string(loss.gateway).key("lane").string(loss.lane);
    j.key("first").number(loss.range.first).key("last").number(loss.range.last).end_object();
  }
  j.end_array().end_object();
  return j.take();
}

}  // namespace pinaflux
