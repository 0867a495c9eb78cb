#include "agent/collector/sqlite_sink.h"

#include <cmath>
#include <limits>

#include "tests/agent/collector/collector_kit.h"

using namespace pinaflux;
using namespace pinaflux::collector_kit;

namespace {

struct SinkFixture {
  kit::TemporaryDirectory directory;
  std::unique_ptr<sqlite::Database> database = open_database(directory / "landed.db");
  SqliteSink sink = std::move(*SqliteSink::prepare(*database));
  Rows rows;
  std::uint64_t next = 1;

  Status land_all(std::int64_t lane = 1) {
    const RowIdentity identity{"pump", "e1e1", "normal", next};
    Status status = sink.land(lane, identity, rows.all());
    if (status) next += rows.all().size();
    rows.clear();
    return status;
  }
  std::string ask(const std::string& sql) { return query(*database, sql); }
};

}  // namespace

TEST_CASE_FIXTURE(SinkFixture, "a row lands with who it is, when it was and what it says") {
  rows.add("boiler", {"flow", "on"}, {Value::float64(1.5), Value::boolean(true)});
  rows.add("boiler", {"flow", "on"}, {Value::float64(2.5), Value::boolean(false)}, {77, 0xabc});
  REQUIRE(land_all(3).has_value());
  CHECK(ask("SELECT _id||'|'||_gateway||'|'||_epoch||'|'||_lane||'|'||_seq||'|'||_time||'|'||"
            "coalesce(_boot,'~')||'|'||flow||'|'||\"on\" FROM boiler ORDER BY _id") ==
        "3298534883329|pump|e1e1|normal|1|1784980800000000000|~|1.5|1\n"
        "3298534883330|pump|e1e1|normal|2|77|0000000000000abc|2.5|0\n");
}

TEST_CASE_FIXTURE(SinkFixture, "a table widens as its stream does, and old rows hold NULL") {
  rows.add("s", {"a"}, {Value::int64(1)});
  rows.add("s", {"b", "a"}, {Value::int64(2), Value::int64(3)});
  rows.add("s", {"a"}, {Value::int64(4)});
  REQUIRE(land_all().has_value());
  CHECK(ask("SELECT a||','||coalesce(b,'~') FROM s ORDER BY _id") == "1,~\n3,2\n4,~\n");
}

TEST_CASE_FIXTURE(SinkFixture, "values of any type land in the same column as they are") {
  rows.add("s", {"v"}, {Value::int64(std::numeric_limits<std::int64_t>::min())});
  rows.add("s", {"v"}, {Value::uint64(std::numeric_limits<std::uint64_t>::max())});
  rows.add("s", {"v"}, {Value::float64(0.1)});
  rows.add("s", {"v"}, {Value::float64(std::nan(""))});
  rows.add("s", {"v"}, {Value::float64(-std::numeric_limits<double>::infinity())});
  rows.add("s", {"v"}, {Value::text("12")});
  rows.add("s", {"v"}, {Value::text("a\0b")});
  rows.add("s", {"v"}, {Value::bytes(as_bytes("\x01\xff"))});
  rows.add("s", {"v"}, {Value::bytes({})});
  rows.add("s", {"v"}, {Value::text("")});
  rows.add("s", {"v"}, {Value::null()});
  rows.add("s", {"v"}, {Value()});
  REQUIRE(land_all().has_value());
  CHECK(ask("SELECT typeof(v) FROM s ORDER BY _id") ==
        "integer\ntext\nreal\ntext\nreal\ntext\ntext\nblob\nblob\ntext\nnull\nnull\n");
  CHECK(ask("SELECT v FROM s WHERE _seq IN (1,2,4) ORDER BY _id") ==
        "-9223372036854775808\n18446744073709551615\nNaN\n");
  CHECK(ask("SELECT v=0.1 FROM s WHERE _seq=3") == "1\n");
  CHECK(ask("SELECT hex(v) FROM s WHERE _seq=8") == "01FF\n");
}

TEST_CASE_FIXTURE(SinkFixture, "a negative zero and a large double keep their bits") {
  rows.add("s", {"v"}, {Value::float64(-0.0)});
  rows.add("s", {"v"}, {Value::float64(9007199254740993.0 * 4)});
  REQUIRE(land_all().has_value());
  auto read = database->prepare("SELECT v FROM s ORDER BY _id");
  REQUIRE(read.has_value());
  REQUIRE(*read->step());
  CHECK(std::signbit(read->real(0)));
  REQUIRE(*read->step());
  CHECK(read->real(0) == 9007199254740993.0 * 4);
}

TEST_CASE_FIXTURE(SinkFixture, "names that need quotes, and names that SQL knows, are names") {
  rows.add("we\"ird; DROP TABLE x--", {"select", "a\"b", "", "nested.deep", "ä"},
           {Value::int64(1), Value::int64(2), Value::int64(3), Value::int64(4), Value::int64(5)});
  REQUIRE(land_all().has_value());
  CHECK(ask("SELECT \"select\"+\"a\"\"b\"*10+field*100+\"nested.deep\"*1000+ä*10000 FROM"
            " \"we\"\"ird; DROP TABLE x--\"") == "54321\n");
}

TEST_CASE_FIXTURE(SinkFixture,
                  "fields that differ in case, or are named like ours, do not collide") {
  rows.add("s", {"t", "T", "_seq", "_ID", "_boot"},
           {Value::int64(1), Value::int64(2), Value::int64(3), Value::int64(4), Value::int64(5)});
  REQUIRE(land_all().has_value());
  CHECK(ask("SELECT t||','||T_2||','||_seq_2||','||_ID_2||','||_boot_2||','||_seq FROM s") ==
        "1,2,3,4,5,1\n");
}

TEST_CASE_FIXTURE(SinkFixture,
                  "streams that differ in case, or have reserved names, have own tables") {
  for (const char* stream : {"s", "S", "sqlite_master", "pinaflux_lane", "pinaflux_stream", ""}) {
    rows.add(stream, {"v"}, {Value::text(stream)});
  }
  REQUIRE(land_all().has_value());
  CHECK(ask("SELECT v FROM s") == "s\n");
  CHECK(ask("SELECT v FROM S_2") == "S\n");
  CHECK(ask("SELECT v FROM stream_sqlite_master") == "sqlite_master\n");
  CHECK(ask("SELECT v FROM stream_pinaflux_lane") == "pinaflux_lane\n");
  CHECK(ask("SELECT v FROM stream_") == "\n");
}

TEST_CASE_FIXTURE(SinkFixture, "names that cannot be spoken still have their own place") {
  rows.add(std::string_view("a\0b", 3), {std::string_view("x\0y", 3), "x?y", "\xff"},
           {Value::int64(1), Value::int64(2), Value::int64(3)});
  rows.add("a?b", {"v"}, {Value::int64(9)});
  REQUIRE(land_all().has_value());
  CHECK(ask("SELECT \"x?y\"||\"x?y_2\"||\"?\" FROM \"a?b\"") == "123\n");
  CHECK(ask("SELECT v FROM \"a?b_2\"") == "9\n");
}

TEST_CASE_FIXTURE(SinkFixture, "a name, once given, is found again by another process") {
  rows.add("S", {"T"}, {Value::int64(1)});
  REQUIRE(land_all().has_value());
  sink = std::move(*SqliteSink::prepare(*database));
  rows.add("s", {"t"}, {Value::int64(2)});
  rows.add("S", {"t", "T"}, {Value::int64(3), Value::int64(4)});
  REQUIRE(land_all().has_value());
  CHECK(ask("SELECT T||','||coalesce(t_2,'~') FROM S ORDER BY _id") == "1,~\n4,3\n");
  CHECK(ask("SELECT t FROM s_2") == "2\n");
}

TEST_CASE_FIXTURE(SinkFixture, "the same record cannot land twice") {
  rows.add("s", {"v"}, {Value::int64(1)});
  REQUIRE(land_all().has_value());
  rows.add("s", {"v"}, {Value::int64(1)});
  next = 1;
  CHECK_FALSE(land_all().has_value());
  CHECK(ask("SELECT count(*) FROM s") == "1\n");
}

TEST_CASE_FIXTURE(SinkFixture, "a rollback leaves nothing behind that is believed later") {
  REQUIRE(database->begin().has_value());
  rows.add("s", {"v"}, {Value::int64(1)});
  REQUIRE(land_all().has_value());
  database->rollback();
  sink.forget();
  rows.add("s", {"v"}, {Value::int64(2)});
  REQUIRE(land_all().has_value());
  CHECK(ask("SELECT v FROM s") == "2\n");
}

TEST_CASE_FIXTURE(SinkFixture, "fields beyond a table's width land as JSON") {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < Catalog::kColumnsMax + 5; ++i)
    names.push_back("f" + std::to_string(i));
  std::vector<Value> values(names.size(), Value::int64(7));
  values.back() = Value();
  rows.add("wide", {names.begin(), names.end()}, values);
  REQUIRE(database->begin().has_value());
  REQUIRE(land_all().has_value());
  REQUIRE(database->commit().has_value());
  CHECK(ask("SELECT f1499 FROM wide") == "7\n");
  CHECK(ask("SELECT _more FROM wide") == R"({"f1500":7,"f1501":7,"f1502":7,"f1503":7})"
                                         "\n");
}

TEST_CASE_FIXTURE(SinkFixture, "streams beyond the number of tables share one") {
  REQUIRE(
      database
          ->execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE"
                    " i<4096) INSERT INTO pinaflux_stream(stream,name) SELECT 'x'||i,'x'||i FROM n")
          .has_value());
  rows.add("late", {"v", "w"}, {Value::int64(1), Value::text("t")});
  rows.add("later", {"v"}, {Value::int64(2)});
  REQUIRE(land_all().has_value());
  CHECK(ask("SELECT _stream||_seq||_more FROM pinaflux_overflow ORDER BY _id") ==
        "late1{\"v\":1,\"w\":\"t\"}\nlater2{\"v\":2}\n");
}
