// Two sources keep their records raw, in a real spool; they are replayed through another pipeline, and the machine fails in between.

#include "agent/agent/raw_replay.h"

#include <algorithm>
#include <random>

#include <doctest/doctest.h>

#include "agent/spool/spool.h"
#include "agent/vault/vault.h"
#include "platform/linux/clock.h"
#include "platform/linux/entropy.h"
#include "platform/linux/files.h"
#include "tests/kit/directory.h"

namespace pinaflux {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kBegin = 1'800'000'000 * kSecond;

// Readings {n, user} of two sources by turns, one a second.
class NumberedReadings : public Source {
 public:
  NumberedReadings(SourceIndex index, std::string stream, std::int64_t first, std::int64_t end,
                   std::size_t text_bytes)
      : index_(index),
        stream_(std::move(stream)),
        next_(first),
        end_(end),
        text_(text_bytes, 't') {}
  void restore(std::vector<Cursor>) override {}
  Status start() override { return {}; }
  bool ready() const override { return next_ < end_; }
  bool stalled() const override { return false; }
  void committed(const Receipt&) override {}
  void hold(Hold) override {}
  SourceHealth health() const override { return {}; }
  void poll(Intake& intake) override {
    static constexpr std::string_view kFields[] = {"n", "user", "text"};
    intake.begin(index_);
    for (int i = 0; i < 400 && next_ < end_; ++i, next_ += 2) {
      auto cells = intake.arena().array<Value>(3);
      cells[0] = Value::int64(next_);
      cells[1] = Value::text(intake.arena().copy("CANARY-user"));
      cells[2] = Value::text(intake.arena().copy(text_));
      intake.add({Row{intake.shapes().intern(stream_, kFields), cells.data(),
                      Stamp{kBegin + next_ * kSecond, 0}}});
    }
    intake.end(++ticket_);
  }

 private:
  const SourceIndex index_;
  std::string stream_;
  std::int64_t next_, end_;
  std::string text_;
  Ticket ticket_ = 0;
};

std::string text_of(const Record& record) {
  std::string text(record.shape().stream());
  text += "@" + std::to_string(record.time().ns - kBegin);
  for (std::size_t i = 0; i < record.cells().size(); ++i) {
    const Value& cell = record.cells()[i];
    text += " " + record.shape().fields()[i] + "=" +
            (cell.is_number() ? std::to_string(cell.to_double()) : std::string(cell.as_text()));
  }
  return text;
}

struct RawReplayFixture {
  static constexpr std::int64_t kRecords = 3'000;

  kit::TemporaryDirectory directory;
  LinuxClock clock;
  LinuxEntropy entropy;
  LinuxFiles files;
  Vault vault;
  std::unique_ptr<Shapes> shapes = std::make_unique<Shapes>();
  SpoolOptions options;
  std::unique_ptr<Spool> spool;
  std::unique_ptr<Masker> masker;
  PipelineOptions mended;
  std::unique_ptr<RawReplay> replay;
  std::unique_ptr<Group> group = std::make_unique<Group>();
  std::size_t text_bytes = 1;       // Of each record.
  std::vector<std::string> landed;  // Committed results of the lane.
  std::vector<Status> done;

  RawReplayFixture() {
    options.directory = directory.path() + "/spool";
    options.bytes_max = Spool::kBytesMin;
    options.gateway = "g";
    options.sources = {"a", "b"};
    options.lanes = {{.name = "normal"},
                     {.name = std::string(kRawLane), .when_full = LaneOptions::WhenFull::evict}};
    mended.sources = {"a", "b"};
    mended.nodes = {{"mean", {"a", "b"}, window()}};
    mended.lanes = {{"normal", {"mean"}}};
    open();
  }
  static TimeWindow window() {
    return {.every = Duration::seconds(60), .of = {"n"}, .give = {"count", "sum"}};
  }
  void open() {
    spool.reset();
    std::vector<std::string> findings;
    auto opened = Spool::open(options, files, clock, entropy, findings);
    REQUIRE_MESSAGE(opened.has_value(), std::string(opened ? "" : opened.error().what));
    spool = std::move(*opened);
    shapes = std::make_unique<Shapes>();
    masker = std::move(*Masker::make(
        {{{.field = "user", .with = MaskRule::Operator::replace, .replacement = "x"}}}, *shapes,
        vault));
    replay = std::make_unique<RawReplay>(
        *masker, mended, *shapes,
        [this](Operation& operation, Buffer& out, std::function<void(Result<bool>)> then) {
          then(spool->operate(operation, out));
        });
    REQUIRE(replay->restore(spool->states()).has_value());
    group = std::make_unique<Group>();
  }
  // What the sources bring through a pipeline that refuses all of it.
  void gather(std::int64_t first, std::int64_t end) {
    PipelineOptions broken = mended;
    broken.nodes = {{"bad", {"a", "b"}, Rename{{{"n", "user"}}, ""}}};
    broken.lanes = {{"normal", {"bad"}}};
    const auto pipeline = std::move(*Pipeline::make(broken, *shapes));
    std::vector<std::unique_ptr<Source>> sources;
    sources.push_back(std::make_unique<NumberedReadings>(0, "a/x", first, end, text_bytes));
    sources.push_back(std::make_unique<NumberedReadings>(1, "b/y", first + 1, end, text_bytes));
    Gatherer gatherer(sources, *masker, *pipeline, *shapes, RawLane{1, {"a", "b"}});
    while (gatherer.gather(*group, Moment{}) != Gatherer::Outcome::idle) commit();
    commit();
  }
  void commit() {
    replay->save(*group);
    std::vector<Lease> leases;
    REQUIRE(spool->commit(*group, {}, Stamp{9, 0}, leases).has_value());
    for (const Record& record : group->records[0]) landed.push_back(text_of(record));
    group->reset();
    replay->committed();
  }
  void begin(BeginReplay& operation) {
    Buffer none;
    REQUIRE(*spool->operate(operation, none));
    replay->begin(*operation.replay_job(), [this](Status s) { done.push_back(s); });
  }
  // One turn. False: it is over.
  bool turn(bool commits = true) {
    const bool over = replay->enter(*group) == Gatherer::Outcome::idle && replay->due();
    if (commits || over) commit();
    return !over;
  }
  std::string report(BeginReplay& operation) {
    Buffer out;
    const auto more = spool->operate(operation, out);
    REQUIRE(more.has_value());
    return std::string(as_text(out));
  }
  // The same records through the same pipeline at once.
  static std::vector<std::string> expected(std::int64_t since, std::uint64_t correction) {
    std::vector<std::string> all;
    for (std::int64_t minute = since / 60; minute < kRecords / 60 - 1; ++minute) {
      for (const char* stream : {"a/x", "b/y"}) {
        std::int64_t count = 0, sum = 0;
        for (std::int64_t n = std::max(minute * 60, since); n < (minute + 1) * 60; ++n) {
          if ((n % 2 == 0) != (stream[0] == 'a')) continue;
          ++count;
          sum += n;
        }
        all.push_back(std::string(stream) + "@" + std::to_string(minute * 60 * kSecond) +
                      " n_sum=" + std::to_string(static_cast<double>(sum)) +
                      " count=" + std::to_string(static_cast<double>(count)) +
                      " correction=" + std::to_string(static_cast<double>(correction)));
      }
    }
    return all;
  }
};

std::vector<std::string> sorted(std::vector<std::string> all) {
  std::ranges::sort(all);
  return all;
}

TEST_CASE_FIXTURE(RawReplayFixture, "what a broken pipeline refused lands by a mended one, once") {
  gather(0, kRecords);
  CHECK(landed.empty());
  open();
  BeginReplay operation(std::nullopt, BeginReplay::Form::json);
  begin(operation);
  while (turn()) {
  }

  CHECK(sorted(landed) == sorted(expected(0, 1)));
  REQUIRE(done.size() == 1);
  CHECK(done[0].has_value());
  CHECK(report(operation) ==
        R"({"schema":"pinaflux.queue.replay/1","correction":1,"records":3000,"refused":0,"gone":0,)"
        R"("untimed":0,"results":98})"
        "\n");
  for (const StateEdit& state : spool->states()) CHECK(state.key == ReplayJob::kKey);
}

TEST_CASE_FIXTURE(RawReplayFixture, "a crash at any commit repeats no result and loses none") {
  gather(0, kRecords);
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    landed.clear();
    open();
    {
      BeginReplay operation(std::nullopt, BeginReplay::Form::json);
      begin(operation);
    }
    for (int crashes = 0; turn(random() % 3 == 0);) {
      if (random() % 4 != 0 || ++crashes > 8) continue;
      open();  // What is in no commit is forgotten.
    }
    CHECK(sorted(landed) == sorted(expected(0, seed)));
  }
}

TEST_CASE_FIXTURE(RawReplayFixture, "a replay takes what is not older than it is told") {
  gather(0, kRecords);
  open();
  BeginReplay operation(kBegin + 1'230 * kSecond, BeginReplay::Form::text);
  begin(operation);
  while (turn()) {
  }

  CHECK(sorted(landed) == sorted(expected(1'230, 1)));
  CHECK(report(operation) ==
        "replay 1: 1770 records went through the pipeline again, 58 results have correction=1\n");
}

TEST_CASE_FIXTURE(RawReplayFixture, "what was taken out of the lane is gone, and counted") {
  options.lanes[1].bytes_max = 100;
  open();
  gather(0, kRecords);
  gather(kRecords, 2 * kRecords);  // What is beyond the bound goes with the next commit.
  BeginReplay operation(std::nullopt, BeginReplay::Form::json);
  begin(operation);
  while (turn()) {
  }

  const std::string said = report(operation);
  CHECK(said.find(R"("gone":0,)") == std::string::npos);
  CHECK(said.find(R"("refused":0,)") != std::string::npos);
}

TEST_CASE_FIXTURE(RawReplayFixture,
                  "what gives no result for long fills a group, and is not refused") {
  text_bytes = 2'000;
  gather(0, 7'300);
  TimeWindow hours = window();
  hours.every = Duration::hours(1);
  mended.nodes = {{"mean", {"a", "b"}, hours}};
  open();
  BeginReplay operation(std::nullopt, BeginReplay::Form::json);
  begin(operation);
  // As the agent: a group that has nothing to be committed is committed when the replay says so.
  int commits = 0;
  for (bool over = false; !over;) {
    const auto entered = replay->enter(*group);
    over = entered == Gatherer::Outcome::idle && replay->due();
    if (!replay->due() && group->empty()) continue;
    commit();
    ++commits;
  }

  CHECK(report(operation).find(R"("records":7300,"refused":0,)") != std::string::npos);
  CHECK(landed.size() == 4);
  for (const std::string& result : landed) CHECK(result.find(" count=1800.0") != std::string::npos);
  CHECK(commits > 3);
}

TEST_CASE_FIXTURE(RawReplayFixture,
                  "one replay at a time, and none without a lane to be replayed") {
  gather(0, 100);
  BeginReplay first(std::nullopt, BeginReplay::Form::text);
  BeginReplay second(std::nullopt, BeginReplay::Form::text);
  BeginReplay third(std::nullopt, BeginReplay::Form::text);
  BeginReplay none(std::nullopt, BeginReplay::Form::text);
  begin(first);
  Buffer out;
  CHECK(spool->operate(second, out).error().code == Code::busy);
  while (turn()) {
  }
  begin(third);
  CHECK(third.replay_job()->number == 2);

  options.lanes.pop_back();
  open();
  CHECK(spool->operate(none, out).error().code == Code::not_found);
  CHECK(spool->state().lanes.size() == 1);
}

TEST_CASE_FIXTURE(RawReplayFixture,
                  "when the agent stops, who waits is told, and the next start goes on") {
  gather(0, kRecords);
  open();
  BeginReplay operation(std::nullopt, BeginReplay::Form::text);
  begin(operation);
  turn(), turn();
  replay->stop();

  REQUIRE(done.size() == 1);
  CHECK(done[0].error().code == Code::busy);
  CHECK(replay->enter(*group) == Gatherer::Outcome::idle);
  open();
  while (turn()) {
  }
  CHECK(sorted(landed) == sorted(expected(0, 1)));
}

}  // namespace
}  // namespace pinaflux
