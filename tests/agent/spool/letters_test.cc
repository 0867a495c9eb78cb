#include "agent/spool/letters.h"

#include <type_traits>

#include "agent/spool/sqlite.h"
#include "tests/agent/spool/letters_kit.h"
#include "tests/agent/spool/queue_kit.h"

namespace pinaflux::spool_kit {

namespace fs = std::filesystem;

// What was refused before masking can hold no value, because nothing makes a Record of it.
static_assert(!std::is_constructible_v<KeptRecord, std::size_t, RawRecord, std::string>);
static_assert(!std::is_constructible_v<KeptRecord, std::size_t, Row, std::string>);
static_assert(!std::is_convertible_v<RawRecord, Record>);

TEST_CASE_FIXTURE(LettersFixture, "a record that was refused after masking is kept as it was") {
  open();
  group.refusals.push_back({1, Reason::malformed, 17, 99, 4});
  refuse(5, "seven");
  commit();

  open();

  const auto letters = read();
  REQUIRE(letters.held.size() == 2);
  const Letter& bytes = letters.held[0].letter;
  CHECK(bytes.source == "zigbee");
  CHECK(bytes.reason == "malformed");
  CHECK(bytes.bytes == 17);
  CHECK(bytes.kept == 0);
  const Letter& kept = letters.held[1].letter;
  CHECK(kept.id == 2);
  CHECK(kept.source == "boiler");
  CHECK(kept.reason == "node_failed");
  CHECK(kept.node == "dry");
  CHECK(kept.time == Stamp::wall(clock.wall()));
  CHECK(text_of(letters.held[1].body) == "boiler/flow 5 seven");
  CHECK(spool->state().dead_letters == 2);
}

TEST_CASE_FIXTURE(LettersFixture, "of a flood the first are kept, and all are counted") {
  open();
  for (int i = 0; i < 16; ++i) refuse(i, "x");
  group.refusals.push_back({.source = 0, .reason = Reason::node_failed, .count = 5'000});
  for (int i = 0; i < 40; ++i) group.refusals.push_back({0, Reason::malformed, 10, 1, 2});
  group.refusals.push_back(
      {.source = 0, .reason = Reason::malformed, .byte_count = 600, .count = 60});

  commit();

  const auto letters = read();
  CHECK(letters.held.size() == 16 + 1 + 16 + 1);
  CHECK(letters.held[15].letter.kept > 0);
  CHECK(letters.held[32].letter.count == 5'000);
  CHECK(letters.held[33].letter.count == 84);
  CHECK(letters.held[33].letter.bytes == 240 + 600);
  CHECK(spool->state().dead_letters == 16 + 5'000 + 40 + 60);
}

TEST_CASE_FIXTURE(LettersFixture, "rows and contents together stay in the budget, the oldest go") {
  options.letter_bytes_max = 64 * 1024;
  open();
  std::uint64_t refused = 0;
  for (int c = 0; c < 50; ++c) {
    for (int i = 0; i < 4; ++i, ++refused)
      refuse(static_cast<std::int64_t>(refused), noise_text(1000));
    for (int i = 0; i < 30; ++i) group.refusals.push_back({1, Reason::malformed, 10, 1, 2});
    commit();
    CHECK(read().totals.bytes() <= options.letter_bytes_max);
  }

  const auto letters = read();

  CHECK(letters.totals.bytes() > options.letter_bytes_max - 2'000);
  CHECK(text_of(letters.held[letters.held.size() - 18].body).starts_with("boiler/flow 199 "));
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < letters.held.size(); ++i) {
    count += letters.held[i].letter.count;
    if (i > 0) CHECK(letters.held[i].letter.id == letters.held[i - 1].letter.id + 1);
  }
  CHECK(spool->state().dead_letters == count);
  options.letter_bytes_max = 4 * 64 * 1024;
  open();
  refuse(1, "x");
  commit();
  CHECK(read().held.size() == letters.held.size() + 1);
}

TEST_CASE_FIXTURE(LettersFixture, "a record too large for the budget is a letter without content") {
  options.letter_bytes_max = 64 * 1024;
  open();
  refuse(1, noise_text(30'000));
  for (int i = 0; i < 5; ++i) refuse(2 + i, noise_text(10'000));

  commit();

  const auto letters = read();
  REQUIRE(letters.held.size() == 6);
  CHECK(letters.held[0].letter.kept == 0);
  CHECK(letters.held[0].letter.node.empty() == false);
  CHECK(text_of(letters.held[3].body).starts_with("boiler/flow 4 "));
  CHECK(letters.held[5].letter.kept == 0);  // Beyond what one commit may keep.
}

TEST_CASE_FIXTURE(LettersFixture,
                  "what a commit replays goes with it, and its number never returns") {
  open();
  for (int i = 0; i < 3; ++i) refuse(i, "x");
  commit();
  add(0, 7, 1);
  group.replayed = {2, 3, 77};
  commit();

  open();
  CHECK(ids() == std::vector<LetterId>{1});
  CHECK(spool->state().dead_letters == 1);
  refuse(9, "x");
  commit();

  CHECK(ids() == std::vector<LetterId>{1, 4});
}

TEST_CASE_FIXTURE(LettersFixture,
                  "a commit that fails keeps the letters that it would have replayed") {
  open();
  refuse(1, "x");
  commit();
  do {
    group.reset();
    add_noise(0, 0, 30, 90'000);
  } while (try_commit());

  group.replayed = {1};
  REQUIRE(try_commit().error().code == Code::full);

  CHECK(ids() == std::vector<LetterId>{1});
  CHECK(spool->state().dead_letters == 1);
}

TEST_CASE_FIXTURE(LettersFixture,
                  "the file of an agent from before contents gets them at its start") {
  if (!options.key.empty()) return;
  fs::create_directories(options.directory);
  fs::copy_file("tests/agent/spool/golden/version_1.db", options.directory + "/spool.db");
  {
    const auto looked = view(*this);
    ReadLetters letters;
    Buffer none;
    REQUIRE(looked->operate(letters, none).has_value());
    CHECK(letters.held.size() == 2);
  }

  open();
  refuse(3, "new");
  commit();

  const auto letters = read();
  REQUIRE(letters.held.size() == 3);
  CHECK(letters.held[0].letter.bytes == 17);
  CHECK(text_of(letters.held[2].body) == "boiler/flow 3 new");
}

TEST_CASE_FIXTURE(LettersFixture,
                  "what an agent from before contents writes is read, and trimmed") {
  open();
  for (int i = 0; i < 3; ++i) refuse(i, "x");
  commit();
  spool.reset();

  // Its own words.
  execute(*this,
          "INSERT INTO dead_letters(time,boot,source,reason,bytes,hash,position,count)"
          " VALUES(5,0,'boiler','malformed',3,4,5,1);"
          "DELETE FROM dead_letters WHERE id<=(SELECT max(id) FROM dead_letters)-2");

  open();
  const auto letters = read();
  REQUIRE(letters.held.size() == 2);
  CHECK(text_of(letters.held[0].body) == "boiler/flow 2 x");
  CHECK(letters.held[1].letter.bytes == 3);
  CHECK(letters.held[1].letter.kept == 0);
}

namespace {

struct SealedLettersFixture : LettersFixture {
  SealedLettersFixture() {
    load_keys();
    options.key.clear();
  }
  void check_kept() {
    const auto letters = read();
    REQUIRE(letters.held.size() == 40);
    for (int i = 0; i < 40; ++i) {
      const std::string begin = "boiler/flow " + std::to_string(i) + " canary";
      const HeldLetter& one = letters.held[static_cast<std::size_t>(i)];
      CHECK(text_of(one.body).starts_with(begin));
      CHECK(one.why == "canary of a rule");
      CHECK(one.letter.peer == "10.0.0.7:80");
    }
  }
  void fill() {
    for (int i = 0; i < 40; ++i) {
      refuse(i, "canary" + noise_text(8'000), "dry", Reason::node_failed, "canary of a rule",
             "10.0.0.7:80");
      commit();
    }
  }
  std::int64_t number(const char* sql) {
    spool.reset();
    auto database =
        sqlite::Database::open({.path = options.directory + "/spool.db", .read_only = true});
    return (*database)->integer(sql).value_or(-1);
  }
};

}  // namespace

TEST_CASE_FIXTURE(SealedLettersFixture, "in an encrypted spool a kept record is in cipher text") {
  options.key = "first";
  open();
  fill();
  spool.reset();

  const std::string raw = files_text();

  CHECK(raw.find("canary") == std::string::npos);
  CHECK(raw.find("boiler/flow") == std::string::npos);
  options.letter_bytes_max = 1024 * 1024;
  open();
  CHECK(read().held.size() < 40);  // 160 KiB are the default's budget.
}

TEST_CASE_FIXTURE(SealedLettersFixture, "contents follow the key: turned on, changed, turned off") {
  options.letter_bytes_max = 1024 * 1024;
  open();
  fill();
  check_kept();

  options.key = "first";
  open();
  check_kept();
  CHECK(number("SELECT count(*) FROM dead_letters WHERE key=0") == 0);

  options.key = "second";
  options.key_previous = "first";
  open();
  check_kept();
  options.key_previous.clear();
  open();
  check_kept();

  options.key.clear();
  options.key_previous = "second";
  open();
  check_kept();
  CHECK(number("SELECT count(*) FROM dead_letters WHERE key>0") == 0);
  options.key_previous.clear();
  open();
  check_kept();
  CHECK(number("PRAGMA user_version") == 1);
}

TEST_CASE_FIXTURE(
    SealedLettersFixture,
    "another key is refused for contents alone, and a moved or damaged one does not open") {
  options.key = "first";
  open();
  refuse(1, "one");
  refuse(2, "two");
  commit();
  spool.reset();
  options.key = "second";
  CHECK(try_open().error().code == Code::denied);
  options.key = "first";

  execute(*this,
          "UPDATE dead_letters SET content=(SELECT content FROM dead_letters WHERE id=2)"
          " WHERE id=1");

  open();
  const auto letters = read();
  CHECK(letters.held[0].body.empty());
  CHECK(text_of(letters.held[1].body) == "boiler/flow 2 two");
}

}  // namespace pinaflux::spool_kit
