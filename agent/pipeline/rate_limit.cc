// A key's state is how many tokens it had left when a record last passed, and when that was. What is dropped changes
// nothing. Time is that of the monotonic clock. It does not know how long a restart took: there the turn's stamps say it, if
// both are of one boot or both of the calendar, and otherwise the tokens count from the key's next record on.

#include "agent/pipeline/rate_limit.h"

#include <algorithm>
#include <bit>

#include "agent/pipeline/key_limits.h"

namespace pinaflux {

Result<std::unique_ptr<Step>> RateLimitStep::make(const RateLimit& options) {
  if (options.rate == 0 || options.per.ns <= 0) {
    return fail(Code::invalid, "a limit has a rate above 0, in a time above 0");
  }
  if (options.keys_max == 0) return fail(Code::invalid, "a limit needs room for 1 key or more");
  if (options.keys_max > kThinKeysMax) return fail(Code::full, "a limit has at most 32768 keys");
  return std::unique_ptr<Step>(new RateLimitStep(options));
}

RateLimitStep::RateLimitStep(const RateLimit& options)
    : BandStep(options.keys, options.keys_max, band_signature("\1limit", options.keys)),
      tokens_max_(static_cast<double>(options.rate)),
      token_ns_(static_cast<double>(options.per.ns) / tokens_max_) {}

void RateLimitStep::take(const Record& record, Flow& flow) {
  const Key key = key_of(record);
  if (key.too_long()) return flow.emit(record);
  Band* before = last(key);
  const double tokens = before == nullptr ? tokens_max_ : refilled(*before, flow.moment);
  // Tokens are fractions: a rounding must not cost a record.
  if (tokens < 1.0 - 1e-9) return;
  Band& passed = remember(key);
  passed = Band();
  passed.type = Type::float64;
  passed.bits = std::bit_cast<std::uint64_t>(std::max(tokens - 1.0, 0.0));
  passed.time = flow.moment.stamp;
  passed.arrival = flow.moment.now;
  flow.emit(record);
}

double RateLimitStep::refilled(Band& band, const Moment& moment) const {
  if (band.arrival == Instant::never()) band.arrival = moment.now;
  auto waited = static_cast<double>(std::max((moment.now - band.arrival).ns, std::int64_t{0}));
  if (band.restored && band.time.boot == moment.stamp.boot && band.time.ns < moment.stamp.ns) {
    waited = std::max(waited, static_cast<double>(distance(moment.stamp.ns, band.time.ns)));
  }
  const double left = std::bit_cast<double>(band.bits);
  return std::min(tokens_max_, (left >= 0.0 ? left : 0.0) + waited / token_ns_);
}

}  // namespace pinaflux
