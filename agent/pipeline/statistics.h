// Statistics: what a window can say of a field, and the Accumulator that it is said from.
//
// Promise    The order in which values are added, and how they were split and merged, does not show (within the
//            bounds of WideSum).
// Values     Numbers, and booleans as 0 and 1. Text, bytes, null and NaN are passed over. first and last give booleans
//            as booleans; of several values at one time the smallest is first, the largest last. min, max, first and
//            last are exact, whatever the type. sum is an integer if all values were and it fits, else a double.
//            mean and sum are infinite where a value was (NaN where both infinities were), stddev is absent then.
//            stddev is the sample's (n - 1), absent of less than 2 values; values beyond 1e150 make it infinite.
//            Percentiles: sketch.h, never below min or above max. distinct: distinct.h, of text and bytes, too; 0 of none.
//            time_mean: time_mean.h.
// Threads    Values; any. No heap, but for what a Sketch, a Distinct and a TimeMean grow to.
// Tests      tests/agent/pipeline/statistics_test.cc
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "agent/data/value.h"
#include "agent/pipeline/distinct.h"
#include "agent/pipeline/sketch.h"
#include "agent/pipeline/time_mean.h"
#include "agent/pipeline/wide_sum.h"
#include "platform/base/bytes.h"

namespace pinaflux {

struct Statistic {
  enum class Kind : std::uint8_t {
    count,  // Of records, not of a field.
    mean,
    min,
    max,
    sum,
    first,
    last,
    stddev,
    percentile,
    distinct,
    time_mean,
  };
  Kind kind = Kind::count;
  std::uint8_t percent = 0;

  // "mean", "p99" (p1 to p99).
  static std::optional<Statistic> parse(std::string_view name);
};

// What an Accumulator has to keep; a state can be read by whom keeps the same.
struct Needs {
  bool sum = false;
  bool squares = false;
  bool range = false;
  bool ends = false;
  bool sketch = false;
  bool distinct = false;
  bool time = false;

  explicit Needs(const std::vector<Statistic>& give);
  std::uint8_t bits() const;
  // That Accumulator::encode writes, up to 16,383 values in each bin of the sketch, and of so many samples of a TimeMean.
  std::size_t bytes_max(std::size_t samples) const;
};

class Accumulator {
 public:
  void reset();
  // What is older than the watermark has no part in the time-weighted mean.
  void add(const Value& value, std::int64_t time, const Needs& needs,
           std::int64_t watermark = INT64_MIN);
  // A time-weighted mean wants `other` to be later.
  void merge(const Accumulator& other, const Needs& needs);
  // Absent where there is nothing to say, and of time_mean.
  Value result(const Statistic& statistic) const;
  const TimeMean& time_mean() const { return time_mean_; }

  void encode(Writer& to, const Needs& needs) const;
  bool decode(Reader& from, const Needs& needs);

 private:
  struct Sample {
    std::int64_t time = 0;
    Value value;
  };
  Value sum() const;
  Value stddev() const;

  std::uint64_t count_ = 0;  // Numbers and booleans.
  std::uint8_t marks_ = 0;
  WideSum sum_, squares_;  // Of the finite ones.
  Value min_, max_;
  Sample first_, last_;
  Sketch sketch_;
  Distinct distinct_;
  TimeMean time_mean_;
};

}  // namespace pinaflux
