// What the gateways are told of a land(): what has landed, what is another's, what was refused.

#include <algorithm>

#include "agent/collector/store.h"
#include "agent/data/limits.h"
#include "platform/crypto/crypto.h"

namespace pinaflux {

Counts& Counts::operator+=(const Counts& more) {
  envelopes += more.envelopes;
  rows += more.rows;
  redelivered += more.redelivered;
  declared += more.declared;
  forks += more.forks;
  rejects += more.rejects;
  quarantined += more.quarantined;
  lines_refused += more.lines_refused;
  return *this;
}

Status CollectorStore::fork(const Arrival& arrival, LaneEntry& lane, Comparison&& answer) {
  const Range range = answer.range;
  ++lane.forks;
  ++landed_.counts.forks;
  touch(lane.key, true);
  if (tell(lane.key, Comparison(answer))) {
    if (Status s = ledger_->renumber(lane, answer); !s) return s;
  }
  if (Status s = ledger_->advance(lane); !s) return s;
  return refuse(arrival, "fork", range);
}

// What has no room in the ack is sent again, and answered then.
bool CollectorStore::tell(const LaneKey& key, Comparison&& answer) {
  auto& compared = touch(key, false).compared;
  std::size_t ranges = answer.known.size();
  for (const Comparison& each : compared) ranges += each.known.size();
  if (compared.size() >= limits::kComparedMax || ranges > limits::kComparedRangesMax) {
    return false;
  }
  if (!std::ranges::contains(compared, answer)) compared.push_back(std::move(answer));
  return true;
}

Status CollectorStore::refuse(const Arrival& arrival, const char* reason, const Range& range) {
  ++landed_.counts.rejects;
  if (landed_.notices.size() < kNoticesMax) {
    landed_.notices.push_back({arrival.gateway, arrival.lane, reason, range});
  }
  return ledger_->reject({.time = now_,
                          .gateway = arrival.gateway,
                          .lane = arrival.lane,
                          .reason = reason,
                          .byte_count = arrival.payload.size(),
                          .hash = crypto::sha256(arrival.payload),
                          .range = range});
}

Status CollectorStore::refuse_for_good(const Arrival& arrival, const char* reason,
                                       const Range& range) {
  const Result<Header> header = Opener::header(arrival.payload);
  const bool named = arrival.kind == Topic::Kind::data && header && header->count > 0 &&
                     header->gateway == arrival.gateway && header->lane == arrival.lane;
  // A header that is damaged may name anything: no lane is made for it.
  const LaneKey key = named ? LaneKey{header->gateway, header->epoch, header->lane} : LaneKey{};
  const auto lane = named ? ledger_->find(key) : std::optional<LaneEntry>();
  if (!lane) return std::unexpected(lane.error());
  if (*lane) {
    auto& refused = touch(key, false).refused;
    if (refused.size() < limits::kComparedMax) {
      refused.push_back({header->range, chain_end(*header), reason});
    }
  }
  return refuse(arrival, reason, named ? header->range : range);
}

CollectorStore::Touched& CollectorStore::touch(const LaneKey& key, bool fork) {
  Touched& touched = touched_[key.gateway + '\n' + hex(key.epoch) + key.lane];
  touched.key = key;
  touched.fork = touched.fork || fork;
  return touched;
}

Status CollectorStore::answer() {
  for (const auto& [name, touched] : touched_) {
    const Result<LaneEntry> lane = ledger_->lane(touched.key);
    if (!lane) return std::unexpected(lane.error());
    Result<AckMessage> ack = ledger_->ack(*lane);
    if (!ack) return std::unexpected(ack.error());
    ack->fork = touched.fork;
    ack->compared = touched.compared;
    ack->refused = touched.refused;
    ack->hello = touched.hello;
    if (touched.dictionaries) {
      auto ids = dictionaries_->ids(lane->id);
      if (!ids) return std::unexpected(ids.error());
      ack->dictionaries = std::move(*ids);
    }
    landed_.acks.push_back(std::move(*ack));
  }
  return {};
}

}  // namespace pinaflux
