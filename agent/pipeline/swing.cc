// The door hangs on the last point that was kept. Each later one narrows the slopes that a line from there may have:
// it must be within `swing` of that point. As long as the line to the newest point has such a slope, all between are
// not needed; the newest is held back. Once it has not, the held one is given, and the door hangs there:
//
//      |          x 4          swing 1: to 1 the slope is 0 to 2, to 2 it is 0.5 to 1.5, to 3 it is 0.67 to 1.33.
//      |                       The line to 4 is too steep: 3 is given, and 4 is held.
//      |       o 3
//      |    . 2
//      | . 1
//      o-------------
//
// So it is in PI's exception and compression test. Bristol's patent (US 4,669,097) hangs two doors at `swing` above
// and below instead: it keeps fewer points, but the lines between those may be up to twice as far off.
//
// Rows land by time, so a record that came late is no point of the door: it is given, and the line begins anew at the
// next one that is newer than all.
//
// In a Band's text, little-endian: u8 1: hinged, 2: holds, 4: no line, but a newest time | u64 value, slope_min, slope_max | u64 held value, time.ns
// | the held record (packed_record.cc); the middle ones where they are. What waits to be given is named by "q" and
// its number: u8 version = 2 | u64 number | the record.

#include "agent/pipeline/swing.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "agent/pipeline/band_step.h"
#include "agent/pipeline/key_limits.h"
#include "agent/pipeline/node_key.h"
#include "agent/pipeline/packed_record.h"

namespace pinaflux {

namespace {

constexpr std::uint8_t kWaitingVersion = 2;
constexpr std::uint8_t kHinged = 1, kHolds = 2, kTimed = 4;
constexpr Duration kNextTick = Duration::milliseconds(1);  // Where more is over than may wait.
constexpr double kInfinite = std::numeric_limits<double>::infinity();

std::string waiting_name(std::string_view prefix, std::uint64_t id) {
  return band_edit_key(std::string(prefix) + "q", id);
}

Buffer waiting_value(std::uint64_t id, Bytes packed) {
  Buffer value;
  Writer to(value);
  to.u8(kWaitingVersion);
  to.u64(id);
  to.raw(packed);
  return value;
}

}  // namespace

Result<std::unique_ptr<Step>> SwingStep::make(const Deadband& options, Shapes& shapes) {
  if (options.field.empty()) return fail(Code::invalid, "a swinging door names a field");
  if (!(options.swing > 0.0) || !std::isfinite(options.swing)) {
    return fail(Code::invalid, "a swinging door's width is above 0");
  }
  if (options.within != 0.0 || options.percent != 0.0) {
    return fail(Code::invalid, "a swinging door has no other band");
  }
  if (options.silence_max.ns <= 0) {
    return fail(Code::invalid, "a swinging door has a longest silence");
  }
  if (options.keys_max == 0) return fail(Code::invalid, "a swinging door has room for a key");
  if (options.keys_max > kSwingKeysMax) {
    return fail(Code::full, "a swinging door has at most 1857 keys");
  }
  return std::unique_ptr<Step>(new SwingStep(options, shapes));
}

SwingStep::SwingStep(const Deadband& options, Shapes& shapes)
    : swing_(options.swing),
      silence_max_(options.silence_max),
      field_(options.field),
      shapes_(shapes),
      signature_(band_signature("\1swing " + options.field, options.keys)),
      table_(options.keys_max, signature_, kDoorBytes + kHeldBytesMax) {
  for (const std::string& key : options.keys) keys_.emplace_back(key);
}

void SwingStep::take(const Record& record, Flow& flow) {
  if (pending_count_ == pending_.size()) pending_.emplace_back();
  Pending& pending = pending_[pending_count_++];
  pending.key = key_of(record);
  pending.hash = stable_hash(pending.key);
  pending.record = record;
  pending.source = flow.source;
  pending.moment = flow.moment;
}

// Empty when it is too long.
std::string_view SwingStep::key_of(const Record& record) {
  KeyWriter key(scratch_);
  key.text(Type::text, record.shape().stream());
  for (Column& column : keys_) key.value(column.of(record));
  return key.full() ? std::string_view() : key.result();
}

void SwingStep::commit() {
  for (std::size_t i = 0; i < pending_count_; ++i) absorb(pending_[i]);
  pending_count_ = 0;
}

void SwingStep::absorb(const Pending& pending) {
  packed_.clear();
  pack_record(*pending.record, pending.source, packed_);
  if (pending.key.empty()) return keep(packed_);
  const bool known = table_.find(pending.key, pending.hash) != nullptr;
  // What a key holds is given before the key is forgotten.
  if (const Bytes held = known ? Bytes() : held_by_forgotten(); !held.empty()) keep(held);
  Band& band = table_.put(pending.key, pending.hash);
  if (!known) band = Band();
  Door door = door_of(band.text).value_or(Door());
  const Value value = field_.of(*pending.record);
  const Stamp time = pending.record->time();
  const bool late = door.timed && came_late(time, newest(door, band), pending.moment.stamp);
  if (!late && value.is_number() && std::isfinite(value.to_double())) {
    swing(door, band, value.to_double(), pending);
  } else {
    let_go(door, band);
    keep(packed_);
    if (value.type() != Type::absent) {  // No line leads over it.
      door = {.timed = true};
      if (!late) band.time = time;
    }
  }
  write(door, band);
}

Bytes SwingStep::held_by_forgotten() const {
  const Band* forgotten = table_.forgotten_next();
  const auto door = forgotten == nullptr ? std::nullopt : door_of(forgotten->text);
  return door ? door->held : Bytes();
}

Stamp SwingStep::newest(const Door& door, const Band& band) {
  return {door.holds ? door.held_ns : band.time.ns, band.time.boot};
}

void SwingStep::swing(Door& door, Band& band, double value, const Pending& pending) {
  const Stamp time = pending.record->time();
  const Stamp last = newest(door, band);
  const auto apart = [&] { return static_cast<double>(distance(time.ns, band.time.ns)); };
  const auto beyond = [&] {
    return apart() >= static_cast<double>(silence_max_.ns) || !fits(door, value, apart());
  };
  const bool anew = !door.hinged || time.boot != last.boot || time.ns <= last.ns;
  if (anew || beyond()) let_go(door, band);
  if (anew || beyond() || packed_.size() > kHeldBytesMax) {
    let_go(door, band);
    keep(packed_);
    hinge(door, band, value, time);
    return;
  }
  if (!door.holds) band.arrival = pending.moment.now;
  due_ = std::min(due_, band.arrival + silence_max_);
  hold(door, value, time.ns, apart());
}

bool SwingStep::fits(const Door& door, double value, double apart) const {
  // A slope that is not finite bounds nothing.
  if (!std::isfinite(value + swing_ - door.value)) return false;
  if (!std::isfinite(value - swing_ - door.value)) return false;
  const double slope = (value - door.value) / apart;
  return slope >= door.slope_min && slope <= door.slope_max;
}

void SwingStep::hold(Door& door, double value, std::int64_t time, double apart) const {
  door.slope_min = std::max(door.slope_min, (value - swing_ - door.value) / apart);
  door.slope_max = std::min(door.slope_max, (value + swing_ - door.value) / apart);
  door.holds = true;
  door.held_value = value;
  door.held_ns = time;
  door.held = packed_;
}

void SwingStep::hinge(Door& door, Band& band, double value, Stamp time) {
  door = {.timed = true,
          .hinged = true,
          .value = value,
          .slope_min = -kInfinite,
          .slope_max = kInfinite};
  band.time = time;
}

void SwingStep::let_go(Door& door, Band& band) {
  if (!door.holds) return;
  keep(door.held);
  hinge(door, band, door.held_value, {door.held_ns, band.time.boot});
}

void SwingStep::keep(Bytes packed) {
  settle();
  waiting_.push_back({0, Buffer(packed.begin(), packed.end())});
}

void SwingStep::settle() {
  for (Buffer& packed : restored_) waiting_.push_back({0, std::move(packed)});
  restored_.clear();
}

std::optional<SwingStep::Door> SwingStep::door_of(std::string_view text) {
  Reader from(as_bytes(text));
  const auto number = [&] { return std::bit_cast<double>(from.u64()); };
  const std::uint8_t flags = from.u8();
  Door door{.timed = (flags & (kHinged | kTimed)) != 0, .hinged = (flags & kHinged) != 0};
  if (door.hinged) {
    door.value = number();
    door.slope_min = number();
    door.slope_max = number();
  }
  door.holds = (flags & kHolds) != 0;
  if (door.holds) {
    door.held_value = number();
    door.held_ns = static_cast<std::int64_t>(from.u64());
    door.held = from.raw(from.left());
  }
  if (from.failed() || from.left() != 0 || (door.holds && !door.hinged)) return {};
  return door;
}

void SwingStep::write(const Door& door, Band& band) {
  head_.clear();
  Writer to(head_);
  const auto number = [&](double value) { to.u64(std::bit_cast<std::uint64_t>(value)); };
  const std::uint8_t line = door.hinged ? kHinged : door.timed ? kTimed : 0;
  to.u8(static_cast<std::uint8_t>(line | (door.holds ? kHolds : 0)));
  if (door.hinged) {
    number(door.value);
    number(door.slope_min);
    number(door.slope_max);
  }
  if (door.holds) {
    number(door.held_value);
    to.u64(static_cast<std::uint64_t>(door.held_ns));
  }
  text_.assign(as_text(head_));
  if (door.holds) text_.append(as_text(door.held));  // It may be in band.text.
  band.type = Type::bytes;
  band.text.swap(text_);
}

void SwingStep::tick(Instant now) {
  if (now < due_) return;
  due_ = Instant::never();
  table_.visit([&](Band& band) {
    auto door = door_of(band.text);
    if (!door || !door->holds) return false;
    if (band.arrival == Instant::never()) band.arrival = now;
    const bool over = now - band.arrival >= silence_max_;
    if (over && waiting_.size() < kWaitingMax) {
      let_go(*door, band);
      write(*door, band);
      return true;
    }
    due_ = std::min(due_, over ? now + kNextTick : band.arrival + silence_max_);
    return false;
  });
}

void SwingStep::resume(Instant now) {
  table_.visit([&](Band& band) {
    band.arrival = now;
    return false;
  });
  due_ = now;
}

bool SwingStep::waits() {
  settle();
  return !waiting_.empty();
}

std::optional<Step::Given> SwingStep::give(Arena& arena) {
  return unpack_record(waiting_.front().packed, shapes_, arena);
}

void SwingStep::given() {
  if (waiting_.front().id > 0) given_.push_back(waiting_.front().id);
  waiting_.pop_front();
}

void SwingStep::save(std::string_view prefix, std::vector<StateEdit>& to) {
  settle();
  for (const std::uint64_t hash : foreign_) to.push_back({band_edit_key(prefix, hash), {}});
  foreign_.clear();
  table_.save([&](std::uint64_t hash, Buffer value) {
    to.push_back({band_edit_key(prefix, hash), std::move(value)});
  });
  for (const std::uint64_t id : given_) to.push_back({waiting_name(prefix, id), {}});
  given_.clear();
  for (Waiting& record : waiting_) {
    if (record.id > 0) continue;
    record.id = next_id_++;
    to.push_back({waiting_name(prefix, record.id), waiting_value(record.id, record.packed)});
  }
}

void SwingStep::snapshot(std::string_view prefix, std::vector<StateEdit>& to) const {
  table_.snapshot([&](std::uint64_t hash, Buffer value) {
    to.push_back({band_edit_key(prefix, hash), std::move(value)});
  });
  std::uint64_t next_id = next_id_;
  for (const Waiting& record : waiting_) {
    const std::uint64_t id = record.id > 0 ? record.id : next_id++;
    to.push_back({waiting_name(prefix, id), waiting_value(id, record.packed)});
  }
  for (const Buffer& packed : restored_) {
    to.push_back({waiting_name(prefix, next_id), waiting_value(next_id, packed)});
    ++next_id;
  }
}

void SwingStep::restore(Bytes value) {
  if (value.empty()) return;
  if (value[0] == kWaitingVersion) {
    restore_waiting(value);
  } else {
    restore_band(value);
  }
}

// Under other options the door is shut, and what it held is given, behind all that was to be given then.
void SwingStep::restore_band(Bytes value) {
  const auto stored = BandTable::decode(value);
  auto door =
      stored && stored->band.type == Type::bytes ? door_of(stored->band.text) : std::nullopt;
  if (door && door->holds && !is_packed_record(door->held, shapes_)) door.reset();
  const auto give_up = [&](Bytes held) {
    if (!held.empty()) restored_.emplace_back(held.begin(), held.end());
  };
  if (door && table_.takes(*stored)) {
    give_up(held_by_forgotten());
    (void)table_.restore(value);
    due_ = Instant{INT64_MIN};  // The first tick() looks at all keys.
    return;
  }
  if (door) give_up(door->held);
  Reader from(value);
  from.u8(), from.u64();
  const std::string_view key = from.text();
  if (!from.failed()) foreign_.push_back(stable_hash(key));
}

void SwingStep::restore_waiting(Bytes value) {
  Reader from(value);
  from.u8();
  const std::uint64_t id = from.u64();
  const Bytes packed = from.raw(from.left());
  if (from.failed() || id == 0 || id == UINT64_MAX) return;
  next_id_ = std::max(next_id_, id + 1);
  if (is_packed_record(packed, shapes_)) {
    waiting_.push_back({id, Buffer(packed.begin(), packed.end())});
  } else {
    given_.push_back(id);
  }
}

}  // namespace pinaflux
