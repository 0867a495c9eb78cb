#include <fstream>
#include <sys/mount.h>
#include <sys/stat.h>

#include "agent/spool/sqlite.h"
#include "tests/agent/spool/spool_kit.h"

namespace pinaflux::spool_kit {

namespace fs = std::filesystem;

namespace {

void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

int set_aside_count(const std::string& directory) {
  int count = 0;
  for (const auto& file : fs::directory_iterator(directory)) {
    const std::string name = file.path().filename().string();
    count += name.starts_with("spool.db.damaged-") && !name.ends_with("-wal");
  }
  return count;
}

}  // namespace

TEST_CASE("what toolchains/left_out says of SQLite stays out") {
  const auto database = sqlite::Database::open({.path = ":memory:"});
  REQUIRE(database.has_value());
  CHECK((*database)->execute("CREATE TABLE plain (a)").has_value());
  for (const char* kind : {"fts3(a)", "fts4(a)", "fts5(a)", "rtree(a, b, c)"}) {
    const std::string sql = std::string("CREATE VIRTUAL TABLE t USING ") + kind;
    CHECK_FALSE((*database)->execute(sql.c_str()).has_value());
  }
  CHECK_FALSE((*database)->execute("SELECT * FROM dbstat").has_value());
  CHECK_FALSE((*database)->execute("SELECT * FROM sqlite_stmt").has_value());
}

TEST_CASE_FIXTURE(SpoolFixture, "a missing directory is made for the owner alone") {
  options.directory += "/deep/er";

  open();

  struct stat info{};
  REQUIRE(::stat(options.directory.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0700);
}

TEST_CASE_FIXTURE(SpoolFixture, "a second opener is told that the spool is busy, and by whom") {
  open();

  std::vector<std::string> told;
  auto second = Spool::open(options, files, clock, entropy, told);

  REQUIRE(!second.has_value());
  CHECK(second.error().code == Code::busy);
  REQUIRE(told.size() == 1);
  CHECK(told[0].find(std::to_string(::getpid())) != std::string::npos);
}

TEST_CASE_FIXTURE(SpoolFixture, "a file of random bytes is put aside and the spool begins afresh") {
  fs::create_directories(options.directory);
  std::string junk;
  for (int i = 0; i < 20'000; ++i) junk += static_cast<char>((i * 7919) >> 3);
  write_file(options.directory + "/spool.db", junk);

  open();

  REQUIRE(findings.size() == 2);
  CHECK(findings[0].find("spool.db.damaged-") != std::string::npos);
  CHECK(set_aside_count(options.directory) == 1);
  add(0, 1, 1);
  commit();
  CHECK(lane_state(0).next_seq == 2);
}

TEST_CASE_FIXTURE(SpoolFixture,
                  "damage in the middle of the file is found, and one damaged file is kept") {
  for (int round = 0; round < 2; ++round) {
    open();
    const Epoch epoch = lane_state(0).epoch;
    for (int i = 0; i < 30; ++i) {
      add_noise(0, i * 100, 100);
      commit();
    }
    spool.reset();
    std::string bytes = kit::file_text(options.directory + "/spool.db");
    REQUIRE(bytes.size() > 200'000);
    for (std::size_t i = 1024; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 31);
    write_file(options.directory + "/spool.db", bytes);
    fs::remove(options.directory + "/spool.db-wal");
    clock.advance(Duration::seconds(10));

    open();

    REQUIRE(findings.size() == 2);
    CHECK(set_aside_count(options.directory) == 1);
    CHECK(lane_state(0).next_seq == 1);
    CHECK(lane_state(0).epoch != epoch);
  }
}

TEST_CASE_FIXTURE(SpoolFixture, "a spool of a newer version stays as it is") {
  open();
  add(0, 1, 10);
  commit();
  spool.reset();
  {
    auto database = sqlite::Database::open({.path = options.directory + "/spool.db"});
    REQUIRE(database.has_value());
    REQUIRE((*database)->make_durable().has_value());
    REQUIRE((*database)->execute("PRAGMA user_version=99").has_value());
  }
  const std::string before = kit::file_text(options.directory + "/spool.db");

  const Status opened = try_open();

  REQUIRE(!opened.has_value());
  CHECK(opened.error().code == Code::newer);
  CHECK(kit::file_text(options.directory + "/spool.db") == before);
  CHECK(set_aside_count(options.directory) == 0);
}

TEST_CASE_FIXTURE(SpoolFixture, "another program's database is refused and stays as it is") {
  fs::create_directories(options.directory);
  {
    auto database = sqlite::Database::open({.path = options.directory + "/spool.db"});
    REQUIRE((*database)->execute("CREATE TABLE photos(id)").has_value());
  }
  const std::string before = kit::file_text(options.directory + "/spool.db");

  const Status opened = try_open();

  REQUIRE(!opened.has_value());
  CHECK(opened.error().code == Code::invalid);
  CHECK(kit::file_text(options.directory + "/spool.db") == before);
}

TEST_CASE_FIXTURE(SpoolFixture, "an empty file, as a power cut may leave it, is a new spool") {
  fs::create_directories(options.directory);
  write_file(options.directory + "/spool.db", "");

  open();

  CHECK(findings.empty());
}

TEST_CASE_FIXTURE(SpoolFixture, "a directory that cannot be written is named as what it is") {
  fs::create_directories(options.directory);
  Code expected = Code::denied;
  const bool root = ::geteuid() == 0;
  if (!root) {
    fs::permissions(options.directory, fs::perms::owner_read | fs::perms::owner_exec);
  } else if (::mount("none", options.directory.c_str(), "tmpfs", MS_RDONLY, nullptr) == 0) {
    expected = Code::read_only;
  } else {
    MESSAGE("skipped: root writes everywhere, and may not mount a read-only directory here");
    return;
  }

  const Status opened = try_open();

  if (root) ::umount(options.directory.c_str());
  REQUIRE(!opened.has_value());
  CHECK(opened.error().code == expected);
}

TEST_CASE_FIXTURE(SpoolFixture, "a path that is a file is refused") {
  write_file(options.directory, "not a directory");
  const Status opened = try_open();
  REQUIRE(!opened.has_value());
  CHECK(opened.error().code == Code::invalid);
}

TEST_CASE_FIXTURE(SpoolFixture, "options beyond the limits are refused") {
  options.bytes_max = Spool::kBytesMin - 1;
  CHECK(try_open().error().code == Code::invalid);
  options.bytes_max = Spool::kBytesMin;
  options.lanes[1].name = "a b";
  CHECK(try_open().error().code == Code::invalid);
  options.lanes[1].name = "alarm";
  CHECK(try_open().error().code == Code::invalid);
  options.lanes.clear();
  CHECK(try_open().error().code == Code::invalid);
}

TEST_CASE_FIXTURE(SpoolFixture,
                  "lanes are found by name when they are reordered, added and removed") {
  open();
  add(0, 100, 3);
  add(1, 200, 4);
  commit();

  options.lanes = {{.name = "normal"}, {.name = "bulk"}};
  open();

  const auto lanes = spool->state().lanes;
  REQUIRE(lanes.size() == 3);
  CHECK(lanes[0].name == "normal");
  CHECK(lanes[0].next_seq == 1);
  CHECK(lanes[1].name == "bulk");
  CHECK(lanes[1].next_seq == 5);
  CHECK(lanes[2].name == "alarm");
  CHECK(!lanes[2].configured);
  REQUIRE(findings.size() == 1);
  wish.envelopes.fill(4);
  commit();
  FarEnd far;
  far.take(leases);
  CHECK(far.lanes[2].landed.at(1) == 100);
  ack(2, 3);
  commit();
  open();
  CHECK(spool->state().lanes.size() == 2);
}

TEST_CASE_FIXTURE(SpoolFixture, "a lane that comes back continues its sequence") {
  open();
  add(0, 100, 3);
  wish.envelopes.fill(1);
  commit();
  ack(0, 3);
  commit();
  const auto lanes = options.lanes;
  options.lanes = {{.name = "bulk"}};
  open();

  options.lanes = lanes;
  open();

  CHECK(lane_state(0).next_seq == 4);
  CHECK(lane_state(0).acked == 3);
}

TEST_CASE_FIXTURE(SpoolFixture,
                  "after a renaming what was queued keeps the gateway it was committed under") {
  open();
  add(0, 100, 3);
  commit();

  options.gateway = "pump-8";
  open();
  add(0, 200, 2);
  wish.envelopes.fill(4);
  commit();

  REQUIRE(leases.size() == 2);
  const auto mine = Opener::header(leases[0].bytes), old = Opener::header(leases[1].bytes);
  CHECK(mine->gateway == "pump-8");
  CHECK(mine->range == Range{1, 2});
  CHECK(old->gateway == "pump-7");
  CHECK(old->range == Range{1, 3});
  CHECK(spool->state().lanes.at(2).gateway == "pump-7");
}

}  // namespace pinaflux::spool_kit
