#include "agent/collector/settled.h"

#include <map>
#include <random>

#include "tests/agent/collector/collector_kit.h"

using namespace pinaflux;
using namespace pinaflux::collector_kit;

namespace {

struct SettledFixture {
  kit::TemporaryDirectory directory;
  std::unique_ptr<sqlite::Database> database = open_database(directory / "landed.db");
  Settled settled = std::move(*Settled::prepare(*database));

  void settle(std::uint64_t first, std::uint64_t last, Fate fate, const char* reason = "") {
    REQUIRE(settled.settle(1, {{first, last}, fate, reason}).has_value());
  }
  std::string all() {
    return query(*database,
                 "SELECT first||'-'||last||':'||fate||reason FROM pinaflux_range WHERE lane=1"
                 " ORDER BY first");
  }
};

}  // namespace

TEST_CASE_FIXTURE(SettledFixture, "ranges that touch become one") {
  settle(1, 10, Fate::landed);
  settle(21, 30, Fate::landed);
  CHECK(all() == "1-10:0\n21-30:0\n");
  settle(11, 20, Fate::landed);
  CHECK(all() == "1-30:0\n");
}

TEST_CASE_FIXTURE(SettledFixture, "a declared loss fills only what has not landed") {
  settle(11, 20, Fate::landed);
  settle(31, 35, Fate::landed);
  settle(1, 40, Fate::lost, "evicted");
  CHECK(all() == "1-10:1evicted\n11-20:0\n21-30:1evicted\n31-35:0\n36-40:1evicted\n");
}

TEST_CASE_FIXTURE(SettledFixture, "what lands after it was declared lost is lost no more") {
  settle(1, 100, Fate::lost, "evicted");
  settle(41, 60, Fate::landed);
  CHECK(all() == "1-40:1evicted\n41-60:0\n61-100:1evicted\n");
}

TEST_CASE_FIXTURE(SettledFixture, "a declaration replaces what was only known to be gone") {
  settle(1, 100, Fate::undeclared);
  settle(50, 200, Fate::lost, "expired");
  CHECK(all() == "1-49:3\n50-200:1expired\n");
}

TEST_CASE_FIXTURE(SettledFixture,
                  "the prefix ends at the first hole and gaps are counted from it") {
  settle(1, 10, Fate::landed);
  settle(11, 12, Fate::lost, "evicted");
  settle(20, 29, Fate::landed);
  settle(40, 49, Fate::landed);
  CHECK(*settled.prefix_end(1, 0) == 12);
  CHECK(*settled.prefix_end(1, 10) == 12);
  CHECK(*settled.gaps(1, 12, 10) == std::vector<Range>{{13, 19}, {30, 39}});
  CHECK(*settled.gaps(1, 12, 1) == std::vector<Range>{{13, 19}});
  settle(30, 31, Fate::lost, "evicted");
  CHECK(*settled.above(1, 12, 10) == std::vector<Range>{{20, 31}, {40, 49}});
  CHECK(*settled.above(1, 12, 1) == std::vector<Range>{{40, 49}});
  CHECK(*settled.prefix_end(2, 0) == 0);
  CHECK_FALSE(*settled.any(2));
}

TEST_CASE_FIXTURE(SettledFixture, "any order of settling agrees with a plain map") {
  std::mt19937 random(7);
  std::map<std::uint64_t, std::pair<int, char>> model;
  const auto rank = [](int fate) { return fate == 0 ? 3 : fate == 1 ? 2 : 1; };
  for (int i = 0; i < 400; ++i) {
    const std::uint64_t first = 1 + random() % 200;
    const std::uint64_t last = first + random() % 15;
    const int fate = static_cast<int>(random() % 4);
    const char reason = fate == 1 ? static_cast<char>('a' + random() % 2) : '.';
    settle(first, last, static_cast<Fate>(fate), fate == 1 ? std::string(1, reason).c_str() : "");
    for (std::uint64_t s = first; s <= last; ++s) {
      const auto known = model.find(s);
      if (known == model.end() || rank(known->second.first) < rank(fate)) model[s] = {fate, reason};
    }
  }
  const auto stretches = settled.overlapping(1, {1, 1000});
  REQUIRE(stretches.has_value());
  std::map<std::uint64_t, std::pair<int, char>> found;
  for (const Stretch& s : *stretches) {
    for (std::uint64_t q = s.range.first; q <= s.range.last; ++q) {
      CHECK(
          found
              .emplace(q, std::pair(static_cast<int>(s.fate), s.reason.empty() ? '.' : s.reason[0]))
              .second);
    }
  }
  CHECK(found == model);
}
