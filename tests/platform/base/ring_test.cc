#include "platform/base/ring.h"

#include <memory>

#include <doctest/doctest.h>

using namespace pinaflux;

TEST_CASE("a ring gives back what it took, in order, and refuses what it cannot hold") {
  Ring<int> ring(3);
  CHECK(ring.empty());
  for (int round = 0; round < 5; ++round) {
    CHECK(ring.push(1));
    CHECK(ring.push(2));
    CHECK(ring.push(3));
    CHECK(ring.full());
    CHECK_FALSE(ring.push(4));
    CHECK(ring.front() == 1);
    CHECK(ring[1] == 2);
    CHECK(ring.back() == 3);
    CHECK(ring.pop() == 1);
    CHECK(ring.push(4));
    CHECK(ring.pop() == 2);
    CHECK(ring.pop() == 3);
    CHECK(ring.pop() == 4);
    CHECK(ring.empty());
  }
}

TEST_CASE("a ring destroys what it gave away") {
  Ring<std::shared_ptr<int>> ring(2);
  auto value = std::make_shared<int>(1);
  CHECK(ring.push(value));
  CHECK(value.use_count() == 2);
  (void)ring.pop();
  CHECK(value.use_count() == 1);
  CHECK(ring.push(value));
  ring.clear();
  CHECK(value.use_count() == 1);
}

TEST_CASE("a ring without capacity is always full") {
  Ring<int> ring(0);
  CHECK(ring.full());
  CHECK_FALSE(ring.push(1));
}
