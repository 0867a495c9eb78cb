#include "agent/cli/table_file.h"

#include <fstream>

#include <doctest/doctest.h>

#include "tests/kit/directory.h"

namespace pinaflux::bench {
namespace {

struct TableFileFixture {
  kit::TemporaryDirectory directory;
  std::unique_ptr<TableFile> file;
  std::vector<Row> rows;

  void read(std::string_view text, std::size_t most = 100) {
    const std::string path = directory.path() + "/table";
    std::ofstream(path) << text;
    auto opened = TableFile::open(path);
    REQUIRE(opened.has_value());
    file = std::move(*opened);
    REQUIRE(file->read(most, rows).has_value());
  }
  Value cell(std::size_t row, std::size_t field) const { return rows.at(row).values[field]; }
};

TEST_CASE_FIXTURE(TableFileFixture, "a cell's type is what JSON would say of its text") {
  read(
      "ts_ms,a,b,c,d,e\n1700000000000,1,-2.50,true,,\"x, \"\"y\"\"\"\n"
      "1700000001000,18446744073709551615,1e3,007,-0,\"\"\n");

  REQUIRE(rows.size() == 2);
  CHECK(rows[0].time == Stamp{1'700'000'000'000'000'000, 0});
  CHECK(identical(cell(0, 0), Value::int64(1)));
  CHECK(identical(cell(0, 1), Value::float64(-2.5)));
  CHECK(identical(cell(0, 2), Value::boolean(true)));
  CHECK(identical(cell(0, 3), Value::null()));
  CHECK(identical(cell(0, 4), Value::text("x, \"y\"")));
  CHECK(identical(cell(1, 0), Value::uint64(~std::uint64_t{0})));
  CHECK(identical(cell(1, 1), Value::float64(1000)));
  CHECK(identical(cell(1, 2), Value::text("007")));
  CHECK(identical(cell(1, 3), Value::float64(-0.0)));
  CHECK(file->values() == 12);
}

TEST_CASE_FIXTURE(TableFileFixture, "times are found by name, in whatever unit") {
  for (const char* text : {"v,timestamp\n1,1700000000\n", "v,time\n1,1700000000000000\n",
                           "v,ts_us\n1,1700000000000000\n", "v,Time\n1,2023-11-14T22:13:20Z\n",
                           "v,date\n1,2023-11-14 22:13:20\n"}) {
    CAPTURE(text);
    read(text);
    CHECK(rows.at(0).time == Stamp{1'700'000'000'000'000'000, 0});
    CHECK(rows[0].shape->field_count() == 1);
  }
  read("time,v\nnever,1\n");
  CHECK(rows.at(0).shape->field_count() == 2);
}

TEST_CASE_FIXTURE(TableFileFixture, "NDJSON brings its own types, and batches follow one another") {
  read("{\"a\":1,\"s\":\"x\"}\n\n{\"a\":1.5,\"b\":null}\n{\"a\":2}\n", 2);

  REQUIRE(rows.size() == 2);
  CHECK(identical(cell(0, 1), Value::text("x")));
  CHECK(identical(cell(1, 1), Value::null()));
  REQUIRE(file->read(2, rows).has_value());
  CHECK(rows.size() == 1);
  REQUIRE(file->read(2, rows).has_value());
  CHECK(rows.empty());
}

TEST_CASE_FIXTURE(TableFileFixture, "a line that does not fit is an error that knows its line") {
  const std::string path = directory.path() + "/bad";
  for (const char* text : {"a,b\n1,2\n3\n", "a,b\n1,2\n3,\"4\n", "a\n1\n\"2\"3\n",
                           "{\"a\":1}\n{\"a\":2}\n{\"a\":\n"}) {
    CAPTURE(text);
    std::ofstream(path) << text;
    auto opened = TableFile::open(path);
    REQUIRE(opened.has_value());
    CHECK((*opened)->read(100, rows).error().code == Code::invalid);
    CHECK((*opened)->line() == 3);
  }
  CHECK(TableFile::open(directory.path() + "/none").error().code == Code::not_found);
}

}  // namespace
}  // namespace pinaflux::bench
