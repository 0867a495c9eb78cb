// The value is compared with the last kept one of its key. A record that is dropped changes nothing that is stored:
// the state that a commit carries grows with the records that are kept, not with those that came.
//
// A latecomer lands, by its time, among what stands for others already: it is kept, but where it is behind the last kept
// one and within the band of that. What is newer goes on with the last kept one.

#include "agent/pipeline/deadband.h"

#include <algorithm>

namespace pinaflux {

Result<std::unique_ptr<Step>> DeadbandStep::make(const Deadband& options) {
  if (options.field.empty()) return fail(Code::invalid, "a deadband names a field");
  if (!(options.within >= 0.0)) return fail(Code::invalid, "a deadband's width is 0 or more");
  if (!(options.percent >= 0.0 && options.percent <= 100.0)) {
    return fail(Code::invalid, "a deadband has 0 to 100 percent");
  }
  if (options.silence_max.ns < 0) return fail(Code::invalid, "a deadband's silence is 0 or more");
  if (options.keys_max == 0) return fail(Code::invalid, "a deadband needs room for 1 key or more");
  return std::unique_ptr<Step>(new DeadbandStep(options));
}

DeadbandStep::DeadbandStep(const Deadband& options)
    : BandStep(options.keys, options.keys_max, band_signature(options.field, options.keys)),
      within_(options.within),
      share_(options.percent / 100.0),
      silence_max_(options.silence_max),
      field_(options.field) {}

void DeadbandStep::take(const Record& record, Flow& flow) {
  if (keeps(record, flow.moment)) flow.emit(record);
}

bool DeadbandStep::keeps(const Record& record, const Moment& moment) {
  const Value value = field_.of(record);
  if (value.type() == Type::absent) return true;
  if (value.is_view() && value.as_text().size() > BandTable::kTextBytesMax) return true;
  const Key key = key_of(record);
  if (key.too_long()) return true;
  const Stamp time = record.time();
  const Instant now = moment.now;
  if (Band* band = last(key); band != nullptr) {
    if (came_late(time, band->time, moment.stamp)) return true;
    const Stamp newest{std::max(band->newest, band->time.ns), band->time.boot};
    const Value kept = remembered_value(band->type, band->bits, band->text);
    const bool near = is_near(kept, value, within_, share_);
    if (near && !silent_too_long(band->time, band->arrival, time, now, silence_max_)) {
      if (band->arrival == Instant::never())
        band->arrival = now;  // Silence since the start at least.
      if (time.boot == newest.boot) band->newest = std::max(newest.ns, time.ns);
      return false;
    }
    if (came_late(time, newest, moment.stamp)) return true;
  }
  Band& kept = remember(key);
  kept.type = value.type();
  kept.bits = value.is_view() ? 0 : value.as_uint64();
  kept.text = value.is_view() ? value.as_text() : std::string_view();
  kept.time = time;
  kept.arrival = now;
  kept.newest = time.ns;
  return true;
}

}  // namespace pinaflux
