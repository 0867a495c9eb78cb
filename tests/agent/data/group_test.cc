#include "agent/data/group.h"

#include <doctest/doctest.h>

namespace pinaflux {
namespace {

TEST_CASE("a new group is empty, and anything that must be committed makes it not empty") {
  Group group;
  CHECK(group.empty());
  SUBCASE("receipt") { group.receipt(1, 1, 0); }
  SUBCASE("cursor") { group.cursors.push_back({}); }
  SUBCASE("refusal") { group.refusals.push_back({}); }
  SUBCASE("state") { group.states.push_back({}); }
  SUBCASE("ack") { group.acks.push_back({}); }
  CHECK_FALSE(group.empty());
  CHECK(group.record_count() == 0);
  group.reset();
  CHECK(group.empty());
}

TEST_CASE("a source has one receipt: its last ticket and the sum of its records") {
  Group group;
  group.receipt(1, 10, 3);
  group.receipt(2, 5, 1);
  group.receipt(1, 12, 4);
  REQUIRE(group.receipts.size() == 2);
  CHECK(group.receipts[0].source == 1);
  CHECK(group.receipts[0].ticket == 12);
  CHECK(group.receipts[0].records == 7);
  CHECK(group.receipts[1].ticket == 5);
}

TEST_CASE("a group is full by its arena at three quarters") {
  Group group;
  const std::size_t piece = 64 * 1024;
  std::size_t taken = 0;
  while (!group.full()) {
    REQUIRE(group.arena.allocate(piece) != nullptr);
    taken += piece;
  }
  CHECK(taken >= limits::kGroupBytesMax * 3 / 4);
  CHECK(taken <= limits::kGroupBytesMax * 3 / 4 + piece);
  group.reset();
  CHECK_FALSE(group.full());
}

}  // namespace
}  // namespace pinaflux
