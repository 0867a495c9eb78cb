#include "tests/agent/collector/store_kit.h"

using namespace pinaflux;
using namespace pinaflux::collector_kit;

namespace {

struct QuarantineFixture : StoreFixture {
  Gateway gateway;

  QuarantineFixture() { land({gateway.send(10)}); }
  void refuse(const std::string& when, const std::string& how = "ABORT,'not here'") {
    execute("DROP TRIGGER IF EXISTS rule; CREATE TRIGGER rule BEFORE INSERT ON boiler WHEN " +
            when + " BEGIN SELECT RAISE(" + how + "); END");
  }
  void check_refused_whole() {
    CHECK(landed.counts.rejects == 1);
    CHECK(landed.counts.quarantined == 0);
    CHECK(ask("SELECT count(*) FROM pinaflux_quarantine") == "0\n");
  }
};

}  // namespace

TEST_CASE_FIXTURE(QuarantineFixture,
                  "what a table does not take is in quarantine, with the reason") {
  refuse("NEW.value IN (15,17)");
  land({gateway.send(10), gateway.send(3, "tank")});
  CHECK(landed.counts.quarantined == 2);
  CHECK(landed.counts.rows == 13);
  CHECK(landed.counts.rejects == 0);
  REQUIRE(landed.acks.size() == 1);
  CHECK(landed.acks[0].high == 23);
  CHECK(landed.acks[0].refused.empty());
  CHECK(ask("SELECT count(*) FROM boiler") == "18\n");
  CHECK(ask("SELECT count(*) FROM tank") == "3\n");
  CHECK(ask("SELECT concat_ws('|',_id=(SELECT max(_id) FROM boiler)-20+_seq,_gateway,_lane,_seq,"
            "_stream,_reason,_record) FROM pinaflux_quarantine ORDER BY _id") ==
        "1|pump|normal|15|boiler|not here|{\"value\":15}\n"
        "1|pump|normal|17|boiler|not here|{\"value\":17}\n");
  CHECK(report().complete());
}

TEST_CASE_FIXTURE(QuarantineFixture, "a rule that gives no reason, and one that ignores the row") {
  SUBCASE("no reason") { refuse("NEW.value=15", "ABORT,''"); }
  SUBCASE("ignored") {
    execute(
        "CREATE TRIGGER rule BEFORE INSERT ON boiler WHEN NEW.value=15 BEGIN SELECT "
        "RAISE(IGNORE); END");
  }
  SUBCASE("a unique index that ignores") {
    execute(
        "DROP TABLE boiler; CREATE TABLE boiler(_id INTEGER PRIMARY KEY,_gateway,_epoch,_lane,_seq,"
        "_time,_boot,_anchor,_more,value UNIQUE ON CONFLICT IGNORE);"
        "INSERT INTO boiler(_id,value) VALUES(1,15)");
  }
  land({gateway.send(10)});
  CHECK(landed.counts.quarantined == 1);
  CHECK(ask("SELECT _seq FROM pinaflux_quarantine") == "15\n");
}

TEST_CASE_FIXTURE(QuarantineFixture,
                  "rows in quarantine are known by their values without a table") {
  execute("DROP TABLE boiler");
  land({gateway.send(10)});
  CHECK(landed.counts.quarantined == 10);
  execute("DELETE FROM pinaflux_envelope");
  Gateway once;
  std::ignore = once.send(10);
  land({once.send(10)});
  REQUIRE(landed.acks.size() == 1);
  CHECK_FALSE(landed.acks[0].fork);
  CHECK(landed.counts.rejects == 0);
}

TEST_CASE_FIXTURE(QuarantineFixture, "it counts as landed: sent again, it is a duplicate") {
  refuse("NEW.value=15");
  const Arrival again = gateway.send(10);
  land({again});
  land({again});
  CHECK(landed.counts.redelivered == 1);
  CHECK(landed.counts.quarantined == 0);
  CHECK(ask("SELECT count(*) FROM pinaflux_quarantine") == "1\n");
  CHECK(report().complete());
}

TEST_CASE_FIXTURE(QuarantineFixture, "a row in quarantine is known by its values") {
  refuse("NEW.value=15");
  land({gateway.send(10)});
  execute("DELETE FROM pinaflux_envelope");
  Gateway once;
  std::ignore = once.send(10);
  land({once.send(10)});
  REQUIRE(landed.acks.size() == 1);
  CHECK_FALSE(landed.acks[0].fork);
  CHECK(landed.counts.redelivered == 1);
  CHECK(report().complete());
}

TEST_CASE_FIXTURE(QuarantineFixture, "rows of a table that is gone, or not ours any more, too") {
  SUBCASE("it was dropped") { execute("DROP TABLE boiler"); }
  SUBCASE("a view has its name") {
    execute("DROP TABLE boiler; CREATE VIEW boiler AS SELECT 1 AS value");
  }
  SUBCASE("a column was taken away") { execute("ALTER TABLE boiler DROP COLUMN _lane"); }
  land({gateway.send(4), gateway.send(2, "tank")});
  CHECK(landed.counts.quarantined == 4);
  CHECK(landed.counts.rejects == 0);
  CHECK(ask("SELECT concat_ws('|',count(*),min(_seq),max(_seq)) FROM pinaflux_quarantine WHERE "
            "_reason<>''") == "4|11|14\n");
  CHECK(ask("SELECT count(*) FROM tank") == "2\n");
}

TEST_CASE_FIXTURE(QuarantineFixture, "streams that take turns, one of them without a table") {
  execute("DROP TABLE boiler");
  Rows rows;
  for (int i = 0; i < 6; ++i)
    rows.add(i % 2 == 0 ? "boiler" : "tank", {"value"}, {Value::int64(i)});
  land({gateway.send(rows)});
  CHECK(landed.counts.quarantined == 3);
  CHECK(ask("SELECT count(*) FROM tank") == "3\n");
}

TEST_CASE_FIXTURE(QuarantineFixture, "a row that is there already is no matter of quarantine") {
  execute(
      "DELETE FROM pinaflux_range; DELETE FROM pinaflux_envelope; UPDATE pinaflux_lane SET "
      "high=0,chain=NULL");
  Gateway once;
  land({once.send(10)});
  check_refused_whole();
}

TEST_CASE_FIXTURE(QuarantineFixture,
                  "an envelope that is refused takes back what it had put in quarantine") {
  refuse("NEW.value IN (11,12)");
  execute(
      "CREATE TRIGGER rule_too BEFORE INSERT ON pinaflux_quarantine WHEN NEW._seq=12 BEGIN SELECT "
      "RAISE(ABORT,'nor here'); END");
  land({gateway.send(5)});
  check_refused_whole();
}

TEST_CASE_FIXTURE(QuarantineFixture,
                  "a rule that takes back the transaction stops all, and is named") {
  refuse("NEW.value=13", "ROLLBACK,'all of it'");
  Landed nothing;
  const Status done = store->land(std::vector<Arrival>{gateway.send(5)}, WallTime{}, nothing);
  REQUIRE_FALSE(done.has_value());
  CHECK(std::string_view(done.error().what).contains("RAISE(ABORT)"));
  CHECK(ask("SELECT count(*) FROM boiler") == "10\n");
  CHECK(ask("SELECT count(*) FROM pinaflux_quarantine") == "0\n");
  execute("DROP TRIGGER rule");
  Gateway once;
  std::ignore = once.send(10);
  land({once.send(5)});
  CHECK(ask("SELECT count(*) FROM boiler") == "15\n");
}
