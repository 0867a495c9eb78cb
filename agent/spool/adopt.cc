// Rows of `lanes` with another epoch drain beside the new ones (FORMAT.md): all that is to be done is to make such
// rows. A lane begins with the first envelope that is taken; those behind it must follow on without a hole, as
// they do in any export, or the queue would not be one.

#include "agent/spool/adopt.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "agent/data/limits.h"
#include "agent/seal/dictionary_message.h"
#include "agent/spool/schema.h"
#include "agent/spool/spool.h"
#include "agent/spool/store.h"
#include "platform/base/json_writer.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {

constexpr std::int64_t kSlackBytes = 64 * 1024;

// "11-20:evicted" and `through`, of a tombstone's header.
Result<Entry> loss_of(const Header& header) {
  Entry entry;
  entry.kind = Kind::tombstone;
  bool range = false, through = false;
  for (const auto& [key, value] : header.extra) {
    if (key == "through") through = unhex(value, entry.hash);
    if (key != "lost") continue;
    const auto dash = value.find('-'), colon = value.find(':');
    if (dash == std::string::npos || colon == std::string::npos || colon < dash) continue;
    const std::string_view text(value);
    const auto first = parse_integer<std::uint64_t>(text.substr(0, dash));
    const auto last = parse_integer<std::uint64_t>(text.substr(dash + 1, colon - dash - 1));
    for (auto loss = 1; loss <= static_cast<int>(kLossLast); ++loss) {
      if (text.substr(colon + 1) == loss_name(static_cast<Loss>(loss))) {
        entry.loss = static_cast<Loss>(loss);
      }
    }
    if (!first || !last || *first == 0 || *last < *first || *last >= Queue::kSeqEnd - 1) continue;
    entry.range = {*first, *last};
    range = true;
  }
  if (!range || !through) return fail(Code::corrupt, "a declaration of loss is damaged");
  if (entry.loss == Loss::none) return fail(Code::newer, "a reason of loss is a newer version's");
  return entry;
}

Result<Entry> entry_of(const Header& header, Bytes envelope) {
  Entry entry;
  if (header.count == 0) {
    auto loss = loss_of(header);
    if (!loss) return loss;
    entry = *loss;
  } else {
    entry.range = header.range;
    entry.every = header.every;
    entry.split = header.every == 1 && is_stand_in(header);
    entry.hash = chain_end(header);
    take_times(entry, header);
  }
  entry.previous = header.previous;
  entry.bytes = envelope.size();
  return entry;
}

Status check_room(const Access& access, Bytes bytes) {
  const auto fits = access.store.room->fits(static_cast<std::int64_t>(bytes.size()) + kSlackBytes);
  if (!fits) return std::unexpected(fits.error());
  return *fits ? Status()
               : fail(Code::full, "the spool has no room for this: let it be sent first");
}

}  // namespace

std::int64_t Adopt::bytes_written(const Access&) const {
  return static_cast<std::int64_t>(kStepBytes + limits::kEnvelopeBytesMax) + kSlackBytes;
}

Result<bool> Adopt::step(const Access& access, Buffer& out) {
  Buffer envelope;
  for (std::size_t bytes = 0; bytes < kStepBytes; bytes += envelope.size()) {
    const Result<bool> more = reader_->next(envelope);
    if (!more && more.error().code != Code::corrupt) return more;
    if (!more) ending_ = std::unexpected(more.error());
    if (!more || !*more) {
      report(out);
      return false;
    }
    if (is_dictionary_message(envelope)) {
      if (Status s = take_dictionary(access, envelope); !s) return std::unexpected(s.error());
      continue;
    }
    ++envelopes_;
    if (Status s = take(access, envelope); !s) return std::unexpected(s.error());
  }
  return true;
}

Status Adopt::take_dictionary(const Access& access, Bytes message) {
  if (Status s = check_room(access, message); !s) return s;
  Status s = schema::raise_version(*access.store.database, schema::kVersionDictionaries);
  return s ? access.store.dictionaries.adopt(*access.store.notes, message) : s;
}

Status Adopt::take(const Access& access, Bytes envelope) {
  opener_.look_in(access.store.dictionaries.all());
  const auto header = opener_.whole(envelope);
  if (!header) return std::unexpected(header.error());
  if (header->gateway != access.options.gateway) {
    return fail(Code::invalid,
                "this export is of another gateway, whose topics are not ours: land it at the "
                "collector (pinaflux-collector import)");
  }
  if (header->epoch == access.store.epoch) return {};  // Our own: it is here, or was acknowledged.
  auto entry = entry_of(*header, envelope);
  if (!entry) return std::unexpected(entry.error());
  if (entry->range.first == 0 || entry->range.last >= Queue::kSeqEnd - 1) {
    return fail(Code::corrupt, "an envelope's range makes no sense");
  }
  auto lane = lane_of(access, *header, entry->range.first);
  if (!lane) return std::unexpected(lane.error());
  if (entry->range.last < lane->at.next_seq) return {};
  return put(access, *lane, *entry, header->previous, envelope);
}

Status Adopt::put(const Access& access, Lane& lane, Entry& entry, const Digest& previous,
                  Bytes envelope) {
  const bool empty = lane.at.next_seq == lane.at.acked + 1;
  if (empty && entry.range.first > lane.at.next_seq) {
    lane.at.acked = entry.range.first - 1;
    lane.at.next_seq = entry.range.first;
    lane.at.chain = previous;
  }
  if (empty && has_landed(entry)) {
    lane.at.acked = entry.range.last;
    lane.at.next_seq = entry.range.last + 1;
    lane.at.chain = entry.hash;
    return access.store.save(lane);
  }
  if (entry.range.first != lane.at.next_seq || previous != lane.at.chain) {
    return fail(Code::invalid,
                "this export does not follow on what is here of the same lane: send that first, or "
                "land the export at the collector");
  }
  if (Status s = check_room(access, envelope); !s) return s;
  Status marked = schema::raise_version(*access.store.database, schema::version_for(entry));
  if (!marked) return marked;
  entry.lane = lane.id;
  entry.age = access.age;
  if (Status s = access.store.queue->put(entry, envelope); !s) return s;
  lane.at.next_seq = entry.range.last + 1;
  lane.at.chain = entry.hash;
  if (!has_landed(entry)) lane.at.shed += entry.range.count() - entry.records();
  records_ += entry.records();
  ++taken_;
  return access.store.save(lane);
}

Result<Lane> Adopt::lane_of(const Access& access, const Header& header, std::uint64_t first) {
  auto lanes = schema::lanes(*access.store.database, *access.store.encryption);
  if (!lanes) return std::unexpected(lanes.error());
  const auto known = std::ranges::find_if(*lanes, [&](const Lane& lane) {
    return lane.gateway == header.gateway && lane.name == header.lane && lane.epoch == header.epoch;
  });
  if (known != lanes->end()) return std::move(*known);
  if (static_cast<LaneId>(lanes->size()) >= Queue::kLaneIdEnd - 1) {
    return fail(Code::full, "the spool knows all the lanes that it can");
  }
  auto lane = schema::add_lane(*access.store.database, header.gateway, header.lane, header.epoch);
  if (!lane) return lane;
  lane->at.acked = first - 1;
  lane->at.next_seq = first;
  lane->at.chain = header.previous;
  return lane;
}

void Adopt::report(Buffer& out) const {
  append(out, adopt_json(envelopes_, taken_, records_, ending_ ? "" : ending_.error().what) + "\n");
}

std::string Adopt::text() const {
  std::string text = std::to_string(envelopes_) + " envelopes: " + std::to_string(taken_) +
                     " taken with " + std::to_string(records_) + " records, the others were here\n";
  if (!ending_) return text + "INCOMPLETE: " + ending_.error().what + "\n";
  return text + "start the agent: they are sent beside its own\n";
}

std::string adopt_json(std::uint64_t envelopes, std::uint64_t taken, std::uint64_t records,
                       const std::string& text) {
  JsonWriter j;
  j.begin_object().key("schema").string("pinaflux.queue.import/1");
  j.key("complete").boolean(text.empty()).key("text").string(text);
  j.key("envelopes").number(envelopes).key("taken").number(taken);
  j.key("records_taken").number(records).end_object();
  return j.take();
}

}  // namespace pinaflux
