#include "agent/collector/day_files.h"

#include <filesystem>
#include <fstream>

#include "platform/sim/clock.h"
#include "platform/sim/files.h"
#include "platform/sim/scheduler.h"
#include "tests/agent/collector/files_kit.h"

using namespace pinaflux;
using namespace pinaflux::collector_kit;

namespace fs = std::filesystem;

namespace {

struct DayFixture : FilesFixture {
  DayFixture() {
    fs::create_directories(directory / "out");
    alone(true);
  }
  void alone(bool only_copy) {
    care.only_copy = only_copy;
    grown = open();
  }
  std::string path(const std::string& name) { return directory / ("out/" + name); }
  std::string read(const std::string& name) { return text_of("out/" + name); }
  bool exists(const std::string& name) { return fs::exists(path(name)); }
  void append(const std::string& text, const std::string& name = "a") {
    const auto to = grown->to(path(name), ".txt");
    REQUIRE(to.has_value());
    (*to)->text += text;
    REQUIRE(grown->grown(**to).has_value());
  }
  void land(const std::string& text) {
    append(text);
    commit();
  }
  void restart() {
    grown.reset();
    findings.clear();
    grown = open();
  }
  // Another program's file system.
  void write(const std::string& name, const std::string& text) {
    std::ofstream(path(name), std::ios::trunc) << text;
  }
  bool found(const std::string& text) {
    return std::ranges::any_of(findings, [&](const std::string& f) { return f.contains(text); });
  }
  // In the transaction that is open now, which is then given up.
  Status refused() {
    REQUIRE(database->begin().has_value());
    Status flushed = grown->flush();
    database->rollback();
    grown->abandon();
    for (std::string& finding : grown->take_findings()) findings.push_back(std::move(finding));
    return flushed;
  }
};

}  // namespace

TEST_CASE_FIXTURE(DayFixture,
                  "a file that is moved away between two transactions takes nothing more") {
  land("one\n");
  fs::rename(path("a.txt"), path("moved"));
  land("two\n");
  CHECK(read("moved") == "one\n");
  CHECK(read("a-2.txt") == "two\n");
  findings = grown->take_findings();
  CHECK(found("a.txt was moved away"));
}

TEST_CASE_FIXTURE(DayFixture,
                  "a file that is moved away or deleted within a transaction fails it") {
  land("one\n");
  append("two\n");
  SUBCASE("moved") { fs::rename(path("a.txt"), path("moved")); }
  SUBCASE("deleted") { fs::remove(path("a.txt")); }
  SUBCASE("another one has its name") {
    fs::rename(path("a.txt"), path("moved"));
    write("a.txt", "other\n");
  }
  const Status flushed = refused();
  REQUIRE_FALSE(flushed.has_value());
  CHECK(flushed.error().code == Code::io);
  CHECK(found("a.txt was moved away while it was written"));
  if (exists("moved")) CHECK(read("moved") == "one\n");
  land("two\n");
  CHECK(read("a-2.txt") == "two\n");
}

TEST_CASE_FIXTURE(DayFixture, "so does one that is not committed yet") {
  append("one\n");
  fs::remove(path("a.txt.part"));
  CHECK_FALSE(refused().has_value());
  land("one\n");
  CHECK(read("a.txt") == "one\n");
}

TEST_CASE_FIXTURE(DayFixture,
                  "one that was closed for others meanwhile is not begun again in its place") {
  land("one\n");
  append("two\n");
  for (int i = 0; i < 100; ++i) append("x\n", "b" + std::to_string(i));
  fs::rename(path("a.txt"), path("moved"));
  const auto to = grown->to(path("a"), ".txt");
  CHECK_FALSE(to.has_value());
  CHECK_FALSE(exists("a.txt"));
  CHECK_FALSE(refused().has_value());
}

TEST_CASE_FIXTURE(DayFixture, "a volume that was away for one start is not cut when it is back") {
  for (const bool only_copy : {true, false}) {
    alone(only_copy);
    land("the first day's lines, many of them\n");
    fs::rename(directory / "out", directory / "away");
    fs::create_directories(directory / "out");
    restart();
    land("short\n");
    fs::remove_all(directory / "out");
    fs::rename(directory / "away", directory / "out");
    restart();
    CHECK(read("a.txt") == "the first day's lines, many of them\n");
    land("more\n");
    CHECK(read("a.txt") == "the first day's lines, many of them\n");
    fs::remove_all(directory / "out");
    REQUIRE(
        database->execute("DELETE FROM pinaflux_file;DELETE FROM pinaflux_file_head").has_value());
  }
}

TEST_CASE_FIXTURE(DayFixture,
                  "a file that a reader moved back over its successor is left as it is") {
  alone(false);
  land("one, a long line\n");
  fs::rename(path("a.txt"), path("moved"));
  restart();
  land("two\n");
  fs::rename(path("moved"), path("a.txt"));
  restart();
  CHECK(found("a.txt is not the file that was written under this name"));
  CHECK(read("a.txt") == "one, a long line\n");
  land("three\n");
  CHECK(read("a-2.txt") == "three\n");
}

TEST_CASE_FIXTURE(DayFixture, "what an older database does not know is cut off and kept") {
  land("one\n");
  write("a.txt", "one\ntwo\nthree\n");
  restart();
  CHECK(read("a.txt") == "one\n");
  CHECK(read("a.txt.cut") == "two\nthree\n");
  CHECK(found("10 bytes that the database does not know were cut off"));
  write("a.txt", "one\nx");
  restart();
  CHECK(read("a.txt.cut") == "x");
}

TEST_CASE_FIXTURE(DayFixture,
                  "the .part of a successor is not taken for a file that was moved away") {
  alone(false);
  land("one\n");
  fs::rename(path("a.txt"), path("moved"));
  append("another\n");
  REQUIRE(database->begin().has_value());
  REQUIRE(grown->flush().has_value());
  database->rollback();
  CHECK(read("a.txt.part") == "another\n");
  restart();
  CHECK_FALSE(exists("a.txt"));
}

TEST_CASE_FIXTURE(DayFixture, "a name that cannot be given is told, and given later") {
  append("one\n");
  fs::create_directories(path("a.txt"));
  commit();
  findings = grown->take_findings();
  CHECK(found("a.txt.part cannot be given its name, and is tried again"));
  fs::remove(path("a.txt"));
  append("x\n", "b");
  commit();
  CHECK(read("a.txt") == "one\n");
}

TEST_CASE_FIXTURE(DayFixture, "a name is given once, where the files are the only copy") {
  land("one\n");
  fs::remove(path("a.txt"));
  restart();
  land("two\n");
  restart();
  CHECK_FALSE(exists("a.txt"));
  CHECK(read("a-2.txt") == "two\n");
}

TEST_CASE_FIXTURE(DayFixture, "a record from before heads were kept goes on, and gets one") {
  land("one\n");
  REQUIRE(database->execute("DROP TABLE pinaflux_file_head").has_value());
  restart();
  land("two\n");
  CHECK(read("a.txt") == "one\ntwo\n");
  write("a.txt", "another one\n");
  restart();
  CHECK(found("is not the file that was written"));
}

TEST_CASE_FIXTURE(DayFixture, "records by relative paths are found where they lie, or told") {
  land("one\n");
  REQUIRE(database
              ->execute("UPDATE pinaflux_file SET path='out/a.txt';"
                        "UPDATE pinaflux_file_head SET path='out/a.txt'")
              .has_value());
  care.base = directory / "elsewhere";
  restart();
  CHECK(found("1 files, such as out/a.txt, were recorded by a path"));
  care.base = directory / "out/..";
  restart();
  CHECK(findings.empty());
  CHECK(query(*database, "SELECT path FROM pinaflux_file") ==
        (directory / "out/../out/a.txt") + "\n");
}

TEST_CASE("a new file is on disk, with its name, before it is committed") {
  SimScheduler scheduler;
  SimClock clock(scheduler, WallTime{0}, 1);
  sim::SimDisk disk(clock, {});
  sim::SimFiles files(disk);
  kit::TemporaryDirectory directory;
  const auto database = open_database(directory / "landed.db");
  std::vector<std::string> findings;
  auto grown = DayFiles::open(files, *database, findings, {.only_copy = true});
  REQUIRE(grown.has_value());
  const auto to = (*grown)->to("/out/a", ".txt");
  REQUIRE(to.has_value());
  (*to)->text = "one\n";
  REQUIRE(database->begin().has_value());
  REQUIRE((*grown)->flush().has_value());
  REQUIRE(database->commit().has_value());

  disk.cut_power(sim::Survival::none);
  disk.power_on();

  (*grown)->abandon();
  REQUIRE((*grown)->recover(findings).has_value());
  CHECK(files.read_text("/out/a.txt", 100) == "one\n");
}
