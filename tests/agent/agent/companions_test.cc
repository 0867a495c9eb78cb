#include "agent/agent/companions.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include <doctest/doctest.h>

#include "agent/agent/gatherer.h"
#include "agent/pipeline/outside.h"
#include "agent/vault/vault.h"
#include "platform/sim/children.h"
#include "platform/sim/clock.h"
#include "tests/agent/config/config_kit.h"

namespace pinaflux {
namespace {

// Records {v: n} on stream "boiler", five a parcel and eight parcels a poll, until there were so many.
class Readings final : public Source {
 public:
  void restore(std::vector<Cursor>) override {}
  Status start() override { return {}; }
  bool ready() const override { return next < count; }
  bool stalled() const override { return false; }
  void committed(const Receipt&) override {}
  void hold(Hold) override {}
  SourceHealth health() const override { return {}; }
  void poll(Intake& intake) override {
    static constexpr std::string_view kFields[] = {"v"};
    for (int parcel = 0; parcel < 8 && next < count; ++parcel) {
      intake.begin(0);
      for (int i = 0; i < 5 && next < count; ++i) {
        auto cells = intake.arena().array<Value>(1);
        cells[0] = Value::int64(next++);
        intake.add({Row{intake.shapes().intern("boiler", kFields), cells.data(), Stamp{1, 0}}});
      }
      intake.end(++ticket);
    }
  }
  std::int64_t next = 0, count = 0;
  Ticket ticket = 0;
};

// Answers line by line; what `answer` gives is printed; nothing: it ends.
using Answer = std::function<std::optional<std::string>(std::string_view line)>;
SimChildren::Program lines(Answer answer) {
  return [answer = std::move(answer), heard = std::string()](SimStdio& its, Bytes input) mutable {
    heard += as_text(input);
    for (std::size_t end; (end = heard.find('\n')) != std::string::npos;) {
      const auto said = answer(std::string_view(heard).substr(0, end));
      heard.erase(0, end + 1);
      if (!said) return its.end("exit status 1: no memory");
      its.print(as_bytes(*said));
    }
  };
}

std::int64_t value_in(std::string_view line) {
  return std::stoll(std::string(line.substr(line.find("{\"v\":") + 5)));
}

std::string echoed(std::string_view line, std::string_view more = {}) {
  const std::string_view id = line.substr(6, line.find(',') - 6);
  return "{\"id\":" + std::string(id) + ",\"fields\":{\"v\":" + std::to_string(value_in(line)) +
         std::string(more) + "}}\n";
}

struct CompanionsFixture {
  CompanionsFixture() {
    auto source = std::make_unique<Readings>();
    readings = source.get();
    sources.push_back(std::move(source));
    loop.serve([this] { return turn(); });
  }

  void make(const Execd& execd) {
    companions.reset();
    group.reset();
    readings->next = acknowledged;  // It gives again what no commit had.
    masker = std::move(*Masker::make({}, shapes, vault));
    PipelineOptions options{{"boiler"}, {{"score", {"boiler"}, execd}}, {{"normal", {"score"}}}};
    pipeline = std::move(*Pipeline::make(options, shapes));
    std::vector<StateEdit> states;
    for (const auto& [key, value] : committed) states.push_back({key, value});
    pipeline->restore(states);
    gatherer = std::make_unique<Gatherer>(sources, *masker, *pipeline, shapes);
    companions = std::make_unique<Companions>(
        *pipeline, Companions::Host{&children, loop, clock, files, log, random});
  }
  static Execd execd() { return {.command = {"/bin/score"}, .in_flight_max = 20}; }

  void install(const std::string& path, const SimChildren::Maker& maker) {
    children.install(path, maker);
  }

  bool turn() {
    if (!gatherer) return false;
    const auto gathered = gatherer->gather(group, Moment{clock.now(), {}});
    companions->turn();
    held = held || companions->hold();
    if (clock.now() - committed_at >= Duration::milliseconds(500)) commit();
    return gathered == Gatherer::Outcome::more;
  }

  void commit() {
    committed_at = clock.now();
    pipeline->save(group);
    for (StateEdit& edit : group.states) {
      if (edit.value.empty()) {
        committed.erase(edit.key);
      } else {
        committed[edit.key] = std::move(edit.value);
      }
    }
    for (const Receipt& receipt : group.receipts) {
      acknowledged += static_cast<std::int64_t>(receipt.records);
    }
    for (const Record& r : group.records[0]) landed.push_back(r.cells()[0].as_int64());
    for (const KeptRecord& kept : group.kept) {
      CHECK(kept.node == "score");
      letters.push_back(kept.record.cells()[0].as_int64());
    }
    if (!group.kept.empty()) said.push_back(pipeline->trouble().value().what);
    group.reset();
  }

  // The world goes on; a timer turns it, as the agent's tick does.
  void run(Duration time) {
    const Instant end = scheduler.now() + time;
    auto tick = loop.timer([] {});
    while (scheduler.now() < end) {
      tick->start(Duration::milliseconds(250));
      REQUIRE(scheduler.run_until(std::min(end, scheduler.now() + Duration::milliseconds(250)),
                                  10'000'000));
    }
    commit();
  }

  std::vector<std::int64_t> first(std::int64_t count) {
    std::vector<std::int64_t> all;
    for (std::int64_t i = 0; i < count; ++i) all.push_back(i);
    return all;
  }
  CompanionStatus status() { return companions->status().at(0); }

  SimScheduler scheduler;
  SimLoop loop{scheduler, 1};
  SimClock clock{scheduler, WallTime{1'700'000'000'000'000'000}, 1};
  SimChildren children{loop};
  ConfigFiles files;
  Log log{Log::Level::debug, [this] { return clock.now(); }, [](std::string_view) {}};
  Random random{7};
  Shapes shapes;
  Vault vault;
  std::vector<std::unique_ptr<Source>> sources;
  Readings* readings = nullptr;
  std::unique_ptr<Masker> masker;
  std::unique_ptr<Pipeline> pipeline;
  std::unique_ptr<Gatherer> gatherer;
  std::unique_ptr<Companions> companions;
  Group group;
  std::map<std::string, Buffer> committed;
  Instant committed_at;
  std::int64_t acknowledged = 0;
  bool held = false;
  std::vector<std::int64_t> landed, letters;
  std::vector<std::string> said;
};

TEST_CASE_FIXTURE(CompanionsFixture,
                  "what a process answers lands, in order, and nothing stays in the state") {
  install("/bin/score", [](const ChildOptions& options) {
    CHECK(options.memory_max == 64 << 20);
    return lines([](std::string_view line) { return echoed(line); });
  });
  readings->count = 2'000;
  make(execd());
  run(Duration::seconds(5));
  CHECK(landed == first(2'000));
  CHECK(committed.empty());
  CHECK((status().state == "running" && status().restarts == 0 && status().unanswered == 0));
  CHECK_FALSE(companions->hold());
}

TEST_CASE_FIXTURE(CompanionsFixture, "a process that ends with every third line loses no record") {
  install("/bin/score", [](const ChildOptions&) {
    return lines([n = 0](std::string_view line) mutable -> std::optional<std::string> {
      if (++n == 3) return std::nullopt;
      return echoed(line);
    });
  });
  readings->count = 200;
  make(execd());
  run(Duration::seconds(60));
  CHECK(landed == first(200));
  CHECK(committed.empty());
  CHECK(status().restarts >= 99);
}

TEST_CASE_FIXTURE(CompanionsFixture,
                  "in a crash loop sources are not polled, and what was taken waits") {
  bool mended = false;
  int starts = 0;
  install("/bin/score", [&](const ChildOptions&) {
    ++starts;
    return lines(
        [&](std::string_view line) { return mended ? std::optional(echoed(line)) : std::nullopt; });
  });
  readings->count = 500;
  make(execd());
  run(Duration::minutes(10));
  CHECK(landed.empty());
  CHECK(readings->next == 40);  // One poll, of which in_flight_max are taken.
  CHECK(companions->hold());
  CHECK((status().state == "restarting" && status().unanswered == 20));
  CHECK(status().text == "exit status 1: no memory; nothing more is taken until it answers");
  CHECK(committed.size() == 20);
  CHECK((starts > 20 && starts < 200));  // Back-off, up to 30 s.
  mended = true;
  run(Duration::minutes(1));
  CHECK(landed == first(500));
  CHECK((committed.empty() && !companions->hold() && status().text.empty()));
}

TEST_CASE_FIXTURE(CompanionsFixture,
                  "with refuse_after, a record that ends every process becomes a dead letter") {
  install("/bin/score", [](const ChildOptions&) {
    return lines([](std::string_view line) -> std::optional<std::string> {
      if (value_in(line) % 10 == 3) return std::nullopt;
      return echoed(line);
    });
  });
  Execd o = execd();
  o.refuse_after = 3;
  readings->count = 50;
  make(o);
  run(Duration::minutes(2));
  CHECK(letters == std::vector<std::int64_t>{3, 13, 23, 33, 43});
  CHECK(landed.size() == 45);
  CHECK(std::ranges::is_sorted(landed));
  REQUIRE(!said.empty());
  CHECK(said[0] == "the process ended 3 times with it: exit status 1: no memory");
}

TEST_CASE_FIXTURE(CompanionsFixture,
                  "another command asks another program what is unanswered, once") {
  install("/bin/score", [](const ChildOptions&) {
    return lines([](std::string_view line) -> std::optional<std::string> {
      return value_in(line) < 8 ? std::optional(echoed(line)) : std::string();
    });
  });
  install("/bin/better", [](const ChildOptions&) {
    return lines([](std::string_view line) { return echoed(line, ",\"better\":1"); });
  });
  readings->count = 100;
  make(execd());
  run(Duration::seconds(3));
  CHECK(landed == first(8));
  CHECK(!committed.empty());
  Execd o = execd();
  o.command = {"/bin/better", "--x"};
  make(o);
  run(Duration::seconds(3));
  CHECK(landed == first(100));
  CHECK(committed.empty());
}

TEST_CASE_FIXTURE(CompanionsFixture,
                  "a process that answers nothing, or nonsense, is ended and started again") {
  int starts = 0;
  install("/bin/score", [&](const ChildOptions&) {
    ++starts;
    const int its = starts;
    return lines([its](std::string_view line) -> std::optional<std::string> {
      if (its == 1) return std::string();
      if (its <= 4) return std::string("hello\n");
      return echoed(line);
    });
  });
  Execd o = execd();
  o.answer_within = Duration::seconds(2);
  readings->count = 10;
  make(o);
  run(Duration::milliseconds(1'900));
  CHECK(status().state == "running");
  run(Duration::milliseconds(200));
  CHECK(status().text == "it was ended, for it answered nothing for 2 s");
  run(Duration::milliseconds(150));
  CHECK(status().text == "it was ended, for its line is no answer: it is no JSON object");
  run(Duration::seconds(5));
  CHECK(starts == 5);
  CHECK(landed == first(10));
  CHECK(children.running() == 1);
}

TEST_CASE_FIXTURE(CompanionsFixture,
                  "a slow process is left alone as long as it answers something") {
  install("/bin/score", [](const ChildOptions&) {
    return [heard = std::string(), said = std::size_t{0}](SimStdio& its, Bytes input) mutable {
      heard += as_text(input);
      if (!input.empty() && said == 0) return its.again(Duration::seconds(1));
      const std::size_t end = heard.find('\n');
      if (end == std::string::npos) return;
      its.print(as_bytes(echoed(std::string_view(heard).substr(0, end))));
      heard.erase(0, end + 1);
      ++said;
      its.again(Duration::seconds(1));
    };
  });
  Execd o = execd();
  o.answer_within = Duration::milliseconds(1'500);
  o.in_flight_max = 5;
  readings->count = 10;
  make(o);
  run(Duration::seconds(15));
  CHECK(landed == first(10));
  CHECK(status().restarts == 0);
  CHECK_FALSE(held);  // More than it answers in a second waits, but it answers.
}

TEST_CASE_FIXTURE(CompanionsFixture,
                  "a program that is installed later, or edited, is started then") {
  readings->count = 10;
  make(execd());
  run(Duration::seconds(10));
  CHECK((landed.empty() && status().state == "restarting"));
  CHECK(status().text == "it cannot be started: the program does not exist");
  int starts = 0;
  install("/bin/score", [&](const ChildOptions&) {
    ++starts;
    return lines([](std::string_view line) { return echoed(line); });
  });
  run(Duration::minutes(1));
  CHECK((landed == first(10) && starts == 1));
  files.put("/bin/score", "longer than before");
  run(Duration::seconds(6));
  CHECK((starts == 2 && status().state == "running"));
}

TEST_CASE_FIXTURE(
    CompanionsFixture,
    "a process that dies with each turn of what it reads never lands a record twice") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    CAPTURE(seed);
    Random dice(seed);
    install("/bin/score", [&](const ChildOptions&) {
      return lines([&](std::string_view line) -> std::optional<std::string> {
        if (dice.one_in(4)) return std::nullopt;
        if (dice.one_in(10)) return std::string("{\"id\":0}\n");
        return echoed(line);
      });
    });
    landed.clear();
    acknowledged = 0;
    readings->count = 60;
    make(execd());
    for (int reload = 0; reload < 5; ++reload) {
      run(Duration::seconds(static_cast<std::int64_t>(dice.below(4))));
      make(execd());  // From what is committed: everything is, behind run().
    }
    run(Duration::minutes(5));
    REQUIRE(landed == first(60));
    REQUIRE(committed.empty());
  }
}

}  // namespace
}  // namespace pinaflux
