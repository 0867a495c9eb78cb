// Letters in a real spool, sent back by hand: what the agent's turn does with an operation's replays.

#include "agent/agent/reentry.h"

#include <fstream>

#include <doctest/doctest.h>

#include "agent/spool/letter_operations.h"
#include "agent/spool/spool.h"
#include "agent/vault/vault.h"
#include "platform/linux/clock.h"
#include "platform/linux/entropy.h"
#include "platform/linux/files.h"
#include "tests/agent/vault/memory_files.h"
#include "tests/kit/directory.h"

namespace pinaflux {
namespace {

// One reading {user, pin, a, b}; the rename a -> b refuses it.
class OneReading : public Source {
 public:
  explicit OneReading(bool bytes) : bytes_(bytes) {}
  void restore(std::vector<Cursor>) override {}
  Status start() override { return {}; }
  bool ready() const override { return left > 0; }
  bool stalled() const override { return false; }
  void committed(const Receipt&) override {}
  void hold(Hold) override {}
  SourceHealth health() const override { return {}; }
  void poll(Intake& intake) override {
    static constexpr std::string_view kFields[] = {"user", "pin", "a", "b"};
    intake.begin(0);
    if (bytes_) return cut_short(intake);
    auto cells = intake.arena().array<Value>(4);
    cells[0] = Value::text(intake.arena().copy("CANARY-user"));
    cells[1] = Value::text(intake.arena().copy("CANARY-pin"));
    cells[2] = Value::int64(1);
    cells[3] = Value::float64(2.5);
    intake.add({Row{intake.shapes().intern("web/press", kFields), cells.data(), Stamp{5, 0}}});
    intake.end(++ticket_);
    --left;
  }
  int left = 1;

 private:
  void cut_short(Intake& intake) {
    constexpr std::string_view kText = "{\"user\":\"CANARY-user\",\"a\"";
    intake.reject(Reason::malformed, kText.size(), 5, 9);
    intake.keep({.format = static_cast<std::uint8_t>(Format::ndjson),
                 .arrival = Stamp{77, 0},
                 .stream = "web/press",
                 .bytes = as_bytes(kText)});
    intake.end(++ticket_);
    --left;
  }

  const bool bytes_;
  Ticket ticket_ = 0;
};

struct ReentryFixture {
  kit::TemporaryDirectory directory;
  LinuxClock clock;
  LinuxEntropy entropy;
  LinuxFiles files;
  MemoryFiles key_files;
  Vault vault;
  Shapes shapes;
  SpoolOptions options;
  std::unique_ptr<Spool> spool;
  std::unique_ptr<Masker> masker;
  std::unique_ptr<Pipeline> pipeline;
  std::vector<std::unique_ptr<Source>> sources;
  std::vector<SourceOptions> inputs{{.name = "web", .index = 0}};
  std::unique_ptr<Gatherer> gatherer;
  std::unique_ptr<Reentry> reentry;
  Group group;
  std::vector<Status> done;

  ReentryFixture() : ReentryFixture(false) {}
  // With a letter that holds a record, or one that holds bytes.
  explicit ReentryFixture(bool bytes) {
    key_files.put("ids", "0123456789abcdef0123456789abcdef", 0600);
    std::string which;
    REQUIRE(vault.load(key_files, {{"ids", "ids", ""}}, which).has_value());
    options.directory = directory.path() + "/spool";
    options.bytes_max = Spool::kBytesMin;
    options.gateway = "g";
    options.lanes = {{.name = "normal"}};
    options.sources = {"web"};
    if (bytes) options.key = "ids";
    std::vector<std::string> findings;
    spool = std::move(*Spool::open(options, files, clock, entropy, findings, &vault));
    mask({{.field = "user", .with = MaskRule::Operator::hmac, .key_id = "ids"},
          {.field = "pin", .with = MaskRule::Operator::drop}});
    sources.push_back(std::make_unique<OneReading>(bytes));
    rename(true);
    (void)gatherer->gather(group, Moment{});
    commit();
  }
  void mask(std::vector<MaskRule> rules) {
    masker = std::move(*Masker::make({std::move(rules)}, shapes, vault));
  }
  // The node that refuses, or one that does not.
  void rename(bool refuses) {
    PipelineOptions o;
    o.sources = {"web"};
    o.nodes = {{"ren", {"web"}, Rename{{{"a", refuses ? "b" : "c"}}, ""}}};
    o.lanes = {{"normal", {"ren"}}};
    pipeline = std::move(*Pipeline::make(o, shapes));
    gatherer = std::make_unique<Gatherer>(sources, *masker, *pipeline, shapes);
    reentry = std::make_unique<Reentry>(*gatherer, shapes, inputs);
  }
  void commit() {
    std::vector<Lease> leases;
    REQUIRE(spool->commit(group, {}, Stamp{9, 0}, leases).has_value());
    const auto replayed = group.replayed;
    group.reset();
    if (reentry) reentry->committed(replayed);
  }
  void begin(ReplayLetters& replay) {
    Buffer none;
    REQUIRE(*spool->operate(replay, none));
    reentry->take(replay.replays(), [this](Status s) { done.push_back(s); });
    reentry->enter(group, Moment{});
  }
  std::string ask(Operation& operation) {
    Buffer out;
    while (*spool->operate(operation, out)) {
    }
    return std::string(as_text(out));
  }
  std::string list() {
    ListLetters all(LetterForm::text);
    return ask(all);
  }
  std::string show(LetterId id) {
    ShowLetter one(id, LetterForm::json);
    return ask(one);
  }
  std::string files_text() {
    std::string all;
    for (const char* name : {"/spool.db", "/spool.db-wal"}) {
      std::ifstream file(options.directory + name, std::ios::binary);
      all.append(std::istreambuf_iterator<char>(file), {});
    }
    return all;
  }
};

TEST_CASE_FIXTURE(ReentryFixture, "a masked field is in no letter, no answer and not on the disk") {
  const std::string shown = show(1), listed = list(), raw = files_text();

  CHECK(shown.find(R"("user":"ids:)") != std::string::npos);
  CHECK(shown.find("\"pin\"") == std::string::npos);
  for (const std::string& text : {shown, listed, raw}) {
    CHECK(text.find("CANARY") == std::string::npos);
  }
  CHECK(raw.find("node_failed") != std::string::npos);  // Where letters are was looked at.
}

TEST_CASE_FIXTURE(ReentryFixture,
                  "a replayed record keeps its tokens, and its letter goes with the commit") {
  const std::string before = show(1);
  const auto token = before.substr(before.find("ids:"), 26);
  rename(false);
  ReplayLetters replay({1}, "", LetterForm::text);

  begin(replay);

  CHECK(done.empty());
  REQUIRE(group.records[0].size() == 1);
  CHECK(group.records[0][0].cells()[0].as_text() == token);
  CHECK(list().find("node_failed") != std::string::npos);
  commit();
  REQUIRE(done.size() == 1);
  CHECK(done[0].has_value());
  CHECK(ask(replay).starts_with("letter 1: replayed"));
  CHECK(spool->state().dead_letters == 0);
  CHECK(spool->state().lanes[0].next_seq == 2);
}

TEST_CASE_FIXTURE(ReentryFixture, "a record that is refused again is a new letter") {
  ReplayLetters replay({1}, "", LetterForm::json);
  begin(replay);
  commit();

  CHECK(ask(replay).find(R"({"id":1,"outcome":"refused","reason":"node_failed"})") !=
        std::string::npos);
  CHECK(replay.damaged());
  CHECK(spool->state().dead_letters == 1);
  CHECK(show(2).find(R"("_time":"1970-01-01T00:00:00.000000005Z")") != std::string::npos);
}

TEST_CASE_FIXTURE(ReentryFixture, "an edited record is masked like any that comes in") {
  ReplayLetters edit({1}, R"({"user":"CANARY-typed","pin":"CANARY-1","a":3})", LetterForm::text);

  begin(edit);

  REQUIRE(group.records[0].size() == 1);
  const Record& record = group.records[0][0];
  CHECK(record.shape().field_count() == 2);
  CHECK(record.cells()[0].as_text().starts_with("ids:"));
  CHECK(record.cells()[1].as_int64() == 3);
  commit();
  CHECK(files_text().find("CANARY") == std::string::npos);
}

TEST_CASE_FIXTURE(ReentryFixture, "a letter that a rule refuses now stays as it was") {
  mask({{.field = "user", .with = MaskRule::Operator::reject}});
  rename(false);
  ReplayLetters replay({1}, "", LetterForm::text);

  begin(replay);

  REQUIRE(done.size() == 1);
  CHECK(group.empty());
  CHECK(ask(replay).find("a mask rule rejects it; the letter stays") != std::string::npos);
  CHECK(spool->state().dead_letters == 1);
}

TEST_CASE_FIXTURE(ReentryFixture, "a letter that two ask for is replayed once") {
  rename(false);
  ReplayLetters first({1}, "", LetterForm::text), second({1}, "", LetterForm::text);
  begin(first);
  begin(second);

  CHECK(group.records[0].size() == 1);
  REQUIRE(done.size() == 1);  // The second's.
  CHECK(ask(second).find("being replayed already") != std::string::npos);
  commit();
  CHECK(done.size() == 2);
  CHECK(spool->state().lanes[0].next_seq == 2);
}

TEST_CASE_FIXTURE(ReentryFixture,
                  "without its source, and at the end of an agent, a letter stays") {
  rename(false);
  ReplayLetters first({1}, "", LetterForm::text), second({1}, "", LetterForm::text);
  Reentry other(*gatherer, shapes, {{.name = "line"}});
  Buffer none;
  REQUIRE(*spool->operate(first, none));
  other.take(first.replays(), [](Status) {});
  other.enter(group, Moment{});
  CHECK(ask(first).find("its source is not configured any more") != std::string::npos);
  begin(second);
  CHECK(done.empty());

  reentry->abandon({Code::busy, 0, "stopped"});

  REQUIRE(done.size() == 1);
  CHECK(done[0].error().code == Code::busy);
  CHECK(spool->state().dead_letters == 1);
}

constexpr std::string_view kWhole = "m,user=CANARY-user a=3i 5\n";

// Letter 1 holds bytes: a line that was cut short.
struct BytesFixture : ReentryFixture {
  BytesFixture() : ReentryFixture(true) { rename(false); }
};

TEST_CASE_FIXTURE(BytesFixture,
                  "mended bytes are read, masked and processed like any that come in") {
  ReplayLetters edit({1}, "{\"user\":\"CANARY-u\",\"pin\":\"CANARY-p\",\"a\":3}\n",
                     LetterForm::text);

  begin(edit);

  REQUIRE(group.records[0].size() == 1);
  const Record& record = group.records[0][0];
  CHECK(record.shape().stream() == "web/press");
  CHECK(record.shape().field_count() == 2);
  CHECK(record.cells()[0].as_text().starts_with("ids:"));
  CHECK(record.row().time == Stamp{77, 0});
  commit();
  CHECK(ask(edit).starts_with("letter 1: replayed"));
  CHECK(spool->state().dead_letters == 0);
  CHECK(files_text().find("CANARY") == std::string::npos);
}

TEST_CASE_FIXTURE(BytesFixture, "bytes that still cannot be read stay, and say why") {
  ReplayLetters replay({1}, "", LetterForm::text), half({1}, "{\"a\":3}\n{\"a\"", LetterForm::text);

  begin(replay);
  begin(half);

  CHECK(group.empty());
  CHECK(ask(replay).find("it still cannot be read: malformed; the letter stays") !=
        std::string::npos);
  CHECK(ask(half).find("the letter stays") != std::string::npos);
  CHECK(spool->state().dead_letters == 1);
  CHECK(files_text().find("CANARY") == std::string::npos);
}

TEST_CASE_FIXTURE(BytesFixture,
                  "bytes that their source can read now are replayed as they came, once") {
  const RefusedBytes whole{.format = static_cast<std::uint8_t>(Format::influx),
                           .ns_per_tick = 1'000'000,
                           .arrival = Stamp{77, 0},
                           .stream = "web",
                           .bytes = as_bytes(kWhole)};
  group.kept_bytes.emplace_back(group.refusals.size(), whole.pack());
  group.refusals.push_back({0, Reason::too_large, kWhole.size(), 1, 0});
  commit();
  ReplayLetters first({2}, "", LetterForm::text), second({2}, "", LetterForm::text);

  begin(first);
  begin(second);

  REQUIRE(group.records[0].size() == 1);
  const Record& record = group.records[0][0];
  CHECK(record.shape().stream() == "web/m");
  CHECK(record.row().time == Stamp{5'000'000, 0});
  commit();
  CHECK(ask(first).starts_with("letter 2: replayed"));
  CHECK(ask(second).find("being replayed already; the letter stays") != std::string::npos);
  CHECK(spool->state().lanes[0].next_seq == 2);
  CHECK(spool->state().dead_letters == 1);
  CHECK(files_text().find("CANARY") == std::string::npos);
}

TEST_CASE_FIXTURE(BytesFixture,
                  "a mask rule that rejects mended bytes leaves their letter as it was") {
  mask({{.field = "user", .with = MaskRule::Operator::reject}});
  rename(false);
  ReplayLetters edit({1}, "{\"a\":3}\n{\"a\":4,\"user\":\"CANARY-u\"}", LetterForm::text);

  begin(edit);

  CHECK(group.empty());
  CHECK(ask(edit).find("a mask rule rejects it; the letter stays") != std::string::npos);
  CHECK(spool->state().dead_letters == 1);
}

TEST_CASE_FIXTURE(BytesFixture,
                  "of mended bytes what the pipeline refuses becomes a letter, masked") {
  rename(true);
  ReplayLetters edit({1}, "{\"a\":3}\n{\"a\":4,\"b\":5,\"user\":\"CANARY-u\"}", LetterForm::text);

  begin(edit);
  commit();

  CHECK(ask(edit).find("refused again (node_failed)") != std::string::npos);
  CHECK(spool->state().lanes[0].next_seq == 2);
  CHECK(spool->state().dead_letters == 1);
  CHECK(show(2).find(R"("user":"ids:)") != std::string::npos);
  CHECK(files_text().find("CANARY") == std::string::npos);
}

TEST_CASE_FIXTURE(BytesFixture, "a letter of bytes is dropped like any") {
  DropLetters drop({1}, LetterForm::text);

  CHECK(ask(drop).starts_with("1 dead letter is gone"));

  CHECK(spool->state().dead_letters == 0);
  ShowBytes raw(1);
  Buffer none;
  CHECK(spool->operate(raw, none).error().code == Code::not_found);
}

TEST_CASE_FIXTURE(BytesFixture, "bytes of several records come in together, in one commit") {
  ReplayLetters edit({1}, "{\"a\":3}\n{\"a\":4}\n", LetterForm::text);

  begin(edit);

  CHECK(group.records[0].size() == 2);
  CHECK(group.replayed == std::vector<LetterId>{1});
  commit();
  CHECK(spool->state().lanes[0].next_seq == 3);
}

}  // namespace
}  // namespace pinaflux
