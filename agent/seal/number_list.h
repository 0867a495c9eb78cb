// NumberList: the different numbers of a series, rising, and where in that list each of its values stands. For numbers at
// uneven distances (squares, prices), where no unit and no prediction helps.
//
// Limits     At most half as many numbers as values, of at most kValuesMax values: scratch is 128 KiB.
// Threads    One owner at a time.
// Tests      tests/agent/seal/number_list_test.cc. Bytes: FORMAT.md, section 5.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace pinaflux::seal {

class NumberList {
 public:
  static constexpr std::size_t kValuesMax = 8192;
  static_assert(kValuesMax <= 1 << 16);  // A number's place has 16 bits.

  // False: they hardly repeat, are all the same, or are too many; then there is no list.
  bool take(std::span<const std::uint64_t> values);
  // In the order of signed numbers.
  std::span<const std::uint64_t> numbers() const { return numbers_; }
  // One for each value, from 0.
  std::span<const std::uint64_t> places() const { return places_; }

 private:
  bool find(std::span<const std::uint64_t> values);

  std::vector<std::uint64_t> numbers_, places_;
  std::vector<std::uint16_t> slots_, order_, place_of_;
};

}  // namespace pinaflux::seal
