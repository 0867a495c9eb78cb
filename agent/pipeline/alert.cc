// A key is quiet, pending from the first record for which `when` holds, raised when that has lasted. A record first lets the
// time pass up to its own, and then says what is so from there on:
//
//   temp   85      86        70      for 10 s: at 12 it is raised, with the fields of 86, whether the record of 40 came
//   second  2       9        40      at once, or silence has been reckoned up to 12 before. At 40 it is cleared.
//
// So a backlog gives the same as what came in time; only of several repeats that it passes over there is one, the last.
//
// In a Band's text, little-endian: u8 phase | pending, raised: u64 since.ns, since.boot | raised: u64 said | the held record
// (packed_record.cc). What waits to be given: u8 state | u64 since.ns, since.boot, time.ns, time.boot | the record.

#include "agent/pipeline/alert.h"

#include <algorithm>

#include "agent/pipeline/band_step.h"
#include "agent/pipeline/key_limits.h"
#include "agent/pipeline/packed_record.h"

namespace pinaflux {

namespace {

constexpr Duration kSoon = Duration::milliseconds(1);  // Where more is over than may wait.
constexpr std::array<std::string_view, 3> kStates{"raised", "repeated", "cleared"};

void write_stamp(Writer& to, Stamp stamp) {
  to.u64(static_cast<std::uint64_t>(stamp.ns));
  to.u64(stamp.boot);
}

Stamp read_stamp(Reader& from) {
  const auto ns = static_cast<std::int64_t>(from.u64());
  return {ns, from.u64()};
}

// The last time there is, where it would be behind that.
std::int64_t after(std::int64_t ns, std::int64_t later) {
  std::int64_t sum = 0;
  return __builtin_add_overflow(ns, later, &sum) ? INT64_MAX : sum;
}

}  // namespace

Result<std::unique_ptr<Step>> AlertStep::make(const Alert& options, Shapes& shapes) {
  auto when = Expression::compile(options.when);
  if (!when) return fail(Code::invalid, "an alert's condition is no expression");
  std::optional<Expression> clear;
  if (!options.clear.empty()) {
    auto made = Expression::compile(options.clear);
    if (!made) return fail(Code::invalid, "what clears an alert is no expression");
    clear = std::move(*made);
  }
  if (options.lasting.ns < 0 || options.repeat.ns < 0) {
    return fail(Code::invalid, "an alert's times are 0 or above");
  }
  if (options.keys_max == 0) return fail(Code::invalid, "an alert has room for a key");
  if (options.keys_max > kAlertKeysMax) return fail(Code::full, "an alert has at most 1872 keys");
  return std::unique_ptr<Step>(new AlertStep(options, std::move(*when), std::move(clear), shapes));
}

// What was stored where larger records were held is taken, too.
AlertStep::AlertStep(const Alert& options, Expression when, std::optional<Expression> clear,
                     Shapes& shapes)
    : HoldingStep(options.keys, options.keys_max,
                  band_signature("\1alert " + options.when + '\1' + options.clear, options.keys),
                  kAlertBytes + kAlertHeldBytesMax, shapes),
      when_(std::move(when)),
      clear_(std::move(clear)),
      lasting_(options.lasting),
      repeat_(options.repeat),
      has_stream_(!options.stream.empty()),
      held_bytes_max_(alert_held_bytes(options.keys_max)),
      added_(shapes, options.stream) {
  added_.add("alert_state");
  added_.add("alert_since");
  if (has_stream_) added_.add("alert_stream");
}

void AlertStep::take(const Record& record, Flow& flow) {
  if (added_.target(record.shape()).shape == nullptr) {
    return flow.refuse(Reason::shapes_exhausted);
  }
  remember(key_of(record), record, flow);
}

void AlertStep::absorb(const Pending& pending) {
  const Stamp time = pending.record->time();
  if (pending.key.empty()) return;
  const Band* const known = table_.find(pending.key, pending.hash);
  if (known != nullptr && came_late(time, known->time, pending.moment.stamp)) return;
  const auto before = known == nullptr ? std::nullopt : alarm_of(known->text);
  Alarm alarm = before.value_or(Alarm());
  const Says its = says(*pending.record, alarm.phase);
  if (its == Says::nothing) return;
  const bool needed = its == Says::holds || (its == Says::over && alarm.phase != Phase::quiet);
  if (needed && !pack(*pending.record, pending.source)) return;
  Band& band = table_.put(pending.key, pending.hash);
  if (!before) {
    band = Band();
  } else if (time.boot == band.time.boot && time.ns >= band.time.ns) {
    pass(alarm, time);
  } else {  // Times of another boot, or before the clock was set back, say nothing: they count anew.
    if (alarm.phase == Phase::pending) alarm.since = time;
    alarm.said = time.ns;
  }
  apply(its, time, alarm);
  band.time = time;
  band.arrival = pending.moment.now;
  write(alarm, band);
  expect(alarm, band, Instant{INT64_MIN});
}

// Without a value it says nothing.
AlertStep::Says AlertStep::says(const Record& record, Phase phase) {
  const auto holds = when_.truth(record);
  if (holds.value_or(false)) return Says::holds;
  if (!clear_) return holds ? Says::over : Says::nothing;
  if (phase != Phase::quiet && clear_->truth(record).value_or(false)) return Says::over;
  return holds ? Says::between : Says::nothing;
}

// Into packed_: the record, or of one that is too large the fields of `by`. False: they are too large, too.
bool AlertStep::pack(const Record& record, SourceIndex source) {
  packed_.clear();
  pack_record(record, source, packed_);
  if (packed_.size() <= held_bytes_max_) return true;
  std::vector<std::string_view> names;
  std::vector<Value> cells;
  for (Column& column : keys_) {
    const int at = column.position(record.shape());
    if (at < 0) continue;
    names.emplace_back(record.shape().fields()[static_cast<std::size_t>(at)]);
    cells.push_back(record.cells()[static_cast<std::size_t>(at)]);
  }
  const Shape* const shape = shapes_.intern(record.shape().stream(), names);
  if (shape == nullptr || added_.target(*shape).shape == nullptr) return false;
  packed_.clear();
  pack_record(Record::derived(record, Row{shape, cells.data(), record.time()}), source, packed_);
  return packed_.size() <= held_bytes_max_;
}

void AlertStep::apply(Says says, Stamp time, Alarm& alarm) {
  if (says == Says::holds) {
    if (alarm.phase == Phase::quiet) {
      alarm.phase = Phase::pending;
      alarm.since = time;
    }
    if (alarm.phase == Phase::pending || repeat_.ns > 0) alarm.held = packed_;
    pass(alarm, time);  // At once, if that is how long it is to last.
    return;
  }
  if (alarm.phase == Phase::raised && says == Says::over) {
    say(State::cleared, alarm, {std::max(time.ns, alarm.said), time.boot}, packed_);
    alarm = Alarm();
  } else if (alarm.phase == Phase::pending) {
    alarm = Alarm();
  }
}

// What is over by then, of the newest record's boot.
void AlertStep::pass(Alarm& alarm, Stamp until) {
  auto due = due_of(alarm);
  if (alarm.phase == Phase::pending && due && *due <= until.ns) {
    alarm.phase = Phase::raised;
    alarm.said = *due;
    say(State::raised, alarm, {*due, until.boot}, alarm.held);
    if (repeat_.ns == 0) alarm.held = {};
    due = due_of(alarm);
  }
  if (alarm.phase == Phase::raised && due && *due <= until.ns) {
    const std::uint64_t beyond = distance(until.ns, *due) % static_cast<std::uint64_t>(repeat_.ns);
    alarm.said = until.ns - static_cast<std::int64_t>(beyond);
    say(State::repeated, alarm, {alarm.said, until.boot}, alarm.held);
  }
}

// When there is something to say, if nothing more comes.
std::optional<std::int64_t> AlertStep::due_of(const Alarm& alarm) const {
  if (alarm.phase == Phase::pending) return after(alarm.since.ns, lasting_.ns);
  const bool repeats = alarm.phase == Phase::raised && repeat_.ns > 0 && !alarm.held.empty();
  const std::int64_t due = after(alarm.said, repeat_.ns);
  if (!repeats || due == alarm.said) return {};
  return due;
}

void AlertStep::expect(const Alarm& alarm, const Band& band, Instant not_before) {
  const auto due = due_of(alarm);
  if (!due) return;
  const std::uint64_t left = *due <= band.time.ns ? 0 : distance(*due, band.time.ns);
  const Duration wait{static_cast<std::int64_t>(std::min<std::uint64_t>(left, INT64_MAX))};
  due_ = std::min(due_, std::max(band.arrival + wait, not_before));
}

void AlertStep::say(State state, const Alarm& alarm, Stamp time, Bytes packed) {
  entry_.clear();
  Writer to(entry_);
  to.u8(static_cast<std::uint8_t>(state));
  write_stamp(to, alarm.since);
  write_stamp(to, time);
  to.raw(packed);
  waiting_.add(entry_);
}

std::optional<AlertStep::Alarm> AlertStep::alarm_of(std::string_view text) {
  Reader from(as_bytes(text));
  const std::uint8_t phase = from.u8();
  if (phase > static_cast<std::uint8_t>(Phase::raised)) return {};
  Alarm alarm{.phase = static_cast<Phase>(phase)};
  if (alarm.phase != Phase::quiet) alarm.since = read_stamp(from);
  if (alarm.phase == Phase::raised) alarm.said = static_cast<std::int64_t>(from.u64());
  alarm.held = from.raw(from.left());
  if (from.failed() || (alarm.phase == Phase::quiet && !alarm.held.empty()) ||
      (alarm.phase == Phase::pending && alarm.held.empty())) {
    return {};
  }
  return alarm;
}

void AlertStep::write(const Alarm& alarm, Band& band) {
  head_.clear();
  Writer to(head_);
  to.u8(static_cast<std::uint8_t>(alarm.phase));
  if (alarm.phase != Phase::quiet) write_stamp(to, alarm.since);
  if (alarm.phase == Phase::raised) to.u64(static_cast<std::uint64_t>(alarm.said));
  text_.assign(as_text(head_));
  text_.append(as_text(alarm.held));  // It may be in band.text.
  band.type = Type::bytes;
  band.text.swap(text_);
}

void AlertStep::tick(Instant now) {
  if (now < due_) return;
  due_ = Instant::never();
  table_.visit([&](Band& band) {
    auto alarm = alarm_of(band.text);
    const auto due = alarm ? due_of(*alarm) : std::nullopt;
    if (!due) return false;
    if (band.arrival == Instant::never()) band.arrival = now;
    const std::int64_t reckoned = after(band.time.ns, (now - band.arrival).ns);
    if (reckoned < *due || waiting_.count() >= kWaitingMax) {
      expect(*alarm, band, now + kSoon);
      return false;
    }
    pass(*alarm, {reckoned, band.time.boot});
    write(*alarm, band);
    if (const auto next = alarm_of(band.text)) expect(*next, band, now + kSoon);
    return true;
  });
}

std::optional<Step::Given> AlertStep::give(Arena& arena) {
  Reader from(waiting_.front());
  const std::uint8_t state = from.u8();
  const Stamp since = read_stamp(from), time = read_stamp(from);
  auto given = unpack_record(from.raw(from.left()), shapes_, arena);
  if (!given) return {};
  const Shape& shape = given->record.shape();
  const AddedFields::Target& target = added_.target(shape);
  // Of what was restored there may be too many shapes now: then as it is.
  if (target.shape == nullptr) return given;
  const auto cells = arena.array<Value>(target.shape->field_count());
  if (cells.data() == nullptr) return {};
  std::ranges::copy(given->record.cells(), cells.begin());
  cells[target.places[0]] = Value::text(kStates[state]);
  cells[target.places[1]] = since.boot == 0 ? Value::int64(since.ns) : Value();
  if (has_stream_) cells[target.places[2]] = Value::text(shape.stream());
  given->record = Record::remembered({target.shape, cells.data(), time});
  return given;
}

bool AlertStep::restore_band(const BandTable::Stored& stored, Bytes value) {
  const auto alarm = alarm_of(stored.band.text);
  const bool sound = alarm && (alarm->held.empty() || is_packed_record(alarm->held, shapes_));
  return sound && table_.restore(value);
}

bool AlertStep::is_sound(Bytes entry) const {
  Reader from(entry);
  const bool known = from.u8() < kStates.size();
  read_stamp(from), read_stamp(from);
  return known && !from.failed() && is_packed_record(from.raw(from.left()), shapes_);
}

}  // namespace pinaflux
