// State is by key and field: the last value, its time, and the total up to there. Differences of int64 are exact,
// others are of doubles. In a Band's text, little-endian: type and 64 bits of the value, the same of the total.

#include "agent/pipeline/change_rate.h"

#include <algorithm>
#include <cmath>

#include "agent/pipeline/field_names.h"
#include "agent/pipeline/key_limits.h"

namespace pinaflux {

namespace {

struct Past {
  Value value, total;
};

// Without a value where it is damaged.
Past past_of(const Band& band) {
  Reader from(as_bytes(band.text));
  const auto number = [&] {
    const auto type = static_cast<Type>(from.u8());
    return remembered_value(type, from.u64(), {});
  };
  Past past;
  past.value = number();
  past.total = number();
  return from.failed() || !past.total.is_number() ? Past() : past;
}

void remember_in(Band& band, const Value& value, const Value& total, Stamp time) {
  band = Band();
  band.type = Type::bytes;
  band.time = time;
  for (const Value& number : {value, total}) {
    band.text += static_cast<char>(number.type());
    for (int i = 0; i < 8; ++i) band.text += static_cast<char>(number.as_uint64() >> (8 * i));
  }
}

// Of two int64 as an int64, if it is one.
Value difference(const Value& from, const Value& to) {
  std::int64_t whole = 0;
  if (from.type() == Type::int64 && to.type() == Type::int64 &&
      !__builtin_sub_overflow(to.as_int64(), from.as_int64(), &whole)) {
    return Value::int64(whole);
  }
  return Value::float64(to.to_double() - from.to_double());
}

Value sum(const Value& a, const Value& b) {
  std::int64_t whole = 0;
  if (a.type() == Type::int64 && b.type() == Type::int64 &&
      !__builtin_add_overflow(a.as_int64(), b.as_int64(), &whole)) {
    return Value::int64(whole);
  }
  return Value::float64(a.to_double() + b.to_double());
}

// Integers below 2^53 as integers.
Value whole_if_exact(double number) {
  if (number == std::trunc(number) && number < 0x1p53) {
    return Value::int64(static_cast<std::int64_t>(number));
  }
  return Value::float64(number);
}

Status check(const ChangeRate& options) {
  if (options.of.empty()) return fail(Code::invalid, "rate names a field");
  if (!are_distinct(options.of)) {
    return fail(Code::invalid, "rate names a field twice, or one without a name");
  }
  if (options.per.ns <= 0) return fail(Code::invalid, "rate is per a time above 0");
  if (!(options.wraps_at >= 0.0) || !std::isfinite(options.wraps_at)) {
    return fail(Code::invalid, "a counter wraps at a number above 0");
  }
  if (!options.counter && (options.total || options.wraps_at > 0.0)) {
    return fail(Code::invalid, "only a counter wraps and has a total");
  }
  if (options.keys_max == 0) return fail(Code::invalid, "rate needs room for 1 key or more");
  if (options.keys_max > kChangeRateKeysMax / options.of.size()) {
    return fail(Code::full, "rate has at most 25575 keys times fields");
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Step>> ChangeRateStep::make(const ChangeRate& options, Shapes& shapes) {
  if (auto s = check(options); !s) return std::unexpected(s.error());
  return std::unique_ptr<Step>(new ChangeRateStep(options, shapes));
}

ChangeRateStep::ChangeRateStep(const ChangeRate& options, Shapes& shapes)
    : BandStep(options.keys, options.keys_max * options.of.size(),
               band_signature(options.counter ? "\1counter" : "\1rate", options.keys)),
      per_ns_(static_cast<double>(options.per.ns)),
      counter_(options.counter),
      total_(options.total),
      wraps_at_(options.wraps_at),
      added_(shapes) {
  for (const std::string& name : options.of) {
    fields_.push_back({name, Column(name)});
    added_.add(name + "_rate");
    if (total_) added_.add(name + "_total");
  }
}

void ChangeRateStep::take(const Record& record, Flow& flow) {
  const AddedFields::Target& target = added_.target(record.shape());
  const auto cells = AddedFields::cells(record, target, flow);
  if (cells.data() == nullptr) return;
  std::size_t added = 0;
  for (Field& field : fields_) {
    const Value value = field.column.of(record);
    Measured measured;
    if (value.is_number() && std::isfinite(value.to_double())) {
      measured = measure(field, record, value, flow.moment.stamp);
    }
    cells[target.places[added++]] = measured.rate;
    if (total_) cells[target.places[added++]] = measured.total;
  }
  flow.emit(Record::derived(record, Row{target.shape, cells.data(), record.time()}));
}

ChangeRateStep::Measured ChangeRateStep::measure(const Field& field, const Record& record,
                                                 const Value& value, Stamp turn) {
  const Key key = key_of(record, field.name);
  if (key.too_long()) return {};
  const Stamp time = record.time();
  const Band* before = last(key);
  const Past past = before == nullptr ? Past() : past_of(*before);
  if (!past.value.is_number()) {
    remember_in(remember(key), value, value, time);
    return {Value(), value};
  }
  const Stamp then = before->time;
  if (came_late(time, then, turn)) return {};
  Value change = difference(past.value, value);
  if (counter_ && change.to_double() < 0.0) {
    const double fall = -change.to_double();
    const bool wrapped = fall > wraps_at_ / 2 && fall <= wraps_at_;
    change = wrapped                   ? sum(change, whole_if_exact(wraps_at_))
             : value.to_double() > 0.0 ? value
                                       : Value::int64(0);
  }
  Measured measured{Value(), sum(past.total, change)};
  if (time.boot == then.boot && time.ns > then.ns) {
    const auto apart = static_cast<double>(distance(time.ns, then.ns));
    const double rate = change.to_double() * (per_ns_ / apart);
    if (std::isfinite(rate)) measured.rate = Value::float64(rate);
  }
  remember_in(remember(key), value, measured.total, time);
  return measured;
}

}  // namespace pinaflux
