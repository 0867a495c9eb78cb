// Load: records that a benchmark commits, made in code, so that anybody can repeat its figures.
//
// messages   One sensor's JSON messages of exactly 64 bytes, 200 a second, such as
//            {"t":1700000000005,"seq":1000001,"temp_c":21.37,"press":1013.25}
//            t: 5 ms apart, up to 3 ms late; seq counts; temp and press walk by one last digit, one
//            record in four.
// meter      10 fields a record, one a second, as an electricity meter gives them: the seven of the UCI household
//            set, frequency, power factor, energy. The differences from record to record have the entropy of
//            that set (7.6, 5.0, 8.3 and 3.5 bits for its power, reactive power, voltage and current, 3
//            for its three sub-meters); frequency and power factor walk by up to 5 of their last digit,
//            energy counts by up to 15.
// noise      One text of 1,000 bytes that nothing compresses: to fill a disk.
//
// Ownership  What make() gives lives until the next make(). Shapes must outlive it.
// Threads    One owner.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "agent/data/record.h"
#include "platform/base/arena.h"
#include "platform/base/random.h"

namespace pinaflux::bench {

enum class LoadKind : std::uint8_t { messages, meter, noise };

class Load {
 public:
  static constexpr std::size_t kMessageBytes = 64;
  static constexpr std::size_t kMakeMax = 512;  // Records that make() gives at once.

  Load(LoadKind kind, Shapes& shapes);

  std::span<const RawRecord> make(std::size_t count);

 private:
  Stamp fill(std::span<Value> cells);
  Stamp message(std::span<Value> cells);
  Stamp meter(std::span<Value> cells);
  Stamp noise(std::span<Value> cells);
  std::int64_t between(std::int64_t low, std::int64_t high);
  bool one_in(std::int64_t n) { return between(1, n) == 1; }
  // Walk number `i`, by up to `step` either way.
  std::int64_t walk(std::size_t i, std::int64_t step, std::int64_t low, std::int64_t high);

  LoadKind kind_;
  const Shape* shape_;
  Arena arena_;
  Random random_{1};
  std::vector<RawRecord> records_;
  std::int64_t number_ = 0;
  std::array<std::int64_t, 7> walks_{};
};

}  // namespace pinaflux::bench
