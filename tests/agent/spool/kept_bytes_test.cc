// Bytes that could not be read (spool.keep_refused): in cipher text or not at all; and records that fit into no
// envelope.

#include "agent/spool/letter_operations.h"
#include "agent/spool/sqlite.h"
#include "tests/agent/spool/letters_kit.h"
#include "tests/agent/spool/queue_kit.h"

namespace pinaflux::spool_kit {

namespace {

struct KeptBytesFixture : LettersFixture {
  KeptBytesFixture() {
    load_keys();
    options.key = "first";
  }

  void refuse_bytes(const std::string& text, std::uint64_t whole = 0) {
    const RefusedBytes refused{.format = 1,
                               .ns_per_tick = 1'000,
                               .arrival = Stamp{9, 0},
                               .stream = "boiler/CANARY-stream",
                               .bytes = as_bytes(text)};
    group.kept_bytes.emplace_back(group.refusals.size(), refused.pack());
    group.refusals.push_back({.source = 0,
                              .reason = Reason::malformed,
                              .byte_count = whole > 0 ? whole : text.size(),
                              .keyed_hash = 99,
                              .position = 4});
  }
  // What `show --raw` prints; empty: there is nothing to be shown.
  std::string raw(LetterId id) {
    ShowBytes show(id);
    Buffer out;
    return spool->operate(show, out) ? std::string(as_text(out)) : "";
  }
  std::string shown(LetterId id) {
    ShowLetter text(id, LetterForm::text), json(id, LetterForm::json);
    ListLetters list(LetterForm::json);
    return answer(*spool, text) + answer(*spool, json) + answer(*spool, list);
  }
  // As a power cut leaves the file: without what its WAL has, and with its header destroyed.
  void damage() {
    spool.reset();
    std::filesystem::remove(options.directory + "/spool.db-wal");
    std::fstream file(options.directory + "/spool.db",
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(100);
    file.write(std::string(300, 'x').data(), 300);
    REQUIRE(file.good());
  }
};

}  // namespace

TEST_CASE_FIXTURE(KeptBytesFixture, "bytes that could not be read are kept, in cipher text only") {
  open();
  refuse_bytes("{\"user\":\"CANARY-bytes");

  commit();

  CHECK(raw(1) == "{\"user\":\"CANARY-bytes");
  const auto letters = read();
  CHECK(letters.held[0].letter.kept > 0);
  CHECK(letters.totals.contents == letters.held[0].letter.kept);
  for (const std::string& text : {shown(1), files_text()}) {
    CHECK(text.find("CANARY") == std::string::npos);
  }
  CHECK(shown(1).find(R"("form":"bytes")") != std::string::npos);
  spool.reset();
  CHECK(files_text().find("CANARY") == std::string::npos);
}

TEST_CASE_FIXTURE(KeptBytesFixture, "without a key no bytes are kept, whatever the group has") {
  options.key.clear();
  open();
  refuse_bytes("CANARY-bytes");

  commit();

  CHECK(read().held.at(0).letter.kept == 0);
  CHECK(raw(1).empty());
  CHECK(files_text().find("CANARY") == std::string::npos);
}

TEST_CASE_FIXTURE(KeptBytesFixture, "long bytes are cut, and the letter says how long they were") {
  options.letter_bytes_max = 64 * 1024;
  open();
  refuse_bytes(std::string(limits::kRefusedBytesMax, 'x'), 50'000);

  commit();

  ShowBytes show(1);
  const std::string cut = answer(*spool, show);
  CHECK(show.bytes_whole() == 50'000);
  CHECK(cut.size() > 16'000);
  CHECK(cut.size() < limits::kRefusedBytesMax);
  CHECK(read().held.at(0).letter.bytes == 50'000);
  CHECK(read().held.at(0).letter.kept <= options.letter_bytes_max / 4);
  ReplayLetters replay({1}, "", LetterForm::text);
  Buffer none;
  CHECK(spool->operate(replay, none).error().code == Code::not_found);
}

TEST_CASE_FIXTURE(KeptBytesFixture, "kept bytes share the letters' budget") {
  options.letter_bytes_max = 64 * 1024;
  open();
  for (int i = 0; i < 20; ++i) {
    for (int j = 0; j < 4; ++j) refuse_bytes(noise_text(10'000));
    commit();
    CHECK(read().totals.bytes() <= options.letter_bytes_max);
  }

  CHECK(read().totals.contents > options.letter_bytes_max / 2);
}

TEST_CASE_FIXTURE(KeptBytesFixture,
                  "kept bytes follow a new key, and go when encryption is turned off") {
  open();
  refuse_bytes("CANARY-bytes");
  commit();
  options.key = "second";
  options.key_previous = "first";
  open();
  CHECK(raw(1) == "CANARY-bytes");

  options.key.clear();
  options.key_previous = "second";
  open();

  CHECK(read().held.at(0).letter.kept == 0);
  CHECK(raw(1).empty());
  CHECK(read().held.at(0).letter.bytes == 12);
  CHECK(files_text().find("CANARY") == std::string::npos);
}

TEST_CASE_FIXTURE(KeptBytesFixture, "kept bytes are salvaged, in cipher text; without a key not") {
  open();
  refuse_bytes("CANARY-bytes");
  add(0, 0, 10);
  commit();
  damage();

  open();

  REQUIRE(read().held.size() == 1);
  CHECK(raw(read().held[0].letter.id) == "CANARY-bytes");
  CHECK(files_text().find("CANARY") == std::string::npos);
  damage();
  options.key.clear();
  options.key_previous = "first";
  open();
  REQUIRE(read().held.size() == 1);
  CHECK(read().held[0].letter.kept == 0);
  CHECK(files_text().find("CANARY") == std::string::npos);
}

TEST_CASE_FIXTURE(KeptBytesFixture, "kept bytes that are called a record do not open") {
  open();
  refuse_bytes("CANARY-bytes");
  refuse(5, "seven");
  commit();
  spool.reset();

  execute(*this, "UPDATE dead_letters SET form=1-form");
  open();

  CHECK(raw(1).empty());
  CHECK(raw(2).empty());
  CHECK(shown(1).find("does not open") != std::string::npos);
}

TEST_CASE_FIXTURE(LettersFixture,
                  "a record that fits into no envelope is declared, and is a dead letter") {
  options.letter_bytes_max = 1024 * 1024;
  open();
  add(0, 0, 3);
  add_noise(0, 3, 1, 150'000);
  add(0, 4, 3);

  commit();

  CHECK(lane_state(0).records_shed == 1);
  CHECK(spool->state().dead_letters == 1);
  const auto letters = read();
  REQUIRE(letters.held.size() == 1);
  const Letter& letter = letters.held[0].letter;
  CHECK(letter.reason == "too_large");
  CHECK(letter.lane == "alarm");
  CHECK(letter.kept > 120'000);
  ShowLetter show(1, LetterForm::json);
  CHECK(answer(*spool, show).find(R"("stream":"boiler/noise")") != std::string::npos);
  ReplayLetters replay({1}, "", LetterForm::text);
  Buffer none;
  CHECK(spool->operate(replay, none).error().code == Code::unsupported);
  FarEnd far;
  drain(*this, far, 0);
  CHECK(far.lanes[0].lost.at(4) == "too_large");
  CHECK(far.lanes[0].landed.size() == 6);
}

TEST_CASE_FIXTURE(LettersFixture,
                  "a record too large for a letter as well is its length and its hash") {
  options.letter_bytes_max = 64 * 1024;
  open();
  for (int i = 0; i < 2; ++i) {
    noise = 88172645463325252ull;  // The same record.
    add_noise(0, 0, 1, 150'000);
  }
  add_noise(0, 1, 1, 150'000);

  commit();

  const auto letters = read();
  REQUIRE(letters.held.size() == 3);
  CHECK(letters.held[0].letter.kept == 0);
  CHECK(letters.held[0].letter.bytes > 150'000);
  CHECK(letters.held[0].letter.hash == letters.held[1].letter.hash);
  CHECK(letters.held[0].letter.hash != letters.held[2].letter.hash);
  CHECK(lane_state(0).records_shed == 3);
}

TEST_CASE_FIXTURE(
    LettersFixture,
    "a record too large behind chunks is one letter, although its commit is repeated") {
  options.letter_bytes_max = 1024 * 1024;
  open();
  add(0, 0, 3);
  commit();
  add_noise(0, 3, 1, 150'000);

  commit();

  CHECK(read().held.size() == 1);
  CHECK(spool->state().dead_letters == 1);
  open();
  CHECK(spool->state().dead_letters == 1);
  CHECK(lane_state(0).records_shed == 1);
}

}  // namespace pinaflux::spool_kit
