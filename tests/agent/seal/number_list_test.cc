#include "agent/seal/number_list.h"

#include <doctest/doctest.h>

#include "platform/base/random.h"

namespace pinaflux::seal {
namespace {

using Series = std::vector<std::uint64_t>;

Series taken(NumberList& list, const Series& values) {
  Series back;
  for (const std::uint64_t place : list.places()) back.push_back(list.numbers()[place]);
  CHECK(back == values);
  return {list.numbers().begin(), list.numbers().end()};
}

TEST_CASE("a list has each number once, in the order of signed numbers") {
  NumberList list;
  const Series values = {9, ~0ull, 9, 1ull << 63, 9, ~0ull, 9, 1ull << 63};
  REQUIRE(list.take(values));
  CHECK(taken(list, values) == Series{1ull << 63, ~0ull, 9});
}

TEST_CASE("what hardly repeats is no list, and neither is a single number") {
  NumberList list;
  CHECK_FALSE(list.take({}));
  CHECK_FALSE(list.take(Series{5}));
  CHECK_FALSE(list.take(Series{5, 5, 5, 5}));
  CHECK_FALSE(list.take(Series{5, 6, 5}));
  CHECK_FALSE(list.take(Series{5, 6, 7, 5}));
  CHECK(list.take(Series{5, 6, 5, 6}));
  Series many;
  for (std::size_t n = 0; n <= NumberList::kValuesMax; ++n) many.push_back(n % 2);
  CHECK_FALSE(list.take(many));
  many.pop_back();
  CHECK(list.take(many));
}

TEST_CASE("numbers that collide are no list, in little time") {
  NumberList list;
  Random random(2);
  Series hostile;
  // The slot is taken from bits 32 and above of the product: the inverse of the factor gives numbers of one slot.
  std::uint64_t inverse = 1;
  for (int n = 0; n < 6; ++n) inverse *= 2 - 0x9e3779b97f4a7c15 * inverse;
  for (std::uint64_t n = 0; n < 500; ++n) hostile.push_back(inverse * (n << 52));
  hostile.insert(hostile.end(), hostile.begin(), hostile.end());
  CHECK_FALSE(list.take(hostile));
  Series many;
  for (int n = 0; n < 1'000; ++n) many.push_back(random.below(300) * 1'000'003);
  REQUIRE(list.take(many));
  CHECK(taken(list, many).size() > 250);
}

}  // namespace
}  // namespace pinaflux::seal
