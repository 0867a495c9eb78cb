#include "agent/agent/gatherer.h"

#include <doctest/doctest.h>

#include "agent/vault/vault.h"

namespace pinaflux {
namespace {

// Brings parcels of `records` readings {v: n} with a text of `text_bytes`, as long as it has some.
class ScriptedSource : public Source {
 public:
  ScriptedSource(SourceIndex index, std::size_t parcels, std::size_t records,
                 std::size_t text_bytes)
      : index_(index), parcels_(parcels), records_(records), text_(text_bytes, 'x') {}

  void restore(std::vector<Cursor>) override {}
  Status start() override { return {}; }
  bool ready() const override { return parcels_ > 0; }
  bool stalled() const override { return false; }
  void committed(const Receipt&) override {}
  void hold(Hold) override {}
  SourceHealth health() const override { return {}; }

  void poll(Intake& intake) override {
    for (std::size_t n = 0; n < parcels_per_poll && parcels_ > 0; ++n) {
      intake.begin(index_, peer);
      if (!intake.room(records_ * (text_.size() + 64), records_) || !fill(intake)) {
        const bool never = intake.pristine();
        if (!never) return intake.abandon();
        intake.abandon();
        intake.begin(index_);
        intake.reject(Reason::too_large, records_ * text_.size(), 0, 0);
      }
      intake.end(++ticket_);
      --parcels_;
    }
  }

  std::size_t parcels_per_poll = 1'000'000;
  std::string peer;

 private:
  bool fill(Intake& intake) {
    static constexpr std::string_view kFields[] = {"v", "t"};
    const Shape* shape = intake.shapes().intern("s", kFields);
    for (std::size_t i = 0; i < records_; ++i) {
      auto cells = intake.arena().array<Value>(2);
      auto text = intake.arena().copy(text_);
      if (cells.empty() || text.data() == nullptr) return false;
      cells[0] = Value::int64(next_value_++);
      cells[1] = Value::text(text);
      intake.add({Row{shape, cells.data(), Stamp{1, 0}}});
    }
    return true;
  }

  SourceIndex index_;
  std::size_t parcels_, records_;
  std::string text_;
  Ticket ticket_ = 0;
  std::int64_t next_value_ = 0;
};

// Brings one parcel of refusals, with their bytes.
class Garbage : public ScriptedSource {
 public:
  Garbage(std::vector<Reason> reasons, std::size_t bytes, Ticket ticket = 1)
      : ScriptedSource(0, 1, 0, 0),
        reasons_(std::move(reasons)),
        text_(bytes, 'x'),
        ticket_(ticket) {}
  void poll(Intake& intake) override {
    intake.begin(from, peer);
    for (const Reason reason : std::exchange(reasons_, {})) {
      intake.reject(reason, text_.size(), 0, 0);
      intake.keep({.stream = "s", .bytes = as_bytes(text_)});
    }
    intake.end(ticket_);
  }
  bool ready() const override { return !reasons_.empty(); }

  SourceIndex from = 0;

 private:
  std::vector<Reason> reasons_;
  std::string text_;
  Ticket ticket_;
};

struct GathererFixture {
  Shapes shapes;
  Vault vault;
  std::vector<std::unique_ptr<Source>> sources;
  std::unique_ptr<Masker> masker;
  std::unique_ptr<Pipeline> pipeline;
  std::unique_ptr<Gatherer> gatherer;
  Group group;

  Gatherer& make(std::vector<NodeOptions> nodes = {}) {
    masker = std::move(*Masker::make({}, shapes, vault));
    PipelineOptions options;
    PipelineLane lane{"normal", {}};
    for (std::size_t i = 0; i < sources.size(); ++i) {
      options.sources.push_back("s" + std::to_string(i));
      lane.from.push_back(options.sources.back());
    }
    if (!nodes.empty()) lane.from = {nodes.back().name};
    options.nodes = std::move(nodes);
    options.lanes.push_back(lane);
    pipeline = std::move(*Pipeline::make(options, shapes));
    gatherer = std::make_unique<Gatherer>(sources, *masker, *pipeline, shapes);
    return *gatherer;
  }
};

TEST_CASE_FIXTURE(GathererFixture, "letters that stay as they are leave the group its room") {
  sources.push_back(std::make_unique<ScriptedSource>(0, 1, 1, 10));
  make();
  masker = std::move(
      *Masker::make({{MaskRule{.field = "v", .with = MaskRule::Operator::reject}}}, shapes, vault));
  gatherer = std::make_unique<Gatherer>(sources, *masker, *pipeline, shapes);
  const std::string text(20'000, 'x');
  const std::string_view names[] = {"text", "v"};
  const Value values[] = {Value::text(text), Value::int64(1)};
  const RawRecord raw{Row{shapes.intern("s0", names), values, {}}};
  for (LetterId letter = 1; letter <= 1'000; ++letter) {
    const auto entry =
        gatherer->enter({&raw, 1}, 0, letter, Masker::Origin::letter, group, Moment{});
    REQUIRE(entry.outcome == Replay::Outcome::stays);
  }
  CHECK(group.empty());
  CHECK_FALSE(group.full());
}

TEST_CASE_FIXTURE(GathererFixture, "what refuses a window's record is named with the window") {
  sources.push_back(std::make_unique<ScriptedSource>(0, 1, 1, 10));
  const TimeWindow window{.every = Duration::seconds(60), .of = {"v"}, .give = {"max", "count"}};
  make({{"w", {"s0"}, window},
        {"d", {"w"}, Rename{.fields = {{"count", "n"}}}},
        {"e", {"d"}, Derive{{{"x", "abs(-9223372036854775807 - n)"}}}}});
  CHECK(gatherer->gather(group, Moment{}) == Gatherer::Outcome::idle);
  CHECK(gatherer->gather(group, Moment{Instant{} + Duration::seconds(200), {}}) ==
        Gatherer::Outcome::idle);
  REQUIRE(group.kept.size() == 1);
  CHECK(group.kept[0].node == "e behind w");
}

TEST_CASE_FIXTURE(GathererFixture, "parcels reach their lane in order, with one receipt a source") {
  sources.push_back(std::make_unique<ScriptedSource>(0, 3, 5, 10));
  CHECK(make().gather(group, Moment{}) == Gatherer::Outcome::idle);
  REQUIRE(group.records[0].size() == 15);
  for (std::size_t i = 0; i < 15; ++i) {
    CHECK(group.records[0][i].cells()[0].as_int64() == static_cast<std::int64_t>(i));
  }
  REQUIRE(group.receipts.size() == 1);
  CHECK(group.receipts[0].ticket == 3);
  CHECK(group.receipts[0].records == 15);
}

TEST_CASE_FIXTURE(GathererFixture,
                  "windows come by silence, as many as a group takes, the rest in the next one") {
  constexpr std::size_t kKeys = 20'000;
  sources.push_back(std::make_unique<ScriptedSource>(0, 100, kKeys / 100, 10));
  const TimeWindow window{.every = Duration::seconds(60),
                          .give = {"count"},
                          .keys = {"v"},
                          .by_arrival = true,
                          .keys_max = kKeys};
  make({{"w", {"s0"}, window}});
  const auto at = [](std::int64_t second) {
    return Moment{{second * 1'000'000'000}, Stamp{second * 1'000'000'000, 0}};
  };
  while (gatherer->gather(group, at(0)) != Gatherer::Outcome::idle) group.reset();
  group.reset();
  CHECK(gatherer->gather(group, at(59)) == Gatherer::Outcome::idle);
  CHECK(group.empty());

  CHECK(gatherer->gather(group, at(60)) == Gatherer::Outcome::full);
  const std::size_t first = group.record_count();
  CHECK(first == limits::kGroupRecordsFull);
  group.reset();
  CHECK(gatherer->gather(group, at(60)) == Gatherer::Outcome::idle);
  CHECK(first + group.record_count() == kKeys);
}

TEST_CASE_FIXTURE(GathererFixture,
                  "what does not fit waits for the next group, and nothing is lost") {
  sources.push_back(std::make_unique<ScriptedSource>(0, 100, 10, 20'000));
  make();
  std::int64_t next = 0;
  Ticket ticket = 0;
  for (int groups = 0; groups < 1000 && ticket < 100; ++groups) {
    while (gatherer->gather(group, Moment{}) == Gatherer::Outcome::more) {
    }
    REQUIRE_FALSE(group.empty());
    for (const Record& r : group.records[0]) CHECK(r.cells()[0].as_int64() == next++);
    ticket = group.receipts.back().ticket;
    group.reset();
  }
  CHECK(ticket == 100);
  CHECK(next == 1000);
}

TEST_CASE_FIXTURE(GathererFixture,
                  "a parcel that fits no group is refused and counted, not kept waiting") {
  sources.push_back(std::make_unique<ScriptedSource>(0, 1, 300, 20'000));
  make();
  (void)gatherer->gather(group, Moment{});
  REQUIRE(group.receipts.size() == 1);
  CHECK(group.record_count() == 0);
  CHECK(gatherer->refused(Reason::too_large) == 1);
}

TEST_CASE_FIXTURE(GathererFixture, "more small records than a group holds wait: none is refused") {
  sources.push_back(std::make_unique<ScriptedSource>(0, 60, 1000, 1));
  sources.push_back(std::make_unique<ScriptedSource>(1, 60, 1000, 1));
  make();
  std::size_t records = 0;
  for (int groups = 0; groups < 100; ++groups) {
    while (gatherer->gather(group, Moment{}) == Gatherer::Outcome::more) {
    }
    records += group.record_count();
    CHECK(group.refusals.empty());
    group.reset();
  }
  CHECK(records == 120'000);
}

TEST_CASE_FIXTURE(GathererFixture, "a flooding source leaves the others their turn") {
  sources.push_back(std::make_unique<ScriptedSource>(0, 1'000'000, 50, 1000));
  auto quiet = std::make_unique<ScriptedSource>(1, 40, 1, 10);
  quiet->parcels_per_poll = 1;
  sources.push_back(std::move(quiet));
  make();
  std::size_t quiet_tickets = 0;
  for (int turn = 0; turn < 60; ++turn) {
    (void)gatherer->gather(group, Moment{});
    for (const auto& r : group.receipts) {
      if (r.source == 1) quiet_tickets = r.ticket;
    }
    group.reset();
  }
  // Where the flood comes first it may fill the intake: every second turn begins with the quiet one.
  CHECK(quiet_tickets >= 30);
}

TEST_CASE_FIXTURE(GathererFixture, "refusals beyond a bound are counted together") {
  sources.push_back(std::make_unique<ScriptedSource>(0, 1, 1, 10));
  PipelineOptions options;
  options.sources = {"s0"};
  options.lanes = {{"normal", {}}};
  make();
  pipeline = std::move(*Pipeline::make(options, shapes));  // No lane wants the source.
  sources[0] = std::make_unique<ScriptedSource>(0, 1, 1000, 10);
  gatherer = std::make_unique<Gatherer>(sources, *masker, *pipeline, shapes);
  (void)gatherer->gather(group, Moment{});
  CHECK(group.refusals.size() <= 256);
  std::uint64_t count = 0;
  for (const auto& r : group.refusals) count += r.count;
  CHECK(count == 1000);
  CHECK(gatherer->refused(Reason::no_lane) == 1000);
}

TEST_CASE_FIXTURE(GathererFixture, "a record that the pipeline refuses is kept as it was masked") {
  MaskOptions mask;
  mask.rules.push_back({.field = "t", .with = MaskRule::Operator::drop});
  PipelineOptions options;
  options.sources = {"s0"};
  options.lanes = {{"normal", {}}};
  sources.push_back(std::make_unique<ScriptedSource>(0, 1, 40, 10));
  make();
  masker = std::move(*Masker::make(mask, shapes, vault));
  pipeline = std::move(*Pipeline::make(options, shapes));
  gatherer = std::make_unique<Gatherer>(sources, *masker, *pipeline, shapes);

  (void)gatherer->gather(group, Moment{});

  CHECK(group.refusals.size() == 40);
  REQUIRE(group.kept.size() == Group::kKeptEach);
  CHECK(group.kept[3].refusal == 3);
  const Record& record = group.kept[3].record;
  REQUIRE(record.shape().field_count() == 1);
  CHECK(record.shape().fields()[0] == "v");
  CHECK(record.cells()[0].as_int64() == 3);
}

TEST_CASE_FIXTURE(GathererFixture, "a refusal says who sent it, and the rule that refused it") {
  auto readings = std::make_unique<ScriptedSource>(0, 3, 2, 10);
  readings->peer = "10.0.0.7:80";
  auto garbage = std::make_unique<Garbage>(std::vector{Reason::malformed}, 5);
  garbage->peer = "10.0.0.8:80";
  garbage->from = 1;
  sources.push_back(std::move(readings));
  sources.push_back(std::move(garbage));
  SchemaCheck schema;
  schema.fields.push_back({.name = "v", .type = FieldType::integer, .max = 3, .has_max = true});
  schema.fields.push_back({.name = "t", .type = FieldType::text});
  make({{"checked", {"s0"}, schema}});
  while (gatherer->gather(group, Moment{}) == Gatherer::Outcome::more) {
  }
  (void)gatherer->gather(group, Moment{});

  CHECK(group.record_count() == 4);
  REQUIRE(group.refusals.size() == 3);
  for (const Refusal& refusal : group.refusals) {
    const bool bytes = refusal.reason == Reason::malformed;
    CHECK(refusal.peer == (bytes ? "10.0.0.8:80" : "10.0.0.7:80"));
  }
  REQUIRE(group.kept.size() == 2);
  for (const KeptRecord& kept : group.kept) {
    CHECK_MESSAGE(kept.why.contains("field 'v' is above its max"), kept.why);
  }
}

TEST_CASE_FIXTURE(GathererFixture, "refused bytes go with their refusal, the first of each sort") {
  std::vector<Reason> reasons(20, Reason::malformed);
  reasons.insert(reasons.begin() + 3, Reason::bad_time);
  sources.push_back(std::make_unique<Garbage>(reasons, 100));

  (void)make().gather(group, Moment{});

  CHECK(group.refusals.size() == 21);
  REQUIRE(group.kept_bytes.size() == Group::kKeptEach + 1);
  for (const KeptBytes& kept : group.kept_bytes) {
    CHECK(group.bytes_of(kept.refusal) == &kept);
    CHECK(RefusedBytes::open(kept.packed)->bytes.size() == 100);
  }
  CHECK(group.refusals[3].reason == Reason::bad_time);
  CHECK(group.bytes_of(3) != nullptr);
  CHECK(group.bytes_of(20) == nullptr);
  CHECK(gatherer->refused(Reason::malformed) == 20);
}

TEST_CASE_FIXTURE(GathererFixture, "a group holds no more refused bytes than it may") {
  std::vector<Reason> reasons;
  for (int i = 0; i < 64; ++i) reasons.push_back(static_cast<Reason>(i % 4));
  sources.push_back(std::make_unique<Garbage>(reasons, limits::kRefusedBytesMax));
  make();
  for (int turn = 0; turn < 2; ++turn) {
    (void)gatherer->gather(group, Moment{});
    sources[0] = std::make_unique<Garbage>(reasons, limits::kRefusedBytesMax / 2, 2);
  }

  std::size_t bytes = 0;
  for (const KeptBytes& kept : group.kept_bytes) bytes += kept.packed.size();
  CHECK(bytes > limits::kGroupRefusedBytesMax / 2);
  CHECK(bytes <= limits::kGroupRefusedBytesMax);
  CHECK(group.refusals.size() == 128);
}

TEST_CASE_FIXTURE(GathererFixture, "what is refused before it was masked whole keeps no record") {
  MaskOptions mask;
  mask.rules.push_back({.field = "t", .with = MaskRule::Operator::reject});
  sources.push_back(std::make_unique<ScriptedSource>(0, 1, 5, 10));
  make();
  masker = std::move(*Masker::make(mask, shapes, vault));
  gatherer = std::make_unique<Gatherer>(sources, *masker, *pipeline, shapes);

  (void)gatherer->gather(group, Moment{});

  CHECK(group.refusals.size() == 5);
  CHECK(group.refusals[0].reason == Reason::unknown_field);
  CHECK(group.kept.empty());
}

}  // namespace
}  // namespace pinaflux
