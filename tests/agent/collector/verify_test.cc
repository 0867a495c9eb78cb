#include "agent/collector/verify.h"

#include "agent/collector/sqlite_home.h"
#include "agent/collector/sqlite_sink.h"
#include "tests/agent/collector/collector_kit.h"

using namespace pinaflux;
using namespace pinaflux::collector_kit;

namespace {

// A database as the collector leaves it: two streams in one lane, 1-20 and 31-40 landed, 21-30 evicted.
struct VerifyFixture {
  kit::TemporaryDirectory directory;
  std::string path = directory / "landed.db";
  std::unique_ptr<sqlite::Database> database = open_database(path);
  Ledger ledger = std::move(*Ledger::prepare(*database));
  SqliteSink sink = std::move(*SqliteSink::prepare(*database));

  VerifyFixture() {
    execute("PRAGMA application_id=" + std::to_string(SqliteHome::kApplicationId));
    execute("PRAGMA user_version=1");
    land(1, 20);
    land(31, 40);
    LaneEntry entry = *ledger.lane(key_of());
    REQUIRE(ledger.declare(entry, {{21, 30}, "evicted", digest_of(3)}).has_value());
    REQUIRE(ledger.mark(entry, 31, 45).has_value());
    REQUIRE(ledger.advance(entry).has_value());
  }
  void execute(const std::string& sql) {
    REQUIRE_MESSAGE(database->execute(sql.c_str()).has_value(), sql);
  }
  void land(std::uint64_t first, std::uint64_t last) {
    Rows rows;
    for (std::uint64_t s = first; s <= last; ++s) rows.count(s % 3 == 0 ? "a" : "b", s, 1);
    LaneEntry entry = *ledger.lane(key_of());
    const std::string epoch = hex(entry.key.epoch);
    REQUIRE(sink.land(entry.id, {"pump", epoch, "normal", first}, rows.all()).has_value());
    REQUIRE(ledger.land(entry, {{first, last}, kNoDigest, digest_of(1)}).has_value());
    REQUIRE(ledger.advance(entry).has_value());
    sink.forget();
  }
  VerifyReport report() {
    auto report = verify(path);
    REQUIRE(report.has_value());
    return std::move(*report);
  }
};

}  // namespace

TEST_CASE_FIXTURE(VerifyFixture, "what landed, was declared lost and is on the way adds up") {
  const VerifyReport report = this->report();
  CHECK(report.complete());
  REQUIRE(report.lanes.size() == 1);
  const LaneReport& lane = report.lanes[0];
  CHECK(lane.landed == 30);
  CHECK(lane.lost == std::map<std::string, std::uint64_t>{{"evicted", 10}});
  CHECK(lane.outstanding == 5);
  CHECK(lane.missing == 0);
  CHECK(lane.high == 40);
  CHECK(lane.landed + lane.lost_count() + lane.outstanding == lane.last);
}

TEST_CASE_FIXTURE(VerifyFixture,
                  "by day: what is not there counts for the day of the record before it") {
  execute("UPDATE b SET _time=_time+86400000000000 WHERE _seq>18");
  execute("UPDATE a SET _time=_time+86400000000000 WHERE _seq>18");
  execute("UPDATE a SET _boot='9' WHERE _seq=39");
  execute("DELETE FROM a WHERE _seq IN (3,33)");
  const auto report = verify(path, nullptr, nullptr, true);
  REQUIRE(report.has_value());
  const auto& days = report->lanes[0].days;
  REQUIRE(days.size() == 3);
  constexpr std::int64_t kFirst = 20'659;  // 2026-07-25
  CHECK(days.at(Day()).landed == 1);
  CHECK(days.at(kFirst).landed == 17);
  CHECK(days.at(kFirst).missing == 1);
  CHECK(days.at(kFirst).lost.empty());
  CHECK(days.at(kFirst + 1).landed == 10);
  CHECK(days.at(kFirst + 1).missing == 1);
  CHECK(days.at(kFirst + 1).lost == std::map<std::string, std::uint64_t>{{"evicted", 10}});
  CHECK(verify_text(*report).contains("2026-07-26"));
  CHECK(verify_json(*report).contains(
      R"({"day":"2026-07-26","landed":10,"lost":10,"missing":1,"lost_by_reason":{"evicted":10}})"));
  CHECK(report->lanes[0].landed == 28);
  CHECK(this->report().lanes[0].days.empty());
}

TEST_CASE_FIXTURE(VerifyFixture, "a row that is gone from its table is missing") {
  execute("DELETE FROM b WHERE _seq IN (7, 8, 40)");
  const VerifyReport report = this->report();
  CHECK_FALSE(report.complete());
  CHECK(report.lanes[0].landed == 27);
  CHECK(report.lanes[0].missing == 3);
  CHECK(report.lanes[0].missing_ranges == std::vector<Range>{{7, 8}, {40, 40}});
}

TEST_CASE_FIXTURE(VerifyFixture, "a table that is gone is all its rows missing") {
  execute("DROP TABLE a");
  CHECK(report().lanes[0].missing == 9);
}

TEST_CASE_FIXTURE(VerifyFixture, "a row that is copied within its table is a duplicate") {
  execute(
      "INSERT INTO a(_gateway,_epoch,_lane,_seq,_time,value)"
      " SELECT _gateway,_epoch,_lane,_seq,_time,value FROM a WHERE _seq=9");
  const VerifyReport report = this->report();
  CHECK_FALSE(report.complete());
  CHECK(report.lanes[0].duplicates == 1);
  CHECK(report.lanes[0].landed == 30);
}

TEST_CASE_FIXTURE(VerifyFixture, "a row that stands in two tables is a duplicate") {
  execute("INSERT INTO b SELECT * FROM a WHERE _seq=12");
  const VerifyReport report = this->report();
  CHECK_FALSE(report.complete());
  CHECK(report.lanes[0].duplicates == 1);
}

TEST_CASE_FIXTURE(VerifyFixture, "a row that never landed is extra, and a stranger's row a stray") {
  execute(
      "INSERT INTO b SELECT "
      "_id+1000,_gateway,_epoch,_lane,_seq+1000,_time,_boot,_anchor,_more,value"
      " FROM b WHERE _seq=1");
  execute("INSERT INTO b(_gateway,_epoch,_lane,_seq,_time) VALUES('nobody','e','l',1,1)");
  const VerifyReport report = this->report();
  CHECK_FALSE(report.complete());
  CHECK(report.lanes[0].extra == 1);
  CHECK(report.strays == 1);
}

TEST_CASE_FIXTURE(VerifyFixture, "a hole in the middle is outstanding while the gateway keeps it") {
  land(61, 70);
  CHECK(report().lanes[0].outstanding == 20);
  CHECK(report().complete());

  LaneEntry entry = *ledger.lane(key_of());
  REQUIRE(ledger.mark(entry, 56, 70).has_value());
  REQUIRE(ledger.advance(entry).has_value());

  const VerifyReport report = this->report();
  CHECK_FALSE(report.complete());
  CHECK(report.lanes[0].missing_ranges == std::vector<Range>{{41, 55}});
  CHECK(report.lanes[0].outstanding == 5);
}

TEST_CASE_FIXTURE(VerifyFixture, "what the gateway deleted and we do not have is missing") {
  LaneEntry entry = *ledger.lane(key_of());
  REQUIRE(ledger.mark(entry, 51, 60).has_value());
  REQUIRE(ledger.advance(entry).has_value());
  const VerifyReport report = this->report();
  CHECK(report.lanes[0].missing_ranges == std::vector<Range>{{41, 50}});
  CHECK(report.lanes[0].outstanding == 10);
}

TEST_CASE_FIXTURE(VerifyFixture, "the JSON is a contract") {
  CHECK(verify_json(report()) ==
        R"({"schema":"pinaflux.verify/1","complete":true,"landed":30,"lost":10,"earlier":0,)"
        R"("outstanding":5,"missing":0,"duplicates":0,"extra":0,"redelivered":0,"forks":0,)"
        R"("renumbered":0,"lanes":[)"
        R"({"gateway":"pump","epoch":"e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1","lane":"normal","high":40,)"
        R"("last":45,"landed":30,"lost":10,"lost_by_reason":{"evicted":10},"earlier":0,)"
        R"("outstanding":5,"missing":0,"missing_ranges":[],"duplicates":0,"extra":0,)"
        R"("redelivered":0,"forks":0,"renumbered":0}]})"
        "\n");
}

TEST_CASE_FIXTURE(VerifyFixture,
                  "an account is of the state alone, and says since when there is a gap") {
  ledger.at(WallTime{kNoon});
  land(61, 70);
  REQUIRE(ledger.seen("pump", "online", WallTime{kNoon}).has_value());
  const auto report = account(path);
  REQUIRE(report.has_value());
  const WallTime later{kNoon + Duration::hours(3).ns};
  CHECK(gateways_json(*report, later) ==
        R"({"schema":"pinaflux.gateways/1","gateways":[{"gateway":"pump","state":"online",)"
        R"("seen":"2026-07-25T12:00:00.000000000Z","lanes":[{"lane":"normal",)"
        R"("epoch":"e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1","high":40,"last":70,"landed":40,"lost":10,)"
        R"("outstanding":20,"missing":0,"gap_s":10800,"forks":0}]}]})"
        "\n");
  CHECK(gateways_text(*report, later).find("online") != std::string::npos);
  land(41, 60);
  const auto whole = account(path);
  REQUIRE(whole.has_value());
  CHECK(gateways_json(*whole, later).find("\"gap_s\":null") != std::string::npos);
}

TEST_CASE("a database that is not a collector's is refused") {
  kit::TemporaryDirectory directory;
  const std::string path = directory / "other.db";
  REQUIRE(open_database(path)->execute("CREATE TABLE t(x)").has_value());
  const auto report = verify(path);
  REQUIRE_FALSE(report.has_value());
  CHECK(report.error().code == Code::invalid);
}
