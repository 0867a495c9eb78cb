// Of each key a Band: its time is the newest of the key's records, its text what is held. Two streams, every = 1 s, wait = 5 s, newest = 12:00:08:
//
//   closed_    up to 12:00:02 (its end and `wait` are over at 12:00:08)
//   12:00:04   a          still waits for b
//   12:00:05   given      both came: what comes now for it is late
//   12:00:07   b
//
// An interval that was given moves closed_ on if it is the next one, and else stays in the list until the others are closed. What does not
// fit into the text closes the earliest. So whatever is late is late by closed_ and this list, both of which are in the state.
//
// In a Band's text: zigzag closed | for each part: zigzag interval | varint stream (255: given) | varint length, and the packed
// record (packed_record.cc). What waits to be given is packed records. Records become one as bytes: only names change.

#include "agent/pipeline/merge.h"

#include <algorithm>

#include "agent/data/limits.h"
#include "agent/pipeline/band_step.h"
#include "agent/pipeline/key_limits.h"
#include "agent/pipeline/node_key.h"
#include "agent/pipeline/packed_record.h"

namespace pinaflux {

namespace {

// Times and their sums with any of the options stay within 64 bits.
constexpr std::int64_t kMergeTimeMax = INT64_MAX - (std::int64_t{1} << 58);
constexpr std::int64_t kMergeDurationMax = std::int64_t{1} << 56;
constexpr std::int64_t kSilenceMax = 2 * kMergeDurationMax;
constexpr std::int64_t kAheadMax = Duration::days(1).ns;
constexpr Duration kLookAgain = Duration::milliseconds(1);  // Where more is over than may wait.

std::int64_t divided_down(std::int64_t time, std::int64_t every) {
  return time / every - (time % every < 0 ? 1 : 0);
}

std::string_view last_part(std::string_view stream) { return stream.substr(stream.rfind('/') + 1); }

std::uint64_t merge_signature(const Merge& options) {
  std::string text = "\1merge " + std::to_string(options.every.ns);
  for (const std::string& stream : options.streams) (text += '\0') += stream;
  return band_signature(text, options.keys);
}

}  // namespace

Result<std::unique_ptr<Step>> MergeStep::make(const Merge& options, Shapes& shapes) {
  if (options.streams.size() < 2) return fail(Code::invalid, "a merge is of two streams or more");
  if (options.streams.size() > kMergeStreamsMax)
    return fail(Code::full, "a merge has at most 16 streams");
  for (auto a = options.streams.begin(); a != options.streams.end(); ++a) {
    if (last_part(*a).empty()) return fail(Code::invalid, "a merge has streams with names");
    for (auto b = options.streams.begin(); b != a; ++b) {
      if (last_part(*a) == last_part(*b)) {
        return fail(Code::invalid, "the streams of a merge differ in their last parts");
      }
    }
  }
  if (options.stream.empty()) return fail(Code::invalid, "a merge names the stream that it gives");
  if (options.every.ns <= 0 || options.wait.ns < 0 || options.every.ns > kMergeDurationMax ||
      options.wait.ns > kMergeDurationMax) {
    return fail(Code::invalid, "a merge has an interval above 0, and no time of years");
  }
  if (options.keys_max == 0) return fail(Code::invalid, "a merge has room for a key");
  if (options.keys_max > kMergeKeysMax) return fail(Code::full, "a merge has at most 1927 keys");
  return std::unique_ptr<Step>(new MergeStep(options, shapes));
}

MergeStep::MergeStep(const Merge& options, Shapes& shapes)
    : HoldingStep(options.keys, options.keys_max, merge_signature(options),
                  merge_held_bytes(options.keys_max), shapes),
      options_(options),
      held_bytes_max_(merge_held_bytes(options.keys_max)) {
  for (const std::string& stream : options.streams) {
    prefixes_.push_back(std::string(last_part(stream)) + ".");
  }
}

// Behind the last: none of them.
std::size_t MergeStep::stream_of(const Shape& shape) {
  constexpr std::size_t kUnknown = ~std::size_t{0};
  if (shape.id() >= streams_.size()) streams_.resize(shape.id() + 1, kUnknown);
  std::size_t& its = streams_[shape.id()];
  if (its == kUnknown) {
    const auto at = std::ranges::find(options_.streams, shape.stream());
    its = static_cast<std::size_t>(at - options_.streams.begin());
  }
  return its;
}

// Of all its streams: their boot and the key fields; empty when it is too long.
std::string_view MergeStep::merge_key_of(const Record& record) {
  KeyWriter key(scratch_);
  key.number(Type::uint64, record.time().boot);
  for (Column& column : keys_) key.value(column.of(record));
  return key.full() ? std::string_view() : key.result();
}

std::int64_t MergeStep::interval_of(std::int64_t time) const {
  return divided_down(time, options_.every.ns);
}

// The last interval whose end, and `wait`, are over at this time.
std::int64_t MergeStep::closed_by(std::int64_t time) const {
  return interval_of(time - options_.wait.ns) - 1;
}

// When they are.
std::int64_t MergeStep::overdue_at(std::int64_t interval) const {
  return (interval + 1) * options_.every.ns + options_.wait.ns;
}

void MergeStep::take(const Record& record, Flow& flow) {
  const bool ours = stream_of(record.shape()) < options_.streams.size();
  const Stamp time = record.time(), turn = flow.moment.stamp;
  if (ours && (time.ns > kMergeTimeMax || time.ns < -kMergeTimeMax)) {
    return flow.refuse(Reason::bad_time);
  }
  // All others of its key would be late.
  if (ours && time.boot == 0 && turn.boot == 0 &&
      time.ns - options_.wait.ns - kAheadMax > std::min(turn.ns, kMergeTimeMax)) {
    return flow.refuse(Reason::bad_time);
  }
  remember(ours ? merge_key_of(record) : std::string_view(), record, flow);
}

void MergeStep::absorb(const Pending& pending) {
  packed_.clear();
  pack_record(*pending.record, pending.source, packed_);
  if (pending.key.empty()) return waiting_.add(packed_);
  const Stamp time = pending.record->time();
  const std::int64_t interval = interval_of(time.ns);
  const Band* known = table_.find(pending.key, pending.hash);
  const bool fresh = known == nullptr || !read(*known);
  if (fresh) {
    if (known == nullptr) give_forgotten(false);
    parts_.clear();
    closed_ = closed_by(time.ns);
  } else if (late(interval)) {
    ++late_;
    return;
  }
  Band& band = table_.put(pending.key, pending.hash);
  if (fresh) band = Band();
  band.time = {fresh ? time.ns : std::max(band.time.ns, time.ns), time.boot};
  band.arrival = pending.moment.now;
  put({interval, stream_of(pending.record->shape()), packed_});
  closed_ = std::max(closed_, closed_by(band.time.ns));
  close();
  write(band);
  (void)look(band, pending.moment.now);
}

bool MergeStep::late(std::int64_t interval) const {
  if (interval <= closed_) return true;
  return std::ranges::any_of(
      parts_, [&](const Part& part) { return part.interval == interval && part.stream == kGiven; });
}

// Of two of a stream the newer stays; at one time, the one that came last.
void MergeStep::put(const Part& part) {
  const auto at = std::ranges::find_if(parts_, [&](const Part& p) {
    return p.interval > part.interval || (p.interval == part.interval && p.stream >= part.stream);
  });
  if (at == parts_.end() || at->interval != part.interval || at->stream != part.stream) {
    parts_.insert(at, part);
  } else if (PackedRecord(at->packed).time().ns <= PackedRecord(part.packed).time().ns) {
    *at = part;
  }
}

// False: it is damaged.
bool MergeStep::read(const Band& band) {
  parts_.clear();
  Reader from(as_bytes(band.text));
  closed_ = from.signed_varint();
  while (!from.failed() && from.left() > 0) {
    Part part;
    part.interval = from.signed_varint();
    part.stream = from.varint();
    part.packed = as_bytes(from.text());
    if (part.stream > kGiven) return false;
    parts_.push_back(part);
  }
  return band.type == Type::bytes && !from.failed();
}

bool MergeStep::sound(const Band& band) {
  if (!read(band)) return false;
  const std::int64_t most = (INT64_MAX - kMergeDurationMax) / options_.every.ns - 2;
  const auto sane = [&](std::int64_t interval) { return interval >= -most && interval <= most; };
  if (band.time.ns > kMergeTimeMax || band.time.ns < -kMergeTimeMax || !sane(closed_)) return false;
  std::int64_t before = closed_;
  std::uint64_t stream_before = kGiven;
  for (const Part& part : parts_) {
    const bool later =
        part.interval > before ||
        (part.interval == before && part.stream > stream_before && part.stream != kGiven);
    if (!later || !sane(part.interval)) return false;
    if (part.stream != kGiven && !is_packed_record(part.packed, shapes_)) return false;
    before = part.interval;
    stream_before = part.stream;
  }
  return true;
}

void MergeStep::encode() {
  encoded_.clear();
  Writer to(encoded_);
  to.signed_varint(closed_);
  for (const Part& part : parts_) {
    to.signed_varint(part.interval);
    to.varint(part.stream);
    to.text(as_text(part.packed));
  }
}

void MergeStep::write(Band& band) {
  encode();
  while (encoded_.size() > held_bytes_max_ && !parts_.empty()) {
    closed_ = parts_.front().interval;
    close();
    encode();
  }
  band.type = Type::bytes;
  band.text.assign(as_text(encoded_));  // The parts are no longer views of it.
}

// Behind the last part of the interval that begins there.
std::size_t MergeStep::end_of(std::size_t begin) const {
  std::size_t end = begin;
  while (end < parts_.size() && parts_[end].interval == parts_[begin].interval) ++end;
  return end;
}

// Gives what is complete, and what takes nothing more.
void MergeStep::close() {
  std::size_t kept = 0;
  for (std::size_t begin = 0, end = 0; begin < parts_.size(); begin = end) {
    end = end_of(begin);
    const Part first = parts_[begin];
    const bool complete = end - begin == options_.streams.size();
    const bool closed = first.interval <= closed_;
    if (first.stream != kGiven && (complete || closed)) {
      give_parts(std::span(parts_).subspan(begin, end - begin), false);
    }
    if (closed) continue;
    if (complete || first.stream == kGiven) {
      if (kept == 0 && first.interval == closed_ + 1) {
        closed_ = first.interval;
      } else {
        parts_[kept++] = {first.interval, kGiven, {}};
      }
      continue;
    }
    for (std::size_t i = begin; i < end; ++i) parts_[kept++] = parts_[i];
  }
  parts_.resize(kept);
}

// Of one interval.
void MergeStep::give_parts(std::span<const Part> parts, bool behind) {
  const auto give = [&](Bytes packed) {
    behind ? waiting_.add_behind(packed) : waiting_.add(packed);
  };
  if (merge(parts)) return give(merged_);
  for (const Part& part : parts) give(part.packed);
}

void MergeStep::give_forgotten(bool behind) {
  const Band* forgotten = table_.forgotten_next();
  if (forgotten == nullptr || !read(*forgotten)) return;
  for (std::size_t begin = 0, end = 0; begin < parts_.size(); begin = end) {
    end = end_of(begin);
    if (parts_[begin].stream == kGiven) continue;
    give_parts(std::span(parts_).subspan(begin, end - begin), behind);
  }
}

// False: they cannot be one record.
bool MergeStep::merge(std::span<const Part> parts) {
  const PackedRecord* newest = nullptr;
  std::vector<PackedRecord> records;
  for (const Part& part : parts) records.emplace_back(part.packed);
  for (const PackedRecord& record : records) {
    if (newest == nullptr || record.time().ns > newest->time().ns) newest = &record;
  }
  Buffer fields;
  Writer to_fields(fields);
  if (!add_fields(parts, to_fields) || !knows_fields()) return false;
  merged_.clear();
  begin_packed(newest->source(), newest->time(), options_.stream, names_.size(), merged_);
  Writer(merged_).raw(fields);
  return is_packed_record(merged_, shapes_);
}

// Those of the key, of the first record that has them; then all others.
bool MergeStep::add_fields(std::span<const Part> parts, Writer& to) {
  names_.clear();
  const auto add = [&](std::string name, Bytes value) {
    to.text(name);
    to.raw(value);
    names_.push_back(std::move(name));
  };
  static constexpr std::uint8_t kAbsent[] = {static_cast<std::uint8_t>(Type::absent)};
  for (const std::string& key : options_.keys) {
    Bytes found = kAbsent;
    for (const Part& part : parts) {
      PackedRecord record(part.packed);
      while (record.next()) {
        if (record.name() == key && found.data() == kAbsent) found = record.value();
      }
    }
    add(key, found);
  }
  for (const Part& part : parts) {
    PackedRecord record(part.packed);
    while (record.next()) {
      if (std::ranges::contains(options_.keys, record.name())) continue;
      const auto stream = static_cast<std::size_t>(part.stream);
      add(prefixes_[stream] + std::string(record.name()), record.value());
    }
  }
  return names_.size() <= limits::kFieldsMax;
}

bool MergeStep::knows_fields() {
  std::string text;
  for (const std::string& name : names_) (text += '\0') += name;
  const std::uint64_t hash = stable_hash(text);
  if (std::ranges::contains(lists_, hash)) return true;
  if (lists_.size() == kShapesMax) return false;
  std::vector<std::string_view> sorted(names_.begin(), names_.end());
  std::ranges::sort(sorted);
  if (std::ranges::adjacent_find(sorted) != sorted.end()) return false;
  lists_.push_back(hash);
  return true;
}

const MergeStep::Part* MergeStep::first_open() const {
  const auto at = std::ranges::find_if(parts_, [](const Part& p) { return p.stream != kGiven; });
  return at == parts_.end() ? nullptr : &*at;
}

// Of a key that was read: says when it is overdue by silence; true: it is.
bool MergeStep::look(Band& band, Instant now) {
  const Part* first = first_open();
  if (first == nullptr) return false;
  if (band.arrival == Instant::never()) band.arrival = now;
  std::int64_t left = 0;
  const bool apart = __builtin_sub_overflow(overdue_at(first->interval), band.time.ns, &left);
  left = apart ? kSilenceMax : std::min(left, kSilenceMax);
  const bool over = (now - band.arrival).ns >= left;
  due_ = std::min(due_, over ? now + kLookAgain : band.arrival + Duration{left});
  return over;
}

void MergeStep::tick(Instant now) {
  if (now < due_) return;
  due_ = Instant::never();
  table_.visit([&](Band& band) {
    const Instant before = due_;
    if (!read(band) || !look(band, now) || waiting_.count() >= kWaitingMax) return false;
    due_ = before;
    const std::int64_t silence = std::min((now - band.arrival).ns, kSilenceMax);
    closed_ = std::max(closed_, closed_by(band.time.ns + silence));
    close();
    write(band);
    (void)look(band, now);
    return true;
  });
}

// Under other options what was held is given as it came: what it would have been merged to is not known any more.
bool MergeStep::restore_band(const BandTable::Stored& stored, Bytes value) {
  if (!sound(stored.band)) return false;
  const auto ours = [&](const Part& p) {
    return p.stream == kGiven || p.stream < prefixes_.size();
  };
  if (table_.takes(stored) && std::ranges::all_of(parts_, ours)) {
    give_forgotten(true);
    (void)table_.restore(value);
    return true;
  }
  for (const Part& part : parts_) {
    if (part.stream != kGiven) waiting_.add_behind(part.packed);
  }
  return false;
}

}  // namespace pinaflux
