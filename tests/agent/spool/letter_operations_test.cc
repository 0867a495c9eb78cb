#include "agent/spool/letter_operations.h"

#include "tests/agent/spool/letters_kit.h"
#include "tests/agent/spool/queue_kit.h"

namespace pinaflux::spool_kit {

namespace {

// 1: bytes that could not be parsed. 2: a record that node `dry` refused.
struct OperationFixture : LettersFixture {
  OperationFixture() {
    options.key.clear();  // The golden hash is of plain text.
    open();
    group.refusals.push_back({1, Reason::malformed, 17, 0xabcdef, 4});
    refuse(5, "tab\there");
    commit();
  }
  Status failed(Operation& operation) {
    Buffer out;
    const auto more = spool->operate(operation, out);
    CHECK(out.empty());
    return more ? Status() : std::unexpected(more.error());
  }
};

}  // namespace

TEST_CASE_FIXTURE(OperationFixture, "pinaflux.dead-letters/1 is golden") {
  ListLetters list(LetterForm::json);
  ShowLetter show(2, LetterForm::json);
  ShowLetter bytes(1, LetterForm::json);

  CHECK(answer(*spool, list) ==
        R"({"schema":"pinaflux.dead-letters/1","letters":[)"
        R"({"id":1,"time":"2023-11-14T22:13:20.000000001Z","source":"zigbee","stream":null,)"
        R"("reason":"malformed","node":null,"bytes":17,"count":1,)"
        R"("lane":null,"peer":null,"why":null,"kept":false,"form":null},)"
        R"({"id":2,"time":"2023-11-14T22:13:20.000000001Z","source":"boiler",)"
        R"("stream":"boiler/flow","reason":"node_failed","node":"dry","bytes":59,"count":1,)"
        R"("lane":null,"peer":null,"why":null,"kept":true,"form":"record"}]})"
        "\n");
  CHECK(
      answer(*spool, show) ==
      R"({"schema":"pinaflux.dead-letters/1","letters":[)"
      R"({"id":2,"time":"2023-11-14T22:13:20.000000001Z","source":"boiler",)"
      R"("stream":"boiler/flow","reason":"node_failed","node":"dry","bytes":59,"count":1,)"
      R"("lane":null,"peer":null,"why":null,"kept":true,"form":"record","hash":"0000000000000000","position":0,"record":{"_stream":"boiler/flow",)"
      R"("_time":"1970-01-01T00:00:00.000005000Z","n":5,"text":"tab\there"}}]})"
      "\n");
  CHECK(answer(*spool, bytes).find(R"("hash":"0000000000abcdef","position":4,"record":null}]})") !=
        std::string::npos);
}

TEST_CASE_FIXTURE(OperationFixture, "a letter says who sent it, and the rule that refused it") {
  refuse(6, "hot", "checked", Reason::node_failed, "field 'temp' is above its max",
         "192.168.1.7:51312");
  commit();
  ListLetters list(LetterForm::json);
  ShowLetter show(3, LetterForm::text), whole(3, LetterForm::json);

  CHECK(
      answer(*spool, list)
          .contains(
              R"("lane":null,"peer":"192.168.1.7:51312","why":"field 'temp' is above its max","kept":true,"form":"record"}]})"));
  CHECK(answer(*spool, whole).contains(R"("n":6,"text":"hot"}}]})"));
  const std::string text = answer(*spool, show);
  CHECK_MESSAGE(
      text.contains("source   boiler, sent by 192.168.1.7:51312\nreason   node_failed, by node "
                    "checked\nwhy      field 'temp' is above its max\n"),
      text);
  CHECK(text.contains("\"text\":\"hot\""));
  ReplayLetters replay({3}, "", LetterForm::json);
  Buffer out;
  REQUIRE(spool->operate(replay, out).has_value());
  CHECK(text_of(replay.replays().front().body) == "boiler/flow 6 hot");
}

TEST_CASE_FIXTURE(OperationFixture, "replay and drop say what became of the letters, golden") {
  Replay taken, refused, stays;
  taken.letter = 1;
  taken.outcome = Replay::Outcome::taken;
  refused.letter = 2;
  refused.outcome = Replay::Outcome::refused;
  stays.letter = 3;
  stays.outcome = Replay::Outcome::stays;
  stays.why = "it is too large";
  const Replay all[] = {taken, refused, stays};

  CHECK(replays_json(all) ==
        R"({"schema":"pinaflux.dead-letters/1","replayed":[{"id":1,"outcome":"taken"},)"
        R"({"id":2,"outcome":"refused","reason":"node_failed"},)"
        R"({"id":3,"outcome":"stays","why":"it is too large"}]})");
  const LetterId ids[] = {4, 7};
  CHECK(drops_json(ids) == R"({"schema":"pinaflux.dead-letters/1","dropped":[4,7]})");
}

TEST_CASE_FIXTURE(OperationFixture, "a stopped spool's letters read the same") {
  ListLetters running(LetterForm::text), stopped(LetterForm::text);
  ShowLetter show(2, LetterForm::text);
  const std::string text = answer(*spool, running);
  CHECK(text.find("boiler/flow") != std::string::npos);

  const auto looked = view(*this);

  CHECK(answer(*looked, stopped) == text);
  CHECK(answer(*looked, show).find(R"("n":5)") != std::string::npos);
}

TEST_CASE_FIXTURE(OperationFixture, "a long list comes in steps and is whole") {
  for (int i = 0; i < 60; ++i) {
    for (int k = 0; k < 16; ++k) group.refusals.push_back({0, Reason::malformed, 1, 1, 1});
    for (int k = 0; k < 16; ++k) group.refusals.push_back({1, Reason::too_deep, 1, 1, 1});
    commit();
  }
  ListLetters list(LetterForm::json);
  Buffer out;
  int steps = 1;
  while (*spool->operate(list, out)) ++steps;

  CHECK(steps > 1);
  const std::string text(as_text(out));
  CHECK(text.ends_with("}]}\n"));
  std::size_t ids_found = 0;
  for (auto at = text.find("\"id\":"); at != std::string::npos; at = text.find("\"id\":", at + 1))
    ++ids_found;
  CHECK(ids_found == 2 + 60 * 32);
}

TEST_CASE_FIXTURE(OperationFixture, "drop forgets all that was named, or nothing") {
  DropLetters wrong({1, 2, 9}, LetterForm::text);
  CHECK(failed(wrong).error().code == Code::not_found);
  CHECK(ids().size() == 2);
  DropLetters right({2}, LetterForm::json);

  CHECK(answer(*spool, right) == "{\"schema\":\"pinaflux.dead-letters/1\",\"dropped\":[2]}\n");

  CHECK(spool->state().dead_letters == 1);
  open();
  CHECK(ids() == std::vector<LetterId>{1});
}

TEST_CASE_FIXTURE(OperationFixture,
                  "a replay hands over its records once, and says what became of them") {
  ReplayLetters replay({2}, "", LetterForm::text);
  Buffer out;
  CHECK(*spool->operate(replay, out));
  REQUIRE(replay.replays().size() == 1);
  CHECK(replay.replays()[0].source == "boiler");
  CHECK(text_of(replay.replays()[0].body) == "boiler/flow 5 tab\there");
  replay.replays()[0].outcome = Replay::Outcome::taken;

  CHECK_FALSE(*spool->operate(replay, out));

  CHECK(replay.replays().empty());
  CHECK_FALSE(replay.damaged());
  CHECK(as_text(out).starts_with("letter 2: replayed"));
}

TEST_CASE_FIXTURE(OperationFixture, "what cannot be replayed says why") {
  ReplayLetters unknown({9}, "", LetterForm::text), bytes({2, 1}, "", LetterForm::text);
  CHECK(failed(unknown).error().code == Code::not_found);
  CHECK(failed(bytes).error().code == Code::not_found);
  CHECK(bytes.replays().empty());
  spool.reset();
  execute(*this, "UPDATE dead_letters SET content=x'00112233' WHERE id=2");
  open();
  ShowLetter show(2, LetterForm::text);
  CHECK(answer(*spool, show).find("does not open") != std::string::npos);

  ReplayLetters nobody({2}, "", LetterForm::text);

  Buffer out;
  CHECK(*spool->operate(nobody, out));
  CHECK(spool->operate(nobody, out).error().code == Code::unsupported);
}

}  // namespace pinaflux::spool_kit
