#include "agent/ingest/file_source.h"

#include <doctest/doctest.h>

#include "tests/agent/ingest/fakes.h"

namespace pinaflux {
namespace {

using Rows = std::vector<std::string>;

struct FileFixture {
  fake::World world;
  FileSourceOptions options;
  std::unique_ptr<FileSource> source;

  FileFixture() {
    options.name = "log";
    options.path = "/var/log/a.log";
  }
  void start() {
    source = std::make_unique<FileSource>(options, world.host());
    source->restore(world.stored());
    REQUIRE(source->start());
  }
  void kill() {
    source.reset();
    world.restart();
  }
  static std::string line(int n) { return "{\"n\":" + std::to_string(n) + "}\n"; }
  // Looks, and takes what is there.
  Rows drain() {
    world.rows.clear();
    world.loop.pass(Duration::milliseconds(250));
    while (source->ready()) world.turn(*source);
    Rows numbers;
    for (const std::string& row : world.rows) {
      numbers.push_back(row.substr(6, row.size() - 8));
    }
    return numbers;
  }
  fake::Files& files() { return world.files; }
};

TEST_CASE_FIXTURE(FileFixture, "a growing file is followed; a partial last line waits") {
  files().put("/var/log/a.log", line(1) + "{\"n\"");
  start();
  CHECK(drain() == Rows{"1"});
  CHECK(drain().empty());
  files().append_to("/var/log/a.log", ":2}\n" + line(3));
  CHECK(drain() == Rows{"2", "3"});
}

TEST_CASE_FIXTURE(FileFixture, "a missing file is waited for and read from its start") {
  options.from = FileSourceOptions::From::end;
  start();
  CHECK(source->health().state == SourceHealth::State::waiting);
  CHECK(drain().empty());
  kill();
  files().put("/var/log/a.log", line(1));
  start();
  CHECK(drain() == Rows{"1"});
  CHECK(source->health().state == SourceHealth::State::working);
}

TEST_CASE_FIXTURE(FileFixture,
                  "from the end: old lines are left, new ones taken, also after a restart") {
  options.from = FileSourceOptions::From::end;
  files().put("/var/log/a.log", line(1) + line(2) + "{\"n\"");
  start();
  CHECK(drain().empty());
  kill();
  files().append_to("/var/log/a.log", ":3}\n");
  start();
  CHECK(drain() == Rows{"3"});
}

TEST_CASE_FIXTURE(FileFixture,
                  "the position survives a restart; what was not committed is read again") {
  files().put("/var/log/a.log", line(1));
  start();
  CHECK(drain() == Rows{"1"});
  files().append_to("/var/log/a.log", line(2));
  world.loop.pass(Duration::milliseconds(250));
  world.poll(*source);
  kill();
  start();
  CHECK(drain() == Rows{"2"});
}

TEST_CASE_FIXTURE(FileFixture,
                  "rotation by renaming: the old file to its last line, then the new one") {
  files().put("/var/log/a.log", line(1));
  start();
  CHECK(drain() == Rows{"1"});
  files().append_to("/var/log/a.log", line(2));
  CHECK(files().rename("/var/log/a.log", "/var/log/a.log.1").has_value());
  files().put("/var/log/a.log", line(4));
  CHECK(drain() == Rows{"2", "4"});
  files().append_to("/var/log/a.log.1", "{\"n\":3}");  // The writer had not noticed yet.
  Rows late;
  for (int i = 0; i < 30; ++i) {
    for (const auto& row : drain()) late.push_back(row);
  }
  CHECK(late == Rows{"3"});
  files().append_to("/var/log/a.log", line(5));
  CHECK(drain() == Rows{"5"});
}

TEST_CASE_FIXTURE(FileFixture, "rotation while the agent was down is followed, too") {
  files().put("/var/log/a.log", line(1));
  start();
  CHECK(drain() == Rows{"1"});
  kill();
  files().append_to("/var/log/a.log", line(2));
  CHECK(files().rename("/var/log/a.log", "/var/log/a.log.1").has_value());
  files().put("/var/log/a.log", line(3));
  start();
  CHECK(drain() == Rows{"2", "3"});
}

TEST_CASE_FIXTURE(FileFixture, "a file that shrank is read from its start") {
  files().put("/var/log/a.log", line(1) + line(2));
  start();
  CHECK(drain() == Rows{"1", "2"});
  files().put("/var/log/a.log", line(3));
  CHECK(drain() == Rows{"3"});
  kill();
  files().put("/var/log/a.log", "");
  start();
  CHECK(drain().empty());
  files().put("/var/log/a.log", line(4));
  CHECK(drain() == Rows{"4"});
}

TEST_CASE_FIXTURE(FileFixture, "truncated and longer again before a look: known by its beginning") {
  files().put("/var/log/a.log", line(1));
  start();
  CHECK(drain() == Rows{"1"});
  files().put("/var/log/a.log", line(7) + line(8));
  CHECK(drain() == Rows{"7", "8"});
}

TEST_CASE_FIXTURE(FileFixture, "an inode that was used again is another file") {
  files().put("/var/log/a.log", line(1));
  start();
  CHECK(drain() == Rows{"1"});
  kill();
  files().put("/var/log/a.log", line(5) + line(6));
  start();
  CHECK(drain() == Rows{"5", "6"});
}

TEST_CASE_FIXTURE(FileFixture, "a pattern follows every file that matches, through renames") {
  options.path = "/var/log/*.log*";
  files().put("/var/log/a.log", line(1));
  files().put("/var/log/b.log", line(2));
  files().put("/var/log/c.txt", line(9));
  start();
  CHECK(drain() == Rows{"1", "2"});
  CHECK(files().rename("/var/log/a.log", "/var/log/a.log.1").has_value());
  files().append_to("/var/log/a.log.1", line(3));
  files().put("/var/log/a.log", line(4));
  Rows both = drain();
  std::ranges::sort(both);
  CHECK(both == Rows{"3", "4"});
}

TEST_CASE_FIXTURE(FileFixture, "a deleted file's row goes with a later parcel") {
  options.path = "/var/log/*.log";
  files().put("/var/log/a.log", line(1));
  files().put("/var/log/b.log", line(2));
  start();
  drain();
  CHECK(world.cursors.size() == 3);
  CHECK(files().remove("/var/log/a.log").has_value());
  for (int i = 0; i < 30; ++i) drain();
  files().append_to("/var/log/b.log", line(3));
  drain();
  CHECK(world.cursors.size() == 2);
}

TEST_CASE_FIXTURE(FileFixture,
                  "an empty folder keeps the positions: the medium may not be mounted yet") {
  files().put("/var/log/a.log", line(1));
  start();
  drain();
  kill();
  CHECK(files().rename("/var/log/a.log", "/elsewhere/a.log").has_value());
  start();
  drain();
  CHECK(files().rename("/elsewhere/a.log", "/var/log/a.log").has_value());
  files().append_to("/var/log/a.log", line(2));
  CHECK(drain() == Rows{"2"});
}

TEST_CASE_FIXTURE(FileFixture,
                  "a line beyond the bound is refused once and the position passes it") {
  files().put("/var/log/a.log", line(1) + std::string(200'000, 'x'));
  start();
  CHECK(drain() == Rows{"1"});
  files().append_to("/var/log/a.log", std::string(1000, 'x') + "\n" + line(2));
  CHECK(drain() == Rows{"2"});
  REQUIRE(world.refusals.size() == 1);
  CHECK(world.refusals[0].byte_count == 201'000);
  kill();
  start();
  CHECK(drain().empty());
}

TEST_CASE_FIXTURE(FileFixture, "a large backlog comes in bounded pieces, in order") {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += line(i);
  files().put("/var/log/a.log", text);
  start();
  world.poll(*source);
  world.commit(*source);
  CHECK(world.rows.size() < 40'000);
  std::size_t taken = world.rows.size();
  while (source->ready()) world.turn(*source);
  CHECK(world.rows.size() == 100'000);
  CHECK(taken > 1'000);
  CHECK(world.rows[99'999] == "log{n=99999i}");
}

TEST_CASE("globs") {
  CHECK(matches_glob("*.log", "a.log"));
  CHECK(matches_glob("a?.log*", "ab.log.1"));
  CHECK(matches_glob("*", ""));
  CHECK(matches_glob("a*b*c", "aXbYbZc"));
  CHECK_FALSE(matches_glob("*.log", "a.log.1"));
  CHECK_FALSE(matches_glob("a?", "a"));
  CHECK_FALSE(matches_glob("", "a"));
}

}  // namespace
}  // namespace pinaflux
