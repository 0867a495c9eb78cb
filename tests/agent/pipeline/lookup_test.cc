#include "agent/pipeline/lookup.h"

#include <limits>
#include <string>

#include <doctest/doctest.h>

#include "platform/base/text.h"
#include "tests/agent/pipeline/pipeline_kit.h"
#include "tests/kit/heap_calls.h"

namespace pinaflux {
namespace {

using Verdict = Pipeline::Verdict;
using Otherwise = Lookup::Otherwise;

constexpr const char* kSites =
    "device,site,floor\n"
    "pump,Ulm,1\n"
    "\"5\",\"Bad Aibling, \"\"Werk\"\" 2\",2.5\n"
    "007,\"12\",\n"
    "true,,3\n";

struct LookupFixture : PipelineFixture {
  // "id=pump site=Ulm floor=1", "nothing" where it goes nowhere, "refused: why".
  std::string became(const Record& record) {
    const std::size_t before = group.records[0].size();
    if (give(record) != Verdict::taken) {
      const auto said = pipeline->trouble();
      return std::string(reason_name(reason)) + ": " + (said ? said->what : "");
    }
    return group.records[0].size() == before ? "nothing" : spoken(group.records[0].back());
  }
  std::string with(const Value& id) { return became(record("s", {{"id", id}})); }
  static std::string spoken(const Record& record) {
    std::string text;
    for (std::size_t i = 0; i < record.cells().size(); ++i) {
      const Value& value = record.cells()[i];
      if (value.type() == Type::absent) continue;
      text += (text.empty() ? "" : " ") + record.shape().fields()[i] + "=";
      if (value.is_number()) text += "#" + format_double(value.to_double());
      if (value.is_view()) text += value.as_text();
      if (value.type() == Type::boolean) text += value.as_boolean() ? "yes" : "no";
      if (value.type() == Type::null) text += "null";
    }
    return text;
  }
  static Lookup sites(std::string table = kSites) {
    return {.table = std::move(table), .of = "id", .column = "device"};
  }
};

TEST_CASE_FIXTURE(LookupFixture, "a record gets the cells of the row that has its value") {
  make(NodeKind(sites()));
  CHECK(with(Value::text("pump")) == "id=pump site=Ulm floor=#1");
  CHECK(with(Value::text("5")) == "id=5 site=Bad Aibling, \"Werk\" 2 floor=#2.5");
  CHECK(with(Value::text("007")) ==
        "id=007 site=12");  // In quotes a text; nothing where nothing is.
  CHECK(with(Value::text("true")) == "id=true floor=#3");
  CHECK(shapes.count() == 2);
}

TEST_CASE_FIXTURE(LookupFixture,
                  "a number matches the cell that is the same number, a text its bytes") {
  Lookup lookup = sites("device,n\n5.0,a\n21.50,b\n1e3,c\n007,d\n18446744073709551615,e\n-0,f\n");
  lookup.otherwise = Otherwise::drop;
  make(NodeKind(lookup));
  CHECK(with(Value::int64(5)) == "id=#5 n=a");
  CHECK(with(Value::float64(5.0)) == "id=#5 n=a");
  CHECK(with(Value::text("5.0")) == "id=5.0 n=a");
  CHECK(with(Value::text("5")) == "nothing");
  CHECK(with(Value::float64(21.5)) == "id=#21.5 n=b");
  CHECK(with(Value::text("21.5")) == "nothing");
  CHECK(with(Value::int64(1000)) == "id=#1000 n=c");
  CHECK(with(Value::int64(7)) == "nothing");  // "007" is a code.
  CHECK(with(Value::uint64(18446744073709551615u)).ends_with(" n=e"));
  CHECK(with(Value::float64(-0.0)) == "id=#-0 n=f");
  CHECK(with(Value::float64(std::numeric_limits<double>::quiet_NaN())) == "nothing");
  CHECK(with(Value::float64(std::numeric_limits<double>::infinity())) == "nothing");
  CHECK(with(Value::text("5.0 ")) == "nothing");
  CHECK(with(Value::text("")) == "nothing");
  CHECK(with(Value::text(std::string(500'000, '5'))) == "nothing");
}

TEST_CASE_FIXTURE(LookupFixture, "true, false and bytes are the texts that cast makes of them") {
  Lookup lookup = sites("device,n\ntrue,1\nfalse,2\nab,3\n");
  lookup.otherwise = Otherwise::drop;
  make(NodeKind(lookup));
  CHECK(with(Value::boolean(true)) == "id=yes n=#1");
  CHECK(with(Value::boolean(false)) == "id=no n=#2");
  CHECK(with(Value::bytes(as_bytes("ab"))) == "id=ab n=#3");
  CHECK(with(Value::int64(1)) == "nothing");
  CHECK(with(Value::bytes(as_bytes("\xff"))) == "nothing");
}

TEST_CASE_FIXTURE(LookupFixture,
                  "fields of that name are replaced where they are, others stand behind") {
  Lookup lookup = sites();
  lookup.give = {"floor", "site"};
  make(NodeKind(lookup));
  CHECK(became(record("s", {{"site", Value::int64(0)}, {"id", Value::text("pump")}})) ==
        "site=Ulm id=pump floor=#1");
  CHECK(became(record("s", {{"site", Value::int64(0)}, {"id", Value::text("true")}})) ==
        "id=true floor=#3");
  CHECK(became(record("s", {{"site", Value::int64(0)}, {"id", Value::text("x")}})) ==
        "site=#0 id=x");
  lookup.prefix = "at.";
  lookup.give = {"site"};
  make(NodeKind(lookup));
  group.reset();
  CHECK(became(record("s", {{"id", Value::text("pump")}})) == "id=pump at.site=Ulm");
}

TEST_CASE_FIXTURE(LookupFixture,
                  "what the table does not have passes, goes, or is refused without its value") {
  Lookup lookup = sites();
  make(NodeKind(lookup));
  CHECK(with(Value::text("hunter2")) == "id=hunter2");
  CHECK(became(record("s", {{"x", Value::int64(1)}})) == "x=#1");
  CHECK(with(Value::null()) == "id=null");
  lookup.otherwise = Otherwise::drop;
  make(NodeKind(lookup));
  CHECK(with(Value::text("hunter2")) == "nothing");
  CHECK(with(Value::null()) == "nothing");
  lookup.otherwise = Otherwise::refuse;
  make(NodeKind(lookup));
  CHECK(with(Value::text("hunter2")) ==
        "node_failed: field 'id': the table does not have its value");
  CHECK(with(Value::null()) == "node_failed: field 'id': it is missing");
  CHECK(became(record("s", {{"x", Value::int64(1)}})) == "node_failed: field 'id': it is missing");
}

TEST_CASE_FIXTURE(LookupFixture,
                  "a table of names alone has no value, and blanks count for nothing") {
  Lookup lookup = sites("device,site\n");
  make(NodeKind(lookup));
  CHECK(with(Value::text("pump")) == "id=pump");
  make(NodeKind(sites(" device , site \r\n\r\n pump ,  Ulm \r\n")));
  CHECK(with(Value::text("pump")) == "id=pump site=Ulm");
}

TEST_CASE_FIXTURE(LookupFixture,
                  "of many rows each is found, and nothing is taken from the heap for it") {
  std::string table = "device,site\n";
  for (int i = 0; i < 65'536; ++i) {
    table += (i % 2 == 0 ? "" : "dev") + std::to_string(i) + ",s" + std::to_string(i) + "\n";
  }
  make(NodeKind(sites(table)));
  const auto round = [&](bool checks) {
    std::uint64_t calls = 0;
    for (int i = 0; i < 65'536; i += 97) {
      arena.reset();
      const std::string name = "dev" + std::to_string(i);
      const Value id = i % 2 == 0 ? Value::int64(i) : Value::text(name);
      const Record r = record("s", {{"id", id}});
      const std::uint64_t before = kit::heap_calls;
      const auto verdict = give(r);
      calls += kit::heap_calls - before;
      CHECK(verdict == Verdict::taken);
      if (checks) CHECK(spoken(group.records[0].back()).ends_with(" site=s" + std::to_string(i)));
      if (group.record_count() > 50) group.reset();
    }
    return calls;
  };
  round(true);
  CHECK(round(false) == 0);
}

// "LINE:BYTE: what", of all mistakes.
std::string mistakes(const Lookup& lookup) {
  LookupTable table;
  std::string all;
  for (const auto& m : table.read(lookup)) {
    all += (all.empty() ? "" : "; ") + std::to_string(m.line) + ":" + std::to_string(m.at) + ": " +
           m.what;
  }
  return all;
}

std::string mistakes(std::string table) { return mistakes(LookupFixture::sites(std::move(table))); }

TEST_CASE("a table that is none says where it is wrong, and shows nothing of it") {
  CHECK(mistakes("") == "0:0: the table is empty");
  CHECK(mistakes("\n\n") == "0:0: the table is empty");
  CHECK(mistakes("device\nhunter2\n") == "1:0: the table has nothing to give");
  CHECK(mistakes("device,\n") == "1:7: a column has no name");
  CHECK(mistakes("device,a,a\n") == "1:9: two columns have one name");
  CHECK(mistakes("name,a\n") == "0:0: the table has no column 'device'");
  CHECK(mistakes("device," + std::string(513, 'n')) == "1:7: a column's name is too long");
  CHECK(mistakes("device,a\nhunter2\nx,1,2\n") ==
        "2:0: the line has 1 cells, the first has 2; 3:0: the line has 3 cells, the first has 2");
  CHECK(mistakes("device,a\nhunter2,1\nb,2\nhunter2,3\n") ==
        "4:0: the value is in line 2 of the table already");
  CHECK(mistakes("a,device\n1,5\n2,\"5.0\"\n") ==
        "3:2: the value is in line 2 of the table already");
  CHECK(mistakes("device,a\n,1\n") == "2:0: the line has nothing in the column that is looked up");
  CHECK(mistakes("device,a\nx,\"hunter2\n") == "2:2: a quote is not closed");
  CHECK(mistakes("device,a\nx,hun\"ter2\n") ==
        "2:5: a quote stands in a cell that does not begin with one");
  CHECK(mistakes("device,a\nx,hunter\xff\n") == "2:8: the table is not UTF-8");
  CHECK(mistakes(std::string(4 * 1024 * 1024 + 1, 'x')) == "0:0: the table is larger than 4 MiB");
}

TEST_CASE("what is too much of a table is told, and what is much fits") {
  std::string rows = "device,a\n";
  for (int i = 0; i < 65'536; ++i) rows += std::to_string(i) + ",1\n";
  CHECK(mistakes(rows).empty());
  CHECK(mistakes(rows + "x,1\n") == "65538:0: the table has more than 65536 lines");
  std::string names = "device", cells;
  for (int i = 0; i < 256; ++i) {
    names += ",c" + std::to_string(i);
    cells += ",";
  }
  std::string wide = names + "\n";
  for (int i = 0; i < 1'024; ++i) wide += std::to_string(i) + cells + "\n";
  CHECK(mistakes(wide).empty());
  CHECK(mistakes(wide + "x" + cells + "\n") == "1026:0: the table gives more than 262144 cells");
  CHECK(mistakes(names + ",d\n") == "0:0: the table gives more than 256 fields");
}

TEST_CASE("the columns that are asked for are there, once, and are not the one looked up") {
  Lookup lookup = LookupFixture::sites();
  lookup.give = {"site", "flor", "site", "device"};
  CHECK(mistakes(lookup) ==
        "0:0: the table has no column 'flor'; 0:0: 'site' is given twice; "
        "0:0: 'device' is the column that is looked up");
  lookup = LookupFixture::sites();
  lookup.column.clear();
  CHECK(mistakes(lookup) == "0:0: the table has no column 'id'");
  lookup.of = "device";
  CHECK(mistakes(lookup).empty());
  Shapes shapes;
  CHECK_FALSE(LookupStep::make({.table = "x", .of = "id"}, shapes).has_value());
  CHECK_FALSE(LookupStep::make({.table = kSites}, shapes).has_value());
}

}  // namespace
}  // namespace pinaflux
