#include "tests/sim/crash/paths/paths.h"

#include "agent/spool/sqlite.h"
#include "tests/platform/sim/disk_kit.h"
#include "tests/sim/crash/paths/wal.h"

namespace pinaflux::crash {

namespace {

constexpr Paths::Place kRoot = 1;
constexpr std::string_view kWal = "db-wal";

// A database whose WAL holds some transactions; its reader is SQLite, through the spool's wall.
struct PathsFixture : sim::DiskFixture {
  std::unique_ptr<Paths> paths = std::make_unique<Paths>(*disk);
  sim::Image image;
  sim::InodeId wal = 0;
  std::uint64_t frame = 0;   // Bytes of one.
  std::uint64_t frames = 0;  // Of the WAL.

  PathsFixture() {
    {
      auto database = open();
      REQUIRE(database->make_durable().has_value());
      REQUIRE(database->execute("CREATE TABLE t(id INTEGER PRIMARY KEY, x)").has_value());
      for (int i = 0; i < 5; ++i) {
        REQUIRE(database->execute("INSERT INTO t(x) VALUES(randomblob(1500))").has_value());
      }
      frames = static_cast<std::uint64_t>(database->wal_frames());
      image = disk->image();
    }
    for (const auto& entry : image.entries()) {
      if (entry.name == kWal) wal = entry.inode;
    }
    frame = wal::frame_bytes(image, wal);
    REQUIRE(frame == 1024 + 24);
    REQUIRE(frames > 6);
    image.write(wal, at(frames), Buffer(frame));  // As a reserved WAL goes on.
  }
  std::unique_ptr<sqlite::Database> open() {
    auto database = sqlite::Database::open({.path = "/d/db", .vfs = files->sqlite_vfs()});
    REQUIRE(database.has_value());
    return std::move(*database);
  }
  std::uint64_t at(std::uint64_t nth) const { return wal::kHeaderBytes + nth * frame; }
  bool has_frame(const sim::Image& of, std::uint64_t nth) const {
    return wal::has_frame(of, wal, at(nth), frame);
  }
  // Another byte there.
  sim::Image changed(std::uint64_t offset, std::uint8_t by = 1) const {
    sim::Image other = image;
    std::array<std::uint8_t, 1> byte{};
    REQUIRE(other.read(wal, offset, byte) == 1);
    byte[0] = static_cast<std::uint8_t>(byte[0] ^ by);
    other.write(wal, offset, byte);
    return other;
  }
  // Rows that are found on it.
  std::int64_t read(const sim::Image& of) {
    disk->insert(of);
    const auto database = open();
    return database->integer("SELECT count(*) FROM t").value_or(-1);
  }
  std::int64_t learn(const sim::Image& of) {
    paths->follow(of);
    const std::int64_t rows = read(of);
    paths->learn(kRoot, static_cast<Paths::Outcome>(rows));
    paths->stop();
    return rows;
  }
  // Rows that it is said to hold; -1: nothing is said.
  std::int64_t foretold(const sim::Image& of) const {
    const auto end = paths->walk(of, kRoot);
    return end ? static_cast<std::int64_t>(end->outcome) : -1;
  }
};

}  // namespace

TEST_CASE_FIXTURE(PathsFixture, "a disk of which the same is read has the same end") {
  REQUIRE(learn(image) == 5);

  CHECK(foretold(image) == 5);
  CHECK(foretold(changed(at(frames) + 100)) == 5);  // Behind the last frame.
}

TEST_CASE_FIXTURE(PathsFixture, "a disk of which something else is read has none yet") {
  REQUIRE(learn(image) == 5);

  CHECK(foretold(changed(at(frames - 1) + 100)) == -1);
  CHECK(foretold(changed(8)) == -1);  // The header of the WAL.
}

TEST_CASE_FIXTURE(PathsFixture, "whatever is no frame ends a recovery in the same way") {
  const sim::Image torn = changed(at(frames - 1) + 100);
  const std::int64_t rows = learn(torn);
  REQUIRE(rows == 4);

  for (const std::uint64_t byte : {0, 4, 8, 16, 20, 24, 300, 1047}) {
    const sim::Image other = changed(at(frames - 1) + byte, 0x40);
    CHECK(foretold(other) == rows);
    CHECK(read(other) == rows);  // As SQLite has it.
  }
}

TEST_CASE_FIXTURE(PathsFixture, "where a recovery ends is not forgotten for how") {
  REQUIRE(learn(changed(at(frames - 1) + 100)) == 4);

  CHECK(foretold(image) == -1);  // There is a frame.
  CHECK(foretold(changed(at(2) + 100)) == -1);
}

TEST_CASE_FIXTURE(PathsFixture,
                  "each byte of a frame counts, and none behind the last one is a frame") {
  for (std::uint64_t nth = 0; nth < frames; ++nth) CHECK(has_frame(image, nth));

  CHECK_FALSE(has_frame(image, frames));
  for (std::uint64_t byte = 0; byte < frame; byte += 7) {
    CHECK_FALSE(has_frame(changed(at(3) + byte), 3));
  }
}

TEST_CASE_FIXTURE(PathsFixture, "a WAL that was written to is asked for its bytes") {
  const sim::Image torn = changed(at(0) + 100);
  paths->follow(torn);
  disk->insert(torn);
  auto file = std::move(files->open("/d/db-wal", Files::Mode::write).value());
  REQUIRE(file->write_at(8, as_bytes("another")).has_value());
  Buffer bytes(frame);
  for (const auto& [offset, count] :
       {std::pair{std::uint64_t{0}, wal::kHeaderBytes}, std::pair{at(0), frame}}) {
    REQUIRE(file->read_at(offset, MutableBytes(bytes).first(count)).has_value());
  }
  paths->learn(kRoot, 7);
  paths->stop();

  CHECK(foretold(torn) == 7);
  CHECK(foretold(changed(at(0) + 101)) == -1);
}

}  // namespace pinaflux::crash
