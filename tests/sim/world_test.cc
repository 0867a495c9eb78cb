#include "tests/sim/world.h"

#include <doctest/doctest.h>

using namespace pinaflux;
using namespace pinaflux::tests;

namespace {

constexpr std::uint64_t kSeeds = 3;
constexpr std::uint64_t kSeedsUntilCaught = 40;

struct WorldFixture {
  Outcome outcome(std::uint64_t seed, Mutant mutant = Mutant::none) const {
    RunOptions options;
    options.seed = seed;
    options.mutant = mutant;
    return run(options, configuration);
  }
  Configuration configuration = gateway_configuration();
};

}  // namespace

TEST_CASE_FIXTURE(WorldFixture, "what was acknowledged lands once or is declared lost") {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const Outcome its = outcome(seed);

    CAPTURE(seed);
    for (const std::string& failure : its.failures) CHECK_MESSAGE(false, failure);
    CHECK(its.commits >= 300);
    CHECK(its.faults >= 5);
    CHECK(its.seconds >= 600);
    CHECK(its.acknowledged > 1'000);
    CHECK(its.landed + its.lost >= its.acknowledged);
  }
}

TEST_CASE_FIXTURE(WorldFixture, "the same seed gives the same run, another seed another") {
  const Outcome first = outcome(4), again = outcome(4), other = outcome(5);

  CHECK(first.trace == again.trace);
  CHECK(first.steps == again.steps);
  CHECK(first.landed == again.landed);
  CHECK(first.trace != other.trace);
}

TEST_CASE_FIXTURE(WorldFixture, "every mutant is caught") {
  for (const MutantName& mutant : kMutants) {
    bool caught = false;
    for (std::uint64_t seed = 1; seed <= kSeedsUntilCaught && !caught; ++seed) {
      caught = !outcome(seed, mutant.mutant).failures.empty();
    }

    CAPTURE(mutant.name);
    CHECK(caught);
  }
}
