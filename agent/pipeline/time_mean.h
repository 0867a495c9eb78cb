// TimeMean: a field's time-weighted mean: each value holds from its time until the next one's.
//
// Promise    Values may come in any order, as long as each is at the watermark or newer when it comes: the mean is the same. Of
//            several at one time the largest holds. An older value is passed over, whatever is known.
// Values     Doubles, no NaN; durations in ns, exact. The area below them is summed in 106 bits, in the order of time. An infinite
//            value makes the mean infinite (NaN, where both are) if it holds for any time; so do products beyond 1.8e308,
//            of values beyond 1e289.
// Limits     kSamplesMax values are kept one by one. With more, the oldest are settled as if the watermark had passed them,
//            and what is no newer than the last of these is passed over.
// Threads    Values; any. No heap once it has had its samples.
// Tests      tests/agent/pipeline/time_mean_test.cc, window_reference_test.cc
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "agent/pipeline/wide_sum.h"
#include "platform/base/bytes.h"

namespace pinaflux {

class TimeMean {
 public:
  static constexpr std::size_t kSamplesMax = 64;
  // That encode() writes of so many samples.
  static constexpr std::size_t bytes_max(std::size_t samples) { return 46 + 18 * samples; }

  // `watermark`: before this value.
  void add(double x, std::int64_t time, std::int64_t watermark);
  // `later` has values of later times only.
  void merge(const TimeMean& later);
  // The newest value; NaN: there is none.
  double last() const;
  // Over [begin, end), within which all values are; `held` (NaN: not known) holds from `begin` to the first. Without it the mean is over
  // the time from the first on; nothing where there is none. The last value, where there is no time.
  std::optional<double> mean(std::int64_t begin, std::int64_t end, double held) const;
  void reset();

  void encode(Writer& to) const;
  bool decode(Reader& from);

 private:
  struct Sample {
    std::int64_t time = 0;
    double x = 0.0;
  };
  // From its first sample to its last.
  struct Path {
    bool begun = false;
    std::int64_t begin = 0;
    Sample last;
    WideSum area;

    void go(const Sample& to) { follow({true, to.time, to, {}}); }
    void follow(const Path& later);
    void hold_until(std::int64_t time);
  };
  void settle(std::size_t count);

  Path settled_;
  std::vector<Sample> samples_;  // By time, all of them later.
};

}  // namespace pinaflux
