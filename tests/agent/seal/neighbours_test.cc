#include "agent/seal/neighbours.h"

#include <doctest/doctest.h>

namespace pinaflux::seal {
namespace {

using Numbers = std::vector<std::uint64_t>;

struct NeighboursFixture {
  Neighbours neighbours;
  NeighboursFixture() { neighbours.begin_table(4); }

  void column(const Numbers& misses, unsigned shift = 0) {
    neighbours.begin_column();
    neighbours.keep(4, misses, shift);
  }
  std::vector<int> classes(std::size_t distance) const {
    const std::uint8_t* const c = neighbours.classes(distance);
    return c == nullptr ? std::vector<int>() : std::vector<int>(c, c + 4);
  }
  std::vector<int> keys() const {
    const auto k = neighbours.keys(4);
    return {k.begin(), k.end()};
  }
};

TEST_CASE_FIXTURE(NeighboursFixture, "classes are widths up to 3, and 0 for what stands in front") {
  column({1, 3, 900});

  CHECK(classes(0) == std::vector{0, 1, 2, 3});
}

TEST_CASE_FIXTURE(NeighboursFixture, "a shift is taken off first") {
  column({7, 8, 16, 32}, 3);

  CHECK(classes(0) == std::vector{0, 1, 2, 3});
}

TEST_CASE_FIXTURE(NeighboursFixture,
                  "columns are found by their distance, those without classes are not") {
  column({1, 1, 1, 1});
  neighbours.begin_column();
  column({2, 2, 2, 2});

  CHECK(classes(0) == std::vector{2, 2, 2, 2});
  CHECK(classes(1).empty());
  CHECK(classes(2) == std::vector{1, 1, 1, 1});
  CHECK(classes(3).empty());
}

TEST_CASE_FIXTURE(NeighboursFixture,
                  "only a column's first series of a value for each row counts") {
  neighbours.begin_column();
  neighbours.keep(3, Numbers{9, 9, 9}, 0);
  CHECK(classes(0).empty());
  neighbours.keep(4, Numbers{1, 1, 1, 1}, 0);
  neighbours.keep(4, Numbers{9, 9, 9, 9}, 0);
  CHECK(classes(0) == std::vector{1, 1, 1, 1});
}

TEST_CASE_FIXTURE(NeighboursFixture, "the keys of two text columns are their combinations") {
  CHECK(keys().empty());
  neighbours.add_key(Numbers{0, 0, 1, 1}, 2);
  CHECK(keys() == std::vector{0, 0, 1, 1});
  neighbours.add_key(Numbers{0, 1, 0, 1}, 2);
  CHECK(keys() == std::vector{0, 1, 2, 3});
  CHECK(neighbours.key_count() == 4);
}

TEST_CASE_FIXTURE(NeighboursFixture, "a text column with too many entries makes no keys") {
  neighbours.add_key(Numbers{0, 1, 2, 3}, 4);
  neighbours.add_key(Numbers{0, 0, 0, 0}, Neighbours::kKeysMax / 4 + 1);
  CHECK(keys() == std::vector{0, 1, 2, 3});
  neighbours.add_key(Numbers{0, 0}, 1);  // Not a value for each row.
  CHECK(keys() == std::vector{0, 1, 2, 3});
}

TEST_CASE_FIXTURE(NeighboursFixture, "another table knows nothing of the one before") {
  column({1, 1, 1, 1});
  neighbours.add_key(Numbers{0, 1, 0, 1}, 2);
  neighbours.begin_table(4);
  neighbours.begin_column();

  CHECK(classes(0).empty());
  CHECK(classes(1).empty());
  CHECK(keys().empty());
}

}  // namespace
}  // namespace pinaflux::seal
