// Integers: a run of 64-bit integers as a prediction and a layout of what the prediction missed, or as a list of numbers
// and each value's place in it.
//
// Promise    read(write(values)) gives the same bits: all arithmetic wraps, so that int64, uint64
//            and the bits of a double are the same thing here. Unknown predictions and layouts are
//            `newer`.
// Limits     A reader fills what it is given and no more; it never reads past its bytes.
// Threads    A writer has one owner at a time (scratch memory); reading is a pure function.
// Tests      tests/agent/seal/integers_test.cc. Bytes: FORMAT.md.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "agent/seal/coder.h"
#include "agent/seal/compress.h"
#include "agent/seal/envelope.h"
#include "agent/seal/neighbours.h"
#include "agent/seal/number_list.h"
#include "agent/seal/prefix.h"
#include "platform/base/bytes.h"

namespace pinaflux::seal {

// What a reader found.
enum class Read : std::uint8_t { ok, damaged, newer, no_memory };

// Numbers of the format: never reused. 7 is free.
enum class Predict : std::uint8_t {
  plain = 0,   // The value.
  zigzag = 1,  // The value, signed.
  delta = 2,   // Against the value before.
  delta2 = 3,  // Against the line through the two values before.
  offset = 4,  // Against the smallest.
  key = 5,     // Against the value before of the same key.
  listed = 6,  // No misses: two series, the different numbers and each value's place among them.
};
inline constexpr std::uint8_t kPredictCount = 6;  // That have misses.

// Numbers of the format: never reused. 8 to 15 are free.
enum class Layout : std::uint8_t {
  zeros = 0,  // All misses are 0: nothing is written.
  varints = 1,
  planes = 2,  // All lowest bytes, then all second bytes, ...
  runs = 3,    // Distinct neighbours, and how often each stands there.
  bits = 4,    // Misses of 0 and 1, eight a byte.
  sparse = 5,  // Only the misses that are not 0, and how far they are apart.
  coded = 6,   // By learnt probabilities: coder.h.
  prefix = 7,  // By a prefix code, and raw bits: prefix.h.
};
inline constexpr std::uint8_t kLayoutCount = 8;

inline constexpr std::uint8_t kPredictMask = 0x07;
inline constexpr std::uint8_t kUnitFlag = 0x08;
inline std::uint64_t zigzag_of(std::uint64_t v) { return zigzag(static_cast<std::int64_t>(v)); }
inline std::uint64_t unzigzag_of(std::uint64_t v) {
  return static_cast<std::uint64_t>(unzigzag(v));
}

// How a series was written last time. Only ever a hint: anything in it gives a right series.
struct SeriesHint {
  static constexpr std::uint8_t kNone = 0xff;
  std::uint8_t predict = kNone;
  std::uint8_t layout = kNone;  // None: one is chosen for each batch, without a trial.
  std::uint8_t context = 0;
  std::uint8_t distance = 0;  // To the column that is the context.
  std::uint8_t shift = 0;
  bool listed = false;  // The others are of the places.
};

class IntegerWriter {
 public:
  // All of them outlive this. `compressor` is for trials.
  IntegerWriter(CodeWriter& code, Neighbours& neighbours, Compressor& compressor,
                const Parts& parts)
      : code_(code), neighbours_(neighbours), compressor_(compressor), parts_(parts) {}

  // fast and standard take a hint that is set untried. It is updated.
  void write(std::span<const std::uint64_t> values, Effort effort, SeriesHint& hint, Buffer& to);
  // About how many 256ths of a bit write() would cost, however much it tries.
  std::uint64_t cost(std::span<const std::uint64_t> values, Effort effort);

 private:
  struct Stats {
    std::uint64_t bits = 0, run_bits = 0;  // Of all misses; of those that begin a run.
    std::uint64_t cost = 0;                // 256ths of a bit, roughly.
    unsigned width = 0;                    // Of the widest.
    std::size_t zeros = 0, runs = 0;
    std::array<std::uint32_t, 65> widths{};  // How many of each.
  };
  using Ranking = std::array<std::pair<std::uint64_t, Predict>, kPredictCount>;

  bool possible(Predict how, std::size_t count) const;
  bool possible(Layout layout, const Stats& s) const;
  // The misses go to misses_, what stands before them to front_.
  void predict(std::span<const std::uint64_t> values, Predict how);
  void predict_by_key(std::span<const std::uint64_t> values);
  Stats stats() const;
  std::size_t rank(std::span<const std::uint64_t> values, Ranking& ranking);
  Coding code_of(const SeriesHint& hint, std::size_t count) const;
  std::uint8_t shift(const Stats& stats, std::size_t part) const;
  void try_prefix(std::span<const std::uint64_t> values, const Ranking& ranking, std::size_t tried,
                  SeriesHint& best, std::uint64_t best_cost);
  std::uint64_t choose_fast(const Stats& s, SeriesHint& hint);
  void try_fast(Predict how, SeriesHint& best, std::uint64_t& best_cost);
  void write_one(std::span<const std::uint64_t> series, Effort effort, SeriesHint hint,
                 std::uint8_t flags, std::size_t head_at, Buffer& to);
  void write_listed(Effort effort, const SeriesHint& hint, Buffer& to);
  SeriesHint search(std::span<const std::uint64_t> series, Effort effort);
  // The same of one that is not listed; what it costs to `cost`.
  SeriesHint search_one(std::span<const std::uint64_t> series, Effort effort, std::uint64_t& cost);
  std::uint64_t cost_of_one(std::span<const std::uint64_t> series, Effort effort);
  std::uint64_t cost_of_numbers();
  std::uint64_t code_cost(const SeriesHint& hint, std::size_t count);
  void try_codes(Effort effort, Predict how, std::size_t count, SeriesHint& best,
                 std::uint64_t& best_cost);
  void try_layouts(Predict how, SeriesHint& best, std::uint64_t& best_cost);
  bool usable(const SeriesHint& hint, std::size_t count, Effort effort) const;
  void write_misses(const SeriesHint& hint, std::size_t count, Buffer& to);
  // Bytes that trial_ comes to when it is compressed with much else.
  std::size_t compressed_bytes(int level);

  CodeWriter& code_;
  Neighbours& neighbours_;
  Compressor& compressor_;
  const Parts& parts_;
  PrefixWriter prefix_;
  NumberList list_;
  std::vector<std::uint64_t> divided_, misses_, last_of_key_;
  Buffer front_, trial_, compressed_;
};

class IntegerReader {
 public:
  IntegerReader(CodeReader& code, Neighbours& neighbours) : code_(code), neighbours_(neighbours) {}
  Read read(Reader& from, std::span<std::uint64_t> values);

 private:
  Read read_misses(Reader& from, std::uint8_t layout, std::size_t count,
                   std::span<std::uint64_t> misses);
  Read read_coded(Reader& from, std::size_t count, std::span<std::uint64_t> misses);
  Read read_series(Reader& from, std::span<std::uint64_t> values, bool may_be_listed);
  Read read_listed(Reader& from, std::span<std::uint64_t> values);
  void undo_keys(std::span<std::uint64_t> values);

  CodeReader& code_;
  Neighbours& neighbours_;
  unsigned shift_ = 0;  // Of the series that was read last.
  std::vector<std::uint64_t> last_of_key_, numbers_;
};

}  // namespace pinaflux::seal
