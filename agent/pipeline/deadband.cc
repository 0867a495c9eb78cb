// For each record: the key's bytes are put together in scratch memory, hashed, looked up; the value is compared
// with the last kept one. A record that is dropped changes nothing that is stored: the state that a commit
// carries grows with the records that are kept, not with those that came.
//
// A key is the stream and then each key field as type and content; 5 and 5.0 are the same key.

#include "agent/pipeline/deadband.h"

#include <cmath>

#include "agent/pipeline/node_key.h"

namespace pinaflux {

namespace {

bool is_number(Type type) {
  return type == Type::int64 || type == Type::uint64 || type == Type::float64;
}

double to_double(Type type, std::uint64_t bits) {
  if (type == Type::float64) return std::bit_cast<double>(bits);
  if (type == Type::int64) return static_cast<double>(static_cast<std::int64_t>(bits));
  return static_cast<double>(bits);
}

std::uint64_t distance(std::int64_t a, std::int64_t b) {
  const auto x = static_cast<std::uint64_t>(a), y = static_cast<std::uint64_t>(b);
  return a > b ? x - y : y - x;
}

bool in_band(const Band& last, const Value& value, double within) {
  if (!value.is_number() || !is_number(last.type)) {
    if (value.type() != last.type) return false;
    return value.is_view() ? value.as_text() == last.text : value.as_uint64() == last.bits;
  }
  if (value.type() == last.type && value.as_uint64() == last.bits) return true;  // NaN, infinity.
  if (value.type() == Type::int64 && last.type == Type::int64) {
    const auto before = static_cast<std::int64_t>(last.bits);
    return static_cast<double>(distance(value.as_int64(), before)) <= within;
  }
  return std::abs(value.to_double() - to_double(last.type, last.bits)) <= within;
}

// Field and keys: under other ones, what was stored means something else.
std::uint64_t signature(const Deadband& options) {
  std::string text = options.field;
  for (const std::string& key : options.keys) (text += '\0') += key;
  return stable_hash(text);
}

std::string edit_key(std::string_view prefix, std::uint64_t hash) {
  std::string key(prefix);
  for (int shift = 60; shift >= 0; shift -= 4) key += "0123456789abcdef"[(hash >> shift) & 15];
  return key;
}

}  // namespace

Result<std::unique_ptr<Step>> DeadbandStep::make(const Deadband& options) {
  if (options.field.empty()) return fail(Code::invalid, "a deadband names a field");
  if (!(options.within >= 0.0)) return fail(Code::invalid, "a deadband's width is 0 or more");
  if (options.silence_max.ns < 0) return fail(Code::invalid, "a deadband's silence is 0 or more");
  if (options.keys_max == 0) return fail(Code::invalid, "a deadband needs room for 1 key or more");
  return std::unique_ptr<Step>(new DeadbandStep(options));
}

DeadbandStep::DeadbandStep(const Deadband& options)
    : within_(options.within),
      silence_max_(options.silence_max),
      field_(options.field),
      table_(options.keys_max, signature(options)) {
  for (const std::string& key : options.keys) keys_.emplace_back(key);
}

void DeadbandStep::take(const Record& record, Flow& flow) {
  if (keeps(record, flow.moment.now)) flow.emit(record);
}

bool DeadbandStep::keeps(const Record& record, Instant now) {
  const Value value = field_.of(record);
  if (value.type() == Type::absent) return true;
  if (value.is_view() && value.as_text().size() > BandTable::kTextBytesMax) return true;
  const std::string_view key = key_of(record);
  if (key.empty()) return true;
  const std::uint64_t hash = stable_hash(key);
  Band* band = last(key, hash);
  if (band != nullptr && in_band(*band, value, within_) &&
      !silent_too_long(*band, record.time(), now)) {
    if (band->arrival == Instant::never())
      band->arrival = now;  // Silence since the start at least.
    return false;
  }
  remember(key, hash, value, record.time(), now);
  return true;
}

// Empty when it is too long.
std::string_view DeadbandStep::key_of(const Record& record) {
  KeyWriter key(scratch_);
  key.text(Type::text, record.shape().stream());
  for (Column& column : keys_) key.value(column.of(record));
  return key.full() ? std::string_view() : key.result();
}

Band* DeadbandStep::last(std::string_view key, std::uint64_t hash) {
  for (std::size_t i = pending_count_; i > 0; --i) {
    if (pending_[i - 1].hash == hash && pending_[i - 1].key == key) return &pending_[i - 1].band;
  }
  return table_.find(key, hash);
}

bool DeadbandStep::silent_too_long(const Band& band, Stamp time, Instant now) const {
  if (silence_max_.ns == 0) return false;
  const bool comparable = time.boot == band.time.boot;
  if (comparable &&
      distance(time.ns, band.time.ns) >= static_cast<std::uint64_t>(silence_max_.ns)) {
    return true;
  }
  if (band.arrival == Instant::never()) return !comparable;
  return now - band.arrival >= silence_max_;
}

void DeadbandStep::remember(std::string_view key, std::uint64_t hash, const Value& value,
                            Stamp time, Instant now) {
  if (pending_count_ == pending_.size()) pending_.emplace_back();
  Pending& pending = pending_[pending_count_++];
  pending.key = key;
  pending.hash = hash;
  Band& band = pending.band;
  band.type = value.type();
  band.bits = value.is_view() ? 0 : value.as_uint64();
  band.text = value.is_view() ? value.as_text() : std::string_view();
  band.time = time;
  band.arrival = now;
}

void DeadbandStep::commit() {
  for (std::size_t i = 0; i < pending_count_; ++i) {
    table_.put(pending_[i].key, pending_[i].hash) = pending_[i].band;
  }
  pending_count_ = 0;
}

void DeadbandStep::save(std::string_view prefix, std::vector<StateEdit>& to) {
  table_.save([&](std::uint64_t hash, Buffer value) {
    to.push_back({edit_key(prefix, hash), std::move(value)});
  });
}

void DeadbandStep::snapshot(std::string_view prefix, std::vector<StateEdit>& to) const {
  table_.snapshot([&](std::uint64_t hash, Buffer value) {
    to.push_back({edit_key(prefix, hash), std::move(value)});
  });
}

}  // namespace pinaflux
