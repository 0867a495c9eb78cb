#include "agent/collector/anchors.h"

#include "tests/agent/collector/collector_kit.h"

using namespace pinaflux;
using namespace pinaflux::collector_kit;

namespace {

constexpr std::uint64_t kBoot = 0x9f;
constexpr Duration kSecond = Duration::seconds(1);

struct AnchorsFixture {
  kit::TemporaryDirectory directory;
  std::unique_ptr<sqlite::Database> database = open_database(directory / "landed.db");
  Anchors anchors = std::move(*Anchors::prepare(*database));

  // Said at `at` of a boot that began at noon, and on its way for so long.
  bool hello(Duration at, Duration way, std::optional<HelloAnswer> answer = {},
             bool synchronised = true, Duration drift = {}) {
    HelloMessage message;
    message.gateway = "pump";
    message.clock = HelloClock{kBoot, Instant{at.ns}, false};
    message.answer = answer;
    const Reception reception{WallTime{kNoon} + at + way + drift, synchronised};
    const auto news = anchors.take_hello("pump", message, reception);
    REQUIRE(news.has_value());
    return *news;
  }
  // Two hellos, of which the second says how long the first took, there and back.
  bool measured(Duration at, Duration way, Duration back, bool synchronised = true,
                Duration drift = {}) {
    hello(at, way, {}, synchronised, drift);
    const HelloEcho echo{Instant{at.ns}, WallTime{kNoon} + at + way + drift};
    const HelloAnswer answer{echo, way + back};
    return hello(at + way + back, way, answer, synchronised, drift);
  }
  KnownAnchor current() {
    const auto known = anchors.current("pump", kBoot);
    REQUIRE(known.has_value());
    REQUIRE(known->has_value());
    return **known;
  }
  // From noon.
  Duration begin() { return Duration{current().anchor.offset().ns - kNoon}; }
  std::string ask(const std::string& sql) { return query(*database, sql); }
};

}  // namespace

TEST_CASE_FIXTURE(AnchorsFixture, "a hello says when its boot began, at the latest") {
  CHECK(hello(kSecond * 95, kSecond * 2));
  CHECK(begin() == kSecond * 2);
  CHECK_FALSE(current().round_trip.has_value());
  CHECK(ask("SELECT uncertainty FROM pinaflux_anchor") == "~\n");
  CHECK(ask("SELECT origin FROM pinaflux_anchor") == "hello\n");
}

TEST_CASE_FIXTURE(AnchorsFixture,
                  "a hello whose way was measured says when, and how well that is known") {
  CHECK(measured(kSecond * 95, kSecond, kSecond * 3));
  CHECK(current().anchor.uncertainty == kSecond * 2);
  CHECK(begin() == Duration{} - kSecond);
  CHECK(current().round_trip == kSecond * 4);
}

TEST_CASE_FIXTURE(AnchorsFixture,
                  "the truth is within the uncertainty, whatever the way there and back took") {
  for (int there = 0; there <= 8; ++there) {
    database->execute("DELETE FROM pinaflux_anchor").value();
    measured(kSecond * (100 + there * 20), kSecond * there, kSecond * (8 - there));
    CHECK(begin() <= current().anchor.uncertainty);
    CHECK(begin() + current().anchor.uncertainty >= Duration{});
  }
}

TEST_CASE_FIXTURE(AnchorsFixture,
                  "a hello that lay in a broker's queue gives way to one that came at once") {
  CHECK(hello(kSecond * 10, Duration::hours(5)));
  CHECK(hello(Duration::hours(6), kSecond));
  CHECK(begin() == kSecond);
  CHECK_FALSE(hello(Duration::hours(6) + kSecond, kSecond * 2));
  CHECK(begin() == kSecond);
}

TEST_CASE_FIXTURE(AnchorsFixture,
                  "hellos that are handed over once more, hours later, change nothing") {
  const Duration at = kSecond * 10;
  const HelloAnswer answer{{Instant{at.ns}, WallTime{kNoon} + at + kSecond}, kSecond * 2};
  hello(at, kSecond);
  CHECK(hello(at + kSecond * 2, kSecond, answer));
  const std::int64_t id = current().id;

  CHECK_FALSE(hello(at, Duration::hours(2)));
  CHECK_FALSE(hello(at + kSecond * 2, Duration::hours(2), answer));

  CHECK(current().id == id);
  CHECK(begin() == Duration{});
}

TEST_CASE_FIXTURE(AnchorsFixture, "an answer that took longer than there was time is no anchor") {
  hello(kSecond * 10, kSecond, HelloAnswer{{Instant{5}, WallTime{5}}, kSecond});
  CHECK_FALSE(anchors.current("pump", kBoot)->has_value());
}

TEST_CASE_FIXTURE(AnchorsFixture,
                  "a faster hello replaces one that took long, a slower one does not") {
  measured(kSecond * 10, kSecond * 2, kSecond * 2);
  CHECK(measured(kSecond * 30, kSecond / 10, kSecond / 10));
  CHECK(current().round_trip == kSecond / 5);
  CHECK_FALSE(measured(kSecond * 50, kSecond * 2, kSecond * 2));
  CHECK(current().round_trip == kSecond / 5);
}

TEST_CASE_FIXTURE(AnchorsFixture,
                  "a drift beyond what the ways explain gives what comes an anchor of its own") {
  measured(kSecond * 10, kSecond / 10, kSecond / 10);
  const std::int64_t first = current().id;
  CHECK_FALSE(measured(Duration::hours(1), kSecond / 10, kSecond / 10, true, kSecond / 4));
  CHECK(current().id == first);

  CHECK_FALSE(measured(Duration::hours(9), kSecond / 10, kSecond / 10, true, kSecond));

  CHECK(current().id != first);
  CHECK(ask("SELECT count(*) FROM pinaflux_anchor WHERE replaced=0") == "2\n");
}

TEST_CASE_FIXTURE(
    AnchorsFixture,
    "a clock that nobody vouches for gives no uncertainty, and gives way to another") {
  CHECK(measured(kSecond * 10, kSecond / 10, kSecond / 10, false));
  CHECK(ask("SELECT uncertainty FROM pinaflux_anchor WHERE replaced=0") == "~\n");
  CHECK(hello(kSecond * 20, kSecond));
  CHECK(current().synchronised);
  CHECK_FALSE(measured(kSecond * 30, kSecond / 10, kSecond / 10, false));
}

TEST_CASE_FIXTURE(AnchorsFixture,
                  "the gateway's own anchor replaces every other, and its first one stays") {
  measured(kSecond * 10, kSecond / 10, kSecond / 10);
  const Anchor own{kBoot, Instant{5}, WallTime{kNoon + 5}, kSecond};
  CHECK(*anchors.take_own("pump", own, WallTime{kNoon}));
  CHECK(current().own);
  CHECK(current().anchor == own);

  CHECK_FALSE(*anchors.take_own("pump", own, WallTime{kNoon}));
  CHECK_FALSE(measured(kSecond * 90, Duration{2}, Duration{2}));
  Anchor other = own;
  other.wall.ns += 9;
  CHECK_FALSE(*anchors.take_own("pump", other, WallTime{kNoon}));

  CHECK(current().anchor == own);
  REQUIRE(anchors.drop_replaced("pump", kBoot).has_value());
  CHECK(ask("SELECT origin FROM pinaflux_anchor") == "gateway\n");
}

TEST_CASE_FIXTURE(AnchorsFixture,
                  "a trusted clock's hello, and one that says nothing of clocks, are no anchors") {
  HelloMessage message;
  CHECK_FALSE(*anchors.take_hello("pump", message, {WallTime{kNoon}, true}));
  message.clock = HelloClock{kBoot, Instant{5}, true};
  CHECK_FALSE(*anchors.take_hello("pump", message, {WallTime{kNoon}, true}));
  CHECK(ask("SELECT count(*) FROM pinaflux_anchor") == "0\n");
}

TEST_CASE_FIXTURE(AnchorsFixture, "an anchor counts for the gateway that said it only") {
  hello(kSecond, kSecond);
  CHECK_FALSE(anchors.current("valve", kBoot)->has_value());
}
