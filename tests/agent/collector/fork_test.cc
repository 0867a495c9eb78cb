#include <limits>

#include "agent/data/anchor.h"
#include "tests/agent/collector/store_kit.h"

using namespace pinaflux;
using namespace pinaflux::collector_kit;

namespace {

struct ForkFixture : StoreFixture {
  Gateway gateway, image;  // The same until one of them goes on alone.

  // What both have in common, landed.
  void share(std::uint64_t count) {
    land({gateway.send(count)});
    (void)image.send(count);
  }
  // Records of the same numbers, and other values.
  static void add_others(Rows& to, std::uint64_t from, std::uint64_t count) {
    for (std::uint64_t seq = from; seq < from + count; ++seq) {
      to.add("boiler", {"value"}, {Value::int64(-static_cast<std::int64_t>(seq))});
    }
  }
  Arrival send_others(std::uint64_t from, std::uint64_t count) {
    Rows rows;
    add_others(rows, from, count);
    return image.send(rows);
  }
  std::vector<Range> known() {
    REQUIRE(landed.acks.size() == 1);
    REQUIRE(landed.acks[0].compared.size() == 1);
    return landed.acks[0].compared[0].known;
  }
  std::string rows() { return ask("SELECT count(*) FROM boiler"); }
};

using Ranges = std::vector<Range>;

}  // namespace

TEST_CASE_FIXTURE(ForkFixture, "the same records in another envelope are known, and are no fork") {
  land({gateway.send(40), gateway.send(20)});
  SUBCASE("above the floor") {}
  SUBCASE("below the floor, where hashes are forgotten") {
    gateway.floor(61);
    land({gateway.hello()});
  }
  (void)image.send(10);

  land({image.send(50)});

  CHECK(landed.counts.forks == 0);
  CHECK(landed.counts.redelivered == 1);
  CHECK_FALSE(landed.acks[0].fork);
  CHECK(known() == Ranges{{11, 60}});
  CHECK(rows() == "60\n");
}

TEST_CASE_FIXTURE(ForkFixture, "other records under landed numbers are named, one by one") {
  share(40);
  land({gateway.send(60)});
  SUBCASE("above the floor") {}
  SUBCASE("below the floor") {
    gateway.floor(101);
    land({gateway.hello()});
  }

  Rows mixed;
  mixed.count("boiler", 41, 5);
  add_others(mixed, 46, 15);
  const Arrival refused = image.send(mixed);
  land({refused});

  CHECK(landed.counts.forks == 1);
  CHECK(landed.acks[0].fork);
  CHECK(known() == Ranges{{41, 45}});
  CHECK(landed.acks[0].compared[0].range == Range{41, 60});
  CHECK(landed.acks[0].compared[0].hash == Opener::header(refused.payload)->hash);
  CHECK(rows() == "100\n");
  CHECK(report().complete());
}

TEST_CASE_FIXTURE(ForkFixture, "what was refused does not land later, whoever sends it again") {
  share(10);
  land({gateway.send(10)});
  const Arrival forked = send_others(11, 10), next = send_others(21, 10);
  land({forked, next});
  CHECK(landed.counts.forks == 2);
  // The other one goes on, and its floor lets the hashes be forgotten.
  (void)gateway.send(10);
  gateway.floor(31);
  land({gateway.hello()});

  land({forked, next});

  CHECK(landed.counts.rows == 0);
  CHECK(rows() == "20\n");
  const VerifyReport report = this->report();
  CHECK(report.complete());
  CHECK(report.lanes[0].renumbered == 10);
  CHECK(report.lanes[0].outstanding == 0);
}

// The image sends its newest first: 21-30 landed, and nothing yet of what stands before.
TEST_CASE_FIXTURE(ForkFixture,
                  "what was refused is not claimed by the hash of what stands behind it") {
  share(10);
  (void)send_others(11, 4);
  const Arrival before = send_others(15, 6), newest = send_others(21, 10);
  land({newest});

  SUBCASE("it is refused, and closes the gap") {
    land({gateway.send(8)});
    land({before});
    REQUIRE(landed.counts.forks == 1);
    REQUIRE(landed.acks[0].high == 30);
    CHECK(landed.acks[0].hash == Opener::header(newest.payload)->hash);
    CHECK(landed.acks[0].from == 21);
    CHECK(known().empty());
  }
  SUBCASE("it is refused, and lies above a gap") {
    (void)gateway.send(2);
    land({gateway.send(3)});
    land({before});
    REQUIRE(landed.acks[0].high == 10);
    const std::vector<LandedRange>& above = landed.acks[0].landed;
    REQUIRE(above.size() == 2);
    CHECK(above[0].range == Range{13, 15});
    CHECK(above[1].range == Range{21, 30});
  }
  SUBCASE("the other's record would close the gap") {
    land({gateway.send(8)});
    land({gateway.send(2)});
    CHECK(landed.counts.forks == 1);
    CHECK(landed.acks[0].from == 21);
  }
  SUBCASE("the other's loss would close the gap") {
    land({gateway.send(8)});
    land({gateway.lose(2)});
    CHECK(landed.counts.forks == 1);
    CHECK(landed.acks[0].from == 21);
  }
  CHECK(report().complete());
}

TEST_CASE_FIXTURE(ForkFixture,
                  "a loss that stands behind another gateway's records claims none of them") {
  share(10);
  (void)send_others(11, 10);
  land({image.lose(10)});

  land({gateway.send(10)});

  CHECK(landed.counts.forks == 1);
  CHECK(landed.acks[0].high == 30);
  CHECK(landed.acks[0].from == 21);
}

TEST_CASE_FIXTURE(ForkFixture,
                  "where a database begins anew, nothing is claimed of what it never saw") {
  gateway.skip(20);
  image.skip(10);
  gateway.floor(21);
  land({gateway.hello()});
  (void)send_others(11, 10);
  land({send_others(21, 10)});

  CHECK(landed.acks[0].high == 30);
  CHECK(landed.acks[0].from == 21);
}

// The image thins what it sent already: 26-30 is part of 21-30 now, behind 11-20, which never came.
TEST_CASE_FIXTURE(ForkFixture,
                  "what a wider envelope stands behind is known, though a part of it came before") {
  share(10);
  (void)send_others(11, 10);
  (void)send_others(21, 5);
  land({send_others(26, 5)});
  Rows thinned;
  for (std::uint64_t seq = 22; seq <= 30; seq += 2)
    thinned.add("boiler", {"value"}, {Value::int64(-static_cast<std::int64_t>(seq))});
  SUBCASE("thinned") { land({image.thin(21, 2, thinned)}); }
  SUBCASE("and the part comes once more") {
    Gateway again;
    Rows common;
    common.count("boiler", 1, 10);
    (void)again.send(common);
    Rows rows;
    add_others(rows, 11, 10);
    (void)again.send(rows);
    Rows five;
    add_others(five, 21, 5);
    (void)again.send(five);
    Rows last;
    add_others(last, 26, 5);
    const Arrival part = again.send(last);
    land({image.thin(21, 2, thinned), part});
  }

  land({gateway.send(10)});

  CHECK(landed.counts.forks == 1);
  CHECK(landed.acks[0].from == 21);
}

TEST_CASE_FIXTURE(ForkFixture, "a loss whose chain nobody knows may be declared twice") {
  land({gateway.send(10)});
  const Arrival loss = gateway.lose(20, kNoDigest);
  land({loss, gateway.send(10)});
  REQUIRE(landed.counts.forks == 0);

  land({loss});

  CHECK(landed.counts.forks == 0);
  for (const Comparison& told : landed.acks[0].compared) CHECK(is_known(told));
  CHECK(report().lanes[0].renumbered == 0);
  CHECK(report().lanes[0].lost_count() == 20);
}

TEST_CASE_FIXTURE(
    ForkFixture,
    "a gateway is told of each envelope that it sends again, though `high` is another's") {
  const Arrival common = gateway.send(10);
  land({common, gateway.send(10)});

  land({common});

  CHECK(landed.counts.redelivered == 1);
  CHECK(known() == Ranges{{1, 10}});
}

TEST_CASE_FIXTURE(ForkFixture, "of a lane that has forked a floor says nothing of what is owed") {
  share(10);
  land({gateway.send(10)});
  land({send_others(11, 10)});
  REQUIRE(report().lanes[0].forks == 1);
  (void)send_others(21, 20);

  image.floor(41);
  land({image.hello()});

  CHECK(report().complete());
  CHECK(report().lanes[0].missing == 0);
}

TEST_CASE_FIXTURE(ForkFixture, "what one gateway declared lost is not filled by the other") {
  share(10);
  land({gateway.lose(40), gateway.send(10)});
  SUBCASE("an envelope") { land({send_others(11, 10)}); }
  SUBCASE("a thinned one") {
    (void)send_others(11, 20);
    land({image.thin(11, 2)});
  }
  SUBCASE("another loss") { land({image.lose(20, 0x55)}); }

  CHECK(landed.counts.rows == 0);
  CHECK(known().empty());
  CHECK(report().lanes[0].lost_count() == 40);
  CHECK(report().lanes[0].forks == 0);
}

TEST_CASE_FIXTURE(ForkFixture,
                  "behind the last record that both have, a declared loss is one's own") {
  land({gateway.send(10)});
  land({gateway.lose(40)});
  Rows mixed;
  mixed.count("boiler", 6, 5);
  add_others(mixed, 11, 10);
  (void)image.send(5);

  land({image.send(mixed)});

  CHECK(known() == Ranges{{6, 10}});
  CHECK(report().lanes[0].lost_count() == 40);
}

TEST_CASE_FIXTURE(ForkFixture, "what comes late for its own declaration lands") {
  land({gateway.send(10)});
  const Arrival late = gateway.send(10);
  Gateway same;
  (void)same.send(10);
  land({same.lose(10, Opener::header(late.payload)->hash)});
  REQUIRE(report().lanes[0].lost_count() == 10);

  land({late});

  CHECK(landed.counts.rows == 10);
  CHECK(report().lanes[0].lost_count() == 0);
}

TEST_CASE_FIXTURE(
    ForkFixture,
    "a loss that contradicts the chain is refused, and not hidden behind what has landed") {
  share(10);
  land({gateway.send(20)});
  SUBCASE("it ends where the other's chain is another") {
    land({image.lose(20)});
    CHECK(landed.counts.forks == 1);
  }
  SUBCASE("it ends elsewhere, in a lane that has forked") {
    land({image.hello()});
    land({image.lose(15)});
    CHECK(landed.counts.forks == 1);
  }
  CHECK(known().empty());
  CHECK(report().lanes[0].lost_count() == 0);
}

TEST_CASE_FIXTURE(ForkFixture, "a thinned envelope over another gateway's records is refused") {
  share(40);
  land({gateway.send(60)});
  (void)send_others(41, 160);
  Rows thinned;
  for (std::uint64_t seq = 2; seq <= 200; seq += 2) {
    const auto value = static_cast<std::int64_t>(seq);
    thinned.add("boiler", {"value"}, {Value::int64(seq <= 40 ? value : -value)});
  }

  land({image.thin(1, 2, thinned)});

  CHECK(landed.counts.forks == 1);
  CHECK(known() == Ranges{{1, 40}});
  CHECK(rows() == "100\n");
}

TEST_CASE_FIXTURE(ForkFixture, "times that an anchor gave are the same times") {
  const Anchor anchor{0x9f, Instant{1'000}, WallTime{kNoon + 1'000}, Duration{5}};
  Rows rows;
  for (int i = 0; i < 5; ++i) {
    rows.add("boiler", {"value"}, {Value::int64(i)}, {100 * i, 0x9f});
  }
  Rows anchored;
  anchored.add(std::string(kAnchorStream).c_str(),
               {"boot", "monotonic_ns", "wall_ns", "uncertainty_ns"},
               {Value::text("000000000000009f"), Value::int64(1'000), Value::int64(kNoon + 1'000),
                Value::int64(5)},
               {kNoon, 0});
  Rows calendar;
  for (int i = 0; i < 5; ++i) {
    calendar.add("boiler", {"value"}, {Value::int64(i)}, {kNoon + 100 * i, 0});
  }
  CHECK(anchor.resolve({100, 0x9f}) == Stamp{kNoon + 100, 0});

  SUBCASE("landed as time since boot, and resolved since") {
    land({gateway.send(rows), gateway.send(anchored)});
    land({});
    REQUIRE(ask("SELECT count(*) FROM boiler WHERE _boot IS NULL") == "5\n");
    (void)image.send(1);  // Sealed otherwise.
    Rows four;
    for (int i = 1; i < 5; ++i) four.add("boiler", {"value"}, {Value::int64(i)}, {100 * i, 0x9f});
    land({image.send(four)});
    CHECK(known() == Ranges{{2, 5}});
  }
  SUBCASE("resolved by the gateway before it was sealed") {
    land({gateway.send(calendar), gateway.send(anchored)});
    (void)image.send(1);
    Rows four;
    for (int i = 1; i < 5; ++i) four.add("boiler", {"value"}, {Value::int64(i)}, {100 * i, 0x9f});
    land({image.send(four)});
    CHECK(known() == Ranges{{2, 5}});
  }
  SUBCASE("but not those of another boot") {
    land({gateway.send(rows), gateway.send(anchored)});
    (void)image.send(1);
    Rows four;
    for (int i = 1; i < 5; ++i) four.add("boiler", {"value"}, {Value::int64(i)}, {100 * i, 0x77});
    land({image.send(four)});
    CHECK(known().empty());
  }
}

TEST_CASE_FIXTURE(ForkFixture, "every kind of value is compared as it landed") {
  const auto row = [](Rows& rows, double number, std::string_view text) {
    rows.add("mix", {"n", "u", "d", "b", "t", "y", "z"},
             {Value::int64(-7), Value::uint64(std::uint64_t{1} << 63), Value::float64(number),
              Value::boolean(true), Value::text(text), Value::bytes(as_bytes("\x00\xff")),
              Value::null()},
             {kNoon, 0});
  };
  Rows first, again, other;
  first.count("boiler", 1, 1);
  row(first, std::numeric_limits<double>::quiet_NaN(), "a");
  row(again, std::numeric_limits<double>::quiet_NaN(), "a");
  row(other, std::numeric_limits<double>::quiet_NaN(), "b");
  land({gateway.send(first)});
  // A column that came later is absent in what landed before.
  Rows wider;
  wider.add("mix", {"later"}, {Value::int64(1)}, {kNoon, 0});
  land({gateway.send(wider)});
  (void)image.send(1);

  SUBCASE("the same") {
    land({image.send(again)});
    CHECK(known() == Ranges{{2, 2}});
  }
  SUBCASE("another text") {
    land({image.send(other)});
    CHECK(known().empty());
  }
  SUBCASE("a field more") {
    Rows more;
    more.add("mix", {"n", "later"}, {Value::int64(-7), Value::int64(1)}, {kNoon, 0});
    land({image.send(more)});
    CHECK(known().empty());
  }
  SUBCASE("another stream") {
    Rows elsewhere;
    elsewhere.add("elsewhere", {"n"}, {Value::int64(-7)}, {kNoon, 0});
    land({image.send(elsewhere)});
    CHECK(known().empty());
  }
}
