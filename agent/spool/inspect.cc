// Both walk the table by key, from where the step before stopped. Between two steps a commit may have
// deleted what was acknowledged, sealed chunks into envelopes, or put a tombstone over several rows: the
// next step looks for the entry that covers the seq it has come to, whatever that is by then.

#include "agent/spool/inspect.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "agent/seal/row_json.h"
#include "agent/spool/notes.h"
#include "agent/spool/schema.h"
#include "agent/spool/spool.h"
#include "agent/spool/store.h"
#include "platform/base/json_writer.h"

namespace pinaflux {

namespace {

constexpr std::size_t kArenaBytesMax = 12 * 1024 * 1024;  // Any envelope, any chunk.

LaneStats stats_of(const Lane& lane) {
  LaneStats stats;
  stats.gateway = lane.gateway;
  stats.name = lane.name;
  stats.epoch = lane.epoch;
  stats.next_seq = lane.at.next_seq;
  stats.acked = lane.at.acked;
  stats.shed = lane.at.shed;
  return stats;
}

Result<std::uint64_t> number(sqlite::Database& database, const char* sql) {
  const Result<std::int64_t> value = database.integer(sql);
  if (!value) return std::unexpected(value.error());
  return static_cast<std::uint64_t>(std::max<std::int64_t>(*value, 0));
}

std::string size_text(std::uint64_t bytes) {
  char text[32];
  if (bytes < 10'000) {
    std::snprintf(text, sizeof text, "%" PRIu64 " B", bytes);
  } else if (bytes < 10'000'000) {
    std::snprintf(text, sizeof text, "%.1f kB", static_cast<double>(bytes) / 1e3);
  } else {
    std::snprintf(text, sizeof text, "%.1f MB", static_cast<double>(bytes) / 1e6);
  }
  return text;
}

}  // namespace

Result<std::vector<Lane>> lanes_named(const Access& access, const std::string& name) {
  auto lanes = schema::lanes(*access.store.database, *access.store.encryption);
  if (!lanes) return lanes;
  std::erase_if(*lanes, [&](const Lane& lane) { return !name.empty() && lane.name != name; });
  if (lanes->empty() && !name.empty()) {
    return fail(Code::not_found, "the spool has no lane of this name: see `pinaflux queue stats`");
  }
  return lanes;
}

Result<std::optional<Entry>> covering(Queue& queue, LaneId lane, std::uint64_t seq) {
  auto before = queue.last_before(lane, seq + 1);
  if (!before) return before;
  if (*before && (*before)->range.last >= seq) return before;
  return queue.at_or_after(lane, seq);
}

Status Survey::begin(const Access& access) {
  begun_ = true;
  const auto lanes = schema::lanes(*access.store.database, *access.store.encryption);
  if (!lanes) return std::unexpected(lanes.error());
  for (const Lane& lane : *lanes) {
    ids_.push_back(lane.id);
    stats_.lanes.push_back(stats_of(lane));
  }
  return {};
}

Result<bool> Survey::step(const Access& access, Buffer& out) {
  if (!begun_) {
    if (Status s = begin(access); !s) return std::unexpected(s.error());
  }
  for (std::size_t i = 0; i < kStepEntries; ++i) {
    const auto entry = access.store.queue->after(at_);
    if (!entry) return std::unexpected(entry.error());
    if (!*entry) {
      if (Status s = conclude(access); !s) return std::unexpected(s.error());
      append(out, form_ == Form::json ? stats_json(stats_) + "\n" : stats_text(stats_));
      return false;
    }
    count(**entry);
    at_ = **entry;
  }
  return true;
}

void Survey::count(const Entry& entry) {
  const auto found = std::ranges::find(ids_, entry.lane);
  if (found == ids_.end()) return;  // Damage: `verify` names it.
  LaneStats& lane = stats_.lanes[static_cast<std::size_t>(found - ids_.begin())];
  switch (entry.kind) {
    case Kind::envelope: ++lane.envelopes; break;
    case Kind::chunk: ++lane.chunks; break;
    case Kind::tombstone:
      if (has_landed(entry)) return;
      ++lane.tombstones;
      lane.lost += entry.range.count();
      return;
  }
  if (lane.records == 0) lane.oldest = {entry.time_first, entry.boot};
  lane.records += entry.records();
  lane.bytes += entry.bytes;
}

Status Survey::conclude(const Access& access) {
  sqlite::Database& database = *access.store.database;
  const auto pages = number(database, "PRAGMA page_count");
  if (!pages) return std::unexpected(pages.error());
  const auto unused = number(database, "PRAGMA freelist_count");
  if (!unused) return std::unexpected(unused.error());
  const auto letters = number(database, "SELECT coalesce(sum(count),0) FROM dead_letters");
  if (!letters) return std::unexpected(letters.error());
  stats_.file_bytes = static_cast<std::uint64_t>(database.file_bytes());
  stats_.wal_bytes = static_cast<std::uint64_t>(database.wal_bytes());
  const std::uint64_t used = (*pages - *unused) * static_cast<std::uint64_t>(Room::kPageBytes);
  stats_.free_bytes = stats_.file_bytes - std::min(stats_.file_bytes, used);
  stats_.bytes_max = access.options.bytes_max;
  stats_.dead_letters = *letters;
  std::erase_if(stats_.lanes, [&](const LaneStats& lane) {
    const bool current = lane.epoch == access.store.epoch && lane.gateway == access.options.gateway;
    return !current && lane.envelopes + lane.chunks + lane.tombstones == 0;
  });
  return {};
}

std::string stats_json(const QueueStats& stats) {
  JsonWriter j;
  j.begin_object().key("schema").string("pinaflux.queue.stats/1");
  j.key("file_bytes").number(stats.file_bytes).key("wal_bytes").number(stats.wal_bytes);
  j.key("free_bytes").number(stats.free_bytes).key("bytes_max").number(stats.bytes_max);
  j.key("dead_letters").number(stats.dead_letters).key("lanes").begin_array();
  for (const LaneStats& lane : stats.lanes) {
    j.begin_object().key("gateway").string(lane.gateway).key("lane").string(lane.name);
    j.key("epoch").string(hex(lane.epoch));
    j.key("records").number(lane.records).key("bytes").number(lane.bytes);
    j.key("envelopes").number(lane.envelopes).key("chunks").number(lane.chunks);
    j.key("tombstones").number(lane.tombstones).key("records_lost").number(lane.lost);
    j.key("oldest");
    if (lane.records > 0 && lane.oldest.boot == 0) {
      j.string(iso_time(lane.oldest.ns));
    } else {
      j.null();  // Empty, or taken while the clock was not trusted.
    }
    j.key("acked").number(lane.acked).key("next_seq").number(lane.next_seq);
    j.key("shed").number(lane.shed).end_object();
  }
  j.end_array().end_object();
  return j.take();
}

std::string stats_text(const QueueStats& stats) {
  std::string text = "spool    file " + size_text(stats.file_bytes) + " (" +
                     size_text(stats.free_bytes) + " free), log " + size_text(stats.wal_bytes) +
                     ", at most " + size_text(stats.bytes_max) + "\n";
  text += "refused  " + std::to_string(stats.dead_letters) + " dead letters\n";
  for (const LaneStats& lane : stats.lanes) {
    text += "\nlane     " + lane.name + "  (gateway " + lane.gateway + ", epoch " +
            hex(lane.epoch).substr(0, 8) + ")\n";
    text += "queued   " + std::to_string(lane.records) + " records, " + size_text(lane.bytes) +
            ": " + std::to_string(lane.envelopes) + " envelopes, " + std::to_string(lane.chunks) +
            " chunks\n";
    if (lane.records > 0) {
      text += "oldest   ";
      text += lane.oldest.boot == 0 ? iso_time(lane.oldest.ns) : "taken before the clock was right";
      text += "\n";
    }
    text += "seqs     acknowledged up to " + std::to_string(lane.acked) + ", next " +
            std::to_string(lane.next_seq) + "\n";
    if (lane.shed > 0) {
      text += "lost     " + std::to_string(lane.shed) + " records since the beginning; " +
              std::to_string(lane.lost) + " in " + std::to_string(lane.tombstones) +
              " declarations that the far end does not have yet\n";
    }
  }
  return text;
}

Peek::Peek(std::string lane, std::uint64_t count)
    : name_(std::move(lane)),
      count_(count),
      shapes_(std::make_unique<Shapes>()),
      arena_(kArenaBytesMax) {}

Status Peek::begin(const Access& access) {
  begun_ = true;
  auto lanes = lanes_named(access, name_);
  if (!lanes) return std::unexpected(lanes.error());
  lanes_ = std::move(*lanes);
  std::ranges::reverse(lanes_);
  left_ = count_;
  return {};
}

Result<bool> Peek::step(const Access& access, Buffer& out) {
  if (!begun_) {
    if (Status s = begin(access); !s) return std::unexpected(s.error());
  }
  if (lanes_.empty()) return false;
  if (shown_ == rows_.size()) {
    const Result<bool> loaded = load(access);
    if (!loaded) return std::unexpected(loaded.error());
    if (!*loaded) left_ = 0;
  }
  print(out);
  if (left_ > 0) return true;
  lanes_.pop_back();
  left_ = count_;
  next_seq_ = 0;
  rows_.clear();
  shown_ = 0;
  return !lanes_.empty();
}

// False: the lane has no more.
Result<bool> Peek::load(const Access& access) {
  const Lane& lane = lanes_.back();
  rows_.clear();
  shown_ = 0;
  arena_.reset();
  shapes_ = std::make_unique<Shapes>();
  auto entry = covering(*access.store.queue, lane.id, next_seq_);
  while (entry && *entry && (*entry)->kind == Kind::tombstone) {
    entry = access.store.queue->at_or_after(lane.id, (*entry)->range.last + 1);
  }
  if (!entry) return std::unexpected(entry.error());
  if (!*entry) return false;
  Buffer bytes;
  if (Status s = access.store.queue->body(**entry, bytes); !s) return std::unexpected(s.error());
  const bool chunk = (*entry)->kind == Kind::chunk;
  Status opened;
  opener_.look_in(&access.store.dictionaries.all());
  if (chunk) {
    opened = opener_.open_body(bytes, *shapes_, arena_, rows_);
  } else if (auto header = opener_.open(bytes, *shapes_, arena_, rows_); !header) {
    opened = std::unexpected(header.error());
  }
  if (!opened && opened.error().code == Code::corrupt) {
    return fail(Code::corrupt, "what waits is damaged: run `pinaflux queue verify`");
  }
  if (!opened) return std::unexpected(opened.error());
  // What was shown as chunks may have become one envelope meanwhile.
  range_ = (*entry)->range;
  every_ = (*entry)->every;
  const std::uint64_t shown =
      next_seq_ > range_.first ? Range{range_.first, next_seq_ - 1}.count_every(every_) : 0;
  shown_ = static_cast<std::size_t>(std::min<std::uint64_t>(shown, rows_.size()));
  next_seq_ = (*entry)->range.last + 1;
  return true;
}

void Peek::print(Buffer& out) {
  if (shown_ == rows_.size()) return;
  const Lane& lane = lanes_.back();
  const std::string epoch = hex(lane.epoch);
  std::string text;
  while (left_ > 0 && shown_ < rows_.size() && text.size() < kStepBytes) {
    const std::uint64_t seq = range_.nth(shown_, every_);
    append_json_line(text, {lane.gateway, epoch, lane.name, seq}, rows_[shown_]);
    ++shown_;
    --left_;
  }
  append(out, text);
}

}  // namespace pinaflux
