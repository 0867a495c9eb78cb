#include "agent/cli/record_text.h"

#include <limits>
#include <vector>

#include <doctest/doctest.h>

namespace pinaflux {
namespace {

struct RecordTextFixture {
  Shapes shapes;
  std::vector<std::vector<Value>> cells;
  std::vector<Row> rows;

  void row(std::string_view stream, std::vector<std::string_view> fields, std::vector<Value> values,
           Stamp time) {
    cells.push_back(std::move(values));
    rows.push_back({shapes.intern(stream, fields), nullptr, time});
  }
  std::string text(RecordFormat format, RowIdentity identity = {"g", "00", "normal", 7}) {
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i].values = cells[i].data();
    CsvTable table(!identity.salvaged.empty());
    REQUIRE(table.add(rows));
    std::string all = format == RecordFormat::csv ? table.header() : "";
    for (const Row& row : rows) {
      if (format == RecordFormat::ndjson) append_json_line(all, identity, row);
      if (format == RecordFormat::csv) table.append(all, identity, row);
      if (format == RecordFormat::lines) append_line_protocol(all, identity, row);
      identity.seq += 2;
    }
    return all;
  }
  RecordTextFixture() {
    constexpr std::int64_t kTime = 1'700'000'000'000'000'001;
    row("oven 1", {"t,x", "n", "on"}, {Value::float64(0.5), Value::int64(-3), Value::boolean(true)},
        {kTime, 0});
    row("door", {"say", "n"}, {Value::text("a \"b\", \\c"), Value::uint64(~std::uint64_t{0})},
        {5, 9});
    row("door", {"say", "n"},
        {Value::null(), Value::float64(std::numeric_limits<double>::infinity())}, {kTime, 0});
  }
};

TEST_CASE_FIXTURE(RecordTextFixture, "a CSV has a column for every field of every stream") {
  CHECK(text(RecordFormat::csv) ==
        "_stream,_seq,_time,\"t,x\",n,on,say\n"
        "oven 1,7,2023-11-14T22:13:20.000000001Z,0.5,-3,true,\n"
        "door,9,5ns@9,,18446744073709551615,,\"a \"\"b\"\", \\c\"\n"
        "door,11,2023-11-14T22:13:20.000000001Z,,inf,,\n");
}

TEST_CASE_FIXTURE(RecordTextFixture,
                  "line protocol keeps types, and leaves out what it cannot say") {
  CHECK(text(RecordFormat::lines) ==
        "oven\\ 1 t\\,x=0.5,n=-3i,on=true 1700000000000000001\n"
        "door say=\"a \\\"b\\\", \\\\c\",n=18446744073709551615u,_since_boot_ns=5i,_boot=9u\n");
}

TEST_CASE_FIXTURE(RecordTextFixture, "NDJSON numbers the records as the envelope does") {
  const std::string all = text(RecordFormat::ndjson);
  CHECK(all.contains("\"_seq\":7"));
  CHECK(all.contains("\"_seq\":11"));
}

TEST_CASE_FIXTURE(RecordTextFixture, "what was salvaged is marked in every format") {
  const RowIdentity salvaged{.gateway = "g",
                             .epoch = "00",
                             .lane = "normal",
                             .salvaged = "unproven",
                             .fields_lost = 2,
                             .seq_known = false};
  rows.erase(rows.begin());
  cells.erase(cells.begin());

  CHECK(text(RecordFormat::ndjson, salvaged)
            .contains("\"_seq\":null,\"_salvaged\":\"unproven\",\"_fields_lost\":2,"));
  CHECK(text(RecordFormat::csv, salvaged)
            .starts_with("_stream,_seq,_time,_salvaged,_fields_lost,say,n\n"
                         "door,,5ns@9,unproven,2,"));
  CHECK(text(RecordFormat::lines, salvaged)
            .contains("_boot=9u,_salvaged=\"unproven\",_fields_lost=2u"));
}

}  // namespace
}  // namespace pinaflux
