// Of an interval's records the first that comes passes. What comes late is of an interval that had its record, as a rule, and
// is dropped; by more than a day it is a backfill, which nothing has stood for yet: all of it passes.

#include "agent/pipeline/sample.h"

#include "agent/pipeline/key_limits.h"

namespace pinaflux {

namespace {

constexpr std::uint64_t kLateMax = 24 * 3'600 * std::uint64_t{1'000'000'000};

// Of the interval that it is in, counted from 1970.
std::int64_t interval_of(std::int64_t time, std::int64_t every) {
  return time / every - (time % every < 0 ? 1 : 0);
}

}  // namespace

Result<std::unique_ptr<Step>> SampleStep::make(const Sample& options) {
  if (options.every.ns < 0 || (options.every.ns > 0) == (options.one_in > 0)) {
    return fail(Code::invalid, "a sample has an interval, or is one in so many");
  }
  if (options.keys_max == 0) return fail(Code::invalid, "a sample needs room for 1 key or more");
  if (options.keys_max > kThinKeysMax) return fail(Code::full, "a sample has at most 32768 keys");
  return std::unique_ptr<Step>(new SampleStep(options));
}

SampleStep::SampleStep(const Sample& options)
    : BandStep(options.keys, options.keys_max,
               band_signature(options.one_in > 0 ? "\1one in" : "\1every", options.keys)),
      every_(options.every.ns),
      one_in_(options.one_in) {}

void SampleStep::take(const Record& record, Flow& flow) {
  const Key key = key_of(record);
  const bool passes =
      key.too_long() ||
      (one_in_ > 0 ? one_in_many(key) : first_of_interval(key, record.time(), flow.moment.stamp));
  if (passes) flow.emit(record);
}

bool SampleStep::first_of_interval(const Key& key, Stamp time, Stamp turn) {
  if (const Band* before = last(key); before != nullptr) {
    const Stamp newest = before->time;
    const bool comparable = time.boot == newest.boot;
    if (comparable && interval_of(newest.ns, every_) == interval_of(time.ns, every_)) return false;
    if (came_late(time, newest, turn)) {
      return !comparable || distance(time.ns, newest.ns) > kLateMax;
    }
  }
  Band& passed = remember(key);
  passed = Band();
  passed.time = time;
  return true;
}

// `bits`: how many have gone by since the one that passed.
bool SampleStep::one_in_many(const Key& key) {
  const Band* before = last(key);
  const bool passes = before == nullptr || before->bits + 1 >= one_in_;
  const std::uint64_t gone_by = passes ? 0 : before->bits + 1;
  Band& now = remember(key);
  now = Band();
  now.type = Type::uint64;
  now.bits = gone_by;
  return passes;
}

}  // namespace pinaflux
