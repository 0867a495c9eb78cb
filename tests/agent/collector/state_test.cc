#include "agent/collector/state.h"

#include "agent/data/limits.h"
#include "tests/agent/collector/collector_kit.h"

using namespace pinaflux;
using namespace pinaflux::collector_kit;

namespace {

struct LedgerFixture {
  kit::TemporaryDirectory directory;
  std::unique_ptr<sqlite::Database> database = open_database(directory / "landed.db");
  Ledger ledger = std::move(*Ledger::prepare(*database));

  LaneEntry lane() {
    auto entry = ledger.lane(key_of());
    REQUIRE(entry.has_value());
    return std::move(*entry);
  }
  // An envelope of ten records: the n-th of the lane, hash n, previous n - 1.
  static Link link(std::uint8_t n, std::uint8_t hash = 0) {
    return {{n * 10u - 9u, n * 10u},
            n == 1 ? kNoDigest : digest_of(static_cast<std::uint8_t>(n - 1)),
            digest_of(hash == 0 ? n : hash)};
  }
  Verdict offer(const Link& link, std::uint64_t floor = 1) {
    LaneEntry entry = lane();
    const auto verdict = ledger.judge(entry, link);
    REQUIRE(verdict.has_value());
    if (*verdict == Verdict::fork || *verdict == Verdict::unproven) return *verdict;
    REQUIRE(ledger.mark(entry, floor, link.range.last).has_value());
    if (*verdict == Verdict::fresh) REQUIRE(ledger.land(entry, link).has_value());
    REQUIRE(ledger.advance(entry).has_value());
    return *verdict;
  }
  void declare(Range range, std::uint8_t through, std::uint64_t floor = 1) {
    LaneEntry entry = lane();
    REQUIRE(ledger.mark(entry, floor, 0).has_value());
    REQUIRE(ledger.declare(entry, {range, "evicted", digest_of(through)}).has_value());
    REQUIRE(ledger.advance(entry).has_value());
  }
  void hello(std::uint64_t floor, std::uint64_t last) {
    LaneEntry entry = lane();
    REQUIRE(ledger.mark(entry, floor, last).has_value());
    REQUIRE(ledger.advance(entry).has_value());
  }
  AckMessage ack() {
    auto message = ledger.ack(lane());
    REQUIRE(message.has_value());
    return std::move(*message);
  }
  std::string envelopes() { return query(*database, "SELECT count(*) FROM pinaflux_envelope"); }
};

}  // namespace

TEST_CASE_FIXTURE(LedgerFixture, "a lane that nobody has heard of is acknowledged up to 0") {
  CHECK(ack().high == 0);
  CHECK(ack().gaps.empty());
  CHECK(ack().epoch == key_of().epoch);
}

TEST_CASE_FIXTURE(LedgerFixture, "envelopes in order move the high-water and its hash") {
  CHECK(offer(link(1)) == Verdict::fresh);
  CHECK(offer(link(2)) == Verdict::fresh);
  CHECK(ack().high == 20);
  CHECK(ack().hash == digest_of(2));
  CHECK(lane().last == 20);
}

TEST_CASE_FIXTURE(LedgerFixture, "out of order leaves gaps that close") {
  CHECK(offer(link(1)) == Verdict::fresh);
  CHECK(offer(link(3)) == Verdict::fresh);
  CHECK(offer(link(5)) == Verdict::fresh);
  CHECK(ack().high == 10);
  CHECK(ack().gaps == std::vector<Range>{{11, 20}, {31, 40}});
  CHECK(ack().landed ==
        std::vector<LandedRange>{{{21, 30}, digest_of(3)}, {{41, 50}, digest_of(5)}});
  CHECK(offer(link(2)) == Verdict::fresh);
  CHECK(ack().high == 30);
  CHECK(ack().hash == digest_of(3));
  CHECK(offer(link(4)) == Verdict::fresh);
  CHECK(ack().high == 50);
  CHECK(ack().gaps.empty());
  CHECK(ack().landed.empty());
}

TEST_CASE_FIXTURE(LedgerFixture, "the same envelope again is a duplicate, on any side of a gap") {
  CHECK(offer(link(1)) == Verdict::fresh);
  CHECK(offer(link(3)) == Verdict::fresh);
  CHECK(offer(link(1)) == Verdict::duplicate);
  CHECK(offer(link(3)) == Verdict::duplicate);
  CHECK(ack().high == 10);
}

TEST_CASE_FIXTURE(LedgerFixture, "another hash on a landed range proves nothing") {
  CHECK(offer(link(1)) == Verdict::fresh);
  CHECK(offer(link(2)) == Verdict::fresh);
  CHECK(offer(link(2, 99)) == Verdict::unproven);
  CHECK(offer({{15, 25}, digest_of(1), digest_of(98)}) == Verdict::unproven);
  CHECK(ack().high == 20);
  CHECK(ack().hash == digest_of(2));
}

TEST_CASE_FIXTURE(LedgerFixture, "an envelope whose predecessor is another one is a fork") {
  CHECK(offer(link(1)) == Verdict::fresh);
  CHECK(offer({{11, 20}, digest_of(77), digest_of(2)}) == Verdict::fork);
  CHECK(offer({{11, 20}, digest_of(1), digest_of(2)}) == Verdict::fresh);
}

TEST_CASE_FIXTURE(LedgerFixture, "the chain is checked when a gap closes") {
  CHECK(offer(link(1)) == Verdict::fresh);
  CHECK(offer(link(3)) == Verdict::fresh);
  CHECK(offer(link(2, 55)) == Verdict::fork);  // Its successor names hash 2.
  CHECK(ack().high == 10);
  CHECK(offer(link(2)) == Verdict::fresh);
  CHECK(ack().high == 30);
}

TEST_CASE_FIXTURE(LedgerFixture, "the first envelope of an epoch has no predecessor") {
  CHECK(offer({{1, 10}, digest_of(9), digest_of(1)}) == Verdict::fork);
}

TEST_CASE_FIXTURE(LedgerFixture, "hashes below the gateway's floor are forgotten") {
  for (std::uint8_t n = 1; n <= 5; ++n) CHECK(offer(link(n)) == Verdict::fresh);
  CHECK(envelopes() == "5\n");
  CHECK(offer(link(6), 41) == Verdict::fresh);
  CHECK(envelopes() == "2\n");
  CHECK(offer(link(2)) == Verdict::unproven);  // Whether it is the same, the rows say.
  CHECK(offer(link(5, 99)) == Verdict::unproven);
}

TEST_CASE_FIXTURE(LedgerFixture, "the chain goes on though every hash is below the floor") {
  CHECK(offer(link(1)) == Verdict::fresh);
  hello(11, 10);
  CHECK(envelopes() == "0\n");
  CHECK(ack().hash == digest_of(1));
  CHECK(offer({{11, 20}, digest_of(66), digest_of(2)}) == Verdict::fork);
  CHECK(offer(link(2), 11) == Verdict::fresh);
}

TEST_CASE_FIXTURE(LedgerFixture, "a declared loss closes its gap and carries the chain through") {
  CHECK(offer(link(1)) == Verdict::fresh);
  CHECK(offer(link(4)) == Verdict::fresh);
  CHECK(ack().gaps == std::vector<Range>{{11, 30}});
  declare({11, 30}, 3);
  CHECK(ack().high == 40);
  CHECK(ack().hash == digest_of(4));
  declare({41, 60}, 6);
  CHECK(ack().high == 60);
  CHECK(ack().hash == digest_of(6));
  CHECK(offer({{61, 70}, digest_of(5), digest_of(7)}) == Verdict::fork);
  CHECK(offer(link(7)) == Verdict::fresh);
}

TEST_CASE_FIXTURE(LedgerFixture, "a tombstone over several gaps leaves what has landed alone") {
  CHECK(offer(link(1)) == Verdict::fresh);
  CHECK(offer(link(3)) == Verdict::fresh);
  CHECK(offer(link(5)) == Verdict::fresh);
  declare({11, 50}, 5);
  CHECK(ack().high == 50);
  CHECK(ack().hash == digest_of(5));
  CHECK(query(*database, "SELECT sum(last-first+1) FROM pinaflux_range WHERE fate=1") == "20\n");
  declare({11, 50}, 5);
  CHECK(ack().high == 50);
}

TEST_CASE_FIXTURE(LedgerFixture, "an envelope that was thought lost and lands is lost no more") {
  CHECK(offer(link(1)) == Verdict::fresh);
  declare({11, 30}, 3);
  CHECK(offer(link(4)) == Verdict::fresh);
  CHECK(offer(link(2)) == Verdict::unproven);  // What its hash should be, nobody knows.
  CHECK(offer(link(3)) == Verdict::fresh);
  CHECK(ack().high == 40);
  CHECK(query(*database, "SELECT sum(last-first+1) FROM pinaflux_range WHERE fate=1") == "10\n");
  // The declaration's front is what is remembered: it is what others are held against.
  CHECK(offer(link(2)) == Verdict::unproven);
  CHECK(offer({{1, 10}, kNoDigest, digest_of(0x99)}) == Verdict::unproven);
}

TEST_CASE_FIXTURE(LedgerFixture,
                  "what was acknowledged before the first sight of a lane is not owed") {
  hello(1001, 1500);
  CHECK(ack().high == 1000);
  CHECK(ack().hash == kNoDigest);
  CHECK(offer({{1001, 1010}, digest_of(50), digest_of(51)}, 1001) == Verdict::fresh);
  CHECK(ack().high == 1010);
  CHECK(query(*database, "SELECT group_concat(fate) FROM pinaflux_range") == "2,0\n");
}

TEST_CASE_FIXTURE(LedgerFixture,
                  "a floor above a hole of a known lane is reported and does not block") {
  CHECK(offer(link(1)) == Verdict::fresh);
  hello(31, 60);
  CHECK(ack().high == 30);
  CHECK(query(*database, "SELECT first||'-'||last FROM pinaflux_range WHERE fate=3") == "11-30\n");
  CHECK(offer(link(4), 31) == Verdict::fresh);
  CHECK(offer(link(2)) == Verdict::fresh);  // It was on its way.
  CHECK(query(*database, "SELECT first||'-'||last FROM pinaflux_range WHERE fate=3") == "21-30\n");
}

TEST_CASE_FIXTURE(LedgerFixture, "a floor and a last never go back") {
  hello(51, 80);
  hello(11, 20);
  CHECK(lane().floor == 51);
  CHECK(lane().last == 80);
}

TEST_CASE_FIXTURE(LedgerFixture, "an ack names at most the gaps that it may") {
  REQUIRE(database->begin().has_value());
  LaneEntry entry = lane();
  for (std::uint64_t i = 0; i < limits::kGapRangesMax + 100; ++i) {
    const std::uint64_t at = 2 + i * 2;
    REQUIRE(ledger.land(entry, {{at, at}, kNoDigest, digest_of(1)}).has_value());
  }
  REQUIRE(ledger.advance(entry).has_value());
  REQUIRE(database->commit().has_value());
  CHECK(ack().high == 0);
  CHECK(ack().gaps.size() == limits::kGapRangesMax);
  CHECK(ack().gaps.front() == Range{1, 1});
}

TEST_CASE_FIXTURE(LedgerFixture, "lanes of other gateways, epochs and names are other lanes") {
  CHECK(offer(link(1)) == Verdict::fresh);
  LaneKey other_epoch = key_of();
  other_epoch.epoch = epoch_of(0xe2);
  for (const LaneKey& key : {key_of("pump-2"), key_of("pump", "alarm"), other_epoch}) {
    const auto entry = ledger.lane(key);
    REQUIRE(entry.has_value());
    CHECK(entry->id != lane().id);
    CHECK(entry->high == 0);
  }
}

TEST_CASE_FIXTURE(LedgerFixture, "reports of refused messages are bounded") {
  REQUIRE(database->begin().has_value());
  for (std::int64_t i = 0; i < Ledger::kRejectsMax + 50; ++i) {
    REQUIRE(
        ledger.reject({.time = {i}, .gateway = "g", .lane = "l", .reason = "damaged"}).has_value());
  }
  REQUIRE(database->commit().has_value());
  CHECK(query(*database, "SELECT count(*) FROM pinaflux_reject") ==
        std::to_string(Ledger::kRejectsMax) + "\n");
  CHECK(query(*database, "SELECT min(time) FROM pinaflux_reject") == "50\n");
}
