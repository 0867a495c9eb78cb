#include "agent/collector/ndjson_sink.h"

#include <bit>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>

#include "tests/agent/collector/files_kit.h"

using namespace pinaflux;
using namespace pinaflux::collector_kit;

namespace {

struct NdjsonFixture : FilesFixture {
  NdjsonOptions options{directory / "out", false};
  Rows rows;

  void append(const char* stream, std::uint64_t seq, const char* day = "2026-07-25") {
    rows.clear();
    rows.count(stream, seq, 1);
    NdjsonSink sink(options, *grown);
    REQUIRE(sink.append(day, {"pump", "e1", "normal", seq}, rows.all()).has_value());
  }
  // A crash after the files were synced and before the database was.
  void crash_before_commit() {
    REQUIRE(database->begin().has_value());
    REQUIRE(grown->flush().has_value());
    database->rollback();
    grown.reset();
    grown = open();
  }
  std::string read(const std::string& name) { return text_of("out/" + name); }
  bool exists(const std::string& name) {
    return std::filesystem::exists(directory / "out/" + name);
  }
  static std::string line(const char* stream, std::uint64_t seq) {
    return std::string(R"({"_stream":")") + stream +
           R"(","_gateway":"pump","_epoch":"e1","_lane":"normal","_seq":)" + std::to_string(seq) +
           R"(,"_time":"2026-07-25T12:00:00.000000000Z","value":)" + std::to_string(seq) + "}\n";
  }
};

}  // namespace

TEST_CASE_FIXTURE(NdjsonFixture, "rows land in a file by stream and day") {
  append("boiler/1", 1);
  append("pump", 2);
  append("boiler/1", 3, "2026-07-26");
  commit();
  CHECK(read("boiler%2F1/2026-07-25.ndjson") == line("boiler/1", 1));
  CHECK(read("pump/2026-07-25.ndjson") == line("pump", 2));
  CHECK(read("boiler%2F1/2026-07-26.ndjson") == line("boiler/1", 3));
}

TEST_CASE_FIXTURE(NdjsonFixture, "or in one file a day") {
  options.one_file = true;
  grown = open();
  append("a", 1);
  append("b", 2);
  commit();
  append("a", 3);
  commit();
  CHECK(read("2026-07-25.ndjson") == line("a", 1) + line("b", 2) + line("a", 3));
}

TEST_CASE_FIXTURE(NdjsonFixture,
                  "lines of a transaction that was not committed are cut off on start") {
  append("a", 1);
  commit();
  append("a", 2);
  crash_before_commit();
  CHECK(read("a/2026-07-25.ndjson") == line("a", 1));
  append("a", 2);
  commit();
  CHECK(read("a/2026-07-25.ndjson") == line("a", 1) + line("a", 2));
}

TEST_CASE_FIXTURE(NdjsonFixture,
                  "a new file of a transaction that was not committed is begun again") {
  append("a", 1);
  append("a", 2);
  crash_before_commit();
  CHECK_FALSE(exists("a/2026-07-25.ndjson"));
  append("a", 1);
  commit();
  CHECK(read("a/2026-07-25.ndjson") == line("a", 1));
}

TEST_CASE_FIXTURE(NdjsonFixture,
                  "a crash between the commit and the naming of a file loses nothing") {
  append("a", 1);
  REQUIRE(database->begin().has_value());
  REQUIRE(grown->flush().has_value());
  REQUIRE(database->commit().has_value());
  grown.reset();  // Without committed().
  CHECK(exists("a/2026-07-25.ndjson.part"));
  grown = open();
  CHECK(read("a/2026-07-25.ndjson") == line("a", 1));
  append("a", 2);
  commit();
  CHECK(read("a/2026-07-25.ndjson") == line("a", 1) + line("a", 2));
}

TEST_CASE_FIXTURE(NdjsonFixture, "what a rollback abandoned does not come back") {
  append("a", 1);
  commit();
  append("a", 8);
  append("a", 9);
  REQUIRE(database->begin().has_value());
  REQUIRE(grown->flush().has_value());
  database->rollback();
  grown->abandon();
  append("a", 2);
  commit();
  CHECK(read("a/2026-07-25.ndjson") == line("a", 1) + line("a", 2));
}

TEST_CASE_FIXTURE(NdjsonFixture, "a file that is not ours is left alone") {
  std::filesystem::create_directories(directory / "out/a");
  std::ofstream(directory / "out/a/2026-07-25.ndjson") << "mine\n";
  append("a", 1);
  commit();
  CHECK(read("a/2026-07-25.ndjson") == "mine\n");
  CHECK(read("a/2026-07-25-2.ndjson") == line("a", 1));
}

TEST_CASE_FIXTURE(NdjsonFixture,
                  "a file that was moved away is begun anew, one that was cut is named") {
  append("a", 1);
  append("b", 2);
  commit();
  std::filesystem::remove(directory / "out/a/2026-07-25.ndjson");
  std::filesystem::resize_file(directory / "out/b/2026-07-25.ndjson", 5);
  grown = open();
  REQUIRE(findings.size() == 1);
  CHECK(findings[0].find("b/2026-07-25.ndjson is shorter") != std::string::npos);
  append("a", 3);
  append("b", 4);
  commit();
  CHECK(read("a/2026-07-25.ndjson") == line("a", 3));
  CHECK(read("b/2026-07-25.ndjson").size() == 5);
  CHECK(read("b/2026-07-25-2.ndjson") == line("b", 4));
}

TEST_CASE_FIXTURE(NdjsonFixture, "names of streams cannot leave the folder") {
  CHECK(folder_name("../../etc") == "%2E.%2F..%2Fetc");
  CHECK(folder_name(".") == "%2E");
  CHECK(folder_name("") == "%");
  CHECK(folder_name("a b") == "a%20b");
  CHECK(folder_name(std::string(5000, 'x')).size() < 255);
}

TEST_CASE_FIXTURE(NdjsonFixture, "a line says every value and cannot be mistaken for ours") {
  rows.add(
      "s", {"_seq", "i", "u", "d", "n", "t", "b", "x"},
      {Value::int64(5), Value::int64(-3), Value::uint64(std::numeric_limits<std::uint64_t>::max()),
       Value::float64(0.1), Value::float64(std::numeric_limits<double>::quiet_NaN()),
       Value::text("\"\n"), Value::bytes(as_bytes("\x01")), Value()},
      {-1, 0});
  std::string text;
  append_json_line(text, {"g", "e", "l", 9}, rows.all()[0]);
  CHECK(text ==
        R"({"_stream":"s","_gateway":"g","_epoch":"e","_lane":"l","_seq":9,)"
        R"("_time":"1969-12-31T23:59:59.999999999Z","__seq":5,"i":-3,"u":18446744073709551615,)"
        R"("d":0.1,"n":"NaN","t":"\"\n","b":"01"})"
        "\n");
}

TEST_CASE_FIXTURE(NdjsonFixture, "a line says of time and fields what a message says of them") {
  std::mt19937_64 random(7);
  using Limits = std::numeric_limits<double>;
  const double rare[] = {Limits::infinity(), -Limits::infinity(), Limits::quiet_NaN(), -0.0, 1e300};
  const auto value = [&]() -> Value {
    switch (random() % 10) {
      case 0: return {};
      case 1: return Value::null();
      case 2: return Value::boolean(random() % 2 == 0);
      case 3: return Value::int64(static_cast<std::int64_t>(random()) >> random() % 64);
      case 4: return Value::uint64(random() >> random() % 64);
      case 5:
        return Value::text(random() % 2 == 0 ? "run \xff\n\"" : "a text that is somewhat longer");
      case 6: return Value::bytes(as_bytes("\x01\xff"));
      case 7: return Value::float64(std::bit_cast<double>(random()));
      case 8: return Value::float64(rare[random() % std::size(rare)]);
      default: return Value::float64(static_cast<double>(random() % 100'000) / 100);
    }
  };
  for (int i = 0; i < 1'000; ++i) {
    std::vector<std::string> names;
    std::vector<Value> values;
    for (std::size_t n = 0; n < random() % 12; ++n) {
      names.push_back(std::string(random() % 40, n % 3 == 0 ? '_' : '"') + std::to_string(n));
      values.push_back(value());
    }
    rows.clear();
    rows.add("s", {names.begin(), names.end()}, values,
             {static_cast<std::int64_t>(random()), random() % 2 * random()});
    std::string line;
    append_json_line(line, {"g", "e", "l", 9}, rows.all()[0]);
    JsonWriter record;
    append_json_record(record, rows.all()[0]);
    REQUIRE(line == R"({"_stream":"s","_gateway":"g","_epoch":"e","_lane":"l","_seq":9)" +
                        record.text().substr(std::string_view(R"({"_stream":"s")").size()) + "\n");
  }
}
