#include <cmath>
#include <limits>

#include "tests/agent/collector_postgres/postgres_kit.h"

namespace pinaflux {

namespace {

using namespace collector_kit;

}  // namespace

TEST_CASE_FIXTURE(PostgresFixture, "values land as they came, in columns of their types") {
  Rows rows;
  rows.add("all", {"b", "i", "u", "d", "t", "x", "n"},
           {Value::boolean(true), Value::int64(std::numeric_limits<std::int64_t>::min()),
            Value::uint64(~std::uint64_t{0}), Value::float64(0.1), Value::text("a\tb\\N\n'\""),
            Value::bytes(as_bytes(std::string_view("\0\xff", 2))), Value::null()});
  Gateway gateway;
  land({gateway.send(rows)});
  CHECK(ask("SELECT b,i,u,d,t,x,_more FROM \"all\"") ==
        "t|-9223372036854775808|18446744073709551615|0.1|a\tb\\N\n'\"|\\x00ff|~\n");
  CHECK(
      ask("SELECT count(*) FROM pg_attribute WHERE attrelid='\"all\"'::regclass AND attname='n'") ==
      "0\n");
  rows.clear();
  for (const double value : {-0.0, 5e-324, 1e308, std::nan(""), -HUGE_VAL}) {
    rows.add("real", {"d"}, {Value::float64(value)});
  }
  land({gateway.send(rows)});
  CHECK(ask("SELECT d FROM real ORDER BY _seq") == "-0\n5e-324\n1e+308\nNaN\n-Infinity\n");
  CHECK(ask("SELECT pinaflux_at(_time)='2026-07-25 12:00Z', _lane, _gateway FROM \"all\"") ==
        "t|normal|pump\n");
}

TEST_CASE_FIXTURE(PostgresFixture,
                  "a stream gains, loses and widens fields, and earlier queries work") {
  Gateway gateway;
  Rows rows;
  rows.add("s", {"t"}, {Value::int64(20)});
  land({gateway.send(rows)});
  const std::string earlier = "SELECT t FROM s ORDER BY _seq";
  CHECK(ask(earlier) == "20\n");
  rows.clear();
  rows.add("s", {"t", "h"}, {Value::float64(20.5), Value::text("x")});
  rows.add("s", {"h"}, {Value::text("y")});
  land({gateway.send(rows)});
  CHECK(ask(earlier) == "20\n20.5\n~\n");
  CHECK(ask("SELECT h,_more FROM s ORDER BY _seq") == "~|~\nx|~\ny|~\n");
  rows.clear();
  rows.add("s", {"t"}, {Value::text("n/a")});
  rows.add("s", {"t"}, {Value::int64(9007199254740993)});
  land({gateway.send(rows)});
  CHECK(ask("SELECT t,_more FROM s ORDER BY _seq OFFSET 3") ==
        "~|{\"t\":\"n/a\"}\n~|{\"t\":9007199254740993}\n");
  CHECK(report().complete());
}

TEST_CASE_FIXTURE(PostgresFixture, "a column is not widened where a number in it would change") {
  Gateway gateway;
  Rows rows;
  rows.add("s", {"t"}, {Value::int64(9007199254740993)});
  land({gateway.send(rows)});
  rows.clear();
  rows.add("s", {"t"}, {Value::float64(0.5)});
  rows.add("s", {"t"}, {Value::float64(4.0)});
  land({gateway.send(rows)});
  CHECK(ask("SELECT t,_more FROM s ORDER BY _seq") == "9007199254740993|~\n~|{\"t\":0.5}\n4|~\n");
}

TEST_CASE_FIXTURE(PostgresFixture, "names that PostgreSQL would take for one another are apart") {
  Gateway gateway;
  Rows rows;
  const std::string wide(80, 'w'), other = std::string(79, 'w') + "v";
  const std::string_view nul("n\0l", 3);
  rows.add("S", {"t", "T", "_seq", wide, other, nul},
           {Value::int64(1), Value::int64(2), Value::int64(3), Value::int64(4), Value::int64(5),
            Value::int64(6)});
  rows.add("s", {"t"}, {Value::text(std::string_view("a\0b", 3))});
  rows.add("\xff", {"t"}, {Value::int64(7)});
  land({gateway.send(rows)});
  CHECK(ask("SELECT t,\"T_2\",_seq_2,\"n?l\" FROM \"S\"") == "1|2|3|6\n");
  CHECK(ask("SELECT t,_more FROM s_2") == "~|{\"t\":\"a\\u0000b\"}\n");
  CHECK(ask("SELECT name,stream FROM pinaflux_stream ORDER BY id") == "S|S\ns_2|s\n?#ff|?#ff\n");
  CHECK(report().complete());
}

TEST_CASE_FIXTURE(PostgresFixture, "what a table does not take is in quarantine, with the reason") {
  Gateway gateway;
  land({gateway.send(10)});
  run("ALTER TABLE boiler ADD CHECK (value<>15)");
  land({gateway.send(10), gateway.send(3, "tank")});
  CHECK(landed.counts.quarantined == 1);
  CHECK(landed.counts.rows == 13);
  CHECK(ask("SELECT count(*) FROM boiler") == "19\n");
  CHECK(ask("SELECT count(*) FROM tank") == "3\n");
  CHECK(ask("SELECT _seq,_stream,_record->>'value',_reason LIKE '%check constraint%' FROM"
            " pinaflux_quarantine") == "15|boiler|15|t\n");
  run("ALTER TABLE boiler DROP CONSTRAINT boiler_value_check;"
      "ALTER TABLE boiler ALTER COLUMN value TYPE date USING NULL");
  land({gateway.send(4)});
  CHECK(landed.counts.quarantined == 4);
  run("CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS"
      " $$ BEGIN RAISE EXCEPTION 'never'; END $$;"
      "CREATE CONSTRAINT TRIGGER no AFTER INSERT ON tank DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
      " EXECUTE FUNCTION no()");
  land({gateway.send(30, "tank"), gateway.send(2)});
  CHECK(landed.counts.quarantined == 32);
  CHECK(landed.counts.rejects == 0);
  CHECK(report().complete());
}

TEST_CASE_FIXTURE(PostgresFixture, "a row that is there already is refused, and nothing else") {
  Gateway gateway;
  land({gateway.send(5)});
  run("DELETE FROM pinaflux_range; DELETE FROM pinaflux_envelope; UPDATE pinaflux_lane SET high=0,"
      "chain=NULL,version=version+1");
  Gateway once;
  const Arrival again = once.send(5);
  land({again, Gateway("other").send(2)});
  CHECK(landed.counts.rejects == 1);
  CHECK(landed.counts.envelopes == 1);
  CHECK(ask("SELECT count(*) FROM boiler") == "7\n");
}

TEST_CASE_FIXTURE(PostgresFixture, "columns and tables that somebody took away are no trouble") {
  Gateway gateway;
  Rows rows;
  rows.add("s", {"a", "b"}, {Value::int64(1), Value::int64(2)});
  land({gateway.send(rows)});
  run("ALTER TABLE s DROP COLUMN a");
  restart();
  land({gateway.send(rows)});
  CHECK(ask("SELECT b,_more FROM s ORDER BY _seq") == "2|~\n2|{\"a\":1}\n");
  run("DROP TABLE s");
  restart();
  land({gateway.send(rows)});
  CHECK(ask("SELECT a,b FROM s") == "1|2\n");
}

TEST_CASE_FIXTURE(PostgresFixture, "a table that somebody reads waits a while for its new column") {
  Gateway gateway;
  Rows rows;
  rows.add("s", {"a"}, {Value::int64(1)});
  land({gateway.send(rows)});
  auto reader = connect(options.database);
  REQUIRE(reader->execute("BEGIN; SELECT * FROM pinaflux.s").has_value());
  rows.clear();
  rows.add("s", {"a", "b"}, {Value::int64(1), Value::int64(2)});
  land({gateway.send(rows)});
  REQUIRE(reader->execute("COMMIT").has_value());
  CHECK(ask("SELECT a,_more FROM s ORDER BY _seq") == "1|~\n1|{\"b\":2}\n");
  CHECK(report().complete());
}

TEST_CASE_FIXTURE(PostgresFixture,
                  "numbers that wait to be copied are not rounded when their column is widened") {
  Gateway gateway;
  Rows rows;
  rows.add("s", {"t"}, {Value::int64(1)});
  land({gateway.send(rows)});
  auto second = open("second");
  Landed ignored;
  REQUIRE(second->land(std::vector<Arrival>{gateway.send(rows)}, {kNoon}, ignored).has_value());
  rows.clear();
  rows.add("s", {"t"}, {Value::int64(9007199254740993)});
  rows.add("s", {"t"}, {Value::float64(0.5)});
  land({gateway.send(rows)});
  CHECK(ask("SELECT t,_more FROM s ORDER BY _seq OFFSET 2") ==
        "9007199254740993|~\n~|{\"t\":0.5}\n");
  run("DELETE FROM s WHERE t>9");
  restart();
  for (int turn = 0; turn < 70; ++turn) land({gateway.hello()});
  rows.clear();
  rows.add("s", {"t"}, {Value::float64(0.5)});
  land({gateway.send(rows)});
  CHECK(ask("SELECT t FROM s WHERE t<1") == "0.5\n");
  // The other collector still takes the column for one of whole numbers.
  rows.clear();
  rows.add("s", {"t"}, {Value::int64(9007199254740993)});
  REQUIRE(second->land(std::vector<Arrival>{gateway.send(rows)}, {kNoon}, ignored).has_value());
  CHECK(ask("SELECT _more FROM s ORDER BY _id DESC LIMIT 1") == "{\"t\":9007199254740993}\n");
}

TEST_CASE_FIXTURE(PostgresFixture,
                  "names that are PostgreSQL's own, or somebody's, are no trouble") {
  Gateway gateway;
  Rows rows;
  rows.add("pg_class", {"xmin", "ctid"}, {Value::int64(1), Value::int64(2)});
  rows.add("s", {"a"}, {Value::int64(1)});
  land({gateway.send(rows)});
  CHECK(ask("SELECT xmin_2,ctid_2 FROM stream_pg_class") == "1|2\n");
  run("ALTER TABLE s ADD COLUMN site text");
  rows.clear();
  rows.add("s", {"a", "site", "tableoid"}, {Value::int64(1), Value::text("x"), Value::int64(3)});
  land({gateway.send(rows)});
  CHECK(ask("SELECT site_2,tableoid_2,_more FROM s ORDER BY _seq OFFSET 1") == "x|3|~\n");
  CHECK(landed.counts.quarantined == 0);
}

TEST_CASE_FIXTURE(PostgresFixture, "what one table does not allow stops no other") {
  Gateway gateway;
  Rows rows;
  rows.add("slow", {"value"}, {Value::int64(1)}, Stamp{5, 0x9f});
  land({gateway.send(rows), gateway.send(1, "tank")});
  run("CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS"
      " $$ BEGIN RAISE insufficient_privilege; END $$;"
      "CREATE TRIGGER no BEFORE UPDATE ON slow FOR EACH ROW EXECUTE FUNCTION no();"
      "CREATE TRIGGER no BEFORE INSERT ON tank FOR EACH ROW EXECUTE FUNCTION no()");
  Arrival hello = gateway.hello("normal", HelloClock{.boot = 0x9f, .at = Instant{9}});
  hello.received = Reception{WallTime{kNoon}, true};
  land({hello, gateway.send(3)});
  CHECK(landed.counts.envelopes == 1);
  land({gateway.send(2, "tank"), gateway.send(1)});
  CHECK(landed.counts.envelopes == 2);
  CHECK(landed.counts.quarantined == 2);
  CHECK(ask("SELECT count(*) FROM slow WHERE _boot IS NOT NULL") == "1\n");
  CHECK(report().complete());
}

TEST_CASE_FIXTURE(PostgresFixture, "a record that comes again is recognised, whatever is in it") {
  Gateway gateway;
  std::vector<std::string> names;
  for (int i = 0; i < 5'000; ++i) names.push_back("f" + std::to_string(i));
  Rows rows;
  rows.add("wide", {names.begin(), names.end()}, std::vector<Value>(names.size(), Value::int64(7)));
  rows.add("s", {"t", "u"}, {Value::text(std::string_view("a\0b", 3)), Value::float64(2.5)});
  const Arrival arrival = gateway.send(rows);
  land({arrival});
  CHECK(landed.counts.envelopes == 1);
  run("DELETE FROM pinaflux_envelope; UPDATE pinaflux_lane SET version=version+1");
  land({arrival});
  CHECK(landed.counts.redelivered == 1);
  CHECK(landed.counts.rejects == 0);
  Gateway clone;
  Rows others;
  others.add("wide", {names.begin(), names.end()},
             std::vector<Value>(names.size(), Value::int64(8)));
  others.add("s", {"t", "u"}, {Value::text("other"), Value::float64(2.5)});
  land({clone.send(others)});
  CHECK(landed.counts.forks == 1);
}

}  // namespace pinaflux
