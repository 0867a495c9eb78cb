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
// | the held record (packed_record.cc); the middle ones where they are. What waits to be given is packed records.

#include "agent/pipeline/swing.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "agent/pipeline/band_step.h"
#include "agent/pipeline/key_limits.h"
#include "agent/pipeline/packed_record.h"

namespace pinaflux {

namespace {

constexpr std::uint8_t kHinged = 1, kHolds = 2, kTimed = 4;
constexpr Duration kNextTick = Duration::milliseconds(1);  // Where more is over than may wait.
constexpr double kInfinite = std::numeric_limits<double>::infinity();

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
    : HoldingStep(options.keys, options.keys_max,
                  band_signature("\1swing " + options.field, options.keys),
                  kDoorBytes + kHeldBytesMax, shapes),
      swing_(options.swing),
      silence_max_(options.silence_max),
      field_(options.field) {}

void SwingStep::take(const Record& record, Flow& flow) { remember(key_of(record), record, flow); }

void SwingStep::absorb(const Pending& pending) {
  packed_.clear();
  pack_record(*pending.record, pending.source, packed_);
  if (pending.key.empty()) return waiting_.add(packed_);
  const bool known = table_.find(pending.key, pending.hash) != nullptr;
  // What a key holds is given before the key is forgotten.
  if (const Bytes held = known ? Bytes() : held_by_forgotten(); !held.empty()) waiting_.add(held);
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
    waiting_.add(packed_);
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
    waiting_.add(packed_);
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
  waiting_.add(door.held);
  hinge(door, band, door.held_value, {door.held_ns, band.time.boot});
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
    if (over && waiting_.count() < kWaitingMax) {
      let_go(*door, band);
      write(*door, band);
      return true;
    }
    due_ = std::min(due_, over ? now + kNextTick : band.arrival + silence_max_);
    return false;
  });
}

// Under other options the door is shut, and what it held is given, behind all that was to be given then.
bool SwingStep::restore_band(const BandTable::Stored& stored, Bytes value) {
  const auto door = door_of(stored.band.text);
  if (!door || (door->holds && !is_packed_record(door->held, shapes_))) return false;
  const bool taken = table_.takes(stored);
  const Bytes given_up = taken ? held_by_forgotten() : door->held;
  if (!given_up.empty()) waiting_.add_behind(given_up);
  if (taken) (void)table_.restore(value);
  return taken;
}

}  // namespace pinaflux
