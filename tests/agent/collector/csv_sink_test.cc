#include "agent/collector/csv_sink.h"

#include <algorithm>
#include <filesystem>

#include "agent/collector/ndjson_sink.h"
#include "tests/agent/collector/files_kit.h"

using namespace pinaflux;
using namespace pinaflux::collector_kit;

namespace {

struct CsvFixture : FilesFixture {
  Shapes shapes;
  CsvOptions options{directory / "out"};

  void append(std::uint64_t seq, std::vector<std::string_view> fields, std::vector<Value> values) {
    const Row row{shapes.intern("boiler/1", fields), values.data(), {1'784'980'800'000'000'000, 0}};
    CsvSink sink(options, *grown);
    REQUIRE(sink.append("2026-07-25", {"pump", "e1", "normal", seq}, {&row, 1}).has_value());
  }
  std::vector<std::string> names() {
    std::vector<std::string> all;
    for (const auto& each : std::filesystem::directory_iterator(directory / "out/boiler%2F1")) {
      all.push_back(each.path().filename());
    }
    std::ranges::sort(all);
    return all;
  }
  std::string read(const std::string& name) { return text_of("out/boiler%2F1/" + name); }
};

constexpr const char* kTime = "2026-07-25T12:00:00.000000000Z";

}  // namespace

TEST_CASE_FIXTURE(CsvFixture, "rows land below a header, and other fields in a file of their own") {
  append(1, {"t", "_say"}, {Value::float64(0.5), Value::text("a \"b\", c")});
  append(2, {"t", "_say"}, {Value::null(), Value::text("")});
  append(3, {"t"}, {Value::int64(-3)});
  commit();
  append(4, {"t", "_say"}, {Value::boolean(true), Value::text("x")});
  commit();
  REQUIRE(names().size() == 2);
  const std::string one = read(names()[0]), other = read(names()[1]);
  const std::string time = std::string(",") + kTime + ",";
  const std::string wide = "_gateway,_epoch,_lane,_seq,_time,t,__say\npump,e1,normal,1" + time +
                           "0.5,\"a \"\"b\"\", c\"\npump,e1,normal,2" + time +
                           ",\"\"\npump,e1,normal,4" + time + "true,x\n";
  const std::string narrow = "_gateway,_epoch,_lane,_seq,_time,t\npump,e1,normal,3" + time + "-3\n";
  CHECK(std::ranges::is_permutation(std::vector{one, other}, std::vector{wide, narrow}));
  CHECK(names()[0].starts_with("2026-07-25."));
}

TEST_CASE_FIXTURE(CsvFixture, "a file that has its size gets a successor, with a header") {
  options.file_bytes_max = 60;
  for (std::uint64_t seq = 1; seq <= 4; ++seq) {
    append(seq, {"t"}, {Value::uint64(seq)});
    commit();
  }
  REQUIRE(names().size() == 4);
  for (const std::string& name : names()) CHECK(read(name).starts_with("_gateway,"));
  CHECK(names()[0].ends_with("-2.csv"));
  // A file that is moved away does not come again; and after a restart all goes on.
  std::filesystem::remove(directory / "out/boiler%2F1/" + names()[0]);
  grown = *DayFiles::open(files, *database, findings);
  append(5, {"t"}, {Value::uint64(5)});
  commit();
  CHECK(names().size() == 4);
  CHECK(std::ranges::none_of(names(), [](const auto& name) { return name.ends_with("-2.csv"); }));
  CHECK(std::ranges::any_of(names(), [](const auto& name) { return name.ends_with("-5.csv"); }));
  CHECK(findings.empty());
}

TEST_CASE_FIXTURE(CsvFixture, "what was not committed is cut off, the header with it") {
  append(1, {"t"}, {Value::uint64(1)});
  REQUIRE(database->begin().has_value());
  REQUIRE(grown->flush().has_value());
  database->rollback();
  grown = *DayFiles::open(files, *database, findings);
  append(1, {"t"}, {Value::uint64(1)});
  commit();
  REQUIRE(names().size() == 1);
  CHECK(std::ranges::count(read(names()[0]), '\n') == 2);
}

TEST_CASE_FIXTURE(CsvFixture, "a transaction may have more files than may be open") {
  const auto open_files = [] {
    std::ptrdiff_t count = 0;
    for ([[maybe_unused]] const auto& each : std::filesystem::directory_iterator("/proc/self/fd")) {
      ++count;
    }
    return count;
  };
  const auto before = open_files();
  std::vector<std::string> fields;
  for (int i = 0; i < 200; ++i) fields.push_back("f" + std::to_string(i));
  for (std::uint64_t round = 0; round < 2; ++round) {
    for (const std::string& field : fields) append(1 + round, {field}, {Value::uint64(round)});
    CHECK(open_files() <= before + 64);
  }
  commit();
  REQUIRE(names().size() == 200);
  for (const std::string& name : names()) CHECK(std::ranges::count(read(name), '\n') == 3);
}
