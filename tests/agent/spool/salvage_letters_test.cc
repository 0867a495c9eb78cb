#include <algorithm>

#include "tests/agent/spool/letters_kit.h"

namespace pinaflux::spool_kit {

namespace {

struct SalvageLettersFixture : LettersFixture {
  std::vector<HeldLetter> before;

  void fill(int count) {
    open();
    for (int i = 0; i < count; ++i) {
      refuse(i, "record " + std::to_string(i) + noise_text(200), "dry", Reason::node_failed,
             i % 2 == 0 ? "a rule" : "", i % 3 == 0 ? "10.0.0.7:80" : "");
      group.refusals.push_back({.source = 1,
                                .reason = Reason::malformed,
                                .byte_count = 17,
                                .keyed_hash = 99,
                                .position = 3});
      add(0, i * 10, 10);
      commit();
    }
    before = held();
    spool.reset();
    std::filesystem::remove(options.directory + "/spool.db-wal");
  }
  // The header of the database, and what it says of free pages stays.
  void damage() {
    std::fstream file(options.directory + "/spool.db",
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(100);
    file.write(std::string(300, 'x').data(), 300);
    REQUIRE(file.good());
  }
  std::vector<HeldLetter> held() {
    ReadLetters operation;
    Buffer out;
    REQUIRE(spool->operate(operation, out).has_value());
    return std::move(operation.held);
  }
  void check_same(const std::vector<HeldLetter>& after) {
    REQUIRE(after.size() == before.size());
    for (std::size_t i = 0; i < after.size(); ++i) {
      const Letter &is = after[i].letter, &was = before[i].letter;
      CHECK(is.time == was.time);
      CHECK(is.source == was.source);
      CHECK(is.reason == was.reason);
      CHECK(is.node == was.node);
      CHECK(is.bytes == was.bytes);
      CHECK(is.hash == was.hash);
      CHECK(is.position == was.position);
      CHECK(is.count == was.count);
      CHECK(is.peer == was.peer);
      CHECK(after[i].why == before[i].why);
      CHECK(after[i].body == before[i].body);
    }
  }
};

}  // namespace

TEST_CASE_FIXTURE(SalvageLettersFixture,
                  "dead letters of a damaged spool are kept, with their records") {
  SUBCASE("in plain text") {}
  SUBCASE("encrypted") {
    load_keys();
    options.key = "first";
  }
  fill(20);
  REQUIRE(before.size() == 40);
  REQUIRE(!before[0].body.empty());
  damage();

  open();

  CHECK(std::ranges::any_of(findings, [](const std::string& finding) {
    return finding.find("40 dead letters are kept") != std::string::npos;
  }));
  check_same(held());
  CHECK(spool->state().dead_letters == 40);
  open();
  check_same(held());
}

TEST_CASE_FIXTURE(SalvageLettersFixture, "letters that came since get ids of their own") {
  fill(3);
  damage();
  open();
  refuse(7, "new");
  commit();
  const auto after = held();
  REQUIRE(after.size() == 7);
  for (std::size_t i = 1; i < after.size(); ++i) {
    CHECK(after[i].letter.id == after[i - 1].letter.id + 1);
  }
}

TEST_CASE_FIXTURE(SalvageLettersFixture,
                  "a smaller budget keeps the newest of a damaged spool's letters") {
  fill(40);
  damage();
  options.letter_bytes_max = 4'096;

  open();

  const auto after = held();
  REQUIRE(!after.empty());
  CHECK(after.size() < before.size());
  CHECK(after.back().body == before.back().body);
}

}  // namespace pinaflux::spool_kit
