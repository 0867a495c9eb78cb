// A key's state is how many tokens it had left when a record last passed, and when that was. What is dropped changes
// nothing. After a restart the tokens count from the key's next record on: it may get fewer, never more.

#include "agent/pipeline/rate_limit.h"

#include <algorithm>

namespace pinaflux {

Result<std::unique_ptr<Step>> RateLimitStep::make(const RateLimit& options) {
  if (options.rate == 0 || options.per.ns <= 0) {
    return fail(Code::invalid, "a limit has a rate above 0, in a time above 0");
  }
  if (options.keys_max == 0) return fail(Code::invalid, "a limit needs room for 1 key or more");
  return std::unique_ptr<Step>(new RateLimitStep(options));
}

RateLimitStep::RateLimitStep(const RateLimit& options)
    : BandStep(options.keys, options.keys_max, band_signature("limit", options.keys)),
      tokens_max_(static_cast<double>(options.rate)),
      token_ns_(static_cast<double>(options.per.ns) / tokens_max_) {}

void RateLimitStep::take(const Record& record, Flow& flow) {
  const Key key = key_of(record);
  if (key.too_long()) return flow.emit(record);
  const Instant now = flow.moment.now;
  double tokens = tokens_max_;
  if (Band* before = last(key); before != nullptr) {
    if (before->arrival == Instant::never()) before->arrival = now;
    const double waited =
        static_cast<double>(std::max((now - before->arrival).ns, std::int64_t{0}));
    const double left = std::bit_cast<double>(before->bits);
    tokens = std::min(tokens_max_, (left >= 0.0 ? left : 0.0) + waited / token_ns_);
  }
  // Tokens are fractions: a rounding must not cost a record.
  if (tokens < 1.0 - 1e-9) return;
  Band& passed = remember(key);
  passed = Band();
  passed.type = Type::float64;
  passed.bits = std::bit_cast<std::uint64_t>(std::max(tokens - 1.0, 0.0));
  passed.time = record.time();
  passed.arrival = now;
  flow.emit(record);
}

}  // namespace pinaflux
