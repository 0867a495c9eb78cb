#include "agent/collector/file_rows.h"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <sys/resource.h>

#include "agent/collector/recount_files.h"
#include "tests/agent/collector/store_kit.h"

using namespace pinaflux;
using namespace pinaflux::collector_kit;

namespace {

struct FileRowsFixture : StoreFixture {
  static constexpr const char* kBoiler = "boiler/2026-07-25.ndjson";

  FileRowsFixture() {
    options.outlets.ndjson.directory = directory / "lines";
    in_files(true);
    findings.clear();
  }
  void in_files(bool alone) {
    options.rows_in_files = alone;
    restart();
  }
  std::string path(const std::string& name) const { return directory / ("lines/" + name); }
  std::string text(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(path(name)).rdbuf();
    return text.str();
  }
  std::size_t lines(const std::string& name) const {
    const std::string all = text(name);
    return static_cast<std::size_t>(std::ranges::count(all, '\n'));
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::trunc) << text;
  }
  LaneReport lane() { return report().lanes.at(0); }
  // As after a crash that kept the database from its commit, but not the files from the disk.
  void put_back_database(const std::string& copy) {
    store.reset();
    std::filesystem::copy_file(copy, options.database,
                               std::filesystem::copy_options::overwrite_existing);
    for (const char* end : {"-wal", "-shm"}) std::filesystem::remove(options.database + end);
    store = open();
  }
  std::string copy_of_database() {
    store.reset();
    const std::string copy = directory / "copy.db";
    std::filesystem::copy_file(options.database, copy,
                               std::filesystem::copy_options::overwrite_existing);
    store = open();
    return copy;
  }
};

}  // namespace

TEST_CASE_FIXTURE(FileRowsFixture, "rows land in files alone, and are proved by their lines") {
  Gateway gateway;
  land({gateway.send(100), gateway.send(20, "pump")});
  CHECK(landed.counts.rows == 120);
  CHECK(landed.acks.at(0).high == 120);
  CHECK(lines(kBoiler) == 100);
  CHECK(lines("pump/2026-07-25.ndjson") == 20);
  CHECK(ask("SELECT count(*) FROM sqlite_schema WHERE name='boiler'") == "0\n");
  CHECK(report().complete());
  CHECK(lane().landed == 120);
}

TEST_CASE_FIXTURE(FileRowsFixture, "a line that is gone is missing, one that is copied is twice") {
  Gateway gateway;
  land({gateway.send(100)});
  std::string all = text(kBoiler);
  const std::size_t at = all.find("\"_seq\":7,");
  const std::size_t begin = all.rfind('\n', at) + 1;
  const std::string line = all.substr(begin, all.find('\n', at) + 1 - begin);
  all.erase(begin, line.size());
  write(kBoiler, all);
  CHECK_FALSE(report().complete());
  CHECK(lane().missing_ranges == std::vector<Range>{{7, 7}});
  CHECK(lane().landed == 99);

  all.insert(0, line);
  const std::size_t last = all.find("\"_seq\":100,");
  all.erase(all.rfind('\n', last) + 1);
  all.insert(0, line);
  write(kBoiler, all);
  CHECK(lane().duplicates == 1);
  CHECK(lane().missing_ranges == std::vector<Range>{{100, 100}});
}

TEST_CASE_FIXTURE(FileRowsFixture, "a line that is damaged does not count") {
  Gateway gateway;
  land({gateway.send(10)});
  std::string all = text(kBoiler);
  all[all.find("\"_lane\":\"normal\",\"_seq\":3,")] = '#';
  write(kBoiler, all);
  CHECK(lane().missing_ranges == std::vector<Range>{{3, 3}});
}

TEST_CASE_FIXTURE(FileRowsFixture, "what comes again lands once, also after a restart") {
  Gateway gateway;
  const std::vector<Arrival> batch = {gateway.send(50), gateway.send(50)};
  land(batch);
  restart();
  land(batch);
  CHECK(landed.counts.rows == 0);
  CHECK(landed.counts.redelivered == 2);
  CHECK(landed.acks.at(0).high == 100);
  CHECK(lines(kBoiler) == 100);
  CHECK(report().complete());
}

TEST_CASE_FIXTURE(FileRowsFixture, "lines of a transaction that was not committed land once") {
  Gateway gateway;
  land({gateway.send(10)});
  const std::string before = copy_of_database();
  const Arrival second = gateway.send(10), third = gateway.send(5, "pump");
  land({second, third});
  put_back_database(before);
  CHECK(lines(kBoiler) == 10);
  CHECK(report().complete());
  land({second, third});
  CHECK(landed.counts.rows == 15);
  CHECK(lines(kBoiler) == 20);
  CHECK(report().complete());
  CHECK(lane().landed == 25);
}

TEST_CASE_FIXTURE(FileRowsFixture, "a full disk acknowledges nothing, and nothing is lost") {
  Gateway gateway;
  land({gateway.send(10)});
  const Arrival second = gateway.send(2'000);
  {
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    ::getrlimit(RLIMIT_FSIZE, &before);
    const rlimit limit{text(kBoiler).size() + 4'096, before.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    Landed none;
    CHECK_FALSE(store->land({{second}}, {kNoon}, none).has_value());
    CHECK(none.acks.empty());
    ::setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, handler);
  }
  land({second});
  CHECK(landed.counts.rows == 2'000);
  CHECK(lines(kBoiler) == 2'010);
  CHECK(report().complete());
}

TEST_CASE_FIXTURE(FileRowsFixture, "records under numbers that are taken are compared by line") {
  Gateway first("pump"), restored("pump");
  const Rows none;
  land({first.send(10), first.send(10)});
  first.floor(21);
  land({first.hello()});  // The hashes up to 20 are forgotten.
  land({restored.send(20)});
  CHECK(landed.counts.redelivered == 1);  // The same records, in one envelope.
  CHECK(landed.counts.forks == 0);

  Gateway other("pump");
  Rows rows;
  for (int i = 0; i < 20; ++i) rows.add("boiler", {"value"}, {Value::int64(i < 12 ? i + 1 : 0)});
  land({other.send(rows)});
  CHECK(landed.counts.forks == 1);
  REQUIRE(landed.acks.at(0).compared.size() == 1);
  CHECK(landed.acks.at(0).compared[0].known == std::vector<Range>{{1, 12}});
  CHECK(lines(kBoiler) == 20);
}

TEST_CASE_FIXTURE(FileRowsFixture, "what landed in this transaction is compared, too") {
  Gateway first, other("pump");
  Rows rows;
  for (int i = 0; i < 10; ++i) rows.add("boiler", {"value"}, {Value::int64(i < 5 ? i + 1 : 0)});
  land({first.send(10), other.send(rows)});
  CHECK(landed.counts.forks == 1);
  CHECK(landed.acks.at(0).compared.at(0).known == std::vector<Range>{{1, 5}});
}

TEST_CASE_FIXTURE(FileRowsFixture, "the mode changes both ways, and every row is found") {
  Gateway gateway, restored;
  land({gateway.send(10)});
  in_files(false);
  land({gateway.send(10)});
  CHECK(ask("SELECT count(*) FROM boiler") == "10\n");
  CHECK(lines(kBoiler) == 20);  // Of the database, as well.
  options.outlets.ndjson.directory.clear();
  restart();
  land({gateway.send(10)});
  options.outlets.ndjson.directory = directory / "lines";
  in_files(true);
  land({gateway.send(10)});
  CHECK(ask("SELECT count(*) FROM boiler") == "20\n");
  CHECK(lines(kBoiler) == 30);
  CHECK(report().complete());
  CHECK(lane().landed == 40);
  gateway.floor(41);
  land({gateway.hello()});
  land({restored.send(40)});
  CHECK(landed.counts.forks == 0);
  CHECK(landed.counts.redelivered == 1);
}

TEST_CASE_FIXTURE(FileRowsFixture, "what a reader moved away is said, and misses nothing") {
  Gateway gateway;
  land({gateway.send(10), gateway.send(5, "pump"), gateway.send(10)});
  std::filesystem::remove(path(kBoiler));
  const VerifyReport report = this->report();
  CHECK(report.complete());
  CHECK_FALSE(report.proved());
  CHECK(report.files_moved == 1);
  CHECK(report.moved_files == std::vector{path(kBoiler)});
  CHECK(report.lanes.at(0).moved == 20);
  CHECK(report.lanes.at(0).landed == 5);
  CHECK(verify_text(report).contains("not looked at, in files that are away (1): 20\n  " +
                                     path(kBoiler) + "\n"));
  CHECK(verify_text(report).contains("\nNOT PROVED: 20 records in 1 files that are away;"));
  CHECK(verify_json(report).contains(R"("complete":false,)"));
  CHECK(verify_json(report).contains(
      R"("files_moved":1,"moved":20,"verdict":"not_proved","moved_files":[")" + path(kBoiler) +
      "\"]"));

  restart();
  land({gateway.send(10)});  // Into a file of another name.
  CHECK_FALSE(std::filesystem::exists(path(kBoiler)));
  const std::string next = "boiler/2026-07-25-2.ndjson";
  std::string all = text(next);
  all.erase(all.rfind('\n', all.size() - 2) + 1);
  write(next, all);
  CHECK(lane().moved == 20);
  CHECK(lane().landed == 14);
  CHECK(lane().missing_ranges == std::vector<Range>{{35, 35}});
}

TEST_CASE_FIXTURE(FileRowsFixture, "a time that nobody knows yet stays as it came") {
  Gateway gateway;
  Rows rows;
  rows.add("boiler", {"value"}, {Value::int64(1)}, {5, 77});
  land({gateway.send(rows)});
  CHECK(text(kBoiler).contains(R"("_seq":1,"_since_boot_ns":5,"_boot":77,"value":1})"));
  const auto report = verify(options.database, nullptr, nullptr, true, &files);
  REQUIRE(report.has_value());
  CHECK(report->complete());
  CHECK(report->lanes.at(0).days.at(Day()).landed == 1);
  land({gateway.send(1)});
  CHECK_FALSE(store->unfinished());
}

TEST_CASE_FIXTURE(FileRowsFixture, "files in one a day, and those that are full, count as well") {
  options.outlets.ndjson.one_file = true;
  options.outlets.ndjson.file_bytes_max = 1'000;
  restart();
  Gateway gateway;
  for (int i = 0; i < 4; ++i) land({gateway.send(10), gateway.send(10, "pump")});
  CHECK(std::filesystem::exists(path("2026-07-25-4.ndjson")));
  restart();
  CHECK(report().complete());
  CHECK(lane().landed == 80);
}

TEST_CASE_FIXTURE(FileRowsFixture, "more files in one envelope than are open at once") {
  Gateway gateway;
  Rows rows;
  for (int i = 0; i < 300; ++i) {
    const std::string stream = "s" + std::to_string(i % 100);
    rows.add(stream, {"value"}, {Value::int64(i)});
  }
  land({gateway.send(rows)});
  restart();
  CHECK(lines("s0/2026-07-25.ndjson") == 3);
  CHECK(report().complete());
  CHECK(lane().landed == 300);
}

TEST_CASE_FIXTURE(FileRowsFixture, "an archive lands in files alone as well") {
  options.outlets.archive = directory / "kept";
  restart();
  Gateway gateway;
  const std::vector<Arrival> batch = {gateway.send(30), gateway.send(12, "pump")};
  land(batch);
  options.database = directory / "second.db";
  options.outlets = {.ndjson = {.directory = directory / "again"}};
  restart();
  land(batch);
  CHECK(landed.counts.rows == 42);
  CHECK(report().complete());
}

TEST_CASE_FIXTURE(FileRowsFixture, "without a folder for the files nothing is opened") {
  store.reset();
  options.outlets.ndjson.directory.clear();
  const auto refused = CollectorStore::open(options, files, findings);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == Code::invalid);
  options.rows_in_files = false;
  store = open();
}

TEST_CASE_FIXTURE(FileRowsFixture, "a piece that is not as it landed is named by file and place") {
  Gateway gateway;
  land({gateway.send(10), gateway.send(10)});
  const std::string before = text(kBoiler);
  SUBCASE("a value was changed") {
    std::string all = before;
    const std::size_t at = all.find("\"_seq\":13,");
    all[all.find('\n', at) - 2] ^= 1;
    write(kBoiler, all);
    const VerifyReport report = this->report();
    CHECK_FALSE(report.complete());
    CHECK(report.lanes.at(0).landed == 20);
    REQUIRE(report.damaged.size() == 1);
    const std::size_t offset = before.rfind('\n', before.find("\"_seq\":11,")) + 1;
    CHECK(report.damaged[0].offset == offset);
    CHECK(verify_text(report).contains("damaged: " + path(kBoiler) + " from byte " +
                                       std::to_string(offset) +
                                       ": 10 lines are not as they landed\n"));
    CHECK(verify_json(report).contains(R"("pieces_damaged":1,"damaged":[{"file":")"));
  }
  SUBCASE("a line is gone from the end") {
    write(kBoiler, before.substr(0, before.rfind('\n', before.size() - 2) + 1));
    const VerifyReport report = this->report();
    REQUIRE(report.damaged.size() == 1);
    CHECK(report.damaged[0].rows == 10);
    CHECK(report.damaged[0].lines == 9);
  }
}

TEST_CASE_FIXTURE(FileRowsFixture, "a line longer than any that we write is passed over") {
  Gateway gateway;
  land({gateway.send(10)});
  const std::string before = text(kBoiler), value = "\"value\":";
  const std::size_t bytes = FileRecount::kLineBytesMax + 3'000'000;
  const std::size_t at = before.find(value, before.find("\"_seq\":6,")) + value.size();
  write(kBoiler, before.substr(0, at) + std::string(bytes, '6') + before.substr(at));
  execute("UPDATE pinaflux_file SET bytes=bytes+" + std::to_string(bytes) +
          ";DELETE FROM pinaflux_file_head");
  const auto report = this->report();
  CHECK(report.lanes.at(0).landed == 9);
  CHECK(report.lanes.at(0).missing_ranges == std::vector<Range>{{6, 6}});
  CHECK(report.pieces_damaged == 1);
}

TEST_CASE_FIXTURE(FileRowsFixture, "a file that cannot be read is named, not the database") {
  Gateway gateway;
  land({gateway.send(10)});
  store.reset();
  std::filesystem::remove(path(kBoiler));
  std::filesystem::create_directory(path(kBoiler));
  std::string why;
  CHECK_FALSE(verify(options.database, nullptr, &why, false, &files).has_value());
  CHECK(why == path(kBoiler));
  std::filesystem::remove(path(kBoiler));
  store = open();
}

TEST_CASE_FIXTURE(FileRowsFixture, "days are kept apart only if they are asked for") {
  Gateway gateway;
  Rows rows;
  for (int day = 0; day < 3; ++day) {
    rows.add("boiler", {"value"}, {Value::int64(day)}, {kNoon + Duration::days(day).ns, 0});
  }
  land({gateway.send(rows)});
  const auto database = sqlite::Database::open({.path = options.database, .read_only = true});
  REQUIRE(database.has_value());
  for (const bool by_day : {false, true}) {
    FileRecount recount;
    REQUIRE(recount.read(**database, files, by_day).has_value());
    CHECK(recount.seqs(1).size() == (by_day ? 3 : 1));
  }
}

TEST_CASE_FIXTURE(FileRowsFixture, "an older database that is put back cuts nothing off for ever") {
  Gateway gateway;
  land({gateway.send(10)});
  const std::string before = copy_of_database();
  land({gateway.send(10)});
  const std::string all = text(kBoiler);
  put_back_database(before);
  CHECK(text(kBoiler) + text(std::string(kBoiler) + DayFiles::kCut) == all);
  REQUIRE(findings.size() == 1);
  CHECK(findings[0].contains("if the database is an older one that was put back, they do not"));
}

TEST_CASE_FIXTURE(FileRowsFixture, "a file that is moved away while it is written loses nothing") {
  Gateway gateway;
  land({gateway.send(10)});
  std::filesystem::rename(path(kBoiler), path("moved"));
  land({gateway.send(10)});
  REQUIRE(landed.findings.size() == 1);
  CHECK(landed.findings[0].contains("was moved away"));
  CHECK(lines("moved") == 10);
  CHECK(lines("boiler/2026-07-25-2.ndjson") == 10);
  CHECK(lane().moved == 10);
  std::filesystem::rename(path("moved"), path(kBoiler));
  CHECK(report().proved());
  CHECK(report().complete());
}

TEST_CASE_FIXTURE(FileRowsFixture, "two collectors cannot write into one folder") {
  CollectorStore::Options other = options;
  other.database = directory / "other.db";
  const auto refused = CollectorStore::open(other, files, findings);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == Code::exists);
  REQUIRE(findings.size() == 1);
  CHECK(findings[0].contains("another collector (process "));
  CHECK(findings[0].contains("writes into " + (directory / "lines")));
  other.outlets.csv.directory = other.outlets.ndjson.directory = directory / "else";
  CHECK(CollectorStore::open(other, files, findings).has_value());
}

TEST_CASE_FIXTURE(FileRowsFixture,
                  "that the mode changes is told, and an import follows it or is refused") {
  in_files(false);
  REQUIRE(findings.size() == 1);
  CHECK(findings[0] == "rows land in tables from now on, until now in files alone");
  in_files(true);
  in_files(true);
  REQUIRE(findings.size() == 2);
  CHECK(findings[1] == "rows land in files alone from now on, until now in tables");
  store.reset();
  options.rows_in_files = false;
  options.rows_as_before = true;
  CHECK_FALSE(CollectorStore::open(options, files, findings).has_value());
  CHECK(findings.back().contains("say --rows files --ndjson DIR"));
  options.rows_in_files = true;
  store = open();
  CHECK(findings.size() == 3);
}

TEST_CASE_FIXTURE(FileRowsFixture,
                  "files by a relative path are found from where they were recorded") {
  Gateway gateway;
  land({gateway.send(10)});
  store.reset();
  options.base = directory / "lines/..";
  options.outlets.ndjson.directory = options.base + "/lines";
  execute(
      "UPDATE pinaflux_file SET path='lines/boiler/2026-07-25.ndjson';"
      "UPDATE pinaflux_file_head SET path='lines/boiler/2026-07-25.ndjson';"
      "UPDATE pinaflux_line_file SET path='lines/boiler/2026-07-25.ndjson'");
  land({gateway.send(10)});
  CHECK(lines(kBoiler) == 20);
  CHECK(report().proved());
  CHECK(lane().landed == 20);
}

TEST_CASE_FIXTURE(FileRowsFixture,
                  "records whose lines are away are no fork, and are not called known") {
  Gateway first("pump"), restored("pump");
  land({first.send(10), first.send(10)});
  first.floor(21);
  land({first.hello()});  // The hashes up to 20 are forgotten.
  std::filesystem::remove(path(kBoiler));
  land({restored.send(20)});
  CHECK(landed.counts.forks == 0);
  CHECK(landed.counts.rejects == 0);
  REQUIRE(landed.acks.at(0).compared.size() == 1);
  CHECK(landed.acks.at(0).compared[0].known.empty());
}

TEST_CASE("a line says whose it is, and what is none of ours says nothing") {
  const std::string line = R"({"_stream":"a\"b","_gateway":"g","_epoch":"e1","_lane":"l","_seq":9,)"
                           R"("_time":"2026-07-25T12:00:00.000000000Z","value":1})";
  const auto read = read_line(line);
  REQUIRE(read.has_value());
  CHECK(read->stream == R"("a\"b")");
  CHECK(read->lane == who_of("g", "e1", "l"));
  CHECK(read->seq == 9);
  CHECK(read->time == Stamp{kNoon, 0});
  CHECK(read->fields == R"(,"value":1})");
  for (std::size_t n = 0; n < line.size(); ++n) CHECK_FALSE(read_line(line.substr(0, n)));
  for (const char* other :
       {"", "{}", "null", R"({"_stream":"a","_gateway":"g","_epoch":"e","_lane":"l","_seq":null})",
        R"({"_stream":"a","_gateway":"g","_epoch":"e","_lane":"l","_seq":99999999999999999999,)"
        R"("_since_boot_ns":1,"_boot":2})",
        R"({"_stream":"a","_gateway":"g","_epoch":"e","_lane":"l","_seq":1,"_time":"yesterday"})",
        R"({"_stream":"a","_gateway":"g","_epoch":"e","_lane":"l","_seq":1,)"
        R"("_time":"2026-02-30T12:00:00.000000000Z"})"}) {
    CHECK_FALSE(read_line(other));
  }
}

TEST_CASE("the sum of a line is that of its bytes, and the same for ever") {
  CHECK(line_sum("") == 0xcbf29ce484222325);
  CHECK(line_sum(R"({"v":20.25})") == 11'262'714'240'826'326'694u);
  const std::string all = "0123456789abcdefghijklmnopqrstuvwxyz\xff\x80 and some more";
  for (std::size_t size = 0; size <= all.size(); ++size) {
    std::uint64_t sum = 0xcbf29ce484222325 ^ size;
    for (std::size_t at = 0; at < size; at += 8) {
      std::uint64_t word = 0;
      for (std::size_t i = at; i < std::min(size, at + 8); ++i) {
        word |= std::uint64_t{static_cast<unsigned char>(all[i])} << 8 * (i - at);
      }
      sum = (sum ^ word) * 0x100000001b3;
      sum ^= sum >> 32;
    }
    CHECK(line_sum(std::string_view(all).substr(0, size)) == sum);
  }
}

TEST_CASE("times are read back as they were written") {
  for (const std::int64_t ns :
       {std::int64_t{0}, std::int64_t{-1}, kNoon, std::numeric_limits<std::int64_t>::min(),
        std::numeric_limits<std::int64_t>::max()}) {
    CHECK(parse_iso_time(iso_time(ns)) == ns);
  }
  CHECK_FALSE(parse_iso_time("9999-01-01T00:00:00.000000000Z"));
}

TEST_CASE("a set of seqs gives them back in order, those that are there again again") {
  SeqSet set;
  const std::vector<std::uint64_t> seqs = {1,  2,     63,    64,        64,
                                           65, 4'095, 4'096, 9'000'000, 9'000'000};
  for (auto at = seqs.rbegin(); at != seqs.rend(); ++at) set.add(*at);
  SeqSet::Cursor cursor(set, Day(3));
  std::vector<std::uint64_t> read;
  for (std::uint64_t seq; cursor.next(seq);) read.push_back(seq);
  CHECK(read == seqs);
}
