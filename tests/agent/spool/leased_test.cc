#include "agent/spool/leased.h"

#include <random>
#include <set>

#include <doctest/doctest.h>

namespace pinaflux {
namespace {

TEST_CASE("leased seqs are those that were added and not forgotten") {
  std::mt19937_64 random(7);
  Leased leased;
  std::set<std::uint64_t> truth;
  for (int step = 0; step < 2'000; ++step) {
    const std::uint64_t first = 1 + random() % 60, last = first + random() % 8;
    if (random() % 10 == 0) {
      leased.forget_up_to(first);
      std::erase_if(truth, [&](std::uint64_t seq) { return seq <= first; });
    } else if (random() % 40 == 0) {
      leased.clear();
      truth.clear();
    } else {
      leased.add({first, last});
      for (std::uint64_t seq = first; seq <= last; ++seq) truth.insert(seq);
    }
    for (std::uint64_t seq = 1; seq < 70; ++seq) {
      std::uint64_t up = seq, down = seq;
      while (truth.contains(up)) ++up;
      while (truth.contains(down)) --down;
      REQUIRE(leased.contains(seq) == truth.contains(seq));
      REQUIRE(leased.first_free(seq) == up);
      REQUIRE(leased.last_free(seq) == down);
    }
  }
}

}  // namespace
}  // namespace pinaflux
