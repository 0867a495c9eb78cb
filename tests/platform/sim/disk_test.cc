#include <set>

#include "tests/platform/files_contract.h"
#include "tests/platform/sim/disk_kit.h"

namespace pinaflux::sim {

namespace {

constexpr std::size_t kSector = Medium::kSectorBytes;

// Of each sector, the one letter that fills it; '?' where it holds something else.
std::string letters(const std::string& text) {
  std::string found;
  for (std::size_t at = 0; at < text.size(); at += kSector) {
    const std::string sector = text.substr(at, kSector);
    const bool pure = sector.find_first_not_of(sector[0]) == std::string::npos;
    found += !pure ? '?' : sector[0] == '\0' ? '0' : sector[0];
  }
  return found;
}

std::string sectors(const std::string& wanted) {
  std::string text;
  for (const char c : wanted) text += std::string(kSector, c);
  return text;
}

}  // namespace

TEST_CASE_FIXTURE(DiskFixture, "the simulated files keep the contract") {
  files_contract(*files, "/d");
}

TEST_CASE_FIXTURE(DiskFixture, "what was synced survives a power cut, what was not may be lost") {
  begin("old");
  write(0, "new");

  reboot(Survival::none);

  CHECK(text() == "old");
}

TEST_CASE_FIXTURE(DiskFixture, "what was not synced may survive all the same") {
  begin("old");
  write(0, "new");

  reboot(Survival::all);

  CHECK(text() == "new");
}

TEST_CASE_FIXTURE(DiskFixture, "of writes to several files any may survive") {
  std::set<std::string> found;
  for (std::uint64_t seed = 0; seed < 64; ++seed) {
    make({.seed = seed});
    begin("a");
    auto second = std::move(files->open("/d/b", Files::Mode::create).value());
    REQUIRE(second->write_at(0, as_bytes("b")).has_value());
    REQUIRE(second->sync().has_value());
    REQUIRE(files->sync_directory("/d").has_value());
    write(0, "A");
    REQUIRE(second->write_at(0, as_bytes("B")).has_value());

    reboot(Survival::subset);

    found.insert(text("/d/a") + text("/d/b"));
  }
  CHECK(found == std::set<std::string>{"ab", "aB", "Ab", "AB"});
}

TEST_CASE_FIXTURE(DiskFixture,
                  "of two writes to one place the older may win when they are swapped") {
  std::set<std::string> found;
  for (std::uint64_t seed = 0; seed < 64; ++seed) {
    make({.seed = seed});
    begin("0");
    write(0, "1");
    write(0, "2");

    reboot(Survival::reordered);

    found.insert(text());
  }
  CHECK(found == std::set<std::string>{"0", "1", "2"});
}

TEST_CASE_FIXTURE(DiskFixture, "a torn write leaves whole sectors, any of them") {
  std::set<std::string> found;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    make({.seed = seed});
    begin(sectors("aaa"));
    write(0, sectors("bbb"));

    reboot(Survival::torn);

    found.insert(letters(text()));
  }
  CHECK(found == std::set<std::string>{"aaa", "aab", "aba", "abb", "baa", "bab", "bba", "bbb"});
}

TEST_CASE_FIXTURE(DiskFixture,
                  "a torn write behind the end may leave the file longer, and empty there") {
  std::set<std::string> found;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    make({.seed = seed});
    begin(sectors("a"));
    write(kSector, sectors("bb"));

    reboot(Survival::torn);

    found.insert(letters(text()));
  }
  CHECK(found == std::set<std::string>{"a", "ab", "a00", "ab0", "a0b", "abb"});
}

TEST_CASE_FIXTURE(DiskFixture,
                  "a garbled write spoils its own bytes; the rest of the sector only without "
                  "powersafe overwrite") {
  for (const bool powersafe : {true, false}) {
    bool garbled = false, spoiled = false;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
      make({.seed = seed, .medium = {.powersafe_overwrite = powersafe}});
      begin(sectors("a"));
      write(100, std::string(100, 'b'));

      reboot(Survival::garbled);

      const std::string found = text().substr(100, 100);
      garbled |= found != std::string(100, 'a') && found != std::string(100, 'b');
      spoiled |= text().substr(0, 100) != std::string(100, 'a');
    }
    CHECK(garbled);
    CHECK(spoiled == !powersafe);
  }
}

TEST_CASE_FIXTURE(DiskFixture,
                  "a name needs the sync of its directory, the file's own is not enough") {
  file = std::move(files->open("/d/a", Files::Mode::create).value());
  write(0, "text");
  REQUIRE(file->sync().has_value());

  SUBCASE("without it the file is gone") {
    reboot(Survival::none);
    CHECK(text() == "(none)");
    CHECK(files->list("/d")->empty());
  }
  SUBCASE("with it the file is there") {
    REQUIRE(files->sync_directory("/d").has_value());
    reboot(Survival::none);
    CHECK(text() == "text");
  }
}

TEST_CASE_FIXTURE(DiskFixture,
                  "a journaled file system takes names along with any sync, in order") {
  make({.medium = {.naming = Medium::Naming::journaled}});
  file = std::move(files->open("/d/a", Files::Mode::create).value());
  REQUIRE(file->sync().has_value());
  REQUIRE(files->rename("/d/a", "/d/b").has_value());

  reboot(Survival::none);

  CHECK(files->list("/d") == std::vector<std::string>{"a"});
}

TEST_CASE_FIXTURE(DiskFixture,
                  "a rename is the old name or the new one, never none and never both") {
  std::set<std::string> found;
  for (std::uint64_t seed = 0; seed < 64; ++seed) {
    make({.seed = seed});
    begin("text");
    REQUIRE(files->rename("/d/a", "/d/b").has_value());

    reboot(Survival::torn);

    REQUIRE(files->list("/d")->size() == 1);
    found.insert(files->list("/d")->front());
    CHECK(text("/d/" + files->list("/d")->front()) == "text");
  }
  CHECK(found == std::set<std::string>{"a", "b"});
}

TEST_CASE_FIXTURE(DiskFixture, "replace() is atomic under any cut") {
  std::set<std::string> found;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    make({.seed = seed});
    REQUIRE(files->replace("/d/a", "old").has_value());
    std::uint64_t changes = 0;
    disk->before_change = [&](const Operation&) {
      if (changes++ == seed % 5) disk->cut_power();
    };

    std::ignore = files->replace("/d/a", "new");

    if (disk->powered()) disk->cut_power();
    disk->before_change = nullptr;
    disk->power_on();
    found.insert(text());
  }
  CHECK(found == std::set<std::string>{"new", "old"});
}

TEST_CASE_FIXTURE(DiskFixture,
                  "after a cut nothing works until the power is back, old handles never again") {
  begin("text");
  auto lock_holder = 0L;
  auto lock = files->lock("/d/lock", lock_holder);

  disk->cut_power(Survival::all);

  std::uint8_t block[4];
  CHECK(code_of(files->info("/d/a")) == Code::io);
  CHECK(code_of(files->open("/d/a", Files::Mode::read)) == Code::io);
  disk->power_on();
  CHECK(code_of(file->read_at(0, block)) == Code::io);
  CHECK(code_of(file->write_at(0, block)) == Code::io);
  CHECK(code_of(file->sync()) == Code::io);
  CHECK(files->lock("/d/lock", lock_holder).has_value());
  CHECK(text() == "text");
}

TEST_CASE_FIXTURE(DiskFixture, "a lying sync keeps nothing") {
  begin("old");
  disk->set_lying_sync(true);
  write(0, "new");
  REQUIRE(file->sync().has_value());

  reboot(Survival::none);

  CHECK(text() == "old");
}

TEST_CASE_FIXTURE(DiskFixture, "a sync that fails may lose for good what it should have kept") {
  std::set<std::string> found;
  for (std::uint64_t seed = 0; seed < 32; ++seed) {
    make({.seed = seed});
    begin("old");
    write(0, "new");
    disk->inject({.calls = kSync});
    CHECK(code_of(file->sync()) == Code::io);
    REQUIRE(file->sync().has_value());
    CHECK(text() == "new");

    reboot(Survival::all);

    found.insert(text());
  }
  CHECK(found == std::set<std::string>{"new", "old"});
}

TEST_CASE_FIXTURE(DiskFixture, "the n-th call of a kind fails, and only that one") {
  begin("0123456789");
  disk->inject({.calls = kWrite | kTruncate, .kind = Fault::Kind::full, .skip = 2});

  write(0, "a");
  CHECK(file->truncate(9).has_value());
  CHECK(code_of(file->write_at(0, as_bytes("b"))) == Code::full);
  write(1, "c");

  CHECK(text() == "ac2345678");
  CHECK(disk->counts().faults == 1);
}

TEST_CASE_FIXTURE(DiskFixture, "a fault can last for a while") {
  begin("text");
  std::uint8_t block[4];
  disk->inject(
      {.calls = kRead, .count = SimDisk::kForEver, .until = clock.now() + Duration::seconds(10)});

  CHECK(code_of(file->read_at(0, block)) == Code::io);
  CHECK(code_of(file->read_at(0, block)) == Code::io);
  clock.advance(Duration::seconds(10));

  CHECK(file->read_at(0, block) == 4u);
}

TEST_CASE_FIXTURE(DiskFixture, "a short write leaves the beginning of it") {
  begin(std::string(100, '0'));
  disk->inject({.calls = kWrite, .kind = Fault::Kind::short_write});

  CHECK(code_of(file->write_at(0, as_bytes(std::string(100, '1')))) == Code::full);

  const std::size_t written = text().find('0');
  CHECK(written < 100);
  CHECK(text() == std::string(written, '1') + std::string(100 - written, '0'));
}

TEST_CASE_FIXTURE(DiskFixture, "each write is seen before it is done, and one that fails is, too") {
  begin("old");
  std::string seen;
  disk->before_write = [&](Bytes bytes) { seen += as_text(bytes); };
  disk->inject({.calls = kWrite, .skip = 1});

  write(0, "new");
  CHECK_FALSE(file->write_at(0, as_bytes("lost")).has_value());

  CHECK(seen == "newlost");
}

TEST_CASE_FIXTURE(DiskFixture, "a full disk refuses growth, and nothing else") {
  make({.bytes_max = 8192});
  begin(std::string(4096, 'a'));

  CHECK(code_of(file->write_at(4096, as_bytes(std::string(5000, 'b')))) == Code::full);
  CHECK(text() == std::string(4096, 'a') + std::string(4096, 'b'));
  CHECK(files->file_system("/d")->bytes_free == 0);
  write(100, "overwritten");
  CHECK(file->truncate(4096).has_value());
  CHECK(files->file_system("/d")->bytes_free == 4096);
  write(4096, "grown");
  CHECK(files->remove("/d/a").has_value());
  CHECK(files->file_system("/d")->bytes_free == 0);
  file.reset();
  CHECK(files->file_system("/d")->bytes_free == 8192);
}

TEST_CASE_FIXTURE(DiskFixture, "what was reserved can be written on a full disk") {
  make({.bytes_max = 16384});
  begin("a");
  CHECK(code_of(file->reserve(20000)) == Code::full);
  REQUIRE(file->reserve(8192).has_value());
  disk->set_bytes_max(8192);

  write(4096, std::string(4096, 'b'));

  CHECK(code_of(file->write_at(8192, as_bytes("c"))) == Code::full);
  CHECK(file->punch(4096, 4096).has_value());
  CHECK(files->file_system("/d")->bytes_free == 4096);
}

TEST_CASE_FIXTURE(DiskFixture, "a read-only disk is read") {
  begin("text");
  disk->set_read_only(true);

  CHECK(text() == "text");
  CHECK(code_of(files->open("/d/a", Files::Mode::write)) == Code::read_only);
  CHECK(code_of(files->open("/d/b", Files::Mode::create)) == Code::read_only);
  CHECK(code_of(file->write_at(0, as_bytes("b"))) == Code::read_only);
  CHECK(code_of(files->remove("/d/a")) == Code::read_only);
  CHECK(files->file_system("/d")->read_only);
}

TEST_CASE_FIXTURE(DiskFixture,
                  "every byte passes the hook before it is written, every sync after it is done") {
  std::string seen;
  int syncs = 0;
  disk->before_change = [&](const Operation& o) {
    if (o.bytes) seen += as_text(*o.bytes);
  };
  disk->after_sync = [&](const Operation&) { ++syncs; };

  begin("one");
  write(3, "two");

  CHECK(seen == "onetwo");
  CHECK(syncs == 2);
  CHECK(disk->counts().bytes_written == 6);
}

TEST_CASE_FIXTURE(DiskFixture, "one seed is one run") {
  std::vector<std::uint64_t> hashes;
  for (const std::uint64_t seed : {5, 5, 6}) {
    make({.seed = seed});
    begin(sectors("aaaaaaaa"));
    for (int i = 0; i < 8; ++i) write(static_cast<std::uint64_t>(i) * 300, sectors("bb"));
    disk->cut_power(Survival::garbled);
    disk->power_on();
    hashes.push_back(disk->image().hash(files->info("/d")->inode, ""));
  }
  CHECK(hashes[0] == hashes[1]);
  CHECK(hashes[0] != hashes[2]);
}

TEST_CASE_FIXTURE(DiskFixture, "a copy of an image does not see later writes") {
  begin("old");
  const Image before = disk->image();
  write(0, "new");
  CHECK(text() == "new");

  disk->insert(before);

  CHECK(text() == "old");
}

}  // namespace pinaflux::sim
